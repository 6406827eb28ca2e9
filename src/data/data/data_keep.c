/* data_keep.c - rows of a data set into a new one.
 *
 * Rows that stay are runs of neighbours, and so are their events, documents, tokens and bytes of
 * ids: every axis has as many runs as the rows have.  An array is copied run by run; offsets are
 * shifted, codes of levels that are left get their new numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/data_keep.h"
#include "data_keep_impl.h"

enum { PIECE = 4 << 20 }; /* bytes that are copied at a time */

/* ---- runs ---- */
static crm_status count_runs(job *j, const uint8_t *keep)
{
    int64_t rows = j->d->rows, at = 0, k = 0;

    for (int64_t i = 0; i < rows; i++)
        j->n_runs += keep[i] && (i == 0 || !keep[i - 1]);
    CRM_CHECK(j->n_runs > 0, CRM_ERR_CONFIG, "%s: no row of %lld would stay", crm_data_path(j->d),
              (long long)rows);
    for (int a = 0; a < AXES; a++) {
        CRM_NEW(j->from[a], j->n_runs);
        CRM_NEW(j->to[a], j->n_runs + 1);
    }
    for (int64_t i = 0; i < rows; i++) {
        if (keep[i] && (i == 0 || !keep[i - 1])) {
            j->from[ROW][k] = i;
            j->to[ROW][k++] = at;
        }
        at += keep[i] != 0;
    }
    j->to[ROW][k] = at;
    return CRM_OK;
}

/* Runs of the children of an axis: first[unit] is the first child of a unit; NULL: none. */
static void child_runs(job *j, axis parent, axis child, const int64_t *first)
{
    int64_t at = 0;

    for (int64_t k = 0; k < j->n_runs; k++) {
        int64_t begin = j->from[parent][k], n = j->to[parent][k + 1] - j->to[parent][k];
        j->from[child][k] = first ? first[begin] : 0;
        j->to[child][k] = at;
        at += first ? first[begin + n] - first[begin] : 0;
    }
    j->to[child][j->n_runs] = at;
}

int64_t crm_keep_run(const job *j, axis a, int64_t i)
{
    int64_t lo = 0, hi = j->n_runs;

    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (j->to[a][mid] <= i)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* ---- which array is what ---- */
typedef struct shape {
    axis axis;
    axis child; /* offsets: of what; else AXES */
    const char *
        levels; /* codes: the text array of their names; "": that of the column, profile/levels/k */
    bool whole; /* copied as it is */
} shape;

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static axis target_axis(const job *j, const char *name)
{
    const char *level;
    char label[CRM_STORE_NAME_MAX];
    const char *end = strrchr(name, '/');

    level = crm_store_text(j->d->store, name, "level");
    if (!level) { /* an oracle goes with its labels or values */
        snprintf(label, sizeof label, "%.*s/label", (int)(end - name), name);
        level = crm_store_text(j->d->store, label, "level");
    }
    if (!level) {
        snprintf(label, sizeof label, "%.*s/value", (int)(end - name), name);
        level = crm_store_text(j->d->store, label, "level");
    }
    if (level && strcmp(level, "token") == 0) return TOKEN;
    return level && strcmp(level, "document") == 0 ? DOCUMENT : ROW;
}

static shape shape_of(const job *j, const crm_store_array *a)
{
    static const struct {
        const char *name;
        shape is;
    } known[] = {
        {"profile/cat", {ROW, AXES, "", false}},
        {"events/first", {ROW, EVENT, NULL, false}},
        {"events/category", {EVENT, AXES, "events/categories", false}},
        {"documents/first", {ROW, DOCUMENT, NULL, false}},
        {"documents/token_first", {DOCUMENT, TOKEN, NULL, false}},
        {"documents/token", {TOKEN, AXES, "documents/words", false}},
        {"documents/kind", {DOCUMENT, AXES, "documents/kinds", false}},
        {"id/first", {ROW, BYTE, NULL, false}},
        {"id/byte", {BYTE, AXES, NULL, false}},
    };
    axis x = ROW;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(a->name, known[i].name) == 0) return known[i].is;
    if (starts(a->name, "events/")) x = EVENT;
    if (starts(a->name, "documents/")) x = DOCUMENT;
    if (starts(a->name, "target/")) x = target_axis(j, a->name);
    return (shape){x, AXES, NULL, starts(a->name, "dictionary/")};
}

