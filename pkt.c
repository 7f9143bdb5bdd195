/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkt.c - frame <=> struct pkt
 *
 * Parsing goes down the layers once. Each header is copied out of the frame and
 * judged in the copy; each layer narrows the span that the next one sees, so that
 * no length of an outer header is believed beyond what is there. Nothing is
 * kept of what the protocols do not decide on.
 *
 * TCP ends here, so a damaged segment must not reach a socket: checksums are
 * verified unless the other end of the link vouches for the frame (it never left
 * the machine) or has left the sum to us.
 *
 * Called by tap.c (parse) and by whatever sends frames to the guest (put).
 * RFC 791, 768, 792, 894, 1122, 4443, 8200, 9293.
 */
#include <errno.h>
#include <net/ethernet.h>

#include "csum.h"
#include "pkt.h"
#include "util.h"

/* Headers as on the wire, network byte order */
struct eth_wire {
	uint8_t dst[MAC_LEN], src[MAC_LEN];
	uint16_t type;
};

struct ip4_wire {
	uint8_t ver_ihl, tos;
	uint16_t len, id, frag;
	uint8_t ttl, proto;
	uint16_t csum;
	uint32_t src, dst;
};

struct ip6_wire {
	uint32_t ver_class_flow;
	uint16_t len;
	uint8_t next, hops, src[16], dst[16];
};

struct ext_wire {		/* what IPv6 extension headers have in common */
	uint8_t next, len;
	union {
		uint16_t frag;
		struct { uint8_t type, segs_left; } route;
	};
	uint32_t more;
};

struct tcp_wire {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t doff, flags;
	uint16_t wnd, csum, urg;
};

struct udp_wire { uint16_t sport, dport, len, csum; };

struct icmp_wire {
	uint8_t type, code;
	uint16_t csum, id, seq;
};

enum {
	IP4_DF = 0x4000, IP4_FRAGMENT = 0x3fff,	/* more fragments, offset */
	IP6_FRAGMENT = 0xfff9,			/* the same */
	IP4_OPTS_MAX = 40,
	EXT_MAX = 8,				/* IPv6 extension headers */
	ECHO4 = 8, ECHO6 = 128,
};

_Static_assert(sizeof(struct eth_wire) == ETH_HLEN_, "no padding");
_Static_assert(sizeof(struct ip4_wire) == 20 && sizeof(struct ip6_wire) == 40 &&
	       sizeof(struct tcp_wire) == 20 && sizeof(struct ext_wire) == 8,
	       "no padding");
_Static_assert(sizeof(struct pkt) == 192, "three cache lines");

const char *drop_name(enum drop why)
{
	static const char *const names[DROP_COUNT] = {
		[DROP_NONE] = "none",
		[DROP_SHORT] = "short",
		[DROP_HEADER] = "header",
		[DROP_ETHERTYPE] = "ethertype",
		[DROP_PROTO] = "protocol",
		[DROP_FRAGMENT] = "fragment",
		[DROP_ADDR] = "address",
		[DROP_OFFLOAD] = "offload",
		[DROP_CSUM] = "checksum",
		[DROP_DISABLED] = "disabled",
		[DROP_NOFLOW] = "no flow",
		[DROP_FLOWS] = "flow table",
		[DROP_SEQ] = "sequence",
		[DROP_POOL] = "pool",
		[DROP_SOCK] = "socket",
		[DROP_LINK] = "link",
	};

	return why < DROP_COUNT ? names[why] : "?";
}

/* Sum of an IPv4 header without options: too short to call csum_add() for */
static uint32_t ip4_sum(const struct ip4_wire *h)
{
	uint32_t w[5];

	memcpy(w, h, sizeof(w));
	return csum_reduce((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]);
}

static bool ip4_csum_good(const struct ip4_wire *h, struct span opts, size_t len)
{
	uint8_t o[IP4_OPTS_MAX];
	uint32_t sum = ip4_sum(h);

	if (unlikely(len)) {
		span_get(&opts, o, len);
		sum = csum_add(sum, o, len);
	}
	return csum_fold(sum) == 0xffff;
}

/* May these stand in a header on a wire (RFC 1122, 3.2.1.3; RFC 4291, 2.7)? */
static bool addrs_good(const struct pkt *p)
{
	const struct addr *s = &p->src.addr, *d = &p->dst.addr;

	if (addr_is_loopback(s) || addr_is_loopback(d) || addr_is_any(d))
		return false;
	return addr_is_unicast(s) ||
	       (addr_is_any(s) && p->proto != IPPROTO_TCP);
}

