/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_splice_test.c - socket to socket, with a kernel that refuses; links: splice
 *
 * Both ends are on loopback; the clock is the test's. What goes through a namespace's
 * border is tested in test/net.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf.h"
#include "flow.h"
#include "sock.h"
#include "splice.h"
#include "tcp_splice.h"
#include "test.h"
#include "util.h"
#include "worker.h"

enum {
	SAMPLE = 257 << 20,	/* bytes, some more than the pace of a sender is told by */
	PUT_MAX = 64 << 10,
};

static struct conf cf;
static struct scratch scratch;
static struct worker w = { .cf = &cf, .scratch = &scratch, .now = 1000 };
static int refuse;		/* errno of a socket that is given data, or 0 */
static int refuse_in;		/* ... that data is taken from */
static bool refuse_watch;	/* the next descriptor that epoll is given */
static bool no_pipes;
static int peer, service;	/* the outer ends */

static bool is_pipe(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

ssize_t splice(int in, off64_t *oin, int out, off64_t *oout, size_t len, unsigned flags)
{
	int err = is_pipe(in) ? refuse : refuse_in;

	if (!err)
		return syscall(SYS_splice, in, oin, out, oout, len, flags);
	errno = err;
	return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!refuse)
		return syscall(SYS_sendmsg, fd, m, flags);
	errno = refuse;
	return -1;
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (!refuse_watch)
		return syscall(SYS_epoll_ctl, epfd, op, fd, ev);
	refuse_watch = false;
	errno = ENOSPC;
	return -1;
}

int pipe2(int fds[2], int flags)
{
	if (!no_pipes)
		return syscall(SYS_pipe2, fds, flags);
	errno = EMFILE;
	return -1;
}

static void on_timer(void *ctx, struct timer *t)
{
	tcp_splice_flow_timer(ctx, (struct flow *)((char *)t -
						   offsetof(struct flow, timer)));
}

/* What was done, waiting for it up to @ms */
static int turn(int ms)
{
	uint64_t real;
	struct flow *f;
	int n = loop_turn(&w.loop, &w, &real, ms);

	wheel_run(&w.wheel, w.now, on_timer, &w);
	flow_dirty_begin(&w);
	for (; (f = flow_next_dirty(&w)); n++)
		tcp_splice_flow_work(&w, f);
	return n;
}

/* Turns, until nothing happens */
static void pump(void)
{
	int idle = 0, turns = 0;

	while (idle < 3 && CHECK(turns++ < 1000))
		idle = turn(1) > 0 ? 0 : idle + 1;
}

static void pass(unsigned ms)
{
	pump();
	for (; ms; ms--) {
		w.now++;
		if (!wheel_timeout(&w.wheel, w.now))
			pump();
	}
}

static int listener(struct side *at)
{
	int fd = sock_open(IPPROTO_TCP, V4);

	*at = (struct side){ .addr = addr_loopback(V4) };
	CHECK(fd >= 0 && !sock_bind(fd, at, 0) && !listen(fd, 4) && !sock_local(fd, at));
	return fd;
}

static int accepted(int fd)
{
	int i, s = -1;

	for (i = 0; s < 0 && i < 2000; i++) {
		s = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
		if (s < 0)
			usleep(1000);
	}
	CHECK(s >= 0);
	return s;
}

static void begin(void)
{
	struct side front, back, from;
	int lf = listener(&front), lb = listener(&back), fd;

	peer = sock_open(IPPROTO_TCP, V4);
	CHECK(!sock_connect(peer, &front, 0));
	fd = accepted(lf);
	CHECK(!sock_local(peer, &from));
	w.stats.flows_opened = 0;
	CHECK(tcp_splice_open(&w, fd, &from, &back, false));
	CHECK(w.stats.flows_opened == 1);
	pump();
	service = accepted(lb);
	pump();
	close(lf);
	close(lb);
}

static void end(void)
{
	close(peer);
	close(service);
	pump();
	CHECK(!flow_count(&w));
}

static ssize_t get(int fd)
{
	char buf[4096];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
}

static void put(int fd, size_t n)
{
	static const char buf[PUT_MAX];

	CHECK(send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n);
	usleep(1000);
}

/* No event tells when a kernel that was short of memory is so no more */
static void t_refused(void)
{
	static const int errs[] = { EAGAIN, ENOBUFS, ENOMEM };
	size_t i;

	for (i = 0; i < 2 * NELEM(errs); i++) {
		uint64_t turns;

		no_pipes = i < NELEM(errs);
		begin();
		refuse = errs[i % NELEM(errs)];
		put(peer, 1000);
		pass(300);
		CHECK(get(service) < 0 && flow_count(&w) == 1);
		turns = w.loop.events[EV_TCP_SPLICE_FAR];
		pass(3000);		/* looked at now and then, not all the time */
		CHECK(w.loop.events[EV_TCP_SPLICE_FAR] - turns < 60);
		refuse = 0;
		pass(300);
		CHECK(get(service) == 1000);
		refuse = errs[i % NELEM(errs)];
		put(service, 2000);
		pass(10);
		refuse = 0;
		pass(300);
		CHECK(get(peer) == 2000);
		end();
		no_pipes = false;
	}
}

/* The same where data is taken from a socket; EAGAIN is its word for no data */
static void t_refused_in(void)
{
	static const int errs[] = { ENOBUFS, ENOMEM };
	size_t i;

	for (i = 0; i < NELEM(errs); i++) {
		begin();
		refuse_in = errs[i];
		put(peer, 1000);
		pass(300);
		CHECK(get(service) < 0 && flow_count(&w) == 1);
		refuse_in = 0;
		pass(300);
		CHECK(get(service) == 1000);
		end();
	}
}

