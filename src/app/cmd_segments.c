/* cmd_segments.c - segments of customers: k-means on columns or on learnt vectors, how good and how
 * stable they are, what is in them. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "app_segments.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/feature.h"
#include "crmpi/report_segments.h"

enum { ITERATIONS = 300, MOST = 64 };
static const double TOLERANCE = 1e-4;

static const char *const power_names[] = {"none", "log1p", "yeo_johnson", NULL};
_Static_assert(sizeof power_names / sizeof *power_names == CRM_POWER_COUNT + 1, "names");

#define S app_segments_cfg
const crm_opt app_segments_opts[] = {
    CRM_OPT_I(S, clusters, "segments.clusters", 0, 0, MOST, "clusters", CRM_OPT_LAYOUT,
              "Segments that crmpi segments makes; 0 chooses the number by silhouette."),
    CRM_OPT_I(S, most, "segments.most", 8, 2, MOST, "clusters", CRM_OPT_LAYOUT,
              "Most segments to choose from, 2 on, when segments.clusters is 0."),
    CRM_OPT_I(S, restarts, "segments.restarts", 4, 1, 1000, "1", CRM_OPT_LAYOUT,
              "Seedings of k-means, of which the one with the least inertia stays."),
    CRM_OPT_I(S, sample, "segments.sample", 2000, 2, 100000, "rows", CRM_OPT_LAYOUT,
              "Customers, drawn by seed, that silhouettes are worked out on."),
    CRM_OPT_I(S, seeds, "segments.seeds", 5, 1, 100, "1", CRM_OPT_LAYOUT,
              "Fits with seeds of their own that the stability of segments is measured over."),
    CRM_OPT_I(S, seed, "segments.seed", 0, 0, 1e15, "1", CRM_OPT_LAYOUT, "First of the seeds."),
    CRM_OPT_E(
        S, power, "segments.power", "none", power_names, CRM_OPT_LAYOUT,
        "Numbers become sign(x) log(1 + |x|), or their Yeo-Johnson transform, before they are "
        "scaled: a few customers with very large ones then make no segment of their own."),
    CRM_OPT_I(S, columns, "segments.columns", 12, 1, 1000, "columns", CRM_OPT_LAYOUT,
              "Columns in the table and the figure: those that tell the segments apart most."),
    CRM_OPT_L(S, value, "segments.value",
              "amount,price,spend,spent,revenue,sales,charge,cost,payment,income,salary,balance,"
              "money,monetary,turnover,saved,fare",
              NULL, CRM_OPT_LAYOUT,
              "Words that columns of money have in their names, for the grouping of the table."),
    {.key = NULL},
};

/* ---- the folder ---- */
static const char *const files[] = {"segments.csv", "segments.json", "segments.svg"};
enum { FILES = sizeof files / sizeof *files };

static bool is_ours(const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return true;
    for (int i = 0; i < FILES; i++) {
        size_t n = strlen(files[i]);
        if (strncmp(name, files[i], n) == 0 && (!name[n] || strcmp(name + n, ".tmp") == 0))
            return true;
    }
    return false;
}

/* A folder may hold what this command wrote, and nothing else.  Rank 0. */
static crm_status check_folder(const char *dir)
{
    const struct dirent *e;
    int others = 0;
    DIR *d;

    if (!crm_path_exists(dir)) return CRM_OK;
    CRM_CHECK(crm_path_is_dir(dir), CRM_ERR_CONFIG, "%s: is a file; --out of segments is a folder",
              dir);
    d = opendir(dir);
    CRM_CHECK(d, CRM_ERR_IO, "%s: cannot be read: %s", dir, strerror(errno));
    while ((e = readdir(d)))
        others += !is_ours(e->d_name);
    closedir(d);
    CRM_CHECK(others == 0, CRM_ERR_CONFIG,
              "%s: holds %d other file%s or folders; choose another --out or empty it", dir, others,
              others == 1 ? "" : "s");
    return CRM_OK;
}

