/* app_models.c - the models of the registry and their variants, with the options of the study.
 *
 * Classes have one config struct each, bound to the options.  A variant "hybrid-no-text" is the
 * model "hybrid" with config structs of its own: copies in which the options of its entry in
 * `variants` differ. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/feature.h"
#include "crmpi/text.h"

/* A variant and its copies. */
typedef struct variant {
    crm_model_spec spec;
    void *cfg[CRM_PIPELINE_MAX + 1];
} variant;

struct app_models {
    void *transform_cfg[APP_CLASSES_MAX], *estimator_cfg[APP_CLASSES_MAX];
    crm_model_spec spec[APP_MODELS_MAX]; /* of app_model_table */
    variant *variant;
    int n_variants;
};

/* Model that a name belongs to: "hybrid" for "hybrid" and "hybrid-no-text"; -1: none. */
static int model_of(const char *name)
{
    size_t n = strcspn(name, "-");

    for (int i = 0; i < app_model_count; i++)
        if (strlen(app_model_table[i].name) == n && memcmp(app_model_table[i].name, name, n) == 0)
            return i;
    return -1;
}

static void add_names(crm_str *out)
{
    for (int i = 0; i < app_model_count; i++)
        crm_str_addf(out, "%s%s", i ? ", " : "", app_model_table[i].name);
}

/* ---- which variants there can be ---- */

static bool takes_name(void *ctx, const char *name, crm_str *why)
{
    const char *dash = strchr(name, '-');

    (void)ctx;
    if (model_of(name) >= 0 && dash && dash[1]) return true;
    crm_str_addf(why, "is given to a variant of no model; allowed: a model, '-' and a word, such "
                      "as hybrid-small; models: ");
    add_names(why);
    return false;
}

static bool in_parts(const crm_cfg_part *parts, const crm_opt *o)
{
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        for (const crm_opt *row = p->opts; row->key; row++)
            if (strcmp(row->key, o->key) == 0) return true;
    return false;
}

static bool takes(void *ctx, const char *name, const crm_opt *o)
{
    const app_model *m = &app_model_table[model_of(name)];

    (void)ctx;
    for (int t = 0; t < CRM_PIPELINE_MAX && m->transform[t]; t++)
        if (in_parts(m->transform[t]->parts, o)) return true;
    return in_parts(m->estimator->parts, o);
}

static const crm_opt_variants variants = {
    .takes_name = takes_name,
    .takes = takes,
    .help = "Further settings of a model under names of their own, for eval.models: NAME is a "
            "model, '-' and a word, KEY an option of that model; all other options are the "
            "model's.  variants: {hybrid-no-text: {model.text: none}}"};

/* ---- options ---- */

/* Where the first class that has this table keeps it; a table of several classes is bound there. */
static void *first_place(const struct app_models *m, const crm_opt *opts)
{
    for (int i = 0; app_estimators[i]; i++)
        for (const crm_cfg_part *p = app_estimators[i]->parts; p && p->opts; p++)
            if (p->opts == opts && m->estimator_cfg[i])
                return (char *)m->estimator_cfg[i] + p->offset;
    for (int i = 0; app_transforms[i]; i++)
        for (const crm_cfg_part *p = app_transforms[i]->parts; p && p->opts; p++)
            if (p->opts == opts && m->transform_cfg[i])
                return (char *)m->transform_cfg[i] + p->offset;
    return NULL;
}

const crm_text_cfg *app_models_text(const app *a)
{
    return first_place(a->models, crm_text_opts);
}

const crm_embed_cfg *app_models_embed(const app *a)
{
    return first_place(a->models, crm_embed_opts);
}

static crm_status bind_class(app *a, const crm_cfg_part *parts, size_t size, void **cfg)
{
    *cfg = crm_mem_new(1, size);
    CRM_CHECK(*cfg, CRM_ERR_NOMEM, "out of memory: options");
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        if (first_place(a->models, p->opts) == (char *)*cfg + p->offset)
            CRM_TRY(crm_opt_set_add(a->opts, p->opts, (char *)*cfg + p->offset));
    return CRM_OK;
}

