/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_from_guest.c - segments of the guest: judge them, bytes to the socket
 *
 * RFC 9293, 3.10.7.4, segment by segment; but all bytes that are in order in one run of
 * segments reach the socket in one call, from the buffers of the link. What the
 * socket refuses, and what comes ahead of a hole, is parked in chunks.
 */
#include "tcp.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "chunk.h"
#include "conf.h"
#include "sock.h"
#include "tcp_int.h"
#include "util.h"
#include "worker.h"

enum {
	FIRST_SMALL	= 512,		/* bytes that fit one segment anywhere */
	WINDOW_MAX	= 65535 << 14,	/* RFC 7323, 2.3 */
};

/* Bytes in order that a run of segments brought, still in the link's buffers */
struct run {
	struct iovec *iov;
	int n, max;
	uint32_t len;
};

struct ts { uint32_t val, ecr; bool set; };

static void parse_sack(struct tcp *t, struct span o)
{
	while (o.left >= 8) {
		uint32_t start = span_get32(&o), end = span_get32(&o);

		if (seq_le(t->snd_una, start) && seq_le(end, t->snd_max))
			sack_add(&t->sack, start, end);
	}
}

/* Timestamps and, where something is in flight, SACK */
static struct ts parse_options(struct tcp *t, struct span s)
{
	struct ts ts = { .set = false };

	while (s.left && !s.bad) {
		uint8_t len, kind = span_get8(&s);
		struct span o;

		if (kind == OPT_END)
			break;
		if (kind == OPT_NOP)
			continue;
		len = span_get8(&s);
		if (len < 2)
			break;
		o = span_cut(&s, len - 2);
		if (kind == OPT_TS && len == OPT_TS_LEN) {
			ts.val = span_get32(&o);
			ts.ecr = span_get32(&o);
			ts.set = !o.bad;
		} else if (kind == OPT_SACK && t->sack_ok && t->snd_una != t->snd_max) {
			parse_sack(t, o);
		}
	}
	return ts;
}

/* RFC 7323, 5.3: an old duplicate must not be taken for new data */
static bool paws_ok(struct tcp *t, const struct pkt *p)
{
	struct ts ts = parse_options(t, p->tcp.opts);

	if (!t->ts || !ts.set)
		return true;
	if (seq_lt(ts.val, t->ts_recent))
		return false;
	if (seq_le(p->tcp.seq, t->rcv_acked))
		t->ts_recent = ts.val;
	return true;
}

/* RFC 6675, 5; RFC 5681, 3.2 */
static void enter_recovery(struct tcp *t)
{
	uint32_t flight = t->snd_max - t->snd_una;

	t->recovering = true;
	t->recover = t->snd_max;
	t->rexmit = t->snd_una;
	t->ssthresh = MAX(flight / 2, 2U * t->mss);
	t->cwnd = t->ssthresh;
}

static void open_cwnd(struct tcp *t, uint32_t acked)
{
	if (t->cwnd == UINT32_MAX)
		return;
	if (t->cwnd < t->ssthresh)
		t->cwnd += acked;
	else
		t->cwnd += (uint64_t)t->mss * acked / t->cwnd + 1;
	if (t->cwnd > 65535U << TCP_WSCALE)	/* more than any window: no limit */
		t->cwnd = UINT32_MAX;
}

static void acked_new(struct worker *w, struct tcp *t, uint32_t ack)
{
	open_cwnd(t, ack - t->snd_una);
	t->snd_una = ack;
	t->dupacks = 0;
	if (seq_lt(t->snd_nxt, ack))
		t->snd_nxt = ack;
	sack_advance(&t->sack, ack);
	if (t->recovering && seq_le(t->recover, ack))
		t->recovering = false;
	if (t->recovering)
		t->marks |= TM_RETRANSMIT;
	tcp_timers_acked(w, t, ack == t->snd_max);
}

static void acked_again(struct tcp *t, const struct pkt *p, bool wnd_same)
{
	if (t->snd_una == t->snd_max || !t->snd_wnd)
		return;			/* nothing, or a probe, is in flight */
	if (wnd_same && !p->data.left && !(p->tcp.flags & (TCP_FIN | TCP_SYN)) &&
	    t->dupacks < UINT8_MAX)
		t->dupacks++;
	if (!t->recovering && seq_le(t->recover, t->snd_una) &&
	    (t->dupacks >= 3 || sack_bytes(&t->sack) > 2U * t->mss))
		enter_recovery(t);
	if (t->recovering)
		t->marks |= TM_RETRANSMIT;
}

