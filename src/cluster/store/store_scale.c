/* store_scale.c - named dimensions as HDF5 dimension scales, in the convention of netCDF-4.
 *
 * A scale is an object whose attribute CLASS is "DIMENSION_SCALE".  An array refers to the scales
 * of its dimensions in DIMENSION_LIST, a scale to its users in REFERENCE_LIST.  A dimension without
 * values is a data set without storage whose NAME says so; an array or a list of texts that has the
 * name of its only dimension is the scale itself (netCDF: a coordinate variable).
 * Sources: HDF5 Dimension Scale Specification 1.0; NetCDF-4 File Format Specification, section
 * "Dimensions" (docs.unidata.ucar.edu/netcdf-c).
 *
 * Scales follow from names, shapes and dimension names alone.  They are made at the end, when all
 * names are known, and are no part of the content digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

#define NO_VARIABLE "This is a netCDF dimension but not a netCDF variable. "

enum { NAME_BYTES = 96, SUFFIX_ROOM = 24 }; /* "_", 19 digits, a few "_" more */

/* A row of REFERENCE_LIST, as H5DSattach_scale makes it. */
typedef struct reference {
    hobj_ref_t array;
    int32_t dimension, unused;
} reference;

/* Dimension d of array e. */
typedef struct use {
    const char *name;
    int64_t size;
    const store_entry *e;
    int d;
    hobj_ref_t *scale; /* 0: the array itself */
} use;

typedef struct plan {
    store_layout *l;
    const store_table *t;
    use *use;
    hobj_ref_t *scale; /* by array and dimension */
    reference *row;    /* working memory */
    int64_t n;
} plan;

/* What the uses that may have one scale agree in: the name; also the group; also the size. */
typedef enum level { BY_NAME, BY_GROUP, BY_SIZE } level;

/* Bytes of a name before its last part. */
static size_t group_length(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? (size_t)(slash - name) + 1 : 0;
}

crm_status store_scale_names(const char *array, int rank, const char *const *dim_names)
{
    for (int d = 0; d < rank; d++) {
        const char *name = dim_names[d] ? dim_names[d] : "", *fault = crm_store_name_fault(name);
        if (!fault && strchr(name, '/')) fault = "it has a slash";
        if (!fault && group_length(array) + strlen(name) + SUFFIX_ROOM >= CRM_STORE_NAME_MAX)
            fault = "it is too long";
        CRM_CHECK(!fault, CRM_ERR_ARG, "array %s: name \"%s\" of dimension %d: %s", array, name, d,
                  fault);
    }
    return CRM_OK;
}

/* ---- writing ---- */

static int compare_group(const use *a, const use *b)
{
    size_t n = group_length(a->e->name), m = group_length(b->e->name);
    int c = memcmp(a->e->name, b->e->name, n < m ? n : m);

    return c ? c : (n > m) - (n < m);
}

static int compare_at(const use *a, const use *b, level to)
{
    int c = strcmp(a->name, b->name);

    if (!c && to >= BY_GROUP) c = compare_group(a, b);
    if (!c && to >= BY_SIZE) c = (a->size > b->size) - (a->size < b->size);
    return c;
}

static int compare_use(const void *x, const void *y)
{
    const use *a = x, *b = y;
    int c = compare_at(a, b, BY_SIZE);

    if (!c) c = strcmp(a->e->name, b->e->name);
    return c ? c : a->d - b->d;
}

static hid_t fixed_text(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, bytes);
    return type;
}

static herr_t put_fixed(hid_t object, const char *key, const char *text)
{
    hid_t type = fixed_text(strlen(text) + 1), attr;

    attr = store_h5_attr(object, key, type, 0, NULL, text);
    H5Tclose(type);
    return attr < 0 ? -1 : H5Aclose(attr);
}

static herr_t mark(hid_t object, const char *name)
{
    return put_fixed(object, STORE_CLASS_KEY, STORE_SCALE_CLASS) < 0
               ? -1
               : put_fixed(object, STORE_NAME_KEY, name);
}

static hid_t reference_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(reference));

    H5Tinsert(type, "dataset", HOFFSET(reference, array), H5T_STD_REF_OBJ);
    H5Tinsert(type, "dimension", HOFFSET(reference, dimension), H5T_STD_I32LE);
    return type;
}

static herr_t refer(const plan *p, const char *name, hobj_ref_t *out)
{
    return H5Rcreate(out, p->l->file, name, H5R_OBJECT, -1);
}

