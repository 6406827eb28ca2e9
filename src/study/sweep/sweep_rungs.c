/* sweep_rungs.c - schedulers: which trials go on, and with how much. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/sweep.h"

/* Largest k with eta^k <= r; quotients of decimals may lie a rounding below a power. */
static int whole_log(double r, int eta)
{
    int k = 0;

    for (double p = eta; p <= r * (1 + 1e-9) && k < CRM_RUNGS_MAX - 1; p *= eta)
        k++;
    return k;
}

static double power(int eta, int k)
{
    double p = 1;

    while (k-- > 0)
        p *= eta;
    return p;
}

/* n trials in rungs 0 .. last, of which the last has the resource max. */
static int fill(int64_t n, int last, double max, int eta, crm_rung *out)
{
    for (int k = 0; k <= last; k++) {
        int64_t trials = (int64_t)((double)n / power(eta, k));
        out[k] =
            (crm_rung){.trials = trials > 1 ? trials : 1, .resource = max / power(eta, last - k)};
    }
    return last + 1;
}

int crm_rungs_halving(int64_t n, double min, double max, int eta, crm_rung *out)
{
    int by_resource = whole_log(max / min, eta), by_trials = whole_log((double)n, eta);

    return fill(n, by_resource < by_trials ? by_resource : by_trials, max, eta, out);
}

int crm_rungs_hyperband(int s, double min, double max, int eta, crm_rung *out)
{
    int s_max = whole_log(max / min, eta);
    double n;

    if (s < 0 || s > s_max) return 0;
    n = ceil((double)(s_max + 1) * power(eta, s) / (double)(s + 1) * (1 - 1e-12));
    return fill((int64_t)n, s, max, eta, out);
}

typedef struct ranked {
    double loss;
    int64_t number;
} ranked;

static int by_loss(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

int64_t crm_rungs_promote(const double *loss, int64_t n, int64_t m, bool *on)
{
    ranked *r = crm_mem_new((size_t)n, sizeof *r);
    int64_t good = 0;

    if (!r) return -1;
    for (int64_t i = 0; i < n; i++) {
        on[i] = false;
        if (!isnan(loss[i])) r[good++] = (ranked){.loss = loss[i], .number = i};
    }
    qsort(r, (size_t)good, sizeof *r, by_loss);
    if (m > good) m = good;
    for (int64_t i = 0; i < m; i++)
        on[r[i].number] = true;
    crm_mem_free(r);
    return m;
}

bool crm_median_stops(double loss, int64_t below, int64_t n, int64_t least)
{
    if (isnan(loss)) return true;
    if (n < least || n == 0) return false;
    return 2 * below > n; /* more than half are better: above the median */
}
