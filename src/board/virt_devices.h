/* The virtio and other devices that a VM's description names, on the virt machine. */
#ifndef BOARD_VIRT_DEVICES_H
#define BOARD_VIRT_DEVICES_H

#include "board/virt_lent.h"
#include "vm/vm.h"

struct net_port;

/* What the machine holds beside its bus. */
struct board {
	u32 port_count;
	struct net_port *ports[CONFIG_DEVICES_MAX];
	u64 shared_end; /* where the next piece of shared memory goes */
	struct virt_lent lent;
};

/* Makes the devices of vm->config and puts them on the bus; the VM's keeper, in its space. A negative
 * errno: vm->failure says why, virt_devices_gone() is still to be called. */
int virt_devices(struct vm *vm, struct dev *plic);
/* After the devices were destroyed. */
void virt_devices_gone(struct vm *vm);

#endif
