/* estimator_pipeline.c - transforms and an estimator as one model: fit, predict, save, load,
 * digest. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "estimator_impl.h"

struct crm_pipeline {
    const crm_model_spec *spec; /* borrowed */
    int n_classes;              /* 0: not fitted yet */
    crm_columns *columns;       /* of the flat view it was fitted on */
    const crm_schema *schema;   /* of columns */
    crm_transform *transform[CRM_PIPELINE_MAX];
    crm_estimator *estimator;
    crm_source *source; /* over the data last used */
};

crm_status crm_pipeline_new(const crm_model_spec *spec, crm_pipeline **out)
{
    crm_pipeline *p = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(p, 1);
    p->spec = spec;
    for (int i = 0; i < spec->n_transforms; i++)
        CRM_TRY_TO(st, fail, spec->transform[i]->make(spec->transform_cfg[i], &p->transform[i]));
    CRM_TRY_TO(st, fail, spec->estimator->make(spec->estimator_cfg, &p->estimator));
    p->estimator->device = spec->device;
    p->estimator->gpu = spec->gpu;
    CRM_TRY_TO(st, fail, crm_columns_new(&p->columns));
    *out = p;
    return CRM_OK;
fail:
    crm_pipeline_free(&p);
    return st;
}

static crm_status keep_columns(crm_pipeline *p, const crm_data *d)
{
    crm_flat *flat;
    crm_status st;

    CRM_TRY(crm_flat_new(d, p->spec->parts, &flat));
    crm_columns_add_nums(p->columns, crm_flat_schema(flat));
    crm_columns_add_cats(p->columns, crm_flat_schema(flat));
    st = crm_columns_schema(p->columns, &p->schema);
    crm_flat_free(&flat);
    return st;
}

/* Rank-local part; the transforms and the estimator agree among themselves. */
static crm_status begin_fit(crm_pipeline *p, const crm_fit *fit)
{
    const crm_data *d = fit->train->data;

    CRM_CHECK(!p->n_classes, CRM_ERR_ARG, "the pipeline was fitted before");
    CRM_CHECK(fit->train->n > 0, CRM_ERR_FORMAT, "no rows to fit on");
    CRM_TRY(keep_columns(p, d));
    return crm_source_new_like(d, p->spec->parts, p->schema, &p->source);
}

crm_status crm_pipeline_fit(crm_pipeline *p, const crm_fit *fit)
{
    CRM_TRY(crm_comm_agree(fit->comm, begin_fit(p, fit)));
    for (int i = 0; i < p->spec->n_transforms; i++) {
        crm_transform *t = p->transform[i];
        CRM_TRY(t->class->fit(t, fit, p->source));
        CRM_TRY(crm_comm_agree(fit->comm, crm_source_add(p->source, t)));
    }
    CRM_TRY(p->estimator->class->fit(p->estimator, fit, p->source));
    p->n_classes = crm_data_target(fit->train->data, fit->target)->n_classes;
    return CRM_OK;
}

/* Source over d with all transforms, unless it is the one in hand. */
static crm_status use_data(crm_pipeline *p, const crm_data *d)
{
    if (p->source && crm_source_data(p->source) == d) return CRM_OK;
    crm_source_free(&p->source);
    CRM_TRY(crm_source_new_like(d, p->spec->parts, p->schema, &p->source));
    for (int i = 0; i < p->spec->n_transforms; i++)
        CRM_TRY(crm_source_add(p->source, p->transform[i]));
    return CRM_OK;
}

/* A number that is none would be handed on as if it were an answer. */
static crm_status check_probabilities(const crm_pipeline *p, const int64_t *row, int64_t n,
                                      const double *proba)
{
    for (int64_t i = 0; i < n * p->n_classes; i++)
        CRM_CHECK(isfinite(proba[i]), CRM_ERR_NUMERIC,
                  "model '%s' has no number for the probability of class %lld of row %lld: its "
                  "parameters, or values of that row, are out of range",
                  p->spec->name, (long long)(i % p->n_classes), (long long)row[i / p->n_classes]);
    return CRM_OK;
}

