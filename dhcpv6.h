/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dhcpv6.h - the guest's DHCPv6 server */
#ifndef DHCPV6_H
#define DHCPV6_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct guest;
struct pkt;

/* Answer to the UDP datagram @p to port 547 of a multicast group, to @out of @max
 * bytes. Length of the frame, or 0 if there is none.
 */
size_t dhcpv6_reply(const struct conf *cf, const struct guest *g,
		    const struct pkt *p, uint8_t *out, size_t max);

#endif
