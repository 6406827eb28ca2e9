/* device_impl.h - the ops table that every device fills, seen only inside this room.
 *
 * ops.c is the only caller of the operations and has checked every shape before: a device may rely
 * on dtype, rank, extents, leading dimensions and pointers.  A device built apart (a plug-in) fills
 * the same table; crm_device_wrap refuses a table of another ABI number. */
#ifndef CRM_DEVICE_IMPL_H
#define CRM_DEVICE_IMPL_H

#include "crmpi/device.h"
#include "crmpi/device_link.h"

enum {
    CRM_DEVICE_NAME_MAX = 64,
    CRM_DEVICE_ID_MAX = 64,
    CRM_DEVICE_ARITHMETIC_MAX = 384,
    CRM_DEVICE_INSTEAD_MAX = 512
};

/* What an open device says of itself: crm_device_name, _id, _arithmetic. */
typedef struct crm_device_words {
    char name[CRM_DEVICE_NAME_MAX];
    char id[CRM_DEVICE_ID_MAX];
    char arithmetic[CRM_DEVICE_ARITHMETIC_MAX];
} crm_device_words;

/* Bit of an operation in crm_device_ops.offered; the pointer of an operation not offered is NULL.
 */
#define CRM_OFFER(op) (UINT64_C(1) << (op))
_Static_assert(CRM_OP_COUNT <= 64, "crm_device_ops.offered holds 64 operations");

/* Transport between the devices of a group (device_link.h says what each does); link is what open
 * gave. */
typedef struct crm_link_ops {
    crm_status (*id)(void *state, unsigned char id[CRM_LINK_ID]);
    crm_status (*open)(void *state, const unsigned char id[CRM_LINK_ID], int rank, int size,
                       double timeout, void **link);
    crm_status (*after)(void *link);
    crm_status (*mark)(void *link, int i);
    crm_status (*after_mark)(void *link, int i);
    crm_status (*move)(void *link, const crm_link_part *send, int n_send, const crm_link_part *recv,
                       int n_recv);
    crm_status (*gather)(void *link, const crm_link_part *part, int n);
    crm_status (*sum)(void *link, float *v, int64_t n);
    crm_status (*use)(void *link);
    crm_status (*check)(void *link, bool *idle);
    void (*abort)(void *link);
    void (*close)(void *link);
} crm_link_ops;

