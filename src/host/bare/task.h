/* Tasks, timers and interrupts between harts: what the rest of host/bare needs of them. */
#ifndef HOST_BARE_TASK_H
#define HOST_BARE_TASK_H

#include "host/host.h"

struct percpu;

/* Boot hart, before any task; @slice in ticks. */
void task_init(unsigned harts, u64 slice);
/* The calling hart's first context becomes its idle task. */
void task_hart_init(void);
/* Runs tasks for ever. */
_Noreturn void task_idle(void);
const char *task_name(const struct host_task *task);
/* The lowest address of the task's stack, for the backtrace; 0: a boot stack. */
u64 task_stack(const struct host_task *task);

/* Serves what is pending in sip. True if a timer or another hart wants a look at the queues. */
bool interrupts_serve(void);
/* Sends each hart of the mask (by index) an interrupt. */
void harts_poke(u64 mask);
/* Sets this hart's timer; HOST_FOREVER: none. */
void timer_set(u64 when);
void timer_init(void);

/* From here on every hart stops when it looks for interrupts. */
void harts_stop(void);

void switch_context(u64 *save_sp, u64 load_sp);

#endif
