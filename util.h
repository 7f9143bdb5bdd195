/* SPDX-License-Identifier: GPL-2.0-or-later */
/* util.h - small things that every room uses; no state */
#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>
#include <stdint.h>

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#ifndef VERSION
#define VERSION		"unknown"	/* the build says which */
#endif

/* Monotonic time that goes on in suspend (CLOCK_BOOTTIME), milliseconds */
uint64_t now_ms(void);

/* The same clock in nanoseconds */
uint64_t now_ns(void);

/* Fill @dst with @len bytes from getrandom(2); does not return on failure */
void random_fill(void *dst, size_t len);

/* Text of the errno value @err, positive or negative: strerror(3), but the same with
 * every libc for the errors whose text is matched by programs that start us
 */
const char *err_str(int err);

/* Value of the hexadecimal or decimal digit @c, or 16 */
unsigned hex_digit(char c);

/* Decimal or 0x number of at most @max that takes up all of @s: 0, or -EINVAL,
 * -ERANGE
 */
int parse_num(const char *s, uint64_t max, uint64_t *out);

/* Read all of the file @path into @buf, NUL-terminated. Length, or -errno;
 * -EFBIG if it has @size bytes or more
 */
long read_file(const char *path, char *buf, size_t size);

/* Write the string @s to the existing file @path: 0 or -errno */
int write_file(const char *path, const char *s);

#endif
