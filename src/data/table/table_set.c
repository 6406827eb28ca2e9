/* table_set.c - all that a data set is made of: what the entity table says, cut-offs, and what
 * remains of the streams before them. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

/* ---- profile ---- */
/* Rows at or behind the cut-off may not tell about an entity whose other rows are its events.  use
 * [route.n_in] is the caller's; NULL when all rows may.  Collective. */
static crm_status usable_rows(table_world *w, const table_set *x, uint8_t **use)
{
    const crm_table_schema *s = x->schema;
    const crm_table_def *t = &s->table[s->entity];
    const crm_path *p = t->events.is ? &t->events.time : &t->documents.time;
    table_values v = {0};
    void *in = NULL;
    crm_status st;

    *use = NULL;
    if (s->key < 0 || (!t->events.is && !t->documents.is) || p->column < 0) return CRM_OK;
    if (s->cutoff.column < 0 && s->cutoff_at == INT64_MAX) return CRM_OK;
    CRM_TRY_TO(st, done, crm_table_values_get(w, s->entity, p, &v));
    CRM_TRY_TO(st, done, crm_table_route_items(&x->e.route, v.whole, sizeof *v.whole, &in));
    *use = crm_mem_new((size_t)x->e.route.n_in, 1);
    if (!*use) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)x->e.route.n_in);
    for (int64_t i = 0; *use && i < x->e.route.n_in; i++) {
        int64_t time = ((const int64_t *)in)[i];
        int64_t end = x->cutoff ? x->cutoff[x->e.entity[i]] : s->cutoff_at;
        (*use)[i] = time != CRM_WHOLE_MISSING && end != CRM_WHOLE_MISSING && time < end;
    }
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
done:
    crm_mem_free(in);
    crm_table_values_free(&v);
    return st;
}

static crm_status name_column(const table_set *x, const crm_path *p, const char *last, char **out)
{
    crm_str name = {0};
    size_t len = strlen(x->schema->table[p->table].column[p->column].name);

    crm_table_path_text(x->schema, x->schema->entity, p, &name);
    if (last && name.text) {
        name.len -= len;
        crm_str_add(&name, last, strlen(last));
    }
    *out = name.failed || !name.text ? NULL : crm_mem_strdup(name.text);
    crm_str_free(&name);
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: the name of a column");
    return CRM_OK;
}

/* What the rows of each entity say of a column, its dates behind the cut-off left out. */
static crm_status say(table_world *w, table_set *x, const crm_path *p, const table_values *v,
                      const uint8_t *use, table_column *c)
{
    int64_t *late = c->from.column >= 0 ? &x->late_dates : NULL;
    uint8_t *item = NULL, *known = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_ahead(w, x, p, &item));
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, crm_table_ahead_use(x, use, item, &known, late)));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, v, known ? known : use, c->name, &c->v));
    st = crm_comm_agree(w->comm, crm_table_ahead_settle(x, item, c));
done:
    crm_mem_free(item);
    crm_mem_free(known);
    return st;
}

static crm_status add_profile(table_world *w, table_set *x, const crm_path *p, const uint8_t *use)
{
    table_values v = {0};
    table_column *c;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(w, x->schema->entity, p, &v));
    CRM_CHECK_TO(st, done,
                 v.type != CRM_FIELD_ID && v.type != CRM_FIELD_TEXT && v.type != CRM_FIELD_IGNORE,
                 CRM_ERR_CONFIG, "%s: column '%s' is no number, boolean, time or category",
                 x->schema->path, x->schema->table[p->table].column[p->column].name);
    c = v.type == CRM_FIELD_CATEGORY ? &x->cat[x->n_cat++] : &x->num[x->n_num++];
    c->from = c->about = *p;
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, name_column(x, p, NULL, &c->name)));
    st = say(w, x, p, &v, use, c);
done:
    crm_table_values_free(&v);
    return st;
}

/* Flags of the cleaning as booleans of the rows of table p->table. */
static crm_status widen(const table_frame *f, const uint8_t *flag, table_values *out)
{
    *out = (table_values){.type = CRM_FIELD_BOOLEAN, .n = f->n, .owned = true};
    CRM_NEW(out->whole, f->n);
    for (int64_t i = 0; i < f->n; i++)
        out->whole[i] = flag[i];
    return CRM_OK;
}

