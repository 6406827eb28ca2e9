/* tree_hist_split.c - histograms of columns and the best split that they show.
 *
 * With a_c and b_c the weights of class c left and right of a cut, a and b their sums, Gini wants
 * the largest
 *
 *     (b sum a_c^2 + a sum b_c^2) / (a b)
 *
 * (weight minus this is the weighted impurity of the children).  There is one division, of numbers
 * that are exact up to about 200,000 rows of weight 1: equally good cuts then have equal scores,
 * and the first of them wins.  Entropy wants the largest sum a_c log a_c - a log a + sum b_c log
 * b_c - b log b. */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"
#include "crmpi/classic_tree.h"
#include "tree_hist_impl.h"

/* ---- counting ---- */
static inline void count_columns(const hist_rows *r, int n, const int32_t *column, int per,
                                 bool rows, uint32_t *hist)
{
    const uint8_t *x = r->code;

    for (int64_t i = 0; i < r->n; i++, x += r->stride) {
        uint32_t slot = r->tag[i] & HIST_SLOT, times = r->tag[i] >> 24;
        uint32_t *h = hist;
        for (int k = 0; k < n; k++, h += HIST_CODES * per) {
            uint32_t *at = h + x[column[k]] * per;
            at[slot] += times;
            if (rows) at[per - 1]++;
        }
    }
}

void hist_count(const hist_job *j, const hist_rows *r, int n, const int32_t *column, uint32_t *hist)
{
    for (; n > 0; n -= HIST_GROUP, column += HIST_GROUP, hist += HIST_GROUP * HIST_CODES * j->per) {
        int m = n < HIST_GROUP ? n : HIST_GROUP;
        if (j->rows)
            count_columns(r, m, column, j->per, true, hist);
        else if (j->per == 2 && m == HIST_GROUP)
            count_columns(r, HIST_GROUP, column, 2, false, hist);
        else if (j->per == 2)
            count_columns(r, m, column, 2, false, hist);
        else
            count_columns(r, m, column, j->per, false, hist);
    }
}

CRM_SIMD void hist_occupied(const uint32_t *hist, int per, uint64_t *occupied)
{
    uint8_t some[HIST_CODES];

    for (int k = 0; k < HIST_CODES; k++) {
        uint32_t any = 0;
        for (int c = 0; c < per; c++)
            any |= hist[k * per + c];
        some[k] = any != 0;
    }
    for (int w = 0; w < HIST_WORDS; w++) {
        occupied[w] = 0;
        for (int k = 0; k < 64; k++)
            occupied[w] |= (uint64_t)some[64 * w + k] << k;
    }
}

/* ---- scores ---- */
static inline double score_gini(int m, const double *weight, const uint32_t *left,
                                const uint32_t *total)
{
    double a = 0, b = 0, aa = 0, bb = 0;

    for (int c = 0; c < m; c++) {
        double l = weight[c] * (double)left[c], r = weight[c] * (double)(total[c] - left[c]);
        a += l;
        b += r;
        aa += l * l;
        bb += r * r;
    }
    return (aa * b + bb * a) / (a * b);
}

static inline double xlogx(const double *table, double x)
{
    if (x < HIST_LOGS && x == floor(x)) return table[(int)x];
    return x * crm_log(x);
}

static double score_entropy(const hist_job *j, const uint32_t *left, const uint32_t *total)
{
    const double *weight = j->sample->weight;
    double a = 0, b = 0, sum = 0;

    for (int c = 0; c < j->m; c++) {
        double l = weight[c] * (double)left[c], r = weight[c] * (double)(total[c] - left[c]);
        a += l;
        b += r;
        sum += xlogx(j->xlogx, l) + xlogx(j->xlogx, r);
    }
    return sum - (xlogx(j->xlogx, a) + xlogx(j->xlogx, b));
}

/* ---- all splits of a column ---- */
/* Rows of both sides reach min_samples_leaf. */
static bool sides_are_large(const hist_job *j, const hist_bench *b, const uint32_t *left)
{
    int64_t l = 0, n = b->n_rows;

    if (j->rows)
        l = left[j->m];
    else
        for (int c = 0; c < j->m; c++)
            l += left[c];
    return l >= j->cfg->min_samples_leaf && n - l >= j->cfg->min_samples_leaf;
}

static inline void try_split(const hist_job *j, hist_bench *b, hist_best s, const uint32_t *left,
                             int m)
{
    if (j->cfg->criterion == CRM_TREE_GINI)
        s.score = score_gini(m, j->sample->weight, left, b->total);
    else
        s.score = score_entropy(j, left, b->total);
    if (b->best.found && !(s.score > b->best.score)) return;
    if (j->cfg->min_samples_leaf > 1 && !sides_are_large(j, b, left)) return;
    b->best = s;
    memcpy(b->left, left, (size_t)m * sizeof *left);
}

/* All rows that have a value against those that have none; a cut between codes, rows without a
 * value first on the right, then on the left. */
static inline void try_code(const hist_job *j, hist_bench *b, hist_best s, bool last,
                            const uint32_t *missing, int m, int per)
{
    if (last) s.bin = HIST_PRESENT;
    if (!last || s.missing) try_split(j, b, s, b->run, m);
    if (last || !s.missing) return;
    for (int c = 0; c < per; c++)
        b->shift[c] = b->run[c] + missing[c];
    s.missing_left = true;
    try_split(j, b, s, b->shift, m);
}

