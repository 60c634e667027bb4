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

#define VIRTQ_SIZE_MAX 256    /* entries; a power of two */
#define VIRTQ_SEGMENTS_MAX 68 /* of a chain: 64 KiB in pages, at the worst offset, and headers */

struct guest_extent;
struct virtio_device;

struct virtq_segment {
	struct io_segment host; /* what lies in one piece there */
	u64 gpa;
};

/*
 * A chain of buffers: first @readable segments for the device to read, then @writable ones. A
 * buffer of zero bytes makes no segment; one that is in pieces in the host makes several. Large:
 * none on a stack.
 */
struct virtq_chain {
	u16 id;         /* split: index of the head; packed: the buffer id */
	u16 ring_count; /* packed: slots that it took in the ring */
	u32 epoch;      /* of the queue: while it is the same, the queue was not reset */
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
	bool stopping; /* the driver took it out of use: it waits for chains that are out */
	u64 desc, driver, device_area; /* guest-physical: the three areas, by their 1.3 names */
	/* What follows is virtq's own. */
	bool live;    /* ready, and the device runs; only then the rings are looked at */
	bool packed, event_idx, indirect;
	bool whole;   /* each area is in one piece in the host */
	bool plain;   /* and no engine wants to hear of what is written there */
	bool quiet;   /* the driver was told not to notify */
	bool wrap_avail, wrap_used; /* packed */
	u16 next_avail, next_used;
	u16 given;    /* since the last virtq_publish(): used elements, or slots of a packed ring */
	u16 first_slot; /* packed: of the first of these, which is written last */
	u64 first;    /* and what will be written there */
	u32 epoch;
	u32 in_flight;  /* chains taken and not given back */
	u8 *desc_va, *driver_va, *device_va; /* in the VM's space; all of them only if `whole` */
	const struct guest_extent *extent;   /* of guest memory, the one that was hit last */
};

enum virtq_taken { VIRTQ_EMPTY, VIRTQ_TAKEN, VIRTQ_BROKEN };

/* The driver set QueueReady: checks the areas and maps them. False: impossible, the device needs a
 * reset. */
bool virtq_start(struct virtq *q);
/* Forgets all but the registers; chains that are out come back without effect. */
void virtq_reset(struct virtq *q);

/*
 * Takes the next chain. BROKEN: the ring or a chain is against the rules, or has more than
 * VIRTQ_SEGMENTS_MAX pieces; the device was told that it NEEDS_RESET. Each TAKEN chain must be
 * given back once. A queue that is not in use, or of a device that does not run, is EMPTY.
 */
enum virtq_taken virtq_take(struct virtq *q, struct virtq_chain *chain);
/* Takes back the last virtq_take(), as if it had not been (nothing was given back in between). */
void virtq_untake(struct virtq *q, const struct virtq_chain *chain);
/* Gives a chain back, @written bytes of it written; the driver sees it after virtq_publish(). */
void virtq_give(struct virtq *q, const struct virtq_chain *chain, u32 written);
/* Several chains of which the driver sees all or none (mergeable buffers) need nothing more: what
 * virtq_give() gave becomes visible here, in order, and the driver is interrupted if it wants. */
void virtq_publish(struct virtq *q);
/*
 * Tells the driver whether it is to notify. On: true if chains have come meanwhile, which
 * would not be told of. With an event index the driver notifies once, so whoever has emptied
 * the queue and wants to hear of more says "on" again.
 * A guest with two harts can keep a loop over take and give going: it is the device that bounds it.
 */
bool virtq_notifications(struct virtq *q, bool on);

/* Copies from the readable, or to the writable bytes from @offset on; what there was and fitted. To a
 * chain of before a reset nothing is written, with the same answer. */
u64 virtq_read(const struct virtq_chain *chain, u64 offset, void *to, u64 size);
u64 virtq_write(struct virtq *q, const struct virtq_chain *chain, u64 offset, const void *from, u64 size);
/* Host segments of the readable (or writable) bytes [offset, offset+size), for backends: the number,
 * or -EINVAL when there are more than @max or fewer bytes. */
int virtq_map(const struct virtq_chain *chain, bool writable, u64 offset, u64 size,
	      struct io_segment *segments, unsigned max);
/* Something else than virtq_write() wrote there: engines that keep copies of guest text are told. */
void virtq_wrote(struct virtq *q, const struct virtq_chain *chain, u64 offset, u64 size);

#endif
