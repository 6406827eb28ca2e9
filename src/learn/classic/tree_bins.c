/* tree_bins.c - numeric columns as codes of one byte.
 *
 * A column with at most max_bins distinct values among all training rows gets a code for each of
 * them.  Other columns are cut on a sample: all rows up to SAMPLE, else one row out of each of
 * SAMPLE equal stretches of the view, picked by a number of the stretch alone, and the extremes of
 * all rows (tree_bins_cut.c).
 *
 * Each rank reads its own rows twice, for values and for codes.  Column c is cut by one rank, which
 * gets the records of all ranks for it: distinct values, extremes, sampled values.  Values travel
 * as keys, uint32 in the order of floats. */
#include <string.h>

#include "crmpi/base_rng.h"
#include "crmpi/base_simd.h"
#include "tree_bins_impl.h"

enum {
    SAMPLE = 200000,
    STRIP = 256,            /* rows of one column worked on at once */
    SLOTS = 512,            /* of a set of up to TREE_BINS_MAX keys */
    GATHER_BYTES = 1 << 22, /* codes sent in one message */
    RELEASE_BYTES = 1 << 24
};

/* Distinct keys of a column, up to max_bins of them. */
typedef struct seen {
    int32_t n; /* more than max_bins: there are too many */
    bool missing;
    uint32_t low, high, last;
    uint32_t slot[SLOTS];
} seen;

typedef struct binner binner;
typedef void (*visit_fn)(binner *b, int worker, int64_t at, int64_t n, const float *num);
struct binner {
    const crm_fit *fit;
    const crm_source *in;
    crm_view own;
    int64_t first; /* position of the own rows */
    int d, max_bins, n_workers;
    float **num; /* [n_workers] rows of a leaf */
    int32_t **cat;
    seen *set; /* [n_workers][d] */
    int64_t n_pos, *pos;
    int64_t width;    /* of a record */
    uint32_t *record; /* [d][width] */
    visit_fn visit;
    int64_t release; /* leaves after which pages of the data set are given back */
    tree_bins *out;
    double *table;  /* [d][TREE_BINS_MAX] cuts, then infinity */
    uint8_t *code;  /* of the own rows: where column 0 begins */
    int64_t stride; /* from one column to the next */
};

/* -0 becomes +0. */
static inline uint32_t key_of_value(float v)
{
    float plain = v + 0.0F;
    uint32_t bits, key;

    memcpy(&bits, &plain, sizeof bits);
    key = bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000U);
    return v != v ? BINS_NONE : key;
}

/* ---- reading the own rows ---- */
static crm_status visit_leaf(void *ctx, int64_t leaf, int worker)
{
    binner *b = ctx;
    int64_t at, n;

    CRM_TRY(crm_fit_check_stop(b->fit));
    crm_leaf_rows(b->own.n, leaf, &at, &n);
    CRM_TRY(crm_source_read(b->in, b->own.row + at, n, b->num[worker], b->cat[worker]));
    b->visit(b, worker, at, n, b->num[worker]);
    if (leaf % b->release == b->release - 1) crm_data_release(crm_source_data(b->in));
    return CRM_OK;
}

static crm_status each_row(binner *b, visit_fn visit)
{
    b->visit = visit;
    return crm_pool_run(b->fit->pool, crm_leaf_count(b->own.n), visit_leaf, b);
}

static void take_strip(const float *num, int64_t n, int d, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = num[i * d];
}

/* ---- distinct values, extremes, sample ---- */
static void set_clear(seen *s)
{
    *s = (seen){.low = BINS_NONE, .last = BINS_NONE};
    memset(s->slot, 0xff, sizeof s->slot); /* BINS_NONE */
}

static void set_add(seen *s, uint32_t key)
{
    uint32_t at = (key * 0x9E3779B1U) >> 23;

    while (s->slot[at] != BINS_NONE && s->slot[at] != key)
        at = (at + 1) % SLOTS;
    s->n += s->slot[at] == BINS_NONE;
    s->slot[at] = key;
    s->last = key;
}

