/* The heap of small objects, against pages from malloc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/bare/heap.h"

#define OBJECTS 400

static struct heap heap;
static u64 pages_out;
static u64 pages_left;

static void *take(void *owner, u64 size)
{
	void *p;

	assert_ptr_equal(owner, &heap);
	assert_true(size && is_aligned(size, HEAP_PAGE));
	if (size > pages_left * HEAP_PAGE)
		return NULL;
	pages_left -= size / HEAP_PAGE;
	pages_out += size / HEAP_PAGE;
	p = aligned_alloc(HEAP_PAGE, size);
	assert_non_null(p);
	memset(p, 0, size);
	return p;
}

static void give(void *owner, void *pages, u64 size)
{
	const u8 *byte = pages;

	assert_ptr_equal(owner, &heap);
	for (u64 i = 0; i < size; i++)
		assert_int_equal(byte[i], 0);
	pages_left += size / HEAP_PAGE;
	pages_out -= size / HEAP_PAGE;
	free(pages);
}

static int set_up(void **state)
{
	(void)state;
	pages_out = 0;
	pages_left = ~0ul / HEAP_PAGE;
	heap_init(&heap, take, give, &heap);
	return 0;
}

static void check_zero(const u8 *p, u64 size)
{
	for (u64 i = 0; i < size; i++)
		assert_int_equal(p[i], 0);
}

static void test_round(void **state)
{
	(void)state;
	assert_int_equal(heap_round(0), 16);
	assert_int_equal(heap_round(1), 16);
	assert_int_equal(heap_round(2016), 2016);
	assert_int_equal(heap_round(2017), 4096);
	assert_int_equal(heap_round(4097), 8192);
	assert_int_equal(heap_round(~0ul), 0);
	assert_null(heap_alloc(&heap, ~0ul));
}

static void test_random(void **state)
{
	struct {
		u8 *p;
		u64 size;
	} object[OBJECTS] = { 0 };

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = (unsigned)rand() % OBJECTS;

		if (object[n].p) {
			for (u64 b = 0; b < object[n].size; b++)
				assert_int_equal(object[n].p[b], (u8)n);
			heap_free(&heap, object[n].p, object[n].size);
			object[n].p = NULL;
			continue;
		}
		object[n].size = (u64)rand() % (rand() % 4 ? 300 : 9000);
		object[n].p = heap_alloc(&heap, object[n].size);
		assert_true(is_aligned((u64)(uintptr_t)object[n].p, object[n].size < 4096 ? 16 : 4096));
		check_zero(object[n].p, object[n].size);
		memset(object[n].p, (int)n, object[n].size);
	}
	for (unsigned n = 0; n < OBJECTS; n++)
		if (object[n].p)
			heap_free(&heap, object[n].p, object[n].size);
	assert_true(pages_out <= HEAP_CLASSES);
	assert_true(heap_fini(&heap));
	assert_int_equal(pages_out, 0);
}

static void test_no_pages(void **state)
{
	void *p[2];

	(void)state;
	pages_left = 1;
	p[0] = heap_alloc(&heap, 2000);
	p[1] = heap_alloc(&heap, 2000);
	assert_true(p[0] && p[1]);
	assert_null(heap_alloc(&heap, 2000));
	assert_null(heap_alloc(&heap, 16));
	assert_null(heap_alloc(&heap, 5000));
	heap_free(&heap, p[0], 2000);
	assert_ptr_equal(heap_alloc(&heap, 2000), p[0]);
	heap_free(&heap, p[0], 2000);
	heap_free(&heap, p[1], 2000);
	assert_true(heap_fini(&heap));
	assert_int_equal(pages_out, 0);
}

/* A lone object that comes and goes keeps its page; further empty pages go at once. */
static void test_spare(void **state)
{
	void *p[3];

	(void)state;
	heap_free(&heap, heap_alloc(&heap, 100), 100);
	assert_int_equal(pages_out, 1);
	heap_free(&heap, heap_alloc(&heap, 100), 100);
	assert_int_equal(pages_out, 1);
	for (unsigned i = 0; i < 3; i++)
		p[i] = heap_alloc(&heap, 2016);
	assert_int_equal(pages_out, 3);
	heap_free(&heap, p[2], 2016);
	assert_int_equal(pages_out, 3);
	/* A page with room beside it: the empty one goes. */
	heap_free(&heap, p[0], 2016);
	assert_int_equal(pages_out, 2);
	heap_free(&heap, p[1], 2016);
	assert_int_equal(pages_out, 2);
	assert_true(heap_fini(&heap));
	assert_int_equal(pages_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round, set_up),
		cmocka_unit_test_setup(test_random, set_up),
		cmocka_unit_test_setup(test_no_pages, set_up),
		cmocka_unit_test_setup(test_spare, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
