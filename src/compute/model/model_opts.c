/* model_opts.c - option table of the hybrid net and what it can check by itself. */
#include "model_impl.h"

#include <stdio.h>
#include <string.h>

#include "crmpi/base_str.h"

/* Of a head in the loss of the net, where floats have digits to spare. */
static const double weight_min = 1e-6, weight_max = 1e6;

enum { UNITS_MAX = 4096, ROWS_MAX = 4096, KERNEL_MAX = 31 };

static const char *const columns_names[] = {"flat", "own", "none", NULL};
static const char *const rnn_names[] = {"none", "gru", "lstm", NULL};
static const char *const text_names[] = {"none", "cnn", "gru", NULL};
static const char *const pool_names[] = {"max", "mean", "last", "attention", NULL};
static const char *const months_pool_names[] = {"max", "mean", "last", NULL};
static const char *const documents_pool_names[] = {"max", "mean", "attention", NULL};
static const char *const loss_names[] = {
    [CRM_HEAD_HUBER] = "huber", [CRM_HEAD_POISSON] = "poisson"};
_Static_assert(CRM_TEXT_COUNT == 3 && CRM_MODEL_LSTM == 2 && CRM_MODEL_ATTENTION == 3 &&
                   CRM_DOCUMENTS_ATTENTION == 2 && CRM_COLUMNS_NONE == 2 &&
                   CRM_HEAD_KIND_COUNT == 3,
               "names of the options");