/* What the options gave the first class that has a table goes to the others too. */
static void share_parts(const struct app_models *m, const crm_cfg_part *parts, void *cfg)
{
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        if (first_place(m, p->opts) != (char *)cfg + p->offset)
            crm_opt_copy(p->opts, first_place(m, p->opts), (char *)cfg + p->offset);
}

crm_status app_models_new(app *a)
{
    struct app_models *m;

    CRM_NEW(m, 1);
    a->models = m;
    for (int i = 0; app_estimators[i]; i++)
        CRM_TRY(bind_class(a, app_estimators[i]->parts, app_estimators[i]->cfg_size,
                           &m->estimator_cfg[i]));
    for (int i = 0; app_transforms[i]; i++)
        CRM_TRY(bind_class(a, app_transforms[i]->parts, app_transforms[i]->cfg_size,
                           &m->transform_cfg[i]));
    return crm_opt_set_variants(a->opts, &variants);
}

static int transform_index(const crm_transform_class *c)
{
    int i = 0;

    while (app_transforms[i] && app_transforms[i] != c)
        i++;
    return i;
}

static int estimator_index(const crm_estimator_class *c)
{
    int i = 0;

    while (app_estimators[i] && app_estimators[i] != c)
        i++;
    return i;
}

/* ---- specs ---- */

static crm_estimator_traits traits_of(const crm_model_spec *s)
{
    if (s->estimator->traits) return s->estimator->traits(s->estimator_cfg);
    return (crm_estimator_traits){.parts = CRM_FLAT_ALL};
}

/* Whether a transform has something to do for the columns that the estimator reads. */
static bool is_needed(const crm_estimator_traits *e, const crm_transform_class *t, const void *cfg)
{
    if (t->idle && t->idle(cfg)) return false;
    if (t->sparse) return !e->no_sparse;
    if (t == &crm_text_bag_class) return (e->parts & CRM_FLAT_DOCUMENTS) != 0;
    return e->parts != 0;
}

/* Columns that the estimator reads, and the transforms that are needed for them. */
static void choose_columns(crm_model_spec *s)
{
    const crm_estimator_traits e = traits_of(s);
    int n = 0;

    s->parts = e.parts;
    for (int t = 0; t < s->n_transforms; t++) {
        if (!is_needed(&e, s->transform[t], s->transform_cfg[t])) continue;
        s->transform[n] = s->transform[t];
        s->transform_cfg[n++] = s->transform_cfg[t];
    }
    s->n_transforms = n;
}

static void make_spec(const struct app_models *m, int row, crm_model_spec *s)
{
    const app_model *model = &app_model_table[row];

    *s = (crm_model_spec){.name = model->name, .estimator = model->estimator, .cost = model->cost};
    s->estimator_cfg = m->estimator_cfg[estimator_index(s->estimator)];
    for (int t = 0; t < CRM_PIPELINE_MAX && model->transform[t]; t++) {
        s->transform[t] = model->transform[t];
        s->transform_cfg[t] = m->transform_cfg[transform_index(s->transform[t])];
        s->n_transforms = t + 1;
    }
}

/* A copy of a class's config with what is different in the variant. */
static crm_status copy_cfg(const app *a, const char *name, const crm_cfg_part *parts, size_t size,
                           const void **cfg, void **copy)
{
    *copy = crm_mem_new(1, size);
    CRM_CHECK(*copy, CRM_ERR_NOMEM, "out of memory: options of %s", name);
    if (size > 0) memcpy(*copy, *cfg, size);
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        crm_opt_set_vary(a->opts, name, p->opts, (char *)*copy + p->offset);
    *cfg = *copy;
    return CRM_OK;
}

static crm_status make_variant(const app *a, const char *name, variant *v)
{
    crm_model_spec *s = &v->spec;

    make_spec(a->models, model_of(name), s);
    s->name = name;
    for (int t = 0; t < s->n_transforms; t++)
        CRM_TRY(copy_cfg(a, name, s->transform[t]->parts, s->transform[t]->cfg_size,
                         &s->transform_cfg[t], &v->cfg[t]));
    return copy_cfg(a, name, s->estimator->parts, s->estimator->cfg_size, &s->estimator_cfg,
                    &v->cfg[CRM_PIPELINE_MAX]);
}

