/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pasta.c - create, join and watch the guest's namespaces
 *
 * DOC: This process stays in the host's network namespace for all its life. What has to
 * happen in the guest's is a function that runs in a child which shares memory
 * and descriptors with us, while we are suspended (as with vfork(2)): it enters the
 * namespace, calls the function and ends. So results, errors and descriptors need
 * no transport, nothing stays behind, and it works the same at start-up and
 * later, when sockets in the guest are wanted. For the latter CAP_SYS_ADMIN is
 * kept in the user namespace that owns the guest, which gives nothing outside.
 *
 * A command gets a process that inherits the guest's network namespace, makes its
 * other namespaces while we isolate ourselves and set up the link, and then
 * needs but one message to exec. If we die before, it reads the end of file.
 *
 * Who may call: passt.c, in the order that pasta.h shows. See namespaces(7),
 * pid_namespaces(7), network_namespaces(7), clone(2).
 */
#define _GNU_SOURCE
#include "pasta.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "isolation.h"
#include "log.h"
#include "util.h"

/* Of the child that runs a function in the namespace; touched only as used */
#define NS_STACK	(512 * 1024)

enum ns_step { NS_ENTER, NS_TUN, NS_CALL };

/* One function to run in a network namespace */
struct ns_call {
	int netns;		/* enter this one, or -1: create it */
	bool start;		/* replace @netns by a descriptor that holds no mount */
	bool tun;		/* say whether /dev/net/tun can be used */
	ns_setup_fn *fn;
	void *ctx;
	enum ns_step step;	/* where ... */
	int rc;			/* ... this comes from */
};

/* The network namespace that we are in: descriptor or -errno */
static int netns_self(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Create a network namespace, or enter c->netns: 0 or -errno */
static int ns_enter(struct ns_call *c)
{
	int fd;

	if (c->netns >= 0 && setns(c->netns, CLONE_NEWNET))
		return -errno;
	if (c->netns < 0 && unshare(CLONE_NEWNET))
		return -errno;
	if (c->netns < 0)
		write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");
	if (!c->start)
		return 0;

	fd = netns_self();
	if (fd < 0)
		return fd;
	if (c->netns >= 0)
		close(c->netns);
	c->netns = fd;
	return 0;
}

static int tun_check(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int ns_steps(struct ns_call *c)
{
	int rc;

	c->step = NS_ENTER;
	rc = ns_enter(c);
	if (rc)
		return rc;

	c->step = NS_TUN;
	rc = c->tun ? tun_check() : 0;
	if (rc)
		return rc;

	c->step = NS_CALL;
	return c->fn(c->ctx);
}

/* Ends here rather than in clone(), whose ways differ between C libraries */
static int ns_child(void *arg)
{
	struct ns_call *c = arg;

	c->rc = ns_steps(c);
	_exit(0);
}

/* No exit signal: SIGCHLD is for the command alone.
 *
 * #syscalls:pasta clone setns wait4 waitid
 */
static int ns_run(struct ns_call *c)
{
	_Alignas(64) char stack[NS_STACK];
	pid_t pid;

	c->rc = -ECHILD;
	pid = clone(ns_child, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_FILES, c);
	if (pid < 0) {
		c->step = NS_ENTER;
		c->rc = -errno;
		return c->rc;
	}
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return c->rc;
}

int pasta_in_ns(const struct pasta *p, ns_setup_fn *fn, void *ctx)
{
	struct ns_call c = { .netns = p->netns, .fn = fn, .ctx = ctx };

	return p->netns < 0 ? -EBADF : ns_run(&c);
}

/* Open the namespace @path of @type (CLONE_NEW*), called @what in messages */
static int ns_open(const char *path, int type, const char *what)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), found;

	if (fd < 0)
		die("Can't open %s namespace %s: %s%s", what, path,
		    err_str(errno), errno != EACCES ? "" :
		    ": it belongs to another user");
	found = ioctl(fd, NS_GET_NSTYPE);
	if (found != type)
		die("%s is not a %s namespace", path, what);
	return fd;
}

