// SPDX-License-Identifier: Apache-2.0
//
// What is tried, and who relies on it: sealing (sync.h: write, sync, rename), the lock of a bank (lock.c: a hard link), the
// catalog (catalog.c: fcntl locks between processes), readers beside a campaign (a rename takes no name away).
#include "storage/folder_check.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BIG_BYTES = 32 << 20, SMALL_BYTES = 256, SYNCS = 9, RENAMES = 300 };
static const double GB = 1e9, LEAST_SPACE = 64e6, GOOD_SPACE = 1e9, GOOD_FILES = 1000;
static const double GOOD_MB = 20, GOOD_SYNC_MS = 100, CLOCKS_WITHIN = 1;

/* ---- what it is ---- */

/* f_type of the kernel's magic.h, and of file systems that live outside of it. */
static const folder_kind_t kinds[] = {
    {0xEF53, "ext4", false, false, NULL},
    {0x58465342, "XFS", false, false, NULL},
    {0x9123683E, "Btrfs", false, false, NULL},
    {0x2FC12FC1, "ZFS", false, false, NULL},
    {0xF2F52010, "F2FS", false, false, NULL},
    {0x01021994, "tmpfs", false, true, "it is memory: what lies there is gone with the machine"},
    {0x858458F6, "ramfs", false, true, "it is memory: what lies there is gone with the machine"},
    {0x794C7630, "overlayfs", false, true,
     "the inside of a container, slow and gone with it: mount a folder of the host for banks"},
    {0x6969, "NFS", true, false,
     "fine for one group, slow for many: large shards (bank.shard_rows), one writing node where "
     "possible"},
    {0x0BD00BD0, "Lustre", true, false,
     "mount with flock; `lfs setstripe -c 1` on the bank's folder before the first campaign"},
    {0x47504653, "GPFS", true, false, "shards of several block sizes (`mmlsfs -B`)"},
    {0x19830326, "BeeGFS", true, false, "switch user locks on (tuneUseGlobalFileLocks)"},
    {0x00C36400, "CephFS", true, false, "large shards (bank.shard_rows)"},
    {0xAAD7AAEA, "PanFS", true, false, "large shards (bank.shard_rows)"},
    {0x7461636F, "OCFS2", true, false, NULL},
    {0x01161970, "GFS2", true, false, NULL},
    {0xFF534D42, "CIFS", true, true,
     "a bank needs hard links and fcntl locks: mount with neither nolock "
     "nor nobrl, or use another file system"},
    {0xFE534D42, "SMB", true, true,
     "a bank needs hard links and fcntl locks: mount with neither nolock "
     "nor nobrl, or use another file system"},
    {0x5346414F, "AFS", true, true,
     "it has no fcntl locks between machines: use another file system"},
    {0x01021997, "9p", true, false, "the disk of a virtual machine's host: mount with cache=none"},
    {0x65735546, "FUSE", true, false, "what lies behind it decides: see the checks below"},
};

const folder_kind_t *folder_kind(uint64_t magic)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].magic == magic)
            return &kinds[i];
    return NULL;
}

void folder_check_kind(uint64_t magic, findings_t *out)
{
    const folder_kind_t *kind = folder_kind(magic);
    if (kind == NULL) {
        findings_add(out, FINDING_OK, "file system", "one of type 0x%llx",
                     (unsigned long long)magic);
        return;
    }
    bool note = kind->advice != NULL && !kind->doubtful;
    findings_add(out, kind->doubtful ? FINDING_WARNING : FINDING_OK, "file system", "%s, %s%s%s",
                 kind->name, kind->network ? "over the network" : "local", note ? ": " : "",
                 note ? kind->advice : "");
    if (kind->doubtful)
        findings_advise(out, "%s", kind->advice);
}

void folder_check_space(double bytes, double files, findings_t *out)
{
    finding_verdict_t verdict = bytes < LEAST_SPACE ? FINDING_FAILED
                                : bytes < GOOD_SPACE || (files > 0 && files < GOOD_FILES)
                                    ? FINDING_WARNING
                                    : FINDING_OK;
    char left[48] = "";
    if (files > 0)
        snprintf(left, sizeof left, ", %.0f files", files);
    findings_add(out, verdict, "free space", "%.2f GB%s", bytes / GB, left);
    findings_advise(out, "a bank takes rows times the bytes of a row, and two files a shard: free "
                         "some, or choose another folder");
}

static err_t check_system(const char *folder, findings_t *out)
{
    struct statfs system;
    struct statvfs space;
    if (statfs(folder, &system) != 0 || statvfs(folder, &space) != 0)
        return err_errno(ERR_IO, "%s", folder);
    folder_check_kind((uint32_t)system.f_type, out);
    folder_check_space((double)space.f_bavail * (double)space.f_frsize, (double)space.f_favail,
                       out);
    return OK;
}

