/*
 * audit_table.h: the ledger's batches by root, in their order.
 *
 * About 100 bytes a batch. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_TABLE_H
#define AMR_CHAIN_BRIDGE_AUDIT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "chain-bridge/ctl_history.h"

struct audit_row {
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    uint64_t number;
    uint32_t readings; /* records, taken or not */
    uint16_t group;
    bool in_scope;
    bool told; /* that an archive says otherwise of it */
};

struct audit_table {
    struct audit_row *rows;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* of a hash table: place + 1, 0 free */
    size_t slot_count;
};

void audit_table_clear(struct audit_table *table);
void audit_table_add(struct audit_table *table, const struct history_batch *batch, bool in_scope);
/** After the last audit_table_add. */
void audit_table_index(struct audit_table *table);
/** A batch of this root: of group, unless that is 0; a twin of that transaction comes first.
 * table->count where there is none. */
size_t audit_table_find(const struct audit_table *table, const struct eth_hash *root,
                        uint16_t group, const struct eth_hash *transaction);

#endif
