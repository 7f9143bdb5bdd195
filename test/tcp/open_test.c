/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open_test.c - connections that begin: handshakes, options, refusals, either way */
#include "peer.h"

#include <errno.h>
#include <unistd.h>

#include "sock.h"

enum { RTO_FIRST = 1000 };

/* An eighth late at most, as the wheel has it, and a little for what is waited on */
static bool about(uint64_t got, uint64_t want)
{
	return got >= want && got <= want + want / 8 + 20;
}

/* Data flows both ways, with segments of @mss to the guest at most */
static void check_data(uint32_t mss)
{
	const struct seg *s;
	int32_t at = 0;

	send_seg(ACK | PSH, 0, 0, 100);
	pump();
	s = wait_seg(100);
	CHECK(s && s->ack == 100);
	CHECK(sock_read(1000) == 100);
	CHECK(sock_write(5000) == 5000);
	pump();
	while ((s = get_seg())) {
		CHECK((s->gso ? s->gso : s->len) <= mss && s->seq == at);
		at += s->len;
	}
	CHECK(at == 5000);
	send_seg(ACK, 100, 5000, 0);
	QUIET();
}

static void start_over(void)
{
	if (flow())
		tcp_flow_close(&me.w, &flow()->f);
	pump();
	forget_segs();
	if (me.sock >= 0)
		sock_close();
	me.ts = false;
	me.written = me.read = 0;
}

static void t_options(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		struct syn_opts o = {
			.mss = i & 1 ? 1460 : 0, .ws = i & 2 ? 3 : NONE,
			.sack_ok = i & 4, .ts = i & 8,
		};

		me.guest.port = GUEST_PORT + i;
		connect_guest(o);
		CHECK(flow()->sack_ok == o.sack_ok && flow()->ts == o.ts);
		check_data((i & 1 ? 1460 : 536) - (o.ts ? 12 : 0));
		start_over();
	}
}

static void t_mss(void)
{
	static const struct { int mss, use; } v[] = {
		{ 1, 64 }, { 64, 64 }, { 100, 100 }, { 536, 536 }, { 1220, 1220 },
		{ 9000, 9000 }, { 65535, 0 },
	};
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		int max = 65520 - 20 - (me.world->ver == V6 ? 40 : 20);

		connect_guest((struct syn_opts){ .mss = v[i].mss, .ws = NONE });
		CHECK(flow()->mss == (v[i].use ? v[i].use : max));
		check_data(v[i].use ? v[i].use : max);
		start_over();
	}
}

/* What we announce, whatever the MTU */
static void t_mss_announced(void)
{
	static const unsigned mtus[] = { 1, 30, 59, 68, 1500, 65520 };
	size_t i;

	for (i = 0; i < NELEM(mtus); i++) {
		int max = mtus[i] - 20 - (me.world->ver == V6 ? 40 : 20);
		const struct seg *s;

		me.cf.mtu = mtus[i];
		start_syn((struct syn_opts){ .mss = 1460, .ws = NONE });
		s = EXPECT(SYN | ACK, -1, 0, 0);
		CHECK(s->mss == MAX(max, 64));
		start_over();
	}
	me.cf.mtu = 65520;
}

/* A window is what its field says, scaled; a scale of more than 14 is one of 14 */
static void t_window_scale(void)
{
	const struct seg *s;
	int ws;

	for (ws = 0; ws <= 15; ws++) {
		int real = MIN(ws, 14);
		uint32_t want = MIN(2U << real, 40000), got = 0;

		connect_guest((struct syn_opts){ .mss = 1460, .ws = ws });
		me.wnd = 2;
		send_seg(ACK, 0, 0, 0);
		pump();
		sock_write(40000);
		pump();
		while ((s = get_seg()))
			got += s->len;
		CHECK(got == want || (got < want && want - got < 1460 && got));
		me.wnd = 65535;
		start_over();
	}
}

static void t_refused(void)
{
	const struct seg *s;

	close(me.listener);
	me.listener = dup(0);
	put_seg((struct seg){ .flags = SYN, .seq = -1, .ws = NONE });
	pump();
	s = wait_seg(1);
	CHECK(s && s->flags == (RST | ACK) && s->ack == 0 && !flow());
	start_over();
}

/* Nothing is said before the host's connect() is through, whatever the guest sends */
static void t_connecting(void)
{
	struct syn_opts o = { .mss = 1460, .ws = NONE };

	start_syn(o);
	put_seg((struct seg){ .flags = SYN, .seq = -1, .mss = 1460, .ws = NONE });
	send_seg(ACK, 0, 0, 10);
	feed();
	CHECK(!get_seg() && flow()->state == TS_CONNECTING);
	EXPECT(SYN | ACK, -1, 0, 0);
	QUIET();
	send_seg(ACK, 0, 0, 0);
	QUIET();
	peer_accept();
	check_data(1460);
}

