/*
 * alarm_log.h: every alarm of bridge and broker, kept in the store until long after it was
 * acknowledged.
 *
 * Alarms of one source and cause that fall within a minute of the last one are one group, unless
 * somebody has acknowledged it already; people see and acknowledge groups. A group counts all of
 * its alarms and keeps the first ALARM_MEMBERS_MAX with their details; the oldest acknowledged
 * groups, then the oldest at all, go when there are more than ALARM_GROUPS_MAX.
 *
 * alarm_log_offer takes alarms from any thread into a bounded queue and never blocks; where it is
 * full, an alarm only counts with one of the same cause. alarm_log_flush (one thread, about once a
 * second) commits them. The functions below it read and change the tables through whichever
 * connection the caller has: amrctl reads beside the running daemon.
 */
#ifndef AMR_BRIDGE_ALARM_LOG_H
#define AMR_BRIDGE_ALARM_LOG_H

#include "chain-bridge/store.h"
#include "common/payload.h"

enum { ALARM_GROUP_GAP_MS = 60000, ALARM_MEMBERS_MAX = 100, ALARM_GROUPS_MAX = 20000 };

struct alarm_log;

/** store is the log's own connection, and outlives it. */
struct alarm_log *alarm_log_new(struct store *store) AMR_NODISCARD;
void alarm_log_free(struct alarm_log *log);
/** Copies; unix_ms and source must be set. */
void alarm_log_offer(struct alarm_log *log, const struct alarm *alarm);
/** Writes what was offered. Where it fails, it stays in the queue for the next time. */
int alarm_log_flush(struct alarm_log *log, struct err *err) AMR_NODISCARD;

/** Strings point into the row: gone after the callback. */
struct alarm_group {
    uint64_t id;
    const char *source;
    const char *cause;
    uint64_t first_ms;
    uint64_t last_ms;
    uint64_t count;
    uint64_t revision;        /* grows with every change of any group */
    uint64_t acknowledged_ms; /* 0: not yet */
    const char *acknowledged_by;
    const char *note;
    uint64_t meters;    /* different ones among the kept alarms */
    uint32_t meter;     /* where it is one only, else 0 */
    const char *serial; /* the same; "" */
    const char *text;   /* of the last kept alarm */
};

enum alarm_filter { ALARM_ALL, ALARM_OPEN, ALARM_ACKNOWLEDGED };

struct alarm_query {
    enum alarm_filter filter;
    const char *cause;  /* NULL or "": any */
    const char *serial; /* NULL or "": any; else groups with a kept alarm of it */
    uint64_t before;    /* groups with a smaller id; 0: from the newest on */
    uint64_t after_revision;
    uint32_t limit;
};

/** Newest first. on_group may end it by returning false. */
int alarm_log_list(struct db *db, const struct alarm_query *query,
                   bool (*on_group)(void *cookie, const struct alarm_group *group), void *cookie,
                   struct err *err) AMR_NODISCARD;
/** One group; *ret_found. */
int alarm_log_get(struct db *db, uint64_t id,
                  bool (*on_group)(void *cookie, const struct alarm_group *group), void *cookie,
                  bool *ret_found, struct err *err) AMR_NODISCARD;
/** The kept alarms of a group, newest first; source and cause are the group's and not set. */
int alarm_log_members(struct db *db, uint64_t id,
                      void (*on_alarm)(void *cookie, const struct alarm *alarm), void *cookie,
                      struct err *err) AMR_NODISCARD;
struct alarm_counts {
    uint64_t open;
    uint64_t revision; /* the highest */
};
int alarm_log_counts(struct db *db, struct alarm_counts *ret_counts, struct err *err) AMR_NODISCARD;
/** A transaction of its own. What is acknowledged already stays as it is (*ret_changed false). */
int alarm_log_acknowledge(struct store *store, uint64_t id, const char *by, const char *note,
                          uint64_t now_ms, bool *ret_changed, struct err *err) AMR_NODISCARD;

#endif
