/* cusim_library.h - how the CUDA module finds the twins of libraries in place of dlopen and dlsym.
 * C linkage.
 *
 * Libraries: libcublasLt, libcudnn, libnccl, libnvidia-ml (alias nvml); a name may have folders
 * before it and a version after ".so". The environment variable
 * CUSIM_WITHOUT=cublasLt,cudnn,nccl,nvml makes those it names absent. */
#ifndef CUSIM_LIBRARY_H
#define CUSIM_LIBRARY_H

#ifdef __cplusplus
extern "C" {
#endif

/* A handle, or NULL when there is no such library. */
void *cusim_library(const char *soname);
/* The function of that name, or NULL. */
void *cusim_symbol(void *library, const char *name);
/* Device and pinned allocations that have not been freed. */
unsigned long cusim_allocations(void);

#ifdef __cplusplus
}
#endif
#endif
