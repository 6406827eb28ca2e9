/* table_conll.c - CoNLL column files: lines to tokens, tags to BIO2, and the data set made of them.
 *
 * Such files are small (a corpus that people have tagged), so every rank reads all of them, and the
 * messages are the same on all by themselves. */
#include "crmpi/table_conll.h"

#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/store.h"
#include "crmpi/table_dictionary.h"
#include "table_conll.h"

static const char *const formats[] = {"auto", "csv", "conll", NULL};
static const char *const row_kinds[] = {"sentence", "document", NULL};
_Static_assert(sizeof formats / sizeof *formats == CRM_TABLE_FORMAT_COUNT + 1, "names");
_Static_assert(sizeof row_kinds / sizeof *row_kinds == CRM_CONLL_ROWS_COUNT + 1, "names");

#define C crm_conll_cfg
const crm_opt crm_conll_opts[] = {
    CRM_OPT_E(
        C, format, "data.format", "auto", formats, 0,
        "What data.path is: csv, or conll, columns of tagged tokens (docs/entities.md); auto: "
        "conll when the name ends in .conll, .iob or .bio."),
    CRM_OPT_E(C, rows, "data.conll_rows", "sentence", row_kinds, 0,
              "What a row is made of in an import of CoNLL columns: a sentence, or the sentences "
              "of a -DOCSTART- document."),
    CRM_OPT_S(C, test_path, "data.test_path", "", CRM_OPT_LAYOUT,
              "Second file of CoNLL columns, whose rows are the test part of eval.split = part; "
              "empty: none."),
    {.key = NULL}};

bool crm_conll_is(const crm_conll_cfg *cfg, const char *path)
{
    static const char *const suffix[] = {".conll", ".iob", ".bio"};
    size_t n = strlen(path);

    if (cfg->format != CRM_TABLE_AUTO) return cfg->format == CRM_TABLE_CONLL;
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++)
        if (n > strlen(suffix[i]) && strcmp(path + n - strlen(suffix[i]), suffix[i]) == 0)
            return true;
    return false;
}

/* ---- classes ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Class names O, B-a, I-a, B-b ... with types in byte order, and the class of each tag. */
static crm_status make_classes(const conll *c, crm_str *text, const char ***name, int32_t *class_b)
{
    int64_t n = c->types.n;
    const char **sorted;

    CRM_NEW(sorted, n);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = c->types.item[i];
    if (n > 1) qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    crm_str_add(text, "O", 2);
    for (int64_t i = 0; i < n; i++) {
        crm_str_addf(text, "B-%s", sorted[i]);
        crm_str_add(text, "", 1);
        crm_str_addf(text, "I-%s", sorted[i]);
        crm_str_add(text, "", 1);
        for (int64_t t = 0; t < n; t++)
            if (strcmp(c->types.item[t], sorted[i]) == 0) class_b[t] = (int32_t)(1 + 2 * i);
    }
    crm_mem_free(sorted);
    CRM_CHECK(!text->failed, CRM_ERR_NOMEM, "out of memory: names of tags");
    CRM_NEW(*name, 2 * n + 1);
    for (int64_t i = 0, at = 0; i < 2 * n + 1; i++, at += (int64_t)strlen(text->text + at) + 1)
        (*name)[i] = text->text + at;
    return CRM_OK;
}

/* c->tag: 2 type + (1 for I), -1 for O, -2 for none -> class numbers. */
static crm_status classify(conll *c, const char ***name, crm_str *text)
{
    int32_t *class_b;
    crm_status st;

    CRM_NEW(class_b, c->types.n);
    st = make_classes(c, text, name, class_b);
    for (int64_t i = 0; i < c->n_tokens && !st; i++) {
        int32_t t = c->tag[i];
        c->tag[i] = t >= 0 ? class_b[t / 2] + t % 2 : t == CONLL_OUTSIDE ? 0 : -1;
    }
    crm_mem_free(class_b);
    return st;
}

/* ---- arrays ---- */

typedef struct array {
    const char *name;
    crm_dtype dtype;
    int64_t n;
    const void *data;
    const char *dim;
} array;

static crm_status put(crm_comm *comm, crm_store_writer *w, const array *a)
{
    bool root = crm_comm_rank(comm) == 0;

    return crm_store_write(w, a->name, 0, root ? a->n : 0, a->data);
}

static crm_status put_words(crm_store_writer *w, const conll *c)
{
    static const char *const kind[] = {"sentence"};

    CRM_TRY(crm_store_texts(w, "documents/words", c->words.n, (const char *const *)c->words.item));
    return crm_store_texts(w, "documents/kinds", 1, kind);
}

static crm_status put_dictionary(crm_comm *comm, crm_store_writer *w, const char *target,
                                 const char *path)
{
    crm_table_dictionary *d = NULL;
    const crm_table_entry words = {.block = "documents",
                                   .name = "sentence",
                                   .type = "text",
                                   .meaning = "words of a sentence",
                                   .source = path};
    const crm_table_entry tags = {.block = "target",
                                  .name = target,
                                  .type = "category",
                                  .meaning = "tag of each token, BIO2",
                                  .source = path,
                                  .cleaning = "a span begins with B"};
    crm_status st = crm_table_dictionary_new(&d);

    if (!st) st = crm_table_dictionary_add(d, &words);
    if (!st) st = crm_table_dictionary_add(d, &tags);
    st = crm_comm_agree(comm, st);
    if (!st) st = crm_table_dictionary_write(comm, w, d);
    crm_table_dictionary_free(&d);
    return st;
}

