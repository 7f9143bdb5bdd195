/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp_err.c - errors of the network and of this host, as ICMP to the guest
 *
 * The error queue of a socket gives type, code and sender of an ICMP error and what
 * was quoted of the payload, but no headers. These are rebuilt as the guest sent
 * them, from what was noted when it did, so that the guest's kernel finds the
 * socket and traceroute finds its probe. Errors that arise on this host (no
 * route, too big) get the type that a router would have used.
 *
 * Called by the datagram protocols and, where a connection can't be made, by tcp.c. RFC 792,
 * 1122 (3.2.2), 1191, 1812 (4.3.2), 4443, 8201.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "conf.h"
#include "csum.h"
#include "icmp_err.h"
#include "sock.h"
#include "util.h"
#include "worker.h"

enum {
	ICMP_HLEN = 8, TTL = 64,
	IP4_HLEN = 20, IP6_HLEN = 40,
	MAX4 = 576, MAX6 = 1280,	/* whole error: RFC 1812, RFC 4443 */
	QUOTE_MAX = MAX6 - IP6_HLEN - ICMP_HLEN,
};

/* Headers on the wire, as far as they are quoted */
struct error {
	uint8_t type, code;
	uint32_t info;			/* network byte order */
	uint8_t quote[QUOTE_MAX];
	size_t len;
};

void icmp_err_note(struct quote *q, const struct pkt *p)
{
	span_peek(p->l3, q->ip, sizeof(q->ip));
	span_peek(p->l4, q->l4, sizeof(q->l4));
	q->proto = p->proto;
	q->ttl = p->ttl;
	if (p->proto == IPPROTO_UDP && p->off.csum_partial)	/* never was on a wire */
		q->l4[6] = q->l4[7] = 0;
}

static size_t quote_ip4(uint8_t *to, const struct icmp_err *e)
{
	uint32_t src = addr_to4(&e->guest->addr), dst = addr_to4(&e->seen->addr);
	uint16_t csum;

	memset(to, 0, IP4_HLEN);
	memcpy(to, e->quote->ip, sizeof(e->quote->ip));
	to[0] = 0x45;			/* options are not kept */
	to[8] = e->quote->ttl;
	to[9] = e->quote->proto;
	memcpy(to + 12, &src, sizeof(src));
	memcpy(to + 16, &dst, sizeof(dst));
	csum = csum_final(csum_add(0, to, IP4_HLEN));
	memcpy(to + 10, &csum, sizeof(csum));
	return IP4_HLEN;
}

static size_t quote_ip6(uint8_t *to, const struct icmp_err *e)
{
	memcpy(to, e->quote->ip, sizeof(e->quote->ip));
	to[6] = e->quote->proto;	/* nor are extension headers */
	to[7] = e->quote->ttl;
	memcpy(to + 8, e->guest->addr.b, sizeof(e->guest->addr.b));
	memcpy(to + 24, e->seen->addr.b, sizeof(e->seen->addr.b));
	return IP6_HLEN;
}

/* All that is known of the datagram, as far as it may be quoted */
static void put_quote(struct error *x, const struct icmp_err *e)
{
	bool is4 = addr_is4(&e->seen->addr);
	size_t max = is4 ? MAX4 - IP4_HLEN - ICMP_HLEN : QUOTE_MAX;

	x->len = (is4 ? quote_ip4 : quote_ip6)(x->quote, e);
	memcpy(x->quote + x->len, e->quote->l4, sizeof(e->quote->l4));
	x->len += sizeof(e->quote->l4);
	max = MIN(max - x->len, e->len);
	memcpy(x->quote + x->len, e->payload, max);
	x->len += max;
}

/* A router says "too big" only of what it may not fragment: a guest that would not
 * mind learns nothing
 */
static bool type4(struct error *x, const struct icmp_err *e, const struct sock_err *se)
{
	x->type = ICMP_DEST_UNREACH;
	x->code = se->err == ENETUNREACH ? ICMP_NET_UNREACH :
		  se->err == EACCES || se->err == EPERM ? ICMP_PKT_FILTERED :
							  ICMP_HOST_UNREACH;
	if (se->icmp) {
		x->type = se->type;
		x->code = se->code;
	} else if (se->err == EMSGSIZE) {
		x->code = ICMP_FRAG_NEEDED;
	}

	switch (x->type) {
	case ICMP_DEST_UNREACH:
		if (x->code != ICMP_FRAG_NEEDED)
			return true;
		x->info = htonl(se->info & 0xffff);
		return icmp_err_noted_df(e->quote);
	case ICMP_PARAMETERPROB:
		x->info = htonl(se->info << 24);
		return true;
	default:
		return x->type == ICMP_TIME_EXCEEDED;
	}
}

