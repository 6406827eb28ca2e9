/* app_describe.c - what a description of a data set looks like: on the terminal, and as
 * describe.json. */
#include "app_describe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/record_json.h"

enum { SHOWN = 12, STRONGEST = 10, DRIFTED = 30, NAME_WIDTH = 28 };

/* ---- terminal ---- */
static const char *level_name(const crm_described *c, int64_t code, char text[32])
{
    if (c->level_name) return c->level_name[code];
    snprintf(text, 32, "%lld", (long long)code);
    return text;
}

static void print_numeric(const crm_described *c)
{
    const crm_figures *f = &c->f;

    printf("  %-10s %-*s %10lld %9lld %9lld", c->block, NAME_WIDTH, c->name, (long long)f->n,
           (long long)f->missing, (long long)f->distinct);
    if (f->n == 0) {
        printf("\n");
        return;
    }
    printf(" %11.5g %11.5g %11.5g", f->mean, f->sd, f->min);
    for (int i = 0; i < CRM_DESCRIBE_QUANTILES; i++)
        printf(" %11.5g", f->quantile[i]);
    printf(" %11.5g\n", f->max);
}

static void print_levels(const crm_described *c)
{
    const crm_figures *f = &c->f;
    char text[32];

    printf("  %-10s %-*s %10lld %9lld %9lld ", c->block, NAME_WIDTH, c->name, (long long)f->n,
           (long long)f->missing, (long long)f->distinct);
    for (int64_t k = 0; k < f->n_top; k++)
        printf("%s%s %.1f %%", k ? ", " : " ", level_name(c, f->top[k], text),
               100 * (double)f->top_n[k] / (double)f->n);
    printf("%s\n", f->distinct == f->n_top ? "" : f->n_top ? ", ..." : " ...");
}

static void print_columns(const crm_description *x)
{
    bool any[2] = {false, false};

    for (int c = 0; c < x->n; c++)
        any[x->column[c].numeric] = true;
    if (any[1])
        printf(
            "\nnumbers\n  %-10s %-*s %10s %9s %9s %11s %11s %11s %11s %11s %11s %11s %11s %11s\n",
            "block", NAME_WIDTH, "column", "values", "missing", "distinct", "mean", "sd", "min",
            "5 %", "25 %", "50 %", "75 %", "95 %", "max");
    for (int c = 0; c < x->n; c++)
        if (x->column[c].numeric) print_numeric(&x->column[c]);
    if (any[0])
        printf("\ncategories and classes\n  %-10s %-*s %10s %9s %9s  %s\n", "block", NAME_WIDTH,
               "column", "values", "missing", "distinct", "most frequent");
    for (int c = 0; c < x->n; c++)
        if (!x->column[c].numeric) print_levels(&x->column[c]);
}

typedef struct pair {
    int i, j;
    double v;
} pair;

static int by_strength(const void *a, const void *b)
{
    const pair *x = a, *y = b;

    if (fabs(x->v) != fabs(y->v)) return fabs(x->v) > fabs(y->v) ? -1 : 1;
    return x->i != y->i ? (x->i > y->i) - (x->i < y->i) : (x->j > y->j) - (x->j < y->j);
}

static crm_status print_strongest(const crm_description *x, const char *title, int n,
                                  const int *column, const double *m)
{
    int count = 0;
    pair *p;

    CRM_NEW(p, (int64_t)n * n);
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (!isnan(m[(int64_t)i * n + j])) p[count++] = (pair){i, j, m[(int64_t)i * n + j]};
    qsort(p, (size_t)count, sizeof *p, by_strength);
    if (count) printf("\n%s, the strongest of %d pairs\n", title, count);
    for (int k = 0; k < count && k < STRONGEST; k++)
        printf("  %7.4f  %s, %s\n", p[k].v, x->column[column[p[k].i]].name,
               x->column[column[p[k].j]].name);
    crm_mem_free(p);
    return CRM_OK;
}

