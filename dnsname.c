/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: domain names on the wire
 *
 * A name is a sequence of labels, each after a byte with its length, ended by an
 * empty one. In a compressed list a name's tail may be a pointer: two bytes, the
 * upper two bits set, the rest the offset of the same tail earlier in the list.
 * The list itself is the dictionary: it is searched, nothing else is kept.
 *
 * References: RFC 1035 (3.1, 4.1.4), RFC 3397 (2), RFC 8106 (5.2), RFC 8415 (10).
 */
#include "dnsname.h"

#include <string.h>

#include "util.h"

enum { LABEL_MAX = 63, POINTER = 0xc0, POINTER_LEN = 2 };

size_t dnsname_encode(const char *name, uint8_t *out, size_t max)
{
	size_t n, len = 0;

	max = MIN(max, (size_t)DNSNAME_MAX);
	while (*name) {
		n = strcspn(name, ".");
		if (!n || n > LABEL_MAX || len + 1 + n + 1 > max)
			return 0;
		out[len++] = n;
		memcpy(out + len, name, n);
		len += n;
		name += n + (name[n] == '.');
	}
	if (len)
		out[len++] = 0;
	return len;
}

/* Is what stands at @at of @list, pointers followed, the name @wire? Pointers lead
 * backwards only, as we wrote them.
 */
static bool same_name(const uint8_t *list, size_t at, const uint8_t *wire)
{
	for (;;) {
		if (list[at] >= POINTER) {
			at = (list[at] & ~POINTER) << 8 | list[at + 1];
			continue;
		}
		if (list[at] != wire[0] ||
		    memcmp(list + at + 1, wire + 1, wire[0]))
			return false;
		if (!wire[0])
			return true;
		at += 1 + wire[0];
		wire += 1 + wire[0];
	}
}

/* Offset in @list of the name @wire, or -1 */
static int find_name(const uint8_t *list, size_t len, const uint8_t *wire)
{
	size_t at = 0;

	while (at < len) {
		if (list[at] >= POINTER) {
			at += POINTER_LEN;
			continue;
		}
		if (same_name(list, at, wire))
			return at;
		at += 1 + list[at];
	}
	return -1;
}

/* Replace the longest tail of @wire, @len bytes, that @list has already by a
 * pointer. The new length.
 */
static size_t compress_name(const uint8_t *list, size_t listlen, uint8_t *wire,
			    size_t len)
{
	size_t at;
	int found;

	for (at = 0; wire[at]; at += 1 + wire[at]) {
		found = find_name(list, listlen, wire + at);
		if (found < 0)
			continue;
		wire[at] = POINTER | found >> 8;
		wire[at + 1] = found;
		return at + POINTER_LEN;
	}
	return len;
}

size_t dnsname_list(const char (*names)[NAME_LEN_MAX], int n, bool compress,
		    uint8_t *out, size_t max)
{
	uint8_t wire[DNSNAME_MAX];
	size_t len, total = 0;
	int i;

	for (i = 0; i < n; i++) {
		len = dnsname_encode(names[i], wire, sizeof(wire));
		if (compress && len)
			len = compress_name(out, total, wire, len);
		if (len > max - total)
			break;
		memcpy(out + total, wire, len);
		total += len;
	}
	return total;
}
