/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram.h - what UDP conversations and echo sequences have in common
 *
 * Each has a socket of its own, registered once, edge-triggered; that there
 * is something to receive is a flag of the flow.
 */
#ifndef DGRAM_H
#define DGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "flow.h"
#include "icmp_err.h"
#include "sock.h"
#include "worker.h"

struct dgram {
	struct flow f;
	struct side remote;		/* the peer as the host sees it */
	struct quote quote;		/* what the guest sent last */
	uint8_t ttl, tos;		/* as last set on the socket */
	bool readable;			/* there may be something to receive */
	bool any_peer;			/* not connected: multicast, broadcast */
	bool may_fragment;		/* as last set on the socket */
	uint8_t expect;			/* datagrams worth asking for at once ... */
	uint16_t expect_size;		/* ... and their size, or 0: any */
	uint16_t train_max;		/* larger datagrams can't be sent as trains */
	uint32_t sent, got;		/* datagrams from the guest, from the peer */
};

_Static_assert(sizeof(struct dgram) <= FLOW_SIZE, "a flow must fit the table");

struct dgram_state;			/* of one worker; see dgram_int.h */

/* The one state of a worker: static storage. Reads the time-outs of this host. */
struct dgram_state *dgram_init(void);

/* The flow of the guest's packet @p, opened if there is none. NULL: the reason is counted
 * for @n packets, and the guest told what it can be told.
 */
struct dgram *dgram_from_guest(struct worker *w, enum flow_type type,
			       const struct pkt *p, int n);

/* Have the socket send like @p: TTL, TOS and DF */
void dgram_mark(struct dgram *d, const struct pkt *p);

/* The loop saw @events on the socket of @tag: errors go to the guest at once, the rest is
 * left to the end of the turn
 */
void dgram_event(struct worker *w, union tag tag, uint32_t events);

/* Receive from the socket and send frames to the guest, as far as the link lends room
 * and the budget goes: number of datagrams or trains
 */
int dgram_to_guest(struct worker *w, struct dgram *d);

/* Send a datagram that was not received from the flow's socket: its payload lies in
 * w->dgram->spill[0]
 */
void dgram_pass(struct worker *w, struct dgram *d, size_t len);

/* Have @fd, a new UDP socket, take as much as there is, in trains */
void dgram_tune(const struct worker *w, int fd);

void dgram_close(struct worker *w, struct dgram *d);

static inline bool dgram_is_udp(const struct dgram *d)
{
	return d->f.proto == IPPROTO_UDP;
}

static inline struct dgram *dgram_of(struct flow *f)
{
	return (struct dgram *)f;
}

#endif