/* n keys; low and high of those that are there. */
CRM_SIMD static bool find_keys(const float *x, int n, uint32_t *key, uint32_t *low, uint32_t *high)
{
    uint32_t lo = *low, hi = *high;
    uint32_t missing = 0;

    for (int i = 0; i < n; i++) {
        uint32_t k = key_of_value(x[i]), there = k == BINS_NONE ? 0 : k;
        key[i] = k;
        lo = k < lo ? k : lo;
        hi = there > hi ? there : hi;
        missing |= k == BINS_NONE;
    }
    *low = lo;
    *high = hi;
    return missing;
}

static void see_strip(seen *s, const float *x, int n, int max_bins)
{
    uint32_t key[STRIP];

    s->missing |= find_keys(x, n, key, &s->low, &s->high);
    for (int i = 0; i < n && s->n <= max_bins; i++)
        if (key[i] != s->last && key[i] != BINS_NONE) set_add(s, key[i]);
}

/* First own sampled row at or behind position at. */
static int64_t first_pos(const binner *b, int64_t at)
{
    int64_t lo = 0, hi = b->n_pos;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (b->pos[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void visit_values(binner *b, int worker, int64_t at, int64_t n, const float *num)
{
    float x[STRIP];

    for (int64_t i = 0; i < n; i += STRIP) {
        int m = n - i < STRIP ? (int)(n - i) : STRIP;
        for (int c = 0; c < b->d; c++) {
            take_strip(num + i * b->d + c, m, b->d, x);
            see_strip(&b->set[(int64_t)worker * b->d + c], x, m, b->max_bins);
        }
    }
    for (int64_t s = first_pos(b, at); s < b->n_pos && b->pos[s] < at + n; s++)
        for (int c = 0; c < b->d; c++)
            b->record[c * b->width + HEAD + s] = key_of_value(num[(b->pos[s] - at) * b->d + c]);
}

/* The sets of all workers as the head of a record. */
static void write_head(const binner *b, int c, uint32_t *head)
{
    seen *s = &b->set[c];
    int n = 0;

    for (int w = 1; w < b->n_workers; w++) {
        const seen *t = &b->set[(int64_t)w * b->d + c];
        s->missing |= t->missing;
        s->low = t->low < s->low ? t->low : s->low;
        s->high = t->high > s->high ? t->high : s->high;
        if (t->n > b->max_bins) s->n = t->n;
        for (int i = 0; i < SLOTS && s->n <= b->max_bins; i++)
            if (t->slot[i] != BINS_NONE) set_add(s, t->slot[i]);
    }
    head[HEAD_MISSING] = s->missing;
    head[HEAD_DISTINCT] = (uint32_t)s->n;
    head[HEAD_LOW] = s->low;
    head[HEAD_HIGH] = s->high;
    for (int i = 0; i < SLOTS && s->n <= b->max_bins; i++)
        if (s->slot[i] != BINS_NONE) head[HEAD_KEYS + n++] = s->slot[i];
}

/* Position of the k-th of m sampled rows out of n. */
static int64_t sampled(int64_t k, int64_t m, int64_t n)
{
    int64_t lo = k * n / m, len = (k + 1) * n / m - lo;

    if (m == n) return k;
    return lo + (int64_t)(((uint64_t)crm_rng_element(0, CRM_RNG_BINS, 0, (uint64_t)k, 0) *
                           (uint64_t)len) >>
                          32);
}

/* Sampled rows among the own, as positions in them. */
static crm_status pick_sample(binner *b)
{
    int64_t n = b->fit->train->n, m = n < SAMPLE ? n : SAMPLE, k;

    CRM_NEW(b->pos, b->own.n < m ? b->own.n : m);
    if (b->own.n == 0) return CRM_OK;
    for (k = b->first * m / n; k < m; k++) { /* its stretch may begin before the own rows */
        int64_t at = sampled(k, m, n) - b->first;
        if (at >= b->own.n) break;
        if (at >= 0) b->pos[b->n_pos++] = at;
    }
    return CRM_OK;
}

static crm_status make_bench(binner *b)
{
    CRM_NEW(b->num, b->n_workers);
    CRM_NEW(b->cat, b->n_workers);
    for (int w = 0; w < b->n_workers; w++) {
        CRM_NEW(b->num[w], (int64_t)CRM_LEAF_ROWS * b->d);
        CRM_NEW(b->cat[w], (int64_t)CRM_LEAF_ROWS * crm_source_schema(b->in)->n_cat);
    }
    return CRM_OK;
}

/* Own records of all columns. */
static crm_status see_rows(binner *b)
{
    CRM_TRY(make_bench(b));
    CRM_TRY(pick_sample(b));
    b->width = HEAD + b->n_pos;
    CRM_NEW(b->record, b->d * b->width);
    CRM_NEW(b->set, (int64_t)b->n_workers * b->d);
    for (int64_t i = 0; i < (int64_t)b->n_workers * b->d; i++)
        set_clear(&b->set[i]);
    CRM_TRY(each_row(b, visit_values));
    for (int c = 0; c < b->d; c++)
        write_head(b, c, b->record + c * b->width);
    crm_mem_free(b->set);
    b->set = NULL;
    return CRM_OK;
}

/* ---- cuts of all columns ---- */
static int64_t column_of_rank(const binner *b, int64_t rank)
{
    return rank * b->d / crm_comm_size(b->fit->comm);
}

static crm_status cut_own(const binner *b, bins_cutter *t, const size_t *bytes, int64_t *width)
{
    for (int r = 0; r < t->size; r++)
        width[r] = t->d ? (int64_t)(bytes[r] / sizeof *t->record) / t->d : HEAD;
    t->width = width;
    CRM_NEW(t->cut, t->d * CUT_WIDTH);
    return crm_pool_run(b->fit->pool, t->d, bins_cut_column, t);
}

static crm_status exchange_records(binner *b, bins_cutter *t, size_t *bytes, int64_t *width)
{
    size_t *send = bytes + t->size;
    void *got = NULL;
    crm_status st;

    for (int r = 0; r < t->size; r++)
        send[r] = (size_t)((column_of_rank(b, r + 1) - column_of_rank(b, r)) * b->width) *
                  sizeof *b->record;
    st = crm_comm_exchange(b->fit->comm, b->record, send, &got, bytes);
    crm_mem_free(b->record);
    b->record = NULL;
    if (st) return st;
    t->record = got;
    st = crm_comm_agree(b->fit->comm, cut_own(b, t, bytes, width));
    crm_mem_free(got);
    return st;
}

/* cut [d][CUT_WIDTH] of all columns -> bins and the table that rows are coded by. */
static crm_status take_cuts(binner *b, const double *cut)
{
    tree_bins *o = b->out;
    int64_t n = 0;
    double *all;

    for (int c = 0; c < b->d; c++)
        n += (int64_t)cut[c * CUT_WIDTH + CUT_BINS] - 1;
    CRM_NEW(all, n);
    if (b->d == 0) crm_mem_free(all);
    CRM_NEW(b->table, (int64_t)b->d * TREE_BINS_MAX);
    for (int64_t c = 0; c < b->d; c++) {
        const double *from = cut + c * CUT_WIDTH;
        o->bins[c] = (int32_t)from[CUT_BINS];
        o->has_missing[c] = from[CUT_MISSING] > 0;
        o->cut[c] = all;
        memcpy(all, from + CUT_FIRST, (size_t)(o->bins[c] - 1) * sizeof *all);
        for (int k = 0; k < TREE_BINS_MAX; k++)
            b->table[c * TREE_BINS_MAX + k] = k < o->bins[c] - 1 ? all[k] : (double)INFINITY;
        all += o->bins[c] - 1;
    }
    return CRM_OK;
}

/* [2 size] and [size] numbers. */
static crm_status make_sizes(int size, size_t **bytes, int64_t **width)
{
    CRM_NEW(*bytes, 2 * size);
    CRM_NEW(*width, size);
    return CRM_OK;
}

/* Cuts of a rank's columns, found from the records of all ranks. */
static crm_status find_cuts(binner *b)
{
    int size = crm_comm_size(b->fit->comm), rank = crm_comm_rank(b->fit->comm);
    bins_cutter t = {.size = size, .max_bins = b->max_bins};
    size_t *bytes = NULL;
    int64_t *width = NULL;
    void *cut = NULL;
    size_t total;
    crm_status st;

    t.d = (int)(column_of_rank(b, rank + 1) - column_of_rank(b, rank));
    CRM_TRY(crm_comm_agree(b->fit->comm, make_sizes(size, &bytes, &width)));
    CRM_TRY_TO(st, done, exchange_records(b, &t, bytes, width));
    CRM_TRY_TO(st, done,
               crm_comm_allgather(b->fit->comm, t.cut, (size_t)(t.d * CUT_WIDTH) * sizeof *t.cut,
                                  &cut, &total, NULL));
    st = crm_comm_agree(b->fit->comm, take_cuts(b, cut));
done:
    crm_mem_free(bytes);
    crm_mem_free(width);
    crm_mem_free(t.cut);
    crm_mem_free(cut);
    return st;
}

/* ---- codes ---- */
/* Number of cuts below each value; cut has TREE_BINS_MAX places, bins - 1 of them below infinity.
 */
CRM_SIMD static void code_strip(const float *x, int n, const double *cut, int bins, uint8_t *code)
{
    int32_t at[STRIP] = {0};
    int step = 1;

    while (2 * step < bins)
        step *= 2;
    for (; step; step /= 2)
        for (int i = 0; i < n; i++)
            at[i] += (double)x[i] > cut[at[i] + step - 1] ? step : 0;
    for (int i = 0; i < n; i++)
        code[i] = x[i] != x[i] ? TREE_MISSING : (uint8_t)at[i];
}

static void visit_codes(binner *b, int worker, int64_t at, int64_t n, const float *num)
{
    float x[STRIP];

    (void)worker;
    for (int64_t i = 0; i < n; i += STRIP) {
        int m = n - i < STRIP ? (int)(n - i) : STRIP;
        for (int64_t c = 0; c < b->d; c++) {
            take_strip(num + i * b->d + c, m, b->d, x);
            code_strip(x, m, b->table + c * TREE_BINS_MAX, b->out->bins[c],
                       b->code + c * b->stride + at + i);
        }
    }
}

static crm_status code_rows(binner *b, bool all)
{
    tree_bins *o = b->out;

    o->first = all ? 0 : b->first;
    o->n = all ? b->fit->train->n : b->own.n;
    CRM_NEW(o->code, b->d * o->n);
    b->code = o->code + (b->first - o->first);
    b->stride = o->n;
    return each_row(b, visit_codes);
}

/* Codes of columns [c, c + m), one after the other, of this rank's rows. */
static crm_status pack_codes(const binner *b, int64_t c, int64_t m, uint8_t **out)
{
    CRM_NEW(*out, m * b->own.n);
    for (int64_t k = 0; k < m && b->own.n; k++)
        memcpy(*out + k * b->own.n, b->code + (c + k) * b->stride, (size_t)b->own.n);
    return CRM_OK;
}

/* All ranks' rows of columns [c, c + m): from each rank [m][its rows]. */
static void unpack_codes(const binner *b, int64_t c, int64_t m, const uint8_t *got,
                         const size_t *bytes)
{
    int64_t at = 0;

    for (int r = 0; r < crm_comm_size(b->fit->comm); r++) {
        int64_t rows = (int64_t)bytes[r] / m;
        for (int64_t k = 0; k < m && rows; k++, got += rows)
            memcpy(b->out->code + (c + k) * b->stride + at, got, (size_t)rows);
        at += rows;
    }
}

/* Every rank gets the codes of all rows, a few columns at a time. */
static crm_status gather_codes(binner *b, size_t *bytes)
{
    int64_t n = b->fit->train->n, step = n < GATHER_BYTES ? GATHER_BYTES / (n ? n : 1) : 1;

    for (int64_t c = 0; c < b->d; c += step) {
        int64_t m = b->d - c < step ? b->d - c : step;
        uint8_t *mine = NULL;
        void *got = NULL;
        size_t total;
        crm_status st = crm_comm_agree(b->fit->comm, pack_codes(b, c, m, &mine));
        if (!st)
            st =
                crm_comm_allgather(b->fit->comm, mine, (size_t)(m * b->own.n), &got, &total, bytes);
        if (!st) unpack_codes(b, c, m, got, bytes);
        crm_mem_free(mine);
        crm_mem_free(got);
        if (st) return st;
    }
    return CRM_OK;
}

static crm_status share_codes(binner *b)
{
    int size = crm_comm_size(b->fit->comm);
    size_t *bytes = crm_mem_new((size_t)size, sizeof *bytes);
    crm_status st = CRM_OK;

    if (!bytes) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d sizes", size);
    st = crm_comm_agree(b->fit->comm, st);
    if (!st && size > 1) st = gather_codes(b, bytes);
    crm_mem_free(bytes);
    return st;
}

/* ---- all of it ---- */
static crm_status bins_make(binner *b, tree_bins **out)
{
    tree_bins *o;

    CRM_NEW(o, 1);
    *out = b->out = o;
    o->n_columns = b->d;
    CRM_NEW(o->bins, b->d);
    CRM_NEW(o->cut, b->d);
    CRM_NEW(o->has_missing, b->d);
    return see_rows(b);
}

static void binner_drop(binner *b)
{
    for (int w = 0; w < b->n_workers; w++) {
        if (b->num) crm_mem_free(b->num[w]);
        if (b->cat) crm_mem_free(b->cat[w]);
    }
    crm_mem_free(b->num);
    crm_mem_free(b->cat);
    crm_mem_free(b->set);
    crm_mem_free(b->pos);
    crm_mem_free(b->record);
    crm_mem_free(b->table);
}

crm_status tree_bins_new(const crm_fit *fit, const crm_source *in, int max_bins, bool all,
                         tree_bins **out)
{
    binner b = {.fit = fit, .in = in, .own = crm_rows_own(fit), .max_bins = max_bins};
    crm_status st;

    *out = NULL;
    CRM_CHECK(max_bins >= 2 && max_bins <= TREE_BINS_MAX, CRM_ERR_ARG, "%d bins of a column",
              max_bins);
    b.d = crm_source_schema(in)->n_num;
    b.first = b.own.row - fit->train->row;
    b.release = 1 + RELEASE_BYTES / (CRM_LEAF_ROWS * (int64_t)sizeof(float) * (b.d + 1));
    b.n_workers = fit->pool ? crm_pool_size(fit->pool) : 1;
    st = crm_comm_agree(fit->comm, bins_make(&b, out));
    if (!st) st = find_cuts(&b);
    if (!st) st = crm_comm_agree(fit->comm, code_rows(&b, all));
    if (!st && all) st = share_codes(&b);
    binner_drop(&b);
    if (st) tree_bins_free(out);
    return st;
}

void tree_bins_free(tree_bins **at)
{
    tree_bins *b = *at;

    if (!b) return;
    crm_mem_free(b->bins);
    if (b->cut && b->n_columns) crm_mem_free(b->cut[0]);
    crm_mem_free(b->cut);
    crm_mem_free(b->has_missing);
    crm_mem_free(b->code);
    crm_mem_free(b);
    *at = NULL;
}
