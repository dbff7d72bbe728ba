// SPDX-License-Identifier: Apache-2.0
#include "coordinator/auto_log.h"

#include "cluster/mem.h"
#include "cluster/yaml_edit.h"
#include "coordinator/run_folder.h"
#include "diagnostics/json.h"
#include "diagnostics/markup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char AUTO_FORMAT[] = "infermill-auto-1";

static char *auto_hash(const char *text)
{
    return mem_format("%016" PRIx64, (uint64_t)XXH3_64bits(text, strlen(text)));
}

static json_t *auto_log_read(const char *folder)
{
    char *path = run_folder_file(folder, "auto.json");
    json_t *log = json_load_file(path, 0, NULL);
    free(path);
    if (log != NULL && strcmp(json_text(log, "format"), AUTO_FORMAT) == 0)
        return log;
    json_decref(log);
    return NULL;
}

static json_t *auto_log_new(const char *hash)
{
    json_t *log = json_object();
    json_object_set_new(log, "format", json_string(AUTO_FORMAT));
    json_object_set_new(log, "study", json_string(hash));
    json_object_set_new(log, "decisions", json_array());
    json_object_set_new(log, "seconds", json_real(0));
    return log;
}

/* Of the study without its budget: more of it is no other study. */
static char *auto_study_hash(const char *study_text)
{
    char *text = mem_copy_text(study_text);
    static const char *const keys[] = {"auto.rows", "auto.minutes"};
    for (int i = 0; i < 2; i++) {
        char *edited = NULL;
        if (yaml_edit(text, "study", keys[i], "0", &edited) != OK) {
            err_clear();
            continue;
        }
        free(text);
        text = edited;
    }
    char *hash = auto_hash(text);
    free(text);
    return hash;
}

json_t *auto_log_open(const char *folder, const char *study_text)
{
    char *hash = auto_study_hash(study_text);
    json_t *log = auto_log_read(folder);
    if (log == NULL || strcmp(json_text(log, "study"), hash) != 0 ||
        !json_is_array(json_object_get(log, "decisions"))) {
        json_decref(log);
        log = auto_log_new(hash);
    }
    free(hash);
    return log;
}

static err_t apply_settings(json_t *settings, const char *where, char **text)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        char *edited = NULL;
        const char *words = json_string_value(value);
        TRY(yaml_edit(*text, where, key, words ? words : "", &edited));
        free(*text);
        *text = edited;
    }
    return OK;
}

err_t auto_log_apply(const json_t *log, const char *study_text, const char *where, char **out)
{
    const json_t *decisions = json_object_get(log, "decisions");
    char *text = mem_copy_text(study_text);
    err_t err = OK;
    for (size_t i = 0; i < json_array_size(decisions) && err == OK; i++)
        err =
            apply_settings(json_object_get(json_array_get(decisions, i), "settings"), where, &text);
    *out = err == OK ? text : NULL;
    if (err != OK)
        free(text);
    return err;
}

static err_t write_study(const char *folder, const char *study_path, const char *reached)
{
    char *path = run_folder_file(folder, "study-auto.yaml");
    char *text = mem_format("# Settings that `infermill run --auto %s` reached. Copy this file "
                            "beside that one to use it:\n# paths in it are relative to there.\n%s",
                            study_path, reached);
    err_t err = file_replace(path, strlen(text), text);
    free(text);
    free(path);
    return err;
}

err_t auto_log_write(const char *folder, json_t *log, const char *study_path, const char *reached)
{
    char *path = run_folder_file(folder, "auto.json"), *hash = auto_hash(reached);
    json_object_set_new(log, "reached", json_string(hash));
    err_t err = json_write(path, log);
    if (err == OK)
        err = write_study(folder, study_path, reached);
    free(hash);
    free(path);
    return err;
}

json_t *auto_log_of(const char *folder, const char *reached)
{
    json_t *log = auto_log_read(folder);
    char *hash = auto_hash(reached);
    if (log != NULL && strcmp(json_text(log, "reached"), hash) != 0) {
        json_decref(log);
        log = NULL;
    }
    free(hash);
    return log;
}
