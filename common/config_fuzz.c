/* Configuration files and keystores: what operators and other tools write. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/keystore.h"
#include "common/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct config {
    const char *text;
    const char *list;
    uint32_t small;
    uint64_t large;
    bool flag;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, text, "text", "x", "a text"),
    OPTION_LIST(struct config, list, "list", NULL, "a list"),
    OPTION_U32(struct config, small, "small", "4", 1, 16, "a small number"),
    OPTION_U64(struct config, large, "large", "0", 0, UINT64_MAX, "a large number"),
    OPTION_FLAG(struct config, flag, "flag", "a flag"),
};

static char *memory_file(const void *data, size_t size, int *ret_fd)
{
    *ret_fd = memfd_create("fuzz", 0);
    if (*ret_fd < 0 || write(*ret_fd, data, size) != (ssize_t)size || fchmod(*ret_fd, 0600))
        abort();
    return xasprintf("/proc/self/fd/%d", *ret_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct err err;
    int fd, passphrase_fd, argc;
    char *path = memory_file(data, size, &fd);
    char *passphrase = memory_file("secret", 6, &passphrase_fd);
    char *argv[] = {(char *)"fuzz", (char *)"--config", path};

    struct options *options = options_new(ROWS, AMR_COUNT(ROWS), &config, NULL, "fuzz");
    enum options_result result = options_parse(options, &argc, 3, argv, &err);
    (void)result;
    options_free(options);
    /* A costly key derivation is no finding; only files that fail before it are tried. */
    if (!memmem(data, size, "kdfparams", 9))
        signer_free(keystore_load(path, passphrase, &err));
    close(fd);
    close(passphrase_fd);
    free(path);
    free(passphrase);
    return 0;
}
