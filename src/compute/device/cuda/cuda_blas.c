/* cuda_blas.c - matrix products by cuBLASLt, where the library is there and where it pays.
 *
 * A row of C must not depend on how many rows there are.  So which way a product goes depends on
 * everything but m, and an algorithm is chosen once for each such key, at a number of rows of its
 * own (CANONICAL_ROWS), among those that neither split k nor reduce through memory; it must accept
 * other numbers of rows as well, and is used for all of them.  There is no attribute that rules out
 * stream-K, which cuts k where the blocks of a launch end and so by m; its partial sums need a
 * workspace, so none is offered, and an algorithm that wants one for any number of rows is passed
 * over.  A key that no algorithm fits goes to the own kernels.
 *
 * Row-major C = A B^T is column-major C^T = B A^T: cuBLASLt's A is our B, its rows are our columns,
 * and its epilogue of a bias runs along n.  Its ReLU is not used: it may make a number of a NaN.
 *
 * CRM_CUDA_GEMM=own|blaslt in the environment makes all products that cuBLASLt could take go one
 * way, for tests and for comparing the two. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"

#include "cuda_gemm.h"
#include "cuda_libs.h"

enum { CANONICAL_ROWS = 4096, CANDIDATES = 8, PLANS_FIRST = 16 };
enum { ALIGNED = 16 };
/* Products that are worth it.  An activation needs a pass over C behind cuBLASLt, which the own
 * kernels do not: that pays for long sums only (not measured). */
enum { LEAST_N = 16, LEAST_K = 16, LEAST_K_ACT = 256 };

/* Numbers of rows that an algorithm has to accept besides. */
static const int64_t other_rows[] = {1, 2, 7, 33, 1000, 65536, 1 << 20};

typedef struct plan_key {
    int64_t n, k;
    bool b_turned, bias, tf32, aligned; /* aligned: all to 16 bytes */
} plan_key;

/* lt_a is of our B, lt_b of our A. */
typedef struct plan {
    plan_key key;
    bool found;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t lt_a, lt_b, lt_c;
    cublasLtMatmulAlgo_t algo;
} plan;

struct cuda_gemm {
    enum { WAY_AUTO, WAY_OWN, WAY_BLASLT } way;
    const cuda_lt_api *lt; /* NULL: own kernels only */
    cublasLtHandle_t handle;
    plan *plans;
    size_t n, cap;
};

static crm_status lt_check(const cuda_lt_api *lt, cublasStatus_t st, const char *call)
{
    CRM_CHECK(st == CUBLAS_STATUS_SUCCESS, CRM_ERR_DEVICE,
              "%s: %s; CRM_CUDA_GEMM=own in the environment does without cuBLASLt", call,
              lt->cublasLtGetStatusString(st));
    return CRM_OK;
}
#define LT_TRY(lt, name, ...) CRM_TRY(lt_check(lt, (lt)->name(__VA_ARGS__), #name))

/* ---- the way ---- */

static crm_status read_way(struct cuda_gemm *g)
{
    const char *way = getenv("CRM_CUDA_GEMM");

    g->way = !way || !way[0] ? WAY_AUTO : strcmp(way, "own") == 0 ? WAY_OWN : WAY_BLASLT;
    CRM_CHECK(g->way != WAY_BLASLT || strcmp(way, "blaslt") == 0, CRM_ERR_CONFIG,
              "CRM_CUDA_GEMM=%s in the environment: own or blaslt", way);
    return CRM_OK;
}

static crm_status open_library(struct cuda_gemm *g)
{
    const char *why = "";

    CRM_TRY(read_way(g));
    if (g->way == WAY_OWN) return CRM_OK;
    g->lt = cuda_lt_find(&why);
    CRM_CHECK(g->lt || g->way == WAY_AUTO, CRM_ERR_DEVICE, "CRM_CUDA_GEMM=blaslt: %s", why);
    if (g->lt) LT_TRY(g->lt, cublasLtCreate, &g->handle);
    return CRM_OK;
}