static void free_variants(struct app_models *m)
{
    for (int i = 0; i < m->n_variants; i++)
        for (int k = 0; k <= CRM_PIPELINE_MAX; k++)
            crm_mem_free(m->variant[i].cfg[k]);
    crm_mem_free(m->variant);
    m->variant = NULL;
    m->n_variants = 0;
}

/* Checks between the options of words, also those of a variant. */
static crm_status check_text(const crm_cfg_part *parts, const void *cfg)
{
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        if (p->opts == crm_text_opts)
            CRM_TRY(crm_text_cfg_check(
                (const crm_text_cfg *)(const void *)((const char *)cfg + p->offset)));
    return CRM_OK;
}

static crm_status check_texts(const crm_model_spec *s)
{
    for (int t = 0; t < s->n_transforms; t++)
        CRM_TRY(check_text(s->transform[t]->parts, s->transform_cfg[t]));
    return check_text(s->estimator->parts, s->estimator_cfg);
}

/* ---- trials: as variants, with a point's values put on top ---- */

struct app_trial {
    variant v;
    void **block; /* texts and lists of the values */
    int n_blocks;
};

static crm_status put_value(app_trial *t, const crm_opt *o, const char *value, void *cfg)
{
    void **more, *block;

    CRM_TRY(crm_opt_put(o, value, cfg, &block));
    if (!block) return CRM_OK;
    more = crm_mem_grow(t->block, (size_t)t->n_blocks, (size_t)t->n_blocks + 1, sizeof *more);
    if (!more) crm_mem_free(block);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: values of a trial");
    t->block = more;
    t->block[t->n_blocks++] = block;
    return CRM_OK;
}

static crm_status put_into(app_trial *t, const crm_cfg_part *parts, void *cfg, const char *key,
                           const char *value)
{
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        for (const crm_opt *o = p->opts; o->key; o++)
            if (strcmp(o->key, key) == 0) CRM_TRY(put_value(t, o, value, (char *)cfg + p->offset));
    return CRM_OK;
}

static crm_status put_all(app_trial *t, int n, const char *const *key, const char *const *value)
{
    const crm_model_spec *s = &t->v.spec;

    for (int i = 0; i < n; i++) {
        for (int k = 0; k < s->n_transforms; k++)
            CRM_TRY(put_into(t, s->transform[k]->parts, t->v.cfg[k], key[i], value[i]));
        CRM_TRY(put_into(t, s->estimator->parts, t->v.cfg[CRM_PIPELINE_MAX], key[i], value[i]));
    }
    return CRM_OK;
}

crm_status app_trial_new(const app *a, const char *name, int n, const char *const *key,
                         const char *const *value, app_trial **out)
{
    app_trial *t;

    CRM_NEW(t, 1);
    *out = t;
    CRM_TRY(make_variant(a, name, &t->v));
    CRM_TRY(put_all(t, n, key, value));
    choose_columns(&t->v.spec);
    t->v.spec.device = a->device;
    t->v.spec.gpu = a->device ? &a->gpu : NULL;
    return check_texts(&t->v.spec);
}

const crm_model_spec *app_trial_spec(const app_trial *t)
{
    return &t->v.spec;
}

void app_trial_free(app_trial **t)
{
    if (!*t) return;
    for (int k = 0; k <= CRM_PIPELINE_MAX; k++)
        crm_mem_free((*t)->v.cfg[k]);
    for (int i = 0; i < (*t)->n_blocks; i++)
        crm_mem_free((*t)->block[i]);
    crm_mem_free((*t)->block);
    crm_mem_free(*t);
    *t = NULL;
}

/* Parts of the t-th transform of a model, and of its estimator behind them. */
static const crm_cfg_part *parts_of(const app_model *m, int t)
{
    if (t == CRM_PIPELINE_MAX) return m->estimator->parts;
    return m->transform[t] ? m->transform[t]->parts : NULL;
}

