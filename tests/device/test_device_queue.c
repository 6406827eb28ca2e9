/* test_device_queue.c - a device with queues: memory, uploads through pinned memory, copies ahead,
 * tickets, graphs.  Runs on the module that CRM_CUDA_PLUGIN names, else on the one that is built
 * for the CPU (tests/cusim), whose queues run only when waited for (CUSIM_STREAMS=lazy), so that a
 * wait that is missing gives wrong numbers. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/device.h"

static bool have_module;

static crm_device *open_with(bool graph)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .graph = graph,
                          .transport = CRM_TRANSPORT_MPI,
                          .bucket = 1 << 20,
                          .timeout = 60};
    crm_device *d = NULL;

    T_OK(crm_device_open(&cfg, 0, 1, &d));
    if (!d) abort();
    return d;
}

static float *buffer(crm_device *d, int64_t n, float value)
{
    void *p;

    T_OK(crm_buf_new(d, (size_t)n * sizeof(float), &p));
    for (int64_t i = 0; i < n; i++) {
        float v = value + (float)(i % 7);

        T_OK(crm_buf_upload(d, (float *)p + i, &v, sizeof v));
    }
    return p;
}

/* All elements are value + (i % 7) times. */
static void holds(crm_device *d, const float *p, int64_t n, float value, float times)
{
    float *host = crm_mem_new((size_t)n, sizeof *host);

    T_OK(crm_buf_download(d, p, host, (size_t)n * sizeof *host));
    for (int64_t i = 0; i < n; i++)
        if (host[i] != value + times * (float)(i % 7)) {
            T_NEAR(host[i], value + times * (float)(i % 7), 0);
            break;
        }
    crm_mem_free(host);
}

/* y += x. */
static void add(crm_device *d, float *x, float *y, int64_t n)
{
    crm_tensor tx = crm_tensor_2d(x, CRM_F32, 1, n), ty = crm_tensor_2d(y, CRM_F32, 1, n);

    T_OK(crm_op_add(d, &tx, &ty));
}

static crm_device_usage used(crm_device *d)
{
    crm_device_usage u;

    T_OK(crm_device_use(d, &u));
    return u;
}

/* Every case begins and ends with the same host memory, and without a device. */
static size_t mem_before;
static bool begins(void)
{
    mem_before = crm_mem_used();
    if (!have_module) T_SKIP("no module: CRM_CUDA_PLUGIN is not set and tests/cusim is not built");
    return have_module;
}
static void ends(crm_device *d)
{
    crm_device_free(&d);
    T_EQ_I(crm_mem_used(), mem_before);
}

/* ---- memory ---- */

static void memory(void)
{
    enum { BIG = (5 << 20) + 3 };
    unsigned char *host;
    void *none, *big;
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    T_CHECK(!crm_device_is_host(d) && !crm_device_shared(d));
    T_CHECK(strncmp(crm_device_name(d), "cuda:0 ", 7) == 0);
    T_EQ_I(used(d).bytes, 0);
    T_OK(crm_buf_new(d, 0, &none));
    T_OK(crm_buf_new(d, BIG, &big));
    T_EQ_I(used(d).bytes, BIG);
    host = crm_mem_new(BIG, 1);
    for (int i = 0; i < BIG; i++)
        host[i] = (unsigned char)(i * 7 + i / 256);
    T_OK(crm_buf_upload(d, big, host, BIG));
    T_OK(crm_buf_zero(d, (char *)big + 1000, 3));
    memset(host, 0xff, BIG);
    T_OK(crm_buf_download(d, big, host, BIG));
    for (int i = 0; i < BIG; i++) {
        int want = i >= 1000 && i < 1003 ? 0 : (i * 7 + i / 256) & 255;

        if (host[i] != want) {
            T_EQ_I(host[i], want);
            T_EQ_I(i, -1);
            break;
        }
    }
    T_OK(crm_device_sync(d));
    crm_buf_free(d, big);
    crm_buf_free(d, none);
    T_EQ_I(used(d).bytes, 0);
    T_EQ_I(used(d).peak_bytes, BIG);
    T_CHECK(used(d).total_bytes > 0 && used(d).free_bytes <= used(d).total_bytes);
    T_FAILS(crm_buf_new(d, (size_t)1 << 50, &none), CRM_ERR_NOMEM, "out of GPU memory");
    T_EQ_I(used(d).bytes, 0);
    crm_mem_free(host);
    ends(d);
}

