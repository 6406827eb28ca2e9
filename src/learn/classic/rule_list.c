/* rule_list.c - a short list of rules on single columns, learned by separate-and-conquer
 * (Fuernkranz, "Separate-and-conquer rule learning", Artificial Intelligence Review 13, 1999).
 *
 * Each step looks at the rows that no rule covers yet.  With class counts u of all of them, a of
 * those that a rule covers and b = u - a, the fall of the Gini impurity is, but for a constant
 * factor,
 *
 *     gain = sum a_c^2 / n_a + sum b_c^2 / n_b - sum u_c^2 / n_u
 *
 * Where a rule and its opposite gain the same, the one that covers fewer rows is taken.  All counts
 * are integers summed over the ranks, candidates are tried in a fixed order. */
#include <math.h>
#include <string.h>

#include "rule_impl.h"

enum { CUTS = 9, BINS = CUTS + 1, SLOTS = BINS + 1, MISSING = BINS };

typedef struct learner {
    rule_model *m;
    const crm_fit *fit;
    const crm_source *in;
    const crm_schema *s;
    const int32_t *label;
    crm_view own;
    double *value;    /* [n_num][CUTS] deciles */
    int64_t *present; /* [n_num] */
    uint8_t *bin;     /* [own.n][n_num] deciles below a value, or MISSING */
    int32_t *code;    /* [own.n][n_cat] */
    uint8_t *covered; /* [own.n] */
    int64_t *first;   /* [n_cat + 1] slot of a column's missing code; its levels follow */
    int64_t slots;    /* of all columns */
    int64_t *count;   /* [slots][k] rows not covered, then [k] all of them */
    int64_t *part;    /* [k] */
} learner;

static float cut_of(const learner *l, int64_t column, int q)
{
    return (float)l->value[column * CUTS + q];
}

static void take_bins(void *ctx, const crm_rows_piece *p, double *out)
{
    learner *l = ctx;
    int n = l->s->n_num, k = l->s->n_cat;

    (void)out;
    for (int64_t i = 0; i < p->n; i++)
        for (int c = 0; c < n; c++) {
            float x = p->num[i * n + c];
            int above = 0;
            for (int q = 0; q < CUTS; q++)
                above += x > cut_of(l, c, q);
            l->bin[(p->at + i) * n + c] = (uint8_t)(isnan(x) ? MISSING : above);
        }
    if (k) memcpy(l->code + p->at * k, p->cat, (size_t)(p->n * k) * sizeof *l->code);
}

static crm_status make_cuts(learner *l)
{
    CRM_NEW(l->value, (int64_t)l->s->n_num * CUTS);
    CRM_NEW(l->present, l->s->n_num);
    return CRM_OK;
}

static crm_status make_rows(learner *l)
{
    int n = l->s->n_num, k = l->s->n_cat;

    CRM_NEW(l->first, k + 1);
    l->first[0] = (int64_t)n * SLOTS;
    for (int c = 0; c < k; c++)
        l->first[c + 1] = l->first[c] + 1 + l->s->n_levels[c];
    l->slots = l->first[k];
    CRM_NEW(l->bin, l->own.n * n);
    CRM_NEW(l->code, l->own.n * k);
    CRM_NEW(l->covered, l->own.n);
    CRM_NEW(l->count, (l->slots + 1) * l->m->n_classes);
    CRM_NEW(l->part, l->m->n_classes);
    CRM_NEW(l->m->cond, l->m->cfg->max_rules);
    return crm_rows_each(l->in, &l->own, l->fit->pool, take_bins, l);
}

static void count_row(learner *l, int64_t i, int32_t y)
{
    int n = l->s->n_num, k = l->s->n_cat, classes = l->m->n_classes;

    for (int c = 0; c < n; c++)
        l->count[(c * SLOTS + l->bin[i * n + c]) * classes + y]++;
    for (int c = 0; c < k; c++)
        l->count[(l->first[c] + 1 + l->code[i * k + c]) * classes + y]++;
    l->count[l->slots * classes + y]++;
}

static crm_status count_all(learner *l)
{
    int64_t width = (l->slots + 1) * l->m->n_classes;

    memset(l->count, 0, (size_t)width * sizeof *l->count);
    for (int64_t i = 0; i < l->own.n; i++) {
        int32_t y = l->label[l->own.row[i]];
        if (!l->covered[i] && y >= 0) count_row(l, i, y);
    }
    return crm_comm_sum_i64(l->fit->comm, l->count, width);
}

static double purity(const int64_t *a, const int64_t *less, int k, int64_t *rows)
{
    double squares = 0;

    *rows = 0;
    for (int c = 0; c < k; c++) {
        int64_t n = a[c] - (less ? less[c] : 0);
        squares += (double)n * (double)n;
        *rows += n;
    }
    return *rows ? squares / (double)*rows : 0;
}

typedef struct choice {
    rule_cond cond;
    double gain;
    int64_t rows;
} choice;

