/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_set.c - set up links, addresses and routes in the guest's namespace
 *
 * Everything is sent in a few batches, so that the time is the kernel's own. What
 * makes the kernel wait, and how that is avoided:
 * - a device that is renamed, or gets another queue length while it is up, waits for
 *   an RCU grace period: both come before it goes up, renaming not at all if the
 *   device was created with its name.
 * - duplicate address detection (RFC 4862, 5.4) takes a second and more, and was
 *   done by the host. The kernel starts it by itself for the link-local address, from
 *   a work queue. So generation of that address is off while the device comes up,
 *   and we set it ourselves, without detection, as all others. What the kernel still
 *   leaves to the work queue is the route to our own address: we look at the end
 *   whether it is there.
 *
 * The kernel makes the route to the prefix of an address by itself. It is told the
 * metric that the host uses, and the host's route is not copied. Where the host has
 * none, or a special one, the kernel is told to make none.
 *
 * Routes may depend on one another (the way to a gateway): those without gateway come
 * first, and what is refused is tried again as long as anything is accepted.
 *
 * rtnetlink(7). Used at start-up only, before the system call filter is on.
 */
#include "netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "sock.h"
#include "util.h"

enum {
	LO_INDEX = 1,
	MTU_MIN6 = 1280,	/* RFC 8200, 5: with less there is no IPv6 */
	METRIC6 = 256,		/* the kernel's own choice for IPv6 prefixes */
	REQUEST_MAX = 512,	/* bytes; copies of routes may be longer */
	WAIT_US = 50, WAITS_MAX = 400,
	OWN_ROUTES = 2,		/* to the gateway, and the default route */
};

/* What a request in the queue is for */
enum kind { FOR_LINK, FOR_ADDR, FOR_ROUTE, FOR_COMFORT };

struct step {
	enum kind kind;
	enum ipver ver;
	const char *link;
	struct addr addr;
	int plen;
	struct net_route *route;
};

/* One family of the guest */
struct target {
	const struct net_conf *nc;
	struct net *net;
	bool copy_addrs, copy_routes;
	const struct net_addr *addrs;
	int addr_count;
	struct net_addr given;
	struct net_route *routes;
	int route_count;
	struct net_route own[OWN_ROUTES];
	int err;			/* of a route, in the last pass */
	char line[NL_LINE_MAX];
};

struct setup {
	struct nl *nl;
	const struct conf *cf;
	struct net_report *rep;
	struct net_link tap;
	struct addr ll;			/* of the tap, or any */
	struct target to[IPVERS];
	struct step steps[NL_BATCH];
	int accepted;			/* routes, in this pass */
	int rc;				/* first error that ends it all */
};

/* The queue */

static void judge_link(struct setup *s, const struct step *p, int err)
{
	if (!s->rc)
		s->rc = nl_say(s->nl->line, s->nl, err, "can't set up device %s",
			       p->link);
}

static void judge_addr(struct setup *s, const struct step *p, int err)
{
	char text[ADDR_STRLEN];

	if (err == -EEXIST || s->rep->err[p->ver])
		return;
	s->rep->err[p->ver] = nl_say(s->rep->line[p->ver], s->nl, err,
				     "can't set address %s/%d",
				     addr_str(&p->addr, text), p->plen);
}

static void judge_route(struct setup *s, const struct step *p, int err)
{
	struct target *to = &s->to[p->ver];
	char text[ADDR_STRLEN];

	if (!err || err == -EEXIST) {
		p->route->pending = false;
		s->accepted++;
	} else if (!to->err) {
		to->err = nl_say(to->line, s->nl, err, "can't set route to %s/%d",
				 addr_str(&p->addr, text), p->plen);
	}
}

/* Have all that is queued done */
static void submit(struct setup *s)
{
	int i, n = nl_flush(s->nl);

	if (n < 0 && !s->rc)
		s->rc = nl_say(s->nl->line, s->nl, n, "netlink");
	for (i = 0; i < n; i++) {
		const struct step *p = &s->steps[i];
		int err = s->nl->err[i];

		if (p->kind == FOR_ROUTE)
			judge_route(s, p, err);
		else if (err && p->kind == FOR_ADDR)
			judge_addr(s, p, err);
		else if (err && p->kind == FOR_LINK)
			judge_link(s, p, err);
	}
}

