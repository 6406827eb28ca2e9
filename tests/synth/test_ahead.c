/* test_ahead.c - the targets of the months after the window against their stated truth: counts of
 * purchases and the group of the next one; what was there before them stays.
 * ranks: 1 3
 * timeout: 120 */
#include "synth_testing.h"

enum { GROUPS = 6 };

/* Whole counts; some exactly when the next purchase is "yes", and then a group. */
static void ahead_fits_next_purchase(const char *name, int64_t n)
{
    crm_store *s = open_file(name);
    const int32_t *next = get(s, "target/next_purchase/label", CRM_I32, n);
    const int32_t *group = get(s, "target/next_category/label", CRM_I32, n);
    const float *count = get(s, "target/purchases_ahead/value", CRM_F32, n);
    int64_t bad = 0, names = 0;

    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int t = 0; t < 3; t++) {
            bad += !(count[3 * i + t] >= 0) || count[3 * i + t] != floorf(count[3 * i + t]);
            sum += count[3 * i + t];
        }
        bad += (sum > 0) != (next[i] == 1);
        bad += next[i] == 1 ? group[i] < 0 || group[i] >= GROUPS : group[i] != -1;
    }
    T_EQ_I(bad, 0);
    T_CHECK(crm_store_list(s, "target/purchases_ahead/value", "columns", &names) && names == 3);
    T_CHECK(crm_store_list(s, "target/next_category/label", "classes", &names) && names == GROUPS);
    T_CHECK(strcmp(crm_store_text(s, "target/purchases_ahead/value", "level"), "customer") == 0);
    crm_store_close(&s);
}

/* In each tenth of the customers by the true mean of month t: counts add up to it within 4
 * standard errors, taken from the residuals. */
static void mean_of_counts(const float *count, const float *mean, int t)
{
    static int64_t order[N];

    for (int64_t i = 0; i < N; i++)
        order[i] = i;
    sort_key = mean + t;
    sort_stride = 3;
    qsort(order, N, sizeof *order, by_key);
    for (int tenth = 0; tenth < 10; tenth++) {
        double sum = 0, square = 0;
        for (int64_t j = (int64_t)N / 10 * tenth; j < (int64_t)N / 10 * (tenth + 1); j++) {
            int64_t at = order[j] * 3 + t;
            double rest = (double)count[at] - (double)mean[at];
            sum += rest;
            square += rest * rest;
        }
        T_CHECK(fabs(sum) <= 4 * sqrt(square));
    }
}

static void counts_follow_their_means(void)
{
    crm_store *s = open_file("all.h5");
    const float *count = get(s, "target/purchases_ahead/value", CRM_F32, N);
    const float *mean = get(s, "target/purchases_ahead/oracle", CRM_F32, N);
    int64_t high = 0, low = 0;

    ahead_fits_next_purchase("all.h5", N);
    for (int t = 0; t < 3; t++)
        mean_of_counts(count, mean, t);
    for (int64_t i = 0; i < N; i++) {
        high += mean[3 * i] > 1;
        low += mean[3 * i] < 0.3F;
    }
    T_CHECK(high > N / 10 && low > N / 10); /* the rates are the customers' own */
    crm_store_close(&s);
}

/* Without signal (docs/synthetic-data.md): lambda_t = 12/12 (.82, .80, .92) + 1.3/12, and the mean
 * is .6 lambda_t / (1 - exp(-sum)); the variance follows from E[X^2] = .6 (lambda + lambda^2) / (1
 * - exp(-sum)).  Groups have their mean shares over the segments. */
