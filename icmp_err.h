/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp_err.h - errors of the network and of this host, as ICMP to the guest */
#ifndef ICMP_ERR_H
#define ICMP_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct pkt;
struct sock_err;
struct worker;

/* Start of the IP and of the transport header as the guest sent them */
struct quote {
	uint8_t ip[8], l4[8];
	uint8_t proto, ttl;
};

/* Take down the headers of @p */
void icmp_err_note(struct quote *q, const struct pkt *p);

/* Did the guest set DF (IPv4)? */
static inline bool icmp_err_noted_df(const struct quote *q)
{
	return q->ip[6] & 0x40;
}

/* What the guest sent, where it went, and what became of it */
struct icmp_err {
	const struct quote *quote;
	const struct side *guest, *seen;
	struct addr from;		/* who complains, as the guest sees it */
	const void *payload;		/* of the datagram, as far as known */
	size_t len;
};

/* Tell the guest. @se: from an error queue, its addresses are not used. An error that
 * has no ICMP form is dropped.
 */
void icmp_err_send(struct worker *w, const struct icmp_err *e,
		   const struct sock_err *se);

/* Nothing can be sent where @p is bound for, because of @err (-errno). False: that is not
 * what it says.
 */
bool icmp_err_refuse(struct worker *w, const struct pkt *p, int err);

/* The same of a SYN that the guest sent before, with the sequence number @seq */
void icmp_err_refuse_syn(struct worker *w, const struct side *guest,
			 const struct side *seen, uint32_t seq, int err);

#endif
