/* test_fit.c - word vectors: slopes against finite differences, whole fits against plain loops in
 * double, all widths of registers, the same bits on any number of ranks and threads.
 * ranks: 1 2 3 4
 *
 * No value here comes from the code under test: losses are written out from the papers, and the
 * loops below follow the description in docs/embeddings.md with one number at a time. */
#include <stdlib.h>

#include "../../src/learn/embed/embed_cooc.h"
#include "crm_test_mpi.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/embed.h"

/* ---- one update ---- */
enum { DIM = 20, WIDTH = 32, M = 3 };

static float number(uint32_t i)
{
    return (float)crm_rng_element(7, CRM_RNG_TEST, 0, 0, i) * 0x1p-32f - 0.5f;
}

typedef struct small {
    float in[M][WIDTH], target[EMBED_TARGETS][WIDTH];
    float score[M * EMBED_SCORES], slope[M * EMBED_SCORES];
} small;

static void fill(small *s)
{
    uint32_t n = 0;

    memset(s, 0, sizeof *s);
    for (int j = 0; j < DIM; j++) {
        for (int i = 0; i < M; i++)
            s->in[i][j] = number(n++);
        for (int i = 0; i < EMBED_TARGETS; i++)
            s->target[i][j] = number(n++);
    }
}

/* Target 0 is seen, 5 is no pair. */
static void update(const embed_kernels *k, small *s)
{
    const float *in[M];
    float *to[M];
    embed_pairs p = {.width = WIDTH,
                     .m = M,
                     .in = in,
                     .to = to,
                     .label = {1},
                     .rate = {1, 1, 1, 1, 1, 0},
                     .score = s->score,
                     .slope = s->slope};

    for (int i = 0; i < M; i++)
        in[i] = to[i] = s->in[i];
    for (int i = 0; i < EMBED_TARGETS; i++)
        p.target[i] = s->target[i];
    k->pairs(&p);
}

/* Sum of -log sigmoid(+-u v); sigmoid by the C library. */
static double loss_of(const small *s)
{
    double sum = 0;

    for (int i = 0; i < M; i++)
        for (int t = 0; t < 5; t++) {
            double z = 0;
            for (int j = 0; j < DIM; j++)
                z += (double)s->in[i][j] * (double)s->target[t][j];
            sum += log1p(exp(t == 0 ? -z : z));
        }
    return sum;
}

static double by_difference(const small *at, size_t offset)
{
    small s = *at;
    float *x = (float *)((char *)&s + offset), was = *x;
    double high, low, up, down;

    *x = was + 0x1p-10f;
    up = (double)*x;
    high = loss_of(&s);
    *x = was - 0x1p-10f;
    down = (double)*x;
    low = loss_of(&s);
    return (high - low) / (up - down);
}

static void slopes(void)
{
    small before, after;

    fill(&before);
    after = before;
    update(crm_embed_kernels(), &after);
    for (int j = 0; j < WIDTH; j++) {
        for (int i = 0; i < M; i++) {
            double want = -by_difference(&before, offsetof(small, in[i][j]));
            T_NEAR((double)(after.in[i][j] - before.in[i][j]), j < DIM ? want : 0, 2e-6);
        }
        for (int i = 0; i < EMBED_TARGETS; i++) {
            double want = -by_difference(&before, offsetof(small, target[i][j]));
            T_NEAR((double)(after.target[i][j] - before.target[i][j]), j < DIM ? want : 0, 2e-6);
        }
    }
}

