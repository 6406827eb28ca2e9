/* svm_map.c - features z(x) with z(x)'z(y) near a kernel k(x, y).
 *
 * Nystroem (Williams & Seeger 2001): landmarks l_1 ... l_r among the training rows, K their kernel
 * = L L', z(x) = L^-1 (k(x, l_1) ... k(x, l_r)), then z(x)'z(y) = k_x' K^-1 k_y.  L is the pivoted
 * Cholesky factor (Fine & Scheinberg 2001): landmarks in the order of what the former leave of
 * their diagonal, until that is PIVOT_MIN of the largest; a kernel that is not positive
 * (sigmoid) ends there too.  Equal to features by eigenvectors up to a rotation, which a squared
 * penalty does not see.
 *
 * Fourier (Rahimi & Recht 2007), for exp(-gamma |x - y|^2): z_k(x) = sqrt(2 / r) cos(w_k'x + b_k),
 * w_k normal with variance 2 gamma, b_k uniform; both are kept in turns (divided by 2 pi). */
#include <math.h>
#include <string.h>

#include "crmpi/base_rng.h"
#include "crmpi/base_simd.h"
#include "svm_impl.h"

typedef double lanes __attribute__((vector_size(SVC_LANES * 8), may_alias));
enum { CHAINS = 4 };
#define PIVOT_MIN 1e-10
#define TURN      6.28318530717958647693

void svc_map_free(svc_map *m)
{
    crm_mem_free(m->base);
    crm_mem_free(m->factor);
    crm_mem_free(m->inverse);
    crm_mem_free(m->phase);
    svc_pack_free(&m->pack);
    *m = (svc_map){0};
}

static crm_status shape(int method, const svc_kernel *k, int64_t d, int64_t width, svc_map *m)
{
    *m = (svc_map){.method = method, .kernel = *k, .d = d, .width = width};
    if (method == CRM_SVM_FOURIER) m->kernel.kind = CRM_SVM_LINEAR;
    CRM_NEW(m->base, width * d);
    if (method == CRM_SVM_FOURIER)
        CRM_NEW(m->phase, width);
    else {
        CRM_NEW(m->factor, width * width);
        CRM_NEW(m->inverse, width);
    }
    return CRM_OK;
}

/* ---- fit ---- */

static crm_status draw_waves(svc_map *m, uint64_t seed)
{
    double sd = sqrt(2 * m->kernel.gamma) / TURN;

    for (int64_t k = 0; k < m->width; k++) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_FEATURES, 1, (uint64_t)k);
        for (int64_t j = 0; j < m->d; j++)
            m->base[k * m->d + j] = (float)(sd * crm_rng_normal(&r));
        m->phase[k] = crm_rng_uniform(&r);
    }
    return svc_pack_new(m->width, m->d, m->base, NULL, &m->pack);
}

/* Labelled rows in an order keyed by the seed, the first n of them. */
static crm_status draw_rows(const crm_fit *fit, int64_t *n, int64_t *row)
{
    const crm_view *v = fit->train;
    const int32_t *label = crm_data_target(v->data, fit->target)->label;
    int64_t *order, m = 0;

    CRM_NEW(order, v->n);
    crm_rng_permute(fit->seed, CRM_RNG_FEATURES, 0, v->n, order);
    for (int64_t i = 0; i < v->n && m < *n; i++)
        if (label[v->row[order[i]]] >= 0) row[m++] = v->row[order[i]];
    *n = m;
    crm_mem_free(order);
    return CRM_OK;
}

static crm_status read_landmarks(const crm_fit *fit, const crm_source *in, int64_t *n, float *x)
{
    int64_t *row = NULL;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, row, *n);
    CRM_NEW_TO(st, done, cat, *n * crm_source_schema(in)->n_cat);
    CRM_TRY_TO(st, done, draw_rows(fit, n, row));
    st = crm_source_read(in, row, *n, x, cat);
