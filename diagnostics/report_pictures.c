// SPDX-License-Identifier: Apache-2.0
// The pictures with how to read them.
#include "diagnostics/report_section.h"

#include <string.h>

static const struct {
    const char *file, *reading;
} report_readings[] = {
    {"loss.png", "Both curves should fall and then run level and close together; a validation "
                 "curve that rises while the training curve falls is overfitting."},
    {"recovery.png",
     "Dots near the dashed line mean that the parameter is found again; about 95 of 100 vertical "
     "lines should cross it. A flat cloud means that the data say little about the parameter."},
    {"calibration_ecdf.png", "The curve should stay inside the grey band. A rise first and a fall "
                             "later: posteriors are too narrow; the reverse: too wide; all above "
                             "or all below zero: biased."},
    {"coverage.png", "The curve should follow the dashed line. Below it the intervals are too "
                     "narrow, above it too wide."},
    {"rank_histogram.png", "Bars should end inside the grey band. A valley in the middle: "
                           "posteriors too narrow; a hill: too wide; a slope: biased."},
    {"z_score_contraction.png",
     "Points to the right: the data tell much about the parameter. Points should be spread evenly "
     "around zero, most within ±2."},
};

const char *report_reading(const char *file)
{
    for (size_t i = 0; i < sizeof report_readings / sizeof *report_readings; i++) {
        if (strcmp(file, report_readings[i].file) == 0)
            return report_readings[i].reading;
    }
    return "";
}

static bool pictures_there(const report_t *r)
{
    return r->n_pictures > 0;
}

static void pictures_page(const report_t *r, page_t *page)
{
    for (int i = 0; i < r->n_pictures; i++) {
        const report_picture_t *p = &r->pictures[i];
        page_picture(page, p->file, p->title, p->reading ? p->reading : report_reading(p->file),
                     p->title);
    }
}

static json_t *pictures_json(const report_t *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_pictures; i++)
        json_array_append_new(list, json_string(r->pictures[i].file));
    return list;
}

const report_section_t report_pictures = {.name = "pictures",
                                          .heading = "Pictures",
                                          .there = pictures_there,
                                          .page = pictures_page,
                                          .json = pictures_json};
