/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dhcpv6_fuzz.c - DHCPv6 messages of any shape */
#include "fuzz.h"

#include <linux/if_ether.h>

#include "dhcpv6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkt p = {
		.src = { fuzz_addr("fe80::2"), 546 },
		.dst = { fuzz_addr("ff02::1:2"), 547 },
		.ethertype = ETH_P_IPV6, .proto = IPPROTO_UDP,
		.smac = { 2, 0, 0, 0, 0, 2 },
	};

	return fuzz_service(dhcpv6_reply, p, data, size);
}

void fuzz_seeds(void)
{
	static uint8_t solicit[] = {
		5, 1, 1, 2, 3,
		0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 2,
		0, 6, 0, 4, 0, 23, 0, 24,
		0, 8, 0, 2, 0, 0,
		0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	static const uint8_t types[] = { 1, 3, 4, 5, 6, 8, 9, 11 };
	size_t i;

	for (i = 0; i < sizeof(types); i++) {
		solicit[1] = types[i];
		fuzz_seed(solicit, sizeof(solicit));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_write_seeds(*argc, *argv);
	return 0;
}
