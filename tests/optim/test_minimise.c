/* test_minimise.c - L-BFGS and trust-region Newton on problems with known minima. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_math.h"
#include "crmpi/optim.h"

typedef crm_status (*minimiser)(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, void *ctx,
                                double *x, crm_min_result *res);

/* ---- Rosenbrock's valley, chained over n unknowns; minimum 0 at (1, ..., 1) ---- */
enum { VALLEY = 10 };

static crm_status rosenbrock(void *ctx, const double *x, double *value, double *grad)
{
    (void)ctx;
    *value = 0;
    memset(grad, 0, VALLEY * sizeof *grad);
    for (int i = 0; i + 1 < VALLEY; i++) {
        double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];

        *value += 100 * a * a + b * b;
        grad[i] += -400 * x[i] * a - 2 * b;
        grad[i + 1] += 200 * a;
    }
    return CRM_OK;
}

static void valley(void)
{
    double x[VALLEY];
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    for (int i = 0; i < VALLEY; i++)
        x[i] = i % 2 ? 1 : -1.2;
    cfg.grad_tol = 1e-12;
    T_OK(crm_lbfgs(&cfg, VALLEY, rosenbrock, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_GRADIENT);
    T_CHECK(res.iterations < 150 && res.evaluations < 250);
    for (int i = 0; i < VALLEY; i++)
        T_NEAR(x[i], 1, 1e-8);
}

/* ---- quadratic sum of d_i (x_i - i)^2 / 2 with curvatures 1 .. 1e6 ---- */
enum { BOWL = 7 };

static double curvature(int i)
{
    return crm_pow(10, i);
}

static crm_status bowl(void *ctx, const double *x, double *value, double *grad)
{
    (void)ctx;
    *value = 0;
    for (int i = 0; i < BOWL; i++) {
        grad[i] = curvature(i) * (x[i] - i);
        *value += grad[i] * (x[i] - i) / 2;
    }
    return CRM_OK;
}

static crm_status bowl_hessian(void *ctx, const double *x, const double *v, double *hv)
{
    (void)ctx;
    (void)x;
    for (int i = 0; i < BOWL; i++)
        hv[i] = curvature(i) * v[i];
    return CRM_OK;
}

static crm_status tron_bowl(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, void *ctx,
                            double *x, crm_min_result *res)
{
    return crm_tron(cfg, n, f, bowl_hessian, ctx, x, res);
}

static void bowl_with(minimiser run)
{
    double x[BOWL] = {0};
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    cfg.max_iter = 1000;
    cfg.grad_tol = 1e-13;
    T_OK(run(&cfg, BOWL, bowl, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_GRADIENT || res.reason == CRM_MIN_LINE);
    for (int i = 0; i < BOWL; i++)
        T_NEAR(x[i], i, 1e-6);
    /* a start at the minimum is seen at once */
    for (int i = 0; i < BOWL; i++)
        x[i] = i;
    T_OK(run(&cfg, BOWL, bowl, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_GRADIENT && res.iterations == 0 && res.evaluations == 1);
}

static void quadratic(void)
{
    bowl_with(crm_lbfgs);
    bowl_with(tron_bowl);
}

/* ---- logistic regression: 12 rows, intercept not penalised, penalty 0.1 / 2 |w|^2.
 * The minimum is from scipy 1.17.1, minimize(method="trust-exact", gtol=1e-14) followed by five
 * Newton steps in numpy; the gradient there is below 1e-16. ---- */
enum { ROWS = 12, DIMS = 3 };
static const double best[DIMS] = {-0.1456527781801017, -0.4718977460457076, -0.28251860372511645};
static const double best_value = 8.072396331019519;

static void logit_row(int i, double a[DIMS], double *y)
{
    static const double label[ROWS] = {1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0};

    a[0] = i * 7 % 5 - 2.0;
    a[1] = i * i % 7 / 2.0 - 1.5;
    a[2] = 1;
    *y = label[i];
}

static double score(const double *a, const double *w)
{
    return a[0] * w[0] + a[1] * w[1] + a[2] * w[2];
}

static crm_status logit(void *ctx, const double *w, double *value, double *grad)
{
    double a[DIMS], y;

    (void)ctx;
    *value = 0.05 * (w[0] * w[0] + w[1] * w[1]);
    grad[0] = 0.1 * w[0];
    grad[1] = 0.1 * w[1];
    grad[2] = 0;
    for (int i = 0; i < ROWS; i++) {
        logit_row(i, a, &y);
        *value -= crm_log_sigmoid((2 * y - 1) * score(a, w));
        for (int j = 0; j < DIMS; j++)
            grad[j] += (crm_sigmoid(score(a, w)) - y) * a[j];
    }
    return CRM_OK;
}

static crm_status logit_hessian(void *ctx, const double *w, const double *v, double *hv)
{
    double a[DIMS], y, p;

    (void)ctx;
    hv[0] = 0.1 * v[0];
    hv[1] = 0.1 * v[1];
    hv[2] = 0;
    for (int i = 0; i < ROWS; i++) {
        logit_row(i, a, &y);
        p = crm_sigmoid(score(a, w));
        for (int j = 0; j < DIMS; j++)
            hv[j] += p * (1 - p) * score(a, v) * a[j];
    }
    return CRM_OK;
}

static crm_status tron_logit(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, void *ctx,
                             double *x, crm_min_result *res)
{
    return crm_tron(cfg, n, f, logit_hessian, ctx, x, res);
}

static void logit_with(minimiser run, double far, int64_t evaluations)
{
    double w[DIMS] = {far, -far, far};
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    cfg.grad_tol = 1e-11;
    T_OK(run(&cfg, DIMS, logit, NULL, w, &res));
    T_CHECK(res.reason == CRM_MIN_GRADIENT || res.reason == CRM_MIN_LINE);
    T_CHECK(res.evaluations <= evaluations);
    T_NEAR(res.value, best_value, 1e-14);
    for (int j = 0; j < DIMS; j++)
        T_NEAR(w[j], best[j], 1e-9);
}

static void logistic(void)
{
    logit_with(crm_lbfgs, 0, 30);
    logit_with(tron_logit, 0, 15);
    logit_with(crm_lbfgs, 20, 60);
    logit_with(tron_logit, 20, 60);
}

/* ---- a function that needs a bracket and a zoom: -x / (x^2 + 2) has its minimum at sqrt 2
 * (More & Thuente 1994, first test function) ---- */
static crm_status thuente(void *ctx, const double *x, double *value, double *grad)
{
    double q = x[0] * x[0] + 2;

    (void)ctx;
    *value = -x[0] / q;
    grad[0] = (x[0] * x[0] - 2) / (q * q);
    return CRM_OK;
}

static void line_search(void)
{
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    for (double start = -0.9; start < 3; start += 0.3) {
        double x = start;

        T_OK(crm_lbfgs(&cfg, 1, thuente, NULL, &x, &res));
        T_NEAR(x, sqrt(2), 1e-6);
    }
}

/* ---- ends ---- */
static bool stop_after_three(void *ctx, const crm_min_result *at, const double *x)
{
    (void)ctx;
    (void)x;
    return at->iterations < 3;
}

static void end_rules(void)
{
    double x[VALLEY] = {0};
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    cfg.progress = stop_after_three;
    T_OK(crm_lbfgs(&cfg, VALLEY, rosenbrock, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_STOPPED && res.iterations == 3);
    cfg.progress = NULL;
    cfg.max_iter = 2;
    T_OK(crm_lbfgs(&cfg, VALLEY, rosenbrock, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_ITERATIONS && res.iterations == 2);
    cfg.max_iter = 500;
    cfg.value_tol = 1e-3;
    T_OK(crm_lbfgs(&cfg, VALLEY, rosenbrock, NULL, x, &res));
    T_CHECK(res.reason == CRM_MIN_VALUE);
}

static crm_status broken(void *ctx, const double *x, double *value, double *grad)
{
    int *calls = ctx;

    CRM_TRY(rosenbrock(NULL, x, value, grad));
    if (++*calls == 4) CRM_FAIL(CRM_ERR_COMM, "lost a rank");
    return CRM_OK;
}

static crm_status not_finite(void *ctx, const double *x, double *value, double *grad)
{
    (void)ctx;
    *value = x[0] * NAN;
    grad[0] = 0;
    return CRM_OK;
}

/* x + 1 / x has its minimum 2 at x = 1; here it is not a number below 0 */
static crm_status half_line(void *ctx, const double *x, double *value, double *grad)
{
    (void)ctx;
    *value = x[0] > 0 ? x[0] + 1 / x[0] : NAN;
    grad[0] = x[0] > 0 ? 1 - 1 / (x[0] * x[0]) : NAN;
    return CRM_OK;
}

static void failures(void)
{
    double x[VALLEY] = {0}, far = 0.01;
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;
    int calls = 0;

    T_FAILS(crm_lbfgs(&cfg, VALLEY, broken, &calls, x, &res), CRM_ERR_COMM, "lost a rank");
    T_FAILS(crm_lbfgs(&cfg, 1, not_finite, NULL, x, &res), CRM_ERR_NUMERIC, "nan");
    cfg.grad_tol = 1e-12; /* of the slope at the start, 1e4 */
    T_OK(crm_lbfgs(&cfg, 1, half_line, NULL, &far, &res));
    T_NEAR(far, 1, 1e-6);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"L-BFGS finds the end of Rosenbrock's valley", valley},
                                   {"an ill-conditioned quadratic is solved", quadratic},
                                   {"logistic regression agrees with scipy", logistic},
                                   {"the line search brackets and zooms", line_search},
                                   {"limits and callbacks end the search", end_rules},
                                   {"failures come back", failures},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
