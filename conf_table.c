/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_table.c - one table describes every option
 *
 * A row holds the names, who takes the option, its argument, the help text
 * with the default, and the function that takes the value. Scanner, mode
 * check, usage, man-page test and completions all come from it. The order is
 * that of --help. Options without a help text are known, so that they can be
 * refused by name, but not supported.
 *
 * Functions for values about addresses, names and ports are in conf_net.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf.h"
#include "conf_int.h"
#include "log.h"
#include "util.h"

void conf_bad(const struct opt *o, const char *arg, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	die("Invalid value '%s' for --%s: %s", arg, o->name, why);
}

static void set_flag(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)arg;
	*(bool *)((char *)p->cf + o->off) = true;
}

static void clear_flag(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)arg;
	*(bool *)((char *)p->cf + o->off) = false;
}

/* All paths are fields of PATH_MAX bytes */
static void set_path(struct conf_parse *p, const struct opt *o, const char *arg)
{
	if (!arg[0])
		conf_bad(o, arg, "the path is empty");
	if (strlen(arg) >= PATH_MAX)
		conf_bad(o, arg, "the path is too long");
	strcpy((char *)p->cf + o->off, arg);
}

static void set_debug(struct conf_parse *p, const struct opt *o, const char *arg)
{
	set_flag(p, o, arg);
	p->cf->debug = true;
	p->cf->quiet = false;
}

static void set_quiet(struct conf_parse *p, const struct opt *o, const char *arg)
{
	set_flag(p, o, arg);
	p->cf->debug = p->cf->trace = false;
}

static void set_stderr(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)o;
	(void)arg;
	p->stderr_given = true;
}

static void set_log_size(struct conf_parse *p, const struct opt *o, const char *arg)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t size, min = 5 * MAX(page, 8192u);

	if (parse_num(arg, SIZE_MAX / 2, &size) || size < min)
		conf_bad(o, arg, "must be a number of bytes, at least %llu",
			 (unsigned long long)min);
	p->cf->log_size = (size_t)size;
}

/* To standard error, which is there in the foreground only: that must have been said */
static void set_stats(struct conf_parse *p, const struct opt *o, const char *arg)
{
	uint64_t s;

	if (parse_num(arg, 86400, &s) || !s)
		conf_bad(o, arg, "must be a number of seconds, 1 to 86400");
	if (!p->cf->foreground)
		die("--stats needs --foreground before it");
	p->cf->stats_interval = (unsigned)s;
}

enum { BUSY_POLL_MAX = 10000 };		/* us */

static void set_busy_poll(struct conf_parse *p, const struct opt *o, const char *arg)
{
	uint64_t us;

	if (parse_num(arg, BUSY_POLL_MAX, &us))
		conf_bad(o, arg, "must be a number of microseconds, 0 to %d", BUSY_POLL_MAX);
	p->cf->busy_poll = (unsigned)us;
}

static void set_runas(struct conf_parse *p, const struct opt *o, const char *arg)
{
	const char *why = conf_user(arg, &p->cf->uid, &p->cf->gid);

	if (why)
		conf_bad(o, arg, "%s", why);
	p->cf->runas_set = true;
}

static void set_fd(struct conf_parse *p, const struct opt *o, const char *arg)
{
	uint64_t fd;

	if (parse_num(arg, INT_MAX, &fd) || fd == STDOUT_FILENO || fd == STDERR_FILENO)
		conf_bad(o, arg, "must be the number of an open descriptor, not 1 or 2");
	if (fcntl((int)fd, F_GETFD) < 0)
		conf_bad(o, arg, "this descriptor is not open");
	p->cf->fd = (int)fd;
	p->cf->sock_path[0] = '\0';
}

static void set_socket(struct conf_parse *p, const struct opt *o, const char *arg)
{
	const size_t max = sizeof((struct sockaddr_un){ 0 }.sun_path) - 1;

	if (strlen(arg) > max)
		conf_bad(o, arg, "paths of sockets have up to %zu characters", max);
	set_path(p, o, arg);
	p->cf->fd = -1;
}

