/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dnsname.h - domain names as they stand in options of DHCP, DHCPv6 and NDP */
#ifndef DNSNAME_H
#define DNSNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

enum { DNSNAME_MAX = 255 };	/* bytes on the wire, root label included */

/* Write @name, with or without a dot at its end, as labels. Bytes written, or 0
 * if this is no domain name, is the root, or does not fit.
 */
size_t dnsname_encode(const char *name, uint8_t *out, size_t max);

/* Write @n names one after another, with pointers to earlier ones if @compress,
 * up to the first that does not fit. Names that are none are left out.
 */
size_t dnsname_list(const char (*names)[NAME_LEN_MAX], int n, bool compress,
		    uint8_t *out, size_t max);

#endif
