/* table_plan.c - what each column of a single CSV is: by option, by model, or to be found out from
 * its values. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_single.h"

/* ---- header ---- */
static crm_status read_header(const table_source *s, table_plan *p)
{
    const crm_table_def single = {.single = true};
    char **name = NULL;
    size_t *at = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(p->column, s->n);
    CRM_NEW_TO(st, done, name, s->n);
    CRM_NEW_TO(st, done, at, s->n);
    st = crm_table_header_fields(&single, s, name, at);
    for (p->n = 0; p->n < s->n; p->n++)
        p->column[p->n] = (table_plan_column){.name = name[p->n], .at = at[p->n]};
done:
    crm_mem_free(name);
    crm_mem_free(at);
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
    int len = (int)strlen(name), distance = len < len / 3 + 2 ? len : len / 3 + 2;

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

crm_status crm_table_plan_make(const table_source *s, const crm_table_cfg *cfg,
                               const crm_table_like *like, table_plan *p)
{
    *p = (table_plan){.cfg = cfg, .like = like, .label = -1, .id = -1};
    CRM_TRY(read_header(s, p));
    CRM_TRY(like ? kinds_by_model(&s->file, p) : kinds_by_option(&s->file, p));
    return name_target(p);
}

void crm_table_plan_free(table_plan *p)
{
    for (int k = 0; k < p->n; k++)
        crm_mem_free(p->column[k].name);
    crm_mem_free(p->column);
    *p = (table_plan){0};
}
