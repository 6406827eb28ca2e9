/* train_resident.c - the rows of a view in the net's form, kept in the memory of a device for a
 * run: a step then uploads where its rows stand, and gathers them there.  Codes take one or two
 * bytes where their levels allow it; the largest number of a type stands for "none". */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "train_impl.h"

/* Rows that are made at a time on their way to the device, and the part of its free memory that
 * gpu.resident = auto takes at most. */
enum { ROWS_AT_ONCE = 256, PERCENT = 60 };

/* ---- what it takes ---- */

static crm_dtype kept_as(const array *a)
{
    if (a->dtype != CRM_I32 || a->levels == 0 || a->levels > UINT16_MAX) return a->dtype;
    return a->levels > UINT8_MAX ? CRM_U16 : CRM_U8;
}

static int64_t units_of(const resident *r, int64_t rows, unit u)
{
    return r->first[u] ? r->first[u][rows] : rows;
}

static int64_t bytes_of(const resident *r, int i, int64_t units)
{
    return units * r->arrays.item[i].width * (int64_t)crm_dtype_size(r->dtype[i]);
}

/* Tokens of a document that the net sees. */
static int64_t tokens_of(const blocks_map *m, int64_t document)
{
    const int64_t *first = crm_data_documents(m->data)->token_first;
    int64_t n = first[document + 1] - first[document];

    return n < m->max_tokens ? n : m->max_tokens;
}

/* Entries in the sparse columns. */
static crm_status lay_out_entries(const view_columns *c, int64_t rows, resident *r)
{
    int64_t *all = r->first[UNIT_ENTRY];
    crm_sparse x = {0};
    crm_status st = CRM_OK;

    for (int64_t at = 0; at < rows && !st; at += ROWS_AT_ONCE) {
        int64_t n = rows - at < ROWS_AT_ONCE ? rows - at : ROWS_AT_ONCE;
        st = crm_view_columns_entries(c, at, n, &x);
        for (int64_t i = 1; i <= n && !st; i++)
            all[at + i] = all[at] + x.first[i];
    }
    crm_sparse_free(&x);
    return st;
}

/* Where the units of each row stand when all rows lie one after the other. */
static crm_status lay_out(const blocks_map *m, const crm_view *v, const view_columns *c,
                          resident *r)
{
    int64_t first, end, tokens = 0, at = 0;

    for (int u = UNIT_EVENT; u < UNIT_COUNT; u++)
        CRM_NEW(r->first[u], v->n + 1);
    for (int64_t i = 0; i < v->n; i++) {
        crm_blocks_events(m, v->row[i], &first, &end);
        r->first[UNIT_EVENT][i + 1] = r->first[UNIT_EVENT][i] + end - first;
        crm_blocks_documents(m, v->row[i], &first, &end);
        r->first[UNIT_DOCUMENT][i + 1] = r->first[UNIT_DOCUMENT][i] + end - first;
    }
    CRM_NEW(r->token_first, r->first[UNIT_DOCUMENT][v->n] + 1);
    for (int64_t i = 0; i < v->n; i++) {
        crm_blocks_documents(m, v->row[i], &first, &end);
        for (int64_t d = first; d < end; d++)
            r->token_first[++at] = tokens += tokens_of(m, d);
        r->first[UNIT_TOKEN][i + 1] = tokens;
    }
    return m->b->sparse ? lay_out_entries(c, v->n, r) : CRM_OK;
}

static void measure(resident *r, int64_t rows)
{
    for (int i = 0; i < r->arrays.n; i++) {
        r->dtype[i] = kept_as(&r->arrays.item[i]);
        r->bytes += bytes_of(r, i, units_of(r, rows, r->arrays.item[i].of));
    }
}

/* ---- whether ---- */

static void tell(const trainer *t, const crm_view *v, const char *text)
{
    if (t->member > 0 || strcmp(t->phase, CRM_PHASE_REFIT) == 0) return;
    crm_log_line(v->n >= CRM_MANY_ROWS ? CRM_LOG_INFO : CRM_LOG_DEBUG, "train", "%s", text);
}

