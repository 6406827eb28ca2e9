/* test_state.c - a fit that is stopped between two steps and goes on from what it saved ends with
 * the bits of one that was not, whatever the ranks, threads and engines were on either side; states
 * that are damaged or of another fit are refused.  ranks: 1 2 3 4 timeout: 240 */
#include "state_fit.h"

/* Lane by lane and in one call, with rows that are sent and rows that stay. */
#define WAYS                                                                                       \
    .n_ways = 5, .way = {{.threads = 1},                                                           \
                         {.threads = 2},                                                           \
                         {.whole = true, .threads = 1},                                            \
                         {.threads = 3},                                                           \
                         {.whole = true, .resident = true, .threads = 2}}
#define LITTLE SMALL, "train.lane_rows=14"

/* Lives of one step take minutes under the sanitizers. */
#ifdef __SANITIZE_ADDRESS__
enum { SHORTEST = 3 };
#else
enum { SHORTEST = 1 };
#endif

/* Every boundary there is: a life for each step and each end of an epoch. */
static void every_boundary(void)
{
    compare_chain(&(chain){.stride = SHORTEST, WAYS},
                  SETS(LITTLE, HEADS, "train.members=2", "train.epochs=2", "model.dropout=0.2",
                       "model.embed_dropout=0.1", "optim.clip_norm=0.5", "optim.weight_decay=0.1",
                       "train.class_weight=balanced", "optim.lr=0.02", "model.text_dropout=0.3"));
}

static void momentum(void)
{
    compare_chain(&(chain){.stride = 3, WAYS},
                  SETS(LITTLE, HEADS, "train.lanes=2", "model.rnn=lstm", "model.text=gru",
                       "optim.kind=sgd", "optim.nesterov=true", "optim.lr=0.05",
                       "optim.clip_norm=0", "optim.warmup=3", "model.dropout=0.3",
                       "train.refit=false", "train.epochs=4"));
}

static void without_search(void)
{
    compare_chain(&(chain){.stride = 4, WAYS},
                  SETS(LITTLE, "train.lanes=16", "train.lane_rows=5", "train.members=3",
                       "train.validation=0", "optim.schedule=linear", "model.text_vectors=fold"));
}

/* Wider than a block of the sums: ranks hold several pieces of the optimiser's state. */
static void wide(void)
{
    compare_chain(&(chain){.stride = 5, WAYS},
                  SETS(LITTLE, "train.epochs=2", "model.hidden=120,90", "model.fusion=60"));
}

/* Patience at its end, and a hook that has enough: what follows is the refit, not another epoch. */
static void ends_early(void)
{
    compare_chain(&(chain){.stride = SHORTEST, WAYS},
                  SETS(LITTLE, "train.epochs=30", "train.patience=1", "optim.lr=0.3",
                       "train.lane_rows=38", "train.prior_start=false"));
    compare_chain(&(chain){.stride = 1, .stop_epoch = 2, WAYS},
                  SETS(LITTLE, "train.epochs=5", "train.lane_rows=38"));
}

/* Saving changes nothing; nothing is saved of a step that fails. */
static void saving_is_silent(void)
{
    static heard calm, told;
    crm_digest want, got;

    for (int whole = 0; whole < 2; whole++) {
        way how = {.whole = whole, .threads = 2};
        watcher quiet = {.heard = &calm}, w = {.heard = &told, .save_all = true};
        calm = told = (heard){.n = 0};
        T_OK(undisturbed(how, SETS(LITTLE, HEADS), &quiet, &want));
        T_OK(live(t_comm, how, SETS(LITTLE, HEADS), &w, NULL, &got));
        T_CHECK(crm_digest_equal(want, got) && same_heard(&calm, &told));
        T_EQ_I(w.asked, quiet.asked);
        T_EQ_I(w.saved, w.asked);
        T_CHECK(!w.strange);
    }
}

static void failing_step(void)
{
    static heard told;
    char text[256] = "";
    crm_digest got;

    for (int i = 0; i < 4; i++) {
        watcher w = {.heard = &told, .save_all = i > 1};
        T_EQ_I(live(t_comm, (way){.whole = i & 1, .threads = 1},
                    SETS(LITTLE, HEADS, "train.epochs=20", "optim.kind=sgd", "optim.clip_norm=0",
                         "optim.warmup=0", "optim.lr=1e3"),
                    &w, NULL, &got),
               CRM_ERR_NUMERIC);
        if (i == 0) snprintf(text, sizeof text, "%s", crm_err_text());
        T_CHECK(strcmp(text, crm_err_text()) == 0 && strstr(text, "is not finite"));
        T_CHECK(!w.strange && w.saved == (i > 1 ? w.asked : 0));
        crm_err_clear();
    }
}

