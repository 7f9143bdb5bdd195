/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_state_test.c - every event in every state */
#include "tcp_state.h"

#include <string.h>

#include "test.h"

/* What must hold of each cell of the table, whatever it says */
static void t_every_pair(void)
{
	int s, e;

	for (s = 0; s < TS_COUNT; s++) {
		for (e = 0; e < TE_COUNT; e++) {
			struct tcp_step r = tcp_step(s, e);
			int freed = !!(r.todo & DO_FREE);

			CHECK(r.todo);
			CHECK(r.next < TS_COUNT);
			CHECK(freed == (r.next == TS_CLOSED));
			CHECK(!(r.todo & DO_RST) || freed);
			CHECK(!(r.todo & DO_SOCK_RST) || freed);
			if (e == TE_GUEST_RST)
				CHECK(!(r.todo & DO_RST) || s == TS_CLOSED);
			if (e == TE_GIVE_UP)
				CHECK(r.next == TS_CLOSED);
		}
	}
}

static enum tcp_state walk(const enum tcp_event *ev, int n, unsigned *all)
{
	enum tcp_state s = TS_CLOSED;
	int i;

	for (i = 0; i < n; i++) {
		struct tcp_step r = tcp_step(s, ev[i]);

		*all |= r.todo;
		s = r.next;
	}
	return s;
}

/* Lives that end well: both sides half-closed, nobody reset */
static void t_lives(void)
{
	static const enum tcp_event lives[][6] = {
		{ TE_GUEST_SYN, TE_SOCK_CONNECTED, TE_GUEST_ACK_SYN,
		  TE_GUEST_FIN, TE_SOCK_EOF, TE_GUEST_ACK_FIN },
		{ TE_GUEST_SYN, TE_SOCK_CONNECTED, TE_GUEST_ACK_SYN,
		  TE_SOCK_EOF, TE_GUEST_FIN, TE_GUEST_ACK_FIN },
		{ TE_GUEST_SYN, TE_SOCK_CONNECTED, TE_GUEST_ACK_SYN,
		  TE_SOCK_EOF, TE_GUEST_ACK_FIN, TE_GUEST_FIN },
	};
	static const enum tcp_event inbound[] = {
		TE_SOCK_ACCEPTED, TE_GUEST_SYNACK, TE_SOCK_EOF, TE_GUEST_ACK_FIN,
		TE_GUEST_FIN,
	};
	unsigned i;

	for (i = 0; i < 3; i++) {
		unsigned all = 0;

		CHECK(walk(lives[i], 6, &all) == TS_CLOSED);
		CHECK(!(all & (DO_RST | DO_SOCK_RST)));
		CHECK(all & DO_FIN && all & DO_SYN && all & DO_FREE);
		all = 0;
		CHECK(walk(lives[i], 5, &all) != TS_CLOSED);
	}
	i = 0;
	CHECK(walk(inbound, 5, &i) == TS_CLOSED && !(i & (DO_RST | DO_SOCK_RST)));
}

/* A refused or lost connection reaches the other side as a reset */
static void t_errors(void)
{
	struct tcp_step r = tcp_step(TS_CONNECTING, TE_SOCK_ERROR);

	CHECK(r.todo == (DO_RST | DO_FREE));
	r = tcp_step(TS_ESTABLISHED, TE_GUEST_RST);
	CHECK(r.todo == (DO_SOCK_RST | DO_FREE));
	r = tcp_step(TS_ESTABLISHED, TE_SOCK_ERROR);
	CHECK(r.todo == (DO_RST | DO_FREE));
	r = tcp_step(TS_LAST_ACK, TE_SOCK_ERROR);
	CHECK(r.next == TS_LAST_ACK);
	r = tcp_step(TS_SYN_SENT, TE_GUEST_FIN);	/* not foreseen */
	CHECK(r.todo == (DO_RST | DO_SOCK_RST | DO_FREE));
}

static void t_names(void)
{
	int i, j;

	for (i = 0; i < TS_COUNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(tcp_state_name(i), tcp_state_name(j)));
	for (i = 0; i < TE_COUNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(tcp_event_name(i), tcp_event_name(j)));
}

int main(void)
{
	t_every_pair();
	t_lives();
	t_errors();
	t_names();
	return test_end("tcp_state");
}