/* The first columns of a matrix: below the diagonal. */
static void print_matrix(const crm_description *x, const char *title, int n, const int *column,
                         const double *m)
{
    int shown = n < SHOWN ? n : SHOWN;

    if (n < 2) return;
    printf("\n%s", title);
    if (shown < n) printf(", the first %d of %d columns", shown, n);
    printf("\n");
    for (int i = 0; i < shown; i++) {
        printf("  %2d %-*.*s", i + 1, NAME_WIDTH, NAME_WIDTH, x->column[column[i]].name);
        for (int j = 0; j < i; j++)
            printf(" %6.3f", m[(int64_t)i * n + j]);
        printf(" %6d\n", i + 1);
    }
}

static crm_status print_relations(const crm_description *x)
{
    print_matrix(x, "Pearson's correlation", x->n_num, x->num, x->pearson);
    CRM_TRY(print_strongest(x, "Spearman's correlation", x->n_num, x->num, x->spearman));
    print_matrix(x, "Cramer's V less its bias", x->n_cat, x->cat, x->corrected);
    return print_strongest(x, "Cramer's V less its bias", x->n_cat, x->cat, x->corrected);
}

static double largest(const double *v)
{
    double m = NAN;

    for (int k = 1; k < CRM_DESCRIBE_PARTS; k++)
        m = fmax(m, v[k]); /* fmax passes over NaN */
    return m;
}

/* Smallest p of the parts, times their number (Bonferroni). */
static double smallest_p(const double *p, int parts)
{
    double m = NAN;

    for (int k = 1; k < CRM_DESCRIBE_PARTS; k++)
        m = fmin(m, p[k]);
    return fmin(1, m * (parts - 1));
}

static void print_drifted(const crm_description *x, const crm_described *d)
{
    printf("  %-10s %-*s %11.4f %11.4f %11.2g", d->block, NAME_WIDTH, d->name, largest(d->f.psi),
           d->f.psi[x->parts - 1], smallest_p(d->f.psi_p, x->parts));
    if (d->numeric) printf(" %11.4f", largest(d->f.ks));
    printf("\n");
}

static void print_parts(const crm_description *x)
{
    printf(
        "\ndrift: events and documents in %d parts of %.4g days each, in the order of their times\n"
        "  %-26s %10s %10s %10s\n",
        x->parts, x->days, "days before the end", "events", "documents", "rows");
    for (int k = 0; k < x->parts; k++)
        printf("  %10.5g to %-12.5g %10lld %10lld %10lld\n", x->ends + x->days * (x->parts - k),
               x->ends + x->days * (x->parts - k - 1), (long long)x->part_events[k],
               (long long)x->part_documents[k], (long long)x->part_rows[k]);
}

static void print_drift_head(const crm_description *x)
{
    if (x->drift == CRM_DRIFT_TIME)
        print_parts(x);
    else
        printf("\ndrift: tenths of the rows in the order of %s\n",
               x->drift == CRM_DRIFT_CUTOFF
                   ? "their cut-offs"
                   : "the data set, which has no times: of time only if it was written so");
    printf("  each part against the first\n  %-10s %-*s %11s %11s %11s %11s\n", "block", NAME_WIDTH,
           "column", "largest PSI", "last PSI", "p", "largest KS");
}

/* The columns with the largest PSI. */
static crm_status print_drift(const crm_description *x)
{
    int n = 0;
    pair *p;

    if (!x->drift) {
        printf(
            "\ndrift: not looked for, fewer than %d rows, or than %d events and documents over two "
            "months\n",
            CRM_DESCRIBE_ROWS, CRM_DESCRIBE_ROWS);
        return CRM_OK;
    }
    CRM_NEW(p, x->n);
    for (int c = 0; c < x->n; c++)
        if (x->column[c].drifts && !isnan(largest(x->column[c].f.psi)))
            p[n++] = (pair){c, 0, largest(x->column[c].f.psi)};
    qsort(p, (size_t)n, sizeof *p, by_strength);
    print_drift_head(x);
    for (int k = 0; k < n && k < DRIFTED; k++)
        print_drifted(x, &x->column[p[k].i]);
    if (n > DRIFTED) printf("  and %d columns with less; --out stores all\n", n - DRIFTED);
    crm_mem_free(p);
    return CRM_OK;
}

