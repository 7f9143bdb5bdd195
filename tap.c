/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap.c - guest -> protocols: fetch a batch, parse, group by flow, hand up
 *
 * Packets of one flow keep their order and come to its protocol as one run, however
 * they were mixed with others on the link. The services' answers leave from here.
 */
#include "tap.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <sys/epoll.h>

#include "arp.h"
#include "conf.h"
#include "dhcp.h"
#include "dhcpv6.h"
#include "frag.h"
#include "icmp.h"
#include "link.h"
#include "log.h"
#include "ndp.h"
#include "pkt.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"
#include "worker.h"

enum {
	FRAME_MAX = 1514,		/* of a service's answer */
	LOOK_MAX = 16384,		/* frames: more than any link queues */
	PORT_DHCP = 67, PORT_DHCPV6 = 547,
	ND_FIRST = 133, ND_SOLICIT = 135, ND_LAST = 137,	/* RFC 4861, 4 */
};

typedef size_t reply_fn(const struct conf *cf, const struct guest *g,
			const struct pkt *p, uint8_t *out, size_t max);

static void send_frame(struct worker *w, const uint8_t *frame, size_t len)
{
	const struct link_ops *ops = w->link->ops;
	size_t done = ETH_HLEN_, n;
	struct slot s;
	int i;

	if (len <= ETH_HLEN_)
		return;
	if (ops->tx_reserve(w->link, &s, 1, ETH_HLEN_, len - ETH_HLEN_) <= 0) {
		w->stats.drop[DROP_LINK]++;
		return;
	}
	memcpy(s.hdr.iov_base, frame, ETH_HLEN_);
	for (i = 0; i < s.ndata && done < len; i++, done += n) {
		n = MIN(s.data[i].iov_len, len - done);
		memcpy(s.data[i].iov_base, frame + done, n);
	}
	s.len = len - ETH_HLEN_;
	s.off.csum_ok = true;
	if (ops->tx_commit(w->link, &s, 1, 1) == 1)
		w->stats.tx_frames++;
	else
		w->stats.drop[DROP_LINK]++;
}

/* Was there an answer? */
static bool answer(struct worker *w, const struct pkt *p, bool off, reply_fn *fn)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	if (off) {
		w->stats.drop[DROP_DISABLED]++;
		return false;
	}
	len = fn(w->cf, &w->guest, p, frame, sizeof(frame));
	send_frame(w, frame, len);
	return len;
}

void tap_probe(struct worker *w)
{
	uint8_t frame[FRAME_MAX];

	if (w->cf->net[V4].enabled)
		send_frame(w, frame, arp_probe(w->cf, &w->guest, frame, sizeof(frame)));
	if (w->cf->net[V6].enabled) {
		send_frame(w, frame, ndp_probe(w->cf, &w->guest, frame, sizeof(frame)));
		send_frame(w, frame, ndp_call(w->cf, frame, sizeof(frame)));
	}
}

void tap_announce(struct worker *w)
{
	uint8_t frame[FRAME_MAX];

	send_frame(w, frame, ndp_ra(w->cf, frame, sizeof(frame)));
}

/* Note what the guest shows of itself; -a fixes the IPv4 address. One that asks whether
 * anybody else has an address (RFC 4862, 5.4) is going to use it.
 */
static void learn(struct worker *w, const struct pkt *p)
{
	const struct addr *a = &p->src.addr;
	struct guest *g = &w->guest;
	struct addr claimed = { 0 };

	if (!(p->smac[0] & 1))
		memcpy(g->mac, p->smac, sizeof(g->mac));
	if (p->ethertype == ETH_P_ARP) {
		g->ready[V4] |= arp_shows_guest(p);
		return;
	}
	if (addr_is_any(a) && p->proto == IPPROTO_ICMPV6 && p->icmp.type == ND_SOLICIT) {
		span_peek(p->data, claimed.b, sizeof(claimed.b));
		a = &claimed;
	}
	if (!addr_is_unicast(a))
		return;
	g->ready[addr_ver(a)] |= a != &claimed && !addr_is_linklocal(a);
	if (addr_is4(a) && !w->cf->net[V4].addr_set)
		g->seen[V4] = *a;
	else if (!addr_is4(a) && addr_is_linklocal(a))
		g->seen_ll = *a;
	else if (!addr_is4(a))
		g->seen[V6] = *a;
}

/* The guest is about to use the address that it is told */
static void dhcpv6_input(struct worker *w, const struct pkt *p)
{
	if (answer(w, p, w->cf->no_dhcpv6, dhcpv6_reply))
		w->guest.seen[V6] = w->cf->net[V6].addr;
}

static void udp_input(struct worker *w, const struct pkt *p, int n)
{
	const struct conf *cf = w->cf;
	bool v4 = addr_is4(&p->dst.addr);
	int i;

	if (v4 && p->dst.port == PORT_DHCP)
		for (i = 0; i < n; i++)
			answer(w, &p[i], cf->no_dhcp, dhcp_reply);
	else if (!v4 && p->dst.port == PORT_DHCPV6 && addr_is_multicast(&p->dst.addr))
		for (i = 0; i < n; i++)
			dhcpv6_input(w, &p[i]);
	else if (cf->no_udp)
		w->stats.drop[DROP_DISABLED] += n;
	else
		udp_from_guest(w, p, n);
}

