#include "meter-client/mains.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"

#define LOOK_MS 1000

struct mains {
    const struct clock *clock;
    char *path; /* NULL: none */
    int fd;     /* stays open for its edges; read through a fresh one, as files may be replaced */
    uint64_t due_ms;
    bool away;
};

static void look(struct mains *mains)
{
    char c = 0;
    int fd = open(mains->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0) {
        if (read(fd, &c, 1) == 1 && (c == '0' || c == '1'))
            mains->away = c == '0';
        close(fd);
    }
    /* An edge is told until somebody reads on the descriptor that is polled. */
    if (mains->fd >= 0 && lseek(mains->fd, 0, SEEK_SET) == 0 && read(mains->fd, &c, 1) < 0)
        c = 0;
    mains->due_ms = clock_mono_ms(mains->clock) + LOOK_MS;
}

int mains_new(struct mains **ret_mains, const char *path, const struct clock *clock,
              struct err *err)
{
    struct mains *mains = xcalloc(1, sizeof(*mains));

    mains->clock = clock;
    mains->fd = -1;
    mains->due_ms = UINT64_MAX;
    if (path) {
        mains->path = xstrdup(path);
        mains->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (mains->fd < 0) {
            err_errno(err, "mains: open '%s'", path);
            mains_free(mains);
            return -1;
        }
        look(mains);
    }
    *ret_mains = mains;
    return 0;
}

void mains_free(struct mains *mains)
{
    if (!mains)
        return;
    if (mains->fd >= 0)
        close(mains->fd);
    free(mains->path);
    free(mains);
}

int mains_fd(const struct mains *mains)
{
    return mains->fd;
}

uint64_t mains_due_ms(const struct mains *mains)
{
    return mains->due_ms;
}

bool mains_away(struct mains *mains, bool woken)
{
    if (mains->path && (woken || clock_mono_ms(mains->clock) >= mains->due_ms))
        look(mains);
    return mains->away;
}
