// SPDX-License-Identifier: Apache-2.0
#include "coordinator/training_stage.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t name_length(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n;
}

err_t training_stage_expand(const char *text, char **out)
{
    text_t whole = text_create();
    *out = NULL;
    while (*text != '\0') {
        if (*text != '$') {
            text_add(&whole, "%c", *text++);
            continue;
        }
        bool braces = text[1] == '{';
        const char *name = text + 1 + braces;
        size_t n = name_length(name);
        char *variable = mem_format("%.*s", (int)n, name);
        const char *value = n > 0 && (!braces || name[n] == '}') ? getenv(variable) : NULL;
        if (value == NULL) {
            err_t err = err_fail(ERR_USAGE,
                                 "train.stage: the environment has no variable \"%s\", expected a "
                                 "folder such as $TMPDIR",
                                 variable);
            free(variable);
            text_free(&whole);
            return err;
        }
        text_add(&whole, "%s", value);
        text = name + n + braces;
        free(variable);
    }
    *out = whole.data;
    return OK;
}

static err_t folder_to(const study_t *study, char **out)
{
    char *text;
    TRY(training_stage_expand(study->train.stage, &text));
    *out = text[0] == '/' ? mem_copy_text(text) : mem_format("%s/%s", study->folder, text);
    free(text);
    return OK;
}

// On the first rank of a node.
static err_t copy_here(const study_t *study, training_stage_t *s)
{
    bank_t *bank = NULL;
    char *to = NULL;
    err_t err;
    TRY_TO(done, folder_to(study, &to));
    TRY_TO(done, bank_open(study->bank.path, &bank));
    err = stage_open(bank, study->bank.path, to, &s->stage);
    if (err_is(err, ERR_IO)) {
        log_warning("train: the bank is read where it lies, not from train.stage: %s", err_text());
        err_clear();
        err = OK;
    }
done:
    bank_close(&bank);
    free(to);
    return err;
}

err_t training_stage_open(const job_t *job, training_stage_t *out)
{
    const study_t *study = &job->study;
    *out = (training_stage_t){.keep = study->train.stage_keep};
    if (study->train.stage == NULL) {
        out->folder = mem_copy_text(study->bank.path);
        return OK;
    }
    par_t node = par_node(job->par);
    err_t err = par_agree(job->par, node.rank == 0 ? copy_here(study, out) : OK);
    if (err == OK) {
        const char *folder = out->stage != NULL ? stage_folder(out->stage) : study->bank.path;
        out->folder = par_broadcast_text(&node, 0, folder);
        if (job->par->rank == 0 && out->stage != NULL)
            log_info("train: the bank is read from %s%s", folder,
                     stage_reused(out->stage) ? ", which was there and is whole" : "");
    } else {
        stage_close(&out->stage, out->keep);
    }
    par_release(&node);
    return err;
}

void training_stage_close(const par_t *par, training_stage_t *s)
{
    par_barrier(par);
    stage_close(&s->stage, s->keep);
    free(s->folder);
    s->folder = NULL;
}
