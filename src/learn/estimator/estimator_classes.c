/* estimator_classes.c - weights of classes as an option. */
#include "crmpi/estimator_classes.h"

#include <stdlib.h>
#include <string.h>

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

crm_status crm_class_weights_check(const crm_opt_list *w, const char *key, const crm_target *t)
{
    double weight = 0;
    int y;

    if (is_word(w, "none") || is_word(w, "balanced")) return CRM_OK;
    for (int i = 0; i < w->n; i++)
        CRM_TRY(read_weight(w->item[i], key, t, &y, &weight));
    return CRM_OK;
}

static void balance(int k, const int64_t *count, double *weight)
{
    double n = 0;
    int m = 0;

    for (int c = 0; c < k; c++) {
        n += (double)count[c];
        m += count[c] > 0;
    }
    for (int c = 0; c < k; c++)
        weight[c] = count[c] > 0 ? n / (m * (double)count[c]) : 0;
}

crm_status crm_class_weights(const crm_opt_list *w, const char *key, const crm_target *t,
                             const int64_t *count, double *weight)
{
    bool words = is_word(w, "none") || is_word(w, "balanced");
    double v = 0;
    int y = 0;

    for (int c = 0; c < t->n_classes; c++)
        weight[c] = count[c] > 0;
    if (is_word(w, "balanced")) balance(t->n_classes, count, weight);
    for (int i = 0; i < w->n && !words; i++) {
        CRM_TRY(read_weight(w->item[i], key, t, &y, &v));
        if (count[y] > 0) weight[y] = v;
    }
    return CRM_OK;
}
