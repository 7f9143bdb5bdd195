/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_timer.c - deadlines of TCP flows, by what happened
 *
 * Retransmission: RTO (RFC 6298) after the oldest byte in flight was sent. After a
 * number of them in a row the guest is gone: this takes 5 minutes for data, 4 for
 * a SYN, and more where the round trip is long (RFC 1122, 4.2.3.5: 100 s, 3 minutes).
 * Persistence: the same, while the guest's window is closed (RFC 9293, 3.8.6.1).
 * Delayed ACK: soon after a small segment, unless data of the peer carries it. Where none
 * did, the guest may have more and wait for the ACK first (Nagle: RFC 9293, 3.7.4): from
 * then on it has its ACK at once, until an answer comes after a single segment again.
 * Keep-alive: a guest that was silent for long is asked whether it still knows the
 * connection (RFC 9293, 3.8.4). While it answers, a flow may be idle for ever; a guest
 * that began anew answers with a reset, and one that does not answer is gone. Some
 * minutes instead of hours, as this costs no network anything; with thousands of
 * idle flows the wheel's coarse slots gather their probes in few turns. The peer is asked
 * by the host's kernel in the same case: SO_KEEPALIVE, at the pace of tcp(7).
 * Refusal: a socket that took less than it was given tells when it takes more, but for
 * want of memory it may not: nothing is in flight that could be acknowledged. So it is
 * looked at once more after a while.
 *
 * The wheel knows one timer a flow, set to the nearest of the deadlines.
 */
#include "tcp.h"
#include "sock.h"
#include "tcp_int.h"
#include "util.h"
#include "worker.h"

enum {				/* ms */
	RTO_FIRST	= 1000,
	RTO_MIN		= 200,
	RTO_MAX		= 120 * 1000,
	RTT_MAX		= UINT16_MAX / 8,	/* longer ones count as this */
	ACK_DELAY	= 2,
	REFUSED		= 100,
	STUCK		= 5000,		/* from look to look at a link that is */
	KEEP_IDLE	= 20 * 60 * 1000,
	KEEP_AGAIN	= 2 * 60 * 1000,
};

enum {				/* in a row, without an answer */
	RETRIES_SYN	= 7,
	RETRIES_DATA	= 10,
	KEEP_PROBES	= 5,
};

/* A deadline @ms from now: the lower half of it, never 0 */
static uint32_t after(const struct worker *w, uint32_t ms)
{
	uint32_t at = (uint32_t)w->now + ms;

	return at ? at : 1;
}

/* Milliseconds until @at, negative if it is over */
static int32_t ahead(const struct worker *w, uint32_t at)
{
	return at - (uint32_t)w->now;
}

static bool due(const struct worker *w, uint32_t at)
{
	return at && ahead(w, at) <= 0;
}

static void arm(struct worker *w, struct tcp *t)
{
	int32_t ms = ahead(w, t->idle_at);

	if (t->rto_at)
		ms = MIN(ms, ahead(w, t->rto_at));
	if (t->ack_at)
		ms = MIN(ms, ahead(w, t->ack_at));
	if (t->look_at)
		ms = MIN(ms, ahead(w, t->look_at));
	timer_set(&w->wheel, &t->f.timer, w->now + MAX(ms, 0));
}

void tcp_timers_opened(struct worker *w, struct tcp *t)
{
	t->rto = RTO_FIRST;
	t->idle_at = after(w, KEEP_IDLE);
	arm(w, t);
}

/* Data, SYN or FIN went to the guest: expect an ACK */
void tcp_timers_sent(struct worker *w, struct tcp *t)
{
	if (t->asked == 1)
		t->ack_soon = false;
	t->asked = 0;
	if (!t->rtt_start && !t->retries && t->snd_nxt == t->snd_max) {
		t->rtt_start = w->now;
		t->rtt_start = t->rtt_start ? t->rtt_start : UINT16_MAX;
		t->rtt_seq = t->snd_nxt;
	}
	if (!t->rto_at) {
		t->rto_at = after(w, t->rto);
		arm(w, t);
	}
}

static void measure_rtt(struct worker *w, struct tcp *t)
{
	int32_t rtt = MIN((uint16_t)(w->now - t->rtt_start), RTT_MAX), err;

	t->rtt_start = 0;
	if (!t->srtt) {
		t->srtt = rtt << 3;
		t->rttvar = rtt << 1;
	} else {
		err = rtt - (int32_t)(t->srtt >> 3);
		t->srtt += err;
		t->rttvar += (err < 0 ? -err : err) - (int32_t)(t->rttvar >> 2);
	}
	t->rto = MIN(MAX((t->srtt >> 3) + t->rttvar, RTO_MIN), RTO_MAX);
}

/* The guest acknowledged something new; @all: nothing is in flight */
void tcp_timers_acked(struct worker *w, struct tcp *t, bool all)
{
	if (t->rtt_start && seq_le(t->rtt_seq, t->snd_una))
		measure_rtt(w, t);
	t->retries = 0;
	t->overdue = false;
	t->rto_at = all ? 0 : after(w, t->rto);
	if (!all)
		arm(w, t);
}

