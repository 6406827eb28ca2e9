/* Views and folds: every row once, even classes, groups together, files, hold-out, inner split. */
#include "crm_test.h"
#include "data_sample.h"

enum { N = 103, A = 61, B = 29, C = 10 }; /* and 3 rows without a label */

/* Classes mixed over the rows; rows 5, 50 and 99 have no label. */
static crm_data *mixed(crm_view **v)
{
    int32_t label[N];
    int left[3] = {A, B, C}, at = 0;
    crm_data *d;

    for (int i = 0; i < N; i++) {
        if (i == 5 || i == 50 || i == 99) {
            label[i] = -1;
            continue;
        }
        while (left[at % 3] == 0)
            at++;
        label[i] = at % 3;
        left[at++ % 3]--;
    }
    d = sample_labels(N, label);
    *v = NULL;
    if (d) T_OK(crm_view_labelled(d, 0, v));
    return d;
}

static int32_t label_of(const crm_view *v, int64_t i)
{
    return crm_data_target(v->data, 0)->label[v->row[i]];
}

static void check_view(const crm_view *v)
{
    for (int64_t i = 0; i < v->n; i++) {
        T_CHECK(v->row[i] >= 0 && v->row[i] < N && label_of(v, i) >= 0);
        T_CHECK(i == 0 || v->row[i] > v->row[i - 1]);
    }
}

/* Test parts of a repeat hold each labelled row once; a training part is all but its test part. */
static void check_parts(const crm_folds *f, const crm_view *v, int repeat)
{
    int seen[N] = {0};

    for (int k = 0; k < f->folds; k++) {
        crm_view *train = NULL, *test = NULL;
        int in_test[N] = {0};
        T_OK(crm_folds_views(f, v, repeat, k, &train, &test));
        T_EQ_I(train->n + test->n, v->n);
        check_view(train);
        check_view(test);
        for (int64_t i = 0; i < test->n; i++) {
            seen[test->row[i]]++;
            in_test[test->row[i]] = 1;
        }
        for (int64_t i = 0; i < train->n; i++)
            T_CHECK(!in_test[train->row[i]]);
        crm_view_free(&train);
        crm_view_free(&test);
    }
    for (int64_t i = 0; i < v->n; i++)
        T_EQ_I(seen[v->row[i]], 1);
}

static void check_even(const crm_folds *f, const crm_view *v, int repeat, bool by_class)
{
    static const int total[3] = {A, B, C};
    int64_t count[16][3] = {{0}};

    for (int64_t i = 0; i < v->n; i++)
        count[f->fold[repeat * v->n + i]][label_of(v, i)]++;
    for (int k = 0; k < f->folds; k++) {
        int64_t rows = count[k][0] + count[k][1] + count[k][2];
        T_CHECK(rows == v->n / f->folds || rows == v->n / f->folds + 1);
        for (int c = 0; c < 3 && by_class; c++)
            T_CHECK(count[k][c] == total[c] / f->folds || count[k][c] == total[c] / f->folds + 1);
    }
}