static crm_status opened(cuda_state *s, struct cuda_gemm **out)
{
    struct cuda_gemm *g = s->gemm;
    crm_status st = CRM_OK;

    if (!g) {
        CRM_NEW(g, 1);
        CRM_TRY_TO(st, failed, open_library(g));
        s->gemm = g;
    }
    *out = g;
    return CRM_OK;
failed:
    crm_mem_free(g);
    return st;
}

/* ---- plans ---- */

static void plan_drop(const cuda_lt_api *lt, plan *p)
{
    if (p->lt_a) (void)lt->cublasLtMatrixLayoutDestroy(p->lt_a);
    if (p->lt_b) (void)lt->cublasLtMatrixLayoutDestroy(p->lt_b);
    if (p->lt_c) (void)lt->cublasLtMatrixLayoutDestroy(p->lt_c);
    if (p->op) (void)lt->cublasLtMatmulDescDestroy(p->op);
    p->lt_a = p->lt_b = p->lt_c = NULL;
    p->op = NULL;
}

void cuda_gemm_free(cuda_state *s)
{
    struct cuda_gemm *g = s->gemm;

    if (!g) return;
    for (size_t i = 0; i < g->n; i++)
        plan_drop(g->lt, &g->plans[i]);
    if (g->handle) (void)g->lt->cublasLtDestroy(g->handle);
    crm_mem_free(g->plans);
    crm_mem_free(g);
    s->gemm = NULL;
}

static crm_status set_layout(const cuda_lt_api *lt, cublasLtMatrixLayout_t l, int64_t rows,
                             int64_t columns, int64_t ld)
{
    uint64_t extent[2] = {(uint64_t)rows, (uint64_t)columns};

    LT_TRY(lt, cublasLtMatrixLayoutSetAttribute, l, CUBLASLT_MATRIX_LAYOUT_ROWS, &extent[0],
           sizeof extent[0]);
    LT_TRY(lt, cublasLtMatrixLayoutSetAttribute, l, CUBLASLT_MATRIX_LAYOUT_COLS, &extent[1],
           sizeof extent[1]);
    LT_TRY(lt, cublasLtMatrixLayoutSetAttribute, l, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld);
    return CRM_OK;
}

/* For m rows and these distances; an operand of cuBLASLt is column-major. */
static crm_status set_extents(const cuda_lt_api *lt, const plan *p, int64_t m, int64_t lda,
                              int64_t ldb, int64_t ldc)
{
    int64_t n = p->key.n, k = p->key.k;

    CRM_TRY(set_layout(lt, p->lt_a, p->key.b_turned ? n : k, p->key.b_turned ? k : n, ldb));
    CRM_TRY(set_layout(lt, p->lt_b, k, m, lda));
    return set_layout(lt, p->lt_c, n, m, ldc);
}

/* Distances as a dense matrix of the key has them. */
static int64_t canonical_ld(const plan_key *k, int64_t width)
{
    return k->aligned ? (width + 3) / 4 * 4 : width | 1;
}

static crm_status set_canonical(const cuda_lt_api *lt, const plan *p, int64_t m)
{
    const plan_key *k = &p->key;

    return set_extents(lt, p, m, canonical_ld(k, k->k), canonical_ld(k, k->b_turned ? k->n : k->k),
                       canonical_ld(k, k->n));
}

static crm_status describe(const cuda_lt_api *lt, plan *p)
{
    cublasComputeType_t compute = p->key.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    int32_t turn_a = p->key.b_turned ? CUBLAS_OP_N : CUBLAS_OP_T;
    int32_t turn_b = CUBLAS_OP_N;
    uint32_t epilogue = p->key.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    cublasLtMatrixLayout_t *layouts[] = {&p->lt_a, &p->lt_b, &p->lt_c};

    LT_TRY(lt, cublasLtMatmulDescCreate, &p->op, compute, CUDA_R_32F);
    LT_TRY(lt, cublasLtMatmulDescSetAttribute, p->op, CUBLASLT_MATMUL_DESC_TRANSA, &turn_a,
           sizeof turn_a);
    LT_TRY(lt, cublasLtMatmulDescSetAttribute, p->op, CUBLASLT_MATMUL_DESC_TRANSB, &turn_b,
           sizeof turn_b);
    LT_TRY(lt, cublasLtMatmulDescSetAttribute, p->op, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
           sizeof epilogue);
    for (int i = 0; i < 3; i++)
        LT_TRY(lt, cublasLtMatrixLayoutCreate, layouts[i], CUDA_R_32F, 1, 1, 1);
    return CRM_OK;
}

