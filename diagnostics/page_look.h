/* SPDX-License-Identifier: Apache-2.0
 *
 * What a format of a page does; for page.c. Words are not escaped yet.
 */
#ifndef DIAGNOSTICS_PAGE_LOOK_H
#define DIAGNOSTICS_PAGE_LOOK_H

#include "diagnostics/page.h"

typedef enum { WORDS_HEADING, WORDS_SUBHEADING, WORDS_PARAGRAPH, WORDS_NOTE, WORDS_CODE } words_t;

struct page_look {
    void (*begin)(page_t *page, const char *title);
    void (*end)(page_t *page);
    void (*words)(page_t *page, words_t kind, const char *words);
    void (*list)(page_t *page, int n, const char *const *items);
    void (*verdict)(page_t *page, rating_t rating, const char *words, int n,
                    const char *const *items);
    void (*picture)(page_t *page, const char *file, const char *title, const char *reading,
                    const char *alt);
    void (*table)(page_t *page);
    /* tone: NULL, or "good", "fair", "poor"; `after`: toned words beside the first, or NULL. The cell is that of
     * page->column. */
    void (*cell)(page_t *page, const char *words, const char *tone, const char *after);
    void (*table_end)(page_t *page);
};

extern const page_look_t page_markdown, page_html;

#endif
