/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send_test.c - the host's data to the guest: windows, losses, retransmission */
#include "peer.h"

#include <errno.h>

enum { MSS = 1460, RTO_MIN = 200 };

static bool about(uint64_t got, uint64_t want)
{
	return got >= want && got <= want + want / 8 + 20;
}

/* All that the guest gets now, in order from @from: the end of it */
static int32_t take_data(int32_t from)
{
	const struct seg *s;

	pump();
	while ((s = get_seg())) {
		CHECK(s->seq == from && s->len);
		from += s->len;
	}
	return from;
}

/* A measured round trip of nothing: the retransmission timeout is at its least */
static void warm_up(void)
{
	sock_write(1);
	EXPECT(ACK, 0, 0, 1);
	send_seg(ACK, 0, 1, 0);
	QUIET();
}

/* A connection with 1000 bytes in flight */
static void begin_in_flight(void)
{
	connect_full();
	warm_up();
	sock_write(1000);
	EXPECT(ACK, 1, 0, 1000);
}

static void ack(int32_t to)
{
	send_seg(ACK, 0, to, 0);
	pump();
}

/* An ACK that says which of the later bytes arrived */
static void sack(int32_t to, int32_t start, int32_t end)
{
	put_seg((struct seg){ .flags = ACK, .ack = to, .ws = NONE, .nsack = 1,
			      .sack = { { start, end } } });
	pump();
}

/* As many segments as a frame holds */
static bool tso(void)
{
	return me.w.link->caps & LINK_TX_TSO;
}

static void t_segments(void)
{
	const struct seg *s;
	int32_t at = 0;

	connect_full();
	CHECK(sock_write(20000) == 20000);
	pump();
	while ((s = get_seg())) {
		CHECK(s->seq == at && s->ack == 0 && s->len);
		CHECK(tso() ? s->gso == MSS : s->len <= MSS && !s->gso);
		CHECK(!(s->flags & PSH) == (s->seq + s->len < 20000));
		at += s->len;
	}
	CHECK(at == 20000);
	ack(20000);
	QUIET();
	pass(10000);
	QUIET();
}

/* No more than the window, all of it when it opens; sequence numbers wrap meanwhile */
static void t_window(void)
{
	int32_t at = 0, step;

	connect_plain();
	for (step = 1; at < 300000; step++) {
		int32_t end;

		sock_write(MIN(300000 - me.written, 100000));
		end = take_data(at);

		CHECK(end > at && end <= at + me.wnd);
		CHECK(at > 30000 || end > at + MIN(me.wnd, 30000 - at) - MSS);
		me.wnd = 3000 + step * 7777 % 60000;
		at = end;
		ack(at);
	}
	QUIET();
	CHECK(at == 300000);
}

static void t_no_window(void)
{
	uint64_t rto = RTO_MIN;
	const struct seg *s;
	int i;

	connect_full();
	warm_up();
	put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
	sock_write(5000);
	pump();
	QUIET();
	for (i = 0; i < 12; i++, rto = MIN(2 * rto, 120000)) {
		s = wait_seg(2 * rto);
		if (!CHECK(s && s->len == 1 && s->seq == 1))
			return;
		CHECK(about(waited(), rto));
		put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
		QUIET();
	}
	/* the one byte of a probe may be taken */
	s = wait_seg(2 * rto);
	CHECK(s && s->len == 1);
	put_seg((struct seg){ .flags = ACK, .ack = 2, .ws = NONE, .wnd_zero = true });
	QUIET();
	ack(2);
	CHECK(take_data(2) == 5001);
	ack(5001);
	pass(1000000);
	QUIET();
}

/* While a probe is on its way, our other segments must not lie beyond the window: a guest
 * that is told nothing any more sends the same again for ever
 */
