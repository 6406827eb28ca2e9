/* nn_impl.h - inside of room nn: values, layers and their classes. */
#ifndef CRM_NN_IMPL_H
#define CRM_NN_IMPL_H

#include "crmpi/nn.h"

enum { NN_INPUTS_MAX = 2 };

/* Columns [first, first + width) of a root; a root is its own root. */
typedef struct nn_value {
    int root;
    int64_t first, width;
    crm_dtype dtype;
    bool input; /* bound by the caller, no gradient */
    void *data; /* of roots                         */
    float *grad;
} nn_value;

typedef struct nn_layer nn_layer;
/* backward is called after all readers of the output have written its gradient. */
typedef struct nn_class {
    const char *name;
    crm_status (*forward)(crm_net *net, const nn_layer *l, const crm_pass *p);
    crm_status (*backward)(crm_net *net, const nn_layer *l, const crm_pass *p);
} nn_class;

struct nn_layer {
    const nn_class *class;
    char name[CRM_PARAM_NAME_MAX];
    int n_in;
    crm_value in[NN_INPUTS_MAX], out;
    bool add[NN_INPUTS_MAX]; /* a later reader has written this gradient: add to it */
    int weight, bias;        /* parameters, -1: none                                */
    crm_act act;
    double rate;
    uint32_t number; /* of a dropout layer among its kind */
};

typedef struct nn_head {
    char name[CRM_PARAM_NAME_MAX];
    crm_value logits;
    float *class_weight; /* host copy until finish, device memory afterwards, or NULL */
    float *device_weight;
} nn_head;

struct crm_net {
    crm_device *device;
    crm_params *params;
    int64_t max_rows, max_lanes;
    nn_value *value;
    nn_layer *layer;
    nn_head *head;
    int n_values, n_layers, n_heads, n_dropouts;
    bool finished;
    void *arena;
    size_t bytes;
    float *scratch; /* [max_rows][scratch_width] */
    int64_t scratch_width;
    double *loss; /* [heads][max_lanes], device memory */
    double *host_loss;
};

/* item[n] grown by one zeroed element when its doubling capacity is used up; NULL: out of memory */
void *nn_grow(void *items, int n, size_t size);
/* Append a layer that has its class, inputs, output filled in; CRM_ERR_INTERNAL when they are not
 * fit. */
crm_status nn_add_layer(crm_net *net, const nn_layer *l);
crm_status nn_name(char *out, const char *name, const char *suffix);

/* Activation and gradient of a value for n rows; a parameter or its gradient in lane 0. */
crm_tensor nn_data(const crm_net *net, crm_value v, int64_t n);
crm_tensor nn_grad(const crm_net *net, crm_value v, int64_t n);
crm_tensor nn_scratch(const crm_net *net, int64_t n, int64_t width);
crm_tensor nn_weight(const crm_net *net, int param, const float *flat);
#endif
