/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer.c - a scripted guest and the host's peer, against a real worker */
#include "peer.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frag.h"
#include "peer_link.h"
#include "sock.h"
#include "tap.h"
#include "tcp_spare.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO	55
#endif

enum { REAL_WAIT = 2000 };

struct peer me;

static struct scratch scratch;
static uint64_t last_wait;

/* The host's kernel, as far as the test says (linked with --wrap) */

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_getsockopt(int fd, int level, int name, void *val, socklen_t *len);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!me.send_errno)
		return __real_sendmsg(fd, m, flags);
	errno = me.send_errno;
	return -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	uint32_t *mem = val;

	if (!me.sndbuf || level != SOL_SOCKET || name != SO_MEMINFO)
		return __real_getsockopt(fd, level, name, val, len);
	mem[SK_MEMINFO_WMEM_QUEUED] = me.queued;
	mem[SK_MEMINFO_SNDBUF] = me.sndbuf;
	return 0;
}

/* The product */

static void on_timer(void *ctx, struct timer *t)
{
	if (t == tcp_spare_timer(ctx))
		tcp_spare_expire(ctx);
	else
		tcp_flow_timer(ctx, (struct flow *)((char *)t -
						    offsetof(struct flow, timer)));
}

void feed(void)
{
	while (rx_waiting())
		tap_event(&me.w, (union tag){ .kind = EV_LINK }, EPOLLIN);
}

/* A turn of the loop as in passt.c: did anything happen? */
static bool turn(int real_ms)
{
	struct worker *w = &me.w;
	uint64_t real;
	bool busy = rx_waiting();
	struct flow *f;
	int n;

	n = loop_turn(&w->loop, w, &real, rx_waiting() ? 0 : real_ms);
	w->now += me.turn_ms;
	if (me.rx_max && rx_waiting())
		tap_event(w, (union tag){ .kind = EV_LINK }, EPOLLIN);
	else
		feed();
	tap_look(w);
	wheel_run(&w->wheel, w->now, on_timer, w);
	flow_dirty_begin(w);
	if (me.link_room == NONE || me.link_room > 0)
		w->link_stuck = false;
	while (!w->link_stuck && (f = flow_next_dirty(w))) {
		tcp_flow_work(w, f);
		busy = true;
	}
	tap_flush(w);
	return busy || n > 0;
}

void pump(void)
{
	int idle = 0, turns = 0;

	while (idle < 2 && CHECK(turns++ < 100000))
		idle = turn(0) ? 0 : idle + 1;
}

/* To the next timer, or the end of @ms */
static uint64_t step(uint64_t ms)
{
	int next = wheel_timeout(&me.w.wheel, me.w.now);
	uint64_t n = next < 0 ? ms : MIN(ms, (uint64_t)MAX(next, 1));

	me.w.now += n;
	me.tsval += n;
	me.wakes += next >= 0;
	return n;
}

void pass(uint64_t ms)
{
	pump();
	while (ms) {
		ms -= step(ms);
		pump();
	}
}

struct tcp *flow(void)
{
	struct flow *f = flow_find(&me.w, IPPROTO_TCP, &me.guest, &me.seen);

	return f ? tcp_of(f) : NULL;
}

/* The guest */

const struct seg *wait_seg(uint64_t ms)
{
	last_wait = 0;
	pump();
	while (!tx_waiting() && last_wait < ms) {
		last_wait += step(ms - last_wait);
		pump();
	}
	return get_seg();
}

uint64_t waited(void)
{
	return last_wait;
}

static const char *flag_names(int flags)
{
	static char s[2][8];
	static int turn_about;
	char *p = s[turn_about ^= 1];
	int i, n = 0;

	for (i = 0; i < 6; i++)
		if (flags & 1 << i)
			p[n++] = "FSRPAU"[i];
	p[n] = 0;
	return p;
}

static int fail(const char *file, int line)
{
	return test_check(0, me.world->name, file, line);
}

/* The next segment; PSH does not count. Waits for the kernel's loopback, not for the clock. */
const struct seg *expect_seg(int line, const char *file, int flags, int32_t seq,
			     int32_t ack, int32_t len)
{
	static struct seg none;
	const struct seg *s;
	int i;

	pump();
	for (i = 0; !tx_waiting() && i < REAL_WAIT; i++)
		turn(1);
	s = get_seg();
	test_count.checks++;
	if (!s) {
		fprintf(stderr, "  no segment, not %s\n", flag_names(flags));
		fail(file, line);
		return &none;
	}
	if ((s->flags & ~PSH) != flags || s->seq != seq ||
	    (flags & ACK && s->ack != ack) || (int32_t)s->len != len) {
		fprintf(stderr, "  %s %d ack %d len %u, not %s %d ack %d len %d\n",
			flag_names(s->flags), s->seq, s->ack, s->len,
			flag_names(flags), seq, ack, len);
		fail(file, line);
	}
	return s;
}

