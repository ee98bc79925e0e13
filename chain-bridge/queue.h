/*
 * queue.h: a bounded queue of pointers between threads.
 *
 * Any number of producers and consumers. queue_try_push never blocks (for Paho's callbacks: a full
 * queue sheds); queue_push waits for room. After queue_close pushes fail, pops drain what is left
 * and then return nothing, which ends a consumer.
 */
#ifndef AMR_BRIDGE_QUEUE_H
#define AMR_BRIDGE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

struct queue;

struct queue *queue_new(size_t capacity) AMR_NODISCARD;
/** The queue must be empty of anything that needs freeing. */
void queue_free(struct queue *queue);

/** false: full or closed; the item stays the caller's. */
bool queue_try_push(struct queue *queue, void *item) AMR_NODISCARD;
/** false: closed. */
bool queue_push(struct queue *queue, void *item) AMR_NODISCARD;
/** Waits for at least one item and takes up to max; 0: closed and empty. */
size_t queue_pop(struct queue *queue, void **ret_items, size_t max) AMR_NODISCARD;
size_t queue_length(struct queue *queue);
void queue_close(struct queue *queue);

#endif
