/* classic_classes.c - the classes that occur in a fit, and the weights of their rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "classic_impl.h"

/* Of a class: sums of them over all rows, times C, stay far from what a number can hold. */
#define WEIGHT_MIN 1e-12
#define WEIGHT_MAX 1e12

static bool is_word(const crm_opt_list *w, const char *word)
{
    return w->n == 1 && strcmp(w->item[0], word) == 0;
}

/* "NAME:W" -> length of the name and W; the last colon counts, so that a name may have some. */
static crm_status read_item(const char *item, const char *key, size_t *name, double *weight)
{
    const char *colon = strrchr(item, ':');
    char *end = NULL;

    CRM_CHECK(colon && colon > item, CRM_ERR_CONFIG,
              "%s: '%s' is no weight of a class; give none, balanced, or a list of CLASS:WEIGHT",
              key, item);
    *weight = strtod(colon + 1, &end);
    CRM_CHECK(end > colon + 1 && !*end && *weight >= WEIGHT_MIN && *weight <= WEIGHT_MAX,
              CRM_ERR_CONFIG, "%s: '%s' has the weight '%s'; it must be a number from %g to %g",
              key, item, colon + 1, WEIGHT_MIN, WEIGHT_MAX);
    *name = (size_t)(colon - item);
    return CRM_OK;
}

static int find_class(const crm_target *t, const char *name, size_t len)
{
    for (int c = 0; c < t->n_classes; c++)
        if (strlen(t->class_name[c]) == len && memcmp(t->class_name[c], name, len) == 0) return c;
    return -1;
}

/* The class of an item, -1 without a target, and its weight. */
static crm_status read_weight(const char *item, const char *key, const crm_target *t, int *y,
                              double *weight)
{
    size_t len = 0;

    *y = -1;
    CRM_TRY(read_item(item, key, &len, weight));
    if (!t) return CRM_OK;
    *y = find_class(t, item, len);
    CRM_CHECK(*y >= 0, CRM_ERR_CONFIG, "%s: '%.*s' is no class of target '%s'; the first is '%s'",
              key, (int)len, item, t->name, t->class_name[0]);
    return CRM_OK;
}

crm_status classic_classes_check(const crm_opt_list *w, const char *key, const crm_target *t)
{
    double weight = 0;
    int y;

    if (is_word(w, "none") || is_word(w, "balanced")) return CRM_OK;
    for (int i = 0; i < w->n; i++)
        CRM_TRY(read_weight(w->item[i], key, t, &y, &weight));
    return CRM_OK;
}

static crm_status weigh_item(const char *item, const char *key, const crm_target *t,
                             classic_classes *c)
{
    double w = 0;
    int y;

    CRM_TRY(read_weight(item, key, t, &y, &w));
    if (c->slot[y] >= 0) c->weight[c->slot[y]] = w;
    return CRM_OK;
}

static crm_status weigh(const crm_opt_list *w, const char *key, const crm_target *t,
                        classic_classes *c)
{
    double n = 0;

    for (int i = 0; i < c->m; i++)
        n += (double)c->count[i];
    for (int i = 0; i < c->m; i++)
        c->weight[i] = is_word(w, "balanced") ? n / (c->m * (double)c->count[i]) : 1;
    if (!is_word(w, "none") && !is_word(w, "balanced"))
        for (int i = 0; i < w->n; i++)
            CRM_TRY(weigh_item(w->item[i], key, t, c));
    for (int i = 0; i < c->m; i++)
        c->total += c->weight[i] * (double)c->count[i];
    return CRM_OK;
}

static crm_status shape(classic_classes *c, int n_classes)
{
    *c = (classic_classes){.n_classes = n_classes};
    CRM_NEW(c->seen, n_classes);
    CRM_NEW(c->slot, n_classes);
    CRM_NEW(c->count, n_classes);
    CRM_NEW(c->weight, n_classes);
    for (int y = 0; y < n_classes; y++)
        c->slot[y] = -1;
    return CRM_OK;
}

/* count[] by class on entry, by slot at return. */
static void number(classic_classes *c)
{
    for (int y = 0; y < c->n_classes; y++) {
        if (!c->count[y]) continue;
        c->count[c->m] = c->count[y];
        c->seen[c->m] = y;
        c->slot[y] = c->m++;
    }
}

crm_status classic_classes_new(const crm_fit *fit, const crm_opt_list *weights, const char *key,
                               classic_classes *out)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    CRM_TRY(shape(out, t->n_classes));
    for (int64_t i = 0; i < fit->train->n; i++) {
        int32_t y = t->label[fit->train->row[i]];
        if (y >= 0) out->count[y]++;
    }
    number(out);
    CRM_CHECK(out->m > 0, CRM_ERR_FORMAT, "no training row has a label of target '%s'", t->name);
    return weigh(weights, key, t, out);
}

crm_status classic_classes_save(const classic_classes *c, crm_bag *b)
{
    return crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){c->m}, c->seen);
}

crm_status classic_classes_load(classic_classes *c, int n_classes, crm_bag *b)
{
    const crm_bag_array *seen;
    const int32_t *y;

    CRM_TRY(crm_bag_get(b, "class", CRM_I32, -1, &seen));
    CRM_CHECK(seen->n >= 1 && seen->n <= n_classes, CRM_ERR_FORMAT,
              "model file: fitted on %lld classes, the target has %d", (long long)seen->n,
              n_classes);
    CRM_TRY(shape(c, n_classes));
    y = seen->data;
    c->m = (int)seen->n;
    for (int i = 0; i < c->m; i++) {
        CRM_CHECK(y[i] >= 0 && y[i] < n_classes && (i == 0 || y[i] > y[i - 1]), CRM_ERR_FORMAT,
                  "model file: class %d is wrong; classes rise, below %d", y[i], n_classes);
        c->seen[i] = y[i];
        c->slot[y[i]] = i;
        c->weight[i] = 1;
    }
    return CRM_OK;
}

void classic_classes_free(classic_classes *c)
{
    crm_mem_free(c->seen);
    crm_mem_free(c->slot);
    crm_mem_free(c->count);
    crm_mem_free(c->weight);
    *c = (classic_classes){0};
}

void classic_spread(const classic_classes *c, double *proba)
{
    for (int i = c->n_classes - 1; i >= c->m; i--)
        proba[i] = 0;
    for (int i = c->m - 1; i >= 0; i--) {
        double p = proba[i];
        proba[i] = 0;
        proba[c->seen[i]] = p;
    }
}
