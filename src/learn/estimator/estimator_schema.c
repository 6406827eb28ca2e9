/* estimator_schema.c - schemas in bags, and columns of new data found by name. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "estimator_impl.h"

crm_status crm_schema_save(const crm_schema *s, crm_bag *b)
{
    char name[32];

    CRM_TRY(crm_bag_put_list(b, "num", s->n_num, s->num_name));
    CRM_TRY(crm_bag_put_list(b, "cat", s->n_cat, s->cat_name));
    for (int i = 0; i < s->n_cat; i++) {
        const char *const *level = s->level ? s->level[i] : NULL;
        snprintf(name, sizeof name, "n_levels%d", i);
        CRM_TRY(crm_bag_put_i64(b, name, s->n_levels[i]));
        snprintf(name, sizeof name, "levels%d", i);
        CRM_TRY(crm_bag_put_list(b, name, level ? s->n_levels[i] : 0, level));
    }
    return CRM_OK;
}

static crm_status load_cat(crm_bag *b, int64_t i, const char *column, crm_columns *out)
{
    const char *const *level;
    char name[32];
    int64_t n, have;

    snprintf(name, sizeof name, "n_levels%d", (int)i);
    CRM_TRY(crm_bag_get_i64(b, name, &n));
    snprintf(name, sizeof name, "levels%d", (int)i);
    CRM_TRY(crm_bag_get_list(b, name, &have, &level));
    CRM_CHECK(have == n || have == 0, CRM_ERR_FORMAT,
              "model file: %s has %lld names, %lld are needed", name, (long long)have,
              (long long)n);
    crm_columns_add_cat(out, column, n, have > 0 ? level : NULL);
    return CRM_OK;
}

crm_status crm_schema_load(crm_bag *b, crm_columns *out)
{
    const char *const *name;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "num", &n, &name));
    for (int64_t i = 0; i < n; i++)
        crm_columns_add_num(out, "%s", name[i]);
    CRM_TRY(crm_bag_get_list(b, "cat", &n, &name));
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(load_cat(b, i, name[i], out));
    return CRM_OK;
}

static int find(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

static crm_status map_names(const char *const *want, int n_want, const char *const *have,
                            int n_have, const char *path, const char *kind, int *map)
{
    for (int i = 0; i < n_want; i++) {
        map[i] = find(want[i], have, n_have);
        CRM_CHECK(map[i] >= 0, CRM_ERR_FORMAT,
                  "%s: column '%s' is missing; the model was fitted with it as a %s column", path,
                  want[i], kind);
    }
    return CRM_OK;
}

/* Levels are few or sorted; a plain search per level is done once for a data set.  What is not
 * found is unseen, not missing. */
static crm_status map_levels(const crm_schema *have, int h, const crm_schema *want, int w,
                             int32_t **out)
{
    const char *const *a = have->level ? have->level[h] : NULL;
    const char *const *b = want->level ? want->level[w] : NULL;
    int32_t *map;

    CRM_NEW(map, have->n_levels[h]);
    *out = map;
    for (int64_t i = 0; i < have->n_levels[h]; i++) {
        map[i] = a && b                  ? find(a[i], b, (int)want->n_levels[w])
                 : i < want->n_levels[w] ? (int32_t)i
                                         : -1;
        if (map[i] < 0) map[i] = CRM_CODE_UNSEEN;
    }
    return CRM_OK;
}

crm_status crm_remap_new(const crm_schema *have, const crm_schema *want, const char *path,
                         remap *out)
{
    *out = (remap){.want = want};
    CRM_NEW(out->num, want->n_num);
    CRM_NEW(out->cat, want->n_cat);
    CRM_NEW(out->code, want->n_cat);
    CRM_TRY(map_names(want->num_name, want->n_num, have->num_name, have->n_num, path, "numeric",
                      out->num));
    while (out->in_order < want->n_num && out->num[out->in_order] == out->in_order)
        out->in_order++;
    CRM_TRY(map_names(want->cat_name, want->n_cat, have->cat_name, have->n_cat, path, "categorical",
                      out->cat));
    for (int i = 0; i < want->n_cat; i++)
        CRM_TRY(map_levels(have, out->cat[i], want, i, &out->code[i]));
    return CRM_OK;
}

void crm_remap_row(const remap *r, const float *num, const int32_t *cat, float *num_out,
                   int32_t *cat_out)
{
    if (r->in_order > 0) memcpy(num_out, num, (size_t)r->in_order * sizeof *num);
    for (int i = r->in_order; i < r->want->n_num; i++)
        num_out[i] = num[r->num[i]];
    for (int i = 0; i < r->want->n_cat; i++) {
        int32_t code = cat[r->cat[i]];
        cat_out[i] = code < 0 ? -1 : r->code[i][code];
    }
}

void crm_remap_free(remap *r)
{
    for (int i = 0; r->code && i < r->want->n_cat; i++)
        crm_mem_free(r->code[i]);
    crm_mem_free(r->code);
    crm_mem_free(r->num);
    crm_mem_free(r->cat);
    *r = (remap){0};
}
