/*
 * nearest.h: the name that somebody probably meant.
 *
 * Pure; names and what was typed are short (beyond NEAREST_MAX characters nothing is near).
 */
#ifndef AMR_COMMON_NEAREST_H
#define AMR_COMMON_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 40

/** Insertions, deletions, replacements and swaps of neighbours that make b of a (restricted
 * Damerau-Levenshtein distance); NEAREST_MAX + 1 where either is too long. */
size_t nearest_distance(const char *a, const char *b);
/** Whether typed is close enough to name to be a slip: a third of its letters, at least one. */
int nearest_is_slip(const char *typed, const char *name);

#endif
