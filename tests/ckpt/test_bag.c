/* Bags: names and scopes, getting and its faults, digests, files written twice, damaged and foreign
 * ones. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt.h"

static char dir[CRM_PATH_MAX];

static const char *in_dir(const char *name)
{
    static char path[2][CRM_PATH_MAX + 64];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir[0] ? dir : "/nonexistent", name);
    return path[turn];
}

static void put_file(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    T_CHECK(f && fwrite(data, 1, n, f) == n);
    if (f) fclose(f);
}

static void folder(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%s/crmpi-bag-XXXXXX", base && *base ? base : "/tmp");
    T_CHECK(mkdtemp(dir));
}

/* A small model; the order of the puts is turned round with back. */
static crm_status fill(crm_bag *b, bool back)
{
    static const float w[6] = {1, -2, 3.5F, 4, 5, -0.0F};
    static const int64_t w_dim[] = {2, 3}, five[] = {1, 2, 1, 2, 1}, none[] = {0, 4};
    static const uint8_t bits[] = {1, 2, 3, 255};
    static const char *const level[] = {"red", "", "gr\xc3\xbcn"};

    for (int i = 0; i < 8; i++)
        switch (back ? 7 - i : i) {
        case 0:
            CRM_TRY(crm_bag_put(b, "linear1/weight", CRM_F32, 2, w_dim, w));
            break;
        case 1:
            CRM_TRY(crm_bag_put(b, "bits", CRM_U8, 5, five, bits));
            break;
        case 2:
            CRM_TRY(crm_bag_put(b, "linear1/none", CRM_F64, 2, none, NULL));
            break;
        case 3:
            CRM_TRY(crm_bag_put_i64(b, "step", INT64_MIN));
            break;
        case 4:
            CRM_TRY(crm_bag_put_f64(b, "best", (double)NAN));
            break;
        case 5:
            CRM_TRY(crm_bag_put_text(b, "config", "a: 1\nb: \"x\"\n"));
            break;
        case 6:
            CRM_TRY(crm_bag_put_list(b, "levels/colour", 3, level));
            break;
        default:
            CRM_TRY(crm_bag_put_list(b, "levels/none", 0, NULL));
            break;
        }
    return CRM_OK;
}

static crm_bag *sample(bool back)
{
    crm_bag *b = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(fill(b, back));
    return b;
}

static void check_sample(const crm_bag *b)
{
    const crm_bag_array *a = crm_bag_find(b, "linear1/weight");
    const char *const *item = NULL;
    const char *text = NULL;
    int64_t n = 0;
    double f = 0;

    T_EQ_I(crm_bag_count(b), 5);
    T_CHECK(a && a->dtype == CRM_F32 && a->rank == 2 && a->dim[0] == 2 && a->dim[1] == 3);
    T_CHECK(a && a->n == 6 && ((const float *)a->data)[2] == 3.5F);
    T_CHECK(a && signbit(((const float *)a->data)[5]));
    T_CHECK(strcmp(crm_bag_at(b, 0)->name, "best") == 0);
    T_CHECK(strcmp(crm_bag_at(b, 4)->name, "step") == 0);
    T_CHECK(crm_bag_at(b, 5) == NULL && crm_bag_at(b, -1) == NULL);
    T_OK(crm_bag_get(b, "bits", CRM_U8, 4, &a));
    T_CHECK(a && a->rank == 5 && a->dim[3] == 2 && ((const uint8_t *)a->data)[3] == 255);
    T_OK(crm_bag_get(b, "linear1/none", CRM_F64, -1, &a));
    T_CHECK(a && a->n == 0 && a->dim[1] == 4);
    T_OK(crm_bag_get_i64(b, "step", &n));
    T_CHECK(n == INT64_MIN);
    T_OK(crm_bag_get_f64(b, "best", &f));
    T_CHECK(isnan(f));
    T_OK(crm_bag_get_text(b, "config", &text));
    T_CHECK(text && strcmp(text, "a: 1\nb: \"x\"\n") == 0);
    T_OK(crm_bag_get_list(b, "levels/colour", &n, &item));
    T_CHECK(n == 3 && strcmp(item[1], "") == 0 && strcmp(item[2], "gr\xc3\xbcn") == 0);
    T_OK(crm_bag_get_list(b, "levels/none", &n, &item));
    T_EQ_I(n, 0);
}

static void put_and_get(void)
{
    crm_bag *b = sample(false);

    check_sample(b);
    crm_bag_free(&b);
    T_CHECK(b == NULL);
    crm_bag_free(&b);
}

