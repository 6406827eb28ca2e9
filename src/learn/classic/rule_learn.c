/* rule_learn.c - a list of rules learned by separate-and-conquer (Fuernkranz, "Separate-and-conquer
 * rule learning", Artificial Intelligence Review 13, 1999): find a rule, set the rows that it
 * covers aside, go on with the others.
 *
 * A rule joins conditions "column <= cut", "column > cut" (cuts at quantiles of the training rows),
 * "column is missing" and "column is level".  A beam search adds one condition at a time (Clark &
 * Niblett, "The CN2 induction algorithm", Machine Learning 3, 1989).  With class counts u of the
 * rows left, a of those that a rule covers and b = u - a, the best rule has the largest
 *
 *     quality = sum a_c log((a_c / n_a) / (u_c / n_u)) / sqrt(n_a)
 *
 * which weighs how much its rows differ from the rest against how many they are.  A rule is taken
 * only when the two parts are coded more shortly than the whole by more than its conditions cost,
 * each named among all that there are (minimum description length, Rissanen 1978):
 *
 *     sum a_c log(a_c / n_a) + sum b_c log(b_c / n_b) - sum u_c log(u_c / n_u)
 *         > conditions * log(number of conditions that split the training rows)
 *
 * No such rule: the list ends.  Counts are integers summed over the ranks, candidates are tried in
 * a fixed order, the first of equals is taken. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "rule_impl.h"

enum { CUTS = 15, MISSING = CUTS + 1, BEAM = 3, CONDITIONS_MAX = 16 };

/* A rule under way. */
typedef struct partial {
    rule_step step[CONDITIONS_MAX];
    int n;
    int64_t rows;
    double quality;
} partial;

/* A partial rule with the own rows that it covers. */
typedef struct node {
    partial p;
    int64_t n, *row; /* places among own rows */
} node;

typedef struct learner {
    rule_model *m;
    const crm_fit *fit;
    const crm_source *in;
    const crm_schema *s;
    crm_view own;
    double *quantile; /* [n_num][CUTS]                                        */
    int64_t *present; /* [n_num]                                              */
    float *cut;       /* [n_num][CUTS] the distinct ones, rising              */
    int *n_cuts;      /* [n_num]                                              */
    uint8_t *bin;     /* [n_num][own.n] cuts below a value, or MISSING        */
    int32_t *code;    /* [n_cat][own.n] level + 1                             */
    int32_t *label;   /* [own.n]                                              */
    node left;        /* labelled own rows that no rule covers                */
    int64_t *first;   /* [n_num + n_cat + 1] first slot of a column           */
    int64_t width;    /* (slots of all columns + 1) * classes                 */
    int64_t *rest;    /* [width] of l->left, own rows                         */
    int64_t *count;   /* [width] of a node, all ranks; the last slot: in all  */
    int64_t *part;    /* [classes] of a condition                             */
    int64_t *all;     /* [classes] of the rows left, all ranks                */
    double *log_part; /* [classes] of all: log of a class's part              */
    double price;     /* of a condition                                       */
    partial best;     /* that may be taken; n = 0: none                       */
    partial top[BEAM];
    int n_top;
    node beam[BEAM];
} learner;

/* ---- rows as bins and codes, column by column ---- */

static int slots_of(const learner *l, int column)
{
    return (int)(l->first[column + 1] - l->first[column]);
}

static void take_rows(void *ctx, const crm_rows_piece *p, double *out)
{
    learner *l = ctx;
    int n = l->s->n_num, k = l->s->n_cat;

    (void)out;
    for (int c = 0; c < n; c++)
        for (int64_t i = 0; i < p->n; i++) {
            float x = p->num[i * n + c];
            int above = 0;
            while (above < l->n_cuts[c] && x > l->cut[c * CUTS + above])
                above++;
            l->bin[c * l->own.n + p->at + i] = (uint8_t)(isnan(x) ? MISSING : above);
        }
    for (int c = 0; c < k; c++)
        for (int64_t i = 0; i < p->n; i++)
            l->code[c * l->own.n + p->at + i] = p->cat[i * k + c] + 1;
}

static void find_cuts(learner *l)
{
    for (int c = 0; c < l->s->n_num; c++)
        for (int q = 0; q < CUTS && l->present[c] > 0; q++) {
            float v = (float)l->quantile[c * CUTS + q], *cut = l->cut + c * CUTS;
            if (isnan(v)) continue;
            if (l->n_cuts[c] == 0 || v > cut[l->n_cuts[c] - 1]) cut[l->n_cuts[c]++] = v;
        }
}

