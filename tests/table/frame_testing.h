/* frame_testing.h - what the tests of frames share: a schema from a few words, a frame as a digest
 * or as text. */
#ifndef FRAME_TESTING_H
#define FRAME_TESTING_H

#include "../../src/data/table/table_frame.h"
#include "crmpi/base_hash.h"
#include "table_testing.h"

enum { T_COLUMNS = 64, T_WORDS = 1024 };

/* A schema of one table, made by t_schema. */
typedef struct t_made {
    crm_table_schema schema;
    crm_table_def table;
    crm_field column[T_COLUMNS];
    char text[8192]; /* the description, cut into words */
    const char *word[T_WORDS];
    int n_words;
} t_made;

static inline const char **t_words(t_made *m, char *list, int *n)
{
    const char **first = &m->word[m->n_words];

    *n = 0;
    for (char *p = list; p && *p;) {
        char *next = strchr(p, '/');
        if (next) *next++ = '\0';
        m->word[m->n_words++] = p;
        ++*n;
        p = next;
    }
    return first;
}

static inline int t_index(const char *const *name, const char *text)
{
    for (int i = 0; name[i]; i++)
        if (strcmp(name[i], text) == 0) return i;
    fprintf(stderr, "# no such word: %s\n", text);
    return 0;
}

/* key=value of a column; lists are a/b/c, "~" stands for a blank */
static inline void t_set(t_made *m, crm_field *f, char *key, char *value)
{
    static const char *const BAD[] = {"error", "skip", "missing", NULL};
    static const char *const CASE[] = {"keep", "lower", "upper", NULL};
    int n;

    for (char *p = value; *p; p++)
        if (*p == '~') *p = ' ';
    if (strcmp(key, "bad") == 0) f->bad = t_index(BAD, value);
    if (strcmp(key, "case") == 0) f->letters = (crm_letter_case)t_index(CASE, value);
    if (strcmp(key, "format") == 0) f->format = value;
    if (strcmp(key, "decimal") == 0) f->decimal = value[0] == 'c' ? ',' : '.';
    if (strcmp(key, "min") == 0) f->min = strtod(value, NULL);
    if (strcmp(key, "max") == 0) f->max = strtod(value, NULL);
    if (strcmp(key, "min") == 0) f->time_min = strtoll(value, NULL, 10); /* of integers */
    if (strcmp(key, "max") == 0) f->time_max = strtoll(value, NULL, 10);
    if (strcmp(key, "from") == 0) f->time_min = strtoll(value, NULL, 10);
    if (strcmp(key, "to") == 0) f->time_max = strtoll(value, NULL, 10);
    if (strcmp(key, "yes") == 0) f->yes = value;
    if (strcmp(key, "no") == 0) f->no = value;
    if (strcmp(key, "levels") == 0) f->max_levels = strtoll(value, NULL, 10);
    if (strcmp(key, "missing") == 0) {
        f->missing.item = t_words(m, value, &n);
        f->missing.n = n;
    }
    if (strcmp(key, "map") == 0) { /* a/b/c/d: a is b, c is d */
        const char **w = t_words(m, value, &n);
        const char **to = &m->word[m->n_words];
        m->n_words += n / 2;
        for (int i = 0; i < n / 2; i++) {
            const char *from = w[2 * i];
            to[i] = w[2 * i + 1];
            w[i] = from;
        }
        f->map_from = (crm_opt_list){n / 2, w};
        f->map_to = (crm_opt_list){n / 2, to};
    }
}

