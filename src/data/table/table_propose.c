/* table_propose.c - files -> a schema of YAML, to be edited.
 *
 * Rank 0 looks at every file from its begin to its end (of a file of more than GUESS_BYTES_MAX at
 * the first ones), so the text does not depend on the number of ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/opt_tree.h"
#include "table_propose.h"

/* ---- names of tables ---- */
/* "data/olist_orders_dataset.csv.gz" -> "olist_orders_dataset" */
static crm_status base_name(const char *file, char **out)
{
    static const char *const ends[] = {".gz", ".zst", ".csv", ".tsv", ".txt", NULL};
    const char *base = crm_path_base(file);
    size_t len = strlen(base);

    for (int i = 0; ends[i]; i++) {
        size_t n = strlen(ends[i]);
        if (len > n && strncmp(base + len - n, ends[i], n) == 0) len -= n;
    }
    if (len > 48) len = 48;
    CRM_NEW(*out, len + sizeof "table");
    if (len == 0) memcpy(*out, "table", sizeof "table");
    for (size_t i = 0; i < len; i++) {
        char c = base[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        (*out)[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : good ? c : '_');
    }
    return CRM_OK;
}

/* Bytes up to and with the first '_' of a name, or from the last one on; 0: none. */
static size_t affix(const char *name, bool front)
{
    const char *mark = front ? strchr(name, '_') : strrchr(name, '_');

    if (!mark) return 0;
    return front ? (size_t)(mark - name) + 1 : strlen(mark);
}

static bool has_affix(const char *name, const char *of, size_t n, bool front)
{
    size_t len = strlen(name);

    return len > n &&
           (front ? strncmp(name, of, n) : strncmp(name + len - n, of + strlen(of) - n, n)) == 0;
}

/* What most names begin or end with ("olist_", "_dataset") is left out of those. */
static void cut_affix(guess *g, bool front)
{
    const char *of = NULL;
    char copy[64];
    size_t n = 0;

    for (int t = 0; t < g->n && !of; t++) {
        int count = 0;
        n = affix(g->table[t].name, front);
        for (int u = 0; n && u < g->n; u++)
            count += has_affix(g->table[u].name, g->table[t].name, n, front);
        if (count > 1 && 2 * count > g->n) of = g->table[t].name;
    }
    if (!of) return;
    snprintf(copy, sizeof copy, "%s", of);
    for (int t = 0; t < g->n; t++) {
        char *name = g->table[t].name;
        size_t len = strlen(name);
        if (!has_affix(name, copy, n, front)) continue;
        if (front)
            memmove(name, name + n, len - n + 1);
        else
            name[len - n] = '\0';
    }
}

/* Tables need names of their own. */
static crm_status make_unique(guess *g)
{
    for (int t = 0; t < g->n; t++)
        for (int u = 0; u < t; u++) {
            char *longer;
            if (strcmp(g->table[t].name, g->table[u].name) != 0) continue;
            CRM_NEW(longer, strlen(g->table[t].name) + 16);
            snprintf(longer, strlen(g->table[t].name) + 16, "%s_%d", g->table[t].name, t + 1);
            crm_mem_free(g->table[t].name);
            g->table[t].name = longer;
            u = -1;
        }
    return CRM_OK;
}

/* "orders-2023", "orders-2024": what they begin with, up to the last letter. */
static void common_name(char *name, const char *other)
{
    size_t n = 0;

    while (name[n] && name[n] == other[n])
        n++;
    while (n > 0 && !(name[n - 1] >= 'a' && name[n - 1] <= 'z'))
        n--;
    if (n > 0) name[n] = '\0';
}

static crm_status name_tables(guess *g)
{
    for (int t = 0; t < g->n; t++) {
        CRM_TRY(base_name(g->table[t].file[0], &g->table[t].name));
        for (int i = 1; i < g->table[t].n_files; i++) {
            char *other;
            CRM_TRY(base_name(g->table[t].file[i], &other));
            common_name(g->table[t].name, other);
            crm_mem_free(other);
        }
    }
    cut_affix(g, true);
    cut_affix(g, false);
    return make_unique(g);
}

/* ---- columns ---- */
static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void note_number(const guess_numbers *c, crm_str *note)
{
    char low[32], high[32], middle[32];

    qsort(c->sorted, (size_t)c->n_sorted, sizeof *c->sorted, compare_numbers);
    crm_str_addf(note, "%s..%s, median %s", crm_format_f64(c->min, low),
                 crm_format_f64(c->max, high),
                 crm_format_f64(c->sorted[(c->n_sorted - 1) / 2], middle));
    crm_str_addf(note, ", nine in ten %s..%s",
                 crm_format_f64(c->sorted[(c->n_sorted - 1) / 20], low),
                 crm_format_f64(c->sorted[(c->n_sorted - 1) * 19 / 20], high));
}

static void note_time(const guess_column *c, crm_str *note)
{
    char a[32], b[32];

    crm_str_addf(note, "%s to %s", crm_table_time_text(c->time_min[c->format], a),
                 crm_table_time_text(c->time_max[c->format], b));
    if (c->strange) crm_str_addf(note, "; %lld do not fit", (long long)(c->n - c->time[c->format]));
    if (c->other_way) crm_str_addf(note, "; or is it month before day? no value tells");
}

/* What was seen, as the comment behind a column. */
static void write_note(guess_column *c, crm_str *out)
{
    crm_str note = {0};
    const char *more = c->set.full ? "more than " : "";

    if (c->why) crm_str_addf(&note, "%s", c->why);
    if (c->why && c->set.n > 1) crm_str_addf(&note, "; ");
    if ((c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL) && c->as[c->mark].n_sorted)
        note_number(&c->as[c->mark], &note);
    else if (c->type == CRM_FIELD_TIME)
        note_time(c, &note);
    else if (c->type == CRM_FIELD_TEXT)
        crm_str_addf(&note, "%.1f words", (double)c->words / (double)c->n);
    else if (c->unique)
        crm_str_addf(&note, "different in each row");
    else if (c->set.n > 1 || !c->why)
        crm_str_addf(&note, "%s%lld values", more, (long long)c->set.n);
    if (c->ref_table >= 0 && c->share < 1)
        crm_str_addf(&note, "; %.1f %% of the values are there", 100 * c->share);
    if (c->empty + c->blank)
        crm_str_addf(&note, "; %lld empty%s", (long long)(c->empty + c->blank),
                     c->blank ? " or blank" : "");
    for (int m = 0; crm_guess_markers[m]; m++)
        if (c->marker[m])
            crm_str_addf(&note, "; %lld '%s'", (long long)c->marker[m], crm_guess_markers[m]);
    crm_str_addf(out, "    # %s\n", note.text ? note.text : "");
    out->failed |= note.failed;
    crm_str_free(&note);
}

static void add_key(crm_str *out, const char *key, const char *value)
{
    crm_str_addf(out, ", %s: ", key);
    crm_node_quote(out, value);
}

static void write_missing(const guess_column *c, crm_str *out)
{
    int n = 0;

    if (c->sentinel)
        crm_str_addf(out, "%s%lld", n++ ? ", " : ", missing: [", (long long)c->sentinel);
    for (int i = 0; c->strange && i < c->n_odd && i < GUESS_FEW; i++) {
        crm_str_addf(out, "%s", n++ ? ", " : ", missing: [");
        crm_node_quote(out, c->odd[i]);
    }
    crm_str_addf(out, "%s", n ? "]" : "");
}

static void write_form(const guess_column *c, crm_str *out)
{
    char thousands = c->as[c->mark].thousands;
    int n = 0;

    if (c->mark) crm_str_addf(out, ", decimal: comma");
    if (thousands)
        crm_str_addf(out, ", thousands: %s",
                     thousands == ','   ? "comma"
                     : thousands == '.' ? "point"
                     : thousands == ' ' ? "space"
                                        : "apostrophe");
    for (int i = 0; crm_guess_symbols[i]; i++) {
        if (!c->symbol[i]) continue;
        crm_str_addf(out, "%s", n++ ? ", " : ", strip: [");
        crm_node_quote(out, crm_guess_symbols[i]);
    }
    crm_str_addf(out, "%s", n ? "]" : "");
}

static void write_column(const guess *g, guess_column *c, crm_str *out)
{
    crm_str more = {0};

    if (c->type == CRM_FIELD_TIME) add_key(&more, "format", crm_guess_formats[c->format]);
    if (c->type == CRM_FIELD_TIME && c->strange) crm_str_addf(&more, ", bad: missing");
    if (c->type == CRM_FIELD_CATEGORY && c->one_case) crm_str_addf(&more, ", case: lower");
    if (c->ref_table >= 0) add_key(&more, "references", g->table[c->ref_table].name);
    if (c->type == CRM_FIELD_BOOLEAN && c->yes) add_key(&more, "yes", c->yes);
    if (c->type == CRM_FIELD_BOOLEAN && c->no) add_key(&more, "no", c->no);
    if (c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL) {
        write_form(c, &more);
        write_missing(c, &more);
    }
    crm_str_addf(out, "      ");
    crm_node_quote(out, c->name);
    if (more.len)
        crm_str_addf(out, ": {type: %s%s}", crm_field_type_names[c->type], more.text);
    else
        crm_str_addf(out, ": %s", crm_field_type_names[c->type]);
    out->failed |= more.failed;
    crm_str_free(&more);
    write_note(c, out);
}

/* ---- tables ---- */
static void write_table_missing(const guess_table *t, crm_str *out)
{
    int n = 0;

    for (int m = 0; crm_guess_markers[m]; m++) {
        int64_t seen = 0;
        for (int k = 0; k < t->n; k++) /* in a text they may be meant */
            if (t->column[k].type != CRM_FIELD_TEXT && t->column[k].type != CRM_FIELD_IGNORE)
                seen += t->column[k].marker[m];
        if (!seen) continue;
        crm_str_addf(out, "%s", n++ ? ", " : "    missing: [");
        crm_node_quote(out, crm_guess_markers[m]);
    }
    crm_str_addf(out, "%s", n ? "]\n" : "");
}

/* A column without a name cannot stand in a schema. */
static void write_columns(const guess *g, const guess_table *t, crm_str *out)
{
    int nameless = 0;

    crm_str_addf(out, "    columns:\n");
    for (int k = 0; k < t->n; k++) {
        nameless += !t->column[k].name[0];
        if (t->column[k].name[0]) write_column(g, &t->column[k], out);
    }
    if (nameless)
        crm_str_addf(out, "    rest: ignore    # %d column%s without a name\n", nameless,
                     nameless > 1 ? "s" : "");
}

static void write_table(const guess *g, int at, crm_str *out)
{
    const guess_table *t = &g->table[at];

    crm_str_addf(out, "  ");
    crm_node_quote(out, t->name);
    crm_str_addf(out, ":    # %s%lld rows", t->cut ? "the first " : "", (long long)t->rows);
    if (t->broken) crm_str_addf(out, ", %lld of them broken", (long long)t->broken);
    crm_str_addf(out, "\n    files: %s", t->n_files > 1 ? "[" : "");
    for (int i = 0; i < t->n_files; i++) {
        crm_str_addf(out, "%s", i ? ", " : "");
        crm_node_quote(out, t->file[i]);
    }
    crm_str_addf(out, "%s\n", t->n_files > 1 ? "]" : "");
    if (t->sep == '|') crm_str_addf(out, "    separator: pipe\n");
    if (t->latin1) crm_str_addf(out, "    encoding: latin-1\n");
    if (t->broken) crm_str_addf(out, "    bad: skip\n");
    write_table_missing(t, out);
    if (t->key >= 0) {
        crm_str_addf(out, "    key: ");
        crm_node_quote(out, t->column[t->key].name);
        crm_str_addf(out, "\n");
    }
    write_columns(g, t, out);
    crm_guess_write_roles(g, at, out);
}

static crm_status make_guess(guess *g, crm_str *out)
{
    CRM_TRY(name_tables(g));
    for (int t = 0; t < g->n; t++)
        for (int k = 0; k < g->table[t].n; k++)
            crm_guess_type(&g->table[t].column[k], &g->table[t]);
    CRM_TRY(crm_guess_link(g));
    crm_str_addf(out,
                 "# A guess from the files, to be edited: docs/schema.md.  Ranges are what was "
                 "seen, not what may be.\ntables:\n");
    for (int t = 0; t < g->n; t++)
        write_table(g, t, out);
    crm_guess_write_entity(g, out);
    CRM_CHECK(!out->failed, CRM_ERR_NOMEM, "out of memory: proposal of %d tables", g->n);
    return CRM_OK;
}

/* ---- files ---- */
/* to[k] = column of a that has the name of column k of b; false when they do not have the same
 * ones, or cannot be read with one encoding. */
static bool is_same(const guess_table *a, const guess_table *b, int *to)
{
    if (a->n != b->n || (a->latin1 != b->latin1 && !a->ascii && !b->ascii)) return false;
    for (int k = 0; k < b->n; k++) {
        to[k] = -1;
        for (int i = 0; i < a->n && to[k] < 0; i++)
            if (strcmp(a->column[i].name, b->column[k].name) == 0) to[k] = i;
        if (to[k] < 0) return false;
    }
    return true;
}

/* The table of a file: one with the same columns in whatever order, or a new one. */
static crm_status find_table(guess *g, table_source *s, guess_table **out, int **to)
{
    guess_table *t = &g->table[g->n];
    crm_status st = crm_guess_header(s, t);

    *out = t;
    if (!st) *to = crm_mem_new((size_t)t->n, sizeof **to);
    if (!st && !*to) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", t->n);
    for (int k = 0; k < g->n && !st; k++)
        if (is_same(&g->table[k], t, *to)) {
            *out = &g->table[k];
            if (g->table[k].sep != t->sep) g->table[k].sep = 0;
            g->table[k].latin1 |= t->latin1;
            g->table[k].ascii &= t->ascii;
            crm_guess_table_free(t);
            return CRM_OK;
        }
    for (int k = 0; k < t->n && !st; k++)
        (*to)[k] = k;
    g->n++; /* also after a failure: it is freed with the others */
    return st;
}

static crm_status add_name(guess_table *t, const char *file)
{
    const char **more =
        crm_mem_grow(t->file, (size_t)t->n_files, (size_t)t->n_files + 1, sizeof *more);

    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %s", file);
    t->file = more;
    t->file[t->n_files++] = crm_path_base(file);
    return CRM_OK;
}

static crm_status add_file(guess *g, table_source *s, const char *file)
{
    guess_table *t;
    int *to = NULL;
    crm_status st = find_table(g, s, &t, &to);

    if (!st) st = add_name(t, file);
    if (!st) st = crm_guess_rows(s, t, to);
    if (!st)
        crm_log_line(CRM_LOG_INFO, "propose", "%s: %d columns, %lld rows of the table", file, t->n,
                     (long long)t->rows);
    crm_mem_free(to);
    return st;
}

static crm_status look_at(crm_comm *comm, guess *g, const char *file)
{
    crm_table_def def = {.files = {1, &file}};
    table_input in = {0};
    crm_status st = crm_table_input_map(comm, &def, "", &in);

    if (!st) st = crm_table_unpack(comm, &in);
    if (!st && crm_comm_rank(comm) == 0) st = add_file(g, &in.source[0], file);
    crm_table_input_close(&in);
    return crm_comm_agree(comm, st);
}

crm_status crm_table_propose(crm_comm *comm, int n_files, const char *const *file, crm_str *out)
{
    guess g = {.n = 0};
    crm_status st = CRM_OK;

    CRM_CHECK(n_files > 0, CRM_ERR_CONFIG, "no file is named; a schema is proposed for files");
    g.table = crm_mem_new((size_t)n_files, sizeof *g.table);
    if (!g.table) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d tables", n_files);
    st = crm_comm_agree(comm, st);
    for (int i = 0; i < n_files && !st; i++)
        st = look_at(comm, &g, file[i]);
    if (!st && crm_comm_rank(comm) == 0) st = make_guess(&g, out);
    st = crm_comm_agree(comm, st);
    for (int t = 0; g.table && t < g.n; t++)
        crm_guess_table_free(&g.table[t]);
    crm_mem_free(g.table);
    return st;
}
