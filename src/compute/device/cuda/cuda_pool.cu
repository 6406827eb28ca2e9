/* cuda_pool.cu - pooling and attention over segments of rows.
 *
 * Sums over the rows of a segment are chains of CRM_CHAIN rows in order, added in order, as on the
 * CPU: mean, maximum, last and the products of attention's backward pass have the CPU's bits.  Only
 * the sum of exponentials in a softmax is added in another order (double, a fixed tree).
 *
 * Bytes with e rows of d floats in n segments: 4 e d + 4 n d (pool, pool_bwd), 4 e d (attend), 8 e
 * d (attend_bwd); lists of rows and scores add 4 to 12 e. */
#include "cuda_math.h"
#include "cuda_ops.h"
#include "cuda_rows.h"

CRM_DEVICE int64_t row_at(const crm_segments &s, int64_t place)
{
    return s.row ? s.row[place] : place;
}

/* ---- rows of no segment ---- */

/* Rows of t [e][d] that no segment has get 0; all rows where a list says which they are. */
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS)
    k_strays(crm_segments s, int64_t e, int64_t d, int shift, float *t, int64_t ld)
{
    const int64_t from = s.n > 0 ? s.first[0] : 0, end = s.n > 0 ? s.first[s.n] : 0;

    if (end - from == e) return;
    for (int64_t r = cuda_first_row(shift); r < e; r += cuda_next_row(shift))
        for (int64_t c = cuda_first_item(shift); c < d; c += cuda_next_item(shift))
            if (s.row || r < from || r >= end) t[r * ld + c] = 0.0f;
}

static crm_status zero_strays(cuda_state *s, const crm_segments *g, crm_tensor *t)
{
    cuda_row_grid grid = cuda_row_grid_of(t->dim[0], t->dim[1]);

    if (t->dim[0] == 0) return CRM_OK;
    CRM_LAUNCH(k_strays, grid.grid, CUDA_ROW_THREADS, 0, s->stream, *g, t->dim[0], t->dim[1],
               grid.shift, (float *)t->data, t->ld);
    CUDA_LAUNCHED(k_strays);
    return CRM_OK;
}

/* ---- pooling ---- */

struct pool_args {
    crm_segments s;
    const float *x;
    float *y;
    int32_t *arg;
    int64_t ldx, ldy, ldarg, d;
};

template <int V>
CRM_DEVICE cuda_pack<V> mean_of(const pool_args &p, int64_t from, int64_t end, int64_t c)
{
    cuda_pack<V> total = {};
    const float n = (float)(end - from);

    for (int64_t q = from; q < end; q += CRM_CHAIN) {
        const int64_t stop = q + CRM_CHAIN < end ? q + CRM_CHAIN : end;
        cuda_pack<V> chain = {};

        CRM_UNROLL_N(4)
        for (int64_t i = q; i < stop; i++) {
            const cuda_pack<V> x = cuda_load<V>(p.x + row_at(p.s, i) * p.ldx + c);

            CRM_UNROLL
            for (int v = 0; v < V; v++)
                chain.v[v] += x.v[v];
        }
        CRM_UNROLL
        for (int v = 0; v < V; v++)
            total.v[v] = q == from ? chain.v[v] : total.v[v] + chain.v[v];
    }
    CRM_UNROLL
    for (int v = 0; v < V && end > from; v++)
        total.v[v] /= n;
    return total;
}

/* The first of equals stays; a NaN comes through, the first of several. */
template <int V>
CRM_DEVICE cuda_pack<V> max_of(const pool_args &p, int64_t from, int64_t end, int64_t c,
                               int32_t arg[V])
{
    cuda_pack<V> best = {};

    CRM_UNROLL
    for (int v = 0; v < V; v++)
        arg[v] = -1;
    CRM_UNROLL_N(4)
    for (int64_t i = from; i < end; i++) {
        const int64_t r = row_at(p.s, i);
        const cuda_pack<V> x = cuda_load<V>(p.x + r * p.ldx + c);

        CRM_UNROLL
        for (int v = 0; v < V; v++) {
            const float b = best.v[v];
            const bool more = i == from || x.v[v] > b || (x.v[v] != x.v[v] && b == b);

            best.v[v] = more ? x.v[v] : b;
            arg[v] = more ? (int32_t)r : arg[v];
        }
    }
    return best;
}

