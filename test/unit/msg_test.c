/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of msg.c: the cursor stops at its end; frames have lengths and checksums.
 * links: span csum pkt
 */
#include "service.h"
#include "msg.h"

static void t_cursor(void)
{
	uint8_t buf[8] = { [7] = 0xaa };
	struct msg m = msg_begin(buf, 7, 0, 0);

	msg_put32(&m, 0x01020304);
	msg_put16(&m, 0x0506);
	CHECK(m.len == 6 && !m.full && msg_room(&m) == 1);
	CHECK(!memcmp(buf, "\1\2\3\4\5\6", 6));
	msg_put16(&m, 0xffff);
	CHECK(m.full && m.len == 6 && !msg_room(&m));
	msg_put8(&m, 0xff);
	msg_pad(&m, 1);
	CHECK(m.len == 6 && !buf[6] && buf[7] == 0xaa);

	m = msg_begin(buf, 7, 4, 4);
	CHECK(m.full && !msg_room(&m));
}

static void t_frame_max(void)
{
	static const struct { unsigned mtu; size_t max, floor, want; } v[] = {
		{ 65520, 2000, 1280, 1514 }, { 65520, 1400, 1280, 1400 },
		{ 0, 2000, 1280, 1514 }, { 1400, 2000, 1280, 1414 },
		{ 1000, 2000, 1280, 1294 }, { 1000, 2000, 576, 1014 },
	};
	static struct conf cf;
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		cf.mtu = v[i].mtu;
		CHECK(msg_frame_max(&cf, v[i].max, v[i].floor) == v[i].want);
	}
}

/* Any payload: the two bytes tried include those that make a sum of zero */
static void t_udp(void)
{
	struct addr src = ip("192.0.2.1"), dst = ip("192.0.2.2");
	struct addr src6 = ip("fe80::1"), dst6 = ip("fe80::2");
	struct l3 l3 = {
		.smac = our_mac, .dmac = guest_mac, .proto = IPPROTO_UDP, .ttl = 255,
	};
	uint8_t out[80];
	int wrong = 0;
	uint32_t i;

	for (i = 0; i < 0x20000; i++) {
		struct msg m = msg_begin(out, sizeof(out), i & 1 ? 54 : 34, 8);

		l3.src = i & 1 ? &src6 : &src;
		l3.dst = i & 1 ? &dst6 : &dst;
		msg_put16(&m, i >> 1);
		wrong += msg_udp(&m, &l3, 1, 2) != m.l4 + 10 ||
			 !frame_ok(out, m.len) || !be16(out + m.l4 + 6);
	}
	CHECK(!wrong);
}

static void t_full(void)
{
	struct addr a = ip("fe80::1");
	struct l3 l3 = {
		.smac = our_mac, .dmac = guest_mac, .src = &a, .dst = &a,
		.proto = IPPROTO_ICMPV6, .ttl = 255,
	};
	uint8_t out[60];
	struct msg m = msg_begin(out, sizeof(out), 54, 0);

	msg_put32(&m, 0);
	CHECK(msg_icmp6(&m, &l3) == 58 && frame_ok(out, 58));
	msg_put32(&m, 0);
	CHECK(!msg_icmp6(&m, &l3) && !msg_udp(&m, &l3, 1, 2));
}

int main(void)
{
	t_cursor();
	t_frame_max();
	t_udp();
	t_full();
	return test_end("msg");
}
