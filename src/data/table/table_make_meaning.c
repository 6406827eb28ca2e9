/* table_make_meaning.c - what columns and targets mean and where they come from, in words of the
 * data dictionary. */
#include <stdio.h>
#include <string.h>

#include "table_make.h"

static const char *const RELATION[] = {"<", "<=", ">", ">=", "==", "!="};

/* ---- where it comes from ---- */
void crm_table_say_files(const crm_table_schema *s, int table, crm_str *out)
{
    const crm_table_def *t = &s->table[table];

    for (int i = 0; i < t->files.n; i++)
        crm_str_addf(out, "%s%s", i ? ", " : "", t->files.item[i]);
}

static void say_column(const crm_table_schema *s, const crm_path *p, crm_str *out)
{
    crm_table_say_files(s, p->table, out);
    crm_str_addf(out, ": %s", s->table[p->table].column[p->column].name);
}

void crm_table_say_source(const crm_table_schema *s, const crm_path *p, crm_str *out)
{
    const crm_table_def *t = &s->table[p->table];
    static const char *const sign[CRM_DERIVE_COUNT] = {"", "*", "/", "-", "+"};
    const crm_field *c = &t->column[p->column];

    say_column(s, p, out);
    if (c->derive != CRM_DERIVE_NONE)
        crm_str_addf(out, " = %s %s %s", t->column[c->from[0]].name, sign[c->derive],
                     t->column[c->from[1]].name);
}

/* ---- conditions ---- */
static void say_constant(const crm_operand *o, crm_field_type beside, crm_str *out)
{
    char text[32];

    if (beside == CRM_FIELD_CATEGORY || beside == CRM_FIELD_ID)
        crm_str_addf(out, "'%s'", o->text);
    else if (beside == CRM_FIELD_TIME && o->is_whole)
        crm_str_addf(out, "%s", crm_table_time_text(o->whole, text));
    else if (beside == CRM_FIELD_BOOLEAN)
        crm_str_addf(out, "%s", o->whole ? "yes" : "no");
    else if (o->is_whole)
        crm_str_addf(out, "%lld", (long long)o->whole);
    else
        crm_str_addf(out, "%s", crm_format_f64(o->number, text));
}

static void say_side(const crm_table_schema *s, int from, const crm_operand *o,
                     const crm_operand *other, crm_str *out)
{
    const crm_path *p = &other->path;
    crm_field_type beside =
        p->column < 0 ? CRM_FIELD_REAL : s->table[p->table].column[p->column].type;

    if (o->path.column >= 0)
        crm_table_path_text(s, from, &o->path, out);
    else
        say_constant(o, beside, out);
}

void crm_table_say_when(const crm_table_schema *s, int from, const crm_when *when, crm_str *out)
{
    for (int i = 0; i < when->n; i++) {
        if (i) crm_str_addf(out, " and ");
        say_side(s, from, &when->term[i].left, &when->term[i].right, out);
        crm_str_addf(out, " %s ", RELATION[when->term[i].relation]);
        say_side(s, from, &when->term[i].right, &when->term[i].left, out);
    }
}

/* ---- what is made of events ---- */
static void say_rows(const crm_table_schema *s, const table_stream *x, crm_str *out)
{
    const crm_table_def *t = &s->table[x->table];

    crm_str_addf(out, "%s of %s", x->documents ? "documents" : "events", t->name);
    if (x->documents || t->events.when.n == 0) return;
    crm_str_addf(out, " with ");
    crm_table_say_when(s, x->table, &t->events.when, out);
}

static void say_number(const crm_table_schema *s, const table_stream *x, int number, crm_str *out)
{
    crm_table_path_text(s, x->table, &s->table[x->table].events.number[number], out);
}

static void say_window(int64_t span, crm_str *out)
{
    if (span > 0)
        crm_str_addf(out, " in the %lld days before the cut-off", (long long)(span / TABLE_DAY));
    else
        crm_str_addf(out, " in the whole history before the cut-off");
}

/* "WHAT NUMBER of events of T", "events of T" without number. */
static void say_of(const crm_table_schema *s, const table_stream *x, const char *what, int number,
                   crm_str *out)
{
    if (number >= 0) {
        crm_str_addf(out, "%s ", what);
        say_number(s, x, number, out);
        crm_str_addf(out, " over ");
    }
    say_rows(s, x, out);
}

void crm_table_say_channel(const crm_table_schema *s, const table_stream *x, int number,
                           crm_str *out)
{
    say_of(s, x, "sum of", number, out);
    crm_str_addf(out, " in each month of 30 days before the cut-off");
}

static void say_distinct(const crm_table_schema *s, const table_stream *x, crm_str *out)
{
    crm_str_addf(out, "different values of ");
    crm_table_path_text(s, x->table, &s->table[x->table].events.category, out);
    crm_str_addf(out, " among ");
    say_rows(s, x, out);
}

