/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_pcap.h - copy what passes a guest link to a file, whatever the back-end */
#ifndef LINK_PCAP_H
#define LINK_PCAP_H

struct link;

/* Create the capture file @path, or empty it, readable by its owner only. Descriptor or
 * -errno.
 */
int link_pcap_open(const char *path);

/* From now on, each frame that @l carries, either way, goes to @fd of link_pcap_open()
 * as well. If that fails once, a message says so, and @l is as before. One link only:
 * this is static storage.
 */
void link_pcap_wrap(struct link *l, int fd);

#endif
