/* table_target.c - labels of entities: a column, a number, a condition on the entity's own row, or
 * rows of another table from the cut-off on. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

static const char *const NO_YES[] = {"no", "yes"};

/* ---- classes ---- */
/* The chosen class becomes class 1 of two. */
static crm_status order_classes(const table_set *x, const crm_label_def *d, table_label *l)
{
    /* Names of classes are told only where they stand in the schema: others are values of rows. */
    bool declared =
        x->schema->table[d->path.table].column[d->path.column].type == CRM_FIELD_BOOLEAN;
    const char *path = x->schema->path;
    char **name = l->classes.item, *swap;

    CRM_CHECK(l->classes.n >= 2, CRM_ERR_FORMAT,
              "%s:%d:%d: label '%s' has %lld classes in the data; a label needs two or more", path,
              d->line, d->col, d->name, (long long)l->classes.n);
    if (!d->positive || !d->positive[0]) return CRM_OK;
    CRM_CHECK(
        l->classes.n == 2, CRM_ERR_CONFIG,
        "%s:%d:%d: label '%s': positive chooses one of two classes, but there are %lld; leave "
        "it out",
        path, d->line, d->col, d->name, (long long)l->classes.n);
    CRM_CHECK(
        strcmp(name[0], d->positive) == 0 || strcmp(name[1], d->positive) == 0, CRM_ERR_CONFIG,
        "%s:%d:%d: label '%s': none of the two classes is called '%s'%s%.99s%s%.99s%s", path,
        d->line, d->col, d->name, d->positive, declared ? "; allowed: " : "",
        declared ? name[0] : "", declared ? ", " : "", declared ? name[1] : "",
        declared ? "" : "; positive is a value of the column as it stands behind case and map");
    if (strcmp(name[1], d->positive) == 0) return CRM_OK;
    swap = name[0];
    name[0] = name[1];
    name[1] = swap;
    for (int64_t i = 0; i < x->e.n; i++)
        if (l->code[i] >= 0) l->code[i] = 1 - l->code[i];
    return CRM_OK;
}

/* Classes that no entity has are no classes. */
static crm_status drop_unused(table_set *x, table_label *l)
{
    int64_t *used = crm_mem_new((size_t)l->classes.n, sizeof *used);
    crm_status st = CRM_OK;

    if (!used) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld classes", (long long)l->classes.n);
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    for (int64_t i = 0; i < x->e.n; i++)
        if (l->code[i] >= 0) used[l->code[i]]++;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(x->comm, used, l->classes.n));
    crm_table_names_keep(&l->classes, used);
    for (int64_t i = 0; i < x->e.n; i++)
        if (l->code[i] >= 0) l->code[i] = (int32_t)used[l->code[i]];
done:
    crm_mem_free(used);
    return st;
}

static crm_status new_codes(table_set *x, table_label *l)
{
    crm_status st = CRM_OK;

    l->code = crm_mem_new((size_t)x->e.n, sizeof *l->code);
    if (!l->code) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld labels", (long long)x->e.n);
    return crm_comm_agree(x->comm, st);
}

static crm_status column_label(table_world *w, table_set *x, const crm_label_def *d, table_label *l)
{
    const crm_field *f = &w->schema->table[d->path.table].column[d->path.column];
    table_values v = {0}, said = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(w, w->schema->entity, &d->path, &v));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, &v, NULL, d->name, &said));
    CRM_TRY_TO(st, done, new_codes(x, l));
    CRM_TRY_TO(st, done, crm_table_classes(x->comm, &said, f, l->code, &l->classes));
    CRM_TRY_TO(st, done, drop_unused(x, l));
    CRM_TRY_TO(st, done, order_classes(x, d, l));
done:
    crm_table_values_free(&v);
    crm_table_values_free(&said);
    return st;
}

/* ---- numbers ---- */
static crm_status name_value(const table_set *x, const crm_label_def *d, table_label *l)
{
    crm_str name = {0};

    crm_table_path_text(x->schema, x->schema->entity, &d->path, &name);
    l->column = name.failed ? NULL : crm_mem_strdup(name.text ? name.text : d->name);
    crm_str_free(&name);
    CRM_CHECK(l->column, CRM_ERR_NOMEM, "out of memory: the name of a label");
    CRM_NEW(l->value, x->e.n);
    return CRM_OK;
}

static crm_status value_label(table_world *w, table_set *x, const crm_label_def *d, table_label *l)
{
    table_values v = {0}, said = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(w, w->schema->entity, &d->path, &v));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, &v, NULL, d->name, &said));
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, name_value(x, d, l)));
    for (int64_t i = 0; i < x->e.n; i++)
        l->value[i] = crm_table_values_number(&said, i);
done:
    crm_table_values_free(&v);
    crm_table_values_free(&said);
    return st;
}

/* Classes of a number. */
static crm_status cuts_label(table_world *w, table_set *x, const crm_label_def *d, table_label *l)
{
    table_values v = {0}, said = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(w, w->schema->entity, &d->path, &v));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, &v, NULL, d->name, &said));
    CRM_TRY_TO(st, done, new_codes(x, l));
    CRM_TRY_TO(st, done,
               crm_comm_agree(
                   x->comm, crm_table_names_copy(d->cut_class.n, d->cut_class.item, &l->classes)));
    for (int64_t i = 0; i < x->e.n; i++) {
        double value = crm_table_values_number(&said, i);
        l->code[i] = isnan(value) ? -1 : 0;
        for (int k = 0; k < d->n_cuts; k++)
            l->code[i] += value >= d->cut[k];
    }
