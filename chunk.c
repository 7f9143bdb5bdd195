/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunk.c - guest data that no socket has taken yet, in a fixed pool
 *
 * Index 0 means "none", so that a zeroed flow has an empty queue. The free list is
 * last in, first out, and grows into untouched memory only when it is empty.
 */
#include "chunk.h"

#include <string.h>

#include "util.h"

struct chunk {
	uint32_t seq;			/* of the first byte */
	uint16_t len;
	uint16_t next;			/* index, 0: last */
};

enum { LEND_MAX = CHUNK_COUNT / 4 * 3 };	/* the rest: not full, or early */

struct chunks {
	int lent;			/* chunks, at most LEND_MAX */
	uint16_t free;			/* list of chunks given back */
	uint16_t used;			/* in queues */
	uint16_t fresh;			/* highest index ever used */
	struct chunk c[CHUNK_COUNT + 1];
	uint8_t data[CHUNK_COUNT + 1][CHUNK_SIZE];
};

static int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

struct chunks *chunks_init(void)
{
	static struct chunks pool;

	return &pool;
}

int chunks_free(const struct chunks *c)
{
	return CHUNK_COUNT - c->used;
}

int chunks_lend(struct chunks *c, int want)
{
	int n = MIN(want, (LEND_MAX - c->lent) / 8);

	c->lent += n;
	return n;
}

void chunks_return(struct chunks *c, int lent)
{
	c->lent -= lent;
}

static uint16_t take(struct chunks *c)
{
	uint16_t i = c->free;

	if (i)
		c->free = c->c[i].next;
	else if (c->fresh < CHUNK_COUNT)
		i = ++c->fresh;
	else
		return 0;
	c->used++;
	return i;
}

static void give(struct chunks *c, uint16_t i)
{
	c->c[i].next = c->free;
	c->free = i;
	c->used--;
}

static uint32_t end_of(const struct chunks *c, uint16_t i)
{
	return c->c[i].seq + c->c[i].len;
}

/* The last chunk that starts at or before @seq, or 0 */
static uint16_t find_before(const struct chunks *c, uint16_t head, uint32_t seq)
{
	uint16_t i, last = 0;

	for (i = head; i && seq_diff(c->c[i].seq, seq) <= 0; i = c->c[i].next)
		last = i;
	return last;
}

/* A new chunk at @seq behind @prev (0: at the head), or 0 */
static uint16_t insert(struct chunks *c, uint16_t *head, uint16_t prev, uint32_t seq)
{
	uint16_t i = take(c);
	uint16_t *link = prev ? &c->c[prev].next : head;

	if (!i)
		return 0;
	c->c[i] = (struct chunk){ .seq = seq, .next = *link };
	*link = i;
	return i;
}

/* Copy from @s to the tail of @i, up to the next chunk and what fits */
static void fill(struct chunks *c, uint16_t i, struct span *s)
{
	struct chunk *ch = &c->c[i];
	uint32_t n = MIN((uint32_t)CHUNK_SIZE - ch->len, s->left);

	if (ch->next)
		n = MIN(n, c->c[ch->next].seq - end_of(c, i));
	span_get(s, c->data[i] + ch->len, n);
	ch->len += n;
}

uint32_t chunk_put(struct chunks *c, uint16_t *head, uint32_t seq, struct span data)
{
	uint16_t i = find_before(c, *head, seq);
	uint32_t start = seq, skip;

	while (data.left) {
		if (i && seq_diff(end_of(c, i), seq) > 0) {	/* we have this */
			skip = MIN(end_of(c, i) - seq, data.left);
			span_skip(&data, skip);
			seq += skip;
			continue;
		}
		if (i && c->c[i].next && c->c[c->c[i].next].seq == seq) {
			i = c->c[i].next;
			continue;
		}
		if (!i && *head && c->c[*head].seq == seq) {
			i = *head;
			continue;
		}
		if (!i || end_of(c, i) != seq || c->c[i].len == CHUNK_SIZE)
			i = insert(c, head, i, seq);
		if (!i)
			break;
		skip = c->c[i].len;
		fill(c, i, &data);
		seq += c->c[i].len - skip;
	}
	return seq - start;
}

uint32_t chunk_end(const struct chunks *c, uint16_t head, uint32_t seq)
{
	uint16_t i;

	for (i = head; i && seq_diff(c->c[i].seq, seq) <= 0; i = c->c[i].next)
		if (seq_diff(end_of(c, i), seq) > 0)
			seq = end_of(c, i);
	return seq;
}

int chunk_iov(const struct chunks *c, uint16_t head, uint32_t seq,
	      struct iovec *iov, int max)
{
	uint16_t i;
	int n = 0;

	for (i = head; i && n < max && seq_diff(c->c[i].seq, seq) <= 0; i = c->c[i].next) {
		uint32_t off = seq - c->c[i].seq;

		if (seq_diff(end_of(c, i), seq) <= 0)
			continue;
		iov[n].iov_base = (void *)(uintptr_t)(c->data[i] + off);
		iov[n++].iov_len = c->c[i].len - off;
		seq = end_of(c, i);
	}
	return n;
}

void chunk_drop(struct chunks *c, uint16_t *head, uint32_t seq)
{
	while (*head && seq_diff(end_of(c, *head), seq) <= 0) {
		uint16_t i = *head;

		*head = c->c[i].next;
		give(c, i);
	}
}

void chunk_drop_all(struct chunks *c, uint16_t *head)
{
	while (*head) {
		uint16_t i = *head;

		*head = c->c[i].next;
		give(c, i);
	}
}

int chunk_ranges(const struct chunks *c, uint16_t head, uint32_t seq,
		 struct seq_range *r, int max)
{
	uint16_t i;
	int n = 0;

	for (i = head; i; i = c->c[i].next) {
		if (seq_diff(c->c[i].seq, seq) <= 0)
			continue;
		if (n && r[n - 1].end == c->c[i].seq)
			r[n - 1].end = end_of(c, i);
		else if (n == max)
			break;
		else
			r[n++] = (struct seq_range){ c->c[i].seq, end_of(c, i) };
	}
	return n;
}
