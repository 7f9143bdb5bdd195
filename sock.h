/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock.h - the host's sockets: open, bind, peek, batches, error queue
 *
 * Where struct addr becomes a sockaddr. Every function returns -errno on failure,
 * none blocks, none logs.
 */
#ifndef SOCK_H
#define SOCK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "addr.h"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF	42
#endif

struct conf;
struct mmsghdr;
struct slot;

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Does -errno @rc say that the kernel has no memory for this now? It says so in two ways. */
static inline bool sock_no_memory(ssize_t rc)
{
	return rc == -ENOBUFS || rc == -ENOMEM;
}

/* ... or that there is no descriptor? */
static inline bool sock_no_descriptor(ssize_t rc)
{
	return rc == -EMFILE || rc == -ENFILE;
}

/* One or the other */
static inline bool sock_no_means(ssize_t rc)
{
	return sock_no_descriptor(rc) || sock_no_memory(rc);
}

/* Fill @out from @s; @scope: interface index for IPv6 link-local addresses, else
 * ignored. Length for bind(2) and connect(2).
 */
socklen_t sock_addr(const struct side *s, unsigned scope, union sockaddr_any *out);

/* The reverse; mapped addresses come out as IPv4 */
struct side sock_side(const union sockaddr_any *sa);

/* Number of the family: AF_* */
uint8_t sock_family(enum ipver ver);

/* Non-blocking, close-on-exec socket of the family of @ver. @proto: IPPROTO_TCP,
 * IPPROTO_UDP, or IPPROTO_ICMP (a ping socket, of either family).
 */
int sock_open(uint8_t proto, enum ipver ver);

/* Bind to the outbound device of @cf, if one is asked for: 0 or -errno. Once only: the kernel
 * allows no change.
 */
int sock_outbound_device(const struct conf *cf, int fd, enum ipver ver);

/* Bind to the outbound address of @cf, if one is asked for, and to @port unless that
 * is 0. 0 or -errno.
 */
int sock_bind_outbound(const struct conf *cf, int fd, enum ipver ver,
		       uint16_t port);

/* Bind to @s: 0 or -errno */
int sock_bind(int fd, const struct side *s, unsigned scope);

/* Make a socket that was connected, TCP or UDP, as good as new: 0 or -errno. A TCP
 * connection that is not closed yet is reset.
 */
int sock_disconnect(int fd);

/* TCP: is there nothing to be read after @read bytes (modulo 2^32) from the peer? *@finished:
 * nor will there be, both sides have closed, and acknowledged that to each other.
 */
bool sock_is_read(int fd, uint32_t read, bool *finished);

/* Start to connect: 0 (done or in progress) or -errno */
int sock_connect(int fd, const struct side *s, unsigned scope);

/* The address that it is bound to: 0 or -errno */
int sock_local(int fd, struct side *out);

/* Pending error (SO_ERROR), positive, or 0 */
int sock_error(int fd);

/* Set an int option: 0 or -errno */
int sock_opt(int fd, int level, int name, int value);

/* Before connect() to a peer on this machine: keep what waits in the socket's queue short
 * (tcp(7), TCP_WINDOW_CLAMP)
 */
void sock_window_local(int fd);

/* Have close() send RST instead of FIN */
void sock_linger0(int fd);

/* Does TCP have SO_PEEK_OFF here (Linux 6.9)? Start-up only. */
bool sock_probe_peek_off(void);

/* TCP: copy up to @room queued bytes to the payload of @n slots, @per bytes each, and
 * leave them queued. @iov is scratch memory for @max fragments.
 * Skips @skip bytes first, for kernels without SO_PEEK_OFF; they land in
 * @trash. Bytes copied to slots; 0: end of the stream; -errno, where with a @skip
 * -EAGAIN may mean the end as well.
 */
ssize_t sock_peek(int fd, const struct slot *s, int n, size_t per, size_t room,
		  uint32_t skip, const struct iovec *trash, struct iovec *iov, int max);

/* TCP: drop @len bytes from the head of the receive queue: 0 or -errno */
int sock_discard(int fd, size_t len);

/* TCP: bytes that the send queue has room for, and whether an EPOLLOUT event is to be
 * expected when there is more (else it has to be asked for with loop_mod())
 */
uint32_t sock_room(int fd, bool *writable);

/* Send fragments: bytes taken (0: none now) or -errno */
ssize_t sock_send(int fd, const struct iovec *iov, int n);

/* UDP and echo (sock_dgram.c) */

/* Largest UDP payload that every path takes, and most segments of one send */
enum { SOCK_UDP_MAX = 65507, SOCK_SEGS_MAX = 64 };

/* Room for the control messages of one datagram */
union sock_ctl {
	struct cmsghdr align;
	char buf[3 * CMSG_SPACE(sizeof(int))];
};

/* What came along with a datagram */
struct sock_meta {
	uint16_t gso_size;		/* a train of datagrams of this size, or 0 */
	uint8_t ttl, tos;		/* 0: not told */
};

/* One entry of an error queue */
struct sock_err {
	struct side dst;		/* where the datagram was sent */
	struct addr from;		/* who complains; all zeros: this host */
	int err;			/* errno value, positive */
	bool icmp;			/* from the network: type and code are set */
	uint8_t type, code;
	uint32_t info;			/* next-hop MTU */
	size_t len;			/* bytes of the datagram's payload given back */
};

/* Have a new datagram socket report errors, TTL and TOS: 0 or -errno */
int sock_dgram_setup(int fd, enum ipver ver);

/* Have a UDP socket pass trains of datagrams in one piece: 0 or -errno */
int sock_dgram_gro(int fd);

/* TTL or hop limit, and TOS or traffic class, of what is sent: 0 or -errno */
int sock_dgram_ttl(int fd, enum ipver ver, bool multicast, uint8_t ttl);
int sock_dgram_tos(int fd, enum ipver ver, uint8_t tos);

/* May routers fragment what is sent over IPv4? A new socket: no. 0 or -errno */
int sock_dgram_fragment(int fd, bool may);

/* Throw away all that is queued */
void sock_dgram_drain(int fd);

/* As sock_addr(), with the scope for link-local multicast as well */
socklen_t sock_dgram_addr(const struct side *s, unsigned scope,
			  union sockaddr_any *out);

/* Make @m a train of datagrams of @size bytes; @ctl outlives the send */
void sock_dgram_train(struct msghdr *m, union sock_ctl *ctl, uint16_t size);

/* Up to @n messages: how many, or -errno of the first */
int sock_dgram_send(int fd, struct mmsghdr *mm, int n);
int sock_dgram_recv(int fd, struct mmsghdr *mm, int n);

struct sock_meta sock_dgram_meta(struct msghdr *m);

/* Take one error off the queue, @size bytes of payload to @buf: 0, or -EAGAIN
 * if there is none, -errno
 */
int sock_dgram_error(int fd, struct sock_err *e, void *buf, size_t size);

#endif
