/* knn_screen.c - euclidean neighbours of many queries: products in f32 sort out what is too far,
 * what is left gets its distance in f64.
 *
 * Rows x and queries q are centred and scaled by a power of two to x', q' (f32, |x'_j| <= 1).  The
 * product of (-q', 1) and (x', h) with h = (1 - 2 g) |x'|^2 / 2 is an estimate of
 *
 *     |x'|^2 / 2 - q'x' = (|x' - q'|^2 - |q'|^2) / 2.
 *
 * No true neighbour is lost.  Let u = 2^-24, g >= (number of operations of a chain + 4) u, D the
 * squared distance of the worst neighbour so far in the same units.
 * - A chain of f32 operations errs by at most g (h + |q'||x'|) <= g (|x'|^2 + |q'|^2 / 2)
 *   (Higham, "Accuracy and Stability of Numerical Algorithms", 3.1; |q'||x'| is at most half the
 *   sum of the squares), and by (d + 1) 2^-126 where results are flushed to 0.
 * - Rounding to x' and q' moves a distance by at most u (|x'| + |q'|), hence a squared distance of
 *   at most D to at most D (1 + 4 u) + 2 u (|x'|^2 + |q'|^2).
 * So the estimate of a row within D is at most (D (1 + 4 u) - (1 - 2 g) |q'|^2) / 2, plus the
 * flushed part: what grows with |x'|^2 is covered by the 2 g in h.  Rows whose estimate is above
 * that are left out; 2^-20 D is added for the rounding of D itself. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_simd.h"
#include "crmpi/device.h"
#include "knn_impl.h"

/* Rows of a panel, a product with which the CPU device does not copy the queries. */
enum { PANEL = 128 };
/* Scaled coordinates of queries beyond this are not multiplied: every row is looked at. */
#define FAR_OUT 1e6

struct knn_screen {
    const knn_rows *rows;
    crm_device *cpu;
    double *centre, scale, g; /* centre [d] */
    int64_t panels, stride;   /* panel number i is visited at place i stride mod panels */
    float *panel;             /* [PANEL][d + 1] (x', h) */
    float *estimate;          /* [n][PANEL] for n queries at a time */
    int32_t *hit;             /* [n] */
    float *query, *limit;     /* [n][d + 1] (-q', 1); [n] */
    double *square;           /* [n] |q'|^2 */
    int64_t room;             /* n */
};

static CRM_SIMD void add_rows(const float *restrict x, int64_t n, int64_t d, double *restrict sum)
{
    for (int64_t i = 0; i < n; i++, x += d)
        for (int64_t j = 0; j < d; j++)
            sum[j] += (double)x[j];
}

/* Largest |x - centre| of each column. */
static CRM_SIMD void find_reach(const float *restrict x, int64_t n, int64_t d,
                                const double *restrict centre, double *restrict reach)
{
    for (int64_t i = 0; i < n; i++, x += d)
        for (int64_t j = 0; j < d; j++) {
            double t = fabs((double)x[j] - centre[j]);
            reach[j] = t > reach[j] ? t : reach[j];
        }
}

/* The power of two that brings `most` into (0.5, 1]. */
static double scale_of(double most)
{
    double scale = 1;

    while (most > 0 && most * scale > 1)
        scale *= 0.5;
    while (most > 0 && most * scale <= 0.5)
        scale *= 2;
    return scale;
}

/* The centre is the mean. */
static crm_status find_frame(knn_screen *s)
{
    const knn_rows *r = s->rows;
    double *reach, most = 0;

    CRM_NEW(s->centre, r->d);
    CRM_NEW(reach, r->d);
    add_rows(r->x, r->n, r->d, s->centre);
    for (int64_t j = 0; j < r->d; j++)
        s->centre[j] /= (double)r->n;
    find_reach(r->x, r->n, r->d, s->centre, reach);
    for (int64_t j = 0; j < r->d; j++)
        most = reach[j] > most ? reach[j] : most;
    s->scale = scale_of(most);
    crm_mem_free(reach);
    return CRM_OK;
}

