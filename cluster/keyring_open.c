// SPDX-License-Identifier: Apache-2.0
//
// What is admitted, as it stands in memory. The folder's time of change tells when to read it again. Two changes within one
// tick of the file system's clock have one time; so while that time is fresh the folder is read again at each question.
#include "cluster/keyring_inside.h"

#include "cluster/log.h"
#include "cluster/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const double fresh_seconds = 0.1; // longer than a tick (at most 0.01 s)

struct keyring {
    char *folder, *inside; // `inside` holds what is admitted
    pthread_mutex_t lock;
    struct timespec changed; // when the folder was, as read; 0: it is not there
    bool fresh;              // it had changed just before it was read
    int n;
    keyring_entry_t *entry; // by key
};

static int by_key(const void *a, const void *b)
{
    const keyring_entry_t *x = a, *y = b;
    return strcmp(x->public_key, y->public_key);
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static struct timespec change_time(const keyring_t *k)
{
    struct stat is;
    return stat(k->inside, &is) == 0 ? is.st_mtim : (struct timespec){0};
}

// What can not be read is not admitted; it is told once, by the reading that stays.
static err_t keyring_read(keyring_t *k)
{
    char skipped[KEYRING_TEXT_CAP] = "";
    keyring_entries_t all = {.n = 0};
    err_t err = keyring_scan_admitted(k->folder, skipped, &all);
    if (skipped[0] != '\0' && !k->fresh)
        log_warning("a key is not admitted: %s", skipped);
    if (all.n > 0)
        qsort(all.entry, (size_t)all.n, sizeof *all.entry, by_key);
    free(k->entry);
    k->entry = all.entry;
    k->n = all.n;
    return err;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static err_t keyring_refresh(keyring_t *k)
{
    struct timespec changed = change_time(k);
    if (!k->fresh && same_time(&changed, &k->changed))
        return OK;
    k->changed = changed;
    k->fresh = seconds_since(&changed) < fresh_seconds;
    return keyring_read(k);
}

err_t keyring_open(const char *folder, keyring_t **out)
{
    keyring_t *k = MEM_NEW(keyring_t, 1);
    k->folder = mem_copy_text(folder);
    k->inside = mem_format("%s/admitted", folder);
    pthread_mutex_init(&k->lock, NULL);
    err_t err = keyring_refresh(k);
    if (err != OK)
        keyring_close(&k);
    *out = k;
    return err;
}

// A folder that can not be read admits nobody.
static void refresh_or_empty(keyring_t *k)
{
    int before = k->n;
    if (keyring_refresh(k) == OK)
        return;
    if (before > 0)
        log_warning("no key is admitted until this is mended: %s", err_text());
    k->n = 0;
    k->fresh = true;
}

bool keyring_admits(keyring_t *k, const char *public_key, char name[WIRE_NAME_CAP])
{
    keyring_entry_t wanted = {.own = false};
    strncpy(wanted.public_key, public_key, sizeof wanted.public_key - 1);
    pthread_mutex_lock(&k->lock);
    refresh_or_empty(k);
    const keyring_entry_t *found =
        k->n > 0 ? bsearch(&wanted, k->entry, (size_t)k->n, sizeof *k->entry, by_key) : NULL;
    if (found != NULL)
        memcpy(name, found->name, WIRE_NAME_CAP);
    pthread_mutex_unlock(&k->lock);
    return found != NULL;
}

void keyring_close(keyring_t **ring)
{
    keyring_t *k = *ring;
    if (k == NULL)
        return;
    pthread_mutex_destroy(&k->lock);
    free(k->entry);
    free(k->folder);
    free(k->inside);
    free(k);
    *ring = NULL;
}
