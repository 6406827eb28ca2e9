/* cmd_propose.c - import --propose FILE...: a schema for files, to be edited. */
#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/table_schema.h"

crm_status app_propose(app *a)
{
    int n = 1 + a->args.n_more;
    const char **file = crm_mem_new((size_t)n, sizeof *file);
    crm_str yaml = {0};
    crm_status st = CRM_OK;

    if (!file) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d names of files", n);
    st = crm_comm_agree(a->world, st);
    for (int i = 0; i < n && !st; i++)
        file[i] = i == 0 ? a->args.operand : a->args.more[i - 1];
    if (!st) st = crm_table_propose(a->world, n, file, &yaml);
    if (!st)
        st = crm_comm_agree(a->world,
                            app_is_root(a) ? app_print_all(a, yaml.text, yaml.len) : CRM_OK);
    crm_str_free(&yaml);
    crm_mem_free(file);
    return st;
}
