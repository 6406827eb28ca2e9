/* nn_pack.c - ragged sequences laid out step by step, longest first, for recurrent layers.
 *
 * Counting sort by length.  With count(t) the sequences longer than t, step t has count(t) rows,
 * and the first place in the order for sequences of length L is count(L). */
#include "crmpi/nn.h"

#include <string.h>

static int64_t longest_of(int64_t n, const int64_t *first)
{
    int64_t longest = 0;

    for (int64_t i = 0; i < n; i++)
        if (first[i + 1] - first[i] > longest) longest = first[i + 1] - first[i];
    return longest;
}

int64_t crm_pack_sequences(int64_t n, const int64_t *first, int64_t base, int64_t *step_first,
                           int32_t *packed_of, int64_t *scratch)
{
    int64_t longest = longest_of(n, first), *place = scratch, *longer = scratch + n;

    memset(longer, 0, (size_t)(longest + 1) * sizeof *longer);
    for (int64_t i = 0; i < n; i++)
        if (first[i + 1] > first[i]) longer[first[i + 1] - first[i] - 1]++;
    for (int64_t t = longest - 1; t >= 0; t--)
        longer[t] += longer[t + 1];
    step_first[0] = base;
    for (int64_t t = 0; t < longest; t++)
        step_first[t + 1] = step_first[t] + longer[t];
    for (int64_t i = 0; i < n; i++)
        place[i] = longer[first[i + 1] - first[i]]++;
    if (!packed_of) return longest;
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = first[i]; r < first[i + 1]; r++)
            packed_of[r - first[0]] = (int32_t)(step_first[r - first[i]] + place[i]);
    return longest;
}
