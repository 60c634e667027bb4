#include "io/block.h"

#include <errno.h>

#include "host/host.h"

#define RETRY_HZ 1000 /* of a disk that has no room */

/* In common memory, as it is the backend's and an interrupt's. */
struct block_wait {
	struct block_request r;
	struct io_segment segment;
	struct host_task *task;
	int status;
	bool done; /* atomic */
};

/* The waiting task may be gone as soon as it sees @done. */
static void wait_done(struct block_request *r, int status)
{
	struct block_wait *w = container_of(r, struct block_wait, r);
	struct host_task *task = w->task;

	w->status = status;
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	host_wake(task);
}

static int wait_for(struct block *b, struct block_wait *w)
{
	int status;

	if (!block_valid(b, &w->r))
		return -EINVAL;
	while ((status = b->ops->submit(b, &w->r)) == -EAGAIN)
		host_sleep(host_time() + host_timebase() / RETRY_HZ);
	if (status != BLOCK_PENDING)
		return status;
	while (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE))
		host_sleep(HOST_FOREVER);
	return w->status;
}

int block_read(struct block *b, u64 sector, void *common, u64 bytes, struct host_account *payer)
{
	struct block_wait *w = host_alloc(sizeof(*w), payer);
	int status;

	if (!w)
		return -ENOMEM;
	w->task = host_task_self();
	w->segment = (struct io_segment){ .va = common, .pa = host_pa(common), .size = bytes };
	w->r = (struct block_request){
		.op = BLOCK_READ,
		.sector = sector,
		.bytes = bytes,
		.segments = &w->segment,
		.segment_count = 1,
		.done = wait_done,
	};
	status = wait_for(b, w);
	host_free(w, sizeof(*w), payer);
	return status;
}
