// SPDX-License-Identifier: Apache-2.0
#include "coordinator/hub_keys.h"

#include "cluster/keyring.h"

#include <stdlib.h>

err_t hub_keys_read(const options_t *o, wire_keys_t *own, char hub_key[WIRE_KEY_CAP])
{
    hub_key[0] = '\0';
    if (o->hub_key == NULL && o->key == NULL && o->keys == NULL)
        return OK;
    if (o->hub_key == NULL)
        return err_fail(ERR_USAGE, "--key and --keys want --hub-key NAME too: the name under which "
                                   "the hub's key is admitted here (`infermill keys list`)");
    char *folder = keyring_folder(o->keys);
    err_t err = keyring_own(folder, o->key, own);
    if (err == OK)
        err = keyring_peer(folder, o->hub_key, hub_key);
    free(folder);
    return err;
}
