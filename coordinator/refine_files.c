// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_files.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "coordinator/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char NOW[] = "amortizer.h5", OFFLINE[] = "amortizer-offline.h5",
                  REFINED[] = "amortizer-refined.h5", GATE[] = "gate.json",
                  GATE_OFFLINE[] = "gate-offline.json", GATE_REFINED[] = "gate-refined.json";

static err_t load(const job_t *job, const char *name, trained_t *out)
{
    char *path = job_file(job, name);
    err_t err = trained_load(path, out);
    free(path);
    return err;
}

static err_t save(const job_t *job, const char *name, trained_t *t)
{
    char *path = job_file(job, name);
    err_t err = trained_save(t, path);
    free(path);
    return err;
}

static err_t load_put_aside(const job_t *job, const trained_t *refined, trained_t *out)
{
    err_t err = load(job, OFFLINE, out);
    if (err_is(err, ERR_MISSING))
        return err_fail(ERR_MISSING,
                        "%s/amortizer.h5 is a refined network, and amortizer-offline.h5, which it "
                        "was refined from, is not there: train anew with --again",
                        job->folder);
    TRY(err);
    if (strcmp(out->hash, refined->offline) == 0)
        return OK;
    err = err_fail(ERR_MISMATCH,
                   "%s/amortizer.h5 was refined from the weights %s, amortizer-offline.h5 has %s: "
                   "train anew with --again",
                   job->folder, refined->offline, out->hash);
    trained_free(out);
    return err;
}

err_t refine_files_offline(const job_t *job, trained_t *out, char **current)
{
    trained_t now;
    TRY(load(job, NOW, &now));
    *current = mem_copy_text(now.hash);
    if (now.refining == NULL) {
        *out = now;
        return OK;
    }
    err_t err = load_put_aside(job, &now, out);
    trained_free(&now);
    return err;
}

/* ---- the gate ---- */

static err_t check_gate(const job_t *job, const gate_record_t *record, const trained_t *offline)
{
    if (strcmp(record->weights, offline->hash) != 0)
        return err_fail(ERR_GATE,
                        "refine: the gate record in %s is about the weights %s, the amortizer has "
                        "%s: run `infermill diagnose %s` first",
                        job->folder, record->weights, offline->hash, job->study.path);
    if (!record->passed)
        return err_fail(ERR_GATE,
                        "refine: the amortizer does not pass the gate: %s Refinement starts from "
                        "one that does: train longer or on more simulations, and diagnose again "
                        "(%s/report.md says what to try first)",
                        record->reasons[0], job->folder);
    return OK;
}

static err_t read_gate(const job_t *job, const char *path, gate_record_t *out)
{
    err_t err = gate_read(path, out);
    if (err == OK)
        return OK;
    char *why = mem_copy_text(err_text());
    err = err_fail(ERR_GATE,
                   "refine: %s: refinement starts from an amortizer whose gate has passed: run "
                   "`infermill diagnose %s` first",
                   err_is(err, ERR_MISSING) ? "the amortizer was not diagnosed" : why,
                   job->study.path);
    free(why);
    return err;
}

/* Put aside with its network, or where it always is. */
err_t refine_files_gate(const job_t *job, const trained_t *offline, gate_record_t *out)
{
    trained_t now;
    TRY(load(job, NOW, &now));
    char *path = job_file(job, now.refining != NULL ? GATE_OFFLINE : GATE);
    trained_free(&now);
    err_t err = read_gate(job, path, out);
    free(path);
    TRY(err);
    err = check_gate(job, out, offline);
    if (err != OK)
        gate_free(out);
    return err;
}

/* ---- places ---- */

static bool decided(const job_t *job, const trained_t *now)
{
    char *path = job_file(job, "refine.json");
    json_t *record = json_load_file(path, 0, NULL);
    bool fits = strcmp(json_text(record, "kept"), "refined") == 0 &&
                strcmp(json_text(record, "refined"), now->hash) == 0;
    json_decref(record);
    free(path);
    return fits;
}

err_t refine_files_undecided(const job_t *job, bool *undecided)
{
    char *path = job_file(job, NOW);
    bool there = file_exists(path);
    free(path);
    *undecided = false;
    if (!there)
        return OK;
    trained_t now;
    TRY(load(job, NOW, &now));
    *undecided = now.refining != NULL && !decided(job, &now);
    trained_free(&now);
    return OK;
}

static err_t copy_gate(const job_t *job, const char *from, const char *to)
{
    char *source = job_file(job, from), *target = job_file(job, to);
    gate_record_t record;
    err_t err = gate_read(source, &record);
    if (err == OK) {
        err = gate_write(target, &record);
        gate_free(&record);
    }
    free(source);
    free(target);
    return err;
}

err_t refine_files_install(const job_t *job, trained_t *refined)
{
    trained_t now;
    TRY(load(job, NOW, &now));
    err_t err = OK;
    if (now.refining == NULL) { // else it was put aside before
        err = copy_gate(job, GATE, GATE_OFFLINE);
        if (err == OK)
            err = save(job, OFFLINE, &now);
    }
    trained_free(&now);
    TRY(err);
    return save(job, NOW, refined);
}

err_t refine_files_take_back(const job_t *job)
{
    trained_t offline;
    TRY(load(job, OFFLINE, &offline));
    err_t err = save(job, NOW, &offline);
    trained_free(&offline);
    return err;
}

static err_t remove_file(const job_t *job, const char *name)
{
    char *path = job_file(job, name);
    err_t err = unlink(path) == 0 || errno == ENOENT ? OK : err_errno(ERR_IO, "removing %s", path);
    free(path);
    return err;
}

err_t refine_files_tidy(const job_t *job, bool refined)
{
    TRY(remove_file(job, refined ? REFINED : OFFLINE));
    return remove_file(job, refined ? GATE_REFINED : GATE_OFFLINE);
}
