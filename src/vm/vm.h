/*
 * A virtual machine and its life: created from its description, built, run,
 * ended alone, restarted. One keeper task per VM does all of that; whoever
 * wants something of a VM asks by vm_request().
 */
#ifndef VM_VM_H
#define VM_VM_H

#include "host/host.h"
#include "lib/lock.h"
#include "vm/bus.h"
#include "vm/config.h"
#include "vm/engine.h"
#include "vm/guest_mem.h"
#include "vm/vcpu.h"
#include "vm/work.h"

struct board;
struct char_backend;
struct vm_outside;

enum vm_state {
	VM_OFF,      /* no memory, no vCPUs */
	VM_BUILDING,
	VM_RUNNING,
	VM_PAUSED,
	VM_ENDING,   /* vCPUs leave, memory is scrubbed */
	VM_FAILED,   /* could not be built: `why` says it; as VM_OFF otherwise */
};

/* How a run of a VM ended. */
enum vm_end {
	VM_END_NONE,      /* it runs */
	VM_END_POWEROFF,  /* the guest shut down */
	VM_END_REBOOT,    /* the guest asked for a reset */
	VM_END_CRASH,     /* the guest said system failure, or did the impossible */
	VM_END_OPERATOR,  /* stopped by the operator */
	VM_END_RESTART,   /* restarted by the operator */
};

enum vm_request { VM_REQ_START = 1, VM_REQ_STOP = 2, VM_REQ_RESTART = 4, VM_REQ_PAUSE = 8, VM_REQ_RESUME = 16 };

/* How a VM is made of parts: given by main/, so that the core knows no board. */
struct vm_parts {
	const struct engine_ops *engine;
	/* Wires devices, loads images, sets the boot vCPU's start. In the VM's space; yields. */
	int (*build)(struct vm *vm);
	void (*unbuild)(struct vm *vm); /* undoes a whole or half-done build */
	void (*changed)(struct vm *vm); /* the state changed; called by the keeper. May be NULL */
	struct char_backend *console;   /* may be NULL */
	const struct vm_outside *outside; /* NULL: for VMs without devices of their own */
};

struct vm {
	/* Fixed from creation on. */
	unsigned index;
	struct vm_config config;
	struct vm_parts parts;
	const struct engine_ops *engine;
	struct host_task *keeper;
	struct host_account account;

	/* Written by the keeper only; whole while the state is RUNNING or PAUSED. */
	u32 state; /* atomic; enum vm_state */
	struct host_space *space;
	struct guest_mem mem;
	struct bus bus;
	struct board *board;
	unsigned vcpu_count;
	struct vcpu *vcpus[CONFIG_VCPUS_MAX];
	void *engine_state;
	struct vm_works works; /* what its devices left for later */
	u64 time_base; /* host_time() at which the guest's time was 0 */
	char failure[96]; /* of VM_FAILED, and of the last crash: one line for the operator */

	/* Anyone, atomically. */
	u32 requests; /* enum vm_request */
	u32 end;      /* enum vm_end; the first one counts */
	const char *dead; /* why it ends (a constant string), NULL while it lives */
	u32 starts;   /* how often it was built */
	u32 crashes;
	bool restarting; /* it is OFF only on its way to the next start */
	u32 quick_crashes; /* in a row; the keeper's */

	struct lock lock; /* guards what follows, and changes of state */
	u32 callers;      /* inside vm_call() */
	u64 log_window, log_count; /* vm_log()'s bound */
};

/* Creates the VM (state OFF) and its keeper. NULL when memory is short. */
struct vm *vm_create(const struct vm_config *config, const struct vm_parts *parts, unsigned index);
/* Asks the keeper; returns at once. */
void vm_request(struct vm *vm, enum vm_request request);
/* Ends the VM's run: the first reason counts. Any task, also a vCPU's own. */
void vm_end(struct vm *vm, enum vm_end end, const char *why);
/* The guest did something without an answer: it ends as crashed. */
static inline void vm_kill(struct vm *vm, const char *why) { vm_end(vm, VM_END_CRASH, why); }
/* A log line on the guest's behalf: "[name] ..."; at most 10 a second, the rest counted. */
void vm_log(struct vm *vm, const char *fmt, ...) printf_like(2, 3);
/* Runs fn in the VM's space and returns its result; -ENODEV when it has none now. Not from a
 * vCPU of another VM. */
int vm_call(struct vm *vm, int (*fn)(struct vm *vm, void *arg), void *arg);
const char *vm_state_name(const struct vm *vm);

/* All VMs of the system: fixed after start. */
extern struct vm *vm_table[CONFIG_VMS_MAX];
extern unsigned vm_count;
struct vm *vm_find(const char *name);

/* Whoever writes to the memory of a guest that runs by other means than vm_write() says so. */
static inline void vm_wrote(struct vm *vm, u64 gpa, u64 size)
{
	if (vm->engine->wrote)
		vm->engine->wrote(vm, gpa, size);
}

/* guest_write() to a guest that runs. */
static inline bool vm_write(struct vm *vm, u64 gpa, const void *buf, u64 size)
{
	if (!guest_write(&vm->mem, gpa, buf, size))
		return false;
	vm_wrote(vm, gpa, size);
	return true;
}

static inline u64 vm_time(const struct vm *vm) { return host_time() - vm->time_base; }

#endif
