/* table_plan.c - the header of the CSV, and what each column is: by option, by model, or to be
 * found out from its values. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_impl.h"

void crm_table_trim(const char **text, size_t *len)
{
    while (*len > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* ---- header ---- */
static char find_separator(const table_file *f, int choice)
{
    static const char SEP[] = {'\0', ',', ';', '\t'};
    int64_t count[CRM_TABLE_SEPARATOR_COUNT] = {0};
    size_t i = f->begin;
    bool quoted = false;
    int best = CRM_TABLE_SEPARATOR_COMMA;

    if (choice != CRM_TABLE_SEPARATOR_AUTO) return SEP[choice];
    while (i < f->size && (f->data[i] == '\n' || f->data[i] == '\r'))
        i++;
    for (; i < f->size && (quoted || f->data[i] != '\n'); i++) {
        if (f->data[i] == '"') quoted = !quoted;
        for (int k = 1; k < CRM_TABLE_SEPARATOR_COUNT && !quoted; k++)
            count[k] += f->data[i] == SEP[k];
    }
    for (int k = 1; k < CRM_TABLE_SEPARATOR_COUNT; k++)
        if (count[k] > count[best]) best = k;
    return SEP[best];
}

static crm_status add_name(const table_file *f, table_plan *p, const table_field *field)
{
    const char *text = field->text;
    size_t len = field->len;
    char show[CRM_TABLE_SHOW_MAX];
    table_plan_column *c = &p->column[p->n];

    crm_table_trim(&text, &len);
    if (len == 0)
        return crm_table_fail_at(f, field->at, "the name of column %d is empty; give it one",
                                 p->n + 1);
    for (int k = 0; k < p->n; k++)
        if (strlen(p->column[k].name) == len && memcmp(p->column[k].name, text, len) == 0)
            return crm_table_fail_at(f, field->at,
                                     "column '%s' is named twice, as number %d and %d; rename one",
                                     crm_table_show(text, len, show), k + 1, p->n + 1);
    CRM_NEW(c->name, len + 1);
    memcpy(c->name, text, len);
    c->at = field->at;
    p->n++;
    return CRM_OK;
}

static crm_status read_header(const table_file *f, table_plan *p)
{
    table_reader r = {.file = f, .pos = f->begin, .end = f->size};
    crm_status st = CRM_OK;
    bool got;

    r.sep = p->sep = find_separator(f, p->cfg->separator);
    CRM_TRY_TO(st, done, crm_table_reader_next(&r, &got));
    if (!got) {
        st = crm_table_fail_at(f, f->begin, "the file is empty; a header line and rows are needed");
        goto done;
    }
    CRM_NEW_TO(st, done, p->column, r.n);
    for (int k = 0; k < r.n; k++)
        CRM_TRY_TO(st, done, add_name(f, p, &r.field[k]));
    p->data_at = r.pos;
done:
    crm_table_reader_free(&r);
    return st;
}

/* ---- kinds ---- */
static int find_column(const table_plan *p, const char *name)
{
    for (int k = 0; k < p->n; k++)
        if (strcmp(p->column[k].name, name) == 0) return k;
    return -1;
}

/* The column of that name nearest to a wrong one, as the end of a message. */
static const char *hint(const table_plan *p, const char *name, char *out, size_t cap)
{
    const char *best = NULL;
    int distance = (int)strlen(name) / 3 + 2;

    for (int k = 0; k < p->n; k++) {
        int d = crm_edit_distance(name, p->column[k].name);
        if (d < distance) {
            distance = d;
            best = p->column[k].name;
        }
    }
    snprintf(out, cap, "; the %s is '%s'", best ? "nearest" : "first",
             best ? best : p->column[0].name);
    return out;
}

/* Option key says that the column of that name is of a kind. */
static crm_status claim(const table_file *f, table_plan *p, const char *key, const char *name,
                        crm_table_kind kind, int *index)
{
    int k = find_column(p, name);
    char near[256];

    CRM_CHECK(k >= 0, CRM_ERR_CONFIG, "%s: %s has no column '%s'%s", key, f->path, name,
              hint(p, name, near, sizeof near));
    CRM_CHECK(p->column[k].guess, CRM_ERR_CONFIG,
              "%s: column '%s' is also listed as %s; keep one of them", key, name,
              crm_table_kind_names[p->column[k].kind]);
    p->column[k].kind = kind;
    p->column[k].guess = false;
    if (index) *index = k;
    return CRM_OK;
}

static crm_status claim_list(const table_file *f, table_plan *p, const char *key,
                             const crm_opt_list *list, crm_table_kind kind)
{
    for (int i = 0; i < list->n; i++)
        CRM_TRY(claim(f, p, key, list->item[i], kind, NULL));
    return CRM_OK;
}

