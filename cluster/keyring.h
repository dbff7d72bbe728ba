/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of keys: who this process is, and which peers it lets in.
 *
 *     NAME.secret            stays here, mode 0600; never printed
 *     NAME.public            goes to who is to admit NAME, or to connect to it
 *     admitted/NAME.public   peers that may connect to a listener with this keyring
 *
 * A name is at most 63 letters, digits, '-', '_' and '.', and begins with a letter or a digit. All files are written
 * beside and renamed. Several processes may use one folder.
 */
#ifndef CLUSTER_KEYRING_H
#define CLUSTER_KEYRING_H

#include "cluster/err.h"
#include "cluster/wire.h"

#include <stdbool.h>

typedef struct {
    char name[WIRE_NAME_CAP], public_key[WIRE_KEY_CAP];
    bool own,
        admitted; // a secret of this name is here; it may connect. Of two keys with one name there are two entries.
} keyring_entry_t;

/* `given`, else $INFERMILL_KEYS, else infermill/keys in $XDG_CONFIG_HOME or ~/.config. The caller frees it. */
char *keyring_folder(const char *given);

/* Makes a pair, and the folder (mode 0700) where it is missing. ERR_USAGE: the name can not be one; ERR_FAILED: it is
 * taken. */
err_t keyring_make(const char *folder, const char *name) ERR_MUST_CHECK;
/* Copies a public key (.../NAME.public) into admitted/. ERR_USAGE: no such file, or a secret one; ERR_FAILED: another
 * key is admitted under this name. */
err_t keyring_admit(const char *folder, const char *file, char name[WIRE_NAME_CAP]) ERR_MUST_CHECK;
/* ERR_MISSING where it is not admitted. */
err_t keyring_revoke(const char *folder, const char *name) ERR_MUST_CHECK;
/* All of the folder by name; the caller frees *out. */
err_t keyring_list(const char *folder, int *n, keyring_entry_t **out) ERR_MUST_CHECK;

/* The keys of NAME, or, where `name` is NULL, of the only secret there is (ERR_USAGE where there are several). ERR_USAGE:
 * others than the owner may read the file; the text says which chmod to run. */
err_t keyring_own(const char *folder, const char *name, wire_keys_t *out) ERR_MUST_CHECK;
/* The public key of NAME, to connect to it: from admitted/, else from the folder. */
err_t keyring_peer(const char *folder, const char *name,
                   char public_key[WIRE_KEY_CAP]) ERR_MUST_CHECK;

/* What is admitted, kept in memory and read again when the folder changes. From any thread. */
err_t keyring_open(const char *folder, keyring_t **out) ERR_MUST_CHECK;
bool keyring_admits(keyring_t *ring, const char *public_key, char name[WIRE_NAME_CAP]);
void keyring_close(keyring_t **ring);

#endif