static crm_status make_columns(learner *l)
{
    int n = l->s->n_num;

    CRM_NEW(l->quantile, (int64_t)n * CUTS);
    CRM_NEW(l->present, n);
    CRM_NEW(l->cut, (int64_t)n * CUTS);
    CRM_NEW(l->n_cuts, n);
    return CRM_OK;
}

static crm_status make_slots(learner *l)
{
    int n = l->s->n_num, k = l->s->n_cat, classes = l->m->n_classes;

    CRM_NEW(l->first, n + k + 1);
    for (int c = 0; c < n; c++)
        l->first[c + 1] = l->first[c] + MISSING + 1;
    for (int c = 0; c < k; c++)
        l->first[n + c + 1] = l->first[n + c] + 1 + l->s->n_levels[c];
    l->width = (l->first[n + k] + 1) * classes;
    CRM_NEW(l->rest, l->width);
    CRM_NEW(l->count, l->width);
    CRM_NEW(l->part, classes);
    CRM_NEW(l->all, classes);
    CRM_NEW(l->log_part, classes);
    return CRM_OK;
}

static crm_status make_rows(learner *l)
{
    const int32_t *label = crm_data_target(l->fit->train->data, l->fit->target)->label;

    CRM_NEW(l->bin, l->own.n * l->s->n_num);
    CRM_NEW(l->code, l->own.n * l->s->n_cat);
    CRM_NEW(l->label, l->own.n);
    CRM_NEW(l->left.row, l->own.n);
    for (int b = 0; b < BEAM; b++)
        CRM_NEW(l->beam[b].row, l->own.n);
    for (int64_t i = 0; i < l->own.n; i++) {
        l->label[i] = label[l->own.row[i]];
        if (l->label[i] >= 0) l->left.row[l->left.n++] = i;
    }
    return crm_rows_each(l->in, &l->own, l->fit->pool, take_rows, l);
}

static crm_status prepare(learner *l)
{
    find_cuts(l);
    CRM_TRY(make_slots(l));
    CRM_TRY(make_rows(l));
    return rule_list_new((int)l->m->cfg->max_rules, &l->m->list);
}

/* ---- counts of classes, by column and slot ---- */

typedef struct tally {
    const learner *l;
    const node *rows;
    int64_t by; /* 1, or -1 to take away */
    int64_t *count;
} tally;

static crm_status count_column(void *ctx, int64_t column, int worker)
{
    const tally *t = ctx;
    const learner *l = t->l;
    int n = l->s->n_num, k = l->m->n_classes;
    const uint8_t *bin = l->bin + column * l->own.n;
    const int32_t *code = l->code + (column - n) * l->own.n;
    int64_t *count = t->count + l->first[column] * k;

    (void)worker;
    for (int64_t i = 0; i < t->rows->n; i++) {
        int64_t r = t->rows->row[i], slot = column < n ? bin[r] : code[r];
        count[slot * k + l->label[r]] += t->by;
    }
    return CRM_OK;
}

/* Add own rows to count[width]; a column is worked on by one thread. */
static crm_status count_rows(const learner *l, const node *rows, int64_t by, int64_t *count)
{
    tally t = {.l = l, .rows = rows, .by = by, .count = count};
    int k = l->m->n_classes;

    for (int64_t i = 0; i < rows->n; i++)
        count[l->width - k + l->label[rows->row[i]]] += by;
    return crm_pool_run(l->fit->pool, l->s->n_num + l->s->n_cat, count_column, &t);
}

/* l->count of a node over all ranks. */
static crm_status count_node(learner *l, const node *rows)
{
    size_t bytes = (size_t)l->width * sizeof *l->count;
    crm_status st = CRM_OK;

    if (rows == &l->left) {
        memcpy(l->count, l->rest, bytes);
    } else {
        memset(l->count, 0, bytes);
        st = count_rows(l, rows, 1, l->count);
    }
    CRM_TRY(crm_comm_agree(l->fit->comm, st));
    return crm_comm_sum_i64(l->fit->comm, l->count, l->width);
}

static const int64_t *slot_count(const learner *l, int column, int slot)
{
    return l->count + (l->first[column] + slot) * l->m->n_classes;
}

/* ---- conditions ---- */

static double times_log(double n)
{
    return n > 0 ? n * crm_log(n) : 0;
}

/* What is saved by coding the covered rows and the others apart. */
static double saving(const learner *l, double rows)
{
    double total = 0, sum = 0;

    for (int c = 0; c < l->m->n_classes; c++) {
        double a = (double)l->part[c], u = (double)l->all[c];
        sum += times_log(a) + times_log(u - a) - times_log(u);
        total += u;
    }
    return sum - times_log(rows) - times_log(total - rows) + times_log(total);
}

