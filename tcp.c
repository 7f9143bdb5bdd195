/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp.c - TCP flows: opening, closing, the apply step of the state table
 *
 * The guest's stack and the host's stack do the work; we translate between them.
 * Guest data goes straight from the link's buffers to the host's socket, and is
 * acknowledged when the socket, or the pool of chunks, has it. Data for the guest stays
 * in the socket's receive queue until the guest has acknowledged it. So neither
 * side needs a buffer of its own here, and nothing inside a window is lost.
 *
 * RFC 9293, 7323 (window scale, timestamps, PAWS), 2018 and 6675 (SACK), 6298 (RTO),
 * 6528 (initial sequence numbers), 5961 (blind attacks), 5681 (after a loss).
 */
#include "tcp.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "chunk.h"
#include "conf.h"
#include "fwd.h"
#include "icmp_err.h"
#include "sock.h"
#include "tcp_int.h"
#include "tcp_spare.h"
#include "util.h"
#include "worker.h"

/* RFC 6528: a clock of 32 ns ticks on top of a keyed hash of the sides */
static uint32_t initial_seq(struct worker *w, const struct tcp *t)
{
	uint64_t k[5];

	memcpy(&k[0], &t->f.guest.addr, 16);
	memcpy(&k[2], &t->f.seen.addr, 16);
	k[4] = (uint64_t)t->f.guest.port << 16 | t->f.seen.port;
	return (uint32_t)hash_words(&w->secret, k, NELEM(k)) + (uint32_t)(now_ns() >> 5);
}

unsigned tcp_mss_max(const struct worker *w, const struct tcp *t)
{
	unsigned mtu = w->cf->mtu ? w->cf->mtu : MTU_DEFAULT;
	unsigned hdr = pkt_l3len(&t->f.seen.addr) - ETH_HLEN_ + 20;

	return MAX(mtu, hdr + MSS_MIN) - hdr;
}

/* The same for the guest, which announced @mss */
static uint16_t segment_size(const struct worker *w, const struct tcp *t, uint16_t mss)
{
	return MIN(MAX(mss, MSS_MIN), tcp_mss_max(w, t));
}

/* Options of a SYN */
static void parse_syn_options(struct worker *w, struct tcp *t, struct span s)
{
	uint16_t mss = MSS_DEFAULT;

	while (s.left && !s.bad) {
		uint8_t kind = span_get8(&s), len;
		struct span o;

		if (kind == OPT_END)
			break;
		if (kind == OPT_NOP)
			continue;
		len = span_get8(&s);
		if (len < 2)
			break;
		o = span_cut(&s, len - 2);
		if (kind == OPT_MSS && len == OPT_MSS_LEN) {
			mss = span_get16(&o);
		} else if (kind == OPT_WS && len == OPT_WS_LEN) {
			t->ws = true;
			t->wscale = span_get8(&o);
			t->wscale = MIN(t->wscale, 14);	/* RFC 7323, 2.3 */
		} else if (kind == OPT_SACK_OK && len == OPT_SACK_OK_LEN) {
			t->sack_ok = true;
		} else if (kind == OPT_TS && len == OPT_TS_LEN) {
			t->ts = true;
			t->ts_recent = span_get32(&o);
		}
	}
	t->mss = segment_size(w, t, mss);
	if (t->ts)
		t->mss -= OPTLEN_TS;
}

