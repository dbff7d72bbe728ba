// SPDX-License-Identifier: Apache-2.0
#include "storage/lock.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { NAME_CAP = 128, BEAT_SECONDS = 5, GRACE_SECONDS = 3, BEAT_DIGITS = 10 };

typedef struct {
    char run[NAME_CAP], host[NAME_CAP], boot[NAME_CAP], space[NAME_CAP], start[NAME_CAP],
        since[NAME_CAP], beat[NAME_CAP];
    int64_t pid;
} holder_t;

struct lock {
    char *path, *run;
    int fd;        // of our own file, also after somebody renamed it away
    off_t beat_at; // where the beat's digits lie
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool ending;
};

/* ---- who we are ---- */

void lock_new_run(char out[LOCK_RUN_BYTES])
{
    uint64_t words[2];
    if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        words[0] = (uint64_t)now.tv_sec ^ ((uint64_t)now.tv_nsec << 32);
        words[1] = (uint64_t)now.tv_nsec;
    }
    snprintf(out, LOCK_RUN_BYTES, "%016" PRIx64 "%016" PRIx64, words[0], words[1]);
}

static void first_line(const char *path, char *out)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(out, NAME_CAP, file) == NULL)
        out[0] = '\0';
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
}

// The start time of a process in clock ticks since boot (field 22 of its stat), or "" when it does not live.
static void start_of(int64_t pid, char *out)
{
    char path[64], text[1024];
    out[0] = '\0';
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    char *at = strrchr(text, ')'); // the name may hold anything
    if (at == NULL || at[1] == '\0' || strchr("ZX", at[2]) != NULL)
        return;
    at += 2;
    for (int field = 3; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (at != NULL)
        snprintf(out, NAME_CAP, "%.*s", (int)strcspn(at, " "), at);
}

static holder_t ourselves(const char *run)
{
    holder_t self = {.pid = getpid()};
    snprintf(self.run, sizeof self.run, "%s", run);
    gethostname(self.host, sizeof self.host - 1);
    first_line("/proc/sys/kernel/random/boot_id", self.boot);
    ssize_t got = readlink("/proc/self/ns/pid", self.space, sizeof self.space - 1);
    self.space[got > 0 ? got : 0] = '\0';
    start_of(self.pid, self.start);
    time_t now = time(NULL);
    struct tm utc;
    strftime(self.since, sizeof self.since, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &utc));
    snprintf(self.beat, sizeof self.beat, "%0*d", BEAT_DIGITS, 0);
    return self;
}

/* ---- the file ---- */

static char *holder_text(const holder_t *h)
{
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "run", h->run, "host",
                             h->host, "boot", h->boot, "space", h->space, "pid", (json_int_t)h->pid,
                             "start", h->start, "since", h->since, "beat", h->beat);
    CHECK(root != NULL, "the lock's text can not be made");
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    CHECK(text != NULL, "out of memory: the lock's text");
    return text;
}

static void take_text(const json_t *root, const char *key, char *out)
{
    const char *text = json_string_value(json_object_get(root, key));
    snprintf(out, NAME_CAP, "%s", text ? text : "");
}

// ERR_MISSING: nobody holds it. Text that is no lock gives an empty holder, which only watching can judge.
static err_t holder_read(const char *path, holder_t *h)
{
    char *text;
    int64_t bytes;
    *h = (holder_t){0};
    TRY(sync_read_text(path, &text, &bytes));
    json_t *root = json_loads(text, 0, NULL);
    free(text);
    take_text(root, "run", h->run);
    take_text(root, "host", h->host);
    take_text(root, "boot", h->boot);
    take_text(root, "space", h->space);
    take_text(root, "start", h->start);
    take_text(root, "since", h->since);
    take_text(root, "beat", h->beat);
    h->pid = json_integer_value(json_object_get(root, "pid"));
    json_decref(root);
    return OK;
}

typedef enum { HOLDER_DEAD, HOLDER_ALIVE, HOLDER_UNKNOWN } judgement_t;

