/* eval_spans.c - a study of a target of tokens: spans of the test parts, per type and in all, with
 * the corrected interval over folds and the corrected paired tests between taggers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "crmpi/stats_spans.h"
#include "eval_impl.h"

typedef struct spans {
    const study *s;
    const crm_target *t;
    int n_types;
    crm_bio *bio;
    const char **type;
    int64_t *fold; /* [n_types + 1]^2 confusion of the fold that is counted */
    crm_sum_target *out;
} spans;

static void spans_free(spans *x)
{
    crm_mem_free(x->bio);
    crm_mem_free(x->type);
    crm_mem_free(x->fold);
}

/* Types of spans, and "none", as the classes of the summary. */
static crm_status spans_new(spans *x)
{
    int k = x->t->n_classes;

    CRM_NEW(x->bio, k);
    CRM_NEW(x->type, k);
    CRM_TRY(crm_bio_read(k, x->t->class_name, x->bio, x->type, &x->n_types));
    k = x->n_types + 1;
    CRM_NEW(x->fold, (int64_t)k * k);
    CRM_TRY(crm_study_head(x->s, CRM_LEVEL_TOKEN, x->out));
    CRM_NEW(x->out->class_name, k);
    x->out->n_classes = k;
    for (int i = 0; i < k; i++)
        CRM_TRY(crm_study_text(i < x->n_types ? x->type[i] : "none", &x->out->class_name[i]));
    return CRM_OK;
}

/* ---- counting ---- */

static void add_document(spans *x, int64_t d, const int32_t *found, crm_sum_model *m)
{
    const crm_documents *docs = crm_data_documents(x->s->e->data);
    int64_t from = docs->token_first[d], n = docs->token_first[d + 1] - from;
    const int32_t *gold = x->t->label + from;

    crm_stats_span_confusion(n, x->bio, gold, found, x->n_types, x->fold);
    for (int64_t i = 0; i < n; i++) {
        m->tokens += gold[i] >= 0;
        m->tokens_right += gold[i] == found[i];
    }
}

/* Scores of a fold from its confusion, which is added to that of the model. */
static void end_fold(spans *x, int j, crm_sum_model *m)
{
    const int64_t cells = (int64_t)x->out->n_classes * x->out->n_classes;
    const crm_span_counts all = crm_spans_of_confusion(x->n_types, x->fold, x->n_types);
    const double score[] = {crm_spans_f1(all), crm_spans_precision(all), crm_spans_recall(all)};

    _Static_assert(sizeof score / sizeof *score == EVAL_SPAN_METRICS, "crm_eval_span_metrics");
    for (int i = 0; i < EVAL_SPAN_METRICS; i++)
        m->metric[i].fold[j] = score[i];
    for (int64_t i = 0; i < cells; i++)
        m->confusion[i] += x->fold[i];
}

/* Documents of the test rows of a unit, each with the tags that it was given. */
static crm_status count_unit(spans *x, const unit *u, const result *r, crm_sum_model *m)
{
    const crm_documents *docs = crm_data_documents(x->s->e->data);
    const int64_t cells = (int64_t)x->out->n_classes * x->out->n_classes;
    const int32_t *found = r->tag, *end = r->tag + r->n_tags;

    memset(x->fold, 0, (size_t)cells * sizeof *x->fold);
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t d = docs->first[r->row[i]]; d < docs->first[r->row[i] + 1]; d++) {
            int64_t n = docs->token_first[d + 1] - docs->token_first[d];
            CRM_CHECK(n <= end - found, CRM_ERR_FORMAT, "%s: fewer tags than tokens", u->name);
            add_document(x, d, found, m);
            found += n;
        }
    CRM_CHECK(found == end, CRM_ERR_FORMAT, "%s: more tags than tokens", u->name);
    end_fold(x, u->repeat * x->s->folds->folds + u->fold, m);
    return CRM_OK;
}

static crm_status count_model(spans *x, int model, const result *r, crm_sum_model *m)
{
    const study *s = x->s;

    CRM_TRY(crm_study_text(s->e->spec[model]->name, &m->name));
    CRM_TRY(crm_study_metrics_new(s, EVAL_SPAN_METRICS, crm_eval_span_metrics, m));
    CRM_NEW(m->confusion, (int64_t)x->out->n_classes * x->out->n_classes);
    for (int i = 0; i < s->n_units; i++)
        if (s->unit[i].repeat >= 0 && s->unit[i].model == model)
            CRM_TRY(count_unit(x, &s->unit[i], &r[i], m));
    for (int i = 0; i < m->n_metrics; i++)
        crm_study_mean(s, &m->metric[i]);
    return CRM_OK;
}

/* ---- the summary ---- */

static const char *split_text(int split)
{
    static const char *const text[CRM_SPLIT_COUNT] = {
        [CRM_SPLIT_PLAIN] = "folds of rows drawn at random",
        [CRM_SPLIT_GROUPED] = "folds that keep the rows of a group together",
        [CRM_SPLIT_FILE] = "folds from a file",
        [CRM_SPLIT_PART] = "the test file of the data",
        [CRM_SPLIT_CONTIGUOUS] = "contiguous folds: rows that stand together in the data"};

    return text[split] ? text[split] : crm_eval_split_names[split];
}

