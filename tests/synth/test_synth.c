/* test_synth.c - the synthetic data set: the same bytes on any number of ranks, ranges, rates,
 * calibrated oracles, and what the knobs promise.
 * ranks: 1 2 3 4
 * timeout: 180 */
#include "synth_testing.h"

enum { MONTHS = 12, CHANNELS = 16, VISIT = 24, RETURN = 25, TICKET = 26 };

static bool same_files(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    bool same = !crm_path_read(path(a), (size_t)1 << 30, &x, &n) &&
                !crm_path_read(path(b), (size_t)1 << 30, &y, &m) && n == m && memcmp(x, y, n) == 0;

    crm_mem_free(x);
    crm_mem_free(y);
    return same;
}

/* ---- cases ---- */

static void same_bytes_on_any_ranks(void)
{
    static const int64_t sizes[] = {1, 2, 3, 9001, 17000};
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, root() ? 0 : -1, &alone));
    for (int i = 0; i < 5; i++) {
        crm_synth_cfg cfg = defaults(sizes[i]);
        crm_synth_info many = {0}, one = {0};
        cfg.seed = 7 + i;
        T_OK(crm_synth_write(t_comm, &cfg, path("many.h5"), &many));
        if (!root()) continue;
        T_OK(crm_synth_write(alone, &cfg, path("one.h5"), &one));
        T_CHECK(crm_digest_equal(many.digest, one.digest) && same_files("many.h5", "one.h5"));
        T_CHECK(many.customers == sizes[i] && many.events == one.events &&
                many.tokens == one.tokens && many.purchases == one.purchases);
    }
    crm_comm_free(&alone);
}

static void ragged_arrays_fit(void)
{
    crm_store *s = open_file("all.h5");
    const int64_t *first = get(s, "events/first", CRM_I64, N + 1);
    const int64_t *doc = get(s, "documents/first", CRM_I64, N + 1);
    int64_t n_docs = doc[N], n_words = 0, bad = 0;
    const int64_t *tok = get(s, "documents/token_first", CRM_I64, n_docs + 1);
    const int32_t *token = get(s, "documents/token", CRM_I32, tok[n_docs]);
    const char *const *word = crm_store_items(s, "documents/words", &n_words);

    T_EQ_I(crm_store_i64(s, "", "rows", -1), N);
    T_CHECK(first[0] == 0 && doc[0] == 0 && tok[0] == 0);
    T_EQ_I(rows_of(s, "events/category"), first[N]);
    for (int64_t i = 0; i < N; i++)
        bad += first[i + 1] < first[i] || first[i + 1] - first[i] > 50 || doc[i + 1] < doc[i];
    for (int64_t i = 0; i < n_docs; i++)
        bad += tok[i + 1] <= tok[i];
    for (int64_t i = 0; i < tok[n_docs]; i++)
        bad += token[i] < 0 || token[i] >= n_words;
    T_EQ_I(bad, 0);
    for (int64_t i = 0; i < n_words; i++) /* normal forms: lower-case letters */
        bad +=
            word[i][0] == '\0' || strspn(word[i], "abcdefghijklmnopqrstuvwxyz") != strlen(word[i]);
    T_EQ_I(bad, 0);
    crm_store_close(&s);
}

static int64_t outside(const float *v, int64_t n, int64_t stride, double lo, double hi)
{
    int64_t bad = 0;

    for (int64_t i = 0; i < n; i++) {
        double x = (double)v[i * stride];
        bad += !(isnan(x) || (x >= lo && x <= hi));
    }
    return bad;
}

static void values_are_in_range(void)
{
    crm_store *s = open_file("all.h5");
    const float *num = get(s, "profile/num", CRM_F32, N);
    int64_t n_events = rows_of(s, "events/category"), bad = 0, cities = 0;
    const int32_t *category = get(s, "events/category", CRM_I32, n_events);
    const float *value = get(s, "events/value", CRM_F32, n_events);
    const int32_t *cat = get(s, "profile/cat", CRM_I32, N);

    T_EQ_I(outside(num, N, 6, 18, 75), 0);
    T_EQ_I(outside(num + 1, N, 6, 1, 5), 0);
    T_EQ_I(outside(num + 2, N, 6, 12, 120), 0);
    T_EQ_I(outside(get(s, "monthly/value", CRM_F32, N), N * CHANNELS * MONTHS, 1, 0, 1e5), 0);
    T_CHECK(crm_store_items(s, "profile/levels/0", &cities) && cities == 20);
    for (int64_t i = 0; i < N; i++)
        bad += cat[4 * i] < 0 || cat[4 * i] >= cities;
    for (int64_t i = 0; i < n_events; i++) {
        double amount = (double)value[6 * i];
        bool money = category[i] < PRODUCTS || category[i] == RETURN;
        bad += category[i] < 0 || category[i] > TICKET;
        bad += money ? !(amount >= 5 && amount <= 500) : amount != 0;
    }
    T_EQ_I(bad, 0);
    crm_store_close(&s);
}