static void t_no_window_ack(void)
{
	const struct seg *s;

	connect_full();
	warm_up();
	put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
	sock_write(5000);
	s = wait_seg(1000);
	CHECK(s && s->len == 1 && s->seq == 1);
	put_seg((struct seg){ .flags = ACK, .ack = 1, .len = 3000, .ws = NONE,
			      .wnd_zero = true });
	EXPECT(ACK, 1, 3000, 0);
	sock_reset();
	EXPECT(RST | ACK, 1, 3000, 0);
}

/* Answers to probes are no duplicate acknowledgements */
static void t_no_window_answers(void)
{
	int i;

	connect_full();
	warm_up();
	put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
	sock_write(5000);
	CHECK(wait_seg(1000));
	for (i = 0; i < 5; i++) {
		put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
		QUIET();
	}
	CHECK(!flow()->recovering && !me.w.stats.tcp_retrans);
	ack(1);
	CHECK(take_data(2) == 5001);
}

/* Nobody answers the probes */
static void t_no_window_gone(void)
{
	const struct seg *s;
	int n = 0;

	connect_full();
	warm_up();
	put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .wnd_zero = true });
	sock_write(5000);
	while ((s = wait_seg(300000)) && !(s->flags & RST) && n++ < 100)
		;
	CHECK(s && n > 4 && n < 20 && !flow());
}

static void t_timeout(void)
{
	uint64_t rto = RTO_MIN;
	const struct seg *s;
	int i;

	begin_in_flight();
	for (i = 0; i < 4; i++, rto *= 2) {
		s = wait_seg(2 * rto);
		CHECK(s && s->seq == 1 && s->len == 1000 && about(waited(), rto));
	}
	CHECK(me.w.stats.tcp_timeouts == 4);
	ack(1001);
	QUIET();
	/* what is sent afterwards is waited for as long, but not longer */
	sock_write(10);
	EXPECT(ACK, 1001, 0, 10);
	s = wait_seg(10000);
	CHECK(s && s->seq == 1001 && about(waited(), rto));
	ack(1011);
	QUIET();
	/* a new measurement ends the back-off */
	sock_write(10);
	EXPECT(ACK, 1011, 0, 10);
	ack(1021);
	sock_write(10);
	EXPECT(ACK, 1021, 0, 10);
	s = wait_seg(10000);
	CHECK(s && s->seq == 1021 && about(waited(), RTO_MIN));
}

static void t_timeout_in_vain(void)
{
	const struct seg *s;
	uint64_t total = 0;
	int n = 0;

	begin_in_flight();
	while ((s = wait_seg(200000)) && s->len == 1000) {
		total += waited();
		n++;
	}
	CHECK(s && s->flags & RST && n == 10 && !flow());
	total += waited();
	CHECK(total >= 300000 && total < 400000);	/* RFC 1122, 4.2.3.5: 100 s or more */
	CHECK(sock_errno() == ECONNRESET);
}

/* All of a flight is lost: from its beginning again, one segment, then more */
static void t_flight_lost(void)
{
	const struct seg *s;
	int32_t at = 1;

	connect_full();
	warm_up();
	sock_write(30 * MSS);
	CHECK(take_data(1) == 1 + 30 * MSS);
	s = wait_seg(1000);
	CHECK(s && s->seq == 1 && s->len == MSS);
	QUIET();
	for (at = 1 + MSS; at < 1 + 30 * MSS;) {
		ack(at);
		s = get_seg();
		CHECK(s && s->seq == at && s->len);
		if (!s)
			return;
		at = take_data(at + s->len);
	}
	ack(at);
	QUIET();
	pass(5000);
	QUIET();
}

/* After a pause of ours, the guest's answer waits behind other frames, and it takes longer
 * than any grace to read them: that is no timeout
 */
static void t_late_ourselves(void)
{
	int i;

	begin_in_flight();
	me.rx_max = 1;
	me.turn_ms = 7;
	me.w.now += 1000;
	for (i = 0; i < 100; i++) {
		me.wnd--;
		send_seg(ACK, 0, 1, 0);
	}
	send_seg(ACK, 0, 1001, 0);
	pump();
	QUIET();
	CHECK(!me.w.stats.tcp_timeouts && flow()->snd_una == flow()->snd_max);
	/* what never comes is missed all the same */
	me.turn_ms = 0;
	sock_write(1000);
	EXPECT(ACK, 1001, 0, 1000);
	CHECK(wait_seg(4000) && me.w.stats.tcp_timeouts == 1);
}

