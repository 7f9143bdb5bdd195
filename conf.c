/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf.c - the command line: scanner, defaults, what goes with what
 *
 * The scanner follows the conventions of getopt_long(3) of the GNU C library,
 * with parsing that stops at the first argument that is no option, and prints
 * its texts letter by letter: programs that start us look for them. It is
 * our own because other C libraries print other texts.
 *
 * The command line is read twice: port specifiers come last, because what they
 * mean depends on the address families in use and on disabled protocols. Then
 * options are checked against each other. What depends on the host's
 * interfaces follows in conf_finish.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf.h"
#include "conf_int.h"
#include "conf_opt.h"
#include "link_pcap.h"
#include "log.h"
#include "util.h"

enum { LOG_SIZE = 1 << 20, MTU_MIN4 = 68, MTU_MIN6 = 1280 };

/* The command line while it is read */
struct scan {
	char **argv;
	int argc;
	int i;				/* next argument */
	const char *cluster;		/* rest of "-abc", or NULL */
	char why[2048];			/* what is wrong, or "" */
};

__attribute__((format(printf, 2, 3)))
static const struct opt *scan_fail(struct scan *s, const char *fmt, ...)
{
	int n = snprintf(s->why, sizeof(s->why), "%.256s: ", s->argv[0]);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why + n, sizeof(s->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return NULL;
}

static const struct opt *find_key(char key)
{
	const struct opt *t;
	size_t i, n;

	t = conf_table(&n);
	for (i = 0; i < n; i++)
		if (t[i].key && t[i].key == key)
			return &t[i];
	return NULL;
}

/* One option of a cluster */
static const struct opt *scan_short(struct scan *s, const char **arg)
{
	char key = *s->cluster++;
	const struct opt *o = find_key(key);

	if (!o)
		return scan_fail(s, "invalid option -- '%c'", key);
	if (!o->arg)
		return o;
	if (*s->cluster)
		*arg = s->cluster;
	else if (s->i < s->argc)
		*arg = s->argv[s->i++];
	else
		return scan_fail(s, "option requires an argument -- '%c'", key);
	s->cluster = NULL;
	return o;
}

static bool same_option(const struct opt *x, const struct opt *y)
{
	return x == y || (x->key && x->key == y->key);
}

/* @text, with @len characters of name, begins the names of several options */
static const struct opt *scan_ambiguous(struct scan *s, const char *text, size_t len)
{
	const struct opt *t;
	size_t i, n, at;

	scan_fail(s, "option '--%.128s' is ambiguous; possibilities:", text);
	t = conf_table(&n);
	for (i = 0; i < n; i++) {
		if (strncmp(t[i].name, text, len))
			continue;
		at = strlen(s->why);
		snprintf(s->why + at, sizeof(s->why) - at, " '--%s'", t[i].name);
	}
	return NULL;
}

/* The option that @text, up to "=", names or abbreviates */
static const struct opt *find_name(struct scan *s, const char *text, size_t len)
{
	const struct opt *t, *found = NULL;
	bool ambiguous = false;
	size_t i, n;

	t = conf_table(&n);
	for (i = 0; i < n; i++) {
		if (strncmp(t[i].name, text, len))
			continue;
		if (!t[i].name[len])
			return &t[i];
		ambiguous |= found && !same_option(found, &t[i]);
		found = found ? found : &t[i];
	}
	if (ambiguous)
		return scan_ambiguous(s, text, len);
	if (!found)
		return scan_fail(s, "unrecognized option '--%.512s'", text);
	return found;
}

static const struct opt *scan_long(struct scan *s, const char *text, const char **arg)
{
	size_t len = strcspn(text, "=");
	const struct opt *o = find_name(s, text, len);

	if (!o)
		return NULL;
	if (text[len] && !o->arg)
		return scan_fail(s, "option '--%s' doesn't allow an argument", o->name);
	if (!o->arg)
		return o;
	if (text[len])
		*arg = text + len + 1;
	else if (s->i < s->argc)
		*arg = s->argv[s->i++];
	else
		return scan_fail(s, "option '--%s' requires an argument", o->name);
	return o;
}

/* The next option and its argument; NULL at the end, or with @s->why set */
static const struct opt *scan_next(struct scan *s, const char **arg)
{
	const char *a;

	if (s->cluster && *s->cluster)
		return scan_short(s, arg);
	if (s->i >= s->argc)
		return NULL;
	a = s->argv[s->i];
	if (a[0] != '-' || !a[1])
		return NULL;
	s->i++;
	if (a[1] != '-') {
		s->cluster = a + 1;
		return scan_short(s, arg);
	}
	return a[2] ? scan_long(s, a + 2, arg) : NULL;
}

/* Read all options, those with or those without @late: index of what follows */
static int read_options(struct conf_parse *p, int argc, char **argv, bool late)
{
	struct scan s = { .argv = argv, .argc = argc, .i = 1 };
	const char *arg = NULL;
	const struct opt *o;

	while ((o = scan_next(&s, &arg))) {
		if (!(o->who & p->who))
			die("--%s is for %s mode only", o->name,
			    o->who == PASTA ? "pasta" : "passt");
		if (o->late == late)
			o->set(p, o, arg);
	}
	if (s.why[0]) {
		log_err("%s", s.why);
		conf_hint(STDERR_FILENO, p->who);
		exit(1);
	}
	return s.i;
}

/* The program's name tells the mode */
static unsigned mode_of(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *base = slash ? slash + 1 : argv0;

	if (strstr(base, "pasta"))
		return PASTA;
	if (strstr(base, "passt"))
		return PASST;
	die("%s: can't tell what to do by this name, start as 'passt' or 'pasta'",
	    argv0);
}

static void set_defaults(struct conf *cf, unsigned who)
{
	static const uint8_t mac[6] = { 0x9a, 0x55, 0x9a, 0x55, 0x9a, 0x55 };

	memset(cf, 0, sizeof(*cf));
	cf->mode = who == PASTA ? MODE_PASTA : MODE_PASST;
	cf->pid_fd = cf->pcap_fd = cf->fd = -1;
	cf->log_size = LOG_SIZE;
	cf->mtu = MTU_DEFAULT;
	memcpy(cf->our_mac, mac, sizeof(mac));
	cf->dhcp_dns = cf->dhcp_search = who == PASST;
}

static void apply_log(const struct conf *cf)
{
	if (cf->quiet)
		log_set_level(LOG_WARN);
	else if (cf->trace)
		log_set_level(LOG_TRC);
	else
		log_set_level(cf->debug ? LOG_DBG : LOG_NOTE);
	log_set_timestamps(cf->debug);
}

/* Does the kernel have this family? */
static bool have_family(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

static void set_families(struct conf_parse *p)
{
	bool v4 = !p->only6 && have_family(AF_INET);
	bool v6 = !p->only4 && have_family(AF_INET6);

	if (!v4 && !v6)
		die("--ipv%d-only: the system has no IPv%d",
		    p->only4 ? 4 : 6, p->only4 ? 4 : 6);
	p->cf->net[V4].enabled = v4;
	p->cf->net[V6].enabled = v6;
}

static void check_netmask(struct conf_parse *p)
{
	if (p->mask >= 0 && p->plen >= 0)
		die("--netmask can't be used together with a prefix length in --address");
	if (p->mask >= 0)
		p->cf->net[V4].plen = p->mask;
	else if (p->plen >= 0)
		p->cf->net[V4].plen = p->plen;
}

static void check_mtu(const struct conf *cf)
{
	if (!cf->mtu)
		return;
	if (cf->net[V4].enabled && cf->mtu < MTU_MIN4)
		log_warn("MTU %u is below the minimum of IPv4, %d", cf->mtu, MTU_MIN4);
	if (cf->net[V6].enabled && cf->mtu < MTU_MIN6)
		log_warn("MTU %u is below the minimum of IPv6, %d", cf->mtu, MTU_MIN6);
}

/* Pairs of options that exclude each other, and those that go away */
static void check_pairs(const struct conf_parse *p)
{
	const struct conf *cf = p->cf;

	if (cf->no_splice && cf->host_lo_to_ns_lo)
		die("--host-lo-to-ns-lo can't be used together with --no-splice");
	if (cf->no_splice && cf->splice_only)
		die("--splice-only can't be used together with --no-splice");
	if (cf->no_copy_routes && !cf->config_net)
		die("--no-copy-routes needs --config-net");
	if (cf->no_copy_addrs && !cf->config_net)
		die("--no-copy-addrs needs --config-net");
	if (cf->no_copy_routes)
		log_warn("--no-copy-routes will go away");
	if (cf->no_copy_addrs)
		log_warn("--no-copy-addrs will go away");
	if (p->stderr_given)
		log_warn("--stderr does nothing and will go away");
}

/* Options that switch on or off others */
static void set_implied(struct conf *cf)
{
	if (cf->splice_only) {
		cf->host_lo_to_ns_lo = cf->no_icmp = true;
		cf->no_dhcp = cf->no_dhcpv6 = true;
		cf->dhcp_dns = cf->dhcp_search = false;
		cf->dns_set = cf->search_set = true;
		cf->search_count = 0;
	}
	cf->no_ndp |= cf->no_icmp;
	cf->no_ra |= cf->no_ndp || cf->config_net;
	cf->one_off |= cf->fd >= 0;
}

static void get_ephemeral(struct conf_parse *p)
{
	char buf[64];
	unsigned first, last;

	p->eph_first = 49152;		/* RFC 6335, 6 */
	p->eph_last = 65535;
	if (read_file("/proc/sys/net/ipv4/ip_local_port_range", buf, sizeof(buf)) > 0 &&
	    sscanf(buf, "%u %u", &first, &last) == 2 &&
	    first && first <= last && last <= 65535) {
		p->eph_first = (uint16_t)first;
		p->eph_last = (uint16_t)last;
	}
}

/* pasta forwards what listens, unless told otherwise */
static void add_default_ports(struct conf_parse *p)
{
	static const char *const names[] = {
		[TCP_IN] = "tcp-ports", [UDP_IN] = "udp-ports",
		[TCP_OUT] = "tcp-ns", [UDP_OUT] = "udp-ns",
	};
	const struct conf *cf = p->cf;
	int i;

	if (p->who != PASTA)
		return;
	for (i = 0; i < PORT_OPTS; i++) {
		bool tcp = i == TCP_IN || i == TCP_OUT;
		bool out = i == TCP_OUT || i == UDP_OUT;

		if (!p->ports_given[i] && !(tcp ? cf->no_tcp : cf->no_udp) &&
		    !(out && cf->no_splice))
			conf_add_ports(p, i, names[i], "auto");
	}
}

/* A single number after the options: join the namespaces of that process */
static bool take_pid(struct conf *cf, const char *s)
{
	char path[64];
	uint64_t pid;

	if (!*s || s[strspn(s, "0123456789")])
		return false;
	if (parse_num(s, INT_MAX, &pid) || !pid)
		die("'%s' is not a process ID", s);
	cf->target_pid = (pid_t)pid;
	snprintf(path, sizeof(path), "/proc/%d", cf->target_pid);
	if (access(path, F_OK))
		die("Process %s does not exist", s);
	snprintf(cf->netns, sizeof(cf->netns), "%s/ns/net", path);
	if (!cf->userns[0] && !cf->netns_only)
		snprintf(cf->userns, sizeof(cf->userns), "%s/ns/user", path);
	return true;
}

static void take_command(struct conf *cf, int n, char **args)
{
	if (cf->userns[0])
		die("--userns needs a PID or --netns");
	if (!n) {
		cf->login_shell[0] = getenv("SHELL");
		if (!cf->login_shell[0] || !cf->login_shell[0][0])
			cf->login_shell[0] = "/bin/sh";
	}
	cf->command = n ? args : cf->login_shell;
	cf->foreground = true;
}

/* What stands after the options says where pasta goes to */
static void take_target(struct conf *cf, int n, char **args)
{
	if (cf->netns[0]) {
		if (n)
			die("--netns can't be used together with a PID or command ('%s')",
			    args[0]);
		cf->netns_only |= !cf->userns[0];
	} else if (n != 1 || !take_pid(cf, args[0])) {
		take_command(cf, n, args);
	}
	if (cf->no_pidns && !cf->command)
		die("--no-pidns is possible only where pasta runs a command");
}

void conf_parse(struct conf *cf, int argc, char **argv)
{
	struct conf_parse p = { .cf = cf, .mask = -1, .plen = -1 };
	int rest;

	p.who = mode_of(argv[0]);
	log_set_ident(p.who == PASTA ? "pasta" : "passt");
	set_defaults(cf, p.who);
	rest = read_options(&p, argc, argv, false);
	apply_log(cf);

	set_families(&p);
	check_netmask(&p);
	check_pairs(&p);
	check_mtu(cf);
	set_implied(cf);
	if (p.who == PASTA)
		take_target(cf, argc - rest, argv + rest);
	else if (rest < argc)
		die("Unexpected argument '%s': there is nothing but options",
		    argv[rest]);

	/* Standard error is the command's */
	log_limit_stderr(cf->command && !cf->debug ? LOG_WARN : LOG_TRC);
	get_ephemeral(&p);
	read_options(&p, argc, argv, true);
	add_default_ports(&p);
}

static int open_pid(const char *path)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* Open the file that @what needs, if there is one: descriptor or -1. If it is new, nothing
 * of it is left should the start fail.
 */
static int open_file(const char *what, const char *path, int (*fn)(const char *path))
{
	bool created = access(path, F_OK);
	int fd;

	if (!path[0])
		return -1;
	if (created)
		die_unlink(path);
	fd = fn(path);
	if (fd < 0)
		die_errno(fd, "Can't open %s file %s", what, path);
	return fd;
}

void conf_open(struct conf *cf)
{
	int rc;

	if (!cf->log_file[0]) {
		log_open_syslog();
	} else {
		rc = log_open_file(cf->log_file, cf->log_size);
		if (rc)
			die_errno(rc, "Can't open log file %s", cf->log_file);
	}
	cf->pid_fd = open_file("PID", cf->pid_file, open_pid);
	cf->pcap_fd = open_file("capture", cf->pcap, link_pcap_open);
}
