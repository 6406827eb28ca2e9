/* cuda_conv.cu - convolution over the steps of samples on the GPU.
 *
 * As on the CPU (device_cpu_conv.c), a window is what one output row sees: kernel rows side by
 * side, taps outermost, zeros beyond the ends of the sample.  Windows are written to scratch
 * memory, as many at a time as stay in the L2 cache, and all three passes are products of them:
 *
 *     y[t][o]     = sum over (j, c) of x[t + j - pad][c] w[o][c][j]
 *     dx[t][c]    = sum over (j, o) of dy[t + pad - j][o] w[o][c][j]
 *     dw[o][c][j] = sum over rows t of dy[t][o] x[t + j - pad][c]
 *
 * Gradients end with + 0, so that a sum that was flushed to -0 does not show.  Forward and dx go
 * through cuDNN where that is asked for (cuda_dnn.c). */
#include "cuda_dnn.h"
#include "cuda_math.h"
#include "cuda_ops.h"

/* Floats of windows that are held at a time (32 MiB). */
enum { HELD_WINDOWS = 1 << 23 };

/* Window r of sample s, r in [0, count): tap j is row r + first + j way of the sample's rows in x,
 * zeros outside [0, steps).  A window takes `apart` floats, a multiple of 4. */
struct windows {
    const float *x;
    int64_t ld;
    int d, steps, count, kernel, first, way, apart;
};

static int output_steps(const crm_conv *p)
{
    return (int)(p->steps + 2 * p->pad - p->kernel + 1);
}

static windows windows_of(const crm_conv *p, const crm_tensor *t, bool backward)
{
    windows w;

    w.x = (const float *)t->data;
    w.ld = t->ld;
    w.d = (int)t->dim[1];
    w.steps = backward ? output_steps(p) : (int)p->steps;
    w.count = backward ? (int)p->steps : output_steps(p);
    w.kernel = (int)p->kernel;
    w.first = (int)(backward ? p->pad : -p->pad);
    w.way = backward ? -1 : 1;
    w.apart = (w.kernel * w.d + 3) / 4 * 4;
    return w;
}

/* Windows [begin, begin + n), W floats a thread: d is a multiple of W, rows are aligned to them.
 * Limited by bytes; 24 registers. */
template <int W>
static CRM_KERNEL CRM_BOUNDS(256) k_windows(windows w, int64_t begin, int n, float *to)
{
    struct alignas(4 * W) piece {
        float v[W];
    };
    unsigned across = (unsigned)(w.kernel * w.d / W), all = (unsigned)n * across;

    for (unsigned i = blockIdx.x * 256 + threadIdx.x; i < all; i += gridDim.x * 256) {
        unsigned r = i / across, e = i % across * W, j = e / (unsigned)w.d, c = e % (unsigned)w.d;
        int64_t sample = (begin + r) / w.count;
        int at = (int)((begin + r) % w.count) + w.first + (int)j * w.way;
        piece v = {};

        if (at >= 0 && at < w.steps)
            v = *reinterpret_cast<const piece *>(w.x + (sample * w.steps + at) * w.ld + c);
        *reinterpret_cast<piece *>(to + (int64_t)r * w.apart + e) = v;
    }
}

static crm_status write_windows(cuda_state *s, const windows *w, int64_t begin, int64_t n,
                                float *to)
{
    bool fours = w->d % 4 == 0 && w->ld % 4 == 0 && reinterpret_cast<uintptr_t>(w->x) % 16 == 0;
    unsigned blocks = cuda_blocks(n * w->kernel * w->d / (fours ? 4 : 1), 256, 4096);

    CRM_CHECK(n * w->apart <= INT32_MAX, CRM_ERR_NOMEM,
              "windows of a convolution: %lld of %d floats in one lane; at most 2^31 floats, take "
              "smaller batches (train.lane_rows)",
              (long long)n, w->apart);
    if (fours)
        CRM_LAUNCH((k_windows<4>), blocks, 256, 0, s->stream, *w, begin, (int)n, to);
    else
        CRM_LAUNCH((k_windows<1>), blocks, 256, 0, s->stream, *w, begin, (int)n, to);
    CUDA_LAUNCHED(k_windows);
    return CRM_OK;
}

/* Weights [o][c][j] in another order: element (o, c, j) at o by_o + c by_c + j by_j, then `zeros`
 * zeros from `size` on. */
struct turned {
    const float *w;
    float *to;
    int o, c, j;
    int64_t by_o, by_c, by_j, size, zeros;
};

/* Limited by bytes, some kilobytes in all; 40 registers. */
static CRM_KERNEL CRM_BOUNDS(256) k_turn(turned t)
{
    int64_t n = (int64_t)t.o * t.c * t.j;

    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < n + t.zeros; i += (int64_t)gridDim.x * 256)
        if (i < n)
            t.to[i / t.j / t.c * t.by_o + i / t.j % t.c * t.by_c + i % t.j * t.by_j] = t.w[i];
        else
            t.to[t.size + i - n] = 0.0f;
}

