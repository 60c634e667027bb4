/* A system description on the workstation: compiled, read, and its files found. */
#ifndef MAIN_CLI_DESCRIPTION_H
#define MAIN_CLI_DESCRIPTION_H

#include "main/cli/process.h"
#include "vm/config.h"

#define DESCRIPTION_FILES_MAX (2 * CONFIG_VMS_MAX + CONFIG_DEVICES_TOTAL)

/* A file that the description names, however often. */
struct system_file {
	char *path;                     /* from the working directory */
	char name[CONFIG_PATH_MAX + 1]; /* in the archive */
	u64 device, inode;
	u64 size;
};

struct description {
	const char *path; /* of the .dts, as the user wrote it */
	struct buffer dtb;
	struct system_config config;
	unsigned mistakes; /* reported so far; the rest is whole only when it is 0 */
	unsigned file_count;
	struct system_file files[DESCRIPTION_FILES_MAX];
	/* By VM; initrd is NULL where there is none. */
	struct system_file *kernel[CONFIG_VMS_MAX], *initrd[CONFIG_VMS_MAX];
	struct system_file *disk[CONFIG_DEVICES_TOTAL]; /* by device; NULL: not made of a file */
};

/*
 * Compiles the description at @path, reads it, and looks at the files it names. Reports every
 * mistake on stderr and counts it. NULL when memory is short (reported); free with
 * description_close().
 */
struct description *description_open(const char *path);
void description_close(struct description *d);

/* A config_error_fn: @arg is the struct description. */
void description_mistake(void *arg, const char *path, const char *message);
/* Reports the number of mistakes, when there are any; true when there are none. */
bool description_right(const struct description *d);
/* The size of all its files together. */
u64 description_files_size(const struct description *d);
/* A config_file_size_fn: @arg is the struct description. */
u64 description_disk_size(void *arg, const char *file);

/* Runs dtc on the description and reports what it says as mistakes. */
void description_compile(struct description *d);
/* Finds the files of all VMs; what is wrong with them is reported. */
void description_find_files(struct description *d);

#endif
