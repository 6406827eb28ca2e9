/* test_comm_group.c - agreement, splitting, moving bytes, posts.
 * ranks: 1 2 3 4 7 */
#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"

static int rank, size;

static crm_status fail_as(crm_status code, int who)
{
    CRM_FAIL(code, "rank %d cannot go on\nsecond line of %d", who, who);
}

static void all_fine(void)
{
    T_OK(crm_comm_agree(t_comm, CRM_OK));
}

static void one_fails(void)
{
    for (int bad = 0; bad < size; bad++) {
        crm_status mine = rank == bad ? fail_as(CRM_ERR_FORMAT, bad) : CRM_OK;
        char want[64];
        snprintf(want, sizeof want, "rank %d cannot go on\nsecond line of %d", bad, bad);
        T_EQ_I(crm_comm_agree(t_comm, mine), CRM_ERR_FORMAT);
        T_CHECK(strcmp(crm_err_text(), want) == 0);
        crm_err_clear();
    }
}

static void two_fail(void)
{
    crm_status mine = CRM_OK;

    if (size < 2) {
        T_SKIP("one rank");
        return;
    }
    /* equal codes: the lowest rank speaks */
    if (rank == 0 || rank == size - 1) mine = fail_as(CRM_ERR_IO, rank);
    T_EQ_I(crm_comm_agree(t_comm, mine), CRM_ERR_IO);
    T_CHECK(strcmp(crm_err_text(), "rank 0 cannot go on\nsecond line of 0") == 0);
    /* else the highest code */
    mine = CRM_OK;
    if (rank == 0) mine = fail_as(CRM_ERR_CONFIG, 0);
    if (rank == size - 1) mine = fail_as(CRM_ERR_NUMERIC, 77);
    T_EQ_I(crm_comm_agree(t_comm, mine), CRM_ERR_NUMERIC);
    T_CHECK(strcmp(crm_err_text(), "rank 77 cannot go on\nsecond line of 77") == 0);
    crm_err_clear();
}

static void long_text_travels_whole(void)
{
    static char text[CRM_ERR_TEXT_MAX];
    crm_status mine = CRM_OK;

    for (int i = 0; i < CRM_ERR_TEXT_MAX - 1; i++)
        text[i] = (char)(i % 80 == 79 ? '\n' : 'a' + i % 23);
    if (rank == size - 1) CRM_SET(mine, CRM_ERR_CONFIG, "%s", text);
    T_EQ_I(crm_comm_agree(t_comm, mine), CRM_ERR_CONFIG);
    T_CHECK(strcmp(crm_err_text(), text) == 0);
    crm_err_clear();
}

static void groups_split(void)
{
    crm_comm *half, *none;
    int64_t one = 1, sum = rank;

    T_OK(crm_comm_split(t_comm, rank % 2, &half));
    T_EQ_I(crm_comm_rank(half), rank / 2);
    T_EQ_I(crm_comm_size(half), (size + 1 - rank % 2) / 2);
    T_OK(crm_comm_sum_i64(half, &one, 1));
    T_EQ_I(one, crm_comm_size(half));
    T_CHECK(crm_comm_node_size(half) >= 1 && crm_comm_node_rank(half) < crm_comm_node_size(half));
    T_FAILS(crm_comm_agree(half, crm_comm_rank(half) == 0 ? fail_as(CRM_ERR_IO, rank) : CRM_OK),
            CRM_ERR_IO, rank % 2 ? "rank 1 cannot" : "rank 0 cannot");
    crm_comm_free(&half);
    T_CHECK(!half);

    T_OK(crm_comm_split(t_comm, rank == 0 ? 5 : -1, &none));
    T_CHECK((none != NULL) == (rank == 0));
    crm_comm_free(&none);
    T_OK(crm_comm_sum_i64(t_comm, &sum, 1));
    T_EQ_I(sum, size * (size - 1) / 2);
}

