/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap_fuzz.c - whatever a guest may send, through the code that the program uses, to sockets
 * in a network namespace of its own
 *
 * An input is a sequence of steps: two bytes of length, one that says what is to be done
 * (see STEP_*), then a frame. Checksums of IPv4 headers are put right, others
 * need not be; numbers of TCP may be meant relative to ours, so that connections come
 * about.
 */
#define _GNU_SOURCE		/* unshare(2) */
#include "fuzz.h"

#include <net/if.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "chunk.h"
#include "csum.h"
#include "dgram.h"
#include "flow.h"
#include "frag.h"
#include "icmp.h"
#include "log.h"
#include "sock.h"
#include "tap.h"
#include "tcp.h"
#include "tcp_spare.h"
#include "udp.h"
#include "util.h"
#include "../unit/frames.h"

enum {
	STEP_CSUM_OK	= 1,
	STEP_PARTIAL	= 2,
	STEP_RELATIVE	= 4,		/* acknowledgement: add ours */
	STEP_TURN	= 8,		/* of the loop, before */
	STEP_TIME	= 16,		/* goes by, a second */
	STEP_GSO	= 32,
	STEP_ECHO	= 64,		/* the host's peers answer */
	PORT = 80, PEERS = 8, LEND = 8,
};

static struct worker w;
static uint32_t ours;			/* our last initial sequence number */
static struct frame queue[LINK_BATCH];
static int queued;
static struct { struct iovec data; void *hdr; } lent[LEND];
static int listener[IPVERS], peers[PEERS];

static int fuzz_rx(struct link *l, struct frame *f, int max)
{
	int i, n = MIN(queued, max);

	(void)l;
	for (i = 0; i < n; i++) {
		f[i] = queue[i];
		f[i].l2 = span_over(&f[i].iov, 1);
	}
	return n;
}

static void fuzz_rx_done(struct link *l, int n)
{
	int i;

	(void)l;
	for (i = 0; i < n; i++)
		free(queue[i].iov.iov_base);
	queued -= n;
	memmove(queue, queue + n, queued * sizeof(queue[0]));
}

static int fuzz_tx_reserve(struct link *l, struct slot *s, int n, size_t hdrlen,
			   size_t paylen)
{
	int i;

	(void)l;
	if (hdrlen > LINK_HDR_MAX)
		abort();
	n = MIN(n, LEND);
	for (i = 0; i < n; i++) {
		lent[i].hdr = malloc(hdrlen);
		lent[i].data = (struct iovec){ malloc(paylen + !paylen), paylen };
		s[i] = (struct slot){ .hdr = { lent[i].hdr, hdrlen },
				      .data = &lent[i].data, .ndata = 1 };
	}
	return n;
}

static void look(const struct slot *s)
{
	const uint8_t *f = s->hdr.iov_base, *l4 = f + (f[12] == 0x08 ? 34 : 54);
	uint8_t proto = f[12] == 0x08 ? f[23] : f[20];

	if (s->len > s->data[0].iov_len)
		abort();
	if (s->hdr.iov_len < 54 || proto != IPPROTO_TCP ||
	    s->hdr.iov_len < (size_t)(l4 - f) + 20)
		return;
	if (l4[13] & 2)
		ours = (uint32_t)l4[4] << 24 | l4[5] << 16 | l4[6] << 8 | l4[7];
}

static int fuzz_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	int i;

	(void)l;
	for (i = 0; i < used; i++)
		look(&s[i]);
	for (i = 0; i < reserved; i++) {
		free(lent[i].hdr);
		free(lent[i].data.iov_base);
	}
	return used;
}

static const struct link_ops fuzz_ops = {
	.name = "fuzz", .rx = fuzz_rx, .rx_done = fuzz_rx_done,
	.tx_reserve = fuzz_tx_reserve, .tx_commit = fuzz_tx_commit,
};

static void on_timer(void *ctx, struct timer *t)
{
	struct flow *f = (struct flow *)((char *)t - offsetof(struct flow, timer));

	if (t == tcp_spare_timer(ctx))
		tcp_spare_expire(ctx);
	else if (f->type == FLOW_TCP)
		tcp_flow_timer(ctx, f);
	else if (f->type == FLOW_UDP)
		udp_flow_timer(ctx, f);
	else
		icmp_flow_timer(ctx, f);
}

