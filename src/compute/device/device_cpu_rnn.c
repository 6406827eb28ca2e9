/* device_cpu_rnn.c - recurrent nets of the CPU device: the loop over steps, and the gradients of
 * the weights.
 *
 * Weights are packed once per call.  A lane goes through its steps in time; a step is one call of
 * the kernels for all of its rows.  Afterwards the gradients of the weights are sums over rows of
 * products, a chain of rows at a time. */
#include <string.h>

#include "crmpi/base_mem.h"

#include "device_cpu_impl.h"

/* Memory of a call, of the scratch that the handle keeps. */
typedef struct areas {
    float *wi, *wh, *turned; /* packed; wi with its gates in the order of keep */
    float *bias, *zero, *tile;
    float *state_h, *state_c; /* [most sequences][units] */
    float *sums;              /* [10 units] */
} areas;

/* One call, forward or back. */
typedef struct net {
    cpu_state *s;
    const crm_rnn *p;
    crm_cpu_rnn kernel;
    areas m;
    int64_t gates;
    const crm_tensor *x, *h, *keep, *dh, *dx;
} net;

static int64_t most_sequences(const crm_rnn *p, const crm_lanes *lanes)
{
    int64_t most = 1;

    for (int64_t l = 0; l < lanes->n; l++) {
        const crm_packed *q = &p->packed[l];

        if (q->steps > 0 && q->first[1] - q->first[0] > most) most = q->first[1] - q->first[0];
    }
    return most;
}

/* The next floats of the scratch, 64-byte aligned. */
static float *take(float **from, int64_t n)
{
    float *p = *from;

    *from += (n + 15) / 16 * 16;
    return p;
}

/* Areas from base on; base NULL: how many floats there must be. */
static int64_t lay_out(areas *m, float *base, int64_t gates, int64_t inputs, int64_t units,
                       int64_t sequences)
{
    int64_t rows = gates * units,
            size[] = {crm_cpu_packed(rows, inputs) + crm_cpu_packed(inputs, rows),
                      crm_cpu_packed(rows + 32, units) + crm_cpu_packed(units, rows),
                      rows * inputs,
                      5 * units,
                      units,
                      CRM_CPU_RNN_ROWS * 4 * units,
                      sequences * units,
                      sequences * units,
                      10 * units};
    float **to[] = {&m->wi,   &m->wh,      &m->turned,  &m->bias, &m->zero,
                    &m->tile, &m->state_h, &m->state_c, &m->sums};
    int64_t total = 0;

    for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
        total += (size[k] + 15) / 16 * 16;
        if (base) *to[k] = take(&base, size[k]);
    }
    return total;
}

static crm_status net_start(net *t, cpu_state *s, const crm_rnn *p, const crm_rnn_weights *w,
                            const crm_lanes *lanes)
{
    int64_t inputs = w->wi.dim[1], units = w->wh.dim[1], gates = crm_rnn_gates(p->kind);
    int64_t sequences = most_sequences(p, lanes);
    float *base;

    if (!s->pack) CRM_NEW(s->pack, CRM_CPU_PACK);
    CPU_SCRATCH(s, CPU_RNN, base, lay_out(&t->m, NULL, gates, inputs, units, sequences));
    lay_out(&t->m, base, gates, inputs, units, sequences);
    memset(t->m.zero, 0, (size_t)units * sizeof *t->m.zero);
    t->s = s;
    t->p = p;
    t->gates = gates;
    t->kernel = (crm_cpu_rnn){.kind = p->kind,
                              .inputs = inputs,
                              .units = units,
                              .wi = t->m.wi,
                              .wh = t->m.wh,
                              .bias = t->m.bias,
                              .zero = t->m.zero,
                              .tile = t->m.tile};
    return CRM_OK;
}

/* ---- forward ---- */

/* As the head of cpu_rnn.inc.h says. */
static void set_bias(const net *t, const crm_rnn_weights *w)
{
    const float *bi = w->bi.data, *bh = w->bh.data;
    int64_t n = t->kernel.units, both = (t->p->kind == CRM_RNN_GRU ? 2 : 4) * n;

    for (int64_t i = 0; i < both; i++)
        t->m.bias[i] = bi[i] + bh[i];
    for (int64_t i = both; i < t->gates * n; i++) {
        t->m.bias[i] = bi[i];
        t->m.bias[n + i] = bh[i];
    }
}

