/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer_link.c - the link of a scripted guest: frames, made and read octet by octet */
#include "peer_link.h"

#include <netinet/in.h>
#include <stdlib.h>

enum { QUEUE = 4096, PATTERN = 65521, LEND = 16 };

const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
const uint8_t guest_mac[6] = { 2, 0, 0, 0, 0, 2 };

static uint8_t pattern[2 * PATTERN];

/* From the guest: frames in memory of exactly their size */
static struct { struct frame f; void *mem; } rxq[LINK_BATCH];
static int rx_count, rx_lent;

/* To the guest: as they were parsed */
static struct seg txq[QUEUE];
static unsigned tx_first, tx_last;

/* The open reservation */
static struct { struct iovec data[2]; void *mem[3]; } lent[LEND];
static int lent_count;

static struct seg parse_frame(const uint8_t *f, size_t len, const struct offload *o);

void pattern_init(void)
{
	unsigned i, x = 1;

	for (i = 0; i < sizeof(pattern); i++) {
		if (i < PATTERN)
			x = x * 1103515245 + 12345;
		pattern[i] = i < PATTERN ? x >> 16 : pattern[i - PATTERN];
	}
}

void pattern_fill(uint8_t *to, int64_t off, size_t len)
{
	while (len) {
		size_t at = off % PATTERN, n = MIN(len, (size_t)PATTERN);

		memcpy(to, pattern + at, n);
		to += n;
		off += n;
		len -= n;
	}
}

bool pattern_is(const uint8_t *p, int64_t off, size_t len)
{
	while (len) {
		size_t at = off % PATTERN, n = MIN(len, (size_t)PATTERN);

		if (memcmp(p, pattern + at, n))
			return false;
		p += n;
		off += n;
		len -= n;
	}
	return true;
}

/* The link */

static int peer_rx(struct link *l, struct frame *f, int max)
{
	int i, n = MIN(rx_count, max);

	(void)l;
	if (me.rx_max)
		n = MIN(n, me.rx_max);
	for (i = 0; i < n; i++) {
		f[i].off = rxq[i].f.off;
		f[i].iov = rxq[i].f.iov;
		f[i].l2 = span_over(&f[i].iov, 1);
	}
	rx_lent = n;
	return n;
}

static void peer_rx_done(struct link *l, int n)
{
	int i;

	(void)l;
	CHECK(n == rx_lent);
	for (i = 0; i < n; i++)
		free(rxq[i].mem);
	rx_count -= n;
	memmove(rxq, rxq + n, rx_count * sizeof(rxq[0]));
	rx_lent = 0;
}

/* Payload comes in two fragments, each in memory of its own */
static int peer_tx_reserve(struct link *l, struct slot *s, int n, size_t hdrlen,
			   size_t paylen)
{
	int i;

	(void)l;
	CHECK(!lent_count && n > 0 && n <= LINK_BATCH && hdrlen <= LINK_HDR_MAX);
	n = MIN(n, LEND);
	if (me.link_room != NONE)
		n = MIN(n, me.link_room);
	for (i = 0; i < n; i++) {
		size_t cut = paylen / 3;

		lent[i].mem[0] = malloc(hdrlen);
		lent[i].mem[1] = malloc(cut + !cut);
		lent[i].mem[2] = malloc(paylen - cut + 1);
		lent[i].data[0] = (struct iovec){ lent[i].mem[1], cut };
		lent[i].data[1] = (struct iovec){ lent[i].mem[2], paylen - cut };
		s[i] = (struct slot){ .hdr = { lent[i].mem[0], hdrlen },
				      .data = lent[i].data, .ndata = 2 };
	}
	lent_count = n;
	return n;
}

static void capture(const struct slot *s)
{
	size_t len = s->hdr.iov_len + s->len, n = MIN(s->len, s->data[0].iov_len);
	uint8_t *f = malloc(len);

	memcpy(f, s->hdr.iov_base, s->hdr.iov_len);
	memcpy(f + s->hdr.iov_len, s->data[0].iov_base, n);
	memcpy(f + s->hdr.iov_len + n, s->data[1].iov_base, s->len - n);
	txq[tx_last++ % QUEUE] = parse_frame(f, len, &s->off);
	CHECK(tx_last - tx_first <= QUEUE);
	free(f);
}

static int peer_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	int i, k, sent = 0;

	(void)l;
	CHECK(reserved == lent_count && used <= reserved);
	for (i = 0; i < used && !me.link_down; i++, sent++)
		capture(&s[i]);
	for (i = 0; i < lent_count; i++)
		for (k = 0; k < 3; k++)
			free(lent[i].mem[k]);
	lent_count = 0;
	if (me.link_room != NONE)
		me.link_room -= sent;
	return sent;
}

