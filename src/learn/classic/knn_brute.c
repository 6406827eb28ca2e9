/* knn_brute.c - every training row against every query, in blocks of rows that stay in the cache
 * while all queries pass. */
#include "knn_impl.h"

/* Rows [first, first + n) as columns; the last row fills what is left of the block. */
static void turn(const knn_rows *r, int64_t first, int64_t n, float *block)
{
    for (int64_t i = 0; i < KNN_LANES; i++) {
        const float *x = r->x + (first + (i < n ? i : n - 1)) * r->d;
        for (int64_t j = 0; j < r->d; j++)
            block[j * KNN_LANES + i] = x[j];
    }
}

crm_status knn_brute(const knn_rows *r, knn_queries *q)
{
    double dist[KNN_LANES];
    float *block;

    CRM_NEW(block, r->d * KNN_LANES);
    for (int64_t at = 0; at < r->n; at += KNN_LANES) {
        int64_t n = r->n - at < KNN_LANES ? r->n - at : KNN_LANES;
        turn(r, at, n, block);
        for (int64_t i = 0; i < q->n; i++) {
            knn_list *l = &q->list[i];
            r->metric->block(block, q->q + i * r->d, r->d, r->p, dist);
            for (int64_t s = 0; s < n; s++)
                if (dist[s] <= knn_worst(l)) knn_offer(l, dist[s], at + s);
        }
    }
    crm_mem_free(block);
    return CRM_OK;
}
