/* context_models.c - what fitted models say of the documents of a customer: spans of entities, and
 * classes of documents. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "context_impl.h"
#include "crmpi/stats.h"
#include "crmpi/stats_spans.h"

enum { DOCUMENTS = 1024 }; /* that are predicted at a time */

struct context_reader {
    const crm_context_model *m; /* of parts: that of the customer in hand */
    uint8_t *reads;             /* [kinds] of documents that it reads     */
    /* of a tagger */
    crm_bio *bio;
    const char **type;
    int n_types;
    int slot;     /* of the first type */
    int32_t *tag; /* of the documents of a row */
    int64_t cap;
    /* of a model of documents */
    int column;          /* first */
    double *proba, *sum; /* [DOCUMENTS][classes], [classes] */
    int64_t *row, *count;
};

static crm_status open_tagger(context_reader *r)
{
    const crm_context_model *m = r->m;

    CRM_NEW(r->bio, m->n_classes);
    CRM_NEW(r->type, m->n_classes);
    return crm_bio_read(m->n_classes, m->class_name, r->bio, r->type, &r->n_types);
}

/* ---- kinds of documents ---- */
static bool has_learnt(const crm_context_model *m, const char *kind)
{
    for (int i = 0; i < m->n_kinds; i++)
        if (strcmp(m->kind[i], kind) == 0) return true;
    return false;
}

void crm_context_reads(const crm_context_plan *plan, const crm_data *d, int model, uint8_t *reads)
{
    const crm_documents *x = crm_data_documents(d);
    int first = plan->part ? 0 : model, end = plan->part ? plan->n_models : model + 1;
    int64_t n = 0;

    memset(reads, 0, (size_t)x->n_kinds);
    for (int i = first; i < end && plan->cfg->kinds == CRM_CONTEXT_LEARNT; i++)
        for (int64_t k = 0; k < x->n_kinds; k++)
            reads[k] |= has_learnt(&plan->model[i], x->kind_name[k]);
    for (int64_t k = 0; k < x->n_kinds; k++)
        n += reads[k];
    if (n == 0) memset(reads, 1, (size_t)x->n_kinds);
}

/* Whether the reader takes document i: its kind, and the cut-off of its customer. */
static bool takes(const context *c, const context_reader *r, int64_t i)
{
    int32_t kind = c->docs->kind[i];

    return context_counts(c, i) && kind >= 0 && kind < c->docs->n_kinds && r->reads[kind];
}

void context_reader_documents(const context *c, int reader, char *out, size_t cap)
{
    const context_reader *r = &c->reader[reader];
    const crm_documents *x = c->docs;
    size_t used = 0;
    int64_t n = 0, left;

    for (int64_t k = 0; k < x->n_kinds; k++)
        n += r->reads[k];
    for (int64_t k = 0, i = 0; k < x->n_kinds && n < x->n_kinds && used < cap; k++) {
        if (!r->reads[k]) continue;
        left = n - ++i;
        used += (size_t)snprintf(out + used, cap - used, "%.100s%s", x->kind_name[k],
                                 left > 1   ? ", "
                                 : left > 0 ? " and "
                                            : " ");
    }
    if (used < cap) snprintf(out + used, cap - used, "documents");
}

/* ---- readers ---- */
static crm_status open_reader(context *c, int model)
{
    context_reader *r = &c->reader[model];

    r->m = &c->plan->model[model];
    CRM_NEW(r->reads, c->docs->n_kinds);
    crm_context_reads(c->plan, c->d, model, r->reads);
    if (r->m->tags) return open_tagger(r);
    CRM_NEW(r->proba, DOCUMENTS * r->m->n_classes);
    CRM_NEW(r->sum, r->m->n_classes);
    CRM_NEW(r->count, r->m->n_classes);
    CRM_NEW(r->row, DOCUMENTS);
    return CRM_OK;
}