static crm_status note_split(spans *x)
{
    const crm_folds *f = x->s->folds;
    int64_t tested = 0;
    char text[256];

    for (int64_t i = 0; i < f->repeats * f->n; i++)
        tested += f->fold[i] >= 0;
    snprintf(text, sizeof text,
             "Split: %s (%d fold%s, %d repeat%s, %lld rows tested). Spans are counted as conlleval "
             "counts them.",
             split_text(x->s->e->cfg->split), f->folds, f->folds == 1 ? "" : "s", f->repeats,
             f->repeats == 1 ? "" : "s", (long long)tested);
    return crm_study_note(x->out, text);
}

static crm_status fill_target(spans *x, const result *r)
{
    crm_sum_target *t = x->out;

    CRM_TRY(spans_new(x));
    CRM_NEW(t->model, x->s->e->n_models);
    for (int m = 0; m < x->s->e->n_models; m++) {
        t->n_models++;
        CRM_TRY(count_model(x, m, r, &t->model[m]));
    }
    CRM_TRY(crm_study_compare(t, t->n_models, x->s->e->cfg->rope));
    CRM_TRY(note_split(x));
    return crm_study_notes(x->s, t);
}

/* ---- columns ---- */

/* The unit of a model in the first repeat with this fold. */
static const result *unit_result(const spans *x, const result *r, int model, int fold)
{
    for (int i = 0; i < x->s->n_units; i++)
        if (x->s->unit[i].model == model && x->s->unit[i].repeat == 0 && x->s->unit[i].fold == fold)
            return &r[i];
    return NULL;
}

static void add_columns(const spans *x, int64_t d, const result *const *of, int64_t *at,
                        crm_str *out)
{
    const crm_documents *docs = crm_data_documents(x->s->e->data);

    for (int64_t i = docs->token_first[d]; i < docs->token_first[d + 1]; i++, (*at)++) {
        int32_t gold = x->t->label[i];
        crm_str_addf(out, "%s %s", docs->word[docs->token[i]],
                     gold >= 0 ? x->t->class_name[gold] : "-");
        for (int m = 0; m < x->s->e->n_models; m++)
            crm_str_addf(out, " %s", x->t->class_name[of[m]->tag[*at]]);
        crm_str_add(out, "\n", 1);
    }
    crm_str_add(out, "\n", 1);
}

static crm_status write_tagged(const spans *x, const result *r, crm_str *out)
{
    const crm_documents *docs = crm_data_documents(x->s->e->data);
    const result **of;

    CRM_NEW(of, x->s->e->n_models);
    for (int f = 0; f < x->s->folds->folds; f++) {
        int64_t at = 0;
        for (int m = 0; m < x->s->e->n_models; m++)
            of[m] = unit_result(x, r, m, f);
        for (int64_t i = 0; of[0] && i < of[0]->n; i++)
            for (int64_t d = docs->first[of[0]->row[i]]; d < docs->first[of[0]->row[i] + 1]; d++)
                add_columns(x, d, of, &at, out);
    }
    crm_mem_free(of);
    return CRM_OK;
}

/* ---- digests ---- */

static crm_status make_digests(const spans *x, const result *r, crm_summary *sum)
{
    crm_hash *weights = NULL, *tags = NULL;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, crm_hash_new(&weights));
    CRM_TRY_TO(st, done, crm_hash_new(&tags));
    for (int i = 0; i < x->s->n_units; i++) {
        crm_hash_add_text(weights, x->s->unit[i].name);
        crm_hash_add_digest(weights, r[i].weights);
        crm_hash_add_text(tags, x->s->unit[i].name);
        if (r[i].tag) crm_hash_add(tags, r[i].tag, (size_t)r[i].n_tags * sizeof *r[i].tag);
    }
    sum->data = crm_data_digest(x->s->e->data);
    sum->folds = x->s->folds->digest;
    sum->weights = crm_hash_value(weights);
    sum->predictions = crm_hash_value(tags);
done:
    crm_hash_free(&weights);
    crm_hash_free(&tags);
    return st;
}

crm_status crm_study_spans(const study *s, const result *r, crm_summary **out, crm_str *tagged)
{
    spans x = {.s = s, .t = crm_data_target(s->e->data, s->target)};
    crm_summary *sum = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW_TO(st, done, sum, 1);
    CRM_NEW_TO(st, done, sum->target, 1);
    sum->n_targets = 1;
    x.out = &sum->target[0];
    CRM_TRY_TO(st, done, fill_target(&x, r));
    CRM_TRY_TO(st, done, make_digests(&x, r, sum));
    CRM_TRY_TO(st, done, write_tagged(&x, r, tagged));
    CRM_CHECK_TO(st, done, !tagged->failed, CRM_ERR_NOMEM, "out of memory: predictions.conll");
    *out = sum;
    sum = NULL;
done:
    crm_summary_free(&sum);
    spans_free(&x);
    return st;
}