static crm_status decide(const trainer *t, const char *what, const crm_view *v, const resident *r,
                         bool *keep)
{
    const double mib = 1 << 20;
    bool on = t->place.gpu->resident == CRM_GPU_ON;
    double bytes = (double)r->bytes;
    crm_device_usage use;
    char text[192];

    CRM_TRY(crm_device_use(r->device, &use));
    if (use.free_bytes > 0) use.free_bytes /= crm_device_sharers(r->device);
    CRM_CHECK(!on || use.free_bytes < 0 || r->bytes <= use.free_bytes, CRM_ERR_CONFIG,
              "gpu.resident: the %lld %s rows need %lld bytes of %s, %lld are free; leave it "
              "at auto or switch it off",
              (long long)v->n, what, (long long)r->bytes, crm_device_name(r->device),
              (long long)use.free_bytes);
    *keep = on || (use.free_bytes >= 0 && bytes <= PERCENT / 100.0 * (double)use.free_bytes);
    if (*keep)
        snprintf(text, sizeof text, "%.1f MiB of %s rows stay in the memory of %s", bytes / mib,
                 what, crm_device_name(r->device));
    else if (use.free_bytes < 0)
        snprintf(text, sizeof text,
                 "%s rows are sent for each step: %s does not tell its "
                 "free memory",
                 what, crm_device_name(r->device));
    else
        snprintf(text, sizeof text,
                 "%s rows are sent for each step: they need %.1f MiB, %d %% of the %.1f MiB "
                 "that are free on %s is the most (gpu.resident)",
                 what, bytes / mib, PERCENT, (double)use.free_bytes / mib,
                 crm_device_name(r->device));
    tell(t, v, text);
    return CRM_OK;
}

/* ---- to the device ---- */

typedef struct maker {
    const trainer *t;
    const crm_view *view;
    const view_columns *columns;
    resident *r;
    piece rows;
    void *narrow; /* codes of the largest array in their kept type */
} maker;

/* The largest number of a type, which -1 becomes, is none of the levels. */
static const void *narrowed(const maker *k, int i, const void *from, int64_t n)
{
    const int32_t *code = from;
    uint8_t *u8 = k->narrow;
    uint16_t *u16 = k->narrow;

    if (k->r->dtype[i] == k->r->arrays.item[i].dtype) return from;
    for (int64_t j = 0; j < n; j++)
        if (k->r->dtype[i] == CRM_U8)
            u8[j] = (uint8_t)code[j];
        else
            u16[j] = (uint16_t)code[j];
    return k->narrow;
}

static crm_status send(maker *k, int i, int64_t first_row, int64_t n)
{
    resident *r = k->r;
    const array *a = &r->arrays.item[i];
    int64_t units = crm_piece_units(&k->rows, n, a->of);
    char *to = (char *)r->at[i] + bytes_of(r, i, units_of(r, first_row, a->of));

    if (units * a->width == 0) return CRM_OK;
    return crm_buf_upload(r->device, to,
                          narrowed(k, i, crm_piece_array(&k->rows, i), units * a->width),
                          (size_t)bytes_of(r, i, units));
}

/* Rows [first, first + n) of the view. */
static crm_status make_rows(maker *k, int64_t first, int64_t n)
{
    piece *p = &k->rows;

    for (int64_t i = 0; i < n; i++) {
        p->pos[i] = first + i;
        p->row_id[i] = k->view->row[first + i];
    }
    crm_piece_fill(k->t->map, &k->t->plan->heads, n, p);
    CRM_TRY(crm_view_columns_read(k->columns, n, p));
    for (int i = 0; i < k->r->arrays.n; i++)
        CRM_TRY(send(k, i, first, n));
    return CRM_OK;
}

/* Most elements of an array of ROWS_AT_ONCE rows. */
static int64_t most_elements(const maker *k)
{
    const blocks_map *m = k->t->map;
    const int64_t units[UNIT_COUNT] = {1, m->max_events, m->max_docs, m->max_docs * m->max_tokens,
                                       m->max_sparse};
    int64_t most = 1;

    for (int i = 0; i < k->r->arrays.n; i++) {
        int64_t n = units[k->r->arrays.item[i].of] * k->r->arrays.item[i].width;
        if (n > most) most = n;
    }
    return most * ROWS_AT_ONCE;
}

static crm_status memory(const maker *k)
{
    resident *r = k->r;

    for (int i = 0; i < r->arrays.n; i++) {
        int64_t bytes = bytes_of(r, i, units_of(r, k->view->n, r->arrays.item[i].of));
        if (bytes > 0) CRM_TRY(crm_buf_new(r->device, (size_t)bytes, &r->at[i]));
    }
    return CRM_OK;
}

static crm_status fill(maker *k)
{
    const trainer *t = k->t;
    int64_t n = k->view->n;
    uint16_t *narrow;

    CRM_TRY(memory(k));
    CRM_NEW(narrow, most_elements(k));
    k->narrow = narrow;
    CRM_TRY(crm_piece_new(t->map, crm_source_schema(t->source), &t->plan->heads, ROWS_AT_ONCE,
                          &k->rows));
    for (int64_t i = 0; i < n; i += ROWS_AT_ONCE)
        CRM_TRY(make_rows(k, i, n - i < ROWS_AT_ONCE ? n - i : ROWS_AT_ONCE));
    return CRM_OK;
}

static crm_status begin(const trainer *t, const char *what, const crm_view *v,
                        const view_columns *c, resident *r, bool *keep)
{
    r->device = t->worker[0].device;
    r->n = v->n;
    crm_arrays_of(t->map, crm_source_schema(t->source), &t->plan->heads, &r->arrays);
    CRM_TRY(lay_out(t->map, v, c, r));
    measure(r, v->n);
    return decide(t, what, v, r, keep);
}

