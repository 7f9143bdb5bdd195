/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ndp.h - the guest's IPv6 neighbours and its router: all of them are us */
#ifndef NDP_H
#define NDP_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct guest;
struct pkt;

/* Answer to the ICMPv6 message @p of type 133 to 137, whose checksum pkt_parse() has seen,
 * to @out of @max bytes. Length of the frame, or 0 if there is none.
 */
size_t ndp_reply(const struct conf *cf, const struct guest *g,
		 const struct pkt *p, uint8_t *out, size_t max);

/* An unsolicited router advertisement to all nodes. Length of the frame, or 0 if
 * none may be sent.
 */
size_t ndp_ra(const struct conf *cf, uint8_t *out, size_t max);

/* A solicitation for the guest's address, to learn its MAC address. Length of the
 * frame, or 0 if there is no address to ask for.
 */
size_t ndp_probe(const struct conf *cf, const struct guest *g, uint8_t *out,
		 size_t max);

/* An echo request to all nodes, to learn what address the guest has chosen in the prefix
 * that we announce. Length of the frame, or 0 if there is no prefix.
 */
size_t ndp_call(const struct conf *cf, uint8_t *out, size_t max);

#endif
