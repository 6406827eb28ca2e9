/* store_source.c - file driver through which HDF5 reads.
 *
 * It differs from HDF5's own POSIX driver in two things.  HDF5 gets an open descriptor, so that it
 * reads the very file whose seal was checked, and no more of it than is meant for it.  And closing
 * cannot fail: where close(2) does, HDF5 1.10 keeps half of the file and crashes when the program
 * ends. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

typedef struct source_file {
    H5FD_t base; /* HDF5 takes a pointer to it for the file */
    store_source source;
    haddr_t eoa;
} source_file;

static H5FD_t *source_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    const store_source *info = H5Pget_driver_info(fapl);
    source_file *f = info && !(flags & H5F_ACC_RDWR) ? crm_mem_new(1, sizeof *f) : NULL;

    (void)name;
    (void)maxaddr;
    if (info && !f && !(flags & H5F_ACC_RDWR)) *info->nomem = true; /* HDF5 forgets why */
    if (!f) return NULL;
    f->source = *info;
    return &f->base;
}

static herr_t source_close(H5FD_t *file)
{
    crm_mem_free(file);
    return 0;
}

static herr_t source_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
    return 0;
}

static haddr_t source_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const source_file *)file)->eoa;
}

static herr_t source_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr)
{
    (void)type;
    ((source_file *)file)->eoa = addr;
    return 0;
}

static haddr_t source_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return (haddr_t)((const source_file *)file)->source.end;
}

/* What lies behind the end counts as zeros, as with HDF5's own driver. */
static herr_t source_read(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                          void *data)
{
    const store_source *s = &((source_file *)file)->source;
    haddr_t end = (haddr_t)s->end;
    size_t n = addr >= end ? 0 : end - addr < size ? (size_t)(end - addr) : size, got = 0;

    (void)type;
    (void)dxpl;
    if (n > 0 && store_read_at(s->fd, data, n, (int64_t)addr, "", &got)) return -1;
    memset((char *)data + got, 0, size - got);
    return 0;
}

static herr_t source_write(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                           const void *data)
{
    (void)file;
    (void)type;
    (void)dxpl;
    (void)addr;
    (void)size;
    (void)data;
    return -1;
}

static const H5FD_class_t SOURCE = {
    .name = "crmpi_source",
    .maxaddr = (haddr_t)1 << 62,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(store_source),
    .open = source_open,
    .close = source_close,
    .query = source_query,
    .get_eoa = source_get_eoa,
    .set_eoa = source_set_eoa,
    .get_eof = source_get_eof,
    .read = source_read,
    .write = source_write,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

crm_status store_source_open(int fd, int64_t end, const char *path, hid_t *file)
{
    static hid_t driver = -1; /* kept: HDF5 1.10 uses it after its last reference, closing a file */
    bool nomem = false;
    const store_source source = {.fd = fd, .end = end, .nomem = &nomem};
    hid_t access;

    store_h5_setup();
    if (driver < 0) driver = H5FDregister(&SOURCE);
    access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    *file = driver >= 0 && H5Pset_driver(access, driver, &source) >= 0
                ? H5Fopen(path, H5F_ACC_RDONLY, access)
                : -1;
    if (*file < 0) store_h5_note();
    H5Pclose(access);
    CRM_CHECK(!nomem, CRM_ERR_NOMEM, "out of memory: %s", path);
    CRM_CHECK(*file >= 0, CRM_ERR_FORMAT, "%s: is damaged: HDF5 cannot open it: %s", path,
              store_h5_why());
    return CRM_OK;
}
