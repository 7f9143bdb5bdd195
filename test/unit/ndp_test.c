/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of ndp.c: solicitations of every kind, advertisements option by option */
#include "service.h"
#include "ndp.h"

static struct conf cf;
static struct guest guest;

static const char *const guest_ll = "fe80::5054:ff:fe12:3456";

/* A message of the guest's from @src, hop limit 255, its checksum right */
static struct pkt from(const char *src, const char *dst, struct bytes *m)
{
	struct pkt p = {
		.ethertype = 0x86dd, .proto = IPPROTO_ICMPV6, .ttl = 255,
		.src.addr = ip(src), .dst.addr = ip(dst),
	};
	uint32_t sum = ref_sum(p.src.addr.b, 16, IPPROTO_ICMPV6 + m->len);

	memcpy(p.smac, guest_mac, 6);
	m->b[2] = m->b[3] = 0;
	sum = 0xffff ^ ref_sum(m->b, m->len, ref_sum(p.dst.addr.b, 16, sum));
	m->b[2] = sum >> 8;
	m->b[3] = sum;
	return p;
}

static struct bytes solicit(const char *target)
{
	struct addr a = ip(target);
	struct bytes m = { .len = 0 };

	add32(&m, 135U << 24);
	add32(&m, 0);
	add(&m, a.b, 16);
	return m;
}

static struct bytes router_solicit(void)
{
	struct bytes m = { .len = 0 };

	add32(&m, 133U << 24);
	add32(&m, 0);
	return m;
}

static void add_slla(struct bytes *m)
{
	add16(m, 0x0101);
	add(m, guest_mac, 6);
}

static size_t reply(const struct pkt *p, const struct bytes *m, struct frame_out *re)
{
	return ask(ndp_reply, &cf, &guest, p, AT_L4, m, re);
}

/* Option @type of a router advertisement, or NULL */
static const uint8_t *ra_option(const struct frame_out *re, uint8_t type)
{
	size_t at;

	for (at = 70; at + 8 <= re->len && re->b[at + 1]; at += re->b[at + 1] * 8) {
		if (re->b[at] == type)
			return re->b + at;
	}
	CHECK(at == re->len);
	return NULL;
}

static const struct {
	const char *what, *src, *target;
	int answer;
} ns[] = {
	{ "router", "fe80::5054:ff:fe12:3456", "fe80::1", 1 },
	{ "from a global address", "2001:db8:1:2::15", "fe80::1", 1 },
	{ "on the link", "fe80::5054:ff:fe12:3456", "2001:db8:1:2::99", 1 },
	{ "anything", "fe80::5054:ff:fe12:3456", "2001:db8:ffff::1", 1 },
	{ "probe of another", "::", "2001:db8:1:2::99", 0 },
	{ "probe of its own", "::", "2001:db8:1:2::15", 0 },
	{ "its own", "fe80::77", "2001:db8:1:2::15", 0 },
	{ "seen with it", "fe80::77", "2001:db8:1:2::20", 0 },
	{ "seen with it, link-local", "fe80::77", "fe80::5054:ff:fe12:3456", 0 },
	{ "group", "fe80::77", "ff02::1", 0 },
	{ "unspecified", "fe80::77", "::", 0 },
	{ "loopback", "fe80::77", "::1", 0 },
	{ "from a group", "ff02::1", "fe80::1", 0 },
};

static void t_ns(void)
{
	struct frame_out re;
	struct bytes m;
	struct pkt p;
	size_t i;

	for (i = 0; i < NELEM(ns); i++) {
		m = solicit(ns[i].target);
		if (i & 1)
			add_slla(&m);
		p = from(ns[i].src, "ff02::1:ff00:1", &m);
		if (!CHECK(!!reply(&p, &m, &re) == ns[i].answer))
			fprintf(stderr, "... %s\n", ns[i].what);
		if (!re.len)
			continue;
		CHECK(re.len == 14 + 40 + 32);
		CHECK(!memcmp(re.b, guest_mac, 6));
		CHECK(!memcmp(re.b + 22, m.b + 8, 16));		/* source */
		CHECK(!memcmp(re.b + 38, p.src.addr.b, 16));
		CHECK(re.b[54] == 136 && !re.b[55] && be32(re.b + 58) == 0xe0000000);
		CHECK(!memcmp(re.b + 62, m.b + 8, 16));
		CHECK(re.b[78] == 2 && re.b[79] == 1 && !memcmp(re.b + 80, our_mac, 6));
	}
}

