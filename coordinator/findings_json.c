// SPDX-License-Identifier: Apache-2.0
#include "coordinator/findings_json.h"

#include "diagnostics/json.h"

#include <string.h>

json_t *findings_json(const findings_t *list)
{
    json_t *checks = json_array();
    for (int i = 0; i < list->n; i++) {
        const finding_t *f = &list->all[i];
        json_array_append_new(checks,
                              json_pack("{s:s,s:s,s:s,s:s?}", "what", f->what, "found", f->found,
                                        "verdict", findings_word(f->verdict), "advice", f->advice));
    }
    return json_pack("{s:i,s:i,s:o}", "warnings", findings_count(list, FINDING_WARNING), "failed",
                     findings_count(list, FINDING_FAILED), "checks", checks);
}

/* An unknown word is the worst. */
static finding_verdict_t verdict_of(const char *word)
{
    finding_verdict_t verdict = FINDING_OK;
    while (verdict < FINDING_FAILED && strcmp(findings_word(verdict), word) != 0)
        verdict++;
    return verdict;
}

err_t findings_read(const char *text, findings_t *list)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error), *checks = json_object_get(root, "checks"), *check;
    size_t i;
    if (!json_is_array(checks)) {
        json_decref(root);
        return err_fail(ERR_FORMAT, "findings: got \"%.80s\", expected an object with checks (%s)",
                        text, error.text);
    }
    json_array_foreach(checks, i, check)
    {
        findings_add(list, verdict_of(json_text(check, "verdict")), json_text(check, "what"), "%s",
                     json_text(check, "found"));
        findings_advise(list, "%s", json_text(check, "advice"));
    }
    json_decref(root);
    return OK;
}