/* [o][j c] (forward) or [c][j o] (backward), rows `apart` floats apart, then a row of zeros. */
static crm_status turn_weights(cuda_state *s, const crm_tensor *w, bool backward, int64_t apart,
                               float **out, float **zeros)
{
    turned t = {};
    int64_t rows = backward ? w->dim[1] : w->dim[0];

    t.w = (const float *)w->data;
    t.o = (int)w->dim[0];
    t.c = (int)w->dim[1];
    t.j = (int)w->dim[2];
    t.by_o = backward ? 1 : apart;
    t.by_c = backward ? apart : 1;
    t.by_j = backward ? t.o : t.c;
    t.size = rows * apart;
    t.zeros = rows;
    CUDA_SCRATCH(s, CUDA_CONV_WEIGHT, t.to, t.size + t.zeros);
    CRM_LAUNCH(k_turn, cuda_blocks((int64_t)t.o * t.c * t.j + t.zeros, 256, 1024), 256, 0,
               s->stream, t);
    CUDA_LAUNCHED(k_turn);
    *out = t.to;
    *zeros = t.to + t.size;
    return CRM_OK;
}

/* y = act(windows w^T + bias), a piece of the windows at a time. */
static crm_status product_of_windows(cuda_state *s, const windows *w, const float *weight,
                                     const float *bias, crm_act act, crm_tensor *y)
{
    int64_t most = HELD_WINDOWS / w->apart + 1, n = y->dim[0] < most ? y->dim[0] : most;
    cuda_product p = {};
    float *held;

    if (n == 0) return CRM_OK;
    CUDA_SCRATCH(s, CUDA_CONV, held, n * w->apart);
    p.n = y->dim[1];
    p.k = (int64_t)w->kernel * w->d;
    p.a = held;
    p.b = weight;
    p.lda = p.ldb = w->apart;
    p.ldc = y->ld;
    p.bias = bias;
    p.act = act;
    for (int64_t r = 0; r < y->dim[0]; r += p.m) {
        p.m = y->dim[0] - r < most ? y->dim[0] - r : most;
        p.c = (float *)y->data + r * y->ld;
        CRM_TRY(write_windows(s, w, r, p.m, held));
        CRM_TRY(cuda_multiply(s, &p));
    }
    return CRM_OK;
}

/* ---- by cuDNN ---- */

/* Sums become results: y = act(y + bias), or y + 0.  Dense rows.  Limited by bytes; 22
 * registers. */
static CRM_KERNEL CRM_BOUNDS(256) k_finish(int64_t n, int d, const float *bias, int act, float *y)
{
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < n * d; i += (int64_t)gridDim.x * 256)
        y[i] = cuda_act(act, y[i] + (bias ? bias[i % d] : 0.0f));
}

/* Dense rows only: what cuDNN has its fast kernels for. */
static crm_status by_dnn(cuda_state *s, const crm_conv *p, const crm_tensor *from,
                         const crm_tensor *w, const crm_tensor *b, bool backward, crm_tensor *to,
                         bool *done)
{
    bool dense = from->ld == from->dim[1] && to->ld == to->dim[1];
    cuda_dnn_call c = {};
    float *turned_w, *zeros;

    CRM_TRY(cuda_dnn_there(s, done));
    if (!*done || !dense || to->dim[0] == 0) {
        *done = false;
        return CRM_OK;
    }
    CRM_TRY(turn_weights(s, w, false, w->dim[1] * w->dim[2], &turned_w, &zeros));
    c.conv = p;
    c.n = (backward ? to : from)->dim[0] / p->steps;
    c.channels = w->dim[1];
    c.filters = w->dim[0];
    c.w = turned_w;
    c.from = (const float *)from->data;
    c.to = (float *)to->data;
    c.backward = backward;
    CRM_TRY(cuda_dnn_run(s, &c, done));
    if (!*done) return CRM_OK;
    CRM_LAUNCH(k_finish, cuda_blocks(to->dim[0] * to->dim[1], 1024, 4096), 256, 0, s->stream,
               to->dim[0], (int)to->dim[1], b ? (const float *)b->data : nullptr,
               backward ? CRM_ACT_NONE : p->act, c.to);
    CUDA_LAUNCHED(k_finish);
    return CRM_OK;
}

/* ---- the operations ---- */

crm_status cuda_op_conv(void *state, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                        const crm_tensor *b, crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    windows win = windows_of(p, x, false);
    float *turned_w, *zeros;
    bool done;

    CRM_TRY(by_dnn(s, p, x, w, b, false, y, &done));
    if (done) return CRM_OK;
    CRM_TRY(turn_weights(s, w, false, win.apart, &turned_w, &zeros));
    return product_of_windows(s, &win, turned_w, b ? (const float *)b->data : nullptr, p->act, y);
}

