/* test_device_step.c - operations of a step beside the net, on every device: sums over vectors,
 * norm, updates with live numbers.  The expected values are plain loops here; all of them must be
 * met to the bit.  Also what a label does that is none.
 *
 * timeout: 300 */
#include "devices_testing.h"
#include "rows_testing.h"

/* ---- sums over vectors ---- */

enum { LENGTH = 1100, ADDS_MAX = 300 };

typedef struct additions {
    int n_vec, n;
    crm_add add[ADDS_MAX];
} additions;

static void then(additions *a, int to, int from)
{
    a->add[a->n++] = (crm_add){to, from};
}

/* The tree of crm_tree_sum over vectors [first, end), as its counter works it off. */
static void add_counter(additions *a, int first, int end)
{
    int at[16], height = 0;

    for (int i = 0; i < end - first; i++) {
        at[height++] = first + i;
        for (int carry = i; carry & 1; carry >>= 1, height--)
            then(a, at[height - 2], at[height - 1]);
    }
    for (; height > 1; height--)
        then(a, at[height - 2], at[height - 1]);
}

/* Any two of those that are left, until one is; it may end in any vector but for the last. */
static void add_at_random(additions *a, uint32_t key)
{
    int left[CRM_COMBINE_MAX];
    crm_rng r = crm_rng_at(3, CRM_RNG_TEST, key, 0);

    for (int i = 0; i < a->n_vec; i++)
        left[i] = i;
    for (int n = a->n_vec; n > 1; n--) {
        int i = 1 + (int)crm_rng_below(&r, (uint32_t)n - 1),
            j = (int)crm_rng_below(&r, (uint32_t)i);

        then(a, left[j], left[i]);
        left[i] = left[n - 1];
    }
}

/* ((v0 + v1) + v2) + ..., or v0 + (v1 + (v2 + ...)). */
static void add_in_a_row(additions *a, bool from_the_end)
{
    for (int i = 1; i < a->n_vec; i++)
        if (from_the_end)
            then(a, a->n_vec - 1 - i, a->n_vec - i);
        else
            then(a, 0, i);
}

/* No tree: vectors are added to several others, and after they have changed. */
static void add_repeatedly(additions *a)
{
    for (int i = 0; i < ADDS_MAX - 10; i++) {
        int to = (7 * i + 3) % a->n_vec, from = (5 * i + i / 9) % a->n_vec;

        if (to != from) then(a, to, from);
    }
}

/* Sums of a few of them fall below the smallest normal number, and are flushed. */
static void small_numbers(float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i += 5)
        v[i] *= 3e-38f;
}

typedef struct sum_trial {
    float *v, *want, *sum; /* [n_vec][LENGTH + 3], the same after the additions, [LENGTH + 3] */
    int64_t ld;
    additions a;
} sum_trial;

static void sum_trial_new(const additions *a, int64_t ld, sum_trial *t)
{
    t->a = *a;
    t->ld = ld;
    t->v = random_floats(a->n_vec * ld, 4);
    small_numbers(t->v, a->n_vec * ld);
    t->want = random_floats(a->n_vec * ld, 4);
    memcpy(t->want, t->v, (size_t)(a->n_vec * ld) * sizeof *t->v);
    t->sum = nan_floats(ld);
}

static void sum_trial_free(sum_trial *t)
{
    crm_mem_free(t->v);
    crm_mem_free(t->want);
    crm_mem_free(t->sum);
}

/* The additions one after the other; with `into` the vectors that are written are not looked at. */
static void check_vectors(const sum_trial *t, const float *before, int64_t first, int64_t n,
                          bool into)
{
    for (int k = 0; k < t->a.n; k++)
        for (int64_t i = first; i < first + n; i++)
            t->want[t->a.add[k].to * t->ld + i] += t->want[t->a.add[k].from * t->ld + i];
    for (int k = 0; k < t->a.n_vec; k++) {
        bool written = false;

        for (int j = 0; j < t->a.n; j++)
            written |= t->a.add[j].to == k;
        if (!(into && written)) T_EQ_I(other_bits(t->v + k * t->ld, t->want + k * t->ld, t->ld), 0);
        T_EQ_I(other_bits(t->v + k * t->ld, before + k * t->ld, first), 0);
    }
    if (into) T_EQ_I(other_bits(t->sum + first, t->want + first, n), 0);
    for (int64_t i = 0; i < t->ld; i++)
        if (!into || i < first || i >= first + n) T_CHECK(isnan(t->sum[i]));
}