static void t_ignored(void)
{
	struct frame_out re;
	struct bytes m = solicit("fe80::1"), bad;
	struct pkt p = from(guest_ll, "fe80::1", &m);

	CHECK(reply(&p, &m, &re));
	p.ttl = 254;
	CHECK(!reply(&p, &m, &re));
	p.ttl = 255;

	bad = m;
	bad.b[1] = 1;				/* code */
	p = from(guest_ll, "fe80::1", &bad);
	CHECK(!reply(&p, &bad, &re));
	bad = m;
	add32(&bad, 0x0e000000);		/* option without a length */
	add32(&bad, 0);
	p = from(guest_ll, "fe80::1", &bad);
	CHECK(!reply(&p, &bad, &re));
	bad = m;
	add32(&bad, 0x01020000);		/* option longer than the message */
	add32(&bad, 0);
	p = from(guest_ll, "fe80::1", &bad);
	CHECK(!reply(&p, &bad, &re));
	bad = m;
	add32(&bad, 0x0e010000);		/* unknown option */
	add32(&bad, 0);
	p = from(guest_ll, "fe80::1", &bad);
	CHECK(reply(&p, &bad, &re));
}

/* Answers and redirects are not for us */
static void t_types(void)
{
	struct frame_out re;
	struct bytes m;
	struct pkt p;
	int type;

	for (type = 0; type < 256; type++) {
		m = solicit("fe80::1");
		m.b[0] = type;
		if (type != 135)
			add(&m, "\0\0\0\0\0\0\0\0", 8);
		p = from(guest_ll, "fe80::1", &m);
		CHECK(!!reply(&p, &m, &re) == (type == 135));
	}
}

static void t_ra_plain(void)
{
	static const uint8_t prefix[16] = { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2 };
	struct bytes m = router_solicit();
	struct pkt p = from(guest_ll, "ff02::2", &m);
	struct frame_out re;
	const uint8_t *o;

	CHECK(reply(&p, &m, &re) == 14 + 40 + 16 + 8 + 32 + 8);
	CHECK(!memcmp(re.b, guest_mac, 6));
	CHECK(!memcmp(re.b + 22, cf.net[V6].our.b, 16));
	CHECK(!memcmp(re.b + 38, p.src.addr.b, 16));
	CHECK(re.b[54] == 134 && !re.b[55] && re.b[58] == 255 && re.b[59] == 0x80);
	CHECK(be16(re.b + 60) == 65535 && !be32(re.b + 62) && !be32(re.b + 66));

	o = ra_option(&re, 1);
	CHECK(o && o[1] == 1 && !memcmp(o + 2, our_mac, 6));
	o = ra_option(&re, 3);
	CHECK(o && o[1] == 4 && o[2] == 64 && o[3] == 0xc0);
	CHECK(o && be32(o + 4) == 0xffffffff && be32(o + 8) == 0xffffffff);
	CHECK(o && !be32(o + 12) && !memcmp(o + 16, prefix, 16));
	o = ra_option(&re, 5);
	CHECK(o && o[1] == 1 && !be16(o + 2) && be32(o + 4) == 65520);
	CHECK(!ra_option(&re, 25) && !ra_option(&re, 31));
}

static void t_ra_multicast(void)
{
	struct bytes m = router_solicit();
	struct pkt p = from("::", "ff02::2", &m);
	struct addr all = ip("ff02::1");
	struct frame_out re, un;

	CHECK(reply(&p, &m, &re));
	CHECK(!memcmp(re.b, "\x33\x33\0\0\0\1", 6) && !memcmp(re.b + 38, all.b, 16));
	un.len = ndp_ra(&cf, un.b, FRAME_MAX);
	CHECK(un.len == re.len && !memcmp(un.b, re.b, un.len) &&
	      frame_ok(un.b, un.len));

	add_slla(&m);				/* not from the unspecified address */
	p = from("::", "ff02::2", &m);
	CHECK(!reply(&p, &m, &re));
	p = from(guest_ll, "ff02::2", &m);
	CHECK(reply(&p, &m, &re));
	p = from("ff02::1", "ff02::2", &m);
	CHECK(!reply(&p, &m, &re));
}

static void t_ra_switches(void)
{
	struct frame_out re;

	cf.no_dhcpv6 = true;
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && re.b[59] == 0);
	conf_base(&cf);
	cf.mtu = 0;
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && !ra_option(&re, 5) && ra_option(&re, 3));
	cf.mtu = 1279;				/* not a legal one */
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && !ra_option(&re, 5));
	cf.mtu = 1280;
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && ra_option(&re, 5));

	conf_base(&cf);				/* local mode: no address, no prefix */
	memset(&cf.net[V6].addr, 0, 16);
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && re.b[59] == 0 && !ra_option(&re, 3) && ra_option(&re, 5));
	memset(&cf.net[V6].our, 0, 16);
	CHECK(!ndp_ra(&cf, re.b, FRAME_MAX));
	conf_base(&cf);
}