/* Values of table p->table seen from the entity table. */
static crm_status see(table_world *w, const crm_path *p, const table_values *v, table_values *out)
{
    int64_t n = w->member[w->schema->entity].frame.n, *row = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, crm_table_values_like(v, n, out)));
    CRM_TRY_TO(st, done, crm_table_world_rows(w, w->schema->entity, p, &row));
    CRM_TRY_TO(st, done,
               crm_table_take(w->comm, w->member[p->table].first, v->whole, sizeof *v->whole, row,
                              n, out->whole));
done:
    crm_mem_free(row);
    return st;
}

/* An entity has no value when none of its rows has one: rows without are as filled. */
static crm_status only_without(table_values *v)
{
    CRM_NEW(v->filled, v->n);
    for (int64_t i = 0; i < v->n; i++)
        v->filled[i] = v->whole[i] == 1;
    return CRM_OK;
}

/* Of the flags of a column the indicator is the first. */
static bool is_indicator(const table_world *w, const crm_path *p, int k)
{
    const int *of = w->member[p->table].extra.of;

    return w->schema->table[p->table].column[of[k]].indicator && (k == 0 || of[k - 1] != of[k]);
}

static crm_status add_flag(table_world *w, table_set *x, const crm_path *p, int k,
                           const uint8_t *use)
{
    const table_member *m = &w->member[p->table];
    table_column *c = &x->num[x->n_num++];
    table_values v = {0}, seen = {0};
    crm_status st;

    c->from = (crm_path){.table = p->table, .column = -1};
    c->about = *p;
    c->outlier = !is_indicator(w, p, k);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, name_column(x, p, m->extra.name[k], &c->name)));
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, widen(&m->frame, m->extra.value[k], &v)));
    CRM_TRY_TO(st, done, see(w, p, &v, &seen));
    if (!c->outlier) CRM_TRY_TO(st, done, crm_comm_agree(w->comm, only_without(&seen)));
    st = say(w, x, p, &seen, use, c);
done:
    crm_table_values_free(&v);
    crm_table_values_free(&seen);
    return st;
}

static crm_status make_room(const table_world *w, table_set *x)
{
    int n = x->schema->n_profile, extra = 0;

    for (int k = 0; k < n; k++)
        extra += w->member[x->schema->profile[k].table].extra.n;
    CRM_NEW(x->num, n + extra);
    CRM_NEW(x->cat, n);
    CRM_NEW(x->label, x->schema->n_labels);
    CRM_NEW(x->stream, 2 * x->schema->n);
    return CRM_OK;
}

static crm_status add_columns(table_world *w, table_set *x, const uint8_t *use)
{
    const crm_table_schema *s = x->schema;

    for (int k = 0; k < s->n_profile; k++)
        CRM_TRY(add_profile(w, x, &s->profile[k], use));
    for (int k = 0; k < s->n_profile; k++) {
        const crm_path *p = &s->profile[k];
        const table_extra *extra = &w->member[p->table].extra;
        for (int i = 0; i < extra->n; i++)
            if (extra->of[i] == p->column) CRM_TRY(add_flag(w, x, p, i, use));
    }
    return CRM_OK;
}

static crm_status take_cutoffs(table_world *w, table_set *x)
{
    const crm_path *p = &x->schema->cutoff;
    table_values v = {0}, said = {0};
    crm_status st;

    if (p->column < 0) return CRM_OK;
    CRM_TRY_TO(st, done, crm_table_values_get(w, x->schema->entity, p, &v));
    CRM_TRY_TO(st, done, crm_table_entities_say(w, &x->e, &v, NULL, "entity.cutoff", &said));
    x->cutoff = said.whole;
    said.whole = NULL;
done:
    crm_table_values_free(&v);
    crm_table_values_free(&said);
    return st;
}

crm_status crm_table_set_entities(table_world *w, table_set *x)
{
    uint8_t *use = NULL;
    crm_status st;

    *x = (table_set){.comm = w->comm, .schema = w->schema};
    CRM_TRY(crm_comm_agree(w->comm, make_room(w, x)));
    CRM_TRY(crm_table_entities_new(w, &x->e));
    CRM_TRY(take_cutoffs(w, x));
    CRM_TRY_TO(st, done, usable_rows(w, x, &use));
    CRM_TRY_TO(st, done, add_columns(w, x, use));
    CRM_TRY_TO(st, done, crm_table_target_own(w, x));
    if (x->schema->key >= 0)
        CRM_TRY_TO(st, done, crm_table_entities_ids(w, &x->e, &x->id_end, &x->id_bytes));
done:
    crm_mem_free(use);
    return st;
}

