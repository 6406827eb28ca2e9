/* store_seal.c - the seal behind the HDF5 content: damage is found before HDF5 reads the file.
 *
 * The parser of HDF5 1.10 trusts much of what it reads; damaged metadata can make it crash.  So the
 * last bytes of a file are a digest of all bytes before it but those of the arrays, whose places
 * stand in front of it and whose bytes the content digest covers.  It is read with plain calls and
 * checked first.  HDF5 does not look behind the end of the content that its superblock names.
 *
 *     {u64 at, u64 bytes} x n   places of the arrays that have elements, ascending
 *     u64 version, u64 end of the HDF5 content, u64 bytes of the file, u64 n
 *     u64 x 2                   high and low half of the digest over the bytes before it
 *     8 bytes                   "CRMPIEND"
 *
 * docs/data-format.md has it for others, docs/adr/0004-seal.md says why it is this. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

enum { BUFFER = 1 << 16, FOOT = 56, SPAN = 16, HASHED_FOOT = 32 };
static const char MAGIC[8] = {'C', 'R', 'M', 'P', 'I', 'E', 'N', 'D'};
_Static_assert(sizeof(store_span) == SPAN, "spans are written as they are in memory");

typedef struct foot {
    uint64_t version, end, size, n, hi, lo;
    char magic[8];
} foot;
_Static_assert(sizeof(foot) == FOOT, "the foot is written as it is in memory");

/* Bytes [at, end) of the file. */
static crm_status add_bytes(crm_hash *h, int fd, const char *path, uint64_t at, uint64_t end,
                            char *buffer)
{
    size_t got;

    while (at < end) {
        size_t n = end - at < BUFFER ? (size_t)(end - at) : BUFFER;
        CRM_TRY(store_read_at(fd, buffer, n, (int64_t)at, path, &got));
        CRM_CHECK(got == n, CRM_ERR_FORMAT, "%s: is truncated: it ends at byte %llu", path,
                  (unsigned long long)(at + got));
        crm_hash_add(h, buffer, n);
        at += n;
    }
    return CRM_OK;
}

/* Digest of bytes [0, end) without the spans, which ascend and lie inside. */
static crm_status digest_rest(int fd, const char *path, const store_span *span, uint64_t n,
                              uint64_t end, crm_digest *out)
{
    char *buffer = NULL;
    crm_hash *h = NULL;
    crm_status st = CRM_OK;
    uint64_t at = 0;

    CRM_TRY_TO(st, done, crm_hash_new(&h));
    CRM_NEW_TO(st, done, buffer, BUFFER);
    for (uint64_t i = 0; i < n; i++) {
        CRM_TRY_TO(st, done, add_bytes(h, fd, path, at, span[i].at, buffer));
        at = span[i].at + span[i].bytes;
    }
    CRM_TRY_TO(st, done, add_bytes(h, fd, path, at, end, buffer));
    *out = crm_hash_value(h);
done:
    crm_hash_free(&h);
    crm_mem_free(buffer);
    return st;
}

