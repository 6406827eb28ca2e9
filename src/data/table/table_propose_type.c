/* table_propose_type.c - the type of a column by what stands in it, and by its name. */
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "table_propose.h"

enum { NAME_MAX_BYTES = 200 };

/* ---- words of names ---- */
const char *crm_guess_word(const char *p, char out[32])
{
    size_t n = 0;

    while (*p && !isalnum((unsigned char)*p))
        p++;
    for (; *p && isalnum((unsigned char)*p); p++) {
        if (n > 0 && isupper((unsigned char)*p) && islower((unsigned char)p[-1])) break;
        if (n + 1 < 32) out[n++] = (char)tolower((unsigned char)*p);
    }
    out[n] = '\0';
    return p;
}

bool crm_guess_named(const char *name, const char *const *words, bool last)
{
    char word[32];
    bool found = false;

    for (const char *p = crm_guess_word(name, word); word[0]; p = crm_guess_word(p, word)) {
        bool is = false;
        for (int i = 0; words[i]; i++)
            is |= strcmp(word, words[i]) == 0;
        found = last ? is : found || is;
    }
    return found;
}

static bool is_id_name(const char *name)
{
    static const char *const words[] = {"id",      "ids",    "uuid",    "guid",   "key",
                                        "hash",    "no",     "nr",      "ref",    "customer",
                                        "account", "client", "member",  "person", "user",
                                        "patient", "kunde",  "cliente", NULL};

    return crm_guess_named(name, words, true);
}

/* Names of columns that number the rows. */
static bool is_row_name(const char *name)
{
    static const char *const words[] = {"row", "rownumber", "index", "unnamed", NULL};

    return !name[0] || crm_guess_named(name, words, false);
}

/* Numbers that count nothing: codes of places and telephones. */
static bool is_code_name(const char *name)
{
    static const char *const words[] = {"zip", "postal", "postcode",  "plz",
                                        "cep", "phone",  "telephone", NULL};

    return crm_guess_named(name, words, false);
}

const char crm_guess_too_many[] = "too many values for a category";

/* ---- types ---- */
/* Whole numbers are times by their name only, and as seconds since 1970 from 1985 to 2096. */
static bool may_be_time(const guess_column *c, const char *format)
{
    static const char *const dates[] = {"date", "day", "time", "datum", "data", NULL};
    static const char *const moments[] = {"date",  "time",    "timestamp", "ts",
                                          "epoch", "created", "updated",   "modified",
                                          "unix",  "at",      NULL};

    if (strcmp(format, "%Y%m%d") == 0) return crm_guess_named(c->name, dates, false);
    if (strcmp(format, "%s") != 0) return true;
    return crm_guess_named(c->name, moments, false) && c->as[0].min >= 5e8 && c->as[0].max <= 4e9;
}

static bool is_time(guess_column *c)
{
    int64_t best = 0;

    c->format = -1;
    for (int f = 0; crm_guess_formats[f]; f++) {
        if (c->time[f] <= best || c->time[f] < c->n - c->n / 10) continue;
        if (!may_be_time(c, crm_guess_formats[f])) continue;
        best = c->time[f];
        c->format = f;
    }
    for (int f = c->format + 1; c->format >= 0 && crm_guess_formats[f]; f++) {
        const char *a = crm_guess_formats[c->format], *b = crm_guess_formats[f];
        c->other_way |= c->time[f] == best && strncmp(a, "%d", 2) == 0 && strncmp(b, "%m", 2) == 0;
    }
    c->strange = c->format >= 0 && best < c->n;
    return c->format >= 0;
}

/* The two words, in any case. */
static bool is_pair(const guess_column *c, const char *yes, const char *no)
{
    int found[2] = {0};

    if (c->n_few > GUESS_FEW) return false;
    for (int i = 0; i < c->n_few; i++) {
        if (strcasecmp(c->few[i], yes) == 0)
            found[1]++;
        else if (strcasecmp(c->few[i], no) == 0)
            found[0]++;
        else
            return false;
    }
    return found[0] && found[1];
}

static bool is_boolean(guess_column *c)
{
    static const struct {
        const char *yes, *no;
        bool own; /* must be said */
    } pairs[] = {{"yes", "no", false}, {"true", "false", false}, {"y", "n", false},
                 {"t", "f", false},    {"1", "0", false},        {"1.0", "0.0", true},
                 {"ja", "nein", true}, {"j", "n", true},         {"sim", "nao", true},
                 {"s", "n", true},     {"si", "no", true},       {"oui", "non", true},
                 {"on", "off", true}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int yes;
        if (!is_pair(c, pairs[i].yes, pairs[i].no)) continue;
        if (pairs[i].own && c->n_few > 2) continue; /* they stand for themselves alone */
        yes = strcasecmp(c->few[0], pairs[i].yes) == 0 ? 0 : 1;
        if (pairs[i].own) {
            c->yes = c->few[yes];
            c->no = c->few[1 - yes];
        }
        return true;
    }
    return false;
}