/* ---- clusters ---- */
static crm_kmeans_cfg kmeans_cfg(const segments_work *w, int k, int64_t seed)
{
    const app_segments_cfg *c = &w->a->segments;

    return (crm_kmeans_cfg){.k = k,
                            .restarts = (int)c->restarts,
                            .iterations = ITERATIONS,
                            .tolerance = TOLERANCE,
                            .seed = crm_rng_derive((uint64_t)c->seed, (uint64_t)seed, 0, 0)};
}

static void say(const segments_work *w, const char *what, int i, int n, double score)
{
    if (app_is_root(w->a))
        crm_log_line(CRM_LOG_INFO, "segments", "%s %d of %d: %.4f", what, i, n, score);
}

/* One number of clusters; more than there are different points end the choice. */
static crm_status try_number(segments_work *w, int k, double *best, bool *end)
{
    crm_kmeans_cfg cfg = kmeans_cfg(w, k, 0);
    crm_kmeans m;
    crm_status st = crm_kmeans_fit(&w->points, &cfg, NULL, &m);

    *end = st == CRM_ERR_CONFIG && k > 2;
    if (*end) crm_err_clear();
    if (st) return *end ? CRM_OK : st;
    st = crm_kmeans_silhouette(&w->points, &m, w->r.sample, w->r.seed, &w->r.score[k], NULL);
    if (!st) say(w, "clusters: silhouette of", k, w->r.most, w->r.score[k]);
    if (!st && w->r.score[k] > *best) {
        crm_kmeans swap = w->found;
        w->found = m;
        m = swap;
        *best = w->r.score[k];
    }
    crm_kmeans_free(&m);
    return st;
}

static crm_status choose(segments_work *w)
{
    double best = -INFINITY;
    bool end = false;
    crm_status st = CRM_OK;

    w->r.most = (int)w->a->segments.most;
    w->r.score = crm_mem_new((size_t)w->r.most + 1, sizeof *w->r.score);
    if (!w->r.score) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: silhouettes");
    CRM_TRY(crm_comm_agree(w->a->world, st));
    for (int k = 0; k <= w->r.most; k++)
        w->r.score[k] = NAN;
    for (int k = 2; k <= w->r.most && !end; k++)
        CRM_TRY(try_number(w, k, &best, &end));
    return CRM_OK;
}

static crm_status find(segments_work *w)
{
    int64_t k = w->a->segments.clusters;
    crm_kmeans_cfg cfg = kmeans_cfg(w, (int)k, 0);

    if (k == 0)
        CRM_TRY(choose(w));
    else
        CRM_TRY(crm_kmeans_fit(&w->points, &cfg, NULL, &w->found));
    w->r.k = w->found.k;
    w->r.inertia = w->found.inertia;
    return CRM_OK;
}

/* ---- stability ---- */
/* Adds, for each segment, the largest Jaccard index with a cluster of the other fit (Hennig,
 * Comput. Stat. Data Anal. 52, 2007). */
static crm_status add_jaccard(segments_work *w, const crm_kmeans *m)
{
    int k = w->r.k;
    int64_t first, end, *both = crm_mem_new((size_t)k * (size_t)k, sizeof *both);
    crm_status st = CRM_OK;

    if (!both) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d segments", k);
    CRM_TRY_TO(st, done, crm_comm_agree(w->a->world, st));
    crm_kmeans_range(w->a->world, w->r.rows, &first, &end);
    for (int64_t i = 0; i < end - first; i++)
        both[w->found.label[i] * k + m->label[i]]++;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(w->a->world, both, (int64_t)k * k));
    for (int i = 0; i < k; i++) {
        double best = 0;
        for (int j = 0; j < k; j++) {
            int64_t in = both[i * k + j], all = w->found.count[i] + m->count[j] - in;
            if (all > 0 && (double)in / (double)all > best) best = (double)in / (double)all;
        }
        w->r.jaccard[i] += best / (w->r.seeds - 1);
    }
done:
    crm_mem_free(both);
    return st;
}

