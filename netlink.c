/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink.c - what the host's network looks like: links, addresses, routes, template
 *
 * The guest of each family is modelled on one interface of the host, its template: the
 * one that holds the default route, as a rule. Reading goes through dumps that the
 * kernel filters where it can (main table, one interface), so that the number of
 * interfaces of a host does not matter; what an older kernel sends in
 * addition is sorted out here. Where a dump was disturbed by a change it is
 * repeated. The order of routes is the kernel's, which is that of metrics.
 *
 * rtnetlink(7), RFC 3549. Used at start-up only, before the system call filter is on.
 */
#include "netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"
#include "sock.h"
#include "util.h"

enum {
	LO_INDEX = 1,
	DUMP_TRIES = 8,		/* while others change what we read */
	RAW_SPARE = 16384,	/* bytes of NET_RAW_MAX for default routes */
};

static const uint8_t ll_router[16] = { [0] = 0xfe, [1] = 0x80, [15] = 1 };

/* Where answers go */
struct sink {
	struct net_link *link;
	struct net *net;
	enum ipver ver;
};

/* Links */

/* IPv6 address generation mode among the attributes of a link, or -1 */
static int read_gen_mode(const struct rtattr *spec)
{
	const struct rtattr *af[AF_INET6 + 1], *in6[IFLA_INET6_MAX + 1], *mode;

	if (!spec)
		return -1;
	nl_attrs(af, AF_INET6, nl_data(spec), nl_len(spec));
	if (!af[AF_INET6])
		return -1;
	nl_attrs(in6, IFLA_INET6_MAX, nl_data(af[AF_INET6]), nl_len(af[AF_INET6]));
	mode = in6[IFLA_INET6_ADDR_GEN_MODE];
	return mode && nl_len(mode) ? *(const uint8_t *)nl_data(mode) : -1;
}

static void keep_link(struct net_link *out, const struct nlmsghdr *m)
{
	const struct rtattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *i = nl_body(m, sizeof(*i));

	if (!i)
		return;
	*out = (struct net_link){ .index = (unsigned)i->ifi_index,
				  .flags = i->ifi_flags };
	nl_msg_attrs(tb, IFLA_MAX, m, sizeof(*i));
	out->mtu = nl_get_u32(tb[IFLA_MTU], 0);
	if (tb[IFLA_IFNAME])
		memcpy(out->name, nl_data(tb[IFLA_IFNAME]),
		       MIN(nl_len(tb[IFLA_IFNAME]), sizeof(out->name) - 1));
	if (tb[IFLA_ADDRESS] && nl_len(tb[IFLA_ADDRESS]) == sizeof(out->mac))
		memcpy(out->mac, nl_data(tb[IFLA_ADDRESS]), sizeof(out->mac));
	out->gen_mode = read_gen_mode(tb[IFLA_AF_SPEC]);
}

static void take(void *ctx, const struct nlmsghdr *m);

int netlink_link(struct nl *nl, const char *name, unsigned index, struct net_link *out)
{
	struct ifinfomsg i = { .ifi_index = (int)(name ? 0 : index) };
	struct sink to = { .link = out };
	int rc;

	memset(out, 0, sizeof(*out));
	nl_begin(nl, RTM_GETLINK, 0, &i, sizeof(i));
	if (name)
		nl_put(nl, IFLA_IFNAME, name, strlen(name) + 1);
	nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = nl_query(nl, take, &to);
	if (!rc && !out->index)
		rc = -ENODEV;
	if (rc && name)
		nl_say(nl->line, nl, rc, "interface %s", name);
	else if (rc)
		nl_say(nl->line, nl, rc, "interface %u", index);
	return rc;
}

/* Addresses */

static void keep_addr(struct net *net, enum ipver ver, const struct nlmsghdr *m)
{
	const struct rtattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *i = nl_body(m, sizeof(*i));
	struct net_addr *a;

	if (!i || i->ifa_family != sock_family(ver) ||
	    i->ifa_index != net->template.ifindex)
		return;
	if (net->addr_count == NET_ADDRS_MAX) {
		net->addrs_missed++;
		return;
	}
	nl_msg_attrs(tb, IFA_MAX, m, sizeof(*i));
	a = &net->addrs[net->addr_count++];
	a->peer = nl_get_addr(tb[IFA_ADDRESS]);
	a->addr = tb[IFA_LOCAL] ? nl_get_addr(tb[IFA_LOCAL]) : a->peer;
	a->bcast = nl_get_u32(tb[IFA_BROADCAST], 0);
	a->flags = nl_get_u32(tb[IFA_FLAGS], i->ifa_flags);
	a->ifindex = i->ifa_index;
	a->plen = i->ifa_prefixlen;
	a->scope = i->ifa_scope;
}

