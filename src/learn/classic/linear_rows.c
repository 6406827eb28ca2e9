/* linear_rows.c - the rows of a linear problem: strips of this rank's leaves, kept in memory or
 * made again at each pass, and exact sums over them. */
#include <string.h>

#include "linear_parts.h"

enum { RELEASE_EACH = 16 }; /* leaves of which the data set need not stay in memory */

/* First strip of a leaf among those of this rank. */
static int64_t first_strip(const linear_problem *p, int64_t leaf)
{
    return (leaf - p->first_leaf) * LEAF_STRIPS;
}

static int64_t strip_rows(const linear_problem *p, int64_t strip)
{
    int64_t n = p->own.n - strip * STRIP;

    return n < STRIP ? n : STRIP;
}

int linear_rows_batch(const linear_problem *p, int64_t leaf, int *from, int64_t *strip)
{
    int64_t first = first_strip(p, leaf);
    int n = 0;

    for (; n < BATCH && *from < LEAF_STRIPS && (first + *from) * STRIP < p->own.n;
         *from += (int)p->stride)
        strip[n++] = first + *from;
    return n;
}

/* Which row of a strip has a value that is missing or infinite. */
static crm_status tell_bad(const linear_problem *p, int64_t strip, const float *num,
                           const int32_t *cat)
{
    const crm_schema *s = crm_source_schema(p->in);
    const int32_t *slot = p->slot + strip * STRIP;

    for (int64_t l = 0; l < strip_rows(p, strip); l++) {
        crm_rows_piece one = {.at = strip * STRIP + l,
                              .n = 1,
                              .row = p->own.row + strip * STRIP + l,
                              .num = num + l * s->n_num,
                              .cat = cat + l * s->n_cat};
        if (slot[l] >= 0) CRM_TRY(classic_check_finite(p->in, &one));
    }
    CRM_CHECK(false, CRM_ERR_NUMERIC, "%s: features of rows are not finite", p->spec.model);
}

/* Rows of the i-th strip that was read -> x. */
static crm_status turn(const linear_problem *p, linear_worker *w, int64_t strip, int i, float *x)
{
    const crm_schema *s = crm_source_schema(p->in);
    const int32_t *slot = p->slot + strip * STRIP;
    const float *num = w->num + (int64_t)i * STRIP * s->n_num, *rows = num;
    const int32_t *cat = w->cat + (int64_t)i * STRIP * s->n_cat;
    int64_t n = strip_rows(p, strip);

    if (p->spec.map) {
        p->spec.map(p->spec.map_ctx, n, num, cat, w->mapped);
        rows = w->mapped;
    }
    linear_strip_turn(p->d, n, rows, x);
    for (int64_t l = 0; l < n; l++)
        for (int64_t j = 0; slot[l] < 0 && j < p->d; j++)
            x[j * STRIP + l] = 0;
    return linear_strip_finite(p->d, x) ? CRM_OK : tell_bad(p, strip, num, cat);
}

/* Rows of n strips as the source gives them, into w. */
static crm_status read_strips(const linear_problem *p, linear_worker *w, const int64_t *strip,
                              int n)
{
    int64_t rows = 0;

    for (int i = 0; i < n; i++) {
        memcpy(w->row + rows, p->own.row + strip[i] * STRIP,
               (size_t)strip_rows(p, strip[i]) * sizeof *w->row);
        rows += strip_rows(p, strip[i]);
    }
    return crm_source_read(p->in, w->row, rows, w->num, w->cat);
}

static float *kept_strip(const linear_problem *p, int64_t strip)
{
    return p->kept[strip / LEAF_STRIPS] + strip % LEAF_STRIPS * p->d * STRIP;
}

crm_status linear_rows_get(const linear_problem *p, linear_worker *w, const int64_t *strip, int n,
                           const float **x)
{
    for (int i = 0; i < n; i++)
        x[i] = p->kept ? kept_strip(p, strip[i]) : w->x + (int64_t)i * p->d * STRIP;
    if (p->kept) return CRM_OK;
    CRM_TRY(read_strips(p, w, strip, n));
    for (int i = 0; i < n; i++)
        CRM_TRY(turn(p, w, strip[i], i, w->x + (int64_t)i * p->d * STRIP));
    return CRM_OK;
}

/* ---- sums ---- */

static void fold(const linear_problem *p, linear_worker *w, double *out)
{
    const double *lanes = w->lanes;

    for (int v = 0; v < p->vectors; v++)
        for (int64_t i = 0; i <= p->d; i++, lanes += LANES)
            out[v * p->width + i] = linear_fold(lanes);
    for (int i = 0; i < 2; i++)
        out[p->vars + i] = linear_fold(lanes + (int64_t)i * LANES);
    if (p->s) linear_sparse_fold(p, w, out);
}

