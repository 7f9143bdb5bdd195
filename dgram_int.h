/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram_int.h - batches of datagrams: storage shared by the files of this family
 *
 * Needs _GNU_SOURCE for struct mmsghdr.
 */
#ifndef DGRAM_INT_H
#define DGRAM_INT_H

#include <sys/socket.h>

#include "dgram_cut.h"
#include "link.h"
#include "sock.h"

enum {
	DGRAM_BATCH	= 32,		/* received by one call */
	DGRAM_SPILL	= 65536,	/* largest payload, rounded up */
};

struct dgram_state {
	struct mmsghdr mm[LINK_BATCH];
	union sock_ctl ctl[LINK_BATCH];
	union sockaddr_any name;	/* of a datagram's peer */
	struct addr peer;		/* ... as the guest sees it */
	struct cut cuts[DGRAM_BATCH];	/* what did not fit the guest's MTU */
	uint32_t frag_id;
	unsigned timeout, timeout_stream;	/* UDP: ms */
	bool ping_warned;
	uint8_t spill[DGRAM_BATCH][DGRAM_SPILL];
};

#endif
