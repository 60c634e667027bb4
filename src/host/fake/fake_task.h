/* Between the two files of the fake host. */
#ifndef HOST_FAKE_FAKE_TASK_H
#define HOST_FAKE_FAKE_TASK_H

/* Puts the clock and the test's own task back to their beginnings. */
void fake_task_reset(void);

#endif