static void check_additions(crm_device *d, crm_hash *bits, const additions *a, int64_t ld,
                            int64_t first, bool into)
{
    int64_t n = ld - first - 1;
    held_arrays m = {.d = d};
    float *vec[CRM_COMBINE_MAX], *before, *sum;
    sum_trial t;

    sum_trial_new(a, ld, &t);
    before = random_floats(a->n_vec * ld, 4);
    memcpy(before, t.v, (size_t)(a->n_vec * ld) * sizeof *before);
    hold(&m, t.v, (size_t)(a->n_vec * ld) * sizeof *t.v);
    for (int i = 0; i < a->n_vec; i++)
        vec[i] = device_at(&m, t.v + i * ld);
    sum = array_on_device(&m, t.sum, ld, sizeof *t.sum);
    T_OK(crm_op_combine(d, vec, a->n_vec, a->add, a->n, first, n, into ? sum : NULL));
    bring_back(&m);
    let_go(&m);
    check_vectors(&t, before, first, n, into);
    if (into) add_bits(bits, t.sum + first, n);
    crm_mem_free(before);
    sum_trial_free(&t);
}

/* Into a vector of its own and without; where four floats are read at a time, and where not. */
static void check_all_ways(crm_device *d, crm_hash *bits, const additions *a)
{
    check_additions(d, bits, a, LENGTH, 0, true);
    check_additions(d, bits, a, LENGTH, 8, false);
    check_additions(d, bits, a, LENGTH + 3, 5, true);
    check_additions(d, bits, a, 3, 1, true);
}

static void check_combine(crm_device *d, crm_hash *bits)
{
    static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 31, 32, 33, 64, 100, 128};

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k += small_cases() ? 3 : 1) {
        additions a = {.n_vec = sizes[k], .n = 0};

        add_counter(&a, 0, a.n_vec);
        check_all_ways(d, bits, &a);
    }
    for (uint32_t k = 0; k < 12; k += small_cases() ? 4 : 1) {
        additions a = {.n_vec = 2 + (int)(k * k), .n = 0};

        add_at_random(&a, k);
        check_all_ways(d, bits, &a);
        a.n = 0;
        add_in_a_row(&a, k % 2);
        check_all_ways(d, bits, &a);
        a.n = 0;
        add_repeatedly(&a);
        check_all_ways(d, bits, &a);
    }
}

static void sums_of_vectors(void)
{
    on_all_devices(check_combine);
}

/* ---- norm ---- */

/* node(h, i) = node(h - 1, 2 i) + node(h - 1, 2 i + 1), leaves are node(0, i). */
static double node(const double *s, int64_t n, int h, int64_t i)
{
    if (h == 0) return s[i];
    if (((2 * i + 1) << (h - 1)) >= n) return node(s, n, h - 1, 2 * i);
    return node(s, n, h - 1, 2 * i) + node(s, n, h - 1, 2 * i + 1);
}

