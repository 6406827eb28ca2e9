/* alloc_fault.c - a library to load in front of a program (LD_PRELOAD): lets one of its allocations
 * fail.
 *
 * Only calls that come from the main program itself are counted (found by their return address), or
 * those from its own libraries, so that MPI and the C library go undisturbed; and only in a process
 * whose name is CRM_ALLOC_NAME, so that a launcher in front of it does, too.
 *
 *   CRM_ALLOC_NAME  name of the program, "crmpi" where unset
 *   CRM_ALLOC_FAIL  number of the call that gets NULL, from 1; 0 or unset: none
 *   CRM_ALLOC_ON    1: every call behind it fails too
 *   CRM_ALLOC_KEEP  number of the free() that is left out, from 1; 0 or unset: none
 *   CRM_ALLOC_RANK  only in this rank of an MPI job
 *   CRM_ALLOC_FROM  "program" (where unset), or parts of file names, such as "libyaml:libhdf5"
 *   CRM_ALLOC_LOG   file: "calls N", how many there were, written at the end; "failed K" and where
 *                   the call came from, written then */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RANGES = 32, ARENA = 65536, DEPTH = 24 };

static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t), *(*real_aligned)(size_t, size_t);
static int (*real_posix)(void **, size_t, size_t);
static void (*real_free)(void *);

static struct {
    uintptr_t first, end;
} range[RANGES];
static int n_ranges;
static long fail_at, keep_at;
static bool on, ready;
static atomic_long calls, frees;
static const char *from, *log_path;

/* ---- before the real functions are known: dlsym allocates ---- */

static char arena[ARENA] __attribute__((aligned(64)));
static size_t arena_used;

static void *early(size_t size)
{
    void *p = arena + arena_used;

    arena_used += (size + 63) & ~(size_t)63;
    return arena_used <= ARENA ? p : NULL;
}

static bool is_early(const void *p)
{
    return (const char *)p >= arena && (const char *)p < arena + ARENA;
}

static void find(void *function, const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    memcpy(function, &p, sizeof p);
}

static void find_all(void)
{
    static bool looking;

    if (looking) return;
    looking = true;
    find(&real_free, "free");
    find(&real_calloc, "calloc");
    find(&real_realloc, "realloc");
    find(&real_aligned, "aligned_alloc");
    find(&real_posix, "posix_memalign");
    find(&real_malloc, "malloc");
}

/* ---- log ---- */

/* Appended, without any memory. */
static void write_log(const char *text, void *const *frame, int n)
{
    int fd = log_path && log_path[0]
                 ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
                 : -1;

    if (fd < 0) return;
    if (write(fd, text, strlen(text)) >= 0 && n > 0) backtrace_symbols_fd(frame, n, fd);
    close(fd);
}

/* ---- which calls count ---- */

static bool is_wanted(const char *name)
{
    const char *part = from;

    if (!from || strcmp(from, "program") == 0) return name[0] == '\0';
    while (*part) {
        size_t n = strcspn(part, ":");
        const char *at = name;
        for (; n > 0 && *at; at++)
            if (strncmp(at, part, n) == 0) return true;
        part += n;
        if (*part) part++;
    }
    return false;
}

/* The code of a loaded object. */
static int add_ranges(struct dl_phdr_info *o, size_t size, void *data)
{
    (void)size, (void)data;
    for (int i = 0; i < o->dlpi_phnum && is_wanted(o->dlpi_name); i++) {
        const ElfW(Phdr) *h = &o->dlpi_phdr[i];
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X) || n_ranges == RANGES) continue;
        range[n_ranges].first = o->dlpi_addr + h->p_vaddr;
        range[n_ranges].end = range[n_ranges].first + h->p_memsz;
        n_ranges++;
    }
    return 0;
}

static bool is_rank(void)
{
    const char *want = getenv("CRM_ALLOC_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");

    return !want || !want[0] || (rank && strcmp(want, rank) == 0);
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv("CRM_ALLOC_NAME"), *at = getenv("CRM_ALLOC_FAIL"),
               *more = getenv("CRM_ALLOC_ON"), *keep = getenv("CRM_ALLOC_KEEP");
    void *frame[2];

    if (!real_malloc) find_all();
    if (strcmp(program_invocation_short_name, name ? name : "crmpi") != 0 || !is_rank()) return;
    from = getenv("CRM_ALLOC_FROM");
    log_path = getenv("CRM_ALLOC_LOG");
    fail_at = at ? atol(at) : 0;
    keep_at = keep ? atol(keep) : 0;
    on = more && strcmp(more, "1") == 0;
    dl_iterate_phdr(add_ranges, NULL);
    backtrace(frame, 2); /* loads what it needs, once */
    ready = true;
}

__attribute__((destructor)) static void end(void)
{
    char line[64];

    if (!ready) return;
    ready = false;
    snprintf(line, sizeof line, "calls %ld\n", atomic_load(&calls));
    write_log(line, NULL, 0);
}

/* Whether a call that comes back to this address counts. */
static bool counts(const void *back)
{
    uintptr_t at = (uintptr_t)back;
    int i = 0;

    while (ready && i < n_ranges && (at < range[i].first || at >= range[i].end))
        i++;
    return ready && i < n_ranges;
}

/* Whether it gets nothing. */
static bool fails(const void *back)
{
    void *frame[DEPTH];
    char line[64];
    long k;

    if (!counts(back)) return false;
    k = atomic_fetch_add(&calls, 1) + 1;
    if (fail_at <= 0 || (on ? k < fail_at : k != fail_at)) return false;
    if (k == fail_at) {
        snprintf(line, sizeof line, "failed %ld\n", k);
        write_log(line, frame, backtrace(frame, DEPTH));
    }
    errno = ENOMEM;
    return true;
}
#define FAILS fails(__builtin_return_address(0))

/* ---- in the place of the C library's ---- */

void *malloc(size_t size)
{
    if (!real_malloc) find_all();
    if (!real_malloc) return early(size);
    return FAILS ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    if (!real_malloc) find_all();
    if (!real_malloc) return early(n * size); /* zero as it is used once */
    return FAILS ? NULL : real_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    void *p;

    if (!real_malloc) find_all();
    if (real_malloc && !is_early(old)) return FAILS ? NULL : real_realloc(old, size);
    p = real_malloc ? real_malloc(size) : early(size);
    if (p && old) {
        size_t rest = (size_t)(arena + ARENA - (char *)old);
        memcpy(p, old, size < rest ? size : rest);
    }
    return p;
}

void *aligned_alloc(size_t align, size_t size)
{
    if (!real_malloc) find_all();
    return FAILS ? NULL : real_aligned(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    if (!real_malloc) find_all();
    return FAILS ? ENOMEM : real_posix(out, align, size);
}

void free(void *p)
{
    if (!real_malloc) find_all();
    if (is_early(p) || !real_free) return;
    if (keep_at > 0 && counts(__builtin_return_address(0)) &&
        atomic_fetch_add(&frees, 1) + 1 == keep_at)
        return;
    real_free(p);
}
