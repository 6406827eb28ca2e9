/* test_full.c - the whole net in the step loop: months, events and documents have the same bits on
 * any number of ranks and threads and on every instruction set; what is fitted of the blocks; other
 * data by name.
 * ranks: 1 2 3 4 timeout: 120 */
#include <stdlib.h>

#include "full_fit.h"

/* Digest of a fit by all ranks of a group. */
static crm_digest digest_of_fit(crm_comm *comm, int threads, unsigned parts,
                                const char *const *sets, int n)
{
    fitted f = {.parts = parts};
    crm_digest d = {0, 0};

    T_OK(fit_on(comm, path[FILE_PLAIN], threads, sets, n, &f));
    T_OK(crm_pipeline_digest(f.pipe, &d));
    drop(&f);
    return d;
}

/* All ranks with threads against this rank alone. */
static crm_digest compare(int threads, unsigned parts, const char *const *sets, int n)
{
    crm_comm *alone = NULL;
    crm_digest all, one;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    all = digest_of_fit(t_comm, threads, parts, sets, n);
    one = digest_of_fit(alone, 1, parts, sets, n);
    T_CHECK(crm_digest_equal(all, one));
    crm_comm_free(&alone);
    return all;
}

static void same_bits(void)
{
    static const char *const variants[] = {"model.rnn=lstm",      "model.text=gru",
                                           "model.rnn_both=true", "train.class_weight=balanced",
                                           "train.members=2",     "train.lanes=2"};

    for (int threads = 1; threads <= 2; threads++)
        compare(threads, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        compare(2, CRM_FLAT_PROFILE,
                SETS(SMALL, HEADS, variants[i], "model.columns=own", "train.epochs=1",
                     "train.refit=false"));
    compare(2, 0, SETS(SMALL, HEADS, "model.columns=none", "train.epochs=1"));
}

static void same_bits_by_instruction_set(void)
{
    static const char *const set[] = {"portable", "avx2", "avx512"};
    crm_digest best = digest_of_fit(t_comm, 1, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
    int tried = 0;

    for (int i = 0; i < 3; i++) {
        crm_digest d;
        if (i == 1 && !strstr(crm_cpu_features(), "avx2")) continue;
        if (i == 2 && !strstr(crm_cpu_features(), "avx512f")) continue;
        setenv("CRM_CPU", set[i], 1);
        d = digest_of_fit(t_comm, 1, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
        T_CHECK(crm_digest_equal(d, best));
        tried++;
    }
    unsetenv("CRM_CPU");
    T_CHECK(tried >= 1);
}

/* ---- predictions ---- */
static void save_and_load(void)
{
    static double before[2 * ROWS], after[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_pipeline *again = NULL;
    crm_digest a, b;
    crm_bag *bag = NULL;

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], before));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_OK(crm_pipeline_new(&f.spec, &again));
    T_OK(crm_pipeline_load(again, f.data, bag));
    T_OK(predict_on(again, path[FILE_PLAIN], after));
    T_CHECK(difference(before, after, 0) == 0);
    T_OK(crm_pipeline_digest(f.pipe, &a));
    T_OK(crm_pipeline_digest(again, &b));
    T_CHECK(crm_digest_equal(a, b));
    crm_pipeline_free(&again);
    crm_bag_free(&bag);
    drop(&f);
}

/* The first array of parameters of what was saved becomes no numbers. */
static void spoil(crm_bag *b)
{
    int i = 0;

    T_OK(crm_bag_push(b, "estimator"));
    while (i < crm_bag_count(b) && crm_bag_at(b, i)->dtype != CRM_F32)
        i++;
    T_CHECK(i < crm_bag_count(b));
    for (int64_t k = 0; i < crm_bag_count(b) && k < crm_bag_at(b, i)->n; k++)
        ((float *)crm_bag_at(b, i)->data)[k] = (float)NAN;
    crm_bag_pop(b);
}

static void not_finite(void)
{
    static double p[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_pipeline *again = NULL;
    crm_bag *bag = NULL, *net = NULL;

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_OK(crm_pipeline_new(&f.spec, &again));
    spoil(bag);
    T_FAILS(crm_pipeline_load(again, f.data, bag), CRM_ERR_FORMAT,
            "parameter that is not finite: element 0 of ");
    T_OK(crm_bag_new(&net));
    T_OK(crm_bag_push(bag, "estimator"));
    for (int i = 0; i < crm_bag_count(bag); i++) {
        const crm_bag_array *a = crm_bag_at(bag, i);
        if (a->dtype == CRM_F32)
            T_OK(crm_bag_put(net, a->name, a->dtype, a->rank, a->dim, a->data));
    }
    T_OK(crm_pipeline_weights(f.pipe, net));
    T_FAILS(predict_on(f.pipe, path[FILE_PLAIN], p), CRM_ERR_NUMERIC,
            "has no number for the probability of class");
    crm_bag_pop(bag);
    crm_pipeline_free(&again);
    crm_bag_free(&net);
    crm_bag_free(&bag);
    drop(&f);
}

/* The same customers in a file with other codes give the same predictions. */
static void other_codes(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_digest digest;

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    T_OK(predict_on(f.pipe, path[FILE_SHUFFLED], b));
    T_CHECK(difference(a, b, 0) == 0);
    T_FAILS(predict_on(f.pipe, path[FILE_NO_MONTHS], b), CRM_ERR_FORMAT, "monthly values");
    T_OK(crm_pipeline_digest(f.pipe, &digest)); /* which leaves the model as it was */
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], b));
    T_CHECK(difference(a, b, 0) == 0);
    drop(&f);
}

