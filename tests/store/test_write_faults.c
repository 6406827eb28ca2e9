/* Writers that fail: on one rank, on all, on a full disk; the same status everywhere, nothing left
 * behind. ranks: 1 2 3 4 timeout: 120 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "crm_test_mpi.h"
#include "store_sample.h"

static int rank(void)
{
    return crm_comm_rank(t_comm);
}

static bool last_rank(void)
{
    return rank() == crm_comm_size(t_comm) - 1;
}

static void barrier(void)
{
    T_OK(crm_comm_barrier(t_comm));
}

static crm_store_writer *begin(const char *path, int64_t rows)
{
    static const char *const names[] = {"row"};
    crm_store_writer *w = NULL;

    T_OK(crm_store_create(t_comm, path, "sample", &w));
    if (w) T_OK(crm_store_define(w, "x", CRM_I64, 1, &rows, names));
    return w;
}

/* After a failure: commit fails too, no file and no temporary file are there. */
static void gone(crm_store_writer **w, const char *name)
{
    char tmp[64];

    T_FAILS(crm_store_commit(w, NULL), CRM_ERR_IO, "an earlier step failed");
    T_CHECK(*w == NULL);
    barrier();
    snprintf(tmp, sizeof tmp, "%s.tmp", name);
    T_CHECK(!crm_path_exists(sample_path(name)));
    T_CHECK(!crm_path_exists(sample_path(tmp)));
    barrier();
}

static void one_rank_out_of_range(void)
{
    static const int64_t data[10];
    crm_store_writer *w = begin(sample_path("range.h5"), 10);

    T_FAILS(crm_store_write(w, "x", last_rank() ? 8 : 0, last_rank() ? 3 : 0, data), CRM_ERR_ARG,
            "rows [8, +3) are outside its 10 rows");
    T_FAILS(crm_store_write(w, "x", 0, 0, data), CRM_ERR_IO, "an earlier step failed");
    gone(&w, "range.h5");
}

static void rows_missing(void)
{
    static const int64_t data[10];
    crm_store_writer *w = begin(sample_path("rows.h5"), 10);

    T_OK(crm_store_write(w, "x", 0, last_rank() ? 9 : 0, data));
    T_FAILS(crm_store_commit(&w, NULL), CRM_ERR_ARG, "array x has 10 rows, 9 were written");
    w = begin(sample_path("rows.h5"), 10);
    T_OK(crm_store_write(w, "x", 0, last_rank() ? 9 : 0, data));
    T_OK(crm_store_write(w, "x", 8, last_rank() ? 1 : 0, data));
    T_FAILS(crm_store_commit(&w, NULL), CRM_ERR_ARG, "written twice, others never");
    barrier();
    T_CHECK(!crm_path_exists(sample_path("rows.h5")));
    T_CHECK(!crm_path_exists(sample_path("rows.h5.tmp")));
}

static void names_not_allowed(void)
{
    static const char *const bad[] = {"", "/x", "x/", "a//b", "a/../b", ".", "a\nb"};
    static const char *const bad_dim[] = {"a/b", "..", "a\tb"};
    static const int64_t two[] = {2, 2};
    static const int64_t dim[] = {1}, minus[] = {-1}, huge[] = {(int64_t)1 << 58, 8};
    static const char *const item[] = {"x"};
    char name[400];
    crm_store_writer *w;

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        T_OK(crm_store_create(t_comm, sample_path("names.h5"), "sample", &w));
        T_FAILS(crm_store_define(w, i ? bad[i - 1] : name, CRM_F32, 1, dim, NULL), CRM_ERR_ARG,
                "array name");
        crm_store_abandon(&w);
    }
    for (size_t i = 0; i <= sizeof bad_dim / sizeof *bad_dim; i++) {
        const char *names[] = {"fine", i ? bad_dim[i - 1] : name};
        w = begin(sample_path("names.h5"), 3);
        T_FAILS(crm_store_define(w, "y", CRM_F32, 2, two, names), CRM_ERR_ARG,
                i ? "of dimension 1: it has" : "of dimension 1: it is too long");
        crm_store_abandon(&w);
    }
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_define(w, "x", CRM_F32, 1, dim, NULL), CRM_ERR_ARG, "there already");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_define(w, "x/y", CRM_F32, 1, dim, NULL), CRM_ERR_IO, "x/y");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_define(w, "y", CRM_F32, 1, minus, NULL), CRM_ERR_ARG, "negative or above");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_define(w, "y", CRM_F32, 2, huge, NULL), CRM_ERR_ARG, "negative or above");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_define(w, "y", CRM_F32, 6, dim, NULL), CRM_ERR_ARG, "rank 6");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_write(w, "y", 0, 0, NULL), CRM_ERR_ARG, "no array y");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_attr_text(w, "", "crmpi_digest", "0"), CRM_ERR_ARG, "keeps it for itself");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_attr_text(w, "x", "CLASS", "x"), CRM_ERR_ARG, "keeps it for itself");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_OK(crm_store_attr_i64(w, "x", "k", 1));
    T_FAILS(crm_store_attr_i64(w, "x", "k", 2), CRM_ERR_ARG, "there already");
    crm_store_abandon(&w);
    w = begin(sample_path("names.h5"), 3);
    T_FAILS(crm_store_texts(w, "x", 1, item), CRM_ERR_ARG, "there already");
    crm_store_abandon(&w);
    barrier();
    T_CHECK(!crm_path_exists(sample_path("names.h5.tmp")));
}

static void no_such_folder(void)
{
    crm_store_writer *w = NULL;

    T_FAILS(crm_store_create(t_comm, sample_path("absent/x.h5"), "sample", &w), CRM_ERR_IO,
            "No such file or directory");
    T_CHECK(w == NULL);
    T_FAILS(crm_store_create(t_comm, s_dir, "sample", &w), CRM_ERR_IO, "is a folder");
    crm_store_abandon(&w);
}

