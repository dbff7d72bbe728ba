// SPDX-License-Identifier: Apache-2.0
#include "workers/command.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/text.h"
#include "storage/schema_array.h"
#include "workers/answer.h"
#include "workers/prior.h"
#include "workers/process.h"
#include "workers/row.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double describe_seconds = 300; // an interpreter may have much to load

typedef struct {
    char *words; // the command, for messages
    double timeout;
    process_t *process;
    schema_t schema; // as it described itself first
    bool batch;
    int deaths; // since the last answer
    bool warned;
    answer_t answers[REQUEST_MOST_ROWS];
} command_t;

/* ---- starting ---- */

static const char *outcome_words(process_outcome_t outcome)
{
    switch (outcome) {
    case PROCESS_ANSWERED:
        return "it answered";
    case PROCESS_TIMEOUT:
        return "it is silent";
    case PROCESS_DIED:
        return "it ended";
    case PROCESS_ENDLESS:
        return "its answer has no end";
    case PROCESS_UNASKED:
        return "it spoke before it was asked";
    }
    return "";
}

static err_t ask_description(command_t *c, schema_t *out, bool *batch)
{
    static const char question[] = "{\"describe\": true}\n";
    const char *line;
    size_t length;
    process_outcome_t outcome = process_ask(c->process, question, sizeof question - 1,
                                            DESCRIPTION_LIMIT, describe_seconds, &line, &length);
    if (outcome == PROCESS_ANSWERED)
        return description_read(line, length, c->words, out, batch);
    char how[PROCESS_WORDS];
    process_end(c->process);
    process_obituary(c->process, how);
    return err_fail(ERR_SIMULATOR, "%s: asked for its description: %s (%s)", c->words,
                    outcome_words(outcome), how);
}

// Started anew, it should still be the same simulator.
static err_t start(command_t *c)
{
    schema_t again = {0};
    bool batch;
    if (process_running(c->process))
        return OK;
    TRY(process_start(c->process));
    TRY(ask_description(c, &again, &batch));
    char *difference = schema_difference(&c->schema, &again);
    err_t err = OK;
    if (difference != NULL || batch != c->batch)
        err = err_fail(ERR_SIMULATOR, "%s: describes itself otherwise than before: %s", c->words,
                       difference != NULL ? difference : "batch");
    free(difference);
    schema_free(&again);
    return err;
}

/* ---- asking for rows ---- */

// Values of an array as nested lists.
static json_t *array_of(int n_dims, const int64_t *dims, const double **values)
{
    if (n_dims == 0)
        return json_real(*(*values)++);
    json_t *list = json_array();
    for (int64_t i = 0; i < dims[0]; i++)
        json_array_append_new(list, array_of(n_dims - 1, dims + 1, values));
    return list;
}

static json_t *parameters_of(const schema_t *s, const double *values)
{
    json_t *object = json_object();
    schema_variable_t v;
    for (int p = 0; p < s->n_parameters; p += v.n) {
        const double *next = values + p;
        v = schema_variable_at(s, p);
        json_object_set_new(object, v.name, array_of(v.n_dims, v.dims, &next));
    }
    return object;
}

static json_t *design_of(const schema_t *s, const double *values)
{
    json_t *object = json_object();
    for (int i = 0; i < s->n_design; i++)
        json_object_set_new(object, s->design[i].name,
                            s->design[i].integer ? json_integer((json_int_t)values[i])
                                                 : json_real(values[i]));
    return object;
}

// The question for one row, whose parameters and design, where they are given, stand in it.
static json_t *question_of(const request_t *r, int64_t i, uint64_t seed, bool given)
{
    const schema_t *s = r->rows->schema;
    json_t *question = json_object();
    json_object_set_new(question, "index", json_integer(r->first + i));
    json_object_set_new(question, "seed", json_integer((json_int_t)seed));
    if (!given)
        return question;
    json_object_set_new(question, "parameters",
                        parameters_of(s, &r->rows->parameters[(r->at + i) * s->n_parameters]));
    json_object_set_new(question, "design",
                        design_of(s, &r->rows->design[(r->at + i) * s->n_design]));
    return question;
}