/* ---- locks, between two processes ---- */

typedef enum { FCNTL, FLOCK } lock_kind_t;

static bool take_lock(int fd, lock_kind_t kind)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return kind == FCNTL ? fcntl(fd, F_SETLK, &whole) == 0 : flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Whether another process gets a lock on this file at once. */
static bool other_gets(const char *path, lock_kind_t kind)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd < 0 || !take_lock(fd, kind));
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static err_t try_lock(const char *path, lock_kind_t kind)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "can not be opened");
    err_t err = OK;
    if (!take_lock(fd, kind))
        err = err_errno(ERR_IO, "can not be locked");
    else if (other_gets(path, kind))
        err = err_fail(ERR_FAILED, "two processes hold the same lock");
    close(fd);
    if (err == OK && !other_gets(path, kind))
        err = err_fail(ERR_FAILED, "a lock stays after its file is closed");
    return err;
}

static void add_result(err_t err, finding_verdict_t bad, const char *what, const char *good,
                       findings_t *out)
{
    findings_add(out, err == OK ? FINDING_OK : bad, what, "%s", err == OK ? good : err_text());
    err_clear();
}

static void check_locks(const char *path, findings_t *out)
{
    add_result(try_lock(path, FCNTL), FINDING_WARNING, "fcntl locks", "hold between processes",
               out);
    findings_advise(out, "lines of a bank's catalog are ordered by them: let one node alone write, "
                         "or mount with locks (Lustre: flock)");
    add_result(try_lock(path, FLOCK), FINDING_WARNING, "flock", "holds between processes", out);
    findings_advise(out, "infermill does not need it here, h5py does: open shards with "
                         "locking=False (HDF5_USE_FILE_LOCKING=FALSE)");
}

/* ---- links and renames ---- */

static err_t try_link(const char *path, const char *other)
{
    if (link(path, other) != 0)
        return err_errno(ERR_IO, "none can be made");
    bool twice = link(path, other) == 0;
    unlink(other);
    return twice ? err_fail(ERR_FAILED, "one is made where another file lies") : OK;
}

static err_t write_word(const char *path, char word)
{
    char bytes[SMALL_BYTES];
    memset(bytes, word, sizeof bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "a file can not be made");
    err_t err = sync_write(fd, path, sizeof bytes, bytes);
    close(fd);
    return err;
}

/* 0: never anything but one whole file under this name. */
_Noreturn static void watch(const char *path)
{
    char bytes[SMALL_BYTES + 1];
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            _exit(1);
        ssize_t n = read(fd, bytes, sizeof bytes);
        close(fd);
        if (n != SMALL_BYTES || bytes[0] != bytes[SMALL_BYTES - 1])
            _exit(1);
    }
}

/* A second process reads a file all the while it is replaced. */
static err_t try_renames(const char *path, const char *aside)
{
    TRY(write_word(path, 'a'));
    pid_t watcher = fork();
    if (watcher < 0)
        return err_errno(ERR_IO, "no second process");
    if (watcher == 0)
        watch(path);
    err_t err = OK;
    for (int i = 0; i < RENAMES && err == OK; i++) {
        err = write_word(aside, (char)('a' + i % 26));
        if (err == OK && rename(aside, path) != 0)
            err = err_errno(ERR_IO, "a file can not be replaced");
    }
    int status;
    kill(watcher, SIGKILL);
    waitpid(watcher, &status, 0);
    if (err == OK && WIFEXITED(status))
        err = err_fail(ERR_FAILED, "a reader found no file, or half of one, during a rename");
    return err == OK ? sync_rename(path, aside) : err;
}

static void check_names(const char *path, const char *other, findings_t *out)
{
    add_result(try_link(path, other), FINDING_FAILED, "hard links", "one process gets the name",
               out);
    findings_advise(out, "the lock of a bank is a hard link: choose a folder of another file "
                         "system (vfat, many FUSE mounts and object stores have none)");
    add_result(try_renames(path, other), FINDING_FAILED, "renames", "replace a file at once", out);
    findings_advise(out, "a finished shard gets its name by a rename: choose a folder of another "
                         "file system");
}

/* ---- speed and clock ---- */

