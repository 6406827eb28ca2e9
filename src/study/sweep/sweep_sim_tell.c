/* sweep_sim_tell.c - a simulated sweep beside the same one without rounds, for people and scripts.
 */
#include <string.h>

#include "crmpi/sweep_sim.h"

/* ---- runs ---- */

static bool has_rounds(const crm_sweep_cfg *cfg)
{
    return (cfg->scheduler != CRM_SCHEDULER_NONE && cfg->scheduler != CRM_SCHEDULER_ASYNCHRONOUS) ||
           (cfg->sampler == CRM_SAMPLER_TPE && !cfg->list[0]);
}

/* The same without rounds. */
static crm_sweep_cfg at_once(const crm_sweep_cfg *cfg, crm_scheduler scheduler)
{
    crm_sweep_cfg c = *cfg;

    c.scheduler = (int)scheduler;
    if (c.sampler == CRM_SAMPLER_TPE) c.sampler = CRM_SAMPLER_RANDOM;
    return c;
}

crm_status crm_sweep_sim_compare(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim, int n,
                                 const crm_search *search, const crm_sweep_sim_draws *draws,
                                 int ranks, crm_sweep_sim_runs *out)
{
    crm_sweep_cfg run[CRM_SWEEP_SIM_RUNS_MAX] = {*cfg};

    *out = (crm_sweep_sim_runs){.n = 1};
    if (cfg->scheduler == CRM_SCHEDULER_MEDIAN) /* which asks for sweep.startup itself */
        run[0].candidates = 1;
    else
        run[0].startup = INT64_MAX;
    if (has_rounds(cfg) && cfg->scheduler != CRM_SCHEDULER_NONE)
        run[out->n++] = at_once(cfg, CRM_SCHEDULER_ASYNCHRONOUS);
    if (has_rounds(cfg)) run[out->n++] = at_once(cfg, CRM_SCHEDULER_NONE);
    for (int i = 0; i < out->n; i++) {
        out->scheduler[i] = run[i].scheduler;
        CRM_TRY(crm_sweep_simulate(&run[i], sim, n, search, draws, ranks, NULL, &out->use[i]));
    }
    return CRM_OK;
}

/* ---- a table ---- */

/* What the time of the ranks went into: all of it. */
static const struct {
    const char *text, *key;
    size_t offset;
} PARTS[] = {
    {"useful", "useful", offsetof(crm_sweep_sim_use, busy_s)},
    {"waiting for rounds", "rounds", offsetof(crm_sweep_sim_use, rounds_s)},
    {"nothing left at the end", "end", offsetof(crm_sweep_sim_use, end_s)},
    {"waiting for units on their way", "dispatch", offsetof(crm_sweep_sim_use, dispatch_s)},
    {"thrown away by failures", "thrown", offsetof(crm_sweep_sim_use, thrown_s)},
    {"away after failures", "away", offsetof(crm_sweep_sim_use, away_s)},
    {"rank 0, where it only answers", "answering", offsetof(crm_sweep_sim_use, answering_s)},
};
enum { N_PARTS = sizeof PARTS / sizeof *PARTS };

static double share(const crm_sweep_sim_use *u, double rank_seconds)
{
    double all = u->ranks * u->makespan_s;

    return all > 0 ? rank_seconds / all : 1;
}

static double part(const crm_sweep_sim_use *u, int which)
{
    double v;

    memcpy(&v, (const char *)u + PARTS[which].offset, sizeof v);
    return share(u, v);
}

static double us_a_unit(const crm_sweep_sim_use *u)
{
    return u->units > 0 ? 1e6 * u->dispatch_s / (double)u->units : 0;
}

/* No order of these units ends before the longest of them. */
static double most_useful(const crm_sweep_sim_use *u)
{
    double all = u->ranks * u->longest_s;

    return u->busy_s < all ? u->busy_s / all : 1;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 1;
}

static void add_counts(const crm_sweep_sim_runs *r, crm_str *out)
{
    crm_str_addf(out, "\n| units");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %lld", (long long)r->use[i].units);
    crm_str_addf(out, " |\n| of them begun again after a failure");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %lld", (long long)r->use[i].lost);
    crm_str_addf(out, " |\n| makespan, s");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %.2f", r->use[i].makespan_s);
    crm_str_addf(out, " |\n| longest unit, s");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %.2f", r->use[i].longest_s);
}

void crm_sweep_sim_price(const crm_sweep_sim_runs *r, int run, crm_str *out)
{
    const crm_sweep_sim_use *own = &r->use[0], *u = &r->use[run];

    crm_str_addf(out,
                 "against %s without rounds: makespan x %.3f, useful work x %.3f, idle share "
                 "%.2f %% against %.2f %%",
                 crm_scheduler_names[r->scheduler[run]], ratio(own->makespan_s, u->makespan_s),
                 ratio(own->busy_s, u->busy_s), 100 * share(own, own->rounds_s + own->end_s),
                 100 * share(u, u->rounds_s + u->end_s));
}

void crm_sweep_sim_tell(const crm_sweep_sim_runs *r, crm_str *out)
{
    const crm_sweep_sim_use *u = &r->use[0];

    crm_str_addf(out, "%d ranks, %d groups, simulated\n\n| sweep.scheduler", u->ranks, u->groups);
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %s%s", crm_scheduler_names[r->scheduler[i]],
                     i > 0 ? ", without rounds" : "");
    crm_str_addf(out, " |\n|---");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, "|--:");
    crm_str_addf(out, "|");
    add_counts(r, out);
    for (int k = 0; k < N_PARTS; k++) {
        crm_str_addf(out, " |\n| %s, %% of rank time", PARTS[k].text);
        for (int i = 0; i < r->n; i++)
            crm_str_addf(out, " | %.2f", 100 * part(&r->use[i], k));
    }
    crm_str_addf(out, " |\n| most that could be useful for the longest unit, %%");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %.2f", 100 * most_useful(&r->use[i]));
    crm_str_addf(out, " |\n| waiting for a unit on its way, us each");
    for (int i = 0; i < r->n; i++)
        crm_str_addf(out, " | %.1f", us_a_unit(&r->use[i]));
    crm_str_addf(out, " |\n");
    for (int i = 1; i < r->n; i++) {
        crm_str_addf(out, "\n");
        crm_sweep_sim_price(r, i, out);
        crm_str_addf(out, "\n");
    }
}

void crm_sweep_sim_json(const crm_sweep_sim_runs *r, crm_str *out)
{
    char room[32];

    crm_str_addf(out, "{\"ranks\": %d, \"groups\": %d, \"runs\": [", r->use[0].ranks,
                 r->use[0].groups);
    for (int i = 0; i < r->n; i++) {
        const crm_sweep_sim_use *u = &r->use[i];
        crm_str_addf(out,
                     "%s\n {\"scheduler\": \"%s\", \"units\": %lld, \"lost\": %lld, "
                     "\"failures\": %lld, \"makespan_s\": %s",
                     i > 0 ? "," : "", crm_scheduler_names[r->scheduler[i]], (long long)u->units,
                     (long long)u->lost, (long long)u->failures,
                     crm_format_f64(u->makespan_s, room));
        crm_str_addf(out, ", \"longest_s\": %s", crm_format_f64(u->longest_s, room));
        for (int k = 0; k < N_PARTS; k++)
            crm_str_addf(out, ", \"%s\": %s", PARTS[k].key, crm_format_f64(part(u, k), room));
        crm_str_addf(out, ", \"dispatch_us\": %s}", crm_format_f64(us_a_unit(u), room));
    }
    crm_str_addf(out, "\n]}\n");
}
