/* estimator_source.c - rows of a data set as a table: flat view, columns by name, then fitted
 * transforms.
 *
 * Rows are worked on in pieces of at most PIECE; a value depends on its row only, so pieces do not
 * show.  Between transforms a level that the model does not know is CRM_CODE_UNSEEN, so that they
 * can tell it from a missing one; who reads the source finds both missing. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "estimator_impl.h"

enum { PIECE = 512 };

struct crm_source {
    const crm_data *data;
    crm_flat *flat;
    remap map; /* want == NULL: columns are those of the flat view */
    int n;
    const crm_transform *transform[CRM_PIPELINE_MAX];
    bool longer; /* crm_source_then: flat view and map are those of another source */
};

crm_status crm_source_new(const crm_data *d, unsigned parts, crm_source **out)
{
    crm_source *s = NULL;
    crm_status st;

    *out = NULL;
    CRM_NEW(s, 1);
    s->data = d;
    st = crm_flat_new(d, parts, &s->flat);
    if (st) crm_source_free(&s);
    *out = s;
    return st;
}

crm_status crm_source_new_like(const crm_data *d, unsigned parts, const crm_schema *want,
                               crm_source **out)
{
    crm_status st;

    CRM_TRY(crm_source_new(d, parts, out));
    st = crm_remap_new(crm_flat_schema((*out)->flat), want, crm_data_path(d), &(*out)->map);
    if (st) crm_source_free(out);
    return st;
}

crm_status crm_source_add(crm_source *s, const crm_transform *t)
{
    CRM_CHECK(s->n < CRM_PIPELINE_MAX, CRM_ERR_ARG, "more than %d transforms", CRM_PIPELINE_MAX);
    if (t->class->ready) CRM_TRY(t->class->ready(t, s->data));
    s->transform[s->n++] = t;
    return CRM_OK;
}

crm_status crm_source_then(const crm_source *s, const crm_transform *t, crm_source **out)
{
    crm_status st;

    *out = NULL;
    CRM_NEW(*out, 1);
    **out = *s;
    (*out)->longer = true;
    st = crm_source_add(*out, t);
    if (st) crm_source_free(out);
    return st;
}

const crm_data *crm_source_data(const crm_source *s)
{
    return s->data;
}

/* Columns after the first i transforms. */
static const crm_schema *schema_after(const crm_source *s, int i)
{
    if (i > 0) return s->transform[i - 1]->class->schema(s->transform[i - 1]);
    return s->map.want ? s->map.want : crm_flat_schema(s->flat);
}

const crm_schema *crm_source_schema(const crm_source *s)
{
    return schema_after(s, s->n);
}

/* Two blocks of PIECE rows that stages read and write in turn, wide enough for every stage. */
typedef struct bench {
    crm_block block[2];
    int64_t num, cat; /* widths */
} bench;

static void widen(bench *w, const crm_schema *s)
{
    if (s->n_num > w->num) w->num = s->n_num;
    if (s->n_cat > w->cat) w->cat = s->n_cat;
}

static crm_status bench_new(const crm_source *s, bench *w)
{
    widen(w, crm_flat_schema(s->flat));
    for (int i = 0; i <= s->n; i++)
        widen(w, schema_after(s, i));
    for (int i = 0; i < 2; i++) {
        CRM_NEW(w->block[i].num, PIECE * w->num);
        CRM_NEW(w->block[i].cat, PIECE * w->cat);
    }
    return CRM_OK;
}

static void bench_free(bench *w)
{
    for (int i = 0; i < 2; i++) {
        crm_mem_free(w->block[i].num);
        crm_mem_free(w->block[i].cat);
    }
}

static void remap_block(const crm_source *s, const crm_block *in, crm_block *out)
{
    const crm_schema *have = crm_flat_schema(s->flat), *want = s->map.want;

    for (int64_t i = 0; i < in->n; i++)
        crm_remap_row(&s->map, in->num + i * have->n_num, in->cat + i * have->n_cat,
                      out->num + i * want->n_num, out->cat + i * want->n_cat);
}

/* All stages on w->block[0]; *out is the block that holds the result. */
static crm_status run_stages(const crm_source *s, bench *w, const crm_block **out)
{
    int at = 0;

    crm_flat_fill(s->flat, &w->block[0]);
    if (s->map.want) {
        remap_block(s, &w->block[0], &w->block[1]);
        at = 1;
    }
    for (int i = 0; i < s->n; i++, at = !at)
        CRM_TRY(s->transform[i]->class->apply(s->transform[i], s->data, schema_after(s, i),
                                              &w->block[at], &w->block[!at]));
    *out = &w->block[at];
    return CRM_OK;
}

static void take_codes(const int32_t *from, int64_t n, int32_t *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = from[i] < 0 ? -1 : from[i];
}

crm_status crm_source_read(const crm_source *s, const int64_t *row, int64_t n, float *num,
                           int32_t *cat)
{
    const crm_schema *out = crm_source_schema(s);
    bench w = {0};
    crm_status st = bench_new(s, &w);

    for (int64_t first = 0; first < n && !st; first += PIECE) {
        int64_t m = n - first < PIECE ? n - first : PIECE;
        const crm_block *b = NULL;
        w.block[0].n = w.block[1].n = m;
        w.block[0].row = w.block[1].row = row + first;
        st = run_stages(s, &w, &b);
        if (st) break;
        if (out->n_num) memcpy(num + first * out->n_num, b->num, (size_t)(m * out->n_num) * 4);
        if (out->n_cat) take_codes(b->cat, m * out->n_cat, cat + first * out->n_cat);
    }
    bench_free(&w);
    return st;
}

/* The transform that has sparse columns, or NULL. */
static const crm_transform *sparse_part(const crm_source *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->transform[i]->class->sparse) return s->transform[i];
    return NULL;
}

int64_t crm_source_sparse_width(const crm_source *s)
{
    const crm_transform *t = sparse_part(s);

    return t ? t->class->sparse_width(t) : 0;
}

crm_status crm_source_sparse_most(const crm_source *s, int64_t *out)
{
    const crm_transform *t = sparse_part(s);
    int64_t width = crm_source_sparse_width(s);

    *out = width;
    if (width == 0 || !t->class->sparse_most) return CRM_OK;
    CRM_TRY(t->class->sparse_most(t, s->data, out));
    if (*out > width) *out = width;
    return CRM_OK;
}

crm_status crm_source_read_sparse(const crm_source *s, const int64_t *row, int64_t n,
                                  crm_sparse *out)
{
    const crm_transform *t = sparse_part(s);

    crm_sparse_clear(out);
    if (t) return t->class->sparse(t, s->data, row, n, out);
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(crm_sparse_end_row(out));
    return CRM_OK;
}

void crm_source_free(crm_source **sp)
{
    crm_source *s = *sp;

    if (!s) return;
    if (!s->longer) {
        crm_flat_free(&s->flat);
        crm_remap_free(&s->map);
    }
    crm_mem_free(s);
    *sp = NULL;
}
