/* test_segment.c - clusters of the training rows as a category: against scikit-learn 1.2.1, through
 * the model file, missing values, the same bits on any ranks.
 * ranks: 1 2 3 4 */
#include "crmpi/feature_kmeans.h"
#include "crmpi/feature_segment.h"
#include "feature/feature_kit.h"

static const crm_segment_cfg CFG = {
    .clusters = 3, .restarts = 10, .sample = 500, .distances = true};

/* Three groups far from each other in two columns; a third is empty and a fourth constant. */
enum { ROWS = 600, NUM = 4 };
static crm_status open_groups(crm_data **out)
{
    static const char *const name[NUM] = {"a", "b", "empty", "one"}, *const two[] = {"n", "y"};
    static float x[ROWS * NUM];
    static int32_t label[ROWS];
    const sd_spec s = {.n = ROWS,
                       .n_num = NUM,
                       .num_name = name,
                       .num = x,
                       .n_classes = 2,
                       .class_name = two,
                       .label = label};

    for (int i = 0; i < ROWS; i++) {
        int g = i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2; /* 300, 200, 100 rows */
        x[i * NUM] = (float)(1000 * g + i % 7);
        x[i * NUM + 1] = (float)(g == 1) + (float)(i % 5) / 100;
        x[i * NUM + 2] = NAN;
        x[i * NUM + 3] = 7;
        label[i] = i % 2;
    }
    return sd_open("groups", &s, out);
}

/* The rows of a group are a segment, numbered by falling size; a column of small numbers counts as
 * much as one of large ones. */
static void finds_groups(void)
{
    fk_fitted f = {0};

    T_OK(open_groups(&f.data));
    T_OK(fk_fit(&crm_segment_class, &CFG, t_comm, ROWS, &f));
    T_CHECK(f.out->n_num == NUM + 3 && f.out->n_cat == 1 && f.out->n_levels[0] == 3);
    T_CHECK(strcmp(f.out->cat_name[0], "segment") == 0 && strcmp(f.out->level[0][2], "3") == 0);
    T_CHECK(fk_has(&f, 0, "a") && fk_has(&f, NUM + 2, "distance to segment 3"));
    for (int i = 0; i < ROWS; i++) {
        const float *d = f.num + i * (NUM + 3) + NUM;
        int g = i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2;
        T_EQ_I(f.cat[i], g);
        for (int j = 0; j < 3; j++)
            T_CHECK(j == g ? d[j] < 0.2F : d[j] > 1);
    }
    fk_same_again(&f);
    fk_drop(&f);
}

/* Rows behind the training rows change nothing, and are given the nearest centre. */
static void learns_from_training_rows(void)
{
    crm_segment_cfg cfg = CFG;
    fk_fitted f = {0};

    T_OK(open_groups(&f.data));
    cfg.clusters = 2;
    T_OK(fk_fit(&crm_segment_class, &cfg, t_comm, 3, &f)); /* rows of one group: a = 0, 1, 2 */
    T_CHECK(f.out->n_levels[0] == 2);
    for (int i = 3; i < ROWS; i++) /* b is constant in training but for i / 100: all far away */
        T_CHECK(f.cat[i] == 0 || f.cat[i] == 1);
    fk_drop(&f);
}

/* Columns x0..x5 of the formulas, those missing at their mean.  Origin: x standardised by
 * StandardScaler over 240 rows (nan = mean, cut to +-4), KMeans(4, n_init=200, tol=1e-4).inertia_:
 * the sum of squared distances to the nearest centre.  There are no groups, so single seedings of
 * it come to 905 .. 1026, half of them above 932. */
static void agrees_with_peer(void)
{
    const double best = 904.3712457737854;
    crm_segment_cfg cfg = CFG;
    fk_fitted f = {0};
    double inertia = 0;

    cfg.clusters = 4;
    cfg.restarts = 50;
    T_OK(fk_open("formulas", true, 1, &f.data));
    T_OK(fk_fit(&crm_segment_class, &cfg, t_comm, FK_ROWS, &f));
    T_CHECK(f.out->n_cat == 2 && strcmp(f.out->cat_name[1], "segment") == 0);
    for (int i = 0; i < FK_ROWS; i++) {
        double d = f.num[i * (FK_NUM + 4) + FK_NUM + f.cat[2 * i + 1]];
        for (int j = 0; j < 4; j++)
            T_CHECK(d <= (double)f.num[i * (FK_NUM + 4) + FK_NUM + j]);
        inertia += d * d;
    }
    T_CHECK(inertia < best * 1.01 && inertia > best * 0.999);
    fk_same_again(&f);
    fk_drop(&f);
}

static void chooses(void)
{
    crm_segment_cfg cfg = CFG;
    fk_fitted f = {0};

    cfg.choose = 6;
    cfg.clusters = 0;
    cfg.distances = false;
    T_OK(open_groups(&f.data));
    T_OK(fk_fit(&crm_segment_class, &cfg, t_comm, ROWS, &f));
    T_CHECK(f.out->n_num == NUM && f.out->n_levels[0] == 3);
    fk_same_again(&f);
    fk_drop(&f);
}

static void too_many(void)
{
    crm_segment_cfg cfg = CFG;
    fk_fitted f = {0};

    T_OK(open_groups(&f.data));
    T_FAILS(fk_fit(&crm_segment_class, &cfg, t_comm, 2, &f), CRM_ERR_CONFIG, "3 clusters of 2");
    fk_drop(&f);
    cfg.clusters = 0;
    T_CHECK(crm_segment_class.idle(&cfg) && !crm_segment_class.idle(&CFG));
}

/* Several leaves, all ranks with threads against each rank alone. */
static void same_bits(void)
{
    crm_segment_cfg cfg = CFG;
    crm_data *d = NULL;
    crm_comm *alone;
    crm_pool *pool;
    crm_digest a, b;

    cfg.restarts = 2;
    T_OK(sd_open_large("large", SD_ROWS, &d));
    T_OK(crm_pool_new(2, &pool));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(fk_digest(&crm_segment_class, &cfg, d, SD_ROWS, t_comm, pool, &a));
    T_OK(fk_digest(&crm_segment_class, &cfg, d, SD_ROWS, alone, NULL, &b));
    T_CHECK(crm_digest_equal(a, b));
    cfg.choose = 3;
    T_OK(fk_digest(&crm_segment_class, &cfg, d, 4097, t_comm, pool, &a));
    T_OK(fk_digest(&crm_segment_class, &cfg, d, 4097, alone, NULL, &b));
    T_CHECK(crm_digest_equal(a, b));
    crm_comm_free(&alone);
    crm_pool_free(&pool);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"setup", sd_begin},
                                   {"groups", finds_groups},
                                   {"training rows alone", learns_from_training_rows},
                                   {"agrees with a peer", agrees_with_peer},
                                   {"number of clusters", chooses},
                                   {"too many", too_many},
                                   {"same bits", same_bits},
                                   {"cleanup", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