/* Is @fd the user namespace that we are in? It can't be joined then. */
static bool userns_is_ours(int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat("/proc/self/ns/user", &b) &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool pidfd_ended(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

/* Process @pid: or -1, if the kernel has no pidfd */
static int target_pidfd(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && errno == ESRCH)
		die("There is no process %d to join", pid);
	return fd;
}

/* A process that ended meanwhile may have lent its number to another */
static void target_alive(const struct pasta *p, pid_t pid)
{
	if (p->watch >= 0 && pidfd_ended(p->watch))
		die("Process %d, whose namespaces were to be joined, has ended",
		    pid);
}

/* The user namespace to join, or ISOLATE_* */
static int target_userns(const struct conf *cf)
{
	int fd;

	if (cf->netns_only || !cf->userns[0])
		return ISOLATE_STAY;
	fd = ns_open(cf->userns, CLONE_NEWUSER, "user");
	if (!userns_is_ours(fd))
		return fd;
	close(fd);
	return ISOLATE_STAY;
}

void pasta_open(struct pasta *p, const struct conf *cf)
{
	*p = (struct pasta){
		.netns = -1, .userns = ISOLATE_NEW, .go = -1, .tap = -1,
		.watch = -1, .watch_dir = -1,
	};
	if (cf->command || cf->mode != MODE_PASTA)
		return;

	if (cf->target_pid)
		p->watch = target_pidfd(cf->target_pid);
	snprintf(p->path, sizeof(p->path), "%s", cf->netns);
	p->netns = ns_open(p->path, CLONE_NEWNET, "network");
	p->userns = target_userns(cf);
	if (cf->target_pid)
		target_alive(p, cf->target_pid);
}

static const char *hint_enter(const struct conf *cf, int err)
{
	if (err == -EAGAIN)
		return " (see ulimit -u)";
	if (cf->command)
		return err == -ENOSPC ? " (see sysctl user.max_net_namespaces)" :
			" (do sysctl or security policy forbid it?)";
	if (err != -EPERM)
		return "";
	return cf->netns_only || !cf->userns[0] ?
		": it is owned by a user namespace that must be joined first "
		"(see --userns)" :
		": it is not owned by the user namespace that was joined";
}

static const char *hint_tun(int err)
{
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		return ": the kernel module tun has to be loaded, and a container "
		       "be given the device (or use --splice-only)";
	if (err == -EACCES || err == -EPERM)
		return ": everybody should be able to use it (mode 0666)";
	return "";
}

static _Noreturn void start_failed(const struct conf *cf,
				   const struct ns_call *c)
{
	const char *why = err_str(c->rc);

	switch (c->step) {
	case NS_ENTER:
		die("Can't %s the network namespace: %s%s",
		    cf->command ? "create" : "join", why,
		    hint_enter(cf, c->rc));
	case NS_TUN:
		die("Can't open /dev/net/tun: %s%s", why, hint_tun(c->rc));
	case NS_CALL:
	default:
		if (c->rc == -ECANCELED)
			die_said();
		die("Can't set up interface %s in the network namespace: %s%s",
		    cf->ifname, why, c->rc != -EBUSY ? "" :
		    ": there is one of that name (see -I)");
	}
}

static _Noreturn void userns_failed(const struct pasta *p, int rc)
{
	if (p->userns >= 0)
		die("Can't join the user namespace: %s%s", err_str(rc),
		    rc == -EPERM ? ": it belongs to another user" : "");
	die("Can't create a user namespace: %s: see sysctl "
	    "user.max_user_namespaces, kernel.unprivileged_userns_clone, "
	    "kernel.apparmor_restrict_unprivileged_userns", err_str(rc));
}

/* The real root may enter any network namespace, but only before it becomes an ordinary
 * user; everybody else only in the user namespace that owns it.
 */
static void start_join(struct pasta *p, const struct conf *cf, struct ns_call *c)
{
	bool refused, root = !geteuid() && isolate_is_initial();
	int rc;

	ns_run(c);
	refused = c->rc == -EPERM && c->step == NS_ENTER;
	if (c->rc < 0 && (!refused || p->userns < 0))
		start_failed(cf, c);

	/* With nothing to join, capabilities of the real root have to go */
	if (p->userns == ISOLATE_STAY && root)
		p->userns = ISOLATE_NEW;
	rc = isolate_user(cf, p->userns);
	if (rc && p->userns >= 0)
		userns_failed(p, rc);
	if (rc)
		log_warn("No user namespace of our own: %s", err_str(rc));
	if (refused && ns_run(c) < 0)
		start_failed(cf, c);
	p->netns = c->netns;

	if (p->userns == ISOLATE_NEW) {
		log_warn("The network namespace belongs to the initial user "
			 "namespace: it can't be entered later");
		close(p->netns);
		p->netns = -1;
	}
	if (p->userns >= 0)
		close(p->userns);
}

/* fork(2) with flags of clone(2) */
static pid_t fork_flags(unsigned long flags)
{
#ifdef __s390__				/* the first two arguments change places */
	return syscall(SYS_clone, 0UL, flags | SIGCHLD, 0UL, 0UL, 0UL);
#else
	return syscall(SYS_clone, flags | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
#endif
}

/* What the command's process says when it is ready to exec, or can't go on */
struct note {
	int err;			/* 0, or -errno ... */
	enum { CMD_NETNS, CMD_UNSHARE, CMD_PROC } step;	/* ... of this */
};

static void command_name(const struct conf *cf)
{
	char name[64 + 1], host[64 + 1] = "";

	if (cf->hostname[0]) {
		snprintf(name, sizeof(name), "%.64s", cf->hostname);
	} else {
		gethostname(host, sizeof(host) - 1);
		snprintf(name, sizeof(name), "pasta-%.58s", host);
	}
	if (sethostname(name, strlen(name)))
		log_debug("can't set the host name: %s", strerror(errno));
}

static struct note command_prepare(const struct pasta *p, const struct conf *cf)
{
	if (setns(p->netns, CLONE_NEWNET))
		return (struct note){ -errno, CMD_NETNS };
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS))
		return (struct note){ -errno, CMD_UNSHARE };

	/* Mounts of another user namespace come as slaves: nothing gets out */
	if (!cf->no_pidns && mount("proc", "/proc", "proc",
				   MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return (struct note){ -errno, CMD_PROC };
	command_name(cf);
	return (struct note){ 0 };
}

/* Login shells find a dash before their name, sh(1) */
static _Noreturn void command_exec(const struct conf *cf)
{
	char **argv = cf->command, name[PATH_MAX + 1];
	const char *path = argv[0];
	char *login[] = { name, NULL };

	if (argv == cf->login_shell) {
		const char *base = strrchr(path, '/');

		snprintf(name, sizeof(name), "-%s", base ? base + 1 : path);
		argv = login;
	}
	syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	execvp(path, argv);
	log_err("Can't run %s: %s", path, err_str(errno));
	_exit(1);
}

static _Noreturn void command_main(const struct pasta *p, const struct conf *cf,
				   int fd)
{
	struct note note = command_prepare(p, cf);
	sigset_t none;
	char go;

	if (write(fd, &note, sizeof(note)) != sizeof(note) || note.err)
		_exit(1);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (read(fd, &go, sizeof(go)) != sizeof(go))
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	command_exec(cf);
}

static void command_start(struct pasta *p, const struct conf *cf)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		die_errno(errno, "Can't create a socket pair");
	p->child = fork_flags(cf->no_pidns ? 0 : CLONE_NEWPID);
	if (p->child < 0)
		die_errno(errno, "Can't create a process for the command");
	if (!p->child) {
		close(fds[0]);
		command_main(p, cf, fds[1]);
	}
	close(fds[1]);
	p->go = fds[0];
}

int pasta_start(struct pasta *p, const struct conf *cf, ns_setup_fn *setup,
		void *ctx)
{
	struct ns_call c = {
		.netns = p->netns, .fn = setup, .ctx = ctx, .start = true,
		.tun = !cf->splice_only && cf->fd < 0,
	};
	int rc;

	if (!cf->command) {
		start_join(p, cf, &c);
		return c.rc;
	}

	rc = isolate_user(cf, ISOLATE_NEW);
	if (rc)
		userns_failed(p, rc);
	if (ns_run(&c) < 0)
		start_failed(cf, &c);
	p->netns = c.netns;

	if (c.tun && !cf->no_pidns)
		p->tap = c.rc;
	command_start(p, cf);
	return c.rc;
}

uint64_t pasta_caps(const struct pasta *p)
{
	if (p->netns < 0)
		return 0;
	return 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_NET_BIND_SERVICE;
}

/* #syscalls:pasta read write close wait4 waitid */
void pasta_go(struct pasta *p)
{
	static const char *const steps[] = {
		[CMD_NETNS]	= "enter its network namespace",
		[CMD_UNSHARE]	= "create its namespaces",
		[CMD_PROC]	= "mount /proc (see --no-pidns)",
	};
	struct note note;

	if (p->go < 0)
		return;
	if (read(p->go, &note, sizeof(note)) != sizeof(note))
		note = (struct note){ -ECHILD, CMD_UNSHARE };
	if (note.err) {
		waitpid(p->child, NULL, 0);
		die("The command's process can't %s: %s", steps[note.step],
		    err_str(note.err));
	}
	if (write(p->go, "", 1) != 1)
		log_warn("The command's process is gone");
	close(p->go);
	p->go = -1;
}

/* With its PID namespace all that the command started is gone, so nobody uses the
 * tap device any more. Have it go with the network namespace, which the
 * kernel clears away by itself: as part of our exit it would take some 20 ms.
 *
 * #syscalls:pasta wait4 waitid ioctl
 */
bool pasta_child_status(struct pasta *p, int *status)
{
	int s;

	if (!p->child || waitpid(p->child, &s, WNOHANG) != p->child)
		return false;
	p->child = 0;
	if (p->tap >= 0)
		ioctl(p->tap, TUNSETPERSIST, 1);
	*status = WIFSIGNALED(s) ? 128 + WTERMSIG(s) : WEXITSTATUS(s);
	return true;
}
