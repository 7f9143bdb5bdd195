/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dhcp_fuzz.c - DHCP messages of any shape */
#include "fuzz.h"

#include <linux/if_ether.h>

#include "dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkt p = {
		.src = { fuzz_addr("0.0.0.0"), 68 },
		.dst = { fuzz_addr("255.255.255.255"), 67 },
		.ethertype = ETH_P_IP, .proto = IPPROTO_UDP, .smac = { 2, 0, 0, 0, 0, 2 },
	};

	return fuzz_service(dhcp_reply, p, data, size);
}

void fuzz_seeds(void)
{
	static uint8_t m[301] = { 10, 1, 1, 6, 0, 1, 2, 3, 4 };
	static const uint8_t opts[] = {
		99, 130, 83, 99, 53, 1, 1, 61, 7, 1, 2, 0, 0, 0, 0, 2,
		55, 4, 1, 3, 6, 119, 12, 1, 'a', 255,
	};

	memcpy(m + 1 + 236, opts, sizeof(opts));
	fuzz_seed(m, sizeof(m));
	m[1 + 236 + 6] = 3;
	fuzz_seed(m, sizeof(m));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_write_seeds(*argc, *argv);
	return 0;
}
