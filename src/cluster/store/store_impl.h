/* store_impl.h - shared by the files of the room store only.
 *
 * A file is written by two hands.  One process (rank 0) holds it open in HDF5 and makes groups,
 * attributes and arrays; HDF5 gives every array its place at once, and the bytes of the arrays are
 * then written past HDF5, by every rank at the place of its rows.  docs/adr/0002-file-layer.md says
 * why. */
#ifndef CRM_STORE_IMPL_H
#define CRM_STORE_IMPL_H

#include <hdf5.h>

#include "crmpi/store.h"

enum {
    STORE_FORMAT = 1,            /* version of arrays, texts and content digest  */
    STORE_SEAL_FORMAT = 1,       /* version of the seal; both: docs/data-format.md */
    STORE_BLOCK = 1 << 20,       /* bytes per block of the content digest        */
    STORE_ALIGN = 4096,          /* arrays begin at multiples of it              */
    STORE_OBJECTS_MAX = 1 << 16, /* groups and arrays of a file that is read     */
    STORE_ATTRS_MAX = 1 << 15,   /* attributes of a file that is read            */
    STORE_LIST_MAX = 1 << 26,    /* items of a list attribute that is read       */
    STORE_TEXT_BYTES = 16        /* that the file spends on each item at least   */
};
#define STORE_KIND_KEY   "crmpi_kind"
#define STORE_FORMAT_KEY "crmpi_format"
#define STORE_DIGEST_KEY "crmpi_digest"
/* The names that HDF5's H5DS interface gives them. */
#define STORE_LABELS_KEY     "DIMENSION_LABELS"
#define STORE_CLASS_KEY      "CLASS"
#define STORE_NAME_KEY       "NAME"
#define STORE_REFERENCES_KEY "REFERENCE_LIST"
#define STORE_DIMENSIONS_KEY "DIMENSION_LIST"
#define STORE_SCALE_CLASS    "DIMENSION_SCALE"

/* ---- what a file holds, in memory: tables sorted by name (store_table.c) ---- */
typedef struct store_entry {
    char *name;
    bool text;    /* fixed-length strings of width bytes */
    size_t width; /* bytes of one element */
    crm_store_array view;
    int64_t offset, bytes; /* in the file */
    int64_t rows,
        row_sum; /* writing: rows given by this rank, and their sum modulo ROW_SUM_MASK + 1 */
    const char *const *dims; /* writing: names of the dimensions or NULL; one block */
    const char **items;      /* reading, text only: n pointers into chars */
    char *chars;
} store_entry;

typedef enum store_attr_kind { STORE_TEXT, STORE_I64, STORE_F64, STORE_LIST } store_attr_kind;
typedef struct store_value {
    store_attr_kind kind;
    int64_t i;
    double f;
    int64_t n; /* items: 1 for a text */
    const char *const *items;
} store_value;
typedef struct store_attr {
    char *object, *key;
    crm_digest digest; /* of the value */
    store_value value; /* reading only; items is owned, one block with its characters */
} store_attr;

typedef struct store_table {
    store_entry *entry;
    store_attr *attr;
    int n, cap, n_attr, cap_attr;
} store_table;

/* Why a key of an attribute is not allowed to callers; NULL when it is.  form: in a file at all. */
const char *store_key_fault(const char *key);
const char *store_key_form(const char *key);
/* Place in name order, or -1. */
int store_table_find(const store_table *t, const char *name);
int store_table_find_attr(const store_table *t, const char *object, const char *key);
/* Add e (its name is copied); CRM_ERR_ARG when the name is taken.  *out may be moved by the next
 * add. */
CRM_CHECKED store_table_add(store_table *t, const store_entry *e, const char *name,
                            store_entry **out);
CRM_CHECKED store_table_add_attr(store_table *t, const char *object, const char *key,
                                 const store_value *v, store_attr **out);
void store_table_free(store_table *t);
/* One block: n pointers and behind them the characters; NULL counts as "". */
CRM_CHECKED store_copy_texts(const char *const *text, int64_t n, const char *const **out);
/* Bytes of rank, dim and element width; false when a dimension is negative or the product above
 * 2^60. */
bool store_bytes(int rank, const int64_t *dim, size_t width, int64_t *bytes);
/* Rows of an array: dim[0], 1 for a scalar. */
int64_t store_rows(const store_entry *e);

/* ---- digest (store_digest.c) ---- */
CRM_CHECKED store_value_digest(const store_value *v, crm_digest *out);
/* Content digest of the file behind fd.  Collective over comm; comm NULL: this process alone. */
CRM_CHECKED store_digest(const store_table *t, int fd, const char *path, crm_comm *comm,
                         crm_digest *out);
/* Status of this rank made common; comm NULL: this process alone. */
CRM_CHECKED store_agree(crm_comm *comm, crm_status local);
/* Read exactly bytes at offset: *got is fewer only at the end of the file. */
CRM_CHECKED store_read_at(int fd, void *data, size_t bytes, int64_t offset, const char *path,
                          size_t *got);
CRM_CHECKED store_write_at(int fd, const void *data, size_t bytes, int64_t offset,
                           const char *path);

