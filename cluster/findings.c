// SPDX-License-Identifier: Apache-2.0
#include "cluster/findings.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = {
    [FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_FAILED] = "failed"};

findings_t findings_create(void)
{
    return (findings_t){NULL, 0, 0};
}

void findings_free(findings_t *list)
{
    for (int i = 0; i < list->n; i++) {
        free(list->all[i].what);
        free(list->all[i].found);
        free(list->all[i].advice);
    }
    free(list->all);
    *list = findings_create();
}

static char *format_list(const char *format, va_list values)
{
    char *text = NULL;
    CHECK(vasprintf(&text, format, values) >= 0, "out of memory: the words of a finding");
    return text;
}

void findings_add(findings_t *list, finding_verdict_t verdict, const char *what, const char *format,
                  ...)
{
    if (list->n == list->capacity) {
        list->capacity = 2 * list->capacity + 8;
        list->all = MEM_GROW(list->all, finding_t, list->capacity);
    }
    va_list values;
    va_start(values, format);
    list->all[list->n++] = (finding_t){
        .what = mem_copy_text(what), .found = format_list(format, values), .verdict = verdict};
    va_end(values);
}

void findings_advise(findings_t *list, const char *format, ...)
{
    CHECK(list->n > 0, "advice without a finding");
    finding_t *last = &list->all[list->n - 1];
    if (last->verdict == FINDING_OK || last->advice != NULL)
        return;
    va_list values;
    va_start(values, format);
    last->advice = format_list(format, values);
    va_end(values);
}

int findings_count(const findings_t *list, finding_verdict_t verdict)
{
    int n = 0;
    for (int i = 0; i < list->n; i++)
        n += list->all[i].verdict == verdict;
    return n;
}

const char *findings_word(finding_verdict_t verdict)
{
    return words[verdict];
}