static crm_status pass_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const linear_problem *p = ctx;
    linear_worker *w = &p->worker[worker];
    int64_t strip[BATCH];
    const float *x[BATCH];
    int from = 0, n;

    CRM_TRY(crm_fit_check_stop(p->fit));
    memset(w->lanes, 0, (size_t)(p->dense + 2) * LANES * sizeof *w->lanes);
    while ((n = linear_rows_batch(p, leaf, &from, strip)) > 0) {
        CRM_TRY(linear_rows_get(p, w, strip, n, x));
        for (int i = 0; i < n; i++)
            p->add(p, w, strip[i], x[i]);
    }
    fold(p, w, out);
    return CRM_OK;
}

crm_status linear_pass(linear_problem *p, linear_strip_fn add)
{
    p->add = add;
    if (p->s) linear_sparse_begin(p);
    return crm_tree_sum(p->tree, pass_leaf, p, p->sum);
}

/* ---- loading ---- */

/* Squares in the lanes of the first vector. */
static void add_squares(const linear_problem *p, linear_worker *w, int64_t strip, const float *x)
{
    const int32_t *slot = p->slot + strip * STRIP;

    for (int l = 0; l < STRIP; l++)
        w->r[l] = slot[l] < 0 ? 0 : p->classes->weight[slot[l]];
    linear_strip_squares(p->d, x, w->r, w->lanes);
}

/* Next strips to be read: as many at once as w has room for. */
static int next_read(const linear_problem *p, int64_t leaf, int *from, int64_t *strip)
{
    int64_t first = first_strip(p, leaf);
    int n = 0;

    for (; n < p->read && *from < LEAF_STRIPS && (first + *from) * STRIP < p->own.n; ++*from)
        strip[n++] = first + *from;
    return n;
}

static crm_status load_strips(linear_problem *p, linear_worker *w, const int64_t *strip, int n)
{
    CRM_TRY(read_strips(p, w, strip, n));
    for (int i = 0; i < n; i++) {
        float *x = p->kept ? kept_strip(p, strip[i]) : w->x;
        CRM_TRY(turn(p, w, strip[i], i, x));
        add_squares(p, w, strip[i], x);
    }
    return CRM_OK;
}

/* The memory of a leaf is taken where it is filled: it is in the cache then. */
static crm_status load_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    linear_problem *p = ctx;
    linear_worker *w = &p->worker[worker];
    int64_t strip[LEAF_STRIPS], at = leaf - p->first_leaf;
    int from = 0, n, strips;

    CRM_TRY(crm_fit_check_stop(p->fit));
    crm_leaf_rows(p->fit->train->n, leaf, &strip[0], &strip[1]);
    strips = (int)((strip[1] + STRIP - 1) / STRIP);
    if (p->kept) CRM_NEW(p->kept[at], strips * p->d * STRIP);
    memset(w->lanes, 0, (size_t)(p->dense + 2) * LANES * sizeof *w->lanes);
    while ((n = next_read(p, leaf, &from, strip)) > 0)
        CRM_TRY(load_strips(p, w, strip, n));
    if (p->s) CRM_TRY(linear_sparse_load(p, w, leaf));
    if (p->kept && at % RELEASE_EACH == 0) crm_data_release(crm_source_data(p->in));
    fold(p, w, out);
    return CRM_OK;
}

static void find_slots(linear_problem *p, const crm_target *t, int64_t strips)
{
    for (int64_t i = 0; i < strips * STRIP; i++)
        p->slot[i] = i < p->own.n ? classic_slot(p->classes, t, p->own.row[i]) : -1;
}

static crm_status make_rows(linear_problem *p)
{
    const crm_target *t = crm_data_target(p->fit->train->data, p->fit->target);
    int64_t strips = (p->own.n + STRIP - 1) / STRIP;

    CRM_NEW(p->slot, strips * STRIP);
    CRM_NEW(p->curve, strips * STRIP * p->vectors);
    if (p->keep) CRM_NEW(p->kept, (strips + LEAF_STRIPS - 1) / LEAF_STRIPS);
    if (p->s) CRM_NEW(p->rows, (strips + LEAF_STRIPS - 1) / LEAF_STRIPS);
    find_slots(p, t, strips);
    return CRM_OK;
}

crm_status linear_rows_load(linear_problem *p)
{
    CRM_TRY(crm_comm_agree(p->fit->comm, make_rows(p)));
    p->stride = 1;
    CRM_TRY(crm_tree_sum(p->tree, load_leaf, p, p->sum));
    memcpy(p->square, p->sum, (size_t)p->width * sizeof *p->square);
    return CRM_OK;
}
