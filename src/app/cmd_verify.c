/* cmd_verify.c - repeat a recorded run, or a sample of its units, and compare digests.
 *
 * Rank 0 reads the record and tells the others what they need; the repetition is the command of the
 * run itself, in a folder of its own.  The folder of the run is only read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"
#include "crmpi/store.h"

/* What the record says, equal on all ranks. */
typedef struct recorded {
    char dir[CRM_PATH_MAX];    /* of the run, absolute */
    char self[CRM_DIGEST_HEX]; /* digest of run.json */
    char command[32];
    char data[CRM_DIGEST_HEX], source[CRM_DIGEST_HEX], init[CRM_DIGEST_HEX];
    char data_path[CRM_PATH_MAX], init_path[CRM_PATH_MAX], folder[CRM_PATH_MAX];
    char ranks[16];
    int64_t units, seed, config_bytes;
} recorded;

typedef struct verification {
    recorded then;
    char *config;            /* [config_bytes + 1] config.yaml */
    crm_record_unit *unit;   /* [then.units] */
    int n_sample;            /* 0: all */
    const char **sample;     /* [n_sample] names in unit */
    char temp[CRM_PATH_MAX]; /* folder to be removed, "": none */
    char out[CRM_PATH_MAX];  /* run folder of the repetition */
    char data_path[CRM_PATH_MAX], init_path[CRM_PATH_MAX];
} verification;

static void verification_free(const app *a, verification *v)
{
    crm_mem_free(v->config);
    crm_mem_free(v->unit);
    crm_mem_free(v->sample);
    if (v->temp[0] && app_is_root(a) && crm_path_remove(v->temp)) {
        crm_log_line(CRM_LOG_WARN, "verify", "%s", crm_err_text());
        crm_err_clear();
    }
}

/* ---- the record ---- */

/* Commands that can be repeated, and what is compared besides units: folds and digests of a study,
 * a file. */
typedef struct repeatable {
    const char *command;
    crm_status (*run)(app *a);
    bool study;
    const char *file, *sample_equals, *equals;
} repeatable;

static const repeatable *repeatable_of(const char *command)
{
    static const repeatable all[] = {
        {"crossval", cmd_crossval, true, NULL,
         "digests of folds, weights and predictions are equal",
         "digests of folds, weights, predictions and summary are equal"},
        {"sweep", cmd_sweep, true, "sweep.tsv",
         "digests of folds, weights and predictions are equal",
         "sweep.tsv and digests of folds, weights, predictions and summary are equal"},
        {"train", cmd_train, false, NULL, "digests of weights are equal",
         "digests of weights are equal"},
        {"calibrate", cmd_calibrate, false, "calibrate.json", "digests of their values are equal",
         "digests of their values and calibrate.json are equal"}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].command, command) == 0) return &all[i];
    return NULL;
}

static void take_note(const recorded *t, const char *path, char *out, size_t cap)
{
    crm_record_read_note(t->dir, path, out, cap);
}

/* Rank 0: after the folder was found whole. */
static crm_status read_notes(recorded *t)
{
    char seed[32];

    take_note(t, "digest", t->self, sizeof t->self);
    take_note(t, "command", t->command, sizeof t->command);
    take_note(t, "digests.data", t->data, sizeof t->data);
    take_note(t, "digests.source", t->source, sizeof t->source);
    take_note(t, "digests.init", t->init, sizeof t->init);
    take_note(t, "data.path", t->data_path, sizeof t->data_path);
    take_note(t, "init.path", t->init_path, sizeof t->init_path);
    take_note(t, "working_folder", t->folder, sizeof t->folder);
    take_note(t, "layout.ranks", t->ranks, sizeof t->ranks);
    take_note(t, "seeds.eval", seed, sizeof seed);
    t->seed = strtoll(seed, NULL, 10);
    CRM_CHECK(repeatable_of(t->command), CRM_ERR_CONFIG,
              "%s: is a run of '%s', which verify cannot repeat", t->dir, t->command);
    return CRM_OK;
}

