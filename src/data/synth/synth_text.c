/* synth_text.c - compiles the grammar into a dictionary and codes, and expands it.
 *
 * A phrase is a row of codes: c >= 0 is word c of the dictionary, -1 the document's product, -2 the
 * customer's city, c <= -3 rule -3 - c.  Words are numbered in the order in which they first come.
 */
#include <stdbool.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "synth_impl.h"

enum { CODE_PRODUCT = -1, CODE_CITY = -2, CODE_RULE = -3 };
enum { WORDS_MAX = 2048, WORD_BYTES = 32, PHRASES_MAX = 1024, CODES_MAX = 8192 };

int crm_synth_lexicon_rule(const char *name)
{
    for (int i = 0; crm_synth_grammar[i].name; i++)
        if (strcmp(crm_synth_grammar[i].name, name) == 0) return i;
    return -1;
}

/* The names that stand for the phrases of a rule, else its own. */
static const char *const *phrases(const synth_rule *rule)
{
    if (strcmp(rule->name, "city") == 0) return crm_synth_cities;
    if (strcmp(rule->name, "product") == 0) return crm_synth_categories; /* products come first */
    return rule->phrase;
}

static int32_t word_code(synth_lexicon *x, const char *word)
{
    char *copy = x->text + (size_t)x->n_words * WORD_BYTES;

    for (int i = 0; i < x->n_words; i++)
        if (strcmp(x->word[i], word) == 0) return i;
    memcpy(copy, word, strlen(word) + 1);
    x->word[x->n_words] = copy;
    return x->n_words++;
}

static crm_status add_code(synth_lexicon *x, const char *item)
{
    int32_t code;

    CRM_ASSERT(x->n_codes < CODES_MAX && x->n_words < WORDS_MAX);
    if (strcmp(item, "@p") == 0) {
        code = CODE_PRODUCT;
    } else if (strcmp(item, "@c") == 0) {
        code = CODE_CITY;
    } else if (item[0] == '$') {
        int rule = crm_synth_lexicon_rule(item + 1);
        CRM_CHECK(rule >= 0, CRM_ERR_INTERNAL, "grammar has no rule '%s'", item + 1);
        code = CODE_RULE - rule;
    } else {
        code = word_code(x, item);
    }
    x->code[x->n_codes++] = code;
    return CRM_OK;
}

static crm_status add_phrase(synth_lexicon *x, const char *phrase)
{
    char item[WORD_BYTES];

    CRM_ASSERT(x->n_phrases < PHRASES_MAX);
    while (*phrase) {
        size_t n = strcspn(phrase, " ");
        CRM_ASSERT(n > 0 && n < sizeof item);
        memcpy(item, phrase, n);
        item[n] = '\0';
        CRM_TRY(add_code(x, item));
        phrase += n + (phrase[n] == ' ');
    }
    x->phrase_first[++x->n_phrases] = x->n_codes;
    return CRM_OK;
}

static crm_status compile(synth_lexicon *x)
{
    for (const synth_rule *rule = crm_synth_grammar; rule->name; rule++) {
        const char *const *phrase = phrases(rule);
        for (int i = 0; phrase[i]; i++)
            CRM_TRY(add_phrase(x, phrase[i]));
        x->rule_first[++x->n_rules] = x->n_phrases;
    }
    return CRM_OK;
}

crm_status crm_synth_lexicon_new(synth_lexicon *x)
{
    int rules = 0;

    while (crm_synth_grammar[rules].name)
        rules++;
    *x = (synth_lexicon){0};
    CRM_NEW(x->word, WORDS_MAX);
    CRM_NEW(x->text, WORDS_MAX * WORD_BYTES);
    CRM_NEW(x->rule_first, rules + 1);
    CRM_NEW(x->phrase_first, PHRASES_MAX + 1);
    CRM_NEW(x->code, CODES_MAX);
    return compile(x);
}

void crm_synth_lexicon_free(synth_lexicon *x)
{
    crm_mem_free(x->word);
    crm_mem_free(x->text);
    crm_mem_free(x->rule_first);
    crm_mem_free(x->phrase_first);
    crm_mem_free(x->code);
    *x = (synth_lexicon){0};
}

typedef struct saying {
    const synth_lexicon *lexicon;
    crm_rng *rng;
    synth_person *person;
    int product, city; /* phrases */
} saying;

static void expand(const saying *s, int phrase);

/* The product of the document or the city, a span of its own. */
static void name_entity(const saying *s, bool product)
{
    int from = s->person->n_tokens, type = product ? ENTITY_PRODUCT : ENTITY_PLACE;

    expand(s, product ? s->product : s->city);
    for (int i = from; i < s->person->n_tokens; i++)
        s->person->entity[i] = type + (i > from); /* B, then I */
}

static void expand(const saying *s, int phrase) // NOLINT: as deep as the grammar
{
    const synth_lexicon *x = s->lexicon;

    for (int i = x->phrase_first[phrase]; i < x->phrase_first[phrase + 1]; i++) {
        int32_t code = x->code[i];
        if (code >= 0) {
            if (s->person->n_tokens < SYNTH_TOKENS_MAX) {
                s->person->entity[s->person->n_tokens] = 0;
                s->person->token[s->person->n_tokens++] = code;
            }
        } else if (code > CODE_RULE) {
            name_entity(s, code == CODE_PRODUCT);
        } else {
            const int32_t *first = x->rule_first + (CODE_RULE - code);
            expand(s, first[0] + (int)crm_rng_below(s->rng, (uint64_t)(first[1] - first[0])));
        }
    }
}

void crm_synth_say(const synth_lexicon *x, crm_rng *r, synth_person *p, const synth_doc *d,
                   int rule)
{
    const int32_t *first = x->rule_first + rule;
    saying s = {x, r, p, x->rule_first[x->n_rules - 1] + d->product,
                x->rule_first[x->n_rules - 2] + p->cat[CAT_LOCATION]};

    expand(&s, first[0] + (int)crm_rng_below(r, (uint64_t)(first[1] - first[0])));
}
