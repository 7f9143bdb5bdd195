/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_from_sock.c - bytes of the socket, and our own signals, to the guest
 *
 * Once a turn: fill holes, send what the guest's window allows straight from the
 * socket's queue to the link's slots, FIN behind the last byte, and an
 * acknowledgement only if no data carried it. Bytes stay in the socket until the
 * guest has acknowledged them: SO_PEEK_OFF says where to go on reading.
 */
#include "tcp.h"

#include <errno.h>
#include <sys/socket.h>

#include "chunk.h"
#include "conf.h"
#include "sock.h"
#include "tcp_int.h"
#include "util.h"
#include "worker.h"

enum {
	TTL		= 255,
	OPTS_MAX	= 40,
	CONSUME_BYTES	= 4096,		/* acknowledged bytes left in the socket ... */
	CONSUME_ACKS	= 16,		/* ... for that many acknowledgements ... */
	CONSUME_EAGER	= 32,		/* ... but this many times none after a large read */
	PEEKS_PLAIN	= 3,		/* receives without SO_PEEK_OFF */
	BORROW		= 16,		/* chunks of the pool for one flow ... */
	BORROW_BELOW	= 1024 * 1024,	/* ... with less room than this in its socket */
	WINDOW_FIRST	= 65535,	/* a SYN's window is not scaled */
};

struct opts {
	uint8_t b[OPTS_MAX];
	size_t len;
};

static void put(struct opts *o, const void *p, size_t n)
{
	memcpy(o->b + o->len, p, n);
	o->len += n;
}

static void put32(struct opts *o, uint32_t v)
{
	v = htonl(v);
	put(o, &v, sizeof(v));
}

static void put_ts(struct worker *w, const struct tcp *t, struct opts *o)
{
	put32(o, (uint32_t)w->now + (uint32_t)w->secret.k[0]);
	put32(o, t->ts_recent);
}

/* Those of every segment but SYN */
static void put_options(struct worker *w, const struct tcp *t, struct opts *o)
{
	o->len = 0;
	if (!t->ts)
		return;
	put(o, (uint8_t[]){ OPT_NOP, OPT_NOP, OPT_TS, OPT_TS_LEN }, 4);
	put_ts(w, t, o);
}

static void put_sack(struct worker *w, const struct tcp *t, struct opts *o)
{
	struct seq_range r[SACK_MAX];
	int i, n;

	if (!t->sack_ok)
		return;
	n = t->dsack.start != t->dsack.end;
	r[0] = t->dsack;
	if (t->parked)
		n += chunk_ranges(w->chunks, t->parked, t->rcv_nxt, r + n,
				  (OPTS_MAX - o->len - 4) / sizeof(r[0]) - n);
	if (!n)
		return;
	put(o, (uint8_t[]){ OPT_NOP, OPT_NOP, OPT_SACK, 2 + n * sizeof(r[0]) }, 4);
	for (i = 0; i < n; i++) {
		put32(o, r[i].start);
		put32(o, r[i].end);
	}
}

static void put_syn_options(struct worker *w, const struct tcp *t, struct opts *o)
{
	static const uint8_t sack_ok[] = { OPT_SACK_OK, OPT_SACK_OK_LEN };
	static const uint8_t padding[] = { OPT_NOP, OPT_NOP };
	static const uint8_t ts[] = { OPT_TS, OPT_TS_LEN };
	unsigned mss = tcp_mss_max(w, t);

	o->len = 0;
	put(o, (uint8_t[]){ OPT_MSS, OPT_MSS_LEN, mss >> 8, mss }, OPT_MSS_LEN);
	if (t->ts) {
		put(o, t->sack_ok ? sack_ok : padding, 2);
		put(o, ts, sizeof(ts));
		put_ts(w, t, o);
	} else if (t->sack_ok) {
		put(o, padding, sizeof(padding));
		put(o, sack_ok, sizeof(sack_ok));
	}
	if (t->ws)
		put(o, (uint8_t[]){ OPT_NOP, OPT_WS, OPT_WS_LEN, TCP_WSCALE }, 4);
}

