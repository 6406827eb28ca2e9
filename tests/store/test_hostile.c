/* Files made to do harm, with right digests: everything that docs/data-format.md does not name is
 * refused; and the seal that stands in front of it, as documented.  hostile.py makes the files.
 * timeout: 120 */
#include <sys/wait.h>
#include <unistd.h>

#include "crm_test.h"
#include "seal_by_hand.h"
#include "store_sample.h"

static bool have_files;

static void make(void)
{
    static const int64_t dim[] = {6, 2}, none[] = {0, 3};
    static const float a[12] = {1, 2, 3};
    static const char *const words[] = {"one", "two"};
    crm_store_writer *w;
    const char *path;

    sample_folder(NULL);
    path = sample_path("good.h5");
    T_OK(crm_store_create(NULL, path, "sample", &w));
    T_OK(crm_store_define(w, "a", CRM_F32, 2, dim, NULL));
    T_OK(crm_store_define(w, "g/none", CRM_F32, 2, none, NULL));
    T_OK(crm_store_define(w, "g/b", CRM_F32, 2, dim, NULL));
    T_OK(crm_store_texts(w, "words", 2, words));
    T_OK(crm_store_attr_list(w, "g", "names", 2, words));
    T_OK(crm_store_write(w, "a", 0, 6, a));
    T_OK(crm_store_write(w, "g/none", 0, 0, a));
    T_OK(crm_store_write(w, "g/b", 0, 6, a));
    T_OK(crm_store_commit(&w, NULL));
}

static void make_hostile(void)
{
    const char *python = getenv("CRM_PYTHON") ? getenv("CRM_PYTHON") : "/usr/bin/python3";
    const char *source = getenv("CRM_SOURCE_DIR");
    char command[3 * CRM_PATH_MAX];

    snprintf(command, sizeof command, "%s -c 'import h5py' 2>/dev/null", python);
    if (!source || system(command) != 0) {
        T_SKIP("%s has no h5py, or CRM_SOURCE_DIR is not set", python);
        return;
    }
    snprintf(command, sizeof command, "%s %s/tests/store/hostile.py %s", python, source, s_dir);
    T_EQ_I(system(command), 0);
    have_files = true;
}

typedef struct hostile {
    const char *name, *said;
} hostile;
static const hostile HOSTILE[] = {
    {"external", "array zz is not contiguous in this file"},
    {"virtual", "array zz is not contiguous in this file"},
    {"soft_link", "/zz is a soft or external link"},
    {"external_link", "/zz is a soft or external link"},
    {"second_name", "its arrays are not where its seal has them"},
    {"cycle", "is too long"},
    {"chunked", "array zz is not contiguous in this file"},
    {"filtered", "array zz is not contiguous in this file"},
    {"plugin", "array zz is not contiguous in this file"},
    {"compact", "array zz is not contiguous in this file"},
    {"half", "array zz has a type"},
    {"big_endian", "array zz has a type"},
    {"compound", "array zz has a type"},
    {"references", "array zz has a type"},
    {"long_texts", "array zz has a type"},
    {"named_type", "/zz is neither a group nor an array"},
    {"no_shape", "array zz has a shape"},
    {"six_dimensions", "array zz has a shape"},
    {"texts_in_two_dimensions", "array zz has a shape"},
    {"endless", "array zz has a shape"},
    {"never_written", "array zz was never written"},
    {"bad_name", "the name of an object in it is not allowed"},
    {"bad_key", "the name of an attribute of /a is not allowed"},
    {"attribute_type", "attribute zz has a type or shape"},
    {"attribute_shape", "attribute zz has a type or shape"},
    {"attribute_of_bytes", "attribute zz has a type or shape"},
    {"no_kind", "it has no crmpi_kind"},
    {"kind_is_number", "crmpi_kind is no text"},
    {"no_digest", "crmpi_digest"},
    {"digest_is_word", "the attribute crmpi_digest is not ours"},
    {"newer", "has format version 2, this program reads version 1"},
    {"many_attributes", "holds more than 32768 attributes"},
    {"one_text_many_times", "the texts of attribute zz are said to have 300000 bytes"},
};
enum { HOSTILES = sizeof HOSTILE / sizeof *HOSTILE };

