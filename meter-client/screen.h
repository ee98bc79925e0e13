/*
 * screen.h: what a meter's display of 4 lines of 20 characters shows, whatever device it is on.
 *
 * Pure: a view goes in, four lines of ASCII come out, each filled with blanks to 20. A key shows
 * the next screen; where a reconnection is armed (DLMS: ready) the relay's screen comes up by
 * itself and another key is the person who confirms it.
 */
#ifndef AMR_METER_SCREEN_H
#define AMR_METER_SCREEN_H

#include "meter-client/agent.h"

#define SCREEN_ROWS    4
#define SCREEN_COLUMNS 20
#define SCREEN_ERROR   160

enum screen {
    SCREEN_READING,
    SCREEN_POWER,
    SCREEN_EXPORT,
    SCREEN_LINK,
    SCREEN_RELAY,
    SCREEN_TROUBLE,
    SCREEN_COUNT
};

enum screen_key { KEY_NONE, KEY_NEXT, KEY_BACK, KEY_CONFIRM };

struct screen_view {
    const char *serial;
    struct agent_status status;
    uint32_t now_s;
    uint32_t error_s;         /* when it was said; 0: nothing went wrong yet */
    char error[SCREEN_ERROR]; /* the last line of level unusual or broken */
};

struct screen_rows {
    char row[SCREEN_ROWS][SCREEN_COLUMNS + 1];
};

void screen_render(struct screen_rows *ret_rows, enum screen screen,
                   const struct screen_view *view);
/** The screen after a key (KEY_NONE and KEY_CONFIRM: the same). */
enum screen screen_after(enum screen screen, enum screen_key key);

#endif
