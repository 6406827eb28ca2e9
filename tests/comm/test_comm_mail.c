/* test_comm_mail.c - mail between ranks: all of it arrives, in order, also to oneself; what nobody
 * took is gone after the close.
 * ranks: 1 2 3 4
 * wrap: crm_mem_new */
#include "crm_test_mpi.h"

#include <time.h>

#include "crmpi/base_run.h"
#include "crmpi/comm_mail.h"

enum { EACH = 200 };

static int rank, size;

/* ---- memory that is out ---- */

static bool out_of_memory;

void *__real_crm_mem_new(size_t n, size_t item);
void *__wrap_crm_mem_new(size_t n, size_t item);

void *__wrap_crm_mem_new(size_t n, size_t item)
{
    return out_of_memory ? NULL : __real_crm_mem_new(n, item);
}

/* Message i of a rank to another: i % 512 bytes behind its number, all of one letter. */
typedef struct letter {
    int32_t from, number;
    char text[512];
} letter;

static size_t letter_bytes(int i)
{
    return 2 * sizeof(int32_t) + (size_t)(37 * i % 512);
}

static letter letter_of(int from, int to, int i)
{
    letter x = {.from = from, .number = i};

    memset(x.text, 'a' + (from + 3 * to + i) % 26, letter_bytes(i) - 2 * sizeof(int32_t));
    return x;
}

/* Take what is there; next[r] is the number of the next one of rank r. */
static int64_t take_all(crm_mail *m, int *next)
{
    char data[CRM_MAIL_MAX];
    letter got, want;
    size_t bytes;
    int64_t n = 0;
    int from;

    for (;; n++) {
        T_OK(crm_mail_take(m, data, &bytes, &from));
        if (from < 0) return n;
        want = letter_of(from, rank, next[from]);
        got = (letter){0};
        T_EQ_I(bytes, letter_bytes(next[from]));
        memcpy(&got, data, bytes <= sizeof got ? bytes : sizeof got);
        T_CHECK(memcmp(&got, &want, sizeof got) == 0);
        next[from]++;
    }
}

static void all_arrives_in_order(void)
{
    crm_mail *m;
    int next[16] = {0};
    int64_t n = 0;

    T_OK(crm_mail_open(t_comm, &m));
    for (int i = 0; i < EACH; i++) {
        for (int to = 0; to < size; to++) {
            letter x = letter_of(rank, to, i);
            T_OK(crm_mail_send(m, to, &x, letter_bytes(i)));
        }
        if (i % 7 == rank) n += take_all(m, next);
    }
    while (n < (int64_t)size * EACH) {
        T_CHECK(crm_mail_wait(m, 30));
        n += take_all(m, next);
    }
    T_CHECK(!crm_mail_wait(m, 0));
    crm_mail_close(&m);
    T_CHECK(!m);
}

/* What is left to the close does not turn up in a later one, nor in posts. */
static void rest_is_dropped(void)
{
    char data[CRM_MAIL_MAX] = "left over";
    size_t bytes;
    int from;
    crm_mail *m;

    for (int round = 0; round < 3; round++) {
        T_OK(crm_mail_open(t_comm, &m));
        T_OK(crm_mail_take(m, data, &bytes, &from));
        T_EQ_I(from, -1);
        T_OK(crm_comm_barrier(t_comm)); /* a look after this may find mail */
        for (int to = 0; to < size; to++)
            T_OK(crm_mail_send(m, to, data, sizeof data));
        T_CHECK(!crm_comm_poll(t_comm, data, sizeof data, &bytes, &from));
        crm_mail_close(&m);
    }
    crm_mail_close(&m); /* NULL */
}

/* Two of one group at a time. */
static void mails_are_apart(void)
{
    char data[CRM_MAIL_MAX];
    size_t bytes;
    int from;
    crm_mail *a, *b;

    T_OK(crm_mail_open(t_comm, &a));
    T_OK(crm_mail_open(t_comm, &b));
    T_OK(crm_mail_send(a, (rank + 1) % size, "a", 1));
    T_OK(crm_mail_send(b, (rank + 1) % size, "bb", 2));
    T_CHECK(crm_mail_wait(b, 30));
    T_OK(crm_mail_take(b, data, &bytes, &from));
    T_CHECK(bytes == 2 && data[0] == 'b' && from == (rank + size - 1) % size);
    T_CHECK(crm_mail_wait(a, 30));
    T_OK(crm_mail_take(a, data, &bytes, &from));
    T_CHECK(bytes == 1 && data[0] == 'a');
    crm_mail_close(&a);
    crm_mail_close(&b);
}

/* A sender that cannot copy waits; to itself it cannot. */
static void memory_runs_out(void)
{
    char data[CRM_MAIL_MAX] = "kept";
    int to = (rank + 1) % size, from;
    size_t bytes;
    crm_mail *m;

    out_of_memory = rank == 0;
    T_FAILS(crm_comm_agree(t_comm, crm_mail_open(t_comm, &m)), CRM_ERR_NOMEM, "mail of");
    out_of_memory = false;
    T_OK(crm_mail_open(t_comm, &m));
    out_of_memory = true;
    if (to == rank) {
        T_FAILS(crm_mail_send(m, to, data, 100), CRM_ERR_NOMEM, "mail of 100 bytes");
    } else {
        T_OK(crm_mail_send(m, to, data, 100));
        T_CHECK(crm_mail_wait(m, 30));
        T_OK(crm_mail_take(m, data, &bytes, &from));
        T_CHECK(bytes == 100 && strcmp(data, "kept") == 0);
    }
    out_of_memory = false;
    crm_mail_close(&m);
}

static void wrong_calls_are_refused(void)
{
    static const char data[CRM_MAIL_MAX + 1];
    crm_mail *m;

    T_OK(crm_mail_open(t_comm, &m));
    T_FAILS(crm_mail_send(m, 0, data, sizeof data), CRM_ERR_ARG, "at most 4000");
    T_FAILS(crm_mail_send(m, size, data, 1), CRM_ERR_ARG, "mail to rank");
    T_FAILS(crm_mail_send(m, -1, data, 1), CRM_ERR_ARG, "mail to rank -1");
    crm_mail_close(&m);
}

/* A rank that waits leaves its core alone: 0.3 s of waiting take less than half of that. */
static void waiting_is_cheap(void)
{
    struct timespec a, b;
    double start = crm_clock_now();
    crm_mail *m;

    T_OK(crm_mail_open(t_comm, &m));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    T_CHECK(!crm_mail_wait(m, 0.3));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    T_CHECK(crm_clock_now() - start >= 0.3);
    T_CHECK((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < 0.15);
    crm_mail_close(&m);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"all_arrives_in_order", all_arrives_in_order},
                                   {"rest_is_dropped", rest_is_dropped},
                                   {"mails_are_apart", mails_are_apart},
                                   {"memory_runs_out", memory_runs_out},
                                   {"wrong_calls_are_refused", wrong_calls_are_refused},
                                   {"waiting_is_cheap", waiting_is_cheap},
                                   {NULL, NULL}};

    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    rank = crm_comm_rank(t_comm);
    size = crm_comm_size(t_comm);
    bad = t_run_mpi(argc, argv, cases);
    crm_comm_stop(&t_comm);
    return bad;
}