static int64_t old_units(const job *j, axis a)
{
    switch (a) {
    case ROW:
        return j->d->rows;
    case EVENT:
        return j->d->events.n;
    case DOCUMENT:
        return j->d->documents.n;
    case TOKEN:
        return j->d->documents.n_tokens;
    default:
        return j->d->id_first ? j->d->id_first[j->d->rows] : 0;
    }
}

static crm_status check_shape(const job *j, const crm_store_array *a, const shape *s)
{
    int64_t want = old_units(j, s->axis) + (s->child != AXES);

    CRM_CHECK(s->whole || (a->rank > 0 && a->dim[0] == want), CRM_ERR_FORMAT,
              "%s: array %s has %lld entries where %lld belong; it is not known what they are of",
              crm_data_path(j->d), a->name, (long long)(a->rank ? a->dim[0] : 1), (long long)want);
    return CRM_OK;
}

/* ---- levels that are left ---- */
static int width_of(const crm_store_array *a)
{
    return a->rank > 1 ? (int)a->dim[1] : 1;
}

/* used[levels] of one column of codes over the units that stay: each rank counts its part. */
static crm_status tally(const job *j, const crm_store_array *a, axis x, int column, int64_t n,
                        int64_t *used)
{
    int width = width_of(a);
    const int32_t *code = a->data;
    int64_t first, end;

    crm_tree_range(j->to[x][j->n_runs], crm_comm_rank(j->comm), crm_comm_size(j->comm), &first,
                   &end);
    for (int64_t i = first, k = end > first ? crm_keep_run(j, x, first) : 0; i < end; i++) {
        int32_t c;
        while (i >= j->to[x][k + 1])
            k++;
        c = code[(j->from[x][k] + i - j->to[x][k]) * width + column];
        if (c >= 0 && c < n) used[c]++;
    }
    return crm_comm_sum_i64(j->comm, used, n);
}

static crm_status recode_new(const job *j, const crm_store_array *a, axis x, int column,
                             const char *levels, recode *r)
{
    int64_t *used = NULL;
    const char *const *item = crm_store_items(j->d->store, levels, &r->n);
    crm_status st = CRM_OK;

    used = crm_mem_new((size_t)r->n, sizeof *used);
    r->to = crm_mem_new((size_t)r->n, sizeof *r->to);
    r->item = crm_mem_new((size_t)r->n, sizeof *r->item);
    if (!used || !r->to || !r->item)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)r->n);
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    CRM_TRY_TO(st, done, tally(j, a, x, column, r->n, used));
    for (int64_t i = 0; i < r->n; i++) {
        r->to[i] = used[i] ? (int32_t)r->left : -1;
        if (used[i]) r->item[r->left++] = item[i];
    }
    st = crm_store_texts(j->w, levels, r->left, r->item);
done:
    crm_mem_free(used);
    return st;
}

static void recodes_free(recode *r, int n)
{
    for (int i = 0; r && i < n; i++) {
        crm_mem_free(r[i].to);
        crm_mem_free(r[i].item);
    }
    crm_mem_free(r);
}

/* ---- arrays ---- */
/* New units [i, i + n) of an array into out. */
static void copy_units(const job *j, const crm_store_array *a, const shape *s, size_t size,
                       int64_t i, int64_t n, char *out)
{
    for (int64_t k = crm_keep_run(j, s->axis, i); n > 0; k++) {
        int64_t m = j->to[s->axis][k + 1] - i, from = j->from[s->axis][k] + i - j->to[s->axis][k];
        if (m > n) m = n;
        memcpy(out, (const char *)a->data + (size_t)from * size, (size_t)m * size);
        if (s->child != AXES)
            for (int64_t u = 0; u < m; u++)
                ((int64_t *)out)[u] += j->to[s->child][k] - j->from[s->child][k];
        out += (size_t)m * size;
        i += m;
        n -= m;
    }
}

static void apply_recode(const recode *r, int width, int64_t n, int32_t *code)
{
    for (int64_t i = 0; i < n * width; i++)
        if (code[i] >= 0) code[i] = r[i % width].to[code[i]];
}

