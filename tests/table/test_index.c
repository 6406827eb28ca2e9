/* test_index.c - rows by key, and values of rows, over all ranks; against a search one by one.
 * ranks: 1 2 3 4 */
#include "../../src/data/table/table_relate.h"
#include "table_testing.h"

enum { ROWS = 2000 };

static crm_digest key_of(int64_t k)
{
    return k < 0 ? (crm_digest){0} : crm_digest_of(&k, sizeof k);
}

/* Contiguous parts of n items; empty ones on every other rank when holes. */
static void part(int64_t n, bool holes, int64_t *first, int64_t *end)
{
    int rank = crm_comm_rank(t_comm), size = crm_comm_size(t_comm);

    if (holes && size > 1) {
        int busy = size / 2;
        *first = rank % 2 ? n * (rank / 2) / busy : n * ((rank + 1) / 2) / busy;
        *end = rank % 2 ? n * (rank / 2 + 1) / busy : *first;
        if (*first > n) *first = *end = n;
        if (*end > n) *end = n;
    } else {
        *first = n * rank / size;
        *end = n * (rank + 1) / size;
    }
}

/* Keys of n rows: value (7 i) mod distinct, missing where i mod 11 is 3. */
static int64_t value_of(int64_t i, int64_t distinct)
{
    return i % 11 == 3 ? -1 : 7 * i % distinct;
}

static int64_t first_row_of(int64_t n, int64_t distinct, int64_t value)
{
    for (int64_t i = 0; value >= 0 && i < n; i++)
        if (value_of(i, distinct) == value) return i;
    return -1;
}

static void check_index(int64_t n, int64_t distinct, bool holes)
{
    int64_t first, end, repeated = 0, want = 0;
    crm_digest key[ROWS] = {{0}};
    int64_t row[ROWS];
    table_index *x = NULL;

    part(n, holes, &first, &end);
    for (int64_t i = first; i < end; i++)
        key[i - first] = key_of(value_of(i, distinct));
    T_OK(crm_table_index_new(t_comm, key, end - first, first, &repeated, &x));
    for (int64_t i = 0; i < n; i++) {
        int64_t hit = first_row_of(n, distinct, value_of(i, distinct));
        want += hit >= 0 && hit < i;
    }
    T_EQ_I(repeated, want);
    /* each rank asks for other keys, the last ones are not there */
    for (int64_t i = 0; i < 50; i++)
        key[i] = key_of(i * (crm_comm_rank(t_comm) + 1) - 2);
    T_OK(crm_table_index_find(t_comm, x, key, 50, row));
    for (int64_t i = 0; i < 50; i++)
        T_EQ_I(row[i], first_row_of(n, distinct, i * (crm_comm_rank(t_comm) + 1) - 2));
    crm_table_index_free(&x);
}

static void finds(void)
{
    static const struct {
        int64_t n, distinct;
    } c[] = {{0, 1}, {1, 1}, {5, 3}, {300, 40}, {ROWS, ROWS}, {ROWS, 2}};

    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        check_index(c[i].n, c[i].distinct, false);
        check_index(c[i].n, c[i].distinct, true);
    }
}

static void check_take(int64_t n, bool holes)
{
    int64_t first, end, *firsts = NULL, items[ROWS], row[60], out[60];

    part(n, holes, &first, &end);
    for (int64_t i = first; i < end; i++)
        items[i - first] = 10 * i + 1;
    T_OK(crm_table_firsts(t_comm, end - first, &firsts));
    T_EQ_I(firsts[crm_comm_rank(t_comm)], first);
    for (int64_t i = 0; i < 60; i++) {
        row[i] = i % 5 == 0 || n == 0 ? -1 : (37 * i + crm_comm_rank(t_comm)) % n;
        out[i] = -7;
    }
    /* another number of them on each rank */
    T_OK(crm_table_take(t_comm, firsts, items, sizeof *items, row,
                        60 - 20 * (crm_comm_rank(t_comm) % 4), out));
    for (int64_t i = 0; i < 60 - 20 * (crm_comm_rank(t_comm) % 4); i++)
        T_EQ_I(out[i], row[i] < 0 ? -7 : 10 * row[i] + 1);
    crm_mem_free(firsts);
}

static void takes(void)
{
    static const int64_t n[] = {0, 1, 3, ROWS};

    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        check_take(n[i], false);
        check_take(n[i], true);
    }
}

/* Texts of all ranks to the rank of their length, in the order of the ranks. */
static void routes_texts(void)
{
    int size = crm_comm_size(t_comm), me = crm_comm_rank(t_comm);
    const char *bytes = "abbccc";
    const int64_t end[] = {1, 3, 6, 6};
    int32_t to[] = {0, 1 % size, -1, 3 % size};
    int64_t *in_end = NULL, want = 0;
    char *in = NULL;
    table_route r;

    T_OK(crm_table_route_new(t_comm, to, 4, &r));
    T_OK(crm_table_route_texts(&r, end, bytes, &in_end, &in));
    for (int i = 0; i < 4; i++)
        want += to[i] == me ? size : 0;
    T_EQ_I(r.n_in, want);
    for (int64_t i = 0, at = 0; i < r.n_in; at = in_end[i++]) {
        int64_t per = r.n_in / size, len = in_end[i] - at;
        T_CHECK(len <= 2 && memcmp(in + at, len == 2 ? "bb" : "a", (size_t)len) == 0);
        if (per == 1) T_EQ_I(len, me == 0 ? 1 : me == 1 ? 2 : 0);
    }
    crm_mem_free(in_end);
    crm_mem_free(in);
    crm_table_route_free(&r);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"keys are found, repeated and missing ones too", finds},
                                   {"values of rows that other ranks have", takes},
                                   {"texts go to their ranks in order", routes_texts},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
