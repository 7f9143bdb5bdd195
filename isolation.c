/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation.c - give up, step by step, whatever the program does not need any more
 *
 * DOC: A guest that took over this process should find nothing in it worth having.
 * Four walls stand behind each other:
 *
 *  - a user namespace, in which few or no capabilities are left, and none outside
 *  - a root directory that is empty and read-only, in a mount namespace of its own
 *  - Landlock: no access to any file by name, no signal to anybody outside
 *  - seccomp: a list of the system calls that the loop makes, death for the others.
 *    The list is made of the "#syscalls" comments beside the calls; see seccomp.sh.
 *
 * The kernel's namespace calls wait for RCU grace periods when a mount or a
 * device goes. All mounts are detached by one call here; the other waits are
 * for whoever owns the device.
 *
 * Who may call: passt.c and pasta.c, in the order that isolation.h shows. See
 * user_namespaces(7), capabilities(7), pivot_root(2), landlock(7), seccomp(2).
 */
#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "util.h"

#include "seccomp.h"

/* What libc does by itself: leaving, returning from signal handlers, reading
 * the clock where there is no vDSO, locks of stdio
 *
 * #syscalls exit exit_group rt_sigreturn i386:sigreturn arm:sigreturn
 * #syscalls restart_syscall clock_gettime clock_gettime64 getpid gettid
 * #syscalls futex futex_time64 rt_sigprocmask
 *
 * All calls about sockets, where the kernel had only this one at first:
 *
 * #syscalls i386:socketcall s390x:socketcall
 */

#define CAP(x)		(1ULL << (x))

/* Inode number of the initial user namespace, fixed by the kernel */
#define USERNS_INITIAL	0xEFFFFFFDU

#define UID_NOBODY	65534

#define STRAY_MAX	65536		/* inherited descriptors, where they must be tried out */

#define NOT_FATAL	"going on without"

/* Keep those of @caps that we have: 0 or -errno */
static int caps_limit(uint64_t caps)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };
	int i;

	if (syscall(SYS_capget, &h, d))
		return -errno;

	for (i = 0; i < 2; i++) {
		d[i].permitted &= caps >> 32 * i;
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &h, d))
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

bool isolate_is_initial(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) || st.st_ino == USERNS_INITIAL;
}

/* Standard streams that were closed must not become something else */
static void streams_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* Close all descriptors from @first to @last. Before Linux 5.9 that takes a call for each. */
static void close_all(unsigned first, unsigned last)
{
	struct rlimit lim = { .rlim_cur = STRAY_MAX };

	if (first > last || !syscall(SYS_close_range, first, last, 0))
		return;
	getrlimit(RLIMIT_NOFILE, &lim);
	last = MIN(last, MIN(lim.rlim_cur, (rlim_t)STRAY_MAX));
	for (; first <= last; first++)
		close(first);
}

static void close_stray(int keep)
{
	unsigned from = 3;

	if (keep >= 3) {
		close_all(from, keep - 1);
		from = keep + 1;
		fcntl(keep, F_SETFD, FD_CLOEXEC);
	}
	close_all(from, ~0U);
}

void isolate_initial(struct conf *cf)
{
	static const uint64_t keep =
		CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_SETUID) | CAP(CAP_SETGID) |
		CAP(CAP_SYS_ADMIN) | CAP(CAP_NET_ADMIN) | CAP(CAP_SYS_CHROOT) |
		CAP(CAP_DAC_OVERRIDE) | CAP(CAP_SETFCAP) | CAP(CAP_SYS_PTRACE);
	int rc;

	if (cf->fd >= 0 && fcntl(cf->fd, F_GETFD) < 0)
		die_errno(errno, "--fd %d", cf->fd);
	if (cf->fd >= 0 && cf->fd <= 2) {
		int fd = fcntl(cf->fd, F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			die_errno(errno, "--fd %d", cf->fd);
		close(cf->fd);
		cf->fd = fd;
	}
	close_stray(cf->fd);
	streams_open();

	/* Is it the real one? */
	if (!geteuid() && access("/proc/self", F_OK))
		die_errno(errno, "root needs /proc to start");
	rc = caps_limit(keep);
	if (rc)
		log_warn("can't drop capabilities: %s, " NOT_FATAL,
			 strerror(-rc));
}

/* Change user and group for good. With @keep_caps the capabilities survive, to be
 * lost on entering a user namespace. Who is that user already needs no privilege.
 */
static void become(uid_t uid, gid_t gid, bool keep_caps)
{
	bool same = geteuid() == uid && getegid() == gid;
	int err;

	if (keep_caps)
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	err = setgroups(0, NULL) ? errno : 0;
	if (setresgid(gid, gid, gid))
		die_errno(errno, "can't change to group ID %u", gid);
	if (setresuid(uid, uid, uid))
		die_errno(errno, "can't change to user ID %u", uid);
	if (err && !same)
		log_warn("can't give up supplementary groups: %s", strerror(err));

	/* Else /proc/self belongs to root and the ID maps can't be written */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (keep_caps)
		caps_limit(~0ULL);
}

