/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_fault_test.c - each fault alone, both ways, over a link made of arrays */
#include "link_fault.h"

#include <string.h>

#include "link.h"
#include "test.h"
#include "util.h"

enum { FRAMES = 5000, LEN = 100, HDR = 54 };

/* The inner link: frames are numbered in their first four bytes; ours to the guest are noted */
static uint8_t rx_mem[FRAMES][LEN];
static struct iovec tx_data;
static uint8_t tx_mem[LEN];
static int rx_next, got[4 * FRAMES], got_len[4 * FRAMES], got_count, got_bad;

static void note(const uint8_t *p, size_t len)
{
	uint32_t n, i;

	memcpy(&n, p, sizeof(n));
	for (i = sizeof(n); i < len; i++)
		got_bad += p[i] != (uint8_t)(n + i);
	got[got_count] = n;
	got_len[got_count++] = len;
}

static void make(uint8_t *p, uint32_t n)
{
	int i;

	memcpy(p, &n, sizeof(n));
	for (i = sizeof(n); i < LEN; i++)
		p[i] = n + i;
}

static int inner_rx(struct link *l, struct frame *f, int max)
{
	int i, n = MIN(max, FRAMES - rx_next);

	(void)l;
	for (i = 0; i < n; i++) {
		make(rx_mem[rx_next], rx_next);
		f[i].off = (struct offload){ 0 };
		f[i].iov = (struct iovec){ rx_mem[rx_next++], LEN };
		f[i].l2 = span_over(&f[i].iov, 1);
	}
	return n;
}

static void inner_rx_done(struct link *l, int n)
{
	(void)l;
	CHECK(n >= 0);
}

static int inner_reserve(struct link *l, struct slot *s, int n, size_t hdrlen, size_t paylen)
{
	(void)l;
	CHECK(n == 1 && hdrlen + paylen <= LEN);
	tx_data = (struct iovec){ tx_mem + hdrlen, paylen };
	*s = (struct slot){ .hdr = { tx_mem, hdrlen }, .data = &tx_data, .ndata = 1 };
	return 1;
}

static int inner_commit(struct link *l, struct slot *s, int used, int reserved)
{
	(void)l;
	CHECK(reserved == 1);
	if (used)
		note(tx_mem, s->hdr.iov_len + s->len);
	return used;
}

static const struct link_ops inner_ops = {
	.name = "inner", .rx = inner_rx, .rx_done = inner_rx_done,
	.tx_reserve = inner_reserve, .tx_commit = inner_commit,
};

static struct link inner = { .ops = &inner_ops };

static void from_guest(struct link *l)
{
	struct frame f[LINK_BATCH];
	uint8_t b[LEN];
	int i, n;

	while ((n = l->ops->rx(l, f, NELEM(f))) > 0 || rx_next < FRAMES) {
		for (i = 0; i < n; i++) {
			size_t len = f[i].l2.left;

			span_get(&f[i].l2, b, len);
			CHECK(!f[i].l2.bad);
			note(b, len);
		}
		l->ops->rx_done(l, n);
	}
}

static void to_guest(struct link *l)
{
	struct slot s[7];
	uint8_t frame[LEN];
	int i, n, next = 0;

	while (next < FRAMES) {
		n = l->ops->tx_reserve(l, s, NELEM(s), HDR, LEN - HDR);
		CHECK(n == (int)NELEM(s));
		n = MIN(n, FRAMES - next);
		for (i = 0; i < n; i++) {
			make(frame, next++);
			memcpy(s[i].hdr.iov_base, frame, HDR);
			memcpy(s[i].data[0].iov_base, frame + HDR, LEN - HDR);
			s[i].len = LEN - HDR;
		}
		CHECK(l->ops->tx_commit(l, s, n, NELEM(s)) == n);
	}
}

static struct fault_stats run(struct fault_rates r, int way)
{
	struct link *l = link_fault_init(&inner, &r, &r, 42);

	rx_next = got_count = got_bad = 0;
	if (way)
		to_guest(l);
	else
		from_guest(l);
	return *link_fault_stats(l);
}

static int order_breaks(void)
{
	int i, n = 0;

	for (i = 1; i < got_count; i++)
		n += got[i] < got[i - 1];
	return n;
}

static bool about(uint64_t n, int rate)
{
	return n > (uint64_t)FRAMES * rate / 1500 && n < (uint64_t)FRAMES * rate / 700;
}

static void t_each(int way)
{
	struct fault_stats s;
	int i, seen;

	s = run((struct fault_rates){ 0 }, way);
	CHECK(got_count == FRAMES && !order_breaks() && !got_bad && s.passed == FRAMES);

	s = run((struct fault_rates){ .lose = 100 }, way);
	CHECK(about(s.lost, 100) && got_count == FRAMES - (int)s.lost && !order_breaks());

	s = run((struct fault_rates){ .copy = 100 }, way);
	CHECK(about(s.copied, 100) && got_count == FRAMES + (int)s.copied && !order_breaks());

	s = run((struct fault_rates){ .delay = 100 }, way);
	CHECK(about(s.delayed, 100) && order_breaks() > 0 && !got_bad);
	CHECK(got_count >= FRAMES - 4 && got_count <= FRAMES);
	for (i = 0; i < got_count; i++)
		CHECK(got[i] >= i - 8 && got[i] <= i + 8);

	s = run((struct fault_rates){ .cut = 100 }, way);
	for (i = seen = 0; i < got_count; i++)
		seen += got_len[i] < LEN;
	CHECK(about(s.cut, 100) && seen == (int)s.cut && !got_bad && !order_breaks());

	s = run((struct fault_rates){ .damage = 100 }, way);
	CHECK(about(s.damaged, 100) && got_bad == (int)s.damaged);
	CHECK(got_count == FRAMES);
}

/* The same seed, the same faults */
static void t_repeats(int way)
{
	struct fault_rates r = { 50, 50, 50, 50, 50 };
	struct fault_stats a = run(r, way), b;
	int count = got_count;

	b = run(r, way);
	CHECK(!memcmp(&a, &b, sizeof(a)) && count == got_count);
}

int main(void)
{
	int way;

	for (way = 0; way < 2; way++) {
		t_each(way);
		t_repeats(way);
	}
	return test_end("link_fault");
}
