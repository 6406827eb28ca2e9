/* eval_segments.c - ranks of the models over the levels of a categorical column: Friedman, Iman &
 * Davenport, Nemenyi (Demsar 2006).  A segment's rows are tested once, in the first repeat. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

enum { SEGMENT_ROWS = 10 }; /* tested rows below which a level is left out */

crm_status crm_study_segment_column(const study *s, int *at)
{
    const char *name = s->e->cfg->segment;
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(s->e->data, &num, &cat);

    for (*at = 0; *at < c->n_cat; ++*at)
        if (strcmp(c->cat_name[*at], name) == 0) return CRM_OK;
    *at = -1;
    CRM_CHECK(!name[0], CRM_ERR_CONFIG, "eval.segment: '%s' is not a categorical column of %s",
              name, crm_data_path(s->e->data));
    return CRM_OK;
}

/* ---- rows of the levels ------------------------------------------------------------------------
 */

typedef struct segments {
    const study *s;
    const tested_rows *t; /* [models] */
    int models, levels, column;
    int64_t *first; /* [levels + 1] places of a level's rows in `place` */
    int64_t *place; /* of tested rows, level by level */
    double *score;  /* [models][levels][CRM_METRIC_COUNT]; NaN: not defined */
} segments;

static int32_t level_of(const segments *g, int64_t i)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(g->s->e->data, &num, &cat);

    return cat[g->t->row[i] * c->n_cat + g->column];
}

/* Rows with a missing value belong to none. */
static crm_status sort_rows(segments *g)
{
    int64_t *at;

    CRM_NEW(g->first, g->levels + 1);
    CRM_NEW(g->place, g->t->n);
    CRM_NEW(at, g->levels + 1);
    for (int64_t i = 0; i < g->t->n; i++)
        if (level_of(g, i) >= 0) g->first[level_of(g, i) + 1]++;
    for (int l = 0; l < g->levels; l++)
        g->first[l + 1] += g->first[l];
    memcpy(at, g->first, (size_t)(g->levels + 1) * sizeof *at);
    for (int64_t i = 0; i < g->t->n; i++)
        if (level_of(g, i) >= 0) g->place[at[level_of(g, i)]++] = i;
    crm_mem_free(at);
    return CRM_OK;
}

static crm_status score_level(const segments *g, int m, int l, int32_t *label, double *proba)
{
    const tested_rows *t = &g->t[m];
    double *out = g->score + ((int64_t)m * g->levels + l) * CRM_METRIC_COUNT;
    int64_t n = g->first[l + 1] - g->first[l];

    for (int i = 0; i < CRM_METRIC_COUNT; i++)
        out[i] = (double)NAN;
    if (n < SEGMENT_ROWS) return CRM_OK;
    for (int64_t i = 0; i < n; i++) {
        int64_t from = g->place[g->first[l] + i];
        label[i] = t->label[from];
        memcpy(proba + i * t->k, t->proba + from * t->k, (size_t)t->k * sizeof *proba);
    }
    return crm_stats_metrics(n, t->k, label, proba, out, NULL);
}

static crm_status score_levels(segments *g)
{
    int32_t *label = NULL;
    double *proba = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, g->score, (int64_t)g->models * g->levels * CRM_METRIC_COUNT);
    CRM_NEW_TO(st, done, label, g->t->n);
    CRM_NEW_TO(st, done, proba, g->t->n * g->t->k);
    for (int m = 0; m < g->models && !st; m++)
        for (int l = 0; l < g->levels && !st; l++)
            st = score_level(g, m, l, label, proba);
done:
    crm_mem_free(label);
    crm_mem_free(proba);
    return st;
}

/* ---- ranks -------------------------------------------------------------------------------------
 */

static double score_of(const segments *g, int m, int l, crm_metric metric)
{
    return g->score[((int64_t)m * g->levels + l) * CRM_METRIC_COUNT + metric];
}

static bool is_used(const segments *g, int l, crm_metric metric)
{
    for (int m = 0; m < g->models; m++)
        if (!isfinite(score_of(g, m, l, metric))) return false;
    return true;
}

