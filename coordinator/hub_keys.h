/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys with which a command connects to a hub, by --keys, --key and --hub-key.
 */
#ifndef COORDINATOR_HUB_KEYS_H
#define COORDINATOR_HUB_KEYS_H

#include "cluster/wire.h"
#include "coordinator/command.h"

/* Own keys and the hub's public key; without any of the options the latter is "", for a hub without keys. ERR_USAGE,
 * ERR_MISSING. Wipe `own` after use. */
err_t hub_keys_read(const options_t *options, wire_keys_t *own,
                    char hub_key[WIRE_KEY_CAP]) ERR_MUST_CHECK;

#endif
