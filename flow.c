/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow.c - fixed table of flows
 *
 * Slots are taken from a free list, last in first out, so that warm memory is
 * used again; only if it is empty does the table grow into slots that were
 * never touched. Chains, free list and dirty list are linked by index, and index
 * 0 is nobody: static memory, all zeros, is an empty table.
 *
 * A slot's generation goes up whenever its flow is freed, and a tag carries 24 bits
 * of it. A flow that is freed while it is on a dirty list leaves it, and its slot
 * is free again, when its turn comes.
 * Called by the protocols and by tap.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "hash.h"
#include "log.h"
#include "sock.h"
#include "util.h"
#include "worker.h"

enum { BUCKETS = FLOW_MAX + 1, NOBODY = 0, GEN_MASK = 0xffffff };
enum { LOOKS = 256, SAMPLES = 32 };	/* for a stale flow: slots, conversations */

struct flow_slot {
	_Alignas(64) union {
		struct flow flow;
		unsigned char room[FLOW_SIZE];
	};
};

struct flowtab {
	uint32_t free;			/* index of the first on the free list */
	uint32_t top;			/* highest index ever used */
	uint32_t count;			/* in use */
	uint32_t hand;			/* last slot where a stale flow was looked for */
	struct dirty {
		uint32_t first, last;
		uint32_t stop;		/* last one of this turn, or nobody */
	} dirty[FLOW_LISTS];
	uint32_t buckets[BUCKETS];
	struct flow_slot slots[FLOW_MAX + 1];	/* [NOBODY] is not used */
};

_Static_assert(!(BUCKETS & (BUCKETS - 1)), "buckets are chosen by a mask");
_Static_assert(sizeof(struct flow_slot) == FLOW_SIZE, "whole cache lines");

struct flowtab *flowtab_init(void)
{
	static struct flowtab tab;

	return &tab;
}

static struct flow *at(struct flowtab *tab, uint32_t index)
{
	return index == NOBODY ? NULL : &tab->slots[index].flow;
}

static uint32_t index_of(const struct flowtab *tab, const struct flow *f)
{
	const char *base = (const char *)tab->slots;

	return ((const char *)f - base) / sizeof(tab->slots[0]);
}

static uint32_t *bucket(struct worker *w, uint8_t proto, const struct side *guest,
			const struct side *seen)
{
	uint64_t key[5];

	memcpy(&key[0], guest->addr.b, sizeof(guest->addr.b));
	memcpy(&key[2], seen->addr.b, sizeof(seen->addr.b));
	key[4] = (uint64_t)proto << 32 | (uint32_t)guest->port << 16 | seen->port;
	return &w->flows->buckets[hash_words(&w->secret, key, NELEM(key)) %
				  BUCKETS];
}

/* From the free list, else one never used, or NULL */
static struct flow *take_slot(struct flowtab *tab)
{
	struct flow *f = at(tab, tab->free);

	if (f)
		tab->free = f->hash_next;
	else if (tab->top < FLOW_MAX)
		f = at(tab, ++tab->top);
	return f;
}

struct flow *flow_new(struct worker *w, enum flow_type type, uint8_t proto)
{
	struct flowtab *tab = w->flows;
	struct flow *f = take_slot(tab);
	uint32_t gen;

	if (unlikely(!f) && flow_make_room(w, -ENOSPC))
		f = take_slot(tab);
	if (!f)
		return NULL;
	tab->count++;
	w->stats.flows_opened++;

	gen = f->gen;
	memset(f, 0, FLOW_SIZE);
	f->gen = gen;
	f->type = type;
	f->proto = proto;
	f->fd = -1;
	return f;
}

void flow_hash(struct worker *w, struct flow *f)
{
	uint32_t *head = bucket(w, f->proto, &f->guest, &f->seen);

	f->hash_next = *head;
	f->hashed = true;
	*head = index_of(w->flows, f);
}

struct flow *flow_find(struct worker *w, uint8_t proto, const struct side *guest,
		       const struct side *seen)
{
	struct flow *f = at(w->flows, *bucket(w, proto, guest, seen));

	while (f && !(f->proto == proto && side_eq(&f->guest, guest) &&
		      side_eq(&f->seen, seen)))
		f = at(w->flows, f->hash_next);
	return f;
}

static void unhash(struct worker *w, struct flow *f)
{
	uint32_t *link = bucket(w, f->proto, &f->guest, &f->seen);
	uint32_t index = index_of(w->flows, f);

	while (*link != index)
		link = &at(w->flows, *link)->hash_next;
	*link = f->hash_next;
	f->hashed = false;
}

static void slot_free(struct flowtab *tab, struct flow *f)
{
	f->hash_next = tab->free;
	tab->free = index_of(tab, f);
}

void flow_free(struct worker *w, struct flow *f)
{
	if (f->hashed)
		unhash(w, f);
	timer_stop(&w->wheel, &f->timer);
	f->type = FLOW_FREE;
	f->gen++;
	w->flows->count--;
	if (!f->dirty)
		slot_free(w->flows, f);
}

struct flow *flow_by_tag(struct worker *w, union tag tag)
{
	struct flow *f;

	if (tag.index == NOBODY || tag.index > w->flows->top)
		return NULL;
	f = at(w->flows, tag.index);
	return f->type != FLOW_FREE && (f->gen & GEN_MASK) == tag.gen ? f : NULL;
}

union tag flow_tag(const struct worker *w, const struct flow *f,
		   enum ev_kind kind)
{
	return (union tag){
		.index = index_of(w->flows, f),
		.gen = f->gen & GEN_MASK,
		.kind = kind,
	};
}

uint32_t flow_count(const struct worker *w)
{
	return w->flows->count;
}

