/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recv_test.c - the guest's data to the host: order, windows, a socket that is full */
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>

enum { MSS = 1460, CHUNKS_HALF = CHUNK_COUNT / 2 };

static void data(int32_t seq, uint32_t len)
{
	send_seg(ACK | PSH, seq, 0, len);
}

/* The one ACK that follows now, of @ack; @n ranges in its SACK option */
static const struct seg *acked(int32_t ack, int n)
{
	const struct seg *s;

	pump();
	s = wait_seg(10);
	if (!s || s->len || s->ack != ack || s->nsack != n) {
		fprintf(stderr, "  ack %d, %d ranges, not %d, %d\n", s ? s->ack : -1,
			s ? s->nsack : -1, ack, n);
		CHECK(!"acked");
	}
	CHECK(!get_seg());
	return s;
}

static bool range(const struct seg *s, int i, int32_t start, int32_t end)
{
	return s && s->sack[i].start == start && s->sack[i].end == end;
}

static void t_in_order(void)
{
	int32_t at = 0;
	int i;

	connect_full();
	for (i = 1; i < 40; i++) {
		data(at, i * 7);
		data(at + i * 7, i * 11);
		at += i * 18;
		acked(at, 0);
		CHECK(sock_read(100000) == (size_t)i * 18);
	}
	CHECK(!me.w.stats.tcp_parked);
}

/* One small segment is acknowledged soon, two or a full one at once */
static void t_delayed_ack(void)
{
	const struct seg *s;

	connect_full();
	data(0, 10);
	QUIET();
	data(10, 10);
	EXPECT(ACK, 0, 20, 0);
	data(20, MSS);
	EXPECT(ACK, 0, 20 + MSS, 0);
	pass(100);
	QUIET();
	/* data of the host's peer carries it */
	data(20 + MSS, 10);
	feed();
	sock_write(5);
	EXPECT(ACK, 0, 30 + MSS, 5);
	QUIET();
	send_seg(ACK | PSH, 30 + MSS, 5, 10);
	QUIET();
	s = wait_seg(100);
	CHECK(s && s->ack == 40 + MSS && waited() && waited() < 10);
}

/* Requests in two writes, of which the second one waits for our ACK: it waits for long
 * only once, until a request in a single write is answered
 */
static void t_ack_soon(void)
{
	int32_t at = 0, reply = 0;
	int i;

	connect_full();
	for (i = 0; i < 8; i++) {
		send_seg(ACK | PSH, at, reply, 10);
		if (i == 0 || i > 5)
			QUIET();
		else
			EXPECT(ACK, reply, at + 10, 0);
		if (i == 0)
			CHECK(wait_seg(100) && waited() && waited() < 10);
		at += 10;
		if (i < 5) {
			send_seg(ACK | PSH, at, reply, 10);
			EXPECT(ACK, reply, at + 10, 0);
			at += 10;
		}
		sock_write(5);
		EXPECT(ACK, reply, at, 5);
		reply += 5;
	}
}

static void t_hole(void)
{
	const struct seg *s;

	connect_full();
	data(1000, 1000);
	s = acked(0, 1);
	CHECK(range(s, 0, 1000, 2000));
	data(3000, 500);
	s = acked(0, 2);
	CHECK(range(s, 0, 1000, 2000) && range(s, 1, 3000, 3500));
	data(5000, 500);
	s = acked(0, 3);
	data(7000, 500);
	s = acked(0, 4);
	CHECK(range(s, 3, 7000, 7500));
	data(9000, 500);
	acked(0, 4);		/* no room for more */
	CHECK(!sock_read(1000));
	data(0, 1000);
	s = acked(2000, 4);
	CHECK(sock_read(100000) == 2000);
	data(2000, 7000);
	s = acked(9500, 0);
	CHECK(sock_read(100000) == 7500);
	CHECK(chunks_free(me.w.chunks) == CHUNK_COUNT);
}

/* Without SACK, three duplicates make the guest's stack send again at once */
static void t_hole_plain(void)
{
	int i;

	connect_plain();
	data(1000, 500);
	for (i = 0; i < 3; i++)
		EXPECT(ACK, 0, 0, 0);
	QUIET();
	data(0, 1000);
	EXPECT(ACK, 0, 1500, 0);
	QUIET();
}

