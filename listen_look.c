/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_look.c - forwarded ports: seeing what listens where they lead to, and when
 *
 * DOC: the kernel tells nobody that a socket begins to listen. So this is looked at every
 * 80 to 230 ms, such that it takes 1/1500 of the time; ten times as often at first and
 * after a change, as services come in crowds, and clients right behind them. First,
 * whether the numbers of sockets have changed, or have not for two seconds or, where the
 * kernel has many sockets to go through, up to ten; then, by a hash, whether what listens
 * has; only then is that asked for again, to be used. Where nothing but fixed UDP ports is
 * forwarded, nobody looks until somebody was refused there.
 *
 * Called by passt.c and the timer wheel.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "conf.h"
#include "listen.h"
#include "listen_int.h"
#include "sock.h"
#include "splice.h"
#include "util.h"
#include "worker.h"

enum {
	SCAN_MIN = 80, SCAN_MAX = 230,	/* ms between two looks */
	SOON = 2000, SOON_MIN = 5,	/* ms after a change, and between two looks then */
	SOON_TIMES = 10,
	SCAN_SHARE = 1500,		/* one part of so many is spent looking ... */
	FULL_SHARE = 20,		/* ... or of so many, while sockets come and go */
	WAKE_NS = 60 * 1000,		/* a look costs that in addition */
	FULL = 2000, FULL_MAX = 10000,	/* ms, in which numbers of sockets may mislead */
	RETRY = 1000,			/* ms, for ports that can't be had now */
	PAUSE = 100,			/* ms, while connections can't be taken */
	WAIT = 10000, PROBE = 200,	/* ms: for a guest, and to ask it again */
	EAGER_TIME = 10000, EAGER = 20,	/* ms: so long, so often, after a refusal */
};

/* FNV-1a over what is found */
static void sum_sock(void *ctx, const struct scan_sock *sk)
{
	uint64_t *sum = ctx, k[4];
	size_t i;

	memcpy(k, sk->addr.b, sizeof(sk->addr.b));
	k[2] = (uint64_t)sk->ifindex << 32 | (uint32_t)sk->port << 16 | sk->proto;
	k[3] = sk->dual;
	for (i = 0; i < NELEM(k); i++) {
		*sum = (*sum ^ k[i]) * 0x100000001b3;
		*sum ^= *sum >> 29;
	}
}

struct mapping { struct reach_ctx reach; uint8_t *map; };

static void map_sock(void *ctx, const struct scan_sock *sk)
{
	struct mapping *m = ctx;
	uint8_t reach = listen_reach(&m->reach, sk);

	m->map[sk->port] |= sk->proto == IPPROTO_TCP ? reach : reach << REACH_UDP_SHIFT;
}

/* Peers on the host come to the guest's own address, or to its loopback if spliced */
static void reach_in(const struct worker *w, enum ipver v, struct reach_ctx *c)
{
	struct side at = { addr_loopback(v), 1 }, to = { { { { 0 } } }, 1 };
	struct side out[SPLICE_TARGETS];
	const struct guest *g = &w->guest;
	int i, n = 0;

	c->own[v] = addr_is_any(&g->seen[v]) ? w->cf->net[v].addr : g->seen[v];
	c->own_ll = g->seen_ll;
	c->remote[v] = w->link;
	if (splice_takes(w, &at.addr, &to.addr))
		n = splice_targets(w, &at, &to, true, out);
	for (i = 0; i < n; i++) {
		if (addr_is_loopback(&out[i].addr))
			c->lo_to_lo[v] = true;
		else
			c->lo_to_own[v] = true;
	}
}

static struct reach_ctx reach_ctx(const struct worker *w, const struct listen_table *t)
{
	struct reach_ctx c = { 0 };
	enum ipver v;

	for (v = V4; v < IPVERS; v++) {
		if (t->dir == LISTEN_IN)
			reach_in(w, v, &c);
		else
			c.lo_to_lo[v] = true;
	}
	return c;
}

/* What we listen for the other direction is no service: that would be a loop */
static void forget_own(struct listeners *l, const struct listen_table *other)
{
	uint32_t i;
	int k, slot;

	for (k = 0; k < other->rules.count; k++) {
		const struct fwd_rule *r = &other->rules.rules[k];
		uint8_t keep = r->proto == IPPROTO_TCP ?
			(uint8_t)~REACH_FULL : (uint8_t)REACH_FULL;

		for (i = other->base[k]; i < other->base[k + 1]; i++) {
			for (slot = 0; slot < SLOTS; slot++) {
				if (other->ports[i].state[slot] >= SLOT_ON)
					l->map[r->first + (i - other->base[k])] &= keep;
			}
		}
	}
}