static crm_status read_root(const app *a, verification *v)
{
    recorded *t = &v->then;
    size_t len;
    int n;

    CRM_CHECK(a->args.operand, CRM_ERR_CONFIG, "verify needs a run folder: crmpi verify RUN");
    CRM_TRY(crm_record_check(a->args.operand));
    CRM_CHECK(realpath(a->args.operand, t->dir), CRM_ERR_IO, "%s: %s", a->args.operand,
              strerror(errno));
    CRM_TRY(read_notes(t));
    CRM_TRY(crm_record_read_config(t->dir, &v->config, &len));
    CRM_TRY(crm_record_read_units(t->dir, &n, &v->unit));
    CRM_TRY(crm_eval_check_models(t->dir, n, v->unit));
    t->config_bytes = (int64_t)len;
    t->units = n;
    return CRM_OK;
}

static crm_status read_record(app *a, verification *v)
{
    recorded *t = &v->then;
    crm_status st = CRM_OK;

    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? read_root(a, v) : CRM_OK));
    CRM_TRY(crm_comm_bcast(a->world, 0, t, sizeof *t));
    if (!app_is_root(a)) v->config = crm_mem_new((size_t)t->config_bytes + 1, 1);
    if (!app_is_root(a)) v->unit = crm_mem_new((size_t)t->units, sizeof *v->unit);
    if (!v->config || !v->unit) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", t->dir);
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(crm_comm_bcast(a->world, 0, v->config, (size_t)t->config_bytes));
    return crm_comm_bcast(a->world, 0, v->unit, (size_t)t->units * sizeof *v->unit);
}

/* ---- options ---- */

typedef struct search {
    const char *key;
    size_t len;
    bool free; /* it cannot change a result */
} search;

static void find_flags(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    search *s = ctx;

    (void)value;
    (void)origin;
    if (strlen(o->key) == s->len && memcmp(o->key, s->key, s->len) == 0)
        s->free = (o->flags & CRM_OPT_LAYOUT) != 0;
}

/* What was set on top of the configuration may not make it another run. */
static crm_status check_set(const app *a)
{
    for (int i = 0; i < a->args.n_set; i++) {
        search s = {a->args.set[i], strcspn(a->args.set[i], "="), false};
        while (s.len > 0 && s.key[s.len - 1] == ' ')
            s.len--;
        CRM_TRY(crm_opt_set_each(a->opts, find_flags, &s));
        CRM_CHECK(s.free, CRM_ERR_CONFIG,
                  "--set %s: verify repeats the run as it was; only options that cannot change a "
                  "result may be set, such as data.path and train.threads",
                  a->args.set[i]);
    }
    return CRM_OK;
}

static crm_status configure(app *a, const verification *v)
{
    char name[CRM_PATH_MAX];

    CRM_TRY(crm_comm_agree(a->world, crm_path_join(v->then.dir, "config.yaml", name, sizeof name)));
    CRM_TRY(app_configure(a, name, v->config, (size_t)v->then.config_bytes));
    crm_stop_grace(a->cfg.stop_grace);
    CRM_TRY(app_watch(a));
    return crm_comm_agree(a->world, check_set(a));
}

/* ---- the sample ---- */

static crm_status wanted(const app *a, const verification *v, int *n)
{
    int64_t units = 0;

    *n = 0;
    if (!a->args.units) return CRM_OK;
    CRM_CHECK(crm_parse_i64(a->args.units, strlen(a->args.units), &units) && units > 0,
              CRM_ERR_CONFIG, "--units %s: a number of units from 1 on is needed", a->args.units);
    *n = units < v->then.units ? (int)units : 0; /* as many as there are: all */
    return CRM_OK;
}

static void print_sample(const verification *v)
{
    fprintf(stderr, "crmpi: verify: %d of %lld units:", v->n_sample, (long long)v->then.units);
    for (int i = 0; i < v->n_sample; i++)
        fprintf(stderr, " %s", v->sample[i]);
    fprintf(stderr, "\n");
}

