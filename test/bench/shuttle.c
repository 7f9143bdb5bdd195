/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shuttle.c - stands in for a virtual machine: frames between passt and a tap device
 *
 *	shuttle PATH DEVICE
 *
 * Connects to the UNIX domain socket at PATH and attaches to the tap DEVICE, which it creates
 * if need be, in the network namespace that it runs in. The kernel's stack behind it is
 * the guest. No offloads towards passt, as for a network card of QEMU on a stream socket.
 * What comes from passt is treated as by the driver of a network card: segments of a
 * connection that came together reach the stack as one, once their checksums
 * were found right (GRO); else what is measured would be the tap device. Ends when
 * passt does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/tcp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	PREFIX = 4, FRAME_MAX = 65535, BUF = 256 * 1024,
	ETH = 14, IP4 = 20, IP6 = 40, MERGE_MAX = 64, OPTS_MAX = 40,
};

struct pipe {			/* one direction: bytes [from, to) of buf wait */
	size_t from, to;
	uint8_t buf[BUF + PREFIX + FRAME_MAX];
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), size = 1 << 30;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail(path);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

static int tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		fail(name);
	return fd;
}

/* Frames of the device go behind each other to @p, until there are no more */
static void tap_read(int tap, struct pipe *p)
{
	while (p->to < BUF) {
		struct virtio_net_hdr v;
		struct iovec iov[] = {
			{ &v, sizeof(v) }, { p->buf + p->to + PREFIX, FRAME_MAX },
		};
		ssize_t n = readv(tap, iov, 2) - (ssize_t)sizeof(v);
		uint32_t len = htonl(n);

		if (n <= 0)
			break;
		memcpy(p->buf + p->to, &len, PREFIX);
		p->to += PREFIX + n;
	}
}

static void sock_write(int sock, struct pipe *p)
{
	ssize_t n = send(sock, p->buf + p->from, p->to - p->from, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		exit(0);
	p->from += n > 0 ? n : 0;
	if (p->from == p->to)
		p->from = p->to = 0;
}

static void sock_read(int sock, struct pipe *p)
{
	ssize_t n;

	memmove(p->buf, p->buf + p->from, p->to - p->from);
	p->to -= p->from;
	p->from = 0;
	n = recv(sock, p->buf + p->to, sizeof(p->buf) - p->to, MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN))
		exit(0);
	p->to += n > 0 ? n : 0;
}

/* Whole frame at the head of @p, behind the first @skip bytes: its length, or 0 */
static uint32_t next_frame(const struct pipe *p, size_t skip)
{
	size_t have = p->to - p->from;
	uint32_t len;

	if (have < skip + PREFIX)
		return 0;
	memcpy(&len, p->buf + p->from + skip, PREFIX);
	len = ntohl(len);
	return have < skip + PREFIX + len ? 0 : len;
}

struct seg {			/* a plain TCP segment with data, and its frame */
	const uint8_t *f;
	size_t l4, hdr, data;	/* where TCP starts; all headers; payload */
	struct tcphdr tcp;
};

static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t s = 0, t = 0, w;

	for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		s += (uint32_t)w;
		t += w >> 32;
	}
	w = 0;
	memcpy(&w, p, n);
	return s + t + (uint32_t)w + (w >> 32);
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* Of the pseudo header, for @len bytes of TCP */
static uint64_t pseudo(const struct seg *g, size_t len)
{
	size_t at = g->l4 == ETH + IP4 ? ETH + 12 : ETH + 8;

	return sum(g->f + at, g->l4 - at) + htonl(len) + htonl(IPPROTO_TCP);
}

static bool parse(struct seg *g, const uint8_t *f, size_t len)
{
	const uint8_t *ip = f + ETH;
	size_t end;

	if (len < ETH + IP6 + sizeof(g->tcp))
		return false;
	g->f = f;
	if (f[12] == 0x08 && f[13] == 0 && ip[0] == 0x45 && ip[9] == IPPROTO_TCP &&
	    !(ip[6] & 0x3f) && !ip[7]) {
		g->l4 = ETH + IP4;
		end = ETH + (ip[2] << 8 | ip[3]);
	} else if (f[12] == 0x86 && f[13] == 0xdd && ip[6] == IPPROTO_TCP) {
		g->l4 = ETH + IP6;
		end = g->l4 + (ip[4] << 8 | ip[5]);
	} else {
		return false;
	}
	memcpy(&g->tcp, f + g->l4, sizeof(g->tcp));
	g->hdr = g->l4 + 4 * g->tcp.doff;
	if (end > len || end <= g->hdr || g->tcp.doff < 5)
		return false;
	g->data = end - g->hdr;
	return g->tcp.ack && !g->tcp.syn && !g->tcp.fin && !g->tcp.rst && !g->tcp.urg;
}

static bool is_good(const struct seg *g)
{
	size_t len = g->hdr - g->l4 + g->data;

	return fold(pseudo(g, len) + sum(g->f + g->l4, len)) == 0xffff;
}

