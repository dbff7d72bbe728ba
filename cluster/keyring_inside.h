/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of keyring share.
 */
#ifndef CLUSTER_KEYRING_INSIDE_H
#define CLUSTER_KEYRING_INSIDE_H

#include "cluster/keyring.h"

enum { KEYRING_TEXT_CAP = 512 };

typedef struct {
    int n, cap;
    keyring_entry_t *entry; // whoever keeps it frees it
} keyring_entries_t;

/* Adds what is admitted. A file that can not be read: its error, or, where `skipped` is not NULL, that text is filled and
 * the file left out; one that has just gone is left out in any case. */
err_t keyring_scan_admitted(const char *folder, char skipped[KEYRING_TEXT_CAP],
                            keyring_entries_t *all) ERR_MUST_CHECK;

#endif
