// SPDX-License-Identifier: Apache-2.0
#include "coordinator/slurm_chain.h"

#include "cluster/capture.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/embedded.h"
#include "coordinator/run_folder.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 64, MOST_JOBS = 8, NUMBER = 24 };

/* ---- the jobs that were submitted ---- */

typedef struct {
    char number[NUMBER], stage[NUMBER];
} job_line_t;

typedef struct {
    int n;
    job_line_t job[MOST_JOBS];
} jobs_t;

static char *file_of(const char *results, const char *name)
{
    return mem_format("%s/slurm/%s", results, name);
}

static err_t jobs_read(const char *results, jobs_t *out)
{
    char *path = file_of(results, "jobs"), *text = NULL, *rest = NULL;
    *out = (jobs_t){0};
    int64_t bytes;
    err_t err = sync_read_text(path, &text, &bytes);
    bool missing = err_is(err, ERR_MISSING);
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line != NULL && err == OK;
         line = strtok_r(NULL, "\n", &rest)) {
        job_line_t *job = &out->job[out->n];
        if (out->n == MOST_JOBS || sscanf(line, "%23[0-9] %23s", job->number, job->stage) != 2)
            err = err_fail(ERR_FORMAT, "%s: got \"%s\", expected a number and a stage", path, line);
        else
            out->n++;
    }
    free(text);
    free(path);
    return missing ? OK : err;
}

static err_t jobs_write(const char *results, const jobs_t *jobs)
{
    char *path = file_of(results, "jobs");
    text_t text = text_create();
    for (int i = 0; i < jobs->n; i++)
        text_add(&text, "%s %s\n", jobs->job[i].number, jobs->job[i].stage);
    err_t err = sync_replace(path, text.data);
    text_free(&text);
    free(path);
    return err;
}

/* ---- what Slurm says of them ---- */

static err_t queue_read(char **out)
{
    const char *const argv[] = {"squeue", "--me", "--noheader", "--format=%F %i %T %M %R", NULL};
    return capture_run(argv, out);
}

