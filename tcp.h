/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp.h - TCP between the guest link and the host's sockets */
#ifndef TCP_H
#define TCP_H

#include "loop.h"

struct worker;
struct flow;
struct pkt;
struct side;

/* A run of @n segments of one flow, from one batch of the link */
void tcp_from_guest(struct worker *w, const struct pkt *p, int n);

/* A peer at @remote connected to a forwarded port: @fd, accepted, non-blocking, is ours from
 * here on. It goes to @target in the guest, the unspecified address meaning the guest's
 * own. If it can't, the peer sees a reset.
 */
void tcp_open_from_sock(struct worker *w, int fd, const struct side *remote,
			const struct side *target);

/* Loop handler: note what happened to the socket of a flow */
void tcp_sock_event(struct worker *w, union tag tag, uint32_t events);

/* The work of one turn of the loop for a flow that something happened to */
void tcp_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void tcp_flow_timer(struct worker *w, struct flow *f);

/* Reset both sides and free the flow */
void tcp_flow_close(struct worker *w, struct flow *f);

#endif
