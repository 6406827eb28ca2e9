/* test_shapes.c - parameters of the reference model (names, PyTorch's shapes, counts), tables and
 * what a batch touches of them, the option table, lists of targets. */
#include "crm_test.h"

#include <math.h>

#include "crmpi/base_run.h"
#include "crmpi/model.h"

enum { ROWS = 128 };

typedef struct shape {
    const char *name;
    int64_t dim[3];
} shape;

/* The reference model: 64, 64 channels over 12 months; 24 numbers to 32; 256 categories in 16
 * columns and 6 numbers into 64 units; 20000 words in 64 columns under 64 filters of 3, 4, 5; 128;
 * heads of 2, 2, 3, 5, 256 classes. */
typedef struct fixture {
    crm_model_cfg cfg;
    const char *hidden[1], *months[2], *kernels[3];
    crm_model_inputs in;
    crm_model_head head[5];
    crm_device *device;
    crm_model *m;
} fixture;

static void make(fixture *f)
{
    *f = (fixture){.cfg = {.columns = CRM_COLUMNS_OWN,
                           .activation = CRM_ACT_RELU,
                           .dropout = 0.2,
                           .fusion = 128,
                           .months_kernel = 3,
                           .rnn = CRM_MODEL_GRU,
                           .rnn_units = 64,
                           .rnn_layers = 1,
                           .rnn_pool = CRM_MODEL_LAST,
                           .event_dim = 16,
                           .text = CRM_TEXT_CNN,
                           .text_dim = 64,
                           .text_filters = 64,
                           .text_length = 64},
                   .hidden = {"32"},
                   .months = {"64", "64"},
                   .kernels = {"3", "4", "5"},
                   .in = {.n_num = 24,
                          .months = 12,
                          .channels = 16,
                          .categories = 256,
                          .numbers = 6,
                          .words = 20000,
                          .max_events = 50,
                          .max_docs = 1,
                          .max_tokens = 64},
                   .head = {{.name = "churn", .n_classes = 2, .weight = 1},
                            {.name = "next", .n_classes = 2, .weight = 1},
                            {.name = "sentiment", .n_classes = 3, .weight = 1},
                            {.name = "segment", .n_classes = 5, .weight = 1},
                            {.name = "category", .n_classes = 256, .weight = 1}}};
    f->cfg.hidden = (crm_opt_list){1, f->hidden};
    f->cfg.months = (crm_opt_list){2, f->months};
    f->cfg.text_kernels = (crm_opt_list){3, f->kernels};
}

static bool open_model(fixture *f)
{
    T_OK(crm_device_cpu(CRM_CPU_BEST, &f->device));
    if (!f->device) return false;
    T_OK(crm_model_new(&f->cfg, &f->in, f->head, 5, ROWS, 1, f->device, &f->m));
    return f->m != NULL;
}

static void close_model(fixture *f)
{
    crm_model_free(&f->m);
    crm_device_free(&f->device);
}

static void expect(const crm_model *m, const shape *s)
{
    const crm_params *ps = crm_model_params(m);
    int i = crm_params_find(ps, s->name);
    const crm_param *p = i >= 0 ? crm_params_get(ps, i) : NULL;

    T_CHECK(p != NULL);
    if (!p) {
        fprintf(stderr, "#   no parameter '%s'\n", s->name);
        return;
    }
    T_EQ_I(p->rank, s->dim[1] == 0 ? 1 : s->dim[2] == 0 ? 2 : 3);
    for (int k = 0; k < p->rank; k++)
        T_EQ_I(p->dim[k], s->dim[k]);
    T_CHECK(p->decay == (p->rank > 1 && !p->table));
}

