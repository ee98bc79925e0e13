/*
 * audit_pool.h: threads that work through an array while its owner does something else.
 *
 * audit_pool_start hands out the items 0..count-1; each is worked on once, by any thread, in any
 * order. One piece of work at a time: audit_pool_wait before the next and before its results are
 * read. start and wait belong to one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_POOL_H
#define AMR_CHAIN_BRIDGE_AUDIT_POOL_H

#include <stddef.h>

#include "common/attr.h"

struct audit_pool;

/** threads 0: one a processor. */
struct audit_pool *audit_pool_new(unsigned threads) AMR_NODISCARD;
/** Waits for what is under way. */
void audit_pool_free(struct audit_pool *pool);
void audit_pool_start(struct audit_pool *pool, void (*work)(void *cookie, size_t item),
                      void *cookie, size_t count);
void audit_pool_wait(struct audit_pool *pool);

#endif
