/* cmd_embed.c - word vectors from text files or from the documents of a data set, which is imported
 * first where a schema or CoNLL columns are named. */
#include <math.h>
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"

#define S app_embed_cfg
const crm_opt app_embed_opts[] = {
    CRM_OPT_I(S, seed, "embed.seed", 0, 0, 1e15, "1", 0,
              "Seed of the first vectors, of words left out and of words drawn as noise."),
    {.key = NULL},
};

/* ---- what is read ---- */
static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

static bool is_config(const char *path)
{
    return ends_with(path, ".yaml") || ends_with(path, ".yml");
}

static crm_status configure(app *a)
{
    char *yaml = NULL;
    size_t len = 0;
    crm_status st;

    if (!is_config(a->args.operand)) {
        CRM_TRY(app_configure(a, NULL, NULL, 0));
        a->cfg.data_path = a->args.operand;
        return CRM_OK;
    }
    CRM_CHECK(a->args.n_more == 0, CRM_ERR_CONFIG,
              "'%s' is one argument too many: a config names what is read by data.path",
              a->args.more[0]);
    CRM_TRY(app_read_config(a, a->args.operand, &yaml, &len));
    st = app_configure(a, a->args.operand, yaml, len);
    crm_mem_free(yaml);
    if (!st && !a->cfg.data_path[0])
        CRM_SET(st, CRM_ERR_CONFIG, "data.path is not set: a data set, or a text file");
    return st;
}

static bool is_data_set(const app *a, const char *path)
{
    return app_has_tables(a) || crm_conll_is(&a->conll, path) ||
           (!crm_path_is_dir(path) && crm_store_is_hdf5(path));
}

/* By its name, or by options that are for nothing else. */
static bool is_table(const app *a, const char *path)
{
    static const char *const end[] = {".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst"};
    const crm_table_cfg *t = &a->table;

    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        if (ends_with(path, end[i])) return true;
    return a->conll.format == CRM_TABLE_CSV || t->label[0] || t->id[0] || t->numeric.n ||
           t->categorical.n || t->ignore.n;
}

/* Rank 0: whether a data set is read, or has to be made, and not text files. */
static crm_status look(const app *a, int64_t *data)
{
    *data = 0;
    for (int i = 0; i <= a->args.n_more; i++) {
        const char *path = i ? a->args.more[i - 1] : a->cfg.data_path;
        bool of_data = is_data_set(a, path);
        CRM_CHECK(!of_data || a->args.n_more == 0, CRM_ERR_CONFIG,
                  "%s: is a data set, and %d things to read are named; a data set is read by "
                  "itself, several text files together",
                  path, a->args.n_more + 1);
        CRM_CHECK(
            of_data || !is_table(a, path), CRM_ERR_CONFIG,
            "%s: is a table, by its name or by options data.*, and its names and numbers would "
            "be taken for words; say in a schema which columns are text (crmpi import "
            "--propose %s) and set data.schema to it",
            path, path);
        *data |= of_data;
    }
    return CRM_OK;
}

static crm_status corpus_of_data(const crm_data *d, const crm_text_cfg *cfg, crm_corpus **out)
{
    const crm_documents *t = crm_data_documents(d);

    CRM_CHECK(t, CRM_ERR_CONFIG,
              "%s: has no documents to learn word vectors from; a schema says which columns are "
              "text (docs/schema.md)",
              crm_data_path(d));
    return crm_corpus_new(cfg,
                          &(crm_corpus_source){.n_words = t->n_words,
                                               .n_documents = t->n,
                                               .word = t->word,
                                               .first = t->token_first,
                                               .token = t->token},
                          out);
}

static crm_status read_data(app *a, crm_corpus **out)
{
    crm_data *d = NULL;
    crm_status st = app_open_data(a, &d);

    if (!st) st = crm_comm_agree(a->world, corpus_of_data(d, app_models_text(a), out));
    crm_data_close(&d);
    return st;
}

