/* test_keep.c - rows taken out of a data set: what is left equals a data set that was made without
 * them, array by array, on any number of ranks; then ids, former digests, what is refused. ranks: 1
 * 2 3 4 */
#include "crm_test_mpi.h"
#include "crmpi/data_keep.h"
#include "crmpi/data_texts.h"
#include "data/sample_ranks.h"

enum { ROWS = 97, MOST = 4 * ROWS, LEVELS = 7, WORDS = 11 };

/* A data set of the given customers, worked out customer by customer; levels nobody has are left
 * out. */
typedef struct made {
    int64_t n, events, documents, tokens, bytes;
    float num[ROWS][2], monthly[ROWS][2][3], time[MOST], value[MOST][2], when[MOST];
    int32_t cat[ROWS][2], category[MOST], kind[MOST], token[4 * MOST], label[ROWS], stars[MOST];
    int64_t event_first[ROWS + 1], first[ROWS + 1], token_first[MOST + 1], id_first[ROWS + 1],
        group[ROWS];
    uint8_t byte[8 * ROWS];
} made;

static void add_customer(made *m, int c)
{
    int64_t r = m->n++;

    for (int k = 0; k < 2; k++) {
        m->num[r][k] = (float)(c * 10 + k);
        for (int t = 0; t < 3; t++)
            m->monthly[r][k][t] = (float)(c + 100 * k + 1000 * t);
    }
    m->cat[r][0] = c % 13 == 0 ? -1 : c % LEVELS;
    m->cat[r][1] = c == 40 ? 5 : c % 3; /* level 5 is of customer 40 alone */
    m->label[r] = c % 2;
    m->group[r] = c % 50;
    for (int e = 0; e < c % 4; e++, m->events++) {
        m->category[m->events] = (c + e) % LEVELS;
        m->time[m->events] = (float)(50 - e);
        m->value[m->events][0] = m->value[m->events][1] = (float)(c * e);
    }
    m->event_first[r + 1] = m->events;
    for (int d = 0; d < c % 3; d++, m->documents++) {
        m->kind[m->documents] = c == 41 ? 2 : d;
        m->when[m->documents] = (float)(d + c);
        m->stars[m->documents] = (c + d) % 5 - 1;
        for (int t = 0; t < c % 4; t++)
            m->token[m->tokens++] = c == 43 ? WORDS - 1 : (c * 3 + t) % (WORDS - 1);
        m->token_first[m->documents + 1] = m->tokens;
    }
    m->first[r + 1] = m->documents;
    m->bytes += sprintf((char *)m->byte + m->bytes, "c%d", c);
    m->id_first[r + 1] = m->bytes;
}

/* Levels that are used get numbers in their order; names into t. */
static void densify(int32_t *code, int64_t n, int step, int levels, char prefix, sample_names *t,
                    char names[][16])
{
    int to[16], left = 0;

    for (int l = 0; l < levels; l++) {
        to[l] = -1;
        for (int64_t i = 0; i < n; i++)
            if (code[i * step] == l) to[l] = left;
        if (to[l] < 0) continue;
        snprintf(names[left], 16, "%c%d", prefix, l);
        t->item[left] = names[left];
        left++;
    }
    t->n = left;
    for (int64_t i = 0; i < n; i++)
        if (code[i * step] >= 0) code[i * step] = to[code[i * step]];
}

/* Of codes that are missing. */
static float share(const int32_t *code, int64_t n, int step)
{
    int64_t missing = 0;

    for (int64_t i = 0; i < n; i++)
        missing += code[i * step] < 0;
    return (float)((double)missing / (double)n);
}

