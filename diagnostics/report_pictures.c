// SPDX-License-Identifier: Apache-2.0
// The pictures with how to read them.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *file, *reading;
} report_readings[] = {
    {"loss.png", "Both curves should fall and then run level and close together; a validation "
                 "curve that rises while the training curve falls is overfitting."},
    {"refine.png", "Red below grey is what fresh simulations have taught: the same rows, seen by "
                   "neither network. Red moves up and down with its rows, and grey with it."},
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
    {"summary_distance.png",
     "Observed data sets should lie among the simulated ones. One to the right of the dashed line "
     "is unlike what the amortizer was trained on; with many observed ones, 5 of 100 lie there by "
     "chance."},
    {"population.png",
     "How people, or whatever the data sets are, differ: posterior means over all of them, and how "
     "much their data say (sd). Means near a red line lean on the prior's edge: widen it."},
    {"population_groups.png",
     "Whether groups differ. A disc is known to about half the length of its line, divided by the "
     "root of the number beside the name. Where data say little, posterior means are drawn toward "
     "the prior, and differences look smaller than they are."},
    {"pairs_held_out.png",
     "One simulated data set: draws of its posterior, each parameter against each, and the true "
     "values (orange), which should lie among the draws. A narrow diagonal cloud: these two "
     "parameters can hardly be told apart by the data."},
    {"pairs.png", "Draws of the posterior of one real data set, each parameter against each. A "
                  "narrow diagonal cloud: these two parameters can hardly be told apart by the "
                  "data; several clouds: several explanations."},
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

static json_t *pictures_json(const report_t *r)
{
    if (r->n_pictures == 0)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < r->n_pictures; i++) {
        const report_picture_t *p = &r->pictures[i];
        json_t *object = json_object();
        json_object_set_new(object, "file", json_string(p->file));
        json_object_set_new(object, "title", json_string(p->title));
        json_object_set_new(object, "reading",
                            json_string(p->reading ? p->reading : report_reading(p->file)));
        json_array_append_new(list, object);
    }
    return list;
}

static void pictures_page(const json_t *self, page_t *page)
{
    for (size_t i = 0; i < json_array_size(self); i++) {
        const json_t *p = json_array_get(self, i);
        char *alt = mem_format("%s: picture %s. %s", json_text(p, "title"), json_text(p, "file"),
                               json_text(p, "reading"));
        page_picture(page, json_text(p, "file"), json_text(p, "title"), json_text(p, "reading"),
                     alt);
        free(alt);
    }
}

const report_section_t report_pictures = {
    .name = "pictures", .heading = "Pictures", .json = pictures_json, .page = pictures_page};