/* A dimension without values: no space is ever taken for it. */
static hid_t make_dimension(const plan *p, const char *path, int64_t size)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space, set;
    hsize_t dim = (hsize_t)size;
    char name[NAME_BYTES];

    snprintf(name, sizeof name, NO_VARIABLE "%10lld", (long long)size);
    space = H5Screate_simple(1, &dim, NULL);
    H5Pset_obj_track_times(dcpl, false);
    H5Pset_layout(dcpl, H5D_CONTIGUOUS);
    H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_LATE);
    set = H5Dcreate2(p->l->file, path, H5T_IEEE_F32BE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    H5Sclose(space);
    H5Pclose(dcpl);
    if (set >= 0 && mark(set, name) >= 0) return set;
    store_h5_note();
    if (set >= 0) H5Dclose(set);
    return -1;
}

/* The array that is the scale of name and size, standing at path: a list of texts, or an array with
 * that one dimension. */
static bool is_coordinate(const store_entry *e, const char *name, int64_t size)
{
    if (e->view.rank != 1 || e->view.dim[0] != size) return false;
    if (strcmp(e->name + group_length(e->name), name) != 0) return false;
    return e->text || (e->dims && strcmp(e->dims[0], name) == 0);
}

/* Open or make the scale at path; -1 when it cannot be made. */
static hid_t scale_at(const plan *p, const use *u, const char *path)
{
    int at = store_table_find(p->t, path);
    hid_t set;

    if (at < 0) return make_dimension(p, path, u->size);
    set = H5Dopen2(p->l->file, path, H5P_DEFAULT);
    if (set >= 0 && !p->t->entry[at].text && mark(set, u->name) < 0) {
        H5Dclose(set);
        set = -1;
    }
    return set; /* all lists of texts are marked already */
}

/* The n rows into the REFERENCE_LIST of a scale. */
static herr_t put_references(hid_t set, hsize_t n, const reference *row)
{
    hid_t type, attr;

    if (n == 0) return 0;
    type = reference_type();
    attr = store_h5_attr(set, STORE_REFERENCES_KEY, type, 1, &n, row);
    H5Tclose(type);
    return attr < 0 ? -1 : H5Aclose(attr);
}

/* One scale at path for the uses [a, b). */
static crm_status put_scale(plan *p, int64_t a, int64_t b, const char *path)
{
    hid_t set = scale_at(p, &p->use[a], path);
    hobj_ref_t self = 0;
    herr_t bad = set < 0 ? -1 : refer(p, path, &self);
    hsize_t n = 0;

    for (int64_t i = a; i < b && bad >= 0; i++) {
        const use *u = &p->use[i];
        if (strcmp(u->e->name, path) == 0) continue;
        p->row[n] = (reference){.dimension = u->d};
        bad = refer(p, u->e->name, &p->row[n++].array);
        *u->scale = self;
    }
    if (bad >= 0) bad = put_references(set, n, p->row);
    if (set >= 0) H5Dclose(set);
    CRM_CHECK(bad >= 0, CRM_ERR_IO, "%s: cannot make the dimension /%s: %s", p->l->path, path,
              store_layout_reason(p->l));
    return CRM_OK;
}

/* May the scale of u stand at path?  Nothing may stand there but the array that is the scale. */
static bool usable(const plan *p, const use *u, const char *path)
{
    int at = store_table_find(p->t, path);

    if (at >= 0) return is_coordinate(&p->t->entry[at], u->name, u->size);
    return H5Lexists(p->l->file, path, H5P_DEFAULT) == 0;
}

/* Do the uses [a, b) have one size, and is no list of texts of another size in the way that has the
 * name in a group of theirs? */
static bool one_scale(const plan *p, int64_t a, int64_t b)
{
    char near[CRM_STORE_NAME_MAX];

    for (int64_t i = a; i < b; i++) {
        const use *u = &p->use[i];
        int at;
        if (u->size != p->use[a].size) return false;
        snprintf(near, sizeof near, "%.*s%s", (int)group_length(u->e->name), u->e->name, u->name);
        at = store_table_find(p->t, near);
        if (at >= 0 && p->t->entry[at].text && p->t->entry[at].view.dim[0] != u->size) return false;
    }
    return true;
}

/* Place of the scale of u: "name", "group/name" or "group/name_size"; false when it is taken. */
static bool find_path(const plan *p, const use *u, level l, char path[CRM_STORE_NAME_MAX])
{
    int group = l == BY_NAME ? 0 : (int)group_length(u->e->name), n;

    n = snprintf(path, CRM_STORE_NAME_MAX, "%.*s%s", group, u->e->name, u->name);
    if (l < BY_SIZE) return usable(p, u, path);
    n += snprintf(path + n, (size_t)(CRM_STORE_NAME_MAX - n), "_%lld", (long long)u->size);
    while (!usable(p, u, path) && n + 1 < CRM_STORE_NAME_MAX) {
        path[n++] = '_';
        path[n] = '\0';
    }
    return usable(p, u, path);
}

