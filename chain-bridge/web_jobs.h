/*
 * web_jobs.h: requests on their way through the workers.
 *
 * Two threads, each with its own connection to the store and its own view of the staff file: one
 * for quick requests, one for slow ones, so that a password or a report keeps nobody waiting who
 * asks for a page. Queues are bounded. A job belongs to whoever submitted it but between submit and
 * its `done`.
 */
#ifndef AMR_BRIDGE_WEB_JOBS_H
#define AMR_BRIDGE_WEB_JOBS_H

#include "chain-bridge/web_api.h"
#include "chain-bridge/web_feed.h"
#include "common/log.h"

struct web_job {
    struct web_request request;
    struct web_response response;
    struct buf body; /* the request's */
    void *owner;     /* the submitter's: not looked at here */
    void *handle;
    struct web_job *next;
};

struct web_jobs;

struct web_jobs_config {
    const struct web_shared *shared;
    struct web_feed *feed; /* whose history the slow worker loads first; NULL: none */
    struct store *store;
    const char *staff_file;
    struct log *log;
    void (*done)(void *cookie, struct web_job *job); /* on a worker's thread */
    void *cookie;
};

struct web_jobs *web_jobs_start(const struct web_jobs_config *config,
                                struct err *err) AMR_NODISCARD;
/** Ends the threads; what waited is done with a 503. */
void web_jobs_stop(struct web_jobs *jobs);
/** false: full; the job is still the caller's. */
bool web_jobs_submit(struct web_jobs *jobs, struct web_job *job);

struct web_job *web_job_new(void) AMR_NODISCARD;
void web_job_free(struct web_job *job);

#endif
