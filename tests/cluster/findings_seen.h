/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking into findings.
 */
#ifndef TESTS_CLUSTER_FINDINGS_SEEN_H
#define TESTS_CLUSTER_FINDINGS_SEEN_H

#include "cluster/findings.h"

#include <stddef.h>
#include <string.h>

/* The finding about this, or NULL. */
static inline const finding_t *finding_of(const findings_t *list, const char *what)
{
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->all[i].what, what) == 0)
            return &list->all[i];
    return NULL;
}

/* Whether the last finding has this verdict, says these words, and gives advice exactly where it is not OK. */
static inline int last_is(const findings_t *list, finding_verdict_t verdict, const char *words)
{
    const finding_t *last = &list->all[list->n - 1];
    return last->verdict == verdict && strstr(last->found, words) != NULL &&
           (last->advice != NULL) == (verdict != FINDING_OK);
}

#endif
