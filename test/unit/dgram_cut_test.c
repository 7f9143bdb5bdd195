/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cut datagrams and trains of them, put the frames together again as a receiver would */
#include <netinet/in.h>
#include <string.h>

#include "../../addr.h"
#include "../../csum.h"
#include "../../dgram_cut.h"
#include "../../link.h"
#include "test.h"

enum { MAX = 65535 };

static const uint8_t mac[6];
static uint8_t payload[MAX + 1], stream[MAX + 1], hdr_room[128], pay_room[MAX + 1];

struct got {			/* one datagram as received */
	size_t len, end;	/* bytes so far; all, once known */
	uint32_t id;
	int frames;
};

/* Slots with their payload room in pieces of odd sizes */
static void lend(struct slot *s, struct iovec v[3], size_t hdrlen, size_t paylen)
{
	size_t a = paylen / 3 | 1, b = paylen / 4 | 1;

	memset(hdr_room, 0xee, sizeof(hdr_room));
	memset(pay_room, 0xee, paylen);
	v[0] = (struct iovec){ pay_room, a };
	v[1] = (struct iovec){ pay_room + a, b };
	v[2] = (struct iovec){ pay_room + a + b, paylen - a - b };
	*s = (struct slot){ .hdr = { hdr_room, hdrlen }, .data = v, .ndata = 3 };
}

static uint16_t be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* Take an IPv4 packet of a frame of @len bytes */
static void take4(struct got *g, const uint8_t *ip, size_t len, size_t mtu)
{
	size_t tot = be16(ip + 2), off = (be16(ip + 6) & 0x1fff) * 8, n = tot - 20;
	bool more = be16(ip + 6) & 0x2000;

	CHECK(ip[0] == 0x45 && tot <= mtu && tot <= len);
	CHECK(csum_fold(csum_add(0, ip, 20)) == 0xffff);
	CHECK(off == g->len);
	CHECK(!more || n % 8 == 0);
	if (more || off) {
		CHECK(!(be16(ip + 6) & 0x4000));
		CHECK(!off || be16(ip + 4) == g->id);
		g->id = be16(ip + 4);
	} else {
		CHECK(be16(ip + 6) & 0x4000);
	}
	memcpy(stream + off, ip + 20, n);
	g->len += n;
	g->end = more ? 0 : g->len;
}

static void take6(struct got *g, const uint8_t *ip, size_t len, size_t mtu, uint8_t proto)
{
	size_t tot = be16(ip + 4) + 40, off = 0, hlen = 40;
	bool more = false;
	uint32_t id = 0;

	CHECK(ip[0] >> 4 == 6 && tot <= mtu && tot <= len);
	if (ip[6] == IPPROTO_FRAGMENT) {
		hlen = 48;
		CHECK(ip[40] == proto && !ip[41]);
		off = be16(ip + 42) & 0xfff8;
		more = ip[43] & 1;
		memcpy(&id, ip + 44, 4);
		CHECK(!off || id == g->id);
		CHECK(!more || (tot - hlen) % 8 == 0);
	} else {
		CHECK(ip[6] == proto);
	}
	g->id = id;
	CHECK(off == g->len);
	memcpy(stream + off, ip + hlen, tot - hlen);
	g->len += tot - hlen;
	g->end = more ? 0 : g->len;
}

static uint32_t pseudo(const struct l3 *l3, size_t len)
{
	if (l3->proto == IPPROTO_ICMP)
		return 0;
	return csum_pseudo(l3->src, l3->dst, l3->proto, len);
}