/* More bytes in small uploads than the pinned memory has, from one word that changes at once. */
static void host_is_taken(void)
{
    enum { N = 20000, WIDTH = 256 };
    int32_t *row, *all;
    crm_device *d;
    void *p;

    if (!begins()) return;
    d = open_with(true);
    row = crm_mem_new(WIDTH, sizeof *row);
    all = crm_mem_new((size_t)N * WIDTH, sizeof *all);
    T_OK(crm_buf_new(d, (size_t)N * WIDTH * sizeof *all, &p));
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < WIDTH; j++)
            row[j] = i * WIDTH + j;
        T_OK(crm_buf_upload(d, (int32_t *)p + (int64_t)i * WIDTH, row, WIDTH * sizeof *row));
        memset(row, 0, WIDTH * sizeof *row);
    }
    T_OK(crm_buf_download(d, p, all, (size_t)N * WIDTH * sizeof *all));
    for (int i = 0; i < N * WIDTH; i++)
        if (all[i] != i) {
            T_EQ_I(all[i], i);
            break;
        }
    crm_mem_free(all);
    crm_mem_free(row);
    crm_buf_free(d, p);
    ends(d);
}

/* ---- copies ahead ---- */

enum { WIDTH = 300, STEPS = 7 };

/* The batch of a step goes into the memory of its slot while the step before has not run. */
static void copy_ahead(crm_device *d, float *const slot[CRM_AHEAD_SLOTS], int step)
{
    float host[WIDTH];

    for (int i = 0; i < WIDTH; i++)
        host[i] = (float)(1 << step);
    T_OK(crm_ahead_begin(d, step % 2));
    T_OK(crm_buf_upload(d, slot[step % 2], host, sizeof host));
    T_OK(crm_ahead_end(d, step % 2));
    memset(host, 0, sizeof host);
}

static void ahead(void)
{
    float *slot[CRM_AHEAD_SLOTS], *sum;
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    sum = buffer(d, WIDTH, 0);
    for (int i = 0; i < CRM_AHEAD_SLOTS; i++)
        slot[i] = buffer(d, WIDTH, -1000);
    copy_ahead(d, slot, 0);
    T_OK(crm_device_sync(d)); /* runs the copies first, were they not behind the uploads above */
    for (int step = 0; step < STEPS; step++) {
        T_OK(crm_ahead_use(d, step % 2));
        add(d, slot[step % 2], sum, WIDTH);
        T_OK(crm_ahead_done(d, step % 2));
        if (step + 1 < STEPS) copy_ahead(d, slot, step + 1);
    }
    holds(d, sum, WIDTH, (float)((1 << STEPS) - 1), 1);
    T_OK(crm_ahead_begin(d, 0));
    T_FAILS(crm_ahead_begin(d, 1), CRM_ERR_INTERNAL, "slot 0 has ended");
    T_FAILS(crm_ahead_end(d, 1), CRM_ERR_INTERNAL, "slot 1");
    T_OK(crm_ahead_end(d, 0));
    T_FAILS(crm_ahead_end(d, 0), CRM_ERR_INTERNAL, "not begun");
    T_FAILS(crm_ahead_use(d, 2), CRM_ERR_ARG, "slot 2 of 2");
    ends(d);
}

/* New memory for the slots: copies wait for what fills it, and not only for what used the slots
 * before. */
static void ahead_anew(void)
{
    float *slot[CRM_AHEAD_SLOTS];
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CRM_AHEAD_SLOTS; i++) {
            slot[i] = buffer(d, WIDTH, 5);
            T_OK(crm_buf_zero(d, slot[i], WIDTH * sizeof(float)));
            T_OK(crm_ahead_done(d, i));
        }
        for (int i = 0; i < CRM_AHEAD_SLOTS; i++)
            copy_ahead(d, slot, i);
        T_OK(crm_device_sync(d)); /* the copies first */
        for (int i = 0; i < CRM_AHEAD_SLOTS; i++) {
            T_OK(crm_ahead_use(d, i));
            holds(d, slot[i], WIDTH, (float)(1 << i), 0);
            T_OK(crm_ahead_done(d, i));
        }
    }
    ends(d);
}

