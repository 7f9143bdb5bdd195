/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram_cut.h - a datagram, or a train of them, as frames that fit the guest's MTU */
#ifndef DGRAM_CUT_H
#define DGRAM_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkt.h"

struct slot;

enum { DGRAM_HLEN = 8 };	/* header of UDP and of echo messages */

struct cut {
	struct l3 l3;
	const char *payload;		/* of the current datagram, contiguous */
	size_t left;			/* payload from there on */
	size_t seg;			/* payload of each datagram */
	size_t mtu;
	size_t len;			/* current datagram: header and payload */
	size_t at;			/* ... bytes of it that are out */
	uint32_t id;			/* ... of its fragments */
	uint8_t hdr[DGRAM_HLEN];
};

/* Prepare to cut @len bytes at @payload to datagrams of @seg bytes (the last may be
 * shorter) behind copies of the transport header @hdr, whose length and checksum are
 * filled in. @id names fragments, and is counted up for each datagram. @mtu: bytes
 * behind the Ethernet header, 68 or more. The payload and the addresses in @l3 outlive
 * the cut.
 */
void cut_start(struct cut *c, const struct l3 *l3, size_t mtu, uint32_t id,
	       const uint8_t hdr[DGRAM_HLEN], const void *payload, size_t len,
	       size_t seg);

/* Write the next frame to @s, with hdrlen pkt_l3len() + DGRAM_HLEN and room for
 * cut_room() payload bytes. False: there was none left, @s is untouched.
 */
bool cut_next(struct cut *c, struct slot *s);

/* Payload room that each slot needs */
size_t cut_room(const struct cut *c);

/* Would a datagram of @payload bytes to an address of the family of @a fit? */
static inline bool cut_fits(const struct addr *a, size_t mtu, size_t payload)
{
	return pkt_l3len(a) - ETH_HLEN_ + DGRAM_HLEN + payload <= mtu;
}

#endif