static judgement_t judge(const holder_t *h, const holder_t *self)
{
    char start[NAME_CAP];
    if (h->run[0] == '\0' || strcmp(h->host, self->host) != 0)
        return HOLDER_UNKNOWN;
    if (strcmp(h->boot, self->boot) != 0)
        return HOLDER_DEAD; // this host was started anew
    if (strcmp(h->space, self->space) != 0)
        return HOLDER_UNKNOWN; // its pid means nothing here
    start_of(h->pid, start);
    if (start[0] == '\0' && kill((pid_t)h->pid, 0) != 0 && errno == EPERM)
        return HOLDER_UNKNOWN; // another user's, whom /proc hides
    return strcmp(start, h->start) == 0 ? HOLDER_ALIVE : HOLDER_DEAD;
}

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&time, NULL);
}

static err_t held_by(const char *path, const holder_t *h)
{
    return err_fail(ERR_LOCKED,
                    "%s: run %s on %s (pid %" PRId64
                    ") is writing since %s; wait for it or stop it",
                    path, h->run, h->host, h->pid, h->since);
}

// Waits until the holder moves (OK when it left, ERR_LOCKED when it beats) or `watch` seconds have passed (*dead).
static err_t watch_beat(const char *path, const holder_t *seen, double watch, bool *dead)
{
    double begin = log_clock();
    holder_t now;
    log_info("%s: run %s on %s holds the lock; watching for %.0f seconds whether it lives", path,
             seen->run, seen->host, watch);
    *dead = false;
    while (log_clock() - begin < watch) {
        pause_for(0.2);
        if (stop_requested())
            return err_fail(ERR_STOPPED, "%s: asked to stop while waiting for the lock", path);
        err_t err = holder_read(path, &now);
        if (err_is(err, ERR_MISSING))
            return OK;
        if (err != OK)
            return err;
        if (strcmp(now.run, seen->run) != 0 || strcmp(now.beat, seen->beat) != 0)
            return held_by(path, &now);
    }
    *dead = true;
    return OK;
}

// Moves a dead holder's file away. A rename takes whatever lies there, so what came along is looked at: another run that
// was faster gets its lock back.
static err_t move_dead(const char *path, const char *run, const holder_t *dead)
{
    char *aside = mem_format("%s.part-%s-dead", path, run);
    holder_t moved;
    err_t err = OK;
    if (rename(path, aside) != 0 && errno != ENOENT)
        err = err_errno(ERR_IO, "%s: the lock of a dead run can not be removed", path);
    else if (holder_read(aside, &moved) == OK && strcmp(moved.run, dead->run) != 0 &&
             link(aside, path) != 0)
        err = err_errno(ERR_IO, "%s: the lock of run %s", path, moved.run);
    else
        log_info("%s: run %s on %s is dead, its lock is taken over", path, dead->run, dead->host);
    unlink(aside);
    free(aside);
    return err;
}

// Of several that found it dead one alone moves it, where the file system knows record locks (of the open file: a plain
// one would end when holder_read closes its own descriptor); the others look again.
static err_t clear_dead(const char *path, const char *run, const holder_t *dead)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    holder_t now;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return OK;
    bool busy =
        fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) != 0 && (errno == EAGAIN || errno == EACCES);
    err_t err = OK;
    if (!busy && holder_read(path, &now) == OK && strcmp(now.run, dead->run) == 0)
        err = move_dead(path, run, dead);
    if (fd >= 0)
        close(fd);
    return err;
}

/* ---- taking it ---- */

static err_t mine_write(const char *path, const holder_t *self, int *fd, off_t *beat_at)
{
    char *text = holder_text(self);
    size_t bytes = strlen(text);
    err_t err = OK;
    *beat_at = (off_t)(strstr(text, "\"beat\":\"") - text) + 8;
    *fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (*fd < 0)
        err = err_errno(ERR_IO, "%s: the lock can not be made", path);
    if (err == OK)
        err = sync_write(*fd, path, bytes, text);
    if (err == OK && fsync(*fd) != 0)
        err = err_errno(ERR_IO, "%s: sync", path);
    free(text);
    return err;
}

