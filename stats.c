/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: stats.c - the table of counters that --stats prints
 *
 * A line is what happened since the line before it; only the number of flows is as of
 * now. Frames count as the link moves them: a super-frame is one. Below a line
 * stand the reasons for which frames were dropped.
 *
 *	fetched, sent	frames from and to the guest
 *	dropped		those of them that went nowhere
 *	new, flows	flows: opened; in use now
 *	retrans, timeout, parked
 *			TCP: sent again to the guest; expired timers; segments kept because
 *			the host's socket had no room
 *	link ... listen	events of the loop, by what had them
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"
#include "pkt.h"
#include "stats.h"
#include "util.h"

enum {
	HEAD_EVERY = 20, COLUMN = 8, LINE_MAX_LEN = 512,
	NOW = 7,			/* column that is not a difference */
};

static const struct { enum ev_kind kind; const char *name; } kinds[] = {
	{ EV_LINK, "link" }, { EV_TCP, "tcp" }, { EV_UDP, "udp" }, { EV_ICMP, "icmp" },
	{ EV_TCP_SPLICE, "tcplo" }, { EV_UDP_SPLICE, "udplo" }, { EV_LISTEN, "listen" },
};

static const char *const columns[] = {
	"fetched", "sent", "dropped", "new", "retrans", "timeout", "parked", "flows",
};

static uint64_t dropped(const struct stats *s)
{
	uint64_t sum = 0;
	int i;

	for (i = DROP_NONE + 1; i < DROP_COUNT; i++)
		sum += s->drop[i];
	return sum;
}

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static void add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len - 1;	/* that of the newline */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	l->len += MIN((size_t)MAX(n, 0), room - 1);
}

static void add_count(struct line *l, uint64_t n)
{
	add(l, "%*llu", COLUMN, (unsigned long long)n);
}

/* #syscalls write */
static void put(struct line *l)
{
	l->text[l->len++] = '\n';
	if (write(STDERR_FILENO, l->text, l->len) < 0)
		return;			/* nobody reads it */
}

static void put_head(void)
{
	struct line l = { .len = 0 };
	size_t i;

	for (i = 0; i < NELEM(columns); i++)
		add(&l, "%*s", COLUMN, columns[i]);
	add(&l, " |");
	for (i = 0; i < NELEM(kinds); i++)
		add(&l, "%*s", COLUMN, kinds[i].name);
	put(&l);
}

/* Counters since the last line: false if all are 0 */
static bool add_counters(struct line *l, const struct worker *w,
			 const struct stats *before)
{
	const struct stats *s = &w->stats;
	const uint64_t v[NELEM(columns)] = {
		s->rx_frames - before->rx_frames, s->tx_frames - before->tx_frames,
		dropped(s) - dropped(before), s->flows_opened - before->flows_opened,
		s->tcp_retrans - before->tcp_retrans,
		s->tcp_timeouts - before->tcp_timeouts,
		s->tcp_parked - before->tcp_parked, flow_count(w),
	};
	bool any = false;
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		any |= v[i] && i != NOW;
		add_count(l, v[i]);
	}
	return any;
}

static bool add_events(struct line *l, const struct worker *w, const uint64_t *before)
{
	bool any = false;
	size_t i;

	for (i = 0; i < NELEM(kinds); i++) {
		uint64_t n = w->loop.events[kinds[i].kind] - before[kinds[i].kind];

		any |= n;
		add_count(l, n);
	}
	return any;
}

static void put_drops(const struct stats *s, const struct stats *before)
{
	struct line l = { .len = 0 };
	int i;

	for (i = DROP_NONE + 1; i < DROP_COUNT; i++)
		if (s->drop[i] != before->drop[i])
			add(&l, "%s%llu %s", l.len ? ", " : "  dropped: ",
			    (unsigned long long)(s->drop[i] - before->drop[i]),
			    drop_name(i));
	if (l.len)
		put(&l);
}

void stats_print(const struct worker *w, struct stats_table *t)
{
	struct line l = { .len = 0 };
	bool any = add_counters(&l, w, &t->before);

	add(&l, " |");
	any |= add_events(&l, w, t->events);
	if (!any)
		return;
	if (!(t->lines++ % HEAD_EVERY))
		put_head();
	put(&l);
	put_drops(&w->stats, &t->before);
	t->before = w->stats;
	memcpy(t->events, w->loop.events, sizeof(t->events));
}