/* Who would be answered where, now: to l->map. 0 or -errno */
static int fill_map(struct worker *w, struct listen_table *t)
{
	struct mapping m = { reach_ctx(w, t), w->listen->map };
	int rc;

	memset(w->listen->map, 0, sizeof(w->listen->map));
	if (!t->scanned)
		return 0;
	rc = scan_run(&t->scan, t->scan_udp, map_sock, &m);
	forget_own(w->listen, &w->listen->table[!t->dir]);
	return rc;
}

/* Has anything changed? Costs little if not. */
static bool has_changed(struct worker *w, struct listen_table *t, bool leaf)
{
	const struct scan_sock seen[] = {
		{ .addr = w->guest.seen[V4], .port = leaf },
		{ .addr = w->guest.seen[V6] }, { .addr = w->guest.seen_ll },
	};
	uint64_t sum = 0xcbf29ce484222325;
	size_t i;

	for (i = 0; i < NELEM(seen); i++)
		sum_sock(&sum, &seen[i]);
	if (scan_run(&t->scan, t->scan_udp, sum_sock, &sum) || sum == t->sum)
		return false;
	t->sum = sum;
	return true;
}

/* Can nothing have changed? Costs next to nothing. */
static bool is_quiet(const struct worker *w, struct listen_table *t)
{
	uint64_t counts = scan_counts(&t->scan);

	if (counts && counts == t->counts && w->now < t->full_at)
		return true;
	t->counts = counts;
	return false;
}

/* Look, and open and close sockets as needed. 0, or -errno if that is the end */
static int look(struct worker *w, struct listen_table *t, bool must)
{
	uint64_t begin = now_ns(), rest;
	bool leaf = true, changed = false;

	if (t->scanned && (must || !is_quiet(w, t))) {
		leaf = t->dir == LISTEN_OUT || scan_is_leaf(&t->scan);
		changed = has_changed(w, t, leaf);
		rest = (now_ns() - begin) * 2 * SCAN_SHARE / 1000000;
		t->full_at = w->now + MIN(MAX(rest, FULL), FULL_MAX);
	}
	w->listen->took += now_ns() - begin;
	if (!changed && !must)
		return 0;
	if (fill_map(w, t)) {		/* nothing is known: all stays, until the next look */
		t->sum = t->counts = 0;
		return 0;
	}
	return listen_apply(w, t, leaf && t->scanned);
}

static int open_scan(void *ctx)
{
	struct listen_table *t = ctx;

	return scan_open(&t->scan);
}

/* Get ready to look, if a rule asks for it */
static void start_scan(struct worker *w, struct listen_table *t)
{
	int i, rc;

	for (i = 0; i < t->rules.count; i++) {
		const struct fwd_rule *r = &t->rules.rules[i];

		t->can_scan |= listen_is_seen(w, t, r);
		t->scanned |= listen_is_followed(w, t, r);
		t->scan_udp |= r->scan && r->proto == IPPROTO_UDP;
	}
	if (!t->can_scan || !w->in_ns) {
		t->can_scan = t->scanned = false;
		return;
	}
	rc = t->dir == LISTEN_OUT ? open_scan(t) : w->in_ns(w, open_scan, t);
	if (rc < 0) {
		log_warn("Can't see what listens: %s, ports given by \"auto\" stay closed",
			 err_str(rc));
		t->can_scan = t->scanned = false;
	}
}

/* Watch all sockets that peers are welcome at */
static void watch_all(struct worker *w)
{
	struct listen_table *t;
	uint32_t i;
	int slot;

	for (t = w->listen->table; t < w->listen->table + LISTEN_DIRS; t++) {
		for (i = 0; i < t->base[t->rules.count]; i++) {
			struct listen_port *p = &t->ports[i];

			for (slot = 0; slot < SLOTS; slot++) {
				if (p->state[slot] >= SLOT_ON)
					listen_watch(w, p->fd[slot] - 1, listen_tag(t, i, slot));
			}
		}
	}
}

