/* registry.c - what there is: commands, transforms, estimators and models, as static tables. */
#include "app_impl.h"
#include "crmpi/classic.h"
#include "crmpi/feature.h"
#include "crmpi/feature_segment.h"
#include "crmpi/lexicon.h"
#include "crmpi/tagger.h"
#include "crmpi/train.h"

const app_command app_commands[] = {
    {"synth", "CONFIG.yaml", "generate synthetic customers into data.path", true, cmd_synth},
    {"import", "CONFIG.yaml", "read the CSV of data.path into the data set data.store", true,
     cmd_import},
    {"forget", "DATASET", "take the customers of --ids out of a data set for good", false,
     cmd_forget},
    {"describe", "DATASET", "what a data set holds", false, cmd_describe},
    {"segments", "DATASET", "groups of customers by k-means, with tables and a heat map", false,
     cmd_segments},
    {"embed", "FILE...|DATASET", "word vectors of text files or of a data set's documents", false,
     cmd_embed},
    {"annotate", "DATASET", "what texts tell about each customer as columns of the profile", false,
     cmd_annotate},
    {"train", "CONFIG.yaml", "fit each model of eval.models on all rows", true, cmd_train},
    {"crossval", "CONFIG.yaml", "compare models on the same folds with paired tests", true,
     cmd_crossval},
    {"compare", "RUN RUN...", "models of several runs against each other, on the same folds", false,
     cmd_compare},
    {"sweep", "CONFIG.yaml", "search options on inner folds, score the winners on outer ones", true,
     cmd_sweep},
    {"replay", "RUN TRIAL", "run a trial of a sweep again and compare, such as hybrid:4", false,
     cmd_replay},
    {"calibrate", "CONFIG.yaml", "how often each test rejects where there is nothing to find", true,
     cmd_calibrate},
    {"predict", "RUN", "probabilities and classes of the rows of data.path, as CSV", false,
     cmd_predict},
    {"text", "FILE...|-", "what the text pipeline makes of each line, and a model of it", false,
     cmd_text},
    {"report", "RUN", "write report.md of a run again and print its tables", false, cmd_report},
    {"verify", "RUN", "repeat a finished run, or --units of it, and compare digests", false,
     cmd_verify},
    {"info", "", "what was built in and found, and what is wrong", true, cmd_info},
    {NULL, NULL, NULL, false, NULL},
};

const crm_transform_class *const app_transforms[] = {
    &crm_outliers_class, &crm_interact_class, &crm_power_class,    &crm_bins_class,
    &crm_rare_class,     &crm_encode_class,   &crm_text_bag_class, &crm_topics_class,
    &crm_grams_class,    &crm_impute_class,   &crm_scale_class,    &crm_ple_class,
    &crm_segment_class,  &crm_onehot_class,   &crm_select_class,   NULL};
const crm_estimator_class *const app_estimators[] = {&crm_hybrid_class,
                                                     &crm_logistic_class,
                                                     &crm_rule_class,
                                                     &crm_naive_bayes_class,
                                                     &crm_knn_class,
                                                     &crm_svm_class,
                                                     &crm_tree_class,
                                                     &crm_forest_class,
                                                     &crm_mlp_class,
                                                     &crm_boosting_class,
                                                     &crm_tagger_class,
                                                     &crm_lexicon_class,
                                                     NULL};
_Static_assert(sizeof app_transforms / sizeof *app_transforms <= APP_CLASSES_MAX + 1 &&
                   sizeof app_estimators / sizeof *app_estimators <= APP_CLASSES_MAX + 1,
               "a config struct for each class");

/* Numbers as they were measured, then categories; words of documents join when that is done. */
#define NUMBERS    &crm_outliers_class, &crm_interact_class, &crm_power_class, &crm_bins_class
#define CATEGORIES &crm_rare_class, &crm_encode_class
/* For models that take neither missing numbers nor categories. */
#define FILLED                                                                                     \
    {                                                                                              \
        NUMBERS, CATEGORIES, &crm_text_bag_class, &crm_topics_class, &crm_impute_class,            \
            &crm_scale_class, &crm_segment_class, &crm_onehot_class, &crm_select_class             \
    }
/* And can take n-grams. */
#define FILLED_GRAMS                                                                               \
    {                                                                                              \
        NUMBERS, CATEGORIES, &crm_text_bag_class, &crm_topics_class, &crm_grams_class,             \
            &crm_impute_class, &crm_scale_class, &crm_segment_class, &crm_onehot_class,            \
            &crm_select_class                                                                      \
    }
/* For trees. */
#define AS_IS                                                                                      \
    {                                                                                              \
        NUMBERS, CATEGORIES, &crm_text_bag_class, &crm_topics_class, &crm_segment_class,           \
            &crm_onehot_class, &crm_select_class                                                   \
    }

const app_model app_model_table[] = {
    {"hybrid",
     {NUMBERS, &crm_rare_class, &crm_text_bag_class, &crm_topics_class, &crm_grams_class,
      &crm_impute_class, &crm_scale_class, &crm_segment_class, &crm_select_class, &crm_ple_class},
     &crm_hybrid_class,
     100},
    {"logistic", FILLED_GRAMS, &crm_logistic_class, 5},
    {"mlp", FILLED, &crm_mlp_class, 20},
    {"rule", {NULL}, &crm_rule_class, 1},
    {"naive_bayes",
     {NUMBERS, CATEGORIES, &crm_text_bag_class, &crm_topics_class, &crm_scale_class,
      &crm_segment_class, &crm_onehot_class, &crm_select_class},
     &crm_naive_bayes_class,
     1},
    {"knn", FILLED, &crm_knn_class, 5},
    {"svm", FILLED_GRAMS, &crm_svm_class, 20},
    {"tree", AS_IS, &crm_tree_class, 1},
    {"forest", AS_IS, &crm_forest_class, 10},
    {"boosting", AS_IS, &crm_boosting_class, 10},
    {"crf", {NULL}, &crm_tagger_class, 20},
    {"lexicon", {NULL}, &crm_lexicon_class, 1},
};
const int app_model_count = sizeof app_model_table / sizeof *app_model_table;
_Static_assert(sizeof app_model_table / sizeof *app_model_table <= APP_MODELS_MAX, "models");