static double norm_of(const double *s, int64_t n)
{
    int h = 0;

    while (((int64_t)1 << h) < n)
        h++;
    return n > 0 ? sqrt(node(s, n, h, 0)) : 0;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void check_norm_of(crm_device *d, crm_hash *bits, double *s, int64_t n, double clip,
                          double scale)
{
    double live[CRM_LIVE_COUNT] = {7, 7, 7, 7, 7}, want = norm_of(s, n);
    held_arrays m = {.d = d};
    crm_tensor t = on_device(&m, crm_tensor_1d(s, CRM_F64, n));
    double *to = array_on_device(&m, live, CRM_LIVE_COUNT, sizeof *live);

    T_OK(crm_op_norm(d, &t, clip, to));
    bring_back(&m);
    let_go(&m);
    if (isfinite(want)) T_CHECK(same_double(live[CRM_LIVE_NORM], want));
    T_CHECK(isfinite(want) == isfinite(live[CRM_LIVE_NORM]));
    if (isnan(scale))
        T_CHECK(isnan(live[CRM_LIVE_GRAD_SCALE]));
    else
        T_CHECK(same_double(live[CRM_LIVE_GRAD_SCALE], scale));
    T_CHECK(live[CRM_LIVE_LR] == 7 && live[CRM_LIVE_BIAS2] == 7);
    crm_hash_add(bits, live, sizeof live[0]);
}

static void check_norms(crm_device *d, crm_hash *bits)
{
    static const int64_t sizes[] = {0,   1,   2,   3,    5,    31,   32,   33,
                                    100, 127, 999, 1024, 1025, 2049, 33001};

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k += small_cases() ? 3 : 1)
        for (int clipped = 0; clipped < 2; clipped++) {
            int64_t n = sizes[k];
            double *s = crm_mem_new((size_t)n + 1, sizeof *s), norm;
            crm_rng r = crm_rng_at(2, CRM_RNG_TEST, 8, (uint64_t)n);

            if (!s) abort();
            for (int64_t i = 0; i < n; i++)
                s[i] = crm_rng_uniform(&r);
            norm = norm_of(s, n);
            check_norm_of(d, bits, s, n, clipped ? norm / 2 : 0,
                          clipped && n > 0 ? norm / 2 / norm : 1);
            crm_mem_free(s);
        }
}

static void check_bad_norms(crm_device *d, crm_hash *bits)
{
    double s[40], below[2] = {9, 16};

    check_norm_of(d, bits, below, 2, 5, 1); /* 5 is not above 5 */
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 40; i++)
            s[i] = i == 33 ? (k ? (double)NAN : (double)INFINITY) : 1;
        check_norm_of(d, bits, s, 40, 1, (double)NAN);
    }
}

static void norms(void)
{
    on_all_devices(check_norms);
    on_all_devices(check_bad_norms);
}

/* ---- updates with live numbers ---- */

enum { WEIGHTS = 1003 };
typedef struct weights {
    float *g, *w, *m, *v;
    double live[CRM_LIVE_COUNT];
} weights;

static void weights_new(double grad_scale, weights *x)
{
    const double live[CRM_LIVE_COUNT] = {0, grad_scale, 0.01, 1 - 0.9, 1 - 0.999};

    memcpy(x->live, live, sizeof live);
    x->g = random_floats(WEIGHTS, 21);
    x->w = random_floats(WEIGHTS, 22);
    x->m = random_floats(WEIGHTS, 23);
    x->v = random_floats(WEIGHTS, 24);
    for (int64_t i = 0; i < WEIGHTS; i++)
        x->v[i] = fabsf(x->v[i]);
}

static void weights_free(weights *x)
{
    crm_mem_free(x->g);
    crm_mem_free(x->w);
    crm_mem_free(x->m);
    crm_mem_free(x->v);
}

/* One update, of AdamW or SGD; live: the numbers come from device memory. */
static void update(crm_device *d, weights *x, bool adam, bool live, double grad_scale)
{
    held_arrays m = {.d = d};
    crm_tensor g = on_device(&m, crm_tensor_1d(x->g, CRM_F32, WEIGHTS)),
               w = on_device(&m, crm_tensor_1d(x->w, CRM_F32, WEIGHTS)),
               m1 = on_device(&m, crm_tensor_1d(x->m, CRM_F32, WEIGHTS)),
               v = on_device(&m, crm_tensor_1d(x->v, CRM_F32, WEIGHTS));
    const double *at = live ? array_on_device(&m, x->live, CRM_LIVE_COUNT, sizeof *at) : NULL;
    crm_adam a = {.lr = 0.01,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .eps = 1e-8,
                  .weight_decay = 0.01,
                  .grad_scale = grad_scale,
                  .step = 1,
                  .live = at};
    crm_sgd s = {
        .lr = 0.01, .momentum = 0.9, .weight_decay = 0.01, .grad_scale = grad_scale, .live = at};

    T_OK(adam ? crm_op_adam(d, &a, &g, &w, &m1, &v) : crm_op_sgd(d, &s, &g, &w, &m1));
    bring_back(&m);
    let_go(&m);
}

