/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp.h - UDP conversations of the guest with the world */
#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "loop.h"

struct flow;
struct pkt;
struct side;
struct worker;

/* @n packets of one flow, in order */
void udp_from_guest(struct worker *w, const struct pkt *p, int n);

/* Forwarded ports. What @peer sends to one whose rule says @target (address unspecified: the
 * guest's own) is handed over by the owner of the listening socket, until the flow's
 * own socket, which is connected to the peer, gets it directly.
 */

/* The flow for that, or NULL if there is none */
struct flow *udp_peer_find(struct worker *w, const struct side *peer,
			   const struct side *target);

/* A socket for a new one: to be bound to where the peer sends and connected to it */
int udp_peer_socket(enum ipver ver);

/* Open it: @fd, such a socket, is ours from here on. NULL: not possible, @fd still is the
 * caller's.
 */
struct flow *udp_peer_open(struct worker *w, int fd, const struct side *peer,
			   const struct side *target);

/* To the guest: a datagram of @len bytes that was put into udp_peer_buffer(w, 0). The others
 * are the caller's, until it returns to the loop.
 */
enum { UDP_PEER_MAX = 65536, UDP_PEER_BUFFERS = 64 };
void *udp_peer_buffer(struct worker *w, int i);
void udp_peer_send(struct worker *w, struct flow *f, size_t len);

/* Handler of EV_UDP */
void udp_sock_event(struct worker *w, union tag tag, uint32_t events);

/* The flow was dirty: receive, and send to the guest */
void udp_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void udp_flow_timer(struct worker *w, struct flow *f);

#endif
