/* context.c - the documents of each customer, read once, become columns of the profile. */
#include "crmpi/context.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "context_impl.h"

static const char *const kinds_names[] = {"learnt", "all", NULL};
_Static_assert(sizeof kinds_names / sizeof *kinds_names == CRM_CONTEXT_KINDS_COUNT + 1, "names");

#define S crm_context_cfg
const crm_opt crm_context_opts[] = {
    CRM_OPT_I(
        S, window, "annotate.window", 6, 0, 1000, "tokens", CRM_OPT_LAYOUT,
        "Tokens on each side of a mention of an aspect or entity that crmpi annotate takes its "
        "polarity of, up to the end of the clause."),
    CRM_OPT_R(S, neutral, "annotate.neutral", 0.05, 0, 1, "1", CRM_OPT_LAYOUT,
              "A polarity that is not further from 0 makes neither a preference nor a pain point."),
    CRM_OPT_S(S, prefix, "annotate.prefix", "", CRM_OPT_LAYOUT,
              "What the names of all columns of crmpi annotate begin with."),
    CRM_OPT_E(
        S, kinds, "annotate.kinds", "learnt", kinds_names, CRM_OPT_LAYOUT,
        "Documents that the models of crmpi annotate read: of the kinds that they learnt from "
        "(all where the data set has none of these, or the run does not tell), or all."),
    {.key = NULL},
};
#undef S

/* ---- columns ---- */
static void aspect_columns(context *c)
{
    const context_aspects *a = &c->aspects;
    char base[200], of[200], source[128];
    int any;

    if (a->n == 0) return;
    snprintf(source, sizeof source, "documents, by aspects (%s)", c->aspects_file.digest);
    for (int i = 0; i < a->n; i++) {
        int slot;
        snprintf(base, sizeof base, "aspects.%.150s", a->name[i]);
        snprintf(of, sizeof of, "mentions of %.150s", a->name[i]);
        slot = context_slot_add(c, base, of, source, a->kind[i]);
        if (i == 0) c->aspect_slot = slot;
    }
    any = context_slot_add(c, "aspects.any", "mentions of all aspects", source, CONTEXT_ANY);
    for (int i = 0; i < a->n && !c->slots.failed; i++)
        c->slots.slot[c->aspect_slot + i].all = any;
}

static void lexicon_columns(context *c)
{
    char source[128];

    if (!c->lexicon.there) return;
    snprintf(source, sizeof source, "documents, by lexicon (%s)", c->lexicon_file.digest);
    c->document_slot = context_slot_documents(c, source);
}

static void emotion_columns(context *c)
{
    char base[200], text[200], source[128];

    c->emotion_column = c->columns.n;
    snprintf(source, sizeof source, "documents, by emotions (%s)", c->emotions_file.digest);
    for (int i = 0; i < c->emotions.n; i++) {
        snprintf(base, sizeof base, "emotions.%.150s", c->emotions.name[i]);
        snprintf(text, sizeof text, "share of the words that tell of %.150s", c->emotions.name[i]);
        context_columns_add(&c->columns, "", source, base, "", text);
    }
}

static crm_status make_columns(context *c)
{
    c->columns.prefix = c->plan->cfg->prefix;
    context_readers_columns(c);
    lexicon_columns(c);
    aspect_columns(c);
    emotion_columns(c);
    CRM_CHECK(!c->columns.failed && !c->slots.failed, CRM_ERR_NOMEM,
              "out of memory: names of columns");
    return CRM_OK;
}

/* ---- a customer ---- */
typedef struct finder {
    context *c;
    const context_tokens *x;
} finder;

static crm_status take_aspect(void *ctx, int aspect, int64_t from, int64_t end)
{
    const finder *f = ctx;

    return context_mention(f->c, f->c->aspect_slot + aspect, f->x, from, end);
}

