/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_print.c - usage, version, and the configuration in words
 *
 * Usage and version go straight to a descriptor: they are answers, not
 * messages. Programs search them for names of options, and the configuration
 * for its headings.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "conf_fwd.h"
#include "conf_int.h"
#include "conf_opt.h"
#include "log.h"
#include "util.h"

enum { HELP_COLUMN = 29, HELP_WIDTH = 80 };

/* As much of @text as fits into a line of @width characters: its length */
static size_t line_len(const char *text, size_t width)
{
	size_t len = 0, next = strcspn(text, " ");

	while (next <= width) {
		len = next;
		if (!text[len])
			break;
		next = len + 1 + strcspn(text + len + 1, " ");
	}
	return len ? len : next;
}

/* One option: names, then the lines of its help text in their column */
static void print_option(int fd, const struct opt *o)
{
	char head[64], key[8] = "    ";
	const char *text = o->help;
	size_t len;

	if (o->key)
		snprintf(key, sizeof(key), "-%c, ", o->key);
	snprintf(head, sizeof(head), "  %s--%s%s%s", key, o->name,
		 o->arg ? " " : "", o->arg ? o->arg : "");
	if (strlen(head) > HELP_COLUMN - 2) {
		dprintf(fd, "%s\n", head);
		head[0] = '\0';
	}
	for (; *text; text += len + !!text[len]) {
		len = line_len(text, HELP_WIDTH - HELP_COLUMN);
		dprintf(fd, "%-*s%.*s\n", HELP_COLUMN, head, (int)len, text);
		head[0] = '\0';
	}
}

static void print_options(int fd, const char *title, unsigned who)
{
	const struct opt *t;
	size_t i, n;

	dprintf(fd, "\n%s:\n", title);
	t = conf_table(&n);
	for (i = 0; i < n; i++)
		if (t[i].help && t[i].who == who)
			print_option(fd, &t[i]);
}

static void print_synopsis(int fd, unsigned who)
{
	if (who == PASTA)
		dprintf(fd, "Usage: pasta [OPTION]... [COMMAND [ARG]...]\n"
			    "       pasta [OPTION]... PID\n"
			    "       pasta [OPTION]... --netns PATH|NAME\n");
	else
		dprintf(fd, "Usage: passt [OPTION]...\n");
}

void conf_usage(int fd, unsigned who)
{
	print_synopsis(fd, who);
	dprintf(fd, who == PASTA ?
		"\nRun COMMAND, or a login shell, in a new network namespace that is "
		"connected like\nthe host, or connect a namespace that is there "
		"already.\n" :
		"\nConnect a virtual machine like the host, through a UNIX socket.\n");
	print_options(fd, "Options", ANY);
	print_options(fd, "Options of passt only", PASST);
	print_options(fd, "Options of pasta only", PASTA);
}

void conf_hint(int fd, unsigned who)
{
	print_synopsis(fd, who);
	dprintf(fd, "All options: %s --help\n", who == PASTA ? "pasta" : "passt");
}

void conf_version(unsigned who)
{
	dprintf(STDOUT_FILENO,
		"%s " VERSION "\n"
		"GNU General Public License, version 2 or later\n"
		"  <https://www.gnu.org/licenses/old-licenses/gpl-2.0.html>\n"
		"This is free software: you are free to change and redistribute it.\n"
		"There is NO WARRANTY, to the extent permitted by law.\n",
		who == PASTA ? "pasta" : "passt");
}

/* "What: value", if there is one */
static void print_addr(const char *what, const struct addr *a)
{
	char buf[ADDR_STRLEN];

	if (!addr_is_any(a))
		log_info("%s: %s", what, addr_str(a, buf));
}

static void print_template(const struct conf *cf)
{
	static const char *const family[IPVERS] = { "IPv4", "IPv6" };
	char line[2 * (IFNAMSIZ + 16)] = "";
	size_t at = 0;
	int v;

	for (v = V4; v < IPVERS; v++) {
		const struct net_conf *n = &cf->net[v];

		if (n->enabled && n->template_if[0])
			at += (size_t)snprintf(line + at, sizeof(line) - at,
					       "%s%s (%s)", at ? ", " : "",
					       n->template_if, family[v]);
	}
	if (at)
		log_info("Template interface: %s", line);
}

static void print_outbound(const struct conf *cf)
{
	const struct net_conf *n4 = &cf->net[V4], *n6 = &cf->net[V6];

	if (n4->outbound_if[0])
		log_info("Outbound interface (IPv4): %s", n4->outbound_if);
	if (n6->outbound_if[0])
		log_info("Outbound interface (IPv6): %s", n6->outbound_if);
	print_addr("Outbound address (IPv4)", &n4->outbound);
	print_addr("Outbound address (IPv6)", &n6->outbound);
}

static void print_dns(const struct conf *cf, const struct net_conf *n)
{
	char buf[ADDR_STRLEN];
	int i;

	if (cf->dhcp_dns && n->dns_count) {
		log_info("DNS:");
		for (i = 0; i < n->dns_count; i++)
			log_info("    %s", addr_str(&n->dns[i], buf));
	}
	if (cf->dhcp_search && cf->search_count) {
		log_info("DNS search list:");
		for (i = 0; i < cf->search_count; i++)
			log_info("    %s", cf->search[i]);
	}
}

static void print_v4(const struct conf *cf, const struct net_conf *n)
{
	struct addr mask = addr_v4(n->plen ? htonl(~0u << (32 - n->plen)) : 0);

	print_addr("    NAT to host 127.0.0.1", &n->map_host_loopback);
	if (cf->no_dhcp)
		return;
	log_info("DHCP:");
	print_addr("    assign", &n->addr);
	print_addr("    mask", &mask);
	print_addr("    router", &n->gw);
	print_dns(cf, n);
}

static void print_v6(const struct conf *cf, const struct net_conf *n)
{
	bool ndp = !cf->no_ndp, dhcp = !cf->no_dhcpv6;

	print_addr("    NAT to host ::1", &n->map_host_loopback);
	if (!ndp && !dhcp)
		return;
	log_info("%s:", ndp && dhcp ? "NDP/DHCPv6" : ndp ? "NDP" : "DHCPv6");
	print_addr("    assign", &n->addr);
	print_addr("    router", &n->gw);
	print_addr("    our link-local", &n->our);
	print_dns(cf, n);
}

static void print_rules(const char *title, const struct fwd_table *t)
{
	char buf[FWD_RULE_STRLEN];
	int i;

	if (t->count)
		log_info("%s:", title);
	for (i = 0; i < t->count; i++)
		log_info("    %s", conf_fwd_str(&t->rules[i], buf));
}

static void print_link(const struct conf *cf)
{
	char buf[MAC_STRLEN];

	print_template(cf);
	print_outbound(cf);
	if (cf->command || cf->netns[0])
		log_info("Namespace interface: %s", cf->ifname);
	log_info("MAC:");
	log_info("    host: %s", mac_str(cf->our_mac, buf));
	if (cf->net[V4].enabled)
		print_v4(cf, &cf->net[V4]);
	if (cf->net[V6].enabled)
		print_v6(cf, &cf->net[V6]);
}

void conf_print(const struct conf *cf)
{
	if (!cf->splice_only)
		print_link(cf);
	print_rules("Inbound forwarding rules (HOST)", &cf->inbound);
	print_rules("Outbound forwarding rules (SPLICE)", &cf->outbound);
}