// Draws what the study draws, and makes the question. *ready false: the row is finished without the simulator. The caller
// owns *question.
static err_t prepare(const request_t *r, int64_t i, bool *ready, json_t **question)
{
    rows_t *rows = r->rows;
    const schema_t *s = rows->schema;
    int64_t at = r->at + i;
    double *parameters = &rows->parameters[at * s->n_parameters];
    double *design = &rows->design[at * s->n_design];
    bool given = r->given || r->prior != NULL;
    char why[ROW_REASON_CAP] = "";
    rng_t rng = rng_at(r->seed, (uint64_t)r->stream, (uint64_t)(r->first + i));
    uint64_t seed = rng_u64(&rng) >> 11; // JSON's numbers hold 53 bits
    *ready = true;
    if (!r->given && r->prior != NULL) {
        row_draw_design(s, &rng, design);
        prior_draw(r->prior, &rng, parameters);
    } else if (!r->given) {
        row_unknown(rows, at);
    }
    row_begin(rows, at, r->first + i);
    if (given && (!row_design_fits(s, design, why) || !row_parameters_fit(s, parameters, why)))
        return err_fail(ERR_SIMULATOR, "%s: row %ld: %s", s->name, (long)(r->first + i), why);
    if (given && !row_parameters_inside(s, parameters, why)) {
        row_fail(rows, at, r->first + i, ROW_NONFINITE, why);
        *ready = false;
    } else {
        *question = question_of(r, i, seed, given);
    }
    return OK;
}

static char *line_of(json_t *question)
{
    char *text = json_dumps(question, JSON_COMPACT | JSON_REAL_PRECISION(17));
    CHECK(text != NULL, "a question that is no JSON");
    char *line = mem_format("%s\n", text);
    free(text);
    return line;
}

/* ---- what comes back ---- */

static err_t count_death(command_t *c, const request_t *r, int64_t i, const char *why)
{
    if (++c->deaths < MOST_DEATHS)
        return OK;
    return err_fail(
        ERR_SIMULATOR,
        "%s: ended or had to be ended %d times without an answer between, the last time "
        "in row %ld: %s",
        c->words, c->deaths, (long)(r->first + i), why);
}

static err_t fail_one(command_t *c, const request_t *r, int64_t i, process_outcome_t outcome)
{
    char how[PROCESS_WORDS], why[ROW_REASON_CAP];
    row_status_t status = outcome == PROCESS_TIMEOUT ? ROW_TIMEOUT
                          : outcome == PROCESS_DIED  ? ROW_CRASHED
                                                     : ROW_ERROR;
    process_obituary(c->process, how);
    if (outcome == PROCESS_TIMEOUT)
        snprintf(why, sizeof why, "longer than %g s", c->timeout);
    else if (outcome == PROCESS_DIED)
        snprintf(why, sizeof why, "%s before its answer", how);
    else
        snprintf(why, sizeof why, "%s", outcome_words(outcome));
    row_fail(r->rows, r->at + i, r->first + i, status, why);
    return outcome == PROCESS_TIMEOUT ? OK : count_death(c, r, i, why);
}

static err_t settle(command_t *c, const request_t *r, int64_t i, const answer_t *answer)
{
    if (answer->stop)
        return err_fail(ERR_SIMULATOR, "%s: row %ld: the simulator asks to stop: %s",
                        c->schema.name, (long)(r->first + i), answer->reason);
    if (answer->broken) {
        process_end(c->process);
        return count_death(c, r, i, answer->reason);
    }
    c->deaths = 0;
    return OK;
}

// Started and silent. What it said unasked, behind an answer or at its start, makes it be started anew, once for a question.
static err_t ask(command_t *c, const char *line, int n, process_outcome_t *outcome,
                 const char **answer, size_t *length)
{
    size_t limit = answer_limit(&c->schema) * (size_t)n;
    double seconds = c->timeout > 0 ? c->timeout * n : INFINITY;
    for (int turn = 0; turn < 2; turn++) {
        TRY(start(c));
        *outcome = process_ask(c->process, line, strlen(line), limit, seconds, answer, length);
        if (*outcome != PROCESS_UNASKED)
            break;
        if (!c->warned)
            log_warning("%s: said something that it was not asked for, and is started anew; one "
                        "line an answer, all else belongs to stderr",
                        c->words);
        c->warned = true;
        process_end(c->process);
    }
    if (*outcome != PROCESS_ANSWERED)
        process_end(c->process);
    return OK;
}

static void share_seconds(const request_t *r, int64_t i, int n, double seconds)
{
    for (int k = 0; k < n; k++)
        r->rows->seconds[r->at + i + k] = seconds / n;
}

