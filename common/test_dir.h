/*
 * test_dir.h: a folder of its own for one group of unit tests, removed at the end.
 *
 * Pass test_dir_setup and test_dir_teardown to cmocka_run_group_tests; each test then finds the
 * folder in *state. Header only: test code is not part of any library.
 */
#ifndef AMR_COMMON_TEST_DIR_H
#define AMR_COMMON_TEST_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"

static inline int test_dir_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = xasprintf("%s/amr-test-XXXXXX", base ? base : "/tmp");

    *state = mkdtemp(path);
    return *state ? 0 : -1;
}

/** The folder's files are removed; tests make no folders inside. */
static inline int test_dir_teardown(void **state)
{
    DIR *dir = opendir(*state);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *path = xasprintf("%s/%s", (char *)*state, entry->d_name);
        unlink(path);
        free(path);
    }
    if (dir)
        closedir(dir);
    rmdir(*state);
    free(*state);
    return 0;
}

/** A path inside the folder; the caller frees it. */
static inline char *test_path(const void *state, const char *name)
{
    return xasprintf("%s/%s", (const char *)state, name);
}

#endif
