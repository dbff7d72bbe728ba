// SPDX-License-Identifier: Apache-2.0
#include "coordinator/timings.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/sync.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

static json_t *entry(const par_t *par, const char *stage, double started, err_t err)
{
    char ended[32];
    struct tm utc;
    time_t now = time(NULL);
    strftime(ended, sizeof ended, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_t *value = json_pack("{s:s, s:s, s:f, s:i, s:s}", "stage", stage, "ended", ended,
                              "seconds", log_clock() - started, "ranks", par->size, "outcome",
                              err == OK ? "done" : err_words(err));
    CHECK(value != NULL, "an entry of timings.json can not be made");
    return value;
}

static json_t *list_of(const char *path)
{
    json_t *list = json_load_file(path, 0, NULL);
    if (json_is_array(list))
        return list;
    json_decref(list);
    return json_array();
}

static err_t write_list(const char *path, const json_t *list)
{
    char *text = json_dumps(list, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    CHECK(text != NULL, "out of memory: timings.json");
    err_t err = sync_replace(path, text);
    free(text);
    return err;
}

void timings_add(const par_t *par, const char *folder, const char *stage, double started, err_t err)
{
    if (par->rank != 0)
        return;
    char *path = mem_format("%s/timings.json", folder), *why = mem_copy_text(err_text());
    json_t *list = list_of(path);
    json_array_append_new(list, entry(par, stage, started, err));
    while (json_array_size(list) > TIMINGS_MOST)
        json_array_remove(list, 0);
    if (write_list(path, list) != OK)
        log_warning("%s", err_text());
    err_set_text(why);
    json_decref(list);
    free(why);
    free(path);
}
