/* test_device_pool.c - pooling and attention over segments of rows: against the definition in
 * double, gradients against differences; row lists, empty segments, rows of no segment, ties, NaN;
 * on the CPU and, where CRM_CUDA_PLUGIN names the module, on its device.
 *
 * timeout: 300 */
#include "devices_testing.h"
#include "rows_testing.h"

enum { N = 7, LIST = 926, ROWS = 940 };
/* Lengths 0, 1, 5, 300, 0, 12, 600 begin at place 8; chains of rows are cut at 256. */
static const int64_t FIRST[N + 1] = {8, 8, 9, 14, 314, 314, 326, 926};
static const int64_t WIDTHS[] = {1, 5, 16, 64, 100, 209};
enum { TRIALS = 2 * (int)(sizeof WIDTHS / sizeof *WIDTHS) };

/* One trial: segments with a list of scattered rows, or without; 14 or 22 rows of no segment. */
typedef struct trial {
    crm_segments s;
    int32_t list[LIST];
    int64_t d, gap;
    float *x, *y, *dy, *dx, *score, *weight, *dscore;
    int32_t *arg;
    crm_tensor tx, ty, tdy, tdx, ts, tw, tds, ta;
} trial;

/* n of 0 .. m - 1 in random order. */
static void shuffle(int32_t *out, int n, int m)
{
    int32_t all[ROWS];
    crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 1, 0);

    for (int i = 0; i < m; i++)
        all[i] = i;
    for (int i = 0; i < n; i++) {
        int j = i + (int)crm_rng_below(&r, (uint32_t)(m - i));

        out[i] = all[j];
        all[j] = all[i];
    }
}

static void trial_new(int k, trial *t)
{
    int64_t d = WIDTHS[k / 2], gap = k % 3, ld = d + gap;

    *t = (trial){.d = d, .gap = gap};
    shuffle(t->list, LIST, ROWS);
    t->s = (crm_segments){N, FIRST, k % 2 ? t->list : NULL};
    t->x = random_floats(ROWS * ld, 1);
    t->score = random_floats(ROWS * (1 + gap), 2);
    t->dy = random_floats(N * ld, 3);
    t->y = nan_floats(N * ld);
    t->dx = nan_floats(ROWS * ld);
    t->weight = nan_floats(ROWS * (1 + gap));
    t->dscore = nan_floats(ROWS * (1 + gap));
    t->arg = crm_mem_new((size_t)(N * ld), sizeof *t->arg);
    if (!t->arg) abort();
    t->tx = strided(t->x, ROWS, d, ld);
    t->tdx = strided(t->dx, ROWS, d, ld);
    t->ty = strided(t->y, N, d, ld);
    t->tdy = strided(t->dy, N, d, ld);
    t->ts = strided(t->score, ROWS, 1, 1 + gap);
    t->tw = strided(t->weight, ROWS, 1, 1 + gap);
    t->tds = strided(t->dscore, ROWS, 1, 1 + gap);
    t->ta = (crm_tensor){.data = t->arg, .dtype = CRM_I32, .rank = 2, .dim = {N, d}, .ld = ld};
}

static void trial_free(trial *t)
{
    float *all[] = {t->x, t->y, t->dy, t->dx, t->score, t->weight, t->dscore};

    for (int i = 0; i < 7; i++)
        crm_mem_free(all[i]);
    crm_mem_free(t->arg);
}

static crm_segments segments_on_device(held_arrays *m, crm_segments s)
{
    int64_t places = s.n > 0 ? s.first[s.n] : 0;

    s.row = array_on_device(m, s.row, places, sizeof *s.row);
    s.first = array_on_device(m, s.first, s.n + 1, sizeof *s.first);
    return s;
}

/* The trial as operations on the device of m see it. */
static trial seen_by(held_arrays *m, const trial *t)
{
    trial v = *t;

    v.s = segments_on_device(m, t->s);
    v.tx = on_device(m, t->tx);
    v.ty = on_device(m, t->ty);
    v.tdy = on_device(m, t->tdy);
    v.tdx = on_device(m, t->tdx);
    v.ts = on_device(m, t->ts);
    v.tw = on_device(m, t->tw);
    v.tds = on_device(m, t->tds);
    v.ta = on_device(m, t->ta);
    return v;
}

static int64_t row_of(const trial *t, int64_t place)
{
    return t->s.row ? t->s.row[place] : place;
}

