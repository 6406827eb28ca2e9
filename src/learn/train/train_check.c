/* train_check.c - copies of the parameters that change in memory.
 *
 * After the parameters of a step were gathered each rank keeps digests of its copy, one for each
 * CRM_BLOCK elements; before the optimiser overwrites the copy in the next step it verifies the
 * copy against them.  A difference is this rank's own.  What the ranks kept is compared in the same
 * message: copies that were equal never differ later without a fault. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "train_engine.h"

enum { HOST_MAX = 64 };

struct check {
    const run *r;
    int64_t size, n_blocks;
    crm_digest *block; /* [n_blocks] kept */
    int64_t step;      /* after which they were kept */
    bool open;         /* the copy is still that of step */
    /* of a pass over the copy by worker threads: */
    const float *w;
    bool verify;
    int64_t *changed; /* [workers] first block that differs, -1: none */
};

crm_status crm_check_new(const run *r, check **out)
{
    check *c;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(c, 1);
    c->r = r;
    c->size = r->t->size;
    c->n_blocks = (c->size + CRM_BLOCK - 1) / CRM_BLOCK;
    CRM_NEW_TO(st, done, c->block, c->n_blocks);
    CRM_NEW_TO(st, done, c->changed, crm_pool_size(r->t->pool));
    *out = c;
done:
    if (st) crm_check_free(&c);
    return st;
}

void crm_check_free(check **cp)
{
    if (!*cp) return;
    crm_mem_free((*cp)->block);
    crm_mem_free((*cp)->changed);
    crm_mem_free(*cp);
    *cp = NULL;
}

bool crm_check_keeps(const check *c)
{
    int64_t every = c->r->t->cfg->check.every;

    return every > 0 && c->r->step % every == 0;
}

bool crm_check_open(const check *c)
{
    return c->open;
}

void crm_check_over(check *c)
{
    c->open = false;
}

/* ---- passes over the copy ---- */

/* Blocks of one worker. */
static crm_status pass(void *ctx, int64_t task, int id)
{
    check *c = ctx;
    int64_t n = crm_pool_size(c->r->t->pool);
    int64_t first = task * c->n_blocks / n, end = (task + 1) * c->n_blocks / n;

    (void)id;
    c->changed[task] = -1;
    for (int64_t b = first; b < end && c->changed[task] < 0; b++) {
        int64_t at = b * CRM_BLOCK, left = c->size - at;
        crm_digest d =
            crm_digest_of(c->w + at, (size_t)(left < CRM_BLOCK ? left : CRM_BLOCK) * sizeof *c->w);
        if (!c->verify)
            c->block[b] = d;
        else if (!crm_digest_equal(d, c->block[b]))
            c->changed[task] = b;
    }
    return CRM_OK;
}

static crm_status pass_over(check *c, const float *w, bool verify)
{
    c->w = w;
    c->verify = verify;
    return crm_pool_run(c->r->t->pool, crm_pool_size(c->r->t->pool), pass, c);
}

crm_status crm_check_keep(check *c, const float *w)
{
    CRM_TRY(pass_over(c, w, false));
    c->step = c->r->step;
    c->open = true;
    return CRM_OK;
}

static check_word word_of(const check *c, int64_t changed)
{
    return (check_word){.kept = crm_digest_of(c->block, (size_t)c->n_blocks * sizeof *c->block),
                        .changed = changed};
}

crm_status crm_check_verify(check *c, const float *w, check_word *out)
{
    int64_t changed = -1;

    CRM_TRY(pass_over(c, w, true));
    for (int i = 0; i < crm_pool_size(c->r->t->pool) && changed < 0; i++)
        changed = c->changed[i];
    *out = word_of(c, changed);
    return CRM_OK;
}

/* ---- what a difference is ---- */

/* What the ranks know of each other once something differs. */
typedef struct scene {
    int size;
    const check_word *word; /* [size] */
    char (*host)[HOST_MAX]; /* [size] */
    crm_digest *block;      /* [size][blocks] */
} scene;

static crm_status gather(check *c, const check_word *word, scene *s)
{
    crm_comm *comm = c->r->t->fit->comm;
    char host[HOST_MAX] = "";
    void *all = NULL;
    size_t bytes;

    *s = (scene){.size = crm_comm_size(comm), .word = word};
    crm_comm_host(host, sizeof host);
    CRM_TRY(crm_comm_allgather(comm, host, sizeof host, &all, &bytes, NULL));
    s->host = all;
    CRM_TRY(crm_comm_allgather(comm, c->block, (size_t)c->n_blocks * sizeof *c->block, &all, &bytes,
                               NULL));
    s->block = all;
    return CRM_OK;
}

