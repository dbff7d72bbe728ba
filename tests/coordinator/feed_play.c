// SPDX-License-Identifier: Apache-2.0
//
// feed_play STUDY ENDPOINT END STATE: a trainer that only uses fresh rows: those of the study's bank from bank.rows to END, in
// chunks, with a checkpoint in the file STATE after each. It goes on where that file stands, so it may be killed at any time.
// At its end it says how many rows it used, counted over all its lives.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/feed.h"
#include "storage/h5.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 100, LOOK_AHEAD = 800, CHUNK_MICROSECONDS = 80000 };

// Position, and rows used in all lives as far as the checkpoints know.
typedef struct {
    int64_t position, used;
} state_t;

static state_t state_read(const char *path, int64_t first)
{
    state_t s = {first, 0};
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return s;
    CHECK(fscanf(file, "%" SCNd64 " %" SCNd64, &s.position, &s.used) == 2, "%s is torn", path);
    fclose(file);
    return s;
}

static void state_write(const char *path, state_t s)
{
    char *part = mem_format("%s.part", path);
    FILE *file = fopen(part, "w");
    CHECK(file != NULL && fprintf(file, "%" PRId64 " %" PRId64 "\n", s.position, s.used) > 0 &&
              fclose(file) == 0 && rename(part, path) == 0,
          "%s can not be written", path);
    free(part);
}

static err_t train(feed_t *feed, const schema_t *schema, const char *path, state_t *s)
{
    err_t err = OK;
    rows_t rows = rows_create(schema, CHUNK);
    const int64_t *beyond;
    int64_t n;
    for (bool got; !feed_over(feed);) {
        TRY_TO(done, feed_next(feed, 100, &rows, &got));
        s->used += rows.n;
        if (!got)
            continue;
        TRY_TO(done, feed_keep(feed));
        s->position = feed_position(feed, &n, &beyond);
        state_write(path, *s);
        usleep(CHUNK_MICROSECONDS);
    }
done:
    rows_destroy(&rows);
    return err;
}

static err_t play(const par_t *par, char **argv, state_t *s)
{
    study_t study;
    simulator_t *simulator = NULL;
    feed_t *feed = NULL;
    err_t err;
    TRY_TO(done, study_read(argv[1], &study));
    TRY_TO(done, study_simulator(&study, &simulator));
    *s = state_read(argv[4], study.bank.rows);
    feed_config_t config = {.endpoint = argv[2],
                            .study = &study,
                            .schema = simulator_schema(simulator),
                            .first = study.bank.rows,
                            .end = atoll(argv[3]),
                            .look_ahead = LOOK_AHEAD,
                            .chunk_rows = CHUNK,
                            .position = s->position,
                            .beat_ms = 200};
    TRY_TO(done, feed_open(par, &config, &feed));
    err = train(feed, config.schema, argv[4], s);
done:
    feed_close(&feed);
    simulator_close(&simulator);
    study_free(&study);
    return err;
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    state_t s = {0};
    CHECK(argc == 5, "expected STUDY ENDPOINT END STATE");
    log_set(LOG_WARNING, par.rank);
    err_t err = play(&par, argv, &s);
    if (err == OK)
        printf("used %" PRId64 " rows\n", s.used);
    else
        log_error("%s", err_text());
    if (h5_stuck()) { // it crashes at its end on a file that it could not close
        fflush(NULL);
        _exit(err_exit_code(err));
    }
    par_stop(&par);
    return err_exit_code(err);
}
