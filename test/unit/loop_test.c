/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_test.c - tags, dispatch, time-outs; links: util log */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "test.h"
#include "util.h"

struct worker {				/* what the handlers below want */
	int calls[EV_KINDS];
	union tag tag;
	uint32_t events;
};

static void handler(struct worker *w, union tag tag, uint32_t events)
{
	w->calls[tag.kind]++;
	w->tag = tag;
	w->events = events;
}

static void t_tag(void)
{
	union tag t = { .index = 0xfedcba98, .gen = 0xffffff, .kind = EV_CLIENT };

	CHECK(sizeof(t) == 8 && sizeof(t) == sizeof(t.u64));
	CHECK(t.index == 0xfedcba98 && t.gen == 0xffffff && t.kind == EV_CLIENT);
	CHECK(((union tag){ .u64 = t.u64 }).index == t.index);
}

static void t_dispatch(struct loop *l)
{
	union tag tcp = { .kind = EV_TCP, .index = 7, .gen = 0xabcdef };
	union tag udp = { .kind = EV_UDP, .index = 8 };
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
	struct worker w = { 0 };
	uint64_t now = 0, before = now_ms();

	CHECK(loop_add(l, a, EPOLLIN | EPOLLET, tcp) == 0);
	CHECK(loop_add(l, a, EPOLLIN, tcp) == -EEXIST);
	CHECK(loop_add(l, b, EPOLLIN, udp) == 0);
	CHECK(loop_turn(l, &w, &now, 0) == 0 && now >= before);

	CHECK(eventfd_write(a, 1) == 0);
	CHECK(loop_turn(l, &w, &now, -1) == 1);
	CHECK(w.calls[EV_TCP] == 1 && w.tag.u64 == tcp.u64);
	CHECK(w.events == EPOLLIN);
	CHECK(loop_turn(l, &w, &now, 0) == 0);	/* an edge comes once */

	CHECK(eventfd_write(a, 1) == 0 && eventfd_write(b, 1) == 0);
	CHECK(loop_turn(l, &w, &now, -1) == 2);
	CHECK(w.calls[EV_TCP] == 2 && w.calls[EV_UDP] == 1);

	CHECK(loop_mod(l, b, EPOLLOUT, tcp) == 0);
	CHECK(loop_turn(l, &w, &now, -1) == 1);
	CHECK(w.calls[EV_TCP] == 3 && w.events == EPOLLOUT);

	loop_del(l, b);
	CHECK(loop_turn(l, &w, &now, 0) == 0);
	CHECK(loop_mod(l, b, EPOLLIN, udp) == -ENOENT);
	close(a);
	close(b);
}

/* Events of a kind that nobody registered are left alone */
static void t_no_handler(void)
{
	struct { struct loop l; ev_handler *beyond; } s = { .beyond = handler };
	struct loop *l = &s.l;
	int a = eventfd(1, EFD_NONBLOCK);
	struct worker w = { 0 };
	uint64_t now;

	CHECK(loop_init(l) == 0);
	CHECK(loop_add(l, a, EPOLLIN, (union tag){ .kind = EV_NETNS }) == 0);
	CHECK(loop_turn(l, &w, &now, -1) == 1);
	CHECK(loop_mod(l, a, EPOLLIN, (union tag){ .kind = EV_KINDS }) == 0);
	CHECK(loop_turn(l, &w, &now, -1) == 1);
	CHECK(!w.events);
	close(a);
	close(l->epfd);
}

static void nothing(int sig)
{
	(void)sig;
}

static void t_timeout_and_signal(struct loop *l)
{
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct sigaction act = { .sa_handler = nothing };
	struct worker w = { 0 };
	uint64_t now, before = now_ms();

	CHECK(loop_turn(l, &w, &now, 30) == 0);
	CHECK(now >= before + 29);

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	now = 0;
	CHECK(loop_turn(l, &w, &now, -1) == 0 && now >= before);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Awake while events come, asleep soon after the last one */
static void t_busy(struct loop *l)
{
	int a = eventfd(1, EFD_NONBLOCK), i;
	uint64_t now, before = cpu_ns();
	struct worker w = { 0 };

	l->busy = 10000000;
	CHECK(loop_add(l, a, EPOLLIN, (union tag){ .kind = EV_TCP }) == 0);
	for (i = 0; i < 20; i++)
		CHECK(loop_turn(l, &w, &now, 1000) == 1);
	CHECK(w.calls[EV_TCP] == 20 && l->gap < l->busy);
	loop_del(l, a);
	for (i = 0; i < 4; i++)		/* looks, then sleeps for the rest of the time */
		CHECK(loop_turn(l, &w, &now, 100) == 0);
	CHECK(l->gap > l->busy);
	CHECK(cpu_ns() - before < 100000000);
	close(a);
	l->busy = 0;
}

/* One tick of the timer @fd */
static void tick(struct loop *l, int fd)
{
	struct worker w = { 0 };
	uint64_t n, now;

	CHECK(loop_turn(l, &w, &now, 1000) == 1);
	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
}

/* Events further apart than that are slept for, and awake again when they come sooner */
static void t_busy_seldom(struct loop *l)
{
	struct itimerspec often = { .it_interval.tv_nsec = 4000000, .it_value.tv_nsec = 1 };
	int a = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), i;
	uint64_t before;

	l->busy = 2000000;
	l->gap = 0;
	CHECK(timerfd_settime(a, 0, &often, NULL) == 0);
	CHECK(loop_add(l, a, EPOLLIN, (union tag){ .kind = EV_TCP }) == 0);
	for (i = 0; i < 20; i++)
		tick(l, a);
	CHECK(l->gap > l->busy);
	before = cpu_ns();
	for (i = 0; i < 20; i++)		/* 80 ms, of which 40 would be awake */
		tick(l, a);
	CHECK(cpu_ns() - before < 20000000);

	often.it_interval.tv_nsec = 200000;
	CHECK(timerfd_settime(a, 0, &often, NULL) == 0);
	for (i = 0; i < 40 && l->gap > l->busy; i++)
		tick(l, a);
	CHECK(l->gap <= l->busy);
	close(a);
	l->busy = l->gap = 0;
}

static void t_failure(void)
{
	struct loop bad = { .epfd = -1 };
	struct worker w = { 0 };
	uint64_t now;

	CHECK(loop_turn(&bad, &w, &now, 0) == -EBADF);
	CHECK(loop_add(&bad, 0, EPOLLIN, (union tag){ 0 }) == -EBADF);
}

int main(void)
{
	struct loop l = { .handlers = { [EV_TCP] = handler, [EV_UDP] = handler } };

	t_tag();
	CHECK(loop_init(&l) == 0);
	t_dispatch(&l);
	t_no_handler();
	t_timeout_and_signal(&l);
	t_busy(&l);
	t_busy_seldom(&l);
	t_failure();
	close(l.epfd);
	return test_end("loop");
}
