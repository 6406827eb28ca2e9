/* data_keep_missing.c - shares of missing values of the data dictionary, counted anew over the rows
 * that stay. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "data_keep_impl.h"

/* Values of a row of the dictionary: elements [at, at + inner) of each unit's stride elements. */
typedef struct column {
    const float *num;
    const int32_t *code;
    axis axis;
    int64_t stride, at, inner;
} column;

static int index_of(const char *const *name, int64_t n, const char *want)
{
    for (int i = 0; i < n; i++)
        if (strcmp(name[i], want) == 0) return i;
    return -1;
}

static bool has_row(const crm_data *d, const char *block, const char *name)
{
    const crm_dictionary *x = &d->dictionary;

    for (int i = 0; i < x->n; i++)
        if (strcmp(x->block[i], block) == 0 && strcmp(x->name[i], name) == 0) return true;
    return false;
}

static bool find_profile(const crm_data *d, const char *name, column *c)
{
    int k = index_of(d->profile.num_name, d->profile.n_num, name);

    *c = (column){.num = d->num, .axis = ROW, .stride = d->profile.n_num, .at = k, .inner = 1};
    if (k >= 0) return true;
    k = index_of(d->profile.cat_name, d->profile.n_cat, name);
    *c = (column){.code = d->cat, .axis = ROW, .stride = d->profile.n_cat, .at = k, .inner = 1};
    return k >= 0;
}

static bool find_monthly(const crm_data *d, const char *name, column *c)
{
    const crm_monthly *m = &d->monthly;
    int64_t n;
    const char *const *channel = crm_store_list(d->store, "monthly/value", "channels", &n);
    int k = channel ? index_of(channel, n, name) : -1;

    *c = (column){.num = m->value,
                  .axis = ROW,
                  .stride = m->channels * m->months,
                  .at = k * m->months,
                  .inner = m->months};
    return k >= 0;
}

static bool find_target(const crm_data *d, const char *name, column *c)
{
    for (int i = 0; i < d->n_targets; i++) {
        const crm_target *t = &d->target[i];
        bool rows = t->level == CRM_LEVEL_CUSTOMER;
        if (strcmp(t->name, name) != 0 || (!rows && t->level != CRM_LEVEL_DOCUMENT)) continue;
        *c = (column){.num = t->label ? NULL : t->value,
                      .code = t->label,
                      .axis = rows ? ROW : DOCUMENT,
                      .stride = t->label ? 1 : t->width,
                      .inner = t->label ? 1 : t->width};
        return true;
    }
    return false;
}

/* Of one table: those of several, whose names begin with the table's, cannot be told apart. */
static bool find_events(const crm_data *d, const char *name, column *c)
{
    const crm_events *e = &d->events;
    int k = index_of(e->number_name, e->numbers, name);

    if (!has_row(d, "events", "time")) return false;
    *c = (column){.code = e->category, .axis = EVENT, .stride = 1, .inner = 1};
    if (strcmp(name, "category") == 0) return e->category != NULL;
    *c = (column){.num = e->value, .axis = EVENT, .stride = e->numbers, .at = k, .inner = 1};
    return k >= 0;
}

static bool find_documents(const crm_data *d, const char *name, column *c)
{
    *c = (column){.code = d->documents.kind, .axis = DOCUMENT, .stride = 1, .inner = 1};
    return strcmp(name, "kind") == 0 && d->documents.kind;
}

/* Where the values of a row stand; false: they are not known one by one. */
static bool find_column(const crm_data *d, const char *block, const char *name, column *c)
{
    if (strcmp(block, "profile") == 0) return find_profile(d, name, c);
    if (strcmp(block, "monthly") == 0) return find_monthly(d, name, c);
    if (strcmp(block, "target") == 0) return find_target(d, name, c);
    if (strcmp(block, "events") == 0) return find_events(d, name, c);
    if (strcmp(block, "documents") == 0) return find_documents(d, name, c);
    *c = (column){.num = strcmp(name, "after") == 0 ? d->survey_after : d->survey_before,
                  .axis = ROW,
                  .stride = 1,
                  .inner = 1};
    return strcmp(block, "survey") == 0 && c->num && strcmp(name, "treated") != 0;
}

/* Missing values of this rank's part of the units that stay. */
static int64_t count(const job *j, const column *c)
{
    int64_t first, end, missing = 0;

    crm_tree_range(j->to[c->axis][j->n_runs], crm_comm_rank(j->comm), crm_comm_size(j->comm),
                   &first, &end);
    for (int64_t i = first, k = end > first ? crm_keep_run(j, c->axis, first) : 0; i < end; i++) {
        int64_t unit;
        while (i >= j->to[c->axis][k + 1])
            k++;
        unit = (j->from[c->axis][k] + i - j->to[c->axis][k]) * c->stride + c->at;
        for (int64_t v = unit; v < unit + c->inner; v++)
            missing += c->num ? isnan(c->num[v]) : c->code[v] < 0;
    }
    return missing;
}

static crm_status make(job *j, int64_t **counted)
{
    CRM_NEW(*counted, j->d->dictionary.n);
    CRM_NEW(j->missing, j->d->dictionary.n);
    return CRM_OK;
}

crm_status crm_keep_missing(job *j)
{
    const crm_dictionary *x = &j->d->dictionary;
    int64_t *counted = NULL;
    column c;
    crm_status st;

    if (x->n == 0) return CRM_OK;
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, make(j, &counted)));
    for (int i = 0; i < x->n; i++)
        if (!isnan(x->missing[i]) && find_column(j->d, x->block[i], x->name[i], &c))
            counted[i] = count(j, &c);
    CRM_TRY_TO(st, done, crm_comm_sum_i64(j->comm, counted, x->n));
    for (int i = 0; i < x->n; i++) {
        bool known = !isnan(x->missing[i]) && find_column(j->d, x->block[i], x->name[i], &c);
        int64_t all = known ? j->to[c.axis][j->n_runs] * c.inner : 0;
        /* 0 of what cannot be counted stays 0; another share is not known any more */
        if (known)
            j->missing[i] = all ? (float)((double)counted[i] / (double)all) : NAN;
        else
            j->missing[i] = x->missing[i] == 0 ? 0 : NAN;
    }
done:
    crm_mem_free(counted);
    return st;
}