void flow_each(struct worker *w, enum flow_type type,
	       void (*fn)(struct worker *w, struct flow *f))
{
	uint32_t i;

	for (i = 1; i <= w->flows->top; i++) {
		struct flow *f = at(w->flows, i);

		if (f->type == type)
			fn(w, f);
	}
}

static enum flow_list list_of(const struct flow *f)
{
	return f->type == FLOW_TCP_SPLICE || f->type == FLOW_UDP_SPLICE ?
	       FLOW_LOCAL : FLOW_LINK;
}

void flow_dirty(struct worker *w, struct flow *f)
{
	enum flow_list l = list_of(f);
	struct dirty *d = &w->flows->dirty[l];
	uint32_t index = index_of(w->flows, f);

	if (f->dirty)
		return;
	f->dirty = true;
	f->dirty_next = NOBODY;
	if (d->first == NOBODY)
		d->first = index;
	else
		at(w->flows, d->last)->dirty_next = index;
	d->last = index;
}

static bool waits(const struct worker *w, enum flow_list l)
{
	return l == FLOW_LINK && w->link_stuck;
}

bool flow_dirty_begin(struct worker *w)
{
	enum flow_list l;
	bool any = false;

	for (l = 0; l < FLOW_LISTS; l++) {
		struct dirty *d = &w->flows->dirty[l];

		d->stop = d->first == NOBODY || waits(w, l) ? NOBODY : d->last;
		any |= d->stop != NOBODY;
	}
	return any;
}

static struct flow *next_of(struct worker *w, enum flow_list l)
{
	struct dirty *d = &w->flows->dirty[l];

	while (d->stop != NOBODY && !waits(w, l)) {
		uint32_t index = d->first;
		struct flow *f = at(w->flows, index);

		if (index == d->stop)
			d->stop = NOBODY;
		d->first = f->dirty_next;
		f->dirty = false;
		if (f->type != FLOW_FREE)
			return f;
		slot_free(w->flows, f);
	}
	return NULL;
}

struct flow *flow_next_dirty(struct worker *w)
{
	struct flow *f = next_of(w, FLOW_LOCAL);

	return f ? f : next_of(w, FLOW_LINK);
}

const char *flow_str(const struct flow *f, char buf[FLOW_STRLEN])
{
	static const char *const names[FLOW_TYPES] = {
		[FLOW_FREE] = "free", [FLOW_TCP] = "TCP", [FLOW_UDP] = "UDP",
		[FLOW_ICMP] = "ICMP", [FLOW_TCP_SPLICE] = "TCP splice",
		[FLOW_UDP_SPLICE] = "UDP splice",
	};
	char guest[SIDE_STRLEN], seen[SIDE_STRLEN];

	side_str(&f->guest, guest);
	side_str(&f->seen, seen);
	snprintf(buf, FLOW_STRLEN, "%s %s -> %s", names[f->type],
		 f->from_guest ? guest : seen, f->from_guest ? seen : guest);
	return buf;
}

/* What can be done about it; else it is the network's matter */
static const char *hint(int err)
{
	switch (err) {
	case EMFILE:
		return "raise the limit of open files, see ulimit -Hn";
	case ENFILE:
		return "raise sysctl fs.file-max";
	case ENOBUFS:
	case ENOMEM:
		return "the host has no memory left for sockets";
	case ENOSPC:
		return "there are too many at a time";
	case EADDRNOTAVAIL:
		return "see sysctl net.ipv4.ip_local_port_range and option --outbound";
	case ENODEV:
		return "see options --outbound-if4 and --outbound-if6";
	case EPERM:
	case EACCES:
		return "a rule of the host forbids it";
	default:
		return NULL;
	}
}

static void tell(struct worker *w, const struct flow *f, const char *event, int err)
{
	const char *what = abs(err) == ENOSPC ? "the table is full" : err_str(err);
	const char *help = hint(abs(err));
	char buf[FLOW_STRLEN];

	if (log_on(help ? LOG_WARN : LOG_DBG))
		log_limited(&w->log_tokens, w->now, help ? LOG_WARN : LOG_DBG,
			    "%s %s: %s%s%s", flow_str(f, buf), event, what,
			    help ? "; " : "", help ? help : "");
}

void flow_refused(struct worker *w, enum flow_type type, const struct side *from,
		  const struct side *to, int err)
{
	struct flow f = { .type = type, .from_guest = true, .guest = *from, .seen = *to };

	tell(w, &f, "can't be opened", err);
}

static bool is_conversation(const struct flow *f)
{
	return f->type == FLOW_UDP || f->type == FLOW_ICMP || f->type == FLOW_UDP_SPLICE;
}

/* Of conversations, one whose timer is one of the next to expire, or NULL: none was seen */
static struct flow *stale(struct worker *w)
{
	struct flowtab *tab = w->flows;
	struct flow *oldest = NULL;
	uint32_t looks = MIN(tab->top, LOOKS), samples = SAMPLES;

	while (looks-- && samples) {
		struct flow *f;

		tab->hand = tab->hand % tab->top + 1;
		f = at(tab, tab->hand);
		if (!is_conversation(f) || !timer_armed(&f->timer))
			continue;
		samples--;
		if (!oldest || f->timer.deadline < oldest->timer.deadline)
			oldest = f;
	}
	return oldest;
}

bool flow_make_room(struct worker *w, int err)
{
	struct flow *f;

	if (!sock_no_descriptor(err) && err != -ENOSPC)
		return false;
	f = stale(w);
	if (!f)
		return false;
	tell(w, f, "makes room for another", err);
	w->flow_ops[f->type].timer(w, f);
	return true;
}
