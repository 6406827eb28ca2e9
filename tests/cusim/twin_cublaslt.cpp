/* twin_cublaslt.cpp - cuBLASLt by plain loops: products of float matrices with strided batches and
 * the epilogues bias and ReLU. The calls and their meaning are those of NVIDIA's cublasLt.h.
 *
 * D = epilogue(alpha op(A) op(B) + beta C). Elements are one chain of fused multiply-adds in order
 * of k, cut into as many chains as the algorithm's split of k says. There are three algorithms:
 * number 1 can split k; number 2, listed first where its workspace fits, cuts k by itself when D
 * has few columns, as stream-K may, and no attribute tells. */
#include <cublasLt.h>

#include "cusim_runtime.h"
#include "cusim_twin.h"

namespace cusim
{
namespace
{
struct layout {
    cudaDataType type;
    uint64_t rows, columns;
    int64_t ld;
    int32_t order = CUBLASLT_ORDER_COL;
    int32_t batch = 1;
    int64_t stride = 0;
};
struct product {
    cublasComputeType_t compute;
    cudaDataType scale;
    int32_t turn_a = CUBLAS_OP_N, turn_b = CUBLAS_OP_N;
    int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
    uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const float *bias = nullptr;
    int64_t bias_stride = 0;
};
struct preference {
    uint64_t workspace = 0;
    uint32_t reductions = 0xffffffffu;
};
/* What the eight numbers of cublasLtMatmulAlgo_t hold here, by attribute of the configuration. */
struct algorithm {
    uint32_t config[16];
};
static_assert(sizeof(algorithm) <= sizeof(cublasLtMatmulAlgo_t),
              "the algorithm fits into the vendor's type");
enum { ALGORITHMS = 3, CAN_SPLIT = 1, CUTS_ITSELF = 2, ATTRIBUTES = 10 };
enum { FEW_COLUMNS = 1024, CUTS = 3 };

/* Copies an attribute when the size fits. */
template <class T> cublasStatus_t take(T &to, const void *from, size_t bytes)
{
    if (!from || bytes != sizeof(T)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memcpy(&to, from, sizeof(T));
    return CUBLAS_STATUS_SUCCESS;
}

template <class T> cublasStatus_t give(const T &from, void *to, size_t bytes, size_t *written)
{
    if (written) {
        *written = sizeof(T);
    }
    if (!to && bytes == 0) { /* only the size is asked for */
        return CUBLAS_STATUS_SUCCESS;
    }
    if (!to || bytes < sizeof(T)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memcpy(to, &from, sizeof(T));
    return CUBLAS_STATUS_SUCCESS;
}

layout &of(cublasLtMatrixLayout_t l)
{
    return *reinterpret_cast<layout *>(l);
}
product &of(cublasLtMatmulDesc_t p)
{
    return *reinterpret_cast<product *>(p);
}
preference &of(cublasLtMatmulPreference_t p)
{
    return *reinterpret_cast<preference *>(p);
}
algorithm read(const cublasLtMatmulAlgo_t *a)
{
    algorithm out = {};
    if (a) {
        memcpy(&out, a, sizeof out);
    }
    return out;
}

int splits(const algorithm &a, const layout &d)
{
    if (a.config[CUBLASLT_ALGO_CONFIG_ID] == CUTS_ITSELF) {
        return d.columns < FEW_COLUMNS ? CUTS : 1;
    }
    return std::max(1, static_cast<int>(a.config[CUBLASLT_ALGO_CONFIG_SPLITK_NUM]));
}

/* Elements from the first to the last of one matrix, and the address of one. */
uint64_t extent(const layout &l)
{
    uint64_t lines = l.order == CUBLASLT_ORDER_COL ? l.columns : l.rows;
    uint64_t length = l.order == CUBLASLT_ORDER_COL ? l.rows : l.columns;
    return lines && length ? (lines - 1) * static_cast<uint64_t>(l.ld) + length : 0;
}
int64_t place(const layout &l, int64_t row, int64_t column)
{
    return l.order == CUBLASLT_ORDER_COL ? column * l.ld + row : row * l.ld + column;
}

bool layout_fits(const layout &l)
{
    uint64_t length = l.order == CUBLASLT_ORDER_COL ? l.rows : l.columns;
    return (l.order == CUBLASLT_ORDER_COL || l.order == CUBLASLT_ORDER_ROW) && l.batch >= 1 &&
           static_cast<uint64_t>(l.ld) >= length;
}

/* What op(A), op(B), C and D must agree on. */
cublasStatus_t check(const product &p, const layout &a, const layout &b, const layout &c,
                     const layout &d)
{
    if (a.type != CUDA_R_32F || b.type != CUDA_R_32F || c.type != CUDA_R_32F ||
        d.type != CUDA_R_32F || p.scale != CUDA_R_32F ||
        p.pointer_mode != CUBLASLT_POINTER_MODE_HOST) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (p.epilogue &
        ~static_cast<uint32_t>(CUBLASLT_EPILOGUE_RELU_BIAS | CUBLASLT_EPILOGUE_DEFAULT)) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    uint64_t m = p.turn_a == CUBLAS_OP_N ? a.rows : a.columns,
             k = p.turn_a == CUBLAS_OP_N ? a.columns : a.rows;
    uint64_t k2 = p.turn_b == CUBLAS_OP_N ? b.rows : b.columns,
             n = p.turn_b == CUBLAS_OP_N ? b.columns : b.rows;
    bool fits = k == k2 && d.rows == m && d.columns == n && c.rows == m && c.columns == n &&
                a.batch == d.batch && b.batch == d.batch && c.batch == d.batch;
    fits = fits && layout_fits(a) && layout_fits(b) && layout_fits(c) && layout_fits(d);
    fits = fits && (!(p.epilogue & CUBLASLT_EPILOGUE_BIAS) || p.bias);
    return fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

void check_memory(const void *p, const layout &l, const char *what)
{
    uint64_t steps = static_cast<uint64_t>(l.batch - 1) * static_cast<uint64_t>(l.stride);
    if (extent(l)) {
        device_check(p, (steps + extent(l)) * sizeof(float), what);
    }
}

struct call {
    product p;
    layout a, b, c, d;
    algorithm algo;
    float alpha, beta;
    const float *at_a, *at_b, *at_c;
    float *at_d;
};

float operand(const call &q, float x)
{
    bool tf32 = q.p.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    return tf32 ? from_bits<float>(round_to_tf32(x)) : x;
}

/* op(A) and op(B) of one batch as dense rows of k, in the form in which they are multiplied. */
struct operands {
    std::vector<float> a, b;
    int64_t k;
};
operands operands_of(const call &q, int64_t batch)
{
    bool a_plain = q.p.turn_a == CUBLAS_OP_N, b_plain = q.p.turn_b == CUBLAS_OP_N;
    int64_t m = static_cast<int64_t>(q.d.rows), n = static_cast<int64_t>(q.d.columns);
    int64_t k = static_cast<int64_t>(a_plain ? q.a.columns : q.a.rows);
    const float *a = q.at_a + batch * q.a.stride, *b = q.at_b + batch * q.b.stride;
    operands out = {std::vector<float>(static_cast<size_t>(m * k)),
                    std::vector<float>(static_cast<size_t>(n * k)), k};
    for (int64_t i = 0; i < m * k; i++) {
        int64_t row = i / k, at = i % k;
        out.a[static_cast<size_t>(i)] =
            operand(q, a[a_plain ? place(q.a, row, at) : place(q.a, at, row)]);
    }
    for (int64_t i = 0; i < n * k; i++) {
        int64_t column = i / k, at = i % k;
        out.b[static_cast<size_t>(i)] =
            operand(q, b[b_plain ? place(q.b, at, column) : place(q.b, column, at)]);
    }
    return out;
}

/* Sums of ROWS rows of A with one column of B: chains side by side, each in order of k. Copies of
 * our own, so no sanitizer watches. */
template <int ROWS>
CUSIM_UNWATCHED void dots(const float *a, const float *b, int64_t k, int parts, float *sum)
{
    for (int r = 0; r < ROWS; r++) {
        sum[r] = 0;
    }
    for (int i = 0; i < parts; i++) {
        float part[ROWS] = {};
        for (int64_t at = k * i / parts; at < k * (i + 1) / parts; at++) {
            for (int r = 0; r < ROWS; r++) {
                part[r] = fmaf(a[r * k + at], b[at], part[r]);
            }
        }
        for (int r = 0; r < ROWS; r++) {
            sum[r] += part[r];
        }
    }
}

void finish(const call &q, int64_t batch, int64_t row, int64_t column, float sum)
{
    float value = q.alpha * sum;
    if (q.beta != 0) { /* else C may hold anything, NaN too */
        value = fmaf(q.beta, q.at_c[batch * q.c.stride + place(q.c, row, column)], value);
    }
    if (q.p.epilogue & CUBLASLT_EPILOGUE_BIAS) {
        value += q.p.bias[batch * q.p.bias_stride + row];
    }
    if (q.p.epilogue & CUBLASLT_EPILOGUE_RELU) {
        value = value > 0 ? value : 0;
    }
    q.at_d[batch * q.d.stride + place(q.d, row, column)] = value;
}

void multiply(const call &q)
{
    enum { TOGETHER = 8 };
    int64_t rows = static_cast<int64_t>(q.d.rows);
    int parts = splits(q.algo, q.d);
    float sum[TOGETHER];
    for (int64_t batch = 0; batch < q.d.batch; batch++) {
        operands o = operands_of(q, batch);
        for (int64_t column = 0; column < static_cast<int64_t>(q.d.columns); column++) {
            const float *b = o.b.data() + column * o.k;
            for (int64_t row = 0, n; row < rows; row += n) {
                const float *a = o.a.data() + row * o.k;
                n = rows - row < TOGETHER ? 1 : TOGETHER;
                n == 1 ? dots<1>(a, b, o.k, parts, sum) : dots<TOGETHER>(a, b, o.k, parts, sum);
                for (int64_t i = 0; i < n; i++) {
                    finish(q, batch, row + i, column, sum[i]);
                }
            }
        }
    }
}

uint64_t workspace_of(const algorithm &a, const layout &d)
{
    int parts = splits(a, d);
    return parts > 1 ? static_cast<uint64_t>(parts) * d.rows * d.columns * sizeof(float) : 0;
}

/* What a check reports: the rest of a result stays as it was. */
cublasStatus_t result_of(const algorithm &a, const layout &d, cublasLtMatmulHeuristicResult_t *out)
{
    if (a.config[CUBLASLT_ALGO_CONFIG_SPLITK_NUM] > 1 &&
        a.config[CUBLASLT_ALGO_CONFIG_ID] != CAN_SPLIT) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    out->workspaceSize = workspace_of(a, d);
    out->wavesCount = 1;
    return CUBLAS_STATUS_SUCCESS;
}
} // namespace
} // namespace cusim

using namespace cusim;

extern "C" {
size_t cublasLtGetVersion(void)
{
    return CUBLAS_VERSION;
}
const char *cublasLtGetStatusString(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "success";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "an invalid value was given";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "not supported";
    default:
        return "unknown status";
    }
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    static int dummy;
    *handle = reinterpret_cast<cublasLtHandle_t>(&dummy);
    return device_ready() ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    product *p = new product();
    p->compute = compute;
    p->scale = scale;
    *out = reinterpret_cast<cublasLtMatmulDesc_t>(p);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t p)
{
    delete reinterpret_cast<product *>(p);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes)
{
    product &p = of(desc);
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return take(p.turn_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return take(p.turn_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return take(p.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return take(p.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
        return take(p.bias_stride, value, bytes);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
        return take(p.pointer_mode, value, bytes);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t ld)
{
    layout *l = new layout();
    l->type = type;
    l->rows = rows;
    l->columns = columns;
    l->ld = ld;
    *out = reinterpret_cast<cublasLtMatrixLayout_t>(l);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    delete reinterpret_cast<layout *>(l);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t desc,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void *value, size_t bytes)
{
    layout &l = of(desc);
    switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
        return take(l.order, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
        return take(l.rows, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
        return take(l.columns, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_LD:
        return take(l.ld, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return take(l.batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return take(l.stride, value, bytes);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out)
{
    *out = reinterpret_cast<cublasLtMatmulPreference_t>(new preference());
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    delete reinterpret_cast<preference *>(p);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return take(of(p).workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return take(of(p).reductions, value, bytes);
    default: /* alignment and the like: hints */
        return CUBLAS_STATUS_SUCCESS;
    }
}

/* ---- algorithms ---- */
cublasStatus_t cublasLtMatmulAlgoGetIds(cublasLtHandle_t, cublasComputeType_t, cudaDataType_t,
                                        cudaDataType_t a, cudaDataType_t, cudaDataType_t,
                                        cudaDataType_t, int wanted, int ids[], int *count)
{
    *count = a == CUDA_R_32F ? std::min<int>(wanted, ALGORITHMS) : 0;
    for (int i = 0; i < *count; i++) {
        ids[i] = i;
    }
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoInit(cublasLtHandle_t, cublasComputeType_t, cudaDataType_t,
                                      cudaDataType_t, cudaDataType_t, cudaDataType_t,
                                      cudaDataType_t, int id, cublasLtMatmulAlgo_t *out)
{
    if (id < 0 || id >= ALGORITHMS) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    algorithm a = {};
    a.config[CUBLASLT_ALGO_CONFIG_ID] = static_cast<uint32_t>(id);
    a.config[CUBLASLT_ALGO_CONFIG_SPLITK_NUM] = 1;
    *out = {};
    memcpy(out, &a, sizeof a);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t p,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t *algo,
                                       cublasLtMatmulHeuristicResult_t *out)
{
    cublasStatus_t status = check(of(p), of(a), of(b), of(c), of(d));
    return status ? status : result_of(read(algo), of(d), out);
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t p,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preferred, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int *count)
{
    *count = 0;
    cublasStatus_t status = check(of(p), of(a), of(b), of(c), of(d));
    if (status) {
        return status;
    }
    for (uint32_t id : {uint32_t(CUTS_ITSELF), 0u, uint32_t(CAN_SPLIT)}) {
        algorithm algo = {};
        algo.config[CUBLASLT_ALGO_CONFIG_ID] = id;
        algo.config[CUBLASLT_ALGO_CONFIG_SPLITK_NUM] = 1;
        if (*count == wanted || workspace_of(algo, of(d)) > of(preferred).workspace) {
            continue;
        }
        cublasLtMatmulHeuristicResult_t &r = results[(*count)++];
        r = {};
        memcpy(&r.algo, &algo, sizeof algo);
        r.state = result_of(algo, of(d), &r);
    }
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                 cublasLtMatmulAlgoCapAttributes_t attribute,
                                                 void *value, size_t bytes, size_t *written)
{
    bool can_split = read(algo).config[CUBLASLT_ALGO_CONFIG_ID] == CAN_SPLIT;
    switch (attribute) {
    case CUBLASLT_ALGO_CAP_SPLITK_SUPPORT:
        return give(static_cast<int32_t>(can_split), value, bytes, written);
    case CUBLASLT_ALGO_CAP_REDUCTION_SCHEME_MASK:
        return give(static_cast<uint32_t>(can_split ? CUBLASLT_REDUCTION_SCHEME_MASK : 0), value,
                    bytes, written);
    case CUBLASLT_ALGO_CAP_STRIDED_BATCH_SUPPORT:
    case CUBLASLT_ALGO_CAP_OUT_OF_PLACE_RESULT_SUPPORT:
        return give(int32_t(1), value, bytes, written);
    case CUBLASLT_ALGO_CAP_EPILOGUE_MASK:
        return give(static_cast<uint32_t>(CUBLASLT_EPILOGUE_RELU_BIAS), value, bytes, written);
    case CUBLASLT_ALGO_CAP_TILE_IDS:
        return give(static_cast<uint32_t>(CUBLASLT_MATMUL_TILE_64x64), value, bytes, written);
    case CUBLASLT_ALGO_CAP_STAGES_IDS:
        return give(static_cast<uint32_t>(CUBLASLT_MATMUL_STAGES_UNDEFINED), value, bytes, written);
    case CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS:
        return give(static_cast<uint64_t>(CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA |
                                          CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
                                          CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F),
                    value, bytes, written);
    case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_D_BYTES:
        return give(uint32_t(4), value, bytes, written);
    default:
        return give(int32_t(0), value, bytes, written);
    }
}
cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    algorithm a = read(algo);
    uint32_t number = 0;
    if (static_cast<int>(attribute) >= ATTRIBUTES || !value || bytes > sizeof number) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memcpy(&number, value, bytes);
    a.config[attribute] = number;
    memcpy(algo, &a, sizeof a);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void *value, size_t bytes, size_t *written)
{
    if (static_cast<int>(attribute) >= ATTRIBUTES) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    uint32_t number = read(algo).config[attribute];
    bool narrow = attribute == CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID ||
                  attribute == CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID;
    return narrow ? give(static_cast<uint16_t>(number), value, bytes, written)
                  : give(number, value, bytes, written);
}

/* ---- the product ---- */
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t p, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t layout_a, const void *b,
                              cublasLtMatrixLayout_t layout_b, const void *beta, const void *c,
                              cublasLtMatrixLayout_t layout_c, void *d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_bytes, cudaStream_t stream)
{
    api_lock lock;
    cublasStatus_t status = check(of(p), of(layout_a), of(layout_b), of(layout_c), of(layout_d));
    if (status) {
        return status;
    }
    call q = {of(p),
              of(layout_a),
              of(layout_b),
              of(layout_c),
              of(layout_d),
              read(algo),
              *static_cast<const float *>(alpha),
              *static_cast<const float *>(beta),
              static_cast<const float *>(a),
              static_cast<const float *>(b),
              static_cast<const float *>(c),
              static_cast<float *>(d)};
    uint64_t needed = workspace_of(q.algo, q.d);
    if (needed > workspace_bytes || (needed && !workspace)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    check_memory(a, q.a, "cublasLtMatmul, A");
    check_memory(b, q.b, "cublasLtMatmul, B");
    check_memory(d, q.d, "cublasLtMatmul, D");
    if (q.beta != 0) {
        check_memory(c, q.c, "cublasLtMatmul, C");
    }
    if (q.p.epilogue & CUBLASLT_EPILOGUE_BIAS) {
        device_check(q.p.bias, q.d.rows * sizeof(float), "cublasLtMatmul, bias");
    }
    cudaError_t code = submit(stream, OP_LIBRARY, nullptr, [q] { multiply(q); });
    return code ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
}

namespace cusim
{
const twin_symbol twin_cublaslt[] = {CUSIM_TWIN(cublasLtGetVersion),
                                     CUSIM_TWIN(cublasLtGetStatusString),
                                     CUSIM_TWIN(cublasLtCreate),
                                     CUSIM_TWIN(cublasLtDestroy),
                                     CUSIM_TWIN(cublasLtMatmulDescCreate),
                                     CUSIM_TWIN(cublasLtMatmulDescDestroy),
                                     CUSIM_TWIN(cublasLtMatmulDescSetAttribute),
                                     CUSIM_TWIN(cublasLtMatrixLayoutCreate),
                                     CUSIM_TWIN(cublasLtMatrixLayoutDestroy),
                                     CUSIM_TWIN(cublasLtMatrixLayoutSetAttribute),
                                     CUSIM_TWIN(cublasLtMatmulPreferenceCreate),
                                     CUSIM_TWIN(cublasLtMatmulPreferenceDestroy),
                                     CUSIM_TWIN(cublasLtMatmulPreferenceSetAttribute),
                                     CUSIM_TWIN(cublasLtMatmulAlgoGetIds),
                                     CUSIM_TWIN(cublasLtMatmulAlgoInit),
                                     CUSIM_TWIN(cublasLtMatmulAlgoCheck),
                                     CUSIM_TWIN(cublasLtMatmulAlgoGetHeuristic),
                                     CUSIM_TWIN(cublasLtMatmulAlgoCapGetAttribute),
                                     CUSIM_TWIN(cublasLtMatmulAlgoConfigSetAttribute),
                                     CUSIM_TWIN(cublasLtMatmulAlgoConfigGetAttribute),
                                     CUSIM_TWIN(cublasLtMatmul),
                                     {nullptr, nullptr}};
} // namespace cusim
