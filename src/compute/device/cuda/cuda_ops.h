/* cuda_ops.h - entries of the ops table that the files of this folder define (device_impl.h has the
 * table, device.h says what each does).  A file whose operation is not there yet leaves its entry
 * out of cuda_table.c. */
#ifndef CRM_CUDA_OPS_H
#define CRM_CUDA_OPS_H

#include "cuda_impl.h"

#ifdef __cplusplus
extern "C" {
#endif
crm_status cuda_op_linear(void *state, const crm_tensor *x, const crm_tensor *w,
                          const crm_tensor *b, crm_act act, crm_tensor *y);
crm_status cuda_op_linear_bwd_x(void *state, const crm_tensor *dy, const crm_tensor *w,
                                crm_tensor *dx);
crm_status cuda_op_linear_bwd_w(void *state, const crm_tensor *x, const crm_tensor *dy,
                                const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db);
crm_status cuda_op_act_bwd(void *state, crm_act act, const crm_tensor *src, crm_tensor *dy);
crm_status cuda_op_embed(void *state, const crm_tensor *code, const crm_tensor *table,
                         crm_tensor *y);
crm_status cuda_op_embed_bwd(void *state, const crm_tensor *code, const crm_tensor *dy,
                             const crm_lanes *lanes, crm_tensor *dtable);
crm_status cuda_op_bag(void *state, const crm_bag *p, const crm_tensor *table, crm_tensor *y);
crm_status cuda_op_bag_bwd(void *state, const crm_bag *p, const crm_tensor *dy,
                           const crm_lanes *lanes, crm_tensor *dtable);
crm_status cuda_op_dropout(void *state, const crm_dropout *p, const crm_tensor *x, crm_tensor *y);
crm_status cuda_op_drop_words(void *state, const crm_dropout *p, const crm_doc_tokens *of,
                              const crm_tensor *x, crm_tensor *y);
crm_status cuda_op_add(void *state, const crm_tensor *x, crm_tensor *y);
crm_status cuda_op_copy(void *state, const crm_tensor *x, crm_tensor *y);
crm_status cuda_op_softmax(void *state, const crm_tensor *logits, crm_tensor *proba);
crm_status cuda_op_sigmoid(void *state, const crm_tensor *logits, crm_tensor *proba);
crm_status cuda_op_ce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
crm_status cuda_op_bce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                            const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
crm_status cuda_op_huber_loss(void *state, const crm_tensor *z, const crm_loss *p,
                              const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
crm_status cuda_op_poisson_loss(void *state, const crm_tensor *z, const crm_loss *p,
                                const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
crm_status cuda_op_pool(void *state, crm_pool_kind kind, const crm_segments *s, const crm_tensor *x,
                        crm_tensor *y, crm_tensor *arg);
crm_status cuda_op_pool_bwd(void *state, crm_pool_kind kind, const crm_segments *s,
                            const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx);
crm_status cuda_op_attend(void *state, const crm_segments *s, const crm_tensor *score,
                          const crm_tensor *x, crm_tensor *weight, crm_tensor *y);
crm_status cuda_op_attend_bwd(void *state, const crm_segments *s, const crm_tensor *weight,
                              const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                              crm_tensor *dx);
crm_status cuda_op_conv(void *state, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                        const crm_tensor *b, crm_tensor *y);
crm_status cuda_op_conv_bwd_x(void *state, const crm_conv *p, const crm_tensor *dy,
                              const crm_tensor *w, crm_tensor *dx);
crm_status cuda_op_conv_bwd_w(void *state, const crm_conv *p, const crm_tensor *x,
                              const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                              crm_tensor *db);
crm_status cuda_op_text_conv(void *state, const crm_text_conv *p, const crm_text_weights *w,
                             crm_tensor *y, crm_tensor *arg);
crm_status cuda_op_text_conv_bwd(void *state, const crm_text_conv *p, const crm_text_weights *w,
                                 const crm_tensor *arg, const crm_tensor *dy,
                                 const crm_lanes *lanes, crm_text_weights *dw, bool learn_table);
crm_status cuda_op_rnn(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                       const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h,
                       crm_tensor *keep);
crm_status cuda_op_rnn_bwd(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                           const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                           crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                           crm_rnn_weights *dw);
crm_status cuda_op_sum_squares(void *state, const crm_tensor *x, crm_tensor *out);
crm_status cuda_op_adam(void *state, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                        crm_tensor *m, crm_tensor *v);
crm_status cuda_op_sgd(void *state, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                       crm_tensor *m);
crm_status cuda_op_take(void *state, const crm_tensor *x, const crm_tensor *at, int32_t least,
                        crm_tensor *y);
crm_status cuda_op_gather(void *state, const crm_gather_item *item, int n);
crm_status cuda_op_combine(void *state, float *const *vec, int n_vec, const crm_add *add,
                           int n_adds, int64_t first, int64_t n, float *sum);
crm_status cuda_op_norm(void *state, const crm_tensor *sums, double clip, double *live);
crm_status cuda_op_tally(void *state, const crm_tensor *x, crm_tensor *total);
#ifdef __cplusplus
}
#endif
#endif
