/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock.c - the host's sockets, where struct addr becomes a sockaddr */
#include "sock.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "link.h"
#include "util.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO	55
#endif

enum { TCP_STATE_CLOSE = 7 };	/* of tcpi_state: the kernel is done with it */

socklen_t sock_addr(const struct side *s, unsigned scope, union sockaddr_any *out)
{
	memset(out, 0, sizeof(*out));
	if (addr_is4(&s->addr)) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(s->port);
		out->in.sin_addr.s_addr = addr_to4(&s->addr);
		return sizeof(out->in);
	}
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(s->port);
	memcpy(&out->in6.sin6_addr, s->addr.b, sizeof(s->addr.b));
	if (addr_is_linklocal(&s->addr))
		out->in6.sin6_scope_id = scope;
	return sizeof(out->in6);
}

struct side sock_side(const union sockaddr_any *sa)
{
	if (sa->sa.sa_family == AF_INET)
		return (struct side){ addr_v4(sa->in.sin_addr.s_addr),
				      ntohs(sa->in.sin_port) };
	return (struct side){ addr_v6(&sa->in6.sin6_addr), ntohs(sa->in6.sin6_port) };
}

uint8_t sock_family(enum ipver ver)
{
	return ver == V4 ? AF_INET : AF_INET6;
}

/* #syscalls socket */
int sock_open(uint8_t proto, enum ipver ver)
{
	int type = proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd;

	if (proto == IPPROTO_ICMP && ver == V6)
		proto = IPPROTO_ICMPV6;
	fd = socket(sock_family(ver), type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	return fd < 0 ? -errno : fd;
}

/* #syscalls setsockopt */
int sock_outbound_device(const struct conf *cf, int fd, enum ipver ver)
{
	const char *name = cf->net[ver].outbound_if;
	size_t len = strlen(name);

	if (len && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, len + 1))
		return -errno;
	return 0;
}

int sock_bind_outbound(const struct conf *cf, int fd, enum ipver ver, uint16_t port)
{
	const struct net_conf *n = &cf->net[ver];
	struct side s = { n->outbound, port };

	if (addr_is_any(&s.addr)) {
		if (!port)
			return 0;
		s.addr = addr_any(ver);
	}
	return sock_bind(fd, &s, n->template_index);
}

/* #syscalls bind */
int sock_bind(int fd, const struct side *s, unsigned scope)
{
	union sockaddr_any sa;
	socklen_t len = sock_addr(s, scope, &sa);

	return bind(fd, &sa.sa, len) ? -errno : 0;
}

/* #syscalls connect */
int sock_connect(int fd, const struct side *s, unsigned scope)
{
	union sockaddr_any sa;
	socklen_t len = sock_addr(s, scope, &sa);

	if (!connect(fd, &sa.sa, len) || errno == EINPROGRESS)
		return 0;
	return -errno;
}

int sock_disconnect(int fd)
{
	struct sockaddr sa = { .sa_family = AF_UNSPEC };

	return connect(fd, &sa, sizeof(sa)) ? -errno : 0;
}

/* The FIN counts as one of the bytes */
bool sock_is_read(int fd, uint32_t read, bool *finished)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	uint32_t more;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	more = (uint32_t)info.tcpi_bytes_received - read;
	*finished = info.tcpi_state == TCP_STATE_CLOSE && more == 1;
	return *finished || (info.tcpi_state != TCP_STATE_CLOSE && !more);
}

/* #syscalls getsockname */
int sock_local(int fd, struct side *out)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.sa, &len))
		return -errno;
	*out = sock_side(&sa);
	return 0;
}

/* #syscalls getsockopt */
int sock_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

int sock_opt(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* The kernel lets the queue grow to tcp_rmem, for each connection, where the peer is faster
 * than we. What has waited there is in no cache any more. The clamp itself is
 * overruled, but the window scale that comes from it, 2, holds: a window of 256 KiB at most,
 * many times what is on its way within one machine.
 */
void sock_window_local(int fd)
{
	sock_opt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 128 << 10);
}

void sock_linger0(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

bool sock_probe_peek_off(void)
{
	enum ipver v;

	for (v = V4; v < IPVERS; v++) {
		int rc, fd = sock_open(IPPROTO_TCP, v);

		if (fd < 0)
			continue;	/* the family is not there */
		rc = sock_opt(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
		close(fd);
		if (rc)
			return false;
	}
	return true;
}

/* Fragments of @len bytes that are of no interest: how many */
static int put_trash(uint32_t len, const struct iovec *trash, struct iovec *iov, int max)
{
	int n;

	for (n = 0; len && n < max; len -= iov[n++].iov_len)
		iov[n] = (struct iovec){ trash->iov_base, MIN(len, trash->iov_len) };
	return len ? -EMSGSIZE : n;
}

/* Up to @room bytes of payload of slot @s: how many fragments */
static int put_payload(const struct slot *s, size_t room, struct iovec *iov, int max)
{
	int i;

	for (i = 0; i < s->ndata && i < max && room; i++) {
		iov[i] = s->data[i];
		iov[i].iov_len = MIN(iov[i].iov_len, room);
		room -= iov[i].iov_len;
	}
	return i;
}

/* #syscalls recvmsg */
ssize_t sock_peek(int fd, const struct slot *s, int n, size_t per, size_t room,
		  uint32_t skip, const struct iovec *trash, struct iovec *iov, int max)
{
	struct msghdr m = { .msg_iov = iov };
	int i, k = put_trash(skip, trash, iov, max);
	ssize_t got;

	if (k < 0)
		return k;
	for (i = 0; i < n && room; i++) {
		size_t len = MIN(per, room);

		k += put_payload(&s[i], len, iov + k, max - k);
		room -= len;
	}
	m.msg_iovlen = k;
	do
		got = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (skip && got <= (ssize_t)skip)
		return -EAGAIN;
	return got - skip;
}

/* #syscalls recvfrom recv */
int sock_discard(int fd, size_t len)
{
	while (len) {
		ssize_t rc = recv(fd, NULL, len, MSG_TRUNC | MSG_DONTWAIT);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return rc ? -errno : -ENODATA;
		len -= rc;
	}
	return 0;
}

/* The kernel counts its own overhead as well, so that many small pieces fill the queue
 * before this many bytes do. It marks a socket writable, and wakes us, when a third
 * is free (sk_stream_is_writeable).
 */
uint32_t sock_room(int fd, bool *writable)
{
	uint32_t m[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(m);
	uint32_t queued, buf;

	*writable = true;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, m, &len))
		return 0;
	queued = m[SK_MEMINFO_WMEM_QUEUED];
	buf = m[SK_MEMINFO_SNDBUF];
	if (queued >= buf) {
		*writable = false;
		return 0;
	}
	*writable = buf - queued >= queued / 2;
	return buf - queued;
}

/* #syscalls sendmsg */
ssize_t sock_send(int fd, const struct iovec *iov, int n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n };
	ssize_t rc;

	do
		rc = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return errno == EAGAIN ? 0 : -errno;
	return rc;
}
