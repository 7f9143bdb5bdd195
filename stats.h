/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats.h - the table of counters that --stats prints */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#include "loop.h"
#include "worker.h"

struct stats_table {
	struct stats before;		/* at the last line */
	uint64_t events[EV_KINDS];	/* likewise */
	unsigned lines;
};

/* A line on standard error with what happened since the last one, if there was anything;
 * above every 20 lines what the columns are
 */
void stats_print(const struct worker *w, struct stats_table *t);

#endif
