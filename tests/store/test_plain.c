/* test_plain.c - numbers of HDF5 files that other programs wrote: made here with HDF5's own calls,
 * read by the store as f32; hostile and damaged ones are refused and never crash the reader.
 * timeout: 120 */
#include <hdf5.h>
#include <math.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "crm_test.h"
#include "store_sample.h"

/* What was taken, as text: "name[2,3]=first..last;" in the order of the file. */
typedef struct taken {
    char text[4096];
    int n;
    crm_status answer;
} taken;

static void add(taken *t, const char *fmt, ...)
{
    size_t at = strlen(t->text);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->text + at, sizeof t->text - at, fmt, ap);
    va_end(ap);
}

static crm_status take(void *ctx, const char *name, int rank, const int64_t *dim, int64_t n,
                       const float *data)
{
    taken *t = ctx;

    add(t, "%s[", name);
    for (int d = 0; d < rank; d++)
        add(t, "%s%lld", d ? "," : "", (long long)dim[d]);
    if (n > 0)
        add(t, "]=%g..%g;", (double)data[0], (double)data[n - 1]);
    else
        add(t, "]=;");
    t->n++;
    return t->answer;
}

/* Room to grow: only then may a chunk be larger than the data set. */
static hid_t shape(int rank, const hsize_t *dim, bool grows)
{
    const hsize_t any[6] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED,
                            H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};

    return rank ? H5Screate_simple(rank, dim, grows ? any : NULL) : H5Screate(H5S_SCALAR);
}

