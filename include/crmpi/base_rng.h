/* base_rng.h - counter-based random numbers: Philox4x32-10 keyed by (seed, stream, epoch, row,
 * element).
 *
 * There is no generator state: a number depends on its five coordinates only, never on rank,
 * thread, layout or on what was drawn before.  Source: Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011. */
#ifndef CRM_BASE_RNG_H
#define CRM_BASE_RNG_H

#include <stdint.h>

/* Streams keep uses apart; a new use takes a new number, numbers never change. */
typedef enum crm_rng_stream {
    CRM_RNG_INIT = 1,         /* initial weights: row = parameter index        */
    CRM_RNG_SHUFFLE = 2,      /* row order of an epoch                         */
    CRM_RNG_DROPOUT = 3,      /* row = row id, element = layer << 20 | unit    */
    CRM_RNG_FOLDS = 4,        /* epoch = repeat                                */
    CRM_RNG_INNER = 5,        /* inner validation split                        */
    CRM_RNG_EXPLAIN = 6,      /* permutations of importance: epoch = which, row = feature */
    CRM_RNG_NULL = 7,         /* labels without signal: epoch = replicate             */
    CRM_RNG_COLUMNS = 8,      /* columns that a node of a tree looks at: epoch = tree, row = node */
    CRM_RNG_SAMPLE = 9,       /* rows of a tree of a forest: epoch = tree                         */
    CRM_RNG_CALIBRATE = 10,   /* folds of a calibration: epoch = class */
    CRM_RNG_FEATURES = 11,    /* landmarks and frequencies of kernel features: row = number */
    CRM_RNG_BINS = 12,        /* rows that cuts are found on: row = number in the sample */
    CRM_RNG_BOOTSTRAP = 13,   /* rows of a bootstrap: epoch = replicate, row = draw / 2 */
    CRM_RNG_UNITS = 14,       /* units of a sample that is run again */
    CRM_RNG_SYNTH = 16,       /* 16..63: the generator                         */
    CRM_RNG_NEIGHBOURS = 70,  /* training rows that an imputation keeps */
    CRM_RNG_ENCODE = 71,      /* folds of an out-of-fold encoding: row = row of the data set */
    CRM_RNG_CLUSTERS = 72,    /* seeding of k-means: epoch = draw; samples of points */
    CRM_RNG_SELECT = 74,      /* parts of a selection by permutation: row = row of the data set */
    CRM_RNG_EMBED_INIT = 80,  /* first word vectors: row = word */
    CRM_RNG_EMBED_KEEP = 81,  /* words that an epoch keeps: row = token / 4096 */
    CRM_RNG_EMBED_PAIRS = 82, /* windows and noise words: row = lane of the epoch */
    CRM_RNG_EMBED_ORDER = 83, /* order of co-occurrences of an epoch */
    CRM_RNG_TOPICS = 73,      /* first topics: epoch = topic, row = word; order of a pass */
    CRM_RNG_SWEEP = 90,       /* trials of a sweep: row = trial, epoch = draw */
    CRM_RNG_WORDS = 91,       /* words that a net does not see: row = row id */
    CRM_RNG_IMPORTANCE = 92,  /* trees of an importance of options: epoch = forest, row = tree */
    CRM_RNG_SIMULATE = 93,    /* units of a simulated sweep: epoch = what is drawn */
    CRM_RNG_TEST = 1000
} crm_rng_stream;

/** A cursor over the elements of one (seed, stream, epoch, row); a plain value. */
typedef struct crm_rng {
    uint32_t key[2];
    uint32_t ctr[4]; /* row low, row high, epoch, block number */
    uint32_t out[4];
    int left; /* words of out not yet used */
} crm_rng;

/** Cursor at element 0. */
crm_rng crm_rng_at(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t row);
/** Next 32 random bits. */
uint32_t crm_rng_u32(crm_rng *r);
/** Uniform on (0, 1), 53 bits, never 0 or 1. */
double crm_rng_uniform(crm_rng *r);
/** Uniform integer in [0, n), n in 1..2^32, by multiply-shift with rejection (unbiased). */
uint32_t crm_rng_below(crm_rng *r, uint64_t n);
/** Standard normal by inversion. */
double crm_rng_normal(crm_rng *r);
/** Exponential with mean 1; Poisson with mean lambda (0..200). */
double crm_rng_exponential(crm_rng *r);
int crm_rng_poisson(crm_rng *r, double lambda);
/** The 32 bits of one element without a cursor; element in units of 32 bits. */
uint32_t crm_rng_element(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t row,
                         uint32_t element);
/** out = a permutation of 0..n-1 (Fisher-Yates); the same on every rank. */
void crm_rng_permute(uint64_t seed, uint32_t stream, uint32_t epoch, int64_t n, int64_t *out);
/** A new seed derived from seed and up to three numbers. */
uint64_t crm_rng_derive(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);
#endif