/* Models of parts give the same columns. */
static crm_status check_alike(const crm_context_model *a, const crm_context_model *b)
{
    bool alike =
        a->tags == b->tags && a->n_classes == b->n_classes && strcmp(a->target, b->target) == 0;

    for (int k = 0; alike && k < a->n_classes; k++)
        alike = strcmp(a->class_name[k], b->class_name[k]) == 0;
    CRM_CHECK(alike, CRM_ERR_CONFIG,
              "models of parts must have learnt the same target with the same classes: '%s' has "
              "learnt %s with %d classes, '%s' %s with %d",
              a->name, a->target, a->n_classes, b->name, b->target, b->n_classes);
    return CRM_OK;
}

static crm_status check_parts(const context *c)
{
    const crm_context_plan *p = c->plan;

    for (int64_t i = 0; i < crm_data_rows(c->d); i++)
        CRM_CHECK(
            p->part[i] >= 0 && p->part[i] < p->n_models, CRM_ERR_CONFIG,
            "--parts: row %lld is of part %d; parts are numbered from 0, one for each --model",
            (long long)i + 1, p->part[i]);
    for (int i = 1; i < p->n_models; i++)
        CRM_TRY(check_alike(&p->model[0], &p->model[i]));
    return CRM_OK;
}

crm_status context_readers_new(context *c)
{
    if (c->plan->part) CRM_TRY(check_parts(c));
    c->n_readers = c->plan->part && c->plan->n_models > 0 ? 1 : c->plan->n_models;
    CRM_NEW(c->reader, c->n_readers);
    for (int i = 0; i < c->n_readers; i++)
        CRM_TRY(open_reader(c, i));
    return CRM_OK;
}

void context_readers_free(context *c)
{
    for (int i = 0; c->reader && i < c->n_readers; i++) {
        context_reader *r = &c->reader[i];
        void *const owned[] = {r->reads, r->bio, r->type, r->tag,
                               r->proba, r->sum, r->row,  r->count};
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
            crm_mem_free(owned[k]);
    }
    crm_mem_free(c->reader);
    c->reader = NULL;
}

/* ---- columns ---- */
static void tagger_columns(context *c, context_reader *r, const char *source)
{
    char base[300], of[300];
    int any;

    for (int k = 0; k < r->n_types; k++) {
        int slot;
        snprintf(base, sizeof base, "entities.%.200s", r->type[k]);
        snprintf(of, sizeof of, "entities of type %.200s", r->type[k]);
        slot = context_slot_add(c, base, of, source, CONTEXT_ANY);
        if (k == 0) r->slot = slot;
    }
    any = context_slot_add(c, "entities.any", "entities of all types", source, CONTEXT_ANY);
    for (int k = 0; k < r->n_types && !c->slots.failed; k++)
        c->slots.slot[r->slot + k].all = any;
}

static void class_columns(context *c, context_reader *r, const char *source)
{
    char base[600], text[800];

    r->column = c->columns.n;
    for (int k = 0; k < r->m->n_classes; k++) {
        const char *class = r->m->class_name[k];
        snprintf(base, sizeof base, "%.200s.%.300s", r->m->target, class);
        snprintf(text, sizeof text, "mean probability of %.200s = %.300s over the documents",
                 r->m->target, class);
        context_columns_add(&c->columns, "", source, base, ".mean", text);
        snprintf(text, sizeof text, "documents of which %.200s = %.300s is the likeliest",
                 r->m->target, class);
        context_columns_add(&c->columns, "documents", source, base, ".count", text);
    }
}

void context_readers_columns(context *c)
{
    char source[512], documents[256];

    for (int i = 0; i < c->n_readers; i++) {
        context_reader *r = &c->reader[i];
        context_reader_documents(c, i, documents, sizeof documents);
        snprintf(source, sizeof source, "%s, by model %.100s (%s)%s", documents, r->m->name,
                 r->m->digest, c->plan->part ? " and models of the other parts" : "");
        if (r->m->tags)
            tagger_columns(c, r, source);
        else
            class_columns(c, r, source);
    }
}