/* ---- cut-offs ---- */
/* One second behind the last time of all events and documents; without any, of the profile. */
static crm_status last_moment(const table_set *x, int64_t *out)
{
    int64_t last = INT64_MIN;

    for (int k = 0; k < x->n_streams; k++)
        if (x->stream[k].last > last) last = x->stream[k].last;
    if (last == INT64_MIN) {
        for (int k = 0; k < x->n_num; k++)
            for (int64_t i = 0; x->num[k].v.type == CRM_FIELD_TIME && i < x->e.n; i++)
                if (x->num[k].v.whole[i] > last) last = x->num[k].v.whole[i];
        CRM_TRY(crm_comm_max_i64(x->comm, &last, 1));
    }
    *out = last == INT64_MIN ? 0 : last + 1;
    return CRM_OK;
}

static crm_status same_cutoff(table_set *x)
{
    int64_t at = x->schema->cutoff_at;
    crm_status st = CRM_OK;

    if (x->cutoff) return CRM_OK;
    if (at == INT64_MAX) CRM_TRY(last_moment(x, &at));
    x->cutoff = crm_mem_new((size_t)x->e.n, sizeof *x->cutoff);
    if (!x->cutoff) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)x->e.n);
    for (int64_t i = 0; !st && i < x->e.n; i++)
        x->cutoff[i] = at;
    return crm_comm_agree(x->comm, st);
}

/* ---- what stays ---- */
/* Items of a stream before the cut-off; some[e] where an entity has one. */
static crm_status before_cutoff(table_set *x, const table_stream *s, uint8_t *some, uint8_t **keep)
{
    CRM_NEW(*keep, s->n);
    for (int64_t e = 0; e < x->e.n; e++) {
        if (x->cutoff[e] == CRM_WHOLE_MISSING) continue;
        for (int64_t i = s->first[e]; i < s->first[e + 1]; i++) {
            if (!(s->mark[i] & 1)) continue;
            (*keep)[i] = !s->dated || s->time[i] < x->cutoff[e];
            x->late += !(*keep)[i];
            some[e] |= (*keep)[i];
        }
    }
    return CRM_OK;
}

static void keep_items(void *data, size_t size, int64_t n, const uint8_t *keep)
{
    char *p = data;
    int64_t to = 0;

    for (int64_t i = 0; p && i < n; i++)
        if (keep[i]) memmove(p + (size_t)to++ * size, p + (size_t)i * size, size);
}

static void keep_values(table_values *v, int64_t n, const uint8_t *keep)
{
    size_t size;
    void *data = crm_table_values_data(v, &size);

    keep_items(data, size, n, keep);
}

static void keep_ids(table_set *x, const uint8_t *keep)
{
    int64_t n = 0, used = 0, from = 0;

    for (int64_t i = 0; x->id_end && i < x->e.n; i++) {
        int64_t end = x->id_end[i];
        if (keep[i]) {
            memmove(x->id_bytes + used, x->id_bytes + from, (size_t)(end - from));
            x->id_end[n++] = used += end - from;
        }
        from = end;
    }
}

static void keep_entities(table_set *x, const uint8_t *keep)
{
    int64_t n = x->e.n;

    for (int k = 0; k < x->n_num; k++)
        keep_values(&x->num[k].v, n, keep);
    for (int k = 0; k < x->n_cat; k++)
        keep_values(&x->cat[k].v, n, keep);
    for (int k = 0; k < x->schema->n_labels; k++) {
        keep_items(x->label[k].code, sizeof *x->label[k].code, n, keep);
        keep_items(x->label[k].value, sizeof *x->label[k].value, n, keep);
    }
    keep_ids(x, keep);
    keep_items(x->cutoff, sizeof *x->cutoff, n, keep);
    x->n = 0;
    for (int64_t i = 0; i < n; i++)
        x->n += keep[i];
}

