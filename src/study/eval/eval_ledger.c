/* eval_ledger.c - the ledger of finished units is their files: each is written whole or not at all,
 * and names its unit and its run.  One that does not fit is told, and the unit is run again. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "eval_impl.h"

crm_status crm_ledger_sign(const crm_eval *e, const char *name, crm_bag *b)
{
    char hex[CRM_DIGEST_HEX];

    CRM_TRY(crm_bag_put_text(b, "run", crm_digest_hex(e->run, hex)));
    return crm_bag_put_text(b, "name", name);
}

crm_status crm_ledger_check(const crm_eval *e, const char *name, const char *path, const crm_bag *b)
{
    char hex[CRM_DIGEST_HEX];
    const char *run, *of;

    CRM_TRY(crm_bag_get_text(b, "run", &run));
    CRM_TRY(crm_bag_get_text(b, "name", &of));
    crm_digest_hex(e->run, hex);
    CRM_CHECK(strcmp(run, hex) == 0 && strcmp(of, name) == 0, CRM_ERR_FORMAT,
              "%s: is of %.96s of run %.40s, not of %s of run %s", path, of, run, name, hex);
    return CRM_OK;
}

/* ---- models ---- */

crm_status crm_model_digest(const crm_bag *model, char hex[CRM_DIGEST_HEX])
{
    static const char *const beside[] = {"target", "classes", NULL}; /* what write_model adds */
    crm_digest d;

    CRM_TRY(crm_bag_digest_without(model, beside, &d));
    crm_digest_hex(d, hex);
    return CRM_OK;
}

/* What unit and list say of a fit on all rows; "" when neither does. */
static void recorded_weights(const char *run, const char *name, char hex[CRM_DIGEST_HEX])
{
    char file[UNIT_NAME_MAX + 16], path[CRM_PATH_MAX];
    crm_record_unit *all = NULL;
    crm_bag *bag = NULL;
    const char *text;
    int n = 0;

    hex[0] = '\0';
    snprintf(file, sizeof file, "units/%s.h5", name);
    if (!crm_path_join(run, file, path, sizeof path) && crm_path_is_file(path) &&
        !crm_bag_read(path, NULL, &bag) && !crm_bag_get_text(bag, "weights", &text))
        snprintf(hex, CRM_DIGEST_HEX, "%s", text);
    crm_bag_free(&bag);
    if (!hex[0] && crm_record_read_units(run, &n, &all) == CRM_OK)
        for (int i = 0; i < n; i++)
            if (strcmp(all[i].name, name) == 0) memcpy(hex, all[i].weights, CRM_DIGEST_HEX);
    crm_mem_free(all);
    crm_err_clear();
}

crm_status crm_eval_check_model(const char *run, const char *model, const char *path,
                                const crm_bag *b)
{
    char name[UNIT_NAME_MAX], now[CRM_DIGEST_HEX], then[CRM_DIGEST_HEX];

    snprintf(name, sizeof name, "%.64s-all", model);
    recorded_weights(run, name, then);
    if (!then[0]) return CRM_OK;
    CRM_TRY(crm_model_digest(b, now));
    CRM_CHECK(strcmp(now, then) == 0, CRM_ERR_FORMAT,
              "%s: is not the model of this run: its digest is %s, that of %s is %s; the command "
              "of the run with the same --out makes it again",
              path, now, name, then);
    return CRM_OK;
}

crm_status crm_eval_check_models(const char *run, int n, const crm_record_unit *all)
{
    char file[UNIT_NAME_MAX + 16], path[CRM_PATH_MAX], now[CRM_DIGEST_HEX];

    for (int i = 0; i < n; i++) {
        size_t len = strlen(all[i].name);
        crm_bag *b = NULL;
        crm_status st;
        if (len < 4 || strcmp(all[i].name + len - 4, "-all") != 0) continue;
        snprintf(file, sizeof file, "models/%.*s.h5", (int)len - 4, all[i].name);
        CRM_TRY(crm_path_join(run, file, path, sizeof path));
        CRM_TRY(crm_bag_read(path, CRM_MODEL_KIND, &b));
        st = crm_model_digest(b, now);
        if (!st && strcmp(now, all[i].weights) != 0)
            CRM_SET(st, CRM_ERR_FORMAT,
                    "%s: is not the model of this run: its digest is %s, units.json says %s for %s",
                    path, now, all[i].weights, all[i].name);
        crm_bag_free(&b);
        if (st) return st;
    }
    return CRM_OK;
}

/* ---- units of a finished run ---- */

