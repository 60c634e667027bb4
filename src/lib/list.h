/* An intrusive, circular, doubly linked list; an empty list points at itself. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_before(struct list *pos, struct list *item)
{
	item->next = pos;
	item->prev = pos->prev;
	pos->prev->next = item;
	pos->prev = item;
}

static inline void list_push_back(struct list *l, struct list *item) { list_add_before(l, item); }
static inline void list_push_front(struct list *l, struct list *item) { list_add_before(l->next, item); }

/* Leaves @item pointing at itself, so that removing it again is harmless. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

static inline struct list *list_pop_front(struct list *l)
{
	struct list *item = l->next;

	if (item == l)
		return NULL;
	list_remove(item);
	return item;
}

#define list_for_each(it, l) for (struct list *it = (l)->next; it != (l); it = it->next)

#endif
