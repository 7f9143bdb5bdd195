/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_sack_test.c - ranges against a bitmap that does the same plainly */
#include "tcp_sack.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { SPACE = 64, BASE = 0xffffffe0 };		/* wraps in the middle */

static int well_formed(const struct sack *s)
{
	int i;

	for (i = 0; i < SACK_MAX; i++) {
		if (s->r[i].start == s->r[i].end)
			break;
		if ((int32_t)(s->r[i].end - s->r[i].start) <= 0)
			return 0;
		if (i && (int32_t)(s->r[i].start - s->r[i - 1].end) <= 0)
			return 0;
	}
	for (; i < SACK_MAX; i++)
		if (s->r[i].start != s->r[i].end)
			return 0;
	return 1;
}

static int held(const struct sack *s, uint32_t seq)
{
	int i;

	for (i = 0; i < SACK_MAX; i++)
		if (seq - s->r[i].start < s->r[i].end - s->r[i].start)
			return 1;
	return 0;
}

/* Whatever is held was added and lies above una; up to three ranges lose nothing */
static void t_random(unsigned seed)
{
	int round, i, k;

	srand(seed);
	for (round = 0; round < 2000; round++) {
		unsigned char map[SPACE] = { 0 };
		struct sack s = { 0 };
		uint32_t bytes = 0;

		for (i = 0; i < 6; i++) {
			int a = rand() % SPACE, n = rand() % 12;

			n = a + n > SPACE ? SPACE - a : n;
			sack_add(&s, BASE + a, BASE + a + n);
			memset(map + a, 1, n);
			CHECK(well_formed(&s));
			for (k = 0; k < SPACE; k++) {
				CHECK(!held(&s, BASE + k) || map[k]);
				CHECK(i >= SACK_MAX || held(&s, BASE + k) == map[k]);
			}
		}
		k = rand() % SPACE;
		sack_advance(&s, BASE + k);
		CHECK(well_formed(&s));
		for (i = 0; i < SPACE; i++) {
			bytes += held(&s, BASE + i);
			CHECK(i >= k || !held(&s, BASE + i));
		}
		CHECK(sack_bytes(&s) == bytes);
	}
}

static void t_holes(void)
{
	struct sack s = { 0 };
	uint32_t a, b;

	CHECK(!sack_hole(&s, 0, &a, &b));
	sack_add(&s, 10, 20);
	sack_add(&s, 30, 40);
	CHECK(sack_hole(&s, 5, &a, &b) && a == 5 && b == 10);
	CHECK(sack_hole(&s, 10, &a, &b) && a == 20 && b == 30);
	CHECK(sack_hole(&s, 25, &a, &b) && a == 25 && b == 30);
	CHECK(!sack_hole(&s, 30, &a, &b));
	CHECK(!sack_hole(&s, 40, &a, &b));
}

/* RFC 6675, 4: three ranges above, or more than two segments' worth */
static void t_lost(void)
{
	struct sack s = { 0 };

	CHECK(!sack_lost(&s, 0, 10));
	sack_add(&s, 100, 120);
	CHECK(!sack_lost(&s, 99, 10));
	sack_add(&s, 120, 121);
	CHECK(sack_lost(&s, 99, 10));
	CHECK(!sack_lost(&s, 99, 11) && !sack_lost(&s, 130, 1));
	sack_add(&s, 200, 201);
	CHECK(!sack_lost(&s, 50, 100) && sack_lost(&s, 50, 10));
	CHECK(!sack_lost(&s, 150, 10));
	sack_add(&s, 300, 301);
	CHECK(sack_lost(&s, 50, 100) && !sack_lost(&s, 150, 100));
	s = (struct sack){ 0 };
	sack_add(&s, 0xfffffffe, 40);		/* across 0 */
	CHECK(sack_lost(&s, 0xfffffff0, 20) && !sack_lost(&s, 0xfffffff0, 21));
}

int main(void)
{
	unsigned seed = 1;

	printf("seed %u\n", seed);
	t_random(seed);
	t_holes();
	t_lost();
	return test_end("tcp_sack");
}
