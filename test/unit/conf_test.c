/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_test.c - command lines: values, refusals, order, what follows from them
 *
 * links: conf_table conf_net conf_finish conf_print conf_user conf_raw conf_fwd
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "../../conf.h"
#include "../../conf_fwd.h"
#include "../../conf_int.h"
#include "../../conf_opt.h"
#include "../../log.h"
#include "../../resolv.h"
#include "../../util.h"

static struct conf cf;
static char out[1 << 16], msg[1 << 16];	/* output and messages of a child */

enum { ARGS_MAX = 64 };

/* @line, cut at spaces, as argv; '' is an empty argument, "_" a space in one */
static int split(char *line, char **argv)
{
	int n = 0, i;
	char *s;

	for (s = strtok(line, " "); s; s = strtok(NULL, " ")) {
		if (!strcmp(s, "''"))
			*s = '\0';
		for (i = 0; s[i]; i++)
			if (s[i] == '_')
				s[i] = ' ';
		argv[n++] = s;
	}
	argv[n] = NULL;
	return n;
}

static char line_buf[2048];
static char *args[ARGS_MAX];

/* Parse here: for command lines without faults */
static void parse(const char *line)
{
	snprintf(line_buf, sizeof(line_buf), "%s", line);
	conf_parse(&cf, split(line_buf, args), args);
}

