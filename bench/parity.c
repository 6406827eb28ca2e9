/* parity.c - what the reference model computes, for a comparison with another framework:
 * bench_parity gru|lstm|bigru padded|ragged FILE [cpu|cuda].
 *
 * Writes a model-like file (docs/model-format.md) with the batch (in/...), the first parameters
 * (w/...), logits (logits/...), the gradient of the first step (grad/...) and the parameters after
 * three Adam steps on the same batch (after/...).  No dropout.  bench/parity.py reads it. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/ckpt.h"
#include "crmpi/model.h"
#include "crmpi/optim.h"

enum { N = 48, MONTHS = 12, CHANNELS = 16, PROFILE = 24, EVENTS = 50, CATEGORIES = 256 };
enum { NUMBERS = 6, TOKENS = 64, WORDS = 20000, HEADS = 5, STEPS = 3 };
static const struct {
    const char *name;
    int classes;
} HEAD[HEADS] = {
    {"churn", 2}, {"next_purchase", 2}, {"sentiment", 3}, {"segment", 5}, {"next_category", 256}};

typedef struct parity {
    bool ragged;
    crm_model *m;
    crm_device *d;
    crm_bag *bag;
    float num[N * PROFILE], monthly[N * MONTHS * CHANNELS], value[N * EVENTS * NUMBERS];
    int64_t event_first[N + 1], doc_first[N + 1], token_first[N + 1];
    int32_t category[N * EVENTS], token[N * TOKENS], label[HEADS][N];
    crm_model_label labels[HEADS];
    double scale[HEADS];
    float *w, *grad;   /* host */
    float *dw, *dgrad; /* device; on the CPU the same */
    crm_model_batch b; /* in device memory */
} parity;

/* A copy of a host array in device memory; the array itself where that is host memory. */
static crm_status on_device(parity *p, const void *host, size_t bytes, void *out)
{
    void *at = (void *)(uintptr_t)host;

    if (!crm_device_is_host(p->d)) {
        CRM_TRY(crm_buf_new(p->d, bytes, &at));
        CRM_TRY(crm_buf_upload(p->d, at, host, bytes));
    }
    memcpy(out, &at, sizeof at);
    return CRM_OK;
}

static void normals(uint64_t key, int64_t n, float *out)
{
    crm_rng r = crm_rng_at(7, CRM_RNG_TEST, 0, key);

    for (int64_t i = 0; i < n; i++)
        out[i] = (float)crm_rng_normal(&r);
}

static void fill_row(parity *p, int64_t i)
{
    crm_rng r = crm_rng_at(7, CRM_RNG_TEST, 1, (uint64_t)i);
    int64_t events = p->ragged ? 1 + crm_rng_below(&r, EVENTS) : EVENTS;
    int64_t tokens = p->ragged ? 1 + crm_rng_below(&r, TOKENS) : TOKENS;

    p->event_first[i + 1] = p->event_first[i] + events;
    p->doc_first[i + 1] = i + 1;
    p->token_first[i + 1] = p->token_first[i] + tokens;
    for (int64_t e = p->event_first[i]; e < p->event_first[i + 1]; e++)
        p->category[e] = (int32_t)crm_rng_below(&r, CATEGORIES);
    for (int64_t t = p->token_first[i]; t < p->token_first[i + 1]; t++)
        p->token[t] = 1 + (int32_t)crm_rng_below(&r, WORDS - 1);
    for (int h = 0; h < HEADS; h++)
        p->label[h][i] = (int32_t)crm_rng_below(&r, (uint64_t)HEAD[h].classes);
}

static void fill(parity *p)
{
    normals(1, N * PROFILE, p->num);
    normals(2, N * MONTHS * CHANNELS, p->monthly);
    normals(3, N * EVENTS * NUMBERS, p->value);
    for (int64_t i = 0; i < N; i++)
        fill_row(p, i);
    for (int h = 0; h < HEADS; h++)
        p->scale[h] = 1.0 / N;
}

