/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_fault.h - wrap a guest link in a bad one: loss, copies, disorder, damage
 *
 * For tests. The same seed and the same frames give the same faults.
 */
#ifndef LINK_FAULT_H
#define LINK_FAULT_H

#include <stdint.h>

struct link;

/* Frames in a thousand that ... */
struct fault_rates {
	uint16_t lose;			/* ... vanish */
	uint16_t copy;			/* ... come twice */
	uint16_t delay;			/* ... fall behind up to three others */
	uint16_t cut;			/* ... end early */
	uint16_t damage;		/* ... have a bit turned over behind the
					 * Ethernet header */
};

/* What became of them */
struct fault_stats {
	uint64_t passed, lost, copied, delayed, cut, damaged;
};

/* Wrap @inner: @rx is what befalls frames from the guest, @tx those to it. A damaged
 * frame that nobody would notice, because its checksum is left to the other side, is
 * lost instead. A frame that is delayed waits for others to overtake it. The link
 * has static storage, there is one. Both rates may be changed at any time.
 */
struct link *link_fault_init(struct link *inner, const struct fault_rates *rx,
			     const struct fault_rates *tx, uint64_t seed);

/* Since link_fault_init(), both ways together */
const struct fault_stats *link_fault_stats(const struct link *l);

#endif
