/* sweep_result.h - what searches came to: failures, winners (sweep_result.c). */
#ifndef CRM_SWEEP_RESULT_H
#define CRM_SWEEP_RESULT_H

#include "crmpi/sweep_run.h"

CRM_CHECKED sweep_size_result(int parts, int n_models, crm_sweep_result *out);
/** Rank 0.  CRM_ERR_NUMERIC when there are more than cfg->max_failed. */
CRM_CHECKED sweep_add_failure(const crm_sweep_cfg *cfg, crm_sweep_result *r,
                              const crm_sweep_unit *u, const char *cause);
/** Rank 0: out->winner of a search is its best trial of which the ledgers do not say that it failed
 *  outside the search, -1: none; known NULL: there are no ledgers. */
CRM_CHECKED sweep_find_winner(const crm_sweep *s, crm_sweep_result *out, int search,
                              const crm_sweep_ledger_all *known);
/** The winners of all searches, from rank 0, which has the plan, to all.  Collective. */
CRM_CHECKED sweep_share_winners(const crm_sweep *s, crm_sweep_result *out);
#endif
