/* feature_brent.h - the least value of a function of one variable without derivatives, a step at a
 * time (room feature only).
 *
 * Brent, "Algorithms for Minimization Without Derivatives", 1973, chapter 5: golden sections, and
 * parabolas through the three best points where they help.  Infinite values are fine. */
#ifndef CRM_FEATURE_BRENT_H
#define CRM_FEATURE_BRENT_H

#include <stdbool.h>

typedef struct feature_brent {
    double a, b;          /* bounds of the minimum */
    double x, w, v;       /* best, second, third point */
    double fx, fw, fv, u; /* their values; u: under trial */
    double d, e;          /* last step and the one before */
    bool begun;           /* x has a value */
} feature_brent;

/** The first point whose value is needed. */
double feature_brent_begin(feature_brent *s, double a, double b);
/** Takes the value f of the point asked for.  True: *next is the point to try; false: the minimum
 * is known to within about tol, *next is its place. */
bool feature_brent_step(feature_brent *s, double f, double tol, double *next);

#endif
