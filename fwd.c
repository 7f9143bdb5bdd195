/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fwd.c - where a new flow goes, with which addresses
 *
 * Addresses are translated only where the guest and the host could not both mean
 * the same machine by them: the host's loopback, the guest's own address (which
 * it shares with the host), and resolvers that the host alone reaches. All other
 * peers keep their addresses; ports are never changed here. Pure. Called by
 * the protocols.
 */
#include <errno.h>

#include "conf.h"
#include "fwd.h"
#include "util.h"
#include "worker.h"

enum { PORT_DNS = 53, PORT_DNS_TLS = 853 };

/* Is @a the address that the option @set names, if it was given? */
static bool matches(const struct addr *set, const struct addr *a)
{
	return !addr_is_any(set) && addr_eq(set, a);
}

static bool is_dns(uint8_t proto, uint16_t port)
{
	return (proto == IPPROTO_TCP || proto == IPPROTO_UDP) &&
	       (port == PORT_DNS || port == PORT_DNS_TLS);
}

/* Could the guest have a reason to send there? */
static bool may_go_to(uint8_t proto, const struct addr *a)
{
	if (addr_is_any(a) || addr_is_loopback(a))
		return false;
	return addr_is_unicast(a) || proto == IPPROTO_UDP;
}

int fwd_from_guest(const struct conf *cf, uint8_t proto, const struct side *dst,
		   struct side *remote)
{
	enum ipver v = addr_ver(&dst->addr);
	const struct net_conf *net = &cf->net[v];

	if (!net->enabled)
		return -EAFNOSUPPORT;
	if (!may_go_to(proto, &dst->addr))
		return -EHOSTUNREACH;

	*remote = *dst;
	if (is_dns(proto, dst->port) && matches(&net->dns_forward, &dst->addr))
		remote->addr = net->dns_host;
	else if (matches(&net->map_host_loopback, &dst->addr))
		remote->addr = addr_loopback(v);
	else if (matches(&net->map_guest_addr, &dst->addr))
		remote->addr = net->addr;
	return addr_is_any(&remote->addr) ? -EHOSTUNREACH : 0;
}

/* An address that the guest has from us, which the host has as well? */
static bool is_assigned(const struct net_conf *net, const struct addr *a)
{
	int i;

	for (i = 0; i < net->other_count; i++) {
		if (addr_eq(&net->others[i], a))
			return true;
	}
	return matches(&net->addr, a);
}

bool fwd_is_local(const struct conf *cf, const struct addr *remote)
{
	return addr_is_loopback(remote) ||
	       is_assigned(&cf->net[addr_ver(remote)], remote);
}

/* Would the guest take it for itself, or never answer it? */
static bool is_guests_own(const struct net_conf *net, const struct guest *g,
			  const struct addr *a)
{
	enum ipver v = addr_ver(a);

	return addr_is_loopback(a) || addr_is_any(a) || is_assigned(net, a) ||
	       addr_eq(a, &g->seen[v]) || (v == V6 && addr_eq(a, &g->seen_ll));
}

struct addr fwd_show(const struct conf *cf, const struct guest *g,
		     const struct addr *remote)
{
	enum ipver v = addr_ver(remote);
	const struct net_conf *net = &cf->net[v];
	struct addr lo = addr_loopback(v);

	if (addr_eq(remote, &lo) && !addr_is_any(&net->map_host_loopback))
		return net->map_host_loopback;
	if (is_assigned(net, remote) && !addr_is_any(&net->map_guest_addr))
		return net->map_guest_addr;
	if (is_guests_own(net, g, remote))
		return net->our;
	return *remote;
}

/* The guest's address for a peer that it sees as @seen, possibly unset */
static struct addr guest_addr(const struct net_conf *net, const struct guest *g,
			      const struct addr *seen)
{
	enum ipver v = addr_ver(seen);

	if (v == V6 && addr_is_linklocal(seen) && !addr_is_any(&g->seen_ll))
		return g->seen_ll;
	return addr_is_any(&g->seen[v]) ? net->addr : g->seen[v];
}

int fwd_to_guest(const struct conf *cf, const struct guest *g,
		 const struct side *remote, const struct side *rule,
		 struct side *seen, struct side *guest)
{
	enum ipver v = addr_ver(&remote->addr);
	const struct net_conf *net = &cf->net[v];

	if (!net->enabled)
		return -EHOSTUNREACH;

	seen->addr = fwd_show(cf, g, &remote->addr);
	seen->port = remote->port;
	if (addr_is_any(&seen->addr))
		return -EADDRNOTAVAIL;

	guest->addr = rule->addr;
	guest->port = rule->port;
	if (addr_is_any(&rule->addr))
		guest->addr = guest_addr(net, g, &seen->addr);
	if (addr_is_any(&guest->addr) || addr_ver(&guest->addr) != v)
		return -EHOSTUNREACH;
	return 0;
}
