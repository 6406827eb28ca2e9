/* test_device_text_embed.c - gradient of an embedding on every device: sums against plain integers,
 * the documented order of additions, lanes alone, tables that are added to.  On a GPU this is the
 * test of its sort, too: keys of one to four digits, sizes round those of warps, blocks and tiles.
 *
 * timeout: 300 */
#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"
#include "crmpi/device.h"
#include "devices_testing.h"
#include "table_testing.h"

/* How codes lie in the batch. */
typedef enum pattern { RANDOM, EQUAL, SORTED, REVERSED, FREQUENT, PATTERNS } pattern;

/* Rows of lanes: gradients dy [n][e] are small integers over 8, so that sums are exact. */
typedef struct table_case {
    int64_t n, v, e, ldcode, lddy, ldt, lanes;
    pattern codes;
    bool rough; /* dy are any numbers: sums are rounded */
} table_case;

typedef struct table_net {
    table_case c;
    int64_t first[CRM_LANES_MAX + 1], stride;
    int32_t *code;
    float *dy;
} table_net;

/* One code in 11 is outside the table. */
static int32_t code_of(const table_case *c, int64_t i)
{
    double u = unit(1, i);

    if (i % 11 == 7) return i % 2 ? -1 : (int32_t)c->v;
    switch (c->codes) {
    case EQUAL:
        return (int32_t)(c->v - 1);
    case SORTED:
        return (int32_t)(i * c->v / c->n);
    case REVERSED:
        return (int32_t)((c->n - 1 - i) * c->v / c->n);
    case FREQUENT:
        return u < 0.5 ? (int32_t)(c->v / 2) : (int32_t)(unit(2, i) * (double)c->v);
    default:
        return (int32_t)(u * (double)c->v);
    }
}

static table_net make(table_case c)
{
    table_net t = {.c = c, .stride = c.v * c.ldt + 3};

    t.code = new_array(c.n * c.ldcode, sizeof *t.code);
    t.dy = new_array(c.n * c.lddy, sizeof *t.dy);
    uneven_lanes(c.n, c.lanes, t.first);
    for (int64_t i = 0; i < c.n; i++) {
        t.code[i * c.ldcode] = code_of(&c, i);
        for (int64_t j = 0; j < c.e; j++) {
            double u = unit(3, i * c.e + j);

            t.dy[i * c.lddy + j] = (float)(c.rough ? u - 0.5 : floor(u * 64 - 32) / 8);
        }
    }
    return t;
}

static void drop(table_net *t)
{
    crm_mem_free(t->code);
    crm_mem_free(t->dy);
}

/* `times` calls onto a table that holds `start` everywhere. */
static float *run(crm_device *d, const table_net *t, const int64_t *first, int64_t lanes,
                  float start, int times)
{
    held_arrays m = {.d = d};
    int64_t size = lanes * t->stride;
    float *table = new_array(size, sizeof *table);
    crm_tensor code = crm_tensor_1d(t->code, CRM_I32, first[lanes]);
    crm_tensor dy = crm_tensor_2d(t->dy, CRM_F32, first[lanes], t->c.e);
    crm_tensor to = crm_tensor_2d(table, CRM_F32, t->c.v, t->c.e);
    crm_lanes l = {.n = lanes, .stride = t->stride, .first = first};

    for (int64_t i = 0; i < size; i++)
        table[i] = start;
    code.ld = t->c.ldcode;
    dy.ld = t->c.lddy;
    to.ld = t->c.ldt;
    code.data = array_on_device(&m, t->code, t->c.n * t->c.ldcode, sizeof *t->code);
    dy = on_device(&m, dy);
    to.data = array_on_device(&m, table, size, sizeof *table);
    for (int i = 0; i < times; i++)
        T_OK(crm_op_embed_bwd(d, &code, &dy, &l, &to));
    bring_back(&m);
    let_go(&m);
    return table;
}

/* Exact sums in double, added to `start`; what lies between rows stays as it was. */
static void exact_sums(crm_device *d, const table_net *t)
{
    const table_case *c = &t->c;
    float *got = run(d, t, t->first, c->lanes, 0.5f, 2);
    double *want = new_array(c->lanes * t->stride, sizeof *want);
    int64_t other = 0;

    for (int64_t i = 0; i < c->lanes * t->stride; i++)
        want[i] = 0.5;
    for (int64_t l = 0; l < c->lanes; l++)
        for (int64_t i = t->first[l]; i < t->first[l + 1]; i++) {
            int64_t code = t->code[i * c->ldcode];

            for (int64_t j = 0; code >= 0 && code < c->v && j < c->e; j++)
                want[l * t->stride + code * c->ldt + j] += 2 * (double)t->dy[i * c->lddy + j];
        }
    for (int64_t i = 0; i < c->lanes * t->stride; i++)
        other += (double)got[i] != want[i];
    T_EQ_I(other, 0);
    crm_mem_free(got);
    crm_mem_free(want);
}

