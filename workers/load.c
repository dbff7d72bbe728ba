// SPDX-License-Identifier: Apache-2.0
#include "workers/load.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "cluster/yaml.h"
#include "storage/schema_array.h"
#include "workers/check.h"
#include "workers/command.h"
#include "workers/guard.h"
#include "workers/isolate.h"
#include "workers/native.h"
#include "workers/prior.h"
#include "workers/simulator_inside.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static schema_t schema_of(const infermill_simulator_t *table)
{
    schema_t s = {
        .name = mem_copy_text(table->name),
        .version = mem_copy_text(table->version),
        .description = mem_copy_text(table->description == NULL ? "" : table->description),
        .n_observables = table->n_observables,
        .n_design = table->n_design,
        .observables = MEM_NEW(schema_observable_t, table->n_observables),
        .design = MEM_NEW(schema_design_t, table->n_design),
    };
    for (int i = 0; i < table->n_parameters; i++) {
        const infermill_parameter_t *p = &table->parameters[i];
        schema_parameter_t declared = {.name = mem_copy_text(p->name),
                                       .lower = p->lower,
                                       .upper = p->upper,
                                       .unit = mem_copy_text(p->unit),
                                       .n_dims = p->n_dims};
        memcpy(declared.dims, p->dims, (size_t)p->n_dims * sizeof p->dims[0]);
        err_t err = schema_add_parameter(&s, &declared);
        CHECK(err == OK, "%s", err_text()); // simulator_check looked before
    }
    for (int i = 0; i < s.n_design; i++) {
        const infermill_design_t *d = &table->design[i];
        s.design[i] = (schema_design_t){.name = mem_copy_text(d->name),
                                        .lower = d->lower,
                                        .upper = d->upper,
                                        .integer = d->integer != 0,
                                        .unit = mem_copy_text(d->unit)};
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
            .unit = mem_copy_text(o->unit),
        };
        memcpy(s.observables[i].dims, o->dims, (size_t)o->n_dims * sizeof o->dims[0]);
    }
    return s;
}

/* ---- tables, called here ---- */

typedef struct {
    native_t *native;
    native_progress_t progress;
} called_t;

static err_t called_run(void *self, const request_t *request, int64_t *done)
{
    return native_run(((called_t *)self)->native, request, done);
}

static void called_close(void *self)
{
    native_destroy(&((called_t *)self)->native);
    free(self);
}

static void *called_state(void *self)
{
    return native_state(((called_t *)self)->native);
}

static err_t call_here(simulator_t *s)
{
    called_t *called = MEM_NEW(called_t, 1);
    err_t err = native_create(s->table, &s->schema, s->where, s->library != NULL, NULL,
                              &called->progress, &called->native);
    if (err != OK) {
        free(called);
        return err;
    }
    s->self = called;
    s->engine = (engine_t){.run = called_run,
                           .close = called_close,
                           .state = called_state,
                           .needs_prior = s->table->prior == NULL,
                           .groups = true};
    return OK;
}

/* ---- tables whose ranks are not there ---- */

static err_t lack_ranks(void *self, const request_t *request, int64_t *done)
{
    (void)request;
    const simulator_t *s = self;
    *done = 0;
    return err_fail(ERR_USAGE,
                    "%s: simulator %s works on MPI ranks of its own (create_on_ranks), which only "
                    "`infermill simulate`, `diagnose` and `run` give it",
                    s->where, s->schema.name);
}

static void close_nothing(void *self)
{
    (void)self;
}

static void await_ranks(simulator_t *s)
{
    s->engine = (engine_t){
        .run = lack_ranks, .close = close_nothing, .needs_prior = s->table->prior == NULL};
    s->self = s;
}

bool simulator_needs_ranks(const simulator_t *s)
{
    return s->engine.run == lack_ranks;
}

static err_t check_ranks(const simulator_t *s, bool isolated)
{
    bool on_ranks = s->table->create_on_ranks != NULL;
    if (s->ranks > 1 && !on_ranks)
        return err_fail(ERR_USAGE,
                        "%s: simulator %s has no create_on_ranks, so that its draws can not take "
                        "%d ranks each (ranks_per_draw)",
                        s->where, s->schema.name, s->ranks);
    if (isolated && on_ranks)
        return err_fail(ERR_USAGE,
                        "%s: simulator %s works on MPI ranks (create_on_ranks), and a process of "
                        "its own (isolate, timeout) is none: leave these out",
                        s->where, s->schema.name);
    return OK;
}

