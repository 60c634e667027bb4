/* Private to the host on Linux. */
#ifndef HOST_LINUX_TASK_H
#define HOST_LINUX_TASK_H

/* Makes the calling thread a task. 0 or a negative errno. */
int task_init(void);

#endif
