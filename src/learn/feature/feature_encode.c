/* feature_encode.c - categories become numbers: codes in an order, frequencies, or smoothed rates
 * of the target.  A rate is
 *
 *     (n_class + m p) / (n + m),   p = part of the class in all rows that are counted
 *
 * (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD
 * Explorations 3, 2001, with the weight n / (n + m)).  A training row would find its own label in
 * it, so it gets the rate over the rows of other folds (as scikit-learn's TargetEncoder does); the
 * fold of a row is drawn by its number, or that of its group of duplicates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_rng.h"
#include "feature_impl.h"

/* Cells of a column: unseen, missing, then its levels. */
enum { UNSEEN, MISSING, LEVELS };

typedef struct encode {
    feature f;
    int n_num, n_cat;
    int64_t kind, width; /* columns for each category */
    int64_t *first;      /* [n_cat + 1] cells before a column */
    float *value;        /* [cells][width] */
    char *suffix;        /* of the names of columns: [width] texts one behind the other */
    /* While the training rows are read; not saved. */
    const crm_data *data;
    crm_digest digest;
    uint8_t *fold; /* [rows of data] 1 + fold of a training row, 0 */
    float *other;  /* [folds][cells][width] */
} encode;

static crm_status encode_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_encode_class, sizeof(encode), cfg, out);
}

static void encode_free(crm_transform *t)
{
    encode *m = (encode *)t;

    crm_mem_free(m->first);
    crm_mem_free(m->value);
    crm_mem_free(m->suffix);
    crm_mem_free(m->fold);
    crm_mem_free(m->other);
    feature_free(t);
}

static int64_t cells(const encode *m)
{
    return m->first[m->n_cat];
}

static crm_status shape(encode *m, const crm_schema *in, int64_t kind, int64_t width)
{
    m->kind = kind;
    m->width = kind == CRM_ENCODE_ONEHOT ? 0 : width;
    m->n_num = in->n_num;
    m->n_cat = in->n_cat;
    CRM_NEW(m->first, m->n_cat + 1);
    for (int c = 0; c < m->n_cat; c++)
        m->first[c + 1] = m->first[c] + LEVELS + in->n_levels[c];
    CRM_NEW(m->value, cells(m) * m->width);
    return CRM_OK;
}

static crm_status name_columns(encode *m, const crm_schema *in, const char *const *suffix)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int c = 0; c < m->n_cat; c++)
        for (int64_t w = 0; w < m->width; w++)
            crm_columns_add_num(m->f.columns, "%s %s", in->cat_name[c], suffix[w]);
    if (m->kind == CRM_ENCODE_ONEHOT) crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* "code", "frequency", "rate of <class>"; in memory of m. */
static crm_status make_suffixes(encode *m, const crm_target *t, const char ***out)
{
    crm_str s = {0};
    char *at;

    CRM_NEW(*out, m->width + 1);
    for (int64_t w = 0; w < m->width; w++) {
        if (m->kind == CRM_ENCODE_TARGET)
            crm_str_addf(&s, "rate of %s", t->class_name[w + 1]);
        else
            crm_str_addf(&s, m->kind == CRM_ENCODE_FREQUENCY ? "frequency" : "code");
        crm_str_add(&s, "", 1);
    }
    CRM_CHECK(!s.failed, CRM_ERR_NOMEM, "out of memory: names of columns");
    at = m->suffix = s.text;
    for (int64_t w = 0; w < m->width; w++, at += strlen(at) + 1)
        (*out)[w] = at;
    return CRM_OK;
}

/* ---- counts ---- */
typedef struct tally {
    const encode *m;
    const int32_t *label;
    int k, folds;      /* k 0: labels do not matter */
    int64_t *count;    /* [folds][cells][k], or [cells] */
    int64_t *of_class; /* [folds][k] */
} tally;

static int64_t cell_of(const encode *m, int c, int32_t code)
{
    return m->first[c] + (code >= 0 ? LEVELS + code : code == CRM_CODE_UNSEEN ? UNSEEN : MISSING);
}

static void count_rows(void *ctx, const crm_rows_piece *p, double *out)
{
    const tally *t = ctx;
    const encode *m = t->m;

    (void)out;
    for (int64_t r = 0; r < p->n; r++) {
        int64_t y = t->k ? t->label[p->row[r]] : 0, k = t->k ? t->k : 1;
        int64_t f = t->k ? m->fold[p->row[r]] - 1 : 0;
        if (y < 0) continue;
        if (t->k) t->of_class[f * k + y]++;
        for (int c = 0; c < m->n_cat; c++)
            t->count[(f * cells(m) + cell_of(m, c, p->cat[r * m->n_cat + c])) * k + y]++;
    }
}

