/* eval_verify.c - digests of what units came to, some units run by themselves, and which ones make
 * a sample: what a repetition of a recorded run is compared by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "eval_impl.h"

bool crm_study_wants(const crm_eval *e, const char *name)
{
    for (int i = 0; i < e->n_only; i++)
        if (strcmp(e->only[i], name) == 0) return true;
    return e->n_only == 0;
}

/* ---- digests ---- */

/* By content, as the digest of all predictions in summary.json. */
static crm_status digest_predictions(const study *s, const result *r, char hex[CRM_DIGEST_HEX])
{
    int64_t k = crm_study_classes(s);
    crm_hash *h;

    if (r->n == 0) return CRM_OK; /* a fit on all rows */
    CRM_TRY(crm_hash_new(&h));
    crm_hash_add(h, r->row, (size_t)r->n * sizeof *r->row);
    for (int64_t i = 0; i < r->n * k; i++)
        crm_hash_add_f64(h, r->proba[i]);
    if (r->tag) crm_hash_add(h, r->tag, (size_t)r->n_tags * sizeof *r->tag);
    crm_digest_hex(crm_hash_value(h), hex);
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status describe(const study *s, const unit *u, const result *r, crm_record_unit *out)
{
    *out = (crm_record_unit){0};
    snprintf(out->name, sizeof out->name, "%s", u->name);
    crm_digest_hex(r->weights, out->weights);
    return digest_predictions(s, r, out->predictions);
}

crm_status crm_study_units(const study *s, const result *r)
{
    crm_record_unit *all;
    crm_status st = CRM_OK;

    CRM_NEW(all, s->n_units);
    for (int i = 0; i < s->n_units && !st; i++)
        st = describe(s, &s->unit[i], &r[i], &all[i]);
    if (!st) st = crm_record_units(s->e->record, s->n_units, all);
    crm_mem_free(all);
    return st;
}

/* ---- some units ---- */

/* Rank 0: one result after the other, as there may be thousands. */
static crm_status keep_digests(const study *s)
{
    char hex[CRM_DIGEST_HEX];
    crm_record_unit *all;
    int n = 0;
    crm_status st = CRM_OK;

    CRM_NEW(all, s->n_units);
    for (int i = 0; i < s->n_units && !st; i++) {
        result r;
        if (s->unit[i].skip) continue;
        st = crm_result_read(s, &s->unit[i], &r);
        if (!st) st = describe(s, &s->unit[i], &r, &all[n++]);
        crm_result_free(&r);
    }
    if (!st) st = crm_record_units(s->e->record, n, all);
    if (!st && s->folds)
        st = crm_record_note_text(s->e->record, "digests.folds",
                                  crm_digest_hex(s->folds->digest, hex));
    crm_mem_free(all);
    return st;
}

crm_status crm_eval_units(const crm_eval *e, bool fit_only)
{
    study s = {.e = e, .fit_only = fit_only};
    crm_status st = crm_study_do(&s);

    if (!st)
        st = crm_comm_agree(e->world, crm_comm_rank(e->world) == 0 ? keep_digests(&s) : CRM_OK);
    crm_study_free(&s);
    return st;
}

/* ---- a sample ---- */

/* A unit that can be taken; groups are numbers of equal names. */
typedef struct candidate {
    int64_t place; /* in the order that the seed gives */
    int model, part;
    bool taken;
} candidate;

/* "hybrid", "r0-f3" of "hybrid-r0-f3"; "hybrid", "all"; "null", "000002". */
static const char *part_of(const char *name)
{
    const char *last = strrchr(name, '-'), *before = last;

    if (!last) return name + strlen(name);
    if (last[1] != 'f') return last;
    while (before > name && before[-1] != '-')
        before--;
    return before > name && before[0] == 'r' ? before - 1 : last;
}

/* The first unit with an equal model, or part, gives the number of the group. */
static void group_units(int n, const crm_record_unit *all, candidate *c)
{
    for (int i = 0; i < n; i++) {
        const char *part = part_of(all[i].name);
        size_t len = (size_t)(part - all[i].name);
        c[i].model = c[i].part = i;
        for (int k = i - 1; k >= 0; k--) {
            const char *other = part_of(all[k].name);
            if (strcmp(part, other) == 0) c[i].part = c[k].part;
            if (len == (size_t)(other - all[k].name) && memcmp(all[i].name, all[k].name, len) == 0)
                c[i].model = c[k].model;
        }
    }
}

/* Whether a is to be taken before b. */
static bool is_before(const candidate *a, const candidate *b, const int *models, const int *parts)
{
    if (models[a->model] != models[b->model]) return models[a->model] < models[b->model];
    if (parts[a->part] != parts[b->part]) return parts[a->part] < parts[b->part];
    return a->place < b->place;
}

static void take(int n_units, candidate *c, int n, int *models, int *parts)
{
    for (int i = 0; i < n; i++) {
        candidate *best = NULL;
        for (int k = 0; k < n_units; k++)
            if (!c[k].taken && (!best || is_before(&c[k], best, models, parts))) best = &c[k];
        if (!best) return;
        best->taken = true;
        models[best->model]++;
        parts[best->part]++;
    }
}

crm_status crm_eval_sample(int n_units, const crm_record_unit *all, uint64_t seed, int n,
                           int *chosen)
{
    candidate *c = NULL;
    int64_t *order = NULL;
    int *models = NULL, *parts = NULL, k = 0;
    crm_status st = CRM_OK;

    CRM_ASSERT(n >= 0 && n <= n_units);
    CRM_NEW_TO(st, done, c, n_units);
    CRM_NEW_TO(st, done, order, n_units);
    CRM_NEW_TO(st, done, models, n_units);
    CRM_NEW_TO(st, done, parts, n_units);
    crm_rng_permute(seed, CRM_RNG_UNITS, 0, n_units, order);
    for (int i = 0; i < n_units; i++)
        c[order[i]].place = i;
    group_units(n_units, all, c);
    take(n_units, c, n, models, parts);
    for (int i = 0; i < n_units; i++)
        if (c[i].taken) chosen[k++] = i;
done:
    crm_mem_free(c);
    crm_mem_free(order);
    crm_mem_free(models);
    crm_mem_free(parts);
    return st;
}