crm_status crm_pipeline_predict(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                                double *proba)
{
    CRM_CHECK(p->n_classes, CRM_ERR_ARG, "the pipeline is not fitted");
    CRM_TRY(use_data(p, d));
    CRM_TRY(p->estimator->class->predict(p->estimator, p->source, row, n, proba));
    return check_probabilities(p, row, n, proba);
}

crm_status crm_pipeline_decode(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                               int32_t *tag)
{
    CRM_CHECK(p->n_classes, CRM_ERR_ARG, "the pipeline is not fitted");
    CRM_CHECK(p->estimator->class->decode, CRM_ERR_CONFIG, "model '%s' does not tag tokens",
              p->spec->name);
    return p->estimator->class->decode(p->estimator, d, row, n, tag);
}

int crm_pipeline_further(const crm_pipeline *p, const crm_further **out)
{
    const crm_estimator_class *c = p->estimator->class;

    return c->further ? c->further(p->estimator, out) : 0;
}

crm_status crm_pipeline_predict_further(crm_pipeline *p, const crm_data *d, const int64_t *row,
                                        int64_t n, int number, double *proba)
{
    CRM_CHECK(p->estimator->class->predict_further, CRM_ERR_CONFIG,
              "model '%s' has one target only", p->spec->name);
    CRM_TRY(use_data(p, d));
    return p->estimator->class->predict_further(p->estimator, p->source, row, n, number, proba);
}

const char *crm_pipeline_text(const crm_pipeline *p)
{
    const crm_estimator_class *c = p->estimator->class;

    return c->text ? c->text(p->estimator) : "";
}

crm_status crm_model_check(const crm_model_spec *spec, const crm_data *d, int target, int64_t rows)
{
    crm_flat *flat;
    crm_status st;

    if (!spec->estimator->check) return CRM_OK;
    CRM_TRY(crm_flat_new(d, spec->parts, &flat));
    st = spec->estimator->check(spec->estimator_cfg, crm_flat_schema(flat),
                                crm_data_target(d, target), rows);
    crm_flat_free(&flat);
    return st;
}

void crm_pipeline_forget(crm_pipeline *p)
{
    crm_source_free(&p->source);
}

crm_status crm_pipeline_weights(crm_pipeline *p, const crm_bag *b)
{
    CRM_CHECK(p->n_classes, CRM_ERR_ARG, "the pipeline is not fitted");
    CRM_CHECK(p->estimator->class->weights, CRM_ERR_CONFIG,
              "model '%s' has no named parameters that could be replaced", p->spec->name);
    return p->estimator->class->weights(p->estimator, b);
}

crm_status crm_pipeline_embed(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                              int64_t *width, float **out)
{
    const crm_estimator_class *c = p->estimator->class;
    crm_status st;

    *out = NULL;
    CRM_CHECK(p->n_classes, CRM_ERR_ARG, "the pipeline is not fitted");
    CRM_CHECK(c->embed && c->embed_width, CRM_ERR_CONFIG,
              "model '%s' learns no vector of a customer", p->spec->name);
    CRM_TRY(use_data(p, d));
    *width = c->embed_width(p->estimator);
    CRM_NEW(*out, n * *width);
    st = c->embed(p->estimator, p->source, row, n, *out);
    if (!st) return CRM_OK;
    crm_mem_free(*out);
    *out = NULL;
    return st;
}

/* Runs save or load of a part inside its own scope of the bag. */
static crm_status save_parts(const crm_pipeline *p, crm_bag *b)
{
    char scope[32];
    crm_status st;

    for (int i = 0; i < p->spec->n_transforms; i++) {
        snprintf(scope, sizeof scope, "transform%d", i);
        CRM_TRY(crm_bag_push(b, scope));
        st = p->transform[i]->class->save(p->transform[i], b);
        crm_bag_pop(b);
        if (st) return st;
    }
    CRM_TRY(crm_bag_push(b, "estimator"));
    st = p->estimator->class->save(p->estimator, b);
    crm_bag_pop(b);
    return st;
}