/* DNSSL of names with @n bytes on the wire: at least one unit, zeros to a whole one */
static void t_dnssl(void)
{
	struct frame_out re;
	const uint8_t *o;
	int n;

	cf.search_count = 1;
	for (n = 1; n <= 40; n++) {
		memset(cf.search[0], 'x', n);
		cf.search[0][n] = 0;
		re.len = ndp_ra(&cf, re.b, FRAME_MAX);
		o = ra_option(&re, 31);
		CHECK(re.len && o && frame_ok(re.b, re.len));
		CHECK(o && o[1] == (8 + n + 2 + 7) / 8 && !be16(o + 2));
		CHECK(o && be32(o + 4) == 0xffffffff && o[8] == n && o[9] == 'x');
		CHECK(o && !o[8 + n + 1] && !o[o[1] * 8 - 1]);
	}
	cf.dhcp_search = false;
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(!ra_option(&re, 31));
	conf_base(&cf);
}

static void t_rdnss(void)
{
	struct net_conf *n = &cf.net[V6];
	struct frame_out re;
	const uint8_t *o;

	n->dns[0] = ip("2001:db8::53");
	n->dns[1] = ip("2001:db8::54");
	n->dns[2] = ip("fe80::1");
	for (n->dns_count = 1; n->dns_count <= 3; n->dns_count++) {
		re.len = ndp_ra(&cf, re.b, FRAME_MAX);
		o = ra_option(&re, 25);
		CHECK(o && o[1] == 1 + 2 * n->dns_count && !be16(o + 2));
		CHECK(o && be32(o + 4) == 0xffffffff);
		CHECK(o && !memcmp(o + 8, n->dns, 16 * n->dns_count));
	}
	n->dns_count = 3;
	cf.dhcp_dns = false;
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	CHECK(re.len && !ra_option(&re, 25));
	conf_base(&cf);
}

/* Everything at once, the longest names: what does not fit is left out */
static void t_ra_crowded(void)
{
	struct bytes m = router_solicit();
	struct pkt p = from(guest_ll, "ff02::2", &m);
	struct frame_out re;
	int i, j;

	for (i = 0; i < CONF_SEARCH_MAX; i++) {
		for (j = 0; j < 253; j++)
			cf.search[i][j] = j % 2 ? '.' : 'a' + i;
	}
	cf.search_count = CONF_SEARCH_MAX;
	cf.net[V6].dns_count = 3;
	CHECK(reply(&p, &m, &re) > 1280 && re.len <= FRAME_MAX);
	CHECK(ra_option(&re, 31) && ra_option(&re, 25));
	ask_any_length(ndp_reply, &cf, &guest, &p, AT_L4, &m);
	cf.mtu = 1280;
	CHECK(reply(&p, &m, &re) > 1000 && re.len <= 1294);

	cf.ra_opt_count = CONF_OPTS_MAX;
	for (i = 0; i < CONF_OPTS_MAX; i++)
		cf.ra_opts[i] = (struct raw_opt){ .code = 200, .len = 256 };
	CHECK(reply(&p, &m, &re) > 1000 && re.len <= 1294);
	CHECK(ra_option(&re, 3) && ra_option(&re, 200));
	conf_base(&cf);
}

static void t_ra_raw(void)
{
	struct frame_out re;
	const uint8_t *o;

	cf.ra_opt_count = 2;
	cf.ra_opts[0] = (struct raw_opt){ .code = 5, .len = 6,
					  .data = { 0, 0, 0, 0, 5, 0xdc } };
	cf.ra_opts[1] = (struct raw_opt){ .code = 38, .len = 7, .data = "seventh" };
	re.len = ndp_ra(&cf, re.b, FRAME_MAX);
	o = ra_option(&re, 5);
	CHECK(o && be32(o + 4) == 1500 && ra_option(&re, 3));
	o = ra_option(&re, 38);
	CHECK(o && o[1] == 2 && !memcmp(o + 2, "seventh\0\0\0\0\0\0\0", 14));
	CHECK(frame_ok(re.b, re.len));
	conf_base(&cf);
}

