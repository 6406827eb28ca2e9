/* stats_curve.c - ROC and precision-recall curves from one sorted list, average precision.
 *
 * Average precision = sum (R_i - R_(i-1)) P_i over the distinct scores, highest first.  A corner of
 * the upper hull of the ROC curve is the best cut for some cost of errors, and the same cuts are
 * the achievable ones of the precision-recall curve (Davis & Goadrich 2006), so one selection
 * serves both. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_curve.h"
#include "stats_impl.h"

/* Begin of the tie group that ends before item end, and the positives in it. */
static int64_t tie_begin(const crm_ranking *r, int64_t end, int64_t *pos)
{
    int64_t i = end;

    *pos = 0;
    for (; i > 0 && r->item[i - 1].score == r->item[end - 1].score; i--)
        *pos += r->item[i - 1].positive;
    return i;
}

double crm_stats_ranking_precision(const crm_ranking *r)
{
    int64_t tp = 0, begin, pos;
    double sum = 0;

    if (!r->pos) return (double)NAN;
    for (int64_t end = r->n; end > 0; end = begin) {
        begin = tie_begin(r, end, &pos);
        tp += pos;
        if (pos) sum += (double)pos / (double)r->pos * ((double)tp / (double)(r->n - begin));
    }
    return sum;
}

static int64_t distinct(const crm_ranking *r)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->n; i++)
        n += i == 0 || r->item[i].score != r->item[i - 1].score;
    return n;
}

static void fill(const crm_ranking *r, crm_curve *c)
{
    int64_t tp = 0, begin, pos;

    c->cut[c->n++] = (crm_cut){(double)INFINITY, 0, 0};
    for (int64_t end = r->n; end > 0; end = begin) {
        begin = tie_begin(r, end, &pos);
        tp += pos;
        c->cut[c->n++] = (crm_cut){r->item[begin].score, tp, r->n - begin - tp};
    }
}

crm_status crm_stats_curve(int64_t n, const int32_t *label, int32_t positive, const double *score,
                           int64_t stride, crm_curve *out)
{
    crm_ranking r = {0};
    crm_status st = CRM_OK;

    memset(out, 0, sizeof *out);
    CRM_TRY(crm_stats_rank(n, label, positive, score, stride, &r));
    CRM_NEW_TO(st, done, out->cut, 1 + distinct(&r));
    out->pos = r.pos;
    out->neg = r.n - r.pos;
    fill(&r, out);
done:
    crm_mem_free(r.item);
    return st;
}

double crm_stats_average_precision(const crm_curve *c)
{
    double sum = 0;

    if (!c->pos) return (double)NAN;
    for (int64_t i = 1; i < c->n; i++) {
        const crm_cut *a = &c->cut[i];
        int64_t more = a->tp - a[-1].tp;

        if (more) sum += (double)more / (double)c->pos * ((double)a->tp / (double)(a->tp + a->fp));
    }
    return sum;
}

/* ---- fewer cuts --------------------------------------------------------------------------------
 */

/* Whether b lies on or below the line from a to c. */
static bool is_below(const crm_cut *a, const crm_cut *b, const crm_cut *c)
{
    return (double)(b->fp - a->fp) * (double)(c->tp - a->tp) >=
           (double)(b->tp - a->tp) * (double)(c->fp - a->fp);
}

/* Corners of the upper hull, ends included, into at[n]; how many. */
static int64_t hull(const crm_curve *c, int64_t *at)
{
    int64_t h = 0;

    for (int64_t i = 0; i < c->n; i++) {
        while (h > 1 && is_below(&c->cut[at[h - 2]], &c->cut[at[h - 1]], &c->cut[i]))
            h--;
        at[h++] = i;
    }
    return h;
}

static double share(int64_t part, int64_t all)
{
    return all ? (double)part / (double)all : 0;
}

/* The first cut at or behind each of m even marks of fp/neg + tp/pos. */
static void keep_marks(const crm_curve *c, int64_t m, uint8_t *keep)
{
    int64_t i = 0;

    for (int64_t j = 1; j <= m; j++) {
        double mark = 2 * (double)j / (double)(m + 1);

        while (i < c->n - 1 && share(c->cut[i].fp, c->neg) + share(c->cut[i].tp, c->pos) < mark)
            i++;
        keep[i] = 1;
    }
}

crm_status crm_stats_curve_reduce(crm_curve *c, int64_t most)
{
    int64_t *at = NULL, corners, taken, kept = 0;
    uint8_t *keep = NULL;
    crm_status st = CRM_OK;

    CRM_CHECK(most >= 4, CRM_ERR_ARG, "at most %lld cuts; must be 4 or more", (long long)most);
    if (c->n <= most) return CRM_OK;
    CRM_NEW_TO(st, done, at, c->n);
    CRM_NEW_TO(st, done, keep, c->n);
    corners = hull(c, at);
    taken = corners > most / 2 ? most / 2 : corners;
    for (int64_t i = 0; i < taken; i++) /* both ends are corners */
        keep[at[taken == corners ? i : i * (corners - 1) / (taken - 1)]] = 1;
    keep_marks(c, most - taken, keep);
    for (int64_t i = 0; i < c->n; i++)
        if (keep[i]) c->cut[kept++] = c->cut[i];
    c->n = kept;
done:
    crm_mem_free(at);
    crm_mem_free(keep);
    return st;
}