static size_t header_len(const struct tcp *t, size_t optlen)
{
	return pkt_l3len(&t->f.seen.addr) + 20 + optlen;
}

/* Headers of a segment whose payload is already in @s */
static void put_segment(struct worker *w, struct tcp *t, struct slot *s, uint32_t seq,
			uint8_t flags, const struct opts *o)
{
	struct l3 l3 = {
		.smac = w->cf->our_mac, .dmac = w->guest.mac,
		.src = &t->f.seen.addr, .dst = &t->f.guest.addr,
		.flow_label = t->iss & 0xfffff,
		.proto = IPPROTO_TCP, .ttl = TTL,
	};
	struct tcp_hdr h = { .seq = seq, .ack = t->rcv_nxt, .flags = flags };
	uint32_t wnd = t->rcv_edge - t->rcv_nxt;
	uint8_t *l4;

	if (!(flags & TCP_SYN) && t->ws)
		wnd >>= TCP_WSCALE;
	h.wnd = MIN(wnd, 65535);
	l4 = pkt_put_l3(s->hdr.iov_base, &l3, 20 + o->len + s->len);
	pkt_put_tcp(l4, t->f.seen.port, t->f.guest.port, &h, 20 + o->len);
	memcpy(l4 + 20, o->b, o->len);
	if (s->len > t->mss) {
		s->off.gso_type = GSO_TCP;
		s->off.gso_size = t->mss;
	}
	pkt_csum_l4(s, &l3, 16, w->link->caps & LINK_TX_CSUM);
}

/* What every segment with ACK means for our books. Only one without data, that still
 * follows, tells of holes.
 */
static void told(struct tcp *t, bool bare)
{
	bool more = t->marks & TM_DUPACK || t->dsack.start != t->dsack.end;

	t->rcv_acked = t->rcv_nxt;
	t->rcv_told = t->rcv_edge;
	t->unacked = 0;
	tcp_timers_ack_sent(t);
	if (more && !bare)
		return;
	t->marks &= ~(TM_ACK_NOW | TM_DUPACK);
	t->dsack = (struct seq_range){ 0, 0 };
}

static void advance(struct worker *w, struct tcp *t, uint32_t n)
{
	t->snd_nxt += n;
	if (seq_lt(t->snd_max, t->snd_nxt))
		t->snd_max = t->snd_nxt;
	tcp_timers_sent(w, t);
}

/* A slot for one small segment: false if the link has none, the flow comes again */
static bool reserve(struct worker *w, struct tcp *t, struct slot *s, size_t hdrlen,
		    size_t paylen)
{
	if (w->link->ops->tx_reserve(w->link, s, 1, hdrlen, paylen) > 0)
		return true;
	w->link_stuck = true;
	flow_dirty(w, &t->f);
	return false;
}

static bool commit(struct worker *w, struct slot *s)
{
	bool ok = w->link->ops->tx_commit(w->link, s, 1, 1) == 1;

	w->stats.tx_frames += ok;
	w->stats.drop[DROP_LINK] += !ok;
	return ok;
}

/* A segment without data. One that the link does not take is lost like any other. */
static bool send_bare(struct worker *w, struct tcp *t, uint32_t seq, uint8_t flags,
		      const struct opts *o)
{
	struct slot s;

	if (!reserve(w, t, &s, header_len(t, o->len), 0))
		return false;
	put_segment(w, t, &s, seq, flags, o);
	commit(w, &s);
	w->link_asked |= flags & (TCP_SYN | TCP_FIN);
	return true;
}

static void send_syn(struct worker *w, struct tcp *t)
{
	uint8_t flags = t->state == TS_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;
	struct opts o;

	put_syn_options(w, t, &o);
	t->room = WINDOW_FIRST;
	t->rcv_edge = t->rcv_nxt + WINDOW_FIRST;
	if (!send_bare(w, t, t->iss, flags, &o))
		return;
	t->marks &= ~TM_SYN;
	told(t, true);
	t->snd_nxt = t->iss;
	advance(w, t, 1);
}

/* Sequence number of a segment without data. One beyond the guest's window, where a probe
 * or what was sent before the window shrank may be, would make it ignore the segment.
 */
