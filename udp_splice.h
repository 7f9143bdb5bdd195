/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_splice.h - UDP from socket to socket, across the namespace's border
 *
 * Datagrams that arrive at a listening socket are handed over by its owner, until the
 * flow's own socket, which is connected to the peer, gets them directly:
 *
 *	f = udp_splice_find(w, &at, &peer, to_ns);
 *	if (!f)
 *		f = udp_splice_open(w, fd, &at, &peer, &to, to_ns);
 *	if (f)
 *		udp_splice_send(w, f, data, len, gso_size);
 */
#ifndef UDP_SPLICE_H
#define UDP_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct flow;
struct side;
struct worker;

/* Flow of what @peer sends to @at, both as seen by the listening socket: its local
 * address is specified (of an unbound one, from IP_PKTINFO). @to_ns: from the host to the
 * namespace, else the other way. NULL if there is none.
 */
struct flow *udp_splice_find(struct worker *w, const struct side *at,
			     const struct side *peer, bool to_ns);

/* Open it. @fd: UDP socket, non-blocking and close-on-exec, on the side of the listening
 * socket, bound to @at (SO_REUSEADDR) and connected to @peer; ours from here on.
 * @to: as for tcp_splice_open(). The peer's port is kept as the source port where
 * that is possible. NULL: not possible, @fd still is the caller's.
 */
struct flow *udp_splice_open(struct worker *w, int fd, const struct side *at,
			     const struct side *peer, const struct side *to, bool to_ns);

/* A datagram from the peer, or a train of datagrams of @gso_size bytes each if that is
 * not 0. False: nobody is there, and the flow is gone.
 */
bool udp_splice_send(struct worker *w, struct flow *f, void *data, size_t len,
		     uint16_t gso_size);

/* Handler of EV_UDP_SPLICE and EV_UDP_SPLICE_FAR */
void udp_splice_event(struct worker *w, union tag tag, uint32_t events);

/* The flow was dirty: receive and send, either way */
void udp_splice_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void udp_splice_flow_timer(struct worker *w, struct flow *f);

#endif
