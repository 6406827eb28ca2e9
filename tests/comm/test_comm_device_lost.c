/* test_comm_device_lost.c - ranks that do not come to a transport between devices: the others are
 * told within the time limit.
 *
 * Needs CRM_TEST_DEVICE=cuda, NCCL and a GPU for each rank; with the CPU shim also
 * CUSIM_NCCL_LOST=1 and CUSIM_NCCL_TIMEOUT=1, since its streams wait in the call.  The last rank is
 * the one that is late; it comes in the end, so that MPI ends in order.  ranks: 3 timeout: 120 */
#include "crm_test_mpi.h"

#include <stdlib.h>
#include <time.h>

#include "crmpi/base_run.h"
#include "crmpi/comm_device.h"
#include "crmpi/device_link.h"

static const double LIMIT = 1.5; /* seconds */
static crm_device *device;

static bool i_am_late(void)
{
    return crm_comm_rank(t_comm) == crm_comm_size(t_comm) - 1;
}

static void sleep_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&t, NULL);
}

static bool can_run(void)
{
    if (device && crm_link_offered(device, NULL) && !crm_device_shared(device) &&
        crm_comm_size(t_comm) > 1)
        return true;
    T_SKIP("needs CRM_TEST_DEVICE=cuda with NCCL and a GPU for each of several ranks");
    return false;
}

/* Not long after the limit. */
static void check_time(double began)
{
    T_CHECK(crm_clock_now() - began < 3 * LIMIT + 1);
}

static void new_name(unsigned char id[CRM_LINK_ID])
{
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_link_id(device, id));
    T_OK(crm_comm_bcast(t_comm, 0, id, CRM_LINK_ID));
}

static void who_does_not_join(void)
{
    unsigned char id[CRM_LINK_ID];
    double began;
    crm_link *l = NULL;

    if (!can_run()) return;
    new_name(id);
    began = crm_clock_now();
    if (!i_am_late()) {
        T_FAILS(crm_link_open(device, id, crm_comm_rank(t_comm), crm_comm_size(t_comm), LIMIT, &l),
                CRM_ERR_COMM, "gpu.timeout");
        check_time(began);
        T_CHECK(crm_clock_now() - began >= 0.9 * LIMIT);
    }
    T_CHECK(!l);
    crm_link_free(&l);
    T_OK(crm_comm_barrier(t_comm));
}

static crm_status poll(crm_link *l)
{
    bool idle = false;

    while (!idle) {
        CRM_TRY(crm_link_check(l, &idle));
        sleep_for(1e-3);
    }
    return CRM_OK;
}

/* Each rank sends to each other one. */
static crm_status round_trip(crm_link *l, char *at, size_t bytes)
{
    enum { RANKS = 8 };
    int me = crm_comm_rank(t_comm), size = crm_comm_size(t_comm), n = 0;
    crm_link_part to[RANKS], from[RANKS];

    for (int q = 0; q < size && q < RANKS; q++) {
        if (q == me) continue;
        to[n] = (crm_link_part){q, at, bytes};
        from[n++] = (crm_link_part){q, at + (size_t)(1 + q) * bytes, bytes};
    }
    CRM_TRY(crm_link_after(l));
    CRM_TRY(crm_link_move(l, to, n, from, n));
    CRM_TRY(crm_link_use(l));
    return poll(l);
}

static void who_does_not_send(void)
{
    enum { BYTES = 1024 };
    unsigned char id[CRM_LINK_ID];
    crm_link *l = NULL;
    void *buf = NULL;
    double began;

    if (!can_run()) return;
    new_name(id);
    T_OK(crm_buf_new(device, 9 * BYTES, &buf));
    T_OK(crm_link_open(device, id, crm_comm_rank(t_comm), crm_comm_size(t_comm), LIMIT, &l));
    if (l) {
        T_OK(round_trip(l, buf, BYTES));
        began = crm_clock_now();
        if (!i_am_late()) {
            T_FAILS(round_trip(l, buf, BYTES), CRM_ERR_COMM, "on rank");
            check_time(began);
            crm_link_abort(l);
            T_FAILS(crm_link_after(l), CRM_ERR_COMM, "given up");
        } else {
            crm_link_abort(l);
        }
    }
    T_OK(crm_comm_barrier(t_comm));
    crm_link_free(&l);
    crm_buf_free(device, buf);
}

static void who_does_not_exchange(void)
{
    crm_dsum_cfg c = {.n_leaves = 8,
                      .width = 100000,
                      .bucket = 1 << 16,
                      .exact = true,
                      .transport = CRM_TRANSPORT_NCCL,
                      .timeout = LIMIT};
    crm_dsum *t = NULL;
    double began;
    bool idle;

    if (!can_run()) return;
    T_OK(crm_dsum_new(t_comm, device, &c, &t));
    if (!t) return;
    for (int round = 0; round < 2; round++) {
        T_OK(crm_dsum_begin(t));
        T_OK(crm_dsum_ready(t, c.width));
        if (round > 0) break;
        T_OK(crm_dsum_finish(t));
        T_OK(crm_dsum_wait(t));
    }
    began = crm_clock_now();
    if (i_am_late()) {
        sleep_for(2 * LIMIT);
        T_CHECK(crm_dsum_finish(t) != CRM_OK || crm_dsum_wait(t) != CRM_OK);
    } else {
        T_FAILS(crm_dsum_finish(t), CRM_ERR_COMM, "gpu.timeout");
        check_time(began);
        T_FAILS(crm_dsum_wait(t), CRM_ERR_COMM, "given up");
        T_FAILS(crm_dsum_check(t, &idle), CRM_ERR_COMM, "given up");
    }
    crm_err_clear();
    crm_dsum_free(&t);
}

static crm_status open_device(void)
{
    const char *kind = getenv("CRM_TEST_DEVICE");
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA, .graph = true, .bucket = 1 << 20, .timeout = 60};

    if (!kind || strcmp(kind, "cuda") != 0) return CRM_OK;
    CRM_TRY(crm_device_open(&cfg, crm_comm_node_rank(t_comm), crm_comm_node_size(t_comm), &device));
    return crm_dsum_find_shared(t_comm, device);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a rank that does not join", who_does_not_join},
        {"a rank that does not send", who_does_not_send},
        {"a rank that does not come to the exchange of gradients", who_does_not_exchange},
        {NULL, NULL}};
    int bad = 1;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK ||
        crm_comm_agree(t_comm, open_device()) != CRM_OK)
        crm_err_print(0);
    else
        bad = t_run_mpi(argc, argv, cases);
    crm_device_free(&device);
    crm_comm_stop(&t_comm);
    return bad;
}
