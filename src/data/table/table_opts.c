/* table_opts.c - options data.* of the CSV import, and the names of its enums. */
#include "table_impl.h"

static const char *const SEPARATORS[] = {"auto", "comma", "semicolon", "tab", NULL};
_Static_assert(sizeof SEPARATORS / sizeof *SEPARATORS == CRM_TABLE_SEPARATOR_COUNT + 1,
               "one name per separator");
static const char *const BAD_VALUES[] = {"error", "missing", NULL};
_Static_assert(sizeof BAD_VALUES / sizeof *BAD_VALUES == CRM_TABLE_BAD_COUNT + 1,
               "one name per policy");

const char *const crm_table_kind_names[] = {"ignored", "numeric", "categorical",
                                            "label",   "id",      NULL};
_Static_assert(sizeof crm_table_kind_names / sizeof *crm_table_kind_names ==
                   CRM_TABLE_KIND_COUNT + 1,
               "one name per kind");

#define T crm_table_cfg
const crm_opt crm_table_opts[] = {
    CRM_OPT_S(T, label, "data.label", "", 0, "Column of the class label; empty: none."),
    CRM_OPT_S(T, positive, "data.positive", "", 0,
              "Level that is class 1 of two; empty: the last one in sort order."),
    CRM_OPT_S(T, target, "data.target", "", 0,
              "Name of the target; empty: the label column's name in lower case."),
    CRM_OPT_S(T, id, "data.id", "", 0, "Column of the row ids; empty: rows are numbered."),
    CRM_OPT_L(T, numeric, "data.numeric", "", NULL, 0,
              "Columns that are numbers; the type of unlisted columns is found from their values."),
    CRM_OPT_L(T, categorical, "data.categorical", "", NULL, 0,
              "Columns that are categories, even where all values are numbers."),
    CRM_OPT_L(T, ignore, "data.ignore", "", NULL, 0, "Columns that are left out."),
    CRM_OPT_L(T, missing, "data.missing", "NA,N/A,NaN,nan,NULL,null,?", NULL, 0,
              "Texts that mean a missing value; an empty or blank field always does."),
    CRM_OPT_E(T, separator, "data.separator", "auto", SEPARATORS, 0,
              "Separator of the fields; auto: the one that stands most often in the header."),
    CRM_OPT_E(T, bad_values, "data.bad_values", "error", BAD_VALUES, 0,
              "What text in a column declared numeric is: an error, or a missing value."),
    CRM_OPT_I(T, max_levels, "data.max_levels", 10000, 1, 10000000, "levels", 0,
              "Most distinct values of a categorical column."),
    {.key = NULL}};