static enum drop parse_ip4(struct pkt *p, struct span s)
{
	struct ip4_wire h;
	size_t hlen, opts, len;

	span_get(&s, &h, sizeof(h));
	hlen = (h.ver_ihl & 0xf) * 4;
	len = ntohs(h.len);
	if (h.ver_ihl >> 4 != 4 || hlen < sizeof(h) || len < hlen)
		return s.bad ? DROP_SHORT : DROP_HEADER;

	opts = hlen - sizeof(h);
	span_trim(&p->l3, len);
	span_trim(&s, len - sizeof(h));
	if (s.bad)
		return DROP_SHORT;
	if (!ip4_csum_good(&h, s, opts))
		return DROP_CSUM;
	if (h.frag & htons(IP4_FRAGMENT))
		return DROP_FRAGMENT;

	if (unlikely(opts))
		span_skip(&s, opts);
	p->src.addr = addr_v4(h.src);
	p->dst.addr = addr_v4(h.dst);
	p->proto = h.proto;
	p->ttl = h.ttl;
	p->tos = h.tos;
	p->l4 = s;
	return DROP_NONE;
}

/* Move @s over one extension header of type @type; @next gets the type of what
 * follows
 */
static enum drop skip_ext(struct span *s, uint8_t type, uint8_t *next)
{
	struct ext_wire e;

	span_get(s, &e, sizeof(e));
	*next = e.next;
	if (type == IPPROTO_FRAGMENT)
		return e.frag & htons(IP6_FRAGMENT) ? DROP_FRAGMENT : DROP_NONE;
	if (type == IPPROTO_ROUTING && e.route.segs_left)
		return DROP_HEADER;	/* we route for nobody: RFC 8200, 4.4 */

	span_skip(s, e.len * 8);
	return DROP_NONE;
}

/* Find the transport header, @p->proto being what the IPv6 header says is next */
static enum drop skip_exts(struct pkt *p, struct span *s)
{
	int i;

	for (i = 0; i <= EXT_MAX; i++) {
		enum drop why;

		switch (p->proto) {
		case IPPROTO_HOPOPTS:
			if (i)
				return DROP_HEADER;	/* first or not at all */
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_FRAGMENT:
		case IPPROTO_DSTOPTS:
			break;
		default:
			return DROP_NONE;
		}
		why = skip_ext(s, p->proto, &p->proto);
		if (s->bad)
			return DROP_SHORT;
		if (why != DROP_NONE)
			return why;
	}
	return DROP_HEADER;
}

static enum drop parse_ip6(struct pkt *p, struct span s)
{
	struct ip6_wire h;
	enum drop why;
	uint32_t ver_class;

	span_get(&s, &h, sizeof(h));
	ver_class = ntohl(h.ver_class_flow) >> 20;
	if (ver_class >> 8 != 6)
		return s.bad ? DROP_SHORT : DROP_HEADER;

	span_trim(&p->l3, sizeof(h) + ntohs(h.len));
	span_trim(&s, ntohs(h.len));
	if (s.bad)
		return DROP_SHORT;

	p->src.addr = addr_v6(h.src);
	p->dst.addr = addr_v6(h.dst);
	if (addr_is4(&p->src.addr) || addr_is4(&p->dst.addr))
		return DROP_ADDR;	/* would pass for IPv4 from here on */
	p->proto = h.next;
	p->ttl = h.hops;
	p->tos = ver_class & 0xff;

	why = skip_exts(p, &s);
	p->l4 = s;
	return why;
}

/* Does what the guest left to us fit the frame, with the checksum at byte @field of
 * the transport header (-1: there is nothing that could be left)?
 */
static bool offload_good(const struct pkt *p, int field, enum gso_type gso)
{
	const struct offload *o = &p->off;

	if (o->csum_partial &&
	    (o->csum_off != field ||
	     o->csum_start != ETH_HLEN_ + p->l3.left - p->l4.left))
		return false;
	if (o->gso_type == GSO_NONE)
		return true;
	return o->gso_type == gso && o->gso_size &&
	       (o->csum_partial || o->csum_ok);
}

/* A request to cut what fits one segment is none */
static void settle_gso(struct pkt *p)
{
	if (p->off.gso_type == GSO_NONE || p->data.left <= p->off.gso_size) {
		p->off.gso_type = GSO_NONE;
		p->off.gso_size = 0;
	}
}

