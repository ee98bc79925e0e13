#include "chain-bridge/ctl_confirm.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int ctl_confirm(const char *question, struct err *err)
{
    char answer[16] = "";
    int tty = isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (tty < 0) {
        err_set(err, "no terminal to ask on: --yes stands for the confirmation");
        return CTL_USAGE;
    }
    dprintf(tty, "%s [y/N] ", question);
    ssize_t got = read(tty, answer, sizeof(answer) - 1);
    close(tty);
    answer[got > 0 ? got : 0] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
        return CTL_DONE;
    err_set(err, "not confirmed: nothing was done");
    return CTL_USAGE;
}