/* weight (a b + bias + bias - target)^2 / 2, its slopes and their squares. */
static void glove_slopes(void)
{
    float a[2 * WIDTH], b[2 * WIDTH], a0[2 * WIDTH], b0[2 * WIDTH];
    embed_glove_pair p = {
        .dim = DIM, .width = WIDTH, .a = a, .b = b, .target = 1.5f, .weight = 0.7f, .rate = 0.25f};
    double diff = -1.5;

    for (int j = 0; j < 2 * WIDTH; j++) {
        a[j] = a0[j] = j < WIDTH ? (j <= DIM ? number((uint32_t)j) : 0) : 1 + (float)j;
        b[j] = b0[j] = j < WIDTH ? (j <= DIM ? number((uint32_t)j + 99) : 0) : 2 + (float)j;
    }
    for (int j = 0; j < DIM; j++)
        diff += (double)a[j] * (double)b[j];
    diff += (double)a[DIM] + (double)b[DIM];
    T_NEAR((double)crm_embed_kernels()->glove(&p), diff, 1e-6);
    for (int j = 0; j < WIDTH; j++) {
        double ga = 0.7 * diff * (j < DIM ? (double)b0[j] : j == DIM);
        double gb = 0.7 * diff * (j < DIM ? (double)a0[j] : j == DIM);
        T_NEAR((double)a[j], (double)a0[j] - 0.25 * ga / sqrt((double)a0[WIDTH + j]), 1e-6);
        T_NEAR((double)b[j], (double)b0[j] - 0.25 * gb / sqrt((double)b0[WIDTH + j]), 1e-6);
        T_NEAR((double)a[WIDTH + j], (double)a0[WIDTH + j] + ga * ga, 1e-6);
        T_NEAR((double)b[WIDTH + j], (double)b0[WIDTH + j] + gb * gb, 1e-6);
    }
}

