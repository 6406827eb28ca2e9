/* rule_parse.c - the rules that a user writes.
 *
 *     rule   := "when" any "then" class [":" number]  |  "else" class [":" number]
 *     any    := all { "or" all }            all := one { "and" one }
 *     one    := "not" one  |  "(" any ")"  |  test
 *     test   := column sign value  |  column "is" ["not"] "missing"
 *            |  column ["not"] "in" "(" value { "," value } ")"
 *     sign   := "<"  "<="  ">"  ">="  "=" (or "==")  "!=" (or "<>")
 *
 * A word with blanks or signs in it stands in quotes (`a`, 'a' or "a"), or has underscores for its
 * blanks.  Keywords are taken in upper case too; a colon may follow "when".  The condition becomes
 * steps in postfix order as it is read. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rule_impl.h"

/* Parentheses and "not" inside each other; each may leave two values on the stack. */
enum { NESTING = 32 };
_Static_assert(2 * NESTING + 4 <= RULE_DEPTH, "what can be read can be computed");

typedef struct parser {
    const char *text, *at; /* of the rule, and what is not read yet */
    int number;            /* of the rule, from 1                    */
    int depth;
    rule_word word; /* the next one */
    const crm_schema *schema;
    const crm_target *target;
    rule_list *list;
} parser;

