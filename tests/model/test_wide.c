/* test_wide.c - the wide part of the net: alone it is a logistic model, whose gradient descent is
 * worked out here; the rows of its table that a batch names; keys of graphs; the fixed start; what
 * is refused.  Gradients, rows, lanes and instruction sets beside other branches: test_hybrid.c,
 * test_hybrid_bits.c. */
#include "hybrid_bench.h"

#include "crmpi/base_run.h"

static void make_alone(hybrid *h)
{
    h_make(h);
    wide_alone(h);
}

static const crm_param *param(const bench *b, const char *name)
{
    const crm_params *ps = crm_model_params(b->m);

    return crm_params_get(ps, crm_params_find(ps, name));
}

/* ---- a logistic model in double ---- */
typedef struct logistic {
    double w[H_SPARSE], bias;
} logistic;

static double logistic_of(const hybrid *h, const logistic *m, int row)
{
    double z = m->bias;

    for (int64_t i = h->sparse_first[row]; i < h->sparse_first[row + 1]; i++)
        z += (double)h->sparse_value[i] * m->w[h->sparse_id[i]];
    return 1 / (1 + exp(-z));
}

/* w -= step times gradient of the sum of -log p(label) weight scale, rows of the batch. */
static void logistic_step(const hybrid *h, logistic *m, double step)
{
    logistic g = {{0}, 0};
    double f = h->head[0].weight * h->scale[0];

    for (int r = 0; r < H_ROWS; r++) {
        double e = f * (logistic_of(h, m, r) - h->label[0][r]);

        if (h->label[0][r] < 0) continue;
        g.bias += e;
        for (int64_t i = h->sparse_first[r]; i < h->sparse_first[r + 1]; i++)
            g.w[h->sparse_id[i]] += e * (double)h->sparse_value[i];
    }
    m->bias -= step * g.bias;
    for (int i = 0; i < H_SPARSE; i++)
        m->w[i] -= step * g.w[i];
}

/* One step of plain gradient descent. */
static void descend(bench *b, const hybrid *h, double step_size)
{
    step(b, &h->batch, b->grad, b->loss);
    for (int64_t i = 0; i < crm_model_size(b->m); i++)
        for (int l = 0; l < LANES; l++)
            b->w[i] -= (float)step_size * b->grad[l * STRIDE + i];
}

/* From 0, with a rate of 1; zero weights of a head without inputs. */
static void start(bench *b)
{
    memset(b->w, 0, sizeof b->w);
}

static void alone(void)
{
    bench b = {0};
    hybrid h;

    make_alone(&h);
    h.cfg.wide_rate = 1;
    if (open_bench(&b, &h)) {
        logistic m = {{0}, 0};
        double churn[H_ROWS][2], *proba[] = {churn[0]};
        const crm_param *p = param(&b, "wide.weight");

        start(&b);
        for (int i = 0; i < 40; i++) {
            descend(&b, &h, 4);
            logistic_step(&h, &m, 4);
        }
        T_OK(crm_model_predict(b.m, &h.batch, b.w, proba));
        for (int r = 0; r < H_ROWS; r++)
            T_NEAR(churn[r][1], logistic_of(&h, &m, r), 1e-5);
        for (int i = 0; i < H_SPARSE; i++)
            T_NEAR((double)b.w[p->offset + i], m.w[i], 1e-5);
        T_NEAR((double)b.w[param(&b, "heads.churn.bias")->offset], m.bias, 1e-5);
        T_CHECK(fabs(m.w[0]) > 0.2 && fabs(m.bias) > 0.01);
        T_CHECK(b.w[param(&b, "heads.churn.weight")->offset] == 0);
        T_EQ_I(crm_model_fused_width(b.m), 0);
        T_FAILS(crm_model_fused(b.m, &h.batch, b.w, b.grad), CRM_ERR_ARG, "it has no branches");
    }
    close_bench(&b);
}

/* A rate r: the gradient is r times that of rate 1, so Adam moves r * weight r times as far. */
static void rate(void)
{
    bench one = {0}, four = {0};
    hybrid h;

    make_alone(&h);
    h.cfg.wide_rate = 1;
    if (open_bench(&one, &h)) {
        h.cfg.wide_rate = 4;
        if (open_bench(&four, &h)) {
            const crm_param *p = param(&one, "wide.weight");
            double sum = 0;

            start(&one);
            start(&four);
            step(&one, &h.batch, one.grad, one.loss);
            step(&four, &h.batch, four.grad, four.loss);
            for (int64_t i = p->offset; i < p->offset + p->n; i++) {
                T_CHECK(four.grad[i] == 4 * one.grad[i]);
                sum += fabs((double)one.grad[i]);
            }
            T_CHECK(sum > 0.01);
        }
    }
    close_bench(&one);
    close_bench(&four);
}

/* ---- the rows that a batch names ---- */
typedef struct touched {
    int n;
    int64_t first[64], count[64];
    uint8_t on[STRIDE];
} touched;

static void note(void *ctx, int64_t first, int64_t n)
{
    touched *t = ctx;

    if (t->n == 64 || first < 0 || n < 1 || first + n > STRIDE) abort();
    t->first[t->n] = first;
    t->count[t->n++] = n;
    for (int64_t i = first; i < first + n; i++)
        t->on[i]++;
}