int netlink_dump_addrs(struct nl *nl, enum ipver ver, struct net *net)
{
	struct ifaddrmsg i = { .ifa_family = sock_family(ver),
				 .ifa_index = net->template.ifindex };
	struct sink to = { .net = net, .ver = ver };
	int rc, tries = 0;

	do {
		net->addr_count = 0;
		net->addrs_missed = 0;
		nl_begin(nl, RTM_GETADDR, NLM_F_DUMP, &i, sizeof(i));
		rc = nl_query(nl, take, &to);
	} while (rc > 0 && ++tries < DUMP_TRIES);
	return MIN(rc, 0);
}

/* Routes */

static struct addr read_gateway(const struct rtattr **tb)
{
	const struct rtattr *via = tb[RTA_VIA];
	size_t skip = sizeof(((struct rtvia *)0)->rtvia_family);

	if (via && nl_len(via) > skip)
		return nl_read_addr((const char *)nl_data(via) + skip,
				 nl_len(via) - skip);
	return nl_get_addr(tb[RTA_GATEWAY]);
}

/* Next hop at *@p, then *@p and *@left are behind it; or NULL */
static const struct rtnexthop *hop_next(const void **p, size_t *left)
{
	const struct rtnexthop *h = *p;
	size_t step;

	if (*left < sizeof(*h) || h->rtnh_len < sizeof(*h) || h->rtnh_len > *left)
		return NULL;
	step = MIN(NLMSG_ALIGN(h->rtnh_len), *left);
	*p = (const char *)*p + step;
	*left -= step;
	return h;
}

static void keep_hops(struct net *net, struct net_route *r, const struct rtattr *mp)
{
	const struct rtattr *tb[RTA_MAX + 1];
	size_t left = nl_len(mp);
	const void *p = nl_data(mp);
	const struct rtnexthop *h;

	while ((h = hop_next(&p, &left))) {
		if (h->rtnh_flags & RTNH_F_DEAD)
			continue;
		if (net->route_count == NET_ROUTES_MAX)
			return;
		nl_attrs(tb, RTA_MAX, h + 1, h->rtnh_len - sizeof(*h));
		r->oif = (unsigned)h->rtnh_ifindex;
		r->weight = h->rtnh_hops + 1;
		r->gw = read_gateway(tb);
		net->routes[net->route_count++] = *r;
		r->next_hop = true;
	}
}

/* Copy the message @m itself; false if there is no room for it and its route */
static bool keep_raw(struct net *net, const struct nlmsghdr *m, struct net_route *r)
{
	int max = NET_ROUTES_MAX - (r->plen ? NET_ROUTES_SPARE : 0);
	size_t room = NET_RAW_MAX - (r->plen ? RAW_SPARE : 0);

	if (net->route_count >= max || net->raw_len + m->nlmsg_len > room)
		return false;
	r->raw = (uint32_t)net->raw_len;
	memcpy(net->raw + net->raw_len, m, m->nlmsg_len);
	net->raw_len += NLMSG_ALIGN(m->nlmsg_len);
	return true;
}

void netlink_keep_route(struct net *net, enum ipver ver, const struct nlmsghdr *m)
{
	const struct rtattr *tb[RTA_MAX + 1];
	const struct rtmsg *i = nl_body(m, sizeof(*i));
	struct net_route r = { .weight = 1 };

	if (!i || i->rtm_family != sock_family(ver) || i->rtm_type != RTN_UNICAST ||
	    i->rtm_flags & RTM_F_CLONED)
		return;
	nl_msg_attrs(tb, RTA_MAX, m, sizeof(*i));
	if (nl_get_u32(tb[RTA_TABLE], i->rtm_table) != RT_TABLE_MAIN)
		return;
	r.dst = tb[RTA_DST] ? nl_get_addr(tb[RTA_DST]) : addr_any(ver);
	r.plen = i->rtm_dst_len;
	r.scope = i->rtm_scope;
	r.protocol = i->rtm_protocol;
	r.metric = nl_get_u32(tb[RTA_PRIORITY], 0);
	if (!keep_raw(net, m, &r)) {
		net->routes_missed++;
		return;
	}
	if (tb[RTA_MULTIPATH]) {
		keep_hops(net, &r, tb[RTA_MULTIPATH]);
		return;
	}
	r.oif = nl_get_u32(tb[RTA_OIF], 0);
	r.gw = read_gateway(tb);
	net->routes[net->route_count++] = r;
}

