/* cmd_data.c - synth, import, describe. */
#include <math.h>

#include "app_describe.h"
#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data_extend.h"
#include "crmpi/table_schema.h"

static crm_status print_targets(const crm_data *d);

static void print_line(const app *a, const char *label, const char *path, int64_t rows,
                       crm_digest digest, double seconds)
{
    char hex[CRM_DIGEST_HEX];
    int64_t bytes = 0;

    if (!app_is_root(a)) return;
    if (crm_path_file_size(path, &bytes)) crm_err_clear();
    printf("%s: %lld rows, %.1f MB, %.1f s\ndigest %s\n", label, (long long)rows,
           (double)bytes / 1e6, seconds, crm_digest_hex(digest, hex));
}

crm_status cmd_synth(app *a)
{
    crm_synth_info info = {0};
    double start = crm_clock_now();
    char label[CRM_PATH_MAX + 16];

    CRM_CHECK(a->cfg.data_path[0], CRM_ERR_CONFIG,
              "data.path is not set: the file that synth writes");
    CRM_TRY(app_may_replace(a, "data.path", a->cfg.data_path));
    CRM_TRY(crm_synth_write(a->world, &a->synth, a->cfg.data_path, &info));
    snprintf(label, sizeof label, "%s", a->cfg.data_path);
    print_line(a, label, a->cfg.data_path, info.customers, info.digest, crm_clock_now() - start);
    if (app_is_root(a))
        printf("%lld events (%lld purchases), %lld documents, %lld words in them\n",
               (long long)info.events, (long long)info.purchases, (long long)info.documents,
               (long long)info.tokens);
    return CRM_OK;
}

static void print_columns(const crm_table_info *info)
{
    for (int i = 0; i < info->n_columns; i++) {
        const crm_table_column *c = &info->column[i];
        printf("  %-24s %-12s", c->name, crm_table_kind_names[c->kind]);
        if (c->levels) printf(" %lld levels", (long long)c->levels);
        if (c->missing) printf(" %lld missing", (long long)c->missing);
        printf("\n");
    }
    for (int i = 0; i < info->n_classes; i++)
        printf("  class %d %-20s %lld rows\n", i, info->class_name[i],
               (long long)info->class_count[i]);
}

static void print_rejected(int64_t rejected, int64_t listed, const char *store)
{
    if (rejected > listed)
        printf("  %lld rows or values rejected (the first %d of each table are listed in "
               "%s.rejects.tsv)\n",
               (long long)rejected, CRM_TABLE_REJECTS, store);
    else if (rejected)
        printf("  %lld rows or values rejected (listed in %s.rejects.tsv)\n", (long long)rejected,
               store);
}

static void print_counts(const crm_table_tables *t, const char *store)
{
    const struct {
        int64_t n;
        const char *what;
    } left[] = {{t->homeless, "events or documents of no entity"},
                {t->undated, "events or documents without time"},
                {t->empty, "rows without text, which are no documents"},
                {t->late, "events or documents at or behind the cut-off"},
                {t->late_dates, "dates of the profile at or behind the cut-off, taken as missing "
                                "(known_ahead: yes of their column keeps them)"},
                {t->no_history, "entities without history before the cut-off"},
                {t->no_cutoff, "entities without a cut-off (its time is missing)"},
                {t->orphans, "references that lead nowhere"},
                {t->repeated, "repeated keys of referenced tables (the first row is taken)"},
                {t->contradictions, "contradictory values of entities"}};

    printf("%lld events, %lld documents, %lld words in them\n", (long long)t->events,
           (long long)t->documents, (long long)t->tokens);
    if (t->exports) printf("%lld exports, their tables kept\n", (long long)t->exports);
    for (size_t k = 0; k < sizeof left / sizeof *left; k++)
        if (left[k].n) printf("  %lld %s\n", (long long)left[k].n, left[k].what);
    print_rejected(t->rejected, t->listed, store);
}