/* A guest that sends without a pause does not put off a timeout for ever */
static void t_timeout_under_load(void)
{
	int i;

	begin_in_flight();
	me.rx_max = 1;
	for (i = 0; i < 1000 && !me.w.stats.tcp_timeouts; i++) {
		me.w.now++;
		me.wnd--;
		send_seg(ACK, 0, 1, 0);
		send_seg(ACK, 0, 1, 0);
		me.wnd++;
		pump();
	}
	CHECK(me.w.stats.tcp_timeouts == 1 && i > 150 && i < 300);
	forget_segs();
}

/* Only the first was lost; the guest acknowledges all when it comes again */
static void t_first_lost_timeout(void)
{
	connect_plain();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	CHECK(wait_seg(1000));
	ack(1 + 10 * MSS);
	QUIET();
	sock_write(3000);
	CHECK(take_data(1 + 10 * MSS) == 3001 + 10 * MSS);
}

static void t_fast(void)
{
	int i;

	connect_plain();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	for (i = 0; i < 2; i++) {
		ack(1);
		QUIET();
	}
	ack(1);
	EXPECT(ACK, 1, 0, MSS);
	for (i = 0; i < 6; i++) {
		ack(1);
		QUIET();
	}
	CHECK(me.w.stats.tcp_retrans == 1 && !me.w.stats.tcp_timeouts);
	ack(1 + 10 * MSS);
	QUIET();
}

/* RFC 6582: each partial acknowledgement shows one more hole */
static void t_partial(void)
{
	int i;

	connect_plain();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	for (i = 0; i < 3; i++)
		ack(1);
	EXPECT(ACK, 1, 0, MSS);
	ack(1 + 4 * MSS);
	EXPECT(ACK, 1 + 4 * MSS, 0, MSS);
	ack(1 + 4 * MSS);
	QUIET();
	ack(1 + 7 * MSS);
	EXPECT(ACK, 1 + 7 * MSS, 0, MSS);
	ack(1 + 10 * MSS);
	QUIET();
	CHECK(!me.w.stats.tcp_timeouts);
}

/* What is no duplicate (RFC 5681, 2): data with it, another window, nothing in flight */
static void t_no_duplicates(void)
{
	int i;

	connect_full();
	warm_up();
	for (i = 0; i < 5; i++)
		ack(1);
	QUIET();
	sock_write(5 * MSS);
	CHECK(take_data(1) == 1 + 5 * MSS);
	for (i = 0; i < 5; i++) {
		me.wnd--;
		ack(1);
	}
	QUIET();
	for (i = 0; i < 5; i++)
		send_seg(ACK, i * 10, 1, 10);
	pump();
	CHECK(!me.w.stats.tcp_retrans);
	forget_segs();
}

static void t_sack(void)
{
	connect_full();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	/* segments 0, 3 and 4 are lost */
	sack(1, 1 + 1 * MSS, 1 + 2 * MSS);
	QUIET();
	sack(1, 1 + 1 * MSS, 1 + 3 * MSS);
	QUIET();
	sack(1, 1 + 5 * MSS, 1 + 6 * MSS);
	EXPECT(ACK, 1, 0, MSS);
	QUIET();		/* 3 and 4 may be late, and half a window is on its way */
	sack(1, 1 + 5 * MSS, 1 + 10 * MSS);
	if (tso()) {
		EXPECT(ACK, 1 + 3 * MSS, 0, 2 * MSS);
	} else {
		EXPECT(ACK, 1 + 3 * MSS, 0, MSS);
		EXPECT(ACK, 1 + 4 * MSS, 0, MSS);
	}
	QUIET();
	ack(1 + 3 * MSS);
	QUIET();
	ack(1 + 10 * MSS);
	QUIET();
	CHECK(!me.w.stats.tcp_timeouts);
	pass(10000);
	QUIET();
}

