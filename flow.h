/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow.h - fixed table of flows, keyed hash, generations, dirty list
 *
 * A flow is one TCP connection, UDP conversation or echo sequence. It is named by
 * {index, generation} across turns of the loop and by pointer within one. A
 * protocol embeds `struct flow` as the first member of its own structure, which fits
 * in FLOW_SIZE. Memory is touched only as flows come to be used.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "loop.h"
#include "timer.h"

struct worker;
struct flow;

enum { FLOW_SIZE = 256, FLOW_MAX = 131071 };

enum flow_type {
	FLOW_FREE, FLOW_TCP, FLOW_UDP, FLOW_ICMP, FLOW_TCP_SPLICE, FLOW_UDP_SPLICE,
	FLOW_TYPES
};

/* Those that work without the guest link don't wait for it */
enum flow_list { FLOW_LOCAL, FLOW_LINK, FLOW_LISTS };

struct flow {
	uint32_t hash_next;		/* index, chain or free list */
	uint32_t dirty_next;		/* index */
	uint32_t gen;
	uint8_t type;			/* enum flow_type */
	uint8_t proto;			/* IPPROTO_* */
	bool hashed;
	bool dirty;			/* on the list of its type */
	bool from_guest;		/* who opened it */
	int fd;				/* host's socket, or -1 */
	struct side guest;		/* the guest's end */
	struct side seen;		/* the other end as the guest sees it */
	struct timer timer;
};

struct flowtab;

/* The one table of a worker: static storage, all of it free */
struct flowtab *flowtab_init(void);

/* What a type of flow does at the end of a turn, and when its timer has fired: a conversation of
 * datagrams then ends
 */
struct flow_ops {
	void (*work)(struct worker *w, struct flow *f);
	void (*timer)(struct worker *w, struct flow *f);
};

/* A new flow of type @type, zeroed, fd -1; a conversation may end for it. NULL if the table is
 * full
 */
struct flow *flow_new(struct worker *w, enum flow_type type, uint8_t proto);

/* Make it found by flow_find(): guest and seen are set and don't change any more */
void flow_hash(struct worker *w, struct flow *f);

/* Flow by what stands in the guest's packets, or NULL */
struct flow *flow_find(struct worker *w, uint8_t proto, const struct side *guest,
		       const struct side *seen);

/* Out of the hash and the wheel, back to the free list. The caller has closed
 * the socket. The flow may be on the dirty list: its turn is then skipped, and its
 * slot not used again before.
 */
void flow_free(struct worker *w, struct flow *f);

/* Flow of an event's tag, or NULL if it is gone */
struct flow *flow_by_tag(struct worker *w, union tag tag);

union tag flow_tag(const struct worker *w, const struct flow *f,
		   enum ev_kind kind);

/* Number of flows in use */
uint32_t flow_count(const struct worker *w);

/* Call back for each flow in use of @type; it may free the flow it is given */
void flow_each(struct worker *w, enum flow_type type,
	       void (*fn)(struct worker *w, struct flow *f));

/* Have its work done at the end of this turn */
void flow_dirty(struct worker *w, struct flow *f);

/* Those that are dirty now are one turn's work: false if there are none. While the
 * link is stuck, flows that need it stay dirty, and don't count.
 */
bool flow_dirty_begin(struct worker *w);

/* Take the next flow of this turn off the dirty list, or NULL. Those that become dirty
 * meanwhile belong to the next turn, so that nobody starves the rest.
 */
struct flow *flow_next_dirty(struct worker *w);

/* Is @err (negative) one of a flow that found no descriptor or no place in the table? Then a
 * conversation of datagrams that has been silent for long, as far as a few looks tell, ends, which
 * is logged within the worker's budget: true, try again. Little is lost: the next
 * datagram opens it anew, from the same port. One whose timer is not set yet does not end.
 */
bool flow_make_room(struct worker *w, int err);

/* No flow of @type can be opened from @from to @to: say so within the worker's budget, with
 * what helps against it. @err: errno, or ENOSPC for a full table; negative or positive.
 */
void flow_refused(struct worker *w, enum flow_type type, const struct side *from,
		  const struct side *to, int err);

/* "TCP 192.0.2.2:4000 -> 198.51.100.2:80" as the guest sees it */
enum { FLOW_STRLEN = 2 * SIDE_STRLEN + 16 };
const char *flow_str(const struct flow *f, char buf[FLOW_STRLEN]);

#endif