static void getting_wrong(void)
{
    const crm_bag_array *a;
    const char *const *items;
    const char *text;
    int64_t n;
    crm_bag *b = sample(false);

    T_FAILS(crm_bag_get(b, "linear1/weights", CRM_F32, -1, &a), CRM_ERR_FORMAT,
            "no array linear1/weights is there");
    T_FAILS(crm_bag_get(b, "linear1/weight", CRM_F64, -1, &a), CRM_ERR_FORMAT,
            "linear1/weight is f32, f64 is needed");
    T_FAILS(crm_bag_get(b, "linear1/weight", CRM_F32, 7, &a), CRM_ERR_FORMAT,
            "linear1/weight has 6 elements, 7 are needed");
    T_CHECK(a == NULL);
    T_FAILS(crm_bag_get_i64(b, "best", &n), CRM_ERR_FORMAT, "best is f64, i64 is needed");
    T_FAILS(crm_bag_get_i64(b, "config", &n), CRM_ERR_FORMAT, "config is text, i64 is needed");
    T_FAILS(crm_bag_get_text(b, "step", &text), CRM_ERR_FORMAT, "step is an array of i64");
    T_FAILS(crm_bag_get_text(b, "levels/colour", &text), CRM_ERR_FORMAT, "a list of 3 texts");
    T_FAILS(crm_bag_get_list(b, "levels", &n, &items), CRM_ERR_FORMAT, "no text levels is there");
    T_CHECK(crm_bag_find(b, "config") == NULL && crm_bag_find(b, "") == NULL);
    crm_bag_free(&b);
}

static void putting_wrong(void)
{
    static const char *const bad[] = {"", "/a", "a/", "a//b", "..", "a/./b", "tab\there"};
    static const int64_t minus[] = {-1}, huge[] = {(int64_t)1 << 40, (int64_t)1 << 40};
    char name[CRM_BAG_NAME_MAX + 1];
    crm_bag *b = sample(false);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_FAILS(crm_bag_put_i64(b, bad[i], 1), CRM_ERR_ARG, "is not allowed");
    memset(name, 'n', sizeof name);
    name[CRM_BAG_NAME_MAX] = '\0';
    T_FAILS(crm_bag_put_i64(b, name, 1), CRM_ERR_ARG, "is longer than 191 bytes");
    name[CRM_BAG_NAME_MAX - 1] = '\0';
    T_OK(crm_bag_put_i64(b, name, 1));
    T_FAILS(crm_bag_put_i64(b, "step", 1), CRM_ERR_ARG, "the name step is taken");
    T_FAILS(crm_bag_put_i64(b, "step/two", 1), CRM_ERR_ARG, "the name step is taken");
    T_FAILS(crm_bag_put_text(b, "linear1", "x"), CRM_ERR_ARG, "it is a group (linear1/none)");
    T_FAILS(crm_bag_put(b, "x", CRM_F32, 1, minus, NULL), CRM_ERR_ARG, "negative or too large");
    T_FAILS(crm_bag_put(b, "x", CRM_F32, 2, huge, NULL), CRM_ERR_ARG, "negative or too large");
    T_FAILS(crm_bag_put(b, "x", CRM_F32, 6, huge, NULL), CRM_ERR_ARG, "rank 6");
    T_EQ_I(crm_bag_count(b), 6);
    crm_bag_free(&b);
}

static void scopes(void)
{
    crm_bag *b = sample(false);
    crm_digest here, whole, there;
    int64_t v = 0;

    T_OK(crm_bag_push(b, "linear1"));
    T_EQ_I(crm_bag_count(b), 2);
    T_CHECK(strcmp(crm_bag_at(b, 1)->name, "weight") == 0);
    T_CHECK(crm_bag_find(b, "weight") && !crm_bag_find(b, "linear1/weight"));
    T_OK(crm_bag_push(b, "deep/er"));
    T_EQ_I(crm_bag_count(b), 0);
    T_OK(crm_bag_put_i64(b, "x", 7));
    T_OK(crm_bag_get_i64(b, "x", &v));
    T_FAILS(crm_bag_get_i64(b, "y", &v), CRM_ERR_FORMAT, "linear1/deep/er/y");
    T_OK(crm_bag_digest(b, NULL, &here));
    T_FAILS(crm_bag_push(b, "a//b"), CRM_ERR_ARG, "is not allowed");
    crm_bag_pop(b);
    T_CHECK(crm_bag_find(b, "deep/er/x"));
    crm_bag_pop(b);
    crm_bag_pop(b); /* one too many does nothing */
    T_OK(crm_bag_get_i64(b, "linear1/deep/er/x", &v));
    T_EQ_I(v, 7);
    T_CHECK(strcmp(crm_bag_find(b, "linear1/deep/er/x")->name, "linear1/deep/er/x") == 0);
    /* "linear1x" begins with the same letters but is another group. */
    T_OK(crm_bag_put_i64(b, "linear1x/y", 8));
    T_OK(crm_bag_push(b, "linear1"));
    T_EQ_I(crm_bag_count(b), 3);
    crm_bag_pop(b);
    T_OK(crm_bag_push(b, "elsewhere"));
    T_OK(crm_bag_put_i64(b, "x", 7));
    T_OK(crm_bag_digest(b, NULL, &there));
    T_CHECK(crm_digest_equal(here, there));
    crm_bag_pop(b);
    T_OK(crm_bag_digest(b, NULL, &whole));
    T_CHECK(!crm_digest_equal(here, whole));
    for (int i = 0; i < 16; i++)
        T_OK(crm_bag_push(b, "s"));
    T_FAILS(crm_bag_push(b, "s"), CRM_ERR_ARG, "too deep");
    crm_bag_free(&b);
}