static err_t write_big(const char *path, double *seconds)
{
    char *bytes = mem_alloc(BIG_BYTES, 1);
    for (int i = 0; i < BIG_BYTES; i++) // nothing that a file system could compress
        bytes[i] = (char)((uint32_t)i * 2654435761u >> 24);
    double start = log_clock();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    err_t err = fd < 0 ? err_errno(ERR_IO, "%s", path) : sync_write(fd, path, BIG_BYTES, bytes);
    if (err == OK && fsync(fd) != 0)
        err = err_errno(ERR_IO, "%s: sync", path);
    if (fd >= 0)
        close(fd);
    *seconds = log_clock() - start;
    free(bytes);
    unlink(path);
    return err;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static err_t sync_small(const char *path, double *median)
{
    double seconds[SYNCS];
    for (int i = 0; i < SYNCS; i++) {
        TRY(write_word(path, 's'));
        double start = log_clock();
        TRY(sync_file(path));
        seconds[i] = log_clock() - start;
    }
    qsort(seconds, SYNCS, sizeof *seconds, by_size);
    *median = seconds[SYNCS / 2];
    return OK;
}

void folder_check_speed(double mb_a_second, double sync_ms, findings_t *out)
{
    bool good = mb_a_second >= GOOD_MB && sync_ms <= GOOD_SYNC_MS;
    findings_add(out, good ? FINDING_OK : FINDING_WARNING, "write speed",
                 "%.0f MB/s with its sync, a small sync %.1f ms", mb_a_second, sync_ms);
    findings_advise(out, "ranks will wait for the disk: a faster folder for the bank, or larger "
                         "shards (bank.shard_rows)");
}

static void check_speed(const char *path, findings_t *out)
{
    double big = 0, small = 0;
    err_t err = write_big(path, &big);
    if (err == OK)
        err = sync_small(path, &small);
    if (err == OK)
        return folder_check_speed(BIG_BYTES / 1e6 / big, 1e3 * small, out);
    findings_add(out, FINDING_FAILED, "write speed", "%s", err_text());
    findings_advise(out, "free space, or a quota that is not used up");
    err_clear();
}

void folder_check_clock(double ahead, findings_t *out)
{
    findings_add(out, fabs(ahead) <= CLOCKS_WITHIN ? FINDING_OK : FINDING_WARNING, "clock",
                 "a new file is dated %+.2f s from this machine's clock", ahead);
    findings_advise(out, "the file server and this machine disagree: let chrony or ntpd set both "
                         "clocks (infermill does not rely on them, make and people do)");
}

static double to_seconds(struct timespec t)
{
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The file is dated somewhere between two looks at the clock: off is what lies outside. */
static err_t check_clock(const char *path, findings_t *out)
{
    struct timespec before, after;
    struct stat info;
    unlink(path);
    clock_gettime(CLOCK_REALTIME, &before);
    TRY(write_word(path, 'c'));
    TRY(sync_file(path));
    clock_gettime(CLOCK_REALTIME, &after);
    if (stat(path, &info) != 0)
        return err_errno(ERR_IO, "%s", path);
    double dated = to_seconds(info.st_mtim);
    double early = to_seconds(before) - dated, late = dated - to_seconds(after);
    folder_check_clock(early > 0 ? -early : late > 0 ? late : 0, out);
    return OK;
}

/* ---- all ---- */

static err_t check_inside(const char *scratch, findings_t *out)
{
    char *one = mem_format("%s/one", scratch), *other = mem_format("%s/other", scratch);
    err_t err;
    TRY_TO(done, write_word(one, 'a'));
    check_locks(one, out);
    check_names(one, other, out);
    check_speed(other, out);
    TRY_TO(done, check_clock(one, out));
done:
    free(one);
    free(other);
    return err;
}

static void add_useless(const char *folder, findings_t *out)
{
    findings_add(out, FINDING_FAILED, "folder", "%s", err_text());
    findings_advise(out,
                    "name a folder that is there and that this user may write into: mkdir -p "
                    "%s, or chmod u+w",
                    folder);
    err_clear();
}

void folder_check(const char *folder, findings_t *out)
{
    struct stat info;
    char *scratch = mem_format("%s/.infermill-doctor-XXXXXX", folder);
    err_t err = OK;
    if (stat(folder, &info) != 0)
        err = err_errno(ERR_MISSING, "%s", folder);
    else if (!S_ISDIR(info.st_mode))
        err = err_fail(ERR_MISMATCH, "%s: got a file, expected a folder", folder);
    else if (mkdtemp(scratch) == NULL)
        err = err_errno(ERR_IO, "%s can not be written", folder);
    if (err != OK) {
        free(scratch);
        return add_useless(folder, out);
    }
    findings_add(out, FINDING_OK, "folder", "%s can be written", folder);
    err = check_system(folder, out);
    if (err == OK)
        err = check_inside(scratch, out);
    if (err != OK)
        add_useless(folder, out);
    if (sync_remove_folder(scratch) != OK)
        add_useless(folder, out);
    free(scratch);
}
