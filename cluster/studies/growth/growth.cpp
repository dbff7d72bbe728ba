// SPDX-License-Identifier: Apache-2.0
//
// A plugin in C++: bacteria grow towards a capacity (logistic), their density is read n times with an error. Vectorised: the
// batch entry gets many rows in one call.
#include <infermill/simulator.h>

#include <cmath>
#include <cstddef>

namespace {

constexpr int largest_n = 40;

const infermill_parameter_t parameters[] = {{"rate", 0.0, INFINITY, "1/h", 0, {}},
                                            {"capacity", 0.0, INFINITY, "OD", 0, {}},
                                            {"noise", 0.0, INFINITY, nullptr, 0, {}}};
const infermill_design_t design[] = {{"n", 10, largest_n, 1, nullptr}};
const infermill_observable_t observables[] = {
    {"density", INFERMILL_SET, 2, {largest_n, 2, 0}, {0, -1, -1}, -INFINITY, INFINITY, "log OD"}};

void prior(void *, const infermill_host_t *host, infermill_random_t *random, const double *,
           double *theta)
{
    theta[0] = std::exp(-0.5 + 0.5 * host->normal(random));
    theta[1] = std::exp(0.3 * host->normal(random));
    theta[2] = 0.02 + 0.1 * host->exponential(random);
}

// Density of a culture that begins at 0.01 and is read in even steps over a day.
void one(const infermill_host_t *host, infermill_random_t *random, const double *theta, int n,
         float *out)
{
    for (int i = 0; i < n; i++) {
        const double hours = 24.0 * i / (n - 1), start = 0.01;
        const double odds = (theta[1] - start) / start * std::exp(-theta[0] * hours);
        const double density = theta[1] / (1.0 + odds);
        out[2 * i] = static_cast<float>(hours / 24.0);
        out[2 * i + 1] = static_cast<float>(std::log(density) + theta[2] * host->normal(random));
    }
}

int simulate_batch(void *, const infermill_host_t *host, int n, infermill_random_t *const *random,
                   const double *theta, const double *settings, float *const *out, int *code)
{
    for (int i = 0; i < n; i++) {
        one(host, random[i], theta + 3 * i, static_cast<int>(settings[i]),
            out[0] + static_cast<std::size_t>(i) * largest_n * 2);
        code[i] = 0;
    }
    return 0;
}

infermill_simulator_t make_table()
{
    infermill_simulator_t t = {};
    t.abi = INFERMILL_ABI;
    t.size = sizeof t;
    t.name = "growth";
    t.version = "1";
    t.description = "Density of a growing culture, read n times in a day";
    t.n_parameters = 3;
    t.n_observables = 1;
    t.n_design = 1;
    t.parameters = parameters;
    t.observables = observables;
    t.design = design;
    t.prior = prior;
    t.simulate_batch = simulate_batch;
    return t;
}

const infermill_simulator_t table = make_table();

} // namespace

extern "C" const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
