/* base_limit.c - how much memory there is for this process: that of the machine, or what its
 * control group allows.
 *
 * Linux says the former in /proc/meminfo; /proc/self/cgroup names the group, whose limit stands in
 * memory.max (version 2) or memory.limit_in_bytes (version 1), and so do those of the groups around
 * it.  A batch system sets such a limit for each job. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

/* The number after "name:" in a file of such lines, in KiB; 0 when there is none. */
static int64_t kibibytes(const char *path, const char *name)
{
    FILE *f = fopen(path, "r");
    size_t n = strlen(name);
    char line[256];
    long long value = 0;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':' &&
            sscanf(line + n + 1, "%lld", &value) == 1)
            break;
    if (f) fclose(f);
    return (int64_t)value;
}

/* Limit in one file; "max" and a missing file are none. */
static int64_t smaller_limit(const char *path, int64_t limit)
{
    FILE *f = fopen(path, "r");
    long long value = 0;

    if (f && fscanf(f, "%lld", &value) == 1 && value > 0 && value < limit) limit = (int64_t)value;
    if (f) fclose(f);
    return limit;
}

/* Limits of group and of all groups around it under root; file is what holds the limit. */
static int64_t group_limit(const char *root, const char *group, const char *file, int64_t limit)
{
    char path[CRM_PATH_MAX], at[CRM_PATH_MAX];
    int n = snprintf(at, sizeof at, "%s", group);

    while (n >= 0 && n < (int)sizeof at) {
        char *slash = strrchr(at, '/');
        int length = snprintf(path, sizeof path, "%s%s/%s", root, at, file);
        if (length > 0 && length < (int)sizeof path) limit = smaller_limit(path, limit);
        if (!slash) break;
        *slash = '\0';
    }
    return limit;
}

int64_t crm_mem_limit(void)
{
    int64_t limit = kibibytes("/proc/meminfo", "MemTotal") * 1024;
    FILE *f = fopen("/proc/self/cgroup", "r");
    char line[CRM_PATH_MAX];

    while (f && limit > 0 && fgets(line, sizeof line, f)) {
        char *group = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        if (!group) continue;
        if (strncmp(line, "0::", 3) == 0)
            limit = group_limit("/sys/fs/cgroup", group, "memory.max", limit);
        else if (strstr(line, ":memory:"))
            limit = group_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", limit);
    }
    if (f) fclose(f);
    return limit;
}