/* With timestamps there is room for one range less */
static void t_hole_timestamps(void)
{
	int i;

	connect_guest((struct syn_opts){ .mss = MSS, .ws = 7, .sack_ok = true, .ts = true });
	for (i = 1; i < 6; i++) {
		data(i * 1000, 500);
		acked(0, MIN(i, 3));
	}
	data(0, 6000);
	acked(6000, 0);
	CHECK(sock_read(100000) == 6000);
}

/* The host's peer sends meanwhile: its data does not take the place of the duplicates */
static void t_hole_and_data(void)
{
	const struct seg *s;

	connect_full();
	data(1000, 500);
	feed();
	sock_write(10);
	EXPECT(ACK, 0, 0, 10);
	s = EXPECT(ACK, 10, 0, 0);
	CHECK(s->nsack == 1 && range(s, 0, 1000, 1500));
	QUIET();
}

/* RFC 2883: what came twice is told first */
static void t_twice(void)
{
	const struct seg *s;

	connect_full();
	data(0, 1000);
	data(1000, 1000);
	acked(2000, 0);
	data(0, 1000);
	s = acked(2000, 1);
	CHECK(range(s, 0, 0, 1000));
	data(4000, 100);
	acked(2000, 1);
	data(500, 1500);
	s = acked(2000, 2);
	CHECK(range(s, 0, 500, 2000) && range(s, 1, 4000, 4100));
	data(1500, 1000);	/* partly new */
	s = acked(2500, 2);
	CHECK(range(s, 0, 1500, 2000));
	data(2500, 1500);
	acked(4100, 0);
	CHECK(sock_read(100000) == 4100);
}

static void t_twice_no_window(void)
{
	struct tcp *t;
	const struct seg *s;

	connect_full();
	data(0, 1000);
	data(1000, 10);
	acked(1010, 0);
	t = flow();
	t->rcv_edge = t->rcv_told = t->rcv_nxt;		/* closed */
	t->room = 0;
	t->want_out = true;
	data(500, 1000);
	s = EXPECT(ACK, 0, 1010, 0);
	CHECK(!s->nsack || range(s, 0, 500, 1010));
	t->want_out = false;
}

/* Pieces cut anywhere, shuffled, overlapping, from a fixed seed */
static void t_shuffled(void)
{
	unsigned seed = 7;
	uint32_t size = 60000;
	int round, i;

	printf("seed %u\n", seed);
	srand(seed);
	connect_full();
	for (round = 0; round < 20; round++) {
		int32_t base = round * size;
		const struct seg *s;

		for (i = 0; i < 200; i++) {
			uint32_t at = rand() % size, len = 1 + rand() % 3000;

			data(base + at, MIN(len, size - at));
			if (rand() % 4 == 0) {
				pump();
				sock_read(1 << 20);
			}
		}
		forget_segs();
		pump();
		for (i = 0; i < (int)size; i += 10000)
			data(base + i, 10000);
		pump();
		for (s = NULL; flow() && flow()->rcv_acked != flow()->rcv_nxt; pass(1))
			;
		forget_segs();
		CHECK(flow()->rcv_nxt - me.iss - 1 == base + size);
		sock_read(1 << 20);
		CHECK(me.read == base + size);
		(void)s;
	}
	CHECK(chunks_free(me.w.chunks) == CHUNK_COUNT);
	CHECK(!me.w.stats.drop[DROP_POOL]);
}

/* Behind the window: the part inside is taken, the rest is not */
static void t_beyond(void)
{
	uint32_t wnd;

	connect_full();
	wnd = flow()->rcv_edge - flow()->rcv_nxt;
	data(wnd, 100);			/* just behind */
	acked(0, 0);
	data(wnd + 100000, 100);
	acked(0, 0);
	data(wnd - 50, 100);
	CHECK(range(acked(0, 1), 0, wnd - 50, wnd));
	CHECK(me.w.stats.drop[DROP_SEQ] == 3);
}

/* Send all that the window allows, as long as the host's peer does not read; at most
 * @max bytes. Where the guest stands.
 */
