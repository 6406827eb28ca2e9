/* tree_hist_share.c - branches are grown by one thread each; with several ranks, each branch by the
 * rank that gets its rows from all others.
 *
 * Branches are in the order of their rows, left to right, which is the same on all ranks; a rank
 * grows neighbours.  So what goes to a rank is one piece of the rows. */
#include "tree_hist_impl.h"

/* Branches [first[r], first[r + 1]) belong to rank r. */
typedef struct share {
    hist_team *g;
    int rank, size;
    int64_t n;        /* branches */
    int64_t *first;   /* [size + 1] */
    hist_tree *grown; /* [n]; those of others come in the end */
    int64_t *rows;    /* [size][n] rows of each branch on each rank */
    int64_t *at;      /* [size][n] where those of own branches begin in what has come */
    void *code, *tag; /* that have come */
} share;

/* ---- the order of branches ---- */
/* Nodes of the tree from left to right: the branch of each, or -1 -> places of branches. */
static crm_status walk(const hist_tree *t, const int32_t *branch, int64_t *order)
{
    int32_t *stack, n_stack = 1;
    int64_t n = 0;

    CRM_NEW(stack, t->n + 1);
    while (n_stack > 0) {
        int32_t i = stack[--n_stack];
        if (branch[i] >= 0) order[n++] = branch[i];
        if (t->node[i].column < 0) continue;
        stack[n_stack++] = t->node[i].left + 1;
        stack[n_stack++] = t->node[i].left;
    }
    crm_mem_free(stack);
    return CRM_OK;
}

static crm_status sort_branches(hist_team *g)
{
    hist_spans *s = &g->branch;
    hist_span *sorted = crm_mem_new((size_t)s->n, sizeof *sorted);
    int32_t *branch = crm_mem_new((size_t)g->t->n, sizeof *branch);
    int64_t *order = crm_mem_new((size_t)s->n, sizeof *order);
    crm_status st = CRM_OK;

    CRM_CHECK_TO(st, done, sorted && branch && order, CRM_ERR_NOMEM, "out of memory: %lld branches",
                 (long long)s->n);
    for (int32_t i = 0; i < g->t->n; i++)
        branch[i] = -1;
    for (int64_t i = 0; i < s->n; i++)
        branch[s->item[i].node] = (int32_t)i;
    CRM_TRY_TO(st, done, walk(g->t, branch, order));
    for (int64_t i = 0; i < s->n; i++)
        sorted[i] = s->item[order[i]];
    for (int64_t i = 0; i < s->n; i++)
        s->item[i] = sorted[i];
done:
    crm_mem_free(sorted);
    crm_mem_free(branch);
    crm_mem_free(order);
    return st;
}

/* ---- rows to the ranks that grow their branches ---- */
/* The middle of a branch's rows among all rows decides. */
static void choose_owners(share *s)
{
    int64_t total = 0, before = 0, r = 0;

    for (int64_t i = 0; i < s->n; i++)
        total += s->g->branch.item[i].rows;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t middle = before + s->g->branch.item[i].rows / 2;
        while (r < s->size - 1 && middle >= (r + 1) * (total / s->size + 1))
            s->first[++r] = i;
        before += s->g->branch.item[i].rows;
    }
    while (r < s->size)
        s->first[++r] = s->n;
}

/* Rows of branches close up, without those of leaves between them. */
static void close_up(hist_team *g)
{
    hist_rows *r = g->rows;
    int64_t at = 0;

    for (int64_t i = 0; i < g->branch.n; i++) {
        hist_span *x = &g->branch.item[i];
        memmove(r->code + at * r->stride, r->code + x->first * r->stride,
                (size_t)(x->n * r->stride));
        memmove(r->tag + at, r->tag + x->first, (size_t)x->n * sizeof *r->tag);
        x->first = at;
        at += x->n;
    }
    r->n = at;
}

static crm_status make_share(share *s)
{
    CRM_NEW(s->first, s->size + 1);
    CRM_NEW(s->grown, s->n);
    CRM_NEW(s->at, s->size * s->n);
    CRM_TRY(sort_branches(s->g));
    choose_owners(s);
    if (s->g->comm) close_up(s->g);
    return CRM_OK;
}

