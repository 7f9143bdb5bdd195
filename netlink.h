/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink.h - addresses, links and routes as plain structs, in and out
 *
 * Start-up only, in two steps: netlink_discover() in the host's namespace finds what
 * the guest is to look like and keeps what must be copied; netlink_configure() sets
 * that up through a handle opened in the guest's namespace, where it needs
 * CAP_NET_ADMIN. Errors are -errno; nl->line then says what failed.
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "nl.h"

struct conf;
struct net_conf;
struct nlmsghdr;

enum {
	NET_ADDRS_MAX = 256,		/* of one interface and family */
	NET_ROUTES_MAX = 4096,		/* per family; hops of multipath count */
	NET_ROUTES_SPARE = 64,		/* of these, kept free for default routes */
	NET_RAW_MAX = 512 << 10,	/* bytes of messages, per family */
};

struct net_link {
	unsigned index, mtu, flags;	/* flags: IFF_* */
	char name[IFNAMSIZ];
	uint8_t mac[6];
	int gen_mode;			/* IN6_ADDR_GEN_MODE_*; -1: no IPv6 here */
};

struct net_addr {
	struct addr addr, peer;		/* peer: own address if there is none */
	uint32_t bcast;			/* IPv4, network byte order, or 0 */
	uint32_t flags;			/* IFA_F_* */
	uint32_t metric;		/* of the prefix's route, or 0; not dumped */
	unsigned ifindex;
	uint8_t plen, scope;		/* scope: RT_SCOPE_* */
};

/* A unicast route of the main table, or one hop of it */
struct net_route {
	struct addr dst, gw;		/* gw: of either family; any: on link */
	unsigned oif;
	uint32_t metric;
	uint32_t raw;			/* offset of the kernel's message */
	uint16_t weight;		/* of this hop, 1 to 256 */
	uint8_t plen, scope, protocol;
	bool next_hop;			/* one more hop of the route before */
	bool pending;			/* netlink_configure(): still to be set */
};

/* What a guest takes over from the host's interface */
struct net_template {
	unsigned ifindex;		/* 0: none */
	struct addr gw;			/* or any */
	struct addr addr;		/* or any */
	int plen;
	struct addr ll;			/* IPv6: link-local address, or any */
};

/* One family of the host; memory is touched as far as there is data */
struct net {
	struct net_template template;
	int addr_count, route_count;
	unsigned addrs_missed, routes_missed;	/* for lack of room */
	size_t raw_len;
	struct net_addr addrs[NET_ADDRS_MAX];	/* of the template only */
	struct net_route routes[NET_ROUTES_MAX];
	_Alignas(8) uint8_t raw[NET_RAW_MAX];
};

struct net_host { struct net net[IPVERS]; };

/* How far netlink_configure() came with each family */
struct net_report {
	int err[IPVERS];		/* first failure, -errno, or 0 */
	char line[IPVERS][NL_LINE_MAX];	/* what failed and why */
	unsigned routes_failed[IPVERS];	/* refused by the kernel */
	unsigned routes_missed[IPVERS];	/* more than we have room for */
};

/* In the host's namespace, for each enabled family: find the template, fill @cf
 * and @host. net_conf.template_if is the user's choice of interface or "", then
 * outbound_if counts; on return it names the template. addr_set and gw_set protect
 * addr and gw, a plen other than 0 is kept. No uplink is no error (local mode), only
 * an interface that the user named and that does not exist or, for outbound_if, has
 * no address.
 */
int netlink_discover(struct nl *nl, struct conf *cf, struct net_host *host);

/* In the guest's namespace: bring lo up; on the tap device @ifname (NULL: there is none)
 * set the queue length @txqlen (packets, 0: leave) and the MAC address if the user
 * gave one; with config_net also name and MTU, bring it up, set addresses and routes.
 * On return these are in use and none is tentative. An error is a link that can't be
 * set up; what fails of a family is in @rep only. Renaming waits for an RCU grace
 * period: better create the device with its final name.
 */
int netlink_configure(struct nl *nl, const struct conf *cf, struct net_host *host,
		      const char *ifname, unsigned txqlen, struct net_report *rep);

/* The parts of the above */

/* The interface @name or, if that is NULL, @index */
int netlink_link(struct nl *nl, const char *name, unsigned index, struct net_link *out);

/* Fill the routes of @net, or the addresses of its template's interface */
int netlink_dump_routes(struct nl *nl, enum ipver ver, struct net *net);
int netlink_dump_addrs(struct nl *nl, enum ipver ver, struct net *net);

/* Keep the kernel's message @m in @net if it is a route of interest; pure */
void netlink_keep_route(struct net *net, enum ipver ver, const struct nlmsghdr *m);

/* From the routes of @net choose its template's interface and gateway: @want, or the
 * first with a default route, or the first with any route of more than link
 * scope; pure
 */
void netlink_pick_route(struct net *net, enum ipver ver, unsigned want);

/* From the addresses of @net choose its template's address; pure */
void netlink_pick_addr(struct net *net, enum ipver ver);

/* Does the guest get the address @a of its template, besides its first one? Not what is going
 * away or of this link only; pure
 */
bool netlink_is_copied(const struct net_addr *a, enum ipver ver);

/* Complete @nc from @t where the user has not decided, or for local mode if there is no
 * address to use: local, addr, plen, gw, our, host_ll, template_index; pure
 */
void netlink_fill(struct net_conf *nc, enum ipver ver, const struct net_template *t);

/* Queue a request for a copy of the route message @raw: its hops through interface
 * @from, now through @to. 0, -ENOENT if there are none, -EMSGSIZE; pure
 */
int netlink_queue_route(struct nl *nl, const struct nlmsghdr *raw, unsigned from,
			unsigned to);

#endif
