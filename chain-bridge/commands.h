/*
 * commands.h: operators' commands on their way to meters, and what became of them.
 *
 * The chain thread hands in the contract's CommandIssued and CommandResultRecorded events; they are
 * stored, and a command goes out on its meter's command topic: at once, whenever the meter comes
 * back, and every RESEND_MS until the meter answered with a signed result. Of one meter only the
 * lowest unanswered id is sent: a meter refuses an id below its last. For a day after not_after it
 * is still sent, so that the meter's signed `expired` gets on the chain; then it lapses.
 *
 * Results go to the contract by way of the submitter (submitter_commands). It takes one result per
 * command: `accepted` (a reconnection is armed, a person must confirm it) is held back until the
 * final outcome came or not_after is over.
 *
 * Has its own connection to the store, behind a lock: every function may be called by any thread,
 * but commands_note and commands_flush, which are the chain thread's.
 */
#ifndef AMR_BRIDGE_COMMANDS_H
#define AMR_BRIDGE_COMMANDS_H

#include "chain-bridge/ledger.h"
#include "chain-bridge/notices.h"
#include "chain-bridge/roster.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store_command.h"
#include "common/clock.h"
#include "common/log.h"

struct commands;

struct commands_config {
    struct store *store; /* another connection to its file is opened */
    struct roster *roster;
    struct notices notices;
    struct status *status;
    const struct clock *clock;
    struct log *log;
};

struct commands *commands_new(const struct commands_config *config, struct err *err) AMR_NODISCARD;
void commands_free(struct commands *commands);
/** Called, by any thread, whenever the chain thread has something new to submit. */
void commands_on_due(struct commands *commands, void (*on_due)(void *cookie), void *cookie);

/**
 * Takes an operator-signed command to issue it with a transaction of this server. Success means it
 * is on disk; commands_each tells how it goes on (RELAYED, then ISSUED or REFUSED with a text).
 * Fails where the meter is not an active one of the group, time is over, or another command has
 * this id. Whether the signer is an operator and the id is the next says the contract.
 */
int commands_relay(struct commands *commands, const struct command *command,
                   struct err *err) AMR_NODISCARD;
/** Newest first, of one meter or (0) of all, at most `limit`, until on_row returns false. */
int commands_each(struct commands *commands, uint32_t meter, uint32_t limit,
                  bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                  struct err *err) AMR_NODISCARD;

/** An event of the contract; others than of commands are ignored. Kept until the flush. */
void commands_note(struct commands *commands, const struct ledger_event *event, uint64_t block);
/** Stores what was noted, sends what is new; -1: not stored, the blocks are to be read again. */
int commands_flush(struct commands *commands, struct err *err) AMR_NODISCARD;
/** Sends what is due and lets lapse what is over. */
void commands_tick(struct commands *commands);
/** The meter is there (birth, backlog): what waits for it goes out. */
void commands_meter_there(struct commands *commands, uint32_t meter);
/** A result of the meter was stored by the intake's writer. */
void commands_answered(struct commands *commands, uint32_t meter);

#endif
