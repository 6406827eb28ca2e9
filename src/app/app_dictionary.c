/* app_dictionary.c - the page beside a data set that was made from another one. */
#include "app_impl.h"
#include "crmpi/table_dictionary.h"

static crm_status copy_dictionary(const crm_dictionary *x, crm_table_dictionary *to)
{
    for (int i = 0; i < x->n; i++)
        CRM_TRY(crm_table_dictionary_add(to, &(crm_table_entry){.block = x->block[i],
                                                                .name = x->name[i],
                                                                .type = x->type[i],
                                                                .unit = x->unit[i],
                                                                .meaning = x->meaning[i],
                                                                .source = x->source[i],
                                                                .cleaning = x->cleaning[i],
                                                                .missing = (double)x->missing[i]}));
    return CRM_OK;
}

crm_status app_write_dictionary(const char *path, const char *quality)
{
    crm_table_dictionary *to = NULL;
    crm_data *d = NULL;
    const crm_dictionary *x;
    crm_status st;

    CRM_TRY(crm_data_open(path, &d));
    x = crm_data_dictionary(d);
    st = x ? crm_table_dictionary_new(&to) : CRM_OK;
    if (x && !st) st = copy_dictionary(x, to);
    if (x && !st) crm_table_dictionary_beside(NULL, path, quality, to);
    crm_table_dictionary_free(&to);
    crm_data_close(&d);
    return st;
}
