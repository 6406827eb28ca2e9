/* test_device_product.c - matrix products of a GPU, as linear layers ask for them: sizes that are
 * no multiples of tiles, gaps between rows, ragged and empty lanes.
 *
 * Three kinds: own kernels in fp32, which give the bits of the CPU; cuBLASLt; TF32.  Each against
 * sums in double, and a row or a lane alone has the bits it has among others; so have rows of the
 * reference model's layers by cuBLASLt.  Runs on the module that CRM_CUDA_PLUGIN names.
 *
 * timeout: 240 */
#include "devices_testing.h"
#include "rows_testing.h"

/* y[m][o] = act(x[m][i] w[o][i]^T + b) and its gradients; rows are gap wider than they have
 * columns.
 */
typedef struct layer {
    int64_t m, o, i, gap;
    crm_act act;
} layer;

/* Round the sizes of tiles (32, 64, 128; 8 columns), of steps (16) and of chains (256); the last
 * ones are large enough for each of the larger tiles, with and without aligned rows. */
static const layer layers[] = {
    {1, 1, 1, 0, CRM_ACT_NONE},       {3, 5, 7, 2, CRM_ACT_RELU},
    {300, 7, 33, 1, CRM_ACT_TANH},    {33, 40, 300, 0, CRM_ACT_GELU},
    {129, 65, 257, 3, CRM_ACT_RELU},  {64, 64, 64, 0, CRM_ACT_SIGMOID},
    {17, 130, 16, 4, CRM_ACT_SILU},   {257, 16, 20, 0, CRM_ACT_NONE},
    {5, 33, 513, 1, CRM_ACT_NONE},    {700, 64, 48, 0, CRM_ACT_RELU},
    {4200, 100, 18, 1, CRM_ACT_RELU}, {4200, 20, 100, 0, CRM_ACT_NONE},
    {16500, 40, 17, 0, CRM_ACT_RELU}, {16500, 20, 36, 0, CRM_ACT_NONE},
    {5600, 300, 18, 1, CRM_ACT_NONE}, {5600, 20, 260, 0, CRM_ACT_RELU},
};
enum { LAYERS = sizeof layers / sizeof *layers, LANES = 5 };

static const char *const ways[] = {"own", "blaslt"};
enum { OWN, BLASLT, WAYS };

/* The way is there: it multiplies 1 by 1.  A library that is missing is a reason to skip. */
static bool multiplies(crm_device *d)
{
    const float one = 1;
    float zero = 0;
    held_arrays h = {.d = d};
    crm_tensor x = on_device(&h, strided((float *)(uintptr_t)&one, 1, 1, 1)),
               y = on_device(&h, strided(&zero, 1, 1, 1));
    crm_status st = crm_op_linear(d, &x, &x, NULL, CRM_ACT_NONE, &y);

    let_go(&h);
    if (st == CRM_ERR_DEVICE && strstr(crm_err_text(), "CRM_CUDA_GEMM=blaslt: ")) {
        T_SKIP("%s", crm_err_text());
        crm_err_clear();
        return false;
    }
    T_OK(st);
    return st == CRM_OK;
}

/* NULL with the case skipped: no module is named, or it has no such way. */
static crm_device *open_gpu(int math, int way)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .math = math,
                          .transport = CRM_TRANSPORT_MPI,
                          .bucket = 1 << 20,
                          .timeout = 60};
    crm_device *d = NULL;

    if (!getenv("CRM_CUDA_PLUGIN")) {
        T_SKIP("CRM_CUDA_PLUGIN names no module");
        return NULL;
    }
    setenv("CRM_CUDA_GEMM", ways[way], 1);
    T_OK(crm_device_open(&cfg, 0, 1, &d));
    if (d && !multiplies(d)) crm_device_free(&d);
    return d;
}

/* ---- one layer ---- */

typedef struct arrays {
    int64_t ldx, ldy, ldw, stride, first[LANES + 1];
    float *x, *w, *b, *dy;   /* given  */
    float *y, *dx, *dw, *db; /* wanted; dw, db: stride floats a lane */
} arrays;