/* This rank's part of an array, in pieces; as many on every rank. */
static crm_status write_part(const job *j, const crm_store_array *a, const shape *s, size_t size,
                             const recode *r, char *piece, int64_t per)
{
    int64_t total = j->to[s->axis][j->n_runs], first, end, most = 0, m;
    bool last = crm_comm_rank(j->comm) == crm_comm_size(j->comm) - 1;

    crm_tree_range(total, crm_comm_rank(j->comm), crm_comm_size(j->comm), &first, &end);
    most = (end - first + per - 1) / per;
    CRM_TRY(crm_comm_max_i64(j->comm, &most, 1));
    for (int64_t p = 0; p < most; p++, first += m) {
        m = end - first < per ? end - first : per;
        if (m > 0) copy_units(j, a, s, size, first, m, piece);
        if (m > 0 && r) apply_recode(r, width_of(a), m, (int32_t *)piece);
        CRM_TRY(crm_store_write(j->w, a->name, first, m, piece));
    }
    if (s->child == AXES) return CRM_OK;
    m = j->to[s->child][j->n_runs]; /* where the last unit's children end */
    return crm_store_write(j->w, a->name, total, last, &m);
}

/* Bytes of a unit, and the shape of what stays. */
static size_t unit_size(const job *j, const crm_store_array *a, const shape *s,
                        int64_t dim[CRM_STORE_MAX_RANK])
{
    size_t size = crm_dtype_size(a->dtype);

    for (int k = 0; k < a->rank; k++) {
        dim[k] = a->dim[k];
        if (k > 0) size *= (size_t)a->dim[k];
    }
    if (!s->whole) dim[0] = j->to[s->axis][j->n_runs] + (s->child != AXES);
    return size;
}

static crm_status write_array(const job *j, const crm_store_array *a, const shape *s,
                              const recode *r)
{
    int64_t dim[CRM_STORE_MAX_RANK], per;
    size_t size = unit_size(j, a, s, dim);
    char *piece;
    crm_status st = CRM_OK;

    if (s->whole)
        return crm_store_write(j->w, a->name, 0, crm_comm_rank(j->comm) == 0 ? dim[0] : 0,
                               j->missing ? j->missing : a->data);
    per = size > 0 ? PIECE / (int64_t)size + 1 : 1;
    piece = crm_mem_new((size_t)per, size);
    if (!piece) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a piece of %s", a->name);
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    st = write_part(j, a, s, size, r, piece, per);
done:
    crm_mem_free(piece);
    return st;
}

/* Levels of the codes of an array; *out is the caller's, also after a failure. */
static crm_status make_recodes(job *j, const crm_store_array *a, const shape *s, recode **out)
{
    recode *r = crm_mem_new((size_t)width_of(a), sizeof *r);
    char name[CRM_STORE_NAME_MAX];
    crm_status st = CRM_OK;

    *out = r;
    if (!r) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", width_of(a));
    CRM_TRY(crm_comm_agree(j->comm, st));
    for (int k = 0; k < width_of(a); k++) {
        snprintf(name, sizeof name, "profile/levels/%d", k);
        CRM_TRY(recode_new(j, a, s->axis, k, s->levels[0] ? s->levels : name, &r[k]));
        *(s->axis == TOKEN ? &j->gone_words : &j->gone_levels) += r[k].n - r[k].left;
    }
    return CRM_OK;
}

/* Names and shapes first: attributes need the arrays that they belong to. */
static crm_status define_arrays(job *j)
{
    for (int i = 0; i < crm_store_count(j->d->store); i++) {
        const crm_store_array *a = crm_store_at(j->d->store, i);
        int64_t dim[CRM_STORE_MAX_RANK];
        shape s = shape_of(j, a);
        CRM_TRY(check_shape(j, a, &s));
        if (s.levels) CRM_TRY(make_recodes(j, a, &s, &j->recodes[i]));
        unit_size(j, a, &s, dim);
        CRM_TRY(crm_store_define(j->w, a->name, a->dtype, a->rank, dim,
                                 crm_store_dims(j->d->store, a->name)));
    }
    return CRM_OK;
}

static crm_status write_arrays(job *j)
{
    for (int i = 0; i < crm_store_count(j->d->store); i++) {
        const crm_store_array *a = crm_store_at(j->d->store, i);
        shape s = shape_of(j, a);
        CRM_TRY(write_array(j, a, &s, j->recodes[i]));
    }
    return CRM_OK;
}

/* ---- texts and attributes ---- */
static bool is_levels(const char *name)
{
    return starts(name, "profile/levels/") || strcmp(name, "events/categories") == 0 ||
           strcmp(name, "documents/words") == 0 || strcmp(name, "documents/kinds") == 0;
}

static crm_status write_texts(const job *j)
{
    const char *name;

    for (int i = 0; (name = crm_store_items_name(j->d->store, i)) != NULL; i++) {
        int64_t n;
        const char *const *item = crm_store_items(j->d->store, name, &n);
        if (!is_levels(name)) CRM_TRY(crm_store_texts(j->w, name, n, item));
    }
    return CRM_OK;
}