/* The same on all ranks. */
static crm_status choose(app *a, verification *v)
{
    int *chosen = NULL;
    crm_status st = wanted(a, v, &v->n_sample);

    if (st || v->n_sample == 0) return st;
    CRM_NEW_TO(st, done, chosen, v->n_sample);
    CRM_NEW_TO(st, done, v->sample, v->n_sample);
    CRM_TRY_TO(
        st, done,
        crm_eval_sample((int)v->then.units, v->unit, (uint64_t)v->then.seed, v->n_sample, chosen));
    for (int i = 0; i < v->n_sample; i++)
        v->sample[i] = v->unit[chosen[i]].name;
    if (app_is_root(a) && crm_log_get_level() >= CRM_LOG_INFO) print_sample(v);
done:
    crm_mem_free(chosen);
    return st;
}

/* ---- data and initial parameters ---- */

/* path, or path in the folder in which the run was started; false when neither is a file. */
static bool find_file(const recorded *t, const char *path, char out[CRM_PATH_MAX])
{
    bool there =
        path[0] && crm_path_join("", path, out, CRM_PATH_MAX) == CRM_OK && crm_path_is_file(out);

    if (!there && path[0] && path[0] != '/' && t->folder[0])
        there =
            crm_path_join(t->folder, path, out, CRM_PATH_MAX) == CRM_OK && crm_path_is_file(out);
    crm_err_clear();
    return there;
}

static bool data_path_is_set(const app *a)
{
    for (int i = 0; i < a->args.n_set; i++)
        if (strncmp(a->args.set[i], "data.path", 9) == 0 &&
            (a->args.set[i][9] == '=' || a->args.set[i][9] == ' '))
            return true;
    return false;
}

/* Rank 0: what --set or the configuration names; else the data set that the run has used. */
static crm_status find_data(const app *a, verification *v)
{
    const recorded *t = &v->then;

    if (data_path_is_set(a)) return crm_path_join("", a->cfg.data_path, v->data_path, CRM_PATH_MAX);
    if (find_file(t, a->cfg.data_path, v->data_path) || find_file(t, t->data_path, v->data_path))
        return CRM_OK;
    CRM_FAIL(CRM_ERR_IO,
             "%s: there is no such file; name the data of the run by --set data.path=FILE",
             a->cfg.data_path);
}

static crm_status find_init(verification *v)
{
    v->init_path[0] = '\0';
    if (!v->then.init[0]) return CRM_OK;
    CRM_CHECK(find_file(&v->then, v->then.init_path, v->init_path), CRM_ERR_IO,
              "%s: there is no such file; the run began with its parameters (--init)",
              v->then.init_path);
    return CRM_OK;
}

static crm_status set_option(app *a, const char *key, const char *value)
{
    return crm_comm_agree(a->world, crm_opt_set_override(a->opts, key, value, "verify"));
}

static crm_status same_as_recorded(const char *what, const char *path, const char *now,
                                   const char *then)
{
    CRM_CHECK(strcmp(now, then) == 0, CRM_ERR_FORMAT,
              "%s: %s is not that of the run: digest %s, run.json says %s", path, what, now, then);
    return CRM_OK;
}

/* The content, not only the digest that the file says of itself.  Collective. */
static crm_status data_set_digest(app *a, const char *path, char hex[CRM_DIGEST_HEX])
{
    crm_store *s = NULL;
    crm_status st = crm_comm_agree(a->world, crm_store_open(path, "crmpi-dataset", &s));

    if (!st) st = crm_store_verify(a->world, s);
    if (!st) crm_digest_hex(crm_store_digest(s), hex);
    crm_store_close(&s);
    return st;
}

