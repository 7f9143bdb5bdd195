/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_test.c - finding, freeing, generations, dirty list, the whole table */
#include <errno.h>

#include "flow.h"
#include "test.h"
#include "util.h"
#include "worker.h"

static struct worker w;

static struct side side(uint32_t a, uint16_t port)
{
	return (struct side){ addr_v4(htonl(a)), port };
}

/* A flow between fixed addresses, told apart by @n */
static struct flow *open_flow(uint32_t n)
{
	struct flow *f = flow_new(&w, FLOW_TCP, IPPROTO_TCP);

	if (f) {
		f->guest = side(0xc0000202, n & 0xffff);
		f->seen = side(0xc6336400 + (n >> 16), 80);
		flow_hash(&w, f);
	}
	return f;
}

static struct flow *find(uint8_t proto, uint32_t n)
{
	struct side guest = side(0xc0000202, n & 0xffff);
	struct side seen = side(0xc6336400 + (n >> 16), 80);

	return flow_find(&w, proto, &guest, &seen);
}

static void free_one(struct worker *worker, struct flow *f)
{
	flow_free(worker, f);
}

static void t_find(void)
{
	struct flow *a = open_flow(1), *b = open_flow(2);
	struct side guest = a->guest, seen = a->seen;

	CHECK(a && b && a != b && flow_count(&w) == 2);
	CHECK(a->fd == -1 && a->type == FLOW_TCP && a->proto == IPPROTO_TCP);
	CHECK(find(IPPROTO_TCP, 1) == a && find(IPPROTO_TCP, 2) == b);
	CHECK(!find(IPPROTO_UDP, 1) && !find(IPPROTO_TCP, 3));
	CHECK(!flow_find(&w, IPPROTO_TCP, &seen, &guest));
	guest.port ^= 1;
	seen.port ^= 1;
	CHECK(!flow_find(&w, IPPROTO_TCP, &guest, &seen));

	flow_free(&w, a);
	CHECK(!find(IPPROTO_TCP, 1) && find(IPPROTO_TCP, 2) == b);
	flow_free(&w, b);
	CHECK(!flow_count(&w));
}

static void t_reuse(void)
{
	struct flow *a = open_flow(1), *b;
	union tag tag = flow_tag(&w, a, EV_TCP), beyond = tag;
	uint32_t gen = a->gen, i;

	CHECK(tag.kind == EV_TCP && flow_by_tag(&w, tag) == a);
	beyond.index = 0;
	CHECK(!flow_by_tag(&w, beyond));
	beyond.index = UINT32_MAX;
	CHECK(!flow_by_tag(&w, beyond));

	flow_free(&w, a);
	CHECK(!flow_by_tag(&w, tag));
	beyond = tag;
	beyond.gen++;				/* the next one, not yet there */
	CHECK(!flow_by_tag(&w, beyond));
	b = open_flow(2);
	CHECK(b == a && b->gen == gen + 1);	/* last in, first out */
	CHECK(!flow_by_tag(&w, tag) && flow_by_tag(&w, beyond) == b);
	CHECK(!b->from_guest && !timer_armed(&b->timer));
	flow_free(&w, b);

	for (i = 0; i < 0x1000000 - 3; i++) {	/* once round the 24 bits */
		b = flow_new(&w, FLOW_TCP, IPPROTO_TCP);
		flow_free(&w, b);
	}
	b = open_flow(3);
	CHECK(b == a && flow_by_tag(&w, flow_tag(&w, b, EV_TCP)) == b);
	CHECK(!flow_by_tag(&w, tag));
	flow_free(&w, b);
}

static void t_timer(void)
{
	struct flow *f = open_flow(1);

	timer_set(&w.wheel, &f->timer, 1000);
	CHECK(wheel_timeout(&w.wheel, 0) >= 1000);
	flow_free(&w, f);
	CHECK(wheel_timeout(&w.wheel, 0) == -1);
}

