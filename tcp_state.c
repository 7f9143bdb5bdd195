/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_state.c - the life of a TCP flow as a table; no I/O, no clock */
#include "tcp_state.h"

#define ABORT_GUEST	{ TS_CLOSED, DO_RST | DO_FREE }
#define ABORT_SOCK	{ TS_CLOSED, DO_SOCK_RST | DO_FREE }
#define ABORT_BOTH	{ TS_CLOSED, DO_RST | DO_SOCK_RST | DO_FREE }

static const struct tcp_step steps[TS_COUNT][TE_COUNT] = {
	[TS_CLOSED] = {
		[TE_GUEST_SYN]		= { TS_CONNECTING, DO_NOTHING },
		[TE_SOCK_ACCEPTED]	= { TS_SYN_SENT, DO_SYN },
	},
	[TS_CONNECTING] = {
		[TE_GUEST_SYN]		= { TS_CONNECTING, DO_NOTHING },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_CONNECTED]	= { TS_SYN_RECEIVED, DO_SYN },
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_SYN_RECEIVED] = {
		[TE_GUEST_SYN]		= { TS_SYN_RECEIVED, DO_SYN },
		[TE_GUEST_ACK_SYN]	= { TS_ESTABLISHED, DO_NOTHING },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_SYN_SENT] = {
		[TE_GUEST_SYNACK]	= { TS_ESTABLISHED, DO_ACK },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_ESTABLISHED] = {
		[TE_GUEST_FIN]		= { TS_CLOSE_WAIT, DO_SHUT_WR },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_EOF]		= { TS_FIN_WAIT_1, DO_FIN },
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_CLOSE_WAIT] = {
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_EOF]		= { TS_LAST_ACK, DO_FIN },
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_FIN_WAIT_1] = {
		[TE_GUEST_FIN]		= { TS_CLOSING, DO_ACK | DO_SHUT_WR },
		[TE_GUEST_ACK_FIN]	= { TS_FIN_WAIT_2, DO_NOTHING },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_FIN_WAIT_2] = {
		[TE_GUEST_FIN]		= { TS_CLOSED, DO_ACK | DO_FREE },
		[TE_GUEST_RST]		= ABORT_SOCK,
		[TE_SOCK_ERROR]		= ABORT_GUEST,
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_CLOSING] = {	/* the socket has nothing left to lose */
		[TE_GUEST_ACK_FIN]	= { TS_CLOSED, DO_FREE },
		[TE_GUEST_RST]		= { TS_CLOSED, DO_FREE },
		[TE_SOCK_ERROR]		= { TS_CLOSING, DO_NOTHING },
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
	[TS_LAST_ACK] = {
		[TE_GUEST_ACK_FIN]	= { TS_CLOSED, DO_FREE },
		[TE_GUEST_RST]		= { TS_CLOSED, DO_FREE },
		[TE_SOCK_ERROR]		= { TS_LAST_ACK, DO_NOTHING },
		[TE_GIVE_UP]		= ABORT_BOTH,
	},
};

struct tcp_step tcp_step(enum tcp_state state, enum tcp_event ev)
{
	struct tcp_step s = steps[state][ev];

	if (!s.todo)
		s = (struct tcp_step)ABORT_BOTH;
	return s;
}

const char *tcp_state_name(enum tcp_state state)
{
	static const char *const names[TS_COUNT] = {
		"CLOSED", "CONNECTING", "SYN-RECEIVED", "SYN-SENT", "ESTABLISHED",
		"CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK",
	};

	return names[state];
}

const char *tcp_event_name(enum tcp_event ev)
{
	static const char *const names[TE_COUNT] = {
		"guest SYN", "guest SYN-ACK", "guest ACK of SYN", "guest FIN",
		"guest ACK of FIN", "guest RST", "socket connected",
		"socket accepted", "socket EOF", "socket error", "give up",
	};

	return names[ev];
}