static arrays arrays_new(const layer *t)
{
    arrays a = {.ldx = t->i + t->gap,
                .ldy = t->o + t->gap,
                .ldw = t->i + t->gap,
                .first = {0, 0, t->m / 3, t->m / 3, t->m - t->m / 4, t->m}};

    a.stride = t->o * a.ldw + t->o + 3;
    a.x = random_floats(t->m * a.ldx, 1);
    a.w = random_floats(t->o * a.ldw, 2);
    a.b = random_floats(t->o, 3);
    a.dy = random_floats(t->m * a.ldy, 4);
    a.y = nan_floats(t->m * a.ldy);
    a.dx = nan_floats(t->m * a.ldx);
    a.dw = nan_floats(LANES * a.stride);
    a.db = a.dw + t->o * a.ldw;
    return a;
}

static void arrays_free(arrays *a)
{
    float *all[] = {a->x, a->w, a->b, a->dy, a->y, a->dx, a->dw};

    for (int i = 0; i < 7; i++)
        crm_mem_free(all[i]);
}

/* Rows [row, row + m) forward and back to x; those of lanes [lane, lane + n) to w. */
static void run_rows(crm_device *d, const layer *t, const arrays *a, int64_t row, int64_t m)
{
    held_arrays h = {.d = d};
    crm_tensor x = on_device(&h, strided(a->x, t->m, t->i, a->ldx)),
               dx = on_device(&h, strided(a->dx, t->m, t->i, a->ldx)),
               w = on_device(&h, strided(a->w, t->o, t->i, a->ldw)),
               b = on_device(&h, crm_tensor_1d(a->b, CRM_F32, t->o)),
               y = on_device(&h, strided(a->y, t->m, t->o, a->ldy)),
               dy = on_device(&h, strided(a->dy, t->m, t->o, a->ldy));
    crm_tensor *by_row[] = {&x, &dx, &y, &dy};

    for (int i = 0; i < 4; i++) {
        by_row[i]->data = (float *)by_row[i]->data + row * by_row[i]->ld;
        by_row[i]->dim[0] = m;
    }
    T_OK(crm_op_linear(d, &x, &w, &b, t->act, &y));
    T_OK(crm_op_linear_bwd_x(d, &dy, &w, &dx));
    bring_back(&h);
    let_go(&h);
}

static void run_lanes(crm_device *d, const layer *t, const arrays *a, int lane, int n)
{
    held_arrays h = {.d = d};
    crm_tensor x = on_device(&h, strided(a->x, t->m, t->i, a->ldx)),
               dy = on_device(&h, strided(a->dy, t->m, t->o, a->ldy)), dw = x, db = x;
    int64_t from = a->first[lane], first[LANES + 1];
    crm_lanes lanes = {.n = n, .stride = a->stride, .first = first};
    float *at = array_on_device(&h, a->dw, LANES * a->stride, sizeof *at);

    for (int l = 0; l <= n; l++)
        first[l] = a->first[lane + l] - from;
    x.data = (float *)x.data + from * x.ld;
    dy.data = (float *)dy.data + from * dy.ld;
    x.dim[0] = dy.dim[0] = first[n];
    dw = strided(at + lane * a->stride, t->o, t->i, a->ldw);
    db = crm_tensor_1d((float *)dw.data + t->o * a->ldw, CRM_F32, t->o);
    T_OK(crm_op_linear_bwd_w(d, &x, &dy, &lanes, &dw, &db));
    bring_back(&h);
    let_go(&h);
}

static void run_all(crm_device *d, const layer *t, const arrays *a)
{
    run_rows(d, t, a, 0, t->m);
    run_lanes(d, t, a, 0, LANES);
}

/* ---- values ---- */

/* The factor that a product takes: as it is, or rounded to 10 bits, ties away from zero. */
static double factor(bool tf32, float x)
{
    uint32_t u;

    if (!tf32) return (double)x;
    memcpy(&u, &x, sizeof u);
    u = (u + 0x1000u) & 0xFFFFE000u;
    memcpy(&x, &u, sizeof x);
    return (double)x;
}

