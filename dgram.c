/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram.c - flows of datagrams: open, receive, report errors, close
 *
 * A flow's socket is connected to the peer, so that errors find it and strangers
 * don't. It is bound to the guest's port, which must be shared: one guest port may
 * talk to many peers. What arrived between bind() and connect() came from anybody and is thrown
 * away. Multicast and broadcast are answered from unicast addresses: there the
 * socket stays unconnected, and the guest sees who really answered.
 *
 * Receiving: the link lends slots, recvmmsg() fills them, headers go in front. Behind each
 * slot's room lies spill memory, so that no datagram is ever truncated. With
 * LINK_TX_USO a train of datagrams goes to the guest in one frame. What exceeds the guest's
 * MTU is moved to the spill memory and cut (dgram_cut.c): its first frame takes the
 * slot, the others follow in slots of their own.
 *
 * Called by udp.c and icmp.c. RFC 768, 792, 1122 (3.2, 4.1), 4443, 8085.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "dgram.h"
#include "dgram_int.h"
#include "fwd.h"
#include "util.h"

enum {
	TTL_DEFAULT = 64,
	MTU_UNSET = 1500,		/* the guest's own default */
	TURN_BYTES = 512 * 1024,	/* budgets of a flow in a turn */
	TURN_CALLS = 16,
	TURN_ERRORS = 64,
	TIMEOUT = 30, TIMEOUT_STREAM = 120,	/* s, if the host has no opinion */
	QUOTED_MAX = 1280,
};

static unsigned read_timeout(const char *path, unsigned otherwise)
{
	char buf[32];
	uint64_t v = 0;
	size_t len;

	if (read_file(path, buf, sizeof(buf)) < 0)
		return otherwise * 1000;
	len = strcspn(buf, "\n");
	buf[len] = '\0';
	if (parse_num(buf, 86400, &v) || !v)
		return otherwise * 1000;
	return v * 1000;
}

struct dgram_state *dgram_init(void)
{
	static struct dgram_state x;

	x.timeout = read_timeout("/proc/sys/net/netfilter/nf_conntrack_udp_timeout",
				 TIMEOUT);
	x.timeout_stream =
		read_timeout("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream",
			     TIMEOUT_STREAM);
	random_fill(&x.frag_id, sizeof(x.frag_id));
	return &x;
}

static size_t guest_mtu(const struct worker *w)
{
	return w->cf->mtu ? w->cf->mtu : MTU_UNSET;
}

static enum ipver ver_of(const struct flow *f)
{
	return addr_ver(&f->guest.addr);
}

static bool is_udp(const struct flow *f)
{
	return f->proto == IPPROTO_UDP;
}

/* To the guest's port, or to any if that is taken or not for us */
static int bind_port(struct worker *w, const struct dgram *d)
{
	const struct flow *f = &d->f;
	struct side at = { .port = f->guest.port };
	enum ipver v = ver_of(f);
	int rc;

	if (!addr_is_loopback(&f->remote.addr)) {
		rc = sock_bind_outbound(w->cf, f->fd, v, at.port);
		return rc ? sock_bind_outbound(w->cf, f->fd, v, 0) : 0;
	}
	at.addr = v == V4 ? addr_v4(htonl(INADDR_ANY)) : addr_v6(&in6addr_any);
	sock_bind(f->fd, &at, 0);
	return 0;
}

static int connect_peer(struct worker *w, struct dgram *d)
{
	const struct flow *f = &d->f;
	int rc = -EACCES;		/* what connect() says to broadcast */

	if (!d->any_peer)
		rc = sock_connect(f->fd, &f->remote,
				  w->cf->net[ver_of(f)].template_index);
	if (!rc) {
		sock_dgram_drain(f->fd);
		return 0;
	}
	if (rc != -EACCES || !is_udp(f))
		return rc;
	d->any_peer = true;
	return sock_opt(f->fd, SOL_SOCKET, SO_BROADCAST, 1);
}

/* Once, in words for those who can change it */
static void warn_ping(struct worker *w)
{
	if (w->dgram->ping_warned)
		return;
	w->dgram->ping_warned = true;
	log_warn("No echo for the guest: ping sockets are not allowed, "
		 "see net.ipv4.ping_group_range in icmp(7)");
}

