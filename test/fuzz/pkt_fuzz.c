/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkt_fuzz.c - frames of any shape through the parser: what comes out lies inside them */
#include "fuzz.h"

#include "util.h"
#include "../unit/frames.h"

static size_t read_all(struct span s)
{
	size_t n = 0;

	while (s.left) {
		span_get8(&s);
		n++;
	}
	return s.bad ? (size_t)-1 : n;
}

/* Flags, where it is cut, then the frame */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f = { 0 };
	struct iovec iov[2];
	struct pkt p;
	size_t cut;
	uint8_t *a, *b;

	if (size < 8)
		return 0;
	f.off.csum_ok = data[0] & 1;
	f.off.csum_partial = data[0] & 2;
	f.off.gso_type = data[0] >> 2 & 3;
	f.off.gso_size = data[1] << 8 | data[2];
	f.off.csum_start = data[3];
	f.off.csum_off = data[4];
	cut = data[5] % (size - 5);
	data += 6;
	size -= 6;
	cut = MIN(cut, size);
	a = malloc(cut + !cut);
	b = malloc(size - cut + 1);
	memcpy(a, data, cut);
	memcpy(b, data + cut, size - cut);
	iov[0] = (struct iovec){ a, cut };
	iov[1] = (struct iovec){ b, size - cut };
	f.l2 = span_over(iov, 2);
	if (pkt_parse(&p, &f) == DROP_NONE) {
		if (p.l3.left > size || read_all(p.l3) != p.l3.left)
			abort();
		if (p.proto && (read_all(p.l4) != p.l4.left || p.l4.left > p.l3.left ||
				read_all(p.data) != p.data.left ||
				p.data.left > p.l4.left))
			abort();
		if (p.proto == IPPROTO_TCP && (p.tcp.opts.left > 40 ||
					       read_all(p.tcp.opts) != p.tcp.opts.left))
			abort();
	}
	free(a);
	free(b);
	return 0;
}

void fuzz_seeds(void)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
					  IPPROTO_ICMPV6 };
	static struct raw r;
	static uint8_t seed[2048];
	size_t i;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		for (i = 0; i < NELEM(protos); i++) {
			make(&r, v6, protos[i], 40);
			memcpy(seed, "\0\0\0\0\0\024", 6);
			memcpy(seed + 6, r.b, r.len);
			fuzz_seed(seed, r.len + 6);
			seed[0] = 1;
			fuzz_seed(seed, r.len + 6);
		}
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_write_seeds(*argc, *argv);
	return 0;
}