crm_status cuda_op_conv_bwd_x(void *state, const crm_conv *p, const crm_tensor *dy,
                              const crm_tensor *w, crm_tensor *dx)
{
    cuda_state *s = (cuda_state *)state;
    windows win = windows_of(p, dy, true);
    float *turned_w, *zeros;
    bool done;

    CRM_TRY(by_dnn(s, p, dy, w, nullptr, true, dx, &done));
    if (done) return CRM_OK;
    CRM_TRY(turn_weights(s, w, true, win.apart, &turned_w, &zeros));
    return product_of_windows(s, &win, turned_w, zeros, CRM_ACT_NONE, dx);
}

/* ---- gradient of w ---- */

/* Sums of lanes, [o][j c] and then [o], size floats a lane: dw[lane][o][c][j] = it + 0, db. */
struct gradient {
    const float *sum;
    float *dw, *db;
    int o, c, j;
    int64_t size, stride;
};

/* Limited by bytes; 40 registers. */
static CRM_KERNEL CRM_BOUNDS(256) k_write_gradient(gradient g)
{
    int64_t n = (int64_t)g.o * g.c * g.j, all = n + (g.db ? g.o : 0);
    const float *sum = g.sum + blockIdx.y * g.size;

    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < all; i += (int64_t)gridDim.x * 256)
        if (i < n)
            g.dw[blockIdx.y * g.stride + i] =
                sum[(i / g.j / g.c * g.j + i % g.j) * g.c + i / g.j % g.c] + 0.0f;
        else
            g.db[blockIdx.y * g.stride + i - n] = sum[i];
}

/* Sums of lanes [lane, end) of `all`, whose rows are those of dy. */
static crm_status sum_lanes(cuda_state *s, const windows *w, const crm_tensor *dy,
                            const cuda_lanes *all, int lane, int end, const gradient *g)
{
    int64_t begin = all->first[lane], n = all->first[end] - begin;
    cuda_lanes lanes = {};
    cuda_outer p = {};
    float *held;

    CUDA_SCRATCH(s, CUDA_CONV, held, n * w->apart + 1);
    if (n > 0) CRM_TRY(write_windows(s, w, begin, n, held));
    lanes.n = end - lane;
    lanes.stride = g->size;
    for (int l = 0; l <= lanes.n; l++)
        lanes.first[l] = all->first[lane + l] - begin;
    p.m = g->o;
    p.n = (int64_t)g->c * g->j;
    p.a = (const float *)dy->data + begin * dy->ld;
    p.lda = dy->ld;
    p.b = held;
    p.ldb = w->apart;
    p.c = (float *)(uintptr_t)g->sum + lane * g->size;
    p.ldc = p.n;
    p.sums = g->db ? p.c + p.m * p.n : nullptr;
    p.lanes = &lanes;
    return cuda_outer_sum(s, &p);
}

/* As many lanes from `lane` on as have their windows in memory together, at least one. */
static int lanes_together(const windows *w, const cuda_lanes *lanes, int lane)
{
    int end = lane + 1;

    while (end < lanes->n &&
           (lanes->first[end + 1] - lanes->first[lane]) * w->apart <= HELD_WINDOWS)
        end++;
    return end;
}

crm_status cuda_op_conv_bwd_w(void *state, const crm_conv *p, const crm_tensor *x,
                              const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                              crm_tensor *db)
{
    cuda_state *s = (cuda_state *)state;
    windows w = windows_of(p, x, false);
    cuda_lanes rows = cuda_lanes_of(lanes);
    gradient g = {};
    float *sum;

    if (rows.n == 0) return CRM_OK;
    for (int l = 0; l <= rows.n; l++)
        rows.first[l] *= w.count;
    g.dw = (float *)dw->data;
    g.db = db ? (float *)db->data : nullptr;
    g.o = (int)dw->dim[0];
    g.c = (int)dw->dim[1];
    g.j = (int)dw->dim[2];
    g.size = (int64_t)g.o * (g.c * g.j + 1);
    g.stride = rows.stride;
    CUDA_SCRATCH(s, CUDA_CONV_PART, sum, rows.n * g.size);
    g.sum = sum;
    for (int l = 0, end; l < rows.n; l = end) {
        end = lanes_together(&w, &rows, l);
        CRM_TRY(sum_lanes(s, &w, dy, &rows, l, end, &g));
    }
    CRM_LAUNCH(k_write_gradient, dim3(cuda_blocks(g.size, 256, 1024), (unsigned)rows.n), 256, 0,
               s->stream, g);
    CUDA_LAUNCHED(k_write_gradient);
    return CRM_OK;
}
