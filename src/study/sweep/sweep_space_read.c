/* sweep_space_read.c - a space from its mapping in YAML, checked against the options. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/sweep.h"

/* Memory of a space: lists of its dimensions. */
typedef struct owned {
    double *given[CRM_SWEEP_DIMS_MAX];
    const char **value[CRM_SWEEP_DIMS_MAX];
} owned;

typedef struct reader {
    crm_tree_file *f;
    const crm_space_options *options;
    crm_space *out;
    owned *owned;
} reader;

static const double STEPS_MAX = 1e15; /* which a double and an integer count */

static bool takes(const reader *r, const crm_opt *o, const crm_node *at, const char *value)
{
    crm_str why = {0};
    bool ok = r->options->takes(r->options->ctx, o, value, &why);

    if (!ok) crm_node_wrong(r->f, at, "%s", why.text ? why.text : "is no value of this option");
    crm_str_free(&why);
    return ok;
}

/* ---- ranges and lists ---- */

static crm_status read_list(reader *r, const crm_opt *o, const crm_node *list, int d)
{
    crm_dim *it = &r->out->dim[d];
    const char **value;

    it->kind = CRM_DIM_LIST;
    if (list->kind != CRM_NODE_LIST || list->n < 1 || list->n > CRM_SWEEP_VALUES_MAX) {
        crm_node_wrong(r->f, list, "is no list of 1 to %d values", CRM_SWEEP_VALUES_MAX);
        return CRM_OK;
    }
    CRM_NEW(value, list->n);
    r->owned->value[d] = value;
    it->value = value;
    for (int i = 0; i < list->n; i++) {
        const crm_node *v = list->child[i];
        value[i] = "";
        if (!v->text)
            crm_node_wrong(r->f, v, "is neither a single value nor a list of plain ones");
        else if (takes(r, o, v, v->text))
            value[i] = v->text;
        for (int j = 0; j < i && value[i][0]; j++)
            if (strcmp(value[i], value[j]) == 0) {
                crm_node_wrong(r->f, v, "stands twice in the list");
                break;
            }
    }
    it->n = list->n;
    return CRM_OK;
}

static void read_ends(reader *r, const crm_opt *o, const crm_node *range, crm_dim *it)
{
    double *end[2] = {&it->lo, &it->hi};

    if (range->kind != CRM_NODE_LIST || range->n != 2) {
        crm_node_wrong(r->f, range, "is no range; allowed: [LOW, HIGH]");
        return;
    }
    for (int i = 0; i < 2; i++) {
        const crm_node *v = range->child[i];
        if (v->kind != CRM_NODE_TEXT || !crm_parse_f64(v->text, strlen(v->text), end[i])) {
            crm_node_wrong(r->f, v, "is no number");
            return;
        }
        if (!takes(r, o, v, v->text)) return;
        if (it->kind == CRM_DIM_INTEGER && *end[i] != floor(*end[i])) {
            crm_node_wrong(r->f, v, "is no whole number");
            return;
        }
    }
    if (!(it->lo < it->hi))
        crm_node_wrong(r->f, range->child[1], "is not above %s", range->child[0]->text);
    else if (it->log && it->lo <= 0)
        crm_node_wrong(r->f, range->child[0], "is not above 0, and log: true needs that");
}

static void read_range(reader *r, const crm_opt *o, const crm_node *map, crm_dim *it)
{
    const crm_node *real = crm_node_get(map, "real"), *whole = crm_node_get(map, "integer");
    const crm_node *step = crm_node_get(map, "step");

    it->kind = whole ? CRM_DIM_INTEGER : CRM_DIM_REAL;
    if (o->type != CRM_OPT_INT && o->type != CRM_OPT_REAL) {
        crm_node_wrong(r->f, whole ? whole : real,
                       "is a range, and the option takes no numbers; "
                       "allowed: a list of its values");
        return;
    }
    if (real && o->type == CRM_OPT_INT) {
        crm_node_wrong(r->f, real,
                       "is a range of reals, and the option takes whole numbers; "
                       "write integer: [LOW, HIGH]");
        return;
    }
    crm_node_bool(r->f, crm_node_get(map, "log"), &it->log);
    read_ends(r, o, whole ? whole : real, it);
    it->step = whole ? 1 : 0;
    crm_node_f64(r->f, step, 1e-12, 1e15, &it->step);
    if (whole && it->step != floor(it->step)) crm_node_wrong(r->f, step, "is no whole number");
    if (step && it->step > it->hi - it->lo && it->lo < it->hi)
        crm_node_wrong(r->f, step, "is wider than the range");
    if (it->step > 0 && (it->hi - it->lo) / it->step > STEPS_MAX)
        crm_node_wrong(r->f, whole ? whole : real, "has more than 1e15 steps");
}

/* ---- conditions ---- */

static int dim_of(const crm_space *s, const char *key, size_t len, int upto)
{
    for (int d = 0; d < upto; d++)
        if (strlen(s->dim[d].key) == len && memcmp(s->dim[d].key, key, len) == 0) return d;
    return -1;
}

