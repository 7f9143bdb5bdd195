/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_tun.c - guest link over a tap device, at best with virtio-net headers
 *
 * Each read(2) and write(2) moves one frame, but with TSO and USO one frame is up to
 * 64 KiB whatever the MTU, and no checksum is computed on either side. Frames are
 * packed one behind the other in a buffer that is small enough to be still in
 * the cache when it is passed on.
 *
 * Offloads: Documentation/networking/tuntap.rst, virtio 1.2, 5.1.6.
 */
#include "link_tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "link.h"
#include "util.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

enum {
	VNET_LEN	= sizeof(struct virtio_net_hdr_mrg_rxbuf),
	FRAME_MAX	= VNET_LEN + 65535 + 18 + 64,	/* one frame, aligned */
	RX_BYTES	= 128 * 1024,	/* of one batch: more is not cached when it is sent on */
	TX_BYTES	= 512 * 1024,
	ALIGN		= 64,
	FULL_MIN = 4, FULL_MAX = 64,	/* batches in a row: the next one may be larger */
};

struct link_tun {
	struct link l;
	size_t vnet;			/* length of the header before a frame, or 0 */
	int hint, full;			/* frames worth asking for, times there were ... */
	int wait;			/* ... until more are worth a try */
	size_t stride, hdrlen;		/* of the open reservation */
	struct iovec data[LINK_BATCH];
	uint8_t rx[RX_BYTES + FRAME_MAX] __attribute__((aligned(ALIGN)));
	uint8_t tx[TX_BYTES + FRAME_MAX] __attribute__((aligned(ALIGN)));
};

static struct link_tun *tun_of(struct link *l)
{
	return (struct link_tun *)((char *)l - offsetof(struct link_tun, l));
}

/* Best set of offloads first */
static int set_offloads(int fd, unsigned *caps)
{
	static const struct { unsigned tun, caps; } sets[] = {
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN |
		  TUN_F_USO4 | TUN_F_USO6,
		  LINK_TX_CSUM | LINK_TX_TSO | LINK_TX_USO },
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		  LINK_TX_CSUM | LINK_TX_TSO },
		{ 0, LINK_TX_CSUM },
	};
	size_t i;

	for (i = 0; i < NELEM(sets); i++) {
		if (!ioctl(fd, TUNSETOFFLOAD, (unsigned long)sets[i].tun)) {
			*caps = sets[i].caps;
			return 0;
		}
	}
	return -errno;
}

int link_tun_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int link_tun_name(int fd, char name[IFNAMSIZ])
{
	struct ifreq ifr = { 0 };

	if (ioctl(fd, TUNGETIFF, &ifr))
		return -errno;
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return 0;
}

int link_tun_mac(int fd, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };

	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

static void parse_vnet(const struct virtio_net_hdr_mrg_rxbuf *m, struct offload *o)
{
	const struct virtio_net_hdr *h = &m->hdr;
	uint8_t gso = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	*o = (struct offload){ 0 };
	if (gso == VIRTIO_NET_HDR_GSO_TCPV4 || gso == VIRTIO_NET_HDR_GSO_TCPV6)
		o->gso_type = GSO_TCP;
	else if (gso == VIRTIO_NET_HDR_GSO_UDP_L4)
		o->gso_type = GSO_UDP;
	o->gso_size = o->gso_type ? h->gso_size : 0;
	o->csum_partial = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	o->csum_ok = h->flags & VIRTIO_NET_HDR_F_DATA_VALID;
	if (o->csum_partial) {
		o->csum_start = h->csum_start;
		o->csum_off = h->csum_offset;
	}
}

/* Ask for one frame where one comes at a time: no read that finds nothing; the loop
 * comes back at once when there is more. @n: frames that came
 */
static void adapt(struct link_tun *t, int n)
{
	if (n > 1)
		t->wait = FULL_MIN;
	else if (t->hint > 1)
		t->wait = MIN(2 * t->wait, FULL_MAX);
	if (n < t->hint) {
		t->hint = MAX(n, 1);
		t->full = 0;
	} else if (++t->full >= t->wait) {
		t->hint = MIN(4 * t->hint, LINK_BATCH);
	}
}

/* #syscalls read */
static int tun_rx(struct link *l, struct frame *f, int max)
{
	struct link_tun *t = tun_of(l);
	size_t off = 0;
	int n = 0;

	while (n < MIN(max, t->hint) && off < RX_BYTES) {
		struct virtio_net_hdr_mrg_rxbuf h = { 0 };
		ssize_t len = read(l->fd, t->rx + off, FRAME_MAX - ALIGN);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN && !n)
			return -errno;
		if (len < (ssize_t)MAX(t->vnet, 1u))
			break;
		if (t->vnet)
			memcpy(&h, t->rx + off, sizeof(h));
		parse_vnet(&h, &f[n].off);
		f[n].iov.iov_base = t->rx + off + t->vnet;
		f[n].iov.iov_len = len - t->vnet;
		f[n].l2 = span_over(&f[n].iov, 1);
		n++;
		off += (len + ALIGN - 1) / ALIGN * ALIGN;
	}
	if (max >= t->hint)
		adapt(t, n);
	return n;
}