/* Write the customers with keep[c] != 0. */
static void write_made(const char *path, const uint8_t *keep)
{
    static made m;
    static char name[6][16][16];
    sample_names t[] = {
        {.name = "profile/num", .key = "columns", .n = 2, .item = {"a", "b"}},
        {.name = "profile/cat", .key = "columns", .n = 2, .item = {"x", "y"}},
        {.name = "monthly/value", .key = "channels", .n = 2, .item = {"u", "v"}},
        {.name = "events/value", .key = "columns", .n = 2, .item = {"p", "q"}},
        {.name = "target/t/label", .key = "classes", .n = 2, .item = {"no", "yes"}},
        {.name = "target/stars/label", .key = "classes", .n = 5, .item = {"1", "2", "3", "4", "5"}},
        {.name = "profile/levels/0"},
        {.name = "profile/levels/1"},
        {.name = "events/categories"},
        {.name = "documents/kinds"},
        {.name = "documents/words"},
        {.name = "dictionary/block", .n = 4, .item = {"profile", "profile", "target", "documents"}},
        {.name = "dictionary/name", .n = 4, .item = {"a", "x", "stars", "body"}},
        {.name = "dictionary/type", .n = 4, .item = {"", "", "", ""}},
        {.name = "dictionary/unit", .n = 4, .item = {"", "", "", ""}},
        {.name = "dictionary/meaning", .n = 4, .item = {"", "", "", ""}},
        {.name = "dictionary/source", .n = 4, .item = {"", "", "", ""}},
        {.name = "dictionary/cleaning", .n = 4, .item = {"", "", "", ""}},
        {0}};
    float missing[4] = {0};

    m = (made){0};
    for (int c = 0; c < ROWS; c++)
        if (!keep || keep[c]) add_customer(&m, c);
    missing[1] = share(&m.cat[0][0], m.n, 2);
    missing[2] = share(m.stars, m.documents, 1);
    densify(&m.cat[0][0], m.n, 2, LEVELS, 'x', &t[6], name[0]);
    densify(&m.cat[0][1], m.n, 2, 6, 'y', &t[7], name[1]);
    densify(m.category, m.events, 1, LEVELS, 'c', &t[8], name[2]);
    densify(m.kind, m.documents, 1, 3, 'k', &t[9], name[3]);
    densify(m.token, m.tokens, 1, WORDS, 'w', &t[10], name[4]);
    {
        const sample_array a[] = {
            {"profile/num", CRM_F32, 2, {m.n, 2}, m.num},
            {"profile/cat", CRM_I32, 2, {m.n, 2}, m.cat},
            {"monthly/value", CRM_F32, 3, {m.n, 2, 3}, m.monthly},
            {"events/first", CRM_I64, 1, {m.n + 1}, m.event_first},
            {"events/category", CRM_I32, 1, {m.events}, m.category},
            {"events/time", CRM_F32, 1, {m.events}, m.time},
            {"events/value", CRM_F32, 2, {m.events, 2}, m.value},
            {"documents/first", CRM_I64, 1, {m.n + 1}, m.first},
            {"documents/token_first", CRM_I64, 1, {m.documents + 1}, m.token_first},
            {"documents/kind", CRM_I32, 1, {m.documents}, m.kind},
            {"documents/time", CRM_F32, 1, {m.documents}, m.when},
            {"documents/token", CRM_I32, 1, {m.tokens}, m.token},
            {"target/t/label", CRM_I32, 1, {m.n}, m.label},
            {"target/stars/label", CRM_I32, 1, {m.documents}, m.stars},
            {"group/number", CRM_I64, 1, {m.n}, m.group},
            {"id/first", CRM_I64, 1, {m.n + 1}, m.id_first},
            {"id/byte", CRM_U8, 1, {m.bytes}, m.byte},
            {"dictionary/missing", CRM_F32, 1, {4}, missing},
            {0}};
        crm_store_writer *w;
        T_OK(crm_store_create(NULL, path, "crmpi-dataset", &w));
        T_OK(sample_put(w, m.n, a, t));
        T_OK(crm_store_attr_text(w, "target/t/label", "level", "customer"));
        T_OK(crm_store_attr_text(w, "target/stars/label", "level", "document"));
        T_OK(crm_store_commit(&w, NULL));
    }
}

/* ---- comparison ---- */
static void same_arrays(const crm_store *a, const crm_store *b)
{
    T_EQ_I(crm_store_count(a), crm_store_count(b));
    for (int i = 0; i < crm_store_count(a); i++) {
        const crm_store_array *x = crm_store_at(a, i), *y = crm_store_find(b, x->name);
        size_t bytes = crm_dtype_size(x->dtype);
        bool same = y && x->rank == y->rank && x->dtype == y->dtype;
        for (int k = 0; same && k < x->rank; k++) {
            same = x->dim[k] == y->dim[k];
            bytes *= (size_t)x->dim[k];
        }
        if (!same || (bytes > 0 && memcmp(x->data, y->data, bytes) != 0))
            t_fail(__FILE__, __LINE__, x->name);
    }
}

