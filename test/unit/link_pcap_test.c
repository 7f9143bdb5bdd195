/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_pcap_test.c - the capture file byte for byte, over a back-end that is a table; what
 * happens when the file can't be written
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "test.h"
#include "../../link.h"
#include "../../link_pcap.h"
#include "../../log.h"
#include "../../util.h"

enum { HEAD = 24, RECORD = 16, BIG = 65549 };

static char path[] = "/tmp/link_pcap_test.XXXXXX";
static uint8_t file[1 << 20];
static uint8_t big[BIG];
static int committed;

/* Frames in one piece, in three with empty ones between, and a large one */
static int fake_rx(struct link *l, struct frame *f, int max)
{
	static struct iovec cut[] = {
		{ "abc", 3 }, { "", 0 }, { "defgh", 5 }, { "", 0 }, { "ij", 2 },
	};
	static struct iovec one[] = { { "0123456789ABCDEF", 16 } };
	static struct iovec whole[] = { { big, BIG } };

	(void)l;
	if (max < 3)
		return -EIO;
	f[0].l2 = span_over(one, 1);
	f[1].l2 = span_over(cut, NELEM(cut));
	span_skip(&f[1].l2, 1);
	f[2].l2 = span_over(whole, 1);
	return 3;
}

static int fake_commit(struct link *l, struct slot *s, int used, int reserved)
{
	(void)l;
	(void)reserved;
	if (used)		/* the frame is not ours any more */
		memset(s[0].hdr.iov_base, 'x', s[0].hdr.iov_len);
	committed += used;
	return used;
}

static int fake_reserve(struct link *l, struct slot *s, int n, size_t hdrlen, size_t len)
{
	(void)l;
	(void)s;
	(void)hdrlen;
	(void)len;
	return n;
}

static const struct link_ops fake = {
	.name = "fake", .rx = fake_rx, .tx_reserve = fake_reserve,
	.tx_commit = fake_commit,
};

static long load(void)
{
	int fd = open(path, O_RDONLY);
	long n = read(fd, file, sizeof(file));

	close(fd);
	return n;
}

static uint32_t word(size_t at)
{
	uint32_t v;

	memcpy(&v, file + at, sizeof(v));
	return v;
}

/* A record of @len bytes at @at, none of them left out, that begins with @text */
static size_t record(size_t at, size_t len, const char *text)
{
	time_t now = time(NULL);

	CHECK(word(at) <= now + 1 && word(at) >= now - 60 && word(at + 4) < 1000000);
	CHECK(word(at + 8) == len && word(at + 12) == len);
	CHECK(!memcmp(file + at + RECORD, text, strlen(text)));
	return at + RECORD + len;
}

static struct link *wrapped(void)
{
	static struct link l;
	int fd = link_pcap_open(path);

	CHECK(fd >= 0);
	l = (struct link){ .ops = &fake, .fd = 7, .caps = LINK_TX_TSO };
	link_pcap_wrap(&l, fd);
	return &l;
}

static void t_head(void)
{
	struct stat st;

	unlink(path);
	close(link_pcap_open(path));
	CHECK(load() == HEAD);
	CHECK(word(0) == 0xa1b2c3d4 && word(4) == (2 | 4 << 16));
	CHECK(word(16) >= BIG && word(20) == 1);
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	CHECK(link_pcap_open("/nonexistent/x") == -ENOENT);
	CHECK(link_pcap_open("/dev/full") == -ENOSPC);
}

static void t_rx(void)
{
	struct link *l = wrapped();
	struct frame f[LINK_BATCH];
	size_t at = HEAD;

	memset(big, 'b', sizeof(big));
	CHECK(l->ops->rx(l, f, 2) == -EIO);
	CHECK(l->ops->rx(l, f, LINK_BATCH) == 3);
	CHECK(f[1].l2.left == 9);
	CHECK(load() == HEAD + 3 * RECORD + 16 + 9 + BIG);
	at = record(at, 16, "0123456789ABCDEF");
	at = record(at, 9, "bcdefghij");
	record(at, BIG, "bbbb");
	CHECK(l->caps == LINK_TX_TSO && l->fd == 7 && !l->ops->tx_flush);
}

static void t_tx(void)
{
	struct link *l = wrapped();
	struct iovec data[] = { { "PAYLOAD", 7 }, { "MORE", 4 } };
	char head[] = "head";
	struct slot s[2] = {
		{ .hdr = { head, 4 }, .data = data, .ndata = 2, .len = 9 },
		{ .hdr = { "HDR", 3 }, .data = data, .ndata = 2, .len = 0 },
	};

	committed = 0;
	CHECK(l->ops->tx_reserve(l, s, 2, 4, 9) == 2);
	CHECK(l->ops->tx_commit(l, s, 2, 2) == 2 && committed == 2);
	CHECK(load() == HEAD + RECORD + 13 + RECORD + 3);
	record(record(HEAD, 13, "headPAYLOADMO"), 3, "HDR");
	CHECK(l->ops->tx_commit(l, s, 0, 2) == 0);
	CHECK(load() == HEAD + RECORD + 13 + RECORD + 3);
}

/* More pieces than one system call takes */
static void t_many(void)
{
	struct link *l = wrapped();
	struct iovec data[20];
	struct slot s[LINK_BATCH];
	size_t at = HEAD, i;
	char head[] = "H";

	for (i = 0; i < NELEM(data); i++)
		data[i] = (struct iovec){ "d", 1 };
	for (i = 0; i < LINK_BATCH; i++)
		s[i] = (struct slot){ .hdr = { head, 1 }, .data = data,
				      .ndata = NELEM(data), .len = NELEM(data) };
	CHECK(l->ops->tx_commit(l, s, LINK_BATCH, LINK_BATCH) == LINK_BATCH);
	CHECK(load() == (long)(HEAD + LINK_BATCH * (RECORD + 21)));
	for (i = 0; i < LINK_BATCH; i++)
		at = record(at, 21, "Hdddd");
}

/* No room: the file ends with a whole frame, and the link goes on without */
static void t_full(void)
{
	struct link *l = wrapped();
	struct frame f[LINK_BATCH];
	struct rlimit old, lim;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	CHECK(l->ops->rx(l, f, LINK_BATCH) == 3);
	CHECK(l->ops != &fake);
	lim = old;
	lim.rlim_cur = (rlim_t)load() + 100;
	setrlimit(RLIMIT_FSIZE, &lim);
	log_set_stderr(false);
	CHECK(l->ops->rx(l, f, LINK_BATCH) == 3);
	log_set_stderr(true);
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK(l->ops == &fake);
	CHECK(load() == HEAD + 3 * RECORD + 16 + 9 + BIG);
	CHECK(l->ops->rx(l, f, LINK_BATCH) == 3);
	CHECK(load() == HEAD + 3 * RECORD + 16 + 9 + BIG);
}

int main(void)
{
	close(mkstemp(path));
	t_head();
	t_rx();
	t_tx();
	t_many();
	t_full();
	unlink(path);
	return test_end("link_pcap");
}