static void set_netns(struct conf_parse *p, const struct opt *o, const char *arg)
{
	char path[PATH_MAX];

	if (!arg[0] || strchr(arg, '/')) {
		set_path(p, o, arg);
		return;
	}
	if (snprintf(path, sizeof(path), "/run/netns/%s", arg) >= (int)sizeof(path))
		conf_bad(o, arg, "the name is too long");
	set_path(p, o, path);
}

static void set_userns(struct conf_parse *p, const struct opt *o, const char *arg)
{
	set_path(p, o, arg);
	p->cf->netns_only = false;
}

static void set_netns_only(struct conf_parse *p, const struct opt *o, const char *arg)
{
	set_flag(p, o, arg);
	p->cf->userns[0] = '\0';
}

static void set_only4(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)o;
	(void)arg;
	p->only4 = true;
	p->only6 = false;
}

static void set_only6(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)o;
	(void)arg;
	p->only6 = true;
	p->only4 = false;
}

static void show_help(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)o;
	(void)arg;
	conf_usage(STDOUT_FILENO, p->who);
	exit(0);
}

static void show_version(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)o;
	(void)arg;
	conf_version(p->who);
	exit(0);
}

static void not_supported(struct conf_parse *p, const struct opt *o, const char *arg)
{
	(void)p;
	(void)arg;
	die("--%s is not supported by this version", o->name);
}

/* "--repair-path none" asks for what we do anyway */
static void set_repair(struct conf_parse *p, const struct opt *o, const char *arg)
{
	if (strcmp(arg, "none"))
		not_supported(p, o, arg);
}

enum {
	GUEST_ADDR = NO_ANY | NO_LOOPBACK | NO_MULTICAST | NO_BROADCAST,
	MAP_ADDR = GUEST_ADDR | OR_NONE,
	DNS_ADDR = NO_ANY | NO_MULTICAST | NO_BROADCAST,
	OUT_ADDR = NO_ANY | NO_LOOPBACK6 | NO_MULTICAST | NO_BROADCAST | NO_COMPAT,
};

#define CF(member)	offsetof(struct conf, member)
#define NET(member)	offsetof(struct net_conf, member)

