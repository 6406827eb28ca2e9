/* table_import.c - the import from end to end: file, header, two passes over the rows, data set. */
#include <sys/stat.h>

#include "crmpi/base_mem.h"
#include "crmpi/comm_watchdog.h"
#include "table_impl.h"

/* ---- info ---- */
void crm_table_info_free(crm_table_info *info)
{
    for (int k = 0; info->column && k < info->n_columns; k++)
        crm_mem_free(info->column[k].name);
    for (int c = 0; info->class_name && c < info->n_classes; c++)
        crm_mem_free(info->class_name[c]);
    crm_mem_free(info->column);
    crm_mem_free(info->class_name);
    crm_mem_free(info->class_count);
    crm_mem_free(info->target);
    *info = (crm_table_info){0};
}

static crm_status copy_text(const char *text, char **out)
{
    *out = crm_mem_strdup(text);
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: a name");
    return CRM_OK;
}

static crm_status describe_columns(const table_plan *p, const table_part *t, crm_table_info *info)
{
    CRM_NEW(info->column, p->n);
    info->n_columns = p->n;
    for (int k = 0; k < p->n; k++) {
        crm_table_column *c = &info->column[k];
        CRM_TRY(copy_text(p->column[k].name, &c->name));
        c->kind = p->column[k].kind;
        c->missing = t->missing[k];
        if (c->kind == CRM_TABLE_CATEGORICAL) c->levels = t->n_levels[p->column[k].slot];
        if (c->kind == CRM_TABLE_LABEL) c->levels = t->n_levels[p->n_cat];
    }
    return CRM_OK;
}

static crm_status describe_classes(const table_plan *p, const table_part *t, crm_table_info *info)
{
    int n = (int)t->n_levels[p->n_cat];

    CRM_TRY(copy_text(p->target, &info->target));
    CRM_NEW(info->class_name, n);
    CRM_NEW(info->class_count, n);
    info->n_classes = n;
    for (int c = 0; c < n; c++)
        CRM_TRY(copy_text(t->sorted[p->n_cat][c], &info->class_name[c]));
    for (int64_t i = 0; i < t->n; i++)
        if (t->label[i] >= 0) info->class_count[t->label[i]]++;
    return CRM_OK;
}

static crm_status describe(crm_comm *comm, const table_plan *p, const table_part *t,
                           crm_table_info *info)
{
    crm_status st = describe_columns(p, t, info);

    info->rows = info->unlabelled = t->total;
    info->n_num = p->n_num;
    info->n_cat = p->n_cat;
    if (!st && p->label >= 0) st = describe_classes(p, t, info);
    CRM_TRY(crm_comm_agree(comm, st));
    if (p->label < 0) return CRM_OK;
    info->unlabelled = t->missing[p->label];
    return crm_comm_sum_i64(comm, info->class_count, info->n_classes);
}

/* ---- import ---- */
static crm_status refuse_same_file(const char *csv_path, const char *store_path)
{
    struct stat a, b;

    if (stat(csv_path, &a) != 0 || stat(store_path, &b) != 0) return CRM_OK;
    CRM_CHECK(a.st_dev != b.st_dev || a.st_ino != b.st_ino, CRM_ERR_CONFIG,
              "data.store: %s is the CSV itself; name another file", store_path);
    return CRM_OK;
}

static crm_status read_part(crm_comm *comm, table_file *f, table_plan *p, table_part *t)
{
    size_t begin, end;

    CRM_TRY(crm_table_file_range(comm, f, p->data_at, &begin, &end));
    CRM_TRY(crm_table_part_scan(comm, f, begin, end, p, t));
    return crm_table_part_fill(comm, f, begin, end, p, t);
}

crm_status crm_table_import(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                            const char *store_path, const crm_table_like *like,
                            crm_table_info *info)
{
    table_file file = {0};
    table_plan plan = {0};
    table_part part = {0};
    crm_digest source, content;
    crm_status st;

    if (info) *info = (crm_table_info){0};
    crm_watchdog_enter(CRM_IN_IMPORT);
    CRM_TRY_TO(st, done, crm_table_file_open(comm, csv_path, &file));
    CRM_TRY_TO(st, done, crm_table_first_error(comm, refuse_same_file(csv_path, store_path)));
    CRM_TRY_TO(st, done, crm_table_first_error(comm, crm_table_plan_make(&file, cfg, like, &plan)));
    CRM_TRY_TO(st, done, read_part(comm, &file, &plan, &part));
    CRM_TRY_TO(st, done, crm_table_digest(comm, &file, cfg, like, &source));
    if (info) CRM_TRY_TO(st, done, describe(comm, &plan, &part, info));
    CRM_TRY_TO(st, done,
               crm_table_write(comm, store_path, csv_path, &plan, &part, source, &content));
    if (info) {
        info->source = source;
        info->content = content;
    }
done:
    crm_watchdog_leave();
    crm_table_part_free(&part, &plan);
    crm_table_plan_free(&plan);
    crm_table_file_close(&file);
    return st;
}

crm_status crm_table_source_digest(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                                   crm_digest *digest)
{
    table_file file;
    crm_status st = crm_table_file_open(comm, csv_path, &file);

    *digest = (crm_digest){0};
    if (!st) st = crm_table_digest(comm, &file, cfg, NULL, digest);
    crm_table_file_close(&file);
    return st;
}
