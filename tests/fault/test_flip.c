/* test_flip.c - a bit of one rank's copy of the parameters flips in memory between two steps: with
 * check.every 1 it is found at the next check, the rank and the steps are named, and the status is
 * that of exit code 5 on all ranks; with 50 it is told how many are found.  The program under test
 * knows nothing of this: its calls of two functions go through those below.
 * wrap: crm_tree_gather crm_tree_sum_slice
 * ranks: 2 3 timeout: 900 */
#include "train/full_fit.h"

#include "crmpi/base_rng.h"

crm_status __real_crm_tree_gather(crm_tree *t, void *copy);
crm_status __wrap_crm_tree_gather(crm_tree *t, void *copy);
crm_status __real_crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice);
crm_status __wrap_crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice);

/* What is to happen, and what happened, in a fit. */
static struct {
    int rank;     /* whose copy; -1: none */
    int64_t step; /* after which          */
    double at;    /* place in the copy, 0 to 1 */
    int bit;
    int64_t element; /* that was flipped */
    uint32_t *copy;
    int64_t size, steps; /* elements of it; gathered so far */
} flip;

crm_status __wrap_crm_tree_gather(crm_tree *t, void *copy)
{
    int64_t first, n;

    flip.copy = copy;
    flip.steps++;
    flip.size = 0;
    for (int q = 0; q < crm_comm_size(t_comm); q++) {
        crm_tree_slice(t, q, &first, &n);
        if (first + n > flip.size) flip.size = first + n;
    }
    return __real_crm_tree_gather(t, copy);
}

/* The next step begins. */
crm_status __wrap_crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice)
{
    if (flip.copy && flip.steps == flip.step && flip.rank >= 0) {
        flip.element = (int64_t)(flip.at * (double)flip.size);
        if (crm_comm_rank(t_comm) == flip.rank) flip.copy[flip.element] ^= (uint32_t)1 << flip.bit;
        flip.rank = -1;
    }
    return __real_crm_tree_sum_slice(t, produce, ctx, slice);
}

/* 60 steps. */
#define FLIPPED                                                                                    \
    SMALL, "train.epochs=12", "train.validation=0", "model.hidden=120,90", "model.fusion=60"
enum { STEPS = 60 };

static crm_status fit_with(const char *every)
{
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_status st;

    flip.copy = NULL;
    flip.steps = 0;
    st = fit_on(t_comm, path[FILE_PLAIN], 1, SETS(FLIPPED, every), &f);
    drop(&f);
    return st;
}

/* A rank, a step, an element and a bit; the same on all ranks. */
static void choose(int trial, int *rank, int64_t *step)
{
    crm_rng r = crm_rng_at(4711, CRM_RNG_TEST, 0, (uint64_t)trial);

    flip.rank = *rank = (int)crm_rng_below(&r, (uint32_t)crm_comm_size(t_comm));
    flip.step = *step = 1 + (int64_t)crm_rng_below(&r, STEPS - 1);
    flip.at = crm_rng_uniform(&r);
    flip.bit = (int)crm_rng_below(&r, 32);
}

/* The message has the rank, the steps, and the block of the element. */
static bool named(int rank, int64_t step)
{
    const char *text = crm_err_text();
    char who[32], when[80], where[48];

    snprintf(who, sizeof who, "rank %d (", rank);
    snprintf(when, sizeof when, "between step %lld and %lld", (long long)step, (long long)step + 1);
    snprintf(where, sizeof where, "in block %lld (", (long long)(flip.element / CRM_BLOCK));
    return strncmp(text, who, strlen(who)) == 0 && strstr(text, when) && strstr(text, where);
}

static int count(void)
{
    const char *tier = getenv("CRM_TIER");

    return !tier ? 10 : strcmp(tier, "long") == 0 ? 100 : strcmp(tier, "full") == 0 ? 12 : 10;
}

static void found_at_once(void)
{
    int found = 0, n = count(), rank;
    int64_t step;

    for (int i = 0; i < n; i++) {
        crm_status st;
        choose(i, &rank, &step);
        st = fit_with("check.every=1");
        if (st != CRM_ERR_COMM || !named(rank, step))
            fprintf(stderr, "# trial %d, rank %d, step %lld: %s: %s\n", i, rank, (long long)step,
                    crm_status_name(st), crm_err_text());
        else
            found++;
        T_EQ_I(flip.steps, step);
        T_EQ_I(crm_status_exit_code(st), 5);
        crm_err_clear();
    }
    T_EQ_I(found, n);
    if (crm_comm_rank(t_comm) == 0)
        printf("# check.every 1: %d of %d flips found and named\n", found, n);
}

static void found_rarely(void)
{
    int found = 0, broke = 0, n = count(), rank;
    int64_t step;

    for (int i = 0; i < n; i++) {
        crm_status st;
        choose(i, &rank, &step);
        st = fit_with("check.every=50");
        if (st == CRM_ERR_COMM) {
            T_CHECK(named(rank, step));
            found++;
        } else if (st) {
            T_EQ_I(st, CRM_ERR_NUMERIC); /* it made numbers that are none */
            broke++;
        }
        crm_err_clear();
    }
    if (crm_comm_rank(t_comm) == 0)
        printf("# check.every 50: %d of %d flips found and named, %d ended the fit as not finite\n",
               found, n, broke);
}

static void nothing_to_find(void)
{
    flip.rank = -1;
    T_OK(fit_with("check.every=1"));
    T_EQ_I(flip.steps, STEPS);
    T_CHECK(flip.size > CRM_BLOCK * crm_comm_size(t_comm));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"nothing is found where nothing flips", nothing_to_find},
                                   {"a flip is found at the next check", found_at_once},
                                   {"flips between rare checks", found_rarely},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
