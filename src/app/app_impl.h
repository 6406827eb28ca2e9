/* app_impl.h - the program: arguments, options, registry, commands. */
#ifndef CRM_APP_IMPL_H
#define CRM_APP_IMPL_H

#include <stdbool.h>
#include <stdio.h>

#include "crmpi/base_run.h"
#include "crmpi/base_status.h"
#include "crmpi/ckpt_series.h"
#include "crmpi/comm.h"
#include "crmpi/comm_watchdog.h"
#include "crmpi/context.h"
#include "crmpi/data.h"
#include "crmpi/embed.h"
#include "crmpi/estimator.h"
#include "crmpi/eval.h"
#include "crmpi/opt.h"
#include "crmpi/record.h"
#include "crmpi/sweep_run.h"
#include "crmpi/sweep_sim.h"
#include "crmpi/synth.h"
#include "crmpi/table.h"
#include "crmpi/table_conll.h"

typedef enum app_units { APP_CUSTOMERS, APP_DOCUMENTS, APP_UNITS_COUNT } app_units;
/** Options of the program itself. */
typedef struct app_cfg {
    const char *data_path, *data_store;
    const char *data_schema; /* absolute; "": none */
    const char *key_file;    /* of hashed columns */
    int log_level, progress, access;
    int units; /* app_units */
    bool keep_tables;
    double stop_grace; /* s */
} app_cfg;
extern const crm_opt app_opts[];

/** Options of crmpi segments. */
typedef struct app_segments_cfg {
    int64_t clusters, most, restarts, sample, seeds, seed, columns;
    int power; /* crm_power_kind */
    crm_opt_list value;
} app_segments_cfg;
extern const crm_opt app_segments_opts[];

/** Options of crmpi embed. */
typedef struct app_embed_cfg {
    int64_t seed;
} app_embed_cfg;
extern const crm_opt app_embed_opts[];

/** What the command line said. */
typedef struct app_args {
    const char *command, *operand; /* CONFIG.yaml | RUN | DATASET */
    const char *out, *model, *init, *weights, *replay, *units, *ids, *runs;
    const char *vectors;  /* of segments --embedding */
    const char *simulate; /* of sweep: ranks */
    const char *format, *similarity, *analogy;
    const char *config;                               /* of text */
    const char *lexicon, *aspects, *emotions, *parts; /* of annotate */
    const char **models;                              /* [n_models] each --model */
    const char **set;                                 /* [n_set] */
    const char **more; /* [n_more] further operands, of compare, embed and import --propose */
    int n_set, n_more, n_models;
    bool allow_target; /* of annotate */
    bool help, markdown, version, embedding, profile, propose, append, json, whole;
    bool dry_run, status, join; /* of sweep */
    const char *array;          /* of sweep: "I/N", read into ... */
    int share, shares;          /* ... these; shares 0: not given; share -1: "N" alone */
    int argc;                   /* the whole of it, for run.json */
    char **argv;
} app_args;

/** What verify asks of the command that it repeats: to print no results, to go on with nothing but
 * what a repetition of the same run has left, and perhaps to run these units only. */
typedef struct app_repeat {
    const char *dir, *digest; /* of the run that is repeated, and of its run.json */
    int n;                    /* 0: all */
    const char *const *unit;
} app_repeat;

typedef struct app {
    crm_comm *world;
    crm_pool *pool;
    crm_opt_set *opts;
    app_args args;
    app_cfg cfg;
    crm_table_cfg table;
    crm_conll_cfg conll;
    crm_synth_cfg synth;
    crm_eval_cfg eval;
    crm_null_cfg null;
    crm_record_cfg record;
    crm_ckpt_cfg ckpt;
    crm_device_cfg gpu;
    crm_watchdog_cfg watchdog;
    app_segments_cfg segments;
    app_embed_cfg embed;
    crm_context_cfg context;
    crm_sweep_cfg sweep;
    crm_sweep_sim_cfg simulate;
    crm_str config; /* text of the config file, "" without one */
    const char *config_name;
    crm_device *device; /* a GPU of this rank; NULL: models compute on the CPU */
    struct app_models *models;
    crm_digest source; /* of the CSV, once source_known */
    bool source_known;
    crm_bag *init; /* parameters of --init, NULL: none */
    crm_digest init_digest;
    const app_repeat *repeat; /* NULL: a run of its own */
    crm_digest run_digest;    /* of a study: command, options that matter, data */
} app;

typedef struct app_command {
    const char *name, *operand, *help;
    bool reads_config; /* the operand is a YAML file with options */
    /** Collective; every rank gets the same status. */
    crm_status (*run)(app *a);
} app_command;
extern const app_command app_commands[]; /* ends with {NULL} */

