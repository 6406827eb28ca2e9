/* sweep_sample.c - samplers that do not look at results, and the choice among all. */
#include <math.h>

#include "crmpi/base_rng.h"
#include "sweep_impl.h"

const char *const crm_sampler_names[] = {"grid", "random", "sobol", "tpe", NULL};
_Static_assert(sizeof crm_sampler_names / sizeof *crm_sampler_names == CRM_SAMPLER_COUNT + 1,
               "names");

static void random_point(uint64_t seed, const crm_space *s, int64_t trial, double *x)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_SWEEP, 0, (uint64_t)trial);
    double u[CRM_SWEEP_DIMS_MAX];

    for (int d = 0; d < s->n; d++)
        u[d] = crm_rng_uniform(&r);
    crm_space_point(s, u, x);
}

static void sobol_point(uint64_t seed, const crm_space *s, int64_t trial, double *x)
{
    double u[CRM_SWEEP_DIMS_MAX];

    for (int d = 0; d < s->n; d++)
        u[d] = sweep_sobol(seed, d, trial);
    crm_space_point(s, u, x);
}

crm_status crm_sample(const crm_sample_cfg *cfg, const crm_space *s, int64_t trial,
                      const crm_seen *seen, int64_t n, double *x)
{
    switch (cfg->sampler) {
    case CRM_SAMPLER_GRID:
        CRM_CHECK(crm_space_grid_point(s, cfg->points, trial, x), CRM_ERR_ARG,
                  "the grid has no trial %lld", (long long)trial);
        return CRM_OK;
    case CRM_SAMPLER_SOBOL:
        sobol_point(cfg->seed, s, trial, x);
        return CRM_OK;
    case CRM_SAMPLER_TPE:
        if (n >= cfg->startup) return sweep_tpe(cfg, s, trial, seen, n, x);
        break;
    default:
        break;
    }
    random_point(cfg->seed, s, trial, x);
    return CRM_OK;
}
