/* embed_write.c - word vectors to files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_path.h"
#include "embed_impl.h"
#include "embed_number.h"

static void put_text(FILE *f, const crm_vectors *v, int64_t i)
{
    char text[EMBED_FLOAT_TEXT];

    fputs(v->word[i], f);
    for (int64_t j = 0; j < v->dim; j++) {
        fputc(' ', f);
        fwrite(text, 1, (size_t)embed_format_f32(v->value[i * v->dim + j], text), f);
    }
    fputc('\n', f);
}

static void put_binary(FILE *f, const crm_vectors *v, int64_t i)
{
    fputs(v->word[i], f);
    fputc(' ', f);
    fwrite(v->value + i * v->dim, sizeof *v->value, (size_t)v->dim, f);
    fputc('\n', f);
}

static void put_all(FILE *f, const crm_vectors *v, crm_vectors_format format)
{
    if (format != CRM_VECTORS_GLOVE) fprintf(f, "%lld %lld\n", (long long)v->n, (long long)v->dim);
    for (int64_t i = 0; i < v->n && !ferror(f); i++)
        if (format == CRM_VECTORS_WORD2VEC_BINARY)
            put_binary(f, v, i);
        else
            put_text(f, v, i);
}

/* A word with a space or a line end would be read as another one. */
static crm_status check_words(const crm_vectors *v, const char *path)
{
    for (int64_t i = 0; i < v->n; i++)
        CRM_CHECK(v->word[i][0] && !strpbrk(v->word[i], " \t\r\n"), CRM_ERR_FORMAT,
                  "%s: word %lld is empty or has white space, which these files have no room for",
                  path, (long long)i + 1);
    return CRM_OK;
}

crm_status crm_vectors_write(const crm_vectors *v, const char *path, crm_vectors_format format)
{
    char tmp[CRM_PATH_MAX];
    FILE *f;
    bool bad;
    crm_status st = CRM_OK;

    CRM_TRY(check_words(v, path));
    CRM_CHECK(snprintf(tmp, sizeof tmp, "%s.tmp", path) < (int)sizeof tmp, CRM_ERR_IO,
              "%s: the path is too long", path);
    f = fopen(tmp, "wb");
    CRM_CHECK(f, CRM_ERR_IO, "%s: cannot be written: %s", tmp, strerror(errno));
    put_all(f, v, format);
    bad = ferror(f) || fflush(f) != 0;
    if (bad) CRM_SET(st, CRM_ERR_IO, "%s: cannot be written: %s", tmp, strerror(errno));
    if (fclose(f) != 0 && !st)
        CRM_SET(st, CRM_ERR_IO, "%s: cannot be written: %s", tmp, strerror(errno));
    if (!st) st = crm_path_commit(tmp, path);
    if (st) unlink(tmp);
    return st;
}
