/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splice_test.c - who is spliced, where that ends, and the pools */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf.h"
#include "splice.h"
#include "test.h"
#include "worker.h"

static struct conf cf;
static struct worker w = { .cf = &cf };
static int visits;

static int in_ns(struct worker *worker, int (*fn)(void *ctx), void *ctx)
{
	CHECK(worker == &w);
	visits++;
	return fn(ctx);
}

static struct addr addr(const char *s)
{
	struct addr a = { 0 };

	CHECK(!*s || !addr_parse(s, &a));
	return a;
}

static void t_takes(void)
{
	static const struct { const char *peer, *target; bool yes; } rows[] = {
		{ "127.0.0.1", "", true },
		{ "127.0.0.9", "", true },
		{ "::1", "", true },
		{ "192.0.2.9", "", false },
		{ "2001:db8::9", "", false },
		{ "127.0.0.1", "192.0.2.2", true },	/* its own ... */
		{ "127.0.0.1", "192.0.2.3", true },	/* ... as seen */
		{ "127.0.0.1", "192.0.2.4", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "::1", "::1", true },
		{ "::1", "2001:db8::2", true },
		{ "::1", "2001:db8::3", false },
		{ "192.0.2.9", "192.0.2.2", false },
		{ "192.0.2.9", "127.0.0.1", false },
	};
	struct addr peer, target;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		peer = addr(rows[i].peer);
		target = addr(rows[i].target);
		CHECK(splice_takes(&w, &peer, &target) == rows[i].yes);
		cf.no_splice = true;
		CHECK(!splice_takes(&w, &peer, &target));
		cf.no_splice = false;
		w.in_ns = NULL;
		CHECK(!splice_takes(&w, &peer, &target));
		w.in_ns = in_ns;
	}
}

static void t_targets(void)
{
	static const struct {
		const char *at, *to;
		bool to_ns, lo_to_lo;
		const char *first, *second;
	} rows[] = {
		/* Loopback only if asked for */
		{ "127.0.0.1", "", true, false, "192.0.2.3", NULL },
		{ "127.0.0.5", "", true, false, "192.0.2.3", NULL },
		{ "127.0.0.5", "", true, true, "127.0.0.5", "192.0.2.3" },
		{ "192.0.2.1", "", true, true, "127.0.0.1", "192.0.2.3" },
		{ "::1", "", true, false, "2001:db8::2", NULL },
		{ "::1", "", true, true, "::1", "2001:db8::2" },
		{ "127.0.0.1", "192.0.2.2", true, false, "192.0.2.2", NULL },
		{ "127.0.0.1", "::1", true, true, "::1", NULL },
		{ "127.0.0.5", "", false, false, "127.0.0.5", NULL },
		{ "::1", "", false, true, "::1", NULL },
	};
	struct side out[SPLICE_TARGETS], at, to;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *want[] = { rows[i].first, rows[i].second };
		int k, n;

		at = (struct side){ addr(rows[i].at), 80 };
		to = (struct side){ addr(rows[i].to), 8080 };
		cf.host_lo_to_ns_lo = rows[i].lo_to_lo;
		n = splice_targets(&w, &at, &to, rows[i].to_ns, out);
		CHECK(n == 1 + !!rows[i].second);
		for (k = 0; k < n; k++) {
			struct addr a = addr(want[k]);

			CHECK(out[k].port == 8080 && addr_eq(&out[k].addr, &a));
		}
	}
	w.guest.seen[V4] = cf.net[V4].addr = (struct addr){ 0 };
	at.addr = addr("127.0.0.1");
	to.addr = addr("");
	CHECK(splice_targets(&w, &at, &to, true, out) == 1);
	CHECK(addr_eq(&out[0].addr, &at.addr));
}

/* One visit for many sockets; all can be used */
static void t_sockets(void)
{
	int i, fd;

	for (i = 0; i < 200; i++) {
		fd = splice_socket(&w, i % 2 ? IPPROTO_TCP : IPPROTO_UDP, V4, true);
		CHECK(fd >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
		close(fd);
		splice_refill(&w);
	}
	CHECK(visits > 0 && visits < 10);
	i = visits;
	fd = splice_socket(&w, IPPROTO_TCP, V4, false);
	CHECK(fd >= 0 && visits == i);
	close(fd);
}

static void t_pipes(void)
{
	struct splice_pipe p[40], q;
	char c = 'x';
	int i;

	for (i = 0; i < 40; i++) {
		CHECK(!splice_pipe_take(&w, &p[i]));
		CHECK(p[i].slots && write(p[i].wr, &c, 1) == 1);
		CHECK(read(p[i].rd, &c, 1) == 1);
	}
	for (i = 0; i < 40; i++)
		splice_pipe_give(&w, &p[i]);
	CHECK(p[0].rd == -1);
	CHECK(!splice_pipe_take(&w, &q) && read(q.rd, &c, 1) < 0 && errno == EAGAIN);
	splice_pipe_give(&w, &q);
}

/* Where we may have few descriptors, the pools leave half of them */
static void t_few(void)
{
	enum { LIMIT = 120, SOME_PIPES = 20, FREE = LIMIT / 2 - 10 };
	struct splice_pipe pipes[SOME_PIPES];
	struct rlimit lim, few;
	int i, fds[FREE];
	enum ipver v;

	getrlimit(RLIMIT_NOFILE, &lim);
	few = (struct rlimit){ LIMIT, lim.rlim_max };
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	w.splice = splice_init();
	for (v = V4; v < IPVERS; v++) {
		for (i = 0; i < 100; i++) {
			int fd = splice_socket(&w, i % 2 ? IPPROTO_TCP : IPPROTO_UDP, v, true);

			CHECK(fd >= 0);
			close(fd);
			w.now += 1000;
			splice_refill(&w);
		}
	}
	for (i = 0; i < SOME_PIPES; i++)
		CHECK(!splice_pipe_take(&w, &pipes[i]));
	for (i = 0; i < SOME_PIPES; i++)
		splice_pipe_give(&w, &pipes[i]);
	for (i = 0; i < FREE; i++)
		CHECK((fds[i] = dup(0)) >= 0);
	for (i = 0; i < FREE; i++)
		close(fds[i]);
	setrlimit(RLIMIT_NOFILE, &lim);
}

int main(void)
{
	struct rlimit lim;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;		/* as at start-up */
	CHECK(!setrlimit(RLIMIT_NOFILE, &lim));
	w.in_ns = in_ns;
	t_few();
	visits = 0;
	w.splice = splice_init();
	cf.net[V4].addr = addr("192.0.2.2");
	cf.net[V6].addr = addr("2001:db8::2");
	w.guest.seen[V4] = addr("192.0.2.3");
	t_takes();
	t_targets();
	t_sockets();
	t_pipes();
	return test_end("splice");
}
