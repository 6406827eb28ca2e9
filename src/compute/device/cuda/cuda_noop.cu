/* cuda_noop.cu - a kernel that does nothing: whether this module has machine code for a GPU. */
#include "cuda_host.h"

static CRM_KERNEL k_noop()
{
}

cudaError_t cuda_noop(cudaStream_t stream)
{
    CRM_LAUNCH(k_noop, 1, 1, 0, stream);
    return cudaGetLastError();
}