/* ---- a text ---- */
enum { WORDS = 12, TOKENS = 240, DOCUMENTS = 5 };
static int64_t first_token[DOCUMENTS + 1] = {0, 1, 60, 60, 150, TOKENS};
static int32_t token[TOKENS];
static int64_t count[WORDS];
static const char *const word[WORDS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
static const crm_corpus corpus = {DOCUMENTS, WORDS, first_token, token, word, count};

static void make_text(void)
{
    memset(count, 0, sizeof count);
    for (int i = 0; i < TOKENS; i++) {
        uint32_t u = crm_rng_element(3, CRM_RNG_TEST, 0, 0, (uint32_t)i);
        token[i] = (int32_t)((u % 13) * (u / 13 % 13) / 13); /* small ones are frequent */
        if (u >> 28 == 0) token[i] = -1;
        if (token[i] >= 0) count[token[i]]++;
    }
}

static crm_embed_cfg small_cfg(int kind)
{
    return (crm_embed_cfg){.kind = kind,
                           .dim = 5,
                           .window = 3,
                           .epochs = 3,
                           .negative = 7,
                           .sample = 0.05,
                           .alpha = 0.2,
                           .x_max = 4,
                           .exponent = 0.75,
                           .lanes = 4,
                           .lane_words = 6,
                           .cap = 2};
}

/* ---- the same in plain loops ---- */
enum { D = 5 };
typedef struct model {
    double row[2 * WORDS][2 * (D + 1)]; /* GloVe: bias at D, then squares */
} model;

static double sigma(double z)
{
    return 1 / (1 + exp(-z));
}

/* Pairs of one word: slopes of six targets at a time, then their steps. */
static void plain_word(const crm_embed_cfg *c, const int *in, int m, const int *target,
                       const int *label, double rate, model *x)
{
    bool cbow = c->kind == CRM_EMBED_CBOW;
    double mean[D] = {0}, moved[D] = {0};

    for (int i = 0; i < m; i++)
        for (int j = 0; j < D; j++)
            mean[j] += x->row[in[i]][j] / m;
    for (int from = 0; from < 12; from += 6) {
        double g[6][6] = {{0}};
        model was = *x;
        for (int i = 0; i < (cbow ? 1 : m); i++)
            for (int t = 0; t < 6; t++) {
                double z = 0;
                for (int j = 0; j < D; j++)
                    z += (cbow ? mean[j] : was.row[in[i]][j]) * was.row[target[from + t]][j];
                if (label[from + t] >= 0) g[i][t] = rate * (label[from + t] - sigma(z));
            }
        for (int i = 0; i < (cbow ? 1 : m); i++)
            for (int j = 0; j < D; j++) {
                double u = cbow ? mean[j] : x->row[in[i]][j], sum = 0;
                for (int t = 0; t < 6; t++) {
                    x->row[target[from + t]][j] += g[i][t] * u;
                    sum += g[i][t] * was.row[target[from + t]][j];
                }
                *(cbow ? &moved[j] : &x->row[in[i]][j]) += sum;
            }
    }
    for (int i = 0; cbow && i < m; i++)
        for (int j = 0; j < D; j++)
            x->row[in[i]][j] += moved[j];
}

/* Moves of all lanes, those of rows that more than cap lanes touch in part. */
static void plain_sum(const crm_embed_cfg *c, const model *lane, const bool (*touched)[2 * WORDS],
                      model *x)
{
    model was = *x;

    for (int r = 0; r < 2 * WORDS; r++) {
        int lanes = 0;
        for (int l = 0; l < c->lanes; l++)
            lanes += touched[l][r];
        for (int l = 0; l < c->lanes; l++)
            for (int j = 0; j < 2 * (D + 1) && touched[l][r]; j++)
                x->row[r][j] += (lane[l].row[r][j] - was.row[r][j]) *
                                (lanes > c->cap ? (double)c->cap / lanes : 1);
    }
}

static uint32_t below(crm_rng *r, uint32_t n)
{
    return (uint32_t)(((uint64_t)crm_rng_u32(r) * n) >> 32);
}

/* Words [first, end) of the epoch. */
static void plain_lane(const crm_embed_cfg *c, const embed_walk *w, const embed_noise *noise,
                       int64_t first, int64_t end, crm_rng r, double rate, model *x, bool *touched)
{
    for (int64_t i = first; i < end; i++) {
        int in[6], target[12], label[12], m = 0, reach = 1 + (int)below(&r, 3);
        int64_t d = embed_walk_document(w, i);
        for (int64_t j = i - reach; j <= i + reach; j++)
            if (j != i && j >= w->first[d] && j < w->first[d + 1]) in[m++] = w->token[j];
        for (int t = 0; t < 12; t++) {
            int drawn = t > 0 && t < 8 ? embed_noise_draw(noise, &r) : w->token[i];
            target[t] = WORDS + drawn;
            label[t] = t == 0 ? 1 : drawn == w->token[i] ? -1 : 0;
        }
        for (int k = 0; k < m; k++)
            touched[in[k]] = true;
        for (int t = 0; t < 12; t++)
            touched[target[t]] = true;
        if (m) plain_word(c, in, m, target, label, rate, x);
    }
}

static void plain_word2vec(const crm_embed_cfg *c, uint64_t seed, model *x)
{
    embed_walk w;
    embed_noise noise;

    memset(x, 0, sizeof *x);
    for (int i = 0; i < WORDS; i++) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_EMBED_INIT, 0, (uint64_t)i);
        for (int j = 0; j < D; j++)
            x->row[i][j] = (((double)crm_rng_u32(&r) + 0.5) * 0x1p-31 - 1) / D;
    }
    T_OK(embed_walk_new(&corpus, c->sample, &w));
    T_OK(embed_noise_new(&corpus, &noise));
    for (int e = 0; e < c->epochs; e++) {
        embed_walk_epoch(&corpus, seed, (uint32_t)e, &w);
        for (int64_t at = 0; at < w.n; at += 24) {
            double part = (e + (double)at / (double)w.n) / (double)c->epochs;
            bool touched[4][2 * WORDS] = {{0}};
            model lane[4];
            for (int l = 0; l < 4; l++) {
                int64_t first = at + 6 * l, end = first + 6 < w.n ? first + 6 : w.n;
                crm_rng r =
                    crm_rng_at(seed, CRM_RNG_EMBED_PAIRS, (uint32_t)e, (uint64_t)(at / 6 + l));
                lane[l] = *x;
                plain_lane(c, &w, &noise, first, end, r, c->alpha * (1 - 0.999 * part), &lane[l],
                           touched[l]);
            }
            plain_sum(c, lane, (const bool(*)[2 * WORDS]) touched, x);
        }
    }
    embed_walk_free(&w);
    embed_noise_free(&noise);
}