static bool type6(struct error *x, const struct sock_err *se)
{
	x->type = ICMP6_DST_UNREACH;
	x->code = se->err == ENETUNREACH ? ICMP6_DST_UNREACH_NOROUTE :
		  se->err == EACCES || se->err == EPERM ? ICMP6_DST_UNREACH_ADMIN :
							  ICMP6_DST_UNREACH_ADDR;
	if (se->icmp) {
		x->type = se->type;
		x->code = se->code;
	} else if (se->err == EMSGSIZE) {
		x->type = ICMP6_PACKET_TOO_BIG;
		x->code = 0;
	}
	if (x->type == ICMP6_PACKET_TOO_BIG || x->type == ICMP6_PARAM_PROB)
		x->info = htonl(se->info);
	return x->type == ICMP6_DST_UNREACH || x->type == ICMP6_TIME_EXCEEDED ||
	       x->type == ICMP6_PACKET_TOO_BIG || x->type == ICMP6_PARAM_PROB;
}

/* As much of the quote as the slot has room for goes to its payload */
static void put_slot(struct slot *s, const struct error *x)
{
	int i;

	for (i = 0; i < s->ndata && s->len < x->len; i++) {
		size_t n = MIN(s->data[i].iov_len, x->len - s->len);

		memcpy(s->data[i].iov_base, x->quote + s->len, n);
		s->len += n;
	}
}

static void send_error(struct worker *w, const struct icmp_err *e, const struct error *x)
{
	const struct link_ops *ops = w->link->ops;
	struct l3 l3 = {
		.smac = w->cf->our_mac, .dmac = w->guest.mac,
		.src = &e->from, .dst = &e->guest->addr,
		.proto = addr_is4(&e->from) ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.ttl = TTL,
	};
	uint8_t h[ICMP_HLEN] = { x->type, x->code };
	struct slot s;
	int sent;

	if (ops->tx_reserve(w->link, &s, 1, pkt_l3len(l3.src) + ICMP_HLEN, x->len) < 1) {
		w->stats.drop[DROP_LINK]++;
		return;
	}
	put_slot(&s, x);
	memcpy(h + 4, &x->info, sizeof(x->info));
	memcpy(pkt_put_l3(s.hdr.iov_base, &l3, ICMP_HLEN + s.len), h, sizeof(h));
	pkt_csum_l4(&s, &l3, 2, false);
	sent = ops->tx_commit(w->link, &s, 1, 1);
	w->stats.drop[DROP_LINK] += sent != 1;
	w->stats.tx_frames += sent == 1;
}

void icmp_err_send(struct worker *w, const struct icmp_err *e,
		   const struct sock_err *se)
{
	struct error x;
	bool is4 = addr_is4(&e->seen->addr);

	x.info = 0;
	if (addr_is4(&e->from) != is4 || addr_is_any(&e->from))
		return;
	if (!(is4 ? type4(&x, e, se) : type6(&x, se)))
		return;
	put_quote(&x, e);
	send_error(w, e, &x);
}

static bool refuse(struct worker *w, const struct quote *q, const struct side *guest,
		   const struct side *seen, int err)
{
	struct sock_err se = { .err = -err };
	struct icmp_err e = {
		.quote = q, .guest = guest, .seen = seen, .payload = "",
		.from = w->cf->net[addr_ver(&seen->addr)].our,
	};

	switch (se.err) {
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
	case EPERM:
		break;
	default:
		return false;
	}
	if (addr_is_unicast(&guest->addr) && addr_is_unicast(&seen->addr))
		icmp_err_send(w, &e, &se);	/* RFC 1122, 3.2.2 */
	return true;
}

bool icmp_err_refuse(struct worker *w, const struct pkt *p, int err)
{
	struct quote q;

	icmp_err_note(&q, p);
	return refuse(w, &q, &p->src, &p->dst, err);
}

void icmp_err_refuse_syn(struct worker *w, const struct side *guest,
			 const struct side *seen, uint32_t seq, int err)
{
	uint16_t ports[] = { htons(guest->port), htons(seen->port) };
	struct quote q = { .proto = IPPROTO_TCP, .ttl = TTL };

	q.ip[0] = addr_is4(&seen->addr) ? 0x45 : 0x60;
	seq = htonl(seq);
	memcpy(q.l4, ports, sizeof(ports));
	memcpy(q.l4 + sizeof(ports), &seq, sizeof(seq));
	refuse(w, &q, guest, seen, err);
}