crm_status crm_pipeline_save(const crm_pipeline *p, crm_bag *b)
{
    crm_status st;

    CRM_CHECK(p->n_classes, CRM_ERR_ARG, "the pipeline is not fitted");
    CRM_TRY(crm_bag_put_text(b, "model", p->spec->name));
    CRM_TRY(crm_bag_put_i64(b, "n_classes", p->n_classes));
    CRM_TRY(crm_bag_push(b, "columns"));
    st = crm_schema_save(p->schema, b);
    crm_bag_pop(b);
    if (st) return st;
    return save_parts(p, b);
}

static crm_status load_head(crm_pipeline *p, crm_bag *b, int *n_classes)
{
    const char *name;
    int64_t k;
    crm_status st;

    CRM_TRY(crm_bag_get_text(b, "model", &name));
    CRM_CHECK(strcmp(name, p->spec->name) == 0, CRM_ERR_FORMAT,
              "the model file holds '%s', '%s' is needed", name, p->spec->name);
    CRM_TRY(crm_bag_get_i64(b, "n_classes", &k));
    CRM_CHECK(k >= 2 && k <= 65536, CRM_ERR_FORMAT, "the model file has %lld classes",
              (long long)k);
    *n_classes = (int)k;
    CRM_TRY(crm_bag_push(b, "columns"));
    st = crm_schema_load(b, p->columns);
    crm_bag_pop(b);
    if (st) return st;
    return crm_columns_schema(p->columns, &p->schema);
}

static crm_status load_transform(crm_pipeline *p, int i, crm_bag *b)
{
    crm_transform *t = p->transform[i];
    char scope[32];
    crm_status st;

    snprintf(scope, sizeof scope, "transform%d", i);
    CRM_TRY(crm_bag_push(b, scope));
    st = t->class->load(t, crm_source_schema(p->source), b);
    crm_bag_pop(b);
    if (st) return st;
    return crm_source_add(p->source, t);
}

/* The 32-bit numbers of a net are its parameters.  A fit that comes to an end has finite ones. */
static crm_status check_parameters(const crm_bag *b)
{
    for (int i = 0; i < crm_bag_count(b); i++) {
        const crm_bag_array *a = crm_bag_at(b, i);
        for (int64_t k = 0; a->dtype == CRM_F32 && k < a->n; k++)
            CRM_CHECK(isfinite(((const float *)a->data)[k]), CRM_ERR_FORMAT,
                      "the model file has a parameter that is not finite: element %lld of %s",
                      (long long)k, a->name);
    }
    return CRM_OK;
}

crm_status crm_pipeline_load(crm_pipeline *p, const crm_data *d, crm_bag *b)
{
    crm_status st;
    int n_classes = 0;

    CRM_TRY(load_head(p, b, &n_classes));
    CRM_TRY(crm_source_new_like(d, p->spec->parts, p->schema, &p->source));
    for (int i = 0; i < p->spec->n_transforms; i++)
        CRM_TRY(load_transform(p, i, b));
    CRM_TRY(crm_bag_push(b, "estimator"));
    st = p->estimator->class->weights ? check_parameters(b) : CRM_OK;
    if (!st) st = p->estimator->class->load(p->estimator, p->source, n_classes, b);
    crm_bag_pop(b);
    if (!st) p->n_classes = n_classes;
    return st;
}

crm_status crm_pipeline_digest(const crm_pipeline *p, crm_digest *out)
{
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_bag_new(&b));
    st = crm_pipeline_save(p, b);
    if (!st) st = crm_bag_digest(b, NULL, out);
    crm_bag_free(&b);
    return st;
}

void crm_pipeline_free(crm_pipeline **pp)
{
    crm_pipeline *p = *pp;

    if (!p) return;
    crm_source_free(&p->source);
    if (p->estimator) p->estimator->class->free(p->estimator);
    for (int i = 0; i < CRM_PIPELINE_MAX; i++)
        if (p->transform[i]) p->transform[i]->class->free(p->transform[i]);
    crm_columns_free(&p->columns);
    crm_mem_free(p);
    *pp = NULL;
}
