/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csum.h - the Internet checksum (RFC 1071), scalar or SIMD, chosen at run time
 *
 * Sums are kept as 32-bit values that fold to 16 bits at the end, in the byte
 * order of memory, so that they may be added whatever the machine's order.
 */
#ifndef CSUM_H
#define CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct addr;
struct span;

/* Add @len bytes at @p to @sum. @p starts at an even offset of what is summed. */
uint32_t csum_add(uint32_t sum, const void *p, size_t len);

/* Add @len bytes of fragments, of any lengths, to @sum */
uint32_t csum_add_iov(uint32_t sum, const struct iovec *iov, int n, size_t len);

/* Add all that is left of @s to @sum */
uint32_t csum_add_span(uint32_t sum, const struct span *s);

/* Sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1), @len in bytes */
uint32_t csum_pseudo(const struct addr *src, const struct addr *dst,
		     uint8_t proto, uint32_t len);

/* A longer sum reduced to 32 bits */
static inline uint32_t csum_reduce(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)(sum + (sum >> 32));
}

/* Folded to 16 bits, ready to be stored, not complemented (for CHECKSUM_PARTIAL) */
uint16_t csum_fold(uint32_t sum);

/* Folded and complemented: the value of a checksum field */
static inline uint16_t csum_final(uint32_t sum)
{
	return (uint16_t)~csum_fold(sum);
}

#endif