static crm_digest digest_of(const crm_bag *b, const char *only)
{
    crm_digest d = {0, 0};

    T_OK(crm_bag_digest(b, only, &d));
    return d;
}

/* One bag with one entry each; the digests of all pairs differ. */
static void digests_tell_apart(void)
{
    static const int64_t d4[] = {4}, d22[] = {2, 2}, d41[] = {4, 1};
    static const int32_t x[] = {1, 2, 3, 4}, y[] = {1, 2, 3, 5};
    static const float f[] = {1, 2, 3, 4};
    static const char *const ab_c[] = {"ab", "c"}, *const a_bc[] = {"a", "bc"};
    crm_digest d[8];
    crm_bag *b;

    for (int i = 0; i < 8; i++) {
        T_OK(crm_bag_new(&b));
        switch (i) {
        case 0:
            T_OK(crm_bag_put(b, "x", CRM_I32, 1, d4, x));
            break;
        case 1:
            T_OK(crm_bag_put(b, "y", CRM_I32, 1, d4, x));
            break;
        case 2:
            T_OK(crm_bag_put(b, "x", CRM_I32, 1, d4, y));
            break;
        case 3:
            T_OK(crm_bag_put(b, "x", CRM_I32, 2, d22, x));
            break;
        case 4:
            T_OK(crm_bag_put(b, "x", CRM_I32, 2, d41, x));
            break;
        case 5:
            T_OK(crm_bag_put(b, "x", CRM_F32, 1, d4, f));
            break;
        case 6:
            T_OK(crm_bag_put_list(b, "x", 2, ab_c));
            break;
        default:
            T_OK(crm_bag_put_list(b, "x", 2, a_bc));
            break;
        }
        d[i] = digest_of(b, NULL);
        crm_bag_free(&b);
        for (int k = 0; k < i; k++)
            T_CHECK(!crm_digest_equal(d[i], d[k]));
    }
}

static void digest_of_content(void)
{
    crm_bag *forth = sample(false), *back = sample(true);
    crm_digest part = digest_of(forth, "linear1/");

    T_CHECK(crm_digest_equal(digest_of(forth, NULL), digest_of(back, NULL)));
    T_CHECK(!crm_digest_equal(part, digest_of(forth, NULL)));
    T_OK(crm_bag_put_i64(back, "more", 1));
    T_CHECK(!crm_digest_equal(digest_of(forth, NULL), digest_of(back, NULL)));
    T_CHECK(crm_digest_equal(part, digest_of(back, "linear1/")));
    crm_bag_free(&forth);
    crm_bag_free(&back);
}

static void file_round_trip(void)
{
    crm_bag *b = sample(false), *r = NULL, *back = sample(true);
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 1;

    T_OK(crm_bag_write(b, in_dir("m.h5"), "model"));
    T_OK(crm_bag_read(in_dir("m.h5"), "model", &r));
    if (r) check_sample(r);
    if (r) T_CHECK(crm_digest_equal(digest_of(b, NULL), digest_of(r, NULL)));
    T_OK(crm_bag_push(back, "levels")); /* the scope does not matter for writing */
    T_OK(crm_bag_write(back, in_dir("again.h5"), "model"));
    T_OK(crm_path_read(in_dir("m.h5"), 1 << 20, &x, &n));
    T_OK(crm_path_read(in_dir("again.h5"), 1 << 20, &y, &m));
    T_CHECK(n == m && memcmp(x, y, n) == 0);
    T_CHECK(!crm_path_exists(in_dir("m.h5.tmp")));
    crm_mem_free(x);
    crm_mem_free(y);
    crm_bag_free(&b);
    crm_bag_free(&r);
    crm_bag_free(&back);
}

