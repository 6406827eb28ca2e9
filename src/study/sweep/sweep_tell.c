/* sweep_tell.c - what the searches came to, in tables that are the same on any number of ranks. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/sweep_run.h"

enum { LEADERS = 10, SAMPLES = 1000 };

static double value_of(crm_metric metric, double loss)
{
    return crm_metric_direction(metric) > 0 ? 0 - loss : loss; /* of 0 no -0 */
}

static void add_part(const crm_sweep_result *r, int part, crm_str *out)
{
    if (r->repeat[part] < 0)
        crm_str_addf(out, "all");
    else
        crm_str_addf(out, "r%d-f%d", r->repeat[part], r->fold[part]);
}

static const char *state_of(const crm_trial *t)
{
    if (t->failed) return "failed";
    if (t->whole) return "whole";
    return t->stopped ? "stopped" : "open";
}

/* "KEY=VALUE" of what is part of a point, to the last digit or so that people can read it. */
static void add_point(const crm_space *s, const double *x, bool exact, crm_str *out)
{
    char room[32];
    int n = 0;

    for (int d = 0; d < s->n; d++) {
        if (isnan(x[d])) continue;
        crm_str_addf(out, "%s%s=", n++ ? (exact ? "; " : ", ") : "", s->dim[d].key);
        if (!exact && s->dim[d].kind == CRM_DIM_REAL)
            crm_str_addf(out, "%.4g", x[d]);
        else
            crm_str_addf(out, "%s", crm_space_text(s, d, x[d], room));
    }
}

static void add_number(double v, crm_str *out)
{
    char room[32];

    if (isnan(v)) return;
    crm_format_f64(v, room);
    crm_str_addf(out, "%s", room);
}

void crm_sweep_tell_trials(const crm_sweep_models *m, const crm_sweep_result *r, crm_metric metric,
                           crm_str *out)
{
    crm_str_addf(out, "part\tmodel\ttrial\tstate\trung\tresource\t%s\tspread\tpoint\n",
                 crm_metric_names[metric]);
    for (int s = 0; s < r->n; s++)
        for (int64_t i = 0; i < crm_sweep_plan_trials(r->plan, s); i++) {
            const crm_trial *t = crm_sweep_plan_trial(r->plan, s, i);
            add_part(r, s / m->n, out);
            crm_str_addf(out, "\t%s\t%lld\t%s\t%d\t", m->name[s % m->n], (long long)i, state_of(t),
                         t->rung);
            add_number(t->resource, out);
            crm_str_addf(out, "\t");
            add_number(value_of(metric, t->loss), out);
            crm_str_addf(out, "\t");
            add_number(t->failed ? (double)NAN : t->spread, out);
            crm_str_addf(out, "\t");
            add_point(m->search[s % m->n].space, t->x, true, out);
            crm_str_addf(out, "\n");
        }
}

/* The trial of least loss among those that have got farthest; -1: none has a loss yet. */
static int64_t best_so_far(const crm_sweep_result *r, int search)
{
    int64_t best = -1;
    double loss = 0, resource = 0;

    for (int64_t i = 0; i < crm_sweep_plan_trials(r->plan, search); i++) {
        const crm_trial *t = crm_sweep_plan_trial(r->plan, search, i);
        double got = t->whole || t->stopped ? t->resource : 0;
        if (isnan(t->loss) || got < resource || (got == resource && best >= 0 && t->loss >= loss))
            continue;
        best = i;
        loss = t->loss;
        resource = got;
    }
    return best;
}

void crm_sweep_tell_state(const crm_sweep_models *m, const crm_sweep_result *r, crm_metric metric,
                          crm_str *out)
{
    crm_str_addf(out, "%-8s %-20s %7s %15s %7s  %s\n", "part", "model", "trials", "units", "failed",
                 crm_metric_names[metric]);
    for (int s = 0; s < r->n; s++) {
        int64_t trials = crm_sweep_plan_trials(r->plan, s), done = 0, units = 0, failed = 0;
        int64_t best = best_so_far(r, s);
        crm_str part = {0};
        for (int64_t i = 0; i < trials; i++) {
            const crm_trial *t = crm_sweep_plan_trial(r->plan, s, i);
            done += t->done;
            units += t->units;
            failed += t->failed;
        }
        add_part(r, s / m->n, &part);
        crm_str_addf(out, "%-8s %-20s %7lld %7lld/%-7lld %7lld  ", part.text ? part.text : "",
                     m->name[s % m->n], (long long)trials, (long long)done, (long long)units,
                     (long long)failed);
        crm_str_free(&part);
        if (best >= 0) {
            const crm_trial *t = crm_sweep_plan_trial(r->plan, s, best);
            crm_str_addf(out, "%.4f, trial %lld: ", value_of(metric, t->loss), (long long)best);
            add_point(m->search[s % m->n].space, t->x, false, out);
        }
        crm_str_addf(out, "\n");
    }
}

/* ---- leaderboard ---- */

typedef struct ranked {
    double loss;
    int64_t trial;
} ranked;

