/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkt_test.c - frames made byte by byte, whole, damaged, cut and at random
 *
 * links: csum span
 * The seed of the random part is printed and may be given as an argument.
 */
#include <net/ethernet.h>
#include <stdlib.h>
#include <sys/random.h>

#include "frames.h"
#include "pkt.h"
#include "test.h"
#include "util.h"

static enum drop parse_as(struct pkt *p, const struct raw *r, struct offload off)
{
	static struct frame f;		/* outlives the packet's spans */

	f.iov = (struct iovec){ (void *)(uintptr_t)r->b, r->len };
	f.l2 = span_over(&f.iov, 1);
	f.off = off;
	return pkt_parse(p, &f);
}

static enum drop parse(struct pkt *p, const struct raw *r)
{
	return parse_as(p, r, (struct offload){ 0 });
}

static bool starts_at(const struct span *s, const struct raw *r, size_t at)
{
	uint8_t v;

	span_peek(*s, &v, 1);
	return s->left && v == r->b[at] && !s->bad &&
	       (const uint8_t *)s->iov->iov_base + s->off == r->b + at;
}

static void check_sides(const struct pkt *p, bool v6)
{
	struct addr src = v6 ? addr_v6(frame_addrs6) : addr_v4(0), dst = src;

	if (v6) {
		dst = addr_v6(frame_addrs6 + 16);
	} else {
		memcpy(src.b + 12, frame_addrs4, 4);
		memcpy(dst.b + 12, frame_addrs4 + 4, 4);
	}
	CHECK(addr_eq(&p->src.addr, &src) && addr_eq(&p->dst.addr, &dst));
	CHECK(p->ttl == 63 && p->tos == 0xb8);
	CHECK(p->ethertype == (v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP));
	CHECK(!memcmp(p->dmac, frame_eth, 6) && !memcmp(p->smac, frame_eth + 6, 6));
}

static void t_good(void)
{
	static struct raw r;
	struct pkt p;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		size_t l4 = v6 ? L4_6 : L4_4;

		make(&r, v6, IPPROTO_TCP, 11);
		CHECK(parse(&p, &r) == DROP_NONE);
		check_sides(&p, v6);
		CHECK(p.proto == IPPROTO_TCP);
		CHECK(p.src.port == 0x1092 && p.dst.port == 80);
		CHECK(p.tcp.seq == 0x01020304 && p.tcp.ack == 0x05060708);
		CHECK(p.tcp.wnd == 0x1234 && p.tcp.flags == (TCP_ACK | TCP_PSH));
		CHECK(starts_at(&p.tcp.opts, &r, l4 + 20) && p.tcp.opts.left == 12);
		CHECK(starts_at(&p.data, &r, l4 + 32) && p.data.left == 11);
		CHECK(starts_at(&p.l4, &r, l4) && p.l4.left == 43);
		CHECK(starts_at(&p.l3, &r, IP) && p.l3.left == r.len - IP);

		make(&r, v6, IPPROTO_UDP, 5);
		CHECK(parse(&p, &r) == DROP_NONE);
		check_sides(&p, v6);
		CHECK(p.src.port == 0x1092 && p.dst.port == 53);
		CHECK(starts_at(&p.data, &r, l4 + 8) && p.data.left == 5);

		make(&r, v6, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 6);
		CHECK(parse(&p, &r) == DROP_NONE);
		check_sides(&p, v6);
		CHECK(p.icmp.type == (v6 ? 128 : 8) && !p.icmp.code);
		CHECK(p.icmp.id == 0x1122 && p.icmp.seq == 0x3344);
		CHECK(p.src.port == 0x1122 && p.dst.port == 0);
		CHECK(starts_at(&p.data, &r, l4 + 8) && p.data.left == 6);
	}
}

