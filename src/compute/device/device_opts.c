/* device_opts.c - options device and gpu.*: only what can change a bit of a result is part of the
 * configuration's digest. */
#include "device_impl.h"

static const char *const kind_names[] = {"auto", "cpu", "cuda", NULL};
_Static_assert(sizeof kind_names / sizeof *kind_names == CRM_DEVICE_KIND_COUNT + 1, "names");
static const char *const math_names[] = {"fp32", "tf32", "bf16", NULL};
_Static_assert(sizeof math_names / sizeof *math_names == CRM_GPU_MATH_COUNT + 1, "names");
static const char *const switch_names[] = {"auto", "off", "on", NULL};
_Static_assert(sizeof switch_names / sizeof *switch_names == CRM_GPU_ON + 2, "names");
static const char *const transport_names[] = {"auto", "nccl", "mpi", NULL};
_Static_assert(sizeof transport_names / sizeof *transport_names == CRM_TRANSPORT_COUNT + 1,
               "names");

#define S crm_device_cfg
const crm_opt crm_device_opts[] = {
    CRM_OPT_E(S, kind, "device", "auto", kind_names, CRM_OPT_LAYOUT,
              "Device that nets are trained on; auto takes a GPU when there is one, cuda fails "
              "without."),
    CRM_OPT_E(S, math, "gpu.math", "fp32", math_names, 0,
              "Matrix products on a GPU: fp32; tf32 rounds their factors to 10 bits; bf16 also "
              "keeps tables that live within one operation in bf16."),
    CRM_OPT_B(S, graph, "gpu.graph", 1, CRM_OPT_LAYOUT,
              "Steps of training run as captured CUDA graphs; off when a profiler or a debugger is "
              "to see single kernels."),
    CRM_OPT_E(S, resident, "gpu.resident", "auto", switch_names, CRM_OPT_LAYOUT,
              "Training rows are kept in GPU memory: auto where they fit, on fails where they do "
              "not."),
    CRM_OPT_E(S, cudnn, "gpu.cudnn", "auto", switch_names, 0,
              "Convolutions over months by cuDNN; auto: by kernels of our own (last bits differ)."),
    CRM_OPT_E(S, transport, "gpu.transport", "auto", transport_names, CRM_OPT_LAYOUT,
              "How gradients travel between GPUs: nccl; mpi goes through host memory; auto takes "
              "nccl where it is found and each rank has a GPU of its own."),
    CRM_OPT_I(S, bucket, "gpu.bucket", 1048576, 4096, 1 << 30, "bytes", CRM_OPT_LAYOUT,
              "Gradients that are exchanged together, while the rest is still computed."),
    CRM_OPT_R(S, timeout, "gpu.timeout", 120, 1, 86400, "s", CRM_OPT_LAYOUT,
              "Time without an answer of the other ranks of a fit on GPUs after which the program "
              "ends with code 5."),
    {.key = NULL},
};