static err_t run_one(command_t *c, const request_t *r, int64_t i)
{
    json_t *question = NULL;
    bool ready;
    TRY(prepare(r, i, &ready, &question));
    if (!ready)
        return OK;
    char *line = line_of(question);
    json_decref(question);
    process_outcome_t outcome = PROCESS_DIED;
    const char *answer;
    size_t length;
    double begin = log_clock();
    err_t err = ask(c, line, 1, &outcome, &answer, &length);
    free(line);
    TRY(err);
    if (outcome == PROCESS_ANSWERED)
        answer_read(answer, length, r->given || r->prior != NULL, r->rows, r->at + i, c->answers);
    share_seconds(r, i, 1, log_clock() - begin);
    if (outcome != PROCESS_ANSWERED)
        return fail_one(c, r, i, outcome);
    return settle(c, r, i, c->answers);
}

// One line for rows [i, i + n), which are all ready. *whole: they are finished; else they are asked for one by one.
static err_t run_list(command_t *c, const request_t *r, int64_t i, int n, json_t *list, bool *whole)
{
    char *line = line_of(list);
    process_outcome_t outcome = PROCESS_DIED;
    const char *answer;
    size_t length;
    double begin = log_clock();
    err_t err = ask(c, line, n, &outcome, &answer, &length);
    free(line);
    TRY(err);
    *whole = outcome == PROCESS_ANSWERED;
    if (!*whole)
        return OK;
    answer_read_list(answer, length, r->given || r->prior != NULL, r->rows, r->at + i, n,
                     c->answers);
    if (c->answers[0].broken) {
        process_end(c->process);
        *whole = false;
        return OK;
    }
    share_seconds(r, i, n, log_clock() - begin);
    for (int k = 0; k < n; k++)
        TRY(settle(c, r, i + k, &c->answers[k]));
    return OK;
}

// Asks for rows [i, i + the list's size) in one line, or one by one where that fails.
static err_t flush(command_t *c, const request_t *r, int64_t i, json_t *list)
{
    int n = (int)json_array_size(list);
    bool whole = false;
    if (n > 0)
        TRY(run_list(c, r, i, n, list, &whole));
    for (int k = 0; k < n && !whole; k++)
        TRY(run_one(c, r, i + k));
    json_array_clear(list);
    return OK;
}

// All rows of the request in lists of neighbours; rows that are finished without the simulator stand between lists.
static err_t run_lists(command_t *c, const request_t *r, json_t *list)
{
    int64_t from = 0;
    for (int64_t i = 0; i < r->n; i++) {
        json_t *question = NULL;
        bool ready;
        TRY(prepare(r, i, &ready, &question));
        if (ready) {
            json_array_append_new(list, question);
            continue;
        }
        TRY(flush(c, r, from, list));
        from = i + 1;
    }
    return flush(c, r, from, list);
}

static err_t command_run(void *self, const request_t *r, int64_t *done)
{
    command_t *c = self;
    if (!c->batch) {
        for (*done = 0; *done < r->n; ++*done)
            TRY(run_one(c, r, *done));
        return OK;
    }
    json_t *list = json_array();
    err_t err = run_lists(c, r, list);
    json_decref(list);
    *done = err == OK ? r->n : 0;
    return err;
}

/* ---- as an engine ---- */

static void command_log_to(void *self, const char *path)
{
    process_log_to(((command_t *)self)->process, path);
}

static void command_close(void *self)
{
    command_t *c = self;
    process_destroy(&c->process);
    schema_free(&c->schema);
    free(c->words);
    free(c);
}

static char *words_of(const char *const *argv)
{
    text_t words = text_create();
    text_add(&words, "%s", argv[0]);
    for (int i = 1; argv[i] != NULL; i++)
        text_add(&words, " %s", argv[i]);
    return words.data;
}

err_t command_open(const simulator_command_t *command, schema_t *schema, engine_t *engine,
                   void **self)
{
    command_t *c = MEM_NEW(command_t, 1);
    c->words = words_of(command->argv);
    c->timeout = command->timeout;
    c->process = process_create(command->argv, command->folder);
    err_t err = process_start(c->process);
    if (err == OK)
        err = ask_description(c, &c->schema, &c->batch);
    if (err != OK) {
        command_close(c);
        return err;
    }
    *schema = schema_copy(&c->schema);
    *engine = (engine_t){
        .run = command_run, .log_to = command_log_to, .close = command_close, .groups = c->batch};
    *self = c;
    return OK;
}