static void pack_forward(const net *t, const crm_rnn_weights *w)
{
    int64_t n = t->kernel.units, both = (t->p->kind == CRM_RNN_GRU ? 2 : 4) * n;
    crm_cpu_operand wi = {w->wi.data, w->wi.ld, 1}, wh = {w->wh.data, w->wh.ld, 1};

    t->s->k->pack_b(wi, t->gates * n, t->kernel.inputs, t->m.wi);
    t->s->k->pack_b(wh, both, n, t->m.wh);
    if (both == t->gates * n) return;
    wh.p += both * wh.row;
    t->s->k->pack_b(wh, n, n, t->m.wh + crm_cpu_packed(both, n));
}

/* Rows of step t of a lane, and how many of them have a step before at `before`. */
typedef struct step_rows {
    int64_t first, n, before, with;
} step_rows;

static step_rows rows_of_step(const crm_packed *q, int64_t t, bool reverse)
{
    int64_t before = reverse ? t + 1 : t - 1;
    step_rows r = {.first = q->first[t], .n = q->first[t + 1] - q->first[t]};

    if (before < 0 || before >= q->steps) return r;
    r.before = q->first[before];
    r.with = q->first[before + 1] - r.before;
    if (r.with > r.n) r.with = r.n;
    return r;
}

static crm_cpu_step step_at(const net *t, step_rows r)
{
    return (crm_cpu_step){.n = r.n,
                          .with = r.with,
                          .prev = row(t->h, r.before),
                          .state_h = t->m.state_h,
                          .state_c = t->m.state_c,
                          .keep = t->keep ? row(t->keep, r.first) : NULL,
                          .ldx = t->x->ld,
                          .ldh = t->h->ld,
                          .ldk = t->keep ? t->keep->ld : 0};
}

static void lane_forward(const net *t, const crm_packed *q)
{
    for (int64_t k = 0; k < q->steps; k++) {
        step_rows r = rows_of_step(q, t->p->reverse ? q->steps - 1 - k : k, t->p->reverse);
        crm_cpu_step s = step_at(t, r);

        s.x = row(t->x, r.first);
        s.h = row(t->h, r.first);
        t->s->k->rnn_step(&t->kernel, s);
    }
}

crm_status crm_cpu_op_rnn(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                          const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h,
                          crm_tensor *keep)
{
    net t = {.x = x, .h = h, .keep = keep};

    CRM_TRY(net_start(&t, state, p, w, lanes));
    set_bias(&t, w);
    pack_forward(&t, w);
    for (int64_t l = 0; l < lanes->n; l++)
        lane_forward(&t, &p->packed[l]);
    return CRM_OK;
}

/* ---- back ---- */

/* Rows of wi in the order in which keep has the derivatives: the last gate of GRU, n, first. */
static int64_t turn_of(const net *t)
{
    return t->p->kind == CRM_RNN_GRU ? t->kernel.units : 0;
}

static void pack_back(const net *t, const crm_rnn_weights *w)
{
    int64_t n = t->kernel.units, rows = t->gates * n, inputs = t->kernel.inputs;
    crm_cpu_operand wi = {t->m.turned, 1, inputs}, wh = {w->wh.data, 1, w->wh.ld};

    for (int64_t i = 0; i < rows; i++)
        memcpy(t->m.turned + (i + turn_of(t)) % rows * inputs, row(&w->wi, i),
               (size_t)inputs * sizeof *t->m.turned);
    t->s->k->pack_b(wi, inputs, rows, t->m.wi);
    t->s->k->pack_b(wh, n, rows, t->m.wh);
}

/* Gradients before the gates, into keep; gradients of x. */
static void lane_back(const net *t, const crm_packed *q)
{
    size_t bytes = (size_t)t->kernel.units * sizeof(float);

    if (q->steps == 0) return;
    bytes *= (size_t)(q->first[1] - q->first[0]);
    memset(t->m.state_h, 0, bytes);
    memset(t->m.state_c, 0, bytes);
    for (int64_t k = 0; k < q->steps; k++) {
        step_rows r = rows_of_step(q, t->p->reverse ? k : q->steps - 1 - k, t->p->reverse);
        crm_cpu_step s = step_at(t, r);

        s.keep_prev = row(t->keep, r.before);
        s.dh = row(t->dh, r.first);
        s.ld_dh = t->dh->ld;
        s.dx = t->dx ? row(t->dx, r.first) : NULL;
        s.ld_dx = t->dx ? t->dx->ld : 0;
        t->s->k->rnn_step_bwd(&t->kernel, s);
    }
}

