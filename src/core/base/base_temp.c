/* base_temp.c - folders that must not outlive their process: each has a lock file that is held with
 * flock, which the kernel drops however the process ends. */
#include "crmpi/base_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_status.h"
#include "crmpi/base_stop.h"

enum { YOUNG = 10 }; /* s in which a folder's lock may not be held yet */

static const char *parent(void)
{
    const char *dir = getenv("TMPDIR");

    return dir && dir[0] ? dir : "/tmp";
}

crm_status crm_temp_path(const char *what, const char *name, char out[CRM_PATH_MAX])
{
    char own[512];
    int n = snprintf(own, sizeof own, "crmpi-%s-%s", what, name);

    CRM_CHECK(n > 0 && n < (int)sizeof own, CRM_ERR_IO, "crmpi-%s-%s: the name is too long", what,
              name);
    return crm_path_join(parent(), own, out, CRM_PATH_MAX);
}

/* Whether its process is gone: only the holder of the lock ends without removing the folder. */
static bool is_left(const char *dir)
{
    char path[CRM_PATH_MAX + 8];
    struct stat s;
    bool left;
    int fd;

    if (lstat(dir, &s) != 0 || !S_ISDIR(s.st_mode) || s.st_uid != geteuid()) return false;
    snprintf(path, sizeof path, "%s/lock", dir);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    left =
        fstat(fd, &s) == 0 && time(NULL) - s.st_mtime > YOUNG && flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return left;
}

static void remove_left(const char *what)
{
    char begin[128], path[CRM_PATH_MAX];
    DIR *d = opendir(parent());

    snprintf(begin, sizeof begin, "crmpi-%s-", what);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strncmp(e->d_name, begin, strlen(begin)) != 0) continue;
        if (crm_path_join(parent(), e->d_name, path, sizeof path) ||
            (is_left(path) && crm_path_remove(path)))
            crm_err_clear();
    }
    if (d) closedir(d);
}

static int hold(const char *dir)
{
    char path[CRM_PATH_MAX + 8];
    int fd;

    snprintf(path, sizeof path, "%s/lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) (void)flock(fd, LOCK_EX | LOCK_NB); /* without it nobody tells that it is left */
    return fd;
}

crm_status crm_temp_make(const char *what, const char *name, crm_temp *t)
{
    bool made;

    *t = (crm_temp){.lock = -1};
    remove_left(what);
    CRM_TRY(crm_temp_path(what, name ? name : "XXXXXX", t->dir));
    made = name ? mkdir(t->dir, 0700) == 0 : mkdtemp(t->dir) != NULL;
    if (!made) {
        char dir[CRM_PATH_MAX];
        memcpy(dir, t->dir, sizeof dir);
        t->dir[0] = '\0';
        CRM_FAIL(CRM_ERR_IO, "%s: cannot make a folder: %s; set TMPDIR", dir, strerror(errno));
    }
    crm_stop_also(t->dir, true);
    t->lock = hold(t->dir);
    return CRM_OK;
}

void crm_temp_remove(crm_temp *t)
{
    if (!t->dir[0]) return;
    if (crm_path_remove(t->dir)) crm_err_clear();
    crm_stop_also(t->dir, false);
    if (t->lock >= 0) close(t->lock);
    *t = (crm_temp){.lock = -1};
}
