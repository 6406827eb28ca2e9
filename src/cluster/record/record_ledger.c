/* record_ledger.c - which run the finished results and checkpoints in a folder are of, by what each
 * of these files tells of itself: RUN/.digest can be made again from them. */
#include <dirent.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/store.h"
#include "record_impl.h"

typedef struct ledger {
    char run[CRM_DIGEST_HEX]; /* of the first file that tells one */
    bool differ;
} ledger;

/* A file that is damaged, or of a version that told no run, has no voice. */
static void add_file(ledger *l, const char *path)
{
    static const char *const names[] = {"run", "unit/run"}; /* of a result, of a checkpoint */
    crm_store *s = NULL;
    int64_t n = 0;

    if (crm_store_open(path, NULL, &s) == CRM_OK && crm_store_verify(NULL, s) == CRM_OK)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *const *run = crm_store_items(s, names[i], &n);
            if (!run || n != 1) continue;
            if (!l->run[0]) snprintf(l->run, sizeof l->run, "%s", run[0]);
            l->differ = l->differ || strcmp(l->run, run[0]) != 0;
        }
    crm_store_close(&s);
    crm_err_clear();
}

static bool is_bag(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && strcmp(name + n - 3, ".h5") == 0;
}

/* The files of a folder, and of those in it. */
static void add_folder(ledger *l, const char *dir, int depth)
{
    char path[CRM_PATH_MAX];
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.' || crm_path_join(dir, e->d_name, path, sizeof path)) continue;
        if (is_bag(e->d_name) && crm_path_is_file(path))
            add_file(l, path);
        else if (depth > 0 && crm_path_is_dir(path))
            add_folder(l, path, depth - 1);
    }
    if (d) closedir(d);
    crm_err_clear();
}

bool crm_record_ledger_agrees(const record_claim *c)
{
    static const char *const folders[] = {"units", "null", "checkpoints"};
    char path[CRM_PATH_MAX], hex[CRM_DIGEST_HEX];
    ledger l = {.differ = false};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (crm_path_join(c->dir, folders[i], path, sizeof path) == CRM_OK) add_folder(&l, path, 1);
    crm_err_clear();
    return !l.differ && strcmp(l.run, crm_digest_hex(c->digest, hex)) == 0;
}
