/* report_format.c - numbers and texts as a report shows them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report_impl.h"

/* Four decimals, never "-0.0000". */
static char *four(double v, const char *fmt, char *out)
{
    if (!isfinite(v))
        snprintf(out, REPORT_CELL, "-");
    else if (fabs(v) < 0.00005)
        snprintf(out, REPORT_CELL, "0.0000");
    else
        snprintf(out, REPORT_CELL, fabs(v) < 1e9 ? fmt : "%.4g", v);
    return out;
}

char *crm_report_score(double v, char *out)
{
    return four(v, "%.4f", out);
}

char *crm_report_diff(double v, char *out)
{
    return four(v, "%+.4f", out);
}

char *crm_report_interval(const double ci[2], char *out)
{
    char lo[REPORT_CELL], hi[REPORT_CELL];

    if (isfinite(ci[0]) && isfinite(ci[1]))
        snprintf(out, REPORT_CELL, "[%.20s, %.20s]", crm_report_score(ci[0], lo),
                 crm_report_score(ci[1], hi));
    else
        snprintf(out, REPORT_CELL, "-");
    return out;
}

char *crm_report_p(double p, char *out)
{
    if (p < 0.0001)
        snprintf(out, REPORT_CELL, "<0.0001");
    else
        four(p, "%.4f", out);
    return out;
}

/* Bytes 10xxxxxx go on with the character before. */
static bool begins(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

int crm_report_columns(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += begins(*text);
    return n;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 127;
}

void crm_report_plain(const char *text, crm_str *out)
{
    for (; *text; text++)
        crm_str_add(out, is_control(*text) ? "?" : text, 1);
}

void crm_report_escape(const char *text, crm_str *out)
{
    for (; *text; text++) {
        if (*text == '<')
            crm_str_addf(out, "&lt;");
        else if (*text == '&')
            crm_str_addf(out, "&amp;");
        else if (strchr("\\`*[]|#", *text))
            crm_str_addf(out, "\\%c", *text);
        else
            crm_str_add(out, is_control(*text) ? " " : text, 1);
    }
}

void crm_report_wrap(const char *text, int indent, crm_str *out)
{
    bool fresh = true;
    int used = 0;

    while (*text) {
        size_t word = strcspn(text, " ");
        int width = 0;
        for (size_t i = 0; i < word; i++)
            width += begins(text[i]);
        if (!fresh && used + 1 + width > REPORT_WIDTH) {
            crm_str_addf(out, "\n%*s", indent, "");
            used = indent;
        } else if (!fresh) {
            crm_str_addf(out, " ");
            used++;
        }
        fresh = false;
        for (size_t i = 0; i < word; i++)
            crm_str_add(out, is_control(text[i]) ? "?" : text + i, 1);
        used += width;
        text += word + strspn(text + word, " ");
    }
    crm_str_addf(out, "\n");
}