static void labelled_rows(void)
{
    crm_view *v, *all = NULL;
    crm_data *d = mixed(&v);

    if (!v) return;
    T_EQ_I(v->n, N - 3);
    check_view(v);
    T_OK(crm_view_all(d, &all));
    T_EQ_I(all->n, N);
    crm_view_free(&all);
    crm_view_free(&v);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void stratified_and_plain(void)
{
    static const crm_fold_kind kind[] = {CRM_FOLDS_STRATIFIED, CRM_FOLDS_PLAIN};
    crm_view *v;
    crm_data *d = mixed(&v);

    for (int j = 0; v && j < 2; j++)
        for (int k = 2; k <= 10; k++) {
            crm_folds *f = NULL;
            T_OK(crm_folds_make(v, 0, kind[j], k, 3, 7, NULL, &f));
            if (!f) break;
            T_CHECK(f->folds == k && f->repeats == 3 && f->n == v->n);
            for (int r = 0; r < 3; r++) {
                check_parts(f, v, r);
                check_even(f, v, r, j == 0);
            }
            T_CHECK(memcmp(f->fold, f->fold + v->n, (size_t)v->n * sizeof *f->fold) != 0);
            crm_folds_free(&f);
        }
    crm_view_free(&v);
    crm_data_close(&d);
}

/* Equal seeds give equal folds and digests, others do not. */
static void seeds(void)
{
    crm_view *v;
    crm_data *d = mixed(&v);
    crm_folds *f[3] = {NULL};

    for (int i = 0; v && i < 3; i++)
        T_OK(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 5, 1, i == 2 ? 8 : 7, NULL, &f[i]));
    if (f[0] && f[1] && f[2]) {
        T_CHECK(crm_digest_equal(f[0]->digest, f[1]->digest));
        T_CHECK(!crm_digest_equal(f[0]->digest, f[2]->digest));
        T_CHECK(memcmp(f[0]->fold, f[2]->fold, (size_t)v->n * sizeof *f[0]->fold) != 0);
    }
    for (int i = 0; i < 3; i++)
        crm_folds_free(&f[i]);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void groups_stay_together(void)
{
    int64_t group[N], of[40];
    crm_view *v;
    crm_data *d = mixed(&v);
    crm_folds *f = NULL;

    if (!v) return;
    for (int64_t i = 0; i < N; i++)
        group[i] = 1000 - (i * i) % 37; /* 19 groups of unequal size */
    T_OK(crm_folds_make(v, 0, CRM_FOLDS_GROUPED, 4, 2, 1, group, &f));
    for (int r = 0; f && r < 2; r++) {
        check_parts(f, v, r);
        memset(of, -1, sizeof of);
        for (int64_t i = 0; i < v->n; i++) {
            int64_t *g = &of[1000 - group[v->row[i]]], fold = f->fold[r * v->n + i];
            T_CHECK(*g == -1 || *g == fold);
            *g = fold;
        }
    }
    crm_folds_free(&f);
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_GROUPED, 20, 1, 1, group, &f), CRM_ERR_FORMAT,
            "eval.folds = 20, but there are 19 groups");
    T_CHECK(!f);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void too_few_rows(void)
{
    static const int32_t one_class[] = {1, 1, -1, 1, 1}, none[] = {-1, -1}, single[] = {0};
    crm_view *v;
    crm_folds *f = NULL;
    crm_data *d = mixed(&v);

    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 11, 1, 0, NULL, &f), CRM_ERR_FORMAT,
            "eval.folds = 11, but class 'c' of target 't' has 10 rows");
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_PLAIN, 101, 1, 0, NULL, &f), CRM_ERR_FORMAT,
            "100 labelled rows");
    crm_view_free(&v);
    crm_data_close(&d);
    d = sample_labels(5, one_class);
    T_OK(crm_view_labelled(d, 0, &v));
    T_EQ_I(v->n, 4);
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 2, 1, 0, NULL, &f), CRM_ERR_FORMAT,
            "one class only");
    T_FAILS(crm_folds_holdout(v, 0, 0.5, 1, 0, &f), CRM_ERR_FORMAT, "one class only");
    crm_view_free(&v);
    crm_data_close(&d);
    d = sample_labels(2, none);
    T_OK(crm_view_labelled(d, 0, &v));
    T_EQ_I(v->n, 0);
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_PLAIN, 2, 1, 0, NULL, &f), CRM_ERR_FORMAT, "no class");
    crm_view_free(&v);
    crm_data_close(&d);
    d = sample_labels(1, single);
    T_OK(crm_view_labelled(d, 0, &v));
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_PLAIN, 2, 1, 0, NULL, &f), CRM_ERR_FORMAT, "one class");
    crm_view_free(&v);
    crm_data_close(&d);
}