static bool csum_good(const struct pkt *p)
{
	uint32_t sum = 0;

	if (p->off.csum_ok || p->off.csum_partial)
		return true;
	if (p->proto != IPPROTO_ICMP)
		sum = csum_pseudo(&p->src.addr, &p->dst.addr, p->proto,
				  p->l4.left);
	return csum_fold(csum_add_span(sum, &p->l4)) == 0xffff;
}

static enum drop parse_tcp(struct pkt *p)
{
	struct span s = p->l4;
	struct tcp_wire h;
	size_t hlen;

	span_get(&s, &h, sizeof(h));
	hlen = (h.doff >> 4) * 4;
	if (hlen < sizeof(h))
		return s.bad ? DROP_SHORT : DROP_HEADER;
	p->tcp.opts = s;
	span_trim(&p->tcp.opts, hlen - sizeof(h));
	span_skip(&s, hlen - sizeof(h));
	if (s.bad)
		return DROP_SHORT;

	p->src.port = ntohs(h.sport);
	p->dst.port = ntohs(h.dport);
	p->tcp.seq = ntohl(h.seq);
	p->tcp.ack = ntohl(h.ack);
	p->tcp.wnd = ntohs(h.wnd);
	p->tcp.flags = h.flags;
	p->data = s;
	if (!p->src.port || !p->dst.port)
		return DROP_ADDR;
	if (!offload_good(p, offsetof(struct tcp_wire, csum), GSO_TCP))
		return DROP_OFFLOAD;
	return csum_good(p) ? DROP_NONE : DROP_CSUM;
}

/* Of a super-datagram the length field may speak for the whole or one segment */
static enum drop parse_udp(struct pkt *p)
{
	struct span s = p->l4;
	struct udp_wire h;
	size_t len;

	span_get(&s, &h, sizeof(h));
	len = ntohs(h.len);
	if (s.bad || len > p->l4.left)
		return DROP_SHORT;
	if (len < sizeof(h))
		return DROP_HEADER;
	if (!offload_good(p, offsetof(struct udp_wire, csum), GSO_UDP))
		return DROP_OFFLOAD;
	if (p->off.gso_type == GSO_NONE) {
		span_trim(&p->l4, len);
		span_trim(&s, len - sizeof(h));
	}

	p->src.port = ntohs(h.sport);
	p->dst.port = ntohs(h.dport);
	p->data = s;
	if (!p->src.port || !p->dst.port)
		return DROP_ADDR;
	if (!h.csum && p->ethertype == ETHERTYPE_IP)
		return DROP_NONE;	/* the sender made none (RFC 768) */
	return csum_good(p) ? DROP_NONE : DROP_CSUM;
}

static enum drop parse_icmp(struct pkt *p, uint8_t echo)
{
	struct span s = p->l4;
	struct icmp_wire h;

	span_get(&s, &h, sizeof(h));
	if (s.bad)
		return DROP_SHORT;

	p->icmp.type = h.type;
	p->icmp.code = h.code;
	p->icmp.id = ntohs(h.id);
	p->icmp.seq = ntohs(h.seq);
	p->src.port = h.type == echo ? p->icmp.id : 0;
	p->dst.port = 0;
	p->data = s;
	if (!offload_good(p, -1, GSO_NONE))
		return DROP_OFFLOAD;
	return csum_good(p) ? DROP_NONE : DROP_CSUM;
}

static enum drop parse_other(struct pkt *p)
{
	p->src.port = p->dst.port = 0;
	p->data = p->l4;
	return offload_good(p, -1, GSO_NONE) ? DROP_NONE : DROP_OFFLOAD;
}

static enum drop parse_l4(struct pkt *p)
{
	bool is4 = p->ethertype == ETHERTYPE_IP;

	switch (p->proto) {
	case IPPROTO_TCP:
		return parse_tcp(p);
	case IPPROTO_UDP:
		return parse_udp(p);
	case IPPROTO_ICMP:
		return is4 ? parse_icmp(p, ECHO4) : DROP_PROTO;
	case IPPROTO_ICMPV6:
		return is4 ? DROP_PROTO : parse_icmp(p, ECHO6);
	default:
		return parse_other(p);
	}
}

enum drop pkt_parse(struct pkt *p, const struct frame *f)
{
	struct span s = f->l2;
	struct eth_wire eth;
	enum drop why;

	span_get(&s, &eth, sizeof(eth));
	if (s.bad)
		return DROP_SHORT;
	memcpy(p->smac, eth.src, MAC_LEN);
	memcpy(p->dmac, eth.dst, MAC_LEN);
	p->ethertype = ntohs(eth.type);
	p->proto = 0;
	p->off = f->off;
	p->l3 = s;

