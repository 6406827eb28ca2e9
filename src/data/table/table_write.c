/* table_write.c - typed columns into the data set (docs/data-set-arrays.md), and the digest that
 * tells what it was made from. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"
#include "crmpi/table_dictionary.h"
#include "table_single.h"

/* ---- source digest ---- */
enum { BLOCK = 1 << 20 }; /* bytes of the file that are hashed as one */
static const char IMPORTER[] =
    "crmpi-table 2"; /* raise it when equal input gives another data set */

static void add_list(crm_hash *h, int n, const char *const *item)
{
    crm_hash_add_i64(h, n);
    for (int i = 0; i < n; i++)
        crm_hash_add_text(h, item[i]);
}

static void add_options(crm_hash *h, const crm_table_cfg *c, const crm_table_like *like)
{
    const char *const text[] = {IMPORTER, c->label, c->positive, c->target, c->id};
    const crm_opt_list *const list[] = {&c->numeric, &c->categorical, &c->ignore, &c->missing};

    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        crm_hash_add_text(h, text[i]);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        add_list(h, list[i]->n, list[i]->item);
    crm_hash_add_i64(h, c->separator);
    crm_hash_add_i64(h, c->bad_values);
    crm_hash_add_i64(h, c->max_levels);
    if (!like) return;
    add_list(h, like->n_num, like->num_name);
    add_list(h, like->n_cat, like->cat_name);
    add_list(h, like->n_classes, like->class_name);
}

/* Digests of the blocks that belong to this rank. */
static crm_status hash_blocks(crm_comm *comm, const table_source *s, crm_digest **out, size_t *n)
{
    int64_t blocks = (int64_t)((s->raw_size + BLOCK - 1) / BLOCK), first, end;

    crm_tree_range(blocks, crm_comm_rank(comm), crm_comm_size(comm), &first, &end);
    *n = (size_t)(end - first);
    CRM_NEW(*out, *n);
    for (int64_t i = first; i < end; i++) {
        size_t at = (size_t)i * BLOCK, len = s->raw_size - at < BLOCK ? s->raw_size - at : BLOCK;
        (*out)[i - first] = crm_digest_of(s->raw + at, len);
    }
    return CRM_OK;
}

crm_status crm_table_digest(crm_comm *comm, const table_source *s, const crm_table_cfg *cfg,
                            const crm_table_like *like, crm_digest *out)
{
    crm_digest *mine = NULL;
    void *all = NULL;
    size_t n = 0, bytes = 0;
    crm_hash *h = NULL;
    crm_status st = hash_blocks(comm, s, &mine, &n);

    if (!st) st = crm_hash_new(&h);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_comm_allgather(comm, mine, n * sizeof *mine, &all, &bytes, NULL));
    add_options(h, cfg, like);
    crm_hash_add_i64(h, (int64_t)s->raw_size);
    crm_hash_add(h, all, bytes);
    *out = crm_hash_value(h);
done:
    crm_hash_free(&h);
    crm_mem_free(all);
    crm_mem_free(mine);
    return st;
}

/* ---- arrays ---- */
typedef struct output {
    crm_comm *comm;
    crm_store_writer *w;
    const table_plan *plan;
    const table_part *part;
    const char **name; /* [plan->n] working memory: names of the columns of a kind */
} output;

static crm_status write_root(const output *o, crm_digest source)
{
    char hex[CRM_DIGEST_HEX];

    CRM_TRY(crm_store_attr_i64(o->w, "", "rows", o->part->total));
    return crm_store_attr_text(o->w, "", "source_digest", crm_digest_hex(source, hex));
}

static crm_status define_matrix(const output *o, const char *name, crm_dtype dtype,
                                crm_table_kind kind, int n)
{
    static const char *const DIM[] = {"row", "column"};
    int64_t dim[] = {o->part->total, n};

    for (int k = 0; k < o->plan->n; k++)
        if (o->plan->column[k].kind == kind)
            o->name[o->plan->column[k].slot] = o->plan->column[k].name;
    CRM_TRY(crm_store_define(o->w, name, dtype, 2, dim, DIM));
    return crm_store_attr_list(o->w, name, "columns", n, o->name);
}

static crm_status define_profile(const output *o)
{
    const table_plan *p = o->plan;
    char name[64];

    if (p->n_num > 0)
        CRM_TRY(define_matrix(o, "profile/num", CRM_F32, CRM_TABLE_NUMERIC, p->n_num));
    if (p->n_cat == 0) return CRM_OK;
    CRM_TRY(define_matrix(o, "profile/cat", CRM_I32, CRM_TABLE_CATEGORICAL, p->n_cat));
    for (int k = 0; k < p->n_cat; k++) {
        snprintf(name, sizeof name, "profile/levels/%d", k);
        CRM_TRY(crm_store_texts(o->w, name, o->part->n_levels[k], o->part->sorted[k]));
    }
    return CRM_OK;
}

static void target_array(const table_plan *p, char out[CRM_STORE_NAME_MAX])
{
    snprintf(out, CRM_STORE_NAME_MAX, "target/%s/label", p->target);
}

static crm_status define_label(const output *o)
{
    static const char *const DIM[] = {"row"};
    const table_part *t = o->part;
    int k = o->plan->n_cat;
    char name[CRM_STORE_NAME_MAX];

    if (o->plan->label < 0) return CRM_OK;
    target_array(o->plan, name);
    CRM_TRY(crm_store_define(o->w, name, CRM_I32, 1, &t->total, DIM));
    CRM_TRY(crm_store_attr_text(o->w, name, "level", "customer"));
    return crm_store_attr_list(o->w, name, "classes", t->n_levels[k], t->sorted[k]);
}