/* The guest gave up and begins anew, from the same port: the later SYN counts */
static void t_connecting_anew(void)
{
	start_syn((struct syn_opts){ .mss = 1460, .ws = NONE });
	me.iss += 5000000;
	put_seg((struct seg){ .flags = SYN, .seq = -1, .mss = 1000, .ws = 2,
			      .wnd = 1000 });
	feed();
	EXPECT(SYN | ACK, -1, 0, 0);
	send_seg(ACK, 0, 0, 0);
	QUIET();
	peer_accept();
	check_data(1000);
}

/* The same after our answer to the first one: no timeout is needed, and what comes late
 * for the first one does not count
 */
static void t_syn_received_anew(void)
{
	const struct seg *s;

	start_syn((struct syn_opts){ .mss = 1460, .ws = 7, .sack_ok = true, .ts = true });
	EXPECT(SYN | ACK, -1, 0, 0);
	me.iss += 5000000;
	put_seg((struct seg){ .flags = SYN, .seq = -1, .mss = 1000, .ws = 2,
			      .wnd = 1000 });
	s = EXPECT(SYN | ACK, -1, 0, 0);
	CHECK(!s->ts && !s->sack_ok && s->ws == TCP_WSCALE);
	send_seg(RST, -5000000, 0, 0);
	QUIET();
	put_seg((struct seg){ .flags = SYN | ACK, .seq = 70, .mss = 100 });
	QUIET();
	send_seg(ACK, 0, 0, 0);
	QUIET();
	CHECK(flow() && flow()->state == TS_ESTABLISHED);
	peer_accept();
	check_data(1000);
}

static void t_connecting_reset(void)
{
	start_syn((struct syn_opts){ .mss = 1460, .ws = NONE });
	send_seg(RST, 1, 0, 0);		/* not the one expected */
	feed();
	CHECK(flow());
	send_seg(RST, 0, 0, 0);
	feed();
	CHECK(!flow());
	QUIET();
}

/* The SYN comes again, together with the ACK of our answer to the first one */
static void t_syn_again_with_ack(void)
{
	start_syn((struct syn_opts){ .mss = 1460, .ws = 7, .sack_ok = true });
	EXPECT(SYN | ACK, -1, 0, 0);
	put_seg((struct seg){ .flags = SYN, .seq = -1, .mss = 1460, .ws = 7,
			      .sack_ok = true });
	send_seg(ACK, 0, 0, 0);
	QUIET();
	CHECK(flow()->state == TS_ESTABLISHED);
	peer_accept();
	check_data(1460);
}

static void t_synack_lost(void)
{
	uint64_t rto = RTO_FIRST;
	const struct seg *s;
	int i;

	start_syn((struct syn_opts){ .mss = 1460, .ws = 7, .ts = true });
	EXPECT(SYN | ACK, -1, 0, 0);
	/* a copy of the SYN is answered at once */
	put_seg((struct seg){ .flags = SYN, .seq = -1, .mss = 1460, .ws = 7, .ts = true,
			      .tsval = me.tsval });
	EXPECT(SYN | ACK, -1, 0, 0);
	for (i = 0; i < 3; i++, rto *= 2) {
		s = wait_seg(2 * rto);
		CHECK(s && s->flags == (SYN | ACK) && s->seq == -1 && s->ws == TCP_WSCALE);
		CHECK(about(waited(), rto));
	}
	me.ts = true;
	send_seg(ACK, 0, 0, 0);
	QUIET();
	peer_accept();
	check_data(1448);
}

/* Nobody answers: both sides are reset in the end */
static void t_synack_in_vain(void)
{
	const struct seg *s;
	uint64_t total = 0;
	int n = 0;

	start_syn((struct syn_opts){ .mss = 1460, .ws = 7 });
	EXPECT(SYN | ACK, -1, 0, 0);
	peer_accept();
	while ((s = wait_seg(200000)) && s->flags == (SYN | ACK)) {
		total += waited();
		n++;
	}
	CHECK(s && s->flags & RST && !flow());
	CHECK(n >= 5 && total + waited() >= 180000);	/* RFC 1122, 4.2.3.5 */
	pump();
	CHECK(sock_errno() == ECONNRESET);
}

