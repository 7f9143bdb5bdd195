/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp.c - UDP conversations of the guest with the world
 *
 * Guest to socket: a run of packets becomes one sendmmsg(2). Within it, a
 * super-datagram of the guest, or a run of datagrams of one size, is one message
 * with UDP_SEGMENT: the host's stack is crossed once for all of them. Where the
 * kernel can't do that (no checksum offload, larger than the MTU) the flow
 * remembers so and sends them one by one. Payload is not copied on the way.
 *
 * Socket to guest: dgram_to_guest.c. Timers: one per flow, moved by each datagram
 * either way. It is short once a resolver has answered all that it was asked, long
 * once the conversation goes both ways (RFC 4787, 4.3), else in between.
 *
 * Called by tap.c, listen_event.c, the loop and the timer wheel. RFC 768, 8085; udp(7).
 */
#define _GNU_SOURCE
#include "udp.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "dgram.h"
#include "dgram_int.h"
#include "fwd.h"
#include "util.h"

enum {
	DNS_PORT = 53,
	TIMEOUT_ANSWERED = 10 * 1000,	/* ms */
	GUEST_SEGS_MAX = LINK_BATCH,	/* of a super-datagram */
};

/* Messages of one call, in w->dgram; first[i] is the packet where message i begins,
 * and first[n] what comes after the last
 */
struct batch {
	int n;
	uint8_t first[LINK_BATCH + 1];
};

_Static_assert(LINK_BATCH <= UINT8_MAX, "packet numbers in one byte");

static unsigned timeout(const struct worker *w, const struct dgram *d)
{
	if (d->remote.port == DNS_PORT && d->got >= d->sent)
		return TIMEOUT_ANSWERED;
	if (d->got && (d->got > 1 || d->sent > 1))
		return w->dgram->timeout_stream;
	return w->dgram->timeout;
}

static void touch(struct worker *w, struct dgram *d)
{
	timer_set(&w->wheel, &d->f.timer, w->now + timeout(w, d));
}

/* May the super-datagram @p go out in one piece? */
static bool goes_whole(const struct dgram *d, const struct pkt *p)
{
	return p->off.gso_size <= d->train_max && p->data.left <= SOCK_UDP_MAX &&
	       p->data.left <= (size_t)p->off.gso_size * SOCK_SEGS_MAX;
}

/* How many of the packets are datagrams of one size, the last possibly shorter, that may
 * go out in one piece? At least 1.
 */
static int train(const struct dgram *d, const struct pkt *p, int n)
{
	uint32_t size = p->data.left, total = size;
	int i;

	if (!size || size > d->train_max || p->off.gso_type == GSO_UDP)
		return 1;
	for (i = 1; i < MIN(n, SOCK_SEGS_MAX); i++) {
		uint32_t len = p[i].data.left;

		total += len;
		if (!len || len > size || total > SOCK_UDP_MAX ||
		    p[i].off.gso_type == GSO_UDP)
			break;
		if (len < size)
			return i + 1;
	}
	return i;
}

/* A message for the next packets, with fragments from @iov on. Number of
 * fragments, or -EMSGSIZE if there are more than @max.
 */
static int put_message(struct msghdr *m, union sock_ctl *ctl, const struct pkt *p, int n,
		       struct iovec *iov, int max)
{
	int i, used = 0;

	for (i = 0; i < n; i++) {
		int rc = span_iov(&p[i].data, iov + used, max - used);

		if (rc < 0)
			return rc;
		used += rc;
	}
	m->msg_iov = iov;
	m->msg_iovlen = used;
	if (p->off.gso_type == GSO_UDP)
		sock_dgram_train(m, ctl, p->off.gso_size);
	else if (n > 1)
		sock_dgram_train(m, ctl, p->data.left);
	return used;
}

/* Where messages go, if the socket is not connected */
static struct msghdr address(struct worker *w, const struct dgram *d)
{
	struct msghdr m = { 0 };

