#include "chain-bridge/audit_table.h"

#include <stdlib.h>
#include <string.h>

void audit_table_clear(struct audit_table *table)
{
    free(table->rows);
    free(table->slots);
    memset(table, 0, sizeof(*table));
}

void audit_table_add(struct audit_table *table, const struct history_batch *batch, bool in_scope)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity > 0 ? 2 * table->capacity : 64;
        table->rows = xrealloc(table->rows, table->capacity * sizeof(*table->rows));
    }
    table->rows[table->count++] = (struct audit_row){
        .root = batch->root,
        .transaction = batch->transaction,
        .block = batch->block,
        .number = batch->number,
        .readings = (uint32_t)batch->count,
        .group = batch->group,
        .in_scope = in_scope,
    };
}

/* Roots are hashes already. */
static size_t slot_of(const struct audit_table *table, const struct eth_hash *root)
{
    uint64_t bits;
    memcpy(&bits, root->b, sizeof(bits));
    return (size_t)(bits % table->slot_count);
}

void audit_table_index(struct audit_table *table)
{
    free(table->slots);
    table->slot_count = 2 * table->count + 1;
    table->slots = xcalloc(table->slot_count, sizeof(*table->slots));
    for (size_t i = 0; i < table->count; i++) {
        size_t slot = slot_of(table, &table->rows[i].root);
        while (table->slots[slot] != 0)
            slot = (slot + 1) % table->slot_count;
        table->slots[slot] = (uint32_t)i + 1;
    }
}

size_t audit_table_find(const struct audit_table *table, const struct eth_hash *root,
                        uint16_t group, const struct eth_hash *transaction)
{
    size_t found = table->count;
    if (table->slot_count == 0)
        return found;
    for (size_t slot = slot_of(table, root); table->slots[slot] != 0;
         slot = (slot + 1) % table->slot_count) {
        size_t place = table->slots[slot] - 1;
        const struct audit_row *row = &table->rows[place];
        if (!eth_hash_equal(&row->root, root) || (group != 0 && row->group != group))
            continue;
        if (eth_hash_equal(&row->transaction, transaction))
            return place;
        found = place;
    }
    return found;
}
