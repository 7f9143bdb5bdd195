/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer.c - a scripted guest on a link of its own, against a real worker */
#include "peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frag.h"
#include "sock.h"
#include "tap.h"
#include "tcp_spare.h"

enum { QUEUE = 4096, PATTERN = 65521, LEND = 16, REAL_WAIT = 2000 };

struct peer me;

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t guest_mac[6] = { 2, 0, 0, 0, 0, 2 };

static struct scratch scratch;
static uint8_t pattern[2 * PATTERN];
static uint64_t last_wait;

/* From the guest: frames in memory of exactly their size */
static struct { struct frame f; void *mem; } rxq[LINK_BATCH];
static int rx_count, rx_lent;

/* To the guest: as they were parsed */
static struct seg txq[QUEUE];
static unsigned tx_first, tx_last;

/* The open reservation */
static struct { struct iovec data[2]; void *mem[3]; } lent[LEND];
static int lent_count;

static struct seg parse_frame(const uint8_t *f, size_t len, const struct offload *o);

static void fill_pattern(uint8_t *to, int64_t off, size_t len)
{
	while (len) {
		size_t at = off % PATTERN, n = MIN(len, (size_t)PATTERN);

		memcpy(to, pattern + at, n);
		to += n;
		off += n;
		len -= n;
	}
}

static bool is_pattern(const uint8_t *p, int64_t off, size_t len)
{
	while (len) {
		size_t at = off % PATTERN, n = MIN(len, (size_t)PATTERN);

		if (memcmp(p, pattern + at, n))
			return false;
		p += n;
		off += n;
		len -= n;
	}
	return true;
}

/* The link */

static int peer_rx(struct link *l, struct frame *f, int max)
{
	int i, n = MIN(rx_count, max);

	(void)l;
	for (i = 0; i < n; i++) {
		f[i].off = rxq[i].f.off;
		f[i].iov = rxq[i].f.iov;
		f[i].l2 = span_over(&f[i].iov, 1);
	}
	rx_lent = n;
	return n;
}

static void peer_rx_done(struct link *l, int n)
{
	int i;

	(void)l;
	CHECK(n == rx_lent);
	for (i = 0; i < n; i++)
		free(rxq[i].mem);
	rx_count -= n;
	memmove(rxq, rxq + n, rx_count * sizeof(rxq[0]));
	rx_lent = 0;
}

/* Payload comes in two fragments, each in memory of its own */
static int peer_tx_reserve(struct link *l, struct slot *s, int n, size_t hdrlen,
			   size_t paylen)
{
	int i;

	(void)l;
	CHECK(!lent_count && n > 0 && n <= LINK_BATCH && hdrlen <= LINK_HDR_MAX);
	n = MIN(n, LEND);
	if (me.link_room != NONE)
		n = MIN(n, me.link_room);
	for (i = 0; i < n; i++) {
		size_t cut = paylen / 3;

		lent[i].mem[0] = malloc(hdrlen);
		lent[i].mem[1] = malloc(cut + !cut);
		lent[i].mem[2] = malloc(paylen - cut + 1);
		lent[i].data[0] = (struct iovec){ lent[i].mem[1], cut };
		lent[i].data[1] = (struct iovec){ lent[i].mem[2], paylen - cut };
		s[i] = (struct slot){ .hdr = { lent[i].mem[0], hdrlen },
				      .data = lent[i].data, .ndata = 2 };
	}
	lent_count = n;
	return n;
}

static void capture(const struct slot *s)
{
	size_t len = s->hdr.iov_len + s->len, n = MIN(s->len, s->data[0].iov_len);
	uint8_t *f = malloc(len);

	memcpy(f, s->hdr.iov_base, s->hdr.iov_len);
	memcpy(f + s->hdr.iov_len, s->data[0].iov_base, n);
	memcpy(f + s->hdr.iov_len + n, s->data[1].iov_base, s->len - n);
	txq[tx_last++ % QUEUE] = parse_frame(f, len, &s->off);
	CHECK(tx_last - tx_first <= QUEUE);
	free(f);
}