static const char *file_of(const char *name, const char *end)
{
    char file[64];

    snprintf(file, sizeof file, "%.40s.h5%.10s", name, end);
    return sample_path(file);
}

static void reseal(const char *name)
{
    static uint64_t span[2 * SEAL_SPANS];
    size_t n = seal_read_spans(file_of(name, ".spans"), span);

    T_CHECK(n > 2);
    seal_append(file_of(name, ""), span, n);
}

static void changed_by_others(void)
{
    crm_store *s;

    if (!have_files) {
        T_SKIP("no h5py");
        return;
    }
    for (int i = 0; i < HOSTILES; i++)
        T_FAILS(crm_store_open(file_of(HOSTILE[i].name, ""), "sample", &s), CRM_ERR_FORMAT,
                strcmp(HOSTILE[i].name, "no_kind") ? "has no seal at its end" : "it has no ");
}

static void with_right_digests(void)
{
    crm_store *s;

    if (!have_files) {
        T_SKIP("no h5py");
        return;
    }
    for (int i = 0; i < HOSTILES; i++) {
        reseal(HOSTILE[i].name);
        T_FAILS(crm_store_open(file_of(HOSTILE[i].name, ""), "sample", &s), CRM_ERR_FORMAT,
                HOSTILE[i].said);
        crm_store_close(&s);
    }
    reseal("nothing"); /* the seal by hand is a good one */
    T_OK(crm_store_open(file_of("nothing", ""), "sample", &s));
    if (s) T_OK(crm_store_verify(NULL, s));
    crm_store_close(&s);
}

static crm_status take(void *ctx, const char *name, int rank, const int64_t *dim, int64_t n,
                       const float *data)
{
    (void)name;
    (void)rank;
    (void)dim;
    if (n == 64 && data[63] == 63) ++*(int *)ctx;
    return CRM_OK;
}

static void filters_of_others(void)
{
    int n = 0;

    if (!have_files) {
        T_SKIP("no h5py");
        return;
    }
    T_OK(crm_store_read_plain(sample_path("plain-gzip.h5"), take, &n));
    T_EQ_I(n, 1);
    T_FAILS(crm_store_read_plain(sample_path("plain-lzf.h5"), take, &n), CRM_ERR_FORMAT,
            "w is packed by a filter that is not read");
    T_FAILS(crm_store_read_plain(sample_path("plain-scaleoffset.h5"), take, &n), CRM_ERR_FORMAT,
            "w is packed by a filter that is not read");
}

/* The seal of a file, field by field. */
static void as_documented(void)
{
    uint64_t foot[7] = {0}, span[6];
    char *data = NULL;
    size_t n = 0;
    crm_digest d;

    T_OK(crm_path_read(sample_path("good.h5"), (size_t)1 << 30, &data, &n));
    if (n < 200) return;
    memcpy(foot, data + n - SEAL_FOOT, SEAL_FOOT);
    T_EQ_I(foot[0], 1);
    T_EQ_I(foot[1], n - SEAL_FOOT - 3 * 16);
    T_EQ_I(foot[2], n);
    T_EQ_I(foot[3], 3); /* a, g/b, words; g/none has no elements */
    T_CHECK(memcmp(&foot[6], "CRMPIEND", 8) == 0);
    memcpy(span, data + foot[1], sizeof span);
    T_EQ_I(span[1], 48);
    T_EQ_I(span[3], 48);
    T_EQ_I(span[5], 6);
    T_CHECK(span[0] % 4096 == 0 && span[2] > span[0] && span[4] > span[2]);
    d = seal_digest(data, n - SEAL_FOOT + 32, span, 3);
    T_CHECK(d.hi == foot[4] && d.lo == foot[5]);
    crm_mem_free(data);
}