static void reference_model(void)
{
    static const shape shapes[] = {{"mconv1.weight", {64, 16, 3}},
                                   {"mconv1.bias", {64}},
                                   {"mconv2.weight", {64, 64, 3}},
                                   {"mconv2.bias", {64}},
                                   {"prof.weight", {32, 24}},
                                   {"prof.bias", {32}},
                                   {"cemb.weight", {256, 16}},
                                   {"gru.weight_ih_l0", {192, 22}},
                                   {"gru.weight_hh_l0", {192, 64}},
                                   {"gru.bias_ih_l0", {192}},
                                   {"gru.bias_hh_l0", {192}},
                                   {"temb.weight", {20000, 64}},
                                   {"tconv3.weight", {64, 64, 3}},
                                   {"tconv3.bias", {64}},
                                   {"tconv4.weight", {64, 64, 4}},
                                   {"tconv4.bias", {64}},
                                   {"tconv5.weight", {64, 64, 5}},
                                   {"tconv5.bias", {64}},
                                   {"fus.weight", {128, 352}},
                                   {"fus.bias", {128}},
                                   {"heads.churn.weight", {1, 128}},
                                   {"heads.churn.bias", {1}},
                                   {"heads.next.weight", {1, 128}},
                                   {"heads.next.bias", {1}},
                                   {"heads.sentiment.weight", {3, 128}},
                                   {"heads.sentiment.bias", {3}},
                                   {"heads.segment.weight", {5, 128}},
                                   {"heads.segment.bias", {5}},
                                   {"heads.category.weight", {256, 128}},
                                   {"heads.category.bias", {256}}};
    enum { N = sizeof shapes / sizeof *shapes };
    fixture f;

    make(&f);
    if (open_model(&f)) {
        for (int i = 0; i < N; i++)
            expect(f.m, &shapes[i]);
        T_EQ_I(crm_params_count(crm_model_params(f.m)), N);
        T_EQ_I(crm_model_n_params(f.m), 1446122);
        T_EQ_I(crm_model_fused_width(f.m), 128);
        fprintf(stderr, "# arena of the reference model, %d rows: %zu bytes\n", (int)ROWS,
                crm_model_bytes(f.m));
    }
    close_model(&f);
}

static void reference_lstm(void)
{
    static const shape shapes[] = {{"lstm.weight_ih_l0", {256, 22}}, {"lstm.bias_hh_l0", {256}}};
    fixture f;

    make(&f);
    f.cfg.rnn = CRM_MODEL_LSTM;
    if (open_model(&f)) {
        expect(f.m, &shapes[0]);
        expect(f.m, &shapes[1]);
        T_EQ_I(crm_model_n_params(f.m), 1451754);
    }
    close_model(&f);
}

static void other_names(void)
{
    static const shape shapes[] = {{"pemb.0.weight", {9, 5}},
                                   {"pemb.1.weight", {1, 1}},
                                   {"prof.weight", {32, 30}},
                                   {"gru.weight_ih_l0_reverse", {192, 22}},
                                   {"gru.weight_ih_l1", {192, 128}},
                                   {"gru.weight_hh_l1_reverse", {192, 64}},
                                   {"eatt.weight", {128, 128}},
                                   {"escore.weight", {1, 128}},
                                   {"tgru.weight_ih_l0", {192, 64}},
                                   {"tgru.bias_hh_l0_reverse", {192}},
                                   {"tatt.bias", {128}},
                                   {"tscore.bias", {1}},
                                   {"datt.weight", {128, 128}},
                                   {"dscore.weight", {1, 128}},
                                   /* 64 months, 32 profile, 128 events, 128 documents */
                                   {"fus.weight", {128, 352}}};
    static const int64_t levels[] = {9, 0};
    fixture f;

    make(&f);
    f.in.n_cat = 2;
    f.in.n_levels = levels;
    f.cfg.rnn_both = true;
    f.cfg.rnn_layers = 2;
    f.cfg.text = CRM_TEXT_GRU;
    f.cfg.rnn_pool = f.cfg.text_pool = CRM_MODEL_ATTENTION;
    f.cfg.documents_pool = CRM_DOCUMENTS_ATTENTION;
    f.in.max_tokens = f.in.max_events = 3;
    if (open_model(&f))
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            expect(f.m, &shapes[i]);
    close_model(&f);
}

