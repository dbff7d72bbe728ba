// SPDX-License-Identifier: Apache-2.0
// A page as one HTML file: style and pictures inside, no script, nothing from a network. On a phone each row of a table
// becomes a card with the column's name before each value.
#include "diagnostics/page_look.h"

#include "cluster/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const char html_style[] =
    "*{box-sizing:border-box}"
    "body{font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;color:#222;"
    "background:#fff;max-width:62rem;margin:2.5rem auto;padding:0 1.25rem;overflow-wrap:break-word}"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 1rem}"
    "h2{font-size:1.3rem;margin:2.6rem 0 .8rem;border-bottom:1px solid #ddd;padding-bottom:.3rem}"
    "h3{font-size:1.05rem;margin:2rem 0 .3rem}p,ul{max-width:46rem}"
    ".verdict{padding:.9rem 1.1rem;border-left:6px solid;border-radius:3px;font-size:1.08rem;margin:0 0 1rem}"
    ".verdict ul{margin:.5rem 0 0;padding-left:1.3rem}"
    ".verdict.good{border-color:#009e73;background:#eef8f4}.verdict.fair{border-color:#b07900;background:#fdf7e8}"
    ".verdict.poor{border-color:#d55e00;background:#fdf2ea}"
    ".scroll{overflow-x:auto;margin:.6rem 0}"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "th,td{padding:.35rem .55rem;border-bottom:1px solid #e4e4e4;text-align:left;vertical-align:top}"
    "th{border-bottom:2px solid #999;font-weight:600;vertical-align:bottom}"
    "td.n,th.n{text-align:right}td.n{white-space:nowrap}td:first-child{font-weight:600}td .rated{display:block}"
    ".plain td:first-child{font-weight:400;color:#555;white-space:nowrap}.plain td{overflow-wrap:anywhere}"
    "td .good,td.good{color:#00694d}td .fair,td.fair{color:#8a5a00}td .poor,td.poor{color:#b03f00;font-weight:600}"
    "small{color:#555;font-size:.85rem}img{max-width:100%;height:auto;display:block;margin:.6rem 0}"
    "pre{background:#f6f6f6;padding:.8rem 1rem;border-radius:3px;font-size:.85rem;line-height:1.45;"
    "white-space:pre-wrap;overflow-wrap:anywhere}"
    "@media screen and (max-width:640px){body{margin:1.2rem auto;padding:0 1rem}h1{font-size:1.5rem}"
    ".cards thead{display:none}.cards,.cards tbody,.cards tr,.cards td{display:block;width:100%}"
    ".cards tr{border:1px solid #ddd;border-radius:4px;margin:0 0 .8rem;padding:.3rem .7rem}"
    ".cards td{display:flex;justify-content:space-between;gap:1rem;padding:.25rem 0;text-align:right;white-space:normal}"
    ".cards td:last-child{border-bottom:0}.cards td:first-child{font-size:1rem;border-bottom:2px solid #999}"
    ".cards td:has(>span:empty){display:none}.cards td .rated{display:inline}.cards td::before{content:attr(data-head);text-align:left;font-weight:400;color:#555}"
    ".plain td{display:block;width:100%;padding:.1rem 0;border:0}.plain td:first-child{padding-top:.5rem;font-size:.85rem}"
    ".plain,.plain tbody,.plain tr{display:block;width:100%}}"
    "@media print{@page{margin:16mm}body{margin:0;padding:0;max-width:none;font-size:10.5pt}.scroll{overflow:visible}"
    "table{font-size:8pt}th,td{padding:.2rem .35rem}tr,img,.verdict{break-inside:avoid}"
    "h2,h3{break-after:avoid}img{max-height:200mm;width:auto}}";
// clang-format on

static void html_put(page_t *page, const char *before, const char *words, const char *after)
{
    text_add(&page->text, "%s", before);
    text_add_html(&page->text, words);
    text_add(&page->text, "%s", after);
}

static void html_begin(page_t *page, const char *title)
{
    text_add(&page->text, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                          "<link rel=\"icon\" href=\"data:,\">");
    html_put(page, "<title>", title, "</title>");
    text_add(&page->text, "<style>%s</style></head>\n<body>\n", html_style);
    html_put(page, "<h1>", title, "</h1>\n");
}

static void html_end(page_t *page)
{
    text_add(&page->text, "</body></html>\n");
}

