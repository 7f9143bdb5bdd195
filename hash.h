/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hash.h - SipHash-2-4, keyed: guests and peers can't aim at collisions */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key { uint64_t k[2]; };

static inline uint64_t hash_rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = hash_rotl(v[1], 13) ^ v[0];
	v[3] = hash_rotl(v[3], 16) ^ v[2];
	v[0] = hash_rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = hash_rotl(v[1], 17) ^ v[2];
	v[3] = hash_rotl(v[3], 21) ^ v[0];
	v[2] = hash_rotl(v[2], 32);
}

/* Hash of @n whole 64-bit words. The last word may hold the padding and the
 * length if the input is not a multiple of eight bytes; equal keys only ever
 * compare inputs of the same @n.
 */
static inline uint64_t hash_words(const struct hash_key *key,
				  const uint64_t *w, size_t n)
{
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
		key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573,
	};
	size_t i;

	for (i = 0; i <= n; i++) {
		uint64_t m = i < n ? w[i] : (uint64_t)n << 59;

		v[3] ^= m;
		hash_round(v);
		hash_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