/* Next datagram out of @c, through the frames of a link; false: there is none */
static bool reassemble(struct cut *c, struct got *g, const struct l3 *l3, size_t mtu)
{
	uint8_t flat[sizeof(hdr_room) + MAX];
	struct iovec v[3];
	struct slot s;

	*g = (struct got){ 0 };
	while (!g->end) {
		lend(&s, v, pkt_l3len(l3->src) + DGRAM_HLEN, cut_room(c));
		if (!cut_next(c, &s))
			return false;
		memcpy(flat, hdr_room, s.hdr.iov_len);
		memcpy(flat + s.hdr.iov_len, pay_room, s.len);
		if (addr_is4(l3->src))
			take4(g, flat + 14, s.hdr.iov_len + s.len - 14, mtu);
		else
			take6(g, flat + 14, s.hdr.iov_len + s.len - 14, mtu, l3->proto);
		if (++g->frames > 3000)
			return CHECK(false);
	}
	return true;
}

static void t_case(const struct l3 *l3, size_t mtu, size_t len, size_t seg)
{
	uint8_t hdr[8] = { 0x12, 0x34, 0, 53, 0xaa, 0xaa, 0xbb, 0xbb };
	bool udp = l3->proto == IPPROTO_UDP;
	size_t done = 0, n = 0, iph = addr_is4(l3->src) ? 20 : 40;
	struct cut c;
	struct got g;

	cut_start(&c, l3, mtu, 0xfffe, hdr, payload, len, seg);
	while (reassemble(&c, &g, l3, mtu)) {
		size_t expect = len - done < seg ? len - done : seg;

		CHECK(g.end == expect + 8);
		CHECK((g.frames == 1) == (iph + 8 + expect <= mtu));
		CHECK(!memcmp(stream, hdr, udp ? 4 : 2));
		CHECK(!udp || be16(stream + 4) == g.end);
		CHECK(udp || !memcmp(stream + 4, hdr + 4, 4));
		CHECK(!memcmp(stream + 8, payload + done, expect));
		CHECK(csum_fold(csum_add(pseudo(l3, g.end), stream, g.end)) == 0xffff);
		done += expect;
		n++;
	}
	CHECK(done == len);
	CHECK(n == (len ? (len + seg - 1) / seg : 1));
}

int main(void)
{
	static const size_t mtus[] = { 1280, 1281, 1499, 1500, 9000, 65520 };
	static const struct { size_t len, seg; } sizes[] = {
		{ 0, 1 }, { 1, 1 }, { 1232, 1232 }, { 1233, 1233 }, { 1472, 1472 },
		{ 1473, 1473 }, { 1480, 1480 }, { 1481, 1481 }, { 2952, 2952 },
		{ 2953, 2953 }, { 8000, 8000 }, { 65507, 65507 }, { 8000, 1000 },
		{ 8001, 1000 }, { 20001, 1999 }, { 65507, 2001 }, { 4000, 1473 },
	};
	struct addr a4 = addr_v4(htonl(0xc0000201)), b4 = addr_v4(htonl(0xc0000202));
	struct addr a6, b6;
	struct l3 l3s[4];
	size_t i, j, k;

	addr_parse("2001:db8::1", &a6);
	addr_parse("2001:db8::2", &b6);
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i * 7 + i / 251;
	for (i = 0; i < 4; i++)
		l3s[i] = (struct l3){ .smac = mac, .dmac = mac,
			.src = i < 2 ? &a4 : &a6, .dst = i < 2 ? &b4 : &b6,
			.ttl = 64 };
	l3s[0].proto = l3s[2].proto = IPPROTO_UDP;
	l3s[1].proto = IPPROTO_ICMP;
	l3s[3].proto = IPPROTO_ICMPV6;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < sizeof(mtus) / sizeof(mtus[0]); j++) {
			for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
				if (i % 2 && sizes[k].seg != sizes[k].len)
					continue;	/* echo has no trains */
				t_case(&l3s[i], mtus[j], sizes[k].len, sizes[k].seg);
			}
		}
	}
	/* IPv4 guests may have tiny MTUs, where a last fragment is all padding */
	t_case(&l3s[0], 68, 1000, 1000);
	t_case(&l3s[0], 68, 41, 41);
	return test_end("dgram_cut");
}
