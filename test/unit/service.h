/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service.h - for the tests of the services: a configuration, messages of a guest
 * byte by byte, and the proof that what comes back is a whole frame
 *
 * Input and output live in heap memory of exactly their size, so that one byte read
 * or written too far is seen by the sanitizer.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdlib.h>

#include "conf.h"
#include "pkt.h"
#include "test.h"
#include "worker.h"

#define FRAME_MAX	1514

typedef size_t reply_fn(const struct conf *cf, const struct guest *g,
			const struct pkt *p, uint8_t *out, size_t max);

/* A message under construction */
struct bytes {
	uint8_t b[4096];
	size_t len;
};

struct frame_out {
	uint8_t b[FRAME_MAX];
	size_t len;
};

static const uint8_t our_mac[6] = { 0x9a, 0x55, 0x9a, 0x55, 0x9a, 0x55 };
static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static inline struct addr ip(const char *s)
{
	struct addr a = { 0 };

	CHECK(!addr_parse(s, &a));
	return a;
}

static inline void conf_base(struct conf *cf)
{
	memset(cf, 0, sizeof(*cf));
	memcpy(cf->our_mac, our_mac, 6);
	cf->mtu = 65520;
	cf->dhcp_dns = cf->dhcp_search = true;
	cf->net[V4] = (struct net_conf){
		.enabled = true, .addr = ip("192.0.2.15"), .plen = 24,
		.gw = ip("192.0.2.1"), .our = ip("192.0.2.1"),
	};
	cf->net[V6] = (struct net_conf){
		.enabled = true, .addr = ip("2001:db8:1:2::15"), .plen = 64,
		.gw = ip("fe80::1"), .our = ip("fe80::1"),
	};
}

static inline void add(struct bytes *m, const void *p, size_t n)
{
	memcpy(m->b + m->len, p, n);
	m->len += n;
}

static inline void add8(struct bytes *m, uint8_t v)
{
	add(m, &v, 1);
}

static inline void add16(struct bytes *m, uint16_t v)
{
	add8(m, v >> 8);
	add8(m, v);
}

static inline void add32(struct bytes *m, uint32_t v)
{
	add16(m, v >> 16);
	add16(m, v);
}

static inline uint16_t be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* Sum of 16-bit words as RFC 1071 writes it down */
static inline uint32_t ref_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += be16(p + i);
	if (n & 1)
		sum += p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline int ip4_ok(const uint8_t *h, size_t len)
{
	return len >= 28 && h[0] == 0x45 && be16(h + 2) == len && h[8] == 255 &&
	       h[9] == IPPROTO_UDP && be16(h + 6) == 0x4000 &&
	       ref_sum(h, 20, 0) == 0xffff && be16(h + 24) == len - 20 &&
	       ref_sum(h + 12, len - 12, IPPROTO_UDP + len - 20) == 0xffff;
}

static inline int ip6_ok(const uint8_t *h, size_t len)
{
	int udp = h[6] == IPPROTO_UDP;

	return len >= 44 && h[0] >> 4 == 6 && be16(h + 4) == len - 40 &&
	       h[7] == 255 && (udp || h[6] == IPPROTO_ICMPV6) &&
	       (!udp || be16(h + 44) == len - 40) &&
	       ref_sum(h + 8, len - 8, h[6] + len - 40) == 0xffff;
}

/* Is this a frame of ours, whole and with right lengths and checksums? */
static inline int frame_ok(const uint8_t *f, size_t len)
{
	if (len < 42 || memcmp(f + 6, our_mac, 6))
		return 0;
	switch (be16(f + 12)) {
	case 0x0806:
		return len == 42;
	case 0x0800:
		return ip4_ok(f + 14, len - 14);
	case 0x86dd:
		return ip6_ok(f + 14, len - 14);
	default:
		return 0;
	}
}

/* Where the message is in a packet: ARP uses l3, NDP l4, DHCP data */
enum where { AT_L3, AT_L4, AT_DATA };

/* The answer to the @len bytes at @msg, cut in two at @cut; @max bytes of room */
static inline size_t ask_cut(reply_fn *fn, const struct conf *cf,
			     const struct guest *g, const struct pkt *from,
			     enum where at, const void *msg, size_t len, size_t cut,
			     size_t max, struct frame_out *re)
{
	uint8_t *a = malloc(cut + !cut), *b = malloc(len - cut + (len == cut));
	struct iovec iov[2] = { { a, cut }, { b, len - cut } };
	struct span s = span_over(iov, 2);
	uint8_t *out = malloc(max + !max);
	struct pkt p = *from;

	memcpy(a, msg, cut);
	memcpy(b, (const char *)msg + cut, len - cut);
	*(at == AT_L3 ? &p.l3 : at == AT_L4 ? &p.l4 : &p.data) = s;
	re->len = fn(cf, g, &p, out, max);
	if (re->len)
		CHECK(re->len <= max && frame_ok(out, re->len));
	memcpy(re->b, out, re->len);
	free(a);
	free(b);
	free(out);
	return re->len;
}

static inline size_t ask(reply_fn *fn, const struct conf *cf, const struct guest *g,
			 const struct pkt *p, enum where at, const struct bytes *m,
			 struct frame_out *re)
{
	return ask_cut(fn, cf, g, p, at, m->b, m->len, m->len, FRAME_MAX, re);
}

/* The message ends early, comes in two pieces, or its answer has too little room:
 * no answer or a right one, and nothing read or written out of bounds
 */
static inline void ask_any_length(reply_fn *fn, const struct conf *cf,
				  const struct guest *g, const struct pkt *p,
				  enum where at, const struct bytes *m)
{
	struct frame_out whole, re;
	size_t i;

	ask(fn, cf, g, p, at, m, &whole);
	for (i = 0; i <= m->len; i++) {
		ask_cut(fn, cf, g, p, at, m->b, i, i, FRAME_MAX, &re);
		ask_cut(fn, cf, g, p, at, m->b, m->len, i, FRAME_MAX, &re);
		CHECK(re.len == whole.len && !memcmp(re.b, whole.b, re.len));
	}
	for (i = 0; i < FRAME_MAX; i++)
		ask_cut(fn, cf, g, p, at, m->b, m->len, m->len, i, &re);
}

/* The same with each byte changed in turn */
static inline void ask_any_byte(reply_fn *fn, const struct conf *cf,
				const struct guest *g, const struct pkt *p,
				enum where at, const struct bytes *m)
{
	static const uint8_t values[] = { 0, 1, 2, 5, 0x40, 0x7f, 0x80, 0xfe, 0xff };
	struct frame_out re;
	struct bytes bad;
	size_t i, v;

	for (i = 0; i < m->len; i++) {
		for (v = 0; v < NELEM(values); v++) {
			bad = *m;
			bad.b[i] = values[v];
			ask(fn, cf, g, p, at, &bad, &re);
		}
	}
}

#endif
