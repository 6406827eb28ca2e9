/* svm_kernel.c - kernels of rows with packs of rows.  Sums over columns run in column order, one
 * for each pair of rows, LANES pairs side by side: a value depends on neither neighbours nor width
 * of registers. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"
#include "svm_impl.h"

typedef double lanes __attribute__((vector_size(SVC_LANES * 8), may_alias));
enum { CHUNK = 64 }; /* columns that are converted at once */

crm_status svc_pack_new(int64_t n, int64_t d, const float *x, const int64_t *row, svc_pack *out)
{
    *out = (svc_pack){.n = n, .d = d, .blocks = (n + SVC_LANES - 1) / SVC_LANES};
    CRM_NEW(out->x, out->blocks * d * SVC_LANES);
    for (int64_t i = 0; i < n; i++) {
        int64_t r = row ? row[i] : i;
        double *to = out->x + i / SVC_LANES * d * SVC_LANES + i % SVC_LANES;
        for (int64_t j = 0; r >= 0 && j < d; j++)
            to[j * SVC_LANES] = (double)x[r * d + j];
    }
    return CRM_OK;
}

void svc_pack_free(svc_pack *p)
{
    crm_mem_free(p->x);
    *p = (svc_pack){0};
}

/* acc[q] += sum over n columns of (x_q - p)^2, or of x_q p. */
static inline void add_columns(bool squares, int64_t n, const lanes *p,
                               const double x[SVC_ROWS][CHUNK], lanes *acc)
{
    lanes a = acc[0], b = acc[1], c = acc[2], d = acc[3];

    for (int64_t j = 0; j < n && squares; j++) {
        lanes s = x[0][j] - p[j], t = x[1][j] - p[j], u = x[2][j] - p[j], v = x[3][j] - p[j];
        a += s * s;
        b += t * t;
        c += u * u;
        d += v * v;
    }
    for (int64_t j = 0; j < n && !squares; j++) {
        a += x[0][j] * p[j];
        b += x[1][j] * p[j];
        c += x[2][j] * p[j];
        d += x[3][j] * p[j];
    }
    acc[0] = a;
    acc[1] = b;
    acc[2] = c;
    acc[3] = d;
}

static inline void take_columns(const float *const row[SVC_ROWS], int64_t first, int64_t n,
                                double x[SVC_ROWS][CHUNK])
{
    for (int q = 0; q < SVC_ROWS; q++)
        for (int64_t j = 0; j < n; j++)
            x[q][j] = (double)row[q][first + j];
}

static inline void power_lanes(int degree, lanes *v)
{
    lanes base = *v, one = {1, 1, 1, 1, 1, 1, 1, 1};

    *v = one;
    for (int e = degree; e > 0; e /= 2) {
        if (e % 2) *v *= base;
        base *= base;
    }
}

/* Sums -> kernel, but for what is left to transcend. */
static inline void combine(const svc_kernel *k, lanes *v)
{
    if (k->kind == CRM_SVM_LINEAR) return;
    if (k->kind == CRM_SVM_RBF) {
        *v *= -k->gamma;
        return;
    }
    *v = *v * k->gamma + k->coef0;
    if (k->kind == CRM_SVM_POLYNOMIAL) power_lanes(k->degree, v);
}

static void transcend(const svc_kernel *k, int64_t n, double *v)
{
    if (k->kind == CRM_SVM_RBF) crm_exp_each(n, v, v);
    for (int64_t i = 0; i < n && k->kind == CRM_SVM_SIGMOID; i++)
        v[i] = crm_tanh(v[i]);
}

CRM_SIMD static void sums(const svc_kernel *k, const svc_pack *p, int64_t n, const float *x,
                          double *out)
{
    const float *row[SVC_ROWS];
    double part[SVC_ROWS][CHUNK] = {{0}};
    bool squares = k->kind == CRM_SVM_RBF;

    for (int q = 0; q < SVC_ROWS; q++)
        row[q] = x + (q < n ? q : n - 1) * p->d;
    for (int64_t b = 0; b < p->blocks; b++) {
        const lanes *at = (const lanes *)p->x + b * p->d;
        lanes acc[SVC_ROWS] = {{0}};
        for (int64_t j = 0; j < p->d; j += CHUNK) {
            int64_t m = p->d - j < CHUNK ? p->d - j : CHUNK;
            if (b == 0 || p->d > CHUNK) take_columns(row, j, m, part);
            add_columns(squares, m, at + j, (const double(*)[CHUNK])part, acc);
        }
        for (int q = 0; q < n; q++) {
            combine(k, &acc[q]);
            memcpy(out + (q * p->blocks + b) * SVC_LANES, &acc[q], sizeof acc[q]);
        }
    }
}

void svc_kernel_rows(const svc_kernel *k, const svc_pack *p, int64_t n, const float *x, double *out)
{
    sums(k, p, n, x, out);
    transcend(k, n * p->blocks * SVC_LANES, out);
}

static double power(double x, int degree)
{
    double result = 1;

    for (int i = 0; i < degree; i++)
        result *= x;
    return result;
}

double svc_kernel_bound(const svc_kernel *k, double square)
{
    if (k->kind == CRM_SVM_LINEAR) return square;
    if (k->kind != CRM_SVM_POLYNOMIAL) return 1;
    return power(k->gamma * square + fabs(k->coef0), k->degree);
}

CRM_SIMD double svc_dot(int64_t n, const double *a, const double *b)
{
    const lanes *x = (const lanes *)a, *y = (const lanes *)b;
    lanes s = {0};

    for (int64_t i = 0; i < n / SVC_LANES; i++)
        s += x[i] * y[i];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}
