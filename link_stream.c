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
 * one call carries all of a turn. What the socket does not take stays where it
 * is and goes first when the socket is writable; until then no room is lent. So
 * nothing waits for a guest that does not read, and nothing is cut in the middle.
 *
 * Much at a time is lent to the socket, not copied: through a pipe, by reference. It has to
 * stay as it is until the other side has read it, so frames are laid in blocks, and
 * the first one that was read is used next: it is the most likely to be cached.
 * How many bytes were not read is what the kernel charges for them, or less. A block
 * is half of what the socket takes, so that one is filled while another is read;
 * they are so many that the socket is not found writable when there is none.
 *
 * A length that no frame can have means that we lost our place: the link is gone.
 *
 * vmsplice(2), splice(2), unix(7).
 */
#define _GNU_SOURCE
#include "link_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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
	STRIDE_MAX	= PREFIX + LINK_HDR_MAX + FRAME_MAX,
	BLOCK_MIN	= 2 * STRIDE_MAX,
	BLOCK_MAX	= 1 << 20,	/* and SO_SNDBUF, which the kernel doubles */
	BLOCKS		= 5,
	LEND_MIN	= 8 * 1024,	/* less than that costs less to copy */
};

/* Writable: a quarter of the socket's buffer is unread, at most (unix_writable()) */
static_assert((BLOCKS - 1) * (BLOCK_MIN - STRIDE_MAX) > BLOCK_MIN / 2, "no event tells of room");