/* A CSV is imported again, unless the data set that the run has made of it is there and whole. */
static crm_status check_source(app *a, verification *v)
{
    char hex[CRM_DIGEST_HEX], store[CRM_PATH_MAX] = "";
    crm_digest d;
    crm_status st;

    CRM_TRY(app_data_digest(a, &d));
    st = same_as_recorded("the content of the CSV, with the options that shape it,", v->data_path,
                          crm_digest_hex(d, hex), v->then.source);
    CRM_TRY(crm_comm_agree(a->world, st));
    if (app_is_root(a) && !find_file(&v->then, v->then.data_path, store)) store[0] = '\0';
    CRM_TRY(crm_comm_bcast(a->world, 0, store, sizeof store));
    if (!store[0]) return CRM_OK;
    st = data_set_digest(a, store, hex);
    if (!st && strcmp(hex, v->then.data) == 0) return set_option(a, "data.path", store);
    crm_err_clear();
    return CRM_OK;
}

static crm_status check_data(app *a, verification *v)
{
    char hex[CRM_DIGEST_HEX];
    int64_t hdf5 = 0;

    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? find_data(a, v) : CRM_OK));
    CRM_TRY(crm_comm_bcast(a->world, 0, v->data_path, sizeof v->data_path));
    CRM_TRY(set_option(a, "data.path", v->data_path));
    CRM_TRY(app_need_path(a));
    if (app_is_root(a)) hdf5 = crm_store_is_hdf5(v->data_path);
    CRM_TRY(crm_comm_bcast(a->world, 0, &hdf5, sizeof hdf5));
    if (!hdf5) return check_source(a, v);
    CRM_TRY(data_set_digest(a, v->data_path, hex));
    return crm_comm_agree(a->world,
                          same_as_recorded("the content", v->data_path, hex, v->then.data));
}

static crm_status check_init(app *a, verification *v)
{
    char hex[CRM_DIGEST_HEX];
    crm_bag *b = NULL;
    crm_digest d;

    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? find_init(v) : CRM_OK));
    CRM_TRY(crm_comm_bcast(a->world, 0, v->init_path, sizeof v->init_path));
    if (!v->init_path[0]) return CRM_OK;
    CRM_TRY(app_read_weights(a, v->init_path, &b, &d));
    crm_bag_free(&b);
    return crm_comm_agree(a->world, same_as_recorded("the content", v->init_path,
                                                     crm_digest_hex(d, hex), v->then.init));
}

/* ---- the repetition ---- */

/* Rank 0: beside the run, where all nodes see it. */
static crm_status make_temp(verification *v)
{
    int n = snprintf(v->temp, sizeof v->temp, "%s.verify-XXXXXX", v->then.dir);

    if (n < 0 || n >= (int)sizeof v->temp || !mkdtemp(v->temp)) {
        int why = errno;
        v->temp[0] = '\0';
        CRM_FAIL(CRM_ERR_IO,
                 "%s.verify-XXXXXX: cannot make a folder for the repetition: %s; name another "
                 "place by --out DIR",
                 v->then.dir, strerror(why));
    }
    crm_stop_discard(v->temp);
    return crm_path_join(v->temp, "run", v->out, sizeof v->out);
}

/* Path of what is there of a path, its end left out as far as need be, without links. */
static bool real_part(const char *path, char out[CRM_PATH_MAX])
{
    char part[CRM_PATH_MAX], up[CRM_PATH_MAX];
    crm_status st = crm_path_join("", path, part, sizeof part);

    while (!st && !realpath(part, out)) {
        if (strcmp(part, "/") == 0 || strcmp(part, ".") == 0) return false;
        st = crm_path_dir(part, up, sizeof up);
        memcpy(part, up, sizeof part);
    }
    crm_err_clear();
    return st == CRM_OK;
}

/* The run is only read, and a folder in it would be a part of it. */
static crm_status check_out(const app *a, const verification *v)
{
    char path[CRM_PATH_MAX];
    size_t n = strlen(v->then.dir);

    if (!real_part(a->args.out, path)) return CRM_OK;
    CRM_CHECK(strncmp(path, v->then.dir, n) != 0 || path[n] != '/', CRM_ERR_CONFIG,
              "--out %s is in the folder of the run; the repetition needs one of its own",
              a->args.out);
    if (strcmp(path, v->then.dir) != 0) return CRM_OK;
    CRM_CHECK(!realpath(a->args.out, path), CRM_ERR_CONFIG,
              "--out %s is the run itself; the repetition needs a folder of its own", a->args.out);
    CRM_FAIL(CRM_ERR_CONFIG,
             "--out %s is in the folder of the run; the repetition needs one of its own",
             a->args.out);
}