#define S crm_model_cfg
const crm_opt crm_model_opts[] = {
    CRM_OPT_E(S, columns, "model.columns", "flat", columns_names, 0,
              "what the profile branch reads: flat, the columns that classical models see; own, "
              "the columns of the profile block only; none, no profile branch"),
    CRM_OPT_I(S, embed_dim, "model.embed_dim", 0, 0, 1024, "1", 0,
              "width of the embedding of a categorical column; 0: min(16, (levels + 1) / 2)"),
    CRM_OPT_L(S, hidden, "model.hidden", "128,64", NULL, 0,
              "widths of the dense layers of the profile branch, 1..65536, at most 16 of them"),
    CRM_OPT_E(S, activation, "model.activation", "relu", crm_act_names, 0,
              "activation of dense layers (convolutions always have relu)"),
    CRM_OPT_R(S, dropout, "model.dropout", 0.1, 0, 0.95, "1", 0,
              "part of the units dropped after each dense layer in training"),
    CRM_OPT_R(S, embed_dropout, "model.embed_dropout", 0, 0, 0.95, "1", 0,
              "part of the inputs of the profile branch dropped in training"),
    CRM_OPT_R(S, branch_dropout, "model.branch_dropout", 0, 0, 0.95, "1", 0,
              "part of the columns of all branches dropped in training, before the fusion layer"),
    CRM_OPT_B(S, residual, "model.residual", 0, 0,
              "hidden layers of equal width add their input to their output"),
    CRM_OPT_I(S, fusion, "model.fusion", 64, 0, MODEL_WIDTH_MAX, "1", 0,
              "width of the dense layer on the fused vector; 0: heads read it directly"),
    CRM_OPT_L(S, months, "model.months", "32,32", NULL, 0,
              "channels of the convolutions over months (with relu), 1..65536, at most 16 of them; "
              "empty: no branch of months"),
    CRM_OPT_I(S, months_kernel, "model.months_kernel", 3, 1, KERNEL_MAX, "months", 0,
              "width of these convolutions, an odd number"),
    CRM_OPT_E(S, months_pool, "model.months_pool", "max", months_pool_names, 0,
              "how months become one vector: largest value, mean, last month"),
    CRM_OPT_E(S, rnn, "model.rnn", "gru", rnn_names, 0,
              "recurrent net over the events; none: no branch of events"),
    CRM_OPT_I(S, rnn_units, "model.rnn_units", 32, 1, UNITS_MAX, "1", 0,
              "units of each of its layers, in each direction"),
    CRM_OPT_I(S, rnn_layers, "model.rnn_layers", 1, 1, 8, "layers", 0, "layers of it"),
    CRM_OPT_B(S, rnn_both, "model.rnn_both", 0, 0, "read the events in both directions"),
    CRM_OPT_E(S, rnn_pool, "model.rnn_pool", "last", pool_names, 0,
              "how the states become one vector: largest value, mean, the state at the end, or a "
              "mean with learnt weights (attention)"),
    CRM_OPT_I(S, event_dim, "model.event_dim", 8, 1, 1024, "1", 0,
              "width of the embedding of the category of an event"),
    CRM_OPT_I(S, event_steps, "model.event_steps", 50, 1, ROWS_MAX, "events", 0,
              "so many of the last events of a customer are seen"),
    CRM_OPT_B(S, event_time, "model.event_time", 1, 0,
              "the time from an event to the end of the window is one more of its numbers"),
    CRM_OPT_E(S, text, "model.text", "cnn", text_names, 0,
              "net over the tokens of a document: convolution, or GRU in both directions; none: "
              "no branch of documents"),
    CRM_OPT_I(S, text_dim, "model.text_dim", 32, 1, 1024, "1", 0, "width of a word vector"),
    CRM_OPT_S(
        S, text_vectors, "model.text_vectors", "none", CRM_OPT_FILE,
        "word vectors to begin with: none; fold, learnt from the texts of the training rows of "
        "each fit with the options embed.* and the width model.text_dim; or a file (GloVe, or "
        "word2vec text or binary) of that width, whose content is in the digest of a run"),
    CRM_OPT_B(S, text_frozen, "model.text_frozen", 0, 0,
              "word vectors stay what they are at first; else they are learnt with the net"),
    CRM_OPT_R(
        S, text_spread, "model.text_spread", 0, 0, 1e3, "1", 0,
        "root mean square of the numbers of word vectors at first: those of model.text_vectors are "
        "scaled to it, those of other words drawn with it; 0: the former are taken as they are, "
        "the latter drawn with theirs, or with 1"),
    CRM_OPT_B(S, text_transductive, "model.text_transductive", 0, 0,
              "model.text_vectors fold learns from the texts of all rows of the data set, those of "
              "the test part too (never from labels): scores then hold for texts that were known "
              "when the model was made, not for new ones"),
    CRM_OPT_R(S, text_dropout, "model.text_dropout", 0, 0, 0.95, "1", 0,
              "part of the words of documents that become no word in training, drawn anew in each "
              "epoch"),
    CRM_OPT_I(S, text_filters, "model.text_filters", 32, 1, UNITS_MAX, "1", 0,
              "filters of each kernel (with relu), or units of the GRU in each direction"),
    CRM_OPT_L(S, text_kernels, "model.text_kernels", "1,2,3", NULL, 0,
              "widths of the kernels of the convolution in tokens, all different, from 1 to "
              "model.text_length, at most 8 of them"),
    CRM_OPT_E(S, text_pool, "model.text_pool", "max", pool_names, 0,
              "how the states of the GRU become one vector, as model.rnn_pool (the convolution "
              "always takes the largest value)"),
    CRM_OPT_I(S, text_length, "model.text_length", 64, 1, ROWS_MAX, "tokens", 0,
              "so many of the first tokens of a document are seen"),
    CRM_OPT_I(S, documents, "model.documents", 8, 1, ROWS_MAX, "documents", 0,
              "so many of the last documents of a customer are seen"),
    CRM_OPT_E(S, documents_pool, "model.documents_pool", "max", documents_pool_names, 0,
              "how the documents of a customer become one vector: max, mean or attention"),
    CRM_OPT_R(
        S, wide_rate, "model.wide_rate", 10, 0, 1e6, "1", 0,
        "learning rate of the wide part as a multiple of that of the rest, where the data has "
        "sparse columns: a linear model on them, which begins at 0 and is added to the output "
        "of the main target; 0: no wide part"),
    CRM_OPT_L(S, heads, "model.heads", "", NULL, 0,
              "further targets to learn with the same net: name, name:weight (of its loss, 1 when "
              "not given, from 1e-6 to 1e6) or name:weight:loss, at most 32 of them; the loss of "
              "numbers is poisson, which needs values of 0 or more, or huber"),
    {.key = NULL}};
