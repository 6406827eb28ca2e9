/* calibrate.c - maps of all scores of a row, and what is made of them: probabilities of classes. */
#include "calibrate.h"

#include <math.h>
#include <string.h>

#include "calibrate_impl.h"
#include "crmpi/base_math.h"

const char *const calibrate_kind_names[] = {"platt", "isotonic", "none", NULL};
_Static_assert(sizeof calibrate_kind_names / sizeof *calibrate_kind_names ==
                   CALIBRATE_KIND_COUNT + 1,
               "names");

int64_t calibrate_width(calibrate_shape shape, int m)
{
    if (m < 2) return 0;
    if (shape == CALIBRATE_PAIRS) return (int64_t)m * (m - 1) / 2;
    return m == 2 ? 1 : m;
}

int64_t calibrate_pair(int m, int i, int j)
{
    return (int64_t)i * (2 * (int64_t)m - i - 1) / 2 + (j - i - 1);
}

crm_status calibrate_new(calibrate_kind kind, calibrate_shape shape, int m, calibrate *out)
{
    *out =
        (calibrate){.kind = (int)kind, .shape = (int)shape, .m = m, .n = calibrate_width(shape, m)};
    CRM_NEW(out->a, out->n);
    CRM_NEW(out->b, out->n);
    CRM_NEW(out->first, out->n + 1);
    for (int64_t i = 0; i < out->n; i++)
        out->a[i] = -1;
    return CRM_OK;
}

void calibrate_free(calibrate *c)
{
    crm_mem_free(c->a);
    crm_mem_free(c->b);
    crm_mem_free(c->first);
    crm_mem_free(c->knot);
    crm_mem_free(c->height);
    *c = (calibrate){0};
}

/* ---- fit ---- */

static crm_status make_room(calibrate *c, int64_t used, int64_t more)
{
    int64_t room = used + more > 2 * c->room ? used + more : 2 * c->room;
    double *p;

    if (used + more <= c->room) return CRM_OK;
    p = crm_mem_grow(c->knot, (size_t)used, (size_t)room, sizeof *p);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld knots", (long long)room);
    c->knot = p;
    p = crm_mem_grow(c->height, (size_t)used, (size_t)room, sizeof *p);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld knots", (long long)room);
    c->height = p;
    c->room = room;
    return CRM_OK;
}

static crm_status fit_isotonic(calibrate *c, int64_t map, int64_t n, const double *s,
                               const uint8_t *yes)
{
    int64_t used = c->first[map];
    void *work = crm_mem_new((size_t)n, calibrate_isotonic_work());
    crm_status st = CRM_OK;

    CRM_CHECK(work, CRM_ERR_NOMEM, "out of memory: %lld scores", (long long)n);
    CRM_TRY_TO(st, done, make_room(c, used, n));
    used += calibrate_isotonic(n, s, yes, work, c->knot + used, c->height + used);
    for (int64_t i = map + 1; i <= c->n; i++)
        c->first[i] = used;
done:
    crm_mem_free(work);
    return st;
}

crm_status calibrate_fit_map(calibrate *c, int64_t map, int64_t n, const double *score,
                             const uint8_t *yes)
{
    double *s = NULL;
    uint8_t *y = NULL;
    int64_t m = 0;
    crm_status st = CRM_OK;

    if (c->kind == CALIBRATE_NONE) return CRM_OK;
    CRM_NEW_TO(st, done, s, n);
    CRM_NEW_TO(st, done, y, n);
    for (int64_t i = 0; i < n; i++) {
        if (isnan(score[i])) continue;
        s[m] = score[i];
        y[m++] = yes[i];
    }
    if (m > 0 && c->kind == CALIBRATE_PLATT)
        calibrate_platt(m, s, y, &c->a[map], &c->b[map]);
    else if (m > 0)
        st = fit_isotonic(c, map, m, s, y);
done:
    crm_mem_free(s);
    crm_mem_free(y);
    return st;
}

/* Rows that the map of slots i (and j of a pair; -1: the rest) is about. */
static crm_status fit_slots(calibrate *c, int64_t map, int i, int j, int64_t n, const double *score,
                            const int32_t *slot)
{
    double *s = NULL;
    uint8_t *yes = NULL;
    int64_t m = 0;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, s, n);
    CRM_NEW_TO(st, done, yes, n);
    for (int64_t r = 0; r < n; r++) {
        if (slot[r] < 0 || (j >= 0 && slot[r] != i && slot[r] != j)) continue;
        s[m] = score[r * c->n + map];
        yes[m++] = slot[r] == i;
    }
    st = calibrate_fit_map(c, map, m, s, yes);
done:
    crm_mem_free(s);
    crm_mem_free(yes);
    return st;
}