static int32_t fill_up(int32_t at, int32_t max)
{
	int32_t edge = at + flow()->rcv_edge - flow()->rcv_nxt;
	int idle = 0;

	while (idle < 3 && at < max) {
		const struct seg *s;

		while (at < edge) {
			uint32_t n = MIN(edge - at, 16 * MSS);

			data(at, n);
			at += n;
		}
		pass(3);
		idle++;
		while ((s = get_seg())) {
			int32_t e = s->ack + (int32_t)window(s);

			CHECK(e + 256 > edge);	/* never back, but for what scaling hides */
			if (e > edge) {
				edge = e;
				idle = 0;
			}
		}
	}
	return at;
}

/* Read all, @step bytes at a time: the window opens again by itself */
static void drain(int32_t at, size_t step)
{
	int i;

	for (i = 0; me.read < at && CHECK(i < 100000); i++) {
		sock_read(step);
		pump();
	}
	CHECK(flow()->rcv_nxt - me.iss - 1 == (uint32_t)at);
	CHECK(flow()->rcv_edge - flow()->rcv_nxt > 10000);
}

/* The host's peer stalls. All that fits the window is kept, none of it is sent again
 * by the guest, and an update tells when there is room.
 */
static void t_stalled(void)
{
	const struct seg *s, *last = NULL;
	int32_t at;

	connect_full();
	at = fill_up(0, 1 << 30);
	CHECK(at > 65535);
	CHECK(flow()->rcv_edge - flow()->rcv_nxt < 4096 + 256);
	CHECK(!me.w.stats.drop[DROP_POOL] && !me.w.stats.drop[DROP_SEQ]);
	/* probes of a closed window get an answer, and change nothing */
	send_seg(ACK, -1 + at, 0, 0);
	s = EXPECT(ACK, 0, at, 0);
	CHECK(window(s) < 4096 + 256);
	drain(at, 1 << 20);
	while ((s = get_seg()))
		last = s;
	CHECK(last && last->ack == at && window(last) > 10000);
	CHECK(chunks_free(me.w.chunks) == CHUNK_COUNT);
	at = fill_up(at, at + 3000000);
	drain(at, 10000);
	CHECK(!me.w.stats.drop[DROP_POOL] && !me.w.stats.drop[DROP_SEQ]);
}

/* The same without window scaling, with a small buffer at the reader */
static void t_stalled_plain(void)
{
	int32_t at;

	connect_plain();
	at = fill_up(0, 1 << 30);
	drain(at, 1000);
	at = fill_up(at, at + 500000);
	drain(at, 100000);
	CHECK(!me.w.stats.drop[DROP_POOL] && !me.w.stats.drop[DROP_SEQ]);
}

/* A socket that takes less than it promised: what it refuses is parked, acknowledged,
 * and delivered later
 */
