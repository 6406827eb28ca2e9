/* record_testing.h - a folder for a test of run folders, files in it. */
#ifndef CRM_RECORD_TESTING_H
#define CRM_RECORD_TESTING_H

#include <stdlib.h>

#include "crm_test_mpi.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

static char base[256]; /* folder of this test program */

static inline bool root(void)
{
    return crm_comm_rank(t_comm) == 0;
}

static inline const char *at(const char *name)
{
    static char path[4][CRM_PATH_MAX];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", base, name);
    return path[i];
}

static inline void put(const char *name, const char *text)
{
    if (root()) T_OK(crm_path_write_atomic(at(name), text, strlen(text)));
}

/* Content of a file, on rank 0; the caller frees. */
static inline char *content(const char *name)
{
    char *text = NULL;
    size_t len;

    T_OK(crm_path_read(at(name), 1 << 20, &text, &len));
    return text;
}

static inline void contains(const char *name, const char *part, bool wanted)
{
    char *text;

    if (!root()) return;
    text = content(name);
    if (!text || (strstr(text, part) != NULL) != wanted) {
        t_fail(__FILE__, __LINE__, wanted ? "the file holds the text" : "it does not");
        fprintf(stderr, "#   %s: '%s': %s\n", name, part, text ? text : "(no file)");
    }
    crm_mem_free(text);
}

static inline void make_base(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(base, sizeof base, "%.200s/crmpi-record-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (root()) T_CHECK(mkdtemp(base) != NULL);
    T_OK(crm_comm_bcast(t_comm, 0, base, sizeof base));
}

static inline void remove_base(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (root()) T_OK(crm_path_remove(base));
}

#endif
