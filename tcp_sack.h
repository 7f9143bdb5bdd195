/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_sack.h - what the guest holds beyond its acknowledgement (RFC 2018, RFC 6675) */
#ifndef TCP_SACK_H
#define TCP_SACK_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"

#define SACK_MAX	4

/* Sorted ranges that neither overlap nor touch; an unused one is empty */
struct sack { struct seq_range r[SACK_MAX]; };

/* Add [start, end). The highest range is forgotten if there are too many. */
void sack_add(struct sack *s, uint32_t start, uint32_t end);

/* Forget all before @una */
void sack_advance(struct sack *s, uint32_t una);

/* First byte at or after @from that is missing below a range: false if there is none.
 * *@end: where the hole ends.
 */
bool sack_hole(const struct sack *s, uint32_t from, uint32_t *start, uint32_t *end);

/* Is the byte at @seq, which is missing, lost, by what came after it (RFC 6675, 4)? */
bool sack_lost(const struct sack *s, uint32_t seq, uint32_t mss);

/* Bytes held */
uint32_t sack_bytes(const struct sack *s);

#endif
