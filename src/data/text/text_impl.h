/* text_impl.h - shared by the files of room text only. */
#ifndef CRM_TEXT_IMPL_H
#define CRM_TEXT_IMPL_H

#include <stdbool.h>

#include "crmpi/text.h"

enum { TEXT_FAULT = 0xFFFD }; /* stands for bytes that are no character */

/* What a character is to the splitter. */
typedef enum text_class {
    TEXT_SPACE,    /* white space and control characters                        */
    TEXT_LETTER,   /* also parts of words of other kinds                        */
    TEXT_DIGIT,    /* any number                                                */
    TEXT_MARK,     /* goes with the letter before it                            */
    TEXT_ALONE,    /* letter of a script without spaces: a token of its own     */
    TEXT_EMOJI,    /* pictograph                                                */
    TEXT_FLAG,     /* regional indicator: two are a flag                        */
    TEXT_CURRENCY, /* a sign that numbers may have                              */
    TEXT_SIGN,     /* any other: punctuation and symbols                        */
    TEXT_NOTHING   /* left out: soft hyphens, directions                        */
} text_class;

enum {
    TEXT_KEYCAP = 0x20E3,
    TEXT_PICTURE = 0xFE0F,   /* variation selector: shown as a picture */
    TEXT_ZWJ = 0x200D,       /* joins emoji                            */
    TEXT_FLAG_BASE = 0x1F3F4 /* a black flag, which tags may follow    */
};

/* text_chars.c */
/** The next character of at least 1 byte; *used bytes of it.  TEXT_FAULT and *bad = true for bytes
 * that are no character. */
uint32_t text_decode(const unsigned char *s, size_t len, size_t *used, bool *bad);
/** As decode, of text that is known to be UTF-8. */
uint32_t text_next(const unsigned char *s, size_t *used);
/** UTF-8 of a character, 1 to 4 bytes; returns their number. */
size_t text_encode(uint32_t c, char out[4]);
extern const uint8_t text_ascii[256]; /* text_class of ASCII; TEXT_NOTHING from 128 on */
text_class text_class_of(uint32_t c);
bool text_is_tag(uint32_t c);
/** Characters U+1F3FB .. U+1F3FF: colours of skin. */
bool text_is_modifier(uint32_t c);
/** A character with which a piece of text can be put into normal form by itself, and one that is in
 * it already. */
bool text_is_starter(uint32_t c);
bool text_is_plain(uint32_t c);

/* text_clean.c */
enum { TEXT_CLEAN_LOCAL = 4096 };
/** Text in NFC without markup and faults, every space ' ', followed by a 0. */
typedef struct text_clean {
    unsigned char *s; /* local or of its own */
    size_t n;
    int64_t faults;
    unsigned char local[TEXT_CLEAN_LOCAL];
} text_clean;
CRM_CHECKED text_clean_make(const char *text, size_t len, text_clean *out);
void text_clean_free(text_clean *c);

/* text_markup.c */
/** Bytes of the tag or comment that begins at s[0] = '<'; 0: none does. */
size_t text_tag(const unsigned char *s, size_t len);
/** Bytes of "<mail>" and the other marks that stand for what was taken out of a text; 0: none. */
size_t text_mark(const unsigned char *s, size_t len);
/** Bytes of the character reference that begins at s[0] = '&', and its character; 0: none does. */
size_t text_reference(const unsigned char *s, size_t len, uint32_t *c);

/* text_emoji.c: in clean text */
/** Bytes of the emoji at s; 0: there is none. */
size_t text_emoji(const unsigned char *s);
/** Bytes of the emoticon at s; after_word: what stands before is a letter or digit. */
size_t text_emoticon(const unsigned char *s, bool after_word);

/* text_split.c */
/** Bytes of the URL or e-mail address at s[0 .. n), 0: none; the letters have any case. */
size_t text_url(const unsigned char *s, size_t n);
size_t text_mail(const unsigned char *s, size_t n);

/* text_lists.c: words in lower case, NFC, each list ends with NULL */
typedef struct text_language {
    const char *stemmer; /* name of libstemmer's algorithm */
    const char *const *stop, *const *negator;
} text_language;
extern const text_language text_languages[]; /* [CRM_TEXT_LANGUAGE_COUNT]; none: all NULL */
typedef struct text_contraction {
    const char *from, *to;
} text_contraction;
extern const text_contraction text_contractions[]; /* of English clitics; ends with NULL */
extern const text_contraction text_hosts[];        /* what stands before "n't": "wo" -> "will" */

/* text_words.c: a word after the other through the options */
enum { TEXT_WORD_MAX = 1024, TEXT_FORM_MAX = 4096 };
enum {
    TEXT_IS_NEGATOR = 1,
    TEXT_IS_WORD = 2,
    TEXT_IS_END = 4, /* a clause ends or begins: what was negated before is no more */
    TEXT_IS_HOST = 8,
    TEXT_IS_NT = 16,
    TEXT_IS_PAUSE = 32 /* dots: an end, but a mere pause right behind what negates */
};
typedef struct text_words text_words; /* options made ready; not thread-safe */
CRM_CHECKED text_words_new(const crm_text_cfg *cfg, text_words **out);
void text_words_free(text_words **w);
/** Form of a token in out; false: it has none.  *flags: TEXT_IS_...  fn may be NULL.
 *  @param host [out] TEXT_FORM_MAX bytes: the form before "n't", where TEXT_IS_HOST; may be NULL */
bool text_words_form(text_words *w, const char *token, char out[TEXT_FORM_MAX], int *flags,
                     char *host, crm_forms_step_fn fn, void *ctx);
/** What comes behind the next word, NULL: nothing. */
void text_words_before(text_words *w, const char *next);
/** Stop words of the options as they are compared: their number and texts, the words'. */
int64_t text_words_stop(const text_words *w, const char *const **word);

#endif