/* ---- GloVe in plain loops ---- */
static void plain_counts(const crm_embed_cfg *c, double x[WORDS][WORDS])
{
    memset(x, 0, sizeof(double[WORDS][WORDS]));
    for (int d = 0; d < DOCUMENTS; d++) {
        int32_t known[TOKENS];
        int n = 0;
        for (int64_t i = first_token[d]; i < first_token[d + 1]; i++)
            if (token[i] >= 0) known[n++] = token[i];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != j && abs(i - j) <= c->window) x[known[i]][known[j]] += 1.0 / abs(i - j);
    }
}

static void plain_adagrad(double *row, int j, double g, double rate)
{
    row[j] -= rate * g / sqrt(row[D + 1 + j]);
    row[D + 1 + j] += g * g;
}

static void plain_entry(const crm_embed_cfg *c, int a, int b, double count_ab, model *x)
{
    double *u = x->row[a], *v = x->row[WORDS + b], z = u[D] + v[D] - log(count_ab), f;

    for (int j = 0; j < D; j++)
        z += u[j] * v[j];
    f = z * (count_ab < c->x_max ? pow(count_ab / c->x_max, c->exponent) : 1);
    for (int j = 0; j < D; j++) {
        double gu = f * v[j], gv = f * u[j];
        plain_adagrad(u, j, gu, c->alpha);
        plain_adagrad(v, j, gv, c->alpha);
    }
    plain_adagrad(u, D, f, c->alpha);
    plain_adagrad(v, D, f, c->alpha);
}

static void plain_glove(const crm_embed_cfg *c, uint64_t seed, model *x)
{
    double near[WORDS][WORDS];
    int pair[WORDS * WORDS][2], n = 0;
    int64_t order[WORDS * WORDS];

    plain_counts(c, near);
    for (int i = 0; i < WORDS * WORDS; i++)
        if (near[i / WORDS][i % WORDS] > 0) {
            pair[n][0] = i / WORDS;
            pair[n++][1] = i % WORDS;
        }
    for (int i = 0; i < 2 * WORDS; i++) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_EMBED_INIT, 1, (uint64_t)i);
        for (int j = 0; j <= D; j++) {
            x->row[i][j] = (((double)crm_rng_u32(&r) + 0.5) * 0x1p-32 - 0.5) / D;
            x->row[i][D + 1 + j] = 1;
        }
    }
    for (int e = 0; e < c->epochs; e++) {
        crm_rng_permute(seed, CRM_RNG_EMBED_ORDER, (uint32_t)e, n, order);
        for (int at = 0; at < n; at += 24) {
            bool touched[4][2 * WORDS] = {{0}};
            model lane[4] = {*x, *x, *x, *x};
            for (int i = at; i < at + 24 && i < n; i++) {
                const int *p = pair[order[i]], l = (i - at) / 6;
                touched[l][p[0]] = touched[l][WORDS + p[1]] = true;
                plain_entry(c, p[0], p[1], near[p[0]][p[1]], &lane[l]);
            }
            plain_sum(c, lane, (const bool(*)[2 * WORDS]) touched, x);
        }
    }
}

/* ---- whole fits ---- */
static void compare(int kind, double tolerance)
{
    crm_embed_cfg c = small_cfg(kind);
    crm_vectors v;
    static model x;

    make_text();
    if (kind == CRM_EMBED_GLOVE)
        plain_glove(&c, 11, &x);
    else
        plain_word2vec(&c, 11, &x);
    T_OK(crm_embed_fit(t_comm, NULL, &c, &corpus, 11, NULL, NULL, &v));
    T_EQ_I(v.n, WORDS);
    for (int i = 0; i < v.n; i++)
        for (int j = 0; j < D; j++)
            T_NEAR((double)v.value[i * D + j],
                   x.row[i][j] + (kind == CRM_EMBED_GLOVE ? x.row[WORDS + i][j] : 0), tolerance);
    T_CHECK(v.n == WORDS && strcmp(v.word[3], "d") == 0);
    crm_vectors_free(&v);
}