/* RFC 6675, 5: a large hole is filled as fast as what is in flight arrives, half a window
 * at a time; each byte once
 */
static void t_sack_pipe(void)
{
	int32_t at, i;

	connect_full();
	warm_up();
	sock_write(40 * MSS);
	CHECK(take_data(1) == 1 + 40 * MSS);
	sack(1, 1 + 20 * MSS, 1 + 24 * MSS);
	at = take_data(1);
	CHECK(at == 1 + 4 * MSS);	/* 16 behind, 20 allowed */
	for (i = 26; i <= 40; i += 2) {
		sack(1, 1 + 20 * MSS, 1 + i * MSS);
		CHECK(take_data(at) == at + 2 * MSS);
		at += 2 * MSS;
	}
	CHECK(at == 1 + 20 * MSS);
	sack(1 + 10 * MSS, 1 + 20 * MSS, 1 + 40 * MSS);
	QUIET();
	ack(1 + 40 * MSS);
	QUIET();
	CHECK(!flow()->recovering && !me.w.stats.tcp_timeouts);
	pass(5000);
	QUIET();
}

/* Ranges that make no sense do no harm */
static void t_sack_nonsense(void)
{
	static const struct { int32_t start, end; } v[] = {
		{ 5000, 4000 }, { -5000, 3000 }, { 3000, 300000 }, { 1, 1 },
		{ -2000000000, 2000000000 }, { 14600, 14602 }, { -100, -50 },
	};
	size_t i;

	connect_full();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	for (i = 0; i < NELEM(v); i++) {
		me.wnd--;
		put_seg((struct seg){ .flags = ACK, .ack = 1, .ws = NONE, .nsack = 1,
				      .sack = { { v[i].start, v[i].end } } });
		QUIET();
	}
	CHECK(!sack_bytes(&flow()->sack));
	ack(1 + 10 * MSS);
	QUIET();
}

/* A retransmission never brings what was not sent before, beyond the guest's window */
static void t_fast_window_end(void)
{
	int i;

	connect_plain();
	warm_up();
	me.wnd = 700;
	ack(1);
	sock_write(5000);
	CHECK(take_data(1) == 701);
	for (i = 0; i < 3; i++)
		ack(1);
	EXPECT(ACK, 1, 0, 700);
	me.wnd = 1400;
	ack(701);
	CHECK(take_data(701) == 2101);
}

/* After a timeout, acknowledgements of copies that were under way are no new loss */
static void t_copies_after_timeout(void)
{
	const struct seg *s;
	int i;

	connect_plain();
	warm_up();
	sock_write(10 * MSS);
	CHECK(take_data(1) == 1 + 10 * MSS);
	ack(1);
	ack(1);
	QUIET();
	s = wait_seg(1000);
	CHECK(s && s->seq == 1);
	for (i = 0; i < 6; i++) {
		ack(1);
		QUIET();
	}
	CHECK(!me.w.stats.tcp_retrans);
	ack(1 + 10 * MSS);
	QUIET();
	/* later ones are */
	sock_write(10 * MSS);
	pump();
	CHECK((s = get_seg()) && s->seq == 1 + 10 * MSS);
	forget_segs();
	for (i = 0; i < 3; i++)
		ack(1 + 10 * MSS);
	EXPECT(ACK, 1 + 10 * MSS, 0, MSS);
}

static void t_fin_lost(void)
{
	const struct seg *s;

	connect_full();
	warm_up();
	sock_write(100);
	EXPECT(ACK, 1, 0, 100);
	sock_fin();
	EXPECT(FIN | ACK, 101, 0, 0);
	s = wait_seg(1000);	/* both at once */
	CHECK(s && s->seq == 1 && s->len == 100 && s->flags & FIN);
	ack(101);
	s = wait_seg(2000);
	CHECK(s && s->seq == 101 && !s->len && s->flags & FIN);
	ack(102);
	pass(100000);
	QUIET();
	CHECK(flow()->state == TS_FIN_WAIT_2);
}

