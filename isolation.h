/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation.h - give up, step by step, whatever the program does not need any more
 *
 * The intended order of calls (what is pasta only is in pasta.h):
 *
 *	conf_parse(&cf, argc, argv);		opens nothing
 *	isolate_initial(&cf);			stray descriptors, capabilities
 *	...					netlink, PID file, sockets, log, pcap,
 *	isolate_limits();			then listening sockets on the host
 *	isolate_user(&cf, ISOLATE_NEW);		or pasta_start(), which calls it
 *	...					whatever else has a path or a port
 *	isolate_prefork(&cf, &sb, caps);	empty root: no path works from here on
 *	...					link, flow table, loop
 *	isolate_detach(&cf, &sb, &ending);	background: only the child returns
 *	isolate_postfork(&cf, &sb);		seccomp; the caller is told "ready"
 *	loop_turn() ...
 *
 * Where the system refuses a step, a warning says so and the rest is done; the
 * change of user and the system call filter are the exceptions: without these
 * the program ends.
 */
#ifndef ISOLATION_H
#define ISOLATION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct conf;

struct sandbox {
	int null_fd;		/* /dev/null, opened while it had a name */
	int ready_fd;		/* background: the waiting parent, or -1 */
};

/* Where isolate_user() goes, if not to the user namespace of a descriptor */
enum {
	ISOLATE_NEW	= -1,	/* a new user namespace */
	ISOLATE_STAY	= -2,	/* no other one */
};

/* Close what was inherited but standard streams and cf->fd, which is moved up if it
 * is one of them; drop all capabilities that start-up can't need
 */
void isolate_initial(struct conf *cf);

/* Become the user asked for, or "nobody" if started as the real root; then enter
 * the user namespace @userns (a descriptor) or ISOLATE_*. 0, or -errno if the
 * user namespace was refused; other failures end the program.
 */
int isolate_user(const struct conf *cf, int userns);

/* As many descriptors as the hard limit allows. A command that is spawned later inherits
 * that, unless its limit is set back.
 */
void isolate_limits(void);

/* New IPC, UTS, mount and (background) PID namespaces, empty root, Landlock; keep
 * only the capabilities @caps (bits), and none if they are those of the
 * initial user namespace
 */
void isolate_prefork(const struct conf *cf, struct sandbox *sb, uint64_t caps);

/* Background: fork. The parent waits for isolate_postfork() of the child, writes
 * its PID to cf->pid_fd and exits; the child returns. Foreground: write our PID.
 * A signalfd must be added to epoll after this: epoll waits for the signals of the
 * process that added it. Signals of @ending, none of which is ignored, end the
 * parent, and with it the child, or wait until this is through.
 */
void isolate_detach(const struct conf *cf, struct sandbox *sb, const sigset_t *ending);

/* Not dumpable, no new privileges, system call filter; background: standard streams
 * to /dev/null, and release the waiting parent
 */
void isolate_postfork(const struct conf *cf, struct sandbox *sb);

/* Are we in the initial user namespace? Yes, if that can't be found out. */
bool isolate_is_initial(void);

#endif
