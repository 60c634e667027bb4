/*
 * The power switch of QEMU's `virt`: the "sifive,test" finisher, used through
 * the syscon-poweroff and syscon-reboot bindings.
 */
#ifndef DEV_SYSCON_H
#define DEV_SYSCON_H

#include "host/host.h"
#include "vm/dev.h"

#define SYSCON_SIZE 0x1000

enum syscon_event {
	SYSCON_POWEROFF,
	SYSCON_REBOOT,
	SYSCON_FAIL, /* the guest ends with a failure */
};

/*
 * @event is called, with the device's lock held, when the guest writes one of the magic
 * values. @payer pays for the model until ops->destroy. NULL when memory is short.
 */
struct dev *syscon_create(u64 base, void (*event)(void *arg, enum syscon_event e), void *arg,
			  struct host_account *payer);

#endif
