// SPDX-License-Identifier: Apache-2.0
#include "cluster/interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t address, mask; // host byte order
} network_t;

static void list_append(const struct ifaddrs *interface, char *out)
{
    struct sockaddr_in address, mask;
    char text[INET_ADDRSTRLEN];
    memcpy(&address, interface->ifa_addr, sizeof address);
    memcpy(&mask, interface->ifa_netmask, sizeof mask);
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    size_t used = strlen(out);
    snprintf(out + used, INTERFACE_LIST_CAP - used, "%s%s/%d", used > 0 ? " " : "", text,
             __builtin_popcount(mask.sin_addr.s_addr));
}

err_t interface_list(char out[INTERFACE_LIST_CAP])
{
    struct ifaddrs *all;
    out[0] = '\0';
    if (getifaddrs(&all) != 0)
        return err_errno(ERR_IO, "can not list the network interfaces");
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        bool usable = i->ifa_addr != NULL && i->ifa_netmask != NULL &&
                      i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_UP) &&
                      !(i->ifa_flags & IFF_LOOPBACK);
        if (usable && strlen(out) + INET_ADDRSTRLEN + 4 < INTERFACE_LIST_CAP)
            list_append(i, out);
    }
    freeifaddrs(all);
    return OK;
}

// Takes the next entry of a list; false at its end, or where it is not one.
static bool list_next(const char **list, network_t *out)
{
    unsigned a, b, c, d, bits;
    int used = 0;
    if (sscanf(*list, "%3u.%3u.%3u.%3u/%2u%n", &a, &b, &c, &d, &bits, &used) != 5)
        return false;
    if (a > 255 || b > 255 || c > 255 || d > 255 || bits > 32)
        return false;
    *out = (network_t){a << 24 | b << 16 | c << 8 | d, bits == 0 ? 0 : ~0u << (32 - bits)};
    *list += used;
    return true;
}

// 0: the address is mine too; 1: elsewhere; 2: in a network of mine.
static int nearness(const network_t *theirs, const char *mine)
{
    network_t own;
    int near = 1;
    while (list_next(&mine, &own)) {
        if (own.address == theirs->address)
            return 0;
        if ((own.address & own.mask) == (theirs->address & own.mask))
            near = 2;
    }
    return near;
}

err_t interface_pick(const char *theirs, const char *mine, char out[INTERFACE_ADDRESS_CAP])
{
    network_t candidate, best = {0, 0};
    int nearest = 0;
    for (const char *at = theirs; list_next(&at, &candidate);) {
        int near = nearness(&candidate, mine);
        if (near > nearest) {
            nearest = near;
            best = candidate;
        }
    }
    if (nearest == 0)
        return err_fail(ERR_MISSING,
                        "no address to reach the other machine: it has \"%s\", this one \"%s\"",
                        theirs, mine);
    struct in_addr address = {.s_addr = htonl(best.address)};
    inet_ntop(AF_INET, &address, out, INTERFACE_ADDRESS_CAP);
    return OK;
}