static void t_arp_and_others(void)
{
	static struct raw r;
	struct pkt p;

	put(&r, frame_eth, sizeof(frame_eth));
	put(&r, "\x08\x06" "0123456789012345678901234567", 30);
	CHECK(parse(&p, &r) == DROP_NONE);
	CHECK(p.ethertype == ETHERTYPE_ARP && !p.proto && p.l3.left == 28);
	r.b[13] = 5;
	CHECK(parse(&p, &r) == DROP_ETHERTYPE);
	r.len = 13;
	CHECK(parse(&p, &r) == DROP_SHORT);
	r.len = 0;
	CHECK(parse(&p, &r) == DROP_SHORT);

	begin(&r, false, IPPROTO_IGMP, 8);
	put(&r, "\x16\0\0\0\xe0\0\0\xfb", 8);
	fix(&r, IPPROTO_ICMP, L4_4);
	CHECK(parse(&p, &r) == DROP_NONE && p.proto == IPPROTO_IGMP);
	CHECK(starts_at(&p.data, &r, L4_4) && p.data.left == 8);
}

/* Padding of short Ethernet frames belongs to nobody */
static void t_padding(void)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	static struct raw r;
	struct pkt p;
	size_t i;
	int v6;

	for (i = 0; i < NELEM(protos); i++) {
		for (v6 = 0; v6 < 2; v6++) {
			make(&r, v6, protos[i], 1);
			put(&r, "padding", 7);
			CHECK(parse(&p, &r) == DROP_NONE && p.data.left == 1);
			CHECK(p.l3.left == r.len - IP - 7);
		}
	}

	make(&r, false, IPPROTO_UDP, 9);	/* or of UDP itself */
	put16(r.b + L4_4 + 4, 8 + 4);
	put16(r.b + L4_4 + 6, 0);
	put16(r.b + L4_4 + 6, ~fold(pseudo(&r, IPPROTO_UDP, 12) +
				     words(r.b + L4_4, 12)));
	CHECK(parse(&p, &r) == DROP_NONE);
	CHECK(p.data.left == 4 && p.l4.left == 12);
}