static int64_t other_weights(const weights *a, const weights *b)
{
    return other_bits(a->w, b->w, WEIGHTS) + other_bits(a->m, b->m, WEIGHTS) +
           other_bits(a->v, b->v, WEIGHTS) + other_bits(a->g, b->g, WEIGHTS);
}

/* A scale that is not finite leaves everything as it is, wherever it comes from. */
static void check_stays(crm_device *d, crm_hash *bits)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};

    for (int k = 0; k < 12; k++) {
        double scale = (double)bad[k / 4];
        weights x, y;

        weights_new(scale, &x);
        weights_new(scale, &y);
        update(d, &x, k & 1, k & 2, scale);
        T_EQ_I(other_weights(&x, &y), 0);
        add_bits(bits, x.w, WEIGHTS);
        weights_free(&x);
        weights_free(&y);
    }
}

/* Live numbers give what the same numbers give as members (for the first step, whose bias
 * corrections are exact). */
static void check_live(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < 4; k++) {
        double scale = k & 2 ? 0.37 : 1;
        weights x, y;

        weights_new(scale, &x);
        weights_new(scale, &y);
        update(d, &x, k & 1, true, 99);
        update(d, &y, k & 1, false, scale);
        T_CHECK(other_bits(x.g, x.w, WEIGHTS) > WEIGHTS / 2);
        T_EQ_I(other_weights(&x, &y), 0);
        add_bits(bits, x.w, WEIGHTS);
        weights_free(&x);
        weights_free(&y);
    }
}

static void live_numbers(void)
{
    on_all_devices(check_stays);
    on_all_devices(check_live);
}

/* ---- weight decay by ranges ---- */

enum { RANGES_MAX = 40, MANY = 5000 };

/* Which update: of a vector of n elements that begins `at` elements into its memory. */
typedef struct decay_trial {
    bool adam, momentum, nesterov;
    int64_t at, n, n_ranges, bound[2 * RANGES_MAX];
} decay_trial;

/* An update of elements [first, first + n) of the trial's vector. */
static void decay_update(crm_device *d, const decay_trial *t, weights *x, const crm_decay *decay,
                         double weight_decay, int64_t first, int64_t n)
{
    held_arrays h = {.d = d};
    int64_t all = t->at + t->n;
    float *v[] = {x->g, x->w, x->m, x->v};
    crm_tensor a[4];
    crm_adam p = {.lr = 0.01,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .eps = 1e-8,
                  .weight_decay = weight_decay,
                  .grad_scale = 0.7,
                  .step = 3};
    crm_sgd s = {.lr = 0.01,
                 .momentum = t->momentum ? 0.9 : 0,
                 .nesterov = t->nesterov,
                 .weight_decay = weight_decay,
                 .grad_scale = 0.7};

    for (int i = 0; i < 4; i++) {
        on_device(&h, crm_tensor_1d(v[i], CRM_F32, all));
        a[i] = crm_tensor_1d((float *)device_at(&h, v[i]) + t->at + first, CRM_F32, n);
    }
    if (decay) {
        p.decay = *decay;
        p.decay.bound = array_on_device(&h, decay->bound, 2 * RANGES_MAX, sizeof(int64_t));
        s.decay = p.decay;
    }
    T_OK(t->adam ? crm_op_adam(d, &p, &a[0], &a[1], &a[2], &a[3])
                 : crm_op_sgd(d, &s, &a[0], &a[1], t->momentum ? &a[2] : NULL));
    bring_back(&h);
    let_go(&h);
}

static void many_weights_new(int64_t n, weights *x)
{
    *x = (weights){.g = random_floats(n, 31),
                   .w = random_floats(n, 32),
                   .m = random_floats(n, 33),
                   .v = random_floats(n, 34)};
    for (int64_t i = 0; i < n; i++)
        x->v[i] = fabsf(x->v[i]);
    x->w[n / 2] = -0.0f;
}

