/* cmd_annotate.c - what the texts of a data set tell about its customers, as columns of their
 * profiles: models of runs and files, and a new data set. */
#include <stdlib.h>
#include <string.h>

#include "app_learnt.h"
#include "app_text.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

/* A model of --model with the options of its run. */
typedef struct loaded {
    app app;
    app_text_model model;
    crm_data *documents; /* as rows; NULL: the model takes the data set */
    crm_pipeline *pipeline;
    app_learnt learnt;
    char digest[CRM_DIGEST_HEX];
} loaded;

typedef struct annotation {
    app *a;
    crm_data *d;
    crm_folds *parts; /* of --parts, NULL: none */
    loaded *model;    /* [n] */
    crm_context_model *as;
    int n;
} annotation;

/* ---- a model ---- */
static crm_status read_options(loaded *m, const char *path)
{
    char config[CRM_PATH_MAX];
    char *yaml = NULL;
    size_t len = 0;
    crm_status st;

    m->app.args.command = "annotate";
    m->app.args.model = path;
    CRM_TRY(crm_comm_agree(m->app.world, app_text_model_place(&m->app, &m->model)));
    CRM_TRY(crm_comm_agree(m->app.world,
                           crm_path_join(m->model.run, "config.yaml", config, sizeof config)));
    CRM_TRY(app_read_config(&m->app, config, &yaml, &len));
    st = app_configure(&m->app, config, yaml, len);
    crm_mem_free(yaml);
    return st;
}

/* Where a model was trained need not be where it annotates. */
static crm_status open_device(loaded *m, const crm_model_spec *spec)
{
    if (!spec->estimator->uses_device) return CRM_OK;
    if (m->app.gpu.kind == CRM_DEVICE_CUDA) m->app.gpu.kind = CRM_DEVICE_AUTO;
    return app_device_open(&m->app);
}

static crm_status read_file(loaded *m, crm_context_model *as)
{
    static const char *const beside[] = {"target", "classes", NULL}; /* no part of its digest */
    crm_digest digest;

    CRM_TRY(app_text_model_read(&m->app, &m->model));
    CRM_TRY(crm_bag_get_text(m->model.bag, "target", &as->target));
    CRM_TRY(crm_bag_digest_without(m->model.bag, beside, &digest));
    crm_digest_hex(digest, m->digest);
    CRM_TRY(app_learnt_read(m->model.run, &m->learnt));
    as->name = m->model.name;
    as->class_name = m->model.class_name;
    as->digest = m->digest;
    as->trained_on = m->learnt.data;
    as->n_kinds = m->learnt.n_kinds;
    as->kind = (const char *const *)m->learnt.kind;
    return crm_to_int(m->model.n_classes, &as->n_classes);
}

/* The documents as rows, for models of them. */
static crm_status open_rows(const annotation *x, loaded *m, crm_context_model *as)
{
    as->rows = x->d;
    if (as->tags) return CRM_OK;
    CRM_CHECK(m->app.cfg.units == APP_DOCUMENTS, CRM_ERR_CONFIG,
              "--model %s: '%s' is a model of customers; annotate takes taggers and models of "
              "documents (data.units: document)",
              m->app.args.model, as->name);
    CRM_TRY(crm_data_open(crm_data_path(x->d), &m->documents));
    CRM_TRY(crm_data_take_documents(&m->documents));
    as->rows = m->documents;
    return CRM_OK;
}

static crm_status load(const annotation *x, loaded *m, const crm_model_spec *spec,
                       crm_context_model *as)
{
    CRM_TRY(open_rows(x, m, as));
    CRM_TRY(crm_pipeline_new(spec, &m->pipeline));
    as->pipeline = m->pipeline;
    return crm_pipeline_load(m->pipeline, as->rows, m->model.bag);
}

static crm_status open_model(const annotation *x, loaded *m, crm_context_model *as)
{
    crm_comm *world = m->app.world;
    const crm_model_spec *spec;

    CRM_TRY(crm_comm_agree(world, read_file(m, as)));
    CRM_TRY(crm_comm_agree(world, app_models_find(&m->app, as->name, &spec)));
    as->tags = spec->estimator->decode != NULL;
    CRM_TRY(open_device(m, spec));
    return crm_comm_agree(world, load(x, m, spec, as));
}