/* A socket like the flow's; -errno leaves it to the caller to close it */
static int open_socket(struct worker *w, struct dgram *d, enum ev_kind kind)
{
	struct flow *f = &d->f;
	bool udp = is_udp(f);
	int rc;

	rc = sock_open(udp ? IPPROTO_UDP : IPPROTO_ICMP, ver_of(f));
	if (rc == -EACCES && !udp) {
		warn_ping(w);
		return -ENOTSUP;
	}
	if (rc < 0)
		return rc;
	f->fd = rc;

	rc = sock_dgram_setup(f->fd, ver_of(f));
	if (!rc && udp && !d->any_peer)
		rc = sock_opt(f->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (udp && w->link->caps & LINK_TX_USO)
		sock_dgram_gro(f->fd);	/* without it: one datagram at a time */
	if (!rc)
		rc = bind_port(w, d);
	if (!rc)
		rc = connect_peer(w, d);
	if (!rc)
		rc = loop_add(&w->loop, f->fd, EPOLLIN | EPOLLET,
			      flow_tag(w, f, kind));
	return rc;
}

static int open_flow(struct worker *w, enum flow_type type, const struct pkt *p,
		     struct dgram **out)
{
	struct side remote;
	struct dgram *d;
	int rc;

	rc = fwd_from_guest(w->cf, &w->guest, p->proto, &p->dst, &remote);
	if (rc < 0)
		return rc;
	d = dgram_of(flow_new(w, type, p->proto));
	if (!d)
		return -ENFILE;

	d->f.from_guest = true;
	d->f.guest = p->src;
	d->f.seen = p->dst;
	d->f.remote = remote;
	d->ttl = TTL_DEFAULT;
	d->train_max = UINT16_MAX;
	d->any_peer = addr_is_multicast(&remote.addr) ||
		      addr_is_broadcast(&remote.addr);
	rc = open_socket(w, d, is_udp(&d->f) ? EV_UDP : EV_ICMP);
	if (rc < 0) {
		dgram_close(w, d);
		return rc;
	}
	flow_hash(w, &d->f);
	w->stats.flows_opened++;
	*out = d;
	return 0;
}

/* Why can there be no flow? Tells the guest what it should know. */
static enum drop refused(struct worker *w, const struct pkt *p, int err)
{
	switch (-err) {
	case EAFNOSUPPORT:
		return DROP_DISABLED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
	case EPERM:
		icmp_err_refuse(w, p, err);
		return DROP_NOFLOW;
	case ENOTSUP:
		return DROP_SOCK;
	default:
		return DROP_FLOWS;
	}
}

struct dgram *dgram_from_guest(struct worker *w, enum flow_type type,
			       const struct pkt *p, int n)
{
	struct dgram *d = dgram_of(flow_find(w, p->proto, &p->src, &p->dst));
	int rc = 0;

	if (likely(d))
		return d;
	if (!addr_is_unicast(&p->src.addr)) {
		w->stats.drop[DROP_ADDR] += n;
		return NULL;
	}
	rc = open_flow(w, type, p, &d);
	if (!rc)
		return d;
	w->stats.drop[refused(w, p, rc)] += n;
	return NULL;
}

void dgram_mark(struct dgram *d, const struct pkt *p)
{
	enum ipver v = ver_of(&d->f);

	if (unlikely(p->ttl != d->ttl) && p->ttl) {
		bool multicast = addr_is_multicast(&d->f.remote.addr);

		if (!sock_dgram_ttl(d->f.fd, v, multicast, p->ttl))
			d->ttl = p->ttl;
	}
	if (unlikely(p->tos != d->tos) && !sock_dgram_tos(d->f.fd, v, p->tos))
		d->tos = p->tos;
	icmp_err_note(&d->quote, p);
}

/* One message per slot, behind it spill memory; echo messages bring their header along.
 * How many.
 */
static int prepare(struct worker *w, const struct dgram *d, const struct slot *s, int n)
{
	struct dgram_state *x = w->dgram;
	struct iovec *iov = w->scratch->iov;
	bool udp = is_udp(&d->f);
	int i, used = 0;

	for (i = 0; i < n; i++) {
		struct msghdr *m = &x->mm[i].msg_hdr;

		if (used + s[i].ndata + 2 > (int)NELEM(w->scratch->iov))
			break;
		*m = (struct msghdr){
			.msg_iov = iov + used,
			.msg_control = x->ctl[i].buf,
			.msg_controllen = sizeof(x->ctl[i].buf),
		};
		if (!udp)
			iov[used++] = (struct iovec){
				(char *)s[i].hdr.iov_base + s[i].hdr.iov_len -
				DGRAM_HLEN, DGRAM_HLEN };
		memcpy(iov + used, s[i].data, s[i].ndata * sizeof(*iov));
		used += s[i].ndata;
		iov[used++] = (struct iovec){ x->spill[i], DGRAM_SPILL };
		m->msg_iovlen = iov + used - m->msg_iov;
		if (n == 1) {
			m->msg_name = &x->name;
			m->msg_namelen = sizeof(x->name);
		}
	}
	return i;
}

/* Everything of the datagram in message @i to its spill memory, in one piece; @len bytes */
static void gather(struct dgram_state *x, int i, const struct slot *s, size_t len)
{
	uint8_t *to = x->spill[i];
	size_t at = 0, room = 0;
	int j;

	for (j = 0; j < s->ndata; j++)
		room += s->data[j].iov_len;
	if (len > room)
		memmove(to + room, to, len - room);
	for (j = 0; j < s->ndata && at < len; j++) {
		size_t n = MIN(s->data[j].iov_len, len - at);

		memcpy(to + at, s->data[j].iov_base, n);
		at += n;
	}
}

static void put_l4(const struct flow *f, const struct side *peer, uint8_t *l4, size_t len)
{
	uint16_t id = htons(f->guest.port), zero = 0;

	if (is_udp(f)) {
		pkt_put_udp(l4, peer->port, f->guest.port, len);
	} else {
		memcpy(l4 + 2, &zero, sizeof(zero));
		memcpy(l4 + 4, &id, sizeof(id));
	}
}

/* Headers for the received message @i in @s. A datagram that does not fit is cut: *@s
 * is its first frame.
 */
static void put_headers(struct worker *w, struct dgram *d, const struct side *peer,
			int i, struct slot *s)
{
	struct dgram_state *x = w->dgram;
	struct sock_meta meta = sock_dgram_meta(&x->mm[i].msg_hdr);
	size_t len = x->mm[i].msg_len - (is_udp(&d->f) ? 0 : DGRAM_HLEN);
	size_t seg = meta.gso_size && meta.gso_size < len ? meta.gso_size : len;
	size_t room = w->link->gso_max - s->hdr.iov_len, mtu = guest_mtu(w);
	uint8_t *l4 = (uint8_t *)s->hdr.iov_base + s->hdr.iov_len - DGRAM_HLEN;
	struct l3 l3 = {
		.smac = w->cf->our_mac, .dmac = w->guest.mac,
		.src = &peer->addr, .dst = &d->f.guest.addr, .proto = d->f.proto,
		.ttl = meta.ttl ? meta.ttl : TTL_DEFAULT, .tos = meta.tos,
	};
	uint8_t hdr[DGRAM_HLEN];

	put_l4(&d->f, peer, l4, len);
	if (unlikely(!cut_fits(l3.src, mtu, seg) || (seg < len && len > room))) {
		memcpy(hdr, l4, sizeof(hdr));
		gather(x, i, s, len);
		cut_start(&x->cuts[i], &l3, mtu, x->frag_id, hdr, x->spill[i],
			  len, seg);
		x->frag_id += len / seg + 1;
		cut_next(&x->cuts[i], s);
		return;
	}
	x->cuts[i].mtu = 0;
	s->len = len;
	pkt_put_l3(s->hdr.iov_base, &l3, DGRAM_HLEN + len);
	pkt_csum_l4(s, &l3, is_udp(&d->f) ? 6 : 2, w->link->caps & LINK_TX_CSUM);
	if (seg < len) {
		s->off.gso_type = GSO_UDP;
		s->off.gso_size = seg;
	}
}

static void count_commit(struct worker *w, int sent, int n)
{
	w->stats.tx_frames += MAX(sent, 0);
	w->stats.drop[DROP_LINK] += n - MAX(sent, 0);
}

/* The frames of a datagram that come after its first */
static void send_rest(struct worker *w, struct cut *c)
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

/* Who sent what was received, as the guest sees it. False: nobody that it talks to.
 * Only sockets that are read one message at a time ask for names.
 */
static bool who_sent(struct worker *w, const struct dgram *d, bool single,
		     struct side *peer)
{
	struct side from;

	*peer = d->f.seen;
	if (!single)
		return true;
	from = sock_side(&w->dgram->name);
	if (d->any_peer) {
		*peer = (struct side){ fwd_show(w->cf, &w->guest, &from.addr),
				       from.port };
		return !addr_is_any(&peer->addr) && from.port;
	}
	/* Ping sockets get any answer with their identifier */
	return addr_eq(&from.addr, &d->f.remote.addr) &&
	       w->dgram->mm[0].msg_len >= DGRAM_HLEN;
}

/* One batch. Bytes passed on; 0: nothing more for now */
static size_t receive(struct worker *w, struct dgram *d, int *count)
{
	const struct link_ops *ops = w->link->ops;
	struct dgram_state *x = w->dgram;
	struct slot *s = w->scratch->slots;
	bool single = d->any_peer || !is_udp(&d->f);
	size_t hlen = pkt_l3len(&d->f.guest.addr) + DGRAM_HLEN, bytes = 1;
	size_t room = w->link->caps & LINK_TX_USO ? w->link->gso_max - hlen :
						    guest_mtu(w);
	struct side peer;
	int i, n, got, lent;

	lent = ops->tx_reserve(w->link, s, single ? 1 : DGRAM_BATCH, hlen, room);
	if (lent <= 0) {
		w->link_stuck = true;
		flow_dirty(w, &d->f);
		return 0;
	}
	n = prepare(w, d, s, lent);
	got = sock_dgram_recv(d->f.fd, x->mm, n);
	if (got <= 0 || !who_sent(w, d, single, &peer)) {
		ops->tx_commit(w->link, s, 0, lent);
		d->readable = got != -EAGAIN;
		return d->readable;
	}
	d->readable = got == n;		/* else the queue was seen empty */
	for (i = 0; i < got; i++) {
		bytes += x->mm[i].msg_len;
		put_headers(w, d, &peer, i, &s[i]);
	}
	count_commit(w, ops->tx_commit(w->link, s, got, lent), got);
	for (i = 0; i < got; i++) {
		if (unlikely(x->cuts[i].mtu))
			send_rest(w, &x->cuts[i]);
	}
	*count += got;
	return bytes;
}

int dgram_to_guest(struct worker *w, struct dgram *d)
{
	size_t bytes = 0;
	int count = 0, calls = 0;

	while (d->readable) {
		size_t some;

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

static void tell_guest(struct worker *w, struct dgram *d, const struct sock_err *se,
		       const uint8_t *payload)
{
	const struct flow *f = &d->f;
	enum ipver v = ver_of(f);
	struct icmp_err e = {
		.quote = &d->quote, .guest = &f->guest, .seen = &f->seen,
		.payload = payload, .len = se->len,
	};

	if (addr_is_any(&se->from))
		e.from = w->cf->net[v].our;
	else if (addr_eq(&se->from, &f->remote.addr))
		e.from = f->seen.addr;
	else
		e.from = fwd_show(w->cf, &w->guest, &se->from);
	if (addr_is_any(&e.from))
		e.from = f->seen.addr;
	if (!is_udp(f)) {		/* the echo header is quoted as payload */
		if (se->len < DGRAM_HLEN)
			return;
		memcpy(d->quote.l4 + 6, payload + 6, 2);
		e.payload = payload + DGRAM_HLEN;
		e.len -= DGRAM_HLEN;
	}
	icmp_err_send(w, &e, se);
}

/* What is more than a turn's share, the loop reports again */
static void drain_errors(struct worker *w, struct dgram *d)
{
	uint8_t buf[QUOTED_MAX];
	struct sock_err se;
	int i;

	for (i = 0; i < TURN_ERRORS; i++) {
		if (sock_dgram_error(d->f.fd, &se, buf, sizeof(buf)))
			return;
		if (!addr_is_multicast(&d->f.remote.addr))
			tell_guest(w, d, &se, buf);
	}
	loop_mod(&w->loop, d->f.fd, EPOLLIN | EPOLLET,
		 flow_tag(w, &d->f, is_udp(&d->f) ? EV_UDP : EV_ICMP));
}

void dgram_event(struct worker *w, union tag tag, uint32_t events)
{
	struct dgram *d = dgram_of(flow_by_tag(w, tag));

	if (!d)
		return;
	if (unlikely(events & EPOLLERR))
		drain_errors(w, d);
	d->readable = true;
	flow_dirty(w, &d->f);
}

/* #syscalls close */
void dgram_close(struct worker *w, struct dgram *d)
{
	if (d->f.fd >= 0)
		close(d->f.fd);
	flow_free(w, &d->f);
}
