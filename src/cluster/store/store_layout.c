/* store_layout.c - groups, arrays and attributes of a new file, made by one process through HDF5.
 *
 * Nothing here depends on time, host or number of ranks: no object keeps times, arrays get their
 * place when they are made and are never filled. */
#include <errno.h>
#include <string.h>

#include "store_impl.h"

/* The metadata cache grows and never evicts: HDF5 would read back what could not be written. */
static void keep_metadata(hid_t fapl)
{
    H5AC_cache_config_t c = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};

    H5Pget_mdc_config(fapl, &c);
    c.incr_mode = H5C_incr__off;
    c.flash_incr_mode = H5C_flash_incr__off;
    c.decr_mode = H5C_decr__off;
    c.evictions_enabled = false;
    H5Pset_mdc_config(fapl, &c);
}

/* A failed write comes first: what HDF5 says then is a consequence. */
const char *store_layout_reason(const store_layout *l)
{
    return l->sink.err ? strerror(l->sink.err) : store_h5_why();
}

static herr_t put_value(hid_t object, const char *key, const store_value *v)
{
    hsize_t n = (hsize_t)v->n;
    hid_t text = store_h5_text(0), attr = -1;

    switch (v->kind) {
    case STORE_I64:
        attr = store_h5_attr(object, key, H5T_STD_I64LE, 0, NULL, &v->i);
        break;
    case STORE_F64:
        attr = store_h5_attr(object, key, H5T_IEEE_F64LE, 0, NULL, &v->f);
        break;
    case STORE_TEXT:
        attr = store_h5_attr(object, key, text, 0, NULL, v->items);
        break;
    case STORE_LIST:
        attr = store_h5_attr(object, key, text, 1, &n, v->items);
        break;
    }
    H5Tclose(text);
    return attr < 0 ? -1 : H5Aclose(attr);
}

crm_status store_layout_open(store_layout *l, const char *path, int fd)
{
    hid_t fapl, fcpl;
    crm_status st;

    *l = (store_layout){.path = path, .file = -1, .driver = -1, .sink.fd = fd};
    store_h5_setup();
    fapl = H5Pcreate(H5P_FILE_ACCESS);
    fcpl = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_obj_track_times(fcpl, false);
    keep_metadata(fapl);
    st = store_sink_use(fapl, &l->sink, &l->driver);
    if (!st) l->file = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, fapl);
    H5Pclose(fapl);
    H5Pclose(fcpl);
    CRM_TRY(st);
    CRM_CHECK(l->sink.err != ENOMEM, CRM_ERR_NOMEM, "out of memory: %s", path);
    CRM_CHECK(l->file >= 0, CRM_ERR_IO, "%s: cannot be made: %s", path, store_layout_reason(l));
    return CRM_OK;
}

/* Make the group name if nothing has that name. */
static herr_t make_group(hid_t file, const char *name)
{
    hid_t gcpl, group;

    if (H5Lexists(file, name, H5P_DEFAULT) > 0) return 0;
    gcpl = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(gcpl, false);
    group = H5Gcreate2(file, name, H5P_DEFAULT, gcpl, H5P_DEFAULT);
    if (group < 0) store_h5_note();
    H5Pclose(gcpl);
    return group < 0 ? -1 : H5Gclose(group);
}

/* Make the groups above name; with whole, name itself too. */
static herr_t make_groups(hid_t file, const char *name, bool whole)
{
    char part[CRM_STORE_NAME_MAX];
    herr_t bad = 0;

    for (size_t i = 0; name[i] && bad >= 0; i++) {
        if (name[i] != '/') continue;
        memcpy(part, name, i);
        part[i] = '\0';
        bad = make_group(file, part);
    }
    return whole && name[0] && bad >= 0 ? make_group(file, name) : bad;
}

static hid_t make_dataset(store_layout *l, const store_entry *e)
{
    hid_t type = e->text ? store_h5_text(e->width) : H5Tcopy(store_h5_type(e->view.dtype));
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space, set;
    hsize_t dim[CRM_STORE_MAX_RANK];

    for (int d = 0; d < e->view.rank; d++)
        dim[d] = (hsize_t)e->view.dim[d];
    space = e->view.rank ? H5Screate_simple(e->view.rank, dim, NULL) : H5Screate(H5S_SCALAR);
    H5Pset_obj_track_times(dcpl, false);
    H5Pset_layout(dcpl, H5D_CONTIGUOUS);
    H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER);
    l->sink.array = true;
    set = H5Dcreate2(l->file, e->name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    if (set < 0) store_h5_note();
    l->sink.array = false;
    H5Sclose(space);
    H5Pclose(dcpl);
    H5Tclose(type);
    return set;
}

crm_status store_layout_array(store_layout *l, store_entry *e)
{
    haddr_t offset;
    hid_t set = -1;

    if (make_groups(l->file, e->name, false) >= 0) set = make_dataset(l, e);
    CRM_CHECK(set >= 0, CRM_ERR_IO, "%s: cannot make the array %s: %s", l->path, e->name,
              store_layout_reason(l));
    offset = H5Dget_offset(set);
    H5Dclose(set);
    CRM_CHECK(e->bytes == 0 || offset != HADDR_UNDEF, CRM_ERR_IO, "%s: HDF5 gave %s no place",
              l->path, e->name);
    e->offset = e->bytes ? (int64_t)offset : 0;
    return CRM_OK;
}

crm_status store_layout_attr(store_layout *l, const char *object, const char *key,
                             const store_value *v)
{
    hid_t at = -1;
    herr_t bad = make_groups(l->file, object, true);

    if (bad >= 0) at = H5Oopen(l->file, object[0] ? object : "/", H5P_DEFAULT);
    bad = at < 0 ? -1 : put_value(at, key, v);
    if (at >= 0) H5Oclose(at);
    CRM_CHECK(bad >= 0, CRM_ERR_IO, "%s: cannot set the attribute %s of /%s: %s", l->path, key,
              object, store_layout_reason(l));
    return CRM_OK;
}

static void close_file(store_layout *l, herr_t *bad)
{
    *bad = l->file >= 0 ? H5Fclose(l->file) : 0;
    if (l->driver >= 0) H5FDunregister(l->driver);
    l->file = l->driver = -1;
}

crm_status store_layout_close(store_layout *l)
{
    herr_t bad;

    close_file(l, &bad);
    CRM_CHECK(!l->sink.err, CRM_ERR_IO, "%s: cannot be written: %s", l->path,
              strerror(l->sink.err));
    CRM_CHECK(bad >= 0, CRM_ERR_IO, "%s: cannot be closed: %s", l->path, store_layout_reason(l));
    return CRM_OK;
}

void store_layout_discard(store_layout *l)
{
    herr_t bad;

    l->sink.err = ECANCELED;
    close_file(l, &bad);
}
