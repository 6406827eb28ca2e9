/* store_scale_read.c - the dimension scales of a file that is read: are they of the form that the
 * writer gives them?
 *
 * Nothing is taken from them, as names of dimensions are in DIMENSION_LABELS, and no reference is
 * followed.  Texts of fixed length are guarded by HDF5's checksums, lists of references by those
 * over the heaps. */
#include <string.h>

#include "store_impl.h"

enum { FIXED_MAX = 256 };

static bool is_reference(hid_t type)
{
    return H5Tget_class(type) == H5T_REFERENCE && H5Tget_size(type) == sizeof(hobj_ref_t);
}

static bool is_reference_list(hid_t type)
{
    bool ok = H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2;

    for (unsigned i = 0; ok && i < 2; i++) {
        hid_t member = H5Tget_member_type(type, i);
        ok = i ? H5Tequal(member, H5T_STD_I32LE) > 0 : is_reference(member);
        H5Tclose(member);
    }
    return ok;
}

static bool is_dimension_list(hid_t type)
{
    hid_t item = H5Tget_class(type) == H5T_VLEN ? H5Tget_super(type) : -1;
    bool ok = item >= 0 && is_reference(item);

    if (item >= 0) H5Tclose(item);
    return ok;
}

static bool is_fixed_text(hid_t type)
{
    return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
           H5Tget_size(type) <= FIXED_MAX;
}

/* The attributes of the convention, their types and ranks. */
static const struct {
    const char *key;
    bool (*type)(hid_t type);
    int rank;
} FORM[] = {{STORE_CLASS_KEY, is_fixed_text, 0},
            {STORE_NAME_KEY, is_fixed_text, 0},
            {STORE_REFERENCES_KEY, is_reference_list, 1},
            {STORE_DIMENSIONS_KEY, is_dimension_list, 1}};

bool store_scale_attr(hid_t set, const char *key)
{
    hid_t attr, type, space;
    bool ok = false;
    size_t i = 0;

    while (i < sizeof FORM / sizeof *FORM && strcmp(key, FORM[i].key) != 0)
        i++;
    if (i == sizeof FORM / sizeof *FORM || H5Iget_type(set) != H5I_DATASET) return false;
    attr = H5Aopen(set, key, H5P_DEFAULT);
    if (attr < 0) return false;
    type = H5Aget_type(attr);
    space = H5Aget_space(attr);
    if (type >= 0 && space >= 0)
        ok = FORM[i].type(type) && H5Sget_simple_extent_type(space) != H5S_NULL &&
             H5Sget_simple_extent_ndims(space) == FORM[i].rank;
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    H5Aclose(attr);
    return ok;
}

static bool has_scale_class(hid_t set)
{
    char text[FIXED_MAX + 1] = "";
    hid_t attr, type;
    bool ok;

    if (H5Aexists(set, STORE_CLASS_KEY) <= 0 || !store_scale_attr(set, STORE_CLASS_KEY))
        return false;
    attr = H5Aopen(set, STORE_CLASS_KEY, H5P_DEFAULT);
    type = H5Aget_type(attr);
    ok = H5Aread(attr, type, text) >= 0 && strcmp(text, STORE_SCALE_CLASS) == 0;
    H5Tclose(type);
    H5Aclose(attr);
    return ok;
}

bool store_scale_bare(hid_t set)
{
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    bool ok = H5Tequal(type, H5T_IEEE_F32BE) > 0 && H5Sget_simple_extent_ndims(space) == 1 &&
              H5Dget_storage_size(set) == 0 && has_scale_class(set);

    H5Tclose(type);
    H5Sclose(space);
    return ok;
}
