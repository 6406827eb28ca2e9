/* mlp.c - a multilayer perceptron as an estimator: the hybrid net with nothing but dense layers on
 * the columns of the source, under options of its own.  Everything else is the hybrid's: step loop,
 * exact sums, devices, model files. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/estimator_classes.h"
#include "train_impl.h"

#define WEIGHT_KEY "mlp.class_weight"
enum { LAYERS_MAX = 16, WIDTH_MAX = 65536 };

typedef struct mlp {
    crm_estimator base;
    crm_hybrid_cfg cfg;
    crm_estimator *net; /* of crm_hybrid_class, with this cfg */
} mlp;

/* Rows of a lane: the batch is shared out, rounded up. */
static int64_t lane_rows(const crm_mlp_cfg *c)
{
    return (c->batch_rows + c->lanes - 1) / c->lanes;
}

static crm_hybrid_cfg hybrid_of(const crm_mlp_cfg *c)
{
    return (crm_hybrid_cfg){
        .train = {.epochs = c->epochs,
                  .lanes = c->lanes,
                  .lane_rows = lane_rows(c),
                  .threads = 1,
                  .reduce = CRM_REDUCE_EXACT,
                  .validation = c->validation,
                  .patience = c->patience,
                  .prior_start = true,
                  .refit = c->refit,
                  .class_weight = c->class_weight,
                  .members = 1,
                  .cache_bytes = c->cache_bytes,
                  .on_nonfinite = CRM_BAD_STOP,
                  .on_spike = CRM_BAD_WARN,
                  .spike_factor = 10,
                  .max_bad_steps = 10},
        .check = {.every = CRM_CHECK_EVERY},
        .model = {.columns = CRM_COLUMNS_FLAT,
                  .hidden = c->hidden,
                  .activation = c->activation,
                  .dropout = c->dropout,
                  .rnn = CRM_MODEL_NO_RNN,
                  .text = CRM_TEXT_NONE},
        .optim = {.kind = CRM_OPTIM_ADAMW,
                  .lr = c->learning_rate,
                  .weight_decay = c->alpha,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .eps = 1e-8,
                  .schedule = c->schedule},
        .lr_key = "mlp.learning_rate",
        .weight_key = WEIGHT_KEY,
    };
}

static crm_status check(const crm_mlp_cfg *c)
{
    int64_t width;

    CRM_TRY(crm_class_weights_check(&c->class_weight, WEIGHT_KEY, NULL));
    CRM_CHECK(c->hidden.n <= LAYERS_MAX, CRM_ERR_CONFIG,
              "mlp.hidden: %d numbers, allowed: at most %d", c->hidden.n, LAYERS_MAX);
    for (int i = 0; i < c->hidden.n; i++) {
        const char *text = c->hidden.item[i];
        CRM_CHECK(crm_parse_i64(text, strlen(text), &width) && width >= 1 && width <= WIDTH_MAX,
                  CRM_ERR_CONFIG, "mlp.hidden: value '%s', allowed: integers 1..%d", text,
                  WIDTH_MAX);
    }
    return CRM_OK;
}

static crm_status check_data(const void *cfg, const crm_schema *s, const crm_target *t,
                             int64_t rows)
{
    (void)s, (void)rows;
    return crm_class_weights_check(&((const crm_mlp_cfg *)cfg)->class_weight, WEIGHT_KEY, t);
}

static void mlp_free(crm_estimator *e)
{
    mlp *m = (mlp *)e;

    if (m->net) m->net->class->free(m->net);
    crm_mem_free(m);
}

static crm_status mlp_make(const void *cfg, crm_estimator **out)
{
    crm_status st;
    mlp *m;

    *out = NULL;
    CRM_TRY(check(cfg));
    CRM_NEW(m, 1);
    m->base.class = &crm_mlp_class;
    m->cfg = hybrid_of(cfg);
    st = crm_hybrid_class.make(&m->cfg, &m->net);
    if (st)
        mlp_free(&m->base);
    else
        *out = &m->base;
    return st;
}

/* The net, which computes where this estimator is to compute. */
static crm_estimator *net_of(crm_estimator *e)
{
    mlp *m = (mlp *)e;

    m->net->device = e->device;
    m->net->gpu = e->gpu;
    return m->net;
}

static crm_status mlp_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    return crm_hybrid_class.fit(net_of(e), fit, in);
}

static crm_status mlp_predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                              double *proba)
{
    return crm_hybrid_class.predict(net_of(e), in, row, n, proba);
}

static crm_status mlp_save(const crm_estimator *e, crm_bag *b)
{
    return crm_hybrid_class.save(((const mlp *)e)->net, b);
}

static crm_status mlp_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    return crm_hybrid_class.load(net_of(e), in, n_classes, b);
}

static crm_status mlp_weights(crm_estimator *e, const crm_bag *b)
{
    return crm_hybrid_class.weights(net_of(e), b);
}

static int64_t mlp_embed_width(const crm_estimator *e)
{
    return crm_hybrid_class.embed_width(((const mlp *)e)->net);
}

static crm_status mlp_embed(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                            float *out)
{
    return crm_hybrid_class.embed(net_of(e), in, row, n, out);
}

static crm_estimator_traits mlp_traits(const void *cfg)
{
    const crm_hybrid_cfg net = hybrid_of(cfg);

    return crm_hybrid_class.traits(&net);
}

static const crm_cfg_part parts[] = {{crm_mlp_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_mlp_class = {
    .name = "mlp",
    .parts = parts,
    .cfg_size = sizeof(crm_mlp_cfg),
    .help = "Multilayer perceptron on the columns that classical models see, without n-grams.",
    .uses_device = true,
    .check = check_data,
    .make = mlp_make,
    .fit = mlp_fit,
    .predict = mlp_predict,
    .save = mlp_save,
    .load = mlp_load,
    .free = mlp_free,
    .weights = mlp_weights,
    .embed_width = mlp_embed_width,
    .embed = mlp_embed,
    .traits = mlp_traits,
    .reading = "importance, dependence",
};
