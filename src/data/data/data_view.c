/* data_view.c - row lists, and the stratified split that an inner validation part is taken with. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_str.h"
#include "data_groups.h"

crm_status crm_view_new(const crm_data *d, int64_t n, crm_view **out)
{
    crm_view *v = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(v, 1);
    CRM_NEW_TO(st, fail, v->row, n);
    v->data = d;
    v->n = n;
    *out = v;
    return CRM_OK;
fail:
    crm_mem_free(v);
    return st;
}

void crm_view_free(crm_view **v)
{
    if (!*v) return;
    crm_mem_free((*v)->row);
    crm_mem_free(*v);
    *v = NULL;
}

crm_status crm_view_all(const crm_data *d, crm_view **out)
{
    CRM_TRY(crm_view_new(d, d->rows, out));
    for (int64_t i = 0; i < d->rows; i++)
        (*out)->row[i] = i;
    return CRM_OK;
}

crm_status crm_view_select(const crm_view *v, const uint8_t *keep, crm_view **out)
{
    int64_t n = 0;

    for (int64_t i = 0; i < v->n; i++)
        n += keep[i] != 0;
    CRM_TRY(crm_view_new(v->data, n, out));
    n = 0;
    for (int64_t i = 0; i < v->n; i++)
        if (keep[i]) (*out)->row[n++] = v->row[i];
    return CRM_OK;
}

/* Studies are about classes of customers, or of tokens. */
static bool learnable(const crm_target *t)
{
    return t->level != CRM_LEVEL_DOCUMENT && t->label;
}

static crm_status refuse(const crm_data *d, const crm_target *t)
{
    crm_str have = {0};
    crm_status st;

    for (int i = 0; i < d->n_targets; i++)
        if (learnable(&d->target[i]))
            crm_str_addf(&have, "%s%s", have.len ? ", " : "", d->target[i].name);
    CRM_SET(st, CRM_ERR_CONFIG,
            "eval.target: '%s' has %s for each %s; choose a target with a class for each customer: "
            "%s%s",
            t->name, t->label ? "a class" : "numbers", crm_level_names[t->level],
            have.len ? have.text : "this data set has none",
            t->label ? ", or learn from the documents by themselves: data.units=document" : "");
    crm_str_free(&have);
    return st;
}

/* Whether a row has a label, or one of its tokens. */
static bool labelled(const crm_data *d, const crm_target *t, int64_t row)
{
    const crm_documents *x = &d->documents;

    if (t->level == CRM_LEVEL_CUSTOMER) return t->label[row] >= 0;
    for (int64_t i = x->token_first[x->first[row]]; i < x->token_first[x->first[row + 1]]; i++)
        if (t->label[i] >= 0) return true;
    return false;
}

crm_status crm_view_labelled(const crm_data *d, int target, crm_view **out)
{
    const crm_target *t = &d->target[target];
    int64_t n = 0;

    *out = NULL;
    if (!learnable(t)) return refuse(d, t);
    for (int64_t i = 0; i < d->rows; i++)
        n += labelled(d, t, i);
    CRM_TRY(crm_view_new(d, n, out));
    n = 0;
    for (int64_t i = 0; i < d->rows; i++)
        if (labelled(d, t, i)) (*out)->row[n++] = i;
    return CRM_OK;
}

/* left[k]: rows of each class that are to be taken, round(fraction n_c). */
static void share(const crm_view *v, const int32_t *label, int k, double fraction, int64_t *left)
{
    for (int64_t i = 0; i < v->n; i++)
        left[label[v->row[i]]]++;
    for (int c = 0; c < k; c++) {
        int64_t n = left[c], take = (int64_t)(fraction * (double)n + 0.5);
        left[c] = n < 2 ? 0 : take < 1 ? 1 : take > n - 1 ? n - 1 : take;
    }
}

/* The first rows of each class, in a shuffled order, are taken. */
static void take_by_class(const crm_view *v, const int32_t *label, const int64_t *order,
                          int64_t *left, uint8_t *second)
{
    for (int64_t i = 0; i < v->n; i++)
        if (left[label[v->row[order[i]]]]-- > 0) second[order[i]] = 1;
}

