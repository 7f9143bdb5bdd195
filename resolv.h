/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolv.h - name servers and search list of the host, from resolv.conf(5) */
#ifndef RESOLV_H
#define RESOLV_H

#include "addr.h"
#include "conf.h"

enum { RESOLV_SERVERS_MAX = 16 };

struct resolv {
	struct addr servers[RESOLV_SERVERS_MAX];	/* in order, no scope */
	int server_count;
	char search[CONF_SEARCH_MAX][NAME_LEN_MAX];	/* no trailing dot */
	int search_count;
};

/* Fill @out from @text, which ends in NUL. What can't be used (an address that is
 * none, a name too long, more than there is room for) is left out; nothing in a
 * file is an error.
 */
void resolv_parse(const char *text, struct resolv *out);

/* The same for the file @path: 0, or -errno with @out empty */
int resolv_read(const char *path, struct resolv *out);

#endif
