#include "broker-plugin/login.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/payload.h"

#define PASSWORDS_PER_S 3
#define PASSWORDS_BURST 10

struct login_desk {
    const struct members *members;
    const struct staff *staff;
    struct accounts *accounts;
    const struct clock *clock;
    struct bucket passwords;
};

struct login_desk *login_desk_new(const struct members *members, const struct staff *staff,
                                  struct accounts *accounts, const struct clock *clock)
{
    struct login_desk *desk = xcalloc(1, sizeof *desk);
    desk->members = members;
    desk->staff = staff;
    desk->accounts = accounts;
    desk->clock = clock;
    return desk;
}

void login_desk_free(struct login_desk *desk)
{
    free(desk);
}

static int refuse(struct login_verdict *verdict, const char *cause, const char *text)
{
    verdict->cause = cause;
    return err_set(&verdict->text, "%s", text);
}

static int check_meter(const struct login_desk *desk, struct login_verdict *verdict)
{
    if (!members_ready(desk->members))
        return refuse(verdict, "registry", "no registry yet: no meter is admitted");
    struct member *member = members_by_signer(desk->members, &verdict->who.signer);
    if (!member || member->status == METER_UNKNOWN)
        return refuse(verdict, cause_text(CAUSE_UNKNOWN),
                      "this signer is not registered in this group");
    if (member->status == METER_CLOSED)
        return refuse(verdict, cause_text(CAUSE_CLOSED), "the meter is closed in the registry");
    verdict->member = member;
    return 0;
}

static int check_certificate(const struct login_desk *desk, struct login_verdict *verdict,
                             const struct login *login)
{
    struct identity *who = &verdict->who;
    if (identity_from_certificate(who, login->certificate, &verdict->text) < 0) {
        verdict->cause = "certificate";
        return -1;
    }
    if (!login->client_id || !identity_owns_client_id(who, login->client_id))
        return refuse(verdict, "client-id", "the client id is not the certificate's name");
    return who->role == ROLE_METER ? check_meter(desk, verdict) : 0;
}

/* The account of the address, which is all that is known of a stranger. */
static struct account *hold_address(const struct login_desk *desk, const struct login *login)
{
    return account_hold(desk->accounts, login->address ? login->address : "nowhere",
                        clock_mono_ms(desk->clock));
}

static int check_password(struct login_desk *desk, struct login_verdict *verdict,
                          const struct login *login, struct account *address)
{
    uint64_t now_ms = clock_mono_ms(desk->clock);
    if (account_is_shut(address, now_ms))
        return refuse(verdict, "shut-out", "too many failed logins from this address");
    if (!bucket_take(&desk->passwords, PASSWORDS_PER_S, PASSWORDS_BURST, 1, now_ms))
        return refuse(verdict, cause_text(CAUSE_RATE), "too many logins by password");
    if (staff_check(desk->staff, login->username, login->password))
        return 0;
    account_failed_login(desk->accounts, address, now_ms);
    return refuse(verdict, "password", "no such name or another password");
}

static int check_staff(struct login_desk *desk, struct login_verdict *verdict,
                       const struct login *login)
{
    if (identity_for_staff(&verdict->who, login->username) < 0)
        return refuse(verdict, "password", "no such name or another password");
    /* Certificates own the plain names: NAME alone could be a meter's session. */
    if (!login->client_id || !strchr(login->client_id, '~') ||
        !identity_owns_client_id(&verdict->who, login->client_id))
        return refuse(verdict, "client-id", "the client id of staff is NAME~ANYTHING");
    struct account *address = hold_address(desk, login);
    int result = check_password(desk, verdict, login, address);
    account_release(desk->accounts, address, clock_mono_ms(desk->clock));
    return result;
}

static int check(struct login_desk *desk, struct login_verdict *verdict, const struct login *login)
{
    if (login->certificate)
        return check_certificate(desk, verdict, login);
    if (desk->staff && login->username && login->password)
        return check_staff(desk, verdict, login);
    return refuse(verdict, "certificate", "no client certificate");
}

void login_check(struct login_desk *desk, struct login_verdict *ret_verdict,
                 const struct login *login)
{
    char username[IDENTITY_USERNAME];
    uint64_t now_ms = clock_mono_ms(desk->clock);
    *ret_verdict = (struct login_verdict){0};
    if (check(desk, ret_verdict, login) < 0) {
        ret_verdict->account = hold_address(desk, login);
        return;
    }
    identity_username(username, &ret_verdict->who);
    ret_verdict->account = account_hold(desk->accounts, username, now_ms);
    if (account_is_shut(ret_verdict->account, now_ms))
        refuse(ret_verdict, "shut-out", "shut out for a while after too many refused messages");
}
