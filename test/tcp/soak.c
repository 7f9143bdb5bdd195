/* SPDX-License-Identifier: GPL-2.0-or-later */
/* soak.c - real stacks over a bad link: the kernel's TCP as guest and as host's peer
 *
 *	soak [SEED]		or --probe: can it be done here?
 *
 * Makes a user namespace with two network namespaces: the guest's, with a tap device,
 * and the host's, where the worker runs between that device, wrapped by link_fault, and
 * loopback. Either side has a server that sends back what it gets, and clients that
 * check what comes back, many at once. In the end nothing may be left.
 */
#define _GNU_SOURCE		/* unshare(2) */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chunk.h"
#include "conf.h"
#include "flow.h"
#include "frag.h"
#include "link_fault.h"
#include "link_tun.h"
#include "sock.h"
#include "tap.h"
#include "tcp.h"
#include "tcp_spare.h"
#include "util.h"
#include "worker.h"

enum {
	PORT = 5001,		/* of either server */
	FORWARDED = 5002,	/* of the host, to the guest's server */
	EVENTS = 256, BUF = 65536, CONNS = 2048,
	LEFT_MS = 60000,	/* for all to be gone in the end */
};

struct load { int total, at_once, bytes; };

/* Connections of a client or server */
struct conn {
	int fd;
	uint32_t seed;
	int size, sent, got;	/* client: bytes */
	int from, to;		/* server: bytes that wait in its buffer */
	bool eof, done;
	uint8_t *buf;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void sh(const char *cmd)
{
	if (system(cmd))
		fail(cmd);
}

static uint8_t byte_at(uint32_t seed, int at)
{
	return (uint8_t)(((uint32_t)at + seed) * 2654435761U >> 24);
}

/* Servers */

static void serve(struct conn *c, int ep)
{
	ssize_t n;

	for (;;) {
		if (c->from == c->to && !c->eof) {
			n = recv(c->fd, c->buf, BUF, MSG_DONTWAIT);
			if (n < 0 && errno == EAGAIN)
				return;
			c->from = 0;
			c->to = MAX(n, 0);
			c->eof = n <= 0;
			c->done = n < 0;
		}
		if (c->done || (c->eof && c->from == c->to))
			break;
		n = send(c->fd, c->buf + c->from, c->to - c->from,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		c->from += n;
	}
	epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	free(c->buf);
	free(c);
}

static void watch(int ep, int fd, void *p)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = p };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		fail("epoll_ctl");
}

static _Noreturn void server(int listener)
{
	struct epoll_event ev[EVENTS];
	int i, n, fd, ep = epoll_create1(0);

	watch(ep, listener, NULL);
	for (;;) {
		n = epoll_wait(ep, ev, EVENTS, -1);
		for (i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c) {
				serve(c, ep);
				continue;
			}
			while ((fd = accept(listener, NULL, NULL)) >= 0) {
				c = calloc(1, sizeof(*c));
				c->fd = fd;
				c->buf = malloc(BUF);
				watch(ep, fd, c);
			}
		}
	}
}