static crm_status make_batch(parity *p)
{
    crm_model_batch *b = &p->b;

    *b = (crm_model_batch){.lanes = 1,
                           .lane_rows = N,
                           .event_first = p->event_first,
                           .doc_first = p->doc_first,
                           .token_first = p->token_first,
                           .label = p->labels,
                           .scale = p->scale};
    CRM_TRY(on_device(p, p->num, sizeof p->num, &b->num));
    CRM_TRY(on_device(p, p->monthly, sizeof p->monthly, &b->monthly));
    CRM_TRY(on_device(p, p->category, sizeof p->category, &b->category));
    CRM_TRY(on_device(p, p->value, sizeof p->value, &b->event_value));
    CRM_TRY(on_device(p, p->token, sizeof p->token, &b->token));
    for (int h = 0; h < HEADS; h++)
        CRM_TRY(on_device(p, p->label[h], sizeof p->label[h], &p->labels[h].class));
    return CRM_OK;
}

static crm_status make_model(parity *p, const char *rnn)
{
    static const char *const hidden[] = {"32"}, *const months[] = {"64", "64"};
    static const char *const widths[] = {"3", "4", "5"};
    crm_model_cfg cfg = {.columns = CRM_COLUMNS_OWN,
                         .hidden = {.item = hidden, .n = 1},
                         .activation = CRM_ACT_RELU,
                         .fusion = 128,
                         .months = {.item = months, .n = 2},
                         .months_kernel = 3,
                         .months_pool = CRM_MODEL_MAX,
                         .rnn = strcmp(rnn, "lstm") == 0 ? CRM_MODEL_LSTM : CRM_MODEL_GRU,
                         .rnn_units = 64,
                         .rnn_layers = 1,
                         .rnn_both = strcmp(rnn, "bigru") == 0,
                         .rnn_pool = CRM_MODEL_LAST,
                         .event_dim = 16,
                         .event_steps = EVENTS,
                         .text = CRM_TEXT_CNN,
                         .text_dim = 64,
                         .text_filters = 64,
                         .text_kernels = {.item = widths, .n = 3},
                         .text_length = TOKENS,
                         .documents = 1,
                         .documents_pool = CRM_MODEL_MAX};
    crm_model_inputs in = {.n_num = PROFILE,
                           .months = MONTHS,
                           .channels = CHANNELS,
                           .categories = CATEGORIES,
                           .numbers = NUMBERS,
                           .words = WORDS,
                           .max_events = EVENTS,
                           .max_docs = 1,
                           .max_tokens = TOKENS};
    crm_model_head heads[HEADS];

    for (int h = 0; h < HEADS; h++)
        heads[h] =
            (crm_model_head){.name = HEAD[h].name, .n_classes = HEAD[h].classes, .weight = 1};
    CRM_TRY(crm_model_new(&cfg, &in, heads, HEADS, N, 1, p->d, &p->m));
    CRM_NEW(p->w, crm_model_size(p->m));
    CRM_NEW(p->grad, crm_model_size(p->m));
    crm_model_init(p->m, 5, p->w);
    CRM_TRY(on_device(p, p->w, (size_t)crm_model_size(p->m) * sizeof *p->w, &p->dw));
    return on_device(p, p->grad, (size_t)crm_model_size(p->m) * sizeof *p->grad, &p->dgrad);
}

/* ---- into the bag ---- */
static crm_status put_flat(parity *p, const char *scope, const float *flat)
{
    const crm_params *ps = crm_model_params(p->m);
    crm_status st = CRM_OK;

    CRM_TRY(crm_bag_push(p->bag, scope));
    for (int i = 0; i < crm_params_count(ps) && !st; i++) {
        const crm_param *q = crm_params_get(ps, i);
        st = crm_bag_put(p->bag, q->name, CRM_F32, q->rank, q->dim, flat + q->offset);
    }
    crm_bag_pop(p->bag);
    return st;
}

static crm_status put(parity *p, const char *name, crm_dtype type, int64_t n, const void *data)
{
    return crm_bag_put(p->bag, name, type, 1, &n, data);
}

static crm_status put_inputs(parity *p)
{
    char name[64];

    CRM_TRY(put(p, "in/num", CRM_F32, N * PROFILE, p->num));
    CRM_TRY(put(p, "in/monthly", CRM_F32, N * MONTHS * CHANNELS, p->monthly));
    CRM_TRY(put(p, "in/event_first", CRM_I64, N + 1, p->event_first));
    CRM_TRY(put(p, "in/category", CRM_I32, p->event_first[N], p->category));
    CRM_TRY(put(p, "in/event_value", CRM_F32, p->event_first[N] * NUMBERS, p->value));
    CRM_TRY(put(p, "in/token_first", CRM_I64, N + 1, p->token_first));
    CRM_TRY(put(p, "in/token", CRM_I32, p->token_first[N], p->token));
    for (int h = 0; h < HEADS; h++) {
        snprintf(name, sizeof name, "in/label/%s", HEAD[h].name);
        CRM_TRY(put(p, name, CRM_I32, N, p->label[h]));
    }
    return CRM_OK;
}

