/* ckpt_impl.h - shared by the files of the room ckpt only. */
#ifndef CRM_CKPT_IMPL_H
#define CRM_CKPT_IMPL_H

#include <stdbool.h>

#include "crmpi/ckpt.h"

enum { BAG_DEPTH_MAX = 16 };

/* One array or one list of texts; stays at its address while the bag lives. */
typedef struct bag_entry {
    char *name; /* in full */
    bool text;
    crm_bag_array view; /* view.name points into name, behind the present prefix */
    void *data;         /* owned; bytes of an array, characters of texts */
    const char **items; /* owned; text only, n pointers into data */
    size_t bytes;       /* of data */
} bag_entry;

struct crm_bag {
    bag_entry **entry; /* sorted by full name */
    int n, cap;
    char prefix[CRM_BAG_NAME_MAX]; /* "" or ends with '/' */
    size_t cut[BAG_DEPTH_MAX];     /* lengths of the prefixes below */
    int depth;
};

/* First entry that is not before name. */
int bag_place(const crm_bag *b, const char *name);
/* Entry of a name of the present scope, or NULL. */
bag_entry *bag_find(const crm_bag *b, const char *name);
/* True when the entry is in the present scope. */
bool bag_sees(const crm_bag *b, const bag_entry *e);
#endif
