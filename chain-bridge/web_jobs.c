#include "chain-bridge/web_jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "chain-bridge/queue.h"

enum { WORKERS = 2, SLOW = 1, WAITING_MAX = 128, WAITING_SLOW_MAX = 16 };

struct worker {
    struct web_jobs *jobs;
    struct web_context context;
    struct queue *queue;
    pthread_t thread;
    bool runs;
};

struct web_jobs {
    struct web_jobs_config config;
    struct worker workers[WORKERS];
    atomic_bool ending;
};

struct web_job *web_job_new(void)
{
    struct web_job *job = xcalloc(1, sizeof(*job));
    web_response_init(&job->response);
    return job;
}

void web_job_free(struct web_job *job)
{
    if (!job)
        return;
    web_response_free(&job->response);
    buf_free(&job->body);
    free(job);
}

static bool ending(void *cookie)
{
    const struct web_jobs *jobs = cookie;
    return atomic_load(&jobs->ending);
}

static void load_history(struct worker *worker)
{
    struct web_jobs *jobs = worker->jobs;
    struct err err = ERR_INIT;
    if (!jobs->config.feed)
        return;
    if (web_feed_history(jobs->config.feed, worker->context.store, ending, jobs, &err) < 0)
        log_unusual(jobs->config.log, "dashboard: reading the last day failed: %s", err.text);
}

static void *work(void *cookie)
{
    struct worker *worker = cookie;
    void *item;
    if (worker == &worker->jobs->workers[SLOW])
        load_history(worker);
    while (queue_pop(worker->queue, &item, 1) > 0) {
        struct web_job *job = item;
        job->request.body = job->body.data;
        job->request.body_len = job->body.len;
        if (ending(worker->jobs))
            web_problem(&job->response, 503, "the bridge is ending");
        else
            web_api_handle(&worker->context, &job->request, &job->response);
        worker->jobs->config.done(worker->jobs->config.cookie, job);
    }
    return NULL;
}

static int start_worker(struct web_jobs *jobs, size_t i, struct err *err)
{
    struct worker *worker = &jobs->workers[i];
    const char *staff_file = jobs->config.staff_file;
    bool changed;
    worker->jobs = jobs;
    worker->queue = queue_new(i == SLOW ? WAITING_SLOW_MAX : WAITING_MAX);
    worker->context.shared = jobs->config.shared;
    if (store_open_again(&worker->context.store, jobs->config.store, err) < 0)
        return -1;
    worker->context.staff = staff_file ? staff_new(staff_file) : NULL;
    if (worker->context.staff && staff_refresh(worker->context.staff, &changed, err) < 0)
        return -1;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        return err_set(err, "cannot start a thread");
    worker->runs = true;
    return 0;
}

struct web_jobs *web_jobs_start(const struct web_jobs_config *config, struct err *err)
{
    struct web_jobs *jobs = xcalloc(1, sizeof(*jobs));
    jobs->config = *config;
    for (size_t i = 0; i < WORKERS; i++) {
        if (start_worker(jobs, i, err) < 0) {
            web_jobs_stop(jobs);
            return NULL;
        }
    }
    return jobs;
}

void web_jobs_stop(struct web_jobs *jobs)
{
    if (!jobs)
        return;
    atomic_store(&jobs->ending, true);
    for (size_t i = 0; i < WORKERS; i++) {
        struct worker *worker = &jobs->workers[i];
        if (worker->queue)
            queue_close(worker->queue);
        if (worker->runs)
            pthread_join(worker->thread, NULL);
        if (worker->queue)
            queue_free(worker->queue);
        store_close(worker->context.store);
        staff_free(worker->context.staff);
    }
    free(jobs);
}

bool web_jobs_submit(struct web_jobs *jobs, struct web_job *job)
{
    return queue_try_push(jobs->workers[web_api_slow(&job->request) ? SLOW : 0].queue, job);
}
