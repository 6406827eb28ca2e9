/* text_split.c - text to tokens: characters are gathered into runs, each run passes through the
 * steps below and is handed out as UTF-8. */
#include "crmpi/base_mem.h"
#include "text_impl.h"

/* The run in the making. */
typedef struct run {
    uint32_t *c; /* [n] characters */
    char *utf8;  /* room for cap characters and a 0 */
    size_t n, cap;
    size_t words;    /* letters and digits in it                   */
    uint32_t joiner; /* seen behind it, waiting for a letter; or 0 */
} run;

/* ---- steps of the normal form, in order ---- */
static void to_lower(run *r)
{
    for (size_t i = 0; i < r->n; i++)
        r->c[i] = text_lower(r->c[i]);
}

static void to_plain(run *r)
{
    for (size_t i = 0; i < r->n; i++)
        r->c[i] = text_plain(r->c[i]);
}

static void (*const steps[])(run *r) = {to_lower, to_plain};
enum { STEPS = sizeof steps / sizeof *steps };

/* ---- runs ---- */
static crm_status reserve(run *r, size_t n)
{
    size_t cap = 2 * n + 64;
    uint32_t *c;

    if (n <= r->cap) return CRM_OK;
    c = crm_mem_grow(r->c, r->n, cap, sizeof *c);
    CRM_CHECK(c, CRM_ERR_NOMEM, "out of memory: a token of %zu characters", n);
    r->c = c;
    crm_mem_free(r->utf8);
    r->cap = 0;
    r->utf8 = crm_mem_new(cap, 4);
    CRM_CHECK(r->utf8, CRM_ERR_NOMEM, "out of memory: a token of %zu characters", n);
    r->cap = cap - 1; /* the last place is that of the 0 */
    return CRM_OK;
}

static crm_status end_run(run *r, crm_text_fn fn, void *ctx)
{
    size_t bytes = 0;
    bool token = r->words > 0;

    for (int s = 0; token && s < STEPS; s++)
        steps[s](r);
    for (size_t i = 0; token && i < r->n; i++)
        bytes += text_encode(r->c[i], r->utf8 + bytes);
    r->n = r->words = 0;
    r->joiner = 0;
    if (!token) return CRM_OK;
    r->utf8[bytes] = '\0';
    return fn(ctx, r->utf8, bytes);
}

/* A letter, digit or mark; a joiner before it becomes part of the run. */
static crm_status append(run *r, uint32_t c, text_kind kind)
{
    CRM_TRY(reserve(r, r->n + 2));
    if (r->joiner) r->c[r->n++] = r->joiner;
    r->joiner = 0;
    r->c[r->n++] = c;
    r->words += kind == TEXT_WORD;
    return CRM_OK;
}

static crm_status take(run *r, uint32_t c, crm_text_fn fn, void *ctx)
{
    text_kind kind = text_kind_of(c);
    bool joins = kind == TEXT_JOINER && r->words > 0 && !r->joiner;

    if (kind == TEXT_NOTHING) return CRM_OK;
    if (joins) {
        r->joiner = c;
        return CRM_OK;
    }
    /* a mark cannot follow a joiner: it belongs to a letter */
    if (kind == TEXT_WORD || (kind == TEXT_MARK && !r->joiner)) return append(r, c, kind);
    CRM_TRY(end_run(r, fn, ctx));
    return kind == TEXT_MARK ? append(r, c, kind) : CRM_OK;
}

crm_status crm_text_split(const char *text, size_t len, crm_text_fn fn, void *ctx, int64_t *faults)
{
    const unsigned char *s = (const unsigned char *)text;
    run r = {0};
    crm_status st = CRM_OK;
    int64_t bad_ones = 0;

    for (size_t i = 0, used; !st && i < len; i += used) {
        bool bad;
        uint32_t c = text_decode(s + i, len - i, &used, &bad);
        bad_ones += bad;
        st = take(&r, c, fn, ctx);
    }
    if (!st) st = end_run(&r, fn, ctx);
    if (faults) *faults += bad_ones;
    crm_mem_free(r.c);
    crm_mem_free(r.utf8);
    return st;
}
