/* train_blocks.c - fit of the blocks: which categories and words the training view has, and mean
 * and standard deviation of every channel of the months and every number of the events.
 *
 * Counts are integers, summed over the ranks.  Means take two passes, each an exact sum over leaves
 * of CRM_LEAF_ROWS rows: sum and count, then squares about the mean. */
#include "train_blocks.h"

#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/estimator_rows.h"

crm_status crm_names_set(names *t, int64_t n, const char *const *text)
{
    CRM_NEW(t->text, n);
    t->n = n;
    for (int64_t i = 0; i < n; i++) {
        t->text[i] = crm_mem_strdup(text[i]);
        CRM_CHECK(t->text[i], CRM_ERR_NOMEM, "out of memory: name %lld", (long long)i);
    }
    return CRM_OK;
}

static void names_free(names *t)
{
    for (int64_t i = 0; t->text && i < t->n; i++)
        crm_mem_free(t->text[i]);
    crm_mem_free(t->text);
    *t = (names){0};
}

crm_status crm_scales_new(scales *s, int64_t n)
{
    s->n = n;
    CRM_NEW(s->mean, n);
    CRM_NEW(s->sd, n);
    return CRM_OK;
}

void crm_blocks_free(blocks *b)
{
    names_free(&b->channel);
    names_free(&b->number);
    names_free(&b->category);
    crm_mem_free(b->channel_scale.mean);
    crm_mem_free(b->channel_scale.sd);
    crm_mem_free(b->number_scale.mean);
    crm_mem_free(b->number_scale.sd);
    crm_text_fixed_free(&b->words);
    crm_vocab_free(&b->vocab);
    *b = (blocks){0};
}

/* ---- categories and words that occur ---- */

/* Counts of the codes of the data set, then of the forms of its dictionary, in what the net sees of
 * the events and documents of own rows. */
typedef struct tally {
    crm_forms *forms; /* NULL: no documents */
    int64_t n_categories, n_forms;
    int64_t *count; /* [n_categories + n_forms] */
    int64_t *seen;  /* [n_forms] of crm_forms_tally */
} tally;

static void count_row(const blocks_map *m, int64_t row, tally *t)
{
    const crm_events *e = crm_data_events(m->data);
    const crm_documents *d = crm_data_documents(m->data);
    int64_t first, end;

    crm_blocks_events(m, row, &first, &end);
    for (int64_t i = first; i < end; i++)
        if (e->category[i] >= 0 && e->category[i] < t->n_categories) t->count[e->category[i]]++;
    crm_blocks_documents(m, row, &first, &end);
    if (end > first)
        crm_forms_tally(t->forms, (crm_text_count)m->b->words->cfg.count, d->token_first, d->token,
                        first, end, t->seen, t->count + t->n_categories);
}

static crm_status count_own(const blocks *b, const crm_fit *fit, tally *t)
{
    const blocks_map m = {.data = fit->train->data, .b = b};
    const crm_view own = crm_rows_own(fit);

    t->n_categories = b->events ? crm_data_events(m.data)->n_categories : 0;
    CRM_NEW(t->count, t->n_categories + t->n_forms);
    CRM_NEW(t->seen, t->n_forms);
    for (int64_t i = 0; i < own.n; i++)
        count_row(&m, own.row[i], t);
    return CRM_OK;
}

static crm_status choose_categories(blocks *b, const crm_events *e, const tally *t)
{
    const char **seen;
    int64_t n = 0;
    crm_status st;

    CRM_NEW(seen, t->n_categories);
    for (int64_t c = 0; c < t->n_categories; c++)
        if (t->count[c] > 0) seen[n++] = e->category_name[c];
    st = crm_names_set(&b->category, n, seen);
    crm_mem_free(seen);
    return st;
}

static crm_status choose(blocks *b, const crm_data *d, const tally *t)
{
    if (b->events) CRM_TRY(choose_categories(b, crm_data_events(d), t));
    if (!b->documents) return CRM_OK;
    return crm_vocab_new(&b->words->cfg, t->n_forms, crm_forms_text(t->forms),
                         t->count + t->n_categories, &b->vocab);
}

/* Forms of the dictionary by the options as they are saved with the model. */
static crm_status make_forms(blocks *b, const crm_data *d, tally *t)
{
    const crm_documents *docs = crm_data_documents(d);

    if (!b->documents) return CRM_OK;
    CRM_TRY(crm_text_fix(b->text, &b->words));
    CRM_TRY(crm_forms_new(&b->words->cfg, docs->n_words, docs->word, &t->forms));
    t->n_forms = crm_forms_count(t->forms);
    return CRM_OK;
}

static crm_status fit_names(blocks *b, const crm_fit *fit)
{
    tally t = {0};
    crm_status st = crm_comm_agree(fit->comm, make_forms(b, fit->train->data, &t));

    if (!st && b->documents)
        st = crm_rows_same(fit, "the file of text.stop_words", b->words->n,
                           (const char *const *)b->words->item);
    if (!st) st = crm_comm_agree(fit->comm, count_own(b, fit, &t));
    if (!st) st = crm_comm_sum_i64(fit->comm, t.count, t.n_categories + t.n_forms);
    if (!st) st = crm_comm_agree(fit->comm, choose(b, fit->train->data, &t));
    crm_forms_free(&t.forms);
    crm_mem_free(t.count);
    crm_mem_free(t.seen);
    return st;
}

/* ---- means and standard deviations ---- */

