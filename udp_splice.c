/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_splice.c - UDP from socket to socket
 *
 * A flow is two connected sockets: the near one to the peer, the far one, on the
 * other side of the namespace's border, to the service. The kernel finds the flow of
 * each datagram; only the first ones come by way of the listening socket.
 *
 * Whole trains (UDP_GRO) are received and sent (UDP_SEGMENT) in one piece. Datagrams that
 * come one by one, many by one call, go out as trains where several in a row have one
 * size. A train that can't be sent as such goes out cut.
 *
 * Where nobody listens at the first address, the next is tried with the same
 * datagrams. A refusal by all of them ends the flow, and so does a peer that is
 * gone: the next datagram starts anew. The peer can't be told, as the listening
 * socket says to its kernel that somebody is there; its owner is, and can
 * have the kernel refuse what comes next. Idle flows end as in udp.c.
 *
 * Called by the rooms that listen, the loop and the timer wheel. RFC 768, 8085; udp(7).
 */
#define _GNU_SOURCE
#include "udp_splice.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dgram_int.h"
#include "flow.h"
#include "sock.h"
#include "splice.h"
#include "util.h"
#include "worker.h"

enum { NEAR, FAR, ENDS };

enum {
	TRAINS = 8,			/* asked for at once: 512 KiB */
	TURN_CALLS = 4,			/* budget of a flow in a turn, each way */
	PROTO_IN = 253, PROTO_OUT = 254,	/* in the hash: RFC 3692, never on link */
};

struct udp_splice {
	struct flow f;			/* fd: of the near end, as in fd[NEAR] */
	int fd[ENDS];
	bool readable[ENDS];
	bool trains[ENDS];		/* are what comes in */
	bool to_ns;
	uint8_t ntargets, tried;
	uint32_t sent, got;		/* messages to the service, and back */
	struct side targets[SPLICE_TARGETS];
	struct side source;		/* of the far socket */
};

static_assert(sizeof(struct udp_splice) <= FLOW_SIZE, "it exceeds a flow's slot");

/* Messages received by one call, then those to be sent: message i is in spill[i] */
struct batch {
	int n;
	size_t len[DGRAM_BATCH];
	uint16_t gso[DGRAM_BATCH];	/* size of a train's datagrams, or 0 */
	uint8_t first[DGRAM_BATCH + 1];	/* first one received of each one to be sent */
};

static struct udp_splice *splice_of(struct flow *f)
{
	return (struct udp_splice *)f;		/* its first member */
}

/* #syscalls:pasta close */
static void release(struct worker *w, struct udp_splice *u)
{
	int i;

	for (i = NEAR; i < ENDS; i++) {
		if (u->fd[i] >= 0)
			close(u->fd[i]);
	}
	flow_free(w, &u->f);
}

static void touch(struct worker *w, struct udp_splice *u)
{
	bool stream = u->got && (u->got > 1 || u->sent > 1);

	timer_set(&w->wheel, &u->f.timer, w->now +
		  (stream ? w->dgram->timeout_stream : w->dgram->timeout));
}

static int watch(struct worker *w, struct udp_splice *u, int end)
{
	return loop_add(&w->loop, u->fd[end], EPOLLIN | EPOLLET,
			flow_tag(w, &u->f, end == NEAR ? EV_UDP_SPLICE :
							EV_UDP_SPLICE_FAR));
}

/* With the source port of the peer, unless it is taken: shared, it might be that
 * of another flow to the same service
 */