/* Every moment lies in the observation window, oldest first; gaps are those of the times. */
static void no_moment_of_the_label_window(void)
{
    crm_store *s = open_file("all.h5");
    const int64_t *first = get(s, "events/first", CRM_I64, N + 1);
    const int64_t *doc = get(s, "documents/first", CRM_I64, N + 1);
    const float *when = get(s, "events/time", CRM_F32, first[N]);
    const float *said = get(s, "documents/time", CRM_F32, doc[N]);
    const float *value = get(s, "events/value", CRM_F32, first[N]);
    int64_t bad = outside(when, first[N], 1, 1e-6, 365) + outside(said, doc[N], 1, 1e-6, 365);

    for (int64_t i = 0; i < N; i++) {
        for (int64_t e = first[i] + 1; e < first[i + 1]; e++)
            bad += when[e] > when[e - 1] || value[6 * e + 3] != when[e - 1] - when[e];
        for (int64_t d = doc[i] + 1; d < doc[i + 1]; d++)
            bad += said[d] > said[d - 1];
    }
    T_EQ_I(bad, 0);
    crm_store_close(&s);
}

/* Monthly spend, purchases, returns, visits and tickets are what the events add up to. */
static void months_add_up(void)
{
    crm_store *s = open_file("all.h5");
    const int64_t *first = get(s, "events/first", CRM_I64, N + 1);
    const float *month = get(s, "monthly/value", CRM_F32, N);
    const int32_t *category = get(s, "events/category", CRM_I32, first[N]);
    const float *when = get(s, "events/time", CRM_F32, first[N]);
    const float *value = get(s, "events/value", CRM_F32, first[N]);
    int64_t bad = 0;

    for (int64_t i = 0; i < N; i++) {
        double sum[CHANNELS][MONTHS] = {{0}};
        for (int64_t e = first[i]; e < first[i + 1]; e++) {
            int t = (int)(12 - (double)when[e] * 12 / 365), c = category[e];
            int channel = c == VISIT ? 5 : c == RETURN ? 4 : c == TICKET ? 6 : 1;
            sum[channel][t]++;
            if (channel == 1) sum[0][t] += (double)value[6 * e];
            if (channel == 1) sum[10 + c / 4][t] += (double)value[6 * e];
        }
        for (int c = 0; c < CHANNELS; c++)
            for (int t = 0; t < MONTHS && (c < 2 || (c >= 4 && c < 7) || c >= 10); t++)
                bad += fabs((double)month[(i * CHANNELS + c) * MONTHS + t] - sum[c][t]) > 0.01;
    }
    T_EQ_I(bad, 0);
    crm_store_close(&s);
}

/* Poisson counts spread over customers: five standard errors, a quarter more for overdispersion. */
static void near_rate(int64_t count, double rate)
{
    double want = rate * N;

    if (fabs((double)count - want) > 5 * 1.25 * sqrt(want))
        fprintf(stderr, "#   %lld, expected about %.0f\n", (long long)count, want);
    T_CHECK(fabs((double)count - want) <= 5 * 1.25 * sqrt(want));
}

static void rates_hold(void)
{
    crm_store *s = open_file("all.h5");
    int64_t docs = rows_of(s, "documents/kind"), events = rows_of(s, "events/category"), bought = 0;
    const int32_t *kind = get(s, "documents/kind", CRM_I32, docs);
    const int32_t *category = get(s, "events/category", CRM_I32, events);

    near_rate(count_code(kind, docs, 0), 0.2);
    near_rate(count_code(kind, docs, 1), 0.1);
    near_rate(count_code(kind, docs, 2), 0.5);
    near_rate(count_code(category, events, RETURN), 1.3);
    near_rate(count_code(category, events, VISIT), 4 + 1.3);
    T_EQ_I(count_code(category, events, TICKET), count_code(kind, docs, 1));
    for (int32_t c = 0; c < PRODUCTS; c++)
        bought += count_code(category, events, c);
    T_NEAR((double)bought / N, 12 + 1.3, 0.03); /* habits spread it, the limit of 50 cuts it */
    T_NEAR((double)count_code(get(s, "target/churn/label", CRM_I32, N), N, 1) / N, 0.2, 0.02);
    T_NEAR((double)count_code(get(s, "target/next_purchase/label", CRM_I32, N), N, 1) / N, 0.6,
           0.02);
    crm_store_close(&s);
}

