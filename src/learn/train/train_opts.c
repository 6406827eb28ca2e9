/* train_opts.c - options train.* and check.*. */
#include "crmpi/train.h"

static const char *const reduce_names[] = {"exact", "fast", NULL};
_Static_assert(sizeof reduce_names / sizeof *reduce_names == CRM_REDUCE_COUNT + 1, "names");

/* In the order of crm_bad_step, as far as each goes. */
static const char *const nonfinite_names[] = {"stop", "skip", "rollback", NULL};
static const char *const spike_names[] = {"stop", "skip", "rollback", "warn", "off", NULL};

#define S crm_train_cfg
const crm_opt crm_train_opts[] = {
    CRM_OPT_I(S, epochs, "train.epochs", 40, 1, 1e6, "epochs", 0,
              "Most passes over the training rows."),
    CRM_OPT_I(S, lanes, "train.lanes", 8, 1, 64, "1", CRM_OPT_POW2,
              "Lanes per step, a power of two: the most ranks that can share one fit."),
    CRM_OPT_I(S, lane_rows, "train.lane_rows", 32, 1, 1 << 20, "rows", 0,
              "Rows per lane; the global batch is lanes times lane_rows."),
    CRM_OPT_I(S, threads, "train.threads", 1, 1, 256, "threads", CRM_OPT_LAYOUT,
              "Worker threads of each rank; they take whole lanes."),
    CRM_OPT_E(S, reduce, "train.reduce", "exact", reduce_names, 0,
              "exact: same bits on any number of ranks; fast: plain all-reduce, results depend on "
              "the layout."),
    CRM_OPT_R(S, validation, "train.validation", 0.15, 0, 0.9, "1", 0,
              "Part of the training rows kept aside to stop early; 0 trains all epochs on all "
              "rows."),
    CRM_OPT_I(S, patience, "train.patience", 10, 0, 1e6, "epochs", 0,
              "Epochs without a lower validation loss of the target before stopping; 0 never stops "
              "early. Losses of model.heads are told, but do not count."),
    CRM_OPT_B(S, prior_start, "train.prior_start", 1, 0,
              "Start from the class frequencies of the training rows: head weights 0, bias their "
              "log-odds; no epoch is kept that does not beat them."),
    CRM_OPT_B(S, refit, "train.refit", 1, 0,
              "Train again on all training rows for the number of epochs found."),
    CRM_OPT_L(S, class_weight, "train.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes of the target (not of model.heads) in the loss: none, "
              "balanced (n / (k n_c)), or a list of CLASS:WEIGHT."),
    CRM_OPT_R(
        S, label_smoothing, "train.label_smoothing", 0, 0, 0.5, "1", 0,
        "Part e of each label of classes that is shared out over all k classes, e / k each, in "
        "the training loss of all heads; validation losses, which stop early, are those of "
        "the labels themselves."),
    CRM_OPT_I(S, members, "train.members", 1, 1, 64, "nets", 0,
              "Nets with different initial weights whose probabilities are averaged."),
    CRM_OPT_I(S, cache_bytes, "train.cache_bytes", 536870912, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Transformed rows are kept in memory up to this size per rank, else made again for "
              "each batch."),
    CRM_OPT_B(S, log_inputs, "train.log_inputs", 1, 0,
              "Monthly values and numbers of events enter the net as sign(x) log(1 + |x|), then "
              "scaled; else scaled only."),
    CRM_OPT_E(S, on_nonfinite, "train.on_nonfinite", "stop", nonfinite_names, 0,
              "What a gradient or a loss that is not finite does: stop ends the fit, skip leaves "
              "the step out, rollback repeats the epoch without it and train.rollback_span steps "
              "before."),
    CRM_OPT_E(S, on_spike, "train.on_spike", "warn", spike_names, 0,
              "What a step whose loss is a spike does: warn says so, off looks for none, the "
              "others as for train.on_nonfinite."),
    CRM_OPT_R(S, spike_factor, "train.spike_factor", 10, 1, 1e6, "1", 0,
              "A spike is a loss above the median of the last 64 full batches plus so many times "
              "their median absolute deviation, which counts as at least 1 % of the median."),
    CRM_OPT_I(S, rollback_span, "train.rollback_span", 8, 0, 1e6, "steps", 0,
              "Steps before the one that went wrong that a rollback leaves out too."),
    CRM_OPT_I(S, max_bad_steps, "train.max_bad_steps", 10, 0, CRM_BAD_STEPS_MAX, "steps",
              CRM_OPT_LAYOUT,
              "Steps that may go wrong in a fit and be left out; one more ends it."),
    {.key = NULL},
};

#undef S
#define S crm_check_cfg
const crm_opt crm_check_opts[] = {
    CRM_OPT_I(S, every, "check.every", CRM_CHECK_EVERY, 0, 1e9, "steps", CRM_OPT_LAYOUT,
              "Every so many steps each rank keeps digests of its copy of a net's parameters, "
              "verifies the copy before it is next overwritten, and compares with the other ranks; "
              "0: never."),
    {.key = NULL},
};