/* Ranks that kept the same as rank. */
static int followers(const scene *s, int rank)
{
    int n = 0;

    for (int q = 0; q < s->size; q++)
        n += crm_digest_equal(s->word[q].kept, s->word[rank].kept);
    return n;
}

/* A rank of more than half of them, -1: there is none. */
static int majority(const scene *s)
{
    for (int q = 0; q < s->size; q++)
        if (2 * followers(s, q) > s->size) return q;
    return -1;
}

/* A rank that kept something else than rank. */
static int other_than(const scene *s, int rank)
{
    for (int q = 0; q < s->size; q++)
        if (!crm_digest_equal(s->word[q].kept, s->word[rank].kept)) return q;
    return rank;
}

static int64_t first_difference(const check *c, const scene *s, int a, int b)
{
    const crm_digest *x = s->block + a * c->n_blocks, *y = s->block + b * c->n_blocks;
    int64_t i = 0;

    while (i < c->n_blocks && crm_digest_equal(x[i], y[i]))
        i++;
    return i;
}

/* "; first in block 3 (elements 12288 to 16383).  Nothing ..." */
static void add_place(const check *c, int64_t block, crm_str *out)
{
    int64_t end = (block + 1) * CRM_BLOCK;

    crm_str_addf(out,
                 "; first in block %lld (elements %lld to %lld of %lld). Nothing was saved after "
                 "that; run the same command again to go on from the last checkpoint, and have the "
                 "memory of that machine tested (check.every)",
                 (long long)block, (long long)(block * CRM_BLOCK),
                 (long long)(end < c->size ? end : c->size) - 1, (long long)c->size);
}

/* The rank whose own copy changed is told first; then the one that differs from most; then that
 * some differ. */
static void describe(const check *c, const scene *s, crm_str *out)
{
    const char *phase = c->r->t->phase;
    long long step = (long long)c->step;
    int most = majority(s), odd;

    for (int q = 0; q < s->size; q++) {
        if (s->word[q].changed < 0) continue;
        crm_str_addf(out,
                     "rank %d (%s): parameters changed in memory between step %lld and %lld (%s)",
                     q, s->host[q], step, step + 1, phase);
        add_place(c, s->word[q].changed, out);
        return;
    }
    odd = other_than(s, most < 0 ? 0 : most);
    if (most >= 0)
        crm_str_addf(
            out,
            "rank %d (%s): its parameters after step %lld (%s) differ from those that %d of "
            "%d ranks have",
            odd, s->host[odd], step, phase, followers(s, most), s->size);
    else
        crm_str_addf(
            out,
            "ranks 0 (%s) and %d (%s): their parameters after step %lld (%s) differ; which "
            "of them changed cannot be told",
            s->host[0], odd, s->host[odd], step, phase);
    add_place(c, first_difference(c, s, most < 0 ? 0 : most, odd), out);
}

crm_status crm_check_compare(check *c, const check_word *word)
{
    crm_comm *comm = c->r->t->fit->comm;
    crm_str text = {0};
    scene s;
    bool fine = true;
    crm_status st;

    for (int q = 0; q < crm_comm_size(comm); q++)
        fine = fine && word[q].changed < 0 && crm_digest_equal(word[q].kept, word[0].kept);
    if (fine) return CRM_OK;
    st = gather(c, word, &s);
    if (!st) {
        describe(c, &s, &text);
        CRM_SET(st, CRM_ERR_COMM, "%s", text.text ? text.text : "parameters changed in memory");
    }
    crm_str_free(&text);
    crm_mem_free(s.host);
    crm_mem_free(s.block);
    return st;
}

crm_status crm_check_now(check *c, const float *w)
{
    crm_comm *comm = c->r->t->fit->comm;
    check_word word;
    void *all = NULL;
    size_t bytes;
    crm_status st = CRM_OK;

    if (c->r->t->cfg->check.every == 0) return CRM_OK;
    if (!c->open) st = crm_check_keep(c, w);
    if (!st) st = crm_check_verify(c, w, &word);
    CRM_TRY(crm_comm_agree(comm, st));
    CRM_TRY(crm_comm_allgather(comm, &word, sizeof word, &all, &bytes, NULL));
    st = crm_check_compare(c, all);
    crm_mem_free(all);
    return st;
}