static void skipgram(void)
{
    compare(CRM_EMBED_SKIPGRAM, 2e-5);
}
static void cbow(void)
{
    compare(CRM_EMBED_CBOW, 2e-5);
}
static void glove(void)
{
    compare(CRM_EMBED_GLOVE, 2e-5);
}

static void counts(void)
{
    crm_embed_cfg c = small_cfg(CRM_EMBED_GLOVE);
    double want[WORDS][WORDS];
    embed_cooc_item *item;
    int64_t n, at = 0;

    make_text();
    plain_counts(&c, want);
    T_OK(embed_cooc(t_comm, &corpus, c.window, &item, &n));
    for (int i = 0; i < WORDS * WORDS; i++) {
        if (want[i / WORDS][i % WORDS] == 0) continue;
        T_CHECK(at < n && item[at].key == (uint64_t)i + 1);
        if (at < n) T_NEAR(embed_cooc_count(&item[at]), want[i / WORDS][i % WORDS], 1e-6);
        at++;
    }
    T_EQ_I(n, at);
    crm_mem_free(item);
}

/* ---- words of an epoch ---- */
/* Shares within 4.5 standard errors of the formulas. */
static void draws(void)
{
    embed_walk w;
    embed_noise noise;
    double kept[WORDS] = {0}, sum = 0, known = 0;
    enum { EPOCHS = 2000, DRAWS = 200000 };
    int drawn[WORDS] = {0};
    crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 0, 0);

    make_text();
    T_OK(embed_walk_new(&corpus, 0.05, &w));
    T_OK(embed_noise_new(&corpus, &noise));
    for (int e = 0; e < EPOCHS; e++) {
        embed_walk_epoch(&corpus, 4, (uint32_t)e, &w);
        for (int64_t i = 0; i < w.n; i++)
            kept[w.token[i]]++;
    }
    for (int i = 0; i < DRAWS; i++)
        drawn[embed_noise_draw(&noise, &r)]++;
    for (int i = 0; i < WORDS; i++) {
        known += (double)count[i];
        sum += pow((double)count[i], 0.75);
    }
    for (int i = 0; i < WORDS; i++) {
        double f = (double)count[i] / known, n = (double)count[i] * EPOCHS;
        double stay = fmin(1, (sqrt(f / 0.05) + 1) * 0.05 / f),
               p = pow((double)count[i], 0.75) / sum;
        if (!count[i]) continue;
        T_CHECK(fabs(kept[i] - n * stay) <= 4.5 * sqrt(n * stay * (1 - stay)) + 1e-9);
        T_CHECK(fabs(drawn[i] - DRAWS * p) <= 4.5 * sqrt(DRAWS * p * (1 - p)));
    }
    embed_walk_free(&w);
    embed_noise_free(&noise);
}

/* ---- the same bits ---- */
static crm_digest fit_digest(crm_comm *comm, int threads, int kind)
{
    crm_embed_cfg c = small_cfg(kind);
    crm_pool *pool = NULL;
    crm_vectors v = {0};
    crm_digest d = {0};

    c.dim = 37;
    T_OK(crm_pool_new(threads, &pool));
    T_OK(crm_embed_fit(comm, pool, &c, &corpus, 6, NULL, NULL, &v));
    if (v.n) d = crm_digest_of(v.value, (size_t)(v.n * v.dim) * sizeof *v.value);
    crm_vectors_free(&v);
    crm_pool_free(&pool);
    return d;
}

/* Each rank alone, all ranks together, threads, and all that this CPU has of registers. */
static void same_bits(void)
{
    static const char *const cpu[] = {"avx512", "avx2", "portable"};

    make_text();
    for (int kind = CRM_EMBED_SKIPGRAM; kind <= CRM_EMBED_GLOVE; kind++) {
        crm_digest alone = fit_digest(NULL, 1, kind);
        T_CHECK(crm_digest_equal(alone, fit_digest(t_comm, 1, kind)));
        T_CHECK(crm_digest_equal(alone, fit_digest(t_comm, 3, kind)));
        for (int k = 0; k < 3; k++) {
            setenv("CRM_CPU", cpu[k], 1);
            T_CHECK(crm_digest_equal(alone, fit_digest(NULL, 2, kind)));
        }
        unsetenv("CRM_CPU");
    }
}