static double act(crm_act f, double x)
{
    switch (f) {
    case CRM_ACT_RELU:
        return fmax(x, 0);
    case CRM_ACT_TANH:
        return tanh(x);
    case CRM_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CRM_ACT_SILU:
        return x / (1 + exp(-x));
    case CRM_ACT_GELU:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    default:
        return x;
    }
}

/* Errors over their tolerances, the largest; NaN counts. */
typedef struct worst {
    double of_values;
} worst;

static void compare(worst *w, float got, double want, double tol)
{
    double e = fabs((double)got - want) / fmax(1, fabs(want)) / tol;

    if (!(e <= w->of_values)) w->of_values = e;
}

/* The kind of arithmetic that is expected, and what it may be off by. */
typedef struct kind {
    bool tf32; /* factors are rounded, where a side is not smaller than `least` */
    int64_t least;
    double tol;
    int64_t most; /* products m o i of a layer: larger ones reach no other code */
} kind;
enum {
    ALL = 1 << 30,
    LARGE_TILES_TF32 = 12000000,
    ONE_OF_MIDDLE_TILES = 8000000,
    NO_TILES = 3000000
};

static bool rounds(const kind *k, int64_t a, int64_t b)
{
    return k->tf32 && a >= k->least && b >= k->least;
}

static worst rows_off(const layer *t, const arrays *a, const kind *k)
{
    bool y32 = rounds(k, t->o, t->i);
    worst w = {0};

    for (int64_t r = 0; r < t->m; r++) {
        for (int64_t o = 0; o < t->o; o++) {
            double s = (double)a->b[o];

            for (int64_t i = 0; i < t->i; i++)
                s += factor(y32, a->x[r * a->ldx + i]) * factor(y32, a->w[o * a->ldw + i]);
            compare(&w, a->y[r * a->ldy + o], act(t->act, s), k->tol);
        }
        for (int64_t i = 0; i < t->i; i++) {
            double s = 0;

            for (int64_t o = 0; o < t->o; o++)
                s += factor(y32, a->dy[r * a->ldy + o]) * factor(y32, a->w[o * a->ldw + i]);
            compare(&w, a->dx[r * a->ldx + i], s, k->tol);
        }
    }
    return w;
}

/* Sums over many rows may be off by more. */
static worst lanes_off(const layer *t, const arrays *a, const kind *k)
{
    bool w32 = rounds(k, t->o, t->i);
    worst w = {0};

    for (int l = 0; l < LANES; l++)
        for (int64_t o = 0; o < t->o; o++) {
            double db = 0;

            for (int64_t i = 0; i < t->i; i++) {
                double s = 0;

                for (int64_t r = a->first[l]; r < a->first[l + 1]; r++)
                    s += factor(w32, a->dy[r * a->ldy + o]) * factor(w32, a->x[r * a->ldx + i]);
                compare(&w, a->dw[l * a->stride + o * a->ldw + i], s, 4 * k->tol);
            }
            for (int64_t r = a->first[l]; r < a->first[l + 1]; r++)
                db += (double)a->dy[r * a->ldy + o];
            compare(&w, a->db[l * a->stride + o], db, 4 * k->tol);
        }
    return w;
}

/* Columns beyond the last keep the NaN they had; so do floats between lanes. */
static int64_t gaps_written(const layer *t, const arrays *a)
{
    int64_t n = 0;

    for (int64_t r = 0; r < t->m; r++)
        for (int64_t j = 0; j < t->gap; j++)
            n += !isnan(a->y[r * a->ldy + t->o + j]) + !isnan(a->dx[r * a->ldx + t->i + j]);
    for (int l = 0; l < LANES; l++) {
        for (int64_t o = 0; o < t->o; o++)
            for (int64_t j = 0; j < t->gap; j++)
                n += !isnan(a->dw[l * a->stride + o * a->ldw + t->i + j]);
        for (int j = 1; j <= 3; j++)
            n += !isnan(a->dw[(l + 1) * a->stride - j]);
    }
    return n;
}

