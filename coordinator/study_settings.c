// SPDX-License-Identifier: Apache-2.0
//
// The settings of a study file: one table of keys, types, defaults and ranges. A row is wider than our lines, so that it
// can be read as one.
#include "coordinator/study_settings.h"

#include "coordinator/infer_keep.h"
#include "coordinator/study_network.h"
#include "workers/distribution.h"
#include "workers/replicate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
#define AT(member) offsetof(study_t, member)

static const char *const failure_words[] = {"mark", "stop", NULL};   // as failure_t
static const char *const compress_words[] = {"none", "deflate", NULL};

static const yaml_field_t model_fields[] = {
    {.key = "builtin", .type = YAML_TEXT, .offset = AT(model.builtin), .help = "a built-in simulator: see `infermill models`"},
    {.key = "plugin", .type = YAML_TEXT, .offset = AT(model.plugin), .help = "a shared object written against infermill/simulator.h"},
    {.key = "command", .type = YAML_TEXTS, .offset = AT(model.command), .help = "[program, arguments]: answers JSON lines, runs in the study's folder"},
    {.key = "declaration", .type = YAML_TEXT, .offset = AT(model.declaration), .help = "what the model is, for rows simulated elsewhere: a YAML file, or the bank.yaml of a bank of it"},
    {.key = "timeout", .type = YAML_TEXT, .offset = AT(model.timeout), .help = "of a row, with its unit: 500ms, 30s, 5m, 2h; default: none. A plugin is then isolated"},
    {.key = "isolate", .type = YAML_BOOL, .offset = AT(model.isolate), .fallback = "false", .help = "run the plugin in a process of its own: a crash marks the row, and the campaign goes on"},
    {.key = "on_failure", .type = YAML_WORD, .offset = AT(model.on_failure), .fallback = "mark", .words = failure_words, .help = "a row that ends in an error, a timeout or a crash is marked, or stops the campaign"},
    {.key = "ranks_per_draw", .type = YAML_INTEGER, .offset = AT(model.ranks_per_draw), .fallback = "1", .low = 1, .high = 1e5, .help = "MPI ranks that one draw of the plugin takes; it gets a communicator (create_on_ranks)"},
    {.key = "threads_per_draw", .type = YAML_INTEGER, .offset = AT(model.threads_per_draw), .fallback = "0", .low = 0, .high = 4096, .help = "threads of the simulator of one rank (OMP_NUM_THREADS and its kin); so many fewer ranks are started; 0: not told"},
    {.key = "memory_per_draw", .type = YAML_TEXT, .offset = AT(model.memory_per_draw), .help = "of the simulator of one rank, with its unit: 800 MB, 2 GB; no more ranks are started than fit; default: not told"},
    {0}};

