/* cuda_dnn.h - convolutions of cuDNN, for those who ask for them (gpu.cudnn: on). */
#ifndef CRM_CUDA_DNN_H
#define CRM_CUDA_DNN_H

#include "cuda_impl.h"

#ifdef __cplusplus
extern "C" {
#endif
/* The sums of a convolution over n samples without bias and activation, or their gradient by x. */
typedef struct cuda_dnn_call {
    const crm_conv *conv;
    int64_t n, channels, filters;
    const float *w;    /* [filters][kernel][channels]                                       */
    const float *from; /* x [n steps][channels]; backward: dy [n output steps][filters]     */
    float *to;         /* y; backward: dx                                                   */
    bool backward;
} cuda_dnn_call;
/* Whether cuDNN is wanted; CRM_ERR_DEVICE where it is and there is none.  Called when the device
 * opens, so that a run does not end in its first step. */
CRM_CHECKED cuda_dnn_there(cuda_state *s, bool *yes);
/* *done: enqueued; false: no algorithm will do, the work is the caller's.  Which it is does not
 * depend on n. */
CRM_CHECKED cuda_dnn_run(cuda_state *s, const cuda_dnn_call *c, bool *done);
#ifdef __cplusplus
}
#endif
#endif