static void hold_out(void)
{
    static const int want[3] = {18, 9, 3}; /* round(0.3 * 61), round(0.3 * 29), 0.3 * 10 */
    crm_view *v;
    crm_data *d = mixed(&v);
    crm_folds *f = NULL;

    if (v) T_OK(crm_folds_holdout(v, 0, 0.3, 2, 3, &f));
    for (int r = 0; f && r < 2; r++) {
        int count[3] = {0};
        crm_view *train = NULL, *test = NULL;
        for (int64_t i = 0; i < v->n; i++) {
            T_CHECK(f->fold[r * v->n + i] == 0 || f->fold[r * v->n + i] == -1);
            if (f->fold[r * v->n + i] == 0) count[label_of(v, i)]++;
        }
        for (int c = 0; c < 3; c++)
            T_EQ_I(count[c], want[c]);
        T_OK(crm_folds_views(f, v, r, 0, &train, &test));
        T_CHECK(test->n == 30 && train->n == 70);
        crm_view_free(&train);
        crm_view_free(&test);
    }
    if (f) T_CHECK(memcmp(f->fold, f->fold + v->n, (size_t)v->n * sizeof *f->fold) != 0);
    crm_folds_free(&f);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void inner_split(void)
{
    static const int32_t label[] = {0, 0, 1, 2, 2, 2, 2, 2, 2, 2};
    crm_data *d = sample_labels(10, label);
    crm_view *v = NULL, *first = NULL, *second = NULL;
    int count[3] = {0};

    T_OK(crm_view_labelled(d, 0, &v));
    T_OK(crm_view_split(v, NULL, 0, 0.01, 5, &first,
                        &second)); /* at least one of each class with two */
    for (int64_t i = 0; second && i < second->n; i++)
        count[label[second->row[i]]]++;
    T_CHECK(count[0] == 1 && count[1] == 0 && count[2] == 1);
    T_EQ_I(first->n, 8);
    crm_view_free(&first);
    crm_view_free(&second);
    T_OK(crm_view_split(v, NULL, 0, 0.999, 5, &first, &second)); /* and one stays behind */
    T_CHECK(second->n == 7 && first->n == 3);
    crm_view_free(&first);
    crm_view_free(&second);
    crm_view_free(&v);
    crm_data_close(&d);
}

/* Rows that stay together are on one side, and one group is never all of the other. */
static void inner_split_of_groups(void)
{
    static const int32_t label[] = {0, 0, 1, 1, 0, 1, 0, 1, 0, 1};
    static const int64_t pairs[] = {7, 7, 5, 5, 3, 3, 9, 9, 1, 1}, one[10] = {0};
    crm_data *d = sample_labels(10, label);
    crm_view *v = NULL, *first = NULL, *second = NULL;

    T_OK(crm_view_labelled(d, 0, &v));
    for (uint64_t seed = 0; seed < 20; seed++) {
        int count[10] = {0};
        T_OK(crm_view_split(v, pairs, 0, 0.4, seed, &first, &second));
        T_CHECK(second->n >= 2 && first->n >= 2 && first->n + second->n == 10);
        for (int64_t i = 0; i < second->n; i++)
            count[pairs[second->row[i]]]++;
        for (int k = 0; k < 10; k++)
            T_CHECK(count[k] == 0 || count[k] == 2);
        crm_view_free(&first);
        crm_view_free(&second);
    }
    T_OK(crm_view_split(v, one, 0, 0.4, 1, &first, &second));
    T_CHECK(first->n == 10 && second->n == 0);
    crm_view_free(&first);
    crm_view_free(&second);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void read_case(const crm_view *v, const char *text, size_t len, const char *message)
{
    crm_folds *f = NULL;

    T_OK(crm_path_write_atomic(sample_path("folds.txt"), text, len));
    if (message)
        T_FAILS(crm_folds_read(v, sample_path("folds.txt"), &f), CRM_ERR_FORMAT, message);
    else
        T_OK(crm_folds_read(v, sample_path("folds.txt"), &f));
    T_CHECK((f == NULL) == (message != NULL));
    crm_folds_free(&f);
}

static void folds_of_a_file(void)
{
    static const int32_t label[] = {0, 1, -1, 0, 1};
    static const struct {
        const char *text, *message;
    } row[] = {
        {"0\n1\n7\n0\n1\n", NULL}, /* the number of an unlabelled row does not matter */
        {"0\n1\n0\n0\n1", NULL},
        {"0\n1\nx\n0\n1\n", "folds.txt:3:"},
        {"0\n1\n\n0\n1\n", "folds.txt:3:"},
        {"0\n1\n0,1\n0\n1\n", "folds.txt:3:"},
        {"0\n1\n0\n-2\n1\n", "folds.txt:4:"},
        {"0\n1\n0\n0\n1\n1\n", "folds.txt:6: more lines"},
        {"0\n1\n0\n0\n", "4 lines, the data set has 5 rows"},
        {"", "0 lines"},
        {"-1\n-1\n0\n-1\n-1\n", "largest fold number is -1"},
        {"0\n4\n0\n0\n1\n", "largest fold number is 4"},
        {"0\n2\n0\n0\n2\n", "fold 1 of column 1 has no labelled row"},
        {"0,0\n1,-1\n0,1\n0,0\n1,-1\n", "fold 1 of column 2 has no labelled row"},
        {"99999999999\n1\n0\n0\n1\n", "largest fold number is 99999999999"},
    };
    static const char two[] = "0,1\r\n1,0\r\n-1,-1\r\n1,-1\r\n0,1\r\n";
    crm_data *d = sample_labels(5, label);
    crm_view *v = NULL;
    crm_folds *f = NULL;

    T_OK(crm_view_labelled(d, 0, &v));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        read_case(v, row[i].text, strlen(row[i].text), row[i].message);
    T_FAILS(crm_folds_read(v, sample_path("none"), &f), CRM_ERR_IO, "No such file");
    T_OK(crm_path_write_atomic(sample_path("two"), two, strlen(two)));
    T_OK(crm_folds_read(v, sample_path("two"), &f));
    if (f) {
        static const int32_t want[] = {0, 1, 1, 0, 1, 0, -1, 1};
        T_CHECK(f->folds == 2 && f->repeats == 2 && f->n == 4);
        T_CHECK(memcmp(f->fold, want, sizeof want) == 0);
    }
    crm_folds_free(&f);
    crm_view_free(&v);
    crm_data_close(&d);
}

/* ---- duplicates: array group/number ---- */
enum { DUP = 90, DUP_BIG = 12 };

/* Rows 0..11 are one customer, then 15 pairs, then 48 single rows; every third row has class b. */
static void duplicate_rows(int32_t *label, int64_t *number)
{
    for (int i = 0; i < DUP; i++) {
        number[i] = i < DUP_BIG ? -5 : i < DUP_BIG + 30 ? 1000 - (i - DUP_BIG) / 2 : 5000 + i;
        label[i] = i % 3 == 0;
    }
}

static crm_data *with_duplicates(crm_view **v)
{
    int32_t label[DUP];
    int64_t number[DUP];
    sample_array a[] = {{"target/t/label", CRM_I32, 1, {DUP}, label},
                        {"group/number", CRM_I64, 1, {DUP}, number},
                        {0}};
    static const sample_names t[] = {{"target/t/label", "classes", 2, {"a", "b"}}, {0}};
    crm_data *d = NULL;

    duplicate_rows(label, number);
    T_OK(sample_write(sample_path("twins.h5"), DUP, a, t, "customer"));
    T_OK(crm_data_open(sample_path("twins.h5"), &d));
    T_OK(crm_view_labelled(d, 0, v));
    T_CHECK(crm_data_group(d) && crm_data_group(d)[3] == -5);
    return d;
}

/* Rows with equal numbers have equal folds. */
static void check_together(const crm_data *d, const int32_t *fold)
{
    const int64_t *number = crm_data_group(d);

    for (int i = 0; i < DUP; i++)
        for (int j = 0; j < i; j++)
            T_CHECK(number[i] != number[j] || fold[i] == fold[j]);
}

/* 30 of 90 rows are of class b, 18 rows and 6 of them to each of five folds, where groups allow
 * that; the customer of 12 rows has 4 of them. */
static void duplicates_stay_together(void)
{
    crm_view *v, *train, *test;
    crm_data *d = with_duplicates(&v);
    crm_folds *f = NULL;

    T_OK(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 5, 3, 7, NULL, &f));
    for (int r = 0; r < 3; r++) {
        int64_t rows[5] = {0}, b[5] = {0};
        check_together(d, f->fold + r * DUP);
        for (int i = 0; i < DUP; i++) {
            rows[f->fold[r * DUP + i]]++;
            b[f->fold[r * DUP + i]] += i % 3 == 0;
        }
        for (int k = 0; k < 5; k++)
            T_CHECK(rows[k] == 18 && b[k] == 6);
    }
    T_CHECK(memcmp(f->fold, f->fold + DUP, DUP * sizeof *f->fold) != 0);
    crm_folds_free(&f);
    T_OK(crm_folds_make(v, 0, CRM_FOLDS_PLAIN, 5, 1, 7, NULL, &f));
    check_together(d, f->fold);
    crm_folds_free(&f);
    T_OK(crm_folds_make(v, 0, CRM_FOLDS_CONTIGUOUS, 7, 1, 7, NULL, &f));
    check_together(d, f->fold);
    T_CHECK(f->fold[0] == 0 && f->fold[DUP - 1] == 6);
    crm_folds_free(&f);
    T_OK(crm_folds_holdout(v, 0, 0.25, 2, 7, &f));
    for (int r = 0; r < 2; r++)
        check_together(d, f->fold + r * DUP);
    crm_folds_free(&f);
    T_OK(crm_view_split(v, NULL, 0, 0.2, 3, &train, &test));
    T_CHECK(train->n + test->n == DUP && test->n >= 12 && test->n <= 30);
    crm_view_free(&train);
    crm_view_free(&test);
    crm_view_free(&v);
    crm_data_close(&d);
}

/* Groups of a column are joined where they share a customer; the
 * first 18 rows are four groups, too few for 5 folds. */
static void duplicates_join_groups(void)
{
    crm_view *v;
    crm_data *d = with_duplicates(&v);
    int64_t column[DUP];
    crm_folds *f = NULL;

    for (int i = 0; i < DUP; i++)
        column[i] = i / 9; /* rows 0..8, 9..17 ...: both have rows of the first customer */
    T_OK(crm_folds_make(v, 0, CRM_FOLDS_GROUPED, 3, 2, 1, column, &f));
    for (int r = 0; r < 2; r++) {
        check_together(d, f->fold + r * DUP);
        T_EQ_I(f->fold[r * DUP], f->fold[r * DUP + 17]);
        for (int i = 0; i < DUP; i++)
            T_EQ_I(f->fold[r * DUP + i], f->fold[r * DUP + i / 9 * 9]);
    }
    crm_folds_free(&f);
    v->n = DUP_BIG + 6;
    T_FAILS(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 5, 1, 1, NULL, &f), CRM_ERR_FORMAT,
            "class 'a' of target 't' has 4 groups of duplicates");
    crm_view_free(&v);
    crm_data_close(&d);
}