/* A segment came from the guest. One that asks for an ACK gets it soon. */
void tcp_timers_received(struct worker *w, struct tcp *t)
{
	t->idle_at = after(w, KEEP_IDLE);
	t->probes = 0;
	if (t->rcv_nxt == t->rcv_acked || t->ack_at)
		return;
	t->asked += t->asked < 3;
	if (t->ack_soon) {
		t->marks |= TM_ACK_NOW;
		return;
	}
	t->ack_at = after(w, ACK_DELAY);
	arm(w, t);
}

/* Every segment carries our ACK */
void tcp_timers_ack_sent(struct tcp *t)
{
	t->ack_at = 0;
}

/* There is data for the guest and its window is closed */
void tcp_timers_blocked(struct worker *w, struct tcp *t)
{
	if (!t->rto_at) {
		t->rto_at = after(w, t->rto);
		arm(w, t);
	}
}

/* The socket did not take all that it was given */
void tcp_timers_refused(struct worker *w, struct tcp *t)
{
	if (!t->look_at) {
		t->look_at = after(w, REFUSED);
		arm(w, t);
	}
}

/* If it has room, the event comes now, otherwise later for sure */
static void look_again(struct worker *w, struct tcp *t)
{
	t->look_at = 0;
	if (t->want_out)
		loop_mod(&w->loop, t->f.fd, TCP_SOCK_EVENTS, flow_tag(w, &t->f, EV_TCP));
}

/* Nothing came back: start over from what was acknowledged (RFC 5681, 3.1; RFC 2018, 8) */
static void retransmit_all(struct worker *w, struct tcp *t)
{
	uint32_t flight = t->snd_max - t->snd_una;

	w->stats.tcp_timeouts++;
	t->snd_nxt = t->snd_una;
	if (t->state < TS_ESTABLISHED) {
		t->marks |= TM_SYN;
		return;
	}
	if (t->snd_wnd) {		/* else it was a probe */
		t->ssthresh = MAX(flight / 2, 2U * t->mss);
		t->cwnd = t->mss;
	}
	t->sack = (struct sack){ 0 };
	t->recovering = false;
	t->recover = t->snd_max;	/* copies in flight are no sign of a new loss */
	t->dupacks = 0;
	t->marks |= TM_READABLE;
}

/* Is it us who are late? After a pause, or behind much else, the guest's ACK may wait
 * on the link: the timeout counts in the turn after all has been read.
 */
static bool late(struct worker *w, struct tcp *t)
{
	if (w->link_stuck) {		/* it says nothing about the guest */
		t->rto_at = after(w, MAX(t->rto, STUCK));
		return true;
	}
	t->overdue = !t->overdue;
	w->link_look |= t->overdue;
	return t->overdue;
}

static void rto_expired(struct worker *w, struct tcp *t)
{
	if (late(w, t))
		return;
	t->rto_at = 0;
	t->rtt_start = 0;		/* Karn: don't time what is sent twice */
	if (t->retries >= (t->state < TS_ESTABLISHED ? RETRIES_SYN : RETRIES_DATA)) {
		tcp_event(w, t, TE_GIVE_UP);
		return;
	}
	if (t->snd_una == t->snd_max && t->snd_wnd) {
		flow_dirty(w, &t->f);	/* the window opened, or the link did not send */
		return;
	}
	t->rto = MIN(t->rto * 2, RTO_MAX);
	if (t->snd_una != t->snd_max) {
		t->retries++;
		retransmit_all(w, t);
	}
	if (!t->snd_wnd)
		t->marks |= TM_PROBE | TM_READABLE;
	flow_dirty(w, &t->f);
}

/* A long silence of the guest. While something is on its way to it, it is asked already;
 * while the link is stuck, it can't be, and is waited for some times longer.
 */
static void idle_expired(struct worker *w, struct tcp *t)
{
	if (t->state < TS_ESTABLISHED || t->probes == KEEP_PROBES) {
		tcp_event(w, t, TE_GIVE_UP);
		return;
	}
	if (t->rto_at && !w->link_stuck) {
		t->idle_at = after(w, KEEP_IDLE);
		return;
	}
	if (!t->probes++)
		sock_opt(t->f.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	t->idle_at = after(w, w->link_stuck ? KEEP_IDLE : KEEP_AGAIN);
	t->marks |= TM_KEEP_ALIVE;
	flow_dirty(w, &t->f);
}

void tcp_flow_timer(struct worker *w, struct flow *f)
{
	struct tcp *t = tcp_of(f);

	if (due(w, t->ack_at)) {
		t->ack_at = 0;
		t->ack_soon = true;
		t->marks |= TM_ACK_NOW;
		flow_dirty(w, f);
	}
	if (due(w, t->look_at))
		look_again(w, t);
	if (due(w, t->rto_at))
		rto_expired(w, t);
	if (t->state != TS_CLOSED && due(w, t->idle_at))
		idle_expired(w, t);
	if (t->state != TS_CLOSED)
		arm(w, t);
}
