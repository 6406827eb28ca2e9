/* table_ahead.c - dates of the profile that lie at or behind the cut-off.
 *
 * Whoever stood at the cut-off did not know them, and that they are there would tell what came:
 * they are taken as missing, and so is what is derived from them and what cleaning says of them.
 * Not so dates that a schema says were known ahead, and the cut-off itself. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_clean.h"
#include "table_relate.h"

static bool same_path(const crm_path *a, const crm_path *b)
{
    return a->table == b->table && a->column == b->column && a->n_hops == b->n_hops &&
           memcmp(a->hop, b->hop, (size_t)a->n_hops * sizeof *a->hop) == 0;
}

/* Whether dates of a path are judged. */
static bool is_judged(const crm_table_schema *s, const crm_path *p)
{
    const crm_field *c = &s->table[p->table].column[p->column];

    return c->type == CRM_FIELD_TIME && !c->ahead && !same_path(p, &s->cutoff);
}

/* The default cut-off is known only when all tables are read. */
static bool has_cutoff(const crm_table_schema *s)
{
    return s->cutoff.column >= 0 || s->cutoff_at != INT64_MAX;
}

/* from[c]: column p->column is column c, or made of it; columns are made of those before them. */
static crm_status find_sources(const crm_table_schema *s, const crm_path *p, bool **from)
{
    const crm_table_def *t = &s->table[p->table];

    CRM_NEW(*from, t->n);
    (*from)[p->column] = true;
    for (int c = p->column; c >= 0; c--)
        for (int k = 0; k < 2 && (*from)[c]; k++)
            if (t->column[c].from[k] >= 0) (*from)[t->column[c].from[k]] = true;
    return CRM_OK;
}

static void judge_items(const table_set *x, const int64_t *time, const uint8_t *filled,
                        bool is_itself, uint8_t *item)
{
    for (int64_t i = 0; i < x->e.route.n_in; i++) {
        int64_t end = x->cutoff ? x->cutoff[x->e.entity[i]] : x->schema->cutoff_at;
        if (filled && filled[i]) {
            /* what is made of a filled date is as what is made of a late one */
            if (!is_itself && !item[i]) item[i] = TABLE_AHEAD_FILLED;
        } else if (time[i] != CRM_WHOLE_MISSING && end != CRM_WHOLE_MISSING && time[i] >= end) {
            item[i] = TABLE_AHEAD_LATE;
        }
    }
}

/* item [route.n_in]: the date at p lies at or behind the cut-off of the row's entity.  Collective.
 */
static crm_status judge(table_world *w, const table_set *x, const crm_path *p, bool is_itself,
                        uint8_t *item)
{
    table_values v = {0};
    void *time = NULL, *filled = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(w, x->schema->entity, p, &v));
    CRM_TRY_TO(st, done, crm_table_route_items(&x->e.route, v.whole, sizeof *v.whole, &time));
    if (v.filled) CRM_TRY_TO(st, done, crm_table_route_items(&x->e.route, v.filled, 1, &filled));
    judge_items(x, time, filled, is_itself, item);
done:
    crm_mem_free(time);
    crm_mem_free(filled);
    crm_table_values_free(&v);
    return st;
}

static crm_status judge_all(table_world *w, const table_set *x, const crm_path *p, const bool *from,
                            uint8_t **item)
{
    const crm_table_schema *s = x->schema;
    crm_status st = CRM_OK;

    for (int c = 0; c < s->table[p->table].n; c++) {
        crm_path source = *p;
        source.column = c;
        if (!from[c] || !is_judged(s, &source)) continue;
        if (!*item) {
            *item = crm_mem_new((size_t)x->e.route.n_in, 1);
            if (!*item) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: dates of the profile");
            CRM_TRY(crm_comm_agree(w->comm, st));
        }
        CRM_TRY(judge(w, x, &source, c == p->column, *item));
    }
    return CRM_OK;
}

crm_status crm_table_ahead(table_world *w, const table_set *x, const crm_path *p, uint8_t **item)
{
    bool *from = NULL;
    crm_status st;

    *item = NULL;
    if (!has_cutoff(x->schema)) return CRM_OK;
    st = crm_comm_agree(w->comm, find_sources(x->schema, p, &from));
    if (!st) st = judge_all(w, x, p, from, item);
    crm_mem_free(from);
    return st;
}

crm_status crm_table_ahead_use(const table_set *x, const uint8_t *use, const uint8_t *item,
                               uint8_t **out, int64_t *late)
{
    *out = NULL;
    if (!item) return CRM_OK;
    CRM_NEW(*out, x->e.route.n_in);
    for (int64_t i = 0; i < x->e.route.n_in; i++) {
        bool counts = !use || use[i];
        (*out)[i] = counts && !item[i];
        if (late) *late += counts && item[i] == TABLE_AHEAD_LATE;
    }
    return CRM_OK;
}

/* What a column holds where its value is missing. */
static crm_status missing_value(const table_set *x, const table_column *c, int64_t *out)
{
    const crm_path *p = &c->about;
    const crm_field *f = &x->schema->table[p->table].column[p->column];

    *out = CRM_WHOLE_MISSING;
    if (c->from.column < 0)
        *out = !c->outlier;
    else if (f->type == CRM_FIELD_TIME && f->fill == CRM_FILL_CONSTANT)
        return crm_table_fill_whole_value(f, out);
    return CRM_OK;
}

crm_status crm_table_ahead_settle(const table_set *x, const uint8_t *item, table_column *c)
{
    int64_t value;

    if (!item || !c->v.whole) return CRM_OK;
    CRM_TRY(missing_value(x, c, &value));
    for (int64_t i = 0; i < x->e.route.n_in; i++)
        if (item[i] && c->v.whole[x->e.entity[i]] == CRM_WHOLE_MISSING)
            c->v.whole[x->e.entity[i]] = value;
    return CRM_OK;
}

/* The indicator of column k, NULL: none. */
static table_column *indicator_of(const table_set *x, int k)
{
    for (int i = 0; i < x->n_num; i++)
        if (x->num[i].from.column < 0 && !x->num[i].outlier &&
            same_path(&x->num[i].about, &x->num[k].about))
            return &x->num[i];
    return NULL;
}

crm_status crm_table_ahead_default(table_set *x)
{
    if (has_cutoff(x->schema)) return CRM_OK;
    for (int k = 0; k < x->n_num; k++) {
        table_column *c = &x->num[k], *indicator = indicator_of(x, k);
        int64_t value;
        if (c->from.column < 0 || !is_judged(x->schema, &c->from)) continue;
        CRM_TRY(missing_value(x, c, &value));
        for (int64_t e = 0; e < x->e.n; e++) {
            int64_t at = c->v.whole[e];
            if (at == CRM_WHOLE_MISSING || at == value || at < x->cutoff[e]) continue;
            c->v.whole[e] = value;
            if (indicator) indicator->v.whole[e] = 1;
            x->late_dates++;
        }
    }
    return CRM_OK;
}