static uint32_t bare_seq(const struct tcp *t)
{
	uint32_t edge = t->snd_una + t->snd_wnd;

	return t->snd_una != t->iss && seq_lt(edge, t->snd_max) ? edge : t->snd_max;
}

/* A segment from before what the guest has: it answers with an ACK (RFC 9293, 3.8.4) */
static void send_keep_alive(struct worker *w, struct tcp *t)
{
	struct opts o;

	put_options(w, t, &o);
	if (send_bare(w, t, t->snd_una - 1, TCP_ACK, &o))
		t->marks &= ~TM_KEEP_ALIVE;
}

static void send_ack(struct worker *w, struct tcp *t)
{
	int i, n = t->marks & TM_DUPACK && !t->sack_ok ? 3 : 1;
	struct opts o;

	put_options(w, t, &o);
	put_sack(w, t, &o);
	for (i = 0; i < n; i++)
		if (!send_bare(w, t, bare_seq(t), TCP_ACK, &o))
			return;
	told(t, true);
}

void tcp_send_rst(struct worker *w, struct tcp *t)
{
	struct opts o = { .len = 0 };

	/* The guest that has not answered yet sent nothing to acknowledge */
	bool ack = t->f.from_guest || t->snd_una != t->iss;

	send_bare(w, t, bare_seq(t), ack ? TCP_RST | TCP_ACK : TCP_RST, &o);
}

void tcp_reject(struct worker *w, const struct pkt *p)
{
	struct tcp_hdr h = { .flags = TCP_RST };
	struct l3 l3 = {
		.smac = w->cf->our_mac, .dmac = p->smac,
		.src = &p->dst.addr, .dst = &p->src.addr,
		.proto = IPPROTO_TCP, .ttl = TTL,
	};
	struct slot s;
	void *l4;

	if (p->tcp.flags & TCP_ACK) {
		h.seq = p->tcp.ack;
	} else {
		h.flags |= TCP_ACK;
		h.ack = p->tcp.seq + p->data.left + !!(p->tcp.flags & TCP_SYN) +
			!!(p->tcp.flags & TCP_FIN);
	}
	if (w->link->ops->tx_reserve(w->link, &s, 1,
				     pkt_l3len(&p->dst.addr) + 20, 0) <= 0)
		return;
	l4 = pkt_put_l3(s.hdr.iov_base, &l3, 20);
	pkt_put_tcp(l4, p->dst.port, p->src.port, &h, 20);
	pkt_csum_l4(&s, &l3, 16, w->link->caps & LINK_TX_CSUM);
	commit(w, &s);
}

/* Let the next peek start at @seq: bytes to be skipped by it. The first few receives
 * of a flow, often all that there are, do without SO_PEEK_OFF: if all that was sent
 * is acknowledged, the queue's head is where to go on.
 */
static uint32_t peek_at(struct worker *w, struct tcp *t, uint32_t seq)
{
	if (!t->peek_off && seq != t->head && t->peeks < PEEKS_PLAIN)
		tcp_consume(w, t, true);
	t->peeks += t->peeks < PEEKS_PLAIN;
	if (!w->peek_off) {
		t->peeked = seq;
		return seq - t->head;
	}
	if (t->peek_off ? t->peeked != seq : t->head != seq) {
		sock_opt(t->f.fd, SOL_SOCKET, SO_PEEK_OFF, seq - t->head);
		t->peek_off = true;
	}
	t->peeked = seq;
	return 0;
}

/* As sock_peek(), from @seq on */
static ssize_t peek(struct worker *w, struct tcp *t, uint32_t seq, int n, size_t per,
		    size_t room)
{
	struct iovec trash = { w->scratch->trash, sizeof(w->scratch->trash) };
	uint32_t skip = peek_at(w, t, seq);
	ssize_t got;

	got = sock_peek(t->f.fd, w->scratch->slots, n, per, room, skip, &trash,
			w->scratch->iov, NELEM(w->scratch->iov));
	if (got > 0)
		t->peeked = seq + got;
	if (got > CONSUME_BYTES || got == (ssize_t)room)
		t->unread = CONSUME_EAGER;
	return got;
}