/* ---- writing ---- */
static int by_place(const void *a, const void *b)
{
    const store_span *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static crm_status spans_of(const store_table *t, store_span **out, uint64_t *n)
{
    CRM_NEW(*out, t->n);
    *n = 0;
    for (int i = 0; i < t->n; i++)
        if (t->entry[i].bytes > 0)
            (*out)[(*n)++] =
                (store_span){(uint64_t)t->entry[i].offset, (uint64_t)t->entry[i].bytes};
    qsort(*out, *n, sizeof **out, by_place);
    return CRM_OK;
}

crm_status store_seal_put(int fd, const char *path, const store_table *t)
{
    foot f = {.version = STORE_SEAL_FORMAT};
    store_span *span = NULL;
    crm_status st = CRM_OK;
    struct stat s;
    crm_digest d;

    CRM_CHECK(fstat(fd, &s) == 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    CRM_TRY(spans_of(t, &span, &f.n));
    f.end = (uint64_t)s.st_size;
    f.size = f.end + f.n * SPAN + FOOT;
    memcpy(f.magic, MAGIC, sizeof MAGIC);
    CRM_TRY_TO(st, done, store_write_at(fd, span, f.n * SPAN, (int64_t)f.end, path));
    CRM_TRY_TO(st, done, store_write_at(fd, &f, FOOT, (int64_t)(f.size - FOOT), path));
    CRM_TRY_TO(st, done, digest_rest(fd, path, span, f.n, f.size - FOOT + HASHED_FOOT, &d));
    f.hi = d.hi;
    f.lo = d.lo;
    st = store_write_at(fd, &f, FOOT, (int64_t)(f.size - FOOT), path);
done:
    crm_mem_free(span);
    return st;
}

/* ---- reading ---- */
static crm_status read_foot(int fd, int64_t size, const char *path, foot *f, bool *there)
{
    size_t got = 0;

    *there = false;
    if (size < FOOT) return CRM_OK;
    CRM_TRY(store_read_at(fd, f, FOOT, size - FOOT, path, &got));
    *there = got == FOOT && memcmp(f->magic, MAGIC, sizeof MAGIC) == 0;
    return CRM_OK;
}

/* Does the name of our first attribute occur anywhere?  HDF5 writes it as it is. */
static crm_status find_mark(int fd, int64_t size, const char *path, bool *found)
{
    const size_t len = sizeof STORE_KIND_KEY - 1;
    crm_status st = CRM_OK;
    char *block;
    size_t got;

    *found = false;
    CRM_NEW(block, STORE_BLOCK);
    for (int64_t at = 0; at < size && !*found && !st; at += STORE_BLOCK - (int64_t)len) {
        st = store_read_at(fd, block, STORE_BLOCK, at, path, &got);
        for (size_t i = 0; !st && i + len <= got && !*found; i++) {
            const char *c = memchr(block + i, STORE_KIND_KEY[0], got - len + 1 - i);
            if (!c) break;
            i = (size_t)(c - block);
            *found = memcmp(c, STORE_KIND_KEY, len) == 0;
        }
    }
    crm_mem_free(block);
    return st;
}

crm_status store_seal_ours(int fd, int64_t size, const char *path, bool *sealed, bool *ours)
{
    foot f;

    CRM_TRY(read_foot(fd, size, path, &f, sealed));
    *ours = *sealed;
    return *sealed ? CRM_OK : find_mark(fd, size, path, ours);
}

static crm_status check_foot(const crm_store *s, const foot *f)
{
    uint64_t size = (uint64_t)s->size;

    CRM_CHECK(f->version == STORE_SEAL_FORMAT, CRM_ERR_FORMAT,
              "%s: has a seal of version %llu, this program reads version %d", s->path,
              (unsigned long long)f->version, (int)STORE_SEAL_FORMAT);
    CRM_CHECK(f->size == size && f->n <= STORE_OBJECTS_MAX && f->n <= (size - FOOT) / SPAN &&
                  f->end == size - FOOT - f->n * SPAN,
              CRM_ERR_FORMAT,
              "%s: is damaged: its seal is that of a file of %llu bytes with %llu arrays, the file "
              "has %lld bytes",
              s->path, (unsigned long long)f->size, (unsigned long long)f->n, (long long)s->size);
    return CRM_OK;
}

static crm_status read_spans(crm_store *s, const foot *f)
{
    uint64_t at = 0;
    bool ok = true;
    size_t got;

    CRM_NEW(s->span, f->n);
    s->n_span = (int)f->n;
    CRM_TRY(store_read_at(s->fd, s->span, f->n * SPAN, (int64_t)f->end, s->path, &got));
    ok = got == f->n * SPAN;
    for (uint64_t i = 0; i < f->n && ok; i++) {
        const store_span *p = &s->span[i];
        ok = p->at >= at && p->at <= f->end && p->bytes > 0 && p->bytes <= f->end - p->at;
        at = p->at + p->bytes;
    }
    CRM_CHECK(ok, CRM_ERR_FORMAT, "%s: is damaged: the places of arrays in its seal are impossible",
              s->path);
    return CRM_OK;
}

static crm_status no_seal(const crm_store *s, const char *kind)
{
    bool ours;

    CRM_TRY(find_mark(s->fd, s->size, s->path, &ours));
    CRM_CHECK(!ours, CRM_ERR_FORMAT,
              "%s: has no seal at its end: an older crmpi made it, it was cut off, or another "
              "program changed it; make it again",
              s->path);
    CRM_FAIL(CRM_ERR_FORMAT,
             "%s: is an HDF5 file, but not one of crmpi's (it has no " STORE_KIND_KEY ")%s%s%s",
             s->path, kind ? "; a '" : "", kind ? kind : "", kind ? "' is needed" : "");
}

crm_status store_seal_check(crm_store *s, const char *kind)
{
    bool there;
    crm_digest d;
    foot f;

    CRM_TRY(read_foot(s->fd, s->size, s->path, &f, &there));
    if (!there) return no_seal(s, kind);
    CRM_TRY(check_foot(s, &f));
    s->content = (int64_t)f.end;
    CRM_TRY(read_spans(s, &f));
    CRM_TRY(digest_rest(s->fd, s->path, s->span, f.n, f.size - FOOT + HASHED_FOOT, &d));
    CRM_CHECK(d.hi == f.hi && d.lo == f.lo, CRM_ERR_FORMAT,
              "%s: is damaged: its bytes differ from the digest in its seal", s->path);
    return CRM_OK;
}

/* Each byte is under one of the two digests only when the arrays are just where the seal has them;
 * arrays that share bytes are refused with this, too. */
crm_status store_seal_match(const crm_store *s)
{
    store_span *span;
    bool ok;
    uint64_t n = 0;

    CRM_TRY(spans_of(&s->table, &span, &n));
    ok = n == (uint64_t)s->n_span && (n == 0 || memcmp(span, s->span, n * SPAN) == 0);
    crm_mem_free(span);
    CRM_CHECK(ok, CRM_ERR_FORMAT, "%s: its arrays are not where its seal has them", s->path);
    return CRM_OK;
}
