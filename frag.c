/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frag.c - the guest's IP fragments, put together in a bounded table
 *
 * Each entry has room for one datagram of any size; when all are taken the oldest
 * gives way. So a guest can lose its own datagrams by sending too many in
 * pieces, and nothing else.
 */
#include "frag.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "addr.h"
#include "csum.h"
#include "link.h"
#include "span.h"
#include "util.h"

enum {
	ENTRIES		= 16,
	UNIT		= 8,		/* bytes; offsets count in these */
	DATA_MAX	= 65536,
	UNITS		= DATA_MAX / UNIT,
	TIMEOUT		= 30 * 1000,	/* ms; RFC 8200 allows up to 60 s */
	ETH_LEN		= 14,
	HDR_MAX		= ETH_LEN + 40,
	IP4_MORE	= 0x2000,
	IP4_OFFSET	= 0x1fff,
	IP6_MORE	= 1,
	IP6_OFFSET	= 0xfff8,
};

/* What the headers of one fragment say */
struct piece {
	struct addr src, dst;
	uint32_t id;
	uint8_t proto;			/* IPv6: next header after the fragment's */
	bool more;
	uint32_t off;			/* bytes */
	uint8_t hdr[HDR_MAX];		/* Ethernet and IP header without options */
	size_t hdrlen;
	struct span data;
};

struct entry {
	struct addr src, dst;
	uint32_t id;
	uint8_t proto;
	bool used, done;
	uint64_t since;			/* ms */
	uint32_t total;			/* bytes, once the last piece is there, or 0 */
	uint32_t end;			/* of the piece that reaches farthest */
	uint32_t units;			/* that are there */
	uint32_t pieces;		/* fragments that brought them */
	size_t hdrlen;
	uint64_t have[UNITS / 64];
	struct iovec iov;
	uint8_t buf[HDR_MAX + DATA_MAX];	/* header right before the data */
};

struct frags {
	int out;			/* entries that are done */
	struct entry e[ENTRIES];
};

struct frags *frags_init(void)
{
	static struct frags table;

	return &table;
}

static bool parse_ip4(struct piece *p, struct span s)
{
	struct span data;
	uint8_t ip[20];
	size_t ihl, len;
	uint16_t frag;

	span_peek(s, ip, sizeof(ip));
	ihl = (ip[0] & 15) * 4;
	len = ip[2] << 8 | ip[3];
	frag = ip[6] << 8 | ip[7];
	span_trim(&s, len);
	span_skip(&s, ihl);
	data = s;
	if (data.bad || ihl < sizeof(ip))
		return false;

	memcpy(p->hdr + ETH_LEN, ip, sizeof(ip));
	p->hdr[ETH_LEN] = 0x45;
	memset(p->hdr + ETH_LEN + 6, 0, 2);
	p->hdrlen = ETH_LEN + sizeof(ip);
	memcpy(&p->src.w[3], ip + 12, 4);
	memcpy(&p->dst.w[3], ip + 16, 4);
	p->id = ip[4] << 8 | ip[5];
	p->proto = ip[9];
	p->more = frag & IP4_MORE;
	p->off = (frag & IP4_OFFSET) * UNIT;
	p->data = data;
	return true;
}

/* Only where the fragment header comes first, as hosts send it */
static bool parse_ip6(struct piece *p, struct span s)
{
	uint8_t ip[40], next;
	uint16_t frag;

	span_get(&s, ip, sizeof(ip));
	span_trim(&s, ip[4] << 8 | ip[5]);
	next = span_get8(&s);
	span_skip(&s, 1);
	frag = span_get16(&s);
	p->id = span_get32(&s);
	if (s.bad || ip[6] != IPPROTO_FRAGMENT)
		return false;

	ip[6] = next;
	memcpy(p->hdr + ETH_LEN, ip, sizeof(ip));
	p->hdrlen = ETH_LEN + sizeof(ip);
	p->src = addr_v6(ip + 8);
	p->dst = addr_v6(ip + 24);
	p->proto = next;
	p->more = frag & IP6_MORE;
	p->off = frag & IP6_OFFSET;
	p->data = s;
	return true;
}

