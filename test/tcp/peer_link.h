/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer_link.h - what peer.c needs of the scripted guest's link, beyond peer.h */
#ifndef PEER_LINK_H
#define PEER_LINK_H

#include "peer.h"

extern const uint8_t our_mac[6], guest_mac[6];

/* The bytes of a stream, from their offset */
void pattern_init(void);
void pattern_fill(uint8_t *to, int64_t off, size_t len);
bool pattern_is(const uint8_t *p, int64_t off, size_t len);

struct link *peer_link_init(unsigned caps);

int rx_waiting(void);			/* frames that the product has not read */
bool tx_waiting(void);			/* segments that the test has not seen */

/* Checks made on the link's behalf */
const struct test_count *peer_link_count(void);

#endif