crm_status crm_resident_new(const trainer *t, const char *what, const crm_view *view,
                            const view_columns *columns, resident **out)
{
    maker k = {.t = t, .view = view, .columns = columns};
    bool keep = false;
    crm_status st;

    *out = NULL;
    if (!t->place.whole || !t->place.gpu || t->place.gpu->resident == CRM_GPU_OFF) return CRM_OK;
    CRM_NEW(k.r, 1);
    st = begin(t, what, view, columns, k.r, &keep);
    if (!st && keep) st = fill(&k);
    if (st || !keep) crm_resident_free(&k.r);
    crm_piece_free(&k.rows);
    crm_mem_free(k.narrow);
    *out = k.r;
    return st;
}

void crm_resident_free(resident **rp)
{
    resident *r = *rp;

    if (!r) return;
    for (int i = 0; i < r->arrays.n; i++)
        if (r->at[i]) crm_buf_free(r->device, r->at[i]);
    for (int u = 0; u < UNIT_COUNT; u++)
        crm_mem_free(r->first[u]);
    crm_mem_free(r->token_first);
    crm_mem_free(r);
    *rp = NULL;
}

/* ---- rows of a batch ---- */

/* Of each unit: where each row's begin among all rows [n], and where in the batch [n + 1]. */
static int64_t from_at(int64_t n, unit u)
{
    return u * (2 * n + 1);
}

static int64_t first_at(int64_t n, unit u)
{
    return from_at(n, u) + n;
}

int64_t crm_resident_places(int64_t n)
{
    return from_at(n, UNIT_COUNT);
}

static void place_units(const resident *r, const int64_t *pos, int64_t n, unit u, int64_t *places)
{
    int64_t *from = places + from_at(n, u), *first = places + first_at(n, u);
    const int64_t *all = r->first[u];

    first[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        from[i] = pos[i] < 0 ? -1 : all[pos[i]];
        first[i + 1] = first[i] + (pos[i] < 0 ? 0 : all[pos[i] + 1] - all[pos[i]]);
    }
}

/* Where the tokens of each document of the batch begin. */
static void place_tokens(const resident *r, const int64_t *pos, int64_t n, int64_t *token_first)
{
    int64_t at = 0;

    token_first[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (pos[i] < 0) continue;
        for (int64_t d = r->first[UNIT_DOCUMENT][pos[i]]; d < r->first[UNIT_DOCUMENT][pos[i] + 1];
             d++, at++)
            token_first[at + 1] = token_first[at] + r->token_first[d + 1] - r->token_first[d];
    }
}

void crm_resident_place(const resident *r, const int64_t *pos, int64_t n, block_rows *firsts,
                        int64_t *places)
{
    size_t bytes = (size_t)(n + 1) * sizeof *places;

    memcpy(places, pos, (size_t)n * sizeof *pos);
    for (int u = UNIT_EVENT; u < UNIT_COUNT; u++)
        place_units(r, pos, n, (unit)u, places);
    memcpy(firsts->event_first, places + first_at(n, UNIT_EVENT), bytes);
    memcpy(firsts->doc_first, places + first_at(n, UNIT_DOCUMENT), bytes);
    if (firsts->sparse.first) memcpy(firsts->sparse.first, places + first_at(n, UNIT_ENTRY), bytes);
    place_tokens(r, pos, n, firsts->token_first);
}

crm_status crm_resident_upload(const resident *r, int64_t n, const int64_t *places,
                               int64_t *device_places)
{
    for (int u = 0; u < UNIT_COUNT; u++) {
        int64_t at = from_at(n, (unit)u), end = from_at(n, (unit)(u + 1));
        if (!crm_arrays_have(&r->arrays, (unit)u)) continue;
        CRM_TRY(crm_buf_upload(r->device, device_places + at, places + at,
                               (size_t)(end - at) * sizeof *places));
    }
    return CRM_OK;
}

crm_status crm_resident_gather(const resident *r, int64_t n, const int64_t *device_places,
                               const piece *p, device_piece *dp)
{
    crm_gather_item item[ARRAYS_MAX];
    int k = 0;

    for (int i = 0; i < r->arrays.n; i++) {
        const array *a = &r->arrays.item[i];
        int64_t units = crm_piece_units(p, n, a->of);

        if (units * a->width == 0) continue;
        item[k++] = (crm_gather_item){
            .g = {.n = n,
                  .first = a->of == UNIT_ROW ? NULL : device_places + first_at(n, a->of),
                  .from = device_places + from_at(n, a->of),
                  .fill = a->fill},
            .x = crm_tensor_2d(r->at[i], r->dtype[i], units_of(r, r->n, a->of), a->width),
            .y = crm_tensor_2d(dp->at[i], a->dtype, units, a->width)};
    }
    return crm_op_gather_all(r->device, item, k);
}