static int set_up(struct worker *w, int fd, const struct side *remote)
{
	enum ipver v = addr_ver(&remote->addr);
	int rc = 0;

	/* A device does not lead to the loopback */
	if (!addr_is_loopback(&remote->addr)) {
		rc = sock_outbound_device(w->cf, fd, v);
		rc = rc ? rc : sock_bind_outbound(w->cf, fd, v, 0);
	}
	return rc ? rc : sock_opt(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

/* A socket that connects to @remote: descriptor or -errno. @watched: with a stale tag */
static int connect_to(struct worker *w, const struct side *remote, bool *watched)
{
	enum ipver v = addr_ver(&remote->addr);
	int rc = 0, fd = tcp_spare_take(w, v);

	*watched = fd >= 0;
	if (fd < 0)
		fd = sock_open(IPPROTO_TCP, v);
	if (fd < 0)
		return fd;
	if (!*watched)
		rc = set_up(w, fd, remote);
	/* A spare one has lost it on its way: not with what else is set up */
	if (!rc && fwd_is_local(w->cf, &remote->addr))
		sock_window_local(fd);
	if (!rc)
		rc = sock_connect(fd, remote, w->cf->net[V6].template_index);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/* Sequence numbers of our half, and no limit but the guest's window */
static void init_send(struct worker *w, struct tcp *t)
{
	t->iss = initial_seq(w, t);
	t->snd_una = t->snd_nxt = t->snd_max = t->recover = t->iss;
	t->head = t->peeked = t->iss + 1;
	t->cwnd = t->ssthresh = UINT32_MAX;
}

void tcp_take_syn(struct worker *w, struct tcp *t, const struct pkt *p)
{
	t->rcv_nxt = t->rcv_acked = t->sent = t->rcv_edge = p->tcp.seq + 1;
	t->snd_wnd = p->tcp.wnd;
	t->snd_wl1 = p->tcp.seq;
	t->ws = t->ts = t->sack_ok = false;
	parse_syn_options(w, t, p->tcp.opts);
}

void tcp_take_synack(struct worker *w, struct tcp *t, const struct pkt *p)
{
	tcp_take_syn(w, t, p);
	t->rcv_edge = t->rcv_told = t->rcv_nxt + 65535;
	t->snd_una = t->snd_nxt = p->tcp.ack;
	tcp_timers_acked(w, t, true);
	tcp_event(w, t, TE_GUEST_SYNACK);
}

/* Found by its sides, with a timer, in the state that @ev leads to, and watched */
static void start(struct worker *w, struct tcp *t, enum tcp_event ev, bool watched)
{
	union tag tag = flow_tag(w, &t->f, EV_TCP);
	int rc;

	flow_hash(w, &t->f);
	tcp_timers_opened(w, t);
	tcp_event(w, t, ev);
	if (watched)
		rc = loop_mod(&w->loop, t->f.fd, TCP_SOCK_EVENTS, tag);
	else
		rc = loop_add(&w->loop, t->f.fd, TCP_SOCK_EVENTS, tag);
	if (rc < 0)
		tcp_event(w, t, TE_GIVE_UP);
}

/* The guest opens a connection */
void tcp_open_from_guest(struct worker *w, const struct pkt *p)
{
	struct side remote;
	struct tcp *t;
	bool watched;
	int fd;

	if (fwd_from_guest(w->cf, IPPROTO_TCP, &p->dst, &remote)) {
		tcp_reject(w, p);
		return;
	}
	fd = connect_to(w, &remote, &watched);
	if (flow_make_room(w, fd))
		fd = connect_to(w, &remote, &watched);
	if (fd < 0)
		flow_refused(w, FLOW_TCP, &p->src, &p->dst, fd);
	if (sock_no_means(fd)) {
		w->stats.drop[DROP_FLOWS]++;	/* the guest tries again */
		return;
	}
	if (fd < 0) {
		icmp_err_refuse(w, p, fd);
		tcp_reject(w, p);	/* some don't take the error for the end */
		return;
	}
	t = tcp_of(flow_new(w, FLOW_TCP, IPPROTO_TCP));
	if (!t) {
		flow_refused(w, FLOW_TCP, &p->src, &p->dst, ENOSPC);
		w->stats.drop[DROP_FLOWS]++;
		close(fd);
		return;
	}
	t->f.fd = fd;
	t->f.from_guest = true;
	t->f.guest = p->src;
	t->f.seen = p->dst;
	init_send(w, t);
	tcp_take_syn(w, t, p);
	start(w, t, TE_GUEST_SYN, watched);
}

static void refuse(struct worker *w, int fd)
{
	w->stats.drop[DROP_FLOWS]++;
	sock_linger0(fd);
	close(fd);
}

void tcp_open_from_sock(struct worker *w, int fd, const struct side *remote,
			const struct side *target)
{
	struct side seen, guest;
	struct flow *old;
	struct tcp *t;

	if (fwd_to_guest(w->cf, &w->guest, remote, target, &seen, &guest)) {
		refuse(w, fd);
		return;
	}
	/* The peer has forgotten an earlier connection from the same port */
	old = flow_find(w, IPPROTO_TCP, &guest, &seen);
	if (old)
		tcp_flow_close(w, old);
	t = tcp_of(flow_new(w, FLOW_TCP, IPPROTO_TCP));
	if (!t) {
		flow_refused(w, FLOW_TCP, remote, &guest, ENOSPC);
		refuse(w, fd);
		return;
	}
	t->f.fd = fd;
	t->f.guest = guest;
	t->f.seen = seen;
	init_send(w, t);
	t->ws = t->ts = t->sack_ok = true;	/* on offer */
	t->mss = segment_size(w, t, MSS_DEFAULT);
	start(w, t, TE_SOCK_ACCEPTED, false);
	if (t->state != TS_CLOSED)
		flow_dirty(w, &t->f);
}

/* Each step, or with less than --trace those that went wrong */
static void trace(struct worker *w, const struct tcp *t, enum tcp_event ev,
		  const struct tcp_step *s)
{
	char buf[FLOW_STRLEN];

	if (log_on(LOG_TRC))
		log_trace("%s: %s, %s -> %s", flow_str(&t->f, buf), tcp_event_name(ev),
			  tcp_state_name(t->state), tcp_state_name(s->next));
	else if (log_on(LOG_DBG) && s->todo & DO_RST && s->todo & DO_SOCK_RST)
		log_limited(&w->log_tokens, w->now, LOG_DBG,
			    "%s is reset on both sides: %s in state %s",
			    flow_str(&t->f, buf), tcp_event_name(ev),
			    tcp_state_name(t->state));
}

/* Unread data would turn the FIN of close() into a reset */
static void release(struct worker *w, struct tcp *t, bool reset)
{
	bool spare = !reset && t->finished && t->f.from_guest && !t->peek_off;

	if (reset)
		sock_linger0(t->f.fd);
	else if (!t->finished)
		tcp_consume(w, t, true);
	if (!spare || !tcp_spare_put(w, t->f.fd, addr_ver(&t->f.seen.addr)))
		close(t->f.fd);
	t->f.fd = -1;
	chunk_drop_all(w->chunks, &t->parked);
	chunks_return(w->chunks, t->lent);
	flow_free(w, &t->f);
}

/* #syscalls close shutdown */
static void act(struct worker *w, struct tcp *t, unsigned todo)
{
	if (todo & DO_SYN)
		t->marks |= TM_SYN;
	if (todo & DO_ACK)
		t->marks |= TM_ACK_NOW;
	if (todo & DO_FIN) {
		t->marks |= TM_FIN;
		t->eof_seq = t->peeked;
	}
	if (todo & DO_RST)
		tcp_send_rst(w, t);
	if (todo & DO_SHUT_WR)
		shutdown(t->f.fd, SHUT_WR);
	if (todo & DO_FREE) {
		if (!(todo & DO_RST) && (t->marks & TM_ACK_NOW))
			tcp_output(w, t);
		release(w, t, todo & DO_SOCK_RST);
	}
}

/* First be in the new state, then act */
void tcp_event(struct worker *w, struct tcp *t, enum tcp_event ev)
{
	struct tcp_step s = tcp_step(t->state, ev);

	trace(w, t, ev, &s);
	t->state = s.next;
	act(w, t, s.todo);
}

void tcp_sock_event(struct worker *w, union tag tag, uint32_t events)
{
	struct flow *f = flow_by_tag(w, tag);
	struct tcp *t;

	if (!f)
		return;
	t = tcp_of(f);
	if (events & EPOLLOUT) {
		t->marks |= TM_CONNECTED;
		t->want_out = false;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI))
		t->marks |= TM_READABLE;
	if (events & EPOLLPRI)
		t->urgent = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		t->marks |= TM_RDHUP;
	if (events & EPOLLERR)
		t->marks |= TM_ERROR;
	flow_dirty(w, f);
}

/* An error is final: there is nothing the flow could still do for either side */
static bool sock_failed(struct worker *w, struct tcp *t)
{
	int err;

	if (!(t->marks & TM_ERROR))
		return false;
	t->marks &= ~TM_ERROR;
	err = sock_error(t->f.fd);
	if (err && t->state == TS_CONNECTING)
		icmp_err_refuse_syn(w, &t->f.guest, &t->f.seen, t->rcv_nxt - 1, -err);
	return err;
}

void tcp_flow_work(struct worker *w, struct flow *f)
{
	struct tcp *t = tcp_of(f);

	if (sock_failed(w, t)) {
		tcp_event(w, t, TE_SOCK_ERROR);
		if (t->state == TS_CLOSED)
			return;
	}
	if (t->marks & TM_CONNECTED) {
		t->marks &= ~TM_CONNECTED;
		if (t->state == TS_CONNECTING)
			tcp_event(w, t, TE_SOCK_CONNECTED);
	}
	tcp_flush(w, t);
	if (t->state != TS_CLOSED)
		tcp_output(w, t);
}

void tcp_flow_close(struct worker *w, struct flow *f)
{
	tcp_event(w, tcp_of(f), TE_GIVE_UP);
}
