/* embed_kernels.h - arithmetic of word vectors, for several widths of registers (room embed).
 *
 * A row has a multiple of EMBED_STRIDE floats.  A product of two rows is EMBED_STRIDE sums side by
 * side, each in order of the row, and then a fixed tree over those: all versions give the same
 * bits. */
#ifndef CRM_EMBED_KERNELS_H
#define CRM_EMBED_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EMBED_STRIDE = 16,
    EMBED_TARGETS = 6, /* output rows that one call takes */
    EMBED_SCORES = 8   /* of an input row: those of EMBED_TARGETS, then zeros */
};

/** Input and output rows of one update. */
typedef struct embed_pairs {
    int64_t width; /* floats of a row */
    int m;         /* input rows */
    const float *const *in;
    float *const *to; /* [m] what the input rows' steps are added to; in itself, mostly */
    float *target[EMBED_TARGETS]; /* output rows; those that are no pairs: any row */
    float label[EMBED_SCORES];    /* 1: seen together, 0: drawn                           */
    float rate[EMBED_SCORES];     /* learning rate; 0: no pair                            */
    float *score;                 /* [m][EMBED_SCORES] room for the products, which stay there    */
    float *slope;                 /* [m][EMBED_SCORES] room for rate (label - sigmoid(product))   */
} embed_pairs;

typedef struct embed_glove_pair {
    int64_t dim;   /* numbers of a vector, without the bias */
    int64_t width; /* of a vector with its bias, padded; a row is two of that: the second holds
                      the sums of squares of its gradients */
    float *a, *b;  /* rows of word and context: vector, bias at [dim] */
    float target, weight, rate;
} embed_glove_pair;

typedef struct embed_kernels {
    const char *name;
    /** One step of gradient descent on the pairs: products, slopes, then in_i += sum_j slope_ij
     * target_j and target_j += sum_i slope_ij in_i, both from the rows as they were. */
    void (*pairs)(const embed_pairs *p);
    /** Products of x with m <= EMBED_TARGETS rows that follow each other, to out [EMBED_SCORES]. */
    void (*scores)(int64_t width, const float *x, const float *rows, int m, float *out);
    /** y += a x; y -= x: over width floats. */
    void (*add)(int64_t width, float a, const float *x, float *y);
    void (*subtract)(int64_t width, const float *x, float *y);
    /** One AdaGrad step of weight (a b + bias_a + bias_b - target)^2 / 2; returns the difference.
     */
    float (*glove)(const embed_glove_pair *p);
} embed_kernels;

extern const embed_kernels crm_embed_avx512, crm_embed_avx2, crm_embed_plain;
/** The best that this CPU runs; environment CRM_CPU (avx512, avx2, portable) names another. */
const embed_kernels *crm_embed_kernels(void);
#endif