/* Parse in a child, finish and print too if @finish: its exit status */
static int run(const char *line, void (*finish)(void))
{
	char path[2][32] = { "/tmp/conf_test.XXXXXX", "/tmp/conf_test.XXXXXX" };
	int st, i, fds[2] = { mkstemp(path[0]), mkstemp(path[1]) };
	pid_t pid = fork();

	if (!pid) {
		dup2(fds[0], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		log_set_stderr(true);
		parse(line);
		if (finish)
			finish();
		exit(0);
	}
	waitpid(pid, &st, 0);
	read_file(path[0], out, sizeof(out));
	read_file(path[1], msg, sizeof(msg));
	for (i = 0; i < 2; i++) {
		close(fds[i]);
		unlink(path[i]);
	}
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static int lines(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static bool is_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_STRLEN];

	return !strcmp(addr_str(a, buf), text);
}

static const char *const bad[][2] = {
	/* command line, part of the message */
	{ "foo -d", "start as 'passt' or 'pasta'" },
	{ "/x/pasta/foo", "start as 'passt' or 'pasta'" },
	{ "pasta -m 65522", "Invalid value '65522' for --mtu: " },
	{ "pasta -m x", "Invalid value 'x' for --mtu: " },
	{ "pasta -m -1", "Invalid value '-1' for --mtu: " },
	{ "pasta -a 127.0.0.1", "'127.0.0.1' for --address: a loopback" },
	{ "pasta -a 0.0.0.0", "unspecified" },
	{ "pasta -a ::", "unspecified" },
	{ "pasta -a ::1", "loopback" },
	{ "pasta -a 224.0.0.1", "multicast" },
	{ "pasta -a ff02::1", "multicast" },
	{ "pasta -a 255.255.255.255", "broadcast" },
	{ "pasta -a 10.0.0", "not an IPv4 or IPv6 address" },
	{ "pasta -a ''", "not an IPv4 or IPv6 address" },
	{ "pasta -a ::ffff:10.0.0.1", "own form" },
	{ "pasta -a 10.0.0.1/33", "'10.0.0.1/33' for --address: prefix" },
	{ "pasta -a 10.0.0.1/", "prefix" },
	{ "pasta -a fd00::1/129", "prefix" },
	{ "pasta -a 10.0.0.1/8 -n 8", "--netmask can't be used" },
	{ "pasta -n 8 -a 10.0.0.1/8", "--netmask can't be used" },
	{ "pasta -n 0", "--netmask" },
	{ "pasta -n 33", "--netmask" },
	{ "pasta -n 255.0.255.0", "not a mask" },
	{ "pasta -n 0.0.0.0", "not a mask" },
	{ "pasta -n ffff::", "--netmask" },
	{ "pasta -M 9a:55:9a:55:9a", "--mac-addr" },
	{ "pasta -M 01:55:9a:55:9a:55", "multicast" },
	{ "pasta --ns-mac-addr x", "--ns-mac-addr" },
	{ "pasta -g 127.0.0.1", "--gateway: a loopback" },
	{ "pasta -g 0.0.0.0", "unspecified" },
	{ "pasta -g 255.255.255.255", "broadcast" },
	{ "pasta -i sixteen-letters-", "--interface" },
	{ "pasta -i a/b", "--interface" },
	{ "pasta -I ''", "--ns-ifname" },
	{ "pasta -o 0.0.0.0", "unspecified" },
	{ "pasta -o ::1", "loopback" },
	{ "pasta -o ff02::1", "multicast" },
	{ "pasta -o ::ffff:10.0.0.1", "own form" },
	{ "pasta -o ::10.0.0.1", "IPv4-compatible" },
	{ "pasta -D foo", "'foo' for --dns" },
	{ "pasta -D 0.0.0.0", "unspecified" },
	{ "pasta --dns-forward 127.0.0.1", "--dns-forward: a loopback" },
	{ "pasta --dns-forward none", "--dns-forward" },
	{ "pasta --map-host-loopback 127.0.0.1", "loopback" },
	{ "pasta --map-host-loopback 224.0.0.1", "multicast" },
	{ "pasta --map-guest-addr ::", "unspecified" },
	{ "pasta -S a_b_c_d_e_f_g", "6 domains" },
	{ "pasta -H ''", "--hostname" },
	{ "pasta --log-size 40959", "at least 40960" },
	{ "pasta --log-size 1M", "--log-size" },
	{ "pasta -l ''", "--log-file: the path is empty" },
	{ "pasta --runas nosuchuser", "'nosuchuser' for --runas: there is no such user" },
	{ "pasta --runas 1000:nosuchgroup", "no such group" },
	{ "pasta --runas root", "by its number" },
	{ "pasta -F 1", "--fd" },
	{ "pasta -F 2", "--fd" },
	{ "pasta -F x", "--fd" },
	{ "pasta -F 789", "not open" },
	{ "pasta -t 0", "Invalid port specifier '0': port 0 can't be forwarded "
			"(option --tcp-ports)" },
	{ "pasta -t 80 -t none", "conflict" },
	{ "pasta -t 80 --no-tcp", "TCP is disabled" },
	{ "pasta -t 10.0.0.1/80 -6", "IPv4 is disabled" },
	{ "pasta -T 127.0.0.1/80", "--tcp-ns" },
	{ "passt -t auto", "pasta mode only" },
	{ "passt -T 80", "--tcp-ns is for pasta mode only" },
	{ "passt --config-net", "--config-net is for pasta mode only" },
	{ "passt --dhcp-dns", "--dhcp-dns is for pasta mode only" },
	{ "pasta -s /x", "--socket is for passt mode only" },
	{ "pasta -1", "--one-off is for passt mode only" },
	{ "pasta --no-dhcp-dns", "--no-dhcp-dns is for passt mode only" },
	{ "passt foo", "Unexpected argument 'foo'" },
	{ "pasta --netns x 1", "--netns can't be used" },
	{ "pasta --netns /x -- true", "--netns can't be used" },
	{ "pasta --netns ''", "--netns" },
	{ "pasta 0", "'0' is not a process ID" },
	{ "pasta 99999999999", "not a process ID" },
	{ "pasta 2147483647", "Process 2147483647 does not exist" },
	{ "pasta --no-pidns --netns x", "--no-pidns" },
	{ "pasta --userns /x true", "--userns needs" },
	{ "pasta --no-splice --host-lo-to-ns-lo", "--no-splice" },
	{ "pasta --splice-only --no-splice", "--no-splice" },
	{ "pasta --no-splice -T 80", "--no-splice" },
	{ "pasta --no-copy-routes", "needs --config-net" },
	{ "pasta --no-copy-addrs", "needs --config-net" },
	{ "passt --vhost-user", "--vhost-user is not supported by this version" },
	{ "passt --repair-path x", "--repair-path is not supported" },
	{ "passt --migrate-exit", "--migrate-exit is not supported" },
	{ "passt --migrate-no-linger", "--migrate-no-linger is not supported" },
	{ "passt --print-capabilities", "--print-capabilities is not supported" },
	{ "passt -c /x", "--conf-path is not supported" },
	{ "passt --stats 1", "--stats needs --foreground before it" },
	{ "passt --dhcp-opt 42", "CODE:VALUE" },
	{ "passt --dhcp-opt 42:x", "IPv4 addresses" },
	{ "passt --dhcp-opt 256:0x00", "no option with this code" },
	{ "passt --dhcp-opt 0:0x00", "no option with this code" },
	{ "passt --dhcp-opt 200:abc", "not known" },
	{ "passt --dhcp-opt 200:0x012", "two hexadecimal" },
	{ "passt --dhcp-opt 200:0x0x", "no hexadecimal" },
	{ "passt --dhcp-opt 51:1,2", "one value" },
	{ "passt --dhcp-opt 26:65536", "from 0 to 65535" },
	{ "passt --dhcpv6-opt 31:10.0.0.1", "IPv6 addresses" },
};

/* One line on standard error, no output, status 1 */
static void t_bad(void)
{
	size_t i;

	for (i = 0; i < NELEM(bad); i++)
		if (!CHECK(run(bad[i][0], NULL) == 1) || !CHECK(strstr(msg, bad[i][1])) ||
		    !CHECK(lines(msg) == 1 && !out[0]))
			fprintf(stderr, "\t%s: %s\n", bad[i][0], msg);
}

/* Texts of GNU getopt_long(), then usage */
static void t_scanner(void)
{
	static const char *const rows[][2] = {
		{ "pasta --foo", "pasta: unrecognized option '--foo'\n" },
		{ "pasta --foo=1 x", "pasta: unrecognized option '--foo=1'\n" },
		{ "/bin/passt --nsrun-dir x", "/bin/passt: unrecognized option '--nsrun-dir'\n" },
		{ "pasta --mtu", "pasta: option '--mtu' requires an argument\n" },
		{ "pasta --help=1", "pasta: option '--help' doesn't allow an argument\n" },
		{ "pasta --hel=1", "pasta: option '--help' doesn't allow an argument\n" },
		{ "pasta -z", "pasta: invalid option -- 'z'\n" },
		{ "pasta -qz", "pasta: invalid option -- 'z'\n" },
		{ "pasta -m", "pasta: option requires an argument -- 'm'\n" },
		{ "pasta --net", "pasta: option '--net' is ambiguous; possibilities: "
				 "'--netmask' '--netns' '--netns-only'\n" },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (!CHECK(run(rows[i][0], NULL) == 1) ||
		    !CHECK(!strncmp(msg, rows[i][1], strlen(rows[i][1]))) ||
		    !CHECK(strstr(msg, "\nUsage: ") && !out[0]))
			fprintf(stderr, "\t%s: %.200s\n", rows[i][0], msg);

	parse("pasta -qfm1400 --no-tc --ns-if=a --ns-m 9a:00:00:00:00:01 -- -x --foo");
	CHECK(cf.quiet && cf.foreground && cf.mtu == 1400 && cf.no_tcp);
	CHECK(!strcmp(cf.ifname, "a") && cf.guest_mac_set && cf.guest_mac[5] == 1);
	CHECK(cf.command && !strcmp(cf.command[0], "-x") && !strcmp(cf.command[1], "--foo"));
	parse("pasta -q cmd --foo -m");
	CHECK(!strcmp(cf.command[0], "cmd") && !strcmp(cf.command[2], "-m") &&
	      !cf.command[3] && cf.mtu == MTU_DEFAULT);
	parse("passt --sock /x");
	CHECK(!strcmp(cf.sock_path, "/x"));
}

static void t_answers(void)
{
	const struct opt *t;
	char name[64];
	size_t i, n;

	CHECK(run("pasta --help", NULL) == 0 && !msg[0] && strstr(out, "Usage: pasta "));
	t = conf_table(&n);
	CHECK(n > 70);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "--%s", t[i].name);
		CHECK(!t[i].help || strstr(out, name));
	}
	CHECK(!strstr(out, "--vhost-user") && !strstr(out, "--conf-path"));
	CHECK(run("passt -h", NULL) == 0 && strstr(out, "Usage: passt "));
	CHECK(run("pasta --host-lo-to-ns-lo --version", NULL) == 0 && !msg[0]);
	CHECK(!strncmp(out, "pasta ", 6) && lines(out) > 1);
	CHECK(run("passt --version --foo", NULL) == 0 && !strncmp(out, "passt ", 6));
}

