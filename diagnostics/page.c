// SPDX-License-Identifier: Apache-2.0
// What is the same in all formats.
#include "diagnostics/page_look.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const page_tones[] = {
    [RATING_GOOD] = "good", [RATING_FAIR] = "fair", [RATING_POOR] = "poor"};

page_t page_begin(page_format_t format, const char *folder, const char *title)
{
    static const page_look_t *const looks[] = {
        [PAGE_MARKDOWN] = &page_markdown, [PAGE_HTML] = &page_html};
    page_t page = {.look = looks[format], .folder = folder, .text = text_create(), .err = OK};
    page.look->begin(&page, title);
    return page;
}

err_t page_finish(page_t *page, text_t *out)
{
    if (page->err == OK)
        page->look->end(page);
    else
        text_free(&page->text);
    *out = page->text;
    return page->err;
}

void page_heading(page_t *page, const char *words)
{
    page->look->words(page, WORDS_HEADING, words);
}

void page_subheading(page_t *page, const char *words)
{
    page->look->words(page, WORDS_SUBHEADING, words);
}

void page_paragraph(page_t *page, const char *words)
{
    page->look->words(page, WORDS_PARAGRAPH, words);
}

void page_note(page_t *page, const char *words)
{
    page->look->words(page, WORDS_NOTE, words);
}

void page_code(page_t *page, const char *text)
{
    page->look->words(page, WORDS_CODE, text);
}

void page_list(page_t *page, int n, const char *const *items)
{
    if (n > 0)
        page->look->list(page, n, items);
}

void page_verdict(page_t *page, rating_t rating, const char *words, int n, const char *const *items)
{
    page->look->verdict(page, rating, words, n, items);
}

void page_picture(page_t *page, const char *file, const char *title, const char *reading,
                  const char *alt)
{
    if (page->err == OK)
        page->look->picture(page, file, title, reading, alt);
}

void page_table(page_t *page, int n_columns, const page_column_t *columns)
{
    CHECK(n_columns >= 1 && n_columns <= PAGE_COLUMNS, "%d columns in a table", n_columns);
    page->n_columns = n_columns;
    page->column = 0;
    memcpy(page->columns, columns, (size_t)n_columns * sizeof *columns);
    page->look->table(page);
}

static void page_put(page_t *page, const char *words, const char *tone, const char *after)
{
    CHECK(page->n_columns > 0, "a cell outside a table");
    page->look->cell(page, words, tone, after);
    page->column = (page->column + 1) % page->n_columns;
}

void page_cell(page_t *page, const char *words)
{
    page_put(page, words, NULL, NULL);
}

void page_cell_number(page_t *page, double x)
{
    page_put(page, page_number(x).text, NULL, NULL);
}

void page_cell_toned(page_t *page, rating_t rating, const char *words)
{
    page_put(page, words, page_tones[rating], NULL);
}

void page_cell_pair(page_t *page, const char *words, const char *below)
{
    page_put(page, words, "", below);
}

void page_cell_rated(page_t *page, double x, rated_t rated)
{
    page_put(page, page_number(x).text, page_tones[rated.rating], rated.words);
}

void page_table_end(page_t *page)
{
    CHECK(page->column == 0, "a table ends after %d of %d cells", page->column, page->n_columns);
    page->look->table_end(page);
    page->n_columns = 0;
}

void page_fact(page_t *page, const char *name, const char *value)
{
    page_cell(page, name);
    page_cell(page, value);
}

cell_t page_number(double x)
{
    cell_t c;
    double size = fabs(x);
    if (!isfinite(x)) {
        snprintf(c.text, sizeof c.text, "n/a");
        return c;
    }
    char plain[24];
    if (size != 0 && (size < 0.01 || size >= 10000))
        snprintf(plain, sizeof plain, "%.3g", size);
    else
        snprintf(plain, sizeof plain, "%.*f", size < 10 ? 3 : size < 100 ? 2 : 1, size);
    snprintf(c.text, sizeof c.text, "%s%s", x < 0 ? "−" : "", plain);
    return c;
}

cell_t page_count(int64_t n)
{
    cell_t c;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%ld", (long)(n < 0 ? -n : n));
    size_t at = (size_t)snprintf(c.text, sizeof c.text, "%s", n < 0 ? "−" : "");
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            c.text[at++] = ',';
        c.text[at++] = digits[i];
    }
    c.text[at] = '\0';
    return c;
}

cell_t page_duration(double seconds)
{
    cell_t c;
    if (!isfinite(seconds))
        snprintf(c.text, sizeof c.text, "unknown");
    else if (seconds < 120)
        snprintf(c.text, sizeof c.text, "%.3g s", seconds);
    else if (seconds < 7200)
        snprintf(c.text, sizeof c.text, "%.1f min", seconds / 60);
    else
        snprintf(c.text, sizeof c.text, "%.1f h", seconds / 3600);
    return c;
}
