/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp.h - UDP conversations of the guest with the world */
#ifndef UDP_H
#define UDP_H

#include <stdint.h>

#include "loop.h"

struct flow;
struct pkt;
struct worker;

/* @n packets of one flow, in order */
void udp_from_guest(struct worker *w, const struct pkt *p, int n);

/* Handler of EV_UDP */
void udp_sock_event(struct worker *w, union tag tag, uint32_t events);

/* The flow was dirty: receive, and send to the guest */
void udp_flow_work(struct worker *w, struct flow *f);

/* The flow's timer fired */
void udp_flow_timer(struct worker *w, struct flow *f);

void udp_flow_close(struct worker *w, struct flow *f);

#endif
