/* store_table.c - the arrays and attributes of a file in memory, sorted by name. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

static const char *part_fault(const char *part, size_t n)
{
    if (n == 0) return "a part between slashes is empty";
    if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'))) return "it has a part . or ..";
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f) return "it has a control character";
    return NULL;
}

const char *crm_store_name_fault(const char *name)
{
    const char *fault = NULL;

    if (strlen(name) >= CRM_STORE_NAME_MAX) return "it is too long";
    for (const char *p = name; !fault; p++) {
        size_t n = strcspn(p, "/");
        fault = part_fault(p, n);
        p += n;
        if (!*p) break;
    }
    return fault;
}

const char *store_key_form(const char *key)
{
    return strlen(key) >= CRM_STORE_NAME_MAX ? "it is too long" : part_fault(key, strlen(key));
}

const char *store_key_fault(const char *key)
{
    static const char *const ours[] = {STORE_KIND_KEY,       STORE_FORMAT_KEY,    STORE_DIGEST_KEY,
                                       STORE_LABELS_KEY,     STORE_CLASS_KEY,     STORE_NAME_KEY,
                                       STORE_REFERENCES_KEY, STORE_DIMENSIONS_KEY};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(key, ours[i]) == 0) return "the file layer keeps it for itself";
    return store_key_form(key);
}

/* First place in [0, n) of a sorted array that is not before the key; *hit when equal. */
static int place(const void *base, int n, size_t size, const void *key,
                 int (*compare)(const void *key, const void *item), bool *hit)
{
    int lo = 0, hi = n;

    *hit = false;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        int c = compare(key, (const char *)base + (size_t)mid * size);
        if (c == 0) *hit = true;
        if (c <= 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static int compare_entry(const void *key, const void *item)
{
    return strcmp(key, ((const store_entry *)item)->name);
}

static int compare_attr(const void *key, const void *item)
{
    const char *const *k = key;
    const store_attr *a = item;
    int c = strcmp(k[0], a->object);

    return c ? c : strcmp(k[1], a->key);
}

int store_table_find(const store_table *t, const char *name)
{
    bool hit;
    int at = place(t->entry, t->n, sizeof *t->entry, name, compare_entry, &hit);

    return hit ? at : -1;
}

int store_table_find_attr(const store_table *t, const char *object, const char *key)
{
    const char *const k[2] = {object, key};
    bool hit;
    int at = place(t->attr, t->n_attr, sizeof *t->attr, k, compare_attr, &hit);

    return hit ? at : -1;
}

/* Room for one more item at place at of a table of n items of size bytes. */
static void *make_room(void *base, int *n, int *cap, size_t size, int at)
{
    char *p = base;

    if (*n == *cap) {
        int more = *cap ? 2 * *cap : 16;
        p = crm_mem_grow(base, (size_t)*n, (size_t)more, size);
        if (!p) return NULL;
        *cap = more;
    }
    memmove(p + (size_t)(at + 1) * size, p + (size_t)at * size, (size_t)(*n - at) * size);
    memset(p + (size_t)at * size, 0, size);
    (*n)++;
    return p;
}

crm_status store_table_add(store_table *t, const store_entry *e, const char *name,
                           store_entry **out)
{
    bool hit;
    int at = place(t->entry, t->n, sizeof *t->entry, name, compare_entry, &hit);
    char *copy;
    void *grown;

    CRM_CHECK(!hit, CRM_ERR_ARG, "the array %s is there already", name);
    copy = crm_mem_strdup(name);
    CRM_CHECK(copy, CRM_ERR_NOMEM, "out of memory: name %s", name);
    grown = make_room(t->entry, &t->n, &t->cap, sizeof *t->entry, at);
    if (!grown) crm_mem_free(copy);
    CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: table of %d arrays", t->n + 1);
    t->entry = grown;
    *out = &t->entry[at];
    **out = *e;
    (*out)->name = copy;
    (*out)->view.name = copy;
    return CRM_OK;
}

crm_status store_table_add_attr(store_table *t, const char *object, const char *key,
                                const store_value *v, store_attr **out)
{
    const char *const k[2] = {object, key};
    crm_status st = CRM_OK;
    store_attr a = {0};
    void *grown;
    bool hit;
    int at = place(t->attr, t->n_attr, sizeof *t->attr, k, compare_attr, &hit);

    CRM_CHECK(!hit, CRM_ERR_ARG, "the attribute %s of /%s is there already", key, object);
    CRM_TRY(store_value_digest(v, &a.digest));
    a.object = crm_mem_strdup(object);
    a.key = crm_mem_strdup(key);
    CRM_CHECK_TO(st, fail, a.object && a.key, CRM_ERR_NOMEM, "out of memory: attribute %s", key);
    grown = make_room(t->attr, &t->n_attr, &t->cap_attr, sizeof *t->attr, at);
    CRM_CHECK_TO(st, fail, grown, CRM_ERR_NOMEM, "out of memory: attribute %s", key);
    t->attr = grown;
    t->attr[at] = a;
    *out = &t->attr[at];
    return CRM_OK;
fail:
    crm_mem_free(a.object);
    crm_mem_free(a.key);
    return st;
}

crm_status store_copy_texts(const char *const *text, int64_t n, const char *const **out)
{
    size_t bytes = (size_t)n * sizeof(char *), at = bytes;
    char *block;

    for (int64_t i = 0; i < n; i++)
        bytes += text[i] ? strlen(text[i]) + 1 : 1; /* HDF5 gives NULL for "" */
    block = crm_mem_new(1, bytes);
    CRM_CHECK(block, CRM_ERR_NOMEM, "out of memory: %zu bytes of texts", bytes);
    for (int64_t i = 0; i < n; i++) {
        size_t len = text[i] ? strlen(text[i]) : 0;
        ((const char **)(void *)block)[i] = block + at;
        if (len) memcpy(block + at, text[i], len);
        at += len + 1;
    }
    *out = (const char *const *)(void *)block;
    return CRM_OK;
}

void store_table_free(store_table *t)
{
    for (int i = 0; i < t->n; i++) {
        crm_mem_free(t->entry[i].name);
        crm_mem_free((void *)t->entry[i].dims);
        crm_mem_free((void *)t->entry[i].items);
        crm_mem_free(t->entry[i].chars);
    }
    for (int i = 0; i < t->n_attr; i++) {
        crm_mem_free(t->attr[i].object);
        crm_mem_free(t->attr[i].key);
        crm_mem_free((void *)t->attr[i].value.items);
    }
    crm_mem_free(t->entry);
    crm_mem_free(t->attr);
    *t = (store_table){0};
}

bool store_bytes(int rank, const int64_t *dim, size_t width, int64_t *bytes)
{
    const int64_t limit = (int64_t)1 << 60;
    int64_t n = (int64_t)width;
    bool empty = false;

    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0 || dim[i] > limit) return false;
        if (dim[i] == 0) empty = true;
        if (dim[i] > 0 && n > limit / dim[i]) return false;
        if (dim[i] > 0) n *= dim[i];
    }
    *bytes = empty ? 0 : n;
    return true;
}

int64_t store_rows(const store_entry *e)
{
    return e->view.rank > 0 ? e->view.dim[0] : 1;
}
