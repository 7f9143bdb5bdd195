/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_spare.h - sockets that have had their connection, kept for the next one */
#ifndef TCP_SPARE_H
#define TCP_SPARE_H

#include <stdbool.h>

#include "addr.h"

struct worker;
struct timer;
struct tcp_spares;

/* The ones of a worker: static storage, none yet */
struct tcp_spares *tcp_spare_init(void);

/* When it fires: tcp_spare_expire() */
struct timer *tcp_spare_timer(struct worker *w);

/* Keep @fd, of family @ver, both of whose sides have closed, and which stays watched with a
 * tag that is stale from now on. false: not wanted, the caller closes it.
 */
bool tcp_spare_put(struct worker *w, int fd, enum ipver ver);

/* One to connect() with, to be watched by loop_mod(); -1: there is none */
int tcp_spare_take(struct worker *w, enum ipver ver);

/* Close all */
void tcp_spare_expire(struct worker *w);

#endif
