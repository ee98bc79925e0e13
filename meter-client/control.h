/*
 * control.h: what operators command, and the disconnector (DLMS/COSEM class 70, OBIS 0-0:96.3.10).
 *
 * A command is obeyed once: it must bear the signature of a registered operator, an id above the
 * last one's and a time that is not over. Remote reconnection arms only (control mode 1): the
 * contact closes when a person at the meter confirms; `direct` closes it at once (mode 2). A
 * command is done when the relay reads back so. State, last id and results are in the store, so
 * that a restart neither forgets nor repeats; every result is signed and goes out until the broker
 * has it.
 *
 *   connected --disconnect--> disconnected --reconnect--> ready --a person--> connected
 *
 * A command that was answered before is answered the same again. What bears no operator's
 * signature gets no answer: it is logged and told as an event.
 */
#ifndef AMR_METER_CONTROL_H
#define AMR_METER_CONTROL_H

#include "common/log.h"
#include "common/signer.h"
#include "meter-client/meter_store_control.h"
#include "meter-client/meter_store_reports.h"

enum command_outcome {
    OUTCOME_ACCEPTED = 1,  /* reconnection is armed and waits for a person */
    OUTCOME_CONFIRMED = 2, /* done, and read back */
    OUTCOME_FAILED = 3,    /* the relay, the source or the argument would not have it */
    OUTCOME_EXPIRED = 4,   /* came after not_after */
    OUTCOME_REFUSED = 5    /* id not above the last, or a kind that is not known */
};

struct control;

struct control_config {
    const char *operators;  /* addresses, comma-separated; NULL: nobody commands */
    const char *relay_path; /* takes and tells 0 or 1, as a GPIO in sysfs; NULL: no relay */
    bool direct;
    uint32_t meter;
};

/** All borrowed; they outlive the control. */
struct control_parts {
    struct meter_store *store;
    const struct signer *signer;
    const struct eip712 *domain;
    const struct clock *clock;
    struct log *log;
    /** What the agent does for it; -1: could not. */
    int (*read_now)(void *cookie, struct err *err);
    int (*set_interval)(void *cookie, uint32_t interval_s, struct err *err);
    int (*event)(void *cookie, uint16_t code, struct err *err);
    void *cookie;
};

/** Puts the relay where it stood. */
int control_new(struct control **ret_control, const struct control_config *config,
                const struct control_parts *parts, struct err *err) AMR_NODISCARD;
void control_free(struct control *control);

/** Fails only where the store does. */
int control_command(struct control *control, const void *payload, size_t len,
                    struct err *err) AMR_NODISCARD;
/** A person at the meter: closes the contact when reconnection is armed, else does nothing. */
int control_confirm(struct control *control, struct err *err) AMR_NODISCARD;
enum control_state control_state(const struct control *control);

#endif