static void work(struct flow *f)
{
	if (f->type == FLOW_TCP)
		tcp_flow_work(&w, f);
	else if (f->type == FLOW_UDP)
		udp_flow_work(&w, f);
	else
		icmp_flow_work(&w, f);
}

static void turn(void)
{
	uint64_t real;
	struct flow *f;

	loop_turn(&w.loop, &w, &real, 0);
	while (queued)
		tap_event(&w, (union tag){ .kind = EV_LINK }, EPOLLIN);
	wheel_run(&w.wheel, w.now, on_timer, &w);
	flow_dirty_begin(&w);
	while ((f = flow_next_dirty(&w)))
		work(f);
	tap_flush(&w);
}

/* Those who connected send something, and read, and one closes */
static void answer(void)
{
	static char buf[5000];
	int i;

	for (i = 0; i < PEERS; i++) {
		if (peers[i] < 0)
			peers[i] = accept(listener[i % 2], NULL, NULL);
		if (peers[i] < 0)
			continue;
		send(peers[i], buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (recv(peers[i], buf, sizeof(buf), MSG_DONTWAIT) == 0 || i == 3) {
			close(peers[i]);
			peers[i] = -1;
		}
	}
}

static void push(uint8_t *f, size_t len, uint8_t what)
{
	struct offload o = { 0 };
	bool v6 = len > 13 && f[12] == 0x86;
	size_t l4 = v6 ? 54 : 34, at = v6 ? 20 : 23;
	uint8_t proto = len > at ? f[at] : 0;

	if (!v6 && len >= 34 && (f[14] & 15) == 5) {
		put16(f + 24, 0);
		put16(f + 24, ~fold(words(f + 14, 20)));
	}
	if (what & STEP_RELATIVE && len >= l4 + 20 && proto == IPPROTO_TCP) {
		uint32_t ack = ours + 1 + f[l4 + 11];

		put16(f + l4 + 8, ack >> 16);
		put16(f + l4 + 10, ack);
	}
	o.csum_ok = what & STEP_CSUM_OK;
	if (what & STEP_PARTIAL) {
		o.csum_partial = true;
		o.csum_start = l4;
		o.csum_off = proto == IPPROTO_UDP ? 6 : 16;
	}
	if (what & STEP_GSO) {
		o.gso_type = proto == IPPROTO_UDP ? GSO_UDP : GSO_TCP;
		o.gso_size = 100;
	}
	queue[queued].off = o;
	queue[queued++].iov = (struct iovec){ f, len };
}

static void end_tcp(struct worker *wk, struct flow *f)
{
	tcp_flow_close(wk, f);
}

static void end_all(void)
{
	int i;

	turn();
	flow_each(&w, FLOW_TCP, end_tcp);
	for (i = 0; i < 100 && flow_count(&w); i++) {
		w.now += 60000;
		turn();
	}
	if (flow_count(&w) || chunks_free(w.chunks) != CHUNK_COUNT)
		abort();
	for (i = 0; i < PEERS; i++) {
		if (peers[i] >= 0)
			close(peers[i]);
		peers[i] = accept(listener[i % 2], NULL, NULL);
		if (peers[i] >= 0)
			close(peers[i]);
		peers[i] = -1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= 3 + 14) {
		size_t len = data[0] << 8 | data[1];
		uint8_t what = data[2], *f;

		data += 3;
		size -= 3;
		len = MIN(MAX(len, 14), size);
		f = malloc(len);
		memcpy(f, data, len);
		data += len;
		size -= len;
		if (what & STEP_ECHO)
			answer();
		if (what & STEP_TIME)
			w.now += 1000;
		if (what & (STEP_TURN | STEP_TIME) || queued == LINK_BATCH)
			turn();
		push(f, len, what);
	}
	end_all();
	return 0;
}

/* Seeds */

static uint8_t seed[8192];
static size_t seed_len;

static void add_step(const struct raw *r, uint8_t what)
{
	put16(seed + seed_len, r->len);
	seed[seed_len + 2] = what;
	memcpy(seed + seed_len + 3, r->b, r->len);
	seed_len += 3 + r->len;
}

static void tcp_step_seed(struct raw *r, bool v6, uint8_t flags, uint32_t seq, uint8_t ack,
			  size_t pay)
{
	size_t l4 = v6 ? 54 : 34;

	make(r, v6, IPPROTO_TCP, pay);
	if (v6)
		memcpy(r->b + 38, fuzz_addr("2001:db8::1").b, 16);
	else
		memcpy(r->b + 30, "\300\0\2\1", 4);
	put16(r->b + l4 + 4, seq >> 16);
	put16(r->b + l4 + 6, seq);
	r->b[l4 + 11] = ack;
	r->b[l4 + 13] = flags;
	add_step(r, STEP_CSUM_OK | STEP_TURN | (flags & 16 ? STEP_RELATIVE : 0) | STEP_ECHO);
}

void fuzz_seeds(void)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6 };
	static struct raw r;
	size_t i;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		seed_len = 0;
		tcp_step_seed(&r, v6, 2, 1000, 0, 0);
		tcp_step_seed(&r, v6, 16, 1001, 0, 0);
		tcp_step_seed(&r, v6, 24, 1001, 0, 100);
		tcp_step_seed(&r, v6, 24, 1201, 0, 100);
		tcp_step_seed(&r, v6, 24, 1101, 0, 100);
		fuzz_seed(seed, seed_len);
		tcp_step_seed(&r, v6, 17, 1301, 100, 0);
		tcp_step_seed(&r, v6, 16, 1302, 200, 0);
		fuzz_seed(seed, seed_len);
		tcp_step_seed(&r, v6, 4, 1302, 0, 0);
		fuzz_seed(seed, seed_len);
		for (i = 0; i < NELEM(protos); i++) {
			seed_len = 0;
			make(&r, v6, protos[i], 60);
			add_step(&r, STEP_CSUM_OK);
			add_step(&r, STEP_CSUM_OK | STEP_TURN | STEP_GSO);
			fuzz_seed(seed, seed_len);
		}
	}
}

