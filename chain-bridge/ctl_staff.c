#include "chain-bridge/ctl_staff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/staff.h"

#define CANCEL 0x03 /* Ctrl-C, which comes as a character here */

struct config {
    const char *file;
    const char *password_file;
    const char *role;
};

#define FILE_ROW                                                                                   \
    OPTION_STRING(struct config, file, "file", NULL,                                               \
                  "the staff file that the plugin's option `staff` names")

static void wipe(struct buf *secret)
{
    if (secret->data != NULL)
        explicit_bzero(secret->data, secret->capacity);
    buf_free(secret);
}

/* A whole line fits: passwords are short, and what is longer is refused by its length. */
static int read_line(int tty, struct buf *out, struct err *err)
{
    uint8_t *line = buf_extend(out, STAFF_PASSWORD_MAX + 2);
    ssize_t got = read(tty, line, STAFF_PASSWORD_MAX + 2);
    if (got <= 0 || memchr(line, CANCEL, (size_t)got) != NULL)
        return err_set(err, "cancelled");
    if (line[got - 1] != '\n')
        return err_set(err, "a password has at most %d bytes", STAFF_PASSWORD_MAX);
    out->len = (size_t)got - 1;
    return 0;
}

static int ask(int tty, const char *prompt, struct buf *out, struct err *err)
{
    struct termios before, quiet;
    if (tcgetattr(tty, &before) != 0)
        return err_errno(err, "read the terminal's settings");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    dprintf(tty, "%s", prompt);
    if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
        return err_errno(err, "turn the terminal's echo off");
    int result = read_line(tty, out, err);
    tcsetattr(tty, TCSAFLUSH, &before);
    dprintf(tty, "\n");
    return result;
}

static int ask_twice(struct buf *out, struct err *err)
{
    struct buf again = BUF_INIT;
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return err_set(err, "no terminal to ask on: give --password-file FILE");
    int result = ask(tty, "Password: ", out, err);
    if (result == 0)
        result = ask(tty, "Again: ", &again, err);
    if (result == 0 && strcmp(buf_str(out), buf_str(&again)) != 0)
        result = err_set(err, "the two are not the same");
    close(tty);
    wipe(&again);
    return result;
}

static int read_password(const char *path, struct buf *out, struct err *err)
{
    if (path == NULL)
        return ask_twice(out, err);
    if (file_read_secret(out, path, STAFF_PASSWORD_MAX + 2, err) != 0)
        return -1;
    while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->len--;
    if (out->len > 0 && memchr(out->data, 0, out->len) != NULL)
        return err_set(err, "'%s' holds a NUL byte", path);
    return 0;
}

/* The file's content, none where it may be missing and is; refused where the broker would. */
static int read_staff(const char *path, bool required, struct buf *out, struct staff **ret_staff,
                      struct err *err)
{
    if (!required && access(path, F_OK) != 0 && errno == ENOENT) {
        *ret_staff = staff_new(path);
        return 0;
    }
    if (file_read(out, path, STAFF_FILE_MAX, err) != 0)
        return -1;
    struct staff *staff = staff_new(path);
    if (staff_parse(staff, (const char *)out->data, out->len, err) != 0) {
        staff_free(staff);
        return err_wrap(err, "'%s'", path);
    }
    *ret_staff = staff;
    return 0;
}

static int check_arguments(const struct ctl *ctl, const struct config *config, int wanted,
                           struct err *err)
{
    if (config->file != NULL && ctl->argc == wanted)
        return CTL_DONE;
    err_set(err, wanted ? "give one NAME and --file FILE" : "give --file FILE and nothing else");
    return CTL_USAGE;
}

/* The new content: everybody else, as they stood, and then the person. */
static int changed(struct buf *out, const struct buf *before, const char *name,
                   const char *password, enum staff_role role, bool *ret_known, struct err *err)
{
    *ret_known = staff_without(out, (const char *)before->data, before->len, name);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_append_u8(out, '\n');
    return staff_print(out, name, password, STAFF_LOG_N, role, err);
}

