/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timer.h - one hierarchical timer wheel drives all timeouts of a worker
 *
 * Setting and stopping are O(1). The further off a deadline, the coarser its
 * slot: a timer is up to an eighth late, never early. Moving a deadline back, as
 * every segment of a busy flow does, only writes it down: the wheel looks at it
 * when the old one comes.
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 8, WHEEL_SHIFT = 3 };

struct timer {
	struct timer *next, **prev;	/* prev is NULL: not armed */
	uint64_t deadline : 48;		/* ms */
	uint64_t slot : 16;
};

struct wheel {
	uint64_t now;			/* ms, all before this has fired */
	struct timer *due;		/* being run */
	uint64_t busy[WHEEL_LEVELS];	/* bit set: slot has timers */
	struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

typedef void timer_fn(void *ctx, struct timer *t);

void wheel_init(struct wheel *w, uint64_t now);

/* Fire at @deadline (ms) or after; replaces an earlier setting */
void timer_set(struct wheel *w, struct timer *t, uint64_t deadline);

void timer_stop(struct wheel *w, struct timer *t);

static inline bool timer_armed(const struct timer *t)
{
	return t->prev;
}

/* Milliseconds until wheel_run() may have work, or -1: nothing is armed */
int wheel_timeout(const struct wheel *w, uint64_t now);

/* Call @fn for each timer that is due; it may set and stop any timer */
void wheel_run(struct wheel *w, uint64_t now, timer_fn *fn, void *ctx);

#endif