done:
    crm_mem_free(row);
    crm_mem_free(cat);
    return st;
}

typedef struct cholesky {
    int64_t n, stride;       /* stride: n in whole blocks */
    double *kernel, *factor; /* [n][stride] of landmarks in their first order */
    double *left;            /* [n] of the diagonal */
    int64_t *pivot;          /* [n] landmarks taken, then the others */
} cholesky;

static int64_t best_pivot(const cholesky *c, int64_t k)
{
    int64_t best = k;

    for (int64_t i = k + 1; i < c->n; i++) {
        double a = c->left[c->pivot[i]], b = c->left[c->pivot[best]];
        if (a > b || (a == b && c->pivot[i] < c->pivot[best])) best = i;
    }
    return best;
}

/* Column k of the factor: pivot p against the landmarks that are not taken yet. */
static void take_pivot(cholesky *c, int64_t k, int64_t p)
{
    double *top = c->factor + p * c->stride, root = sqrt(c->left[p]);
    int64_t whole = (k + SVC_LANES - 1) / SVC_LANES * SVC_LANES;

    for (int64_t i = k + 1; i < c->n; i++) {
        int64_t q = c->pivot[i];
        double *row = c->factor + q * c->stride;
        row[k] = (c->kernel[q * c->stride + p] - svc_dot(whole, row, top)) / root;
        c->left[q] -= row[k] * row[k];
    }
    top[k] = root; /* last: the products go over whole blocks */
}

/* Rank of the kernel of the landmarks. */
static int64_t decompose(cholesky *c)
{
    double largest = 0;

    for (int64_t i = 0; i < c->n; i++) {
        c->pivot[i] = i;
        c->left[i] = c->kernel[i * c->stride + i];
        largest = c->left[i] > largest ? c->left[i] : largest;
    }
    for (int64_t k = 0; k < c->n; k++) {
        int64_t at = best_pivot(c, k), p = c->pivot[at];
        if (!(c->left[p] > PIVOT_MIN * largest)) return k;
        c->pivot[at] = c->pivot[k];
        c->pivot[k] = p;
        take_pivot(c, k, p);
    }
    return c->n;
}

static crm_status cholesky_new(const svc_kernel *kernel, int64_t n, int64_t d, const float *x,
                               cholesky *c)
{
    svc_pack pack = {0};
    crm_status st;

    CRM_TRY_TO(st, done, svc_pack_new(n, d, x, NULL, &pack));
    c->n = n;
    c->stride = pack.blocks * SVC_LANES;
    CRM_NEW_TO(st, done, c->kernel, n * c->stride);
    CRM_NEW_TO(st, done, c->factor, n * c->stride);
    CRM_NEW_TO(st, done, c->left, n);
    CRM_NEW_TO(st, done, c->pivot, n);
    for (int64_t i = 0; i < n; i += SVC_ROWS)
        svc_kernel_rows(kernel, &pack, n - i < SVC_ROWS ? n - i : SVC_ROWS, x + i * d,
                        c->kernel + i * c->stride);
done:
    svc_pack_free(&pack);
    return st;
}

static void cholesky_free(cholesky *c)
{
    crm_mem_free(c->kernel);
    crm_mem_free(c->factor);
    crm_mem_free(c->left);
    crm_mem_free(c->pivot);
}

static crm_status finish(svc_map *m)
{
    for (int64_t k = 0; k < m->width; k++)
        m->inverse[k] = 1 / m->factor[k * m->width + k];
    return svc_pack_new(m->width, m->d, m->base, NULL, &m->pack);
}

/* The landmarks that the factor took, in its order. */
static crm_status keep_pivots(const cholesky *c, const svc_kernel *k, int64_t d, int64_t rank,
                              const float *x, svc_map *out)
{
    CRM_TRY(shape(CRM_SVM_NYSTROEM, k, d, rank, out));
    for (int64_t i = 0; i < rank; i++) {
        int64_t p = c->pivot[i];
        if (d) memcpy(out->base + i * d, x + p * d, (size_t)d * sizeof *x);
        memcpy(out->factor + i * rank, c->factor + p * c->stride,
               (size_t)(i + 1) * sizeof *c->factor);
    }
    return finish(out);
}