/* Every option is refused in the other mode, and wants or doesn't want an argument */
static void t_table(void)
{
	const struct opt *t;
	char line[128], want[128];
	size_t i, n;

	t = conf_table(&n);
	for (i = 0; i < n; i++) {
		const char *prog = t[i].who == PASST ? "passt" : "pasta";

		snprintf(line, sizeof(line), "%s --%s%s", prog, t[i].name,
			 t[i].arg ? "" : "=1");
		snprintf(want, sizeof(want), "%s: option '--%s' %s", prog, t[i].name,
			 t[i].arg ? "requires an argument\n" : "doesn't allow an argument\n");
		CHECK(run(line, NULL) == 1 && !strncmp(msg, want, strlen(want)));
		if (t[i].who == ANY)
			continue;
		snprintf(line, sizeof(line), "%s --%s%s",
			 t[i].who == PASST ? "pasta" : "passt", t[i].name,
			 t[i].arg ? "=1" : "");
		snprintf(want, sizeof(want), "--%s is for %s mode only\n", t[i].name, prog);
		CHECK(run(line, NULL) == 1 && !strcmp(msg, want));
	}
}

static void t_defaults(void)
{
	parse("/usr/bin/pasta --netns /x");
	CHECK(cf.mode == MODE_PASTA && cf.mtu == 65520 && cf.fd == -1 && cf.pid_fd == -1);
	CHECK(cf.net[V4].enabled && cf.log_size == 1048576);
	CHECK(cf.our_mac[0] == 0x9a && cf.our_mac[5] == 0x55 && !cf.guest_mac_set);
	CHECK(!cf.dhcp_dns && !cf.dhcp_search && !cf.foreground && !cf.one_off);
	CHECK(cf.inbound.count >= 2 && cf.outbound.count >= 2);
	CHECK(cf.inbound.rules[0].scan && cf.inbound.rules[0].weak);
	CHECK(!strcmp(cf.outbound.rules[0].ifname, "lo"));
	parse("/usr/bin/passt.avx2");
	CHECK(cf.mode == MODE_PASST && cf.dhcp_dns && cf.dhcp_search);
	CHECK(!cf.inbound.count && !cf.outbound.count && !cf.command);
	parse("passt --no-dhcp-dns --no-dhcp-search");
	CHECK(!cf.dhcp_dns && !cf.dhcp_search);
	parse("pasta -t none -u none -T none -U none --netns /x");
	CHECK(!cf.inbound.count && !cf.outbound.count);
	parse("pasta --no-tcp --no-udp --netns /x");
	CHECK(!cf.inbound.count && !cf.outbound.count);
	parse("pasta --no-splice --netns /x");
	CHECK(cf.inbound.count && !cf.outbound.count);
}

