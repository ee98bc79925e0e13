#include "chain-bridge/ctl_verbs.h"

#include <string.h>

#include "chain-bridge/ctl_alarms.h"
#include "chain-bridge/ctl_command.h"
#include "chain-bridge/ctl_completion.h"
#include "chain-bridge/ctl_deploy.h"
#include "chain-bridge/ctl_enrol.h"
#include "chain-bridge/ctl_init.h"
#include "chain-bridge/ctl_key.h"
#include "chain-bridge/ctl_manual.h"
#include "chain-bridge/ctl_meters.h"
#include "chain-bridge/ctl_pki.h"
#include "chain-bridge/ctl_proof.h"
#include "chain-bridge/ctl_quarantine.h"
#include "chain-bridge/ctl_readings.h"
#include "chain-bridge/ctl_report.h"
#include "chain-bridge/ctl_roles.h"
#include "chain-bridge/ctl_staff.h"
#include "chain-bridge/ctl_status.h"
#include "chain-bridge/ctl_token.h"
#include "chain-bridge/ctl_verify.h"
#include "chain-bridge/ctl_watch.h"
#include "common/manual.h"
#include "common/nearest.h"

/* A row each: others add theirs. */
/* clang-format off */
static const struct ctl_verb *const SET_UP[] = {
    &ctl_init,
    &ctl_pki_init,
    &ctl_pki_issue,
    &ctl_key_new,
    &ctl_key_import,
    &ctl_key_show,
    &ctl_key_passphrase,
    &ctl_deploy,
    &ctl_server_add,
    &ctl_server_remove,
    &ctl_server_list,
    &ctl_operator_add,
    &ctl_operator_remove,
    &ctl_operator_list,
    &ctl_reader_add,
    &ctl_reader_remove,
    &ctl_reader_list,
    &ctl_enrol,
    &ctl_revoke,
    &ctl_reopen,
    &ctl_rotate,
    &ctl_meters,
    &ctl_staff_add,
    &ctl_staff_remove,
    &ctl_staff_list,
};

static const struct ctl_verb *const OPERATE[] = {
    &ctl_status,
    &ctl_watch,
    &ctl_command_disconnect,
    &ctl_command_reconnect,
    &ctl_command_read,
    &ctl_command_interval,
    &ctl_command_follow,
    &ctl_command_list,
    &ctl_alarms,
    &ctl_alarms_acknowledge,
    &ctl_quarantine_list,
    &ctl_quarantine_show,
    &ctl_quarantine_release,
    &ctl_token_add,
    &ctl_token_remove,
    &ctl_token_list,
};

static const struct ctl_verb *const AUDIT[] = {
    &ctl_readings,
    &ctl_verify,
    &ctl_proof,
    &ctl_check_proof,
    &ctl_report_daily,
    &ctl_report_monthly,
};

static const struct ctl_verb *const SHELL[] = {
    &ctl_completion,
    &ctl_manual,
};

/* clang-format on */

static const struct ctl_section SECTIONS[] = {
    {"Set up", SET_UP, AMR_COUNT(SET_UP)},
    {"Operate", OPERATE, AMR_COUNT(OPERATE)},
    {"Audit", AUDIT, AMR_COUNT(AUDIT)},
    {"This program", SHELL, AMR_COUNT(SHELL)},
};

const struct ctl_section *ctl_section_at(size_t i)
{
    return i < AMR_COUNT(SECTIONS) ? &SECTIONS[i] : NULL;
}

/* The verbs of all sections, one after the other; NULL after the last. */
static const struct ctl_verb *verb_at(size_t i)
{
    for (size_t s = 0; s < AMR_COUNT(SECTIONS); s++) {
        if (i < SECTIONS[s].count)
            return SECTIONS[s].verbs[i];
        i -= SECTIONS[s].count;
    }
    return NULL;
}

const struct ctl_verb *ctl_verb_find(int argc, char **argv, int *ret_words)
{
    const struct ctl_verb *verb;
    for (size_t i = 0; argc > 0 && (verb = verb_at(i)) != NULL; i++) {
        const char *space = strchr(verb->name, ' ');
        size_t first = space != NULL ? (size_t)(space - verb->name) : strlen(verb->name);
        if (strlen(argv[0]) != first || strncmp(argv[0], verb->name, first) != 0)
            continue;
        if (space != NULL && (argc < 2 || strcmp(argv[1], space + 1) != 0))
            continue;
        *ret_words = space != NULL ? 2 : 1;
        return verb;
    }
    return NULL;
}

static bool has_first_word(const struct ctl_verb *verb, const char *word)
{
    size_t len = strlen(word);
    return strncmp(verb->name, word, len) == 0 && verb->name[len] == ' ';
}

/* "key takes new, import or show" */
static bool tell_family(char *text, size_t size, const char *word)
{
    const struct ctl_verb *verb;
    size_t len = 0;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        if (!has_first_word(verb, word))
            continue;
        const char *second = strchr(verb->name, ' ') + 1;
        int added = len == 0 ? snprintf(text, size, "'%s' goes on with %s", word, second)
                             : snprintf(text + len, size - len, " | %s", second);
        len = added > 0 && len + (size_t)added < size ? len + (size_t)added : len;
    }
    return len > 0;
}

/* The least distance wins; of the typed words both or only the first count. */
static const struct ctl_verb *nearest_verb(const char *both, const char *first)
{
    const struct ctl_verb *best = NULL;
    const struct ctl_verb *verb;
    size_t least = NEAREST_MAX + 1;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        const char *typed = strchr(verb->name, ' ') != NULL ? both : first;
        size_t distance = nearest_distance(typed, verb->name);
        if (distance < least && nearest_is_slip(typed, verb->name)) {
            best = verb;
            least = distance;
        }
    }
    return best;
}

void ctl_verb_complain(char *text, size_t size, int argc, char **argv)
{
    char both[2 * NEAREST_MAX + 4];
    if (tell_family(text, size, argv[0]))
        return;
    snprintf(both, sizeof(both), "%.41s %.41s", argv[0], argc > 1 ? argv[1] : "");
    const struct ctl_verb *best = nearest_verb(both, argv[0]);
    if (best != NULL)
        snprintf(text, size, "no verb '%.40s': did you mean '%s'?", argv[0], best->name);
    else
        snprintf(text, size, "no verb '%.40s': amrctl help lists them", argv[0]);
}

void ctl_verbs_print(FILE *out, const char *word)
{
    for (size_t s = 0; s < AMR_COUNT(SECTIONS); s++) {
        bool titled = false;
        for (size_t i = 0; i < SECTIONS[s].count; i++) {
            const struct ctl_verb *verb = SECTIONS[s].verbs[i];
            if (word != NULL && strncmp(verb->name, word, strlen(word)) != 0)
                continue;
            if (!titled)
                fprintf(out, "%s\n", SECTIONS[s].title);
            titled = true;
            fprintf(out, "  %-20s %s\n", verb->name, verb->summary);
        }
    }
}

bool ctl_option_known(const char *name)
{
    const struct ctl_verb *verb;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        for (size_t row = 0; row < verb->row_count; row++) {
            if (strcmp(verb->rows[row].name, name) == 0)
                return true;
        }
    }
    return false;
}

void ctl_verbs_exits(FILE *out)
{
    manual_item(out, "4", NULL,
                "the answer is no: a meter did not do what it was told, a proof or a reading does "
                "not hold");
    manual_item(out, "5", NULL, "no answer in time: what was begun may still happen");
}
