/* mlp_opts.c - options mlp.*. */
#include "crmpi/train.h"

#define S crm_mlp_cfg
const crm_opt crm_mlp_opts[] = {
    CRM_OPT_L(S, hidden, "mlp.hidden", "100", NULL, 0,
              "Widths of the hidden layers, 1..65536, at most 16 of them; empty: none."),
    CRM_OPT_E(S, activation, "mlp.activation", "relu", crm_act_names, 0,
              "Activation of the hidden layers."),
    CRM_OPT_R(S, alpha, "mlp.alpha", 0.2, 0, 1e3, "1", 0,
              "Weight decay: each step takes learning rate times alpha of the weights (decoupled, "
              "as in AdamW); biases have none."),
    CRM_OPT_R(S, dropout, "mlp.dropout", 0, 0, 0.95, "1", 0,
              "Part of the units dropped after each hidden layer in training."),
    CRM_OPT_R(S, learning_rate, "mlp.learning_rate", 1e-3, 0, 1e3, "1", 0,
              "Learning rate of Adam."),
    CRM_OPT_E(S, schedule, "mlp.schedule", "constant", crm_schedule_names, 0,
              "Learning rate over the epochs: constant, or falling to 0 by a cosine or a line."),
    CRM_OPT_I(S, batch_rows, "mlp.batch_rows", 200, 1, 1 << 24, "rows", 0,
              "Rows of a step, rounded up to a multiple of the lanes."),
    CRM_OPT_I(S, lanes, "mlp.lanes", 4, 1, 64, "1", CRM_OPT_POW2,
              "Lanes per step, a power of two: the most ranks that can share one fit."),
    CRM_OPT_I(S, epochs, "mlp.epochs", 300, 1, 1e6, "epochs", 0,
              "Most passes over the training rows."),
    CRM_OPT_R(S, validation, "mlp.validation", 0.15, 0, 0.9, "1", 0,
              "Part of the training rows kept aside to stop early; 0 trains all epochs on all "
              "rows."),
    CRM_OPT_I(S, patience, "mlp.patience", 30, 0, 1e6, "epochs", 0,
              "Epochs without a lower validation loss before stopping; 0 never stops early."),
    CRM_OPT_B(S, refit, "mlp.refit", 1, 0,
              "After an early stop train again on all training rows for the number of epochs "
              "found."),
    CRM_OPT_L(S, class_weight, "mlp.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes in the loss: none, balanced (n / (k n_c)), or a list of "
              "CLASS:WEIGHT."),
    CRM_OPT_I(S, cache_bytes, "mlp.cache_bytes", 536870912, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Transformed rows are kept in memory up to this size per rank, else made again for "
              "each batch."),
    {.key = NULL},
};
