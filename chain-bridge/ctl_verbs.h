/*
 * ctl_verbs.h: the table of amrctl's verbs, in the order of its help.
 *
 * A new verb is one row in ctl_verbs.c: help, completion and the manual page come from it.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_VERBS_H
#define AMR_CHAIN_BRIDGE_CTL_VERBS_H

#include "chain-bridge/ctl.h"

struct ctl_section {
    const char *title;
    const struct ctl_verb *const *verbs;
    size_t count;
};

/** NULL after the last. */
const struct ctl_section *ctl_section_at(size_t i);
/** A verb has one word or two; ret_words says how many of argv it took. NULL: there is none. */
const struct ctl_verb *ctl_verb_find(int argc, char **argv, int *ret_words);
/** What to say of words that are no verb: a family's members, or what was probably meant. */
void ctl_verb_complain(char *text, size_t size, int argc, char **argv);
/** Verbs that begin with word, or with NULL all, under their sections' titles. */
void ctl_verbs_print(FILE *out, const char *word);
/** Whether any verb has an option of this name, so that one file can serve all verbs. */
bool ctl_option_known(const char *name);
/** Items for the manual page: exit codes beyond those of every program. */
void ctl_verbs_exits(FILE *out);

#endif