/* Whether a line of the queue is of this job or a task of its array: the line's rest, else NULL. */
static const char *of_job(const char *line, const char *number)
{
    size_t n = strlen(number);
    return strncmp(line, number, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int add_states(const job_line_t *job, const char *queue, text_t *lines)
{
    int found = 0;
    for (const char *line = queue; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n'), *rest = of_job(line, job->number);
        if (rest != NULL) {
            int length = (int)(end ? (size_t)(end - rest) : strlen(rest));
            text_add(lines, "%-9s %.*s\n", job->stage, length, rest);
            found++;
        }
        line = end ? end + 1 : NULL;
    }
    return found;
}

err_t slurm_chain_states(const char *folder, text_t *lines)
{
    jobs_t jobs;
    char *queue = NULL;
    TRY(jobs_read(folder, &jobs));
    if (jobs.n == 0)
        return OK;
    err_t err = queue_read(&queue);
    for (int i = 0; i < jobs.n && err == OK; i++)
        if (add_states(&jobs.job[i], queue, lines) == 0)
            text_add(lines, "%-9s %s -\n", jobs.job[i].stage, jobs.job[i].number);
    free(queue);
    return err_is(err, ERR_MISSING) ? OK : err;
}

static bool is_queued(const job_line_t *job, const char *queue)
{
    text_t lines = text_create();
    bool found = add_states(job, queue, &lines) > 0;
    text_free(&lines);
    return found;
}

static err_t refuse_second(const slurm_request_t *r, const char *results)
{
    jobs_t jobs;
    char *queue = NULL;
    TRY(jobs_read(results, &jobs));
    if (jobs.n == 0)
        return OK;
    TRY(queue_read(&queue));
    err_t err = OK;
    for (int i = 0; i < jobs.n && err == OK; i++)
        if (is_queued(&jobs.job[i], queue))
            err = err_fail(ERR_LOCKED,
                           "job %s (%s) of this study waits or runs: see `infermill status %s`, or "
                           "`infermill submit %s --cancel`",
                           jobs.job[i].number, jobs.job[i].stage, r->path, r->path);
    free(queue);
    return err;
}

static err_t cancel(const jobs_t *jobs)
{
    const char *argv[MOST_JOBS + 2] = {"scancel"};
    char *said;
    for (int i = 0; i < jobs->n; i++)
        argv[1 + i] = jobs->job[i].number;
    TRY(capture_run(argv, &said));
    free(said);
    return OK;
}

err_t slurm_chain_cancel(const char *folder)
{
    jobs_t all, live = {0};
    char *queue;
    TRY(jobs_read(folder, &all));
    if (all.n == 0)
        return err_fail(ERR_MISSING, "%s/slurm/jobs: no job of this study was submitted", folder);
    TRY(queue_read(&queue));
    for (int i = 0; i < all.n; i++)
        if (is_queued(&all.job[i], queue))
            live.job[live.n++] = all.job[i];
    free(queue);
    for (int i = 0; i < live.n; i++)
        printf("%-9s %s is cancelled\n", live.job[i].stage, live.job[i].number);
    if (live.n == 0)
        printf("no job of this study waits or runs\n");
    return live.n == 0 ? OK : cancel(&live);
}

/* ---- the chain ---- */

/* The command line of one job; words are texts of its own. */
typedef struct {
    int n;
    char *word[MOST_WORDS + 1];
} words_t;

static void add_word(words_t *w, char *word)
{
    CHECK(w->n < MOST_WORDS, "more than %d words for sbatch", MOST_WORDS);
    w->word[w->n++] = word;
}

static void add_option(words_t *w, const char *name, const char *value)
{
    if (value != NULL)
        add_word(w, mem_format("--%s=%s", name, value));
}

static void words_free(words_t *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->word[i]);
}

static void add_more(words_t *w, const char *more)
{
    char *copy = mem_copy_text(more), *rest = NULL;
    for (char *word = copy ? strtok_r(copy, " ", &rest) : NULL; word != NULL;
         word = strtok_r(NULL, " ", &rest))
        add_word(w, mem_copy_text(word));
    free(copy);
}

/* How a job waits for the one before it: until that has begun (a hub's workers), else until it has ended well. */
static char *dependency(const char *stage, const char *before)
{
    return mem_format("%s:%s", strcmp(stage, "worker") == 0 ? "after" : "afterok", before);
}

static words_t command_of(const slurm_request_t *r, const char *folder, const char *stage,
                          const char *before)
{
    words_t w = {0};
    bool worker = strcmp(stage, "worker") == 0;
    add_word(&w, mem_copy_text("sbatch"));
    add_word(&w, mem_copy_text("--parsable"));
    add_word(&w, mem_format("--job-name=%s-%s", r->study->slug, stage));
    add_word(&w, mem_format("--output=%s/%s%s.log", folder, stage, worker ? "-%a" : ""));
    if (before != NULL) {
        add_word(&w, mem_copy_text("--kill-on-invalid-dep=yes"));
        char *how = dependency(stage, before);
        add_option(&w, "dependency", how);
        free(how);
    }
    add_option(&w, "partition", r->partition);
    add_option(&w, "account", r->account);
    add_option(&w, "time", r->time);
    if (worker) {
        add_word(&w, mem_format("--array=1-%" PRId64, r->workers));
        add_word(&w, mem_copy_text("--ntasks=1"));
    } else {
        add_option(&w, "nodes", r->nodes);
        add_option(&w, "ntasks-per-node", r->tasks);
    }
    add_more(&w, r->more);
    add_word(&w, mem_format("%s/stage.sbatch", folder));
    add_word(&w, mem_copy_text(stage));
    add_word(&w, mem_copy_text(r->path));
    add_word(&w, mem_copy_text(folder));
    if (r->out != NULL && !worker) {
        add_word(&w, mem_copy_text("--out"));
        add_word(&w, mem_copy_text(r->out));
    }
    return w;
}

/* As a line for a shell: later lines find the job's number in a variable of the stage's name. */
static void print_command(const words_t *w, const char *stage)
{
    printf("%s=$(", stage);
    for (int i = 0; i < w->n; i++) {
        bool quoted = strpbrk(w->word[i], " '\"()*&;<>|") != NULL;
        printf("%s%s%s%s", i > 0 ? " " : "", quoted ? "\"" : "", w->word[i], quoted ? "\"" : "");
    }
    printf(")\n");
}

static err_t submit_one(const words_t *w, const char *stage, job_line_t *out)
{
    char *said;
    *out = (job_line_t){0};
    TRY(capture_run((const char *const *)w->word, &said));
    err_t err = OK;
    if (sscanf(said, "%23[0-9]", out->number) != 1)
        err = err_fail(ERR_FORMAT, "sbatch said \"%.100s\", expected the job's number", said);
    snprintf(out->stage, sizeof out->stage, "%s", stage);
    free(said);
    return err;
}

static int stages_of(const slurm_request_t *r, const char *stages[MOST_JOBS])
{
    int n = 0;
    stages[n++] = "simulate";
    stages[n++] = "train";
    stages[n++] = "diagnose";
    if (r->study->refine.rows > 0) {
        stages[n++] = "refine";
        stages[n++] = "worker";
    }
    if (r->study->infer.data != NULL)
        stages[n++] = "infer";
    return n;
}

static err_t submit_next(const slurm_request_t *r, const char *results, const char *folder,
                         const char *stage, jobs_t *jobs, const char **before)
{
    words_t words = command_of(r, folder, stage, *before);
    job_line_t *job = &jobs->job[jobs->n];
    err_t err = OK;
    if (r->dry) {
        print_command(&words, stage);
        snprintf(job->number, sizeof job->number, "$%s", stage);
    } else {
        err = submit_one(&words, stage, job);
    }
    words_free(&words);
    TRY(err);
    jobs->n++;
    if (strcmp(stage, "worker") != 0) // nobody waits for workers
        *before = job->number;
    if (r->dry)
        return OK;
    printf("%-9s %s\n", stage, job->number);
    return jobs_write(results, jobs);
}

static err_t submit_all(const slurm_request_t *r, const char *results, const char *folder)
{
    const char *stages[MOST_JOBS], *before = NULL;
    jobs_t jobs = {0};
    int n = stages_of(r, stages);
    err_t err = OK;
    for (int i = 0; i < n && err == OK; i++)
        err = submit_next(r, results, folder, stages[i], &jobs, &before);
    if (err != OK && jobs.n > 0 && !r->dry) {
        err_t cancelled = cancel(&jobs);
        if (cancelled == OK)
            log_warning("the jobs that were submitted before are cancelled");
    }
    return err;
}

/* A hand-edited one stays. */
static err_t write_script(const char *folder)
{
    const embedded_file_t *script = &slurm_files[0];
    char *path = mem_format("%s/%s", folder, script->name), *there = NULL;
    int64_t bytes;
    err_t err = sync_read_text(path, &there, &bytes);
    if (err_is(err, ERR_MISSING))
        err = sync_replace(path, script->text);
    else if (err == OK && strcmp(there, script->text) != 0)
        log_info("submit: %s stays as it is; remove it for that of this version", path);
    free(there);
    free(path);
    return err;
}

err_t slurm_chain_submit(const slurm_request_t *r)
{
    char *results = run_folder_path(r->study, r->out), *folder = mem_format("%s/slurm", results),
         *whole = NULL;
    err_t err = OK;
    TRY_TO(done, sync_make_folder(folder));
    whole = realpath(folder, NULL);
    if (whole == NULL)
        TRY_TO(done, err_errno(ERR_IO, "%s", folder));
    TRY_TO(done, write_script(whole));
    if (!r->dry)
        TRY_TO(done, refuse_second(r, results));
    err = submit_all(r, results, whole);
    if (err_is(err, ERR_MISSING))
        err = err_context(err, "Slurm is not here, and %s/stage.sbatch is written", whole);
done:
    free(whole);
    free(folder);
    free(results);
    return err;
}
