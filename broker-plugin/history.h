/*
 * history.h: what one meter has reported lately: enough to tell a resend, a rollback and a replay.
 *
 * A meter repeats a report until it is sealed, so an exact repeat of any report is legitimate, and
 * reports may come in any order. Remembered are the newest reading and a fingerprint of the latest
 * HISTORY_RECENT sequences. What is older than that is let through if it can be true (earlier and
 * not higher than the newest reading): the bridge keeps every report and decides. Kept in memory
 * only: after a restart the first report of a meter sets the state, and bridge and contract still
 * refuse what this no longer sees. A plain value; zero it to start.
 */
#ifndef AMR_BROKER_PLUGIN_HISTORY_H
#define AMR_BROKER_PLUGIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/payload.h"
#include "common/reading.h"

#define HISTORY_RECENT 32

struct history {
    uint32_t sequence; /* highest admitted; 0: none yet */
    struct reading last;
    struct {
        uint32_t sequence;
        uint64_t fingerprint; /* of the content; meters could forge it only against themselves */
    } recent[HISTORY_RECENT]; /* at sequence modulo HISTORY_RECENT */
};

/** CAUSE_NONE where the report can be admitted; ret_resent tells a repeat. Changes nothing. */
enum cause history_check(const struct history *history, bool *ret_resent,
                         const struct report *report, uint64_t fingerprint,
                         struct err *err) AMR_NODISCARD;
/** Remembers an admitted report. */
void history_add(struct history *history, const struct report *report, uint64_t fingerprint);

#endif