/* The documented order: 0 + rows in order of position; on a GPU in chains of 128, then added. */
static void documented_order(crm_device *d, const table_net *t)
{
    const table_case *c = &t->c;
    int64_t cut = exact_bits(d) ? INT64_MAX : 128, size = c->lanes * t->stride, other = 0;
    float *got = run(d, t, t->first, c->lanes, 0, 1), *want = new_array(size, sizeof *want);
    float *chain = new_array(size, sizeof *chain);
    int64_t *rows = new_array(size, sizeof *rows);

    for (int64_t l = 0; l < c->lanes; l++)
        for (int64_t i = t->first[l]; i < t->first[l + 1]; i++) {
            int64_t code = t->code[i * c->ldcode], at = l * t->stride + code * c->ldt;

            for (int64_t j = 0; code >= 0 && code < c->v && j < c->e; j++, at++) {
                if (rows[at] > 0 && rows[at] % cut == 0) {
                    want[at] = rows[at] == cut ? chain[at] : want[at] + chain[at];
                    chain[at] = 0;
                }
                chain[at] += t->dy[i * c->lddy + j];
                rows[at]++;
            }
        }
    for (int64_t i = 0; i < size; i++) {
        want[i] = rows[i] > cut ? want[i] + chain[i] : chain[i];
        other += memcmp(&want[i], &got[i], sizeof *got) != 0;
    }
    T_EQ_I(other, 0);
    crm_mem_free(got);
    crm_mem_free(want);
    crm_mem_free(chain);
    crm_mem_free(rows);
}

/* Each lane alone gives the bits it gives beside the others. */
static void lanes_alone(crm_device *d, const table_net *t)
{
    float *all = run(d, t, t->first, t->c.lanes, 0, 1);

    for (int64_t l = 0; l < t->c.lanes; l++) {
        table_net lane = *t;
        int64_t first[] = {0, t->first[l + 1] - t->first[l]};
        float *alone;

        lane.code += t->first[l] * t->c.ldcode;
        lane.dy += t->first[l] * t->c.lddy;
        lane.c.n = first[1];
        alone = run(d, &lane, first, 1, 0, 1);
        T_CHECK(memcmp(alone, all + l * t->stride, (size_t)t->stride * sizeof *all) == 0);
        crm_mem_free(alone);
    }
    crm_mem_free(all);
}

/* f on the best path of the CPU and on the module's device, in each case. */
static void each(const table_case *list, int n, bool rough,
                 void (*f)(crm_device *d, const table_net *t))
{
    test_device devices[TEST_DEVICES];

    devices_under_test(devices);
    for (int i = 0; i < TEST_DEVICES; i++)
        for (int k = 0; devices[i].d && k < n; k++) {
            table_case c = list[k];
            int failures = t_failures;
            table_net t;

            if (small_cases() && k % 3 != 2) continue;
            c.rough = rough;
            t = make(c);
            f(devices[i].d, &t);
            if (t_failures > failures)
                fprintf(stderr, "# on %s: %lld rows, %lld codes, pattern %d\n", devices[i].name,
                        (long long)c.n, (long long)c.v, (int)c.codes);
            drop(&t);
        }
    devices_close(devices);
}

/* Sizes, patterns and widths of keys: v of 1, 2, 3 and 4 digits. */
static void sizes(void)
{
    static const int64_t rows[] = {0, 1, 31, 32, 33, 255, 256, 257, 2047, 2048, 2049, 5000};
    static const int64_t codes[] = {1, 300, 70000};

    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++)
        for (int k = 0; k < 3; k++) {
            table_case list[PATTERNS];

            for (int p = 0; p < PATTERNS; p++)
                list[p] = (table_case){rows[i], codes[k], 1, 1, 1, 1, 1, (pattern)p, false};
            each(list, PATTERNS, false, exact_sums);
        }
}

static const table_case shapes[] = {
    {5000, 20, 3, 2, 5, 4, 3, RANDOM, false},       {5000, 700, 64, 1, 64, 64, 8, FREQUENT, false},
    {3000, 5, 70, 1, 71, 70, 2, FREQUENT, false},   {1500, 40, 130, 3, 130, 200, 5, SORTED, false},
    {2000, 1, 8, 1, 8, 8, 4, EQUAL, false},         {900, 3, 33, 1, 40, 33, 64, REVERSED, false},
    {4097, 20000, 16, 1, 16, 16, 2, RANDOM, false},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void values(void)
{
    each(shapes, SHAPES, false, exact_sums);
}

static void order(void)
{
    each(shapes, SHAPES, true, documented_order);
}

static void alone(void)
{
    each(shapes, SHAPES, true, lanes_alone);
}

/* 17 million codes: keys of four digits. */
static void wide_keys(void)
{
    static const table_case list[] = {{300, (1 << 24) + 5, 1, 1, 1, 1, 1, RANDOM, false},
                                      {3000, (1 << 24) + 5, 1, 1, 1, 1, 1, RANDOM, false}};

    each(list, 2, false, exact_sums);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"sizes and patterns", sizes},      {"values", values},
                                   {"documented order", order},        {"a lane alone", alone},
                                   {"keys of four digits", wide_keys}, {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
