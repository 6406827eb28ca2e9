/* table_when.c - conditions in the logic of three values (S. C. Kleene, Introduction to
 * Metamathematics, 1952, § 64): one term that is false makes all false, else one that is unknown
 * makes all unknown. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

/* Both sides of a comparison; what is not of a path is a constant. */
typedef struct sides {
    const crm_operand *operand[2];
    table_values value[2];
    crm_digest key[2]; /* of a constant text, as keys are */
    crm_relation relation;
} sides;

static bool of_path(const crm_operand *o)
{
    return o->path.column >= 0;
}

static uint8_t holds(crm_relation r, int order)
{
    static const bool table[][3] = {
        /* below, equal, above */
        [CRM_LT] = {true, false, false}, [CRM_LE] = {true, true, false},
        [CRM_GT] = {false, false, true}, [CRM_GE] = {false, true, true},
        [CRM_EQ] = {false, true, false}, [CRM_NE] = {true, false, true}};

    return table[r][order + 1] ? TABLE_TRUE : TABLE_FALSE;
}

static bool is_type(const sides *x, crm_field_type type)
{
    for (int k = 0; k < 2; k++)
        if (of_path(x->operand[k]) && x->value[k].type == type) return true;
    return false;
}

/* ---- one row: order of the two sides; false when one is missing ---- */
static bool text_of(const sides *x, int k, int64_t i, const char **out)
{
    *out = x->operand[k]->text;
    if (!of_path(x->operand[k])) return true;
    if (x->value[k].code[i] < 0) return false;
    *out = x->value[k].level[x->value[k].code[i]];
    return true;
}

static bool order_texts(const sides *x, int64_t i, int *order)
{
    const char *a, *b;
    int c;

    if (!text_of(x, 0, i, &a) || !text_of(x, 1, i, &b)) return false;
    c = strcmp(a, b);
    *order = (c > 0) - (c < 0);
    return true;
}

static bool order_keys(const sides *x, int64_t i, int *order)
{
    crm_digest k[2];

    for (int s = 0; s < 2; s++) {
        k[s] = of_path(x->operand[s]) ? x->value[s].key[i] : x->key[s];
        if (k[s].hi == 0 && k[s].lo == 0) return false;
    }
    *order = !crm_digest_equal(k[0], k[1]);
    return true;
}

/* A number as it is: a double does not hold every whole number of 64 bits. */
typedef struct number {
    bool is_whole;
    int64_t whole;
    double real;
} number;

static bool number_of(const sides *x, int k, int64_t i, number *out)
{
    const crm_operand *o = x->operand[k];
    const table_values *v = &x->value[k];

    if (!of_path(o))
        *out = (number){o->is_whole, o->whole, o->number};
    else
        *out = (number){v->whole != NULL, v->whole ? v->whole[i] : 0, v->whole ? 0 : v->real[i]};
    return out->is_whole ? out->whole != CRM_WHOLE_MISSING : !isnan(out->real);
}

/* Order of a whole number and any other. */
static int order_mixed(int64_t a, double b)
{
    int64_t floor_b;

    if (b >= 0x1p63) return -1;
    if (b < -0x1p63) return 1;
    floor_b = (int64_t)floor(b);
    if (a != floor_b) return a < floor_b ? -1 : 1;
    return b > floor(b) ? -1 : 0;
}

static bool order_numbers(const sides *x, int64_t i, int *order)
{
    number a, b;

    if (!number_of(x, 0, i, &a) || !number_of(x, 1, i, &b)) return false;
    if (a.is_whole && b.is_whole)
        *order = (a.whole > b.whole) - (a.whole < b.whole);
    else if (a.is_whole)
        *order = order_mixed(a.whole, b.real);
    else if (b.is_whole)
        *order = -order_mixed(b.whole, a.real);
    else
        *order = (a.real > b.real) - (a.real < b.real);
    return true;
}

/* ---- terms ---- */
static crm_status open_sides(table_world *w, int table, const crm_when *when, int t, sides *x)
{
    *x = (sides){.operand = {&when->term[t].left, &when->term[t].right},
                 .relation = when->term[t].relation};
    for (int k = 0; k < 2; k++) {
        const char *text = x->operand[k]->text;
        if (of_path(x->operand[k]))
            CRM_TRY(crm_table_values_get(w, table, &x->operand[k]->path, &x->value[k]));
        else if (text)
            x->key[k] = crm_digest_of(text, strlen(text));
    }
    return CRM_OK;
}

static void close_sides(sides *x)
{
    crm_table_values_free(&x->value[0]);
    crm_table_values_free(&x->value[1]);
}

static void apply(const sides *x, int64_t n, uint8_t *out)
{
    bool (*order)(const sides *, int64_t, int *) = is_type(x, CRM_FIELD_ID)         ? order_keys
                                                   : is_type(x, CRM_FIELD_CATEGORY) ? order_texts
                                                                                    : order_numbers;

    for (int64_t i = 0; i < n; i++) {
        int o = 0;
        uint8_t v = order(x, i, &o) ? holds(x->relation, o) : (uint8_t)TABLE_UNKNOWN;
        if (v == TABLE_FALSE || out[i] == TABLE_TRUE) out[i] = v;
    }
}

crm_status crm_table_when(table_world *w, int table, const crm_when *when, uint8_t *out)
{
    int64_t n = w->member[table].frame.n;
    crm_status st = CRM_OK;

    memset(out, TABLE_TRUE, (size_t)n);
    for (int t = 0; !st && t < when->n; t++) {
        sides x;
        st = open_sides(w, table, when, t, &x);
        if (!st) apply(&x, n, out);
        close_sides(&x);
    }
    return st;
}