static void check_values(const layer *t, const arrays *a, const kind *k)
{
    worst rows = rows_off(t, a, k), lanes = lanes_off(t, a, k);

    T_CHECK(rows.of_values <= 1 && lanes.of_values <= 1);
    if (!(rows.of_values <= 1 && lanes.of_values <= 1))
        fprintf(stderr, "# layer %d: rows off by %g tolerances, lanes by %g\n", (int)(t - layers),
                rows.of_values, lanes.of_values);
    T_EQ_I(gaps_written(t, a), 0);
}

/* ---- bits ---- */

static int64_t results_differ(const layer *t, const arrays *a, const arrays *b)
{
    return other_bits(a->y, b->y, t->m * a->ldy) + other_bits(a->dx, b->dx, t->m * a->ldx) +
           other_bits(a->dw, b->dw, LANES * a->stride);
}

/* Each lane alone, and the rows in parts: the first, some in the middle, the rest. */
static void check_parts(crm_device *d, const layer *t, const arrays *whole)
{
    arrays parts = arrays_new(t);
    const int64_t cut[] = {0, 1, t->m / 2, t->m / 2 + t->m / 8, t->m};

    for (int i = 0; i < 4; i++)
        if (cut[i] < cut[i + 1]) run_rows(d, t, &parts, cut[i], cut[i + 1] - cut[i]);
    if (t->m == 1) run_rows(d, t, &parts, 0, 1);
    for (int l = 0; l < LANES; l++)
        run_lanes(d, t, &parts, l, 1);
    T_EQ_I(results_differ(t, whole, &parts), 0);
    arrays_free(&parts);
}

static void bits_of_the_cpu(void)
{
    crm_device *d = open_gpu(CRM_GPU_FP32, OWN), *cpu = NULL;

    if (!d) return;
    T_OK(crm_device_cpu(CRM_CPU_BEST, &cpu));
    for (int n = 0; n < LAYERS; n++) {
        if (small_cases() && layers[n].m > 64) continue;
        arrays a = arrays_new(&layers[n]), b = arrays_new(&layers[n]);

        run_all(d, &layers[n], &a);
        run_all(cpu, &layers[n], &b);
        T_EQ_I(results_differ(&layers[n], &a, &b), 0);
        arrays_free(&a);
        arrays_free(&b);
    }
    crm_device_free(&cpu);
    crm_device_free(&d);
}

/* ---- cases ---- */

static void check_kind(int math, int way, const kind *k)
{
    crm_device *d = open_gpu(math, way);

    for (int n = 0; d && n < LAYERS; n++) {
        const layer *t = &layers[n];
        arrays a;

        if ((small_cases() && t->m > 64) || t->m * t->o * t->i > k->most) continue;
        a = arrays_new(t);
        run_all(d, t, &a);
        check_values(t, &a, k);
        check_parts(d, t, &a);
        arrays_free(&a);
    }
    crm_device_free(&d);
}

/* Tolerances of docs/numerics.md. */
static void own_fp32(void)
{
    check_kind(CRM_GPU_FP32, OWN, &(kind){false, 0, 3e-5, ALL});
}

static void library_fp32(void)
{
    check_kind(CRM_GPU_FP32, BLASLT, &(kind){false, 0, 3e-5, ONE_OF_MIDDLE_TILES});
}

/* Against rounded factors the own kernels are as near as in fp32; small products are not rounded.
 */
static void own_tf32(void)
{
    check_kind(CRM_GPU_TF32, OWN, &(kind){true, 16, 3e-5, LARGE_TILES_TF32});
}

/* How a library rounds is its own affair: 2^-10 of a factor, some 500 random terms. */
static void library_tf32(void)
{
    check_kind(CRM_GPU_TF32, BLASLT, &(kind){false, 0, 2e-2, ONE_OF_MIDDLE_TILES});
}

/* The products of TF32. */
static void own_bf16(void)
{
    check_kind(CRM_GPU_BF16, OWN, &(kind){true, 16, 3e-5, NO_TILES});
}

