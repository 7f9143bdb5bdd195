/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_event.c - somebody came to a forwarded port: who, and where that goes
 *
 * Peers on loopback go from socket to socket, all others through the guest's link with
 * the address that they have (fwd.c). For datagrams a socket of its own is split off
 * the listening one at once, bound to the place they were sent to and connected to
 * the peer; the first one, and those that were queued behind it, are passed on from here.
 * Before a virtual machine has shown that it is there, all of it stays where it is.
 *
 * Called by the loop. RFC 768; RFC 1122, 4.1.3.5: answers come from the address asked.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "flow.h"
#include "listen.h"
#include "listen_int.h"
#include "sock.h"
#include "splice.h"
#include "tcp.h"
#include "tcp_splice.h"
#include "udp.h"
#include "udp_splice.h"
#include "util.h"
#include "worker.h"

enum { TURN_PEERS = 64 };		/* budget of a socket in a turn */

/* Datagrams to be passed on: payload i is in udp_peer_buffer(w, i) */
struct backlog {
	int n;
	struct sock_arrival a[UDP_PEER_BUFFERS];
};

static struct side target_of(const struct listen_at *at)
{
	return (struct side){ at->rule->target, fwd_rule_target(at->rule, at->port) };
}

/* Does what @peer sends go from socket to socket? */
static bool is_spliced(const struct worker *w, const struct listen_at *at,
		       const struct side *peer)
{
	if (at->table->dir == LISTEN_OUT)
		return addr_is_loopback(&peer->addr);
	return splice_takes(w, &peer->addr, &at->rule->target);
}

/* Is there a link to the guest for it? */
static bool is_linked(const struct worker *w, const struct listen_at *at)
{
	return at->table->dir == LISTEN_IN && w->link && w->link->fd >= 0;
}

/* #syscalls close */
static void reject(int fd)
{
	sock_linger0(fd);
	close(fd);
}

static void take_connection(struct worker *w, const struct listen_at *at, int fd,
			    const struct side *peer)
{
	struct side to = target_of(at);

	if (is_spliced(w, at, peer)) {
		if (!tcp_splice_open(w, fd, peer, &to, at->table->dir == LISTEN_IN))
			reject(fd);
	} else if (is_linked(w, at)) {
		tcp_open_from_sock(w, fd, peer, &to);
	} else {
		reject(fd);
	}
}

/* Out of descriptors: the peer is not to wait, nor are we to be told again and again */
static bool turn_away(struct worker *w, const struct listen_at *at)
{
	struct side peer;
	int fd;

	log_limited(&w->log_tokens, w->now, LOG_WARN,
		    "Out of descriptors, a connection to port %u is refused", at->port);
	if (w->listen->spare < 0)
		return false;
	close(w->listen->spare);
	w->listen->spare = -1;
	fd = sock_accept(at->fd, &peer);
	if (fd >= 0)
		reject(fd);
	listen_spare(w->listen);
	return fd >= 0;
}

static void accept_all(struct worker *w, const struct listen_at *at, union tag tag)
{
	struct side peer;
	int i, fd;

	for (i = 0; i < TURN_PEERS; i++) {
		fd = sock_accept(at->fd, &peer);
		if (fd >= 0) {
			take_connection(w, at, fd, &peer);
			continue;
		}
		if (fd == -EAGAIN)
			return;
		if (flow_make_room(w, fd))
			continue;
		if (sock_no_descriptor(fd) && turn_away(w, at))
			continue;
		if (sock_no_means(fd)) {
			loop_mod(&w->loop, at->fd, 0, tag);
			listen_pause(w);
			return;
		}
	}
}

/* Where the socket for a peer is to be bound: where the datagram was sent, if that is one
 * host
 */
static struct sock_place place_of(const struct worker *w, const struct listen_at *at,
				  const struct sock_arrival *a)
{
	struct sock_place p = {
		.at = { a->to, at->port }, .ifname = at->rule->ifname,
		.proto = IPPROTO_UDP, .freebind = w->cf->freebind,
	};

	if (!addr_is_unicast(&a->to))
		p.at.addr = addr_any(addr_ver(&a->peer.addr));
	return p;
}

/* Between bind() and connect() a new socket got what is for anybody: keep that, and what
 * its peer sent since, for the way that all takes that comes to the port
 */
