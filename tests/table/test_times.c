/* test_times.c - texts as times, whatever locale and time zone of the machine are.
 *
 * Expected seconds: Python's datetime.strptime and fromisoformat, UTC where the text has no zone.
 */
#include <stdlib.h>
#include <time.h>

#include "../../src/data/table/table_frame.h"
#include "crm_test.h"

typedef struct time_case {
    const char *format, *text;
    int64_t expect;
} time_case;

static const time_case GOOD[] = {
    {"iso", "1970-01-01", 0LL},
    {"iso", "2000-02-29", 951782400LL},
    {"iso", "1900-03-01", -2203891200LL},
    {"iso", "9999-12-31", 253402214400LL},
    {"iso", "0001-01-01", -62135596800LL},
    {"iso", "2018-03-01T12:00:00", 1519905600LL},
    {"iso", "2018-03-01 12:00", 1519905600LL},
    {"iso", "2018-03-01 12:00:00.999", 1519905600LL},
    {"iso", "2018-03-01T13:00:00+01:00", 1519905600LL},
    {"iso", "2018-03-01T12:00Z", 1519905600LL},
    {"iso", "2018-03-01T14:00:00+02", 1519905600LL},
    {"%Y-%m-%d %H:%M %z (%a)", "2018-03-01 14:00 +02 (Thu)", 1519905600LL},
    {"%d.%m.%Y", "31.12.1999", 946598400LL},
    {"%d.%m.%Y %H:%M", "05.06.2023 07:08", 1685948880LL},
    {"%d.%m.%Y %H:%M", "5.6.2023  7:08", 1685948880LL},
    {"%m/%d/%Y %H:%M", "12/1/2010 8:26", 1291191960LL},
    {"%m/%d/%Y %H:%M", "12/01/2010 08:26", 1291191960LL},
    {"%Y-%m-%d %H:%M:%S", "2017-10-02 10:56:33", 1506941793LL},
    {"%F %T", "2017-10-02 10:56:33", 1506941793LL},
    {"%b %d, %Y", "Mar 05, 2021", 1614902400LL},
    {"%d %B %Y", "9 October 1988", 592358400LL},
    {"%Y%m%d", "20200229", 1582934400LL},
    {"%d%b%y", "07AUG68", 3111523200LL},
    {"%d%b%y", "07AUG69", -12700800LL},
    {"%I:%M %p %d/%m/%Y", "12:05 AM 01/02/2003", 1044057900LL},
    {"%I:%M %p %d/%m/%Y", "12:05 PM 01/02/2003", 1044101100LL},
    {"%a %b %d %H:%M:%S %z %Y", "Tue Oct 31 22:10:47 +0000 2017", 1509487847LL},
    {"%Y-%m-%dT%H:%M:%S%z", "2020-01-01T00:00:00-05:30", 1577856600LL},
    {"%Y %j", "2020 366", 1609372800LL},
    {"%s", "1600000000", 1600000000LL},
    {"%s", "-1", -1LL},
};

/* what is no such time */
static const time_case WRONG[] = {
    {"iso", "", 0},
    {"iso", "2023-02-29", 0},
    {"iso", "1900-02-29", 0},
    {"iso", "2023-13-01", 0},
    {"iso", "2023-00-10", 0},
    {"iso", "2023-01-00", 0},
    {"iso", "2023-04-31", 0},
    {"iso", "0000-01-01", 0},
    {"iso", "2023-1-1", 0},
    {"iso", "2023-01-01 24:00:00", 0},
    {"iso", "2018-03-01T13:00:00+02:", 0},
    {"iso", "2018-03-01T13:00:00+02:5", 0},
    {"iso", "2018-03-01T13:00:00+2:00", 0},
    {"iso", "2018-03-01T13:00:00+0", 0},
    {"iso", "2023-01-01 23:60:00", 0},
    {"iso", "2023-01-01 23:00:60", 0},
    {"iso", "2023-01-01 ", 0},
    {"iso", "2023-01-01x", 0},
    {"iso", "2023-01-01T12:00:00+", 0},
    {"iso", "2023-01-01 12:00:00Zz", 0},
    {"iso", "2023-01-01 1a:00:00", 0},
    {"iso", "20230101", 0},
    {"%d.%m.%Y", "31.12.99x", 0},
    {"%d.%m.%Y", "31-12-1999", 0},
    {"%d.%m.%Y", "3a.12.1999", 0},
    {"%d.%m.%Y", "31.11.1999", 0},
    {"%d.%m.%Y", "31.12.\xB1\x39\x39\x39", 0},
    {"%Y-%m-%d %H:%M:%S", "2017-10-02 10:56:3/", 0},
    {"%Y-%m-%d %H:%M:%S", "2017-10-02 10:56:3:", 0},
    {"%Y-%m-%d %H:%M:%S", "2017-10-02T10:56:33", 0},
    {"%Y-%m-%d %H:%M:%S", "2017-10-02 10:56:333", 0},
    {"%I:%M %p", "13:05 AM", 0},
    {"%b %d, %Y", "Foo 05, 2021", 0},
    {"%s", "9999999999999999", 0},
    {"%q", "1", 0}, /* no directive */
    {"%", "1", 0},
    {"", "1", 0},
};

static void good(void)
{
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        const time_case *c = &GOOD[i];
        int64_t t = -99;
        if (!crm_table_time(c->format, c->text, strlen(c->text), &t) || t != c->expect) {
            t_fail(__FILE__, __LINE__, c->text);
            fprintf(stderr, "#   %lld against %lld\n", (long long)t, (long long)c->expect);
        }
    }
}

static void wrong(void)
{
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        const time_case *c = &WRONG[i];
        int64_t t = 0;
        if (crm_table_time(c->format, c->text, strlen(c->text), &t)) {
            t_fail(__FILE__, __LINE__, c->text);
            fprintf(stderr, "#   format %s gives %lld\n", c->format, (long long)t);
        }
    }
}

/* Every day of 800 years, against the calendar of the C library. */
static void days(void)
{
    char text[32], back[32];

    for (int64_t day = -200000; day < 92000; day++) {
        time_t t = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        int64_t have = 0;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
        if (tm.tm_year + 1900 < 1000) snprintf(text, sizeof text, "%s", "0");
        if (strcmp(crm_table_time_text((int64_t)t, back), text) == 0 &&
            crm_table_time("iso", text, strlen(text), &have) && have == (int64_t)t &&
            crm_table_time("%Y-%m-%d %H:%M:%S", text, strlen(text), &have) && have == (int64_t)t)
            continue;
        t_fail(__FILE__, __LINE__, text);
        break;
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"good", good}, {"wrong", wrong}, {"days", days}, {NULL, NULL}};

    if (setenv("TZ", "America/New_York", 1) != 0) return 1;
    tzset();
    return t_main(argc, argv, cases);
}
