/* store_h5.c - set-up of the HDF5 library and its types for our element types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_impl.h"

void store_h5_setup(void)
{
    /* Locks fail on many cluster file systems; files here are never changed in place. */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    H5open();
    H5PLset_loading_state(0); /* no code out of folders that a file makes HDF5 look into */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static char why[256];

static herr_t keep_first(unsigned n, const H5E_error2_t *e, void *out)
{
    (void)out;
    if (n == 0 && e->desc) snprintf(why, sizeof why, "%s", e->desc);
    return 0;
}

void store_h5_note(void)
{
    snprintf(why, sizeof why, "unknown error");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, NULL);
}

const char *store_h5_why(void)
{
    if (H5Eget_num(H5E_DEFAULT) > 0) store_h5_note();
    return why;
}

hid_t store_h5_type(crm_dtype t)
{
    const hid_t type[] = {
        [CRM_F32] = H5T_IEEE_F32LE, [CRM_F64] = H5T_IEEE_F64LE, [CRM_U8] = H5T_STD_U8LE,
        [CRM_U16] = H5T_STD_U16LE,  [CRM_I32] = H5T_STD_I32LE,  [CRM_I64] = H5T_STD_I64LE,
    };
    _Static_assert(sizeof type / sizeof *type == CRM_DTYPE_COUNT, "one HDF5 type per dtype");

    return type[t];
}

bool store_h5_dtype(hid_t type, crm_dtype *out)
{
    for (int t = 0; t < CRM_DTYPE_COUNT; t++) {
        *out = (crm_dtype)t;
        if (H5Tequal(type, store_h5_type(*out)) > 0) return true;
    }
    return false;
}

hid_t store_h5_text(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, bytes ? bytes : H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, bytes ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    return type;
}

hid_t store_h5_attr(hid_t object, const char *key, hid_t type, int rank, const hsize_t *dim,
                    const void *data)
{
    hid_t space = rank ? H5Screate_simple(rank, dim, NULL) : H5Screate(H5S_SCALAR);
    hid_t attr = H5Acreate2(object, key, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool empty = rank > 0 && dim[0] == 0;

    if (attr < 0) store_h5_note();
    if (attr >= 0 && !empty && H5Awrite(attr, type, data) < 0) {
        store_h5_note();
        H5Aclose(attr);
        attr = -1;
    }
    H5Sclose(space);
    return attr;
}

/* A conversion "text of variable length -> its number of bytes" for H5Aread.  HDF5 hands it what
 * the file holds for each item: the number, 32 bits little-endian, then where the text is. */
static herr_t text_to_bytes(hid_t from, hid_t to, H5T_cdata_t *c, size_t n, size_t stride,
                            size_t bkg_stride, void *data, void *bkg, hid_t dxpl)
{
    size_t step = H5Tget_size(from);
    unsigned char *p = data;

    (void)bkg_stride, (void)bkg, (void)dxpl;
    if (c->command == H5T_CONV_INIT) {
        c->need_bkg = H5T_BKG_NO;
        return H5Tis_variable_str(from) > 0 && H5Tequal(to, H5T_NATIVE_INT64) > 0 ? 0 : -1;
    }
    if (c->command == H5T_CONV_FREE) return 0;
    if (step < sizeof(int64_t) && stride == 0) return -1; /* it would overwrite what comes next */
    for (size_t i = 0; i < n; i++) {
        const unsigned char *in = p + i * (stride ? stride : step);
        int64_t v = in[0] | in[1] << 8 | in[2] << 16 | (int64_t)in[3] << 24;
        memcpy(p + i * (stride ? stride : sizeof v), &v, sizeof v);
    }
    return 0;
}

bool store_h5_text_bytes(hid_t attr, int64_t *bytes)
{
    static bool registered;
    hid_t text;

    if (!registered) {
        text = store_h5_text(0);
        registered = H5Tregister(H5T_PERS_SOFT, "crmpi_text_bytes", text, H5T_NATIVE_INT64,
                                 text_to_bytes) >= 0;
        H5Tclose(text);
    }
    if (registered && H5Aread(attr, H5T_NATIVE_INT64, bytes) >= 0) return true;
    store_h5_note();
    return false;
}

hid_t store_h5_follow(hid_t group, const char *name, const H5L_info_t *info, const char *path,
                      const char *root, char *where, crm_status *st)
{
    size_t len = strlen(where), room = CRM_STORE_NAME_MAX - len;
    hid_t object = -1;

    if (snprintf(where + len, room, "%s%s", len ? "/" : "", name) >= (int)room)
        CRM_SET(*st, CRM_ERR_FORMAT, "%s: a name in it is too long: %s...", path, where);
    else if (info->type != H5L_TYPE_HARD)
        CRM_SET(*st, CRM_ERR_FORMAT, "%s: %s%s is a soft or external link, which is not followed",
                path, root, where);
    else if ((object = H5Oopen(group, name, H5P_DEFAULT)) < 0)
        CRM_SET(*st, CRM_ERR_FORMAT, "%s: %s%s cannot be opened: %s", path, root, where,
                store_h5_why());
    return object;
}

const char *crm_store_library(void)
{
    static char text[64];
    unsigned major, minor, release;

    store_h5_setup();
    H5get_libversion(&major, &minor, &release);
#ifdef H5_HAVE_PARALLEL
    snprintf(text, sizeof text, "HDF5 %u.%u.%u (with MPI)", major, minor, release);
#else
    snprintf(text, sizeof text, "HDF5 %u.%u.%u (without MPI)", major, minor, release);
#endif
    return text;
}