crm_status calibrate_fit(calibrate *c, int64_t n, const double *score, const int32_t *slot)
{
    if (c->kind == CALIBRATE_NONE || c->n == 0) return CRM_OK;
    if (c->shape == CALIBRATE_REST) {
        if (c->m == 2) return fit_slots(c, 0, 1, 0, n, score, slot);
        for (int i = 0; i < c->m; i++)
            CRM_TRY(fit_slots(c, i, i, -1, n, score, slot));
        return CRM_OK;
    }
    for (int i = 0; i < c->m; i++)
        for (int j = i + 1; j < c->m; j++)
            CRM_TRY(fit_slots(c, calibrate_pair(c->m, i, j), i, j, n, score, slot));
    return CRM_OK;
}

/* ---- probabilities ---- */

static double mapped(const calibrate *c, int64_t map, double s)
{
    int64_t at = c->first[map], n = c->first[map + 1] - at;

    if (c->kind == CALIBRATE_ISOTONIC && n > 0)
        return calibrate_interpolate(n, c->knot + at, c->height + at, s);
    return crm_sigmoid(-(c->a[map] * s + c->b[map]));
}

/* Of two classes: p is that of slot yes, which wins when decided. */
static void put_two(double p, int yes, double *proba)
{
    proba[yes] = p;
    proba[!yes] = 1 - p;
}

/* A margin so small that its sigmoid is 0.5 must not lose the decision; 0 is slot 1's in a pair, as
 * in libsvm, and slot 0's else. */
static void decide_two(const calibrate *c, double s, double *proba)
{
    int yes = c->shape == CALIBRATE_PAIRS ? 0 : 1, winner = s > 0 ? yes : !yes;
    double p = crm_sigmoid(fabs(s)), least = 0.5 + 0x1p-52;

    put_two(p > least ? p : least, winner, proba);
}

static void normalise(int m, double *p)
{
    double sum = 0;

    for (int i = 0; i < m; i++)
        sum += p[i];
    for (int i = 0; i < m; i++)
        p[i] = sum > 0 ? p[i] / sum : 1.0 / m;
}

static void softmax(int m, const double *s, double *p)
{
    double top = s[0];

    for (int i = 1; i < m; i++)
        top = s[i] > top ? s[i] : top;
    for (int i = 0; i < m; i++)
        p[i] = crm_exp(s[i] - top);
    normalise(m, p);
}

static void count_votes(int m, const double *s, double *p)
{
    memset(p, 0, (size_t)m * sizeof *p);
    for (int i = 0; i < m; i++)
        for (int j = i + 1; j < m; j++)
            p[*s++ > 0 ? i : j]++;
    normalise(m, p);
}

/* ---- pairwise coupling ---- */
enum { COUPLE_ITER = 1000 };
#define COUPLE_TOL 1e-10
#define PAIR_MIN   1e-7

/* q[m][m]: q_tt = sum r_st^2, q_ts = -r_st r_ts, where r_ts is the probability of t in the pair. */
static void couple_matrix(const calibrate *c, const double *s, double *q)
{
    int m = c->m;
    int64_t map = 0;

    memset(q, 0, (size_t)m * (size_t)m * sizeof *q);
    for (int i = 0; i < m; i++)
        for (int j = i + 1; j < m; j++, map++) {
            double r = mapped(c, map, s[map]);
            r = r < PAIR_MIN ? PAIR_MIN : r > 1 - PAIR_MIN ? 1 - PAIR_MIN : r;
            q[i * m + i] += (1 - r) * (1 - r);
            q[j * m + j] += r * r;
            q[i * m + j] = q[j * m + i] = -r * (1 - r);
        }
}

/* qp = q p; returns p' q p. */
static double couple_value(int m, const double *q, const double *p, double *qp)
{
    double value = 0;

    for (int t = 0; t < m; t++) {
        qp[t] = 0;
        for (int s = 0; s < m; s++)
            qp[t] += q[t * m + s] * p[s];
        value += p[t] * qp[t];
    }
    return value;
}

/* One round over the classes: p_t makes (q p)_t equal to p' q p, then p is divided by its sum. */
static void couple_round(int m, const double *q, double value, double *p, double *qp)
{
    for (int t = 0; t < m; t++) {
        double d = (value - qp[t]) / q[t * m + t], whole = 1 + d;
        p[t] += d;
        value = (value + d * (d * q[t * m + t] + 2 * qp[t])) / (whole * whole);
        for (int s = 0; s < m; s++) {
            qp[s] = (qp[s] + d * q[t * m + s]) / whole;
            p[s] /= whole;
        }
    }
}

static void couple(const calibrate *c, const double *s, double *work, double *p)
{
    int m = c->m;
    double *q = work, *qp = work + (int64_t)m * m;

    couple_matrix(c, s, q);
    for (int i = 0; i < m; i++)
        p[i] = 1.0 / m;
    for (int k = 0; k < COUPLE_ITER; k++) {
        double value = couple_value(m, q, p, qp), worst = 0;
        for (int t = 0; t < m; t++)
            worst = fabs(qp[t] - value) > worst ? fabs(qp[t] - value) : worst;
        if (worst < COUPLE_TOL / m) break;
        couple_round(m, q, value, p, qp);
    }
    normalise(m, p);
}

