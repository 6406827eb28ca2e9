/* table_classes.c - values as classes with names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

enum { CLASSES_MAX = 65536 }; /* of a target (data.h) */

/* Whole numbers of this rank as texts, each once. */
static crm_status collect(const table_values *v, table_levels *l, int32_t *code)
{
    char text[24];

    for (int64_t i = 0; i < v->n; i++) {
        int len;
        code[i] = -1;
        if (crm_table_values_missing(v, i)) continue;
        len = snprintf(text, sizeof text, "%lld", (long long)v->whole[i]);
        CRM_TRY(crm_table_levels_add(l, text, (size_t)len, CLASSES_MAX, &code[i]));
    }
    return CRM_OK;
}

static crm_status recode(const table_levels *mine, const table_levels *all, const table_values *v,
                         int32_t *code, table_names *names)
{
    const char **sorted = NULL;
    int32_t *to = NULL;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, crm_table_levels_sort(all, &sorted));
    CRM_NEW_TO(st, done, to, mine->n);
    for (int64_t k = 0; k < mine->n; k++)
        to[k] = crm_table_levels_find(sorted, all->n, crm_table_levels_text(mine, k));
    for (int64_t i = 0; i < v->n; i++)
        if (code[i] >= 0) code[i] = to[code[i]];
    CRM_TRY_TO(st, done, crm_table_names_copy(all->n, sorted, names));
done:
    crm_mem_free(to);
    crm_mem_free(sorted);
    return st;
}

static crm_status of_whole(crm_comm *comm, const table_values *v, const char *column, int32_t *code,
                           table_names *names)
{
    table_levels mine = {0}, all = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(comm, collect(v, &mine, code)));
    CRM_TRY_TO(st, done, crm_table_levels_gather(comm, &mine, 1, CLASSES_MAX, &all));
    CRM_CHECK_TO(st, done, all.n <= CLASSES_MAX, CRM_ERR_FORMAT,
                 "column '%s': more than %d distinct values, a label has at most so many classes",
                 column, CLASSES_MAX);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, recode(&mine, &all, v, code, names)));
done:
    crm_table_levels_free(&mine);
    crm_table_levels_free(&all);
    return st;
}

static crm_status of_boolean(crm_comm *comm, const table_values *v, const crm_field *f,
                             int32_t *code, table_names *names)
{
    const char *name[2] = {f->no && f->no[0] ? f->no : "no", f->yes && f->yes[0] ? f->yes : "yes"};

    for (int64_t i = 0; i < v->n; i++)
        code[i] = crm_table_values_missing(v, i) ? -1 : (int32_t)v->whole[i];
    return crm_comm_agree(comm, crm_table_names_copy(2, name, names));
}

crm_status crm_table_classes(crm_comm *comm, const table_values *v, const crm_field *f,
                             int32_t *code, table_names *names)
{
    if (v->type == CRM_FIELD_BOOLEAN) return of_boolean(comm, v, f, code, names);
    if (v->type == CRM_FIELD_INTEGER) return of_whole(comm, v, f->name, code, names);
    CRM_ASSERT(v->type == CRM_FIELD_CATEGORY);
    memcpy(code, v->code, (size_t)v->n * sizeof *code);
    return crm_comm_agree(comm, crm_table_names_copy(v->n_levels, v->level, names));
}