/* One or two bytes changed, checksums made right again unless they are the point */
enum { V4T, V4U, V4I, V6T, V6U, V6I };
static const struct {
	int base;
	bool nofix;
	struct { uint16_t at; uint8_t v; } set[2];
	enum drop want;
} damaged[] = {
	{ V4T, 0, { { IP, 0x55 } }, DROP_HEADER },		/* version */
	{ V4T, 0, { { IP, 0x44 } }, DROP_HEADER },		/* ihl */
	{ V4T, 0, { { IP, 0x4f } }, DROP_SHORT },
	{ V4T, 0, { { IP + 3, 19 } }, DROP_HEADER },		/* tot_len */
	{ V4T, 0, { { IP + 2, 1 } }, DROP_SHORT },
	{ V4T, 0, { { IP + 3, 39 } }, DROP_SHORT },
	{ V4T, 0, { { IP + 6, 0x20 } }, DROP_FRAGMENT },	/* more */
	{ V4T, 0, { { IP + 7, 1 } }, DROP_FRAGMENT },		/* offset */
	{ V4T, 0, { { IP + 6, 0x1f } }, DROP_FRAGMENT },
	{ V4T, 0, { { IP + 6, 0x00 } }, DROP_NONE },		/* no DF */
	{ V4T, 1, { { IP + 8, 62 } }, DROP_CSUM },		/* header */
	{ V4T, 1, { { IP + 11, 0xee } }, DROP_CSUM },
	{ V4T, 0, { { IP + 9, IPPROTO_ICMPV6 } }, DROP_PROTO },
	{ V4T, 0, { { IP + 12, 127 } }, DROP_ADDR },
	{ V4T, 0, { { IP + 16, 127 } }, DROP_ADDR },
	{ V4U, 0, { { IP + 12, 127 } }, DROP_ADDR },
	{ V4I, 0, { { IP + 16, 127 } }, DROP_ADDR },
	{ V4U, 0, { { IP + 12, 224 } }, DROP_ADDR },
	{ V4T, 0, { { IP + 12, 224 } }, DROP_ADDR },
	{ V4U, 0, { { IP + 16, 224 } }, DROP_NONE },		/* to a group */
	{ V4T, 0, { { L4_4 + 12, 0x40 } }, DROP_HEADER },	/* doff */
	{ V4T, 0, { { L4_4 + 12, 0xf0 } }, DROP_SHORT },
	{ V4T, 1, { { L4_4 + 33, 0xaa } }, DROP_CSUM },		/* payload */
	{ V4T, 1, { { L4_4 + 17, 0xaa } }, DROP_CSUM },
	{ V4T, 0, { { L4_4, 0 }, { L4_4 + 1, 0 } }, DROP_ADDR },	/* ports */
	{ V4T, 0, { { L4_4 + 3, 0 } }, DROP_ADDR },
	{ V4U, 0, { { L4_4, 0 }, { L4_4 + 1, 0 } }, DROP_ADDR },
	{ V4U, 0, { { L4_4 + 3, 0 } }, DROP_ADDR },
	{ V4U, 0, { { L4_4 + 5, 7 } }, DROP_HEADER },		/* len */
	{ V4U, 0, { { L4_4 + 5, 20 } }, DROP_SHORT },
	{ V4U, 0, { { L4_4 + 4, 1 } }, DROP_SHORT },
	{ V4U, 1, { { L4_4 + 9, 0xaa } }, DROP_CSUM },
	{ V4U, 1, { { L4_4 + 6, 0 }, { L4_4 + 7, 0 } }, DROP_NONE },
	{ V4I, 1, { { L4_4 + 9, 0xaa } }, DROP_CSUM },
	{ V4I, 0, { { L4_4, 3 } }, DROP_NONE },

	{ V6T, 0, { { IP, 0x40 } }, DROP_HEADER },		/* version */
	{ V6T, 0, { { IP + 4, 1 } }, DROP_SHORT },		/* length */
	{ V6T, 0, { { IP + 5, 19 } }, DROP_SHORT },
	{ V6T, 0, { { IP + 5, 0 } }, DROP_SHORT },		/* jumbo */
	{ V6T, 0, { { IP + 6, IPPROTO_ICMP } }, DROP_PROTO },
	{ V6T, 0, { { IP + 8, 0xff } }, DROP_ADDR },
	{ V6U, 0, { { IP + 24, 0xff } }, DROP_NONE },
	{ V6T, 0, { { L4_6 + 12, 0x40 } }, DROP_HEADER },
	{ V6T, 1, { { L4_6 + 33, 0xaa } }, DROP_CSUM },
	{ V6T, 1, { { IP + 9, 0xaa } }, DROP_CSUM },		/* pseudo */
	{ V6U, 1, { { L4_6 + 9, 0xaa } }, DROP_CSUM },
	{ V6U, 1, { { L4_6 + 6, 0 }, { L4_6 + 7, 0 } }, DROP_CSUM },
	{ V6I, 1, { { L4_6 + 9, 0xaa } }, DROP_CSUM },
	{ V6I, 1, { { IP + 9, 0xaa } }, DROP_CSUM },
};

static void t_damaged(void)
{
	static const uint8_t protos[] = {
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6,
	};
	static struct raw r;
	struct pkt p;
	size_t i;
	int k;

	for (i = 0; i < NELEM(damaged); i++) {
		bool v6 = damaged[i].base >= V6T;
		enum drop why;

		make(&r, v6, protos[damaged[i].base], 11);
		for (k = 0; k < 2 && damaged[i].set[k].at; k++)
			r.b[damaged[i].set[k].at] = damaged[i].set[k].v;
		if (!damaged[i].nofix)
			fix(&r, protos[damaged[i].base], v6 ? L4_6 : L4_4);
		why = parse(&p, &r);
		if (!CHECK(why == damaged[i].want))
			fprintf(stderr, "  row %zu: %s\n", i, drop_name(why));
	}
}