static bool stays(void *ctx, const char *object, const char *key)
{
    (void)ctx;
    return object[0] || (strcmp(key, "rows") != 0 && strcmp(key, "former_digests") != 0);
}

static crm_status write_root(const job *j)
{
    int64_t n;
    const char *const *former = crm_data_former(j->d, &n);
    const char **all = crm_mem_new((size_t)n + 1, sizeof *all);
    char hex[CRM_DIGEST_HEX];
    crm_status st = CRM_OK;

    if (!all) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: digests");
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    if (n > 0) memcpy(all, former, (size_t)n * sizeof *all);
    all[n] = crm_digest_hex(crm_data_digest(j->d), hex);
    CRM_TRY_TO(st, done, crm_store_attr_i64(j->w, "", "rows", j->to[ROW][j->n_runs]));
    CRM_TRY_TO(st, done, crm_store_attr_list(j->w, "", "former_digests", n + 1, all));
    st = crm_store_copy_attrs(j->d->store, j->w, stays, NULL);
done:
    crm_mem_free(all);
    return st;
}

/* ---- */
static crm_status make_runs(job *j, const uint8_t *keep)
{
    CRM_TRY(count_runs(j, keep));
    CRM_NEW(j->recodes, crm_store_count(j->d->store));
    child_runs(j, ROW, EVENT, j->d->events.first);
    child_runs(j, ROW, DOCUMENT, j->d->documents.first);
    child_runs(j, DOCUMENT, TOKEN, j->d->documents.token_first);
    child_runs(j, ROW, BYTE, j->d->id_first);
    return CRM_OK;
}

crm_status crm_data_keep(crm_comm *comm, const crm_data *d, const uint8_t *keep, const char *path,
                         crm_kept *out)
{
    job j = {.comm = comm, .d = d};
    crm_digest digest;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(comm, make_runs(&j, keep)));
    CRM_TRY_TO(st, done, crm_keep_missing(&j));
    CRM_TRY_TO(st, done, crm_store_create(comm, path, "crmpi-dataset", &j.w));
    CRM_TRY_TO(st, done, define_arrays(&j));
    CRM_TRY_TO(st, done, write_texts(&j));
    CRM_TRY_TO(st, done, write_root(&j));
    CRM_TRY_TO(st, done, write_arrays(&j));
    CRM_TRY_TO(st, done, crm_store_commit(&j.w, &digest));
    *out = (crm_kept){.rows = j.to[ROW][j.n_runs],
                      .events = j.to[EVENT][j.n_runs],
                      .documents = j.to[DOCUMENT][j.n_runs],
                      .tokens = j.to[TOKEN][j.n_runs],
                      .levels = j.gone_levels,
                      .words = j.gone_words,
                      .digest = digest};
done:
    crm_store_abandon(&j.w);
    for (int i = 0; j.recodes && i < crm_store_count(d->store); i++)
        recodes_free(j.recodes[i], width_of(crm_store_at(d->store, i)));
    crm_mem_free(j.recodes);
    crm_mem_free(j.missing);
    for (int a = 0; a < AXES; a++) {
        crm_mem_free(j.from[a]);
        crm_mem_free(j.to[a]);
    }
    return st;
}

const char *const *crm_data_former(const crm_data *d, int64_t *n)
{
    return crm_store_list(d->store, "", "former_digests", n);
}

/* ---- ids ---- */
static int by_text(const void *a, const void *b)
{
    return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

/* First of the sorted texts that is not before id. */
static int64_t lower_bound(const char *const *const *sorted, int64_t n, const char *id)
{
    int64_t lo = 0;

    while (n > 0) {
        int64_t half = n / 2;
        if (strcmp(*sorted[lo + half], id) < 0) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

crm_status crm_data_find_ids(const crm_data *d, int64_t n, const char *const *id, uint8_t *found,
                             uint8_t *hit)
{
    const char *const **sorted;
    char text[1025];

    CRM_NEW(sorted, n);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = &id[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int64_t r = 0; r < d->rows; r++) {
        if (d->id_first && d->id_first[r + 1] - d->id_first[r] >= (int64_t)sizeof text) continue;
        crm_data_row_id(d, r, text, sizeof text);
        for (int64_t k = lower_bound(sorted, n, text); k < n && strcmp(*sorted[k], text) == 0;
             k++) {
            found[r] = 1;
            if (hit) hit[sorted[k] - id] = 1;
        }
    }
    crm_mem_free(sorted);
    return CRM_OK;
}
