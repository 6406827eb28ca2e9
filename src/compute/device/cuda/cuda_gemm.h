/* cuda_gemm.h - between the files that multiply matrices: cuda_gemm.cu (own kernels) and
 * cuda_blas.c (cuBLASLt).  Operations use cuda_multiply and cuda_outer_sum of cuda_impl.h. */
#ifndef CRM_CUDA_GEMM_H
#define CRM_CUDA_GEMM_H

#include "cuda_impl.h"

#ifdef __cplusplus
extern "C" {
#endif
/* The product with own kernels; m and n > 0. */
CRM_CHECKED cuda_multiply_own(cuda_state *s, const cuda_product *p);
/* C = act(C). */
CRM_CHECKED cuda_activate(cuda_state *s, const cuda_product *p);
/* The product by cuBLASLt; *done is false where that is not there or not wanted.  Which it is does
 * not depend on m. */
CRM_CHECKED cuda_multiply_lt(cuda_state *s, const cuda_product *p, bool *done);
#ifdef __cplusplus
}
#endif
#endif
