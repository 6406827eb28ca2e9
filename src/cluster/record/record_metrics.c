/* record_metrics.c - metrics.jsonl: each line is one write, so that a reader sees whole lines. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record_impl.h"

/* The first line of a process starts the file anew: a resumed run writes all lines again. */
static crm_status open_file(crm_record *r)
{
    char path[CRM_PATH_MAX];

    if (r->metrics_fd >= 0) return CRM_OK;
    CRM_TRY(crm_record_path(r, "metrics.jsonl", path, sizeof path));
    r->metrics_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    CRM_CHECK(r->metrics_fd >= 0, CRM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    return CRM_OK;
}

static void add_text(crm_str *s, const char *text)
{
    json_t *v = json_string(text);
    char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;

    if (quoted)
        crm_str_addf(s, "%s", quoted);
    else
        s->failed = true;
    free(quoted);
    json_decref(v);
}

static void add_pair(crm_str *s, const crm_record_pair *p)
{
    char number[32];

    crm_str_addf(s, ", ");
    add_text(s, p->key);
    crm_str_addf(s, ": ");
    if (p->text)
        add_text(s, p->text);
    else
        crm_str_addf(s, "%s", isfinite(p->value) ? crm_format_f64(p->value, number) : "null");
}

static crm_status write_line(const crm_record *r, const crm_str *s)
{
    ssize_t n;

    do
        n = write(r->metrics_fd, s->text, s->len);
    while (n < 0 && errno == EINTR);
    CRM_CHECK(n == (ssize_t)s->len, CRM_ERR_IO, "%s/metrics.jsonl: cannot be written: %s", r->dir,
              n < 0 ? strerror(errno) : "the disk is full");
    return CRM_OK;
}

crm_status crm_record_metrics(crm_record *r, const char *event, const char *unit, const char *model,
                              int n, const crm_record_pair *pair)
{
    crm_str s = {0};
    crm_status st = CRM_OK;

    if (!r->root) return CRM_OK;
    CRM_TRY(open_file(r));
    crm_str_addf(&s, "{\"event\": ");
    add_text(&s, event);
    crm_str_addf(&s, ", \"unit\": ");
    add_text(&s, unit);
    crm_str_addf(&s, ", \"model\": ");
    add_text(&s, model);
    for (int i = 0; i < n; i++)
        add_pair(&s, &pair[i]);
    crm_str_addf(&s, "}\n");
    if (s.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: metrics.jsonl");
    if (!st) st = write_line(r, &s);
    crm_str_free(&s);
    return st;
}
