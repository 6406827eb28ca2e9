/* nn_net.c - building a net: values, the list of layers, checks of the graph, the arena. */
#include "nn_impl.h"

#include <string.h>

#include "crmpi/base_mem.h"

enum { NN_ALIGN = 64 };

crm_status crm_net_new(crm_device *d, crm_params *params, int64_t max_rows, int64_t max_lanes,
                       crm_net **out)
{
    crm_domain samples;
    crm_status st;

    CRM_CHECK(max_rows >= 1 && max_lanes >= 1 && max_lanes <= max_rows, CRM_ERR_ARG,
              "net for %lld rows, %lld lanes; both must be positive, lanes not more than rows",
              (long long)max_rows, (long long)max_lanes);
    CRM_NEW(*out, 1);
    **out = (crm_net){.device = d, .params = params, .max_lanes = max_lanes};
    st = crm_net_domain(*out, "samples", CRM_SAMPLES, max_rows, &samples);
    if (st) crm_net_free(out);
    return st;
}

void *nn_grow(void *items, int n, size_t size)
{
    bool full = n == 0 || (n >= 8 && (n & (n - 1)) == 0);

    return full ? crm_mem_grow(items, (size_t)n, n ? 2 * (size_t)n : 8, size) : items;
}

static crm_status add_value(crm_net *net, nn_value v, crm_value *out)
{
    nn_value *grown;

    CRM_CHECK(!net->finished && v.width >= 1, CRM_ERR_INTERNAL,
              "value of width %lld, or added after finish", (long long)v.width);
    grown = nn_grow(net->value, net->n_values, sizeof *grown);
    CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d values", net->n_values + 1);
    net->value = grown;
    if (v.root < 0) v.root = net->n_values;
    grown[net->n_values] = v;
    *out = net->n_values++;
    return CRM_OK;
}

crm_status crm_net_domain(crm_net *net, const char *name, crm_domain parent, int64_t max_rows,
                          crm_domain *out)
{
    nn_domain *grown = nn_grow(net->domain, net->n_domains, sizeof *grown);

    CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d domains", net->n_domains + 1);
    net->domain = grown;
    CRM_CHECK(!net->finished && parent >= 0 && (parent < net->n_domains || net->n_domains == 0) &&
                  max_rows >= 1,
              CRM_ERR_INTERNAL, "domain '%s' of %lld rows at most, or added after finish", name,
              (long long)max_rows);
    grown[net->n_domains] = (nn_domain){.parent = parent, .max_rows = max_rows};
    CRM_TRY(nn_name(grown[net->n_domains].name, name, ""));
    *out = net->n_domains++;
    return CRM_OK;
}

crm_status crm_net_input_in(crm_net *net, crm_domain domain, crm_dtype dtype, int64_t width,
                            crm_value *out)
{
    return add_value(
        net,
        (nn_value){.root = -1, .domain = domain, .width = width, .dtype = dtype, .input = true},
        out);
}

crm_status crm_net_value_in(crm_net *net, crm_domain domain, int64_t width, crm_value *out)
{
    return add_value(
        net, (nn_value){.root = -1, .domain = domain, .width = width, .dtype = CRM_F32}, out);
}

crm_status nn_aux(crm_net *net, crm_domain domain, crm_dtype dtype, int64_t width, crm_value *out)
{
    return add_value(
        net, (nn_value){.root = -1, .domain = domain, .width = width, .dtype = dtype, .aux = true},
        out);
}

crm_status crm_net_input(crm_net *net, crm_dtype dtype, int64_t width, crm_value *out)
{
    return crm_net_input_in(net, CRM_SAMPLES, dtype, width, out);
}

crm_status crm_net_value(crm_net *net, int64_t width, crm_value *out)
{
    return crm_net_value_in(net, CRM_SAMPLES, width, out);
}

crm_domain crm_net_domain_of(const crm_net *net, crm_value v)
{
    return net->value[v].domain;
}

crm_status crm_net_columns(crm_net *net, crm_value v, int64_t first, int64_t width, crm_value *out)
{
    nn_value c = net->value[v];

    CRM_CHECK(first >= 0 && width >= 1 && first + width <= c.width, CRM_ERR_INTERNAL,
              "columns %lld..%lld of %lld", (long long)first, (long long)(first + width),
              (long long)c.width);
    c.first += first;
    c.width = width;
    return add_value(net, c, out);
}

int64_t crm_net_width(const crm_net *net, crm_value v)
{
    return net->value[v].width;
}

crm_status nn_name(char *out, const char *name, const char *suffix)
{
    size_t a = strlen(name), b = strlen(suffix);

    CRM_CHECK(a + b < CRM_PARAM_NAME_MAX, CRM_ERR_CONFIG,
              "name '%s%s' has %zu bytes, at most %d are allowed", name, suffix, a + b,
              CRM_PARAM_NAME_MAX - 1);
    memcpy(out, name, a);
    memcpy(out + a, suffix, b + 1);
    return CRM_OK;
}

