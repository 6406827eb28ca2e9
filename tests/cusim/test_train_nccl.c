/* test_train_nccl.c - the fits of test_train.c with NCCL's twin between the ranks, a device for
 * each: the same bits as one rank.  Streams run at once: ranks that also meet in MPI would wait for
 * work that a late stream has not begun.
 * ranks: 2 3 tier: full  timeout: 240 */
#include "train_there.h"

static outcome first, again;

static void same_over(bool graph)
{
    way how = {
        .threads = 1, .whole = true, .rows = FEW, .device = open_with(graph, CRM_TRANSPORT_NCCL)};
    crm_comm *alone = NULL;

    T_CHECK(!crm_device_shared(how.device));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, how, SETS(TINY), &first);
    how.nccl = how.listen = true;
    fit_one(t_comm, how, SETS(TINY), &again);
    same(&first, &again);
    T_CHECK(crm_comm_rank(t_comm) > 0 || strstr(again.log, "transport nccl"));
    how.resident = true;
    fit_one(t_comm, how, SETS(TINY), &again);
    same(&first, &again);
    crm_device_free(&how.device);
    crm_comm_free(&alone);
}

static void with_graphs(void)
{
    capture_at_once();
    same_over(true);
    unsetenv("CRM_CUDA_CAPTURE");
}

static void without_graphs(void)
{
    same_over(false);
}

static void stops_with_a_name(void)
{
    way how = {.threads = 1,
               .whole = true,
               .nccl = true,
               .rows = FEW,
               .device = open_with(true, CRM_TRANSPORT_NCCL)};

    fit_one(t_comm, how,
            SETS(TINY, "optim.kind=sgd", "optim.clip_norm=0", "optim.lr=1e3", "optim.warmup=0",
                 "train.epochs=9"),
            &first);
    T_EQ_I(first.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(first.text, "is not finite") != NULL);
    crm_err_clear();
    crm_device_free(&how.device);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same bits with graphs", with_graphs},
                                   {"same bits without graphs", without_graphs},
                                   {"stops with a name", stops_with_a_name},
                                   {NULL, NULL}};

    setenv("CUSIM_DEVICES", "4", 0);
    if (!find_module(argv[0], "libcusim_nccl.so", "sync")) return 0;
    return run_cases(argc, argv, cases);
}
