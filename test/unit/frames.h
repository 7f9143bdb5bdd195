/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frames.h - frames for the tests of pkt.c, made byte by byte
 *
 * Nothing here comes from the code under test: checksums are made by the letter of
 * RFC 1071.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>

enum { IP = 14, L4_4 = IP + 20, L4_6 = IP + 40 };

struct raw { uint8_t b[70000]; size_t len; };

static const uint8_t frame_eth[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
static const uint8_t frame_addrs4[8] = { 192, 0, 2, 2, 198, 51, 100, 7 };
static const uint8_t frame_addrs6[32] = {
	0x20, 1, 0xd, 0xb8, [15] = 2, 0x20, 1, 0xd, 0xb8, 0, 1, [31] = 7,
};

static inline void put(struct raw *r, const void *p, size_t len)
{
	memcpy(r->b + r->len, p, len);
	r->len += len;
}

static inline void put16(uint8_t *at, unsigned v)
{
	at[0] = v >> 8;
	at[1] = v;
}

static inline uint64_t words(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
	return sum;
}

static inline uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline bool is_v6(const struct raw *r)
{
	return r->b[12] == 0x86;
}

/* Pseudo header of the transport header at @l4, @len bytes long */
static inline uint64_t pseudo(const struct raw *r, uint8_t proto, size_t len)
{
	if (is_v6(r))
		return words(r->b + IP + 8, 32) + len + proto;
	return words(r->b + IP + 12, 8) + len + proto;
}

static inline size_t csum_at(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;
}

/* Right checksums for the transport header of type @proto at @l4; the header itself
 * may be damaged
 */
static inline void fix(struct raw *r, uint8_t proto, size_t l4)
{
	uint8_t *csum = r->b + l4 + csum_at(proto);
	uint64_t sum = 0;

	if (!is_v6(r)) {
		size_t hlen = (r->b[IP] & 0xf) * 4;

		put16(r->b + IP + 10, 0);
		put16(r->b + IP + 10, ~fold(words(r->b + IP, hlen)));
	}
	if (l4 + 20 > r->len && proto == IPPROTO_TCP)
		return;
	put16(csum, 0);
	if (proto != IPPROTO_ICMP)
		sum = pseudo(r, proto, r->len - l4);
	put16(csum, ~fold(sum + words(r->b + l4, r->len - l4)));
}

static inline void begin(struct raw *r, bool v6, uint8_t proto, size_t l4len)
{
	static const uint8_t ip4[] = {
		0x45, 0xb8, 0, 0, 0, 9, 0x40, 0, 63, 0, 0, 0,
	};
	static const uint8_t ip6[] = { 0x6b, 0x81, 0x23, 0x45, 0, 0, 0, 63 };

	r->len = 0;
	put(r, frame_eth, sizeof(frame_eth));
	put(r, v6 ? "\x86\xdd" : "\x08\x00", 2);
	if (v6) {
		put(r, ip6, sizeof(ip6));
		put(r, frame_addrs6, sizeof(frame_addrs6));
		put16(r->b + IP + 4, l4len);
		r->b[IP + 6] = proto;
	} else {
		put(r, ip4, sizeof(ip4));
		put(r, frame_addrs4, sizeof(frame_addrs4));
		put16(r->b + IP + 2, l4len + 20);
		r->b[IP + 9] = proto;
	}
}

/* A good frame with @pay bytes of payload */
static inline void make(struct raw *r, bool v6, uint8_t proto, size_t pay)
{
	static const uint8_t tcp[] = {
		0x10, 0x92, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0x18, 0x12, 0x34,
		0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
	};
	static const uint8_t udp[] = { 0x10, 0x92, 0, 53, 0, 0, 0, 0 };
	static const uint8_t echo[] = { 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44 };
	size_t hlen = proto == IPPROTO_TCP ? sizeof(tcp) : 8, l4, i;

	begin(r, v6, proto, hlen + pay);
	l4 = r->len;
	put(r, proto == IPPROTO_TCP ? tcp : proto == IPPROTO_UDP ? udp : echo, hlen);
	if (proto == IPPROTO_UDP)
		put16(r->b + l4 + 4, hlen + pay);
	if (proto == IPPROTO_ICMP)
		r->b[l4] = 8;
	if (proto == IPPROTO_ICMPV6)
		r->b[l4] = 128;
	for (i = 0; i < pay; i++)
		r->b[r->len++] = i * 5 + 3;
	fix(r, proto, l4);
}

#endif
