/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram_to_guest.c - datagrams from sockets to the guest
 *
 * The link lends slots, recvmmsg() fills them, headers go in front. Behind the room
 * of each message lies spill memory, so that no datagram is ever truncated.
 *
 * With LINK_TX_USO the guest gets trains, many datagrams of one size in one frame,
 * in two ways. A train that came as such (UDP_GRO) fills a slot. Where datagrams
 * come one by one, as from senders on this host, those of the size seen last are
 * received one behind the other in one slot: if they are what was expected, the
 * slot is a train.
 *
 * What exceeds the guest's MTU, or is not what was expected, and all that follows
 * it in the batch, so that the order is kept, is moved to the spill memory and goes
 * out in frames of its own (dgram_cut.c) when the slots are given back.
 *
 * Called by udp.c and icmp.c. RFC 768, 791, 792, 1122 (3.2, 4.1), 4443, 8085.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "conf.h"
#include "dgram.h"
#include "dgram_int.h"
#include "fwd.h"
#include "util.h"

enum {
	MTU_UNSET = 1500,		/* the guest's own default */
	MTU_LEAST = 68,			/* whatever was asked for: RFC 791, 3.2 */
	TURN_BYTES = 512 * 1024,	/* budgets of a flow in a turn */
	TURN_CALLS = 16,
	EXPECT_MIN = 8,			/* datagrams at once */
	UDP_CSUM_AT = 6, ICMP_CSUM_AT = 2,
};

/* One call of recvmmsg(): message i begins slot i / per if i % per is 0 */
struct batch {
	struct slot *slots;
	int lent;			/* slots */
	int per;			/* messages in a slot */
	int n, got;			/* messages asked for and received */
	size_t size;			/* of a message, if there are several in a slot */
	uint64_t strangers;		/* bits: messages that are not the peer's */
	struct side peer;		/* as the guest sees it */
};

_Static_assert(DGRAM_BATCH <= 64, "a bit for each message");

static size_t guest_mtu(const struct worker *w)
{
	return w->cf->mtu ? MAX(w->cf->mtu, (unsigned)MTU_LEAST) : MTU_UNSET;
}

static uint8_t *l4_of(const struct slot *s)
{
	return (uint8_t *)s->hdr.iov_base + s->hdr.iov_len - DGRAM_HLEN;
}

/* What to ask the link and the socket for; false: the link has no room */
static bool reserve(struct worker *w, struct dgram *d, struct batch *b)
{
	bool uso = w->link->caps & LINK_TX_USO, single = d->any_peer || !dgram_is_udp(d);
	size_t hlen = pkt_l3len(&d->f.guest.addr) + DGRAM_HLEN;
	size_t room = uso ? w->link->gso_max - hlen : guest_mtu(w);

	*b = (struct batch){ .slots = w->scratch->slots, .per = 1 };
	b->n = single ? 1 : MAX(d->expect, EXPECT_MIN);
	if (uso && !single && d->expect_size) {
		b->size = d->expect_size;
		b->per = MIN(room / b->size, SOCK_SEGS_MAX);
	}
	b->lent = w->link->ops->tx_reserve(w->link, b->slots,
					   (b->n + b->per - 1) / b->per, hlen, room);
	if (b->lent <= 0) {
		w->link_stuck = true;
		flow_dirty(w, &d->f);
		return false;
	}
	b->n = MIN(b->n, b->lent * b->per);
	return true;
}

/* Room for message @i: part @data of a slot, then spill memory; echo messages bring
 * their header along. Fragments used, or -EMSGSIZE.
 */