/* What is given last counts */
static void t_order(void)
{
	parse("pasta -q -d --netns /x");
	CHECK(cf.debug && !cf.quiet && log_on(LOG_DBG) && !log_on(LOG_TRC));
	parse("pasta --trace -q --netns /x");
	CHECK(!cf.debug && !cf.trace && cf.quiet && !log_on(LOG_NOTE));
	parse("pasta --trace --netns /x");
	CHECK(cf.debug && cf.trace && log_on(LOG_TRC));
	parse("passt -s /x -F 0");
	CHECK(cf.fd == 0 && !cf.sock_path[0] && cf.one_off);
	parse("passt -F 0 -s /x");
	CHECK(cf.fd == -1 && !strcmp(cf.sock_path, "/x") && !cf.one_off);
	parse("pasta --userns /u --netns-only --netns /x");
	CHECK(cf.netns_only && !cf.userns[0]);
	parse("pasta --netns-only --userns /u --netns /x");
	CHECK(!cf.netns_only && !strcmp(cf.userns, "/u"));
	parse("pasta -t 80 -4 -m 1 -m 1500 -a 10.0.0.1 -a 10.0.0.2 --netns /x");
	CHECK(cf.inbound.count && is_addr(&cf.inbound.rules[0].listen, "0.0.0.0"));
	CHECK(cf.mtu == 1500 && is_addr(&cf.net[V4].addr, "10.0.0.2"));
	parse("pasta -t none -t 80 -u none --netns /x");
	CHECK(cf.inbound.count == 1);
	parse("passt -4 -6");
	CHECK(!cf.net[V4].enabled);
	parse("passt -6 -4");
	CHECK(cf.net[V4].enabled && !cf.net[V6].enabled);
	parse("passt --map-host-loopback 10.0.0.9 --map-host-loopback none");
	CHECK(cf.no_map_gw && addr_is_any(&cf.net[V4].map_host_loopback));
	parse("passt --map-host-loopback none --map-host-loopback 10.0.0.9");
	CHECK(is_addr(&cf.net[V4].map_host_loopback, "10.0.0.9"));
	parse("passt -D 10.0.0.1 --dns-forward 10.0.0.2 --dns-host 10.0.0.3 -D none -D 10.0.0.4");
	CHECK(cf.dns_set && cf.net[V4].dns_count == 1 && addr_is_any(&cf.net[V4].dns_forward));
	CHECK(addr_is_any(&cf.net[V4].dns_host) && is_addr(&cf.net[V4].dns[0], "10.0.0.4"));
}