static void print_dictionary(const crm_dictionary *d)
{
    if (!d) return;
    printf("\ndata dictionary\n");
    for (int i = 0; i < d->n; i++) {
        const char *const part[] = {d->type[i], d->unit[i], d->meaning[i], d->source[i],
                                    d->cleaning[i]};
        printf("  %-10s %-*s", d->block[i], NAME_WIDTH, d->name[i]);
        for (size_t k = 0; k < sizeof part / sizeof *part; k++)
            if (part[k][0]) printf("%s%s", k ? "; " : " ", part[k]);
        if (d->missing[i] > 0) printf("; %.3g %% missing", 100 * (double)d->missing[i]);
        printf("\n");
    }
}

crm_status app_print_description(const crm_data *d, const crm_description *x)
{
    print_columns(x);
    CRM_TRY(print_relations(x));
    CRM_TRY(print_drift(x));
    print_dictionary(crm_data_dictionary(d));
    return CRM_OK;
}

/* ---- JSON ---- */
static void json_figures(crm_json *j, const crm_described *c)
{
    const crm_figures *f = &c->f;
    char text[32];

    crm_json_int(j, "values", f->n);
    crm_json_int(j, "missing", f->missing);
    crm_json_int(j, "distinct", f->distinct);
    if (c->numeric) {
        crm_json_real(j, "mean", f->mean);
        crm_json_real(j, "sd", f->sd);
        crm_json_real(j, "min", f->min);
        crm_json_reals(j, "quantiles", CRM_DESCRIBE_QUANTILES, f->quantile);
        crm_json_real(j, "max", f->max);
        return;
    }
    crm_json_list(j, "top");
    for (int64_t k = 0; k < f->n_top; k++) {
        crm_json_object(j, NULL);
        crm_json_text(j, "level", level_name(c, f->top[k], text));
        crm_json_int(j, "rows", f->top_n[k]);
        crm_json_end(j);
    }
    crm_json_end(j);
}

static void json_columns(crm_json *j, const crm_description *x)
{
    crm_json_reals(j, "quantiles_at", CRM_DESCRIBE_QUANTILES, crm_describe_p);
    crm_json_list(j, "columns");
    for (int c = 0; c < x->n; c++) {
        const crm_described *d = &x->column[c];
        crm_json_object(j, NULL);
        crm_json_text(j, "block", d->block);
        crm_json_text(j, "name", d->name);
        crm_json_text(j, "kind", d->numeric ? "number" : "category");
        json_figures(j, d);
        crm_json_end(j);
    }
    crm_json_end(j);
}

static void json_matrix(crm_json *j, const char *key, int n, const double *m)
{
    crm_json_list(j, key);
    for (int i = 0; i < n; i++)
        crm_json_reals(j, NULL, n, m + (int64_t)i * n);
    crm_json_end(j);
}

static void json_names(crm_json *j, const crm_description *x, int n, const int *column)
{
    crm_json_list(j, "columns");
    for (int i = 0; i < n; i++)
        crm_json_text(j, NULL, x->column[column[i]].name);
    crm_json_end(j);
}

static void json_relations(crm_json *j, const crm_description *x)
{
    crm_json_object(j, "correlation");
    json_names(j, x, x->n_num, x->num);
    json_matrix(j, "pearson", x->n_num, x->pearson);
    json_matrix(j, "spearman", x->n_num, x->spearman);
    crm_json_end(j);
    crm_json_object(j, "association");
    json_names(j, x, x->n_cat, x->cat);
    json_matrix(j, "cramers_v", x->n_cat, x->cramer);
    json_matrix(j, "cramers_v_corrected", x->n_cat, x->corrected);
    crm_json_end(j);
}

static void json_counts(crm_json *j, const char *key, int n, const int64_t *count)
{
    crm_json_list(j, key);
    for (int i = 0; i < n; i++)
        crm_json_int(j, NULL, count[i]);
    crm_json_end(j);
}

static void json_parts(crm_json *j, const crm_description *x)
{
    if (x->drift != CRM_DRIFT_TIME) return;
    crm_json_real(j, "days", x->days);
    crm_json_real(j, "ends", x->ends);
    json_counts(j, "events", x->parts, x->part_events);
    json_counts(j, "documents", x->parts, x->part_documents);
    json_counts(j, "rows", x->parts, x->part_rows);
}

