/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp.c - echo requests of the guest to the world
 *
 * Each sequence of requests, named by guest, identifier and destination, has a
 * ping socket, so that answers are real and errors of the path come back. The kernel
 * chooses the identifier if the guest's is taken; the guest sees its own. Answers:
 * dgram_to_guest.c, errors: icmp_err.c. Whatever else the guest sends is dropped.
 *
 * One timer: a sequence ends when nothing was sent or received for a minute.
 *
 * Called by tap.c, the loop and the timer wheel. RFC 792, 4443 (4); icmp(7).
 */
#define _GNU_SOURCE
#include "icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "dgram.h"
#include "dgram_int.h"
#include "util.h"

enum { TIMEOUT = 60 * 1000 };		/* ms */

static bool is_request(const struct pkt *p)
{
	return p->icmp.type == (p->proto == IPPROTO_ICMP ? ICMP_ECHO :
							   ICMP6_ECHO_REQUEST);
}

static void touch(struct worker *w, struct dgram *d)
{
	timer_set(&w->wheel, &d->f.timer, w->now + TIMEOUT);
}

/* Header and payload as they are; the kernel puts its identifier and checksum. An error
 * that an earlier request met is reported by the next send: that one is repeated.
 */
static int send_request(struct worker *w, const struct dgram *d, const struct pkt *p)
{
	struct mmsghdr *mm = w->dgram->mm;
	struct iovec *iov = w->scratch->iov;
	int rc = span_iov(&p->l4, iov, NELEM(w->scratch->iov));

	if (rc < 0)
		return rc;
	mm->msg_hdr = (struct msghdr){ .msg_iov = iov, .msg_iovlen = rc };
	rc = sock_dgram_send(d->f.fd, mm, 1);
	if (rc < 0 && rc != -EAGAIN)
		rc = sock_dgram_send(d->f.fd, mm, 1);
	return rc;
}

void icmp_from_guest(struct worker *w, const struct pkt *p, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct dgram *d;

		if (!is_request(&p[i])) {
			w->stats.drop[DROP_NOFLOW]++;
			continue;
		}
		d = dgram_from_guest(w, FLOW_ICMP, &p[i], 1);
		if (!d)
			continue;
		dgram_mark(d, &p[i]);
		if (send_request(w, d, &p[i]) < 0)
			w->stats.drop[DROP_SOCK]++;
		d->sent++;
		touch(w, d);
	}
}

void icmp_sock_event(struct worker *w, union tag tag, uint32_t events)
{
	dgram_event(w, tag, events);
}

void icmp_flow_work(struct worker *w, struct flow *f)
{
	struct dgram *d = dgram_of(f);

	if (dgram_to_guest(w, d))
		touch(w, d);
}

void icmp_flow_timer(struct worker *w, struct flow *f)
{
	dgram_close(w, dgram_of(f));
}