static void t_values(void)
{
	parse("passt -a 10.0.0.1 -a fd00::1/48");
	CHECK(cf.net[V4].addr_set && cf.net[V4].plen == 8);
	CHECK(cf.net[V6].addr_set && cf.net[V6].plen == 64);
	parse("passt -a 172.16.0.0");
	CHECK(cf.net[V4].plen == 16);
	parse("passt -a 10.0.2.0 -n 24");
	CHECK(cf.net[V4].plen == 24);
	parse("passt -a 192.168.0.1");
	CHECK(cf.net[V4].plen == 24);
	parse("passt -n 255.255.240.0 -a 10.0.2.0");
	CHECK(cf.net[V4].plen == 20);
	parse("passt -a 10.0.2.0/32");
	CHECK(cf.net[V4].plen == 32);
	parse("passt -n 32");
	CHECK(cf.net[V4].plen == 32 && !cf.net[V4].addr_set);
	parse("passt -g 10.0.0.1 -g fe80::1 -o 10.0.0.3 -o fd00::3");
	CHECK(cf.net[V4].gw_set && cf.net[V6].gw_set && is_addr(&cf.net[V6].gw, "fe80::1"));
	CHECK(is_addr(&cf.net[V4].outbound, "10.0.0.3"));
	CHECK(is_addr(&cf.net[V6].outbound, "fd00::3"));
	parse("passt -i eth0 --outbound-if4 eth1 --outbound-if6 eth2");
	CHECK(!strcmp(cf.net[V4].template_if, "eth0") && !strcmp(cf.net[V6].template_if, "eth0"));
	CHECK(!strcmp(cf.net[V4].outbound_if, "eth1") && !strcmp(cf.net[V6].outbound_if, "eth2"));
	parse("passt -D 10.0.0.1 -D 10.0.0.2 -D 10.0.0.3 -D 10.0.0.4 -D fd00::1 -S a_b -S c");
	CHECK(cf.net[V4].dns_count == 3 && cf.net[V6].dns_count == 1);
	CHECK(cf.search_count == 3 && !strcmp(cf.search[1], "b") && !strcmp(cf.search[2], "c"));
	parse("passt -D '' -S ''");
	CHECK(cf.dns_set && cf.search_set && !cf.search_count && !cf.net[V4].dns_count);
	parse("passt -m 0 --runas 12:34 --log-size 0xa000");
	CHECK(cf.mtu == 0 && cf.runas_set && cf.uid == 12 && cf.gid == 34 &&
	      cf.log_size == 40960);
	parse("passt --runas 12");
	CHECK(cf.uid == 12 && cf.gid == 12);
	parse("passt --repair-path none --no-icmp");
	CHECK(cf.no_icmp && cf.no_ndp && cf.no_ra && !cf.no_dhcp);
	parse("pasta --config-net --netns /x");
	CHECK(cf.no_ra && !cf.no_ndp);
	parse("pasta --splice-only --dhcp-dns -S a --netns /x");
	CHECK(cf.host_lo_to_ns_lo && cf.no_icmp && !cf.dhcp_dns && !cf.search_count);
}

static void t_target(void)
{
	char line[64], path[64];

	parse("pasta --netns name");
	CHECK(!strcmp(cf.netns, "/run/netns/name") && cf.netns_only && !cf.command);
	parse("pasta --netns /proc/self/ns/net");
	CHECK(!strcmp(cf.netns, "/proc/self/ns/net") && !cf.foreground);
	snprintf(line, sizeof(line), "pasta %d", getpid());
	parse(line);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", getpid());
	CHECK(cf.target_pid == getpid() && !strcmp(cf.netns, path));
	CHECK(strstr(cf.userns, "/ns/user") && !cf.command && !cf.netns_only);
	snprintf(line, sizeof(line), "pasta --netns-only %d", getpid());
	parse(line);
	CHECK(!cf.userns[0] && cf.netns_only);
	snprintf(line, sizeof(line), "pasta %d x", getpid());
	parse(line);
	CHECK(cf.command && !cf.target_pid && cf.foreground);
	setenv("SHELL", "/bin/foo", 1);
	parse("pasta -d");
	CHECK(cf.command == cf.login_shell && !strcmp(cf.command[0], "/bin/foo") &&
	      !cf.command[1] && cf.foreground);
	unsetenv("SHELL");
	parse("pasta --no-pidns");
	CHECK(!strcmp(cf.command[0], "/bin/sh") && cf.no_pidns);
}

