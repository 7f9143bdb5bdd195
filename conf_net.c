/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_net.c - values of the options about addresses, names and ports
 *
 * Called by the scanner of conf.c through the option table. Each either takes its
 * argument or refuses it with a message and exit status 1.
 */
#include <string.h>

#include "conf.h"
#include "conf_fwd.h"
#include "conf_int.h"
#include "log.h"
#include "util.h"

/* Where the field of option @o lies in @base */
static void *field(void *base, const struct opt *o)
{
	return (char *)base + o->off;
}

static bool is_none(const char *arg)
{
	return !strcmp(arg, "none");
}

/* The first 96 bits are zero: IPv4-compatible (RFC 4291, 2.5.5.1) */
static bool is_compat(const struct addr *a)
{
	return !a->w[0] && !a->w[1] && !a->w[2] && !addr_is_any(a) &&
	       !addr_is_loopback(a);
}

/* What keeps @a, given as @text, from being a value of @o; or NULL */
static const char *refuse(const struct opt *o, const struct addr *a,
			  const char *text)
{
	bool is4 = addr_is4(a);

	if (is4 && strchr(text, ':'))
		return "give an IPv4 address in its own form";
	if (o->rules & NO_COMPAT && is_compat(a))
		return "an IPv4-compatible address can't be used";
	if (o->rules & NO_ANY && addr_is_any(a))
		return "the unspecified address can't be used";
	if (o->rules & NO_LOOPBACK && addr_is_loopback(a))
		return "a loopback address can't be used";
	if (o->rules & NO_LOOPBACK6 && addr_is_loopback(a) && !is4)
		return "the loopback address can't be used";
	if (o->rules & NO_MULTICAST && addr_is_multicast(a))
		return "a multicast address can't be used";
	if (o->rules & NO_BROADCAST && addr_is_broadcast(a))
		return "the broadcast address can't be used";
	return NULL;
}

static struct addr get_addr(const struct opt *o, const char *arg)
{
	const char *why;
	struct addr a;

	if (addr_parse(arg, &a))
		conf_bad(o, arg, "not an IPv4 or IPv6 address");
	why = refuse(o, &a, arg);
	if (why)
		conf_bad(o, arg, "%s", why);
	return a;
}

/* An address of each family, at o->off of struct net_conf */
void conf_set_addr(struct conf_parse *p, const struct opt *o, const char *arg)
{
	struct net_conf *net = p->cf->net;
	struct addr a;

	if (o->rules & OR_NONE && is_none(arg)) {
		memset(field(&net[V4], o), 0, sizeof(a));
		memset(field(&net[V6], o), 0, sizeof(a));
		return;
	}
	a = get_addr(o, arg);
	memcpy(field(&net[addr_ver(&a)], o), &a, sizeof(a));
}

void conf_set_gateway(struct conf_parse *p, const struct opt *o, const char *arg)
{
	struct addr a = get_addr(o, arg);

	conf_set_addr(p, o, arg);
	p->cf->net[addr_ver(&a)].gw_set = true;
}

void conf_set_map_loopback(struct conf_parse *p, const struct opt *o, const char *arg)
{
	conf_set_addr(p, o, arg);
	if (is_none(arg))
		p->cf->no_map_gw = true;
}

/* Prefix length of the address class, for those who give none (RFC 791, 3.2) */
static int class_plen(const struct addr *a)
{
	if (a->b[12] < 128)
		return 8;
	if (a->b[12] < 192)
		return 16;
	return a->b[12] < 224 ? 24 : 32;
}

void conf_set_address(struct conf_parse *p, const struct opt *o, const char *arg)
{
	size_t len = strcspn(arg, "/");
	char text[ADDR_STRLEN];
	uint64_t plen = 0;
	struct net_conf *n;
	struct addr a;

	if (len >= sizeof(text))
		conf_bad(o, arg, "not an IPv4 or IPv6 address");
	memcpy(text, arg, len);
	text[len] = '\0';
	a = get_addr(o, text);
	if (arg[len] && parse_num(arg + len + 1, addr_is4(&a) ? 32 : 128, &plen))
		conf_bad(o, arg, "prefix length must be from 0 to %d",
			 addr_is4(&a) ? 32 : 128);

	n = &p->cf->net[addr_ver(&a)];
	n->addr = a;
	n->addr_set = true;
	n->plen = addr_is4(&a) ? class_plen(&a) : 64;	/* SLAAC: always 64 */
	if (addr_is4(&a))
		p->plen = arg[len] ? (int)plen : -1;
}

void conf_set_netmask(struct conf_parse *p, const struct opt *o, const char *arg)
{
	struct addr a;
	uint64_t bits;
	uint32_t m;

	if (!parse_num(arg, 32, &bits) && bits) {
		p->mask = (int)bits;
		return;
	}
	if (addr_parse(arg, &a) || !addr_is4(&a))
		conf_bad(o, arg, "must be from 1 to 32 or like 255.255.255.0");
	m = ntohl(addr_to4(&a));
	if (!m || (~m & (~m + 1)))
		conf_bad(o, arg, "not a mask of leading one bits");
	p->mask = __builtin_popcount(m);
}

void conf_set_mac(struct conf_parse *p, const struct opt *o, const char *arg)
{
	uint8_t mac[6];

	if (mac_parse(arg, mac))
		conf_bad(o, arg, "must be like 9a:55:9a:55:9a:55");
	if (mac[0] & 1)
		conf_bad(o, arg, "a multicast address can't be used");
	memcpy(field(p->cf, o), mac, sizeof(mac));
}