/* "name:type,key=value,... name:type ..." and the patterns of the files, "a.csv/b.csv". */
static inline void t_schema(t_made *m, const char *columns, const char *files)
{
    static const char *const TYPE[] = {"ignore", "integer", "real", "boolean", "category",
                                       "time",   "text",    "id",   NULL};
    char *end = NULL, *more = NULL;
    size_t used = strlen(columns) + 1;
    int n;

    memset(m, 0, sizeof *m);
    snprintf(m->text, sizeof m->text, "%s", columns);
    snprintf(m->text + used, sizeof m->text - used, "%s", files);
    for (char *c = strtok_r(m->text, " ", &end); c; c = strtok_r(NULL, " ", &end)) {
        crm_field *f = &m->column[m->table.n++];
        char *type = strchr(c, ':');
        *type++ = '\0';
        *f = (crm_field){.name = c,
                         .format = "iso",
                         .unit = "",
                         .meaning = "",
                         .yes = "",
                         .no = "",
                         .decimal = '.',
                         .min = -INFINITY,
                         .max = INFINITY,
                         .time_min = INT64_MIN,
                         .time_max = INT64_MAX,
                         .max_levels = 10000,
                         .ref_table = -1};
        type = strtok_r(type, ",", &more);
        f->type = (crm_field_type)t_index(TYPE, type);
        for (char *o = strtok_r(NULL, ",", &more); o; o = strtok_r(NULL, ",", &more)) {
            char *value = strchr(o, '=');
            *value++ = '\0';
            t_set(m, f, o, value);
        }
    }
    m->table.name = "t";
    m->table.key = -1;
    m->table.entity = -1;
    m->table.column = m->column;
    m->table.files.item = t_words(m, m->text + used, &n);
    m->table.files.n = n;
    m->schema = (crm_table_schema){.path = "test", .n = 1, .table = &m->table, .key = -1};
}

/* ---- a frame as text: for each row its line and values ---- */
static inline void t_add_cell(crm_str *out, const crm_field *f, const table_cells *c, int64_t i)
{
    int64_t begin = c->end && i > 0 ? c->end[i - 1] : 0;
    char hex[CRM_DIGEST_HEX];

    switch (f->type) {
    case CRM_FIELD_REAL:
        if (isnan(c->real[i]))
            crm_str_addf(out, " -");
        else
            crm_str_addf(out, " %.17g", c->real[i]);
        break;
    case CRM_FIELD_INTEGER:
    case CRM_FIELD_BOOLEAN:
    case CRM_FIELD_TIME:
        if (c->whole[i] == CRM_WHOLE_MISSING)
            crm_str_addf(out, " -");
        else
            crm_str_addf(out, " %lld", (long long)c->whole[i]);
        break;
    case CRM_FIELD_CATEGORY:
        crm_str_addf(out, " %s", c->code[i] < 0 ? "-" : c->level[c->code[i]]);
        break;
    case CRM_FIELD_TEXT:
    case CRM_FIELD_ID:
        crm_str_addf(out, " '");
        crm_str_add(out, c->bytes ? c->bytes + begin : "", (size_t)(c->end[i] - begin));
        crm_str_addf(out, "'");
        if (f->type == CRM_FIELD_ID) {
            crm_digest_hex(c->key[i], hex);
            if (c->end[i] > begin) {
                crm_digest d = crm_digest_of(c->bytes + begin, (size_t)(c->end[i] - begin));
                T_CHECK(crm_digest_equal(d, c->key[i]));
            } else {
                T_CHECK(c->key[i].hi == 0 && c->key[i].lo == 0);
            }
        }
        break;
    default:
        break;
    }
}

/* The rows of all ranks, on all ranks; the caller's (crm_mem_free).  Collective. */
static inline char *t_frame_text(const table_frame *f)
{
    const crm_table_def *t = &f->schema->table[f->table];
    crm_str mine = {0};
    void *all = NULL;
    size_t bytes;

    for (int64_t i = 0; i < f->n; i++) {
        crm_str_addf(&mine, "%lld.%lld:", (long long)(f->where[i] >> 40),
                     (long long)(f->where[i] & ((1LL << 40) - 1)));
        for (int c = 0; c < t->n; c++)
            t_add_cell(&mine, &t->column[c], &f->column[c], i);
        crm_str_addf(&mine, "\n");
    }
    if (crm_comm_rank(t_comm) == crm_comm_size(t_comm) - 1) crm_str_add(&mine, "", 1);
    T_OK(crm_comm_allgather(t_comm, mine.text, mine.len, &all, &bytes, NULL));
    crm_str_free(&mine);
    return all;
}
#endif
