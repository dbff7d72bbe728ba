/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind stream_link.h: what the link's thread knows, for stream_link.c (what it says, and when) and stream_link_heard.c
 * (what it hears).
 *
 *              HELLO again and again            the simulator is made             asks, rows, KEPT
 *   SEEKING ------------- WELCOME ------> PREPARING --- stream_link_ready ---> WORKING
 *      ^                     (the same study: at once) -------------------------> |
 *      +------ hub silent for three beats, or WHO --------------------------------+
 */
#ifndef WORKERS_STREAM_LINK_INSIDE_H
#define WORKERS_STREAM_LINK_INSIDE_H

#include "workers/stream_blocks.h"
#include "workers/stream_link.h"

#include <pthread.h>

typedef enum { SEEKING, PREPARING, WORKING } link_state_t;

struct stream_link {
    stream_link_config_t config;
    wire_t *wire;
    wire_socket_t *socket, *wake, *waker; // the last is the other thread's end
    pthread_t thread;
    pthread_mutex_t lock; // over all below
    pthread_cond_t changed;
    bool closing;
    char *why; // of the good-bye
    stream_hello_t self;

    link_state_t state;
    stream_welcome_t welcome; // the latest; run 0: none yet
    int model;                // its number
    bool told;                // the other thread has it
    char fingerprint[STREAM_WORDS_CAP];
    double grace;
    stream_task_t lease[STREAM_LEASES];
    int leases;                 // waiting in `lease`
    bool busy;                  // one is being simulated
    int64_t number, asked_rows; // of the ask
    bool open;                  // it has no answer yet
    stream_blocks_t *blocks;
    stream_beat_t so_far;
    double row_seconds;
    bool drawing, abandoned;

    double began, heard, said_hello, made, beat, asked, lined; // times of log_clock
    int bad;
    bool over, said_bye;
    err_t err;
    char *err_words;
};

/* All under the lock, by the link's thread. */

/* The end of the work, once: the other thread is told. The text of an error is that of this thread. */
void link_end(stream_link_t *link, err_t err);
/* Looks for the hub, from HELLO on. */
void link_seek(stream_link_t *link, double now);
/* Good-bye, once, with the rows that are left where the hub may want them. */
void link_say_bye(stream_link_t *link);
/* Takes what has come, some messages at most. */
void link_hear(stream_link_t *link);

#endif
