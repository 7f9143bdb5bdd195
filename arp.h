/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arp.h - the guest's IPv4 neighbours: all of them are us */
#ifndef ARP_H
#define ARP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct guest;
struct pkt;

/* Answer to the ARP packet @p, to @out of @max bytes. Length of the frame, or 0
 * if there is none.
 */
size_t arp_reply(const struct conf *cf, const struct guest *g,
		 const struct pkt *p, uint8_t *out, size_t max);

/* Does the guest use the address that the ARP packet @p names as its sender's? Not if it is
 * still asking whether it may.
 */
bool arp_shows_guest(const struct pkt *p);

/* A request for the guest's address, to learn its MAC address. Length of the frame,
 * or 0 if there is no address to ask for.
 */
size_t arp_probe(const struct conf *cf, const struct guest *g, uint8_t *out,
		 size_t max);

#endif