static inline void scan(const hist_job *j, hist_bench *b, hist_best s, const uint32_t *hist,
                        const uint64_t *occupied, int there, int m, int per)
{
    for (int c = 0; c < per; c++)
        b->run[c] = 0;
    for (int w = 0; w < HIST_WORDS; w++) {
        uint64_t bits = occupied[w];
        if (w == HIST_WORDS - 1) bits &= ~(1ULL << 63);
        for (; bits; bits &= bits - 1) {
            int code = 64 * w + __builtin_ctzll(bits);
            for (int c = 0; c < per; c++)
                b->run[c] += hist[code * per + c];
            s.bin = (uint8_t)code;
            try_code(j, b, s, --there == 0, hist + TREE_MISSING * per, m, per);
        }
    }
}

bool hist_scan(const hist_job *j, hist_bench *b, int32_t column, const uint32_t *hist,
               const uint64_t *occupied)
{
    bool missing = occupied[HIST_WORDS - 1] >> 63;
    hist_best s = {.found = true, .column = column, .missing = missing};
    int there = -missing;

    for (int w = 0; w < HIST_WORDS; w++)
        there += __builtin_popcountll(occupied[w]);
    if (there + missing < 2) return false;
    if (j->per == 2 && j->m == 2 && j->cfg->criterion == CRM_TREE_GINI)
        scan(j, b, s, hist, occupied, there, 2, 2);
    else
        scan(j, b, s, hist, occupied, there, j->m, j->per);
    return true;
}

/* ---- leaves ---- */
static double weigh(const hist_job *j, const uint32_t *count, double *weight)
{
    double sum = 0;

    for (int c = 0; c < j->m; c++) {
        weight[c] = j->sample->weight[c] * (double)count[c];
        sum += weight[c];
    }
    return sum;
}

static tree_stat stat_of(const hist_job *j, const uint32_t *count, double *weight)
{
    tree_stat s = {.weight = weigh(j, count, weight)};

    s.impurity = tree_impurity(j->cfg->criterion, j->m, weight, s.weight);
    return s;
}

bool hist_is_leaf(const hist_job *j, hist_bench *b, const uint32_t *count, int64_t rows,
                  int64_t depth)
{
    int classes = 0;

    for (int c = 0; c < j->m; c++)
        classes += count[c] > 0;
    return classes < 2 ||
           tree_must_stop(j->cfg, rows, depth, stat_of(j, count, b->weight).impurity);
}

bool hist_is_worth(const hist_job *j, hist_bench *b, double *decrease)
{
    tree_stat node, left, right;

    *decrease = 0;
    if (!b->best.found) return false;
    if (!(j->cfg->min_impurity_decrease > 0) && j->cfg->max_leaf_nodes == 0) return true;
    for (int c = 0; c < j->m; c++)
        b->run[c] = b->total[c] - b->left[c];
    node = stat_of(j, b->total, b->weight);
    left = stat_of(j, b->left, b->weight);
    right = stat_of(j, b->run, b->weight);
    *decrease = tree_decrease(j->total, node, left, right);
    return !tree_too_little(j->cfg, *decrease);
}

/* ---- rows ---- */
static inline void swap_rows(uint8_t *a, uint8_t *b, int64_t stride)
{
    for (int64_t k = 0; k < stride; k += 16) {
        uint64_t x[2], y[2];
        memcpy(x, a + k, sizeof x);
        memcpy(y, b + k, sizeof y);
        memcpy(a + k, y, sizeof y);
        memcpy(b + k, x, sizeof x);
    }
}

/* Rows [0, left) have gone left, [left, i) right: row i changes places with the first of the latter
 * whichever way it goes, so that nothing is to be foreseen. */
static inline int64_t partition(const hist_rows *r, const hist_node *s, int64_t stride)
{
    int64_t left = 0;

    for (int64_t i = 0; i < r->n; i++) {
        uint8_t *row = r->code + i * stride, code = row[s->column];
        uint32_t tag = r->tag[i];
        swap_rows(row, r->code + left * stride, stride);
        r->tag[i] = r->tag[left];
        r->tag[left] = tag;
        left += (code <= s->bin) | (code == TREE_MISSING && s->missing_left);
    }
    return left;
}

int64_t hist_partition(const hist_rows *r, const hist_node *s)
{
    if (r->stride == 16) return partition(r, s, 16);
    if (r->stride == 32) return partition(r, s, 32);
    return partition(r, s, r->stride);
}

/* ---- working memory ---- */
crm_status hist_bench_new(const hist_job *j, hist_bench *b)
{
    CRM_NEW(b->hist, (int64_t)HIST_GROUP * HIST_CODES * j->per);
    CRM_NEW(b->draw.perm, j->d);
    CRM_NEW(b->draw.back, j->d);
    CRM_NEW(b->run, j->per);
    CRM_NEW(b->shift, j->per);
    CRM_NEW(b->left, j->m);
    CRM_NEW(b->weight, j->m);
    b->draw.n = j->d;
    for (int c = 0; c < j->d; c++)
        b->draw.perm[c] = c;
    return CRM_OK;
}

void hist_bench_free(hist_bench *b)
{
    crm_mem_free(b->hist);
    crm_mem_free(b->draw.perm);
    crm_mem_free(b->draw.back);
    crm_mem_free(b->run);
    crm_mem_free(b->shift);
    crm_mem_free(b->left);
    crm_mem_free(b->weight);
    while (b->n_spare > 0)
        crm_mem_free(b->spare[--b->n_spare]);
}