static float at(const crm_tensor *t, int64_t i, int64_t j)
{
    return ((const float *)t->data)[i * t->ld + j];
}

/* Segment of a row, -1 for none. */
static int segment_of(const trial *t, int64_t r)
{
    for (int i = 0; i < N; i++)
        for (int64_t p = FIRST[i]; p < FIRST[i + 1]; p++)
            if (row_of(t, p) == r) return i;
    return -1;
}

/* ---- maximum, mean, last ---- */

static void check_pooled(const trial *t, crm_pool_kind kind, int64_t i, int64_t j)
{
    double most = 0, sum = 0, last = 0;
    int64_t arg = -1, n = FIRST[i + 1] - FIRST[i];

    for (int64_t p = FIRST[i]; p < FIRST[i + 1]; p++) {
        last = (double)at(&t->tx, row_of(t, p), j);
        sum += last;
        if (arg < 0 || last > most) {
            most = last;
            arg = row_of(t, p);
        }
    }
    if (kind == CRM_POOL_MAX) {
        T_CHECK((double)at(&t->ty, i, j) == most);
        T_EQ_I(t->arg[i * t->ta.ld + j], arg);
    } else if (kind == CRM_POOL_MEAN)
        T_NEAR((double)at(&t->ty, i, j), n ? sum / (double)n : 0, 1e-6);
    else
        T_CHECK((double)at(&t->ty, i, j) == last);
}

/* Derivative of dy y by x: 1 for the maximum and the last row, 1 / n for the mean. */
static double slope(const trial *t, crm_pool_kind kind, int64_t i, int64_t r, int64_t j)
{
    if (kind == CRM_POOL_MAX) return t->arg[i * t->ta.ld + j] == r;
    if (kind == CRM_POOL_LAST) return row_of(t, FIRST[i + 1] - 1) == r;
    return 1 / (double)(FIRST[i + 1] - FIRST[i]);
}

static void check_pool_kind(crm_device *d, crm_hash *bits, trial *t, crm_pool_kind kind)
{
    held_arrays m = {.d = d};
    trial v = seen_by(&m, t);
    crm_tensor *arg = kind == CRM_POOL_MAX ? &v.ta : NULL;
    int strays = 0;

    T_OK(crm_op_pool(d, kind, &v.s, &v.tx, &v.ty, arg));
    T_OK(crm_op_pool_bwd(d, kind, &v.s, &v.tdy, arg, &v.tdx));
    bring_back(&m);
    let_go(&m);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < t->d; j++)
            check_pooled(t, kind, i, j);
    for (int64_t r = 0; r < ROWS; r++) {
        int i = segment_of(t, r);

        strays += i < 0;
        for (int64_t j = 0; j < t->d; j++)
            T_NEAR((double)at(&t->tdx, r, j),
                   i < 0 ? 0 : (double)at(&t->tdy, i, j) * slope(t, kind, i, r, j), 1e-7);
    }
    T_EQ_I(strays, ROWS - LIST + 8);
    add_bits(bits, t->y, N * t->ty.ld);
    add_bits(bits, t->dx, ROWS * t->tdx.ld);
}

static void check_pool(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < TRIALS; k += small_cases() ? 3 : 1) {
        trial t;

        trial_new(k, &t);
        for (int kind = 0; kind < CRM_POOL_KIND_COUNT; kind++)
            check_pool_kind(d, bits, &t, (crm_pool_kind)kind);
        trial_free(&t);
    }
}

static void pooling_by_definition(void)
{
    on_all_devices(check_pool);
}

