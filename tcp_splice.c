/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_splice.c - TCP connections from socket to socket
 *
 * The near socket was accepted from a peer, the far one is ours, on the other side of
 * the namespace's border. Bytes go from one to the other through a pipe, by reference:
 * splice(2) never copies them to us. Nothing here assumes that either end is local.
 *
 * Both sockets are registered once, edge-triggered. Readiness is a flag of the socket,
 * cleared by what splice(2) says; so a side that has nothing to do wakes nobody,
 * however long the other is blocked. Bytes are taken from a socket only while the
 * other one is writable. The rest of a batch that it does not take stays in the
 * pipe, which is the flow's own for as long as there is something in it. Without a
 * pipe, bytes are copied, and stay in the receive queue until they are taken. A kernel
 * that is short of memory refuses bytes, too, and may never tell when that is over:
 * who refused is looked at once more after a while.
 *
 * A sender on the same machine wakes us for each piece that it writes, which costs as much as
 * sending it, and then we wake the receiver. Where much has come for some time, much
 * comes in the next moment, too: by a low-water mark the kernel wakes us once for all of that.
 * What comes last may stay below the mark, until a pause of the sender is noticed and the
 * mark taken away. A pause after so many bytes adds little to the time that they took; a sender
 * that pauses again and again has to send more each time to get another mark.
 *
 * What happens to one connection happens to the other: end of data (FIN) after all
 * bytes that came before, a reset at once. Connections that can't be made reset
 * the peer's. What a socket received before it was reset is still passed on.
 *
 * Called by the rooms that listen, and the loop. RFC 9293; tcp(7), splice(2).
 */
#define _GNU_SOURCE
#include "tcp_splice.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "flow.h"
#include "sock.h"
#include "splice.h"
#include "util.h"
#include "worker.h"

enum { NEAR, FAR, ENDS };

enum {
	TURN_BYTES = 4 << 20,		/* budget of a flow in a turn, each way */
	PIECE = 1 << 20,		/* most to move by one call */
	REFUSED = 100,			/* ms */
	SAMPLE = 256 << 10,		/* KiB, to tell the pace of a sender */
	MARK_MIN = 256 << 10,		/* low-water mark, bytes: what comes in a ms; ... */
	MARK_MAX = 2 << 20,		/* ... more is not cached any more when it goes on */
	PAUSE = 5,			/* ms; a shorter sleep costs more than it saves */
	PAUSES = 4,			/* so often the sample is doubled */
};

enum { EVENTS = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | (int)EPOLLET };

/* One socket, and what came from it */
struct end {
	int fd;
	bool readable, writable;	/* as far as we know */
	bool hangup;			/* no edge will tell of what is still to read */
	bool eof;			/* has sent all it had to send ... */
	bool told;			/* ... and the other one was told */
	bool failed;
	bool refused;			/* said so, not the event: look again */
	bool urgent;			/* bytes are copied, see note_urgent() */
	bool batched;			/* has a low-water mark */
	uint8_t pauses;			/* while it had one, up to PAUSES */
	uint32_t kib;			/* of the sample ... */
	uint32_t since;			/* ... that began then, ms; batched: what came last did */
	struct splice_pipe pipe;	/* if there are ... */
	uint32_t held;			/* ... bytes in it, for the other one */
};

struct tcp_splice {
	struct flow f;			/* fd: of the near end, as in end[NEAR] */
	struct end end[ENDS];
	bool connected;
	uint8_t ntargets, tried;
	uint64_t look_at;		/* deadline, ms, 0: none */
	struct side targets[SPLICE_TARGETS];
	struct addr from;		/* source of the far socket, or unspecified */
	bool to_ns;
};

static_assert(sizeof(struct tcp_splice) <= FLOW_SIZE, "it exceeds a flow's slot");

static struct tcp_splice *splice_of(struct flow *f)
{
	return (struct tcp_splice *)f;		/* its first member */
}

static void init_end(struct end *e, int fd)
{
	*e = (struct end){ .fd = fd, .pipe = { .rd = -1, .wr = -1 } };
}

static union tag tag_of(struct worker *w, struct tcp_splice *t, int end)
{
	return flow_tag(w, &t->f, end == NEAR ? EV_TCP_SPLICE : EV_TCP_SPLICE_FAR);
}

