/* embed_quality.c - how good word vectors are: likeness of words beside people's scores, and
 * questions of analogy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "embed_impl.h"

enum { MOST_BYTES = 64 << 20, MOST_FIELDS = 5 }; /* fields: one more than any line needs */

#define PAIR     "two words and a score"
#define QUESTION "four words"

/* ---- lines of a file ---- */
typedef struct lines {
    const char *path;
    char *text, *at;
    const char *begin, *end; /* of the line */
    int64_t line;
    char *field[MOST_FIELDS];
    int n;
} lines;

/* Words of vectors are mostly folded: ASCII letters are made small where the word as it stands has
 * no vector. */
static int64_t find(const crm_vectors_index *x, char *word)
{
    int64_t i = crm_vectors_find(x, word);

    if (i >= 0) return i;
    for (char *p = word; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
    return crm_vectors_find(x, word);
}

static void split(lines *l, char *p, const char *end)
{
    for (l->n = 0; p < end;) {
        while (p < end && strchr(" \t\r", *p))
            *p++ = '\0';
        if (p < end && l->n < MOST_FIELDS) l->field[l->n] = p;
        if (p < end) l->n++;
        while (p < end && !strchr(" \t\r", *p))
            p++;
    }
}

/* Next line that is not empty, in fields; n counts all of them. */
static bool next_line(lines *l)
{
    while (*l->at) {
        char *p = l->at, *end = strchr(p, '\n');
        if (!end) end = p + strlen(p);
        l->at = *end ? end + 1 : end;
        *end = '\0';
        l->line++;
        l->begin = p;
        l->end = end;
        split(l, p, end);
        if (l->n > 0) return true;
    }
    return false;
}

/* Bytes of the line before that place, and 1. */
static long long column(const lines *l, const char *place)
{
    return (long long)(place - l->begin) + 1;
}

static crm_status need_fields(const lines *l, int n, const char *what)
{
    CRM_CHECK(l->n == n, CRM_ERR_FORMAT, "%s:%lld:%lld: %s are needed, the line has %d field%s",
              l->path, (long long)l->line, column(l, l->n > n ? l->field[n] : l->end), what, l->n,
              l->n == 1 ? "" : "s");
    return CRM_OK;
}

static crm_status need_any(const lines *l, int64_t n, const char *what)
{
    CRM_CHECK(n > 0, CRM_ERR_FORMAT, "%s:%lld:1: the file ends without a line of %s", l->path,
              (long long)l->line + 1, what);
    return CRM_OK;
}

static crm_status open_lines(const char *path, lines *l)
{
    size_t bytes;

    *l = (lines){.path = path};
    CRM_TRY(crm_path_read(path, MOST_BYTES, &l->text, &bytes));
    l->at = l->text;
    return CRM_OK;
}

/* ---- likeness ---- */
typedef struct scored {
    double people, cosine;
} scored;

static double cosine(const crm_vectors *v, int64_t a, int64_t b)
{
    double ab = 0, aa = 0, bb = 0;

    for (int64_t j = 0; j < v->dim; j++) {
        double x = (double)v->value[a * v->dim + j], y = (double)v->value[b * v->dim + j];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static crm_status read_pairs(const crm_vectors *v, const crm_vectors_index *x, lines *l,
                             scored **all, int64_t *n, int64_t *of)
{
    int64_t room = 0;

    for (; next_line(l); ++*of) {
        double score;
        int64_t a, b;
        CRM_TRY(need_fields(l, 3, PAIR));
        CRM_CHECK(crm_parse_f64(l->field[2], strlen(l->field[2]), &score) && isfinite(score),
                  CRM_ERR_FORMAT, "%s:%lld:%lld: the score is '%.40s'; a finite number is needed",
                  l->path, (long long)l->line, column(l, l->field[2]), l->field[2]);
        a = find(x, l->field[0]);
        b = find(x, l->field[1]);
        if (a < 0 || b < 0) continue;
        if (*n == room) {
            scored *more = crm_mem_grow(*all, (size_t)room, (size_t)room + 1024, sizeof *more);
            CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %s", l->path);
            *all = more;
            room += 1024;
        }
        (*all)[(*n)++] = (scored){score, cosine(v, a, b)};
    }
    return need_any(l, *of, PAIR);
}

static int64_t mean_rank(const scored *all, int64_t n, int64_t i, bool people)
{
    int64_t rank = 0; /* twice the mean rank of ties */

    for (int64_t k = 0; k < n; k++) {
        double a = people ? all[k].people : all[k].cosine,
               b = people ? all[i].people : all[i].cosine;
        rank += a < b ? 2 : a == b;
    }
    return rank;
}

/* Spearman: the correlation of ranks, ties with their mean rank; NAN: not defined. */
static double spearman(const scored *all, int64_t n)
{
    double xy = 0, xx = 0, yy = 0;

    for (int64_t i = 0; i < n; i++) {
        double x = (double)(mean_rank(all, n, i, true) - n);
        double y = (double)(mean_rank(all, n, i, false) - n);
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    return n >= CRM_SIMILARITY_LEAST && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

crm_status crm_vectors_similarity(const crm_vectors *v, const char *path, double *rho,
                                  int64_t *pairs, int64_t *of)
{
    crm_vectors_index *x = NULL;
    scored *all = NULL;
    lines l;
    crm_status st;

    *rho = NAN;
    *pairs = *of = 0;
    CRM_TRY(open_lines(path, &l));
    st = crm_vectors_index_new(v, &x);
    if (!st) st = read_pairs(v, x, &l, &all, pairs, of);
    if (!st) *rho = spearman(all, *pairs);
    crm_vectors_index_free(&x);
    crm_mem_free(all);
    crm_mem_free(l.text);
    return st;
}

/* ---- analogies ---- */
typedef struct question {
    int64_t word[4];
} question;

/* Rows of length 1, in whole strides. */
static crm_status unit_rows(const crm_vectors *v, float **out)
{
    int64_t width = embed_width(v->dim);

    CRM_NEW(*out, v->n * width);
    for (int64_t i = 0; i < v->n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < v->dim; j++)
            sum += (double)v->value[i * v->dim + j] * (double)v->value[i * v->dim + j];
        sum = sum > 0 ? 1 / sqrt(sum) : 0;
        for (int64_t j = 0; j < v->dim; j++)
            (*out)[i * width + j] = (float)((double)v->value[i * v->dim + j] * sum);
    }
    return CRM_OK;
}

static crm_status read_questions(const crm_vectors_index *x, lines *l, question **all, int64_t *n,
                                 int64_t *of)
{
    int64_t room = 0;

    while (next_line(l)) {
        question q;
        bool known = true;
        if (l->field[0][0] == ':') continue;
        CRM_TRY(need_fields(l, 4, QUESTION));
        ++*of;
        for (int k = 0; k < 4; k++)
            known &= (q.word[k] = find(x, l->field[k])) >= 0;
        if (!known) continue;
        if (*n == room) {
            question *more = crm_mem_grow(*all, (size_t)room, (size_t)room + 4096, sizeof *more);
            CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %s", l->path);
            *all = more;
            room += 4096;
        }
        (*all)[(*n)++] = q;
    }
    return need_any(l, *of, QUESTION);
}

/* Row nearest to b - a + c, other than these. */
static int64_t answer(const float *unit, int64_t n, int64_t width, const question *q, float *goal,
                      const embed_kernels *k)
{
    float score[EMBED_SCORES], most = -INFINITY;
    int64_t best = -1;

    memcpy(goal, unit + q->word[1] * width, (size_t)width * sizeof *goal);
    k->subtract(width, unit + q->word[0] * width, goal);
    k->add(width, 1.0f, unit + q->word[2] * width, goal);
    for (int64_t first = 0; first < n; first += EMBED_TARGETS) {
        int m = n - first < EMBED_TARGETS ? (int)(n - first) : EMBED_TARGETS;
        k->scores(width, goal, unit + first * width, m, score);
        for (int j = 0; j < m; j++) {
            int64_t row = first + j;
            if (score[j] > most && row != q->word[0] && row != q->word[1] && row != q->word[2]) {
                most = score[j];
                best = row;
            }
        }
    }
    return best;
}

crm_status crm_vectors_analogy(const crm_vectors *v, const char *path, double *accuracy,
                               int64_t *questions, int64_t *of)
{
    int64_t width = embed_width(v->dim), right = 0;
    crm_vectors_index *x = NULL;
    question *all = NULL;
    float *unit = NULL, *goal = NULL;
    lines l;
    crm_status st;

    *accuracy = NAN;
    *questions = *of = 0;
    CRM_TRY(open_lines(path, &l));
    CRM_TRY_TO(st, done, crm_vectors_index_new(v, &x));
    CRM_TRY_TO(st, done, read_questions(x, &l, &all, questions, of));
    CRM_TRY_TO(st, done, unit_rows(v, &unit));
    CRM_NEW_TO(st, done, goal, width);
    for (int64_t i = 0; i < *questions; i++)
        right += answer(unit, v->n, width, &all[i], goal, crm_embed_kernels()) == all[i].word[3];
    if (*questions) *accuracy = (double)right / (double)*questions;
done:
    crm_vectors_index_free(&x);
    crm_mem_free(all);
    crm_mem_free(unit);
    crm_mem_free(goal);
    crm_mem_free(l.text);
    return st;
}
