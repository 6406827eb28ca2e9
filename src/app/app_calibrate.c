/* app_calibrate.c - a study whose labels tell nothing, and what it came to. */
#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/record_null.h"
#include "crmpi/report.h"

static crm_status write_null(const app *a, const crm_eval *e, const crm_null *n)
{
    crm_str markdown = {0}, terminal = {0};
    char *json = NULL;
    size_t len = 0;
    crm_status st = CRM_OK;

    if (app_is_root(a)) {
        st = crm_null_write(n, &json, &len);
        crm_report_null_markdown(n, &markdown);
        crm_report_null_terminal(n, &terminal);
        if (!st && (markdown.failed || terminal.failed))
            CRM_SET(st, CRM_ERR_NOMEM, "out of memory: calibrate.md");
    }
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_record_write(e->record, "calibrate.json", json, len);
    if (!st) st = crm_record_write(e->record, "calibrate.md", markdown.text, markdown.len);
    if (!st && app_is_root(a) && !a->repeat) fputs(terminal.text, stdout);
    crm_str_free(&markdown);
    crm_str_free(&terminal);
    crm_mem_free(json);
    return st;
}

crm_status app_calibrate(app *a, const crm_eval *e)
{
    crm_null n;

    CRM_TRY(crm_eval_null(e, &a->null, &n));
    return write_null(a, e, &n);
}
