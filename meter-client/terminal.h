/*
 * terminal.h: the display in a terminal: a box in the middle of nothing, keys from the keyboard.
 *
 * Takes the terminal's alternate screen and raw keys, and gives both back when freed; Ctrl-C ends
 * the program as usual. Output that the terminal does not take at once is left out.
 */
#ifndef AMR_METER_TERMINAL_H
#define AMR_METER_TERMINAL_H

#include "meter-client/screen.h"

struct terminal;

/** in and out: descriptors; fails where they are no terminal. */
int terminal_new(struct terminal **ret_terminal, int in, int out, struct err *err) AMR_NODISCARD;
void terminal_free(struct terminal *terminal);
/** Readable when a key was pressed; -1 when the keyboard is gone. */
int terminal_fd(const struct terminal *terminal);
enum screen_key terminal_key(struct terminal *terminal);
void terminal_show(struct terminal *terminal, const struct screen_rows *rows);

#endif