static double quality(const learner *l, double rows)
{
    double sum = 0, log_rows = crm_log(rows);

    for (int c = 0; c < l->m->n_classes; c++)
        if (l->part[c] > 0)
            sum += (double)l->part[c] * (crm_log((double)l->part[c]) - log_rows - l->log_part[c]);
    return sum / sqrt(rows);
}

/* Keep the BEAM best, one of those that cover as many rows as well. */
static void put_top(learner *l, const partial *p)
{
    int at = l->n_top;

    for (int i = 0; i < l->n_top; i++)
        if (l->top[i].rows == p->rows && l->top[i].quality == p->quality) return;
    if (at == BEAM && !(p->quality > l->top[BEAM - 1].quality)) return;
    if (at < BEAM)
        l->n_top++;
    else
        at--;
    for (; at > 0 && p->quality > l->top[at - 1].quality; at--)
        l->top[at] = l->top[at - 1];
    l->top[at] = *p;
}

/* The condition whose class counts stand in l->part, behind those of a node of so many rows. */
static void consider(learner *l, const partial *of, int64_t of_rows, rule_step step)
{
    partial p = *of;

    p.rows = 0;
    for (int c = 0; c < l->m->n_classes; c++)
        p.rows += l->part[c];
    if (p.rows < l->m->cfg->min_rows || p.rows == of_rows || p.rows == 0) return;
    p.step[p.n++] = step;
    p.quality = quality(l, (double)p.rows);
    if (p.quality > l->best.quality && saving(l, (double)p.rows) > l->price * p.n) l->best = p;
    put_top(l, &p);
}

static void add_part(learner *l, const int64_t *count)
{
    for (int c = 0; c < l->m->n_classes; c++)
        l->part[c] += count[c];
}

static void clear_part(learner *l)
{
    memset(l->part, 0, (size_t)l->m->n_classes * sizeof *l->part);
}

/* What visits the conditions of a column, their class counts in l->part. */
typedef void (*visit_fn)(learner *l, const partial *of, int64_t rows, rule_step step);

static void visit_number(learner *l, int column, const partial *p, int64_t rows, visit_fn fn)
{
    int n = l->n_cuts[column];
    rule_step step = {.column = column};

    clear_part(l);
    for (int q = 0; q < n; q++) {
        add_part(l, slot_count(l, column, q));
        step.op = RULE_LE;
        step.cut = l->cut[column * CUTS + q];
        fn(l, p, rows, step);
    }
    clear_part(l);
    for (int q = n - 1; q >= 0; q--) {
        add_part(l, slot_count(l, column, q + 1));
        step.op = RULE_GT;
        step.cut = l->cut[column * CUTS + q];
        fn(l, p, rows, step);
    }
    clear_part(l);
    add_part(l, slot_count(l, column, MISSING));
    fn(l, p, rows, (rule_step){.op = RULE_MISSING, .column = column});
}

static void visit_category(learner *l, int column, const partial *p, int64_t rows, visit_fn fn)
{
    int at = l->s->n_num + column;

    for (int slot = 0; slot < slots_of(l, at); slot++) {
        clear_part(l);
        add_part(l, slot_count(l, at, slot));
        fn(l, p, rows, (rule_step){.op = RULE_LEVEL, .column = column, .level = slot - 1});
    }
}

/* All conditions on a node whose counts stand in l->count. */
static void visit(learner *l, const partial *p, visit_fn fn)
{
    const int64_t *in_all = l->count + l->width - l->m->n_classes;
    int64_t rows = 0;

    for (int c = 0; c < l->m->n_classes; c++)
        rows += in_all[c];
    for (int c = 0; c < l->s->n_num; c++)
        visit_number(l, c, p, rows, fn);
    for (int c = 0; c < l->s->n_cat; c++)
        visit_category(l, c, p, rows, fn);
}

/* ---- search ---- */

static bool covers(const learner *l, const rule_step *s, int64_t row)
{
    int bin, at = 0;

    if (s->op == RULE_LEVEL) return l->code[s->column * l->own.n + row] == s->level + 1;
    bin = l->bin[s->column * l->own.n + row];
    if (s->op == RULE_MISSING || bin == MISSING) return s->op == RULE_MISSING && bin == MISSING;
    while (l->cut[s->column * CUTS + at] < s->cut)
        at++;
    return s->op == RULE_LE ? bin <= at : bin > at;
}

static bool covers_all(const learner *l, const partial *p, int64_t row)
{
    int i = 0;

    while (i < p->n && covers(l, &p->step[i], row))
        i++;
    return i == p->n;
}

