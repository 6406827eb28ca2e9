/* cusim_twin.h - inside the shim: what a twin of a library offers, a table of its functions. */
#ifndef CUSIM_TWIN_H
#define CUSIM_TWIN_H

/* Inner loops over memory that was checked as a whole. */
#define CUSIM_UNWATCHED __attribute__((no_sanitize("address", "undefined")))

namespace cusim
{
struct twin_symbol {
    const char *name;
    void *function;
};
/* The last entry has no name. */
extern const twin_symbol twin_cublaslt[], twin_cudnn[], twin_nvml[];
} // namespace cusim

/* One entry: the function of C linkage under its own name. */
#define CUSIM_TWIN(function)                                                                       \
    {                                                                                              \
#function, reinterpret_cast < void *>(function)                                            \
    }

#endif