static int put_message(struct worker *w, const struct dgram *d, const struct batch *b,
		       int i, const struct span *data, struct iovec *iov, int max)
{
	struct dgram_state *x = w->dgram;
	const struct slot *s = &b->slots[i / b->per];
	int rc, used = 0;

	if (max < 3)
		return -EMSGSIZE;
	if (!dgram_is_udp(d))
		iov[used++] = (struct iovec){ l4_of(s), DGRAM_HLEN };
	rc = span_iov(data, iov + used, max - used - 1);
	if (rc < 0)
		return rc;
	used += rc;
	iov[used++] = (struct iovec){ x->spill[i], DGRAM_SPILL };
	x->mm[i].msg_hdr = (struct msghdr){
		.msg_iov = iov, .msg_iovlen = used,
		.msg_control = x->ctl[i].buf,
		.msg_controllen = sizeof(x->ctl[i].buf),
		.msg_name = &x->names[i],
		.msg_namelen = sizeof(x->names[i]),
	};
	return used;
}

static void prepare(struct worker *w, const struct dgram *d, struct batch *b)
{
	const int max = NELEM(w->scratch->iov);
	struct iovec *iov = w->scratch->iov;
	struct span room = { 0 }, part;
	int i, rc, used = 0;

	for (i = 0; i < b->n; i++) {
		const struct slot *s = &b->slots[i / b->per];

		if (i % b->per == 0)
			room = span_over(s->data, s->ndata);
		part = b->per > 1 ? span_cut(&room, b->size) : room;
		rc = put_message(w, d, b, i, &part, iov + used, max - used);
		if (rc < 0)
			break;
		used += rc;
	}
	b->n = i;
}

/* Those for which the kernel had chosen this socket before it was connected */
static uint64_t find_strangers(struct worker *w, const struct dgram *d, int n)
{
	uint64_t found = 0;
	int i;

	if (!dgram_is_udp(d) || d->any_peer)
		return 0;
	for (i = 0; i < n; i++) {
		struct side from = sock_side(&w->dgram->names[i]);

		if (likely(side_eq(&from, &d->remote)))
			continue;
		found |= 1ULL << i;
		w->stats.drop[DROP_ADDR]++;
	}
	return found;
}

static bool is_stranger(const struct batch *b, int i)
{
	return unlikely(b->strangers >> i & 1);
}

/* Who sent what was received, as the guest sees it. False: nobody that it talks to. */
static bool who_sent(struct worker *w, const struct dgram *d, struct side *peer)
{
	struct side from;

	*peer = d->f.seen;
	if (dgram_is_udp(d) && !d->any_peer)
		return true;
	from = sock_side(&w->dgram->names[0]);
	if (d->any_peer) {
		*peer = (struct side){ fwd_show(w->cf, &w->guest, &from.addr),
				       from.port };
		return !addr_is_any(&peer->addr) && from.port;
	}
	/* Ping sockets get any answer with their identifier */
	return addr_eq(&from.addr, &d->remote.addr) &&
	       w->dgram->mm[0].msg_len >= DGRAM_HLEN;
}

static size_t payload_of(const struct worker *w, const struct dgram *d, int i)
{
	return w->dgram->mm[i].msg_len - (dgram_is_udp(d) ? 0 : DGRAM_HLEN);
}

/* Payload bytes of each datagram of message @i */
static size_t segment_of(const struct worker *w, const struct dgram *d, int i)
{
	size_t len = payload_of(w, d, i), gso = w->dgram->meta[i].gso_size;

	return gso && gso < len ? gso : len;
}

/* How many messages, from @i on, make up the frame of their slot? 0: none */
static int frame_of(const struct worker *w, const struct dgram *d, const struct batch *b,
		    int i)
{
	const struct sock_meta *meta = w->dgram->meta;
	size_t seg = segment_of(w, d, i), len = payload_of(w, d, i);
	size_t room = w->link->gso_max - b->slots->hdr.iov_len;
	int k, max = MIN(b->per, b->got - i);

	if (is_stranger(b, i) || !cut_fits(&b->peer.addr, guest_mtu(w), seg) ||
	    (seg < len && len > room))
		return 0;
	if (b->per == 1)
		return 1;
	if (len > b->size || seg < len)
		return 0;
	for (k = 1; k < max && len == b->size; k++) {
		len = payload_of(w, d, i + k);
		if (!len || len > b->size || meta[i + k].ttl != meta[i].ttl ||
		    meta[i + k].tos != meta[i].tos || meta[i + k].gso_size ||
		    is_stranger(b, i + k))
			break;
	}
	return k;
}

