/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frag_test.c - datagrams cut in every way come out whole, or not at all */
/* links: span csum */
#include "frag.h"

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "link.h"
#include "test.h"

enum { ETH = 14, V4LEN = 20, V6LEN = 48 };

static uint8_t payload[65536 + 64];
static uint64_t dropped;		/* fragments, since the last counted() */

static uint64_t counted(void)
{
	uint64_t n = dropped;

	dropped = 0;
	return n;
}

/* One fragment of payload[off, off + len) as it stands on the wire */
static size_t cut4(uint8_t *b, uint16_t id, uint32_t off, uint32_t len, int more)
{
	uint16_t v, frag = off / 8 | (more ? 0x2000 : 0);

	memset(b, 0, ETH + V4LEN);
	b[12] = 8;
	b += ETH;
	b[0] = 0x45;
	b[2] = (V4LEN + len) >> 8;
	b[3] = V4LEN + len;
	b[4] = id >> 8;
	b[5] = id;
	b[6] = frag >> 8;
	b[7] = frag;
	b[8] = 64;
	b[9] = 17;
	memcpy(b + 12, "\12\1\0\2\12\1\0\1", 8);
	v = csum_final(csum_add(0, b, V4LEN));
	memcpy(b + 10, &v, 2);
	memcpy(b + V4LEN, payload + off, len);
	return ETH + V4LEN + len;
}

static size_t cut6(uint8_t *b, uint32_t id, uint32_t off, uint32_t len, int more)
{
	uint16_t frag = off | !!more;

	memset(b, 0, ETH + V6LEN);
	b[12] = 0x86;
	b[13] = 0xdd;
	b += ETH;
	b[0] = 0x60;
	b[4] = (8 + len) >> 8;
	b[5] = 8 + len;
	b[6] = 44;
	b[7] = 64;
	b[8] = 0xfd;
	b[24] = 0xfd;
	b[39] = 1;
	b[40] = 17;
	b[42] = frag >> 8;
	b[43] = frag;
	b[44] = id >> 24;
	b[45] = id >> 16;
	b[46] = id >> 8;
	b[47] = id;
	memcpy(b + V6LEN, payload + off, len);
	return ETH + V6LEN + len;
}

static bool give(struct frags *t, int v6, uint32_t id, uint32_t off, uint32_t len,
		 int more, uint64_t now, struct frame *whole)
{
	static uint8_t buf[70000];
	struct frame f = { 0 };

	f.iov.iov_base = buf;
	f.iov.iov_len = v6 ? cut6(buf, id, off, len, more) : cut4(buf, id, off, len, more);
	f.l2 = span_over(&f.iov, 1);
	return frags_take(t, &f, now, whole, &dropped);
}

static void check_whole(struct frame *f, int v6, uint32_t len)
{
	uint8_t hdr[ETH + 40], data[65536];
	size_t hlen = ETH + (v6 ? 40 : 20);

	CHECK(f->l2.left == hlen + len);
	span_get(&f->l2, hdr, hlen);
	span_get(&f->l2, data, len);
	CHECK(!f->l2.bad && !memcmp(data, payload, len));
	if (v6) {
		CHECK(hdr[ETH + 6] == 17);
		CHECK((hdr[ETH + 4] << 8 | hdr[ETH + 5]) == (int)len);
	} else {
		CHECK(!hdr[ETH + 6] && !hdr[ETH + 7]);
		CHECK((hdr[ETH + 2] << 8 | hdr[ETH + 3]) == (int)len + 20);
		CHECK(!csum_final(csum_add(0, hdr + ETH, 20)));
	}
}

/* Any size, any cuts, any order */
static void t_random(struct frags *t, unsigned seed)
{
	int round, i, n;

	srand(seed);
	for (round = 0; round < 500; round++) {
		uint32_t total = 9 + rand() % 65400, size = 8 * (1 + rand() % 1000);
		uint32_t offs[8200], at;
		int v6 = round & 1, whole = 0;
		struct frame f;

		for (n = 0, at = 0; at < total; at += size)
			offs[n++] = at;
		for (i = n - 1; i > 0; i--) {
			int j = rand() % (i + 1);

			at = offs[i];
			offs[i] = offs[j];
			offs[j] = at;
		}
		for (i = 0; i < n; i++) {
			uint32_t len = offs[i] + size < total ? size : total - offs[i];

			whole += give(t, v6, round, offs[i], len,
				      offs[i] + len < total, 1, &f);
			CHECK(whole == (i == n - 1));
		}
		if (whole)
			check_whole(&f, v6, total);
		frags_done(t);
	}
	CHECK(!counted());
}