static void close_model(loaded *m)
{
    crm_pipeline_free(&m->pipeline);
    crm_data_close(&m->documents);
    app_text_model_free(&m->model);
    app_learnt_free(&m->learnt);
    app_models_free(&m->app);
    crm_device_free(&m->app.device);
    crm_opt_set_free(&m->app.opts);
    crm_pool_free(&m->app.pool);
}

/* ---- what a model may know ---- */
/* Whether the model has learnt a target, as its own or as another head of a net. */
static bool has_learnt(const annotation *x, int i, const char *target)
{
    char head[300];

    snprintf(head, sizeof head, "estimator/heads.%.250s.weight", target);
    if (strcmp(x->as[i].target, target) == 0) return true;
    for (int k = 0; k < crm_bag_count(x->model[i].model.bag); k++)
        if (strcmp(crm_bag_at(x->model[i].model.bag, k)->name, head) == 0) return true;
    return false;
}

/* A column made by a model that has seen the labels of a study tells them. */
static crm_status check_target(const annotation *x, int i)
{
    const char *study = x->a->eval.target, *known = NULL;

    if (x->a->args.allow_target) return CRM_OK;
    for (int k = 0; k < crm_data_n_targets(x->d) && !known; k++) {
        const char *name = crm_data_target(x->d, k)->name;
        if ((!study[0] || strcmp(study, name) == 0) && has_learnt(x, i, name)) known = name;
    }
    CRM_CHECK(
        !known, CRM_ERR_CONFIG,
        "--model %s: it has learnt '%s', which %s has labels of; its columns may tell a study "
        "of '%s' the labels that it has seen; name the target of the study by --set "
        "eval.target=NAME when that is another one, or give --allow-target",
        x->a->args.models[i], known, crm_data_path(x->d), known);
    return CRM_OK;
}

/* ---- parts ---- */
static crm_status read_parts(annotation *x)
{
    crm_view *all = NULL;
    crm_status st;

    CRM_CHECK(x->n > 0, CRM_ERR_CONFIG, "--parts needs a --model for each part");
    CRM_CHECK(x->n <= CRM_CONTEXT_MODELS_MAX, CRM_ERR_CONFIG, "%d times --model; there may be %d",
              x->n, CRM_CONTEXT_MODELS_MAX);
    CRM_TRY(crm_view_all(x->d, &all));
    st = crm_folds_read(all, x->a->args.parts, &x->parts);
    crm_view_free(&all);
    CRM_TRY(st);
    CRM_CHECK(x->parts->repeats == 1, CRM_ERR_CONFIG, "%s: one number a line is needed, not %d",
              x->a->args.parts, x->parts->repeats);
    return CRM_OK;
}

/* Nodes with files of their own must have the same. */
static crm_status take_parts(annotation *x)
{
    int64_t half, extent[2];

    CRM_TRY(crm_comm_agree(x->a->world, read_parts(x)));
    half = (int64_t)(x->parts->digest.lo >> 1);
    extent[0] = half;
    extent[1] = -half;
    CRM_TRY(crm_comm_max_i64(x->a->world, extent, 2));
    CRM_CHECK(extent[0] == -extent[1], CRM_ERR_IO, "%s: is not the same on all nodes",
              x->a->args.parts);
    return CRM_OK;
}

/* ---- what a model has read before ---- */
static void warn(const annotation *x, int i)
{
    if (app_is_root(x->a))
        crm_log_line(
            CRM_LOG_WARN, "annotate",
            "--model %s learnt from these very texts: what it says of them is surer and righter "
            "than what it will say of new ones; docs/context.md says how to annotate out of "
            "fold",
            x->a->args.models[i]);
}

/* "part 1", "parts 0, 2 and 3". */
static const char *name_parts(uint32_t parts, char out[128])
{
    size_t used = (size_t)snprintf(out, 128, parts & (parts - 1) ? "parts " : "part ");

    for (int k = 0; parts >> k; k++) {
        uint32_t left = parts >> k >> 1;
        if (!(parts >> k & 1)) continue;
        used += (size_t)snprintf(out + used, 128 - used, "%d%s", k,
                                 !left               ? ""
                                 : left & (left - 1) ? ", "
                                                     : " and ");
    }
    return out;
}