static simulator_t *simulator_new(const infermill_simulator_t *table, void *library,
                                  const char *where)
{
    simulator_t *s = MEM_NEW(simulator_t, 1);
    *s = (simulator_t){
        .table = table, .library = library, .where = mem_copy_text(where), .ranks = 1};
    return s;
}

void simulator_close(simulator_t **simulator)
{
    simulator_t *s = *simulator;
    if (s == NULL)
        return;
    if (s->self != NULL)
        s->engine.close(s->self);
    schema_free(&s->schema);
    if (s->library != NULL)
        dlclose(s->library);
    prior_destroy(&s->prior);
    free(s->where);
    free(s);
    *simulator = NULL;
}

/* ---- built in ---- */

static err_t unknown_builtin(const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST];
    text_t list = text_create();
    int n = simulator_builtin_count() < MOST ? simulator_builtin_count() : MOST;
    for (int i = 0; i < n; i++) {
        names[i] = simulator_builtin(i)->name;
        text_add_item(&list, names[i]);
    }
    const char *near = yaml_nearest(name, n, names);
    err_t err = err_fail(ERR_USAGE, "there is no built-in simulator \"%s\" among %s%s%s%s", name,
                         list.data, near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "", near != NULL ? "\"?" : "");
    text_free(&list);
    return err;
}

// Checks the table, and makes what calls it. Closes the simulator when it fails.
static err_t finish_table(simulator_t *s, bool isolated, double timeout, simulator_t **out)
{
    err_t err;
    TRY_TO(failed, simulator_check(s->table, s->where));
    s->schema = schema_of(s->table);
    TRY_TO(failed, check_ranks(s, isolated));
    if (s->table->create_on_ranks != NULL)
        await_ranks(s);
    else if (isolated)
        s->self = isolate_create(s->table, &s->schema, s->where, timeout, &s->engine);
    else
        TRY_TO(failed, call_here(s));
    *out = s;
    return OK;
failed:
    simulator_close(&s);
    return err;
}

err_t simulator_load_builtin(const char *name, simulator_t **out)
{
    for (int i = 0; i < simulator_builtin_count(); i++)
        if (strcmp(simulator_builtin(i)->name, name) == 0)
            return finish_table(simulator_new(simulator_builtin(i), NULL, "built in"), false, 0,
                                out);
    return unknown_builtin(name);
}

/* ---- plugins ---- */

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

static err_t open_plugin(const char *path, void **library, const infermill_simulator_t **table)
{
    guard_enter(path, NULL, NULL);
    err_t err = open_library(path, library);
    if (err == OK)
        err = find_table(path, *library, table);
    if (err != OK && *library != NULL)
        dlclose(*library);
    guard_leave();
    return err;
}

static err_t load_plugin(const char *path, int ranks, bool isolated, double timeout,
                         simulator_t **out)
{
    void *library = NULL;
    const infermill_simulator_t *table = NULL;
    TRY(open_plugin(path, &library, &table));
    simulator_t *s = simulator_new(table, library, path);
    s->ranks = ranks;
    return finish_table(s, isolated, timeout, out);
}

err_t simulator_load_plugin(const char *path, simulator_t **out)
{
    return load_plugin(path, 1, false, 0, out);
}

err_t simulator_load_on_ranks(const char *path, int ranks, simulator_t **out)
{
    return load_plugin(path, ranks, false, 0, out);
}

err_t simulator_load_isolated(const char *path, double timeout, simulator_t **out)
{
    return load_plugin(path, 1, true, timeout, out);
}

/* ---- commands ---- */

err_t simulator_load_command(const simulator_command_t *command, simulator_t **out)
{
    simulator_t *s = simulator_new(NULL, NULL, command->argv[0]);
    err_t err = command_open(command, &s->schema, &s->engine, &s->self);
    if (err == OK)
        *out = s;
    else
        simulator_close(&s);
    return err;
}