static int64_t told, told_words;
static double told_loss[3];
static void tell(void *ctx, int64_t epoch, int64_t words, double loss, double seconds)
{
    T_CHECK(ctx == &told && epoch == told && seconds >= 0);
    told_words += words;
    told_loss[told++ % 3] = loss;
}

static void epochs(void)
{
    crm_embed_cfg c = small_cfg(CRM_EMBED_SKIPGRAM);
    crm_vectors v;

    make_text();
    told = told_words = 0;
    T_OK(crm_embed_fit(t_comm, NULL, &c, &corpus, 1, tell, &told, &v));
    T_EQ_I(told, 3);
    T_EQ_I(told_words, 3 * TOKENS);
    T_CHECK(told_loss[0] < 8 * log(2.0) &&
            told_loss[0] > 4 * log(2.0)); /* at first pairs x log 2 */
    T_CHECK(told_loss[2] < told_loss[0]);
    crm_vectors_free(&v);
}

/* ---- limits ---- */
static void limits(void)
{
    static const int64_t none[2] = {0, 0}, one[2] = {0, 1};
    crm_embed_cfg c = small_cfg(CRM_EMBED_SKIPGRAM);
    static const int64_t lines[4] = {0, 2, 4, 5};
    static const int32_t apart[5] = {3, -1, -1, 2, 1};
    crm_corpus empty = {1, 0, none, token, word, count};
    crm_corpus silent = {1, WORDS, none, token, word, count};
    crm_corpus single = {1, WORDS, one, token, word, count};
    crm_corpus lonely = {1, 1, lines, token, word, count};
    crm_corpus alone = {3, WORDS, lines, apart, word, count};
    crm_vectors v;

    make_text();
    T_FAILS(crm_embed_fit(t_comm, NULL, &c, &empty, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
            "no word is frequent enough for a vector, two are needed; lower text.min_count");
    T_FAILS(crm_embed_fit(t_comm, NULL, &c, &lonely, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
            "one word is frequent enough");
    for (c.kind = CRM_EMBED_SKIPGRAM; c.kind <= CRM_EMBED_GLOVE; c.kind++) {
        T_FAILS(crm_embed_fit(t_comm, NULL, &c, &silent, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
                "none of the 1 documents has two");
        T_FAILS(crm_embed_fit(t_comm, NULL, &c, &single, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
                "give longer documents");
        T_FAILS(crm_embed_fit(t_comm, NULL, &c, &alone, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
                "none of the 3 documents has two");
    }
    T_CHECK(!crm_corpus_has_pairs(&alone) && crm_corpus_has_pairs(&corpus));
    c = small_cfg(CRM_EMBED_CBOW);
    c.sample = 1e-30;
    T_FAILS(crm_embed_fit(t_comm, NULL, &c, &corpus, 1, NULL, NULL, &v), CRM_ERR_CONFIG,
            "embed.sample = 1e-30 has left no two words");
    c = small_cfg(CRM_EMBED_SKIPGRAM);
    c.alpha = 1e30;
    T_FAILS(crm_embed_fit(t_comm, NULL, &c, &corpus, 1, NULL, NULL, &v), CRM_ERR_NUMERIC,
            "embed.alpha");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"slopes by finite differences", slopes},
                                   {"slopes of GloVe", glove_slopes},
                                   {"skip-gram in plain loops", skipgram},
                                   {"CBOW in plain loops", cbow},
                                   {"GloVe in plain loops", glove},
                                   {"co-occurrences", counts},
                                   {"words kept and drawn", draws},
                                   {"the same bits", same_bits},
                                   {"epochs are told", epochs},
                                   {"limits", limits},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
