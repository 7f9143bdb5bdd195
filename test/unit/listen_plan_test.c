/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_plan_test.c - each row: a rule, who would be answered, what is to listen */
#include "listen_int.h"
#include "test.h"
#include "util.h"

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP };

static struct addr parse(const char *s)
{
	struct addr a = { 0 };

	CHECK(addr_parse(s, &a) == 0);
	return a;
}

static void t_plan(void)
{
	enum { A4 = REACH_ALL4 | REACH_LO4, A6 = REACH_ALL6 | REACH_LO6,
	       L4 = REACH_LO4, L6 = REACH_LO6,
	       N = SLOT_NONE, P = SLOT_PARKED, ON = SLOT_ON, LO = SLOT_ON_LO };
	static const struct {
		const char *listen, *ifname;
		bool dual, scan;
		uint8_t proto, reach, want[SLOTS];
	} rows[] = {
		/* Both families */
		{ "::", "", true, false, TCP, A4 | A6, { ON, N, N } },
		{ "::", "", true, false, TCP, 0, { P, N, N } },
		{ "::", "", true, false, TCP, A4, { P, ON, N } },
		{ "::", "", true, false, TCP, A6, { P, N, ON } },
		{ "::", "", true, false, TCP, L4, { P, LO, N } },
		{ "::", "", true, false, TCP, L4 | L6, { P, LO, LO } },
		{ "::", "", true, false, TCP, A4 | L6, { P, ON, LO } },
		{ "::", "", true, true, TCP, A4 | A6, { ON, N, N } },
		{ "::", "", true, true, TCP, 0, { N, N, N } },
		{ "::", "", true, true, TCP, A6, { N, N, ON } },
		{ "::", "", true, true, UDP, A4, { N, ON, N } },
		{ "::", "", true, false, UDP, REACH_FULL, { ON, N, N } },
		{ "::", "", true, false, UDP, A4, { P, ON, N } },
		{ "::", "", true, false, UDP, 0, { P, N, N } },
		/* One */
		{ "0.0.0.0", "", false, false, TCP, A4, { ON, N, N } },
		{ "0.0.0.0", "", false, false, TCP, A6, { P, N, N } },
		{ "0.0.0.0", "", false, false, TCP, L4, { P, LO, N } },
		{ "0.0.0.0", "", false, true, TCP, L4, { N, LO, N } },
		{ "::", "", false, false, TCP, A6, { ON, N, N } },
		{ "::", "", false, false, TCP, A4, { P, N, N } },
		{ "::", "", false, true, TCP, L6 | A4, { N, N, LO } },
		/* An address */
		{ "192.0.2.1", "", false, false, TCP, A4, { ON, N, N } },
		{ "192.0.2.1", "", false, false, TCP, L4, { P, N, N } },
		{ "127.0.0.1", "", false, false, TCP, L4, { ON, N, N } },
		{ "127.0.0.5", "", false, true, TCP, A4, { ON, N, N } },
		{ "::1", "", false, true, TCP, L4, { N, N, N } },
		{ "::1", "", false, true, TCP, L6, { ON, N, N } },
		/* A device */
		{ "::", "eth0", true, false, TCP, A4 | A6, { ON, N, N } },
		{ "::", "eth0", true, false, TCP, L4 | L6, { P, N, N } },
		{ "::", "eth0", true, false, TCP, A4, { P, ON, N } },
		{ "::", "lo", true, false, TCP, L4 | L6, { ON, N, N } },
		{ "::", "lo", true, true, TCP, L6, { N, N, ON } },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct fwd_rule r = {
			.listen = parse(rows[i].listen), .dual = rows[i].dual,
			.scan = rows[i].scan, .proto = rows[i].proto,
		};
		uint8_t got[SLOTS];

		strcpy(r.ifname, rows[i].ifname);
		listen_plan(&r, rows[i].reach, got);
		if (!CHECK(!memcmp(got, rows[i].want, sizeof(got))))
			printf("row %zu: %u %u %u\n", i, got[0], got[1], got[2]);
	}
}