/* Document labels are there for the kinds they belong to and only there. */
static void document_labels(void)
{
    static const struct {
        const char *name;
        int classes;
        bool of_kind[3];
    } target[] = {{"target/stars/label", 5, {true, false, false}},
                  {"target/sentiment/label", 3, {true, false, true}},
                  {"target/issue/label", 4, {false, true, false}},
                  {"target/status/label", 2, {false, true, false}}};
    crm_store *s = open_file("all.h5");
    int64_t docs = rows_of(s, "documents/kind");
    const int32_t *kind = get(s, "documents/kind", CRM_I32, docs);

    for (int t = 0; t < 4; t++) {
        const int32_t *label = get(s, target[t].name, CRM_I32, docs);
        int64_t bad = 0, classes = 0;
        T_CHECK(strcmp(crm_store_text(s, target[t].name, "level"), "document") == 0);
        T_CHECK(crm_store_list(s, target[t].name, "classes", &classes) != NULL);
        T_EQ_I(classes, target[t].classes);
        for (int64_t d = 0; d < docs; d++)
            bad +=
                target[t].of_kind[kind[d]] ? label[d] < 0 || label[d] >= classes : label[d] != -1;
        T_EQ_I(bad, 0);
        for (int32_t c = 0; c < classes; c++)
            T_CHECK(count_code(label, docs, c) > 0);
    }
    crm_store_close(&s);
}

/* In each tenth of the rows by the oracle of class c: mean label within 4 standard errors of it. */
static void calibrated(const float *oracle, const int32_t *label, int k, int c)
{
    static int64_t order[N];

    for (int64_t i = 0; i < N; i++)
        order[i] = i;
    sort_key = oracle + c;
    sort_stride = k;
    qsort(order, N, sizeof *order, by_key);
    for (int tenth = 0; tenth < 10; tenth++) {
        double hits = 0, expected = 0, variance = 0;
        for (int64_t j = (int64_t)N / 10 * tenth; j < (int64_t)N / 10 * (tenth + 1); j++) {
            double p = (double)oracle[order[j] * k + c];
            hits += label[order[j]] == c;
            expected += p;
            variance += p * (1 - p);
        }
        T_CHECK(fabs(hits - expected) <= 4 * sqrt(variance) + 1e-9);
    }
}

static void oracles_are_calibrated(void)
{
    static const struct {
        const char *label, *oracle;
        int classes;
    } target[] = {{"target/churn/label", "target/churn/oracle", 2},
                  {"target/next_purchase/label", "target/next_purchase/oracle", 2},
                  {"target/segment/label", "target/segment/oracle", 4}};
    crm_store *s = open_file("all.h5");

    for (int t = 0; t < 3; t++) {
        const int32_t *label = get(s, target[t].label, CRM_I32, N);
        const float *p = get(s, target[t].oracle, CRM_F32, N);
        int64_t bad = 0;
        for (int64_t i = 0; i < N; i++) {
            double sum = 0;
            for (int c = 0; c < target[t].classes; c++) {
                double q = (double)p[i * target[t].classes + c];
                bad += !(q > 0 && q < 1);
                sum += q;
            }
            bad += fabs(sum - 1) > 1e-6 || label[i] < 0 || label[i] >= target[t].classes;
        }
        T_EQ_I(bad, 0);
        for (int c = 0; c < target[t].classes; c++)
            calibrated(p, label, target[t].classes, c);
    }
    crm_store_close(&s);
}

/* The log-odds of churn spread widely under the default signal, and not at all without. */
static void without_signal_the_oracle_is_constant(void)
{
    crm_synth_cfg cfg = defaults(N);
    crm_store *s, *all;

    cfg.signal = 0;
    T_OK(crm_synth_write(t_comm, &cfg, path("null.h5"), NULL));
    s = open_file("null.h5");
    all = open_file("all.h5");
    const float *p = get(s, "target/churn/oracle", CRM_F32, N),
                *q = get(all, "target/churn/oracle", CRM_F32, N);
    const float *g = get(s, "target/segment/oracle", CRM_F32, N);
    int64_t bad = 0, wide = 0;
    for (int64_t i = 0; i < N; i++) {
        bad += p[2 * i + 1] != p[1] || g[4 * i] != g[0];
        wide += q[2 * i + 1] < 0.05F || q[2 * i + 1] > 0.5F;
    }
    T_EQ_I(bad, 0);
    T_NEAR((double)p[1], 0.2, 1e-6);
    T_CHECK(wide > N / 4);
    T_CHECK(same_array(s, all, "monthly/value", -1) && same_array(s, all, "documents/token", -1));
    crm_store_close(&s);
    crm_store_close(&all);
}

