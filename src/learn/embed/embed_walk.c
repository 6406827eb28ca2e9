/* embed_walk.c - the words of an epoch, and words drawn as noise.
 *
 * Subsampling: a word with share f of the tokens stays with probability (sqrt(f / t) + 1) t / f, as
 * the program of Mikolov et al. (2013) has it.  Noise: in proportion to count^0.75. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "embed_impl.h"

enum { BLOCK = 4096 }; /* tokens with random numbers of their own */

static uint32_t to_bits(double p)
{
    return p >= 1 ? UINT32_MAX : (uint32_t)(p * 0x1p32);
}

void embed_walk_free(embed_walk *w)
{
    crm_mem_free(w->token);
    crm_mem_free(w->first);
    crm_mem_free(w->keep);
    *w = (embed_walk){0};
}

crm_status embed_walk_new(const crm_corpus *c, double sample, embed_walk *w)
{
    int64_t total = 0;
    crm_status st = CRM_OK;

    *w = (embed_walk){0};
    CRM_NEW_TO(st, fail, w->token, c->first[c->n_documents] - c->first[0]);
    CRM_NEW_TO(st, fail, w->first, c->n_documents + 1);
    CRM_NEW_TO(st, fail, w->keep, c->n_words);
    for (int64_t i = 0; i < c->n_words; i++)
        total += c->count[i];
    for (int64_t i = 0; i < c->n_words; i++) {
        double f = (double)c->count[i] / (double)total;
        w->keep[i] =
            sample > 0 && f > 0 ? to_bits((sqrt(f / sample) + 1) * sample / f) : UINT32_MAX;
    }
    return CRM_OK;
fail:
    embed_walk_free(w);
    return st;
}

void embed_walk_epoch(const crm_corpus *c, uint64_t seed, uint32_t epoch, embed_walk *w)
{
    crm_rng r = {0};
    int64_t begin = c->first[0];

    w->n = w->n_documents = 0;
    w->first[0] = 0;
    for (int64_t d = 0; d < c->n_documents; d++) {
        for (int64_t i = c->first[d]; i < c->first[d + 1]; i++) {
            int32_t word = c->token[i];
            uint32_t u;
            if ((i - begin) % BLOCK == 0)
                r = crm_rng_at(seed, CRM_RNG_EMBED_KEEP, epoch, (uint64_t)((i - begin) / BLOCK));
            u = crm_rng_u32(&r);
            if (word < 0 || u > w->keep[word]) continue;
            w->token[w->n++] = word;
        }
        if (w->n > w->first[w->n_documents]) w->first[++w->n_documents] = w->n;
    }
}

int64_t embed_walk_document(const embed_walk *w, int64_t i)
{
    int64_t low = 0, high = w->n_documents; /* first[low] <= i < first[high] */

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (w->first[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- noise ---- */
void embed_noise_free(embed_noise *x)
{
    crm_mem_free(x->stay);
    crm_mem_free(x->other);
    *x = (embed_noise){0};
}

/* Walker (1977) as Vose (1991) builds it: items with less than their share are filled up from items
 * with more. */
static void build(embed_noise *x, double *p, int32_t *stack)
{
    int64_t small = 0, large = x->n; /* small ones from below, large ones from above */

    for (int64_t i = 0; i < x->n; i++)
        if (p[i] < 1)
            stack[small++] = (int32_t)i;
        else
            stack[--large] = (int32_t)i;
    for (int64_t i = 0; i < x->n; i++) {
        x->stay[i] = UINT32_MAX;
        x->other[i] = (int32_t)i;
    }
    while (small > 0 && large < x->n) {
        int32_t s = stack[--small], l = stack[large];
        x->stay[s] = to_bits(p[s]);
        x->other[s] = l;
        p[l] -= 1 - p[s];
        if (p[l] < 1) {
            large++;
            stack[small++] = l;
        }
    }
}

crm_status embed_noise_new(const crm_corpus *c, embed_noise *out)
{
    double *p = NULL, sum = 0;
    int32_t *stack = NULL;
    crm_status st = CRM_OK;

    *out = (embed_noise){.n = c->n_words};
    CRM_NEW_TO(st, done, out->stay, c->n_words);
    CRM_NEW_TO(st, done, out->other, c->n_words);
    CRM_NEW_TO(st, done, p, c->n_words);
    CRM_NEW_TO(st, done, stack, c->n_words);
    for (int64_t i = 0; i < c->n_words; i++) {
        p[i] = c->count[i] > 0 ? crm_pow((double)c->count[i], 0.75) : 0;
        sum += p[i];
    }
    for (int64_t i = 0; i < c->n_words; i++)
        p[i] *= (double)c->n_words / sum;
    build(out, p, stack);
done:
    crm_mem_free(p);
    crm_mem_free(stack);
    if (st) embed_noise_free(out);
    return st;
}

int32_t embed_noise_draw(const embed_noise *x, crm_rng *r)
{
    int64_t i = (int64_t)(((uint64_t)crm_rng_u32(r) * (uint64_t)x->n) >> 32);

    return crm_rng_u32(r) <= x->stay[i] ? (int32_t)i : x->other[i];
}
