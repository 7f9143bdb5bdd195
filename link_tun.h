/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_tun.h - guest link over a tap device with virtio-net headers */
#ifndef LINK_TUN_H
#define LINK_TUN_H

#include <net/if.h>
#include <stdint.h>

struct link;

/* Create the tap device @name in the current network namespace, with every offload
 * that the kernel has. Descriptor, owned by the caller, or -errno (-ENOENT,
 * -EACCES: /dev/net/tun; -EPERM: no CAP_NET_ADMIN; -EBUSY: name in use).
 */
int link_tun_open(const char *name);

/* Wrap @fd of link_tun_open(), or of somebody else's TUNSETIFF with IFF_TAP | IFF_NO_PI,
 * and at best IFF_VNET_HDR, whose size and offloads are set here. 0 and *@out (static storage,
 * there is one such link), or -errno.
 */
int link_tun_init(int fd, struct link **out);

/* Name of the device: 0 or -errno */
int link_tun_name(int fd, char name[IFNAMSIZ]);

/* MAC address of the device, as the namespace knows it: 0 or -errno */
int link_tun_mac(int fd, uint8_t mac[6]);

#endif