static crm_status write_arrays(crm_comm *comm, crm_store_writer *w, const conll *c,
                               const char *target, const char *const *class_name)
{
    char label[CRM_STORE_NAME_MAX];
    int64_t rows = c->n_rows, docs = c->n_sentences, tokens = c->n_tokens;
    const array all[] = {
        {"documents/first", CRM_I64, rows + 1, c->row_first, "row_offset"},
        {"documents/token_first", CRM_I64, docs + 1, c->sentence_first, "document_offset"},
        {"documents/kind", CRM_I32, docs, c->zero, "document"},
        {"documents/time", CRM_F32, docs, c->zero, "document"},
        {"documents/token", CRM_I32, tokens, c->token, "token"},
        {label, CRM_I32, tokens, c->tag, "token"},
        {"row/part", CRM_I32, rows, c->part, "row"},
    };
    int n = (int)(sizeof all / sizeof *all) - (c->test_rows == 0);

    snprintf(label, sizeof label, "target/%s/label", target);
    for (int i = 0; i < n; i++)
        CRM_TRY(crm_store_define(w, all[i].name, all[i].dtype, 1, &all[i].n, &all[i].dim));
    CRM_TRY(crm_store_attr_text(w, label, "level", "token"));
    CRM_TRY(crm_store_attr_list(w, label, "classes", 2 * c->types.n + 1, class_name));
    CRM_TRY(put_words(w, c));
    for (int i = 0; i < n; i++)
        CRM_TRY(put(comm, w, &all[i]));
    return CRM_OK;
}

static crm_status write_store(crm_comm *comm, const conll *c, const char *target, const char *path,
                              const char *store_path, const char *const *class_name,
                              crm_digest source, crm_digest *content)
{
    crm_store_writer *w = NULL;
    char hex[CRM_DIGEST_HEX];
    crm_status st = crm_store_create(comm, store_path, "crmpi-dataset", &w);

    if (st) return st;
    st = crm_store_attr_i64(w, "", "rows", c->n_rows);
    if (!st) st = crm_store_attr_text(w, "", "source_digest", crm_digest_hex(source, hex));
    if (!st) st = write_arrays(comm, w, c, target, class_name);
    if (!st) st = put_dictionary(comm, w, target, crm_path_base(path));
    if (!st) return crm_store_commit(&w, content);
    crm_store_abandon(&w);
    return st;
}

/* ---- digest ---- */

static crm_status digest(const crm_conll_cfg *cfg, const char *target, const conll *c,
                         crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, "conll-1");
    crm_hash_add_text(h, target);
    crm_hash_add_i64(h, cfg->rows);
    for (int i = 0; i < CONLL_FILES; i++) {
        crm_hash_add_i64(h, (int64_t)c->bytes[i]);
        crm_hash_add_digest(h, crm_digest_of(c->text[i] ? c->text[i] : "", c->bytes[i]));
    }
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

static const char *target_name(const char *target)
{
    return target[0] ? target : "entity";
}

crm_status crm_conll_source_digest(crm_comm *comm, const crm_conll_cfg *cfg, const char *target,
                                   const char *path, crm_digest *out)
{
    conll c = {0};
    crm_status st = crm_conll_load(cfg, path, &c);

    *out = (crm_digest){0};
    if (!st) st = digest(cfg, target_name(target), &c, out);
    crm_conll_drop(&c);
    return crm_comm_agree(comm, st);
}

static crm_status check_target(const char *target)
{
    char name[CRM_STORE_NAME_MAX + 64];
    const char *fault;

    snprintf(name, sizeof name, "target/%.200s/label", target);
    fault = crm_store_name_fault(name);
    CRM_CHECK(!fault && !strchr(target, '/'), CRM_ERR_CONFIG,
              "data.target: '%.80s' is no name of a target: %s", target,
              fault ? fault : "it has a slash");
    return CRM_OK;
}

crm_status crm_conll_import(crm_comm *comm, const crm_conll_cfg *cfg, const char *target,
                            const char *path, const char *store_path, crm_conll_info *info)
{
    conll c = {0};
    crm_str text = {0};
    const char **name = NULL;
    crm_digest source = {0};
    crm_status st = check_target(target_name(target));

    *info = (crm_conll_info){0};
    if (!st) st = crm_conll_load(cfg, path, &c);
    if (!st) st = digest(cfg, target_name(target), &c, &source);
    if (!st) st = crm_conll_parse(cfg, path, &c);
    if (!st) st = classify(&c, &name, &text);
    st = crm_comm_agree(comm, st);
    if (!st)
        st = write_store(comm, &c, target_name(target), path, store_path, name, source,
                         &info->content);
    info->rows = c.n_rows;
    info->test_rows = c.test_rows;
    info->sentences = c.n_sentences;
    info->tokens = c.n_tokens;
    info->words = c.words.n;
    info->types = c.types.n;
    crm_conll_drop(&c);
    crm_mem_free(name);
    crm_str_free(&text);
    return st;
}
