/* cuda_text.h - weights of text convolutions in the order that kernels read them, both directions.
 */
#ifndef CRM_CUDA_TEXT_H
#define CRM_CUDA_TEXT_H

#include "cuda_impl.h"

/* Kernel k at to + at[k]: panels of panel[k] filters (the last may have fewer), of each
 * [taps][filters][e]. */
typedef struct cuda_text_turn {
    int64_t filters, e;
    int64_t taps[CRM_TEXT_KERNELS], panel[CRM_TEXT_KERNELS], at[CRM_TEXT_KERNELS];
    int64_t ldw[CRM_TEXT_KERNELS];
    const float *w[CRM_TEXT_KERNELS];
    float *to;
} cuda_text_turn;

/* Enqueues the turning; panel NULL: all filters in one. */
extern "C" CRM_CHECKED cuda_text_turn_weights(cuda_state *s, const crm_text_conv *p,
                                              const crm_text_weights *w, const int64_t *panel,
                                              cuda_text_turn *t);

#endif
