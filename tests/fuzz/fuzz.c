// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.h"

#include "cluster/mem.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256], file[512];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
    if (folder[0] != '\0')
        return folder;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/infermill-fuzz-XXXXXX", base != NULL ? base : "/tmp");
    CHECK(mkdtemp(folder) != NULL, "no folder for fuzzing: %s", folder);
    atexit(remove_folder);
    return folder;
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    snprintf(file, sizeof file, "%s/%s", fuzz_folder(), name);
    FILE *out = fopen(file, "wbe");
    CHECK(out != NULL, "%s can not be written", file);
    CHECK(fwrite(data, 1, size, out) == size && fclose(out) == 0, "%s: %zu bytes", file, size);
    return file;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

void fuzz_expect_words(err_t err)
{
    CHECK(err == OK || err_text()[0] != '\0', "%s without a word", err_name(err));
    err_clear();
}
