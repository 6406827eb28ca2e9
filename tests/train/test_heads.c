/* test_heads.c - several targets learnt by one net, what the hooks are told of them, and first
 * weights by name.
 * ranks: 1 2 timeout: 120 */
#include "full_fit.h"

/* What the hook heard of heads in the last epoch. */
typedef struct heard {
    int n;
    char name[8][16];
    double first[8], last[8], valid[8];
    double train, valid_loss;
    const char *phase; /* in: to listen to */
} heard;

static crm_hook_answer hear(void *ctx, const crm_epoch *e)
{
    heard *h = ctx;

    if (strcmp(e->phase, h->phase) != 0) return CRM_HOOK_GO;
    h->n = e->n_heads;
    for (int i = 0; i < e->n_heads && i < 8; i++) {
        snprintf(h->name[i], sizeof h->name[i], "%s", e->head[i]);
        if (e->epoch == 1) h->first[i] = e->head_loss[i];
        h->last[i] = e->head_loss[i];
        h->valid[i] = e->head_valid_loss[i];
    }
    h->train = e->train_loss;
    h->valid_loss = e->valid_loss;
    return CRM_HOOK_GO;
}

static void heads_learn(void)
{
    heard h = {.phase = CRM_PHASE_SEARCH};
    fitted f = {.parts = CRM_FLAT_PROFILE, .hooks = {.ctx = &h, .on_epoch = hear}};

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, HEADS, "model.columns=own", "train.epochs=30", "train.patience=30",
                     "train.refit=false", "optim.lr=0.01"),
                &f));
    T_EQ_I(h.n, 5);
    T_CHECK(strcmp(h.name[0], "churn") == 0 && strcmp(h.name[2], "mood") == 0);
    for (int i = 0; i < 4; i++)
        T_CHECK(h.last[i] < h.first[i]);
    T_CHECK(h.last[2] < 0.5 * h.first[2]);          /* the word is the mood */
    T_CHECK(isnan(h.last[4]) && isnan(h.valid[4])); /* no labels at all */
    T_CHECK(h.train == h.last[0] && h.valid_loss == h.valid[0]);
    drop(&f);
}

/* Entropy of the classes of label[n] (negative: none), which is the mean loss of a head that
 * predicts their frequencies. */
static double entropy(const int32_t *label, int64_t n)
{
    double count[3] = {0}, all = 0, h = 0;

    for (int64_t i = 0; i < n; i++)
        if (label[i] >= 0) count[label[i]]++;
    for (int c = 0; c < 3; c++)
        all += count[c];
    for (int c = 0; c < 3; c++)
        if (count[c] > 0) h -= count[c] / all * log(count[c] / all);
    return h;
}

/* Mean of r - y log r over the values that are there, r their mean in each column. */
static double poisson_loss(const float *value, int64_t n)
{
    double loss = 0, count[2] = {0}, sum[2] = {0};

    for (int64_t i = 0; i < 2 * n; i++) {
        if (isnan(value[i])) continue;
        count[i % 2]++;
        sum[i % 2] += (double)value[i];
    }
    for (int k = 0; k < 2; k++)
        loss += sum[k] - sum[k] * log(sum[k] / count[k]);
    return loss / (count[0] + count[1]);
}

/* One step on all rows at no speed: the losses are those of the frequencies, masked labels, cut
 * documents and weights of heads notwithstanding. */
static void losses_of_frequencies(void)
{
    static full d;
    heard h = {.phase = CRM_PHASE_FIT};
    fitted f = {.parts = CRM_FLAT_PROFILE, .hooks = {.ctx = &h, .on_epoch = hear}};

    make_full(&d);
    cut_documents(&d, KEEP_DOCS, KEEP_TOKENS);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, HEADS, "train.lane_rows=64", "train.validation=0", "train.epochs=1",
                     "optim.lr=1e-30"),
                &f));
    T_NEAR(h.last[0], entropy(d.churn, ROWS), 1e-6);
    T_NEAR(h.last[1], entropy(d.segment, ROWS), 1e-6);
    T_NEAR(h.last[2], entropy(d.mood, d.doc_first[ROWS]), 1e-6);
    T_NEAR(h.last[3], poisson_loss(d.visits, ROWS), 1e-5);
    T_CHECK(isnan(h.last[4]));
    drop(&f);
}

