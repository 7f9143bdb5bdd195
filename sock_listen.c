/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_listen.c - sockets that wait for peers: bind, listen, park, accept
 *
 * DOC: who may bind where. SO_REUSEADDR lets a TCP socket be bound where connections of an
 * earlier process linger, but also where a socket is bound that does not listen, and
 * with UDP wherever the other one has it set as well: the later one then takes away
 * what the earlier one was to get. So sockets are bound without it if that works, and
 * have it set only while it is needed: by a TCP socket while it listens, so that its
 * connections inherit it and don't block the port later; by a UDP socket
 * while one is split off for a peer.
 *
 * shutdown() makes a listening TCP socket a bound one again (tcp_disconnect() in the
 * kernel keeps a port that was bound explicitly); connections in its queue are reset.
 *
 * A connected UDP socket is found by datagrams of its peer only. If that is itself, the
 * kernel has nobody for those of all others, and says so to them (RFC 1122, 4.1.3.1). The
 * port stays ours, but at an unspecified address only as far as that of a socket at
 * the loopback address would: connect() makes it one.
 *
 * socket(7), ip(7), ipv6(7), tcp(7), udp(7), RFC 3493 (5.3), RFC 3542 (6). Called by
 * listen.c and its like.
 */
#define _GNU_SOURCE		/* accept4(), struct in6_pktinfo */
#include "sock_listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock.h"
#include "util.h"

enum { BACKLOG = 128 };

/* #syscalls setsockopt */
void sock_listen_share(int fd, bool on)
{
	sock_opt(fd, SOL_SOCKET, SO_REUSEADDR, on);
}

int sock_device(int fd, const char *ifname)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, strlen(ifname) + 1) ?
		-errno : 0;
}

static int set_freebind(int fd, enum ipver v)
{
	return v == V6 ? sock_opt(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) :
			 sock_opt(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

bool sock_dual_default(void)
{
	int only = 1, fd = sock_open(IPPROTO_UDP, V6);
	socklen_t len = sizeof(only);

	if (fd < 0)
		return false;
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len);
	close(fd);
	return !only;
}

static int set_options(int fd, const struct sock_place *p)
{
	enum ipver v = addr_ver(&p->at.addr);
	int rc = 0;

	if (p->proto == IPPROTO_TCP)	/* inherited; see RFC 6093 */
		rc = sock_opt(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (!rc && v == V6 && !(p->dual && p->dual_default))
		rc = sock_opt(fd, IPPROTO_IPV6, IPV6_V6ONLY, !p->dual);
	if (!rc && p->freebind)
		rc = set_freebind(fd, v);
	if (!rc && p->ifname[0])
		rc = sock_device(fd, p->ifname);
	return rc;
}

/* #syscalls bind */
static int bind_to(int fd, const struct sock_place *p)
{
	int rc = p->shared ? -EADDRINUSE : sock_bind(fd, &p->at, 0);

	if (rc != -EADDRINUSE || (p->proto == IPPROTO_UDP && !p->shared))
		return rc;
	sock_listen_share(fd, true);
	rc = sock_bind(fd, &p->at, 0);
	if (p->proto == IPPROTO_UDP)
		sock_listen_share(fd, false);
	if (rc || p->proto == IPPROTO_UDP)
		return rc;

	/* Among bound sockets the kernel does not look for one that listens
	 * until this one does
	 */
	rc = sock_listen_start(fd);
	if (!rc)
		sock_listen_park(fd);
	return rc;
}

/* #syscalls close */
int sock_listen_open(const struct sock_place *p)
{
	int rc, fd = sock_open(p->proto, addr_ver(&p->at.addr));

	if (fd < 0)
		return fd;
	rc = set_options(fd, p);
	if (!rc)
		rc = bind_to(fd, p);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* #syscalls listen */
int sock_listen_start(int fd)
{
	sock_listen_share(fd, true);
	return listen(fd, BACKLOG) ? -errno : 0;
}

/* #syscalls shutdown */
void sock_listen_park(int fd)
{
	shutdown(fd, SHUT_RD);
	sock_listen_share(fd, false);
}

/* Errors leave it as it is: peers are answered by nobody, or by us */
void sock_listen_refuse(int fd, bool on)
{
	struct side self;

	if (!on) {
		sock_dgram_drain(fd);
		sock_disconnect(fd);
		return;
	}
	if (sock_local(fd, &self))
		return;
	if (addr_is_any(&self.addr))
		self.addr = addr_loopback(addr_ver(&self.addr));
	sock_connect(fd, &self, 0);
}

/* #syscalls accept4 */
int sock_accept(int fd, struct side *peer)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	int s;

	do
		s = accept4(fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (s < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (s < 0)
		return -errno;
	*peer = sock_side(&sa);
	return s;
}

/* Where the datagram was sent: IP_PKTINFO or IPV6_PKTINFO */
static void read_pktinfo(struct msghdr *m, struct sock_arrival *a)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			a->to = addr_v4(i.ipi_addr.s_addr);
			a->ifindex = i.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			a->to = addr_v6(&i.ipi6_addr);
			a->ifindex = i.ipi6_ifindex;
		}
	}
}

void sock_listen_tell(int fd, bool v6)
{
	if (v6)
		sock_opt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	else
		sock_opt(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

/* #syscalls recvmsg */
int sock_listen_recv(int fd, void *buf, size_t size, struct sock_arrival *a)
{
	union sockaddr_any from = { 0 };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} ctl;
	struct iovec iov = { buf, size };
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf),
	};
	ssize_t len;

	do
		len = recvmsg(fd, &m, MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;

	*a = (struct sock_arrival){
		.peer = sock_side(&from), .len = len,
		.gso_size = sock_dgram_meta(&m).gso_size,
		.ifindex = from.in6.sin6_scope_id,	/* IPv4: behind its end, 0 */
	};
	read_pktinfo(&m, a);
	return 0;
}

int sock_listen_split(int fd, int listener, const struct sock_place *p,
		      const struct sock_arrival *a)
{
	int rc = 0;

	if (p->ifname[0])
		rc = sock_device(fd, p->ifname);
	if (!rc && p->freebind)
		rc = set_freebind(fd, addr_ver(&p->at.addr));
	if (rc)
		return rc;
	sock_listen_share(fd, true);
	sock_listen_share(listener, true);
	rc = sock_bind(fd, &p->at, a->ifindex);
	sock_listen_share(listener, false);
	return rc ? rc : sock_connect(fd, &a->peer, a->ifindex);
}