static crm_status fail(const parser *p, const rule_word *w, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static crm_status fail(const parser *p, const rule_word *w, const char *fmt, ...)
{
    char what[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    CRM_FAIL(CRM_ERR_CONFIG, "rule.rules: rule %d, character %d: %s", p->number, w->character,
             what);
}

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t sign_length(const char *s)
{
    static const char *const two[] = {"<=", ">=", "!=", "<>", "=="};

    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (s[0] == two[i][0] && s[1] == two[i][1]) return 2;
    return *s && strchr("<>=(),:", *s) ? 1 : 0;
}

/* Characters before the place in UTF-8, from 1. */
static int character_of(const parser *p, const char *at)
{
    int n = 1;

    for (const char *c = p->text; c < at; c++)
        n += ((unsigned char)*c & 0xC0) != 0x80;
    return n;
}

static crm_status quoted_word(parser *p)
{
    const char *end = strchr(p->at + 1, *p->at);

    if (!end) return fail(p, &p->word, "the quote %c is not closed", *p->at);
    p->word.kind = WORD_QUOTED;
    p->word.at = p->at + 1;
    p->word.n = (size_t)(end - p->word.at);
    p->at = end + 1;
    return CRM_OK;
}

/* The next word becomes p->word. */
static crm_status advance(parser *p)
{
    while (is_blank(*p->at))
        p->at++;
    p->word = (rule_word){.kind = WORD_END, .at = p->at, .character = character_of(p, p->at)};
    if (!*p->at) return CRM_OK;
    if (strchr("`'\"", *p->at)) return quoted_word(p);
    p->word.n = sign_length(p->at);
    p->word.kind = p->word.n ? WORD_SIGN : WORD_PLAIN;
    while (p->word.kind == WORD_PLAIN && p->word.at[p->word.n] &&
           !is_blank(p->word.at[p->word.n]) && p->word.at[p->word.n] != '`' &&
           !sign_length(p->word.at + p->word.n))
        p->word.n++;
    p->at += p->word.n;
    return CRM_OK;
}

static bool is_sign(const rule_word *w, const char *sign)
{
    return w->kind == WORD_SIGN && strlen(sign) == w->n && memcmp(w->at, sign, w->n) == 0;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_keyword(const rule_word *w, const char *keyword)
{
    if (w->kind != WORD_PLAIN || strlen(keyword) != w->n) return false;
    for (size_t i = 0; i < w->n; i++)
        if (lower((unsigned char)w->at[i]) != keyword[i]) return false;
    return true;
}

static bool is_any_keyword(const rule_word *w)
{
    static const char *const all[] = {"when", "then", "else", "and", "or", "not", "is", "in"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (is_keyword(w, all[i])) return true;
    return false;
}

/* What a message shows of a word. */
static const char *shown(const rule_word *w, char out[64])
{
    if (w->kind == WORD_END)
        snprintf(out, 64, "the end of the rule");
    else
        snprintf(out, 64, "'%.*s%s'", (int)(w->n < 48 ? w->n : 48), w->at, w->n > 48 ? "..." : "");
    return out;
}

static crm_status unexpected(const parser *p, const char *needed)
{
    char buf[64];

    return fail(p, &p->word, "%s stands where %s is needed", shown(&p->word, buf), needed);
}

/* Go past a sign or keyword that must be there. */
static crm_status expect(parser *p, const char *what)
{
    char needed[32];

    snprintf(needed, sizeof needed, "'%s'", what);
    if (!is_sign(&p->word, what) && !is_keyword(&p->word, what)) return unexpected(p, needed);
    return advance(p);
}

/* A name or value: *w, and on to the word behind it. */
static crm_status take_word(parser *p, const char *needed, rule_word *w)
{
    if (p->word.kind != WORD_QUOTED && (p->word.kind != WORD_PLAIN || is_any_keyword(&p->word)))
        return unexpected(p, needed);
    *w = p->word;
    return advance(p);
}

/* ---- names ---- */

/* What a test is on: a numeric column, or a categorical one; -1 both without a schema. */
typedef struct column {
    rule_word word;
    int num, cat;
} column;

static crm_status no_column(const parser *p, const rule_word *w)
{
    const crm_schema *s = p->schema;
    crm_str near = {0};
    char buf[64];
    crm_status st;

    rule_suggest(s->num_name, s->n_num, s->cat_name, s->n_cat, w, &near);
    st = fail(p, w, "%s is no column of the data%s", shown(w, buf), near.text ? near.text : "");
    crm_str_free(&near);
    return st;
}

static crm_status find_column(const parser *p, column *c)
{
    const crm_schema *s = p->schema;
    char buf[64];

    c->num = c->cat = -1;
    if (!s) return CRM_OK;
    c->num = rule_find_name(s->num_name, s->n_num, &c->word);
    c->cat = rule_find_name(s->cat_name, s->n_cat, &c->word);
    if (c->num == -2 || c->cat == -2 || (c->num >= 0 && c->cat >= 0))
        return fail(p, &c->word,
                    "%s fits several columns; write the one that is meant in backquotes",
                    shown(&c->word, buf));
    return c->num < 0 && c->cat < 0 ? no_column(p, &c->word) : CRM_OK;
}

static crm_status no_level(const parser *p, const column *c, const rule_word *w)
{
    const crm_schema *s = p->schema;
    crm_str near = {0};
    char buf[64];
    crm_status st;

    if (s->level && s->level[c->cat])
        rule_suggest(s->level[c->cat], s->n_levels[c->cat], NULL, 0, w, &near);
    st = fail(p, w, "%s is no level of column '%s'%s", shown(w, buf), s->cat_name[c->cat],
              near.text ? near.text : "");
    crm_str_free(&near);
    return st;
}

/* Levels without names are named by their numbers. */
static crm_status find_level(const parser *p, const column *c, const rule_word *w, int32_t *level)
{
    const crm_schema *s = p->schema;
    bool named = s->level && s->level[c->cat];
    int64_t code = -1;

    if (named) code = rule_find_name(s->level[c->cat], s->n_levels[c->cat], w);
    if (!named && !crm_parse_i64(w->at, w->n, &code)) code = -1;
    if (code < 0 || code >= s->n_levels[c->cat]) return no_level(p, c, w);
    *level = (int32_t)code;
    return CRM_OK;
}

static crm_status find_class(const parser *p, const rule_word *w, int *class)
{
    const crm_target *t = p->target;
    crm_str near = {0};
    char buf[64];
    crm_status st;

    *class = t ? rule_find_name(t->class_name, t->n_classes, w) : 0;
    if (*class >= 0) return CRM_OK;
    rule_suggest(t->class_name, t->n_classes, NULL, 0, w, &near);
    st = fail(p, w, "%s is no class of target '%s'%s", shown(w, buf), t->name,
              near.text ? near.text : "");
    crm_str_free(&near);
    return st;
}

/* ---- conditions ---- */

static crm_status add(parser *p, int op)
{
    return rule_list_step(p->list, (rule_step){.op = op});
}

/* A number as the data hold it. */
static float cut_of(double v)
{
    return v > (double)FLT_MAX    ? (float)INFINITY
           : v < -(double)FLT_MAX ? (float)-INFINITY
                                  : (float)v;
}

/* column op value; equal and not equal are there for levels too. */
static crm_status add_test(parser *p, const column *c, int op, const rule_word *value)
{
    rule_step s = {.op = op, .column = c->num};
    char a[64], b[64];
    double v = 0;

    if (c->cat >= 0) {
        if (op != RULE_EQ && op != RULE_NE)
            return fail(p, &c->word, "%s holds levels, not numbers: =, != or in are needed",
                        shown(&c->word, a));
        s = (rule_step){.op = op == RULE_EQ ? RULE_LEVEL : RULE_NOT_LEVEL, .column = c->cat};
        CRM_TRY(find_level(p, c, value, &s.level));
    } else if (c->num >= 0 || (op != RULE_EQ && op != RULE_NE)) {
        if (!crm_parse_f64(value->at, value->n, &v))
            return fail(p, value, "%s is no number, which column %s is compared with",
                        shown(value, a), shown(&c->word, b));
        s.cut = cut_of(v);
    }
    return rule_list_step(p->list, s);
}

static crm_status read_comparison(parser *p, const column *c)
{
    static const struct {
        const char *sign;
        int op;
    } signs[] = {{"<", RULE_LT}, {"<=", RULE_LE}, {">", RULE_GT},  {">=", RULE_GE},
                 {"=", RULE_EQ}, {"==", RULE_EQ}, {"!=", RULE_NE}, {"<>", RULE_NE}};
    size_t i = 0, n = sizeof signs / sizeof *signs;
    rule_word value;

    while (i < n && !is_sign(&p->word, signs[i].sign))
        i++;
    if (i == n) return unexpected(p, "a comparison, 'is missing' or 'in (...)'");
    CRM_TRY(advance(p));
    CRM_TRY(take_word(p, "a value", &value));
    return add_test(p, c, signs[i].op, &value);
}

static crm_status read_missing(parser *p, const column *c)
{
    bool negated;

    CRM_TRY(advance(p)); /* is */
    negated = is_keyword(&p->word, "not");
    if (negated) CRM_TRY(advance(p));
    CRM_TRY(expect(p, "missing"));
    if (c->cat >= 0)
        CRM_TRY(
            rule_list_step(p->list, (rule_step){.op = RULE_LEVEL, .column = c->cat, .level = -1}));
    else
        CRM_TRY(rule_list_step(p->list, (rule_step){.op = RULE_MISSING, .column = c->num}));
    return negated ? add(p, RULE_NOT) : CRM_OK;
}

/* One of the values; or, with all present, none of them. */
static crm_status read_in(parser *p, const column *c, bool negated)
{
    rule_word value;
    int n = 0;

    CRM_TRY(expect(p, "in"));
    CRM_TRY(expect(p, "("));
    do {
        if (n > 0) CRM_TRY(advance(p)); /* the comma */
        CRM_TRY(take_word(p, "a value", &value));
        CRM_TRY(add_test(p, c, negated ? RULE_NE : RULE_EQ, &value));
        if (n++ > 0) CRM_TRY(add(p, negated ? RULE_AND : RULE_OR));
    } while (is_sign(&p->word, ","));
    return expect(p, ")");
}

static crm_status read_test(parser *p)
{
    column c;

    CRM_TRY(take_word(p, "a column", &c.word));
    CRM_TRY(find_column(p, &c));
    if (is_keyword(&p->word, "is")) return read_missing(p, &c);
    if (is_keyword(&p->word, "in")) return read_in(p, &c, false);
    if (!is_keyword(&p->word, "not")) return read_comparison(p, &c);
    CRM_TRY(advance(p));
    return read_in(p, &c, true);
}

static crm_status read_any(parser *p);

static crm_status read_one(parser *p)
{
    bool negated = is_keyword(&p->word, "not");

    if (!negated && !is_sign(&p->word, "(")) return read_test(p);
    if (p->depth == NESTING)
        return fail(p, &p->word, "more than %d parentheses or 'not' inside each other", NESTING);
    p->depth++;
    CRM_TRY(advance(p));
    if (negated) {
        CRM_TRY(read_one(p));
        CRM_TRY(add(p, RULE_NOT));
    } else {
        CRM_TRY(read_any(p));
        CRM_TRY(expect(p, ")"));
    }
    p->depth--;
    return CRM_OK;
}

static crm_status read_all(parser *p)
{
    CRM_TRY(read_one(p));
    while (is_keyword(&p->word, "and")) {
        CRM_TRY(advance(p));
        CRM_TRY(read_one(p));
        CRM_TRY(add(p, RULE_AND));
    }
    return CRM_OK;
}

static crm_status read_any(parser *p)
{
    CRM_TRY(read_all(p));
    while (is_keyword(&p->word, "or")) {
        CRM_TRY(advance(p));
        CRM_TRY(read_all(p));
        CRM_TRY(add(p, RULE_OR));
    }
    return CRM_OK;
}

/* ---- rules ---- */

static crm_status read_probability(parser *p, double *given)
{
    rule_word w;
    char buf[64];

    *given = -1;
    if (!is_sign(&p->word, ":")) return CRM_OK;
    CRM_TRY(advance(p));
    CRM_TRY(take_word(p, "a probability", &w));
    if (!crm_parse_f64(w.at, w.n, given) || *given < 0 || *given > 1)
        return fail(p, &w, "%s is no probability, a number from 0 to 1", shown(&w, buf));
    return CRM_OK;
}

static crm_status read_class(parser *p, int *says, double *given)
{
    rule_word w;

    CRM_TRY(take_word(p, "a class", &w));
    CRM_TRY(find_class(p, &w, says));
    CRM_TRY(read_probability(p, given));
    return p->word.kind == WORD_END ? CRM_OK : unexpected(p, "the end of the rule");
}

static crm_status read_rule(parser *p, bool *rest)
{
    int says = -1;
    double given;

    CRM_TRY(advance(p));
    *rest = is_keyword(&p->word, "else");
    if (!*rest && !is_keyword(&p->word, "when")) return unexpected(p, "'when' or 'else'");
    CRM_TRY(advance(p));
    if (!*rest) {
        if (is_sign(&p->word, ":")) CRM_TRY(advance(p));
        CRM_TRY(read_any(p));
        if (!is_keyword(&p->word, "then")) return unexpected(p, "'then'");
        CRM_TRY(advance(p));
    }
    CRM_TRY(read_class(p, &says, &given));
    if (*rest) {
        p->list->line[p->list->n].says = says;
        p->list->line[p->list->n].given = given;
    } else {
        rule_list_end(p->list, says, given);
    }
    return CRM_OK;
}

static crm_status read_rules(const crm_opt_list *rules, const crm_schema *s, const crm_target *t,
                             rule_list *out)
{
    bool rest = false;

    CRM_TRY(rule_list_new(rules->n, out));
    for (int i = 0; i < rules->n; i++) {
        parser p = {.text = rules->item[i],
                    .at = rules->item[i],
                    .number = i + 1,
                    .schema = s,
                    .target = t,
                    .list = out};
        CRM_CHECK(!rest, CRM_ERR_CONFIG,
                  "rule.rules: rule %d stands behind the rule 'else' which must be the last",
                  i + 1);
        CRM_TRY(read_rule(&p, &rest));
    }
    return CRM_OK;
}

crm_status rule_parse(const crm_opt_list *rules, const crm_schema *s, const crm_target *t,
                      rule_list *out)
{
    crm_status st;

    *out = (rule_list){.n = 0};
    st = read_rules(rules, s, t, out);
    if (st || !s) rule_list_free(out);
    return st;
}
