/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fwd_test.c - every rule of translation is one row */
#include <errno.h>

#include "conf.h"
#include "fwd.h"
#include "test.h"
#include "util.h"
#include "worker.h"

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP, ICMP = IPPROTO_ICMP,
       ICMP6 = IPPROTO_ICMPV6 };

/* What differs from the setup below */
enum vary {
	PLAIN,
	NO_V4,		/* family off */
	NO_V6,
	NO_MAP,		/* neither of the two mappings */
	NO_OUR,		/* no address of ours on the link */
	NO_SEEN,	/* the guest has not spoken */
	NO_SEEN_LL,	/* ... from its link-local address */
	NO_GUEST,	/* the guest has no address at all */
	NO_DNS_HOST,
	DNS_IS_GW,	/* one address for resolver and host */
};

struct setup { struct conf cf; struct guest g; };

static struct addr parse(const char *s)
{
	struct addr a = { 0 };

	if (s[0])
		CHECK(addr_parse(s, &a) == 0);
	return a;
}

static void fill(struct setup *s)
{
	struct net_conf *n4 = &s->cf.net[V4], *n6 = &s->cf.net[V6];

	memset(s, 0, sizeof(*s));
	n4->enabled = n6->enabled = true;
	n4->addr = parse("192.0.2.2");
	n4->others[n4->other_count++] = parse("203.0.113.2");
	n4->our = n4->map_host_loopback = parse("192.0.2.1");
	n4->map_guest_addr = parse("192.0.2.9");
	n4->dns_forward = parse("192.0.2.53");
	n4->dns_host = parse("127.0.0.53");
	n6->addr = parse("2001:db8::2");
	n6->others[n6->other_count++] = parse("2001:db8:7::2");
	n6->our = n6->map_host_loopback = parse("fe80::1");
	n6->map_guest_addr = parse("2001:db8::9");
	n6->dns_forward = parse("2001:db8::53");
	n6->dns_host = parse("2001:db8:ffff::53");
	s->g.seen[V4] = parse("192.0.2.3");
	s->g.seen[V6] = parse("2001:db8::3");
	s->g.seen_ll = parse("fe80::3");
}

static void vary(struct setup *s, enum vary v)
{
	static const struct addr unset;
	int i;

	for (i = 0; i < IPVERS; i++) {
		struct net_conf *n = &s->cf.net[i];

		if (v == NO_V4 || v == NO_V6)
			n->enabled = i != (v == NO_V4 ? V4 : V6);
		if (v == NO_MAP)
			n->map_host_loopback = n->map_guest_addr = unset;
		if (v == NO_OUR)
			n->our = n->map_host_loopback = n->map_guest_addr = unset;
		if (v == NO_SEEN || v == NO_GUEST)
			s->g.seen[i] = s->g.seen_ll = unset;
		if (v == NO_SEEN_LL)
			s->g.seen_ll = unset;
		if (v == NO_GUEST)
			n->addr = unset;
		if (v == NO_DNS_HOST)
			n->dns_host = unset;
		if (v == DNS_IS_GW)
			n->dns_forward = n->map_host_loopback;
	}
}

