/* stats_rank.c - sorted scores and pair counts, in integers, so that no order of the rows matters.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "stats_impl.h"

static int by_score(const void *a, const void *b)
{
    const crm_scored *x = a, *y = b;

    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static crm_status gather(int64_t n, const int32_t *label, int32_t positive, const double *score,
                         int64_t stride, crm_ranking *out)
{
    for (int64_t i = 0; i < n; i++) {
        double s = score[i * stride];
        bool hit = label && label[i] == positive;

        if (label && label[i] < 0) continue;
        CRM_CHECK(!isnan(s), CRM_ERR_NUMERIC,
                  "score of row %lld is NaN: a rank needs a number; look at what made the scores",
                  (long long)i);
        out->item[out->n++] = (crm_scored){s, i, hit};
        out->pos += hit;
    }
    return CRM_OK;
}

crm_status crm_stats_rank(int64_t n, const int32_t *label, int32_t positive, const double *score,
                          int64_t stride, crm_ranking *out)
{
    crm_status st = CRM_OK;

    memset(out, 0, sizeof *out);
    CRM_CHECK(n >= 0, CRM_ERR_ARG, "%lld rows to rank; must be 0 or more", (long long)n);
    CRM_NEW(out->item, n);
    CRM_TRY_TO(st, fail, gather(n, label, positive, score, stride, out));
    qsort(out->item, (size_t)out->n, sizeof *out->item, by_score);
    return CRM_OK;
fail:
    crm_mem_free(out->item);
    memset(out, 0, sizeof *out);
    return st;
}

int64_t crm_stats_tie_end(const crm_ranking *r, int64_t i, int64_t *pos)
{
    int64_t end = i;

    *pos = 0;
    for (; end < r->n && r->item[end].score == r->item[i].score; end++)
        *pos += r->item[end].positive;
    return end;
}

int64_t crm_stats_placements(const crm_ranking *r, int64_t *w)
{
    int64_t pos_below = 0, neg_below = 0, total = 0, end, pos, neg;

    for (int64_t i = 0; i < r->n; i = end) {
        end = crm_stats_tie_end(r, i, &pos);
        neg = end - i - pos;
        int64_t of_pos = 2 * neg_below + neg, of_neg = 2 * (r->pos - pos_below - pos) + pos;

        for (int64_t j = i; w && j < end; j++)
            w[r->item[j].row] = r->item[j].positive ? of_pos : of_neg;
        total += pos * of_pos;
        pos_below += pos;
        neg_below += neg;
    }
    return total;
}
