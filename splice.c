/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splice.c - what TCP and UDP from socket to socket share
 *
 * Pools. A socket of the guest's namespace costs a visit there, about 0.1 ms, and
 * a pipe of a useful size some microseconds: both are made several at a time at the
 * end of a turn, when its work is done. A pool is empty, and costs nothing, until
 * it was first asked for. A pipe belongs to a flow only while there is something in it.
 * Where we may have few descriptors, pools are smaller: with forwarded ports, which may take
 * 7 of 8, enough is left for what is in use.
 *
 * Addresses. What was sent to the host's loopback ends at the guest's address: services on
 * the namespace's loopback are its own business. Where they are asked for, loopback is
 * tried first, then the guest's address, so that a service is found wherever it is
 * bound. Where the guest has no address, loopback takes its place. What was sent to the
 * namespace's loopback ends at the same address of the host.
 *
 * Called by tcp_splice.c, udp_splice.c, the rooms that listen, and passt.c. pipe(7).
 */
#define _GNU_SOURCE
#include "splice.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conf.h"
#include "sock.h"
#include "util.h"
#include "worker.h"

enum {
	SOCKS = 64,			/* of one protocol and family */
	PIPES = 16, PIPES_LOW = 4,
	SOCKS_PART = 64, PIPES_PART = 128,	/* or that part of all descriptors */
	PIPE_SIZE = 1 << 20,
	PIPE_SIZE_MIN = 16 * 1024,
	UDP_RCVBUF = 4 << 20,
	RETRY = 100,			/* ms, after a refill that failed */
};

struct pool {
	uint8_t proto;
	enum ipver ver;
	bool used;
	int n, size;			/* filled up if half of it is gone */
	int fds[SOCKS];
};

struct splice {
	struct pool pools[2][IPVERS];	/* [is it UDP?] */
	uint64_t refill_at;		/* not before, ms */
	bool pipes_used;
	int npipes, pipes_max;
	struct splice_pipe pipes[PIPES];
};

struct splice *splice_init(void)
{
	static struct splice sp;
	struct rlimit lim = { 0 };
	enum ipver v;
	int size;

	getrlimit(RLIMIT_NOFILE, &lim);
	size = MAX(MIN(lim.rlim_cur / SOCKS_PART, (rlim_t)SOCKS), 1);
	sp.pipes_max = MIN(lim.rlim_cur / PIPES_PART, (rlim_t)PIPES);
	for (v = V4; v < IPVERS; v++) {
		sp.pools[false][v] = (struct pool){ .proto = IPPROTO_TCP, .ver = v,
						    .size = size };
		sp.pools[true][v] = (struct pool){ .proto = IPPROTO_UDP, .ver = v,
						   .size = size };
	}
	return &sp;
}

void splice_tune(int fd)
{
	static const char reno[] = "reno";

	sock_opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno) - 1);
}

/* As far as options can be set before it is known what the socket is for */
static int open_socket(uint8_t proto, enum ipver ver)
{
	int fd = sock_open(proto, ver);

	if (fd < 0)
		return fd;
	if (proto == IPPROTO_TCP) {
		splice_tune(fd);
		sock_window_local(fd);
		return fd;
	}
	sock_dgram_gro(fd);
	sock_opt(fd, SOL_SOCKET, SO_RCVBUF, UDP_RCVBUF);
	if (ver == V6)
		sock_opt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return fd;
}

/* In the guest's namespace: 0, or -errno of a socket that can't be had */
static int fill(void *ctx)
{
	struct pool *p = ctx;

	while (p->n < p->size) {
		int fd = open_socket(p->proto, p->ver);

		if (fd < 0)
			return fd;
		p->fds[p->n++] = fd;
	}
	return 0;
}

static bool is_low(const struct pool *p)
{
	return p->used && p->n < (p->size + 1) / 2;
}

static int fill_low(void *ctx)
{
	struct splice *sp = ctx;
	int udp, rc = 0, one;
	enum ipver v;

	for (udp = 0; udp < 2; udp++) {
		for (v = V4; v < IPVERS; v++) {
			one = is_low(&sp->pools[udp][v]) ? fill(&sp->pools[udp][v]) : 0;
			rc = one ? one : rc;
		}
	}
	return rc;
}

