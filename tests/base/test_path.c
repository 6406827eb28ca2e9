/* Files and folders: names, atomic writing, reading, what goes wrong. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

static char dir[CRM_PATH_MAX]; /* of this test */

static const char *in_dir(const char *name)
{
    static char path[2][CRM_PATH_MAX + 64];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void joined(const char *a, const char *b, const char *want)
{
    char out[64];

    T_OK(crm_path_join(a, b, out, sizeof out));
    T_CHECK(strcmp(out, want) == 0);
}

static void parted(const char *path, const char *folder, const char *base)
{
    char out[64];

    T_OK(crm_path_dir(path, out, sizeof out));
    T_CHECK(strcmp(out, folder) == 0);
    T_CHECK(strcmp(crm_path_base(path), base) == 0);
}

static void names(void)
{
    char out[8];

    joined("a", "b", "a/b");
    joined("a/", "b", "a/b");
    joined("", "b", "b");
    joined("a", "/b", "/b");
    joined("/", "b", "/b");
    parted("a/b/c", "a/b", "c");
    parted("c", ".", "c");
    parted("/c", "/", "c");
    parted("a/", "a", "");
    T_FAILS(crm_path_join("abcd", "efgh", out, sizeof out), CRM_ERR_ARG, "longer than 7");
    T_FAILS(crm_path_dir("abcdefghi/j", out, sizeof out), CRM_ERR_ARG, "longer than 7");
}

static void folders(void)
{
    T_OK(crm_path_mkdirs(in_dir("x/y/z")));
    T_OK(crm_path_mkdirs(in_dir("x/y/z")));
    T_OK(crm_path_mkdirs(in_dir("x//y/w/")));
    T_CHECK(crm_path_is_dir(in_dir("x/y/w")) && !crm_path_is_file(in_dir("x/y/w")));
    T_OK(crm_path_write_atomic(in_dir("x/file"), "1", 1));
    T_FAILS(crm_path_mkdirs(in_dir("x/file")), CRM_ERR_IO, "a file of that name is in the way");
    T_FAILS(crm_path_mkdirs(in_dir("x/file/y")), CRM_ERR_IO, "a file of that name is in the way");
    T_FAILS(crm_path_mkdirs(""), CRM_ERR_IO, "cannot make");
    T_OK(symlink("/", in_dir("x/link")) == 0 ? CRM_OK : CRM_ERR_IO);
    T_OK(crm_path_remove(in_dir("x")));
    T_CHECK(!crm_path_exists(in_dir("x")) && crm_path_is_dir("/"));
    T_OK(crm_path_remove(in_dir("x")));
}

static void whole_files(void)
{
    char *text = NULL, *large = crm_mem_new(3 << 20, 1);
    size_t n = 0;
    int64_t size = 0;

    T_OK(crm_path_write_atomic(in_dir("a"), "old", 3));
    T_OK(crm_path_write_atomic(in_dir("a"), "newer", 5));
    T_OK(crm_path_read(in_dir("a"), 5, &text, &n));
    T_CHECK(n == 5 && text && strcmp(text, "newer") == 0);
    crm_mem_free(text);
    T_OK(crm_path_write_atomic(in_dir("empty"), "", 0));
    T_OK(crm_path_read(in_dir("empty"), 0, &text, &n));
    T_CHECK(n == 0 && text && text[0] == '\0');
    crm_mem_free(text);
    T_OK(crm_path_write_atomic(in_dir("large"), large, 3 << 20));
    T_OK(crm_path_file_size(in_dir("large"), &size));
    T_EQ_I(size, 3 << 20);
    T_CHECK(!crm_path_exists(in_dir("a.tmp")) && !crm_path_exists(in_dir("large.tmp")));
    T_OK(crm_path_free_bytes(in_dir("not/there/yet"), &size));
    T_CHECK(size > 0);
    crm_mem_free(large);
}

static void what_goes_wrong(void)
{
    char *text = NULL;
    size_t n;
    int64_t size;

    T_FAILS(crm_path_read(in_dir("none"), 10, &text, &n), CRM_ERR_IO, "No such file");
    T_FAILS(crm_path_read(dir, 10, &text, &n), CRM_ERR_IO, "is a folder");
    T_CHECK(mkfifo(in_dir("pipe"), 0600) == 0);
    T_FAILS(crm_path_read(in_dir("pipe"), 10, &text, &n), CRM_ERR_IO, "is a pipe"); /* no wait */
    T_OK(crm_path_write_atomic(in_dir("six"), "123456", 6));
    T_FAILS(crm_path_read(in_dir("six"), 5, &text, &n), CRM_ERR_FORMAT, "6 bytes, the limit is 5");
    T_CHECK(!text);
    T_FAILS(crm_path_file_size(in_dir("none"), &size), CRM_ERR_IO, "none: No such file");
    T_FAILS(crm_path_write_atomic(in_dir("no/folder"), "1", 1), CRM_ERR_IO, "cannot be written");
    T_OK(crm_path_mkdirs(in_dir("taken")));
    T_FAILS(crm_path_write_atomic(in_dir("taken"), "1", 1), CRM_ERR_IO, "cannot rename");
    T_CHECK(!crm_path_exists(in_dir("taken.tmp")));
    T_FAILS(crm_path_commit(in_dir("none"), in_dir("six")), CRM_ERR_IO, "No such file");
    T_OK(crm_path_read(in_dir("six"), 6, &text, &n));
    T_CHECK(text && strcmp(text, "123456") == 0);
    crm_mem_free(text);
}

/* /dev/full takes no byte: a file that cannot be written in full leaves the old one as it was. */
static void full_disk(void)
{
    char *text = NULL;
    size_t n;

    T_OK(crm_path_write_atomic(in_dir("kept"), "old", 3));
    if (symlink("/dev/full", in_dir("kept.tmp")) != 0 || !crm_path_exists("/dev/full")) {
        T_SKIP("no /dev/full");
        return;
    }
    T_FAILS(crm_path_write_atomic(in_dir("kept"), "new", 3), CRM_ERR_IO, "No space left");
    T_CHECK(!crm_path_exists(in_dir("kept.tmp")));
    T_OK(crm_path_read(in_dir("kept"), 10, &text, &n));
    T_CHECK(text && strcmp(text, "old") == 0);
    crm_mem_free(text);
}

static void no_right(void)
{
    T_OK(crm_path_mkdirs(in_dir("closed")));
    if (chmod(in_dir("closed"), 0500) != 0 || access(in_dir("closed"), W_OK) == 0) {
        T_SKIP("this user may write everywhere");
        return;
    }
    T_FAILS(crm_path_mkdirs(in_dir("closed/a/b")), CRM_ERR_IO, "Permission denied");
    T_FAILS(crm_path_write_atomic(in_dir("closed/f"), "1", 1), CRM_ERR_IO, "Permission denied");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"names", names},
                                   {"folders", folders},
                                   {"whole files", whole_files},
                                   {"what goes wrong", what_goes_wrong},
                                   {"a full disk", full_disk},
                                   {"no right to write", no_right},
                                   {NULL, NULL}};
    const char *base = getenv("TMPDIR");
    int bad;

    snprintf(dir, sizeof dir, "%s/crmpi-path-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) return 1;
    bad = t_main(argc, argv, cases);
    chmod(in_dir("closed"), 0700);
    return crm_path_remove(dir) ? 1 : bad;
}
