/* model_impl.h - inside of room model: the model and the table of branches. */
#ifndef CRM_MODEL_IMPL_H
#define CRM_MODEL_IMPL_H

#include "crmpi/model.h"

enum { MODEL_HIDDEN_MAX = 16, MODEL_WIDTH_MAX = 65536 };

struct crm_model {
    crm_model_cfg cfg; /* cfg.hidden is not kept: see width */
    crm_model_inputs in;
    int64_t *n_levels;
    int64_t width[MODEL_HIDDEN_MAX]; /* of the hidden layers of the profile branch */
    int n_hidden;
    int n_heads;
    int64_t most_classes;
    int *n_classes;
    double *weight; /* of the heads */
    crm_params *params;
    crm_net *net;
    crm_device *device;
    int64_t max_rows;
    crm_value num, cat; /* inputs, when their block is there */
    crm_value fused;    /* what the heads read               */
    void *proba;        /* f32 [max_rows][most classes], device memory */
    float *host_proba;
    crm_head_loss *head_loss; /* [heads] of the call in progress */
};

/* A branch: is its block there, how many columns of the fused vector does it write, its layers (the
 * last writes out), and how a batch is bound to its inputs. */
typedef struct model_branch {
    const char *name;
    bool (*present)(const crm_model *m);
    int64_t (*width)(const crm_model *m);
    crm_status (*build)(crm_model *m, const char *name, crm_value out);
    void (*bind)(crm_model *m, const crm_model_batch *b);
} model_branch;
extern const model_branch model_branches[]; /* ends with name NULL */

/* out of a layer that makes a value of its own */
enum { MODEL_NEW = -1 };
/* Dense layer "name": linear, activation, dropout, and with residual the sum with x where widths
 * agree.  *out: MODEL_NEW or the value to write; at return the value written. */
crm_status model_add_dense(crm_model *m, const char *name, crm_value x, int64_t width,
                           bool residual, crm_value *out);
/* "a" and "b" joined by a dot; number >= 0 is added as a third part. */
crm_status model_name(char out[CRM_PARAM_NAME_MAX], const char *a, const char *b, int number);
crm_status model_read_widths(const crm_model_cfg *cfg, int64_t *width, int *n);
#endif