static void html_words(page_t *page, words_t kind, const char *words)
{
    static const char *const before[] = {[WORDS_HEADING] = "<h2>",
                                         [WORDS_SUBHEADING] = "<h3>",
                                         [WORDS_PARAGRAPH] = "<p>",
                                         [WORDS_NOTE] = "<p><small>",
                                         [WORDS_CODE] = "<pre>"};
    static const char *const after[] = {[WORDS_HEADING] = "</h2>\n",
                                        [WORDS_SUBHEADING] = "</h3>\n",
                                        [WORDS_PARAGRAPH] = "</p>\n",
                                        [WORDS_NOTE] = "</small></p>\n",
                                        [WORDS_CODE] = "</pre>\n"};
    html_put(page, before[kind], words, after[kind]);
}

static void html_list(page_t *page, int n, const char *const *items)
{
    text_add(&page->text, "<ul>");
    for (int i = 0; i < n; i++)
        html_put(page, "<li>", items[i], "</li>");
    text_add(&page->text, "</ul>\n");
}

static void html_verdict(page_t *page, rating_t rating, const char *words, int n,
                         const char *const *items)
{
    static const char *const tone[] = {
        [RATING_GOOD] = "good", [RATING_FAIR] = "fair", [RATING_POOR] = "poor"};
    text_add(&page->text, "<div class=\"verdict %s\">", tone[rating]);
    text_add_html(&page->text, words);
    if (n > 0)
        html_list(page, n, items);
    text_add(&page->text, "</div>\n");
}

/* Width and height stand in the header of a PNG (big-endian, bytes 16 to 23); shown at half of them. */
static uint32_t html_png_size(const text_t *png, size_t at)
{
    const unsigned char *b = (const unsigned char *)png->data + at;
    return ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) / 2;
}

static void html_picture(page_t *page, const char *file, const char *title, const char *reading,
                         const char *alt)
{
    text_t bytes;
    char *path = mem_format("%s/%s", page->folder, file);
    page->err = file_read(path, &bytes);
    free(path);
    if (page->err != OK)
        return;
    html_put(page, "<h3>", title, "</h3>\n");
    html_put(page, "<p>", reading, "</p>\n");
    html_put(page, "<img alt=\"", alt, "\"");
    if (bytes.length >= 24)
        text_add(&page->text, " width=\"%u\" height=\"%u\"", html_png_size(&bytes, 16),
                 html_png_size(&bytes, 20));
    text_add(&page->text, " src=\"data:image/png;base64,");
    text_add_base64(&page->text, bytes.length, bytes.data);
    text_add(&page->text, "\">\n");
    text_free(&bytes);
}

static bool html_has_head(const page_t *page)
{
    for (int i = 0; i < page->n_columns; i++)
        if (page->columns[i].title != NULL)
            return true;
    return false;
}

static void html_table(page_t *page)
{
    bool head = html_has_head(page);
    text_add(&page->text, "<div class=\"scroll\"><table class=\"%s\">\n", head ? "cards" : "plain");
    if (head) {
        text_add(&page->text, "<thead><tr>");
        for (int i = 0; i < page->n_columns; i++)
            html_put(page, page->columns[i].number ? "<th class=\"n\">" : "<th>",
                     page->columns[i].title ? page->columns[i].title : "", "</th>");
        text_add(&page->text, "</tr></thead>\n");
    }
    text_add(&page->text, "<tbody>\n");
}

static void html_cell(page_t *page, const char *words, const char *tone, const char *after)
{
    const page_column_t *column = &page->columns[page->column];
    const char *toned = tone != NULL && after == NULL ? tone : "";
    text_add(&page->text, page->column == 0 ? "<tr><td" : "<td");
    if (column->number || toned[0] != '\0')
        text_add(&page->text, " class=\"%s%s%s\"", column->number ? "n" : "",
                 column->number && toned[0] ? " " : "", toned);
    if (column->title != NULL)
        html_put(page, " data-head=\"", column->title, "\"");
    html_put(page, "><span>", words, "");
    if (after != NULL) {
        text_add(&page->text, " <span class=\"rated %s\">", tone);
        html_put(page, "", after, "</span>");
    }
    text_add(&page->text,
             page->column == page->n_columns - 1 ? "</span></td></tr>\n" : "</span></td>");
}

static void html_table_end(page_t *page)
{
    text_add(&page->text, "</tbody></table></div>\n");
}

const page_look_t page_html = {.begin = html_begin,
                               .end = html_end,
                               .words = html_words,
                               .list = html_list,
                               .verdict = html_verdict,
                               .picture = html_picture,
                               .table = html_table,
                               .cell = html_cell,
                               .table_end = html_table_end};
