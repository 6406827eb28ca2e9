/* test_share.c - a bag from one rank to all.  ranks: 1 2 3 4 */
#include "crm_test_mpi.h"
#include "crmpi/ckpt.h"

static crm_bag *sample(void)
{
    static const float w[] = {1.5f, -0.0f, 3e-40f, 4, 5, 6};
    static const int64_t n[] = {-1, (int64_t)1 << 62};
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put(b, "net/w", CRM_F32, 2, (int64_t[]){2, 3}, w));
    T_OK(crm_bag_put(b, "net/none", CRM_F64, 3, (int64_t[]){0, 2, 7}, NULL));
    T_OK(crm_bag_put(b, "n", CRM_I64, 1, (int64_t[]){2}, n));
    T_OK(crm_bag_put_f64(b, "scalar", 0.1));
    T_OK(crm_bag_put_text(b, "text", ""));
    T_OK(crm_bag_put_list(b, "list", 3, (const char *const[]){"a", "", "\xc3\xa9t\xc3\xa9"}));
    T_OK(crm_bag_put_list(b, "empty", 0, NULL));
    return b;
}

static void every_rank_has_the_same(void)
{
    crm_digest want, got;
    crm_bag *ref = sample(), *b;
    const char *const *items;
    int64_t n = -1;

    T_OK(crm_bag_digest(ref, NULL, &want));
    for (int root = 0; root < crm_comm_size(t_comm); root++) {
        b = crm_comm_rank(t_comm) == root ? sample() : NULL;
        T_OK(crm_bag_bcast(t_comm, root, &b));
        T_CHECK(b != NULL);
        T_OK(crm_bag_digest(b, NULL, &got));
        T_CHECK(crm_digest_equal(want, got));
        T_OK(crm_bag_get_list(b, "empty", &n, &items));
        T_EQ_I(n, 0);
        crm_bag_free(&b);
    }
    crm_bag_free(&ref);
}

static void no_bag_stays_none(void)
{
    crm_bag *b = NULL;

    T_OK(crm_bag_bcast(t_comm, 0, &b));
    T_CHECK(b == NULL);
}

static void an_empty_bag_is_one(void)
{
    crm_bag *b = NULL;

    if (crm_comm_rank(t_comm) == 0) T_OK(crm_bag_new(&b));
    T_OK(crm_bag_bcast(t_comm, 0, &b));
    T_CHECK(b && crm_bag_count(b) == 0);
    crm_bag_free(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"every rank has the same", every_rank_has_the_same},
                                   {"no bag stays none", no_bag_stays_none},
                                   {"an empty bag is one", an_empty_bag_is_one},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