static void t_addresses(void)
{
	static const uint8_t any[32], lo[16] = { [15] = 1 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 2 };
	static const struct {
		bool v6;
		uint8_t proto;
		int off;			/* source 0, destination 1 */
		const uint8_t *addr;
		enum drop want;
	} rows[] = {
		{ 0, IPPROTO_TCP, 0, any, DROP_ADDR },
		{ 0, IPPROTO_UDP, 0, any, DROP_NONE },
		{ 0, IPPROTO_UDP, 1, any, DROP_ADDR },
		{ 0, IPPROTO_UDP, 0, (const uint8_t *)"\xff\xff\xff\xff", DROP_ADDR },
		{ 0, IPPROTO_UDP, 1, (const uint8_t *)"\xff\xff\xff\xff", DROP_NONE },
		{ 1, IPPROTO_TCP, 0, any, DROP_ADDR },
		{ 1, IPPROTO_UDP, 0, any, DROP_NONE },
		{ 1, IPPROTO_ICMPV6, 0, any, DROP_NONE },
		{ 1, IPPROTO_ICMPV6, 1, any, DROP_ADDR },
		{ 1, IPPROTO_TCP, 0, lo, DROP_ADDR },
		{ 1, IPPROTO_UDP, 1, lo, DROP_ADDR },
		{ 1, IPPROTO_TCP, 0, mapped, DROP_ADDR },
		{ 1, IPPROTO_TCP, 1, mapped, DROP_ADDR },
	};
	static struct raw r;
	struct pkt p;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		size_t len = rows[i].v6 ? 16 : 4, at = rows[i].v6 ? 8 : 12;

		make(&r, rows[i].v6, rows[i].proto, 3);
		memcpy(r.b + IP + at + len * rows[i].off, rows[i].addr, len);
		fix(&r, rows[i].proto, rows[i].v6 ? L4_6 : L4_4);
		if (!CHECK(parse(&p, &r) == rows[i].want))
			fprintf(stderr, "  row %zu\n", i);
	}
}

static void t_ip4_options(void)
{
	static struct raw r;
	struct pkt p;
	int n;

	for (n = 1; n <= 10; n++) {
		make(&r, false, IPPROTO_UDP, 6);
		memmove(r.b + L4_4 + n * 4, r.b + L4_4, r.len - L4_4);
		memset(r.b + L4_4, 1, n * 4);
		r.len += n * 4;
		r.b[IP] = 0x45 + n;
		put16(r.b + IP + 2, r.len - IP);
		fix(&r, IPPROTO_UDP, L4_4 + n * 4);
		CHECK(parse(&p, &r) == DROP_NONE && p.data.left == 6);
		CHECK(starts_at(&p.l4, &r, L4_4 + n * 4));
		CHECK(p.l3.left == r.len - IP);
		r.b[L4_4] = 0;			/* summed as well */
		CHECK(parse(&p, &r) == DROP_CSUM);
		r.len = L4_4 + n * 4 - 1;
		CHECK(parse(&p, &r) == DROP_SHORT);
	}
}

