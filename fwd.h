/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fwd.h - where a new flow goes, with which addresses; pure, no system calls */
#ifndef FWD_H
#define FWD_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct conf;
struct guest;

/* From the guest: @dst is what it asked for. Fills @remote with where the host connects
 * to. 0, or -EHOSTUNREACH if that can't be reached, -EAFNOSUPPORT if the family
 * is off.
 */
int fwd_from_guest(const struct conf *cf, uint8_t proto, const struct side *dst,
		   struct side *remote);

/* To the guest: @remote is the peer as the host sees it, @rule the target of the
 * forwarding rule (address unspecified: the guest's own). Fills @seen with the peer
 * as shown to the guest and @guest with the guest's end. 0, or
 * -EADDRNOTAVAIL if the peer can't be shown, -EHOSTUNREACH if the
 * guest has no address.
 */
int fwd_to_guest(const struct conf *cf, const struct guest *g,
		 const struct side *remote, const struct side *rule,
		 struct side *seen, struct side *guest);

/* Is @remote, as the host sees it, on the host itself? */
bool fwd_is_local(const struct conf *cf, const struct addr *remote);

/* An address that appears in an error from the network, as the guest should see it;
 * unspecified if it can't be shown
 */
struct addr fwd_show(const struct conf *cf, const struct guest *g,
		     const struct addr *remote);

#endif
