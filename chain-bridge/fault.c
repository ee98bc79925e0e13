#include "chain-bridge/fault.h"

#ifdef NDEBUG

void fault_point(const char *name)
{
    (void)name;
}

#else

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool holds(const char *path, const char *name)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    return strcmp(text, name) == 0;
}

void fault_point(const char *name)
{
    const char *path = getenv("AMR_FAULT_FILE");
    if (!path || !holds(path, name) || unlink(path) < 0)
        return;
    raise(SIGKILL);
}

#endif
