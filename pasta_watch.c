/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pasta_watch.c - is the joined namespace still there?
 *
 * DOC: The removal of the namespace's path, or the end of the process that it is
 * named by, is what ends the program. Whatever tells this at once is used: a
 * pidfd for a process or a path in procfs, inotify for other paths; where neither can
 * be had, a look every second. All of it works without any path, so in an empty
 * root directory too.
 *
 * Who may call: passt.c. See pidfd_open(2), inotify(7), timerfd_create(2).
 */
#define _GNU_SOURCE
#include "pasta.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "util.h"

enum watch_kind { WATCH_NONE, WATCH_PIDFD, WATCH_INOTIFY, WATCH_TIMER };

/* The process that a path in procfs ("/proc/PID/...") is about, or 0 */
static pid_t path_pid(const char *path)
{
	static const char proc[] = "/proc/";
	uint64_t pid;
	char s[16];
	size_t n;

	if (strncmp(path, proc, sizeof(proc) - 1))
		return 0;
	path += sizeof(proc) - 1;
	n = strspn(path, "0123456789");
	if (!n || n >= sizeof(s) || path[n] != '/')
		return 0;
	memcpy(s, path, n);
	s[n] = '\0';
	return parse_num(s, INT_MAX, &pid) ? 0 : (pid_t)pid;
}

/* A directory: descriptor and, in @name, what follows. -1 if that fails. */
static int path_split(const char *path, char name[NAME_MAX + 1])
{
	const char *base = strrchr(path, '/') + 1;
	char dir[PATH_MAX + 16];

	if (strlen(base) > NAME_MAX)
		return -1;
	snprintf(dir, sizeof(dir), "%.*s", (int)(base - path), path);
	snprintf(name, NAME_MAX + 1, "%s", base);
	return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool is_procfs(int dir)
{
	struct statfs fs;

	return !fstatfs(dir, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* What is at the path now, if anything; no right to look is no sign of its end.
 * The mount may be gone from our root: then this sees the file it was on.
 *
 * #syscalls:pasta faccessat
 */
static bool path_gone(const struct pasta *p)
{
	return faccessat(p->watch_dir, p->watch_name, F_OK, 0) &&
	       errno != EACCES;
}

static int inotify_open(int dir)
{
	char path[32];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	if (inotify_add_watch(fd, path, IN_DELETE | IN_MOVED_FROM |
			      IN_DELETE_SELF | IN_ONLYDIR) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int ticker_open(void)
{
	static const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &second, NULL);
	return fd;
}

/* Watch a path: at best through the process it belongs to, or its directory */
static void watch_path(struct pasta *p, const char *path)
{
	pid_t pid;

	p->watch_dir = path_split(path, p->watch_name);
	if (p->watch_dir < 0) {
		log_warn("Can't watch %s: %s", path, strerror(errno));
		return;
	}
	if (is_procfs(p->watch_dir)) {
		pid = path_pid(path);
		p->watch = pid ? syscall(SYS_pidfd_open, pid, 0) : -1;
		p->watch_kind = WATCH_PIDFD;
	} else {
		p->watch = inotify_open(p->watch_dir);
		p->watch_kind = WATCH_INOTIFY;
	}
	if (p->watch < 0) {
		p->watch = ticker_open();
		p->watch_kind = WATCH_TIMER;
	}
	if (path_gone(p))
		die("Network namespace %s is gone", path);
	if (p->watch_kind != WATCH_TIMER) {	/* don't keep a filesystem busy */
		close(p->watch_dir);
		p->watch_dir = -1;
	}
}

int pasta_watch_open(struct pasta *p, const struct conf *cf)
{
	if (!p->path[0] || cf->no_netns_quit) {
		if (p->watch >= 0)
			close(p->watch);
		p->watch = -1;
	} else if (p->watch >= 0) {
		p->watch_kind = WATCH_PIDFD;
	} else {
		watch_path(p, p->path);
	}
	return p->watch;
}

/* Was our name deleted, or the directory with it?
 *
 * #syscalls:pasta read
 */
static bool inotify_gone(const struct pasta *p)
{
	_Alignas(struct inotify_event) char buf[4096];
	bool gone = false;
	ssize_t n, off;

	while ((n = read(p->watch, buf, sizeof(buf))) > 0) {
		for (off = 0; off < n; ) {
			const struct inotify_event *e = (const void *)(buf + off);

			gone |= e->len && !strcmp(e->name, p->watch_name);
			gone |= !!(e->mask & (IN_DELETE_SELF | IN_IGNORED |
					      IN_UNMOUNT));
			off += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	return gone;
}

bool pasta_watch_event(struct pasta *p)
{
	uint64_t ticks;

	switch ((enum watch_kind)p->watch_kind) {
	case WATCH_PIDFD:
		return true;		/* it ended, with all its threads */
	case WATCH_INOTIFY:
		return inotify_gone(p);
	case WATCH_TIMER:
		return read(p->watch, &ticks, sizeof(ticks)) > 0 && path_gone(p);
	case WATCH_NONE:
		break;
	}
	return false;
}