/* Ranks that read different files, on nodes of their own, would go on for ever out of step. */
static crm_status compare(app *a, const crm_corpus *c)
{
    crm_digest d = crm_digest_of(c->token, (size_t)c->first[c->n_documents] * sizeof *c->token);
    int64_t half = (int64_t)(d.lo >> 1), extent[2] = {half, -half};

    CRM_TRY(crm_comm_max_i64(a->world, extent, 2));
    CRM_CHECK(extent[0] == -extent[1], CRM_ERR_IO,
              "%s: its text is not the same on all nodes; wait until it is written and seen by all",
              a->cfg.data_path);
    return CRM_OK;
}

static crm_status read_text(app *a, crm_corpus **out)
{
    const char **path;
    int n = a->args.n_more + 1;
    int64_t faults = 0;
    crm_status st = CRM_OK;

    path = crm_mem_new((size_t)n, sizeof *path);
    if (!path) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: names of files");
    for (int i = 0; !st && i < n; i++)
        path[i] = i ? a->args.more[i - 1] : a->cfg.data_path;
    if (!st) st = crm_corpus_read(app_models_text(a), n, path, out, &faults);
    crm_mem_free(path);
    CRM_TRY(crm_comm_agree(a->world, st));
    if (faults && app_is_root(a))
        crm_log_line(CRM_LOG_WARN, "embed", "%lld places of the text are not UTF-8; U+FFFD is read",
                     (long long)faults);
    return compare(a, *out);
}

static crm_status read_corpus(app *a, crm_corpus **out)
{
    int64_t data = 0;

    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? look(a, &data) : CRM_OK));
    CRM_TRY(crm_comm_bcast(a->world, 0, &data, sizeof data));
    return data ? read_data(a, out) : read_text(a, out);
}

/* ---- what is told ---- */
typedef struct progress {
    const app *a;
    int64_t epochs;
    double start;
} progress;

static void tell(void *ctx, int64_t epoch, int64_t words, double loss, double seconds)
{
    const progress *p = ctx;
    double left =
        (crm_clock_now() - p->start) / (double)(epoch + 1) * (double)(p->epochs - epoch - 1);
    const char *what = app_models_embed(p->a)->kind == CRM_EMBED_GLOVE ? "co-occurrences" : "words";

    if (app_is_root(p->a))
        crm_log_line(CRM_LOG_INFO, "embed", "epoch %lld of %lld: loss %.4f, %.0f %s/s, %.0f s left",
                     (long long)epoch + 1, (long long)p->epochs, loss,
                     seconds > 0 ? (double)words / seconds : 0, what, left);
}

