/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dhcp.h - the guest's DHCP and BOOTP server */
#ifndef DHCP_H
#define DHCP_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct guest;
struct pkt;

/* Answer to the UDP datagram @p to port 67, to @out of @max bytes. Length of the
 * frame, or 0 if there is none.
 */
size_t dhcp_reply(const struct conf *cf, const struct guest *g,
		  const struct pkt *p, uint8_t *out, size_t max);

#endif
