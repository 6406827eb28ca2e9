/* app_text.h - crmpi text: texts as tokens, and a fitted model that reads them. */
#ifndef CRM_APP_TEXT_H
#define CRM_APP_TEXT_H

#include "app_impl.h"
#include "crmpi/base_path.h"
#include "crmpi/record_json.h"
#include "crmpi/text.h"

/* All texts: tokens of text d are token[first[d]] .. token[first[d + 1] - 1], ids into word. */
typedef struct app_texts {
    int64_t n, n_tokens, n_words;
    const char **file; /* [n] */
    int64_t *line;     /* [n] from 1; 0: the whole file */
    char **text;       /* [n] */
    int64_t *first;    /* [n + 1] */
    int32_t *token;    /* [n_tokens] */
    char **word;       /* [n_words] sorted */
} app_texts;

/* A further target of a net of several heads, and what the model makes of the texts. */
typedef struct app_text_head {
    const char *target;
    const char *const *class_name;
    int64_t n_classes;
    double *proba; /* [n][n_classes] */
} app_text_head;

/* A model with the options of its run, its words and what it makes of the texts; all of it may be
 * absent. */
typedef struct app_text_model {
    char run[CRM_PATH_MAX], name[64];
    crm_bag *bag;
    crm_text_fixed *fixed; /* NULL: the model reads no words */
    crm_vocab *vocab;
    const char *target; /* "": not told */
    const char *const *class_name;
    int64_t n_classes;
    double *proba;        /* [n][n_classes]; NULL: no prediction */
    int n_heads;          /* further targets that have classes */
    app_text_head *head;  /* [n_heads] */
    crm_pipeline *fitted; /* whose names the heads have; NULL: there are none */
    float *score;         /* [n] of a lexicon; NULL: it is another model */
    int32_t *tag;         /* [n_tokens] of a tagger; NULL: it is another model */
    int n_topics;         /* 0: it has learnt none */
    char **topic;         /* [n_topics] "topic 1 (its words)" */
    float *mix;           /* [n][n_topics] */
    char why[1024];       /* there is none of these */
} app_text_model;

/** Where --model leads: the run, and the name of the model ("" for the first of the run). */
CRM_CHECKED app_text_model_place(const app *a, app_text_model *m);
/** Read the model; then predictions for rows with one of the texts each and nothing else known.
 * One process. */
CRM_CHECKED app_text_model_read(app *a, app_text_model *m);
CRM_CHECKED app_text_model_predict(app *a, const app_texts *t, app_text_model *m);
void app_text_model_free(app_text_model *m);

/** app_text_said.c: what the model says of text d, as a line or as an object of a list. */
CRM_CHECKED app_text_said(const app_texts *t, const app_text_model *m, int64_t d, crm_str *out);
CRM_CHECKED app_text_said_json(const app_texts *t, const app_text_model *m, int64_t d,
                               crm_json *out);

/** app_text_topics.c: topics of texts that are rows row[n] of d, by the model's columns. */
CRM_CHECKED app_text_topics_read(const crm_model_spec *spec, const crm_data *d,
                                 const crm_schema *columns, const int64_t *row, int64_t n,
                                 app_text_model *m);
void app_text_topics_free(app_text_model *m);
/** The topic of text d that has the nth largest share, from 0; -1: there are fewer. */
int app_text_topic(const app_text_model *m, int64_t d, int nth);

#endif
