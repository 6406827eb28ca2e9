/* cmd_text.c - crmpi text: each line of the files as tokens with their kinds, what each step of the
 * pipeline makes of them, the forms that are left, and with --model their ids and the prediction.
 * Rank 0 works alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app_text.h"
#include "crmpi/base_mem.h"
#include "crmpi/record_json.h"
#include "crmpi/store.h"

enum { FILE_BYTES_MAX = 1 << 28 };

/* ---- reading ---- */
typedef struct reader {
    app_texts *t;
    int64_t cap, cap_tokens;
    char **written; /* [n_tokens] as they come */
} reader;

static crm_status add_token(void *ctx, const char *token, size_t len)
{
    reader *r = ctx;

    (void)len;
    if (r->t->n_tokens == r->cap_tokens) {
        int64_t cap = 2 * r->cap_tokens + 1024;
        char **p = crm_mem_grow(r->written, (size_t)r->t->n_tokens, (size_t)cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld tokens", (long long)cap);
        r->written = p;
        r->cap_tokens = cap;
    }
    r->written[r->t->n_tokens] = crm_mem_strdup(token);
    CRM_CHECK(r->written[r->t->n_tokens++], CRM_ERR_NOMEM, "out of memory: tokens");
    return CRM_OK;
}

#define GROW(p, n, cap)                                                                            \
    do {                                                                                           \
        void *new_ = crm_mem_grow(p, (size_t)(n), (size_t)(cap), sizeof *(p));                     \
        CRM_CHECK(new_, CRM_ERR_NOMEM, "out of memory: %lld texts", (long long)(cap));             \
        (p) = new_;                                                                                \
    } while (0)

/* What is shown of a text ends at no byte: 0 is U+FFFD.  out has 3 len + 1 bytes. */
static void show_bytes(const char *text, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i])
            *out++ = text[i];
        else
            out = stpcpy(out, "\xEF\xBF\xBD");
    }
    *out = '\0';
}

static crm_status add_text(reader *r, const char *file, int64_t line, const char *text, size_t len)
{
    app_texts *t = r->t;

    if (t->n == r->cap) {
        int64_t cap = 2 * r->cap + 256;
        GROW(t->file, t->n, cap);
        GROW(t->line, t->n, cap);
        GROW(t->text, t->n, cap);
        GROW(t->first, t->n, cap + 1);
        r->cap = cap;
    }
    t->file[t->n] = file;
    t->line[t->n] = line;
    t->text[t->n] = crm_mem_new(3 * len + 1, 1);
    CRM_CHECK(t->text[t->n], CRM_ERR_NOMEM, "out of memory: a text of %zu bytes", len);
    show_bytes(text, len, t->text[t->n]);
    t->first[t->n++] = t->n_tokens;
    return crm_text_split(text, len, add_token, r, NULL);
}

/* All of stdin. */
static crm_status read_stdin(char **out, size_t *len)
{
    crm_str s = {0};
    char piece[65536];
    size_t n;
    crm_status st = CRM_OK;

    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0 && s.len < FILE_BYTES_MAX)
        crm_str_add(&s, piece, n);
    if (ferror(stdin)) CRM_SET(st, CRM_ERR_IO, "standard input: %s", strerror(errno));
    if (!st && s.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: standard input");
    if (!st && s.len >= FILE_BYTES_MAX)
        CRM_SET(st, CRM_ERR_FORMAT, "standard input: more than %d bytes", FILE_BYTES_MAX);
    *out = crm_mem_new(s.len + 1, 1);
    if (!st && !*out) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: standard input");
    if (!st && s.len) memcpy(*out, s.text, s.len);
    *len = s.len;
    crm_str_free(&s);
    return st;
}

static crm_status read_file(const char *file, char **text, size_t *len)
{
    if (strcmp(file, "-") == 0) return read_stdin(text, len);
    CRM_CHECK(crm_path_is_dir(file) || !crm_store_is_hdf5(file), CRM_ERR_CONFIG,
              "%s: is an HDF5 file; crmpi text reads files of text, a text in each line, such as "
              "the CSV that a data set was made of; crmpi predict reads data sets",
              file);
    return crm_path_read(file, FILE_BYTES_MAX, text, len);
}

