/* table_dictionary.c - rows of the data dictionary, into the data set and as Markdown. */
#include "crmpi/table_dictionary.h"

#include <math.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "table_clean.h"

enum { BLOCK, NAME, TYPE, UNIT, MEANING, SOURCE, CLEANING, TEXTS };
static const char *const text_name[TEXTS] = {
    "dictionary/block",   "dictionary/name",   "dictionary/type",    "dictionary/unit",
    "dictionary/meaning", "dictionary/source", "dictionary/cleaning"};

struct crm_table_dictionary {
    int n, cap;
    char **text[TEXTS]; /* [n] */
    float *missing;     /* [n] */
};

crm_status crm_table_dictionary_new(crm_table_dictionary **out)
{
    CRM_NEW(*out, 1);
    return CRM_OK;
}

static crm_status more(crm_table_dictionary *d)
{
    int cap = d->cap ? 2 * d->cap : 32;
    float *missing = crm_mem_grow(d->missing, (size_t)d->n, (size_t)cap, sizeof *missing);

    CRM_CHECK(missing, CRM_ERR_NOMEM, "out of memory: %d rows of the data dictionary", cap);
    d->missing = missing;
    for (int k = 0; k < TEXTS; k++) {
        char **text = crm_mem_grow(d->text[k], (size_t)d->n, (size_t)cap, sizeof *text);
        CRM_CHECK(text, CRM_ERR_NOMEM, "out of memory: %d rows of the data dictionary", cap);
        d->text[k] = text;
    }
    d->cap = cap;
    return CRM_OK;
}

crm_status crm_table_dictionary_add(crm_table_dictionary *d, const crm_table_entry *row)
{
    const char *const text[TEXTS] = {row->block,   row->name,   row->type,    row->unit,
                                     row->meaning, row->source, row->cleaning};

    if (d->n == d->cap) CRM_TRY(more(d));
    for (int k = 0; k < TEXTS; k++)
        d->text[k][d->n] = crm_mem_strdup(text[k] ? text[k] : "");
    d->missing[d->n] = (float)row->missing;
    d->n++;
    for (int k = 0; k < TEXTS; k++)
        CRM_CHECK(d->text[k][d->n - 1], CRM_ERR_NOMEM, "out of memory: the data dictionary");
    return CRM_OK;
}

int crm_table_dictionary_rows(const crm_table_dictionary *d)
{
    return d->n;
}

crm_status crm_table_dictionary_write(crm_comm *comm, crm_store_writer *w,
                                      const crm_table_dictionary *d)
{
    static const char *const DIM[] = {"dictionary_row"};
    bool writes = !comm || crm_comm_rank(comm) == 0;
    int64_t n = d->n;

    for (int k = 0; k < TEXTS; k++)
        CRM_TRY(crm_store_texts(w, text_name[k], n, (const char *const *)d->text[k]));
    CRM_TRY(crm_store_define(w, "dictionary/missing", CRM_F32, 1, &n, DIM));
    return crm_store_write(w, "dictionary/missing", 0, writes ? n : 0, d->missing);
}

/* ---- Markdown ---- */
/* Bars and line ends would end a cell, and angles be taken for HTML. */
void crm_table_markdown_cell(crm_str *out, const char *text)
{
    crm_str_addf(out, " ");
    for (const char *p = text; *p; p++)
        if (*p == '|' || *p == '\\' || *p == '<' || *p == '*' || *p == '_' || *p == '`')
            crm_str_addf(out, "\\%c", *p);
        else
            crm_str_addf(out, "%c", (unsigned char)*p < ' ' ? ' ' : *p);
    crm_str_addf(out, " |");
}

void crm_table_dictionary_markdown(const crm_table_dictionary *d, crm_str *out)
{
    static const int order[] = {BLOCK, NAME, MEANING, TYPE, UNIT, SOURCE, CLEANING};

    crm_str_addf(out, "## Data dictionary\n\n"
                      "| Block | Name | Meaning | Type | Unit | Source | Cleaning | Missing |\n"
                      "| --- | --- | --- | --- | --- | --- | --- | ---: |\n");
    for (int i = 0; i < d->n; i++) {
        crm_str_addf(out, "|");
        for (int k = 0; k < TEXTS; k++)
            crm_table_markdown_cell(out, d->text[order[k]][i]);
        if (isnan(d->missing[i]))
            crm_str_addf(out, " not counted |\n");
        else
            crm_str_addf(out, " %.3g %% |\n", 100 * (double)d->missing[i]);
    }
}

static crm_status beside(const char *store_path, const char *quality, const crm_table_dictionary *d)
{
    char path[CRM_PATH_MAX];
    crm_str out = {0};
    crm_status st = CRM_OK;
    int k = snprintf(path, sizeof path, "%s.md", store_path);

    CRM_CHECK(k > 0 && (size_t)k < sizeof path, CRM_ERR_CONFIG, "%s.md: the path is too long",
              store_path);
    crm_str_addf(&out, "# %s\n\nWritten beside the data set when it was made.\n\n",
                 crm_path_base(store_path));
    if (quality) crm_str_addf(&out, "%s\n", quality);
    crm_table_dictionary_markdown(d, &out);
    if (out.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", path);
    else
        st = crm_path_write_atomic(path, out.text, out.len);
    crm_str_free(&out);
    return st;
}

void crm_table_dictionary_beside(crm_comm *comm, const char *store_path, const char *quality,
                                 const crm_table_dictionary *d)
{
    if (comm && crm_comm_rank(comm) != 0) return;
    if (!beside(store_path, quality, d)) return;
    crm_log_line(CRM_LOG_WARN, "import", "%s.md was not written: %s", store_path, crm_err_text());
    crm_err_clear();
}

void crm_table_dictionary_free(crm_table_dictionary **dp)
{
    crm_table_dictionary *d = *dp;

    *dp = NULL;
    if (!d) return;
    for (int k = 0; k < TEXTS; k++) {
        for (int i = 0; i < d->n; i++)
            crm_mem_free(d->text[k][i]);
        crm_mem_free(d->text[k]);
    }
    crm_mem_free(d->missing);
    crm_mem_free(d);
}
