/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csum.c - the Internet checksum (RFC 1071), scalar or AVX2
 *
 * One's complement sums don't care about the width they are made with, nor, up to a
 * swap at the end, about the order of bytes (RFC 1071, 2): we add 64-bit words as
 * they lie in memory. Both forms keep two sums, @all of the whole words, which
 * may wrap, and @high of their upper halves, which can't. The lower halves are
 * then known without a carry ever having been looked at:
 *
 *	low = all - (high << 32)	modulo 2^64, and it fits
 *
 * That is three operations per word, and for four words at a time with AVX2.
 * Called by pkt.c and by the services.
 */
#include <stdbool.h>
#include <string.h>

#include "addr.h"
#include "csum.h"
#include "span.h"
#include "util.h"

/* Below this, starting the vector unit costs more than it gives */
#define VECTOR_MIN	192

static uint64_t load64(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Sum of the @high and low halves of words, given their wrapped sum @all */
static uint32_t halves(uint64_t all, uint64_t high)
{
	uint64_t low = all - (high << 32);

	return csum_reduce((uint64_t)csum_reduce(low) + csum_reduce(high));
}

static uint32_t sum_scalar(const char *p, size_t len)
{
	uint64_t all = 0, high = 0, w;

	for (; len >= 32; p += 32, len -= 32) {
		uint64_t x = load64(p), y = load64(p + 8);
		uint64_t z = load64(p + 16), t = load64(p + 24);

		all += (x + y) + (z + t);
		high += ((x >> 32) + (y >> 32)) + ((z >> 32) + (t >> 32));
	}
	for (; len >= 8; p += 8, len -= 8) {
		w = load64(p);
		all += w;
		high += w >> 32;
	}
	if (len) {
		w = 0;
		memcpy(&w, p, len);	/* an odd byte is padded with zero */
		all += w;
		high += w >> 32;
	}
	return halves(all, high);
}

#if defined(__x86_64__)
typedef uint64_t vec __attribute__((vector_size(32)));
typedef vec loose_vec __attribute__((aligned(1), may_alias));

#define AVX2		__attribute__((target("avx2")))

/* Sum of @n blocks of 128 bytes */
static AVX2 uint32_t sum_avx2(const char *p, size_t n)
{
	vec a0 = { 0 }, a1 = { 0 }, h0 = { 0 }, h1 = { 0 };
	const loose_vec *v = (const void *)p;

	for (; n; n--, v += 4) {
		a0 += v[0];
		a1 += v[1];
		h0 += v[0] >> 32;
		h1 += v[1] >> 32;
		a0 += v[2];
		a1 += v[3];
		h0 += v[2] >> 32;
		h1 += v[3] >> 32;
	}
	a0 += a1;
	h0 += h1;
	return halves(a0[0] + a0[1] + a0[2] + a0[3],
		      h0[0] + h0[1] + h0[2] + h0[3]);
}

/* Sum of the longest head of @len bytes that vectors can take: how long it is */
static size_t sum_vector(const char *p, size_t len, uint32_t *sum)
{
	if (len < VECTOR_MIN || !__builtin_cpu_supports("avx2"))
		return 0;
	*sum = sum_avx2(p, len / 128);
	return len & ~(size_t)127;
}
#else
static size_t sum_vector(const char *p, size_t len, uint32_t *sum)
{
	(void)p, (void)len, (void)sum;
	return 0;
}
#endif

uint32_t csum_add(uint32_t sum, const void *p, size_t len)
{
	uint32_t head = 0;
	size_t done = sum_vector(p, len, &head);

	return csum_reduce((uint64_t)sum + head +
			   sum_scalar((const char *)p + done, len - done));
}

/* Add a fragment that may start at an odd offset (@odd, kept up to date) of what
 * is summed: its bytes then belong to the other half of each 16-bit word.
 */
static uint32_t add_piece(uint32_t sum, bool *odd, const void *p, size_t len)
{
	uint32_t part = csum_add(0, p, len);

	if (*odd)
		part = __builtin_bswap16(csum_fold(part));
	*odd ^= len & 1;
	return csum_reduce((uint64_t)sum + part);
}

uint32_t csum_add_iov(uint32_t sum, const struct iovec *iov, int n, size_t len)
{
	bool odd = false;
	int i;

	for (i = 0; i < n && len; i++) {
		size_t part = MIN(len, iov[i].iov_len);

		sum = add_piece(sum, &odd, iov[i].iov_base, part);
		len -= part;
	}
	return sum;
}

uint32_t csum_add_span(uint32_t sum, const struct span *s)
{
	const struct iovec *iov = s->iov;
	size_t off = s->off, len = s->left;
	bool odd = false;

	for (; len; iov++, off = 0) {
		size_t part = MIN(len, iov->iov_len - off);

		sum = add_piece(sum, &odd, (const char *)iov->iov_base + off,
				part);
		len -= part;
	}
	return sum;
}

/* The prefix of a mapped IPv4 address sums up to 0xffff, which is zero in one's
 * complement: both families are summed the same way.
 */
uint32_t csum_pseudo(const struct addr *src, const struct addr *dst,
		     uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)htonl(len) + htonl(proto);
	int i;

	for (i = 0; i < 4; i++)
		sum += (uint64_t)src->w[i] + dst->w[i];
	return csum_reduce(sum);
}

uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}
