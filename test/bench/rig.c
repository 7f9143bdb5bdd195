/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rig.c - what iperf3 doesn't measure: request and response, connections, datagrams
 *
 *	rig serve PORT
 *		answers TCP and UDP on PORT, counts datagrams on PORT + 1
 *	rig rr | crr | crrs [OPTION...] ADDRESS PORT
 *		TCP: a byte and its echo, on one connection, or each on a connection of
 *		its own, which is closed first by the client (crr) or the server (crrs)
 *	rig udprr [OPTION...] ADDRESS PORT
 *		UDP: a byte and its echo
 *	rig udp [OPTION...] ADDRESS PORT
 *		UDP datagrams as fast as the socket takes them
 *	rig cc ADDRESS PORT
 *		congestion control that a connection has at either end
 *	rig hold [OPTION...] ADDRESS PORT
 *		open connections, use each once, say so, keep them until the input ends
 *
 *	-n N	connections at once (1)		-s SIZE	of a datagram's payload (1400)
 *	-t SEC	duration (1)			-g	let the kernel cut them (GSO)
 *
 * Prints one line of JSON: units, seconds, rate; of the time that each unit took,
 * percentiles in microseconds. Closed connections leave ports in TIME-WAIT: the
 * namespaces should have tcp_tw_reuse=1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif

enum {
	EVENTS		= 256,
	CONNS_MAX	= 65536,
	SUB		= 32,		/* buckets of the histogram for a factor of two */
	TRAIN_MAX	= 65000,	/* bytes given to the kernel at once with -g */
	CC_MAX		= 16,		/* TCP_CA_NAME_MAX */
	SINK_BATCH	= 64,
	SINK_BUF	= 65536,
	UDP_WAIT_MS	= 100,		/* for an answer */
	TCP_WAIT_S	= 10,
	HOLD_WAIT_S	= 4,
};

struct opts {
	int conns;
	double seconds;
	size_t size;
	bool gso;
	struct sockaddr_storage to;
	socklen_t tolen;
};

struct hist {
	uint64_t n[64 * SUB], count, max;
};

struct sink {
	uint64_t bytes, datagrams, first, last;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void hist_add(struct hist *h, uint64_t ns)
{
	unsigned e = ns < SUB ? 0 : 63 - __builtin_clzll(ns) - 4;

	h->n[e * SUB + (e ? (ns >> (e - 1)) % SUB : ns)]++;
	h->count++;
	h->max = ns > h->max ? ns : h->max;
}

/* Microseconds that @part of all units stay below */
static double hist_part(const struct hist *h, double part)
{
	uint64_t left = h->count * part, i;

	for (i = 0; i < 64 * SUB; i++) {
		if (h->n[i] > left)
			break;
		left -= h->n[i];
	}
	if (i < SUB || i == 64 * SUB)
		return i < SUB ? i / 1e3 : h->max / 1e3;
	return (double)(((i % SUB) | SUB) << (i / SUB - 1)) / 1e3;
}

static void report(const struct hist *h, uint64_t ns, uint64_t lost)
{
	printf("{\"units\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"lost\": %llu, "
	       "\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}\n",
	       (unsigned long long)h->count, ns / 1e9, h->count * 1e9 / ns,
	       (unsigned long long)lost, hist_part(h, 0.5), hist_part(h, 0.9),
	       hist_part(h, 0.99), hist_part(h, 0.999), h->max / 1e3);
}

static void set(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* ---- server ---- */

static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		fail("listen");
	return fd;
}

static void watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		fail("epoll_ctl");
}

static void accept_all(int ep, int fd)
{
	int c;

	while ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		set(c, IPPROTO_TCP, TCP_NODELAY, 1);
		watch(ep, c, EPOLLIN);
	}
}

static void sink_report(int fd, const struct sink *s)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "%llu %llu %llu\n",
			 (unsigned long long)s->datagrams, (unsigned long long)s->bytes,
			 (unsigned long long)(s->last - s->first));

	if (send(fd, line, n, MSG_NOSIGNAL) != n)
		close(fd);
}

static void cc_of(int fd, char *name, socklen_t len)
{
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len))
		fail("TCP_CONGESTION");
}

static void cc_report(int fd)
{
	char name[CC_MAX] = "";

	cc_of(fd, name, sizeof(name));
	if (send(fd, name, sizeof(name), MSG_NOSIGNAL) != sizeof(name))
		close(fd);
}