static void json_drifted(crm_json *j, const crm_described *d, int parts)
{
    crm_json_object(j, NULL);
    crm_json_text(j, "block", d->block);
    crm_json_text(j, "name", d->name);
    crm_json_reals(j, "psi", parts - 1, d->f.psi + 1);
    crm_json_reals(j, "psi_p", parts - 1, d->f.psi_p + 1);
    if (d->numeric) crm_json_reals(j, "ks", parts - 1, d->f.ks + 1);
    crm_json_end(j);
}

static void json_drift(crm_json *j, const crm_description *x)
{
    static const char *const order[] = {"", "row", "cutoff", "time"};

    if (!x->drift) return;
    crm_json_object(j, "drift");
    crm_json_text(j, "order", order[x->drift]);
    crm_json_int(j, "parts", x->parts);
    json_parts(j, x);
    crm_json_list(j, "columns");
    for (int c = 0; c < x->n; c++)
        if (x->column[c].drifts) json_drifted(j, &x->column[c], x->parts);
    crm_json_end(j);
    crm_json_end(j);
}

static void json_blocks(crm_json *j, const crm_data *d)
{
    const crm_monthly *m = crm_data_monthly(d);
    const crm_events *e = crm_data_events(d);
    const crm_documents *t = crm_data_documents(d);

    crm_json_object(j, "blocks");
    crm_json_int(j, "channels", m ? m->channels : 0);
    crm_json_int(j, "months", m ? m->months : 0);
    crm_json_int(j, "events", e ? e->n : 0);
    crm_json_int(j, "documents", t ? t->n : 0);
    crm_json_int(j, "tokens", t ? t->n_tokens : 0);
    crm_json_int(j, "words", t ? t->n_words : 0);
    crm_json_end(j);
}

/* All classes of all targets, in the order of their codes. */
static crm_status json_targets(crm_json *j, const crm_data *d)
{
    crm_json_list(j, "targets");
    for (int i = 0; i < crm_data_n_targets(d); i++) {
        const crm_target *t = crm_data_target(d, i);
        int64_t units = crm_data_units(d, t->level);
        int64_t *count;

        if (!t->label) continue;
        CRM_NEW(count, t->n_classes + 1);
        for (int64_t u = 0; u < units; u++)
            count[t->label[u] >= 0 ? t->label[u] : t->n_classes]++;
        crm_json_object(j, NULL);
        crm_json_text(j, "name", t->name);
        crm_json_text(j, "level", crm_level_names[t->level]);
        crm_json_int(j, "missing", count[t->n_classes]);
        crm_json_list(j, "classes");
        for (int c = 0; c < t->n_classes; c++) {
            crm_json_object(j, NULL);
            crm_json_text(j, "name", t->class_name[c]);
            crm_json_int(j, "units", count[c]);
            crm_json_end(j);
        }
        crm_json_end(j);
        crm_json_end(j);
        crm_mem_free(count);
    }
    crm_json_end(j);
    return CRM_OK;
}

static void json_dictionary(crm_json *j, const crm_dictionary *d)
{
    if (!d) return;
    crm_json_list(j, "dictionary");
    for (int i = 0; i < d->n; i++) {
        crm_json_object(j, NULL);
        crm_json_text(j, "block", d->block[i]);
        crm_json_text(j, "name", d->name[i]);
        crm_json_text(j, "type", d->type[i]);
        crm_json_text(j, "unit", d->unit[i]);
        crm_json_text(j, "meaning", d->meaning[i]);
        crm_json_text(j, "source", d->source[i]);
        crm_json_text(j, "cleaning", d->cleaning[i]);
        crm_json_real(j, "missing", (double)d->missing[i]);
        crm_json_end(j);
    }
    crm_json_end(j);
}

crm_status app_json_description(const crm_data *d, const crm_description *x, crm_str *out)
{
    char hex[CRM_DIGEST_HEX];
    crm_json *j;
    crm_status st;

    CRM_TRY(crm_json_new(&j));
    crm_json_int(j, "format", 1);
    crm_json_text(j, "data", crm_digest_hex(crm_data_digest(d), hex));
    crm_json_int(j, "rows", crm_data_rows(d));
    json_blocks(j, d);
    json_columns(j, x);
    json_relations(j, x);
    st = json_targets(j, d);
    json_drift(j, x);
    json_dictionary(j, crm_data_dictionary(d));
    if (!st) st = crm_json_print(j, out);
    crm_json_free(&j);
    return st;
}
