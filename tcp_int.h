/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_int.h - what the rooms of TCP share: one flow, and who does what to it
 *
 *   tcp.c             opening, closing, the apply step of the state table
 *   tcp_from_guest.c  segments of the guest: judge them, bytes to the socket
 *   tcp_from_sock.c   bytes of the socket, and our own signals, to the guest
 *   tcp_timer.c       deadlines, by what happened
 *
 * Events only leave marks in the flow; tcp_flow_work() acts on them once a turn.
 */
#ifndef TCP_INT_H
#define TCP_INT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "flow.h"
#include "pkt.h"
#include "tcp_sack.h"
#include "tcp_state.h"

struct worker;

enum {
	TCP_WSCALE	= 8,		/* ours: windows up to 16 MiB */
	MSS_DEFAULT	= 536,		/* RFC 9293, 3.7.1 */
	MSS_MIN		= 64,		/* below, whatever is asked for */
	OPTLEN_TS	= 12,		/* timestamps with padding (RFC 7323) */
};

/* Options (RFC 9293, 3.2; RFC 7323; RFC 2018) */
enum { OPT_END, OPT_NOP, OPT_MSS, OPT_WS, OPT_SACK_OK, OPT_SACK, OPT_TS = 8 };

/* ... and their lengths */
enum { OPT_MSS_LEN = 4, OPT_WS_LEN = 3, OPT_SACK_OK_LEN = 2, OPT_TS_LEN = 10 };

/* Marks: work to be done at the end of the turn */
enum {
	TM_CONNECTED	= 1 << 0,	/* connect() may be through */
	TM_READABLE	= 1 << 1,	/* the socket may have data, or EOF */
	TM_RDHUP	= 1 << 2,	/* the peer has sent all it will */
	TM_ERROR	= 1 << 3,	/* the socket has an error */
	TM_ACK_NOW	= 1 << 4,	/* acknowledge in this turn */
	TM_DUPACK	= 1 << 5,	/* ... three times: there is a hole */
	TM_SYN		= 1 << 6,	/* send SYN or SYN-ACK */
	TM_FIN		= 1 << 7,	/* our FIN stands at @eof_seq (stays set) */
	TM_GUEST_FIN	= 1 << 8,	/* guest's FIN stands at @fin_seq */
	TM_RETRANSMIT	= 1 << 9,	/* fill holes */
	TM_PROBE	= 1 << 10,	/* one byte into a closed window */
	TM_KEEP_ALIVE	= 1 << 11,	/* ask the guest for an ACK */
};

/* What a flow's socket is watched for */
#define TCP_SOCK_EVENTS	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET)

struct tcp {
	struct flow f;

	uint16_t marks;
	uint8_t state : 4;		/* enum tcp_state */
	uint8_t wscale : 4;		/* of the guest's window */
	uint8_t retries : 4;		/* timeouts in a row */
	uint8_t probes : 3;		/* keep-alives in a row */
	bool ws : 1, ts : 1, sack_ok : 1;	/* options agreed on */
	bool want_out : 1;		/* EPOLLOUT will come */
	bool nodelay : 1, peek_off : 1;	/* options set on the socket */
	bool talked : 1;		/* the guest has sent data */
	bool urgent : 1;		/* receives may stop short at marks (RFC 6093) */
	bool recovering : 1;		/* fast recovery up to @recover */
	bool overdue : 1;		/* the RTO has expired, the link is read first */
	bool finished : 1;		/* the socket has nothing left to do, nor to read */
	bool ack_soon : 1;		/* the guest waits for ACKs: don't delay them */
	uint8_t asked : 2;		/* times data asked for one since ours, up to a few */
	uint8_t dupacks;
	uint8_t unacked;		/* segments since our last ACK */
	uint8_t unread;			/* acknowledgements not consumed yet, or CONSUME_EAGER */
	uint8_t peeks : 2;		/* receives so far, up to a few */
	uint8_t lent : 6;		/* chunks promised beyond the socket's room */
	uint16_t mss;			/* payload of one segment to the guest */
	uint16_t parked;		/* chunk queue: data no socket has yet */
	uint16_t rtt_start;		/* ms, truncated, never 0 */
	uint16_t srtt, rttvar;		/* ms, srtt scaled by 8, rttvar by 4 */

