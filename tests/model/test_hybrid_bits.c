/* test_hybrid_bits.c - the hybrid net with all its branches gives the same bits for a row alone, a
 * lane alone, every instruction set; rows without anything; branches that are absent or switched
 * off; memory. */
#include "hybrid_bench.h"
typedef hybrid bench_input;
#include "paths_testing.h"

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"

/* ---- bits ---- */
typedef struct outputs {
    double mood[H_ROWS][3], churn[H_ROWS][2], spend[H_ROWS][2], visits[H_ROWS], topic[H_DOCS][3];
    float fused[H_ROWS][5];
} outputs;

static void predict(bench *b, const crm_model_batch *batch, outputs *o)
{
    double *proba[] = {o->mood[0], o->churn[0], o->spend[0], o->visits, o->topic[0]};

    memset(o, 0, sizeof *o);
    T_OK(crm_model_predict(b->m, batch, b->w, proba));
    T_OK(crm_model_fused(b->m, batch, b->w, o->fused[0]));
}

static void check_row(const hybrid *h, int r, const outputs *one, const outputs *all)
{
    int64_t doc = h->doc_first[r], n = h->doc_first[r + 1] - doc;

    T_CHECK(memcmp(one->mood[0], all->mood[r], sizeof one->mood[0]) == 0);
    T_CHECK(memcmp(one->churn[0], all->churn[r], sizeof one->churn[0]) == 0);
    T_CHECK(memcmp(one->spend[0], all->spend[r], sizeof one->spend[0]) == 0);
    T_CHECK(memcmp(&one->visits[0], &all->visits[r], sizeof one->visits[0]) == 0);
    T_CHECK(memcmp(one->fused[0], all->fused[r], sizeof one->fused[0]) == 0);
    T_CHECK(memcmp(one->topic[0], all->topic[doc], (size_t)n * sizeof one->topic[0]) == 0);
}

/* With dropout in the config, which has no part in predictions. */
static void row_by_row(void)
{
    for (int v = 0; v < 6; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = h.cfg.branch_dropout = 0.5;
        if (open_bench(&b, &h)) {
            outputs all, one;
            crm_model_label labels[H_HEADS];

            T_EQ_I(crm_model_fused_width(b.m), 5);
            predict(&b, &h.batch, &all);
            for (int r = 0; r < H_ROWS; r++) {
                crm_model_batch row = h_part(&h, r, 1, 1, labels);

                predict(&b, &row, &one);
                check_row(&h, r, &one, &all);
            }
        }
        close_bench(&b);
    }
}

/* Four lanes in one call give the bits of each lane alone, with every dropout on. */
static void lanes_apart(void)
{
    for (int v = 0; v < VARIANTS - 1; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = h.cfg.embed_dropout = h.cfg.branch_dropout = 0.3;
        if (open_bench(&b, &h)) {
            crm_model_label labels[H_HEADS];
            float alone[LANES * STRIDE];
            double loss[H_HEADS];
            size_t bytes = (size_t)crm_model_size(b.m) * sizeof(float);

            step(&b, &h.batch, b.grad, b.loss);
            for (int l = 0; l < LANES; l++) {
                crm_model_batch part = h_part(&h, 2 * l, 1, 2, labels);

                step(&b, &part, alone, loss);
                T_CHECK(memcmp(alone, b.grad + l * STRIDE, bytes) == 0);
                T_CHECK(memcmp(loss, b.loss + l * h.n_heads, (size_t)h.n_heads * sizeof *loss) ==
                        0);
            }
            T_CHECK(memcmp(b.grad, b.grad + STRIDE, bytes) != 0);
        }
        close_bench(&b);
    }
}

static void instruction_sets(void)
{
    int compared = 0;

    for (int v = 0; v < VARIANTS; v++) {
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = 0.3;
        compared += same_on_paths(&h);
    }
    if (!compared) T_SKIP("this CPU has neither AVX2 nor AVX-512");
}

/* ---- rows without anything, branches without a block ---- */
static void empty_rows(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    if (open_bench(&b, &h)) {
        crm_model_label labels[H_HEADS];
        crm_model_batch two = h_part(&h, 0, 1, 2, labels), three;
        float padded[LANES * STRIDE];
        double loss[H_HEADS];

        step(&b, &two, b.grad, b.loss);
        h.event_first[3] = h.event_first[2]; /* row 2 becomes padding */
        h.doc_first[3] = h.doc_first[2];
        h.cat[2] = h.label[H_MOOD][2] = h.label[H_CHURN][2] = -1;
        memset(h.num + 4, 0, 2 * sizeof *h.num);
        memset(h.monthly + 2 * H_MONTHS * H_CHANNELS, 0, H_MONTHS * H_CHANNELS * sizeof *h.monthly);
        h.number[H_SPEND][4] = h.number[H_SPEND][5] = h.number[H_VISITS][2] = NAN;
        three = h_part(&h, 0, 1, 3, labels);
        step(&b, &three, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == b.grad[i]);
        for (int k = 0; k < H_HEADS; k++)
            T_CHECK(loss[k] == b.loss[k]);
        three = h_part(&h, 0, 1, 0, labels); /* no row at all */
        step(&b, &three, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == 0);
    }
    close_bench(&b);
}