int netlink_dump_routes(struct nl *nl, enum ipver ver, struct net *net)
{
	struct rtmsg i = { .rtm_family = sock_family(ver), .rtm_table = RT_TABLE_MAIN,
			   .rtm_type = RTN_UNICAST };
	struct sink to = { .net = net, .ver = ver };
	int rc, tries = 0;

	do {
		net->route_count = 0;
		net->routes_missed = 0;
		net->raw_len = 0;
		nl_begin(nl, RTM_GETROUTE, NLM_F_DUMP, &i, sizeof(i));
		rc = nl_query(nl, take, &to);
	} while (rc > 0 && ++tries < DUMP_TRIES);
	/* There is no table before the first route */
	return rc == -ENOENT ? 0 : MIN(rc, 0);
}

static void take(void *ctx, const struct nlmsghdr *m)
{
	struct sink *to = ctx;

	if (m->nlmsg_type == RTM_NEWLINK && to->link)
		keep_link(to->link, m);
	else if (m->nlmsg_type == RTM_NEWADDR && to->net)
		keep_addr(to->net, to->ver, m);
	else if (m->nlmsg_type == RTM_NEWROUTE && to->net)
		netlink_keep_route(to->net, to->ver, m);
}

/* The template */

/* Hop with the highest weight of the route at @i, through @want if not 0; or NULL */
static const struct net_route *best_hop(const struct net *net, int i, unsigned want)
{
	const struct net_route *best = NULL, *r;

	do {
		r = &net->routes[i];
		if (!r->oif || r->oif != (want ? want : r->oif) ||
		    (!want && r->oif == LO_INDEX))
			continue;
		if (!best || r->weight > best->weight)
			best = r;
	} while (++i < net->route_count && net->routes[i].next_hop);
	return best;
}

/* Does it lead anywhere but to this link? IPv6 routes all have global scope. */
static bool beyond_link(const struct net_route *r, enum ipver ver)
{
	return r->scope < RT_SCOPE_LINK &&
	       !(ver == V6 && addr_is_linklocal(&r->dst)) &&
	       !addr_is_multicast(&r->dst);
}

void netlink_pick_route(struct net *net, enum ipver ver, unsigned want)
{
	struct net_template *t = &net->template;
	const struct net_route *r;
	int i;

	*t = (struct net_template){ .ifindex = want };
	for (i = 0; i < net->route_count; i++) {
		if (net->routes[i].next_hop)
			continue;
		r = best_hop(net, i, want);
		if (r && !r->plen) {
			t->ifindex = r->oif;
			if (addr_ver(&r->gw) == ver)
				t->gw = r->gw;
			return;
		}
		if (r && !t->ifindex && beyond_link(r, ver))
			t->ifindex = r->oif;
	}
}

/* Is @a a better address for a guest than @b, which may be NULL? Equally
 * specific: the first, but one that lasts rather than a temporary one (RFC 8981).
 */
static bool addr_better(const struct net_addr *a, const struct net_addr *b)
{
	if (!b || a->plen != b->plen)
		return !b || a->plen > b->plen;
	return b->flags & IFA_F_TEMPORARY && !(a->flags & IFA_F_TEMPORARY);
}

void netlink_pick_addr(struct net *net, enum ipver ver)
{
	struct net_template *t = &net->template;
	const struct net_addr *best = NULL, *a;

	for (a = net->addrs; a < net->addrs + net->addr_count; a++) {
		if (a->ifindex != t->ifindex || a->flags & IFA_F_DADFAILED)
			continue;
		if (ver == V6 && addr_is_linklocal(&a->addr)) {
			if (addr_is_any(&t->ll))
				t->ll = a->addr;
			continue;
		}
		if (a->flags & IFA_F_DEPRECATED || !addr_is_unicast(&a->addr) ||
		    addr_is_loopback(&a->addr) ||
		    (ver == V6 && a->scope != RT_SCOPE_UNIVERSE))
			continue;
		if (addr_better(a, best))
			best = a;
	}
	t->addr = best ? best->addr : (struct addr){ 0 };
	t->plen = best ? best->plen : 0;
}

/* Prefix length of an address given without one: IPv4 by class (RFC 791, 3.2) */
static int default_plen(const struct addr *a, enum ipver ver)
{
	if (ver == V6)
		return 64;
	return a->b[12] < 128 ? 8 : a->b[12] < 192 ? 16 : 24;
}