/* Rows that stay have a cut-off and, where it is asked for, something before it. */
static crm_status cut(table_set *x)
{
    uint8_t *stays = NULL, **keep = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, stays, x->e.n);
    CRM_NEW_TO(st, done, keep, x->n_streams);
    for (int k = 0; k < x->n_streams; k++)
        CRM_TRY_TO(st, done, before_cutoff(x, &x->stream[k], stays, &keep[k]));
    for (int64_t e = 0; e < x->e.n; e++) {
        stays[e] = x->cutoff[e] != CRM_WHOLE_MISSING && (stays[e] || !x->schema->history);
        x->no_cutoff += x->cutoff[e] == CRM_WHOLE_MISSING;
        x->no_history += x->cutoff[e] != CRM_WHOLE_MISSING && !stays[e];
    }
    for (int k = 0; k < x->n_streams; k++)
        crm_table_stream_keep(&x->stream[k], x->e.n, keep[k], stays);
    keep_entities(x, stays);
done:
    for (int k = 0; keep && k < x->n_streams; k++)
        crm_mem_free(keep[k]);
    crm_mem_free(keep);
    crm_mem_free(stays);
    return st;
}

/* ---- names that are used, or that a model has columns of ---- */
static const char *behind(const char *text, const char *head)
{
    size_t len = strlen(head);

    return strncmp(text, head, len) == 0 ? text + len : NULL;
}

/* The category of a stream that a column is made of, NULL for others: shares (table_features.c),
 * and the columns of the flat view of a data set (data.h). */
static const char *category_in(const table_set *x, const table_stream *s, const char *column)
{
    const char *table = x->schema->table[s->table].name, *rest, *own;
    int streams = 0;

    for (int k = 0; k < x->n_streams; k++)
        streams += !x->stream[k].documents;
    if (s->documents) return behind(column, "documents ");
    rest = behind(column, table);
    if (rest && (own = behind(rest, ".share."))) return own;
    rest = behind(column, "events ");
    if (!rest || streams == 1) return rest;
    rest = behind(rest, table);
    return rest ? behind(rest, ":") : NULL;
}

/* Words of the flat view that follow "events " and "documents " and are no categories. */
static bool is_flat_word(const table_set *x, const table_stream *s, const char *text)
{
    const crm_event_role *r = &x->schema->table[s->table].events;
    size_t len = strlen(text);

    if (strcmp(text, "recency") == 0) return true;
    if (s->documents) return len > 7 && strcmp(text + len - 7, " tokens") == 0;
    for (int q = 0; q < s->n_numbers; q++) {
        const char *name = x->schema->table[r->number[q].table].column[r->number[q].column].name;
        const char *rest = behind(text, name);
        if (rest && (!strcmp(rest, " sum") || !strcmp(rest, " mean") || !strcmp(rest, " last")))
            return true;
    }
    return false;
}

static crm_status add_wanted(const table_set *x, table_stream *s)
{
    for (int k = 0; x->like && k < x->like->n_num; k++) {
        const char *name = category_in(x, s, x->like->num_name[k]);
        if (name && !is_flat_word(x, s, name)) CRM_TRY(crm_table_names_add(&s->names, name));
    }
    return CRM_OK;
}

static bool is_wanted(const table_set *x, const table_stream *s, const char *category)
{
    for (int k = 0; k < x->like->n_num; k++) {
        const char *name = category_in(x, s, x->like->num_name[k]);
        if (name && strcmp(name, category) == 0) return true;
    }
    return false;
}

/* code [n] of names; *uses is how often each of those that stay comes up, over all ranks.  of: the
 * stream whose categories they are, NULL: none. */
static crm_status keep_used(const table_set *x, int32_t *code, int64_t n, table_names *names,
                            const table_stream *of, int64_t **uses)
{
    crm_comm *comm = x->comm;
    int64_t *used = crm_mem_new((size_t)names->n, sizeof *used), left = 0;
    crm_status st = CRM_OK;

    *uses = crm_mem_new((size_t)names->n, sizeof **uses);
    if (!used || !*uses)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld names", (long long)names->n);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    for (int64_t i = 0; i < n; i++)
        if (code[i] >= 0) used[code[i]]++;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, used, names->n));
    for (int64_t k = 0; k < names->n; k++) {
        bool stays = used[k] > 0 || (of && x->like && is_wanted(x, of, names->item[k]));
        if (stays) (*uses)[left++] = used[k];
        used[k] = stays;
    }
    crm_table_names_keep(names, used);
    for (int64_t i = 0; i < n; i++)
        if (code[i] >= 0) code[i] = (int32_t)used[code[i]];
