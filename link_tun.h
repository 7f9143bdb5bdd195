/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_tun.h - guest link over a tap device with virtio-net headers */
#ifndef LINK_TUN_H
#define LINK_TUN_H

struct link;

/* Create the tap device @name in the current network namespace, with every offload
 * that the kernel has. Descriptor, owned by the caller, or -errno (-ENOENT,
 * -EACCES: /dev/net/tun; -EPERM: no CAP_NET_ADMIN; -EBUSY: name in use).
 */
int link_tun_open(const char *name);

/* Wrap @fd of link_tun_open(), or of somebody else's TUNSETIFF with IFF_TAP | IFF_NO_PI,
 * whose header and offloads are asked for and set here. 0 and *@out (static storage,
 * there is one such link), or -errno.
 */
int link_tun_init(int fd, struct link **out);

#endif
