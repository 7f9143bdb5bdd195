/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.c - epoll(7): register, wait, read the clock once, dispatch by kind
 *
 * What a handler of one turn closes may have further events in the same turn:
 * their tags carry the old generation, and the owner of the kind ignores them.
 *
 * Being woken costs more than a request is worth: where that is asked for (busy),
 * the loop looks for the next event for a while before it sleeps, as long as events
 * come in such a while on average. A long silence counts as GAP_MAX times that: it ends
 * the looking for events at once, or nearly, and traffic brings it back soon.
 *
 * No sleep is shorter than the kernel's tick, as a rule: one that is has the processor's
 * timer set, and reset when an event comes first, which in a virtual machine costs more
 * than the event. So timers of a few milliseconds are some milliseconds late.
 * Called by passt.c (the turn) and by all owners of descriptors.
 *
 * #syscalls epoll_ctl epoll_wait epoll_pwait
 */
#include <errno.h>
#include <sys/epoll.h>

#include "loop.h"
#include "util.h"

/* Events of one turn: enough to make a turn worth its system call, few enough for
 * the link to be looked at often
 */
#define EVENTS_MAX	64

enum {
	SLEEP_MIN	= 5,		/* ms */
	GAP_MAX		= 4,		/* a gap counts up to that many times @busy */
	GAP_PART	= 8,		/* share of the last one in the average */
};

int loop_init(struct loop *l)
{
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	return l->epfd < 0 ? -errno : 0;
}

static int control(struct loop *l, int op, int fd, uint32_t events, union tag tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag.u64 };

	return epoll_ctl(l->epfd, op, fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, union tag tag)
{
	return control(l, EPOLL_CTL_ADD, fd, events, tag);
}

int loop_mod(struct loop *l, int fd, uint32_t events, union tag tag)
{
	return control(l, EPOLL_CTL_MOD, fd, events, tag);
}

void loop_del(struct loop *l, int fd)
{
	control(l, EPOLL_CTL_DEL, fd, 0, (union tag){ 0 });
}

/* As epoll_wait(), awake at first if that has paid off lately */
static int wait_busy(struct loop *l, struct epoll_event *ev, int timeout_ms)
{
	uint64_t begin = now_ns(), gap;
	int n = 0;

	if (l->gap <= l->busy) {
		do
			n = epoll_wait(l->epfd, ev, EVENTS_MAX, 0);
		while (!n && now_ns() - begin < l->busy);
	}
	if (!n)
		n = epoll_wait(l->epfd, ev, EVENTS_MAX, timeout_ms);
	gap = MIN(now_ns() - begin, (uint64_t)GAP_MAX * l->busy);
	l->gap += (int32_t)(gap - l->gap) / GAP_PART;
	return n;
}

int loop_turn(struct loop *l, struct worker *w, uint64_t *now, int timeout_ms)
{
	struct epoll_event ev[EVENTS_MAX];
	int i, n;

	if (timeout_ms > 0)
		timeout_ms = MAX(timeout_ms, SLEEP_MIN);
	if (l->busy && timeout_ms)
		n = wait_busy(l, ev, timeout_ms);
	else
		n = epoll_wait(l->epfd, ev, EVENTS_MAX, timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	*now = now_ms();

	for (i = 0; i < n; i++) {
		union tag tag = { .u64 = ev[i].data.u64 };

		if (tag.kind >= EV_KINDS || !l->handlers[tag.kind])
			continue;
		l->events[tag.kind]++;
		l->handlers[tag.kind](w, tag, ev[i].events);
	}
	return MAX(n, 0);
}
