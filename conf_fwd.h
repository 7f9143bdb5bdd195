/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_fwd.h - port specifiers (-t, -u, -T, -U) to forwarding rules; pure */
#ifndef CONF_FWD_H
#define CONF_FWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fwd_rule.h"

/* What a specifier's meaning depends on */
struct fwd_ctx {
	uint8_t proto;			/* IPPROTO_TCP or IPPROTO_UDP */
	bool proto_off;			/* protocol disabled: only "none" passes */
	bool outbound;			/* loopback only: no addresses */
	bool can_scan;			/* "auto" is possible */
	bool v4, v6;			/* families in use */
	uint16_t eph_first, eph_last;	/* ephemeral ports of the host */
};

enum { FWD_ERR_MAX = 512, FWD_RULE_STRLEN = 192 };

/* Add the rules of @spec to @t: 0, or -EINVAL with a message in @err that
 * quotes the specifier and names what is wrong with it; @t is as before then.
 */
int conf_fwd_parse(struct fwd_table *t, const struct fwd_ctx *ctx,
		   const char *spec, char err[FWD_ERR_MAX]);

/* "TCP [192.0.2.1]%eth0:80-81  =>  10.0.0.2:8080-8081 (best effort) (auto-scan)" */
const char *conf_fwd_str(const struct fwd_rule *r, char buf[FWD_RULE_STRLEN]);

#endif