static int peer_tx_commit(struct link *l, struct slot *s, int used, int reserved)
{
	int i, k, sent = 0;

	(void)l;
	CHECK(reserved == lent_count && used <= reserved);
	for (i = 0; i < used && !me.link_down; i++, sent++)
		capture(&s[i]);
	for (i = 0; i < lent_count; i++)
		for (k = 0; k < 3; k++)
			free(lent[i].mem[k]);
	lent_count = 0;
	if (me.link_room != NONE)
		me.link_room -= sent;
	return sent;
}

static const struct link_ops peer_ops = {
	.name = "peer",
	.rx = peer_rx,
	.rx_done = peer_rx_done,
	.tx_reserve = peer_tx_reserve,
	.tx_commit = peer_tx_commit,
};

static struct link peer_link = { .ops = &peer_ops, .gso_max = 65535 + 14, .fd = -1 };

/* Headers, made and read by the letter of the RFCs */

static unsigned get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2) {
		s += get16(p + i);
		s = (s & 0xffff) + (s >> 16);
	}
	if (len & 1)
		s += p[len - 1] << 8;
	return (s & 0xffff) + (s >> 16);
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t l4len)
{
	bool v6 = ip[0] >> 4 == 6;

	return sum(0, ip + (v6 ? 8 : 12), v6 ? 32 : 8) + IPPROTO_TCP +
	       (l4len >> 16) + (l4len & 0xffff);
}

/* Addresses, lengths, checksums: where the TCP header is */
static const uint8_t *check_ip(const uint8_t *f, size_t len, const struct offload *o)
{
	bool v6 = me.world->ver == V6;
	const uint8_t *ip = f + 14, *l4 = ip + (v6 ? 40 : 20);
	size_t l4len = len - (l4 - f);
	uint32_t s = pseudo_sum(ip, l4len);

	CHECK(!memcmp(f, guest_mac, 6) && !memcmp(f + 6, our_mac, 6));
	CHECK(get16(f + 12) == (v6 ? 0x86dd : 0x0800));
	if (v6) {
		CHECK(ip[0] >> 4 == 6 && get16(ip + 4) == l4len && ip[6] == IPPROTO_TCP);
		CHECK(!memcmp(ip + 8, me.seen.addr.b, 16));
		CHECK(!memcmp(ip + 24, me.guest.addr.b, 16));
	} else {
		CHECK(ip[0] == 0x45 && get16(ip + 2) == len - 14 && ip[9] == IPPROTO_TCP);
		CHECK(sum(0, ip, 20) == 0xffff);
		CHECK(!memcmp(ip + 12, &me.seen.addr.w[3], 4));
		CHECK(!memcmp(ip + 16, &me.guest.addr.w[3], 4));
	}
	if (o->csum_partial) {
		CHECK(peer_link.caps & LINK_TX_CSUM);
		CHECK(o->csum_start == l4 - f && o->csum_off == 16);
		CHECK(get16(l4 + 16) == sum(s, NULL, 0));
	} else {
		CHECK(sum(s, l4, l4len) == 0xffff);
	}
	return l4;
}

static void parse_opts(struct seg *s, const uint8_t *o, size_t len)
{
	size_t i, k;

	for (i = 0; i < len && o[i]; i += o[i] == 1 ? 1 : o[i + 1]) {
		if (o[i] == 1)
			continue;
		if (!CHECK(i + 1 < len && o[i + 1] >= 2 && i + o[i + 1] <= len))
			return;
		if (o[i] == 2)
			s->mss = get16(o + i + 2);
		if (o[i] == 3)
			s->ws = o[i + 2];
		if (o[i] == 4)
			s->sack_ok = true;
		for (k = 2; o[i] == 5 && k + 8 <= o[i + 1]; k += 8, s->nsack++) {
			s->sack[s->nsack].start = get32(o + i + k) - me.iss - 1;
			s->sack[s->nsack].end = get32(o + i + k + 4) - me.iss - 1;
		}
		if (o[i] == 8) {
			s->ts = true;
			s->tsval = get32(o + i + 2);
			s->tsecr = get32(o + i + 6);
		}
	}
}

