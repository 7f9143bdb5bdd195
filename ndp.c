/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: Neighbour Discovery
 *
 * Whatever the guest wants to reach lies behind us, so that every address it asks
 * for is at our MAC address, and we are its router. Never answered: a probe
 * for a duplicate (its source is unspecified), and what asks for the guest's own
 * address, which another part of the guest may be looking for.
 *
 * A router advertisement carries the prefix, if there is one, always as a /64
 * (SLAAC knows no other), MTU, resolvers and search list; lifetimes are infinite, as
 * we live as long as the link. Pure: one frame in, at most one out; called by tap.c.
 *
 * References: RFC 4861, RFC 4862, RFC 8106 (RDNSS, DNSSL), RFC 8319 (lifetime).
 */
#include "ndp.h"

#include "msg.h"
#include "conf.h"
#include "dnsname.h"
#include "pkt.h"
#include "util.h"
#include "worker.h"

enum { TYPE_ECHO = 128, TYPE_RS = 133, TYPE_RA, TYPE_NS, TYPE_NA };

enum {
	OPT_ANY = 0, OPT_SLLA = 1, OPT_TLLA = 2, OPT_PREFIX = 3, OPT_MTU = 5,
	OPT_RDNSS = 25, OPT_DNSSL = 31,
};

enum {
	NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20,
	RA_MANAGED = 0x80,
	PREFIX_ONLINK = 0x80, PREFIX_AUTO = 0x40,
};

enum {
	HOP_LIMIT = 255, RA_LIFETIME = 65535, PREFIX_LEN = 64, MTU_MIN = 1280,
	OPT_UNIT = 8, OPT_MAX = 255 * OPT_UNIT,
};

#define INFINITE	0xffffffff
#define ICMP_OFF	(ETH_HLEN_ + 40)	/* where the ICMPv6 message starts */

static const struct addr all_nodes = { .b = { 0xff, 2, [15] = 1 } };

/* Multicast MAC address of @a (RFC 2464, 7) */
static void mac_of_group(const struct addr *a, uint8_t mac[MAC_LEN])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, a->b + 12, 4);
}

static bool service_on(const struct conf *cf)
{
	return cf->net[V6].enabled && !cf->no_ndp && !cf->no_icmp;
}

/*
 * Parse
 */

struct nd {
	uint8_t type;
	struct addr target;		/* NS */
	bool has_slla;
};

static bool parse_options(struct nd *nd, struct span s)
{
	uint8_t type, units;

	while (s.left) {
		type = span_get8(&s);
		units = span_get8(&s);
		if (!units)
			return false;
		span_skip(&s, units * OPT_UNIT - 2);
		if (type == OPT_SLLA)
			nd->has_slla = true;
	}
	return !s.bad;
}

static bool parse(struct nd *nd, const struct pkt *p)
{
	struct span s = p->l4;
	uint8_t code;

	*nd = (struct nd){ .type = span_get8(&s) };
	code = span_get8(&s);
	span_skip(&s, 6);		/* checksum, reserved */
	if (nd->type == TYPE_NS)
		span_get(&s, nd->target.b, sizeof(nd->target.b));
	if (s.bad || code || p->ttl != HOP_LIMIT || !parse_options(nd, s))
		return false;
	return !(addr_is_any(&p->src.addr) && nd->has_slla);
}

/*
 * Build
 */

static void put_lladdr(struct msg *m, uint8_t type, const uint8_t *mac)
{
	msg_put8(m, type);
	msg_put8(m, 1);
	msg_put(m, mac, MAC_LEN);
}

static void put_header(struct msg *m, uint8_t type, uint8_t flags)
{
	msg_put8(m, type);
	msg_put8(m, 0);			/* code */
	msg_put16(m, 0);		/* checksum, later */
	msg_put8(m, flags);
	msg_pad(m, 3);
}

/* Option @type with @len bytes at @body and zeros up to a whole unit, if it fits */
static void put_option(struct msg *m, uint8_t type, const void *body, size_t len)
{
	size_t whole = (2 + len + OPT_UNIT - 1) / OPT_UNIT * OPT_UNIT;

	if (whole > msg_room(m) || whole > OPT_MAX)
		return;
	msg_put8(m, type);
	msg_put8(m, whole / OPT_UNIT);
	msg_put(m, body, len);
	msg_pad(m, whole - 2 - len);
}

static void put_prefix(const struct conf *cf, struct msg *m)
{
	const struct net_conf *n = &cf->net[V6];

	if (addr_is_any(&n->addr))
		return;
	msg_put8(m, OPT_PREFIX);
	msg_put8(m, 4);
	msg_put8(m, PREFIX_LEN);
	msg_put8(m, PREFIX_ONLINK | PREFIX_AUTO);
	msg_put32(m, INFINITE);		/* valid */
	msg_put32(m, INFINITE);		/* preferred */
	msg_pad(m, 4);
	msg_put(m, n->addr.b, PREFIX_LEN / 8);
	msg_pad(m, sizeof(n->addr.b) - PREFIX_LEN / 8);
}