static void icmp_input(struct worker *w, const struct pkt *p)
{
	if (p->proto == IPPROTO_ICMPV6 && p->icmp.type >= ND_FIRST &&
	    p->icmp.type <= ND_LAST)
		answer(w, p, w->cf->no_ndp, ndp_reply);
	else if (w->cf->no_icmp)
		w->stats.drop[DROP_DISABLED]++;
	else
		icmp_from_guest(w, p, 1);
}

/* A run of packets of one flow */
static void input(struct worker *w, const struct pkt *p, int n)
{
	if (p->ethertype == ETH_P_ARP)
		answer(w, p, !w->cf->net[V4].enabled, arp_reply);
	else if (!w->cf->net[addr_ver(&p->src.addr)].enabled)
		w->stats.drop[DROP_DISABLED] += n;
	else if (p->proto == IPPROTO_TCP && !w->cf->no_tcp)
		tcp_from_guest(w, p, n);
	else if (p->proto == IPPROTO_UDP)
		udp_input(w, p, n);
	else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		icmp_input(w, p);
	else
		w->stats.drop[DROP_PROTO] += n;
}

static bool same_tcp_flow(const struct pkt *p, const struct pkt *q)
{
	return p->src.port == q->src.port && p->dst.port == q->dst.port &&
	       p->proto == q->proto && addr_eq(&p->src.addr, &q->src.addr) &&
	       addr_eq(&p->dst.addr, &q->dst.addr);
}

/* Hand up @p, @n packets in a row of one flow, and with them those of the same
 * connection among the @left that follow; these are marked by an ethertype of 0.
 */
static void input_all(struct worker *w, struct pkt *p, int n, int left)
{
	struct pkt *run = w->scratch->run;
	int i, more = 0;

	for (i = n; i < left && p->proto == IPPROTO_TCP; i++) {
		if (!same_tcp_flow(p, &p[i]))
			continue;
		if (!more)
			memcpy(run, p, n * sizeof(*p));
		run[n + more++] = p[i];
		p[i].ethertype = 0;
		p[i].proto = 0;
	}
	input(w, more ? run : p, n + more);
}

/* A fragment may be what its datagram was waiting for, or wait itself: no drop yet */
static enum drop parse(struct worker *w, struct pkt *p, const struct frame *f)
{
	enum drop why = pkt_parse(p, f);
	struct frame whole;

	if (why == DROP_FRAGMENT) {
		if (!frags_take(w->frags, f, w->now, &whole, &w->stats.drop[why]))
			return why;
		why = pkt_parse(p, &whole);
	}
	w->stats.drop[why]++;			/* [DROP_NONE] counts the good */
	return why;
}

static int receive(struct worker *w, int max)
{
	const struct link_ops *ops = w->link->ops;
	struct scratch *b = w->scratch;
	int i, run, got = 0, n = ops->rx(w->link, b->frames, max);

	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		enum drop why = parse(w, &b->pkts[got], &b->frames[i]);

		if (why == DROP_NONE)
			learn(w, &b->pkts[got++]);
		else if (why != DROP_FRAGMENT)
			log_limited(&w->log_tokens, w->now, LOG_DBG,
				    "frame of %u bytes from the guest dropped: %s",
				    b->frames[i].l2.left, drop_name(why));
	}
	w->stats.rx_frames += n;
	for (i = 0; i < got; i += run) {
		run = pkt_same_flow(&b->pkts[i], got - i);
		if (b->pkts[i].ethertype)	/* else it went with an earlier one */
			input_all(w, &b->pkts[i], run, got - i);
	}
	ops->rx_done(w->link, n);
	frags_done(w->frags);
	return n;
}

int tap_watch(struct worker *w)
{
	w->link_out = false;
	return loop_add(&w->loop, w->link->fd, EPOLLIN, (union tag){ .kind = EV_LINK });
}

/* Wait for the link to be writable while it is stuck */
static void watch_out(struct worker *w)
{
	uint32_t events = EPOLLIN | (w->link_stuck ? (uint32_t)EPOLLOUT : 0);

	if (w->link_out == w->link_stuck)
		return;
	w->link_out = w->link_stuck;
	loop_mod(&w->loop, w->link->fd, events, (union tag){ .kind = EV_LINK });
}

void tap_flush(struct worker *w)
{
	const struct link_ops *ops;

	if (!w->link || w->link->fd < 0)
		return;
	ops = w->link->ops;
	if (ops->tx_flush && !ops->tx_flush(w->link))
		w->link_stuck = true;
	watch_out(w);
}

bool tap_answers(struct worker *w)
{
	bool look = w->link_asked && w->link->caps & LINK_SYNC;

	w->link_asked = false;
	return look && receive(w, 1) > 0;
}

static void link_gone(struct worker *w, int err)
{
	log_info("guest link is gone (%s)", strerror(err));
	loop_del(&w->loop, w->link->fd);
	w->link_gone = true;
}

void tap_event(struct worker *w, union tag tag, uint32_t events)
{
	const struct link_ops *ops = w->link->ops;
	int rc = 0;

	(void)tag;
	if (events & EPOLLOUT)
		w->link_stuck = ops->tx_flush && !ops->tx_flush(w->link);
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
		do
			rc = receive(w, NELEM(w->scratch->frames));
		while (rc >= 0 && w->link->more);
	}
	if (rc < 0)
		link_gone(w, -rc);
}

void tap_look(struct worker *w)
{
	int rc, n = 0;

	if (!w->link_look || w->link_stuck || w->link_gone)
		return;
	w->link_look = false;
	do {
		rc = receive(w, NELEM(w->scratch->frames));
		n += rc;
	} while (rc > 0 && n < LOOK_MAX);
	if (rc < 0)
		link_gone(w, -rc);
}