/* Columns: channels, then numbers of events. */
typedef struct moments {
    const blocks *b;
    const crm_view *view;
    const double *center; /* [columns]; NULL: first pass */
} moments;

/* Values of columns from `at` on: out[2 c] += value or squared distance, out[2 c + 1] += 1. */
static void add(const moments *m, int64_t at, values v, double *out)
{
    while (crm_values_more(m->b, &v))
        for (int64_t i = 0; i < v.n; i++, crm_values_step(&v)) {
            int64_t c = at + v.column;
            double y = v.y[i];
            if (!isfinite(v.x[i])) continue;
            out[2 * c] += m->center ? (y - m->center[c]) * (y - m->center[c]) : y;
            out[2 * c + 1] += 1;
        }
}

static void add_months(const moments *m, int64_t row, double *out)
{
    const crm_monthly *t = crm_data_monthly(m->view->data);
    int64_t n = t->channels * t->months;

    add(m, 0,
        (values){.x = t->value + row * n, .left = n, .columns = t->channels, .inner = t->months},
        out);
}

static void add_events(const moments *m, int64_t row, double *out)
{
    const crm_events *e = crm_data_events(m->view->data);
    int64_t at = m->b->channel_scale.n, first = e->first[row], n = e->first[row + 1] - first;

    add(m, at,
        (values){.x = e->value + first * e->numbers,
                 .left = n * e->numbers,
                 .columns = e->numbers,
                 .inner = 1},
        out);
    if (m->b->model->event_time)
        add(m, at + e->numbers, (values){.x = e->time + first, .left = n, .columns = 1, .inner = 1},
            out);
}

static crm_status leaf(void *ctx, int64_t number, int worker, void *out)
{
    const moments *m = ctx;
    int64_t first, n;

    (void)worker;
    crm_leaf_rows(m->view->n, number, &first, &n);
    for (int64_t i = first; i < first + n; i++) {
        if (m->b->months) add_months(m, m->view->row[i], out);
        if (m->b->events) add_events(m, m->view->row[i], out);
    }
    return CRM_OK;
}

/* A spread that rounding alone can make is none. */
static double deviation(double squares, double n, double mean)
{
    double sd = n > 0 ? sqrt(squares / n) : 0;

    return sd > 1e-12 * fabs(mean) ? sd : 0;
}

static void keep(const double *mean, const double *sum, int64_t at, scales *s)
{
    for (int64_t c = 0; c < s->n; c++) {
        s->mean[c] = mean[at + c];
        s->sd[c] = deviation(sum[2 * (at + c)], sum[2 * (at + c) + 1], s->mean[c]);
    }
}

static crm_status fit_scales(blocks *b, const crm_fit *fit)
{
    int64_t n = b->channel_scale.n + b->number_scale.n, leaves = crm_leaf_count(fit->train->n);
    moments m = {.b = b, .view = fit->train};
    double *sum = NULL, *mean = NULL;
    crm_status st = CRM_OK;

    if (n == 0) return CRM_OK;
    CRM_NEW_TO(st, agree, sum, 2 * n);
    CRM_NEW_TO(st, agree, mean, n);
agree:
    st = crm_comm_agree(fit->comm, st);
    if (!st) st = crm_tree_sum_once(fit->comm, fit->pool, leaves, 2 * n, leaf, &m, sum);
    for (int64_t c = 0; c < n && !st; c++)
        mean[c] = sum[2 * c + 1] > 0 ? sum[2 * c] / sum[2 * c + 1] : 0;
    m.center = mean;
    if (!st) st = crm_tree_sum_once(fit->comm, fit->pool, leaves, 2 * n, leaf, &m, sum);
    if (!st) {
        keep(mean, sum, 0, &b->channel_scale);
        keep(mean, sum, b->channel_scale.n, &b->number_scale);
    }
    crm_mem_free(sum);
    crm_mem_free(mean);
    return st;
}

/* ---- all ---- */

static crm_status begin(blocks *b, const crm_hybrid_cfg *cfg, const crm_data *d,
                        const crm_source *in)
{
    const crm_monthly *months = crm_data_monthly(d);
    const crm_events *e = crm_data_events(d);

    *b = (blocks){.model = &cfg->model, .text = &cfg->text, .log_inputs = cfg->train.log_inputs};
    b->months = months && cfg->model.months.n > 0 ? months->months : 0;
    b->events = e && cfg->model.rnn != CRM_MODEL_NO_RNN;
    b->documents = crm_data_documents(d) && cfg->model.text != CRM_TEXT_NONE;
    b->sparse = cfg->model.wide_rate > 0 ? crm_source_sparse_width(in) : 0;
    if (b->months) {
        CRM_TRY(crm_names_set(&b->channel, months->channels, months->name));
        CRM_TRY(crm_scales_new(&b->channel_scale, months->channels));
    }
    if (!b->events) return CRM_OK;
    CRM_TRY(crm_names_set(&b->number, e->numbers, e->number_name));
    return crm_scales_new(&b->number_scale, e->numbers + cfg->model.event_time);
}

crm_status crm_blocks_fit(blocks *b, const crm_hybrid_cfg *cfg, const crm_fit *fit,
                          const crm_source *in)
{
    CRM_TRY(crm_comm_agree(fit->comm, begin(b, cfg, fit->train->data, in)));
    if (b->events || b->documents) CRM_TRY(fit_names(b, fit));
    return fit_scales(b, fit);
}