static void reductions(void)
{
    int64_t sum[3] = {1, rank, -1}, most = rank, least = rank, before;
    double high = rank / 2.0, low = -rank / 2.0;

    crm_comm_set_chunk(t_comm, 16); /* two of the three numbers at a time */
    T_OK(crm_comm_sum_i64(t_comm, sum, 3));
    crm_comm_set_chunk(t_comm, 0);
    T_EQ_I(sum[0], size);
    T_EQ_I(sum[1], size * (size - 1) / 2);
    T_EQ_I(sum[2], -size);
    T_OK(crm_comm_max_i64(t_comm, &most, 1));
    T_OK(crm_comm_min_i64(t_comm, &least, 1));
    T_OK(crm_comm_max_f64(t_comm, &high, 1));
    T_OK(crm_comm_min_f64(t_comm, &low, 1));
    T_EQ_I(most, size - 1);
    T_EQ_I(least, 0);
    T_CHECK(high == (size - 1) / 2.0 && low == -(size - 1) / 2.0);
    T_OK(crm_comm_exscan_i64(t_comm, rank + 1, &before));
    T_EQ_I(before, rank * (rank + 1) / 2);
    T_OK(crm_comm_barrier(t_comm));
}

/* Rank r's part towards q: 37 r + 5 q bytes (none from 0 to 0), byte i is r + 3 q + i. */
static size_t part_size(int r, int q)
{
    return (size_t)(37 * r + 5 * q);
}

static void fill(char *p, int r, int q)
{
    for (size_t i = 0; i < part_size(r, q); i++)
        p[i] = (char)(r + 3 * q + (int)i);
}

/* data are the parts of ranks 0, 1, ... towards q, one behind the other. */
static void check_parts(const char *data, const size_t *sizes, int q)
{
    char want[1024];

    for (int r = 0; r < size; data += part_size(r++, q)) {
        T_EQ_I(sizes[r], part_size(r, q));
        fill(want, r, q);
        T_CHECK(memcmp(data, want, part_size(r, q)) == 0);
    }
}

static void bytes_arrive(size_t chunk)
{
    char mine[1024], *send = crm_mem_new(1024 * (size_t)size, 1), *p = send;
    size_t send_bytes[16], sizes[16], total, want = 0;
    void *all;

    crm_comm_set_chunk(t_comm, chunk);
    for (int root = 0; root < size; root++) {
        memset(mine, rank == root ? 'x' : 0, sizeof mine);
        T_OK(crm_comm_bcast(t_comm, root, mine, sizeof mine));
        T_CHECK(mine[0] == 'x' && mine[1023] == 'x');
    }
    for (int r = 0; r < size; r++)
        want += part_size(r, 2);
    fill(mine, rank, 2);
    T_OK(crm_comm_allgather(t_comm, mine, part_size(rank, 2), &all, &total, sizes));
    T_EQ_I(total, want);
    check_parts(all, sizes, 2);
    crm_mem_free(all);
    T_OK(crm_comm_gather(t_comm, size - 1, mine, part_size(rank, 2), &all, &total, sizes));
    T_CHECK((all != NULL) == (rank == size - 1));
    T_EQ_I(total, all ? want : 0);
    if (all) check_parts(all, sizes, 2);
    crm_mem_free(all);

    for (int q = 0; q < size; p += send_bytes[q++]) {
        send_bytes[q] = part_size(rank, q);
        fill(p, rank, q);
    }
    T_OK(crm_comm_exchange(t_comm, send, send_bytes, &all, sizes));
    check_parts(all, sizes, rank);
    crm_mem_free(all);
    crm_mem_free(send);
    crm_comm_set_chunk(t_comm, 0);
}

static void bytes_arrive_whole(void)
{
    bytes_arrive(0);
}

static void bytes_arrive_in_chunks(void)
{
    bytes_arrive(7);
}

