/* cpu_kernels.inc.h - all kernels of the CPU device; compiled once per instruction set by the files
 * cpu_kernels_*.c, which define vec, LANES (floats of a vec), MR, NV (tile of MR rows by NV vecs),
 * the V_ operations and the name of the table.
 *
 * Equal bits everywhere: a fused multiply-add is written as fmaf or V_FMA, nothing else is fused
 * (-ffp-contract=off), loops carry no sum that a compiler may reorder, and no libm function but
 * fmaf and sqrtf is called. */
#include "cpu_impl.h"

#include <math.h>
#include <string.h>

#include "cpu_math.inc.h"

#include "cpu_elementwise.inc.h"

#include "cpu_gemm.inc.h"

#include "cpu_dropout.inc.h"

#include "cpu_rnn.inc.h"

#include "cpu_rows.inc.h"

#include "cpu_text.inc.h"

const crm_cpu_kernels KERNELS = {
    .name = KERNELS_NAME,
    .lanes = LANES,
    .gemm = gemm,
    .gemm_rows = gemm_rows,
    .finish = finish_all,
    .column_sums = column_sums,
    .act_bwd = act_bwd,
    .sigmoid = sigmoid_row,
    .exp_sum = exp_sum,
    .scale = scale_row,
    .divide = divide_row,
    .dropout = dropout_row,
    .gather = gather,
    .scatter = scatter,
    .max_row = max_row,
    .add_row = add_row,
    .times_row = times_row,
    .count_nonzero = count_nonzero,
    .find_nonzero = find_nonzero,
    .dot = dot,
    .adam = adam_step,
    .sgd = sgd_step,
    .text_pack = text_pack,
    .text_conv = text_conv,
    .text_bwd_w = text_bwd_w,
    .text_bwd_x = text_bwd_x,
    .pack_b = pack_b,
    .outer = outer,
    .rnn_step = rnn_step,
    .rnn_step_bwd = rnn_step_bwd,
};
