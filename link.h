/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.h - the guest-link contract: lend, fill, commit
 *
 * Written once; no protocol knows which back-end it talks to. Frames from the
 * guest are lent until rx_done(). Towards the guest the link lends room before a
 * socket is read, so that recvmsg() puts the payload where the frame goes;
 * headers go in afterwards. What a back-end can take over from us is data
 * (@caps, @gso_max), never a question about its kind.
 *
 * A back-end owns the `struct link` that it embeds and all buffers. One indirect
 * call per batch.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "span.h"

/* Frames of one batch, either way */
#define LINK_BATCH	128

/* Largest header that may be asked of tx_reserve(): Ethernet, IPv6, TCP with
 * all options, or a whole small frame of a service
 */
#define LINK_HDR_MAX	128

enum {
	LINK_TX_CSUM	= 1 << 0,	/* guest takes csum_partial frames */
	LINK_TX_TSO	= 1 << 1,	/* ... and TCP super-frames, v4 and v6 */
	LINK_TX_USO	= 1 << 2,	/* ... and UDP super-frames, v4 and v6 */
	LINK_SYNC	= 1 << 3,	/* its stack's answer is there after tx_commit() */
};

enum gso_type { GSO_NONE, GSO_TCP, GSO_UDP };

struct offload {			/* work that one party left to the other */
	uint16_t gso_size;		/* payload bytes of each segment */
	uint16_t csum_start, csum_off;	/* from the Ethernet header */
	uint8_t gso_type;		/* enum gso_type */
	bool csum_partial;		/* field holds the pseudo header's sum only */
	bool csum_ok;			/* verified, or never left this machine */
};

struct frame {				/* from the guest, with its Ethernet header */
	struct iovec iov;		/* used by @l2 where the frame is contiguous */
	struct span l2;
	struct offload off;
};

struct slot {				/* room for one frame to the guest */
	struct iovec hdr;		/* contiguous; iov_len as asked */
	struct iovec *data;		/* payload goes here: as much as was asked */
	int ndata;
	size_t len;			/* payload used: set before commit */
	struct offload off;		/* zeroed by tx_reserve() */
};

struct link;

struct link_ops {
	const char *name;

	/* Take up to @max frames, valid until rx_done(). Number of frames, 0 if there
	 * are none now, -errno if the link is gone.
	 */
	int (*rx)(struct link *l, struct frame *f, int max);

	/* The @n frames of the last rx() are no longer needed */
	void (*rx_done)(struct link *l, int n);

	/* Lend room for up to @n frames of @hdrlen header bytes (at most
	 * LINK_HDR_MAX) and up to @paylen payload bytes each. How many, possibly 0
	 * (the guest does not read; retry on the link's next event); -EMSGSIZE if
	 * no frame can be that large. At most one reservation is open at a time.
	 */
	int (*tx_reserve)(struct link *l, struct slot *s, int n, size_t hdrlen,
			  size_t paylen);

	/* Send the first @used of the @reserved slots, give back the rest. Number of
	 * frames sent or queued by the link, in order, the others are dropped; -errno
	 * if the link is gone.
	 */
	int (*tx_commit)(struct link *l, struct slot *s, int used, int reserved);

	/* End of a turn: what was committed and is queued leaves now. False if some of it
	 * can't (no room is lent meanwhile; retry on the link's next event). NULL if
	 * tx_commit() queues nothing.
	 */
	bool (*tx_flush)(struct link *l);
};

struct link {
	const struct link_ops *ops;
	unsigned caps;			/* LINK_*: negotiated, never guessed */
	uint32_t gso_max;		/* largest payload + headers of one frame */
	int fd;				/* to wait on: readable or writable */
	bool more;			/* rx() again: no event comes for what it has */
};

#endif
