/* SPDX-License-Identifier: Apache-2.0
 *
 * One CURVE key in a file of one line: "infermill-public-key " or "infermill-secret-key " and 40 characters of Z85.
 */
#ifndef CLUSTER_KEY_FILE_H
#define CLUSTER_KEY_FILE_H

#include "cluster/err.h"
#include "cluster/wire.h"

#include <stdbool.h>

typedef enum { KEY_PUBLIC, KEY_SECRET } key_kind_t;

/* ERR_MISSING: no such file; ERR_FORMAT: not such a key; ERR_USAGE: a secret that others than its owner may read (the text
 * says which chmod to run). */
err_t key_file_read(const char *path, key_kind_t kind, char key[WIRE_KEY_CAP]) ERR_MUST_CHECK;
/* Written beside and put in place; a secret with mode 0600 and never over an older one (ERR_FAILED). */
err_t key_file_write(const char *path, key_kind_t kind,
                     const char key[WIRE_KEY_CAP]) ERR_MUST_CHECK;

#endif
