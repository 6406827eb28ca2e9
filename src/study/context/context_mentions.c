/* context_mentions.c - mentions in the documents of this rank's customers: collected first, scored
 * together, then counted for each customer. */
#include <math.h>
#include <string.h>

#include "context_impl.h"

static crm_status reserve(context_mentions *m)
{
    int64_t cap = 2 * m->cap + 1024;
    int32_t *slot;
    int64_t *first;

    if (m->n < m->cap) return CRM_OK;
    slot = crm_mem_grow(m->slot, (size_t)m->n, (size_t)cap, sizeof *slot);
    if (slot) m->slot = slot;
    first =
        crm_mem_grow(m->first, (size_t)(m->first ? m->n + 1 : 0), (size_t)cap + 1, sizeof *first);
    if (first) m->first = first;
    CRM_CHECK(slot && first, CRM_ERR_NOMEM, "out of memory: %lld mentions", (long long)cap);
    m->cap = cap;
    return CRM_OK;
}

static crm_status reserve_tokens(context_mentions *m, int64_t n)
{
    int64_t used = m->first[m->n], cap = 2 * (used + n) + 4096;
    int32_t *token;

    if (used + n <= m->cap_tokens) return CRM_OK;
    token = crm_mem_grow(m->token, (size_t)used, (size_t)cap, sizeof *token);
    CRM_CHECK(token, CRM_ERR_NOMEM, "out of memory: words of mentions");
    m->token = token;
    m->cap_tokens = cap;
    return CRM_OK;
}

crm_status context_mention(context *c, int slot, const context_tokens *x, int64_t from, int64_t end)
{
    context_mentions *m = &c->mentions;
    int64_t n = 0;

    CRM_TRY(reserve(m));
    if (c->lexicon.there) {
        if (!c->slots.slot[slot].documents)
            context_clause(&c->lexicon, x, c->plan->cfg->window, &from, &end);
        n = end - from;
        CRM_TRY(reserve_tokens(m, n));
    }
    if (n > 0) memcpy(m->token + m->first[m->n], x->id + from, (size_t)n * sizeof *m->token);
    m->slot[m->n] = slot;
    m->first[m->n + 1] = m->first[m->n] + n;
    m->n++;
    return CRM_OK;
}

static void add(context_tally *t, int kind, double polarity, double neutral)
{
    bool any = kind == CONTEXT_ANY;

    t->n++;
    t->sum += polarity;
    t->preference += kind == CONTEXT_PREFERENCE || (any && polarity > neutral);
    t->pain += kind == CONTEXT_PAIN || (any && polarity < -neutral);
}

static void put(const context *c, const context_slot *s, const context_tally *t, float *out)
{
    out += s->column;
    if (!s->documents) *out++ = (float)t->n;
    if (!c->lexicon.there) return;
    *out++ = t->n ? (float)(t->sum / (double)t->n) : NAN;
    if (s->kind != CONTEXT_ANY) return;
    *out++ = (float)t->preference;
    *out++ = (float)t->pain;
}

static void count_row(context *c, int64_t row)
{
    const context_mentions *m = &c->mentions;
    double neutral = c->plan->cfg->neutral;

    memset(c->tally, 0, (size_t)c->slots.n * sizeof *c->tally);
    for (int64_t i = m->row[row]; i < m->row[row + 1]; i++) {
        const context_slot *s = &c->slots.slot[m->slot[i]];
        add(&c->tally[m->slot[i]], s->kind, m->score[i], neutral);
        if (s->all >= 0) add(&c->tally[s->all], s->kind, m->score[i], neutral);
    }
    for (int i = 0; i < c->slots.n; i++)
        put(c, &c->slots.slot[i], &c->tally[i], c->value + row * c->columns.n);
}

crm_status context_count_mentions(context *c)
{
    context_mentions *m = &c->mentions;

    if (c->slots.n == 0) return CRM_OK;
    CRM_NEW(c->tally, c->slots.n);
    CRM_NEW(m->score, m->n);
    if (c->lexicon.there && m->n > 0)
        CRM_TRY(context_lexicon_scores(&c->lexicon, m->n, m->first, m->token, m->score));
    for (int64_t row = 0; row < c->end - c->first; row++)
        count_row(c, row);
    return CRM_OK;
}

void context_mentions_free(context_mentions *m)
{
    crm_mem_free(m->slot);
    crm_mem_free(m->first);
    crm_mem_free(m->token);
    crm_mem_free(m->score);
    crm_mem_free(m->row);
    *m = (context_mentions){0};
}
