/* train_heads.c - what a net learns: the target of the fit, then those that model.heads names;
 * their labels for the rows of a batch, and the sums of weights that losses are divided by. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/estimator_classes.h"
#include "train_impl.h"

/* ---- which ---- */

static crm_status shape(heads *hs, int n)
{
    hs->n = n;
    CRM_NEW(hs->head, n);
    CRM_NEW(hs->target, n);
    CRM_NEW(hs->further, n);
    CRM_NEW(hs->further_at, n);
    return CRM_OK;
}

static crm_status set_name(crm_model_head *h, const char *name)
{
    h->name = crm_mem_strdup(name);
    CRM_CHECK(h->name, CRM_ERR_NOMEM, "out of memory: name of a head");
    return CRM_OK;
}

/* Names of the classes of head i, behind the first. */
static crm_status note_classes(heads *hs, int i, const char *const *class_name)
{
    const crm_model_head *h = &hs->head[i];
    char **name;

    CRM_NEW(name, h->n_classes);
    hs->further_at[hs->n_further] = i;
    hs->further[hs->n_further++] = (crm_further){
        .target = h->name, .n_classes = h->n_classes, .class_name = (const char *const *)name};
    for (int c = 0; c < h->n_classes; c++) {
        name[c] = crm_mem_strdup(class_name[c]);
        CRM_CHECK(name[c], CRM_ERR_NOMEM, "out of memory: names of classes");
    }
    return CRM_OK;
}

static void note_width(heads *hs, const crm_model_head *h)
{
    if (h->n_classes > hs->most) hs->most = h->n_classes;
}

/* Of the rows of the view; 0 for a class without rows. */
static crm_status weigh_classes(const crm_hybrid_cfg *cfg, const crm_view *v, const crm_target *t,
                                const float **out)
{
    int64_t *count = NULL;
    double *weight = NULL;
    float *single = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, single, t->n_classes);
    *out = single;
    CRM_NEW_TO(st, done, weight, t->n_classes);
    CRM_NEW_TO(st, done, count, t->n_classes);
    for (int64_t i = 0; i < v->n; i++)
        if (t->label[v->row[i]] >= 0) count[t->label[v->row[i]]]++;
    st = crm_class_weights(&cfg->train.class_weight,
                           cfg->weight_key ? cfg->weight_key : "train.class_weight", t, count,
                           weight);
    for (int c = 0; c < t->n_classes; c++)
        single[c] = (float)weight[c];
done:
    crm_mem_free(count);
    crm_mem_free(weight);
    return st;
}

/* All weights are 1: none are kept. */
static bool has_weights(const crm_hybrid_cfg *cfg)
{
    const crm_opt_list *w = &cfg->train.class_weight;

    return w->n > 0 && !(w->n == 1 && strcmp(w->item[0], "none") == 0);
}

static crm_status main_head(heads *hs, const crm_hybrid_cfg *cfg, const crm_fit *fit)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);
    crm_model_head *h = &hs->head[0];

    CRM_CHECK(t->n_classes > 0 && t->level == CRM_LEVEL_CUSTOMER, CRM_ERR_CONFIG,
              "target '%s' is no class of a customer; the hybrid learns it beside one that is "
              "(model.heads)",
              t->name);
    hs->target[0] = t;
    h->kind = CRM_HEAD_CLASSES;
    h->n_classes = t->n_classes;
    h->weight = 1;
    CRM_TRY(set_name(h, t->name));
    note_width(hs, h);
    if (!has_weights(cfg)) return CRM_OK;
    return weigh_classes(cfg, fit->train, t, &h->class_weight);
}

