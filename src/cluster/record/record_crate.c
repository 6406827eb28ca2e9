/* record_crate.c - ro-crate-metadata.json: the run folder as an RO-Crate 1.1
 * (w3id.org/ro/crate/1.1), a flat JSON-LD list of what there is: the folder, its files, and the
 * action that made them.
 *
 * All of it comes from run.json and the files, so it can be made again. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

#define CRATE "https://w3id.org/ro/crate/1.1"

/* What the files of a run are, by name; others are told by their endings only. */
static const struct {
    const char *name, *what;
} known[] = {
    {"sweep.tsv", "Every trial of a sweep: point, rung and score on inner folds"},
    {"sweep.md", "What a sweep found, for people"},
    {"calibrate.json", "How often each test rejects where there is nothing to find, for scripts"},
    {"calibrate.md", "How often each test rejects where there is nothing to find, for people"},
    {"calibration.svg", "Reliability of the probabilities"},
    {"config.yaml", "Effective configuration with the origin of each value"},
    {"metrics.jsonl", "Losses and rates of each epoch of each fit"},
    {"pr.svg", "Precision-recall curves"},
    {"predictions.h5", "Probabilities of each row in its test part"},
    {"report.md", "The result for people"},
    {"report.svg", "Figure of the result"},
    {"roc.svg", "Receiver operating characteristics"},
    {"run.json", "Provenance: options, versions, machine, times, digests"},
    {"summary.json", "The result for scripts"},
    {"timing.md", "What fits and predictions cost"},
    {"units.json", "Digests of the weights and the predictions of each unit"},
};
static const struct {
    const char *ending, *format;
} formats[] = {
    {".json", "application/json"}, {".jsonl", "application/jsonl"}, {".yaml", "application/yaml"},
    {".h5", "application/x-hdf5"}, {".md", "text/markdown"},        {".svg", "image/svg+xml"},
    {".txt", "text/plain"},
};

/* ---- small pieces of JSON ---- */

static void set_text(json_t *o, const char *key, const char *value)
{
    json_object_set_new(o, key, crm_record_json_text(value));
}

static json_t *reference(const char *id)
{
    json_t *o = json_object();

    set_text(o, "@id", id);
    return o;
}

static json_t *entity(const char *id, const char *type)
{
    json_t *o = reference(id);

    set_text(o, "@type", type);
    return o;
}

/* Text at up to three keys of run.json; "" when there is none. */
static const char *text_at(const json_t *run, const char *a, const char *b, const char *c)
{
    const json_t *v = json_object_get(run, a);

    if (b) v = json_object_get(v, b);
    if (c) v = json_object_get(v, c);
    return json_is_string(v) ? json_string_value(v) : "";
}

/* A name as a relative URI: other bytes than letters, digits and -._~/ become %XX. */
static void add_uri(crm_str *s, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    for (; *name; name++)
        if (strchr(plain, *name))
            crm_str_add(s, name, 1);
        else
            crm_str_addf(s, "%%%02X", (unsigned)(unsigned char)*name);
}

/* ---- files ---- */

static const char *format_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot, formats[i].ending) == 0) return formats[i].format;
    return "application/octet-stream";
}

static void describe(json_t *o, const char *name)
{
    char text[256];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) set_text(o, "description", known[i].what);
    if (strncmp(name, "units/", 6) == 0) {
        snprintf(text, sizeof text, "Result of unit '%.*s', which a restart goes on from",
                 (int)strcspn(name + 6, "."), name + 6);
        set_text(o, "description", text);
    }
    if (strncmp(name, "models/", 7) != 0) return;
    snprintf(text, sizeof text, "Model '%.*s', fitted on all rows%s", (int)strcspn(name + 7, "."),
             name + 7, strstr(name, ".txt") ? ", for people to read" : "");
    set_text(o, "description", text);
}

/* run.json is not there yet: its text is. */
static crm_status measure(const char *dir, const char *name, const crm_str *run_text,
                          int64_t *bytes, crm_digest *d)
{
    char path[CRM_PATH_MAX];

    if (strcmp(name, "run.json") == 0) {
        *bytes = (int64_t)run_text->len;
        *d = crm_digest_of(run_text->text, run_text->len);
        return CRM_OK;
    }
    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    return crm_record_file_digest(path, bytes, d);
}

