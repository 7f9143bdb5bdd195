/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_splice.h - TCP connections from socket to socket, across the namespace's border */
#ifndef TCP_SPLICE_H
#define TCP_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct flow;
struct side;
struct worker;

/* Take over @fd, accepted from @peer, non-blocking and close-on-exec, and connect it to
 * @to in the guest's namespace (@to_ns), or on the host from @peer's address.
 * An unspecified address in @to means that the rule names none: the guest's
 * own in the namespace, the one that the peer connected to on the host. If nobody is
 * there, now or later, the peer sees a reset.
 * False: out of flows or descriptors, @fd still is the caller's.
 */
bool tcp_splice_open(struct worker *w, int fd, const struct side *peer,
		     const struct side *to, bool to_ns);

/* Handler of EV_TCP_SPLICE and EV_TCP_SPLICE_FAR: note what happened to a socket */
void tcp_splice_event(struct worker *w, union tag tag, uint32_t events);

/* The flow was dirty: move what can be moved */
void tcp_splice_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void tcp_splice_flow_timer(struct worker *w, struct flow *f);

#endif