static void empty_bag(void)
{
    crm_bag *b = NULL, *r = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_write(b, in_dir("empty.h5"), "model"));
    T_OK(crm_bag_read(in_dir("empty.h5"), "model", &r));
    if (r) T_EQ_I(crm_bag_count(r), 0);
    crm_bag_free(&b);
    crm_bag_free(&r);
}

static void reading_wrong(void)
{
    crm_bag *b = sample(false), *r = NULL;

    T_OK(crm_bag_write(b, in_dir("m.h5"), "model"));
    T_FAILS(crm_bag_read(in_dir("m.h5"), "vectors", &r), CRM_ERR_FORMAT,
            "kind 'model'; a 'vectors' is needed");
    T_FAILS(crm_bag_read(in_dir("absent.h5"), "model", &r), CRM_ERR_IO, "No such file");
    T_FAILS(crm_bag_read(dir, "model", &r), CRM_ERR_IO, "is a folder");
    put_file(in_dir("text"), "hello", 5);
    T_FAILS(crm_bag_read(in_dir("text"), "model", &r), CRM_ERR_FORMAT, "is not an HDF5 file");
    T_CHECK(r == NULL);
    T_OK(crm_bag_read(in_dir("m.h5"), NULL, &r));
    crm_bag_free(&r);
    crm_bag_free(&b);
}

/* Files made of data with every byte changed, one after another (every 13th in gaps), and cut at
 * many lengths: how many were read. */
static void read_damaged(char *data, size_t n, int *unseen)
{
    crm_bag *r = NULL;

    for (size_t at = 0; at < n; at += data[at] ? 1 : 13) {
        data[at] = (char)(data[at] ^ 0x40);
        put_file(in_dir("bad.h5"), data, n);
        *unseen += crm_bag_read(in_dir("bad.h5"), "model", &r) != CRM_ERR_FORMAT;
        crm_bag_free(&r);
        data[at] = (char)(data[at] ^ 0x40);
    }
    for (size_t keep = 0; keep < n; keep += 211) {
        put_file(in_dir("bad.h5"), data, keep);
        *unseen += crm_bag_read(in_dir("bad.h5"), "model", &r) != CRM_ERR_FORMAT || r;
    }
}

/* In a child: HDF5 leaks memory of its own when a file is damaged, and could crash. */
static void damaged(void)
{
    crm_bag *b = sample(false);
    char *data = NULL;
    size_t n = 0;
    int status = -1, unseen = 0;
    pid_t child;

    T_OK(crm_bag_write(b, in_dir("m.h5"), "model"));
    T_OK(crm_path_read(in_dir("m.h5"), 1 << 20, &data, &n));
    child = fork();
    if (child == 0) {
        read_damaged(data, n, &unseen);
        _exit(t_failures || unseen);
    }
    T_CHECK(child > 0 && waitpid(child, &status, 0) == child);
    T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    crm_mem_free(data);
    crm_bag_free(&b);
}

/* The disk takes less than the file needs: the old file stays. */
static void write_fails(void)
{
    crm_bag *b = sample(false), *r = NULL;
    struct rlimit old, small;
    crm_status st;

    T_OK(crm_bag_write(b, in_dir("m.h5"), "model"));
    T_OK(crm_bag_put_i64(b, "more", 1));
    T_CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 20000;
    signal(SIGXFSZ, SIG_IGN);
    T_CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    st = crm_bag_write(b, in_dir("m.h5"), "model");
    T_CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    T_EQ_I(st, CRM_ERR_IO);
    T_CHECK(strstr(crm_err_text(), "File too large"));
    T_CHECK(!crm_path_exists(in_dir("m.h5.tmp")));
    T_OK(crm_bag_read(in_dir("m.h5"), "model", &r));
    if (r) check_sample(r);
    crm_bag_free(&r);
    T_FAILS(crm_bag_write(b, in_dir("absent/m.h5"), "model"), CRM_ERR_IO, "No such file");
    crm_bag_free(&b);
}

static void tidy(void)
{
    T_OK(crm_path_remove(dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a temporary folder", folder},
                                   {"put and get", put_and_get},
                                   {"getting what is not there", getting_wrong},
                                   {"putting what is not allowed", putting_wrong},
                                   {"scopes", scopes},
                                   {"digests tell contents apart", digests_tell_apart},
                                   {"digests depend on content only", digest_of_content},
                                   {"files: round trip, same bytes twice", file_round_trip},
                                   {"an empty bag", empty_bag},
                                   {"foreign files", reading_wrong},
                                   {"damaged files", damaged},
                                   {"a write that fails", write_fails},
                                   {"folder removed", tidy},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
