/* data_describe_relate.c - matrices of correlation and association, over the rows that have both
 * values.
 *
 * Numbers: columns are held in tiles, as values, order and ranks; a pair of tiles is the work of
 * one rank.  Where both columns are complete their ranks are those of all rows, else the rows that
 * have both are taken out and ranked anew.  Categories: a row of the matrix is the work of one
 * rank. An entry is put in by one rank and zero on the others, until they are added up as integers.
 */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_relate.h"
#include "data_describe_impl.h"

static const int64_t TILE_BYTES = (int64_t)1 << 27;

/* ---- which columns ---- */
static crm_status choose(describer *x)
{
    crm_description *o = x->out;

    CRM_NEW(o->num, o->n);
    CRM_NEW(o->cat, o->n);
    for (int c = 0; c < o->n; c++) {
        const crm_described *d = &o->column[c];
        if (!d->per_row) continue;
        if (d->numeric && o->n_num < CRM_DESCRIBE_MATRIX) o->num[o->n_num++] = c;
        if (!d->numeric && d->n_levels <= CRM_DESCRIBE_LEVELS && o->n_cat < CRM_DESCRIBE_MATRIX)
            o->cat[o->n_cat++] = c;
    }
    CRM_NEW(o->pearson, (int64_t)o->n_num * o->n_num);
    CRM_NEW(o->spearman, (int64_t)o->n_num * o->n_num);
    CRM_NEW(o->cramer, (int64_t)o->n_cat * o->n_cat);
    CRM_NEW(o->corrected, (int64_t)o->n_cat * o->n_cat);
    return CRM_OK;
}

/* ---- tiles of numbers ---- */
typedef struct ranked {
    double *value, *rank; /* [rows]; rank: twice the midrank, of complete columns only */
    uint32_t *order;      /* [n] rows that have a value, ascending */
    int64_t n;
} ranked;
typedef struct tile {
    int first, n;
    ranked *column; /* [size of a tile] */
} tile;
typedef struct relater {
    describer *x;
    int64_t rows;
    int size; /* columns of a tile */
    tile a, b;
} relater;

static void tile_free(tile *t, int size)
{
    for (int i = 0; t->column && i < size; i++) {
        crm_mem_free(t->column[i].value);
        crm_mem_free(t->column[i].order);
    }
    crm_mem_free(t->column);
    *t = (tile){0};
}

static crm_status tile_new(tile *t, int size, int64_t rows)
{
    CRM_NEW(t->column, size);
    for (int i = 0; i < size; i++) {
        CRM_NEW(t->column[i].value, 2 * rows);
        t->column[i].rank = t->column[i].value + rows;
        CRM_NEW(t->column[i].order, rows);
    }
    return CRM_OK;
}

/* Values, and the rows that have one in ascending order. */
static crm_status load(const relater *r, int column, ranked *c)
{
    uint64_t *work;

    CRM_NEW(work, 2 * r->rows);
    c->n = 0;
    for (int64_t i = 0; i < r->rows; i++) {
        c->value[i] = crm_describe_number(&r->x->source[column], i);
        c->n += !isnan(c->value[i]);
    }
    crm_stats_order(c->value, r->rows, work, c->order);
    if (c->n == r->rows) crm_stats_midranks2(c->value, c->order, c->n, c->rank);
    crm_mem_free(work);
    return CRM_OK;
}

static crm_status load_one(void *ctx, int64_t task, int worker)
{
    const relater *r = ctx;
    const tile *t = task < r->a.n ? &r->a : &r->b;
    int i = (int)(task < r->a.n ? task : task - r->a.n);

    (void)worker;
    return load(r, r->x->out->num[t->first + i], &t->column[i]);
}

/* ---- a pair of numbers ---- */
/* Rows that have both values, put together; place[row] is their new number. */
static int64_t both(const ranked *a, const ranked *b, int64_t rows, double *x, double *y,
                    uint32_t *place)
{
    int64_t n = 0;

    for (int64_t i = 0; i < rows; i++) {
        place[i] = UINT32_MAX;
        if (isnan(a->value[i]) || isnan(b->value[i])) continue;
        x[n] = a->value[i];
        y[n] = b->value[i];
        place[i] = (uint32_t)n++;
    }
    return n;
}

static void rank_both(const ranked *a, const double *x, const uint32_t *place, uint32_t *order,
                      double *rank)
{
    int64_t n = 0;

    for (int64_t i = 0; i < a->n; i++)
        if (place[a->order[i]] != UINT32_MAX) order[n++] = place[a->order[i]];
    crm_stats_midranks2(x, order, n, rank);
}

static crm_status relate_incomplete(const relater *r, const ranked *a, const ranked *b,
                                    double *pearson, double *spearman)
{
    double *x;
    uint32_t *place;
    int64_t n, rows = r->rows;

    CRM_NEW(x, 4 * rows);
    place = crm_mem_new(2 * (size_t)rows, sizeof *place);
    if (!place) crm_mem_free(x);
    CRM_CHECK(place, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)rows);
    n = both(a, b, rows, x, x + rows, place);
    rank_both(a, x, place, place + rows, x + 2 * rows);
    rank_both(b, x + rows, place, place + rows, x + 3 * rows);
    *pearson = crm_stats_pearson(x, x + rows, n);
    *spearman = crm_stats_pearson(x + 2 * rows, x + 3 * rows, n);
    crm_mem_free(x);
    crm_mem_free(place);
    return CRM_OK;
}