static void put_mtu(const struct conf *cf, struct msg *m)
{
	if (cf->mtu < MTU_MIN)
		return;
	msg_put8(m, OPT_MTU);
	msg_put8(m, 1);
	msg_put16(m, 0);
	msg_put32(m, cf->mtu);
}

static void put_rdnss(const struct conf *cf, struct msg *m)
{
	const struct net_conf *n = &cf->net[V6];
	int i;

	if (!cf->dhcp_dns || !n->dns_count)
		return;
	msg_put8(m, OPT_RDNSS);
	msg_put8(m, 1 + 2 * n->dns_count);
	msg_put16(m, 0);
	msg_put32(m, INFINITE);
	for (i = 0; i < n->dns_count; i++)
		msg_put(m, n->dns[i].b, sizeof(n->dns[i].b));
}

/* As many names as there is room for */
static void put_dnssl(const struct conf *cf, struct msg *m)
{
	struct {
		uint8_t reserved[2], life[4], names[CONF_SEARCH_MAX * DNSNAME_MAX];
	} v = { .life = { 255, 255, 255, 255 } };
	size_t room = msg_room(m) / OPT_UNIT * OPT_UNIT, len;

	if (!cf->dhcp_search || room < OPT_UNIT)
		return;
	room = MIN(room - OPT_UNIT, sizeof(v.names));
	len = dnsname_list(cf->search, cf->search_count, false, v.names, room);
	if (len)
		put_option(m, OPT_DNSSL, &v, offsetof(typeof(v), names) + len);
}

static void put_raw(const struct conf *cf, struct msg *m)
{
	int i;

	for (i = 0; i < cf->ra_opt_count; i++)
		put_option(m, cf->ra_opts[i].code, cf->ra_opts[i].data,
			   cf->ra_opts[i].len);
}

/* In the order in which they go into the message; the search list, which may
 * have to be cut, last. Each gives way to the user's own.
 */
static const struct ra_option {
	uint8_t type;
	void (*put)(const struct conf *cf, struct msg *m);
} ra_options[] = {
	{ OPT_PREFIX, put_prefix },
	{ OPT_MTU,    put_mtu },
	{ OPT_RDNSS,  put_rdnss },
	{ OPT_ANY,    put_raw },
	{ OPT_DNSSL,  put_dnssl },
};

static uint8_t ra_flags(const struct conf *cf)
{
	bool managed = !cf->no_dhcpv6 && !addr_is_any(&cf->net[V6].addr);

	return managed ? RA_MANAGED : 0;
}

static size_t put_ra(const struct conf *cf, const struct addr *dst,
		     const uint8_t *dmac, uint8_t *out, size_t max)
{
	struct l3 l3 = {
		.smac = cf->our_mac, .dmac = dmac,
		.src = &cf->net[V6].our, .dst = dst,
		.proto = IPPROTO_ICMPV6, .ttl = HOP_LIMIT,
	};
	struct msg m = msg_begin(out, msg_frame_max(cf, max, MTU_MIN),
				 ICMP_OFF, 0);
	size_t i;

	msg_put8(&m, TYPE_RA);
	msg_put8(&m, 0);		/* code */
	msg_put16(&m, 0);		/* checksum, later */
	msg_put8(&m, HOP_LIMIT);	/* for the guest's own packets */
	msg_put8(&m, ra_flags(cf));
	msg_put16(&m, RA_LIFETIME);
	msg_pad(&m, 8);			/* reachable time, retransmission timer */
	put_lladdr(&m, OPT_SLLA, cf->our_mac);
	for (i = 0; i < NELEM(ra_options); i++) {
		uint8_t type = ra_options[i].type;

		if (!type || !msg_has_raw(cf->ra_opts, cf->ra_opt_count, type))
			ra_options[i].put(cf, &m);
	}
	return msg_icmp6(&m, &l3);
}

static bool may_advertise(const struct conf *cf)
{
	return service_on(cf) && !cf->no_ra &&
	       addr_is_linklocal(&cf->net[V6].our);
}

size_t ndp_ra(const struct conf *cf, uint8_t *out, size_t max)
{
	uint8_t dmac[MAC_LEN];

	if (!may_advertise(cf))
		return 0;
	mac_of_group(&all_nodes, dmac);
	return put_ra(cf, &all_nodes, dmac, out, max);
}

/*
 * Decide
 */

