/* cpu_rnn.inc.h - one step of a GRU or LSTM, forward and back, on rows of any number of sequences.
 *
 * A tile of rows at a time, so that what the products leave is still in the first cache when the
 * gates are worked out.  Order of operations: docs/numerics.md.  Columns of a tile, and of keep:
 *
 *   GRU    tile r z nx nh (nx: wi x, nh: wh h)   keep r z n nh + bias, going back dn dr dz dnh
 *   LSTM   tile i f g o                          keep i f g o c',      going back di df dg do c'
 *
 * so that the derivatives of wh x are side by side for both, and those of wi x too, with n before r
 * and z.  Bias: GRU bi + bh of r and z, bi of n, bh of n; LSTM bi + bh. */

/* exp(x) - 1 = power (1 + s) - 1 for x <= 0, clamped at -87, as v_exp without what keeps large and
 * tiny results apart: gives s and power = 2^k, a normal number. */
static inline float gate_exp(float x, float *power)
{
    const float shift = 0x1.8p23f;
    float c = x < -87.0f ? -87.0f : x, t, k, r, q; /* NaN passes */

    t = fmaf(c, 1.44269504f, shift);
    k = t - shift;
    r = fmaf(k, -0.693359375f, c);
    r = fmaf(k, 2.12194440e-4f, r);
    q = fmaf(r, 1.9875691500e-4f, 1.3981999507e-3f);
    q = fmaf(q, r, 8.3334519073e-3f);
    q = fmaf(q, r, 4.1665795894e-2f);
    q = fmaf(q, r, 1.6666665459e-1f);
    q = fmaf(q, r, 5.0000001201e-1f);
    *power = float_of((bits_of(t) << 23) + 0x3F800000u);
    return fmaf(q, r * r, r);
}

/* As v_sigmoid. */
static inline float gate_sigmoid(float x)
{
    float power, s = gate_exp(-fabsf(x), &power), e = fmaf(power, s, power);

    return choose(x < 0.0f, e, 1.0f) / (1.0f + e);
}

/* -e / (2 + e) with e = exp(-2|x|) - 1, which does not cancel for small x: one form for all x. */
static inline float gate_tanh(float x)
{
    float power, s = gate_exp(-2.0f * fabsf(x), &power), e = fmaf(power, s, power - 1.0f);

    return with_sign(e / (2.0f + e), x);
}

/* One row of a step as the gate loops see it. */
typedef struct gate_row {
    int64_t units;
    const float *bias, *prev;
    float *tile, *h, *c, *keep;
} gate_row;

/* The loop behind it has no element that depends on an earlier one: columns of a tile lie apart. */
#ifdef __clang__
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif

static void gru_gates(const gate_row *g)
{
    const int64_t n = g->units;
    const float *br = g->bias;
    const float *bz = g->bias + n;
    const float *bx = g->bias + 2 * n;
    const float *bh = g->bias + 3 * n;
    const float *prev = g->prev;
    float *r = g->tile;
    float *z = g->tile + n;
    float *new = g->tile + 2 * n;
    float *nh = g->tile + 3 * n;
    float *h = g->h;

    APART
    for (int64_t i = 0; i < n; i++) {
        float gate = gate_sigmoid(r[i] + br[i]), keep = gate_sigmoid(z[i] + bz[i]),
              ph = nh[i] + bh[i];
        float state = gate_tanh(fmaf(gate, ph, new[i] + bx[i]));

        r[i] = gate;
        z[i] = keep;
        new[i] = state;
        nh[i] = ph;
        h[i] = fmaf(keep, prev[i] - state, state);
    }
    if (g->keep) memcpy(g->keep, g->tile, (size_t)(4 * n) * sizeof *g->keep);
}

