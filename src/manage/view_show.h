/* What a view shows; between the files of the view. */
#ifndef MANAGE_VIEW_SHOW_H
#define MANAGE_VIEW_SHOW_H

#include "manage/view.h"

/* The last lines that the VM said, for whoever comes to look at it. */
void show_recent(struct view *v, struct channel *ch);
/* What was missed of the overview: the log, and of each VM the last lines. */
void show_backlog(struct view *v);
/* All unfinished lines; the cursor is then at the beginning of a line. */
void show_flush_all(struct view *v);

#endif
