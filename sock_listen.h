/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_listen.h - sockets that wait for peers: bind, listen, park, accept
 *
 * A TCP socket that is bound but does not listen is parked: its port is taken, and
 * the kernel refuses connections to it. So is a UDP socket that is connected to itself.
 */
#ifndef SOCK_LISTEN_H
#define SOCK_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* Where to wait */
struct sock_place {
	struct side at;
	const char *ifname;		/* device, or "" */
	uint8_t proto;			/* IPPROTO_TCP or IPPROTO_UDP */
	bool dual;			/* at "::", IPv4 as well ... */
	bool dual_default;		/* ... which new sockets do: see there */
	bool freebind;			/* the address may not be there yet */
	bool shared;			/* in spite of a parked socket of ours */
};

/* Have a socket use the device @ifname only: 0 or -errno */
int sock_device(int fd, const char *ifname);

/* Do IPv6 sockets of this namespace take IPv4 without being told to? */
bool sock_dual_default(void);

/* A bound socket; TCP: parked. Descriptor or -errno. While it is there nobody else can
 * bind to the same place, whatever options they set.
 */
int sock_listen_open(const struct sock_place *p);

/* TCP: have a parked socket listen, 0 or -errno; and park it, which resets
 * connections that were not accepted yet
 */
int sock_listen_start(int fd);
void sock_listen_park(int fd);

/* UDP: have a bound socket refuse all peers, as if nobody had its port, or not any more,
 * without what came before
 */
void sock_listen_refuse(int fd, bool on);

/* May others, with SO_REUSEADDR, bind to a parked or UDP socket's place? Not unless we
 * are about to do so ourselves.
 */
void sock_listen_share(int fd, bool on);

/* A connection, non-blocking and close-on-exec: descriptor or -errno */
int sock_accept(int fd, struct side *peer);

/* A datagram that came to a UDP socket of sock_listen_open() */
struct sock_arrival {
	struct side peer;
	struct addr to;			/* where it was sent */
	unsigned ifindex;		/* where it came in */
	size_t len;
	uint16_t gso_size;		/* a train of datagrams of this size, or 0 */
};

/* Have the addresses told, also of datagrams that wait already. Opening does not do it, as
 * most sockets never get a datagram.
 */
void sock_listen_tell(int fd, bool v6);

/* Take one, payload to @buf: 0 or -errno. Other sockets don't tell @a->to. */
int sock_listen_recv(int fd, void *buf, size_t size, struct sock_arrival *a);

/* Make @fd, a new UDP socket, the one for what @a->peer sends to @at from now on, a place
 * at which @listener waits: 0 or -errno
 */
int sock_listen_split(int fd, int listener, const struct sock_place *p,
		      const struct sock_arrival *a);

#endif