static void nothing_to_move(void)
{
    size_t none[16] = {0}, got[16], total;
    void *all;

    T_OK(crm_comm_bcast(t_comm, 0, NULL, 0));
    T_OK(crm_comm_allgather(t_comm, NULL, 0, &all, &total, NULL));
    T_CHECK(all && total == 0);
    crm_mem_free(all);
    T_OK(crm_comm_gather(t_comm, 0, NULL, 0, &all, &total, NULL));
    crm_mem_free(all);
    T_OK(crm_comm_exchange(t_comm, NULL, none, &all, got));
    T_EQ_I(got[size - 1], 0);
    crm_mem_free(all);
}

static void posts_arrive(void)
{
    char data[CRM_COMM_POST_MAX];
    int from, seen[16] = {0}, n = 0;
    size_t bytes;
    crm_comm *c;

    T_OK(crm_comm_split(t_comm, 0, &c));
    for (char i = 0; i < 3; i++)
        crm_comm_post(c, (char[]){(char)rank, i}, 2);
    while (rank == 0 && n < 3 * size) { /* the test's timeout ends it when one is lost */
        if (!crm_comm_poll(c, data, sizeof data, &bytes, &from)) continue;
        n++;
        T_EQ_I(bytes, 2);
        T_EQ_I(data[0], from);
        T_EQ_I(data[1], seen[from]++); /* in the order of posting */
    }
    if (rank == 0) T_CHECK(!crm_comm_poll(c, data, sizeof data, &bytes, &from));
    crm_comm_free(&c);
}

static void posts_are_dropped_and_drained(void)
{
    char data[CRM_COMM_POST_MAX] = "late";
    int from, n = 0, misses = 0;
    size_t bytes;
    crm_comm *c;

    T_OK(crm_comm_split(t_comm, 0, &c));
    for (int i = 0; i < 1000; i++) /* nobody polls: must neither block nor pile up */
        crm_comm_post(c, data, sizeof data);
    crm_comm_post(c, data, sizeof data + 1); /* too long: dropped */
    T_OK(crm_comm_barrier(c));
    while (rank == 0 && misses < 1000) {
        if (!crm_comm_poll(c, data, 4, &bytes, &from)) {
            misses++;
            continue;
        }
        T_CHECK(bytes == 4 && memcmp(data, "late", 4) == 0); /* cut to what there is room for */
        n++;
    }
    if (rank == 0) T_CHECK(n >= 1 && n <= 100 * size);
    for (int i = 0; i < 5; i++)
        crm_comm_post(c, data, 4);
    crm_comm_free(&c); /* with these on their way */
    T_CHECK(!c);
}

static void names(void)
{
    char host[64], tiny[3];

    crm_comm_host(host, sizeof host);
    T_CHECK(host[0] != '\0');
    crm_comm_host(tiny, sizeof tiny);
    T_CHECK(strlen(tiny) <= 2);
    T_CHECK(strstr(crm_comm_library(), "MPI") && !strchr(crm_comm_library(), '\n'));
    T_CHECK(crm_comm_node_size(t_comm) <= size && crm_comm_node_rank(t_comm) <= rank);
}

static void meet(void) /* t_comm exists once the first case runs */
{
    rank = crm_comm_rank(t_comm);
    size = crm_comm_size(t_comm);
    T_CHECK(size >= 1 && size <= 16 && rank >= 0 && rank < size);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"ranks are numbered", meet},
        {"agreement when all are fine", all_fine},
        {"one failing rank: one status and text", one_fails},
        {"two failing ranks: one status and text", two_fail},
        {"a long text travels whole", long_text_travels_whole},
        {"groups split", groups_split},
        {"reductions", reductions},
        {"bytes arrive whole", bytes_arrive_whole},
        {"bytes arrive in chunks", bytes_arrive_in_chunks},
        {"nothing to move", nothing_to_move},
        {"posts arrive", posts_arrive},
        {"posts are dropped when nobody polls, and drained", posts_are_dropped_and_drained},
        {"names", names},
        {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
