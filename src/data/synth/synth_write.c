/* synth_write.c - the ranks make their contiguous customers twice: to count events, documents and
 * tokens, and to write them block by block.  Memory is that of one block. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"
#include "synth_dictionary.h"
#include "synth_shelf.h"

enum { BLOCK = 8192 };

typedef struct share {
    int64_t first, end;         /* customers of this rank                     */
    int64_t before[UNIT_COUNT]; /* rows of the ranks before                   */
    int64_t total[UNIT_COUNT];
    int64_t gaps[GAP_COUNT];   /* values that are missing                    */
    int64_t purchases, blocks; /* in all; blocks of the rank that has most   */
} share;

static crm_status check_options(const crm_synth_cfg *cfg)
{
    for (const crm_opt *o = crm_synth_opts; o->key; o++) {
        const char *field = (const char *)cfg + o->offset;
        double v = o->type == CRM_OPT_INT ? (double)*(const int64_t *)(const void *)field
                                          : *(const double *)(const void *)field;
        CRM_CHECK(v >= o->min && v <= o->max, CRM_ERR_CONFIG, "%s: value %g, allowed: %g to %g",
                  o->key, v, o->min, o->max);
    }
    return CRM_OK;
}

/* At the begin of each block, on all ranks.  The file is written whole or not at all, so that there
 * is nothing to go on with. */
static crm_status check_stop(crm_comm *comm)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s: no data set is written; run the same command again to make it",
              crm_stop_name(signal));
    return CRM_OK;
}

/* Customers of block b of this rank; none where others have more blocks. */
static void block_of(const share *s, int64_t b, int64_t *first, int64_t *end)
{
    *first = s->first + b * BLOCK;
    *end = *first + BLOCK < s->end ? *first + BLOCK : s->end;
}

static crm_status count(crm_comm *comm, const synth_model *m, synth_person *p, share *s)
{
    int64_t *total = s->total, i, end;

    for (int64_t b = 0; b < s->blocks; b++) {
        CRM_TRY(check_stop(comm));
        for (block_of(s, b, &i, &end); i < end; i++) {
            crm_synth_person(m, (uint64_t)i, p);
            total[UNIT_EVENT] += p->n_events;
            total[UNIT_DOC] += p->n_docs;
            total[UNIT_TOKEN] += p->n_tokens;
            s->purchases += p->n_purchases;
            crm_synth_gaps_add(p, s->gaps);
        }
    }
    total[UNIT_ROW] = s->end - s->first;
    return CRM_OK;
}

static crm_status plan(crm_comm *comm, const synth_model *m, synth_person *p, share *s)
{
    int64_t n = m->cfg.customers, rank = crm_comm_rank(comm), size = crm_comm_size(comm);

    *s = (share){.first = n / size * rank + n % size * rank / size,
                 .end = n / size * (rank + 1) + n % size * (rank + 1) / size};
    s->blocks = (s->end - s->first + BLOCK - 1) / BLOCK;
    CRM_TRY(crm_comm_max_i64(comm, &s->blocks, 1));
    if (s->blocks == 0) s->blocks = 1; /* the last offsets are in the last block */
    CRM_TRY(count(comm, m, p, s));
    for (int u = 0; u < UNIT_COUNT; u++)
        CRM_TRY(crm_comm_exscan_i64(comm, s->total[u], &s->before[u]));
    CRM_TRY(crm_comm_sum_i64(comm, s->total, UNIT_COUNT));
    CRM_TRY(crm_comm_sum_i64(comm, s->gaps, GAP_COUNT));
    return crm_comm_sum_i64(comm, &s->purchases, 1);
}

/* Options that came later are noted only where they are used: without them a data set is what it
 * was before there were any. */
static bool is_new(const char *key)
{
    return strcmp(key, "synth.entities") == 0 || strcmp(key, "synth.document_oracle") == 0;
}

static crm_status describe(crm_store_writer *w, const synth_model *m)
{
    CRM_TRY(crm_store_attr_i64(w, "", "rows", m->cfg.customers));
    CRM_TRY(crm_store_attr_text(w, "", "source_digest", ""));
    for (const crm_opt *o = crm_synth_opts; o->key; o++) {
        const char *field = (const char *)&m->cfg + o->offset;
        if (is_new(o->key) && *(const int64_t *)(const void *)field == 0) continue;
        if (o->type == CRM_OPT_INT)
            CRM_TRY(crm_store_attr_i64(w, "", o->key, *(const int64_t *)(const void *)field));
        else
            CRM_TRY(crm_store_attr_f64(w, "", o->key, *(const double *)(const void *)field));
    }
    return CRM_OK;
}