static struct seg parse_frame(const uint8_t *f, size_t len, const struct offload *o)
{
	const uint8_t *l4 = check_ip(f, len, o);
	size_t hlen = (l4[12] >> 4) * 4;
	struct seg s = { .ws = NONE };

	CHECK(get16(l4) == me.seen.port && get16(l4 + 2) == me.guest.port);
	s.flags = l4[13];
	s.wnd = get16(l4 + 14);
	s.len = len - (l4 - f) - hlen;
	if ((s.flags & (SYN | RST)) == SYN)
		me.irs = get32(l4 + 4);
	s.seq = get32(l4 + 4) - me.irs - 1;
	s.ack = get32(l4 + 8) - me.iss - 1;
	parse_opts(&s, l4 + 20, hlen - 20);
	if (s.ts)
		me.tsecr = s.tsval;
	if (s.len && s.seq >= 0 && !(s.flags & SYN))
		CHECK(is_pattern(l4 + hlen, s.seq, s.len));
	s.gso = o->gso_type ? o->gso_size : 0;
	if (o->gso_type)
		CHECK(o->gso_type == GSO_TCP && peer_link.caps & LINK_TX_TSO &&
		      s.len > o->gso_size);
	return s;
}

static size_t put_opts(const struct seg *s, uint8_t *o)
{
	size_t n = 0;
	int i;

	if (s->mss) {
		memcpy(o + n, "\2\4", 2);
		put16(o + n + 2, s->mss);
		n += 4;
	}
	if (s->flags & SYN && s->ws != NONE) {
		memcpy(o + n, "\1\3\3", 3);
		o[n + 3] = s->ws;
		n += 4;
	}
	if (s->sack_ok) {
		memcpy(o + n, "\4\2\1\1", 4);
		n += 4;
	}
	if (s->ts) {
		memcpy(o + n, "\1\1\10\12", 4);
		put32(o + n + 4, s->tsval);
		put32(o + n + 8, s->tsecr);
		n += 12;
	}
	if (s->nsack) {
		memcpy(o + n, "\1\1\5", 3);
		o[n + 3] = 2 + 8 * s->nsack;
		n += 4;
		for (i = 0; i < s->nsack; i++, n += 8) {
			put32(o + n, me.irs + 1 + s->sack[i].start);
			put32(o + n + 4, me.irs + 1 + s->sack[i].end);
		}
	}
	return n;
}

static uint8_t *put_ip(uint8_t *f, size_t l4len)
{
	uint8_t *ip = f + 14;

	memcpy(f, our_mac, 6);
	memcpy(f + 6, guest_mac, 6);
	if (me.world->ver == V6) {
		put16(f + 12, 0x86dd);
		memcpy(ip, "\x60\0\0\0\0\0\6\x40", 8);
		put16(ip + 4, l4len);
		memcpy(ip + 8, me.guest.addr.b, 16);
		memcpy(ip + 24, me.seen.addr.b, 16);
		return ip + 40;
	}
	put16(f + 12, 0x0800);
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40\6\0\0", 12);
	put16(ip + 2, l4len + 20);
	memcpy(ip + 12, &me.guest.addr.w[3], 4);
	memcpy(ip + 16, &me.seen.addr.w[3], 4);
	put16(ip + 10, ~sum(0, ip, 20));
	return ip + 20;
}