/* The uses [a, b) agree up to level l.  One scale for all of them, if that can be; else they are
 * divided by the next level.  A name that one group uses alone stands there, not in the root. */
static crm_status place(plan *p, int64_t a, int64_t b, level l)
{
    char path[CRM_STORE_NAME_MAX];
    int64_t end;

    if (l == BY_NAME && compare_group(&p->use[a], &p->use[b - 1]) == 0) l = BY_GROUP;
    if ((l == BY_SIZE || one_scale(p, a, b)) && find_path(p, &p->use[a], l, path))
        return put_scale(p, a, b, path);
    CRM_CHECK(l < BY_SIZE, CRM_ERR_ARG, "%s: no place for the dimension %s of array %s", p->l->path,
              p->use[a].name, p->use[a].e->name);
    for (; a < b; a = end) {
        end = a + 1;
        while (end < b && compare_at(&p->use[a], &p->use[end], l + 1) == 0)
            end++;
        CRM_TRY(place(p, a, end, l + 1));
    }
    return CRM_OK;
}

/* The list of scales of an array with named dimensions, none when it is the scale itself. */
static herr_t put_list(const plan *p, const store_entry *e, hobj_ref_t *scale)
{
    hid_t set, type, attr;
    hsize_t n = (hsize_t)e->view.rank;
    hvl_t list[CRM_STORE_MAX_RANK];

    if (!scale[0]) return 0;
    for (int d = 0; d < e->view.rank; d++)
        list[d] = (hvl_t){1, &scale[d]};
    set = H5Dopen2(p->l->file, e->name, H5P_DEFAULT);
    type = H5Tvlen_create(H5T_STD_REF_OBJ);
    attr = set < 0 ? -1 : store_h5_attr(set, STORE_DIMENSIONS_KEY, type, 1, &n, list);
    H5Tclose(type);
    if (attr >= 0) H5Aclose(attr);
    if (set >= 0) H5Dclose(set);
    return attr < 0 ? -1 : 0;
}

static herr_t mark_texts(const plan *p, const store_entry *e)
{
    hid_t set = H5Dopen2(p->l->file, e->name, H5P_DEFAULT);
    herr_t bad = set < 0 ? -1 : mark(set, e->name + group_length(e->name));

    if (set >= 0) H5Dclose(set);
    return bad;
}

static int64_t collect(plan *p)
{
    int64_t n = 0;

    for (int i = 0; i < p->t->n; i++) {
        const store_entry *e = &p->t->entry[i];
        for (int d = 0; e->dims && d < e->view.rank; d++, n++)
            if (p->use) p->use[n] = (use){e->dims[d], e->view.dim[d], e, d, &p->scale[n]};
    }
    return n;
}

static crm_status put_entries(plan *p)
{
    hobj_ref_t *scale = p->scale;

    for (int i = 0; i < p->t->n; i++) {
        const store_entry *e = &p->t->entry[i];
        CRM_CHECK(!e->dims || put_list(p, e, scale) >= 0, CRM_ERR_IO,
                  "%s: cannot name the dimensions of /%s: %s", p->l->path, e->name,
                  store_layout_reason(p->l));
        if (e->dims) scale += e->view.rank;
    }
    return CRM_OK;
}

crm_status store_scale_put(store_layout *l, const store_table *t)
{
    plan p = {.l = l, .t = t};
    crm_status st = CRM_OK;
    int64_t end;

    for (int i = 0; i < t->n; i++)
        CRM_CHECK(!t->entry[i].text || mark_texts(&p, &t->entry[i]) >= 0, CRM_ERR_IO,
                  "%s: cannot mark the texts /%s: %s", l->path, t->entry[i].name,
                  store_layout_reason(l));
    p.n = collect(&p);
    if (p.n == 0) return CRM_OK;
    CRM_NEW_TO(st, done, p.scale, p.n);
    CRM_NEW_TO(st, done, p.row, p.n);
    CRM_NEW_TO(st, done, p.use, p.n);
    collect(&p);
    qsort(p.use, (size_t)p.n, sizeof *p.use, compare_use);
    for (int64_t a = 0; a < p.n; a = end) {
        for (end = a + 1; end < p.n && compare_at(&p.use[a], &p.use[end], BY_NAME) == 0;)
            end++;
        CRM_TRY_TO(st, done, place(&p, a, end, BY_NAME));
    }
    st = put_entries(&p);
done:
    crm_mem_free(p.scale);
    crm_mem_free(p.row);
    crm_mem_free(p.use);
    return st;
}
