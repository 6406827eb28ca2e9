/* nn_impl.h - inside of room nn: values, layers and their classes. */
#ifndef CRM_NN_IMPL_H
#define CRM_NN_IMPL_H

#include "crmpi/nn.h"

enum { NN_INPUTS_MAX = 2, NN_PARAMS_MAX = 1 + 2 * CRM_TEXT_KERNELS, NN_NONE = -1 };

typedef struct nn_domain {
    char name[CRM_PARAM_NAME_MAX];
    crm_domain parent;
    int64_t max_rows;
} nn_domain;

/* Columns [first, first + width) of a root; a root is its own root. */
typedef struct nn_value {
    int root;
    crm_domain domain;
    int64_t first, width;
    crm_dtype dtype;
    bool input; /* bound by the caller, no gradient                                  */
    bool aux;   /* work space of one layer in the arena: no gradient, no other reader */
    void *data; /* of roots                                                          */
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
    int n_params;
    int param[NN_PARAMS_MAX];
    crm_value keep;     /* what forward leaves for backward, an auxiliary value, or NN_NONE */
    crm_act act;        /* of linear                                                        */
    double rate;        /* of dropout; of bag: factor                                       */
    uint32_t number;    /* of a dropout layer among its kind                                */
    crm_conv conv;      /* of conv                                                          */
    crm_rnn rnn;        /* of rnn                                                           */
    crm_text_conv text; /* of text_conv                                                    */
    crm_pool_kind pool; /* of pool                                                         */
    bool starts;        /* pool the first row of each segment                              */
};

typedef struct nn_head {
    char name[CRM_PARAM_NAME_MAX];
    crm_head_kind kind;
    crm_value z;
    double delta;        /* of Huber                                                      */
    float *class_weight; /* host copy until finish, device memory afterwards, or NULL */
    float *device_weight;
} nn_head;

struct crm_net {
    crm_device *device;
    crm_params *params;
    int64_t max_lanes;
    nn_domain *domain;
    nn_value *value;
    nn_layer *layer;
    nn_head *head;
    int n_domains, n_values, n_layers, n_heads, n_dropouts;
    bool finished;
    void *arena;
    size_t bytes;
    float *scratch; /* where layers write gradients that are then added */
    float *zeros;   /* values of Poisson heads, for crm_net_proba       */
    int64_t n_zeros;
    double *loss; /* [heads][max_lanes], device memory */
    double *host_loss;
};

/* item[n] grown by one zeroed element when its doubling capacity is used up; NULL: out of memory */
void *nn_grow(void *items, int n, size_t size);
/* Append a layer that has its class, inputs, output filled in; CRM_ERR_INTERNAL when they are not
 * fit. */
crm_status nn_add_layer(crm_net *net, const char *name, nn_layer *l);
/* Register the parameter "<name><suffix>" and make it the next one of l. */
crm_status nn_add_param(crm_net *net, nn_layer *l, const char *name, const char *suffix,
                        crm_param p);
/* An auxiliary value of width elements a row. */
crm_status nn_aux(crm_net *net, crm_domain domain, crm_dtype dtype, int64_t width, crm_value *out);
crm_status nn_name(char *out, const char *name, const char *suffix);
/* Most elements of a value in a pass. */
int64_t nn_cells(const crm_net *net, crm_value v);

/* Rows and lanes of a domain in a pass. */
int64_t nn_rows(const crm_pass *p, crm_domain domain);
crm_lanes nn_lanes(const crm_pass *p, crm_domain domain);
/* Value, or its gradient, as a matrix of its first n rows, or of the rows of a pass. */
crm_tensor nn_matrix(const crm_net *net, crm_value v, int64_t n);
crm_tensor nn_data(const crm_net *net, const crm_pass *p, crm_value v);
crm_tensor nn_grad(const crm_net *net, const crm_pass *p, crm_value v);
/* Parameter k of a layer in a flat vector of weights or, in lane 0, of gradients. */
crm_tensor nn_param(const crm_net *net, const nn_layer *l, int k, const float *flat);
/* Where a layer writes the gradient of input k, and the end of writing it. */
bool nn_has_grad(const crm_net *net, const nn_layer *l, int k);
crm_tensor nn_grad_in(const crm_net *net, const nn_layer *l, int k, const crm_pass *p);
crm_status nn_grad_in_done(const crm_net *net, const nn_layer *l, int k, const crm_pass *p,
                           const crm_tensor *dx);
#endif
