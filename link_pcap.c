/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: link_pcap.c - copy what passes a guest link to a file, whatever the back-end
 *
 * The back-end keeps its `struct link`; only its table of functions is replaced, by one
 * that captures and passes on. Whoever holds the link notices nothing, and
 * ending the capture is putting back the old table.
 *
 * Frames are written as they pass: super-frames whole, checksums that one party leaves
 * to the other as they are. Those to the guest are written before the back-end gets them
 * (afterwards they are no longer ours), so that a frame that it drops is there too.
 * Each batch is one system call, and the file ends with a whole frame, always.
 *
 * The format is that of draft-ietf-opsawg-pcap, with numbers in our byte order.
 */
#include "link_pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "link.h"
#include "log.h"
#include "util.h"

enum {
	MAGIC		= 0xa1b2c3d4,	/* times in microseconds */
	SNAPLEN		= 262144,	/* more than any frame has */
	ETHERNET	= 1,		/* LINKTYPE_ETHERNET */
	PIECES		= 1024,		/* as many as writev(2) takes */
	PIECES_FRAME	= 64,		/* room for those of a frame, usually */
};

struct file_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2];
	uint32_t snaplen, linktype;
};

struct frame_head {
	uint32_t sec, usec;
	uint32_t captured, len;
};

struct link_pcap {
	struct link_ops ops;		/* in place of ... */
	const struct link_ops *inner;	/* ... these */
	int fd;
	off_t size;			/* of what is complete in the file */
	struct timespec when;		/* of this batch */
	size_t bytes;			/* of this batch */
	int frames, pieces;
	struct frame_head heads[LINK_BATCH];
	struct iovec iov[PIECES];
};

/* The functions are called with the link, whose table is ours */
static struct link_pcap *pcap_of(const struct link *l)
{
	return (struct link_pcap *)((uintptr_t)l->ops - offsetof(struct link_pcap, ops));
}

static void put_piece(struct link_pcap *p, void *base, size_t len)
{
	if (!len || p->pieces == PIECES)
		return;
	p->iov[p->pieces++] = (struct iovec){ base, len };
	p->bytes += len;
}

/* No more capture, and no part of a frame at the end of the file
 * #syscalls ftruncate ftruncate64 close
 */
static void stop(struct link *l, struct link_pcap *p, int err)
{
	log_warn("The capture ends here, its file can't be written: %s", err_str(err));
	if (ftruncate(p->fd, p->size))
		log_debug("the capture may end within a frame: %s", err_str(errno));
	close(p->fd);
	l->ops = p->inner;
}

/* Write the batch: true, or false if capturing has ended
 * #syscalls writev
 */
static bool write_batch(struct link *l, struct link_pcap *p)
{
	ssize_t n = 0;

	if (p->pieces)
		n = writev(p->fd, p->iov, p->pieces);
	if (n != (ssize_t)p->bytes) {
		stop(l, p, n < 0 ? errno : ENOSPC);
		return false;
	}
	p->size += n;
	p->bytes = 0;
	p->frames = p->pieces = 0;
	return true;
}

static void begin_batch(struct link_pcap *p)
{
	clock_gettime(CLOCK_REALTIME, &p->when);
	p->bytes = 0;
	p->frames = p->pieces = 0;
}

/* Head of a frame, to be completed; NULL if capturing has ended */
static struct frame_head *begin_frame(struct link *l, struct link_pcap *p)
{
	struct frame_head *h;

	if (p->frames == LINK_BATCH || p->pieces > PIECES - PIECES_FRAME)
		if (!write_batch(l, p))
			return NULL;
	h = &p->heads[p->frames++];
	h->sec = (uint32_t)p->when.tv_sec;
	h->usec = (uint32_t)(p->when.tv_nsec / 1000);
	put_piece(p, h, sizeof(*h));
	return h;
}

static bool put_frame(struct link *l, struct link_pcap *p, const struct frame *f)
{
	struct frame_head *h = begin_frame(l, p);
	const struct iovec *v = f->l2.iov;
	size_t start = p->bytes, off = f->l2.off, left = f->l2.left, n;

	if (!h)
		return false;
	for (; left; left -= n, off = 0, v++) {
		n = MIN(v->iov_len - off, left);
		put_piece(p, (char *)v->iov_base + off, n);
	}
	h->captured = (uint32_t)(p->bytes - start);
	h->len = f->l2.left;
	return true;
}

static bool put_slot(struct link *l, struct link_pcap *p, const struct slot *s)
{
	struct frame_head *h = begin_frame(l, p);
	size_t start = p->bytes, left = s->len, n;
	int i;

	if (!h)
		return false;
	put_piece(p, s->hdr.iov_base, s->hdr.iov_len);
	for (i = 0; left && i < s->ndata; i++, left -= n) {
		n = MIN(s->data[i].iov_len, left);
		put_piece(p, s->data[i].iov_base, n);
	}
	h->captured = (uint32_t)(p->bytes - start);
	h->len = (uint32_t)(s->hdr.iov_len + s->len);
	return true;
}

static int pcap_rx(struct link *l, struct frame *f, int max)
{
	struct link_pcap *p = pcap_of(l);
	int i, n = p->inner->rx(l, f, max);

	if (n <= 0)
		return n;
	begin_batch(p);
	for (i = 0; i < n; i++)
		if (!put_frame(l, p, &f[i]))
			return n;
	write_batch(l, p);
	return n;
}

static int pcap_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	struct link_pcap *p = pcap_of(l);
	int i;

	begin_batch(p);
	for (i = 0; i < used && put_slot(l, p, &s[i]); i++)
		;
	if (i == used)
		write_batch(l, p);
	return p->inner->tx_commit(l, s, used, reserved);
}

int link_pcap_open(const char *path)
{
	struct file_head h = {
		.magic = MAGIC, .major = 2, .minor = 4,
		.snaplen = SNAPLEN, .linktype = ETHERNET,
	};
	int rc, fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (write(fd, &h, sizeof(h)) == sizeof(h))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void link_pcap_wrap(struct link *l, int fd)
{
	static struct link_pcap pcap;

	pcap.fd = fd;
	pcap.size = sizeof(struct file_head);
	pcap.inner = l->ops;
	pcap.ops = *l->ops;
	pcap.ops.rx = pcap_rx;
	pcap.ops.tx_commit = pcap_tx_commit;
	l->ops = &pcap.ops;
}
