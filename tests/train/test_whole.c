/* test_whole.c - all lanes of a rank as one call, as on a GPU, against lane by lane on worker
 * threads: the same weights, losses, metrics, predictions, vectors and messages on the CPU, on any
 * number of ranks; rows that stay in the memory of the device against rows that are sent.
 * ranks: 1 2 3 4 timeout: 240 */
/* More words than one byte holds, so that codes of one and of two bytes stay in the device. */
#define FULL_WORDS 400
#include "whole_fit.h"

static outcome lanes_alone, whole_alone, whole_all, kept_all;

/* One rank lane by lane, against one call: alone, on all ranks, and with rows that stay. */
static void compare(const char *const *sets, int n)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 2}, sets, n, &lanes_alone);
    fit_one(alone, (way){.whole = true, .threads = 1}, sets, n, &whole_alone);
    fit_one(t_comm, (way){.whole = true, .threads = 2}, sets, n, &whole_all);
    fit_one(t_comm, (way){.whole = true, .resident = true, .threads = 1, .listen = true}, sets, n,
            &kept_all);
    same(&lanes_alone, &whole_alone);
    same(&lanes_alone, &whole_all);
    same(&lanes_alone, &kept_all);
    T_CHECK(crm_comm_rank(t_comm) > 0 || strstr(kept_all.log, "of training rows stay in"));
    T_CHECK(!whole_alone.heard.strange && !lanes_alone.heard.strange);
    crm_comm_free(&alone);
}

static void all_branches(void)
{
    compare(SETS(SMALL, HEADS, "train.epochs=5", "train.patience=2", "model.dropout=0.2",
                 "model.embed_dropout=0.1", "model.branch_dropout=0.1", "optim.clip_norm=0.5",
                 "optim.weight_decay=0.1", "train.class_weight=balanced", "optim.lr=0.02",
                 "model.text_dropout=0.3"));
    T_CHECK(crm_comm_rank(t_comm) > 0 || strstr(kept_all.log, "of validation rows stay in"));
}

static void other_branches(void)
{
    compare(SETS(SMALL, HEADS, "train.lanes=2", "train.lane_rows=13", "model.rnn=lstm",
                 "model.rnn_both=true", "model.rnn_pool=attention", "model.text=gru",
                 "model.text_pool=mean", "model.documents_pool=attention", "model.months_pool=mean",
                 "optim.kind=sgd", "optim.nesterov=true", "optim.lr=0.05", "optim.clip_norm=0",
                 "train.refit=false", "train.label_smoothing=0.1", "model.text_dropout=0.4"));
}

static void many_lanes(void)
{
    compare(SETS(SMALL, "train.lanes=16", "train.lane_rows=7", "train.members=2",
                 "train.validation=0", "train.epochs=2", "optim.kind=sgd", "optim.momentum=0",
                 "optim.schedule=linear"));
}

static void one_lane(void)
{
    compare(SETS(SMALL, HEADS, "train.lanes=1", "train.lane_rows=40", "train.epochs=2",
                 "train.cache_bytes=0", "train.prior_start=false", "model.rnn_pool=last",
                 "model.rnn_both=true"));
}

/* Wider than a block of the sums, so that several ranks own pieces of it. */
static void wide(void)
{
    compare(SETS(SMALL, "train.epochs=2", "model.hidden=120,90", "model.fusion=60",
                 "optim.clip_norm=0.01"));
}