static const yaml_field_t bank_fields[] = {
    {.key = "path", .type = YAML_TEXT, .offset = AT(bank.path), .fallback = "bank", .help = "folder of the bank"},
    {.key = "rows", .type = YAML_INTEGER, .offset = AT(bank.rows), .fallback = "20000", .low = 1, .high = 1e12, .help = "simulations; of a declared model: all of the bank"},
    {.key = "import", .type = YAML_TEXTS, .offset = AT(bank.import), .help = "files of simulations made elsewhere (HDF5, CSV, name=FILE.npy): the bank is made of them"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(bank.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "row i is a function of (seed, i)"},
    {.key = "shard_rows", .type = YAML_INTEGER, .offset = AT(bank.shard_rows), .fallback = "4096", .low = 256, .high = 1e7, .help = "rows of one file, a multiple of 256"},
    {.key = "compress", .type = YAML_WORD, .offset = AT(bank.compress), .fallback = "none", .words = compress_words, .help = "of shards; deflate reads slower"},
    {.key = "journal_seconds", .type = YAML_REAL, .offset = AT(bank.journal_seconds), .fallback = "1", .low = 0, .high = 1e9, .help = "work of a rank that a crash may cost; 0: not even one row"},
    {.key = "failure_limit", .type = YAML_REAL, .offset = AT(bank.failure_limit), .fallback = "0.5", .low = 0, .high = 1, .help = "share of rows (nonfinite, error, timeout, crashed) above which a campaign stops"},
    {0}};

static const yaml_field_t train_fields[] = {
    {.key = "epochs", .type = YAML_INTEGER, .offset = AT(train.epochs), .fallback = "60", .low = 1, .high = 1e6, .help = "passes over the bank"},
    {.key = "batch_size", .type = YAML_INTEGER, .offset = AT(train.batch_size), .fallback = "64", .low = 1, .high = 1e6, .help = "rows of one step"},
    {.key = "slices", .type = YAML_INTEGER, .offset = AT(train.slices), .fallback = "0", .low = 0, .high = 65536, .help = "parts of a batch, dealt to ranks; 0: one for 16 rows or a few more"},
    {.key = "learning_rate", .type = YAML_REAL, .offset = AT(train.learning_rate), .fallback = "0.001", .low = 1e-9, .high = 10, .help = "its peak, after warm-up"},
    {.key = "warmup", .type = YAML_REAL, .offset = AT(train.warmup), .fallback = "0.05", .low = 0, .high = 0.9, .help = "share of all steps; a cosine to 0 follows"},
    {.key = "weight_decay", .type = YAML_REAL, .offset = AT(train.weight_decay), .fallback = "0.005", .low = 0, .high = 10, .help = "of AdamW"},
    {.key = "clip_norm", .type = YAML_REAL, .offset = AT(train.clip_norm), .fallback = "1.5", .low = 0, .high = 1e9, .help = "of the whole gradient; 0: none"},
    {.key = "average", .type = YAML_REAL, .offset = AT(train.average), .fallback = "0.999", .low = 0, .high = 0.999999, .help = "decay of the moving average of weights; 0: none"},
    {.key = "patience", .type = YAML_INTEGER, .offset = AT(train.patience), .fallback = "20", .low = 0, .high = 1e6, .help = "epochs without a better validation loss before an early stop; 0: never"},
    {.key = "validation_rows", .type = YAML_INTEGER, .offset = AT(train.validation_rows), .fallback = "1000", .low = 0, .high = 1e9, .help = "rows of the bank never trained on, at least 32"},
    {.key = "held_out_rows", .type = YAML_INTEGER, .offset = AT(train.held_out_rows), .fallback = "0", .low = 0, .high = 1e9, .help = "further rows never trained on, which diagnose then takes; 0: it simulates its own (declared: as many as diagnose.datasets)"},
    {.key = "subsets", .type = YAML_REAL, .offset = AT(train.subsets), .fallback = "0", .low = 0, .high = 1, .help = "share of data sets cut to a random smaller set (elements must be independent given the parameters)"},
    {.key = "window_rows", .type = YAML_INTEGER, .offset = AT(train.window_rows), .fallback = "65536", .low = 1, .high = 1e9, .help = "rows among which the order is shuffled"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(train.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of weights, order and dropout"},
    {.key = "stage", .type = YAML_TEXT, .offset = AT(train.stage), .help = "a folder on each node's own disk ($TMPDIR) that the bank is copied to first; default: it is read where it lies"},
    {.key = "stage_keep", .type = YAML_BOOL, .offset = AT(train.stage_keep), .fallback = "false", .help = "leave that copy there for the next training"},
    {0}};

static const char *const order_words[] = {"index", "arrival", NULL}; // as row_order_t

static const yaml_field_t refine_fields[] = {
    {.key = "rows", .type = YAML_INTEGER, .offset = AT(refine.rows), .fallback = "0", .low = 0, .high = 1e12, .help = "fresh simulations, which follow those of bank.rows in the bank; 0: no refinement"},
    {.key = "rounds", .type = YAML_INTEGER, .offset = AT(refine.rounds), .fallback = "10", .low = 1, .high = 1e6, .help = "parts of the rows; after each the networks are judged, the best are kept"},
    {.key = "bank_share", .type = YAML_REAL, .offset = AT(refine.bank_share), .fallback = "0.5", .low = 0, .high = 1, .help = "of each batch that comes from the bank of the offline training, below 1"},
    {.key = "uses", .type = YAML_INTEGER, .offset = AT(refine.uses), .fallback = "2", .low = 1, .high = 1000, .help = "how often a fresh row is trained on, on average"},
    {.key = "chunk_rows", .type = YAML_INTEGER, .offset = AT(refine.chunk_rows), .fallback = "0", .low = 0, .high = 1e9, .help = "fresh rows that are judged, then trained on, at once; 0: of 16 batches, or of a round where that is less"},
    {.key = "reservoir_rows", .type = YAML_INTEGER, .offset = AT(refine.reservoir_rows), .fallback = "16384", .low = 1, .high = 1e9, .help = "newest fresh rows kept in memory, for their further uses"},
    {.key = "look_ahead_rows", .type = YAML_INTEGER, .offset = AT(refine.look_ahead_rows), .fallback = "0", .low = 0, .high = 1e9, .help = "how far simulating may be ahead of training; 0: 8 chunks"},
    {.key = "learning_rate", .type = YAML_REAL, .offset = AT(refine.learning_rate), .fallback = "0", .low = 0, .high = 10, .help = "its peak; warm-up and cosine are as in train; 0: a fifth of train.learning_rate"},
    {.key = "order", .type = YAML_WORD, .offset = AT(refine.order), .fallback = "index", .words = order_words, .help = "of fresh rows: by index, so that the result does not depend on the workers; or as they arrive, which waits for none"},
    {.key = "listen", .type = YAML_TEXT, .offset = AT(refine.listen), .fallback = "tcp://127.0.0.1:*", .help = "where workers connect to `infermill refine`; beyond this machine only with keys"},
    {.key = "keys", .type = YAML_TEXT, .offset = AT(refine.keys), .help = "folder of keys (`infermill keys`): workers need one that is admitted"},
    {.key = "workers", .type = YAML_INTEGER, .offset = AT(refine.workers), .fallback = "0", .low = 0, .high = 4096, .help = "local ones that `infermill run` starts; 0: one for each core"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(refine.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of the order of fresh rows, and of dropout"},
    {0}};

static const yaml_field_t rating_fields[] = {
    {.key = "calibration_excellent", .type = YAML_REAL, .offset = AT(diagnose.ratings.calibration_excellent), .fallback = "0.05", .low = 0, .high = 1, .help = "largest calibration error that is called so"},
    {.key = "calibration_fair", .type = YAML_REAL, .offset = AT(diagnose.ratings.calibration_fair), .fallback = "0.10", .low = 0, .high = 1, .help = "and fair; above it: poor"},
    {.key = "nrmse_excellent", .type = YAML_REAL, .offset = AT(diagnose.ratings.nrmse_excellent), .fallback = "0.05", .low = 0, .high = 10, .help = "largest NRMSE whose recovery is called so"},
    {.key = "nrmse_good", .type = YAML_REAL, .offset = AT(diagnose.ratings.nrmse_good), .fallback = "0.10", .low = 0, .high = 10, .help = "and good"},
    {.key = "nrmse_fair", .type = YAML_REAL, .offset = AT(diagnose.ratings.nrmse_fair), .fallback = "0.15", .low = 0, .high = 10, .help = "and fair; above it: weak"},
    {.key = "contraction_low", .type = YAML_REAL, .offset = AT(diagnose.ratings.contraction_low), .fallback = "0.80", .low = 0, .high = 1, .help = "contraction below it is called low"},
    {.key = "contraction_high", .type = YAML_REAL, .offset = AT(diagnose.ratings.contraction_high), .fallback = "0.95", .low = 0, .high = 1, .help = "and high above it, or overconfident where the calibration is poor"},
    {.key = "overfitting", .type = YAML_REAL, .offset = AT(diagnose.ratings.overfitting), .fallback = "1.1", .low = 1, .high = 100, .help = "validation over training loss above which a network overfits"},
    {0}};

static const yaml_field_t diagnose_fields[] = {
    {.key = "datasets", .type = YAML_INTEGER, .offset = AT(diagnose.datasets), .fallback = "300", .low = 1, .high = 1e7, .help = "held-out data sets, at least 200"},
    {.key = "draws", .type = YAML_INTEGER, .offset = AT(diagnose.draws), .fallback = "1000", .low = 10, .high = 1e6, .help = "posterior draws of each"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(diagnose.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of the held-out data sets"},
    {.key = "recheck_rows", .type = YAML_INTEGER, .offset = AT(diagnose.recheck_rows), .fallback = "8", .low = 0, .high = 1e6, .help = "rows of the bank simulated again first: whether the simulator is still the one of training; 0: none"},
    {.key = "calibration_error", .type = YAML_REAL, .offset = AT(diagnose.calibration_error), .fallback = "0.10", .low = 0, .high = 1, .help = "the gate's limit for every parameter"},
    {.key = "ecdf_deviation", .type = YAML_REAL, .offset = AT(diagnose.ecdf_deviation), .fallback = "0.10", .low = 0, .high = 1, .help = "the gate's limit for the largest deviation of the rank ECDF"},
    {.key = "rank_r2", .type = YAML_REAL, .offset = AT(diagnose.rank_r2), .fallback = "0.10", .low = 0, .high = 1, .help = "the gate's limit for how well the ranks, or how far they are from the middle, can be told from the data"},
    {.key = "band_level", .type = YAML_REAL, .offset = AT(diagnose.band_level), .fallback = "0.95", .low = 0.5, .high = 0.9999, .help = "of the simultaneous bands, family-wise over the parameters"},
    {.key = "ratings", .type = YAML_MAP, .fields = rating_fields, .help = "where the words of the report begin and end"},
    {.key = "minimum_datasets", .type = YAML_INTEGER, .offset = AT(diagnose.minimum_datasets), .fallback = "300", .low = 1, .high = 1e7, .help = "the gate does not pass on fewer; at least 200"},
    {.key = "truth_test", .type = YAML_BOOL, .offset = AT(diagnose.truth_test), .fallback = "true", .help = "train a classifier that tries to tell the true parameters from posterior draws, seeing the data: seconds"},
    {0}};

static const yaml_field_t infer_fields[] = {
    {.key = "data", .type = YAML_TEXT, .offset = AT(infer.data), .help = "real data sets: CSV in long form, or HDF5"},
    {.key = "out", .type = YAML_TEXT, .offset = AT(infer.out), .help = "posterior file; default: posterior.h5 in the study's folder of results"},
    {.key = "id", .type = YAML_TEXT, .offset = AT(infer.id), .fallback = "id", .help = "CSV column that tells data sets apart"},
    {.key = "group", .type = YAML_TEXT, .offset = AT(infer.group), .help = "CSV column (or data set of the HDF5 file) that sorts data sets, each into one group: the report compares groups"},
    {.key = "columns", .type = YAML_NODE, .offset = offsetof(study_target_t, columns), .help = "observable: CSV column, or {value: column, sign: column}, or [columns]"},
    {.key = "design", .type = YAML_NODE, .offset = offsetof(study_target_t, design), .help = "design variable: CSV column, for those that are not a number of elements: {dose: mg}"},
    {.key = "draws", .type = YAML_INTEGER, .offset = AT(infer.draws), .fallback = "1000", .low = 1, .high = 1e7, .help = "posterior draws of each data set"},
    {.key = "predictive", .type = YAML_INTEGER, .offset = AT(infer.predictive), .fallback = "50", .low = 0, .high = REPLICATE_MOST, .help = "simulations from its posterior that a data set is compared with, 20 or more; 0: none is"},
    {.key = "predictive_datasets", .type = YAML_INTEGER, .offset = AT(infer.predictive_datasets), .fallback = "20", .low = 1, .high = 100000, .help = "how many accepted data sets are compared so, the first ones"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(infer.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of the draws"},
    {.key = "keep", .type = YAML_WORD, .offset = AT(infer.keep), .fallback = "auto", .words = infer_keep_words, .help = "in the posterior file; auto: both, or the summary alone where draws would take half of the free disk"},
    {.key = "ladder", .type = YAML_TEXTS, .offset = AT(infer.ladder), .help = "rungs in order, of amortized, psis, mcmc: a data set goes up to the first that answers; default: [amortized]. The others need the simulator's likelihood"},
    {.key = "misfit_draws", .type = YAML_INTEGER, .offset = AT(infer.misfit_draws), .fallback = "1000", .low = 20, .high = 1e6, .help = "random divisions behind the p-value of the MMD test: do all data sets together look like simulated ones?"},
    {0}};

static const yaml_field_t auto_fields[] = {
    {.key = "rows", .type = YAML_INTEGER, .offset = AT(automatic.rows), .fallback = "0", .low = 0, .high = 1e12, .help = "simulations of the bank, at most; 0: no limit"},
    {.key = "minutes", .type = YAML_REAL, .offset = AT(automatic.minutes), .fallback = "0", .low = 0, .high = 1e6, .help = "of simulating, training and checking together; 0: no limit"},
    {0}};

const yaml_field_t study_fields[] = {
    {.key = "study", .type = YAML_TEXT, .offset = AT(name), .required = true, .help = "name; results go to a folder of this name"},
    {.key = "model", .type = YAML_MAP, .fields = model_fields, .required = true, .help = "the simulator"},
    {.key = "parameters", .type = YAML_NODE, .offset = offsetof(study_target_t, parameters), .help = "priors instead of the simulator's: {beta: lognormal(-0.9, 0.5), ...}"},
    {.key = "bank", .type = YAML_MAP, .fields = bank_fields, .help = "simulations on disk"},
    {.key = "adapter", .type = YAML_NODE, .offset = offsetof(study_target_t, adapter), .help = "transforms between the simulator and the networks, in order"},
    {.key = "network", .type = YAML_NODE, .offset = offsetof(study_target_t, network), .help = "what is trained"},
    {.key = "train", .type = YAML_MAP, .fields = train_fields, .help = "how it is trained"},
    {.key = "refine", .type = YAML_MAP, .fields = refine_fields, .help = "how it goes on with fresh simulations once its gate has passed"},
    {.key = "diagnose", .type = YAML_MAP, .fields = diagnose_fields, .help = "how it is checked"},
    {.key = "infer", .type = YAML_MAP, .fields = infer_fields, .help = "real data"},
    {.key = "auto", .type = YAML_MAP, .fields = auto_fields, .help = "budget of `infermill run --auto`, which follows the report's advice"},
    {.key = "stop_grace", .type = YAML_REAL, .offset = AT(stop_grace), .fallback = "60", .low = 0, .high = 1e6, .help = "seconds a running draw may go on after a request to stop"},
    {0}};
// clang-format on

static void print_value(FILE *out, const yaml_field_t *f, const char *base)
{
    const void *at = base + f->offset;
    switch (f->type) {
    case YAML_INTEGER:
        fprintf(out, "%ld\n", (long)*(const int64_t *)at);
        break;
    case YAML_REAL:
        fprintf(out, "%.9g\n", *(const double *)at);
        break;
    case YAML_BOOL:
        fprintf(out, "%s\n", *(const bool *)at ? "true" : "false");
        break;
    case YAML_WORD:
        fprintf(out, "%s\n", f->words[*(const int *)at]);
        break;
    case YAML_TEXT:
    case YAML_TEXTS:
    case YAML_REALS:
    case YAML_MAP:
    case YAML_NODE:
        fprintf(out, "\n");
        break;
    }
}

/* Where the bank is read from: the weights do not depend on it. */
static bool only_stages(const char *key)
{
    return strcmp(key, "stage") == 0 || strcmp(key, "stage_keep") == 0;
}

static void print_values(FILE *out, const char *prefix, const yaml_field_t *fields,
                         const char *base)
{
    for (const yaml_field_t *f = fields; f->key != NULL; f++) {
        char path[128];
        snprintf(path, sizeof path, "%s.%s", prefix, f->key);
        if (f->type == YAML_MAP) {
            print_values(out, path, f->fields, base);
        } else if (!only_stages(f->key)) {
            fprintf(out, "%s: ", path);
            print_value(out, f, base);
        }
    }
}

// A line "network.key: value" for each line of the networks' text.
static void print_networks(FILE *out, const amortizer_config_t *network)
{
    char *text = amortizer_config_text(network), *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " -");
        if (line[0] != '\0')
            fprintf(out, "network.%s%s\n", line, line[strlen(line) - 1] == ':' ? " " : "");
    }
    free(text);
}

// One line: "adapter: log: [sigma]; drop: [aux]".
static void print_adapter(FILE *out, const adapter_config_t *adapter)
{
    char *text = adapter_config_text(adapter), *rest = text;
    int n = 0;
    fputs("adapter: ", out);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (strncmp(line, "  - ", 4) == 0)
            fprintf(out, "%s%s", n++ > 0 ? "; " : "", line + 4);
    fputs(n > 0 ? "\n" : "none\n", out);
    free(text);
}

char *study_training_text(const study_t *s, const amortizer_config_t *network)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL, "out of memory");
    fprintf(out, "bank.rows: %ld\nbank.seed: %ld\n", (long)s->bank.rows, (long)s->bank.seed);
    print_adapter(out, &s->adapter);
    print_networks(out, network);
    print_values(out, "train", train_fields, (const char *)s);
    fclose(out);
    return text;
}

/* What the weights do not depend on. */
static bool only_feeds(const char *key)
{
    static const char *const keys[] = {"listen", "keys", "workers", "look_ahead_rows"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

char *study_refining_text(const study_t *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL, "out of memory");
    for (const yaml_field_t *f = refine_fields; f->key != NULL; f++)
        if (!only_feeds(f->key)) {
            fprintf(out, "refine.%s: ", f->key);
            print_value(out, f, (const char *)s);
        }
    fclose(out);
    return text;
}

static void print_fields(FILE *out, const yaml_field_t *fields, int indent)
{
    for (const yaml_field_t *f = fields; f->key != NULL; f++) {
        if (strcmp(f->key, "network") == 0) {
            study_network_print(out);
            continue;
        }
        if (f->type == YAML_MAP) {
            fprintf(out, "%*s%s:%*s# %s\n", indent, "", f->key, 30 - indent - (int)strlen(f->key),
                    "", f->help);
            print_fields(out, f->fields, indent + 2);
            continue;
        }
        const char *value = f->fallback ? f->fallback : f->required ? "(required)" : "";
        int width = indent + (int)strlen(f->key) + 2 + (int)strlen(value);
        fprintf(out, "%*s%s: %s%*s# %s\n", indent, "", f->key, value, width < 30 ? 31 - width : 1,
                "", f->help);
    }
}

static void print_priors(FILE *out)
{
    fprintf(out, "\n  Priors, a line a parameter (beta: lognormal(-0.9, 0.5)):\n");
    for (int i = 0; distribution_name(i) != NULL; i++)
        fprintf(out, "    %s(%s)\n", distribution_name(i), distribution_arguments(i));
    fprintf(out,
            "    truncated(PRIOR, lower, upper)\n"
            "    a, b, c: dirichlet(1, 2, 3)   # positive, sum to 1; for `a, b` the third is what "
            "remains\n");
}

void study_print_settings(FILE *out)
{
    print_fields(out, study_fields, 2);
    print_priors(out);
    fprintf(out, "\n  Transforms of `adapter:`, each an item of its list:\n");
    adapter_print_kinds(out);
}