static void wrong_heads(void)
{
    static const struct {
        const char *target, *heads, *text, *part;
    } wrong[] = {
        {NULL, "model.heads=segmnt", "model.text=cnn", "did you mean 'segment'?; there are"},
        {NULL, "model.heads=nope", "model.text=cnn", "beside churn: "},
        {NULL, "model.heads=change", "model.text=cnn",
         "'change' holds -3; poisson needs 0 or more, write change:1:huber"},
        {NULL, "model.heads=change:0.5:poisson", "model.text=cnn", "write change:0.5:huber"},
        {NULL, "model.heads=churn", "model.text=cnn", "the target itself"},
        {NULL, "model.heads=segment:1:huber", "model.text=cnn", "has classes"},
        {NULL, "model.heads=mood", "model.text=none", "labels documents"},
        {"visits", "model.heads=", "model.text=cnn", "no class of a customer"},
        {"mood", "model.heads=", "model.text=cnn", "no class of a customer"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE, .target = wrong[i].target};
        T_FAILS(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, wrong[i].heads, wrong[i].text), &f),
                CRM_ERR_CONFIG, wrong[i].part);
        drop(&f);
    }
}

/* Numbers below 0 are no matter for another loss, nor in rows that are not learnt from. */
static void numbers_below_zero(void)
{
    static const char *const heads[] = {"model.heads=change:1:huber", "model.heads=change"};

    for (int i = 0; i < 2; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE, .rows = i ? ROWS - 1 : 0};
        T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, heads[i], "train.epochs=1"), &f));
        drop(&f);
    }
}

/* Weights of one layer that are too large for a float's sums: it is named, whatever comes of it. */
static void stops_with_a_name(void)
{
    static const char *const layer[][2] = {{"mconv1", "mconv1"}, {"tconv3", "tconv"}};
    static float weight[6 * 3 * 6];
    static const int64_t dim[][3] = {{6, 3, 3}, {5, 6, 3}};

    for (size_t i = 0; i < sizeof weight / sizeof *weight; i++)
        weight[i] = 3e38f;
    for (int i = 0; i < 2; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        crm_bag *init = NULL;
        char name[32], part[32];
        snprintf(name, sizeof name, "%s.weight", layer[i][0]);
        snprintf(part, sizeof part, "output of %s", layer[i][1]);
        T_OK(crm_bag_new(&init));
        T_OK(crm_bag_put(init, name, CRM_F32, 3, dim[i], weight));
        f.init = init;
        T_FAILS(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, "train.validation=0"), &f),
                CRM_ERR_NUMERIC, part);
        drop(&f);
        f = (fitted){.parts = CRM_FLAT_PROFILE, .init = init};
        T_FAILS(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL), &f), CRM_ERR_NUMERIC,
                "first weights");
        drop(&f);
        crm_bag_free(&init);
    }
}

/* Nothing but documents: a net without profile, months and events. */
static void documents_only(void)
{
    fitted f = {.parts = 0};

    T_OK(fit_on(t_comm, path[FILE_TEXT], 1,
                SETS(SMALL, "model.columns=none", "model.heads=mood", "train.epochs=2"), &f));
    drop(&f);
}

/* ---- first weights ---- */
static const float *weights_of(const fitted *f, const char *name, crm_bag **bag)
{
    char full_name[96];
    const crm_bag_array *a;

    if (crm_bag_new(bag) || crm_pipeline_save(f->pipe, *bag)) return NULL;
    snprintf(full_name, sizeof full_name, "estimator/%s", name);
    a = crm_bag_find(*bag, full_name);
    return a ? a->data : NULL;
}

