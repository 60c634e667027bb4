/*
 * What `bulkhead run` attaches to the machine: disks that the user names, a NIC for
 * each uplink, with ports that lead into VMs, and a source of random numbers.
 */
#ifndef MAIN_CLI_ATTACH_H
#define MAIN_CLI_ATTACH_H

#include "main/cli/description.h"
#include "main/cli/options.h"
#include "vm/config_text.h"

#define ATTACH_MAX 8 /* QEMU's virt has so many places for virtio devices */
#define ATTACH_FORWARDS_MAX OPTION_LIST_MAX
#define ATTACH_IP_TEXT 40
#define ATTACH_PATH_SIZE 4096

struct attached_disk {
	char path[ATTACH_PATH_SIZE];
	char serial[CONFIG_SERIAL_MAX + 1]; /* "" = none */
	bool read_only;
	bool qcow2; /* else a raw image */
};

/* A NIC on a network of its own with the workstation: 10.0.2.0/24, the next one 10.0.3.0/24. */
struct attached_nic {
	char mac[CONFIG_MAC_TEXT]; /* "" = QEMU's choice */
};

/* A port of the workstation that leads to one of a VM's. */
struct forward {
	bool udp; /* else TCP */
	u32 host_port, guest_port;
	u32 vm;  /* index */
	u32 nic; /* index: by whose network */
	char address[ATTACH_IP_TEXT];   /* the VM's, "10.0.2.101" */
	char bootargs[ATTACH_IP_TEXT];  /* what tells the VM so; "" = it is told already */
};

struct attachments {
	struct attached_disk disks[ATTACH_MAX];
	u32 disk_count;
	struct attached_nic nics[ATTACH_MAX];
	u32 nic_count;
	struct forward forwards[ATTACH_FORWARDS_MAX];
	u32 forward_count;
	bool rng;
};

/* FILE[,serial=NAME][,read-only] each. False, reported, where one is wrong. */
bool attach_disks(struct attachments *a, const struct option_list *list);

/* What the description, which is without mistakes, needs. False, reported, when there is no
 * room in the machine for all. */
bool attach_devices(struct attachments *a, const struct description *d);
/* Reports each disk of the host that is described and was not attached; true when all are. */
bool attach_check_disks(const struct attachments *a, struct description *d);
/* [tcp:|udp:]PORT:VM:PORT each, after attach_devices(). False, reported, where one is wrong. */
bool attach_forwards(struct attachments *a, const struct description *d,
		     const struct option_list *list);

#endif
