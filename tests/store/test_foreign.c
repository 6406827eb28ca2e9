/* Files from us in other hands, and other files in ours: plain HDF5 calls and h5py read what we
 * write; damaged, foreign and hostile files are refused with one message and never crash the
 * reader. timeout: 300 */
#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "crm_test.h"
#include "seal_hdf5.h"
#include "store_sample.h"

static void make(void)
{
    sample_folder(NULL);
    T_OK(sample_make(NULL, sample_path("sample.h5"), NULL));
}

/* HDF5's own reading calls give the values back. */
static void plain_hdf5_reads_it(void)
{
    hid_t f = H5Fopen(sample_path("sample.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(f, "profile/income", H5P_DEFAULT), a, type;
    static double x[1003][3];
    char *label[2] = {NULL, NULL};
    int wrong = 0;

    T_CHECK(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    for (int i = 0; i < 3009; i++)
        wrong += x[i / 3][i % 3] != (i * 37 + 11) % 251;
    T_EQ_I(wrong, 0);
    a = H5Aopen(set, "DIMENSION_LABELS", H5P_DEFAULT);
    type = H5Aget_type(a);
    T_CHECK(H5Tis_variable_str(type) > 0 && H5Tget_cset(type) == H5T_CSET_UTF8);
    T_CHECK(H5Aread(a, type, label) >= 0);
    T_CHECK(label[0] && strcmp(label[0], "row") == 0 && label[1] && !strcmp(label[1], "channel"));
    H5free_memory(label[0]);
    H5free_memory(label[1]);
    H5Tclose(type);
    H5Aclose(a);
    H5Dclose(set);
    T_CHECK(H5Fclose(f) >= 0);
}

static void h5py_reads_it(void)
{
    static const char script[] =
        "import sys, h5py, numpy as np\n"
        "f = h5py.File(sys.argv[1], 'r')\n"
        "want = lambda n: (np.arange(n) * 37 + 11) % 251\n"
        "for name in ['profile/age', 'profile/income', 'odd/u16', 'odd/i32', 'i64', 'large']:\n"
        "    assert (f[name][...].ravel() == want(f[name].size)).all(), name\n"
        "assert f['large'].shape == (3000, 400) and f['large'].dtype == np.float32\n"
        "assert f['scalar'][()] == 11 and f['empty/rows'].shape == (0, 9)\n"
        "assert f.attrs['title'] == 'a sample' and f['odd'].attrs['count'] == -42\n"
        "assert f['profile/age'].attrs['mean'] == 0.1\n"
        "assert list(f['profile/age'].attrs['names']) == ['first', '', 'dr\\u00fcben']\n"
        "assert len(f['profile/flag'].attrs['levels']) == 10000\n"
        "assert list(f['words/few'].asstr()[:]) == ['one', '', 'three\\nlines', '\\u20ac']\n"
        "assert [d.label for d in f['odd/u16'].dims] == ['row', 'channel', 'month']\n"
        "assert f.attrs['crmpi_kind'] == 'sample' and len(f.attrs['crmpi_digest']) == 32\n";
    const char *python = getenv("CRM_PYTHON") ? getenv("CRM_PYTHON") : "/usr/bin/python3";
    char command[3 * CRM_PATH_MAX];

    snprintf(command, sizeof command, "%s -c 'import h5py' 2>/dev/null", python);
    if (system(command) != 0) {
        T_SKIP("%s has no h5py", python);
        return;
    }
    T_OK(crm_path_write_atomic(sample_path("check.py"), script, strlen(script)));
    snprintf(command, sizeof command, "%s %s %s", python, sample_path("check.py"),
             sample_path("sample.h5"));
    T_EQ_I(system(command), 0);
}

/* Open, and read what is in it; a child process, so that a crash is told from a refusal.  0 refused
 * at open, 1 opened and damage found, 2 opened and sound, 3 crashed; the message of a refusal goes
 * to stderr of none. */
static int try_file(const char *path)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        crm_store *s = NULL;
        crm_status st = crm_store_open(path, "sample", &s);
        bool said = strstr(crm_err_text(), path) != NULL;
        if (st) _exit(said && (st == CRM_ERR_FORMAT || st == CRM_ERR_IO) ? 0 : 4);
        _exit(crm_store_verify(NULL, s) ? 1 : 2);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 3;
    return WEXITSTATUS(status);
}

static void put_file(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    T_CHECK(f && fwrite(data, 1, n, f) == n);
    if (f) fclose(f);
}

static void truncated(void)
{
    const char *path = sample_path("cut.h5");
    char *data = NULL;
    size_t n = 0, step;
    crm_store *s;

    T_OK(crm_path_read(sample_path("sample.h5"), (size_t)1 << 30, &data, &n));
    step = n / 97;
    for (size_t keep = 0; keep < n; keep += keep < 64 ? 1 : step) {
        put_file(path, data, keep);
        T_EQ_I(try_file(path), 0);
    }
    put_file(path, data, n - 1);
    T_FAILS(crm_store_open(path, "sample", &s), CRM_ERR_FORMAT, "has no seal at its end");
    put_file(path, data, n / 2);
    T_FAILS(crm_store_open(path, "sample", &s), CRM_ERR_FORMAT, "is truncated: it needs");
    T_CHECK(s == NULL);
    crm_mem_free(data);
}

/* A byte changed anywhere: the file is refused, or verify finds it. */
static void bytes_changed(void)
{
    const char *path = sample_path("flip.h5");
    int outcome[5] = {0}, silent = 0;
    char *data = NULL;
    size_t n = 0;
    crm_digest before;

    T_OK(sample_make(NULL, path, &before));
    T_OK(crm_path_read(path, (size_t)1 << 30, &data, &n));
    for (int k = 0; k < 600; k++) {
        /* Most of the file is one large array: two in three go to its other parts. */
        size_t span = k % 3 ? 65536 : n, from = k % 3 == 1 ? n - span : 0;
        crm_digest chance = crm_digest_of(&k, sizeof k);
        size_t at = from + chance.hi % span;
        char change = (char)(1 + chance.lo % 255);
        int fd = open(path, O_WRONLY), got;
        char byte = (char)(data[at] ^ change);
        T_CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
        got = try_file(path);
        outcome[got]++;
        silent += got == 2;
        T_CHECK(pwrite(fd, &data[at], 1, (off_t)at) == 1);
        close(fd);
        if (got > 2) fprintf(stderr, "# byte %zu ^ %d: outcome %d\n", at, change, got);
    }
    T_EQ_I(try_file(path), 2);
    T_EQ_I(outcome[3] + outcome[4], 0);
    T_CHECK(outcome[0] > 20 && outcome[1] > 100);
    T_EQ_I(silent, 0);
    crm_mem_free(data);
}

static void every_data_byte_counts(void)
{
    const char *path = sample_path("one.h5");
    crm_store *s = NULL;
    off_t at;
    int fd;

    T_OK(sample_make(NULL, path, NULL));
    T_OK(crm_store_open(path, "sample", &s));
    if (!s) return;
    at = (const char *)crm_store_find(s, "large")->data -
         (const char *)crm_store_find(s, "i64")->data;
    T_CHECK(at != 0);
    fd = open(path, O_RDWR);
    at = lseek(fd, 0, SEEK_END) / 2; /* in the middle of the large array */
    T_CHECK(pwrite(fd, "\xff", 1, at) == 1);
    close(fd);
    T_FAILS(crm_store_verify(NULL, s), CRM_ERR_FORMAT, "is damaged: its content has the digest");
    crm_store_close(&s);
}

static void not_hdf5(void)
{
    static const char csv[] = "id,age\n1,50\n";
    crm_store *s;

    put_file(sample_path("x.csv"), csv, sizeof csv - 1);
    T_FAILS(crm_store_open(sample_path("x.csv"), "sample", &s), CRM_ERR_FORMAT,
            "x.csv: is not an HDF5 file");
    T_CHECK(!crm_store_is_hdf5(sample_path("x.csv")));
    put_file(sample_path("none"), csv, 0);
    T_FAILS(crm_store_open(sample_path("none"), "sample", &s), CRM_ERR_FORMAT,
            "is not an HDF5 file (0 bytes)");
    T_FAILS(crm_store_open(sample_path("absent.h5"), "sample", &s), CRM_ERR_IO, "No such file");
    T_CHECK(!crm_store_is_hdf5(sample_path("absent.h5")));
    T_FAILS(crm_store_open(s_dir, "sample", &s), CRM_ERR_IO, "is a folder");
    T_CHECK(!crm_store_is_hdf5(s_dir));
    if (mkfifo(sample_path("fifo"), 0600) == 0) {
        T_CHECK(crm_store_open(sample_path("fifo"), "sample", &s) != CRM_OK);
        T_CHECK(!crm_store_is_hdf5(sample_path("fifo")));
    }
    T_FAILS(crm_store_open(sample_path("sample.h5"), "model", &s), CRM_ERR_FORMAT,
            "is an HDF5 file of kind 'sample'; a 'model' is needed");
    T_CHECK(s == NULL);
}

/* An HDF5 file of another program; with the bare marks of ours, if asked. */
static void other_hdf5(const char *path, bool marked)
{
    hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1), a;

    H5Tset_size(type, 6);
    if (marked) {
        a = H5Acreate2(f, "crmpi_kind", type, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(a, type, "sample");
        H5Aclose(a);
    }
    H5Tclose(type);
    H5Sclose(space);
    T_CHECK(H5Fclose(f) >= 0);
}

static void other_kinds_of_hdf5(void)
{
    crm_store *s;

    other_hdf5(sample_path("other.h5"), false);
    T_FAILS(crm_store_open(sample_path("other.h5"), "crmpi-dataset", &s), CRM_ERR_FORMAT,
            "is an HDF5 file, but not one of crmpi's (it has no crmpi_kind); a 'crmpi-dataset' is "
            "needed");
    T_FAILS(crm_store_open(sample_path("other.h5"), NULL, &s), CRM_ERR_FORMAT,
            "is an HDF5 file, but not one of crmpi's (it has no crmpi_kind)");
    other_hdf5(sample_path("marked.h5"), true);
    T_FAILS(crm_store_open(sample_path("marked.h5"), "sample", &s), CRM_ERR_FORMAT,
            "marked.h5: has no seal at its end: an older crmpi made it");
}

enum {
    SOFT,
    EXTERNAL,
    CYCLE,
    CHUNKED,
    ELSEWHERE,
    COMPACT,
    BIG_ENDIAN_TYPE,
    NAMED_TYPE,
    ATTRIBUTE,
    TRICKS
};

/* Put something into a good file that crmpi never writes. */
static void tamper(hid_t f, int trick)
{
    const hsize_t dim[2] = {16, 4};
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, dim, NULL);
    hid_t type = trick == BIG_ENDIAN_TYPE ? H5T_STD_I32BE : H5T_STD_I32LE, made = 0;

    if (trick == CHUNKED) H5Pset_chunk(dcpl, 2, dim);
    if (trick == COMPACT) H5Pset_layout(dcpl, H5D_COMPACT);
    if (trick == ELSEWHERE) H5Pset_external(dcpl, "/etc/passwd", 0, 256);
    if (trick == SOFT)
        made = H5Lcreate_soft("/profile", f, "zz", H5P_DEFAULT, H5P_DEFAULT);
    else if (trick == EXTERNAL)
        made = H5Lcreate_external("/etc/passwd", "/", f, "zz", H5P_DEFAULT, H5P_DEFAULT);
    else if (trick == CYCLE)
        made = H5Lcreate_hard(f, "/profile", f, "profile/zz", H5P_DEFAULT, H5P_DEFAULT);
    else if (trick == ATTRIBUTE)
        made = H5Aclose(H5Acreate2(f, "zz", H5T_STD_I16LE, space, H5P_DEFAULT, H5P_DEFAULT));
    else if (trick == NAMED_TYPE)
        made = H5Tcommit2(f, "zz", H5Tcopy(type), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    else
        made = H5Dclose(H5Dcreate2(f, "zz", type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT));
    T_CHECK(made >= 0);
    H5Sclose(space);
    H5Pclose(dcpl);
}

static void hostile_files(void)
{
    static const char *const said[TRICKS] = {
        [SOFT] = "/zz is a soft or external link",
        [EXTERNAL] = "/zz is a soft or external link",
        [CYCLE] = "the texts of attribute levels are said to have", /* met again and again */
        [CHUNKED] = "array zz is not contiguous",
        [ELSEWHERE] = "array zz is not contiguous in this file",
        [COMPACT] = "array zz is not contiguous",
        [BIG_ENDIAN_TYPE] = "array zz has a type",
        [NAMED_TYPE] = "/zz is neither a group nor an array",
        [ATTRIBUTE] = "attribute zz has a type or shape",
    };
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
    crm_store *s;

    H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG);
    H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
    for (int t = 0; t < TRICKS; t++) {
        const char *path = sample_path("hostile.h5");
        hid_t f;
        T_OK(sample_make(NULL, path, NULL));
        f = H5Fopen(path, H5F_ACC_RDWR, fapl);
        T_CHECK(f >= 0);
        tamper(f, t);
        T_CHECK(H5Fclose(f) >= 0);
        seal_again(path);
        T_FAILS(crm_store_open(path, "sample", &s), CRM_ERR_FORMAT, said[t]);
        crm_store_close(&s);
    }
    H5Pclose(fapl);
}

static void newer_format(void)
{
    const char *path = sample_path("newer.h5");
    int64_t two = 2;
    crm_store *s;
    hid_t f, a;

    T_OK(sample_make(NULL, path, NULL));
    f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    a = H5Aopen(f, "crmpi_format", H5P_DEFAULT);
    T_CHECK(H5Awrite(a, H5T_NATIVE_INT64, &two) >= 0);
    H5Aclose(a);
    T_CHECK(H5Fclose(f) >= 0);
    seal_again(path);
    T_FAILS(crm_store_open(path, "sample", &s), CRM_ERR_FORMAT,
            "has format version 2, this program reads version 1");
}

static void library(void)
{
    T_CHECK(strncmp(crm_store_library(), "HDF5 1.", 7) == 0);
    T_CHECK(strstr(crm_store_library(), "MPI"));
}

static void tidy(void)
{
    T_OK(crm_path_remove(s_dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a sample file", make},
                                   {"plain HDF5 reads it", plain_hdf5_reads_it},
                                   {"h5py reads it", h5py_reads_it},
                                   {"truncated at many lengths", truncated},
                                   {"bytes changed anywhere", bytes_changed},
                                   {"changed data are found by verify", every_data_byte_counts},
                                   {"missing, folder, no HDF5, other kind", not_hdf5},
                                   {"HDF5 of other programs", other_kinds_of_hdf5},
                                   {"hostile files", hostile_files},
                                   {"newer format", newer_format},
                                   {"library", library},
                                   {"folder removed", tidy},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
