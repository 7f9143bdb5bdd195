/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.h - the socket on which virtual machines connect, one at a time */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

struct conf;

/* Listen at the path that was given, or else at the first of the usual ones that nobody
 * uses, and log which. Descriptor, not blocking. Ends the program on failure.
 */
int client_listen(const struct conf *cf);

/* Accept a connection on @fd, and close it at once if the guest is @connected already.
 * Both are logged with the PID of the other side. Descriptor, or -errno: -EBUSY if
 * it was refused, -EAGAIN if there is none.
 */
int client_accept(int fd, bool connected);

#endif
