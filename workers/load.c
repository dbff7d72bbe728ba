// SPDX-License-Identifier: Apache-2.0
#include "workers/load.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/yaml.h"
#include "workers/check.h"
#include "workers/host.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct simulator {
    const infermill_simulator_t *table;
    void *library; // of dlopen; NULL for a built-in
    void *state;   // of table->create
    bool created;  // table->create was called and succeeded
    schema_t schema;
    float **observable; // [O] -> the row being simulated
    infermill_random_t random;
};

static schema_t schema_of(const infermill_simulator_t *table)
{
    schema_t s = {
        .name = mem_copy_text(table->name),
        .version = mem_copy_text(table->version),
        .description = mem_copy_text(table->description == NULL ? "" : table->description),
        .n_parameters = table->n_parameters,
        .n_observables = table->n_observables,
        .n_design = table->n_design,
        .parameters = MEM_NEW(schema_parameter_t, table->n_parameters),
        .observables = MEM_NEW(schema_observable_t, table->n_observables),
        .design = MEM_NEW(schema_design_t, table->n_design),
    };
    for (int i = 0; i < s.n_parameters; i++) {
        const infermill_parameter_t *p = &table->parameters[i];
        s.parameters[i] = (schema_parameter_t){
            .name = mem_copy_text(p->name), .lower = p->lower, .upper = p->upper};
    }
    for (int i = 0; i < s.n_design; i++) {
        const infermill_design_t *d = &table->design[i];
        s.design[i] = (schema_design_t){.name = mem_copy_text(d->name),
                                        .lower = d->lower,
                                        .upper = d->upper,
                                        .integer = d->integer != 0};
    }
    for (int i = 0; i < s.n_observables; i++) {
        const infermill_observable_t *o = &table->observables[i];
        s.observables[i] = (schema_observable_t){
            .name = mem_copy_text(o->name),
            .kind = (kind_t)o->kind,
            .n_dims = o->n_dims,
            .length_design = o->dim_design[0],
            .lower = o->lower,
            .upper = o->upper,
        };
        memcpy(s.observables[i].dims, o->dims, (size_t)o->n_dims * sizeof o->dims[0]);
    }
    return s;
}

// Takes over `library` (may be NULL), also when it fails.
static err_t simulator_make(const infermill_simulator_t *table, void *library, const char *where,
                            simulator_t **out)
{
    simulator_t *s = MEM_NEW(simulator_t, 1);
    s->table = table;
    s->library = library;
    err_t err;
    TRY_TO(failed, simulator_check(table, where));
    if (table->create != NULL && table->create(&s->state) != 0) {
        err = err_fail(ERR_SIMULATOR, "%s: simulator %s could not make its state", where,
                       table->name);
        goto failed;
    }
    s->created = true;
    s->schema = schema_of(table);
    s->observable = MEM_NEW(float *, table->n_observables);
    *out = s;
    return OK;
failed:
    simulator_close(&s);
    return err;
}

void simulator_close(simulator_t **simulator)
{
    simulator_t *s = *simulator;
    if (s == NULL)
        return;
    if (s->created && s->table->destroy != NULL)
        s->table->destroy(s->state);
    schema_free(&s->schema);
    if (s->library != NULL)
        dlclose(s->library);
    free(s->observable);
    free(s);
    *simulator = NULL;
}

static err_t unknown_builtin(const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST];
    char *list = mem_copy_text("");
    int n = simulator_builtin_count() < MOST ? simulator_builtin_count() : MOST;
    for (int i = 0; i < n; i++) {
        names[i] = simulator_builtin(i)->name;
        char *longer = mem_format("%s%s%s", list, i > 0 ? ", " : "", names[i]);
        free(list);
        list = longer;
    }
    const char *near = yaml_nearest(name, n, names);
    err_t err = err_fail(ERR_USAGE, "there is no built-in simulator \"%s\" among %s%s%s%s", name,
                         list, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    free(list);
    return err;
}

