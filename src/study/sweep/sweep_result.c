/* sweep_result.c - what searches came to: failures in the order of units, winners, and who takes
 * the place of one that failed outside its search. */
#include "sweep_result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

crm_status sweep_size_result(int parts, int n_models, crm_sweep_result *out)
{
    out->parts = parts;
    out->n_models = n_models;
    out->n = parts * n_models;
    CRM_NEW(out->repeat, parts);
    CRM_NEW(out->fold, parts);
    CRM_NEW(out->winner, out->n);
    CRM_NEW(out->x, (int64_t)out->n * CRM_SWEEP_DIMS_MAX);
    return CRM_OK;
}

/* ---- failures ---- */

static int compare_units(const crm_sweep_unit *a, const crm_sweep_unit *b)
{
    const int32_t x[] = {a->search, a->trial, a->rung, a->repeat, a->fold};
    const int32_t y[] = {b->search, b->trial, b->rung, b->repeat, b->fold};

    for (int i = 0; i < 5; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* Where a failure goes, in the order of units. */
static int64_t failure_at(const crm_sweep_result *r, const crm_sweep_unit *u)
{
    int64_t at = r->n_failed;

    while (at > 0 && compare_units(&r->failure[at - 1].unit, u) > 0)
        at--;
    return at;
}

static crm_status keep_failure(crm_sweep_result *r, const crm_sweep_unit *u, const char *cause)
{
    int64_t at = failure_at(r, u);
    crm_sweep_failure *more =
        crm_mem_grow(r->failure, (size_t)r->n_failed, (size_t)r->n_failed + 1, sizeof *more);

    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: failures of a sweep");
    r->failure = more;
    memmove(&more[at + 1], &more[at], (size_t)(r->n_failed - at) * sizeof *more);
    more[at] = (crm_sweep_failure){.unit = *u};
    snprintf(more[at].cause, sizeof more[at].cause, "%s", cause);
    r->n_failed++;
    return CRM_OK;
}

crm_status sweep_add_failure(const crm_sweep_cfg *cfg, crm_sweep_result *r, const crm_sweep_unit *u,
                             const char *cause)
{
    char name[CRM_SWEEP_UNIT_NAME_MAX];

    CRM_TRY(keep_failure(r, u, cause));
    crm_sweep_unit_name(u, name);
    CRM_CHECK(cfg->max_failed == 0 || r->n_failed <= cfg->max_failed, CRM_ERR_NUMERIC,
              "%lld units of the sweep failed, the last of them %s: %s; sweep.max_failed is %lld",
              (long long)r->n_failed, name, cause, (long long)cfg->max_failed);
    return CRM_OK;
}

/* ---- winners ---- */

/* The fit of the winner outside its search, as a unit. */
static crm_sweep_unit outer_unit(const crm_sweep_result *r, int search, int64_t trial)
{
    return (crm_sweep_unit){.search = search,
                            .trial = (int32_t)trial,
                            .repeat = -1,
                            .fold = -1,
                            .point = crm_sweep_plan_trial(r->plan, search, trial)->point};
}

crm_status sweep_find_winner(const crm_sweep *s, crm_sweep_result *out, int search,
                             const crm_sweep_ledger_all *known)
{
    for (;;) {
        int64_t *winner = &out->winner[search];
        char key[CRM_SWEEP_UNIT_NAME_MAX];
        const crm_sweep_ledger_entry *e;
        crm_sweep_unit u;
        *winner = crm_sweep_plan_winner(out->plan, search);
        if (*winner < 0 || !known) return CRM_OK;
        u = outer_unit(out, search, *winner);
        crm_sweep_unit_key(&u, key);
        e = crm_sweep_ledger_find(known, key);
        if (!e) return CRM_OK;
        crm_sweep_plan_drop(out->plan, search, *winner);
        CRM_TRY(sweep_add_failure(s->cfg, out, &u, e->cause));
    }
}

static crm_status ledgers(const crm_sweep *s, char dir[CRM_PATH_MAX])
{
    return crm_record_path(s->e->record, CRM_SWEEP_DIR, dir, CRM_PATH_MAX);
}

/* Digest of what all units of the plan came to, in the order of their names. */
static crm_status digest_units(crm_sweep_result *out, const crm_sweep_ledger_all *all)
{
    crm_sweep_unit u;
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    for (int64_t i = 0; i < all->n; i++) {
        if (!crm_sweep_unit_of(all->entry[i].name, &u) || !crm_sweep_plan_has(out->plan, &u))
            continue;
        crm_hash_add_text(h, all->entry[i].name);
        crm_hash_add_digest(h, all->entry[i].result);
    }
    out->units = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

static const char *first_cause(const crm_sweep_result *r, int search)
{
    for (int64_t i = 0; i < r->n_failed; i++)
        if (r->failure[i].unit.search == search) return r->failure[i].cause;
    return "";
}

static crm_status find_point(const crm_sweep *s, crm_sweep_result *out, int search)
{
    const crm_space *space = s->models->search[search % out->n_models].space;
    int64_t w = out->winner[search];

    CRM_CHECK(w >= 0, CRM_ERR_NUMERIC, "all trials of model %s failed; the first: %s",
              s->models->name[search % out->n_models], first_cause(out, search));
    memcpy(out->x + (int64_t)search * CRM_SWEEP_DIMS_MAX,
           crm_sweep_plan_trial(out->plan, search, w)->x, (size_t)space->n * sizeof *out->x);
    return CRM_OK;
}

/* Rank 0. */
static crm_status find_winners(const crm_sweep *s, crm_sweep_result *out)
{
    crm_sweep_ledger_all all;
    char dir[CRM_PATH_MAX];
    crm_status st;

    CRM_TRY(ledgers(s, dir));
    CRM_TRY(crm_sweep_ledger_read(dir, s->e->run, &all));
    st = digest_units(out, &all);
    for (int i = 0; i < out->n && !st; i++) {
        st = sweep_find_winner(s, out, i, &all);
        if (!st) st = find_point(s, out, i);
    }
    crm_sweep_ledger_all_free(&all);
    return st;
}

crm_status sweep_share_winners(const crm_sweep *s, crm_sweep_result *out)
{
    crm_comm *world = s->e->world;

    CRM_TRY(crm_comm_agree(world, crm_comm_rank(world) == 0 ? find_winners(s, out) : CRM_OK));
    CRM_TRY(crm_comm_bcast(world, 0, out->winner, (size_t)out->n * sizeof *out->winner));
    return crm_comm_bcast(world, 0, out->x, (size_t)out->n * CRM_SWEEP_DIMS_MAX * sizeof *out->x);
}

/* Rank 0: to a ledger, from which sweep_find_winner has it. */
static crm_status write_down(const crm_sweep *s, const char *writer, const crm_sweep_unit *u,
                             const char *cause)
{
    crm_sweep_ledger_entry e = {.failed = true, .loss = (double)NAN};
    crm_sweep_ledger *ledger;
    char dir[CRM_PATH_MAX];
    crm_status st, closed;

    crm_sweep_unit_key(u, e.name);
    snprintf(e.cause, sizeof e.cause, "%s", cause);
    CRM_TRY(ledgers(s, dir));
    CRM_TRY(crm_sweep_ledger_open(dir, writer, s->e->run, &ledger));
    st = crm_sweep_ledger_add(ledger, &e);
    closed = crm_sweep_ledger_close(&ledger);
    return st ? st : closed;
}

crm_status crm_sweep_replace_winner(const crm_sweep *s, crm_sweep_result *out, int search,
                                    const char *cause)
{
    crm_comm *world = s->e->world;
    char tag[CRM_SWEEP_TAG_MAX], writer[CRM_SWEEP_TAG_MAX + 16];
    crm_status st = CRM_OK;

    CRM_TRY(crm_sweep_tag(world, tag));
    snprintf(writer, sizeof writer, "%s-0", tag);
    if (crm_comm_rank(world) == 0) {
        crm_sweep_unit u = outer_unit(out, search, out->winner[search]);
        st = write_down(s, writer, &u, cause);
    }
    CRM_TRY(crm_comm_agree(world, st));
    return sweep_share_winners(s, out);
}

/* ---- the rest ---- */

void crm_sweep_result_free(crm_sweep_result *r)
{
    crm_sweep_plan_free(&r->plan);
    crm_mem_free(r->repeat);
    crm_mem_free(r->fold);
    crm_mem_free(r->winner);
    crm_mem_free(r->x);
    crm_mem_free(r->failure);
    *r = (crm_sweep_result){0};
}

int crm_sweep_search_of(const crm_sweep_result *r, int model, int repeat, int fold)
{
    int part = r->parts - 1; /* all rows, or the hold-out's training part */

    for (int p = 0; p < r->parts && repeat >= 0; p++)
        if (r->repeat[p] == repeat && r->fold[p] == fold) part = p;
    return part * r->n_models + model;
}