/* Of words and the bits of their vectors, whatever the file looks like. */
static crm_status print_digest(const crm_vectors *v)
{
    char hex[CRM_DIGEST_HEX];
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_i64(h, v->dim);
    for (int64_t i = 0; i < v->n; i++)
        crm_hash_add_text(h, v->word[i]);
    crm_hash_add(h, v->value, (size_t)(v->n * v->dim) * sizeof *v->value);
    printf("%lld words of %lld numbers\ndigest %s\n", (long long)v->n, (long long)v->dim,
           crm_digest_hex(crm_hash_value(h), hex));
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status print_similarity(const crm_vectors *v, const char *path)
{
    int64_t n, of;
    double rho;

    CRM_TRY(crm_vectors_similarity(v, path, &rho, &n, &of));
    if (n >= CRM_SIMILARITY_LEAST && isfinite(rho))
        printf("similarity %s: Spearman %.4f (%lld of %lld pairs have both words)\n",
               crm_path_base(path), rho, (long long)n, (long long)of);
    else if (n >= CRM_SIMILARITY_LEAST)
        printf("similarity %s: Spearman not defined: the %lld of %lld pairs that have both words "
               "are all scored the same, or all alike\n",
               crm_path_base(path), (long long)n, (long long)of);
    else
        printf("similarity %s: Spearman not defined: %lld of %lld pairs have both words, %d are "
               "needed\n",
               crm_path_base(path), (long long)n, (long long)of, (int)CRM_SIMILARITY_LEAST);
    return CRM_OK;
}

static crm_status print_analogy(const crm_vectors *v, const char *path)
{
    int64_t n, of;
    double accuracy;

    CRM_TRY(crm_vectors_analogy(v, path, &accuracy, &n, &of));
    if (n > 0)
        printf("analogy %s: accuracy %.4f (%lld of %lld questions have all words)\n",
               crm_path_base(path), accuracy, (long long)n, (long long)of);
    else
        printf("analogy %s: accuracy not defined: 0 of %lld questions have all words\n",
               crm_path_base(path), (long long)of);
    return CRM_OK;
}

static crm_status print_scores(const app *a, const crm_vectors *v)
{
    if (a->args.similarity) CRM_TRY(print_similarity(v, a->args.similarity));
    return a->args.analogy ? print_analogy(v, a->args.analogy) : CRM_OK;
}

/* ---- the command ---- */
static crm_status find_format(const app *a, crm_vectors_format *out)
{
    int n = 0;

    for (*out = CRM_VECTORS_GLOVE; a->args.format && crm_vectors_format_names[n]; n++)
        if (strcmp(crm_vectors_format_names[n], a->args.format) == 0) {
            *out = (crm_vectors_format)n;
            return CRM_OK;
        }
    CRM_CHECK(!a->args.format, CRM_ERR_CONFIG,
              "--format '%s' is none; allowed: glove, word2vec, binary", a->args.format);
    return CRM_OK;
}

/* Rank 0. */
static crm_status write_all(const app *a, const crm_vectors *v, crm_vectors_format format)
{
    CRM_TRY(crm_vectors_write(v, a->args.out, format));
    CRM_TRY(print_digest(v));
    return print_scores(a, v);
}

/* Rank 0: what would be found out after hours otherwise. */
static crm_status check_files(const app *a)
{
    static const crm_vectors none = {.dim = 1};
    char dir[CRM_PATH_MAX];
    double score;
    int64_t n, of;

    if (a->args.similarity)
        CRM_TRY(crm_vectors_similarity(&none, a->args.similarity, &score, &n, &of));
    if (a->args.analogy) CRM_TRY(crm_vectors_analogy(&none, a->args.analogy, &score, &n, &of));
    CRM_TRY(crm_path_dir(a->args.out, dir, sizeof dir));
    CRM_CHECK(crm_path_is_dir(dir), CRM_ERR_IO, "%s: there is no folder %s to write it to",
              a->args.out, dir);
    CRM_CHECK(!crm_path_is_dir(a->args.out), CRM_ERR_CONFIG,
              "%s: is a folder; --out of embed is a file", a->args.out);
    return CRM_OK;
}

crm_status cmd_embed(app *a)
{
    crm_vectors_format format;
    crm_corpus *c = NULL;
    crm_vectors v = {0};
    progress p = {.a = a};
    crm_status st;

    CRM_CHECK(a->args.operand && a->args.out, CRM_ERR_CONFIG,
              "embed needs text and a file to write: crmpi embed TEXT... --out vectors.txt");
    CRM_TRY(find_format(a, &format));
    CRM_TRY(configure(a));
    CRM_TRY(app_watch(a));
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? app_check_out(a) : CRM_OK)); /* data.path */
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? check_files(a) : CRM_OK));
    st = read_corpus(a, &c);
    p.epochs = app_models_embed(a)->epochs;
    p.start = crm_clock_now();
    if (!st)
        st = crm_embed_fit(a->world, a->pool, app_models_embed(a), c, (uint64_t)a->embed.seed, tell,
                           &p, &v);
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? write_all(a, &v, format) : CRM_OK);
    crm_vectors_free(&v);
    crm_corpus_free(&c);
    return st;
}
