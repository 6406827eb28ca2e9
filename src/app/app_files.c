/* app_files.c - files that options name and of whose content a result depends (CRM_OPT_FILE): stop
 * words, word vectors.  Their digests bind a run as its data do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app_impl.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"

/* What such an option says instead of a file. */
static const char *const words[] = {"", "none", "list", "fold"};

/* Sees each option that names a file that is there; what is missing is told by who reads it. */
typedef struct walk {
    crm_status st;
    crm_status (*see)(void *ctx, const char *key, const char *path, crm_digest content);
    void *ctx;
} walk;

static crm_status digest_of(const char *path, crm_digest *out)
{
    char piece[1 << 16];
    FILE *f = fopen(path, "rb");
    crm_hash *h = NULL;
    crm_status st = CRM_OK;
    size_t n;

    CRM_CHECK(f, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    st = crm_hash_new(&h);
    while (!st && (n = fread(piece, 1, sizeof piece, f)) > 0)
        crm_hash_add(h, piece, n);
    if (!st && ferror(f)) CRM_SET(st, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!st) *out = crm_hash_value(h);
    crm_hash_free(&h);
    fclose(f);
    return st;
}

static void see_option(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    walk *w = ctx;
    crm_digest content;

    (void)origin;
    if (w->st || !(o->flags & CRM_OPT_FILE)) return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(value, words[i]) == 0) return;
    if (!crm_path_is_file(value)) return;
    w->st = digest_of(value, &content);
    if (!w->st) w->st = w->see(w->ctx, o->key, value, content);
}

/* Rank 0. */
static crm_status each_file(const app *a,
                            crm_status (*see)(void *ctx, const char *key, const char *path,
                                              crm_digest content),
                            void *ctx)
{
    walk w = {.see = see, .ctx = ctx};

    CRM_TRY(crm_opt_set_each(a->opts, see_option, &w));
    return w.st;
}

/* ---- of all files ---- */

typedef struct sum {
    crm_hash *h;
    int64_t n;
} sum;

static crm_status add(void *ctx, const char *key, const char *path, crm_digest content)
{
    sum *s = ctx;

    (void)path;
    crm_hash_add_text(s->h, key);
    crm_hash_add_digest(s->h, content);
    s->n++;
    return CRM_OK;
}

static crm_status sum_up(const app *a, sum *s)
{
    CRM_TRY(crm_hash_new(&s->h));
    return each_file(a, add, s);
}

crm_status app_files_digest(app *a, crm_digest *out, bool *any)
{
    sum s = {.n = 0};
    crm_status st = crm_comm_agree(a->world, app_is_root(a) ? sum_up(a, &s) : CRM_OK);

    if (!st && s.h) *out = crm_hash_value(s.h);
    crm_hash_free(&s.h);
    if (!st) st = crm_comm_bcast(a->world, 0, &s.n, sizeof s.n);
    if (!st && s.n) st = crm_comm_bcast(a->world, 0, out, sizeof *out);
    *any = s.n > 0;
    return st;
}

/* ---- in run.json, under digests.files.KEY ---- */

static crm_status note(void *ctx, const char *key, const char *path, crm_digest content)
{
    char name[CRM_PATH_MAX], hex[CRM_DIGEST_HEX];

    (void)path;
    snprintf(name, sizeof name, "digests.files.%s", key);
    return crm_record_note_text(ctx, name, crm_digest_hex(content, hex));
}

crm_status app_files_note(const app *a, crm_record *run)
{
    return app_is_root(a) ? each_file(a, note, run) : CRM_OK;
}

static crm_status compare(void *ctx, const char *key, const char *path, crm_digest content)
{
    char name[CRM_PATH_MAX], then[CRM_DIGEST_HEX], now[CRM_DIGEST_HEX];

    snprintf(name, sizeof name, "digests.files.%s", key);
    crm_record_read_note(ctx, name, then, sizeof then);
    crm_digest_hex(content, now);
    CRM_CHECK(!then[0] || strcmp(then, now) == 0, CRM_ERR_FORMAT,
              "%s: %s has another content than in the run: digest %s, run.json says %s", path, key,
              now, then);
    return CRM_OK;
}

crm_status app_files_compare(const app *a, const char *dir)
{
    return each_file(a, compare, (void *)(uintptr_t)dir);
}

/* ---- what --out must not be ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static crm_status check_input(const app *a, const char *input)
{
    CRM_CHECK(!input || !input[0] || !is_same_file(a->args.out, input), CRM_ERR_CONFIG,
              "--out %s: is a file that is read; name another one", a->args.out);
    return CRM_OK;
}

/* Text of these commands never takes the place of a data set or a model. */
static crm_status check_kind(const app *a)
{
    static const char *const text[] = {"text", "embed", "predict", "import"};
    size_t n = strlen(a->args.out), i = 0;

    while (i < sizeof text / sizeof *text && strcmp(a->args.command, text[i]) != 0)
        i++;
    if (i == sizeof text / sizeof *text || (strcmp(text[i], "import") == 0 && !a->args.propose))
        return CRM_OK;
    if (a->args.embedding && n > 3 && strcmp(a->args.out + n - 3, ".h5") == 0) return CRM_OK;
    CRM_CHECK(!crm_path_is_file(a->args.out) || !crm_store_is_hdf5(a->args.out), CRM_ERR_CONFIG,
              "--out %s: is there and is an HDF5 file, text would replace it; name another one",
              a->args.out);
    return CRM_OK;
}

crm_status app_check_out(const app *a)
{
    const app_args *g = &a->args;
    const char *const input[] = {g->operand, g->similarity, g->analogy, g->vectors,
                                 g->config,  g->lexicon,    g->aspects, g->emotions,
                                 g->parts,   g->ids,        g->weights, g->init};

    if (!g->out) return CRM_OK;
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        CRM_TRY(check_input(a, input[i]));
    for (int i = 0; i < g->n_more; i++)
        CRM_TRY(check_input(a, g->more[i]));
    for (int i = 0; i < g->n_models; i++)
        CRM_TRY(check_input(a, g->models[i]));
    for (int i = 0; i < g->n_set; i++)
        if (strncmp(g->set[i], "data.path=", 10) == 0) CRM_TRY(check_input(a, g->set[i] + 10));
    if (a->opts && strcmp(g->command, "synth") != 0) CRM_TRY(check_input(a, a->cfg.data_path));
    return check_kind(a);
}
