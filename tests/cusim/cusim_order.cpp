/* cusim_order.cpp - in which order threads and blocks run: CUSIM_ORDER = fwd (default), rev, or a
 * number, the seed of a random order. A kernel whose result depends on it is wrong, or not
 * deterministic. */
#include "cusim_engine.h"

#include <cstdlib>

namespace cusim
{
enum order { UNKNOWN, FORWARD, REVERSE, RANDOM };
static order wanted;
static uint64_t random_state;

void order_start()
{
    if (wanted != UNKNOWN) {
        return;
    }
    const char *text = getenv("CUSIM_ORDER");
    if (!text || !strcmp(text, "fwd")) {
        wanted = FORWARD;
    } else if (!strcmp(text, "rev")) {
        wanted = REVERSE;
    } else {
        wanted = RANDOM;
        random_state = strtoull(text, nullptr, 10) * 0x9E3779B97F4A7C15ull | 1;
    }
}

/* xorshift64 */
static uint64_t next_random()
{
    uint64_t &x = random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

void permute(int *items, size_t n)
{
    if (wanted == REVERSE) {
        std::reverse(items, items + n);
    } else if (wanted == RANDOM) {
        for (size_t i = n; i > 1; i--) {
            std::swap(items[i - 1], items[next_random() % i]);
        }
    }
}

bool random_pause()
{
    return wanted == RANDOM && next_random() % 8 == 0;
}
} // namespace cusim