/* What each rank holds of each branch, and where it will stand. */
static crm_status tell_rows(share *s)
{
    int64_t *mine = crm_mem_new((size_t)s->n, sizeof *mine), at = 0;
    void *all = NULL;
    size_t total;
    crm_status st = CRM_OK;

    if (!mine) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld branches", (long long)s->n);
    CRM_TRY_TO(st, done, crm_comm_agree(s->g->comm, st));
    for (int64_t i = 0; i < s->n; i++)
        mine[i] = s->g->branch.item[i].n;
    CRM_TRY_TO(
        st, done,
        crm_comm_allgather(s->g->comm, mine, (size_t)s->n * sizeof *mine, &all, &total, NULL));
    s->rows = all;
    for (int r = 0; r < s->size; r++)
        for (int64_t i = s->first[s->rank]; i < s->first[s->rank + 1]; i++) {
            s->at[r * s->n + i] = at;
            at += s->rows[r * s->n + i];
        }
done:
    crm_mem_free(mine);
    return st;
}

/* width bytes of every row, from all ranks to the owners of branches. */
static crm_status send_rows(const share *s, const void *from, int64_t width, void **got)
{
    size_t *bytes = crm_mem_new(2 * (size_t)s->size, sizeof *bytes);
    crm_status st = CRM_OK;

    if (!bytes) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d sizes", s->size);
    CRM_TRY_TO(st, done, crm_comm_agree(s->g->comm, st));
    for (int r = 0; r < s->size; r++)
        for (int64_t i = s->first[r]; i < s->first[r + 1]; i++)
            bytes[r] += (size_t)(s->g->branch.item[i].n * width);
    st = crm_comm_exchange(s->g->comm, from, bytes, got, bytes + s->size);
done:
    crm_mem_free(bytes);
    return st;
}

static crm_status trade_rows(share *s)
{
    hist_rows *r = s->g->rows;

    CRM_TRY(tell_rows(s));
    CRM_TRY(send_rows(s, r->code, r->stride, &s->code));
    crm_mem_free(r->code);
    r->code = NULL;
    CRM_TRY(send_rows(s, r->tag, sizeof *r->tag, &s->tag));
    hist_rows_free(r);
    return CRM_OK;
}

/* ---- growth ---- */
/* The rows of a branch from all ranks, one after the other. */
static crm_status join_rows(const share *s, int64_t i, hist_rows *r)
{
    int64_t at = 0;

    CRM_NEW(r->code, r->n * r->stride);
    CRM_NEW(r->tag, r->n);
    for (int k = 0; k < s->size; k++) {
        int64_t n = s->rows[k * s->n + i], from = s->at[k * s->n + i];
        if (n == 0) continue;
        memcpy(r->code + at * r->stride, (const uint8_t *)s->code + from * r->stride,
               (size_t)(n * r->stride));
        memcpy(r->tag + at, (const uint32_t *)s->tag + from, (size_t)n * sizeof *r->tag);
        at += n;
    }
    return CRM_OK;
}

static crm_status grow_one(void *ctx, int64_t task, int worker)
{
    share *s = ctx;
    hist_team *g = s->g;
    int64_t i = s->first[s->rank] + task;
    const hist_span *x = &g->branch.item[i];
    hist_rows r = {.n = x->rows, .stride = g->rows->stride}, here = {0};
    crm_status st = CRM_OK;

    if (g->comm)
        st = join_rows(s, i, &r);
    else
        here = hist_part(g->rows, x->first, x->n);
    if (!st) st = hist_tree_new(g->j, g->t->count + (int64_t)x->node * g->j->m, &s->grown[i]);
    if (!st)
        st = hist_grow(g->j, &g->bench[worker], g->comm ? &r : &here, x->depth, x->key,
                       &s->grown[i]);
    hist_rows_free(&r);
    return st;
}

/* ---- branches to all ranks ---- */
/* Own branches one behind the other. */
typedef struct parcel {
    int64_t n;     /* nodes */
    int32_t *size; /* of each branch */
    hist_node *node;
    uint32_t *count;
} parcel;