static crm_status set_bias(const cuda_lt_api *lt, const plan *p, const float *bias)
{
    if (p->key.bias)
        LT_TRY(lt, cublasLtMatmulDescSetAttribute, p->op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
               sizeof bias);
    return CRM_OK;
}

static crm_status prefer(const cuda_lt_api *lt, const plan_key *k, cublasLtMatmulPreference_t p)
{
    static const cublasLtMatmulPreferenceAttributes_t of_operands[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    uint64_t workspace = 0;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE;
    uint32_t bytes = k->aligned ? ALIGNED : (uint32_t)sizeof(float);

    LT_TRY(lt, cublasLtMatmulPreferenceSetAttribute, p, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
           &workspace, sizeof workspace);
    LT_TRY(lt, cublasLtMatmulPreferenceSetAttribute, p, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           &reductions, sizeof reductions);
    for (int i = 0; i < 4; i++)
        LT_TRY(lt, cublasLtMatmulPreferenceSetAttribute, p, of_operands[i], &bytes, sizeof bytes);
    return CRM_OK;
}

/* Sums k in one piece. */
static bool in_one_piece(const cuda_lt_api *lt, const cublasLtMatmulAlgo_t *a)
{
    int32_t split = 0;
    uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_NONE;

    if (lt->cublasLtMatmulAlgoConfigGetAttribute(a, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &split,
                                                 sizeof split, NULL) ||
        lt->cublasLtMatmulAlgoConfigGetAttribute(a, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme,
                                                 sizeof scheme, NULL))
        return false;
    return (split == 0 || split == 1) && scheme == CUBLASLT_REDUCTION_SCHEME_NONE;
}

/* A check reports no state: what it returns says whether the algorithm runs. */
static crm_status accepts(const struct cuda_gemm *g, const plan *p, const cublasLtMatmulAlgo_t *a,
                          bool *yes)
{
    const cuda_lt_api *lt = g->lt;

    *yes = in_one_piece(lt, a);
    for (size_t i = 0; *yes && i < sizeof other_rows / sizeof *other_rows; i++) {
        cublasLtMatmulHeuristicResult_t r = {.workspaceSize = 0};

        CRM_TRY(set_canonical(lt, p, other_rows[i]));
        *yes = lt->cublasLtMatmulAlgoCheck(g->handle, p->op, p->lt_a, p->lt_b, p->lt_c, p->lt_c, a,
                                           &r) == CUBLAS_STATUS_SUCCESS &&
               r.workspaceSize == 0;
    }
    return CRM_OK;
}

/* The first of the library's candidates that will do; p->found says whether there is one. */
static crm_status choose_with(const struct cuda_gemm *g, plan *p, cublasLtMatmulPreference_t pref)
{
    cublasLtMatmulHeuristicResult_t r[CANDIDATES];
    cublasStatus_t st;
    int n = 0;

    CRM_TRY(prefer(g->lt, &p->key, pref));
    CRM_TRY(set_canonical(g->lt, p, CANONICAL_ROWS));
    st = g->lt->cublasLtMatmulAlgoGetHeuristic(g->handle, p->op, p->lt_a, p->lt_b, p->lt_c, p->lt_c,
                                               pref, CANDIDATES, r, &n);
    if (st != CUBLAS_STATUS_SUCCESS) n = 0; /* nothing fits */
    for (int i = 0; i < n && !p->found; i++) {
        if (r[i].state != CUBLAS_STATUS_SUCCESS || r[i].workspaceSize > 0) continue;
        CRM_TRY(accepts(g, p, &r[i].algo, &p->found));
        if (p->found) p->algo = r[i].algo;
    }
    return CRM_OK;
}

static crm_status choose(const struct cuda_gemm *g, plan *p, const float *bias)
{
    cublasLtMatmulPreference_t pref = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(describe(g->lt, p));
    CRM_TRY(set_bias(g->lt, p, bias));
    LT_TRY(g->lt, cublasLtMatmulPreferenceCreate, &pref);
    st = choose_with(g, p, pref);
    (void)g->lt->cublasLtMatmulPreferenceDestroy(pref);
    return st;
}

static bool same_key(const plan_key *a, const plan_key *b)
{
    return a->n == b->n && a->k == b->k && a->b_turned == b->b_turned && a->bias == b->bias &&
           a->tf32 == b->tf32 && a->aligned == b->aligned;
}

static crm_status plan_for(struct cuda_gemm *g, const plan_key *k, const float *bias, plan **out)
{
    plan p = {.key = *k};
    crm_status st;

    for (size_t i = 0; i < g->n; i++)
        if (same_key(&g->plans[i].key, k)) {
            *out = &g->plans[i];
            return CRM_OK;
        }
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : PLANS_FIRST;
        plan *more = crm_mem_grow(g->plans, g->n, cap, sizeof *more);

        CRM_CHECK(more != NULL, CRM_ERR_NOMEM, "out of memory: %zu plans of products", cap);
        g->plans = more;
        g->cap = cap;
    }
    st = choose(g, &p, bias);
    if (st || !p.found) plan_drop(g->lt, &p);
    CRM_TRY(st);
    g->plans[g->n] = p;
    *out = &g->plans[g->n++];
    return CRM_OK;
}