static void collect(struct worker *w, int fd, const struct addr *to, struct backlog *b)
{
	int tries;

	for (tries = 0; tries < TURN_PEERS && b->n < UDP_PEER_BUFFERS; tries++) {
		struct sock_arrival *a = &b->a[b->n];
		int rc = sock_listen_recv(fd, udp_peer_buffer(w, b->n), UDP_PEER_MAX, a);

		if (rc == -EAGAIN)
			return;
		a->to = *to;
		b->n += !rc;
	}
	sock_dgram_drain(fd);
}

static int peer_socket(struct worker *w, const struct listen_at *at,
		       const struct sock_arrival *a, bool spliced)
{
	enum ipver v = addr_ver(&a->peer.addr);

	return spliced ? splice_socket(w, IPPROTO_UDP, v, at->table->dir == LISTEN_OUT) :
			 udp_peer_socket(v);
}

/* A socket for the peer from here on: descriptor or -errno */
static int split(struct worker *w, const struct listen_at *at, const struct sock_place *p,
		 const struct sock_arrival *a, bool spliced, struct backlog *b)
{
	int rc, fd = peer_socket(w, at, a, spliced);

	if (flow_make_room(w, fd))
		fd = peer_socket(w, at, a, spliced);
	if (fd < 0)
		return fd;
	rc = sock_listen_split(fd, at->fd, p, a);
	if (!rc) {
		collect(w, fd, &p->at.addr, b);
		return fd;
	}
	close(fd);
	return rc;
}

static void splice_datagram(struct worker *w, const struct listen_at *at,
			    const struct sock_arrival *a, struct backlog *b)
{
	struct sock_place p = place_of(w, at, a);
	bool to_ns = at->table->dir == LISTEN_IN;
	struct side to = target_of(at);
	struct flow *f = udp_splice_find(w, &p.at, &a->peer, to_ns);
	int fd = f ? -1 : split(w, at, &p, a, true, b);

	if (!f && fd >= 0) {
		f = udp_splice_open(w, fd, &p.at, &a->peer, &to, to_ns);
		if (!f)
			close(fd);
	}
	if (!f)
		w->stats.drop[DROP_FLOWS]++;
	else if (!udp_splice_send(w, f, udp_peer_buffer(w, 0), a->len, a->gso_size))
		listen_refused(w, at);
}

static void link_datagram(struct worker *w, const struct listen_at *at,
			  const struct sock_arrival *a, struct backlog *b)
{
	struct sock_place p = place_of(w, at, a);
	struct side to = target_of(at);
	struct flow *f = udp_peer_find(w, &a->peer, &to);
	int fd = f ? -1 : split(w, at, &p, a, false, b);

	if (!f && fd >= 0) {
		f = udp_peer_open(w, fd, &a->peer, &to);
		if (!f)
			close(fd);
	}
	if (f)
		udp_peer_send(w, f, a->len);
	else
		w->stats.drop[DROP_FLOWS]++;
}

/* Its payload is in the first buffer */
static void take_datagram(struct worker *w, const struct listen_at *at,
			  const struct sock_arrival *a, struct backlog *b)
{
	if (!addr_is_unicast(&a->peer.addr) || !a->peer.port)
		w->stats.drop[DROP_ADDR]++;
	else if (is_spliced(w, at, &a->peer))
		splice_datagram(w, at, a, b);
	else if (is_linked(w, at))
		link_datagram(w, at, a, b);
}

static void receive_all(struct worker *w, const struct listen_at *at)
{
	struct backlog b;
	int i, j;

	sock_listen_tell(at->fd, at->v6);
	for (i = 0; i < TURN_PEERS; i++) {
		int rc = sock_listen_recv(at->fd, udp_peer_buffer(w, 0), UDP_PEER_MAX, b.a);

		if (rc == -EAGAIN)
			return;
		if (rc)
			continue;
		b.n = 1;
		take_datagram(w, at, b.a, &b);
		for (j = 1; j < b.n; j++) {
			memcpy(udp_peer_buffer(w, 0), udp_peer_buffer(w, j), b.a[j].len);
			take_datagram(w, at, &b.a[j], &b);
		}
	}
}

void listen_event(struct worker *w, union tag tag, uint32_t events)
{
	struct listen_at at;

	(void)events;
	if (!listen_find(w->listen, tag, &at) || listen_wait(w, &at, tag))
		return;
	if (at.rule->proto == IPPROTO_TCP)
		accept_all(w, &at, tag);
	else
		receive_all(w, &at);
}