static void t_from_guest(void)
{
	static const struct {
		uint8_t proto;
		const char *dst;
		uint16_t port;
		enum vary vary;
		int rc;
		const char *remote;
	} rows[] = {
		/* 1. the resolver's stand-in, on its two ports */
		{ UDP, "192.0.2.53", 53, PLAIN, 0, "127.0.0.53" },
		{ TCP, "192.0.2.53", 53, PLAIN, 0, "127.0.0.53" },
		{ TCP, "192.0.2.53", 853, PLAIN, 0, "127.0.0.53" },
		{ UDP, "192.0.2.53", 853, PLAIN, 0, "127.0.0.53" },
		{ UDP, "2001:db8::53", 53, PLAIN, 0, "2001:db8:ffff::53" },
		{ UDP, "192.0.2.53", 54, PLAIN, 0, "192.0.2.53" },
		{ ICMP, "192.0.2.53", 53, PLAIN, 0, "192.0.2.53" },
		{ UDP, "192.0.2.53", 53, NO_DNS_HOST, -EHOSTUNREACH, "" },
		{ UDP, "192.0.2.1", 53, DNS_IS_GW, 0, "127.0.0.53" },
		{ UDP, "192.0.2.1", 80, DNS_IS_GW, 0, "127.0.0.1" },

		/* 2. the host's loopback */
		{ TCP, "192.0.2.1", 80, PLAIN, 0, "127.0.0.1" },
		{ UDP, "192.0.2.1", 53, PLAIN, 0, "127.0.0.1" },
		{ ICMP, "192.0.2.1", 7, PLAIN, 0, "127.0.0.1" },
		{ TCP, "fe80::1", 80, PLAIN, 0, "::1" },
		{ ICMP6, "fe80::1", 7, PLAIN, 0, "::1" },
		{ TCP, "192.0.2.1", 80, NO_MAP, 0, "192.0.2.1" },

		/* 3. the host under the address that it shares with the guest */
		{ TCP, "192.0.2.9", 80, PLAIN, 0, "192.0.2.2" },
		{ TCP, "2001:db8::9", 80, PLAIN, 0, "2001:db8::2" },
		{ TCP, "192.0.2.9", 80, NO_MAP, 0, "192.0.2.9" },
		{ TCP, "192.0.2.9", 80, NO_GUEST, -EHOSTUNREACH, "" },

		/* 4. all others */
		{ TCP, "198.51.100.7", 443, PLAIN, 0, "198.51.100.7" },
		{ UDP, "2001:db8:1::7", 443, PLAIN, 0, "2001:db8:1::7" },
		{ TCP, "fe80::77", 443, PLAIN, 0, "fe80::77" },
		{ TCP, "192.0.2.2", 80, PLAIN, 0, "192.0.2.2" },

		/* groups are for datagrams */
		{ UDP, "224.0.0.251", 5353, PLAIN, 0, "224.0.0.251" },
		{ UDP, "ff02::fb", 5353, PLAIN, 0, "ff02::fb" },
		{ UDP, "255.255.255.255", 9, PLAIN, 0, "255.255.255.255" },
		{ TCP, "224.0.0.251", 5353, PLAIN, -EHOSTUNREACH, "" },
		{ TCP, "ff02::fb", 5353, PLAIN, -EHOSTUNREACH, "" },
		{ TCP, "255.255.255.255", 9, PLAIN, -EHOSTUNREACH, "" },
		{ ICMP, "224.0.0.1", 7, PLAIN, -EHOSTUNREACH, "" },

		/* what is on no wire */
		{ UDP, "127.0.0.1", 80, PLAIN, -EHOSTUNREACH, "" },
		{ TCP, "127.9.9.9", 80, PLAIN, -EHOSTUNREACH, "" },
		{ TCP, "::1", 80, PLAIN, -EHOSTUNREACH, "" },
		{ TCP, "0.0.0.0", 80, PLAIN, -EHOSTUNREACH, "" },
		{ UDP, "::", 80, PLAIN, -EHOSTUNREACH, "" },

		/* families */
		{ TCP, "198.51.100.7", 80, NO_V4, -EAFNOSUPPORT, "" },
		{ TCP, "2001:db8:1::7", 80, NO_V4, 0, "2001:db8:1::7" },
		{ TCP, "2001:db8:1::7", 80, NO_V6, -EAFNOSUPPORT, "" },
		{ TCP, "198.51.100.7", 80, NO_V6, 0, "198.51.100.7" },
	};
	static struct setup s;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct side dst = { parse(rows[i].dst), rows[i].port }, remote;
		struct addr want = parse(rows[i].remote);
		int rc;

		fill(&s);
		vary(&s, rows[i].vary);
		rc = fwd_from_guest(&s.cf, rows[i].proto, &dst, &remote);
		if (!CHECK(rc == rows[i].rc) ||
		    !CHECK(rc || (addr_eq(&remote.addr, &want) &&
				  remote.port == rows[i].port)))
			fprintf(stderr, "  from guest: row %zu, %d\n", i, rc);
	}
}

