/* cusim_warp.cpp - what the collectives of a warp compute, once all lanes have arrived. */
#include "cusim_engine.h"

namespace cusim
{
/* What a lane receives from one that does not take part; undefined on the GPU. */
static const uint64_t GARBAGE = 0xdeadbeefdeadbeefull;

static bool takes_part(const warp_view &w, int lane)
{
    return w.lanes >> lane & 1;
}

template <class F> static void each_lane(const warp_view &w, F f)
{
    for (int lane = 0; lane < 32; lane++) {
        if (takes_part(w, lane)) {
            f(lane, *w.lane[lane]);
        }
    }
}

/* source(lane, first, width) with first = the lane that starts the segment; outside the segment a
 * lane keeps its own. */
template <class F> static void shuffle_from(warp_view &w, F source)
{
    each_lane(w, [&](int lane, lane_slot &s) {
        if (s.width < 1 || s.width > 32 || (s.width & (s.width - 1))) {
            fatal("shuffle: the width %d is not a power of 2 up to 32", s.width);
        }
        int from = source(lane, lane & ~(s.width - 1), s);
        s.out[0] = takes_part(w, from) ? w.lane[from]->in[0] : GARBAGE;
    });
}

void resolve_shuffle_index(warp_view &w)
{
    shuffle_from(
        w, [](int, int first, const lane_slot &s) { return first | (s.arg & (s.width - 1)); });
}

void resolve_shuffle_up(warp_view &w)
{
    shuffle_from(w, [](int lane, int first, const lane_slot &s) {
        return lane - s.arg < first ? lane : lane - s.arg;
    });
}

void resolve_shuffle_down(warp_view &w)
{
    shuffle_from(w, [](int lane, int first, const lane_slot &s) {
        return lane + s.arg >= first + s.width ? lane : lane + s.arg;
    });
}

/* A lane may read from an earlier segment, not from a later one. */
void resolve_shuffle_xor(warp_view &w)
{
    shuffle_from(w, [](int lane, int first, const lane_slot &s) {
        int from = lane ^ s.arg;
        return from < 0 || from >= first + s.width ? lane : from;
    });
}

void resolve_ballot(warp_view &w)
{
    unsigned votes = 0;
    each_lane(w, [&](int lane, lane_slot &s) { votes |= s.in[0] ? 1u << lane : 0u; });
    each_lane(w, [&](int, lane_slot &s) { s.out[0] = votes; });
}

void resolve_match(warp_view &w)
{
    each_lane(w, [&](int, lane_slot &mine) {
        unsigned equal = 0;
        each_lane(
            w, [&](int lane, lane_slot &s) { equal |= s.in[0] == mine.in[0] ? 1u << lane : 0u; });
        mine.out[0] = equal;
    });
}

void resolve_sync(warp_view &)
{
}

/* arg says whether the 32 bits are signed. */
template <class F> static void reduce_with(warp_view &w, F combine)
{
    bool first = true;
    int64_t result = 0;
    each_lane(w, [&](int, lane_slot &s) {
        int64_t v = s.arg ? static_cast<int64_t>(static_cast<int32_t>(s.in[0]))
                          : static_cast<int64_t>(static_cast<uint32_t>(s.in[0]));
        result = first ? v : combine(result, v);
        first = false;
    });
    each_lane(w, [&](int, lane_slot &s) { s.out[0] = static_cast<uint64_t>(result); });
}

#define CUSIM_REDUCE(name, result)                                                                 \
    void name(warp_view &w)                                                                        \
    {                                                                                              \
        reduce_with(w, [](int64_t a, int64_t b) { return result; });                               \
    }
CUSIM_REDUCE(resolve_add, a + b)
CUSIM_REDUCE(resolve_max, std::max(a, b))
CUSIM_REDUCE(resolve_min, std::min(a, b))
CUSIM_REDUCE(resolve_and, a &b)
CUSIM_REDUCE(resolve_or, a | b)
CUSIM_REDUCE(resolve_xor, a ^ b)
} // namespace cusim