static void without_signal(void)
{
    static const double lambda[3] = {0.928333333, 0.908333333, 1.028333333};
    static const double share[GROUPS] = {0.154, 0.185, 0.186, 0.256, 0.121, 0.098};
    const double some = 1 - exp(-2.865);
    crm_synth_cfg cfg = defaults(N);
    crm_store *s;

    cfg.signal = 0;
    T_OK(crm_synth_write(t_comm, &cfg, path("null.h5"), NULL));
    s = open_file("null.h5");
    const float *count = get(s, "target/purchases_ahead/value", CRM_F32, N);
    const float *mean = get(s, "target/purchases_ahead/oracle", CRM_F32, N);
    const float *p = get(s, "target/next_category/oracle", CRM_F32, N);
    const int32_t *group = get(s, "target/next_category/label", CRM_I32, N);
    double sum[3] = {0}, buyers = N - (double)count_code(group, N, -1);

    for (int t = 0; t < 3; t++) {
        double m = 0.6 * lambda[t] / some;
        double variance = 0.6 * lambda[t] * (1 + lambda[t]) / some - m * m;
        for (int64_t i = 0; i < N; i++)
            sum[t] += (double)count[3 * i + t];
        T_NEAR((double)mean[t], m, 1e-5);
        T_CHECK(memcmp(mean, mean + 3 * (N - 1), 3 * sizeof *mean) == 0);
        T_CHECK(fabs(sum[t] / N - m) < 4 * sqrt(variance / N));
    }
    for (int j = 0; j < GROUPS; j++) {
        double got = (double)count_code(group, N, j) / buyers;
        T_NEAR((double)p[j], share[j], 1e-6);
        T_NEAR((double)p[GROUPS * (N - 1) + j], share[j], 1e-6);
        T_CHECK(fabs(got - share[j]) < 4 * sqrt(share[j] * (1 - share[j]) / buyers));
    }
    crm_store_close(&s);
}

/* Shares of the groups from docs/synthetic-data.md, anew from the events: the segment is where the
 * oracle of the target segment is largest. */
static void stated_shares(const int32_t *category, int64_t first, int64_t end, const float *segment,
                          double out[GROUPS])
{
    static const double mix[4][GROUPS] = {{0.10, 0.20, 0.15, 0.35, 0.12, 0.08},
                                          {0.08, 0.15, 0.27, 0.35, 0.07, 0.08},
                                          {0.30, 0.20, 0.15, 0.08, 0.17, 0.10},
                                          {0.20, 0.20, 0.15, 0.15, 0.15, 0.15}};
    static const double last[3] = {1.6, 0.9, 0.5};
    double sum = 0;
    int g = 0, k = 0;

    for (int j = 1; j < 4; j++)
        if (segment[j] > segment[g]) g = j;
    memcpy(out, mix[g], sizeof mix[g]);
    for (int64_t e = end - 1; e >= first && k < 3; e--)
        if (category[e] < PRODUCTS) out[category[e] / 4] *= exp(last[k++]);
    for (int j = 0; j < GROUPS; j++)
        sum += out[j];
    for (int j = 0; j < GROUPS; j++)
        out[j] /= sum;
}

static void groups_follow_segment_and_events(void)
{
    crm_store *s = open_file("all.h5");
    const int64_t *first = get(s, "events/first", CRM_I64, N + 1);
    const int32_t *category = get(s, "events/category", CRM_I32, first[N]);
    const float *segment = get(s, "target/segment/oracle", CRM_F32, N);
    const float *p = get(s, "target/next_category/oracle", CRM_F32, N);
    const int32_t *group = get(s, "target/next_category/label", CRM_I32, N);
    double hits[GROUPS] = {0}, expected[GROUPS] = {0}, variance[GROUPS] = {0};
    int64_t bad = 0;

    for (int64_t i = 0; i < N; i++) {
        double want[GROUPS];
        stated_shares(category, first[i], first[i + 1], segment + 4 * i, want);
        for (int j = 0; j < GROUPS; j++) {
            bad += fabs((double)p[GROUPS * i + j] - want[j]) > 1e-6;
            if (group[i] < 0) continue;
            hits[j] += group[i] == j;
            expected[j] += want[j];
            variance[j] += want[j] * (1 - want[j]);
        }
    }
    T_EQ_I(bad, 0);
    for (int j = 0; j < GROUPS; j++)
        T_CHECK(fabs(hits[j] - expected[j]) <= 4 * sqrt(variance[j]));
    crm_store_close(&s);
}