/* ---- tickets ---- */

/* Every question brings the queue of the module for the CPU a step further. */
static void becomes_ready(crm_device *d, int ticket)
{
    bool ready = false;

    for (int i = 0; i < 1 << 24 && !ready; i++)
        T_OK(crm_later_ready(d, ticket, &ready));
    T_CHECK(ready);
}

static void tickets(void)
{
    float host[8], *x, *one;
    crm_device *d;
    bool ready;

    if (!begins()) return;
    d = open_with(true);
    x = buffer(d, 8, 10);
    one = buffer(d, 8, 100);
    for (int round = 0; round < 2; round++) {
        for (int t = 0; t < CRM_LATER_SLOTS; t++) {
            T_OK(crm_later_download(d, t, x, 8 * sizeof(float)));
            add(d, one, x, 8);
        }
        for (int t = CRM_LATER_SLOTS - 1; t >= 0; t--) {
            if (round == 0) becomes_ready(d, t);
            T_OK(crm_later_get(d, t, host, (t % 2 ? 8 : 3) * sizeof(float)));
            for (int i = 0; i < (t % 2 ? 8 : 3); i++) {
                int adds = round * CRM_LATER_SLOTS + t;

                T_NEAR(host[i], 10 + 100 * adds + (1 + adds) * (i % 7), 0);
            }
        }
    }
    T_FAILS(crm_later_get(d, 0, host, 4), CRM_ERR_ARG, "ticket 0, which has 0");
    T_FAILS(crm_later_download(d, 0, x, CRM_LATER_MAX + 1), CRM_ERR_ARG, "at most 4096 bytes");
    T_FAILS(crm_later_get(d, CRM_LATER_SLOTS, host, 4), CRM_ERR_ARG, "tickets below 4");
    T_FAILS(crm_later_ready(d, CRM_LATER_SLOTS, &ready), CRM_ERR_ARG, "tickets below 4");
    ends(d);
}

/* ---- graphs ---- */

/* y += x `times` times, as a step with a key. */
typedef struct step_key {
    float *x, *y;
    int64_t n, times;
} step_key;

static crm_status add_times(crm_device *d, const step_key *k)
{
    crm_tensor x = crm_tensor_2d(k->x, CRM_F32, 1, k->n), y = crm_tensor_2d(k->y, CRM_F32, 1, k->n);
    crm_status st = CRM_OK;

    for (int64_t i = 0; i < k->times && !st; i++)
        st = crm_op_add(d, &x, &y);
    return st;
}

/* Whether the step was known: not when it comes for the first time, nor for the second, when it is
 * captured. */
static bool step(crm_device *d, float *x, float *y, int64_t n, int64_t times)
{
    step_key key = {x, y, n, times};
    bool known = true;

    for (bool again = true; again;) {
        T_OK(crm_graph_begin(d, &key, sizeof key, &known));
        if (known) return true;
        T_OK(crm_graph_end(d, add_times(d, &key), &again));
    }
    return false;
}

/* A key comes for the first time, with a step that does nothing. */
static void sight(crm_device *d, const void *key, size_t bytes)
{
    bool known = true, again = true;

    T_OK(crm_graph_begin(d, key, bytes, &known));
    T_CHECK(!known);
    T_OK(crm_graph_end(d, CRM_OK, &again));
    T_CHECK(!again);
}

static void counts(crm_device *d, int64_t graphs, int64_t updates, int64_t replays)
{
    crm_device_usage u = used(d);

    T_EQ_I(u.graphs, graphs);
    T_EQ_I(u.updates, updates);
    T_EQ_I(u.replays, replays);
}