static crm_status take_out(const app *a, verification *v)
{
    char path[CRM_PATH_MAX];

    if (!a->args.out) return make_temp(v);
    CRM_TRY(check_out(a, v));
    CRM_TRY(crm_path_join(a->args.out, "run.json", path, sizeof path));
    CRM_CHECK(!crm_path_exists(path), CRM_ERR_CONFIG,
              "--out %s holds a finished run, so that nothing would be repeated; name another "
              "folder, or remove that one",
              a->args.out);
    return crm_path_join("", a->args.out, v->out, sizeof v->out);
}

static bool store_is_set(const app *a)
{
    for (int i = 0; i < a->args.n_set; i++)
        if (strncmp(a->args.set[i], "data.store=", 11) == 0) return true;
    return false;
}

/* The command of the run, told nothing but where to write. */
static crm_status repeat(app *a, verification *v)
{
    const app_repeat how = {v->then.dir, v->then.self, v->n_sample, v->sample};
    const char *command = a->args.command;
    bool kept = a->args.out != NULL;
    crm_status st;

    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? take_out(a, v) : CRM_OK));
    CRM_TRY(crm_comm_bcast(a->world, 0, v->out, sizeof v->out));
    /* a data set that is imported goes beside the repetition, not where the run has put it */
    if (!store_is_set(a)) CRM_TRY(set_option(a, "data.store", ""));
    a->args.command = v->then.command;
    a->args.out = v->out;
    a->args.init = v->init_path[0] ? v->init_path : NULL;
    a->repeat = &how;
    st = repeatable_of(v->then.command)->run(a);
    a->repeat = NULL;
    a->args.init = NULL;
    a->args.command = command;
    if (st == CRM_ERR_STOPPED && !kept)
        CRM_FAIL(CRM_ERR_STOPPED,
                 "stopped; what was repeated is removed, and the next time all of it "
                 "is; with --out DIR it stays, and the same command goes on with it");
    return st;
}

/* ---- the comparison; rank 0 ---- */

static crm_status differs(const app *a, const verification *v, const char *what, const char *part,
                          const char *now, const char *then)
{
    crm_str where = {0};
    crm_status st = crm_record_differences(v->then.dir, v->out, &where);

    if (st) crm_err_clear();
    if (!st && !where.text)
        crm_str_addf(&where, "  nothing that run.json tells of programs and machines differs\n");
    if (app_models_fast(a))
        crm_str_addf(&where, "  train.reduce is fast: results depend on ranks and threads\n");
    CRM_SET(st, CRM_ERR_NUMERIC, "not reproduced: %s%s%s: %s here, %s in %s\n%s", what,
            part[0] ? ": " : "", part, now[0] ? now : "none", then[0] ? then : "none", v->then.dir,
            where.text && !where.failed ? where.text : "");
    crm_str_free(&where);
    return st;
}

static crm_status same_note(const app *a, const verification *v, const char *path)
{
    char then[CRM_DIGEST_HEX], now[CRM_DIGEST_HEX];

    crm_record_read_note(v->then.dir, path, then, sizeof then);
    crm_record_read_note(v->out, path, now, sizeof now);
    if (strcmp(then, now) == 0) return CRM_OK;
    return differs(a, v, path, "", now, then);
}

static crm_status same_unit(const app *a, const verification *v, const crm_record_unit *now,
                            const crm_record_unit *then)
{
    if (strcmp(now->weights, then->weights) != 0)
        return differs(a, v, then->name, "weights", now->weights, then->weights);
    if (strcmp(now->predictions, then->predictions) != 0)
        return differs(a, v, then->name, "predictions", now->predictions, then->predictions);
    if (strcmp(now->values, then->values) != 0)
        return differs(a, v, then->name, "values", now->values, then->values);
    return CRM_OK;
}