/* Returns the words of the document. */
static int64_t add_emotions(context *c, const context_tokens *x)
{
    const context_emotions *e = &c->emotions;
    int64_t words = 0;

    for (int64_t t = 0; e->n > 0 && t < x->n; t++) {
        int32_t w = x->id[t];
        if (crm_token_kind_of(c->docs->word[w]) != CRM_TOKEN_WORD) continue;
        words++;
        for (int64_t i = e->word_first[w]; i < e->word_first[w + 1]; i++)
            c->emotion[e->word_kind[i]]++;
    }
    return words;
}

static crm_status read_document(context *c, const context_tokens *x, int64_t *words)
{
    finder f = {c, x};

    if (c->lexicon.there) CRM_TRY(context_mention(c, c->document_slot, x, 0, x->n));
    *words += add_emotions(c, x);
    return context_aspects_find(&c->aspects, x, take_aspect, &f);
}

static crm_status read_row(context *c, int64_t row)
{
    const crm_documents *x = c->docs;
    float *out = c->value + (row - c->first) * c->columns.n + c->emotion_column;
    int64_t before = c->documents, words = 0;

    CRM_TRY(context_readers_row(c, row));
    for (int64_t d = x->first[row]; d < x->first[row + 1]; d++) {
        int64_t at = x->token_first[d];
        context_tokens tokens = {x->token + at, x->token_first[d + 1] - at};
        if (context_counts(c, d)) CRM_TRY(read_document(c, &tokens, &words));
        *(context_counts(c, d) ? &c->documents : &c->late) += 1;
    }
    c->customers += c->documents > before;
    for (int i = 0; i < c->emotions.n; i++) {
        out[i] = words ? (float)((double)c->emotion[i] / (double)words) : NAN;
        c->emotion[i] = 0;
    }
    return CRM_OK;
}

/* Words are looked up in tables: a damaged file must not lead beyond them. */
static crm_status check_tokens(const context *c)
{
    const crm_documents *x = c->docs;
    int64_t end = x->token_first[x->first[c->end]];

    for (int64_t t = x->token_first[x->first[c->first]]; t < end; t++)
        CRM_CHECK(x->token[t] >= 0 && x->token[t] < x->n_words, CRM_ERR_FORMAT,
                  "%s: documents/token holds id %d, there are %lld words", crm_data_path(c->d),
                  x->token[t], (long long)x->n_words);
    return CRM_OK;
}

static crm_status read_rows(context *c, crm_comm *comm)
{
    crm_tree_range(crm_data_rows(c->d), crm_comm_rank(comm), crm_comm_size(comm), &c->first,
                   &c->end);
    CRM_TRY(check_tokens(c));
    CRM_NEW(c->value, (c->end - c->first) * c->columns.n);
    CRM_NEW(c->emotion, c->emotions.n);
    CRM_NEW(c->mentions.row, c->end - c->first + 1);
    for (int64_t row = c->first; row < c->end; row++) {
        CRM_TRY(read_row(c, row));
        c->mentions.row[row - c->first + 1] = c->mentions.n;
    }
    return context_count_mentions(c);
}

/* ---- notes ---- */
static void add_notes(const context *c, crm_str *note)
{
    const crm_context_cfg *cfg = c->plan->cfg;
    const struct {
        const context_file *f;
        const char *what;
    } file[] = {{&c->lexicon_file, "lexicon"},
                {&c->aspects_file, "aspects"},
                {&c->emotions_file, "emotions"}};
    char documents[256];

    for (int i = 0; i < c->plan->n_models; i++) {
        const crm_context_model *m = &c->plan->model[i];
        crm_str_addf(note, "model %s of %s %s, trained on data %s", m->name, m->target, m->digest,
                     m->trained_on[0] ? m->trained_on : "unknown");
        if (c->plan->part) crm_str_addf(note, ", for part %d", i);
        context_reader_documents(c, c->plan->part ? 0 : i, documents, sizeof documents);
        if (strcmp(documents, "documents") != 0) crm_str_addf(note, ", reads %s", documents);
        crm_str_add(note, "", 1);
    }
    for (size_t k = 0; k < sizeof file / sizeof *file; k++)
        if (file[k].f->text) crm_str_addf(note, "%s %s%c", file[k].what, file[k].f->digest, '\0');
    if (c->lexicon.there)
        crm_str_addf(note, "polarity of %lld tokens on each side, neutral up to %g%c",
                     (long long)cfg->window, cfg->neutral, '\0');
}