void expect_nothing(int line, const char *file)
{
	const struct seg *s;

	pump();
	s = get_seg();
	test_count.checks++;
	if (s) {
		fprintf(stderr, "  %s %d ack %d len %u, not silence\n",
			flag_names(s->flags), s->seq, s->ack, s->len);
		fail(file, line);
	}
}

uint32_t window(const struct seg *s)
{
	struct tcp *t = flow();

	return (uint32_t)s->wnd << (t && t->ws && !(s->flags & SYN) ? TCP_WSCALE : 0);
}

/* Numbers that were not told to anyone yet */
static void force_irs(void)
{
	struct tcp *t = flow();
	uint32_t iss = me.world->irs;

	if (!CHECK(t))
		return;
	t->iss = t->snd_una = t->snd_nxt = t->snd_max = t->recover = iss;
	t->head = t->peeked = iss + 1;
}

void start_syn(struct syn_opts o)
{
	put_seg((struct seg){
		.flags = SYN, .seq = -1, .mss = o.mss, .ws = o.ws, .sack_ok = o.sack_ok,
		.ts = o.ts, .tsval = me.tsval, .wnd = MAX(me.wnd, 1),
	});
	feed();
	force_irs();
}

void connect_guest(struct syn_opts o)
{
	const struct seg *s;

	start_syn(o);
	s = EXPECT(SYN | ACK, -1, 0, 0);
	CHECK(s->mss && (s->ws != NONE) == (o.ws != NONE) && s->sack_ok == o.sack_ok &&
	      s->ts == o.ts);
	me.ts = o.ts;
	send_seg(ACK, 0, 0, 0);
	QUIET();
	CHECK(flow() && flow()->state == TS_ESTABLISHED);
	peer_accept();
}

void connect_plain(void)
{
	connect_guest((struct syn_opts){ .mss = 1460, .ws = NONE });
}

void connect_full(void)
{
	connect_guest((struct syn_opts){ .mss = 1460, .ws = 7, .sack_ok = true });
}

static int retry_accept(int listener)
{
	int i, fd = -1;

	for (i = 0; fd < 0 && i < REAL_WAIT; i++) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			usleep(1000);
	}
	CHECK(fd >= 0);
	return fd;
}

static void listener_addr(union sockaddr_any *sa, socklen_t *len)
{
	*len = sizeof(*sa);
	getsockname(me.listener, &sa->sa, len);
}

void connect_client(void)
{
	union sockaddr_any sa;
	struct side remote;
	socklen_t len;
	int fd;

	listener_addr(&sa, &len);
	me.sock = sock_open(IPPROTO_TCP, me.world->ver);
	CHECK(!connect(me.sock, &sa.sa, len) || errno == EINPROGRESS);
	fd = retry_accept(me.listener);
	len = sizeof(sa);
	getpeername(fd, &sa.sa, &len);
	remote = sock_side(&sa);
	me.guest.port = 80;
	me.seen.port = remote.port;
	tcp_open_from_sock(&me.w, fd, &remote, &(struct side){ .port = 80 });
	if (flow())
		force_irs();
}

void accept_client(struct syn_opts o)
{
	const struct seg *s = EXPECT(SYN, -1, 0, 0);

	CHECK(s->ws == TCP_WSCALE && s->sack_ok && s->ts && s->mss);
	put_seg((struct seg){
		.flags = SYN | ACK, .seq = -1, .ack = 0, .mss = o.mss, .ws = o.ws,
		.sack_ok = o.sack_ok, .ts = o.ts, .tsval = me.tsval, .tsecr = me.tsecr,
		.wnd = me.wnd,
	});
	me.ts = o.ts;
	EXPECT(ACK, 0, 0, 0);
	CHECK(flow() && flow()->state == TS_ESTABLISHED);
}

/* The host's peer */

void peer_accept(void)
{
	me.sock = retry_accept(me.listener);
}