/* One call with the table, against a call for each run of equal decay, which has no table. */
static void check_ranges(crm_device *d, crm_hash *bits, const decay_trial *t)
{
    const crm_decay decay = {t->n_ranges, t->bound};
    int64_t all = t->at + t->n, from = 0;
    weights x, y;

    many_weights_new(all, &x);
    many_weights_new(all, &y);
    decay_update(d, t, &x, &decay, 0.3, 0, t->n);
    for (int64_t i = 0; i <= 2 * t->n_ranges; i++) {
        int64_t end = i < 2 * t->n_ranges ? t->bound[i] : t->n;

        if (end > from) decay_update(d, t, &y, NULL, i % 2 ? 0.3 : 0, from, end - from);
        from = end;
    }
    T_EQ_I(other_bits(x.g, y.g, all), 0);
    T_EQ_I(other_bits(x.w, y.w, all), 0);
    T_EQ_I(other_bits(x.m, y.m, all), 0);
    T_EQ_I(other_bits(x.v, y.v, all), 0);
    add_bits(bits, x.w, all);
    weights_free(&x);
    weights_free(&y);
}

/* Boundaries anywhere (k even) or at multiples of 16; now and then a range is empty, or touches the
 * next one, or an end of the vector. */
static void cut_at_random(uint32_t k, decay_trial *t)
{
    crm_rng r = crm_rng_at(6, CRM_RNG_TEST, k, 0);
    int64_t step = k % 2 ? 16 : 1, at = 0;

    t->n_ranges = k % 9 == 0 ? 0 : 1 + crm_rng_below(&r, k % 3 ? 6 : RANGES_MAX);
    for (int64_t i = 0; i < 2 * t->n_ranges; i++) {
        uint32_t gap = (uint32_t)(t->n / step / (t->n_ranges + 1) + 2);

        at += crm_rng_below(&r, 4) ? step * crm_rng_below(&r, gap) : 0;
        t->bound[i] = at = at < t->n ? at : t->n;
    }
    if (t->n_ranges > 0 && k % 4 == 1) t->bound[2 * t->n_ranges - 1] = t->n;
}

static void check_decay(crm_device *d, crm_hash *bits)
{
    static const int64_t sizes[] = {1, 3, 16, 70, 1003, MANY};
    uint32_t trials = small_cases() ? 6 : 72;

    for (uint32_t k = 0; k < trials; k++) {
        decay_trial t = {.adam = k % 4 < 2,
                         .momentum = k % 4 == 2,
                         .nesterov = k % 8 == 6,
                         .at = k % 5 == 0 ? 1 : 16 * (k % 3),
                         .n = sizes[small_cases() ? k % 4 : k % 6]};

        cut_at_random(k, &t);
        check_ranges(d, bits, &t);
    }
}

/* Where decay holds, plainly: elements 2, 3 and 5 lose a tenth beside the step of the others. */
static void check_decay_by_hand(crm_device *d, crm_hash *bits)
{
    float g[7] = {0}, w[7] = {1, 1, 1, 1, 1, 1, 1};
    const int64_t bound[] = {2, 4, 5, 6};
    held_arrays h = {.d = d};
    crm_tensor tg = on_device(&h, crm_tensor_1d(g, CRM_F32, 7)),
               tw = on_device(&h, crm_tensor_1d(w, CRM_F32, 7));
    crm_sgd p = {.lr = 0.5,
                 .weight_decay = 0.2,
                 .grad_scale = 1,
                 .decay = {2, array_on_device(&h, bound, 4, sizeof *bound)}};

    T_OK(crm_op_sgd(d, &p, &tg, &tw, NULL));
    bring_back(&h);
    let_go(&h);
    for (int i = 0; i < 7; i++)
        T_NEAR((double)w[i], i == 2 || i == 3 || i == 5 ? 0.9 : 1, 1e-7);
    add_bits(bits, w, 7);
}

static void decay_by_ranges(void)
{
    on_all_devices(check_decay);
    on_all_devices(check_decay_by_hand);
}

/* ---- several arrays gathered together ---- */

enum { ARRAYS_MOST = 40, PARENTS = 50, WORDS = 1000, UNTOUCHED = 0x7A7A7A7A };