static void lstm_gates(const gate_row *g)
{
    const int64_t n = g->units;
    const float *bias = g->bias;
    float *t = g->tile;
    float *c = g->c;
    float *h = g->h;

    EACH(2 * n, t[i] = gate_sigmoid(t[i] + bias[i]));
    EACH(n, t[2 * n + i] = gate_tanh(t[2 * n + i] + bias[2 * n + i]));
    EACH(n, t[3 * n + i] = gate_sigmoid(t[3 * n + i] + bias[3 * n + i]));
    APART
    for (int64_t i = 0; i < n; i++) {
        c[i] = fmaf(t[n + i], c[i], t[i] * t[2 * n + i]);
        h[i] = t[3 * n + i] * gate_tanh(c[i]);
    }
    if (!g->keep) return;
    memcpy(g->keep, t, (size_t)(4 * n) * sizeof *t);
    memcpy(g->keep + 4 * n, c, (size_t)n * sizeof *t);
}

/* Products of one tile: m rows, of which `with` have a state before them. */
static void rnn_products(const crm_cpu_rnn *p, const crm_cpu_step *s, int64_t m, int64_t with)
{
    const int64_t n = p->units;
    bool gru = p->kind == CRM_RNN_GRU;
    crm_cpu_rows g = {
        m, gru ? 3 * n : 4 * n, p->inputs, s->x, s->ldx, p->wi, p->tile, 4 * n, false, NULL};

    gemm_rows(&g);
    g = (crm_cpu_rows){with, gru ? 2 * n : 4 * n, n, s->prev, s->ldh, p->wh, p->tile, 4 * n, true,
                       NULL};
    gemm_rows(&g);
    if (!gru) return;
    g.b += crm_cpu_packed(2 * n, n);
    g.c += 3 * n;
    g.n = n;
    g.add = false;
    gemm_rows(&g);
    for (int64_t r = with; r < m; r++)
        memset(p->tile + r * 4 * n + 3 * n, 0, (size_t)n * sizeof *p->tile);
}

static void rnn_tile(const crm_cpu_rnn *p, const crm_cpu_step *s, int64_t m, int64_t with)
{
    const int64_t n = p->units;

    rnn_products(p, s, m, with);
    for (int64_t r = 0; r < m; r++) {
        gate_row g = {.units = n,
                      .bias = p->bias,
                      .prev = r < with ? s->prev + r * s->ldh : p->zero,
                      .tile = p->tile + r * 4 * n,
                      .h = s->h + r * s->ldh,
                      .c = s->state_c + r * n,
                      .keep = s->keep ? s->keep + r * s->ldk : NULL};

        if (p->kind == CRM_RNN_GRU) {
            gru_gates(&g);
            continue;
        }
        if (r >= with) memset(g.c, 0, (size_t)n * sizeof *g.c);
        lstm_gates(&g);
    }
}

/* The same step without its first m rows; a pointer to nothing stays where it is. */
static crm_cpu_step rows_after(crm_cpu_step s, int64_t m, int64_t units)
{
    s.n -= m;
    s.with = s.with > m ? s.with - m : 0;
    if (s.x) s.x += s.ldx * m;
    if (s.with) s.prev += s.ldh * m;
    if (s.h) s.h += s.ldh * m;
    if (s.dh) s.dh += s.ld_dh * m;
    if (s.keep) s.keep += s.ldk * m;
    if (s.with && s.keep_prev) s.keep_prev += s.ldk * m;
    if (s.dx) s.dx += s.ld_dx * m;
    s.state_h += units * m;
    s.state_c += units * m;
    return s;
}

typedef void (*rnn_tile_fn)(const crm_cpu_rnn *p, const crm_cpu_step *s, int64_t m, int64_t with);

static void each_tile(const crm_cpu_rnn *p, crm_cpu_step s, rnn_tile_fn fn)
{
    while (s.n > 0) {
        int64_t m = s.n < CRM_CPU_RNN_ROWS ? s.n : CRM_CPU_RNN_ROWS;

        fn(p, &s, m, s.with < m ? s.with : m);
        s = rows_after(s, m, p->units);
    }
}

static void rnn_step(const crm_cpu_rnn *p, crm_cpu_step s)
{
    each_tile(p, s, rnn_tile);
}

