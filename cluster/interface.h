/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of a machine's addresses another machine should call. Host names lie often enough (Debian gives a machine's own
 * name 127.0.1.1), so the addresses themselves are exchanged.
 */
#ifndef CLUSTER_INTERFACE_H
#define CLUSTER_INTERFACE_H

#include "cluster/err.h"

enum { INTERFACE_ADDRESS_CAP = 16, INTERFACE_LIST_CAP = 1024 };

/* This machine's IPv4 addresses that are up, the loopback left out: "10.0.0.5/24 172.17.0.1/16". */
err_t interface_list(char out[INTERFACE_LIST_CAP]) ERR_MUST_CHECK;
/* Of their list the first address that lies in a network of mine and is not mine as well (bridges of containers have the
 * same address everywhere); else the first that is not mine. ERR_MISSING where there is none. */
err_t interface_pick(const char *theirs, const char *mine,
                     char out[INTERFACE_ADDRESS_CAP]) ERR_MUST_CHECK;

#endif