/* What the training view does not hold is as good as unknown, wherever it comes later. */
static void unseen_words(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE, .rows = LATE};

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    T_OK(predict_on(f.pipe, path[FILE_UNKNOWN], b));
    T_CHECK(difference(a, b, 0) == 0);
    drop(&f);
    f = (fitted){.parts = CRM_FLAT_PROFILE};
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    T_OK(predict_on(f.pipe, path[FILE_UNKNOWN], b));
    T_CHECK(difference(a, b, LATE) > 0); /* seen ones are not */
    drop(&f);
}

/* Early events, early documents and late tokens are not seen. */
static void cut_is_cut(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};

    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    T_OK(predict_on(f.pipe, path[FILE_CUT], b));
    T_CHECK(difference(a, b, 0) == 0);
    T_OK(predict_on(f.pipe, path[FILE_EMPTY], b));
    T_CHECK(difference(a, b, 0) > 0);
    drop(&f);
}

/* Blocks that are there with nothing in them. */
static void nothing_in_blocks(void)
{
    crm_comm *alone = NULL;
    crm_digest digest[2];

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    for (int i = 0; i < 2; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        T_OK(fit_on(i ? alone : t_comm, path[FILE_EMPTY], 2, SETS(SMALL, HEADS), &f));
        T_OK(crm_pipeline_digest(f.pipe, &digest[i]));
        drop(&f);
    }
    T_CHECK(crm_digest_equal(digest[0], digest[1]));
    crm_comm_free(&alone);
}

static void row_by_row(void)
{
    static double a[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    double one[2], most = 0;
    float *many = NULL, *alone = NULL;
    int64_t width = 0, row[ROWS];

    for (int64_t i = 0; i < ROWS; i++)
        row[i] = i;
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, HEADS), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], a));
    for (int64_t i = 0; i < ROWS; i++) {
        T_OK(crm_pipeline_predict(f.pipe, f.data, row + i, 1, one));
        most = fmax(most, fabs(one[1] - a[2 * i + 1]));
    }
    T_CHECK(most == 0);
    T_OK(crm_pipeline_embed(f.pipe, f.data, row, ROWS, &width, &many));
    T_EQ_I(width, 12);
    T_OK(crm_pipeline_embed(f.pipe, f.data, row + 77, 1, &width, &alone));
    T_CHECK(memcmp(alone, many + 77 * width, (size_t)width * sizeof *alone) == 0);
    crm_mem_free(many);
    crm_mem_free(alone);
    drop(&f);
}