/* ---- ranges of columns ---- */
static int64_t overlap(const nn_value *a, const nn_value *b)
{
    int64_t lo = a->first > b->first ? a->first : b->first;
    int64_t end_a = a->first + a->width, end_b = b->first + b->width;
    int64_t end = end_a < end_b ? end_a : end_b;

    return a->root == b->root && end > lo ? end - lo : 0;
}

/* Columns of v that the layers so far write. */
static int64_t written(const crm_net *net, const nn_value *v)
{
    int64_t n = 0;

    for (int i = 0; i < net->n_layers; i++)
        n += overlap(&net->value[net->layer[i].out], v);
    return n;
}

crm_status nn_add_param(crm_net *net, nn_layer *l, const char *name, const char *suffix,
                        crm_param p)
{
    CRM_TRY(nn_name(p.name, name, suffix));
    CRM_TRY(crm_params_add(net->params, &p, &l->param[l->n_params]));
    l->n_params++;
    return CRM_OK;
}

crm_status nn_add_layer(crm_net *net, const char *name, nn_layer *l)
{
    const nn_value *out = &net->value[l->out];
    nn_layer *grown;

    CRM_TRY(nn_name(l->name, name, ""));
    CRM_CHECK(!net->finished && !out->input && written(net, out) == 0, CRM_ERR_INTERNAL,
              "layer '%s' may not write its output: net finished, an input, or written before",
              l->name);
    for (int i = 0; i < l->n_in; i++) {
        const nn_value *in = &net->value[l->in[i]];

        CRM_CHECK(in->input || written(net, in) == in->width, CRM_ERR_INTERNAL,
                  "layer '%s' reads columns that no layer writes", l->name);
    }
    grown = nn_grow(net->layer, net->n_layers, sizeof *grown);
    CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d layers", net->n_layers + 1);
    net->layer = grown;
    grown[net->n_layers++] = *l;
    return CRM_OK;
}

/* ---- who writes and who adds a gradient ---- */
/* Does reader (a range of columns read later) write all of v's gradient?  A part only is an error:
 * the rest would be undefined. */
static crm_status note_reader(const nn_value *v, const nn_value *reader, const char *name,
                              bool *covered)
{
    int64_t n = overlap(v, reader);

    CRM_CHECK(n == 0 || n == v->width, CRM_ERR_INTERNAL,
              "layer '%s': a later layer reads %lld of its %lld columns", name, (long long)n,
              (long long)v->width);
    *covered |= n > 0;
    return CRM_OK;
}

/* covered = a head or a layer from number `first` on reads all columns of v. */
static crm_status find_reader(const crm_net *net, const nn_value *v, int first, const char *name,
                              bool *covered)
{
    *covered = false;
    for (int h = 0; h < net->n_heads; h++)
        CRM_TRY(note_reader(v, &net->value[net->head[h].z], name, covered));
    for (int i = first; i < net->n_layers; i++)
        for (int k = 0; k < net->layer[i].n_in; k++)
            CRM_TRY(note_reader(v, &net->value[net->layer[i].in[k]], name, covered));
    return CRM_OK;
}

/* The same value as both inputs of one layer: the first input writes, the second adds. */
static crm_status link_layer(crm_net *net, int number)
{
    nn_layer *l = &net->layer[number];
    bool covered;

    CRM_TRY(find_reader(net, &net->value[l->out], number + 1, l->name, &covered));
    CRM_CHECK(covered, CRM_ERR_INTERNAL, "nobody reads the output of layer '%s'", l->name);
    for (int k = 0; k < l->n_in; k++) {
        const nn_value *in = &net->value[l->in[k]];

        if (in->input) continue;
        CRM_TRY(find_reader(net, in, number + 1, l->name, &l->add[k]));
        for (int j = 0; j < k; j++)
            CRM_TRY(note_reader(in, &net->value[l->in[j]], l->name, &l->add[k]));
    }
    return CRM_OK;
}

static crm_status link_heads(const crm_net *net)
{
    bool covered = false;

    for (int h = 0; h < net->n_heads; h++) {
        const nn_value *v = &net->value[net->head[h].z];

        CRM_CHECK(written(net, v) == v->width, CRM_ERR_INTERNAL,
                  "head '%s' reads columns that no layer writes", net->head[h].name);
        for (int g = 0; g < h; g++)
            CRM_TRY(note_reader(v, &net->value[net->head[g].z], net->head[h].name, &covered));
    }
    CRM_CHECK(!covered && net->n_heads > 0, CRM_ERR_INTERNAL,
              "a net needs a head, and each head its own logits");
    return CRM_OK;
}

/* ---- the arena ---- */
int64_t nn_cells(const crm_net *net, crm_value v)
{
    return net->domain[net->value[v].domain].max_rows * net->value[v].width;
}

/* Take n items of size bytes; with base NULL only count. */
static void *take(char *base, size_t *at, int64_t n, size_t size)
{
    void *p = base ? base + *at : NULL;

    *at += ((size_t)n * size + NN_ALIGN - 1) / NN_ALIGN * NN_ALIGN;
    return p;
}

