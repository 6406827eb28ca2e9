/* context.h - what the texts of customers tell about them, as numeric columns of their profiles
 * (room context).
 *
 * Each document of a data set is read once: by fitted models (spans of entities, classes of
 * documents), by patterns of aspects with the polarity of the words around them, and by lexicons of
 * polarity and of emotions.  A customer's columns are counts (0 without documents) and means
 * (missing then) over the documents up to the cut-off: those whose time is not before 0.  Columns
 * depend on no number of ranks: each customer is read by one of them, in the order of the
 * documents. */
#ifndef CRM_CONTEXT_H
#define CRM_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/comm.h"
#include "crmpi/data.h"
#include "crmpi/estimator.h"
#include "crmpi/opt.h"

typedef struct crm_context_cfg {
    int64_t window; /* tokens on each side of a mention that its polarity is taken of */
    double neutral; /* a polarity up to this far from 0 is neither a preference nor a pain point */
    const char *prefix; /* in front of the names of all columns */
    int kinds;          /* crm_context_kinds: of documents that models read */
} crm_context_cfg;
typedef enum crm_context_kinds {
    CRM_CONTEXT_LEARNT, /* those that they learnt from, where the data set has any of them */
    CRM_CONTEXT_ALL,
    CRM_CONTEXT_KINDS_COUNT
} crm_context_kinds;
extern const crm_opt crm_context_opts[]; /* annotate.* */

enum { CRM_CONTEXT_MODELS_MAX = 16 };
/** A fitted model of documents or of tokens. */
typedef struct crm_context_model {
    const char *name, *target;
    bool tags; /* of tokens: a tagger with BIO tags for classes */
    int n_classes;
    const char *const *class_name; /* [n_classes] */
    crm_pipeline *pipeline;
    const crm_data *rows;            /* that it takes: the documents of the data set as rows
                                        (crm_data_take_documents); of a tagger, the data set itself */
    const char *digest, *trained_on; /* of the model and of its data; "": not known */
    int n_kinds;
    const char *const *kind; /* [n_kinds] of the documents that it learnt from; 0: not known */
} crm_context_model;

/** What is to be read and by what; the same on every rank. */
typedef struct crm_context_plan {
    const crm_context_cfg *cfg;
    int n_models;
    const crm_context_model *model; /* [n_models] */
    const int32_t *part; /* [rows] number of the model that reads the documents of each customer;
                            the models have learnt the same target.  NULL: all read all */
    const char *lexicon, *aspects, *emotions; /* files, rank 0 reads them; NULL: none */
} crm_context_plan;

/** What came of it, the same on every rank. */
typedef struct crm_context_info {
    int columns;
    int64_t customers, documents; /* with documents that count; those documents */
    int64_t late;                 /* documents behind the cut-off: not counted  */
    crm_digest digest;            /* of the new data set                        */
} crm_context_info;

/** Kinds of the documents of d that a model of the plan reads: reads[kinds] becomes 1 for them,
 * else 0.  Models of parts read what any of them has learnt from.  Not collective. */
void crm_context_reads(const crm_context_plan *plan, const crm_data *d, int model, uint8_t *reads);

/** Write d with the columns behind its profile to path (crm_data_extend), with notes of models and
 *  files by their digests.
 *
 *  Columns of a tagger, for each type and `any`: `entities.TYPE` spans.  Of a model of documents,
 * for each class: `TARGET.CLASS.mean` probability, `TARGET.CLASS.count` documents with this as the
 *  likeliest class.  Of the lexicon (word, tab, valence: the format of VADER, Hutto and Gilbert
 *  2014): `lexicon.polarity`, mean over documents, `lexicon.positive`, `lexicon.negative`
 *  documents.  Of the aspects: `aspects.NAME` mentions.  With the lexicon each type of entity and
 * each aspect X has `X.polarity`, mean over the mentions, `X.preference` and `X.pain`, mentions
 * with a polarity beyond cfg->neutral.  Of the emotions (word, tab, emotion, tab, 0 or 1):
 * `emotions.NAME`, share of the words.
 *  @return CRM_ERR_CONFIG: nothing to annotate with, no documents, a wrong file of aspects
 *  ("FILE:LINE:COL: ..."), a name that is taken; CRM_ERR_FORMAT: a wrong line of a lexicon;
 *  CRM_ERR_IO; CRM_ERR_NOMEM; what models return.  Collective. */
CRM_CHECKED crm_context_annotate(crm_comm *comm, const crm_data *d, const crm_context_plan *plan,
                                 const char *path, crm_context_info *out);
#endif
