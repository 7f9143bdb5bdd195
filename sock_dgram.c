/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_dgram.c - sockets of UDP and echo: batches, trains, control messages, errors
 *
 * A train is a run of datagrams of one size (the last may be shorter) that crosses the
 * kernel in one piece: UDP_SEGMENT when sent, UDP_GRO when received. ICMP
 * errors come through the error queue with what the network quoted.
 *
 * udp(7), ip(7), ipv6(7), RFC 3542. Called by the datagram protocols only.
 */
#define _GNU_SOURCE		/* struct mmsghdr */
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "sock.h"
#include "util.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif
#ifndef UDP_GRO
#define UDP_GRO		104
#endif
#ifndef IPV6_RECVERR
#define IPV6_RECVERR	25
#endif

int sock_dgram_setup(int fd, enum ipver ver)
{
	static const struct { int level, name; } opts[IPVERS][4] = {
		[V4] = { { IPPROTO_IP, IP_RECVERR }, { IPPROTO_IP, IP_RECVTTL },
			 { IPPROTO_IP, IP_RECVTOS } },
		[V6] = { { IPPROTO_IPV6, IPV6_RECVERR },
			 { IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
			 { IPPROTO_IPV6, IPV6_RECVTCLASS },
			 { IPPROTO_IPV6, IPV6_V6ONLY } },
	};
	size_t i;
	int rc;

	for (i = 0; i < NELEM(opts[ver]) && opts[ver][i].name; i++) {
		rc = sock_opt(fd, opts[ver][i].level, opts[ver][i].name, 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sock_dgram_gro(int fd)
{
	return sock_opt(fd, SOL_UDP, UDP_GRO, 1);
}

int sock_dgram_ttl(int fd, enum ipver ver, bool multicast, uint8_t ttl)
{
	if (ver == V4)
		return sock_opt(fd, IPPROTO_IP, multicast ? IP_MULTICAST_TTL : IP_TTL,
				ttl);
	return sock_opt(fd, IPPROTO_IPV6,
			multicast ? IPV6_MULTICAST_HOPS : IPV6_UNICAST_HOPS, ttl);
}

int sock_dgram_tos(int fd, enum ipver ver, uint8_t tos)
{
	return ver == V4 ? sock_opt(fd, IPPROTO_IP, IP_TOS, tos) :
			   sock_opt(fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
}

int sock_dgram_fragment(int fd, bool may)
{
	return sock_opt(fd, IPPROTO_IP, IP_MTU_DISCOVER,
			may ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT);
}

/* #syscalls recvfrom recv */
void sock_dgram_drain(int fd)
{
	int n = 0;

	while (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0 && ++n < 1000)
		;
}

socklen_t sock_dgram_addr(const struct side *s, unsigned scope,
			  union sockaddr_any *out)
{
	socklen_t len = sock_addr(s, scope, out);

	if (!addr_is4(&s->addr) && addr_is_multicast(&s->addr))
		out->in6.sin6_scope_id = scope;
	return len;
}

void sock_dgram_train(struct msghdr *m, union sock_ctl *ctl, uint16_t size)
{
	struct cmsghdr *c;

	m->msg_control = ctl->buf;
	m->msg_controllen = CMSG_SPACE(sizeof(size));
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

/* #syscalls sendmmsg sendmsg */
int sock_dgram_send(int fd, struct mmsghdr *mm, int n)
{
	int rc;

	do
		rc = sendmmsg(fd, mm, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

/* #syscalls recvmmsg recvmmsg_time64 */
int sock_dgram_recv(int fd, struct mmsghdr *mm, int n)
{
	int rc;

	do
		rc = recvmmsg(fd, mm, n, MSG_DONTWAIT, NULL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

/* The kernel gives IP_TOS as one byte, all others as int */
static int cmsg_value(const struct cmsghdr *c)
{
	int v = 0;

	if (c->cmsg_len >= CMSG_LEN(sizeof(v)))
		memcpy(&v, CMSG_DATA(c), sizeof(v));
	else
		v = *CMSG_DATA(c);
	return v;
}

struct sock_meta sock_dgram_meta(struct msghdr *m)
{
	struct sock_meta meta = { 0 };
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int v = cmsg_value(c), type = c->cmsg_type;

		if (c->cmsg_level == SOL_UDP && type == UDP_GRO)
			meta.gso_size = v;
		else if (c->cmsg_level == IPPROTO_IP)
			*(type == IP_TTL ? &meta.ttl : &meta.tos) = v;
		else if (c->cmsg_level == IPPROTO_IPV6)
			*(type == IPV6_HOPLIMIT ? &meta.ttl : &meta.tos) = v;
	}
	return meta;
}

static void parse_error(const struct cmsghdr *c, struct sock_err *e)
{
	struct {
		struct sock_extended_err ee;
		union sockaddr_any from;
	} x = { 0 };

	memcpy(&x, CMSG_DATA(c), MIN(sizeof(x), c->cmsg_len - CMSG_LEN(0)));
	e->err = x.ee.ee_errno;
	e->icmp = x.ee.ee_origin == SO_EE_ORIGIN_ICMP ||
		  x.ee.ee_origin == SO_EE_ORIGIN_ICMP6;
	e->type = x.ee.ee_type;
	e->code = x.ee.ee_code;
	e->info = x.ee.ee_info;
	if (e->icmp)
		e->from = sock_side(&x.from).addr;
}

/* #syscalls recvmsg */
int sock_dgram_error(int fd, struct sock_err *e, void *buf, size_t size)
{
	union {
		struct cmsghdr align;
		char buf[512];
	} ctl;
	union sockaddr_any dst = { 0 };
	struct iovec iov = { buf, size };
	struct msghdr m = {
		.msg_name = &dst, .msg_namelen = sizeof(dst),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf),
	};
	struct cmsghdr *c;
	ssize_t len;

	do
		len = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;

	*e = (struct sock_err){ .dst = sock_side(&dst), .len = len };
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			parse_error(c, e);
	}
	return 0;
}
