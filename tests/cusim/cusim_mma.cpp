/* cusim_mma.cpp - models of the tensor core: fragments to matrices, plain product in order of k,
 * back to fragments. */
#include "cusim_engine.h"

namespace cusim
{
enum { ROWS = 16, COLUMNS = 8 };
/* Places of the operands in a lane's slot. */
enum { IN_A = 0, IN_B = 4, IN_D = 6 };

/* Nearest, ties away from zero, as cvt.rna. */
uint32_t round_to_tf32(float x)
{
    uint32_t bits = static_cast<uint32_t>(to_bits(x));
    if (x != x) {
        return 0x7fffffffu;
    }
    return (bits + 0x1000u) & 0xffffe000u;
}

static float tf32_value(uint64_t bits)
{
    return from_bits<float>(bits & 0xffffe000u);
}

/* half 0 is the lower one */
static float bf16_value(uint64_t pair, int half)
{
    return from_bits<float>(half ? pair & 0xffff0000u : pair << 16 & 0xffff0000u);
}

template <int K> struct operands {
    float a[ROWS][K], b[K][COLUMNS];
};

static void place_tf32(int lane, const uint64_t *in, operands<8> &m)
{
    int g = lane / 4, t = lane % 4;
    m.a[g][t] = tf32_value(in[IN_A]);
    m.a[g + 8][t] = tf32_value(in[IN_A + 1]);
    m.a[g][t + 4] = tf32_value(in[IN_A + 2]);
    m.a[g + 8][t + 4] = tf32_value(in[IN_A + 3]);
    m.b[t][g] = tf32_value(in[IN_B]);
    m.b[t + 4][g] = tf32_value(in[IN_B + 1]);
}

static void place_bf16(int lane, const uint64_t *in, operands<16> &m)
{
    int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; half++) {
        int k = 2 * t + half;
        m.a[g][k] = bf16_value(in[IN_A], half);
        m.a[g + 8][k] = bf16_value(in[IN_A + 1], half);
        m.a[g][k + 8] = bf16_value(in[IN_A + 2], half);
        m.a[g + 8][k + 8] = bf16_value(in[IN_A + 3], half);
        m.b[k][g] = bf16_value(in[IN_B], half);
        m.b[k + 8][g] = bf16_value(in[IN_B + 1], half);
    }
}

template <int K> static void multiply(warp_view &w, const operands<K> &m)
{
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 4; i++) {
            int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            float sum = from_bits<float>(w.lane[lane]->in[IN_D + i]);
            for (int k = 0; k < K; k++) {
                sum += m.a[row][k] * m.b[k][column];
            }
            w.lane[lane]->out[i] = to_bits(sum);
        }
    }
}

template <int K, void (*place)(int, const uint64_t *, operands<K> &)>
static void resolve_mma(warp_view &w)
{
    operands<K> m;
    for (int lane = 0; lane < 32; lane++) {
        place(lane, w.lane[lane]->in, m);
    }
    multiply(w, m);
}

static void mma(site where, resolver resolve, float d[4], const uint32_t a[4], const uint32_t b[2])
{
    lane_slot &s = my_slot();
    for (int i = 0; i < 4; i++) {
        s.in[IN_A + i] = a[i];
        s.in[IN_D + i] = to_bits(d[i]);
    }
    s.in[IN_B] = b[0];
    s.in[IN_B + 1] = b[1];
    collective(where, 0xffffffffu, resolve, false);
    for (int i = 0; i < 4; i++) {
        d[i] = from_bits<float>(s.out[i]);
    }
}

void mma_tf32(site where, float d[4], const uint32_t a[4], const uint32_t b[2])
{
    mma(where, resolve_mma<8, place_tf32>, d, a, b);
}

void mma_bf16(site where, float d[4], const uint32_t a[4], const uint32_t b[2])
{
    mma(where, resolve_mma<16, place_bf16>, d, a, b);
}

/* A row is 16 bytes: in[0] holds columns 0..3, in[1] columns 4..7. */
void resolve_ldmatrix(warp_view &w)
{
    for (int lane = 0; lane < 32; lane++) {
        int row = lane / 4, pair = lane % 4;
        for (int matrix = 0; matrix < 4; matrix++) {
            uint64_t half_row = w.lane[matrix * 8 + row]->in[pair / 2];
            w.lane[lane]->out[matrix] = static_cast<uint32_t>(half_row >> pair % 2 * 32);
        }
    }
}
} // namespace cusim