static const struct link_ops peer_ops = {
	.name = "peer",
	.rx = peer_rx,
	.rx_done = peer_rx_done,
	.tx_reserve = peer_tx_reserve,
	.tx_commit = peer_tx_commit,
};

static struct link peer_link = { .ops = &peer_ops, .gso_max = 65535 + 14, .fd = -1 };

/* Headers, made and read by the letter of the RFCs */

static unsigned get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2) {
		s += get16(p + i);
		s = (s & 0xffff) + (s >> 16);
	}
	if (len & 1)
		s += p[len - 1] << 8;
	return (s & 0xffff) + (s >> 16);
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t l4len)
{
	bool v6 = ip[0] >> 4 == 6;

	return sum(0, ip + (v6 ? 8 : 12), v6 ? 32 : 8) + IPPROTO_TCP +
	       (l4len >> 16) + (l4len & 0xffff);
}

/* Addresses, lengths, checksums: where the TCP header is */
static const uint8_t *check_ip(const uint8_t *f, size_t len, const struct offload *o)
{
	bool v6 = me.world->ver == V6;
	const uint8_t *ip = f + 14, *l4 = ip + (v6 ? 40 : 20);
	size_t l4len = len - (l4 - f);
	uint32_t s = pseudo_sum(ip, l4len);

	CHECK(!memcmp(f, guest_mac, 6) && !memcmp(f + 6, our_mac, 6));
	CHECK(get16(f + 12) == (v6 ? 0x86dd : 0x0800));
	if (v6) {
		CHECK(ip[0] >> 4 == 6 && get16(ip + 4) == l4len && ip[6] == IPPROTO_TCP);
		CHECK(!memcmp(ip + 8, me.seen.addr.b, 16));
		CHECK(!memcmp(ip + 24, me.guest.addr.b, 16));
	} else {
		CHECK(ip[0] == 0x45 && get16(ip + 2) == len - 14 && ip[9] == IPPROTO_TCP);
		CHECK(sum(0, ip, 20) == 0xffff);
		CHECK(!memcmp(ip + 12, &me.seen.addr.w[3], 4));
		CHECK(!memcmp(ip + 16, &me.guest.addr.w[3], 4));
	}
	if (o->csum_partial) {
		CHECK(peer_link.caps & LINK_TX_CSUM);
		CHECK(o->csum_start == l4 - f && o->csum_off == 16);
		CHECK(get16(l4 + 16) == sum(s, NULL, 0));
	} else {
		CHECK(sum(s, l4, l4len) == 0xffff);
	}
	return l4;
}

static void parse_opts(struct seg *s, const uint8_t *o, size_t len)
{
	size_t i, k;

	for (i = 0; i < len && o[i]; i += o[i] == 1 ? 1 : o[i + 1]) {
		if (o[i] == 1)
			continue;
		if (!CHECK(i + 1 < len && o[i + 1] >= 2 && i + o[i + 1] <= len))
			return;
		if (o[i] == 2)
			s->mss = get16(o + i + 2);
		if (o[i] == 3)
			s->ws = o[i + 2];
		if (o[i] == 4)
			s->sack_ok = true;
		for (k = 2; o[i] == 5 && k + 8 <= o[i + 1]; k += 8, s->nsack++) {
			s->sack[s->nsack].start = get32(o + i + k) - me.iss - 1;
			s->sack[s->nsack].end = get32(o + i + k + 4) - me.iss - 1;
		}
		if (o[i] == 8) {
			s->ts = true;
			s->tsval = get32(o + i + 2);
			s->tsecr = get32(o + i + 6);
		}
	}
}

static struct seg parse_frame(const uint8_t *f, size_t len, const struct offload *o)
{
	const uint8_t *l4 = check_ip(f, len, o);
	size_t hlen = (l4[12] >> 4) * 4;
	struct seg s = { .ws = NONE };

	CHECK(get16(l4) == me.seen.port && get16(l4 + 2) == me.guest.port);
	s.flags = l4[13];
	s.wnd = get16(l4 + 14);
	s.len = len - (l4 - f) - hlen;
	if ((s.flags & (SYN | RST)) == SYN)
		me.irs = get32(l4 + 4);
	s.seq = get32(l4 + 4) - me.irs - 1;
	s.ack = get32(l4 + 8) - me.iss - 1;
	parse_opts(&s, l4 + 20, hlen - 20);
	if (s.ts)
		me.tsecr = s.tsval;
	if (s.len && s.seq >= 0 && !(s.flags & SYN))
		CHECK(pattern_is(l4 + hlen, s.seq, s.len));
	s.gso = o->gso_type ? o->gso_size : 0;
	if (o->gso_type)
		CHECK(o->gso_type == GSO_TCP && peer_link.caps & LINK_TX_TSO &&
		      s.len > o->gso_size);
	return s;
}

