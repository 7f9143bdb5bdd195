/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fwd_rule.h - which ports are forwarded, as plain data
 *
 * Made from port specifiers by conf_fwd.c, read by the rooms that listen.
 * Two tables: inbound (host to guest) and outbound (loopback of the
 * namespace to loopback of the host).
 */
#ifndef FWD_RULE_H
#define FWD_RULE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

enum {
	FWD_RULES_MAX = 255,
	FWD_PORTS_MAX = 327680,		/* of all rules of a table */
};

/* A range of ports, one listening socket each */
struct fwd_rule {
	struct addr listen;		/* 0.0.0.0 or "::": any of that family */
	struct addr target;		/* "::": the guest's own */
	char ifname[IFNAMSIZ];		/* device to listen on, or "" */
	uint16_t first, last;		/* ports to listen on */
	uint16_t target_first;		/* where the first one goes */
	uint8_t proto;			/* IPPROTO_TCP or IPPROTO_UDP */
	bool dual;			/* listen is "::" and takes IPv4 too */
	bool weak;			/* a port that can't be had is no failure */
	bool scan;			/* only while something listens at the target */
};

struct fwd_table {
	int count;
	struct fwd_rule rules[FWD_RULES_MAX];
};

static inline uint16_t fwd_rule_target(const struct fwd_rule *r, uint16_t port)
{
	return (uint16_t)(r->target_first + (port - r->first));
}

#endif
