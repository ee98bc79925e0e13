#include "chain-bridge/ctl_store.h"

#include <unistd.h>

int ctl_store_open(struct store **ret_store, const char *path, struct err *err)
{
    if (access(path, F_OK) != 0)
        return err_errno(err,
                         "--store must name the store of a bridge on this machine, such as "
                         "/var/lib/amr-bridge/bridge.db; '%s'",
                         path);
    if (access(path, R_OK | W_OK) != 0)
        return err_errno(err, "the store '%s' belongs to the bridge's user: run this as that user",
                         path);
    return store_open_guest(ret_store, path, err);
}
