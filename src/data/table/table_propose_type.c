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
    static const char *const words[] = {"id",   "ids", "uuid", "guid", "key",
                                        "hash", "no",  "nr",   "ref",  NULL};

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
static bool is_time(guess_column *c)
{
    static const char *const dates[] = {"date", "day", "time", "datum", "data", NULL};
    int64_t best = 0;

    c->format = -1;
    for (int f = 0; crm_guess_formats[f]; f++) {
        bool plain = strcmp(crm_guess_formats[f], "%Y%m%d") == 0;
        if (c->time[f] <= best || c->time[f] < c->n - c->n / 50) continue;
        if (plain && !crm_guess_named(c->name, dates, false)) continue;
        best = c->time[f];
        c->format = f;
    }
    for (int f = c->format + 1; c->format >= 0 && crm_guess_formats[f]; f++) {
        const char *a = crm_guess_formats[c->format], *b = crm_guess_formats[f];
        c->other_way |= c->time[f] == best && strncmp(a, "%d", 2) == 0 && strncmp(b, "%m", 2) == 0;
    }
    return c->format >= 0;
}

static bool is_pair(const guess_column *c, const char *yes, const char *no)
{
    if (c->n_few != 2) return false;
    return (strcasecmp(c->few[0], yes) == 0 && strcasecmp(c->few[1], no) == 0) ||
           (strcasecmp(c->few[1], yes) == 0 && strcasecmp(c->few[0], no) == 0);
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

static void guess_number(guess_column *c, int64_t rows)
{
    int64_t numbers = c->point > c->comma ? c->point : c->comma;
    bool whole = c->whole == numbers, sequence;

    c->decimal_comma = c->comma > c->point;
    c->strange = numbers < c->n;
    sequence = c->unique && whole && c->max - c->min == (double)(rows - 1);
    if (sequence && is_row_name(c->name))
        set_ignore(c, "numbers the rows");
    else if (c->named_id && c->exponent > c->n / 2)
        set_ignore(c, "rounded by a spreadsheet, no key any more");
    else if (c->named_id && c->fraction == 0 && (c->unique || c->set.n > 50))
        c->type = CRM_FIELD_ID;
    else if (is_code_name(c->name) || c->zeros > c->n / 100)
        set_ignore(c, "a code, whose size means nothing; category, when it has few values");
    else
        c->type = whole ? CRM_FIELD_INTEGER : CRM_FIELD_REAL;
}

static void guess_text(guess_column *c)
{
    double words = (double)c->words / (double)c->n, bytes = (double)c->bytes / (double)c->n;
    bool often = c->set.n <= GUESS_LEVELS_MAX && (c->set.n <= c->n / 10 || c->set.n <= 2);

    if ((c->hex == c->n || (c->named_id && words < 1.5)) && !(often && c->set.n <= 20))
        c->type = CRM_FIELD_ID;
    else if (c->mail > c->n / 2)
        set_ignore(c, "e-mail addresses");
    else if ((words >= 6 || bytes >= 40) && c->set.n > 50)
        c->type = CRM_FIELD_TEXT;
    else if (often)
        c->type = CRM_FIELD_CATEGORY;
    else
        set_ignore(c, crm_guess_too_many);
}

void crm_guess_type(guess_column *c, int64_t rows)
{
    int64_t numbers = c->point > c->comma ? c->point : c->comma;

    c->unique = c->n == rows && rows > 1 && !c->set.full && c->set.n == rows;
    c->named_id = is_id_name(c->name);
    if (strlen(c->name) > NAME_MAX_BYTES)
        set_ignore(c, "its name is too long for a path");
    else if (c->n == 0)
        set_ignore(c, "empty");
    else if (c->n < rows / 10)
        set_ignore(c, "missing in more than nine of ten rows");
    else if (is_boolean(c))
        c->type = CRM_FIELD_BOOLEAN;
    else if (is_time(c))
        c->type = CRM_FIELD_TIME;
    else if (numbers == c->n || (numbers >= c->n - c->n / 50 && c->n_odd <= GUESS_FEW))
        guess_number(c, rows);
    else
        guess_text(c);
    if (c->set.n == 1 && c->type != CRM_FIELD_IGNORE && rows > 20) set_ignore(c, "one value only");
}
