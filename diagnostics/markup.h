/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as CSV, HTML, Markdown and base64 want it, and files that are replaced whole: written beside (path.part), synced,
 * renamed.
 */
#ifndef DIAGNOSTICS_MARKUP_H
#define DIAGNOSTICS_MARKUP_H

#include "cluster/err.h"
#include "cluster/text.h"

#include <stddef.h>

void text_add_csv(text_t *t,
                  const char *cell); // in quotes where it holds a comma, a quote or a line break
void text_add_html(text_t *t, const char *words); // & < > " ' escaped
void text_add_markdown(
    text_t *t,
    const char *words); // what Markdown or HTML would act on is escaped, line breaks are spaces
void text_add_base64(text_t *t, size_t n, const void *bytes);

/* ERR_IO with the path; a failed call leaves the old file as it was. */
err_t file_replace(const char *path, size_t n, const void *bytes) ERR_MUST_CHECK;
/* The whole file; ERR_MISSING when there is none, ERR_IO otherwise. The caller frees the text. */
err_t file_read(const char *path, text_t *out) ERR_MUST_CHECK;

#endif