/* Names the targets that there are beside the one that is learnt anyway. */
static crm_status no_target(const crm_data *d, const crm_target *main, const char *name)
{
    const char **have, *near;
    crm_str all = {0};
    crm_status st;
    int n = 0;

    CRM_NEW(have, crm_data_n_targets(d));
    for (int i = 0; i < crm_data_n_targets(d); i++) {
        const crm_target *t = crm_data_target(d, i);
        if (t == main) continue;
        crm_str_addf(&all, "%s%s", n > 0 ? ", " : "", t->name);
        have[n++] = t->name;
    }
    near = crm_nearest(name, have, n);
    CRM_SET(st, CRM_ERR_CONFIG,
            "model.heads: '%s' is no target of %s%s%s%s; there are beside %s: %s", name,
            crm_data_path(d), near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "",
            main->name, n > 0 && !all.failed ? all.text : "none");
    crm_str_free(&all);
    crm_mem_free(have);
    return st;
}

static const crm_target *target_named(const crm_data *d, const char *name)
{
    for (int i = 0; i < crm_data_n_targets(d); i++)
        if (strcmp(crm_data_target(d, i)->name, name) == 0) return crm_data_target(d, i);
    return NULL;
}

/* Labels of one row: itself, or all of its documents. */
static void row_units(const crm_data *d, const crm_target *t, int64_t row, int64_t *first,
                      int64_t *end)
{
    const int64_t *of = t->level == CRM_LEVEL_DOCUMENT ? crm_data_documents(d)->first : NULL;

    *first = of ? of[row] : row;
    *end = of ? of[row + 1] : row + 1;
}

/* Counts are 0 or more; below that the loss has no lower bound. */
static crm_status check_counts(const crm_view *v, const crm_target *t, double weight)
{
    int64_t first, end;

    for (int64_t i = 0; i < v->n; i++) {
        row_units(v->data, t, v->row[i], &first, &end);
        for (int64_t j = first * t->width; j < end * t->width; j++)
            CRM_CHECK(!(t->value[j] < 0), CRM_ERR_CONFIG,
                      "model.heads: '%s' holds %g; poisson needs 0 or more, write %s:%g:huber",
                      t->name, (double)t->value[j], t->name, weight);
    }
    return CRM_OK;
}

/* Fill in what the target says; kind and weight are those of the config. */
static crm_status further_head(heads *hs, int i, const crm_model_target *x,
                               const crm_hybrid_cfg *cfg, const crm_view *v)
{
    const crm_data *d = v->data;
    const crm_target *t = target_named(d, x->name);
    crm_model_head *h = &hs->head[i];

    if (!t) return no_target(d, hs->target[0], x->name);
    CRM_CHECK(hs->target[0] != t, CRM_ERR_CONFIG,
              "model.heads: '%s' is the target itself (eval.target), which is learnt anyway",
              t->name);
    CRM_CHECK(t->n_classes == 0 || x->kind < 0, CRM_ERR_CONFIG,
              "model.heads: '%s' has classes; a loss is chosen for targets of numbers only",
              t->name);
    hs->target[i] = t;
    h->kind = t->n_classes > 0 ? CRM_HEAD_CLASSES : CRM_HEAD_POISSON;
    if (x->kind >= 0) h->kind = (crm_head_kind)x->kind;
    h->documents = t->level == CRM_LEVEL_DOCUMENT;
    h->n_classes = t->n_classes ? t->n_classes : t->width;
    h->weight = x->weight;
    h->delta = 1;
    CRM_CHECK(!h->documents || cfg->model.text != CRM_TEXT_NONE, CRM_ERR_CONFIG,
              "model.heads: '%s' labels documents, but model.text is none", t->name);
    if (h->kind == CRM_HEAD_POISSON) CRM_TRY(check_counts(v, t, x->weight));
    note_width(hs, h);
    CRM_TRY(set_name(h, t->name));
    return t->n_classes > 0 ? note_classes(hs, i, t->class_name) : CRM_OK;
}