static void set_ignore(guess_column *c, const char *why)
{
    c->type = CRM_FIELD_IGNORE;
    c->why = why;
}

/* Point or comma before the digits behind: what reads more.  Where both do, "1,234" in a file of
 * commas has a mark between thousands. */
static void choose_mark(guess_column *c, const guess_table *t)
{
    const guess_numbers *point = &c->as[0], *comma = &c->as[1];

    c->mark = comma->n > point->n;
    if (comma->n == point->n && comma->plain > point->plain) c->mark = t->sep != ',';
}

/* A number below all others that are not negative is no value. */
static int64_t find_sentinel(const guess_numbers *as)
{
    static const int64_t likely[] = {-99, -999, -9999, -99999, 0};
    int64_t below = 0;

    for (int i = 0; likely[i]; i++) {
        if (as->min != (double)likely[i]) continue;
        for (int64_t k = 0; k < as->n_sorted; k++) {
            if (as->sorted[k] < 0 && as->sorted[k] != as->min) return 0;
            below += as->sorted[k] < 0;
        }
        return below > 1 ? likely[i] : 0;
    }
    return 0;
}

/* Some texts among numbers mean that there is none. */
static bool is_number(const guess_column *c)
{
    int64_t n = c->as[c->mark].n;

    if (n == c->n) return true;
    if (c->n_odd > GUESS_FEW) return false;
    return n >= c->n - c->n / 50 || (n >= c->n * 4 / 5 && c->set.n > 24);
}

static bool is_often(const guess_column *c)
{
    return c->set.n <= GUESS_LEVELS_MAX && (c->set.n <= c->n / 10 || c->set.n <= 2);
}

static void guess_code(guess_column *c)
{
    enum { FEW_CODES = 100 };

    if (c->unique && !is_code_name(c->name))
        c->type = CRM_FIELD_ID;
    else if (is_often(c) && c->set.n <= FEW_CODES)
        c->type = CRM_FIELD_CATEGORY;
    else
        set_ignore(c, "a code, whose size means nothing; category, when it has few values");
}

static void guess_number(guess_column *c, int64_t rows)
{
    const guess_numbers *as = &c->as[c->mark];
    bool whole = as->whole == as->n, sequence;

    c->strange = as->n < c->n;
    sequence = c->unique && whole && as->max - as->min == (double)(rows - 1);
    if (sequence && is_row_name(c->name))
        set_ignore(c, "numbers the rows");
    else if (c->named_id && as->exponent > c->n / 2)
        set_ignore(c, "rounded by a spreadsheet, no key any more");
    else if (c->named_id && as->fraction == 0 && (c->unique || c->set.n > 50))
        c->type = CRM_FIELD_ID;
    else if (is_code_name(c->name) || as->zeros > c->n / 100)
        guess_code(c);
    else
        c->type = whole ? CRM_FIELD_INTEGER : CRM_FIELD_REAL;
    c->sentinel = find_sentinel(as);
}

static void guess_text(guess_column *c)
{
    double words = (double)c->words / (double)c->n, bytes = (double)c->bytes / (double)c->n;
    bool often = is_often(c);

    if ((c->hex == c->n || (c->named_id && words < 1.5)) && !(often && c->set.n <= 20))
        c->type = CRM_FIELD_ID;
    else if (c->mail > c->n / 2)
        set_ignore(c, "e-mail addresses");
    else if ((words >= 6 || bytes >= 40) && c->set.n > 50)
        c->type = CRM_FIELD_TEXT;
    else if (often)
        c->type = CRM_FIELD_CATEGORY;
    else if (c->dated >= (c->tried < GUESS_DATED ? c->tried : GUESS_DATED) * 9 / 10)
        set_ignore(c, "dates in several formats; make them one");
    else
        set_ignore(c, crm_guess_too_many);
    c->one_case = c->folded.n < c->set.n && c->set.n <= GUESS_FOLDED_MAX;
}

void crm_guess_type(guess_column *c, const guess_table *t)
{
    int64_t rows = t->rows - t->broken;

    c->unique = c->n == rows && rows > 1 && !c->set.full && c->set.n == rows;
    c->named_id = is_id_name(c->name);
    choose_mark(c, t);
    if (!c->name[0])
        set_ignore(c, "without a name");
    else if (strlen(c->name) > NAME_MAX_BYTES)
        set_ignore(c, "its name is too long for a path");
    else if (c->n == 0)
        set_ignore(c, "empty");
    else if (c->n < rows / 10)
        set_ignore(c, "missing in more than nine of ten rows");
    else if (is_boolean(c))
        c->type = CRM_FIELD_BOOLEAN;
    else if (is_time(c))
        c->type = CRM_FIELD_TIME;
    else if (is_number(c))
        guess_number(c, rows);
    else
        guess_text(c);
    if (c->set.n == 1 && c->type != CRM_FIELD_IGNORE && rows > 20) set_ignore(c, "one value only");
}
