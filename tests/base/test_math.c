/* base_math.h against 60-digit values, against long double over dense random arguments, and at its
 * edges. */
#include "crm_test.h"
#include "crmpi/base_math.h"
#include "crmpi/base_rng.h"
#include "math_reference.h"

/* |a - b| in units of the last place of b. */
static double ulps(double a, double b)
{
    double unit = nextafter(fabs(b), (double)INFINITY) - fabs(b);

    return a == b ? 0 : fabs(a - b) / unit;
}

static void compare(const char *name, double (*f)(double), const math_case *ref, size_t n,
                    double limit)
{
    for (size_t i = 0; i < n; i++) {
        double got = f(ref[i].x);
        T_CHECK(ulps(got, ref[i].want) <= limit);
        if (!(ulps(got, ref[i].want) <= limit))
            fprintf(stderr, "#   %s(%.17g) = %a, %a expected: %.1f ulp\n", name, ref[i].x, got,
                    ref[i].want, ulps(got, ref[i].want));
    }
}
#define COMPARE(f, ref, limit) compare(#f, f, ref, sizeof ref / sizeof *ref, limit)

static void table(void)
{
    COMPARE(crm_exp, REF_EXP, 2);
    COMPARE(crm_log, REF_LOG, 2);
    COMPARE(crm_log1p, REF_LOG1P, 2);
    COMPARE(crm_cos, REF_COS, 2);
    COMPARE(crm_tanh, REF_TANH, 2);
    COMPARE(crm_sigmoid, REF_SIGMOID, 2);
    COMPARE(crm_log_sigmoid, REF_LOG_SIGMOID, 2);
}

static void power(void)
{
    for (size_t i = 0; i < sizeof REF_POW / sizeof *REF_POW; i++)
        T_CHECK(fabs(crm_pow(REF_POW[i][0], REF_POW[i][1]) / REF_POW[i][2] - 1) < 1e-14);
}

/* An 80-bit function of libm is exact enough (2^-64) to judge 2 ulp of 2^-53. */
typedef long double (*wide)(long double);
static long double sigmoid_wide(long double x)
{
    return 1 / (1 + expl(-x));
}

/* Same bits as one at a time, for every number of values that registers can leave over. */
static void several(void)
{
    enum { N = 4001 };
    static double x[N], out[N];

    for (int i = 0; i < N; i++) {
        crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, (uint64_t)i);
        x[i] = (crm_rng_uniform(&r) - 0.5) * (i % 2 ? 1600 : 4);
    }
    x[5] = (double)NAN;
    x[77] = (double)INFINITY;
    x[78] = -(double)INFINITY;
    x[79] = -745.14;
    for (int n = 0; n <= N; n += n < 40 ? 1 : 3961) {
        crm_exp_each(n, x, out);
        for (int i = 0; i < n; i++) {
            double want = crm_exp(x[i]);
            T_CHECK(memcmp(&out[i], &want, sizeof want) == 0);
        }
    }
}

static void dense(void)
{
    static const struct {
        const char *name;
        double (*f)(double);
        wide g;
        double low, high;
    } row[] = {
        {"exp", crm_exp, expl, -700, 700},      {"exp", crm_exp, expl, -1, 1},
        {"log", crm_log, logl, 0, 3},           {"log", crm_log, logl, 0, 1e12},
        {"log1p", crm_log1p, log1pl, -0.99, 3}, {"cos", crm_cos, cosl, -10, 10},
        {"cos", crm_cos, cosl, -1e6, 1e6},      {"tanh", crm_tanh, tanhl, -1, 1},
        {"tanh", crm_tanh, tanhl, -25, 25},     {"sigmoid", crm_sigmoid, sigmoid_wide, -40, 40},
    };

    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, k);
        double worst = 0, at = 0;
        for (int i = 0; i < 100000; i++) {
            double x = row[k].low + (row[k].high - row[k].low) * crm_rng_uniform(&r);
            double e = ulps(row[k].f(x), (double)row[k].g((long double)x));
            if (!(e <= worst)) {
                worst = e;
                at = x;
            }
        }
        T_CHECK(worst <= 2);
        if (!(worst <= 2)) fprintf(stderr, "#   %s: %.1f ulp at %.17g\n", row[k].name, worst, at);
    }
}

static void quantile(void)
{
    for (size_t i = 0; i < sizeof REF_QUANTILE / sizeof *REF_QUANTILE; i++)
        T_NEAR(crm_normal_quantile(REF_QUANTILE[i].x), REF_QUANTILE[i].want, 1e-14);
    for (double p = 0.001; p < 0.5; p += 0.001) /* symmetric up to the rounding of 1 - p */
        T_NEAR(crm_normal_quantile(1 - p), -crm_normal_quantile(p), 1e-12);
}

static void edges(void)
{
    const double inf = (double)INFINITY, nan = (double)NAN;

    T_CHECK(crm_exp(0) == 1 && crm_exp(-inf) == 0 && crm_exp(inf) == inf);
    T_CHECK(crm_exp(-746) == 0 && crm_exp(710) == inf && isnan(crm_exp(nan)));
    T_CHECK(crm_exp(-745) == 0x1p-1074); /* the smallest denormal */
    T_CHECK(crm_log(1) == 0 && crm_log(0) == -inf && crm_log(inf) == inf);
    T_CHECK(isnan(crm_log(-1)) && isnan(crm_log(nan)));
    T_CHECK(crm_log1p(0) == 0 && crm_log1p(-1) == -inf && crm_log1p(inf) == inf);
    T_CHECK(isnan(crm_log1p(-1.5)) && isnan(crm_log1p(nan)));
    T_CHECK(crm_cos(0) == 1 && isnan(crm_cos(nan)) && isnan(crm_cos(inf)));
    T_CHECK(crm_tanh(0) == 0 && crm_tanh(inf) == 1 && crm_tanh(-inf) == -1 && isnan(crm_tanh(nan)));
    T_CHECK(crm_sigmoid(inf) == 1 && crm_sigmoid(-inf) == 0 && isnan(crm_sigmoid(nan)));
    T_CHECK(crm_log_sigmoid(inf) == 0 && crm_log_sigmoid(-inf) == -inf);
    T_CHECK(crm_normal_quantile(0.5) == 0);
}

static void odd_and_even(void)
{
    crm_rng r = crm_rng_at(2, CRM_RNG_TEST, 0, 0);

    for (int i = 0; i < 1000; i++) {
        double x = 20 * crm_rng_uniform(&r) - 10;
        T_CHECK(crm_tanh(-x) == -crm_tanh(x));
        T_CHECK(crm_cos(-x) == crm_cos(x));
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"60-digit values", table},     {"pow", power},
                                   {"against long double", dense}, {"several exp", several},
                                   {"normal quantile", quantile},  {"edges", edges},
                                   {"odd and even", odd_and_even}, {NULL, NULL}};
    return t_main(argc, argv, cases);
}