crm_status crm_heads_new(const crm_hybrid_cfg *cfg, const crm_fit *fit, heads *out)
{
    crm_model_target further[CRM_MODEL_HEADS_MAX];
    int n = 0;

    CRM_TRY(crm_model_parse_heads(&cfg->model, further, &n));
    CRM_TRY(shape(out, 1 + n));
    CRM_TRY(main_head(out, cfg, fit));
    for (int i = 0; i < n; i++)
        CRM_TRY(further_head(out, 1 + i, &further[i], cfg, fit->train));
    for (int i = 0; i <= n; i++)
        if (out->head[i].kind == CRM_HEAD_CLASSES) out->head[i].smooth = cfg->train.label_smoothing;
    return CRM_OK;
}

void crm_heads_free(heads *hs)
{
    for (int i = 0; hs->head && i < hs->n; i++) {
        crm_mem_free((void *)hs->head[i].name);
        crm_mem_free((void *)hs->head[i].class_weight);
    }
    for (int i = 0; i < hs->n_further; i++) {
        for (int c = 0; c < hs->further[i].n_classes; c++)
            crm_mem_free((void *)hs->further[i].class_name[c]);
        crm_mem_free((void *)hs->further[i].class_name);
    }
    crm_mem_free(hs->further);
    crm_mem_free(hs->further_at);
    crm_mem_free(hs->head);
    crm_mem_free(hs->target);
    *hs = (heads){0};
}

/* ---- bags: names under "heads/names", names of classes of head i under "heads/classes<i>", the
 * rest as [n][3] ---- */
enum { FIELD_KIND, FIELD_DOCUMENTS, FIELD_CLASSES, FIELD_COUNT };

static crm_status save_classes(const heads *hs, crm_bag *b)
{
    char key[64];

    for (int i = 0; i < hs->n_further; i++) {
        const crm_further *x = &hs->further[i];
        snprintf(key, sizeof key, "heads/classes%d", hs->further_at[i]);
        CRM_TRY(crm_bag_put_list(b, key, x->n_classes, x->class_name));
    }
    return CRM_OK;
}

/* Files of before there were names have none. */
static crm_status load_classes(heads *hs, int i, crm_bag *b)
{
    const char *const *name;
    char key[64];
    int64_t n;

    snprintf(key, sizeof key, "heads/classes%d", i);
    if (i == 0 || hs->head[i].kind != CRM_HEAD_CLASSES || !crm_bag_has_list(b, key)) return CRM_OK;
    CRM_TRY(crm_bag_get_list(b, key, &n, &name));
    CRM_CHECK(n == hs->head[i].n_classes, CRM_ERR_FORMAT,
              "the model file has %lld names for %d classes of its head '%s'", (long long)n,
              hs->head[i].n_classes, hs->head[i].name);
    return note_classes(hs, i, name);
}

crm_status crm_heads_save(const heads *hs, crm_bag *b)
{
    const char **name;
    int32_t *field = NULL;
    int64_t dim[] = {hs->n, FIELD_COUNT};
    crm_status st = CRM_OK;

    CRM_NEW(name, hs->n);
    CRM_NEW_TO(st, done, field, hs->n * FIELD_COUNT);
    for (int i = 0; i < hs->n; i++) {
        name[i] = hs->head[i].name;
        field[i * FIELD_COUNT + FIELD_KIND] = (int32_t)hs->head[i].kind;
        field[i * FIELD_COUNT + FIELD_DOCUMENTS] = hs->head[i].documents;
        field[i * FIELD_COUNT + FIELD_CLASSES] = hs->head[i].n_classes;
    }
    CRM_TRY_TO(st, done, crm_bag_put_list(b, "heads/names", hs->n, name));
    CRM_TRY_TO(st, done, crm_bag_put(b, "heads/shape", CRM_I32, 2, dim, field));
    st = save_classes(hs, b);
done:
    crm_mem_free(field);
    crm_mem_free(name);
    return st;
}

