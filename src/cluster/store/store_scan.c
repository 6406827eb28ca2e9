/* store_scan.c - what an HDF5 file holds, taken in with suspicion: damage, foreign files and files
 * made to do harm end in CRM_ERR_FORMAT with one message.
 *
 * Links and attributes are looked through in HDF5's own order: for any other it builds a table,
 * which HDF5 1.10 frees wrongly when the group is damaged.
 *
 * store_seal.c has found damage before.  What is left is a file that somebody made so: everything
 * here is allowed by name (kinds of objects, links, types, layouts, shapes), all else is refused,
 * and memory is asked for only after a look at the size of the file. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

typedef struct scan {
    crm_store *s;
    char where[CRM_STORE_NAME_MAX]; /* name of the object, "" at the root */
    int n_objects;
    bool bare; /* the object is a dimension without values, which has no attributes of ours */
    crm_status st;
} scan;

/* Each text has bytes of its own in a file of ours; one that many items point at would be read as
 * many times. */
static crm_status check_texts(crm_store *s, hid_t attr, const char *key, int64_t n)
{
    int64_t *bytes, sum = 0;
    crm_status st = CRM_OK;

    if (n == 0) return CRM_OK;
    CRM_NEW(bytes, n);
    CRM_CHECK_TO(st, done, store_h5_text_bytes(attr, bytes), CRM_ERR_FORMAT,
                 "%s: attribute %s cannot be read: %s", s->path, key, store_h5_why());
    for (int64_t i = 0; i < n; i++)
        sum += bytes[i];
    CRM_CHECK_TO(st, done, sum <= s->content - s->texts, CRM_ERR_FORMAT,
                 "%s: the texts of attribute %s are said to have %lld bytes, with %lld of others, "
                 "in a file of %lld",
                 s->path, key, (long long)sum, (long long)s->texts, (long long)s->content);
    s->texts += sum;
done:
    crm_mem_free(bytes);
    return st;
}