	switch (p->ethertype) {
	case ETHERTYPE_IP:
		why = parse_ip4(p, s);
		break;
	case ETHERTYPE_IPV6:
		why = parse_ip6(p, s);
		break;
	case ETHERTYPE_ARP:
		return DROP_NONE;
	default:
		return DROP_ETHERTYPE;
	}
	if (why != DROP_NONE)
		return why;
	if (!addrs_good(p))
		return DROP_ADDR;

	why = parse_l4(p);
	if (why == DROP_NONE)
		settle_gso(p);
	return why;
}

int pkt_same_flow(const struct pkt *p, int n)
{
	int i;

	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return 1;
	for (i = 1; i < n; i++) {
		if (p[i].proto != p->proto || !side_eq(&p[i].src, &p->src) ||
		    !side_eq(&p[i].dst, &p->dst))
			break;
	}
	return i;
}

static void *put_ip4(void *at, const struct l3 *l3, size_t l4len)
{
	struct ip4_wire h = {
		.ver_ihl = 0x45,
		.tos = l3->tos,
		.len = htons(sizeof(h) + l4len),
		.id = htons(l3->ip_id),
		.frag = htons(IP4_DF),
		.ttl = l3->ttl,
		.proto = l3->proto,
		.src = addr_to4(l3->src),
		.dst = addr_to4(l3->dst),
	};

	h.csum = csum_final(ip4_sum(&h));
	memcpy(at, &h, sizeof(h));
	return (char *)at + sizeof(h);
}

static void *put_ip6(void *at, const struct l3 *l3, size_t l4len)
{
	struct ip6_wire h = {
		.ver_class_flow = htonl(6u << 28 | (uint32_t)l3->tos << 20 |
					(l3->flow_label & 0xfffff)),
		.len = htons(l4len),
		.next = l3->proto,
		.hops = l3->ttl,
	};

	memcpy(h.src, l3->src->b, sizeof(h.src));
	memcpy(h.dst, l3->dst->b, sizeof(h.dst));
	memcpy(at, &h, sizeof(h));
	return (char *)at + sizeof(h);
}

void *pkt_put_l3(void *hdr, const struct l3 *l3, size_t l4len)
{
	bool is4 = addr_is4(l3->src);
	struct eth_wire eth = {
		.type = htons(is4 ? ETHERTYPE_IP : ETHERTYPE_IPV6),
	};
	char *at = hdr;

	memcpy(eth.dst, l3->dmac, MAC_LEN);
	memcpy(eth.src, l3->smac, MAC_LEN);
	memcpy(at, &eth, sizeof(eth));
	at += sizeof(eth);
	return is4 ? put_ip4(at, l3, l4len) : put_ip6(at, l3, l4len);
}

void pkt_csum_l4(struct slot *s, const struct l3 *l3, size_t field, bool partial)
{
	size_t l3len = pkt_l3len(l3->src), hlen = s->hdr.iov_len - l3len;
	char *l4 = (char *)s->hdr.iov_base + l3len;
	uint32_t sum = 0;
	uint16_t csum;

	if (l3->proto != IPPROTO_ICMP)
		sum = csum_pseudo(l3->src, l3->dst, l3->proto, hlen + s->len);

	if (partial && (l3->proto == IPPROTO_TCP || l3->proto == IPPROTO_UDP)) {
		s->off.csum_partial = true;
		s->off.csum_start = l3len;
		s->off.csum_off = field;
		csum = csum_fold(sum);
	} else {
		sum = csum_add(sum, l4, hlen);
		csum = csum_final(csum_add_iov(sum, s->data, s->ndata, s->len));
		if (!csum && l3->proto == IPPROTO_UDP)
			csum = 0xffff;	/* 0 would mean: none (RFC 768) */
	}
	memcpy(l4 + field, &csum, sizeof(csum));
}

void pkt_put_udp(void *l4, uint16_t sport, uint16_t dport, size_t payload)
{
	struct udp_wire h = {
		.sport = htons(sport),
		.dport = htons(dport),
		.len = htons(sizeof(h) + payload),
	};

	memcpy(l4, &h, sizeof(h));
}

void pkt_put_tcp(void *l4, uint16_t sport, uint16_t dport,
		 const struct tcp_hdr *t, size_t hdrlen)
{
	struct tcp_wire h = {
		.sport = htons(sport),
		.dport = htons(dport),
		.seq = htonl(t->seq),
		.ack = htonl(t->ack),
		.doff = hdrlen / 4 << 4,
		.flags = t->flags,
		.wnd = htons(t->wnd),
	};

	memcpy(l4, &h, sizeof(h));
}