static void t_dirty(void)
{
	struct flow *a = open_flow(1), *b = open_flow(2), *c = open_flow(3), *d;

	CHECK(!flow_next_dirty(&w) && !flow_dirty_begin(&w));
	flow_dirty(&w, b);
	flow_dirty(&w, a);
	flow_dirty(&w, b);			/* once is enough */
	CHECK(!flow_next_dirty(&w));		/* not before its turn */
	CHECK(flow_dirty_begin(&w));
	CHECK(flow_next_dirty(&w) == b);
	flow_dirty(&w, c);			/* for the next turn */
	flow_dirty(&w, b);
	CHECK(flow_next_dirty(&w) == a);
	CHECK(!flow_next_dirty(&w));
	CHECK(flow_dirty_begin(&w));
	CHECK(flow_next_dirty(&w) == c);
	CHECK(flow_next_dirty(&w) == b);
	CHECK(!flow_next_dirty(&w) && !flow_dirty_begin(&w));

	flow_dirty(&w, a);
	flow_dirty(&w, b);
	flow_dirty(&w, c);
	flow_free(&w, b);			/* skipped */
	flow_dirty_begin(&w);
	CHECK(flow_next_dirty(&w) == a);
	CHECK(flow_next_dirty(&w) == c);
	CHECK(!flow_next_dirty(&w));

	flow_dirty(&w, a);
	flow_dirty(&w, c);
	flow_dirty_begin(&w);
	flow_free(&w, a);
	d = open_flow(4);
	CHECK(d != a);				/* whose slot is on the list */
	CHECK(flow_next_dirty(&w) == c);
	CHECK(!flow_next_dirty(&w));
	CHECK(open_flow(5) == a);		/* now it may */
	flow_free(&w, a);

	flow_dirty(&w, c);			/* freed and not used again */
	flow_free(&w, c);
	flow_dirty_begin(&w);
	CHECK(!flow_next_dirty(&w));
	flow_free(&w, d);
}

/* What does not need the link does not wait for it, in whatever slot it is */
static void t_stuck(void)
{
	struct flow *a = open_flow(1), *b = flow_new(&w, FLOW_TCP_SPLICE, IPPROTO_TCP), *c;

	flow_dirty(&w, a);
	flow_dirty(&w, b);
	w.link_stuck = true;
	CHECK(flow_dirty_begin(&w));
	CHECK(flow_next_dirty(&w) == b);
	CHECK(!flow_next_dirty(&w) && !flow_dirty_begin(&w));

	flow_free(&w, a);		/* still on the list that waits, and so is its slot */
	c = flow_new(&w, FLOW_UDP_SPLICE, IPPROTO_UDP);
	CHECK(c != a && !flow_dirty_begin(&w));
	flow_dirty(&w, c);
	CHECK(flow_dirty_begin(&w) && flow_next_dirty(&w) == c);
	CHECK(!flow_next_dirty(&w));

	w.link_stuck = false;
	CHECK(flow_dirty_begin(&w) && !flow_next_dirty(&w));
	flow_free(&w, b);
	CHECK(open_flow(1) == b);
	flow_dirty(&w, b);
	flow_dirty_begin(&w);
	w.link_stuck = true;		/* in the middle of a turn */
	CHECK(!flow_next_dirty(&w));
	w.link_stuck = false;
	CHECK(flow_dirty_begin(&w) && flow_next_dirty(&w) == b);
	flow_free(&w, b);
	flow_free(&w, c);
}

static void t_each(void)
{
	struct flow *u;
	uint32_t i;

	for (i = 0; i < 10; i++)
		open_flow(i);
	u = flow_new(&w, FLOW_UDP, IPPROTO_UDP);
	flow_each(&w, FLOW_TCP, free_one);
	CHECK(flow_count(&w) == 1 && u->type == FLOW_UDP);
	flow_each(&w, FLOW_UDP, free_one);
	CHECK(!flow_count(&w));
}

static struct flow *evicted;

static void end_early(struct worker *worker, struct flow *f)
{
	evicted = f;
	flow_free(worker, f);
}

static const struct flow_ops ops[FLOW_TYPES] = {
	[FLOW_UDP] = { .timer = end_early }, [FLOW_ICMP] = { .timer = end_early },
	[FLOW_UDP_SPLICE] = { .timer = end_early },
};

/* A few flows are looked at by each call */
static struct flow *make_room(int err)
{
	int i;

	for (i = 0; i < 5; i++) {
		if (flow_make_room(&w, err))
			return evicted;
	}
	return NULL;
}

