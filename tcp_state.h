/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_state.h - the life of a TCP flow as a table; no I/O, no clock
 *
 * The states are those of our end of the connection with the guest, by their names
 * in RFC 9293, 3.3.2, and one before them while the host's connect() runs.
 * TIME-WAIT has no state: a segment that comes later is answered by a reset.
 */
#ifndef TCP_STATE_H
#define TCP_STATE_H

enum tcp_state {
	TS_CLOSED,
	TS_CONNECTING,		/* guest sent SYN, host's connect() runs */
	TS_SYN_RECEIVED,	/* connected, SYN-ACK sent to the guest */
	TS_SYN_SENT,		/* peer connected to us, SYN sent to the guest */
	TS_ESTABLISHED,
	TS_CLOSE_WAIT,		/* guest has sent all it will */
	TS_FIN_WAIT_1,		/* host's peer has; our FIN is on its way */
	TS_FIN_WAIT_2,		/* ... and acknowledged */
	TS_CLOSING,		/* both have, host's peer first, FIN on its way */
	TS_LAST_ACK,		/* both have, guest first, FIN on its way */
	TS_COUNT
};

enum tcp_event {
	TE_GUEST_SYN,		/* SYN that opens, or a copy of it */
	TE_GUEST_SYNACK,	/* guest accepts our SYN */
	TE_GUEST_ACK_SYN,	/* guest acknowledges our SYN-ACK */
	TE_GUEST_FIN,		/* FIN in sequence, all data before it delivered */
	TE_GUEST_ACK_FIN,	/* guest acknowledges our FIN */
	TE_GUEST_RST,		/* valid reset */
	TE_SOCK_CONNECTED,	/* connect() succeeded */
	TE_SOCK_ACCEPTED,	/* peer connected to a forwarded port */
	TE_SOCK_EOF,		/* peer has sent all it will */
	TE_SOCK_ERROR,		/* connection lost, or could not be made */
	TE_GIVE_UP,		/* guest does not answer, or idle for too long */
	TE_COUNT
};

enum tcp_todo {			/* bits */
	DO_NOTHING	= 1 << 0,	/* expected, nothing to be done */
	DO_SYN		= 1 << 1,	/* SYN, or SYN-ACK, to the guest */
	DO_ACK		= 1 << 2,	/* acknowledge now */
	DO_FIN		= 1 << 3,	/* FIN to the guest, after the data */
	DO_RST		= 1 << 4,	/* RST to the guest */
	DO_SHUT_WR	= 1 << 5,	/* half-close the socket */
	DO_SOCK_RST	= 1 << 6,	/* have the socket closed by a reset */
	DO_FREE		= 1 << 7,	/* close the socket, free the flow */
};

struct tcp_step {
	enum tcp_state next;
	unsigned todo;			/* DO_*, 0: not foreseen */
};

/* What @ev does to a flow in @state. What isn't foreseen resets both sides. */
struct tcp_step tcp_step(enum tcp_state state, enum tcp_event ev);

const char *tcp_state_name(enum tcp_state state);
const char *tcp_event_name(enum tcp_event ev);

#endif
