/* train_vectors.h - word vectors that the text branch begins with (room train).  Inside of room
 * train. */
#ifndef CRM_TRAIN_VECTORS_H
#define CRM_TRAIN_VECTORS_H

#include "crmpi/nn.h"
#include "train_blocks.h"

/* Vectors of some words of the net. */
typedef struct first_vectors {
    int64_t n, dim; /* words, of all ids from 1 on; 0: no vectors are given         */
    int64_t found;  /* those that have one                                          */
    uint8_t *there; /* [n]                                                          */
    float *value;   /* [n][dim], scaled                                             */
    double spread;  /* of the words that have none, in place of 1; 0: nothing is changed */
} first_vectors;

/* As model.text_vectors says: none, from a file, or learnt from the texts of fit->train.  Made once
 * for all nets of a fit; depends on data, options and seed of the fit only.  Collective over
 * fit->comm.  CRM_ERR_CONFIG: another width than the net's; CRM_ERR_IO, CRM_ERR_FORMAT: the file;
 * errors of crm_embed_fit. */
CRM_CHECKED crm_first_vectors_new(const crm_hybrid_cfg *cfg, const blocks *b, const crm_fit *fit,
                                  first_vectors *out);
/* Into first weights: rows of words that have a vector are it, those of the others times spread. */
void crm_first_vectors_put(const first_vectors *v, const crm_params *ps, float *w);
void crm_first_vectors_free(first_vectors *v);

#endif
