#include "chain-bridge/audit_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"

#define THREADS_MAX 64
#define CHUNK       8 /* items taken at once: a signature each takes about 50 us */

/* Everything below is guarded by lock. */
struct audit_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_there;
    pthread_cond_t work_done;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
    void (*work)(void *cookie, size_t item);
    void *cookie;
    size_t next;
    size_t count;
    size_t busy; /* threads at work */
    bool ending;
};

static void work_through(struct audit_pool *pool)
{
    pool->busy++;
    while (pool->next < pool->count) {
        size_t begin = pool->next;
        size_t end = pool->count - begin > CHUNK ? begin + CHUNK : pool->count;
        pool->next = end;
        pthread_mutex_unlock(&pool->lock);
        for (size_t i = begin; i < end; i++)
            pool->work(pool->cookie, i);
        pthread_mutex_lock(&pool->lock);
    }
    if (--pool->busy == 0)
        pthread_cond_signal(&pool->work_done);
}

static void *run(void *cookie)
{
    struct audit_pool *pool = cookie;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        if (pool->next < pool->count)
            work_through(pool);
        else
            pthread_cond_wait(&pool->work_there, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static unsigned processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

struct audit_pool *audit_pool_new(unsigned threads)
{
    struct audit_pool *pool = xcalloc(1, sizeof(*pool));
    unsigned wanted = threads > 0 ? threads : processors();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_there, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    for (unsigned i = 0; i < wanted && i < THREADS_MAX; i++) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, run, pool) == 0)
            pool->thread_count++;
    }
    return pool;
}

void audit_pool_free(struct audit_pool *pool)
{
    if (pool == NULL)
        return;
    audit_pool_wait(pool);
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work_there);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work_done);
    pthread_cond_destroy(&pool->work_there);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void audit_pool_start(struct audit_pool *pool, void (*work)(void *cookie, size_t item),
                      void *cookie, size_t count)
{
    audit_pool_wait(pool);
    pthread_mutex_lock(&pool->lock);
    pool->work = work;
    pool->cookie = cookie;
    pool->next = 0;
    pool->count = count;
    pthread_cond_broadcast(&pool->work_there);
    pthread_mutex_unlock(&pool->lock);
}

/* Where no thread could be made, or all are busy elsewhere, the owner works, too. */
void audit_pool_wait(struct audit_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->next < pool->count)
        work_through(pool);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->work_done, &pool->lock);
    pool->count = 0;
    pool->next = 0;
    pthread_mutex_unlock(&pool->lock);
}