static struct l3 l3_of(const struct worker *w, const struct dgram *d,
		       const struct batch *b, int i)
{
	const struct sock_meta *meta = &w->dgram->meta[i];

	return (struct l3){
		.smac = w->cf->our_mac, .dmac = w->guest.mac,
		.src = &b->peer.addr, .dst = &d->f.guest.addr, .proto = d->f.proto,
		.ttl = meta->ttl ? meta->ttl : DGRAM_TTL, .tos = meta->tos,
	};
}

static void put_l4(const struct dgram *d, const struct batch *b, uint8_t *l4, size_t len)
{
	uint16_t id = htons(d->f.guest.port), zero = 0;

	if (dgram_is_udp(d)) {
		pkt_put_udp(l4, b->peer.port, d->f.guest.port, len);
	} else {
		memcpy(l4 + ICMP_CSUM_AT, &zero, sizeof(zero));
		memcpy(l4 + 4, &id, sizeof(id));
	}
}

/* Make slot @s a frame of the @k messages from @i on */
static void put_frame(struct worker *w, const struct dgram *d, const struct batch *b,
		      int i, int k, struct slot *s)
{
	struct l3 l3 = l3_of(w, d, b, i);
	size_t seg = segment_of(w, d, i);

	s->len = (k - 1) * seg + payload_of(w, d, i + k - 1);
	put_l4(d, b, l4_of(s), s->len);
	pkt_put_l3(s->hdr.iov_base, &l3, DGRAM_HLEN + s->len);
	pkt_csum_l4(s, &l3, dgram_is_udp(d) ? UDP_CSUM_AT : ICMP_CSUM_AT,
		    w->link->caps & LINK_TX_CSUM);
	if (seg < s->len) {
		s->off.gso_type = GSO_UDP;
		s->off.gso_size = seg;
	}
}

/* The payload of message @i, @len bytes, to its spill memory in one piece */
static void gather(struct worker *w, const struct dgram *d, int i, size_t len)
{
	const struct msghdr *m = &w->dgram->mm[i].msg_hdr;
	int first = dgram_is_udp(d) ? 0 : 1, last = m->msg_iovlen - 1, j;
	uint8_t *to = w->dgram->spill[i];
	size_t at = 0, room = 0;

	for (j = first; j < last; j++)
		room += m->msg_iov[j].iov_len;
	if (len > room)
		memmove(to + room, to, len - room);
	for (j = first; j < last && at < len; j++) {
		size_t n = MIN(m->msg_iov[j].iov_len, len - at);

		memcpy(to + at, m->msg_iov[j].iov_base, n);
		at += n;
	}
}

/* Keep message @i, to be cut when the slots are given back */
static void keep(struct worker *w, const struct dgram *d, const struct batch *b, int i)
{
	struct dgram_state *x = w->dgram;
	size_t len = payload_of(w, d, i), seg = segment_of(w, d, i);
	struct l3 l3 = l3_of(w, d, b, i);
	uint8_t hdr[DGRAM_HLEN];

	if (!dgram_is_udp(d))
		memcpy(hdr, l4_of(&b->slots[i]), sizeof(hdr));
	put_l4(d, b, hdr, len);
	gather(w, d, i, len);
	cut_start(&x->cuts[i], &l3, guest_mtu(w), x->frag_id, hdr, x->spill[i], len, seg);
	x->frag_id += seg ? len / seg + 1 : 1;
}

static void count_commit(struct worker *w, int sent, int n)
{
	w->stats.tx_frames += MAX(sent, 0);
	w->stats.drop[DROP_LINK] += n - MAX(sent, 0);
}