/* Targets of the data set that was made. */
static crm_status print_made(const char *store)
{
    crm_data *d;
    crm_status st;

    CRM_TRY(crm_data_open(store, &d));
    st = print_targets(d);
    crm_data_close(&d);
    return st;
}

static crm_status import_tables(app *a, const char *store)
{
    crm_table_tables info;
    double start = crm_clock_now();
    crm_status st = app_import_tables(a, store, NULL, &info);

    if (!st) {
        print_line(a, store, store, info.entities, info.content, crm_clock_now() - start);
        if (app_is_root(a)) {
            print_counts(&info, store);
            st = print_made(store);
        }
        st = crm_comm_agree(a->world, st);
    }
    crm_table_tables_free(&info);
    return st;
}

static crm_status import_conll(app *a, const char *store)
{
    crm_conll_info info;
    double start = crm_clock_now();
    crm_status st = CRM_OK;

    CRM_TRY(crm_conll_import(a->world, &a->conll, a->table.target, a->cfg.data_path, store, &info));
    print_line(a, store, store, info.rows, info.content, crm_clock_now() - start);
    if (app_is_root(a)) {
        printf("  %lld sentences, %lld tokens, %lld distinct words, %lld types of entities\n",
               (long long)info.sentences, (long long)info.tokens, (long long)info.words,
               (long long)info.types);
        if (info.test_rows) printf("  %lld rows are the test part\n", (long long)info.test_rows);
        st = print_made(store);
    }
    return crm_comm_agree(a->world, st);
}

crm_status cmd_import(app *a)
{
    crm_table_info info = {0};
    char store[CRM_PATH_MAX];
    double start = crm_clock_now();
    crm_status st;

    CRM_CHECK(!a->args.append || app_has_tables(a), CRM_ERR_CONFIG,
              "--append needs data.schema: one CSV without a schema is imported as a whole");
    CRM_TRY(app_need_path(a));
    CRM_TRY(app_store_path(a, store, sizeof store));
    if (app_has_tables(a)) return import_tables(a, store);
    if (app_is_conll(a)) return import_conll(a, store);
    st = crm_table_import(a->world, &a->table, a->cfg.data_path, store, NULL, &info);
    if (!st) {
        print_line(a, store, store, info.rows, info.content, crm_clock_now() - start);
        if (app_is_root(a)) {
            print_columns(&info);
            print_rejected(info.rejected, info.listed, store);
        }
    }
    crm_table_info_free(&info);
    return st;
}

static void print_schema(const crm_data *d)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(d, &num, &cat);

    printf("profile    %d numeric, %d categorical columns\n", s->n_num, s->n_cat);
    for (int i = 0; i < s->n_num; i++)
        printf("  %s\n", s->num_name[i]);
    for (int i = 0; i < s->n_cat; i++)
        printf("  %s (%lld levels)\n", s->cat_name[i], (long long)s->n_levels[i]);
}

static void print_blocks(const crm_data *d)
{
    const crm_monthly *m = crm_data_monthly(d);
    const crm_events *e = crm_data_events(d);
    const crm_documents *t = crm_data_documents(d);

    if (m)
        printf("monthly    %lld channels x %lld months\n", (long long)m->channels,
               (long long)m->months);
    if (e)
        printf("events     %lld, %lld categories, %lld numbers each\n", (long long)e->n,
               (long long)e->n_categories, (long long)e->numbers);
    if (t)
        printf("documents  %lld, %lld words, %lld distinct\n", (long long)t->n,
               (long long)t->n_tokens, (long long)t->n_words);
}

static crm_status print_classes(const crm_target *t, int64_t n)
{
    int64_t *count, missing = n;

    CRM_NEW(count, t->n_classes);
    for (int64_t r = 0; r < n; r++)
        if (t->label[r] >= 0) count[t->label[r]]++;
    for (int c = 0; c < t->n_classes; c++) {
        printf(" %s %lld", t->class_name[c], (long long)count[c]);
        missing -= count[c];
    }
    if (missing) printf(", %lld missing", (long long)missing);
    crm_mem_free(count);
    return CRM_OK;
}

