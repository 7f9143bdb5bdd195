/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timer.c - hierarchical timer wheel that never cascades
 *
 * Level l has 64 slots of 8^l ms. Slot number k of a level, counted from the
 * beginning of time, is due at k * 8^l ms and lives at index k modulo 64. A
 * timer goes to the lowest level that reaches its deadline, rounded up: it stays
 * there until it fires. Being beyond the reach of level l-1 means being more
 * than 63 * 8^(l-1) ms away, so rounding up costs less than 8/63 of that. What
 * lies beyond the top level (37 hours) takes its last slot and goes round
 * again.
 *
 * @now of the wheel is the first millisecond that has not been run yet, so that
 * the 64 slots of each level, from the first that is not before @now on, have
 * one meaning each. A bitmap per level finds the next one that is in use.
 */
#include <limits.h>
#include <string.h>

#include "timer.h"
#include "util.h"

/* Number of the first slot of @level at or after @time: rounded up */
static uint64_t slot_from(uint64_t time, int level)
{
	int shift = level * WHEEL_SHIFT;

	return (time >> shift) + !!(time & (((uint64_t)1 << shift) - 1));
}

/* When slot @index of @level is due, given that it is not before @w->now */
static uint64_t slot_time(const struct wheel *w, int level, unsigned index)
{
	uint64_t first = slot_from(w->now, level);

	return (first + ((index - first) % WHEEL_SLOTS)) << level * WHEEL_SHIFT;
}

static void link_to(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->prev = head;
	if (t->next)
		t->next->prev = &t->next;
	*head = t;
}

static void unlink_timer(struct timer *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->prev = NULL;
}

static void insert(struct wheel *w, struct timer *t)
{
	uint64_t first, ahead, at = MAX(t->deadline, w->now);
	int level = 0, index;

	for (;; level++) {
		first = slot_from(w->now, level);
		ahead = slot_from(at, level) - first;
		if (ahead < WHEEL_SLOTS)
			break;
		if (level == WHEEL_LEVELS - 1) {
			ahead = WHEEL_SLOTS - 1;
			break;
		}
	}
	index = (first + ahead) % WHEEL_SLOTS;
	t->slot = level * WHEEL_SLOTS + index;
	w->busy[level] |= (uint64_t)1 << index;
	link_to(&w->slots[level][index], t);
}

void wheel_init(struct wheel *w, uint64_t now)
{
	memset(w, 0, sizeof(*w));
	w->now = now;
}

/* Will the slot that @t is in do for its deadline? */
static bool slot_will_do(const struct wheel *w, const struct timer *t)
{
	uint64_t due = slot_time(w, t->slot / WHEEL_SLOTS, t->slot % WHEEL_SLOTS);

	if (t->deadline < w->now)
		return due <= w->now;
	return due <= t->deadline + (t->deadline - w->now) / 8;
}

void timer_set(struct wheel *w, struct timer *t, uint64_t deadline)
{
	t->deadline = deadline;
	if (timer_armed(t) && slot_will_do(w, t))
		return;
	timer_stop(w, t);
	insert(w, t);
}

void timer_stop(struct wheel *w, struct timer *t)
{
	int level = t->slot / WHEEL_SLOTS, index = t->slot % WHEEL_SLOTS;

	if (!timer_armed(t))
		return;
	unlink_timer(t);
	if (!w->slots[level][index])
		w->busy[level] &= ~((uint64_t)1 << index);
}

int wheel_timeout(const struct wheel *w, uint64_t now)
{
	uint64_t due = UINT64_MAX;
	int level;

	for (level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t first = slot_from(w->now, level), busy = w->busy[level];
		unsigned turn = first % WHEEL_SLOTS;

		if (!busy)
			continue;
		busy = busy >> turn | busy << (-turn % WHEEL_SLOTS);
		first += __builtin_ctzll(busy);
		due = MIN(due, first << level * WHEEL_SHIFT);
	}
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)MIN(due - now, (uint64_t)INT_MAX);
}

/* Fire what is in a slot that is due, or move what was put off meanwhile */
static void run_slot(struct wheel *w, int level, int index, timer_fn *fn, void *ctx)
{
	struct timer *t;

	w->due = w->slots[level][index];
	w->slots[level][index] = NULL;
	w->busy[level] &= ~((uint64_t)1 << index);
	if (w->due)
		w->due->prev = &w->due;

	while ((t = w->due)) {
		unlink_timer(t);
		if (t->deadline < w->now)
			fn(ctx, t);
		else
			insert(w, t);
	}
}

/* Bits of the slots of @level that are due from @w->now up to @now */
static uint64_t due_slots(const struct wheel *w, int level, uint64_t now)
{
	uint64_t first = slot_from(w->now, level);
	uint64_t end = slot_from(now + 1, level), mask;
	unsigned turn = first % WHEEL_SLOTS;

	if (end - first >= WHEEL_SLOTS)
		return w->busy[level];
	mask = ((uint64_t)1 << (end - first)) - 1;
	return w->busy[level] & (mask << turn | mask >> (-turn % WHEEL_SLOTS));
}

/* The clock moves on first: what is set from here on, for now or earlier, comes
 * with the next run, so this one ends.
 */
void wheel_run(struct wheel *w, uint64_t now, timer_fn *fn, void *ctx)
{
	uint64_t due[WHEEL_LEVELS];
	int level;

	if (now < w->now)
		return;
	for (level = 0; level < WHEEL_LEVELS; level++)
		due[level] = due_slots(w, level, now);
	w->now = now + 1;

	for (level = 0; level < WHEEL_LEVELS; level++) {
		for (; due[level]; due[level] &= due[level] - 1)
			run_slot(w, level, __builtin_ctzll(due[level]), fn, ctx);
	}
}