/* Acknowledgement and window. False: it acknowledges what was never sent, or
 * so long ago that it is a guess (RFC 5961, 5.2).
 */
static bool take_ack(struct worker *w, struct tcp *t, const struct pkt *p)
{
	uint32_t ack = p->tcp.ack, wnd = t->snd_wnd;

	if (seq_lt(t->snd_max, ack) || seq_lt(ack, t->snd_una - WINDOW_MAX))
		return false;
	if (seq_lt(ack, t->snd_una))
		return true;
	if (seq_le(t->snd_wl1, p->tcp.seq)) {	/* SND.WL2 is no more than SND.UNA */
		t->snd_wnd = (uint32_t)p->tcp.wnd << (t->ws ? t->wscale : 0);
		t->snd_wl1 = p->tcp.seq;
	}
	if (!t->snd_wnd)
		t->retries = 0;		/* it is there, and closed */
	if (ack != t->snd_una)
		acked_new(w, t, ack);
	else
		acked_again(t, p, wnd == t->snd_wnd);
	return true;
}

/* Keep what came ahead of a hole while there is room; it was not promised any */
static void take_early(struct worker *w, struct tcp *t, uint32_t seq, struct span data)
{
	t->marks |= TM_ACK_NOW | TM_DUPACK;
	if (chunks_free(w->chunks) < CHUNK_COUNT / 2 ||
	    chunk_put(w->chunks, &t->parked, seq, data) < data.left)
		w->stats.drop[DROP_POOL]++;
}

/* @seq is old: how many of the @len bytes from there on came before */
static uint32_t note_old(struct tcp *t, uint32_t seq, uint32_t len)
{
	uint32_t old = MIN(t->rcv_nxt - seq, len);

	t->dsack = (struct seq_range){ seq, seq + old };
	return old;
}

/* The part of @p that is new and inside the window, to @r or to the chunks */
static void take_data(struct worker *w, struct tcp *t, const struct pkt *p, struct run *r)
{
	struct span d = p->data;
	uint32_t seq = p->tcp.seq;
	int n;

	if (seq_lt(seq, t->rcv_nxt)) {
		uint32_t old = note_old(t, seq, d.left);

		span_skip(&d, old);
		seq += old;
		t->marks |= TM_ACK_NOW;
	}
	if (seq_lt(t->rcv_edge, seq + d.left)) {
		w->stats.drop[DROP_SEQ]++;
		t->marks |= TM_ACK_NOW;
		if (!seq_lt(seq, t->rcv_edge))
			return;
		span_trim(&d, t->rcv_edge - seq);
	}
	if (!d.left)
		return;
	n = seq == t->rcv_nxt ? span_iov(&d, r->iov + r->n, r->max - r->n) : -1;
	if (n < 0) {
		take_early(w, t, seq, d);
		return;
	}
	r->n += n;
	r->len += d.left;
	t->rcv_nxt += d.left;
	t->unacked += t->unacked < 2;
	if (t->unacked >= 2 || t->rcv_nxt - t->rcv_acked >= t->mss)
		t->marks |= TM_ACK_NOW;
}

/* Has the guest's FIN been taken? Nothing follows it. */
static bool at_end(const struct tcp *t)
{
	return t->state == TS_CLOSE_WAIT || t->state >= TS_CLOSING;
}

static void take_fin(struct tcp *t, const struct pkt *p)
{
	t->fin_seq = p->tcp.seq + p->data.left;
	t->marks |= TM_GUEST_FIN;
}

/* RFC 9293, 3.10.7.4, first check */
static bool acceptable(const struct tcp *t, const struct pkt *p)
{
	uint32_t len = p->data.left + !!(p->tcp.flags & TCP_SYN) +
		       !!(p->tcp.flags & TCP_FIN);
	uint32_t wnd = t->rcv_edge - t->rcv_nxt, off = p->tcp.seq - t->rcv_nxt;

	if (!len)		/* a FIN that waits counts already for the guest */
		return off <= wnd + !!(t->marks & TM_GUEST_FIN);
	return off < wnd || off + len - 1 < wnd || (!off && !wnd);
}