done:
    crm_table_values_free(&v);
    crm_table_values_free(&said);
    return st;
}

/* ---- conditions ---- */
/* The condition of each row of the entity table as a boolean. */
static crm_status test_rows(table_world *w, const crm_when *when, table_values *out)
{
    int64_t n = w->member[w->schema->entity].frame.n;
    uint8_t *holds = crm_mem_new((size_t)n, 1);
    crm_status st = CRM_OK;

    *out = (table_values){.type = CRM_FIELD_BOOLEAN, .n = n, .owned = true};
    out->whole = crm_mem_new((size_t)n, sizeof *out->whole);
    if (!holds || !out->whole) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)n);
    st = crm_comm_agree(w->comm, st);
    if (!st) st = crm_table_when(w, w->schema->entity, when, holds);
    for (int64_t i = 0; !st && i < n; i++)
        out->whole[i] = holds[i] == TABLE_UNKNOWN ? CRM_WHOLE_MISSING : holds[i];
    crm_mem_free(holds);
    return st;
}

/* A condition that looks at a filled value counts as filled. */
static crm_status mark_filled(table_world *w, const crm_path *p, table_values *out)
{
    table_values v = {0};
    crm_status st = CRM_OK;

    if (p->column < 0 || w->schema->table[p->table].column[p->column].fill != CRM_FILL_CONSTANT)
        return CRM_OK;
    CRM_TRY_TO(st, done, crm_table_values_get(w, w->schema->entity, p, &v));
    if (!v.filled) goto done;
    if (!out->filled) out->filled = crm_mem_new((size_t)out->n, 1);
    if (!out->filled) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)out->n);
    for (int64_t i = 0; out->filled && i < out->n; i++)
        out->filled[i] |= v.filled[i];
    st = crm_comm_agree(w->comm, st);
done:
    crm_table_values_free(&v);
    return st;
}

static crm_status mark_all_filled(table_world *w, const crm_when *when, table_values *out)
{
    for (int k = 0; k < when->n; k++) {
        CRM_TRY(mark_filled(w, &when->term[k].left.path, out));
        CRM_TRY(mark_filled(w, &when->term[k].right.path, out));
    }
    return CRM_OK;
}

static crm_status when_label(table_world *w, table_set *x, const crm_label_def *d, table_label *l)
{
    table_values v = {0}, said = {0};
    crm_status st;

    CRM_TRY_TO(st, done, test_rows(w, &d->when, &v));
    CRM_TRY_TO(st, done, mark_all_filled(w, &d->when, &v));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, &v, NULL, d->name, &said));
    CRM_TRY_TO(st, done, new_codes(x, l));
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, crm_table_names_copy(2, NO_YES, &l->classes)));
    for (int64_t i = 0; i < x->e.n; i++)
        l->code[i] = crm_table_values_missing(&said, i) ? -1 : (int32_t)said.whole[i];
done:
    crm_table_values_free(&v);
    crm_table_values_free(&said);
    return st;
}

crm_status crm_table_target_own(table_world *w, table_set *x)
{
    crm_status (*const make[])(table_world *, table_set *, const crm_label_def *,
                               table_label *) = {[CRM_LABEL_COLUMN] = column_label,
                                                 [CRM_LABEL_VALUE] = value_label,
                                                 [CRM_LABEL_CUTS] = cuts_label,
                                                 [CRM_LABEL_WHEN] = when_label};
    crm_status st = CRM_OK;

    w->uncut = true;
    for (int k = 0; k < x->schema->n_labels && !st; k++) {
        const crm_label_def *d = &x->schema->label[k];
        if (d->kind != CRM_LABEL_ANY) st = make[d->kind](w, x, d, &x->label[k]);
    }
    w->uncut = false;
    return st;
}

/* ---- rows of a table ---- */
/* The stream whose rows carry the marks of the label. */
static const table_stream *stream_of(const table_set *x, const crm_label_def *d)
{
    bool events = x->schema->table[d->table].events.is;

    for (int k = 0; k < x->n_streams; k++)
        if (x->stream[k].table == d->table && x->stream[k].documents == !events)
            return &x->stream[k];
    return NULL;
}

/* A window that ends behind the last time of the table is not known to its end. */
static int32_t any_code(const table_set *x, const table_stream *s, const crm_label_def *d, int bit,
                        int64_t e)
{
    int64_t begin = x->cutoff[e], end = begin + d->within;
    bool there = false;

    if (d->within > 0 && (begin == CRM_WHOLE_MISSING || end - 1 > s->last)) return -1;
    for (int64_t i = s->first[e]; i < s->first[e + 1]; i++) {
        if (d->within > 0 && (s->time[i] < begin || s->time[i] >= end)) continue;
        if (s->mark[i] >> bit & 1) return 1;
        there = true;
    }
    return d->without_missing && !there ? -1 : 0;
}

crm_status crm_table_target_any(table_set *x)
{
    for (int k = 0; k < x->schema->n_labels; k++) {
        const crm_label_def *d = &x->schema->label[k];
        table_label *l = &x->label[k];
        const table_stream *s;
        if (d->kind != CRM_LABEL_ANY) continue;
        s = stream_of(x, d);
        CRM_ASSERT(s);
        CRM_TRY(new_codes(x, l));
        CRM_TRY(crm_comm_agree(x->comm, crm_table_names_copy(2, NO_YES, &l->classes)));
        for (int64_t e = 0; e < x->e.n; e++)
            l->code[e] = any_code(x, s, d, 1 + k, e);
    }
    return CRM_OK;
}
