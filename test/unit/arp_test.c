/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of arp.c: who is asked for, what is answered */
#include "arp.h"
#include "service.h"

static struct conf cf;
static struct guest guest;

static const struct {
	const char *what, *sip, *tip;
	int answer;
} requests[] = {
	{ "router", "192.0.2.15", "192.0.2.1", 1 },
	{ "neighbour", "192.0.2.15", "192.0.2.77", 1 },
	{ "outside", "192.0.2.15", "198.51.100.1", 1 },
	{ "probe of another", "0.0.0.0", "192.0.2.77", 1 },
	{ "probe of the router", "0.0.0.0", "192.0.2.1", 1 },
	{ "probe of its own", "0.0.0.0", "192.0.2.15", 0 },
	{ "its own", "192.0.2.99", "192.0.2.15", 0 },
	{ "seen with it", "0.0.0.0", "192.0.2.20", 0 },
	{ "announcement", "192.0.2.15", "192.0.2.15", 0 },
	{ "other announcement", "192.0.2.77", "192.0.2.77", 0 },
	{ "nothing", "0.0.0.0", "0.0.0.0", 0 },
	{ "unspecified", "192.0.2.15", "0.0.0.0", 0 },
	{ "broadcast", "192.0.2.15", "255.255.255.255", 0 },
	{ "group", "192.0.2.15", "224.0.0.1", 0 },
	{ "loopback", "192.0.2.15", "127.0.0.1", 0 },
};

static struct bytes request(const char *sip, const char *tip)
{
	struct addr s = ip(sip), t = ip(tip);
	struct bytes m = { .len = 0 };

	add16(&m, 1);
	add16(&m, 0x0800);
	add8(&m, 6);
	add8(&m, 4);
	add16(&m, 1);
	add(&m, guest_mac, 6);
	add(&m, s.b + 12, 4);
	add(&m, "\0\0\0\0\0\0", 6);
	add(&m, t.b + 12, 4);
	return m;
}

static const struct pkt from_guest = { .ethertype = 0x0806 };

static size_t reply(const struct bytes *m, struct frame_out *re)
{
	return ask(arp_reply, &cf, &guest, &from_guest, AT_L3, m, re);
}

static void t_requests(void)
{
	struct frame_out re;
	struct bytes m;
	size_t i;

	for (i = 0; i < NELEM(requests); i++) {
		m = request(requests[i].sip, requests[i].tip);
		if (!CHECK(!!reply(&m, &re) == requests[i].answer))
			fprintf(stderr, "... %s\n", requests[i].what);
		if (!re.len)
			continue;
		CHECK(re.len == 42);
		CHECK(!memcmp(re.b, guest_mac, 6) && !memcmp(re.b + 6, our_mac, 6));
		CHECK(!memcmp(re.b + 12, "\x08\x06\0\1\x08\0\6\4\0\2", 10));
		CHECK(!memcmp(re.b + 22, our_mac, 6));
		CHECK(!memcmp(re.b + 28, m.b + 24, 4));
		CHECK(!memcmp(re.b + 32, guest_mac, 6));
		CHECK(!memcmp(re.b + 38, m.b + 14, 4));
	}
}

/* Byte @at changed to @v: not a request that can be answered */
static void t_malformed(void)
{
	static const struct { int at, v; } bad[] = {
		{ 1, 6 }, { 2, 0x86 }, { 4, 8 }, { 5, 16 }, { 7, 2 }, { 7, 3 },
		{ 8, 0xff },
	};
	const struct bytes good = request("192.0.2.15", "192.0.2.1");
	struct frame_out re;
	struct bytes m;
	size_t i;

	for (i = 0; i < NELEM(bad); i++) {
		m = good;
		m.b[bad[i].at] = bad[i].v;
		CHECK(!reply(&m, &re));
	}
	m = good;
	for (m.len = 0; m.len < 28; m.len++)
		CHECK(!reply(&m, &re));
	ask_any_length(arp_reply, &cf, &guest, &from_guest, AT_L3, &good);
	ask_any_byte(arp_reply, &cf, &guest, &from_guest, AT_L3, &good);
}

static void t_disabled(void)
{
	struct bytes m = request("192.0.2.15", "192.0.2.1");
	struct frame_out re;

	cf.net[V4].enabled = false;
	CHECK(!reply(&m, &re));
	CHECK(!arp_probe(&cf, &guest, re.b, FRAME_MAX));
	cf.net[V4].enabled = true;
	CHECK(reply(&m, &re));
}

static void t_probe(void)
{
	struct guest silent = { .mac = { 255, 255, 255, 255, 255, 255 } };
	static const uint8_t want[] =
		"\xff\xff\xff\xff\xff\xff\x9a\x55\x9a\x55\x9a\x55\x08\x06"
		"\0\1\x08\0\6\4\0\1\x9a\x55\x9a\x55\x9a\x55\xc0\0\2\1\0\0\0\0\0\0\xc0\0\2";
	uint8_t out[FRAME_MAX];
	size_t max;

	CHECK(arp_probe(&cf, &silent, out, sizeof(out)) == 42);
	CHECK(!memcmp(out, want, 41) && out[41] == 15);
	CHECK(arp_probe(&cf, &guest, out, sizeof(out)) == 42);
	CHECK(!memcmp(out, want, 41) && out[41] == 20);
	for (max = 0; max < 42; max++)
		CHECK(!arp_probe(&cf, &guest, out, max));

	memset(&cf.net[V4].addr, 0, sizeof(cf.net[V4].addr));
	CHECK(!arp_probe(&cf, &silent, out, sizeof(out)));
}

/* Its sender has an address: a reply or a request; not while it asks for it (RFC 5227) */
static void t_shows(void)
{
	static const struct { const char *from; uint8_t op; bool shows; } rows[] = {
		{ "192.0.2.15", 1, true }, { "192.0.2.15", 2, true },
		{ "0.0.0.0", 1, false }, { "255.255.255.255", 2, false },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct bytes m = request(rows[i].from, "192.0.2.1");
		struct iovec iov = { m.b, m.len };
		struct pkt p = { .l3 = span_over(&iov, 1) };

		m.b[7] = rows[i].op;
		CHECK(arp_shows_guest(&p) == rows[i].shows);
		iov.iov_len = 27;
		p.l3 = span_over(&iov, 1);
		CHECK(!arp_shows_guest(&p));
	}
}

int main(void)
{
	conf_base(&cf);
	guest.seen[V4] = ip("192.0.2.20");
	t_requests();
	t_shows();
	t_malformed();
	t_disabled();

	/* Even if it once used the router's address */
	guest.seen[V4] = cf.net[V4].our;
	cf.net[V4].gw = ip("192.0.2.2");
	t_disabled();
	guest.seen[V4] = ip("192.0.2.20");
	t_probe();
	return test_end("arp");
}
