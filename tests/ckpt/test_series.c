/* A series of checkpoints: two are kept, a damaged newest one is passed over and named, unfinished
 * ones are swept, and nothing begins from the start silently. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt_series.h"

static char dir[256];

static const char *at(const char *name)
{
    static char path[2][512];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static crm_status put(int64_t number)
{
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_bag_new(&b));
    st = crm_bag_put_i64(b, "step", 100 * number);
    if (!st) st = crm_ckpt_write(dir, "test", number, b);
    crm_bag_free(&b);
    return st;
}

/* Number of the newest, checked against its content; 0 when there is none. */
static int64_t newest(void)
{
    int64_t number = -1, step = -1;
    crm_bag *b = NULL;

    T_OK(crm_ckpt_newest(dir, "test", &b, &number));
    if (!b) return 0;
    T_OK(crm_bag_get_i64(b, "step", &step));
    T_EQ_I(step, 100 * number);
    crm_bag_free(&b);
    return number;
}

static int files(void)
{
    DIR *d = opendir(dir);
    int n = 0;

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

/* The byte in the middle of a file becomes another. */
static void damage(const char *path)
{
    size_t n = 0;
    char *data = NULL;

    T_OK(crm_path_read(path, 1 << 20, &data, &n));
    if (n) data[n / 2] = (char)(data[n / 2] ^ 1);
    T_OK(crm_path_write_atomic(path, data, n));
    crm_mem_free(data);
}

static void begin(void)
{
    const char *base = getenv("TMPDIR");

    if (!dir[0]) {
        snprintf(dir, sizeof dir, "%.200s/crmpi-series-XXXXXX", base && *base ? base : "/tmp");
        T_CHECK(mkdtemp(dir));
    }
    T_OK(crm_ckpt_clear(dir));
    T_CHECK(!crm_path_exists(dir));
}

static void two_are_kept(void)
{
    begin();
    T_EQ_I(newest(), 0);
    for (int i = 1; i <= 12; i++) { /* 10 comes after 9, not after 1 */
        T_OK(put(i));
        T_EQ_I(newest(), i);
        T_EQ_I(files(), i == 1 ? 2 : 4);
    }
    T_CHECK(crm_path_is_file(at("11.h5")) && crm_path_is_file(at("11.manifest")));
    T_FAILS(put(12), CRM_ERR_ARG, "checkpoint 12 is there, 12 is to be written");
    T_FAILS(put(3), CRM_ERR_ARG, "checkpoint 12 is there");
    T_FAILS(put(-1), CRM_ERR_ARG, "checkpoint -1");
    T_EQ_I(newest(), 12);
    T_OK(crm_ckpt_clear(dir));
    T_CHECK(!crm_path_exists(dir));
    T_OK(crm_ckpt_clear(dir));
}

static void newest_is_damaged(const char *file)
{
    begin();
    T_OK(put(1));
    T_OK(put(2));
    damage(at(file));
    T_EQ_I(newest(), 1);
    T_EQ_I(newest(), 1); /* reading removed nothing that counts */
    T_OK(put(2));        /* and the work goes on from there */
    T_EQ_I(newest(), 2);
    T_OK(put(3));
    T_EQ_I(newest(), 3);
    T_EQ_I(files(), 4);
}

static void damaged(void)
{
    newest_is_damaged("2.h5");
    newest_is_damaged("2.manifest");
    begin();
    T_OK(put(1));
    T_OK(put(2));
    T_CHECK(unlink(at("2.h5")) == 0);
    T_EQ_I(newest(), 1);
}

/* The damaged one goes, not the whole one before it, and not a newer that is written. */
static void damaged_one_is_not_kept(void)
{
    begin();
    T_OK(put(1));
    T_OK(put(2));
    damage(at("2.h5"));
    T_OK(put(3));
    T_EQ_I(files(), 4);
    T_CHECK(crm_path_is_file(at("1.h5")) && !crm_path_exists(at("2.h5")));
    damage(at("3.h5"));
    T_EQ_I(newest(), 1);
}

static void none_is_whole(void)
{
    crm_bag *b;
    int64_t number;

    begin();
    T_OK(put(7));
    T_OK(put(8));
    damage(at("7.h5"));
    damage(at("8.manifest"));
    T_FAILS(crm_ckpt_newest(dir, "test", &b, &number), CRM_ERR_FORMAT, "8.h5: is damaged");
    T_CHECK(b == NULL);
    T_FAILS(crm_ckpt_newest(dir, "test", &b, &number), CRM_ERR_FORMAT, "7.h5: is damaged");
    T_FAILS(crm_ckpt_newest(dir, "test", &b, &number), CRM_ERR_FORMAT, "remove the folder");
    T_CHECK(unlink(at("7.h5")) == 0 && unlink(at("8.h5")) == 0);
    T_FAILS(crm_ckpt_newest(dir, "test", &b, &number), CRM_ERR_FORMAT, "No such file");
}

static void other_kind(void)
{
    crm_bag *b;
    int64_t number;

    begin();
    T_OK(put(1));
    T_FAILS(crm_ckpt_newest(dir, "other", &b, &number), CRM_ERR_FORMAT, "differ");
    T_CHECK(crm_path_is_file(at("1.h5")));
    T_EQ_I(newest(), 1);
}

/* What a kill leaves at each point of the writing. */
static void unfinished(void)
{
    begin();
    T_OK(put(1));
    T_OK(put(2));
    T_OK(crm_path_write_atomic(at("3.h5.tmp"), "x", 1));
    T_OK(crm_path_write_atomic(at("3.manifest.tmp"), "x", 1));
    T_OK(crm_path_write_atomic(at("4.h5"), "x", 1));
    T_OK(crm_path_write_atomic(at("notes.txt"), "x", 1)); /* not ours */
    T_EQ_I(newest(), 2);
    T_EQ_I(files(), 5);
    T_OK(put(3));
    T_EQ_I(newest(), 3);
    T_CHECK(unlink(at("3.manifest")) == 0); /* killed between its two files, or while removed */
    T_EQ_I(newest(), 2);
    begin();
    T_CHECK(mkdir(dir, 0700) == 0);
    T_OK(crm_path_write_atomic(at("1.h5"), "x", 1));
    T_EQ_I(newest(), 0);
    T_EQ_I(files(), 0);
}

/* A writer that was killed leaves one file without a manifest: more have lost theirs. */
static void lost_manifests(void)
{
    begin();
    T_OK(put(1));
    T_OK(put(2));
    T_CHECK(unlink(at("1.manifest")) == 0 && unlink(at("2.manifest")) == 0);
    T_EQ_I(newest(), 2);
    T_EQ_I(files(), 2);
    T_OK(put(3));
    T_EQ_I(newest(), 3);
    T_EQ_I(files(), 4);
    T_CHECK(unlink(at("3.manifest")) == 0);
    damage(at("3.h5"));
    T_EQ_I(newest(), 2);
    T_EQ_I(files(), 3);
    T_OK(put(4)); /* beside those that are lost */
    T_EQ_I(newest(), 4);
    T_EQ_I(files(), 5);
    damage(at("4.h5"));
    T_EQ_I(newest(), 2);
    damage(at("1.h5"));
    damage(at("2.h5"));
    T_FAILS(crm_ckpt_newest(dir, "test", &(crm_bag *){NULL}, &(int64_t){0}), CRM_ERR_FORMAT,
            "none of the checkpoints there can be used");
    T_EQ_I(files(), 5);
}

static void folders(void)
{
    char deep[512];
    crm_bag *b, *r;
    int64_t number;

    begin();
    T_OK(crm_bag_new(&b));
    snprintf(deep, sizeof deep, "%s/a/b", dir);
    T_OK(crm_ckpt_write(deep, "test", 1, b));
    T_OK(crm_ckpt_newest(deep, "test", &r, &number));
    T_EQ_I(number, 1);
    crm_bag_free(&r);
    snprintf(deep, sizeof deep, "%s/a/b/1.h5", dir);
    T_FAILS(crm_ckpt_write(deep, "test", 1, b), CRM_ERR_IO, deep);
    T_FAILS(crm_ckpt_newest(deep, "test", &r, &number), CRM_ERR_IO, deep);
    crm_bag_free(&b);
}

static void options(void)
{
    crm_ckpt_cfg c = {0};
    const char *const sets[] = {"checkpoint.steps=5", "checkpoint.cost=2"};
    crm_opt_set *s;
    crm_digest before, after;

    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_ckpt_opts, &c));
    T_CHECK(c.steps == 0 && c.minutes == 10 && c.epochs && c.cost == 0.01);
    T_OK(crm_opt_set_digest(s, &before));
    T_OK(crm_opt_set_load(s, NULL, sets, 1));
    T_EQ_I(c.steps, 5);
    T_OK(crm_opt_set_digest(s, &after));
    T_CHECK(crm_digest_equal(before, after));
    T_FAILS(crm_opt_set_load(s, NULL, sets + 1, 1), CRM_ERR_CONFIG, "checkpoint.cost");
    crm_opt_set_free(&s);
}

static void tidy(void)
{
    T_OK(crm_path_remove(dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"two are kept", two_are_kept},
                                   {"the newest is damaged", damaged},
                                   {"a damaged one is not kept", damaged_one_is_not_kept},
                                   {"none is whole", none_is_whole},
                                   {"another kind", other_kind},
                                   {"unfinished ones", unfinished},
                                   {"lost manifests", lost_manifests},
                                   {"folders", folders},
                                   {"options", options},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};

    crm_log_setup(CRM_LOG_QUIET, 0);
    return t_main(argc, argv, cases);
}