static hid_t create(const char *name)
{
    hid_t f = H5Fcreate(sample_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    T_CHECK(f >= 0);
    return f;
}

/* A data set of shape dim[rank] whose element i is i + 0.5 (of integers: i); list: how it is kept,
 * closed here, 0 for contiguous. */
static void put(hid_t f, const char *name, hid_t type, int rank, const hsize_t *dim, hid_t list)
{
    hid_t space = shape(rank, dim, list > 0 && H5Pget_layout(list) == H5D_CHUNKED), set;
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    static double x[4096];

    for (int i = 0; i < 4096; i++)
        x[i] = i + 0.5;
    H5Pset_create_intermediate_group(links, 1);
    set = H5Dcreate2(f, name, type, space, links, list > 0 ? list : H5P_DEFAULT, H5P_DEFAULT);
    T_CHECK(set >= 0);
    T_CHECK(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    if (list > 0) H5Pclose(list);
}

static hid_t chunked(int rank, const hsize_t *dim, bool packed)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(list, rank, dim);
    if (packed) {
        H5Pset_shuffle(list);
        H5Pset_deflate(list, 4);
        H5Pset_fletcher32(list);
    }
    return list;
}

static void make_folder(void)
{
    sample_folder(NULL);
}

static void types_and_layouts(void)
{
    const hsize_t d2[2] = {60, 64}, c2[2] = {7, 64}, d1[1] = {3}, d0[2] = {0, 4};
    const hsize_t d5[5] = {1, 2, 1, 3, 2};
    hid_t f = create("good.h5"), text = H5Tcopy(H5T_C_S1), compact = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate(H5S_SCALAR), set;
    taken t = {.n = 0};

    H5Tset_size(text, 4);
    H5Pset_layout(compact, H5D_COMPACT);
    put(f, "a.weight", H5T_IEEE_F64BE, 2, d2, chunked(2, c2, true));
    put(f, "b/c/weight", H5T_IEEE_F32BE, 1, d1, compact);
    put(f, "b/d", H5T_STD_I16BE, 5, d5, 0);
    put(f, "e", H5T_STD_U8LE, 0, NULL, 0);
    put(f, "empty", H5T_IEEE_F32LE, 2, d0, chunked(2, c2, false));
    set = H5Dcreate2(f, "texts", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    T_CHECK(H5Dclose(set) >= 0);
    T_CHECK(H5Aclose(H5Acreate2(f, "note", text, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0);
    H5Sclose(space);
    H5Tclose(text);
    H5Fclose(f);
    T_OK(crm_store_read_plain(sample_path("good.h5"), take, &t));
    T_EQ_I(t.n, 5);
    if (strcmp(t.text, "a.weight[60,64]=0.5..3839.5;b/c/weight[3]=0.5..2.5;b/d[1,2,1,3,2]=0..11;"
                       "e[]=0..0;empty[0,4]=;") != 0)
        t_fail(__FILE__, __LINE__, t.text);
    t = (taken){.answer = CRM_ERR_NUMERIC};
    T_EQ_I(crm_store_read_plain(sample_path("good.h5"), take, &t), CRM_ERR_NUMERIC);
    T_EQ_I(t.n, 1); /* the first refusal ends it */
    crm_err_clear();
}

static void half_floats(void)
{
    const hsize_t dim[1] = {4};
    hid_t f = create("half.h5"), half = H5Tcopy(H5T_IEEE_F32LE);
    taken t = {.n = 0};

    H5Tset_fields(half, 15, 10, 5, 0, 10); /* IEEE 754 binary16 */
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    put(f, "h", half, 1, dim, 0);
    H5Tclose(half);
    H5Fclose(f);
    T_OK(crm_store_read_plain(sample_path("half.h5"), take, &t));
    T_CHECK(strcmp(t.text, "h[4]=0.5..3.5;") == 0);
}

enum {
    SOFT,
    EXTERNAL,
    CYCLE,
    ELSEWHERE,
    VIRTUAL,
    HUGE_SHAPE,
    HUGE_CHUNK,
    MANY_SHAPES,
    RANK_6,
    NOT_FINITE,
    TOO_LARGE_NUMBER,
    TRICKS
};

static void virtual_set(hid_t f)
{
    const hsize_t dim[1] = {4};
    hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, dim, NULL);

    H5Pset_virtual(list, space, "/etc/passwd", "x", space);
    T_CHECK(H5Dclose(H5Dcreate2(f, "zz", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT)) >=
            0);
    H5Sclose(space);
    H5Pclose(list);
}

/* A data set without values, of shape and chunks dim[rank]. */
static void claim(hid_t f, const char *name, int rank, const hsize_t *dim, const hsize_t *chunk)
{
    hid_t space = shape(rank, dim, true), list = chunked(rank, chunk, false), set;

    set = H5Dcreate2(f, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    T_CHECK(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(list);
}

static void one_number(hid_t f, double x)
{
    hid_t space = H5Screate(H5S_SCALAR), set;

    set = H5Dcreate2(f, "zz", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    T_CHECK(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &x) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void play(hid_t f, int trick)
{
    const hsize_t huge[2] = {1u << 30, 1u << 20}, small[2] = {1, 16},
                  large[2] = {1u << 14, 1u << 14};
    const hsize_t million[2] = {1u << 8, 1u << 10}, six[6] = {1, 1, 1, 1, 1, 1}, four[1] = {64};
    char name[16];
    hid_t list;

    if (trick == SOFT) T_CHECK(H5Lcreate_soft("/a", f, "zz", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    if (trick == EXTERNAL)
        T_CHECK(H5Lcreate_external("/etc/passwd", "/", f, "zz", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    if (trick == CYCLE) T_CHECK(H5Lcreate_hard(f, "/", f, "zz", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    if (trick == ELSEWHERE) {
        hid_t space = H5Screate_simple(1, four, NULL);
        list = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_external(list, "/etc/passwd", 0, 256);
        T_CHECK(H5Dclose(H5Dcreate2(f, "zz", H5T_IEEE_F32LE, space, H5P_DEFAULT, list,
                                    H5P_DEFAULT)) >= 0);
        H5Sclose(space);
        H5Pclose(list);
    }
    if (trick == VIRTUAL) virtual_set(f);
    if (trick == HUGE_SHAPE) claim(f, "zz", 2, huge, small);
    if (trick == HUGE_CHUNK) claim(f, "zz", 2, small, large);
    for (int i = 0; trick == MANY_SHAPES && i < 64; i++) {
        snprintf(name, sizeof name, "zz%d", i);
        claim(f, name, 2, million, small);
    }
    if (trick == RANK_6) put(f, "zz", H5T_IEEE_F32LE, 6, six, 0);
    if (trick == NOT_FINITE) one_number(f, (double)NAN);
    if (trick == TOO_LARGE_NUMBER) one_number(f, 1e39);
}

static void hostile_files(void)
{
    static const char *const said[TRICKS] = {
        [SOFT] = "hostile.h5: zz is a soft or external link, which is not followed",
        [EXTERNAL] = "hostile.h5: zz is a soft or external link, which is not followed",
        [CYCLE] = "a name in it is too long",
        [ELSEWHERE] = "zz has its values in another file, which is not followed",
        [VIRTUAL] = "zz has its values in another file, which is not followed",
        [HUGE_SHAPE] = "zz claims to be more than a thousand times larger than its file",
        [HUGE_CHUNK] = "zz has chunks that are too large for the file",
        [MANY_SHAPES] = "claims to be more than a thousand times larger than its file",
        [RANK_6] = "zz has more than 5 dimensions",
        [NOT_FINITE] = "zz: number 0 is not finite in 32 bits",
        [TOO_LARGE_NUMBER] = "zz: number 0 is not finite in 32 bits",
    };
    const hsize_t dim[1] = {2};

    for (int trick = 0; trick < TRICKS; trick++) {
        hid_t f = create("hostile.h5");
        taken t = {.n = 0};
        put(f, "a", H5T_IEEE_F32LE, 1, dim, 0);
        play(f, trick);
        T_CHECK(H5Fclose(f) >= 0);
        T_FAILS(crm_store_read_plain(sample_path("hostile.h5"), take, &t), CRM_ERR_FORMAT,
                said[trick]);
    }
}

static void other_files(void)
{
    bool ours = true;
    taken t = {.n = 0};

    T_FAILS(crm_store_read_plain(sample_path("none.h5"), take, &t), CRM_ERR_IO, "none.h5");
    T_FAILS(crm_store_read_plain(s_dir, take, &t), CRM_ERR_IO, "");
    T_OK(crm_path_write_atomic(sample_path("text.h5"), "a,b\n1,2\n", 8));
    T_FAILS(crm_store_read_plain(sample_path("text.h5"), take, &t), CRM_ERR_FORMAT,
            "text.h5: is not an HDF5 file (8 bytes)");
    T_OK(crm_store_is_ours(sample_path("good.h5"), &ours));
    T_CHECK(!ours);
    T_OK(sample_make(NULL, sample_path("sample.h5"), NULL));
    T_OK(crm_store_is_ours(sample_path("sample.h5"), &ours));
    T_CHECK(ours);
    T_OK(crm_store_read_plain(sample_path("sample.h5"), take, &t)); /* ours are HDF5 too */
    T_CHECK(t.n >= SAMPLE_COUNT);
}

/* In a process of its own: 0 read, 1 refused, 2 crashed or took too long. */
static int outcome(const char *path)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        taken t = {.n = 0};
        alarm(20);
        _exit(crm_store_read_plain(path, take, &t) == CRM_OK ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? WEXITSTATUS(status) : 2;
}

/* A byte changed at every 23rd place, and the file cut there. */
static void damaged_files(void)
{
    int count[3] = {0, 0, 0};
    size_t len;
    char *text;

    T_OK(crm_path_read(sample_path("good.h5"), 1 << 20, &text, &len));
    for (size_t at = 0; at < len; at += 23) {
        char old = text[at];
        text[at] = (char)(old ^ (at % 2 ? 0xff : 0x04));
        T_OK(crm_path_write_atomic(sample_path("bad.h5"), text, len));
        count[outcome(sample_path("bad.h5"))]++;
        text[at] = old;
        T_OK(crm_path_write_atomic(sample_path("bad.h5"), text, at));
        count[outcome(sample_path("bad.h5"))]++;
    }
    crm_mem_free(text);
    T_EQ_I(count[2], 0);
    T_CHECK(count[0] > 0 && count[1] > (int)(len / 23) / 2);
}

static void tidy(void)
{
    T_OK(crm_path_remove(s_dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a folder", make_folder},
                                   {"types and layouts", types_and_layouts},
                                   {"16-bit floats", half_floats},
                                   {"hostile files", hostile_files},
                                   {"other files", other_files},
                                   {"damaged files do not crash", damaged_files},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
