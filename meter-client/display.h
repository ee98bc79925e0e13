/*
 * display.h: the displays of a running meter, all showing the same screen (screen.h).
 *
 * `terminal` and `lcdproc://host:port` in any combination. The meter's main loop owns it. Nothing
 * in here blocks or can fail the meter: a display that is in trouble is left alone and tried again.
 */
#ifndef AMR_METER_DISPLAY_H
#define AMR_METER_DISPLAY_H

#include <poll.h>

#include "common/log.h"
#include "meter-client/screen.h"

#define DISPLAY_FDS 2

struct display;

/** list as the option `display`; NULL or empty: a display that shows nothing. */
int display_new(struct display **ret_display, const char *list, const char *serial,
                const struct clock *clock, struct err *err) AMR_NODISCARD;
void display_free(struct display *display);

/** For the screen of troubles. */
void display_error(struct display *display, const char *text);

void display_poll(const struct display *display, struct pollfd ret_fds[DISPLAY_FDS]);
uint64_t display_due_ms(const struct display *display);
/** Handles keys, shows what is new. True where a person confirmed what is armed. */
bool display_work(struct display *display, const struct agent *agent, struct log *log);

#endif