static void same_texts(const crm_store *a, const crm_store *b)
{
    const char *name;

    for (int i = 0; (name = crm_store_items_name(a, i)) != NULL; i++) {
        int64_t n, m;
        const char *const *x = crm_store_items(a, name, &n), *const *y =
                                                                 crm_store_items(b, name, &m);
        bool same = n == m;
        for (int64_t k = 0; same && k < n; k++)
            same = strcmp(x[k], y[k]) == 0;
        if (!same) t_fail(__FILE__, __LINE__, name);
    }
}

static bool any_attr(void *ctx, const char *object, const char *key)
{
    (void)object, (void)key;
    ++*(int *)ctx;
    return false;
}

/* What is kept of the whole equals what was made of the kept; the attributes too, but for one more.
 */
static void check_keep(const uint8_t *keep, int64_t want_levels, int64_t want_words)
{
    crm_data *d = NULL;
    crm_store *got = NULL, *want = NULL;
    crm_kept k = {0};
    int n_got = 0, n_want = 0;
    char whole[CRM_PATH_MAX], left[CRM_PATH_MAX], kept[CRM_PATH_MAX];

    snprintf(whole, sizeof whole, "%s", sample_path("whole.h5"));
    snprintf(left, sizeof left, "%s", sample_path("left.h5"));
    snprintf(kept, sizeof kept, "%s", sample_path("kept.h5"));
    if (crm_comm_rank(t_comm) == 0) write_made(whole, NULL);
    if (crm_comm_rank(t_comm) == 0) write_made(left, keep);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(whole, &d));
    if (d) T_OK(crm_data_keep(t_comm, d, keep, kept, &k));
    T_OK(crm_store_open(kept, "crmpi-dataset", &got));
    T_OK(crm_store_open(left, "crmpi-dataset", &want));
    if (got && want) {
        same_arrays(want, got);
        same_texts(want, got);
        T_OK(crm_store_copy_attrs(got, NULL, any_attr, &n_got));
        T_OK(crm_store_copy_attrs(want, NULL, any_attr, &n_want));
        T_EQ_I(n_got, n_want + 1);
        T_EQ_I(crm_store_i64(got, "", "rows", -1), k.rows);
    }
    T_EQ_I(k.levels, want_levels);
    T_EQ_I(k.words, want_words);
    crm_store_close(&got);
    crm_store_close(&want);
    crm_data_close(&d);
    T_OK(crm_comm_barrier(t_comm));
}

static void some_rows(void)
{
    uint8_t keep[ROWS];

    memset(keep, 1, sizeof keep);
    keep[0] = keep[1] = keep[50] = keep[96] = 0;
    check_keep(keep, 0, 0);
}

/* Level y5 is of customer 40 alone, kind k2 of 41, word w10 of 43. */
static void levels_go_with_their_rows(void)
{
    uint8_t keep[ROWS];

    memset(keep, 1, sizeof keep);
    keep[40] = keep[41] = keep[44] = 0;
    check_keep(keep, 2, 0);
    keep[43] = 0;
    check_keep(keep, 2, 1);
}

static void every_other_row(void)
{
    uint8_t keep[ROWS];

    for (int i = 0; i < ROWS; i++)
        keep[i] = i % 2 == 1;
    check_keep(keep, 1, 0); /* y5: customer 40; k2 stays with 41 */
}

static void one_row(void)
{
    uint8_t keep[ROWS] = {0};

    keep[41] = 1; /* x6, y2, one event of c6, kind k2 (two documents), words of (41 * 3 + t) % 10 */
    check_keep(keep, 6 + 3 + 6 + 2, 10);
}

/* ---- the rest ---- */
static void ids(void)
{
    static const char *const ID[] = {"c7", "c9999", "c0", "c", "c96", "c7"};
    uint8_t found[ROWS] = {0}, hit[6] = {0};
    crm_data *d = NULL;
    int n = 0;

    T_OK(crm_data_open(sample_path("whole.h5"), &d));
    if (!d) return;
    T_OK(crm_data_find_ids(d, 6, ID, found, hit));
    for (int i = 0; i < ROWS; i++)
        n += found[i];
    T_CHECK(n == 3 && found[0] && found[7] && found[96]);
    T_CHECK(hit[0] && !hit[1] && hit[2] && !hit[3] && hit[4] && hit[5]);
    crm_data_close(&d);
}

