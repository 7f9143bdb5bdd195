/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pasta.h - create, join and watch the guest's namespaces
 *
 * The intended order of calls, between those of isolation.h:
 *
 *	isolate_initial(&cf);
 *	pasta_open(&p, &cf);			find the target, while root may
 *	...
 *	tap = pasta_start(&p, &cf, setup, ctx);	calls isolate_user()
 *	fd = pasta_watch_open(&p, &cf);		to the loop, if >= 0
 *	isolate_limits();
 *	...
 *	isolate_prefork(&cf, &sb, pasta_caps(&p));
 *	isolate_detach(&cf, &sb, &ending);
 *	isolate_postfork(&cf, &sb);
 *	pasta_go(&p);				nothing can fail any more: run it
 *	loop: SIGCHLD:	if (pasta_child_status(&p, &w.status)) w.stop = true;
 *	      EV_NETNS:	if (pasta_watch_event(&p)) w.stop = true;
 *
 * The real root may be asked to serve a network namespace that the initial user
 * namespace owns. It can be set up but not entered later: p.netns is -1 then after
 * pasta_start(), which says so, and local connections can't be spliced.
 */
#ifndef PASTA_H
#define PASTA_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conf;

struct pasta {
	int netns;		/* the guest's network namespace, or -1 */
	int userns;		/* to join, or one of ISOLATE_* */
	pid_t child;		/* the command, or 0 */
	int go;			/* to the command that waits, or -1 */
	int tap;		/* device that goes with the command, or -1 */
	int watch;		/* readable if the namespace may be gone, or -1 */
	int watch_kind;
	int watch_dir;		/* its directory (O_PATH), or -1 */
	char watch_name[NAME_MAX + 1];
	char path[PATH_MAX + 16];	/* of the namespace to join, or "" */
};

/* Runs in the guest's network namespace, as part of this process: same memory, same
 * descriptors. May open descriptors and log; must not leave by exit(). Result is that
 * of pasta_in_ns(): a descriptor or 0, or -errno; -ECANCELED if it failed and has
 * said why.
 */
typedef int ns_setup_fn(void *ctx);

/* Initialise @p and find what is to be joined, if anything. Ends the program if it
 * isn't there.
 */
void pasta_open(struct pasta *p, const struct conf *cf);

/* Change user and user namespace, create or join the network namespace, run @setup in it
 * (the result is returned: the tap device, or 0 for none) and start the process
 * of the command, which waits. Ends the program on failure.
 */
int pasta_start(struct pasta *p, const struct conf *cf, ns_setup_fn *setup,
		void *ctx);

/* Capabilities that pasta_in_ns() needs at run time, bits for isolate_prefork() */
uint64_t pasta_caps(const struct pasta *p);

/* Let the command run. Ends the program if its namespaces could not be set up. */
void pasta_go(struct pasta *p);

/* Has the command ended? Then *@status is the exit status to pass on. */
bool pasta_child_status(struct pasta *p, int *status);

/* Run @fn in the guest's network namespace: its result, or -errno. At any
 * time, also in the sandbox. About 0.1 ms, so get more than one socket.
 */
int pasta_in_ns(const struct pasta *p, ns_setup_fn *fn, void *ctx);

/* Watch the joined namespace: descriptor to wait on (EPOLLIN), or -1 if there is
 * nothing to watch
 */
int pasta_watch_open(struct pasta *p, const struct conf *cf);

/* The descriptor is readable: is the namespace gone? */
bool pasta_watch_event(struct pasta *p);

#endif
