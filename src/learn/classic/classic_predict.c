/* classic_predict.c - rows through a source in pieces, each predicted by itself. */
#include <math.h>

#include "classic_impl.h"

enum { PIECE = 512 };

crm_status classic_predict(const crm_estimator *e, const crm_source *in, const int64_t *row,
                           int64_t n, int n_classes, classic_predict_fn fn, double *proba)
{
    const crm_schema *s = crm_source_schema(in);
    float *num = NULL;
    int32_t *cat = NULL;
    crm_sparse text = {0};
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, num, (int64_t)PIECE * s->n_num);
    CRM_NEW_TO(st, done, cat, (int64_t)PIECE * s->n_cat);
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t m = n - i < PIECE ? n - i : PIECE;
        CRM_TRY_TO(st, done, crm_source_read(in, row + i, m, num, cat));
        CRM_TRY_TO(st, done, crm_source_read_sparse(in, row + i, m, &text));
        fn(e, m, num, cat, &text, proba + i * n_classes);
    }
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    crm_sparse_free(&text);
    return st;
}

crm_status classic_check_finite(const crm_source *in, const crm_rows_piece *p)
{
    const crm_schema *s = crm_source_schema(in);

    for (int64_t i = 0; i < p->n * s->n_num; i++)
        CRM_CHECK(isfinite(p->num[i]), CRM_ERR_NUMERIC,
                  "column '%s' of row %lld is %s; this model needs numbers (feature.impute fills "
                  "missing ones)",
                  s->num_name[i % s->n_num], (long long)p->row[i / s->n_num],
                  isnan(p->num[i]) ? "missing" : "infinite");
    return CRM_OK;
}
