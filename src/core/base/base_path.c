/* base_path.c - files and folders; every failure names the path and the errno text. */
#include "crmpi/base_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "crmpi/base_mem.h"

bool crm_path_exists(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

bool crm_path_is_dir(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

bool crm_path_is_file(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

crm_status crm_path_join(const char *a, const char *b, char *out, size_t cap)
{
    size_t la = strlen(a);
    const char *sep = la > 0 && a[la - 1] != '/' ? "/" : "";
    int n = b[0] == '/' || la == 0 ? snprintf(out, cap, "%s", b)
                                   : snprintf(out, cap, "%s%s%s", a, sep, b);

    CRM_CHECK(n >= 0 && (size_t)n < cap, CRM_ERR_ARG, "path of %d bytes is longer than %zu", n,
              cap - 1);
    return CRM_OK;
}

crm_status crm_path_dir(const char *path, char *out, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (slash == path) n = 1;
    CRM_CHECK(n < cap && cap > 1, CRM_ERR_ARG, "path of %zu bytes is longer than %zu", n, cap - 1);
    memcpy(out, n ? path : ".", n ? n : 1);
    out[n ? n : 1] = '\0';
    return CRM_OK;
}

const char *crm_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static crm_status make_folder(const char *path)
{
    int error = mkdir(path, 0777) == 0 ? 0 : errno;

    CRM_CHECK(!error || crm_path_is_dir(path), CRM_ERR_IO, "%s: cannot make the folder: %s", path,
              error == EEXIST ? "a file of that name is in the way" : strerror(error));
    return CRM_OK;
}

crm_status crm_path_mkdirs(const char *path)
{
    char part[CRM_PATH_MAX];

    CRM_TRY(crm_path_join("", path, part, sizeof part));
    for (char *p = part + 1; *path && *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        CRM_TRY(make_folder(part));
        *p = '/';
    }
    return make_folder(path);
}

crm_status crm_path_file_size(const char *path, int64_t *bytes)
{
    struct stat s;

    CRM_CHECK(stat(path, &s) == 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    CRM_CHECK(!S_ISDIR(s.st_mode), CRM_ERR_IO, "%s: is a folder, a file is needed", path);
    CRM_CHECK(!S_ISFIFO(s.st_mode), CRM_ERR_IO, "%s: is a pipe, a file is needed", path);
    CRM_CHECK(access(path, R_OK) == 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    *bytes = s.st_size;
    return CRM_OK;
}

crm_status crm_path_free_bytes(const char *path, int64_t *bytes)
{
    char part[CRM_PATH_MAX], up[CRM_PATH_MAX];
    struct statvfs v;

    CRM_TRY(crm_path_join("", path, part, sizeof part));
    while (!crm_path_exists(part)) {
        CRM_TRY(crm_path_dir(part, up, sizeof up));
        memcpy(part, up, sizeof part);
    }
    CRM_CHECK(statvfs(part, &v) == 0, CRM_ERR_IO, "%s: %s", part, strerror(errno));
    *bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    return CRM_OK;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k == 0) errno = ENOSPC;
        if (k <= 0) return -1;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

int crm_path_open(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

crm_status crm_path_sync(int fd, const char *path)
{
    int bad;

    do
        bad = fsync(fd);
    while (bad && errno == EINTR);
    CRM_CHECK(!bad, CRM_ERR_IO, "%s: fsync: %s", path, strerror(errno));
    return CRM_OK;
}

crm_status crm_path_close(int *fd, const char *path)
{
    int was = *fd;

    /* After EINTR the descriptor is closed on Linux, and may be another thread's by now. */
    *fd = -1;
    CRM_CHECK(was < 0 || close(was) == 0 || errno == EINTR, CRM_ERR_IO, "%s: close: %s", path,
              strerror(errno));
    return CRM_OK;
}

static crm_status sync_path(const char *path, int flags)
{
    int fd = crm_path_open(path, flags);
    crm_status st;

    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be opened for fsync: %s", path, strerror(errno));
    st = crm_path_sync(fd, path);
    close(fd);
    return st;
}

crm_status crm_path_commit(const char *src, const char *dst)
{
    char dir[CRM_PATH_MAX];
    int bad;

    CRM_TRY(sync_path(src, O_RDONLY));
    do
        bad = rename(src, dst);
    while (bad && errno == EINTR);
    CRM_CHECK(!bad, CRM_ERR_IO, "%s: cannot rename to %s: %s", src, dst, strerror(errno));
    CRM_TRY(crm_path_dir(dst, dir, sizeof dir));
    return sync_path(dir, O_RDONLY | O_DIRECTORY);
}

crm_status crm_path_write_atomic(const char *path, const void *data, size_t bytes)
{
    char tmp[CRM_PATH_MAX];
    crm_status st = CRM_OK;
    int fd;

    CRM_CHECK(snprintf(tmp, sizeof tmp, "%s.tmp", path) < (int)sizeof tmp, CRM_ERR_ARG,
              "path too long: %s", path);
    fd = crm_path_open(tmp, O_WRONLY | O_CREAT | O_TRUNC);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be written: %s", tmp, strerror(errno));
    if (write_all(fd, data, bytes))
        CRM_SET(st, CRM_ERR_IO, "%s: cannot write %zu bytes: %s", tmp, bytes, strerror(errno));
    if (st)
        close(fd);
    else
        st = crm_path_close(&fd, tmp);
    if (!st) st = crm_path_commit(tmp, path);
    if (st) unlink(tmp);
    return st;
}

crm_status crm_path_read(const char *path, size_t limit, char **out, size_t *bytes)
{
    int64_t size;
    crm_status st = CRM_OK;
    size_t n = 0;
    char *p = NULL;
    FILE *f;

    *out = NULL;
    CRM_TRY(crm_path_file_size(path, &size));
    CRM_CHECK((size_t)size <= limit, CRM_ERR_FORMAT, "%s: %lld bytes, the limit is %zu", path,
              (long long)size, limit);
    f = fopen(path, "rb");
    CRM_CHECK(f, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    CRM_NEW_TO(st, done, p, size + 1);
    n = fread(p, 1, (size_t)size, f);
    CRM_CHECK_TO(st, done, !ferror(f), CRM_ERR_IO, "%s: cannot be read", path);
    *out = p;
    *bytes = n;
done:
    fclose(f);
    if (st) crm_mem_free(p);
    return st;
}

static crm_status remove_entries(const char *path)
{
    char child[CRM_PATH_MAX];
    crm_status st = CRM_OK;
    struct dirent *e;
    DIR *d = opendir(path);

    CRM_CHECK(d, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    while (!st && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        st = crm_path_join(path, e->d_name, child, sizeof child);
        if (!st) st = crm_path_remove(child);
    }
    closedir(d);
    return st;
}

crm_status crm_path_remove(const char *path)
{
    struct stat s;

    if (lstat(path, &s) != 0) return CRM_OK;
    if (!S_ISDIR(s.st_mode)) {
        CRM_CHECK(unlink(path) == 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
        return CRM_OK;
    }
    CRM_TRY(remove_entries(path));
    CRM_CHECK(rmdir(path) == 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    return CRM_OK;
}