static void tun_rx_done(struct link *l, int n)
{
	(void)l;
	(void)n;
}

static int tun_tx_reserve(struct link *l, struct slot *s, int n, size_t hdrlen,
			  size_t paylen)
{
	struct link_tun *t = tun_of(l);
	int i;

	t->hdrlen = hdrlen;
	t->stride = (VNET_LEN + hdrlen + paylen + ALIGN - 1) / ALIGN * ALIGN;
	if (hdrlen > LINK_HDR_MAX || t->stride > FRAME_MAX + LINK_HDR_MAX)
		return -EMSGSIZE;
	n = MIN(MIN(n, LINK_BATCH), (int)MAX(sizeof(t->tx) / t->stride, 1));
	for (i = 0; i < n; i++) {
		uint8_t *p = t->tx + i * t->stride + VNET_LEN;

		t->data[i] = (struct iovec){ p + hdrlen, paylen };
		s[i].hdr = (struct iovec){ p, hdrlen };
		s[i].data = &t->data[i];
		s[i].ndata = 1;
		s[i].len = 0;
		s[i].off = (struct offload){ 0 };
	}
	return n;
}

static void put_vnet(const struct slot *s, uint8_t *frame)
{
	struct virtio_net_hdr_mrg_rxbuf h = { 0 };
	const struct offload *o = &s->off;

	if (o->csum_partial) {
		h.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.hdr.csum_start = o->csum_start;
		h.hdr.csum_offset = o->csum_off;
	} else if (o->csum_ok) {
		h.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (o->gso_type == GSO_TCP)
		h.hdr.gso_type = frame[12] == 0x08 ? VIRTIO_NET_HDR_GSO_TCPV4 :
						     VIRTIO_NET_HDR_GSO_TCPV6;
	else if (o->gso_type == GSO_UDP)
		h.hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	if (o->gso_type) {
		h.hdr.hdr_len = s->hdr.iov_len;
		h.hdr.gso_size = o->gso_size;
	}
	memcpy(frame - VNET_LEN, &h, VNET_LEN);
}

/* #syscalls write */
static int tun_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	struct link_tun *t = tun_of(l);
	int i, sent = 0;

	(void)reserved;
	for (i = 0; i < used; i++) {
		uint8_t *frame = s[i].hdr.iov_base;
		ssize_t rc;

		put_vnet(&s[i], frame);
		do
			rc = write(l->fd, frame - t->vnet,
				   t->vnet + t->hdrlen + s[i].len);
		while (rc < 0 && errno == EINTR);
		if (rc < 0 && errno == EBADFD)
			return -EBADFD;
		if (rc < 0)		/* down, or no memory: as a wire would */
			break;
		sent++;
	}
	return sent;
}

static const struct link_ops tun_ops = {
	.name = "tun",
	.rx = tun_rx,
	.rx_done = tun_rx_done,
	.tx_reserve = tun_tx_reserve,
	.tx_commit = tun_tx_commit,
};

/* One that somebody else opened may come without header, and so without offloads */
static int set_header(struct link_tun *t, int fd)
{
	int len = VNET_LEN;
	struct ifreq ifr;

	if (ioctl(fd, TUNGETIFF, &ifr))
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI)) != (IFF_TAP | IFF_NO_PI))
		return -EMEDIUMTYPE;
	if (!(ifr.ifr_flags & IFF_VNET_HDR))
		return 0;
	if (ioctl(fd, TUNSETVNETHDRSZ, &len))
		return -errno;
	t->vnet = VNET_LEN;
	return set_offloads(fd, &t->l.caps);
}

int link_tun_init(int fd, struct link **out)
{
	static struct link_tun tun;
	int rc = set_header(&tun, fd);

	if (rc < 0)
		return rc;
	rc = fcntl(fd, F_GETFL);
	if (rc < 0 || fcntl(fd, F_SETFL, rc | O_NONBLOCK))
		return -errno;
	tun.l.ops = &tun_ops;
	tun.l.fd = fd;
	tun.l.caps |= LINK_SYNC;
	tun.l.gso_max = 65535 + 14;
	tun.hint = 1;
	tun.wait = FULL_MIN;
	*out = &tun.l;
	return 0;
}