/* Of the rows that a draw took: fold 1; all rows are in one part, in their order. */
static void parts_of(const crm_view *v, const int64_t *group, double fraction, uint64_t seed,
                     int32_t *fold, int64_t *n)
{
    crm_view *part[2];

    T_OK(crm_view_draw(v, group, fraction, seed, &part[0], &part[1]));
    T_EQ_I(part[0]->n + part[1]->n, v->n);
    *n = part[1]->n;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < part[k]->n; i++) {
            T_CHECK(i == 0 || part[k]->row[i] > part[k]->row[i - 1]);
            fold[part[k]->row[i]] = k;
        }
    crm_view_free(&part[0]);
    crm_view_free(&part[1]);
}

static void draws(void)
{
    crm_view *v;
    crm_data *d = with_duplicates(&v);
    int64_t column[DUP], n, sum = 0;
    int32_t fold[DUP];

    for (int i = 0; i < DUP; i++)
        column[i] = i / 9;
    for (uint64_t seed = 0; seed < 50; seed++) {
        parts_of(v, NULL, 0.3, seed, fold, &n);
        check_together(d, fold);
        sum += n;
        parts_of(v, column, 0.3, seed, fold, &n);
        check_together(d, fold);
        for (int i = 0; i < DUP; i++)
            T_EQ_I(fold[i], fold[i / 9 * 9]);
        parts_of(v, NULL, 0.001, seed, fold, &n); /* neither part is empty */
        T_CHECK(n >= 1 && n <= 12);
        parts_of(v, NULL, 0.999, seed, fold, &n);
        T_CHECK(n >= DUP - 12 && n < DUP);
    }
    T_CHECK(sum > 50 * DUP / 5 && sum < 50 * DUP * 2 / 5); /* some .3 of the rows */
    memset(column, 0, sizeof column);
    parts_of(v, column, 0.999, 1, fold, &n); /* one group: it is not parted */
    T_EQ_I(n, 0);
    crm_view_free(&v);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"labelled rows", labelled_rows},
                                   {"stratified and plain folds", stratified_and_plain},
                                   {"seeds", seeds},
                                   {"groups stay together", groups_stay_together},
                                   {"too few rows", too_few_rows},
                                   {"hold-out", hold_out},
                                   {"inner split", inner_split},
                                   {"an inner split keeps groups", inner_split_of_groups},
                                   {"folds of a file", folds_of_a_file},
                                   {"duplicates stay together", duplicates_stay_together},
                                   {"duplicates join groups", duplicates_join_groups},
                                   {"draws", draws},
                                   {NULL, NULL}};
    return sample_main(argc, argv, cases);
}
