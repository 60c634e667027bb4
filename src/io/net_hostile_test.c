/* What a hostile owner of a port does to a switch. */
#include "io/net_switch_test.h"

#include "host/fake/fake.h"

static int setup(void **state unused)
{
	fake_reset();
	test_begin();
	return 0;
}

static int teardown(void **state unused)
{
	test_end();
	return 0;
}

/* All of it is in the head that was copied; the array of segments ends with the frame. */
static void a_small_frame_in_two_pieces_stays_in_its_segments(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	struct io_segment *segments = malloc(2 * sizeof(*segments));
	u8 *frame = malloc(NET_FRAME_MIN);

	introduce(2);
	test_ethernet(frame, b->address, a->address, 0x88b5);
	for (u32 first = 1; first < NET_FRAME_MIN; first++) {
		segments[0] = (struct io_segment){ .va = frame, .size = first };
		segments[1] = (struct io_segment){ .va = frame + first, .size = NET_FRAME_MIN - first };
		assert_int_equal(net_send(a->port, &nothing, segments, 2), 0);
		assert_true(hear(b));
		assert_int_equal(b->size, NET_FRAME_MIN);
		assert_memory_equal(b->frame, frame, NET_FRAME_MIN);
	}
	free(segments);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_small_frame_in_two_pieces_stays_in_its_segments,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