static void t_place(void)
{
	struct fwd_rule any = { .dual = true, .proto = TCP };
	struct fwd_rule one = { .listen = parse("192.0.2.1"), .proto = UDP, .ifname = "eth0" };
	struct addr a;
	struct sock_place p;

	p = listen_place(&any, 80, SLOT_RULE, SLOT_ON);
	CHECK(p.dual && addr_is_any(&p.at.addr) && p.at.port == 80 && p.proto == TCP);
	p = listen_place(&any, 80, SLOT_V4, SLOT_ON);
	CHECK(!p.dual && addr_is_any(&p.at.addr) && addr_is4(&p.at.addr));
	p = listen_place(&any, 80, SLOT_V6, SLOT_ON);
	CHECK(!p.dual && addr_is_any(&p.at.addr) && !addr_is4(&p.at.addr));
	p = listen_place(&any, 80, SLOT_V4, SLOT_ON_LO);
	a = parse("127.0.0.1");
	CHECK(addr_eq(&p.at.addr, &a));
	p = listen_place(&any, 80, SLOT_V6, SLOT_ON_LO);
	a = parse("::1");
	CHECK(addr_eq(&p.at.addr, &a));
	p = listen_place(&one, 80, SLOT_RULE, SLOT_ON);
	CHECK(addr_eq(&p.at.addr, &one.listen) && !strcmp(p.ifname, "eth0"));
}

static void t_reach(void)
{
	enum { A4 = REACH_ALL4, A6 = REACH_ALL6, L4 = REACH_LO4, L6 = REACH_LO6 };
	/* Ways: remote, loopback to loopback, loopback to own address */
	enum { R = 1, LL = 2, LO = 4 };
	static const struct {
		const char *addr;
		bool dual;
		unsigned ifindex, ways;
		uint8_t want;
	} rows[] = {
		{ "::", true, 0, R | LL | LO, A4 | L4 | A6 | L6 },
		{ "::", false, 0, R | LL | LO, A6 | L6 },
		{ "0.0.0.0", false, 0, R | LL | LO, A4 | L4 },
		{ "0.0.0.0", false, 0, R | LO, A4 | L4 },
		{ "0.0.0.0", false, 0, R, A4 },
		{ "0.0.0.0", false, 0, LL, L4 },
		/* On loopback only */
		{ "127.0.0.1", false, 0, R | LO, 0 },
		{ "127.0.0.1", false, 0, R | LL | LO, L4 },
		{ "::1", false, 0, R | LL, L6 },
		{ "::1", false, 0, R | LO, 0 },
		/* At the address that others are sent to, and at another one */
		{ "192.0.2.2", false, 0, R | LL | LO, A4 | L4 },
		{ "192.0.2.2", false, 0, R | LL, A4 },
		{ "192.0.2.3", false, 0, R | LL | LO, 0 },
		{ "2001:db8::2", false, 0, R | LO, A6 | L6 },
		{ "fe80::2", false, 0, R, A6 },
		/* On a device */
		{ "0.0.0.0", false, 1, R | LL | LO, L4 },
		{ "0.0.0.0", false, 2, R | LL | LO, A4 },
		{ "::", true, 2, R | LL | LO, A4 | A6 },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		unsigned ways = rows[i].ways;
		struct reach_ctx c = { .own_ll = parse("fe80::2") };
		struct scan_sock sk = {
			.addr = parse(rows[i].addr), .dual = rows[i].dual,
			.ifindex = rows[i].ifindex,
		};
		enum ipver v;
		uint8_t got;

		c.own[V4] = parse("192.0.2.2");
		c.own[V6] = parse("2001:db8::2");
		for (v = V4; v < IPVERS; v++) {
			c.remote[v] = ways & R;
			c.lo_to_lo[v] = ways & LL;
			c.lo_to_own[v] = ways & LO;
		}
		got = listen_reach(&c, &sk);
		if (!CHECK(got == rows[i].want))
			printf("row %zu: %x, not %x\n", i, got, rows[i].want);
	}
}

int main(void)
{
	t_plan();
	t_place();
	t_reach();
	return test_end("listen_plan");
}
