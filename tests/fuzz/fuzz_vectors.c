/* fuzz_vectors.c - any bytes as a file of word vectors: no crash, and what was read comes back the
 * same from every format that has room for its words. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_path.h"
#include "crmpi/embed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int same(const crm_vectors *a, const crm_vectors *b)
{
    if (a->n != b->n || a->dim != b->dim) return 0;
    for (int64_t i = 0; i < a->n; i++)
        if (strcmp(a->word[i], b->word[i]) != 0) return 0;
    return memcmp(a->value, b->value, (size_t)(a->n * a->dim) * sizeof *a->value) == 0;
}

/* Binary: text of the same look is taken for text, so that only the number of bytes is checked. */
static void write_again(const crm_vectors *v, const char *path)
{
    crm_vectors w;

    if (crm_vectors_write(v, path, CRM_VECTORS_WORD2VEC)) {
        crm_err_clear(); /* words with white space */
        return;
    }
    if (crm_vectors_read(path, &w) || !same(v, &w)) abort();
    crm_vectors_free(&w);
    if (crm_vectors_write(v, path, CRM_VECTORS_WORD2VEC_BINARY)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    crm_vectors v;
    FILE *f;

    snprintf(path, sizeof path, "/tmp/fuzz_vectors_%ld", (long)getpid());
    f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    if (crm_vectors_read(path, &v) == CRM_OK) {
        if (v.n < 1 || v.dim < 1) abort();
        write_again(&v, path);
        crm_vectors_free(&v);
    } else {
        crm_err_clear();
    }
    remove(path);
    return 0;
}
