/* app_simulate.c - sweep --simulate: how long a sweep would take on so many ranks. */
#include <string.h>

#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

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

/* A sweep, whose plan there is, beside the same one without rounds. */
static crm_status compare(const app *a, const app_sweep *s, const crm_sweep_sim_cfg *sim,
                          const crm_sweep_ledger_all *known, int ranks, crm_sweep_sim_runs *out)
{
    crm_sweep_sim_world *w = NULL;
    crm_search *all = NULL;
    crm_sweep_sim_draws draws;
    crm_status st = searches_of(s, &all);

    if (!st)
        st = crm_sweep_sim_world_new(&a->sweep, sim, s->models.n, s->search, known, s->result.plan,
                                     &w);
    if (!st) {
        draws = crm_sweep_sim_draws_of(w);
        st = crm_sweep_sim_compare(&a->sweep, sim, s->result.n, all, &draws, ranks, out);
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

    CRM_TRY(compare(a, s, &a->simulate, known, ranks, &runs));
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

static crm_status price_rounds(const app *a, const app_sweep *s, const crm_eval *e)
{
    crm_sweep_sim_cfg sim = a->simulate;
    crm_sweep_ledger_all known;
    crm_sweep_sim_runs runs;
    char dir[CRM_PATH_MAX];
    crm_status st;

    sim.failures = 0;
    CRM_TRY(crm_record_path(e->record, CRM_SWEEP_DIR, dir, sizeof dir));
    CRM_TRY(crm_sweep_ledger_read(dir, e->run, &known));
    st = compare(a, s, &sim, &known, crm_comm_size(a->world), &runs);
    for (int i = 1; !st && i < runs.n; i++) {
        crm_str line = {0};
        crm_sweep_sim_price(&runs, i, &line);
        if (line.text) crm_log_line(CRM_LOG_INFO, "sweep", "simulated: %s", line.text);
        crm_str_free(&line);
    }
    crm_sweep_ledger_all_free(&known);
    return st;
}

void app_sweep_price(const app *a, const app_sweep *s, const crm_eval *e)
{
    if (crm_comm_size(a->world) <= CRM_SWEEP_SIM_RANKS_MAX && price_rounds(a, s, e))
        crm_err_clear(); /* the sweep itself is done */
}