static int watch(struct worker *w, struct tcp_splice *t, int end)
{
	return loop_add(&w->loop, t->end[end].fd, EVENTS, tag_of(w, t, end));
}

/* A socket that connects to @to, from @from if that is specified: descriptor or -errno */
static int connect_to(struct worker *w, const struct side *to, const struct addr *from,
		      bool to_ns)
{
	struct side local = { .addr = *from };
	int rc, fd = splice_socket(w, IPPROTO_TCP, addr_ver(&to->addr), to_ns);

	if (fd < 0)
		return fd;
	rc = addr_is_any(from) ? 0 : sock_opt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (!rc && !addr_is_any(from))
		rc = sock_bind(fd, &local, 0);
	if (!rc)
		rc = sock_connect(fd, to, 0);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/* Start to connect to the first target that does not refuse at once: 0 or -errno */
static int open_far(struct worker *w, struct tcp_splice *t)
{
	int fd = -ECONNREFUSED;

	while (t->tried < t->ntargets) {
		fd = connect_to(w, &t->targets[t->tried++], &t->from, t->to_ns);
		if (fd >= 0 || !splice_is_refusal(-fd))
			break;
	}
	if (fd < 0)
		return fd;
	if (t->end[FAR].fd >= 0)
		close(t->end[FAR].fd);
	init_end(&t->end[FAR], fd);
	return watch(w, t, FAR);
}

/* #syscalls:pasta close */
static void drop_pipe(struct worker *w, struct end *e)
{
	if (e->pipe.rd < 0)
		return;
	if (!e->held) {
		splice_pipe_give(w, &e->pipe);
		return;
	}
	close(e->pipe.rd);
	close(e->pipe.wr);
}

static void release(struct worker *w, struct tcp_splice *t, bool reset)
{
	int i;

	for (i = NEAR; i < ENDS; i++) {
		struct end *e = &t->end[i];

		drop_pipe(w, e);
		if (e->fd < 0)
			continue;
		if (reset)
			sock_linger0(e->fd);
		close(e->fd);
	}
	flow_free(w, &t->f);
}

/* Bytes, 0 at the end of the stream, or -errno
 *
 * #syscalls:pasta splice
 */
static ssize_t move(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Is @err the end of a connection? Else its socket may go on when it has room. */
static bool is_final(ssize_t err)
{
	return err < 0 && err != -EAGAIN && !sock_no_memory(err);
}

/* From the pipe of @e to the other socket: is it empty? If not, then the kernel has
 * just refused something, and tells us when it has room again.
 */
static bool drain(struct end *e, struct end *to)
{
	while (e->held && to->writable) {
		ssize_t n = move(e->pipe.rd, to->fd, e->held);

		if (n > 0) {
			e->held -= n;
			continue;
		}
		to->writable = false;
		to->refused = true;
		to->failed |= is_final(n);
	}
	return !e->held;
}

/* What a receive said, @n as of move() */
static void note_received(struct end *e, ssize_t n)
{
	if (n > 0)
		return;
	e->readable = false;
	e->eof |= !n;
	e->failed |= is_final(n);
	e->refused |= sock_no_memory(n);
}

/* From a socket to its pipe, which is empty. With each piece of the queue, one byte
 * or more, in a slot of its own: what leaves a slot free was all there is.
 */
static ssize_t fill(struct end *e)
{
	ssize_t n = move(e->fd, e->pipe.wr, PIECE);

	note_received(e, n);
	if (n > 0) {
		e->held = n;
		e->readable = n >= (ssize_t)e->pipe.slots || e->hangup;
	}
	return n;
}

/* The same without a pipe, straight to the other socket
 *
 * #syscalls:pasta recvfrom recv
 */
static ssize_t copy(struct worker *w, struct end *e, struct end *to)
{
	struct iovec iov = { .iov_base = w->scratch->trash };
	ssize_t sent, n = recv(e->fd, iov.iov_base, sizeof(w->scratch->trash),
			       MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno == EINTR)
		return 0;
	note_received(e, n < 0 ? -errno : n);
	if (n <= 0)
		return n;
	iov.iov_len = n;
	sent = sock_send(to->fd, &iov, 1);
	to->failed |= is_final(sent);
	to->writable = sent == n;
	to->refused = !to->writable;
	if (sent > 0)
		sock_discard(e->fd, sent);
	return sent;
}

/* What is ready comes as an event now, what is not yet later for sure */
static void look_again(struct worker *w, struct tcp_splice *t)
{
	int i;

	t->look_at = 0;
	for (i = NEAR; i < ENDS; i++) {
		if (!t->end[i].refused)
			continue;
		loop_mod(&w->loop, t->end[i].fd, EVENTS, tag_of(w, t, i));
		t->end[i].refused = false;
	}
}

static void note_refused(struct worker *w, struct tcp_splice *t)
{
	if (!t->look_at && (t->end[NEAR].refused || t->end[FAR].refused))
		t->look_at = w->now + REFUSED;
}

/* Something came from a socket: may it come in larger batches from now on? */
static void note_pace(struct worker *w, struct end *e, size_t moved)
{
	uint32_t now = w->now, mark;

	if (e->batched || !e->kib)
		e->since = now;
	if (e->batched)
		return;
	e->kib += moved / 1024;
	if (e->kib < (uint32_t)SAMPLE << e->pauses)
		return;
	mark = MIN(e->kib / MAX(now - e->since, 1U), MARK_MAX / 1024U) * 1024;
	e->kib = 0;
	e->since = now;
	e->batched = mark >= MARK_MIN && !sock_opt(e->fd, SOL_SOCKET, SO_RCVLOWAT, mark);
}

static void note_pause(struct end *e)
{
	sock_opt(e->fd, SOL_SOCKET, SO_RCVLOWAT, 1);
	e->batched = false;
	e->readable = true;
	e->pauses = MIN(e->pauses + 1, PAUSES);
}

/* How long nothing came, ms: of a socket with a mark */
static uint32_t silence(const struct worker *w, const struct end *e)
{
	return (uint32_t)w->now - e->since;
}

/* Is it for the sender that nothing comes from a socket with a mark? A receiver may hold us up,
 * too, which says nothing of the sender.
 */
static bool awaits_sender(const struct tcp_splice *t, int from)
{
	const struct end *e = &t->end[from];

	return e->batched && !e->readable && !e->held && t->end[!from].writable;
}

static void set_timer(struct worker *w, struct tcp_splice *t)
{
	uint64_t at = t->look_at ? t->look_at : UINT64_MAX;
	int i;

	for (i = NEAR; i < ENDS; i++) {
		if (awaits_sender(t, i))
			at = MIN(at, w->now + PAUSE - MIN(silence(w, &t->end[i]), PAUSE));
	}
	if (at != UINT64_MAX)
		timer_set(&w->wheel, &t->f.timer, at);
}

void tcp_splice_flow_timer(struct worker *w, struct flow *f)
{
	struct tcp_splice *t = splice_of(f);
	int i;

	if (t->look_at && t->look_at <= w->now)
		look_again(w, t);
	for (i = NEAR; i < ENDS; i++) {
		struct end *e = &t->end[i];

		if (awaits_sender(t, i) && silence(w, e) >= PAUSE)
			note_pause(e);
	}
	flow_dirty(w, f);
}

/* What one socket has, as far as the other one takes it, within the budget */
static void pump(struct worker *w, struct tcp_splice *t, int from)
{
	struct end *e = &t->end[from], *to = &t->end[!from];
	size_t moved = 0;

	while (drain(e, to) && e->readable && to->writable) {
		ssize_t n;

		if (moved >= TURN_BYTES) {
			flow_dirty(w, &t->f);
			break;
		}
		if (e->urgent || (e->pipe.rd < 0 && splice_pipe_take(w, &e->pipe)))
			n = copy(w, e, to);
		else
			n = fill(e);
		moved += MAX(n, 0);
	}
	if (!e->held)
		drop_pipe(w, e);
	if (moved)
		note_pace(w, e, moved);
}

/* All that came before the end has been passed on: so is the end. If the other end
 * was told before, then close() says so.
 *
 * #syscalls:pasta shutdown
 */
static void pass_end(struct tcp_splice *t, int from)
{
	struct end *e = &t->end[from], *to = &t->end[!from];

	if (!e->eof || e->held || e->told)
		return;
	e->told = true;
	if (!to->told)
		shutdown(to->fd, SHUT_WR);
}

/* An error ends both, but for what was received before */
static bool is_broken(const struct tcp_splice *t)
{
	const struct end *n = &t->end[NEAR], *f = &t->end[FAR];

	if (n->failed && f->failed)
		return true;
	if (n->failed)
		return !n->readable || !f->writable;
	return f->failed && (!f->readable || !n->writable);
}

/* The far socket has an answer to connect(), or the peer is gone */
static void await_far(struct worker *w, struct tcp_splice *t)
{
	struct end *far = &t->end[FAR];
	int err = 0;

	if (far->failed) {
		err = sock_error(far->fd);
		close(far->fd);
		far->fd = -1;
		if (splice_is_refusal(err))
			err = -open_far(w, t);
	} else if (far->writable) {
		t->connected = true;
	}
	if (err || t->end[NEAR].failed)
		release(w, t, true);
	else if (t->connected)
		flow_dirty(w, &t->f);
}

void tcp_splice_flow_work(struct worker *w, struct flow *f)
{
	struct tcp_splice *t = splice_of(f);

	if (!t->connected) {
		await_far(w, t);
		return;
	}
	pump(w, t, NEAR);
	pump(w, t, FAR);
	note_refused(w, t);
	if (is_broken(t)) {
		release(w, t, true);
		return;
	}
	pass_end(t, NEAR);
	pass_end(t, FAR);
	if (t->end[NEAR].told && t->end[FAR].told)
		release(w, t, false);
	else
		set_timer(w, t);
}

/* Urgent data goes on in line (RFC 6093); splice(2) does not get past its mark */
static void note_urgent(struct end *e)
{
	if (e->urgent)
		return;
	e->urgent = true;
	sock_opt(e->fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

void tcp_splice_event(struct worker *w, union tag tag, uint32_t events)
{
	struct flow *f = flow_by_tag(w, tag);
	struct end *e;

	if (!f)
		return;
	e = &splice_of(f)->end[tag.kind == EV_TCP_SPLICE ? NEAR : FAR];
	if (events & EPOLLOUT) {
		e->writable = true;
		e->refused = false;
	}
	if (events & EPOLLPRI)
		note_urgent(e);
	if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		e->readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		e->hangup = true;
	if (events & EPOLLERR)
		e->failed = true;
	flow_dirty(w, f);
}

/* Where it goes; the peer's own address is kept on the host, where the kernel
 * would not choose it by itself
 */
static int route(const struct worker *w, struct tcp_splice *t, const struct side *peer,
		 const struct side *to, bool to_ns)
{
	struct addr usual = addr_loopback(addr_ver(&peer->addr));
	struct side at;
	int rc = sock_local(t->end[NEAR].fd, &at);

	if (rc < 0)
		return rc;
	t->to_ns = to_ns;
	t->ntargets = splice_targets(w, &at, to, to_ns, t->targets);
	if (!to_ns && !addr_eq(&peer->addr, &usual))
		t->from = peer->addr;
	t->f.from_guest = !to_ns;
	t->f.seen = to_ns ? *peer : t->targets[0];
	t->f.guest = to_ns ? t->targets[0] : *peer;
	return 0;
}

bool tcp_splice_open(struct worker *w, int fd, const struct side *peer,
		     const struct side *to, bool to_ns)
{
	struct flow *f = flow_new(w, FLOW_TCP_SPLICE, IPPROTO_TCP);
	struct tcp_splice *t = splice_of(f);
	int rc;

	if (!f)
		return false;
	f->fd = fd;
	init_end(&t->end[NEAR], fd);
	init_end(&t->end[FAR], -1);
	splice_tune(fd);
	rc = route(w, t, peer, to, to_ns);
	if (!rc)
		rc = open_far(w, t);
	if (flow_make_room(w, rc)) {
		t->tried = 0;
		rc = open_far(w, t);
	}
	if (!rc)
		rc = watch(w, t, NEAR);
	if (sock_no_means(rc)) {
		t->end[NEAR].fd = -1;
		release(w, t, true);
		return false;
	}
	if (rc)
		release(w, t, true);
	return true;
}
