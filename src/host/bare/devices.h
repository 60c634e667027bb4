/*
 * The machine's own disks, network cards and random numbers, for main/: virtio
 * devices that the host's device tree names. What was found stays until the machine
 * goes off. A disk or NIC is named by its serial number or MAC address, or by its place, "0", "1"...
 * in the order of addresses.
 */
#ifndef HOST_BARE_DEVICES_H
#define HOST_BARE_DEVICES_H

#include "io/block.h"
#include "io/net.h"
#include "lib/types.h"

struct bare_disk {
	char serial[BLOCK_ID_SIZE + 1]; /* as the device says, printable; "" when it has none */
	u64 sectors;                    /* of 512 bytes */
	bool read_only;
	unsigned users;                 /* handles that are open */
};

struct bare_nic {
	u8 mac[NET_MAC_SIZE];
	bool up;       /* its link */
	bool attached; /* to a switch */
};

/* How many there are. They have the numbers below that. */
unsigned bare_disk_count(void);
unsigned bare_nic_count(void);
/* False beyond the last one. */
bool bare_disk_get(unsigned index, struct bare_disk *disk);
bool bare_nic_get(unsigned index, struct bare_nic *nic);

/*
 * A handle on a disk. Several may be open on one disk; each has its own ready(), and a fair
 * share of what the disk has under way. Its destroy() may sleep, and leaves the disk to the
 * others. NULL: no disk of that name, or no memory.
 */
struct block *bare_disk_open(const char *name);

/*
 * Makes the NIC ("": the first one) the uplink of a switch, by a port that this creates with
 * @config. For ever. -ENOENT: no NIC of that name, -EBUSY: it is one already, -ENOMEM, or -EIO: it
 * does not work. In a task.
 */
int bare_nic_attach(const char *name, struct net_switch *s, const struct net_port_config *config);

#endif
