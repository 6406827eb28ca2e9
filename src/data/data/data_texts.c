/* data_texts.c - which texts a data set holds, by a digest that adds up over its documents, and
 * which kinds of them a target labels. */
#include "crmpi/data_texts.h"

#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

crm_digest crm_texts_sum(crm_digest a, crm_digest b)
{
    return (crm_digest){a.hi + b.hi, a.lo + b.lo};
}

/* Words of a document, each with its end. */
static void take_words(const crm_documents *x, int64_t document, crm_str *text)
{
    text->len = 0;
    for (int64_t t = x->token_first[document]; t < x->token_first[document + 1]; t++) {
        int32_t w = x->token[t];
        if (w >= 0 && w < x->n_words) crm_str_add(text, x->word[w], strlen(x->word[w]) + 1);
    }
}

static crm_status add_rows(crm_comm *comm, const crm_data *d, const int32_t *part, int n,
                           crm_digest *out)
{
    const crm_documents *x = &d->documents;
    crm_str text = {0};
    int64_t first, end;
    crm_status st = CRM_OK;

    crm_tree_range(d->rows, crm_comm_rank(comm), crm_comm_size(comm), &first, &end);
    for (int64_t row = first; row < end; row++) {
        int32_t p = part ? part[row] : 0;
        if (p < 0 || p >= n) continue;
        for (int64_t i = x->first[row]; i < x->first[row + 1]; i++) {
            take_words(x, i, &text);
            if (text.len) out[p] = crm_texts_sum(out[p], crm_digest_of(text.text, text.len));
        }
    }
    if (text.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a text");
    crm_str_free(&text);
    return st;
}

/* In halves of the halves, whose sums over ranks fit in 64 bits. */
static crm_status add_ranks(crm_comm *comm, int n, crm_digest *out)
{
    for (int p = 0; p < n; p++) {
        uint64_t half[] = {out[p].hi, out[p].lo};
        int64_t v[4];
        for (int k = 0; k < 4; k++)
            v[k] = (int64_t)(half[k / 2] >> (k % 2 ? 0 : 32) & UINT32_MAX);
        CRM_TRY(crm_comm_sum_i64(comm, v, 4));
        out[p] = (crm_digest){((uint64_t)v[0] << 32) + (uint64_t)v[1],
                              ((uint64_t)v[2] << 32) + (uint64_t)v[3]};
    }
    return CRM_OK;
}

crm_status crm_data_texts(crm_comm *comm, const crm_data *d, const int32_t *part, int n,
                          crm_digest *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    if (!d->documents.first) return CRM_OK;
    CRM_TRY(crm_comm_agree(comm, add_rows(comm, d, part, n, out)));
    return add_ranks(comm, n, out);
}

/* ---- kinds ---- */
static bool has_label(const crm_target *t, int64_t unit)
{
    if (t->label) return t->label[unit] >= 0;
    for (int k = 0; k < t->width; k++)
        if (!isnan(t->value[unit * t->width + k])) return true;
    return false;
}

/* Units of the target that document i of a row has. */
static void units_of(const crm_documents *x, crm_level level, int64_t row, int64_t i, int64_t *from,
                     int64_t *end)
{
    *from = level == CRM_LEVEL_CUSTOMER ? row : level == CRM_LEVEL_DOCUMENT ? i : x->token_first[i];
    *end = level == CRM_LEVEL_TOKEN ? x->token_first[i + 1] : *from + 1;
}

void crm_data_labelled_kinds(const crm_data *d, int target, uint8_t *has)
{
    const crm_documents *x = &d->documents;
    const crm_target *t = &d->target[target];

    if (!x->first) return;
    memset(has, 0, (size_t)x->n_kinds);
    for (int64_t row = 0; row < d->rows; row++)
        for (int64_t i = x->first[row]; i < x->first[row + 1]; i++) {
            int32_t kind = x->kind[i];
            int64_t u, end;
            if (kind < 0 || kind >= x->n_kinds || has[kind]) continue;
            units_of(x, t->level, row, i, &u, &end);
            for (; u < end && !has[kind]; u++)
                has[kind] = has_label(t, u);
        }
}
