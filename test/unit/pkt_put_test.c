/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkt_put_test.c - headers and checksums towards the guest, byte by byte
 *
 * links: pkt csum span
 */
#include "frames.h"
#include "pkt.h"
#include "test.h"
#include "util.h"

/* What the put functions write for @pay bytes in two pieces is @want, but for the
 * checksum's request of @partial
 */
static void put_and_compare(const struct raw *want, uint8_t proto, size_t pay,
			    bool partial)
{
	static uint8_t out[LINK_HDR_MAX], data[2000];
	bool v6 = is_v6(want);
	struct addr src = v6 ? addr_v6(want->b + IP + 8) : addr_v4(0), dst = src;
	size_t l3len = v6 ? L4_6 : L4_4, l4len = want->len - l3len;
	size_t hlen = want->len - pay;
	struct iovec v[] = { { data, pay / 3 }, { data + pay / 3, 2000 - pay / 3 } };
	struct slot s = {
		.hdr = { out, hlen }, .data = v, .ndata = 2, .len = pay,
	};
	struct tcp_hdr tcp = {
		.seq = 0x01020304, .ack = 0x05060708, .wnd = 0x1234, .flags = 0x18,
	};
	struct l3 l3 = {
		.smac = frame_eth + 6, .dmac = frame_eth, .src = &src, .dst = &dst,
		.flow_label = 0xfff12345, .ip_id = 9, .proto = proto, .ttl = 63,
		.tos = 0xb8,
	};
	uint16_t csum, full;
	uint8_t *l4;

	if (v6) {
		dst = addr_v6(want->b + IP + 24);
	} else {
		memcpy(src.b + 12, want->b + IP + 12, 4);
		memcpy(dst.b + 12, want->b + IP + 16, 4);
	}
	memset(out, 0xee, sizeof(out));
	memcpy(data, want->b + hlen, pay);
	CHECK(pkt_l3len(&src) == l3len);
	l4 = pkt_put_l3(out, &l3, l4len);
	CHECK(l4 == out + l3len);
	if (proto == IPPROTO_UDP)
		pkt_put_udp(l4, 0x1092, 53, pay);
	else if (proto == IPPROTO_TCP)
		pkt_put_tcp(l4, 0x1092, 80, &tcp, 32);
	if (proto == IPPROTO_TCP)
		memcpy(l4 + 20, want->b + l3len + 20, 12);
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		memcpy(l4, want->b + l3len, 8);
		put16(l4 + 2, 0);
	}
	CHECK(!words(l4 + csum_at(proto), 2));
	pkt_csum_l4(&s, &l3, csum_at(proto), partial);

	memcpy(&full, want->b + l3len + csum_at(proto), 2);
	memcpy(&csum, l4 + csum_at(proto), 2);
	if (s.off.csum_partial) {
		CHECK(partial && s.off.csum_start == l3len);
		CHECK(s.off.csum_off == csum_at(proto));
		CHECK(csum == htons(fold(pseudo(want, proto, l4len))));
	} else {
		CHECK(csum == full);
	}
	memcpy(l4 + csum_at(proto), &full, 2);
	CHECK(!memcmp(out, want->b, hlen));
}

static void t_put(void)
{
	static const uint8_t protos[] = {
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
	};
	static struct raw r;
	size_t i, pay;

	for (i = 0; i < NELEM(protos); i++) {
		for (pay = 0; pay < 1500; pay += 37) {
			if (protos[i] != IPPROTO_ICMPV6) {
				make(&r, false, protos[i], pay);
				put_and_compare(&r, protos[i], pay, false);
				put_and_compare(&r, protos[i], pay, true);
			}
			if (protos[i] != IPPROTO_ICMP) {
				make(&r, true, protos[i], pay);
				put_and_compare(&r, protos[i], pay, false);
				put_and_compare(&r, protos[i], pay, true);
			}
		}
	}
}

/* A UDP checksum that comes out as zero is sent as ffff: zero means none */
static void t_udp_zero(void)
{
	static struct raw r;
	uint8_t hdr[64], data[2];
	struct addr src = addr_v4(0), dst = src;
	struct iovec v = { data, 2 };
	struct slot s = { .hdr = { hdr, L4_4 + 8 }, .data = &v, .ndata = 1, .len = 2 };
	struct l3 l3 = {
		.smac = frame_eth, .dmac = frame_eth, .src = &src, .dst = &dst,
		.proto = IPPROTO_UDP, .ttl = 64,
	};

	memcpy(src.b + 12, frame_addrs4, 4);
	memcpy(dst.b + 12, frame_addrs4 + 4, 4);
	make(&r, false, IPPROTO_UDP, 2);
	put16(r.b + L4_4 + 6, 0);
	put16(r.b + L4_4 + 8, 0);
	put16(data, ~fold(pseudo(&r, IPPROTO_UDP, 10) + words(r.b + L4_4, 10)));
	pkt_put_udp(pkt_put_l3(hdr, &l3, 10), 0x1092, 53, 2);
	pkt_csum_l4(&s, &l3, 6, false);
	CHECK(hdr[L4_4 + 6] == 0xff && hdr[L4_4 + 7] == 0xff);
}

int main(void)
{
	t_put();
	t_udp_zero();
	return test_end("pkt_put");
}
