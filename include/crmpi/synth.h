/* synth.h - synthetic customers with known truth (room synth).
 *
 * A latent segment and a monthly satisfaction path drive profile, transactions, monthly channels,
 * documents, survey and labels; docs/synthetic-data.md has the model.  Bits depend on the options
 * only, not on the number of ranks. */
#ifndef CRM_SYNTH_H
#define CRM_SYNTH_H

#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"
#include "crmpi/opt.h"

typedef struct crm_synth_cfg {
    int64_t customers, seed;
    double signal;                     /* 0: labels independent of everything observed          */
    double interactions;               /* 0: churn log-odds linear in columns of the flat view  */
    double noise;                      /* scales the hidden term, amounts and slips in texts    */
    double purchases, visits, returns; /* mean events of a customer in the window */
    double reviews, tickets, mentions; /* mean documents of a customer            */
    double churn_rate, next_rate;      /* share of the positive class             */
    double surveyed, lift;             /* share asked; true effect of the measure */
    int64_t entities;                  /* 1: target of tokens `entity`, where products and cities
                                          are named                                */
    int64_t document_oracle;           /* 1: targets of documents have an oracle, too */
} crm_synth_cfg;

/** Options "synth.*" of a crm_synth_cfg. */
extern const crm_opt crm_synth_opts[];

/** What was written. */
typedef struct crm_synth_info {
    int64_t customers, events, purchases, documents, tokens, words;
    crm_digest digest; /* content digest of the file */
} crm_synth_info;

/** Generate cfg->customers customers and write the data set to path (docs/data-set-arrays.md), each
 * rank its contiguous share in blocks of bounded memory.  Collective; cfg and path equal on all
 * ranks.  info may be NULL.
 * @return CRM_OK; CRM_ERR_CONFIG for an option out of its range; CRM_ERR_IO when path cannot be
 * written; CRM_ERR_NOMEM.  On failure no file is left at path and *info is not touched. */
CRM_CHECKED crm_synth_write(crm_comm *comm, const crm_synth_cfg *cfg, const char *path,
                            crm_synth_info *info);
#endif