/* A pause that on_epoch asks for; one without a way to save; a save that fails on one rank. */
static void pauses(void)
{
    static heard calm, told;
    watcher quiet = {.heard = &calm}, w = {.heard = &told, .pause_epoch = 2};
    const way how = {.threads = 2};
    crm_bag *from = NULL;
    crm_digest want, got;

    T_OK(undisturbed(how, SETS(LITTLE, "train.refit=false"), &quiet, &want));
    T_FAILS(live(t_comm, how, SETS(LITTLE, "train.refit=false"), &w, NULL, &got), CRM_ERR_STOPPED,
            "of phase search; run again");
    T_EQ_I(w.saved, 1);
    T_OK(crm_bag_read(state_file(), "state", &from));
    w.pause_epoch = 0;
    T_OK(live(t_comm, how, SETS(LITTLE, "train.refit=false"), &w, from, &got));
    T_CHECK(crm_digest_equal(want, got) && same_heard(&calm, &told));
    crm_bag_free(&from);
    w = (watcher){.heard = &told, .pause_at = 2, .no_save = true};
    T_FAILS(live(t_comm, how, SETS(LITTLE, "train.members=2"), &w, NULL, &got), CRM_ERR_STOPPED,
            "stopped at step 2 of phase search of net 1; nothing of this fit was saved");
    w = (watcher){.heard = &told, .pause_at = 2, .fail = true};
    T_FAILS(live(t_comm, how, SETS(LITTLE), &w, NULL, &got), CRM_ERR_IO, "no room for the state");
}

/* Results depend on the ranks then, but not on a stop. */
static void fast_mode(void)
{
    static heard calm, told;
    crm_digest want, got;

    for (int whole = 0; whole < 2; whole++) {
        const way how = {.whole = whole, .threads = 1};
        watcher quiet = {.heard = &calm}, w = {.heard = &told, .pause_at = 6};
        crm_bag *from = NULL;
        calm = told = (heard){.n = 0};
        T_OK(live(t_comm, how, SETS(LITTLE, "train.reduce=fast"), &quiet, NULL, &want));
        T_FAILS(live(t_comm, how, SETS(LITTLE, "train.reduce=fast"), &w, NULL, &got),
                CRM_ERR_STOPPED, "stopped at step 5 of phase search; run again");
        T_OK(crm_bag_read(state_file(), "state", &from));
        w.pause_at = 0;
        T_OK(live(t_comm, how, SETS(LITTLE, "train.reduce=fast"), &w, from, &got));
        T_CHECK(crm_digest_equal(want, got) && same_heard(&calm, &told));
        crm_bag_free(&from);
    }
}

/* ---- states that do not fit ---- */

static const char *const texts[] = {"fit/data", "fit/phase", "fit/params"};
enum { TEXTS = sizeof texts / sizeof *texts };
typedef enum damage { MISSING, LONGER, EMPTY_NAME, OTHER_TYPE, NEGATIVE, LARGE, DAMAGES } damage;

static crm_status put_damaged(const crm_bag_array *a, damage how, crm_bag *to)
{
    static char zeros[1 << 20];
    int64_t more = a->n + 1, none = 0, v = how == NEGATIVE ? -1 : (int64_t)1 << 40;
    crm_dtype type = a->dtype == CRM_F32 ? CRM_F64 : CRM_F32;

    if (how == LONGER) return crm_bag_put(to, a->name, a->dtype, 1, &more, zeros);
    if (how == EMPTY_NAME) return crm_bag_put(to, a->name, a->dtype, 1, &none, NULL);
    if (how == OTHER_TYPE) return crm_bag_put(to, a->name, type, a->rank, a->dim, zeros);
    if (how == NEGATIVE || how == LARGE)
        return crm_bag_put(to, a->name, CRM_I64, a->rank, a->dim, &v);
    return CRM_OK;
}

/* All of b but for what is done to one name. */
static crm_status copy_but(const crm_bag *b, const char *name, damage how, crm_bag *to)
{
    const char *const *item;
    int64_t n;

    for (int i = 0; i < crm_bag_count(b); i++) {
        const crm_bag_array *a = crm_bag_at(b, i);
        if (strcmp(a->name, name) == 0)
            CRM_TRY(put_damaged(a, how, to));
        else
            CRM_TRY(crm_bag_put(to, a->name, a->dtype, a->rank, a->dim, a->data));
    }
    for (int i = 0; i < TEXTS; i++) {
        CRM_TRY(crm_bag_get_list(b, texts[i], &n, &item));
        if (strcmp(texts[i], name) != 0)
            CRM_TRY(crm_bag_put_list(to, texts[i], n, item));
        else if (how != MISSING)
            CRM_TRY(crm_bag_put_text(to, texts[i], "other"));
    }
    return CRM_OK;
}

