/* fuzz_conll.c - any bytes as a file of CoNLL columns, with and without a test part: no crash;
 * sentences, rows and parts fit together; what was read, written again as columns, is read as the
 * same.  The first byte chooses the rows. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/data/table/table_conll.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"

enum { SPLIT = 1 }; /* byte between the file and its test file */
static int fd[CONLL_FILES];
static char path[CONLL_FILES][64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (int i = 0; i < CONLL_FILES; i++) {
        fd[i] = memfd_create("conll", 0);
        if (fd[i] < 0) abort();
        snprintf(path[i], sizeof path[i], "/proc/%d/fd/%d", (int)getpid(), fd[i]);
    }
    return 0;
}

static void write_file(int i, const void *data, size_t size)
{
    if (ftruncate(fd[i], 0) != 0 || pwrite(fd[i], data, size, 0) != (ssize_t)size) abort();
}

static bool read_files(const crm_conll_cfg *cfg, conll *c)
{
    crm_status st;

    *c = (conll){.n_tokens = 0};
    st = crm_conll_load(cfg, path[0], c);
    if (!st) st = crm_conll_parse(cfg, path[0], c);
    if (!st) return true;
    if (st != CRM_ERR_FORMAT) abort();
    if (!strstr(crm_err_text(), path[0]) && !strstr(crm_err_text(), path[1])) abort();
    crm_err_clear();
    crm_conll_drop(c);
    return false;
}

static void check_first(const int64_t *first, int64_t n, int64_t end)
{
    if (first[0] != 0 || first[n] != end) abort();
    for (int64_t i = 0; i < n; i++)
        if (first[i] >= first[i + 1]) abort();
}

static void check(const conll *c)
{
    check_first(c->sentence_first, c->n_sentences, c->n_tokens);
    check_first(c->row_first, c->n_rows, c->n_sentences);
    for (int64_t i = 0; i < c->n_tokens; i++) {
        if (c->token[i] < 0 || c->token[i] >= c->words.n || !c->words.item[c->token[i]][0]) abort();
        if (c->tag[i] < CONLL_NO_TAG || c->tag[i] >= 2 * c->types.n) abort();
    }
    for (int64_t s = 0; s < c->n_sentences; s++)
        for (int64_t i = c->sentence_first[s]; i < c->sentence_first[s + 1]; i++)
            if (c->tag[i] >= 0 && c->tag[i] % 2 &&
                (i == c->sentence_first[s] || c->tag[i - 1] / 2 != c->tag[i] / 2 ||
                 c->tag[i - 1] < 0))
                abort(); /* inside of what did not begin */
}

static void add_tag(const conll *c, int32_t tag, crm_str *out)
{
    if (tag == CONLL_OUTSIDE)
        crm_str_addf(out, "\tO");
    else if (tag >= 0)
        crm_str_addf(out, "\t%c-%s", tag % 2 ? 'I' : 'B', c->types.item[tag / 2]);
    crm_str_addf(out, "\n");
}

/* Rows of part p as columns. */
static void write_again(const conll *c, int p, crm_str *out)
{
    for (int64_t r = 0; r < c->n_rows; r++) {
        if (c->part[r] != p) continue;
        crm_str_addf(out, "-DOCSTART- -X- O\n\n");
        for (int64_t s = c->row_first[r]; s < c->row_first[r + 1]; s++) {
            for (int64_t i = c->sentence_first[s]; i < c->sentence_first[s + 1]; i++) {
                crm_str_addf(out, "%s", c->words.item[c->token[i]]);
                add_tag(c, c->tag[i], out);
            }
            crm_str_addf(out, "\n");
        }
    }
    if (out->failed) abort();
}

static bool same(const conll *a, const conll *b)
{
    if (a->n_tokens != b->n_tokens || a->n_sentences != b->n_sentences || a->n_rows != b->n_rows ||
        a->test_rows != b->test_rows)
        return false;
    for (int64_t i = 0; i < a->n_tokens; i++)
        if (strcmp(a->words.item[a->token[i]], b->words.item[b->token[i]]) != 0 ||
            (a->tag[i] < 0 || b->tag[i] < 0 ? a->tag[i] != b->tag[i]
                                            : a->tag[i] % 2 != b->tag[i] % 2) ||
            (a->tag[i] >= 0 &&
             strcmp(a->types.item[a->tag[i] / 2], b->types.item[b->tag[i] / 2]) != 0))
            return false;
    return memcmp(a->row_first, b->row_first, (size_t)(a->n_rows + 1) * sizeof *a->row_first) == 0;
}

static void round_trip(const crm_conll_cfg *cfg, const conll *c)
{
    conll again;

    for (int p = 0; p < (cfg->test_path[0] ? 2 : 1); p++) {
        crm_str text = {0};
        write_again(c, p, &text);
        write_file(p, text.text ? text.text : "", text.len);
        crm_str_free(&text);
    }
    if (!read_files(cfg, &again)) abort();
    check(&again);
    if (!same(c, &again)) abort();
    crm_conll_drop(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t used = crm_mem_used();
    const uint8_t *split;
    crm_conll_cfg cfg = {.format = CRM_TABLE_CONLL, .test_path = ""};
    conll c;

    if (size < 1) return 0;
    cfg.rows = data[0] % CRM_CONLL_ROWS_COUNT;
    data++;
    size--;
    split = memchr(data, SPLIT, size);
    write_file(0, data, split ? (size_t)(split - data) : size);
    if (split) {
        write_file(1, split + 1, size - (size_t)(split + 1 - data));
        cfg.test_path = path[1];
    }
    if (read_files(&cfg, &c)) {
        check(&c);
        round_trip(&cfg, &c);
        crm_conll_drop(&c);
    }
    if (crm_mem_used() != used) abort();
    return 0;
}