/* Customers of block b into the shelf; the last rank's last block has the end of the offsets. */
static crm_status fill(const synth_model *m, const share *s, int64_t b, bool last_rank,
                       synth_person *p, synth_shelf *shelf)
{
    int64_t i, end;

    for (block_of(s, b, &i, &end); i < end; i++) {
        crm_synth_person(m, (uint64_t)i, p);
        CRM_TRY(crm_synth_shelf_add(shelf, p));
    }
    return last_rank && b == s->blocks - 1 ? crm_synth_shelf_end(shelf) : CRM_OK;
}

static crm_status write_blocks(crm_comm *comm, const synth_model *m, const share *s,
                               synth_person *p, crm_store_writer *w)
{
    bool last = crm_comm_rank(comm) == crm_comm_size(comm) - 1;
    synth_shelf shelf;
    crm_status st = crm_comm_agree(comm, crm_synth_shelf_new(m, s->before, &shelf));

    for (int64_t b = 0; !st && b < s->blocks; b++) {
        st = check_stop(comm);
        if (!st) st = crm_comm_agree(comm, fill(m, s, b, last, p, &shelf));
        if (!st) st = crm_synth_shelf_flush(&shelf, w);
    }
    crm_synth_shelf_free(&shelf);
    return st;
}

/* Made of sums of all ranks, so equal on all. */
static crm_status make_dictionary(crm_comm *comm, const synth_model *m, const share *s,
                                  crm_table_dictionary **out)
{
    static const crm_table_entry entity = {.block = "target",
                                           .name = "entity",
                                           .type = "category",
                                           .meaning = "tag of each token, BIO2",
                                           .source = "generated"};
    crm_status st = crm_table_dictionary_new(out);

    if (!st) st = crm_synth_dictionary(s->gaps, s->total[UNIT_ROW], s->total[UNIT_DOC], *out);
    if (!st && m->cfg.entities) st = crm_table_dictionary_add(*out, &entity);
    return crm_comm_agree(comm, st);
}

static crm_status write_file(crm_comm *comm, const synth_model *m, synth_person *p,
                             const char *path, crm_synth_info *info)
{
    crm_table_dictionary *d = NULL;
    crm_store_writer *w = NULL;
    crm_digest digest;
    crm_status st = CRM_OK;
    share s;

    CRM_TRY_TO(st, done, crm_store_create(comm, path, "crmpi-dataset", &w));
    CRM_TRY_TO(st, done, plan(comm, m, p, &s));
    CRM_TRY_TO(st, done, describe(w, m));
    CRM_TRY_TO(st, done, crm_synth_shelf_define(w, m, s.total));
    CRM_TRY_TO(st, done, make_dictionary(comm, m, &s, &d));
    CRM_TRY_TO(st, done, write_blocks(comm, m, &s, p, w));
    CRM_TRY_TO(st, done, crm_table_dictionary_write(comm, w, d));
    CRM_TRY_TO(st, done, crm_store_commit(&w, &digest));
    crm_table_dictionary_beside(comm, path, NULL, d);
    if (info)
        *info = (crm_synth_info){
            s.total[UNIT_ROW],   s.total[UNIT_EVENT], s.purchases, s.total[UNIT_DOC],
            s.total[UNIT_TOKEN], m->lexicon.n_words,  digest};
done:
    crm_table_dictionary_free(&d);
    crm_store_abandon(&w);
    return st;
}

crm_status crm_synth_write(crm_comm *comm, const crm_synth_cfg *cfg, const char *path,
                           crm_synth_info *info)
{
    synth_model model = {0};
    synth_person *p = NULL;
    crm_status st = check_options(cfg);

    if (!st) st = crm_synth_model_new(cfg, &model);
    if (!st) {
        p = crm_mem_new(1, sizeof *p);
        if (!p) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %zu bytes", sizeof *p);
    }
    st = crm_comm_agree(comm, st);
    if (!st) st = write_file(comm, &model, p, path, info);
    crm_mem_free(p);
    crm_synth_model_free(&model);
    return st;
}
