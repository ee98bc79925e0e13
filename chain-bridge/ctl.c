#include "chain-bridge/ctl.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "chain-bridge/chain_rpc.h"
#include "common/keystore.h"

#define PAGE_BLOCKS 100000
#define KINDS_MAX   16

/* OPENING */

static struct chain *connect_chain(const struct ctl_shared *shared, uint64_t id, struct err *err)
{
    struct chain_rpc_config config = {
        .urls = shared->rpc,
        .ca_file = shared->rpc_ca,
        .chain_id = id,
        .subscribe = true,
    };
    return chain_rpc_new(&config, err);
}

/* First asks which chain it is, so that "wrong chain" is told apart from "not there". From then
 * on every node is held to that id. */
static int open_chain(struct ctl *ctl, const struct ctl_shared *shared, struct err *err)
{
    struct chain *chain = connect_chain(shared, 0, err);
    if (chain == NULL)
        return CTL_USAGE;
    enum chain_result result = chain_id(chain, &ctl->chain_id, err);
    chain_free(chain);
    if (result != CHAIN_OK) {
        err_wrap(err, "no node answers (is it running? see --rpc)");
        return CTL_FAILED;
    }
    if (shared->chain_id != 0 && shared->chain_id != ctl->chain_id) {
        err_set(err, "the node serves chain %" PRIu64 ", not chain-id %" PRIu64, ctl->chain_id,
                shared->chain_id);
        return CTL_REFUSED;
    }
    ctl->chain = connect_chain(shared, ctl->chain_id, err);
    return ctl->chain != NULL ? CTL_DONE : CTL_USAGE;
}

static int open_contract(struct ctl *ctl, const struct ctl_shared *shared, struct err *err)
{
    ctl->start_block = shared->start_block;
    if (shared->contract == NULL) {
        err_set(err, "which ledger? give --contract 0x... or --config ledger.conf");
        return CTL_USAGE;
    }
    if (eth_address_parse(&ctl->contract, shared->contract, err) != 0) {
        err_wrap(err, "contract");
        return CTL_USAGE;
    }
    switch (ledger_probe(ctl->chain, &ctl->contract, ctl->chain_id, err)) {
    case CHAIN_OK:
        return CTL_DONE;
    case CHAIN_REFUSED:
        return CTL_REFUSED;
    default:
        return CTL_FAILED;
    }
}

static int open_key(struct ctl *ctl, const struct ctl_shared *shared, struct err *err)
{
    if (shared->keystore == NULL || shared->passphrase_file == NULL) {
        err_set(err, "who sends this? give --keystore FILE and --passphrase-file FILE "
                     "(amrctl key new makes a key)");
        return CTL_USAGE;
    }
    ctl->signer = keystore_load(shared->keystore, shared->passphrase_file, err);
    return ctl->signer != NULL ? CTL_DONE : CTL_USAGE;
}

int ctl_open(struct ctl *ctl, const struct ctl_verb *verb, const struct ctl_shared *shared,
             struct err *err)
{
    int code = CTL_DONE;
    if (verb->needs & CTL_KEY)
        code = open_key(ctl, shared, err);
    if (code == CTL_DONE && verb->needs & (CTL_CHAIN | CTL_CONTRACT))
        code = open_chain(ctl, shared, err);
    if (code == CTL_DONE && verb->needs & CTL_CONTRACT)
        code = open_contract(ctl, shared, err);
    return code;
}

void ctl_close(struct ctl *ctl)
{
    chain_free(ctl->chain);
    signer_free(ctl->signer);
    ctl->chain = NULL;
    ctl->signer = NULL;
}

/* TEXT */

int ctl_meter_parse(uint32_t *ret_meter, const char *text, struct err *err)
{
    const char *slash = strchr(text, '/');
    uint64_t group = 0;
    uint64_t number = 0;
    char head[8];
    if (slash == NULL) {
        if (parse_u64(&number, text, 65536, UINT32_MAX, err) != 0)
            return err_wrap(err, "meter '%.40s' (write 65537 or 1/1)", text);
        *ret_meter = (uint32_t)number;
        return 0;
    }
    snprintf(head, sizeof(head), "%.*s", (int)(slash - text), text);
    if (parse_u64(&group, head, 1, UINT16_MAX, err) != 0 ||
        parse_u64(&number, slash + 1, 0, UINT16_MAX, err) != 0)
        return err_wrap(err, "meter '%.40s' (write 65537 or 1/1)", text);
    *ret_meter = (uint32_t)(group << 16 | number);
    return 0;
}

int ctl_time_parse(uint32_t *ret_unix_s, const char *text, struct err *err)
{
    static const char *const FORMATS[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
                                          "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    uint64_t number = 0;
    if (parse_u64(&number, text, 0, UINT32_MAX, NULL) == 0) {
        *ret_unix_s = (uint32_t)number;
        return 0;
    }
    for (size_t i = 0; i < AMR_COUNT(FORMATS); i++) {
        struct tm broken = {0};
        const char *end = strptime(text, FORMATS[i], &broken);
        time_t seconds = end != NULL && *end == '\0' ? timegm(&broken) : -1;
        if (seconds >= 0 && seconds <= (time_t)UINT32_MAX) {
            *ret_unix_s = (uint32_t)seconds;
            return 0;
        }
    }
    return err_set(err, "time '%.40s' (write 2026-01-02, 2026-01-02T03:04:05Z or Unix seconds)",
                   text);
}

char *ctl_time_text(char text[CTL_TIME_TEXT], uint32_t unix_s)
{
    char full[CLOCK_TEXT];
    if (unix_s == 0)
        return memcpy(text, "-", 2);
    clock_format_ms(full, (uint64_t)unix_s * 1000);
    memcpy(text, full, 19);
    memcpy(text + 19, "Z", 2);
    return text;
}

/* EVENTS */

struct scan {
    ctl_event_fn *on_event;
    void *cookie;
};

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct scan *scan = cookie;
    struct ledger_event event;
    if (ledger_event_decode(&event, log, err) != 0)
        return err_wrap(err, "block %" PRIu64, log->block);
    return scan->on_event(scan->cookie, &event, log, err);
}

int ctl_events(struct ctl *ctl, const enum ledger_event_kind *kinds, size_t count,
               ctl_event_fn *on_event, void *cookie, struct err *err)
{
    struct scan scan = {.on_event = on_event, .cookie = cookie};
    struct eth_hash topics[KINDS_MAX];
    struct chain_block head;
    uint64_t page = PAGE_BLOCKS;
    for (size_t i = 0; i < count; i++)
        ledger_topic(&topics[i], kinds[i]);
    if (chain_block(ctl->chain, &head, CHAIN_LATEST, err) != CHAIN_OK)
        return err_wrap(err, "latest block");
    struct chain_log_query query = {
        .address = ctl->contract,
        .topic0 = topics,
        .topic0_count = count,
        .from = ctl->start_block,
        .to = head.number,
    };
    if (chain_logs_paged(ctl->chain, &query, &page, on_log, &scan, err) != CHAIN_OK)
        return err_wrap(err, "reading the ledger's events");
    return 0;
}