	if (d->any_peer) {
		unsigned scope = w->cf->net[addr_ver(&d->remote.addr)].template_index;

		m.msg_name = w->dgram->names;
		m.msg_namelen = sock_dgram_addr(&d->remote, scope, w->dgram->names);
	}
	return m;
}

/* As many messages as there is room for; none if the first does not fit at all */
static void build(struct worker *w, const struct dgram *d, const struct pkt *p, int n,
		  struct batch *b)
{
	const int max = NELEM(w->scratch->iov);
	struct dgram_state *x = w->dgram;
	struct msghdr blank = address(w, d);
	int at = 0, used = 0;

	b->first[0] = 0;
	for (b->n = 0; at < n; b->n++) {
		struct msghdr *m = &x->mm[b->n].msg_hdr;
		int rc, k = train(d, p + at, n - at);

		if (p[at].off.gso_type == GSO_UDP && !goes_whole(d, p + at))
			break;
		*m = blank;
		rc = put_message(m, &x->ctl[b->n], p + at, k,
				 w->scratch->iov + used, max - used);
		if (rc < 0)
			break;
		used += rc;
		at += k;
		b->first[b->n + 1] = at;
	}
}

/* Was it the train that the kernel did not want, not the datagrams? Then
 * don't try again with those of its size.
 */
static bool too_long_a_train(struct dgram *d, const struct pkt *p, bool is_train, int err)
{
	uint16_t size = p->off.gso_type == GSO_UDP ? p->off.gso_size : p->data.left;

	if (!is_train || (err != -EIO && err != -EINVAL && err != -EMSGSIZE))
		return false;
	d->train_max = err == -EIO ? 0 : size - 1;
	return true;
}

/* Send @n messages; an error that an earlier datagram met is reported by the next
 * send, so that one failure says nothing about this one.
 */
static int send_messages(struct worker *w, const struct dgram *d, int n)
{
	int rc = sock_dgram_send(d->f.fd, w->dgram->mm, n);

	switch (rc) {
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ENOPROTOOPT:
	case -EPROTO:
	case -EACCES:
	case -EMSGSIZE:
		return sock_dgram_send(d->f.fd, w->dgram->mm, n);
	default:
		return rc;
	}
}

/* A super-datagram, cut to its datagrams: number of those that were sent */
static int send_cut(struct worker *w, const struct dgram *d, const struct pkt *p)
{
	struct msghdr blank = address(w, d);
	struct span data = p->data;
	int sent, rc = 0, n = 0, used = 0;

	for (; data.left && n < GUEST_SEGS_MAX; n++) {
		struct iovec *iov = w->scratch->iov + used;
		struct msghdr *m = &w->dgram->mm[n].msg_hdr;
		struct span one = span_cut(&data, MIN(p->off.gso_size, data.left));

		rc = span_iov(&one, iov, NELEM(w->scratch->iov) - used);
		if (rc < 0)
			break;
		*m = blank;
		m->msg_iov = iov;
		m->msg_iovlen = rc;
		used += rc;
	}
	for (sent = 0; sent < n; sent += rc) {
		rc = send_messages(w, d, n - sent);
		if (rc <= 0)
			break;
		memmove(w->dgram->mm, w->dgram->mm + rc,
			(n - sent - rc) * sizeof(w->dgram->mm[0]));
	}
	return sent;
}

/* Send the packets, or drop those that the socket refuses */
static void send_run(struct worker *w, struct dgram *d, const struct pkt *p, int n)
{
	struct batch b;
	int i, rc;

	for (i = 0; i < n; i += rc) {
		build(w, d, p + i, n - i, &b);
		if (!b.n) {
			w->stats.drop[DROP_SOCK] += !send_cut(w, d, p + i);
			rc = 1;
			continue;
		}
		rc = send_messages(w, d, b.n);
		if (rc > 0) {
			rc = b.first[rc];
		} else if (too_long_a_train(d, p + i, w->dgram->mm[0].msg_hdr.msg_control,
					    rc)) {
			rc = 0;
		} else {
			rc = rc == -EAGAIN ? n - i : b.first[1];
			w->stats.drop[DROP_SOCK] += rc;
		}
	}
	d->sent += n;
}