static void set_friedman(const crm_friedman *f, const double *rank_sum, int models,
                         crm_sum_segment_test *out)
{
    bool known = f->state != CRM_STATS_UNDEFINED;
    const double none = (double)NAN;

    for (int m = 0; m < models; m++)
        out->mean_rank[m] = known ? rank_sum[m] / (double)f->n : none;
    out->chi2 = known ? f->chi2 : none;
    out->chi2_df = known ? f->df1 : none;
    out->chi2_p = known ? f->p_chi2 : none;
    out->f = f->state == CRM_STATS_OK ? f->f : none;
    out->f_df1 = known ? f->df1 : none;
    out->f_df2 = known ? f->df2 : none;
    out->f_p = known ? f->p_f : none;
    out->cd = known ? f->cd : none;
}

/* One metric; higher is better in `better`, whatever it is in the metric. */
static crm_status rank_models(const segments *g, crm_metric metric, double *better,
                              double *rank_sum, crm_sum_segment_test *out)
{
    crm_friedman f;

    CRM_TRY(crm_study_text(crm_metric_names[metric], &out->metric));
    CRM_NEW(out->score, (int64_t)g->models * g->levels);
    CRM_NEW(out->mean_rank, g->models);
    for (int l = 0; l < g->levels; l++) {
        bool used = is_used(g, l, metric);
        for (int m = 0; m < g->models; m++) {
            double v = score_of(g, m, l, metric);
            out->score[(int64_t)m * g->levels + l] = used ? v : (double)NAN;
            if (used) better[(int64_t)out->used * g->models + m] = crm_metric_direction(metric) * v;
        }
        out->used += used;
    }
    CRM_TRY(crm_stats_friedman(better, out->used, g->models, rank_sum, &f));
    set_friedman(&f, rank_sum, g->models, out);
    return CRM_OK;
}

static crm_status rank_all(const segments *g, crm_sum_segments *out)
{
    double *better = NULL, *rank_sum = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, better, (int64_t)g->models * g->levels);
    CRM_NEW_TO(st, done, rank_sum, g->models);
    CRM_NEW_TO(st, done, out->test, EVAL_COMPARED);
    for (int i = 0; i < EVAL_COMPARED && !st; i++) {
        out->n_tests = i + 1;
        st = rank_models(g, crm_eval_compared[i], better, rank_sum, &out->test[i]);
    }
done:
    crm_mem_free(better);
    crm_mem_free(rank_sum);
    return st;
}

static crm_status name_levels(const segments *g, crm_sum_segments *out)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(g->s->e->data, &num, &cat);
    const char *const *level = c->level ? c->level[g->column] : NULL;
    char number[16];

    CRM_TRY(crm_study_text(c->cat_name[g->column], &out->column));
    CRM_NEW(out->model, g->models);
    CRM_NEW(out->level, g->levels);
    CRM_NEW(out->rows, g->levels);
    for (int m = 0; m < g->models; m++) {
        out->n_models = m + 1;
        CRM_TRY(crm_study_text(g->s->e->spec[m]->name, &out->model[m]));
    }
    for (int l = 0; l < g->levels; l++) {
        out->n_levels = l + 1;
        snprintf(number, sizeof number, "%d", l);
        out->rows[l] = g->first[l + 1] - g->first[l];
        CRM_TRY(crm_study_text(level ? level[l] : number, &out->level[l]));
    }
    return CRM_OK;
}

crm_status crm_study_segments(const study *s, const result *r, crm_sum_segments *out)
{
    segments g = {.s = s, .models = s->e->n_models};
    tested_rows *t = NULL;
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(s->e->data, &num, &cat);
    crm_status st;

    CRM_TRY(crm_study_segment_column(s, &g.column));
    if (g.column < 0 || g.models < 2) return CRM_OK;
    CRM_TRY(crm_study_all_tested(s, r, &t));
    g.t = t;
    g.levels = (int)c->n_levels[g.column];
    st = sort_rows(&g);
    if (!st) st = score_levels(&g);
    if (!st) st = name_levels(&g, out);
    if (!st) st = rank_all(&g, out);
    crm_study_free_tested(s, &t);
    crm_mem_free(g.first);
    crm_mem_free(g.place);
    crm_mem_free(g.score);
    return st;
}
