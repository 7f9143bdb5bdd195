/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.h - forwarded ports: the sockets that wait for peers
 *
 * Order of calls:
 *
 *	w.listen = listen_init(&cf);
 *	listen_open(&w, LISTEN_IN)		with all privileges there are
 *	...					guest's namespace, w.in_ns
 *	listen_open(&w, LISTEN_OUT)
 *	...					loop, link, guest's addresses
 *	listen_start(&w)			while there is a /proc
 *	loop: EV_LISTEN: listen_event(); the timer that is listen_timer(&w): listen_turn();
 *	      after events: listen_guest()
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct conf;
struct listeners;
struct timer;
struct worker;

enum listen_dir {
	LISTEN_IN,		/* on the host, for services of the guest */
	LISTEN_OUT,		/* in the guest's namespace, for services of the host */
	LISTEN_DIRS
};

/* The one set of listeners of a worker: static storage, no sockets yet */
struct listeners *listen_init(const struct conf *cf);

/* Open the sockets of fixed rules. False: one that must be had can't, it was said which */
bool listen_open(struct worker *w, enum listen_dir dir);

/* From here on peers are served; look for the first time what listens where "auto" says to
 * follow that. False as above.
 */
bool listen_start(struct worker *w);

/* Loop handler: somebody came */
void listen_event(struct worker *w, union tag tag, uint32_t events);

/* Time to look again what listens */
struct timer *listen_timer(struct worker *w);
void listen_turn(struct worker *w);

/* May sockets with SO_REUSEADDR be bound beside ours that wait at a UDP port of the host? Not
 * unless we are about to bind one, which then has to be connected at once. False: there
 * are none.
 */
bool listen_share(struct worker *w, uint16_t port, bool on);

/* Peers that come before the guest can be told of them wait: where they are, and not for
 * long. Do some? Then it should be asked to show itself, each time the timer fires.
 */
bool listen_waits(const struct worker *w);

/* The guest may have shown something of itself, w->guest.ready; or it is another one, so
 * that peers may wait again
 */
void listen_guest(struct worker *w);
void listen_new_guest(struct worker *w);

#endif
