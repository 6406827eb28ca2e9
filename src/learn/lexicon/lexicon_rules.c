/* lexicon_rules.c - the rules of Hutto and Gilbert (2014) on the words of one text, in the order
 * and with the numbers of their own program (vaderSentiment 3.3.2):
 *
 *     valence v of a word w[i] of the list
 *       "no" within two words before it (three, where "or" or "nor" follows): -.74 v
 *       capitals, where some but not all words have them: |v| + .733
 *       for k = 1, 2, 3, w[i - k] not in the list:
 *         a degree adverb: |v| +- .293 (+ .733 in such capitals), times 1, .95, .9
 *         a negation: -.74 v;  "never so", "never this": 1.25 v;  "without doubt": v
 *       idioms; "least" before it, but not "at least", "very least": -.74 v
 *     x = sum of v, halved before the first "but", times 1.5 behind it
 *     |x| + .292 for each of up to four "!", .18 for each of two or three "?", .96 for more
 *     compound = x / sqrt(x^2 + 15) */
#include <math.h>
#include <string.h>

#include "lexicon_impl.h"

#define BOOST    0.293
#define CAPITALS 0.733
#define NEGATED  (-0.74)
#define EMPHASIS 1.25

/* Degree adverbs (the authors' choice from Wiktionary's list); those that raise, then those that
 * lower.  */
static const char *const more[] = {"absolutely",
                                   "amazingly",
                                   "awfully",
                                   "completely",
                                   "considerable",
                                   "considerably",
                                   "decidedly",
                                   "deeply",
                                   "effing",
                                   "enormous",
                                   "enormously",
                                   "entirely",
                                   "especially",
                                   "exceptional",
                                   "exceptionally",
                                   "extreme",
                                   "extremely",
                                   "fabulously",
                                   "flipping",
                                   "flippin",
                                   "frackin",
                                   "fracking",
                                   "fricking",
                                   "frickin",
                                   "frigging",
                                   "friggin",
                                   "fully",
                                   "fuckin",
                                   "fucking",
                                   "fuggin",
                                   "fugging",
                                   "greatly",
                                   "hella",
                                   "highly",
                                   "hugely",
                                   "incredible",
                                   "incredibly",
                                   "intensely",
                                   "major",
                                   "majorly",
                                   "more",
                                   "most",
                                   "particularly",
                                   "purely",
                                   "quite",
                                   "really",
                                   "remarkably",
                                   "so",
                                   "substantially",
                                   "thoroughly",
                                   "total",
                                   "totally",
                                   "tremendous",
                                   "tremendously",
                                   "uber",
                                   "unbelievably",
                                   "unusually",
                                   "utter",
                                   "utterly",
                                   "very",
                                   NULL};
static const char *const less[] = {
    "almost", "barely", "hardly",   "kinda",      "kindof",     "kind-of",
    "less",   "little", "marginal", "marginally", "occasional", "occasionally",
    "partly", "scarce", "scarcely", "slight",     "slightly",   "somewhat",
    "sorta",  "sortof", "sort-of",  NULL};
static const char *const pairs[] = {"just enough", "kind of", "sort of", NULL};

/* Beside all words with "n't" in them. */
static const char *const negations[] = {
    "aint",    "arent",   "cannot",   "cant",   "couldnt", "darent",  "didnt",   "doesnt",
    "dont",    "hadnt",   "hasnt",    "havent", "isnt",    "mightnt", "mustnt",  "neither",
    "neednt",  "never",   "none",     "nope",   "nor",     "not",     "nothing", "nowhere",
    "oughtnt", "shant",   "shouldnt", "uhuh",   "uh-uh",   "wasnt",   "werent",  "without",
    "wont",    "wouldnt", "rarely",   "seldom", "despite", NULL};

static const struct {
    const char *text;
    int words;
    double valence;
} idioms[] = {
    {"the shit", 2, 3},   {"the bomb", 2, 3},        {"bad ass", 2, 1.5},
    {"bus stop", 2, 0},   {"yeah right", 2, -2},     {"kiss of death", 3, -1.5},
    {"to die for", 3, 3}, {"beating heart", 2, 3.5},
};

static bool is_one_of(const char *const *list, const char *text)
{
    for (; *list; list++)
        if (strcmp(*list, text) == 0) return true;
    return false;
}

void lexicon_describe(const crm_lexicon *l, const char *text, lexicon_item *out)
{
    const double *valence = lexicon_find(l, text);

    out->text = text;
    out->known = valence != NULL;
    out->valence = valence ? *valence : 0;
    out->boost = is_one_of(more, text) ? BOOST : is_one_of(less, text) ? -BOOST : 0;
    out->negates = strstr(text, "n't") || is_one_of(negations, text);
}

/* ---- words around a word ---- */

/* All words of one text. */
typedef struct words {
    const lexicon_item *w;
    int64_t n;
    bool capitals; /* some have them, not all */
} words;

static bool is(const words *x, int64_t i, const char *text)
{
    return i >= 0 && i < x->n && strcmp(x->w[i].text, text) == 0;
}

