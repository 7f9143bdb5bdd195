/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_test.c - links: nl netlink_set
 *
 * What is pure is tested with messages made here, the rest with a tap device in a
 * network namespace of our own, where the system allows one.
 */
#define _GNU_SOURCE
#include "../../netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../conf.h"
#include "test.h"

#define ETH0	5		/* interface indices */
#define ETH1	6

static _Alignas(8) uint8_t buf[NL_BUF_SIZE];
static struct net net;
static struct net_host host, copy;
static struct conf cf;

static struct addr addr_of(const char *s)
{
	struct addr a = { 0 };

	if (*s && addr_parse(s, &a))
		abort();
	return a;
}

static enum ipver ver_of(const char *s)
{
	return strchr(s, ':') ? V6 : V4;
}

/* Messages */

static struct nl offline(void)
{
	return (struct nl){ .fd = -1, .seq = 1, .buf = buf, .size = sizeof(buf) };
}

static const struct nlmsghdr *made(struct nl *nl)
{
	const void *p = nl->buf + nl->last;

	return p;
}

static void put_gateway(struct nl *nl, enum ipver ver, const char *gw)
{
	struct { uint16_t family; uint8_t a[16]; } via = { AF_INET6, { 0 } };
	struct addr a = addr_of(gw);

	if (!*gw)
		return;
	if (addr_ver(&a) == ver) {
		nl_put_addr(nl, RTA_GATEWAY, &a);
		return;
	}
	memcpy(via.a, a.b, sizeof(via.a));
	nl_put(nl, RTA_VIA, &via, sizeof(via));
}

struct hop { const char *gw; unsigned oif, w, flags; };

/* A route as the kernel reports it */
struct route {
	const char *dst;		/* decides on the family */
	int plen;
	const char *gw;
	unsigned oif, metric, scope, table, type, flags;
	struct hop hops[4];
};

static void put_hop(struct nl *nl, enum ipver ver, const struct hop *h)
{
	struct rtnexthop nh = { .rtnh_ifindex = (int)h->oif,
				.rtnh_hops = (uint8_t)(h->w - 1),
				.rtnh_flags = (uint8_t)h->flags };
	size_t at = nl->len;
	void *p = nl->buf + at;

	nl_put_raw(nl, &nh, sizeof(nh));
	put_gateway(nl, ver, h->gw);
	((struct rtnexthop *)p)->rtnh_len = (uint16_t)(nl->len - at);
}

static const struct nlmsghdr *route_msg(struct nl *nl, const struct route *r)
{
	enum ipver ver = ver_of(r->dst);
	struct rtmsg i = { .rtm_family = ver == V4 ? AF_INET : AF_INET6,
			   .rtm_dst_len = (uint8_t)r->plen,
			   .rtm_table = (uint8_t)(r->table ? r->table : RT_TABLE_MAIN),
			   .rtm_type = (uint8_t)(r->type ? r->type : RTN_UNICAST),
			   .rtm_scope = (uint8_t)r->scope,
			   .rtm_protocol = RTPROT_STATIC, .rtm_flags = r->flags };
	struct addr dst = addr_of(r->dst), src = addr_of("192.0.2.77");
	const struct hop *h;
	size_t at;

	*nl = offline();
	nl_begin(nl, RTM_NEWROUTE, NLM_F_MULTI, &i, sizeof(i));
	nl_put_u32(nl, RTA_TABLE, i.rtm_table);
	if (r->plen)
		nl_put_addr(nl, RTA_DST, &dst);
	if (r->metric)
		nl_put_u32(nl, RTA_PRIORITY, r->metric);
	nl_put_addr(nl, RTA_PREFSRC, &src);
	nl_put_u32(nl, RTA_NH_ID, 7);
	if (!r->hops[0].oif) {
		put_gateway(nl, ver, r->gw ? r->gw : "");
		nl_put_u32(nl, RTA_OIF, r->oif);
		return made(nl);
	}
	at = nl_nest(nl, RTA_MULTIPATH);
	for (h = r->hops; h < r->hops + 4 && h->oif; h++)
		put_hop(nl, ver, h);
	nl_nest_end(nl, at);
	return made(nl);
}

static void keep(const struct route *r)
{
	struct nl nl;

	netlink_keep_route(&net, ver_of(r->dst), route_msg(&nl, r));
}