static crm_status write(context *c, crm_comm *comm, const char *path, crm_digest *digest)
{
    const char *list[64];
    crm_str note = {0};
    crm_extension x = {
        .n = c->columns.n, .column = c->columns.column, .value = c->value, .note = list};
    crm_status st = CRM_OK;

    add_notes(c, &note);
    if (note.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: notes");
    st = crm_comm_agree(comm, st);
    for (size_t at = 0; !st && at < note.len; at += strlen(note.text + at) + 1)
        list[x.n_notes++] = note.text + at;
    if (!st) st = crm_data_extend(comm, c->d, &x, path, digest);
    crm_str_free(&note);
    return st;
}

/* ---- */
static crm_status read_files(context *c, crm_comm *comm)
{
    CRM_TRY(context_file_read(comm, c->plan->lexicon, &c->lexicon_file));
    CRM_TRY(context_file_read(comm, c->plan->aspects, &c->aspects_file));
    return context_file_read(comm, c->plan->emotions, &c->emotions_file);
}

static crm_status prepare(context *c)
{
    CRM_TRY(context_words_new(c->docs->n_words, c->docs->word, &c->words));
    CRM_TRY(context_lexicon_new(&c->lexicon_file, c->docs, &c->words, &c->lexicon));
    CRM_TRY(context_aspects_read(&c->aspects_file, &c->aspects));
    CRM_TRY(context_aspects_bind(&c->aspects, &c->words));
    CRM_TRY(context_emotions_read(&c->emotions_file, &c->emotions));
    CRM_TRY(context_emotions_bind(&c->emotions, &c->words));
    CRM_TRY(context_readers_new(c));
    return make_columns(c);
}

static crm_status annotate(context *c, crm_comm *comm, const char *path, crm_context_info *out)
{
    int64_t count[3];

    CRM_TRY(read_files(c, comm));
    CRM_TRY(crm_comm_agree(comm, prepare(c)));
    CRM_TRY(crm_comm_agree(comm, read_rows(c, comm)));
    count[0] = c->customers;
    count[1] = c->documents;
    count[2] = c->late;
    CRM_TRY(crm_comm_sum_i64(comm, count, 3));
    *out = (crm_context_info){
        .columns = c->columns.n, .customers = count[0], .documents = count[1], .late = count[2]};
    return write(c, comm, path, &out->digest);
}

crm_status crm_context_annotate(crm_comm *comm, const crm_data *d, const crm_context_plan *plan,
                                const char *path, crm_context_info *out)
{
    context c = {.plan = plan, .d = d, .docs = crm_data_documents(d)};
    crm_status st;

    CRM_CHECK(c.docs, CRM_ERR_CONFIG, "%s: has no documents to annotate", crm_data_path(d));
    CRM_CHECK(plan->n_models + (plan->lexicon != NULL) + (plan->aspects != NULL) +
                      (plan->emotions != NULL) >
                  0,
              CRM_ERR_CONFIG,
              "nothing to annotate with: give --model, --lexicon, --aspects or --emotions");
    CRM_CHECK(plan->n_models <= CRM_CONTEXT_MODELS_MAX, CRM_ERR_CONFIG,
              "%d models, there may be %d", plan->n_models, CRM_CONTEXT_MODELS_MAX);
    st = annotate(&c, comm, path, out);
    context_readers_free(&c);
    context_aspects_free(&c.aspects);
    context_emotions_free(&c.emotions);
    context_lexicon_free(&c.lexicon);
    context_words_free(&c.words);
    context_file_free(&c.lexicon_file);
    context_file_free(&c.aspects_file);
    context_file_free(&c.emotions_file);
    context_columns_free(&c.columns);
    context_mentions_free(&c.mentions);
    crm_mem_free(c.slots.slot);
    crm_mem_free(c.tally);
    crm_mem_free(c.emotion);
    crm_mem_free(c.value);
    return st;
}