static bool parse(struct piece *p, struct span s)
{
	uint16_t type;

	*p = (struct piece){ 0 };
	span_get(&s, p->hdr, ETH_LEN);
	type = p->hdr[12] << 8 | p->hdr[13];
	if (type == ETH_P_IP ? !parse_ip4(p, s) : !parse_ip6(p, s))
		return false;
	/* All but the last are whole units; none ends beyond the largest datagram. Only
	 * IPv4 counts its header to that.
	 */
	return p->data.left && !(p->more && p->data.left % UNIT) &&
	       p->off + p->data.left + (type == ETH_P_IP ? 20 : 0) <= 65535;
}

/* The datagram will not be whole: fragments lost */
static uint32_t give_up(struct entry *e)
{
	uint32_t lost = e->used ? e->pieces : 0;

	e->used = false;
	return lost;
}

static struct entry *find(struct frags *t, const struct piece *p, uint64_t now,
			  uint64_t *dropped)
{
	struct entry *old = NULL, *e;

	for (e = t->e; e < t->e + ENTRIES; e++) {
		if (e->used && now - e->since > TIMEOUT)
			*dropped += give_up(e);
		if (e->used && e->id == p->id && e->proto == p->proto &&
		    addr_eq(&e->src, &p->src) && addr_eq(&e->dst, &p->dst))
			return e;
		if (e->done)
			continue;
		if (!old || !e->used || (old->used && e->since < old->since))
			old = e;
	}
	if (!old)
		return NULL;
	*dropped += give_up(old);
	memset(old, 0, offsetof(struct entry, buf));
	old->used = true;
	old->since = now;
	old->id = p->id;
	old->proto = p->proto;
	old->src = p->src;
	old->dst = p->dst;
	return old;
}

/* Mark the units from @off on: false if one of them is there already */
static bool mark(struct entry *e, uint32_t off, uint32_t len)
{
	uint32_t i, end = (off + len + UNIT - 1) / UNIT;

	for (i = off / UNIT; i < end; i++) {
		if (e->have[i / 64] >> i % 64 & 1)
			return false;
		e->have[i / 64] |= 1ULL << i % 64;
		e->units++;
	}
	return true;
}

static bool add(struct entry *e, struct piece *p)
{
	uint32_t len = p->data.left, end = p->off + len;

	if (!mark(e, p->off, len) || (e->total && (!p->more || end > e->total)))
		return false;
	e->end = MAX(e->end, end);
	if (!p->more) {
		if (e->end > end)
			return false;
		e->total = end;
	}
	span_get(&p->data, e->buf + HDR_MAX + p->off, len);
	if (!p->off) {
		memcpy(e->buf + HDR_MAX - p->hdrlen, p->hdr, p->hdrlen);
		e->hdrlen = p->hdrlen;
	}
	return true;
}

/* Length and checksum of the header, for all of the data */
static void finish(struct entry *e)
{
	uint8_t *frame = e->buf + HDR_MAX - e->hdrlen, *ip = frame + ETH_LEN;
	bool v4 = ip[0] >> 4 == 4;
	uint16_t len = htons(e->total + (v4 ? 20 : 0)), sum = 0;

	memcpy(ip + (v4 ? 2 : 4), &len, sizeof(len));
	if (v4) {
		memcpy(ip + 10, &sum, sizeof(sum));
		sum = csum_final(csum_add(0, ip, 20));
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	e->iov = (struct iovec){ frame, e->hdrlen + e->total };
	e->used = false;
	e->done = true;
}

bool frags_take(struct frags *t, const struct frame *f, uint64_t now, struct frame *whole,
		uint64_t *dropped)
{
	struct entry *e = NULL;
	struct piece p;

	if (parse(&p, f->l2))
		e = find(t, &p, now, dropped);
	if (!e) {
		++*dropped;
		return false;
	}
	e->pieces++;
	if (!add(e, &p)) {
		*dropped += give_up(e);
		return false;
	}
	if (!e->total || !e->hdrlen || e->units != (e->total + UNIT - 1) / UNIT)
		return false;
	finish(e);
	t->out++;
	*whole = (struct frame){ .l2 = span_over(&e->iov, 1) };
	return true;
}

void frags_done(struct frags *t)
{
	int i;

	for (i = 0; t->out && i < ENTRIES; i++) {
		t->out -= t->e[i].done;
		t->e[i].done = false;
	}
}