/* The entity of a file into graph, its reference into parts. */
static crm_status add_file(const char *dir, const char *name, const crm_str *run_text,
                           json_t *graph, json_t *parts)
{
    char size[32], hex[CRM_DIGEST_HEX];
    crm_str uri = {0};
    crm_digest d;
    int64_t bytes;
    json_t *o;

    CRM_TRY(measure(dir, name, run_text, &bytes, &d));
    add_uri(&uri, name);
    if (uri.failed || !uri.text) {
        crm_str_free(&uri);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: %s", RECORD_CRATE_FILE);
    }
    o = entity(uri.text, "File");
    set_text(o, "name", name);
    describe(o, name);
    snprintf(size, sizeof size, "%lld", (long long)bytes);
    set_text(o, "contentSize", size);
    set_text(o, "encodingFormat", format_of(name));
    set_text(o, "xxh128", crm_digest_hex(d, hex));
    json_array_append_new(graph, o);
    json_array_append_new(parts, reference(uri.text));
    crm_str_free(&uri);
    return CRM_OK;
}

/* All plain files of the folder, of its models and its units, in order of their names. */
static crm_status list_files(const char *dir, json_t **out)
{
    json_t *models = NULL, *units = NULL;
    bool run = false;
    crm_status st = crm_record_list(dir, "", out);

    if (!st) st = crm_record_list(dir, "models", &models);
    if (!st) st = crm_record_list(dir, "units", &units);
    for (size_t i = 0; !st && i < json_array_size(*out); i++) {
        const char *name = json_string_value(json_array_get(*out, i));
        run = run || strcmp(name, "run.json") == 0;
        if (strcmp(name, RECORD_CRATE_FILE) == 0) json_array_remove(*out, i--);
    }
    if (!st && !run) json_array_append_new(*out, json_string("run.json"));
    if (!st) json_array_extend(*out, models);
    if (!st) json_array_extend(*out, units);
    json_decref(models);
    json_decref(units);
    return st;
}

static crm_status add_files(const char *dir, const crm_str *run_text, json_t *graph, json_t *parts)
{
    json_t *names = NULL;
    crm_status st = list_files(dir, &names);

    for (size_t i = 0; !st && i < json_array_size(names); i++)
        st = add_file(dir, json_string_value(json_array_get(names, i)), run_text, graph, parts);
    json_decref(names);
    return st;
}

/* ---- entities that are no files ---- */

static json_t *descriptor(void)
{
    json_t *o = entity(RECORD_CRATE_FILE, "CreativeWork");

    json_object_set_new(o, "conformsTo", reference(CRATE));
    json_object_set_new(o, "about", reference("./"));
    return o;
}

/* A licence that is an URL is its own name. */
static bool is_url(const char *s)
{
    return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

static const char *license_id(const char *license)
{
    return is_url(license) ? license : "#license";
}

static json_t *root(const json_t *run, json_t *parts)
{
    const char *author = text_at(run, "config", "record.author", "value");
    const char *license = text_at(run, "config", "record.license", "value");
    json_t *o = entity("./", "Dataset");
    char name[1024];

    snprintf(name, sizeof name, "crmpi %s: %.400s on %.400s", text_at(run, "command", NULL, NULL),
             text_at(run, "config", "eval.models", "value"),
             crm_path_base(text_at(run, "data", "path", NULL)));
    set_text(o, "name", name);
    set_text(o, "description",
             "Run folder of crmpi: configuration, models, predictions, results and where they are "
             "from; `crmpi verify` repeats it and compares");
    set_text(o, "datePublished", text_at(run, "time", "ended", NULL));
    if (author[0]) json_object_set_new(o, "author", reference("#author"));
    json_object_set_new(o, "license", reference(license_id(license)));
    json_object_set(o, "hasPart", parts);
    json_object_set_new(o, "mentions", reference("#run"));
    return o;
}

/* A run may have been started many times. */
static const char *first_start(const json_t *run)
{
    const json_t *starts = json_object_get(json_object_get(run, "time"), "starts");
    const char *first = text_at(json_array_get(starts, 0), "time", NULL, NULL);

    return first[0] ? first : text_at(run, "time", "started", NULL);
}

/* What was made: all files but the configuration and the provenance. */
static json_t *results(const json_t *parts)
{
    json_t *all = json_array();

    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *part = json_array_get(parts, i);
        const char *id = text_at(part, "@id", NULL, NULL);
        if (strcmp(id, RECORD_CONFIG_FILE) != 0 && strcmp(id, "run.json") != 0)
            json_array_append(all, part);
    }
    return all;
}

static json_t *action(const json_t *run, const json_t *parts)
{
    json_t *o = entity("#run", "CreateAction"), *objects = json_array();
    char name[128];

    snprintf(name, sizeof name, "crmpi %.64s", text_at(run, "command", NULL, NULL));
    set_text(o, "name", name);
    json_object_set_new(o, "instrument", reference("#crmpi"));
    json_array_append_new(objects, reference("#data"));
    json_array_append_new(objects, reference(RECORD_CONFIG_FILE));
    if (text_at(run, "digests", "init", NULL)[0])
        json_array_append_new(objects, reference("#init"));
    json_object_set_new(o, "object", objects);
    json_object_set_new(o, "result", results(parts));
    set_text(o, "startTime", first_start(run));
    set_text(o, "endTime", text_at(run, "time", "ended", NULL));
    json_object_set_new(o, "actionStatus", reference("http://schema.org/CompletedActionStatus"));
    if (text_at(run, "config", "record.author", "value")[0])
        json_object_set_new(o, "agent", reference("#author"));
    return o;
}

