/* train_blocks_io.c - the fitted blocks in the bag of the estimator, under "blocks/". */
#include <inttypes.h>
#include <string.h>

#include "train_blocks.h"

static crm_status put_f64(crm_bag *bag, const char *name, int64_t n, const double *x)
{
    return crm_bag_put(bag, name, CRM_F64, 1, &n, x);
}

static crm_status get_f64(const crm_bag *bag, const char *name, int64_t n, double *x)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(bag, name, CRM_F64, n, &a));
    if (n) memcpy(x, a->data, (size_t)n * sizeof *x);
    return CRM_OK;
}

static crm_status put_names(crm_bag *bag, const char *name, const names *t)
{
    return crm_bag_put_list(bag, name, t->n, (const char *const *)t->text);
}

static crm_status get_names(const crm_bag *bag, const char *name, names *t)
{
    const char *const *item;
    int64_t n;

    CRM_TRY(crm_bag_get_list(bag, name, &n, &item));
    return crm_names_set(t, n, item);
}

static crm_status save_months(const blocks *b, crm_bag *bag)
{
    CRM_TRY(crm_bag_put_i64(bag, "blocks/months", b->months));
    if (!b->months) return CRM_OK;
    CRM_TRY(put_names(bag, "blocks/channels", &b->channel));
    CRM_TRY(put_f64(bag, "blocks/channel_mean", b->channel_scale.n, b->channel_scale.mean));
    return put_f64(bag, "blocks/channel_sd", b->channel_scale.n, b->channel_scale.sd);
}

static crm_status load_months(blocks *b, crm_bag *bag)
{
    CRM_TRY(crm_bag_get_i64(bag, "blocks/months", &b->months));
    if (!b->months) return CRM_OK;
    CRM_TRY(get_names(bag, "blocks/channels", &b->channel));
    CRM_TRY(crm_scales_new(&b->channel_scale, b->channel.n));
    CRM_TRY(get_f64(bag, "blocks/channel_mean", b->channel.n, b->channel_scale.mean));
    return get_f64(bag, "blocks/channel_sd", b->channel.n, b->channel_scale.sd);
}

static crm_status save_events(const blocks *b, crm_bag *bag)
{
    CRM_TRY(crm_bag_put_i64(bag, "blocks/events", b->events));
    if (!b->events) return CRM_OK;
    CRM_TRY(put_names(bag, "blocks/categories", &b->category));
    CRM_TRY(put_names(bag, "blocks/numbers", &b->number));
    CRM_TRY(put_f64(bag, "blocks/number_mean", b->number_scale.n, b->number_scale.mean));
    return put_f64(bag, "blocks/number_sd", b->number_scale.n, b->number_scale.sd);
}

static crm_status load_events(blocks *b, crm_bag *bag)
{
    int64_t there, n;

    CRM_TRY(crm_bag_get_i64(bag, "blocks/events", &there));
    b->events = there != 0;
    if (!b->events) return CRM_OK;
    CRM_TRY(get_names(bag, "blocks/categories", &b->category));
    CRM_TRY(get_names(bag, "blocks/numbers", &b->number));
    n = b->number.n + b->model->event_time;
    CRM_TRY(crm_scales_new(&b->number_scale, n));
    CRM_TRY(get_f64(bag, "blocks/number_mean", n, b->number_scale.mean));
    return get_f64(bag, "blocks/number_sd", n, b->number_scale.sd);
}

/* Nets without a wide part are saved as they were before there was one. */
static crm_status load_sparse(blocks *b, const crm_source *in, crm_bag *bag)
{
    int64_t have = crm_source_sparse_width(in);

    if (!crm_bag_find(bag, "blocks/sparse")) return CRM_OK;
    CRM_TRY(crm_bag_get_i64(bag, "blocks/sparse", &b->sparse));
    CRM_CHECK(b->sparse > 0 && b->sparse == have, CRM_ERR_FORMAT,
              "the wide part of the net has %" PRId64 " columns, there are %" PRId64, b->sparse,
              have);
    return CRM_OK;
}

crm_status crm_blocks_save(const blocks *b, crm_bag *bag)
{
    if (b->sparse) CRM_TRY(crm_bag_put_i64(bag, "blocks/sparse", b->sparse));
    CRM_TRY(save_months(b, bag));
    CRM_TRY(save_events(b, bag));
    CRM_TRY(crm_bag_put_i64(bag, "blocks/documents", b->documents));
    if (!b->documents) return CRM_OK;
    CRM_TRY(crm_bag_put_list(bag, "blocks/text", b->words->n, (const char *const *)b->words->item));
    return crm_bag_put_list(bag, "blocks/words", crm_vocab_size(b->vocab),
                            crm_vocab_words(b->vocab));
}

/* A model made before there were such options has none: their defaults are what it was made with.
 */
static crm_status get_options(crm_bag *bag, crm_text_fixed **out)
{
    const char *const *item = NULL;
    int64_t n = 0;

    if (crm_bag_has_list(bag, "blocks/text"))
        CRM_TRY(crm_bag_get_list(bag, "blocks/text", &n, &item));
    return crm_text_fixed_from(n, item, out);
}

crm_status crm_blocks_load(blocks *b, const crm_hybrid_cfg *cfg, const crm_source *in, crm_bag *bag)
{
    const char *const *word;
    int64_t there, n;

    *b = (blocks){.model = &cfg->model, .text = &cfg->text, .log_inputs = cfg->train.log_inputs};
    CRM_TRY(load_sparse(b, in, bag));
    CRM_TRY(load_months(b, bag));
    CRM_TRY(load_events(b, bag));
    CRM_TRY(crm_bag_get_i64(bag, "blocks/documents", &there));
    b->documents = there != 0;
    if (!b->documents) return CRM_OK;
    CRM_TRY(get_options(bag, &b->words));
    CRM_TRY(crm_bag_get_list(bag, "blocks/words", &n, &word));
    return crm_vocab_from_list(n, word, &b->vocab);
}