static crm_status find_landmarks(const svc_kernel *k, int64_t n, const crm_fit *fit,
                                 const crm_source *in, svc_map *out)
{
    int64_t d = crm_source_schema(in)->n_num;
    cholesky c = {0};
    float *x;
    crm_status st;

    CRM_NEW(x, n * d);
    CRM_TRY_TO(st, done, read_landmarks(fit, in, &n, x));
    CRM_TRY_TO(st, done, cholesky_new(k, n, d, x, &c));
    st = keep_pivots(&c, k, d, decompose(&c), x, out);
done:
    cholesky_free(&c);
    crm_mem_free(x);
    return st;
}

crm_status svc_map_new(int method, const svc_kernel *k, int64_t n_features, const crm_fit *fit,
                       const crm_source *in, svc_map *out)
{
    crm_status st;

    *out = (svc_map){0};
    if (method == CRM_SVM_NYSTROEM)
        return crm_comm_agree(fit->comm, find_landmarks(k, n_features, fit, in, out));
    st = shape(method, k, crm_source_schema(in)->n_num, n_features, out);
    if (!st) st = draw_waves(out, fit->seed);
    return crm_comm_agree(fit->comm, st);
}

/* ---- features of rows, LANES at once ---- */

/* z[width] in place: L z = k, in CHAINS sums side by side. */
static inline void substitute(const svc_map *m, lanes *z)
{
    for (int64_t i = 0; i < m->width; i++) {
        const double *row = m->factor + i * m->width;
        lanes a = {0}, b = {0}, c = {0}, d = {0};
        int64_t j = 0;
        for (; j + CHAINS <= i; j += CHAINS) {
            a += row[j] * z[j];
            b += row[j + 1] * z[j + 1];
            c += row[j + 2] * z[j + 2];
            d += row[j + 3] * z[j + 3];
        }
        for (; j < i; j++)
            a += row[j] * z[j];
        z[i] = (z[i] - ((a + b) + (c + d))) * m->inverse[i];
    }
}

/* cos(2 pi t): t - round(t) = r, cos(2 pi r) = sin(2 pi (1/4 - |r|)), Taylor's series up to the
 * 17th power (its rest is below 1e-13).  A t without digits behind the point counts as 0. */
static inline double cos_turns(double t)
{
    const double shift = 0x1.8p52;
    double s = fabs(t) < 0x1p50 ? t : 0, r = s - ((s + shift) - shift);
    double y = (0.25 - fabs(r)) * TURN, q = y * y, p = 1.0 / 355687428096000;

    p = p * q - 1.0 / 1307674368000;
    p = p * q + 1.0 / 6227020800;
    p = p * q - 1.0 / 39916800;
    p = p * q + 1.0 / 362880;
    p = p * q - 1.0 / 5040;
    p = p * q + 1.0 / 120;
    p = p * q - 1.0 / 6;
    return y + y * q * p;
}

static inline void waves(const svc_map *m, lanes *z)
{
    double scale = sqrt(2 / (double)m->width);

    for (int64_t k = 0; k < m->width; k++) {
        double *v = (double *)&z[k];
        for (int l = 0; l < SVC_LANES; l++)
            v[l] = scale * cos_turns(v[l] + m->phase[k]);
    }
}

CRM_SIMD static void features(const svc_map *m, int64_t n, lanes *z, float *out)
{
    if (m->method == CRM_SVM_NYSTROEM)
        substitute(m, z);
    else
        waves(m, z);
    for (int64_t q = 0; q < n; q++)
        for (int64_t k = 0; k < m->width; k++)
            out[q * m->width + k] = (float)((const double *)&z[k])[q];
}