static void t_hostile(struct frags *t)
{
	struct frame f;
	int i;

	/* a byte that comes twice: nothing comes out, not even later */
	CHECK(!give(t, 0, 1000, 0, 16, 1, 1, &f));
	CHECK(!give(t, 0, 1000, 8, 16, 1, 1, &f));
	CHECK(!give(t, 0, 1000, 24, 8, 0, 1, &f));
	/* two ends, data behind the end, an end before data */
	CHECK(!give(t, 0, 1001, 16, 8, 0, 1, &f));
	CHECK(!give(t, 0, 1001, 24, 8, 0, 1, &f));
	CHECK(!give(t, 0, 1002, 16, 8, 0, 1, &f));
	CHECK(!give(t, 0, 1002, 24, 8, 1, 1, &f));
	CHECK(!give(t, 0, 1002, 0, 16, 1, 1, &f));
	CHECK(!give(t, 0, 1003, 64, 8, 1, 1, &f));
	CHECK(!give(t, 0, 1003, 0, 8, 0, 1, &f));
	/* as many bytes as there should be, but one piece lies behind the end */
	CHECK(!give(t, 0, 1008, 0, 8, 1, 1, &f));
	CHECK(!give(t, 0, 1008, 80, 8, 1, 1, &f));
	CHECK(!give(t, 0, 1008, 16, 8, 0, 1, &f));
	/* beyond the largest datagram; odd size in the middle; empty */
	CHECK(!give(t, 0, 1004, 65528, 64, 0, 1, &f));
	CHECK(!give(t, 0, 1005, 0, 9, 1, 1, &f));
	CHECK(!give(t, 0, 1006, 0, 0, 1, 1, &f));
	/* too old */
	CHECK(!give(t, 0, 1007, 0, 8, 1, 1, &f));
	CHECK(!give(t, 0, 1007, 8, 8, 0, 100000, &f));
	/* a flood of others pushes one out, and all still works */
	CHECK(!give(t, 1, 2000, 0, 8, 1, 100001, &f));
	for (i = 0; i < 100; i++)
		CHECK(!give(t, 1, 3000 + i, 0, 8, 1, 100002 + i, &f));
	CHECK(!give(t, 1, 2000, 8, 8, 0, 100200, &f));
	CHECK(!give(t, 1, 4000, 8, 8, 0, 100201, &f));
	CHECK(give(t, 1, 4000, 0, 8, 1, 100201, &f));
	check_whole(&f, 1, 16);
	frags_done(t);
}

/* The length field counts the header with IPv4, not with IPv6 */
static void t_largest(struct frags *t)
{
	struct frame f;

	CHECK(!give(t, 0, 7000, 0, 32768, 1, 1, &f));
	CHECK(give(t, 0, 7000, 32768, 65515 - 32768, 0, 1, &f));
	check_whole(&f, 0, 65515);
	CHECK(!give(t, 1, 7001, 0, 32768, 1, 1, &f));
	CHECK(give(t, 1, 7001, 32768, 65535 - 32768, 0, 1, &f));
	check_whole(&f, 1, 65535);
	frags_done(t);
	counted();
	give(t, 0, 7002, 32768, 65516 - 32768, 0, 1, &f);
	CHECK(counted() == 1);
	give(t, 1, 7003, 32768, 65536 - 32768, 0, 1, &f);
	CHECK(counted() == 1);
}

/* Held is not dropped; given up is, with all that was held */
static void t_dropped(struct frags *t)
{
	uint64_t now = 1000000;
	struct frame f;
	int i;

	give(t, 0, 5000, 0, 8, 1, now, &f);		/* older ones time out */
	counted();
	CHECK(!give(t, 0, 5000, 8, 8, 1, now, &f) && !counted());
	CHECK(give(t, 0, 5000, 16, 8, 0, now, &f) && !counted());
	frags_done(t);
	give(t, 0, 5001, 0, 16, 1, now, &f);
	CHECK(!counted());
	give(t, 0, 5001, 8, 16, 1, now, &f);
	CHECK(counted() == 2);
	give(t, 0, 5002, 0, 9, 1, now, &f);
	CHECK(counted() == 1);
	give(t, 1, 5003, 0, 8, 1, now, &f);
	give(t, 1, 5003, 8, 8, 1, now, &f);
	give(t, 1, 5003, 16, 8, 1, now + 30000, &f);
	CHECK(!counted());
	give(t, 1, 5004, 0, 8, 1, now + 30001, &f);
	CHECK(counted() == 3);
	for (i = 0; i < 16; i++)
		give(t, 1, 5100 + i, 0, 8, 1, now + 100001, &f);
	CHECK(counted() == 1);
}

/* Every prefix of a fragment: no read beyond it */
static void t_short(struct frags *t)
{
	size_t n, all;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		uint8_t b[200];

		all = v6 ? cut6(b, 1, 0, 64, 1) : cut4(b, 1, 0, 64, 1);
		for (n = 0; n < all; n++) {
			uint8_t *copy = malloc(n + 1);
			struct iovec iov = { copy, n };
			struct frame f = { .l2 = span_over(&iov, 1) }, whole;

			memcpy(copy, b, n);
			CHECK(!frags_take(t, &f, 1, &whole, &dropped));
			free(copy);
		}
	}
}

int main(void)
{
	struct frags *t = frags_init();
	unsigned seed = 1;
	size_t i;

	printf("seed %u\n", seed);
	srand(seed);
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = rand();
	t_random(t, seed);
	t_hostile(t);
	t_largest(t);
	t_dropped(t);
	t_short(t);
	return test_end("frag");
}