static size_t put_opts(const struct seg *s, uint8_t *o)
{
	size_t n = 0;
	int i;

	if (s->mss) {
		memcpy(o + n, "\2\4", 2);
		put16(o + n + 2, s->mss);
		n += 4;
	}
	if (s->flags & SYN && s->ws != NONE) {
		memcpy(o + n, "\1\3\3", 3);
		o[n + 3] = s->ws;
		n += 4;
	}
	if (s->sack_ok) {
		memcpy(o + n, "\4\2\1\1", 4);
		n += 4;
	}
	if (s->ts) {
		memcpy(o + n, "\1\1\10\12", 4);
		put32(o + n + 4, s->tsval);
		put32(o + n + 8, s->tsecr);
		n += 12;
	}
	if (s->nsack) {
		memcpy(o + n, "\1\1\5", 3);
		o[n + 3] = 2 + 8 * s->nsack;
		n += 4;
		for (i = 0; i < s->nsack; i++, n += 8) {
			put32(o + n, me.irs + 1 + s->sack[i].start);
			put32(o + n + 4, me.irs + 1 + s->sack[i].end);
		}
	}
	return n;
}

static uint8_t *put_ip(uint8_t *f, size_t l4len)
{
	uint8_t *ip = f + 14;

	memcpy(f, our_mac, 6);
	memcpy(f + 6, guest_mac, 6);
	if (me.world->ver == V6) {
		put16(f + 12, 0x86dd);
		memcpy(ip, "\x60\0\0\0\0\0\6\x40", 8);
		put16(ip + 4, l4len);
		memcpy(ip + 8, me.guest.addr.b, 16);
		memcpy(ip + 24, me.seen.addr.b, 16);
		return ip + 40;
	}
	put16(f + 12, 0x0800);
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40\6\0\0", 12);
	put16(ip + 2, l4len + 20);
	memcpy(ip + 12, &me.guest.addr.w[3], 4);
	memcpy(ip + 16, &me.seen.addr.w[3], 4);
	put16(ip + 10, ~sum(0, ip, 20));
	return ip + 20;
}

void put_seg(struct seg s)
{
	size_t l3len = me.world->ver == V6 ? 54 : 34, hlen, total;
	uint8_t opts[64], *f, *l4;

	if (rx_count == LINK_BATCH)
		feed();
	hlen = 20 + put_opts(&s, opts);
	total = l3len + hlen + s.len;
	f = malloc(total);
	l4 = put_ip(f, hlen + s.len);
	put16(l4, me.guest.port);
	put16(l4 + 2, me.seen.port);
	put32(l4 + 4, s.no_flow ? (uint32_t)s.seq : me.iss + 1 + s.seq);
	put32(l4 + 8, s.no_flow ? (uint32_t)s.ack : me.irs + 1 + s.ack);
	l4[12] = hlen / 4 << 4;
	l4[13] = s.flags;
	put16(l4 + 14, s.wnd || s.wnd_zero ? s.wnd : me.wnd);
	put32(l4 + 16, 0);
	memcpy(l4 + 20, opts, hlen - 20);
	if (s.seq >= 0)
		pattern_fill(l4 + hlen, s.seq, s.len);
	else
		memset(l4 + hlen, 0xee, s.len);
	put16(l4 + 16, ~sum(pseudo_sum(f + 14, hlen + s.len), l4, hlen + s.len));
	rxq[rx_count].f.off = (struct offload){ 0 };
	rxq[rx_count].f.iov = (struct iovec){ f, total };
	rxq[rx_count++].mem = f;
}

void send_seg(uint8_t flags, int32_t seq, int32_t ack, uint32_t len)
{
	put_seg((struct seg){
		.flags = flags, .seq = seq, .ack = ack, .len = len, .ws = NONE,
		.ts = me.ts, .tsval = me.tsval, .tsecr = me.tsecr,
	});
}

int rx_waiting(void)
{
	return rx_count;
}

bool tx_waiting(void)
{
	return tx_first != tx_last;
}

const struct seg *get_seg(void)
{
	return tx_first == tx_last ? NULL : &txq[tx_first++ % QUEUE];
}

void forget_segs(void)
{
	tx_first = tx_last;
}

struct link *peer_link_init(unsigned caps)
{
	peer_link.caps = caps;
	return &peer_link;
}

const struct test_count *peer_link_count(void)
{
	return &test_count;
}
