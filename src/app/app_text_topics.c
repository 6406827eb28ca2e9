/* app_text_topics.c - crmpi text: the topics of each text, for models that have learnt some: their
 * transforms up to the topics, without the estimator. */
#include <string.h>

#include "app_text.h"
#include "crmpi/base_mem.h"
#include "crmpi/feature.h"

typedef struct chain {
    const crm_model_spec *spec;
    int topics; /* number of the transform */
    crm_transform *t[CRM_PIPELINE_MAX];
    crm_source *source;
} chain;

static int find_topics(const crm_model_spec *s)
{
    for (int i = 0; i < s->n_transforms; i++)
        if (s->transform[i] == &crm_topics_class) return i;
    return -1;
}

static crm_status load_one(chain *c, int i, crm_bag *b)
{
    const crm_transform_class *class = c->spec->transform[i];
    char scope[32];
    crm_status st;

    CRM_TRY(class->make(c->spec->transform_cfg[i], &c->t[i]));
    snprintf(scope, sizeof scope, "transform%d", i);
    CRM_TRY(crm_bag_push(b, scope));
    st = class->load(c->t[i], crm_source_schema(c->source), b);
    crm_bag_pop(b);
    return st ? st : crm_source_add(c->source, c->t[i]);
}

/* Topics are the last numeric columns: how many, and their names, "topic 1 (...)". */
static crm_status name_topics(const chain *c, int before, app_text_model *m)
{
    const crm_schema *s = crm_source_schema(c->source);

    CRM_NEW(m->topic, s->n_num - before);
    for (; m->n_topics < s->n_num - before; m->n_topics++) {
        m->topic[m->n_topics] = crm_mem_strdup(s->num_name[before + m->n_topics]);
        CRM_CHECK(m->topic[m->n_topics], CRM_ERR_NOMEM, "out of memory: names of topics");
    }
    return CRM_OK;
}

static crm_status read_mixes(const chain *c, const int64_t *row, int64_t n, app_text_model *m)
{
    const crm_schema *s = crm_source_schema(c->source);
    float *num = NULL;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, num, n * s->n_num);
    CRM_NEW_TO(st, done, cat, n * s->n_cat);
    CRM_NEW_TO(st, done, m->mix, n * m->n_topics);
    CRM_TRY_TO(st, done, crm_source_read(c->source, row, n, num, cat));
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < m->n_topics; k++)
            m->mix[i * m->n_topics + k] = num[(i + 1) * s->n_num - m->n_topics + k];
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    return st;
}

static crm_status read_all(chain *c, const int64_t *row, int64_t n, app_text_model *m)
{
    int before = 0;

    for (int i = 0; i <= c->topics; i++) {
        before = crm_source_schema(c->source)->n_num;
        CRM_TRY(load_one(c, i, m->bag));
    }
    CRM_TRY(name_topics(c, before, m));
    return read_mixes(c, row, n, m);
}

crm_status app_text_topics_read(const crm_model_spec *spec, const crm_data *d,
                                const crm_schema *columns, const int64_t *row, int64_t n,
                                app_text_model *m)
{
    chain c = {.spec = spec, .topics = find_topics(spec)};
    crm_status st;

    if (c.topics < 0) return CRM_OK;
    st = crm_source_new_like(d, spec->parts, columns, &c.source);
    if (!st) st = read_all(&c, row, n, m);
    crm_source_free(&c.source);
    for (int i = 0; i <= c.topics; i++)
        if (c.t[i]) c.t[i]->class->free(c.t[i]);
    return st;
}

void app_text_topics_free(app_text_model *m)
{
    for (int k = 0; k < m->n_topics; k++)
        crm_mem_free(m->topic[k]);
    crm_mem_free(m->topic);
    crm_mem_free(m->mix);
    m->topic = NULL;
    m->mix = NULL;
    m->n_topics = 0;
}

int app_text_topic(const app_text_model *m, int64_t d, int nth)
{
    const float *mix = m->mix + d * m->n_topics;

    for (int k = 0; k < m->n_topics; k++) {
        int above = 0;
        for (int j = 0; j < m->n_topics; j++)
            above += mix[j] > mix[k] || (j < k && mix[j] == mix[k]);
        if (above == nth) return k;
    }
    return -1;
}