#define OF_STATE LITTLE, "train.members=2", "train.epochs=2", "train.lanes=4"

static void refuse(const crm_bag *good, const char *name, damage how)
{
    static heard told;
    watcher w = {.heard = &told};
    crm_bag *bad = NULL;
    crm_digest got;
    crm_status st;

    T_OK(crm_bag_new(&bad));
    T_OK(copy_but(good, name, how, bad));
    st = live(t_comm, (way){.threads = 1}, SETS(OF_STATE), &w, bad, &got);
    if (st != CRM_ERR_FORMAT)
        fprintf(stderr, "# %s, damage %d: %s\n", name, (int)how, crm_status_name(st));
    T_EQ_I(st, CRM_ERR_FORMAT);
    T_EQ_I(w.asked, 0);
    crm_err_clear();
    crm_bag_free(&bad);
}

/* Numbers that may be anything cannot be told to be wrong by themselves. */
static void refuse_array(const crm_bag *good, const crm_bag_array *a)
{
    bool index = a->dtype == CRM_I64 && a->n == 1;
    char name[CRM_BAG_NAME_MAX];

    snprintf(name, sizeof name, "%s", a->name);
    for (damage how = MISSING; how < (index ? DAMAGES : NEGATIVE); how++)
        refuse(good, name, how);
}

/* A state in the search of the second net: everything that a state can have is in it. */
static crm_status make_state(crm_bag **to)
{
    static heard told;
    watcher w = {.heard = &told, .pause_at = 28};
    crm_digest got;
    crm_status st = live(t_comm, (way){.threads = 1}, SETS(OF_STATE), &w, NULL, &got);

    CRM_CHECK(st == CRM_ERR_STOPPED, CRM_ERR_INTERNAL, "not stopped: %s", crm_status_name(st));
    if (crm_comm_rank(t_comm) == 0) printf("# %s\n", crm_err_text());
    crm_err_clear();
    return crm_bag_read(state_file(), "state", to);
}

static void damaged(void)
{
    crm_bag *good = NULL;

    T_OK(make_state(&good));
    if (!good) return;
    T_CHECK(crm_bag_find(good, "fit/nets/0") && crm_bag_find(good, "fit/best_weights") &&
            crm_bag_find(good, "fit/optim/m") && crm_bag_find(good, "fit/optim/v"));
    for (int i = 0; i < crm_bag_count(good); i++)
        refuse_array(good, crm_bag_at(good, i));
    for (int i = 0; i < TEXTS; i++) {
        refuse(good, texts[i], MISSING);
        refuse(good, texts[i], LONGER);
    }
    crm_bag_free(&good);
}

/* States of other options, other data, or of a phase that is not to come. */
static void of_another_fit(void)
{
    static heard told;
    static const char *const other[] = {
        "train.lanes=8",      "train.lane_rows=13", "train.epochs=3", "train.members=3",
        "train.validation=0", "model.hidden=9",     "optim.kind=sgd", "train.refit=false",
        "model.heads=mood",   "train.patience=0",   "model.rnn=lstm"};
    crm_bag *good = NULL;
    crm_digest got;

    T_OK(make_state(&good));
    if (!good) return;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        watcher w = {.heard = &told};
        T_FAILS(live(t_comm, (way){.threads = 1}, SETS(OF_STATE, other[i]), &w, good, &got),
                CRM_ERR_FORMAT, "");
        T_EQ_I(w.asked, 0);
    }
    for (int i = 0; i < 2; i++) {
        watcher w = {.heard = &told};
        way how = {.threads = 1, .rows = i ? 300 : 0, .file = path[i ? FILE_PLAIN : FILE_UNKNOWN]};
        T_FAILS(live(t_comm, how, SETS(OF_STATE), &w, good, &got), CRM_ERR_FORMAT,
                i ? "fit/of/rows" : "digests of data");
    }
    crm_bag_free(&good);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"stopped at every boundary", every_boundary},
                                   {"momentum, schedule by steps", momentum},
                                   {"several nets without a search", without_search},
                                   {"several pieces", wide},
                                   {"the end of a search is kept", ends_early},
                                   {"saving changes nothing", saving_is_silent},
                                   {"nothing is saved of a step that fails", failing_step},
                                   {"pauses of other kinds", pauses},
                                   {"fast mode", fast_mode},
                                   {"damaged states are refused", damaged},
                                   {"states of another fit are refused", of_another_fit},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
