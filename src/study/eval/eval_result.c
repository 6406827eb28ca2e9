/* eval_result.c - results of units read back, metrics.jsonl. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "eval_impl.h"

static crm_status parse_digest(const char *hex, crm_digest *out)
{
    unsigned long long hi, lo;

    CRM_CHECK(strlen(hex) == 32 && sscanf(hex, "%16llx%16llx", &hi, &lo) == 2, CRM_ERR_FORMAT,
              "'%.40s' is not a digest", hex);
    *out = (crm_digest){hi, lo};
    return CRM_OK;
}

/* Of one line of the history; NULL when it is none. */
static const char *phase_name(const double *line)
{
    for (int i = 0; crm_phase_names[i]; i++)
        if (line[HISTORY_PHASE] == i) return crm_phase_names[i];
    return NULL;
}

/* Units of versions before have none. */
static const char *device_text(const crm_bag *b)
{
    const char *text;

    if (crm_bag_get_text(b, "device", &text) == CRM_OK) return text;
    crm_err_clear();
    return "";
}

/* A data set of labels alone has no features. */
static crm_status take_explanation(const study *s, const crm_bag *b, explanation *x)
{
    const crm_bag_array *a;

    x->features = crm_study_of_tokens(s) ? 0 : crm_features_count(s->e->data);
    CRM_TRY(crm_bag_get(b, "importance", CRM_F64, -1, &a));
    x->permutations = x->features ? a->n / x->features : 0;
    x->importance = (double *)a->data;
    CRM_TRY(crm_bag_get(b, "dependence.x", CRM_F64, -1, &a));
    x->grid = x->features ? a->n / x->features : 0;
    x->x = (double *)a->data;
    CRM_TRY(crm_bag_get(b, "dependence.y", CRM_F64, x->features * x->grid, &a));
    x->y = (double *)a->data;
    return CRM_OK;
}

static crm_status take_cost(const crm_bag *b, result *r)
{
    const crm_bag_array *a;
    const double *v;

    CRM_TRY(crm_bag_get_f64(b, "threshold", &r->threshold));
    CRM_TRY(crm_bag_get(b, "cost", CRM_F64, 3, &a));
    v = a->data;
    r->fit_s = v[0];
    r->predict_s = v[1];
    r->bytes = v[2];
    return CRM_OK;
}

/* There only when steps were left out. */
static crm_status take_left_out(result *r)
{
    const crm_bag_array *a = crm_bag_find(r->bag, "left_out");

    if (!a) return CRM_OK;
    CRM_TRY(crm_bag_get(r->bag, "left_out", CRM_F64, r->epochs, &a));
    r->left_out = a->data;
    return CRM_OK;
}

/* Of test rows of a target of tokens. */
static crm_status take_tags(const study *s, const unit *u, result *r)
{
    int k = crm_data_target(s->e->data, s->target)->n_classes;
    const crm_bag_array *a;

    if (!crm_study_of_tokens(s) || u->repeat < 0) return CRM_OK;
    CRM_TRY(crm_bag_get(r->bag, "tag", CRM_I32, -1, &a));
    r->n_tags = a->n;
    r->tag = a->data;
    for (int64_t i = 0; i < a->n; i++)
        CRM_CHECK(r->tag[i] >= 0 && r->tag[i] < k, CRM_ERR_FORMAT, "%s: token %lld has tag %d",
                  u->name, (long long)i, r->tag[i]);
    return CRM_OK;
}