const crm_opt *app_models_option(const char *name, const char *key)
{
    const app_model *m = &app_model_table[model_of(name)];

    for (int t = 0; t <= CRM_PIPELINE_MAX; t++)
        for (const crm_cfg_part *p = parts_of(m, t); p && p->opts; p++)
            for (const crm_opt *o = p->opts; o->key; o++)
                if (strcmp(o->key, key) == 0) return o;
    return NULL;
}

const char *app_models_nearest_option(const char *key)
{
    enum { MANY = 4096 };
    const char **names = crm_mem_new(MANY, sizeof *names), *near;
    int n = 0;

    for (int i = 0; names && i < app_model_count; i++)
        for (int t = 0; t <= CRM_PIPELINE_MAX; t++)
            for (const crm_cfg_part *p = parts_of(&app_model_table[i], t); p && p->opts; p++)
                for (const crm_opt *o = p->opts; o->key && n < MANY; o++)
                    names[n++] = o->key;
    near = names ? crm_nearest(key, names, n) : NULL;
    crm_mem_free(names);
    return near;
}

/* A fitted model has its own options of words. */
static bool is_fitted(const app *a)
{
    const char *command = a->args.command ? a->args.command : "";

    return strcmp(command, "predict") == 0 || (strcmp(command, "text") == 0 && a->args.model);
}

crm_status app_models_make(app *a)
{
    struct app_models *m = a->models;
    int n = 0;

    free_variants(m);
    for (int i = 0; app_estimators[i]; i++)
        share_parts(m, app_estimators[i]->parts, m->estimator_cfg[i]);
    for (int i = 0; app_transforms[i]; i++)
        share_parts(m, app_transforms[i]->parts, m->transform_cfg[i]);
    for (int i = 0; i < app_model_count; i++) {
        make_spec(m, i, &m->spec[i]);
        choose_columns(&m->spec[i]);
    }
    while (crm_opt_set_variant(a->opts, n))
        n++;
    CRM_NEW(m->variant, n);
    m->n_variants = n;
    for (int i = 0; i < n; i++) {
        CRM_TRY(make_variant(a, crm_opt_set_variant(a->opts, i), &m->variant[i]));
        choose_columns(&m->variant[i].spec);
        if (!is_fitted(a)) CRM_TRY(check_texts(&m->variant[i].spec));
    }
    return is_fitted(a) ? CRM_OK
                        : check_texts(&m->spec[0]); /* those of all models that are no variants */
}

void app_models_free(app *a)
{
    if (!a->models) return;
    free_variants(a->models);
    for (int i = 0; i < APP_CLASSES_MAX; i++) {
        crm_mem_free(a->models->estimator_cfg[i]);
        crm_mem_free(a->models->transform_cfg[i]);
    }
    crm_mem_free(a->models);
    a->models = NULL;
}

/* ---- by name ---- */

/* NULL when there is none. */
static const crm_model_spec *spec_of(const app *a, const char *name)
{
    const struct app_models *m = a->models;

    for (int i = 0; i < app_model_count; i++)
        if (strcmp(m->spec[i].name, name) == 0) return &m->spec[i];
    for (int i = 0; i < m->n_variants; i++)
        if (strcmp(m->variant[i].spec.name, name) == 0) return &m->variant[i].spec;
    return NULL;
}

/* The name of a model or variant that was meant, or NULL. */
static const char *nearest(const app *a, const char *name)
{
    const struct app_models *m = a->models;
    const char **names = crm_mem_new((size_t)(app_model_count + m->n_variants), sizeof *names);
    const char *near;
    int n = 0;

    if (!names) return NULL;
    for (int i = 0; i < app_model_count; i++)
        names[n++] = m->spec[i].name;
    for (int i = 0; i < m->n_variants; i++)
        names[n++] = m->variant[i].spec.name;
    near = crm_nearest(name, names, n);
    crm_mem_free(names);
    return near;
}