/* All frames of a message that was kept */
static void send_kept(struct worker *w, struct cut *c)
{
	const struct link_ops *ops = w->link->ops;
	struct slot *s = w->scratch->slots;
	size_t hlen = pkt_l3len(c->l3.src) + DGRAM_HLEN;
	int i, n;

	do {
		n = ops->tx_reserve(w->link, s, LINK_BATCH, hlen, cut_room(c));
		if (n <= 0) {
			w->link_stuck = true;
			w->stats.drop[DROP_LINK]++;
			return;
		}
		for (i = 0; i < n && cut_next(c, &s[i]); i++)
			;
		count_commit(w, ops->tx_commit(w->link, s, i, n), i);
	} while (i == n);
}

/* Send what was received */
static void pass_on(struct worker *w, const struct dgram *d, const struct batch *b)
{
	struct dgram_state *x = w->dgram;
	int i, j, k, sent, used = 0;

	for (i = 0; i < b->got; i++)
		x->meta[i] = sock_dgram_meta(&x->mm[i].msg_hdr);
	for (i = 0; i < b->got && i % b->per == 0; i += k) {
		k = frame_of(w, d, b, i);
		if (!k)
			break;
		put_frame(w, d, b, i, k, &b->slots[used++]);
	}
	for (j = i; j < b->got; j++) {
		if (!is_stranger(b, j))
			keep(w, d, b, j);
	}
	sent = w->link->ops->tx_commit(w->link, b->slots, used, b->lent);
	count_commit(w, sent, used);
	for (j = i; j < b->got; j++) {
		if (!is_stranger(b, j))
			send_kept(w, &x->cuts[j]);
	}
}

void dgram_pass(struct worker *w, struct dgram *d, size_t len)
{
	struct dgram_state *x = w->dgram;
	struct batch b = { .peer = d->f.seen };

	x->mm[0].msg_len = len;
	x->mm[0].msg_hdr = (struct msghdr){ .msg_iovlen = 1 };
	x->meta[0] = (struct sock_meta){ 0 };
	keep(w, d, &b, 0);
	send_kept(w, &x->cuts[0]);
}

/* The next batch will be like this one: as many, and of the same size if all were */
static void expect(const struct worker *w, struct dgram *d, const struct batch *b)
{
	size_t len = payload_of(w, d, 0);
	int i;

	d->expect = MIN(2 * b->got, DGRAM_BATCH);
	if (b->got == 1 && b->size && len <= b->size)
		return;
	d->expect_size = 0;
	for (i = 0; i < b->got; i++) {
		if (payload_of(w, d, i) != len || w->dgram->meta[i].gso_size)
			return;
	}
	if (b->got > 1 && cut_fits(&d->f.seen.addr, guest_mtu(w), len))
		d->expect_size = len;
}

/* One batch. Bytes passed on; 0: nothing more for now */
static size_t receive(struct worker *w, struct dgram *d, int *count)
{
	struct batch b;
	size_t bytes = 1;
	int i;

	if (!reserve(w, d, &b))
		return 0;
	prepare(w, d, &b);
	b.got = sock_dgram_recv(d->f.fd, w->dgram->mm, b.n);
	if (b.got <= 0 || !who_sent(w, d, &b.peer)) {
		w->link->ops->tx_commit(w->link, b.slots, 0, b.lent);
		d->readable = b.got != -EAGAIN;
		return d->readable;
	}
	d->readable = b.got == b.n;	/* else the queue was seen empty */
	b.strangers = find_strangers(w, d, b.got);
	for (i = 0; i < b.got; i++)
		bytes += w->dgram->mm[i].msg_len;
	pass_on(w, d, &b);
	expect(w, d, &b);
	*count += b.got;
	return bytes;
}

int dgram_to_guest(struct worker *w, struct dgram *d)
{
	size_t bytes = 0, some;
	int count = 0, calls = 0;

	while (d->readable) {
		if (bytes >= TURN_BYTES || calls++ == TURN_CALLS) {
			flow_dirty(w, &d->f);
			break;
		}
		some = receive(w, d, &count);
		if (!some)
			break;
		bytes += some;
	}
	d->got += count;
	return count;
}
