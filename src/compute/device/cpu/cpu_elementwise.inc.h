/* cpu_elementwise.inc.h - kernels in which each element stands alone, and the sums over columns. */

#define EACH(n, statement)                                                                         \
    do {                                                                                           \
        for (int64_t i = 0; i < (n); i++)                                                          \
            statement;                                                                             \
    } while (0)

static void act_row(crm_act act, float *y, int64_t n)
{
    switch (act) {
    case CRM_ACT_RELU:
        EACH(n, y[i] = v_relu(y[i]));
        break;
    case CRM_ACT_TANH:
        EACH(n, y[i] = v_tanh(y[i]));
        break;
    case CRM_ACT_SIGMOID:
        EACH(n, y[i] = v_sigmoid(y[i]));
        break;
    case CRM_ACT_SILU:
        EACH(n, y[i] = v_silu(y[i]));
        break;
    case CRM_ACT_GELU:
        EACH(n, y[i] = v_gelu(y[i]));
        break;
    case CRM_ACT_NONE:
    case CRM_ACT_COUNT:
        break;
    }
}

/* s is the output for RELU, TANH, SIGMOID, the input for SILU and GELU. */
static void act_bwd(crm_act act, const float *restrict s, float *restrict dy, int64_t n)
{
    switch (act) {
    case CRM_ACT_RELU:
        EACH(n, dy[i] = s[i] > 0.0f ? dy[i] : 0.0f);
        break;
    case CRM_ACT_TANH:
        EACH(n, dy[i] *= fmaf(-s[i], s[i], 1.0f));
        break;
    case CRM_ACT_SIGMOID:
        EACH(n, dy[i] *= s[i] * (1.0f - s[i]));
        break;
    case CRM_ACT_SILU:
        EACH(n, dy[i] *= d_silu(s[i]));
        break;
    case CRM_ACT_GELU:
        EACH(n, dy[i] *= d_gelu(s[i]));
        break;
    case CRM_ACT_NONE:
    case CRM_ACT_COUNT:
        break;
    }
}

static void sigmoid_row(const float *x, float *y, int64_t n)
{
    EACH(n, y[i] = v_sigmoid(x[i]));
}

static void scale_row(float *x, float factor, int64_t n)
{
    EACH(n, x[i] *= factor);
}

static void divide_row(float *x, float by, int64_t n)
{
    EACH(n, x[i] /= by);
}

/* Exponentials are made a piece at a time (vectorised), then added one after the other. */
static double exp_sum(const float *x, float max, float *e, int64_t k)
{
    enum { PIECE = 64 };
    float piece[PIECE];
    double sum = 0;

    for (int64_t j = 0; j < k; j += PIECE) {
        int64_t n = k - j < PIECE ? k - j : PIECE;

        EACH(n, piece[i] = v_exp(x[j + i] - max));
        EACH(n, sum += (double)piece[i]);
        if (e) memcpy(e + j, piece, (size_t)n * sizeof *e);
    }
    return sum;
}

/* One chain of at most CRM_CHAIN rows. */
static void column_chain(const float *x, int64_t ld, int64_t n, int64_t d, float *restrict sum)
{
    enum { VECS = 4 };
    int64_t j = 0;

    for (; j + VECS * LANES <= d; j += VECS * LANES) {
        vec s[VECS];

        for (int v = 0; v < VECS; v++)
            s[v] = V_ZERO();
        for (int64_t r = 0; r < n; r++)
            for (int v = 0; v < VECS; v++)
                s[v] = V_ADD(s[v], V_LOAD(x + r * ld + j + v * LANES));
        for (int v = 0; v < VECS; v++)
            V_STORE(sum + j + v * LANES, s[v]);
    }
    for (int64_t i = j; i < d; i++)
        sum[i] = 0;
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = j; i < d; i++)
            sum[i] += x[r * ld + i];
}

static void column_sums(const float *x, int64_t ld, int64_t n, int64_t d, float *out)
{
    enum { PIECE = 64 };
    float chain[PIECE];

    for (int64_t j = 0; j < d; j += PIECE) {
        int64_t w = d - j < PIECE ? d - j : PIECE;

        column_chain(x + j, ld, n < CRM_CHAIN ? n : CRM_CHAIN, w, out + j);
        for (int64_t r = CRM_CHAIN; r < n; r += CRM_CHAIN) {
            column_chain(x + r * ld + j, ld, n - r < CRM_CHAIN ? n - r : CRM_CHAIN, w, chain);
            EACH(w, out[j + i] += chain[i]);
        }
    }
}

static void adam_step(const crm_cpu_adam *p, const float *restrict g, float *restrict w,
                      float *restrict m, float *restrict v, int64_t n)
{
    const crm_cpu_adam c = *p;

    for (int64_t i = 0; i < n; i++) {
        float grad = c.grad_scale * g[i];

        m[i] = fmaf(c.keep1, m[i], c.new1 * grad);
        v[i] = fmaf(c.keep2, v[i], c.new2 * grad * grad);
        w[i] = fmaf(-c.rate, m[i] / fmaf(sqrtf(v[i]), c.root_scale, c.eps), c.decay * w[i]);
    }
}

static void sgd_plain(const crm_cpu_sgd *p, const float *restrict g, float *restrict w, int64_t n)
{
    const crm_cpu_sgd c = *p;

    EACH(n, w[i] = fmaf(-c.lr, fmaf(c.weight_decay, w[i], c.grad_scale * g[i]), w[i]));
}

static void sgd_step(const crm_cpu_sgd *p, const float *restrict g, float *restrict w,
                     float *restrict m, int64_t n)
{
    const crm_cpu_sgd c = *p;

    if (!m) {
        sgd_plain(p, g, w, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float grad = fmaf(c.weight_decay, w[i], c.grad_scale * g[i]), step;

        m[i] = fmaf(c.momentum, m[i], grad);
        step = c.nesterov ? fmaf(c.momentum, m[i], grad) : m[i];
        w[i] = fmaf(-c.lr, step, w[i]);
    }
}