static size_t reply_rs(const struct conf *cf, const struct pkt *p, uint8_t *out,
		       size_t max)
{
	if (addr_is_any(&p->src.addr))
		return ndp_ra(cf, out, max);
	if (!may_advertise(cf) || !addr_is_unicast(&p->src.addr))
		return 0;
	return put_ra(cf, &p->src.addr, p->smac, out, max);
}

/* Does @a belong to the guest, for all we know? */
static bool guest_has(const struct net_conf *n, const struct guest *g,
		      const struct addr *a)
{
	if (addr_eq(a, &n->addr))
		return true;
	if (addr_eq(a, &n->our) || addr_eq(a, &n->gw))
		return false;
	return addr_eq(a, &g->seen[V6]) || addr_eq(a, &g->seen_ll);
}

static size_t reply_ns(const struct conf *cf, const struct guest *g,
		       const struct pkt *p, const struct nd *nd, uint8_t *out,
		       size_t max)
{
	struct l3 l3 = {
		.smac = cf->our_mac, .dmac = p->smac,
		.src = &nd->target, .dst = &p->src.addr,
		.proto = IPPROTO_ICMPV6, .ttl = HOP_LIMIT,
	};
	struct msg m = msg_begin(out, max, ICMP_OFF, 0);

	if (!addr_is_unicast(&p->src.addr) || !addr_is_unicast(&nd->target) ||
	    addr_is4(&nd->target) || addr_is_loopback(&nd->target) ||
	    guest_has(&cf->net[V6], g, &nd->target))
		return 0;

	put_header(&m, TYPE_NA, NA_ROUTER | NA_SOLICITED | NA_OVERRIDE);
	msg_put(&m, nd->target.b, sizeof(nd->target.b));
	put_lladdr(&m, OPT_TLLA, cf->our_mac);
	return msg_icmp6(&m, &l3);
}

size_t ndp_reply(const struct conf *cf, const struct guest *g,
		 const struct pkt *p, uint8_t *out, size_t max)
{
	struct nd nd;

	if (!service_on(cf) || !parse(&nd, p))
		return 0;
	if (nd.type == TYPE_NS)
		return reply_ns(cf, g, p, &nd, out, max);
	if (nd.type == TYPE_RS)
		return reply_rs(cf, p, out, max);
	return 0;
}

/* Solicited-node group of @a (RFC 4291, 2.7.1) */
static struct addr node_group(const struct addr *a)
{
	struct addr group = { .b = { 0xff, 2, [11] = 1, [12] = 0xff } };

	memcpy(group.b + 13, a->b + 13, 3);
	return group;
}

static const struct addr *guest_addr(const struct net_conf *n, const struct guest *g)
{
	if (!addr_is_any(&g->seen[V6]))
		return &g->seen[V6];
	return addr_is_any(&g->seen_ll) ? &n->addr : &g->seen_ll;
}

size_t ndp_probe(const struct conf *cf, const struct guest *g, uint8_t *out,
		 size_t max)
{
	const struct net_conf *n = &cf->net[V6];
	const struct addr *target = guest_addr(n, g);
	struct addr group = node_group(target);
	uint8_t dmac[MAC_LEN];
	struct l3 l3 = {
		.smac = cf->our_mac, .dmac = dmac, .src = &n->our, .dst = &group,
		.proto = IPPROTO_ICMPV6, .ttl = HOP_LIMIT,
	};
	struct msg m = msg_begin(out, max, ICMP_OFF, 0);

	if (!service_on(cf) || addr_is_any(&n->our) || addr_is_any(target))
		return 0;
	mac_of_group(&group, dmac);
	put_header(&m, TYPE_NS, 0);
	msg_put(&m, target->b, sizeof(target->b));
	put_lladdr(&m, OPT_SLLA, cf->our_mac);
	return msg_icmp6(&m, &l3);
}

/* The source is in the prefix, too: the guest answers from the address that it uses for
 * others of that scope (RFC 6724, 5), after it has asked for our MAC address
 */
size_t ndp_call(const struct conf *cf, uint8_t *out, size_t max)
{
	const struct net_conf *n = &cf->net[V6];
	struct addr src = n->addr;
	uint8_t dmac[MAC_LEN];
	struct l3 l3 = {
		.smac = cf->our_mac, .dmac = dmac, .src = &src, .dst = &all_nodes,
		.proto = IPPROTO_ICMPV6, .ttl = HOP_LIMIT,
	};
	struct msg m = msg_begin(out, max, ICMP_OFF, 0);

	if (!service_on(cf) || addr_is_any(&n->our) || addr_is_any(&n->addr))
		return 0;
	memcpy(src.b + 8, n->our.b + 8, 8);
	mac_of_group(&all_nodes, dmac);
	put_header(&m, TYPE_ECHO, 0);	/* identifier, sequence number: 0 */
	return msg_icmp6(&m, &l3);
}