/* Both lists are in unit order. */
static crm_status same_units(const app *a, const verification *v)
{
    crm_record_unit *now;
    int n, i = 0;
    crm_status st = CRM_OK;

    CRM_TRY(crm_record_read_units(v->out, &n, &now));
    for (int64_t k = 0; k < v->then.units && i < n && !st; k++)
        if (strcmp(now[i].name, v->unit[k].name) == 0) st = same_unit(a, v, &now[i++], &v->unit[k]);
    crm_mem_free(now);
    CRM_TRY(st);
    CRM_CHECK(i == n && i == (v->n_sample ? v->n_sample : v->then.units), CRM_ERR_NUMERIC,
              "not reproduced: %d units here, of which %d are among the %lld of %s", n, i,
              (long long)v->then.units, v->then.dir);
    return CRM_OK;
}

static crm_status same_file(const app *a, const verification *v, const char *name)
{
    char path[CRM_PATH_MAX], then[CRM_DIGEST_HEX], now[CRM_DIGEST_HEX], *text;
    const char *dir[] = {v->then.dir, v->out};
    char *hex[] = {then, now};
    size_t len;

    for (int i = 0; i < 2; i++) {
        CRM_TRY(crm_path_join(dir[i], name, path, sizeof path));
        CRM_TRY(crm_path_read(path, 64 << 20, &text, &len));
        crm_digest_hex(crm_digest_of(text, len), hex[i]);
        crm_mem_free(text);
    }
    if (strcmp(then, now) == 0) return CRM_OK;
    return differs(a, v, name, "", now, then);
}

static crm_status compare(const app *a, const verification *v)
{
    static const char *const totals[] = {"digests.weights", "digests.predictions",
                                         "digests.summary"};
    const repeatable *r = repeatable_of(v->then.command);

    CRM_TRY(same_note(a, v, "digests.data"));
    if (r->study) CRM_TRY(same_note(a, v, "digests.folds"));
    CRM_TRY(same_units(a, v));
    if (v->n_sample) return CRM_OK;
    for (size_t i = 0; r->study && i < sizeof totals / sizeof *totals; i++)
        CRM_TRY(same_note(a, v, totals[i]));
    return r->file ? same_file(a, v, r->file) : CRM_OK;
}

static void print_success(const app *a, const verification *v)
{
    const repeatable *r = repeatable_of(v->then.command);
    const char *what = v->n_sample ? r->sample_equals : r->equals;

    if (v->n_sample)
        printf("reproduced: %d of %lld units", v->n_sample, (long long)v->then.units);
    else
        printf("reproduced: %lld unit%s", (long long)v->then.units, v->then.units == 1 ? "" : "s");
    printf(", %s (%d rank%s here, %s then)\n", what, crm_comm_size(a->world),
           crm_comm_size(a->world) == 1 ? "" : "s", v->then.ranks);
}

static crm_status verify(app *a, verification *v)
{
    CRM_TRY(read_record(a, v));
    CRM_TRY(configure(a, v));
    CRM_TRY(crm_comm_agree(a->world, choose(a, v)));
    CRM_TRY(check_data(a, v));
    CRM_TRY(check_init(a, v));
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? app_files_compare(a, v->then.dir) : CRM_OK));
    CRM_TRY(repeat(a, v));
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? compare(a, v) : CRM_OK));
    if (app_is_root(a)) print_success(a, v);
    return CRM_OK;
}

crm_status cmd_verify(app *a)
{
    verification *v = crm_mem_new(1, sizeof *v);
    crm_status st = CRM_OK;

    if (!v) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: verify");
    st = crm_comm_agree(a->world, st);
    if (!st) st = verify(a, v);
    if (v) verification_free(a, v);
    crm_mem_free(v);
    return st;
}