enum { LIN = 10 }; /* the columns of the log-odds and the constant */

static void linear_columns(const crm_store *s, int64_t i, double *x)
{
    const float *num = (const float *)get(s, "profile/num", CRM_F32, N) + 6 * i;
    const int32_t *cat = (const int32_t *)get(s, "profile/cat", CRM_I32, N) + 4 * i;
    const float *m = (const float *)get(s, "monthly/value", CRM_F32, N) + CHANNELS * MONTHS * i;

    memset(x, 0, LIN * sizeof *x);
    x[0] = 1;
    for (int k = 0; k < 3; k++)
        x[1 + k] = (double)num[k];
    x[4] = cat[2];
    x[5] = cat[3] == 2;
    for (int t = 0; t < MONTHS; t++) {
        x[6] += (double)m[7 * MONTHS + t] * (t >= 9 ? 1 / 3.0 : -1 / 9.0); /* sessions */
        x[7] += t >= 9 ? (double)m[1 * MONTHS + t] : 0;                    /* purchases */
        x[8] += (double)m[4 * MONTHS + t];                                 /* returns */
        x[9] += (double)m[6 * MONTHS + t];                                 /* tickets */
    }
}

/* Solve a x = b for a symmetric positive definite a, in place (elimination without pivots). */
static void solve(double a[LIN][LIN], double *b)
{
    for (int i = 0; i < LIN; i++)
        for (int r = i + 1; r < LIN; r++) {
            double f = a[r][i] / a[i][i];
            for (int c = i; c < LIN; c++)
                a[r][c] -= f * a[i][c];
            b[r] -= f * b[i];
        }
    for (int i = LIN - 1; i >= 0; i--) {
        for (int c = i + 1; c < LIN; c++)
            b[i] -= a[i][c] * b[c];
        b[i] /= a[i][i];
    }
}

/* Root mean square of what least squares on the linear columns leaves of the log-odds of churn. */
static double left_by_linear(const char *name)
{
    crm_store *s = open_file(name);
    const float *p = get(s, "target/churn/oracle", CRM_F32, N);
    double a[LIN][LIN] = {{0}}, b[LIN] = {0}, x[LIN], rest = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < N; i++) {
            double odds = log((double)p[2 * i + 1] / (double)p[2 * i]);
            linear_columns(s, i, x);
            for (int k = 0; pass == 0 && k < LIN; k++) {
                for (int j = 0; j < LIN; j++)
                    a[k][j] += x[k] * x[j];
                b[k] += x[k] * odds;
            }
            for (int k = 0; pass == 1 && k < LIN; k++)
                odds -= b[k] * x[k];
            rest += pass ? odds * odds : 0;
        }
        if (pass == 0) solve(a, b);
    }
    crm_store_close(&s);
    return sqrt(rest / N);
}

/* Without products and hidden part the log-odds are a linear function of columns of the flat view.
 */
static void without_interactions_it_is_linear(void)
{
    crm_synth_cfg cfg = defaults(N);

    cfg.interactions = cfg.noise = 0;
    T_OK(crm_synth_write(t_comm, &cfg, path("linear.h5"), NULL));
    cfg.interactions = 1;
    T_OK(crm_synth_write(t_comm, &cfg, path("products.h5"), NULL));
    T_CHECK(left_by_linear("linear.h5") < 1e-4);
    T_CHECK(left_by_linear("products.h5") > 1);
}

/* A customer depends on seed and number only: not on how many there are; another seed changes it.
 */
static void customers_are_their_own(void)
{
    crm_synth_cfg cfg = defaults(500);
    crm_store *few, *all, *other;

    T_OK(crm_synth_write(t_comm, &cfg, path("few.h5"), NULL));
    cfg.seed = 2;
    T_OK(crm_synth_write(t_comm, &cfg, path("other.h5"), NULL));
    few = open_file("few.h5");
    all = open_file("all.h5");
    other = open_file("other.h5");
    T_CHECK(same_array(few, all, "monthly/value", 500) && same_array(few, all, "profile/cat", 500));
    T_CHECK(same_array(few, all, "target/churn/oracle", 500));
    T_CHECK(same_array(few, all, "target/purchases_ahead/value", 500));
    T_CHECK(same_array(few, all, "target/next_category/label", 500));
    T_CHECK(!same_array(few, other, "monthly/value", 500));
    crm_store_close(&few);
    crm_store_close(&all);
    crm_store_close(&other);
}

