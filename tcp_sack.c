/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_sack.c - what the guest holds beyond its acknowledgement (RFC 2018, RFC 6675) */
#include "tcp_sack.h"

#include <string.h>

enum { DUP_THRESH = 3 };

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool used(const struct seq_range *r)
{
	return r->start != r->end;
}

static void cut(struct sack *s, int i)
{
	memmove(&s->r[i], &s->r[i + 1], (SACK_MAX - 1 - i) * sizeof(s->r[0]));
	s->r[SACK_MAX - 1] = (struct seq_range){ 0, 0 };
}

void sack_add(struct sack *s, uint32_t start, uint32_t end)
{
	int i = 0;

	if (!before(start, end))
		return;
	while (i < SACK_MAX && used(&s->r[i]) && before(s->r[i].end, start))
		i++;
	/* Swallow what overlaps or touches */
	while (i < SACK_MAX && used(&s->r[i]) && !before(end, s->r[i].start)) {
		if (before(s->r[i].start, start))
			start = s->r[i].start;
		if (before(end, s->r[i].end))
			end = s->r[i].end;
		cut(s, i);
	}
	if (i == SACK_MAX)
		return;
	memmove(&s->r[i + 1], &s->r[i], (SACK_MAX - 1 - i) * sizeof(s->r[0]));
	s->r[i] = (struct seq_range){ start, end };
}

void sack_advance(struct sack *s, uint32_t una)
{
	while (used(&s->r[0]) && !before(una, s->r[0].end))
		cut(s, 0);
	if (used(&s->r[0]) && before(s->r[0].start, una))
		s->r[0].start = una;
}

bool sack_hole(const struct sack *s, uint32_t from, uint32_t *start, uint32_t *end)
{
	int i;

	for (i = 0; i < SACK_MAX && used(&s->r[i]); i++) {
		if (before(from, s->r[i].start)) {
			*start = from;
			*end = s->r[i].start;
			return true;
		}
		if (before(from, s->r[i].end))
			from = s->r[i].end;
	}
	return false;
}

bool sack_lost(const struct sack *s, uint32_t seq, uint32_t mss)
{
	uint32_t bytes = 0;
	int i, ranges = 0;

	for (i = 0; i < SACK_MAX; i++) {
		if (!used(&s->r[i]) || !before(seq, s->r[i].start))
			continue;
		bytes += s->r[i].end - s->r[i].start;
		ranges++;
	}
	return ranges >= DUP_THRESH || bytes > (DUP_THRESH - 1) * mss;
}

uint32_t sack_bytes(const struct sack *s)
{
	uint32_t n = 0;
	int i;

	for (i = 0; i < SACK_MAX; i++)
		n += s->r[i].end - s->r[i].start;
	return n;
}
