/* test_importance.c - functional ANOVA: a tree against sums over a grid, shares of functions whose
 * variances can be worked out by hand.  timeout: 120 */
#include <math.h>
#include <stdlib.h>

#include "../../src/study/sweep/sweep_impl.h"
#include "crm_test.h"

enum { TRIALS = 400, DIMS = 4 };

#define REAL(k, a, b)                                                                              \
    {                                                                                              \
        .key = k, .kind = CRM_DIM_REAL, .lo = a, .hi = b, .when = -1                               \
    }
static const char *const names[] = {"a", "b", "c", "d"};

static double point[TRIALS][DIMS];
static crm_seen seen[TRIALS];

/* n trials of random search. */
static void draw(const crm_space *s, int64_t n, double (*f)(const double *x))
{
    crm_sample_cfg cfg = {.sampler = CRM_SAMPLER_RANDOM, .seed = 5};

    for (int64_t t = 0; t < n; t++) {
        T_OK(crm_sample(&cfg, s, t, NULL, 0, point[t]));
        seen[t] = (crm_seen){.x = point[t], .loss = f(point[t])};
    }
}

/* ---- a tree ---- */

enum { GRID = 16 };

static double at(const sweep_tree *t, const double *u)
{
    for (int64_t i = 0; i < t->n; i++) {
        const sweep_box *b = t->box + i * t->dims;
        int in = 0;
        for (int d = 0; d < t->dims; d++)
            in += b[d].lo <= u[d] && u[d] < b[d].hi;
        if (in == t->dims) return t->value[i];
    }
    return NAN;
}

/* Rows at odd eighths, so that cuts are eighths and cells of the grid lie within boxes. */
static void tree_is_summed_over_a_grid(void)
{
    enum { ROWS = 24 };
    static double value[GRID][GRID][GRID];
    double u[ROWS][3], y[ROWS], sum = 0, square = 0, total, main[3], of[3] = {0};
    crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, 0);
    sweep_tree t;

    for (int i = 0; i < ROWS; i++) {
        for (int d = 0; d < 3; d++)
            u[i][d] = (crm_rng_below(&r, 4) * 2 + 1) / 8.0;
        y[i] = crm_rng_normal(&r) + 3 * u[i][0] + 10 * u[i][1] * u[i][2];
    }
    T_OK(sweep_tree_fit(3, ROWS, u[0], y, &r, &t));
    T_OK(sweep_tree_variance(&t, &total, main));
    T_CHECK(t.n > 8);
    for (int i = 0; i < GRID * GRID * GRID; i++) {
        int k[3] = {i / GRID / GRID, i / GRID % GRID, i % GRID};
        double centre[3] = {(k[0] + 0.5) / GRID, (k[1] + 0.5) / GRID, (k[2] + 0.5) / GRID};
        double v = at(&t, centre);
        value[k[0]][k[1]][k[2]] = v;
        sum += v / (GRID * GRID * GRID);
        square += v * v / (GRID * GRID * GRID);
    }
    for (int d = 0; d < 3; d++)
        for (int k = 0; k < GRID; k++) {
            double mean = 0;
            for (int i = 0; i < GRID; i++)
                for (int j = 0; j < GRID; j++)
                    mean += (d == 0   ? value[k][i][j]
                             : d == 1 ? value[i][k][j]
                                      : value[i][j][k]) /
                            (GRID * GRID);
            of[d] += (mean - sum) * (mean - sum) / GRID;
        }
    T_NEAR(total, square - sum * sum, 1e-12);
    for (int d = 0; d < 3; d++)
        T_NEAR(main[d], of[d], 1e-12);
    sweep_tree_free(&t);
}

/* Rows that differ have a leaf each; equal rows share one, with their mean. */
static void tree_goes_through_its_rows(void)
{
    double u[] = {0.1, 0.5, 0.5, 0.9}, y[] = {3, 1, 2, 7}, x;
    crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, 0);
    sweep_tree t;

    T_OK(sweep_tree_fit(1, 4, u, y, &r, &t));
    T_EQ_I(t.n, 3);
    x = 0.29;
    T_CHECK(at(&t, &x) == 3);
    x = 0.31;
    T_CHECK(at(&t, &x) == 1.5);
    x = 0.71;
    T_CHECK(at(&t, &x) == 7);
    sweep_tree_free(&t);
}