/* A model that is to read a part and has learnt from it: the order of the models is wrong, or they
 * were not fitted out of fold at all. */
static crm_status check_part(const annotation *x, int i, const crm_digest *part)
{
    char seen[128];
    uint32_t parts = 0;

    if (!app_learnt_parts(&x->model[i].learnt, x->n, part, i, &parts)) {
        if (app_learnt_became(&x->model[i].learnt, x->d))
            warn(x, i);
        else if (app_is_root(x->a))
            crm_log_line(CRM_LOG_INFO, "annotate",
                         "--model %s: whether it has learnt from part %d is not known: its run has "
                         "learnt from other texts than those of this data set",
                         x->a->args.models[i], i);
        return CRM_OK;
    }
    CRM_CHECK(!(parts >> i & 1), CRM_ERR_CONFIG,
              "--parts %s: --model %s is to read part %d and has learnt from it (from %s); give "
              "the models in the order of the parts that each has not learnt from",
              x->a->args.parts, x->a->args.models[i], i, name_parts(parts, seen));
    return CRM_OK;
}

static crm_status check_parts(const annotation *x)
{
    crm_digest part[CRM_CONTEXT_MODELS_MAX];

    CRM_TRY(crm_data_texts(x->a->world, x->d, x->parts->fold, x->n, part));
    for (int i = 0; i < x->n; i++)
        CRM_TRY(check_part(x, i, part));
    return CRM_OK;
}

/* Without parts a model may have learnt from what it reads, and is told; a copy with other columns
 * has the same texts. */
static crm_status check_learnt(const annotation *x)
{
    crm_digest texts;
    uint32_t parts;

    if (x->n == 0) return CRM_OK;
    if (x->parts) return crm_comm_agree(x->a->world, check_parts(x));
    CRM_TRY(crm_data_texts(x->a->world, x->d, NULL, 1, &texts));
    for (int i = 0; i < x->n; i++)
        if (app_learnt_became(&x->model[i].learnt, x->d) ||
            app_learnt_parts(&x->model[i].learnt, 1, &texts, 0, &parts))
            warn(x, i);
    return CRM_OK;
}

/* ---- */
static crm_status make(annotation *x)
{
    CRM_NEW(x->model, x->n);
    CRM_NEW(x->as, x->n);
    for (int i = 0; i < x->n; i++)
        x->model[i].app.world = x->a->world;
    return CRM_OK;
}

/* Rank 0: the folder of the file that a data set is written to. */
static crm_status check_out(const app *a)
{
    char dir[CRM_PATH_MAX];

    CRM_TRY(crm_path_dir(a->args.out, dir, sizeof dir));
    return crm_path_mkdirs(dir);
}

/* ---- what was done ---- */
/* Names of the kinds of documents with this mark; returns how many. */
static int add_kinds(const crm_documents *x, const uint8_t *reads, uint8_t mark, crm_str *out)
{
    int n = 0;

    for (int64_t k = 0; k < x->n_kinds; k++)
        if (reads[k] == mark) crm_str_addf(out, "%s%s", n++ ? ", " : "", x->kind_name[k]);
    return n;
}

/* Kinds of documents that a model has read, where it could have been others. */
static void add_read(const annotation *x, const crm_context_plan *plan, int i, uint8_t *reads,
                     crm_str *out)
{
    const crm_documents *docs = crm_data_documents(x->d);
    crm_str left = {0};

    crm_context_reads(plan, x->d, i, reads);
    crm_str_addf(out, "read by --model %s%s: ", x->a->args.models[i],
                 x->parts ? " and those of the other parts" : "");
    add_kinds(docs, reads, 1, out);
    if (add_kinds(docs, reads, 0, &left))
        crm_str_addf(out, "; not, since not learnt from: %s", left.text ? left.text : "");
    else if (plan->cfg->kinds == CRM_CONTEXT_LEARNT && plan->model[i].n_kinds == 0)
        crm_str_addf(out, "; the run does not tell which kinds it learnt from");
    crm_str_addf(out, "\n");
    out->failed |= left.failed;
    crm_str_free(&left);
}