/* The first byte says what is wanted: z, q: clear, read the sink's counters; s: close
 * after the answer; a: congestion control at this end; else the answer alone
 */
static void serve_conn(int fd, struct sink *s)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n <= 0) {
		if (!n || errno != EAGAIN)
			close(fd);
		return;
	}
	if (buf[0] == 'z')
		*s = (struct sink){ 0 };
	if (buf[0] == 'q')
		sink_report(fd, s);
	else if (buf[0] == 'a')
		cc_report(fd);
	else if (send(fd, buf, n, MSG_NOSIGNAL) != n || buf[0] == 's')
		close(fd);
}

static void serve_udp(int fd)
{
	struct sockaddr_storage a;
	socklen_t alen = sizeof(a);
	char buf[65536];
	ssize_t n;

	while ((n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, &alen)) >= 0)
		sendto(fd, buf, n, 0, (struct sockaddr *)&a, alen);
}

/* Datagrams of a train that came in one piece */
static unsigned datagrams(struct msghdr *m, unsigned len)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int size;

	if (!c || c->cmsg_type != UDP_GRO)
		return 1;
	memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size > 0 ? (len + size - 1) / size : 1;
}

static void serve_sink(int fd, struct sink *s)
{
	static char buf[SINK_BATCH][SINK_BUF], ctl[SINK_BATCH][64];
	struct mmsghdr m[SINK_BATCH];
	struct iovec iov[SINK_BATCH];
	int i, n;

	for (i = 0; i < SINK_BATCH; i++) {
		iov[i] = (struct iovec){ buf[i], SINK_BUF };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1,
						.msg_control = ctl[i],
						.msg_controllen = sizeof(ctl[i]) };
	}
	n = recvmmsg(fd, m, SINK_BATCH, 0, NULL);
	if (n <= 0)
		return;
	s->last = now();
	if (!s->first)
		s->first = s->last;
	for (i = 0; i < n; i++) {
		s->bytes += m[i].msg_len;
		s->datagrams += datagrams(&m[i].msg_hdr, m[i].msg_len);
	}
}

static void serve(uint16_t port)
{
	int ep = epoll_create1(0), tcp = listen_on(SOCK_STREAM, port);
	int udp = listen_on(SOCK_DGRAM, port), in = listen_on(SOCK_DGRAM, port + 1);
	struct epoll_event ev[EVENTS];
	struct sink sink = { 0 };

	set(in, SOL_UDP, UDP_GRO, 1);
	set(in, SOL_SOCKET, SO_RCVBUF, SINK_BATCH * SINK_BUF);	/* as much as we may */
	watch(ep, tcp, EPOLLIN);
	watch(ep, udp, EPOLLIN);
	watch(ep, in, EPOLLIN);
	for (;;) {
		int i, n = epoll_wait(ep, ev, EVENTS, -1);

		for (i = 0; i < n; i++) {
			int fd = ev[i].data.fd;

			if (fd == tcp)
				accept_all(ep, fd);
			else if (fd == udp)
				serve_udp(fd);
			else if (fd == in)
				serve_sink(fd, &sink);
			else
				serve_conn(fd, &sink);
		}
	}
}

/* ---- clients ---- */

static int socket_to(const struct opts *o, int type)
{
	int fd = socket(o->to.ss_family, type, 0);

	if (fd < 0)
		fail("socket");
	if ((type & 0xf) == SOCK_STREAM)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (const struct sockaddr *)&o->to, o->tolen) && errno != EINPROGRESS)
		fail("connect");
	return fd;
}