void svc_map_rows(const void *map, int64_t n, const float *num, const int32_t *cat, float *out)
{
    const svc_map *m = map;
    double kernel[SVC_ROWS * CRM_SVM_COMPONENTS_MAX] __attribute__((aligned(64)));
    lanes z[CRM_SVM_COMPONENTS_MAX];
    int64_t stride = m->pack.blocks * SVC_LANES;

    (void)cat;
    for (int64_t at = 0; at < n; at += SVC_LANES) {
        int64_t rows = n - at < SVC_LANES ? n - at : SVC_LANES;
        for (int64_t k = 0; k < m->width; k++)
            memset(&z[k], 0, sizeof z[k]);
        for (int64_t q = 0; q < rows; q += SVC_ROWS) {
            int64_t some = rows - q < SVC_ROWS ? rows - q : SVC_ROWS;
            svc_kernel_rows(&m->kernel, &m->pack, some, num + (at + q) * m->d, kernel);
            for (int64_t k = 0; k < m->width; k++)
                for (int64_t l = 0; l < some; l++)
                    ((double *)&z[k])[q + l] = kernel[l * stride + k];
        }
        features(m, rows, z, out + at * m->width);
    }
}

/* ---- bags ---- */

crm_status svc_map_save(const svc_map *m, crm_bag *b)
{
    CRM_TRY(crm_bag_put(b, m->method == CRM_SVM_NYSTROEM ? "landmark" : "frequency", CRM_F32, 2,
                        (int64_t[]){m->width, m->d}, m->base));
    if (m->method == CRM_SVM_FOURIER)
        return crm_bag_put(b, "phase", CRM_F64, 1, (int64_t[]){m->width}, m->phase);
    return crm_bag_put(b, "factor", CRM_F64, 2, (int64_t[]){m->width, m->width}, m->factor);
}

/* What both have besides their base, a number for each feature or for each two. */
static crm_status load_numbers(const crm_bag *b, const char *name, int64_t n, double *out)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F64, n, &a));
    for (int64_t i = 0; i < n; i++) {
        out[i] = ((const double *)a->data)[i];
        CRM_CHECK(isfinite(out[i]), CRM_ERR_FORMAT, "model file: map/%s[%lld] is not finite", name,
                  (long long)i);
    }
    return CRM_OK;
}

static crm_status load_factor(svc_map *m, const crm_bag *b)
{
    CRM_TRY(load_numbers(b, "factor", m->width * m->width, m->factor));
    for (int64_t k = 0; k < m->width; k++)
        CRM_CHECK(m->factor[k * m->width + k] > 0, CRM_ERR_FORMAT,
                  "model file: map/factor has no positive diagonal at %lld", (long long)k);
    return finish(m);
}

crm_status svc_map_load(int method, const svc_kernel *k, int64_t d, crm_bag *b, svc_map *out)
{
    const char *name = method == CRM_SVM_NYSTROEM ? "landmark" : "frequency";
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F32, -1, &a));
    CRM_CHECK(a->rank == 2 && a->dim[1] == d && a->dim[0] >= 0 &&
                  a->dim[0] <= CRM_SVM_COMPONENTS_MAX,
              CRM_ERR_FORMAT, "model file: map/%s has not %lld columns, or over %d rows", name,
              (long long)d, CRM_SVM_COMPONENTS_MAX);
    CRM_TRY(shape(method, k, d, a->dim[0], out));
    for (int64_t i = 0; i < a->n; i++) {
        out->base[i] = ((const float *)a->data)[i];
        CRM_CHECK(isfinite(out->base[i]), CRM_ERR_FORMAT, "model file: map/%s[%lld] is not finite",
                  name, (long long)i);
    }
    if (method == CRM_SVM_NYSTROEM) return load_factor(out, b);
    CRM_TRY(load_numbers(b, "phase", out->width, out->phase));
    return svc_pack_new(out->width, d, out->base, NULL, &out->pack);
}
