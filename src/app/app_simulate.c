/* app_simulate.c - sweep --simulate: how long a sweep would take on so many ranks. */
#include <string.h>

#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

crm_status app_sweep_sim_ranks(const char *text, int *out)
{
    int64_t ranks;

    CRM_CHECK(crm_parse_i64(text, strlen(text), &ranks) && ranks >= 1 &&
                  ranks <= CRM_SWEEP_SIM_RANKS_MAX,
              CRM_ERR_CONFIG, "--simulate: '%s' is no number of ranks; allowed: 1 to %d", text,
              (int)CRM_SWEEP_SIM_RANKS_MAX);
    return crm_to_int(ranks, out);
}

/* All searches of a result, made or reviewed. */
static crm_status searches_of(const app_sweep *s, crm_search **out)
{
    CRM_NEW(*out, s->result.n);
    for (int i = 0; i < s->result.n; i++)
        (*out)[i] = s->search[i % s->models.n];
    return CRM_OK;
}

crm_status app_sweep_compare(const app *a, const app_sweep *s, const crm_sweep_ledger_all *known,
                             int ranks, crm_sweep_sim_runs *out)
{
    crm_sweep_sim_world *w = NULL;
    crm_search *all = NULL;
    crm_sweep_sim_draws draws;
    crm_status st = searches_of(s, &all);

    if (!st)
        st = crm_sweep_sim_world_new(&a->sweep, &a->simulate, s->models.n, s->search, known,
                                     s->result.plan, &w);
    if (!st) {
        draws = crm_sweep_sim_draws_of(w);
        st = crm_sweep_sim_compare(&a->sweep, &a->simulate, s->result.n, all, &draws, ranks, out);
    }
    crm_sweep_sim_world_free(&w);
    crm_mem_free(all);
    return st;
}

crm_status app_sweep_simulate(const app *a, const app_sweep *s, const crm_sweep_ledger_all *known,
                              int ranks)
{
    crm_sweep_sim_runs runs;
    crm_str out = {0};
    double start = crm_clock_now();
    crm_status st = CRM_OK;

    CRM_TRY(app_sweep_compare(a, s, known, ranks, &runs));
    if (a->args.json)
        crm_sweep_sim_json(&runs, &out);
    else
        crm_sweep_sim_tell(&runs, &out);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: simulation of a sweep");
    if (!st) fputs(out.text, stdout);
    crm_str_free(&out);
    crm_log_line(CRM_LOG_INFO, "sweep", "simulated in %.1f s", crm_clock_now() - start);
    return st;
}