/* Bytes of what the first version of the generator wrote, digest taken from its file: seed 1, 500
 * customers.  New targets leave them as they are. */
static void first_arrays_stay(void)
{
    static const char *const name[] = {"profile/num",
                                       "profile/cat",
                                       "monthly/value",
                                       "events/first",
                                       "events/category",
                                       "events/time",
                                       "events/value",
                                       "documents/first",
                                       "documents/token_first",
                                       "documents/kind",
                                       "documents/time",
                                       "documents/token",
                                       "target/churn/label",
                                       "target/churn/oracle",
                                       "target/next_purchase/label",
                                       "target/next_purchase/oracle",
                                       "target/segment/label",
                                       "target/segment/oracle",
                                       "target/stars/label",
                                       "target/sentiment/label",
                                       "target/issue/label",
                                       "target/status/label",
                                       "survey/treated"};
    crm_synth_cfg cfg = defaults(500);
    crm_store *s;
    crm_hash *h = NULL;
    char hex[CRM_DIGEST_HEX];

    T_OK(crm_synth_write(t_comm, &cfg, path("few.h5"), NULL));
    s = open_file("few.h5");
    T_OK(crm_hash_new(&h));
    for (size_t i = 0; h && i < sizeof name / sizeof *name; i++) {
        const crm_store_array *a = crm_store_find(s, name[i]);
        size_t bytes = a ? crm_dtype_size(a->dtype) : 0;
        for (int d = 0; a && d < a->rank; d++)
            bytes *= (size_t)a->dim[d];
        T_CHECK(bytes > 0);
        if (a) crm_hash_add(h, a->data, bytes);
    }
    if (h)
        T_CHECK(strcmp(crm_digest_hex(crm_hash_value(h), hex),
                       "df23538d915180bc4539fd1af7db4387") == 0);
    crm_hash_free(&h);
    crm_store_close(&s);
}

/* Where nobody is to buy, a customer who buys nevertheless does so once. */
static void one_purchase_when_there_must_be_one(const char *name, int64_t n)
{
    crm_store *s = open_file(name);
    const int32_t *next = get(s, "target/next_purchase/label", CRM_I32, n);
    const float *count = get(s, "target/purchases_ahead/value", CRM_F32, n);
    int64_t bad = 0, buyers = 0;

    for (int64_t i = 0; i < n; i++) {
        bad += count[3 * i] + count[3 * i + 1] + count[3 * i + 2] != (float)next[i];
        buyers += next[i];
    }
    T_EQ_I(bad, 0);
    T_CHECK(buyers > n / 3);
    crm_store_close(&s);
}

/* Extremes of the rates: nobody buys; everybody does all the time. */
static void extreme_rates(void)
{
    crm_synth_cfg cfg = defaults(300);

    cfg.purchases = cfg.returns = 0;
    T_OK(crm_synth_write(t_comm, &cfg, path("silent.h5"), NULL));
    one_purchase_when_there_must_be_one("silent.h5", 300);
    cfg = defaults(300);
    cfg.purchases = 24;
    cfg.returns = 3;
    cfg.signal = cfg.noise = 2;
    T_OK(crm_synth_write(t_comm, &cfg, path("loud.h5"), NULL));
    ahead_fits_next_purchase("loud.h5", 300);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"writes a data set", make},
        {"counts follow their means", counts_follow_their_means},
        {"without signal", without_signal},
        {"groups follow segment and events", groups_follow_segment_and_events},
        {"the first arrays stay as they were", first_arrays_stay},
        {"extreme rates", extreme_rates},
        {"cleans up", clean},
        {NULL, NULL},
    };

    return t_main_mpi(argc, argv, cases);
}
