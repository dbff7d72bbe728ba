// SPDX-License-Identifier: Apache-2.0
#include "cluster/machine_check.h"
#include "cluster/ranks_check.h"
#include "cluster/wire_check.h"
#include "coordinator/command.h"
#include "coordinator/doctor_ranks.h"
#include "coordinator/findings_json.h"
#include "coordinator/json_out.h"
#include "nn/blas_check.h"
#include "storage/folder_check.h"
#include "storage/h5_check.h"

#include <stdio.h>

enum { NAME_WIDTH = 20 };

static void print_lines(const findings_t *list)
{
    for (int i = 0; i < list->n; i++) {
        const finding_t *f = &list->all[i];
        printf("%-8s %-*s %s\n", findings_word(f->verdict), NAME_WIDTH, f->what, f->found);
        if (f->advice != NULL)
            printf("%-8s %-*s -> %s\n", "", NAME_WIDTH, "", f->advice);
    }
    int failed = findings_count(list, FINDING_FAILED);
    int warnings = findings_count(list, FINDING_WARNING);
    printf("%d checks: %d failed, %d warnings\n", list->n, failed, warnings);
}

static void print_findings(const findings_t *list, bool as_json)
{
    if (!as_json)
        return print_lines(list);
    json_t *json = findings_json(list);
    json_print(json);
    json_decref(json);
}

/* Ranks come first: they are started before this process has threads of its own. */
static void look(const par_t *par, const char *folder, findings_t *out)
{
    machine_check(out);
    if (par != NULL)
        ranks_check(par, folder, out);
    else
        doctor_ranks(folder, out);
    h5_check(out);
    wire_check(out);
    blas_check(out);
    folder_check(folder, out);
}

/* Rank 0 looks; the others answer where all ranks are asked. */
static void look_on_ranks(const par_t *par, const char *folder, findings_t *out)
{
    if (par->rank == 0 && !doctor_ranks_asked())
        look(par, folder, out);
    else
        ranks_check(par, folder, out);
}

err_t command_doctor(const par_t *par, const options_t *options)
{
    findings_t list = findings_create();
    const char *folder = options->n_arguments > 0 ? options->arguments[0] : ".";
    if (par == NULL)
        look(NULL, folder, &list);
    else
        look_on_ranks(par, folder, &list);
    if (par == NULL || par->rank == 0)
        print_findings(&list, options->json);
    int failed = findings_count(&list, FINDING_FAILED);
    err_t err =
        failed == 0 ? OK : err_fail(ERR_FAILED, "doctor: %d of %d checks failed", failed, list.n);
    findings_free(&list);
    return err;
}