/* Does @g follow @bytes of data that started with @first? */
static bool follows(const struct seg *first, const struct seg *g, size_t bytes)
{
	size_t addrs = g->l4 == ETH + IP4 ? ETH + 12 : ETH + 8;

	return g->hdr == first->hdr && g->data <= first->data &&
	       ntohl(g->tcp.seq) == ntohl(first->tcp.seq) + bytes &&
	       g->tcp.ack_seq == first->tcp.ack_seq && g->tcp.window == first->tcp.window &&
	       !memcmp(g->f + addrs, first->f + addrs, g->l4 + 4 - addrs) &&
	       !memcmp(g->f + g->l4 + sizeof(g->tcp), first->f + g->l4 + sizeof(g->tcp),
		       g->hdr - g->l4 - sizeof(g->tcp));
}

/* Segments at the head of @p that go together: their payload in @iov, number of bytes */
static size_t collect(const struct pipe *p, const struct seg *first, struct iovec *iov,
		      int *n)
{
	size_t skip = PREFIX + next_frame(p, 0), bytes = first->data;
	uint32_t len;
	struct seg g;

	iov[0] = (struct iovec){ (void *)(uintptr_t)(first->f + first->hdr), first->data };
	*n = 1;
	while (*n < MERGE_MAX && !(*n == 1 && !is_good(first)) &&
	       (len = next_frame(p, skip)) &&
	       parse(&g, p->buf + p->from + skip + PREFIX, len) &&
	       g.hdr + bytes + g.data <= FRAME_MAX && follows(first, &g, bytes) &&
	       is_good(&g)) {
		iov[(*n)++] = (struct iovec){ (void *)(uintptr_t)(g.f + g.hdr), g.data };
		bytes += g.data;
		skip += PREFIX + len;
		if (g.data < first->data || g.tcp.psh)
			break;
	}
	return bytes;
}

/* Headers of @first at @h, for @bytes of data; what is to be done with them in @v */
static void put_headers(uint8_t *h, struct virtio_net_hdr *v, const struct seg *first,
			size_t bytes)
{
	uint16_t len = htons(first->hdr - ETH + bytes), csum = 0;
	bool v4 = first->l4 == ETH + IP4;

	memcpy(h, first->f, first->hdr);
	if (!v4)
		len = htons(first->hdr - first->l4 + bytes);
	memcpy(h + ETH + (v4 ? 2 : 4), &len, sizeof(len));
	if (v4) {
		memcpy(h + ETH + 10, &csum, sizeof(csum));
		csum = ~fold(sum(h + ETH, IP4));
		memcpy(h + ETH + 10, &csum, sizeof(csum));
	}
	csum = fold(pseudo(first, first->hdr - first->l4 + bytes));
	memcpy(h + first->l4 + offsetof(struct tcphdr, check), &csum, sizeof(csum));
	*v = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = first->hdr, .gso_size = first->data,
		.csum_start = first->l4, .csum_offset = offsetof(struct tcphdr, check),
	};
}

static void tap_put(int tap, const struct iovec *iov, int n)
{
	if (writev(tap, iov, n) < 0 && errno != EIO)
		fail("write");
}

static void tap_write(int tap, struct pipe *p)
{
	uint8_t h[ETH + IP6 + sizeof(struct tcphdr) + OPTS_MAX];
	struct iovec iov[2 + MERGE_MAX];
	struct virtio_net_hdr v;
	struct seg first;
	uint32_t len;
	int n;

	while ((len = next_frame(p, 0))) {
		uint8_t *f = p->buf + p->from + PREFIX;
		size_t bytes = 0;

		n = 0;
		iov[0] = (struct iovec){ &v, sizeof(v) };
		if (len < FRAME_MAX / 2 && parse(&first, f, len))
			bytes = collect(p, &first, iov + 2, &n);
		if (n <= 1) {
			v = (struct virtio_net_hdr){ 0 };
			iov[1] = (struct iovec){ f, len };
			tap_put(tap, iov, 2);
			p->from += PREFIX + len;
			continue;
		}
		put_headers(h, &v, &first, bytes);
		iov[1] = (struct iovec){ h, first.hdr };
		tap_put(tap, iov, 2 + n);
		for (; n; n--)
			p->from += PREFIX + next_frame(p, 0);
	}
}

int main(int argc, char **argv)
{
	static struct pipe out, in;
	struct pollfd p[2];

	if (argc != 3) {
		fprintf(stderr, "usage: %s PATH DEVICE\n", argv[0]);
		return 2;
	}
	p[0].fd = connect_to(argv[1]);
	p[1].fd = tap_open(argv[2]);
	for (;;) {
		p[0].events = POLLIN | (out.to ? POLLOUT : 0);
		p[1].events = out.to < BUF ? POLLIN : 0;
		if (poll(p, 2, -1) < 0)
			fail("poll");
		if (p[1].revents & POLLIN)
			tap_read(p[1].fd, &out);
		if (out.to)
			sock_write(p[0].fd, &out);
		if (p[0].revents & (POLLIN | POLLHUP)) {
			sock_read(p[0].fd, &in);
			tap_write(p[1].fd, &in);
		}
	}
}
