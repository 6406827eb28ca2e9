/* train_device.c - the arrays that rows consist of, and pieces of them in the memory of a device.
 */
#include "train_device.h"

#include <math.h>

#include "crmpi/base_mem.h"
#include "train_impl.h"

/* ---- the list ---- */

static int64_t most_levels(const crm_schema *s)
{
    int64_t most = 1;

    for (int64_t k = 0; k < s->n_cat; k++)
        if (s->n_levels[k] > most) most = s->n_levels[k];
    return most;
}

static array label_array(const crm_model_head *h)
{
    unit of = h->documents ? UNIT_DOCUMENT : UNIT_ROW;

    if (h->kind == CRM_HEAD_CLASSES)
        return (array){.of = of, .dtype = CRM_I32, .width = 1, .levels = h->n_classes, .fill = -1};
    return (array){.of = of, .dtype = CRM_F32, .width = h->n_classes, .fill = (double)NAN};
}

void crm_arrays_of(const blocks_map *m, const crm_schema *s, const heads *hs, arrays *out)
{
    const blocks *b = m->b;
    int64_t words = b->documents ? crm_vocab_size(b->vocab) + 1 : 0;

    *out = (arrays){.n = ARRAY_LABEL};
    out->item[ARRAY_NUM] = (array){.of = UNIT_ROW, .dtype = CRM_F32, .width = s->n_num};
    out->item[ARRAY_CAT] = (array){
        .of = UNIT_ROW, .dtype = CRM_I32, .width = s->n_cat, .levels = most_levels(s), .fill = -1};
    out->item[ARRAY_MONTHLY] =
        (array){.of = UNIT_ROW, .dtype = CRM_F32, .width = b->months * b->channel_scale.n};
    out->item[ARRAY_CATEGORY] = (array){.of = UNIT_EVENT,
                                        .dtype = CRM_I32,
                                        .width = b->events,
                                        .levels = b->category.n + 1,
                                        .fill = -1};
    out->item[ARRAY_EVENT_VALUE] =
        (array){.of = UNIT_EVENT, .dtype = CRM_F32, .width = b->events ? b->number_scale.n : 0};
    out->item[ARRAY_TOKEN] =
        (array){.of = UNIT_TOKEN, .dtype = CRM_I32, .width = b->documents, .levels = words};
    out->item[ARRAY_SPARSE_ID] =
        (array){.of = UNIT_ENTRY, .dtype = CRM_I32, .width = b->sparse > 0, .levels = b->sparse};
    out->item[ARRAY_SPARSE_VALUE] =
        (array){.of = UNIT_ENTRY, .dtype = CRM_F32, .width = b->sparse > 0};
    out->item[ARRAY_ROW_ID] = (array){.of = UNIT_ROW, .dtype = CRM_I32, .width = 2, .fill = -1};
    for (int h = 0; hs && h < hs->n; h++)
        out->item[out->n++] = label_array(&hs->head[h]);
}

bool crm_arrays_have(const arrays *as, unit u)
{
    for (int i = 0; i < as->n; i++)
        if (as->item[i].of == u && as->item[i].width > 0) return true;
    return false;
}

void *crm_piece_array(const piece *p, int i)
{
    void *const block[] = {[ARRAY_NUM] = p->num,
                           [ARRAY_CAT] = p->cat,
                           [ARRAY_MONTHLY] = p->blocks.monthly,
                           [ARRAY_CATEGORY] = p->blocks.category,
                           [ARRAY_EVENT_VALUE] = p->blocks.event_value,
                           [ARRAY_TOKEN] = p->blocks.token,
                           [ARRAY_SPARSE_ID] = p->blocks.sparse.id,
                           [ARRAY_SPARSE_VALUE] = p->blocks.sparse.value,
                           [ARRAY_ROW_ID] = p->row_id};
    int h = i - ARRAY_LABEL;

    if (h < 0) return block[i];
    return p->class[h] ? (void *)p->class[h] : (void *)p->value[h];
}

int64_t crm_piece_units(const piece *p, int64_t n, unit u)
{
    const block_rows *b = &p->blocks;

    if (u == UNIT_ROW) return n;
    if (u == UNIT_EVENT) return b->event_first[n];
    if (u == UNIT_ENTRY) return b->sparse.first ? b->sparse.first[n] : 0;
    return u == UNIT_DOCUMENT ? b->doc_first[n] : b->token_first[b->doc_first[n]];
}

/* ---- in device memory ---- */

