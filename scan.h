/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan.h - who listens in a network namespace, now */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* A socket that waits for peers: TCP in LISTEN, UDP not connected */
struct scan_sock {
	struct addr addr;		/* bound to, or any */
	uint16_t port;
	uint8_t proto;			/* IPPROTO_TCP or IPPROTO_UDP */
	bool dual;			/* at "::", takes IPv4 as well */
	unsigned ifindex;		/* bound to this device, or 0 */
};

enum { SCAN_PROTOS = 2 };		/* TCP, UDP */

/* What it takes to look into a namespace from outside */
struct scan {
	int diag;			/* sock_diag(7) socket, or -1: */
	int proc[SCAN_PROTOS][IPVERS];	/* ... these files of /proc/net, or -1 */
	int devices, packet;		/* likewise, for scan_is_leaf() */
	int counts[IPVERS];		/* ... for scan_counts() */
	uint32_t seq;			/* of the last request */
};

/* In the namespace that is to be looked at, while there is a /proc: 0, or -errno
 * if nothing works
 */
int scan_open(struct scan *s);

/* Likewise, without sock_diag */
int scan_open_proc(struct scan *s);

/* Call @fn for each of them, UDP only if @udp: 0 or -errno. Sockets that come or go
 * meanwhile may be missed or not.
 */
typedef void scan_fn(void *ctx, const struct scan_sock *sk);
int scan_run(struct scan *s, bool udp, scan_fn *fn, void *ctx);

/* A hash of the numbers of sockets there are: if it stays, so do those that scan_run()
 * finds, unless as many came as went; 0: not known
 */
uint64_t scan_counts(struct scan *s);

/* Is it certain that only sockets of the namespace itself answer to what is sent there? Not
 * if it has more devices than loopback and one other, to which it may pass things
 * on, or packet sockets, which a network stack in user space would have.
 */
bool scan_is_leaf(struct scan *s);

/* One answer of sock_diag, @len bytes with its header; one line of /proc/net/{tcp,udp}*.
 * False: none of interest
 */
bool scan_parse_diag(const void *msg, size_t len, uint8_t proto, struct scan_sock *out);
bool scan_parse_proc(const char *line, uint8_t proto, struct scan_sock *out);

#endif