static void t_parked(void)
{
	const struct seg *s;
	int size = 4608;
	int32_t at = 0;

	connect_full();
	setsockopt(flow()->f.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/* a window of 64 KiB was given; the peer does not read, so its buffer fills too */
	while (me.w.stats.tcp_parked < 3 && at < 60 * 65536) {
		int32_t room = flow()->rcv_edge - flow()->rcv_nxt;

		if (!room)
			break;
		room = MIN(room, 10000);
		data(at, room);
		at += room;
		pump();
	}
	CHECK(me.w.stats.tcp_parked && flow()->parked);
	pass(5);
	CHECK(flow()->rcv_acked - me.iss - 1 == (uint32_t)at);
	for (s = get_seg(); s; s = get_seg())
		CHECK(s->ack <= at);
	while (me.read < at) {
		if (!sock_read(3000))
			pump();
		pump();
	}
	CHECK(!flow()->parked && chunks_free(me.w.chunks) == CHUNK_COUNT);
	CHECK(!me.w.stats.drop[DROP_POOL]);
}

/* The host has no memory: no event tells when the socket takes data again, as nothing is
 * in flight that could be acknowledged
 */
static void t_refused(void)
{
	static const int errs[] = { EAGAIN, ENOBUFS, ENOMEM };
	int32_t at = 0;
	size_t i;

	connect_full();
	pass(100);
	for (i = 0; i < NELEM(errs); i++, at += 3000) {
		uint64_t turns;

		me.send_errno = errs[i];
		data(at, 1000);
		pass(5);
		data(at + 1000, 2000);
		pass(5);
		CHECK(flow()->parked && !sock_read(1));
		turns = me.w.loop.events[EV_TCP];
		pass(10000);		/* asked for now and then, not all the time */
		CHECK(me.w.loop.events[EV_TCP] - turns <= 110);
		CHECK(flow()->rcv_acked - me.iss - 1 == (uint32_t)at + 3000);
		me.send_errno = 0;
		pass(200);
		CHECK(sock_read(10000) == 3000 && !flow()->parked);
		forget_segs();
	}
	/* the end of the stream waits for it, too */
	me.send_errno = ENOBUFS;
	send_seg(FIN | ACK, at, 0, 10);
	pass(5);
	CHECK(!sock_at_eof() && flow()->state == TS_ESTABLISHED);
	me.send_errno = 0;
	pass(200);
	CHECK(sock_read(100) == 10 && sock_at_eof());
	CHECK(flow()->state == TS_CLOSE_WAIT);
	forget_segs();
}

/* While bytes are parked, nothing more is promised: what room the socket says it has
 * is for them
 */
static void t_parked_window(void)
{
	const struct seg *s;
	int32_t edge;

	connect_full();
	me.sndbuf = 4 << 20;
	me.queued = 3 << 20;
	data(0, 100);
	data(100, 100);
	s = acked(200, 0);
	me.send_errno = ENOBUFS;
	edge = 200 + window(s);
	data(200, edge - 200 - 1000);
	pass(5);
	CHECK(flow()->parked);
	data(edge - 1000, 500);
	pass(50);
	while ((s = get_seg()))
		CHECK(s->ack + (int32_t)window(s) <= edge + 256);
	CHECK((int32_t)(flow()->rcv_edge - me.iss - 1) <= edge + 256);
	me.send_errno = 0;
	pass(200);
	me.sndbuf = 0;
	while (me.read < edge - 500 && sock_read(1 << 20))
		pump();
	CHECK(me.read == edge - 500);
	forget_segs();
}

/* A socket of which less than a third is free: the window moves if it is worth it, and the
 * event is asked for that tells of more
 */
static void t_unwritable(void)
{
	static const struct { uint32_t sndbuf, queued; bool moves, waits; } v[] = {
		{ 3000000, 1000000, true, false },
		{ 3000000, 2900000, true, true },	/* little, but some segments */
		{ 3000000, 2999000, false, true },	/* less than one */
		{ 3000000, 3000000, false, true },
		{ 3000000, 3100000, false, true },
		{ 1500, 900, true, false },		/* little, but all there is */
		{ 1500, 1100, false, true },
	};
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		int hog = 0, n;
		struct tcp *t;
		uint32_t edge;

		me.guest.port = GUEST_PORT + i;
		me.read = 0;
		me.sndbuf = 0;
		connect_full();
		t = flow();
		chunks_return(me.w.chunks, t->lent);
		t->lent = 0;
		while ((n = chunks_lend(me.w.chunks, CHUNK_COUNT)))
			hog += n;		/* none to borrow */
		t->rcv_edge = t->rcv_told = t->rcv_nxt + 300;
		t->want_out = false;
		me.sndbuf = v[i].sndbuf;
		me.queued = v[i].queued;
		edge = t->rcv_edge;
		data(0, 300);
		feed();
		tcp_flow_work(&me.w, &t->f);
		CHECK(seq_lt(edge, t->rcv_edge) == v[i].moves);
		CHECK(t->want_out == v[i].waits);
		/* it is writable in truth: the event comes, and opens the window */
		me.sndbuf = 0;
		pass(5);
		CHECK(!t->want_out);
		CHECK(!v[i].waits || t->rcv_edge - t->rcv_nxt > 10000);
		CHECK(sock_read(1000) == 300);
		forget_segs();
		tcp_flow_close(&me.w, &t->f);
		chunks_return(me.w.chunks, hog);
		sock_close();
		pump();
		forget_segs();
	}
}

/* A small send buffer never leaves the guest before a closed window without need */
static void t_small_buffer(void)
{
	int size = 4608, i;
	int32_t at = 0;

	connect_full();
	setsockopt(flow()->f.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < 2000 && at < 300000; i++) {
		uint32_t room = flow()->rcv_edge - flow()->rcv_nxt;

		if (room) {
			room = MIN(room, MSS);
			data(at, room);
			at += room;
		}
		pump();
		sock_read(1 << 20);
		pump();
	}
	CHECK(at >= 300000 && me.read > 290000);
	forget_segs();
}

