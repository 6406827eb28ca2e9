/* Named dimensions as dimension scales: where they stand, what they refer to, that the content
 * digest does without them, and that the reader takes nothing else for one.
 *
 * "test_store_xarray --write FILE" writes the file that test_xarray.py reads.
 * timeout: 120 */
#include <hdf5.h>

#include "crm_test.h"
#include "seal_hdf5.h"
#include "store_sample.h"

enum { MANY = 500 }; /* users of one scale: more than fit an object header */

/* A small data set, and results with a coordinate of their own.  Values as in the sample. */
static const struct {
    sample_array a;
    const char *dim[3];
} SHELF[] = {
    {{"profile/num", CRM_F32, 2, {12, 3}}, {"row", "column"}},
    {{"profile/cat", CRM_I32, 2, {12, 2}}, {"row", "column"}},
    {{"monthly/value", CRM_F32, 3, {12, 2, 6}}, {"row", "channel", "month"}},
    {{"events/first", CRM_I64, 1, {13}}, {"row_offset"}},
    {{"events/time", CRM_F32, 1, {30}}, {"event"}},
    {{"target/churn/label", CRM_I32, 1, {12}}, {"row"}},
    {{"target/churn/oracle", CRM_F32, 2, {12, 2}}, {"row", "class"}},
    {{"target/segment/oracle", CRM_F32, 2, {12, 3}}, {"row", "class"}},
    {{"result/repeat", CRM_I64, 1, {4}}, {"repeat"}},
    {{"result/score", CRM_F64, 3, {4, 12, 5}}, {"repeat", "row", "words"}},
    {{"pair/square", CRM_F32, 2, {4, 4}}, {"item", "item"}},
    {{"pair/none", CRM_F32, 1, {0}}, {"nothing"}},
    {{"pair/plain", CRM_F64, 0, {0}}, {NULL}},
};
enum { SHELF_COUNT = sizeof SHELF / sizeof *SHELF };

static crm_status put_shelf(crm_store_writer *w)
{
    static const char *const words[] = {"a", "b", "\xe2\x82\xac", "d", "e"};

    for (int i = 0; i < SHELF_COUNT; i++) {
        const sample_array *a = &SHELF[i].a;
        CRM_TRY(
            crm_store_define(w, a->name, a->dtype, a->rank, a->dim, a->rank ? SHELF[i].dim : NULL));
        CRM_TRY(sample_write(w, a, 0, sample_rows(a)));
    }
    CRM_TRY(crm_store_texts(w, "profile/levels/0", 5, words));
    CRM_TRY(crm_store_texts(w, "result/words", 5, words));
    return crm_store_attr_list(w, "profile/num", "columns", 3, words);
}

static crm_status put_many(crm_store_writer *w)
{
    static const char *const names[] = {"k", "l"};
    const int64_t dim[2] = {1, 1};
    char name[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/a%d", i);
        CRM_TRY(crm_store_define(w, name, CRM_U8, 2, dim, names));
        CRM_TRY(crm_store_write(w, name, 0, 1, "x"));
    }
    return CRM_OK;
}

static crm_status make_file(const char *path, crm_status (*put)(crm_store_writer *w))
{
    crm_store_writer *w;
    crm_status st;

    CRM_TRY(crm_store_create(NULL, path, "sample", &w));
    st = put(w);
    if (!st) return crm_store_commit(&w, NULL);
    crm_store_abandon(&w);
    return st;
}

static void make(void)
{
    sample_folder(NULL);
    T_OK(make_file(sample_path("shelf.h5"), put_shelf));
}

/* Where scales stand: in the root when groups share a size, in the group of the only users, by size
 * when one group has several. */
