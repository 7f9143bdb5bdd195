/* SPDX-License-Identifier: GPL-2.0-or-later */
/* span.h - the only way to read bytes that came from a guest
 *
 * A span is what is left to read of a frame, in any number of fragments. Getters
 * can't fail loudly: past the end they give zeros and set @bad, which stays
 * set, so that straight-line code is safe and one test at its end suffices.
 * Bytes are copied once before they are judged: a guest that shares memory with
 * us may change them at any time.
 */
#ifndef SPAN_H
#define SPAN_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "util.h"

struct span {
	const struct iovec *iov;	/* current fragment */
	uint32_t off;			/* bytes already read from it */
	uint32_t left;			/* bytes readable in all fragments */
	bool bad;			/* a read ran past the end (sticky) */
};

/* A span over @n fragments; the array must outlive the span */
struct span span_over(const struct iovec *iov, int n);

/* Slow path of span_get() and span_skip(): @n bytes, known to be there, from several
 * fragments to @dst, or nowhere if that is NULL
 */
void span_gather(struct span *s, void *dst, size_t n);

/* Copy the next @n bytes to @dst, or zeros past the end */
static inline void span_get(struct span *s, void *dst, size_t n)
{
	if (unlikely(n > s->left)) {
		memset(dst, 0, n);
		s->left = 0;
		s->bad = true;
	} else if (likely(n <= s->iov->iov_len - s->off)) {
		memcpy(dst, (const char *)s->iov->iov_base + s->off, n);
		s->off += n;
		s->left -= n;
	} else {
		span_gather(s, dst, n);
	}
}

/* Skip @n bytes */
static inline void span_skip(struct span *s, size_t n)
{
	if (unlikely(n > s->left)) {
		s->left = 0;
		s->bad = true;
	} else if (likely(n <= s->iov->iov_len - s->off)) {
		s->off += n;
		s->left -= n;
	} else {
		span_gather(s, NULL, n);
	}
}

/* As span_get() without moving on */
static inline void span_peek(struct span s, void *dst, size_t n)
{
	span_get(&s, dst, n);
}

/* One byte; 16 and 32 bits in host byte order */
static inline uint8_t span_get8(struct span *s)
{
	uint8_t v;

	span_get(s, &v, sizeof(v));
	return v;
}

static inline uint16_t span_get16(struct span *s)
{
	uint16_t v;

	span_get(s, &v, sizeof(v));
	return ntohs(v);
}

static inline uint32_t span_get32(struct span *s)
{
	uint32_t v;

	span_get(s, &v, sizeof(v));
	return ntohl(v);
}

/* Forget all but the next @n bytes; bad if there are fewer */
static inline void span_trim(struct span *s, size_t n)
{
	if (n > s->left)
		s->bad = true;
	else
		s->left = n;
}

/* Cut the next @n bytes off @s and return them as a span of their own; bad on
 * both sides if there are fewer
 */
struct span span_cut(struct span *s, size_t n);

/* The bytes left, as at most @max fragments in @out. Number of fragments, or
 * -EMSGSIZE if they don't fit. Nothing is copied, @s does not move.
 */
int span_iov(const struct span *s, struct iovec *out, int max);

#endif
