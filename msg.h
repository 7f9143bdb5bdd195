/* SPDX-License-Identifier: GPL-2.0-or-later */
/* msg.h - messages of our own, written through a bounded cursor
 *
 * What span.h is to reading: a write that does not fit changes nothing and sets
 * @full, which stays set, so that straight-line code is safe and one test at its
 * end suffices. The services write the payload first, at its place in the frame;
 * msg_udp() and msg_icmp6() then put the headers before it.
 */
#ifndef MSG_H
#define MSG_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct conf;
struct l3;
struct raw_opt;

struct msg {
	uint8_t *buf;
	size_t l4;		/* where the transport header starts */
	size_t len, max;	/* bytes written, and room for */
	bool full;		/* a write did not fit (sticky) */
};

enum { MSG_UDP_HLEN = 8 };

/* Write to @buf, of @max bytes, after @l4 bytes of lower headers and @hdr bytes
 * of transport header. Both 0: a buffer of bytes and no frame.
 */
struct msg msg_begin(uint8_t *buf, size_t max, size_t l4, size_t hdr);

/* Room for a frame that need not be fragmented: @max, or less with the MTU of
 * @cf, if that is not below the least of the family, @floor
 */
size_t msg_frame_max(const struct conf *cf, size_t max, size_t floor);

/* Headers and checksum of a UDP datagram or ICMPv6 message around what was
 * written. Length of the frame, or 0 if it did not fit.
 */
size_t msg_udp(struct msg *m, const struct l3 *l3, uint16_t sport,
	       uint16_t dport);
size_t msg_icmp6(struct msg *m, const struct l3 *l3);

/* Did the user give option @code by number? */
bool msg_has_raw(const struct raw_opt *opts, int n, uint16_t code);

static inline size_t msg_room(const struct msg *m)
{
	return m->full ? 0 : m->max - m->len;
}

static inline void msg_put(struct msg *m, const void *src, size_t n)
{
	if (n > msg_room(m)) {
		m->full = true;
		return;
	}
	memcpy(m->buf + m->len, src, n);
	m->len += n;
}

static inline void msg_put8(struct msg *m, uint8_t v)
{
	msg_put(m, &v, sizeof(v));
}

static inline void msg_put16(struct msg *m, uint16_t v)
{
	v = htons(v);
	msg_put(m, &v, sizeof(v));
}

static inline void msg_put32(struct msg *m, uint32_t v)
{
	v = htonl(v);
	msg_put(m, &v, sizeof(v));
}

/* Zeros */
void msg_pad(struct msg *m, size_t n);

#endif