/* As above, with the rows that stay together; the first row of a group that comes up decides. */
static crm_status take_groups(const crm_view *v, const int64_t *group, const int32_t *label,
                              const int64_t *order, int64_t *left, uint8_t *second)
{
    crm_groups g;
    int64_t rest = v->n;
    uint8_t *met = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(crm_groups_find(v, group, &g));
    CRM_NEW_TO(st, done, met, g.n);
    for (int64_t i = 0; i < v->n; i++) {
        int64_t k = g.of[order[i]];
        int64_t size = g.start[k + 1] - g.start[k];
        bool take = !met[k] && left[label[v->row[order[i]]]] > 0 && size < rest;
        met[k] = 1;
        rest -= take ? size : 0;
        for (int64_t j = g.start[k]; j < g.start[k + 1] && take; j++) {
            second[g.at[j]] = 1;
            left[label[v->row[g.at[j]]]]--;
        }
    }
done:
    crm_mem_free(met);
    crm_groups_free(&g);
    return st;
}

/* Rows with keep go into second, the others into first. */
static crm_status part(const crm_view *v, uint8_t *keep, crm_view **first, crm_view **second)
{
    CRM_TRY(crm_view_select(v, keep, second));
    for (int64_t i = 0; i < v->n; i++)
        keep[i] = !keep[i];
    return crm_view_select(v, keep, first);
}

crm_status crm_view_split(const crm_view *v, const int64_t *group, int target, double fraction,
                          uint64_t seed, crm_view **first, crm_view **second)
{
    const crm_target *t = &v->data->target[target];
    int64_t *order = NULL, *left = NULL;
    uint8_t *keep = NULL;
    crm_status st = CRM_OK;

    *first = *second = NULL;
    CRM_NEW_TO(st, done, order, v->n);
    CRM_NEW_TO(st, done, left, t->n_classes);
    CRM_NEW_TO(st, done, keep, v->n);
    crm_rng_permute(seed, CRM_RNG_INNER, 0, v->n, order);
    share(v, t->label, t->n_classes, fraction, left);
    if (group || v->data->group_number)
        CRM_TRY_TO(st, done, take_groups(v, group, t->label, order, left, keep));
    else
        take_by_class(v, t->label, order, left, keep);
    st = part(v, keep, first, second);
done:
    crm_mem_free(order);
    crm_mem_free(left);
    crm_mem_free(keep);
    return st;
}

/* Draws below it are taken: at least the least of them, but not the largest. */
static double bound_of(const double *draw, int64_t n, double fraction)
{
    double least = 1, most = 0;

    for (int64_t i = 0; i < n; i++) {
        if (draw[i] < least) least = draw[i];
        if (draw[i] > most) most = draw[i];
    }
    if (least >= most) return 0; /* one group */
    if (least >= fraction) return nextafter(least, 1);
    return most < fraction ? most : fraction;
}

crm_status crm_view_draw(const crm_view *v, const int64_t *group, double fraction, uint64_t seed,
                         crm_view **first, crm_view **second)
{
    crm_groups g;
    double *draw = NULL, bound;
    uint8_t *keep = NULL;
    crm_status st = CRM_OK;

    *first = *second = NULL;
    CRM_TRY(crm_groups_find(v, group, &g));
    CRM_NEW_TO(st, done, draw, v->n);
    CRM_NEW_TO(st, done, keep, v->n);
    for (int64_t i = 0; i < v->n; i++) {
        int64_t at = g.n ? g.at[g.start[g.of[i]]] : i; /* the first row of its group */
        crm_rng r = crm_rng_at(seed, CRM_RNG_INNER, 0, (uint64_t)v->row[at]);
        draw[i] = crm_rng_uniform(&r);
    }
    bound = bound_of(draw, v->n, fraction);
    for (int64_t i = 0; i < v->n; i++)
        keep[i] = draw[i] < bound;
    st = part(v, keep, first, second);
done:
    crm_mem_free(draw);
    crm_mem_free(keep);
    crm_groups_free(&g);
    return st;
}
