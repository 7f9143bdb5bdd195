/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp.h - echo requests of the guest to the world */
#ifndef ICMP_H
#define ICMP_H

#include <stdint.h>

#include "loop.h"

struct flow;
struct pkt;
struct worker;

/* @n ICMP or ICMPv6 messages of one flow; all but echo requests are dropped */
void icmp_from_guest(struct worker *w, const struct pkt *p, int n);

/* Handler of EV_ICMP */
void icmp_sock_event(struct worker *w, union tag tag, uint32_t events);

/* The flow was dirty: receive, and send to the guest */
void icmp_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void icmp_flow_timer(struct worker *w, struct flow *f);

#endif
