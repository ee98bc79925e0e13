#include "chain-bridge/key_lock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int key_lock_take(uint64_t chain_id, const struct eth_address *account, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[ETH_ADDRESS_TEXT];
    /* A name that begins with a NUL is abstract. */
    int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
                       "amr-bridge/%" PRIu64 "/%s", chain_id, eth_address_text(text, account));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, "lock account %s", text);
    if (bind(fd, (const struct sockaddr *)(const void *)&address, size) == 0)
        return fd;
    if (errno == EADDRINUSE)
        err_set(err, "another amr-bridge uses account %s", text);
    else
        err_errno(err, "lock account %s", text);
    close(fd);
    return -1;
}