static int by_loss(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* Trials of a search that were not cut short, best first. */
static crm_status rank_whole(const crm_sweep_result *r, int search, ranked **out, int64_t *n)
{
    int64_t trials = crm_sweep_plan_trials(r->plan, search);

    *n = 0;
    CRM_NEW(*out, trials);
    for (int64_t i = 0; i < trials; i++) {
        const crm_trial *t = crm_sweep_plan_trial(r->plan, search, i);
        if (t->whole && !isnan(t->loss)) (*out)[(*n)++] = (ranked){t->loss, i};
    }
    qsort(*out, (size_t)*n, sizeof **out, by_loss);
    return CRM_OK;
}

static crm_status add_leaders(const crm_sweep *s, const crm_sweep_result *r, int search,
                              crm_str *out)
{
    const crm_space *space = s->models->search[search % r->n_models].space;
    ranked *best = NULL;
    int64_t n = 0;

    CRM_TRY(rank_whole(r, search, &best, &n));
    crm_str_addf(out, "\n### %s\n\n| | trial | %s | spread | point |\n|--:|--:|--:|--:|---|\n",
                 s->models->name[search % r->n_models], crm_metric_names[s->cfg->metric]);
    for (int64_t i = 0; i < n && i < LEADERS; i++) {
        const crm_trial *t = crm_sweep_plan_trial(r->plan, search, best[i].trial);
        crm_str_addf(out, "| %lld | %lld | %.4f | %.4f | ", (long long)i + 1,
                     (long long)best[i].trial, value_of((crm_metric)s->cfg->metric, t->loss),
                     t->spread);
        add_point(space, t->x, false, out);
        crm_str_addf(out, " |\n");
    }
    crm_mem_free(best);
    return CRM_OK;
}

/* ---- how sure a choice is ---- */

/* Losses of the trials that were not cut short: [n][units]. */
typedef struct losses {
    int64_t n;
    int units;
    int64_t winner; /* among the n */
    double *of;
} losses;

static crm_status collect(const crm_sweep *s, const crm_sweep_result *r, int search, losses *l)
{
    ranked *best = NULL;
    int folds = (int)s->cfg->folds;

    l->units = (int)(s->cfg->folds * s->cfg->repeats);
    CRM_TRY(rank_whole(r, search, &best, &l->n));
    l->of = crm_mem_new((size_t)(l->n * l->units), sizeof *l->of);
    for (int64_t i = 0; i < l->n && l->of; i++)
        for (int u = 0; u < l->units; u++)
            l->of[i * l->units + u] =
                crm_sweep_plan_whole_loss(r->plan, search, best[i].trial, u / folds, u % folds);
    crm_mem_free(best);
    CRM_CHECK(l->of, CRM_ERR_NOMEM, "out of memory: losses of trials");
    return CRM_OK;
}

/* The first of the trials with the least sum over so many units. */
static int64_t best_on(const losses *l, const int *unit, int n)
{
    double least = INFINITY;
    int64_t best = 0;

    for (int64_t i = 0; i < l->n; i++) {
        double sum = 0;
        for (int u = 0; u < n; u++)
            sum += l->of[i * l->units + unit[u]];
        if (sum < least) {
            least = sum;
            best = i;
        }
    }
    return best;
}

/* Share of bootstrap samples of the inner folds in which the same trial wins. */
static double share_of_samples(const losses *l, uint64_t seed, int *unit)
{
    int same = 0;

    for (int i = 0; i < SAMPLES; i++) {
        crm_rng g = crm_rng_at(seed, CRM_RNG_SWEEP, 1, (uint64_t)i);
        for (int u = 0; u < l->units; u++)
            unit[u] = (int)(crm_rng_uniform(&g) * l->units);
        same += best_on(l, unit, l->units) == 0;
    }
    return (double)same / SAMPLES;
}

/* Repeats of the inner folds which alone would have chosen the same trial. */
static int same_repeats(const crm_sweep *s, const losses *l, int *unit)
{
    int folds = (int)s->cfg->folds, same = 0;

    for (int k = 0; k < (int)s->cfg->repeats; k++) {
        for (int f = 0; f < folds; f++)
            unit[f] = k * folds + f;
        same += best_on(l, unit, folds) == 0;
    }
    return same;
}

static crm_status add_choice(const crm_sweep *s, const crm_sweep_result *r, int search,
                             crm_str *out)
{
    const crm_trial *t = crm_sweep_plan_trial(r->plan, search, r->winner[search]);
    losses l = {0};
    int *unit = NULL;
    crm_status st = t->whole ? collect(s, r, search, &l) : CRM_OK;

    if (!st) CRM_NEW_TO(st, end, unit, l.units + 1);
    if (st) goto end;
    crm_str_addf(out, "| ");
    add_part(r, search / r->n_models, out);
    crm_str_addf(out, " | %s | %lld | %.4f | ", s->models->name[search % r->n_models],
                 (long long)r->winner[search], value_of((crm_metric)s->cfg->metric, t->loss));
    if (t->whole)
        crm_str_addf(out, "%.0f %% | ", 100 * share_of_samples(&l, (uint64_t)s->cfg->seed, unit));
    else
        crm_str_addf(out, "- | "); /* all that were not cut short failed */
    if (s->cfg->repeats > 1 && t->whole)
        crm_str_addf(out, "%d of %d | ", same_repeats(s, &l, unit), (int)s->cfg->repeats);
    else
        crm_str_addf(out, "- | "); /* which tells nothing */
    add_point(s->models->search[search % r->n_models].space, t->x, false, out);
    crm_str_addf(out, " |\n");
end:
    crm_mem_free(unit);
    crm_mem_free(l.of);
    return st;
}

/* ---- importance ---- */

static crm_status add_importance(const crm_sweep *s, const crm_sweep_result *r, int search,
                                 crm_str *out)
{
    const crm_space *space = s->models->search[search % r->n_models].space;
    double share[CRM_SWEEP_DIMS_MAX], spread[CRM_SWEEP_DIMS_MAX];
    int64_t n = 0, trials = crm_sweep_plan_trials(r->plan, search);
    crm_seen *seen;
    crm_status st;

    CRM_NEW(seen, trials);
    for (int64_t i = 0; i < trials; i++) {
        double loss = crm_sweep_plan_first_loss(r->plan, search, i);
        if (!isnan(loss))
            seen[n++] = (crm_seen){.x = crm_sweep_plan_trial(r->plan, search, i)->x, .loss = loss};
    }
    if (n < 2 * space->n + 2)
        CRM_SET(st, CRM_ERR_FORMAT, "too few trials");
    else
        st = crm_sweep_importance(space, seen, n, (uint64_t)s->cfg->seed, share, spread);
    crm_mem_free(seen);
    if (st == CRM_ERR_FORMAT) { /* or all are alike */
        crm_err_clear();
        crm_str_addf(out, "\n%s: too few trials to tell.\n", s->models->name[search % r->n_models]);
        return CRM_OK;
    }
    CRM_TRY(st);
    crm_str_addf(out, "\n### %s\n\n| option | share of the variance |\n|---|--:|\n",
                 s->models->name[search % r->n_models]);
    for (int d = 0; d < space->n; d++)
        crm_str_addf(out, "| %s | %.2f ± %.2f |\n", space->dim[d].key, share[d], spread[d]);
    return CRM_OK;
}

/* ---- the whole ---- */

static void add_failures(const crm_sweep_result *r, crm_str *out)
{
    char name[CRM_SWEEP_UNIT_NAME_MAX];

    if (r->n_failed == 0) return;
    crm_str_addf(out, "\n## Units that failed\n\n| unit | cause |\n|---|---|\n");
    for (int64_t i = 0; i < r->n_failed; i++) {
        crm_sweep_unit_name(&r->failure[i].unit, name);
        crm_str_addf(out, "| %s | %s |\n", name, r->failure[i].cause);
    }
}

crm_status crm_sweep_tell_report(const crm_sweep *s, const crm_sweep_result *r, crm_str *out)
{
    int last = r->n - r->n_models; /* first search of the part whose winners are kept */
    char hex[CRM_DIGEST_HEX];
    int64_t done, units;

    crm_sweep_plan_count(r->plan, &done, &units);
    crm_str_addf(out,
                 "# Sweep\n\n%d searches (%d parts, %d models), sampler %s, scheduler %s; %lld "
                 "units, %lld failed; digest of units %s.\n",
                 r->n, r->parts, r->n_models,
                 s->cfg->list[0] ? "list" : crm_sampler_names[s->cfg->sampler],
                 crm_scheduler_names[s->cfg->scheduler], (long long)units, (long long)r->n_failed,
                 crm_digest_hex(r->units, hex));
    if (s->cfg->scheduler == CRM_SCHEDULER_ASYNCHRONOUS)
        crm_str_addf(out, "\nAsynchronous halving: which trials went on depends on the order in "
                          "which results came, so on the layout of the ranks.\n");
    crm_str_addf(out, "\n## Best trials\n");
    for (int i = last; i < r->n; i++)
        CRM_TRY(add_leaders(s, r, i, out));
    crm_str_addf(out,
                 "\n## Winners\n\nHow often the same trial would have won: in %d bootstrap "
                 "samples of the inner folds, and on each repeat of them alone.\n\n| part | "
                 "model | trial | inner %s | samples | repeats | point "
                 "|\n|---|---|--:|--:|--:|--:|---|\n",
                 SAMPLES, crm_metric_names[s->cfg->metric]);
    for (int i = 0; i < r->n; i++)
        CRM_TRY(add_choice(s, r, i, out));
    crm_str_addf(out,
                 "\n## Importance\n\nShare of the variance of %s that each option explains by "
                 "itself (functional ANOVA), in what all trials have: their first rung.\n",
                 crm_metric_names[s->cfg->metric]);
    for (int i = last; i < r->n; i++)
        CRM_TRY(add_importance(s, r, i, out));
    add_failures(r, out);
    CRM_CHECK(!out->failed, CRM_ERR_NOMEM, "out of memory: report of a sweep");
    return CRM_OK;
}
