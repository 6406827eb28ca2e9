/* seal_hdf5.h - a good seal behind an HDF5 file that was changed through HDF5. */
#ifndef CRM_SEAL_HDF5_H
#define CRM_SEAL_HDF5_H

#include <hdf5.h>

#include "seal_by_hand.h"

typedef struct seal_found {
    uint64_t span[2 * SEAL_SPANS];
    size_t n;
} seal_found;

static inline herr_t seal_find(hid_t file, const char *name, const H5O_info_t *info, void *ctx)
{
    seal_found *f = ctx;
    haddr_t at;
    hid_t set;

    if (info->type != H5O_TYPE_DATASET || f->n == SEAL_SPANS) return 0;
    set = H5Oopen(file, name, H5P_DEFAULT);
    at = H5Dget_offset(set);
    if (at != HADDR_UNDEF && H5Dget_storage_size(set) > 0) {
        f->span[2 * f->n] = at;
        f->span[2 * f->n++ + 1] = H5Dget_storage_size(set);
    }
    H5Oclose(set);
    return 0;
}

static inline int seal_by_place(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return x[0] < y[0] ? -1 : x[0] > y[0];
}

static inline void seal_again(const char *path)
{
    seal_found f = {.n = 0};
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);

    T_CHECK(file >= 0 && H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, seal_find, &f) >= 0);
    T_CHECK(H5Fclose(file) >= 0);
    qsort(f.span, f.n, 2 * sizeof *f.span, seal_by_place);
    seal_append(path, f.span, f.n);
}
#endif
