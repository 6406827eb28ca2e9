/* estimator_rows.c - own rows of a rank, and exact sums over the leaves of a training view. */
#include "crmpi/estimator_rows.h"

#include "crmpi/base_mem.h"

crm_view crm_rows_own(const crm_fit *fit)
{
    const crm_view *v = fit->train;
    int64_t first, end;

    crm_tree_range(crm_leaf_count(v->n), crm_comm_rank(fit->comm), crm_comm_size(fit->comm), &first,
                   &end);
    first = first * CRM_LEAF_ROWS < v->n ? first * CRM_LEAF_ROWS : v->n;
    end = end * CRM_LEAF_ROWS < v->n ? end * CRM_LEAF_ROWS : v->n;
    return (crm_view){.data = v->data, .n = end > first ? end - first : 0, .row = v->row + first};
}

typedef struct visit {
    const crm_source *in;
    const crm_view *v;
    crm_rows_fn fn;
    void *ctx;
} visit;

static crm_status visit_leaf(const visit *t, int64_t leaf, double *out)
{
    const crm_schema *s = crm_source_schema(t->in);
    crm_rows_piece p;
    float *num = NULL;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    crm_leaf_rows(t->v->n, leaf, &p.at, &p.n);
    p.row = t->v->row + p.at;
    CRM_NEW_TO(st, done, num, p.n * s->n_num);
    CRM_NEW_TO(st, done, cat, p.n * s->n_cat);
    CRM_TRY_TO(st, done, crm_source_read(t->in, p.row, p.n, num, cat));
    p.num = num;
    p.cat = cat;
    t->fn(t->ctx, &p, out);
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    return st;
}

static crm_status each_leaf(void *ctx, int64_t leaf, int worker)
{
    (void)worker;
    return visit_leaf(ctx, leaf, NULL);
}

static crm_status sum_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    (void)worker;
    return visit_leaf(ctx, leaf, out);
}

crm_status crm_rows_each(const crm_source *in, const crm_view *v, crm_pool *pool, crm_rows_fn fn,
                         void *ctx)
{
    visit t = {.in = in, .v = v, .fn = fn, .ctx = ctx};

    return crm_pool_run(pool, crm_leaf_count(v->n), each_leaf, &t);
}

crm_status crm_rows_sum(const crm_fit *fit, const crm_source *in, int64_t width, crm_rows_fn fn,
                        void *ctx, double *out)
{
    visit t = {.in = in, .v = fit->train, .fn = fn, .ctx = ctx};

    return crm_tree_sum_once(fit->comm, fit->pool, crm_leaf_count(fit->train->n), width, sum_leaf,
                             &t, out);
}
