/* test_describe.c - figures, matrices and drift of a data set of 400 rows with gaps, against scipy
 * 1.10.1 and numpy 1.24.2 on the same rows; the bits of one rank on any number of them.
 * ranks: 1 2 3 4 */
#include "crm_test_mpi.h"
#include "crmpi/data_describe.h"
#include "data_sample.h"

enum { N = 400, NUMBERS = 3, CATEGORIES = 2 };

static float num[N][NUMBERS];
static int32_t cat[N][CATEGORIES], label[N];
static int64_t cutoff[N];

static uint64_t draw(int64_t row, int column) /* splitmix64 of row * 16 + column */
{
    uint64_t z = (uint64_t)(row * 16 + column) + 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void make_rows(void)
{
    for (int i = 0; i < N; i++) {
        double u = (double)(draw(i, 1) % 1000) / 8;
        num[i][0] = (float)u;
        num[i][1] = (float)(u / 2 + (double)(draw(i, 2) % 400) / 8);
        num[i][2] = (float)(draw(i, 3) % 5) + (i >= 200 ? 4 : 0);
        if (draw(i, 4) % 10 == 0) num[i][1] = NAN;
        if (draw(i, 5) % 7 == 0) num[i][2] = NAN;
        cat[i][0] = (int32_t)(draw(i, 6) % 4) - 1;
        cat[i][1] = cat[i][0] >= 0 && draw(i, 7) % 2 ? cat[i][0] : (int32_t)(draw(i, 8) % 3);
        label[i] = u + (double)(draw(i, 9) % 60) > 80;
        cutoff[i] = -86400 * (int64_t)i;
    }
}

static const sample_names names[] = {
    {"profile/num", "columns", 3, {"u", "v", "w"}},  {"profile/cat", "columns", 2, {"a", "b"}},
    {"profile/levels/0", NULL, 3, {"x", "y", "z"}},  {"profile/levels/1", NULL, 3, {"x", "y", "z"}},
    {"target/t/label", "classes", 2, {"no", "yes"}}, {0}};

/* Rank 0 writes, all open. */
static crm_data *open_rows(const char *name, bool with_cutoff)
{
    sample_array a[] = {{"profile/num", CRM_F32, 2, {N, NUMBERS}, num},
                        {"profile/cat", CRM_I32, 2, {N, CATEGORIES}, cat},
                        {"target/t/label", CRM_I32, 1, {N}, label},
                        {"row/cutoff", CRM_I64, 1, {N}, cutoff},
                        {0}};
    crm_data *d = NULL;

    if (!with_cutoff) a[3] = (sample_array){0};
    make_rows();
    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(sample_path(name), N, a, names, "customer"));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path(name), &d));
    return d;
}

static const crm_described *column(const crm_description *x, const char *name)
{
    for (int c = 0; c < x->n; c++)
        if (strcmp(x->column[c].name, name) == 0) return &x->column[c];
    t_fail(__FILE__, __LINE__, name);
    return &x->column[0];
}

static void figures(void)
{
    static const double q[5] = {16.825, 36.234375, 55.21875, 72.96875, 93.39375};
    crm_data *d = open_rows("a.h5", false);
    crm_description *x = NULL;
    const crm_figures *f;

    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_EQ_I(x->n, 6);
    f = &column(x, "v")->f;
    T_EQ_I(f->n, 348);
    T_EQ_I(f->missing, 52);
    T_EQ_I(f->distinct, 319);
    T_NEAR(f->mean, 55.11817528735632, 1e-14);
    T_NEAR(f->sd, 23.7018257272802, 1e-14);
    T_NEAR(f->min, 4.3125, 0);
    T_NEAR(f->max, 106.5625, 0);
    for (int i = 0; i < 5; i++)
        T_NEAR(f->quantile[i], q[i], 1e-15);
    f = &column(x, "a")->f; /* counts: 107, 103, 97, and 93 missing */
    T_EQ_I(f->n, 307);
    T_EQ_I(f->missing, 93);
    T_EQ_I(f->n_top, 3);
    T_CHECK(f->top[0] == 0 && f->top[1] == 1 && f->top[2] == 2);
    T_CHECK(f->top_n[0] == 107 && f->top_n[1] == 103 && f->top_n[2] == 97);
    T_CHECK(column(x, "t")->f.top[0] == 1 && column(x, "t")->f.top_n[0] == 240);
    crm_description_free(&x);
    crm_data_close(&d);
}

