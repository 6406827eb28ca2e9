/* classic_classes.c - the classes that occur in a fit, and the weights of their rows. */
#include "classic_impl.h"

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

/* count[] and weight[] by class on entry, by slot at return. */
static void number(classic_classes *c)
{
    for (int y = 0; y < c->n_classes; y++) {
        if (!c->count[y]) continue;
        c->count[c->m] = c->count[y];
        c->weight[c->m] = c->weight[y];
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
    CRM_TRY(crm_class_weights(weights, key, t, out->count, out->weight));
    number(out);
    CRM_CHECK(out->m > 0, CRM_ERR_FORMAT, "no training row has a label of target '%s'", t->name);
    for (int i = 0; i < out->m; i++)
        out->total += out->weight[i] * (double)out->count[i];
    return CRM_OK;
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