static void t_ip6_extensions(void)
{
	enum { HOP, ROUTE = 43, FRAG, NONE = 59, DST };
	static const struct {
		int n;
		uint8_t type[10];
		int at, v;			/* byte @at of the last one is @v */
		enum drop want;
	} rows[] = {
		{ 1, { HOP }, 0, 0, DROP_NONE },
		{ 1, { DST }, 0, 0, DROP_NONE },
		{ 1, { ROUTE }, 0, 0, DROP_NONE },
		{ 1, { ROUTE }, 3, 1, DROP_HEADER },	/* segments left */
		{ 1, { FRAG }, 0, 0, DROP_NONE },	/* atomic: RFC 6946 */
		{ 1, { FRAG }, 3, 1, DROP_FRAGMENT },	/* more */
		{ 1, { FRAG }, 3, 8, DROP_FRAGMENT },	/* offset */
		{ 1, { FRAG }, 2, 1, DROP_FRAGMENT },
		{ 1, { FRAG }, 3, 6, DROP_NONE },	/* reserved bits */
		{ 1, { FRAG }, 1, 9, DROP_NONE },	/* reserved, no length */
		{ 1, { HOP }, 1, 200, DROP_SHORT },	/* length */
		{ 1, { DST }, 1, 255, DROP_SHORT },
		{ 3, { HOP, DST, FRAG }, 0, 0, DROP_NONE },
		{ 2, { DST, HOP }, 0, 0, DROP_HEADER },	/* first or not at all */
		{ 2, { HOP, HOP }, 0, 0, DROP_HEADER },
		{ 8, { HOP, DST, DST, DST, DST, DST, DST, DST }, 0, 0, DROP_NONE },
		{ 9, { HOP, DST, DST, DST, DST, DST, DST, DST, DST }, 0, 0,
		  DROP_HEADER },
		{ 1, { NONE }, 0, 0, DROP_NONE },
	};
	static struct raw r;
	struct pkt p;
	size_t i;
	int k;

	for (i = 0; i < NELEM(rows); i++) {
		size_t ext = rows[i].n * 8, last = L4_6 + ext - 8;
		enum drop why;

		make(&r, true, IPPROTO_UDP, 6);
		memmove(r.b + L4_6 + ext, r.b + L4_6, r.len - L4_6);
		memset(r.b + L4_6, 0, ext);
		r.len += ext;
		put16(r.b + IP + 4, r.len - L4_6);
		r.b[IP + 6] = rows[i].type[0];
		for (k = 0; k < rows[i].n; k++)
			r.b[L4_6 + k * 8] = k + 1 < rows[i].n ?
					    rows[i].type[k + 1] : IPPROTO_UDP;
		if (rows[i].at)
			r.b[last + rows[i].at] = rows[i].v;
		why = parse(&p, &r);
		if (!CHECK(why == rows[i].want))
			fprintf(stderr, "  row %zu: %s\n", i, drop_name(why));
		if (why != DROP_NONE || rows[i].type[0] == NONE)
			continue;
		CHECK(p.proto == IPPROTO_UDP && p.data.left == 6);
		CHECK(starts_at(&p.l4, &r, L4_6 + ext));
	}
}

static void t_ip6_long_extension(void)
{
	static struct raw r;
	struct pkt p;
	int units;

	for (units = 0; units < 256; units++) {
		size_t ext = 8 + units * 8;

		make(&r, true, IPPROTO_UDP, 6);
		memmove(r.b + L4_6 + ext, r.b + L4_6, r.len - L4_6);
		memset(r.b + L4_6, 1, ext);
		r.len += ext;
		put16(r.b + IP + 4, r.len - L4_6);
		r.b[IP + 6] = IPPROTO_DSTOPTS;
		r.b[L4_6] = IPPROTO_UDP;
		r.b[L4_6 + 1] = units;
		CHECK(parse(&p, &r) == DROP_NONE && p.data.left == 6);
		CHECK(starts_at(&p.l4, &r, L4_6 + ext));
		r.b[L4_6 + 1] = units + 2;
		CHECK(units > 253 || parse(&p, &r) == DROP_SHORT);
	}
}

