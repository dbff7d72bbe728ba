// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "coordinator/campaign_state.h"
#include "coordinator/command.h"
#include "coordinator/feed_report.h"
#include "coordinator/hub_keys.h"
#include "coordinator/json_out.h"
#include "coordinator/run_folder.h"
#include "coordinator/slurm_chain.h"
#include "storage/sync.h"
#include "workers/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_MS = 1000, REPEATS = 10 };

static err_t print_answer(const char *json, bool as_json)
{
    char *lines;
    TRY(feed_report_lines(json, &lines));
    if (as_json)
        puts(json);
    else
        fputs(lines, stdout);
    free(lines);
    return OK;
}

/* Waits for one answer; *json is NULL where none came, and is the caller's. */
static err_t hear_answer(wire_socket_t *socket, char **json)
{
    message_t head;
    wire_data_t data;
    *json = NULL;
    if (wire_receive_data(socket, REPEAT_MS, NULL, &head, &data) != WIRE_MESSAGE)
        return OK;
    err_t err = OK;
    if (message_type(&head) == STREAM_STATUS)
        err = stream_read_status(&head, data.n, data.bytes, json);
    wire_data_free(&data);
    return err;
}

static err_t ask(const options_t *o, wire_socket_t *socket)
{
    for (int i = 0; i < REPEATS; i++) {
        char *json;
        stream_message_t question = stream_write_status(NULL);
        wire_send_data(socket, NULL, &question.head, question.n, question.data, NULL, NULL);
        TRY(hear_answer(socket, &json));
        if (json == NULL)
            continue;
        err_t err = print_answer(json, o->json);
        free(json);
        return err;
    }
    return err_fail(
        ERR_MISSING,
        "no hub answers at %s within %d s; where it is there, it may not admit this key "
        "(`infermill keys list`)",
        o->connect, REPEATS * REPEAT_MS / 1000);
}

static err_t connect_and_ask(const options_t *o, const wire_keys_t *own, const char *hub_key)
{
    err_t err;
    bool encrypted = hub_key[0] != '\0';
    wire_t *wire = NULL;
    wire_socket_t *socket = NULL;
    wire_options_t options = {.keys = encrypted ? own : NULL, .data_cap = STREAM_JSON_MOST};
    TRY_TO(done, wire_start(&wire));
    TRY_TO(done,
           wire_connect_with(wire, o->connect, &options, encrypted ? hub_key : NULL, &socket));
    err = ask(o, socket);
done:
    wire_close(&socket);
    wire_stop(&wire);
    return err;
}

/* ---- of a study ---- */

static void print_state(const campaign_state_t *state, const char *jobs, bool as_json)
{
    if (!as_json) {
        campaign_state_print(state);
        printf("%s%s", jobs[0] ? "jobs of Slurm:\n" : "", jobs);
        return;
    }
    json_t *all = campaign_state_json(state);
    json_object_set_new(all, "jobs", json_string(jobs));
    json_print(all);
    json_decref(all);
}

static err_t write_metrics(const campaign_state_t *state, const char *study, const char *path)
{
    char *text = campaign_state_metrics(state, study);
    err_t err = sync_replace(path, text);
    free(text);
    return err;
}

static err_t status_of_study(const options_t *o)
{
    study_t study;
    TRY(study_read(o->arguments[0], &study));
    char *folder = run_folder_path(&study, o->out);
    campaign_state_t state;
    text_t jobs = text_create();
    err_t err = campaign_state_read(&study, folder, &state);
    if (err == OK && slurm_chain_states(folder, &jobs) != OK)
        log_warning("of its jobs nothing is known: %s", err_text());
    if (err == OK && o->metrics != NULL)
        err = write_metrics(&state, study.name, o->metrics);
    else if (err == OK)
        print_state(&state, jobs.data, o->json);
    campaign_state_free(&state);
    text_free(&jobs);
    free(folder);
    study_free(&study);
    return err;
}

err_t command_status(const par_t *par, const options_t *options)
{
    (void)par;
    if (options->n_arguments > 0)
        return status_of_study(options);
    wire_keys_t own;
    char hub_key[WIRE_KEY_CAP];
    if (options->connect == NULL)
        return err_fail(ERR_USAGE, "status: --connect is missing: got none, expected the endpoint "
                                   "of a hub (`infermill refine` prints it), such as "
                                   "tcp://127.0.0.1:5555, or a study");
    TRY(hub_keys_read(options, &own, hub_key));
    err_t err = connect_and_ask(options, &own, hub_key);
    explicit_bzero(&own, sizeof own);
    return err;
}