/* Note what the next request, of up to @len bytes, is for */
static void step(struct setup *s, size_t len, struct step what)
{
	if (s->nl->queued == NL_BATCH || s->nl->size - s->nl->len < len)
		submit(s);
	s->steps[s->nl->queued] = what;
}

/* Links */

/* Begin a request to a link with those @flags (IFF_*) that are to be set */
static void link_begin(struct setup *s, const char *name, unsigned index,
		       unsigned flags)
{
	struct ifinfomsg i = { .ifi_index = (int)index, .ifi_flags = flags,
			       .ifi_change = flags };

	step(s, REQUEST_MAX, (struct step){ .kind = FOR_LINK, .link = name });
	nl_begin(s->nl, RTM_NEWLINK, 0, &i, sizeof(i));
}

static void put_gen_mode(struct nl *nl, uint8_t mode)
{
	size_t spec = nl_nest(nl, IFLA_AF_SPEC), in6 = nl_nest(nl, sock_family(V6));

	nl_put(nl, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	nl_nest_end(nl, in6);
	nl_nest_end(nl, spec);
}

/* All that can be set before it goes up, then up */
static void set_tap(struct setup *s, unsigned txqlen)
{
	const struct conf *cf = s->cf;
	struct net_link *tap = &s->tap;
	struct nl *nl = s->nl;

	link_begin(s, tap->name, tap->index, 0);
	if (cf->guest_mac_set) {
		nl_put(nl, IFLA_ADDRESS, cf->guest_mac, sizeof(cf->guest_mac));
		memcpy(tap->mac, cf->guest_mac, sizeof(tap->mac));
	}
	if (txqlen)
		nl_put_u32(nl, IFLA_TXQLEN, txqlen);
	if (!cf->config_net)
		return;
	if (cf->ifname[0] && strcmp(cf->ifname, tap->name))
		nl_put(nl, IFLA_IFNAME, cf->ifname, strlen(cf->ifname) + 1);
	if (cf->mtu) {
		nl_put_u32(nl, IFLA_MTU, cf->mtu);
		tap->mtu = cf->mtu;
	}
	if (tap->mtu < MTU_MIN6)
		tap->gen_mode = -1;
	if (tap->gen_mode >= 0)
		put_gen_mode(nl, IN6_ADDR_GEN_MODE_NONE);
	link_begin(s, tap->name, tap->index, IFF_UP);
}

/* Addresses */

static void set_addr(struct setup *s, enum kind kind, enum ipver ver,
		     const struct net_addr *a)
{
	struct ifaddrmsg i = { .ifa_family = sock_family(ver),
			       .ifa_prefixlen = a->plen, .ifa_scope = a->scope,
			       .ifa_index = s->tap.index };

	step(s, REQUEST_MAX, (struct step){ .kind = kind, .ver = ver, .addr = a->addr,
					    .plen = a->plen });
	nl_begin(s->nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof(i));
	nl_put_addr(s->nl, IFA_LOCAL, &a->addr);
	nl_put_addr(s->nl, IFA_ADDRESS, &a->peer);
	if (a->bcast)
		nl_put_u32(s->nl, IFA_BROADCAST, a->bcast);
	if (a->metric)
		nl_put_u32(s->nl, IFA_RT_PRIORITY, a->metric);
	nl_put_u32(s->nl, IFA_FLAGS, a->flags);
}

/* The link-local address that the kernel would have made (RFC 4291, appendix A), then
 * let it make the next one itself
 */
static void set_linklocal(struct setup *s)
{
	const uint8_t *m = s->tap.mac;
	const uint8_t b[16] = { 0xfe, 0x80, [8] = m[0] ^ 2, m[1], m[2], 0xff,
				0xfe, m[3], m[4], m[5] };
	struct net_addr a = { .addr = addr_v6(b), .peer = addr_v6(b), .plen = 64,
			      .scope = RT_SCOPE_LINK, .flags = IFA_F_NODAD };

	if (s->tap.gen_mode < 0)
		return;
	s->ll = a.addr;
	set_addr(s, s->cf->net[V6].enabled ? FOR_ADDR : FOR_COMFORT, V6, &a);
	link_begin(s, s->tap.name, s->tap.index, 0);
	s->steps[s->nl->queued - 1].kind = FOR_COMFORT;
	put_gen_mode(s->nl, (uint8_t)s->tap.gen_mode);
}

static bool wanted(const struct target *to, enum ipver ver, const struct net_addr *a)
{
	return addr_eq(&a->addr, &to->nc->addr) || netlink_is_copied(a, ver);
}

/* The route of the host to the prefix of @a, or NULL */
static struct net_route *prefix_route(const struct target *to, const struct net_addr *a)
{
	struct net_route *r = to->routes, *end = r + to->route_count;

	for (; r < end; r++)
		if (r->plen == a->plen && addr_is_any(&r->gw) &&
		    r->oif == to->nc->template_index &&
		    addr_in_prefix(&a->peer, &r->dst, r->plen))
			return r;
	return NULL;
}

/* Have the kernel make the route to the prefix of @a that the host has, or none */
static void plan_prefix(const struct target *to, struct net_addr *a)
{
	struct net_route *r = to->copy_routes ? prefix_route(to, a) : NULL;
	bool own = a->flags & IFA_F_NOPREFIXROUTE;

	a->metric = 0;
	a->flags = 0;
	if (r && r->protocol == RTPROT_KERNEL) {
		a->metric = r->metric == METRIC6 ? 0 : r->metric;
		r->pending = false;
	} else if (r || (own && to->copy_routes)) {
		a->flags = IFA_F_NOPREFIXROUTE;
	}
}

static void set_addrs(struct setup *s, enum ipver ver)
{
	const struct target *to = &s->to[ver];
	int i;

	for (i = 0; i < to->addr_count; i++) {
		struct net_addr a = to->addrs[i];

		if (!wanted(to, ver, &a))
			continue;
		if (addr_eq(&a.addr, &to->nc->addr))
			a.plen = (uint8_t)to->nc->plen;
		plan_prefix(to, &a);
		if (ver == V6)
			a.flags |= IFA_F_NODAD;
		set_addr(s, FOR_ADDR, ver, &a);
	}
}

static void take_type(void *ctx, const struct nlmsghdr *m)
{
	const struct rtmsg *i = nl_body(m, sizeof(*i));

	if (m->nlmsg_type == RTM_NEWROUTE && i)
		*(uint8_t *)ctx = i->rtm_type;
}

/* Wait until packets to the IPv6 address @a stay here */
static void await_local(struct setup *s, const struct addr *a)
{
	struct rtmsg i = { .rtm_family = sock_family(V6),
			   .rtm_dst_len = 128 };
	uint8_t type = RTN_UNSPEC;
	int tries = 0;

	for (;;) {
		nl_begin(s->nl, RTM_GETROUTE, 0, &i, sizeof(i));
		nl_put_addr(s->nl, RTA_DST, a);
		nl_query(s->nl, take_type, &type);
		if (type == RTN_LOCAL || ++tries == WAITS_MAX)
			return;
		usleep(WAIT_US);
	}
}

static void await_addrs(struct setup *s)
{
	const struct target *to = &s->to[V6];
	int i;

	if (!to->nc->enabled)
		return;
	if (!addr_is_any(&s->ll))
		await_local(s, &s->ll);
	for (i = 0; i < to->addr_count; i++)
		if (wanted(to, V6, &to->addrs[i]))
			await_local(s, &to->addrs[i].addr);
}

/* Routes */

/* The hops of @mp through @from, through @to: their number */
static int put_hops(struct nl *nl, const struct rtattr *mp, unsigned from, unsigned to)
{
	const char *p = nl_data(mp);
	size_t left = nl_len(mp), at = nl_nest(nl, RTA_MULTIPATH);
	int n = 0;

	while (left >= sizeof(struct rtnexthop)) {
		struct rtnexthop h;

		memcpy(&h, p, sizeof(h));
		if (h.rtnh_len < sizeof(h) || h.rtnh_len > left)
			break;
		if ((unsigned)h.rtnh_ifindex == from) {
			h.rtnh_ifindex = (int)to;
			h.rtnh_flags &= RTNH_F_ONLINK;
			nl_put_raw(nl, &h, sizeof(h));
			nl_put_raw(nl, p + sizeof(h), h.rtnh_len - sizeof(h));
			n++;
		}
		p += MIN(NLMSG_ALIGN(h.rtnh_len), left);
		left -= MIN(NLMSG_ALIGN(h.rtnh_len), left);
	}
	nl_nest_end(nl, at);
	return n;
}

int netlink_queue_route(struct nl *nl, const struct nlmsghdr *raw, unsigned from,
			unsigned to)
{
	static const uint8_t copied[] = {
		RTA_DST, RTA_SRC, RTA_PRIORITY, RTA_METRICS, RTA_FLOW, RTA_TABLE,
		RTA_PREF, RTA_GATEWAY, RTA_VIA, RTA_ENCAP_TYPE, RTA_ENCAP,
	};
	const struct rtattr *tb[RTA_MAX + 1];
	const struct rtmsg *old = nl_body(raw, sizeof(*old));
	struct rtmsg i = *old;
	bool found;
	size_t n;

	nl_msg_attrs(tb, RTA_MAX, raw, sizeof(i));
	i.rtm_flags &= RTNH_F_ONLINK;
	nl_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &i, sizeof(i));
	for (n = 0; n < NELEM(copied); n++)
		if (tb[copied[n]])
			nl_put(nl, tb[copied[n]]->rta_type, nl_data(tb[copied[n]]),
			       nl_len(tb[copied[n]]));
	if (tb[RTA_MULTIPATH]) {
		found = put_hops(nl, tb[RTA_MULTIPATH], from, to);
	} else {
		found = nl_get_u32(tb[RTA_OIF], 0) == from;
		nl_put_u32(nl, RTA_OIF, to);
	}
	if (found && !nl->full)
		return 0;
	nl_cancel(nl);
	return found ? -EMSGSIZE : -ENOENT;
}