static void t_keep(void)
{
	static const struct { struct route r; int kept; } vectors[] = {
		{ { "0.0.0.0", 0, "192.0.2.1", .oif = ETH0 }, 1 },
		{ { "10.0.0.0", 8, "", ETH0, .table = RT_TABLE_LOCAL }, 0 },
		{ { "10.0.0.0", 8, "", ETH0, .type = RTN_BLACKHOLE }, 0 },
		{ { "10.0.0.0", 8, "", ETH0, .flags = RTM_F_CLONED }, 0 },
		{ { "2001:db8::", 32, "fe80::1", .oif = ETH0 }, 1 },
		{ { "10.0.0.0", 8, .hops = { { "10.1.1.1", ETH0, .w = 1 },
					     { "10.1.1.2", ETH1, .w = 256 } } }, 2 },
		{ { "10.0.0.0", 8, .hops = { { "10.1.1.1", ETH0, 1, RTNH_F_DEAD },
					     { "10.1.1.2", ETH1, .w = 2 } } }, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		memset(&net, 0, sizeof(net));
		keep(&vectors[i].r);
		CHECK(net.route_count == vectors[i].kept);
		CHECK(!net.route_count || !net.routes[0].next_hop);
	}

	memset(&net, 0, sizeof(net));
	keep(&(struct route){ "10.1.0.0", 16, "fe80::5", ETH0, 77, .flags = RTNH_F_ONLINK });
	CHECK(net.routes[0].metric == 77 && net.routes[0].plen == 16);
	CHECK(net.routes[0].oif == ETH0 && net.routes[0].protocol == RTPROT_STATIC);
	CHECK(addr_eq(&net.routes[0].gw, &(struct addr){ .b = { 0xfe, 0x80, [15] = 5 } }));
	netlink_keep_route(&net, V6, (const void *)net.raw);
	CHECK(net.route_count == 1);		/* of the other family */
}

/* Too many: reported, and a default route that comes last is kept all the same */
static void t_limits(void)
{
	struct route r = { "10.0.0.0", 24, "192.0.2.1", .oif = ETH0 };
	int i;

	memset(&net, 0, sizeof(net));
	for (i = 0; i < NET_ROUTES_MAX + 100; i++)
		keep(&r);
	CHECK(net.route_count == NET_ROUTES_MAX - NET_ROUTES_SPARE);
	CHECK(net.routes_missed == NET_ROUTES_SPARE + 100);
	r.plen = 0;
	for (i = 0; i < 2 * NET_ROUTES_SPARE; i++)
		keep(&r);
	CHECK(net.route_count == NET_ROUTES_MAX);
	netlink_pick_route(&net, V4, 0);
	CHECK(net.template.ifindex == ETH0 && !addr_is_any(&net.template.gw));
}

/* Any bytes: nothing is read or written where it should not be */
static void t_noise(void)
{
	static const struct route r = {
		"10.0.0.0", 8, .hops = { { "10.1.1.1", ETH0, .w = 1 }, { "fe80::1", ETH1, .w = 9 } },
	};
	_Alignas(8) uint8_t raw[256], out[1024];
	struct nl nl;
	int i;

	srandom(2);
	memset(&net, 0, sizeof(net));
	for (i = 0; i < 20000; i++) {
		const struct nlmsghdr *m = route_msg(&nl, &r);
		size_t at = sizeof(*m) + (size_t)random() % (m->nlmsg_len - sizeof(*m));

		memcpy(raw, m, m->nlmsg_len);
		raw[at] = (uint8_t)random();
		net.route_count = 0;
		net.raw_len = 0;
		netlink_keep_route(&net, V4, (void *)raw);
		nl.buf = out;
		nl.size = sizeof(out);
		nl.len = nl.last = nl.queued = 0;
		netlink_queue_route(&nl, (void *)raw, ETH0, 2);
	}
	CHECK(net.route_count <= 64);
}

/* The template's interface and gateway */

static const struct {
	const char *what;
	unsigned want;			/* given by the user, or 0 */
	unsigned oif;			/* expected ... */
	const char *gw;
	struct route r[4];
} picks[] = {
	{ "no route", 0, 0, "", { { 0 } } },
	{ "no route, -i", ETH1, ETH1, "", { { 0 } } },
	{ "default", 0, ETH1, "192.0.2.1",
	  { { "10.0.0.0", 8, "10.1.1.1", .oif = ETH0 }, { "0.0.0.0", 0, "192.0.2.1", .oif = ETH1 } } },
	{ "first default", 0, ETH1, "192.0.2.1",
	  { { "0.0.0.0", 0, "192.0.2.1", ETH1, .metric = 100 },
	    { "0.0.0.0", 0, "198.51.100.1", ETH0, .metric = 600 } } },
	{ "the interface given", ETH0, ETH0, "198.51.100.1",
	  { { "0.0.0.0", 0, "192.0.2.1", ETH1, .metric = 100 },
	    { "0.0.0.0", 0, "198.51.100.1", ETH0, .metric = 600 } } },
	{ "no default on the interface given", ETH0, ETH0, "",
	  { { "0.0.0.0", 0, "192.0.2.1", .oif = ETH1 }, { "10.0.0.0", 8, "10.1.1.1", .oif = ETH0 } } },
	{ "no default: any route", 0, ETH1, "",
	  { { "192.0.2.0", 24, "", ETH0, .scope = RT_SCOPE_LINK },
	    { "10.0.0.0", 8, "10.1.1.1", .oif = ETH1 }, { "10.0.0.0", 9, "10.1.1.1", .oif = ETH0 } } },
	{ "link scope only", 0, 0, "", { { "192.0.2.0", 24, "", ETH0, .scope = RT_SCOPE_LINK } } },
	{ "loopback does not count", 0, 0, "",
	  { { "0.0.0.0", 0, "", .oif = 1 }, { "10.0.0.0", 8, "", .oif = 1 } } },
	{ "point to point", 0, ETH0, "",
	  { { "0.0.0.0", 0, "", ETH0, .scope = RT_SCOPE_LINK },
	    { "0.0.0.0", 0, "10.1.1.1", .oif = ETH1 } } },
	{ "IPv6 next hop", 0, ETH0, "", { { "0.0.0.0", 0, "fe80::1", .oif = ETH0 } } },
	{ "heaviest hop", 0, ETH1, "192.0.2.2",
	  { { "0.0.0.0", 0, .hops = { { "192.0.2.1", ETH0, .w = 3 }, { "192.0.2.2", ETH1, .w = 9 },
				      { "192.0.2.3", ETH0, .w = 9 } } } } },
	{ "heaviest hop of the interface given", ETH0, ETH0, "192.0.2.3",
	  { { "0.0.0.0", 0, .hops = { { "192.0.2.1", ETH0, .w = 3 }, { "192.0.2.2", ETH1, .w = 9 },
				      { "192.0.2.3", ETH0, .w = 8 } } } } },
	{ "dead hop", 0, ETH0, "192.0.2.1",
	  { { "0.0.0.0", 0, .hops = { { "192.0.2.1", ETH0, .w = 3 },
				      { "192.0.2.2", ETH1, 9, RTNH_F_DEAD } } } } },
	{ "hops, not of a default route", 0, ETH1, "",
	  { { "10.0.0.0", 8, .hops = { { "192.0.2.1", ETH0, .w = 1 },
				     { "192.0.2.2", ETH1, .w = 2 } } } } },
	{ "split default is none", 0, ETH0, "192.0.2.1",
	  { { "0.0.0.0", 1, "10.1.1.1", .oif = ETH1 }, { "128.0.0.0", 1, "10.1.1.1", .oif = ETH1 },
	    { "0.0.0.0", 0, "192.0.2.1", .oif = ETH0 } } },
	{ "IPv6 default, last in the dump", 0, ETH1, "fe80::1",
	  { { "2001:db8::", 64, "", .oif = ETH0 }, { "fe80::", 64, "", .oif = ETH0 },
	    { "::", 0, "fe80::1", .oif = ETH1 } } },
	{ "IPv6 prefix", 0, ETH1, "",
	  { { "fe80::", 64, "", .oif = ETH0 }, { "2001:db8::", 64, "", .oif = ETH1 } } },
	{ "IPv6 link-local only", 0, 0, "", { { "fe80::", 64, "", .oif = ETH0 } } },
};

static void t_pick_route(void)
{
	size_t i, k;

	for (i = 0; i < sizeof(picks) / sizeof(picks[0]); i++) {
		const char *dst = picks[i].r[0].dst;
		enum ipver ver = dst ? ver_of(dst) : V4;
		struct addr gw = addr_of(picks[i].gw);

		memset(&net, 0, sizeof(net));
		for (k = 0; k < 4 && picks[i].r[k].dst; k++)
			keep(&picks[i].r[k]);
		netlink_pick_route(&net, ver, picks[i].want);
		if (!CHECK(net.template.ifindex == picks[i].oif) ||
		    !CHECK(addr_eq(&net.template.gw, &gw)))
			fprintf(stderr, "%s: %u\n", picks[i].what, net.template.ifindex);
	}
}

/* Its address */

static const struct {
	const char *what, *addr, *ll;
	int plen;
	struct { const char *addr; int plen; unsigned flags, scope, oif; } a[5];
} addrs[] = {
	{ "none", "", "", 0, { { 0 } } },
	{ "first", "192.0.2.1", "", 24, { { "192.0.2.1", .plen = 24 }, { "192.0.2.2", .plen = 24 } } },
	{ "most specific", "10.0.0.3", "", 28,
	  { { "192.0.2.1", .plen = 24 }, { "10.0.0.3", .plen = 28 }, { "10.0.0.4", .plen = 16 } } },
	{ "not deprecated", "192.0.2.2", "", 24,
	  { { "192.0.2.1", 25, .flags = IFA_F_DEPRECATED }, { "192.0.2.2", .plen = 24 } } },
	{ "other interface", "192.0.2.2", "", 24,
	  { { "192.0.2.1", 25, .oif = ETH1 }, { "192.0.2.2", .plen = 24 } } },
	{ "IPv6", "2001:db8::1", "fe80::1", 64,
	  { { "fe80::1", 64, .scope = RT_SCOPE_LINK }, { "2001:db8::1", .plen = 64 },
	    { "fe80::2", 64, .scope = RT_SCOPE_LINK } } },
	{ "unique local", "fd00::1", "", 64,
	  { { "fd00::1", .plen = 64 }, { "2001:db8::1", .plen = 48 } } },
	{ "site-local does not count", "", "", 0, { { "fec0::1", 64, .scope = RT_SCOPE_SITE } } },
	{ "temporary only if need be", "2001:db8::2", "", 64,
	  { { "2001:db8::1", 64, .flags = IFA_F_TEMPORARY }, { "2001:db8::2", .plen = 64 },
	    { "2001:db8::3", .plen = 64 } } },
	{ "temporary", "2001:db8::1", "", 64, { { "2001:db8::1", 64, .flags = IFA_F_TEMPORARY } } },
	{ "duplicate", "", "fe80::2", 0,
	  { { "2001:db8::1", 64, .flags = IFA_F_DADFAILED },
	    { "fe80::1", 64, IFA_F_DADFAILED, .scope = RT_SCOPE_LINK },
	    { "fe80::2", 64, IFA_F_TENTATIVE, .scope = RT_SCOPE_LINK } } },
};

static void t_pick_addr(void)
{
	size_t i;
	int k;

	for (i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct addr want = addr_of(addrs[i].addr), ll = addr_of(addrs[i].ll);
		const char *first = addrs[i].a[0].addr;

		memset(&net, 0, sizeof(net));
		net.template.ifindex = ETH0;
		for (k = 0; k < 5 && addrs[i].a[k].addr; k++)
			net.addrs[net.addr_count++] = (struct net_addr){
				.addr = addr_of(addrs[i].a[k].addr),
				.plen = (uint8_t)addrs[i].a[k].plen,
				.flags = addrs[i].a[k].flags,
				.scope = (uint8_t)addrs[i].a[k].scope,
				.ifindex = addrs[i].a[k].oif ? addrs[i].a[k].oif : ETH0,
			};
		netlink_pick_addr(&net, first ? ver_of(first) : V4);
		if (!CHECK(addr_eq(&net.template.addr, &want)) ||
		    !CHECK(net.template.plen == addrs[i].plen) ||
		    !CHECK(addr_eq(&net.template.ll, &ll)))
			fprintf(stderr, "%s\n", addrs[i].what);
	}
}

/* What the guest is told; "set": by the user */
static void t_fill(void)
{
	static const struct {
		const char *set, *set_gw;
		int set_plen;
		unsigned oif;
		const char *addr;
		int plen;
		const char *gw, *ll;
		bool local;
		const char *out;		/* addr/plen gw our */
	} vectors[] = {
		{ "", "", 0, ETH0, "192.0.2.2", 24, "192.0.2.1", "", false,
		  "192.0.2.2/24 192.0.2.1 192.0.2.1" },
		{ "", "", 16, ETH0, "192.0.2.2", 24, "192.0.2.1", "", false,
		  "192.0.2.2/16 192.0.2.1 192.0.2.1" },
		{ "10.0.0.2", "", 0, ETH0, "192.0.2.2", 28, "192.0.2.1", "", false,
		  "10.0.0.2/8 192.0.2.1 192.0.2.1" },
		{ "10.0.0.2", "10.0.0.1", 25, ETH0, "192.0.2.2", 28, "192.0.2.1", "", false,
		  "10.0.0.2/25 10.0.0.1 10.0.0.1" },
		{ "", "", 0, 0, "0.0.0.0", 0, "", "", true,
		  "169.254.2.1/16 169.254.2.2 169.254.2.2" },
		{ "10.0.0.2", "", 0, 0, "0.0.0.0", 0, "", "", true,
		  "10.0.0.2/8 169.254.2.2 169.254.2.2" },
		{ "", "", 0, ETH0, "0.0.0.0", 0, "192.0.2.1", "", true,
		  "169.254.2.1/16 169.254.2.2 169.254.2.2" },
		{ "", "", 0, ETH0, "2001:db8::2", 80, "fe80::1", "fe80::2", false,
		  "2001:db8::2/80 fe80::1 fe80::1" },
		{ "", "", 0, ETH0, "2001:db8::2", 64, "2001:db8::1", "fe80::2", false,
		  "2001:db8::2/64 2001:db8::1 fe80::2" },
		{ "2001:db8::9", "", 128, ETH0, "2001:db8::2", 64, "", "fe80::2", false,
		  "2001:db8::9/64 :: fe80::2" },
		{ "", "", 0, 0, "::", 0, "", "", true, "::/64 fe80::1 fe80::1" },
	};
	char out[160], a[ADDR_STRLEN], g[ADDR_STRLEN], o[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct net_template t = {
			.ifindex = vectors[i].oif, .plen = vectors[i].plen,
			.gw = addr_of(vectors[i].gw), .ll = addr_of(vectors[i].ll),
			.addr = addr_of(vectors[i].addr),
		};
		struct net_conf nc = {
			.addr_set = *vectors[i].set, .gw_set = *vectors[i].set_gw,
			.addr = addr_of(vectors[i].set), .plen = vectors[i].set_plen,
			.gw = addr_of(vectors[i].set_gw),
		};

		netlink_fill(&nc, ver_of(vectors[i].addr), &t);
		snprintf(out, sizeof(out), "%s/%d %s %s", addr_str(&nc.addr, a), nc.plen,
			 addr_str(&nc.gw, g), addr_str(&nc.our, o));
		CHECK(nc.local == vectors[i].local);
		CHECK(nc.template_index == (nc.local ? 0 : ETH0));
		if (!CHECK(!strcmp(out, vectors[i].out)))
			fprintf(stderr, "%zu: %s\n", i, out);
	}
}

/* A copied route: what is rewritten and what left out */
static void t_copy(void)
{
	struct route r = { "10.0.0.0", 8, "fe80::1", ETH0, 9,
			   .flags = RTNH_F_ONLINK | RTNH_F_LINKDOWN };
	const struct rtattr *tb[RTA_MAX + 1];
	static _Alignas(8) uint8_t out[1024];
	const struct rtnexthop *nh;
	const struct rtmsg *i;
	struct nl nl;
	const struct nlmsghdr *m = route_msg(&nl, &r);

	nl = offline();
	nl.buf = out;
	nl.size = sizeof(out);
	CHECK(netlink_queue_route(&nl, m, ETH1, 2) == -ENOENT);
	CHECK(!nl.queued && !nl.len);
	CHECK(!netlink_queue_route(&nl, m, ETH0, 2));
	CHECK(nl.queued == 1);
	nl_msg_attrs(tb, RTA_MAX, made(&nl), sizeof(*i));
	CHECK(nl_get_u32(tb[RTA_OIF], 0) == 2 && nl_get_u32(tb[RTA_PRIORITY], 0) == 9);
	CHECK(tb[RTA_VIA] && tb[RTA_DST] && !tb[RTA_PREFSRC] && !tb[RTA_NH_ID]);
	i = nl_body(made(&nl), sizeof(*i));
	CHECK(i->rtm_flags == RTNH_F_ONLINK && i->rtm_dst_len == 8);

	r.hops[0] = (struct hop){ "10.1.1.1", ETH1, 4, 0 };
	r.hops[1] = (struct hop){ "10.1.1.2", ETH0, 5, RTNH_F_ONLINK | RTNH_F_LINKDOWN };
	m = route_msg(&nl, &r);
	nl = offline();
	nl.buf = out;
	nl.size = sizeof(out);
	CHECK(!netlink_queue_route(&nl, m, ETH0, 2));
	nl_msg_attrs(tb, RTA_MAX, made(&nl), sizeof(*i));
	CHECK(!tb[RTA_OIF] || nl_get_u32(tb[RTA_OIF], 0) == 2);
	if (!CHECK(tb[RTA_MULTIPATH] && nl_len(tb[RTA_MULTIPATH]) == sizeof(*nh) + 8))
		return;
	nh = nl_data(tb[RTA_MULTIPATH]);
	CHECK(nh->rtnh_ifindex == 2 && nh->rtnh_hops == 4 && nh->rtnh_flags == RTNH_F_ONLINK);

	nl.size = nl.len + 20;
	CHECK(netlink_queue_route(&nl, m, ETH0, 2) == -EMSGSIZE && nl.queued == 1);
}

/* With the kernel */

static int open_tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(r.ifr_name, name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &r) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void set_up(const char *tap, struct net_host *from)
{
	struct net_report rep;
	struct nl nl;

	CHECK(!nl_open(&nl, buf, sizeof(buf)));
	if (!CHECK(!netlink_configure(&nl, &cf, from, tap, 500, &rep)))
		fprintf(stderr, "%s\n", nl.line);
	if (!CHECK(!rep.err[V4] && !rep.err[V6]))
		fprintf(stderr, "%s%s\n", rep.line[V4], rep.line[V6]);
	CHECK(!rep.routes_failed[V4] && !rep.routes_failed[V6]);
	nl_close(&nl);
}

/* The guest as the user described it, then read back as if it were the host */
static void described(void)
{
	static const uint8_t mac[6] = { 0x9a, 0x55, 1, 2, 3, 4 };
	struct net_link link;
	struct nl nl;
	int i;

	cf.config_net = cf.guest_mac_set = true;
	cf.mtu = 9000;
	memcpy(cf.guest_mac, mac, sizeof(mac));
	strcpy(cf.ifname, "tap1");
	cf.net[V4] = (struct net_conf){ .enabled = true, .addr_set = true, .gw_set = true,
		.addr = addr_of("192.0.2.2"), .plen = 24, .gw = addr_of("198.51.100.1") };
	cf.net[V6] = (struct net_conf){ .enabled = true, .addr_set = true, .gw_set = true,
		.addr = addr_of("2001:db8::2"), .plen = 64, .gw = addr_of("2001:db8:1::1") };
	set_up("tap0", &host);

	for (i = V4; i < IPVERS; i++)
		cf.net[i] = (struct net_conf){ .enabled = true };
	cf.ifname[0] = '\0';
	CHECK(!nl_open(&nl, buf, sizeof(buf)));
	CHECK(netlink_link(&nl, "tap0", 0, &link) == -ENODEV);
	CHECK(!strcmp(nl.line, "interface tap0: No such device"));
	CHECK(!netlink_link(&nl, "tap1", 0, &link));
	CHECK(link.mtu == 9000 && link.flags & IFF_UP && !memcmp(link.mac, mac, 6));
	CHECK(link.gen_mode == IN6_ADDR_GEN_MODE_EUI64);
	CHECK(!netlink_link(&nl, "lo", 0, &link) && link.flags & IFF_UP);
	CHECK(!netlink_discover(&nl, &cf, &host));
	nl_close(&nl);

	CHECK(!strcmp(cf.net[V4].template_if, "tap1") && !cf.net[V4].local);
	CHECK(addr_eq(&cf.net[V4].addr, &(struct addr){ .w = { 0, 0, htonl(0xffff),
							       htonl(0xc0000202) } }));
	CHECK(cf.net[V4].plen == 24 && addr_to4(&cf.net[V4].gw) == htonl(0xc6336401));
	CHECK(!strcmp(cf.net[V6].template_if, "tap1") && cf.net[V6].plen == 64);
	CHECK(cf.net[V6].host_ll.b[0] == 0xfe && cf.net[V6].host_ll.b[15] == 4);
	CHECK(host.net[V4].route_count == 3 && host.net[V4].addr_count == 1);
	CHECK(host.net[V4].addrs[0].bcast == htonl(0xc00002ff));
	CHECK(host.net[V6].addr_count == 2);
	for (i = 0; i < host.net[V6].addr_count; i++)
		CHECK(!(host.net[V6].addrs[i].flags & IFA_F_TENTATIVE));
}

static bool same_route(const struct net_route *a, const struct net_route *b)
{
	return addr_eq(&a->dst, &b->dst) && addr_eq(&a->gw, &b->gw) && a->plen == b->plen &&
	       a->metric == b->metric && a->scope == b->scope && a->protocol == b->protocol;
}

/* What described() left, in a second namespace: the same, but for the link-local address */
static void copied(void)
{
	struct conf asked = cf;
	struct nl nl;
	int v, i;

	set_up("tap2", &host);
	CHECK(!nl_open(&nl, buf, sizeof(buf)));
	for (v = V4; v < IPVERS; v++)
		cf.net[v] = (struct net_conf){ .enabled = true };
	CHECK(!netlink_discover(&nl, &cf, &copy));
	nl_close(&nl);
	for (v = V4; v < IPVERS; v++) {
		CHECK(addr_eq(&cf.net[v].addr, &asked.net[v].addr));
		CHECK(addr_eq(&cf.net[v].gw, &asked.net[v].gw));
		CHECK(cf.net[v].plen == asked.net[v].plen);
		CHECK(copy.net[v].addr_count == host.net[v].addr_count);
		CHECK(copy.net[v].route_count == host.net[v].route_count);
		for (i = 0; i < host.net[v].route_count; i++)
			CHECK(same_route(&copy.net[v].routes[i], &host.net[v].routes[i]));
	}
}

/* Interfaces that are not there or are of no use */
static void refused(void)
{
	struct nl nl;

	CHECK(!nl_open(&nl, buf, sizeof(buf)));
	strcpy(cf.net[V4].template_if, "nosuch0");
	CHECK(netlink_discover(&nl, &cf, &copy) == -ENODEV);
	CHECK(!strcmp(nl.line, "interface nosuch0: No such device"));
	cf.net[V4] = (struct net_conf){ .enabled = true, .outbound_if = "tap3" };
	CHECK(netlink_discover(&nl, &cf, &copy) == -EADDRNOTAVAIL);
	cf.net[V4] = (struct net_conf){ .enabled = true, .template_if = "tap3" };
	CHECK(!netlink_discover(&nl, &cf, &copy) && cf.net[V4].local);
	nl_close(&nl);
}

/* Exit status of a child: 0, 1, or 2 if the system lets us make nothing of the kind */
static int in_namespaces(void)
{
	int tap, spare;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 2;
	tap = open_tap("tap0");
	if (tap < 0 || access("/proc/net/if_inet6", F_OK))
		return 2;
	described();
	CHECK(!unshare(CLONE_NEWNET));
	close(tap);
	tap = open_tap("tap2");
	copied();
	spare = open_tap("tap3");
	refused();
	close(spare);
	close(tap);
	return !!test_count.failed;
}

static void t_namespaces(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(in_namespaces());
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		printf("netlink: no namespaces or tap devices here, not tested\n");
	else
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

int main(void)
{
	t_keep();
	t_limits();
	t_noise();
	t_pick_route();
	t_pick_addr();
	t_fill();
	t_copy();
	t_namespaces();
	return test_end("netlink");
}