static void first_weights(void)
{
    static const float bias[1] = {0.25f};
    static float weight[12];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *init = NULL, *after = NULL;
    const float *got;

    for (int i = 0; i < 12; i++)
        weight[i] = (float)(i + 1) / 16;
    T_OK(crm_bag_new(&init));
    T_OK(crm_bag_put(init, "heads.churn.weight", CRM_F32, 2, (int64_t[]){1, 12}, weight));
    T_OK(crm_bag_put(init, "heads.churn.bias", CRM_F32, 1, (int64_t[]){1}, bias));
    f.init = init;
    /* nothing moves at this rate, so the weights show where they began */
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, HEADS, "optim.lr=1e-30", "optim.weight_decay=0", "train.epochs=1",
                     "train.validation=0"),
                &f));
    got = weights_of(&f, "heads.churn.weight", &after);
    T_CHECK(got && memcmp(got, weight, sizeof weight) == 0);
    crm_bag_free(&after);
    got = weights_of(&f, "heads.segment.weight", &after); /* not given: the frequencies */
    T_CHECK(got && fabsf(got[0]) < 1e-20f && fabsf(got[5]) < 1e-20f);
    crm_bag_free(&after);
    drop(&f);
    crm_bag_free(&init);
}

static void expect_init(const char *name, int rank, const int64_t *dim, const char *part)
{
    static const float x[64];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *init = NULL;

    T_OK(crm_bag_new(&init));
    T_OK(crm_bag_put(init, name, CRM_F32, rank, dim, x));
    f.init = init;
    T_FAILS(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL), &f), CRM_ERR_FORMAT, part);
    drop(&f);
    crm_bag_free(&init);
}

static void wrong_first_weights(void)
{
    expect_init("heads.churn.weight", 2, (int64_t[]){12, 1}, "[12 x 1], [1 x 12] is needed");
    expect_init("heads.churn.wieght", 2, (int64_t[]){1, 12}, "did you mean 'heads.churn.weight'");
    expect_init("something", 1, (int64_t[]){3}, "'something' is no parameter");
}

/* Row 0 of the table of words is "no word": given as something else, it would be without effect. */
static void no_word_is_zero(void)
{
    fitted f = {.parts = CRM_FLAT_PROFILE}, g = {.parts = CRM_FLAT_PROFILE};
    crm_bag *init = NULL, *after = NULL;
    const crm_bag_array *a;

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, "train.epochs=1"), &f));
    T_CHECK(weights_of(&f, "temb.weight", &after) != NULL);
    a = crm_bag_find(after, "estimator/temb.weight");
    for (int i = 0; a && i < 2; i++) {
        float *x = (float *)(uintptr_t)a->data; /* the copy of this bag */
        crm_status st;
        x[3] = i ? 0.0f : 0.5f;
        T_OK(crm_bag_new(&init));
        T_OK(crm_bag_put(init, "temb.weight", CRM_F32, a->rank, a->dim, x));
        g.init = init;
        st = fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, "train.epochs=1"), &g);
        if (i)
            T_OK(st);
        else
            T_FAILS(st, CRM_ERR_FORMAT, "'temb.weight' has 0.5 in row 0");
        drop(&g);
        crm_bag_free(&init);
    }
    crm_bag_free(&after);
    drop(&f);
}

/* The vectors of a row by all nets, side by side; the first net is the one that is fitted alone. */
static void nets_embed_side_by_side(void)
{
    static const char *const members[] = {"train.members=1", "train.members=2"};
    enum { NETS = 2, VECTORS = 3, WIDTH = 12 };
    const int64_t row[VECTORS] = {3, 0, 77};
    float *v[NETS] = {NULL};

    for (int i = 0; i < NETS; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        int64_t width = 0;
        T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, members[i], "train.epochs=1"), &f));
        T_OK(crm_pipeline_embed(f.pipe, f.data, row, VECTORS, &width, &v[i]));
        T_EQ_I(width, WIDTH * (i + 1));
        drop(&f);
    }
    for (int r = 0; r < VECTORS && v[0] && v[1]; r++) {
        const float *one = v[0] + r * WIDTH, *both = v[1] + r * 2 * WIDTH;
        T_CHECK(memcmp(one, both, WIDTH * sizeof *one) == 0);
        T_CHECK(memcmp(one, both + WIDTH, WIDTH * sizeof *one) != 0);
    }
    crm_mem_free(v[0]);
    crm_mem_free(v[1]);
}