static void matrices(void) /* pearsonr, spearmanr, contingency.association, Bergsma's formula */
{
    crm_data *d = open_rows("a.h5", false);
    crm_description *x = NULL;

    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_EQ_I(x->n_num, 3);
    T_NEAR(x->pearson[1], 0.796388326395594, 1e-14);
    T_NEAR(x->pearson[2], -0.03926757123943688, 1e-14);
    T_NEAR(x->pearson[5], -0.06840148494389378, 1e-14);
    T_NEAR(x->spearman[1], 0.7955374874955349, 1e-14);
    T_NEAR(x->spearman[2], -0.04282732746120505, 1e-14);
    T_NEAR(x->spearman[5], -0.06887793420525105, 1e-14);
    T_NEAR(x->spearman[7], x->spearman[5], 0);
    T_NEAR(x->pearson[0], 1, 0);
    T_NEAR(x->spearman[4], 1, 1e-15);
    T_EQ_I(x->n_cat, 3);
    T_NEAR(x->cramer[1], 0.50767875936133, 1e-14);
    T_NEAR(x->corrected[1], 0.5028463167318441, 1e-14);
    T_NEAR(x->cramer[2], 0.057476571824373796, 1e-13);
    T_NEAR(x->corrected[2], 0, 0);
    T_NEAR(x->cramer[5], 0.08966851216620693, 1e-13);
    T_NEAR(x->corrected[5], 0.05509554030703911, 1e-13);
    crm_description_free(&x);
    crm_data_close(&d);
}

static void drift(void) /* ks_2samp, chi2.sf; the sum of the PSI in numpy */
{
    crm_data *d = open_rows("a.h5", false);
    crm_description *x = NULL;
    const crm_figures *u, *w, *a;

    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_CHECK(x->drift == CRM_DRIFT_ROW && x->parts == 10 && column(x, "u")->drifts);
    u = &column(x, "u")->f;
    w = &column(x, "w")->f;
    a = &column(x, "a")->f;
    T_CHECK(isnan(u->psi[0]) && isnan(a->ks[1]));
    T_NEAR(u->psi[1], 0.0713558177820073, 1e-14);
    T_NEAR(u->psi_p[1], 0.9976522040984752, 1e-12);
    T_NEAR(u->psi[9], 0.175638457865963, 1e-14);
    T_NEAR(u->ks[9], 0.1, 1e-15);
    T_NEAR(w->psi[1], 0.1770279532184241, 1e-14);
    T_NEAR(w->ks[1], 0.185761957730812, 1e-15);
    T_NEAR(w->psi[9], 3.893228384035007, 1e-14);
    T_CHECK(fabs(w->psi_p[9] / 9.858583825373496e-15 - 1) < 1e-10);
    T_NEAR(w->ks[9], 0.8620689655172413, 1e-15);
    T_NEAR(a->psi[1], 0.047436265451285, 1e-14);
    T_NEAR(a->psi[9], 0.13999238753131432, 1e-14);
    T_NEAR(a->psi_p[9], 0.4235249806264495, 1e-12);
    crm_description_free(&x);
    crm_data_close(&d);
}

/* The rows from the last to the first one: the last part is the first one of the other order. */
static void drift_by_cutoff(void)
{
    crm_data *d = open_rows("b.h5", true);
    crm_description *x = NULL;

    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_CHECK(x->drift == CRM_DRIFT_CUTOFF);
    T_NEAR(column(x, "w")->f.ks[9], 0.8620689655172413, 1e-15);
    crm_description_free(&x);
    crm_data_close(&d);
}

/* 400 rows with one event each, over 60 days; every other one in the second month, where a half of
 * the ones have become zeros: PSI .25 ln 2 + .25 ln 1.5 by hand, KS .25.  The rows themselves
 * differ between the halves of the file, which is no order of time. */
