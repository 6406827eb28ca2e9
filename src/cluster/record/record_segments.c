/* record_segments.c - segments of customers as JSON. */
#include "crmpi/record_segments.h"

#include <stddef.h>

#include "crmpi/base_mem.h"
#include "crmpi/record_json.h"

const char *const crm_segments_group_names[] = {"behaviour", "value", "sentiment", "profile", NULL};
_Static_assert(sizeof crm_segments_group_names / sizeof *crm_segments_group_names ==
                   CRM_SEGMENTS_GROUPS + 1,
               "names");

static void add_digest(crm_json *j, const char *key, crm_digest d)
{
    char hex[CRM_DIGEST_HEX];

    crm_json_text(j, key, crm_digest_hex(d, hex));
}

static void add_scores(crm_json *j, const crm_segmentation *s)
{
    if (!s->score) return;
    crm_json_list(j, "chosen_among");
    for (int k = 2; k <= s->most; k++) {
        crm_json_object(j, NULL);
        crm_json_int(j, "clusters", k);
        crm_json_real(j, "silhouette", s->score[k]);
        crm_json_end(j);
    }
    crm_json_end(j);
}

static void add_stability(crm_json *j, const crm_segmentation *s)
{
    crm_json_object(j, "stability");
    crm_json_int(j, "seeds", s->seeds);
    crm_json_reals(j, "adjusted_rand_index", s->seeds > 0 ? s->seeds - 1 : 0, s->agreement);
    crm_json_end(j);
}

static void add_segments(crm_json *j, const crm_segmentation *s)
{
    crm_json_list(j, "segments");
    for (int i = 0; i < s->k; i++) {
        crm_json_object(j, NULL);
        crm_json_int(j, "segment", i + 1);
        crm_json_int(j, "customers", s->count[i]);
        crm_json_real(j, "share", (double)s->count[i] / (double)s->rows);
        crm_json_real(j, "silhouette", s->silhouette_of[i]);
        crm_json_real(j, "jaccard", s->jaccard[i]);
        crm_json_end(j);
    }
    crm_json_end(j);
}

static void add_columns(crm_json *j, const crm_segmentation *s)
{
    crm_json_list(j, "columns");
    for (int i = 0; i < s->n_columns; i++) {
        const crm_segments_column *c = &s->column[i];
        crm_json_object(j, NULL);
        crm_json_text(j, "name", c->name);
        crm_json_text(j, "group", crm_segments_group_names[c->group]);
        crm_json_bool(j, "shown", c->shown);
        crm_json_real(j, "eta_squared", c->eta2);
        crm_json_int(j, "customers", c->present);
        crm_json_real(j, "mean", c->mean);
        crm_json_real(j, "sd", c->sd);
        crm_json_reals(j, "means", s->k, c->of);
        crm_json_reals(j, "standardised", s->k, c->z);
        crm_json_end(j);
    }
    crm_json_end(j);
}

static void add_targets(crm_json *j, const crm_segmentation *s)
{
    crm_json_list(j, "targets");
    for (int i = 0; i < s->n_targets; i++) {
        const crm_segments_target *t = &s->target[i];
        crm_json_object(j, NULL);
        crm_json_text(j, "name", t->name);
        crm_json_list(j, "classes");
        for (int c = 0; c < t->n_classes; c++) {
            crm_json_object(j, NULL);
            crm_json_text(j, "name", t->class_name[c]);
            crm_json_list(j, "customers");
            for (int k = 0; k < s->k; k++)
                crm_json_int(j, NULL, t->count[(ptrdiff_t)k * t->n_classes + c]);
            crm_json_end(j);
            crm_json_end(j);
        }
        crm_json_end(j);
        crm_json_end(j);
    }
    crm_json_end(j);
}

crm_status crm_segmentation_write(const crm_segmentation *s, crm_str *out)
{
    crm_json *j;
    crm_status st;

    CRM_TRY(crm_json_new(&j));
    crm_json_int(j, "format", 1);
    add_digest(j, "data", s->data);
    crm_json_int(j, "rows", s->rows);
    crm_json_text(j, "points", s->embedding ? "embedding" : "columns");
    if (s->embedding) add_digest(j, "embedding", s->vectors);
    if (s->power) crm_json_text(j, "power", s->power);
    crm_json_int(j, "width", s->width);
    crm_json_int(j, "clusters", s->k);
    add_scores(j, s);
    crm_json_int(j, "seed", (int64_t)s->seed);
    crm_json_int(j, "restarts", s->restarts);
    crm_json_int(j, "silhouette_rows", s->sample < s->rows ? s->sample : s->rows);
    crm_json_real(j, "silhouette", s->silhouette);
    crm_json_real(j, "inertia", s->inertia);
    add_stability(j, s);
    add_segments(j, s);
    add_columns(j, s);
    add_targets(j, s);
    st = crm_json_print(j, out);
    crm_json_free(&j);
    return st;
}

static void free_target(crm_segments_target *t)
{
    for (int c = 0; t->class_name && c < t->n_classes; c++)
        crm_mem_free(t->class_name[c]);
    crm_mem_free(t->class_name);
    crm_mem_free(t->name);
    crm_mem_free(t->count);
}

void crm_segmentation_free(crm_segmentation *s)
{
    for (int i = 0; s->column && i < s->n_columns; i++) {
        crm_mem_free(s->column[i].name);
        crm_mem_free(s->column[i].of);
        crm_mem_free(s->column[i].z);
    }
    for (int i = 0; s->target && i < s->n_targets; i++)
        free_target(&s->target[i]);
    crm_mem_free(s->column);
    crm_mem_free(s->target);
    crm_mem_free(s->score);
    crm_mem_free(s->agreement);
    crm_mem_free(s->count);
    crm_mem_free(s->silhouette_of);
    crm_mem_free(s->jaccard);
    *s = (crm_segmentation){0};
}