/* Floats that a layer needs for gradients that it adds, or to compute its sum once more. */
static int64_t scratch_cells(const crm_net *net, const nn_layer *l)
{
    int64_t n = 0, again = 0;

    for (int k = 0; k < l->n_in; k++)
        if (l->add[k]) n += nn_cells(net, l->in[k]);
    if (l->act == CRM_ACT_SILU || l->act == CRM_ACT_GELU) again = nn_cells(net, l->out);
    return n > again ? n : again;
}

static void place_value(const crm_net *net, int i, char *base, size_t *at)
{
    nn_value *v = &net->value[i];

    if (v->root != i || v->input) return;
    v->data = take(base, at, nn_cells(net, i), crm_dtype_size(v->dtype));
    if (!v->aux) v->grad = take(base, at, nn_cells(net, i), sizeof(float));
}

static void place_head(crm_net *net, nn_head *h, char *base, size_t *at)
{
    if (h->class_weight)
        h->device_weight = take(base, at, net->value[h->z].width + 1, sizeof(float));
    if (h->kind == CRM_HEAD_POISSON && nn_cells(net, h->z) > net->n_zeros)
        net->n_zeros = nn_cells(net, h->z);
}

static size_t place(crm_net *net, char *base)
{
    size_t at = 0;
    int64_t scratch = 0;

    for (int i = 0; i < net->n_values; i++)
        place_value(net, i, base, &at);
    for (int i = 0; i < net->n_layers; i++) {
        int64_t n = scratch_cells(net, &net->layer[i]);

        if (n > scratch) scratch = n;
    }
    for (int h = 0; h < net->n_heads; h++)
        place_head(net, &net->head[h], base, &at);
    net->scratch = take(base, &at, scratch, sizeof(float));
    net->zeros = take(base, &at, net->n_zeros, sizeof(float));
    net->loss = take(base, &at, net->n_heads * net->max_lanes, sizeof(double));
    return at;
}

static int64_t n_classes(const crm_net *net, int head)
{
    int64_t width = net->value[net->head[head].z].width;

    return width == 1 ? 2 : width;
}

/* Zeros, and class weights, go to the device. */
static crm_status fill_arena(crm_net *net)
{
    CRM_TRY(crm_buf_zero(net->device, net->arena, net->bytes));
    for (int h = 0; h < net->n_heads; h++)
        if (net->head[h].class_weight)
            CRM_TRY(crm_buf_upload(net->device, net->head[h].device_weight,
                                   net->head[h].class_weight,
                                   (size_t)n_classes(net, h) * sizeof(float)));
    return CRM_OK;
}

crm_status crm_net_finish(crm_net *net)
{
    CRM_CHECK(!net->finished, CRM_ERR_INTERNAL, "net finished twice");
    for (int i = 0; i < net->n_layers; i++)
        CRM_TRY(link_layer(net, i));
    CRM_TRY(link_heads(net));
    net->bytes = place(net, NULL);
    CRM_TRY(crm_buf_new(net->device, net->bytes, &net->arena));
    place(net, net->arena);
    CRM_NEW(net->host_loss, net->n_heads * net->max_lanes);
    CRM_TRY(fill_arena(net));
    net->finished = true;
    return CRM_OK;
}

crm_status crm_net_head_of(crm_net *net, const char *name, crm_head_kind kind, crm_value z,
                           const float *class_weight, double delta, int *head)
{
    nn_head *grown = nn_grow(net->head, net->n_heads, sizeof *grown), *h;

    CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d heads", net->n_heads + 1);
    net->head = grown;
    CRM_CHECK((unsigned)kind < CRM_HEAD_KIND_COUNT && (kind == CRM_HEAD_CLASSES || !class_weight) &&
                  (kind != CRM_HEAD_HUBER || delta > 0),
              CRM_ERR_ARG, "head '%s' of kind %d, delta %g; only classes have weights", name,
              (int)kind, delta);
    h = &grown[net->n_heads];
    *h = (nn_head){.kind = kind, .z = z, .delta = delta};
    CRM_TRY(nn_name(h->name, name, ""));
    *head = net->n_heads++;
    if (!class_weight) return CRM_OK;
    CRM_NEW(h->class_weight, n_classes(net, *head));
    memcpy(h->class_weight, class_weight, (size_t)n_classes(net, *head) * sizeof(float));
    return CRM_OK;
}

crm_status crm_net_head(crm_net *net, const char *name, crm_value logits, const float *class_weight,
                        int *head)
{
    return crm_net_head_of(net, name, CRM_HEAD_CLASSES, logits, class_weight, 0, head);
}

void crm_net_bind(crm_net *net, crm_value input, void *data)
{
    net->value[input].data = data;
}

size_t crm_net_bytes(const crm_net *net)
{
    return net->bytes;
}

void crm_net_free(crm_net **pnet)
{
    crm_net *net = *pnet;

    if (!net) return;
    for (int h = 0; h < net->n_heads; h++)
        crm_mem_free(net->head[h].class_weight);
    if (net->arena) crm_buf_free(net->device, net->arena);
    crm_mem_free(net->host_loss);
    crm_mem_free(net->head);
    crm_mem_free(net->layer);
    crm_mem_free(net->value);
    crm_mem_free(net->domain);
    crm_mem_free(net);
    *pnet = NULL;
}