static crm_status pack(const share *s, parcel *p)
{
    int64_t first = s->first[s->rank], end = s->first[s->rank + 1], m = s->g->j->m, at = 0;

    for (int64_t i = first; i < end; i++)
        p->n += s->grown[i].n;
    CRM_NEW(p->size, end - first);
    CRM_NEW(p->node, p->n);
    CRM_NEW(p->count, p->n * m);
    for (int64_t i = first; i < end; i++) {
        hist_tree *t = &s->grown[i];
        p->size[i - first] = t->n;
        memcpy(p->node + at, t->node, (size_t)t->n * sizeof *t->node);
        memcpy(p->count + at * m, t->count, (size_t)(t->n * m) * sizeof *t->count);
        at += t->n;
        hist_tree_free(t);
    }
    return CRM_OK;
}

/* Node 0 of a branch stands in the tree already; the others go behind what is there. */
static void graft(hist_tree *t, int32_t at, int32_t n, const hist_node *node, const uint32_t *count)
{
    int32_t base = t->n - 1;

    for (int32_t i = 0; i < n; i++) {
        hist_node *to = t->node + (i == 0 ? at : base + i);
        *to = node[i];
        if (to->column >= 0) to->left += base;
    }
    memcpy(t->count + (int64_t)t->n * t->m, count + t->m,
           (size_t)((n - 1) * (int64_t)t->m) * sizeof *count);
    t->n += n - 1;
}

static crm_status graft_all(share *s, const parcel *p)
{
    hist_team *g = s->g;
    int64_t at = 0;

    for (int64_t i = 0; i < s->n; i++)
        at += p->size[i];
    CRM_TRY(hist_tree_reserve(g->t, at));
    at = 0;
    for (int64_t i = 0; i < s->n; at += p->size[i++])
        graft(g->t, g->branch.item[i].node, p->size[i], p->node + at, p->count + at * g->t->m);
    return CRM_OK;
}

/* mine of all ranks; frees it.  *all is NULL after a failure. */
static crm_status gather(crm_comm *comm, size_t bytes, void *mine, void **all)
{
    size_t total;
    crm_status st;

    *all = NULL;
    st = crm_comm_allgather(comm, mine, bytes, all, &total, NULL);
    crm_mem_free(mine);
    return st;
}

/* Own branches -> those of all ranks. */
static crm_status share_parcel(share *s, parcel *p)
{
    int64_t mine = s->first[s->rank + 1] - s->first[s->rank];
    void *all;
    crm_status st = gather(s->g->comm, (size_t)mine * sizeof *p->size, p->size, &all);

    p->size = all;
    if (st) return st;
    st = gather(s->g->comm, (size_t)p->n * sizeof *p->node, p->node, &all);
    p->node = all;
    if (st) return st;
    st = gather(s->g->comm, (size_t)(p->n * s->g->j->m) * sizeof *p->count, p->count, &all);
    p->count = all;
    return st;
}

static crm_status collect(share *s)
{
    parcel p = {0};
    crm_status st;

    CRM_TRY_TO(st, done, hist_agree(s->g, pack(s, &p)));
    if (s->g->comm) CRM_TRY_TO(st, done, share_parcel(s, &p));
    st = hist_agree(s->g, graft_all(s, &p));
done:
    crm_mem_free(p.size);
    crm_mem_free(p.node);
    crm_mem_free(p.count);
    return st;
}

crm_status hist_grow_branches(hist_team *g)
{
    share s = {.g = g, .size = 1, .n = g->branch.n};
    crm_status st;

    if (g->comm) {
        s.rank = crm_comm_rank(g->comm);
        s.size = crm_comm_size(g->comm);
    }
    CRM_TRY_TO(st, done, hist_agree(g, make_share(&s)));
    if (g->comm) CRM_TRY_TO(st, done, trade_rows(&s));
    CRM_TRY_TO(
        st, done,
        hist_agree(g, crm_pool_run(g->pool, s.first[s.rank + 1] - s.first[s.rank], grow_one, &s)));
    hist_rows_free(g->rows);
    st = collect(&s);
done:
    for (int64_t i = 0; s.grown && i < s.n; i++)
        hist_tree_free(&s.grown[i]);
    crm_mem_free(s.first);
    crm_mem_free(s.grown);
    crm_mem_free(s.rows);
    crm_mem_free(s.at);
    crm_mem_free(s.code);
    crm_mem_free(s.tag);
    return st;
}
