/* SPDX-License-Identifier: Apache-2.0
 *
 * Being asked to stop: SIGTERM, SIGINT and SIGUSR1 (Slurm's warning) set a flag that long work looks at between two
 * steps; it saves and returns ERR_STOPPED.
 */
#ifndef CLUSTER_STOP_H
#define CLUSTER_STOP_H

#include <stdbool.h>

void stop_install(void);       // once, by the program
bool stop_requested(void);     // this process was asked
double stop_seconds_ago(void); // since the request; negative when there was none
/* A request comes by itself after so many seconds from now; INFINITY: it does not. A later call replaces it. */
void stop_after(double seconds);
void stop_clear(void);   // as if none had come (tests)
void stop_request(void); // as if a signal had come (tests; another rank's request)

#endif