static void queue_own(struct setup *s, enum ipver ver, const struct net_route *r)
{
	struct rtmsg i = { .rtm_family = sock_family(ver), .rtm_dst_len = r->plen,
			   .rtm_table = RT_TABLE_MAIN, .rtm_protocol = r->protocol,
			   .rtm_scope = r->scope, .rtm_type = RTN_UNICAST };

	nl_begin(s->nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &i, sizeof(i));
	if (r->plen)
		nl_put_addr(s->nl, RTA_DST, &r->dst);
	if (!addr_is_any(&r->gw))
		nl_put_addr(s->nl, RTA_GATEWAY, &r->gw);
	nl_put_u32(s->nl, RTA_OIF, s->tap.index);
}

static void set_route(struct setup *s, enum ipver ver, struct net_route *r)
{
	const struct target *to = &s->to[ver];
	const void *raw = to->net->raw + r->raw;
	const struct nlmsghdr *m = raw;
	int rc;

	step(s, REQUEST_MAX + (to->copy_routes ? m->nlmsg_len : 0),
	     (struct step){ .kind = FOR_ROUTE, .ver = ver, .addr = r->dst,
			    .plen = r->plen, .route = r });
	if (!to->copy_routes) {
		queue_own(s, ver, r);
		return;
	}
	rc = netlink_queue_route(s->nl, m, to->nc->template_index, s->tap.index);
	if (rc < 0)
		judge_route(s, &s->steps[s->nl->queued], rc);
}