/* What programs that start us pass */
static void t_clients(void)
{
	static const char *const rows[] = {
		"pasta --config-net -t 8080-8080:80-80 -t ::1/81-82:91-92 "
		"-u 127.0.0.1/5000-5000:5000-5000 --dns-forward 169.254.1.1 -T none -U none "
		"--no-map-gw --quiet --netns /run/user/1000/netns/netns-1 "
		"--map-guest-addr 169.254.1.2",
		"passt --one-off --socket /run/x.socket --pid /run/x.pid --mtu 1500 "
		"--interface eth0 --log-file /x.log --hostname a --fqdn a.b --address 10.0.0.2 "
		"--netmask 24 --address fd00::2 --tcp-ports 10.0.0.1%eth0/22,80-90:8080-8090,~85 "
		"--tcp-ports %eth1/all --udp-ports all",
		"passt --quiet --mtu 1500 --address 10.0.0.2 --netmask 255.255.255.0 --mac-addr "
		"9a:55:9a:55:9a:56 --gateway 10.0.0.1 --interface eth0 --outbound 10.0.0.3 "
		"--outbound-if4 eth0 --outbound-if6 eth0 --dns 10.0.0.1 --fqdn a.b --no-dhcp-dns "
		"--no-dhcp-search --map-host-loopback 10.0.0.9 --map-guest-addr 10.0.0.8 "
		"--dns-forward 10.0.0.7 --dns-host 10.0.0.6 --no-icmp --no-dhcp "
		"--no-ndp --no-dhcpv6 --no-ra --freebind --ipv6-only --ipv4-only --search a_b_c "
		"--tcp-ports 22,80:8080 --udp-ports 53 --pid /tmp/passt-XXXXXX.pid --fd 0",
		"pasta --stderr --ns-ifname=tap0 --mtu=65520 --config-net --address=10.0.2.100 "
		"--netmask=24 --gateway=10.0.2.2 --dns-forward=10.0.2.3 --no-map-gw --ipv4-only "
		"--tcp-ports=auto --udp-ports=none --host-lo-to-ns-lo "
		"--userns=/proc/1/ns/user --netns=/x",
		"passt -q -f --fd 0 -t 127.0.0.1/80-81:8080-8081 -u 10-20:30-40",
		"passt -t all -f --fd 0",
		"pasta --foreground --pid /x --config-net --quiet --host-lo-to-ns-lo --userns /u "
		"--netns /n --no-map-gw --map-host-loopback 10.0.0.1",
		"pasta -q --ipv4-only -a 10.0.2.0 -n 24 -g 10.0.2.2 --dns-forward 10.0.2.3 -m 1500 "
		"--no-ndp --no-dhcpv6 --no-dhcp -P /x -t 127.0.0.1/8080:80 --netns /x",
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		int st = run(rows[i], NULL);

		if (!CHECK(!st && !out[0]) || !CHECK(!strstr(msg, "Usage")))
			fprintf(stderr, "\t%s: %s\n", rows[i], msg);
	}
}

/* Interface and resolvers as if found on the host */
static struct resolv rs;

static void discovered(const char *addr4, const char *gw4, const char *addr6, const char *gw6)
{
	const char *addr[] = { addr4, addr6 }, *gw[] = { gw4, gw6 };
	int v;

	for (v = V4; v < IPVERS; v++) {
		struct net_conf *n = &cf.net[v];

		n->enabled = true;
		strcpy(n->template_if, v == V4 ? "eth4" : "eth6");
		if (!n->addr_set)
			addr_parse(addr[v], &n->addr);
		if (!n->gw_set)
			addr_parse(gw[v], &n->gw);
		n->plen = n->plen ? n->plen : v == V4 ? 24 : 64;
		n->our = n->gw;
	}
}

static void resolvers(const char *a, const char *b, const char *c)
{
	const char *s[] = { a, b, c };

	memset(&rs, 0, sizeof(rs));
	for (; rs.server_count < 3 && s[rs.server_count]; rs.server_count++)
		addr_parse(s[rs.server_count], &rs.servers[rs.server_count]);
	rs.search_count = 1;
	strcpy(rs.search[0], "example.org");
}

static void finish(const char *line)
{
	parse(line);
	discovered("192.0.2.5", "192.0.2.1", "2001:db8::5", "fe80::1");
	conf_finish(&cf, &rs);
}