/* RFC 5961, 3.2: only an exact match resets, one in the window is challenged */
static void take_rst(struct worker *w, struct tcp *t, const struct pkt *p)
{
	if (p->tcp.seq == t->rcv_nxt)
		tcp_event(w, t, TE_GUEST_RST);
	else if (p->tcp.seq - t->rcv_nxt < t->rcv_edge - t->rcv_nxt)
		t->marks |= TM_ACK_NOW;
}

/* Our SYN is on its way: RFC 9293, 3.10.7.3 */
static void syn_sent(struct worker *w, struct tcp *t, const struct pkt *p)
{
	uint8_t flags = p->tcp.flags;

	if (!(flags & TCP_ACK) || p->tcp.ack != t->iss + 1) {
		if (!(flags & TCP_RST))
			tcp_reject(w, p);
	} else if (flags & TCP_RST) {
		tcp_event(w, t, TE_GUEST_RST);
	} else if (flags & TCP_SYN) {
		tcp_take_synack(w, t, p);
	}
}

/* A copy of the SYN; or the guest gave up and begins anew, from the same port. No data
 * went either way, so that the flow can serve the new one: RFC 9293, 3.10.7.4, fourth
 * check, returns to LISTEN, where it would be taken when it comes the next time.
 */
static void take_syn_again(struct worker *w, struct tcp *t, const struct pkt *p)
{
	if (p->tcp.seq + 1 != t->rcv_nxt)
		tcp_take_syn(w, t, p);
	tcp_event(w, t, TE_GUEST_SYN);
}