static crm_status add_file(const app *a, reader *r, const char *file)
{
    char *text = NULL;
    size_t len = 0;
    int64_t line = 1;
    crm_status st = read_file(file, &text, &len);

    if (!st && a->args.whole) st = add_text(r, file, 0, text, len);
    for (size_t i = 0, n; !st && !a->args.whole && i < len; i += n + 1, line++) {
        const char *end = memchr(text + i, '\n', len - i);
        n = end ? (size_t)(end - text) - i : len - i;
        st = add_text(r, file, line, text + i, n > 0 && text[i + n - 1] == '\r' ? n - 1 : n);
    }
    crm_mem_free(text);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The dictionary: words in byte order, each once. */
static crm_status make_dictionary(reader *r)
{
    app_texts *t = r->t;

    CRM_NEW(t->word, t->n_tokens);
    CRM_NEW(t->token, t->n_tokens);
    GROW(t->first, t->n, t->n + 1);
    t->first[t->n] = t->n_tokens;
    if (t->n_tokens) memcpy(t->word, r->written, (size_t)t->n_tokens * sizeof *t->word);
    qsort(t->word, (size_t)t->n_tokens, sizeof *t->word, by_text);
    for (int64_t i = 0; i < t->n_tokens; i++)
        if (i == 0 || strcmp(t->word[i], t->word[t->n_words - 1]) != 0)
            t->word[t->n_words++] = t->word[i];
    for (int64_t i = 0; i < t->n_tokens; i++) {
        char **at = bsearch(&r->written[i], t->word, (size_t)t->n_words, sizeof *t->word, by_text);
        t->token[i] = (int32_t)(at - t->word);
    }
    return CRM_OK;
}

/* ---- models ---- */
/* A model of --model, with the options of its run. */
typedef struct loaded {
    app app;
    app_text_model model;
} loaded;

/* Models in the order of the command line; tokens are shown as the first sees them that reads
 * words. */
typedef struct models {
    int n;
    loaded *one; /* [n] */
} models;

static const loaded *reader_of_words(const models *all)
{
    int i = 0;

    while (i < all->n && !all->one[i].model.fixed)
        i++;
    return i < all->n ? &all->one[i] : all->n ? &all->one[0] : NULL;
}

/* ---- what is shown of a text ---- */
typedef struct shower {
    const app_texts *t;
    const models *all;
    const app_text_model *m; /* whose words are shown; none: all zeros */
    const crm_text_cfg *cfg;
    crm_forms *forms;
    crm_explainer *steps;
    crm_json *json; /* NULL: plain text */
    crm_str out;
    int width; /* of the column of tokens */
    crm_str line;
} shower;

/* Places on a terminal, about: characters. */
static int width_of(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void add_padded(crm_str *s, const char *text, int width)
{
    int more = width - width_of(text);

    crm_str_addf(s, "%s%*s", text, more > 0 ? more : 0, "");
}

static void tell_step(void *ctx, const char *step, const char *now)
{
    shower *x = ctx;

    if (x->json) {
        crm_json_object(x->json, NULL);
        crm_json_text(x->json, "step", step);
        if (now) crm_json_text(x->json, "now", now);
        crm_json_end(x->json);
    } else if (now) {
        crm_str_addf(&x->line, "%s%s %s", x->line.len ? ", " : "", step, now);
    } else {
        crm_str_addf(&x->line, "%s%s", x->line.len ? ", " : "", step);
    }
}

static int32_t id_of(const shower *x, int32_t form)
{
    return form < 0 || !x->m->vocab
               ? 0
               : crm_vocab_id(x->m->vocab, x->cfg, crm_forms_text(x->forms)[form]);
}

/* The steps of token i; a mark of negation is told by the walk. */
static void tell_steps(shower *x, const int32_t *token, int64_t i, int64_t n, int32_t form)
{
    const char *text = form < 0 ? "" : crm_forms_text(x->forms)[form];
    size_t len = strlen(text);

    crm_explainer_tell(x->steps, x->t->word[token[i]], i + 1 < n ? x->t->word[token[i + 1]] : NULL,
                       tell_step, x);
    if (x->cfg->negation == CRM_NEGATION_MARK && len > 4 && strcmp(text + len - 4, "_not") == 0)
        tell_step(x, "negation", text);
}

static void show_token_json(shower *x, const int32_t *token, int64_t i, int64_t n, int32_t form)
{
    const char *word = x->t->word[token[i]];
    crm_json *j = x->json;

    crm_json_object(j, NULL);
    crm_json_text(j, "token", word);
    crm_json_text(j, "kind", crm_token_kind_names[crm_token_kind_of(word)]);
    crm_json_list(j, "steps");
    tell_steps(x, token, i, n, form);
    crm_json_end(j);
    if (form >= 0) crm_json_text(j, "form", crm_forms_text(x->forms)[form]);
    if (x->m->vocab && form >= 0) crm_json_int(j, "id", id_of(x, form));
    crm_json_end(j);
}

static void show_token(shower *x, const int32_t *token, int64_t i, int64_t n, int32_t form)
{
    const char *word = x->t->word[token[i]];

    if (x->json) {
        show_token_json(x, token, i, n, form);
        return;
    }
    x->line.len = 0;
    if (x->line.text) x->line.text[0] = '\0';
    tell_steps(x, token, i, n, form);
    crm_str_addf(&x->out, "  ");
    add_padded(&x->out, word, x->width);
    crm_str_addf(&x->out, "  %-11s  ", crm_token_kind_names[crm_token_kind_of(word)]);
    add_padded(&x->out, form < 0 ? "-" : crm_forms_text(x->forms)[form], x->width);
    if (x->m->vocab && form >= 0)
        crm_str_addf(&x->out, "  %6d", (int)id_of(x, form));
    else if (x->m->vocab)
        crm_str_addf(&x->out, "  %6s", "-");
    crm_str_addf(&x->out, "  %s\n", x->line.text && x->line.text[0] ? x->line.text : "-");
}

/* Each token with its form. */
static void show_tokens(shower *x, int64_t d)
{
    const int32_t *token = x->t->token + x->t->first[d];
    int64_t n = x->t->first[d + 1] - x->t->first[d], done = 0;
    crm_forms_cursor at = {0};
    int32_t form;

    while (crm_forms_next(x->forms, token, n, &at, 1, &form) > 0) {
        for (; done < at.token - 1; done++)
            show_token(x, token, done, n, -1);
        show_token(x, token, done++, n, form);
    }
    for (; done < n; done++)
        show_token(x, token, done, n, -1);
}

static void widen(shower *x, int64_t d)
{
    x->width = 8;
    for (int64_t i = x->t->first[d]; i < x->t->first[d + 1]; i++) {
        int n = width_of(x->t->word[x->t->token[i]]) + (x->cfg->negation == CRM_NEGATION_MARK) * 4;
        if (n > x->width) x->width = n < 32 ? n : 32;
    }
}

static crm_status show_text_json(shower *x, int64_t d)
{
    const app_texts *t = x->t;

    crm_json_object(x->json, NULL);
    crm_json_text(x->json, "file", t->file[d]);
    if (t->line[d]) crm_json_int(x->json, "line", t->line[d]);
    crm_json_text(x->json, "text", t->text[d]);
    crm_json_list(x->json, "tokens");
    show_tokens(x, d);
    crm_json_end(x->json);
    if (x->all->n) crm_json_list(x->json, "predictions");
    for (int i = 0; i < x->all->n; i++)
        CRM_TRY(app_text_said_json(t, &x->all->one[i].model, d, x->json));
    if (x->all->n) crm_json_end(x->json);
    crm_json_end(x->json);
    return CRM_OK;
}

static crm_status show_text(shower *x, int64_t d)
{
    const app_texts *t = x->t;

    if (x->json) return show_text_json(x, d);
    if (t->line[d])
        crm_str_addf(&x->out, "%s:%lld: %s\n", t->file[d], (long long)t->line[d], t->text[d]);
    else
        crm_str_addf(&x->out, "%s\n", t->file[d]);
    widen(x, d);
    show_tokens(x, d);
    for (int i = 0; i < x->all->n; i++)
        CRM_TRY(app_text_said(t, &x->all->one[i].model, d, &x->out));
    return CRM_OK;
}

/* Models that say nothing of rows of which nothing is known but a text. */
static void show_silent(shower *x)
{
    if (x->json) crm_json_list(x->json, "no_prediction");
    for (int i = 0; i < x->all->n; i++) {
        const app_text_model *m = &x->all->one[i].model;
        if (m->why[0] && x->json) {
            crm_json_object(x->json, NULL);
            crm_json_text(x->json, "model", m->name);
            crm_json_text(x->json, "why", m->why);
            crm_json_end(x->json);
        } else if (m->why[0]) {
            crm_str_addf(&x->out, "no prediction by %s: %s\n", m->name, m->why);
        }
    }
    if (x->json) crm_json_end(x->json);
}

/* Whatever is in texts and names, a terminal gets lines of characters. */
static void make_harmless(crm_str *s)
{
    crm_str safe = {.failed = s->failed};

    for (size_t i = 0, n; i < s->len; i += n + 1) {
        n = (size_t)((char *)memchr(s->text + i, '\n', s->len - i) - (s->text + i));
        crm_opt_escape(&safe, s->text + i, n);
        crm_str_addf(&safe, "\n");
    }
    crm_str_free(s);
    *s = safe;
}

static crm_status show_all(shower *x)
{
    if (x->json) crm_json_list(x->json, "texts");
    for (int64_t d = 0; d < x->t->n; d++)
        CRM_TRY(show_text(x, d));
    if (x->json) crm_json_end(x->json);
    if (x->all->n) show_silent(x);
    if (x->json)
        CRM_TRY(crm_json_print(x->json, &x->out));
    else
        make_harmless(&x->out);
    CRM_CHECK(!x->out.failed && !x->line.failed, CRM_ERR_NOMEM, "out of memory: texts");
    return CRM_OK;
}

static crm_status show(const app *a, const app_texts *t, const models *all)
{
    static const app_text_model none;
    const loaded *l = reader_of_words(all);
    shower x = {.t = t, .all = all, .m = l ? &l->model : &none};
    crm_status st;

    x.cfg = x.m->fixed ? &x.m->fixed->cfg : app_models_text(l ? &l->app : a);
    st = crm_forms_new(x.cfg, t->n_words, (const char *const *)t->word, &x.forms);
    if (!st) st = crm_explainer_new(x.cfg, &x.steps);
    if (!st && a->args.json) st = crm_json_new(&x.json);
    if (!st) st = show_all(&x);
    if (!st) st = app_print_all(a, x.out.text ? x.out.text : "", x.out.len);
    crm_json_free(&x.json);
    crm_explainer_free(&x.steps);
    crm_forms_free(&x.forms);
    crm_str_free(&x.out);
    crm_str_free(&x.line);
    return st;
}

/* ---- the command ---- */
static void texts_free(reader *r)
{
    app_texts *t = r->t;

    for (int64_t i = 0; i < t->n; i++)
        crm_mem_free(t->text[i]);
    for (int64_t i = 0; r->written && i < t->n_tokens; i++)
        crm_mem_free(r->written[i]);
    crm_mem_free(r->written);
    crm_mem_free(t->file);
    crm_mem_free(t->line);
    crm_mem_free(t->text);
    crm_mem_free(t->first);
    crm_mem_free(t->token);
    crm_mem_free(t->word);
}

static crm_status work(const app *a, models *all)
{
    app_texts t = {0};
    reader r = {.t = &t};
    crm_status st = add_file(a, &r, a->args.operand);

    for (int i = 0; i < a->args.n_more && !st; i++)
        st = add_file(a, &r, a->args.more[i]);
    if (!st) st = make_dictionary(&r);
    for (int i = 0; i < all->n && !st; i++) {
        st = app_text_model_read(&all->one[i].app, &all->one[i].model);
        if (!st) st = app_text_model_predict(&all->one[i].app, &t, &all->one[i].model);
    }
    if (!st) st = show(a, &t, all);
    texts_free(&r);
    return st;
}

/* Options of a file (NULL: none), then --set on top of them. */
static crm_status read_options(app *a, const char *path)
{
    char *yaml = NULL;
    size_t len = 0;
    crm_status st = CRM_OK;

    if (path) st = app_read_config(a, path, &yaml, &len);
    if (!st) st = app_configure(a, path, yaml, len);
    crm_mem_free(yaml);
    return st;
}

static crm_status open_model(const app *a, const char *path, loaded *l)
{
    char config[CRM_PATH_MAX];
    crm_status st;

    l->app = (app){.world = a->world, .args = a->args};
    l->app.args.model = path;
    st = app_text_model_place(&l->app, &l->model);
    if (!st) st = crm_path_join(l->model.run, "config.yaml", config, sizeof config);
    CRM_TRY(crm_comm_agree(a->world, st));
    return read_options(&l->app, config);
}

static crm_status configure(app *a, models *all)
{
    const app_args *args = &a->args;

    CRM_CHECK(args->operand, CRM_ERR_CONFIG,
              "text needs files, or - for standard input: crmpi text FILE...");
    CRM_CHECK(!args->config || !args->model, CRM_ERR_CONFIG,
              "--config and --model do not go together: a model has the options of its run");
    if (!args->model) return read_options(a, args->config);
    all->one = crm_mem_new((size_t)args->n_models, sizeof *all->one);
    CRM_TRY(crm_comm_agree(a->world, all->one ? CRM_OK : CRM_ERR_NOMEM));
    for (; all->n < args->n_models; all->n++)
        CRM_TRY(open_model(a, args->models[all->n], &all->one[all->n]));
    return CRM_OK;
}

static void models_free(const app *a, models *all)
{
    for (int i = 0; all->one && i < a->args.n_models; i++) {
        app_text_model_free(&all->one[i].model);
        app_models_free(&all->one[i].app);
        crm_opt_set_free(&all->one[i].app.opts);
        crm_pool_free(&all->one[i].app.pool);
    }
    crm_mem_free(all->one);
}

crm_status cmd_text(app *a)
{
    models all = {0};
    crm_status st = configure(a, &all);

    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? work(a, &all) : CRM_OK);
    models_free(a, &all);
    return st;
}
