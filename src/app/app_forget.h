/* app_forget.h - inside of app: the ids that are to be forgotten, and where else they are. */
#ifndef CRM_APP_FORGET_H
#define CRM_APP_FORGET_H

#include "app_impl.h"

/* Ids of a file.  A line may stand for several: as it is written, without the blanks around it, and
 * as the CSV files of predict and segments quote it. */
typedef struct id_list {
    char *text, *forms;
    int64_t n, lines;
    const char **id; /* [n] in text and forms */
    int64_t *line;   /* [n] from 1, never falling */
} id_list;

/* Read --ids on rank 0, for all.  Collective.  CRM_ERR_FORMAT when it holds none. */
CRM_CHECKED app_read_ids(const app *a, id_list *l);
void app_free_ids(id_list *l);
/* The first field of a line of CSV, in place: quotes taken off.  @return its bytes, those of the
 * final 0 not counted. */
size_t app_first_field(char *line);

/* Rank 0: name the runs that learnt from the data set, and the files that hold one of the ids, in
 * --runs or the folder of the data set.  learnt_now: runs on the data set as it is count too, not
 * only those on what it was. */
CRM_CHECKED app_tell_places(const app *a, const crm_data *d, const id_list *l, bool learnt_now);
#endif
