/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkt.h - frame <=> struct pkt: Ethernet, ARP's type, IPv4, IPv6, TCP, UDP, ICMP
 *
 * pkt_parse() proves every length once; what comes out is the small set of
 * values that the protocols decide on. The pkt_put_*() functions write headers.
 */
#ifndef PKT_H
#define PKT_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "link.h"
#include "span.h"

/* Why a frame was dropped; [DROP_NONE] counts the good */
enum drop {
	DROP_NONE,
	DROP_SHORT,		/* shorter than its headers say */
	DROP_HEADER,		/* a field that can't be */
	DROP_ETHERTYPE,		/* neither ARP, IPv4 nor IPv6 */
	DROP_PROTO,		/* no such protocol here */
	DROP_FRAGMENT,		/* of a datagram that will not be whole */
	DROP_ADDR,		/* addresses that may not be on a wire */
	DROP_OFFLOAD,		/* offload request that does not fit the frame */
	DROP_CSUM,		/* wrong checksum */
	DROP_DISABLED,		/* protocol or family switched off */
	DROP_NOFLOW,		/* belongs to no flow and opens none */
	DROP_FLOWS,		/* flow table full, or no socket */
	DROP_SEQ,		/* TCP: outside the window */
	DROP_POOL,		/* TCP: no chunk left to keep it */
	DROP_SOCK,		/* the socket refused it */
	DROP_LINK,		/* to the guest: the link did not take it */
	DROP_COUNT
};

/* Name of a drop reason, for logs and statistics */
const char *drop_name(enum drop why);

#define ETH_HLEN_	14
#define MAC_LEN		6

enum {				/* TCP flags, as in the header (RFC 9293, 3.1) */
	TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16,
	TCP_URG = 32, TCP_ECE = 64, TCP_CWR = 128,
};

struct tcp_hdr {		/* host byte order */
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags;
	struct span opts;	/* options as sent, up to 40 bytes */
};

struct icmp_hdr {
	uint8_t type, code;
	uint16_t id, seq;	/* of echo messages; host byte order */
};

/* One cache line to tell flows apart, one for the data path, one for the rest */
struct pkt {
	_Alignas(64) struct side src;	/* ports 0 where there are none; echo */
	struct side dst;		/* request: src.port is the identifier */
	uint16_t ethertype;		/* host byte order; ARP: only l3 is set */
	uint8_t proto;			/* IPPROTO_*, or 0 */
	uint8_t ttl;			/* or hop limit */
	uint8_t tos;			/* or traffic class */
	struct offload off;		/* gso_type set: two segments or more */

	_Alignas(64) struct span data;	/* after the transport header */
	union {
		struct tcp_hdr tcp;
		struct icmp_hdr icmp;
	};

	_Alignas(64) struct span l4;	/* from the transport header on */
	struct span l3;			/* from the IP or ARP header on, without padding */
	uint8_t smac[MAC_LEN], dmac[MAC_LEN];
};

/* Parse @f to @p. Checks lengths, forms and checksums, not policy: any address that
 * may stand in an IP header passes but loopback; the source must be unicast, or
 * unspecified if not TCP (DHCP, DAD). TCP and UDP ports are not 0. Other
 * transport protocols than TCP, UDP, ICMP and ICMPv6 pass with l4 as data.
 */
enum drop pkt_parse(struct pkt *p, const struct frame *f);

/* How many of the @n packets from @p on belong to one flow: TCP or UDP with the same
 * sides. At least 1.
 */
int pkt_same_flow(const struct pkt *p, int n);

/* What goes into the headers of a frame to the guest */
struct l3 {
	const uint8_t *smac, *dmac;
	const struct addr *src, *dst;	/* both of one family */
	uint32_t flow_label;		/* IPv6; 20 bits */
	uint16_t ip_id;
	uint8_t proto, ttl, tos;
};

/* Length of Ethernet and IP header for the family of @a */
static inline size_t pkt_l3len(const struct addr *a)
{
	return ETH_HLEN_ + (addr_is4(a) ? 20 : 40);
}

/* Write Ethernet and IP header for @l4len bytes of transport header and payload
 * to @hdr. Returns where the transport header goes. IPv4: DF set, header checksum
 * complete.
 */
void *pkt_put_l3(void *hdr, const struct l3 *l3, size_t l4len);

/* Transport checksum of a complete frame in @s, whose hdr holds Ethernet, IP and
 * transport header (with an even number of bytes if payload follows) with a zero
 * checksum at byte @field of the transport header. With @partial (link has LINK_TX_CSUM)
 * only the pseudo header is summed and the rest of TCP and UDP left to the
 * guest; else everything.
 */
void pkt_csum_l4(struct slot *s, const struct l3 *l3, size_t field, bool partial);

/* UDP header: 8 bytes at @l4, checksum zero. Ports in host byte order. */
void pkt_put_udp(void *l4, uint16_t sport, uint16_t dport, size_t payload);

/* TCP header of @hdrlen bytes (20 to 60) at @l4, checksum zero, options not touched */
void pkt_put_tcp(void *l4, uint16_t sport, uint16_t dport,
		 const struct tcp_hdr *t, size_t hdrlen);

#endif
