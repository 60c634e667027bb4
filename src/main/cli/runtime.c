#define _GNU_SOURCE
#include "main/cli/runtime.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { DIRECTORIES = 2, ANSWER_MAX = 256 * KIB, PATIENCE_SECONDS = 1, BACKLOG = 16 };

/* Left by whoever was killed between making a socket and naming it: ".PID.new". */
static const char suffix_new[] = ".new", suffix[] = ".sock";

/* ---- Directories */

/* "" when its name is too long. */
static void directory_own(char dir[RUNTIME_PATH_SIZE])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (runtime && *runtime == '/')
		n = snprintf(dir, RUNTIME_PATH_SIZE, "%s/bulkhead", runtime);
	else if (geteuid() == 0)
		n = snprintf(dir, RUNTIME_PATH_SIZE, "/run/bulkhead");
	else
		n = snprintf(dir, RUNTIME_PATH_SIZE, "/tmp/bulkhead-%u", (unsigned)geteuid());
	if (n >= RUNTIME_PATH_SIZE)
		dir[0] = '\0';
}

/* What is in a directory that others can write to is theirs. */
static int directory_check(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == geteuid() && !(st.st_mode & 022) ? 0 : -EPERM;
}

static int directory_make(char dir[RUNTIME_PATH_SIZE])
{
	directory_own(dir);
	if (!*dir)
		return -ENAMETOOLONG;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	return directory_check(dir);
}

/* Services have no runtime directory of a session: for root both are looked at. */
static unsigned directories(char dirs[DIRECTORIES][RUNTIME_PATH_SIZE])
{
	directory_own(dirs[0]);
	if (geteuid() != 0 || !strcmp(dirs[0], "/run/bulkhead"))
		return 1;
	snprintf(dirs[1], RUNTIME_PATH_SIZE, "/run/bulkhead");
	return 2;
}

/* ---- Names */

void runtime_name(const char *file, char name[RUNTIME_NAME_SIZE])
{
	const char *slash = file ? strrchr(file, '/') : NULL, *start = slash ? slash + 1 : file, *dot;
	size_t len;

	if (!file || !*start)
		start = "vm";
	dot = strrchr(start, '.');
	len = dot && dot != start ? (size_t)(dot - start) : strlen(start);
	if (len >= RUNTIME_NAME_SIZE)
		len = RUNTIME_NAME_SIZE - 1;
	for (size_t i = 0; i < len; i++)
		name[i] = isalnum((unsigned char)start[i]) || strchr("_-+", start[i]) ? start[i] : '_';
	name[len] = '\0';
}

static bool has_end(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len > n && strcmp(text + len - n, end) == 0;
}

/* "NAME.PID.sock" */
static bool name_read(const char *entry, struct runtime_system *s)
{
	const char *dot = strchr(entry, '.');
	char *end = NULL;
	unsigned long pid = dot ? strtoul(dot + 1, &end, 10) : 0;

	if (!dot || dot == entry || dot - entry >= RUNTIME_NAME_SIZE || !pid || pid > INT32_MAX ||
	    strcmp(end, suffix))
		return false;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)(dot - entry), entry);
	s->pid = (u32)pid;
	return true;
}

/* ---- Sockets */

static int address_make(const char *path, struct sockaddr_un *at)
{
	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return snprintf(at->sun_path, sizeof(at->sun_path), "%s", path) >= RUNTIME_PATH_SIZE ?
	       -ENAMETOOLONG : 0;
}

/* A descriptor, or a negative errno. */
static int connect_to(const char *path)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct sockaddr_un at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	err = address_make(path, &at);
	if (!err && connect(fd, (struct sockaddr *)&at, sizeof(at)))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Under its name it answers from the first moment on: what does not is left over. */
static int listen_at(int fd, const char *path, const char *path_new)
{
	struct sockaddr_un at;
	int err = address_make(path_new, &at);

	if (err)
		return err;
	unlink(path_new);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	if (!chmod(path_new, 0600) && !listen(fd, BACKLOG) && !rename(path_new, path))
		return 0;
	err = -errno;
	unlink(path_new);
	return err;
}

