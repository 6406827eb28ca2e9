/* estimator_rows.c - a wish to stop, own rows of a rank, and exact sums over the leaves of a
 * training view. */
#include "crmpi/estimator_rows.h"

#include <string.h>

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

crm_status crm_rows_same(const crm_fit *fit, const char *what, int64_t n, const char *const *text)
{
    int64_t most[2];
    uint64_t sum = (uint64_t)n;

    for (int64_t i = 0; i < n; i++)
        sum = sum * 31 + crm_digest_of(text[i], strlen(text[i])).lo;
    most[0] = (int64_t)(sum >> 1); /* and its negative: equal when the least is the most */
    most[1] = -most[0];
    CRM_TRY(crm_comm_max_i64(fit->comm, most, 2));
    CRM_CHECK(most[0] == -most[1], CRM_ERR_CONFIG, "%s is not the same on all ranks", what);
    return CRM_OK;
}

bool crm_fit_stopping(const crm_fit *fit)
{
    return fit && fit->hooks.stopping && fit->hooks.stopping(fit->hooks.ctx);
}

crm_status crm_fit_check_stop(const crm_fit *fit)
{
    CRM_CHECK(!crm_fit_stopping(fit), CRM_ERR_STOPPED, "%s", "the fit was stopped");
    return CRM_OK;
}

typedef struct visit {
    const crm_fit *fit; /* whose hooks may end it; NULL: nobody's */
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

    CRM_TRY(crm_fit_check_stop(t->fit));
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
    visit t = {.fit = fit, .in = in, .v = fit->train, .fn = fn, .ctx = ctx};

    return crm_tree_sum_once(fit->comm, fit->pool, crm_leaf_count(fit->train->n), width, sum_leaf,
                             &t, out);
}
