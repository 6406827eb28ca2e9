/* test_device_bag.c - weighted bags on every device: sums against plain integers, the documented
 * order of additions, rows and lanes alone, ids outside the table, bags that are refused.
 *
 * timeout: 300 */
#include "devices_testing.h"
#include "table_testing.h"

#include <math.h>

#include "crmpi/base_run.h"

/* n bags of 0 to `most` entries over a table [v][k]; exact: numbers are small integers over 4, so
 * that sums are exact. */
typedef struct bag_case {
    int64_t n, most, v, k, ldt, ldy, lanes;
    bool often; /* half of the entries have one id */
    bool exact;
} bag_case;

typedef struct bag_net {
    bag_case c;
    int64_t *first, lane[CRM_LANES_MAX + 1], stride;
    int32_t *id;
    float *value, *table, *dy;
    double factor;
} bag_net;

static float *numbers(const bag_case *c, uint32_t stream, int64_t n)
{
    float *x = new_array(n, sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(c->exact ? floor(unit(stream, i) * 16 - 8) / 4 : unit(stream, i) - 0.5);
    return x;
}

/* One id in 11 is outside the table. */
static int32_t id_of(const bag_case *c, int64_t i)
{
    if (i % 11 == 7) return i % 2 ? -1 : (int32_t)c->v;
    if (c->often && unit(2, i) < 0.5) return (int32_t)(c->v / 2);
    return (int32_t)(unit(3, i) * (double)c->v);
}

static bag_net make(bag_case c)
{
    bag_net t = {.c = c, .stride = c.v * c.ldt + 3, .factor = c.exact ? 1.5 : 2.7};

    t.first = new_array(c.n + 1, sizeof *t.first);
    for (int64_t r = 0; r < c.n; r++)
        t.first[r + 1] = t.first[r] + (int64_t)(unit(1, r) * (double)(c.most + 1));
    uneven_lanes(c.n, c.lanes, t.lane);
    t.id = new_array(t.first[c.n], sizeof *t.id);
    for (int64_t i = 0; i < t.first[c.n]; i++)
        t.id[i] = id_of(&c, i);
    t.value = numbers(&c, 4, t.first[c.n]);
    t.table = numbers(&c, 5, c.v * c.ldt);
    t.dy = numbers(&c, 6, c.n * c.ldy);
    return t;
}

static void drop(bag_net *t)
{
    void *all[] = {t->first, t->id, t->value, t->table, t->dy};

    for (int i = 0; i < 5; i++)
        crm_mem_free(all[i]);
}

/* Bags [begin, end) as bags of their own; *first is the caller's. */
static crm_bag part_of(held_arrays *m, const bag_net *t, int64_t begin, int64_t end,
                       int64_t **first)
{
    int64_t at = t->first[begin], n = t->first[end] - at;

    *first = new_array(end - begin + 1, sizeof **first);
    for (int64_t r = begin; r <= end; r++)
        (*first)[r - begin] = t->first[r] - at;
    return (crm_bag){.n = end - begin,
                     .n_entries = n,
                     .first = array_on_device(m, *first, end - begin + 1, sizeof **first),
                     .id = array_on_device(m, t->id + at, n, sizeof *t->id),
                     .value = array_on_device(m, t->value + at, n, sizeof *t->value),
                     .factor = t->factor};
}

/* y [end - begin][ldy] of the bags [begin, end), NaN between rows. */
static float *forward(crm_device *d, const bag_net *t, int64_t begin, int64_t end)
{
    held_arrays m = {.d = d};
    int64_t *first, n = (end - begin) * t->c.ldy;
    crm_bag p = part_of(&m, t, begin, end, &first);
    float *out = new_array(n, sizeof *out);
    crm_tensor table = crm_tensor_2d(t->table, CRM_F32, t->c.v, t->c.k);
    crm_tensor y = crm_tensor_2d(out, CRM_F32, end - begin, t->c.k);

    for (int64_t i = 0; i < n; i++)
        out[i] = NAN;
    table.ld = t->c.ldt;
    y.ld = t->c.ldy;
    table = on_device(&m, table);
    y.data = array_on_device(&m, out, n, sizeof *out);
    T_OK(crm_op_bag(d, &p, &table, &y));
    bring_back(&m);
    let_go(&m);
    crm_mem_free(first);
    return out;
}

/* Gradient of the bags [begin, end) in lanes that begin at lane[0 .. lanes], onto `start`. */
static float *backward(crm_device *d, const bag_net *t, int64_t begin, int64_t end,
                       const int64_t *lane, int64_t lanes, float start, int times)
{
    held_arrays m = {.d = d};
    int64_t *first, size = lanes * t->stride;
    crm_bag p = part_of(&m, t, begin, end, &first);
    float *out = new_array(size, sizeof *out);
    crm_tensor dy = crm_tensor_2d(t->dy + begin * t->c.ldy, CRM_F32, end - begin, t->c.k);
    crm_tensor to = crm_tensor_2d(out, CRM_F32, t->c.v, t->c.k);
    crm_lanes l = {.n = lanes, .stride = t->stride, .first = lane};

    for (int64_t i = 0; i < size; i++)
        out[i] = start;
    dy.ld = t->c.ldy;
    to.ld = t->c.ldt;
    dy = on_device(&m, dy);
    to.data = array_on_device(&m, out, size, sizeof *out);
    for (int i = 0; i < times; i++)
        T_OK(crm_op_bag_bwd(d, &p, &dy, &l, &to));
    bring_back(&m);
    let_go(&m);
    crm_mem_free(first);
    return out;
}

static bool inside(const bag_net *t, int64_t i)
{
    return t->id[i] >= 0 && t->id[i] < t->c.v;
}

static void exact_forward(crm_device *d, const bag_net *t)
{
    const bag_case *c = &t->c;
    float *y = forward(d, t, 0, c->n);
    int64_t other = 0;

    for (int64_t r = 0; r < c->n; r++)
        for (int64_t j = 0; j < c->ldy; j++) {
            double sum = 0;

            for (int64_t i = t->first[r]; i < t->first[r + 1] && j < c->k; i++)
                if (inside(t, i))
                    sum += (double)t->value[i] * (double)t->table[t->id[i] * c->ldt + j];
            other +=
                j < c->k ? (double)y[r * c->ldy + j] != t->factor * sum : !isnan(y[r * c->ldy + j]);
        }
    T_EQ_I(other, 0);
    crm_mem_free(y);
}

/* Added to 0.5, twice; what lies between rows stays as it was. */
static void exact_backward(crm_device *d, const bag_net *t)
{
    const bag_case *c = &t->c;
    float *got = backward(d, t, 0, c->n, t->lane, c->lanes, 0.5f, 2);
    double *want = new_array(c->lanes * t->stride, sizeof *want);
    int64_t other = 0;

    for (int64_t i = 0; i < c->lanes * t->stride; i++)
        want[i] = 0.5;
    for (int64_t l = 0; l < c->lanes; l++)
        for (int64_t r = t->lane[l]; r < t->lane[l + 1]; r++)
            for (int64_t i = t->first[r]; i < t->first[r + 1]; i++)
                for (int64_t j = 0; inside(t, i) && j < c->k; j++)
                    want[l * t->stride + t->id[i] * c->ldt + j] +=
                        2 * t->factor * (double)t->value[i] * (double)t->dy[r * c->ldy + j];
    for (int64_t i = 0; i < c->lanes * t->stride; i++)
        other += (double)got[i] != want[i];
    T_EQ_I(other, 0);
    crm_mem_free(got);
    crm_mem_free(want);
}

static void exact(crm_device *d, const bag_net *t)
{
    exact_forward(d, t);
    exact_backward(d, t);
}

/* Forward: one chain of FMAs, where a GPU has a lane for each column; it adds up several chains for
 * tables of 16 columns and less. */
static void order_forward(crm_device *d, const bag_net *t)
{
    const bag_case *c = &t->c;
    float *y = forward(d, t, 0, c->n);
    int64_t other = 0;

    for (int64_t r = 0; r < c->n && (exact_bits(d) || c->k > 16); r++)
        for (int64_t j = 0; j < c->k; j++) {
            float sum = 0;

            for (int64_t i = t->first[r]; i < t->first[r + 1]; i++)
                if (inside(t, i)) sum = fmaf(t->value[i], t->table[t->id[i] * c->ldt + j], sum);
            sum *= (float)t->factor;
            other += memcmp(&sum, &y[r * c->ldy + j], sizeof sum) != 0;
        }
    T_EQ_I(other, 0);
    crm_mem_free(y);
}

/* One element of a gradient: chains of `cut` entries, added. */
typedef struct sums {
    float chain, all;
    int64_t n;
} sums;

static void sums_add(sums *s, int64_t cut, float value, float g)
{
    if (s->n > 0 && s->n % cut == 0) {
        s->all = s->n == cut ? s->chain : s->all + s->chain;
        s->chain = 0;
    }
    s->chain = fmaf(value, g, s->chain);
    s->n++;
}

/* Backward: 0 + entries in order of position; on a GPU in chains of 128, then added. */
static void order_backward(crm_device *d, const bag_net *t)
{
    const bag_case *c = &t->c;
    int64_t cut = exact_bits(d) ? INT64_MAX : 128, size = c->lanes * t->stride, other = 0;
    float *got = backward(d, t, 0, c->n, t->lane, c->lanes, 0, 1);
    sums *s = new_array(size, sizeof *s);

    for (int64_t l = 0; l < c->lanes; l++)
        for (int64_t r = t->lane[l]; r < t->lane[l + 1]; r++)
            for (int64_t i = t->first[r]; i < t->first[r + 1]; i++)
                for (int64_t j = 0; inside(t, i) && j < c->k; j++)
                    sums_add(&s[l * t->stride + t->id[i] * c->ldt + j], cut, t->value[i],
                             (float)t->factor * t->dy[r * c->ldy + j]);
    for (int64_t i = 0; i < size; i++) {
        float want = (s[i].n > cut ? s[i].all + s[i].chain : s[i].chain) + 0.0f;

        other += memcmp(&want, &got[i], sizeof *got) != 0;
    }
    T_EQ_I(other, 0);
    crm_mem_free(got);
    crm_mem_free(s);
}

static void order(crm_device *d, const bag_net *t)
{
    order_forward(d, t);
    order_backward(d, t);
}

/* Each lane alone gives the bits it gives beside the others. */
static void lanes_alone(crm_device *d, const bag_net *t)
{
    const bag_case *c = &t->c;
    float *y = forward(d, t, 0, c->n);
    float *all = backward(d, t, 0, c->n, t->lane, c->lanes, 0, 1);

    for (int64_t l = 0; l < c->lanes; l++) {
        int64_t begin = t->lane[l], end = t->lane[l + 1], lane[] = {0, end - begin};
        float *z = forward(d, t, begin, end);
        float *alone = backward(d, t, begin, end, lane, 1, 0, 1);

        for (int64_t r = begin; r < end; r++)
            T_CHECK(memcmp(y + r * c->ldy, z + (r - begin) * c->ldy, (size_t)c->k * sizeof *y) ==
                    0);
        T_CHECK(memcmp(alone, all + l * t->stride, (size_t)t->stride * sizeof *all) == 0);
        crm_mem_free(z);
        crm_mem_free(alone);
    }
    crm_mem_free(y);
    crm_mem_free(all);
}

static const bag_case shapes[] = {
    {40, 300, 500, 3, 3, 3, 3, false, false},    {60, 90, 3000, 77, 77, 80, 4, false, false},
    {8, 5, 9, 1, 2, 1, 2, false, false},         {64, 200, 40, 2, 2, 2, 5, true, false},
    {30, 60, 70000, 16, 16, 17, 2, true, false}, {16, 40, 20, 150, 151, 150, 8, true, false},
    {64, 30, 300, 33, 33, 33, 64, false, false}, {1, 2000, 100, 5, 5, 5, 1, true, false},
    {12, 0, 7, 4, 4, 4, 3, false, false},        {0, 9, 7, 4, 4, 4, 1, false, false},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* f in each case on all paths of the CPU and on the module's device. */
static void each(bool is_exact, void (*f)(crm_device *d, const bag_net *t))
{
    test_device devices[TEST_DEVICES];

    devices_under_test(devices);
    for (int i = 0; i < TEST_DEVICES; i++)
        for (int k = 0; devices[i].d && k < SHAPES; k++) {
            bag_case c = shapes[k];
            int failures = t_failures;
            bag_net t;

            if (!crm_device_offers(devices[i].d, CRM_OP_BAG) || (small_cases() && k % 3 != 2))
                continue;
            c.exact = is_exact;
            t = make(c);
            f(devices[i].d, &t);
            if (t_failures > failures) fprintf(stderr, "# on %s: case %d\n", devices[i].name, k);
            drop(&t);
        }
    devices_close(devices);
}

static void values(void)
{
    each(true, exact);
}

static void documented_order(void)
{
    each(false, order);
}

static void alone(void)
{
    each(false, lanes_alone);
}

/* A negative product too small for a float leaves no -0 in the gradient. */
static void no_negative_zero(void)
{
    crm_device *d = NULL;
    int64_t first[] = {0, 1};
    int32_t id[] = {1};
    float value[] = {-1e-30f}, dy[] = {1e-30f}, to[2] = {0, 0}, zero = 0;
    crm_bag p = {.n = 1, .n_entries = 1, .first = first, .id = id, .value = value, .factor = 1};
    crm_tensor g = crm_tensor_2d(dy, CRM_F32, 1, 1), table = crm_tensor_2d(to, CRM_F32, 2, 1);
    crm_lanes lanes = {.n = 1, .rows = 1};

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_OK(crm_op_bag_bwd(d, &p, &g, &lanes, &table));
    T_CHECK(memcmp(&to[1], &zero, sizeof zero) == 0);
    crm_device_free(&d);
}

static void mistakes(void)
{
    crm_device *d = NULL;
    int64_t first[] = {0, 2, 1}, one[] = {1, 2, 2};
    int32_t id[] = {0, 1};
    float value[] = {1, 1}, w[6] = {0}, out[4] = {0};
    crm_bag p = {.n = 2, .n_entries = 1, .first = first, .id = id, .value = value, .factor = 1},
            q = p;
    crm_tensor table = crm_tensor_2d(w, CRM_F32, 3, 2), y = crm_tensor_2d(out, CRM_F32, 2, 2);
    crm_lanes lanes = {.n = 2, .rows = 1, .stride = 3};

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_FAILS(crm_op_bag(d, &p, &table, &y), CRM_ERR_ARG, "bag 1 has -1 entries");
    q.first = one;
    T_FAILS(crm_op_bag(d, &q, &table, &y), CRM_ERR_ARG, "begin at 1, not 0");
    q.first = NULL;
    T_FAILS(crm_op_bag(d, &q, &table, &y), CRM_ERR_ARG, "no word of where they begin");
    T_FAILS(crm_op_bag(d, NULL, &table, &y), CRM_ERR_ARG, "without a description");
    q = p;
    q.id = NULL;
    T_FAILS(crm_op_bag(d, &q, &table, &y), CRM_ERR_ARG, "without ids or values");
    q.n_entries = -1;
    T_FAILS(crm_op_bag(d, &q, &table, &y), CRM_ERR_ARG, "2 bags of -1 entries");
    T_FAILS(crm_op_bag_bwd(d, &p, &y, &lanes, &table), CRM_ERR_ARG, "3 elements apart, one has 6");
    lanes.n = 1;
    T_FAILS(crm_op_bag_bwd(d, &p, &y, &lanes, &table), CRM_ERR_ARG, "lanes");
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"values", values},
                                   {"order", documented_order},
                                   {"rows and lanes alone", alone},
                                   {"no negative zero", no_negative_zero},
                                   {"mistakes are refused", mistakes},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