	/* Guest -> host */
	uint32_t rcv_nxt;		/* next byte expected */
	uint32_t rcv_acked;		/* what we acknowledged last */
	uint32_t rcv_edge;		/* right edge of the window we give */
	uint32_t rcv_told;		/* ... as the guest last heard of it */
	uint32_t sent;			/* the socket has all before this */
	uint32_t fin_seq;		/* of the guest's FIN, if TM_GUEST_FIN */
	uint32_t room;			/* window when it was last measured */
	uint32_t ts_recent;		/* to echo (RFC 7323, 4.3) */

	/* Host -> guest */
	uint32_t iss;
	uint32_t snd_una, snd_nxt, snd_max;
	uint32_t snd_wnd;		/* bytes */
	uint32_t snd_wl1;		/* RFC 9293, 3.10.7.4 */
	uint32_t head;			/* first byte still queued in the socket */
	uint32_t peeked;		/* where SO_PEEK_OFF stands */
	uint32_t eof_seq;		/* of our FIN, if TM_FIN */
	uint32_t recover;		/* end of fast recovery */
	uint32_t rexmit;		/* retransmitted up to here */
	uint32_t cwnd, ssthresh;	/* RFC 5681, from the first loss on */
	struct sack sack;
	struct seq_range dsack;		/* what came twice (RFC 2883), to report */

	/* Deadlines in ms, truncated, 0: none (tcp_timer.c) */
	uint32_t rto_at, ack_at, idle_at;
	uint32_t look_at;		/* the socket refused data */
	uint32_t rto;
	uint32_t rtt_seq;		/* timed segment, if @rtt_start */
};

static_assert(sizeof(struct tcp) <= FLOW_SIZE, "struct tcp exceeds a flow's slot");

/* All of sequence space, compared modulo 2^32 */
static inline bool seq_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq_le(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }

static inline struct tcp *tcp_of(struct flow *f)
{
	return (struct tcp *)f;		/* its first member */
}

/* tcp.c: feed the state table, do what it says */
void tcp_event(struct worker *w, struct tcp *t, enum tcp_event ev);

/* tcp.c: options and numbers of the guest's SYN or SYN-ACK, which may still change */
void tcp_take_syn(struct worker *w, struct tcp *t, const struct pkt *p);

/* tcp.c: largest payload of a segment without options, within the MTU that we announced */
unsigned tcp_mss_max(const struct worker *w, const struct tcp *t);

/* tcp.c: the guest's SYN-ACK */
void tcp_take_synack(struct worker *w, struct tcp *t, const struct pkt *p);

/* tcp.c: a SYN that belongs to no flow */
void tcp_open_from_guest(struct worker *w, const struct pkt *p);

/* tcp_from_guest.c: parked bytes to the socket, FIN when all are through */
void tcp_flush(struct worker *w, struct tcp *t);

/* tcp_from_sock.c: everything the flow has to say to the guest now */
void tcp_output(struct worker *w, struct tcp *t);

/* A reset for the flow; and one for a segment that belongs to none (RFC 9293, 3.10.7.1) */
void tcp_send_rst(struct worker *w, struct tcp *t);
void tcp_reject(struct worker *w, const struct pkt *p);

/* Consume what the guest has acknowledged */
void tcp_consume(struct worker *w, struct tcp *t, bool all);

/* Length of the options on each segment but SYN, without SACK */
static inline size_t tcp_optlen(const struct tcp *t)
{
	return t->ts ? OPTLEN_TS : 0;
}

/* tcp_timer.c */
void tcp_timers_opened(struct worker *w, struct tcp *t);
void tcp_timers_sent(struct worker *w, struct tcp *t);
void tcp_timers_acked(struct worker *w, struct tcp *t, bool all);
void tcp_timers_received(struct worker *w, struct tcp *t);
void tcp_timers_ack_sent(struct tcp *t);
void tcp_timers_blocked(struct worker *w, struct tcp *t);
void tcp_timers_refused(struct worker *w, struct tcp *t);

#endif
