/*
 * A fuzz target without libFuzzer: runs it once over every file of the directories (and files)
 * named, so that the seeds and every input that once broke something stay an ordinary test.
 * `cmake --preset fuzz` builds the same targets with libFuzzer's own main instead.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An exact allocation, so that a read past the end is seen by the sanitizers. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    struct stat status;
    if (fstat(fileno(file), &status) || status.st_size > INPUT_MAX) {
        fprintf(stderr, "%s: not a file of at most %d bytes\n", path, INPUT_MAX);
        fclose(file);
        return -1;
    }
    size_t len = (size_t)status.st_size;
    uint8_t *data = malloc(len ? len : 1);
    size_t got = data ? fread(data, 1, len, file) : 0;
    fclose(file);
    if (!data || got != len) {
        fprintf(stderr, "%s: read %zu of %zu bytes\n", path, got, len);
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

/* Returns how many files ran, -1 where one could not be read. */
static int replay_directory(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        return -1;
    }
    int ran = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && ran >= 0) {
            char name[4096];
            int len = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            ran = len < (int)sizeof(name) && !replay_file(name) ? ran + 1 : -1;
        }
        free(entries[i]);
    }
    free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        int ran = -1;
        if (!stat(argv[i], &status)) {
            ran = S_ISDIR(status.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i]) + 1;
        }
        if (ran <= 0) {
            fprintf(stderr, "%s: nothing could be replayed\n", argv[i]);
            return 1;
        }
        total += ran;
    }
    printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 2;
}