static void row_proba(const calibrate *c, const double *s, double *work, double *p)
{
    bool pairs = c->shape == CALIBRATE_PAIRS;

    if (c->m == 1)
        p[0] = 1;
    else if (c->m == 2 && c->kind == CALIBRATE_NONE)
        decide_two(c, s[0], p);
    else if (c->m == 2)
        put_two(mapped(c, 0, s[0]), pairs ? 0 : 1, p);
    else if (c->kind == CALIBRATE_NONE && pairs)
        count_votes(c->m, s, p);
    else if (c->kind == CALIBRATE_NONE)
        softmax(c->m, s, p);
    else if (pairs)
        couple(c, s, work, p);
    else {
        for (int i = 0; i < c->m; i++)
            p[i] = mapped(c, i, s[i]);
        normalise(c->m, p);
    }
}

crm_status calibrate_proba(const calibrate *c, int64_t n, const double *score, double *proba,
                           int64_t stride)
{
    double *work = NULL;

    if (c->shape == CALIBRATE_PAIRS) CRM_NEW(work, ((int64_t)c->m + 1) * c->m);
    for (int64_t i = 0; i < n; i++)
        row_proba(c, score + i * c->n, work, proba + i * stride);
    crm_mem_free(work);
    return CRM_OK;
}

/* ---- bags ---- */

static crm_status put(crm_bag *b, const char *name, crm_dtype t, int64_t n, const void *p)
{
    return crm_bag_put(b, name, t, 1, &n, p);
}

crm_status calibrate_save(const calibrate *c, crm_bag *b)
{
    int64_t knots = c->first[c->n];

    CRM_TRY(crm_bag_put_text(b, "kind", calibrate_kind_names[c->kind]));
    if (c->kind == CALIBRATE_NONE) return CRM_OK;
    CRM_TRY(put(b, "a", CRM_F64, c->n, c->a));
    CRM_TRY(put(b, "b", CRM_F64, c->n, c->b));
    if (c->kind == CALIBRATE_PLATT) return CRM_OK;
    CRM_TRY(put(b, "first", CRM_I64, c->n + 1, c->first));
    CRM_TRY(put(b, "knot", CRM_F64, knots, c->knot));
    return put(b, "height", CRM_F64, knots, c->height);
}

static crm_status load_numbers(const crm_bag *b, const char *name, int64_t n, double *out)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F64, n, &a));
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(isfinite(((const double *)a->data)[i]), CRM_ERR_FORMAT,
                  "model file: calibration/%s[%lld] is not finite", name, (long long)i);
    if (n) memcpy(out, a->data, (size_t)n * sizeof *out);
    return CRM_OK;
}

static crm_status check_knots(const calibrate *c)
{
    for (int64_t m = 0; m < c->n; m++)
        for (int64_t i = c->first[m]; i < c->first[m + 1]; i++)
            CRM_CHECK(c->height[i] >= 0 && c->height[i] <= 1 &&
                          (i == c->first[m] || c->knot[i] > c->knot[i - 1]),
                      CRM_ERR_FORMAT, "model file: knot %lld of the calibration is out of order",
                      (long long)i);
    return CRM_OK;
}

static crm_status load_knots(calibrate *c, const crm_bag *b)
{
    const crm_bag_array *first, *knot;
    const int64_t *at;

    CRM_TRY(crm_bag_get(b, "first", CRM_I64, c->n + 1, &first));
    CRM_TRY(crm_bag_get(b, "knot", CRM_F64, -1, &knot));
    at = first->data;
    for (int64_t i = 0; i < c->n; i++)
        CRM_CHECK(at[i + 1] >= at[i], CRM_ERR_FORMAT,
                  "model file: knots of map %lld of the calibration are out of order",
                  (long long)i);
    CRM_CHECK(at[0] == 0 && at[c->n] == knot->n, CRM_ERR_FORMAT,
              "model file: %lld knots of the calibration, %lld are told", (long long)knot->n,
              (long long)at[c->n]);
    memcpy(c->first, at, (size_t)(c->n + 1) * sizeof *at);
    CRM_TRY(make_room(c, 0, knot->n));
    CRM_TRY(load_numbers(b, "knot", c->first[c->n], c->knot));
    CRM_TRY(load_numbers(b, "height", c->first[c->n], c->height));
    return check_knots(c);
}

crm_status calibrate_load(calibrate *c, calibrate_kind kind, calibrate_shape shape, int m,
                          crm_bag *b)
{
    const char *text;

    CRM_TRY(crm_bag_get_text(b, "kind", &text));
    CRM_CHECK(strcmp(text, calibrate_kind_names[kind]) == 0, CRM_ERR_FORMAT,
              "model file: calibration by %.40s, not %s", text, calibrate_kind_names[kind]);
    CRM_TRY(calibrate_new(kind, shape, m, c));
    if (kind == CALIBRATE_NONE) return CRM_OK;
    CRM_TRY(load_numbers(b, "a", c->n, c->a));
    CRM_TRY(load_numbers(b, "b", c->n, c->b));
    return kind == CALIBRATE_ISOTONIC ? load_knots(c, b) : CRM_OK;
}