/* Sources of each type, shared by all arrays; where their rows stand; results, side by side. */
typedef struct gather_trial {
    uint8_t u8[WORDS];
    uint16_t u16[WORDS];
    int32_t i32[WORDS];
    float f32[WORDS];
    int64_t from[ARRAYS_MOST][PARENTS], first[ARRAYS_MOST][PARENTS + 1];
    int32_t y[ARRAYS_MOST][WORDS], want[ARRAYS_MOST][WORDS];
} gather_trial;

/* Array i has (7 i) % 50 parents of rows of 1 + i % 5 elements, each parent 0 to 3 of them or one.
 */
static int64_t width_of(int i)
{
    return 1 + i % 5;
}
static int64_t parents_of(int i)
{
    return 7 * i % PARENTS;
}

static int32_t word_of(const gather_trial *t, int type, int64_t at)
{
    int32_t bits;

    if (type == 0) return t->u8[at] == 0xFF ? -1 : t->u8[at];
    if (type == 1) return t->u16[at] == 0xFFFF ? -1 : t->u16[at];
    if (type == 2) return t->i32[at];
    memcpy(&bits, &t->f32[at], sizeof bits);
    return bits;
}

static int32_t fill_of(int i)
{
    float f = -(float)i;
    int32_t bits;

    if (i % 4 != 3) return -i;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void gather_trial_new(gather_trial *t)
{
    crm_rng r = crm_rng_at(8, CRM_RNG_TEST, 1, 0);

    for (int k = 0; k < WORDS; k++) {
        t->u8[k] = (uint8_t)(k % 9 ? crm_rng_below(&r, 255) : 0xFF);
        t->u16[k] = (uint16_t)(k % 9 ? crm_rng_below(&r, 65535) : 0xFFFF);
        t->i32[k] = (int32_t)crm_rng_below(&r, 1u << 31) - (1 << 30);
        t->f32[k] = (float)crm_rng_uniform(&r);
    }
    for (int i = 0; i < ARRAYS_MOST; i++) {
        int64_t w = width_of(i), to = 0;

        for (int k = 0; k < WORDS; k++)
            t->y[i][k] = t->want[i][k] = UNTOUCHED;
        for (int64_t p = 0; p < parents_of(i); p++) {
            int64_t rows = i % 3 ? 1 : (p * p + i) % 4;

            t->from[i][p] = (int64_t)crm_rng_below(&r, (uint32_t)(WORDS / w - 4)) - 1;
            t->first[i][p] = to;
            for (int64_t e = 0; e < rows * w; e++)
                t->want[i][to * w + e] =
                    t->from[i][p] < 0 ? fill_of(i) : word_of(t, i % 4, t->from[i][p] * w + e);
            to += rows;
        }
        t->first[i][parents_of(i)] = to;
    }
}

static crm_gather_item gather_item_of(held_arrays *h, const gather_trial *t, int i)
{
    static const crm_dtype type[] = {CRM_U8, CRM_U16, CRM_I32, CRM_F32};
    const void *x[] = {t->u8, t->u16, t->i32, t->f32};
    int64_t n = parents_of(i), w = width_of(i);

    return (crm_gather_item){.g = {.n = n,
                                   .first = i % 3 ? NULL : device_at(h, t->first[i]),
                                   .from = device_at(h, t->from[i]),
                                   .fill = -i},
                             .x = crm_tensor_2d(device_at(h, x[i % 4]), type[i % 4], WORDS / w, w),
                             .y = crm_tensor_2d(device_at(h, t->y[i]),
                                                i % 4 == 3 ? CRM_F32 : CRM_I32, t->first[i][n], w)};
}

static void check_gather_all(crm_device *d, crm_hash *bits)
{
    static const int counts[] = {0, 1, 2, 15, 16, 17, 32, ARRAYS_MOST};
    gather_trial *t = crm_mem_new(1, sizeof *t);
    crm_gather_item item[ARRAYS_MOST];

    if (!t) abort();
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        held_arrays h = {.d = d};

        gather_trial_new(t);
        hold(&h, t, sizeof *t);
        for (int i = 0; i < counts[c]; i++)
            item[i] = gather_item_of(&h, t, i);
        T_OK(crm_op_gather_all(d, item, counts[c]));
        bring_back(&h);
        let_go(&h);
        for (int i = 0; i < ARRAYS_MOST; i++)
            for (int k = 0; k < WORDS; k++)
                if (t->y[i][k] != (i < counts[c] ? t->want[i][k] : UNTOUCHED)) t_failures++;
        crm_hash_add(bits, t->y, sizeof t->y);
    }
    crm_mem_free(t);
}

