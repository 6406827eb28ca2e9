/* test_plain.c - a bag from any HDF5 file: names with dots and with groups are the same. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt.h"
#include "crmpi/store.h"

static char dir[CRM_PATH_MAX];

static const char *at(const char *name)
{
    static char path[CRM_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%s/crmpi-plain-XXXXXX", base && *base ? base : "/tmp");
    T_CHECK(mkdtemp(dir) != NULL);
}

/* A file with arrays of two doubles under these names; NULL ends the list. */
static void make(const char *file, const char *const *names)
{
    const double x[2] = {1.5, -2};
    const int64_t dim[2] = {1, 2};
    crm_store_writer *w;

    T_OK(crm_store_create(NULL, at(file), "other", &w));
    for (; *names; names++) {
        T_OK(crm_store_define(w, *names, CRM_F64, 2, dim, NULL));
        T_OK(crm_store_write(w, *names, 0, 1, x));
    }
    T_OK(crm_store_commit(&w, NULL));
}

static void names_with_dots(void)
{
    const crm_bag_array *a;
    crm_digest first, second;
    crm_bag *b = NULL;

    make("groups.h5", (const char *const[]){"a/b.weight", "c.bias", NULL});
    make("dots.h5", (const char *const[]){"a.b/weight", "c/bias", NULL});
    T_OK(crm_bag_read_plain(at("groups.h5"), &b));
    T_EQ_I(crm_bag_count(b), 2);
    a = crm_bag_find(b, "a.b.weight");
    T_CHECK(a && a->dtype == CRM_F32 && a->rank == 2 && a->dim[0] == 1 && a->dim[1] == 2);
    if (a) T_CHECK(((const float *)a->data)[0] == 1.5f && ((const float *)a->data)[1] == -2);
    T_CHECK(crm_bag_find(b, "c.bias") != NULL);
    T_OK(crm_bag_digest(b, NULL, &first));
    crm_bag_free(&b);
    T_OK(crm_bag_read_plain(at("dots.h5"), &b));
    T_OK(crm_bag_digest(b, NULL, &second));
    T_CHECK(first.hi == second.hi && first.lo == second.lo);
    crm_bag_free(&b);
}

static void wrong_files(void)
{
    crm_bag *b = NULL;

    make("twice.h5", (const char *const[]){"a.b", "a/b", NULL});
    T_FAILS(crm_bag_read_plain(at("twice.h5"), &b), CRM_ERR_FORMAT, "the name a.b is there twice");
    T_CHECK(!b);
    make("empty.h5", (const char *const[]){NULL});
    T_FAILS(crm_bag_read_plain(at("empty.h5"), &b), CRM_ERR_FORMAT, "holds no data set of numbers");
    T_FAILS(crm_bag_read_plain(at("none.h5"), &b), CRM_ERR_IO, "none.h5");
    T_CHECK(!b);
}

static void no_leak(void)
{
    size_t before = crm_mem_used();

    names_with_dots();
    wrong_files();
    T_EQ_I(crm_mem_used(), before);
    T_OK(crm_path_remove(dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a folder", make_folder},
                                   {"names with dots and groups", names_with_dots},
                                   {"wrong files", wrong_files},
                                   {"memory is given back", no_leak},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