/* Seals that lie: their digests are right. */
static void seals_that_lie(void)
{
    static const uint64_t lie[][4] = {{0, 0, 0, 0},          /* no bytes                    */
                                      {4096, 48, 4096, 48},  /* the same twice              */
                                      {UINT64_MAX, 2, 0, 0}, /* beyond all                  */
                                      {4096, UINT64_MAX - 4096, 0, 0},
                                      {0, 4096, 4096, 48}}; /* metadata said to be an array */
    static const char *const said[] = {"impossible", "impossible", "impossible", "impossible",
                                       "its arrays are not where its seal has them"};
    char *data = NULL;
    uint64_t foot[7], zero[2] = {0};
    crm_store *s;
    size_t n = 0;

    T_OK(crm_path_read(sample_path("good.h5"), (size_t)1 << 30, &data, &n));
    memcpy(foot, data + n - SEAL_FOOT, SEAL_FOOT);
    for (int i = 0; i < 5; i++) {
        size_t spans = lie[i][2] || lie[i][0] == 4096 ? 2 : 1;
        if (i == 3) spans = 1;
        T_OK(crm_path_write_atomic(sample_path("lie.h5"), data, (size_t)foot[1]));
        /* An impossible list is found before any digest: any will do. */
        seal_append(sample_path("lie.h5"), i == 4 ? lie[i] : zero, i == 4 ? spans : 0);
        if (i < 4) {
            uint64_t bad[7] = {1, foot[1], foot[1] + 16 * spans + SEAL_FOOT, spans};
            FILE *f = fopen(sample_path("lie.h5"), "r+b");
            memcpy(&bad[6], "CRMPIEND", 8);
            T_CHECK(f && fseek(f, (long)foot[1], SEEK_SET) == 0 &&
                    fwrite(lie[i], 16, spans, f) == spans && fwrite(bad, SEAL_FOOT, 1, f) == 1);
            if (f) fclose(f);
        }
        T_FAILS(crm_store_open(sample_path("lie.h5"), "sample", &s), CRM_ERR_FORMAT, said[i]);
    }
    crm_mem_free(data);
}

static void sizes_that_lie(void)
{
    static const struct {
        int field;
        uint64_t value;
        const char *said;
    } lie[] = {{0, 2, "has a seal of version 2"},   {1, 1, "its seal is that of"},
               {2, 1 << 30, "its seal is that of"}, {3, UINT64_MAX / 16 + 1, "its seal is that of"},
               {3, 1 << 20, "its seal is that of"}, {4, 0, "its bytes differ"}};
    char *data = NULL;
    crm_store *s;
    size_t n = 0;

    T_OK(crm_path_read(sample_path("good.h5"), (size_t)1 << 30, &data, &n));
    for (size_t i = 0; i < sizeof lie / sizeof *lie; i++) {
        char *at = data + n - SEAL_FOOT + 8 * lie[i].field;
        uint64_t was;
        memcpy(&was, at, 8);
        memcpy(at, &lie[i].value, 8);
        T_OK(crm_path_write_atomic(sample_path("lie.h5"), data, n));
        memcpy(at, &was, 8);
        T_FAILS(crm_store_open(sample_path("lie.h5"), "sample", &s), CRM_ERR_FORMAT, lie[i].said);
    }
    crm_mem_free(data);
}

static void tidy(void)
{
    T_OK(crm_path_remove(s_dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a good file", make},
                                   {"hostile files are made", make_hostile},
                                   {"the seal as documented", as_documented},
                                   {"files that another program changed", changed_by_others},
                                   {"hostile files with right digests", with_right_digests},
                                   {"filters in files of others", filters_of_others},
                                   {"seals that lie about arrays", seals_that_lie},
                                   {"seals that lie about sizes", sizes_that_lie},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