static void set_wait(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* A byte and its answer; the server closes first if @what is 's' */
static void ask(int fd, char what)
{
	char c = what;

	if (send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
		fail("no answer");
	if (what == 's' && recv(fd, &c, 1, 0) != 0)
		fail("not closed");
}

static void one_conn(const struct opts *o, char what, bool keep, struct hist *h)
{
	uint64_t begin = now(), end = begin + o->seconds * 1e9, t = begin, t2;
	int fd = -1;

	do {
		if (fd < 0) {
			fd = socket_to(o, SOCK_STREAM);
			set_wait(fd, TCP_WAIT_S * 1000);
		}
		ask(fd, what);
		if (!keep) {
			close(fd);
			fd = -1;
		}
		t2 = now();
		hist_add(h, t2 - t);
		t = t2;
	} while (t < end);
	report(h, t - begin, 0);
}

struct conn {
	uint64_t begin;
	bool asked;
};

static void conn_open(const struct opts *o, int ep, struct conn *c)
{
	int fd = socket_to(o, SOCK_STREAM | SOCK_NONBLOCK);

	if (fd >= CONNS_MAX)
		fail("too many descriptors");
	c[fd] = (struct conn){ .begin = now() };
	watch(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET);
}

/* Is the unit done? */
static bool conn_go_on(int fd, struct conn *c, char what)
{
	char buf[16];
	ssize_t n;

	if (!c->asked) {
		c->asked = send(fd, &what, 1, MSG_NOSIGNAL) == 1;
		if (!c->asked && errno != EAGAIN)
			fail("send");
		return false;
	}
	n = recv(fd, buf, sizeof(buf), 0);
	if (n > 0 && what == 's')
		n = recv(fd, buf, sizeof(buf), 0) ? -1 : 1;
	if (!n && what != 's')
		fail("closed");
	if (n < 0 && errno != EAGAIN)
		fail("recv");
	return n >= 0;
}

static void many_conns(const struct opts *o, char what, bool keep, struct hist *h)
{
	static struct conn conns[CONNS_MAX];
	uint64_t begin = now(), end = begin + o->seconds * 1e9, t = begin;
	struct epoll_event ev[EVENTS];
	int i, n, ep = epoll_create1(0);

	for (i = 0; i < o->conns; i++)
		conn_open(o, ep, conns);
	while (t < end) {
		n = epoll_wait(ep, ev, EVENTS, TCP_WAIT_S * 1000);
		if (n <= 0)
			fail("no answer");
		t = now();
		for (i = 0; i < n; i++) {
			int fd = ev[i].data.fd;

			if (!conn_go_on(fd, &conns[fd], what))
				continue;
			hist_add(h, t - conns[fd].begin);
			conns[fd] = (struct conn){ .begin = t };
			if (keep) {
				conn_go_on(fd, &conns[fd], what);
				continue;
			}
			close(fd);
			conn_open(o, ep, conns);
		}
	}
	report(h, t - begin, 0);
}

static void tcp(const struct opts *o, char what, bool keep)
{
	static struct hist h;

	(o->conns > 1 ? many_conns : one_conn)(o, what, keep, &h);
}

static void udp_rr(const struct opts *o)
{
	uint64_t begin = now(), end = begin + o->seconds * 1e9, t = begin, lost = 0;
	int fd = socket_to(o, SOCK_DGRAM);
	static struct hist h;
	uint32_t seq = 0, got;

	set_wait(fd, UDP_WAIT_MS);
	while (t < end) {
		ssize_t n = -1;

		seq++;
		if (send(fd, &seq, sizeof(seq), 0) == sizeof(seq)) {
			do
				n = recv(fd, &got, sizeof(got), 0);
			while (n >= 0 && (n != sizeof(got) || got != seq));
		}
		if (n > 0)
			hist_add(&h, now() - t);
		lost += n < 0;
		t = now();
	}
	report(&h, t - begin, lost);
}

/* The other side's counters: asked for over TCP with one letter */
static struct sink ask_sink(int fd, const char *what)
{
	unsigned long long d = 0, b = 0, ns = 0;
	char line[160] = "";

	if (send(fd, what, 1, MSG_NOSIGNAL) != 1 || recv(fd, line, sizeof(line) - 1, 0) <= 0)
		fail("no answer");
	sscanf(line, "%llu %llu %llu", &d, &b, &ns);
	return (struct sink){ .bytes = b, .datagrams = d, .last = ns };
}

static uint64_t send_for(const struct opts *o, int fd)
{
	uint64_t end = now() + o->seconds * 1e9, sent = 0;
	size_t n = o->gso ? TRAIN_MAX / o->size : 1;
	static char buf[TRAIN_MAX];
	unsigned i;

	if (n > 64)
		n = 64;		/* UDP_MAX_SEGMENTS of older kernels */
	if (o->gso)
		set(fd, SOL_UDP, UDP_SEGMENT, o->size);
	do {
		for (i = 0; i < 16; i++)
			sent += send(fd, buf, n * o->size, 0) > 0 ? n : 0;
	} while (now() < end);
	return sent;
}

/* Until nothing more arrives */
static struct sink await_sink(int ctl)
{
	struct sink s = ask_sink(ctl, "q"), last;

	do {
		last = s;
		usleep(50000);
		s = ask_sink(ctl, "q");
	} while (s.datagrams != last.datagrams);
	return s;
}

static void udp(struct opts *o)
{
	int fd, ctl = socket_to(o, SOCK_STREAM);
	uint64_t sent;
	struct sink s;

	set_wait(ctl, TCP_WAIT_S * 1000);
	/* Both are port numbers in the same place */
	((struct sockaddr_in *)&o->to)->sin_port =
		htons(ntohs(((struct sockaddr_in *)&o->to)->sin_port) + 1);
	fd = socket_to(o, SOCK_DGRAM);
	send(fd, "", 1, 0);		/* neighbours, flows */
	usleep(20000);
	ask_sink(ctl, "z");
	sent = send_for(o, fd);
	s = await_sink(ctl);
	printf("{\"units\": %llu, \"sent\": %llu, \"seconds\": %.6f, \"rate\": %.1f, "
	       "\"gbps\": %.4f}\n", (unsigned long long)s.datagrams, (unsigned long long)sent,
	       s.last / 1e9, s.last ? s.datagrams * 1e9 / s.last : 0,
	       s.last ? s.bytes * 8.0 / s.last : 0);
}

static void cc(const struct opts *o)
{
	char client[CC_MAX] = "", server[CC_MAX] = "";
	int fd = socket_to(o, SOCK_STREAM);

	set_wait(fd, TCP_WAIT_S * 1000);
	if (send(fd, "a", 1, MSG_NOSIGNAL) != 1 ||
	    recv(fd, server, CC_MAX, MSG_WAITALL) != CC_MAX)
		fail("no answer");
	cc_of(fd, client, CC_MAX);
	printf("{\"client\": \"%s\", \"server\": \"%.15s\"}\n", client, server);
}

static bool hold_one(const struct opts *o)
{
	int fd = socket(o->to.ss_family, SOCK_STREAM, 0);
	struct timeval wait = { HOLD_WAIT_S, 0 };
	char c = 'c';

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));	/* of connect(), too */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return !connect(fd, (const struct sockaddr *)&o->to, o->tolen) &&
	       send(fd, &c, 1, MSG_NOSIGNAL) == 1 && recv(fd, &c, 1, 0) == 1;
}

