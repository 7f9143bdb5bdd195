/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.h - epoll with tags that are values
 *
 * A tag names its object by kind, index and generation, never by pointer: an event
 * for something that is gone is detected, not followed. Descriptors are
 * registered once, edge-triggered where the owner keeps readiness as a flag.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

struct worker;

enum ev_kind {
	EV_LINK,		/* the guest link */
	EV_SIGNAL,		/* signalfd */
	EV_NETNS,		/* the namespace may be gone */
	EV_TCP, EV_UDP, EV_ICMP,	/* index, generation: flow */
	EV_TCP_SPLICE, EV_UDP_SPLICE,	/* flow: the socket on the peer's side ... */
	EV_TCP_SPLICE_FAR, EV_UDP_SPLICE_FAR,	/* ... and on the other side */
	EV_LISTEN,		/* index: listener */
	EV_CLIENT,		/* listening socket for guest connections */
	EV_KINDS
};

union tag {
	uint64_t u64;
	struct {
		uint32_t index;
		uint32_t gen : 24;
		uint32_t kind : 8;	/* enum ev_kind */
	};
};

/* @events: EPOLL* */
typedef void ev_handler(struct worker *w, union tag tag, uint32_t events);

struct loop {
	int epfd;
	ev_handler *handlers[EV_KINDS];	/* registered by passt.c */
	uint64_t events[EV_KINDS];	/* handled so far */
	uint32_t busy;			/* ns to look for events before sleeping, 0: none */
	uint32_t gap;			/* ns between events, on average */
};

/* 0 or -errno */
int loop_init(struct loop *l);

/* Watch @fd for @events (EPOLLIN…, EPOLLET if wanted): 0 or -errno */
int loop_add(struct loop *l, int fd, uint32_t events, union tag tag);
int loop_mod(struct loop *l, int fd, uint32_t events, union tag tag);

/* Stop watching; closing the last descriptor does the same */
void loop_del(struct loop *l, int fd);

/* Wait up to @timeout_ms (-1: for ever), read the clock to @now (ms), call the
 * handlers with @w: number of events, or -errno (-EINTR is 0)
 */
int loop_turn(struct loop *l, struct worker *w, uint64_t *now, int timeout_ms);

#endif