/* Mean of each column. */
static void print_numbers(const crm_target *t, int64_t n)
{
    for (int c = 0; c < t->width; c++) {
        double sum = 0;
        int64_t have = 0;
        for (int64_t r = 0; r < n; r++) {
            float v = t->value[r * t->width + c];
            if (isnan(v)) continue;
            sum += (double)v;
            have++;
        }
        printf("%s %s", c ? "," : "", t->column_name[c]);
        if (have) printf(" mean %.4g", sum / (double)have);
        if (have < n) printf(" (%lld missing)", (long long)(n - have));
    }
}

static crm_status print_targets(const crm_data *d)
{
    for (int i = 0; i < crm_data_n_targets(d); i++) {
        const crm_target *t = crm_data_target(d, i);
        int64_t n = crm_data_units(d, t->level);
        printf("target     %s (%s%s)%s:", t->name, crm_level_names[t->level],
               t->label ? "" : ", numeric", t->oracle ? ", with oracle" : "");
        if (t->label)
            CRM_TRY(print_classes(t, n));
        else
            print_numbers(t, n);
        printf("\n");
    }
    return CRM_OK;
}

static void print_annotations(const crm_data *d)
{
    int64_t n;
    const char *const *note = crm_data_annotations(d, &n);

    for (int64_t i = 0; i < n; i++)
        printf("annotated  %s\n", note[i]);
}

static crm_status print_head(const crm_data *d)
{
    char hex[CRM_DIGEST_HEX];

    printf("%s: %lld rows, digest %s\n", crm_data_path(d), (long long)crm_data_rows(d),
           crm_digest_hex(crm_data_digest(d), hex));
    print_schema(d);
    print_blocks(d);
    print_annotations(d);
    return print_targets(d);
}

/* DIR/describe.json of --out. */
static crm_status write_json(const app *a, const crm_data *d, const crm_description *x)
{
    char path[CRM_PATH_MAX];
    crm_str text = {0};
    crm_status st;

    if (!a->args.out) return CRM_OK;
    CRM_TRY(crm_path_join(a->args.out, "describe.json", path, sizeof path));
    CRM_TRY(crm_path_mkdirs(a->args.out));
    st = app_json_description(d, x, &text);
    if (!st) st = crm_path_write_atomic(path, text.text, text.len);
    if (!st) printf("\n%s\n", path);
    crm_str_free(&text);
    return st;
}

/* Figures are worked out by all ranks, and printed by rank 0. */
static crm_status describe(app *a, const crm_data *d)
{
    crm_description *x = NULL;
    crm_status st = crm_comm_agree(a->world, app_is_root(a) ? print_head(d) : CRM_OK);

    if (!st) st = crm_data_describe(a->world, a->pool, d, &x);
    if (!st && app_is_root(a)) {
        st = app_print_description(d, x);
        if (!st) st = write_json(a, d, x);
    }
    crm_description_free(&x);
    return crm_comm_agree(a->world, st);
}

crm_status cmd_describe(app *a)
{
    crm_data *d = NULL;
    crm_status st;

    if (a->args.operand) CRM_TRY(app_configure(a, NULL, NULL, 0));
    CRM_CHECK(a->args.operand || a->cfg.data_path[0], CRM_ERR_CONFIG,
              "describe needs a data set: crmpi describe DATA.h5");
    CRM_TRY(crm_comm_agree(
        a->world, crm_data_open(a->args.operand ? a->args.operand : a->cfg.data_path, &d)));
    st = crm_data_verify(a->world, d);
    if (!st) st = describe(a, d);
    crm_data_close(&d);
    return st;
}
