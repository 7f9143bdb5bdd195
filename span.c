/* SPDX-License-Identifier: GPL-2.0-or-later */
/* span.c - the parts of a span that walk from fragment to fragment
 *
 * A span points into an array of iovecs that it does not own. Invariant: @off is
 * within the current fragment, and @left is no more than what follows. The
 * array's last fragments may be empty, so may any other. Called by every parser.
 */
#include <errno.h>
#include <limits.h>

#include "span.h"

struct span span_over(const struct iovec *iov, int n)
{
	static const struct iovec none = { .iov_base = "" };
	struct span s = { .iov = n > 0 ? iov : &none };
	size_t sum = 0;
	int i;

	for (i = 0; i < n; i++) {
		sum += iov[i].iov_len;
		if (iov[i].iov_len > UINT32_MAX || sum > UINT32_MAX) {
			s.bad = true;
			return s;
		}
	}
	s.left = sum;
	return s;
}

/* What is left of the current fragment, at most @n; moves on if that is nothing */
static size_t here(struct span *s, size_t n)
{
	while (s->off == s->iov->iov_len) {
		s->iov++;
		s->off = 0;
	}
	return MIN(n, s->iov->iov_len - s->off);
}

void span_gather(struct span *s, void *dst, size_t n)
{
	char *d = dst;

	while (n) {
		size_t len = here(s, n);

		if (d) {
			memcpy(d, (const char *)s->iov->iov_base + s->off, len);
			d += len;
		}
		s->off += len;
		s->left -= len;
		n -= len;
	}
}

struct span span_cut(struct span *s, size_t n)
{
	struct span cut = *s;

	span_trim(&cut, n);
	span_skip(s, n);
	if (s->bad)
		cut.left = 0;
	return cut;
}

int span_iov(const struct span *s, struct iovec *out, int max)
{
	struct span rest = *s;
	int n = 0;

	while (rest.left) {
		size_t len = here(&rest, rest.left);
		char *base = rest.iov->iov_base;

		if (n == max)
			return -EMSGSIZE;
		out[n++] = (struct iovec){ base + rest.off, len };
		rest.off += len;
		rest.left -= len;
	}
	return n;
}
