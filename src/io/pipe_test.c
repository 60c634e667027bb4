/* The file itself: what it keeps is looked at. */
#include "io/pipe.c"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"

static struct host_account account;
static struct pipe *pipe;
static struct char_backend *a, *b;
static unsigned news[2]; /* how often each end was told of something */

static void end_news(void *device)
{
	++*(unsigned *)device;
}

static int setup(void **state unused)
{
	fake_reset();
	pipe = pipe_create(&account);
	assert_non_null(pipe);
	a = pipe_end(pipe, 0);
	b = pipe_end(pipe, 1);
	memset(news, 0, sizeof(news));
	char_attach(a, end_news, &news[0]);
	char_attach(b, end_news, &news[1]);
	return 0;
}

static int teardown(void **state unused)
{
	char_attach(a, NULL, NULL);
	char_attach(b, NULL, NULL);
	pipe_destroy(pipe, &account);
	assert_int_equal(account.used, 0);
	return 0;
}

static void both_open(void)
{
	a->ops->set_open(a, true, true);
	b->ops->set_open(b, true, true);
	memset(news, 0, sizeof(news));
}

static u64 send(struct char_backend *from, const char *text)
{
	return char_write(from, (const u8 *)text, strlen(text));
}

static void expect(struct char_backend *at, const char *text)
{
	u8 got[256];
	u64 n = char_read(at, got, sizeof(got));

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static void bytes_cross_both_ways(void **state unused)
{
	both_open();
	assert_int_equal(send(a, "to b"), 4);
	assert_int_equal(send(b, "to a"), 4);
	a->ops->put(a, '!');
	expect(b, "to b!");
	expect(a, "to a");
	assert_int_equal(a->ops->get(a), -1);
	send(b, "x");
	assert_int_equal(a->ops->get(a), 'x');
}

static void reader_is_told_once(void **state unused)
{
	both_open();
	send(a, "one");
	send(a, "two");
	assert_int_equal(news[1], 1);
	expect(b, "onetwo");
	send(a, "three");
	assert_int_equal(news[1], 2);
	assert_int_equal(news[0], 0);
}

/* More than fits, in odd pieces: nothing is lost and nothing changes its place. */
static void full_pipe_takes_no_more(void **state unused)
{
	static u8 block[3 * PIPE_SIZE], back[3 * PIPE_SIZE];
	u64 sent, got = 0, n;

	both_open();
	for (u64 i = 0; i < sizeof(block); i++)
		block[i] = (u8)(i * 7 + i / 251);
	sent = char_write(a, block, sizeof(block));
	assert_int_equal(sent, PIPE_SIZE);
	assert_int_equal(char_write(a, block + sent, 1), 0);
	while (got < sizeof(back)) {
		n = char_read(b, back + got, min_u64(997, sizeof(back) - got));
		assert_true(n > 0);
		got += n;
		sent += char_write(a, block + sent, min_u64(1499, sizeof(block) - sent));
	}
	assert_int_equal(sent, sizeof(block));
	assert_memory_equal(block, back, sizeof(block));
}

static void writer_is_told_when_half_is_free(void **state unused)
{
	static u8 block[PIPE_SIZE + 1];

	both_open();
	assert_int_equal(char_write(a, block, sizeof(block)), PIPE_SIZE);
	char_read(b, block, PIPE_SIZE / 2 - 1);
	assert_int_equal(news[0], 0);
	char_read(b, block, 1);
	assert_int_equal(news[0], 1);
	char_read(b, block, PIPE_SIZE);
	assert_int_equal(news[0], 1);
}

static void bytes_wait_with_the_writer_until_there_is_a_reader(void **state unused)
{
	a->ops->set_open(a, true, true);
	assert_int_equal(news[1], 1);
	assert_true(b->ops->is_open(b));
	assert_false(a->ops->is_open(a));
	assert_int_equal(send(a, "early"), 0);
	assert_int_equal(news[0], 0);
	b->ops->set_open(b, true, true);
	assert_int_equal(news[0], 1);
	assert_int_equal(send(a, "early"), 5);
	expect(b, "early");
}

static void same_again_is_no_news(void **state unused)
{
	both_open();
	a->ops->set_open(a, true, true);
	b->ops->set_open(b, true, true);
	assert_int_equal(news[0] + news[1], 0);
}

static void what_a_writer_left_is_read_before_the_end(void **state unused)
{
	both_open();
	send(a, "last words");
	a->ops->set_open(a, false, false);
	assert_true(b->ops->is_open(b));
	assert_int_equal(send(b, "too late"), 0);
	expect(b, "last words");
	assert_false(b->ops->is_open(b));
	a->ops->set_open(a, true, true);
	assert_int_equal(a->ops->get(a), -1);
}

static void what_a_reader_left_is_gone(void **state unused)
{
	both_open();
	send(a, "secret");
	b->ops->set_open(b, false, false);
	b->ops->set_open(b, true, true);
	assert_int_equal(b->ops->get(b), -1);
	assert_int_equal(news[0], 2);
}

/* A reader that goes while the writer waits: it is told when there is a reader again. */
static void full_pipe_opens_again(void **state unused)
{
	static u8 block[PIPE_SIZE + 1];

	both_open();
	char_write(a, block, sizeof(block));
	b->ops->set_open(b, false, true);
	assert_int_equal(char_write(a, block, 1), 0);
	b->ops->set_open(b, true, true);
	assert_int_equal(char_write(a, block, sizeof(block)), PIPE_SIZE);
}

static void one_that_left_is_not_told(void **state unused)
{
	both_open();
	char_attach(b, NULL, NULL);
	send(a, "anybody?");
	assert_int_equal(news[1], 0);
}

static bool pipe_is_clean(void)
{
	for (unsigned i = 0; i < PIPE_SIZE; i++)
		if (pipe->ways[0].data[i] || pipe->ways[1].data[i])
			return false;
	return true;
}

static void is_wiped_behind_the_reader(void **state unused)
{
	static u8 block[PIPE_SIZE];

	both_open();
	memset(block, 'x', sizeof(block));
	char_write(a, block, sizeof(block));
	assert_false(pipe_is_clean());
	char_read(b, block, 1000);
	char_write(a, block, 1000);
	char_read(b, block, sizeof(block));
	assert_true(pipe_is_clean());
	char_write(b, block, sizeof(block));
	a->ops->set_open(a, false, false);
	assert_true(pipe_is_clean());
}

static void is_not_made_without_memory(void **state unused)
{
	for (unsigned n = 0; n < 3; n++) {
		fake_alloc_limit(n);
		assert_null(pipe_create(&account));
	}
	fake_alloc_limit(~0u);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_cross_both_ways),
		T(reader_is_told_once),
		T(full_pipe_takes_no_more),
		T(writer_is_told_when_half_is_free),
		T(bytes_wait_with_the_writer_until_there_is_a_reader),
		T(same_again_is_no_news),
		T(what_a_writer_left_is_read_before_the_end),
		T(what_a_reader_left_is_gone),
		T(full_pipe_opens_again),
		T(one_that_left_is_not_told),
		T(is_wiped_behind_the_reader),
		T(is_not_made_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