static void graphs_by_key(void)
{
    enum { N = 1000, KEPT = 8 };
    float *x, *y[KEPT + 2];
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    x = buffer(d, N, 3);
    for (int i = 0; i < KEPT + 2; i++)
        y[i] = buffer(d, N, 0);
    for (int i = 0; i < KEPT; i++) /* first as they come */
        T_CHECK(!step(d, x, y[i], N - i, 2));
    counts(d, 0, 0, 0);
    holds(d, y[0], N, 6, 3);
    for (int i = 0; i < KEPT; i++) /* then captured */
        T_CHECK(!step(d, x, y[i], N - i, 2));
    counts(d, KEPT, 0, 0);
    holds(d, y[0], N, 12, 5);
    for (int i = 0; i < KEPT; i++) /* all but the fourth */
        if (i != 3) T_CHECK(step(d, x, y[i], N - i, 2));
    counts(d, KEPT, 0, KEPT - 1);
    holds(d, y[5], N - 5, 18, 7);
    T_CHECK(!step(d, x, y[KEPT], 17, 2));
    counts(d, KEPT, 0, KEPT - 1);
    T_CHECK(!step(d, x, y[KEPT], 17, 2)); /* takes the place of the fourth */
    counts(d, KEPT, 1, KEPT - 1);
    T_CHECK(step(d, x, y[KEPT], 17, 2));
    T_CHECK(step(d, x, y[0], N, 2));
    holds(d, y[KEPT], 17, 18, 7);
    holds(d, y[3], N - 3, 12, 5);
    T_CHECK(!step(d, x, y[3], N - 3, 2)); /* takes the place of the second */
    T_CHECK(step(d, x, y[2], N - 2, 2));
    T_CHECK(step(d, x, y[0], N, 2));
    holds(d, y[0], N, 30, 11);
    holds(d, y[3], N - 3, 18, 7);
    holds(d, y[2], N - 2, 24, 9);
    counts(d, KEPT, 2, KEPT + 3);
    T_CHECK(!step(d, x, y[KEPT + 1], N, 3));
    T_CHECK(!step(d, x, y[KEPT + 1], N, 3)); /* of another shape: made anew */
    counts(d, KEPT + 1, 2, KEPT + 3);
    T_CHECK(step(d, x, y[KEPT + 1], N, 3));
    holds(d, y[KEPT + 1], N, 27, 10);
    ends(d);
}

/* Calls between that fail by themselves: nothing runs, and it is the caller's error. */
static void graphs_dropped(void)
{
    float *x, *y, host = 1;
    crm_device *d;
    bool known, again;

    if (!begins()) return;
    d = open_with(true);
    x = buffer(d, 50, 1);
    y = buffer(d, 50, 0);
    T_CHECK(!step(d, x, y, 50, 1));
    T_CHECK(!step(d, x, y, 50, 1));
    sight(d, "a", 1);
    T_OK(crm_graph_begin(d, "a", 1, &known));
    T_CHECK(!known);
    add(d, x, y, 50);
    T_FAILS(crm_buf_upload(d, x, &host, sizeof host), CRM_ERR_INTERNAL, "within a graph");
    T_FAILS(crm_buf_download(d, x, &host, sizeof host), CRM_ERR_INTERNAL, "within a graph");
    T_FAILS(crm_later_download(d, 0, x, 4), CRM_ERR_INTERNAL, "within a graph");
    T_FAILS(crm_ahead_use(d, 0), CRM_ERR_INTERNAL, "within a graph");
    T_FAILS(crm_graph_begin(d, "b", 1, &known), CRM_ERR_INTERNAL, "graph within a graph");
    T_EQ_I(crm_graph_end(d, CRM_ERR_NUMERIC, &again), CRM_ERR_NUMERIC);
    T_CHECK(!again);
    holds(d, y, 50, 2, 3); /* nothing of it ran */
    T_CHECK(step(d, x, y, 50, 1));
    T_OK(crm_graph_begin(d, "a", 1, &known));
    T_CHECK(!known);
    add(d, x, y, 50);
    T_OK(crm_graph_end(d, CRM_OK, &again));
    T_CHECK(!again);
    T_OK(crm_graph_begin(d, "a", 1, &known));
    T_CHECK(known);
    holds(d, y, 50, 5, 6);
    sight(d, "open", 4);
    T_OK(crm_graph_begin(d, "open", 4, &known)); /* a capture that goes on when the device closes */
    add(d, x, y, 50);
    ends(d);
}

