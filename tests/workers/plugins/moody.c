// SPDX-License-Identifier: Apache-2.0
//
// A simulator for the tests of campaigns: x ~ U(0, 1), y a set of n values x + noise. Its mood comes by environment:
// MOODY_FAIL stops the campaign at a draw with x above it, MOODY_REJECT rejects such draws, MOODY_NONFINITE gives them a NaN,
// MOODY_CRASH crashes at them, MOODY_MICROSECONDS is what a draw takes, MOODY_HEAVY the sd of the logarithm of that (the mean
// stays), MOODY_MEMORY lets draws depend on how many there were before, MOODY_STARTED is a file that is made when one has
// begun, MOODY_LOG one that gets a line with x each time one begins.
#include "workers/simulator.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    double fail, reject, nonfinite, crash, seconds, heavy, memory, draws;
} mood_t;

static double setting(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : atof(text);
}

static int create(void **state)
{
    mood_t *mood = malloc(sizeof *mood);
    if (mood == NULL)
        return 1;
    mood->fail = setting("MOODY_FAIL", 2);
    mood->reject = setting("MOODY_REJECT", 2);
    mood->nonfinite = setting("MOODY_NONFINITE", 2);
    mood->crash = setting("MOODY_CRASH", 2);
    mood->heavy = setting("MOODY_HEAVY", 0);
    mood->memory = setting("MOODY_MEMORY", 0);
    mood->draws = 0;
    mood->seconds = 1e-6 * setting("MOODY_MICROSECONDS", 0);
    *state = mood;
    return 0;
}

static void tell_start(void)
{
    const char *path = getenv("MOODY_STARTED");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL)
        fclose(file);
}

// One write a line, so that lines of several ranks do not mix.
static void note_start(double x)
{
    char line[32];
    const char *path = getenv("MOODY_LOG");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    int n = snprintf(line, sizeof line, "%.17g\n", x);
    if (write(fd, line, (size_t)n) != n)
        abort();
    close(fd);
}

static void draw(void *state, const infermill_host_t *host, infermill_random_t *random,
                 const double *design, double *parameters)
{
    (void)state, (void)design;
    parameters[0] = host->uniform(random);
}

// A signal does not end it.
static void rest(const mood_t *mood, double z)
{
    double seconds = mood->seconds * exp(mood->heavy * z - mood->heavy * mood->heavy / 2);
    struct timespec pause = {(time_t)seconds, (long)(1e9 * fmod(seconds, 1))};
    while (mood->seconds > 0 && nanosleep(&pause, &pause) != 0)
        continue;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *parameters, const double *design, float *const *observables)
{
    mood_t *mood = state;
    note_start(parameters[0]);
    if (parameters[0] > mood->fail)
        return -1;
    if (parameters[0] > mood->crash)
        abort();
    if (parameters[0] > mood->reject)
        return 1;
    for (int i = 0; i < (int)design[0]; i++)
        observables[0][i] = (float)(parameters[0] + 0.1 * host->normal(random));
    if (parameters[0] > mood->nonfinite)
        observables[0][0] = NAN;
    observables[0][1] += (float)(mood->memory * mood->draws++);
    tell_start();
    rest(mood, host->normal(random));
    return 0;
}

static const infermill_parameter_t parameters[] = {{.name = "x", .lower = 0, .upper = 1}};
static const infermill_design_t design[] = {{.name = "n", .lower = 3, .upper = 12, .integer = 1}};
static const infermill_observable_t observables[] = {
    {"y", INFERMILL_SET, 2, {12, 1}, {0, -1}, -INFINITY, INFINITY, NULL}};

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "moody",
                                            .version = "1",
                                            .description = "for tests",
                                            .n_parameters = 1,
                                            .n_observables = 1,
                                            .n_design = 1,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .design = design,
                                            .create = create,
                                            .destroy = free,
                                            .prior = draw,
                                            .simulate = simulate};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
