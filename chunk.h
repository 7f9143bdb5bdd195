/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunk.h - guest data that no socket has taken yet, in a fixed pool
 *
 * What lies inside an advertised window is never thrown away: the part that a
 * socket refused, and what came ahead of a hole, waits here. A queue is a list of
 * chunks sorted by sequence number that don't overlap; it belongs to one flow and
 * is named by its first chunk. Sequence numbers compare modulo 2^32.
 */
#ifndef CHUNK_H
#define CHUNK_H

#include <stdint.h>
#include <sys/uio.h>

#include "span.h"

enum { CHUNK_SIZE = 16384, CHUNK_COUNT = 1024 };

struct chunks;

struct seq_range { uint32_t start, end; };	/* end is exclusive */

/* The one pool: static storage, touched as it comes to be used */
struct chunks *chunks_init(void);

/* Chunks that are free */
int chunks_free(const struct chunks *c);

/* Set up to @want chunks aside, so that more than a socket has room for may be promised
 * to a guest: how many. The less there is left, the fewer each gets, so that
 * nobody goes without; what is set aside never exceeds the pool.
 */
int chunks_lend(struct chunks *c, int want);
void chunks_return(struct chunks *c, int lent);

/* Copy what @data holds and the queue @head does not: @data starts at @seq. Bytes from
 * @seq on that the queue now holds: less than there are in @data if the pool is empty.
 */
uint32_t chunk_put(struct chunks *c, uint16_t *head, uint32_t seq, struct span data);

/* End of the bytes that follow @seq without a hole; @seq itself if there are none */
uint32_t chunk_end(const struct chunks *c, uint16_t head, uint32_t seq);

/* Bytes from @seq on without a hole, as at most @max fragments: number of fragments */
int chunk_iov(const struct chunks *c, uint16_t head, uint32_t seq,
	      struct iovec *iov, int max);

/* Give back all that lies before @seq */
void chunk_drop(struct chunks *c, uint16_t *head, uint32_t seq);

/* Give back all */
void chunk_drop_all(struct chunks *c, uint16_t *head);

/* Up to @max ranges above @seq that the queue holds, lowest first: number of ranges */
int chunk_ranges(const struct chunks *c, uint16_t head, uint32_t seq,
		 struct seq_range *r, int max);

#endif