/* A namespace with nothing but loopback: 0, or what is missing */
static const char *isolate(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return "needs user namespaces";
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		return "needs a loopback device";
	close(fd);
	return NULL;
}

static void listen_on(enum ipver v, const char *addr)
{
	struct side at = { fuzz_addr(addr), PORT };

	listener[v] = sock_open(IPPROTO_TCP, v);
	if (listener[v] < 0 || sock_bind(listener[v], &at, 0) || listen(listener[v], 64))
		abort();
}

static void start(void)
{
	static struct scratch scratch;
	static struct link l = {
		.ops = &fuzz_ops, .fd = -1, .gso_max = 65535 + 14,
		.caps = LINK_TX_CSUM | LINK_TX_TSO | LINK_TX_USO,
	};
	static struct conf cf;
	int i;

	fuzz_conf(&cf);
	w.cf = &cf;
	w.link = &l;
	w.scratch = &scratch;
	w.flows = flowtab_init();
	w.chunks = chunks_init();
	w.spares = tcp_spare_init();
	w.frags = frags_init();
	w.dgram = dgram_init();
	w.peek_off = sock_probe_peek_off();
	w.now = 1000000;
	w.secret = (struct hash_key){ { 1, 2 } };
	wheel_init(&w.wheel, w.now);
	if (loop_init(&w.loop))
		abort();
	w.loop.handlers[EV_LINK] = tap_event;
	w.loop.handlers[EV_TCP] = tcp_sock_event;
	w.loop.handlers[EV_UDP] = udp_sock_event;
	w.loop.handlers[EV_ICMP] = icmp_sock_event;
	for (i = 0; i < PEERS; i++)
		peers[i] = -1;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *why;

	fuzz_write_seeds(*argc, *argv);
	why = isolate();
	if (why) {
		printf("skipped: %s\n", why);
		exit(77);
	}
	listen_on(V4, "127.0.0.1");
	listen_on(V6, "::1");
	log_set_stderr(false);
	start();
	return 0;
}
