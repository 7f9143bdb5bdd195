/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf.h - everything the user asked for, and what was found out before the start
 *
 * Plain data. Written by conf.c and the start-up code of passt.c, const from
 * then on; every other room only reads it.
 */
#ifndef CONF_H
#define CONF_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "fwd_rule.h"

enum mode { MODE_PASST, MODE_PASTA };

#define CONF_DNS_MAX	3
#define CONF_OTHERS_MAX	64
#define CONF_SEARCH_MAX	6
#define NAME_LEN_MAX	254		/* domain name and NUL */
#define MTU_DEFAULT	65520
#define MTU_MAX		65521		/* 65535 with the Ethernet header */
#define CONF_OPTS_MAX	64		/* raw options, of each kind */

/* One family: what the guest is told and how addresses are translated.
 * An address that is not set is all zeros (addr_is_any()).
 */
struct net_conf {
	bool enabled;			/* family in use */
	bool local;			/* no uplink: link-local addresses only */
	struct addr addr;		/* the guest's own, assigned by us */
	int plen;
	struct addr others[CONF_OTHERS_MAX];	/* that it has as well, copied */
	int other_count;
	struct addr gw;			/* the guest's default router */
	struct addr our;		/* ours on the link: v4 router, v6 link-local */
	struct addr host_ll;		/* v6: link-local address of the template */
	struct addr dns[CONF_DNS_MAX];	/* resolvers to announce */
	int dns_count;
	struct addr dns_forward;	/* queries from the guest to this ... */
	struct addr dns_host;		/* ... go to this resolver of the host */
	struct addr map_host_loopback;	/* appears in the guest, is host loopback */
	struct addr map_guest_addr;	/* appears in the guest, is addr on the host */
	struct addr outbound;		/* source address of host sockets */
	char outbound_if[IFNAMSIZ];	/* device of host sockets, or "" */
	char template_if[IFNAMSIZ];	/* or "" */
	unsigned template_index;	/* its interface index, or 0 */
	bool addr_set;			/* given by -a: not learned, not copied */
	bool gw_set;			/* given by -g: routes not copied */
};

/* An option in a service's message that the user gave by number */
struct raw_opt {
	uint16_t code;
	uint16_t len;
	uint8_t data[256];
};

struct conf {
	enum mode mode;

	/* Running */
	bool foreground;
	bool one_off;
	bool quiet, debug, trace;
	char pid_file[PATH_MAX];
	int pid_fd;			/* or -1 */
	char log_file[PATH_MAX];
	size_t log_size;
	char pcap[PATH_MAX];
	int pcap_fd;			/* or -1 */
	unsigned stats_interval;	/* s, 0: off */
	bool runas_set;
	uid_t uid;
	gid_t gid;
	bool chroot_fallback;
	unsigned busy_poll;		/* us, 0: off */

	/* Guest link */
	char sock_path[PATH_MAX];	/* passt: or "" to probe */
	int fd;				/* --fd, or -1 */
	unsigned mtu;			/* 0: not announced */
	uint8_t our_mac[6];
	uint8_t guest_mac[6];		/* --ns-mac-addr */
	bool guest_mac_set;
	char ifname[IFNAMSIZ];		/* in the namespace */

	/* Namespace */
	char netns[PATH_MAX];		/* to join: with a slash in it, or "" */
	char userns[PATH_MAX];		/* or "" */
	pid_t target_pid;		/* whose these are, or 0 */
	bool netns_only;
	bool no_netns_quit;
	bool no_pidns;
	bool config_net;
	bool no_copy_routes, no_copy_addrs;
	char **command;			/* NULL: not spawn mode */
	char *login_shell[2];		/* storage for the default command */

	/* Protocols and services */
	bool no_tcp, no_udp, no_icmp;
	bool no_dhcp, no_dhcpv6, no_ndp, no_ra;
	bool dhcp_dns, dhcp_search;	/* announce resolvers, search list */
	bool dns_set, search_set;	/* given: resolv.conf is not asked */
	bool freebind;
	bool no_map_gw;
	bool host_lo_to_ns_lo, no_splice, splice_only;
	char hostname[NAME_LEN_MAX];
	char fqdn[NAME_LEN_MAX];
	char search[CONF_SEARCH_MAX][NAME_LEN_MAX];
	int search_count;
	struct raw_opt dhcp_opts[CONF_OPTS_MAX], dhcpv6_opts[CONF_OPTS_MAX],
		ra_opts[CONF_OPTS_MAX];
	int dhcp_opt_count, dhcpv6_opt_count, ra_opt_count;

	struct net_conf net[IPVERS];
	struct fwd_table inbound;	/* host to guest */
	struct fwd_table outbound;	/* namespace's loopback to the host's */
};

#endif