/* The number that stands for a value of dimension it: of a list its place. */
static bool number_of(const crm_dim *it, const char *text, size_t len, double *out)
{
    if (it->kind != CRM_DIM_LIST) return crm_parse_f64(text, len, out);
    for (int i = 0; i < it->n; i++)
        if (strlen(it->value[i]) == len && memcmp(it->value[i], text, len) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static const char *skip(const char *p)
{
    return p + strspn(p, " ");
}

/* Values of "[a, b]" or "a" from p on; each must be one that the dimension asked can have. */
static void read_given(reader *r, const crm_node *at, const char *p, bool list, crm_dim *it,
                       double *given)
{
    const crm_dim *asked = &r->out->dim[it->when];

    if (asked->kind == CRM_DIM_REAL && asked->step == 0) {
        crm_node_wrong(r->f, at, "asks '%s' for a value, and it is a range of reals", asked->key);
        return;
    }
    while (*p) {
        size_t len = list ? strcspn(p, ",]") : strlen(p), word = len;
        while (word > 0 && p[word - 1] == ' ')
            word--;
        if (it->n_given == CRM_SWEEP_VALUES_MAX ||
            !number_of(asked, p, word, &given[it->n_given])) {
            crm_node_wrong(r->f, at, "asks '%s' for '%.*s', which it cannot be", asked->key,
                           (int)word, p);
            return;
        }
        it->n_given++;
        p = skip(p + len);
        if (!list) return;
        if (*p == ']' && *skip(p + 1) == '\0') return;
        if (*p != ',') break;
        p = skip(p + 1);
    }
    crm_node_wrong(r->f, at, "has no ']' at its end");
}

static crm_status read_when(reader *r, const crm_node *at, int d)
{
    static const char how[] = "is no condition; allowed: \"KEY == VALUE\", \"KEY != VALUE\", "
                              "\"KEY in [VALUE, ...]\"";
    crm_dim *it = &r->out->dim[d];
    const char *text = at->kind == CRM_NODE_TEXT ? at->text : "", *p;
    size_t key = strcspn(text, " =!");
    bool in;

    p = skip(text + key);
    in = strncmp(p, "in ", 3) == 0 || strncmp(p, "in[", 3) == 0;
    if (key == 0 || !(in || strncmp(p, "==", 2) == 0 || strncmp(p, "!=", 2) == 0)) {
        crm_node_wrong(r->f, at, "%s", how);
        return CRM_OK;
    }
    it->unless = *p == '!';
    p = skip(p + 2);
    if (in && *p == '[')
        p = skip(p + 1);
    else if (in || !*p) {
        crm_node_wrong(r->f, at, "%s", how);
        return CRM_OK;
    }
    it->when = dim_of(r->out, text, key, d);
    if (it->when < 0) {
        crm_node_wrong(r->f, at, "asks for '%.*s', which is not searched above this line", (int)key,
                       text);
        return CRM_OK;
    }
    CRM_NEW(r->owned->given[d], CRM_SWEEP_VALUES_MAX);
    it->given = r->owned->given[d];
    read_given(r, at, p, in, it, r->owned->given[d]);
    return CRM_OK;
}

/* ---- dimensions ---- */

static void unknown(const reader *r, const crm_node *at)
{
    const char *near = r->options->nearest(r->options->ctx, at->key);

    crm_node_wrong(r->f, at, "is given to '%s', which is no option that a sweep can search%s%s%s",
                   at->key, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static crm_status read_dim(reader *r, const crm_node *node)
{
    static const char *const keys[] = {"real", "integer", "list", "log", "step", "when", NULL};
    const crm_opt *o = r->options->find(r->options->ctx, node->key);
    const crm_node *list = node->kind == CRM_NODE_LIST ? node : crm_node_get(node, "list");
    int d = r->out->n, ways;

    if (!o) {
        unknown(r, node);
        return CRM_OK;
    }
    if (d == CRM_SWEEP_DIMS_MAX) {
        crm_node_wrong(r->f, node, "is one option too many: at most %d are searched",
                       CRM_SWEEP_DIMS_MAX);
        return CRM_OK;
    }
    r->out->dim[d] = (crm_dim){.key = node->key, .when = -1};
    if (node->kind == CRM_NODE_MAP) crm_node_keys(r->f, node, keys);
    ways = !!list + !!crm_node_get(node, "real") + !!crm_node_get(node, "integer");
    if (ways != 1) {
        crm_node_wrong(r->f, node,
                       "is neither a list of values nor one of real: [LOW, HIGH], "
                       "integer: [LOW, HIGH], list: [VALUE, ...]");
        return CRM_OK;
    }
    if (list)
        CRM_TRY(read_list(r, o, list, d));
    else
        read_range(r, o, node, &r->out->dim[d]);
    if (crm_node_get(node, "when")) CRM_TRY(read_when(r, crm_node_get(node, "when"), d));
    r->out->n++;
    return CRM_OK;
}

crm_status crm_space_read(crm_tree_file *f, const crm_node *map, const crm_space_options *o,
                          crm_space *out)
{
    reader r = {.f = f, .options = o, .out = out};

    *out = (crm_space){.n = 0};
    CRM_NEW(out->dim, CRM_SWEEP_DIMS_MAX);
    CRM_NEW(r.owned, 1);
    out->owned = r.owned;
    if (map->kind != CRM_NODE_MAP || map->n == 0) {
        crm_node_wrong(f, map, "is no mapping of options to ranges and lists");
        return CRM_OK;
    }
    for (int i = 0; i < map->n; i++)
        CRM_TRY(read_dim(&r, map->child[i]));
    return CRM_OK;
}

void crm_space_free(crm_space *s)
{
    owned *o = s->owned;

    for (int d = 0; o && d < CRM_SWEEP_DIMS_MAX; d++) {
        crm_mem_free(o->given[d]);
        crm_mem_free(o->value[d]);
    }
    if (o) crm_mem_free(s->dim);
    crm_mem_free(o);
    *s = (crm_space){.n = 0};
}
