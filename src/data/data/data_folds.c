/* data_folds.c - fold tables: stratified, plain, grouped, or read from a file.
 *
 * Stratified and plain: rows are shuffled (keyed by seed and repeat), then each class deals its
 * rows to the folds in turn, going on where the class before it stopped, so that fold sizes differ
 * by at most one as well.  Rows that the data set calls duplicates of each other stay in one fold
 * (data_groups.c). */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_str.h"
#include "data_groups.h"

static crm_status folds_new(const crm_view *v, int folds, int repeats, crm_folds **out)
{
    crm_folds *f = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(f, 1);
    CRM_NEW_TO(st, fail, f->fold, repeats * v->n);
    f->folds = folds;
    f->repeats = repeats;
    f->n = v->n;
    *out = f;
    return CRM_OK;
fail:
    crm_mem_free(f);
    return st;
}

void crm_folds_free(crm_folds **f)
{
    if (!*f) return;
    crm_mem_free((*f)->fold);
    crm_mem_free(*f);
    *f = NULL;
}

static crm_status finish(const crm_view *v, crm_folds *f)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_i64(h, f->folds);
    crm_hash_add_i64(h, f->repeats);
    crm_hash_add(h, v->row, (size_t)v->n * sizeof *v->row);
    crm_hash_add(h, f->fold, (size_t)(f->repeats * f->n) * sizeof *f->fold);
    f->digest = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

/* Rows of each class, or groups of duplicates in which it occurs. */
static crm_status count_classes(const crm_view *v, const crm_target *t, int64_t *count)
{
    crm_groups g;
    int64_t *last;

    for (int64_t i = 0; i < v->n; i++)
        count[t->label[v->row[i]]]++;
    if (!v->data->group_number) return CRM_OK;
    CRM_TRY(crm_groups_find(v, NULL, &g));
    last = crm_mem_new((size_t)t->n_classes, sizeof *last);
    if (last) crm_groups_count_classes(&g, v, t, last, count);
    crm_mem_free(last);
    crm_groups_free(&g);
    CRM_CHECK(last, CRM_ERR_NOMEM, "out of memory: %d classes", t->n_classes);
    return CRM_OK;
}

static crm_status check_classes(const crm_view *v, int target, int folds)
{
    const crm_target *t = &v->data->target[target];
    const char *what = v->data->group_number ? "groups of duplicates" : "rows";
    int64_t *count = NULL;
    int present = 0;
    crm_status st = CRM_OK;

    CRM_NEW(count, t->n_classes);
    CRM_TRY_TO(st, done, count_classes(v, t, count));
    for (int c = 0; c < t->n_classes; c++)
        present += count[c] > 0;
    CRM_CHECK_TO(st, done, present >= 2, CRM_ERR_FORMAT,
                 "target '%s' has %s in its %lld labelled rows; two or more classes are needed",
                 t->name, present ? "one class only" : "no class", (long long)v->n);
    for (int c = 0; c < t->n_classes; c++)
        CRM_CHECK_TO(st, done, count[c] == 0 || count[c] >= folds, CRM_ERR_FORMAT,
                     "eval.folds = %d, but class '%s' of target '%s' has %lld %s; lower eval.folds "
                     "or drop the class",
                     folds, t->class_name[c], t->name, (long long)count[c], what);
done:
    crm_mem_free(count);
    return st;
}

static void deal(const crm_view *v, const int32_t *label, int n_classes, const int64_t *order,
                 int folds, int32_t *fold)
{
    int next = 0;

    for (int c = 0; c < n_classes; c++)
        for (int64_t i = 0; i < v->n; i++) {
            if (label && label[v->row[order[i]]] != c) continue;
            fold[order[i]] = next;
            next = (next + 1) % folds;
        }
}

static crm_status fill_repeat(const crm_view *v, int target, crm_fold_kind kind, uint64_t seed,
                              const crm_groups *g, crm_folds *f, int repeat)
{
    const crm_target *t = &v->data->target[target];
    int32_t *fold = f->fold + repeat * f->n;
    int64_t *order = NULL;

    if (kind == CRM_FOLDS_CONTIGUOUS) {
        for (int64_t i = 0; i < v->n; i++) {
            int64_t first = g->n ? g->at[g->start[g->of[i]]] : i; /* of the rows of its group */
            fold[i] = (int32_t)(first * f->folds / v->n);
        }
        return CRM_OK;
    }
    if (g->n && kind == CRM_FOLDS_STRATIFIED)
        return crm_groups_stratify(g, v, t, seed, repeat, f->folds, fold);
    if (g->n) return crm_groups_deal(g, seed, repeat, f->folds, fold);
    CRM_NEW(order, v->n);
    crm_rng_permute(seed, CRM_RNG_FOLDS, (uint32_t)repeat, v->n, order);
    if (kind == CRM_FOLDS_STRATIFIED)
        deal(v, t->label, t->n_classes, order, f->folds, fold);
    else
        deal(v, NULL, 1, order, f->folds, fold);
    crm_mem_free(order);
    return CRM_OK;
}