/* Treated minus untreated change of surveyed satisfaction is the lift, within 4 standard errors. */
static void survey_has_the_lift(void)
{
    crm_store *s = open_file("all.h5");
    const float *before = get(s, "survey/before", CRM_F32, N),
                *after = get(s, "survey/after", CRM_F32, N);
    const int32_t *treated = get(s, "survey/treated", CRM_I32, N);
    double n[2] = {0}, sum[2] = {0}, square[2] = {0};
    int64_t bad = outside(before, N, 1, 1, 5) + outside(after, N, 1, 1, 5);

    for (int64_t i = 0; i < N; i++) {
        double d = (double)after[i] - (double)before[i];
        bad += isnan(before[i]) != isnan(after[i]) || (isnan(before[i]) && treated[i]);
        if (isnan(d)) continue;
        n[treated[i]]++;
        sum[treated[i]] += d;
        square[treated[i]] += d * d;
    }
    double error = 0, lift = sum[1] / n[1] - sum[0] / n[0];
    for (int k = 0; k < 2; k++)
        error += (square[k] / n[k] - sum[k] / n[k] * sum[k] / n[k]) / n[k];
    T_EQ_I(bad, 0);
    near_rate((int64_t)(n[0] + n[1]), 0.2);
    T_CHECK(fabs(lift - 0.35) < 4 * sqrt(error));
    T_CHECK(lift > 4 * sqrt(error));
    crm_store_close(&s);
}

static void wrong_input_is_refused(void)
{
    crm_synth_cfg cfg = defaults(100);

    cfg.signal = 3;
    T_FAILS(crm_synth_write(t_comm, &cfg, path("bad.h5"), NULL), CRM_ERR_CONFIG, "synth.signal");
    cfg = defaults(0);
    T_FAILS(crm_synth_write(t_comm, &cfg, path("bad.h5"), NULL), CRM_ERR_CONFIG, "synth.customers");
    cfg = defaults(100);
    cfg.noise = (double)NAN;
    T_FAILS(crm_synth_write(t_comm, &cfg, path("bad.h5"), NULL), CRM_ERR_CONFIG, "synth.noise");
    cfg.noise = 1;
    T_FAILS(crm_synth_write(t_comm, &cfg, path("no/such/folder/x.h5"), NULL), CRM_ERR_IO,
            "no/such");
    T_CHECK(!crm_path_exists(path("bad.h5")) && !crm_path_exists(path("bad.h5.tmp")));
}

/* Extremes of the rates: nobody speaks or buys; everybody does all the time. */
static void extreme_rates(void)
{
    crm_synth_cfg cfg = defaults(300);
    crm_synth_info info;

    cfg.purchases = cfg.visits = cfg.returns = cfg.reviews = cfg.tickets = cfg.mentions = 0;
    T_OK(crm_synth_write(t_comm, &cfg, path("silent.h5"), &info));
    T_EQ_I(info.events + info.documents + info.tokens, 0);
    cfg = defaults(300);
    cfg.purchases = 24;
    cfg.visits = 12;
    cfg.returns = 3;
    cfg.reviews = cfg.tickets = cfg.mentions = cfg.signal = cfg.interactions = cfg.noise = 2;
    T_OK(crm_synth_write(t_comm, &cfg, path("loud.h5"), &info));
    T_CHECK(info.events <= 50 * 300 && info.documents > 5 * 300);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"writes a data set", make},
        {"same bytes on any number of ranks", same_bytes_on_any_ranks},
        {"ragged arrays fit together", ragged_arrays_fit},
        {"values are in range", values_are_in_range},
        {"no moment of the label window", no_moment_of_the_label_window},
        {"months add up", months_add_up},
        {"rates hold", rates_hold},
        {"document labels", document_labels},
        {"oracles are calibrated", oracles_are_calibrated},
        {"without signal the oracle is constant", without_signal_the_oracle_is_constant},
        {"without interactions it is linear", without_interactions_it_is_linear},
        {"customers are their own", customers_are_their_own},
        {"survey has the lift", survey_has_the_lift},
        {"wrong input is refused", wrong_input_is_refused},
        {"extreme rates", extreme_rates},
        {"cleans up", clean},
        {NULL, NULL},
    };

    return t_main_mpi(argc, argv, cases);
}