static json_t *program(const json_t *run)
{
    json_t *o = entity("#crmpi", "SoftwareApplication");
    const char *commit = text_at(run, "program", "commit", NULL);
    char text[512];

    set_text(o, "name", "crmpi");
    set_text(o, "softwareVersion", text_at(run, "program", "version", NULL));
    snprintf(text, sizeof text, "%s%s%sbuilt by %.200s", commit[0] ? "commit " : "", commit,
             commit[0] ? ", " : "", text_at(run, "program", "compiler", NULL));
    set_text(o, "description", text);
    return o;
}

/* Something that is not in the folder, by name and digest of its content. */
static json_t *outside(const char *id, const char *path, const char *digest, const char *what)
{
    json_t *o = entity(id, "CreativeWork");

    set_text(o, "name", crm_path_base(path));
    set_text(o, "description", what);
    set_text(o, "identifier", digest);
    return o;
}

static void add_people(const json_t *run, json_t *graph)
{
    const char *author = text_at(run, "config", "record.author", "value");
    const char *license = text_at(run, "config", "record.license", "value");
    json_t *o;

    if (author[0]) {
        o = entity("#author", "Person");
        set_text(o, "name", author);
        json_array_append_new(graph, o);
    }
    o = entity(license_id(license), "CreativeWork");
    set_text(o, "name", license[0] ? license : "None is stated");
    if (!license[0])
        set_text(o, "description",
                 "Who may use the folder for what has not been told (record.license): ask whom it "
                 "is from");
    json_array_append_new(graph, o);
}

static void add_others(const json_t *run, const json_t *parts, json_t *graph)
{
    const char *init = text_at(run, "digests", "init", NULL);

    json_array_append_new(graph, action(run, parts));
    json_array_append_new(graph, program(run));
    json_array_append_new(graph, outside("#data", text_at(run, "data", "path", NULL),
                                         text_at(run, "digests", "data", NULL),
                                         "Data set; the identifier is the digest of its content"));
    if (init[0])
        json_array_append_new(
            graph, outside("#init", text_at(run, "init", "path", NULL), init,
                           "Initial parameters; the identifier is the digest of their content"));
    add_people(run, graph);
}

/* ---- the file ---- */

/* xxh128 is no term of schema.org; a term of one's own is given with the context. */
static json_t *context(void)
{
    json_t *all = json_array(), *terms = json_object();

    set_text(terms, "xxh128", "https://xxhash.com/#XXH128");
    json_array_append_new(all, json_string(CRATE "/context"));
    json_array_append_new(all, terms);
    return all;
}

static crm_status write_tree(const char *dir, const json_t *tree)
{
    char path[CRM_PATH_MAX];
    crm_str text = {0};
    crm_status st = crm_path_join(dir, RECORD_CRATE_FILE, path, sizeof path);

    crm_record_json_print(tree, &text);
    if (!st && text.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: " RECORD_CRATE_FILE);
    if (!st) st = crm_path_write_atomic(path, text.text, text.len);
    crm_str_free(&text);
    return st;
}

crm_status crm_record_crate(const char *dir, const json_t *run, const crm_str *run_text)
{
    json_t *tree = json_object(), *graph = json_array(), *parts = json_array();
    json_t *files = json_array();
    crm_status st = add_files(dir, run_text, files, parts);

    json_array_append_new(graph, descriptor());
    json_array_append_new(graph, root(run, parts));
    json_array_extend(graph, files);
    add_others(run, parts, graph);
    json_object_set_new(tree, "@context", context());
    json_object_set_new(tree, "@graph", graph);
    if (!st) st = write_tree(dir, tree);
    json_decref(files);
    json_decref(parts);
    json_decref(tree);
    return st;
}

crm_status crm_record_crate_renew(const char *dir)
{
    char path[CRM_PATH_MAX];
    crm_str text = {0};
    json_t *run;
    crm_status st;

    CRM_TRY(crm_path_join(dir, RECORD_CRATE_FILE, path, sizeof path));
    if (!crm_path_exists(path)) return CRM_OK;
    CRM_TRY(crm_path_join(dir, "run.json", path, sizeof path));
    CRM_TRY(crm_record_run_read(dir, &run));
    st = crm_path_read(path, 64 << 20, &text.text, &text.len);
    if (!st) st = crm_record_crate(dir, run, &text);
    crm_mem_free(text.text);
    json_decref(run);
    return st;
}
