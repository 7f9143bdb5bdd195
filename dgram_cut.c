/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram_cut.c - a datagram, or a train of them, as frames that fit the guest's MTU
 *
 * The host's kernel reassembles what comes over its links, so that a datagram may be
 * larger than the guest's MTU. A datagram is a stream of header and payload here:
 * each frame takes the next bytes of it, behind an IP header alone or with a
 * fragment header. Cut frames carry whole checksums, since a sum over all
 * fragments can't be left to the guest. Pure. Called by dgram_to_guest.c.
 *
 * RFC 791 (3.2), RFC 8200 (4.5).
 */
#include <string.h>

#include "csum.h"
#include "dgram_cut.h"
#include "link.h"
#include "util.h"

enum {
	IP4_FRAG_AT = ETH_HLEN_ + 6, IP4_CSUM_AT = ETH_HLEN_ + 10,
	IP4_MORE = 0x2000, IP6_MORE = 1,
	FRAG6_HLEN = 8,
	UDP_LEN_AT = 4, UDP_CSUM_AT = 6, ICMP_CSUM_AT = 2,
};

static bool is4(const struct cut *c)
{
	return addr_is4(c->l3.src);
}

static void put16(void *at, uint16_t v)
{
	v = htons(v);
	memcpy(at, &v, sizeof(v));
}

void cut_start(struct cut *c, const struct l3 *l3, size_t mtu, uint32_t id,
	       const uint8_t hdr[DGRAM_HLEN], const void *payload, size_t len,
	       size_t seg)
{
	*c = (struct cut){
		.l3 = *l3, .payload = payload, .left = len, .seg = seg,
		.mtu = mtu, .id = id,
	};
	memcpy(c->hdr, hdr, sizeof(c->hdr));
}

size_t cut_room(const struct cut *c)
{
	return c->mtu;
}

/* Length and checksum of the current datagram to its header */
static void finish_header(struct cut *c)
{
	bool udp = c->l3.proto == IPPROTO_UDP;
	uint8_t *field = c->hdr + (udp ? UDP_CSUM_AT : ICMP_CSUM_AT);
	uint32_t sum = 0;
	uint16_t v = 0;

	if (udp)
		put16(c->hdr + UDP_LEN_AT, c->len);
	memcpy(field, &v, sizeof(v));
	if (c->l3.proto != IPPROTO_ICMP)
		sum = csum_pseudo(c->l3.src, c->l3.dst, c->l3.proto, c->len);
	sum = csum_add(sum, c->hdr, DGRAM_HLEN);
	v = csum_final(csum_add(sum, c->payload, c->len - DGRAM_HLEN));
	if (!v && udp)
		v = 0xffff;
	memcpy(field, &v, sizeof(v));
}

/* Go on to the next datagram; an empty one is a datagram too, but only the first */
static bool next_datagram(struct cut *c)
{
	size_t done = c->len ? c->len - DGRAM_HLEN : 0;

	if (c->len && done == c->left)
		return false;
	c->id += c->len != 0;
	c->payload += done;
	c->left -= done;
	c->len = DGRAM_HLEN + MIN(c->seg, c->left);
	c->at = 0;
	finish_header(c);
	return true;
}

/* IPv4 header of a fragment; bytes of header written */
static size_t put_fragment4(const struct cut *c, uint8_t *hdr, size_t n, bool more)
{
	struct l3 l3 = c->l3;
	uint16_t csum = 0;
	uint8_t *l4;

	l3.ip_id = c->id;
	l4 = pkt_put_l3(hdr, &l3, n);
	put16(hdr + IP4_FRAG_AT, c->at / 8 | (more ? IP4_MORE : 0));
	memcpy(hdr + IP4_CSUM_AT, &csum, sizeof(csum));
	csum = csum_final(csum_add(0, hdr + ETH_HLEN_, l4 - hdr - ETH_HLEN_));
	memcpy(hdr + IP4_CSUM_AT, &csum, sizeof(csum));
	return l4 - hdr;
}

static size_t put_fragment6(const struct cut *c, uint8_t *hdr, size_t n, bool more)
{
	uint32_t id = htonl(c->id);
	struct l3 l3 = c->l3;
	uint8_t *ext;

	l3.proto = IPPROTO_FRAGMENT;
	ext = pkt_put_l3(hdr, &l3, FRAG6_HLEN + n);
	ext[0] = c->l3.proto;
	ext[1] = 0;
	put16(ext + 2, c->at | (more ? IP6_MORE : 0));
	memcpy(ext + 4, &id, sizeof(id));
	return ext + FRAG6_HLEN - hdr;
}

/* @n bytes at @src to byte @at of the payload of @s */
static void put_data(struct slot *s, size_t at, const void *src, size_t n)
{
	const char *p = src;
	int i;

	for (i = 0; i < s->ndata && n; at -= MIN(at, s->data[i].iov_len), i++) {
		size_t len;

		if (at >= s->data[i].iov_len)
			continue;
		len = MIN(n, s->data[i].iov_len - at);
		memcpy((char *)s->data[i].iov_base + at, p, len);
		p += len;
		n -= len;
	}
}

/* The next @n bytes of the datagram's stream to @s, behind @hlen bytes of header. What
 * they leave of the header's room is padding of the Ethernet frame.
 */
static void put_stream(struct cut *c, struct slot *s, size_t hlen, size_t n)
{
	uint8_t *hdr = (uint8_t *)s->hdr.iov_base + hlen;
	size_t room = s->hdr.iov_len - hlen, k = 0;

	memset(hdr, 0, room);
	if (c->at < DGRAM_HLEN) {
		k = DGRAM_HLEN;		/* the first frame of a datagram */
		if (room)
			memcpy(hdr, c->hdr, k);
		else
			put_data(s, 0, c->hdr, k);
		s->len = (room ? 0 : k) + n - k;
		put_data(s, room ? 0 : k, c->payload, n - k);
		return;
	}
	k = MIN(room, n);
	memcpy(hdr, c->payload + c->at - DGRAM_HLEN, k);
	put_data(s, 0, c->payload + c->at - DGRAM_HLEN + k, n - k);
	s->len = n - k;
}

bool cut_next(struct cut *c, struct slot *s)
{
	size_t hlen, n, room = c->mtu - (pkt_l3len(c->l3.src) - ETH_HLEN_);
	uint8_t *hdr = s->hdr.iov_base;

	if (c->at == c->len && !next_datagram(c))
		return false;

	s->off = (struct offload){ 0 };
	if (c->len <= room) {
		n = c->len;
		hlen = (uint8_t *)pkt_put_l3(hdr, &c->l3, n) - hdr;
	} else {
		room = (room - (is4(c) ? 0 : FRAG6_HLEN)) & ~(size_t)7;
		n = MIN(room, c->len - c->at);
		hlen = (is4(c) ? put_fragment4 : put_fragment6)
		       (c, hdr, n, c->at + n < c->len);
	}
	put_stream(c, s, hlen, n);
	c->at += n;
	return true;
}