/* The best partial rules become the beam. */
static void take_top(learner *l)
{
    for (int b = 0; b < l->n_top; b++) {
        node *to = &l->beam[b];
        to->p = l->top[b];
        to->n = 0;
        for (int64_t i = 0; i < l->left.n; i++)
            if (covers_all(l, &to->p, l->left.row[i])) to->row[to->n++] = l->left.row[i];
    }
}

/* Class counts of the rows left; l->count is theirs. */
static void note_all(learner *l)
{
    int k = l->m->n_classes;
    int64_t total = 0;

    memcpy(l->all, l->count + l->width - k, (size_t)k * sizeof *l->all);
    for (int c = 0; c < k; c++)
        total += l->all[c];
    for (int c = 0; c < k; c++)
        l->log_part[c] = l->all[c] > 0 ? crm_log((double)l->all[c] / (double)total) : 0;
}

/* The next rule into l->best. */
static crm_status find_rule(learner *l)
{
    double before;

    l->best = (partial){.n = 0};
    l->n_top = 0;
    CRM_TRY(count_node(l, &l->left));
    note_all(l);
    visit(l, &l->left.p, consider);
    for (int64_t d = 1; d < l->m->cfg->max_conditions && l->n_top > 0; d++) {
        int nodes = l->n_top;
        take_top(l);
        l->n_top = 0;
        before = l->best.quality;
        for (int b = 0; b < nodes; b++) {
            CRM_TRY(count_node(l, &l->beam[b]));
            visit(l, &l->beam[b].p, consider);
        }
        if (l->best.n > 0 && !(l->best.quality > before)) break;
    }
    return CRM_OK;
}

static crm_status append(rule_list *list, const partial *p)
{
    for (int i = 0; i < p->n; i++) {
        CRM_TRY(rule_list_step(list, p->step[i]));
        if (i > 0) CRM_TRY(rule_list_step(list, (rule_step){.op = RULE_AND}));
    }
    rule_list_end(list, -1, -1);
    return CRM_OK;
}

/* Append the rule, and set its rows aside. */
static crm_status take_best(learner *l)
{
    node *covered = &l->beam[0];
    int64_t n = 0;

    covered->n = 0;
    for (int64_t i = 0; i < l->left.n; i++) {
        int64_t row = l->left.row[i];
        if (covers_all(l, &l->best, row))
            covered->row[covered->n++] = row;
        else
            l->left.row[n++] = row;
    }
    l->left.n = n;
    CRM_TRY(count_rows(l, covered, -1, l->rest));
    return append(&l->m->list, &l->best);
}

static void count_splitting(learner *l, const partial *of, int64_t of_rows, rule_step step)
{
    int64_t rows = 0;

    (void)of;
    (void)step;
    for (int c = 0; c < l->m->n_classes; c++)
        rows += l->part[c];
    l->price += rows > 0 && rows < of_rows;
}

static crm_status learn(learner *l)
{
    CRM_TRY(crm_comm_agree(l->fit->comm, count_rows(l, &l->left, 1, l->rest)));
    CRM_TRY(count_node(l, &l->left));
    visit(l, &l->left.p, count_splitting);
    l->price = l->price > 0 ? crm_log(l->price) : 0;
    for (int64_t r = 0; r < l->m->cfg->max_rules; r++) {
        CRM_TRY(find_rule(l));
        if (l->best.n == 0) return CRM_OK;
        CRM_TRY(crm_comm_agree(l->fit->comm, take_best(l)));
    }
    return CRM_OK;
}

static void learner_free(learner *l)
{
    void *own[] = {l->quantile, l->present, l->cut,  l->n_cuts, l->bin,  l->code, l->label,
                   l->left.row, l->first,   l->rest, l->count,  l->part, l->all,  l->log_part};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        crm_mem_free(own[i]);
    for (int b = 0; b < BEAM; b++)
        crm_mem_free(l->beam[b].row);
}

crm_status rule_list_learn(rule_model *m, const crm_fit *fit, const crm_source *in)
{
    double p[CUTS];
    learner l = {
        .m = m, .fit = fit, .in = in, .s = crm_source_schema(in), .own = crm_rows_own(fit)};
    crm_status st;

    for (int q = 0; q < CUTS; q++)
        p[q] = (q + 1) / (CUTS + 1.0);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, make_columns(&l)));
    CRM_TRY_TO(st, done, crm_rows_quantiles(fit, in, CUTS, p, l.quantile, l.present));
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, prepare(&l)));
    st = learn(&l);
done:
    learner_free(&l);
    return st;
}
