/* io_fault.c - a library to load in front of a program (LD_PRELOAD): lets one of its calls to the
 * file system fail.
 *
 * Counted are open, creat, openat, write, pwrite, fsync, fdatasync, rename, renameat, ftruncate and
 * close on paths that hold a given word.  CRM_IO_FAULT=WORD:K:HOW lets the K-th of them (from 1)
 * fail; HOW is EIO, ENOSPC or EINTR: that error, nothing is done (but a close closes); short: a
 * write takes only half of the bytes (only writes are counted then).  With '+' behind HOW all later
 * ones fail, too.  CRM_IO_FAULT_LOG names a file that gets a line about the call that failed (the
 * first) and, at the end, how many were counted.  A program that knows of it calls io_fault_set
 * instead, which it finds with dlsym. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 4096 };
typedef enum how { NONE, EIO_, ENOSPC_, EINTR_, SHORT } how;
static const char *const HOW[] = {"none", "EIO", "ENOSPC", "EINTR", "short"};

static char word[256], hit[PATH + 64];
static long at;
static how kind;
static bool stays, no_sync;
static atomic_long calls;

void io_fault_set(const char *path_word, long k, const char *name);
long io_fault_calls(void);
const char *io_fault_hit(void);
void io_fault_skip_sync(void);

/* k 0: none fails, calls are counted.  Begins to count anew. */
void io_fault_set(const char *path_word, long k, const char *name)
{
    size_t n = strcspn(name, "+");

    snprintf(word, sizeof word, "%s", path_word);
    kind = NONE;
    for (int h = 1; h <= SHORT; h++)
        if (strncmp(name, HOW[h], n) == 0 && strlen(HOW[h]) == n) kind = (how)h;
    stays = name[n] == '+';
    at = k;
    hit[0] = '\0';
    atomic_store(&calls, 0);
}

long io_fault_calls(void)
{
    return atomic_load(&calls);
}

/* The call that failed, "" when none did. */
const char *io_fault_hit(void)
{
    return hit;
}

/* From now on fsync is counted but not done: many tries take less time. */
void io_fault_skip_sync(void)
{
    no_sync = true;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("CRM_IO_FAULT");
    char part[256];
    char *k, *name;

    if (!text || strlen(text) >= sizeof part) return;
    memcpy(part, text, strlen(text) + 1);
    k = strchr(part, ':');
    name = k ? strchr(k + 1, ':') : NULL;
    if (!name) return;
    *k++ = *name++ = '\0';
    io_fault_set(part, strtol(k, NULL, 10), name);
}

static void note(const char *text)
{
    const char *log = getenv("CRM_IO_FAULT_LOG");
    FILE *f = log ? fopen(log, "a") : NULL;

    if (!f) return;
    fprintf(f, "%s\n", text);
    fclose(f);
}

static void tell(const char *call, const char *path)
{
    snprintf(hit, sizeof hit, "%s %s", call, path);
    note(hit);
}

__attribute__((destructor)) static void end(void)
{
    char text[64];

    if (!getenv("CRM_IO_FAULT")) return;
    snprintf(text, sizeof text, "%ld calls", atomic_load(&calls));
    note(text);
}

/* What is to happen to this call; errno is set. */
static how strike(const char *call, const char *path, bool writes)
{
    static const int number[] = {0, EIO, ENOSPC, EINTR, 0};
    long k;

    if (!word[0] || !path || !strstr(path, word) || (kind == SHORT && !writes)) return NONE;
    k = atomic_fetch_add(&calls, 1) + 1;
    if (at == 0 || (stays ? k < at : k != at)) return NONE;
    if (!hit[0]) tell(call, path);
    if (number[kind]) errno = number[kind];
    return kind;
}

static how strike_fd(const char *call, int fd, bool writes)
{
    char name[64], path[PATH];
    ssize_t n;

    if (!word[0]) return NONE;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    n = readlink(name, path, sizeof path - 1);
    if (n <= 0) return NONE;
    path[n] = '\0';
    return strike(call, path, writes);
}

/* The function of that name behind this library. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static int mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, int) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list ap;                                                                                \
        int mode;                                                                                  \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = mode_of(flags, ap);                                                                 \
        va_end(ap);                                                                                \
        return strike("open", path, false) ? -1 : REAL(name)(path, flags, mode);                   \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int dir, const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list ap;                                                                                \
        int mode;                                                                                  \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = mode_of(flags, ap);                                                                 \
        va_end(ap);                                                                                \
        return strike("openat", path, false) ? -1 : REAL(name)(dir, path, flags, mode);            \
    }
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode)
{
    return strike("creat", path, false) ? -1 : REAL(creat)(path, mode);
}

static size_t half(how h, size_t n)
{
    return h == SHORT && n > 1 ? n / 2 : n;
}

ssize_t write(int fd, const void *data, size_t n)
{
    how h = strike_fd("write", fd, true);

    return h && h != SHORT ? -1 : REAL(write)(fd, data, half(h, n));
}

#define PWRITE(name, offset)                                                                       \
    ssize_t name(int fd, const void *data, size_t n, offset place)                                 \
    {                                                                                              \
        how h = strike_fd("pwrite", fd, true);                                                     \
                                                                                                   \
        return h && h != SHORT ? -1 : REAL(name)(fd, data, half(h, n), place);                     \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int fsync(int fd)
{
    if (strike_fd("fsync", fd, false)) return -1;
    return no_sync ? 0 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return strike_fd("fdatasync", fd, false) ? -1 : REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t size)
{
    return strike_fd("ftruncate", fd, false) ? -1 : REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return strike_fd("ftruncate", fd, false) ? -1 : REAL(ftruncate64)(fd, size);
}

int rename(const char *from, const char *to)
{
    return strike("rename", from, false) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return strike("renameat", from, false) ? -1 : REAL(renameat)(from_dir, from, to_dir, to);
}

int close(int fd)
{
    how h = strike_fd("close", fd, false);
    int error = errno, bad = REAL(close)(fd);

    if (!h) return bad;
    errno = error;
    return -1;
}