/* Map our user and group to 0: 0 or -errno */
static int userns_map(uid_t uid, gid_t gid)
{
	char s[32];
	int rc;

	rc = write_file("/proc/self/setgroups", "deny");
	if (rc && rc != -ENOENT)
		return rc;
	snprintf(s, sizeof(s), "0 %u 1", gid);
	rc = write_file("/proc/self/gid_map", s);
	if (rc)
		return rc;
	snprintf(s, sizeof(s), "0 %u 1", uid);
	return write_file("/proc/self/uid_map", s);
}

static int userns_new(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	return unshare(CLONE_NEWUSER) ? -errno : userns_map(uid, gid);
}

int isolate_user(const struct conf *cf, int userns)
{
	if (cf->runas_set) {
		become(cf->uid, cf->gid, userns >= 0);
	} else if (!geteuid() && isolate_is_initial()) {
		log_warn("started as root: changing to user nobody (%u), "
			 "--runas would name another", UID_NOBODY);
		become(UID_NOBODY, UID_NOBODY, userns >= 0);
	}

	if (userns >= 0)
		return setns(userns, CLONE_NEWUSER) ? -errno : 0;
	return userns == ISOLATE_NEW ? userns_new() : 0;
}

void isolate_limits(void)
{
	struct rlimit lim;

	if (!getrlimit(RLIMIT_NOFILE, &lim) && lim.rlim_cur != lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* All at once, or as many as the system gives. Is there a mount namespace? */
static bool namespaces_new(int flags)
{
	static const struct { int flag; const char *name; } each[] = {
		{ CLONE_NEWNS, "mount" }, { CLONE_NEWIPC, "IPC" },
		{ CLONE_NEWUTS, "UTS" }, { CLONE_NEWPID, "PID" },
	};
	bool ok = true;
	unsigned i;

	if (!unshare(flags))
		return true;

	for (i = 0; i < NELEM(each); i++) {
		if (!(flags & each[i].flag) || !unshare(each[i].flag))
			continue;
		log_warn("no %s namespace: %s, " NOT_FATAL, each[i].name,
			 strerror(errno));
		ok = ok && each[i].flag != CLONE_NEWNS;
	}
	return ok;
}

/* An empty read-only filesystem on some directory, and into it: 0 or -errno */
static int empty_mount(void)
{
	static const char *const at[] = { "/tmp", "/run", "/proc" };
	unsigned i;
	int rc = 0;

	for (i = 0; i < NELEM(at); i++) {
		if (mount("passt", at[i], "tmpfs", MS_NODEV | MS_NOEXEC |
			  MS_NOSUID | MS_RDONLY, "nr_inodes=2,nr_blocks=1"))
			rc = -errno;
		else
			return chdir(at[i]) ? -errno : 0;
	}
	return rc;
}

/* The current directory becomes the root, what was there is gone: 0 or -errno */
static int root_move(bool chroot_fallback)
{
	int rc;

	if (!syscall(SYS_pivot_root, ".", "."))
		return umount2(".", MNT_DETACH) || chdir("/") ? -errno : 0;

	rc = -errno;
	if (!chroot_fallback)
		return rc;
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return -errno;
	return 0;
}

static void empty_root(bool chroot_fallback)
{
	int rc;

	/* No mount event comes in or goes out, and nothing can be bound elsewhere */
	if (mount("", "/", "", MS_UNBINDABLE | MS_REC, NULL)) {
		log_warn("can't detach mounts: %s, " NOT_FATAL " an empty root",
			 strerror(errno));
		return;
	}
	rc = empty_mount();
	if (!rc)
		rc = root_move(chroot_fallback);
	if (rc)
		log_warn("no empty root directory: %s, " NOT_FATAL "%s",
			 strerror(-rc),
			 chroot_fallback ? "" : " (see --chroot-fallback)");
}

struct landlock_attr {			/* landlock(7), ABI 6 */
	uint64_t handled_access_fs, handled_access_net, scoped;
};

enum { SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2 };

/* Rights on files known to Landlock's ABI version @abi */
static uint64_t landlock_rights(int abi)
{
	static const int bits[] = { 0, 13, 14, 15, 15, 16 };

	return (1ULL << bits[MIN(abi, (int)NELEM(bits) - 1)]) - 1;
}

/* A rule set without rules: no file by name; from ABI 6 no signals to others
 * and no abstract sockets of others. Needs no_new_privs.
 */
static void landlock_deny(void)
{
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1), fd;
	struct landlock_attr attr = { 0 };
	size_t size = sizeof(attr.handled_access_fs);

	if (abi < 1) {
		log_debug("no Landlock: %s, " NOT_FATAL, strerror(errno));
		return;
	}
	attr.handled_access_fs = landlock_rights(abi);
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(attr);
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		log_warn("Landlock: %s, " NOT_FATAL, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void isolate_prefork(const struct conf *cf, struct sandbox *sb, uint64_t caps)
{
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS, rc;

	sb->ready_fd = -1;
	sb->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (sb->null_fd < 0)
		die_errno(errno, "can't open /dev/null");

	if (isolate_is_initial())
		caps = 0;
	if (!cf->foreground)
		flags |= CLONE_NEWPID;
	if (namespaces_new(flags))
		empty_root(cf->chroot_fallback);

	rc = caps_limit(caps);
	if (rc)
		die_errno(rc, "can't drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die_errno(errno, "can't refuse new privileges");
	landlock_deny();
}

/* The last line of defence: 0 or -errno. Without SPEC_ALLOW, kernels before 5.16
 * switch on costly mitigations of speculation for a process with a filter.
 */
static int filter_install(const struct seccomp_filter *f)
{
	/* sock_fprog has a writable pointer, but the kernel only reads */
	struct sock_filter code[256];
	struct sock_fprog prog = { f->len, code };

	memcpy(code, f->code, f->len * sizeof(code[0]));
	if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog))
		return 0;
	if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		return 0;
	return -errno;
}

static _Noreturn void filter_failed(int err)
{
	die_errno(err, "can't install the system call filter");
}

/* The PID file may be a pipe or the like: 0 or -errno */
static int pid_write(const struct conf *cf, pid_t pid)
{
	int rc = 0;

	if (cf->pid_fd < 0)
		return 0;
	if (ftruncate(cf->pid_fd, 0) && errno != EINVAL)
		rc = -errno;
	if (!rc && dprintf(cf->pid_fd, "%d\n", pid) < 0)
		rc = -errno;
	close(cf->pid_fd);
	return rc;
}

static _Noreturn void pid_failed(const struct conf *cf, int err)
{
	die_errno(err, "can't write PID file %s", cf->pid_file);
}

/* From now on, the loop reads some of them */
static void signals_release(sigset_t *old)
{
	sigaddset(old, SIGTERM);
	sigaddset(old, SIGQUIT);
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* Has one come meanwhile? It ends this process now, and the daemon @pid is not to stay. */
static void parent_ended(const sigset_t *ending, pid_t pid)
{
	sigset_t come;

	sigpending(&come);
	if (sigandset(&come, &come, ending) || sigisemptyset(&come))
		return;
	kill(pid, SIGKILL);
	sigprocmask(SIG_UNBLOCK, ending, NULL);
}

/* Wait for isolate_postfork() of the daemon, or for its end */
static _Noreturn void parent_wait(const struct conf *cf, int fd, pid_t pid,
				  const sigset_t *ending)
{
	unsigned char err;
	ssize_t n;
	int rc;

	do
		n = read(fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);

	if (n != sizeof(err))		/* it has said why */
		_exit(1);
	if (err)
		filter_failed(err);
	parent_ended(ending, pid);
	rc = pid_write(cf, pid);
	if (rc) {
		kill(pid, SIGKILL);
		pid_failed(cf, rc);
	}
	_exit(0);
}

void isolate_detach(const struct conf *cf, struct sandbox *sb, const sigset_t *ending)
{
	int fds[2], rc;
	sigset_t old;
	pid_t pid;

	sigprocmask(SIG_BLOCK, ending, &old);
	if (cf->foreground) {
		log_file_pid(getpid());
		rc = pid_write(cf, getpid());
		if (rc)
			pid_failed(cf, rc);
		signals_release(&old);
		return;
	}

	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die_errno(errno, "can't create a pair of sockets");
	pid = fork();
	if (pid < 0)
		die_errno(errno, "can't go to the background");
	if (pid) {
		close(fds[1]);
		if (write(fds[0], &pid, sizeof(pid)) != sizeof(pid))
			die_errno(errno, "can't go to the background");
		parent_wait(cf, fds[0], pid, ending);
	}

	signals_release(&old);
	close(fds[0]);
	sb->ready_fd = fds[1];
	if (cf->pid_fd >= 0)
		close(cf->pid_fd);
	setsid();
	/* Its own name for itself is that of another PID namespace */
	if (read(fds[1], &pid, sizeof(pid)) == sizeof(pid))
		log_file_pid(pid);
}

/* The parent still has a standard error to say what went wrong last
 *
 * #syscalls write close
 */
static void parent_release(struct sandbox *sb, int err)
{
	unsigned char c = (unsigned char)-err;

	if (write(sb->ready_fd, &c, sizeof(c)) != sizeof(c))
		die("the process that started us is gone");
	close(sb->ready_fd);
	sb->ready_fd = -1;
}

void isolate_postfork(const struct conf *cf, struct sandbox *sb)
{
	bool background = sb->ready_fd >= 0;
	int fd, rc;

	for (fd = 0; background && fd <= 2; fd++)
		dup2(sb->null_fd, fd);
	if (background)
		log_set_stderr(false);
	close(sb->null_fd);

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	rc = filter_install(seccomp_for(cf));
	if (background)
		parent_release(sb, rc);
	if (rc)
		filter_failed(rc);
}
