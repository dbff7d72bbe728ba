// SPDX-License-Identifier: Apache-2.0
// Rank 0 decides and writes; the others are told the settings as text, so that all go on with the same study.
#include "coordinator/auto.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "cluster/yaml.h"
#include "cluster/yaml_edit.h"
#include "coordinator/auto_log.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_advice.h"
#include "coordinator/study_report.h"
#include "coordinator/study_check.h"
#include "diagnostics/json.h"
#include "diagnostics/report_section.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AUTO_ROUNDS = 12 };

typedef struct {
    job_t *job;
    const auto_budget_t *budget;
    char *original; // the study's text as the user wrote it
    json_t *log;
    double before;  // seconds of earlier calls
    double started; // clock of this call
} auto_t;

/* ---- the budget ---- */

err_t auto_budget(const options_t *options, const study_t *study, auto_budget_t *out)
{
    *out = (auto_budget_t){.rows = study->automatic.rows, .seconds = 60 * study->automatic.minutes};
    if (options->max_rows > 0)
        out->rows = options->max_rows;
    if (options->max_time != NULL) {
        out->seconds = study_duration(options->max_time);
        if (out->seconds <= 0)
            return err_fail(ERR_USAGE,
                            "--max-time: got \"%s\", expected a time with its unit: "
                            "90s, 30m, 2h",
                            options->max_time);
    }
    if (out->rows == 0 && out->seconds == 0)
        return err_fail(ERR_USAGE, "--auto needs a budget: give --max-rows N or --max-time 30m, or "
                                   "`auto: {rows: N, minutes: 30}` in the study");
    return OK;
}

static double auto_seconds(const auto_t *a)
{
    return a->before + log_clock() - a->started;
}

/* ---- the decision, on rank 0 ---- */

/* The advice about the weights that were diagnosed last: it lies in the report. */
static json_t *advice_there(const auto_t *a, char **weights)
{
    char *path = job_file(a->job, "report.json");
    json_t *report = json_load_file(path, 0, NULL);
    json_t *next = json_incref(json_object_get(report, "next"));
    *weights = mem_copy_text(json_text(report, "weights"));
    json_decref(report);
    free(path);
    return next;
}

/* As it would lie in the report, of a training that left no amortizer. */
static json_t *advice_diverged(const auto_t *a)
{
    advice_list_t list = study_advice_diverged(&a->job->study);
    report_t report = {.advice = &list};
    json_t *next = report_next.json(&report);
    advice_free(&list);
    return next;
}

/* Seconds of the last training times what the settings make of it; 0: not known. */
static double expected_seconds(const auto_t *a, const json_t *settings)
{
    char *path = job_file(a->job, "report.json");
    json_t *report = json_load_file(path, 0, NULL);
    double seconds = json_number(json_object_get(report, "budget"), "training_seconds");
    const char *rows = json_text(settings, "bank.rows"),
               *epochs = json_text(settings, "train.epochs");
    if (rows[0] != '\0')
        seconds *= strtod(rows, NULL) / (double)a->job->study.bank.rows;
    if (epochs[0] != '\0')
        seconds *= strtod(epochs, NULL) / (double)a->job->study.train.epochs;
    json_decref(report);
    free(path);
    return isfinite(seconds) ? seconds : 0;
}

/* Cuts a wish for rows down to the budget. False: nothing is left of it. */
static bool fit_rows(const auto_t *a, json_t *settings)
{
    const char *words = json_text(settings, "bank.rows");
    int64_t rows = words[0] ? strtoll(words, NULL, 10) : 0, limit = a->budget->rows;
    if (rows == 0 || limit == 0 || rows <= limit)
        return true;
    if (limit <= a->job->study.bank.rows)
        return false;
    char *value = mem_format("%" PRId64, limit);
    json_object_set_new(settings, "bank.rows", json_string(value));
    free(value);
    return true;
}

