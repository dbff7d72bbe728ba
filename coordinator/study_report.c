// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_report.h"

#include "cluster/mem.h"
#include "coordinator/run_folder.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const report_picture_t all_pictures[] = {
    {.file = "recovery.png", .title = "Recovery"},
    {.file = "calibration_ecdf.png", .title = "Calibration"},
    {.file = "coverage.png", .title = "Coverage"},
    {.file = "rank_histogram.png", .title = "Ranks"},
    {.file = "z_score_contraction.png", .title = "Contraction and z-score"},
    {.file = "loss.png", .title = "Loss"}};
enum { ALL_PICTURES = sizeof all_pictures / sizeof *all_pictures };

static int pictures_there(const char *folder, report_picture_t *out)
{
    int n = 0;
    for (int i = 0; i < ALL_PICTURES; i++) {
        char *path = run_folder_file(folder, all_pictures[i].file);
        if (file_exists(path))
            out[n++] = all_pictures[i];
        free(path);
    }
    return n;
}

static void date_text(size_t cap, char *out)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, cap, "%Y-%m-%d %H:%M UTC", &parts);
}

err_t study_report(const par_t *par, const char *folder, const char *study,
                   const trained_t *trained, const gate_record_t *gate,
                   const report_inferred_t *inferred)
{
    report_picture_t pictures[ALL_PICTURES];
    char date[64], host[64];
    date_text(sizeof date, date);
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    char *hosts = mem_format("%d rank%s, first on %s; %s", par->size, par->size == 1 ? "" : "s",
                             host, trained->software);
    history_verdict_t training =
        history_inspect(trained->epochs, trained->training_loss, trained->validation_losses);
    report_t report = {.study = study,
                       .model = trained->schema.name,
                       .created = date,
                       .gate = gate,
                       .ratings = ratings_default(),
                       .training = trained->epochs > 0 ? &training : NULL,
                       .training_seconds = trained->training_seconds,
                       .training_rows = trained->training_rows,
                       .hosts = hosts,
                       .n_pictures = pictures_there(folder, pictures),
                       .pictures = pictures,
                       .inferred = inferred};
    err_t err = report_write(folder, &report);
    free(hosts);
    return err;
}