static void t_off(void)
{
	bool *const off[] = { &cf.no_ndp, &cf.no_icmp };
	struct bytes rs = router_solicit(), m = solicit("fe80::1");
	struct pkt p = from(guest_ll, "fe80::1", &m), pr = from(guest_ll, "ff02::2", &rs);
	struct frame_out re;
	size_t i;

	for (i = 0; i <= NELEM(off); i++) {
		*(i < NELEM(off) ? off[i] : &cf.net[V6].enabled) ^= true;
		CHECK(!reply(&p, &m, &re) && !reply(&pr, &rs, &re));
		CHECK(!ndp_ra(&cf, re.b, FRAME_MAX));
		CHECK(!ndp_probe(&cf, &guest, re.b, FRAME_MAX));
		conf_base(&cf);
	}
	cf.no_ra = true;
	CHECK(reply(&p, &m, &re) && !reply(&pr, &rs, &re));
	CHECK(!ndp_ra(&cf, re.b, FRAME_MAX));
	conf_base(&cf);
}

static void t_any(void)
{
	struct bytes m = solicit("fe80::1"), rs = router_solicit();
	struct pkt p;

	add_slla(&m);
	add_slla(&rs);
	p = from(guest_ll, "fe80::1", &m);
	ask_any_length(ndp_reply, &cf, &guest, &p, AT_L4, &m);
	p.off.csum_ok = true;
	ask_any_length(ndp_reply, &cf, &guest, &p, AT_L4, &m);
	ask_any_byte(ndp_reply, &cf, &guest, &p, AT_L4, &m);
	ask_any_byte(ndp_reply, &cf, &guest, &p, AT_L4, &rs);
}

static void check_probe(const struct guest *g, const char *target, const char *group)
{
	struct addr t = ip(target), d = ip(group);
	struct frame_out re;

	re.len = ndp_probe(&cf, g, re.b, FRAME_MAX);
	CHECK(re.len == 14 + 40 + 32 && frame_ok(re.b, re.len));
	CHECK(!memcmp(re.b, "\x33\x33", 2) && !memcmp(re.b + 2, d.b + 12, 4));
	CHECK(!memcmp(re.b + 22, cf.net[V6].our.b, 16));
	CHECK(!memcmp(re.b + 38, d.b, 16));
	CHECK(be32(re.b + 54) >> 16 == 135 << 8 && !be32(re.b + 58));
	CHECK(!memcmp(re.b + 62, t.b, 16));
	CHECK(re.b[78] == 1 && re.b[79] == 1 && !memcmp(re.b + 80, our_mac, 6));
}

static void t_probe(void)
{
	struct guest g = { .mac = { 0 } };
	uint8_t out[FRAME_MAX];
	size_t max;

	check_probe(&g, "2001:db8:1:2::15", "ff02::1:ff00:15");
	g.seen_ll = ip(guest_ll);
	check_probe(&g, guest_ll, "ff02::1:ff12:3456");
	g.seen[V6] = ip("2001:db8:1:2::abcd:ef01");
	check_probe(&g, "2001:db8:1:2::abcd:ef01", "ff02::1:ffcd:ef01");
	for (max = 0; max < 86; max++)
		CHECK(!ndp_probe(&cf, &g, out, max));
	memset(&cf.net[V6].addr, 0, 16);
	CHECK(!ndp_probe(&cf, &(struct guest){ .mac = { 0 } }, out, sizeof(out)));
	conf_base(&cf);
}

/* Its source has the guest's prefix and our interface identifier */
static void t_call(void)
{
	struct addr all = ip("ff02::1");
	struct frame_out re;
	size_t max;

	re.len = ndp_call(&cf, re.b, FRAME_MAX);
	CHECK(re.len == 14 + 40 + 8 && frame_ok(re.b, re.len));
	CHECK(!memcmp(re.b, "\x33\x33\0\0\0\1", 6) && !memcmp(re.b + 6, our_mac, 6));
	CHECK(!memcmp(re.b + 22, cf.net[V6].addr.b, 8));
	CHECK(!memcmp(re.b + 30, cf.net[V6].our.b + 8, 8));
	CHECK(!memcmp(re.b + 38, all.b, 16));
	CHECK(be32(re.b + 54) >> 16 == 128 << 8 && !be32(re.b + 58));
	for (max = 0; max < re.len; max++)
		CHECK(!ndp_call(&cf, (uint8_t[FRAME_MAX]){ 0 }, max));
	memset(&cf.net[V6].addr, 0, 16);
	CHECK(!ndp_call(&cf, re.b, FRAME_MAX));
	conf_base(&cf);
}

int main(void)
{
	conf_base(&cf);
	guest.seen[V6] = ip("2001:db8:1:2::20");
	guest.seen_ll = ip(guest_ll);
	t_ns();
	t_ignored();
	t_types();
	t_ra_plain();
	t_ra_multicast();
	t_ra_switches();
	t_rdnss();
	t_dnssl();
	t_ra_crowded();
	t_ra_raw();
	t_off();
	t_any();
	t_probe();
	t_call();
	return test_end("ndp");
}
