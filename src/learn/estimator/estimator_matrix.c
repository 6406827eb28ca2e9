/* estimator_matrix.c - a source's values for a view, kept in memory when they fit, else computed at
 * each read. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "estimator_impl.h"

struct crm_matrix {
    const crm_source *source;
    const crm_view *view;
    int64_t n_num, n_cat;
    float *num; /* [view->n][n_num], NULL: not kept */
    int32_t *cat;
};

/* Leaves after which the pages of the data set that were read are given back. */
enum { RELEASE_EACH = 16 };

static crm_status fill_leaf(void *ctx, int64_t leaf, int worker)
{
    crm_matrix *m = ctx;
    int64_t first, n;

    (void)worker;
    crm_leaf_rows(m->view->n, leaf, &first, &n);
    CRM_TRY(crm_source_read(m->source, m->view->row + first, n, m->num + first * m->n_num,
                            m->cat + first * m->n_cat));
    if (leaf % RELEASE_EACH == RELEASE_EACH - 1) crm_data_release(crm_source_data(m->source));
    return CRM_OK;
}

crm_status crm_matrix_new(const crm_source *s, const crm_view *v, crm_pool *pool, size_t limit,
                          crm_matrix **out)
{
    const crm_schema *c = crm_source_schema(s);
    crm_matrix *m = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(m, 1);
    m->source = s;
    m->view = v;
    m->n_num = c->n_num;
    m->n_cat = c->n_cat;
    if ((size_t)v->n * (size_t)(m->n_num + m->n_cat) * 4 <= limit) {
        CRM_NEW_TO(st, fail, m->num, v->n * m->n_num);
        CRM_NEW_TO(st, fail, m->cat, v->n * m->n_cat);
        CRM_TRY_TO(st, fail, crm_pool_run(pool, crm_leaf_count(v->n), fill_leaf, m));
    }
    *out = m;
    return CRM_OK;
fail:
    crm_matrix_free(&m);
    return st;
}

static void pad(const crm_matrix *m, float *num, int32_t *cat)
{
    memset(num, 0, (size_t)m->n_num * sizeof *num);
    for (int64_t k = 0; k < m->n_cat; k++)
        cat[k] = -1;
}

static void copy_kept(const crm_matrix *m, int64_t pos, float *num, int32_t *cat)
{
    if (m->n_num) memcpy(num, m->num + pos * m->n_num, (size_t)m->n_num * sizeof *num);
    if (m->n_cat) memcpy(cat, m->cat + pos * m->n_cat, (size_t)m->n_cat * sizeof *cat);
}

/* Rows of the data set for these positions; padding reads row 0 and is wiped afterwards. */
static crm_status read_rows(const crm_matrix *m, const int64_t *pos, int64_t n, float *num,
                            int32_t *cat)
{
    int64_t *row;
    crm_status st;

    CRM_NEW(row, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = m->view->row[pos[i] < 0 ? 0 : pos[i]];
    st = crm_source_read(m->source, row, n, num, cat);
    crm_mem_free(row);
    return st;
}

crm_status crm_matrix_read(const crm_matrix *m, const int64_t *pos, int64_t n, float *num,
                           int32_t *cat)
{
    if (!m->num) CRM_TRY(read_rows(m, pos, n, num, cat));
    for (int64_t i = 0; i < n; i++) {
        float *x = num + i * m->n_num;
        int32_t *c = cat + i * m->n_cat;
        if (pos[i] < 0)
            pad(m, x, c);
        else if (m->num)
            copy_kept(m, pos[i], x, c);
    }
    return CRM_OK;
}

bool crm_matrix_kept(const crm_matrix *m, int64_t first, const float **num, const int32_t **cat)
{
    if (!m->num) return false;
    *num = m->num + first * m->n_num;
    *cat = m->cat + first * m->n_cat;
    return true;
}

void crm_matrix_free(crm_matrix **mp)
{
    crm_matrix *m = *mp;

    if (!m) return;
    crm_mem_free(m->num);
    crm_mem_free(m->cat);
    crm_mem_free(m);
    *mp = NULL;
}