static crm_status draw_folds(encode *m, const crm_fit *fit, int64_t folds)
{
    const crm_view *v = fit->train;
    const int64_t *group = crm_data_group(v->data);

    m->data = v->data;
    m->digest = crm_data_digest(v->data);
    CRM_NEW(m->fold, crm_data_rows(v->data));
    for (int64_t i = 0; i < v->n; i++) {
        uint64_t key = (uint64_t)(group ? group[v->row[i]] : v->row[i]);
        crm_rng r = crm_rng_at(fit->seed, CRM_RNG_ENCODE, 0, key);
        m->fold[v->row[i]] = (uint8_t)(1 + crm_rng_below(&r, (uint64_t)folds));
    }
    return CRM_OK;
}

/* The counters are shared, so the calling thread does all own rows. */
static crm_status count_own(encode *m, const crm_fit *fit, const crm_source *in, tally *t)
{
    const crm_target *target = crm_data_target(fit->train->data, fit->target);
    const crm_encode_cfg *cfg = m->f.cfg;
    bool rates = cfg->kind == CRM_ENCODE_TARGET;
    crm_view own = crm_rows_own(fit);

    t->m = m;
    t->label = target->label;
    t->k = rates ? target->n_classes : 0;
    t->folds = rates ? (int)cfg->folds : 1;
    CRM_TRY(shape(m, crm_source_schema(in), cfg->kind, rates ? t->k - 1 : 1));
    CRM_NEW(t->count, t->folds * cells(m) * (rates ? t->k : 1));
    CRM_NEW(t->of_class, (int64_t)t->folds * t->k);
    if (rates) CRM_NEW(m->other, t->folds * cells(m) * m->width);
    if (rates) CRM_TRY(draw_folds(m, fit, t->folds));
    return crm_rows_each(in, &own, NULL, count_rows, t);
}

/* ---- values ---- */
static void set_frequencies(encode *m, const int64_t *count, int64_t rows)
{
    for (int64_t i = 0; i < cells(m); i++)
        m->value[i] = (float)((double)count[i] / (double)rows);
}

typedef struct level {
    int64_t count, at;
    const char *name; /* NULL: by number */
} level;

