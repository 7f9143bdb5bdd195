/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_stream.h - guest link over a stream socket, as of QEMU's -netdev stream */
#ifndef LINK_STREAM_H
#define LINK_STREAM_H

struct link;

/* The link, static storage, without a peer: it lends no room and has nothing to receive */
struct link *link_stream_init(void);

/* @fd, a connected stream socket, is the peer from now on, and the link's own. Nothing of
 * an earlier peer is kept. 0, or -errno if it is no stream socket.
 */
int link_stream_attach(struct link *l, int fd);

/* Close the peer's socket, if there is one */
void link_stream_detach(struct link *l);

#endif