/* ---- back ---- */

/* One row: dh from outside, dlater and dc from later steps, which become what goes on by z (GRU) or
 * f (LSTM). */
typedef struct slope_row {
    int64_t units;
    const float *dh, *prev; /* prev: h (GRU) or c (LSTM) before the step */
    float *keep, *dlater, *dc;
} slope_row;

static void gru_slopes(const slope_row *s)
{
    const int64_t n = s->units;
    const float *dh = s->dh;
    const float *prev = s->prev;
    float *dlater = s->dlater;
    float *k0 = s->keep;
    float *k1 = s->keep + n;
    float *k2 = s->keep + 2 * n;
    float *k3 = s->keep + 3 * n;

    APART
    for (int64_t i = 0; i < n; i++) {
        float r = k0[i], z = k1[i], new = k2[i], nh = k3[i];
        float d = dh[i] + dlater[i];
        float dn = d * (1.0f - z) * fmaf(-new, new, 1.0f);

        k0[i] = dn;
        k1[i] = dn * nh * (r * (1.0f - r));
        k2[i] = d * (prev[i] - new) * (z * (1.0f - z));
        k3[i] = dn * r;
        dlater[i] = d * z;
    }
}

static void lstm_slopes(const slope_row *s)
{
    const int64_t n = s->units;
    const float *dh = s->dh;
    const float *prev = s->prev;
    const float *dlater = s->dlater;
    const float *cell = s->keep + 4 * n;
    float *k0 = s->keep;
    float *k1 = s->keep + n;
    float *k2 = s->keep + 2 * n;
    float *k3 = s->keep + 3 * n;
    float *dc = s->dc;

    APART
    for (int64_t i = 0; i < n; i++) {
        float in = k0[i], f = k1[i], g = k2[i], o = k3[i];
        float t = gate_tanh(cell[i]), d = dh[i] + dlater[i];
        float c = fmaf(d * o, fmaf(-t, t, 1.0f), dc[i]);

        k0[i] = c * g * (in * (1.0f - in));
        k1[i] = c * prev[i] * (f * (1.0f - f));
        k2[i] = c * in * fmaf(-g, g, 1.0f);
        k3[i] = d * t * (o * (1.0f - o));
        dc[i] = c * f;
    }
}

static void rnn_slopes(const crm_cpu_rnn *p, const crm_cpu_step *s, int64_t r, bool with)
{
    const int64_t n = p->units;
    slope_row g = {.units = n,
                   .dh = s->dh + r * s->ld_dh,
                   .prev = p->zero,
                   .keep = s->keep + r * s->ldk,
                   .dlater = s->state_h + r * n,
                   .dc = s->state_c + r * n};

    if (p->kind == CRM_RNN_GRU) {
        if (with) g.prev = s->prev + r * s->ldh;
        gru_slopes(&g);
    } else {
        if (with) g.prev = s->keep_prev + r * s->ldk + 4 * n;
        lstm_slopes(&g);
    }
}

static void rnn_tile_bwd(const crm_cpu_rnn *p, const crm_cpu_step *s, int64_t m, int64_t with)
{
    const int64_t n = p->units;
    bool gru = p->kind == CRM_RNN_GRU;
    const float *dwh = s->keep + (gru ? n : 0);
    crm_cpu_rows g = {with, n,   gru ? 3 * n : 4 * n, dwh, s->ldk, p->wh, s->state_h,
                      n,    gru, s->keep + m * s->ldk};

    for (int64_t r = 0; r < m; r++)
        rnn_slopes(p, s, r, r < with);
    gemm_rows(&g);
    if (!s->dx) return;
    g = (crm_cpu_rows){m, p->inputs, g.k, s->keep, s->ldk, p->wi, s->dx, s->ld_dx, false, NULL};
    gemm_rows(&g);
}

static void rnn_step_bwd(const crm_cpu_rnn *p, crm_cpu_step s)
{
    each_tile(p, s, rnn_tile_bwd);
}
