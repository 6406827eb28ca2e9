/* table_scan_x86.inc.h - what kernels with registers of 16 bytes and more share: a number of up to
 * 16 digits without a loop.
 *
 * The text is moved to the end of a register and its point taken out; then neighbours are put
 * together by multiply-and-add: 16 digits, 8 pairs, 4 fours, 2 eights. */
#include <immintrin.h>

/* digits[i]: bytes i .. become the last i + 1 .. of the register, zeros before. */
static const signed char MOVE[17 + 16] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,
                                          6,  7,  8,  9,  10, 11, 12, 13, 14, 15, -1};

/* Takes byte k out: those before it move up by one. */
#define CUT(k)                                                                                     \
    {                                                                                              \
        -1, (k) < 1 ? 1 : 0, (k) < 2 ? 2 : 1, (k) < 3 ? 3 : 2, (k) < 4 ? 4 : 3, (k) < 5 ? 5 : 4,   \
            (k) < 6 ? 6 : 5, (k) < 7 ? 7 : 6, (k) < 8 ? 8 : 7, (k) < 9 ? 9 : 8, (k) < 10 ? 10 : 9, \
            (k) < 11 ? 11 : 10, (k) < 12 ? 12 : 11, (k) < 13 ? 13 : 12, (k) < 14 ? 14 : 13,        \
            (k) < 15 ? 15 : 14                                                                     \
    }
static const signed char TAKE_OUT[16][16] = {CUT(0),  CUT(1),  CUT(2),  CUT(3), CUT(4),  CUT(5),
                                             CUT(6),  CUT(7),  CUT(8),  CUT(9), CUT(10), CUT(11),
                                             CUT(12), CUT(13), CUT(14), CUT(15)};

static inline bool digits16(const char *p, size_t len, char point, uint64_t *m, int *behind)
{
    __m128i v, pairs, fours, eights;
    unsigned points, bad;

    if (len - 1 > 15) return false;
    v = _mm_loadu_si128((const __m128i *)p);
    v = _mm_shuffle_epi8(v, _mm_loadu_si128((const __m128i *)(MOVE + len)));
    points = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(point)));
    v = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    *behind = 0;
    if (point && points) {
        int at = __builtin_ctz(points);
        if ((points & (points - 1)) != 0 || len == 1) return false;
        *behind = 15 - at;
        v = _mm_shuffle_epi8(v, _mm_loadu_si128((const __m128i *)TAKE_OUT[at]));
        len--;
    }
    /* bytes above 9 among the last len */
    bad = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
    if (((~bad & 0xFFFF) >> (16 - len)) != 0) return false;
    v = _mm_and_si128(v, _mm_cmpgt_epi8(v, _mm_set1_epi8(-1))); /* those before: '\0' - '0' */
    pairs = _mm_maddubs_epi16(v, _mm_set1_epi16(10 | 1 << 8));
    fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | 1 << 16));
    fours = _mm_packus_epi32(fours, fours);
    eights = _mm_madd_epi16(fours, _mm_set1_epi32(10000 | 1 << 16));
    *m = (uint64_t)(uint32_t)_mm_cvtsi128_si32(eights) * 100000000 +
         (uint64_t)(uint32_t)_mm_extract_epi32(eights, 1);
    return true;
}
