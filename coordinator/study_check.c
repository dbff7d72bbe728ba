// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_check.h"

#include "cluster/mem.h"
#include "diagnostics/predictive.h"
#include "workers/ladder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names the setting, whether the study says it or leaves it to its default. */
static err_t wrong(yaml_node_ref_t root, const char *section, const char *key, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

static err_t wrong(yaml_node_ref_t root, const char *section, const char *key, const char *format,
                   ...)
{
    yaml_node_ref_t map = yaml_node_get(root, section), node = yaml_node_get(map, key);
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (yaml_node_kind(node) != YAML_KIND_ABSENT)
        return yaml_node_error(node, "%s", text);
    if (yaml_node_kind(map) != YAML_KIND_ABSENT)
        return yaml_node_error(map, "%s: %s", key, text);
    return yaml_node_error(root, "%s.%s: %s", section, key, text);
}

/* ---- the simulator ---- */

typedef struct {
    const char *name;
    double size;
} unit_t;

/* Of "1.5 GB" with one of n units; 0 when it makes no sense, or is beyond `most`. Blanks may stand before the unit where `spaced`. */
static double amount_of(const char *text, int n, const unit_t *units, bool spaced, double most)
{
    size_t length = yaml_number_length(text);
    double value;
    char number[32];
    if (length == 0 || length >= sizeof number)
        return 0;
    memcpy(number, text, length);
    number[length] = '\0';
    const char *unit = text + length + (spaced ? strspn(text + length, " ") : 0);
    for (int i = 0; i < n; i++)
        if (strcmp(unit, units[i].name) == 0 && yaml_parse_real(number, &value) && value > 0 &&
            value * units[i].size <= most)
            return value * units[i].size;
    return 0;
}

double study_duration(const char *text)
{
    static const unit_t units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    return amount_of(text, sizeof units / sizeof *units, units, false, 1e8);
}

/* Bytes of "800 MB", powers of 1000; 0 when it makes no sense. */
static double bytes_of(const char *text)
{
    static const unit_t units[] = {{"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};
    return amount_of(text, sizeof units / sizeof *units, units, true, 1e15);
}

static err_t check_memory(study_t *s, yaml_node_ref_t model)
{
    if (s->model.memory_per_draw == NULL)
        return OK;
    s->model.memory_bytes = bytes_of(s->model.memory_per_draw);
    return s->model.memory_bytes > 0
               ? OK
               : yaml_node_error(yaml_node_get(model, "memory_per_draw"),
                                 "got \"%s\", expected memory with its unit: 800 MB, 2 GB",
                                 s->model.memory_per_draw);
}

static err_t check_draws(study_t *s, yaml_node_ref_t root)
{
    yaml_node_ref_t model = yaml_node_get(root, "model"),
                    ranks = yaml_node_get(model, "ranks_per_draw");
    TRY(check_memory(s, model));
    if (s->model.ranks_per_draw == 1)
        return OK;
    if (s->model.plugin == NULL)
        return yaml_node_error(ranks, "draws on several MPI ranks are for plugins");
    if (s->model.isolate || s->model.timeout != NULL)
        return yaml_node_error(ranks, "a process of its own (isolate, timeout) is no MPI rank: "
                                      "leave these out, or ranks_per_draw");
    if (s->refine.rows > 0)
        return yaml_node_error(ranks, "refinement is fed by workers of one process each: leave "
                                      "refine out, or ranks_per_draw");
    return OK;
}

static err_t check_model(study_t *s, yaml_node_ref_t model)
{
    bool command = s->model.command.n > 0;
    if ((s->model.builtin != NULL) + (s->model.plugin != NULL) + command +
            (s->model.declaration != NULL) !=
        1)
        return yaml_node_error(model, "expected one of builtin, plugin, command and declaration");
    if (s->model.timeout != NULL) {
        s->model.timeout_seconds = study_duration(s->model.timeout);
        if (s->model.timeout_seconds <= 0)
            return yaml_node_error(yaml_node_get(model, "timeout"),
                                   "got \"%s\", expected a time with its unit: "
                                   "500ms, 30s, 5m, 2h",
                                   s->model.timeout);
    }
    if (s->model.plugin == NULL && !command && (s->model.isolate || s->model.timeout != NULL))
        return yaml_node_error(model, "timeout and isolate are for plugins and commands");
    return OK;
}

/* A declared model: its bank as it is, and held-out data sets out of it. */
static err_t check_declared(study_t *s, yaml_node_ref_t root)
{
    yaml_node_ref_t bank = yaml_node_get(root, "bank"),
                    parameters = yaml_node_get(root, "parameters");
    if (s->model.declaration == NULL && s->bank.import.n > 0)
        return wrong(root, "bank", "import",
                     "files are imported for a model that is only declared (model: {declaration: "
                     "FILE}); the rows of this one are simulated");
    if (s->model.declaration == NULL)
        return OK;
    if (yaml_node_kind(parameters) != YAML_KIND_ABSENT)
        return yaml_node_error(parameters,
                               "parameters: the model is only declared, so nothing is drawn from a "
                               "prior: leave it out");
    if (yaml_node_kind(yaml_node_get(bank, "rows")) == YAML_KIND_ABSENT)
        s->bank.rows = 0;
    if (s->train.held_out_rows == 0)
        s->train.held_out_rows = s->diagnose.datasets;
    return OK;
}

/* ---- the bank and its training ---- */

static err_t check_bank(const study_t *s, yaml_node_ref_t root)
{
    if (s->bank.shard_rows % 256 != 0)
        return wrong(root, "bank", "shard_rows", "got %" PRId64 ", expected a multiple of 256",
                     s->bank.shard_rows);
    return OK;
}

/* The most slices of at least 16 rows that a batch is cut into evenly. */
static int64_t slices_of(int64_t batch)
{
    int64_t slices = batch >= 16 ? batch / 16 : 1;
    while (batch % slices != 0)
        slices--;
    return slices;
}

static err_t check_slices(study_t *s, yaml_node_ref_t root)
{
    if (s->train.slices == 0)
        s->train.slices = slices_of(s->train.batch_size);
    if (s->train.batch_size % s->train.slices != 0)
        return wrong(root, "train", "batch_size",
                     "got %" PRId64 ", expected a multiple of train.slices (%" PRId64
                     "): change one of them, or leave slices out",
                     s->train.batch_size, s->train.slices);
    return OK;
}

static err_t check_split(const study_t *s, yaml_node_ref_t root)
{
    int64_t rows = s->bank.rows, held = s->train.validation_rows, apart = s->train.held_out_rows;
    if (held < STUDY_FEWEST_VALIDATION)
        return wrong(
            root, "train", "validation_rows",
            "got %" PRId64
            ", expected %d or more: without rows that are held back nothing tells learning from "
            "memorising. Leave it out: 1000 are the default; of a small bank a tenth",
            held, STUDY_FEWEST_VALIDATION);
    if (rows == 0) // the bank will tell
        return OK;
    if (apart > 0 && (held + apart) * 2 > rows)
        return study_check_rows(s);
    if (held * 2 > rows)
        return wrong(root, "train", "validation_rows",
                     "got %" PRId64 ", expected at most half of bank.rows (%" PRId64
                     "), or little is left to train on: simulate more rows, or hold back fewer",
                     held, rows);
    if (rows - held - apart < s->train.batch_size)
        return wrong(root, "train", "batch_size",
                     "got %" PRId64 ", expected at most %" PRId64
                     ", the rows that are left to train on (bank.rows %" PRId64
                     " less train.validation_rows %" PRId64
                     "): take a smaller batch, or simulate more rows",
                     s->train.batch_size, rows - held - apart, rows, held + apart);
    return OK;
}

err_t study_check_rows(const study_t *s)
{
    int64_t held = s->train.validation_rows, apart = s->train.held_out_rows;
    if ((held + apart) * 2 <= s->bank.rows)
        return OK;
    return err_fail(ERR_USAGE,
                    "%s: train: %" PRId64 " rows for validation and %" PRId64
                    " held out for diagnose, expected at most half of the bank's %" PRId64
                    ", or little is left to train on: set train.validation_rows and "
                    "train.held_out_rows lower, or get more simulations",
                    s->path, held, apart, s->bank.rows);
}

/* ---- refinement ---- */

static err_t no_simulator(yaml_node_ref_t refine)
{
    return yaml_node_error(refine,
                           "the model is only declared, so nothing can be simulated: leave "
                           "the section out, or give the simulator (model: {plugin: FILE})");
}

/* Auto: of 16 batches, or of a round where that is less. */
static err_t check_chunk(study_t *s, yaml_node_ref_t root)
{
    int64_t round = s->refine.rows / s->refine.rounds, least = s->train.batch_size;
    if (round < least)
        return wrong(root, "refine", "rows",
                     "got %" PRId64 ", expected %" PRId64
                     " or more: each of refine.rounds (%" PRId64
                     ") has one train.batch_size (%" PRId64
                     ") at least. Simulate more rows, or take fewer rounds",
                     s->refine.rows, s->refine.rounds * least, s->refine.rounds, least);
    if (s->refine.chunk_rows == 0)
        s->refine.chunk_rows = round < 16 * least ? round : 16 * least;
    if (s->refine.chunk_rows < least || s->refine.chunk_rows > round)
        return wrong(root, "refine", "chunk_rows",
                     "got %" PRId64 ", expected %" PRId64 " to %" PRId64
                     ": one batch at least, and at most the rows of a round. Leave it out",
                     s->refine.chunk_rows, least, round);
    return OK;
}

static err_t check_windows(study_t *s, yaml_node_ref_t root)
{
    int64_t chunk = s->refine.chunk_rows;
    if (s->refine.look_ahead_rows == 0)
        s->refine.look_ahead_rows = 8 * chunk;
    if (s->refine.look_ahead_rows < chunk)
        return wrong(root, "refine", "look_ahead_rows",
                     "got %" PRId64 ", expected at least one chunk (%" PRId64
                     " rows), or training would wait for ever. Leave it out: 8 are the default",
                     s->refine.look_ahead_rows, chunk);
    if (s->refine.reservoir_rows < chunk)
        return wrong(root, "refine", "reservoir_rows",
                     "got %" PRId64 ", expected at least one chunk (%" PRId64
                     " rows). Leave it out: 16384 are the default",
                     s->refine.reservoir_rows, chunk);
    return OK;
}

static err_t check_refine(study_t *s, yaml_node_ref_t root)
{
    yaml_node_ref_t refine = yaml_node_get(root, "refine");
    if (yaml_node_kind(refine) == YAML_KIND_ABSENT)
        return OK;
    if (s->model.declaration != NULL)
        return no_simulator(refine);
    if (s->refine.rows == 0)
        return wrong(root, "refine", "rows",
                     "got 0, expected how many fresh simulations to train on: rows: %" PRId64
                     " doubles what the offline training has. Without refinement leave `refine` "
                     "out",
                     s->bank.rows);
    if (s->refine.bank_share >= 1)
        return wrong(root, "refine", "bank_share",
                     "got %g, expected less than 1: with 1 no fresh row would be trained on",
                     s->refine.bank_share);
    if (s->refine.learning_rate == 0)
        s->refine.learning_rate = s->train.learning_rate / 5;
    TRY(check_chunk(s, root));
    return check_windows(s, root);
}

/* ---- the gate ---- */

static err_t few_datasets(yaml_node_ref_t root, const char *key, int64_t got)
{
    return wrong(
        root, "diagnose", key,
        "got %" PRId64
        ", expected %d or more: on fewer held-out data sets a wrong posterior passes by luck "
        "and a right one fails. Leave it out: 300 are the default",
        got, STUDY_FEWEST_DATASETS);
}

static err_t check_gate(const study_t *s, yaml_node_ref_t root)
{
    int64_t asked = s->diagnose.datasets, least = s->diagnose.minimum_datasets;
    if (asked < STUDY_FEWEST_DATASETS)
        return few_datasets(root, "datasets", asked);
    if (least < STUDY_FEWEST_DATASETS)
        return few_datasets(root, "minimum_datasets", least);
    if (asked < least)
        return wrong(root, "diagnose", "datasets",
                     "got %" PRId64 ", expected %" PRId64
                     " or more: the gate does not pass on fewer than "
                     "diagnose.minimum_datasets. Ask for datasets: %" PRId64
                     ", or, where each costs too much, minimum_datasets: %" PRId64,
                     asked, least, least, asked);
    return OK;
}

/* ---- real data ---- */

static err_t check_predictive(const study_t *s, yaml_node_ref_t root)
{
    if (s->infer.predictive == 0 || s->infer.predictive >= PREDICTIVE_FEWEST)
        return OK;
    return wrong(root, "infer", "predictive",
                 "got %" PRId64 ", expected 0 (no check) or %d or more: fewer simulations can not "
                 "tell an unlike data set from chance. Leave it out: 50 are the default",
                 s->infer.predictive, PREDICTIVE_FEWEST);
}

static err_t check_ladder(const study_t *s, yaml_node_ref_t root)
{
    ladder_rungs_t rungs;
    if (s->infer.ladder.n == 0 ||
        ladder_read(s->infer.ladder.n, (const char *const *)s->infer.ladder.at, &rungs) == OK)
        return OK;
    char *why = mem_copy_text(err_text());
    err_t err = yaml_node_error(yaml_node_get(yaml_node_get(root, "infer"), "ladder"), "%s", why);
    free(why);
    return err;
}

/* Limits of the ratings, from the best to the worst. */
static err_t check_ratings(const study_t *s, yaml_node_ref_t root)
{
    const ratings_t *r = &s->diagnose.ratings;
    const struct {
        const char *better, *worse;
        double low, high;
    } pairs[] = {{"calibration_excellent", "calibration_fair", r->calibration_excellent,
                  r->calibration_fair},
                 {"nrmse_excellent", "nrmse_good", r->nrmse_excellent, r->nrmse_good},
                 {"nrmse_good", "nrmse_fair", r->nrmse_good, r->nrmse_fair},
                 {"contraction_low", "contraction_high", r->contraction_low, r->contraction_high}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].low > pairs[i].high)
            return yaml_node_error(yaml_node_get(yaml_node_get(root, "diagnose"), "ratings"),
                                   "%s is %g and %s is %g, expected the first to be the smaller",
                                   pairs[i].better, pairs[i].low, pairs[i].worse, pairs[i].high);
    return OK;
}

err_t study_check(study_t *s, yaml_node_ref_t root)
{
    TRY(check_ratings(s, root));
    if (s->slug[0] == '\0')
        return yaml_node_error(yaml_node_get(root, "study"), "study: \"%s\" has no letter or digit",
                               s->name);
    TRY(check_model(s, yaml_node_get(root, "model")));
    TRY(check_draws(s, root));
    TRY(check_declared(s, root));
    TRY(check_bank(s, root));
    TRY(check_slices(s, root));
    TRY(check_split(s, root));
    TRY(check_refine(s, root));
    TRY(check_gate(s, root));
    TRY(check_ladder(s, root));
    return check_predictive(s, root);
}