static crm_status one_seed(segments_work *w, int s)
{
    crm_kmeans_cfg cfg = kmeans_cfg(w, w->r.k, s);
    int64_t first, end;
    crm_kmeans m;
    crm_status st;

    CRM_TRY(crm_kmeans_fit(&w->points, &cfg, NULL, &m));
    crm_kmeans_range(w->a->world, w->r.rows, &first, &end);
    st = crm_kmeans_agreement(w->a->world, end - first, w->found.label, w->r.k, m.label, w->r.k,
                              &w->r.agreement[s - 1]);
    if (!st) st = add_jaccard(w, &m);
    if (!st) say(w, "seed: adjusted Rand index of", s + 1, w->r.seeds, w->r.agreement[s - 1]);
    crm_kmeans_free(&m);
    return st;
}

static crm_status new_figures(segments_work *w)
{
    crm_segmentation *r = &w->r;

    CRM_NEW(r->agreement, r->seeds);
    CRM_NEW(r->count, r->k);
    CRM_NEW(r->silhouette_of, r->k);
    CRM_NEW(r->jaccard, r->k);
    memcpy(r->count, w->found.count, (size_t)r->k * sizeof *r->count);
    for (int i = 0; i < r->k && r->seeds == 1; i++)
        r->jaccard[i] = NAN;
    return CRM_OK;
}

static crm_status judge(segments_work *w)
{
    crm_segmentation *r = &w->r;

    CRM_TRY(crm_comm_agree(w->a->world, new_figures(w)));
    CRM_TRY(crm_kmeans_silhouette(&w->points, &w->found, r->sample, r->seed, &r->silhouette,
                                  r->silhouette_of));
    for (int s = 1; s < r->seeds; s++)
        CRM_TRY(one_seed(w, s));
    return CRM_OK;
}

/* ---- files ---- */
/* Distance to the own centre and to the nearest other one; nothing where there is none. */
static void add_row(const segments_work *w, int64_t row, int label, const double *d2, crm_str *s)
{
    char id[2048];
    int next = -1;

    for (int j = 0; j < w->r.k; j++)
        if (j != label && (next < 0 || d2[j] < d2[next])) next = j;
    app_add_field(s, crm_data_row_id(w->d, row, id, sizeof id));
    crm_str_addf(s, ",%d,%.9g,", label + 1, sqrt(d2[label]));
    if (next >= 0) crm_str_addf(s, "%.9g", sqrt(d2[next]));
    crm_str_addf(s, "\n");
}

/* Lines of the rows of this rank. */
static crm_status add_rows(const segments_work *w, crm_str *s)
{
    enum { PIECE = 1024 };
    int64_t first, end, width = w->points.width;
    int32_t label[PIECE];
    double *d2;

    CRM_NEW(d2, PIECE * (int64_t)w->r.k);
    crm_kmeans_range(w->a->world, w->r.rows, &first, &end);
    for (int64_t i = first; i < end; i += PIECE) {
        int64_t n = end - i < PIECE ? end - i : PIECE;
        crm_kmeans_assign(&w->found, n, w->points.x + (i - first) * width, label, d2);
        for (int64_t j = 0; j < n; j++)
            add_row(w, i + j, w->found.label[i + j - first], d2 + j * w->r.k, s);
    }
    crm_mem_free(d2);
    CRM_CHECK(!s->failed, CRM_ERR_NOMEM, "out of memory: lines of %lld rows",
              (long long)(end - first));
    return CRM_OK;
}

static crm_status write_file(const app *a, int which, const void *text, size_t len)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_path_join(a->args.out, files[which], path, sizeof path));
    return crm_path_write_atomic(path, text, len);
}

