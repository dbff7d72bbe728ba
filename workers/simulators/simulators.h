/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the built-in simulators, one a file of this folder. They see simulator.h alone, as plugins do.
 */
#ifndef WORKERS_SIMULATORS_H
#define WORKERS_SIMULATORS_H

#include "workers/simulator.h"

/* n numbers from a normal distribution of unknown mean and scale. */
extern const infermill_simulator_t location_scale_simulator;
/* Signed reaction times of one person deciding between two answers n times: drift diffusion with lapses. */
extern const infermill_simulator_t ddm_simulator;
/* Signed reaction times of one person in an implicit-association test: drift diffusion in two conditions. */
extern const infermill_simulator_t iat_ddm_simulator;
/* Four tasks of the benchmark of simulation-based inference by Lueckmann et al. 2021. */
extern const infermill_simulator_t gaussian_linear_simulator;
extern const infermill_simulator_t sir_simulator;
extern const infermill_simulator_t slcp_simulator;
extern const infermill_simulator_t two_moons_simulator;

#endif