/* ---- initial values ---- */
static double spread(const fixture *f, const float *w, const char *name, double *mean)
{
    const crm_params *ps = crm_model_params(f->m);
    const crm_param *p = crm_params_get(ps, crm_params_find(ps, name));
    double most = 0;

    *mean = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double v = fabs((double)w[p->offset + i]);

        *mean += v / (double)p->n;
        if (v > most) most = v;
    }
    return most;
}

/* U(-s, s) has mean modulus s / 2; N(0, 1) sqrt(2 / pi). */
static void initial_values(void)
{
    static const struct {
        const char *name;
        double bound;
    } uniform[] = {{"mconv2.weight", 64 * 3},     {"mconv2.bias", 64 * 3},
                   {"prof.weight", 24},           {"gru.weight_ih_l0", 64},
                   {"gru.bias_hh_l0", 64},        {"tconv4.weight", 64 * 4},
                   {"heads.category.weight", 128}};
    static float w[1500000];
    fixture f;

    make(&f);
    if (open_model(&f)) {
        double mean;

        T_CHECK(crm_model_size(f.m) <= 1500000);
        crm_model_init(f.m, 3, w);
        for (size_t i = 0; i < sizeof uniform / sizeof *uniform; i++) {
            double s = 1 / sqrt(uniform[i].bound), most = spread(&f, w, uniform[i].name, &mean);

            T_CHECK(most <= s && most > 0.9 * s);
            T_NEAR(mean / s, 0.5, 0.15);
        }
        T_CHECK(spread(&f, w, "temb.weight", &mean) > 4);
        T_NEAR(mean, 0.797885, 0.01);
    }
    close_model(&f);
}

/* ---- tables ---- */
typedef struct notes {
    int n;
    int64_t first[16], len[16];
} notes;

static void take(void *ctx, int64_t first, int64_t n)
{
    notes *t = ctx;

    if (t->n < 16) {
        t->first[t->n] = first;
        t->len[t->n] = n;
    }
    t->n++;
}

static int64_t offset(const fixture *f, const char *name)
{
    const crm_params *ps = crm_model_params(f->m);

    return crm_params_get(ps, crm_params_find(ps, name))->offset;
}

static void check_touched(const fixture *f, const crm_model_batch *b, const int64_t *word,
                          const int64_t *count, int n)
{
    notes t = {0};
    int words = 0;

    crm_model_touched(f->m, b, take, &t);
    for (int i = 0; i < t.n && i < 16; i++) {
        T_CHECK(t.first[i] >= crm_model_tables(f->m));
        if (t.first[i] == offset(f, "cemb.weight")) {
            T_EQ_I(t.len[i], 256 * 16);
            continue;
        }
        T_CHECK(words < n);
        if (words >= n) return;
        T_EQ_I(t.first[i], offset(f, "temb.weight") + 64 * word[words]);
        T_EQ_I(t.len[i], 64 * count[words]);
        words++;
    }
    T_EQ_I(words, n);
    T_EQ_I(t.n, n + 1);
}

/* Words 1, 62..64, 128, 200 and the last; 0 and what is outside are none.  Twice, since bits must
 * be cleared; then a part of the batch. */