static int64_t divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* Neighbours stand at any place of rows in some order, too, when panels come in another. */
static int64_t find_stride(int64_t panels)
{
    int64_t s = (int64_t)(0.618 * (double)panels);

    if (s < 1) s = 1;
    while (divisor(s, panels) > 1)
        s++;
    return s;
}

static crm_status fill(knn_screen *s)
{
    const knn_rows *r = s->rows;

    CRM_NEW(s->panel, PANEL * (r->d + 1));
    CRM_TRY(find_frame(s));
    s->g = (double)(r->d + 64) * 0x1p-24;
    s->panels = (r->n + PANEL - 1) / PANEL;
    s->stride = find_stride(s->panels);
    return crm_device_cpu(CRM_CPU_BEST, &s->cpu);
}

crm_status knn_screen_new(const knn_rows *r, knn_screen **out)
{
    knn_screen *s;
    crm_status st;

    *out = NULL;
    CRM_NEW(s, 1);
    s->rows = r;
    st = fill(s);
    if (st) knn_screen_free(&s);
    *out = s;
    return st;
}

static void free_room(knn_screen *s)
{
    crm_mem_free(s->estimate);
    crm_mem_free(s->hit);
    crm_mem_free(s->query);
    crm_mem_free(s->limit);
    crm_mem_free(s->square);
    s->estimate = s->query = s->limit = NULL;
    s->hit = NULL;
    s->square = NULL;
    s->room = 0;
}

void knn_screen_free(knn_screen **at)
{
    knn_screen *s = *at;

    if (!s) return;
    free_room(s);
    crm_device_free(&s->cpu);
    crm_mem_free(s->centre);
    crm_mem_free(s->panel);
    crm_mem_free(s);
    *at = NULL;
}

static crm_status make_room(knn_screen *s, int64_t n)
{
    if (n <= s->room) return CRM_OK;
    free_room(s);
    CRM_NEW(s->estimate, n * PANEL);
    CRM_NEW(s->hit, n);
    CRM_NEW(s->query, n * (s->rows->d + 1));
    CRM_NEW(s->limit, n);
    CRM_NEW(s->square, n);
    s->room = n;
    return CRM_OK;
}

/* to[d] = sign (x - centre) scale in f32; returns the sum of the squares of what is stored. */
static inline double centred(const knn_screen *s, const float *restrict x, double sign,
                             float *restrict to)
{
    double f = sign * s->scale, a[4] = {0};
    int64_t d = s->rows->d, j = 0;

    for (int64_t i = 0; i < d; i++)
        to[i] = (float)(((double)x[i] - s->centre[i]) * f);
    for (; j + 4 <= d; j += 4)
        for (int l = 0; l < 4; l++)
            a[l] += (double)to[j + l] * (double)to[j + l];
    for (int l = 0; j < d; l++, j++)
        a[l] += (double)to[j] * (double)to[j];
    return (a[0] + a[2]) + (a[1] + a[3]);
}

static CRM_SIMD void set_panel(knn_screen *s, int64_t first, int64_t n)
{
    int64_t d = s->rows->d;

    for (int64_t i = 0; i < n; i++) {
        float *to = s->panel + i * (d + 1);
        double square = centred(s, s->rows->x + (first + i) * d, 1, to);
        to[d] = (float)(0.5 * (1 - 2 * s->g) * square);
    }
}

/* The largest estimate that a row may have to be a neighbour, rounded up. */
static float limit_of(const knn_screen *s, const knn_list *l, double square)
{
    double worst = knn_worst(l) * s->scale * s->scale;
    double t = 0.5 * (worst * (1 + 0x1p-20) - (1 - 2 * s->g) * square) +
               (double)(s->rows->d + 2) * 0x1p-120;

    return t >= (double)FLT_MAX ? INFINITY : nextafterf((float)t, INFINITY);
}

