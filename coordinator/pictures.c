// SPDX-License-Identifier: Apache-2.0
#include "coordinator/pictures.h"

#include <stdlib.h>

typedef err_t (*draw_t)(const char *path, const stamp_t *stamp, const samples_t *samples,
                        const metrics_t *metrics);

static err_t histogram(const char *path, const stamp_t *stamp, const samples_t *samples,
                       const metrics_t *metrics)
{
    (void)metrics;
    return figure_rank_histogram(path, stamp, samples);
}

static const struct {
    const char *file, *title;
    draw_t draw;
} pictures[] = {
    {"recovery.png", "Recovery", figure_recovery},
    {"calibration_ecdf.png", "Calibration", figure_calibration},
    {"coverage.png", "Coverage", figure_coverage},
    {"rank_histogram.png", "Ranks", histogram},
    {"z_score_contraction.png", "Contraction and z-score", figure_contraction},
};

err_t pictures_of_diagnosis(const job_t *job, const trained_t *trained, const samples_t *samples,
                            const metrics_t *metrics)
{
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        char *path = job_file(job, pictures[i].file);
        stamp_t stamp = {
            .title = pictures[i].title, .study = job->study.name, .weights = trained->hash};
        err_t err = pictures[i].draw(path, &stamp, samples, metrics);
        free(path);
        TRY(err);
    }
    return OK;
}
