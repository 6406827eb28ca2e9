/* cuda_embed.h - gradient of an embedding whose lanes are known on the device only, or whose rows
 * have weights. */
#ifndef CRM_CUDA_EMBED_H
#define CRM_CUDA_EMBED_H

#include "cuda_impl.h"

typedef struct cuda_embed_rows {
    int64_t n, ldcode; /* rows                                                         */
    const int32_t *code;
    int32_t least;
    const float *dy; /* [n][e], lddy apart                                           */
    int64_t lddy, e, v;
    const int32_t *of;  /* [n] row of dy of each; NULL: its own, value 1 and factor 1       */
    const float *value; /* [n] times factor: weight of its row of dy                        */
    float factor;
    const cuda_lanes *lanes; /* of rows; of groups of rows when first is given               */
    const int64_t *first;    /* [groups + 1] rows of each group, device memory, or NULL      */
    float *table;            /* [lanes][v][e], lanes->stride and ldt apart                   */
    int64_t ldt;
} cuda_embed_rows;
/* As cuda_embed_sum (cuda_impl.h). */
extern "C" CRM_CHECKED cuda_embed_add(cuda_state *s, const cuda_embed_rows *p);

#endif