static crm_status read_texts(hid_t attr, hid_t space, const char *where, int64_t n,
                             store_value *out)
{
    hid_t type = store_h5_text(0);
    crm_status st = CRM_OK;
    char **text = crm_mem_new((size_t)n, sizeof *text);

    if (!text)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld texts", (long long)n);
    else if (n > 0 && H5Aread(attr, type, text) < 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: cannot be read: %s", where, store_h5_why());
    if (!st) st = store_copy_texts((const char *const *)text, n, &out->items);
    if (text && n > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, text);
    out->n = n;
    crm_mem_free(text);
    H5Tclose(type);
    return st;
}

/* Kind of an attribute by its type and shape; false when it is none of ours. */
static bool value_kind(hid_t type, hid_t space, int64_t size, store_value *out, hssize_t *n)
{
    int rank = H5Sget_simple_extent_ndims(space);
    bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;

    *n = H5Sget_simple_extent_npoints(space);
    if (*n < 0 || *n > STORE_LIST_MAX || *n > size / STORE_TEXT_BYTES) return false;
    if (H5Tis_variable_str(type) > 0)
        out->kind = scalar ? STORE_TEXT : STORE_LIST;
    else if (H5Tequal(type, H5T_STD_I64LE) > 0)
        out->kind = STORE_I64;
    else if (H5Tequal(type, H5T_IEEE_F64LE) > 0)
        out->kind = STORE_F64;
    else
        return false;
    return scalar || (out->kind == STORE_LIST && rank == 1);
}

crm_status store_scan_value(crm_store *s, hid_t object, const char *key, store_value *out)
{
    const char *where = s->path;
    hid_t attr = H5Aopen(object, key, H5P_DEFAULT), type = -1, space = -1;
    crm_status st = CRM_OK;
    hssize_t n;

    *out = (store_value){0};
    CRM_CHECK(attr >= 0, CRM_ERR_FORMAT, "%s: attribute %s cannot be opened: %s", where, key,
              store_h5_why());
    type = H5Aget_type(attr);
    space = H5Aget_space(attr);
    CRM_CHECK_TO(st, done, type >= 0 && space >= 0 && value_kind(type, space, s->size, out, &n),
                 CRM_ERR_FORMAT, "%s: attribute %s has a type or shape that crmpi does not write",
                 where, key);
    if (out->kind == STORE_TEXT || out->kind == STORE_LIST) {
        CRM_TRY_TO(st, done, check_texts(s, attr, key, n));
        st = read_texts(attr, space, where, n, out);
    } else if (H5Aread(attr, type, out->kind == STORE_I64 ? (void *)&out->i : (void *)&out->f) < 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: attribute %s cannot be read", where, key);
done:
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    H5Aclose(attr);
    return st;
}

static crm_status add_attr(scan *c, hid_t object, const char *key)
{
    store_value v;
    store_attr *a;
    crm_status st;

    CRM_CHECK(c->s->table.n_attr < STORE_ATTRS_MAX, CRM_ERR_FORMAT,
              "%s: holds more than %d attributes", c->s->path, (int)STORE_ATTRS_MAX);
    CRM_TRY(store_scan_value(c->s, object, key, &v));
    st = store_table_add_attr(&c->s->table, c->where, key, &v, &a);
    if (st)
        crm_mem_free((void *)v.items);
    else
        a->value = v;
    return st;
}

static herr_t on_attr(hid_t object, const char *key, const H5A_info_t *info, void *ctx)
{
    scan *c = ctx;
    bool ours = !c->where[0] && !strcmp(key, STORE_DIGEST_KEY);

    (void)info;
    if (store_key_form(key)) {
        CRM_SET(c->st, CRM_ERR_FORMAT, "%s: the name of an attribute of /%s is not allowed: %s",
                c->s->path, c->where, store_key_form(key));
        return -1;
    }
    if (ours || store_scale_attr(object, key)) return 0;
    if (c->bare)
        CRM_SET(c->st, CRM_ERR_FORMAT, "%s: attribute %s of the dimension /%s is not allowed",
                c->s->path, key, c->where);
    else
        c->st = add_attr(c, object, key);
    return c->st ? -1 : 0;
}

static crm_status scan_attrs(scan *c, hid_t object)
{
    herr_t bad = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_attr, c);

    CRM_TRY(c->st);
    CRM_CHECK(bad >= 0, CRM_ERR_FORMAT, "%s: the attributes of /%s cannot be read: %s", c->s->path,
              c->where, store_h5_why());
    return CRM_OK;
}

static bool plain_layout(hid_t set)
{
    hid_t dcpl = H5Dget_create_plist(set);
    bool ok = H5Pget_layout(dcpl) == H5D_CONTIGUOUS && H5Pget_nfilters(dcpl) == 0 &&
              H5Pget_external_count(dcpl) == 0;

    H5Pclose(dcpl);
    return ok;
}

static crm_status scan_type(scan *c, hid_t set, store_entry *e)
{
    hid_t type = H5Dget_type(set);
    bool known = store_h5_dtype(type, &e->view.dtype);

    if (!known && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0) {
        known = e->text = true;
        e->view.dtype = CRM_U8;
        e->width = H5Tget_size(type);
    } else if (known) {
        e->width = crm_dtype_size(e->view.dtype);
    }
    H5Tclose(type);
    CRM_CHECK(known && e->width > 0, CRM_ERR_FORMAT,
              "%s: array %s has a type that crmpi does not read", c->s->path, c->where);
    return CRM_OK;
}

static crm_status scan_shape(scan *c, hid_t set, store_entry *e)
{
    hid_t space = H5Dget_space(set);
    hsize_t dim[H5S_MAX_RANK];
    H5S_class_t class = H5Sget_simple_extent_type(space);
    bool ok = class == H5S_SCALAR || class == H5S_SIMPLE;

    e->view.rank = ok ? H5Sget_simple_extent_ndims(space) : -1;
    ok = e->view.rank >= 0 && e->view.rank <= CRM_STORE_MAX_RANK &&
         H5Sget_simple_extent_dims(space, dim, NULL) >= 0;
    H5Sclose(space);
    for (int d = 0; ok && d < e->view.rank; d++) {
        ok = dim[d] <= (hsize_t)INT64_MAX;
        e->view.dim[d] = ok ? (int64_t)dim[d] : 0;
    }
    ok = ok && (!e->text || e->view.rank == 1) &&
         store_bytes(e->view.rank, e->view.dim, e->width, &e->bytes);
    CRM_CHECK(ok, CRM_ERR_FORMAT, "%s: array %s has a shape that crmpi does not read", c->s->path,
              c->where);
    return CRM_OK;
}

static crm_status scan_array(scan *c, hid_t set)
{
    const int64_t size = c->s->size;
    store_entry e = {0}, *in;
    haddr_t at;

    CRM_TRY(scan_type(c, set, &e));
    CRM_TRY(scan_shape(c, set, &e));
    CRM_CHECK(plain_layout(set), CRM_ERR_FORMAT,
              "%s: array %s is not contiguous in this file (chunked, filtered or elsewhere)",
              c->s->path, c->where);
    if (e.bytes > 0) {
        at = H5Dget_offset(set);
        CRM_CHECK(at != HADDR_UNDEF, CRM_ERR_FORMAT, "%s: array %s was never written", c->s->path,
                  c->where);
        CRM_CHECK(e.bytes <= size && at <= (haddr_t)(size - e.bytes), CRM_ERR_FORMAT,
                  "%s: is truncated: array %s needs %llu bytes, the file has %lld", c->s->path,
                  c->where, (unsigned long long)(at + (haddr_t)e.bytes), (long long)size);
        CRM_CHECK(e.text || at % e.width == 0, CRM_ERR_FORMAT,
                  "%s: array %s begins at byte %llu, which its type does not allow", c->s->path,
                  c->where, (unsigned long long)at);
        e.offset = (int64_t)at;
    }
    return store_table_add(&c->s->table, &e, c->where, &in);
}

static crm_status scan_group(scan *c, hid_t group);

static crm_status scan_object(scan *c, hid_t object)
{
    H5I_type_t type = H5Iget_type(object);

    CRM_CHECK(++c->n_objects <= STORE_OBJECTS_MAX, CRM_ERR_FORMAT, "%s: holds more than %d objects",
              c->s->path, (int)STORE_OBJECTS_MAX);
    CRM_CHECK(type == H5I_GROUP || type == H5I_DATASET, CRM_ERR_FORMAT,
              "%s: /%s is neither a group nor an array", c->s->path, c->where);
    c->bare = type == H5I_DATASET && plain_layout(object) && store_scale_bare(object);
    if (type == H5I_DATASET && !c->bare) CRM_TRY(scan_array(c, object));
    CRM_TRY(scan_attrs(c, object));
    return type == H5I_GROUP ? scan_group(c, object) : CRM_OK;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    scan *c = ctx;
    size_t len = strlen(c->where);
    hid_t object = store_h5_follow(group, name, info, c->s->path, "/", c->where, &c->st);

    if (!c->st && crm_store_name_fault(c->where))
        CRM_SET(c->st, CRM_ERR_FORMAT, "%s: the name of an object in it is not allowed: %s",
                c->s->path, crm_store_name_fault(c->where));
    if (!c->st) c->st = scan_object(c, object);
    if (object >= 0) H5Oclose(object);
    c->where[len] = '\0';
    return c->st ? -1 : 0;
}

static crm_status scan_group(scan *c, hid_t group)
{
    herr_t bad = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_link, c);

    CRM_TRY(c->st);
    CRM_CHECK(bad >= 0, CRM_ERR_FORMAT, "%s: is damaged: the group /%s cannot be read: %s",
              c->s->path, c->where, store_h5_why());
    return CRM_OK;
}