static crm_status write_profile(const output *o)
{
    const table_part *t = o->part;

    if (o->plan->n_num > 0) CRM_TRY(crm_store_write(o->w, "profile/num", t->before, t->n, t->num));
    if (o->plan->n_cat > 0) CRM_TRY(crm_store_write(o->w, "profile/cat", t->before, t->n, t->cat));
    return CRM_OK;
}

static crm_status write_label(const output *o)
{
    char name[CRM_STORE_NAME_MAX];

    if (o->plan->label < 0) return CRM_OK;
    target_array(o->plan, name);
    return crm_store_write(o->w, name, o->part->before, o->part->n, o->part->label);
}

/* First byte of each id of this rank, in all bytes; the last rank adds the end of the last id. */
static crm_status id_starts(const table_part *t, int64_t bytes_before, int64_t **out)
{
    int64_t *first;

    CRM_NEW(first, t->n + 1);
    for (int64_t i = 0; i <= t->n; i++)
        first[i] = bytes_before + (i ? t->id_end[i - 1] : 0);
    *out = first;
    return CRM_OK;
}

static crm_status write_text_ids(const output *o)
{
    static const char *const FIRST[] = {"row_offset"}, *const BYTE[] = {"byte"};
    const table_part *t = o->part;
    bool last = crm_comm_rank(o->comm) == crm_comm_size(o->comm) - 1;
    int64_t bytes = (int64_t)t->id_used, total = bytes, before, n_first = t->total + 1;
    int64_t *first = NULL;
    crm_status st;

    CRM_TRY(crm_comm_exscan_i64(o->comm, bytes, &before));
    CRM_TRY(crm_comm_sum_i64(o->comm, &total, 1));
    CRM_TRY_TO(st, done, crm_comm_agree(o->comm, id_starts(t, before, &first)));
    CRM_TRY_TO(st, done, crm_store_define(o->w, "id/first", CRM_I64, 1, &n_first, FIRST));
    CRM_TRY_TO(st, done, crm_store_define(o->w, "id/byte", CRM_U8, 1, &total, BYTE));
    CRM_TRY_TO(st, done, crm_store_write(o->w, "id/first", t->before, t->n + last, first));
    CRM_TRY_TO(st, done, crm_store_write(o->w, "id/byte", before, bytes, t->id_bytes));
done:
    crm_mem_free(first);
    return st;
}

static crm_status write_ids(const output *o)
{
    static const char *const DIM[] = {"row"};
    const table_part *t = o->part;

    if (o->plan->id < 0) return CRM_OK;
    if (!t->id_whole) return write_text_ids(o);
    CRM_TRY(crm_store_define(o->w, "id/number", CRM_I64, 1, &t->total, DIM));
    return crm_store_write(o->w, "id/number", t->before, t->n, t->id_number);
}

/* ---- data dictionary ---- */
static crm_status add_entry(const output *o, const table_plan_column *c, const char *file,
                            crm_table_dictionary *d)
{
    static const char *const block[CRM_TABLE_KIND_COUNT] = {NULL, "profile", "profile", "target",
                                                            "id"};
    static const char *const type[CRM_TABLE_KIND_COUNT] = {NULL, "real", "category", "category",
                                                           "id"};
    const char *cleaning =
        c->kind == CRM_TABLE_NUMERIC && o->plan->cfg->bad_values == CRM_TABLE_BAD_MISSING
            ? "bad values: missing"
            : "";
    int64_t missing = o->part->missing[c - o->plan->column];
    double share = (double)missing / (double)o->part->total;
    crm_str source = {0};
    crm_status st = CRM_OK;

    if (!block[c->kind]) return CRM_OK;
    crm_str_addf(&source, "%s: %s", file, c->name);
    if (source.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the data dictionary");
    if (!st)
        st = crm_table_dictionary_add(
            d, &(crm_table_entry){.block = block[c->kind],
                                  .name = c->kind == CRM_TABLE_LABEL ? o->plan->target : c->name,
                                  .type = type[c->kind],
                                  .source = source.text,
                                  .cleaning = cleaning,
                                  .missing = c->kind == CRM_TABLE_ID ? 0 : share});
    crm_str_free(&source);
    return st;
}

static crm_status make_dictionary(const output *o, const char *file, crm_table_dictionary **out)
{
    CRM_TRY(crm_table_dictionary_new(out));
    for (int k = 0; k < o->plan->n; k++)
        CRM_TRY(add_entry(o, &o->plan->column[k], file, *out));
    return CRM_OK;
}

static crm_status write_all(const output *o, crm_digest source)
{
    CRM_TRY(write_root(o, source));
    CRM_TRY(define_profile(o));
    CRM_TRY(define_label(o));
    CRM_TRY(write_profile(o));
    CRM_TRY(write_label(o));
    return write_ids(o);
}

crm_status crm_table_write(crm_comm *comm, const char *path, const char *csv, const table_plan *p,
                           const table_part *t, crm_digest source, crm_digest *content)
{
    output o = {.comm = comm, .plan = p, .part = t};
    crm_table_dictionary *d = NULL;
    crm_status st = CRM_OK;

    o.name = crm_mem_new((size_t)p->n, sizeof *o.name);
    if (!o.name) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", p->n);
    if (!st) st = make_dictionary(&o, crm_path_base(csv), &d);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_store_create(comm, path, "crmpi-dataset", &o.w));
    CRM_TRY_TO(st, done, write_all(&o, source));
    CRM_TRY_TO(st, done, crm_table_dictionary_write(comm, o.w, d));
    CRM_TRY_TO(st, done, crm_store_commit(&o.w, content));
    if (!p->like) crm_table_dictionary_beside(comm, path, NULL, d);
done:
    crm_table_dictionary_free(&d);
    crm_store_abandon(&o.w);
    crm_mem_free(o.name);
    return st;
}