/* Units that rows can have at most. */
static int64_t room_for(const blocks_map *m, int64_t rows, unit u)
{
    if (u == UNIT_ROW) return rows;
    if (u == UNIT_EVENT) return rows * m->max_events;
    if (u == UNIT_ENTRY) return rows * m->max_sparse;
    return u == UNIT_DOCUMENT ? rows * m->max_docs : rows * m->max_docs * m->max_tokens;
}

crm_status crm_device_piece_new(crm_device *d, const blocks_map *m, const crm_schema *s,
                                const heads *hs, int64_t rows, device_piece *dp)
{
    dp->device = d;
    crm_arrays_of(m, s, hs, &dp->arrays);
    for (int i = 0; i < dp->arrays.n; i++) {
        const array *a = &dp->arrays.item[i];
        if (a->width == 0) continue;
        CRM_TRY(
            crm_buf_new(d, (size_t)(room_for(m, rows, a->of) * a->width) * crm_dtype_size(a->dtype),
                        &dp->at[i]));
    }
    if (!hs) return CRM_OK;
    CRM_NEW(dp->label, hs->n);
    for (int h = 0; h < hs->n; h++)
        if (hs->head[h].kind == CRM_HEAD_CLASSES)
            dp->label[h].class = dp->at[ARRAY_LABEL + h];
        else
            dp->label[h].value = dp->at[ARRAY_LABEL + h];
    return CRM_OK;
}

void crm_device_piece_free(device_piece *dp)
{
    for (int i = 0; i < dp->arrays.n; i++)
        if (dp->at[i]) crm_buf_free(dp->device, dp->at[i]);
    crm_mem_free(dp->label);
    *dp = (device_piece){.device = NULL};
}

crm_status crm_device_piece_upload(device_piece *dp, const piece *p, int64_t n)
{
    int end = p->n_heads > 0 ? dp->arrays.n : ARRAY_LABEL;

    for (int i = 0; i < end; i++) {
        const array *a = &dp->arrays.item[i];
        int64_t units = crm_piece_units(p, n, a->of);
        size_t bytes = (size_t)(units * a->width) * crm_dtype_size(a->dtype);
        if (bytes > 0) CRM_TRY(crm_buf_upload(dp->device, dp->at[i], crm_piece_array(p, i), bytes));
    }
    return CRM_OK;
}

crm_model_batch crm_device_piece_batch(const device_piece *dp, const piece *p, int64_t lanes,
                                       int64_t lane_rows)
{
    return (crm_model_batch){.lanes = lanes,
                             .lane_rows = lane_rows,
                             .num = dp->at[ARRAY_NUM],
                             .cat = dp->at[ARRAY_CAT],
                             .monthly = dp->at[ARRAY_MONTHLY],
                             .event_first = p->blocks.event_first,
                             .category = dp->at[ARRAY_CATEGORY],
                             .event_value = dp->at[ARRAY_EVENT_VALUE],
                             .doc_first = p->blocks.doc_first,
                             .token_first = p->blocks.token_first,
                             .token = dp->at[ARRAY_TOKEN],
                             .sparse_first = p->blocks.sparse.first,
                             .sparse_id = dp->at[ARRAY_SPARSE_ID],
                             .sparse_value = dp->at[ARRAY_SPARSE_VALUE],
                             .label = p->n_heads > 0 ? dp->label : NULL,
                             .row_id = dp->at[ARRAY_ROW_ID]};
}

crm_model_batch crm_batch_lane(const device_piece *dp, const crm_model_batch *b, int64_t lane,
                               crm_model_label *label)
{
    const array *a = dp->arrays.item;
    int64_t row = lane * b->lane_rows;
    crm_model_batch one = *b;

    one.lanes = 1;
    if (b->num) one.num = b->num + row * a[ARRAY_NUM].width;
    if (b->cat) one.cat = b->cat + row * a[ARRAY_CAT].width;
    if (b->monthly) one.monthly = b->monthly + row * a[ARRAY_MONTHLY].width;
    one.event_first = b->event_first + row;
    one.doc_first = b->doc_first + row;
    if (b->sparse_first) one.sparse_first = b->sparse_first + row;
    one.row_id = b->row_id + row;
    for (int h = 0; h < dp->arrays.n - ARRAY_LABEL; h++) {
        const array *l = &a[ARRAY_LABEL + h];
        int64_t at = l->of == UNIT_DOCUMENT ? b->doc_first[row] : row;
        label[h] = b->label[h];
        if (label[h].class) label[h].class += at;
        if (label[h].value) label[h].value += at * l->width;
    }
    one.label = label;
    return one;
}
