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
	DGRAM_BATCH	= 64,		/* received by one call */
	DGRAM_TTL	= 64,		/* of new sockets, and where none is told */
	DGRAM_SPILL	= 65536,	/* largest payload, rounded up */
};

struct dgram_state {
	struct mmsghdr mm[LINK_BATCH];
	union sock_ctl ctl[LINK_BATCH];
	union sockaddr_any names[DGRAM_BATCH];	/* of datagrams' peers */
	struct sock_meta meta[DGRAM_BATCH];
	struct cut cuts[DGRAM_BATCH];	/* what did not fit a frame */
	uint32_t frag_id;
	unsigned timeout, timeout_stream;	/* UDP: ms */
	bool ping_warned;
	uint8_t spill[DGRAM_BATCH][DGRAM_SPILL];
};

#endif
