#include "chain-bridge/rebuild_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "chain-bridge/chain_rpc.h"
#include "chain-bridge/checks.h"
#include "chain-bridge/rebuild.h"
#include "common/keystore.h"

static void print_lack(void *cookie, const struct sealed_lack *lack)
{
    char root[ETH_HASH_TEXT], hash[ETH_HASH_TEXT];
    (void)cookie;
    printf("{\"meter\":%u,\"number\":%" PRIu64 ",\"batch\":\"%s\",\"tx\":\"%s\",\"block\":%" PRIu64
           ",\"readings\":%" PRIu64 "}\n",
           (unsigned)lack->meter, lack->batch.number, eth_hash_text(root, &lack->batch.root),
           eth_hash_text(hash, &lack->batch.transaction), lack->batch.block, lack->readings);
}

static struct chain *open_chain(const struct config *config, uint64_t chain_id, struct err *err)
{
    struct chain_rpc_config rpc = {.urls = config->rpc,
                                   .ca_file = config->rpc_ca,
                                   .chain_id = chain_id,
                                   .timeout_ms = config->rpc_timeout_ms};
    return chain_rpc_new(&rpc, err);
}

/* By any endpoint: one of another chain shall be told, not passed over. */
static enum bridge_exit check(const struct config *config, struct err *err)
{
    struct checks checks = {.chain = open_chain(config, 0, err),
                            .chain_id = config->chain_id,
                            .contract = config->contract_address};
    if (!checks.chain)
        return BRIDGE_USAGE;
    enum check_result result = checks_identity(&checks, err);
    chain_free(checks.chain);
    if (result == CHECK_OK)
        return BRIDGE_OK;
    return result == CHECK_UNREACHED ? BRIDGE_FAILED : BRIDGE_REFUSED;
}

/* Without any named, the archive that is where the new one will be. */
static const char *files_of(const struct config *config)
{
    if (config->rebuild_from && config->rebuild_from[0])
        return config->rebuild_from;
    return access(config->archive_path, F_OK) == 0 ? config->archive_path : "";
}

static void tell(struct log *log, const struct config *config, const struct rebuild_result *result)
{
    log_info(log,
             "rebuilt store=%s archive=%s reports=%" PRIu64 " repeated=%" PRIu64 " batches=%" PRIu64
             " unproved=%" PRIu64 " lacking_readings=%" PRIu64,
             config->store, config->archive_path, result->reports, result->repeated,
             result->batches, result->unproved, result->chain.lacking);
}

static enum bridge_exit run(const struct config *config, const struct signer *signer,
                            struct chain *chain, const struct clock *clock, struct log *log,
                            struct err *err)
{
    struct eip712 domain;
    struct rebuild_result result;
    struct recoverer *recoverer = recoverer_new();
    eip712_init(&domain, config->chain_id, &config->contract_address);
    struct rebuild_config rebuild = {.chain = chain,
                                     .store = config->store,
                                     .archive = config->archive_path,
                                     .files = files_of(config),
                                     .identity = {.chain_id = config->chain_id,
                                                  .contract = config->contract_address,
                                                  .account = *signer_address(signer)},
                                     .domain = &domain,
                                     .recoverer = recoverer,
                                     .group = (uint16_t)config->group,
                                     .start_block = config->start_block,
                                     .confirmations = config->confirmations,
                                     .clock = clock,
                                     .log = log,
                                     .on_lack = print_lack};
    enum rebuild_end end = rebuild_run(&rebuild, &result, err);
    recoverer_free(recoverer);
    if (end == REBUILD_DONE)
        tell(log, config, &result);
    return end == REBUILD_DONE ? BRIDGE_OK : end == REBUILD_FAILED ? BRIDGE_FAILED : BRIDGE_REFUSED;
}

enum bridge_exit rebuild_command(const struct config *config, const struct clock *clock,
                                 struct log *log, struct err *err)
{
    struct chain *chain = NULL;
    struct signer *signer = keystore_load(config->keystore, config->passphrase_file, err);
    enum bridge_exit code = signer ? check(config, err) : BRIDGE_USAGE;
    if (code == BRIDGE_OK) {
        chain = open_chain(config, config->chain_id, err);
        code = chain ? run(config, signer, chain, clock, log, err) : BRIDGE_USAGE;
    }
    if (code != BRIDGE_OK)
        log_unusual(log, "rebuild: nothing was changed: %s", err->text);
    if (chain)
        chain_free(chain);
    signer_free(signer);
    return code;
}