done:
    crm_mem_free(used);
    return st;
}

static crm_status tidy_names(table_set *x)
{
    int64_t *uses = NULL;
    crm_status st = CRM_OK;

    for (int k = 0; !st && k < x->n_cat; k++) {
        table_values *v = &x->cat[k].v;
        st = keep_used(x, v->code, x->n, &v->names, NULL, &uses);
        v->n_levels = v->names.n;
        crm_mem_free(uses);
    }
    for (int k = 0; !st && k < x->n_streams; k++) {
        table_stream *s = &x->stream[k];
        if (!s->category) continue;
        st = crm_comm_agree(x->comm, add_wanted(x, s));
        if (!st) st = keep_used(x, s->category, s->n, &s->names, s, &s->uses);
    }
    for (int k = 0; !st && k < x->n_streams; k++) {
        table_stream *s = &x->stream[k];
        for (int l = 0; !st && l < s->n_labels; l++) {
            if (!s->label[l]) continue;
            st = keep_used(x, s->label[l], s->n, &s->classes[l], NULL, &uses);
            crm_mem_free(uses);
        }
    }
    return st;
}

/* Words of documents that stay. */
static crm_status settle_words(table_set *x)
{
    uint8_t *used = crm_mem_new((size_t)x->words.local.n, 1);
    crm_status st = CRM_OK;

    if (!used) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: words");
    for (int k = 0; used && k < x->n_streams; k++) {
        const table_stream *s = &x->stream[k];
        for (int64_t d = 0; s->documents && d < s->n; d++)
            for (int64_t t = 0; t < s->tokens[d]; t++)
                used[s->token[s->token_first[d] + t]] = 1;
    }
    st = crm_comm_agree(x->comm, st);
    if (!st) st = crm_table_words_end(x->comm, used, &x->words);
    crm_mem_free(used);
    return st;
}

crm_status crm_table_set_settle(table_set *x)
{
    int64_t left[4];

    CRM_TRY(same_cutoff(x));
    CRM_TRY(crm_comm_agree(x->comm, crm_table_ahead_default(x)));
    CRM_TRY(crm_table_target_any(x));
    CRM_TRY(crm_comm_agree(x->comm, cut(x)));
    left[0] = x->late;
    left[1] = x->no_history;
    left[2] = x->no_cutoff;
    left[3] = x->late_dates;
    CRM_TRY(crm_comm_sum_i64(x->comm, left, 4));
    x->late = left[0];
    x->no_history = left[1];
    x->no_cutoff = left[2];
    x->late_dates = left[3];
    x->total = x->n;
    CRM_TRY(crm_comm_exscan_i64(x->comm, x->n, &x->before));
    CRM_TRY(crm_comm_sum_i64(x->comm, &x->total, 1));
    CRM_CHECK(x->total > 0, CRM_ERR_FORMAT,
              "%s: no row is left for the data set: table %s has %lld entities, %lld of them "
              "without cut-off, %lld without history before it",
              x->schema->path, x->schema->table[x->schema->entity].name, (long long)x->e.total,
              (long long)x->no_cutoff, (long long)x->no_history);
    CRM_TRY(tidy_names(x));
    return settle_words(x);
}

void crm_table_set_free(table_set *x)
{
    for (int k = 0; x->num && k < x->n_num; k++) {
        crm_mem_free(x->num[k].name);
        crm_table_values_free(&x->num[k].v);
    }
    for (int k = 0; x->cat && k < x->n_cat; k++) {
        crm_mem_free(x->cat[k].name);
        crm_table_values_free(&x->cat[k].v);
    }
    for (int k = 0; x->label && k < x->schema->n_labels; k++) {
        crm_mem_free(x->label[k].code);
        crm_mem_free(x->label[k].value);
        crm_mem_free(x->label[k].column);
        crm_table_names_free(&x->label[k].classes);
    }
    for (int k = 0; x->stream && k < x->n_streams; k++)
        crm_table_stream_free(&x->stream[k]);
    crm_mem_free(x->num);
    crm_mem_free(x->cat);
    crm_mem_free(x->label);
    crm_mem_free(x->stream);
    crm_mem_free(x->cutoff);
    crm_mem_free(x->id_end);
    crm_mem_free(x->id_bytes);
    crm_table_words_free(&x->words);
    crm_table_entities_free(&x->e);
    *x = (table_set){0};
}
