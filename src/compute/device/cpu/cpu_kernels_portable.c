/* cpu_kernels_portable.c - the CPU kernels in plain C: fmaf is a call of libm, slow and exact. */
#include <math.h>

#define KERNELS      crm_cpu_portable
#define KERNELS_NAME "portable"
typedef float vec;
enum { LANES = 1, MR = 4, NV = 8 };
#define V_ZERO()       0.0f
#define V_LOAD(p)      (*(p))
#define V_STORE(p, v)  (*(p) = (v))
#define V_SPREAD(x)    (x)
#define V_FMA(a, b, c) fmaf(a, b, c)
#define V_ADD(a, b)    ((a) + (b))
/* A bit for each element that is not zero. */
#define V_NONZERO(p)         ((unsigned)(*(p) != 0.0f))
#define V_MASK               bool
#define V_GREATER(a, b)      ((a) > (b))
#define V_UNORDERED(a)       ((a) != (a))
#define V_CHOOSE(m, yes, no) ((m) ? (yes) : (no))

#include "cpu_kernels.inc.h"