static crm_status print_kinds(const annotation *x, const crm_context_plan *plan)
{
    int64_t n = crm_data_documents(x->d)->n_kinds;
    uint8_t *reads;
    crm_str text = {0};
    crm_status st = CRM_OK;

    if (n < 2) return CRM_OK;
    CRM_NEW(reads, n);
    for (int i = 0; i < x->n && (i == 0 || !x->parts); i++)
        add_read(x, plan, i, reads, &text);
    if (text.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: kinds of documents");
    else if (text.text)
        fputs(text.text, stdout);
    crm_str_free(&text);
    crm_mem_free(reads);
    return st;
}

static crm_status print_result(const annotation *x, const crm_context_plan *plan,
                               const crm_context_info *info)
{
    const app *a = x->a;
    char hex[CRM_DIGEST_HEX];

    printf("%s: %d columns from %lld documents of %lld of %lld customers\n", a->args.out,
           info->columns, (long long)info->documents, (long long)info->customers,
           (long long)crm_data_rows(x->d));
    if (info->late)
        printf("%lld documents behind the cut-off were not counted\n", (long long)info->late);
    CRM_TRY(print_kinds(x, plan));
    printf("digest %s\n", crm_digest_hex(info->digest, hex));
    return app_write_dictionary(
        a->args.out,
        "Columns of texts were added by `crmpi annotate`; the report on the columns as they were "
        "read stands beside the data set that this one was made from.\n");
}

static crm_status annotate(annotation *x)
{
    app *a = x->a;
    crm_context_plan plan = {.cfg = &a->context,
                             .n_models = x->n,
                             .model = x->as,
                             .lexicon = a->args.lexicon,
                             .aspects = a->args.aspects,
                             .emotions = a->args.emotions};
    crm_context_info info;
    int target;

    CRM_CHECK(crm_data_documents(x->d), CRM_ERR_CONFIG, "%s: has no documents to annotate",
              crm_data_path(x->d));
    if (a->eval.target[0])
        CRM_TRY(crm_comm_agree(a->world, crm_data_find_target(x->d, a->eval.target, &target)));
    CRM_TRY(crm_data_verify(a->world, x->d));
    for (int i = 0; i < x->n; i++) {
        CRM_TRY(open_model(x, &x->model[i], &x->as[i]));
        CRM_TRY(crm_comm_agree(a->world, check_target(x, i)));
    }
    if (a->args.parts) CRM_TRY(take_parts(x));
    CRM_TRY(check_learnt(x));
    plan.part = x->parts ? x->parts->fold : NULL;
    CRM_TRY(app_may_replace(a, "--out", a->args.out));
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? check_out(a) : CRM_OK));
    CRM_TRY(crm_context_annotate(a->world, x->d, &plan, a->args.out, &info));
    return crm_comm_agree(a->world, app_is_root(a) ? print_result(x, &plan, &info) : CRM_OK);
}

/* Options of runs first: those of the command, the last, decide who may read what is written. */
static crm_status configure(annotation *x)
{
    app *a = x->a;

    CRM_CHECK(a->args.operand, CRM_ERR_CONFIG,
              "annotate needs a data set: crmpi annotate DATA.h5 --out NEW.h5");
    CRM_CHECK(a->args.out, CRM_ERR_CONFIG, "annotate needs --out: the data set that it writes");
    x->n = a->args.n_models;
    CRM_TRY(crm_comm_agree(a->world, make(x)));
    for (int i = 0; i < x->n; i++)
        CRM_TRY(read_options(&x->model[i], a->args.models[i]));
    CRM_TRY(app_configure(a, NULL, NULL, 0));
    return app_watch(a);
}

crm_status cmd_annotate(app *a)
{
    annotation x = {.a = a};
    crm_status st = configure(&x);

    if (!st) st = crm_comm_agree(a->world, crm_data_open(a->args.operand, &x.d));
    if (!st) st = annotate(&x);
    for (int i = 0; x.model && i < x.n; i++)
        close_model(&x.model[i]);
    crm_mem_free(x.model);
    crm_mem_free(x.as);
    crm_folds_free(&x.parts);
    crm_data_close(&x.d);
    return st;
}
