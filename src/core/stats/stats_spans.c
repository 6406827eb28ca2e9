/* stats_spans.c - spans of BIO tags and their precision, recall and F1. */
#include "crmpi/stats_spans.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static int type_number(const char *name, const char **type, int *n_types)
{
    int i = 0;

    while (i < *n_types && strcmp(type[i], name) != 0)
        i++;
    if (i == *n_types) type[(*n_types)++] = name;
    return i;
}

crm_status crm_bio_read(int k, const char *const *name, crm_bio *bio, const char **type,
                        int *n_types)
{
    *n_types = 0;
    for (int i = 0; i < k; i++) {
        bio[i] = (crm_bio){.mark = 'O', .type = -1};
        if (strcmp(name[i], "O") == 0) continue;
        CRM_CHECK((name[i][0] == 'B' || name[i][0] == 'I') && name[i][1] == '-' && name[i][2],
                  CRM_ERR_CONFIG, "class '%s' is no tag of a span; allowed: O, B-TYPE, I-TYPE",
                  name[i]);
        bio[i].mark = name[i][0];
        bio[i].type = (int16_t)type_number(name[i] + 2, type, n_types);
        CRM_CHECK(*n_types <= CRM_BIO_TYPES_MAX, CRM_ERR_CONFIG,
                  "more than %d types of spans in the tags", CRM_BIO_TYPES_MAX);
    }
    return CRM_OK;
}

static bool ends(crm_bio before, crm_bio now)
{
    return before.mark != 'O' && (now.mark != 'I' || before.type != now.type);
}

static bool begins(crm_bio before, crm_bio now)
{
    return now.mark != 'O' && (now.mark == 'B' || before.mark == 'O' || before.type != now.type);
}

void crm_stats_spans(int64_t n, const crm_bio *bio, const int32_t *gold, const int32_t *found,
                     crm_span_counts *counts)
{
    const crm_bio none = {.mark = 'O', .type = -1};
    crm_bio g0 = none, f0 = none;
    bool same = false; /* inside of a span that began on both sides */

    for (int64_t i = 0; i <= n; i++) {
        bool out = i == n || gold[i] < 0;
        crm_bio g = out ? none : bio[gold[i]], f = out ? none : bio[found[i]];
        bool ends_g = ends(g0, g), ends_f = ends(f0, f);
        if (same && ends_g && ends_f) counts[g0.type].right++;
        if (same && (ends_g || ends_f)) same = false;
        bool begins_g = begins(g0, g), begins_f = begins(f0, f);
        if (begins_g) counts[g.type].gold++;
        if (begins_f) counts[f.type].found++;
        if (begins_g && begins_f && g.type == f.type) same = true;
        g0 = g;
        f0 = f;
    }
}

void crm_stats_span_confusion(int64_t n, const crm_bio *bio, const int32_t *gold,
                              const int32_t *found, int n_types, int64_t *count)
{
    const crm_bio none = {.mark = 'O', .type = -1};
    const int64_t width = n_types + 1;
    int64_t g_from = -1, f_from = -1; /* first tokens of the spans that are open */
    crm_bio g0 = none, f0 = none;

    for (int64_t i = 0; i <= n; i++) {
        bool out = i == n || gold[i] < 0;
        crm_bio g = out ? none : bio[gold[i]], f = out ? none : bio[found[i]];
        bool ends_g = ends(g0, g), ends_f = ends(f0, f);
        if (ends_g && ends_f && g_from == f_from) {
            count[g0.type * width + f0.type]++;
        } else {
            if (ends_g) count[g0.type * width + n_types]++;
            if (ends_f) count[n_types * width + f0.type]++;
        }
        if (begins(g0, g)) g_from = i;
        if (begins(f0, f)) f_from = i;
        g0 = g;
        f0 = f;
    }
}

crm_span_counts crm_spans_of_confusion(int n_types, const int64_t *count, int type)
{
    const int64_t width = n_types + 1;
    crm_span_counts c = {0, 0, 0};

    for (int64_t a = 0; a < n_types; a++) {
        if (type != n_types && type != a) continue;
        for (int64_t b = 0; b < width; b++) {
            c.gold += count[a * width + b];
            c.found += count[b * width + a];
        }
        c.right += count[a * width + a];
    }
    return c;
}

crm_span_counts crm_spans_total(int n_types, const crm_span_counts *counts)
{
    crm_span_counts all = {0, 0, 0};

    for (int i = 0; i < n_types; i++) {
        all.gold += counts[i].gold;
        all.found += counts[i].found;
        all.right += counts[i].right;
    }
    return all;
}

static double share(int64_t part, int64_t of)
{
    return of > 0 ? (double)part / (double)of : 0;
}

double crm_spans_precision(crm_span_counts c)
{
    return share(c.right, c.found);
}

double crm_spans_recall(crm_span_counts c)
{
    return share(c.right, c.gold);
}

double crm_spans_f1(crm_span_counts c)
{
    return share(2 * c.right, c.found + c.gold);
}

/* ---- over sequences ---- */

void crm_span_tally_add(crm_span_tally *t, crm_span_counts c)
{
    int64_t h = c.gold + c.found;

    t->r += c.right;
    t->h += h;
    t->rr += c.right * c.right;
    t->rh += c.right * h;
    t->hh += h * h;
}

double crm_span_tally_f1(const crm_span_tally *t)
{
    return t->h > 0 ? 2 * (double)t->r / (double)t->h : 0;
}

double crm_span_tally_error(const crm_span_tally *t)
{
    double f1 = crm_span_tally_f1(t);
    double squares = 4 * (double)t->rr - 4 * f1 * (double)t->rh + f1 * f1 * (double)t->hh;

    return t->h > 0 && squares > 0 ? sqrt(squares) / (double)t->h : 0;
}
