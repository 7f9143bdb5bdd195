/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.h - everything that one loop may write, passed explicitly
 *
 * There is no other mutable object at file scope (log.c apart). A second
 * thread is a second worker: flows are sharded, never shared.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "hash.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "pkt.h"
#include "timer.h"

struct conf;
struct flow_ops;
struct flowtab;
struct chunks;
struct frags;
struct dgram_state;
struct fwd_rules;
struct listeners;
struct splice;
struct tcp_spares;

/* What the guest showed of itself */
struct guest {
	uint8_t mac[MAC_LEN];		/* broadcast until it spoke */
	struct addr seen[IPVERS];	/* last global source address */
	struct addr seen_ll;		/* last IPv6 link-local one */
	bool ready[IPVERS];		/* uses an address: what is sent to it arrives */
};

struct stats {
	uint64_t drop[DROP_COUNT];
	uint64_t rx_frames, tx_frames;	/* from, to the guest */
	uint64_t flows_opened;
	uint64_t tcp_retrans, tcp_timeouts, tcp_parked;
};

/* Batches and headers: never on the stack */
struct scratch {
	struct frame frames[LINK_BATCH];
	struct pkt pkts[LINK_BATCH];	/* as they came ... */
	struct pkt run[LINK_BATCH];	/* ... those of one flow */
	struct slot slots[LINK_BATCH];
	struct iovec iov[1024];
	uint8_t trash[1 << 20];		/* bytes to be skipped; never read */
};

struct worker {
	const struct conf *cf;
	struct loop loop;
	struct link *link;
	struct flowtab *flows;
	struct chunks *chunks;
	struct frags *frags;
	struct dgram_state *dgram;	/* UDP, echo */
	struct tcp_spares *spares;	/* sockets to connect anew */
	struct splice *splice;		/* local connections */
	struct listeners *listen;	/* forwarded ports */
	struct scratch *scratch;
	struct wheel wheel;
	struct guest guest;
	struct hash_key secret;		/* flow hash, sequence numbers */
	struct bucket log_tokens;	/* rate limit of traffic-driven messages */
	struct stats stats;
	uint64_t now;			/* ms, read once a turn of the loop */
	bool peek_off;			/* SO_PEEK_OFF works with TCP */
	bool link_gone;			/* for good: there is no guest any more */
	bool link_stuck;		/* the link lent no room: wait for EPOLLOUT ... */
	bool link_out;			/* ... which has been asked for */
	bool link_asked;		/* the guest answers at once what it was sent */
	bool link_look;			/* a timer is judged next: read the link until empty */
	void *owner;			/* of passt.c */
	const struct flow_ops *flow_ops;	/* by type */
	/* Run @fn in the guest's network namespace: its result, or -errno; NULL: none */
	int (*in_ns)(struct worker *w, int (*fn)(void *ctx), void *ctx);
	bool stop;			/* leave the loop ... */
	int status;			/* ... with this exit status */
};

#endif
