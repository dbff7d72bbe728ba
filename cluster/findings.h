/* SPDX-License-Identifier: Apache-2.0
 *
 * What a look at a machine found: a list that each room adds to what it knows about, and that `infermill doctor` prints.
 */
#ifndef CLUSTER_FINDINGS_H
#define CLUSTER_FINDINGS_H

typedef enum { FINDING_OK, FINDING_WARNING, FINDING_FAILED } finding_verdict_t;

typedef struct {
    char *what;  // "open files"
    char *found; // "limit 1024, hard limit 4096"
    finding_verdict_t verdict;
    char *advice; // what to do; NULL where it is OK
} finding_t;

typedef struct {
    finding_t *all; // (n) in the order they were found
    int n, capacity;
} findings_t;

findings_t findings_create(void);
void findings_free(findings_t *list);
/* Each formats what was found. Give the advice right after a warning or a failure. */
void findings_add(findings_t *list, finding_verdict_t verdict, const char *what, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
/* What to do about the last finding; nothing where that is OK. */
void findings_advise(findings_t *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* How many have this verdict. */
int findings_count(const findings_t *list, finding_verdict_t verdict);
const char *findings_word(finding_verdict_t verdict); // "ok", "warning", "failed"

#endif
