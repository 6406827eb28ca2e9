/* table_time.c - texts as times: seconds since 1970-01-01 00:00:00 UTC in the Gregorian calendar.
 *
 * A format is made ready once: a list of items, each a literal byte or a number.  Where all numbers
 * of a text have their full width, each stands at a known place.  Neither locale nor time zone of
 * the machine matters: names of months are the English ones.
 *
 * Days of a date: H. Hinnant, chrono-compatible low-level date algorithms (days_from_civil). */
#include <stdio.h>
#include <string.h>

#include "table_scan.h"

enum { DAY = 86400 };

typedef struct parts {
    int64_t stamp;
    bool has_stamp, afternoon, half; /* half: %p was there, hours count to 12 */
    int year, month, day, hour, minute, second, day_of_year, offset;
} parts;

static bool leap(int y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

static int days_in(int year, int month)
{
    static const unsigned char N[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return N[month] + (month == 2 && leap(year));
}

/* Days since 1970-01-01. */
static int64_t days_of(int y, int m, int d)
{
    int64_t year = m <= 2 ? y - 1 : y;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool finish(parts *p, int64_t *out)
{
    if (p->has_stamp) {
        *out = p->stamp;
        return true;
    }
    if (p->half) {
        if (p->hour < 1 || p->hour > 12) return false;
        p->hour = p->hour % 12 + (p->afternoon ? 12 : 0);
    }
    if (p->year < 1 || p->year > 9999 || p->hour > 23 || p->minute > 59 || p->second > 59)
        return false;
    if (p->day_of_year > 0) {
        if (p->day_of_year > 365 + leap(p->year)) return false;
        *out = days_of(p->year, 1, 1) + p->day_of_year - 1;
    } else {
        if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > days_in(p->year, p->month))
            return false;
        *out = days_of(p->year, p->month, p->day);
    }
    *out = *out * DAY + p->hour * 3600 + p->minute * 60 + p->second - p->offset;
    return true;
}

/* ---- pieces of a text ---- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Up to most digits, at least one. */
static bool number(const char **p, const char *end, int most, int *out)
{
    int v = 0, n = 0;

    for (; n < most && *p < end && **p >= '0' && **p <= '9'; n++)
        v = 10 * v + (*(*p)++ - '0');
    *out = v;
    return n > 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The number of the name that stands at *p, whole or its first three letters; -1. */
static int name_at(const char **p, const char *end, const char *const *name, int n)
{
    for (int k = 0; k < n; k++) {
        size_t whole = strlen(name[k]), left = (size_t)(end - *p), i = 0;
        while (i < whole && i < left && lower((*p)[i]) == lower(name[k][i]))
            i++;
        if (i < whole && i < 3) continue;
        *p += i == whole ? whole : 3;
        return k;
    }
    return -1;
}

static bool month_name(const char **p, const char *end, int *month)
{
    static const char *const NAME[] = {"January",   "February", "March",    "April",
                                       "May",       "June",     "July",     "August",
                                       "September", "October",  "November", "December"};

    *month = 1 + name_at(p, end, NAME, 12);
    return *month > 0;
}

static bool day_name(const char **p, const char *end)
{
    static const char *const NAME[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

    return name_at(p, end, NAME, 7) >= 0;
}

/* "Z", "+hh", "+hhmm" or "+hh:mm". */
static bool zone(const char **p, const char *end, int *offset)
{
    int hours = 0, minutes = 0;
    bool minus, colon, two;

    if (*p < end && (**p == 'Z' || **p == 'z')) {
        ++*p;
        return true;
    }
    if (*p >= end || (**p != '+' && **p != '-')) return false;
    minus = *(*p)++ == '-';
    if (end - *p < 2 || !is_digit((*p)[0]) || !is_digit((*p)[1])) return false;
    number(p, *p + 2, 2, &hours);
    colon = *p < end && **p == ':';
    if (colon) ++*p;
    two = end - *p >= 2 && is_digit((*p)[0]) && is_digit((*p)[1]);
    if (colon && !two) return false;
    if (two) number(p, *p + 2, 2, &minutes);
    if (hours > 18 || minutes > 59) return false;
    *offset = (minus ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

static bool stamp(const char **p, const char *end, parts *x)
{
    const char *first = *p;

    if (*p < end && **p == '-') ++*p;
    while (*p < end && **p >= '0' && **p <= '9')
        ++*p;
    x->has_stamp = true;
    return *p - first <= 13 && crm_table_whole(first, (size_t)(*p - first), &x->stamp);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool half_day(const char **p, const char *end, parts *x)
{
    if (end - *p < 2 || lower((*p)[1]) != 'm') return false;
    if (lower(**p) != 'a' && lower(**p) != 'p') return false;
    x->half = true;
    x->afternoon = lower(**p) == 'p';
    *p += 2;
    return true;
}

static bool short_year(const char **p, const char *end, int *year)
{
    if (!number(p, end, 2, year)) return false;
    *year += *year < 69 ? 2000 : 1900; /* as POSIX says */
    return true;
}

static bool take(const table_time_item *item, const char **p, const char *end, parts *x)
{
    int unused;

    switch (item->what) {
    case 0:
        return *p < end && (unsigned char)*(*p)++ == item->byte;
    case ' ':
        while (*p < end && is_blank(**p))
            ++*p;
        return true;
    case 'Y':
        return number(p, end, 4, &x->year);
    case 'y':
        return short_year(p, end, &x->year);
    case 'm':
        return number(p, end, 2, &x->month);
    case 'd':
        return number(p, end, 2, &x->day);
    case 'H':
        return number(p, end, 2, &x->hour);
    case 'M':
        return number(p, end, 2, &x->minute);
    case 'S':
        return number(p, end, 2, &x->second);
    case 'j':
        return number(p, end, 3, &x->day_of_year) && x->day_of_year > 0;
    case 'f':
        return number(p, end, 9, &unused);
    case 'b':
        return month_name(p, end, &x->month);
    case 'a':
        return day_name(p, end);
    case 'p':
        return half_day(p, end, x);
    case 'z':
        return zone(p, end, &x->offset);
    default:
        return stamp(p, end, x); /* 's' */
    }
}

/* ---- formats ---- */
static bool add_item(table_time *t, char what, char byte)
{
    enum { MOST = sizeof t->item / sizeof *t->item };
    int width = what == 0 || what == ' ' ? 1 : what == 'Y' ? 4 : strchr("ymdHMS", what) ? 2 : 0;

    if (t->n == MOST) return false;
    t->item[t->n++] = (table_time_item){what, (unsigned char)byte, (unsigned char)t->width};
    t->width = width == 0 || t->width < 0 ? -1 : t->width + width;
    return true;
}

static bool add_directive(table_time *t, char c)
{
    static const struct {
        char name;
        const char *means;
    } WHOLE[] = {{'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'R', "%H:%M"}, {'D', "%m/%d/%y"}};

    for (size_t k = 0; k < sizeof WHOLE / sizeof *WHOLE; k++)
        if (c == WHOLE[k].name) {
            for (const char *f = WHOLE[k].means; *f; f++)
                if (!(*f == '%' ? add_item(t, *++f, 0) : add_item(t, 0, *f))) return false;
            return true;
        }
    if (c == '%') return add_item(t, 0, '%');
    if (c == 'n' || c == 't') return add_item(t, ' ', 0);
    if (c == 'h' || c == 'B') c = 'b';
    if (c == 'A') c = 'a';
    if (c == 'e') c = 'd';
    if (c == 'I' || c == 'k' || c == 'l') c = 'H';
    return c && strchr("YymdHMSjfbapzs", c) && add_item(t, c, 0);
}

static bool add_items(const char *format, table_time *t)
{
    t->n = t->width = 0;
    for (const char *f = format; *f; f++) {
        bool good = *f == '%'      ? add_directive(t, *++f)
                    : is_blank(*f) ? add_item(t, ' ', 0)
                                   : add_item(t, 0, *f);
        if (!good) return false;
    }
    return t->n > 0;
}

static void fix_byte(table_time_fixed *f, int at, bool known, unsigned char byte)
{
    int word = at / 8, shift = at % 8 * 8;

    if (known) {
        f->known[word] |= (uint64_t)byte << shift;
        f->is_known[word] |= (uint64_t)0xFF << shift;
    } else {
        f->is_digit[word] |= (uint64_t)0xFF << shift;
    }
}

/* The items as a text of one length, if they are that. */
static void fix(const table_time *t, table_time_fixed *f)
{
    static const char PART[] = "YmdHMS";

    *f = (table_time_fixed){.at = {-1, -1, -1, -1, -1, -1}};
    if (t->width < 0 || t->width > 8 * TABLE_TIME_WORDS) return;
    for (int k = 0; k < t->n; k++) {
        const table_time_item *item = &t->item[k];
        bool known = item->what == 0 || item->what == ' ';
        const char *part = known ? NULL : strchr(PART, item->what);
        int width = known ? 1 : item->what == 'Y' ? 4 : 2;
        if (!known && (!part || f->at[part - PART] >= 0)) return;
        if (part) f->at[part - PART] = item->at;
        for (int i = 0; i < width; i++)
            fix_byte(f, item->at + i, known, item->what ? ' ' : item->byte);
    }
    if (f->at[0] >= 0) f->width = (size_t)t->width;
}

bool crm_table_time_make(const char *format, table_time *t)
{
    static const char *const ISO[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};

    *t = (table_time){.iso = strcmp(format, "iso") == 0};
    for (int k = 0; k < 3 && t->iso; k++) {
        if (!add_items(ISO[k], t)) return false;
        fix(t, &t->fixed[k]);
    }
    if (t->iso) return true;
    if (!add_items(format, t)) return false;
    fix(t, &t->fixed[0]);
    return true;
}

/* ---- texts ---- */
/* "YYYY-MM-DD", then nothing, or " " or "T" and "hh:mm[:ss[.f...]]" and a zone. */
static bool read_iso(const char *p, const char *end, int64_t *out)
{
    parts x = {0};
    int unused;

    if (end - p < 10 || p[4] != '-' || p[7] != '-') return false;
    for (int i = 0; i < 10; i++)
        if (i != 4 && i != 7 && (p[i] < '0' || p[i] > '9')) return false;
    x.year = (p[0] - '0') * 1000 + (p[1] - '0') * 100 + (p[2] - '0') * 10 + p[3] - '0';
    x.month = (p[5] - '0') * 10 + p[6] - '0';
    x.day = (p[8] - '0') * 10 + p[9] - '0';
    p += 10;
    if (p == end) return finish(&x, out);
    if (*p != ' ' && *p != 'T' && *p != 't') return false;
    p++;
    if (!number(&p, end, 2, &x.hour) || p == end || *p++ != ':' || !number(&p, end, 2, &x.minute))
        return false;
    if (p < end && *p == ':') {
        p++;
        if (!number(&p, end, 2, &x.second)) return false;
        if (p < end && (*p == '.' || *p == ',')) {
            p++;
            if (!number(&p, end, 9, &unused)) return false;
        }
    }
    if (p < end && !zone(&p, end, &x.offset)) return false;
    return p == end && finish(&x, out);
}

/* Two digits at p. */
static int pair(const char *p, int at, int absent)
{
    return at < 0 ? absent : 10 * (p[at] & 15) + (p[at + 1] & 15);
}

/* Bytes are compared eight at a time: those known, and digits, which are 0 to 9 without the bits of
 * '0'. */
static bool read_fixed(const table_time_fixed *f, const char *p, int64_t *out)
{
    const uint64_t zeros = 0x3030303030303030u, more = 0x7676767676767676u;
    uint64_t wrong = 0;
    parts x = {0};

    for (int k = 0; k < TABLE_TIME_WORDS; k++) {
        uint64_t w, digit;
        memcpy(&w, p + 8 * k, sizeof w);
        wrong |= (w ^ f->known[k]) & f->is_known[k];
        digit = (w ^ zeros) & f->is_digit[k];
        wrong |= (digit | (digit + more)) & f->is_digit[k] & 0x8080808080808080u;
    }
    if (wrong) return false;
    x.year = 100 * pair(p, f->at[0], 0) + pair(p, f->at[0] + 2, 0);
    x.month = pair(p, f->at[1], 1);
    x.day = pair(p, f->at[2], 1);
    x.hour = pair(p, f->at[3], 0);
    x.minute = pair(p, f->at[4], 0);
    x.second = pair(p, f->at[5], 0);
    return finish(&x, out);
}

bool crm_table_time_read(const table_time *t, const char *text, size_t len, int64_t *out)
{
    const char *p = text, *end = text + len;
    parts x = {.month = 1, .day = 1};

    for (int k = 0; k < 3; k++)
        if (t->fixed[k].width == len && len > 0 && read_fixed(&t->fixed[k], text, out)) return true;
    if (t->iso) return read_iso(text, end, out);
    for (int k = 0; k < t->n; k++)
        if (!take(&t->item[k], &p, end, &x)) return false;
    return p == end && finish(&x, out);
}

bool crm_table_time(const char *format, const char *text, size_t len, int64_t *out)
{
    char padded[128 + TABLE_PAD] = {0};
    table_time t;

    if (len > 128 || !crm_table_time_make(format, &t)) return false;
    if (len) memcpy(padded, text, len);
    return crm_table_time_read(&t, padded, len, out);
}

const char *crm_table_time_text(int64_t t, char out[32])
{
    int64_t day = t / DAY - (t % DAY < 0), second = t - day * DAY;
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), mp = (5 * of_year + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    snprintf(out, 32, "%04d-%02u-%02u %02u:%02u:%02u",
             (int)((year + era * 400 + (month <= 2)) % 100000), (unsigned)month % 100,
             (unsigned)(of_year - (153 * mp + 2) / 5 + 1) % 100, (unsigned)(second / 3600) % 100,
             (unsigned)(second / 60 % 60), (unsigned)(second % 60));
    return out;
}
