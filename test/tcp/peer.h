/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer.h - a scripted guest on a link of its own, against a real worker
 *
 * The test plays the guest, segment by segment, and the host's peer, on a loopback
 * socket of the same process. Between them is the product from tap.c down, driven turn
 * by turn with a clock that only the test moves.
 *
 * Sequence and acknowledgement numbers of tests are offsets: 0 is the first byte of
 * data, -1 the SYN. Bytes of either stream follow from their offset, so that
 * every byte that arrives anywhere is checked. Every frame to the guest is checked
 * for its lengths, addresses and checksums.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "conf.h"
#include "flow.h"
#include "pkt.h"
#include "tcp.h"
#include "tcp_int.h"
#include "util.h"
#include "worker.h"

#include "../unit/test.h"

enum { FIN = TCP_FIN, SYN = TCP_SYN, RST = TCP_RST, PSH = TCP_PSH, ACK = TCP_ACK };
enum { NONE = -1, GUEST_PORT = 40000 };

/* One segment, either way */
struct seg {
	uint8_t flags;
	int32_t seq, ack;		/* offsets */
	uint32_t len;
	int wnd;			/* as in the header; to send, 0: that of the guest */
	bool wnd_zero;			/* to send: really 0 */
	int mss, ws;			/* of a SYN; 0, NONE: absent */
	bool sack_ok, ts;
	uint32_t tsval, tsecr;
	int nsack;
	struct { int32_t start, end; } sack[4];
	uint16_t gso;			/* received: a super-frame of such segments */
	bool no_flow;			/* numbers are those of the header */
};

/* What differs from run to run: every test runs in each */
struct world {
	const char *name;
	enum ipver ver;
	bool peek_off;
	unsigned caps;
	uint32_t iss, irs;		/* first numbers of the guest, of the host */
};

struct peer {
	const struct world *world;
	struct worker w;
	struct conf cf;
	int listener, sock;		/* host's peer */
	struct side guest, seen;	/* of the one connection */
	uint32_t iss, irs;
	uint16_t wnd;			/* of the guest, as in the header */
	bool ts;			/* put timestamps on what is sent */
	uint32_t tsval, tsecr;
	int link_room;			/* frames that the link lends, NONE: any */
	bool link_down;			/* the link takes no frame */
	int rx_max;			/* frames that the link gives at a time, 0: all */
	unsigned wakes;			/* how often a timer ended a wait */
	int turn_ms;			/* time that each turn takes */
	int send_errno;			/* the host's socket refuses data, 0: as it likes */
	uint32_t sndbuf, queued;	/* what it says of its buffer, 0: the truth */
	int64_t written, read;		/* bytes of the host's peer so far */
};

extern struct peer me;

struct syn_opts { int mss, ws; bool sack_ok, ts; };

/* Run @test in every world, fresh; nothing may be left after it. @c: checks that the
 * caller counts.
 */
void run_test(const char *name, void (*test)(void), const struct test_count *c);
#define RUN(t)	run_test(#t, t, &test_count)

/* As test_end(), with the checks made on the test's behalf */
int peer_end(const char *name, const struct test_count *c);
#define END(name)	peer_end(name, &test_count)

/* Product side */
void feed(void);			/* what was sent reaches the product; no turn */
void pump(void);			/* turns, until nothing happens */
void pass(uint64_t ms);			/* time goes by */
struct tcp *flow(void);			/* of the connection, or NULL */

/* Guest side. What is sent waits for feed() or pump(). */
void put_seg(struct seg s);
void send_seg(uint8_t flags, int32_t seq, int32_t ack, uint32_t len);
const struct seg *get_seg(void);	/* next segment to the guest, or NULL */
const struct seg *wait_seg(uint64_t ms);	/* ... within that time of the clock */
uint64_t waited(void);			/* ms that the last wait_seg() took */
void forget_segs(void);
const struct seg *expect_seg(int line, const char *file, int flags, int32_t seq,
			     int32_t ack, int32_t len);
#define EXPECT(flags, seq, ack, len)	expect_seg(__LINE__, __FILE__, flags, seq, ack, len)
void expect_nothing(int line, const char *file);
#define QUIET()	expect_nothing(__LINE__, __FILE__)
uint32_t window(const struct seg *s);	/* bytes that it opens */

/* The guest connects; with what it offers. Ends ESTABLISHED. */
void connect_guest(struct syn_opts o);
void connect_plain(void);		/* MSS 1460, nothing else */
void connect_full(void);		/* MSS 1460, scale 7, SACK */
void start_syn(struct syn_opts o);	/* the SYN only */

/* A client of the host connects to the guest. Ends SYN-SENT, without the SYN. */
void connect_client(void);
void accept_client(struct syn_opts o);	/* ... to ESTABLISHED */

/* Host's peer */
void peer_accept(void);
size_t sock_write(size_t n);		/* as many as it takes */
int sock_urgent(void);			/* one byte */
size_t sock_read(size_t n);		/* up to @n, checked: number of bytes */
bool sock_at_eof(void);
int sock_errno(void);			/* error of the next read, 0: none */
void sock_fin(void);
void sock_reset(void);
void sock_close(void);

#endif