/* Rule that covers the class counts in l->part: better than the best so far? */
static void consider(learner *l, rule_cond cond, choice *best)
{
    const int64_t *all = l->count + l->slots * l->m->n_classes;
    int k = l->m->n_classes;
    int64_t rows, rest, total;
    double gain = purity(l->part, NULL, k, &rows);

    gain += purity(all, l->part, k, &rest);
    gain -= purity(all, NULL, k, &total);
    if (rows < l->m->cfg->min_rows || !(gain > 1e-9)) return;
    if (gain < best->gain || (gain == best->gain && rows >= best->rows)) return;
    *best = (choice){.cond = cond, .gain = gain, .rows = rows};
}

static void add_slots(learner *l, int64_t from, int64_t end)
{
    int k = l->m->n_classes;

    memset(l->part, 0, (size_t)k * sizeof *l->part);
    for (int64_t s = from; s < end; s++)
        for (int c = 0; c < k; c++)
            l->part[c] += l->count[s * k + c];
}

static void try_number(learner *l, int column, choice *best)
{
    int64_t first = (int64_t)column * SLOTS;
    rule_cond cond = {.column = column};

    if (l->present[column] == 0) return;
    for (int q = 0; q < CUTS; q++) {
        cond.cut = cut_of(l, column, q);
        if (q + 1 < CUTS && cut_of(l, column, q + 1) == cond.cut) continue;
        cond.op = RULE_BELOW;
        add_slots(l, first, first + q + 1);
        consider(l, cond, best);
        cond.op = RULE_ABOVE;
        add_slots(l, first + q + 1, first + BINS);
        consider(l, cond, best);
    }
    add_slots(l, first + MISSING, first + MISSING + 1);
    consider(l, (rule_cond){.op = RULE_MISSING, .column = column}, best);
}

static void try_category(learner *l, int column, choice *best)
{
    for (int64_t s = l->first[column]; s < l->first[column + 1]; s++) {
        add_slots(l, s, s + 1);
        consider(l,
                 (rule_cond){.op = RULE_LEVEL,
                             .column = column,
                             .level = (int32_t)(s - l->first[column] - 1)},
                 best);
    }
}

static bool covers_bin(const learner *l, const rule_cond *r, int64_t i)
{
    int bin, above = 0;

    if (r->op == RULE_LEVEL) return l->code[i * l->s->n_cat + r->column] == r->level;
    bin = l->bin[i * l->s->n_num + r->column];
    if (r->op == RULE_MISSING || bin == MISSING) return r->op == RULE_MISSING && bin == MISSING;
    for (int q = 0; q < CUTS; q++)
        above += cut_of(l, r->column, q) <= r->cut;
    return r->op == RULE_BELOW ? bin < above : bin >= above;
}

static crm_status grow(learner *l)
{
    for (int64_t r = 0; r < l->m->cfg->max_rules; r++) {
        choice best = {.gain = 0};

        CRM_TRY(count_all(l));
        for (int c = 0; c < l->s->n_num; c++)
            try_number(l, c, &best);
        for (int c = 0; c < l->s->n_cat; c++)
            try_category(l, c, &best);
        if (!(best.gain > 0)) return CRM_OK;
        l->m->cond[l->m->n_rules++] = best.cond;
        for (int64_t i = 0; i < l->own.n; i++)
            if (!l->covered[i]) l->covered[i] = covers_bin(l, &best.cond, i);
    }
    return CRM_OK;
}

crm_status rule_list_learn(rule_model *m, const crm_fit *fit, const crm_source *in)
{
    static const double deciles[CUTS] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
    learner l = {
        .m = m, .fit = fit, .in = in, .s = crm_source_schema(in), .own = crm_rows_own(fit)};
    crm_status st;

    l.label = crm_data_target(fit->train->data, fit->target)->label;
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, make_cuts(&l)));
    CRM_TRY_TO(st, done, crm_rows_quantiles(fit, in, CUTS, deciles, l.value, l.present));
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, make_rows(&l)));
    st = grow(&l);
done:
    crm_mem_free(l.value);
    crm_mem_free(l.present);
    crm_mem_free(l.bin);
    crm_mem_free(l.code);
    crm_mem_free(l.covered);
    crm_mem_free(l.first);
    crm_mem_free(l.count);
    crm_mem_free(l.part);
    return st;
}

static bool holds(const rule_cond *r, const float *num, const int32_t *cat)
{
    switch (r->op) {
    case RULE_BELOW:
        return num[r->column] <= r->cut;
    case RULE_ABOVE:
        return num[r->column] > r->cut;
    case RULE_MISSING:
        return isnan(num[r->column]);
    default:
        return cat[r->column] == r->level;
    }
}

int rule_list_group(const rule_model *m, const float *num, const int32_t *cat)
{
    int r = 0;

    while (r < m->n_rules && !holds(&m->cond[r], num, cat))
        r++;
    return r;
}
