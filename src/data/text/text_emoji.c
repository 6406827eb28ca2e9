/* text_emoji.c - emoji (Unicode Technical Standard 51: emoji_sequence, with flags of two letters
 * or of tags) and emoticons of ASCII.  Texts end with a 0, at which every search stops. */
#include <string.h>

#include "text_impl.h"

/* Bytes of the modifiers of a pictograph: variation selectors, colours of skin, a keycap. */
static size_t modifiers(const unsigned char *s)
{
    size_t n = 0, used;

    for (;; n += used) {
        uint32_t c = text_next(s + n, &used);
        if (c != TEXT_PICTURE && c != 0xFE0E && c != TEXT_KEYCAP && !text_is_modifier(c) &&
            !text_is_tag(c))
            return n;
    }
}

/* "1" and its frame. */
static size_t keycap(const unsigned char *s)
{
    size_t used, n = 1;

    if (text_next(s + n, &used) == TEXT_PICTURE) n += used;
    return text_next(s + n, &used) == TEXT_KEYCAP ? n + used : 0;
}

size_t text_emoji(const unsigned char *s)
{
    size_t used, n;
    uint32_t c;
    text_class k;

    if (s[0] == '\0') return 0;
    if (s[0] < 128)
        return (s[0] >= '0' && s[0] <= '9') || s[0] == '#' || s[0] == '*' ? keycap(s) : 0;
    k = text_class_of(text_next(s, &n));
    if (k == TEXT_FLAG) {
        c = text_next(s + n, &used);
        return text_class_of(c) == TEXT_FLAG ? n + used : n;
    }
    if (k != TEXT_EMOJI) return 0;
    n += modifiers(s + n);
    while (text_next(s + n, &used) == TEXT_ZWJ) {
        size_t next = n + used;
        c = text_next(s + next, &used);
        if (text_class_of(c) != TEXT_EMOJI) break;
        n = next + used + modifiers(s + next + used);
    }
    return n;
}

static bool is_word(unsigned char c)
{
    return text_ascii[c] == TEXT_LETTER || text_ascii[c] == TEXT_DIGIT;
}

static bool is_one_of(unsigned char c, const char *set)
{
    return c && strchr(set, c);
}

/* Faces that are no eyes with a mouth. */
static size_t special(const unsigned char *s, bool after_word)
{
    static const char *const face[] = {"</3", "<3",  "^_^", "^-^", "-_-", "T_T", "o_O",
                                       "O_o", "O_O", "o_o", "XD",  "xD",  "^^"};

    for (size_t i = 0; i < sizeof face / sizeof *face; i++) {
        size_t n = strlen(face[i]);
        bool letters = is_word((unsigned char)face[i][0]);
        if (strncmp((const char *)s, face[i], n) != 0) continue;
        if ((letters && after_word) || (is_word((unsigned char)face[i][n - 1]) && is_word(s[n])))
            continue;
        return n;
    }
    return 0;
}

/* ":-)", ";D", "=(", ":'(" with the mouth repeated: ":)))". */
size_t text_emoticon(const unsigned char *s, bool after_word)
{
    const char *mouth = s[0] == '=' ? ")(DPp" : ")(][DdPp/\\|}{@OoSsXx*3$";
    size_t n = 1, first;

    if (!is_one_of(s[0], ":;=")) return is_one_of(s[0], "<^-ToOXx") ? special(s, after_word) : 0;
    if (is_one_of(s[n], "-'^o~*") && is_one_of(s[n + 1], mouth)) n++;
    if (!is_one_of(s[n], mouth)) return 0;
    if (is_word(s[n]) && (after_word || is_word(s[n + 1]))) return 0;
    if (after_word && is_word(s[n + 1])) return 0; /* "note:(see below)" */
    if (s[n] == '/' && (s[n + 1] == '/' || is_word(s[n + 1]))) return 0;
    for (first = n; is_one_of(s[first], ")(") && s[n + 1] == s[first];)
        n++;
    return n + 1;
}