static crm_status put_logits(parity *p)
{
    float z[N * 256];
    char name[64];

    for (int h = 0; h < HEADS; h++) {
        int64_t k = HEAD[h].classes == 2 ? 1 : HEAD[h].classes;
        snprintf(name, sizeof name, "logits/%s", HEAD[h].name);
        CRM_TRY(crm_model_logits(p->m, &p->b, p->dw, h, z));
        CRM_TRY(crm_bag_put(p->bag, name, CRM_F32, 2, (int64_t[]){N, k}, z));
    }
    return CRM_OK;
}

/* Three Adam steps; the gradient of the first goes into the bag. */
static crm_status steps(parity *p, crm_optim *o)
{
    size_t bytes = (size_t)crm_model_size(p->m) * sizeof *p->grad;
    double loss[HEADS];

    for (int64_t s = 1; s <= STEPS; s++) {
        CRM_TRY(crm_buf_zero(p->d, p->dgrad, bytes));
        CRM_TRY(
            crm_model_forward_backward(p->m, &p->b, p->dw, p->dgrad, crm_model_size(p->m), loss));
        if (s == 1) {
            if (p->grad != p->dgrad) CRM_TRY(crm_buf_download(p->d, p->dgrad, p->grad, bytes));
            CRM_TRY(put_flat(p, "grad", p->grad));
            CRM_TRY(crm_bag_put(p->bag, "loss", CRM_F64, 1, (int64_t[]){HEADS}, loss));
        }
        CRM_TRY(crm_optim_apply(o, s, 1e-3, 1, p->dgrad, p->dw));
    }
    if (p->w != p->dw) CRM_TRY(crm_buf_download(p->d, p->dw, p->w, bytes));
    return put_flat(p, "after", p->w);
}

static crm_status train(parity *p)
{
    crm_optim_cfg cfg = {
        .kind = CRM_OPTIM_ADAMW, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    crm_optim *o = NULL;
    uint8_t *decay;
    crm_status st = CRM_OK;

    CRM_NEW(decay, crm_model_size(p->m));
    CRM_TRY_TO(st, done, crm_optim_new(&cfg, p->d, 0, crm_model_size(p->m), decay, &o));
    st = steps(p, o);
done:
    crm_optim_free(&o);
    crm_mem_free(decay);
    return st;
}

/* fp32 throughout, whatever a GPU could do faster. */
static crm_status open_device(parity *p, const char *name)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA, .math = CRM_GPU_FP32, .timeout = 60};

    if (strcmp(name, "cuda") == 0) return crm_device_open(&cfg, 0, 1, &p->d);
    return crm_device_cpu(CRM_CPU_BEST, &p->d);
}

static crm_status run(parity *p, const char *rnn, const char *path, const char *device)
{
    CRM_TRY(open_device(p, device));
    fill(p);
    CRM_TRY(make_batch(p));
    CRM_TRY(make_model(p, rnn));
    CRM_TRY(crm_bag_new(&p->bag));
    CRM_TRY(put_inputs(p));
    CRM_TRY(put_flat(p, "w", p->w));
    CRM_TRY(put_logits(p));
    CRM_TRY(train(p));
    return crm_bag_write(p->bag, path, "crmpi-parity");
}

int main(int argc, char **argv)
{
    static parity p;
    crm_status st;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s gru|lstm|bigru padded|ragged FILE [cpu|cuda]\n", argv[0]);
        return 2;
    }
    crm_fp_setup();
    p.ragged = strcmp(argv[2], "ragged") == 0;
    st = run(&p, argv[1], argv[3], argc == 5 ? argv[4] : "cpu");
    if (st) fprintf(stderr, "%s: %s\n", argv[0], crm_err_text());
    crm_bag_free(&p.bag);
    crm_model_free(&p.m);
    crm_device_free(&p.d);
    crm_mem_free(p.w);
    crm_mem_free(p.grad);
    return st ? 3 : 0;
}