static crm_status no_such_model(const app *a, const char *name)
{
    const char *near = nearest(a, name), *open = near ? ", did you mean '" : "",
               *close = near ? "'?" : "";
    int base = model_of(name);
    crm_str all = {0};
    crm_status st;

    add_names(&all);
    if (base >= 0)
        CRM_SET(st, CRM_ERR_CONFIG,
                "'%s' is a variant of %s without an entry in variants%s%s%s; write how it differs: "
                "variants: {%s: {KEY: VALUE}}, KEY an option of %s",
                name, app_model_table[base].name, open, near ? near : "", close, name,
                app_model_table[base].name);
    else
        CRM_SET(st, CRM_ERR_CONFIG, "'%s' is not a model%s%s%s; there are: %s", name, open,
                near ? near : "", close, all.text);
    crm_str_free(&all);
    return st;
}

crm_status app_models_find(app *a, const char *name, const crm_model_spec **spec)
{
    *spec = spec_of(a, name);
    return *spec ? CRM_OK : no_such_model(a, name);
}

static crm_status select_all(app *a, const crm_model_spec **spec)
{
    const crm_opt_list *list = &a->eval.models;

    for (int i = 0; i < list->n; i++) {
        if (app_models_find(a, list->item[i], &spec[i]))
            return crm_opt_set_reject(a->opts, "eval.models", "where %s", crm_err_text());
        for (int j = 0; j < i; j++)
            if (spec[j] == spec[i])
                return crm_opt_set_reject(a->opts, "eval.models", "'%s' stands twice",
                                          list->item[i]);
    }
    return CRM_OK;
}

/* One line, by rank 0. */
static void warn_unused(const app *a, const crm_model_spec *const *spec, int n)
{
    crm_str unused = {0};

    for (int v = 0; v < a->models->n_variants; v++) {
        int i = 0;
        while (i < n && spec[i] != &a->models->variant[v].spec)
            i++;
        if (i == n)
            crm_str_addf(&unused, "%svariants.%s", unused.len ? ", " : "",
                         a->models->variant[v].spec.name);
    }
    if (unused.text && app_is_root(a))
        crm_log_line(CRM_LOG_WARN, a->args.command, "not in eval.models: %s", unused.text);
    crm_str_free(&unused);
}

crm_status app_models_select(app *a, const crm_model_spec ***spec, int *n)
{
    crm_status st;

    *spec = NULL;
    *n = a->eval.models.n;
    if (*n == 0) return crm_opt_set_reject(a->opts, "eval.models", "a model is needed");
    CRM_NEW(*spec, *n);
    st = select_all(a, *spec);
    if (!st) {
        warn_unused(a, *spec, *n);
    } else {
        crm_mem_free(*spec);
        *spec = NULL;
    }
    return st;
}

void app_models_key(const app *a, const char *name, const char *key, char *out, size_t cap)
{
    snprintf(out, cap, "variants.%s.%s", name, key);
    if (!crm_opt_set_given(a->opts, out)) snprintf(out, cap, "%s", key);
}

/* Of the i-th of eval.models; of one that there is not, nothing in particular. */
static crm_estimator_traits traits_at(const app *a, int i)
{
    const crm_model_spec *s = spec_of(a, a->eval.models.item[i]);

    return s ? traits_of(s) : (crm_estimator_traits){.parts = CRM_FLAT_ALL};
}

/* Where no model has a limit, that of the first of the registry, a net. */
int64_t app_models_max_group(const app *a)
{
    int64_t most = 0;

    for (int i = 0; i < a->eval.models.n; i++) {
        int64_t ranks = traits_at(a, i).max_ranks;
        if (ranks > most) most = ranks;
    }
    return most > 0 ? most : traits_of(&a->models->spec[0]).max_ranks;
}

bool app_models_fast(const app *a)
{
    for (int i = 0; i < a->eval.models.n; i++)
        if (traits_at(a, i).by_layout) return true;
    return false;
}

void app_models_set_device(app *a)
{
    struct app_models *m = a->models;

    for (int i = 0; i < app_model_count; i++) {
        m->spec[i].device = a->device;
        m->spec[i].gpu = a->device ? &a->gpu : NULL;
    }
    for (int i = 0; i < m->n_variants; i++) {
        m->variant[i].spec.device = a->device;
        m->variant[i].spec.gpu = a->device ? &a->gpu : NULL;
    }
}