/* One of several that does not fit: none is written. */
static void check_gather_one_wrong(crm_device *d, crm_hash *bits)
{
    gather_trial *t = crm_mem_new(1, sizeof *t);
    crm_gather_item item[20];
    held_arrays h = {.d = d};

    if (!t) abort();
    gather_trial_new(t);
    hold(&h, t, sizeof *t);
    for (int i = 0; i < 20; i++)
        item[i] = gather_item_of(&h, t, i);
    item[18].y.dim[1]++;
    T_FAILS(crm_op_gather_all(d, item, 20), CRM_ERR_ARG, "tensor y");
    T_FAILS(crm_op_gather_all(d, item, -1), CRM_ERR_ARG, "-1 arrays");
    T_FAILS(crm_op_gather_all(d, NULL, 1), CRM_ERR_ARG, "1 arrays");
    bring_back(&h);
    let_go(&h);
    for (int i = 0; i < 20; i++)
        for (int k = 0; k < WORDS; k++)
            if (t->y[i][k] != UNTOUCHED) t_failures++;
    crm_hash_add(bits, t->y, sizeof t->y);
    crm_mem_free(t);
}

static void arrays_together(void)
{
    on_all_devices(check_gather_all);
    on_all_devices(check_gather_one_wrong);
}

/* ---- a label that is none ---- */

/* Refused where labels are looked at first, else the loss of its lane is NaN, so that it is seen.
 */
static void check_label(crm_device *d, crm_hash *bits)
{
    float z[4 * 3] = {0, 1, 2, 1, 0, 3, 2, 2, 2, 5, 0, 1}, dz[4 * 3];
    int32_t label[4] = {0, 3, 1, 2};
    double loss[2] = {7, 7};
    const crm_lanes lanes = {.n = 2, .rows = 2, .stride = 1};
    held_arrays m = {.d = d};
    crm_tensor tz = on_device(&m, strided(z, 4, 3, 3)), tdz = on_device(&m, strided(dz, 4, 3, 3)),
               tl = on_device(&m, crm_tensor_1d(loss, CRM_F64, 2));
    crm_loss p = {.label = array_on_device(&m, label, 4, sizeof *label), .scale = 1};

    if (exact_bits(d)) {
        T_FAILS(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz), CRM_ERR_ARG, "label 3 of row 1");
        return;
    }
    T_OK(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz));
    bring_back(&m);
    let_go(&m);
    T_CHECK(isnan(loss[0]) && isfinite(loss[1]) && loss[1] > 0);
    T_CHECK(dz[3] == 0 && dz[4] == 0 && dz[5] == 0 && dz[0] < 0 && dz[11] < 0);
    add_bits(bits, dz, 12);
}

static void labels_too_large(void)
{
    on_all_devices(check_label);
}

/* ---- mistakes ---- */

static void rows_outside(crm_device *d)
{
    const int64_t first[] = {0, 2, 3}, from[] = {1, 3}, far[] = {1, 4};
    float x[8] = {0}, y[6] = {9, 9, 9, 9, 9, 9};
    crm_tensor tx = strided(x, 4, 2, 2), ty = strided(y, 3, 2, 2), two = strided(y, 2, 2, 2),
               gap = strided(y, 2, 2, 3), ti = two;
    crm_gather g = {2, first, from, 0}, far_g = {2, first, far, 0}, one = {2, NULL, far, 0},
               none = {2, NULL, NULL, 0};

    ti.dtype = CRM_I32;
    T_FAILS(crm_op_gather(d, &far_g, &tx, &ty), CRM_ERR_ARG, "parent 1 has 1 rows from row 4");
    T_FAILS(crm_op_gather(d, &g, &tx, &two), CRM_ERR_ARG, "[0, 3) are gathered into 2");
    T_FAILS(crm_op_gather(d, &one, &tx, &ty), CRM_ERR_ARG, "tensor y");
    T_FAILS(crm_op_gather(d, &one, &tx, &gap), CRM_ERR_ARG, "rows 3 apart");
    T_FAILS(crm_op_gather(d, &one, &tx, &ti), CRM_ERR_ARG, "f32 cannot be gathered as i32");
    T_FAILS(crm_op_gather(d, &none, &tx, &two), CRM_ERR_ARG, "missing");
    for (int i = 0; i < 6; i++)
        T_CHECK(y[i] == 9);
    T_OK(crm_op_gather(d, &g, &tx, &ty));
    T_CHECK(y[0] == 0 && y[5] == 0);
}