/* Payload of one frame: as many whole segments as the link takes */
static size_t frame_payload(const struct worker *w, const struct tcp *t)
{
	size_t hdr = header_len(t, tcp_optlen(t));

	if (!(w->link->caps & LINK_TX_TSO))
		return t->mss;
	return (w->link->gso_max - hdr) / t->mss * t->mss;
}

/* How much the guest takes now; with a probe, one byte more than nothing */
static uint32_t guest_room(struct tcp *t)
{
	uint32_t wnd = MIN(t->snd_wnd, t->cwnd), flight = t->snd_nxt - t->snd_una;
	uint32_t room = wnd > flight ? wnd - flight : 0;

	if (!room && t->marks & TM_PROBE)
		room = 1;
	else if (room < t->mss && flight)	/* RFC 9293, 3.8.6.2.1 */
		room = 0;
	t->marks &= ~TM_PROBE;
	return room;
}

/* The end of the stream, or a lost connection, or nothing there */
static void nothing_read(struct worker *w, struct tcp *t, ssize_t got)
{
	bool eof = !got || (got == -EAGAIN && t->marks & TM_RDHUP);

	/* A mark may hide what follows until all before it is consumed */
	if (t->urgent && got == -EAGAIN && !w->peek_off && t->snd_nxt != t->head)
		return;
	t->marks &= ~TM_READABLE;
	if (eof && !(t->marks & TM_FIN))
		tcp_event(w, t, TE_SOCK_EOF);
	else if (!eof && got != -EAGAIN)
		tcp_event(w, t, TE_SOCK_ERROR);
}

/* Headers for @got bytes from @seq on, in frames of @per bytes: number of frames */
static int put_frames(struct worker *w, struct tcp *t, uint32_t seq, size_t got,
		      size_t per)
{
	struct slot *s = w->scratch->slots;
	struct opts o;
	int i;

	put_options(w, t, &o);
	for (i = 0; got; i++) {
		size_t len = MIN(got, per);
		uint32_t end = seq + len;	/* modulo 2^32 */
		uint8_t flags = TCP_ACK;

		s[i].len = len;
		got -= len;
		if (!got)
			flags |= TCP_PSH;
		if (t->marks & TM_FIN && end == t->eof_seq)
			flags |= TCP_FIN;
		put_segment(w, t, &s[i], seq, flags, &o);
		w->link_asked |= flags & TCP_FIN;
		seq = end;
	}
	return i;
}

/* Bytes of sequence that the first @sent of the frames take up, FIN included */
static uint32_t sent_bytes(const struct tcp *t, const struct slot *s, int sent)
{
	uint32_t n = 0;
	int i;

	for (i = 0; i < sent; i++)
		n += s[i].len;
	return n + (t->marks & TM_FIN && sent && t->snd_nxt + n == t->eof_seq);
}

/* Reserve frames for up to @room bytes: number of frames, *@per payload of each */
static int reserve_frames(struct worker *w, struct tcp *t, uint32_t room, size_t *per)
{
	size_t n;
	int got;

	*per = frame_payload(w, t);
	n = MIN((room + *per - 1) / *per, LINK_BATCH);
	got = w->link->ops->tx_reserve(w->link, w->scratch->slots, n,
				       header_len(t, tcp_optlen(t)), MIN(room, *per));
	if (got <= 0) {
		w->link_stuck = true;
		flow_dirty(w, &t->f);
	}
	return got;
}

/* Where the guest has closed first, what comes after the peer's few bytes is often nothing
 * but its FIN; and as they are still in the socket, events that mean something else
 * look like more of them. One call finds that out, and spares that of consuming them.
 */
static bool nothing_more(struct worker *w, struct tcp *t)
{
	bool finished;

	if (t->state != TS_CLOSE_WAIT || t->peek_off || t->snd_una != t->snd_max ||
	    t->peeked != t->snd_max ||
	    !sock_is_read(t->f.fd, t->snd_max - t->iss - 1, &finished))
		return false;
	t->finished = finished;
	nothing_read(w, t, finished ? 0 : -EAGAIN);
	return true;
}