static void t_offload(void)
{
	enum { T, U, I };
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	static const struct {
		int base;
		struct offload off;
		enum drop want;
	} rows[] = {
		{ T, { 0, L4_4, 16, 0, true, false }, DROP_NONE },
		{ T, { 0, L4_4 + 1, 16, 0, true, false }, DROP_OFFLOAD },
		{ T, { 0, L4_4 - 20, 16, 0, true, false }, DROP_OFFLOAD },
		{ T, { 0, 65535, 16, 0, true, false }, DROP_OFFLOAD },
		{ T, { 0, L4_4, 6, 0, true, false }, DROP_OFFLOAD },
		{ T, { 0, L4_4, 65535, 0, true, false }, DROP_OFFLOAD },
		{ T, { 0, 0, 0, 0, false, true }, DROP_NONE },
		{ T, { 500, L4_4, 16, GSO_TCP, true, false }, DROP_NONE },
		{ T, { 500, 0, 0, GSO_TCP, false, true }, DROP_NONE },
		{ T, { 500, L4_4, 16, GSO_TCP, false, false }, DROP_OFFLOAD },
		{ T, { 0, L4_4, 16, GSO_TCP, true, false }, DROP_OFFLOAD },
		{ T, { 500, L4_4, 16, GSO_UDP, true, false }, DROP_OFFLOAD },
		{ T, { 500, L4_4, 16, 99, true, false }, DROP_OFFLOAD },
		{ U, { 0, L4_4, 6, 0, true, false }, DROP_NONE },
		{ U, { 0, L4_4, 16, 0, true, false }, DROP_OFFLOAD },
		{ U, { 500, L4_4, 6, GSO_UDP, true, false }, DROP_NONE },
		{ U, { 500, L4_4, 6, GSO_TCP, true, false }, DROP_OFFLOAD },
		{ U, { 0, L4_4, 6, GSO_UDP, true, false }, DROP_OFFLOAD },
		{ I, { 0, 0, 0, 0, false, true }, DROP_NONE },
		{ I, { 0, L4_4, 2, 0, true, false }, DROP_OFFLOAD },
		{ I, { 500, 0, 0, GSO_UDP, false, true }, DROP_OFFLOAD },
	};
	static struct raw r;
	struct pkt p;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		enum drop why;

		make(&r, false, protos[rows[i].base], 2000);
		put16(r.b + L4_4 + csum_at(protos[rows[i].base]), 0x1234);
		why = parse_as(&p, &r, rows[i].off);
		if (!CHECK(why == rows[i].want))
			fprintf(stderr, "  row %zu: %s\n", i, drop_name(why));
		CHECK(why || p.off.gso_size == rows[i].off.gso_size);
	}
}

static void t_super_frames(void)
{
	struct offload tso = { 1448, L4_6, 16, GSO_TCP, true, false };
	struct offload uso = { 1400, L4_4, 6, GSO_UDP, true, false };
	static struct raw r;
	struct pkt p;

	make(&r, true, IPPROTO_TCP, 65535 - 32);	/* payload length 65535 */
	CHECK(parse_as(&p, &r, tso) == DROP_NONE);
	CHECK(p.data.left == 65535 - 32 && p.off.gso_type == GSO_TCP);

	make(&r, false, IPPROTO_UDP, 65535 - 28);
	CHECK(parse_as(&p, &r, uso) == DROP_NONE && p.data.left == 65535 - 28);
	put16(r.b + L4_4 + 4, 1408);		/* the length of one segment */
	CHECK(parse_as(&p, &r, uso) == DROP_NONE && p.data.left == 65535 - 28);

	make(&r, false, IPPROTO_UDP, 1400);	/* nothing to cut */
	CHECK(parse_as(&p, &r, uso) == DROP_NONE);
	CHECK(p.off.gso_type == GSO_NONE && !p.off.gso_size);
	make(&r, false, IPPROTO_UDP, 1401);
	CHECK(parse_as(&p, &r, uso) == DROP_NONE && p.off.gso_type == GSO_UDP);
}

/* Every shorter frame is refused, and every cut into fragments reads the same */
static void t_cut(void)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	static struct raw r;
	struct pkt p;
	size_t i, x, y, full;

	for (i = 0; i < 6; i++) {
		bool v6 = i >= 3;
		uint8_t proto = protos[i % 3];

		if (v6 && proto == IPPROTO_ICMP)
			proto = IPPROTO_ICMPV6;
		make(&r, v6, proto, 9);
		full = r.len;
		for (x = 0; x <= full; x++) {
			for (y = x; y <= full; y++) {
				struct iovec v[] = {
					{ r.b, x }, { r.b + x, y - x },
					{ r.b + y, full - y },
				};
				struct frame f = { .l2 = span_over(v, 3) };
				uint8_t d[9];

				CHECK(pkt_parse(&p, &f) == DROP_NONE);
				span_get(&p.data, d, 9);
				CHECK(!memcmp(d, r.b + full - 9, 9));
				CHECK(!p.data.bad && !p.data.left);
			}
		}
		for (r.len = 0; r.len < full; r.len++)
			CHECK(parse(&p, &r) == DROP_SHORT);
	}
}

