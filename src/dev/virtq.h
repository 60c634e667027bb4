/*
 * A virtqueue of either format (virtio 1.3, 2.7 "Split Virtqueues", 2.8 "Packed
 * Virtqueues"): the device's side. All work on rings is here; a device takes chains,
 * moves bytes, and gives them back. The rings are the guest's and hostile: each
 * descriptor is read once, checked, and never looked at again.
 *
 * With the device's lock held and the VM's space current, throughout.
 */
#ifndef DEV_VIRTQ_H
#define DEV_VIRTQ_H

#include "io/block.h"
#include "lib/types.h"

#define VIRTQ_SIZE_MAX 256   /* entries; a power of two */
#define VIRTQ_SEGMENTS_MAX 68 /* of a chain: 64 KiB in pages, at the worst offset, and headers */

struct virtio_device;

struct virtq_segment {
	struct io_segment host; /* what lies in one piece there */
	u64 gpa;
};

/* A chain of buffers: first @readable segments for the device to read, then @writable ones. */
struct virtq_chain {
	u16 id;         /* split: index of the head; packed: the buffer id */
	u16 ring_count; /* packed: slots that it took in the ring */
	u32 epoch;      /* of the queue: it was not reset meanwhile */
	u16 readable, writable; /* segments */
	u64 readable_size, writable_size; /* bytes */
	struct virtq_segment segments[VIRTQ_SEGMENTS_MAX];
};

struct virtq {
	struct virtio_device *device;
	u16 index;
	/* The registers; fixed while the queue is ready. */
	u16 size;     /* entries, as the driver chose */
	bool ready;
	u64 desc, driver, device_area; /* guest-physical: the three areas, by their 1.3 names */
	/* The private rest is virtq.c's. */
	bool packed, event_idx, indirect, in_order;
	bool wrap_avail, wrap_used;
	u16 next_avail, next_used;
	u16 signalled;  /* split: the used index at the last look at used_event */
	bool signalled_valid;
	u32 epoch;
	u32 in_flight;  /* chains taken and not given back */
	u8 *desc_va, *driver_va, *device_va; /* NULL: not in one piece in the host, the slow way */
};

enum virtq_taken { VIRTQ_EMPTY, VIRTQ_TAKEN, VIRTQ_BROKEN };

/* The driver set queue_ready: checks areas and maps them. False: impossible, the device needs a
 * reset. */
bool virtq_start(struct virtq *q);
/* Forgets all; chains that are out come back without effect. */
void virtq_reset(struct virtq *q);

/*
 * Takes the next chain. BROKEN: the ring or a chain is against the rules, the device was told that it
 * NEEDS_RESET. Each TAKEN chain must be given back once.
 */
enum virtq_taken virtq_take(struct virtq *q, struct virtq_chain *chain);
/* Takes back the last virtq_take(), as if it had not been (nothing was given back in between). */
void virtq_untake(struct virtq *q, const struct virtq_chain *chain);
/* Gives a chain back, @written bytes of it written; the driver sees it after virtq_publish(). */
void virtq_give(struct virtq *q, const struct virtq_chain *chain, u32 written);
/* Several chains of which the driver sees all or none (mergeable buffers) need nothing more: what
 * virtq_give() gave becomes visible here, in order, and the driver is interrupted if it wants. */
void virtq_publish(struct virtq *q);
/* Tells the driver whether it is to notify. On: true if chains have come meanwhile, which
 * would not be told of. */
bool virtq_notifications(struct virtq *q, bool on);

/* Copies from the readable, or to the writable bytes from @offset on; what there was and fitted. */
u64 virtq_read(const struct virtq_chain *chain, u64 offset, void *to, u64 size);
u64 virtq_write(struct virtq *q, const struct virtq_chain *chain, u64 offset, const void *from, u64 size);
/* Host segments of the readable (or writable) bytes [offset, offset+size), for backends: the number,
 * or -EINVAL when there are more than @max or fewer bytes. */
int virtq_map(const struct virtq_chain *chain, bool writable, u64 offset, u64 size,
	      struct io_segment *segments, unsigned max);
/* Something else than virtq_write() wrote there: engines that keep copies of guest text are told. */
void virtq_wrote(struct virtq *q, const struct virtq_chain *chain, u64 offset, u64 size);

#endif
