/*
 * A virtual hart: a task that runs the guest, answers its exits, and sleeps
 * when it does. The public part may be read by anyone; the private part, with
 * the guest's registers, lies in the VM's own space.
 */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include "vm/engine.h"
#include "vm/exit.h"

struct host_task;

/* What others ask of a vCPU; it looks before every entry into the guest. */
enum vcpu_request {
	VCPU_REQ_STOP = 1,   /* the VM ends: leave the loop */
	VCPU_REQ_PAUSE = 2,  /* park until resumed */
	VCPU_REQ_ENGINE = 4, /* the engine has work queued (fences) */
	VCPU_REQ_START = 8,  /* hart_start: take start_pc and start_arg */
};

struct vcpu {
	struct vm *vm;
	u32 id; /* the guest's hart id */
	struct host_task *task;
	u32 requests;    /* atomic; enum vcpu_request */
	u32 hsm;         /* atomic; SBI_HSM_STATE_* */
	u64 start_pc;    /* valid while HSM is START_PENDING; also where a non-retentive suspend resumes */
	u64 start_arg;
	bool parked;     /* atomic; paused with no answer outstanding */
	bool done;       /* atomic; the task has left its loop */
	void *engine;    /* the engine's public part: common memory, atomics only */
	struct vcpu_private *priv;
};

struct vcpu_private {
	struct vmexit exit;
	u64 exits[EXIT_KINDS];
	u64 suspend_type; /* of the hart_suspend being served */
	void *engine;     /* the engine's private part */
};

/* Takes memory from the VM's account; the vCPU is STOPPED and has no task yet. */
int vcpu_create(struct vm *vm, u32 id);
void vcpu_destroy(struct vcpu *vcpu);
/* The task's body. */
void vcpu_loop(void *vcpu);
/* Called by the host when the task leaves its hart. */
void vcpu_switch_out(void *vcpu);
/* Sets a request and makes the vCPU look at it soon. Any task. */
void vcpu_request(struct vcpu *vcpu, u32 request);
void vcpu_irq(struct vcpu *vcpu, enum engine_irq irq, bool level);

#endif