/* Whether the words of text, one space between them, stand from i on. */
static bool phrase(const words *x, int64_t i, const char *text)
{
    for (;; i++) {
        size_t len = strcspn(text, " ");
        if (i < 0 || i >= x->n || strncmp(x->w[i].text, text, len) != 0 || x->w[i].text[len])
            return false;
        if (!text[len]) return true;
        text += len + 1;
    }
}

static bool in_capitals(const words *x, int64_t i)
{
    return x->capitals && x->w[i].upper && !x->w[i].lower;
}

/* What word i, k places before a word of valence v, adds to it. */
static double boost(const words *x, int64_t i, int k, double v)
{
    static const double share[] = {1, 0.95, 0.9};
    double b = v < 0 ? -x->w[i].boost : x->w[i].boost;

    if (x->w[i].boost == 0) return 0;
    if (in_capitals(x, i)) b += v > 0 ? CAPITALS : -CAPITALS;
    return b * share[k - 1];
}

static bool is_so_or_this(const words *x, int64_t i)
{
    return is(x, i, "so") || is(x, i, "this");
}

/* The factor that word i - k is to word i.  At k = 3 "so" and "this" right before word i weigh
 * without "never" too: so it is in the authors' program. */
static double negation(const words *x, int64_t i, int k)
{
    bool never = k > 1 && is(x, i - k, "never"), without = k > 1 && is(x, i - k, "without");

    if (k == 2 && never && is_so_or_this(x, i - 1)) return EMPHASIS;
    if (k == 3 && ((never && is_so_or_this(x, i - 2)) || is_so_or_this(x, i - 1))) return EMPHASIS;
    if (without && is(x, i - 1, "doubt")) return 1;
    if (without && k == 3 && is(x, i - 2, "doubt")) return 1;
    return x->w[i - k].negates ? NEGATED : 1;
}

static bool find_idiom(const words *x, int64_t from, int length, double *v)
{
    for (size_t k = 0; k < sizeof idioms / sizeof *idioms; k++)
        if (idioms[k].words == length && phrase(x, from, idioms[k].text)) {
            *v = idioms[k].valence;
            return true;
        }
    return false;
}

/* Idioms around word i >= 3: the first that is there, or rather one that begins with the word; then
 * degree adverbs of two words, which lower the score whatever its sign. */
static double idiom(const words *x, int64_t i, double v)
{
    static const struct {
        int back, length;
    } place[] = {{1, 2}, {2, 3}, {2, 2}, {3, 3}, {3, 2}};

    for (size_t k = 0; k < sizeof place / sizeof *place; k++)
        if (find_idiom(x, i - place[k].back, place[k].length, &v)) break;
    find_idiom(x, i, 2, &v);
    find_idiom(x, i, 3, &v);
    for (int64_t from = i - 3; from < i - 1; from++)
        for (const char *const *p = pairs; *p; p++)
            if (phrase(x, from, *p)) v += -BOOST;
    return v;
}

static double least(const words *x, int64_t i)
{
    if (!is(x, i - 1, "least") || x->w[i - 1].known) return 1;
    return is(x, i - 2, "at") || is(x, i - 2, "very") ? 1 : NEGATED;
}

static bool is_refused(const words *x, int64_t i)
{
    return is(x, i - 1, "no") || is(x, i - 2, "no") ||
           (is(x, i - 3, "no") && (is(x, i - 1, "or") || is(x, i - 1, "nor")));
}

static double valence(const words *x, int64_t i)
{
    const lexicon_item *w = &x->w[i];
    double v = w->valence;

    if (w->boost != 0 || !w->known || phrase(x, i, "kind of")) return 0;
    if (is(x, i, "no") && i + 1 < x->n && x->w[i + 1].known) v = 0;
    if (is_refused(x, i)) v = w->valence * NEGATED;
    if (in_capitals(x, i)) v += v > 0 ? CAPITALS : -CAPITALS;
    for (int k = 1; k <= 3 && k <= i; k++) {
        if (x->w[i - k].known) continue;
        v += boost(x, i - k, k, v);
        v *= negation(x, i, k);
        if (k == 3) v = idiom(x, i, v);
    }
    return v * least(x, i);
}

/* ---- the text ---- */
static double emphasis(int64_t exclamations, int64_t questions)
{
    double e = 0.292 * (double)(exclamations < 4 ? exclamations : 4);

    if (questions > 1) e += questions <= 3 ? 0.18 * (double)questions : 0.96;
    return e;
}

static bool some_in_capitals(const lexicon_item *w, int64_t n)
{
    int64_t upper = 0;

    for (int64_t i = 0; i < n; i++)
        upper += w[i].upper && !w[i].lower;
    return upper > 0 && upper < n;
}

double lexicon_compound(const lexicon_item *w, int64_t n, int64_t exclamations, int64_t questions)
{
    words x = {.w = w, .n = n, .capitals = some_in_capitals(w, n)};
    int64_t but = 0;
    double sum = 0, more_so = emphasis(exclamations, questions);

    while (but < n && !is(&x, but, "but"))
        but++;
    for (int64_t i = 0; i < n; i++) {
        double v = valence(&x, i);
        sum += but == n || i == but ? v : i < but ? v * 0.5 : v * 1.5;
    }
    if (sum > 0) sum += more_so;
    if (sum < 0) sum -= more_so;
    return sum / sqrt(sum * sum + 15);
}
