/*
 * registry.c: writes the registry file as a bridge would, or holds it locked.
 *
 *   amr-test-registry put FILE CHAIN_ID CONTRACT METER:ADDRESS:STATUS...   (status 1 active, 2
 * closed) amr-test-registry lock FILE     says "locked" and keeps readers out until standard input
 * ends
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/options.h"
#include "common/registry.h"

/* Where SQLite puts its locks ("File Format For SQLite Databases", section 1.3.2). */
#define LOCK_START 0x40000000
#define LOCK_LEN   512

static int meter_parse(struct registry_meter *ret_meter, char *text, struct err *err)
{
    char *address = strchr(text, ':'), *status = address ? strchr(address + 1, ':') : NULL;
    uint64_t meter, value;
    if (!status)
        return err_set(err, "'%s' is not METER:ADDRESS:STATUS", text);
    *address++ = *status++ = '\0';
    if (parse_u64(&meter, text, 1, UINT32_MAX, err) || parse_u64(&value, status, 0, 2, err) ||
        eth_address_parse(&ret_meter->signer, address, err))
        return -1;
    ret_meter->meter = (uint32_t)meter;
    ret_meter->status = (enum meter_status)value;
    return 0;
}

static int put(const char *path, char **args, int count, struct err *err)
{
    struct registry *registry;
    struct registry_meter meter;
    struct eth_address contract;
    uint64_t chain_id;
    if (parse_u64(&chain_id, args[0], 1, UINT32_MAX, err) ||
        eth_address_parse(&contract, args[1], err) ||
        registry_open_writer(&registry, path, chain_id, &contract, err))
        return -1;
    int result = registry_begin(registry, err);
    for (int i = 2; i < count && result == 0; i++) {
        result = meter_parse(&meter, args[i], err);
        if (result == 0)
            result = registry_put(registry, &meter, err);
    }
    if (result == 0)
        result = registry_end(registry, 1, err);
    registry_close(registry);
    return result;
}

static int lock(const char *path, struct err *err)
{
    struct flock all = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_START, .l_len = LOCK_LEN};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETLK, &all) < 0)
        return err_errno(err, "lock %s", path);
    puts("locked");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    int result = 2;
    if (argc > 5 && strcmp(argv[1], "put") == 0)
        result = put(argv[2], argv + 3, argc - 3, &err) ? 1 : 0;
    else if (argc == 3 && strcmp(argv[1], "lock") == 0)
        result = lock(argv[2], &err) ? 1 : 0;
    if (result)
        fprintf(stderr, "amr-test-registry: %s\n", result == 1 ? err.text : "wrong usage");
    return result;
}