// One look at the lock: *got, or an error, or neither (look again).
static err_t step(const char *path, const char *mine, const holder_t *self, double begin,
                  double watch, bool *got)
{
    holder_t holder;
    bool dead = false;
    *got = link(mine, path) == 0;
    if (*got)
        return OK;
    if (errno != EEXIST)
        return err_errno(ERR_IO, "%s: the lock can not be made", path);
    err_t err = holder_read(path, &holder);
    if (err_is(err, ERR_MISSING))
        return OK;
    TRY(err);
    if (strcmp(holder.run, self->run) == 0) { // a network file system lost the answer to our link
        *got = true;
        return OK;
    }
    judgement_t judged = judge(&holder, self);
    if (judged == HOLDER_ALIVE && log_clock() - begin > GRACE_SECONDS)
        return held_by(path, &holder);
    if (judged == HOLDER_ALIVE)
        pause_for(0.1);
    if (judged == HOLDER_UNKNOWN)
        TRY(watch_beat(path, &holder, watch, &dead));
    return judged == HOLDER_DEAD || dead ? clear_dead(path, self->run, &holder) : OK;
}

static void *beat_loop(void *user)
{
    lock_t *lock = user;
    char digits[24];
    pthread_mutex_lock(&lock->mutex);
    for (int beat = 1; !lock->ending; beat++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += BEAT_SECONDS;
        int woken = pthread_cond_timedwait(&lock->wake, &lock->mutex, &until);
        if (woken != ETIMEDOUT)
            continue;
        snprintf(digits, sizeof digits, "%0*d", BEAT_DIGITS, beat);
        // a beat that can not be written is missed, which lock_check of others will judge
        if (pwrite(lock->fd, digits, BEAT_DIGITS, lock->beat_at) == BEAT_DIGITS)
            fdatasync(lock->fd);
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

// Signals are the main thread's.
static void beat_start(lock_t *lock)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->wake, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&lock->thread, NULL, beat_loop, lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    CHECK(failed == 0, "the lock's thread can not be started: %s", strerror(failed));
}

err_t lock_take(const char *folder, const char *run, double watch, lock_t **out)
{
    char *path = mem_format("%s/lock", folder), *mine = mem_format("%s/lock.part-%s", folder, run);
    holder_t self = ourselves(run);
    bool got = false;
    int fd = -1;
    off_t beat_at = 0;
    double begin = log_clock();
    err_t err;
    *out = NULL;
    TRY_TO(done, mine_write(mine, &self, &fd, &beat_at));
    while (!got)
        TRY_TO(done, step(path, mine, &self, begin, watch, &got));
    *out = MEM_NEW(lock_t, 1);
    **out = (lock_t){
        .path = mem_copy_text(path), .run = mem_copy_text(run), .fd = fd, .beat_at = beat_at};
    beat_start(*out);
done:
    unlink(mine);
    if (err != OK && fd >= 0)
        close(fd);
    free(mine);
    free(path);
    return err;
}

void lock_release(lock_t **lock)
{
    lock_t *l = *lock;
    holder_t holder;
    if (l == NULL)
        return;
    pthread_mutex_lock(&l->mutex);
    l->ending = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
    if (holder_read(l->path, &holder) == OK && strcmp(holder.run, l->run) == 0)
        unlink(l->path);
    close(l->fd);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->mutex);
    free(l->path);
    free(l->run);
    free(l);
    *lock = NULL;
}

err_t lock_check(const char *folder, const char *run)
{
    char *path = mem_format("%s/lock", folder);
    holder_t holder;
    err_t err = holder_read(path, &holder);
    if (err_is(err, ERR_MISSING))
        err = err_fail(ERR_LOCKED, "%s: the lock of this run (%s) is gone", path, run);
    else if (err == OK && strcmp(holder.run, run) != 0)
        err = err_fail(ERR_LOCKED,
                       "%s: taken over by run %s on %s (pid %" PRId64 "); this run was %s", path,
                       holder.run, holder.host, holder.pid, run);
    free(path);
    return err;
}