/* What the broker would refuse is not written. */
static int store(const char *path, const struct buf *content, struct err *err)
{
    struct staff *staff = staff_new(path);
    int result = staff_parse(staff, (const char *)content->data, content->len, err);
    staff_free(staff);
    return result == 0 ? file_replace(path, 0640, content->data, content->len, err) : -1;
}

static int run_add(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf before = BUF_INIT, after = BUF_INIT, password = BUF_INIT;
    struct staff *staff = NULL;
    bool known = false;
    enum staff_role role = STAFF_VIEWER;
    int code = check_arguments(ctl, config, 1, err);
    if (code == CTL_DONE && config->role[0] && staff_role_parse(&role, config->role, err) < 0)
        code = CTL_USAGE;
    if (code != CTL_DONE)
        return code;
    code = CTL_FAILED;
    if (read_staff(config->file, false, &before, &staff, err) == 0 &&
        read_password(config->password_file, &password, err) == 0 &&
        changed(&after, &before, ctl->argv[0], buf_str(&password),
                config->role[0] ? role : staff_role(staff, ctl->argv[0]), &known, err) == 0 &&
        store(config->file, &after, err) == 0) {
        fprintf(ctl->out, "%s: %s\n", ctl->argv[0], known ? "password changed" : "added");
        code = CTL_DONE;
    }
    wipe(&password);
    staff_free(staff);
    buf_free(&before);
    buf_free(&after);
    return code;
}

static int run_remove(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf before = BUF_INIT, after = BUF_INIT;
    struct staff *staff = NULL;
    int code = check_arguments(ctl, config, 1, err);
    if (code != CTL_DONE)
        return code;
    code = CTL_FAILED;
    if (read_staff(config->file, true, &before, &staff, err) != 0)
        goto done;
    if (!staff_without(&after, (const char *)before.data, before.len, ctl->argv[0])) {
        err_set(err, "nobody of that name in '%s'", config->file);
        goto done;
    }
    if (store(config->file, &after, err) == 0) {
        fprintf(ctl->out, "%s: removed\n", ctl->argv[0]);
        code = CTL_DONE;
    }
done:
    staff_free(staff);
    buf_free(&before);
    buf_free(&after);
    return code;
}

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf content = BUF_INIT;
    struct staff *staff = NULL;
    int code = check_arguments(ctl, config, 0, err);
    if (code != CTL_DONE)
        return code;
    code = read_staff(config->file, true, &content, &staff, err) == 0 ? CTL_DONE : CTL_FAILED;
    for (size_t i = 0; code == CTL_DONE && i < staff_count(staff); i++)
        fprintf(ctl->out, "%-32s %s\n", staff_name(staff, i),
                staff_role_text(staff_role(staff, staff_name(staff, i))));
    staff_free(staff);
    buf_free(&content);
    return code;
}

static const struct option_row ADD_ROWS[] = {
    FILE_ROW,
    OPTION_STRING(struct config, password_file, "password-file", NULL,
                  "file with the password, readable by its owner only; else it is asked for"),
    OPTION_STRING(struct config, role, "role", "",
                  "viewer or operator; empty: as it was, viewer for somebody new"),
};
static const struct option_row FILE_ROWS[] = {FILE_ROW};

const struct ctl_verb ctl_staff_add = {
    .name = "staff add",
    .usage = "NAME --file FILE [--role ROLE] [--password-file FILE]",
    .summary = "let somebody log in to broker and dashboard by password, or change it",
    .rows = ADD_ROWS,
    .row_count = AMR_COUNT(ADD_ROWS),
    .config_size = sizeof(struct config),
    .run = run_add,
};

const struct ctl_verb ctl_staff_remove = {
    .name = "staff remove",
    .usage = "NAME --file FILE",
    .summary = "no longer let somebody log in by password",
    .rows = FILE_ROWS,
    .row_count = AMR_COUNT(FILE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_remove,
};

const struct ctl_verb ctl_staff_list = {
    .name = "staff list",
    .usage = "--file FILE",
    .summary = "who may log in by password",
    .rows = FILE_ROWS,
    .row_count = AMR_COUNT(FILE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_list,
};