int runtime_listen(const char *name, struct runtime_system *system)
{
	char dir[RUNTIME_PATH_SIZE], path_new[2 * RUNTIME_PATH_SIZE], path[2 * RUNTIME_PATH_SIZE];
	int err = directory_make(dir), fd;

	if (err)
		return err;
	snprintf(system->name, sizeof(system->name), "%s", name);
	system->pid = (u32)getpid();
	snprintf(path, sizeof(path), "%s/%s.%u%s", dir, system->name, system->pid, suffix);
	snprintf(path_new, sizeof(path_new), "%s/.%u%s", dir, system->pid, suffix_new);
	if (strlen(path) >= sizeof(system->path))
		return -ENAMETOOLONG;
	memcpy(system->path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = listen_at(fd, path, path_new);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* ---- Finding */

static int is_ours(const struct dirent *entry)
{
	return has_end(entry->d_name, suffix) || has_end(entry->d_name, suffix_new);
}

static void remove_unnamed(const char *path, const char *entry)
{
	pid_t pid = (pid_t)strtol(entry + 1, NULL, 10);

	if (entry[0] == '.' && pid > 0 && kill(pid, 0) && errno == ESRCH)
		unlink(path);
}

/* True if it is a system's that runs. */
static bool entry_take(const char *dir, const char *entry, struct runtime_system *s)
{
	char path[2 * NAME_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, entry);
	if (strlen(path) >= sizeof(s->path))
		return false;
	memcpy(s->path, path, strlen(path) + 1);
	if (has_end(entry, suffix_new))
		remove_unnamed(path, entry);
	if (!name_read(entry, s))
		return false;
	fd = connect_to(path);
	if (fd >= 0)
		close(fd);
	else if (fd == -ECONNREFUSED)
		unlink(path);
	return fd >= 0 || fd == -EAGAIN;
}

/* Adds those of a directory to the *count that there are; 0 or -ENOMEM. */
static int find_in(const char *dir, struct runtime_system **systems, int *count)
{
	struct dirent **entries;
	struct runtime_system *more = NULL;
	int n = directory_check(dir) ? 0 : scandir(dir, &entries, is_ours, alphasort);

	if (n <= 0)
		return 0;
	more = realloc(*systems, (size_t)(*count + n) * sizeof(*more));
	*systems = more ? more : *systems;
	for (int i = 0; i < n; i++) {
		if (more && entry_take(dir, entries[i]->d_name, &more[*count]))
			(*count)++;
		free(entries[i]);
	}
	free(entries);
	return more ? 0 : -ENOMEM;
}

int runtime_find(struct runtime_system **systems)
{
	char dirs[DIRECTORIES][RUNTIME_PATH_SIZE];
	unsigned n = directories(dirs);
	int count = 0;

	*systems = NULL;
	for (unsigned i = 0; i < n; i++)
		if (find_in(dirs[i], systems, &count))
			return -ENOMEM;
	return count;
}

/* ---- Asking */

/* All that comes until the other side closes: its size, or a negative errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n == 0)
			return (ssize_t)used;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			used += (size_t)n;
	}
	return -EMSGSIZE;
}

/* Takes the first line off; false when not all is there. */
static bool answer_take(char *text, size_t size, enum runtime_result *result)
{
	char *body = memchr(text, '\n', size), *number = memchr(text, ' ', size);
	size_t len;

	if (!body || !number || number > body)
		return false;
	*body++ = '\0';
	*result = strncmp(text, "ok ", 3) == 0 ? RUNTIME_OK : RUNTIME_FAILED;
	len = size - (size_t)(body - text);
	if (strtoul(number, NULL, 10) != len)
		return false;
	memmove(text, body, len);
	text[len] = '\0';
	return true;
}

static int exchange(int fd, const char *request, char *text, enum runtime_result *result)
{
	struct msghdr line = {
		.msg_iov = (struct iovec[]){
			{ .iov_base = (void *)(uintptr_t)request, .iov_len = strlen(request) },
			{ .iov_base = "\n", .iov_len = 1 },
		},
		.msg_iovlen = 2,
	};
	ssize_t n;

	if (sendmsg(fd, &line, MSG_NOSIGNAL) < 0)
		return -errno;
	n = read_all(fd, text, ANSWER_MAX);
	if (n < 0)
		return (int)n;
	return answer_take(text, (size_t)n, result) ? 0 : -EPROTO;
}

enum runtime_result runtime_ask(const struct runtime_system *system, const char *request,
				char **answer, u32 *pid)
{
	enum runtime_result result = RUNTIME_SILENT;
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);
	int fd = connect_to(system->path), err = fd < 0 ? fd : 0;

	*answer = err ? NULL : malloc(ANSWER_MAX + 1);
	if (!err)
		err = *answer ? exchange(fd, request, *answer, &result) : -ENOMEM;
	if (!err && pid && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		*pid = (u32)peer.pid;
	if (fd >= 0)
		close(fd);
	if (!err)
		return result;
	free(*answer);
	*answer = NULL;
	errno = -err;
	return RUNTIME_SILENT;
}
