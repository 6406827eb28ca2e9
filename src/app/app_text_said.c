/* app_text_said.c - crmpi text: what a model says of a text: classes with probabilities, the score
 * of a list of rated words, spans of a tagger. */
#include <string.h>

#include "app_text.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "crmpi/stats_spans.h"

/* ---- classes ---- */
/* The target of the study as a head. */
static app_text_head own_head(const app_text_model *m)
{
    return (app_text_head){.target = m->target,
                           .class_name = m->class_name,
                           .n_classes = m->n_classes,
                           .proba = m->proba};
}

static const char *best_class(const app_text_head *h, const double *proba)
{
    int32_t class = 0;

    crm_stats_predict(1, (int)h->n_classes, proba, &class);
    return h->class_name[class];
}

static void say_class(const app_text_head *h, int64_t d, crm_str *out)
{
    const double *proba = h->proba + d * h->n_classes;

    crm_str_addf(out, "%s (", best_class(h, proba));
    for (int64_t c = 0; c < h->n_classes; c++)
        crm_str_addf(out, "%s%s %.3f", c ? ", " : "", h->class_name[c], proba[c]);
    crm_str_addf(out, ")");
}

static void put_class(const app_text_head *h, int64_t d, crm_json *out)
{
    const double *proba = h->proba + d * h->n_classes;

    crm_json_text(out, "class", best_class(h, proba));
    crm_json_object(out, "probabilities");
    for (int64_t c = 0; c < h->n_classes; c++)
        crm_json_real(out, h->class_name[c], proba[c]);
    crm_json_end(out);
}

static void begin_line(const char *target, const app_text_model *m, crm_str *out)
{
    crm_str_addf(out, "  %s by %s: ", target, m->name);
}

static void begin_object(const char *target, const app_text_model *m, crm_json *out)
{
    crm_json_object(out, NULL);
    crm_json_text(out, "target", target);
    crm_json_text(out, "model", m->name);
}

/* ---- topics ---- */
enum { TOPICS = 3 }; /* that are shown, the largest */

static void say_topics(const app_text_model *m, int64_t d, crm_str *out)
{
    if (m->n_topics == 0) return;
    crm_str_addf(out, "  topics by %s:", m->name);
    for (int i = 0, k; i < TOPICS && (k = app_text_topic(m, d, i)) >= 0; i++)
        crm_str_addf(out, "%s %s %.3f", i ? "," : "", m->topic[k],
                     (double)m->mix[d * m->n_topics + k]);
    crm_str_addf(out, "\n");
}

static void put_topics(const app_text_model *m, int64_t d, crm_json *out)
{
    if (m->n_topics == 0) return;
    crm_json_list(out, "topics");
    for (int i = 0, k; i < TOPICS && (k = app_text_topic(m, d, i)) >= 0; i++) {
        crm_json_object(out, NULL);
        crm_json_text(out, "topic", m->topic[k]);
        crm_json_real(out, "share", (double)m->mix[d * m->n_topics + k]);
        crm_json_end(out);
    }
    crm_json_end(out);
}

/* ---- spans ---- */
typedef struct spans {
    const app_texts *t;
    const app_text_model *m;
    crm_bio *bio;
    const char **type;
    int64_t at, end; /* tokens of the text */
    crm_str text;    /* of the span at hand */
} spans;

static crm_status spans_open(const app_texts *t, const app_text_model *m, int64_t d, spans *s)
{
    int k, n_types;

    *s = (spans){.t = t, .m = m, .at = t->first[d], .end = t->first[d + 1]};
    CRM_TRY(crm_to_int(m->n_classes, &k));
    CRM_NEW(s->bio, k);
    CRM_NEW(s->type, k);
    return crm_bio_read(k, m->class_name, s->bio, s->type, &n_types);
}

static void spans_close(spans *s)
{
    crm_mem_free(s->bio);
    crm_mem_free(s->type);
    crm_str_free(&s->text);
}

/* The next span: its first token and number of tokens; its words go to s->text.  0: none is left.
 */
static int64_t next_span(spans *s, int64_t *first)
{
    const int32_t *tag = s->m->tag;
    int64_t n = 0;

    while (s->at < s->end && s->bio[tag[s->at]].mark == 'O')
        s->at++;
    *first = s->at;
    s->text.len = 0;
    for (; s->at < s->end; s->at++, n++) {
        const crm_bio *b = &s->bio[tag[s->at]];
        if (n > 0 && (b->mark != 'I' || b->type != s->bio[tag[*first]].type)) break;
        crm_str_addf(&s->text, "%s%s", n ? " " : "", s->t->word[s->t->token[s->at]]);
    }
    return n;
}

static const char *type_of(const spans *s, int64_t first)
{
    return s->type[s->bio[s->m->tag[first]].type];
}

static void say_spans(spans *s, crm_str *out)
{
    int64_t first, many = 0;

    for (; next_span(s, &first) > 0; many++)
        crm_str_addf(out, "%s%s \"%s\"", many ? ", " : "", type_of(s, first),
                     s->text.text ? s->text.text : "");
    if (many == 0) crm_str_addf(out, "none");
}

static void put_spans(spans *s, crm_json *out)
{
    int64_t start = s->at, first, n;

    crm_json_list(out, "spans");
    while ((n = next_span(s, &first)) > 0) {
        crm_json_object(out, NULL);
        crm_json_text(out, "type", type_of(s, first));
        crm_json_text(out, "text", s->text.text ? s->text.text : "");
        crm_json_int(out, "first", first - start);
        crm_json_int(out, "tokens", n);
        crm_json_end(out);
    }
    crm_json_end(out);
}

/* ---- */
crm_status app_text_said(const app_texts *t, const app_text_model *m, int64_t d, crm_str *out)
{
    const app_text_head own = own_head(m);
    spans s;
    crm_status st = CRM_OK;

    if (!m->proba && !m->tag) return CRM_OK;
    begin_line(m->target, m, out);
    if (m->tag) {
        st = spans_open(t, m, d, &s);
        if (!st) say_spans(&s, out);
        if (!st && s.text.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: spans");
        spans_close(&s);
    } else {
        say_class(&own, d, out);
        if (m->score) crm_str_addf(out, ", score %.4f", (double)m->score[d]);
    }
    crm_str_addf(out, "\n");
    for (int i = 0; i < m->n_heads; i++) {
        begin_line(m->head[i].target, m, out);
        say_class(&m->head[i], d, out);
        crm_str_addf(out, "\n");
    }
    say_topics(m, d, out);
    return st;
}

crm_status app_text_said_json(const app_texts *t, const app_text_model *m, int64_t d, crm_json *out)
{
    const app_text_head own = own_head(m);
    spans s;
    crm_status st = CRM_OK;

    if (!m->proba && !m->tag) return CRM_OK;
    begin_object(m->target, m, out);
    if (m->tag) {
        st = spans_open(t, m, d, &s);
        if (!st) put_spans(&s, out);
        if (!st && s.text.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: spans");
        spans_close(&s);
    } else {
        put_class(&own, d, out);
        if (m->score) crm_json_real(out, "score", (double)m->score[d]);
        put_topics(m, d, out);
    }
    crm_json_end(out);
    for (int i = 0; i < m->n_heads; i++) {
        begin_object(m->head[i].target, m, out);
        put_class(&m->head[i], d, out);
        crm_json_end(out);
    }
    return st;
}
