// SPDX-License-Identifier: Apache-2.0
#include "coordinator/infer_keep.h"

#include "cluster/log.h"
#include "storage/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

const char *const infer_keep_words[] = {"auto", "both", "draws", "summary", NULL};

err_t infer_keep_read(const char *word, int *out)
{
    for (*out = KEEP_AUTO; infer_keep_words[*out] != NULL; ++*out)
        if (strcmp(word, infer_keep_words[*out]) == 0)
            return OK;
    return err_fail(ERR_USAGE, "--keep: got \"%.60s\", expected auto, both, draws or summary",
                    word);
}

posterior_keep_t infer_keep(int keep)
{
    static const posterior_keep_t of[] = {[KEEP_BOTH] = POSTERIOR_KEEP_BOTH,
                                          [KEEP_DRAWS] = POSTERIOR_KEEP_DRAWS,
                                          [KEEP_SUMMARY] = POSTERIOR_KEEP_SUMMARY};
    CHECK(keep != KEEP_AUTO, "not decided yet");
    return of[keep];
}

static err_t decided_before(const char *path, int *keep)
{
    char *word;
    int64_t bytes;
    TRY(sync_read_text(path, &word, &bytes));
    err_t err = infer_keep_read(word, keep);
    free(word);
    if (err == OK && *keep != KEEP_AUTO)
        return OK;
    err_clear();
    return err_fail(ERR_FORMAT, "%s: neither both nor summary: remove the folder to begin anew",
                    path);
}

static err_t decide(const char *path, const posterior_head_t *head, int *keep)
{
    const double giga = 1e9;
    struct statvfs disk;
    TRY(sync_replace(path, infer_keep_words[KEEP_BOTH]));
    if (statvfs(path, &disk) != 0)
        return err_fail(ERR_IO, "%s: its disk can not be looked at: %s", path, strerror(errno));
    double room = (double)disk.f_bavail * (double)disk.f_frsize,
           need =
               (double)head->datasets * (double)head->draws * head->n_parameters * sizeof(double);
    *keep = need < room / 2 ? KEEP_BOTH : KEEP_SUMMARY;
    if (*keep == KEEP_SUMMARY)
        log_info(
            "infer: summaries and verdicts are kept, but no draws: they would take %.1f GB, more "
            "than half of the %.1f GB that are free (--keep both keeps them all the same)",
            need / giga, room / giga);
    return sync_replace(path, infer_keep_words[*keep]);
}

err_t infer_keep_by_room(const char *path, const posterior_head_t *head, posterior_keep_t *out)
{
    int keep = KEEP_AUTO;
    err_t err = decided_before(path, &keep);
    if (err_is(err, ERR_MISSING)) {
        err_clear();
        err = decide(path, head, &keep);
    }
    TRY(err);
    *out = infer_keep(keep);
    return OK;
}
