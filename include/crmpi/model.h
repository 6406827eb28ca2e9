/* model.h - the hybrid net from a config: branches -> fusion -> heads (room model).
 *
 *     profile [n][F], codes [n][K] -> branch "profile" --\
 *     (further branches)            -> ...              --+-> fused vector -> fusion -> heads
 *
 * Each branch writes its columns of the fused vector; the list of branches is a table.  A model is
 * a graph and an arena for one worker thread and one device handle; parameters are passed in, so
 * that all workers of a process share one flat vector.  Every instance made from equal arguments
 * has the same parameters at the same offsets.  Nothing here is collective. */
#ifndef CRM_MODEL_H
#define CRM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/device.h"
#include "crmpi/nn.h"
#include "crmpi/opt.h"

typedef struct crm_model_cfg {
    int64_t embed_dim;    /* of a categorical column; 0: min(16, (levels + 1) / 2)      */
    crm_opt_list hidden;  /* widths of the dense layers of the profile branch            */
    int activation;       /* crm_act                                                     */
    double dropout;       /* after each hidden layer and after fusion                    */
    double embed_dropout; /* on the profile branch's input: numbers and embeddings      */
    bool residual;        /* hidden layers of equal width add their input                */
    int64_t fusion;       /* width of the layer on the fused vector; 0: none             */
} crm_model_cfg;
extern const crm_opt crm_model_opts[];
/** Widths in cfg->hidden are integers 1..65536, at most 16 of them.
 *  CRM_ERR_CONFIG with key, value and range. */
CRM_CHECKED crm_model_cfg_check(const crm_model_cfg *cfg);

/** What a sample consists of.  Absent blocks are 0. */
typedef struct crm_model_inputs {
    int64_t n_num, n_cat;
    const int64_t *n_levels; /* [n_cat] */
} crm_model_inputs;

typedef struct crm_model_head {
    const char *name;
    int n_classes;             /* 2: one logit, binary cross-entropy; more: as many logits     */
    double weight;             /* of its loss in the sum                                       */
    const float *class_weight; /* [n_classes] or NULL; host, copied                            */
} crm_model_head;

/** Rows of one call: n = lanes * lane_rows; row r belongs to lane r / lane_rows.  Arrays are device
 *  memory (host memory on the CPU); scale is host memory.  Padding rows have label -1, codes -1,
 *  zeros. */
typedef struct crm_model_batch {
    int64_t lanes, lane_rows;
    const float *num;            /* [n][n_num], scaled, no NaN                                  */
    const int32_t *cat;          /* [n][n_cat], -1: missing                                     */
    const int32_t *const *label; /* [heads][n]; NULL for predict                                */
    const double *scale;         /* [heads] 1 / (sum of weights of valid labels, GLOBAL batch)  */
    const int64_t *row_id;       /* [n]; dropout only                                           */
    uint64_t seed;               /* dropout only                                                */
    uint32_t epoch;              /* dropout only                                                */
} crm_model_batch;

typedef struct crm_model crm_model;
/** @param[in] cfg, in, heads  copied, not kept
 *  @param[in] max_rows        most rows of one call (lanes * lane_rows)
 *  @param[in] max_lanes       most lanes of one call (1 on a CPU worker)
 *  @param[in] d               borrowed
 *  @return CRM_ERR_CONFIG for a bad option value or when there is no input at all. */
CRM_CHECKED crm_model_new(const crm_model_cfg *cfg, const crm_model_inputs *in,
                          const crm_model_head *heads, int n_heads, int64_t max_rows,
                          int64_t max_lanes, crm_device *d, crm_model **out);
/** Names, shapes, offsets, decay flags.  crm_params_size is the length of weights and gradients. */
const crm_params *crm_model_params(const crm_model *m);
/** Elements of the flat vector = crm_params_size(crm_model_params(m)). */
int64_t crm_model_size(const crm_model *m);
/** Numbers that are learnt (without gaps), for display. */
int64_t crm_model_n_params(const crm_model *m);
/** Initial weights into w[size], host memory. */
void crm_model_init(const crm_model *m, uint64_t seed, float *w);

/** Forward and backward with dropout.
 *  @param[in]  w     [size] device memory
 *  @param[out] grad  gradient of lane l at grad + l * stride, zeroed by the caller, device memory
 *  @param[out] loss  [lanes][heads] host: head weight * scale * sum over the lane; their sum over
 *                    all lanes of the global batch and all heads is the loss of the step
 *  Not finite values are no error here: see crm_model_find_nonfinite. */
CRM_CHECKED crm_model_forward_backward(crm_model *m, const crm_model_batch *b, const float *w,
                                       float *grad, int64_t stride, double *loss);
/** Loss as above, without dropout and gradients (validation). */
CRM_CHECKED crm_model_loss(crm_model *m, const crm_model_batch *b, const float *w, double *loss);
/** proba[head] = [n][n_classes] f64 on the host (caller's); a head of 2 classes has 1 - p and p.
 *  A row's result does not depend on the other rows.  label and scale are not used. */
CRM_CHECKED crm_model_predict(crm_model *m, const crm_model_batch *b, const float *w,
                              double *const *proba);
/** Width of the vector that the heads see, and that vector itself: out [n][width], host. */
int64_t crm_model_fused_width(const crm_model *m);
CRM_CHECKED crm_model_fused(crm_model *m, const crm_model_batch *b, const float *w, float *out);
/** Repeat a failing step and name the first thing that is not finite ("output of profile.0", see
 *  crm_net_find_nonfinite); "" when all is finite.  grad as in forward_backward (zeroed; scratch).
 */
CRM_CHECKED crm_model_find_nonfinite(crm_model *m, const crm_model_batch *b, const float *w,
                                     float *grad, int64_t stride, char *name, size_t cap);
void crm_model_free(crm_model **m);
#endif
