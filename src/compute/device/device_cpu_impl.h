/* device_cpu_impl.h - what the files device_cpu*.c share: the state behind a CPU handle. */
#ifndef CRM_DEVICE_CPU_STATE_H
#define CRM_DEVICE_CPU_STATE_H

#include "cpu/cpu_impl.h"
#include "device_impl.h"

/* Memory that operations grow on demand and keep for the next call, by use. */
typedef enum cpu_use {
    CPU_CONV_WEIGHT,
    CPU_CONV_WINDOW,
    CPU_CONV_PACKED,
    CPU_CONV_SUM,
    CPU_CONV_CHAIN,
    CPU_CONV_VALUE,
    CPU_CONV_AT,
    CPU_CONV_START,
    CPU_CONV_VALUE_TURNED,
    CPU_CONV_AT_TURNED,
    CPU_CONV_START_TURNED,
    CPU_BAG_ROW,
    CPU_BAG_FACTOR,
    CPU_BAG_GRADIENT,
    CPU_POOL_ROW,
    CPU_POOL_SCORE,
    CPU_RNN,
    CPU_TEXT_PLACE,
    CPU_TEXT_ROW,
    CPU_TEXT_MAP,
    CPU_TEXT_X,
    CPU_TEXT_PART,
    CPU_TEXT_WEIGHT,
    CPU_TEXT_SUM,
    CPU_USES
} cpu_use;

/* How gradients of a convolution treat zeros of dy: skip them where there are many, never, always
 * (for tests; results have equal bits). */
typedef enum crm_cpu_form {
    CRM_CPU_FORM_BEST,
    CRM_CPU_FORM_DENSE,
    CRM_CPU_FORM_SPARSE
} crm_cpu_form;
void crm_cpu_conv_form(crm_device *d, int form);

/* Whether text convolutions work out equal tokens once (as they do) or one by one (for tests;
 * results have equal bits). */
void crm_cpu_text_share(crm_device *d, bool share);

typedef struct cpu_state {
    const crm_cpu_kernels *k;
    int32_t text_stamp; /* of the last piece of a text convolution */
    bool text_apart;    /* crm_cpu_text_share(d, false)            */
    float *pack;        /* CRM_CPU_PACK floats, made by the first matrix product */
    int conv_form;
    struct {
        void *at;
        size_t bytes;
    } scratch[CPU_USES];
} cpu_state;

/* p of type T * points at n items of scratch memory for a use, or returns CRM_ERR_NOMEM.  What it
 * held before may be lost. */
#define CPU_SCRATCH(s, use, p, n)                                                                  \
    do {                                                                                           \
        CRM_TRY(crm_cpu_scratch(s, use, n, sizeof *(p)));                                          \
        (p) = (s)->scratch[use].at;                                                                \
    } while (0)
crm_status crm_cpu_scratch(cpu_state *s, cpu_use use, int64_t n, size_t size);
/* One matrix product with the packing memory of the handle. */
crm_status crm_cpu_product(cpu_state *s, crm_cpu_gemm g);

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
crm_status crm_cpu_huber_loss(void *state, const crm_tensor *z, const crm_loss *p,
                              const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
crm_status crm_cpu_poisson_loss(void *state, const crm_tensor *z, const crm_loss *p,
                                const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
/* device_cpu_pool.c */
crm_status crm_cpu_pool(void *state, crm_pool_kind kind, const crm_segments *s, const crm_tensor *x,
                        crm_tensor *y, crm_tensor *arg);
crm_status crm_cpu_pool_bwd(void *state, crm_pool_kind kind, const crm_segments *s,
                            const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx);
crm_status crm_cpu_attend(void *state, const crm_segments *s, const crm_tensor *score,
                          const crm_tensor *x, crm_tensor *weight, crm_tensor *y);
crm_status crm_cpu_attend_bwd(void *state, const crm_segments *s, const crm_tensor *weight,
                              const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                              crm_tensor *dx);
/* device_cpu_bag.c */
crm_status crm_cpu_bag(void *state, const crm_bag *p, const crm_tensor *table, crm_tensor *y);
crm_status crm_cpu_bag_bwd(void *state, const crm_bag *p, const crm_tensor *dy,
                           const crm_lanes *lanes, crm_tensor *dtable);
/* device_cpu_rnn.c */
crm_status crm_cpu_op_rnn(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                          const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h,
                          crm_tensor *keep);
crm_status crm_cpu_op_rnn_bwd(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                              const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                              crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                              crm_rnn_weights *dw);
/* device_cpu_conv.c */
crm_status crm_cpu_conv(void *state, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                        const crm_tensor *b, crm_tensor *y);
crm_status crm_cpu_conv_bwd_x(void *state, const crm_conv *p, const crm_tensor *dy,
                              const crm_tensor *w, crm_tensor *dx);
crm_status crm_cpu_conv_bwd_w(void *state, const crm_conv *p, const crm_tensor *x,
                              const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                              crm_tensor *db);
/* device_cpu_step.c */
crm_status crm_cpu_take(void *state, const crm_tensor *x, const crm_tensor *at, int32_t least,
                        crm_tensor *y);
crm_status crm_cpu_gather(void *state, const crm_gather_item *item, int n);
crm_status crm_cpu_combine(void *state, float *const *vec, int n_vec, const crm_add *add,
                           int n_adds, int64_t first, int64_t n, float *sum);
crm_status crm_cpu_norm(void *state, const crm_tensor *sums, double clip, double *live);
crm_status crm_cpu_tally(void *state, const crm_tensor *x, crm_tensor *total);
/* device_cpu_text.c */
crm_status crm_cpu_text_conv(void *state, const crm_text_conv *p, const crm_text_weights *w,
                             crm_tensor *y, crm_tensor *arg);
/* rate 2^32 rounded, as the least word that is kept. */
uint32_t crm_cpu_dropout_below(double rate);
crm_status crm_cpu_drop_words(void *state, const crm_dropout *p, const crm_doc_tokens *of,
                              const crm_tensor *x, crm_tensor *y);
crm_status crm_cpu_text_conv_bwd(void *state, const crm_text_conv *p, const crm_text_weights *w,
                                 const crm_tensor *arg, const crm_tensor *dy,
                                 const crm_lanes *lanes, crm_text_weights *dw, bool learn_table);
#endif
