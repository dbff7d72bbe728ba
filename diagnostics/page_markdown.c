// SPDX-License-Identifier: Apache-2.0
// A page in Markdown, as GitHub and pandoc read it.
#include "diagnostics/page_look.h"

#include <string.h>

static void markdown_put(page_t *page, const char *before, const char *words, const char *after)
{
    text_add(&page->text, "%s", before);
    text_add_markdown(&page->text, words);
    text_add(&page->text, "%s", after);
}

static void markdown_begin(page_t *page, const char *title)
{
    markdown_put(page, "# ", title, "\n\n");
}

static void markdown_end(page_t *page)
{
    while (page->text.length > 1 && page->text.data[page->text.length - 2] == '\n')
        page->text.data[--page->text.length] = '\0';
}

/* Between fences of more backticks than any run of them in the text. */
static void markdown_code(page_t *page, const char *text)
{
    size_t longest = 2, run = 0, n = strlen(text);
    for (const char *c = text; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    text_t fence = text_create();
    for (size_t i = 0; i <= longest; i++)
        text_add(&fence, "`");
    text_add(&page->text, "%s\n%s%s%s\n\n", fence.data, text,
             n > 0 && text[n - 1] == '\n' ? "" : "\n", fence.data);
    text_free(&fence);
}

static void markdown_words(page_t *page, words_t kind, const char *words)
{
    switch (kind) {
    case WORDS_HEADING:
        markdown_put(page, "## ", words, "\n\n");
        return;
    case WORDS_SUBHEADING:
        markdown_put(page, "### ", words, "\n\n");
        return;
    case WORDS_PARAGRAPH:
    case WORDS_NOTE:
        markdown_put(page, "", words, "\n\n");
        return;
    case WORDS_CODE:
        markdown_code(page, words);
        return;
    }
}

static void markdown_list(page_t *page, int n, const char *const *items)
{
    for (int i = 0; i < n; i++)
        markdown_put(page, "- ", items[i], "\n");
    text_add(&page->text, "\n");
}

static void markdown_verdict(page_t *page, rating_t rating, const char *words, int n,
                             const char *const *items)
{
    (void)rating;
    markdown_put(page, "**", words, "**\n\n");
    if (n > 0)
        markdown_list(page, n, items);
}

static void markdown_picture(page_t *page, const char *file, const char *title, const char *reading,
                             const char *alt)
{
    markdown_put(page, "### ", title, "\n\n");
    markdown_put(page, "", reading, "\n\n");
    markdown_put(page, "![", alt, "](<");
    text_add(&page->text, "%s>)\n\n", file);
}

static void markdown_table(page_t *page)
{
    text_add(&page->text, "|");
    for (int i = 0; i < page->n_columns; i++)
        markdown_put(page, " ", page->columns[i].title ? page->columns[i].title : "", " |");
    text_add(&page->text, "\n|");
    for (int i = 0; i < page->n_columns; i++)
        text_add(&page->text, page->columns[i].number ? "---:|" : "---|");
    text_add(&page->text, "\n");
}

static void markdown_cell(page_t *page, const char *words, const char *tone, const char *after)
{
    const char *mark = tone != NULL && after == NULL && strcmp(tone, "poor") == 0 ? "**" : "";
    text_add(&page->text, page->column == 0 ? "| %s" : " %s", mark);
    markdown_put(page, "", words, mark);
    if (after != NULL)
        markdown_put(page, " ", after, "");
    text_add(&page->text, page->column == page->n_columns - 1 ? " |\n" : " |");
}

static void markdown_table_end(page_t *page)
{
    text_add(&page->text, "\n");
}

const page_look_t page_markdown = {.begin = markdown_begin,
                                   .end = markdown_end,
                                   .words = markdown_words,
                                   .list = markdown_list,
                                   .verdict = markdown_verdict,
                                   .picture = markdown_picture,
                                   .table = markdown_table,
                                   .cell = markdown_cell,
                                   .table_end = markdown_table_end};