/* Try all routes of both families that are not set yet, with or without gateway */
static void pass(struct setup *s, bool gateway)
{
	enum ipver ver;
	int i;

	for (ver = V4; ver < IPVERS; ver++) {
		struct target *to = &s->to[ver];

		for (i = 0; i < to->route_count; i++)
			if (to->routes[i].pending &&
			    addr_is_any(&to->routes[i].gw) != gateway)
				set_route(s, ver, &to->routes[i]);
	}
}

static int pending(const struct target *to)
{
	int i, n = 0;

	for (i = 0; i < to->route_count; i++)
		n += to->routes[i].pending;
	return n;
}

static void set_routes(struct setup *s)
{
	enum ipver ver;

	do {
		s->to[V4].err = s->to[V6].err = 0;
		s->accepted = 0;
		pass(s, false);
		pass(s, true);
		submit(s);
	} while (!s->rc && s->accepted && pending(&s->to[V4]) + pending(&s->to[V6]));

	for (ver = V4; ver < IPVERS; ver++) {
		s->rep->routes_failed[ver] = (unsigned)pending(&s->to[ver]);
		if (s->rep->err[ver] || !s->rep->routes_failed[ver])
			continue;
		s->rep->err[ver] = s->to[ver].err;
		memcpy(s->rep->line[ver], s->to[ver].line, NL_LINE_MAX);
	}
}

/* What is to be set */