static int listen_on(const char *addr, uint16_t port)
{
	struct side at = { .port = port };
	int fd;

	addr_parse(addr, &at.addr);
	fd = sock_open(IPPROTO_TCP, addr_ver(&at.addr));
	if (fd < 0 || sock_opt(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    sock_bind(fd, &at, 0) || listen(fd, 4096))
		fail("listen");
	return fd;
}

/* Clients */

static void client_open(struct conn *c, int ep, const struct side *to, int bytes)
{
	*c = (struct conn){ .seed = rand(), .size = 1 + rand() % bytes };
	c->fd = sock_open(IPPROTO_TCP, addr_ver(&to->addr));
	if (c->fd < 0 || sock_connect(c->fd, to, 0))
		fail("connect");
	watch(ep, c->fd, c);
}

static void client_send(struct conn *c)
{
	uint8_t b[16384];

	while (c->sent < c->size) {
		int i, n = MIN(c->size - c->sent, (int)sizeof(b));

		for (i = 0; i < n; i++)
			b[i] = byte_at(c->seed, c->sent + i);
		n = send(c->fd, b, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (n < 0)
			fail("send");
		c->sent += n;
		if (c->sent == c->size)
			shutdown(c->fd, SHUT_WR);
	}
}

/* True at the end */
static bool client_recv(struct conn *c)
{
	uint8_t b[16384];

	for (;;) {
		int i, n = recv(c->fd, b, sizeof(b), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return false;
		if (n < 0)
			fail("recv");
		for (i = 0; i < n; i++, c->got++)
			if (b[i] != byte_at(c->seed, c->got))
				break;
		if (i < n || (!n && c->got != c->size)) {
			fprintf(stderr, "byte %d of %d is wrong\n", c->got, c->size);
			exit(1);
		}
		if (!n)
			return true;
	}
}

static _Noreturn void client(const char *addr, uint16_t port, struct load load)
{
	static struct conn conns[CONNS];
	struct epoll_event ev[EVENTS];
	struct side to = { .port = port };
	int i, n, opened, done = 0, ep = epoll_create1(0);

	addr_parse(addr, &to.addr);
	for (opened = 0; opened < MIN(load.total, load.at_once); opened++)
		client_open(&conns[opened], ep, &to, load.bytes);
	while (done < load.total) {
		n = epoll_wait(ep, ev, EVENTS, -1);
		for (i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			client_send(c);
			if (!client_recv(c))
				continue;
			close(c->fd);
			done++;
			if (opened++ < load.total)
				client_open(c, ep, &to, load.bytes);
		}
	}
	exit(0);
}

/* A child that does not outlive this process */
static pid_t spawn(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static pid_t run_server(const char *addr)
{
	int fd = listen_on(addr, PORT);
	pid_t pid = spawn();

	if (!pid)
		server(fd);
	close(fd);
	return pid;
}

static pid_t run_client(const char *addr, uint16_t port, struct load load)
{
	pid_t pid = spawn();

	if (!pid)
		client(addr, port, load);
	return pid;
}

/* The worker */

static void on_timer(void *ctx, struct timer *t)
{
	if (t == tcp_spare_timer(ctx))
		tcp_spare_expire(ctx);
	else
		tcp_flow_timer(ctx, (struct flow *)((char *)t -
						    offsetof(struct flow, timer)));
}

static void on_listener(struct worker *w, union tag tag, uint32_t events)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	int fd;

	(void)events;
	while ((fd = accept(tag.index, &sa.sa, &len)) >= 0) {
		struct side remote = sock_side(&sa);

		fcntl(fd, F_SETFL, O_NONBLOCK);
		tcp_open_from_sock(w, fd, &remote, &(struct side){ .port = PORT });
		len = sizeof(sa);
	}
}

static void work_all(struct worker *w)
{
	struct flow *f;

	flow_dirty_begin(w);
	while (!w->link_stuck && (f = flow_next_dirty(w)))
		tcp_flow_work(w, f);
	tap_flush(w);
}

static void turn(struct worker *w)
{
	bool work = !w->link_stuck && flow_dirty_begin(w);

	if (loop_turn(&w->loop, w, &w->now,
		      work ? 0 : MIN(100U, (unsigned)wheel_timeout(&w->wheel, w->now))) < 0)
		fail("epoll_wait");
	tap_look(w);
	wheel_run(&w->wheel, w->now, on_timer, w);
	work_all(w);
	if (tap_answers(w))
		work_all(w);
}

static void configure(struct conf *cf)
{
	cf->mtu = 1500;
	memcpy(cf->our_mac, "\2\0\0\0\0\1", 6);
	cf->net[V4].enabled = cf->net[V6].enabled = true;
	addr_parse("192.0.2.15", &cf->net[V4].addr);
	addr_parse("192.0.2.1", &cf->net[V4].gw);
	addr_parse("2001:db8::15", &cf->net[V6].addr);
	addr_parse("2001:db8::1", &cf->net[V6].gw);
	cf->net[V4].plen = 24;
	cf->net[V6].plen = 64;
	cf->net[V4].our = cf->net[V4].map_host_loopback = cf->net[V4].gw;
	cf->net[V6].our = cf->net[V6].map_host_loopback = cf->net[V6].gw;
}

static void start_worker(struct worker *w, int tap)
{
	static struct scratch scratch;
	static struct conf cf;
	struct link *tun;
	int rc;

	configure(&cf);
	w->cf = &cf;
	w->scratch = &scratch;
	w->flows = flowtab_init();
	w->chunks = chunks_init();
	w->spares = tcp_spare_init();
	w->frags = frags_init();
	w->peek_off = sock_probe_peek_off();
	w->now = now_ms();
	wheel_init(&w->wheel, w->now);
	random_fill(&w->secret, sizeof(w->secret));
	rc = link_tun_init(tap, &tun);
	if (!rc)
		rc = link_tun_mac(tap, w->guest.mac);
	if (!rc)
		rc = loop_init(&w->loop);
	if (rc < 0)
		fail("worker");
	w->link = tun;
	w->loop.handlers[EV_LINK] = tap_event;
	w->loop.handlers[EV_TCP] = tcp_sock_event;
	w->loop.handlers[EV_LISTEN] = on_listener;
	if (tap_watch(w))
		fail("epoll_ctl");
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int count_ended(int clients)
{
	int status, n = 0;
	pid_t pid;

	while (n < clients && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		n++;
		if (status) {
			fprintf(stderr, "a client failed\n");
			exit(1);
		}
	}
	return n;
}

static void until_ended(struct worker *w, int clients)
{
	while (clients) {
		turn(w);
		clients -= count_ended(clients);
	}
}

static bool nothing_left(struct worker *w, int fds)
{
	uint64_t end = now_ms() + LEFT_MS;

	while (flow_count(w) && w->now < end)
		turn(w);
	tcp_spare_expire(w);
	if (!flow_count(w) && chunks_free(w->chunks) == CHUNK_COUNT && open_fds() == fds)
		return true;
	fprintf(stderr, "left: %u flows, %d chunks, %d descriptors\n", flow_count(w),
		CHUNK_COUNT - chunks_free(w->chunks), open_fds() - fds);
	return false;
}

static void report(const char *what, struct worker *w, uint64_t began)
{
	const struct fault_stats *s = link_fault_stats(w->link);
	static struct stats old;

	printf("%s: %llu ms; frames: %llu passed, %llu lost, %llu twice, %llu late, "
	       "%llu cut, %llu damaged; retransmissions %llu, timeouts %llu\n", what,
	       (unsigned long long)(now_ms() - began),
	       (unsigned long long)s->passed, (unsigned long long)s->lost,
	       (unsigned long long)s->copied, (unsigned long long)s->delayed,
	       (unsigned long long)s->cut, (unsigned long long)s->damaged,
	       (unsigned long long)(w->stats.tcp_retrans - old.tcp_retrans),
	       (unsigned long long)(w->stats.tcp_timeouts - old.tcp_timeouts));
	old = w->stats;
}

/* The same from within and from outside; both families */
static const struct phase {
	const char *name;
	struct fault_rates rates;
	struct load load;
} phases[] = {
	{ "bulk, clean link", { .lose = 0 }, { 8, 8, 20000000 } },
	{ "bulk, 1 % lost, 2 % late", { 10, 5, 20, 1, 1 }, { 8, 8, 3000000 } },
	{ "bulk, 5 % lost, late, twice", { 50, 50, 50, 5, 5 }, { 8, 8, 300000 } },
	{ "many, clean link", { .lose = 0 }, { 2000, 200, 5000 } },
	{ "many, 3 % lost, late, twice", { 30, 30, 30, 5, 5 }, { 500, 500, 5000 } },
};

static bool run_phase(struct worker *w, const struct phase *p, int in_guest, int in_host,
		      uint64_t seed)
{
	struct fault_rates rates = p->rates;
	struct link *inner = w->link;
	uint64_t began = now_ms();
	int fds = open_fds();
	bool ok;

	w->link = link_fault_init(inner, &rates, &rates, seed);
	setns(in_guest, CLONE_NEWNET);
	run_client("192.0.2.1", PORT, p->load);
	run_client("2001:db8::1", PORT, p->load);
	setns(in_host, CLONE_NEWNET);
	run_client("127.0.0.1", FORWARDED, p->load);
	run_client("::1", FORWARDED, p->load);
	until_ended(w, 4);
	rates = (struct fault_rates){ 0 };
	ok = nothing_left(w, fds);
	report(p->name, w, began);
	w->link = inner;
	return ok;
}

static void enter_namespaces(void)
{
	char map[64];
	int fd;

	snprintf(map, sizeof(map), "0 %d 1\n", (int)getuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		printf("needs user namespaces\n");
		exit(77);
	}
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		fail("uid_map");
	close(fd);
}

static int make_guest(void)
{
	int tap = link_tun_open("tap0");

	if (tap < 0) {
		printf("needs access to /dev/net/tun\n");
		exit(77);
	}
	sh("ip link set lo up && ip link set tap0 address 02:00:00:00:00:02 &&"
	   "echo 0 >/proc/sys/net/ipv6/conf/tap0/accept_dad &&"
	   "ip link set tap0 mtu 1500 txqueuelen 10000 up &&"
	   "ip addr add 192.0.2.15/24 dev tap0 &&"
	   "ip -6 addr add 2001:db8::15/64 dev tap0 nodad");
	return tap;
}

int main(int argc, char **argv)
{
	static struct worker w;
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	pid_t servers[4];
	int tap, in_guest, in_host, fwd[2], failed = 0;
	struct rlimit fds = { 16384, 16384 };
	size_t i;

	if (argc > 1 && !strcmp(argv[1], "--probe")) {
		enter_namespaces();
		make_guest();
		return 0;
	}
	setlinebuf(stdout);
	printf("seed %llu\n", (unsigned long long)seed);
	srand(seed);
	getrlimit(RLIMIT_NOFILE, &fds);
	fds.rlim_cur = fds.rlim_max;
	setrlimit(RLIMIT_NOFILE, &fds);
	enter_namespaces();
	tap = make_guest();
	in_guest = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	servers[0] = run_server("192.0.2.15");
	servers[1] = run_server("2001:db8::15");
	if (unshare(CLONE_NEWNET))
		fail("unshare");
	sh("ip link set lo up");
	in_host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	servers[2] = run_server("127.0.0.1");
	servers[3] = run_server("::1");

	start_worker(&w, tap);
	fwd[0] = listen_on("127.0.0.1", FORWARDED);
	fwd[1] = listen_on("::1", FORWARDED);
	for (i = 0; i < 2; i++)
		loop_add(&w.loop, fwd[i], EPOLLIN,
			 (union tag){ .index = fwd[i], .kind = EV_LISTEN });
	for (i = 0; i < NELEM(phases); i++)
		failed += !run_phase(&w, &phases[i], in_guest, in_host, seed + i);
	for (i = 0; i < 4; i++)
		kill(servers[i], SIGKILL);
	return !!failed;
}
