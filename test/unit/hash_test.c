/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hash_test.c - published SipHash-2-4 values: key 00..0f, input 00, 01, ... */
#include "hash.h"
#include "test.h"
#include "util.h"

static const struct hash_key key = {
	{ 0x0706050403020100, 0x0f0e0d0c0b0a0908 }
};

static void t_vectors(void)
{
	static const uint64_t words[] = {
		0x0706050403020100, 0x0f0e0d0c0b0a0908,
	};
	static const uint64_t want[] = {
		0x726fdb47dd0e0e31, 0x93f5f5799a932462, 0x3f2acc7f57c29bdb,
	};
	size_t n;

	for (n = 0; n < NELEM(want); n++)
		CHECK(hash_words(&key, words, n) == want[n]);
}

/* Each bit of input and key changes about half of the result */
static void t_spread(void)
{
	uint64_t w[5] = { 1, 2, 3, 4, 5 }, base = hash_words(&key, w, 5);
	struct hash_key k = key;
	int bit, changed;

	for (bit = 0; bit < 5 * 64; bit++) {
		w[bit / 64] ^= 1ull << bit % 64;
		changed = __builtin_popcountll(base ^ hash_words(&key, w, 5));
		CHECK(changed > 8 && changed < 56);
		w[bit / 64] ^= 1ull << bit % 64;
	}
	for (bit = 0; bit < 128; bit++) {
		k.k[bit / 64] ^= 1ull << bit % 64;
		changed = __builtin_popcountll(base ^ hash_words(&k, w, 5));
		CHECK(changed > 8 && changed < 56);
		k.k[bit / 64] ^= 1ull << bit % 64;
	}
}

int main(void)
{
	t_vectors();
	t_spread();
	return test_end("hash");
}