/* ---- a product ---- */

/* Rows of a matrix are as well aligned as its first one, whichever the first is. */
static bool aligned(const float *p, int64_t ld)
{
    return (uintptr_t)p % ALIGNED == 0 && ld % (ALIGNED / (int64_t)sizeof *p) == 0;
}

static bool worth_it(const struct cuda_gemm *g, const cuda_product *p)
{
    if (!g->lt || p->k < 1) return false;
    if (g->way == WAY_BLASLT) return true;
    return p->n >= LEAST_N && p->k >= (p->act == CRM_ACT_NONE ? LEAST_K : LEAST_K_ACT);
}

static crm_status run(cuda_state *s, const struct cuda_gemm *g, const plan *t,
                      const cuda_product *p)
{
    const float one = 1, zero = 0;
    cublasStatus_t st;

    CRM_TRY(set_extents(g->lt, t, p->m, p->lda, p->ldb, p->ldc));
    CRM_TRY(set_bias(g->lt, t, p->bias));
    st = g->lt->cublasLtMatmul(g->handle, t->op, &one, p->b, t->lt_a, p->a, t->lt_b, &zero, p->c,
                               t->lt_c, p->c, t->lt_c, &t->algo, NULL, 0, s->stream);
    CRM_CHECK(st == CUBLAS_STATUS_SUCCESS, CRM_ERR_DEVICE,
              "cublasLtMatmul of %lld x %lld x %lld: %s; CRM_CUDA_GEMM=own in the environment does "
              "without cuBLASLt",
              (long long)p->m, (long long)p->n, (long long)p->k,
              g->lt->cublasLtGetStatusString(st));
    return cuda_activate(s, p);
}

crm_status cuda_multiply_lt(cuda_state *s, const cuda_product *p, bool *done)
{
    plan_key key = {.n = p->n,
                    .k = p->k,
                    .b_turned = p->b_turned,
                    .bias = p->bias != NULL,
                    .tf32 = s->cfg.math != CRM_GPU_FP32,
                    .aligned =
                        aligned(p->a, p->lda) && aligned(p->b, p->ldb) && aligned(p->c, p->ldc)};
    struct cuda_gemm *g = NULL;
    plan *t = NULL;

    *done = false;
    CRM_TRY(opened(s, &g));
    if (!worth_it(g, p)) return CRM_OK;
    CRM_TRY(plan_for(g, &key, p->bias, &t));
    if (!t->found) return CRM_OK;
    CRM_TRY(run(s, g, t, p));
    *done = true;
    return CRM_OK;
}