static void set_query(knn_screen *s, const knn_queries *q, int64_t i)
{
    int64_t d = s->rows->d;
    float *to = s->query + i * (d + 1);
    double square = centred(s, q->x + i * d, -1, to), most = 0;

    for (int64_t j = 0; j < d; j++)
        most = fabs((double)to[j]) > most ? fabs((double)to[j]) : most;
    to[d] = 1;
    s->square[i] = square;
    s->limit[i] = INFINITY;
    if (most <= FAR_OUT) return;
    memset(to, 0, (size_t)d * sizeof *to); /* estimates are then finite and below the limit */
    s->square[i] = -1;
}

/* Queries of n with an estimate that is not above their limit -> hit[*]; returns their number. */
static CRM_SIMD int64_t find_hits(const float *restrict estimate, const float *restrict limit,
                                  int64_t n, int32_t *restrict hit)
{
    int64_t found = 0;

    for (int64_t i = 0; i < n; i++, estimate += PANEL) {
        int any = 0;
        for (int j = 0; j < PANEL; j++)
            any |= estimate[j] <= limit[i];
        hit[found] = (int32_t)i;
        found += any;
    }
    return found;
}

/* Places among PANEL estimates that are not above the limit -> at[*]; returns their number. */
static CRM_SIMD int find_places(const float *restrict estimate, float limit, int *restrict at)
{
    int n = 0;

    for (int from = 0; from < PANEL; from += 16) {
        int any = 0;
        for (int j = 0; j < 16; j++)
            any |= estimate[from + j] <= limit;
        for (int j = from; any && j < from + 16; j++) {
            at[n] = j;
            n += estimate[j] <= limit;
        }
    }
    return n;
}

/* Exact distances of the rows of a panel that may be near query i. */
static void look(knn_screen *s, const knn_queries *q, int64_t i, int64_t first)
{
    const knn_rows *r = s->rows;
    const float *e = s->estimate + i * PANEL;
    knn_list *l = &q->list[i];
    int place[PANEL + 1], n = find_places(e, s->limit[i], place);

    for (int c = 0; c < n; c++) {
        int64_t at = first + place[c];
        double dist;
        if (!(e[place[c]] <= s->limit[i])) continue;
        dist = r->metric->row(r->x + at * r->d, q->q + i * r->d, r->d, r->p);
        if (dist > knn_worst(l)) continue;
        knn_offer(l, dist, at);
        if (s->square[i] >= 0) s->limit[i] = limit_of(s, l, s->square[i]);
    }
}

static crm_status search_panel(knn_screen *s, const knn_queries *q, int64_t first, int64_t n)
{
    int64_t d = s->rows->d + 1, hits;
    crm_tensor x = crm_tensor_2d(s->query, CRM_F32, q->n, d),
               w = crm_tensor_2d(s->panel, CRM_F32, n, d),
               y = crm_tensor_2d(s->estimate, CRM_F32, q->n, n);

    y.ld = PANEL;
    set_panel(s, first, n);
    CRM_TRY(crm_op_linear(s->cpu, &x, &w, NULL, CRM_ACT_NONE, &y));
    for (int64_t i = 0; i < q->n && n < PANEL; i++)
        for (int64_t j = n; j < PANEL; j++)
            s->estimate[i * PANEL + j] = NAN;
    hits = find_hits(s->estimate, s->limit, q->n, s->hit);
    for (int64_t i = 0; i < hits; i++)
        look(s, q, s->hit[i], first);
    return CRM_OK;
}

crm_status knn_screen_search(knn_screen *s, knn_queries *q)
{
    CRM_TRY(make_room(s, q->n));
    for (int64_t i = 0; i < q->n; i++)
        set_query(s, q, i);
    for (int64_t i = 0, at = 0; i < s->panels; i++, at = (at + s->stride) % s->panels) {
        int64_t first = at * PANEL, left = s->rows->n - first;
        CRM_TRY(search_panel(s, q, first, left < PANEL ? left : PANEL));
    }
    return CRM_OK;
}