/* ---- spans ---- */
/* Where the span that begins at t ends: behind its last token. */
static int64_t span_end(const context_reader *r, const int32_t *tag, int64_t n, int64_t t)
{
    int16_t type = r->bio[tag[t]].type;

    for (t++; t < n && r->bio[tag[t]].mark == 'I' && r->bio[tag[t]].type == type; t++) {
    }
    return t;
}

static crm_status take_spans(context *c, const context_reader *r, const int32_t *tag,
                             const context_tokens *x)
{
    for (int64_t t = 0, end; t < x->n; t = end) {
        const crm_bio *b = &r->bio[tag[t]];
        end = t + 1;
        if (b->mark == 'O') continue;
        end = span_end(r, tag, x->n, t);
        CRM_TRY(context_mention(c, r->slot + b->type, x, t, end));
    }
    return CRM_OK;
}

static crm_status reserve_tags(context_reader *r, int64_t n)
{
    if (n <= r->cap) return CRM_OK;
    crm_mem_free(r->tag);
    r->tag = NULL;
    r->cap = 0;
    CRM_NEW(r->tag, 2 * n);
    r->cap = 2 * n;
    return CRM_OK;
}

static crm_status read_entities(context *c, context_reader *r, int64_t row)
{
    const crm_documents *x = c->docs;
    int64_t from = x->token_first[x->first[row]];

    CRM_TRY(reserve_tags(r, x->token_first[x->first[row + 1]] - from));
    CRM_TRY(crm_pipeline_decode(r->m->pipeline, r->m->rows, &row, 1, r->tag));
    for (int64_t d = x->first[row]; d < x->first[row + 1]; d++) {
        int64_t at = x->token_first[d];
        context_tokens tokens = {x->token + at, x->token_first[d + 1] - at};
        if (takes(c, r, d)) CRM_TRY(take_spans(c, r, r->tag + at - from, &tokens));
    }
    return CRM_OK;
}

/* ---- classes ---- */
static crm_status add_classes(context_reader *r, int64_t n)
{
    int k = r->m->n_classes;
    int32_t class;

    CRM_TRY(crm_pipeline_predict(r->m->pipeline, r->m->rows, r->row, n, r->proba));
    for (int64_t i = 0; i < n; i++) {
        for (int j = 0; j < k; j++)
            r->sum[j] += r->proba[i * k + j];
        crm_stats_predict(1, k, r->proba + i * k, &class);
        r->count[class]++;
    }
    return CRM_OK;
}

static crm_status read_classes(context *c, context_reader *r, int64_t row)
{
    int64_t n = 0, all = 0, end = c->docs->first[row + 1];
    float *out = c->value + (row - c->first) * c->columns.n + r->column;

    memset(r->sum, 0, (size_t)r->m->n_classes * sizeof *r->sum);
    memset(r->count, 0, (size_t)r->m->n_classes * sizeof *r->count);
    for (int64_t d = c->docs->first[row]; d < end; d++) {
        if (takes(c, r, d)) r->row[n++] = d;
        if (n < DOCUMENTS && d + 1 < end) continue;
        if (n > 0) CRM_TRY(add_classes(r, n));
        all += n;
        n = 0;
    }
    for (int k = 0; k < r->m->n_classes; k++) {
        *out++ = all ? (float)(r->sum[k] / (double)all) : NAN;
        *out++ = (float)r->count[k];
    }
    return CRM_OK;
}

crm_status context_readers_row(context *c, int64_t row)
{
    for (int i = 0; i < c->n_readers; i++) {
        context_reader *r = &c->reader[i];
        if (c->plan->part) r->m = &c->plan->model[c->plan->part[row]];
        CRM_TRY(r->m->tags ? read_entities(c, r, row) : read_classes(c, r, row));
    }
    return CRM_OK;
}
