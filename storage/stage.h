/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of a bank's shards on a disk of this machine, for many readings of them. Whether all of it is there and as the
 * catalog's checksums say is looked at each time; what is not is copied anew. Those that read it hold a shared flock, which
 * the disks of a machine have; the last one takes the copy away.
 *
 *   TO/infermill-bank-<xxh3 of bank.yaml>/     bank.yaml, catalog.jsonl, shards/: a bank
 *   TO/infermill-bank-<xxh3 of bank.yaml>.use  locked while it is made (alone) and read (together)
 */
#ifndef STORAGE_STAGE_H
#define STORAGE_STAGE_H

#include "storage/bank.h"

#include <stdbool.h>

typedef struct stage stage_t;

/* Copies `bank`, which lies in `folder`, below `to`, unless a whole copy is there; waits while another process makes one.
 * ERR_IO: no room (all bytes are reserved before the first is copied), or `to` can not be written; nothing stays then.
 * ERR_FORMAT: the copy has not the catalog's checksums, so the bank is damaged. Not collective. */
err_t stage_open(const bank_t *bank, const char *folder, const char *to,
                 stage_t **out) ERR_MUST_CHECK;
const char *stage_folder(const stage_t *stage); // of the copy; valid until stage_close
bool stage_reused(const stage_t *stage);        // it was there
/* Nobody of this process reads it any more. Without `keep` the copy is removed, unless others read it. NULL is fine. */
void stage_close(stage_t **stage, bool keep);

#endif
