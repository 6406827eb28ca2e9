/* store_sink.c - file driver through which HDF5 writes the metadata of a new file.
 *
 * It differs from HDF5's own POSIX driver in two things.
 * Errors: a write that fails (disk full) is noted and reported as done.  HDF5 1.10 cannot close a
 * file whose metadata it could not write, and crashes when the program ends; so it is not told, and
 * the writer looks at err before it takes the file for good. Places: arrays begin at multiples of
 * 4096, and what is given back is not used again. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

typedef struct sink_file {
    H5FD_t base; /* HDF5 takes a pointer to it for the file */
    store_sink *sink;
    haddr_t eoa, eof;
} sink_file;

static const haddr_t MAX_ADDR = (haddr_t)1 << 62;

static H5FD_t *sink_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    store_sink *const *info = H5Pget_driver_info(fapl);
    sink_file *f = info ? crm_mem_new(1, sizeof *f) : NULL;

    (void)name;
    (void)flags;
    (void)maxaddr;
    if (!f) {
        if (info) (*info)->err = ENOMEM; /* HDF5 forgets why */
        return NULL;
    }
    f->sink = *info;
    return &f->base;
}

static herr_t sink_close(H5FD_t *file)
{
    crm_mem_free(file);
    return 0;
}

static herr_t sink_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA;
    return 0;
}

static haddr_t round_up(haddr_t v, haddr_t unit)
{
    return (v + unit - 1) / unit * unit;
}

/* Space at the end of the file. */
static haddr_t extend(sink_file *f, hsize_t size, haddr_t unit)
{
    haddr_t addr = round_up(f->eoa, unit);

    if (size > MAX_ADDR || addr > MAX_ADDR - size) return HADDR_UNDEF;
    f->eoa = addr + size;
    return addr;
}

static haddr_t sink_alloc(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, hsize_t size)
{
    sink_file *f = (sink_file *)file;

    (void)dxpl;
    if (type == H5FD_MEM_DRAW && f->sink->array) return extend(f, size, STORE_ALIGN);
    if (type == H5FD_MEM_DRAW || type == H5FD_MEM_GHEAP) return extend(f, size, 8);
    return extend(f, size, 1);
}

/* Space given back is not used again. */
static herr_t sink_free(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, hsize_t size)
{
    (void)file;
    (void)type;
    (void)dxpl;
    (void)addr;
    (void)size;
    return 0;
}

static haddr_t sink_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const sink_file *)file)->eoa;
}

static herr_t sink_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr)
{
    (void)type;
    ((sink_file *)file)->eoa = addr;
    return 0;
}

static haddr_t sink_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const sink_file *)file)->eof;
}

static void note(store_sink *s)
{
    if (!s->err) s->err = errno ? errno : EIO;
}

static herr_t sink_read(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                        void *data)
{
    store_sink *s = ((sink_file *)file)->sink;
    size_t got = 0;

    (void)type;
    (void)dxpl;
    if (!s->err && store_read_at(s->fd, data, size, (int64_t)addr, "", &got)) note(s);
    memset((char *)data + got, 0, size - got);
    return 0;
}

static herr_t sink_write(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                         const void *data)
{
    sink_file *f = (sink_file *)file;

    (void)type;
    (void)dxpl;
    if (!f->sink->err && store_write_at(f->sink->fd, data, size, (int64_t)addr, "")) note(f->sink);
    if (addr + size > f->eof) f->eof = addr + size;
    return 0;
}

static herr_t sink_truncate(H5FD_t *file, hid_t dxpl, hbool_t closing)
{
    sink_file *f = (sink_file *)file;

    (void)dxpl;
    while (closing && !f->sink->err && ftruncate(f->sink->fd, (off_t)f->eoa) != 0)
        if (errno != EINTR) note(f->sink);
    f->eof = f->eoa;
    return 0;
}

static const H5FD_class_t SINK = {
    .name = "crmpi_sink",
    .maxaddr = (haddr_t)1 << 62,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(store_sink *),
    .open = sink_open,
    .close = sink_close,
    .query = sink_query,
    .alloc = sink_alloc,
    .free = sink_free,
    .get_eoa = sink_get_eoa,
    .set_eoa = sink_set_eoa,
    .get_eof = sink_get_eof,
    .read = sink_read,
    .write = sink_write,
    .truncate = sink_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

crm_status store_sink_use(hid_t fapl, store_sink *sink, hid_t *driver)
{
    *driver = H5FDregister(&SINK);
    CRM_CHECK(*driver >= 0 && H5Pset_driver(fapl, *driver, &sink) >= 0, CRM_ERR_IO,
              "HDF5 refuses the file driver: %s", store_h5_why());
    return CRM_OK;
}
