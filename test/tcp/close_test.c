/* SPDX-License-Identifier: GPL-2.0-or-later */
/* close_test.c - connections that end, in any order; segments that are not believed */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MSS = 1460, IDLE_MAX = 2 * 3600 * 1000 };

static void data(int32_t seq, uint32_t len)
{
	send_seg(ACK | PSH, seq, 0, len);
}

static enum tcp_state state(void)
{
	return flow() ? flow()->state : TS_CLOSED;
}

/* The guest closes first */
static void t_guest_first(void)
{
	const struct seg *s;

	connect_full();
	data(0, 100);
	send_seg(FIN | ACK, 100, 0, 0);
	s = wait_seg(10);
	CHECK(s && s->flags == ACK && s->ack == 101 && state() == TS_CLOSE_WAIT);
	CHECK(sock_read(1000) == 100 && sock_at_eof());
	/* the host's peer goes on for a while */
	sock_write(5000);
	pump();
	CHECK(get_seg());
	forget_segs();
	send_seg(ACK, 101, 5000, 0);
	QUIET();
	sock_close();
	EXPECT(FIN | ACK, 5000, 101, 0);
	CHECK(state() == TS_LAST_ACK);
	send_seg(ACK, 101, 5001, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

/* ... and the peer's last bytes come together with its FIN */
static void t_guest_first_last_bytes(void)
{
	const struct seg *s;
	uint32_t got = 0;

	connect_full();
	send_seg(FIN | ACK, 0, 0, 0);
	s = wait_seg(10);
	CHECK(s && s->flags == ACK && s->ack == 1 && sock_at_eof());
	sock_write(5000);
	sock_close();
	pump();
	while ((s = wait_seg(10)) && !(s->flags & FIN))
		got += s->len;
	CHECK(s && got + s->len == 5000 && s->seq + s->len == 5000);
	send_seg(ACK, 1, 5001, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

/* The host's peer closes first */
static void t_host_first(void)
{
	const struct seg *s;

	connect_full();
	sock_write(300);
	sock_fin();
	pump();
	s = get_seg();
	CHECK(s && s->len == 300);
	if (s && !(s->flags & FIN))
		EXPECT(FIN | ACK, 300, 0, 0);
	send_seg(ACK, 0, 301, 0);
	QUIET();
	CHECK(state() == TS_FIN_WAIT_2);
	/* the guest goes on for a while */
	data(0, 3000);
	s = wait_seg(10);
	CHECK(s && s->ack == 3000 && sock_read(10000) == 3000);
	send_seg(FIN | ACK, 3000, 301, 0);
	EXPECT(ACK, 301, 3001, 0);
	CHECK(state() == TS_CLOSED && sock_at_eof());
	QUIET();
}

/* All that the peer has sent when it closes comes with the FIN in one go */
static void t_fin_with_data(void)
{
	connect_full();
	sock_write(100);
	sock_fin();
	EXPECT(FIN | ACK, 0, 0, 100);
	QUIET();
	send_seg(FIN | ACK, 0, 101, 50);	/* so does the guest */
	EXPECT(ACK, 101, 51, 0);
	CHECK(state() == TS_CLOSED);
	CHECK(sock_read(100) == 50 && sock_at_eof());
}

static void t_at_once(void)
{
	connect_full();
	sock_fin();
	send_seg(FIN | ACK, 0, 0, 0);	/* crosses ours */
	pump();
	forget_segs();
	CHECK(state() == TS_CLOSING || state() == TS_LAST_ACK);
	send_seg(ACK, 1, 1, 0);
	QUIET();
	CHECK(state() == TS_CLOSED && sock_at_eof());
}

/* FIN of the host is out, that of the guest comes without acknowledging it */
static void t_crossing(void)
{
	connect_full();
	sock_fin();
	EXPECT(FIN | ACK, 0, 0, 0);
	send_seg(FIN | ACK, 0, 0, 20);
	EXPECT(ACK, 1, 21, 0);
	CHECK(state() == TS_CLOSING && sock_read(100) == 20 && sock_at_eof());
	send_seg(ACK, 21, 1, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

/* A FIN that acknowledges ours */
static void t_fin_acks_fin(void)
{
	connect_full();
	sock_fin();
	EXPECT(FIN | ACK, 0, 0, 0);
	send_seg(FIN | ACK, 0, 1, 0);
	EXPECT(ACK, 1, 1, 0);
	CHECK(state() == TS_CLOSED);
}

static void t_fin_early(void)
{
	const struct seg *s;

	connect_full();
	send_seg(FIN | ACK, 1000, 0, 500);	/* ahead of a hole */
	s = EXPECT(ACK, 0, 0, 0);
	CHECK(s->nsack == 1 && state() == TS_ESTABLISHED);
	data(0, 1000);
	s = wait_seg(10);
	CHECK(s && s->ack == 1501 && state() == TS_CLOSE_WAIT);
	CHECK(sock_read(10000) == 1500 && sock_at_eof());
}

/* FIN counts once all that the socket refused is through */
static void t_fin_parked(void)
{
	int32_t at = 0, size = 4608;
	const struct seg *s;

	connect_full();
	setsockopt(flow()->f.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (!flow()->parked && at < 60 * 65536) {
		int32_t n = MIN(flow()->rcv_edge - flow()->rcv_nxt, 8192U);

		if (!CHECK(n))
			return;
		data(at, n);
		at += n;
		pump();
	}
	send_seg(FIN | ACK, at, 0, 0);
	send_seg(ACK, at + 1, 0, 0);		/* a FIN counts already for the guest */
	pass(5);
	CHECK(state() == TS_ESTABLISHED && !sock_at_eof());
	while ((s = get_seg()))
		CHECK(s->ack <= at);
	while (me.read < at) {
		sock_read(10000);
		pump();
	}
	pass(5);
	for (s = get_seg(); s && s->ack != at + 1; s = get_seg())
		;
	CHECK(s && state() == TS_CLOSE_WAIT && sock_at_eof());
	CHECK(flow()->rcv_edge - flow()->rcv_nxt < 1 << 24);
}

/* ... also where the window is closed, and the guest then acknowledges something else */
static void t_fin_parked_no_window(void)
{
	connect_full();
	CHECK(sock_write(10) == 10);
	pump();
	CHECK(get_seg());
	me.send_errno = EAGAIN;
	data(0, MSS);
	pump();
	flow()->rcv_edge = flow()->rcv_told = flow()->rcv_nxt;
	send_seg(FIN | ACK, MSS, 0, 0);
	send_seg(ACK, MSS + 1, 10, 0);
	pass(5);
	CHECK(state() == TS_ESTABLISHED && flow()->snd_una == flow()->iss + 11);
	me.send_errno = 0;
	pass(500);
	CHECK(sock_read(10000) == MSS && sock_at_eof() && state() == TS_CLOSE_WAIT);
	forget_segs();
}

static void t_fin_no_window(void)
{
	connect_full();
	data(0, MSS);
	EXPECT(ACK, 0, MSS, 0);
	flow()->rcv_edge = flow()->rcv_told = flow()->rcv_nxt;
	send_seg(FIN | ACK, MSS, 0, 0);
	pass(5);
	CHECK(state() == TS_CLOSE_WAIT);
	CHECK(flow()->rcv_edge - flow()->rcv_nxt < 1 << 24);
	forget_segs();
}

/* Copies of a FIN are acknowledged; data behind it is not taken */
static void t_fin_again(void)
{
	connect_full();
	send_seg(FIN | ACK, 0, 0, 10);
	pass(5);
	forget_segs();
	send_seg(FIN | ACK, 0, 0, 10);
	EXPECT(ACK, 0, 11, 0);
	data(11, 100);
	pass(5);
	forget_segs();
	CHECK(state() == TS_CLOSE_WAIT && sock_read(1000) == 10 && sock_at_eof());
	sock_fin();
	EXPECT(FIN | ACK, 0, 11, 0);
	data(11, 100);
	pass(5);
	forget_segs();
	CHECK(state() == TS_LAST_ACK);
	send_seg(ACK, 11, 1, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

/* The last ACK was lost: what comes then gets a reset, the guest is done as well */
static void t_last_ack_lost(void)
{
	connect_full();
	sock_fin();
	EXPECT(FIN | ACK, 0, 0, 0);
	send_seg(FIN | ACK, 0, 1, 0);
	EXPECT(ACK, 1, 1, 0);
	send_seg(FIN | ACK, 0, 1, 0);
	EXPECT(RST, 1, 0, 0);
}

/* No host's peer without its data: EOF only behind all that waits in the socket */
static void t_eof_behind_window(void)
{
	const struct seg *s;
	int32_t at = 0;
	bool fin = false;

	connect_plain();
	me.wnd = 5000;
	send_seg(ACK, 0, 0, 0);
	pump();
	sock_write(40000);
	sock_close();
	while (!fin) {
		pump();
		if (!CHECK((s = get_seg())))
			return;
		for (; s; s = get_seg()) {
			CHECK(s->seq == at);
			at += s->len;
			fin = s->flags & FIN;
		}
		send_seg(ACK, 0, at + fin, 0);
	}
	CHECK(at == 40000);
	QUIET();
	CHECK(state() == TS_FIN_WAIT_2);
}

static void t_socket_reset(void)
{
	const struct seg *s;

	connect_full();
	data(0, 2000);
	EXPECT(ACK, 0, 2000, 0);
	sock_write(100);
	EXPECT(ACK, 0, 2000, 100);
	sock_reset();
	s = EXPECT(RST | ACK, 100, 2000, 0);
	CHECK(s && state() == TS_CLOSED);
}

static void t_guest_reset(void)
{
	connect_full();
	data(0, 2000);
	EXPECT(ACK, 0, 2000, 0);
	send_seg(RST, 2000, 0, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
	CHECK(sock_read(2000) == 2000);
	CHECK(sock_errno() == ECONNRESET);
}

/* RFC 5961, 3.2: exact, in the window, outside */
static void t_blind_reset(void)
{
	static const int32_t outside[] = { -1, -70000, 20000000, 0x40000000, -0x7fffffff };
	size_t i;

	connect_full();
	for (i = 0; i < NELEM(outside); i++) {
		send_seg(RST, outside[i], 0, 0);
		QUIET();
		CHECK(state() == TS_ESTABLISHED);
	}
	send_seg(RST | ACK, 1, 0, 0);
	EXPECT(ACK, 0, 0, 0);
	send_seg(RST, flow()->rcv_edge - flow()->rcv_nxt - 1, 0, 0);
	EXPECT(ACK, 0, 0, 0);
	CHECK(state() == TS_ESTABLISHED);
	send_seg(RST, 0, 0, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

/* RFC 5961, 4.2 */
static void t_blind_syn(void)
{
	static const int32_t seq[] = { -1, 0, 1, 70000, 0x40000000, -0x7fffffff };
	size_t i;

	connect_full();
	for (i = 0; i < NELEM(seq); i++) {
		put_seg((struct seg){ .flags = SYN, .seq = seq[i], .mss = MSS, .ws = 7 });
		EXPECT(ACK, 0, 0, 0);
		put_seg((struct seg){ .flags = SYN | ACK, .seq = seq[i], .mss = MSS });
		EXPECT(ACK, 0, 0, 0);
		CHECK(state() == TS_ESTABLISHED);
	}
	QUIET();
	/* a guest that really began anew answers with a reset, then it can */
	send_seg(RST, 0, 0, 0);
	put_seg((struct seg){ .flags = SYN, .seq = 5000, .mss = MSS, .ws = NONE });
	feed();
	CHECK(state() == TS_CONNECTING);
}

/* RFC 5961, 5.2: data counts only with a likely acknowledgement */
static void t_blind_data(void)
{
	static const int32_t ack[] = { 1, 70000, 0x7fffffff, -0x40000000 - 70000,
				       -0x7fffffff };
	size_t i;

	connect_full();
	sock_write(100);
	EXPECT(ACK, 0, 0, 100);
	send_seg(ACK, 0, 100, 0);
	QUIET();
	for (i = 0; i < NELEM(ack); i++) {
		send_seg(ACK | PSH, 0, ack[i] == 1 ? 101 : ack[i], 50);
		EXPECT(ACK, 100, 0, 0);
		CHECK(!sock_read(100));
	}
	send_seg(PSH, 0, 0, 50);		/* no ACK at all */
	QUIET();
	CHECK(!sock_read(100));
	send_seg(ACK | PSH, 0, 50, 50);		/* an old one is all right */
	pass(5);
	CHECK(sock_read(100) == 50);
	forget_segs();
}

static void t_ack_of_nothing(void)
{
	connect_full();
	send_seg(ACK, 0, 1, 0);
	EXPECT(ACK, 0, 0, 0);
	send_seg(ACK, 0, 1000000, 0);
	EXPECT(ACK, 0, 0, 0);
	CHECK(state() == TS_ESTABLISHED);
	sock_write(10);
	EXPECT(ACK, 0, 0, 10);
}

/* RFC 7323, 5: what is older than what came last is an old copy */
static void t_paws(void)
{
	connect_guest((struct syn_opts){ .mss = MSS, .ws = 7, .ts = true });
	me.tsval += 1000;
	send_seg(ACK, 0, 0, 100);
	pass(10);
	forget_segs();
	me.tsval -= 500;
	send_seg(ACK, 100, 0, 100);
	EXPECT(ACK, 0, 100, 0);
	CHECK(sock_read(1000) == 100);
	me.tsval += 500;
	send_seg(ACK, 100, 0, 100);
	pass(10);
	CHECK(sock_read(1000) == 100);
	forget_segs();
	/* what came ahead of a hole says nothing about what is still to fill it */
	me.tsval += 10;
	send_seg(ACK, 300, 0, 100);
	pump();
	forget_segs();
	me.tsval -= 5;
	send_seg(ACK, 200, 0, 100);
	EXPECT(ACK, 0, 400, 0);
	CHECK(sock_read(1000) == 200);
	me.tsval -= 5;
	/* a reset is exempt */
	me.tsval -= 500;
	send_seg(RST, 400, 0, 0);
	QUIET();
	CHECK(state() == TS_CLOSED);
}

static bool keeps_alive(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return !getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len) && on;
}

/* Nobody has anything to say, for hours: while the guest is there, so is the flow */
static void t_idle(void)
{
	const struct seg *s;
	int i, probes = 0;

	connect_full();
	data(0, 10);
	sock_write(20);
	pass(10);
	CHECK(sock_read(100) == 10);
	send_seg(ACK, 10, 20, 0);
	pass(10);
	forget_segs();
	CHECK(!keeps_alive(flow()->f.fd));
	for (i = 0; i < 20; i++) {
		s = wait_seg(IDLE_MAX);
		if (!CHECK(s && s->flags == ACK && s->seq == 19 && s->ack == 10 && !s->len))
			return;
		CHECK(waited() > 600000 && waited() < IDLE_MAX / 3);
		QUIET();
		send_seg(ACK, 10, 20, 0);
		QUIET();
	}
	CHECK(state() == TS_ESTABLISHED && keeps_alive(flow()->f.fd));
	/* a new probe each time, as many as there are, if there is no answer */
	while (probes < 100 && (s = wait_seg(IDLE_MAX)) && s->flags == ACK) {
		CHECK(s->seq == 19 && (!probes || waited() < 300000));
		probes++;
	}
	CHECK(s && s->flags & RST && state() == TS_CLOSED && probes == 5);
	CHECK(sock_errno() == ECONNRESET);
}

/* The guest forgot the connection: it says so when asked */
static void t_idle_forgotten(void)
{
	const struct seg *s;

	connect_full();
	s = wait_seg(IDLE_MAX);
	CHECK(s && s->flags == ACK && s->seq == -1);
	send_seg(RST, 0, 0, 0);
	QUIET();
	CHECK(state() == TS_CLOSED && sock_errno() == ECONNRESET);
}

/* One answer among lost probes is enough; what is in flight needs none */
static void t_idle_now_and_then(void)
{
	const struct seg *s;
	int i, k;

	connect_full();
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 4; k++) {
			s = wait_seg(IDLE_MAX);
			CHECK(s && s->flags == ACK);
		}
		send_seg(ACK, 0, 0, 0);
		QUIET();
	}
	put_seg((struct seg){ .flags = ACK, .ack = 0, .ws = NONE, .wnd_zero = true });
	sock_write(100);
	for (i = 0; i < 100; i++) {
		s = wait_seg(IDLE_MAX);
		CHECK(s && s->len == 1 && s->seq == 0);
		put_seg((struct seg){ .flags = ACK, .ack = 0, .ws = NONE,
				      .wnd_zero = true });
		QUIET();
	}
	CHECK(state() == TS_ESTABLISHED);
}

/* Many that are idle wake nobody up, but for their probes, which come together */
static void t_idle_many(void)
{
	int i, socks[100];

	for (i = 0; i < 100; i++) {
		me.guest.port = GUEST_PORT + i;
		connect_full();
		socks[i] = me.sock;
		pass(500);
	}
	me.sock = -1;
	me.link_down = true;	/* probes are of no interest */
	me.wakes = 0;
	pass(14 * 60000);
	CHECK(me.wakes <= 5);
	pass(11 * 60000);
	CHECK(me.wakes < 100 && flow_count(&me.w) == 100);
	pass(14 * 60000);
	CHECK(!flow_count(&me.w));
	for (i = 0; i < 100; i++)
		close(socks[i]);
}

/* A guest that does not read can't be asked: it has more time, but not for ever */
static void t_idle_stuck(void)
{
	connect_full();
	sock_write(100);
	EXPECT(ACK, 0, 0, 100);
	me.link_room = 0;
	sock_write(100);
	pass(IDLE_MAX / 2);
	CHECK(state() == TS_ESTABLISHED);
	pass(IDLE_MAX);
	CHECK(state() == TS_CLOSED && sock_errno() == ECONNRESET);
}

/* Half closed, then silence: it ends some day */
static void t_half_idle(void)
{
	connect_full();
	sock_fin();
	EXPECT(FIN | ACK, 0, 0, 0);
	send_seg(ACK, 0, 1, 0);
	pass(3 * (uint64_t)IDLE_MAX / 2);
	CHECK(state() == TS_CLOSED);
	forget_segs();
}

/* The guest vanishes with data in flight, or with our FIN */
static void t_vanished(void)
{
	connect_full();
	sock_write(10000);
	sock_fin();
	pass(1000000);
	CHECK(state() == TS_CLOSED);
	CHECK(sock_errno() == ECONNRESET);
}

/* One short connection, closed by the guest first: the socket that it had */
static int short_connection(int i)
{
	int fd;

	me.guest.port = GUEST_PORT + i;
	me.written = me.read = 0;
	connect_plain();
	fd = flow()->f.fd;
	send_seg(ACK, 0, 0, 100);
	pump();
	CHECK(sock_read(100) == 100 && sock_write(200) == 200);
	pump();
	send_seg(FIN | ACK, 100, 200, 0);
	pump();
	sock_close();
	pump();
	send_seg(ACK, 101, 201, 0);
	pump();
	CHECK(state() == TS_CLOSED);
	forget_segs();
	return fd;
}

/* Many, one after the other and at once, from the same ports: nothing is left behind */
static void t_churn(void)
{
	int i;

	for (i = 0; i < 300; i++) {
		me.iss += 1000003;
		short_connection(i % 3);
	}
	CHECK(!flow_count(&me.w));
}

/* A socket that is through serves the next connection, but is not kept for long */
static void t_spare(void)
{
	int fd = short_connection(0);

	CHECK(short_connection(1) == fd && fcntl(fd, F_GETFD) >= 0);
	pass(1500);
	CHECK(fcntl(fd, F_GETFD) < 0);
}

/* Every flag combination with numbers around all edges, in every state: no crash, no loop,
 * nothing left behind
 */
static void t_anything(void)
{
	static const int32_t edges[] = { -70000, -2, -1, 0, 1, 99, 100, 101, 65535, 70000 };
	unsigned seed = 3;
	int i, k;

	srand(seed);
	for (i = 0; i < 150; i++) {
		me.guest.port = GUEST_PORT + i;
		me.written = me.read = 0;
		connect_full();
		sock_write(rand() % 3 * 50);
		if (rand() % 3 == 0)
			sock_fin();
		for (k = 0; k < 30; k++) {
			int flags = rand() % 64;

			if ((flags & (SYN | ACK)) == SYN)
				flags |= ACK;	/* opens nothing */
			send_seg(flags, edges[rand() % NELEM(edges)],
				 edges[rand() % NELEM(edges)], rand() % 3 * 50);
			if (rand() % 2)
				pump();
			if (rand() % 4 == 0)
				pass(rand() % 500);
			forget_segs();
		}
		pump();
		flow_each(&me.w, FLOW_TCP, tcp_flow_close);
		sock_close();
		forget_segs();
	}
}

int main(void)
{
	RUN(t_guest_first);
	RUN(t_guest_first_last_bytes);
	RUN(t_host_first);
	RUN(t_fin_with_data);
	RUN(t_at_once);
	RUN(t_crossing);
	RUN(t_fin_acks_fin);
	RUN(t_fin_early);
	RUN(t_fin_parked);
	RUN(t_fin_parked_no_window);
	RUN(t_fin_no_window);
	RUN(t_fin_again);
	RUN(t_last_ack_lost);
	RUN(t_eof_behind_window);
	RUN(t_socket_reset);
	RUN(t_guest_reset);
	RUN(t_blind_reset);
	RUN(t_blind_syn);
	RUN(t_blind_data);
	RUN(t_ack_of_nothing);
	RUN(t_paws);
	RUN(t_idle);
	RUN(t_idle_forgotten);
	RUN(t_idle_now_and_then);
	RUN(t_idle_many);
	RUN(t_idle_stuck);
	RUN(t_half_idle);
	RUN(t_vanished);
	RUN(t_churn);
	RUN(t_spare);
	RUN(t_anything);
	return END("close");
}