static crm_status check_listed(const char *run, const crm_record_unit *is)
{
    char file[UNIT_NAME_MAX + 16], path[CRM_PATH_MAX];
    const char *weights;
    crm_bag *b = NULL;
    crm_status st;

    snprintf(file, sizeof file, "units/%s.h5", is->name);
    CRM_TRY(crm_path_join(run, file, path, sizeof path));
    CRM_TRY(crm_bag_read(path, NULL, &b));
    st = crm_bag_get_text(b, "weights", &weights);
    if (!st && strcmp(weights, is->weights) != 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: tells weights %s, units.json says %s", path, weights,
                is->weights);
    crm_bag_free(&b);
    return st;
}

crm_status crm_eval_check_units(const char *run)
{
    crm_record_unit *all = NULL;
    int n = 0;
    crm_status st = crm_record_read_units(run, &n, &all);

    for (int i = 0; i < n && !st; i++)
        st = check_listed(run, &all[i]);
    crm_mem_free(all);
    return st;
}

/* ---- which units are finished ---- */

/* Nothing that no run writes may stand where a result is to be written: a link that leads to no
 * file goes, a folder has to be removed by those who made it. */
static crm_status clear_way(const char *path)
{
    struct stat s;

    if (lstat(path, &s) != 0 || S_ISREG(s.st_mode)) return CRM_OK;
    if (S_ISLNK(s.st_mode) && crm_path_is_file(path)) return CRM_OK;
    CRM_CHECK(S_ISLNK(s.st_mode), CRM_ERR_IO,
              "%s: is no file, and a result is to be written there; remove it", path);
    crm_log_line(CRM_LOG_WARN, "crossval",
                 "%s: is a link that leads to no file; it is removed and the unit is run again",
                 path);
    return crm_path_remove(path);
}

/* The text beside a model, by the digest that the unit tells. */
static crm_status check_text(const study *s, const unit *u, const crm_bag *b)
{
    char path[CRM_PATH_MAX], now[CRM_DIGEST_HEX], *text;
    const char *then;
    size_t len;

    CRM_TRY(crm_bag_get_text(b, "text", &then));
    if (!then[0]) return CRM_OK;
    CRM_TRY(crm_text_path(s, u->model, path, sizeof path));
    CRM_TRY(crm_path_read(path, 256 << 20, &text, &len));
    crm_digest_hex(crm_digest_of(text, len), now);
    crm_mem_free(text);
    CRM_CHECK(strcmp(now, then) == 0, CRM_ERR_FORMAT, "%s: digest %s, %s says %s", path, now,
              u->name, then);
    return CRM_OK;
}

/* Of a fit on all rows: its model is a file of its own. */
static crm_status check_model(const study *s, const unit *u, const crm_bag *b)
{
    char path[CRM_PATH_MAX], now[CRM_DIGEST_HEX];
    const char *then;
    crm_bag *model = NULL;
    crm_status st;

    CRM_TRY(crm_model_path(s, u->model, path, sizeof path));
    CRM_TRY(clear_way(path));
    CRM_TRY(crm_bag_get_text(b, "weights", &then));
    CRM_TRY(crm_bag_read(path, CRM_MODEL_KIND, &model));
    st = crm_model_digest(model, now);
    crm_bag_free(&model);
    CRM_TRY(st);
    CRM_CHECK(strcmp(now, then) == 0, CRM_ERR_FORMAT,
              "%s: is not the model of this run: its digest is %s, that of %s is %s", path, now,
              u->name, then);
    return check_text(s, u, b);
}

static crm_status check_unit(const study *s, const unit *u, const char *path)
{
    crm_bag *b = NULL;
    crm_status st;

    CRM_TRY(crm_bag_read(path, UNIT_KIND, &b));
    st = crm_ledger_check(s->e, u->name, path, b);
    if (!st && u->repeat < 0) st = check_model(s, u, b);
    crm_bag_free(&b);
    return st;
}

crm_status crm_ledger_read(study *s, int64_t *done)
{
    char path[CRM_PATH_MAX];
    crm_status st;

    for (int i = 0; i < s->n_units; i++) {
        done[i] = s->unit[i].skip;
        if (s->unit[i].skip) continue;
        CRM_TRY(crm_unit_path(s, &s->unit[i], path, sizeof path));
        CRM_TRY(clear_way(path));
        if (!crm_path_exists(path)) continue;
        st = check_unit(s, &s->unit[i], path);
        done[i] = st == CRM_OK;
        if (st == CRM_ERR_NOMEM) return st;
        if (st) crm_log_line(CRM_LOG_WARN, "crossval", "%s; the unit is run again", crm_err_text());
        crm_err_clear();
    }
    return CRM_OK;
}
