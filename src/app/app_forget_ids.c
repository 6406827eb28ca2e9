/* app_forget_ids.c - a file of ids, one a line, as people and as predict write them. */
#include <string.h>

#include "app_forget.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

enum { IDS_MAX = 1 << 30, FORMS = 3 };

size_t app_first_field(char *line)
{
    size_t in = 1, out = 0;

    if (line[0] != '"') {
        out = strcspn(line, ",\r\n");
        line[out] = '\0';
        return out;
    }
    for (; line[in] && (line[in] != '"' || line[in + 1] == '"'); in++) {
        if (line[in] == '"') in++;
        line[out++] = line[in];
    }
    line[out] = '\0';
    return out;
}

/* A quoted id that a table program would have taken for a formula has an apostrophe in front. */
static char *without_apostrophe(char *id)
{
    return id[0] == '\'' && id[1] && strchr("=+-@\t\r", id[1]) ? id + 1 : id;
}

static void add_id(id_list *l, const char *id, int64_t line)
{
    if (!id[0]) return;
    for (int64_t i = l->n; i > 0 && l->line[i - 1] == line; i--)
        if (strcmp(l->id[i - 1], id) == 0) return;
    l->id[l->n] = id;
    l->line[l->n++] = line;
}

/* The id between the blanks around it, copied to *at; *at is moved behind it. */
static char *trimmed(const char *s, char **at)
{
    char *out = *at;
    size_t n;

    s += strspn(s, " \t");
    n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    memcpy(out, s, n);
    out[n] = '\0';
    *at += n + 1;
    return out;
}

static void add_line(id_list *l, const char *s, int64_t line, char **at)
{
    char *bare = trimmed(s, at), *field;
    size_t n = strlen(bare);

    l->lines += n > 0;
    add_id(l, s, line);
    add_id(l, bare, line);
    if (n < 2 || bare[0] != '"' || bare[n - 1] != '"') return;
    field = trimmed(bare, at);
    app_first_field(field);
    add_id(l, without_apostrophe(field), line);
}

static crm_status split_lines(const char *path, size_t len, id_list *l)
{
    int64_t lines = 1, line = 1;
    char *s = l->text, *at;

    for (size_t i = 0; i < len; i++)
        lines += l->text[i] == '\n';
    CRM_NEW(l->id, FORMS * lines);
    CRM_NEW(l->line, FORMS * lines);
    CRM_NEW(l->forms, (int64_t)(2 * (len + (size_t)lines) + 1));
    at = l->forms;
    if (strncmp(s, "\xEF\xBB\xBF", 3) == 0) s += 3;
    for (; s; line++) {
        char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end - s) : strlen(s);
        if (n > 0 && s[n - 1] == '\r') n--;
        s[n] = '\0';
        add_line(l, s, line, &at);
        s = end ? end + 1 : NULL;
    }
    CRM_CHECK(l->lines > 0, CRM_ERR_FORMAT, "%s: holds no id; one a line is needed", path);
    return CRM_OK;
}

crm_status app_read_ids(const app *a, id_list *l)
{
    size_t len = 0;
    int64_t bytes = 0;
    crm_status st = CRM_OK;

    if (app_is_root(a)) st = crm_path_read(a->args.ids, IDS_MAX, &l->text, &len);
    CRM_TRY(crm_comm_agree(a->world, st));
    bytes = (int64_t)len;
    CRM_TRY(crm_comm_bcast(a->world, 0, &bytes, sizeof bytes));
    if (!app_is_root(a)) l->text = crm_mem_new((size_t)bytes + 1, 1);
    if (!l->text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", a->args.ids);
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(crm_comm_bcast(a->world, 0, l->text, (size_t)bytes));
    return crm_comm_agree(a->world, split_lines(a->args.ids, (size_t)bytes, l));
}

void app_free_ids(id_list *l)
{
    crm_mem_free(l->text);
    crm_mem_free(l->forms);
    crm_mem_free(l->id);
    crm_mem_free(l->line);
}
