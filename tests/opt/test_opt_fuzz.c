/* test_opt_fuzz.c - random changes of a right config: never a crash, a leak or half of a config.
 *
 * Whatever comes in, the result is CRM_OK or a well-formed error text, and after an error every
 * bound value is what it was.  Under the sanitizers this looks for reads and writes out of bounds.
 */
#include "crmpi/base_hash.h"
#include "opt_sample.h"

enum { TRIALS = 6000, ROOM = 1024 };

static const char valid[] = "# a config\n"
                            "train:\n"
                            "  epochs: 3   # passes\n"
                            "  lanes: 16\n"
                            "  lr: 1.0e-3\n"
                            "  refit: true\n"
                            "  schedule: \"step\"\n"
                            "eval: {models: [hybrid, 'rule', tree], tags: [a, \"b\\u00e4\"]}\n"
                            "data.path: |\n"
                            "  two\n"
                            "  lines\n"
                            "device: cpu\n"
                            "a:\n"
                            "  b: {c: -3}\n"
                            "variants:\n"
                            "  net-b: {train.lr: 2, train: {lanes: 4, refit: false}}\n"
                            "  net-c: {eval.tags: [a, b]}     \n";

static bool takes_name(void *ctx, const char *name, crm_str *why)
{
    (void)ctx;
    crm_str_addf(why, "is given to a variant of no model");
    return strncmp(name, "net-", 4) == 0;
}

static bool takes(void *ctx, const char *name, const crm_opt *o)
{
    (void)ctx;
    return name[0] && o->key[0] != 'd';
}

static const crm_opt_variants variants = {
    .takes_name = takes_name, .takes = takes, .help = "Settings that differ."};

/* Pieces that mean something to a YAML reader. */
static const char *const pieces[] = {"\n",        ":",
                                     ": ",        "- ",
                                     "[",         "]",
                                     "{",         "}",
                                     ",",         "&x ",
                                     "*x",        "!",
                                     "!!",        "? ",
                                     "|",         ">",
                                     "'",         "\"",
                                     "#",         "%",
                                     "\t",        "---",
                                     "...",       "\\x",
                                     "~",         "null",
                                     "1e9",       "\xff",
                                     "\xc3",      "\xe2\x80\xa8",
                                     "\r",        "train",
                                     "<<: ",      "\xef\xbb\xbf",
                                     "variants.", "net-d"};

/* Draws keyed by (trial, number of the draw): the low half of a digest. */
typedef struct draws {
    uint64_t trial, next;
} draws;

static uint32_t below(draws *r, size_t n)
{
    uint64_t lo = crm_digest_of(r, sizeof *r).lo;

    r->next++;
    return (uint32_t)(lo % n);
}

static size_t replace(char *text, size_t n, size_t at, size_t cut, const char *piece, size_t add)
{
    if (at + cut > n) cut = n - at;
    if (n - cut + add > ROOM) return n;
    memmove(text + at + add, text + at + cut, n - at - cut);
    memcpy(text + at, piece, add);
    return n - cut + add;
}

/* One change: a byte, a piece put in, bytes cut, a part repeated elsewhere, or the end cut off. */
static size_t mutate(draws *r, char *text, size_t n)
{
    size_t at = n ? below(r, n) : 0, len = 1 + below(r, 12);
    const char *piece = pieces[below(r, sizeof pieces / sizeof *pieces)];
    char byte = (char)below(r, 256), copy[16];

    switch (below(r, 6)) {
    case 0:
        return replace(text, n, at, 1, &byte, 1);
    case 1:
        return replace(text, n, at, len, "", 0);
    case 2:
        if (at + len > n) len = n - at;
        memcpy(copy, text + at, len);
        return replace(text, n, n ? below(r, n) : 0, 0, copy, len);
    case 3:
        return below(r, 8) == 0 ? at : n;
    default:
        return replace(text, n, at, below(r, 2), piece, strlen(piece));
    }
}

/* Every line but the last begins with the name or --set; the last counts the others. */
static bool is_well_formed(const char *text)
{
    int lines = 0, n = -1;

    for (; strchr(text, '\n'); text = strchr(text, '\n') + 1, lines++)
        if (strncmp(text, "c.yaml:", 7) != 0 && strncmp(text, "--set ", 6) != 0) return false;
    return sscanf(text, "%d error", &n) == 1 && n == lines;
}

static crm_status try_text(const char *text, size_t n)
{
    const char *const sets[] = {text};
    crm_status st;
    sample s, before;

    sample_open(&s);
    T_OK(crm_opt_set_variants(s.set, &variants));
    before = s;
    st = crm_opt_set_load_text(s.set, "c.yaml", text, n, sets, n % 4 == 0);
    if (st != CRM_OK) {
        T_EQ_I(st, CRM_ERR_CONFIG);
        T_CHECK(is_well_formed(crm_err_text()));
        T_CHECK(memcmp(&s, &before, sizeof s) == 0);
    } else {
        T_CHECK(s.train.epochs >= 1 && s.train.lanes >= 1 && s.train.lanes <= 64);
    }
    sample_close(&s);
    crm_err_clear();
    return st;
}

static void mutations(void)
{
    static char text[ROOM + 1];
    int good = 0;
    size_t n;

    T_EQ_I(sizeof valid % 4, 0); /* the unchanged text is tried without an assignment */
    T_NO_LEAK(T_OK(try_text(valid, sizeof valid - 1)));
    for (uint64_t trial = 0; trial < TRIALS && t_failures == 0; trial++) {
        draws r = {trial, 0};
        n = sizeof valid - 1;
        memcpy(text, valid, n);
        for (uint32_t k = 1 + below(&r, 4); k > 0; k--)
            n = mutate(&r, text, n);
        text[n] = '\0';
        T_NO_LEAK(good += try_text(text, n) == CRM_OK);
        if (t_failures) fprintf(stderr, "# trial %d:\n%s\n", (int)trial, text);
    }
    T_CHECK(good > TRIALS / 100 && good < TRIALS / 2); /* both ways are walked */
}

/* Every beginning of the right config. */
static void beginnings(void)
{
    for (size_t n = 0; n < sizeof valid; n++)
        T_NO_LEAK((void)try_text(valid, n));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"random changes", mutations}, {"every beginning", beginnings}, {NULL, NULL}};
    return t_main(argc, argv, cases);
}
