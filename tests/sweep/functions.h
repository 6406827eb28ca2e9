/* functions.h - functions to search the least value of, with what that is.
 *
 * Branin, Hartmann-6, Rosenbrock, Ackley, Levy: Surjanovic and Bingham, "Virtual library of
 * simulation experiments".  Mixed: a choice between valleys, each with dimensions of its own. */
#ifndef CRM_TEST_SWEEP_FUNCTIONS_H
#define CRM_TEST_SWEEP_FUNCTIONS_H

#include <math.h>

#include "crmpi/sweep.h"

static double branin(const double *x)
{
    double a = x[1] - 5.1 / (4 * M_PI * M_PI) * x[0] * x[0] + 5 / M_PI * x[0] - 6;

    return a * a + 10 * (1 - 1 / (8 * M_PI)) * cos(x[0]) + 10;
}

static double hartmann6(const double *x)
{
    static const double alpha[4] = {1, 1.2, 3, 3.2};
    static const double a[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                   {0.05, 10, 17, 0.1, 8, 14},
                                   {3, 3.5, 1.7, 10, 17, 8},
                                   {17, 8, 0.05, 10, 0.1, 14}};
    static const double p[4][6] = {{1312, 1696, 5569, 124, 8283, 5886},
                                   {2329, 4135, 8307, 3736, 1004, 9991},
                                   {2348, 1451, 3522, 2883, 3047, 6650},
                                   {4047, 8828, 8732, 5743, 1091, 381}};
    double s = 0;

    for (int i = 0; i < 4; i++) {
        double e = 0;
        for (int j = 0; j < 6; j++)
            e += a[i][j] * (x[j] - p[i][j] * 1e-4) * (x[j] - p[i][j] * 1e-4);
        s -= alpha[i] * exp(-e);
    }
    return s;
}

static double rosenbrock10(const double *x)
{
    double s = 0;

    for (int i = 0; i < 9; i++) {
        double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        s += 100 * a * a + b * b;
    }
    return s;
}

/* x: kind (a, b, c), rate (log), depth (whole, of a), width (whole, log, of b), share (of b and c).
 * Least: kind b, rate 0.01, width 64, share 0.3: 0. */
static double mixed(const double *x)
{
    double r = log10(x[1]) + 2, s;

    if (x[0] == 0) return 1 + r * r + fabs(x[2] - 7) / 4;
    s = x[4] - 0.3;
    if (x[0] == 1) return r * r + pow(log2(x[3]) - 6, 2) / 4 + 4 * s * s;
    return 0.5 + r * r + 4 * s * s;
}

static double ackley5(const double *x)
{
    double square = 0, wave = 0;

    for (int i = 0; i < 5; i++) {
        square += x[i] * x[i];
        wave += cos(2 * M_PI * x[i]);
    }
    return 20 + M_E - 20 * exp(-0.2 * sqrt(square / 5)) - exp(wave / 5);
}

static double levy4(const double *x)
{
    double w[4], s;

    for (int i = 0; i < 4; i++)
        w[i] = 1 + (x[i] - 1) / 4;
    s = pow(sin(M_PI * w[0]), 2) + pow(w[3] - 1, 2) * (1 + pow(sin(2 * M_PI * w[3]), 2));
    for (int i = 0; i < 3; i++)
        s += pow(w[i] - 1, 2) * (1 + 10 * pow(sin(M_PI * w[i] + 1), 2));
    return s;
}

typedef struct function {
    const char *name;
    double (*of)(const double *x);
    double least;
    crm_space space;
} function;

#define REAL(k, a, b)                                                                              \
    {                                                                                              \
        .key = k, .kind = CRM_DIM_REAL, .lo = a, .hi = b, .when = -1                               \
    }
static crm_dim branin_dims[] = {REAL("x", -5, 10), REAL("y", 0, 15)};
static crm_dim hartmann_dims[] = {REAL("a", 0, 1), REAL("b", 0, 1), REAL("c", 0, 1),
                                  REAL("d", 0, 1), REAL("e", 0, 1), REAL("f", 0, 1)};
static crm_dim rosenbrock_dims[] = {
    REAL("a", -2, 2), REAL("b", -2, 2), REAL("c", -2, 2), REAL("d", -2, 2), REAL("e", -2, 2),
    REAL("f", -2, 2), REAL("g", -2, 2), REAL("h", -2, 2), REAL("i", -2, 2), REAL("j", -2, 2)};
/* Not even about the least value, which a middle of the range would give away. */
static crm_dim ackley_dims[] = {REAL("a", -10, 25), REAL("b", -25, 10), REAL("c", -10, 25),
                                REAL("d", -25, 10), REAL("e", -10, 25)};
static crm_dim levy_dims[] = {REAL("a", -10, 10), REAL("b", -10, 10), REAL("c", -10, 10),
                              REAL("d", -10, 10)};
static const char *const kinds[] = {"a", "b", "c"};
static const double is_a[] = {0}, is_b[] = {1};
static crm_dim mixed_dims[] = {
    {.key = "kind", .kind = CRM_DIM_LIST, .n = 3, .value = kinds, .when = -1},
    {.key = "rate", .kind = CRM_DIM_REAL, .lo = 1e-5, .hi = 1, .log = true, .when = -1},
    {.key = "depth",
     .kind = CRM_DIM_INTEGER,
     .lo = 1,
     .hi = 20,
     .step = 1,
     .n_given = 1,
     .given = is_a},
    {.key = "width",
     .kind = CRM_DIM_INTEGER,
     .lo = 4,
     .hi = 1024,
     .step = 1,
     .log = true,
     .n_given = 1,
     .given = is_b},
    {.key = "share",
     .kind = CRM_DIM_REAL,
     .lo = 0,
     .hi = 1,
     .unless = true,
     .n_given = 1,
     .given = is_a}};

static const function functions[] = {
    {"Branin", branin, 0.39788735772973816, {.n = 2, .dim = branin_dims}},
    {"Hartmann-6", hartmann6, -3.32236801141551, {.n = 6, .dim = hartmann_dims}},
    {"Rosenbrock-10", rosenbrock10, 0, {.n = 10, .dim = rosenbrock_dims}},
    {"mixed", mixed, 0, {.n = 5, .dim = mixed_dims}},
    {"Ackley-5", ackley5, 0, {.n = 5, .dim = ackley_dims}},
    {"Levy-4", levy4, 0, {.n = 4, .dim = levy_dims}}};
enum { FUNCTIONS = 6 };

#endif
