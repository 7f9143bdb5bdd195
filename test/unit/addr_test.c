/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr_test.c - text forms, kinds and prefixes of addresses; links: util */
#include <errno.h>

#include "addr.h"
#include "test.h"
#include "util.h"

static void t_parse_and_str(void)
{
	static const struct { const char *in, *out; enum ipver v; } good[] = {
		{ "192.0.2.1", "192.0.2.1", V4 },
		{ "0.0.0.0", "0.0.0.0", V4 },
		{ "255.255.255.255", "255.255.255.255", V4 },
		{ "::", "::", V6 },
		{ "::1", "::1", V6 },
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1", V6 },
		{ "FE80::ABCD", "fe80::abcd", V6 },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201", V6 },
		{ "::ffff:192.0.2.1", "192.0.2.1", V4 },
		{ "2001:db8:1111:2222:3333:4444:5555:6666",
		  "2001:db8:1111:2222:3333:4444:5555:6666", V6 },
	};
	static const char *const bad[] = {
		"", " ", "192.0.2", "192.0.2.1 ", "192.0.2.256", "192.0.2.1.1",
		"0x7f.1", "127.1", "1:2:3", "::1::", "[::1]", "fe80::1%eth0",
		"2001:db8::12345", "example.com", "192.0.2.1:80",
	};
	struct addr a;
	char buf[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < NELEM(good); i++) {
		CHECK(addr_parse(good[i].in, &a) == 0);
		CHECK(addr_ver(&a) == good[i].v);
		CHECK(!strcmp(addr_str(&a, buf), good[i].out));
	}
	for (i = 0; i < NELEM(bad); i++)
		CHECK(addr_parse(bad[i], &a) == -EINVAL);
}

static void t_side_str(void)
{
	char buf[SIDE_STRLEN];
	struct side s = { .port = 65535 };

	addr_parse("192.0.2.1", &s.addr);
	CHECK(!strcmp(side_str(&s, buf), "192.0.2.1:65535"));
	addr_parse("2001:db8:1111:2222:3333:4444:5555:6666", &s.addr);
	CHECK(!strcmp(side_str(&s, buf),
		      "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"));
}

static void t_kinds(void)
{
	enum { ANY = 1, LO = 2, MULTI = 4, BROAD = 8, LL = 16, UNI = 32 };
	static const struct { const char *a; int kinds; } rows[] = {
		{ "0.0.0.0", ANY },
		{ "::", ANY },
		{ "127.0.0.1", LO | UNI },
		{ "127.255.255.254", LO | UNI },
		{ "128.0.0.1", UNI },
		{ "::1", LO | UNI },
		{ "::2", UNI },
		{ "1::1", UNI },
		{ "223.255.255.255", UNI },
		{ "224.0.0.1", MULTI },
		{ "239.255.255.255", MULTI },
		{ "240.0.0.1", UNI },
		{ "255.255.255.255", BROAD },
		{ "ff02::1", MULTI },
		{ "fe80::1", LL | UNI },
		{ "febf::1", LL | UNI },
		{ "fec0::1", UNI },
		{ "169.254.0.1", LL | UNI },
		{ "169.253.0.1", UNI },
		{ "2001:db8::1", UNI },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct addr a;
		int kinds;

		addr_parse(rows[i].a, &a);
		kinds = (addr_is_any(&a) ? ANY : 0) |
			(addr_is_loopback(&a) ? LO : 0) |
			(addr_is_multicast(&a) ? MULTI : 0) |
			(addr_is_broadcast(&a) ? BROAD : 0) |
			(addr_is_linklocal(&a) ? LL : 0) |
			(addr_is_unicast(&a) ? UNI : 0);
		if (!CHECK(kinds == rows[i].kinds))
			fprintf(stderr, "  %s: %#x\n", rows[i].a, kinds);
	}
}

static void t_prefix(void)
{
	static const struct { const char *a, *p; int plen; bool in; } rows[] = {
		{ "192.0.2.1", "192.0.2.0", 24, true },
		{ "192.0.3.1", "192.0.2.0", 24, false },
		{ "192.0.3.1", "192.0.2.0", 23, true },
		{ "192.0.2.1", "192.0.2.1", 32, true },
		{ "192.0.2.1", "192.0.2.0", 32, false },
		{ "192.0.2.1", "192.0.2.0", 31, true },
		{ "192.0.2.1", "10.0.0.0", 0, true },
		{ "192.0.2.1", "::", 0, false },
		{ "::1", "0.0.0.0", 0, false },
		{ "2001:db8::1", "2001:db8::", 64, true },
		{ "2001:db8:0:1::1", "2001:db8::", 64, false },
		{ "2001:db8:0:1::1", "2001:db8::", 63, true },
		{ "2001:db8::1", "2001:db8::1", 128, true },
		{ "2001:db8::1", "2001:db8::", 128, false },
		{ "2001:db8::1", "::", 0, true },
		{ "192.0.2.1", "192.0.2.1", 33, false },
		{ "2001:db8::1", "2001:db8::1", 129, false },
		{ "192.0.2.1", "192.0.2.1", -1, false },
	};
	struct addr a, p;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		addr_parse(rows[i].a, &a);
		addr_parse(rows[i].p, &p);
		if (!CHECK(addr_in_prefix(&a, &p, rows[i].plen) == rows[i].in))
			fprintf(stderr, "  row %zu\n", i);
	}
}

static void t_mac(void)
{
	static const char *const bad[] = {
		"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567",
		"52-54-00-12-34-56", "52:54:00:12:34:5g", "52:54:00:12:34:56 ",
		" 2:54:00:12:34:56", "525400:12:34:56:", "+2:54:00:12:34:56",
	};
	static const uint8_t want[6] = { 0x52, 0x54, 0x00, 0x12, 0xab, 0xff };
	uint8_t mac[6] = { 0 };
	char buf[MAC_STRLEN];
	size_t i;

	CHECK(mac_parse("52:54:00:12:aB:Ff", mac) == 0);
	CHECK(!memcmp(mac, want, 6));
	CHECK(!strcmp(mac_str(mac, buf), "52:54:00:12:ab:ff"));
	for (i = 0; i < NELEM(bad); i++)
		CHECK(mac_parse(bad[i], mac) == -EINVAL);
	CHECK(!memcmp(mac, want, 6));	/* failure leaves it alone */
}

int main(void)
{
	t_parse_and_str();
	t_side_str();
	t_kinds();
	t_prefix();
	t_mac();
	return test_end("addr");
}
