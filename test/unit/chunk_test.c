/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunk_test.c - queues against a flat buffer that does the same plainly */
#include "chunk.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { SPACE = 200000, BASE = 0xfffe7960 };	/* wraps in the middle */

static unsigned char stream[SPACE], have[SPACE];

static uint32_t put(struct chunks *c, uint16_t *head, uint32_t off, uint32_t len)
{
	/* in two fragments, cut anywhere */
	uint32_t cut = len ? rand() % len : 0;
	struct iovec v[] = { { stream + off, cut }, { stream + off + cut, len - cut } };

	return chunk_put(c, head, BASE + off, span_over(v, 2));
}

static void check_from(struct chunks *c, uint16_t head, uint32_t off)
{
	uint32_t end = chunk_end(c, head, BASE + off) - BASE, want = off, n = 0;
	struct iovec iov[64];
	int i, k = chunk_iov(c, head, BASE + off, iov, 64);

	while (want < SPACE && have[want])
		want++;
	CHECK(end == want);
	for (i = 0; i < k; i++) {
		CHECK(!memcmp(iov[i].iov_base, stream + off + n, iov[i].iov_len));
		n += iov[i].iov_len;
	}
	CHECK(k == 64 || off + n == want);
}

static void check_ranges(struct chunks *c, uint16_t head, uint32_t from)
{
	struct seq_range r[4];
	int i, n = chunk_ranges(c, head, BASE + from, r, 4);
	uint32_t k, at = from;

	for (i = 0; i < n; i++) {
		uint32_t a = r[i].start - BASE, b = r[i].end - BASE;

		CHECK(a > at && b > a && b <= SPACE);
		for (k = a; k < b; k++)
			if (!have[k])
				break;
		CHECK(k == b);
		at = b;
	}
}

/* Pieces in any order, overlapping, come out as the stream that they were cut from */
static void t_random(struct chunks *c)
{
	int round, i;

	for (round = 0; round < 200; round++) {
		uint16_t head = 0;
		uint32_t drop = 0;

		memset(have, 0, sizeof(have));
		for (i = 0; i < 40; i++) {
			uint32_t off = drop + rand() % (SPACE - drop);
			uint32_t len = rand() % 20000;

			len = off + len > SPACE ? SPACE - off : len;
			CHECK(put(c, &head, off, len) == len);
			memset(have + off, 1, len);
			check_from(c, head, off);
			check_ranges(c, head, off);
			if (i % 10 == 9) {
				drop += rand() % (SPACE - drop);
				chunk_drop(c, &head, BASE + drop);
			}
		}
		chunk_drop_all(c, &head);
		CHECK(!head && chunks_free(c) == CHUNK_COUNT);
	}
}

/* An empty pool keeps a prefix, says how much, and loses nothing that it had */
static void t_exhausted(struct chunks *c)
{
	static unsigned char big[CHUNK_SIZE];
	struct iovec v = { big, sizeof(big) };
	uint16_t heads[CHUNK_COUNT + 1] = { 0 };
	int i;

	for (i = 0; i < CHUNK_COUNT; i++)
		CHECK(chunk_put(c, &heads[i], 7, span_over(&v, 1)) == sizeof(big));
	CHECK(!chunks_free(c));
	CHECK(!chunk_put(c, &heads[CHUNK_COUNT], 7, span_over(&v, 1)));
	CHECK(!heads[CHUNK_COUNT]);
	for (i = 0; i < CHUNK_COUNT; i++)
		chunk_drop_all(c, &heads[i]);
	CHECK(chunks_free(c) == CHUNK_COUNT);
}

/* However many ask, a quarter of the pool is left for what comes ahead of a hole */
static void t_lent(struct chunks *c)
{
	int n, all = 0, before = 64;

	while ((n = chunks_lend(c, 64))) {
		CHECK(n <= before);
		before = n;
		all += n;
	}
	CHECK(all > CHUNK_COUNT / 2 && all <= CHUNK_COUNT / 4 * 3);
	chunks_return(c, all);
	CHECK(chunks_lend(c, 3) == 3);
	chunks_return(c, 3);
}

int main(void)
{
	unsigned i, seed = 1;
	struct chunks *c = chunks_init();

	printf("seed %u\n", seed);
	srand(seed);
	for (i = 0; i < SPACE; i++)
		stream[i] = rand();
	t_random(c);
	t_exhausted(c);
	t_lent(c);
	return test_end("chunk");
}