/* How many of the packets have the same TTL and TOS? */
static int same_mark(const struct pkt *p, int n)
{
	int i;

	for (i = 1; i < n && p[i].ttl == p->ttl && p[i].tos == p->tos; i++)
		;
	return i;
}

void udp_from_guest(struct worker *w, const struct pkt *p, int n)
{
	struct dgram *d = dgram_from_guest(w, FLOW_UDP, p, n);
	int i, k;

	if (!d)
		return;
	for (i = 0; i < n; i += k) {
		k = same_mark(p + i, n - i);
		dgram_mark(d, &p[i + k - 1]);
		send_run(w, d, p + i, k);
	}
	touch(w, d);
}

/* Who is who, if the guest can be told; and the flow of these two, perhaps another peer's that
 * looks like this one to the guest
 */
static bool peer_sides(struct worker *w, const struct side *peer, const struct side *target,
		       struct side *seen, struct side *guest, struct dgram **d)
{
	if (fwd_to_guest(w->cf, &w->guest, peer, target, seen, guest))
		return false;
	*d = dgram_of(flow_find(w, IPPROTO_UDP, guest, seen));
	return true;
}

struct flow *udp_peer_find(struct worker *w, const struct side *peer,
			   const struct side *target)
{
	struct side seen, guest;
	struct dgram *d;

	if (!peer_sides(w, peer, target, &seen, &guest, &d) || !d)
		return NULL;
	return side_eq(&d->remote, peer) ? &d->f : NULL;
}

/* #syscalls close */
int udp_peer_socket(enum ipver ver)
{
	int rc, fd = sock_open(IPPROTO_UDP, ver);

	if (fd < 0)
		return fd;
	rc = sock_dgram_setup(fd, ver);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

struct flow *udp_peer_open(struct worker *w, int fd, const struct side *peer,
			   const struct side *target)
{
	struct side seen, guest;
	struct dgram *d;

	if (!peer_sides(w, peer, target, &seen, &guest, &d) || d)
		return NULL;
	d = dgram_of(flow_new(w, FLOW_UDP, IPPROTO_UDP));
	if (!d)
		return NULL;
	d->f.guest = guest;
	d->f.seen = seen;
	d->remote = *peer;
	d->train_max = UINT16_MAX;
	dgram_tune(w, fd);
	if (loop_add(&w->loop, fd, EPOLLIN | EPOLLET, flow_tag(w, &d->f, EV_UDP))) {
		dgram_close(w, d);
		return NULL;
	}
	d->f.fd = fd;
	d->readable = true;		/* from before the loop watched it */
	flow_hash(w, &d->f);
	flow_dirty(w, &d->f);
	return &d->f;
}

_Static_assert((int)UDP_PEER_BUFFERS <= DGRAM_BATCH && (int)UDP_PEER_MAX <= DGRAM_SPILL,
	       "buffers that there are");

void *udp_peer_buffer(struct worker *w, int i)
{
	return w->dgram->spill[i];
}

void udp_peer_send(struct worker *w, struct flow *f, size_t len)
{
	struct dgram *d = dgram_of(f);

	dgram_pass(w, d, len);
	d->got++;
	touch(w, d);
}

void udp_sock_event(struct worker *w, union tag tag, uint32_t events)
{
	dgram_event(w, tag, events);
}

void udp_flow_work(struct worker *w, struct flow *f)
{
	struct dgram *d = dgram_of(f);

	if (dgram_to_guest(w, d))
		touch(w, d);
}

void udp_flow_timer(struct worker *w, struct flow *f)
{
	dgram_close(w, dgram_of(f));
}
