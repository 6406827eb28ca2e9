/* calibrate_impl.h - shared by the files of the calibration only. */
#ifndef CRM_CALIBRATE_IMPL_H
#define CRM_CALIBRATE_IMPL_H

#include "calibrate.h"

/** Parameters of 1 / (1 + exp(a s + b)) from n rows, n > 0, scores finite. */
void calibrate_platt(int64_t n, const double *s, const uint8_t *yes, double *a, double *b);
/** Knots of an isotonic regression on n rows into knot and height [n]; returns their number, 1 or
 *  more.  work: n pieces of calibrate_isotonic_work() bytes. */
int64_t calibrate_isotonic(int64_t n, const double *s, const uint8_t *yes, void *work, double *knot,
                           double *height);
size_t calibrate_isotonic_work(void);
/** Height at s: linear between knots, constant outside. */
double calibrate_interpolate(int64_t n, const double *knot, const double *height, double s);
#endif
