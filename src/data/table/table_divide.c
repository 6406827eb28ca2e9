/* table_divide.c - the parts of the ranks.
 *
 * The bytes behind the headers of all files, one file after the other, are cut into equal parts,
 * wherever that falls.  A byte stands outside quotes, inside, or behind a quote that closes unless
 * another follows.  A part is a function from the state before its first byte to the state behind
 * its last, found without the bytes before; the functions of the parts before, one after the
 * other, tell a rank in which state its own begins.  Its first record begins behind the first
 * newline outside quotes.  That holds for any bytes, so that broken rows are the same on any number
 * of ranks. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_scan.h"

enum { OUTSIDE, INSIDE, CLOSING, STATES };

/* What a rank tells the others about its last piece of a file. */
typedef struct part {
    int64_t source; /* -1: the part is empty                             */
    int64_t lines;  /* line ends in the piece                            */
    int64_t fresh;  /* the piece begins where the data of the file begin */
    int64_t to[STATES];
} part;

/* ---- states ---- */
static int step(int state, bool opens)
{
    if (state == OUTSIDE) return opens ? INSIDE : OUTSIDE;
    return state == INSIDE ? CLOSING : INSIDE;
}

/* The quote at i may open a field. */
static bool may_open(const table_source *s, size_t i)
{
    if (i == s->data_at) return true;
    return s->file.data[i - 1] == s->sep || s->file.data[i - 1] == '\n';
}

static void pass(const table_source *s, size_t from, size_t to, int64_t state[STATES])
{
    const char *data = s->file.data, *q;
    size_t behind = from; /* behind the last quote */

    if (s->unquoted) return;
    for (size_t i = from; i < to && (q = memchr(data + i, '"', to - i)); i = behind) {
        i = (size_t)(q - data);
        for (int k = 0; k < STATES; k++) {
            if (state[k] == CLOSING && i > behind) state[k] = OUTSIDE;
            state[k] = step((int)state[k], may_open(s, i));
        }
        behind = i + 1;
    }
    for (int k = 0; k < STATES; k++)
        if (state[k] == CLOSING && to > behind) state[k] = OUTSIDE;
}

/* First byte of a record in [from, to), to when there is none. */
static size_t first_record(const table_source *s, size_t from, size_t to, int state)
{
    const char *data = s->file.data;

    if (from == s->data_at) return from;
    if (state == CLOSING && data[from] != '"') state = OUTSIDE;
    if (state == OUTSIDE && data[from - 1] == '\n') return from;
    for (size_t i = from; i < to; i++) {
        if (data[i] == '"' && !s->unquoted) {
            state = step(state, may_open(s, i));
            continue;
        }
        if (state == CLOSING) state = OUTSIDE;
        if (data[i] == '\n' && state == OUTSIDE) return i + 1;
    }
    return to;
}

/* ---- pieces ---- */
static size_t data_bytes(const table_source *s)
{
    return s->file.size - s->data_at;
}

/* Pieces of files in the bytes [from, to) of all. */
static crm_status cut(table_input *in, size_t from, size_t to)
{
    size_t at = 0;

    CRM_NEW(in->segment, in->n);
    for (int i = 0; i < in->n; at += data_bytes(&in->source[i]), i++) {
        const table_source *s = &in->source[i];
        size_t end = at + data_bytes(s), a = from > at ? from : at, b = to < end ? to : end;
        if (a >= b) continue;
        in->segment[in->n_segments++] = (table_segment){
            .source = i, .begin = s->data_at + (a - at), .end = s->data_at + (b - at)};
    }
    return CRM_OK;
}

static part describe(table_input *in, bool alone)
{
    const table_kernels *k = crm_table_kernels();
    part p = {.source = -1, .to = {OUTSIDE, INSIDE, CLOSING}};
    const table_segment *last = in->n_segments ? &in->segment[in->n_segments - 1] : NULL;

    for (int i = 0; i < in->n_segments; i++) {
        table_segment *g = &in->segment[i];
        g->lines = k->newlines(in->source[g->source].file.data + g->begin, g->end - g->begin);
    }
    if (!last) return p;
    p.source = last->source;
    p.lines = last->lines;
    p.fresh = last->begin == in->source[last->source].data_at;
    if (p.fresh) p.to[INSIDE] = p.to[CLOSING] = OUTSIDE;
    if (!alone) pass(&in->source[last->source], last->begin, last->end, p.to);
    return p;
}

/* Where the first piece begins that goes on from other ranks: state, and line ends before it. */
static void settle_first(table_input *in, const part *all, int rank)
{
    table_segment *g = &in->segment[0];
    const table_source *s = &in->source[g->source];
    size_t from = g->begin;
    int64_t state = OUTSIDE;

    for (int r = 0; r < rank; r++) {
        if (all[r].source != g->source) continue;
        state = s->unquoted ? OUTSIDE : all[r].to[all[r].fresh ? OUTSIDE : state];
        g->line += all[r].lines;
    }
    g->begin = first_record(s, from, g->end, (int)state);
    g->line += crm_table_lines(s->file.data + from, g->begin - from);
}

crm_status crm_table_input_divide(crm_comm *comm, table_input *in)
{
    uint64_t rank = (uint64_t)crm_comm_rank(comm), size = (uint64_t)crm_comm_size(comm);
    size_t bytes = 0, share, rest, from, total = 0;
    void *all = NULL;
    part mine;

    for (int i = 0; i < in->n; i++)
        bytes += data_bytes(&in->source[i]);
    share = bytes / size;
    rest = bytes % size;
    from = share * rank + (rank < rest ? rank : rest);
    CRM_TRY(crm_comm_agree(comm, cut(in, from, from + share + (rank < rest))));
    mine = describe(in, size == 1);
    CRM_TRY(crm_comm_allgather(comm, &mine, sizeof mine, &all, &total, NULL));
    for (int i = 0; i < in->n_segments; i++)
        in->segment[i].line = in->source[in->segment[i].source].data_line;
    if (in->n_segments > 0) settle_first(in, all, (int)rank);
    crm_mem_free(all);
    return CRM_OK;
}
