/* cmd_predict.c - a model of a finished run on new rows: CSV with id, class and probabilities. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"
#include "crmpi/base_temp.h"
#include "crmpi/ckpt.h"
#include "crmpi/stats.h"
#include "crmpi/store.h"
#include "crmpi/table_schema.h"

typedef struct prediction {
    crm_bag *bag; /* the model file */
    const char *const *class_name;
    int64_t n_classes;
    crm_columns *columns;    /* of the profile that the model was fitted on */
    crm_temp temp;           /* rank 0: of the data set made from the CSV or the tables */
    char rows[CRM_PATH_MAX]; /* its folder on all ranks, "": none (any more) */
    crm_data *data;
    crm_pipeline *pipeline;
    crm_bag *weights; /* --weights, NULL: none */
    bool tags;        /* of tokens, not classes of rows */
} prediction;

/* CRM_ERR_IO that names the models of the run that are fitted. */
static crm_status no_such_model(const app *a, const char *path, const char *model)
{
    const crm_opt_list *all = &a->eval.models;
    crm_str there = {0};
    crm_status st = CRM_OK;

    for (int i = 0; i < all->n && !st; i++) {
        char file[CRM_PATH_MAX], name[128];
        snprintf(name, sizeof name, "models/%.64s.h5", all->item[i]);
        st = crm_path_join(a->args.operand, name, file, sizeof file);
        if (!st && crm_path_is_file(file))
            crm_str_addf(&there, "%s%s", there.len ? ", " : "", all->item[i]);
    }
    if (!st && there.len && !there.failed)
        CRM_SET(st, CRM_ERR_IO,
                "%s: the run has no fitted model '%s'; it has: %s (choose one with --model)", path,
                model, there.text);
    else if (!st)
        CRM_SET(st, CRM_ERR_IO,
                "%s: the run has no fitted model '%s' nor another: is it finished, or was its "
                "eval.final false? train or crossval with eval.final true fits them",
                path, model);
    crm_str_free(&there);
    return st;
}

/* The model that was asked for, else the first of the run. */
static const char *model_name(const app *a)
{
    return a->args.model ? a->args.model : a->eval.models.item[0];
}

static crm_status read_model(app *a, prediction *p)
{
    const char *model = model_name(a);
    const crm_model_spec *spec;
    char path[CRM_PATH_MAX], name[128];
    crm_status st;

    CRM_TRY(app_models_find(a, model, &spec));
    p->tags = spec->estimator->decode != NULL;
    snprintf(name, sizeof name, "models/%.64s.h5", model);
    CRM_TRY(crm_path_join(a->args.operand, name, path, sizeof path));
    if (!crm_path_exists(path)) return no_such_model(a, path, model);
    CRM_TRY(crm_bag_read(path, CRM_MODEL_KIND, &p->bag));
    CRM_TRY(crm_eval_check_model(a->args.operand, model, path, p->bag));
    CRM_TRY(crm_bag_get_list(p->bag, "classes", &p->n_classes, &p->class_name));
    CRM_TRY(crm_columns_new(&p->columns));
    CRM_TRY(crm_bag_push(p->bag, "columns"));
    st = crm_schema_load(p->bag, p->columns);
    crm_bag_pop(p->bag);
    if (st) return st;
    return crm_pipeline_new(spec, &p->pipeline);
}

/* A folder for the data set made from a CSV, made by rank 0; each rank removes it when it must end
 * in between. */
static crm_status temp_path(app *a, prediction *p)
{
    crm_status st = app_is_root(a) ? crm_temp_make("predict", NULL, &p->temp) : CRM_OK;

    CRM_TRY(crm_comm_agree(a->world, st));
    memcpy(p->rows, p->temp.dir, sizeof p->rows);
    CRM_TRY(crm_comm_bcast(a->world, 0, p->rows, sizeof p->rows));
    crm_stop_also(p->rows, true);
    return CRM_OK;
}

/* All ranks have stopped using the folder by its name. */
static void temp_remove(prediction *p)
{
    if (p->rows[0]) crm_stop_also(p->rows, false);
    p->rows[0] = '\0';
    crm_temp_remove(&p->temp);
}

/* Collective: the rows have no name any more once they are open, unless a
 * server has them, which would take them away from other nodes. */
static crm_status opened(app *a, prediction *p, const char *path)
{
    CRM_TRY(crm_comm_agree(a->world, crm_data_open(path, &p->data)));
    if (crm_comm_node_size(a->world) == crm_comm_size(a->world)) temp_remove(p);
    return CRM_OK;
}

