#include "main/cli/temp.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX];
static volatile sig_atomic_t present;

void temp_remove(void)
{
	if (present)
		unlink(path);
	present = 0;
}

/* Ends as the signal would have ended the command. */
static void ended(int signal_number)
{
	temp_remove();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void prepare(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static bool prepared;

	if (prepared)
		return;
	prepared = true;
	atexit(temp_remove);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction now, then = { .sa_handler = ended };

		/* What is ignored (nohup) stays so. */
		if (!sigaction(signals[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaction(signals[i], &then, NULL);
	}
}

int temp_create(const char *prefix)
{
	int fd;

	prepare();
	temp_remove();
	snprintf(path, sizeof(path), "%s.XXXXXX", prefix);
	fd = mkstemp(path);
	present = fd >= 0;
	return fd;
}

const char *temp_path(void)
{
	return path;
}

int temp_rename(const char *to)
{
	if (rename(path, to) < 0)
		return -1;
	present = 0;
	return 0;
}