/* An item is V columns of a segment, whose rows a thread walks along. */
template <int KIND, int V>
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS) k_pool(pool_args p, int shift)
{
    for (int64_t i = cuda_first_row(shift); i < p.s.n; i += cuda_next_row(shift)) {
        const int64_t from = p.s.first[i], end = p.s.first[i + 1];

        for (int64_t c = V * cuda_first_item(shift); c < p.d; c += V * cuda_next_item(shift)) {
            cuda_pack<V> y = {};
            int32_t arg[V];

            if (KIND == CRM_POOL_MEAN) y = mean_of<V>(p, from, end, c);
            if (KIND == CRM_POOL_LAST && end > from)
                y = cuda_load<V>(p.x + row_at(p.s, end - 1) * p.ldx + c);
            if (KIND == CRM_POOL_MAX) {
                y = max_of<V>(p, from, end, c, arg);
                CRM_UNROLL
                for (int v = 0; v < V; v++)
                    p.arg[i * p.ldarg + c + v] = arg[v];
            }
            cuda_store<V>(p.y + i * p.ldy + c, y);
        }
    }
}

template <int V> static void launch_pool(cuda_state *s, crm_pool_kind kind, const pool_args &p)
{
    cuda_row_grid g = cuda_row_grid_of(p.s.n, p.d / V);

    if (kind == CRM_POOL_MAX)
        CRM_LAUNCH((k_pool<CRM_POOL_MAX, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, g.shift);
    else if (kind == CRM_POOL_MEAN)
        CRM_LAUNCH((k_pool<CRM_POOL_MEAN, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, g.shift);
    else
        CRM_LAUNCH((k_pool<CRM_POOL_LAST, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, g.shift);
}

static bool wide_rows(const crm_tensor *x, const crm_tensor *y)
{
    return x->dim[1] % 4 == 0 && cuda_wide(x->data, x->ld) && cuda_wide(y->data, y->ld);
}

extern "C" crm_status cuda_op_pool(void *state, crm_pool_kind kind, const crm_segments *s,
                                   const crm_tensor *x, crm_tensor *y, crm_tensor *arg)
{
    pool_args p = {};

    if (s->n == 0) return CRM_OK;
    p.s = *s;
    p.x = (const float *)x->data;
    p.y = (float *)y->data;
    p.arg = arg ? (int32_t *)arg->data : NULL;
    p.ldx = x->ld;
    p.ldy = y->ld;
    p.ldarg = arg ? arg->ld : 0;
    p.d = x->dim[1];
    if (wide_rows(x, y))
        launch_pool<4>((cuda_state *)state, kind, p);
    else
        launch_pool<1>((cuda_state *)state, kind, p);
    CUDA_LAUNCHED(k_pool);
    return CRM_OK;
}

/* What row r, at place i of [from, end), gets of dy. */
template <int KIND>
CRM_DEVICE float share_of(float dy, int32_t arg, int64_t r, int64_t i, int64_t end)
{
    if (KIND == CRM_POOL_MAX) return arg == r ? dy : 0.0f;
    if (KIND == CRM_POOL_LAST) return i == end - 1 ? dy : 0.0f;
    return dy; /* divided before */
}

/* As k_pool; x is the gradient that is written, y the one that is read.  Each row of a segment is
 * written once, whatever it gets. */
template <int KIND, int V>
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS) k_pool_bwd(pool_args p, float *dx, int shift)
{
    for (int64_t i = cuda_first_row(shift); i < p.s.n; i += cuda_next_row(shift)) {
        const int64_t from = p.s.first[i], end = p.s.first[i + 1];

        for (int64_t c = V * cuda_first_item(shift); c < p.d; c += V * cuda_next_item(shift)) {
            cuda_pack<V> dy = cuda_load<V>(p.y + i * p.ldy + c), to;
            int32_t arg[V];

            CRM_UNROLL
            for (int v = 0; v < V; v++) {
                arg[v] = KIND == CRM_POOL_MAX ? p.arg[i * p.ldarg + c + v] : 0;
                if (KIND == CRM_POOL_MEAN) dy.v[v] /= (float)(end - from);
            }
            for (int64_t q = from; q < end; q++) {
                const int64_t r = row_at(p.s, q);

                CRM_UNROLL
                for (int v = 0; v < V; v++)
                    to.v[v] = share_of<KIND>(dy.v[v], arg[v], r, q, end);
                cuda_store<V>(dx + r * p.ldx + c, to);
            }
        }
    }
}

template <int V>
static void launch_pool_bwd(cuda_state *s, crm_pool_kind kind, const pool_args &p, float *dx)
{
    cuda_row_grid g = cuda_row_grid_of(p.s.n, p.d / V);

    if (kind == CRM_POOL_MAX)
        CRM_LAUNCH((k_pool_bwd<CRM_POOL_MAX, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, dx,
                   g.shift);
    else if (kind == CRM_POOL_MEAN)
        CRM_LAUNCH((k_pool_bwd<CRM_POOL_MEAN, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, dx,
                   g.shift);
    else
        CRM_LAUNCH((k_pool_bwd<CRM_POOL_LAST, V>), g.grid, CUDA_ROW_THREADS, 0, s->stream, p, dx,
                   g.shift);
}

extern "C" crm_status cuda_op_pool_bwd(void *state, crm_pool_kind kind, const crm_segments *s,
                                       const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx)
{
    pool_args p = {};

    CRM_TRY(zero_strays((cuda_state *)state, s, dx));
    if (s->n == 0) return CRM_OK;
    p.s = *s;
    p.y = (float *)dy->data;
    p.arg = arg ? (int32_t *)arg->data : NULL;
    p.ldx = dx->ld;
    p.ldy = dy->ld;
    p.ldarg = arg ? arg->ld : 0;
    p.d = dx->dim[1];
    if (wide_rows(dx, dy))
        launch_pool_bwd<4>((cuda_state *)state, kind, p, (float *)dx->data);
    else
        launch_pool_bwd<1>((cuda_state *)state, kind, p, (float *)dx->data);
    CUDA_LAUNCHED(k_pool_bwd);
    return CRM_OK;
}

/* ---- attention: a warp to a segment ---- */

enum { ATTEND_THREADS = 128, ATTEND_WARPS = ATTEND_THREADS / 32 };

struct attend_args {
    crm_segments s;
    const float *score, *x;
    float *weight, *y;
    int64_t lds, ldx, ldw, ldy, d;
};

/* weight = softmax of the scores of places [from, end). */
CRM_DEVICE void weigh(const attend_args &p, int64_t from, int64_t end, int lane)
{
    float most = -INFINITY, total;
    double sum = 0;

    for (int64_t i = from + lane; i < end; i += 32) {
        const float v = p.score[row_at(p.s, i) * p.lds];

        most = v > most ? v : most;
    }
    most = cuda_group_max<32>(most);
    for (int64_t i = from + lane; i < end; i += 32) {
        const int64_t r = row_at(p.s, i);
        const float e = cuda_exp(p.score[r * p.lds] - most);

        p.weight[r * p.ldw] = e;
        sum += (double)e;
    }
    total = (float)cuda_group_sum<32>(sum);
    for (int64_t i = from + lane; i < end; i += 32)
        p.weight[row_at(p.s, i) * p.ldw] /= total;
    __syncwarp(); /* all lanes read all weights next */
}

/* Columns [c, c + V) of the sum of weight x over places [from, end), chains in order. */
template <int V>
CRM_DEVICE cuda_pack<V> weighted_sum(const attend_args &p, int64_t from, int64_t end, int64_t c)
{
    cuda_pack<V> total = {};

    for (int64_t q = from; q < end; q += CRM_CHAIN) {
        const int64_t stop = q + CRM_CHAIN < end ? q + CRM_CHAIN : end;
        cuda_pack<V> chain = {};

        CRM_UNROLL_N(4)
        for (int64_t i = q; i < stop; i++) {
            const int64_t r = row_at(p.s, i);
            const float a = p.weight[r * p.ldw];
            const cuda_pack<V> x = cuda_load<V>(p.x + r * p.ldx + c);

            CRM_UNROLL
            for (int v = 0; v < V; v++)
                chain.v[v] = fmaf(a, x.v[v], chain.v[v]);
        }
        CRM_UNROLL
        for (int v = 0; v < V; v++)
            total.v[v] = q == from ? chain.v[v] : total.v[v] + chain.v[v];
    }
    return total;
}

template <int V> static CRM_KERNEL CRM_BOUNDS(ATTEND_THREADS) k_attend(attend_args p)
{
    const int lane = threadIdx.x % 32;

    for (int64_t i = (int64_t)blockIdx.x * ATTEND_WARPS + threadIdx.x / 32; i < p.s.n;
         i += (int64_t)gridDim.x * ATTEND_WARPS) {
        const int64_t from = p.s.first[i], end = p.s.first[i + 1];

        weigh(p, from, end, lane);
        for (int64_t c = V * lane; c < p.d; c += V * 32)
            cuda_store<V>(p.y + i * p.ldy + c, weighted_sum<V>(p, from, end, c));
    }
}

extern "C" crm_status cuda_op_attend(void *state, const crm_segments *s, const crm_tensor *score,
                                     const crm_tensor *x, crm_tensor *weight, crm_tensor *y)
{
    cuda_state *cuda = (cuda_state *)state;
    unsigned blocks = cuda_blocks(s->n, ATTEND_WARPS, 1 << 20);
    attend_args p = {};

    CRM_TRY(zero_strays(cuda, s, weight));
    if (s->n == 0) return CRM_OK;
    p.s = *s;
    p.score = (const float *)score->data;
    p.x = (const float *)x->data;
    p.weight = (float *)weight->data;
    p.y = (float *)y->data;
    p.lds = score->ld;
    p.ldx = x->ld;
    p.ldw = weight->ld;
    p.ldy = y->ld;
    p.d = x->dim[1];
    if (wide_rows(x, y))
        CRM_LAUNCH((k_attend<4>), blocks, ATTEND_THREADS, 0, cuda->stream, p);
    else
        CRM_LAUNCH((k_attend<1>), blocks, ATTEND_THREADS, 0, cuda->stream, p);
    CUDA_LAUNCHED(k_attend);
    return CRM_OK;
}

struct attend_bwd_args {
    crm_segments s;
    const float *weight, *x, *dy;
    float *dscore, *dx;
    int64_t ldw, ldx, lddy, lds, lddx, d;
};

/* dx = a dy for one row; gives dy x: 16 lanes, that of column j is j mod 16, then halves. */
CRM_DEVICE float row_bwd(const attend_bwd_args &p, int64_t r, const float *__restrict__ dy, float a,
                         int64_t d)
{
    const float *__restrict__ x = p.x + r * p.ldx;
    float *__restrict__ dx = p.dx + r * p.lddx;
    float g = 0;

    CRM_UNROLL_N(4)
    for (int64_t j = threadIdx.x % 16; j < d; j += 16) {
        const float v = dy[j];

        g = fmaf(v, x[j], g);
        dx[j] = a * v;
    }
    CRM_UNROLL
    for (int half = 8; half > 0; half /= 2)
        g += __shfl_xor_sync(0xFFFFFFFFu, g, half);
    return g;
}

/* Two rows at a time.  dscore holds g until the sum of a g over all rows is there. */
static CRM_KERNEL CRM_BOUNDS(ATTEND_THREADS) k_attend_bwd(attend_bwd_args p)
{
    const int lane = threadIdx.x % 32, side = lane / 16;

    for (int64_t i = (int64_t)blockIdx.x * ATTEND_WARPS + threadIdx.x / 32; i < p.s.n;
         i += (int64_t)gridDim.x * ATTEND_WARPS) {
        const int64_t from = p.s.first[i], end = p.s.first[i + 1];
        double sum = 0;
        float mean;

        for (int64_t q = from; q < end; q += 2) {
            const bool ok = q + side < end;
            const int64_t r = row_at(p.s, ok ? q + side : q);
            const float a = p.weight[r * p.ldw];
            const float g = row_bwd(p, r, p.dy + i * p.lddy, a, ok ? p.d : 0);
            const double term = (double)a * (double)g; /* exact */
            const double left = __shfl_sync(0xFFFFFFFFu, term, 0);
            const double right = __shfl_sync(0xFFFFFFFFu, term, 16);

            sum += left;
            if (q + 1 < end) sum += right;
            if (ok && lane % 16 == 0) p.dscore[r * p.lds] = g;
        }
        mean = (float)sum;
        __syncwarp();
        for (int64_t q = from + lane; q < end; q += 32) {
            const int64_t r = row_at(p.s, q);

            p.dscore[r * p.lds] = p.weight[r * p.ldw] * (p.dscore[r * p.lds] - mean);
        }
    }
}

extern "C" crm_status cuda_op_attend_bwd(void *state, const crm_segments *s,
                                         const crm_tensor *weight, const crm_tensor *x,
                                         const crm_tensor *dy, crm_tensor *dscore, crm_tensor *dx)
{
    cuda_state *cuda = (cuda_state *)state;
    attend_bwd_args p = {};

    CRM_TRY(zero_strays(cuda, s, dscore));
    CRM_TRY(zero_strays(cuda, s, dx));
    if (s->n == 0) return CRM_OK;
    p.s = *s;
    p.weight = (const float *)weight->data;
    p.x = (const float *)x->data;
    p.dy = (const float *)dy->data;
    p.dscore = (float *)dscore->data;
    p.dx = (float *)dx->data;
    p.ldw = weight->ld;
    p.ldx = x->ld;
    p.lddy = dy->ld;
    p.lds = dscore->ld;
    p.lddx = dx->ld;
    p.d = x->dim[1];
    CRM_LAUNCH(k_attend_bwd, cuda_blocks(s->n, ATTEND_WARPS, 1 << 20), ATTEND_THREADS, 0,
               cuda->stream, p);
    CUDA_LAUNCHED(k_attend_bwd);
    return CRM_OK;
}
