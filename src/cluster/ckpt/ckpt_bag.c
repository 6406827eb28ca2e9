/* ckpt_bag.c - the bag in memory: named arrays and texts, sorted by name, seen through a prefix. */
#include <stdio.h>
#include <string.h>

#include "ckpt_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/store.h"

_Static_assert((int)CRM_BAG_NAME_MAX <= (int)CRM_STORE_NAME_MAX &&
                   (int)CRM_BAG_MAX_RANK <= (int)CRM_STORE_MAX_RANK,
               "a bag must fit into a file");

crm_status crm_bag_new(crm_bag **out)
{
    CRM_NEW(*out, 1);
    return CRM_OK;
}

static void entry_free(bag_entry *e)
{
    if (!e) return;
    crm_mem_free(e->name);
    crm_mem_free(e->data);
    crm_mem_free((void *)e->items);
    crm_mem_free(e);
}

void crm_bag_free(crm_bag **bp)
{
    crm_bag *b = *bp;

    if (!b) return;
    for (int i = 0; i < b->n; i++)
        entry_free(b->entry[i]);
    crm_mem_free(b->entry);
    crm_mem_free(b);
    *bp = NULL;
}

int bag_place(const crm_bag *b, const char *name)
{
    int lo = 0, hi = b->n;

    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (strcmp(b->entry[mid]->name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bag_entry *find_full(const crm_bag *b, const char *name)
{
    int at = bag_place(b, name);

    return at < b->n && strcmp(b->entry[at]->name, name) == 0 ? b->entry[at] : NULL;
}

static bool full_name(const crm_bag *b, const char *name, char out[CRM_BAG_NAME_MAX])
{
    return snprintf(out, CRM_BAG_NAME_MAX, "%s%s", b->prefix, name) < CRM_BAG_NAME_MAX;
}

bag_entry *bag_find(const crm_bag *b, const char *name)
{
    char full[CRM_BAG_NAME_MAX];

    return full_name(b, name, full) ? find_full(b, full) : NULL;
}

bool bag_sees(const crm_bag *b, const bag_entry *e)
{
    return strncmp(e->name, b->prefix, strlen(b->prefix)) == 0;
}

/* In a file a name is either an array or a group: no entry may stand above or below another. */
static crm_status check_free(const crm_bag *b, const char *full)
{
    char part[CRM_BAG_NAME_MAX];
    size_t len = strlen(full);
    int at;

    for (size_t i = 1; i <= len; i++) {
        if (full[i] != '/' && full[i] != '\0') continue;
        memcpy(part, full, i);
        part[i] = '\0';
        CRM_CHECK(!find_full(b, part), CRM_ERR_ARG, "bag: cannot put %s, the name %s is taken",
                  full, part);
    }
    if (len + 1 >= sizeof part) return CRM_OK;
    part[len] = '/';
    part[len + 1] = '\0';
    at = bag_place(b, part);
    CRM_CHECK(at == b->n || strncmp(b->entry[at]->name, part, len + 1) != 0, CRM_ERR_ARG,
              "bag: cannot put %s, it is a group (%s)", full, b->entry[at]->name);
    return CRM_OK;
}

static crm_status check_name(const crm_bag *b, const char *name, char full[CRM_BAG_NAME_MAX])
{
    const char *fault = NULL;

    CRM_CHECK(full_name(b, name, full), CRM_ERR_ARG, "bag: the name %s%s is longer than %d bytes",
              b->prefix, name, CRM_BAG_NAME_MAX - 1);
    fault = crm_store_name_fault(full);
    CRM_CHECK(!fault, CRM_ERR_ARG, "bag: the name \"%s\" is not allowed: %s", full, fault);
    return check_free(b, full);
}

/* Insert e, which the bag then owns; on failure it is freed. */
static crm_status insert(crm_bag *b, const char *name, bag_entry *e)
{
    char full[CRM_BAG_NAME_MAX];
    crm_status st = check_name(b, name, full);
    int at;

    if (!st && b->n == b->cap) {
        int cap = b->cap ? 2 * b->cap : 16;
        bag_entry **grown = crm_mem_grow(b->entry, (size_t)b->n, (size_t)cap, sizeof *grown);
        if (grown) {
            b->entry = grown;
            b->cap = cap;
        }
    }
    if (!st) e->name = crm_mem_strdup(full);
    if (!st && (!e->name || b->n == b->cap))
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: bag of %d entries", b->n + 1);
    if (st) {
        entry_free(e);
        return st;
    }
    e->view.name = e->name + strlen(b->prefix);
    at = bag_place(b, full);
    memmove(b->entry + at + 1, b->entry + at, (size_t)(b->n - at) * sizeof *b->entry);
    b->entry[at] = e;
    b->n++;
    return CRM_OK;
}

/* Elements and bytes; false when a dimension is negative or there are more than 2^56 elements. */
static bool count(int rank, const int64_t *dim, int64_t *n)
{
    bool empty = false;

    *n = 1;
    for (int d = 0; d < rank; d++) {
        if (dim[d] < 0) return false;
        if (dim[d] == 0) empty = true;
        if (dim[d] > 0 && *n > ((int64_t)1 << 56) / dim[d]) return false;
        if (dim[d] > 0) *n *= dim[d];
    }
    if (empty) *n = 0;
    return true;
}

crm_status crm_bag_put(crm_bag *b, const char *name, crm_dtype dtype, int rank, const int64_t *dim,
                       const void *data)
{
    bag_entry *e;
    int64_t n;

    CRM_CHECK(rank >= 0 && rank <= CRM_BAG_MAX_RANK && (unsigned)dtype < CRM_DTYPE_COUNT,
              CRM_ERR_ARG, "bag: %s: rank %d, dtype %d are not offered", name, rank, (int)dtype);
    CRM_CHECK(count(rank, dim, &n), CRM_ERR_ARG, "bag: %s: a dimension is negative or too large",
              name);
    CRM_NEW(e, 1);
    e->bytes = (size_t)n * crm_dtype_size(dtype);
    e->data = crm_mem_new(1, e->bytes);
    e->view = (crm_bag_array){.dtype = dtype, .rank = rank, .n = n, .data = e->data};
    if (!e->data) {
        entry_free(e);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: %s, %lld elements", name, (long long)n);
    }
    for (int d = 0; d < rank; d++)
        e->view.dim[d] = dim[d];
    if (e->bytes > 0) memcpy(e->data, data, e->bytes);
    return insert(b, name, e);
}

crm_status crm_bag_put_i64(crm_bag *b, const char *name, int64_t v)
{
    return crm_bag_put(b, name, CRM_I64, 0, NULL, &v);
}

crm_status crm_bag_put_f64(crm_bag *b, const char *name, double v)
{
    return crm_bag_put(b, name, CRM_F64, 0, NULL, &v);
}

crm_status crm_bag_put_text(crm_bag *b, const char *name, const char *text)
{
    return crm_bag_put_list(b, name, 1, &text);
}

static void copy_items(bag_entry *e, const char *const *items)
{
    char *to = e->data;

    for (int64_t i = 0; i < e->view.n; i++) {
        size_t len = strlen(items[i]) + 1;
        memcpy(to, items[i], len);
        e->items[i] = to;
        to += len;
    }
}

crm_status crm_bag_put_list(crm_bag *b, const char *name, int64_t n, const char *const *items)
{
    bag_entry *e;

    CRM_CHECK(n >= 0, CRM_ERR_ARG, "bag: %s: %lld items", name, (long long)n);
    CRM_NEW(e, 1);
    e->text = true;
    e->view.n = n;
    for (int64_t i = 0; i < n; i++)
        e->bytes += strlen(items[i]) + 1;
    e->data = crm_mem_new(1, e->bytes);
    e->items = crm_mem_new((size_t)n, sizeof *e->items);
    if (!e->data || !e->items) {
        entry_free(e);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: %s, %lld texts", name, (long long)n);
    }
    copy_items(e, items);
    return insert(b, name, e);
}

static void show_names(crm_bag *b)
{
    size_t len = strlen(b->prefix);

    for (int i = 0; i < b->n; i++)
        b->entry[i]->view.name = b->entry[i]->name + (bag_sees(b, b->entry[i]) ? len : 0);
}

crm_status crm_bag_push(crm_bag *b, const char *prefix)
{
    size_t len = strlen(b->prefix), more = strlen(prefix);
    const char *fault = crm_store_name_fault(prefix);

    CRM_CHECK(!fault, CRM_ERR_ARG, "bag: the prefix \"%s\" is not allowed: %s", prefix, fault);
    CRM_CHECK(b->depth < BAG_DEPTH_MAX && len + more + 2 < sizeof b->prefix, CRM_ERR_ARG,
              "bag: the scope %s%s is too deep or too long", b->prefix, prefix);
    b->cut[b->depth++] = len;
    snprintf(b->prefix + len, sizeof b->prefix - len, "%s/", prefix);
    show_names(b);
    return CRM_OK;
}

void crm_bag_pop(crm_bag *b)
{
    if (b->depth == 0) return;
    b->prefix[b->cut[--b->depth]] = '\0';
    show_names(b);
}