/* A failure that is not the capture's is the caller's, also where the key comes first. */
static void graphs_told(crm_device *d)
{
    bool known, again;

    T_OK(crm_graph_begin(d, "told", 4, &known));
    T_EQ_I(crm_graph_end(d, CRM_ERR_NUMERIC, &again), CRM_ERR_NUMERIC);
    T_CHECK(!again);
}

static void graphs_forgotten(void)
{
    float *x, *y;
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    x = buffer(d, 50, 1);
    y = buffer(d, 50, 0);
    graphs_told(d);
    crm_graph_forget(d);
    for (int round = 0; round < 2; round++) {
        T_CHECK(!step(d, x, y, 50, 1));
        T_CHECK(!step(d, x, y, 50, 1));
        T_CHECK(step(d, x, y, 50, 1)); /* may still be under way */
        crm_graph_forget(d);
        counts(d, round + 1, 0, round + 1);
        holds(d, y, 50, (float)(3 * round + 3), (float)(3 * round + 4));
    }
    ends(d);
}

static void graphs_off(void)
{
    float *x, *y;
    crm_device *d;

    if (!begins()) return;
    d = open_with(false);
    x = buffer(d, 50, 1);
    y = buffer(d, 50, 0);
    for (int i = 0; i < 3; i++)
        T_CHECK(!step(d, x, y, 50, 1));
    holds(d, y, 50, 3, 4);
    counts(d, 0, 0, 0);
    graphs_told(d);
    crm_graph_forget(d);
    ends(d);
}

/* Copies ahead go on beside a step that is a graph. */
static void graphs_and_copies(void)
{
    float *slot[CRM_AHEAD_SLOTS], *sum;
    crm_device *d;
    int known = 0;

    if (!begins()) return;
    d = open_with(true);
    sum = buffer(d, WIDTH, 0);
    for (int i = 0; i < CRM_AHEAD_SLOTS; i++)
        slot[i] = buffer(d, WIDTH, -1000);
    copy_ahead(d, slot, 0);
    for (int i = 0; i < STEPS; i++) {
        T_OK(crm_ahead_use(d, i % 2));
        known += step(d, slot[i % 2], sum, WIDTH, 1);
        T_OK(crm_ahead_done(d, i % 2));
        if (i + 1 < STEPS) copy_ahead(d, slot, i + 1);
    }
    holds(d, sum, WIDTH, (float)((1 << STEPS) - 1), 1);
    T_EQ_I(known, STEPS - 4); /* each slot as it comes, then captured */
    ends(d);
}

/* ---- scratch memory ---- */

enum { CODES = 40, EMBED = 8, ROWS_MAX = 3000 };

/* Gradient of an embedding, whose sort takes scratch memory by the number of rows. */
typedef struct embed_case {
    crm_device *d;
    void *code, *dy, *table;
} embed_case;

static void embed(embed_case *c, int64_t rows)
{
    crm_tensor code = crm_tensor_1d(c->code, CRM_I32, rows);
    crm_tensor dy = crm_tensor_2d(c->dy, CRM_F32, rows, EMBED);
    crm_tensor table = crm_tensor_2d(c->table, CRM_F32, CODES, EMBED);
    crm_lanes lanes = {.n = 1, .rows = rows, .stride = CODES * EMBED};

    T_OK(crm_buf_zero(c->d, c->table, CODES * EMBED * sizeof(float)));
    T_OK(crm_op_embed_bwd(c->d, &code, &dy, &lanes, &table));
}

static bool embed_step(embed_case *c, int64_t rows)
{
    bool known, again;

    T_OK(crm_graph_begin(c->d, &rows, sizeof rows, &known));
    if (known) return true;
    embed(c, rows);
    T_OK(crm_graph_end(c->d, CRM_OK, &again));
    T_CHECK(!again);
    return false;
}