static void ranges_that_fall(crm_device *d)
{
    const int64_t fall[] = {2, 1}, beyond[] = {0, 5}, before[] = {-1, 2};
    const crm_decay bad[] = {{1, fall}, {1, beyond}, {1, before}, {1, NULL}, {-1, fall}};
    float g[4] = {1, 1, 1, 1}, w[4] = {9, 9, 9, 9}, m[4] = {0}, v[4] = {0};
    crm_tensor tg = crm_tensor_1d(g, CRM_F32, 4), tw = crm_tensor_1d(w, CRM_F32, 4),
               tm = crm_tensor_1d(m, CRM_F32, 4), tv = crm_tensor_1d(v, CRM_F32, 4);

    for (int i = 0; i < 5; i++) {
        crm_adam a = {.lr = 1, .eps = 1, .grad_scale = 1, .step = 1, .decay = bad[i]};
        crm_sgd s = {.lr = 1, .grad_scale = 1, .decay = bad[i]};

        T_FAILS(crm_op_adam(d, &a, &tg, &tw, &tm, &tv), CRM_ERR_ARG, "weight decay");
        T_FAILS(crm_op_sgd(d, &s, &tg, &tw, NULL), CRM_ERR_ARG, "weight decay");
    }
    T_CHECK(w[0] == 9 && w[3] == 9 && v[0] == 0);
}

static void mistakes(void)
{
    crm_device *d = NULL;
    float x[4] = {1, 2, 3, 4};
    double s[2] = {1, 2}, live[CRM_LIVE_COUNT] = {0};
    float *vec[] = {x, x + 1, NULL};
    const crm_add self[] = {{1, 1}}, beyond[] = {{0, 2}};
    crm_tensor ts = crm_tensor_1d(s, CRM_F64, 2), t1 = crm_tensor_1d(s, CRM_F64, 1);

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_FAILS(crm_op_combine(d, vec, 2, self, 1, 0, 1, NULL), CRM_ERR_ARG, "vector 1 += vector 1");
    T_FAILS(crm_op_combine(d, vec, 2, beyond, 1, 0, 1, NULL), CRM_ERR_ARG, "there are 2");
    T_FAILS(crm_op_combine(d, vec, 3, NULL, 0, 0, 1, NULL), CRM_ERR_ARG, "vector 2 of 3");
    T_FAILS(crm_op_combine(d, vec, 129, NULL, 0, 0, 1, NULL), CRM_ERR_ARG, "129 vectors");
    T_FAILS(crm_op_combine(d, vec, 2, NULL, 0, -1, 1, NULL), CRM_ERR_ARG, "elements from -1");
    T_FAILS(crm_op_norm(d, &ts, -1, live), CRM_ERR_ARG, "norm -1");
    T_FAILS(crm_op_norm(d, &ts, 1, NULL), CRM_ERR_ARG, "without memory");
    T_FAILS(crm_op_tally(d, &ts, &t1), CRM_ERR_ARG, "total has 1 rows");
    rows_outside(d);
    ranges_that_fall(d);
    T_CHECK(x[0] == 1 && x[1] == 2 && s[0] == 1);
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"sums of vectors", sums_of_vectors},
        {"norms", norms},
        {"live numbers", live_numbers},
        {"weight decay by ranges", decay_by_ranges},
        {"several arrays gathered together", arrays_together},
        {"labels too large", labels_too_large},
        {"mistakes are refused", mistakes},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