static crm_status open_tables(app *a, const char *path, const crm_table_like *like, prediction *p)
{
    crm_table_tables info;
    crm_status st = app_import_tables(a, path, like, &info);

    crm_table_tables_free(&info);
    return st ? st : opened(a, p, path);
}

/* The test file of the run is none of what is predicted. */
static crm_status open_conll(app *a, const char *path, prediction *p)
{
    crm_conll_cfg cfg = a->conll;
    crm_conll_info info;

    cfg.test_path = "";
    CRM_TRY(crm_conll_import(a->world, &cfg, a->table.target, a->cfg.data_path, path, &info));
    return opened(a, p, path);
}

static crm_status open_rows(app *a, prediction *p)
{
    const crm_schema *s;
    crm_table_like like;
    char path[CRM_PATH_MAX];
    int64_t hdf5 = 0;

    CRM_TRY(app_need_path(a));
    if (app_is_root(a))
        hdf5 = !crm_path_is_dir(a->cfg.data_path) && crm_store_is_hdf5(a->cfg.data_path);
    CRM_TRY(crm_comm_bcast(a->world, 0, &hdf5, sizeof hdf5));
    if (hdf5) {
        CRM_TRY(crm_comm_agree(a->world, crm_data_open(a->cfg.data_path, &p->data)));
        return crm_data_verify(a->world, p->data);
    }
    CRM_TRY(crm_comm_agree(a->world, crm_columns_schema(p->columns, &s)));
    CRM_TRY(temp_path(a, p));
    CRM_TRY(crm_comm_agree(a->world, crm_path_join(p->rows, "rows.h5", path, sizeof path)));
    like = (crm_table_like){
        .n_num = s->n_num, .n_cat = s->n_cat, .num_name = s->num_name, .cat_name = s->cat_name};
    if (a->cfg.units == APP_DOCUMENTS)
        like = (crm_table_like){0}; /* columns are made of documents */
    if (app_has_tables(a)) return open_tables(a, path, &like, p);
    if (app_is_conll(a)) return open_conll(a, path, p);
    a->table.label = "";
    CRM_TRY(crm_table_import(a->world, &a->table, a->cfg.data_path, path, &like, NULL));
    return opened(a, p, path);
}

/* Whether a spreadsheet may compute what begins here, blanks left out; the wide forms of the signs
 * are taken for the plain ones by some. */