/* ---- what is fitted ---- */

/* Mean and standard deviation of x[from], x[from + step] ..., n of them, after sign(x) log(1 + |x|)
 * by libm when asked for. */
static void check_moments(const float *x, int64_t n, int64_t step, bool logs, const double *mean,
                          const double *sd)
{
    double sum = 0, squares = 0, m;
    int64_t count = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n; i++) {
            double y = (double)x[i * step];
            if (isnan(y)) continue;
            if (logs) y = y < 0 ? -log1p(-y) : log1p(y);
            if (pass == 0) sum += y;
            if (pass == 0) count++;
            if (pass == 1) squares += (y - sum / (double)count) * (y - sum / (double)count);
        }
    m = sum / (double)count;
    T_NEAR(*mean, m, 1e-11 * fmax(1, fabs(m)));
    T_NEAR(*sd, sqrt(squares / (double)count), 1e-9 * fmax(1, fabs(m)));
}

static const double *doubles(const crm_bag *b, const char *name, int64_t n)
{
    static const double none[8];
    const crm_bag_array *a = NULL;

    T_OK(crm_bag_get(b, name, CRM_F64, n, &a));
    return a ? a->data : none;
}

/* Channels months of the first LATE rows side by side: [channel][row][month]. */
static void check_channels(const full *d, const crm_bag *bag, bool logs)
{
    const double *mean = doubles(bag, "estimator/blocks/channel_mean", CHANNELS);
    const double *sd = doubles(bag, "estimator/blocks/channel_sd", CHANNELS);
    static float x[LATE * MONTHS];

    for (int c = 0; c < CHANNELS; c++) {
        for (int64_t i = 0; i < LATE * MONTHS; i++)
            x[i] = d->months[(i / MONTHS * CHANNELS + c) * MONTHS + i % MONTHS];
        check_moments(x, LATE * MONTHS, 1, logs, &mean[c], &sd[c]);
    }
    T_CHECK(sd[2] == 0);
}

static void check_events(const full *d, const crm_bag *bag, bool logs)
{
    const double *mean = doubles(bag, "estimator/blocks/number_mean", NUMBERS + 1);
    const double *sd = doubles(bag, "estimator/blocks/number_sd", NUMBERS + 1);
    int64_t n = d->event_first[LATE];

    for (int q = 0; q < NUMBERS; q++)
        check_moments(d->event_value + q, n, NUMBERS, logs, &mean[q], &sd[q]);
    check_moments(d->event_time, n, 1, logs, &mean[NUMBERS], &sd[NUMBERS]);
}

static void scales(void)
{
    static full d;
    const char *const *category = NULL;
    int64_t n = 0;

    make_full(&d);
    for (int logs = 0; logs < 2; logs++) {
        fitted f = {.parts = CRM_FLAT_PROFILE, .rows = LATE};
        crm_bag *bag = NULL;
        T_OK(fit_on(t_comm, path[FILE_PLAIN], 2,
                    SETS(SMALL, "train.epochs=1",
                         logs ? "train.log_inputs=true" : "train.log_inputs=false"),
                    &f));
        T_OK(crm_bag_new(&bag));
        T_OK(crm_pipeline_save(f.pipe, bag));
        check_channels(&d, bag, logs);
        check_events(&d, bag, logs);
        T_OK(crm_bag_get_list(bag, "estimator/blocks/categories", &n, &category));
        T_EQ_I(n, CATEGORIES - 1); /* the last one comes in late rows only */
        crm_bag_free(&bag);
        drop(&f);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"same bits on all ranks and threads", same_bits},
        {"same bits on every instruction set", same_bits_by_instruction_set},
        {"saved, loaded, the same", save_and_load},
        {"parameters that are not finite", not_finite},
        {"other codes, same predictions", other_codes},
        {"unseen words and categories are none", unseen_words},
        {"what is cut is not seen", cut_is_cut},
        {"empty events and documents", nothing_in_blocks},
        {"one row alone is the same row", row_by_row},
        {"means and deviations", scales},
        {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