void conf_set_guest_mac(struct conf_parse *p, const struct opt *o, const char *arg)
{
	conf_set_mac(p, o, arg);
	p->cf->guest_mac_set = true;
}

void conf_set_ifname(struct conf_parse *p, const struct opt *o, const char *arg)
{
	if (!arg[0] || strlen(arg) >= IFNAMSIZ)
		conf_bad(o, arg, "names of interfaces have 1 to %d characters",
			 IFNAMSIZ - 1);
	if (strpbrk(arg, "/: \t\n\v\f\r") || !strcmp(arg, ".") || !strcmp(arg, ".."))
		conf_bad(o, arg, "no interface can have that name");
	strcpy(field(p->cf, o), arg);
}

void conf_set_template(struct conf_parse *p, const struct opt *o, const char *arg)
{
	conf_set_ifname(p, o, arg);
	strcpy(p->cf->net[V6].template_if, p->cf->net[V4].template_if);
}

void conf_set_domain(struct conf_parse *p, const struct opt *o, const char *arg)
{
	if (!arg[0] || strlen(arg) >= NAME_LEN_MAX)
		conf_bad(o, arg, "names have 1 to %d characters", NAME_LEN_MAX - 1);
	strcpy(field(p->cf, o), arg);
}

void conf_set_dns(struct conf_parse *p, const struct opt *o, const char *arg)
{
	struct net_conf *n;
	struct addr a;
	int v;

	p->cf->dns_set = true;
	if (!arg[0] || is_none(arg)) {
		for (v = V4; v < IPVERS; v++) {
			n = &p->cf->net[v];
			n->dns_count = 0;
			n->dns_forward = n->dns_host = (struct addr){ 0 };
		}
		return;
	}
	a = get_addr(o, arg);
	n = &p->cf->net[addr_ver(&a)];
	if (n->dns_count < CONF_DNS_MAX)
		n->dns[n->dns_count++] = a;
}

void conf_set_search(struct conf_parse *p, const struct opt *o, const char *arg)
{
	const char *all = arg;
	struct conf *cf = p->cf;
	size_t len;

	cf->search_set = true;
	if (!arg[0] || is_none(arg)) {
		cf->search_count = 0;
		return;
	}
	for (; *arg; arg += len + !!arg[len]) {
		len = strcspn(arg, " ");
		if (!len)
			continue;
		if (len >= NAME_LEN_MAX)
			conf_bad(o, all, "names have up to %d characters",
				 NAME_LEN_MAX - 1);
		if (cf->search_count == CONF_SEARCH_MAX)
			conf_bad(o, all, "there may be %d domains", CONF_SEARCH_MAX);
		memcpy(cf->search[cf->search_count], arg, len);
		cf->search[cf->search_count++][len] = '\0';
	}
}

void conf_set_mtu(struct conf_parse *p, const struct opt *o, const char *arg)
{
	uint64_t mtu;

	if (parse_num(arg, MTU_MAX, &mtu))
		conf_bad(o, arg, "must be a number from 0 to %d", MTU_MAX);
	p->cf->mtu = (unsigned)mtu;
}

void conf_add_ports(struct conf_parse *p, int which, const char *name,
		    const char *spec)
{
	struct conf *cf = p->cf;
	bool udp = which == UDP_IN || which == UDP_OUT;
	bool outbound = which == TCP_OUT || which == UDP_OUT;
	struct fwd_ctx ctx = {
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.proto_off = udp ? cf->no_udp : cf->no_tcp,
		.outbound = outbound,
		.can_scan = p->who == PASTA,
		.v4 = cf->net[V4].enabled, .v6 = cf->net[V6].enabled,
		.eph_first = p->eph_first, .eph_last = p->eph_last,
	};
	char err[FWD_ERR_MAX];

	if (conf_fwd_parse(outbound ? &cf->outbound : &cf->inbound, &ctx, spec, err))
		die("%s (option --%s)", err, name);
}

/* o->off: which of the port options */
void conf_set_ports(struct conf_parse *p, const struct opt *o, const char *arg)
{
	int which = (int)o->off;

	p->ports_given[which] = true;
	if (p->cf->no_splice && strcmp(arg, "none") &&
	    (which == TCP_OUT || which == UDP_OUT))
		die("--%s can't be used together with --no-splice", o->name);
	conf_add_ports(p, which, o->name, arg);
}

/* o->off: which kind of message */
void conf_set_raw(struct conf_parse *p, const struct opt *o, const char *arg)
{
	struct conf *cf = p->cf;
	struct {
		struct raw_opt *opts;
		int *n;
	} lists[] = {
		[RAW_DHCP]   = { cf->dhcp_opts, &cf->dhcp_opt_count },
		[RAW_DHCPV6] = { cf->dhcpv6_opts, &cf->dhcpv6_opt_count },
		[RAW_RA]     = { cf->ra_opts, &cf->ra_opt_count },
	}, *l = &lists[o->off];
	const char *why;

	if (*l->n == CONF_OPTS_MAX)
		conf_bad(o, arg, "there may be %d of them", CONF_OPTS_MAX);
	why = conf_raw((enum conf_raw_kind)o->off, arg, &l->opts[*l->n]);
	if (why)
		conf_bad(o, arg, "%s", why);
	++*l->n;
}