static const struct opt table[] = {
	/* Running */
	{ "debug", 'd', ANY, NULL, "Log more; default: off", set_debug, CF(debug), 0, 0 },
	{ "trace", 0, ANY, NULL, "Log each packet, implies --debug; default: off",
	  set_debug, CF(trace), 0, 0 },
	{ "quiet", 'q', ANY, NULL, "Log warnings and errors only; default: off",
	  set_quiet, CF(quiet), 0, 0 },
	{ "foreground", 'f', ANY, NULL,
	  "Don't go to the background; default: off, but on "
	  "where pasta runs a command",
	  set_flag, CF(foreground), 0, 0 },
	{ "stderr", 'e', ANY, NULL, "Does nothing, will go away",
	  set_stderr, 0, 0, 0 },
	{ "log-file", 'l', ANY, "PATH", "Log to a file; default: to the system's log",
	  set_path, CF(log_file), 0, 0 },
	{ "log-size", 0, ANY, "BYTES",
	  "Cut the log file when it is larger; default: 1048576",
	  set_log_size, 0, 0, 0 },
	{ "stats", 0, ANY, "SECONDS",
	  "Print counters that often, if there is something to count; --foreground "
	  "must come first; default: off",
	  set_stats, 0, 0, 0 },
	{ "runas", 0, ANY, "USER",
	  "Run as UID, UID:GID, LOGIN or LOGIN:GROUP; default: who "
	  "started it, but nobody if that is root",
	  set_runas, 0, 0, 0 },
	{ "chroot-fallback", 0, ANY, NULL,
	  "Where pivot_root can't work (initramfs), use chroot; "
	  "default: off",
	  set_flag, CF(chroot_fallback), 0, 0 },
	{ "busy-poll", 0, ANY, "USEC",
	  "While events come that often, look for the next one that long before "
	  "sleeping: less latency, more load; default: 0, off",
	  set_busy_poll, 0, 0, 0 },
	{ "pid", 'P', ANY, "FILE", "Write the process ID to FILE; default: none",
	  set_path, CF(pid_file), 0, 0 },
	{ "pcap", 'p', ANY, "FILE", "Capture the guest's traffic to FILE; default: none",
	  set_path, CF(pcap), 0, 0 },
	{ "fd", 'F', ANY, "FD",
	  "Serve an open descriptor: a connected socket (passt) or "
	  "a tap device (pasta); implies --one-off; default: none",
	  set_fd, 0, 0, 0 },
	{ "help", 'h', ANY, NULL, "Print this and exit", show_help, 0, 0, 0 },
	{ "version", 0, ANY, NULL, "Print version and licence and exit",
	  show_version, 0, 0, 0 },

	/* Addresses */
	{ "mtu", 'm', ANY, "BYTES", "MTU of the guest, not announced if 0; default: 65520",
	  conf_set_mtu, 0, 0, 0 },
	{ "address", 'a', ANY, "ADDR[/PLEN]",
	  "Address of the guest, one for each family; default: the "
	  "host's",
	  conf_set_address, 0, GUEST_ADDR, 0 },
	{ "netmask", 'n', ANY, "MASK",
	  "IPv4 netmask, dotted or as a number of bits; default: "
	  "the host's; with --address, of the address's class",
	  conf_set_netmask, 0, 0, 0 },
	{ "mac-addr", 'M', ANY, "MAC",
	  "Our address on the guest's link; default: "
	  "9a:55:9a:55:9a:55",
	  conf_set_mac, CF(our_mac), 0, 0 },
	{ "gateway", 'g', ANY, "ADDR",
	  "Router of the guest, one for each family; default: the "
	  "host's",
	  conf_set_gateway, NET(gw), GUEST_ADDR, 0 },
	{ "interface", 'i', ANY, "IFNAME",
	  "Take addresses and routes from this interface; default: "
	  "the first one with a default route",
	  conf_set_template, CF(net[V4].template_if), 0, 0 },
	{ "outbound", 'o', ANY, "ADDR",
	  "Source address of connections from the guest, one for "
	  "each family; default: the system's choice",
	  conf_set_addr, NET(outbound), OUT_ADDR, 0 },
	{ "outbound-if4", 0, ANY, "IFNAME",
	  "Bind IPv4 sockets to this interface; default: none",
	  conf_set_ifname, CF(net[V4].outbound_if), 0, 0 },
	{ "outbound-if6", 0, ANY, "IFNAME",
	  "Bind IPv6 sockets to this interface; default: none",
	  conf_set_ifname, CF(net[V6].outbound_if), 0, 0 },
	{ "map-host-loopback", 0, ANY, "ADDR",
	  "Address that leads to the host's loopback, one for each "
	  "family, or none; default: the router",
	  conf_set_map_loopback, NET(map_host_loopback), MAP_ADDR, 0 },
	{ "no-map-gw", 0, ANY, NULL,
	  "The router's address does not lead to the host's "
	  "loopback; default: it does",
	  set_flag, CF(no_map_gw), 0, 0 },
	{ "map-guest-addr", 0, ANY, "ADDR",
	  "Address that leads to the guest's own address as the "
	  "host has it, one for each family, or none; default: none",
	  conf_set_addr, NET(map_guest_addr), MAP_ADDR, 0 },
	{ "ipv4-only", '4', ANY, NULL, "No IPv6; default: both", set_only4, 0, 0, 0 },
	{ "ipv6-only", '6', ANY, NULL, "No IPv4; default: both", set_only6, 0, 0, 0 },

	/* Names */
	{ "dns", 'D', ANY, "ADDR",
	  "Resolver to announce, up to 3 for each family, or none; "
	  "default: those of the host",
	  conf_set_dns, 0, DNS_ADDR, 0 },
	{ "dns-forward", 0, ANY, "ADDR",
	  "Queries of the guest to this address go to a resolver "
	  "of the host, one for each family; default: none",
	  conf_set_addr, NET(dns_forward), GUEST_ADDR, 0 },
	{ "dns-host", 0, ANY, "ADDR",
	  "That resolver, one for each family; default: the host's "
	  "first",
	  conf_set_addr, NET(dns_host), DNS_ADDR, 0 },
	{ "search", 'S', ANY, "LIST",
	  "Domains to search, separated by spaces, or none; "
	  "default: those of the host",
	  conf_set_search, 0, 0, 0 },
	{ "hostname", 'H', ANY, "NAME", "Name of the guest; default: none",
	  conf_set_domain, CF(hostname), 0, 0 },
	{ "fqdn", 0, ANY, "NAME", "The same with domain; default: none",
	  conf_set_domain, CF(fqdn), 0, 0 },

	/* Protocols and services */
	{ "no-tcp", 0, ANY, NULL, "Don't forward TCP; default: do", set_flag, CF(no_tcp), 0, 0 },
	{ "no-udp", 0, ANY, NULL, "Don't forward UDP; default: do", set_flag, CF(no_udp), 0, 0 },
	{ "no-icmp", 0, ANY, NULL, "Neither echo nor NDP; default: both",
	  set_flag, CF(no_icmp), 0, 0 },
	{ "no-dhcp", 0, ANY, NULL, "No DHCP server; default: on", set_flag, CF(no_dhcp), 0, 0 },
	{ "no-ndp", 0, ANY, NULL, "Don't answer NDP; default: on", set_flag, CF(no_ndp), 0, 0 },
	{ "no-dhcpv6", 0, ANY, NULL, "No DHCPv6 server; default: on",
	  set_flag, CF(no_dhcpv6), 0, 0 },
	{ "no-ra", 0, ANY, NULL,
	  "No router advertisements; default: on, but off with "
	  "--config-net",
	  set_flag, CF(no_ra), 0, 0 },
	{ "dhcp-opt", 0, ANY, "CODE:VALUE",
	  "Add an option to DHCP messages, or replace one; VALUE by "
	  "type of the option, or 0x and hexadecimal digits; default: none",
	  conf_set_raw, RAW_DHCP, 0, 0 },
	{ "dhcpv6-opt", 0, ANY, "CODE:VALUE", "The same for DHCPv6; default: none",
	  conf_set_raw, RAW_DHCPV6, 0, 0 },
	{ "ra-opt", 0, ANY, "CODE:VALUE", "The same for router advertisements; default: none",
	  conf_set_raw, RAW_RA, 0, 0 },
	{ "freebind", 0, ANY, NULL,
	  "Listen on addresses that don't exist yet; default: off",
	  set_flag, CF(freebind), 0, 0 },

	/* Ports */
	{ "tcp-ports", 't', ANY, "SPEC",
	  "TCP ports to forward to the guest, repeatable; default: "
	  "none (passt), auto (pasta). SPEC is none, or "
	  "[ADDR][%IFNAME]/ and a list of: PORT, FIRST-LAST, "
	  "FROM:TO, FROM:ADDR/TO, ~EXCLUDED, all, auto (what the "
	  "other side listens on), separated by commas",
	  conf_set_ports, TCP_IN, 0, true },
	{ "udp-ports", 'u', ANY, "SPEC",
	  "UDP ports to forward to the guest, likewise; default: as with --tcp-ports",
	  conf_set_ports, UDP_IN, 0, true },

	/* passt only */
	{ "socket", 's', PASST, "PATH",
	  "Socket for the virtual machine; default: the first free "
	  "of /tmp/passt_1.socket, /tmp/passt_2.socket, ...",
	  set_socket, CF(sock_path), 0, 0 },
	{ "socket-path", 's', PASST, "PATH", "The same as --socket",
	  set_socket, CF(sock_path), 0, 0 },
	{ "one-off", '1', PASST, NULL,
	  "Exit when the first virtual machine has gone; default: "
	  "off",
	  set_flag, CF(one_off), 0, 0 },
	{ "no-dhcp-dns", 0, PASST, NULL, "Don't announce resolvers; default: do",
	  clear_flag, CF(dhcp_dns), 0, 0 },
	{ "no-dhcp-search", 0, PASST, NULL,
	  "Don't announce the search list; default: do",
	  clear_flag, CF(dhcp_search), 0, 0 },

	/* pasta only */
	{ "config-net", 0, PASTA, NULL,
	  "Set up interface, addresses and routes in the "
	  "namespace; default: off",
	  set_flag, CF(config_net), 0, 0 },
	{ "netns", 0, PASTA, "PATH|NAME",
	  "Namespace to join, by path or by name of ip-netns(8); "
	  "default: a new one",
	  set_netns, CF(netns), 0, 0 },
	{ "userns", 0, PASTA, "PATH",
	  "User namespace to join; default: that of PID",
	  set_userns, CF(userns), 0, 0 },
	{ "netns-only", 0, PASTA, NULL,
	  "Don't join a user namespace; default: off, but on with "
	  "--netns",
	  set_netns_only, CF(netns_only), 0, 0 },
	{ "no-netns-quit", 0, PASTA, NULL,
	  "Stay when the namespace has gone; default: exit",
	  set_flag, CF(no_netns_quit), 0, 0 },
	{ "no-pidns", 0, PASTA, NULL,
	  "Run the command without a PID namespace of its own; "
	  "default: off",
	  set_flag, CF(no_pidns), 0, 0 },
	{ "ns-ifname", 'I', PASTA, "IFNAME",
	  "Interface in the namespace; default: named like the "
	  "host's, else tap0",
	  conf_set_ifname, CF(ifname), 0, 0 },
	{ "ns-mac-addr", 0, PASTA, "MAC",
	  "Its link-layer address; default: chosen by the system",
	  conf_set_guest_mac, CF(guest_mac), 0, 0 },
	{ "tcp-ns", 'T', PASTA, "SPEC",
	  "TCP ports to forward from the namespace's loopback to "
	  "the host's, repeatable; default: auto",
	  conf_set_ports, TCP_OUT, 0, true },
	{ "udp-ns", 'U', PASTA, "SPEC", "UDP ports, likewise; default: auto",
	  conf_set_ports, UDP_OUT, 0, true },
	{ "host-lo-to-ns-lo", 0, PASTA, NULL,
	  "Connections from the host's loopback go to the "
	  "namespace's loopback; default: to its outer address",
	  set_flag, CF(host_lo_to_ns_lo), 0, 0 },
	{ "no-splice", 0, PASTA, NULL,
	  "Local connections take the way of all others; default: "
	  "a faster one",
	  set_flag, CF(no_splice), 0, 0 },
	{ "splice-only", 0, PASTA, NULL,
	  "No interface, only connections between the loopbacks; "
	  "default: off",
	  set_flag, CF(splice_only), 0, 0 },
	{ "dhcp-dns", 0, PASTA, NULL, "Announce resolvers; default: don't",
	  set_flag, CF(dhcp_dns), 0, 0 },
	{ "dhcp-search", 0, PASTA, NULL, "Announce the search list; default: don't",
	  set_flag, CF(dhcp_search), 0, 0 },
	{ "no-copy-routes", 0, PASTA, NULL,
	  "With --config-net, don't copy routes; will go away; "
	  "default: off",
	  set_flag, CF(no_copy_routes), 0, 0 },
	{ "no-copy-addrs", 0, PASTA, NULL,
	  "With --config-net, don't copy addresses; will go away; "
	  "default: off",
	  set_flag, CF(no_copy_addrs), 0, 0 },

	/* Known, not supported */
	{ "conf-path", 'c', ANY, "PATH", NULL, not_supported, 0, 0, 0 },
	{ "vhost-user", 0, ANY, NULL, NULL, not_supported, 0, 0, 0 },
	{ "print-capabilities", 0, ANY, NULL, NULL, not_supported, 0, 0, 0 },
	{ "repair-path", 0, ANY, "PATH", NULL, set_repair, 0, 0, 0 },
	{ "migrate-exit", 0, ANY, NULL, NULL, not_supported, 0, 0, 0 },
	{ "migrate-no-linger", 0, ANY, NULL, NULL, not_supported, 0, 0, 0 },
};

const struct opt *conf_table(size_t *n)
{
	*n = NELEM(table);
	return table;
}