/* state is what the device keeps behind a handle. */
typedef struct crm_device_ops {
    int abi;          /* CRM_DEVICE_ABI of the build that filled the table */
    uint64_t offered; /* CRM_OFFER(op) of each operation that works        */

    bool host_memory; /* buffers are host memory                            */

    void (*close)(void *state);
    crm_status (*buf_new)(void *state, size_t bytes, void **out);
    void (*buf_free)(void *state, void *buf);
    crm_status (*zero)(void *state, void *buf, size_t bytes);
    crm_status (*upload)(void *state, void *dst, const void *host, size_t bytes);
    crm_status (*download)(void *state, const void *src, void *host, size_t bytes);
    crm_status (*sync)(void *state);

    /* What only a device with queues has; NULL: device.c does without. */
    crm_status (*ahead_begin)(void *state, int slot);
    crm_status (*ahead_end)(void *state, int slot);
    crm_status (*ahead_use)(void *state, int slot);
    crm_status (*ahead_done)(void *state, int slot);
    crm_status (*later_download)(void *state, int ticket, const void *src, size_t bytes);
    crm_status (*later_ready)(void *state, int ticket, bool *ready);
    crm_status (*later_get)(void *state, int ticket, void *host, size_t bytes);
    crm_status (*graph_begin)(void *state, const void *key, size_t bytes, bool *known,
                              bool *capturing);
    /* made: all calls between went well */
    crm_status (*graph_end)(void *state, bool made, bool *again);
    void (*graph_forget)(void *state);
    void (*range_push)(void *state, const char *name); /* marks for a profiler */
    void (*range_pop)(void *state);
    crm_status (*usage)(void *state, crm_device_usage *out);
    const crm_link_ops *link; /* transport between devices, or NULL with the reason in no_link */
    const char *no_link;

    crm_status (*linear)(void *state, const crm_tensor *x, const crm_tensor *w, const crm_tensor *b,
                         crm_act act, crm_tensor *y);
    crm_status (*linear_bwd_x)(void *state, const crm_tensor *dy, const crm_tensor *w,
                               crm_tensor *dx);
    crm_status (*linear_bwd_w)(void *state, const crm_tensor *x, const crm_tensor *dy,
                               const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db);
    /* src is the tensor that act needs: its input or its output. */
    crm_status (*act_bwd)(void *state, crm_act act, const crm_tensor *src, crm_tensor *dy);
    crm_status (*embed)(void *state, const crm_tensor *code, const crm_tensor *table,
                        crm_tensor *y);
    crm_status (*embed_bwd)(void *state, const crm_tensor *code, const crm_tensor *dy,
                            const crm_lanes *lanes, crm_tensor *dtable);
    crm_status (*bag)(void *state, const crm_bag *p, const crm_tensor *table, crm_tensor *y);
    crm_status (*bag_bwd)(void *state, const crm_bag *p, const crm_tensor *dy,
                          const crm_lanes *lanes, crm_tensor *dtable);
    crm_status (*dropout)(void *state, const crm_dropout *p, const crm_tensor *x, crm_tensor *y);
    crm_status (*drop_words)(void *state, const crm_dropout *p, const crm_doc_tokens *of,
                             const crm_tensor *x, crm_tensor *y);
    crm_status (*add)(void *state, const crm_tensor *x, crm_tensor *y);
    crm_status (*copy)(void *state, const crm_tensor *x, crm_tensor *y);
    crm_status (*softmax)(void *state, const crm_tensor *logits, crm_tensor *proba);
    crm_status (*sigmoid)(void *state, const crm_tensor *logits, crm_tensor *proba);
    crm_status (*ce_loss)(void *state, const crm_tensor *logits, const crm_loss *p,
                          const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
    crm_status (*bce_loss)(void *state, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
    crm_status (*huber_loss)(void *state, const crm_tensor *z, const crm_loss *p,
                             const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
    crm_status (*poisson_loss)(void *state, const crm_tensor *z, const crm_loss *p,
                               const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
    crm_status (*pool)(void *state, crm_pool_kind kind, const crm_segments *s, const crm_tensor *x,
                       crm_tensor *y, crm_tensor *arg);
    crm_status (*pool_bwd)(void *state, crm_pool_kind kind, const crm_segments *s,
                           const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx);
    crm_status (*attend)(void *state, const crm_segments *s, const crm_tensor *score,
                         const crm_tensor *x, crm_tensor *weight, crm_tensor *y);
    crm_status (*attend_bwd)(void *state, const crm_segments *s, const crm_tensor *weight,
                             const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                             crm_tensor *dx);
    crm_status (*conv)(void *state, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                       const crm_tensor *b, crm_tensor *y);
    crm_status (*conv_bwd_x)(void *state, const crm_conv *p, const crm_tensor *dy,
                             const crm_tensor *w, crm_tensor *dx);
    crm_status (*conv_bwd_w)(void *state, const crm_conv *p, const crm_tensor *x,
                             const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                             crm_tensor *db);
    crm_status (*text_conv)(void *state, const crm_text_conv *p, const crm_text_weights *w,
                            crm_tensor *y, crm_tensor *arg);
    crm_status (*text_conv_bwd)(void *state, const crm_text_conv *p, const crm_text_weights *w,
                                const crm_tensor *arg, const crm_tensor *dy, const crm_lanes *lanes,
                                crm_text_weights *dw, bool learn_table);
    crm_status (*rnn)(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                      const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h, crm_tensor *keep);
    crm_status (*rnn_bwd)(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                          const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                          crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                          crm_rnn_weights *dw);
    crm_status (*sum_squares)(void *state, const crm_tensor *x, crm_tensor *out);
    crm_status (*adam)(void *state, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                       crm_tensor *m, crm_tensor *v);
    crm_status (*sgd)(void *state, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                      crm_tensor *m);
    crm_status (*take)(void *state, const crm_tensor *x, const crm_tensor *at, int32_t least,
                       crm_tensor *y);
    crm_status (*gather)(void *state, const crm_gather_item *item, int n); /* n <= CRM_GATHER_MAX */
    crm_status (*combine)(void *state, float *const *vec, int n_vec, const crm_add *add, int n_adds,
                          int64_t first, int64_t n, float *sum);
    crm_status (*norm)(void *state, const crm_tensor *sums, double clip, double *live);
    crm_status (*tally)(void *state, const crm_tensor *x, crm_tensor *total);
} crm_device_ops;

struct crm_device {
    const crm_device_ops *ops;
    void *state;
    crm_device_words words;
    char instead[CRM_DEVICE_INSTEAD_MAX]; /* crm_device_instead */
    int sharers;                          /* crm_device_sharers */
    bool capturing;                       /* between crm_graph_begin and crm_graph_end */
    unsigned char later[CRM_LATER_SLOTS][CRM_LATER_MAX]; /* of a device that does not queue */
};

/* Extent that nothing fixes, for the checks below. */
enum { CRM_OPS_ANY = -1 };
/* Checks that all operations share (ops.c); errors name the tensor. */
CRM_CHECKED crm_ops_offered(const crm_device *d, crm_op op);
/* t is f32 [n][d]; dense [n] of a type; rank 3 f32 dense [a][b][c]. */
CRM_CHECKED crm_ops_matrix(const char *name, const crm_tensor *t, int64_t n, int64_t d);
CRM_CHECKED crm_ops_vector(const char *name, const crm_tensor *t, crm_dtype dtype, int64_t n);
CRM_CHECKED crm_ops_cube(const char *name, const crm_tensor *t, int64_t a, int64_t b, int64_t c);
/* Lanes make up n rows; results [n][d], rows ld apart, of two lanes do not overlap. */
CRM_CHECKED crm_ops_lanes_cover(const crm_lanes *lanes, int64_t n);
CRM_CHECKED crm_ops_lanes_apart(const crm_lanes *lanes, int64_t n, int64_t d, int64_t ld);

/* Rows of lane l. */
static inline int64_t crm_lane_first(const crm_lanes *lanes, int64_t l)
{
    return lanes->first ? lanes->first[l] : l * lanes->rows;
}

/* A handle round a table and its state.  On failure (CRM_ERR_DEVICE: another ABI; CRM_ERR_NOMEM)
 * the state stays the caller's. */
CRM_CHECKED crm_device_wrap(const crm_device_ops *ops, void *state, const crm_device_words *words,
                            crm_device **out);
#endif