/* The last m rows alone have the bits they have among the `all` of the layer. */
static void check_last_rows(crm_device *d, const layer *t, const arrays *all, int64_t m)
{
    arrays part = arrays_new(t);
    int64_t row = t->m - m;

    run_rows(d, t, &part, row, m);
    T_EQ_I(other_bits(part.y + row * part.ldy, all->y + row * part.ldy, m * part.ldy) +
               other_bits(part.dx + row * part.ldx, all->dx + row * part.ldx, m * part.ldx),
           0);
    arrays_free(&part);
}

/* Layers of the reference model, outputs and inputs, by cuBLASLt.  The largest number of rows is
 * beyond one that a library has few blocks for, and bounded by products. */
static void check_reference_rows(int math)
{
    static const int64_t sizes[][2] = {{64, 48}, {64, 192},  {192, 22},  {192, 64},
                                       {32, 24}, {128, 352}, {256, 128}, {768, 64}};
    static const int64_t few[] = {1, 7, 33, 1000};
    const int64_t products = 50000000, least = 2000;
    crm_device *d = open_gpu(math, BLASLT);

    for (int i = 0; d && i < 8; i++) {
        int64_t most = products / (sizes[i][0] * sizes[i][1]);
        layer t = {most > least ? most : least, sizes[i][0], sizes[i][1], 0, CRM_ACT_NONE};
        arrays all = arrays_new(&t);

        run_rows(d, &t, &all, 0, t.m);
        for (int j = 0; j < 4; j++)
            check_last_rows(d, &t, &all, few[j]);
        arrays_free(&all);
    }
    crm_device_free(&d);
}

static void reference_rows(void)
{
    check_reference_rows(CRM_GPU_FP32);
}

static void reference_rows_tf32(void)
{
    check_reference_rows(CRM_GPU_TF32);
}

/* A NaN of the input is seen behind every activation. */
static void check_nan(int way)
{
    crm_device *d = open_gpu(CRM_GPU_FP32, way);

    for (int f = 0; d && f < CRM_ACT_COUNT; f++) {
        layer t = {40, 20, 300, 0, (crm_act)f};
        arrays a = arrays_new(&t);
        int64_t wrong = 0;

        a.x[7 * a.ldx + 11] = NAN;
        run_rows(d, &t, &a, 0, t.m);
        for (int64_t i = 0; i < t.m * t.o; i++)
            wrong += isnan(a.y[i]) != (i / t.o == 7);
        T_EQ_I(wrong, 0);
        arrays_free(&a);
    }
    crm_device_free(&d);
}

static void nan_passes(void)
{
    check_nan(OWN);
}

static void nan_passes_library(void)
{
    check_nan(BLASLT);
}

/* A word that is none, from the first product on. */
static void unknown_way(void)
{
    crm_device *d = open_gpu(CRM_GPU_FP32, OWN), *other = NULL;
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA, .transport = CRM_TRANSPORT_MPI, .timeout = 60};
    float one = 1, zero = 0;
    held_arrays h;
    crm_tensor x, y;

    if (!d) return;
    crm_device_free(&d);
    setenv("CRM_CUDA_GEMM", "fast", 1);
    T_OK(crm_device_open(&cfg, 0, 1, &other));
    h = (held_arrays){.d = other};
    x = on_device(&h, strided(&one, 1, 1, 1));
    y = on_device(&h, strided(&zero, 1, 1, 1));
    T_FAILS(crm_op_linear(other, &x, &x, NULL, CRM_ACT_NONE, &y), CRM_ERR_CONFIG,
            "CRM_CUDA_GEMM=fast");
    let_go(&h);
    crm_device_free(&other);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"bits of the CPU", bits_of_the_cpu},
        {"own kernels, fp32", own_fp32},
        {"cuBLASLt, fp32", library_fp32},
        {"own kernels, TF32", own_tf32},
        {"cuBLASLt, TF32", library_tf32},
        {"own kernels, bf16", own_bf16},
        {"NaN passes", nan_passes},
        {"NaN passes, cuBLASLt", nan_passes_library},
        {"rows of the reference model", reference_rows},
        {"rows of the reference model, TF32", reference_rows_tf32},
        {"unknown way", unknown_way},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