static void t_syn_received(void)
{
	const struct seg *s;

	start_syn((struct syn_opts){ .mss = 1460, .ws = NONE });
	EXPECT(SYN | ACK, -1, 0, 0);
	send_seg(ACK, 0, -1, 0);		/* of nothing */
	QUIET();
	CHECK(flow()->state == TS_SYN_RECEIVED);
	send_seg(ACK, 0, 77, 0);		/* of what was never sent */
	s = EXPECT(RST, 77, 0, 0);
	CHECK(s->flags == RST && flow());
	QUIET();
	send_seg(ACK, 0, 0, 100);		/* with data at once */
	s = wait_seg(10);
	CHECK(s && s->ack == 100 && flow()->state == TS_ESTABLISHED);
	peer_accept();
	CHECK(sock_read(200) == 100);
}

static void t_syn_received_reset(void)
{
	start_syn((struct syn_opts){ .mss = 1460, .ws = NONE });
	EXPECT(SYN | ACK, -1, 0, 0);
	peer_accept();
	send_seg(RST, 0, 0, 0);
	QUIET();
	CHECK(!flow() && sock_errno() == ECONNRESET);
}

/* RFC 9293, 3.10.7.1 */
static void t_no_flow(void)
{
	static const struct {
		uint8_t flags, answer;
		uint32_t seq, ack, len, rseq, rack;
	} v[] = {
		{ ACK, RST, 1000, 2000, 0, 2000, 0 },
		{ ACK | PSH, RST, 1000, 2000, 10, 2000, 0 },
		{ ACK | FIN, RST, 1000, 0xffffffff, 0, 0xffffffff, 0 },
		{ SYN | ACK, RST, 1000, 7, 0, 7, 0 },
		{ FIN, RST | ACK, 1000, 0, 0, 0, 1001 },
		{ PSH, RST | ACK, 0xfffffffe, 0, 5, 0, 3 },
		{ 0, RST | ACK, 1000, 0, 0, 0, 1000 },
		{ SYN | FIN, RST | ACK, 1000, 0, 0, 0, 1002 },
		{ RST, 0, 1000, 0, 0, 0, 0 },
		{ RST | ACK, 0, 1000, 2000, 0, 0, 0 },
	};
	const struct seg *s;
	size_t i;

	me.irs = 0;
	for (i = 0; i < NELEM(v); i++) {
		put_seg((struct seg){ .flags = v[i].flags, .seq = v[i].seq,
				      .ack = v[i].ack, .len = v[i].len, .ws = NONE,
				      .no_flow = true });
		feed();
		s = get_seg();
		CHECK(!!s == !!v[i].answer);
		if (!s)
			continue;
		CHECK(s->flags == v[i].answer && me.irs + 1 + s->seq == v[i].rseq);
		if (s->flags & ACK)
			CHECK(me.iss + 1 + s->ack == v[i].rack);
		CHECK(!get_seg());
	}
	CHECK(!flow());
}

/* Inbound: the client of the host hears nothing before the guest accepted */
static void t_inbound_options(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		struct syn_opts o = {
			.mss = i & 1 ? 1200 : 0, .ws = i & 2 ? 5 : NONE,
			.sack_ok = i & 4, .ts = i & 8,
		};

		connect_client();
		accept_client(o);
		CHECK(flow()->ws == (o.ws != NONE) && flow()->ts == o.ts);
		check_data((i & 1 ? 1200 : 536) - (o.ts ? 12 : 0));
		start_over();
	}
}

static void t_inbound_syn_lost(void)
{
	uint64_t rto = RTO_FIRST;
	const struct seg *s;
	int i;

	connect_client();
	EXPECT(SYN, -1, 0, 0);
	CHECK(sock_write(300) == 300);
	for (i = 0; i < 3; i++, rto *= 2) {
		s = wait_seg(2 * rto);
		CHECK(s && s->flags == SYN && s->seq == -1 && s->ws == TCP_WSCALE);
		CHECK(about(waited(), rto));
	}
	/* what the client said meanwhile follows the handshake */
	put_seg((struct seg){ .flags = SYN | ACK, .seq = -1, .mss = 1460, .ws = NONE,
			      .wnd = 65535 });
	EXPECT(ACK, 0, 0, 300);
	QUIET();
}

static void t_inbound_in_vain(void)
{
	const struct seg *s;
	uint64_t total = 0;
	int n = 0;

	connect_client();
	EXPECT(SYN, -1, 0, 0);
	while ((s = wait_seg(200000)) && s->flags == SYN) {
		total += waited();
		n++;
	}
	CHECK(s && s->flags & RST && !flow() && n >= 5);
	CHECK(total + waited() >= 180000);		/* RFC 1122, 4.2.3.5 */
	CHECK(sock_errno() == ECONNRESET);
}

static void t_inbound_refused(void)
{
	connect_client();
	EXPECT(SYN, -1, 0, 0);
	send_seg(RST | ACK, -1, 77, 0);		/* of something else */
	QUIET();
	CHECK(flow());
	send_seg(RST | ACK, -1, 0, 0);
	QUIET();
	CHECK(!flow() && sock_errno() == ECONNRESET);
}

