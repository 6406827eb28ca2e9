/* train.h - the step loop, and the hybrid net and the multilayer perceptron as estimators (room
 * train).
 *
 * A step takes train.lanes x train.lane_rows rows of the training view in an order that depends on
 * (seed, epoch) only; each lane's gradient is one leaf of an exact tree sum; every rank updates its
 * slice of the parameters and gathers the rest.  docs/exactness.md. */
#ifndef CRM_TRAIN_H
#define CRM_TRAIN_H

#include "crmpi/embed.h"
#include "crmpi/estimator.h"
#include "crmpi/model.h"
#include "crmpi/opt.h"
#include "crmpi/optim.h"
#include "crmpi/text.h"

typedef enum crm_reduce { CRM_REDUCE_EXACT, CRM_REDUCE_FAST, CRM_REDUCE_COUNT } crm_reduce;
/** What is done about a step that goes wrong. */
typedef enum crm_bad_step {
    CRM_BAD_STOP,     /* the fit ends with CRM_ERR_NUMERIC                                       */
    CRM_BAD_SKIP,     /* the step is left out                                                    */
    CRM_BAD_ROLLBACK, /* back to the begin of the epoch, which is repeated without the last steps */
    CRM_BAD_WARN,     /* of a spike only: said, and the step is taken                            */
    CRM_BAD_OFF       /* likewise: losses of steps are not looked at                             */
} crm_bad_step;
enum { CRM_BAD_STEPS_MAX = 1000000 }; /* of a fit that goes on */
typedef struct crm_train_cfg {
    int64_t epochs, lanes, lane_rows, threads;
    int reduce;        /* crm_reduce */
    double validation; /* part of the training rows kept for early stopping; 0: none */
    int64_t
        patience; /* epochs without a lower validation loss before stopping; 0: never stop early */
    bool prior_start; /* start from the class frequencies: head weights 0, bias their log-odds */
    bool refit;       /* train again on all rows for the number of epochs found */
    crm_opt_list class_weight; /* estimator_classes.h */
    double label_smoothing;    /* of labels of classes in training */
    int64_t members;           /* nets with different initial weights and row orders, averaged */
    int64_t cache_bytes;       /* transformed rows are kept in memory up to this size */
    bool log_inputs; /* monthly values and numbers of events enter as sign(x) log(1 + |x|) */
    int on_nonfinite, on_spike; /* crm_bad_step */
    double spike_factor;        /* MADs above the median of the last steps' losses */
    int64_t rollback_span; /* steps before the one that failed that a rollback leaves out too */
    int64_t max_bad_steps; /* of a fit, then it stops; to CRM_BAD_STEPS_MAX */
} crm_train_cfg;
extern const crm_opt crm_train_opts[];

/** Check of the parameters in memory; no result depends on it. */
typedef struct crm_check_cfg {
    int64_t every; /* steps; 0: never */
} crm_check_cfg;
enum { CRM_CHECK_EVERY = 50 };
extern const crm_opt crm_check_opts[]; /* check.* */

/** Config of the hybrid: the net, the step loop, the optimiser and the vocabulary. */
typedef struct crm_hybrid_cfg {
    crm_train_cfg train;
    crm_model_cfg model;
    crm_optim_cfg optim;
    crm_text_cfg text;
    crm_embed_cfg embed; /* of model.text_vectors fold; dim is model.text_dim */
    crm_check_cfg check;
    bool whole; /* no option, for tests: compute as on a GPU (all lanes of a rank in one call), on
                   the CPU too */
    /* No options: how messages name the learning rate and the weights of classes; NULL: optim.lr,
       train.class_weight. */
    const char *lr_key, *weight_key;
} crm_hybrid_cfg;
extern const crm_estimator_class crm_hybrid_class;

/** Config of the multilayer perceptron. */
typedef struct crm_mlp_cfg {
    crm_opt_list hidden; /* widths of the hidden layers                            */
    int activation;      /* crm_act                                                */
    double alpha;        /* weight decay, decoupled                                */
    double dropout;      /* after each hidden layer                                */
    double learning_rate;
    int schedule; /* crm_schedule                                           */
    int64_t batch_rows, lanes, epochs;
    double validation;         /* part of the training rows kept for early stopping; 0: none */
    int64_t patience;          /* epochs without a lower validation loss; 0: never stop early */
    bool refit;                /* on all rows, for the number of epochs found              */
    crm_opt_list class_weight; /* estimator_classes.h */
    int64_t cache_bytes;
} crm_mlp_cfg;
extern const crm_opt crm_mlp_opts[];
/** Dense layers on the numeric columns (codes, where the pipeline leaves some, have embeddings),
 *  softmax or one logit, cross-entropy, Adam: the net of crm_hybrid_class with its profile branch
 *  alone, so that parameters have that branch's names and all that holds for the hybrid holds here.
 *  Missing numbers must have been filled. */
extern const crm_estimator_class crm_mlp_class;

#endif
