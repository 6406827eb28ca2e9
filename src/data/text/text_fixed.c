/* text_fixed.c - options of a fitted model as a list of texts, with the stop words themselves: what
 * the model does to words depends on no file and on no later list. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "text_impl.h"

#define STOP "stop "
enum { LINE_MAX_BYTES = 256 };

static crm_status append(crm_text_fixed *x, const char *text)
{
    x->item[x->n] = crm_mem_strdup(text);
    CRM_CHECK(x->item[x->n], CRM_ERR_NOMEM, "out of memory: options of words");
    x->n++;
    return CRM_OK;
}

static int64_t rows(void)
{
    int64_t n = 0;

    while (crm_text_opts[n].key)
        n++;
    return n;
}

/* "text.fold=true"; options that are texts are not told, nor numbers that no option can be: of a
 * config that was not read from options and does not use them. */
static bool describe(const crm_opt *o, const crm_text_cfg *cfg, char line[LINE_MAX_BYTES])
{
    const char *field = (const char *)cfg + o->offset;
    int64_t whole;
    int choice;

    switch (o->type) {
    case CRM_OPT_INT:
        memcpy(&whole, field, sizeof whole);
        snprintf(line, LINE_MAX_BYTES, "%s=%lld", o->key, (long long)whole);
        return (double)whole >= o->min && (double)whole <= o->max;
    case CRM_OPT_BOOL:
        snprintf(line, LINE_MAX_BYTES, "%s=%s", o->key, *(const bool *)field ? "true" : "false");
        return true;
    case CRM_OPT_ENUM:
        memcpy(&choice, field, sizeof choice);
        snprintf(line, LINE_MAX_BYTES, "%s=%s", o->key, o->values[choice]);
        return true;
    default:
        return false;
    }
}

static crm_status list_items(crm_text_fixed *x, int64_t n_stop, const char *const *stop)
{
    char line[LINE_MAX_BYTES];
    crm_str s = {0};
    crm_status st = CRM_OK;

    CRM_NEW(x->item, rows() + (n_stop > 0 ? n_stop : 0) + 1);
    for (const crm_opt *o = crm_text_opts; o->key; o++)
        if (describe(o, &x->cfg, line)) CRM_TRY(append(x, line));
    if (n_stop >= 0) CRM_TRY(append(x, "stop"));
    for (int64_t i = 0; i < n_stop && !st; i++) {
        s.len = 0;
        crm_str_addf(&s, STOP "%s", stop[i]);
        if (s.failed)
            CRM_SET(st, CRM_ERR_NOMEM, "out of memory: stop words");
        else
            st = append(x, s.text);
    }
    crm_str_free(&s);
    return st;
}

/* The words behind "stop" are the config's. */
static crm_status use_stop(crm_text_fixed *x)
{
    const char **stop;
    int64_t n = 0;
    bool any = false;

    CRM_NEW(stop, x->n + 1);
    for (int64_t i = 0; i < x->n; i++) {
        any |= strcmp(x->item[i], "stop") == 0;
        if (strncmp(x->item[i], STOP, strlen(STOP)) == 0) stop[n++] = x->item[i] + strlen(STOP);
    }
    x->stop = stop;
    x->cfg.stop_words = "none";
    x->cfg.stop = any ? stop : NULL;
    x->cfg.n_stop = any ? n : 0;
    return CRM_OK;
}

crm_status crm_text_fix(const crm_text_cfg *cfg, crm_text_fixed **out)
{
    const char *const *stop;
    text_words *w = NULL;
    crm_text_fixed *x;
    crm_status st;
    int64_t n;

    *out = NULL;
    CRM_NEW(x, 1);
    x->cfg = *cfg;
    st = text_words_new(cfg, &w);
    if (!st) {
        n = text_words_stop(w, &stop);
        st = list_items(x, n, stop);
    }
    text_words_free(&w);
    if (!st) st = use_stop(x);
    if (st)
        crm_text_fixed_free(&x);
    else
        *out = x;
    return st;
}

static crm_status parse_items(crm_text_fixed *x, const char **plain, int n)
{
    crm_opt_set *set = NULL;
    crm_status st;

    CRM_TRY(crm_opt_set_new(&set));
    st = crm_opt_set_add(set, crm_text_opts, &x->cfg);
    if (!st) st = crm_opt_set_load(set, NULL, plain, n);
    crm_opt_set_free(&set); /* the texts of the config go with it */
    x->cfg.stop_words = "none";
    return st;
}

crm_status crm_text_fixed_from(int64_t n, const char *const *item, crm_text_fixed **out)
{
    const char **plain = NULL;
    crm_text_fixed *x;
    crm_status st = CRM_OK;
    int n_plain = 0;

    *out = NULL;
    CRM_NEW(x, 1);
    CRM_NEW_TO(st, done, x->item, n + 1);
    CRM_NEW_TO(st, done, plain, n + 1);
    for (int64_t i = 0; i < n && !st; i++) {
        st = append(x, item[i]);
        if (!st && strncmp(item[i], "text.", 5) == 0 && n_plain < rows())
            plain[n_plain++] = x->item[i];
    }
    if (!st) st = parse_items(x, plain, n_plain);
    if (!st) st = use_stop(x);
done:
    crm_mem_free(plain);
    if (st)
        crm_text_fixed_free(&x);
    else
        *out = x;
    return st;
}

void crm_text_fixed_free(crm_text_fixed **px)
{
    crm_text_fixed *x = *px;

    if (!x) return;
    for (int64_t i = 0; i < x->n; i++)
        crm_mem_free(x->item[i]);
    crm_mem_free(x->item);
    crm_mem_free(x->stop);
    crm_mem_free(x);
    *px = NULL;
}