/* Why this advice is not taken; NULL: it is. `settings` may be cut. The caller frees it. */
static char *objection(const auto_t *a, const json_t *advice, json_t *settings)
{
    if (!json_flag(advice, "automatic"))
        return mem_copy_text("it is for a person to decide");
    if (!fit_rows(a, settings))
        return mem_format("the budget is %" PRId64 " simulations", a->budget->rows);
    double left = a->budget->seconds - auto_seconds(a), wanted = expected_seconds(a, settings);
    if (a->budget->seconds > 0 && wanted >= left)
        return mem_format("training would take about %.0f s, and %.0f s are left", wanted,
                          fmax(0, left));
    char *text = mem_copy_text(a->job->study.text);
    err_t err = OK;
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        char *edited = NULL;
        err = yaml_edit(text, a->job->study.path, key, json_string_value(value), &edited);
        if (err != OK)
            break;
        free(text);
        text = edited;
    }
    study_t study = {0};
    amortizer_config_t network;
    if (err == OK)
        err = study_parse(text, a->job->study.path, &study);
    if (err == OK)
        err = study_network(&study, a->job->schema, &network);
    bool same = strcmp(text, a->job->study.text) == 0;
    study_free(&study);
    free(text);
    if (err != OK) {
        char *words = mem_copy_text(err_text());
        err_clear();
        return words;
    }
    return same ? mem_copy_text("it is set so already") : NULL;
}

static json_t *passed_over(const json_t *advice, const char *why)
{
    json_t *object = json_object();
    json_object_set_new(object, "rule", json_string(json_text(advice, "rule")));
    json_object_set_new(object, "what", json_string(json_text(advice, "what")));
    json_object_set_new(object, "why", json_string(why));
    return object;
}

/* A decision from the first advice that nothing is said against, or NULL; `over` gets those before it. */
static json_t *choose(const auto_t *a, json_t *next, json_t *over)
{
    for (size_t i = 0; i < json_array_size(next); i++) {
        const json_t *advice = json_array_get(next, i);
        json_t *settings = json_deep_copy(json_object_get(advice, "settings"));
        char *why = objection(a, advice, settings);
        if (why != NULL) {
            json_array_append_new(over, passed_over(advice, why));
            json_decref(settings);
            free(why);
            continue;
        }
        json_t *decision = json_object();
        json_object_set_new(decision, "rule", json_string(json_text(advice, "rule")));
        json_object_set_new(decision, "reason", json_string(json_text(advice, "reason")));
        json_object_set_new(decision, "what", json_string(json_text(advice, "what")));
        json_object_set_new(decision, "settings", settings);
        return decision;
    }
    return NULL;
}

static void say_decision(const json_t *decision)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(decision, "settings"), key, value) log_info(
        "auto: %s Now %s: %s", json_text(decision, "reason"), key, json_string_value(value));
}

/* Writes the log with what is reached. */
static err_t save(auto_t *a)
{
    char *reached = NULL;
    json_object_set_new(a->log, "seconds", json_real(auto_seconds(a)));
    TRY(auto_log_apply(a->log, a->original, a->job->study.path, &reached));
    err_t err = auto_log_write(a->job->folder, a->log, a->job->study.path, reached);
    free(reached);
    return err;
}

/* Why it ends here; takes `words`. */
static void end(auto_t *a, json_t *over, char *words)
{
    json_object_set_new(a->log, "end", json_string(words));
    json_object_set(a->log, "passed_over", over);
    free(words);
}

static char *end_words(const json_t *over)
{
    if (json_array_size(over) == 0)
        return mem_copy_text("the numbers give no advice that is a setting");
    const json_t *first = json_array_get(over, 0);
    return mem_format("no advice is left to follow: \"%s\" is not taken, %s",
                      json_text(first, "what"), json_text(first, "why"));
}

/* On rank 0, after a gate that did not pass (or a training that diverged): a decision more in the log, or its end. */
static err_t decide(auto_t *a, bool diverged)
{
    json_t *decisions = json_object_get(a->log, "decisions"), *over = json_array();
    char *weights = NULL;
    json_t *next = diverged ? advice_diverged(a) : advice_there(a, &weights);
    size_t round = json_array_size(decisions) + 1;
    json_t *decision = round <= AUTO_ROUNDS ? choose(a, next, over) : NULL;
    json_object_del(a->log, "end");
    json_object_del(a->log, "passed_over");
    if (decision != NULL) {
        json_object_set_new(decision, "round", json_integer((json_int_t)round));
        json_object_set_new(decision, "weights", json_string(weights ? weights : ""));
        json_object_set_new(decision, "seconds", json_real(auto_seconds(a)));
        json_object_set(decision, "passed_over", over);
        json_array_append_new(decisions, decision);
        say_decision(decision);
    } else {
        end(a, over,
            round > AUTO_ROUNDS ? mem_format("%d rounds were tried", AUTO_ROUNDS)
                                : end_words(over));
    }
    free(weights);
    json_decref(over);
    json_decref(next);
    return save(a);
}

/* ---- the rounds ---- */