/* Before the connection is established: false if it is not for here */
static bool opening(struct worker *w, struct tcp *t, const struct pkt *p)
{
	if (t->state == TS_SYN_SENT)
		syn_sent(w, t, p);
	else if (t->state == TS_SYN_RECEIVED && !(p->tcp.flags & (TCP_RST | TCP_SYN)))
		return false;
	else if (p->tcp.flags & TCP_RST)
		take_rst(w, t, p);
	else if ((p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		take_syn_again(w, t, p);
	return true;
}

static void segment(struct worker *w, struct tcp *t, const struct pkt *p, struct run *r)
{
	uint8_t flags = p->tcp.flags;

	if (t->state < TS_ESTABLISHED && opening(w, t, p))
		return;
	if (flags & TCP_RST) {
		take_rst(w, t, p);
		return;
	}
	if (!acceptable(t, p) || flags & TCP_SYN || !paws_ok(t, p)) {
		w->stats.drop[DROP_SEQ] += !!p->data.left;
		if (seq_lt(p->tcp.seq, t->rcv_nxt))
			note_old(t, p->tcp.seq, p->data.left);
		t->marks |= TM_ACK_NOW;		/* RFC 5961, 4: a challenge */
		return;
	}
	if (!(flags & TCP_ACK))
		return;
	if (!take_ack(w, t, p)) {
		if (t->state == TS_SYN_RECEIVED)
			tcp_reject(w, p);
		t->marks |= TM_ACK_NOW;
		return;
	}
	if (t->state == TS_SYN_RECEIVED) {
		if (t->snd_una == t->iss)
			return;
		tcp_event(w, t, TE_GUEST_ACK_SYN);
	}
	if (p->data.left && !at_end(t))
		take_data(w, t, p, r);
	if (flags & TCP_FIN && !at_end(t))
		take_fin(t, p);
	if (t->marks & TM_FIN && t->snd_una == t->eof_seq + 1 && t->state != TS_FIN_WAIT_2)
		tcp_event(w, t, TE_GUEST_ACK_FIN);
}

/* Keep what the socket did not take. All of it was promised room: only an empty
 * pool makes us take back what was not acknowledged yet.
 */
static void park(struct worker *w, struct tcp *t, const struct run *r, uint32_t taken)
{
	struct span s = span_over(r->iov, r->n);
	uint32_t seq = t->rcv_nxt - r->len + taken, kept;

	span_skip(&s, taken);
	kept = chunk_put(w->chunks, &t->parked, seq, s);
	w->stats.tcp_parked++;
	if (kept < s.left) {
		w->stats.drop[DROP_POOL]++;
		t->rcv_nxt = seq + kept;
	}
}

/* Nagle's algorithm, in the host's socket, is off before it could hold anything back:
 * a first small request leaves at once anyway
 */
static ssize_t send_iov(struct tcp *t, const struct iovec *iov, int n, uint32_t len)
{
	if (!t->nodelay && (t->talked || len > FIRST_SMALL)) {
		sock_opt(t->f.fd, IPPROTO_TCP, TCP_NODELAY, 1);
		t->nodelay = true;
	}
	t->talked = true;
	return sock_send(t->f.fd, iov, n);
}

/* All that the socket takes: false if it is broken. What it leaves goes when it is writable
 * again.
 */
static bool give(struct worker *w, struct tcp *t, const struct iovec *iov, int n,
		 uint32_t len)
{
	ssize_t rc = send_iov(t, iov, n, len);

	if (rc < 0 && !sock_no_memory(rc)) {
		tcp_event(w, t, TE_SOCK_ERROR);
		return false;
	}
	rc = MAX(rc, 0);
	t->sent += rc;
	if (rc < (ssize_t)len) {
		t->want_out = true;
		tcp_timers_refused(w, t);
	}
	return true;
}

/* What is parked may follow what just came (RFC 5681, 4.2) */
static void close_hole(struct worker *w, struct tcp *t)
{
	uint32_t end = chunk_end(w->chunks, t->parked, t->rcv_nxt);

	if (end != t->rcv_nxt)
		t->marks |= TM_ACK_NOW;
	t->rcv_nxt = end;
}

static void deliver(struct worker *w, struct tcp *t, const struct run *r)
{
	uint32_t start = t->rcv_nxt - r->len, taken = 0;

	if (t->sent == start) {
		if (!give(w, t, r->iov, r->n, r->len))
			return;
		taken = t->sent - start;
	}
	if (taken < r->len)
		park(w, t, r, taken);
	if (t->parked)
		close_hole(w, t);
}

void tcp_flush(struct worker *w, struct tcp *t)
{
	struct iovec *iov = w->scratch->iov;

	chunk_drop(w->chunks, &t->parked, t->sent);
	while (!t->want_out && t->sent != t->rcv_nxt) {
		int i, n = chunk_iov(w->chunks, t->parked, t->sent, iov, 64);
		uint32_t all = 0;

		for (i = 0; i < n; i++)
			all += iov[i].iov_len;
		if (!give(w, t, iov, n, all))
			return;
		chunk_drop(w->chunks, &t->parked, t->sent);
	}
	if (t->marks & TM_GUEST_FIN && t->fin_seq == t->rcv_nxt && t->sent == t->rcv_nxt) {
		t->marks &= ~TM_GUEST_FIN;
		if (t->rcv_edge == t->rcv_nxt)
			t->rcv_edge++;		/* it takes no room */
		t->rcv_nxt++;
		t->sent++;
		tcp_event(w, t, TE_GUEST_FIN);
		if (t->state != TS_CLOSED)
			tcp_timers_received(w, t);
	}
}

static struct tcp *lookup(struct worker *w, const struct pkt *p)
{
	struct flow *f = flow_find(w, IPPROTO_TCP, &p->src, &p->dst);

	return f ? tcp_of(f) : NULL;
}

static void no_flow(struct worker *w, const struct pkt *p)
{
	if ((p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
		tcp_open_from_guest(w, p);
		return;
	}
	w->stats.drop[DROP_NOFLOW]++;
	if (!(p->tcp.flags & TCP_RST))
		tcp_reject(w, p);
}

void tcp_from_guest(struct worker *w, const struct pkt *p, int n)
{
	struct run r = { .iov = w->scratch->iov, .max = NELEM(w->scratch->iov) };
	struct tcp *t = lookup(w, p);
	int i;

	for (i = 0; i < n; i++) {
		if (!t) {
			no_flow(w, &p[i]);
			t = lookup(w, p);
			continue;
		}
		segment(w, t, &p[i], &r);
		if (t->state == TS_CLOSED) {
			t = NULL;
			r.n = r.len = 0;
		}
	}
	if (t && r.n)
		deliver(w, t, &r);
	if (t && t->state != TS_CLOSED) {
		tcp_timers_received(w, t);
		flow_dirty(w, &t->f);
	}
}