static bool is_formula(const char *text)
{
    static const char *const blank[] = {" ", "\u00a0", "\u3000"};
    static const char *const sign[] = {"=",  "+",      "-",      "@",      "\t",
                                       "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
    enum { BLANKS = sizeof blank / sizeof *blank, SIGNS = sizeof sign / sizeof *sign };

    for (int i = 0; i < BLANKS; i++)
        if (strncmp(text, blank[i], strlen(blank[i])) == 0) {
            text += strlen(blank[i]);
            i = -1;
        }
    for (int i = 0; i < SIGNS; i++)
        if (strncmp(text, sign[i], strlen(sign[i])) == 0) return true;
    return false;
}

/* A table that is taken for one with other separators has cells that begin behind those, even
 * within quotes, which do not stand at the begin of a cell then. */
void app_add_field(crm_str *s, const char *text)
{
    int64_t number;
    bool formula = is_formula(text) && !crm_parse_i64(text, strlen(text), &number);
    bool quote = formula || strpbrk(text, ",;\"\t\r\n") != NULL;

    if (quote) crm_str_add(s, "\"", 1);
    if (formula) crm_str_add(s, "'", 1);
    for (const char *c = text; *c; c++) {
        crm_str_add(s, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
        if (strchr(";\t\r\n", *c) && is_formula(c + 1)) crm_str_add(s, "'", 1);
    }
    if (quote) crm_str_add(s, "\"", 1);
}

static void add_header(const prediction *p, crm_str *s)
{
    crm_str_addf(s, "id,class");
    for (int64_t c = 0; c < p->n_classes; c++) {
        char name[256];
        snprintf(name, sizeof name, "p_%.200s", p->class_name[c]);
        crm_str_add(s, ",", 1);
        app_add_field(s, name);
    }
    crm_str_add(s, "\n", 1);
}

static void add_row(const prediction *p, int64_t row, const double *proba, crm_str *s)
{
    char id[2048], number[32];
    int32_t class;

    crm_stats_predict(1, (int)p->n_classes, proba, &class);
    app_add_field(s, crm_data_row_id(p->data, row, id, sizeof id));
    crm_str_add(s, ",", 1);
    app_add_field(s, p->class_name[class]);
    for (int64_t c = 0; c < p->n_classes; c++)
        crm_str_addf(s, ",%s", crm_format_f64(proba[c], number));
    crm_str_add(s, "\n", 1);
}

/* Lines of this rank's rows; rows are shared out in order. */
static crm_status predict_rows(const app *a, prediction *p, crm_str *s)
{
    enum { PIECE = 4096 };
    int64_t n = crm_data_rows(p->data), rank = crm_comm_rank(a->world);
    int64_t end = n * (rank + 1) / crm_comm_size(a->world), row[PIECE];
    double *proba = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(proba, PIECE * p->n_classes);
    for (int64_t i = n * rank / crm_comm_size(a->world); i < end && !st; i += PIECE) {
        int64_t m = end - i < PIECE ? end - i : PIECE;
        for (int64_t j = 0; j < m; j++)
            row[j] = i + j;
        st = crm_pipeline_predict(p->pipeline, p->data, row, m, proba);
        for (int64_t j = 0; j < m && !st; j++)
            add_row(p, row[j], proba + j * p->n_classes, s);
    }
    if (!st && s->failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: predictions");
    crm_mem_free(proba);
    return st;
}

/* The target whose tags the new data have, NULL: none. */
static const crm_target *given_tags(const prediction *p)
{
    for (int i = 0; i < crm_data_n_targets(p->data); i++) {
        const crm_target *t = crm_data_target(p->data, i);
        if (t->level == CRM_LEVEL_TOKEN && t->label) return t;
    }
    return NULL;
}

/* A token a line: the word, its tag in the data where it has one, the tag of the model. */
static void add_tags(const prediction *p, int64_t d, const int32_t *tag, crm_str *s)
{
    const crm_documents *x = crm_data_documents(p->data);
    const crm_target *t = given_tags(p);

    for (int64_t i = x->token_first[d]; i < x->token_first[d + 1]; i++) {
        crm_str_addf(s, "%s", x->word[x->token[i]]);
        if (t && t->label[i] >= 0) crm_str_addf(s, " %s", t->class_name[t->label[i]]);
        crm_str_addf(s, " %s\n", p->class_name[*tag++]);
    }
    crm_str_add(s, "\n", 1);
}

static crm_status tag_row(prediction *p, int64_t row, crm_str *s)
{
    const crm_documents *x = crm_data_documents(p->data);
    int64_t from = x->token_first[x->first[row]];
    int32_t *tag;
    crm_status st;

    CRM_NEW(tag, x->token_first[x->first[row + 1]] - from);
    st = crm_pipeline_decode(p->pipeline, p->data, &row, 1, tag);
    for (int64_t d = x->first[row]; d < x->first[row + 1] && !st; d++)
        add_tags(p, d, tag + x->token_first[d] - from, s);
    crm_mem_free(tag);
    return st;
}

/* Lines of this rank's rows; rows are shared out in order. */
static crm_status tag_rows(const app *a, prediction *p, crm_str *s)
{
    int64_t n = crm_data_rows(p->data), rank = crm_comm_rank(a->world);
    int64_t end = n * (rank + 1) / crm_comm_size(a->world);

    CRM_CHECK(crm_data_documents(p->data), CRM_ERR_CONFIG, "data.path: %s has no documents to tag",
              crm_data_path(p->data));
    for (int64_t i = n * rank / crm_comm_size(a->world); i < end; i++)
        CRM_TRY(tag_row(p, i, s));
    CRM_CHECK(!s->failed, CRM_ERR_NOMEM, "out of memory: predictions");
    return CRM_OK;
}

crm_status app_print_all(const app *a, const char *text, size_t len)
{
    if (a->args.out) return crm_path_write_atomic(a->args.out, text, len);
    CRM_CHECK(fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0, CRM_ERR_IO,
              "cannot write the predictions: %s", strerror(errno));
    return CRM_OK;
}

/* The model as it was fitted, or with the parameters of --weights. */
static crm_status load_model(app *a, prediction *p)
{
    char why[512];
    crm_status st;

    CRM_TRY(crm_comm_agree(a->world, crm_pipeline_load(p->pipeline, p->data, p->bag)));
    if (!a->args.weights) return CRM_OK;
    CRM_TRY(app_read_weights(a, a->args.weights, &p->weights, NULL));
    st = crm_pipeline_weights(p->pipeline, p->weights);
    if (st == CRM_ERR_FORMAT) {
        snprintf(why, sizeof why, "%s", crm_err_text());
        CRM_SET(st, CRM_ERR_FORMAT, "%s: %s", a->args.weights, why);
    }
    return crm_comm_agree(a->world, st);
}

static crm_status write_predictions(app *a, prediction *p)
{
    crm_str s = {0};
    void *all = NULL;
    size_t total = 0;
    crm_status st;

    if (p->tags) {
        st = crm_comm_agree(a->world, tag_rows(a, p, &s));
    } else {
        if (app_is_root(a)) add_header(p, &s);
        st = crm_comm_agree(a->world, predict_rows(a, p, &s));
    }
    if (!st) st = crm_comm_gather(a->world, 0, s.text, s.len, &all, &total, NULL);
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? app_print_all(a, all, total) : CRM_OK);
    crm_mem_free(all);
    crm_str_free(&s);
    return st;
}

/* Under another key no hash of the run's data would be known again. */
static crm_status check_key(const app *a, const prediction *p)
{
    const char *now = crm_data_key_check(p->data);
    char before[CRM_DIGEST_HEX] = "";

    crm_record_read_note(a->args.operand, "digests.key", before, sizeof before);
    CRM_CHECK(!before[0] || !now[0] || strcmp(now, before) == 0, CRM_ERR_CONFIG,
              "privacy.key: the rows are hashed under another key than the data of %s, so that no "
              "hash would mean what it did; give the key that those were imported with",
              a->args.operand);
    if (!before[0] != !now[0] && app_is_root(a))
        crm_log_line(CRM_LOG_WARN, "predict",
                     "%s; whether hashed values mean the same is not known",
                     now[0] ? "the rows are hashed, and the run has no record of a privacy.key"
                            : "the data of the run were hashed, and the rows have no record of a "
                              "privacy.key");
    return CRM_OK;
}

static crm_status predict(app *a, prediction *p)
{
    crm_status st;

    CRM_TRY(crm_comm_agree(a->world, read_model(a, p)));
    CRM_TRY(open_rows(a, p));
    st = app_is_root(a) ? check_key(a, p) : CRM_OK;
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(app_take_units(a, &p->data));
    CRM_TRY(load_model(a, p));
    return a->args.embedding ? app_write_embedding(a, p->pipeline, p->data)
                             : write_predictions(a, p);
}

static void prediction_free(prediction *p)
{
    crm_pipeline_free(&p->pipeline);
    crm_data_close(&p->data);
    crm_columns_free(&p->columns);
    crm_bag_free(&p->bag);
    crm_bag_free(&p->weights);
    temp_remove(p);
}

/* Options of the run, then --set on top of them. */
static crm_status configure(app *a)
{
    char *yaml = NULL;
    size_t len = 0;
    int64_t n = 0;
    crm_status st = CRM_OK;

    if (!a->args.operand)
        CRM_SET(st, CRM_ERR_CONFIG,
                "predict needs a run folder: crmpi predict RUN --set data.path=ROWS.csv");
    else if (app_is_root(a))
        st = crm_record_read_config(a->args.operand, &yaml, &len);
    st = crm_comm_agree(a->world, st);
    n = (int64_t)len;
    if (!st) st = crm_comm_bcast(a->world, 0, &n, sizeof n);
    if (!st && !yaml) yaml = crm_mem_new((size_t)n + 1, 1);
    if (!st && !yaml) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: config.yaml");
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_comm_bcast(a->world, 0, yaml, (size_t)n);
    if (!st) st = app_configure(a, a->args.operand, yaml, (size_t)n);
    crm_mem_free(yaml);
    return st;
}

static void find_device_origin(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    (void)value;
    if (strcmp(o->key, "device") == 0) *(bool *)ctx = strcmp(origin, "--set") == 0;
}

/* Where a model was trained need not be where it predicts: a GPU that only the run's configuration
 * asks for is used where there is one. */
static crm_status open_device(app *a)
{
    const crm_model_spec *spec;
    bool meant = false;

    CRM_TRY(crm_comm_agree(a->world, app_models_find(a, model_name(a), &spec)));
    if (!spec->estimator->uses_device) return CRM_OK;
    CRM_TRY(crm_comm_agree(a->world, crm_opt_set_each(a->opts, find_device_origin, &meant)));
    if (a->gpu.kind == CRM_DEVICE_CUDA && !meant) a->gpu.kind = CRM_DEVICE_AUTO;
    return app_device_open(a);
}

crm_status cmd_predict(app *a)
{
    prediction p = {.temp = {.lock = -1}};
    crm_status st;

    CRM_TRY(configure(a));
    CRM_TRY(app_watch(a));
    CRM_TRY(open_device(a));
    st = predict(a, &p);
    prediction_free(&p);
    return st;
}
