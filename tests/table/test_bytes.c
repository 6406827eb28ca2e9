/* test_bytes.c - the file and the digests are the same bytes on any number of ranks, and twice.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "table_testing.h"

/* Numbers, categories, missing values, newlines in quotes, text ids, a label. */
static void make_csv(int rows, crm_str *out)
{
    static const char *const CITY[] = {"Oslo", "\"New\nYork\"", "", "\"a \"\"b\"\"\"",
                                       "Z\xC3\xBCrich"};
    uint64_t seed = 3;

    crm_str_addf(out, "id,city,fee,age,left\n");
    for (int i = 0; i < rows; i++)
        crm_str_addf(out, "c%d,%s,%d.%02d,%s,%s\r\n", i, CITY[t_below(&seed, 5)],
                     t_below(&seed, 900), t_below(&seed, 100), t_below(&seed, 9) ? "44" : "NA",
                     i % 3 ? "no" : "yes");
}

static crm_table_cfg options(void)
{
    crm_table_cfg cfg = t_cfg();

    cfg.id = "id";
    cfg.label = "left";
    return cfg;
}

/* Import by the first n ranks into NAME. */
static void import_on(int n, const char *csv, const char *name, crm_digest *source)
{
    crm_table_cfg cfg = options();
    crm_comm *group = NULL;
    crm_table_info info = {0};
    char h5[512];

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm) < n ? 0 : -1, &group));
    if (group) {
        T_OK(crm_table_import(group, &cfg, csv, t_path(name, h5), NULL, &info));
        *source = info.source;
        crm_table_info_free(&info);
        crm_comm_free(&group);
    }
    T_OK(crm_comm_barrier(t_comm));
}

static void check_same(const char *a, const char *b)
{
    char path[512], *x = NULL, *y = NULL;
    size_t nx = 0, ny = 0;

    T_OK(crm_path_read(t_path(a, path), 1 << 24, &x, &nx));
    T_OK(crm_path_read(t_path(b, path), 1 << 24, &y, &ny));
    T_CHECK(nx > 0 && nx == ny && memcmp(x, y, nx) == 0);
    crm_mem_free(x);
    crm_mem_free(y);
}

static void same_bytes_for(int rows)
{
    char csv[512], name[32];
    crm_str text = {0};
    crm_digest first = {0}, d;

    t_enter();
    make_csv(rows, &text);
    t_write(t_path("a.csv", csv), text.text, text.len);
    import_on(1, csv, "1.h5", &first);
    for (int n = 1; n <= crm_comm_size(t_comm); n++) {
        d = (crm_digest){0};
        snprintf(name, sizeof name, "%d-again.h5", n);
        import_on(n, csv, name, &d);
        check_same("1.h5", name);
        if (crm_comm_rank(t_comm) == 0) T_CHECK(crm_digest_equal(d, first));
    }
    crm_str_free(&text);
    t_leave();
}

static void many_rows(void)
{
    same_bytes_for(5000);
}

static void rows_fewer_than_ranks(void)
{
    same_bytes_for(2);
    same_bytes_for(3);
}

/* What the data set is made from changes its digest; nothing else does. */
static void source_digest(void)
{
    crm_table_cfg cfg = options(), other = cfg;
    char csv[512], h5[512], hex[CRM_DIGEST_HEX];
    crm_digest a = {0}, b = {0};
    crm_table_info info;
    crm_str text = {0};
    crm_store *s = NULL;

    t_enter();
    make_csv(60000, &text); /* more than one block of the digest */
    T_CHECK(text.len > 3u << 19);
    t_write(t_path("a.csv", csv), text.text, text.len);
    T_OK(crm_table_source_digest(t_comm, &cfg, csv, &a));
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, &info));
    T_CHECK(crm_digest_equal(info.source, a));
    crm_table_info_free(&info);
    T_OK(crm_store_open(h5, "crmpi-dataset", &s));
    if (s) T_CHECK(strcmp(crm_store_text(s, "", "source_digest"), crm_digest_hex(a, hex)) == 0);
    crm_store_close(&s);
    other.positive = "no";
    T_OK(crm_table_source_digest(t_comm, &other, csv, &b));
    T_CHECK(!crm_digest_equal(a, b));
    text.text[text.len - 3] ^= 1; /* in the last block */
    t_write(csv, text.text, text.len);
    T_OK(crm_table_source_digest(t_comm, &cfg, csv, &b));
    T_CHECK(!crm_digest_equal(a, b));
    text.text[text.len - 3] ^= 1;
    t_write(t_path("moved.csv", csv), text.text, text.len);
    T_OK(crm_table_source_digest(t_comm, &cfg, csv, &b));
    T_CHECK(crm_digest_equal(a, b));
    crm_str_free(&text);
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same bytes on any number of ranks", many_rows},
                                   {"same bytes with fewer rows than ranks", rows_fewer_than_ranks},
                                   {"digest of the source", source_digest},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