/* ---- HDF5: set-up and types (store_h5.c) ---- */
void store_h5_setup(void);
/* Keep the innermost message of HDF5's error stack, which the next good call empties. */
void store_h5_note(void);
/* That of the stack, or what was kept last. */
const char *store_h5_why(void);
/* File type of a dtype (not to be closed), and back. */
hid_t store_h5_type(crm_dtype t);
bool store_h5_dtype(hid_t type, crm_dtype *out);
/* New UTF-8 string type: bytes > 0 fixed length, 0 variable length. */
hid_t store_h5_text(size_t bytes);
/* New attribute with its value, open; rank 0 is a scalar. */
hid_t store_h5_attr(hid_t object, const char *key, hid_t type, int rank, const hsize_t *dim,
                    const void *data);

/* The object behind a link of group, open; -1 with *st when it is not followed.  Its name is added
 * to where[CRM_STORE_NAME_MAX]; the name grows with the depth, so its bound ends cycles of links
 * too.  path and root: what messages say before the name. */
hid_t store_h5_follow(hid_t group, const char *name, const H5L_info_t *info, const char *path,
                      const char *root, char *where, crm_status *st);

/* ---- file driver under the writer (store_sink.c) ---- */
typedef struct store_sink {
    int fd;
    int err;    /* errno of the first write that failed; HDF5 never learns of it */
    bool array; /* space asked for now is that of an array */
} store_sink;
/* Register the driver and set it in fapl; the caller unregisters *driver after closing the file. */
CRM_CHECKED store_sink_use(hid_t fapl, store_sink *sink, hid_t *driver);

/* ---- file driver under the readers (store_source.c) ---- */
typedef struct store_source {
    int fd;
    int64_t end; /* nothing behind it is read */
    bool *nomem; /* set when there is no memory, while the file is opened */
} store_source;
/* Open bytes [0, end) of fd, which has to stay open, as an HDF5 file; path is for messages. */
CRM_CHECKED store_source_open(int fd, int64_t end, const char *path, hid_t *file);

/* ---- making groups, arrays and attributes, one process (store_layout.c) ---- */
typedef struct store_layout {
    const char *path; /* for messages; borrowed */
    hid_t file, driver;
    store_sink sink;
} store_layout;
CRM_CHECKED store_layout_open(store_layout *l, const char *path, int fd);
/* Make the array; e->offset is set. */
CRM_CHECKED store_layout_array(store_layout *l, store_entry *e);
/* Set an attribute of an array or a group, which is made when there is none. */
CRM_CHECKED store_layout_attr(store_layout *l, const char *object, const char *key,
                              const store_value *v);
/* What went wrong last. */
const char *store_layout_reason(const store_layout *l);
/* Flush and close. */
CRM_CHECKED store_layout_close(store_layout *l);
/* Free what is still open without writing or reporting anything. */
void store_layout_discard(store_layout *l);

/* ---- dimension scales (store_scale.c, store_scale_read.c) ---- */
/* May these be the names of the dimensions of an array? */
CRM_CHECKED store_scale_names(const char *array, int rank, const char *const *dim_names);
/* Make the scales of all named dimensions and attach them; after the last array. */
CRM_CHECKED store_scale_put(store_layout *l, const store_table *t);
/* Is the attribute of a data set one that scales need, of the right form? */
bool store_scale_attr(hid_t set, const char *key);
/* Is a data set a dimension without values? */
bool store_scale_bare(hid_t set);

/* ---- seal (store_seal.c) ---- */
typedef struct store_span {
    uint64_t at, bytes;
} store_span;
/* Put the seal behind the end of the file, which HDF5 has closed. */
CRM_CHECKED store_seal_put(int fd, const char *path, const store_table *t);
/* Read and check the seal, with the digest of all bytes but those of arrays, before HDF5 sees the
 * file; span, n_span and content are set.  CRM_ERR_FORMAT when there is none or it does not fit;
 * kind: what the message of a foreign file asks for, or NULL. */
CRM_CHECKED store_seal_check(crm_store *s, const char *kind);
/* Are the arrays of the table just those of the seal? */
CRM_CHECKED store_seal_match(const crm_store *s);
/* Is there a seal at the end, and is the file ours: sealed, or with our marks in it? */
CRM_CHECKED store_seal_ours(int fd, int64_t size, const char *path, bool *sealed, bool *ours);

/* ---- reading (store_open.c, store_scan.c) ---- */
struct crm_store {
    char *path;
    int fd;
    int64_t size, content; /* bytes of the file, and of them what HDF5 may read */
    int64_t texts;         /* bytes of the texts of attributes met so far */
    void *map;
    store_span *span; /* of the seal */
    int n_span;
    store_table table;
    crm_digest digest;
    const crm_store_array **array; /* entries that are no texts */
    int n_array;
};
/* Fill table and digest from an open HDF5 file; every failure is CRM_ERR_FORMAT (or NOMEM). */
CRM_CHECKED store_scan(crm_store *s, hid_t file, const char *kind);
CRM_CHECKED store_scan_value(crm_store *s, hid_t object, const char *key, store_value *out);
/* Bytes of each text of an attribute of variable length, as the file claims them, none of which is
 * read; false when they cannot be told. */
bool store_h5_text_bytes(hid_t attr, int64_t *bytes);
#endif
