/* base_path.h - files and folders (room base).  All functions are local to the calling process. */
#ifndef CRM_BASE_PATH_H
#define CRM_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"

enum { CRM_PATH_MAX = 4096 };

bool crm_path_exists(const char *path);
bool crm_path_is_dir(const char *path);
bool crm_path_is_file(const char *path);
/** Writes "a/b" (b alone when it is absolute or a is empty); CRM_ERR_ARG when longer than cap. */
CRM_CHECKED crm_path_join(const char *a, const char *b, char *out, size_t cap);
/** Folder part of path ("." when it has none) into out. */
CRM_CHECKED crm_path_dir(const char *path, char *out, size_t cap);
/** Pointer to the last component inside path. */
const char *crm_path_base(const char *path);
/** Make a folder and its parents; an existing folder is fine.  CRM_ERR_IO names the errno text. */
CRM_CHECKED crm_path_mkdirs(const char *path);
/** Size in bytes; CRM_ERR_IO when path is missing, a folder or unreadable (each said apart). */
CRM_CHECKED crm_path_file_size(const char *path, int64_t *bytes);
/** Free bytes for this user on the file system that holds path (or its nearest existing parent). */
CRM_CHECKED crm_path_free_bytes(const char *path, int64_t *bytes);
/** Write a whole file: to path.tmp, fsync, rename, fsync of the folder.  Nothing partial stays. */
CRM_CHECKED crm_path_write_atomic(const char *path, const void *data, size_t bytes);
/** fsync src, rename it to dst, fsync the folder of dst. */
CRM_CHECKED crm_path_commit(const char *src, const char *dst);
/** The parts of it for other writers: each goes on after an interruption by a signal.  open: with
 *  O_CLOEXEC, mode 0666; -1 and errno.  sync: fsync.  close: -1 is fine, *fd becomes -1. */
int crm_path_open(const char *path, int flags);
CRM_CHECKED crm_path_sync(int fd, const char *path);
CRM_CHECKED crm_path_close(int *fd, const char *path);
/** Read a whole file of at most limit bytes; *out ends with an extra 0 and is the caller's
 *  (crm_mem_free).  CRM_ERR_IO as crm_path_file_size; CRM_ERR_FORMAT when larger than limit. */
CRM_CHECKED crm_path_read(const char *path, size_t limit, char **out, size_t *bytes);
/** Remove a file or a folder with all in it; a missing one is fine. */
CRM_CHECKED crm_path_remove(const char *path);
#endif
