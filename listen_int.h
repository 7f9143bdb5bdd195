/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_int.h - what the rooms of forwarded ports share
 *
 *   listen.c        sockets: open, listen, park, close, as planned
 *   listen_look.c   what is there in the namespace they lead to, and when to look
 *   listen_plan.c   pure: what is reachable, and so what should listen
 *   listen_event.c  somebody came: who, and where that goes
 */
#ifndef LISTEN_INT_H
#define LISTEN_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "fwd_rule.h"
#include "loop.h"
#include "scan.h"
#include "sock_listen.h"
#include "timer.h"

struct worker;

/* Who would be answered at a port, by family: bits; in a map those of UDP are shifted */
enum {
	REACH_ALL4	= 1 << 0,	/* peers from anywhere */
	REACH_LO4	= 1 << 1,	/* peers on loopback, which are spliced */
	REACH_ALL6	= 1 << 2,
	REACH_LO6	= 1 << 3,
	REACH_FULL	= REACH_ALL4 | REACH_LO4 | REACH_ALL6 | REACH_LO6,
	REACH_LO	= REACH_LO4 | REACH_LO6,
	REACH_UDP_SHIFT	= 4,
};

/* Sockets of a port: one as the rule says, and one of either family for when only a part of
 * that would be answered
 */
enum { SLOT_RULE, SLOT_V4, SLOT_V6, SLOTS };

enum slot_state {
	SLOT_NONE,
	SLOT_PARKED,			/* refuses */
	SLOT_ON,			/* where the rule says */
	SLOT_ON_LO,			/* at 127.0.0.1 or ::1 only */
};

struct listen_port {
	int32_t fd[SLOTS];		/* plus 1; 0: none */
	uint8_t state[SLOTS];		/* enum slot_state, as it is */
	uint8_t reach : 4;		/* REACH_*, what this is for ... */
	bool known : 1;			/* ... if it was looked at */
	bool failed : 1;		/* not all could be had, which was said */
	bool refused : 1;		/* UDP: nobody was there, so it is followed */
};

/* How a namespace is reached from the other one */
struct reach_ctx {
	bool remote[IPVERS];		/* there is a way for peers that are not on loopback */
	bool lo_to_lo[IPVERS];		/* loopback's peers get to loopback ... */
	bool lo_to_own[IPVERS];		/* ... and to @own */
	struct addr own[IPVERS];	/* address that the others are sent to */
	struct addr own_ll;		/* likewise, IPv6 peers on the link */
};

/* Who reaches a service at @sk */
uint8_t listen_reach(const struct reach_ctx *c, const struct scan_sock *sk);

/* What there should be for a port of rule @r of which @reach is answered */
void listen_plan(const struct fwd_rule *r, uint8_t reach, uint8_t state[SLOTS]);

/* Where the socket of a slot is bound */
struct sock_place listen_place(const struct fwd_rule *r, uint16_t port, int slot,
			       enum slot_state st);

struct listen_table {
	uint8_t dir;			/* enum listen_dir */
	struct fwd_table rules;
	uint32_t base[FWD_RULES_MAX + 1];	/* of the rule's first port in ports[] */
	struct scan scan;		/* of the namespace that services are in */
	bool can_scan;
	bool scanned, scan_udp;		/* is it, and for UDP? */
	bool refused;			/* some port was, since the last look */
	uint64_t counts;		/* numbers of sockets, hashed ... */
	uint64_t full_at;		/* ms: don't rely on them any longer */
	uint64_t sum;			/* of what was found last, hashed */
	unsigned failed;		/* ports that could not be had */
	struct listen_port ports[FWD_PORTS_MAX];
};

struct listeners {
	struct listen_table table[2];	/* by enum listen_dir */
	struct timer timer;
	uint64_t took, cost;		/* ns: the last look, and smoothed */
	uint64_t changed_at;		/* ms: who is answered, last time */
	uint64_t retry_at;		/* ms, for ports that could not be had */
	int spare;			/* a descriptor for when there is none, or -1 */
	int weak_max;			/* descriptors that "best effort" may take */
	bool dual_default;		/* as IPv6 sockets of the host are */
	bool started, running;		/* sockets may listen; nothing is fatal any more */
	bool retry;			/* ... those that could not be had */
	uint64_t eager_until;		/* ms: look often */
	bool full;			/* no descriptors for "best effort" any more */
	bool paused;
	bool waits;			/* some socket, for the guest ... */
	uint8_t guest;			/* ... which was ready for these then, bits */
	uint64_t wait_until;		/* ms; 0: none has waited yet */
	uint8_t map[UINT16_MAX + 1];	/* REACH_* of each port, as scanned */
};

/* A socket that somebody came to */
struct listen_at {
	const struct fwd_rule *rule;
	struct listen_table *table;
	struct listen_port *state;
	int fd;
	uint16_t port;
	bool v6, both;			/* its family */
};

/* Does what rule @r leads to show itself to a scan? */
bool listen_is_seen(const struct worker *w, const struct listen_table *t,
		    const struct fwd_rule *r);

/* ... and is it waited for? */
bool listen_is_followed(const struct worker *w, const struct listen_table *t,
			const struct fwd_rule *r);

/* Have all sockets as they should be after a look, w->listen->map; @leaf: what was not seen
 * is not there. 0, or -errno if that is the end.
 */
int listen_apply(struct worker *w, struct listen_table *t, bool leaf);

/* Nobody was there for a datagram that came to @at: peers are to be refused until somebody is
 * seen
 */
void listen_refused(struct worker *w, const struct listen_at *at);

/* Have the loop watch @fd, or watch it again: 0 or -errno */
int listen_watch(struct worker *w, int fd, union tag tag);

/* Stop to take connections for a moment: there is no way to take them */
void listen_pause(struct worker *w);

/* Leave what came to @at where it is, as the guest can't be told of it yet? */
bool listen_wait(struct worker *w, const struct listen_at *at, union tag tag);

/* A descriptor to be closed when there is none left */
void listen_spare(struct listeners *l);

/* Tags of sockets: which one is meant, or false */
union tag listen_tag(const struct listen_table *t, uint32_t index, int slot);
bool listen_find(struct listeners *l, union tag tag, struct listen_at *at);

#endif
