/* fuzz_lexicon.c - any bytes as a list of rated words and as texts: no crash, scores are numbers
 * between -1 and 1, and the same for one text at a time.  A byte 1 ends the list and each text. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/lexicon.h"
#include "crmpi/text.h"

enum { END = 1, TOKENS = 4096, TEXTS = 64 };
static int fd;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fd = memfd_create("list", 0);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    return fd < 0;
}

typedef struct texts {
    char *word[TOKENS];
    int32_t token[TOKENS];
    int64_t first[TEXTS + 1];
    int64_t n_tokens, n;
} texts;

static crm_status add(void *ctx, const char *token, size_t len)
{
    texts *t = ctx;

    (void)len;
    if (t->n_tokens == TOKENS) return CRM_OK;
    t->token[t->n_tokens] = (int32_t)t->n_tokens;
    t->word[t->n_tokens] = crm_mem_strdup(token);
    if (!t->word[t->n_tokens++]) abort();
    return CRM_OK;
}

static size_t part(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, END, size);

    return end ? (size_t)(end - data) : size;
}

static void split_all(const uint8_t *data, size_t size, texts *t)
{
    t->n = t->n_tokens = 0;
    while (size > 0 && t->n < TEXTS) {
        size_t n = part(data, size);
        if (crm_text_split((const char *)data, n, add, t, NULL) != CRM_OK) abort();
        t->first[++t->n] = t->n_tokens;
        n += n < size;
        data += n;
        size -= n;
    }
}

static void score_all(const crm_lexicon *l, const texts *t, bool names)
{
    const crm_lexicon_texts x = {.n_words = t->n_tokens,
                                 .word = (const char *const *)t->word,
                                 .first = t->first,
                                 .token = t->token};
    double score[TEXTS], one;

    if (crm_lexicon_scores(l, names, &x, t->n, NULL, score) != CRM_OK) abort();
    for (int64_t d = 0; d < t->n; d++) {
        if (!(fabs(score[d]) <= 1)) abort();
        if (crm_lexicon_scores(l, names, &x, 1, &d, &one) != CRM_OK) abort();
        if (memcmp(&one, &score[d], sizeof one) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static texts t;
    size_t used = crm_mem_used(), list = part(data, size);
    crm_lexicon *l = NULL;
    crm_status st;

    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, list, 0) != (ssize_t)list) abort();
    st = crm_lexicon_read(path, &l);
    if (st != CRM_OK && (st != CRM_ERR_FORMAT || l)) abort();
    crm_err_clear();
    if (l) {
        list += list < size;
        split_all(data + list, size - list, &t);
        score_all(l, &t, size % 2);
        for (int64_t i = 0; i < t.n_tokens; i++)
            crm_mem_free(t.word[i]);
    }
    crm_lexicon_free(&l);
    if (crm_mem_used() != used) abort();
    return 0;
}
