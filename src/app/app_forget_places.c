/* app_forget_places.c - where customers that are forgotten still are: runs that learnt from them,
 * and files that hold their ids. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_forget.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data_keep.h"
#include "crmpi/store.h"

enum { DEPTH_MAX = 4 };

typedef struct search {
    const crm_data *d;
    bool learnt_now;
    const char **id; /* [n] sorted */
    int64_t n;
    int runs, files;
} search;

/* ---- ids ---- */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_id(const search *x, const char *id)
{
    return bsearch(&id, x->id, (size_t)x->n, sizeof *x->id, by_text) != NULL;
}

static int64_t count_numbers(const search *x, const crm_store_array *a)
{
    const int64_t *number = a->data;
    int64_t count = 0;
    char text[32];

    for (int64_t i = 0; i < a->dim[0]; i++) {
        snprintf(text, sizeof text, "%lld", (long long)number[i]);
        count += has_id(x, text);
    }
    return count;
}

static int64_t count_bytes(const search *x, const crm_store_array *first,
                           const crm_store_array *byte)
{
    const int64_t *begin = first->data;
    const char *text = byte->data;
    int64_t count = 0;
    char id[1025];

    for (int64_t i = 0; i + 1 < first->dim[0]; i++) {
        int64_t len = begin[i + 1] - begin[i];
        bool fits =
            begin[i] >= 0 && len > 0 && len < (int64_t)sizeof id && begin[i + 1] <= byte->dim[0];
        if (!fits) continue;
        memcpy(id, text + begin[i], (size_t)len);
        id[len] = '\0';
        count += has_id(x, id);
    }
    return count;
}

static int64_t count_texts(const search *x, const crm_store *s)
{
    int64_t n, count = 0;
    const char *const *item = crm_store_items(s, "id", &n);

    for (int64_t i = 0; i < n; i++)
        count += has_id(x, item[i]);
    return count;
}

/* Rows of a file of this kind that are of one of the ids. */
static int64_t count_store(const search *x, const crm_store *s, bool data_set)
{
    const crm_store_array *number = crm_store_find(s, data_set ? "id/number" : "id");
    const crm_store_array *first = crm_store_find(s, data_set ? "id/first" : "id_first");
    const crm_store_array *byte = crm_store_find(s, data_set ? "id/byte" : "id_byte");

    if (number && number->dtype == CRM_I64 && number->rank == 1) return count_numbers(x, number);
    if (first && byte && first->dtype == CRM_I64 && byte->dtype == CRM_U8)
        return count_bytes(x, first, byte);
    return count_texts(x, s);
}

/* ---- files ---- */
static void tell_file(search *x, const char *path, const char *what, int64_t count)
{
    if (count == 0) return;
    x->files++;
    printf("holds ids of them: %s (%s, %lld row%s)\n", path, what, (long long)count,
           count == 1 ? "" : "s");
}

static void look_into_store(search *x, const char *path)
{
    static const struct {
        const char *kind, *what;
    } known[] = {{"crmpi-dataset", "data set"},
                 {"crmpi-embedding", "vectors"},
                 {"crmpi-predictions", "predictions"}};
    crm_store *s = NULL;

    for (size_t k = 0; k < sizeof known / sizeof *known && !s; k++) {
        if (crm_store_open(path, known[k].kind, &s)) continue;
        tell_file(x, path, known[k].what, count_store(x, s, k == 0));
    }
    crm_store_close(&s);
    crm_err_clear();
}

