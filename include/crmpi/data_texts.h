/* data_texts.h - which texts a data set holds, and which kinds of them a target labels (room data).
 *
 * The digest of texts is the sum, modulo 2^64 in each half, of a digest of the words of each
 * document: texts in any order, with any other columns beside them, have the same, and that of two
 * sets of texts together is the sum of theirs.  So whoever knows the digest of what a model has
 * learnt from can tell which of some parts of a data set it was. */
#ifndef CRM_DATA_TEXTS_H
#define CRM_DATA_TEXTS_H

#include <stdint.h>

#include "crmpi/data.h"

/** Digests of the texts of n parts, the same on every rank; nothing is added for a document without
 *  words.
 *  @param[in]  part  [rows] number of the part that the documents of a row are in; other numbers
 *                    than 0 .. n - 1: in none.  NULL: all in part 0
 *  @param[out] out   [n]; zeros where there are no documents
 *  @return CRM_OK; CRM_ERR_NOMEM.  Collective. */
CRM_CHECKED crm_data_texts(crm_comm *comm, const crm_data *d, const int32_t *part, int n,
                           crm_digest *out);
/** Digest of the texts of two sets together. */
crm_digest crm_texts_sum(crm_digest a, crm_digest b);

/** Kinds of documents of which some have a label of the target: has[kinds] becomes 1 for them, else
 *  0.  All documents of a labelled row are of its label.  Not collective. */
void crm_data_labelled_kinds(const crm_data *d, int target, uint8_t *has);
#endif
