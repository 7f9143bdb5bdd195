/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_finish.c - defaults that depend on the host: translation, DNS, names
 *
 * A resolver on the host's loopback, or at an address that leads there, is
 * of no use to the guest as it is. What is announced instead is the address
 * given with --dns-forward, or else the one that leads to the host's loopback:
 * queries to it are then forwarded. This is settled even where no resolver is
 * announced, because guests often come with the host's resolv.conf.
 */
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "conf_opt.h"
#include "log.h"
#include "resolv.h"
#include "util.h"

static const char *const family[IPVERS] = { "IPv4", "IPv6" };

/* The first of the host's resolvers of family @v, or "::" */
static struct addr first_server(const struct resolv *rs, int v)
{
	int i;

	for (i = 0; i < rs->server_count; i++)
		if (addr_ver(&rs->servers[i]) == (enum ipver)v)
			return rs->servers[i];
	return (struct addr){ 0 };
}

/* @server as the guest is to use it, or "::" */
static struct addr guest_server(struct net_conf *n, const struct addr *server,
				bool from_host)
{
	if (!addr_is_loopback(server) &&
	    !(from_host && addr_eq(server, &n->map_host_loopback)))
		return *server;
	if (addr_is_any(&n->dns_forward))
		n->dns_forward = n->map_host_loopback;
	return n->dns_forward;
}

static void add_server(struct net_conf *n, const struct addr *a)
{
	int i;

	for (i = 0; i < n->dns_count; i++)
		if (addr_eq(&n->dns[i], a))
			return;
	if (n->dns_count < CONF_DNS_MAX && !addr_is_any(a))
		n->dns[n->dns_count++] = *a;
}

/* Resolvers to announce: those given, or the host's */
static void fill_servers(const struct conf *cf, struct net_conf *n, int v,
			 const struct resolv *rs)
{
	const struct addr *from = cf->dns_set ? n->dns : rs->servers;
	int i, count = cf->dns_set ? n->dns_count : rs->server_count;
	struct addr kept[RESOLV_SERVERS_MAX], a;

	memcpy(kept, from, (size_t)count * sizeof(*from));
	n->dns_count = 0;
	for (i = 0; i < count; i++) {
		if (addr_ver(&kept[i]) != (enum ipver)v)
			continue;
		a = guest_server(n, &kept[i], !cf->dns_set);
		add_server(n, &a);
	}
}

static void fill_dns(const struct conf *cf, struct net_conf *n, int v,
		     const struct resolv *rs)
{
	bool wanted = !addr_is_any(&n->dns_forward);

	if (addr_is_any(&n->dns_host))
		n->dns_host = first_server(rs, v);
	fill_servers(cf, n, v, rs);
	if (wanted && addr_is_any(&n->dns_host))
		log_warn("No %s resolver found for --dns-forward, use --dns-host",
			 family[v]);
}

static void fill_net(const struct conf *cf, struct net_conf *n, int v,
		     const struct resolv *rs)
{
	if (n->local)
		log_info("No %s uplink found: link-local addresses only", family[v]);
	if (!cf->no_map_gw && addr_is_any(&n->map_host_loopback))
		n->map_host_loopback = n->gw;
	fill_dns(cf, n, v, rs);
}

static void fill_search(struct conf *cf, const struct resolv *rs)
{
	if (cf->search_set)
		return;
	memcpy(cf->search, rs->search, sizeof(cf->search));
	cf->search_count = rs->search_count;
}

/* The interface in the namespace is named like the host's */
static void fill_ifname(struct conf *cf)
{
	int v;

	for (v = V4; v < IPVERS && !cf->ifname[0]; v++)
		if (cf->net[v].enabled)
			strcpy(cf->ifname, cf->net[v].template_if);
	if (!cf->ifname[0])
		strcpy(cf->ifname, "tap0");
}

void conf_finish(struct conf *cf, const struct resolv *rs)
{
	const struct net_conf *n4 = &cf->net[V4];
	bool found = false;
	int v;

	for (v = V4; v < IPVERS; v++) {
		if (!cf->net[v].enabled)
			continue;
		fill_net(cf, &cf->net[v], v, rs);
		found |= cf->net[v].dns_count > 0;
	}
	if (cf->dhcp_dns && !cf->dns_set && !found)
		log_warn("No resolver found to announce to the guest, use --dns");

	if (n4->enabled && addr_is_any(&n4->gw) && !cf->no_dhcp) {
		log_info("No IPv4 router found: no DHCP");
		cf->no_dhcp = true;
	}
	fill_search(cf, rs);
	fill_ifname(cf);
}