static void send_data(struct worker *w, struct tcp *t)
{
	struct slot *s = w->scratch->slots;
	uint32_t room = guest_room(t);
	int n, used, sent;
	bool more = true;
	ssize_t got;
	size_t per;

	if (!room) {
		tcp_timers_blocked(w, t);
		return;
	}
	n = reserve_frames(w, t, room, &per);
	if (n <= 0)
		return;
	room = MIN(room, n * per);
	got = peek(w, t, t->snd_nxt, n, per, room);
	if (got <= 0) {
		w->link->ops->tx_commit(w->link, s, 0, n);
		nothing_read(w, t, got);
		return;
	}
	if (got < (ssize_t)room && !t->urgent) {
		more = false;
		t->marks &= ~TM_READABLE;
		if (t->marks & TM_RDHUP && !(t->marks & TM_FIN))
			tcp_event(w, t, TE_SOCK_EOF);
	}
	used = put_frames(w, t, t->snd_nxt, got, per);
	sent = w->link->ops->tx_commit(w->link, s, used, n);
	sent = MAX(sent, 0);
	if (sent < used) {
		w->stats.drop[DROP_LINK] += used - sent;
		t->marks |= TM_READABLE;
	}
	w->stats.tx_frames += sent;
	if (t->snd_una == t->iss + 1)	/* the first ones are acknowledged at once */
		w->link_asked = true;
	advance(w, t, sent_bytes(t, s, sent));
	if (!sent)			/* a timer comes back to it */
		return;
	told(t, false);
	if (more)
		flow_dirty(w, &t->f);
}

/* The guest misses what it acknowledges up to; what lies behind may just be late */
static bool is_lost(const struct tcp *t, uint32_t seq)
{
	return seq == t->snd_una || sack_lost(&t->sack, seq, t->mss);
}

/* Where this recovery has come to */
static uint32_t refill_from(const struct tcp *t)
{
	return seq_lt(t->rexmit, t->snd_una) ? t->snd_una : t->rexmit;
}

/* The next hole to fill in this recovery */
static bool next_hole(const struct tcp *t, uint32_t *start, uint32_t *end)
{
	uint32_t from = refill_from(t);

	if (t->sack.r[0].start != t->sack.r[0].end)
		return sack_hole(&t->sack, from, start, end) && is_lost(t, *start);
	*start = from;
	*end = from + MIN(t->mss, t->snd_max - from);
	return from == t->snd_una && from != t->snd_max;
}

/* Bytes that the network still has, by all that is known (RFC 6675, 4: SetPipe) */
static uint32_t in_pipe(const struct tcp *t)
{
	uint32_t n = t->snd_max - t->snd_una - sack_bytes(&t->sack);
	uint32_t from = refill_from(t), start, end;

	for (; sack_hole(&t->sack, from, &start, &end) && is_lost(t, start); from = end)
		n -= end - start;
	return n;
}

/* How much of a hole at @start may be filled now, whole segments: the first segment that
 * the guest misses always (RFC 6675, 5)
 */
static uint32_t refill_room(const struct tcp *t, uint32_t start)
{
	uint32_t pipe = in_pipe(t);
	uint32_t room = t->cwnd > pipe ? (t->cwnd - pipe) / t->mss * t->mss : 0;

	return start == t->snd_una ? MAX(room, t->mss) : room;
}

/* Fast retransmission: each hole once in a recovery, as the pipe drains */
static void fill_holes(struct worker *w, struct tcp *t)
{
	size_t per = frame_payload(w, t);
	uint32_t start, end, len;
	ssize_t got;

	t->marks &= ~TM_RETRANSMIT;
	while (next_hole(t, &start, &end)) {
		struct slot *s = w->scratch->slots;

		len = MIN(MIN(end - start, per), refill_room(t, start));
		if (!len || !reserve(w, t, s, header_len(t, tcp_optlen(t)), len))
			return;
		got = peek(w, t, start, 1, per, len);
		if (got <= 0) {
			w->link->ops->tx_commit(w->link, s, 0, 1);
			return;
		}
		put_frames(w, t, start, got, per);
		if (!commit(w, s))
			return;
		told(t, false);
		w->stats.tcp_retrans++;
		t->rexmit = start + got;
		t->rtt_start = 0;	/* Karn's algorithm */
	}
}