static void t_inbound_strange(void)
{
	connect_client();
	EXPECT(SYN, -1, 0, 0);
	send_seg(SYN | ACK, -1, 55, 0);
	EXPECT(RST, 55, 0, 0);
	send_seg(ACK, -1, 66, 0);
	EXPECT(RST, 66, 0, 0);
	send_seg(ACK, -1, 0, 0);		/* of our SYN, but no SYN */
	QUIET();
	send_seg(RST, 0, 0, 0);
	QUIET();
	CHECK(flow() && flow()->state == TS_SYN_SENT);
	pass(RTO_FIRST * 2);
	accept_client((struct syn_opts){ .mss = 1460, .ws = NONE });
}

/* The client goes away during the handshake: the guest hears it, by a reset that
 * acknowledges nothing
 */
static void t_inbound_client_gone(void)
{
	const struct seg *s;

	connect_client();
	EXPECT(SYN, -1, 0, 0);
	sock_reset();
	s = EXPECT(RST, 0, 0, 0);
	CHECK(s->flags == RST && !flow());
}

/* The client has sent all it had, and closed, before the guest answers */
static void t_inbound_client_done(void)
{
	connect_client();
	EXPECT(SYN, -1, 0, 0);
	sock_write(500);
	sock_fin();
	pump();
	QUIET();
	put_seg((struct seg){ .flags = SYN | ACK, .seq = -1, .mss = 1460, .ws = NONE,
			      .wnd = 65535 });
	EXPECT(ACK | FIN, 0, 0, 500);
	send_seg(ACK, 0, 501, 0);
	QUIET();
	CHECK(flow()->state == TS_FIN_WAIT_2);
}

/* The SYN-ACK comes in the very turn in which ours is due again */
static void t_inbound_syn_due(void)
{
	connect_client();
	EXPECT(SYN, -1, 0, 0);
	me.link_room = 0;
	pass(1200);
	me.link_room = NONE;
	put_seg((struct seg){ .flags = SYN | ACK, .seq = -1, .mss = 1460, .ws = 7,
			      .sack_ok = true, .wnd = 65535 });
	EXPECT(ACK, 0, 0, 0);
	QUIET();
	CHECK(flow()->state == TS_ESTABLISHED);
	check_data(1460);
}

/* The device of the guest is down for a while */
static void t_link_down(void)
{
	int32_t n, at = 700;
	const struct seg *s;

	me.link_down = true;
	connect_client();
	QUIET();
	me.link_down = false;
	s = wait_seg(4000);
	CHECK(s && s->flags == SYN);
	put_seg((struct seg){ .flags = SYN | ACK, .seq = -1, .mss = 1460, .ws = NONE,
			      .wnd = 65535 });
	EXPECT(ACK, 0, 0, 0);

	me.link_down = true;
	sock_write(700);
	QUIET();
	me.link_down = false;
	s = wait_seg(4000);
	CHECK(s && s->len == 700 && s->seq == 0);
	send_seg(ACK, 0, 700, 0);
	QUIET();

	/* More than is tried at once: not again and again */
	me.link_down = true;
	n = sock_write(1 << 20);
	QUIET();
	me.link_down = false;
	s = wait_seg(4000);
	while (at < 700 + n && CHECK(s)) {
		for (; s; s = get_seg()) {
			CHECK(s->seq == at);
			at += s->len;
		}
		send_seg(ACK, 0, at, 0);
		pump();
		s = get_seg();
	}

	me.link_down = true;
	sock_fin();
	QUIET();
	me.link_down = false;
	s = wait_seg(4000);
	CHECK(s && s->flags == (FIN | ACK) && s->seq == at);
}

int main(void)
{
	RUN(t_options);
	RUN(t_mss);
	RUN(t_mss_announced);
	RUN(t_window_scale);
	RUN(t_refused);
	RUN(t_connecting);
	RUN(t_connecting_anew);
	RUN(t_syn_received_anew);
	RUN(t_connecting_reset);
	RUN(t_syn_again_with_ack);
	RUN(t_synack_lost);
	RUN(t_synack_in_vain);
	RUN(t_syn_received);
	RUN(t_syn_received_reset);
	RUN(t_no_flow);
	RUN(t_inbound_options);
	RUN(t_inbound_syn_lost);
	RUN(t_inbound_in_vain);
	RUN(t_inbound_refused);
	RUN(t_inbound_strange);
	RUN(t_inbound_client_gone);
	RUN(t_inbound_client_done);
	RUN(t_inbound_syn_due);
	RUN(t_link_down);
	return END("open");
}