/* ---- declared ---- */

static err_t refuse_to_run(void *self, const request_t *request, int64_t *done)
{
    (void)request;
    const simulator_t *s = self;
    *done = 0;
    return err_fail(
        ERR_USAGE,
        "%s: model %s is only declared, so nothing can be simulated: name its simulator "
        "in the study (model: {command: ...}, {plugin: ...} or {builtin: ...})",
        s->where, s->schema.name);
}

simulator_t *simulator_declared(schema_t schema, const char *where)
{
    simulator_t *s = simulator_new(NULL, NULL, where);
    s->schema = schema;
    s->engine = (engine_t){.run = refuse_to_run, .close = close_nothing};
    s->self = s;
    return s;
}

bool simulator_is_declared(const simulator_t *s)
{
    return s->engine.run == refuse_to_run;
}

/* ---- settings ---- */

void simulator_set_prior(simulator_t *s, prior_t *prior)
{
    CHECK(!s->started && s->prior == NULL, "%s: a prior after the first row", s->where);
    s->prior = prior;
    for (int i = 0; i < s->schema.n_parameters; i++) {
        schema_parameter_t *p = &s->schema.parameters[i];
        free(p->prior);
        p->prior = mem_copy_text(prior_text(prior, i));
        prior_support(prior, i, &p->lower, &p->upper);
    }
}

/* ---- densities ---- */

double simulator_log_prior(const simulator_t *s, const double *parameters, const double *design)
{
    if (s->prior != NULL)
        return prior_log_density(s->prior, parameters);
    if (s->engine.state == NULL || s->table->log_prior == NULL)
        return NAN;
    return s->table->log_prior(s->engine.state(s->self), parameters, design);
}

err_t simulator_has_density(const simulator_t *s)
{
    if (s->table == NULL)
        return err_fail(ERR_USAGE,
                        "%s: a command, or a model that is only declared, tells no likelihood",
                        s->where);
    if (s->engine.state == NULL)
        return err_fail(
            ERR_USAGE,
            "%s: a plugin in a process of its own (isolate, timeout) or on ranks of its "
            "own is not asked for its likelihood",
            s->where);
    if (s->table->log_likelihood == NULL)
        return err_fail(ERR_USAGE, "%s: simulator %s has no log_likelihood", s->where,
                        s->table->name);
    if (s->prior == NULL && s->table->log_prior == NULL)
        return err_fail(ERR_USAGE,
                        "%s: simulator %s has no log_prior, and the study gives no priors "
                        "(parameters:)",
                        s->where, s->table->name);
    return OK;
}

bool simulator_has_gradient(const simulator_t *s)
{
    return s->engine.state != NULL && s->table->log_likelihood_gradient != NULL;
}

double simulator_log_likelihood(const simulator_t *s, const double *parameters,
                                const double *design, const float *const *observables,
                                double *gradient)
{
    const infermill_simulator_t *t = s->table;
    if (s->engine.state == NULL || t->log_likelihood == NULL)
        return NAN;
    void *state = s->engine.state(s->self);
    return gradient == NULL
               ? t->log_likelihood(state, parameters, design, observables)
               : t->log_likelihood_gradient(state, parameters, design, observables, gradient);
}

bool simulator_prior_gradient(const simulator_t *s, const double *parameters, const double *design,
                              double *gradient)
{
    if (s->prior != NULL || s->engine.state == NULL || s->table->log_prior_gradient == NULL)
        return false;
    s->table->log_prior_gradient(s->engine.state(s->self), parameters, design, gradient);
    return true;
}

void simulator_allow_missing(simulator_t *s, int observable)
{
    CHECK(!s->started, "%s: missing values after the first row", s->where);
    s->schema.observables[observable].missing = true;
}

void simulator_stop_on_failure(simulator_t *s, bool stop)
{
    s->stop_on_failure = stop;
}

void simulator_log_to(simulator_t *s, const char *path)
{
    if (s->engine.log_to != NULL)
        s->engine.log_to(s->self, path);
}

const infermill_simulator_t *simulator_table(const simulator_t *s)
{
    return s->table;
}

const schema_t *simulator_schema(const simulator_t *s)
{
    return &s->schema;
}