int splice_socket(struct worker *w, uint8_t proto, enum ipver ver, bool to_ns)
{
	struct pool *p = &w->splice->pools[proto == IPPROTO_UDP][ver];
	int rc;

	if (!to_ns)
		return open_socket(proto, ver);
	p->used = true;
	if (!p->n) {		/* the others wait: there may be one descriptor left */
		rc = w->in_ns ? w->in_ns(w, fill, p) : -EBADF;
		if (!p->n)
			return rc < 0 ? rc : -EMFILE;
	}
	return p->fds[--p->n];
}

/* The largest that we may have: less, or next to nothing, if this user has many
 *
 * #syscalls:pasta pipe2 fcntl fcntl64
 */
static int open_pipe(struct splice_pipe *p)
{
	const int page = sysconf(_SC_PAGESIZE);
	int size, fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		return -errno;
	for (size = PIPE_SIZE; size >= PIPE_SIZE_MIN; size /= 2) {
		if (fcntl(fds[1], F_SETPIPE_SZ, size) >= 0)
			break;
	}
	size = fcntl(fds[1], F_GETPIPE_SZ);
	*p = (struct splice_pipe){ fds[0], fds[1], MAX(size / page, 1) };
	return 0;
}

int splice_pipe_take(struct worker *w, struct splice_pipe *p)
{
	struct splice *sp = w->splice;

	sp->pipes_used = true;
	if (!sp->npipes)
		return open_pipe(p);
	*p = sp->pipes[--sp->npipes];
	return 0;
}

/* #syscalls:pasta close */
void splice_pipe_give(struct worker *w, struct splice_pipe *p)
{
	struct splice *sp = w->splice;

	if (sp->npipes < sp->pipes_max) {
		sp->pipes[sp->npipes++] = *p;
	} else {
		close(p->rd);
		close(p->wr);
	}
	p->rd = p->wr = -1;
}

static bool any_low(const struct splice *sp)
{
	return is_low(&sp->pools[false][V4]) || is_low(&sp->pools[false][V6]) ||
	       is_low(&sp->pools[true][V4]) || is_low(&sp->pools[true][V6]);
}

static void refill_pipes(struct worker *w, struct splice *sp)
{
	while (sp->pipes_used && sp->npipes < MIN(PIPES_LOW, sp->pipes_max)) {
		if (open_pipe(&sp->pipes[sp->npipes])) {
			sp->refill_at = w->now + RETRY;
			return;
		}
		sp->npipes++;
	}
}

void splice_refill(struct worker *w)
{
	struct splice *sp = w->splice;

	if (w->now < sp->refill_at)
		return;
	if (unlikely(any_low(sp)) && w->in_ns && w->in_ns(w, fill_low, sp) < 0)
		sp->refill_at = w->now + RETRY;
	refill_pipes(w, sp);
}

/* The address that the guest has by all that we know, possibly unset */
static struct addr guest_addr(const struct worker *w, enum ipver v)
{
	return addr_is_any(&w->guest.seen[v]) ? w->cf->net[v].addr : w->guest.seen[v];
}

bool splice_takes(const struct worker *w, const struct addr *peer,
		  const struct addr *target)
{
	enum ipver v = addr_ver(target);

	if (w->cf->no_splice || !w->in_ns || !addr_is_loopback(peer))
		return false;
	return addr_is_any(target) || addr_is_loopback(target) ||
	       addr_eq(target, &w->guest.seen[v]) ||
	       addr_eq(target, &w->cf->net[v].addr);
}

int splice_targets(const struct worker *w, const struct side *at, const struct side *to,
		   bool to_ns, struct side out[SPLICE_TARGETS])
{
	enum ipver v = addr_ver(&at->addr);
	struct side own = { guest_addr(w, v), to->port }, lo = { at->addr, to->port };
	bool has_own = to_ns && !addr_is_any(&own.addr);
	int n = 0;

	if (!addr_is_any(&to->addr)) {
		out[0] = *to;
		return 1;
	}
	if (!addr_is_loopback(&lo.addr))
		lo.addr = addr_loopback(v);
	if (!has_own || w->cf->host_lo_to_ns_lo)
		out[n++] = lo;
	if (has_own)
		out[n++] = own;
	return n;
}

bool splice_is_refusal(int err)
{
	return err == ECONNREFUSED || err == ENETUNREACH || err == EHOSTUNREACH ||
	       err == EADDRNOTAVAIL;
}
