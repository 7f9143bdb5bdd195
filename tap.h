/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap.h - guest -> protocols: fetch a batch, parse, group by flow, hand up */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct worker;

/* Loop handler of the guest link */
void tap_event(struct worker *w, union tag tag, uint32_t events);

/* If w->link_look asks for it, read all that waits on the link: before timers run */
void tap_look(struct worker *w);

/* Start to wait for the link: 0 or -errno */
int tap_watch(struct worker *w);

/* End of a turn: what is queued for the guest leaves. While the link is stuck, wait
 * for it to be writable. */
void tap_flush(struct worker *w);

/* Behind tap_flush(): if w->link_asked says that the guest has answered already what it
 * was sent, take that without being told by the loop. Was there anything? Flows may
 * be dirty then.
 */
bool tap_answers(struct worker *w);

/* What makes a silent guest show itself: ARP request, neighbour solicitation, and an
 * echo request to all
 */
void tap_probe(struct worker *w);

/* Unsolicited router advertisement, if there are any */
void tap_announce(struct worker *w);

#endif