/* The first of equals wins; NaN comes through, the first of them; -0 equals 0. */
static void check_ties(crm_device *d, crm_hash *bits)
{
    float x[5][3] = {{1, NAN, -0.0f}, {2, 1, 0}, {2, NAN, -1}, {-INFINITY, -INFINITY, 0}, {0}};
    float y[2][3], dx[5][3], dy[2][3] = {{1, 2, 3}, {4, 5, 6}};
    int32_t arg[2][3];
    const int64_t first[] = {0, 3, 4};
    held_arrays m = {.d = d};
    crm_segments s = segments_on_device(&m, (crm_segments){2, first, NULL});
    crm_tensor tx = on_device(&m, strided(x[0], 5, 3, 3)),
               ty = on_device(&m, strided(y[0], 2, 3, 3)),
               tdx = on_device(&m, strided(dx[0], 5, 3, 3)),
               tdy = on_device(&m, strided(dy[0], 2, 3, 3)),
               ta = {.data = arg, .dtype = CRM_I32, .rank = 2, .dim = {2, 3}, .ld = 3};

    ta = on_device(&m, ta);
    T_OK(crm_op_pool(d, CRM_POOL_MAX, &s, &tx, &ty, &ta));
    T_OK(crm_op_pool_bwd(d, CRM_POOL_MAX, &s, &tdy, &ta, &tdx));
    bring_back(&m);
    let_go(&m);
    T_CHECK(y[0][0] == 2 && isnan(y[0][1]) && y[0][2] == 0);
    T_CHECK(arg[0][0] == 1 && arg[0][1] == 0 && arg[0][2] == 0);
    T_CHECK(y[1][0] == -INFINITY && y[1][1] == -INFINITY && y[1][2] == 0 && arg[1][0] == 3);
    T_CHECK(dx[1][0] == 1 && dx[0][1] == 2 && dx[0][2] == 3 && dx[2][0] == 0 && dx[4][2] == 0);
    crm_hash_add(bits, arg, sizeof arg);
}

static void ties_and_nan(void)
{
    on_all_devices(check_ties);
}

/* Sums are chains of 256 rows in order, then one division. */
static void check_mean_order(crm_device *d, crm_hash *bits)
{
    held_arrays m = {.d = d};
    trial t, v;

    trial_new(2 * 3 + 1, &t);
    v = seen_by(&m, &t);
    T_OK(crm_op_pool(d, CRM_POOL_MEAN, &v.s, &v.tx, &v.ty, NULL));
    bring_back(&m);
    let_go(&m);
    for (int64_t j = 0; j < t.d; j++) {
        float sum = 0;

        for (int64_t p = 0; p < 600; p += CRM_CHAIN) {
            float chain = 0;

            for (int64_t q = p; q < 600 && q < p + CRM_CHAIN; q++)
                chain += at(&t.tx, row_of(&t, FIRST[N - 1] + q), j);
            sum = p ? sum + chain : chain;
        }
        T_CHECK(at(&t.ty, N - 1, j) == sum / 600.0f);
    }
    add_bits(bits, t.y, N * t.ty.ld);
    trial_free(&t);
}

static void order_of_a_mean(void)
{
    on_all_devices(check_mean_order);
}

/* ---- attention ---- */

/* Softmax weight of place p of segment i where the score of place `changed` is larger by h. */
static double weight_ref(const trial *t, int64_t i, int64_t p, int64_t changed, double h)
{
    double sum = 0, mine = 0;

    for (int64_t q = FIRST[i]; q < FIRST[i + 1]; q++) {
        double e = exp((double)at(&t->ts, row_of(t, q), 0) + (q == changed ? h : 0));

        sum += e;
        if (q == p) mine = e;
    }
    return mine / sum;
}

/* dy y of segment i with one score changed. */
static double objective(const trial *t, int64_t i, int64_t changed, double h)
{
    double s = 0, e, sum = 0;

    for (int64_t p = FIRST[i]; p < FIRST[i + 1]; p++) {
        double g = 0;

        e = exp((double)at(&t->ts, row_of(t, p), 0) + (p == changed ? h : 0));
        for (int64_t j = 0; j < t->d; j++)
            g += (double)at(&t->tdy, i, j) * (double)at(&t->tx, row_of(t, p), j);
        s += e * g;
        sum += e;
    }
    return s / sum;
}

static void check_attended(const trial *t, int64_t i)
{
    for (int64_t j = 0; j < t->d; j++) {
        double y = 0;

        for (int64_t p = FIRST[i]; p < FIRST[i + 1]; p++)
            y += (double)at(&t->tw, row_of(t, p), 0) * (double)at(&t->tx, row_of(t, p), j);
        T_NEAR((double)at(&t->ty, i, j), y, 1e-6);
    }
    for (int64_t p = FIRST[i]; p < FIRST[i + 1]; p += 1 + (FIRST[i + 1] - FIRST[i]) / 10) {
        int64_t r = row_of(t, p);
        double a = weight_ref(t, i, p, -1, 0), h = 1e-4;

        T_NEAR((double)at(&t->tw, r, 0) / a, 1, 1e-6);
        T_NEAR((double)at(&t->tds, r, 0) / a,
               (objective(t, i, p, h) - objective(t, i, p, -h)) / (2 * h * a), 3e-6);
        for (int64_t j = 0; j < t->d; j++)
            T_NEAR((double)at(&t->tdx, r, j) / a, (double)at(&t->tdy, i, j), 1e-6);
    }
}