static int connect_to(struct worker *w, const struct udp_splice *u, const struct side *to)
{
	enum ipver v = addr_ver(&to->addr);
	struct side source = u->source;
	int rc, fd = splice_socket(w, IPPROTO_UDP, v, u->to_ns);

	if (fd < 0)
		return fd;
	if (addr_ver(&source.addr) != v)
		source.addr = addr_any(v);
	if (sock_bind(fd, &source, 0) && !addr_is_any(&source.addr)) {
		source.port = 0;
		sock_bind(fd, &source, 0);
	}
	rc = sock_connect(fd, to, 0);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/* Connect to the next target, if there is one: 0 or -errno */
static int open_far(struct worker *w, struct udp_splice *u)
{
	int fd = -ECONNREFUSED;

	while (u->tried < u->ntargets) {
		fd = connect_to(w, u, &u->targets[u->tried++]);
		if (fd >= 0 || !splice_is_refusal(-fd))
			break;
	}
	if (fd < 0)
		return fd;
	if (u->fd[FAR] >= 0)
		close(u->fd[FAR]);
	u->fd[FAR] = fd;
	return watch(w, u, FAR);
}

struct flow *udp_splice_find(struct worker *w, const struct side *at,
			     const struct side *peer, bool to_ns)
{
	return flow_find(w, to_ns ? PROTO_IN : PROTO_OUT, at, peer);
}

struct flow *udp_splice_open(struct worker *w, int fd, const struct side *at,
			     const struct side *peer, const struct side *to, bool to_ns)
{
	struct flow *f = flow_new(w, FLOW_UDP_SPLICE, to_ns ? PROTO_IN : PROTO_OUT);
	struct udp_splice *u = splice_of(f);
	int rc;

	if (!f)
		return NULL;
	u->fd[NEAR] = u->fd[FAR] = -1;
	u->to_ns = to_ns;
	u->ntargets = splice_targets(w, at, to, to_ns, u->targets);
	u->source.port = peer->port;
	u->source.addr = to_ns ? addr_any(addr_ver(&peer->addr)) : peer->addr;
	f->guest = *at;
	f->seen = *peer;
	f->from_guest = !to_ns;
	rc = open_far(w, u);
	if (flow_make_room(w, rc)) {
		u->tried = 0;
		rc = open_far(w, u);
	}
	if (rc) {
		release(w, u);
		return NULL;
	}
	f->fd = u->fd[NEAR] = fd;
	sock_dgram_gro(fd);
	if (watch(w, u, NEAR)) {
		u->fd[NEAR] = -1;
		release(w, u);
		return NULL;
	}
	flow_hash(w, f);
	touch(w, u);
	return f;
}

/* Message @i, which goes out as received */
static void put_message(struct worker *w, const struct batch *b, int k, int i)
{
	struct dgram_state *x = w->dgram;
	struct iovec *iov = &w->scratch->iov[i];

	*iov = (struct iovec){ x->spill[i], b->len[i] };
	x->mm[k].msg_hdr = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 1 };
	if (b->gso[i] && b->len[i] > b->gso[i])
		sock_dgram_train(&x->mm[k].msg_hdr, &x->ctl[k], b->gso[i]);
}

/* How many messages from @i on are datagrams of one size, the last possibly shorter? */
static int train(const struct batch *b, int i)
{
	size_t size = b->len[i], total = size;
	int n;

	if (!size || b->gso[i])
		return 1;
	for (n = 1; i + n < b->n && n < SOCK_SEGS_MAX; n++) {
		size_t len = b->len[i + n];

		total += len;
		if (!len || len > size || total > SOCK_UDP_MAX || b->gso[i + n])
			break;
		if (len < size)
			return n + 1;
	}
	return n;
}

/* Messages to be sent, from what was received from @from on: how many */
static int build(struct worker *w, struct batch *b, int from, bool whole)
{
	struct dgram_state *x = w->dgram;
	int i, j, n, k = 0;

	for (i = from; i < b->n; i += n) {
		n = whole ? train(b, i) : 1;
		b->first[k] = i;
		for (j = i; j < i + n; j++)
			put_message(w, b, k, j);
		if (n > 1) {
			x->mm[k].msg_hdr.msg_iov = &w->scratch->iov[i];
			x->mm[k].msg_hdr.msg_iovlen = n;
			sock_dgram_train(&x->mm[k].msg_hdr, &x->ctl[k], b->len[i]);
		}
		k++;
	}
	b->first[k] = b->n;
	return k;
}

/* The datagrams of train @i, one by one: were all of them sent? */
static bool send_cut(struct worker *w, int fd, const struct batch *b, int i)
{
	struct mmsghdr *mm = w->dgram->mm;
	struct iovec *iov = w->scratch->iov;
	bool all = true;
	size_t at = 0;

	while (at < b->len[i]) {
		int n;

		for (n = 0; at < b->len[i] && n < DGRAM_BATCH; n++) {
			size_t len = MIN(b->gso[i], b->len[i] - at);

			iov[n] = (struct iovec){ w->dgram->spill[i] + at, len };
			mm[n].msg_hdr = (struct msghdr){
				.msg_iov = &iov[n], .msg_iovlen = 1,
			};
			at += len;
		}
		all &= sock_dgram_send(fd, mm, n) == n;
	}
	return all;
}

/* Send the batch. -ECONNREFUSED, and the like: nobody is there; other errors cost the
 * datagrams that met them.
 */
static int send_batch(struct worker *w, int fd, struct batch *b)
{
	bool whole = true;
	int rc, at = 0;

	while (at < b->n) {
		int k = build(w, b, at, whole);

		rc = sock_dgram_send(fd, w->dgram->mm, k);
		if (rc > 0) {
			at = b->first[rc];
		} else if (splice_is_refusal(-rc)) {
			return rc;
		} else if (rc == -EAGAIN) {
			w->stats.drop[DROP_SOCK] += b->n - at;
			break;
		} else if (whole && b->first[1] - at > 1) {
			whole = false;
		} else {
			if (!b->gso[at] || !send_cut(w, fd, b, at))
				w->stats.drop[DROP_SOCK]++;
			at++;
		}
	}
	return 0;
}

/* To the service. While it is not known whether there is one, a refusal is looked for: in
 * the same namespace it is there when the send returns.
 */