size_t sock_write(size_t n)
{
	static uint8_t buf[65536];
	size_t done = 0;

	while (done < n) {
		size_t len = MIN(n - done, sizeof(buf));
		ssize_t rc;

		pattern_fill(buf, me.written, len);
		rc = send(me.sock, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (rc <= 0)
			break;
		me.written += rc;
		done += rc;
	}
	return done;
}

int sock_urgent(void)
{
	uint8_t b;
	ssize_t rc;

	pattern_fill(&b, me.written, 1);
	rc = send(me.sock, &b, 1, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB);
	me.written += MAX(rc, 0);
	return rc;
}

size_t sock_read(size_t n)
{
	static uint8_t buf[65536];
	size_t done = 0;

	while (done < n) {
		ssize_t rc = recv(me.sock, buf, MIN(n - done, sizeof(buf)), MSG_DONTWAIT);

		if (rc <= 0)
			break;
		CHECK(pattern_is(buf, me.read, rc));
		me.read += rc;
		done += rc;
	}
	return done;
}

bool sock_at_eof(void)
{
	char c;

	return !recv(me.sock, &c, 1, MSG_DONTWAIT | MSG_PEEK);
}

int sock_errno(void)
{
	char c;
	ssize_t rc = recv(me.sock, &c, 1, MSG_DONTWAIT | MSG_PEEK);

	return rc < 0 && errno != EAGAIN ? errno : 0;
}

void sock_fin(void)
{
	shutdown(me.sock, SHUT_WR);
}

void sock_reset(void)
{
	sock_linger0(me.sock);
	sock_close();
}

void sock_close(void)
{
	close(me.sock);
	me.sock = -1;
}

/* Worlds */

static const struct world worlds[] = {
	{ "IPv4, SO_PEEK_OFF, offloads", V4, true,
	  LINK_TX_CSUM | LINK_TX_TSO, 0xfffff830, 0xfffff448 },
	{ "IPv6, neither", V6, false, 0, 1000000, 0x7ffffc00 },
	{ "IPv4, offloads", V4, false,
	  LINK_TX_CSUM | LINK_TX_TSO, 0x7ffff000, 5 },
	{ "IPv6, SO_PEEK_OFF", V6, true, 0, 0xffffffff, 0xffffffff },
};

static void configure(const struct world *m)
{
	struct net_conf *n = &me.cf.net[m->ver];
	bool v6 = m->ver == V6;

	memcpy(me.cf.our_mac, our_mac, 6);
	me.cf.mtu = 65520;
	n->enabled = true;
	addr_parse(v6 ? "2001:db8::15" : "192.0.2.15", &n->addr);
	addr_parse(v6 ? "fe80::1" : "192.0.2.1", &n->our);
	addr_parse(v6 ? "2001:db8::1" : "192.0.2.1", &n->gw);
	n->map_host_loopback = n->gw;
	me.guest = (struct side){ n->addr, GUEST_PORT };
	me.seen = (struct side){ n->map_host_loopback, 0 };
	memcpy(me.w.guest.mac, guest_mac, 6);
}

static void listen_on_loopback(const struct world *m)
{
	struct side at = { 0 };
	union sockaddr_any sa;
	socklen_t len;

	addr_parse(m->ver == V6 ? "::1" : "127.0.0.1", &at.addr);
	me.listener = sock_open(IPPROTO_TCP, m->ver);
	CHECK(!sock_bind(me.listener, &at, 0) && !listen(me.listener, 16));
	listener_addr(&sa, &len);
	me.seen.port = sock_side(&sa).port;
}

static void begin(const struct world *m)
{
	struct worker *w = &me.w;

	memset(&me, 0, sizeof(me));
	me.world = m;
	me.iss = m->iss;
	me.wnd = 65535;
	me.tsval = 0xfffffff0;
	me.link_room = NONE;
	me.sock = -1;
	configure(m);
	listen_on_loopback(m);
	w->cf = &me.cf;
	w->link = peer_link_init(m->caps);
	w->scratch = &scratch;
	w->flows = flowtab_init();
	w->chunks = chunks_init();
	w->spares = tcp_spare_init();
	w->frags = frags_init();
	w->peek_off = m->peek_off;
	w->now = 1000000;
	wheel_init(&w->wheel, w->now);
	w->secret = (struct hash_key){ { 1, 2 } };
	CHECK(!loop_init(&w->loop));
	w->loop.handlers[EV_LINK] = tap_event;
	w->loop.handlers[EV_TCP] = tcp_sock_event;
}

static void end(void)
{
	pump();
	forget_segs();
	flow_each(&me.w, FLOW_TCP, tcp_flow_close);
	forget_segs();
	CHECK(!flow_count(&me.w));
	CHECK(chunks_free(me.w.chunks) == CHUNK_COUNT);
	tcp_spare_expire(&me.w);
	CHECK(wheel_timeout(&me.w.wheel, me.w.now) == -1);
	while (flow_dirty_begin(&me.w))
		CHECK(!flow_next_dirty(&me.w));
	close(me.w.loop.epfd);
	close(me.listener);
	if (me.sock >= 0)
		close(me.sock);
}

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

void run_test(const char *name, void (*test)(void), const struct test_count *c)
{
	const struct test_count *l = peer_link_count();
	unsigned i;

	pattern_init();
	for (i = 0; i < NELEM(worlds); i++) {
		int failed = test_count.failed + c->failed + l->failed;
		int fd = lowest_fd();

		begin(&worlds[i]);
		test();
		end();
		CHECK(lowest_fd() == fd);
		if (test_count.failed + c->failed + l->failed != failed)
			fprintf(stderr, "%s: failed with %s\n", name, worlds[i].name);
	}
}

int peer_end(const char *name, const struct test_count *c)
{
	const struct test_count *l = peer_link_count();

	test_count.failed += c->failed + l->failed;
	test_count.checks += c->checks + l->checks;
	return test_end(name);
}