static void places(void)
{
    static const char *const there[] = {
        "row",           "profile/column_2", "profile/column_3",     "monthly/channel",
        "monthly/month", "events/event",     "target/segment/class", "target/churn/class",
        "pair/item",     "pair/nothing"};
    static const char *const absent[] = {"column", "class", "profile/row", "profile/column",
                                         "repeat", "event", "words",       "result/words_5"};
    hid_t f = H5Fopen(sample_path("shelf.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);

    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        hid_t set = H5Dopen2(f, there[i], H5P_DEFAULT);
        if (set < 0) fprintf(stderr, "# no %s\n", there[i]);
        T_CHECK(set >= 0 && H5Aexists(set, "CLASS") > 0 && H5Aexists(set, "NAME") > 0);
        T_EQ_I(H5Dget_storage_size(set), 0);
        H5Dclose(set);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        T_CHECK(H5Lexists(f, absent[i], H5P_DEFAULT) == 0);
    T_CHECK(H5Fclose(f) >= 0);
}

/* DIMENSION_LIST leads to a scale of the size of each dimension. */
static void lists_lead_to_scales(void)
{
    hid_t f = H5Fopen(sample_path("shelf.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t type = H5Tvlen_create(H5T_STD_REF_OBJ), a;
    int seen = 0;

    for (int i = 0; i < SHELF_COUNT; i++) {
        hid_t set = H5Dopen2(f, SHELF[i].a.name, H5P_DEFAULT);
        hvl_t list[3];
        bool self = strcmp(SHELF[i].a.name, "result/repeat") == 0;
        T_EQ_I(H5Aexists(set, "DIMENSION_LIST") > 0, SHELF[i].a.rank > 0 && !self);
        T_EQ_I(H5Aexists(set, "CLASS") > 0, self);
        a = SHELF[i].a.rank && !self ? H5Aopen(set, "DIMENSION_LIST", H5P_DEFAULT) : -1;
        if (a >= 0) T_CHECK(H5Aread(a, type, list) >= 0);
        for (int d = 0; a >= 0 && d < SHELF[i].a.rank; d++) {
            hid_t scale = H5Rdereference2(f, H5P_DEFAULT, H5R_OBJECT, list[d].p);
            hid_t space = H5Dget_space(scale);
            T_EQ_I(list[d].len, 1);
            T_EQ_I(H5Sget_simple_extent_npoints(space), SHELF[i].a.dim[d]);
            H5free_memory(list[d].p);
            H5Sclose(space);
            H5Dclose(scale);
            seen++;
        }
        if (a >= 0) H5Aclose(a);
        H5Dclose(set);
    }
    T_EQ_I(seen, 20);
    H5Tclose(type);
    T_CHECK(H5Fclose(f) >= 0);
}

static void check_opens(const char *path, int arrays, crm_digest *d)
{
    crm_store *s = NULL;

    T_OK(crm_store_open(path, "sample", &s));
    if (!s) return;
    T_EQ_I(crm_store_count(s), arrays);
    T_CHECK(crm_store_find(s, "row") == NULL); /* a dimension is no array */
    T_OK(crm_store_verify(NULL, s));
    *d = crm_store_digest(s);
    crm_store_close(&s);
}

static herr_t drop_scales(hid_t file, const char *name, const H5O_info_t *info, void *ctx)
{
    static const char *const keys[] = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST"};
    hid_t o = info->type == H5O_TYPE_DATASET ? H5Oopen(file, name, H5P_DEFAULT) : -1;

    (void)ctx;
    for (int i = 0; o >= 0 && i < 4; i++)
        if (H5Aexists(o, keys[i]) > 0) T_CHECK(H5Adelete(o, keys[i]) >= 0);
    if (o >= 0) H5Oclose(o);
    return 0;
}

/* Without any scale, as files once were: the same digest, and read as before. */
static void digest_without_scales(void)
{
    static const char *const gone[] = {
        "row",          "profile/column_2",     "profile/column_3",   "monthly/channel",
        "events/event", "target/segment/class", "target/churn/class", "monthly/month",
        "pair/item",    "events/row_offset",    "pair/nothing"};
    const char *path = sample_path("bare.h5");
    crm_digest with = {0, 0}, without = {1, 1};
    hid_t f;

    T_OK(make_file(path, put_shelf));
    check_opens(path, SHELF_COUNT, &with);
    f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        T_CHECK(H5Ldelete(f, gone[i], H5P_DEFAULT) >= 0);
    T_CHECK(H5Ovisit(f, H5_INDEX_NAME, H5_ITER_INC, drop_scales, NULL) >= 0);
    T_CHECK(H5Fclose(f) >= 0);
    seal_again(path);
    check_opens(path, SHELF_COUNT, &without);
    T_CHECK(crm_digest_equal(with, without));
}

/* One scale of many arrays: its list is longer than an object header takes. */
static void many_users(void)
{
    const char *path = sample_path("many.h5");
    crm_digest d;
    hid_t f, set, a, space;

    T_OK(make_file(path, put_many));
    check_opens(path, MANY, &d);
    f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    set = H5Dopen2(f, "many/l", H5P_DEFAULT);
    a = H5Aopen(set, "REFERENCE_LIST", H5P_DEFAULT);
    space = H5Aget_space(a);
    T_EQ_I(H5Sget_simple_extent_npoints(space), MANY);
    H5Sclose(space);
    H5Aclose(a);
    H5Dclose(set);
    T_CHECK(H5Fclose(f) >= 0);
}

enum { NO_CLASS, OTHER_CLASS, STORAGE, FOREIGN_ATTR, LIST_TYPE, LIST_RANK, LIST_IN_GROUP, TRICKS };

static void put_attr(hid_t f, const char *object, const char *key, hid_t type, int rank)
{
    const hsize_t dim[2] = {2, 2};
    static const char zero[64];
    hid_t space = rank ? H5Screate_simple(rank, dim, NULL) : H5Screate(H5S_SCALAR);
    hid_t o = H5Oopen(f, object, H5P_DEFAULT), a;

    H5Adelete(o, key);
    a = H5Acreate2(o, key, type, space, H5P_DEFAULT, H5P_DEFAULT);
    T_CHECK(a >= 0 && H5Awrite(a, type, zero) >= 0);
    H5Aclose(a);
    H5Oclose(o);
    H5Sclose(space);
}

static void tamper(hid_t f, int trick)
{
    hid_t text = H5Tcopy(H5T_C_S1), vlen = H5Tvlen_create(H5T_STD_REF_OBJ), set;
    const float x[12] = {0};

    H5Tset_size(text, 16);
    set = H5Dopen2(f, "row", H5P_DEFAULT);
    if (trick == NO_CLASS) T_CHECK(H5Adelete(set, "CLASS") >= 0);
    if (trick == OTHER_CLASS) put_attr(f, "row", "CLASS", text, 0);
    if (trick == STORAGE)
        T_CHECK(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    if (trick == FOREIGN_ATTR) put_attr(f, "row", "units", H5T_STD_I64LE, 0);
    if (trick == LIST_TYPE) put_attr(f, "profile/num", "DIMENSION_LIST", H5T_STD_REF_OBJ, 1);
    if (trick == LIST_RANK) put_attr(f, "profile/num", "DIMENSION_LIST", vlen, 2);
    if (trick == LIST_IN_GROUP) put_attr(f, "profile", "DIMENSION_LIST", vlen, 1);
    H5Dclose(set);
    H5Tclose(text);
    H5Tclose(vlen);
}

static void nothing_else_is_a_scale(void)
{
    static const char *const said[TRICKS] = {
        [NO_CLASS] = "array row has a type",
        [OTHER_CLASS] = "array row has a type",
        [STORAGE] = "array row has a type",
        [FOREIGN_ATTR] = "attribute units of the dimension /row is not allowed",
        [LIST_TYPE] = "attribute DIMENSION_LIST has a type or shape",
        [LIST_RANK] = "attribute DIMENSION_LIST has a type or shape",
        [LIST_IN_GROUP] = "attribute DIMENSION_LIST has a type or shape",
    };
    const char *path = sample_path("hostile.h5");
    crm_store *s;
    hid_t f;

    for (int t = 0; t < TRICKS; t++) {
        T_OK(make_file(path, put_shelf));
        f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        tamper(f, t);
        T_CHECK(H5Fclose(f) >= 0);
        seal_again(path);
        T_FAILS(crm_store_open(path, "sample", &s), CRM_ERR_FORMAT, said[t]);
        crm_store_close(&s);
    }
}

static void tidy(void)
{
    T_OK(crm_path_remove(s_dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a file with named dimensions", make},
                                   {"places of scales", places},
                                   {"lists lead to scales", lists_lead_to_scales},
                                   {"same digest without scales", digest_without_scales},
                                   {"one scale of many arrays", many_users},
                                   {"nothing else is a scale", nothing_else_is_a_scale},
                                   {"folder removed", tidy},
                                   {NULL, NULL}};

    if (argc == 3 && strcmp(argv[1], "--write") == 0) return make_file(argv[2], put_shelf) ? 1 : 0;
    return t_main(argc, argv, cases);
}