static void touched(void)
{
    static const int32_t token[] = {64, 0, 200, 62, 19999, 20000, -1, 63, 1, 64, 128, 1};
    static const int64_t docs[] = {0, 1, 1, 2}, tokens[] = {0, 7, 12};
    static const int64_t all[] = {1, 62, 128, 200, 19999}, n_all[] = {1, 3, 1, 1, 1};
    static const int64_t some[] = {1, 63, 128}, n_some[] = {1, 2, 1};
    crm_model_batch b = {
        .lanes = 1, .lane_rows = 3, .doc_first = docs, .token_first = tokens, .token = token};
    fixture f;

    make(&f);
    if (open_model(&f)) {
        T_EQ_I(crm_model_tables(f.m), offset(&f, "temb.weight"));
        T_EQ_I(offset(&f, "cemb.weight"), offset(&f, "temb.weight") + 20000 * 64);
        T_EQ_I(crm_model_size(f.m), offset(&f, "cemb.weight") + 256 * 16);
        check_touched(&f, &b, all, n_all, 5);
        check_touched(&f, &b, all, n_all, 5);
        b.doc_first += 1;
        b.lane_rows = 2;
        check_touched(&f, &b, some, n_some, 3);
        b.lane_rows = 1; /* no document */
        check_touched(&f, &b, NULL, NULL, 0);
    }
    close_model(&f);
}

/* ---- options ---- */
/* As the program tells it: the option that a message of crm_model_cfg_check begins with is rejected
 * in the name of the place where it was set. */
static crm_status reject(const crm_opt_set *s)
{
    char key[64] = "", why[512];

    snprintf(why, sizeof why, "%s", crm_err_text());
    if (strstr(why, ": ")) snprintf(key, sizeof key, "%.*s", (int)(strchr(why, ':') - why), why);
    return crm_opt_set_reject(s, key, "%s", why);
}

static crm_status load(const char *const *sets, int n, crm_model_cfg *cfg)
{
    crm_opt_set *s = NULL;
    crm_status st;

    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_model_opts, cfg));
    st = crm_opt_set_load(s, NULL, sets, n);
    if (!st && crm_model_cfg_check(cfg)) st = reject(s);
    crm_opt_set_free(&s);
    return st;
}

static void defaults(void)
{
    crm_model_cfg cfg;

    T_OK(load(NULL, 0, &cfg));
    T_EQ_I(cfg.columns, CRM_COLUMNS_FLAT);
    T_EQ_I(cfg.rnn, CRM_MODEL_GRU);
    T_EQ_I(cfg.rnn_pool, CRM_MODEL_LAST);
    T_EQ_I(cfg.text, CRM_TEXT_CNN);
    T_EQ_I(cfg.documents_pool, CRM_DOCUMENTS_MAX);
    T_EQ_I(cfg.event_steps, 50);
    T_EQ_I(cfg.text_length, 64);
    T_CHECK(cfg.event_time && !cfg.rnn_both);
}

static void bad_options(void)
{
    static const struct {
        const char *set, *text;
    } bad[] = {
        {"model.months=32,x", "model.months: value 'x', allowed: integers 1..65536"},
        {"model.months=0", "model.months: value '0', allowed: integers 1..65536"},
        {"model.months_kernel=4", "model.months_kernel: value '4', allowed: odd integers"},
        {"model.text_kernels=1,65", "value '65', allowed: integers 1..64 (model.text_length)"},
        {"model.text_kernels=2,3,2", "value '2', allowed: widths that differ (2 is there twice)"},
        {"model.text_kernels=1,2,3,4,5,6,7,8,9", "9 numbers, allowed: at most 8"},
        {"model.text_kernels=", "model.text_kernels: value '', allowed: at least one"},
        {"model.text_pool=mean", "value 'mean', allowed: max (others need model.text gru)"},
        {"model.documents_pool=last", "allowed: max, mean, attention"},
        {"model.heads=spend:1:ridge",
         "'spend:1:ridge', allowed losses: huber, poisson (not 'ridge')"},
        {"model.heads=spend:0", "'spend:0', allowed weight of 'spend': a number 1e-6..1e6"},
        {"model.heads=spend:1e-7", "'spend:1e-7', allowed weight of 'spend'"},
        {"model.heads=a,spend:1e7", "'spend:1e7', allowed weight of 'spend'"},
        {"model.heads=spend:", "'spend:', allowed weight of 'spend': a number"},
        {"model.heads=:2", "value ':2', allowed: name, name:weight"},
        {"model.heads=a:1,b,a", "target 'a' is there twice"}};
    crm_model_cfg cfg;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_FAILS(load(&bad[i].set, 1, &cfg), CRM_ERR_CONFIG, bad[i].text);
}

