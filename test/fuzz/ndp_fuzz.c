/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ndp_fuzz.c - neighbour discovery messages of any shape */
#include "fuzz.h"

#include <linux/if_ether.h>

#include "ndp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkt p = {
		.src = { .addr = fuzz_addr("fe80::2") },
		.dst = { .addr = fuzz_addr("ff02::2") },
		.ethertype = ETH_P_IPV6, .proto = IPPROTO_ICMPV6, .ttl = 255,
		.smac = { 2, 0, 0, 0, 0, 2 },
	};

	if (size > 2) {
		p.icmp.type = data[1];
		p.icmp.code = data[2];
	}
	if (size > 3 && data[3] & 1)
		p.src.addr = fuzz_addr("::");
	return fuzz_service(ndp_reply, p, data, size);
}

void fuzz_seeds(void)
{
	static const uint8_t solicit[] = { 9, 133, 0, 0, 0, 0, 0, 0, 0,
					   1, 1, 2, 0, 0, 0, 0, 2 };
	static const uint8_t neighbour[] = {
		9, 135, 0, 0, 0, 0, 0, 0, 0,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		1, 1, 2, 0, 0, 0, 0, 2,
	};

	fuzz_seed(solicit, sizeof(solicit));
	fuzz_seed(neighbour, sizeof(neighbour));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_write_seeds(*argc, *argv);
	return 0;
}