bool listen_start(struct worker *w)
{
	struct listeners *l = w->listen;
	int dir, rc = 0;

	l->started = true;
	l->changed_at = w->now;
	listen_spare(l);
	for (dir = 0; dir < LISTEN_DIRS; dir++)
		start_scan(w, &l->table[dir]);
	for (dir = 0; dir < LISTEN_DIRS && !rc; dir++)
		rc = look(w, &l->table[dir], true);
	if (rc) {
		log_err("Couldn't listen on requested ports");
		return false;
	}
	watch_all(w);
	l->running = true;
	listen_turn(w);
	return true;
}

struct timer *listen_timer(struct worker *w)
{
	return &w->listen->timer;
}

/* When to look again, in ms, after a look at @now that took l->took ns. The cost is
 * smoothed, as other processes can make a single look dear; one that was really dear
 * is followed by a longer rest.
 */
static uint64_t interval(struct listeners *l, uint64_t now)
{
	uint64_t wait;

	l->cost = l->cost ? l->cost - l->cost / 8 + l->took / 8 : l->took;
	wait = (l->cost + WAKE_NS) * SCAN_SHARE / 1000000;
	wait = MIN(MAX(wait, SCAN_MIN), SCAN_MAX);
	if (now - l->changed_at < SOON)
		wait = MAX(wait / SOON_TIMES, SOON_MIN);
	if (now < l->eager_until)
		wait = MIN(wait, EAGER);
	return MAX(wait, MIN(l->cost * FULL_SHARE / 1000000, FULL));
}

void listen_turn(struct worker *w)
{
	struct listeners *l = w->listen;
	bool retry = w->now >= l->retry_at && !l->full, again = false;
	struct listen_table *t;

	l->took = 0;
	if (retry)
		l->retry_at = w->now + RETRY;
	for (t = l->table; t < l->table + LISTEN_DIRS; t++) {
		l->retry = retry && t->failed;
		look(w, t, l->retry || t->refused);
		t->refused = false;
		again |= t->scanned || t->failed;
	}
	if (l->waits && w->now >= l->wait_until) {
		l->waits = false;
		l->paused = true;
	}
	if (l->paused)
		watch_all(w);
	l->paused = false;
	if (l->waits)
		timer_set(&w->wheel, &l->timer, w->now + PROBE);
	else if (again)
		timer_set(&w->wheel, &l->timer, w->now + interval(l, w->now));
}

static uint8_t ready(const struct worker *w)
{
	return w->guest.ready[V4] << V4 | w->guest.ready[V6] << V6;
}

/* With a socket for both families one of them is enough: the other may never come */
bool listen_wait(struct worker *w, const struct listen_at *at, union tag tag)
{
	struct listeners *l = w->listen;
	uint8_t need = at->both ? 1 << V4 | 1 << V6 : 1 << (at->v6 ? V6 : V4);

	if (at->table->dir == LISTEN_OUT || !w->link || ready(w) & need)
		return false;
	if (!l->wait_until)
		l->wait_until = w->now + WAIT;
	if (w->now >= l->wait_until)
		return false;
	loop_mod(&w->loop, at->fd, 0, tag);
	l->waits = true;
	l->guest = ready(w);
	timer_set(&w->wheel, &l->timer, w->now + PROBE);
	return true;
}

bool listen_waits(const struct worker *w)
{
	return w->listen->waits;
}

void listen_guest(struct worker *w)
{
	struct listeners *l = w->listen;

	if (!l->waits || l->guest == ready(w))
		return;
	l->waits = false;
	watch_all(w);
}

void listen_new_guest(struct worker *w)
{
	struct listeners *l = w->listen;

	l->wait_until = l->waits ? w->now + WAIT : 0;
}

/* A look at once would be one for each datagram, and too soon for who is just starting */
void listen_refused(struct worker *w, const struct listen_at *at)
{
	struct listen_table *t = at->table;
	struct listeners *l = w->listen;

	if (at->state->refused || !t->can_scan || at->rule->scan ||
	    !listen_is_seen(w, t, at->rule))
		return;
	at->state->refused = t->refused = t->scanned = t->scan_udp = true;
	at->state->known = false;
	l->eager_until = w->now + EAGER_TIME;
	if (!timer_armed(&l->timer) || l->timer.deadline > w->now + EAGER)
		timer_set(&w->wheel, &l->timer, w->now + EAGER);
}

void listen_pause(struct worker *w)
{
	struct listeners *l = w->listen;

	l->paused = true;
	if (!timer_armed(&l->timer))
		timer_set(&w->wheel, &l->timer, w->now + PAUSE);
}

void listen_spare(struct listeners *l)
{
	if (l->spare < 0)
		l->spare = sock_open(IPPROTO_UDP, V4);
}
