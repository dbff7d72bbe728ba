/* SPDX-License-Identifier: Apache-2.0
 *
 * auto.json: the decisions of `run --auto` so far, for auto.c.
 */
#ifndef COORDINATOR_AUTO_LOG_H
#define COORDINATOR_AUTO_LOG_H

#include "coordinator/study.h"

#include <jansson.h>

/* The log that lies in the folder, if it began with this study's text; else a new one. The caller owns the reference. */
json_t *auto_log_open(const char *folder, const char *study_text);
/* The study's text with the settings of all decisions; the caller frees it. ERR_USAGE. */
err_t auto_log_apply(const json_t *log, const char *study_text, const char *where,
                     char **out) ERR_MUST_CHECK;
/* Writes auto.json, and study-auto.yaml with `reached`, the text as auto_log_apply gives it. */
err_t auto_log_write(const char *folder, json_t *log, const char *study_path,
                     const char *reached) ERR_MUST_CHECK;
/* The log in the folder if its settings led to this text, for the report; else NULL. The caller owns the reference. */
json_t *auto_log_of(const char *folder, const char *reached);

#endif
