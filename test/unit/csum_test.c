/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csum_test.c - against a sum of 16-bit words made by the letter of RFC 1071
 *
 * Random bytes; the seed is printed and may be given as an argument. Short pieces are
 * summed by the scalar form, long ones by vectors where the machine has
 * them. links: span
 */
#include <stdlib.h>
#include <sys/random.h>

#include "addr.h"
#include "csum.h"
#include "span.h"
#include "test.h"

enum { SHORT = 126 };			/* no vectors for so little */

static uint8_t buf[70000];

/* Folded, in the byte order of memory, as csum_fold() gives it */
static uint16_t naive(uint64_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)sum);
}

/* By the scalar form alone */
static uint32_t by_pieces(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i += SHORT)
		sum = csum_add(sum, p + i, MIN(SHORT, len - i));
	return sum;
}

static void t_known(void)
{
	/* The example of RFC 1071, 3: sum ddf2 */
	static const uint8_t rfc[] = { 0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff };

	CHECK(csum_fold(csum_add(0, rfc, sizeof(rfc))) == htons(0xddf2));
	CHECK(csum_final(csum_add(0, rfc, sizeof(rfc))) == htons(0x220d));
	CHECK(csum_add(5, rfc, 0) == 5);
	CHECK(csum_fold(csum_add(0, ones, 4)) == 0xffff);
	CHECK(csum_fold(csum_add(0xffffffff, ones, 4)) == 0xffff);
	CHECK(csum_fold(0xffffffff) == 0xffff && csum_fold(0) == 0);
	CHECK(csum_fold(0x1ffff) == 1);
	CHECK(csum_reduce(0x1ffffffff) == 1);
	CHECK(csum_reduce(UINT64_MAX) == 0xffffffff);
}

static void t_lengths(void)
{
	size_t len, at;

	for (len = 0; len < 700; len++) {
		for (at = 0; at < 33; at++) {
			uint16_t want = naive(0, buf + at, len);

			CHECK(csum_fold(csum_add(0, buf + at, len)) == want);
			CHECK(csum_fold(by_pieces(buf + at, len)) == want);
		}
	}
	for (len = 65400; len < sizeof(buf) - 1; len += 123)
		CHECK(csum_fold(csum_add(0, buf + 1, len)) ==
		      naive(0, buf + 1, len));
}

static void t_chained(void)
{
	uint32_t sum = csum_add(csum_add(0, buf, 1000), buf + 1000, 501);

	CHECK(csum_fold(sum) == naive(0, buf, 1501));
	CHECK(csum_fold(csum_add(0xfffffffe, buf, 600)) ==
	      naive(ntohs(csum_fold(0xfffffffe)), buf, 600));
}

/* All ones carry wherever a carry can be lost */
static void t_carries(void)
{
	uint8_t ones[2048];
	size_t len;

	memset(ones, 0xff, sizeof(ones));
	for (len = 2; len < sizeof(ones); len++)
		CHECK(csum_fold(csum_add(0, ones, len)) == naive(0, ones, len));
}

static void t_fragments(void)
{
	enum { FRAGS = 9 };
	struct iovec v[FRAGS];
	int round, i;

	for (round = 0; round < 3000; round++) {
		size_t total = 0, len, skip;
		struct span s;

		for (i = 0; i < FRAGS; i++) {
			len = random() % (round % 3 ? 7 : 900);
			v[i] = (struct iovec){ buf + total, len };
			total += len;
		}
		len = total ? random() % total : 0;
		CHECK(csum_fold(csum_add_iov(0, v, FRAGS, total)) ==
		      naive(0, buf, total));
		CHECK(csum_fold(csum_add_iov(0, v, FRAGS, len)) ==
		      naive(0, buf, len));

		skip = len ? random() % len : 0;
		s = span_over(v, FRAGS);
		span_trim(&s, len);
		span_skip(&s, skip);
		CHECK(csum_fold(csum_add_span(0, &s)) ==
		      naive(0, buf + skip, len - skip));
	}
}

static void t_pseudo(void)
{
	static const uint8_t head4[] = {
		192, 0, 2, 1, 198, 51, 100, 2, 0, 17, 0x12, 0x34,
	};
	static const uint8_t v6[2][16] = {
		{ 0x20, 1, 0xd, 0xb8, [15] = 1 }, { 0xfe, 0x80, [14] = 7, 9 },
	};
	uint8_t head6[40] = { 0 };
	struct addr a = addr_v4(htonl(0xc0000201)), b = addr_v4(htonl(0xc6336402));

	CHECK(csum_fold(csum_pseudo(&a, &b, 17, 0x1234)) ==
	      naive(0, head4, sizeof(head4)));

	memcpy(head6, v6, 32);
	memcpy(head6 + 32, (uint8_t[]){ 0, 1, 0x23, 0x45, 0, 0, 0, 6 }, 8);
	a = addr_v6(v6[0]);
	b = addr_v6(v6[1]);
	CHECK(csum_fold(csum_pseudo(&a, &b, 6, 0x12345)) == naive(0, head6, 40));
}

int main(int argc, char **argv)
{
	unsigned seed;
	size_t i;

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 1;
	printf("csum: seed %u\n", seed);
	srandom(seed);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = random();

	t_known();
	t_lengths();
	t_chained();
	t_carries();
	t_fragments();
	t_pseudo();
	return test_end("csum");
}