/* All parameters of one fit put into another give its predictions; one missing is an error. */
static void weights_replaced(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE}, g = {.parts = CRM_FLAT_PROFILE};
    crm_bag *all = NULL, *params = NULL;

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL), &f));
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, "train.epochs=1"), &g));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    T_OK(crm_bag_new(&all));
    T_OK(crm_bag_new(&params));
    T_OK(crm_pipeline_save(f.pipe, all));
    T_OK(crm_bag_push(all, "estimator"));
    for (int i = 0; i < crm_bag_count(all); i++) {
        const crm_bag_array *x = crm_bag_at(all, i);
        if (x->dtype != CRM_F32) continue; /* parameters are all that is f32 */
        T_FAILS(crm_pipeline_weights(g.pipe, params), CRM_ERR_FORMAT, "is missing");
        T_OK(crm_bag_put(params, x->name, CRM_F32, x->rank, x->dim, x->data));
    }
    T_OK(crm_pipeline_weights(g.pipe, params));
    T_OK(predict_on(g.pipe, path[FILE_PLAIN], b));
    T_CHECK(difference(a, b, 0) == 0);
    crm_bag_free(&params);
    crm_bag_free(&all);
    drop(&f);
    drop(&g);
}

/* Sums in another order give nearly the same net. */
static void fast_mode(void)
{
    static double proba[2][2 * ROWS];
    double most = 0;

    for (int i = 0; i < 2; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        T_OK(fit_on(
            t_comm, path[FILE_PLAIN], 1,
            SETS(SMALL, HEADS, "train.lanes=2", i ? "train.reduce=fast" : "train.reduce=exact"),
            &f));
        T_OK(predict_on(f.pipe, path[FILE_PLAIN], proba[i]));
        drop(&f);
    }
    for (int i = 0; i < 2 * ROWS; i++)
        most = fmax(most, fabs(proba[0][i] - proba[1][i]));
    T_CHECK(most < 1e-4);
}

/* Steps that the hook was told of, first ones of an epoch, and whether they made sense. */
typedef struct steps {
    int calls, first, wrong;
} steps;

static void hear_step(void *ctx, const crm_step *s)
{
    steps *h = ctx;

    h->calls++;
    h->first += s->step == 1;
    h->wrong += s->step < 1 || s->step > s->steps || s->epoch < 1 || s->epoch > s->of ||
                !(s->rows_per_s > 0) || !(s->loss > 0 && s->loss < 10);
}

/* The first step of each epoch is told, later ones as time goes by; without effect on the result.
 */
static void tells_steps(void)
{
    steps h = {.calls = 0};
    crm_digest digest[2];

    for (int i = 0; i < 2; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        if (i) f.hooks = (crm_hooks){.ctx = &h, .on_step = hear_step};
        T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                    SETS(SMALL, "train.epochs=3", "train.lane_rows=1", "train.lanes=4",
                         "train.validation=0"),
                    &f));
        T_OK(crm_pipeline_digest(f.pipe, &digest[i]));
        drop(&f);
    }
    T_EQ_I(h.first, 3);
    T_CHECK(h.calls >= h.first && h.wrong == 0);
    T_CHECK(crm_digest_equal(digest[0], digest[1]));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"all heads learn", heads_learn},
                                   {"losses of the frequencies", losses_of_frequencies},
                                   {"wrong heads are named", wrong_heads},
                                   {"numbers below zero", numbers_below_zero},
                                   {"stops with a name", stops_with_a_name},
                                   {"documents only", documents_only},
                                   {"first weights by name", first_weights},
                                   {"wrong first weights are named", wrong_first_weights},
                                   {"no word is zero", no_word_is_zero},
                                   {"nets embed side by side", nets_embed_side_by_side},
                                   {"weights replaced", weights_replaced},
                                   {"fast mode", fast_mode},
                                   {"tells steps", tells_steps},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
