/* embed_lda_opts.c - options lda.*. */
#include "crmpi/embed.h"

const crm_opt crm_lda_opts[] = {
    CRM_OPT_I(crm_lda_cfg, topics, "lda.topics", 0, 0, CRM_LDA_TOPICS_MAX, "topics", 0,
              "Topics learnt from the training documents, whose mix becomes columns; 0: none."),
    CRM_OPT_I(crm_lda_cfg, passes, "lda.passes", 10, 1, 100000, "1", 0,
              "How often all training documents are gone through."),
    CRM_OPT_I(crm_lda_cfg, batch, "lda.batch", 256, 1, 1e9, "documents", 0,
              "Documents between two changes of the topics."),
    CRM_OPT_I(crm_lda_cfg, iterations, "lda.iterations", 100, 1, 1e6, "1", 0,
              "Most rounds on one document."),
    CRM_OPT_R(crm_lda_cfg, tolerance, "lda.tolerance", 0.001, 0, 1, "1", 0,
              "Mean change of a document's mix in a round that ends its rounds."),
    CRM_OPT_R(crm_lda_cfg, alpha, "lda.alpha", 0, 0, 1000, "1", 0,
              "Prior of the topics of a document; 0: 1 / lda.topics."),
    CRM_OPT_R(crm_lda_cfg, eta, "lda.eta", 0, 0, 1000, "1", 0,
              "Prior of the words of a topic; 0: 1 / lda.topics."),
    CRM_OPT_R(crm_lda_cfg, offset, "lda.offset", 10, 1, 1e6, "1", 0,
              "Slows the first batches down: the t-th has the weight (offset + t)^-decay."),
    CRM_OPT_R(crm_lda_cfg, decay, "lda.decay", 0.7, 0.5, 1, "1", 0,
              "How fast later batches lose weight."),
    {.key = NULL},
};
