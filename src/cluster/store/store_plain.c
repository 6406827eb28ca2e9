/* store_plain.c - numbers of any HDF5 file, as other programs write them: any number type, byte
 * order, chunking and filter that the library knows; attributes are not looked at.
 *
 * The file is opened for reading only and taken in with suspicion: sizes are compared with the
 * length of the file before memory is asked for, and nothing outside the file is followed. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "store_impl.h"

/* A filter packs zeros about a thousand times; what claims more is no data. */
enum { PACKED_MOST = 1000, SMALL = 1 << 20, WIDTH_MAX = 16 };

typedef struct plain {
    const char *path;
    crm_store_plain_fn take;
    void *ctx;
    int64_t most, total; /* bytes as f32: allowed, met so far */
    char where[CRM_STORE_NAME_MAX];
    int n_objects;
    crm_status st;
} plain;

/* Filters that are part of the library.  Those of plug-ins are never loaded; nbit and scaleoffset
 * are left out, as no program makes weights with them and they unpack by rules in the file. */
static const char *filter_fault(hid_t list)
{
    int n = H5Pget_nfilters(list);

    for (int i = 0; i < n; i++) {
        H5Z_filter_t id = H5Pget_filter2(list, (unsigned)i, NULL, NULL, NULL, 0, NULL, NULL);
        if (id != H5Z_FILTER_DEFLATE && id != H5Z_FILTER_SHUFFLE && id != H5Z_FILTER_FLETCHER32 &&
            id != H5Z_FILTER_SZIP)
            return "is packed by a filter that is not read (deflate, shuffle, fletcher32 and szip "
                   "are)";
    }
    return n < 0 ? "has no layout that can be read" : NULL;
}

/* NULL when the file itself holds the values and no chunk is larger than it can be. */
static const char *layout_fault(const plain *p, hid_t set, size_t width)
{
    hid_t list = H5Dget_create_plist(set);
    H5D_layout_t layout = H5Pget_layout(list);
    int64_t bytes = (int64_t)width;
    const char *why = NULL;
    hsize_t dim[H5S_MAX_RANK];
    int rank = 0;

    if (layout == H5D_VIRTUAL || H5Pget_external_count(list) > 0)
        why = "has its values in another file, which is not followed";
    else if (layout < 0)
        why = "has no layout that can be read";
    else if (layout == H5D_CHUNKED)
        rank = H5Pget_chunk(list, H5S_MAX_RANK, dim);
    if (rank < 0) why = "has no layout that can be read";
    if (!why) why = filter_fault(list);
    for (int d = 0; d < rank && !why; d++) {
        if (dim[d] > 0 && (hsize_t)(p->most / bytes) < dim[d])
            why = "has chunks that are too large for the file";
        else
            bytes *= (int64_t)(dim[d] ? dim[d] : 1);
    }
    H5Pclose(list);
    return why;
}

/* Shape and number of elements; NULL or why it is not read. */
static const char *shape_fault(const plain *p, hid_t set, int *rank, int64_t *dim, int64_t *n)
{
    hid_t space = H5Dget_space(set);
    H5S_class_t class = H5Sget_simple_extent_type(space);
    hsize_t d[H5S_MAX_RANK];
    int64_t bytes = 0;
    bool known = class == H5S_SCALAR || class == H5S_SIMPLE;

    *rank = known ? H5Sget_simple_extent_ndims(space) : -1;
    if (*rank >= 0 && *rank <= CRM_STORE_MAX_RANK && H5Sget_simple_extent_dims(space, d, NULL) < 0)
        *rank = -1;
    H5Sclose(space);
    if (*rank < 0) return "has no shape";
    if (*rank > CRM_STORE_MAX_RANK) return "has more than 5 dimensions";
    for (int k = 0; k < *rank; k++) {
        if (d[k] > (hsize_t)INT64_MAX) return "is too large";
        dim[k] = (int64_t)d[k];
    }
    if (!store_bytes(*rank, dim, sizeof(float), &bytes) || bytes > p->most - p->total)
        return "claims to be more than a thousand times larger than its file";
    *n = bytes / (int64_t)sizeof(float);
    return NULL;
}

