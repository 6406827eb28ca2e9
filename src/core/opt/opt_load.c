/* opt_load.c - one load: the file, then --set, then either all values or none. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "opt_impl.h"

void crm_opt_stage(opt_entry *e, opt_value *v, opt_kind kind, const char *name, int line, int col,
                   opt_log *log)
{
    crm_str origin = {0};

    if (kind == OPT_FROM_FILE) {
        crm_opt_escape(&origin, name, strlen(name));
        crm_str_addf(&origin, ":%d", line);
    } else {
        crm_str_addf(&origin, "--set");
    }
    log->nomem |= origin.failed;
    crm_opt_setting_free(&e->next);
    e->next = (opt_setting){.value = *v, .kind = kind, .col = col, .origin = origin.text};
    e->pending = true;
    *v = (opt_value){0};
}

/* One assignment "key=value". */
static void read_set(crm_opt_set *s, const char *text, int number, opt_log *log)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? (size_t)(eq - text) : 0;
    opt_text t = {eq ? eq + 1 : "", eq ? strlen(eq + 1) : 0, OPT_ARG};
    crm_str why = {0}, key = {0};
    opt_value v = {0};
    opt_entry *e;

    log->nomem |= crm_opt_variant_admit(s, text, len) != CRM_OK;
    e = eq ? crm_opt_find(s, text, len) : NULL;
    if (e && crm_opt_value_parse(e->o, t, &v, &why)) {
        crm_opt_stage(e, &v, OPT_FROM_SET, NULL, 0, 0, log);
        return;
    }
    if (!eq) crm_str_addf(&why, "is no assignment; allowed: key=value");
    if (eq && !e) {
        crm_str_add(&key, text, len);
        log->nomem |= key.failed;
        if (!key.failed) crm_opt_unknown(s, key.text ? key.text : "", len, t, false, &why);
        crm_str_free(&key);
    }
    crm_opt_log_set(log, number, text, &why);
}

bool crm_opt_check_bytes(const char *text, size_t len, opt_log *log)
{
    crm_str why = {0};
    int line = 1, col = 1;
    size_t at;

    if (len > OPT_FILE_MAX) {
        crm_str_addf(&why, "value '%zu bytes' is too large; allowed: at most %d bytes", len,
                     OPT_FILE_MAX);
    } else if (!crm_opt_text_valid(text, len, &at)) {
        crm_opt_text_position(text, at, &line, &col);
        crm_str_addf(&why, "value '\\x%02x' is %s; allowed: UTF-8 text",
                     (unsigned)(unsigned char)text[at],
                     (unsigned char)text[at] < 0x80 ? "a control character" : "not valid UTF-8");
    } else {
        return true;
    }
    crm_opt_log_file(log, line, col, "(file)", &why);
    return false;
}

/* Everything that was staged becomes true, or is forgotten. */
static void finish(crm_opt_set *s, bool commit)
{
    for (size_t i = 0; i < s->n; i++) {
        opt_entry *e = &s->entry[i];
        if (e->pending && commit) {
            e->given = true;
            crm_opt_entry_commit(e, &e->next);
        }
        crm_opt_setting_free(&e->next);
        e->pending = false;
    }
    crm_opt_variant_prune(s);
}

crm_status crm_opt_set_load_text(crm_opt_set *s, const char *name, const char *text, size_t len,
                                 const char *const *sets, int n)
{
    opt_log log = {.name = name};
    crm_status st;

    if (crm_opt_check_bytes(text, len, &log)) crm_opt_yaml_read(s, text, len, &log);
    for (int i = 0; i < n; i++)
        read_set(s, sets[i], i, &log);
    st = crm_opt_log_raise(&log);
    finish(s, st == CRM_OK);
    crm_opt_log_free(&log);
    return st;
}

crm_status crm_opt_read_file(const char *path, char **text, size_t *len)
{
    int64_t size;

    CRM_TRY(crm_path_file_size(path, &size));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO,
              "%s: is a pipe or device, a config must be a plain file", path);
    *len = (size_t)size;
    if (*len <= OPT_FILE_MAX) CRM_TRY(crm_path_read(path, OPT_FILE_MAX, text, len));
    return CRM_OK;
}

crm_status crm_opt_set_load(crm_opt_set *s, const char *path, const char *const *sets, int n)
{
    crm_status st = CRM_OK;
    char *text = NULL;
    size_t len = 0;

    if (path) CRM_TRY(crm_opt_read_file(path, &text, &len));
    st = crm_opt_set_load_text(s, path ? path : "(no file)", text ? text : "", len, sets, n);
    crm_mem_free(text);
    return st;
}
