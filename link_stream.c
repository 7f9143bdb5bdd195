/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_stream.c - guest link over a stream socket, as of QEMU's -netdev stream
 *
 * On the socket, either way, each frame follows its length, four bytes in network
 * byte order.
 *
 * From the guest: one recv() takes what there is, frames are lent where they
 * lie, and what is left of the last one moves to the front of the buffer before the
 * next recv(). Frames in hand, for which no event will come, show as @more.
 *
 * To the guest: frames are laid one behind the other, gaps closed on commit, so that
 * one send() carries all of a turn. What the socket does not take stays where it
 * is and goes first when the socket is writable; until then no room is lent. So
 * nothing waits for a guest that does not read, and nothing is cut in the middle.
 *
 * A length that no frame can have means that we lost our place: the link is gone.
 */
#include "link_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "util.h"

enum {
	PREFIX		= sizeof(uint32_t),
	FRAME_MIN	= 14,		/* from the guest: an Ethernet header */
	FRAME_PAD	= 60,		/* to the guest: what a wire would carry */
	FRAME_MAX	= 65535,
	RX_BYTES	= 512 * 1024,	/* small enough to stay in the cache */
	TX_BYTES	= 512 * 1024,
};

struct link_stream {
	struct link l;
	size_t rx_from, rx_to;		/* received, not yet lent */
	size_t tx_from, tx_to;		/* committed, not yet sent */
	size_t stride;			/* of the open reservation */
	bool blocked;			/* the socket did not take all of it */
	struct iovec data[LINK_BATCH];
	uint8_t rx[RX_BYTES];
	uint8_t tx[TX_BYTES];
};

static struct link_stream *stream_of(struct link *l)
{
	return (struct link_stream *)((char *)l - offsetof(struct link_stream, l));
}

/* Length of the frame that comes next if all of it is here, 0 if not, or -EPROTO */
static int next_len(const struct link_stream *s)
{
	size_t have = s->rx_to - s->rx_from;
	uint32_t len;

	if (have < PREFIX)
		return 0;
	memcpy(&len, s->rx + s->rx_from, sizeof(len));
	len = ntohl(len);
	if (len < FRAME_MIN || len > FRAME_MAX)
		return -EPROTO;
	return have - PREFIX < len ? 0 : (int)len;
}

/* Receive behind what is left of a frame: 0 or -errno
 *
 * #syscalls:passt recvfrom recv
 */
static int fill(struct link_stream *s)
{
	size_t left = s->rx_to - s->rx_from;
	ssize_t n;

	memmove(s->rx, s->rx + s->rx_from, left);
	s->rx_from = 0;
	s->rx_to = left;
	do
		n = recv(s->l.fd, s->rx + left, sizeof(s->rx) - left, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ECONNRESET;
	s->rx_to += n;
	return 0;
}

static int stream_rx(struct link *l, struct frame *f, int max)
{
	struct link_stream *s = stream_of(l);
	int n = 0, len = next_len(s);

	if (!len) {
		int rc = fill(s);

		if (rc < 0)
			return rc;
		len = next_len(s);
	}
	for (; len > 0 && n < max; n++, len = next_len(s)) {
		f[n].iov = (struct iovec){ s->rx + s->rx_from + PREFIX, len };
		f[n].l2 = span_over(&f[n].iov, 1);
		f[n].off = (struct offload){ 0 };
		s->rx_from += PREFIX + len;
	}
	l->more = len;
	return n || len >= 0 ? n : len;
}

static void stream_rx_done(struct link *l, int n)
{
	(void)l;
	(void)n;
}

/* Send what was committed; true if nothing is left
 *
 * #syscalls:passt sendto send shutdown
 */
static bool stream_tx_flush(struct link *l)
{
	struct link_stream *s = stream_of(l);
	size_t left = s->tx_to - s->tx_from;
	ssize_t n = 0;

	if (left) {
		do
			n = send(l->fd, s->tx + s->tx_from, left,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno == EPIPE)	/* it will never read again: end it */
			shutdown(l->fd, SHUT_RDWR);
		s->tx_from += MAX(n, 0);
	}
	s->blocked = s->tx_from != s->tx_to;
	if (!s->blocked)
		s->tx_from = s->tx_to = 0;
	return !s->blocked;
}

/* Room for frames of @stride bytes behind what waits to be sent: how many */
static size_t room(const struct link_stream *s, size_t stride)
{
	return (sizeof(s->tx) - s->tx_to) / stride;
}

static int stream_tx_reserve(struct link *l, struct slot *slots, int n, size_t hdrlen,
			     size_t paylen)
{
	struct link_stream *s = stream_of(l);
	size_t stride = PREFIX + MAX(hdrlen + paylen, FRAME_PAD);
	int i;

	if (hdrlen > LINK_HDR_MAX || stride > sizeof(s->tx))
		return -EMSGSIZE;
	if (s->blocked || l->fd < 0 || (!room(s, stride) && !stream_tx_flush(l)))
		return 0;
	n = MIN(MIN(n, LINK_BATCH), (int)room(s, stride));
	for (i = 0; i < n; i++) {
		uint8_t *p = s->tx + s->tx_to + i * stride + PREFIX;

		s->data[i] = (struct iovec){ p + hdrlen, paylen };
		slots[i].hdr = (struct iovec){ p, hdrlen };
		slots[i].data = &s->data[i];
		slots[i].ndata = 1;
		slots[i].len = 0;
		slots[i].off = (struct offload){ 0 };
	}
	return n;
}

/* Put the frame in @slot behind those committed, with its length in front */
static void append(struct link_stream *s, const struct slot *slot)
{
	uint8_t *to = s->tx + s->tx_to, *frame = slot->hdr.iov_base;
	size_t len = slot->hdr.iov_len + slot->len;
	uint32_t prefix;

	if (frame != to + PREFIX)
		memmove(to + PREFIX, frame, len);
	if (len < FRAME_PAD) {
		memset(to + PREFIX + len, 0, FRAME_PAD - len);
		len = FRAME_PAD;
	}
	prefix = htonl(len);
	memcpy(to, &prefix, sizeof(prefix));
	s->tx_to += PREFIX + len;
}

static int stream_tx_commit(struct link *l, struct slot *slots, int used, int reserved)
{
	int i;

	(void)reserved;
	for (i = 0; i < used; i++)
		append(stream_of(l), &slots[i]);
	return used;
}

static const struct link_ops stream_ops = {
	.name = "stream",
	.rx = stream_rx,
	.rx_done = stream_rx_done,
	.tx_reserve = stream_tx_reserve,
	.tx_commit = stream_tx_commit,
	.tx_flush = stream_tx_flush,
};

struct link *link_stream_init(void)
{
	static struct link_stream stream;

	stream.l.ops = &stream_ops;
	stream.l.fd = -1;
	stream.l.gso_max = FRAME_MAX;
	return &stream.l;
}

/* #syscalls:passt getsockopt setsockopt */
int link_stream_attach(struct link *l, int fd)
{
	struct link_stream *s = stream_of(l);
	int type, max = INT_MAX / 2;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return -errno;
	if (type != SOCK_STREAM)
		return -EPROTOTYPE;
	/* Cut by the kernel to what is allowed */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &max, sizeof(max));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &max, sizeof(max));
	link_stream_detach(l);
	s->rx_from = s->rx_to = s->tx_from = s->tx_to = 0;
	s->blocked = false;
	l->more = false;
	l->fd = fd;
	return 0;
}

/* #syscalls:passt close */
void link_stream_detach(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