/* Timestamps go up with the clock, and give back the guest's */
static void t_timestamps(void)
{
	const struct seg *s;
	uint32_t first;

	connect_guest((struct syn_opts){ .mss = MSS, .ws = 7, .sack_ok = true, .ts = true });
	sock_write(3000);
	s = EXPECT(ACK, 0, 0, tso() ? 3000 : MSS - 12);
	CHECK(s->ts && s->tsecr == me.tsval);
	first = s->tsval;
	forget_segs();
	ack(3000);
	pass(777);
	sock_write(10);
	s = EXPECT(ACK, 3000, 0, 10);
	CHECK(s->tsval - first == 777 && s->tsecr == me.tsval - 777);
	send_seg(ACK, 0, 3010, 0);
	pass(1);
	send_seg(ACK, 0, 3010, 500);
	s = wait_seg(10);
	CHECK(s && s->tsecr == me.tsval - 2);	/* that of the data */
}

/* A guest that does not read stops its flow, not us; nothing is lost, no timer runs */
static void t_link_stuck(void)
{
	connect_full();
	warm_up();
	me.link_room = tso() ? 0 : 2;
	sock_write(20000);
	pump();
	CHECK(tso() || get_seg());
	forget_segs();
	pass(3000);
	QUIET();
	CHECK(flow() && !flow()->retries);
	me.link_room = NONE;
	pump();
	CHECK(get_seg());
	forget_segs();
	ack(20001);
	pass(2000);
	QUIET();
	CHECK(!me.w.stats.tcp_timeouts);
}

/* Not all of a batch went out: the rest follows without a timeout */
static void t_much(void)
{
	int64_t wrote = 0;
	int32_t at = 0;

	connect_guest((struct syn_opts){ .mss = MSS, .ws = 9, .sack_ok = true });
	while (at < 6000000) {
		const struct seg *s;

		wrote += sock_write(1 << 20);
		pump();
		s = get_seg();
		if (!CHECK(s))
			return;
		while (s) {
			CHECK(s->seq == at);
			at += s->len;
			s = get_seg();
		}
		send_seg(ACK, 0, at, 0);
	}
	pump();
	CHECK(!me.w.stats.tcp_timeouts && !me.w.stats.tcp_retrans);
}

/* Urgent data is data like any other (RFC 6093), wherever it is marked */
static void t_urgent(void)
{
	int32_t at = 0;
	int i, n;

	connect_full();
	sock_write(100);
	for (i = 0; i < 3; i++) {
		n = sock_urgent();
		CHECK(n == 1);
		sock_write(50);
	}
	while (at < 253) {
		int32_t to = take_data(at);

		if (!CHECK(to > at))
			return;
		ack(at = to);
	}
	sock_urgent();
	sock_write(10);
	EXPECT(ACK, 253, 0, 11);
	ack(264);
	sock_fin();
	EXPECT(FIN | ACK, 264, 0, 0);
	ack(265);
	CHECK(flow()->state == TS_FIN_WAIT_2);
}

int main(void)
{
	RUN(t_segments);
	RUN(t_window);
	RUN(t_no_window);
	RUN(t_no_window_ack);
	RUN(t_no_window_answers);
	RUN(t_no_window_gone);
	RUN(t_timeout);
	RUN(t_timeout_in_vain);
	RUN(t_flight_lost);
	RUN(t_late_ourselves);
	RUN(t_timeout_under_load);
	RUN(t_first_lost_timeout);
	RUN(t_fast);
	RUN(t_partial);
	RUN(t_no_duplicates);
	RUN(t_sack);
	RUN(t_sack_pipe);
	RUN(t_sack_nonsense);
	RUN(t_fast_window_end);
	RUN(t_copies_after_timeout);
	RUN(t_fin_lost);
	RUN(t_timestamps);
	RUN(t_link_stuck);
	RUN(t_much);
	RUN(t_urgent);
	return END("send");
}