static void folder_not_writable(void)
{
    crm_store_writer *w = NULL;

    if (getuid() == 0) {
        T_SKIP("root may write everywhere");
        return;
    }
    if (rank() == 0) T_CHECK(mkdir(sample_path("closed"), 0500) == 0);
    barrier();
    T_FAILS(crm_store_create(t_comm, sample_path("closed/x.h5"), "sample", &w), CRM_ERR_IO,
            "Permission denied");
}

/* What stood at path stays as it was when a new file is given up. */
static void old_file_stays(void)
{
    char *text = NULL;
    size_t n = 0;
    crm_store_writer *w;

    if (rank() == 0) T_OK(crm_path_write_atomic(sample_path("old.h5"), "old", 3));
    barrier();
    w = begin(sample_path("old.h5"), 3);
    T_CHECK(crm_path_exists(sample_path("old.h5.tmp")));
    barrier();
    crm_store_abandon(&w);
    T_CHECK(w == NULL);
    crm_store_abandon(&w);
    barrier();
    T_OK(crm_path_read(sample_path("old.h5"), 100, &text, &n));
    T_CHECK(n == 3 && memcmp(text, "old", 3) == 0);
    crm_mem_free(text);
    T_CHECK(!crm_path_exists(sample_path("old.h5.tmp")));
}

/* One rank may not write past 64 KiB: the others learn of it. */
static void write_error_on_one_rank(void)
{
    static const int64_t data[50000];
    struct rlimit old, small;
    crm_store_writer *w = begin(sample_path("limit.h5"), 50000);

    T_CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    if (last_rank()) T_CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    T_FAILS(crm_store_write(w, "x", 0, last_rank() ? 50000 : 0, data), CRM_ERR_IO,
            "File too large");
    T_CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    gone(&w, "limit.h5");
}

/* HDF5 itself cannot write its part: every limit from nothing to nearly all of the file. */
static void metadata_error(void)
{
    static const int64_t data[100];
    struct rlimit old, small;

    T_CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 24000; limit += 3000) {
        crm_store_writer *w = begin(sample_path("meta.h5"), 100);
        crm_status st;
        T_OK(crm_store_attr_list(w, "x", "levels", 500, sample_levels()));
        T_OK(crm_store_write(w, "x", 0, last_rank() ? 100 : 0, data));
        small.rlim_cur = limit;
        if (rank() == 0) T_CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
        st = crm_store_commit(&w, NULL);
        T_CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
        T_EQ_I(st, CRM_ERR_IO);
        T_CHECK(strstr(crm_err_text(), "File too large"));
        barrier();
        T_CHECK(!crm_path_exists(sample_path("meta.h5")));
        T_CHECK(!crm_path_exists(sample_path("meta.h5.tmp")));
        barrier();
    }
}

static void fill_disk(const char *path, int64_t leave)
{
    FILE *f = fopen(path, "wb");
    int64_t left = 0;

    T_CHECK(f);
    while (f && crm_path_free_bytes(path, &left) == CRM_OK && left > leave)
        if (fwrite(s_dir, 1, 4096, f) != 4096 || fflush(f)) break;
    if (f) fclose(f);
}

/* A disk of 1 MiB: refused before the data; and, where it fills up only later, at the write. */
static void disk_full(void)
{
    static int64_t data[200000];
    crm_store_writer *w;
    int64_t mounted = 0;

    if (rank() == 0 && getuid() == 0 && mkdir(sample_path("disk"), 0700) == 0)
        mounted = mount("none", sample_path("disk"), "tmpfs", 0, "size=1m") == 0;
    T_OK(crm_comm_max_i64(t_comm, &mounted, 1));
    if (!mounted) {
        T_SKIP("a small file system cannot be mounted here (needs root)");
        return;
    }
    w = begin(sample_path("disk/x.h5"), 200000);
    T_FAILS(crm_store_write(w, "x", 0, 0, data), CRM_ERR_IO, "needs 1665536 bytes, ");
    gone(&w, "disk/x.h5");

    w = begin(sample_path("disk/x.h5"), 100000);
    T_OK(crm_store_write(w, "x", 0, 0, data));
    if (rank() == 0) fill_disk(sample_path("disk/filler"), 16384);
    barrier();
    T_FAILS(crm_store_write(w, "x", 0, last_rank() ? 100000 : 0, data), CRM_ERR_IO,
            "No space left on device");
    gone(&w, "disk/x.h5");

    w = begin(sample_path("disk/x.h5"), 0); /* no room for the metadata either */
    T_FAILS(crm_store_attr_list(w, "x", "levels", SAMPLE_LEVELS, sample_levels()), CRM_ERR_IO,
            "No space left on device");
    gone(&w, "disk/x.h5");
    barrier();
    if (rank() == 0) T_CHECK(umount(sample_path("disk")) == 0);
}

static void tidy(void)
{
    barrier();
    if (rank() == 0) T_OK(crm_path_remove(s_dir));
}

static void folder(void)
{
    sample_folder(t_comm);
    T_CHECK(s_dir[0]);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a temporary folder", folder},
        {"one rank out of range fails all", one_rank_out_of_range},
        {"rows missing or written twice", rows_missing},
        {"names, shapes and keys that are not allowed", names_not_allowed},
        {"no such folder, or a folder in the way", no_such_folder},
        {"folder not writable", folder_not_writable},
        {"an old file stays when the new one is given up", old_file_stays},
        {"write error on one rank", write_error_on_one_rank},
        {"write error under HDF5", metadata_error},
        {"disk full", disk_full},
        {"folder removed", tidy},
        {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
