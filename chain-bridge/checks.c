#include "chain-bridge/checks.h"

#include <string.h>

#include "chain-bridge/ledger.h"
#include "common/keccak.h"

/* What the node answered counts; what it could not be asked does not. */
static enum check_result judge(enum chain_result result)
{
    if (result == CHAIN_OK)
        return CHECK_OK;
    return result == CHAIN_UNREACHED || result == CHAIN_UNKNOWN ? CHECK_UNREACHED
                                                                : CHECK_WRONG_CHAIN;
}

const char *check_cause(enum check_result result)
{
    switch (result) {
    case CHECK_OK:
        return "";
    case CHECK_UNREACHED:
        return "chain-away";
    case CHECK_NOT_LISTED:
        return "server-not-listed";
    case CHECK_EMPTY:
        return "account-empty";
    case CHECK_WRONG_CHAIN:
    default:
        return "chain-wrong";
    }
}

enum check_result checks_identity(const struct checks *checks, struct err *err)
{
    uint64_t id;
    enum check_result result = judge(chain_id(checks->chain, &id, err));
    if (result != CHECK_OK)
        return result;
    if (id != checks->chain_id) {
        err_set(err, "the node's chain id is %llu, not %llu", (unsigned long long)id,
                (unsigned long long)checks->chain_id);
        return CHECK_WRONG_CHAIN;
    }
    return judge(ledger_probe(checks->chain, &checks->contract, checks->chain_id, err));
}

static enum check_result read_pin(const struct checks *checks, struct store_pin *ret_pin,
                                  struct err *err)
{
    struct chain_block genesis;
    struct buf code = BUF_INIT;
    enum check_result result = judge(chain_block(checks->chain, &genesis, 0, err));
    if (result == CHECK_OK)
        result = judge(chain_code(checks->chain, &code, &checks->contract, err));
    if (result == CHECK_OK) {
        ret_pin->genesis = genesis.hash;
        keccak256(&ret_pin->code, code.data, code.len);
    }
    buf_free(&code);
    return result;
}

enum check_result checks_pinned(const struct checks *checks, struct store *store, struct err *err)
{
    struct store_pin pin, now;
    bool found;
    enum check_result result = checks_identity(checks, err);
    if (result != CHECK_OK)
        return result;
    result = read_pin(checks, &now, err);
    if (result != CHECK_OK)
        return CHECK_UNREACHED; /* a node without its first block says nothing */
    if (store_pin_get(store, &pin, &found, err) < 0 ||
        (!found && store_pin_put(store, &now, err) < 0))
        return CHECK_UNREACHED;
    if (!found ||
        (eth_hash_equal(&pin.genesis, &now.genesis) && eth_hash_equal(&pin.code, &now.code)))
        return CHECK_OK;
    err_set(err, "the store was made for another chain: %s differs",
            eth_hash_equal(&pin.code, &now.code) ? "the first block" : "the contract's code");
    return CHECK_WRONG_CHAIN;
}

static enum check_result check_listed(const struct checks *checks, struct err *err)
{
    uint16_t group;
    char account[ETH_ADDRESS_TEXT];
    enum check_result result = judge(ledger_server_group(checks->chain, &checks->contract, &group,
                                                         &checks->account, CHAIN_LATEST, err));
    if (result != CHECK_OK)
        return result;
    eth_address_text(account, &checks->account);
    if (group == checks->group)
        return CHECK_OK;
    if (group == 0)
        err_set(err, "server not listed: the contract does not know %s", account);
    else
        err_set(err, "server of another group: the contract lists %s in group %u, not %u", account,
                (unsigned)group, (unsigned)checks->group);
    return CHECK_NOT_LISTED;
}

enum check_result checks_account(const struct checks *checks, struct chain_balance *ret_balance,
                                 struct err *err)
{
    char account[ETH_ADDRESS_TEXT];
    enum check_result result = check_listed(checks, err);
    if (result != CHECK_OK)
        return result;
    result = judge(chain_balance(checks->chain, ret_balance, &checks->account, err));
    if (result != CHECK_OK || !checks->pays || strcmp(ret_balance->wei, "0") != 0)
        return result;
    err_set(err, "account is empty: %s cannot pay for gas",
            eth_address_text(account, &checks->account));
    return CHECK_EMPTY;
}