static void say_share(const crm_table_schema *s, const table_stream *x, int32_t category,
                      crm_str *out)
{
    crm_str_addf(out, "share of '%s' (", x->names.item[category]);
    crm_table_path_text(s, x->table, &s->table[x->table].events.category, out);
    crm_str_addf(out, ") among ");
    say_rows(s, x, out);
}

static void say_months(const crm_table_schema *s, const table_stream *x, const table_feature *f,
                       crm_str *out)
{
    say_of(s, x, "sum of", f->number, out);
    crm_str_addf(out, " a month of 30 days: least-squares slope over the %lld before the cut-off",
                 (long long)(f->span / TABLE_MONTH));
}

void crm_table_say_feature(const crm_table_schema *s, const table_stream *x, const table_feature *f,
                           crm_str *out)
{
    static const char *const head[TABLE_OP_COUNT] = {
        [TABLE_RECENCY] = "days to the cut-off from the last of the ",
        [TABLE_GAP_MEAN] = "mean of the days between two at different times, of the ",
        [TABLE_GAP_MAX] = "largest of the days between two at different times, of the ",
        [TABLE_SEASON_SIN] = "mean sine of the phase of the year, of the ",
        [TABLE_SEASON_COS] = "mean cosine of the phase of the year, of the "};
    static const char *const what[TABLE_OP_COUNT] = {[TABLE_SUM] = "sum of",
                                                     [TABLE_MEAN] = "mean of",
                                                     [TABLE_MAX] = "largest",
                                                     [TABLE_CHANGE] = "sum of"};

    if (head[f->op]) {
        crm_str_addf(out, "%s", head[f->op]);
        say_rows(s, x, out);
    } else if (f->op == TABLE_TREND) {
        say_months(s, x, f, out);
        return;
    } else if (f->op == TABLE_DISTINCT) {
        say_distinct(s, x, out);
    } else if (f->op == TABLE_SHARE) {
        say_share(s, x, f->category, out);
    } else {
        say_of(s, x, what[f->op] ? what[f->op] : "", f->number, out);
    }
    say_window(f->span, out);
    if (f->op == TABLE_CHANGE) crm_str_addf(out, "; less that of as many days before them");
}

/* ---- labels ---- */
static void say_length(int64_t seconds, crm_str *out)
{
    if (seconds % TABLE_DAY == 0)
        crm_str_addf(out, "%lld days", (long long)(seconds / TABLE_DAY));
    else
        crm_str_addf(out, "%lld hours", (long long)(seconds / 3600));
}

static void say_cuts(const crm_label_def *l, crm_str *out)
{
    for (int i = 0; i < l->n_cuts; i++)
        crm_str_addf(out, "%s below %.15g, ", l->cut_class.item[i], l->cut[i]);
    crm_str_addf(out, "else %s", l->cut_class.item[l->n_cuts]);
}

void crm_table_say_label(const crm_table_schema *s, const crm_label_def *l, crm_str *out)
{
    bool any = l->kind == CRM_LABEL_ANY;

    if (l->kind == CRM_LABEL_CUTS) {
        say_cuts(l, out);
        return;
    }
    crm_str_addf(out, any ? "whether there is a row of %s" : "whether ",
                 any ? s->table[l->table].name : "");
    if (any && l->when.n) crm_str_addf(out, " with ");
    crm_table_say_when(s, any ? l->table : s->entity, &l->when, out);
    if (any && l->within > 0) {
        crm_str_addf(out, " within ");
        say_length(l->within, out);
        crm_str_addf(out, " from the cut-off on");
    } else if (any) {
        crm_str_addf(out, " at any time");
    }
    if (l->without_missing) crm_str_addf(out, "; missing where there is no row at all");
}

static void add_once(const crm_table_schema *s, const crm_path *p, crm_str *out)
{
    crm_str one = {0};

    if (p->column < 0) return;
    say_column(s, p, &one);
    if (one.text && (!out->text || !strstr(out->text, one.text)))
        crm_str_addf(out, "%s%s", out->len ? "; " : "", one.text);
    out->failed |= one.failed;
    crm_str_free(&one);
}

void crm_table_say_label_source(const crm_table_schema *s, const crm_label_def *l, crm_str *out)
{
    const crm_table_def *t = l->kind == CRM_LABEL_ANY ? &s->table[l->table] : NULL;

    add_once(s, &l->path, out);
    for (int i = 0; i < l->when.n; i++) {
        add_once(s, &l->when.term[i].left.path, out);
        add_once(s, &l->when.term[i].right.path, out);
    }
    if (t) add_once(s, t->events.is ? &t->events.time : &t->documents.time, out);
    if (t && !out->len) crm_table_say_files(s, l->table, out);
}