static crm_status take(const study *s, const unit *u, result *r)
{
    int64_t k = crm_study_classes(s);
    const crm_bag_array *a;
    const char *hex;

    CRM_TRY(crm_bag_get(r->bag, "row", CRM_I64, -1, &a));
    r->n = a->n;
    r->row = a->data;
    CRM_TRY(crm_bag_get(r->bag, "proba", CRM_F64, r->n * k, &a));
    r->proba = a->data;
    CRM_TRY(take_tags(s, u, r));
    CRM_TRY(crm_bag_get(r->bag, "history", CRM_F64, -1, &a));
    r->epochs = a->n / HISTORY_FIELDS;
    r->history = a->data;
    CRM_TRY(take_left_out(r));
    CRM_TRY(crm_bag_get_list(r->bag, "heads", &r->heads, &r->head));
    CRM_TRY(crm_bag_get(r->bag, "losses", CRM_F64, r->epochs * 2 * r->heads, &a));
    r->losses = a->data;
    for (int64_t e = 0; e < r->epochs; e++)
        CRM_CHECK(phase_name(r->history + e * HISTORY_FIELDS), CRM_ERR_FORMAT,
                  "%s: epoch line %lld has no phase that is known", u->name, (long long)e);
    for (int64_t i = 0; i < r->n; i++)
        CRM_CHECK(r->row[i] >= 0 && r->row[i] < crm_data_rows(s->e->data), CRM_ERR_FORMAT,
                  "%s: row %lld is not in the data set", u->name, (long long)r->row[i]);
    CRM_TRY(take_cost(r->bag, r));
    CRM_TRY(take_explanation(s, r->bag, &r->explanation));
    r->device = device_text(r->bag);
    CRM_TRY(crm_bag_get_text(r->bag, "weights", &hex));
    return parse_digest(hex, &r->weights);
}

crm_status crm_result_read(const study *s, const unit *u, result *out)
{
    char path[CRM_PATH_MAX];

    *out = (result){0};
    CRM_TRY(crm_unit_path(s, u, path, sizeof path));
    CRM_TRY(crm_bag_read(path, UNIT_KIND, &out->bag));
    CRM_TRY(crm_ledger_check(s->e, u->name, path, out->bag));
    return take(s, u, out);
}

void crm_result_free(result *r)
{
    crm_bag_free(&r->bag);
    *r = (result){0};
}

/* Keys of the losses by target: "train_loss.churn", "valid_loss.churn". */
typedef struct loss_key {
    char text[160];
} loss_key;

/* One line: the fields, records per second, losses of the targets; pair has room for all. */
static crm_status epoch_metrics(const study *s, const unit *u, const result *r, int64_t e,
                                const loss_key *key, crm_record_pair *pair)
{
    const double *line = r->history + e * HISTORY_FIELDS;
    const double seconds = line[HISTORY_SECONDS];
    int n = HISTORY_FIELDS;

    for (int f = 0; f < n; f++)
        pair[f] = (crm_record_pair){.key = crm_history_names[f], .value = line[f]};
    pair[HISTORY_PHASE].text = phase_name(line);
    pair[n++] = (crm_record_pair){
        .key = "records_per_s", .value = seconds > 0 ? line[HISTORY_ROWS] / seconds : (double)NAN};
    for (int64_t k = 0; k < 2 * r->heads; k++)
        pair[n++] = (crm_record_pair){.key = key[k].text, .value = r->losses[e * 2 * r->heads + k]};
    if (r->left_out && r->left_out[e] > 0)
        pair[n++] = (crm_record_pair){.key = "left_out", .value = r->left_out[e]};
    return crm_record_metrics(s->e->record, "epoch", u->name, s->e->spec[u->model]->name, n, pair);
}

static crm_status unit_metrics(const study *s, const unit *u, const result *r)
{
    crm_record_pair *pair = NULL;
    loss_key *key = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, pair, HISTORY_FIELDS + 2 + 2 * r->heads);
    CRM_NEW_TO(st, done, key, 2 * r->heads);
    for (int64_t k = 0; k < 2 * r->heads; k++)
        snprintf(key[k].text, sizeof key[k].text, "%s_loss.%.120s",
                 k < r->heads ? "train" : "valid", r->head[k % r->heads]);
    for (int64_t e = 0; e < r->epochs && !st; e++)
        st = epoch_metrics(s, u, r, e, key, pair);
done:
    crm_mem_free(pair);
    crm_mem_free(key);
    return st;
}

crm_status crm_study_metrics(const study *s, const result *r)
{
    for (int i = 0; i < s->n_units; i++)
        CRM_TRY(unit_metrics(s, &s->unit[i], &r[i]));
    return CRM_OK;
}
