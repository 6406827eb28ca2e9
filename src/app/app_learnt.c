/* app_learnt.c - which texts the models of a run have learnt from: noted by the run, read by who
 * lets them read other texts, or these again. */
#include "app_learnt.h"

#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/data_keep.h"

enum { NAME_MAX_BYTES = 512 };

/* ---- notes ---- */
static crm_status note_kinds(const app *a, const crm_data *d, crm_record *run)
{
    const crm_documents *x = crm_data_documents(d);
    const char **kind = NULL;
    uint8_t *has = NULL;
    int target = 0, n = 0;
    crm_status st = CRM_OK;

    if (a->eval.target[0]) CRM_TRY(crm_data_find_target(d, a->eval.target, &target));
    CRM_NEW_TO(st, done, kind, x->n_kinds);
    CRM_NEW_TO(st, done, has, x->n_kinds);
    crm_data_labelled_kinds(d, target, has);
    for (int64_t k = 0; k < x->n_kinds; k++)
        if (has[k]) kind[n++] = x->kind_name[k];
    st = crm_record_note_list(run, "data.kinds", n, kind);
done:
    crm_mem_free(kind);
    crm_mem_free(has);
    return st;
}

crm_status app_learnt_note(const app *a, const crm_data *d, crm_record *run)
{
    char hex[CRM_DIGEST_HEX];
    crm_digest texts;
    crm_status st;

    if (!crm_data_documents(d) || crm_data_n_targets(d) == 0) return CRM_OK;
    CRM_TRY(crm_data_texts(a->world, d, NULL, 1, &texts));
    st = crm_record_note_text(run, "digests.texts", crm_digest_hex(texts, hex));
    if (!st && app_is_root(a)) st = note_kinds(a, d, run);
    return crm_comm_agree(a->world, st);
}

static crm_status read_kinds(const char *run, app_learnt *l)
{
    char path[64], name[NAME_MAX_BYTES];

    for (;;) {
        char **kind;
        snprintf(path, sizeof path, "data.kinds.%d", l->n_kinds);
        crm_record_read_note(run, path, name, sizeof name);
        if (!name[0]) return CRM_OK;
        kind = crm_mem_grow(l->kind, (size_t)l->n_kinds, (size_t)l->n_kinds + 1, sizeof *kind);
        CRM_CHECK(kind, CRM_ERR_NOMEM, "out of memory: kinds of documents");
        l->kind = kind;
        l->kind[l->n_kinds] = crm_mem_strdup(name);
        CRM_CHECK(l->kind[l->n_kinds], CRM_ERR_NOMEM, "out of memory: kinds of documents");
        l->n_kinds++;
    }
}

crm_status app_learnt_read(const char *run, app_learnt *out)
{
    char hex[CRM_DIGEST_HEX];

    *out = (app_learnt){.n_kinds = 0};
    crm_record_read_note(run, "digests.data", out->data, sizeof out->data);
    crm_record_read_note(run, "digests.texts", hex, sizeof hex);
    out->texts_known = crm_digest_read(hex, &out->texts);
    return read_kinds(run, out);
}

void app_learnt_free(app_learnt *l)
{
    for (int i = 0; i < l->n_kinds; i++)
        crm_mem_free(l->kind[i]);
    crm_mem_free(l->kind);
    *l = (app_learnt){.n_kinds = 0};
}

/* ---- what they tell ---- */
static bool is_empty(crm_digest texts)
{
    return texts.hi == 0 && texts.lo == 0;
}

/* Whether the texts of these parts are those that were learnt from; a part without texts is none.
 */
static bool fits(const app_learnt *l, int n, const crm_digest *part, uint32_t parts)
{
    crm_digest sum = {0, 0};

    for (int k = 0; k < n; k++) {
        if (!(parts >> k & 1)) continue;
        if (is_empty(part[k])) return false;
        sum = crm_texts_sum(sum, part[k]);
    }
    return crm_digest_equal(sum, l->texts);
}

bool app_learnt_parts(const app_learnt *l, int n, const crm_digest *part, int own, uint32_t *parts)
{
    bool found = false;

    for (uint32_t s = 1; l->texts_known && s < 1u << n; s++) {
        if (!fits(l, n, part, s)) continue;
        if (found && s >> own & 1) continue;
        *parts = s;
        found = true;
        if (!(s >> own & 1)) break;
    }
    return found;
}

bool app_learnt_became(const app_learnt *l, const crm_data *d)
{
    char hex[CRM_DIGEST_HEX];
    int64_t n;
    const char *const *former = crm_data_former(d, &n);

    if (strcmp(l->data, crm_digest_hex(crm_data_digest(d), hex)) == 0) return true;
    for (int64_t i = 0; i < n; i++)
        if (strcmp(l->data, former[i]) == 0) return true;
    return false;
}
