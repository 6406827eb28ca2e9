/* base_math.h - double functions with the same bits on every machine and C library (room base).
 *
 * libm chooses its code by CPU and version, so a path that reaches a digest uses these.  Accuracy
 * is within 2 ulp on the stated ranges.  sqrt, fabs, floor and fma of libm are exact and may be
 * used. */
#ifndef CRM_BASE_MATH_H
#define CRM_BASE_MATH_H

#include <stdint.h>

double crm_exp(double x);           /* 0 below -745.2, inf above 709.8, NaN stays        */
double crm_log(double x);           /* -inf at 0, NaN below 0                            */
double crm_log1p(double x);         /* log(1 + x) without cancellation near 0            */
double crm_pow(double x, double y); /* x > 0; exp(y log x), ~1e-14 relative for moderate y log x */
double crm_cos(double x);           /* |x| up to 1e6                                     */
double crm_tanh(double x);
double crm_sigmoid(double x);         /* 1 / (1 + exp(-x)), no overflow              */
double crm_log_sigmoid(double x);     /* log of it, no underflow to -inf             */
double crm_normal_quantile(double p); /* 0 < p < 1; Wichura's AS 241, 1e-15      */

/** out[i] = crm_exp(x[i]), the same bits, several at a time; out may be x. */
void crm_exp_each(int64_t n, const double *x, double *out);
#endif