/* Says how many there are: the other side may not take more, or not so soon */
static void hold(const struct opts *o)
{
	uint64_t begin = now(), t = begin;
	static struct hist h;
	char c;

	while (h.count < (uint64_t)o->conns && t - begin < o->seconds * 1e9 && hold_one(o)) {
		hist_add(&h, now() - t);
		t = now();
	}
	report(&h, t - begin, 0);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
}

static void usage(void)
{
	fprintf(stderr, "usage: rig serve PORT | rr|crr|crrs|udprr|udp|hold|cc [-n N] "
		"[-t SEC] [-s SIZE] [-g] ADDRESS PORT\n");
	exit(2);
}

static void resolve(struct opts *o, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;

	if (getaddrinfo(host, port, &hints, &ai))
		usage();
	memcpy(&o->to, ai->ai_addr, ai->ai_addrlen);
	o->tolen = ai->ai_addrlen;
	freeaddrinfo(ai);
}

static void options(struct opts *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:t:s:g")) != -1) {
		switch (c) {
		case 'n': o->conns = atoi(optarg); break;
		case 't': o->seconds = atof(optarg); break;
		case 's': o->size = atoi(optarg); break;
		case 'g': o->gso = true; break;
		default: usage();
		}
	}
	if (o->conns < 1 || o->conns >= CONNS_MAX - EVENTS || !o->size || o->size > TRAIN_MAX)
		usage();
}

int main(int argc, char **argv)
{
	struct opts o = { .conns = 1, .seconds = 1, .size = 1400 };
	const char *what = argc > 1 ? argv[1] : "";
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	options(&o, argc - 1, argv + 1);
	argv += 1 + optind;
	argc -= 1 + optind;

	if (!strcmp(what, "serve") && argc == 1)
		serve(atoi(argv[0]));
	if (argc != 2)
		usage();
	resolve(&o, argv[0], argv[1]);
	if (!strcmp(what, "rr"))
		tcp(&o, 'r', true);
	else if (!strcmp(what, "crr"))
		tcp(&o, 'c', false);
	else if (!strcmp(what, "crrs"))
		tcp(&o, 's', false);
	else if (!strcmp(what, "udprr"))
		udp_rr(&o);
	else if (!strcmp(what, "udp"))
		udp(&o);
	else if (!strcmp(what, "cc"))
		cc(&o);
	else if (!strcmp(what, "hold"))
		hold(&o);
	else
		usage();
	return 0;
}
