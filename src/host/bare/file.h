/* The system image that the boot loader handed over as initrd. */
#ifndef HOST_BARE_FILE_H
#define HOST_BARE_FILE_H

struct tree;

/* Lists its files. Boot only, in the first task. */
void file_init(const struct tree *t);

#endif