static void check_attend(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < TRIALS; k += small_cases() ? 3 : 1) {
        held_arrays m = {.d = d};
        trial t, v;

        trial_new(k, &t);
        for (int64_t r = 0; r < ROWS; r++)
            t.score[r * t.ts.ld] *= 5;
        v = seen_by(&m, &t);
        T_OK(crm_op_attend(d, &v.s, &v.ts, &v.tx, &v.tw, &v.ty));
        T_OK(crm_op_attend_bwd(d, &v.s, &v.tw, &v.tx, &v.tdy, &v.tds, &v.tdx));
        bring_back(&m);
        let_go(&m);
        for (int64_t i = 0; i < N; i++)
            check_attended(&t, i);
        for (int64_t r = 0; r < ROWS; r++) {
            if (segment_of(&t, r) >= 0) continue;
            T_CHECK(at(&t.tw, r, 0) == 0 && at(&t.tds, r, 0) == 0);
            for (int64_t j = 0; j < t.d; j++)
                T_CHECK(at(&t.tdx, r, j) == 0);
        }
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t j = t.d; j < t.tdx.ld; j++)
                T_CHECK(isnan(t.dx[r * t.tdx.ld + j]) && isnan(t.weight[r * t.tw.ld + 1]));
        add_bits(bits, t.y, N * t.ty.ld);
        add_bits(bits, t.dx, ROWS * t.tdx.ld);
        add_bits(bits, t.dscore, ROWS * t.tds.ld);
        trial_free(&t);
    }
}

static void attention_by_definition(void)
{
    on_all_devices(check_attend);
}

/* By hand: one row has weight 1 and no gradient of its score; scores apart by 500 do not overflow;
 * equal scores share. */
static void check_by_hand(crm_device *d, crm_hash *bits)
{
    float score[5] = {300, 800, -200, 7, 7}, x[5] = {1, 2, 3, 4, 6}, dy[3] = {1, 1, 1}, w[5], y[3],
          ds[5], dx[5];
    const int64_t first[] = {0, 1, 3, 5};
    held_arrays m = {.d = d};
    crm_segments s = segments_on_device(&m, (crm_segments){3, first, NULL});
    crm_tensor ts = on_device(&m, strided(score, 5, 1, 1)), tx = on_device(&m, strided(x, 5, 1, 1)),
               tw = on_device(&m, strided(w, 5, 1, 1)), ty = on_device(&m, strided(y, 3, 1, 1)),
               tdy = on_device(&m, strided(dy, 3, 1, 1)), tds = on_device(&m, strided(ds, 5, 1, 1)),
               tdx = on_device(&m, strided(dx, 5, 1, 1));

    T_OK(crm_op_attend(d, &s, &ts, &tx, &tw, &ty));
    T_OK(crm_op_attend_bwd(d, &s, &tw, &tx, &tdy, &tds, &tdx));
    bring_back(&m);
    let_go(&m);
    T_CHECK(w[0] == 1 && w[1] == 1 && w[2] == 0 && w[3] == 0.5f && w[4] == 0.5f);
    T_CHECK(y[0] == 1 && y[1] == 2 && y[2] == 5);
    T_CHECK(ds[0] == 0 && ds[1] == 0 && ds[2] == 0 && ds[3] == -0.5f && ds[4] == 0.5f);
    T_CHECK(dx[0] == 1 && dx[1] == 1 && dx[2] == 0 && dx[3] == 0.5f);
    add_bits(bits, y, 3);
}

static void attention_by_hand(void)
{
    on_all_devices(check_by_hand);
}

/* ---- edges ---- */