static crm_status relate_pair(void *ctx, int64_t task, int worker)
{
    const relater *r = ctx;
    crm_description *o = r->x->out;
    int i = (int)(task / r->b.n), j = (int)(task % r->b.n);
    const ranked *a = &r->a.column[i], *b = &r->b.column[j];
    int64_t row = r->a.first + i, column = r->b.first + j, at = row * o->n_num + column;

    (void)worker;
    if (row > column) return CRM_OK;
    if (a->n < r->rows || b->n < r->rows)
        return relate_incomplete(r, a, b, &o->pearson[at], &o->spearman[at]);
    o->pearson[at] = crm_stats_pearson(a->value, b->value, r->rows);
    o->spearman[at] = crm_stats_pearson(a->rank, b->rank, r->rows);
    return CRM_OK;
}

/* Tiles i and j. */
static crm_status relate_tiles(relater *r, int i, int j)
{
    int n = r->x->out->n_num;

    r->a.first = i * r->size;
    r->b.first = j * r->size;
    r->a.n = n - r->a.first < r->size ? n - r->a.first : r->size;
    r->b.n = n - r->b.first < r->size ? n - r->b.first : r->size;
    CRM_TRY(crm_pool_run(r->x->pool, r->a.n + r->b.n, load_one, r));
    return crm_pool_run(r->x->pool, (int64_t)r->a.n * r->b.n, relate_pair, r);
}

/* Pairs of tiles are dealt out one by one; the results do not depend on the tiles. */
static crm_status relate_numbers(describer *x)
{
    relater r = {.x = x, .rows = crm_data_rows(x->data)};
    int n = x->out->n_num, ranks = crm_comm_size(x->comm), turn = 0, share = n / (2 * ranks) + 1;
    int64_t fit = TILE_BYTES / (20 * r.rows) + 1;
    crm_status st = CRM_OK;

    if (n == 0) return CRM_OK;
    r.size = fit < share ? (int)fit : share;
    st = tile_new(&r.a, r.size, r.rows);
    if (!st) st = tile_new(&r.b, r.size, r.rows);
    for (int i = 0; i * r.size < n && !st; i++)
        for (int j = i; j * r.size < n && !st; j++)
            if (turn++ % ranks == crm_comm_rank(x->comm)) st = relate_tiles(&r, i, j);
    tile_free(&r.a, r.size);
    tile_free(&r.b, r.size);
    return st;
}

/* ---- categories ---- */
static crm_status relate_categories(const describer *x, int i, int j)
{
    crm_description *o = x->out;
    const describe_source *a = &x->source[o->cat[i]], *b = &x->source[o->cat[j]];
    int r = (int)o->column[o->cat[i]].n_levels, c = (int)o->column[o->cat[j]].n_levels;
    int64_t *count, rows = crm_data_rows(x->data), at = (int64_t)i * o->n_cat + j;
    crm_cramer v;

    CRM_NEW(count, (int64_t)r * c);
    for (int64_t k = 0; k < rows; k++) {
        int32_t u = crm_describe_code(a, k), w = crm_describe_code(b, k);
        if (u >= 0 && w >= 0 && u < r && w < c) count[(int64_t)u * c + w]++;
    }
    v = crm_stats_cramer(count, r, c);
    o->cramer[at] = v.plain;
    o->corrected[at] = v.corrected;
    crm_mem_free(count);
    return CRM_OK;
}

typedef struct line {
    const describer *x;
    int i;
} line;

static crm_status relate_entry(void *ctx, int64_t task, int worker)
{
    const line *l = ctx;

    (void)worker;
    return relate_categories(l->x, l->i, l->i + (int)task);
}

static crm_status relate_lines(describer *x)
{
    int n = x->out->n_cat;

    for (int i = crm_comm_rank(x->comm); i < n; i += crm_comm_size(x->comm)) {
        line l = {x, i};
        CRM_TRY(crm_pool_run(x->pool, n - i, relate_entry, &l));
    }
    return CRM_OK;
}

/* ---- both ---- */
static crm_status share_matrix(crm_comm *comm, double *m, int n)
{
    CRM_TRY(crm_describe_share(comm, m, (int64_t)n * n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            m[i * n + j] = m[j * n + i];
    return CRM_OK;
}

crm_status crm_describe_relate(describer *x)
{
    crm_description *o = x->out;
    crm_status st = choose(x);

    if (!st) st = relate_numbers(x);
    if (!st) st = relate_lines(x);
    CRM_TRY(crm_comm_agree(x->comm, st));
    CRM_TRY(share_matrix(x->comm, o->pearson, o->n_num));
    CRM_TRY(share_matrix(x->comm, o->spearman, o->n_num));
    CRM_TRY(share_matrix(x->comm, o->cramer, o->n_cat));
    return share_matrix(x->comm, o->corrected, o->n_cat);
}