/* Other errors are an end */
static void t_broken(void)
{
	begin();
	refuse = EPIPE;
	put(peer, 1000);
	pass(10);
	CHECK(!flow_count(&w) && get(peer) < 0 && get(service) < 0);
	refuse = 0;
	end();
}

static uint64_t all_events(void)
{
	return w.loop.events[EV_TCP_SPLICE] + w.loop.events[EV_TCP_SPLICE_FAR];
}

/* All that goes into @fd before its reader reads */
static void fill_up(int fd)
{
	static const char buf[PUT_MAX];
	int idle;

	for (idle = 0; idle < 3; idle++) {
		while (send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			idle = 0;
		pump();
	}
}

/* A reader that is slow costs one look and no more, but for room that the kernel finds
 * when it probes the window
 */
static void t_full(void)
{
	static char buf[65536];
	uint64_t events;
	int idle, tries = 0;

	begin();
	fill_up(peer);
	pass(500);
	do {
		events = all_events();
		pass(5000);
	} while (all_events() != events && CHECK(++tries < 5));
	for (idle = 0; idle < 3; idle++) {
		while (recv(service, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			idle = 0;
		pass(20);
	}
	put(peer, 500);
	pump();
	CHECK(get(service) == 500);
	end();
}

static size_t drain(int fd)
{
	static char buf[1 << 20];
	size_t all = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		all += n;
	return all;
}

/* All that comes to @fd while no time passes */
static void take_all(int fd)
{
	do
		pump();
	while (drain(fd));
}

/* @size bytes from @from to @to within @ms; some of what comes last may be held back */
static void stream(int from, int to, size_t size, unsigned ms)
{
	static char buf[1 << 20];
	size_t in = 0, out = 0;

	while (in < size) {
		ssize_t n = send(from, buf, MIN(sizeof(buf), size - in),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		in += MAX(n, 0);
		turn(0);
		out += drain(to);
		if (out > size / 2) {
			w.now += ms;
			ms = 0;
		}
	}
	take_all(to);
}

/* Is what comes last from @from held back, for a moment only? */
static bool is_held(int from, int to)
{
	size_t at_once;

	put(from, 3000);
	pump();
	at_once = drain(to);
	pass(20);
	CHECK(!drain(to) == (at_once > 0));
	return !at_once;
}

/* Who has been fast for long is read in batches, until it pauses; then more is asked of it */
static void t_batches(void)
{
	begin();
	CHECK(!is_held(peer, service));
	stream(peer, service, SAMPLE, 2000);
	CHECK(!is_held(peer, service));
	stream(peer, service, SAMPLE, 500);
	CHECK(is_held(peer, service) && !is_held(peer, service));
	CHECK(!is_held(service, peer));
	stream(peer, service, SAMPLE, 0);
	CHECK(!is_held(peer, service));
	stream(peer, service, SAMPLE, 0);
	stream(peer, service, SAMPLE, 0);
	CHECK(is_held(peer, service));
	end();

	begin();
	stream(service, peer, SAMPLE, 0);
	put(service, 3000);
	CHECK(!drain(peer));
	shutdown(service, SHUT_WR);
	take_all(peer);
	CHECK(get(peer) == 0);		/* the end is not held back */
	end();
}

/* The time that the sample took is no pause */
static void t_batches_begin(void)
{
	int i;

	begin();
	stream(peer, service, SAMPLE - (2 << 20), 500);
	for (i = 0; i < 100; i++) {
		put(peer, PUT_MAX);
		pass(2);
		if (!drain(service))
			break;
	}
	CHECK(i < 100);
	pass(20);
	CHECK(drain(service) == PUT_MAX);
	end();
}

/* What goes on one way does not hide that the other has paused */
static void t_batches_both(void)
{
	static char buf[4 << 20];
	size_t got = 0;
	int i;

	begin();
	stream(peer, service, SAMPLE, 0);
	stream(service, peer, SAMPLE, 0);
	put(peer, 3000);
	for (i = 0; i < 50; i++, w.now++) {
		send(service, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(0);
		drain(peer);
		got += drain(service);
	}
	CHECK(got >= 3000);
	take_all(peer);
	pass(20);
	take_all(peer);
	end();
}

/* A receiver that holds everything up is no pause of the sender */
static void t_batches_stuck(void)
{
	begin();
	stream(peer, service, SAMPLE, 0);
	fill_up(peer);
	pass(100);
	stream(peer, service, 16 << 20, 0);
	CHECK(is_held(peer, service));
	end();
}

/* A conversation ends for one more socket, and the socket that was refused is closed */
static void t_room(void)
{
	struct flow *f = flow_new(&w, FLOW_UDP, IPPROTO_UDP);

	timer_set(&w.wheel, &f->timer, w.now + 1000);
	refuse_watch = true;
	begin();
	CHECK(!refuse_watch && get(service) == 0);
	end();
}

int main(void)
{
	static const struct flow_ops ops[FLOW_TYPES] = { [FLOW_UDP] = { .timer = flow_free } };

	w.flows = flowtab_init();
	w.flow_ops = ops;
	w.splice = splice_init();
	wheel_init(&w.wheel, w.now);
	CHECK(!loop_init(&w.loop));
	w.loop.handlers[EV_TCP_SPLICE] = tcp_splice_event;
	w.loop.handlers[EV_TCP_SPLICE_FAR] = tcp_splice_event;
	t_refused();
	t_refused_in();
	t_broken();
	t_full();
	t_batches();
	t_batches_begin();
	t_batches_both();
	t_batches_stuck();
	t_room();
	return test_end("tcp_splice");
}