/* Codes are r % CODES and rows of dy are r: sums of whole numbers, exact in any order. */
static void embed_holds(embed_case *c, int64_t rows)
{
    float host[CODES * EMBED];
    double want[CODES] = {0};

    for (int64_t r = 0; r < rows; r++)
        want[r % CODES] += (double)r;
    T_OK(crm_buf_download(c->d, c->table, host, sizeof host));
    for (int i = 0; i < CODES * EMBED; i++)
        if (host[i] != (float)want[i / EMBED]) {
            T_NEAR(host[i], want[i / EMBED], 0);
            break;
        }
}

static void embed_fill(embed_case *c)
{
    int32_t *code = crm_mem_new(ROWS_MAX, sizeof *code);
    float *dy = crm_mem_new(ROWS_MAX * EMBED, sizeof *dy);

    for (int r = 0; r < ROWS_MAX; r++)
        code[r] = r % CODES;
    for (int i = 0; i < ROWS_MAX * EMBED; i++)
        dy[i] = (float)(i / EMBED);
    T_OK(crm_buf_new(c->d, ROWS_MAX * sizeof *code, &c->code));
    T_OK(crm_buf_new(c->d, ROWS_MAX * EMBED * sizeof *dy, &c->dy));
    T_OK(crm_buf_new(c->d, CODES * EMBED * sizeof(float), &c->table));
    T_OK(crm_buf_upload(c->d, c->code, code, ROWS_MAX * sizeof *code));
    T_OK(crm_buf_upload(c->d, c->dy, dy, ROWS_MAX * EMBED * sizeof *dy));
    crm_mem_free(code);
    crm_mem_free(dy);
}

static const int64_t grown[] = {50, 400, ROWS_MAX};

/* Bytes that are held where nothing is kept for graphs. */
static int64_t bytes_without_graphs(void)
{
    embed_case c = {.d = open_with(false)};
    int64_t bytes;

    embed_fill(&c);
    for (int i = 0; i < 3; i++)
        embed(&c, grown[i]);
    bytes = used(c.d).bytes;
    crm_device_free(&c.d);
    return bytes;
}

static void scratch_grows(void)
{
    embed_case c = {0};
    int64_t bytes;

    if (!begins()) return;
    c.d = open_with(true);
    if (!crm_device_offers(c.d, CRM_OP_EMBED_BWD)) {
        T_SKIP("embed_bwd is not offered");
        ends(c.d);
        return;
    }
    embed_fill(&c);
    bytes = used(c.d).bytes;
    for (int i = 0; i < 3; i++) {
        sight(c.d, &grown[i], sizeof grown[i]);
        T_CHECK(!embed_step(&c, grown[i])); /* grows within the capture */
        embed_holds(&c, grown[i]);
        T_CHECK(used(c.d).bytes > bytes);
        bytes = used(c.d).bytes;
    }
    for (int i = 0; i < 3; i++) { /* the first two use memory that has been outgrown */
        T_CHECK(embed_step(&c, grown[i]));
        embed_holds(&c, grown[i]);
    }
    T_EQ_I(used(c.d).bytes, bytes);
    crm_graph_forget(c.d);
    T_CHECK(used(c.d).bytes < bytes);
    T_EQ_I(used(c.d).bytes, bytes_without_graphs());
    T_CHECK(!embed_step(&c, ROWS_MAX));
    embed_holds(&c, ROWS_MAX);
    ends(c.d);
}

/* ---- the rest ---- */

static void usage_and_ranges(void)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA};
    char *text = NULL;
    crm_device *d;

    if (!begins()) return;
    d = open_with(true);
    crm_range_push(d, "step");
    crm_range_pop(d);
    T_CHECK(used(d).energy == -1 || used(d).energy >= 0);
    T_OK(crm_device_found(&cfg, &text));
    for (const char *const *w =
             (const char *const[]){"CUDA ", "driver ", "runtime ", "GPU ", "cuBLASLt ", "cuDNN ",
                                   "NCCL ", "NVML ", NULL};
         *w; w++)
        if (!text || !strstr(text, *w)) t_fail(__FILE__, __LINE__, *w);
    crm_mem_free(text);
    ends(d);
}