/* Sum over the rows added so far of a[i] b[j], a chain at a time; and of a[i] alone. */
typedef struct row_sum {
    crm_cpu_outer o;
    const crm_cpu_kernels *k;
    const float *a[CRM_CHAIN], *b[CRM_CHAIN];
} row_sum;

static void row_sum_start(row_sum *r, const net *t, int64_t turn, const crm_tensor *to, int64_t at)
{
    r->k = t->s->k;
    r->o = (crm_cpu_outer){.m = to->dim[0],
                           .n = to->dim[1],
                           .turn = turn,
                           .a = r->a,
                           .b = r->b,
                           .c = (float *)to->data + at,
                           .ldc = to->ld,
                           .first = true,
                           .pack = t->s->pack};
}

static void row_sum_chain(row_sum *r)
{
    r->k->outer(&r->o);
    r->o.first = false;
    r->o.k = 0;
}

/* Says whether a chain is full. */
static bool row_sum_add(row_sum *r, const float *a, const float *b)
{
    r->a[r->o.k] = a;
    r->b[r->o.k++] = b;
    return r->o.k == CRM_CHAIN;
}

/* Zeros when there was no row. */
static void row_sum_end(row_sum *r)
{
    for (int64_t i = 0; i < r->o.m && r->o.first; i++)
        memset(r->o.c + i * r->o.ldc, 0, (size_t)r->o.n * sizeof *r->o.c);
}

/* The sums of a lane.  They take turns, so that rows are still in the cache for the next. */
typedef struct lane_sums {
    row_sum wi, wh;
    float *bias, *chain; /* sums of the columns of keep; of a chain of rows */
    int64_t columns, ld;
} lane_sums;

static void wi_chain(lane_sums *s)
{
    if (s->wi.o.k == 0) return;
    s->wi.k->column_sums(s->wi.a[0], s->ld, s->wi.o.k, s->columns, s->chain);
    for (int64_t i = 0; i < s->columns; i++)
        s->bias[i] = s->wi.o.first ? s->chain[i] : s->bias[i] + s->chain[i];
    s->wi.o.soon = s->wi.a[s->wi.o.k - 1] + s->ld; /* the rows of the next chain */
    row_sum_chain(&s->wi);
}

static void add_step(lane_sums *s, const net *t, step_rows r)
{
    for (int64_t i = 0; i < r.n; i++) {
        const float *slopes = row(t->keep, r.first + i);

        if (row_sum_add(&s->wi, slopes, row(t->x, r.first + i))) wi_chain(s);
        if (i < r.with && row_sum_add(&s->wh, slopes + turn_of(t), row(t->h, r.before + i)))
            row_sum_chain(&s->wh);
    }
}

static void lane_weights(const net *t, const crm_packed *q, int64_t at, crm_rnn_weights *dw)
{
    int64_t n = t->kernel.units, rows = t->gates * n, turn = turn_of(t);
    float *dbi = (float *)dw->bi.data + at, *dbh = (float *)dw->bh.data + at;
    lane_sums s = {
        .bias = t->m.sums, .chain = t->m.sums + 5 * n, .columns = rows + turn, .ld = t->keep->ld};

    row_sum_start(&s.wi, t, turn, &dw->wi, at);
    row_sum_start(&s.wh, t, 0, &dw->wh, at);
    memset(s.bias, 0, (size_t)s.columns * sizeof *s.bias);
    for (int64_t k = 0; k < q->steps; k++)
        add_step(&s, t, rows_of_step(q, k, t->p->reverse));
    wi_chain(&s);
    if (s.wh.o.k > 0) row_sum_chain(&s.wh);
    row_sum_end(&s.wi);
    row_sum_end(&s.wh);
    memcpy(dbh, s.bias + turn, (size_t)rows * sizeof *dbh);
    memcpy(dbi, s.bias + turn, (size_t)(rows - turn) * sizeof *dbi);
    memcpy(dbi + rows - turn, s.bias, (size_t)turn * sizeof *dbi);
}

crm_status crm_cpu_op_rnn_bwd(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                              const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                              crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                              crm_rnn_weights *dw)
{
    net t = {.x = x, .h = h, .keep = keep, .dh = dh, .dx = dx};

    CRM_TRY(net_start(&t, state, p, w, lanes));
    pack_back(&t, w);
    for (int64_t l = 0; l < lanes->n; l++) {
        lane_back(&t, &p->packed[l]);
        lane_weights(&t, &p->packed[l], l * lanes->stride, dw);
    }
    return CRM_OK;
}