static void t_finish(void)
{
	const struct net_conf *n4 = &cf.net[V4], *n6 = &cf.net[V6];

	resolvers("198.51.100.1", "2001:db8::53", "198.51.100.2");
	finish("passt");
	CHECK(is_addr(&n4->map_host_loopback, "192.0.2.1"));
	CHECK(is_addr(&n6->map_host_loopback, "fe80::1"));
	CHECK(n4->dns_count == 2 && is_addr(&n4->dns[1], "198.51.100.2"));
	CHECK(n6->dns_count == 1 && is_addr(&n6->dns[0], "2001:db8::53"));
	CHECK(is_addr(&n4->dns_host, "198.51.100.1") && addr_is_any(&n4->dns_forward));
	CHECK(cf.search_count == 1 && !strcmp(cf.search[0], "example.org"));
	CHECK(!strcmp(cf.ifname, "eth4") && !cf.no_dhcp);

	finish("passt -D 203.0.113.1 -S none --dns-host 203.0.113.9 --no-map-gw");
	CHECK(n4->dns_count == 1 && is_addr(&n4->dns[0], "203.0.113.1") && !n6->dns_count);
	CHECK(!cf.search_count && is_addr(&n4->dns_host, "203.0.113.9"));
	CHECK(addr_is_any(&n4->map_host_loopback) && addr_is_any(&n6->map_host_loopback));

	finish("passt -D none --no-map-gw --map-host-loopback 192.0.2.77");
	CHECK(is_addr(&n4->map_host_loopback, "192.0.2.77") && !n4->dns_count);
	CHECK(addr_is_any(&n6->map_host_loopback));
}

/* Resolvers that the guest can't reach as they are */
static void t_finish_dns(void)
{
	const struct net_conf *n4 = &cf.net[V4], *n6 = &cf.net[V6];

	resolvers("127.0.0.53", "198.51.100.2", NULL);
	finish("passt --no-map-gw --map-host-loopback 192.0.2.77");
	CHECK(n4->dns_count == 2 && is_addr(&n4->dns[0], "192.0.2.77"));
	CHECK(is_addr(&n4->dns_forward, "192.0.2.77") && is_addr(&n4->dns_host, "127.0.0.53"));
	CHECK(!n6->dns_count && addr_is_any(&n6->dns_forward) && addr_is_any(&n6->dns_host));

	finish("passt --dns-forward 192.0.2.78");
	CHECK(is_addr(&n4->dns[0], "192.0.2.78") && is_addr(&n4->dns_forward, "192.0.2.78"));

	finish("passt --no-map-gw");
	CHECK(n4->dns_count == 1 && is_addr(&n4->dns[0], "198.51.100.2"));
	CHECK(addr_is_any(&n4->dns_forward));

	resolvers("192.0.2.1", "127.0.0.1", NULL);
	finish("pasta --netns /x");
	CHECK(!cf.dhcp_dns && is_addr(&n4->dns_forward, "192.0.2.1"));
	CHECK(is_addr(&n4->dns_host, "192.0.2.1"));
	CHECK(n4->dns_count == 1 && is_addr(&n4->dns[0], "192.0.2.1"));

	resolvers("192.0.2.1", NULL, NULL);
	finish("passt --no-map-gw");
	CHECK(n4->dns_count == 1 && addr_is_any(&n4->dns_forward));
}

static void t_finish_gw(void)
{
	resolvers(NULL, NULL, NULL);
	parse("pasta --netns /x");
	discovered("192.0.2.5", "0.0.0.0", "2001:db8::5", "::");
	cf.net[V4].template_if[0] = '\0';
	conf_finish(&cf, &rs);
	CHECK(cf.no_dhcp && addr_is_any(&cf.net[V4].map_host_loopback));
	CHECK(!strcmp(cf.ifname, "eth6"));
	parse("pasta --netns /x -4 -I tap9");
	conf_finish(&cf, &rs);
	CHECK(!strcmp(cf.ifname, "tap9"));
	parse("pasta --netns /x -4");
	conf_finish(&cf, &rs);
	CHECK(!strcmp(cf.ifname, "tap0"));
}

static void print(void)
{
	discovered("192.0.2.5", "192.0.2.1", "2001:db8::5", "fe80::1");
	conf_finish(&cf, &rs);
	conf_print(&cf);
}

static void t_print(void)
{
	static const char want[] =
		"Template interface: eth4 (IPv4), eth6 (IPv6)\n"
		"Outbound interface (IPv4): eth9\n"
		"Namespace interface: eth4\n"
		"MAC:\n"
		"    host: 9a:55:9a:55:9a:55\n"
		"    NAT to host 127.0.0.1: 192.0.2.1\n"
		"DHCP:\n"
		"    assign: 192.0.2.5\n"
		"    mask: 255.255.255.0\n"
		"    router: 192.0.2.1\n"
		"DNS:\n"
		"    198.51.100.1\n"
		"    NAT to host ::1: fe80::1\n"
		"NDP/DHCPv6:\n"
		"    assign: 2001:db8::5\n"
		"    router: fe80::1\n"
		"    our link-local: fe80::1\n"
		"Inbound forwarding rules (HOST):\n"
		"    TCP *:80  =>  80\n"
		"Outbound forwarding rules (SPLICE):\n"
		"    UDP *%lo:53  =>  53\n";

	resolvers("198.51.100.1", NULL, NULL);
	CHECK(!run("pasta --dhcp-dns --outbound-if4 eth9 -t 80 -u none -T none -U 53 "
		   "--netns /x", print));
	CHECK(!strcmp(msg, want));
	CHECK(!run("pasta -q --netns /x", print) && !msg[0]);
	CHECK(!run("pasta -m 67 -e --netns /x", NULL) && lines(msg) == 3);
}