static void t_same_flow(void)
{
	static struct pkt p[6];
	static struct raw r[6];
	int i;

	for (i = 0; i < 6; i++) {
		make(&r[i], i > 4, i == 3 ? IPPROTO_UDP : IPPROTO_TCP, i);
		if (i == 2)
			r[i].b[L4_4 + 3]++;	/* destination port */
		fix(&r[i], i == 3 ? IPPROTO_UDP : IPPROTO_TCP, i > 4 ? L4_6 : L4_4);
		CHECK(parse(&p[i], &r[i]) == DROP_NONE);
	}
	CHECK(pkt_same_flow(&p[0], 6) == 2);	/* port */
	CHECK(pkt_same_flow(&p[0], 1) == 1);
	CHECK(pkt_same_flow(&p[1], 5) == 1);
	CHECK(pkt_same_flow(&p[3], 3) == 1);	/* protocol */
	CHECK(pkt_same_flow(&p[4], 2) == 1);	/* family */
	p[3] = p[4] = p[5] = p[0];
	CHECK(pkt_same_flow(&p[3], 3) == 3);
	p[5].src.addr.b[0] ^= 1;
	CHECK(pkt_same_flow(&p[3], 3) == 2);
	p[4].proto = IPPROTO_UDP;
	CHECK(pkt_same_flow(&p[3], 3) == 1);
	p[4].proto = p[3].proto = IPPROTO_ICMP;
	CHECK(pkt_same_flow(&p[3], 3) == 1);
}

static void t_drop_names(void)
{
	int i, k;

	for (i = 0; i < DROP_COUNT; i++) {
		CHECK(drop_name(i) && drop_name(i)[0]);
		for (k = 0; k < i; k++)
			CHECK(strcmp(drop_name(i), drop_name(k)));
	}
	CHECK(drop_name(DROP_COUNT));
}

/* Damaged at random: whatever is accepted lies within the frame */
static void t_random(void)
{
	static const uint8_t protos[] = {
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
	};
	static struct raw r;
	struct pkt p;
	int round, k, good = 0;

	for (round = 0; round < 100000; round++) {
		size_t full, x;
		struct iovec v[2];
		struct frame f = { .off.csum_ok = random() % 4 };

		make(&r, random() % 2, protos[random() % 4], random() % 200);
		for (k = random() % 4; k > 0; k--)
			r.b[12 + random() % 60] = random();
		full = random() % 8 ? r.len : random() % (r.len + 1);
		x = random() % (full + 1);
		v[0] = (struct iovec){ r.b, x };
		v[1] = (struct iovec){ r.b + x, full - x };
		f.l2 = span_over(v, 2);
		if (pkt_parse(&p, &f) != DROP_NONE || !p.proto)
			continue;
		good++;
		CHECK(!p.l3.bad && !p.l4.bad && !p.data.bad);
		CHECK(p.l3.left <= full - IP && p.l4.left < p.l3.left);
		CHECK(p.data.left <= p.l4.left);
		CHECK(p.proto != IPPROTO_TCP || p.tcp.opts.left <= 40);
	}
	CHECK(good > 1000);
}

int main(int argc, char **argv)
{
	unsigned seed;

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 1;
	printf("pkt: seed %u\n", seed);
	srandom(seed);

	t_good();
	t_arp_and_others();
	t_padding();
	t_damaged();
	t_addresses();
	t_ip4_options();
	t_ip6_extensions();
	t_ip6_long_extension();
	t_offload();
	t_super_frames();
	t_cut();
	t_same_flow();
	t_drop_names();
	t_random();
	return test_end("pkt");
}