static crm_status write_str(const app *a, int which, crm_str *s)
{
    crm_status st = CRM_OK;

    if (s->failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", files[which]);
    else
        st = write_file(a, which, s->text, s->len);
    crm_str_free(s);
    return st;
}

/* Rank 0: all files and the table. */
static crm_status write_all(const segments_work *w, const void *csv, size_t len)
{
    crm_str json = {0}, svg = {0}, table = {0};

    CRM_TRY(crm_path_mkdirs(w->a->args.out));
    CRM_TRY(write_file(w->a, 0, csv, len));
    if (crm_segmentation_write(&w->r, &json)) json.failed = true; /* memory alone can fail */
    CRM_TRY(write_str(w->a, 1, &json));
    crm_report_segments_svg(&w->r, &svg);
    CRM_TRY(write_str(w->a, 2, &svg));
    crm_report_segments_terminal(&w->r, &table);
    CRM_CHECK(!table.failed, CRM_ERR_NOMEM, "out of memory: the table of segments");
    printf("%s\n%s: segments.csv, segments.json, segments.svg\n", table.text, w->a->args.out);
    crm_str_free(&table);
    return CRM_OK;
}

static crm_status write_segments(const segments_work *w)
{
    crm_str csv = {0};
    void *all = NULL;
    size_t len = 0;
    crm_status st;

    if (app_is_root(w->a)) crm_str_addf(&csv, "id,segment,distance,distance_next\n");
    st = crm_comm_agree(w->a->world, add_rows(w, &csv));
    if (!st) st = crm_comm_gather(w->a->world, 0, csv.text, csv.len, &all, &len, NULL);
    if (!st) st = crm_comm_agree(w->a->world, app_is_root(w->a) ? write_all(w, all, len) : CRM_OK);
    crm_mem_free(all);
    crm_str_free(&csv);
    return st;
}

/* ---- the command ---- */
static void warn_empty(const segments_work *w)
{
    crm_str names = {0};
    int n = 0;

    for (int i = 0; i < w->r.n_columns; i++)
        if (w->r.column[i].present == 0 && n++ < 8)
            crm_str_addf(&names, "%s'%s'", n > 1 ? ", " : "", w->r.column[i].name);
    if (n > 0 && names.text && app_is_root(w->a))
        crm_log_line(CRM_LOG_WARN, "segments", "no customer has a value in %d column%s: %s%s", n,
                     n == 1 ? "" : "s", names.text, n > 8 ? ", ..." : "");
    crm_str_free(&names);
}

static crm_status segment(segments_work *w)
{
    const app_segments_cfg *c = &w->a->segments;

    w->r.data = crm_data_digest(w->d);
    w->r.rows = crm_data_rows(w->d);
    w->r.seed = (uint64_t)c->seed;
    w->r.restarts = c->restarts;
    w->r.sample = c->sample;
    w->r.seeds = (int)c->seeds;
    if (c->power != CRM_POWER_NONE && !w->a->args.vectors) w->r.power = power_names[c->power];
    CRM_TRY(crm_comm_agree(w->a->world, crm_view_all(w->d, &w->view)));
    w->fit = (crm_fit){.comm = w->a->world, .pool = w->a->pool, .train = w->view};
    CRM_TRY(app_segments_points(w));
    CRM_TRY(find(w));
    CRM_TRY(judge(w));
    CRM_TRY(app_segments_table(w));
    warn_empty(w);
    return write_segments(w);
}

static void work_free(segments_work *w)
{
    crm_kmeans_free(&w->found);
    crm_segmentation_free(&w->r);
    crm_source_free(&w->raw);
    crm_view_free(&w->view);
    crm_store_close(&w->store);
    crm_mem_free(w->x);
}

crm_status cmd_segments(app *a)
{
    segments_work w = {.a = a};
    crm_data *d = NULL;
    crm_status st;

    CRM_CHECK(a->args.operand && a->args.out, CRM_ERR_CONFIG,
              "segments needs a data set and a folder: crmpi segments DATA.h5 --out DIR");
    CRM_TRY(app_configure(a, NULL, NULL, 0));
    CRM_TRY(app_watch(a));
    CRM_TRY(crm_comm_agree(a->world, app_is_root(a) ? check_folder(a->args.out) : CRM_OK));
    CRM_TRY(crm_comm_agree(a->world, crm_data_open(a->args.operand, &d)));
    w.d = d;
    st = crm_data_verify(a->world, d);
    if (!st) st = segment(&w);
    work_free(&w);
    crm_data_close(&d);
    return st;
}
