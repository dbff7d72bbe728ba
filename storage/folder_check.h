/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a folder is fit to hold a bank: all that the bank relies on is tried there, in files of a scratch folder that is
 * removed again. Takes a second or two on a local disk, and up to 64 MB of room. Not collective.
 */
#ifndef STORAGE_FOLDER_CHECK_H
#define STORAGE_FOLDER_CHECK_H

#include "cluster/findings.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the folder is missing, is a file, or can not be written, that alone is found. */
void folder_check(const char *folder, findings_t *out);

typedef struct {
    uint64_t magic;   // statfs's f_type
    const char *name; // "Lustre"
    bool network;
    bool doubtful;      // not a place for a bank, for most purposes
    const char *advice; // what to set there, or where to go; NULL: nothing
} folder_kind_t;

/* The file system of this f_type; NULL: one that is not in the table. */
const folder_kind_t *folder_kind(uint64_t magic);

/* One finding each, from numbers that are given: what folder_check measures first. */
void folder_check_kind(uint64_t magic, findings_t *out);
void folder_check_space(double bytes, double files,
                        findings_t *out); // free ones; files 0: not told
/* MB/s of a file written and synced; milliseconds that the sync of a small one takes (median). */
void folder_check_speed(double mb_a_second, double sync_ms, findings_t *out);
/* Seconds that the folder's clock (mtime of a new file) is ahead of this machine's. */
void folder_check_clock(double ahead, findings_t *out);

#endif