static void two_handles(void)
{
    float *x, *y;
    crm_device *a, *b;

    if (!begins()) return;
    a = open_with(true);
    b = open_with(true);
    x = buffer(a, 20, 1);
    y = buffer(b, 20, 5);
    T_CHECK(!step(a, x, x, 20, 1));
    T_CHECK(!step(b, y, y, 20, 1));
    T_CHECK(!step(a, x, x, 20, 1));
    T_CHECK(!step(b, y, y, 20, 1));
    holds(a, x, 20, 4, 4);
    crm_device_free(&a);
    T_CHECK(step(b, y, y, 20, 1));
    holds(b, y, 20, 40, 8);
    ends(b);
}

/* The module that is built for the CPU takes what it has from the environment. */
static bool simulated(void)
{
    crm_device *d;
    bool yes;

    if (!begins()) return false;
    d = open_with(true);
    yes = strstr(crm_device_name(d), " cusim ") != NULL;
    if (!yes) T_SKIP("the devices are real: %s", crm_device_name(d));
    ends(d);
    return yes;
}

static crm_status open_rank(int kind, int rank, int size, crm_device **d)
{
    crm_device_cfg cfg = {.kind = kind, .transport = CRM_TRANSPORT_MPI};

    return crm_device_open(&cfg, rank, size, d);
}

static void devices_of_a_node(void)
{
    char id[64] = "";
    crm_device *d = NULL;
    float *x;

    if (!simulated()) return;
    setenv("CUSIM_DEVICES", "3", 1);
    T_OK(open_rank(CRM_DEVICE_AUTO, 4, 6, &d));
    T_CHECK(d && strncmp(crm_device_name(d), "cuda:1 ", 7) == 0);
    if (d) snprintf(id, sizeof id, "%s", crm_device_id(d));
    T_CHECK(strcmp(id, "GPU-02000000-0000-0000-0000-000000000000") == 0);
    x = buffer(d, 30, 2);
    add(d, x, x, 30);
    holds(d, x, 30, 4, 2);
    crm_device_free(&d);
    T_OK(open_rank(CRM_DEVICE_CUDA, 2, 3, &d));
    T_CHECK(d && strncmp(crm_device_name(d), "cuda:2 ", 7) == 0);
    T_CHECK(d && strcmp(crm_device_id(d), id) != 0);
    crm_device_free(&d);
    setenv("CUSIM_DEVICES", "0", 1);
    T_FAILS(open_rank(CRM_DEVICE_CUDA, 0, 1, &d), CRM_ERR_DEVICE, "device: cuda, but this ");
    T_OK(open_rank(CRM_DEVICE_AUTO, 0, 1, &d));
    T_CHECK(d && crm_device_is_host(d));
    crm_device_free(&d);
    unsetenv("CUSIM_DEVICES");
    setenv("CUSIM_CAPABILITY", "75", 1);
    T_FAILS(open_rank(CRM_DEVICE_CUDA, 0, 1, &d), CRM_ERR_DEVICE,
            "compute capability 7.5 at most, at least 8.0 is needed");
    unsetenv("CUSIM_CAPABILITY");
    ends(d);
}

/* Steps go on as they come where a capture fails, and give the same. */
static void graphs_fail(void)
{
    static const char *const places[] = {"begin", "calls", "end", "instantiate"};
    crm_device *d;
    float *x, *y;

    if (!simulated()) return;
    for (int i = 0; i < 8; i++) {
        d = open_with(true);
        x = buffer(d, 50, 1);
        y = buffer(d, 50, 0);
        if (i >= 4) setenv("CUSIM_CAPTURE", places[i % 4], 1); /* the driver never can */
        T_CHECK(!step(d, x, y, 50, 2));
        setenv("CUSIM_CAPTURE", places[i % 4], 1);
        T_CHECK(!step(d, x, y, 50, 2));
        T_CHECK(!step(d, x, y, 50, 2));
        unsetenv("CUSIM_CAPTURE");
        T_CHECK(!step(d, x, y, 50, 2));
        holds(d, y, 50, 8, 9);
        counts(d, 0, 0, 0);
        T_CHECK(crm_err_text()[0] == '\0');
        crm_graph_forget(d);
        ends(d);
    }
}