/* A branch that is switched off and one whose block is absent give the same net. */
static void same_net(const hybrid *off, const hybrid *absent)
{
    bench a = {0}, b = {0};

    if (open_bench(&a, off) && open_bench(&b, absent)) {
        T_EQ_I(crm_params_count(crm_model_params(a.m)), crm_params_count(crm_model_params(b.m)));
        step(&a, &off->batch, a.grad, a.loss);
        step(&b, &absent->batch, b.grad, b.loss);
        T_CHECK(memcmp(a.grad, b.grad, sizeof a.grad) == 0);
        T_CHECK(memcmp(a.loss, b.loss, sizeof a.loss) == 0);
        T_CHECK(a.loss[0] > 0);
    }
    close_bench(&a);
    close_bench(&b);
}

static void switched_off(void)
{
    hybrid off, absent;

    h_make(&off);
    h_make(&absent);
    off.n_heads = absent.n_heads = H_TOPIC;
    off.cfg.rnn = CRM_MODEL_NO_RNN;
    absent.in.categories = absent.in.numbers = 0;
    absent.batch.event_first = NULL;
    same_net(&off, &absent);
    off.cfg.text = CRM_TEXT_NONE;
    absent.in.words = 0;
    absent.batch.doc_first = absent.batch.token_first = NULL;
    same_net(&off, &absent);
    off.cfg.months.n = 0;
    absent.in.months = absent.in.channels = 0;
    same_net(&off, &absent);
    h_make(&off);
    h_make(&absent);
    off.cfg.columns = CRM_COLUMNS_NONE;
    absent.in.n_num = absent.in.n_cat = 0;
    same_net(&off, &absent);
}

/* A parameter's first values do not change when other branches come and go. */
static void initial_values(void)
{
    bench a = {0}, b = {0};
    hybrid h, few;

    h_make(&h);
    h_make(&few);
    few.cfg.months.n = 0;
    few.cfg.rnn = CRM_MODEL_NO_RNN;
    if (open_bench(&a, &h) && open_bench(&b, &few)) {
        const crm_params *p = crm_model_params(a.m), *q = crm_model_params(b.m);
        const crm_param *x = crm_params_get(p, crm_params_find(p, "temb.weight"));
        const crm_param *y = crm_params_get(q, crm_params_find(q, "temb.weight"));

        T_CHECK(memcmp(a.w + x->offset, b.w + y->offset, (size_t)x->n * sizeof(float)) == 0);
        for (int i = 0; i < 3; i++)
            T_CHECK(a.w[x->offset + i] == 0 && a.w[x->offset + 3 + i] != 0);
    }
    close_bench(&a);
    close_bench(&b);
}

/* Row 0 of the word table never moves, and nothing is allocated in a pass. */
static void word_zero(void)
{
    for (int v = 0; v < 7; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        if (open_bench(&b, &h)) {
            const crm_params *ps = crm_model_params(b.m);
            int64_t at = crm_params_get(ps, crm_params_find(ps, "temb.weight"))->offset;
            size_t used;

            b.w[at] = b.w[at + 1] = 9; /* is not read either */
            step(&b, &h.batch, b.grad, b.loss);
            used = crm_mem_used();
            T_CHECK(h.token[0] == 0 && b.grad[at] == 0 && b.grad[at + 1] == 0);
            b.w[at] = b.w[at + 1] = 0;
            {
                float grad[LANES * STRIDE];
                double loss[LANES * H_HEADS];

                step(&b, &h.batch, grad, loss);
                T_CHECK(memcmp(grad, b.grad, sizeof grad) == 0);
                T_CHECK(memcmp(loss, b.loss, sizeof loss) == 0);
            }
            T_CHECK(crm_mem_used() == used);
        }
        close_bench(&b);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a row alone has the bits it has in a batch", row_by_row},
                                   {"a lane alone has the bits it has among others", lanes_apart},
                                   {"every instruction set gives the same bits", instruction_sets},
                                   {"rows without anything contribute nothing", empty_rows},
                                   {"switched off is as absent", switched_off},
                                   {"initial values are those of the name", initial_values},
                                   {"the row of no word stays; passes allocate nothing", word_zero},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
