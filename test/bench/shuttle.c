/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shuttle.c - stands in for a virtual machine: frames between passt and a tap device
 *
 *	shuttle PATH DEVICE
 *
 * Connects to the UNIX domain socket at PATH and attaches to the tap DEVICE, which it creates
 * if need be, in the network namespace that it runs in. The kernel's stack behind it is
 * the guest. No offloads, as for a network card of QEMU on a stream socket. Ends
 * when passt does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PREFIX = 4, FRAME_MAX = 65535, BUF = 256 * 1024 };

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
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
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
		ssize_t n = read(tap, p->buf + p->to + PREFIX, FRAME_MAX);
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

static void tap_write(int tap, struct pipe *p)
{
	uint32_t len;

	while (p->to - p->from >= PREFIX) {
		memcpy(&len, p->buf + p->from, PREFIX);
		len = ntohl(len);
		if (p->to - p->from < PREFIX + len)
			break;
		if (write(tap, p->buf + p->from + PREFIX, len) < 0 && errno != EIO)
			fail("write");
		p->from += PREFIX + len;
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