static int by_frequency(const void *pa, const void *pb)
{
    const level *a = pa, *b = pb;

    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static int by_name(const void *pa, const void *pb)
{
    const level *a = pa, *b = pb;
    int order = a->name && b->name ? strcmp(a->name, b->name) : 0;

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* Levels without training rows have no code. */
static void set_codes(encode *m, const crm_schema *in, int c, const int64_t *count, level *l)
{
    float *value = m->value + m->first[c];
    int64_t n = 0;

    for (int64_t i = 0; i < m->first[c + 1] - m->first[c]; i++)
        value[i] = NAN;
    for (int64_t k = 0; k < in->n_levels[c]; k++)
        if (count[m->first[c] + LEVELS + k] > 0)
            l[n++] = (level){count[m->first[c] + LEVELS + k], k,
                             in->level && in->level[c] ? in->level[c][k] : NULL};
    qsort(l, (size_t)n, sizeof *l, m->kind == CRM_ENCODE_ORDINAL_NAME ? by_name : by_frequency);
    for (int64_t i = 0; i < n; i++)
        value[LEVELS + l[i].at] = (float)i;
}

static crm_status set_all_codes(encode *m, const crm_schema *in, const int64_t *count)
{
    level *l;
    int64_t most = 0;

    for (int c = 0; c < m->n_cat; c++)
        if (in->n_levels[c] > most) most = in->n_levels[c];
    CRM_NEW(l, most);
    for (int c = 0; c < m->n_cat; c++)
        set_codes(m, in, c, count, l);
    crm_mem_free(l);
    return CRM_OK;
}

/* Rows counted for a rate: all, or those outside of one fold (fold >= 0). */
static double counted(const int64_t *count, int64_t stride, int folds, int fold)
{
    int64_t n = 0;

    for (int f = 0; f < folds; f++)
        if (f != fold) n += count[f * stride];
    return (double)n;
}

static void set_rates(const encode *m, const tally *t, int fold, float *value)
{
    double smooth = ((const crm_encode_cfg *)m->f.cfg)->smoothing, all = 0;
    int64_t stride = cells(m) * t->k;

    for (int y = 0; y < t->k; y++)
        all += counted(t->of_class + y, t->k, t->folds, fold);
    for (int w = 0; w + 1 < t->k; w++) {
        double p = all > 0 ? counted(t->of_class + w + 1, t->k, t->folds, fold) / all : 0;
        for (int64_t i = 0; i < cells(m); i++) {
            const int64_t *cell = t->count + i * t->k;
            double n = 0, of = counted(cell + w + 1, stride, t->folds, fold);
            for (int y = 0; y < t->k; y++)
                n += counted(cell + y, stride, t->folds, fold);
            value[i * m->width + w] =
                (float)(n + smooth > 0 ? (of + smooth * p) / (n + smooth) : p);
        }
    }
}

static crm_status end_fit(encode *m, const crm_fit *fit, const crm_schema *in, const tally *t)
{
    const char **suffix = NULL;
    crm_status st = CRM_OK;

    if (m->kind == CRM_ENCODE_FREQUENCY) set_frequencies(m, t->count, fit->train->n);
    if (m->kind == CRM_ENCODE_ORDINAL_NAME || m->kind == CRM_ENCODE_ORDINAL_FREQUENCY)
        CRM_TRY(set_all_codes(m, in, t->count));
    if (m->kind == CRM_ENCODE_TARGET) set_rates(m, t, -1, m->value);
    for (int f = 0; f < t->folds && m->other; f++)
        set_rates(m, t, f, m->other + f * cells(m) * m->width);
    st = make_suffixes(m, crm_data_target(fit->train->data, fit->target), &suffix);
    if (!st) st = name_columns(m, in, suffix);
    crm_mem_free(suffix);
    return st;
}

static crm_status encode_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    encode *m = (encode *)t;
    tally n = {0};
    crm_status st = crm_comm_agree(fit->comm, count_own(m, fit, in, &n));

    if (!st) st = crm_comm_sum_i64(fit->comm, n.count, n.folds * cells(m) * (n.k ? n.k : 1));
    if (!st) st = crm_comm_sum_i64(fit->comm, n.of_class, (int64_t)n.folds * n.k);
    if (!st) st = crm_comm_agree(fit->comm, end_fit(m, fit, crm_source_schema(in), &n));
    crm_mem_free(n.count);
    crm_mem_free(n.of_class);
    return st;
}

/* ---- apply ---- */

/* Values that a row is to see: of a training row, those of the other folds. */
static const float *values_for(const encode *m, bool training, int64_t row)
{
    int fold = training ? m->fold[row] : 0;

    return fold ? m->other + (fold - 1) * cells(m) * m->width : m->value;
}

static crm_status encode_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                               const crm_block *in, crm_block *out)
{
    const encode *m = (const encode *)t;
    bool training =
        m->fold && data == m->data && crm_digest_equal(m->digest, crm_data_digest(data));

    for (int64_t r = 0; r < in->n; r++) {
        float *y = out->num + r * m->f.schema->n_num;
        const float *value = values_for(m, training, training ? in->row[r] : 0);
        feature_copy_row(in->num + r * m->n_num, m->n_num, y);
        y += m->n_num;
        for (int c = 0; c < m->n_cat && m->width; c++, y += m->width)
            feature_copy_row(value + cell_of(m, c, in->cat[r * m->n_cat + c]) * m->width,
                             (int)m->width, y);
    }
    if (m->kind == CRM_ENCODE_ONEHOT) feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status encode_save(const crm_transform *t, crm_bag *b)
{
    const encode *m = (const encode *)t;
    const char **suffix;
    const char *at = m->suffix;
    crm_status st;

    CRM_NEW(suffix, m->width + 1);
    for (int64_t w = 0; w < m->width; w++, at += strlen(at) + 1)
        suffix[w] = at;
    st = crm_bag_put_list(b, "columns", m->width, suffix);
    crm_mem_free(suffix);
    if (st) return st;
    CRM_TRY(crm_bag_put_i64(b, "kind", m->kind));
    return feature_put(b, "value", CRM_F32, cells(m) * m->width, m->value);
}

static crm_status encode_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    encode *m = (encode *)t;
    const char *const *suffix;
    crm_str s = {0};
    int64_t kind, width;

    CRM_TRY(crm_bag_get_i64(b, "kind", &kind));
    CRM_TRY(crm_bag_get_list(b, "columns", &width, &suffix));
    CRM_TRY(shape(m, in, kind, width));
    CRM_CHECK(m->width == width, CRM_ERR_FORMAT, "model file: %lld columns of each category",
              (long long)width);
    for (int64_t w = 0; w < width; w++)
        crm_str_add(&s, suffix[w], strlen(suffix[w]) + 1);
    m->suffix = s.text;
    CRM_CHECK(!s.failed, CRM_ERR_NOMEM, "out of memory: names of columns");
    CRM_TRY(feature_get(b, "value", CRM_F32, cells(m) * width, m->value));
    return name_columns(m, in, suffix);
}

static bool encode_idle(const void *cfg)
{
    return ((const crm_encode_cfg *)cfg)->kind == CRM_ENCODE_ONEHOT;
}

static const crm_cfg_part parts[] = {{crm_encode_opts, 0}, {NULL, 0}};

const crm_transform_class crm_encode_class = {
    .name = "encode",
    .parts = parts,
    .cfg_size = sizeof(crm_encode_cfg),
    .help = "Categories become codes, frequencies, or rates of the target.",
    .make = encode_make,
    .fit = encode_fit,
    .schema = feature_schema,
    .apply = encode_apply,
    .save = encode_save,
    .load = encode_load,
    .free = encode_free,
    .idle = encode_idle,
};