struct link_stream {
	struct link l;
	size_t rx_from, rx_to;		/* received, not yet lent */
	size_t block_len;
	uint8_t *block;			/* that frames are laid in */
	size_t tx_from, tx_to;		/* in it: committed, neither sent nor in the pipe */
	bool lent;			/* something of it, since it was taken */
	int pipe[2];			/* or -1: everything is copied */
	size_t piped;			/* bytes in it */
	uint64_t sent;			/* bytes in all ... */
	uint64_t until[BLOCKS];		/* ... with the last one of each block that was left */
	bool blocked;			/* the socket did not take all of it */
	struct iovec data[LINK_BATCH];
	uint8_t rx[RX_BYTES];
	alignas(4096) uint8_t tx[BLOCKS * BLOCK_MAX];
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

/* #syscalls:passt sendto send */
static ssize_t send_copy(struct link_stream *s)
{
	ssize_t n = send(s->l.fd, s->block + s->tx_from, s->tx_to - s->tx_from,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	s->tx_from += MAX(n, 0);
	return n;
}

/* #syscalls:passt splice */
static ssize_t send_piped(struct link_stream *s)
{
	ssize_t n = splice(s->pipe[0], NULL, s->l.fd, NULL, s->piped, SPLICE_F_NONBLOCK);

	s->piped -= MAX(n, 0);
	return n;
}

/* To the empty pipe: false if it can't be
 *
 * #syscalls:passt vmsplice
 */
static bool lend(struct link_stream *s)
{
	struct iovec iov = { s->block + s->tx_from, s->tx_to - s->tx_from };
	ssize_t n;

	if (s->pipe[0] < 0 || iov.iov_len < LEND_MIN)
		return false;
	n = vmsplice(s->pipe[1], &iov, 1, SPLICE_F_NONBLOCK);
	if (n <= 0)
		return false;
	s->tx_from += n;
	s->piped = n;
	return s->lent = true;
}

/* Send what was committed; true if nothing is left
 *
 * #syscalls:passt shutdown
 */
static bool stream_tx_flush(struct link *l)
{
	struct link_stream *s = stream_of(l);
	ssize_t n = 0;

	while (n >= 0 && (s->piped || s->tx_from != s->tx_to)) {
		n = s->piped || lend(s) ? send_piped(s) : send_copy(s);
		s->sent += MAX(n, 0);
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	if (n < 0 && errno == EPIPE)	/* it will never read again: end it */
		shutdown(l->fd, SHUT_RDWR);
	s->blocked = n < 0;
	if (!s->blocked && !s->lent)
		s->tx_from = s->tx_to = 0;
	return !s->blocked;
}

/* All was sent, the block is full: take one that was read, if there is one
 *
 * #syscalls:passt ioctl
 */
static void next_block(struct link_stream *s)
{
	int i, unread;

	s->until[(s->block - s->tx) / s->block_len] = s->sent;
	if (ioctl(s->l.fd, SIOCOUTQ, &unread))
		return;
	for (i = 0; i < BLOCKS; i++) {
		if (s->until[i] + unread > s->sent)
			continue;
		s->block = s->tx + i * s->block_len;
		s->tx_from = s->tx_to = 0;
		s->lent = false;
		return;
	}
}

/* Room for frames of @stride bytes behind what waits to be sent: how many */
static size_t room(const struct link_stream *s, size_t stride)
{
	return (s->block_len - s->tx_to) / stride;
}

static int stream_tx_reserve(struct link *l, struct slot *slots, int n, size_t hdrlen,
			     size_t paylen)
{
	struct link_stream *s = stream_of(l);
	size_t stride = PREFIX + MAX(hdrlen + paylen, FRAME_PAD);
	int i;

	if (hdrlen > LINK_HDR_MAX || stride > STRIDE_MAX)
		return -EMSGSIZE;
	if (s->blocked || l->fd < 0)
		return 0;
	if (!room(s, stride)) {
		if (!stream_tx_flush(l))
			return 0;
		if (s->lent)
			next_block(s);
	}
	n = MIN(MIN(n, LINK_BATCH), (int)room(s, stride));
	for (i = 0; i < n; i++) {
		uint8_t *p = s->block + s->tx_to + i * stride + PREFIX;

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
	uint8_t *to = s->block + s->tx_to, *frame = slot->hdr.iov_base;
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

/* What was lent to an earlier peer must not change for it, however long it keeps that: fresh
 * pages or nothing is lent. Nor is it to a socket that does not tell what was not read.
 *
 * #syscalls:passt madvise pipe2 fcntl fcntl64
 */
static void open_pipe(struct link_stream *s)
{
	int domain, flags = fcntl(s->l.fd, F_GETFL);
	socklen_t len = sizeof(domain);

	if (getsockopt(s->l.fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    domain != AF_UNIX || flags < 0 ||
	    fcntl(s->l.fd, F_SETFL, flags | O_NONBLOCK) ||
	    madvise(s->tx, sizeof(s->tx), MADV_DONTNEED) ||
	    pipe2(s->pipe, O_NONBLOCK | O_CLOEXEC))
		return;
	fcntl(s->pipe[1], F_SETPIPE_SZ, BLOCK_MAX);	/* or smaller pieces */
}

static void init_tx(struct link_stream *s)
{
	int size = BLOCK_MAX;
	socklen_t len = sizeof(size);

	setsockopt(s->l.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	getsockopt(s->l.fd, SOL_SOCKET, SO_SNDBUF, &size, &len);
	s->block_len = MAX(MIN(size / 2, BLOCK_MAX), BLOCK_MIN);
	s->block = s->tx;
	s->tx_from = s->tx_to = s->piped = 0;
	s->blocked = s->lent = false;
	s->sent = 0;
	memset(s->until, 0, sizeof(s->until));
	s->pipe[0] = s->pipe[1] = -1;
}

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
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &max, sizeof(max));
	link_stream_detach(l);
	s->rx_from = s->rx_to = 0;
	l->more = false;
	l->fd = fd;
	init_tx(s);
	open_pipe(s);
	return 0;
}

/* #syscalls:passt close */
void link_stream_detach(struct link *l)
{
	struct link_stream *s = stream_of(l);

	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
	if (s->pipe[0] < 0)
		return;
	close(s->pipe[0]);
	close(s->pipe[1]);
}