/* The same message, whichever engine names what is not finite. */
static void same_names(void)
{
    static const char *const rate[] = {"optim.lr=1e3", "optim.lr=300", "optim.lr=30"};
    int failed = 0;

    for (int i = 0; i < 3; i++) {
        fit_one(t_comm, (way){.threads = 1},
                SETS(SMALL, HEADS, "train.epochs=20", "optim.kind=sgd", "optim.clip_norm=0",
                     "optim.warmup=0", rate[i]),
                &lanes_alone);
        for (int kept = 0; kept < 2; kept++) {
            fit_one(t_comm, (way){.whole = true, .resident = kept, .threads = 1},
                    SETS(SMALL, HEADS, "train.epochs=20", "optim.kind=sgd", "optim.clip_norm=0",
                         "optim.warmup=0", rate[i]),
                    &whole_all);
            T_EQ_I(whole_all.st, lanes_alone.st);
            T_CHECK(strcmp(whole_all.text, lanes_alone.text) == 0);
        }
        failed += lanes_alone.st == CRM_ERR_NUMERIC;
    }
    T_CHECK(failed > 0);
    crm_err_clear();
}

/* A number of one row: only the batch that holds it shows it. */
static void one_bad_row(void)
{
    fit_one(t_comm, (way){.threads = 1, .file = path[FILE_INFINITE]},
            SETS(SMALL, HEADS, "train.lane_rows=3", "train.validation=0"), &lanes_alone);
    T_EQ_I(lanes_alone.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(lanes_alone.text, ": input of ") != NULL);
    for (int kept = 0; kept < 2; kept++) {
        fit_one(t_comm,
                (way){.whole = true, .resident = kept, .threads = 1, .file = path[FILE_INFINITE]},
                SETS(SMALL, HEADS, "train.lane_rows=3", "train.validation=0"), &whole_all);
        T_EQ_I(whole_all.st, lanes_alone.st);
        T_CHECK(strcmp(whole_all.text, lanes_alone.text) == 0);
    }
    crm_err_clear();
}

static void fast_mode(void)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 1}, SETS(SMALL, "train.reduce=fast"), &lanes_alone);
    fit_one(alone, (way){.whole = true, .threads = 1}, SETS(SMALL, "train.reduce=fast"),
            &whole_alone);
    same(&lanes_alone, &whole_alone); /* one rank adds its lanes in order, either way */
    fit_one(t_comm, (way){.whole = true, .threads = 1}, SETS(SMALL, "train.reduce=fast"),
            &whole_all);
    T_OK(whole_all.st);
    for (int i = 0; i < whole_all.heard.n && i < lanes_alone.heard.n; i++)
        T_CHECK(isnan(whole_all.heard.x[i]) ||
                fabs(whole_all.heard.x[i] - lanes_alone.heard.x[i]) < 1e-3);
    crm_comm_free(&alone);
}

static void nothing_in_blocks(void)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 1, .file = path[FILE_EMPTY]}, SETS(SMALL, HEADS), &lanes_alone);
    for (int kept = 0; kept < 2; kept++) {
        fit_one(t_comm,
                (way){.whole = true, .resident = kept, .threads = 1, .file = path[FILE_EMPTY]},
                SETS(SMALL, HEADS), &whole_all);
        same(&lanes_alone, &whole_all);
    }
    crm_comm_free(&alone);
}

/* One rank lane by lane, the others in one call. */
static void places_differ(void)
{
    if (crm_comm_size(t_comm) == 1) {
        T_SKIP("one rank");
        return;
    }
    fit_one(t_comm, (way){.whole = crm_comm_rank(t_comm) > 0, .threads = 1}, SETS(SMALL),
            &whole_all);
    T_EQ_I(whole_all.st, CRM_ERR_DEVICE);
    T_CHECK(strstr(whole_all.text, "some ranks of this fit have a GPU") != NULL);
    crm_err_clear();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"all branches and heads", all_branches},
                                   {"other branches, two lanes", other_branches},
                                   {"many lanes, members", many_lanes},
                                   {"one lane", one_lane},
                                   {"several pieces", wide},
                                   {"what is not finite has the same name", same_names},
                                   {"one bad row is found", one_bad_row},
                                   {"fast mode", fast_mode},
                                   {"some ranks have a device", places_differ},
                                   {"empty events and documents", nothing_in_blocks},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