#undef S

crm_status model_read_list(const char *key, const crm_opt_list *list, int max, int64_t most,
                           model_list *out)
{
    CRM_CHECK(list->n <= max, CRM_ERR_CONFIG, "%s: %d numbers, allowed: at most %d", key, list->n,
              max);
    for (int i = 0; i < list->n; i++) {
        const char *text = list->item[i];

        CRM_CHECK(crm_parse_i64(text, strlen(text), &out->item[i]) && out->item[i] >= 1 &&
                      out->item[i] <= most,
                  CRM_ERR_CONFIG, "%s: value '%s', allowed: integers 1..%lld", key, text,
                  (long long)most);
    }
    out->n = list->n;
    return CRM_OK;
}

/* ---- checks of branches ---- */
typedef struct range {
    const char *key;
    int64_t value, max;
} range;

static crm_status check_ranges(const range *r, int n)
{
    for (int i = 0; i < n; i++)
        CRM_CHECK(r[i].value >= 1 && r[i].value <= r[i].max, CRM_ERR_CONFIG,
                  "%s: value '%lld', allowed: integers 1..%lld", r[i].key, (long long)r[i].value,
                  (long long)r[i].max);
    return CRM_OK;
}

static crm_status check_months(const crm_model_cfg *cfg)
{
    model_list list;

    CRM_TRY(model_read_list("model.months", &cfg->months, MODEL_LIST_MAX, MODEL_WIDTH_MAX, &list));
    if (list.n == 0) return CRM_OK;
    CRM_CHECK(cfg->months_kernel >= 1 && cfg->months_kernel <= KERNEL_MAX &&
                  cfg->months_kernel % 2 == 1,
              CRM_ERR_CONFIG,
              "model.months_kernel: value '%lld', allowed: odd integers 1..%d (so that as many "
              "months come out as go in)",
              (long long)cfg->months_kernel, KERNEL_MAX);
    CRM_CHECK(cfg->months_pool != CRM_MODEL_ATTENTION, CRM_ERR_CONFIG,
              "model.months_pool: value 'attention', allowed: max, mean, last");
    return CRM_OK;
}

static crm_status check_events(const crm_model_cfg *cfg)
{
    const range r[] = {{"model.rnn_units", cfg->rnn_units, UNITS_MAX},
                       {"model.rnn_layers", cfg->rnn_layers, 8},
                       {"model.event_dim", cfg->event_dim, 1024}};

    return cfg->rnn == CRM_MODEL_NO_RNN ? CRM_OK : check_ranges(r, 3);
}

static crm_status check_kernels(const crm_model_cfg *cfg)
{
    model_list k;

    CRM_TRY(model_read_list("model.text_kernels", &cfg->text_kernels, CRM_TEXT_KERNELS,
                            MODEL_WIDTH_MAX, &k));
    CRM_CHECK(
        k.n > 0, CRM_ERR_CONFIG,
        "model.text_kernels: value '', allowed: at least one width; for no text set model.text "
        "none");
    for (int i = 0; i < k.n; i++) {
        CRM_CHECK(k.item[i] <= cfg->text_length, CRM_ERR_CONFIG,
                  "model.text_kernels: value '%lld', allowed: integers 1..%lld "
                  "(model.text_length)",
                  (long long)k.item[i], (long long)cfg->text_length);
        for (int j = 0; j < i; j++)
            CRM_CHECK(
                k.item[i] != k.item[j], CRM_ERR_CONFIG,
                "model.text_kernels: value '%lld', allowed: widths that differ (%lld is there "
                "twice); for more filters raise model.text_filters",
                (long long)k.item[i], (long long)k.item[i]);
    }
    CRM_CHECK(cfg->text_pool == CRM_MODEL_MAX, CRM_ERR_CONFIG,
              "model.text_pool: value '%s', allowed: max (others need model.text gru)",
              pool_names[cfg->text_pool]);
    return CRM_OK;
}