/* What a branch that is off does not read is not looked at. */
static void combined_options(void)
{
    static const char *const good[][3] = {
        {"model.text=none", "model.text_kernels=", "model.text_pool=mean"},
        {"model.months=", "model.months_kernel=4", "model.rnn=none"},
        {"model.text=gru", "model.text_pool=attention", "model.text_kernels=99"}};
    crm_model_cfg cfg;

    for (int i = 0; i < 3; i++)
        T_OK(load(good[i], 3, &cfg));
}

static void targets(void)
{
    static const char *const item[] = {"churn", "spend:0.25", "visits:2:poisson", "gap:1e-3:huber"};
    static const double weight[] = {1, 0.25, 2, 0.001};
    static const int kind[] = {-1, -1, CRM_HEAD_POISSON, CRM_HEAD_HUBER};
    static const char *const name[] = {"churn", "spend", "visits", "gap"};
    crm_model_cfg cfg = {.heads = {4, item}};
    crm_model_target t[CRM_MODEL_HEADS_MAX];
    int n = -1;

    T_OK(crm_model_parse_heads(&cfg, t, &n));
    T_EQ_I(n, 4);
    for (int i = 0; i < 4; i++) {
        T_CHECK(strcmp(t[i].name, name[i]) == 0);
        T_CHECK(t[i].weight == weight[i]);
        T_EQ_I(t[i].kind, kind[i]);
    }
    cfg.heads.n = 0;
    T_OK(crm_model_parse_heads(&cfg, t, &n));
    T_EQ_I(n, 0);
}

/* ---- models that are refused ---- */
static void refuse(fixture *f, crm_status code, const char *text)
{
    T_OK(crm_device_cpu(CRM_CPU_BEST, &f->device));
    T_FAILS(crm_model_new(&f->cfg, &f->in, f->head, 5, ROWS, 1, f->device, &f->m), code, text);
    T_CHECK(f->m == NULL);
    close_model(f);
    make(f);
}

static void refused(void)
{
    fixture f;

    make(&f);
    f.cfg.rnn_units = 0;
    refuse(&f, CRM_ERR_CONFIG, "model.rnn_units: value '0', allowed: integers 1..4096");
    f.in.max_tokens = 65;
    refuse(&f, CRM_ERR_ARG, "documents of 65 tokens; model.text_length is 64");
    f.head[3].documents = true;
    f.in.words = 0;
    refuse(&f, CRM_ERR_CONFIG, "target 'segment' is one of documents, but the net has no text");
    f.head[4].kind = CRM_HEAD_HUBER;
    refuse(&f, CRM_ERR_ARG, "delta 0");
    f.in.max_events = 1 << 30;
    refuse(&f, CRM_ERR_CONFIG, "events in a call");
    f.cfg.columns = CRM_COLUMNS_NONE;
    f.cfg.months.n = 0;
    f.cfg.rnn = CRM_MODEL_NO_RNN;
    f.cfg.text = CRM_TEXT_NONE;
    refuse(&f, CRM_ERR_CONFIG, "no input");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"names and shapes of the reference model", reference_model},
        {"the reference model with an LSTM", reference_lstm},
        {"names of what it does not have", other_names},
        {"initial values have the bounds of their fan-in", initial_values},
        {"tables stand last; what a batch touches of them", touched},
        {"defaults of the options", defaults},
        {"bad options are named", bad_options},
        {"options of branches that are off are not looked at", combined_options},
        {"further targets", targets},
        {"models that are refused", refused},
        {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