static crm_status load_head(heads *hs, int i, const char *name, const int32_t *field)
{
    crm_model_head *h = &hs->head[i];

    CRM_CHECK(field[FIELD_KIND] >= 0 && field[FIELD_KIND] < CRM_HEAD_KIND_COUNT &&
                  field[FIELD_CLASSES] >= 1 && field[FIELD_CLASSES] <= 65536,
              CRM_ERR_FORMAT, "the model file has a head '%s' of kind %d with %d classes", name,
              field[FIELD_KIND], field[FIELD_CLASSES]);
    h->kind = (crm_head_kind)field[FIELD_KIND];
    h->documents = field[FIELD_DOCUMENTS] != 0;
    h->n_classes = field[FIELD_CLASSES];
    h->weight = 1;
    h->delta = 1;
    note_width(hs, h);
    return set_name(h, name);
}

crm_status crm_heads_load(heads *hs, crm_bag *b)
{
    const char *const *name;
    const crm_bag_array *a;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "heads/names", &n, &name));
    CRM_CHECK(n >= 1 && n <= 4096, CRM_ERR_FORMAT, "the model file has %lld heads", (long long)n);
    CRM_TRY(crm_bag_get(b, "heads/shape", CRM_I32, n * FIELD_COUNT, &a));
    CRM_TRY(shape(hs, (int)n));
    for (int i = 0; i < hs->n; i++)
        CRM_TRY(load_head(hs, i, name[i], (const int32_t *)a->data + i * FIELD_COUNT));
    for (int i = 0; i < hs->n; i++)
        CRM_TRY(load_classes(hs, i, b));
    return CRM_OK;
}

/* ---- labels ---- */

void crm_head_units(const heads *hs, int h, const blocks_map *m, int64_t row, int64_t *first,
                    int64_t *end)
{
    if (hs->head[h].documents) {
        crm_blocks_documents(m, row, first, end);
    } else {
        *first = row < 0 ? 0 : row;
        *end = row < 0 ? 0 : row + 1;
    }
}

void crm_head_labels(const heads *hs, int h, const blocks_map *m, const int64_t *row, int64_t n,
                     int32_t *class, float *value)
{
    const crm_target *t = hs->target[h];
    int64_t first, end, at = 0, width = hs->head[h].n_classes;

    for (int64_t i = 0; i < n; i++) {
        crm_head_units(hs, h, m, row[i], &first, &end);
        if (row[i] < 0 && !hs->head[h].documents) { /* a padding row has a place, but no label */
            if (class) class[at] = -1;
            for (int64_t k = 0; value && k < width; k++)
                value[at * width + k] = NAN;
            at++;
        }
        for (int64_t u = first; u < end; u++, at++) {
            if (class) class[at] = t->label[u];
            for (int64_t k = 0; value && k < width; k++)
                value[at * width + k] = t->value[u * width + k];
        }
    }
}

static int64_t valid_values(const float *value, int64_t n)
{
    int64_t valid = 0;

    for (int64_t i = 0; i < n; i++)
        valid += !isnan(value[i]);
    return valid;
}

void crm_head_count(const heads *hs, int h, const blocks_map *m, const int64_t *row, int64_t n,
                    int64_t *count)
{
    const crm_target *t = hs->target[h];
    int64_t first, end, width = hs->head[h].n_classes;

    memset(count, 0, (size_t)width * sizeof *count);
    for (int64_t i = 0; i < n; i++) {
        crm_head_units(hs, h, m, row[i], &first, &end);
        if (hs->head[h].kind != CRM_HEAD_CLASSES)
            count[0] += valid_values(t->value + first * width, (end - first) * width);
        else
            for (int64_t u = first; u < end; u++)
                if (t->label[u] >= 0) count[t->label[u]]++;
    }
}

double crm_head_weight(const heads *hs, int h, const int64_t *count)
{
    const float *weight = hs->head[h].class_weight;
    int n = hs->head[h].kind == CRM_HEAD_CLASSES ? hs->head[h].n_classes : 1;
    double sum = 0;

    for (int c = 0; c < n; c++)
        sum += (double)count[c] * (weight ? (double)weight[c] : 1);
    return sum;
}