/* ---- shares ---- */

/* Even parts: 4 a has variance 16 / 12, 2 log10(b) of four decades 4 * 16 / 12 / 16 = 4 / 12. */
static crm_dim additive_dims[] = {
    REAL("a", 0, 1),
    {.key = "b", .kind = CRM_DIM_REAL, .lo = 1e-5, .hi = 1e-1, .log = true, .when = -1},
    REAL("none", -3, 8)};
static const crm_space additive_space = {.n = 3, .dim = additive_dims};

static double additive(const double *x)
{
    return 4 * x[0] + log10(x[1]) / 2;
}

static void additive_function(void)
{
    double share[DIMS], spread[DIMS];

    draw(&additive_space, TRIALS, additive);
    T_OK(crm_sweep_importance(&additive_space, seen, TRIALS, 1, share, spread));
    printf("# shares %.3f %.3f %.4f (0.8, 0.2, 0), spread %.3f %.3f %.4f\n", share[0], share[1],
           share[2], spread[0], spread[1], spread[2]);
    T_NEAR(share[0], 0.8, 0.05);
    T_NEAR(share[1], 0.2, 0.05);
    T_CHECK(share[2] >= 0 && share[2] < 0.01);
    for (int d = 0; d < 2; d++)
        T_CHECK(spread[d] > 0.002 && spread[d] < 0.1);
}

/* Losses 0, 1, 0, 1 of the list, variance 1 / 4; of whole numbers 1 .. 4, (16 - 1) / 12 / 5. */
static crm_dim list_dims[] = {
    {.key = "list", .kind = CRM_DIM_LIST, .n = 4, .value = names, .when = -1},
    {.key = "whole", .kind = CRM_DIM_INTEGER, .lo = 1, .hi = 4, .step = 1, .when = -1}};
static const crm_space list_space = {.n = 2, .dim = list_dims};

static double of_list(const double *x)
{
    return (int)x[0] % 2 + x[1] / sqrt(5);
}

static void list(void)
{
    double share[DIMS], spread[DIMS];

    draw(&list_space, TRIALS, of_list);
    T_OK(crm_sweep_importance(&list_space, seen, TRIALS, 1, share, spread));
    T_NEAR(share[0], 0.5, 0.01);
    T_NEAR(share[1], 0.5, 0.01);
}

/* With a (half of the cube) 4 x, with b their mean 2: the list has no effect by itself.  x has
 * variance 16 / 12 in one half, so 8 / 12 in all; its mean over the list 2 x + 1 has 4 / 12. */
static const double is_a[] = {0};
static crm_dim conditional_dims[] = {
    {.key = "list", .kind = CRM_DIM_LIST, .n = 2, .value = names, .when = -1},
    {.key = "x", .kind = CRM_DIM_REAL, .lo = 0, .hi = 1, .n_given = 1, .given = is_a},
    REAL("none", 0, 1)};
static const crm_space conditional_space = {.n = 3, .dim = conditional_dims};

static double conditional(const double *x)
{
    return x[0] == 0 ? 4 * x[1] : 2;
}

static void conditional_dimension(void)
{
    double share[DIMS], spread[DIMS];

    draw(&conditional_space, TRIALS, conditional);
    T_OK(crm_sweep_importance(&conditional_space, seen, TRIALS, 1, share, spread));
    printf("# shares %.3f %.3f %.4f (0, 0.5, 0)\n", share[0], share[1], share[2]);
    T_CHECK(share[0] < 0.05);
    T_NEAR(share[1], 0.5, 0.08);
    T_CHECK(share[2] < 0.03);
}

/* ---- results that are missing, few or equal ---- */

