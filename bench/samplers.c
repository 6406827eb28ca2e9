/* samplers.c - regrets of the samplers of a sweep: bench/samplers.py runs it beside Optuna.
 *
 *   bench_samplers spaces
 *   bench_samplers serve
 *   bench_samplers run SAMPLER BATCH TRIALS FIRST_SEED SEEDS
 *
 * spaces prints a line of JSON for each function of tests/sweep/functions.h; serve answers each
 * line "FUNCTION x ..." (numbers; nan where a dimension is no part of the point) with the regret
 * there; run prints a line for each function and seed: number of the function, regret of the best
 * trial.  BATCH trials make a round, which see results of earlier rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/sweep/functions.h"
#include "crmpi/base_mem.h"

static void print_condition(const crm_dim *d)
{
    if (d->when < 0) return;
    printf(", \"when\": %d, \"unless\": %s, \"given\": [", d->when, d->unless ? "true" : "false");
    for (int i = 0; i < d->n_given; i++)
        printf("%s%g", i > 0 ? ", " : "", d->given[i]);
    printf("]");
}

static void print_spaces(void)
{
    static const char *const kind[] = {"real", "integer", "list"};

    for (int f = 0; f < FUNCTIONS; f++) {
        const crm_space *s = &functions[f].space;
        printf("{\"name\": \"%s\", \"dims\": [", functions[f].name);
        for (int d = 0; d < s->n; d++) {
            const crm_dim *it = &s->dim[d];
            printf(
                "%s{\"key\": \"%s\", \"kind\": \"%s\", \"log\": %s, \"lo\": %.17g, \"hi\": %.17g, "
                "\"n\": %d",
                d > 0 ? ", " : "", it->key, kind[it->kind], it->log ? "true" : "false", it->lo,
                it->hi, it->n);
            print_condition(it);
            printf("}");
        }
        printf("]}\n");
    }
}

static int serve(void)
{
    char line[2048];

    while (fgets(line, sizeof line, stdin)) {
        double x[CRM_SWEEP_DIMS_MAX];
        char *at = line;
        long f = strtol(at, &at, 10);
        if (f < 0 || f >= FUNCTIONS) return 2;
        for (int d = 0; d < functions[f].space.n; d++)
            x[d] = strtod(at, &at);
        printf("%.17g\n", functions[f].of(x) - functions[f].least);
        fflush(stdout);
    }
    return 0;
}

/* Regret of the best of so many trials; x[trials][dims], seen[trials]. */
static crm_status regret_of(const function *f, const crm_sample_cfg *cfg, int64_t batch,
                            int64_t trials, double *x, crm_seen *seen, double *regret)
{
    int dims = f->space.n;

    *regret = INFINITY;
    for (int64_t t = 0; t < trials; t++) {
        double *at = x + t * dims;
        CRM_TRY(crm_sample(cfg, &f->space, t, seen, t / batch * batch, at));
        seen[t] = (crm_seen){.x = at, .loss = f->of(at)};
        *regret = fmin(*regret, seen[t].loss - f->least);
    }
    return CRM_OK;
}

static crm_status run(int sampler, int64_t batch, int64_t trials, int64_t first, int64_t seeds)
{
    crm_seen *seen = NULL;
    double *x = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, seen, trials);
    CRM_NEW_TO(st, done, x, trials * CRM_SWEEP_DIMS_MAX);
    for (int f = 0; f < FUNCTIONS; f++)
        for (int64_t s = first; s < first + seeds; s++) {
            crm_sample_cfg cfg = {
                .sampler = sampler, .seed = (uint64_t)s, .startup = 10, .candidates = 24};
            double regret;
            CRM_TRY_TO(st, done, regret_of(&functions[f], &cfg, batch, trials, x, seen, &regret));
            printf("%d %.17g\n", f, regret);
        }
done:
    crm_mem_free(seen);
    crm_mem_free(x);
    return st;
}

static int sampler_named(const char *name)
{
    for (int i = 0; crm_sampler_names[i]; i++)
        if (strcmp(crm_sampler_names[i], name) == 0) return i;
    return -1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "spaces") == 0) {
        print_spaces();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "serve") == 0) return serve();
    if (argc == 7 && strcmp(argv[1], "run") == 0 && sampler_named(argv[2]) >= 0) {
        if (!run(sampler_named(argv[2]), atoll(argv[3]), atoll(argv[4]), atoll(argv[5]),
                 atoll(argv[6])))
            return 0;
        crm_err_print(0);
        return 1;
    }
    fprintf(stderr,
            "usage: bench_samplers spaces | serve | run SAMPLER BATCH TRIALS FIRST SEEDS\n");
    return 2;
}