bool app_is_root(const app *a);
/** Parse argv; CRM_ERR_CONFIG with what was wrong.  args->set points into argv. */
CRM_CHECKED app_parse(int argc, char **argv, app_args *args);
/** CRM_ERR_CONFIG when an option was given that the command does not take. */
CRM_CHECKED app_check_args(const app_args *args);
/** One process. */
CRM_CHECKED app_print_help(const app *a, const app_command *c);
/** Bind every table, read the config (rank 0 reads, all parse), check, set up log and threads. */
CRM_CHECKED app_configure(app *a, const char *yaml_name, const char *yaml, size_t len);
CRM_CHECKED app_read_config(app *a, const char *path, char **yaml, size_t *len);
/** After app_configure: ranks that wait too long leave what they know beside what the command
 *  writes, or reads.  Collective. */
CRM_CHECKED app_watch(app *a);

/* registry.c: static tables of transforms, estimators and models */
enum { APP_CLASSES_MAX = 32, APP_MODELS_MAX = 32 };
extern const crm_transform_class *const app_transforms[]; /* ends with NULL */
extern const crm_estimator_class *const app_estimators[]; /* ends with NULL */
/** A model: its transforms in order, its estimator, and the relative time of a fit. */
typedef struct app_model {
    const char *name;
    const crm_transform_class *transform[CRM_PIPELINE_MAX];
    const crm_estimator_class *estimator;
    double cost;
} app_model;
extern const app_model app_model_table[]; /* [app_model_count] */
extern const int app_model_count;

/* app_models.c: models and their variants with the options of the study */
/** Bind the tables of all classes, and say which variants there can be. */
CRM_CHECKED app_models_new(app *a);
/** After the options were read: specs of models and variants.  Not collective. */
CRM_CHECKED app_models_make(app *a);
void app_models_free(app *a);
/** Models and variants compute on a->device. */
void app_models_set_device(app *a);
/** Specs of eval.models in order; *spec is the caller's (crm_mem_free).  CRM_ERR_CONFIG names an
 * unknown model. */
CRM_CHECKED app_models_select(app *a, const crm_model_spec ***spec, int *n);
CRM_CHECKED app_models_find(app *a, const char *name, const crm_model_spec **spec);
/** A model or variant with other values of some of its options, written as for --set.  *out is the
 *  caller's in any case; CRM_ERR_CONFIG when a value or their combination is none. */
typedef struct app_trial app_trial;
CRM_CHECKED app_trial_new(const app *a, const char *name, int n, const char *const *key,
                          const char *const *value, app_trial **out);
const crm_model_spec *app_trial_spec(const app_trial *t);
void app_trial_free(app_trial **t);
/** The row of an option that a model has, or NULL. */
const crm_opt *app_models_option(const char *name, const char *key);
/** Of the options of all models, the key nearest to a wrong one, or NULL. */
const char *app_models_nearest_option(const char *key);
/** Key of the option that a model has: "variants.NAME.KEY" when its variant sets it, else key. */
void app_models_key(const app *a, const char *name, const char *key, char *out, size_t cap);
/** Options text.* of all models that are no variants. */
const struct crm_text_cfg *app_models_text(const app *a);
const crm_embed_cfg *app_models_embed(const app *a);
/** Rank 0: CRM_ERR_CONFIG when --out is a file that the command reads, or text would replace a data
 *  set. */
CRM_CHECKED app_check_out(const app *a);
/** Digest of the files that options name and of whose content a result depends; any: there are
 * some. Collective. */
CRM_CHECKED app_files_digest(app *a, crm_digest *out, bool *any);
/** Those of each into run.json. */
CRM_CHECKED app_files_note(const app *a, crm_record *run);
/** Rank 0: CRM_ERR_FORMAT names the first that has another content than in the run of that folder.
 */
CRM_CHECKED app_files_compare(const app *a, const char *dir);
/** Most ranks that can share a fit of one of eval.models. */
int64_t app_models_max_group(const app *a);
/** True when eval.models has a net and its train.reduce is fast. */
bool app_models_fast(const app *a);

/* app_device.c */
/** Open the device that the options name and give it to all models; all ranks have a GPU then, or
 *  none has.  Collective. */
CRM_CHECKED app_device_open(app *a);
/** Devices of all ranks, with what they used, into run.json.  Collective. */
CRM_CHECKED app_device_note(app *a, crm_record *run);
/** With --profile: the ranges of rank 0 as a table on stderr and into run.json; seconds: of the
 *  whole command. */
CRM_CHECKED app_profile(const app *a, crm_record *run, double seconds);

/* app_data.c */
/** Digest of what data.path holds: of the content of a data set, or of a CSV with the options that
 * shape it. Collective. */
CRM_CHECKED app_data_digest(app *a, crm_digest *out);
/** Data set for a training command: data.path itself when it is one, else imported into data.store
 * unless that is fresh.  Collective. */