/* Of conversations, not connections, the one that would end first */
static void t_room(void)
{
	static const enum flow_type types[] = { FLOW_UDP, FLOW_ICMP, FLOW_UDP_SPLICE };
	struct flow *u[20];
	int i;

	CHECK(!make_room(-EMFILE));
	for (i = 0; i < 1000; i++)
		open_flow(i);
	CHECK(!make_room(-EMFILE));
	flow_new(&w, FLOW_UDP, 0);		/* is being opened: has no timer yet */
	CHECK(!make_room(-EMFILE));
	for (i = 0; i < 20; i++) {
		u[i] = flow_new(&w, types[i % 3], 0);
		timer_set(&w.wheel, &u[i]->timer, 500 + (i * 7 + 5) % 20);
	}
	CHECK(!make_room(0) && !make_room(-ECONNREFUSED) && !make_room(-ENOMEM));
	CHECK(make_room(-EMFILE) == u[5]);	/* 5 * 7 + 5 is 0 modulo 20 */
	CHECK(make_room(-ENFILE) == u[8]);
	CHECK(make_room(-ENOSPC) == u[11]);
	flow_each(&w, FLOW_TCP, free_one);
	for (i = 0; i < 3; i++)
		flow_each(&w, types[i], free_one);
	CHECK(!make_room(-EMFILE) && !flow_count(&w));
}

static void t_full(void)
{
	uint32_t i, proto, missing = 0, stray = 0;
	struct flow *f;

	for (i = 0; i < FLOW_MAX; i++)
		missing += !open_flow(i);
	CHECK(!missing && flow_count(&w) == FLOW_MAX);
	CHECK(!flow_new(&w, FLOW_TCP, IPPROTO_TCP));
	f = find(IPPROTO_TCP, 77);
	flow_free(&w, f);
	CHECK(flow_new(&w, FLOW_UDP_SPLICE, IPPROTO_UDP) == f);
	timer_set(&w.wheel, &f->timer, 500);
	for (i = 0; i < FLOW_MAX / 200 && !(f = open_flow(77)); i++)
		;
	CHECK(f && f == evicted && f == find(IPPROTO_TCP, 77));
	for (i = 0; i < FLOW_MAX; i++) {
		f = find(IPPROTO_TCP, i);
		missing += !f;
		stray += f && flow_by_tag(&w, flow_tag(&w, f, EV_TCP)) != f;
	}
	CHECK(!missing && !stray);
	for (i = 0; i < FLOW_MAX; i++) {	/* some share a chain with theirs */
		for (proto = 100; proto < 108; proto++)
			stray += !!find(proto, i);
	}
	CHECK(!stray);

	for (i = 0; i < FLOW_MAX; i += 2)	/* every other one */
		flow_free(&w, find(IPPROTO_TCP, i));
	for (i = 0; i < FLOW_MAX; i++)
		stray += !find(IPPROTO_TCP, i) != !(i & 1);
	CHECK(!stray);
	CHECK(open_flow(0) == find(IPPROTO_TCP, 0));
	flow_each(&w, FLOW_TCP, free_one);
	CHECK(!flow_count(&w) && !find(IPPROTO_TCP, 1));
}

static void t_str(void)
{
	char buf[FLOW_STRLEN];
	struct flow f = {
		.type = FLOW_TCP, .from_guest = true,
		.guest = side(0xc0000202, 4000), .seen = side(0xc6336402, 80),
	};

	CHECK(!strcmp(flow_str(&f, buf), "TCP 192.0.2.2:4000 -> 198.51.100.2:80"));
	f.from_guest = false;
	f.type = FLOW_UDP_SPLICE;
	CHECK(!strcmp(flow_str(&f, buf),
		      "UDP splice 198.51.100.2:80 -> 192.0.2.2:4000"));
	memset(f.guest.addr.b, 0xee, 16);
	memset(f.seen.addr.b, 0xee, 16);
	CHECK(strlen(flow_str(&f, buf)) < FLOW_STRLEN - 1);
}

int main(void)
{
	w.flows = flowtab_init();
	w.flow_ops = ops;
	w.secret = (struct hash_key){ { 0x1234567890abcdef, 0xfedcba0987654321 } };
	wheel_init(&w.wheel, 0);

	t_find();
	t_reuse();
	t_timer();
	t_dirty();
	t_stuck();
	t_each();
	t_room();
	t_full();
	t_str();
	return test_end("flow");
}