/* Of the two rows of a lane: each element of a row of the table that occurs, once, and no other. */
static void touched_rows(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    wide(&h);
    if (open_bench(&b, &h)) {
        const crm_param *p = param(&b, "wide.weight");

        for (int l = 0; l < LANES; l++) {
            crm_model_label labels[H_HEADS];
            crm_model_batch part = h_part(&h, 2 * l, 1, 2, labels);
            touched t = {0};
            uint8_t want[H_SPARSE] = {0};

            for (int64_t i = h.sparse_first[2 * l]; i < h.sparse_first[2 * l + 2]; i++)
                want[h.sparse_id[i]] = 1;
            crm_model_touched(b.m, &part, note, &t);
            for (int64_t i = 0; i < p->n; i++)
                T_EQ_I(t.on[p->offset + i], want[i / 3]);
            for (int64_t i = 0; i < crm_model_tables(b.m); i++)
                T_EQ_I(t.on[i], 0);
            step(&b, &part, b.grad, b.loss);
            for (int64_t i = crm_model_tables(b.m); i < crm_model_size(b.m); i++)
                T_CHECK(b.grad[i] == 0 || t.on[i]);
        }
    }
    close_bench(&b);
}

/* Work on other entries has another key; on the same ones, the same. */
static void keys(void)
{
    bench b = {0};
    hybrid h;

    make_alone(&h);
    if (open_bench(&b, &h)) {
        crm_model_batch other = h.batch;
        int32_t ids[H_ENTRIES] = {0};
        char first[4096];
        const void *key;
        size_t bytes, again;

        T_OK(crm_model_bind(b.m, &h.batch, b.w, b.grad, STRIDE));
        key = crm_model_key(b.m, &bytes);
        if (bytes > sizeof first) abort();
        memcpy(first, key, bytes);
        T_OK(crm_model_bind(b.m, &h.batch, b.w, b.grad, STRIDE));
        key = crm_model_key(b.m, &again);
        T_CHECK(again == bytes && memcmp(first, key, bytes) == 0);
        other.sparse_id = ids;
        T_OK(crm_model_bind(b.m, &other, b.w, b.grad, STRIDE));
        key = crm_model_key(b.m, &again);
        T_CHECK(again != bytes || memcmp(first, key, bytes) != 0);
        h.sparse_first[H_ROWS - 1]--; /* one entry less, of the last row that has any */
        h.sparse_first[H_ROWS]--;
        T_OK(crm_model_bind(b.m, &h.batch, b.w, b.grad, STRIDE));
        key = crm_model_key(b.m, &again);
        T_CHECK(again != bytes || memcmp(first, key, bytes) != 0);
    }
    close_bench(&b);
}

/* Without entries the net gives what it gives without a wide part; at its start as well. */
static void as_without(void)
{
    bench with = {0}, without = {0};
    hybrid h, plain_h;

    h_make(&h);
    wide(&h);
    h_make(&plain_h);
    if (open_bench(&with, &h) && open_bench(&without, &plain_h)) {
        float z[H_ROWS * 3], y[H_ROWS * 3];

        crm_model_init(with.m, 11, with.w);
        T_OK(crm_model_logits(with.m, &h.batch, with.w, H_MOOD, z));
        T_OK(crm_model_logits(without.m, &plain_h.batch, without.w, H_MOOD, y));
        T_CHECK(memcmp(z, y, sizeof z) == 0);
        fill_wide(&with);
        T_OK(crm_model_logits(with.m, &h.batch, with.w, H_MOOD, z));
        T_CHECK(memcmp(z, y, sizeof z) != 0);
        memset(h.sparse_first, 0, sizeof h.sparse_first);
        T_OK(crm_model_logits(with.m, &h.batch, with.w, H_MOOD, z));
        T_CHECK(memcmp(z, y, sizeof z) == 0);
    }
    close_bench(&with);
    close_bench(&without);
    h.cfg.wide_rate = 0;
    if (open_bench(&with, &h)) T_EQ_I(crm_params_find(crm_model_params(with.m), "wide.weight"), -1);
    close_bench(&with);
}

/* ---- refused ---- */
static void refused(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    wide(&h);
    documents_only(&h);
    T_OK(crm_device_cpu(CRM_CPU_BEST, &b.device));
    T_FAILS(crm_model_new(&h.cfg, &h.in, h.head, 1, H_ROWS, LANES, b.device, &b.m), CRM_ERR_CONFIG,
            "model.wide_rate: value '2.5', but the first target 'topic' is one of documents");
    h_make(&h);
    wide(&h);
    if (open_bench(&b, &h)) {
        crm_model_batch bad = h.batch;
        char name[64];

        h.sparse_first[1] = 5;
        T_FAILS(crm_model_loss(b.m, &h.batch, b.w, b.loss, NULL), CRM_ERR_ARG,
                "row 0 has 5 entries of sparse columns, allowed: 0..4");
        h.sparse_first[1] = 3;
        bad.sparse_first = NULL;
        T_FAILS(crm_model_loss(b.m, &bad, b.w, b.loss, NULL), CRM_ERR_ARG,
                "nothing about its entries of sparse columns");
        bad = h.batch;
        bad.sparse_value = NULL;
        T_FAILS(crm_model_loss(b.m, &bad, b.w, b.loss, NULL), CRM_ERR_ARG, "without ids or values");
        h.sparse_value[9] = NAN;
        memset(b.grad, 0, sizeof b.grad);
        T_OK(crm_model_find_nonfinite(b.m, &h.batch, b.w, b.grad, STRIDE, name, sizeof name));
        T_CHECK(strcmp(name, "input of wide") == 0);
    }
    close_bench(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"alone it is a logistic model", alone},
                                   {"its rate scales the gradient", rate},
                                   {"rows that a batch names", touched_rows},
                                   {"keys of graphs", keys},
                                   {"without entries, and at its start, as without it", as_without},
                                   {"what does not fit is refused", refused},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