err_t simulator_load_builtin(const char *name, simulator_t **out)
{
    for (int i = 0; i < simulator_builtin_count(); i++)
        if (strcmp(simulator_builtin(i)->name, name) == 0)
            return simulator_make(simulator_builtin(i), NULL, "built in", out);
    return unknown_builtin(name);
}

// dlopen looks a name without a slash up in the system's folders: a study's file is never meant there.
static err_t open_library(const char *path, void **out)
{
    if (access(path, F_OK) != 0)
        return err_errno(ERR_MISSING, "simulator plugin %s", path);
    char *local = mem_format("%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    *out = dlopen(local, RTLD_NOW | RTLD_LOCAL);
    free(local);
    if (*out == NULL)
        return err_fail(ERR_FORMAT, "simulator plugin can not be loaded: %s", dlerror());
    return OK;
}

static err_t find_table(const char *path, void *library, const infermill_simulator_t **out)
{
    void *symbol = dlsym(library, "infermill_simulator");
    if (symbol == NULL)
        return err_fail(ERR_FORMAT, "%s: exports no function infermill_simulator()", path);
    infermill_entry_t entry;
    memcpy(&entry, &symbol, sizeof entry); // C has no cast from an object's address to a function's
    *out = entry();
    if (*out == NULL)
        return err_fail(ERR_FORMAT, "%s: infermill_simulator() returns no table", path);
    return OK;
}

err_t simulator_load_plugin(const char *path, simulator_t **out)
{
    void *library = NULL;
    const infermill_simulator_t *table = NULL;
    TRY(open_library(path, &library));
    err_t err = find_table(path, library, &table);
    if (err != OK) {
        dlclose(library);
        return err;
    }
    return simulator_make(table, library, path, out);
}

const infermill_simulator_t *simulator_table(const simulator_t *s)
{
    return s->table;
}

const schema_t *simulator_schema(const simulator_t *s)
{
    return &s->schema;
}

const char *simulator_reason(const simulator_t *s)
{
    return s->random.reason;
}

static void draw_design(simulator_t *s, double *design)
{
    const infermill_host_t *host = simulator_host();
    if (s->table->draw_design != NULL) {
        s->table->draw_design(s->state, host, &s->random, design);
        return;
    }
    for (int i = 0; i < s->schema.n_design; i++) {
        const schema_design_t *d = &s->schema.design[i];
        if (d->integer)
            design[i] = (double)rng_integer(&s->random.rng, (int64_t)d->lower, (int64_t)d->upper);
        else
            design[i] = d->lower + (d->upper - d->lower) * rng_uniform(&s->random.rng);
    }
}

static err_t check_design_values(const simulator_t *s, const double *design)
{
    for (int i = 0; i < s->schema.n_design; i++) {
        const schema_design_t *d = &s->schema.design[i];
        if (!(design[i] >= d->lower && design[i] <= d->upper))
            return err_fail(ERR_SIMULATOR, "%s: design variable %s is %g, declared from %g to %g",
                            s->schema.name, d->name, design[i], d->lower, d->upper);
        if (d->integer && design[i] != floor(design[i]))
            return err_fail(ERR_SIMULATOR, "%s: design variable %s is %g, declared a whole number",
                            s->schema.name, d->name, design[i]);
    }
    return OK;
}

static err_t check_parameter_values(const simulator_t *s, const double *parameters)
{
    for (int i = 0; i < s->schema.n_parameters; i++) {
        const schema_parameter_t *p = &s->schema.parameters[i];
        if (parameters[i] < p->lower || parameters[i] > p->upper)
            return err_fail(ERR_SIMULATOR, "%s: parameter %s is %g, declared between %g and %g",
                            s->schema.name, p->name, parameters[i], p->lower, p->upper);
    }
    return OK;
}

// Are all parameters finite and strictly inside their (open) support?
static bool parameters_are_inside(const simulator_t *s, const double *parameters)
{
    for (int i = 0; i < s->schema.n_parameters; i++) {
        const schema_parameter_t *p = &s->schema.parameters[i];
        if (!isfinite(parameters[i]) || parameters[i] == p->lower || parameters[i] == p->upper)
            return false;
    }
    return true;
}

static void clear_row(simulator_t *s, rows_t *rows, int64_t at)
{
    const schema_t *schema = &s->schema;
    const double *design = &rows->design[at * schema->n_design];
    for (int i = 0; i < schema->n_observables; i++) {
        const schema_observable_t *o = &schema->observables[i];
        double length = o->length_design >= 0 ? design[o->length_design] : (double)o->dims[0];
        rows->length[at * schema->n_observables + i] = (int32_t)length;
        s->observable[i] = rows->observables[i] + at * schema_size(o);
        memset(s->observable[i], 0, (size_t)schema_size(o) * sizeof(float));
    }
}

// Clears what a simulator wrote beyond the length; tells whether everything before it is finite.
static bool seal_observables(simulator_t *s, const rows_t *rows, int64_t at)
{
    bool finite = true;
    for (int i = 0; i < s->schema.n_observables; i++) {
        const schema_observable_t *o = &s->schema.observables[i];
        int64_t size = schema_size(o);
        int64_t used = rows->length[at * s->schema.n_observables + i] * schema_stride(o);
        for (int64_t k = 0; k < used; k++)
            finite &= isfinite(s->observable[i][k]) != 0;
        memset(s->observable[i] + used, 0, (size_t)(size - used) * sizeof(float));
    }
    return finite;
}

// From parameters and design in place to observables, status and seconds.
static err_t simulate_row(simulator_t *s, int64_t index, rows_t *rows, int64_t at)
{
    double *parameters = &rows->parameters[at * s->schema.n_parameters];
    double *design = &rows->design[at * s->schema.n_design];
    rows->index[at] = index;
    TRY(check_design_values(s, design));
    TRY(check_parameter_values(s, parameters));
    clear_row(s, rows, at);
    rows->status[at] = ROW_NONFINITE;
    rows->seconds[at] = 0.0;
    if (s->random.misused || !parameters_are_inside(s, parameters))
        return OK;
    double start = log_clock();
    int code = s->table->simulate(s->state, simulator_host(), &s->random, parameters, design,
                                  s->observable);
    rows->seconds[at] = log_clock() - start;
    if (code < 0)
        return err_fail(ERR_SIMULATOR, "%s: row %lld: the simulator asks to stop%s%s",
                        s->schema.name, (long long)index, s->random.reason[0] != '\0' ? ": " : "",
                        s->random.reason);
    bool finite = seal_observables(s, rows, at);
    if (code > 0)
        rows->status[at] = ROW_REJECTED;
    else if (finite && !s->random.misused)
        rows->status[at] = ROW_DONE;
    return OK;
}

err_t simulator_row(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, rows_t *rows,
                    int64_t at)
{
    CHECK(at >= 0 && at < rows->capacity, "row %lld of a block of %lld", (long long)at,
          (long long)rows->capacity);
    double *parameters = &rows->parameters[at * s->schema.n_parameters];
    double *design = &rows->design[at * s->schema.n_design];
    host_random_start(&s->random, seed, stream, index);
    draw_design(s, design);
    TRY(check_design_values(s, design));
    s->table->prior(s->state, simulator_host(), &s->random, design, parameters);
    return simulate_row(s, index, rows, at);
}

err_t simulator_row_given(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index,
                          const double *parameters, const double *design, rows_t *rows, int64_t at)
{
    CHECK(at >= 0 && at < rows->capacity, "row %lld of a block of %lld", (long long)at,
          (long long)rows->capacity);
    const schema_t *schema = &s->schema;
    host_random_start(&s->random, seed, stream, index);
    memcpy(&rows->parameters[at * schema->n_parameters], parameters,
           (size_t)schema->n_parameters * sizeof *parameters);
    if (schema->n_design > 0)
        memcpy(&rows->design[at * schema->n_design], design,
               (size_t)schema->n_design * sizeof *design);
    return simulate_row(s, index, rows, at);
}
