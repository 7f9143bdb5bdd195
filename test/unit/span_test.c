/* SPDX-License-Identifier: GPL-2.0-or-later */
/* span_test.c - the same bytes read the same however they are cut */
#include <errno.h>

#include "span.h"
#include "test.h"

enum { LEN = 40 };

static uint8_t bytes[LEN];

/* @bytes in three fragments, any of which may be empty */
static void cut(struct iovec v[3], int x, int y)
{
	v[0] = (struct iovec){ bytes, x };
	v[1] = (struct iovec){ bytes + x, y - x };
	v[2] = (struct iovec){ bytes + y, LEN - y };
}

static void each_cut(void (*fn)(struct span s))
{
	struct iovec v[3];
	int x, y;

	for (x = 0; x <= LEN; x++) {
		for (y = x; y <= LEN; y++) {
			cut(v, x, y);
			fn(span_over(v, 3));
		}
	}
}

static void get_and_skip(struct span s)
{
	uint8_t d[LEN];

	CHECK(s.left == LEN && !s.bad);
	span_skip(&s, 6);
	span_get(&s, d, 20);
	CHECK(!memcmp(d, bytes + 6, 20) && s.left == 14 && !s.bad);
	span_peek(s, d, 14);
	CHECK(!memcmp(d, bytes + 26, 14) && s.left == 14);
	span_get(&s, d, 15);
	CHECK(s.bad && !s.left && !d[0] && !d[14]);
	CHECK(span_get8(&s) == 0 && s.bad);
	span_skip(&s, 0);
	CHECK(s.bad);			/* stays set */
}

static void numbers(struct span s)
{
	CHECK(span_get8(&s) == 1);
	CHECK(span_get16(&s) == 0x0203);
	CHECK(span_get32(&s) == 0x04050607);
	span_skip(&s, LEN - 7);
	CHECK(!s.bad && !s.left);
	span_skip(&s, 0);
	CHECK(!s.bad);
	span_skip(&s, 1);
	CHECK(s.bad);
	CHECK(span_get32(&s) == 0);
}

static void trim(struct span s)
{
	uint8_t d[LEN];

	span_trim(&s, LEN);
	CHECK(!s.bad && s.left == LEN);
	span_skip(&s, 3);
	span_trim(&s, 10);
	span_get(&s, d, 10);
	CHECK(!s.bad && !s.left && !memcmp(d, bytes + 3, 10));
	span_trim(&s, 1);
	CHECK(s.bad);
}

static void cut_off(struct span s)
{
	uint8_t d[LEN];
	struct span head = span_cut(&s, 12), none = span_cut(&s, 0), all;

	CHECK(!head.bad && head.left == 12 && s.left == LEN - 12);
	CHECK(!none.bad && !none.left);
	span_get(&head, d, 12);
	CHECK(!memcmp(d, bytes, 12) && !head.bad);
	CHECK(span_get8(&head) == 0 && head.bad);
	CHECK(span_get8(&s) == bytes[12]);

	all = span_cut(&s, LEN - 12);	/* one too many */
	CHECK(all.bad && s.bad && !all.left && !s.left);
}

static void as_iov(struct span s)
{
	struct iovec v[3];
	int i, n, at = 5;

	span_skip(&s, 5);
	span_trim(&s, 30);
	n = span_iov(&s, v, 3);
	CHECK(n >= 1 && n <= 3 && s.left == 30);
	for (i = 0; i < n; i++) {
		CHECK(v[i].iov_len && v[i].iov_base == bytes + at);
		at += v[i].iov_len;
	}
	CHECK(at == 35);
	CHECK(span_iov(&s, v, n) == n);
	CHECK(span_iov(&s, v, n - 1) == -EMSGSIZE);
}

static void t_nothing(void)
{
	struct iovec v = { bytes, 0 };
	struct span s = span_over(NULL, 0);
	uint8_t d = 7;

	span_get(&s, &d, 0);
	CHECK(!s.bad && d == 7 && span_iov(&s, &v, 0) == 0);
	span_get(&s, &d, 1);
	CHECK(s.bad && d == 0);

	s = span_over(&v, 1);
	CHECK(!s.left && !s.bad && span_get16(&s) == 0 && s.bad);
}

static void t_too_long(void)
{
	struct iovec v[2] = { { bytes, UINT32_MAX }, { bytes, 1 } };
	struct span s = span_over(v, 2);

	CHECK(s.bad && !s.left);
	v[0].iov_len = SIZE_MAX;	/* the sum would wrap */
	s = span_over(v, 2);
	CHECK(s.bad && !s.left);
}

int main(void)
{
	int i;

	for (i = 0; i < LEN; i++)
		bytes[i] = i + 1;
	each_cut(get_and_skip);
	each_cut(numbers);
	each_cut(trim);
	each_cut(cut_off);
	each_cut(as_iov);
	t_nothing();
	t_too_long();
	return test_end("span");
}