/* Nothing of the host to go by: link-local addresses (RFC 3927, RFC 4291) */
static void fill_local(struct net_conf *nc, enum ipver ver)
{
	nc->template_index = 0;
	if (ver == V4 && !nc->addr_set) {
		nc->addr = addr_v4(htonl(0xa9fe0201));
		nc->plen = 16;
	}
	if (!nc->gw_set)
		nc->gw = ver == V4 ? addr_v4(htonl(0xa9fe0202)) : addr_v6(ll_router);
}

void netlink_fill(struct net_conf *nc, enum ipver ver, const struct net_template *t)
{
	nc->local = !t->ifindex || addr_is_any(&t->addr);
	nc->host_ll = t->ll;
	if (nc->local) {
		fill_local(nc, ver);
	} else {
		nc->template_index = t->ifindex;
		if (!nc->gw_set)
			nc->gw = t->gw;
		if (!nc->addr_set)
			nc->addr = t->addr;
		if (!nc->addr_set && !nc->plen)
			nc->plen = t->plen;
	}
	if (!nc->plen || (ver == V6 && nc->addr_set))
		nc->plen = default_plen(&nc->addr, ver);

	nc->our = nc->gw;
	if (ver == V6 && !addr_is_linklocal(&nc->gw))
		nc->our = addr_is_any(&t->ll) ? addr_v6(ll_router) : t->ll;
}

/* The interface that the user chose as template: its index, 0 or -errno */
static int chosen(struct nl *nl, struct net_conf *nc, bool *outbound)
{
	struct net_link link;
	int rc;

	*outbound = !nc->template_if[0] && nc->outbound_if[0];
	if (*outbound)
		memcpy(nc->template_if, nc->outbound_if, sizeof(nc->template_if));
	if (!nc->template_if[0])
		return 0;
	rc = netlink_link(nl, nc->template_if, 0, &link);
	if (rc < 0)
		return rc;
	memcpy(nc->template_if, link.name, sizeof(nc->template_if));
	return (int)link.index;
}

bool netlink_is_copied(const struct net_addr *a, enum ipver ver)
{
	return !(a->flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED)) &&
	       a->scope < RT_SCOPE_LINK && !(ver == V6 && addr_is_linklocal(&a->addr));
}

/* The guest will have them, and take who has them too for itself */
static void note_others(struct conf *cf, enum ipver ver, const struct net *net)
{
	struct net_conf *nc = &cf->net[ver];
	int i;

	nc->other_count = 0;
	if (!cf->config_net || cf->no_copy_addrs || nc->local || nc->addr_set)
		return;
	for (i = 0; i < net->addr_count && nc->other_count < CONF_OTHERS_MAX; i++) {
		const struct net_addr *a = &net->addrs[i];

		if (netlink_is_copied(a, ver) && !addr_eq(&a->addr, &nc->addr))
			nc->others[nc->other_count++] = a->addr;
	}
}

static int discover(struct nl *nl, struct net_conf *nc, enum ipver ver, struct net *net)
{
	struct net_link link;
	bool outbound;
	int want = chosen(nl, nc, &outbound);

	if (want < 0)
		return want;
	/* A family that the kernel lacks has no routes, like one that is not used */
	if (netlink_dump_routes(nl, ver, net) < 0)
		net->route_count = 0;
	netlink_pick_route(net, ver, (unsigned)want);
	net->addr_count = 0;
	if (net->template.ifindex && !netlink_dump_addrs(nl, ver, net))
		netlink_pick_addr(net, ver);
	netlink_fill(nc, ver, &net->template);

	if (outbound && addr_is_any(&net->template.addr))
		return nl_say(nl->line, nl, -EADDRNOTAVAIL, "interface %s, IPv%c",
			      nc->template_if, ver == V4 ? '4' : '6');
	if (!want && !nc->local &&
	    !netlink_link(nl, NULL, net->template.ifindex, &link))
		memcpy(nc->template_if, link.name, sizeof(nc->template_if));
	return 0;
}

int netlink_discover(struct nl *nl, struct conf *cf, struct net_host *host)
{
	enum ipver ver;
	int rc;

	for (ver = V4; ver < IPVERS; ver++) {
		host->net[ver].template = (struct net_template){ 0 };
		if (!cf->net[ver].enabled)
			continue;
		rc = discover(nl, &cf->net[ver], ver, &host->net[ver]);
		if (rc < 0)
			return rc;
		note_others(cf, ver, &host->net[ver]);
	}
	return 0;
}
