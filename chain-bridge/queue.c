#include "chain-bridge/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/buf.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t drained;
    size_t capacity;
    size_t head; /* index of the oldest item */
    size_t length;
    bool closed;
    void **items;
};

struct queue *queue_new(size_t capacity)
{
    struct queue *queue = xcalloc(1, sizeof(*queue));
    queue->capacity = capacity;
    queue->items = xcalloc(capacity, sizeof(*queue->items));
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    pthread_cond_init(&queue->drained, NULL);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->drained);
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
    free(queue->items);
    free(queue);
}

/* Called with the lock held and room for one. */
static void put(struct queue *queue, void *item)
{
    queue->items[(queue->head + queue->length) % queue->capacity] = item;
    queue->length++;
    pthread_cond_signal(&queue->filled);
}

bool queue_try_push(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    bool ok = !queue->closed && queue->length < queue->capacity;
    if (ok)
        put(queue, item);
    pthread_mutex_unlock(&queue->lock);
    return ok;
}

bool queue_push(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->length == queue->capacity)
        pthread_cond_wait(&queue->drained, &queue->lock);
    bool ok = !queue->closed;
    if (ok)
        put(queue, item);
    pthread_mutex_unlock(&queue->lock);
    return ok;
}

size_t queue_pop(struct queue *queue, void **ret_items, size_t max)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->length == 0)
        pthread_cond_wait(&queue->filled, &queue->lock);
    size_t count = queue->length < max ? queue->length : max;
    for (size_t i = 0; i < count; i++)
        ret_items[i] = queue->items[(queue->head + i) % queue->capacity];
    queue->head = (queue->head + count) % queue->capacity;
    queue->length -= count;
    pthread_cond_broadcast(&queue->drained);
    pthread_mutex_unlock(&queue->lock);
    return count;
}

size_t queue_length(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t length = queue->length;
    pthread_mutex_unlock(&queue->lock);
    return length;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_cond_broadcast(&queue->drained);
    pthread_mutex_unlock(&queue->lock);
}
