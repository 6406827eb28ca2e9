/* test_texts.c - what the generator tells about texts: the tags of products and cities are where
 * their names stand, and the stored probabilities of labels of documents are those that the labels
 * were drawn from.
 * ranks: 1 2 3 4 */
#include "synth_testing.h"

#include <math.h>

enum { PEOPLE = 4000 };
enum { TAG_O, TAG_PRODUCT, TAG_PRODUCT_IN, TAG_PLACE, TAG_PLACE_IN };

static void make_told(void)
{
    crm_synth_cfg cfg = defaults(PEOPLE);

    make();
    cfg.entities = cfg.document_oracle = 1;
    T_OK(crm_synth_write(t_comm, &cfg, path("told.h5"), NULL));
}

/* With what was asked for, all else is as it is without. */
static void the_rest_stays(void)
{
    static const char *const same[] = {"documents/token", "target/sentiment/label",
                                       "target/churn/oracle", "monthly/value"};
    static const char *const more[] = {"target/entity/label", "target/stars/oracle",
                                       "target/sentiment/oracle", "target/issue/oracle",
                                       "target/status/oracle"};
    crm_synth_cfg cfg = defaults(PEOPLE);
    crm_store *told, *plain;

    T_OK(crm_synth_write(t_comm, &cfg, path("plain.h5"), NULL));
    told = open_file("told.h5");
    plain = open_file("plain.h5");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        T_CHECK(same_array(plain, told, same[i], -1));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        T_CHECK(crm_store_find(told, more[i]) && !crm_store_find(plain, more[i]));
    crm_store_close(&told);
    crm_store_close(&plain);
}

/* ---- spans ---- */

/* Tokens of documents, and the names that may be spans in them. */
typedef struct texts {
    const char *const *word, *const *product, *const *city;
    const int32_t *token, *tag;
} texts;

static bool is_product(const texts *x, int64_t token)
{
    for (int p = 0; p < PRODUCTS; p++)
        if (strcmp(x->word[x->token[token]], x->product[p]) == 0) return true;
    return false;
}

/* How many tokens from i on make the name of this city; 0: they make none. */
static int64_t city_at(const texts *x, int64_t i, int64_t end, const char *city)
{
    char text[128];
    size_t used = 0;

    for (int64_t k = 0; i + k < end && k < 3; k++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k ? " " : "",
                                 x->word[x->token[i + k]]);
        if (strcmp(text, city) == 0) return k + 1;
    }
    return 0;
}

/* Tags that names alone would give the tokens of a document; number of those that differ. */
static int64_t wrong_tags(const texts *x, int64_t from, int64_t end, const char *city,
                          int64_t seen[2])
{
    int64_t bad = 0, i = from;

    while (i < end) {
        int64_t n = city_at(x, i, end, city);
        for (int64_t k = 0; k < n; k++)
            bad += x->tag[i + k] != (k ? TAG_PLACE_IN : TAG_PLACE);
        if (n == 0) bad += x->tag[i] != (is_product(x, i) ? TAG_PRODUCT : TAG_O);
        seen[0] += n > 0;
        seen[1] += n == 0 && is_product(x, i);
        i += n ? n : 1;
    }
    return bad;
}

/* Spans are the products, and the city of the customer: no text names another one. */
static void spans_are_names(void)
{
    crm_store *s = open_file("told.h5");
    int64_t n, tokens = rows_of(s, "documents/token"), bad = 0, seen[2] = {0, 0};
    const int64_t *first = get(s, "documents/first", CRM_I64, PEOPLE + 1),
                  *begin = get(s, "documents/token_first", CRM_I64, -1);
    const int32_t *cat = get(s, "profile/cat", CRM_I32, PEOPLE);
    const texts x = {
        crm_store_items(s, "documents/words", &n), crm_store_items(s, "events/categories", &n),
        crm_store_items(s, "profile/levels/0", &n), get(s, "documents/token", CRM_I32, tokens),
        get(s, "target/entity/label", CRM_I32, tokens)};

    for (int64_t c = 0; c < PEOPLE; c++)
        for (int64_t d = first[c]; d < first[c + 1]; d++)
            bad += wrong_tags(&x, begin[d], begin[d + 1], x.city[cat[4 * c]], seen);
    T_EQ_I(bad, 0);
    T_CHECK(seen[0] > 500 && seen[1] > 2000);
    T_CHECK(strcmp(crm_store_text(s, "target/entity/label", "level"), "token") == 0);
    T_CHECK(strcmp(crm_store_list(s, "target/entity/label", "classes", &n)[TAG_PLACE_IN],
                   "I-place") == 0 &&
            n == 5);
    crm_store_close(&s);
}

/* ---- oracles of documents ---- */

static void doc_oracle(const char *name, int k, double strength)
{
    crm_store *s = open_file("told.h5");
    char array[64];
    int64_t docs = rows_of(s, "documents/kind"), bad = 0, hits = 0, n = 0;
    double truth = exp(strength) / (exp(strength) + k - 1), sd;

    snprintf(array, sizeof array, "target/%s/label", name);
    const int32_t *label = get(s, array, CRM_I32, docs);
    snprintf(array, sizeof array, "target/%s/oracle", name);
    const float *p = get(s, array, CRM_F32, docs);
    for (int64_t d = 0; d < docs; d++, p += k) {
        int best = 0;
        for (int c = 0; c < k; c++) {
            bad += isnan(p[c]) != (label[d] < 0);
            if (p[c] > p[best]) best = c;
        }
        if (label[d] < 0) continue;
        for (int c = 0; c < k; c++)
            bad += !(fabs((double)p[c] - (c == best ? truth : (1 - truth) / (k - 1))) < 1e-6);
        hits += label[d] == best;
        n++;
    }
    sd = sqrt((double)n * truth * (1 - truth));
    T_EQ_I(bad, 0);
    T_CHECK(n > 300 && fabs((double)hits - (double)n * truth) < 4 * sd);
    crm_store_close(&s);
}

/* The true class has the weight exp(5), of issues exp(6), against 1 of each other class
 * (docs/synthetic-data.md): .98670 of three classes. */
static void oracles_of_documents(void)
{
    doc_oracle("stars", 5, 5);
    doc_oracle("sentiment", 3, 5);
    doc_oracle("issue", 4, 6);
    doc_oracle("status", 2, 5);
}

/* Nobody writes anything: targets without a unit. */
static void no_documents(void)
{
    crm_synth_cfg cfg = defaults(50);
    crm_store *s;

    cfg.reviews = cfg.tickets = cfg.mentions = 0;
    cfg.entities = cfg.document_oracle = 1;
    T_OK(crm_synth_write(t_comm, &cfg, path("mute.h5"), NULL));
    s = open_file("mute.h5");
    T_EQ_I(rows_of(s, "target/entity/label"), 0);
    T_EQ_I(rows_of(s, "target/sentiment/oracle"), 0);
    crm_store_close(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"writes data sets", make_told},
        {"what was there stays", the_rest_stays},
        {"spans are names", spans_are_names},
        {"oracles of documents", oracles_of_documents},
        {"no documents", no_documents},
        {"cleans up", clean},
        {NULL, NULL},
    };

    return t_main_mpi(argc, argv, cases);
}
