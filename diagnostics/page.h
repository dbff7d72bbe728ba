/* SPDX-License-Identifier: Apache-2.0
 *
 * A page that is written from top to bottom: a section of a report says what it has, the page's format (Markdown, or one
 * self-contained HTML file) says how that looks. All words are plain text and are escaped here. A failure (a picture
 * that is not there) is kept and comes back from page_finish.
 */
#ifndef DIAGNOSTICS_PAGE_H
#define DIAGNOSTICS_PAGE_H

#include "cluster/err.h"
#include "diagnostics/markup.h"
#include "diagnostics/rating.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { PAGE_MARKDOWN, PAGE_HTML } page_format_t;

/* Of a table. The first column names the row. */
typedef struct {
    const char *title; // NULL in all: a table without a head
    bool number;       // set to the right
} page_column_t;
enum { PAGE_COLUMNS = 64 };

typedef struct page_look page_look_t; // page_look.h
typedef struct {
    const page_look_t *look;
    const char *folder; // of the pictures
    text_t text;
    err_t err;
    int n_columns, column; // of the open table, and of its next cell
    page_column_t columns[PAGE_COLUMNS];
} page_t;

page_t page_begin(page_format_t format, const char *folder, const char *title);
/* The whole text, which the caller frees; on a failure it is empty. */
err_t page_finish(page_t *page, text_t *out) ERR_MUST_CHECK;

void page_heading(page_t *page, const char *words);
void page_subheading(page_t *page, const char *words);
void page_paragraph(page_t *page, const char *words);
void page_note(page_t *page, const char *words); // in small type
void page_list(page_t *page, int n, const char *const *items);
void page_code(page_t *page, const char *text); // as it is, lines kept
/* A box that stands out: a sentence, and a list of n items under it. */
void page_verdict(page_t *page, rating_t rating, const char *words, int n,
                  const char *const *items);
/* `file`: name of a PNG in the folder; `alt`: what it shows, for who can not see it. */
void page_picture(page_t *page, const char *file, const char *title, const char *reading,
                  const char *alt);

/* Row by row, cell by cell: n_columns cells make a row. `columns` is copied. */
void page_table(page_t *page, int n_columns, const page_column_t *columns);
void page_cell(page_t *page, const char *words);
void page_cell_number(page_t *page, double x);
void page_cell_toned(page_t *page, rating_t rating, const char *words);
/* Two words, the second below the first where a page can. */
void page_cell_pair(page_t *page, const char *words, const char *below);
void page_cell_rated(page_t *page, double x, rated_t rated);
void page_table_end(page_t *page);
/* A row of a table of two columns. */
void page_fact(page_t *page, const char *name, const char *value);

/* What a number looks like in a table: "0.034", a true minus, "n/a" for NaN. */
typedef struct {
    char text[32];
} cell_t;
cell_t page_number(
    double x); // 3 digits after the point for sizes around 1, 3 significant ones elsewhere

/* "20,000"; "1.5 min". */
cell_t page_count(int64_t n);
cell_t page_duration(double seconds);

#endif