static void failed_trials_are_left_out(void)
{
    static crm_seen with[2 * TRIALS];
    double share[2][DIMS], spread[2][DIMS];

    draw(&additive_space, 50, additive);
    for (int i = 0; i < 50; i++) {
        with[2 * i] = (crm_seen){.x = point[49 - i], .loss = i % 2 ? NAN : INFINITY};
        with[2 * i + 1] = seen[i];
    }
    T_OK(crm_sweep_importance(&additive_space, seen, 50, 1, share[0], spread[0]));
    T_OK(crm_sweep_importance(&additive_space, with, 100, 1, share[1], spread[1]));
    T_CHECK(memcmp(share[0], share[1], 3 * sizeof(double)) == 0);
    T_CHECK(memcmp(spread[0], spread[1], 3 * sizeof(double)) == 0);
}

static double always(const double *x)
{
    (void)x;
    return 0.25;
}

static void too_few_results(void)
{
    double share[DIMS], spread[DIMS];

    draw(&additive_space, 20, additive);
    T_FAILS(crm_sweep_importance(&additive_space, seen, 0, 1, share, spread), CRM_ERR_FORMAT,
            "0 of 0 trials");
    T_FAILS(crm_sweep_importance(&additive_space, seen, 1, 1, share, spread), CRM_ERR_FORMAT,
            "1 of 1 trials");
    for (int i = 1; i < 20; i++)
        seen[i].loss = NAN;
    T_FAILS(crm_sweep_importance(&additive_space, seen, 20, 1, share, spread), CRM_ERR_FORMAT,
            "1 of 20 trials");
    draw(&additive_space, 20, always);
    T_FAILS(crm_sweep_importance(&additive_space, seen, 20, 1, share, spread), CRM_ERR_FORMAT,
            "different losses; 20 of 20");
}

/* Two trials cannot tell dimensions apart, so each has about the same. */
static void two_results(void)
{
    double share[DIMS], spread[DIMS];

    draw(&additive_space, 2, additive);
    T_OK(crm_sweep_importance(&additive_space, seen, 2, 1, share, spread));
    printf("# shares %.3f %.3f %.3f\n", share[0], share[1], share[2]);
    T_NEAR(share[0] + share[1] + share[2], 1, 1e-12);
    for (int d = 0; d < 3; d++)
        T_CHECK(share[d] > 0.15 && share[d] < 0.55);
}

/* Trials at one point with different losses: no dimension explains them. */
static void one_point(void)
{
    double share[DIMS], spread[DIMS];

    draw(&additive_space, 10, additive);
    for (int i = 0; i < 10; i++)
        seen[i] = (crm_seen){.x = point[0], .loss = i};
    T_OK(crm_sweep_importance(&additive_space, seen, 10, 1, share, spread));
    for (int d = 0; d < 3; d++)
        T_CHECK(share[d] == 0 && spread[d] == 0);
}

/* The bits of the release build; other builds and machines must have the same. */
static void bits(void)
{
    double of[3][2 * DIMS] = {{0}};
    uint64_t h = 0;

    draw(&conditional_space, 60, conditional);
    for (int k = 0; k < 3; k++)
        T_OK(
            crm_sweep_importance(&conditional_space, seen, 60, k < 2 ? 1 : 2, of[k], of[k] + DIMS));
    T_CHECK(memcmp(of[0], of[1], sizeof of[0]) == 0);
    T_CHECK(memcmp(of[0], of[2], sizeof of[0]) != 0);
    for (int d = 0; d < 2 * DIMS; d++) {
        uint64_t b;
        memcpy(&b, &of[0][d], sizeof b);
        h = (h ^ b) * 0x100000001b3U;
    }
    printf("# bits %016llx\n", (unsigned long long)h);
    T_CHECK(h == 0xcaa9c99aaf80ad77U);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"variances of a tree are sums over a grid", tree_is_summed_over_a_grid},
        {"a tree goes through its rows", tree_goes_through_its_rows},
        {"shares of an additive function; a dimension without effect", additive_function},
        {"a list whose order says nothing, and whole numbers", list},
        {"a conditional dimension without effect where it does not apply", conditional_dimension},
        {"failed trials are left out", failed_trials_are_left_out},
        {"less than two results that differ", too_few_results},
        {"two results", two_results},
        {"results at one point", one_point},
        {"the same bits, keyed by the seed", bits},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