static err_t one_round(auto_t *a, bool *did, bool *passed, bool *diverged)
{
    bool here = false;
    *diverged = false;
    TRY(job_simulate(a->job, &here));
    *did |= here;
    err_t err = job_train(a->job, &here);
    *did |= here;
    if (err_is(err, ERR_DIVERGED)) {
        *diverged = true;
        *passed = false;
        err_clear();
        return OK;
    }
    TRY(err);
    err = job_diagnose(a->job, &here, passed);
    *did |= here;
    return err;
}

/* All ranks take what rank 0 has decided. `more`: there is something to try. */
static err_t follow(auto_t *a, bool diverged, bool *more)
{
    const par_t *par = a->job->par;
    char *text = NULL;
    err_t mine = OK;
    if (par->rank == 0) {
        mine = decide(a, diverged);
        if (mine == OK && json_object_get(a->log, "end") == NULL)
            mine = auto_log_apply(a->log, a->original, a->job->study.path, &text);
    }
    err_t err = par_agree(par, mine);
    if (err == OK) {
        char *told = par_broadcast_text(par, 0, text ? text : "");
        *more = told[0] != '\0';
        if (*more)
            err = par_agree(par, job_take_text(a->job, told));
        free(told);
    }
    free(text);
    return err;
}

/* The report once more, with how it ended. Rank 0. */
static err_t tell(auto_t *a)
{
    TRY(save(a));
    return study_report_again(a->job->par, a->job->folder, &a->job->study);
}

/* Rank 0. A second call that found all done writes nothing. */
static err_t close_log(auto_t *a, bool passed, bool diverged, bool did)
{
    static const char words[] = "the gate passes";
    if (passed && !did && strcmp(json_text(a->log, "end"), words) == 0)
        return OK;
    if (passed)
        json_object_set_new(a->log, "end", json_string(words));
    return diverged ? OK : tell(a);
}

static err_t refuse(const auto_t *a)
{
    char *words = par_broadcast_text(a->job->par, 0, a->log ? json_text(a->log, "end") : "");
    err_t err = err_fail(ERR_GATE, "auto: the gate does not pass, and %s: see %s/report.md", words,
                         a->job->folder);
    free(words);
    return err;
}

/* Where the time was used up within a stage. */
static err_t stopped(const auto_t *a, err_t err)
{
    if (a->job->par->rank == 0) {
        err_t saved = save((auto_t *)a);
        if (saved != OK)
            return saved;
    }
    if (a->budget->seconds > 0 && auto_seconds(a) >= a->budget->seconds)
        return err_fail(ERR_STOPPED,
                        "auto: the budget of %.0f s is used up; what is done is kept, the same "
                        "command with a larger --max-time goes on",
                        a->budget->seconds);
    return err;
}

static err_t rounds(auto_t *a, bool *did)
{
    bool passed = false, diverged = false, more = true;
    err_t err = OK;
    while (err == OK && more && !passed) {
        a->job->again |=
            a->log != NULL && json_array_size(json_object_get(a->log, "decisions")) > 0;
        a->job->again = par_any(a->job->par, a->job->again);
        err = one_round(a, did, &passed, &diverged);
        if (err == OK && !passed)
            err = follow(a, diverged, &more);
    }
    if (err_is(err, ERR_STOPPED))
        return par_agree(a->job->par, stopped(a, err));
    TRY(err);
    TRY(par_agree(a->job->par, a->job->par->rank == 0 ? close_log(a, passed, diverged, *did) : OK));
    return passed ? OK : refuse(a);
}

err_t job_auto(job_t *job, const auto_budget_t *budget, bool *did)
{
    auto_t a = {.job = job,
                .budget = budget,
                .original = mem_copy_text(job->study.text),
                .started = log_clock()};
    char *reached = NULL;
    err_t mine = OK;
    if (job->par->rank == 0) {
        a.log = auto_log_open(job->folder, a.original);
        a.before = json_number(a.log, "seconds");
        mine = auto_log_apply(a.log, a.original, job->study.path, &reached);
    }
    err_t err = par_agree(job->par, mine);
    if (err == OK) {
        char *text = par_broadcast_text(job->par, 0, reached);
        if (strcmp(text, job->study.text) != 0)
            err = par_agree(job->par, job_take_text(job, text));
        free(text);
    }
    if (err == OK)
        err = job_claim(job); // one run at a time writes auto.json
    if (err == OK && budget->seconds > 0)
        stop_after(fmax(0, budget->seconds - a.before));
    if (err == OK)
        err = rounds(&a, did);
    stop_after(INFINITY);
    json_decref(a.log);
    free(reached);
    free(a.original);
    return err;
}
