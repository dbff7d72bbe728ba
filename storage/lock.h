/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is writing a bank: one small file that one process at a time holds. It works on network file systems (a hard link
 * decides, no flock), and a lock whose holder is dead is taken over.
 *
 *   lock   {"run": "5f0c...", "host": "node17", "boot": "2c9d...", "space": "pid:[4026531836]", "pid": 4711,
 *           "start": "88123", "since": "2026-03-01 12:00:00 UTC", "beat": "0000000042"}
 *
 * A holder on this host and in this pid namespace is judged by boot id, pid and start time, at once. Any other is judged
 * by its beat (a thread of the holder writes it every 5 seconds), watched by our own clock, so that clocks need not agree.
 * Nothing here is collective.
 */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include "cluster/err.h"

typedef struct lock lock_t;

enum { LOCK_WATCH_SECONDS = 60, LOCK_RUN_BYTES = 33 };

/* A run's id: 32 random hex digits and a 0. */
void lock_new_run(char out[LOCK_RUN_BYTES]);

/* Takes <folder>/lock for the run of this id. A living holder on this host is given 3 seconds to end (ranks outlive a
 * killed launcher); one elsewhere is watched for `watch` seconds. ERR_LOCKED names run, host, pid and start of the holder;
 * ERR_IO; ERR_STOPPED when asked to stop while watching. */
err_t lock_take(const char *folder, const char *run, double watch, lock_t **out) ERR_MUST_CHECK;
/* Gives it back. NULL is fine. */
void lock_release(lock_t **lock);
/* Whether <folder>/lock is held by this run: any process may ask. ERR_LOCKED: by another one, or by nobody. */
err_t lock_check(const char *folder, const char *run) ERR_MUST_CHECK;

#endif
