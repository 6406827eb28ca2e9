/* train_there.h - fits on the device of the CUDA module, for the tests of this folder. */
#ifndef TRAIN_THERE_H
#define TRAIN_THERE_H

#include "crmpi/comm_device.h"
#include "train/whole_fit.h"

/* A few dozen rows, every branch and kind of head, several buckets, a short last batch. */
enum { FEW = 44 };
#define TINY                                                                                       \
    SMALL, HEADS, "train.lanes=4", "train.lane_rows=3", "train.epochs=2", "train.validation=0.3",  \
        "train.refit=false", "optim.lr=0.02", "optim.clip_norm=0.5", "model.dropout=0.2"

static inline bool beside(const char *program, const char *name, char *file, size_t cap)
{
    const char *slash = strrchr(program, '/');

    snprintf(file, cap, "%.*s/../cusim/%s", slash ? (int)(slash - program) : 1,
             slash ? program : ".", name);
    return access(file, R_OK) == 0;
}

/* The module of this build, unless another one is named; needed: one more file beside it, or NULL.
 * Prints why it is not there. */
static inline bool find_module(const char *program, const char *needed, const char *streams)
{
    const char *module = "crmpi_cuda.so";
    char file[4096];

    setenv("CUSIM_STREAMS", streams, 0);
    if (getenv("CRM_CUDA_PLUGIN")) return true;
    if ((!needed || beside(program, needed, file, sizeof file)) &&
        beside(program, module, file, sizeof file) && setenv("CRM_CUDA_PLUGIN", file, 1) == 0)
        return true;
    printf("1..0 # SKIP %s%s%s of the shim is not built\n", module, needed ? " or " : "",
           needed ? needed : "");
    return false;
}

/* Batches of a few dozen rows hardly repeat: their steps are captured when they come first. */
static inline void capture_at_once(void)
{
    T_CHECK(setenv("CRM_CUDA_CAPTURE", "first", 1) == 0);
}

static inline crm_device *open_with(bool graph, int transport)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .math = CRM_GPU_FP32,
                          .graph = graph,
                          .transport = transport,
                          .bucket = 1 << 20,
                          .timeout = 60};
    crm_device *d = NULL;

    T_OK(crm_device_open(&cfg, crm_comm_node_rank(t_comm), crm_comm_node_size(t_comm), &d));
    T_OK(crm_dsum_find_shared(t_comm, d));
    return d;
}

#endif