/* What is refused for want of memory leaves the device as it was. */
static void memory_is_short(void)
{
    embed_case c = {0};
    int64_t bytes;
    void *p;

    if (!simulated()) return;
    c.d = open_with(true);
    embed_fill(&c);
    embed(&c, 10);
    bytes = used(c.d).bytes;
    setenv("CUSIM_MEMORY", "200000", 1);
    T_FAILS(crm_buf_new(c.d, 300000, &p), CRM_ERR_NOMEM, "0.3 MiB wanted");
    T_CHECK(p == NULL);
    setenv("CUSIM_MEMORY", "1", 1);
    T_FAILS(crm_op_embed_bwd(c.d, &(crm_tensor){c.code, CRM_I32, 1, {ROWS_MAX}, 1},
                             &(crm_tensor){c.dy, CRM_F32, 2, {ROWS_MAX, EMBED}, EMBED},
                             &(crm_lanes){.n = 1, .rows = ROWS_MAX, .stride = CODES * EMBED},
                             &(crm_tensor){c.table, CRM_F32, 2, {CODES, EMBED}, EMBED}),
            CRM_ERR_NOMEM, "out of GPU memory");
    unsetenv("CUSIM_MEMORY");
    T_EQ_I(used(c.d).bytes, bytes);
    embed(&c, ROWS_MAX);
    embed_holds(&c, ROWS_MAX);
    ends(c.d);
}

static void host_memory_is_short(void)
{
    float host = 1;
    crm_device *d;
    void *p;

    if (!simulated()) return;
    d = open_with(true);
    T_OK(crm_buf_new(d, sizeof host, &p));
    setenv("CUSIM_PINNED", "100000", 1);
    T_FAILS(crm_buf_upload(d, p, &host, sizeof host), CRM_ERR_NOMEM,
            "out of locked host memory: 16.0 MiB wanted");
    unsetenv("CUSIM_PINNED");
    T_OK(crm_buf_upload(d, p, &host, sizeof host));
    ends(d);
}

/* CRM_CUDA_PLUGIN, else BUILD/cusim/crmpi_cuda.so for this program in BUILD/tests. */
static bool find_module(void)
{
    char exe[CRM_PATH_MAX] = {0}, folder[CRM_PATH_MAX], path[CRM_PATH_MAX];

    setenv("CUSIM_STREAMS", "lazy", 0);
    if (getenv("CRM_CUDA_PLUGIN")) return true;
    if (readlink("/proc/self/exe", exe, sizeof exe - 1) <= 0 ||
        crm_path_dir(exe, folder, sizeof folder) ||
        crm_path_join(folder, "../cusim/crmpi_cuda.so", path, sizeof path) ||
        !crm_path_is_file(path))
        return false;
    setenv("CRM_CUDA_PLUGIN", path, 1);
    return true;
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"memory", memory},
                                   {"an upload takes the host's bytes", host_is_taken},
                                   {"copies ahead", ahead},
                                   {"copies ahead into new memory", ahead_anew},
                                   {"tickets", tickets},
                                   {"graphs by key", graphs_by_key},
                                   {"graphs dropped", graphs_dropped},
                                   {"graphs forgotten", graphs_forgotten},
                                   {"graphs switched off", graphs_off},
                                   {"graphs beside copies ahead", graphs_and_copies},
                                   {"scratch memory grows in a graph", scratch_grows},
                                   {"usage, ranges, what was found", usage_and_ranges},
                                   {"two handles", two_handles},
                                   {"devices of a node", devices_of_a_node},
                                   {"steps whose capture fails", graphs_fail},
                                   {"memory is short", memory_is_short},
                                   {"locked host memory is short", host_memory_is_short},
                                   {NULL, NULL}};

    crm_log_setup(CRM_LOG_WARN, 0);
    have_module = find_module();
    return t_main(argc, argv, cases);
}
