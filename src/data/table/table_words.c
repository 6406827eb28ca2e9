/* table_words.c - the dictionary of the documents of all ranks, in byte order. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words of this rank that are used. */
static crm_status take_used(const table_levels *local, const uint8_t *used, table_levels *out)
{
    for (int64_t i = 0; i < local->n; i++) {
        const char *text = crm_table_levels_text(local, i);
        int32_t index;
        if (used[i]) CRM_TRY(crm_table_levels_add(out, text, strlen(text), INT32_MAX - 1, &index));
    }
    return CRM_OK;
}

static crm_status sort_words(const uint8_t *used, table_words *x)
{
    CRM_NEW(x->sorted, x->all.n);
    CRM_NEW(x->code, x->local.n);
    for (int64_t i = 0; i < x->all.n; i++)
        x->sorted[i] = crm_table_levels_text(&x->all, i);
    qsort(x->sorted, (size_t)x->all.n, sizeof *x->sorted, by_bytes);
    for (int64_t i = 0; i < x->local.n; i++) {
        const char *text = crm_table_levels_text(&x->local, i);
        const char *const *hit =
            !used[i] ? NULL
                     : bsearch(&text, x->sorted, (size_t)x->all.n, sizeof *x->sorted, by_bytes);
        x->code[i] = hit ? (int32_t)(hit - x->sorted) : -1;
    }
    return CRM_OK;
}

crm_status crm_table_words_end(crm_comm *comm, const uint8_t *used, table_words *x)
{
    table_levels mine = {0};
    crm_status st = crm_comm_agree(comm, take_used(&x->local, used, &mine));

    if (!st) st = crm_table_levels_gather(comm, &mine, 1, INT32_MAX - 1, &x->all);
    crm_table_levels_free(&mine);
    return st ? st : crm_comm_agree(comm, sort_words(used, x));
}

void crm_table_words_free(table_words *x)
{
    crm_table_levels_free(&x->local);
    crm_table_levels_free(&x->all);
    crm_mem_free(x->sorted);
    crm_mem_free(x->code);
    *x = (table_words){0};
}
