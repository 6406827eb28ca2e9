/* nn_params.c - registry of named parameters in one flat vector. */
#include "crmpi/nn.h"

#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"

struct crm_params {
    crm_param *item;
    int n, cap;
    int64_t size;
    bool sealed;
};

crm_status crm_params_new(crm_params **out)
{
    CRM_NEW(*out, 1);
    return CRM_OK;
}

int crm_params_find(const crm_params *ps, const char *name)
{
    for (int i = 0; i < ps->n; i++)
        if (strcmp(ps->item[i].name, name) == 0) return i;
    return -1;
}

static crm_status count_elements(const crm_param *p, int64_t *n)
{
    CRM_CHECK(p->rank >= 1 && p->rank <= CRM_MAX_RANK, CRM_ERR_INTERNAL,
              "parameter '%s': rank %d, allowed 1..%d", p->name, p->rank, CRM_MAX_RANK);
    *n = 1;
    for (int i = 0; i < p->rank; i++) {
        CRM_CHECK(
            p->dim[i] >= 1 && *n <= INT64_C(0x100000000) / p->dim[i], CRM_ERR_INTERNAL,
            "parameter '%s': dimension %d is %lld; allowed: 2^32 elements at most, none empty",
            p->name, i, (long long)p->dim[i]);
        *n *= p->dim[i];
    }
    return CRM_OK;
}

crm_status crm_params_add(crm_params *ps, const crm_param *p, int *index)
{
    int64_t n = 0;
    crm_param *grown;

    CRM_CHECK(!ps->sealed, CRM_ERR_INTERNAL, "parameter '%s' after sealing", p->name);
    CRM_CHECK(crm_params_find(ps, p->name) < 0, CRM_ERR_INTERNAL, "two parameters '%s'", p->name);
    CRM_TRY(count_elements(p, &n));
    if (ps->n == ps->cap) {
        grown = crm_mem_grow(ps->item, (size_t)ps->n, (size_t)(2 * ps->cap + 8), sizeof *grown);
        CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d parameters", ps->n + 1);
        ps->item = grown;
        ps->cap = 2 * ps->cap + 8;
    }
    ps->item[ps->n] = *p;
    ps->item[ps->n].n = n;
    *index = ps->n++;
    return CRM_OK;
}

crm_status crm_params_fix(crm_params *ps, int i)
{
    CRM_CHECK(i >= 0 && i < ps->n && ps->item[i].table && !ps->item[i].decay, CRM_ERR_INTERNAL,
              "parameter %d is no table, or weight decay applies to it", i);
    ps->item[i].fixed = true;
    return CRM_OK;
}

void crm_params_seal(crm_params *ps)
{
    if (ps->sealed) return;
    for (int table = 0; table < 2; table++)
        for (int i = ps->n - 1; i >= 0; i--) {
            crm_param *p = &ps->item[i];

            if (p->table != (table == 1)) continue;
            p->offset = ps->size;
            ps->size += (p->n + CRM_PARAM_ALIGN - 1) / CRM_PARAM_ALIGN * CRM_PARAM_ALIGN;
        }
    ps->sealed = true;
}

int crm_params_count(const crm_params *ps)
{
    return ps->n;
}

const crm_param *crm_params_get(const crm_params *ps, int i)
{
    return &ps->item[i];
}

int64_t crm_params_size(const crm_params *ps)
{
    return ps->size;
}

/* The name is the key, so that a parameter's values do not change when a branch is added. */
static void fill(const crm_param *p, uint64_t seed, float *w)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_INIT, 0, crm_digest_of(p->name, strlen(p->name)).lo);

    for (int64_t i = 0; i < p->n; i++)
        w[i] = p->init == CRM_INIT_UNIFORM ? (float)((2 * crm_rng_uniform(&r) - 1) * p->scale)
                                           : (float)(crm_rng_normal(&r) * p->scale);
    if (p->zero_first) memset(w, 0, (size_t)(p->n / p->dim[0]) * sizeof *w);
}

void crm_params_init(const crm_params *ps, uint64_t seed, float *w)
{
    memset(w, 0, (size_t)ps->size * sizeof *w);
    for (int i = 0; i < ps->n; i++)
        if (ps->item[i].init != CRM_INIT_ZERO) fill(&ps->item[i], seed, w + ps->item[i].offset);
}

void crm_params_decay_mask(const crm_params *ps, uint8_t *mask)
{
    memset(mask, 0, (size_t)ps->size);
    for (int i = 0; i < ps->n; i++)
        if (ps->item[i].decay) memset(mask + ps->item[i].offset, 1, (size_t)ps->item[i].n);
}

void crm_params_free(crm_params **ps)
{
    if (!*ps) return;
    crm_mem_free((*ps)->item);
    crm_mem_free(*ps);
    *ps = NULL;
}
