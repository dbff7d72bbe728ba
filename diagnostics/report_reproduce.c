// SPDX-License-Identifier: Apache-2.0
// How to make all of it again: commands, study, seeds, versions, fingerprints.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *reproduce_json(const report_t *r)
{
    json_t *object = json_object();
    char *command = mem_format("infermill run %s", r->study_path ? r->study_path : "study.yaml");
    json_object_set_new(object, "command", json_string(command));
    json_object_set_new(object, "study_text", json_string(r->study_text ? r->study_text : ""));
    json_object_set_new(
        object, "network",
        json_string(r->training && r->training->network ? r->training->network : ""));
    json_object_set_new(object, "bank", json_string(r->bank ? r->bank : ""));
    json_object_set_new(object, "software", json_string(r->software ? r->software : ""));
    json_object_set_new(object, "created", json_string(r->created ? r->created : ""));
    json_object_set_new(object, "weights", json_string(r->weights ? r->weights : ""));
    free(command);
    return object;
}

static void reproduce_fact(const json_t *self, const char *name, const char *member, page_t *page)
{
    if (json_text(self, member)[0] != '\0')
        page_fact(page, name, json_text(self, member));
}

static void reproduce_page(const json_t *self, page_t *page)
{
    static const page_column_t columns[2] = {{NULL, false}, {NULL, false}};
    page_code(page, json_text(self, "command"));
    page_paragraph(page, "with this study; seeds that it leaves out are 1, and any number of ranks "
                         "gives the same:");
    page_code(page, json_text(self, "study_text"));
    if (json_text(self, "network")[0] != '\0') {
        page_paragraph(page, "The networks, with every width:");
        page_code(page, json_text(self, "network"));
    }
    page_table(page, 2, columns);
    reproduce_fact(self, "Weights", "weights", page);
    reproduce_fact(self, "Bank", "bank", page);
    reproduce_fact(self, "Software", "software", page);
    reproduce_fact(self, "Written", "created", page);
    page_table_end(page);
}

const report_section_t report_reproduce = {.name = "reproduce",
                                           .heading = "How to reproduce it",
                                           .json = reproduce_json,
                                           .page = reproduce_page};
