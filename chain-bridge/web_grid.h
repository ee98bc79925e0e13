/*
 * web_grid.h: meters by intervals: which were read, and the energy of all of them.
 *
 * Time is cut into columns of step_s seconds; a reading at t closes the interval that ends at or
 * after it, so t belongs to column (t - 1) / step_s. The newest `columns` are kept: two bytes a
 * cell, which hold their column's low bits, so that nothing has to be cleared as time goes on. Not
 * thread-safe; web_live.h guards it.
 */
#ifndef AMR_BRIDGE_WEB_GRID_H
#define AMR_BRIDGE_WEB_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"

enum { GRID_COLUMNS_MIN = 97, GRID_COLUMNS_MAX = 1441 };

enum grid_cell { GRID_MISSING, GRID_OK, GRID_LATE, GRID_SUBSTITUTED };

struct grid;

/** A column's energy, of `meters` meters that were read at its end and before it. */
struct grid_load {
    uint64_t import_wh;
    uint64_t export_wh;
    uint32_t meters;
};

/** Keeps a day and the running interval, but GRID_COLUMNS_MIN..MAX columns. */
struct grid *grid_new(uint32_t step_s) AMR_NODISCARD;
void grid_free(struct grid *grid);
uint32_t grid_step(const struct grid *grid);
uint32_t grid_columns(const struct grid *grid);
uint32_t grid_column(const struct grid *grid, uint32_t unix_s);

/** A meter's cells; free() releases. */
uint16_t *grid_cells_new(const struct grid *grid) AMR_NODISCARD;
enum grid_cell grid_cell(const struct grid *grid, const uint16_t *cells, uint32_t column);
/** The better state of two readings of one interval stays. true: it changed. */
bool grid_put(const struct grid *grid, uint16_t *cells, uint32_t column, enum grid_cell cell);

void grid_add_load(struct grid *grid, uint32_t column, const struct grid_load *load);
struct grid_load grid_get_load(const struct grid *grid, uint32_t column);

#endif