/* A CSV file whose first column is `id`, as predict and segments write it. */
static void look_into_csv(search *x, const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    int64_t count = 0;
    bool ids = false;

    for (int64_t i = 0; f && getline(&line, &cap, f) >= 0 && (i == 0 || ids); i++) {
        app_first_field(line);
        if (i == 0)
            ids = strcmp(line, "id") == 0;
        else
            count += has_id(x, line) || (line[0] == '\'' && has_id(x, line + 1));
    }
    free(line);
    if (f) fclose(f);
    tell_file(x, path, "table", count);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_data_set_itself(const search *x, const char *path)
{
    char a[CRM_PATH_MAX], b[CRM_PATH_MAX];

    return realpath(path, a) && realpath(crm_data_path(x->d), b) && strcmp(a, b) == 0;
}

static void look_into(search *x, const char *path)
{
    if (is_data_set_itself(x, path)) return;
    if (ends_with(path, ".h5")) look_into_store(x, path);
    if (ends_with(path, ".csv")) look_into_csv(x, path);
}

/* ---- runs ---- */
static bool same_digest(const search *x, const char *digest)
{
    char hex[CRM_DIGEST_HEX];
    int64_t n;
    const char *const *former = crm_data_former(x->d, &n);

    if (x->learnt_now && strcmp(crm_digest_hex(crm_data_digest(x->d), hex), digest) == 0)
        return true;
    for (int64_t i = 0; i < n; i++)
        if (strcmp(former[i], digest) == 0) return true;
    return false;
}

/* One line when the folder is a run on the data set, as it is or as it was. */
static bool tell_run(search *x, const char *dir)
{
    char data[CRM_DIGEST_HEX] = "", command[32] = "";

    crm_record_read_note(dir, "digests.data", data, sizeof data);
    if (!data[0] || !same_digest(x, data)) return false;
    crm_record_read_note(dir, "command", command, sizeof command);
    printf("learnt from them: %s (%s)\n", dir, command);
    x->runs++;
    return true;
}

static bool is_run(const char *dir)
{
    char path[CRM_PATH_MAX];

    return !crm_path_join(dir, "run.json", path, sizeof path) && crm_path_is_file(path);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* What is in a folder and below, not deeper than DEPTH_MAX.  A run that learnt is told as a whole.
 */
static void look_through(search *x, const char *dir, int depth)
{
    char path[CRM_PATH_MAX];
    struct dirent **entry = NULL;
    int n;

    if (is_run(dir) && tell_run(x, dir)) return;
    n = depth <= DEPTH_MAX ? scandir(dir, &entry, visible, by_name) : 0;
    for (int i = 0; i < n; i++) {
        if (crm_path_join(dir, entry[i]->d_name, path, sizeof path))
            crm_err_clear();
        else if (crm_path_is_dir(path))
            look_through(x, path, depth + 1);
        else if (crm_path_is_file(path))
            look_into(x, path);
        free(entry[i]);
    }
    free(entry);
}

static crm_status tell_in(search *x, const id_list *l, const char *dir)
{
    CRM_NEW(x->id, l->n);
    memcpy(x->id, l->id, (size_t)l->n * sizeof *x->id);
    x->n = l->n;
    qsort(x->id, (size_t)x->n, sizeof *x->id, by_text);
    look_through(x, dir, 0);
    crm_err_clear();
    crm_mem_free(x->id);
    return CRM_OK;
}

crm_status app_tell_places(const app *a, const crm_data *d, const id_list *l, bool learnt_now)
{
    search x = {.d = d, .learnt_now = learnt_now};
    char dir[CRM_PATH_MAX];

    if (a->args.runs)
        CRM_TRY(crm_path_join("", a->args.runs, dir, sizeof dir));
    else
        CRM_TRY(crm_path_dir(crm_data_path(d), dir, sizeof dir));
    CRM_TRY(tell_in(&x, l, dir));
    printf("%d run%s in %s learnt from this data set%s\n", x.runs, x.runs == 1 ? "" : "s", dir,
           x.runs > 0
               ? ": their models and predictions still hold what they learnt; train them again, or "
                 "remove them"
               : "");
    if (x.files > 0)
        printf("%d other file%s in %s hold%s ids of them; make %s again, or remove %s\n", x.files,
               x.files == 1 ? "" : "s", dir, x.files == 1 ? "s" : "", x.files == 1 ? "it" : "them",
               x.files == 1 ? "it" : "them");
    fflush(stdout); /* what is told cannot be had again when the rows are gone */
    return CRM_OK;
}
