/* test_params.c - the registry of parameters: layout, initial values, decay mask. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/nn.h"

static crm_param dense(const char *name, int64_t o, int64_t i, bool table)
{
    crm_param p = {.rank = 2,
                   .dim = {o, i},
                   .init = table ? CRM_INIT_NORMAL : CRM_INIT_UNIFORM,
                   .scale = table ? 1 : 0.5,
                   .decay = !table,
                   .table = table};

    snprintf(p.name, sizeof p.name, "%s", name);
    return p;
}

static crm_params *registry(const char *const *names, int n, int64_t o)
{
    crm_params *ps = NULL;
    int index;

    T_OK(crm_params_new(&ps));
    for (int i = 0; i < n; i++) {
        crm_param p = dense(names[i], o, 7, names[i][0] == 't');

        T_OK(crm_params_add(ps, &p, &index));
        T_EQ_I(index, i);
    }
    crm_params_seal(ps);
    return ps;
}

static void layout(void)
{
    static const char *const names[] = {"table.a", "first", "second"};
    crm_params *ps = registry(names, 3, 5); /* 35 elements each, 48 with the gap */
    crm_param late = dense("late", 1, 1, false);
    uint8_t mask[144];
    int index, on = 0;

    T_EQ_I(crm_params_count(ps), 3);
    T_EQ_I(crm_params_size(ps), 144);
    T_EQ_I(crm_params_get(ps, crm_params_find(ps, "second"))->offset, 0);
    T_EQ_I(crm_params_get(ps, crm_params_find(ps, "first"))->offset, 48);
    T_EQ_I(crm_params_get(ps, crm_params_find(ps, "table.a"))->offset, 96);
    T_EQ_I(crm_params_find(ps, "none"), -1);
    crm_params_decay_mask(ps, mask);
    for (int i = 0; i < 144; i++)
        on += mask[i];
    T_EQ_I(on, 70);
    T_CHECK(mask[0] && mask[34] && !mask[35] && mask[48] && !mask[96]);
    T_FAILS(crm_params_add(ps, &late, &index), CRM_ERR_INTERNAL, "after sealing");
    crm_params_free(&ps);
    T_CHECK(ps == NULL);
}

static void refusals(void)
{
    crm_params *ps = NULL;
    crm_param p = dense("a", 2, 2, false), none = dense("b", 0, 2, false);
    int index;

    T_OK(crm_params_new(&ps));
    T_OK(crm_params_add(ps, &p, &index));
    T_FAILS(crm_params_add(ps, &p, &index), CRM_ERR_INTERNAL, "two parameters 'a'");
    T_FAILS(crm_params_add(ps, &none, &index), CRM_ERR_INTERNAL, "dimension 0 is 0");
    T_FAILS(crm_params_fix(ps, 0), CRM_ERR_INTERNAL, "is no table");
    T_FAILS(crm_params_fix(ps, 7), CRM_ERR_INTERNAL, "is no table");
    crm_params_free(&ps);
}

/* The values of a parameter do not depend on which others there are, nor on their order. */
static void initial_values(void)
{
    static const char *const names[] = {"table.a", "first", "second"};
    static const char *const turned[] = {"second", "table.a", "other"};
    crm_params *a = registry(names, 3, 400), *b = registry(turned, 3, 400);
    float *wa = crm_mem_new((size_t)crm_params_size(a), sizeof *wa);
    float *wb = crm_mem_new((size_t)crm_params_size(b), sizeof *wb);
    const crm_param *p = crm_params_get(a, 2), *q = crm_params_get(b, 0);
    const crm_param *first = crm_params_get(a, 1), *table = crm_params_get(a, 0);
    double mean = 0, square = 0;

    crm_params_init(a, 7, wa);
    crm_params_init(b, 7, wb);
    T_CHECK(memcmp(wa + p->offset, wb + q->offset, 2800 * sizeof *wa) == 0);
    T_CHECK(memcmp(wa + p->offset, wa + first->offset, 2800 * sizeof *wa) != 0);
    for (int i = 0; i < 2800; i++) {
        T_CHECK(fabsf(wa[p->offset + i]) <= 0.5f);
        mean += (double)wa[table->offset + i] / 2800;
        square += pow((double)wa[table->offset + i], 2) / 2800;
    }
    T_CHECK(fabs(mean) < 0.08 && fabs(square - 1) < 0.11); /* 4 standard errors */
    crm_params_init(b, 8, wb);
    T_CHECK(memcmp(wa + p->offset, wb + q->offset, 2800 * sizeof *wa) != 0);
    crm_mem_free(wa);
    crm_mem_free(wb);
    crm_params_free(&a);
    crm_params_free(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"aligned, in order of readiness, tables last", layout},
                                   {"names are unique, shapes not empty", refusals},
                                   {"initial values depend on seed and name only", initial_values},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
