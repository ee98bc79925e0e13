#include "meter-client/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"
#define FRAME "\033[1;32m"
#define LCD   "\033[0;30;42m"
#define PLAIN "\033[0m"

struct terminal {
    int in;
    int out;
    struct termios before;
    struct screen_rows shown;
};

static void say(const struct terminal *terminal, const char *text)
{
    ssize_t ignored = write(terminal->out, text, strlen(text));

    (void)ignored; /* a display that is away is no matter */
}

int terminal_new(struct terminal **ret_terminal, int in, int out, struct err *err)
{
    struct terminal *terminal;
    struct termios raw;

    if (!isatty(in) || !isatty(out) || tcgetattr(in, &raw))
        return err_set(err, "display 'terminal' wants a terminal on standard input and output");
    terminal = xcalloc(1, sizeof(*terminal));
    terminal->in = in;
    terminal->out = out;
    terminal->before = raw;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(in, TCSANOW, &raw);
    say(terminal, ENTER);
    *ret_terminal = terminal;
    return 0;
}

void terminal_free(struct terminal *terminal)
{
    if (!terminal)
        return;
    say(terminal, LEAVE);
    tcsetattr(terminal->out, TCSANOW, &terminal->before);
    free(terminal);
}

int terminal_fd(const struct terminal *terminal)
{
    return terminal->in;
}

enum screen_key terminal_key(struct terminal *terminal)
{
    struct pollfd pollfd = {.fd = terminal->in, .events = POLLIN};
    char keys[8];
    ssize_t got;

    if (poll(&pollfd, 1, 0) <= 0)
        return KEY_NONE;
    got = read(terminal->in, keys, sizeof(keys));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        terminal->in = -1; /* hung up: nobody is there any more */
    if (got <= 0)
        return KEY_NONE;
    if (got >= 3 && keys[0] == '\033')
        return keys[2] == 'C' || keys[2] == 'B'   ? KEY_NEXT
               : keys[2] == 'D' || keys[2] == 'A' ? KEY_BACK
                                                  : KEY_NONE;
    if (keys[0] == '\r' || keys[0] == '\n' || keys[0] == 'o')
        return KEY_CONFIRM;
    return keys[0] == ' ' || keys[0] == 'n' ? KEY_NEXT : keys[0] == 'b' ? KEY_BACK : KEY_NONE;
}

void terminal_show(struct terminal *terminal, const struct screen_rows *rows)
{
    static const char EDGE[] = "+----------------------+";
    struct buf out = BUF_INIT;

    if (memcmp(&terminal->shown, rows, sizeof(*rows)) == 0)
        return;
    terminal->shown = *rows;
    buf_printf(&out, "\033[2;3H" FRAME "%s", EDGE);
    for (int i = 0; i < SCREEN_ROWS; i++)
        buf_printf(&out, "\033[%d;3H" FRAME "|" LCD " %s " FRAME "|", i + 3, rows->row[i]);
    buf_printf(&out, "\033[%d;3H" FRAME "%s" PLAIN, SCREEN_ROWS + 3, EDGE);
    buf_printf(&out, "\033[%d;3H space: next   enter: OK", SCREEN_ROWS + 5);
    say(terminal, buf_str(&out));
    buf_free(&out);
}