/* Value of 32 hexadecimal digits; false when it is none. */
static bool parse_digest(const char *hex, crm_digest *out)
{
    uint64_t v[2] = {0, 0};

    if (strlen(hex) != 32) return false;
    for (int i = 0; i < 32; i++) {
        const char *digits = "0123456789abcdef", *p = strchr(digits, hex[i]);
        if (!p) return false;
        v[i / 16] = v[i / 16] << 4 | (uint64_t)(p - digits);
    }
    *out = (crm_digest){v[0], v[1]};
    return true;
}

static crm_status scan_digest(crm_store *s, hid_t file)
{
    store_value v;
    bool ok;

    CRM_TRY(store_scan_value(s, file, STORE_DIGEST_KEY, &v));
    ok = v.kind == STORE_TEXT && parse_digest(v.items[0], &s->digest);
    crm_mem_free((void *)v.items);
    CRM_CHECK(ok, CRM_ERR_FORMAT, "%s: is damaged: the attribute " STORE_DIGEST_KEY " is not ours",
              s->path);
    return CRM_OK;
}

static crm_status check_kind(const crm_store *s, const char *kind)
{
    const char *have = crm_store_text(s, "", STORE_KIND_KEY);
    int64_t format = crm_store_i64(s, "", STORE_FORMAT_KEY, 0);

    CRM_CHECK(have, CRM_ERR_FORMAT, "%s: is damaged: " STORE_KIND_KEY " is no text", s->path);
    CRM_CHECK(!kind || strcmp(have, kind) == 0, CRM_ERR_FORMAT,
              "%s: is an HDF5 file of kind '%s'; a '%s' is needed", s->path, have, kind);
    CRM_CHECK(format == STORE_FORMAT, CRM_ERR_FORMAT,
              "%s: has format version %lld, this program reads version %d", s->path,
              (long long)format, (int)STORE_FORMAT);
    return CRM_OK;
}

crm_status store_scan(crm_store *s, hid_t file, const char *kind)
{
    scan c = {.s = s};

    CRM_CHECK(H5Aexists(file, STORE_KIND_KEY) > 0, CRM_ERR_FORMAT,
              "%s: is an HDF5 file, but not one of crmpi's (it has no " STORE_KIND_KEY ")%s%s%s",
              s->path, kind ? "; a '" : "", kind ? kind : "", kind ? "' is needed" : "");
    CRM_TRY(scan_attrs(&c, file));
    CRM_TRY(check_kind(s, kind));
    CRM_TRY(scan_digest(s, file));
    return scan_group(&c, file);
}
