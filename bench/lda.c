/* lda.c - topics of documents, timed: bench/lda.py runs it beside scikit-learn.
 *
 *   bench_lda TRAIN HELD_OUT TOPICS_OUT SEED [lda.KEY=VALUE...]
 *
 * TRAIN and HELD_OUT hold documents, words, cells (int64), where each document begins
 * [documents + 1] (int64), word numbers [cells] (int32) and counts [cells] (float32).  Prints
 * seconds of the clock and of the core, perplexity of HELD_OUT, and UMass and NPMI coherence of
 * ten words on TRAIN, means of topics; the parameters [topics][words] (float64) go to TOPICS_OUT.
 */
#include <stdio.h>
#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/embed.h"
#include "fit.h"

enum { TOP = 10 };

typedef struct documents {
    crm_bow bow;
    int64_t *first;
    int32_t *id;
    float *count;
} documents;

static void documents_free(documents *d)
{
    crm_mem_free(d->first);
    crm_mem_free(d->id);
    crm_mem_free(d->count);
}

static crm_status read_numbers(FILE *f, const char *path, void *to, size_t size, int64_t n)
{
    CRM_CHECK(fread(to, size, (size_t)n, f) == (size_t)n, CRM_ERR_FORMAT, "%s is cut short", path);
    return CRM_OK;
}

static crm_status read_open(FILE *f, const char *path, documents *d)
{
    int64_t head[3];

    CRM_TRY(read_numbers(f, path, head, sizeof *head, 3));
    CRM_NEW(d->first, head[0] + 1);
    CRM_NEW(d->id, head[2]);
    CRM_NEW(d->count, head[2]);
    CRM_TRY(read_numbers(f, path, d->first, sizeof *d->first, head[0] + 1));
    CRM_TRY(read_numbers(f, path, d->id, sizeof *d->id, head[2]));
    CRM_TRY(read_numbers(f, path, d->count, sizeof *d->count, head[2]));
    d->bow = (crm_bow){
        .n = head[0], .n_words = head[1], .first = d->first, .id = d->id, .count = d->count};
    return CRM_OK;
}

static crm_status read_documents(const char *path, documents *d)
{
    FILE *f = fopen(path, "rb");
    crm_status st;

    CRM_CHECK(f, CRM_ERR_IO, "%s cannot be read", path);
    st = read_open(f, path, d);
    (void)fclose(f);
    return st;
}

static crm_status write_topics(const crm_lda *m, const char *path)
{
    const crm_bag_array *a;
    crm_bag *b;
    size_t wrote = 0;
    FILE *f;

    CRM_TRY(crm_bag_new(&b));
    CRM_TRY(crm_lda_save(m, b));
    CRM_TRY(crm_bag_get(b, "lambda", CRM_F64, -1, &a));
    f = fopen(path, "wb");
    CRM_CHECK(f, CRM_ERR_IO, "%s cannot be written", path);
    wrote = fwrite(a->data, sizeof(double), (size_t)a->n, f);
    CRM_CHECK(fclose(f) == 0 && wrote == (size_t)a->n, CRM_ERR_IO, "%s cannot be written", path);
    crm_bag_free(&b);
    return CRM_OK;
}

static crm_status print_scores(const crm_lda *m, int64_t topics, const crm_bow *train,
                               const crm_bow *held)
{
    double *umass, *npmi, u = 0, p = 0, perplexity;

    CRM_NEW(umass, topics);
    CRM_NEW(npmi, topics);
    CRM_TRY(crm_lda_perplexity(m, held, &perplexity));
    CRM_TRY(crm_lda_coherence(m, train, TOP, umass, npmi));
    for (int64_t k = 0; k < topics; k++) {
        u += umass[k] / (double)topics;
        p += npmi[k] / (double)topics;
    }
    printf(" %.6f %.6f %.6f\n", perplexity, u, p);
    crm_mem_free(umass);
    crm_mem_free(npmi);
    return CRM_OK;
}

static crm_status run(crm_comm *world, int argc, char **argv)
{
    documents train = {.first = NULL}, held = {.first = NULL};
    crm_opt_set *set;
    crm_lda_cfg cfg = {0};
    crm_lda *m;
    fit_clock start;
    double wall, core;

    CRM_TRY(crm_opt_set_new(&set));
    CRM_TRY(crm_opt_set_add(set, crm_lda_opts, &cfg));
    CRM_TRY(crm_opt_set_load(set, NULL, (const char *const *)argv + 5, argc - 5));
    CRM_TRY(read_documents(argv[1], &train));
    CRM_TRY(read_documents(argv[2], &held));
    start = fit_clock_start();
    CRM_TRY(crm_lda_fit(world, NULL, &cfg, &train.bow, (uint64_t)atoll(argv[4]), &m));
    fit_clock_read(&start, &wall, &core);
    if (crm_comm_rank(world) == 0) {
        printf("%.3f %.3f", wall, core);
        CRM_TRY(print_scores(m, cfg.topics, &train.bow, &held.bow));
        CRM_TRY(write_topics(m, argv[3]));
    }
    crm_lda_free(&m);
    documents_free(&train);
    documents_free(&held);
    crm_opt_set_free(&set);
    return CRM_OK;
}

int main(int argc, char **argv)
{
    return fit_main(argc, argv, 5, "bench_lda TRAIN HELD_OUT TOPICS_OUT SEED [lda.KEY=VALUE...]",
                    run);
}
