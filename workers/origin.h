/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the rows of a bank come from that were not simulated into it: `origin:` of its bank.yaml, a list of ranges of rows.
 * A range was simulated by a campaign (its seed and first row there make the same rows again) or imported from files.
 *
 *   - rows: [0, 4096]              of this bank, the second not included
 *     first_row: 0                 in the bank or the files it comes from
 *     seed: 7                      simulated: row first_row + i is the function of (seed, first_row + i)
 *     fingerprint: ddm-1-9f3c21ab77e0d154
 *     study: reaction-times
 *     created: 2026-03-01T12:00:00Z
 *     user: ada
 *     host: node17
 *     software: infermill 0.1.0
 *     runs: [5f0c..., ...]
 *   - rows: [4096, 5096]
 *     first_row: 0
 *     files:                       imported
 *       - name: sims.csv
 *         bytes: 81234
 *         xxh3: 9f3c21ab77e0d154
 *     created: 2026-03-02T09:00:00Z
 *     ...
 */
#ifndef WORKERS_ORIGIN_H
#define WORKERS_ORIGIN_H

#include "cluster/err.h"
#include "storage/bank.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *name; // as it was given
    int64_t bytes;
    uint64_t hash; // xxh3 of its bytes
} origin_file_t;

typedef struct {
    int64_t begin, end, first; // rows here; the first one there
    uint64_t seed;             // where n_files is 0
    int n_files;
    origin_file_t *files; // owned, with their names
    char *fingerprint, *study, *created, *user, *host, *software;
    int n_runs;
    char **runs;
    char *bank; // it was taken from, for messages; not written; NULL: none
} origin_part_t;

typedef struct {
    int n;
    origin_part_t *parts; // (n) ascending, without a gap
} origin_t;

void origin_free(origin_t *o);
void origin_part_free(origin_part_t *part);
origin_part_t origin_part_copy(const origin_part_t *part);
/* Appends a part, which is then the list's. */
void origin_add(origin_t *o, origin_part_t part);
int64_t origin_rows(const origin_t *o);

/* What bank_origin() of a bank says; a bank that was simulated is one part [0, bank_rows). ERR_FORMAT. */
err_t origin_of_bank(const bank_t *bank, const char *folder, origin_t *out) ERR_MUST_CHECK;
/* Who, where, with what and when: of this process, now. */
void origin_sign(origin_part_t *part);
/* YAML text; the caller frees it. */
char *origin_text(const origin_t *o);
/* `where` names the source in messages. ERR_FORMAT. */
err_t origin_parse(const char *text, const char *where, origin_t *out) ERR_MUST_CHECK;
/* ERR_MISMATCH names both where two parts hold the same rows: of one model and seed, or of files with equal bytes. */
err_t origin_check(const origin_t *o) ERR_MUST_CHECK;

#endif
