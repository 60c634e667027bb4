/*
 * The system description: a compiled device tree, read into plain structs.
 * The binding is docs/system-description.md. The hypervisor and the `bulkhead`
 * command share this file, so both find the same mistakes.
 */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include "lib/types.h"

#define CONFIG_VMS_MAX 64
#define CONFIG_VCPUS_MAX 32
#define CONFIG_NAME_MAX 31
#define CONFIG_PATH_MAX 255
#define CONFIG_BOOTARGS_MAX 1023
#define CONFIG_DEVICES_MAX 32   /* of a VM */
#define CONFIG_DEVICES_TOTAL 256
#define CONFIG_SWITCHES_MAX 32
#define CONFIG_SHARED_MAX 32
#define CONFIG_HOST_NAME_MAX 63 /* of a host's device: its serial number, or its place */
#define CONFIG_SERIAL_MAX 20    /* of a VM's disk */
#define CONFIG_DISK_QUEUES_MAX 8
#define CONFIG_NET_QUEUES_MAX 4 /* pairs */
#define CONFIG_RATE_MIN KIB     /* bytes a second */
#define CONFIG_RATE_MAX (1024 * GIB)

enum config_start { START_AUTO, START_MANUAL };
enum config_restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
/* ANY: what the machine offers. */
enum config_engine { CONFIG_ENGINE_ANY, CONFIG_ENGINE_HEXT, CONFIG_ENGINE_CLASSIC, CONFIG_ENGINES };

enum device_kind { DEVICE_DISK, DEVICE_NET, DEVICE_CONSOLE, DEVICE_RNG, DEVICE_SHARED, DEVICE_HOST };

/* A disk is one of: a file of the system image, `size` bytes of empty RAM, a disk of the host. */
struct disk_config {
	char file[CONFIG_PATH_MAX + 1];
	char host[CONFIG_HOST_NAME_MAX + 1]; /* a serial number, or "0", "1"... in the host's order */
	char partition[CONFIG_HOST_NAME_MAX + 1]; /* of a GPT: its name or its number; "" = none */
	u64 offset, size; /* bytes, multiples of 4096: a part of the host's disk; size 0: to its end */
	bool read_only;   /* a file is then shared, not copied */
	char serial[CONFIG_SERIAL_MAX + 1]; /* what the guest reads; never empty */
	u32 queues;       /* 1..CONFIG_DISK_QUEUES_MAX */
};

struct net_config {
	u32 network;   /* index into system_config.switches */
	u8 mac[6];     /* unicast; no other device on this switch has it */
	u16 vlan;      /* 0: none */
	bool isolated;
	u64 rate;      /* bytes a second, 0: no limit */
	u32 queues;    /* pairs, 1..CONFIG_NET_QUEUES_MAX */
};

struct vconsole_config {
	bool operator;                  /* else: a pipe */
	char pipe[CONFIG_NAME_MAX + 1]; /* exactly two consoles have it: each other's ends */
};

struct shared_use_config {
	u32 memory; /* index into system_config.shared */
	bool read_only;
};

struct host_device_config {
	char path[CONFIG_PATH_MAX + 1]; /* in the host's device tree */
	bool dma_unconfined; /* it may do DMA though nothing confines it */
};

struct device_config {
	enum device_kind kind;
	char name[CONFIG_NAME_MAX + 1]; /* the node's; of a host's device: its own node's */
	union {
		struct disk_config disk;
		struct net_config net;
		struct vconsole_config console;
		struct shared_use_config shared;
		struct host_device_config host;
	};
};

struct switch_config {
	char name[CONFIG_NAME_MAX + 1];
	bool uplink;
	/* The host's NIC: a MAC address in lower case, or "0", "1"... No two switches have the same. */
	char host[CONFIG_HOST_NAME_MAX + 1];
	u16 vlan; /* of the uplink; 0: a trunk */
};

struct shared_config {
	char name[CONFIG_NAME_MAX + 1];
	u64 size; /* bytes, a multiple of 4096 */
};

struct vm_config {
	char name[CONFIG_NAME_MAX + 1]; /* the node's name */
	u32 vcpus;                      /* 1..CONFIG_VCPUS_MAX */
	u64 memory;                     /* bytes, a multiple of 2 MiB */
	char kernel[CONFIG_PATH_MAX + 1];
	char initrd[CONFIG_PATH_MAX + 1];          /* "" = none */
	char bootargs[CONFIG_BOOTARGS_MAX + 1];    /* "" = none */
	enum config_engine engine;
	u64 harts;      /* bit n: the host's n-th hart; 0 = any */
	bool dedicated; /* the harts run this VM only, a vCPU each */
	bool console;   /* its ns16550a is joined to the operator's console (default true) */
	enum config_start start;
	enum config_restart restart;
	u32 device_count;
	/* In the description's order, then those of the host; they lie in system_config.devices. */
	const struct device_config *devices;
};

struct system_config {
	u32 vm_count;
	struct vm_config vms[CONFIG_VMS_MAX];
	u32 device_count;
	struct device_config devices[CONFIG_DEVICES_TOTAL]; /* a VM's lie side by side */
	u32 switch_count;
	struct switch_config switches[CONFIG_SWITCHES_MAX];
	u32 shared_count;
	struct shared_config shared[CONFIG_SHARED_MAX];
};

/* Called once for every mistake: @path is the node's path (and "/property"), or "". */
typedef void config_error_fn(void *arg, const char *path, const char *message);

/* Reads a compiled description of @size bytes (hostile). Returns the number of mistakes
 * reported; @out is usable only when that is 0. */
unsigned config_read(const void *dtb, u64 size, struct system_config *out,
		     config_error_fn *error, void *arg);

/* The size in bytes of the file that a disk is made of; 0 where there is none. */
typedef u64 config_file_size_fn(void *arg, const char *file);

/* The memory that all VMs need together, in bytes: their own, that of disks in RAM, and what they
 * share. @file_size may be NULL: then copies of files count nothing. */
u64 config_memory(const struct system_config *sys, config_file_size_fn *file_size, void *arg);

/* What a host offers, for config_check_host(). */
struct config_host {
	u32 harts;
	u64 memory;  /* bytes free for guests, for their disks in RAM and what they share */
	u32 engines; /* bit n: it can run enum config_engine n */
	config_file_size_fn *file_size; /* as config_memory() takes it */
	void *file_arg;
};
/* Mistakes that only show on a given host: too few harts, too little memory, no such engine. */
unsigned config_check_host(const struct system_config *sys, const struct config_host *host,
			   config_error_fn *error, void *arg);

#endif
