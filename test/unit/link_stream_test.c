/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_stream_test.c - to the guest: nothing changes before it was read, and room is told of
 *
 * Frames as they arrive from the guest are tested in test/vm.
 */
#define _GNU_SOURCE
#include "link_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "link.h"
#include "test.h"
#include "util.h"

enum { SEED = 20261128, HDR = 54, TURNS = 6000 };

static bool no_vmsplice;
static unsigned lent;			/* times */
static int wmem_max;

ssize_t vmsplice(int fd, const struct iovec *iov, size_t n, unsigned flags)
{
	if (no_vmsplice) {
		errno = ENOSYS;
		return -1;
	}
	lent++;
	return syscall(SYS_vmsplice, fd, iov, n, flags);
}

int setsockopt(int fd, int level, int name, const void *p, socklen_t len)
{
	int value = *(const int *)p;

	if (level == SOL_SOCKET && name == SO_SNDBUF)
		value = MIN(value, wmem_max);
	return syscall(SYS_setsockopt, fd, level, name, &value, len);
}

/* Both ends of the socket, and how far each has come: a frame and a byte of it */
static struct link *l;
static int peer;
static uint32_t put, got;
static uint8_t frame[4 + 65535];
static size_t frame_len, bad;

static void fill(uint8_t *p, size_t len, uint32_t n, size_t from)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (n * 7 + from + i) * 0x9e3779b1 >> 24;
}

static void connect_peer(void)
{
	int fds[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	CHECK(!link_stream_attach(l, fds[0]));
	peer = fds[1];
	put = got = frame_len = bad = 0;
}

/* Up to @n frames of at most @len bytes are committed: false if there is no room */
static bool send_frames(int n, size_t len)
{
	struct slot s[LINK_BATCH];
	int i, used, lent_slots = l->ops->tx_reserve(l, s, n, HDR, len - HDR);

	if (lent_slots <= 0)
		return false;
	used = rand() % 8 ? lent_slots : rand() % (lent_slots + 1);
	for (i = 0; i < used; i++) {
		s[i].len = rand() % 8 ? len - HDR : rand() % (len - HDR + 1);
		fill(s[i].hdr.iov_base, HDR, put, 0);
		fill(s[i].data->iov_base, s[i].len, put++, HDR);
	}
	CHECK(l->ops->tx_commit(l, s, used, lent_slots) == used);
	return true;
}

static void check_frame(size_t len)
{
	static uint8_t want[65535];

	fill(want, len, got++, 0);
	if (len == 60)			/* some of it may be padding */
		len = HDR;
	bad += !!memcmp(frame + 4, want, len);
}

/* What there is, @max bytes of it */
static void receive(size_t max)
{
	while (max) {
		size_t want = 4;
		uint32_t len;
		ssize_t n;

		if (frame_len >= 4) {
			memcpy(&len, frame, sizeof(len));
			want += ntohl(len);
		}
		if (!CHECK(want <= sizeof(frame)))
			exit(1);
		n = recv(peer, frame + frame_len, MIN(want - frame_len, max), MSG_DONTWAIT);
		if (n <= 0)
			return;
		max -= n;
		frame_len += n;
		if (frame_len < want || want == 4)
			continue;
		check_frame(want - 4);
		frame_len = 0;
	}
}

static bool is_writable(void)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };

	return poll(&p, 1, 0) > 0;
}

/* Crowds of all sizes to a guest that reads more, less or nothing for a while */
static void exchange(void)
{
	static const size_t lens[] = { 60, 200, 1514, 9014, 65535 };
	static const size_t reads[] = { 0, 0, 1000, 100 * 1000, 700 * 1000, 9000 * 1000 };
	unsigned stuck = 0, told = 0;
	int turn;

	for (turn = 0; turn < TURNS; turn++) {
		int times = 1 + rand() % 4;
		bool room = l->ops->tx_flush(l);

		while (times-- && room)
			room = send_frames(1 + rand() % LINK_BATCH, lens[rand() % NELEM(lens)]);
		if (!l->ops->tx_flush(l) || !room) {
			stuck++;
			told += !is_writable();
		}
		receive(reads[rand() % NELEM(reads)]);
	}
	while (!l->ops->tx_flush(l))
		receive(1000);
	receive(SIZE_MAX);
	CHECK(stuck && told == stuck);
	CHECK(put > TURNS && got == put && !frame_len && !bad);
	CHECK(is_writable() && send_frames(1, 60));
}

static void t_lent(int max)
{
	lent = 0;
	wmem_max = max;
	connect_peer();
	exchange();
	CHECK(lent > TURNS / 3);
	close(peer);
}

static void t_copied(void)
{
	no_vmsplice = true;
	connect_peer();
	exchange();
	close(peer);
	no_vmsplice = false;
}

/* One that was left with something unread does not see what the next one gets */
static void t_left(void)
{
	int before;

	connect_peer();
	CHECK(send_frames(3, 65535) && l->ops->tx_flush(l));
	before = peer;
	link_stream_detach(l);
	connect_peer();
	CHECK(send_frames(64, 1514) && l->ops->tx_flush(l));
	close(peer);
	peer = before;
	got = frame_len = 0;
	receive(SIZE_MAX);
	CHECK(got > 0 && !frame_len && !bad);
	close(before);
}

/* One that is gone is noticed where frames are received */
static void t_gone(void)
{
	struct frame f;

	connect_peer();
	close(peer);
	CHECK(send_frames(8, 65535) && !l->ops->tx_flush(l));
	CHECK(!send_frames(1, 60));
	CHECK(l->ops->rx(l, &f, 1) == -ECONNRESET);
	link_stream_detach(l);
	link_stream_detach(l);
	CHECK(!send_frames(1, 60));
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 100; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int main(void)
{
	int n = descriptors();

	printf("seed %d\n", SEED);
	srand(SEED);
	signal(SIGPIPE, SIG_IGN);
	l = link_stream_init();
	t_lent(30000);
	t_lent(212992);
	t_lent(INT_MAX);
	t_copied();
	t_left();
	t_gone();
	CHECK(descriptors() == n);
	return test_end("link_stream");
}