static void t_raw(void)
{
	static const struct {
		enum conf_raw_kind kind;
		const char *arg;
		unsigned code, len;
		const char *data;
	} rows[] = {
		{ RAW_DHCP, "42:10.0.0.1,10.0.0.2", 42, 8, "\x0a\0\0\1\x0a\0\0\2" },
		{ RAW_DHCP, "51:3600", 51, 4, "\0\0\x0e\x10" },
		{ RAW_DHCP, "26:1400", 26, 2, "\x05\x78" },
		{ RAW_DHCP, "23:64", 23, 1, "\x40" },
		{ RAW_DHCP, "15:a:b,c", 15, 5, "a:b,c" },
		{ RAW_DHCP, "200:0x00fF7a", 200, 3, "\0\xff\x7a" },
		{ RAW_DHCPV6, "32:0x01", 32, 1, "\1" },
		{ RAW_DHCPV6, "31:::1", 31, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" },
		{ RAW_RA, "5:0x00001", 0, 0, NULL },
		{ RAW_RA, "24:0x0102", 24, 2, "\1\2" },
		{ RAW_RA, "24:1", 0, 0, NULL },
		{ RAW_DHCP, "42:10.0.0.1,", 0, 0, NULL },
	};
	struct raw_opt o;
	char big[600];
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		const char *why = conf_raw(rows[i].kind, rows[i].arg, &o);

		CHECK(!why == !!rows[i].data);
		if (!why)
			CHECK(o.code == rows[i].code && o.len == rows[i].len &&
			      !memcmp(o.data, rows[i].data, o.len));
	}
	memset(big, 'x', sizeof(big));
	memcpy(big, "15:", 3);
	big[3 + 255] = '\0';
	CHECK(!conf_raw(RAW_DHCP, big, &o) && o.len == 255);
	big[3 + 255] = 'x';
	big[3 + 256] = '\0';
	CHECK(conf_raw(RAW_DHCP, big, &o));
	parse("passt --dhcp-opt 42:10.0.0.1 --dhcpv6-opt 59:http://x --ra-opt 9:0x00");
	CHECK(cf.dhcp_opt_count == 1 && cf.dhcpv6_opt_count == 1 && cf.ra_opt_count == 1);
}

static void open_files(void)
{
	conf_open(&cf);
	CHECK(!cf.pid_file[0] || write(cf.pid_fd, "1\n", 2) == 2);
}

static void t_open(void)
{
	char path[] = "/tmp/conftest.XXXXXX", line[128], buf[256];
	int fd = mkstemp(path);

	CHECK(write(fd, "old contents", 12) == 12);
	close(fd);
	snprintf(line, sizeof(line), "passt -P %s", path);
	CHECK(!run(line, open_files) && !msg[0]);
	CHECK(read_file(path, buf, sizeof(buf)) == 2 && !strcmp(buf, "1\n"));
	snprintf(line, sizeof(line), "passt -l %s", path);
	CHECK(!run(line, open_files) && !msg[0]);
	CHECK(read_file(path, buf, sizeof(buf)) > 0 && !strncmp(buf, "passt ", 6));
	unlink(path);

	CHECK(run("passt -P /nonexistent/x", open_files) == 1);
	CHECK(!strcmp(msg, "Can't open PID file /nonexistent/x: No such file or directory\n"));
	CHECK(run("passt -l /nonexistent/x", open_files) == 1);
	CHECK(!strcmp(msg, "Can't open log file /nonexistent/x: No such file or directory\n"));
}

int main(void)
{
	log_set_stderr(false);
	t_bad();
	t_scanner();
	t_answers();
	t_table();
	t_defaults();
	t_order();
	t_values();
	t_target();
	t_clients();
	t_finish();
	t_finish_dns();
	t_finish_gw();
	t_print();
	t_raw();
	t_open();
	return test_end("conf");
}