static void check_nothing(crm_device *d, crm_hash *bits)
{
    float x[4] = {1, 2, 3, 4}, y[4] = {7, 7, 7, 7}, w[2] = {7, 7};
    const int64_t first[] = {0, 0};
    held_arrays m = {.d = d};
    crm_segments none = {0, NULL, NULL},
                 empty = segments_on_device(&m, (crm_segments){1, first, NULL});
    crm_tensor tx = on_device(&m, strided(x, 2, 2, 2)), no_y = strided(NULL, 0, 2, 2),
               ty = on_device(&m, strided(y, 2, 2, 2)), tw = on_device(&m, strided(w, 2, 1, 1)),
               no_x = strided(NULL, 0, 2, 2), no_w = strided(NULL, 0, 1, 1), one = ty, two = ty;

    one.dim[0] = two.dim[0] = 1;
    two.data = (float *)ty.data + 2;
    T_OK(crm_op_pool(d, CRM_POOL_MEAN, &none, &tx, &no_y, NULL));
    T_OK(crm_op_attend(d, &none, &tw, &tx, &tw, &no_y));
    T_OK(crm_op_pool(d, CRM_POOL_MEAN, &empty, &no_x, &one, NULL));
    T_OK(crm_op_attend(d, &empty, &no_w, &no_x, &no_w, &two));
    T_OK(crm_op_pool_bwd(d, CRM_POOL_LAST, &none, &no_y, NULL, &tx));
    bring_back(&m);
    let_go(&m);
    T_CHECK(w[0] == 0 && w[1] == 0);
    T_CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 0);
    T_CHECK(x[0] == 0 && x[3] == 0);
    add_bits(bits, x, 4);
}

static void nothing_at_all(void)
{
    on_all_devices(check_nothing);
}

static void mistakes(void)
{
    crm_device *d = NULL;
    float x[8] = {0}, y[4] = {9, 9, 9, 9}, s1[4] = {0};
    int32_t a[4] = {0}, list[4] = {0, 1, 2, 4};
    const int64_t first[] = {0, 2, 4}, falls[] = {0, 3, 2}, far[] = {0, 2, 5};
    crm_segments ok = {2, first, NULL}, down = {2, falls, NULL}, beyond = {2, far, NULL},
                 bad_row = {2, first, list}, missing = {2, NULL, NULL};
    crm_tensor tx = strided(x, 4, 2, 2), ty = strided(y, 2, 2, 2), one = strided(y, 1, 2, 2),
               ts = strided(s1, 4, 1, 1), t3 = strided(s1, 3, 1, 1),
               ta = {.data = a, .dtype = CRM_I32, .rank = 2, .dim = {2, 2}, .ld = 2}, tf = ta;

    tf.dtype = CRM_F32;
    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &down, &tx, &ty, NULL), CRM_ERR_ARG, "segment 1");
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &beyond, &tx, &ty, NULL), CRM_ERR_ARG, "row 5");
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &bad_row, &tx, &ty, NULL), CRM_ERR_ARG, "row 4");
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &missing, &tx, &ty, NULL), CRM_ERR_ARG, "segments");
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &ok, &tx, &one, NULL), CRM_ERR_ARG, "y has 1 rows");
    T_FAILS(crm_op_pool(d, CRM_POOL_MEAN, &ok, &tx, &ty, &ta), CRM_ERR_ARG, "arg");
    T_FAILS(crm_op_pool(d, CRM_POOL_MAX, &ok, &tx, &ty, NULL), CRM_ERR_ARG, "arg");
    T_FAILS(crm_op_pool(d, CRM_POOL_MAX, &ok, &tx, &ty, &tf), CRM_ERR_ARG, "arg");
    T_FAILS(crm_op_pool(d, CRM_POOL_KIND_COUNT, &ok, &tx, &ty, NULL), CRM_ERR_ARG, "pooling 3");
    T_FAILS(crm_op_attend(d, &ok, &t3, &tx, &ts, &ty), CRM_ERR_ARG, "score has 3 rows");
    T_FAILS(crm_op_attend_bwd(d, &bad_row, &ts, &tx, &ty, &ts, &tx), CRM_ERR_ARG, "row 4");
    a[3] = 4;
    T_FAILS(crm_op_pool_bwd(d, CRM_POOL_MAX, &ok, &ty, &ta, &tx), CRM_ERR_ARG, "maximum in row 4");
    for (int i = 0; i < 4; i++)
        T_CHECK(y[i] == 9);
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"pooling by definition", pooling_by_definition},
        {"ties and NaN", ties_and_nan},
        {"order of a mean", order_of_a_mean},
        {"attention by definition", attention_by_definition},
        {"attention by hand", attention_by_hand},
        {"nothing at all", nothing_at_all},
        {"mistakes are refused", mistakes},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