CRM_CHECKED app_open_data(app *a, crm_data **out);
/** Rows as data.units has them, in place of *d.  Collective. */
CRM_CHECKED app_take_units(const app *a, crm_data **d);
/** CRM_ERR_CONFIG when a data set written to path would replace a file that is none, such as a
 * customer's CSV or a run's predictions.  key names the option in the message.  Collective. */
CRM_CHECKED app_may_replace(const app *a, const char *key, const char *path);
/** Where import writes: data.store, else OUT.h5, else the CSV's name with .h5.  Collective. */
CRM_CHECKED app_store_path(const app *a, char *out, size_t cap);
CRM_CHECKED app_need_path(const app *a);
/** data.path is the folder of the tables of data.schema. */
bool app_has_tables(const app *a);
/** Whether data.path is a file of CoNLL columns. */
bool app_is_conll(const app *a);
/** Import them; like as for crm_table_import_schema; crm_table_tables_free(info) in any case.
 * Collective. */
struct crm_table_tables;
CRM_CHECKED app_import_tables(app *a, const char *store, const crm_table_like *like,
                              struct crm_table_tables *info);

/* app_dictionary.c */
/** The data dictionary of the data set at path as a page beside it, below the lines of quality. One
 * process. */
CRM_CHECKED app_write_dictionary(const char *path, const char *quality);

/* cmd_study.c */
/* Report and figures from dir/summary.json beside it, tables on the terminal; one process. */
CRM_CHECKED app_report(const char *dir);

/* app_sweep.c */
/** Space, searches and winners of a sweep. */
typedef struct app_sweep app_sweep;
/** Run the searches over e->spec and let e fit the winners: e->cfg and e->spec_of are set.  *out is
 *  the caller's in any case, and lives as long as e.  Collective. */
CRM_CHECKED app_sweep_search(app *a, crm_eval *e, app_sweep **out);
/** e returned st, e->failure says of which unit: where its numbers are not finite, which
 * depends on nothing but the trial, the next best trial of the search takes the place of its
 * winner, what there is of the old one is removed, and e can be run again; else st is returned.
 * Collective. */
CRM_CHECKED app_sweep_replace(app_sweep *s, const crm_eval *e, crm_status st);
/** What they came to, beside the scores of the winners in summary.json, into the run folder.
 *  Collective. */
CRM_CHECKED app_sweep_report(app *a, const crm_eval *e, app_sweep *s);
void app_sweep_free(app_sweep **s);
/** Print RUN/sweep.md; rank 0. */
CRM_CHECKED app_sweep_print(const char *dir);

/* app_sweep_join.c: several jobs on one sweep */
/** Whether this command works beside other jobs: --join, --array. */
bool app_sweep_joins(const app *a);
/** CRM_ERR_CONFIG when it cannot.  The same on all ranks. */
CRM_CHECKED app_sweep_check_join(app *a);
/** Searches beside other jobs, or a share of them, in a run from crm_record_join.  *rest: what
 * comes after them is for this job to do, which holds the folder now; else it was told what is
 * left. Collective. */
CRM_CHECKED app_sweep_join(app *a, const crm_data *d, const crm_model_spec *const *spec, int n,
                           crm_record *run, crm_record_state *state, bool *rest);

/* app_calibrate.c */
/** crmpi calibrate in its run folder.  Collective. */
CRM_CHECKED app_calibrate(app *a, const crm_eval *e);

/* app_weights.c */
/** Parameters of a net by name, from a model file of crmpi or from any HDF5 file.  *out is the
 * caller's; digest (may be NULL) is of names, shapes and values.  Collective. */
CRM_CHECKED app_read_weights(app *a, const char *path, crm_bag **out, crm_digest *digest);

/* cmd_predict.c, app_embedding.c */
/** Add a CSV field, quoted where needed; text that a spreadsheet would run as a formula is made
 * plain. */
void app_add_field(crm_str *s, const char *text);
/** Write to --out or to stdout; rank 0. */
CRM_CHECKED app_print_all(const app *a, const char *text, size_t len);
/** The learnt vectors of all rows, to stdout or --out.  Collective. */
CRM_CHECKED app_write_embedding(app *a, crm_pipeline *p, const crm_data *d);

crm_status cmd_info(app *a);
crm_status cmd_synth(app *a);
crm_status cmd_import(app *a);
/* cmd_propose.c: a schema for the operands, of import --propose. */
CRM_CHECKED app_propose(app *a);
crm_status cmd_describe(app *a);
crm_status cmd_train(app *a);
crm_status cmd_crossval(app *a);
crm_status cmd_calibrate(app *a);
crm_status cmd_sweep(app *a);
crm_status cmd_replay(app *a);
crm_status cmd_compare(app *a);
crm_status cmd_predict(app *a);
crm_status cmd_report(app *a);
crm_status cmd_verify(app *a);
crm_status cmd_forget(app *a);
crm_status cmd_segments(app *a);
crm_status cmd_embed(app *a);
crm_status cmd_text(app *a);
crm_status cmd_annotate(app *a);

#endif