static void former_digests(void)
{
    uint8_t keep[ROWS];
    char path[CRM_PATH_MAX], a[CRM_DIGEST_HEX], b[CRM_DIGEST_HEX];
    const char *const *former;
    crm_data *d = NULL;
    crm_kept k;
    int64_t n = 0;

    memset(keep, 1, sizeof keep);
    keep[3] = 0;
    snprintf(path, sizeof path, "%s", sample_path("own.h5"));
    if (crm_comm_rank(t_comm) == 0) write_made(path, NULL);
    T_OK(crm_comm_barrier(t_comm));
    for (int turn = 0; turn < 2; turn++) { /* in place, twice */
        T_OK(crm_data_open(path, &d));
        if (!d) return;
        crm_digest_hex(crm_data_digest(d), turn ? b : a);
        T_OK(crm_comm_barrier(t_comm));
        T_OK(crm_data_keep(t_comm, d, keep, path, &k));
        crm_data_close(&d);
    }
    T_OK(crm_data_open(path, &d));
    if (!d) return;
    former = crm_data_former(d, &n);
    T_EQ_I(n, 2);
    T_CHECK(n == 2 && strcmp(former[0], a) == 0 && strcmp(former[1], b) == 0);
    T_EQ_I(crm_data_rows(d), ROWS - 2);
    memset(keep, 0, sizeof keep);
    T_FAILS(crm_data_keep(t_comm, d, keep, path, &k), CRM_ERR_CONFIG, "no row of 95 would stay");
    crm_data_close(&d);
}

static crm_digest texts_of(const char *path)
{
    crm_digest all = {1, 1};
    crm_data *d = NULL;

    T_OK(crm_data_open(path, &d));
    if (d) T_OK(crm_data_texts(t_comm, d, NULL, 1, &all));
    crm_data_close(&d);
    return all;
}

static bool kinds_are(const crm_data *d, const char *target, const char *want)
{
    uint8_t has[3];
    int t = 0;

    T_OK(crm_data_find_target(d, target, &t));
    crm_data_labelled_kinds(d, t, has);
    for (int k = 0; k < 3; k++)
        if (has[k] != want[k] - '0') return false;
    return true;
}

/* The digest of texts adds up over rows, parts and ranks, is that of a data set of these rows
 * alone, and no other for those of equal number. */
static void texts(void)
{
    static uint8_t keep[ROWS];
    int32_t part[ROWS];
    crm_digest sum[3], one[3], left;
    crm_comm *alone = NULL;
    crm_data *d = NULL;

    for (int c = 0; c < ROWS; c++) {
        part[c] = c % 7 == 0 ? -1 : c % 7 == 3 ? 3 : c % 3;
        keep[c] = part[c] == 1 || part[c] == 2;
    }
    if (crm_comm_rank(t_comm) == 0) {
        write_made(sample_path("whole.h5"), NULL);
        write_made(sample_path("some.h5"), keep);
    }
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("whole.h5"), &d));
    if (!d) return;
    T_OK(crm_data_texts(t_comm, d, part, 3, sum));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(crm_data_texts(alone, d, part, 3, one));
    for (int k = 0; k < 3; k++) {
        T_CHECK(crm_digest_equal(sum[k], one[k]));
        T_CHECK(!crm_digest_equal(sum[k], sum[(k + 1) % 3]));
    }
    left = texts_of(sample_path("some.h5"));
    T_CHECK(crm_digest_equal(left, crm_texts_sum(sum[1], sum[2])));
    T_CHECK(!crm_digest_equal(left, texts_of(sample_path("whole.h5"))));
    T_CHECK(kinds_are(d, "stars", "111") && kinds_are(d, "t", "111"));
    crm_data_close(&d);
    crm_comm_free(&alone);
    memset(keep, 0, sizeof keep); /* stars of customer 5: none, 1; documents of 41 are of kind 2 */
    keep[5] = keep[41] = 1;
    if (crm_comm_rank(t_comm) == 0) write_made(sample_path("some.h5"), keep);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("some.h5"), &d));
    if (d) T_CHECK(kinds_are(d, "stars", "011"));
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"(a folder)", sample_enter},
                                   {"some rows go", some_rows},
                                   {"levels go with their rows", levels_go_with_their_rows},
                                   {"every other row goes", every_other_row},
                                   {"one row stays", one_row},
                                   {"rows by id", ids},
                                   {"in place, with the digests before", former_digests},
                                   {"digests of texts, kinds with labels", texts},
                                   {"(the folder goes)", sample_leave},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
