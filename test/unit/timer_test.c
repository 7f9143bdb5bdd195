/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timer_test.c - every timer fires once, never early, an eighth late at most
 *
 * Compared with a plain array of deadlines, in time that the test makes. The seed is
 * printed and may be given as an argument.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "test.h"
#include "timer.h"
#include "util.h"

enum { TIMERS = 300 };

struct item {
	struct timer t;			/* first: the callback gets this */
	uint64_t set, deadline;		/* the latest setting; 0: not armed */
	int fired;
};

struct world {
	struct wheel w;
	struct item items[TIMERS];
	uint64_t now;
};

static void fire(void *ctx, struct timer *t)
{
	struct world *wd = ctx;
	struct item *it = (struct item *)t;

	CHECK(!timer_armed(t));
	CHECK(it->deadline && it->deadline <= wd->now);
	it->deadline = 0;
	it->fired++;
}

static void start(struct world *wd, uint64_t now)
{
	*wd = (struct world){ .now = now };
	wheel_init(&wd->w, now);
}

static void set(struct world *wd, int i, uint64_t after)
{
	wd->items[i].set = wd->now;
	wd->items[i].deadline = wd->now + after;
	timer_set(&wd->w, &wd->items[i].t, wd->now + after);
}

static void stop(struct world *wd, int i)
{
	wd->items[i].deadline = 0;
	timer_stop(&wd->w, &wd->items[i].t);
}

static void run_at(struct world *wd, uint64_t now)
{
	wd->now = now;
	wheel_run(&wd->w, now, fire, wd);
}

/* Turn after turn as the loop does it, until nothing is armed or @end */
static void run_until(struct world *wd, uint64_t end)
{
	int ms;

	while ((ms = wheel_timeout(&wd->w, wd->now)) >= 0 &&
	       wd->now + ms <= end)
		run_at(wd, wd->now + ms);
	run_at(wd, end);
}

static void t_one(void)
{
	static const uint64_t after[] = {
		0, 1, 2, 7, 8, 63, 64, 65, 100, 511, 512, 513, 1000, 4096, 30000,
		120000, 7200000, 86400000, 200000000, 10000000000,
	};
	static struct world wd;
	size_t i, start_at;

	for (i = 0; i < NELEM(after); i++) {
		for (start_at = 1; start_at < 700; start_at += 13) {
			uint64_t due = start_at + after[i];

			start(&wd, start_at);
			set(&wd, 0, after[i]);
			CHECK(wheel_timeout(&wd.w, start_at) >=
			      (int)MIN(after[i], 100000000));
			if (after[i]) {
				run_until(&wd, due - 1);
				CHECK(!wd.items[0].fired);
			}
			run_until(&wd, due + after[i] * 8 / 63 + 1);
			CHECK(wd.items[0].fired == 1);
			CHECK(wheel_timeout(&wd.w, wd.now) == -1);
		}
	}
}

static void t_empty(void)
{
	static struct world wd;

	start(&wd, 12345);
	CHECK(wheel_timeout(&wd.w, 12345) == -1);
	run_at(&wd, 1000000);
	timer_stop(&wd.w, &wd.items[0].t);	/* not armed: nothing */
	set(&wd, 0, 50);
	CHECK(wheel_timeout(&wd.w, wd.now) == 50);
	CHECK(wheel_timeout(&wd.w, wd.now + 60) == 0);
	wheel_run(&wd.w, 999, fire, &wd);	/* a clock never goes back */
	CHECK(wheel_timeout(&wd.w, wd.now) == 50 && wd.w.now == 1000001);
	stop(&wd, 0);
	CHECK(wheel_timeout(&wd.w, wd.now) == -1 && !wd.items[0].fired);
}

/* Put off again and again: the wheel is left alone until the first deadline */
static void t_put_off(void)
{
	static struct world wd;
	struct timer **slot;
	uint64_t i;

	start(&wd, 5);
	set(&wd, 0, 200);
	run_at(&wd, 20);
	set(&wd, 0, 200);
	slot = wd.items[0].t.prev;
	for (i = 20; i < 200; i++) {
		run_at(&wd, i);
		set(&wd, 0, 200);
		CHECK(wd.items[0].t.prev == slot && !wd.items[0].fired);
	}
	run_until(&wd, 398);
	CHECK(!wd.items[0].fired);
	run_until(&wd, 399 + 26);
	CHECK(wd.items[0].fired == 1);

	set(&wd, 0, 10000);			/* and nearer */
	set(&wd, 0, 10);
	run_until(&wd, wd.now + 9);
	CHECK(wd.items[0].fired == 1);
	run_until(&wd, wd.now + 2);
	CHECK(wd.items[0].fired == 2);
}

/* Many at random, set, stopped and moved at random times */
static void t_random(void)
{
	static struct world wd;
	int step, i;

	start(&wd, random());
	for (step = 0; step < 20000; step++) {
		uint64_t far = 1ull << random() % 24, turn = wd.now;

		i = random() % TIMERS;
		if (random() % 4)
			set(&wd, i, random() % far);
		else
			stop(&wd, i);
		if (random() % 3)
			turn += random() % (1 << random() % 12);
		run_until(&wd, turn);
		i = random() % TIMERS;
		if (wd.items[i].deadline) {
			struct item *it = &wd.items[i];
			uint64_t late = (it->deadline - it->set) * 8 / 63 + 1;

			CHECK(timer_armed(&it->t));
			CHECK(it->deadline + late >= wd.now);
		} else {
			CHECK(!timer_armed(&wd.items[i].t));
		}
	}
	run_until(&wd, wd.now + (1ull << 26));
	for (i = 0; i < TIMERS; i++)
		CHECK(!wd.items[i].deadline);
}

/* All at once after a long sleep */
static void t_sleep(void)
{
	static struct world wd;
	int i;

	start(&wd, 1000);
	for (i = 0; i < TIMERS; i++)
		set(&wd, i, i * i * i);
	run_at(&wd, 1000 + 100000000);
	for (i = 0; i < TIMERS; i++)
		CHECK(wd.items[i].fired == 1);
}

/* What a callback may do: set itself for now, stop and set those due with it */
static void meddle(void *ctx, struct timer *t)
{
	struct world *wd = ctx;
	struct item *it = (struct item *)t;

	it->fired++;
	timer_set(&wd->w, t, wd->now);
	timer_stop(&wd->w, &wd->items[it == wd->items ? 1 : 0].t);
	timer_set(&wd->w, &wd->items[2].t, wd->now + 500);
}

static void t_callbacks(void)
{
	static struct world wd;
	int i;

	start(&wd, 0);
	for (i = 0; i < 3; i++)
		set(&wd, i, 10);
	wd.now = 10;
	wheel_run(&wd.w, 10, meddle, &wd);
	CHECK(wd.items[0].fired + wd.items[1].fired == 1);
	CHECK(wd.items[2].fired <= 1);
	CHECK(timer_armed(&wd.items[0].t) + timer_armed(&wd.items[1].t) == 1);
	CHECK(timer_armed(&wd.items[2].t));
	CHECK(wheel_timeout(&wd.w, 10) == 1);	/* set for now: next turn */
}

int main(int argc, char **argv)
{
	unsigned seed;

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 1;
	printf("timer: seed %u\n", seed);
	srandom(seed);

	t_one();
	t_empty();
	t_put_off();
	t_random();
	t_sleep();
	t_callbacks();
	return test_end("timer");
}
