/* SPDX-License-Identifier: Apache-2.0
 *
 * A command simulator: any program that answers lines of JSON on stdin with lines of JSON on stdout, one process a rank.
 *
 *     {"describe": true}              -> its declaration: answer.h, description_read
 *     {"index": 17, "seed": 1234567}  -> {"parameters": {...}, "design": {...}, "observables": {...}}: answer.h
 *     {"index": 17, "seed": 99, "parameters": {...}, "design": {...}}   -> the same, simulated from these
 *     [{"index": 17, ...}, ...]       -> a list of as many answers, where the description says "batch": true
 *
 * `seed` is below 2^53, and the only randomness there should be. The program is started in the folder of the study, asked
 * for its description, and asked again when it had to be started anew: after it died (ROW_CRASHED), took too long
 * (ROW_TIMEOUT), or said what is no JSON or has no end (ROW_ERROR). A batch that fails so is asked for again row by row, so
 * that what becomes of a row does not depend on its neighbours. After MOST_DEATHS such ends without an answer between
 * them the campaign ends.
 */
#ifndef WORKERS_COMMAND_H
#define WORKERS_COMMAND_H

#include "workers/simulator_inside.h"

/* As simulator_load_command. *schema is the caller's to free; *self is what *engine works on, engine->close frees it. */
err_t command_open(const simulator_command_t *command, schema_t *schema, engine_t *engine,
                   void **self) ERR_MUST_CHECK;

#endif
