/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_fault.c - wrap a guest link in a bad one: loss, copies, disorder, damage
 *
 * Towards the guest, frames are made in memory of this file and go on one by one,
 * whatever the order in which the inner link lent its own. From the guest, frames
 * stay where they are unless they are changed or held back. The generator is
 * xorshift64* (Marsaglia 2003, Vigna 2016).
 */
#include "link_fault.h"

#include <errno.h>
#include <string.h>

#include "link.h"
#include "util.h"

enum {
	FRAME_MAX = 65535 + 18 + 64,
	TX_BYTES = 512 * 1024 + FRAME_MAX,
	HELD = 4,			/* frames that wait to be overtaken, each way */
	KEPT = 16,			/* frames changed in one batch */
	ETH_LEN = 14,
};

/* A frame copied out of the link's memory */
struct copy {
	struct frame f;
	int wait;			/* frames that are still to overtake it, 0: free */
	size_t hdrlen;			/* to the guest: as it was asked for */
	size_t len;
	uint8_t b[FRAME_MAX];
};

struct way {
	const struct fault_rates *rates;
	struct copy held[HELD];
};

struct link_fault {
	struct link l;
	struct link *inner;
	uint64_t random;
	struct way rx, tx;
	struct fault_stats stats;
	struct frame frames[LINK_BATCH];	/* of the inner link */
	int lent;
	struct copy kept[KEPT];			/* frames changed in this batch */
	int nkept;
	struct copy out;			/* on its way to the guest */
	struct slot slot;			/* of the inner link */
	struct iovec data[LINK_BATCH];
	uint8_t tx_buf[TX_BYTES];
};

static struct link_fault *fault_of(struct link *l)
{
	return (struct link_fault *)((char *)l - offsetof(struct link_fault, l));
}

static uint32_t random_below(struct link_fault *t, uint32_t n)
{
	t->random ^= t->random >> 12;
	t->random ^= t->random << 25;
	t->random ^= t->random >> 27;
	return (t->random * 0x2545f4914f6cdd1d >> 32) % n;
}

static bool happens(struct link_fault *t, uint16_t rate)
{
	return rate && random_below(t, 1000) < rate;
}

static struct copy *free_one(struct copy *c, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!c[i].wait)
			return &c[i];
	return NULL;
}

/* What shall befall a frame's bytes */
struct harm { bool cut, damage; };

static struct harm choose(struct link_fault *t, const struct fault_rates *r)
{
	struct harm h;

	h.cut = happens(t, r->cut);
	h.damage = happens(t, r->damage);
	return h;
}

/* False if it has to be lost */
static bool spoil(struct link_fault *t, struct copy *c, struct harm h)
{
	if (h.cut && c->len > ETH_LEN) {
		c->len = ETH_LEN + random_below(t, c->len - ETH_LEN);
		t->stats.cut++;
	}
	if (h.damage && c->len > ETH_LEN) {
		uint32_t at = ETH_LEN + random_below(t, c->len - ETH_LEN);

		if (c->f.off.csum_partial || c->f.off.csum_ok) {
			t->stats.lost++;
			return false;
		}
		c->b[at] ^= 1 << random_below(t, 8);
		t->stats.damaged++;
	}
	return true;
}

static void copy_frame(struct copy *c, const struct frame *f)
{
	struct span s = f->l2;

	c->f = *f;
	c->len = MIN(s.left, sizeof(c->b));
	span_get(&s, c->b, c->len);
}

/* To the protocols: memory of @c, or of the inner link */
static void lend_copy(struct copy *c, struct frame *out)
{
	out->off = c->f.off;
	out->iov = (struct iovec){ c->b, c->len };
	out->l2 = span_over(&out->iov, 1);
}

static void lend_frame(const struct frame *f, struct frame *out)
{
	*out = *f;
	if (f->l2.iov == &f->iov)
		out->l2.iov = &out->iov;
}

/* One frame less in front of those held back: those whose turn it is, to @out */
static int overtake_rx(struct link_fault *t, struct frame *out)
{
	int i, n = 0;

	for (i = 0; i < HELD; i++) {
		struct copy *c = &t->rx.held[i];

		if (c->wait && !--c->wait && t->nkept < KEPT) {
			struct copy *k = &t->kept[t->nkept++];

			*k = *c;
			lend_copy(k, &out[n++]);
		}
	}
	return n;
}

/* What becomes of @f: so many frames in @out */
static int rx_one(struct link_fault *t, const struct frame *f, struct frame *out)
{
	const struct fault_rates *r = t->rx.rates;
	struct copy *c = free_one(t->rx.held, HELD);
	struct harm h = choose(t, r);
	int n = 0;

	if (happens(t, r->lose)) {
		t->stats.lost++;
		return 0;
	}
	if (c && happens(t, r->delay)) {
		copy_frame(c, f);
		c->wait = 1 + random_below(t, 3);
		t->stats.delayed++;
		return 0;
	}
	if ((h.cut || h.damage) && t->nkept < KEPT) {
		c = &t->kept[t->nkept++];
		copy_frame(c, f);
		if (!spoil(t, c, h))
			return 0;
		lend_copy(c, &out[n++]);
	} else {
		lend_frame(f, &out[n++]);
	}
	t->stats.passed++;
	if (happens(t, r->copy)) {
		lend_frame(&out[0], &out[n]);
		n++;
		t->stats.copied++;
	}
	return n + overtake_rx(t, out + n);
}