crm_status crm_folds_make(const crm_view *v, int target, crm_fold_kind kind, int folds, int repeats,
                          uint64_t seed, const int64_t *group, crm_folds **out)
{
    crm_groups g;
    crm_status st;

    *out = NULL;
    if (v->data->target[target].level == CRM_LEVEL_TOKEN)
        CRM_CHECK(
            kind != CRM_FOLDS_STRATIFIED, CRM_ERR_CONFIG,
            "eval.split: stratified needs a class of each row, but target '%s' labels tokens; "
            "choose plain, contiguous, grouped, part or file",
            v->data->target[target].name);
    else
        CRM_TRY(check_classes(v, target, kind == CRM_FOLDS_STRATIFIED ? folds : 1));
    CRM_CHECK(v->n >= folds, CRM_ERR_FORMAT, "eval.folds = %d, but there are %lld labelled rows",
              folds, (long long)v->n);
    CRM_CHECK(kind != CRM_FOLDS_GROUPED || group, CRM_ERR_ARG, "grouped folds need groups");
    CRM_TRY(crm_groups_find(v, kind == CRM_FOLDS_GROUPED ? group : NULL, &g));
    st = folds_new(v, folds, repeats, out);
    for (int r = 0; r < repeats && !st; r++)
        st = fill_repeat(v, target, kind, seed, &g, *out, r);
    if (!st) st = finish(v, *out);
    if (st && *out) crm_folds_free(out);
    crm_groups_free(&g);
    return st;
}

/* fold[i] = 0 for the rows of the second part of a stratified split, -1 for the others. */
static crm_status mark_test(const crm_view *v, int target, double fraction, uint64_t seed,
                            int32_t *fold)
{
    crm_view *first, *second;
    crm_status st = crm_view_split(v, NULL, target, fraction, seed, &first, &second);
    int64_t at = 0;

    for (int64_t i = 0; i < v->n && !st; i++) /* both lists are in the order of v */
        fold[i] = at < second->n && second->row[at] == v->row[i] ? (at++, 0) : -1;
    crm_view_free(&first);
    crm_view_free(&second);
    return st;
}

crm_status crm_folds_holdout(const crm_view *v, int target, double fraction, int repeats,
                             uint64_t seed, crm_folds **out)
{
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_CHECK(v->data->target[target].level != CRM_LEVEL_TOKEN, CRM_ERR_CONFIG,
              "eval.split: holdout is stratified by a class of each row, but target '%s' labels "
              "tokens; choose plain, contiguous, grouped, part or file",
              v->data->target[target].name);
    CRM_TRY(check_classes(v, target, 2));
    CRM_TRY(folds_new(v, 1, repeats, out));
    for (int r = 0; r < repeats && !st; r++)
        st = mark_test(v, target, fraction, crm_rng_derive(seed, (uint64_t)r, 0, 0),
                       (*out)->fold + r * v->n);
    if (!st) st = finish(v, *out);
    if (st) crm_folds_free(out);
    return st;
}

/* One line "f0,f1,..." into value[*n]; *n = -1 when it is not one. */
static void parse_line(const char *p, const char *end, int64_t *value, int max, int *n)
{
    *n = 0;
    while (p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        if (*n == max || !crm_parse_i64(p, (size_t)(stop - p), &value[*n]) || value[*n] < -1) {
            *n = -1;
            return;
        }
        ++*n;
        p = stop + 1;
    }
}

enum { MAX_REPEATS = 1000 };

/* Table of all rows of the data set, [rows][repeats], read line by line. */
static crm_status read_table(const char *path, const char *text, size_t bytes, int64_t rows,
                             int64_t **table, int *repeats)
{
    int64_t value[MAX_REPEATS], line = 0;
    const char *p = text, *end = text + bytes;
    crm_status st = CRM_OK;
    int n;

    *repeats = 0;
    *table = NULL;
    for (; p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        parse_line(p, stop > p && stop[-1] == '\r' ? stop - 1 : stop, value, MAX_REPEATS, &n);
        CRM_CHECK_TO(st, fail, n > 0 && (line == 0 || n == *repeats), CRM_ERR_FORMAT,
                     "%s:%lld: a fold number per repeat is needed, comma-separated, each line the "
                     "same count",
                     path, (long long)line + 1);
        CRM_CHECK_TO(st, fail, line < rows, CRM_ERR_FORMAT,
                     "%s:%lld: more lines than the data set has rows (%lld)", path,
                     (long long)line + 1, (long long)rows);
        if (line == 0) {
            *repeats = n;
            CRM_NEW_TO(st, fail, *table, rows * n);
        }
        memcpy(*table + line * n, value, (size_t)n * sizeof *value);
        p = stop + 1;
    }
    CRM_CHECK_TO(st, fail, line == rows, CRM_ERR_FORMAT,
                 "%s: %lld lines, the data set has %lld rows", path, (long long)line,
                 (long long)rows);
    return CRM_OK;
fail:
    crm_mem_free(*table);
    *table = NULL;
    return st;
}

