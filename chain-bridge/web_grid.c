#include "chain-bridge/web_grid.h"

#include <stdlib.h>

#include "common/buf.h"

enum { DAY_S = 86400, STATE_BITS = 2, TAG_MASK = 0x3fff };

struct load_slot {
    uint32_t column;
    struct grid_load load;
};

struct grid {
    uint32_t step_s;
    uint32_t columns;
    struct load_slot *loads;
};

struct grid *grid_new(uint32_t step_s)
{
    struct grid *grid = xcalloc(1, sizeof(*grid));
    uint32_t columns = DAY_S / step_s + 1;
    grid->step_s = step_s;
    grid->columns = columns < GRID_COLUMNS_MIN   ? GRID_COLUMNS_MIN
                    : columns > GRID_COLUMNS_MAX ? GRID_COLUMNS_MAX
                                                 : columns;
    grid->loads = xcalloc(grid->columns, sizeof(*grid->loads));
    return grid;
}

void grid_free(struct grid *grid)
{
    if (!grid)
        return;
    free(grid->loads);
    free(grid);
}

uint32_t grid_step(const struct grid *grid)
{
    return grid->step_s;
}

uint32_t grid_columns(const struct grid *grid)
{
    return grid->columns;
}

uint32_t grid_column(const struct grid *grid, uint32_t unix_s)
{
    return unix_s == 0 ? 0 : (unix_s - 1) / grid->step_s;
}

uint16_t *grid_cells_new(const struct grid *grid)
{
    return xcalloc(grid->columns, sizeof(uint16_t));
}

/* Tag 0 is never a column's, so that fresh cells belong to none. */
static uint16_t tag(uint32_t column)
{
    return (uint16_t)((column % TAG_MASK + 1) << STATE_BITS);
}

enum grid_cell grid_cell(const struct grid *grid, const uint16_t *cells, uint32_t column)
{
    uint16_t cell = cells[column % grid->columns];
    bool same = (cell & ~3u) == tag(column);
    return same ? (enum grid_cell)(cell & 3u) : GRID_MISSING;
}

static int goodness(enum grid_cell cell)
{
    static const int GOODNESS[] = {
        [GRID_MISSING] = 0, [GRID_SUBSTITUTED] = 1, [GRID_LATE] = 2, [GRID_OK] = 3};
    return GOODNESS[cell];
}

bool grid_put(const struct grid *grid, uint16_t *cells, uint32_t column, enum grid_cell cell)
{
    if (goodness(cell) <= goodness(grid_cell(grid, cells, column)))
        return false;
    cells[column % grid->columns] = (uint16_t)(tag(column) | cell);
    return true;
}

void grid_add_load(struct grid *grid, uint32_t column, const struct grid_load *load)
{
    struct load_slot *slot = &grid->loads[column % grid->columns];
    if (slot->column > column)
        return;
    if (slot->column < column)
        *slot = (struct load_slot){.column = column};
    slot->load.import_wh += load->import_wh;
    slot->load.export_wh += load->export_wh;
    slot->load.meters += load->meters;
}

struct grid_load grid_get_load(const struct grid *grid, uint32_t column)
{
    const struct load_slot *slot = &grid->loads[column % grid->columns];
    return slot->column == column ? slot->load : (struct grid_load){0};
}
