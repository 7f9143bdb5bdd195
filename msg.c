/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: messages of our own
 *
 * The common end of all services: from a payload that stands at its place in a
 * buffer to a frame with complete checksums. A service's frame is small and rare, so
 * that nothing here leaves a checksum to the guest, whatever its link can do.
 *
 * References: RFC 768, RFC 4443 (2.3).
 */
#include "msg.h"

#include <netinet/in.h>

#include "conf.h"
#include "pkt.h"
#include "util.h"

enum { UDP_CSUM = 6, ICMP6_CSUM = 2, MTU_ETHERNET = 1500 };

struct msg msg_begin(uint8_t *buf, size_t max, size_t l4, size_t hdr)
{
	return (struct msg){
		.buf = buf, .l4 = l4, .len = l4 + hdr, .max = max,
		.full = l4 + hdr > max,
	};
}

size_t msg_frame_max(const struct conf *cf, size_t max, size_t floor)
{
	size_t mtu = MTU_ETHERNET;

	if (cf->mtu && cf->mtu < mtu)
		mtu = MAX(cf->mtu, floor);
	return MIN(max, ETH_HLEN_ + mtu);
}

void msg_pad(struct msg *m, size_t n)
{
	if (n > msg_room(m)) {
		m->full = true;
		return;
	}
	memset(m->buf + m->len, 0, n);
	m->len += n;
}

static void put_csum(struct msg *m, const struct l3 *l3, size_t field)
{
	struct slot s = { .hdr = { m->buf, m->len } };

	pkt_csum_l4(&s, l3, field, false);
}

size_t msg_udp(struct msg *m, const struct l3 *l3, uint16_t sport,
	       uint16_t dport)
{
	size_t len = m->len - m->l4;

	if (m->full)
		return 0;
	pkt_put_udp(pkt_put_l3(m->buf, l3, len), sport, dport,
		    len - MSG_UDP_HLEN);
	put_csum(m, l3, UDP_CSUM);
	return m->len;
}

size_t msg_icmp6(struct msg *m, const struct l3 *l3)
{
	if (m->full)
		return 0;
	pkt_put_l3(m->buf, l3, m->len - m->l4);
	put_csum(m, l3, ICMP6_CSUM);
	return m->len;
}

bool msg_has_raw(const struct raw_opt *opts, int n, uint16_t code)
{
	int i;

	for (i = 0; i < n; i++) {
		if (opts[i].code == code)
			return true;
	}
	return false;
}