/* Mark the routes of the template that are to be copied */
static void plan_copies(struct target *to, enum ipver ver)
{
	struct net_route *r, *whole = NULL;

	to->routes = to->net->routes;
	to->route_count = to->net->route_count;
	for (r = to->routes; r < to->routes + to->route_count; r++) {
		r->pending = false;
		if (!r->next_hop)
			whole = r;
		/* The kernel makes those of the link itself */
		if (ver == V6 && addr_is_linklocal(&r->dst) && addr_is_any(&r->gw))
			continue;
		if (whole && r->oif == to->nc->template_index)
			whole->pending = true;
	}
}

/* The default route, and the way to a gateway outside of all prefixes */
static void plan_default(struct target *to, enum ipver ver)
{
	const struct addr *gw = &to->nc->gw;
	struct net_route *r = to->own;
	bool on_link = ver == V6 && addr_is_linklocal(gw);
	int i;

	to->routes = to->own;
	if (addr_is_any(gw))
		return;
	for (i = 0; i < to->addr_count && !on_link; i++) {
		const struct net_addr *a = &to->addrs[i];
		bool main = addr_eq(&a->addr, &to->nc->addr);

		on_link = wanted(to, ver, a) &&
			  addr_in_prefix(gw, &a->peer, main ? to->nc->plen : a->plen);
	}
	if (!on_link)
		*r++ = (struct net_route){ .dst = *gw, .plen = ver == V4 ? 32 : 128,
					   .scope = ver == V4 ? RT_SCOPE_LINK : 0,
					   .protocol = RTPROT_BOOT, .pending = true };
	*r++ = (struct net_route){ .gw = *gw, .protocol = RTPROT_BOOT, .pending = true };
	to->route_count = (int)(r - to->own);
}

/* The one address that was given, or is all there is in local mode */
static void plan_given(struct target *to, enum ipver ver)
{
	const struct net_conf *nc = to->nc;
	uint32_t host = nc->plen < 31 ? 0xffffffff >> nc->plen : 0;

	to->given = (struct net_addr){ .addr = nc->addr, .peer = nc->addr,
				       .plen = (uint8_t)nc->plen };
	if (ver == V4 && host)
		to->given.bcast = addr_to4(&nc->addr) | htonl(host);
	to->addrs = &to->given;
	to->addr_count = !addr_is_any(&nc->addr);
}

static void plan(struct setup *s, enum ipver ver, struct net *net)
{
	const struct net_conf *nc = &s->cf->net[ver];
	struct target *to = &s->to[ver];

	to->nc = nc;
	to->net = net;
	if (!s->cf->config_net || !nc->enabled)
		return;
	if (ver == V6 && s->tap.gen_mode < 0) {
		s->rep->err[V6] = nl_say(s->rep->line[V6], s->nl, -EAFNOSUPPORT,
					 "IPv6 on %s, MTU %u", s->tap.name, s->tap.mtu);
		return;
	}
	to->copy_addrs = !nc->local && !nc->addr_set && !s->cf->no_copy_addrs;
	to->copy_routes = !nc->local && !nc->gw_set && !s->cf->no_copy_routes;
	if (to->copy_addrs) {
		to->addrs = net->addrs;
		to->addr_count = net->addr_count;
	} else {
		plan_given(to, ver);
	}
	if (to->copy_routes) {
		plan_copies(to, ver);
		s->rep->routes_missed[ver] = net->routes_missed;
	} else {
		plan_default(to, ver);
	}
}

int netlink_configure(struct nl *nl, const struct conf *cf, struct net_host *host,
		      const char *ifname, unsigned txqlen, struct net_report *rep)
{
	struct setup s = { .nl = nl, .cf = cf, .rep = rep };
	enum ipver ver;
	bool usable;

	memset(rep, 0, sizeof(*rep));
	if (ifname)
		s.rc = netlink_link(nl, ifname, 0, &s.tap);
	if (s.rc < 0)
		return s.rc;

	link_begin(&s, "lo", LO_INDEX, IFF_UP);
	if (ifname) {
		set_tap(&s, txqlen);
		for (ver = V4; ver < IPVERS; ver++)
			plan(&s, ver, &host->net[ver]);
		if (cf->config_net)
			set_linklocal(&s);
		set_addrs(&s, V4);
		set_addrs(&s, V6);
	}
	submit(&s);
	if (ifname && cf->config_net && !s.rc) {
		usable = !rep->err[V6];
		set_routes(&s);
		if (usable)
			await_addrs(&s);
	}
	return s.rc;
}
