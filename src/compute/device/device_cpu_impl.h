/* device_cpu_impl.h - what the files device_cpu*.c share: the state behind a CPU handle. */
#ifndef CRM_DEVICE_CPU_STATE_H
#define CRM_DEVICE_CPU_STATE_H

#include "cpu/cpu_impl.h"
#include "device_impl.h"

typedef struct cpu_state {
    const crm_cpu_kernels *k;
    float *pack; /* CRM_CPU_PACK floats, made by the first matrix product */
} cpu_state;

static inline float *row(const crm_tensor *t, int64_t r)
{
    return (float *)t->data + r * t->ld;
}

static inline size_t row_bytes(const crm_tensor *t)
{
    return (size_t)t->dim[1] * sizeof(float);
}

/* Entries of the ops table that stand in device_cpu_loss.c. */
crm_status crm_cpu_softmax(void *state, const crm_tensor *logits, crm_tensor *proba);
crm_status crm_cpu_ce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
crm_status crm_cpu_bce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                            const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
#endif
