/* ops_rnn.c - recurrent nets: names and sizes, checks of shapes, call of the ops table. */
#include "device_impl.h"

enum { ANY = CRM_OPS_ANY };

const char *const crm_rnn_kind_names[] = {"gru", "lstm", NULL};
_Static_assert(sizeof crm_rnn_kind_names / sizeof *crm_rnn_kind_names == CRM_RNN_KIND_COUNT + 1,
               "a name for each kind");

int crm_rnn_gates(crm_rnn_kind kind)
{
    return kind == CRM_RNN_GRU ? 3 : 4;
}

/* GRU: r, z, n, wh h + bh of n; LSTM: i, f, g, o, c'. */
int crm_rnn_keep(crm_rnn_kind kind)
{
    return kind == CRM_RNN_GRU ? 4 : 5;
}

/* Steps follow one another, each with rows, none with more than the one before. */
static crm_status packed_covers(const crm_packed *q, int64_t lane, int64_t first, int64_t end)
{
    bool falling = q->steps >= 0 && (q->steps == 0 || q->first);

    for (int64_t t = 0; falling && t < q->steps; t++) {
        int64_t n = q->first[t + 1] - q->first[t];

        falling = n > 0 && (t == 0 || n <= q->first[t] - q->first[t - 1]);
    }
    CRM_CHECK(falling, CRM_ERR_ARG,
              "packed sequences of lane %lld: steps must have rows, and no more than the step "
              "before",
              (long long)lane);
    if (q->steps == 0 && first == end) return CRM_OK;
    CRM_CHECK(q->steps > 0 && q->first[0] == first && q->first[q->steps] == end, CRM_ERR_ARG,
              "%lld steps of lane %lld do not make rows %lld to %lld", (long long)q->steps,
              (long long)lane, (long long)first, (long long)end);
    return CRM_OK;
}

static crm_status weights_fit(const crm_rnn_weights *w, int64_t rows, int64_t inputs, int64_t units)
{
    CRM_CHECK(w != NULL, CRM_ERR_ARG, "weights of a recurrent net are missing");
    CRM_TRY(crm_ops_matrix("wi", &w->wi, rows, inputs));
    CRM_TRY(crm_ops_matrix("wh", &w->wh, rows, units));
    CRM_TRY(crm_ops_vector("bi", &w->bi, CRM_F32, rows));
    return crm_ops_vector("bh", &w->bh, CRM_F32, rows);
}

static crm_status shapes(const crm_rnn *p, const crm_rnn_weights *w, const crm_lanes *lanes,
                         const crm_tensor *x, const crm_tensor *h, const crm_tensor *keep)
{
    CRM_CHECK(p != NULL && p->packed != NULL && (unsigned)p->kind < CRM_RNN_KIND_COUNT, CRM_ERR_ARG,
              "recurrent net without packed sequences, or of no kind");
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("h", h, x->dim[0], ANY));
    CRM_TRY(weights_fit(w, crm_rnn_gates(p->kind) * h->dim[1], x->dim[1], h->dim[1]));
    if (keep) CRM_TRY(crm_ops_matrix("keep", keep, x->dim[0], crm_rnn_keep(p->kind) * h->dim[1]));
    CRM_TRY(crm_ops_lanes_cover(lanes, x->dim[0]));
    for (int64_t l = 0; l < lanes->n; l++)
        CRM_TRY(packed_covers(&p->packed[l], l, crm_lane_first(lanes, l),
                              crm_lane_first(lanes, l + 1)));
    return CRM_OK;
}

crm_status crm_op_rnn(crm_device *d, const crm_rnn *p, const crm_rnn_weights *w,
                      const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h, crm_tensor *keep)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_RNN));
    CRM_TRY(shapes(p, w, lanes, x, h, keep));
    return d->ops->rnn(d->state, p, w, lanes, x, h, keep);
}

crm_status crm_op_rnn_bwd(crm_device *d, const crm_rnn *p, const crm_rnn_weights *w,
                          const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                          crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                          crm_rnn_weights *dw)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_RNN_BWD));
    CRM_CHECK(keep != NULL, CRM_ERR_ARG, "tensor keep is missing");
    CRM_TRY(shapes(p, w, lanes, x, h, keep));
    CRM_TRY(crm_ops_matrix("dh", dh, x->dim[0], h->dim[1]));
    if (dx) CRM_TRY(crm_ops_matrix("dx", dx, x->dim[0], x->dim[1]));
    CRM_TRY(weights_fit(dw, w->wi.dim[0], w->wi.dim[1], w->wh.dim[1]));
    CRM_TRY(crm_ops_lanes_apart(lanes, dw->wi.dim[0], dw->wi.dim[1], dw->wi.ld));
    CRM_TRY(crm_ops_lanes_apart(lanes, dw->wh.dim[0], dw->wh.dim[1], dw->wh.ld));
    return d->ops->rnn_bwd(d->state, p, w, lanes, x, h, keep, dh, dx, dw);
}
