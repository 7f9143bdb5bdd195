/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frag.h - the guest's IP fragments, put together in a bounded table
 *
 * RFC 791, RFC 815 (holes, here as a bitmap of eight-byte units), RFC 8200, 4.5.
 * A datagram of which any byte comes twice is dropped as a whole (RFC 5722); one that
 * stays incomplete too long, when the next fragment of any comes.
 */
#ifndef FRAG_H
#define FRAG_H

#include <stdbool.h>
#include <stdint.h>

struct frags;
struct frame;

/* The one table: static storage, touched as far as datagrams come in fragments */
struct frags *frags_init(void);

/* Take @f, for which pkt_parse() said DROP_FRAGMENT, at @now in ms. True if that makes
 * a datagram whole: @whole then is a frame that holds it, valid until frags_done().
 * Adds to @dropped the fragments that are given up, @f or others.
 */
bool frags_take(struct frags *t, const struct frame *f, uint64_t now,
		struct frame *whole, uint64_t *dropped);

/* The frames that frags_take() gave out are no longer needed */
void frags_done(struct frags *t);

#endif