static crm_status check_text(const crm_model_cfg *cfg)
{
    const range r[] = {{"model.text_dim", cfg->text_dim, 1024},
                       {"model.text_filters", cfg->text_filters, UNITS_MAX},
                       {"model.text_length", cfg->text_length, ROWS_MAX}};

    if (cfg->text == CRM_TEXT_NONE) return CRM_OK;
    CRM_TRY(check_ranges(r, 3));
    return cfg->text == CRM_TEXT_CNN ? check_kernels(cfg) : CRM_OK;
}

crm_status crm_model_cfg_check(const crm_model_cfg *cfg)
{
    crm_model_target target[CRM_MODEL_HEADS_MAX];
    model_list list;
    int n;

    CRM_TRY(model_read_list("model.hidden", &cfg->hidden, MODEL_LIST_MAX, MODEL_WIDTH_MAX, &list));
    CRM_TRY(check_months(cfg));
    CRM_TRY(check_events(cfg));
    CRM_TRY(check_text(cfg));
    return crm_model_parse_heads(cfg, target, &n);
}

/* ---- further targets ---- */
static crm_status parse_loss(const char *item, const char *text, int *kind)
{
    for (int k = 0; k < CRM_HEAD_KIND_COUNT; k++)
        if (loss_names[k] && strcmp(text, loss_names[k]) == 0) {
            *kind = k;
            return CRM_OK;
        }
    CRM_FAIL(CRM_ERR_CONFIG, "model.heads: value '%s', allowed losses: huber, poisson (not '%s')",
             item, text);
}

static crm_status parse_head(const char *item, crm_model_target *t)
{
    const char *colon = strchr(item, ':'), *weight = colon ? colon + 1 : "1";
    const char *loss = colon ? strchr(weight, ':') : NULL;
    size_t name = colon ? (size_t)(colon - item) : strlen(item);
    size_t digits = loss ? (size_t)(loss - weight) : strlen(weight);

    CRM_CHECK(name >= 1 && name < CRM_MODEL_HEAD_NAME_MAX, CRM_ERR_CONFIG,
              "model.heads: value '%s', allowed: name, name:weight or name:weight:loss with names "
              "of 1..%d bytes",
              item, CRM_MODEL_HEAD_NAME_MAX - 1);
    *t = (crm_model_target){.kind = -1};
    memcpy(t->name, item, name);
    CRM_CHECK(crm_parse_f64(weight, digits, &t->weight) && t->weight >= weight_min &&
                  t->weight <= weight_max,
              CRM_ERR_CONFIG, "model.heads: value '%s', allowed weight of '%s': a number 1e-6..1e6",
              item, t->name);
    return loss ? parse_loss(item, loss + 1, &t->kind) : CRM_OK;
}

crm_status crm_model_parse_heads(const crm_model_cfg *cfg,
                                 crm_model_target out[CRM_MODEL_HEADS_MAX], int *n)
{
    CRM_CHECK(cfg->heads.n <= CRM_MODEL_HEADS_MAX, CRM_ERR_CONFIG,
              "model.heads: %d targets, allowed: at most %d", cfg->heads.n, CRM_MODEL_HEADS_MAX);
    for (int i = 0; i < cfg->heads.n; i++) {
        CRM_TRY(parse_head(cfg->heads.item[i], &out[i]));
        for (int j = 0; j < i; j++)
            CRM_CHECK(strcmp(out[i].name, out[j].name) != 0, CRM_ERR_CONFIG,
                      "model.heads: target '%s' is there twice", out[i].name);
    }
    *n = cfg->heads.n;
    return CRM_OK;
}