/* A kernel grows the send buffer of a socket only when it is full. While it is small, the
 * guest is promised more than it has room for, and what the socket refuses is parked.
 */
static void borrow(struct worker *w, struct tcp *t, uint32_t room)
{
	if (room < BORROW_BELOW && !t->lent) {
		t->lent = chunks_lend(w->chunks, BORROW);
	} else if (room >= BORROW_BELOW && t->lent && t->rcv_edge - t->sent <= room) {
		chunks_return(w->chunks, t->lent);
		t->lent = 0;
	}
}

/* Follow the room in the socket. The right edge never moves back, and is moved only when
 * half of what was given is used up: no call per segment. While bytes are parked,
 * the socket is full: nothing more is given.
 */
static void open_window(struct worker *w, struct tcp *t)
{
	uint32_t left = t->rcv_edge - t->rcv_nxt, room;
	bool writable;

	if (t->want_out || (t->room && left >= t->room / 2))
		return;
	room = sock_room(t->f.fd, &writable);
	if (!writable) {	/* ask for the event, lets the kernel grow the buffer */
		loop_mod(&w->loop, t->f.fd, TCP_SOCK_EVENTS,
			 flow_tag(w, &t->f, EV_TCP));
		t->want_out = true;
	}
	room -= room / 16;
	borrow(w, t, room);
	room += t->lent * CHUNK_SIZE;
	t->room = MIN(room, t->ws ? 65535U << TCP_WSCALE : 65535U);
	if (seq_lt(t->rcv_edge, t->rcv_nxt + t->room) &&
	    (writable || t->room >= MIN(t->mss, 4096)))
		t->rcv_edge = t->rcv_nxt + t->room;
	if (t->rcv_edge - t->rcv_told > t->room / 4)
		t->marks |= TM_ACK_NOW;
}

/* A few bytes may stay for a while, to save system calls. Not those at the end of a large
 * read: the kernel goes on to charge all of the buffer they lie in, and the
 * window of the socket could stay closed for ever.
 */
void tcp_consume(struct worker *w, struct tcp *t, bool all)
{
	uint32_t end = t->snd_una, n;

	if (t->marks & TM_FIN && seq_lt(t->eof_seq, end))
		end = t->eof_seq;
	n = end - t->head;
	if ((int32_t)n <= 0)
		return;
	if (!all && w->peek_off && n < CONSUME_BYTES && t->unread < CONSUME_ACKS) {
		t->unread++;
		return;
	}
	if (sock_discard(t->f.fd, n))
		return;			/* the error comes as an event, too */
	t->head = end;
	if (seq_lt(t->peeked, t->head))
		t->peeked = t->head;
	if (t->unread <= CONSUME_ACKS)
		t->unread = 0;
	else if (t->peeked == t->head)
		t->unread--;
}

void tcp_output(struct worker *w, struct tcp *t)
{
	struct opts o;

	if (t->state != TS_CLOSED && t->state < TS_ESTABLISHED) {
		if (t->marks & TM_SYN)
			send_syn(w, t);
		return;
	}
	if (t->state == TS_CLOSED) {		/* the last word */
		send_ack(w, t);
		return;
	}
	open_window(w, t);
	tcp_consume(w, t, false);
	if (t->marks & TM_RETRANSMIT)
		fill_holes(w, t);
	if (t->marks & TM_READABLE && !nothing_more(w, t))
		send_data(w, t);
	if (t->state == TS_CLOSED)
		return;
	if (t->marks & TM_FIN && t->snd_nxt == t->eof_seq) {
		put_options(w, t, &o);
		if (send_bare(w, t, t->snd_nxt, TCP_FIN | TCP_ACK, &o)) {
			told(t, false);
			advance(w, t, 1);
		}
	}
	if (t->marks & TM_ACK_NOW)
		send_ack(w, t);
	if (t->marks & TM_KEEP_ALIVE)
		send_keep_alive(w, t);
}