static crm_status kinds_by_option(const table_file *f, table_plan *p)
{
    const crm_table_cfg *c = p->cfg;

    for (int k = 0; k < p->n; k++) {
        p->column[k].kind = CRM_TABLE_NUMERIC;
        p->column[k].guess = true;
    }
    if (c->label[0]) CRM_TRY(claim(f, p, "data.label", c->label, CRM_TABLE_LABEL, &p->label));
    if (c->id[0]) CRM_TRY(claim(f, p, "data.id", c->id, CRM_TABLE_ID, &p->id));
    CRM_TRY(claim_list(f, p, "data.ignore", &c->ignore, CRM_TABLE_IGNORED));
    CRM_TRY(claim_list(f, p, "data.numeric", &c->numeric, CRM_TABLE_NUMERIC));
    return claim_list(f, p, "data.categorical", &c->categorical, CRM_TABLE_CATEGORICAL);
}

static crm_status like_list(const table_file *f, table_plan *p, const char *const *name, int n,
                            crm_table_kind kind)
{
    char near[256];

    for (int i = 0; i < n; i++) {
        int k = find_column(p, name[i]);
        if (k < 0)
            return crm_table_fail_at(f, p->column[0].at,
                                     "column '%s' is missing, the model was fitted with it%s",
                                     name[i], hint(p, name[i], near, sizeof near));
        p->column[k].kind = kind;
        p->column[k].slot = i;
    }
    return CRM_OK;
}

static crm_status kinds_by_model(const table_file *f, table_plan *p)
{
    const crm_table_like *l = p->like;

    p->label = p->cfg->label[0] ? find_column(p, p->cfg->label) : -1;
    p->id = p->cfg->id[0] ? find_column(p, p->cfg->id) : -1;
    if (p->label >= 0) p->column[p->label].kind = CRM_TABLE_LABEL;
    if (p->id >= 0) p->column[p->id].kind = CRM_TABLE_ID;
    CRM_TRY(like_list(f, p, l->num_name, l->n_num, CRM_TABLE_NUMERIC));
    CRM_TRY(like_list(f, p, l->cat_name, l->n_cat, CRM_TABLE_CATEGORICAL));
    if (p->label >= 0 && p->column[p->label].kind != CRM_TABLE_LABEL) p->label = -1;
    if (p->id >= 0 && p->column[p->id].kind != CRM_TABLE_ID) p->id = -1;
    return CRM_OK;
}

void crm_table_plan_slots(table_plan *p)
{
    p->n_num = p->n_cat = 0;
    for (int k = 0; k < p->n; k++) {
        int *next = p->column[k].kind == CRM_TABLE_NUMERIC       ? &p->n_num
                    : p->column[k].kind == CRM_TABLE_CATEGORICAL ? &p->n_cat
                                                                 : NULL;
        p->column[k].guess = false;
        if (next && !p->like) p->column[k].slot = *next;
        if (next) ++*next;
    }
}

static bool can_name_array(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > CRM_TABLE_TARGET_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || name[i] == '/') return false;
    return true;
}

/* The target's name becomes part of an array's name in the data set. */
static crm_status name_target(table_plan *p)
{
    bool given = p->cfg->target[0] != '\0';
    const char *name = given ? p->cfg->target : p->cfg->label;

    if (p->label < 0) return CRM_OK;
    CRM_CHECK(can_name_array(name), CRM_ERR_CONFIG,
              "%s: '%s' cannot name a target (at most %d bytes, no '/', no control character); set "
              "data.target",
              given ? "data.target" : "data.label", name, CRM_TABLE_TARGET_MAX);
    for (size_t i = 0; name[i]; i++) {
        char c = name[i];
        p->target[i] = !given && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return CRM_OK;
}

crm_status crm_table_plan_make(const table_file *f, const crm_table_cfg *cfg,
                               const crm_table_like *like, table_plan *p)
{
    *p = (table_plan){.cfg = cfg, .like = like, .label = -1, .id = -1};
    CRM_NEW(p->missing_len, cfg->missing.n);
    for (int i = 0; i < cfg->missing.n; i++)
        p->missing_len[i] = strlen(cfg->missing.item[i]);
    CRM_TRY(read_header(f, p));
    CRM_TRY(like ? kinds_by_model(f, p) : kinds_by_option(f, p));
    return name_target(p);
}

void crm_table_plan_free(table_plan *p)
{
    for (int k = 0; k < p->n; k++)
        crm_mem_free(p->column[k].name);
    crm_mem_free(p->column);
    crm_mem_free(p->missing_len);
    *p = (table_plan){0};
}