static void drift_by_time(void)
{
    static float time[N], value[N], of_row[N];
    static int64_t first[N + 1];
    static int32_t none[N];
    static const sample_names t[] = {{"profile/num", "columns", 1, {"place"}},
                                     {"events/value", "columns", 1, {"v"}},
                                     {"events/categories", NULL, 1, {"x"}},
                                     {"target/t/label", "classes", 2, {"no", "yes"}},
                                     {0}};
    sample_array a[] = {{"profile/num", CRM_F32, 2, {N, 1}, of_row},
                        {"events/first", CRM_I64, 1, {N + 1}, first},
                        {"events/time", CRM_F32, 1, {N}, time},
                        {"events/category", CRM_I32, 1, {N}, none},
                        {"events/value", CRM_F32, 2, {N, 1}, value},
                        {"target/t/label", CRM_I32, 1, {N}, none},
                        {0}};
    crm_data *d = NULL;
    crm_description *x = NULL;
    const crm_described *v;

    for (int i = 0; i < N; i++) {
        bool second = i % 2 == 1;
        time[i] = (float)((second ? 30 : 60) - i / 2 % (second ? 31 : 30));
        value[i] = (second ? i / 2 % 4 == 0 : i / 2 % 2 == 0) ? 1.0F : 0.0F;
        of_row[i] = (float)i;
        first[i + 1] = i + 1;
    }
    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(sample_path("t.h5"), N, a, t, "customer"));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("t.h5"), &d));
    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_CHECK(x->drift == CRM_DRIFT_TIME && x->parts == 2);
    T_CHECK(x->days == 30 && x->ends == 0);
    T_CHECK(x->part_events[0] == 200 && x->part_events[1] == 200);
    T_CHECK(x->part_rows[0] == 200 && x->part_rows[1] == 200 && x->part_documents[0] == 0);
    v = column(x, "v");
    T_NEAR(v->f.psi[1], 0.27465307216702745, 1e-14);
    T_NEAR(v->f.ks[1], .25, 1e-15);
    T_CHECK(v->drifts && !column(x, "place")->drifts && isnan(column(x, "place")->f.psi[1]));
    crm_description_free(&x);
    crm_data_close(&d);
}

static bool same(const double *a, const double *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static void same_bits(void)
{
    crm_data *d = open_rows("a.h5", false);
    crm_description *x = NULL, *y = NULL;
    crm_comm *alone = NULL;
    crm_pool *pool = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(crm_pool_new(2, &pool));
    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_OK(crm_data_describe(alone, pool, d, &y));
    for (int c = 0; c < x->n; c++)
        T_CHECK(memcmp(&x->column[c].f, &y->column[c].f, sizeof(crm_figures)) == 0);
    T_CHECK(same(x->pearson, y->pearson, 9) && same(x->spearman, y->spearman, 9));
    T_CHECK(same(x->cramer, y->cramer, 9) && same(x->corrected, y->corrected, 9));
    crm_description_free(&x);
    crm_description_free(&y);
    crm_data_close(&d);
    crm_pool_free(&pool);
    crm_comm_free(&alone);
}

/* One row, one label, nothing else. */
static void little(void)
{
    static const int32_t one = 0;
    static const sample_names t[] = {{"target/t/label", "classes", 2, {"a", "b"}}, {0}};
    sample_array a[] = {{"target/t/label", CRM_I32, 1, {1}, &one}, {0}};
    crm_description *x = NULL;
    crm_data *d = NULL;

    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(sample_path("c.h5"), 1, a, t, "customer"));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("c.h5"), &d));
    T_OK(crm_data_describe(t_comm, NULL, d, &x));
    T_CHECK(x->n == 1 && x->n_num == 0 && x->n_cat == 1 && !x->drift);
    T_CHECK(isnan(x->cramer[0]));
    T_CHECK(!crm_data_dictionary(d));
    crm_description_free(&x);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"figures", figures},
                                   {"matrices", matrices},
                                   {"drift", drift},
                                   {"drift by cut-off", drift_by_cutoff},
                                   {"drift of events over time", drift_by_time},
                                   {"same bits", same_bits},
                                   {"little", little},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    if (crm_comm_rank(t_comm) == 0 && !sample_folder()) return 1;
    if (crm_comm_bcast(t_comm, 0, s_dir, sizeof s_dir)) return 1;
    bad = t_run_mpi(argc, argv, cases);
    if (crm_comm_barrier(t_comm)) bad = 1;
    if (crm_comm_rank(t_comm) == 0 && crm_path_remove(s_dir)) bad = 1;
    crm_comm_stop(&t_comm);
    return bad;
}
