/*
 * intake.h: from a broker's message to a durable report (or command result) and its receipt.
 *
 *   intake_offer (Paho's threads)  copies into a bounded queue; full: sheds, never blocks
 *   workers                        verify_message, in parallel
 *   writer                         admission_decide in groups, one commit each; then receipts
 *
 * A `stored` receipt leaves only after the commit that made it true. What is shed gets no receipt:
 * the meter sends it again. While the disk has less than min_free_mib, or a commit fails, nothing
 * is accepted; that ends by itself.
 */
#ifndef AMR_BRIDGE_INTAKE_H
#define AMR_BRIDGE_INTAKE_H

#include "chain-bridge/commands.h"
#include "chain-bridge/notices.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store.h"
#include "chain-bridge/verify.h"
#include "common/log.h"

struct intake;

/** Everything pointed to outlives the intake. */
struct intake_config {
    struct store *store;   /* the writer's own connection */
    const char *disk_path; /* where free space is measured */
    struct verifier verifier;
    struct notices notices;
    void (*on_stored)(void *cookie); /* after a commit that helps a batch; NULL: nobody */
    void *cookie;
    /* after the commit of a report; copies it and returns; NULL: nobody */
    void (*on_report)(void *cookie, const char *serial, const struct report *report,
                      uint64_t received_ms);
    void *report_cookie;
    struct commands *commands; /* told of results, and of meters that are there; NULL: nobody */
    struct status *status;
    struct log *log;
    uint32_t workers;
    uint32_t queue_reports;
    uint32_t group_max; /* reports in one commit */
    uint32_t min_free_mib;
    uint32_t quarantine_max; /* rows */
};

/** Starts the threads. */
struct intake *intake_new(const struct intake_config *config, struct err *err) AMR_NODISCARD;
/** Any thread. */
void intake_tune(struct intake *intake, uint32_t min_free_mib, uint32_t quarantine_max);
/** Any thread, also inside Paho's callbacks. */
void intake_offer(struct intake *intake, const char *topic, const void *payload, size_t len);
/** Judges anew what was asked back from quarantine; one thread, about once a second. */
int intake_release(struct intake *intake, struct err *err) AMR_NODISCARD;
/** Stores what was taken so far, then ends the threads. No offers during and after it. */
void intake_free(struct intake *intake);

#endif