/* No chunk is left: what can't be kept is not acknowledged, and counted */
static void t_pool_empty(void)
{
	uint16_t hog = 0;
	struct iovec v;
	uint8_t *b = malloc(CHUNK_SIZE);
	uint32_t seq = 0;

	connect_full();
	v = (struct iovec){ b, CHUNK_SIZE };
	memset(b, 0, CHUNK_SIZE);
	while (chunks_free(me.w.chunks) > CHUNKS_HALF - 1) {
		chunk_put(me.w.chunks, &hog, seq, span_over(&v, 1));
		seq += CHUNK_SIZE;
	}
	data(1000, 1000);		/* ahead of a hole: only if there is plenty */
	acked(0, 0);
	CHECK(me.w.stats.drop[DROP_POOL] == 1);
	while (chunks_free(me.w.chunks) > 1) {
		chunk_put(me.w.chunks, &hog, seq, span_over(&v, 1));
		seq += CHUNK_SIZE;
	}
	/* in order, and refused by a socket that is full */
	flow()->want_out = true;
	flow()->sent--;			/* as if a byte was parked */
	data(0, 20000);
	pass(5);
	forget_segs();
	CHECK(flow()->rcv_nxt - me.iss - 1 == CHUNK_SIZE);
	CHECK(me.w.stats.drop[DROP_POOL] == 2);
	chunk_drop_all(me.w.chunks, &hog);
	flow()->sent++;
	flow()->want_out = false;
	data(CHUNK_SIZE, 20000 - CHUNK_SIZE);
	pass(5);
	CHECK(sock_read(100000) == 20000);
	free(b);
}

/* Keep-alive probes: one byte, or none, before what is expected (RFC 9293, 3.8.4) */
static void t_keep_alive(void)
{
	connect_full();
	data(0, 10);
	acked(10, 0);
	send_seg(ACK, 9, 0, 0);
	EXPECT(ACK, 0, 10, 0);
	send_seg(ACK, 9, 0, 1);
	EXPECT(ACK, 0, 10, 0);
	QUIET();
	CHECK(sock_read(100) == 10);
	CHECK(!sock_read(100));
}

/* Super-frames, many in a batch, both ways at once */
static void t_bulk(void)
{
	int32_t at = 0, got = 0;
	const struct seg *s;

	connect_guest((struct syn_opts){ .mss = MSS, .ws = 8, .sack_ok = true, .ts = true });
	while (at < 4000000) {
		int32_t edge = at + flow()->rcv_edge - flow()->rcv_nxt;

		while (at < edge && at < 4000000) {
			uint32_t n = MIN(edge - at, 45 * 1448);

			send_seg(ACK, at, got, n);
			at += n;
		}
		sock_write(200000);
		pump();
		while ((s = get_seg())) {
			if (s->len)
				CHECK(s->seq == got);
			got += s->len;
		}
		send_seg(ACK, at, got, 0);
		sock_read(1 << 22);
		pass(1);
	}
	while ((s = get_seg()))
		got += s->len;
	sock_read(1 << 22);
	CHECK(me.read == at && got == me.written);
	CHECK(!me.w.stats.tcp_timeouts && !me.w.stats.drop[DROP_SEQ]);
}

int main(void)
{
	RUN(t_in_order);
	RUN(t_delayed_ack);
	RUN(t_ack_soon);
	RUN(t_hole);
	RUN(t_hole_plain);
	RUN(t_hole_timestamps);
	RUN(t_hole_and_data);
	RUN(t_twice);
	RUN(t_twice_no_window);
	RUN(t_shuffled);
	RUN(t_beyond);
	RUN(t_stalled);
	RUN(t_stalled_plain);
	RUN(t_parked);
	RUN(t_refused);
	RUN(t_parked_window);
	RUN(t_unwritable);
	RUN(t_small_buffer);
	RUN(t_pool_empty);
	RUN(t_keep_alive);
	RUN(t_bulk);
	return END("recv");
}