/* Each fold of each repeat has a test row; a gap in the numbers would be a fold without any. */
static crm_status check_filled(const char *path, const crm_folds *f)
{
    int64_t *count = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(count, (int64_t)f->repeats * f->folds);
    for (int r = 0; r < f->repeats; r++)
        for (int64_t i = 0; i < f->n; i++)
            if (f->fold[r * f->n + i] >= 0) count[r * f->folds + f->fold[r * f->n + i]]++;
    for (int k = 0; k < f->repeats * f->folds; k++)
        CRM_CHECK_TO(
            st, done, count[k] > 0, CRM_ERR_FORMAT,
            "%s: fold %d of column %d has no labelled row, but fold %d has; numbers go from "
            "0 without a gap",
            path, k % f->folds, k / f->folds + 1, f->folds - 1);
done:
    crm_mem_free(count);
    return st;
}

static crm_status table_to_folds(const crm_view *v, const char *path, const int64_t *table,
                                 int repeats, crm_folds **out)
{
    int64_t top = -1;
    crm_folds *f;

    for (int64_t i = 0; i < v->n; i++)
        for (int r = 0; r < repeats; r++)
            if (table[v->row[i] * repeats + r] > top) top = table[v->row[i] * repeats + r];
    CRM_CHECK(top >= 0 && top < v->n, CRM_ERR_FORMAT,
              "%s: the largest fold number is %lld; 0 to %lld are possible for %lld rows", path,
              (long long)top, (long long)v->n - 1, (long long)v->n);
    CRM_TRY(folds_new(v, (int)top + 1, repeats, out));
    f = *out;
    for (int64_t i = 0; i < v->n; i++)
        for (int r = 0; r < repeats; r++)
            f->fold[r * v->n + i] = (int32_t)table[v->row[i] * repeats + r];
    CRM_TRY(check_filled(path, f));
    return finish(v, f);
}

crm_status crm_folds_read(const crm_view *v, const char *path, crm_folds **out)
{
    char *text;
    size_t bytes;
    int64_t *table = NULL;
    int repeats;
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_path_read(path, (size_t)1 << 31, &text, &bytes));
    st = read_table(path, text, bytes, v->data->rows, &table, &repeats);
    if (!st) st = table_to_folds(v, path, table, repeats, out);
    if (st) crm_folds_free(out);
    crm_mem_free(table);
    crm_mem_free(text);
    return st;
}

crm_status crm_folds_part(const crm_view *v, crm_folds **out)
{
    const int32_t *part = v->data->part;
    int64_t test = 0;
    crm_status st;

    *out = NULL;
    for (int64_t i = 0; part && i < v->n; i++)
        test += part[v->row[i]] != 0;
    CRM_CHECK(test > 0 && test < v->n, CRM_ERR_CONFIG,
              "eval.split: part needs labelled rows in a test part and beside it; %s has %lld of "
              "%lld in one (data.test_path names the file of the test part)",
              crm_data_path(v->data), (long long)test, (long long)v->n);
    CRM_TRY(folds_new(v, 1, 1, out));
    for (int64_t i = 0; i < v->n; i++)
        (*out)->fold[i] = part[v->row[i]] != 0 ? 0 : -1;
    st = finish(v, *out);
    if (st) crm_folds_free(out);
    return st;
}

crm_status crm_folds_views(const crm_folds *f, const crm_view *v, int repeat, int fold,
                           crm_view **train, crm_view **test)
{
    const int32_t *of = f->fold + repeat * f->n;
    uint8_t *keep = NULL;
    crm_status st;

    CRM_NEW(keep, v->n);
    for (int64_t i = 0; i < v->n; i++)
        keep[i] = of[i] == fold;
    st = crm_view_select(v, keep, test);
    for (int64_t i = 0; i < v->n; i++)
        keep[i] = !keep[i];
    if (!st) st = crm_view_select(v, keep, train);
    crm_mem_free(keep);
    return st;
}
