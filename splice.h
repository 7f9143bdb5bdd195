/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splice.h - local connections that go from socket to socket: what they share
 *
 * Which peers are served this way, where in the guest's namespace they end, and pools of
 * pipes and of sockets of that namespace, refilled at the end of a turn.
 */
#ifndef SPLICE_H
#define SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct worker;
struct splice;

/* The one state of a worker: static storage, empty pools. With w->in_ns set, these are
 * filled by splice_refill(), first called before the loop starts.
 */
struct splice *splice_init(void);

/* Inbound: does what @peer sends to a port whose rule has the address @target go from
 * socket to socket? Outbound forwards (-T, -U) always do.
 */
bool splice_takes(const struct worker *w, const struct addr *peer,
		  const struct addr *target);

/* Make up for what the last turn took from the pools */
void splice_refill(struct worker *w);

/* A non-blocking socket, of the guest's namespace or (@to_ns not set) of the host, to be
 * connected and closed by the caller; TCP as by splice_tune() and sock_window_local().
 * Descriptor or -errno.
 */
int splice_socket(struct worker *w, uint8_t proto, enum ipver ver, bool to_ns);

/* Have a TCP socket send at once what it is given. There is no network on the way:
 * congestion control that paces (BBR) would set a timer for each segment.
 */
void splice_tune(int fd);

/* Where a flow ends that was opened to @at, with a rule that says @to (address
 * unspecified: none). Number of addresses to try, one after the other while each
 * is refused.
 */
enum { SPLICE_TARGETS = 2 };
int splice_targets(const struct worker *w, const struct side *at, const struct side *to,
		   bool to_ns, struct side out[SPLICE_TARGETS]);

/* Does the error @err (positive) of a connection say that nobody is there? */
bool splice_is_refusal(int err);

/* An empty pipe, non-blocking, with room for @slots pages: 0 or -errno. Give it back
 * when it is empty again; what is not empty is to be closed.
 */
struct splice_pipe { int rd, wr; uint32_t slots; };

int splice_pipe_take(struct worker *w, struct splice_pipe *p);
void splice_pipe_give(struct worker *w, struct splice_pipe *p);

#endif