static crm_status read_values(plain *p, hid_t set, int rank, const int64_t *dim, int64_t n)
{
    float *data = crm_mem_new((size_t)(n ? n : 1), sizeof *data);
    crm_status st = CRM_OK;
    int64_t i = 0;

    CRM_CHECK(data, CRM_ERR_NOMEM, "out of memory: %s: %s, %lld numbers", p->path, p->where,
              (long long)n);
    if (n > 0 && H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: %s cannot be read: %s", p->path, p->where, store_h5_why());
    while (!st && i < n && isfinite(data[i]))
        i++;
    if (!st && i < n)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: %s: number %lld is not finite in 32 bits", p->path,
                p->where, (long long)i);
    if (!st) st = p->take(p->ctx, p->where, rank, dim, n, data);
    crm_mem_free(data);
    return st;
}

/* Data sets of texts and other things that are no numbers are passed over. */
static crm_status read_set(plain *p, hid_t set)
{
    hid_t type = H5Dget_type(set);
    H5T_class_t class = H5Tget_class(type);
    size_t width = H5Tget_size(type);
    int64_t dim[CRM_STORE_MAX_RANK], n = 0;
    const char *why;
    int rank;

    H5Tclose(type);
    if (class != H5T_FLOAT && class != H5T_INTEGER) return CRM_OK;
    why = width > WIDTH_MAX ? "has numbers of more than 16 bytes"
                            : shape_fault(p, set, &rank, dim, &n);
    if (!why) why = layout_fault(p, set, width);
    CRM_CHECK(!why, CRM_ERR_FORMAT, "%s: %s %s", p->path, p->where, why);
    p->total += n * (int64_t)sizeof(float);
    return read_values(p, set, rank, dim, n);
}

static crm_status read_group(plain *p, hid_t group);

static crm_status read_object(plain *p, hid_t object)
{
    H5I_type_t type = H5Iget_type(object);

    CRM_CHECK(++p->n_objects <= STORE_OBJECTS_MAX, CRM_ERR_FORMAT, "%s: holds more than %d objects",
              p->path, (int)STORE_OBJECTS_MAX);
    if (type == H5I_GROUP) return read_group(p, object);
    return type == H5I_DATASET ? read_set(p, object) : CRM_OK;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    plain *p = ctx;
    size_t len = strlen(p->where);
    hid_t object = store_h5_follow(group, name, info, p->path, "", p->where, &p->st);

    if (!p->st) p->st = read_object(p, object);
    if (object >= 0) H5Oclose(object);
    p->where[len] = '\0';
    return p->st ? -1 : 0;
}

static crm_status read_group(plain *p, hid_t group)
{
    herr_t bad = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_link, p);

    CRM_TRY(p->st);
    CRM_CHECK(bad >= 0, CRM_ERR_FORMAT, "%s: is damaged: a group cannot be read: %s", p->path,
              store_h5_why());
    return CRM_OK;
}

/* CRM_ERR_IO missing, CRM_ERR_FORMAT not HDF5. */
static crm_status check_hdf5(const char *path, int64_t *size)
{
    CRM_TRY(crm_path_file_size(path, size));
    CRM_CHECK(crm_store_is_hdf5(path), CRM_ERR_FORMAT, "%s: is not an HDF5 file (%lld bytes)", path,
              (long long)*size);
    return CRM_OK;
}

static crm_status open_descriptor(const char *path, int *fd)
{
    *fd = crm_path_open(path, O_RDONLY);
    CRM_CHECK(*fd >= 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    return CRM_OK;
}

crm_status crm_store_read_plain(const char *path, crm_store_plain_fn take, void *ctx)
{
    plain p = {.path = path, .take = take, .ctx = ctx};
    crm_status st;
    int64_t size;
    hid_t file = -1;
    int fd;

    CRM_TRY(check_hdf5(path, &size));
    CRM_TRY(open_descriptor(path, &fd));
    p.most = size < INT64_MAX / PACKED_MOST - SMALL ? size * PACKED_MOST + SMALL : INT64_MAX;
    st = store_source_open(fd, size, path, &file);
    if (!st) st = read_group(&p, file);
    if (file >= 0) H5Fclose(file);
    close(fd);
    return st;
}

crm_status crm_store_is_ours(const char *path, bool *ours)
{
    crm_status st;
    int64_t size;
    bool sealed;
    int fd;

    *ours = false;
    CRM_TRY(check_hdf5(path, &size));
    CRM_TRY(open_descriptor(path, &fd));
    st = store_seal_ours(fd, size, path, &sealed, ours);
    close(fd);
    return st;
}