void put_seg(struct seg s)
{
	size_t l3len = me.world->ver == V6 ? 54 : 34, hlen, total;
	uint8_t opts[64], *f, *l4;

	if (rx_count == LINK_BATCH)
		feed();
	hlen = 20 + put_opts(&s, opts);
	total = l3len + hlen + s.len;
	f = malloc(total);
	l4 = put_ip(f, hlen + s.len);
	put16(l4, me.guest.port);
	put16(l4 + 2, me.seen.port);
	put32(l4 + 4, s.no_flow ? (uint32_t)s.seq : me.iss + 1 + s.seq);
	put32(l4 + 8, s.no_flow ? (uint32_t)s.ack : me.irs + 1 + s.ack);
	l4[12] = hlen / 4 << 4;
	l4[13] = s.flags;
	put16(l4 + 14, s.wnd || s.wnd_zero ? s.wnd : me.wnd);
	put32(l4 + 16, 0);
	memcpy(l4 + 20, opts, hlen - 20);
	if (s.seq >= 0)
		fill_pattern(l4 + hlen, s.seq, s.len);
	else
		memset(l4 + hlen, 0xee, s.len);
	put16(l4 + 16, ~sum(pseudo_sum(f + 14, hlen + s.len), l4, hlen + s.len));
	rxq[rx_count].f.off = (struct offload){ 0 };
	rxq[rx_count].f.iov = (struct iovec){ f, total };
	rxq[rx_count++].mem = f;
}

void send_seg(uint8_t flags, int32_t seq, int32_t ack, uint32_t len)
{
	put_seg((struct seg){
		.flags = flags, .seq = seq, .ack = ack, .len = len, .ws = NONE,
		.ts = me.ts, .tsval = me.tsval, .tsecr = me.tsecr,
	});
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
	while (rx_count)
		tap_event(&me.w, (union tag){ .kind = EV_LINK }, EPOLLIN);
}

/* A turn of the loop as in passt.c: did anything happen? */
static bool turn(int real_ms)
{
	struct worker *w = &me.w;
	uint64_t real;
	bool busy = rx_count;
	struct flow *f;
	int n;

	n = loop_turn(&w->loop, w, &real, rx_count ? 0 : real_ms);
	feed();
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

const struct seg *get_seg(void)
{
	return tx_first == tx_last ? NULL : &txq[tx_first++ % QUEUE];
}

const struct seg *wait_seg(uint64_t ms)
{
	last_wait = 0;
	pump();
	while (tx_first == tx_last && last_wait < ms) {
		last_wait += step(ms - last_wait);
		pump();
	}
	return get_seg();
}

uint64_t waited(void)
{
	return last_wait;
}

void forget_segs(void)
{
	tx_first = tx_last;
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
	for (i = 0; tx_first == tx_last && i < REAL_WAIT; i++)
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
	t->iss = t->snd_una = t->snd_nxt = t->snd_max = t->snd_wl2 = t->recover = iss;
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
	sock_accept();
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

void sock_accept(void)
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

		fill_pattern(buf, me.written, len);
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

	fill_pattern(&b, me.written, 1);
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
		CHECK(is_pattern(buf, me.read, rc));
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
	  LINK_TX_CSUM | LINK_TX_TSO | LINK_RX_CSUM, 0xfffff830, 0xfffff448 },
	{ "IPv6, neither", V6, false, 0, 1000000, 0x7ffffc00 },
	{ "IPv4, offloads", V4, false,
	  LINK_TX_CSUM | LINK_TX_TSO | LINK_RX_CSUM, 0x7ffff000, 5 },
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
	peer_link.caps = m->caps;
	w->cf = &me.cf;
	w->link = &peer_link;
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
	unsigned i, x = 1;

	for (i = 0; i < sizeof(pattern); i++) {
		if (i < PATTERN)
			x = x * 1103515245 + 12345;
		pattern[i] = i < PATTERN ? x >> 16 : pattern[i - PATTERN];
	}
	for (i = 0; i < NELEM(worlds); i++) {
		int failed = test_count.failed + c->failed, fd = lowest_fd();

		begin(&worlds[i]);
		test();
		end();
		CHECK(lowest_fd() == fd);
		if (test_count.failed + c->failed != failed)
			fprintf(stderr, "%s: failed with %s\n", name, worlds[i].name);
	}
}

int peer_end(const char *name, const struct test_count *c)
{
	test_count.failed += c->failed;
	test_count.checks += c->checks;
	return test_end(name);
}
