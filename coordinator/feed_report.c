// SPDX-License-Identifier: Apache-2.0
#include "coordinator/feed_report.h"

#include "cluster/text.h"
#include "diagnostics/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- JSON ---- */

static json_t *status_json(const int64_t *by_status)
{
    json_t *object = json_object();
    for (int s = 1; s < ROW_STATUS_COUNT; s++)
        json_object_set_new(object, row_status_name((row_status_t)s), json_integer(by_status[s]));
    return object;
}

static json_t *worker_json(const feed_worker_t *w)
{
    return json_pack(
        "{s:s, s:I, s:I, s:o, s:o, s:o}", "name", w->name, "rows", (json_int_t)w->rows, "twice",
        (json_int_t)w->twice, "rows_per_second", json_number_or_null(w->rows_per_second), "waiting",
        json_number_or_null(w->waiting), "silent_seconds", json_number_or_null(w->silent));
}

static json_t *workers_json(const feed_report_t *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_workers; i++)
        json_array_append_new(list, worker_json(&r->workers[i]));
    return list;
}

char *feed_report_json(const char *study, const feed_report_t *r, const feed_trainer_t *t)
{
    json_t *root = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, "
        "s:I, s:o}",
        "study", study, "round", (json_int_t)t->round, "rounds", (json_int_t)t->rounds, "rows",
        (json_int_t)r->rows, "total", (json_int_t)r->total, "found", (json_int_t)r->found, "used",
        (json_int_t)r->used, "rows_per_second", json_number_or_null(r->rows_per_second),
        "fresh_loss", json_number_or_null(t->fresh_loss), "trainer_waiting",
        json_number_or_null(t->waiting), "workers_waiting", json_number_or_null(r->waiting),
        "by_status", status_json(r->by_status), "twice", (json_int_t)r->twice, "lent_again",
        (json_int_t)r->lent_again, "bad_messages", (json_int_t)r->bad_messages, "refused",
        (json_int_t)r->refused, "bytes", (json_int_t)r->bytes, "bytes_most",
        (json_int_t)r->bytes_most, "workers", workers_json(r));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    CHECK(text != NULL, "a report that is no JSON");
    return text;
}

/* ---- lines for people ---- */

// "12.3" or "-" where there is none.
static void add_number(text_t *t, const char *format, double x)
{
    char words[64] = "-";
    if (isfinite(x))
        snprintf(words, sizeof words, "%.*f", x < 10 ? 2 : 0, x);
    text_add(t, format, words);
}

static void add_share(text_t *t, const char *format, double x)
{
    char words[64] = "-";
    if (isfinite(x))
        snprintf(words, sizeof words, "%.0f %%", 100 * x);
    text_add(t, format, words);
}

static void add_worker(text_t *t, const json_t *w)
{
    text_add(t, "  %-28s %10" PRId64 " rows", json_text(w, "name"), json_whole(w, "rows"));
    add_number(t, "  %8s rows/s", json_number(w, "rows_per_second"));
    add_share(t, "  waiting %s", json_number(w, "waiting"));
    if (json_number(w, "silent_seconds") > 10)
        add_number(t, "  silent for %s s", json_number(w, "silent_seconds"));
    text_add(t, "\n");
}

static void add_failures(text_t *t, const json_t *by_status)
{
    const char *name;
    json_t *count;
    json_object_foreach((json_t *)by_status, name, count)
    {
        if (strcmp(name, row_status_name(ROW_DONE)) != 0 && json_integer_value(count) > 0)
            text_add(t, ", %" PRId64 " %s", (int64_t)json_integer_value(count), name);
    }
}

static void add_all(text_t *t, const json_t *root)
{
    size_t i;
    json_t *worker, *workers = json_object_get(root, "workers");
    text_add(t, "%s: round %" PRId64 " of %" PRId64 "\n", json_text(root, "study"),
             json_whole(root, "round"), json_whole(root, "rounds"));
    text_add(t, "fresh rows  %" PRId64 " of %" PRId64 ", %" PRId64 " used",
             json_whole(root, "rows"), json_whole(root, "total"), json_whole(root, "used"));
    add_number(t, ", %s rows/s", json_number(root, "rows_per_second"));
    add_failures(t, json_object_get(root, "by_status"));
    add_number(t, "\nfresh loss  %s\n", json_number(root, "fresh_loss"));
    add_share(t, "waiting     trainer %s", json_number(root, "trainer_waiting"));
    add_share(t, ", workers %s\n", json_number(root, "workers_waiting"));
    text_add(t, "memory      %.1f MB of rows, %.1f MB at most\n", json_number(root, "bytes") * 1e-6,
             json_number(root, "bytes_most") * 1e-6);
    text_add(t,
             "messages    %" PRId64 " bad, %" PRId64 " peers refused; rows: %" PRId64
             " came twice, %" PRId64 " lent again\n",
             json_whole(root, "bad_messages"), json_whole(root, "refused"),
             json_whole(root, "twice"), json_whole(root, "lent_again"));
    text_add(t, "workers     %zu\n", json_array_size(workers));
    json_array_foreach(workers, i, worker)
    {
        add_worker(t, worker);
    }
}

err_t feed_report_lines(const char *json, char **out)
{
    json_error_t why;
    json_t *root = json_loads(json, 0, &why);
    *out = NULL;
    if (!json_is_object(root) || !json_is_array(json_object_get(root, "workers"))) {
        json_decref(root);
        return err_fail(ERR_FORMAT, "a hub's answer is no report: %s",
                        root == NULL ? why.text : "it has no list of workers");
    }
    text_t t = text_create();
    add_all(&t, root);
    json_decref(root);
    *out = t.data;
    return OK;
}
