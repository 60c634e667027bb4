/* Small objects in pages: see host/bare/heap.h. */
#include "host/bare/heap.h"

#include <string.h>

/* At the beginning of each page of small objects. */
struct slab {
	struct list link; /* in heap.partial while it has room */
	u32 used;
	u32 room;
	u64 *free; /* the first free object, which holds the address of the next */
};

/* Multiples of 16; after the header, whole numbers of each fit well. */
static const u16 class_size[HEAP_CLASSES] = { 16,  32,	48,  64,  96,  128,  192,
					      256, 336, 448, 576, 800, 1344, 2016 };

#define SLAB_HEADER 48
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "the header's place");

void heap_init(struct heap *h, void *(*take)(void *owner, u64 size),
	       void (*give)(void *owner, void *pages, u64 size), void *owner)
{
	*h = (struct heap){ .take = take, .give = give, .owner = owner };
	for (unsigned i = 0; i < HEAP_CLASSES; i++)
		list_init(&h->partial[i]);
}

/* HEAP_CLASSES for what takes whole pages. */
static unsigned class_of(u64 size)
{
	unsigned c = 0;

	while (c < HEAP_CLASSES && size > class_size[c])
		c++;
	return c;
}

u64 heap_round(u64 size)
{
	unsigned c = class_of(size);

	if (size > ~0ul - HEAP_PAGE)
		return 0;
	return c < HEAP_CLASSES ? class_size[c] : align_up(size, HEAP_PAGE);
}

static struct slab *slab_create(struct heap *h, unsigned c)
{
	struct slab *s = h->take(h->owner, HEAP_PAGE);
	u32 count = (u32)(HEAP_PAGE - SLAB_HEADER) / class_size[c];

	if (!s)
		return NULL;
	s->room = count;
	while (count-- > 0) {
		u64 *object = (u64 *)(void *)((u8 *)s + SLAB_HEADER + count * class_size[c]);

		*object = (u64)(uintptr_t)s->free;
		s->free = object;
	}
	list_push_front(&h->partial[c], &s->link);
	return s;
}

static void *slab_take(struct slab *s)
{
	u64 *object = s->free;

	s->free = (u64 *)(uintptr_t)*object;
	*object = 0;
	if (++s->used == s->room)
		list_remove(&s->link);
	return object;
}

static void *object_alloc(struct heap *h, unsigned c)
{
	struct slab *s = NULL;
	void *p = NULL;

	lock_take(&h->lock);
	if (!list_empty(&h->partial[c]))
		s = container_of(h->partial[c].next, struct slab, link);
	else
		s = slab_create(h, c);
	if (s)
		p = slab_take(s);
	lock_drop(&h->lock);
	return p;
}

void *heap_alloc(struct heap *h, u64 size)
{
	unsigned c = class_of(size);
	u64 pages = heap_round(size);

	if (c < HEAP_CLASSES)
		return object_alloc(h, c);
	return pages ? h->take(h->owner, pages) : NULL;
}

/* Which empty page of a class, of which @s was just given an object back, is to go. One stays
 * while no other page has room, or a lone object that comes and goes would cost a page each time. */
static struct slab *slab_surplus(struct heap *h, struct slab *s, unsigned c)
{
	struct slab *first = container_of(h->partial[c].next, struct slab, link);

	if (h->partial[c].next == h->partial[c].prev)
		return NULL;
	if (!s->used)
		return s;
	return first->used ? NULL : first;
}

static void object_free(struct heap *h, void *p, unsigned c)
{
	struct slab *s = (struct slab *)(align_down((u64)(uintptr_t)p, HEAP_PAGE)), *surplus;

	memset(p, 0, class_size[c]);
	lock_take(&h->lock);
	*(u64 *)p = (u64)(uintptr_t)s->free;
	s->free = p;
	if (s->used-- == s->room)
		list_push_back(&h->partial[c], &s->link);
	surplus = slab_surplus(h, s, c);
	if (surplus)
		list_remove(&surplus->link);
	lock_drop(&h->lock);
	if (!surplus)
		return;
	memset(surplus, 0, HEAP_PAGE);
	h->give(h->owner, surplus, HEAP_PAGE);
}

void heap_free(struct heap *h, void *p, u64 size)
{
	unsigned c = class_of(size);

	if (c < HEAP_CLASSES) {
		object_free(h, p, c);
		return;
	}
	memset(p, 0, size);
	h->give(h->owner, p, heap_round(size));
}

bool heap_fini(struct heap *h)
{
	bool whole = true;

	for (unsigned c = 0; c < HEAP_CLASSES; c++) {
		struct list *it = list_pop_front(&h->partial[c]);
		struct slab *s = it ? container_of(it, struct slab, link) : NULL;

		if (!s)
			continue;
		if (s->used || !list_empty(&h->partial[c]))
			whole = false;
		memset(s, 0, HEAP_PAGE);
		h->give(h->owner, s, HEAP_PAGE);
	}
	return whole;
}
