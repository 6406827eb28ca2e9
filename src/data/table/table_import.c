/* table_import.c - the import of a single CSV from end to end. */
#include <sys/stat.h>

#include "crmpi/base_mem.h"
#include "crmpi/comm_watchdog.h"
#include "table_single.h"

typedef struct importing {
    crm_comm *comm;
    const char *csv;
    table_input in;
    table_plan plan;
    table_part part;
    table_rejects *rejects;
    int64_t rejected, listed;
} importing;

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

/* The list of rejects goes with its data set; a data set made like another has none. */
static crm_status write_all(importing *x, const char *store_path, crm_digest source,
                            crm_digest *content)
{
    crm_status st, settled;

    if (x->plan.like)
        return crm_table_write(x->comm, store_path, x->csv, &x->plan, &x->part, source, content);
    CRM_TRY(crm_table_rejects_begin(x->comm, x->rejects, store_path, &x->rejected, &x->listed));
    st = crm_table_write(x->comm, store_path, x->csv, &x->plan, &x->part, source, content);
    settled = crm_table_rejects_end(x->comm, store_path, !st);
    return st ? st : settled;
}

static crm_status open_single(importing *x, const crm_table_def *def, const crm_table_cfg *cfg,
                              const char *store_path, const crm_table_like *like)
{
    CRM_TRY(crm_table_input_map(x->comm, def, "", &x->in));
    CRM_TRY(crm_table_first_error(x->comm, refuse_same_file(x->csv, store_path)));
    CRM_TRY(crm_table_unpack(x->comm, &x->in));
    CRM_TRY(crm_table_first_error(x->comm, crm_table_input_begin(def, &x->in)));
    CRM_TRY(
        crm_table_first_error(x->comm, crm_table_plan_make(&x->in.source[0], cfg, like, &x->plan)));
    CRM_TRY(crm_table_input_divide(x->comm, &x->in));
    return crm_comm_agree(x->comm, crm_table_rejects_new(CRM_TABLE_REJECTS, &x->rejects));
}

crm_status crm_table_import(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                            const char *store_path, const crm_table_like *like,
                            crm_table_info *info)
{
    crm_table_def def = crm_table_single_def(cfg, &csv_path);
    importing x = {.comm = comm, .csv = csv_path};
    crm_digest source, content;
    crm_status st;

    if (info) *info = (crm_table_info){0};
    crm_watchdog_enter(CRM_IN_IMPORT);
    CRM_TRY_TO(st, done, open_single(&x, &def, cfg, store_path, like));
    CRM_TRY_TO(st, done, crm_table_part_read(comm, &def, &x.in, &x.plan, x.rejects, &x.part));
    CRM_TRY_TO(st, done, crm_table_digest(comm, &x.in.source[0], cfg, like, &source));
    if (info) CRM_TRY_TO(st, done, describe(comm, &x.plan, &x.part, info));
    CRM_TRY_TO(st, done, write_all(&x, store_path, source, &content));
    if (info) {
        info->rejected = x.rejected;
        info->listed = x.listed;
        info->source = source;
        info->content = content;
    }
done:
    crm_watchdog_leave();
    crm_table_rejects_free(&x.rejects);
    crm_table_part_free(&x.part, &x.plan);
    crm_table_plan_free(&x.plan);
    crm_table_input_close(&x.in);
    return st;
}

crm_status crm_table_source_digest(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                                   crm_digest *digest)
{
    crm_table_def def = crm_table_single_def(cfg, &csv_path);
    table_input in = {0};
    crm_status st = crm_table_input_map(comm, &def, "", &in);

    *digest = (crm_digest){0};
    if (!st) st = crm_table_digest(comm, &in.source[0], cfg, NULL, digest);
    crm_table_input_close(&in);
    return st;
}