static int send_to_far(struct worker *w, struct udp_splice *u, struct batch *b)
{
	int rc;

	u->sent += u->sent < UINT32_MAX;
	do {
		rc = send_batch(w, u->fd[FAR], b);
		if (!rc && !u->got)
			rc = -sock_error(u->fd[FAR]);
	} while (splice_is_refusal(-rc) && !open_far(w, u));
	return rc;
}

/* False: the flow has ended */
static bool pass_on(struct worker *w, struct udp_splice *u, int from, struct batch *b)
{
	int rc;

	if (from == NEAR) {
		rc = send_to_far(w, u, b);
	} else {
		u->got += u->got < UINT32_MAX;
		rc = send_batch(w, u->fd[NEAR], b);
	}
	if (splice_is_refusal(-rc)) {
		release(w, u);
		return false;
	}
	touch(w, u);
	return true;
}

bool udp_splice_send(struct worker *w, struct flow *f, void *data, size_t len,
		     uint16_t gso_size)
{
	struct batch b = { .n = 1, .len = { len }, .gso = { gso_size } };

	if (len > DGRAM_SPILL)
		return true;
	memmove(w->dgram->spill[0], data, len);	/* may be from there */
	return pass_on(w, splice_of(f), NEAR, &b);
}

/* Message @i of those received, unless the kernel had chosen the socket for it before that was
 * connected
 */
static void take(struct worker *w, const struct udp_splice *u, int from, struct batch *b,
		 int i)
{
	const struct side *peer = from == NEAR ? &u->f.seen : &u->targets[u->tried - 1];
	struct dgram_state *x = w->dgram;
	struct side at = sock_side(&x->names[i]);
	size_t len = x->mm[i].msg_len;
	uint16_t gso = sock_dgram_meta(&x->mm[i].msg_hdr).gso_size;

	if (unlikely(!side_eq(&at, peer))) {
		w->stats.drop[DROP_ADDR]++;
		return;
	}
	if (unlikely(b->n < i))
		memcpy(x->spill[b->n], x->spill[i], len);
	b->len[b->n] = len;
	b->gso[b->n] = len > gso ? gso : 0;
	b->n++;
}

/* What can be had by one call: 0 or -errno */
static int receive(struct worker *w, struct udp_splice *u, int from, struct batch *b)
{
	int i, rc, ask = u->trains[from] ? TRAINS : DGRAM_BATCH;
	struct dgram_state *x = w->dgram;

	for (i = 0; i < ask; i++) {
		w->scratch->iov[i] = (struct iovec){ x->spill[i], DGRAM_SPILL };
		x->mm[i].msg_hdr = (struct msghdr){
			.msg_iov = &w->scratch->iov[i], .msg_iovlen = 1,
			.msg_control = x->ctl[i].buf,
			.msg_controllen = sizeof(x->ctl[i].buf),
			.msg_name = &x->names[i],
			.msg_namelen = sizeof(x->names[i]),
		};
	}
	rc = sock_dgram_recv(u->fd[from], x->mm, ask);
	if (rc < 0)
		return rc;
	u->readable[from] = rc == ask;
	b->n = 0;
	for (i = 0; i < rc; i++)
		take(w, u, from, b, i);
	u->trains[from] = b->n && b->gso[0];
	return 0;
}

/* An error of a socket: the next target if it refuses, or the end. False: the latter. */
static bool refused(struct worker *w, struct udp_splice *u, int from, int err)
{
	if (!splice_is_refusal(err))
		return true;
	if (from == FAR && !u->got && !open_far(w, u))
		return true;
	release(w, u);
	return false;
}

/* False: the flow has ended */
static bool pump(struct worker *w, struct udp_splice *u, int from)
{
	struct batch b;
	int rc, calls;

	for (calls = 0; u->readable[from]; calls++) {
		if (calls == TURN_CALLS) {
			flow_dirty(w, &u->f);
			break;
		}
		rc = receive(w, u, from, &b);
		if (rc == -EAGAIN) {
			u->readable[from] = false;
		} else if (rc < 0) {
			if (!refused(w, u, from, -rc))
				return false;
		} else if (!pass_on(w, u, from, &b)) {
			return false;
		}
	}
	return true;
}

void udp_splice_flow_work(struct worker *w, struct flow *f)
{
	struct udp_splice *u = splice_of(f);

	if (pump(w, u, NEAR))
		pump(w, u, FAR);
}

/* Errors come with the next call that receives */
void udp_splice_event(struct worker *w, union tag tag, uint32_t events)
{
	struct flow *f = flow_by_tag(w, tag);

	(void)events;
	if (!f)
		return;
	splice_of(f)->readable[tag.kind == EV_UDP_SPLICE ? NEAR : FAR] = true;
	flow_dirty(w, f);
}

void udp_splice_flow_timer(struct worker *w, struct flow *f)
{
	release(w, splice_of(f));
}
