/* eval_history.c - epochs of one unit: kept while it is fitted, in its checkpoints, in its result.
 */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "eval_impl.h"

const char *const crm_history_names[HISTORY_FIELDS] = {
    "phase",       "member", "epoch",     "train_loss", "valid_loss",
    "valid_score", "lr",     "grad_norm", "rows",       "seconds"};
const char *const crm_phase_names[] = {CRM_PHASE_FIT, CRM_PHASE_SEARCH, CRM_PHASE_REFIT, NULL};

/* One that nobody knows, or none, is taken for a plain fit. */
static int phase_number(const char *phase)
{
    for (int i = 0; phase && crm_phase_names[i]; i++)
        if (strcmp(crm_phase_names[i], phase) == 0) return i;
    return 0;
}

void crm_history_free(history *h)
{
    crm_mem_free(h->row);
    crm_mem_free(h->losses);
    crm_mem_free(h->left_out);
    crm_str_free(&h->head);
    *h = (history){0};
}

/* Room for n epochs; false when memory is out. */
static bool grow(history *h, int64_t n)
{
    size_t have = (size_t)h->n, cap = h->cap ? 2 * (size_t)h->cap : 64;
    double *row, *losses, *left_out;

    if (n <= h->cap) return true;
    while (cap < (size_t)n)
        cap *= 2;
    row = crm_mem_grow(h->row, have, cap, HISTORY_FIELDS * sizeof *row);
    if (row) h->row = row;
    losses = crm_mem_grow(h->losses, have, cap, 2 * (size_t)h->heads * sizeof *losses);
    if (losses) h->losses = losses;
    left_out = crm_mem_grow(h->left_out, have, cap, sizeof *left_out);
    if (left_out) h->left_out = left_out;
    if (!row || !losses || !left_out) return false;
    h->cap = (int64_t)cap;
    return true;
}

/* The first epoch tells the targets; all have the same. */
static void keep_heads(history *h, const crm_epoch *e)
{
    if (h->n > 0 || h->head.len > 0) return;
    h->heads = e->n_heads;
    for (int i = 0; i < e->n_heads; i++)
        crm_str_add(&h->head, e->head[i], strlen(e->head[i]) + 1);
}

static void keep_losses(history *h, const crm_epoch *e)
{
    double *to = h->losses + h->n * 2 * h->heads;

    for (int64_t i = 0; i < h->heads; i++) {
        bool told = i < e->n_heads;
        to[i] = told ? e->head_loss[i] : (double)NAN;
        to[h->heads + i] = told ? e->head_valid_loss[i] : (double)NAN;
    }
}

void crm_history_add(history *h, const crm_epoch *e)
{
    const double v[HISTORY_FIELDS] = {
        phase_number(e->phase), e->member, (double)e->epoch, e->train_loss,   e->valid_loss,
        e->valid_score,         e->lr,     e->grad_norm,     (double)e->rows, e->seconds};

    keep_heads(h, e);
    h->failed = h->failed || h->head.failed || !grow(h, h->n + 1);
    if (h->failed) return;
    keep_losses(h, e);
    h->left_out[h->n] = (double)e->left_out;
    memcpy(h->row + h->n++ * HISTORY_FIELDS, v, sizeof v);
}

/* Steps that were left out, only where some were. */
static crm_status put_left_out(const history *h, crm_bag *b)
{
    for (int64_t i = 0; i < h->n; i++)
        if (h->left_out[i] > 0) return crm_bag_put(b, "left_out", CRM_F64, 1, &h->n, h->left_out);
    return CRM_OK;
}

crm_status crm_history_save(const history *h, crm_bag *b)
{
    const char **head, *name = h->head.text;
    crm_status st;

    CRM_CHECK(!h->failed, CRM_ERR_NOMEM, "out of memory: epochs of a fit");
    CRM_NEW(head, h->heads);
    for (int64_t i = 0; i < h->heads; i++, name += strlen(name) + 1)
        head[i] = name;
    st = crm_bag_put_list(b, "heads", h->heads, head);
    crm_mem_free(head);
    if (!st)
        st = crm_bag_put(b, "history", CRM_F64, 2, (int64_t[]){h->n, HISTORY_FIELDS},
                         h->n ? h->row : (double[]){0});
    if (!st)
        st = crm_bag_put(b, "losses", CRM_F64, 3, (int64_t[]){h->n, 2, h->heads},
                         h->n && h->heads ? h->losses : (double[]){0});
    return st ? st : put_left_out(h, b);
}

crm_status crm_history_load(history *h, const crm_bag *b)
{
    const crm_bag_array *rows, *losses, *left_out = crm_bag_find(b, "left_out");
    const char *const *head;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "heads", &h->heads, &head));
    CRM_TRY(crm_bag_get(b, "history", CRM_F64, -1, &rows));
    n = rows->n / HISTORY_FIELDS;
    CRM_TRY(crm_bag_get(b, "losses", CRM_F64, 2 * n * h->heads, &losses));
    if (left_out) CRM_TRY(crm_bag_get(b, "left_out", CRM_F64, n, &left_out));
    CRM_CHECK(rows->n == n * HISTORY_FIELDS, CRM_ERR_FORMAT, "%s has %lld numbers, not %d an epoch",
              rows->name, (long long)rows->n, (int)HISTORY_FIELDS);
    for (int64_t i = 0; n > 0 && i < h->heads; i++)
        crm_str_add(&h->head, head[i], strlen(head[i]) + 1);
    CRM_CHECK(grow(h, n) && !h->head.failed, CRM_ERR_NOMEM, "out of memory: %lld epochs",
              (long long)n);
    if (n > 0) memcpy(h->row, rows->data, (size_t)rows->n * sizeof *h->row);
    if (losses->n > 0) memcpy(h->losses, losses->data, (size_t)losses->n * sizeof *h->losses);
    if (left_out) memcpy(h->left_out, left_out->data, (size_t)n * sizeof *h->left_out);
    h->n = n;
    return CRM_OK;
}