static void t_to_guest(void)
{
	static const struct {
		const char *remote, *target;
		enum vary vary;
		int rc;
		const char *seen, *guest;
	} rows[] = {
		/* exactly the loopback address */
		{ "127.0.0.1", "", PLAIN, 0, "192.0.2.1", "192.0.2.3" },
		{ "::1", "", PLAIN, 0, "fe80::1", "fe80::3" },
		{ "127.0.0.1", "", NO_MAP, 0, "192.0.2.1", "192.0.2.3" },
		{ "::1", "", NO_MAP, 0, "fe80::1", "fe80::3" },

		/* the address that host and guest share */
		{ "192.0.2.2", "", PLAIN, 0, "192.0.2.9", "192.0.2.3" },
		{ "2001:db8::2", "", PLAIN, 0, "2001:db8::9", "2001:db8::3" },
		{ "192.0.2.2", "", NO_MAP, 0, "192.0.2.1", "192.0.2.3" },
		{ "2001:db8::2", "", NO_MAP, 0, "fe80::1", "fe80::3" },

		/* what the guest would take for itself or never answer */
		{ "127.0.0.2", "", PLAIN, 0, "192.0.2.1", "192.0.2.3" },
		{ "0.0.0.0", "", PLAIN, 0, "192.0.2.1", "192.0.2.3" },
		{ "::", "", PLAIN, 0, "fe80::1", "fe80::3" },
		{ "192.0.2.3", "", PLAIN, 0, "192.0.2.1", "192.0.2.3" },
		{ "2001:db8::3", "", PLAIN, 0, "fe80::1", "fe80::3" },
		{ "fe80::3", "", PLAIN, 0, "fe80::1", "fe80::3" },
		{ "127.0.0.1", "", NO_OUR, -EADDRNOTAVAIL, "", "" },
		{ "127.0.0.2", "", NO_OUR, -EADDRNOTAVAIL, "", "" },
		{ "192.0.2.2", "", NO_OUR, -EADDRNOTAVAIL, "", "" },
		{ "::1", "", NO_OUR, -EADDRNOTAVAIL, "", "" },

		/* real peers */
		{ "198.51.100.7", "", PLAIN, 0, "198.51.100.7", "192.0.2.3" },
		{ "198.51.100.7", "", NO_OUR, 0, "198.51.100.7", "192.0.2.3" },
		{ "192.0.2.1", "", PLAIN, 0, "192.0.2.1", "192.0.2.3" },
		{ "2001:db8:1::7", "", PLAIN, 0, "2001:db8:1::7", "2001:db8::3" },
		{ "fe80::77", "", PLAIN, 0, "fe80::77", "fe80::3" },

		/* where the guest is: target, seen, assigned */
		{ "198.51.100.7", "192.0.2.77", PLAIN, 0, "198.51.100.7", "192.0.2.77" },
		{ "::1", "2001:db8::77", PLAIN, 0, "fe80::1", "2001:db8::77" },
		{ "198.51.100.7", "192.0.2.77", NO_GUEST, 0, "198.51.100.7",
		  "192.0.2.77" },
		{ "198.51.100.7", "2001:db8::77", PLAIN, -EHOSTUNREACH, "", "" },
		{ "198.51.100.7", "", NO_SEEN, 0, "198.51.100.7", "192.0.2.2" },
		{ "2001:db8:1::7", "", NO_SEEN, 0, "2001:db8:1::7", "2001:db8::2" },
		{ "::1", "", NO_SEEN_LL, 0, "fe80::1", "2001:db8::3" },
		{ "::1", "", NO_SEEN, 0, "fe80::1", "2001:db8::2" },
		{ "198.51.100.7", "", NO_GUEST, -EHOSTUNREACH, "", "" },
		{ "2001:db8:1::7", "", NO_GUEST, -EHOSTUNREACH, "", "" },

		/* families */
		{ "198.51.100.7", "", NO_V4, -EHOSTUNREACH, "", "" },
		{ "2001:db8:1::7", "", NO_V6, -EHOSTUNREACH, "", "" },
		{ "2001:db8:1::7", "", NO_V4, 0, "2001:db8:1::7", "2001:db8::3" },
	};
	static struct setup s;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct side remote = { parse(rows[i].remote), 4321 }, seen, guest;
		struct side rule = { parse(rows[i].target), 8080 };
		struct addr want_seen = parse(rows[i].seen);
		struct addr want_guest = parse(rows[i].guest);
		int rc;

		fill(&s);
		vary(&s, rows[i].vary);
		rc = fwd_to_guest(&s.cf, &s.g, &remote, &rule, &seen, &guest);
		if (!CHECK(rc == rows[i].rc) ||
		    !CHECK(rc || (addr_eq(&seen.addr, &want_seen) &&
				  addr_eq(&guest.addr, &want_guest) &&
				  seen.port == 4321 && guest.port == 8080)))
			fprintf(stderr, "  to guest: row %zu, %d\n", i, rc);
	}
}

static void t_show(void)
{
	static const struct { const char *remote; enum vary vary; const char *show; }
	rows[] = {
		{ "198.51.100.1", PLAIN, "198.51.100.1" },
		{ "2001:db8:1::1", PLAIN, "2001:db8:1::1" },
		{ "127.0.0.1", PLAIN, "192.0.2.1" },
		{ "::1", PLAIN, "fe80::1" },
		{ "192.0.2.2", PLAIN, "192.0.2.9" },
		{ "203.0.113.2", PLAIN, "192.0.2.9" },
		{ "203.0.113.2", NO_MAP, "192.0.2.1" },
		{ "2001:db8:7::2", PLAIN, "2001:db8::9" },
		{ "2001:db8:7::2", NO_MAP, "fe80::1" },
		{ "192.0.2.3", PLAIN, "192.0.2.1" },
		{ "127.0.0.1", NO_OUR, "" },
	};
	static struct setup s;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct addr remote = parse(rows[i].remote), show;
		struct addr want = parse(rows[i].show);

		fill(&s);
		vary(&s, rows[i].vary);
		show = fwd_show(&s.cf, &s.g, &remote);
		CHECK(addr_eq(&show, &want));
	}
}

static void t_local(void)
{
	static const struct { const char *remote; bool local; } rows[] = {
		{ "127.0.0.1", true }, { "127.1.2.3", true }, { "::1", true },
		{ "192.0.2.2", true }, { "203.0.113.2", true }, { "2001:db8:7::2", true },
		{ "192.0.2.1", false }, { "198.51.100.2", false }, { "2001:db8::1", false },
		{ "0.0.0.0", false }, { "::", false },
	};
	static struct setup s;
	size_t i;

	fill(&s);
	for (i = 0; i < NELEM(rows); i++) {
		struct addr remote = parse(rows[i].remote);

		CHECK(fwd_is_local(&s.cf, &remote) == rows[i].local);
	}
}

int main(void)
{
	t_from_guest();
	t_to_guest();
	t_show();
	t_local();
	return test_end("fwd");
}
