/* table_route.h - inside of room table: items of this rank to the ranks that they belong to, and
 * answers back. */
#ifndef CRM_TABLE_ROUTE_H
#define CRM_TABLE_ROUTE_H

#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/comm.h"

/* What comes in is in the order of the ranks that sent it and, of each, in its order: where the
 * ranks hold rows in order, so is what comes in, on any number of ranks. */
typedef struct table_route {
    crm_comm *comm;
    int64_t n, n_out, n_in; /* items here, of them sent, and what comes in */
    int64_t *place;         /* [n] position among what is sent; -1: none   */
    int64_t *out, *in;      /* [ranks] items to and from each              */
} table_route;

/* Item i goes to rank to[i]; -1: to none.  Collective. */
CRM_CHECKED crm_table_route_new(crm_comm *comm, const int32_t *to, int64_t n, table_route *r);
/* Items of size bytes; *in [n_in] is the caller's.  Collective. */
CRM_CHECKED crm_table_route_items(const table_route *r, const void *items, size_t size, void **in);
/* Texts, one behind the other; text i ends at end[i].  *in_end [n_in] and *in_bytes are the
 * caller's.  Collective. */
CRM_CHECKED crm_table_route_texts(const table_route *r, const int64_t *end, const char *bytes,
                                  int64_t **in_end, char **in_bytes);
/* answer [n_in] of size bytes to where the items came from: out[i] of each item that was sent; the
 * others stay as they are.  Collective. */
CRM_CHECKED crm_table_route_back(const table_route *r, const void *answer, size_t size, void *out);
void crm_table_route_free(table_route *r);
#endif
