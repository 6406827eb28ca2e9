/* table_conll.h - column files of the CoNLL shared tasks into a data set (room table).
 *
 * A line is a token: the word first, its tag last, columns between are left out, parted by tabs or
 * blanks.  An empty line ends a sentence; a line that begins with -DOCSTART- a document.  Tags are
 * O, B-TYPE and I-TYPE in the schemes BIO2 or IOB1; they become BIO2: a span begins with B.  A file
 * whose first token has no tag has none at all: all labels are missing then.
 *
 * Tokens are as in the file: nothing is split, folded or left out. */
#ifndef CRM_TABLE_CONLL_H
#define CRM_TABLE_CONLL_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"
#include "crmpi/opt.h"

typedef enum crm_table_format {
    CRM_TABLE_AUTO, /* conll for names that end in .conll, .iob or .bio, else csv */
    CRM_TABLE_CSV,
    CRM_TABLE_CONLL,
    CRM_TABLE_FORMAT_COUNT
} crm_table_format;
typedef enum crm_conll_rows {
    CRM_CONLL_SENTENCES, /* a row is a sentence, its one document            */
    CRM_CONLL_DOCUMENTS, /* a row is a -DOCSTART- document of such sentences */
    CRM_CONLL_ROWS_COUNT
} crm_conll_rows;
typedef struct crm_conll_cfg {
    int format;            /* crm_table_format */
    int rows;              /* crm_conll_rows   */
    const char *test_path; /* second file, whose rows are the fixed test part; "": none */
} crm_conll_cfg;
extern const crm_opt crm_conll_opts[]; /* data.format, data.conll_rows, data.test_path */

/** Whether path is to be read as CoNLL columns: by the option, or by its name. */
bool crm_conll_is(const crm_conll_cfg *cfg, const char *path);

typedef struct crm_conll_info {
    int64_t rows, test_rows, sentences, tokens, words, types;
    crm_digest content;
} crm_conll_info;
enum { CRM_CONLL_WORD_MAX = 256 }; /* bytes of a word */
/** Read path, and cfg->test_path where there is one, into the data set store_path, whose target of
 *  tokens is `target` ("": "entity").  Collective; the data set and every message are the same on
 *  any number of ranks.
 *  @return CRM_ERR_IO; CRM_ERR_FORMAT with path:line:col: no tag, a tag of another form, a word
 * that is too long, not UTF-8 or holds control characters; no token at all; CRM_ERR_NOMEM. */
CRM_CHECKED crm_conll_import(crm_comm *comm, const crm_conll_cfg *cfg, const char *target,
                             const char *path, const char *store_path, crm_conll_info *info);
/** Digest of the files and of what is read out of them.  Collective. */
CRM_CHECKED crm_conll_source_digest(crm_comm *comm, const crm_conll_cfg *cfg, const char *target,
                                    const char *path, crm_digest *out);
#endif
