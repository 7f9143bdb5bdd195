/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h - what the harnesses share: entry points, seeds, a configuration
 *
 * Run with "--seeds DIRECTORY", a harness writes its seed corpus there and ends.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "pkt.h"
#include "worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Of each harness: write its seeds with fuzz_seed() */
void fuzz_seeds(void);

static inline void fuzz_seed(const void *data, size_t size)
{
	static int count;
	char name[32];
	FILE *f;

	snprintf(name, sizeof(name), "seed%03d", count++);
	f = fopen(name, "w");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f))
		abort();
}

static inline void fuzz_write_seeds(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "--seeds"))
		return;
	if (chdir(argv[2]))
		abort();
	fuzz_seeds();
	exit(0);
}

static inline struct addr fuzz_addr(const char *s)
{
	struct addr a = { 0 };

	addr_parse(s, &a);
	return a;
}

static inline void fuzz_conf(struct conf *cf)
{
	memset(cf, 0, sizeof(*cf));
	memcpy(cf->our_mac, "\2\0\0\0\0\1", 6);
	cf->mtu = 1500;
	cf->dhcp_dns = cf->dhcp_search = true;
	cf->net[V4] = (struct net_conf){
		.enabled = true, .addr = fuzz_addr("192.0.2.15"), .plen = 24,
		.gw = fuzz_addr("192.0.2.1"), .our = fuzz_addr("192.0.2.1"),
		.map_host_loopback = fuzz_addr("192.0.2.1"),
		.dns = { fuzz_addr("192.0.2.3") }, .dns_count = 1,
	};
	cf->net[V6] = (struct net_conf){
		.enabled = true, .addr = fuzz_addr("2001:db8::15"), .plen = 64,
		.gw = fuzz_addr("fe80::1"), .our = fuzz_addr("fe80::1"),
		.map_host_loopback = fuzz_addr("2001:db8::1"),
		.dns = { fuzz_addr("2001:db8::3") }, .dns_count = 1,
	};
	strcpy(cf->search[0], "example.org");
	cf->search_count = 1;
	strcpy(cf->hostname, "guest");
}

/* A message to one of the services, at @p->data, l4 and l3, cut in two */
typedef size_t fuzz_reply_fn(const struct conf *cf, const struct guest *g,
			     const struct pkt *p, uint8_t *out, size_t max);

static inline int fuzz_service(fuzz_reply_fn *fn, struct pkt p, const uint8_t *data,
			       size_t size)
{
	static struct conf cf;
	static struct guest g;
	struct iovec iov[2];
	size_t len, cut, max = 1514;
	uint8_t *a, *b, *out;

	if (!cf.mtu)
		fuzz_conf(&cf);
	if (!size)
		return 0;
	cut = data[0] % size;
	data++;
	size--;
	a = malloc(cut + 1);
	b = malloc(size - cut + 1);
	out = malloc(max);
	memcpy(a, data, cut);
	memcpy(b, data + cut, size - cut);
	iov[0] = (struct iovec){ a, cut };
	iov[1] = (struct iovec){ b, size - cut };
	p.data = p.l4 = p.l3 = span_over(iov, 2);
	len = fn(&cf, &g, &p, out, max);
	if (len > max)
		abort();
	free(a);
	free(b);
	free(out);
	return 0;
}

#endif
