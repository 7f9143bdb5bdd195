/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_timer.c - deadlines of TCP flows, by what happened
 *
 * Retransmission: RTO (RFC 6298) after the oldest byte in flight was sent.
 * Persistence: the same, while the guest's window is closed (RFC 9293, 3.8.6.1).
 * Delayed ACK: soon after a small segment, unless data of the peer carries it.
 * Idle: two hours without a segment either way end a flow.
 *
 * The wheel knows one timer a flow, set to the nearest of the deadlines.
 */
#include "tcp.h"
#include "tcp_int.h"
#include "util.h"
#include "worker.h"

enum {				/* ms */
	RTO_FIRST	= 1000,
	RTO_MIN		= 200,
	RTO_MAX		= 120 * 1000,
	RTO_GRACE	= 10,		/* to read what waits on the link */
	ACK_DELAY	= 2,
	IDLE_MAX	= 2 * 3600 * 1000,
	RETRIES_MAX	= 7,
};

static void arm(struct worker *w, struct tcp *t)
{
	uint64_t at = t->idle_at;

	if (t->rto_at && t->rto_at < at)
		at = t->rto_at;
	if (t->ack_at && t->ack_at < at)
		at = t->ack_at;
	timer_set(&w->wheel, &t->f.timer, at);
}

void tcp_timers_opened(struct worker *w, struct tcp *t)
{
	t->rto = RTO_FIRST;
	t->idle_at = w->now + IDLE_MAX;
	arm(w, t);
}

/* Data, SYN or FIN went to the guest: expect an ACK */
void tcp_timers_sent(struct worker *w, struct tcp *t)
{
	if (!t->rtt_start && !t->retries && t->snd_nxt == t->snd_max) {
		t->rtt_start = (uint32_t)w->now | 1;
		t->rtt_seq = t->snd_nxt;
	}
	t->idle_at = w->now + IDLE_MAX;
	if (!t->rto_at) {
		t->rto_at = w->now + t->rto;
		arm(w, t);
	}
}

static void measure_rtt(struct worker *w, struct tcp *t)
{
	int32_t rtt = (uint32_t)w->now - t->rtt_start, err;

	rtt = MAX(rtt, 0);
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
	t->rto_at = all ? 0 : w->now + t->rto;
	if (!all)
		arm(w, t);
}

/* A segment came from the guest. One that asks for an ACK gets it soon. */
void tcp_timers_received(struct worker *w, struct tcp *t)
{
	t->idle_at = w->now + IDLE_MAX;
	if (t->rcv_nxt != t->rcv_acked && !t->ack_at) {
		t->ack_at = w->now + ACK_DELAY;
		arm(w, t);
	}
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
		t->rto_at = w->now + t->rto;
		arm(w, t);
	}
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

/* Is it us who are late? After a pause, the guest's ACK may wait on the link. */
static bool late(struct worker *w, struct tcp *t)
{
	if (w->link_stuck) {		/* it says nothing about the guest */
		t->rto_at = w->now + t->rto;
		return true;
	}
	t->overdue = !t->overdue;
	if (t->overdue)
		t->rto_at = w->now + RTO_GRACE;
	return t->overdue;
}

static void rto_expired(struct worker *w, struct tcp *t)
{
	if (late(w, t))
		return;
	t->rto_at = 0;
	t->rtt_start = 0;		/* Karn: don't time what is sent twice */
	if (t->retries >= RETRIES_MAX) {
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

void tcp_flow_timer(struct worker *w, struct flow *f)
{
	struct tcp *t = tcp_of(f);

	if (t->ack_at && t->ack_at <= w->now) {
		t->ack_at = 0;
		t->marks |= TM_ACK_NOW;
		flow_dirty(w, f);
	}
	if (t->idle_at <= w->now) {
		tcp_event(w, t, TE_GIVE_UP);
		return;
	}
	if (t->rto_at && t->rto_at <= w->now)
		rto_expired(w, t);
	if (t->state != TS_CLOSED)
		arm(w, t);
}