static int fault_rx(struct link *l, struct frame *f, int max)
{
	struct link_fault *t = fault_of(l);
	int i, n = 0, each = 2 + HELD;

	t->nkept = 0;
	t->lent = t->inner->ops->rx(t->inner, t->frames, MAX(max / each, 1));
	l->more = t->inner->more;
	l->fd = t->inner->fd;
	for (i = 0; i < t->lent; i++)
		n += rx_one(t, &t->frames[i], f + n);
	return t->lent < 0 ? t->lent : n;
}

static void fault_rx_done(struct link *l, int n)
{
	struct link_fault *t = fault_of(l);

	(void)n;
	t->inner->ops->rx_done(t->inner, t->lent);
}

static int fault_tx_reserve(struct link *l, struct slot *s, int n, size_t hdrlen,
			    size_t paylen)
{
	struct link_fault *t = fault_of(l);
	size_t len = hdrlen + paylen;
	int i;

	if (hdrlen > LINK_HDR_MAX || len > FRAME_MAX)
		return -EMSGSIZE;
	/* No room there is no room here, either */
	i = t->inner->ops->tx_reserve(t->inner, &t->slot, 1, hdrlen, paylen);
	if (i <= 0)
		return i;
	t->inner->ops->tx_commit(t->inner, &t->slot, 0, 1);
	n = MIN(MIN(n, LINK_BATCH), (int)(TX_BYTES / len));
	for (i = 0; i < n; i++) {
		uint8_t *p = t->tx_buf + i * len;

		t->data[i] = (struct iovec){ p + hdrlen, paylen };
		s[i] = (struct slot){ .hdr = { p, hdrlen }, .data = &t->data[i],
				      .ndata = 1 };
	}
	return n;
}

/* On to the inner link: false if that does not take it */
static bool send_copy(struct link_fault *t, const struct copy *c)
{
	const struct link_ops *ops = t->inner->ops;
	size_t hdrlen = MIN(c->len, c->hdrlen), done = hdrlen, n;
	struct slot *s = &t->slot;
	int i;

	if (ops->tx_reserve(t->inner, s, 1, hdrlen, c->len - hdrlen) <= 0)
		return false;
	memcpy(s->hdr.iov_base, c->b, hdrlen);
	for (i = 0; i < s->ndata && done < c->len; i++, done += n) {
		n = MIN(s->data[i].iov_len, c->len - done);
		memcpy(s->data[i].iov_base, c->b + done, n);
	}
	s->len = c->len - hdrlen;
	s->off = c->f.off;
	return ops->tx_commit(t->inner, s, 1, 1) == 1;
}

static void overtake_tx(struct link_fault *t)
{
	int i;

	for (i = 0; i < HELD; i++) {
		struct copy *c = &t->tx.held[i];

		if (c->wait && !--c->wait)
			send_copy(t, c);
	}
}

static bool tx_one(struct link_fault *t, const struct slot *s)
{
	const struct fault_rates *r = t->tx.rates;
	struct copy *c = free_one(t->tx.held, HELD);
	bool held = c && happens(t, r->delay), ok;

	if (happens(t, r->lose)) {
		t->stats.lost++;
		return true;
	}
	if (!held)
		c = &t->out;
	c->f.off = s->off;
	c->hdrlen = s->hdr.iov_len;
	c->len = s->hdr.iov_len + s->len;
	memcpy(c->b, s->hdr.iov_base, c->len);	/* payload follows */
	if (!spoil(t, c, choose(t, r)))
		return true;
	if (held) {
		c->wait = 1 + random_below(t, 3);
		t->stats.delayed++;
		return true;
	}
	ok = send_copy(t, c);
	t->stats.passed += ok;
	if (ok && happens(t, r->copy)) {
		send_copy(t, c);
		t->stats.copied++;
	}
	overtake_tx(t);
	return ok;
}

static int fault_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	int i;

	(void)reserved;
	for (i = 0; i < used; i++)
		if (!tx_one(fault_of(l), &s[i]))
			break;
	return i;
}

static bool fault_tx_flush(struct link *l)
{
	struct link *inner = fault_of(l)->inner;

	return !inner->ops->tx_flush || inner->ops->tx_flush(inner);
}

static const struct link_ops fault_ops = {
	.name = "fault",
	.rx = fault_rx,
	.rx_done = fault_rx_done,
	.tx_reserve = fault_tx_reserve,
	.tx_commit = fault_tx_commit,
	.tx_flush = fault_tx_flush,
};

struct link *link_fault_init(struct link *inner, const struct fault_rates *rx,
			     const struct fault_rates *tx, uint64_t seed)
{
	static struct link_fault fault;
	int i;

	fault.l = *inner;
	fault.l.ops = &fault_ops;
	fault.inner = inner;
	fault.random = seed ? seed : 1;
	fault.rx.rates = rx;
	fault.tx.rates = tx;
	fault.stats = (struct fault_stats){ 0 };
	for (i = 0; i < HELD; i++)
		fault.rx.held[i].wait = fault.tx.held[i].wait = 0;
	return &fault.l;
}

const struct fault_stats *link_fault_stats(const struct link *l)
{
	const char *base = (const char *)l - offsetof(struct link_fault, l);

	return &((const struct link_fault *)base)->stats;
}
