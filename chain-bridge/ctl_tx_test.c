/* Against a real anvil and the real contract, where contracts/ has been set up; else skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain-bridge/chain_rpc.h"
#include "chain-bridge/ctl_tx.h"
#include "chain-bridge/ledger.h"
#include "common/eth_tx.h"
#include "common/file.h"
#include "common/hex.h"

#define START_MS 20000

struct fixture {
    pid_t anvil;
    struct clock *clock;
    struct chain *chain;
    struct signer *signer;
    struct ctl ctl;
    struct ctl_shared shared;
    struct buf code; /* creation code with its argument */
};

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static pid_t start_anvil(const char *program, const char *port)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "--port", port, "--silent", "--max-persisted-states", "0",
              "--enable-tx-gas-limit", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static bool load_code(struct buf *code, const char *source)
{
    char path[512];
    struct buf text = BUF_INIT;
    snprintf(path, sizeof(path), "%s/contracts/out/MeterLedger.bin", source);
    bool loaded = file_read(&text, path, 200000, NULL) == 0;
    while (loaded && text.len > 0 && text.data[text.len - 1] <= ' ')
        text.len--;
    loaded = loaded && hex_decode_append(code, 100000, (char *)text.data, text.len, NULL) == 0;
    buf_free(&text);
    return loaded;
}

static void wait_for_chain(struct fixture *f, const char *port)
{
    char url[64];
    uint64_t id = 0;
    uint64_t end_ms = clock_mono_ms(f->clock) + START_MS;
    snprintf(url, sizeof(url), "ws://127.0.0.1:%s", port);
    struct chain_rpc_config config = {.urls = url, .chain_id = 31337, .subscribe = true};
    f->chain = chain_rpc_new(&config, NULL);
    while (chain_id(f->chain, &id, NULL) != CHAIN_OK && clock_mono_ms(f->clock) < end_ms)
        (void)chain_wait(f->chain, 50);
    assert_int_equal(id, 31337);
}

static int set_up(void **state)
{
    const char *source = getenv("AMR_SOURCE_DIR");
    char program[512];
    char port[8];
    uint8_t secret[32];
    struct buf bytes = BUF_INIT;
    struct fixture *f = xcalloc(1, sizeof(*f));
    *state = f;
    snprintf(program, sizeof(program), "%s/contracts/node_modules/.bin/anvil",
             source != NULL ? source : "");
    if (access(program, X_OK) != 0 || !load_code(&f->code, source))
        return 0;
    const char *key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    assert_int_equal(hex_decode_append(&bytes, 32, key, 64, NULL), 0);
    memcpy(secret, bytes.data, 32);
    buf_free(&bytes);
    f->clock = clock_system_new();
    f->signer = signer_new(secret, NULL);
    snprintf(port, sizeof(port), "%u", free_port());
    f->anvil = start_anvil(program, port);
    wait_for_chain(f, port);
    f->ctl =
        (struct ctl){.chain = f->chain, .chain_id = 31337, .signer = f->signer, .clock = f->clock};
    f->shared = (struct ctl_shared){.timeout_s = 30, .raise_s = 15, .max_fee_gwei = 500};
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    chain_free(f->chain);
    signer_free(f->signer);
    clock_free(f->clock);
    buf_free(&f->code);
    if (f->anvil > 0) {
        kill(f->anvil, SIGKILL);
        waitpid(f->anvil, NULL, 0);
    }
    free(f);
    return 0;
}

/* Runs and frees data. */
static int run_data(struct fixture *f, const struct eth_address *to, struct buf *data,
                    struct ctl_tx_result *ret_result, struct err *err)
{
    int result = ctl_tx_run(&f->ctl, &f->shared, ret_result, to, data->data, data->len, err);
    buf_free(data);
    return result;
}

static struct eth_address deploy(struct fixture *f)
{
    struct ctl_tx_result result;
    struct err err = ERR_INIT;
    abi_address(&f->code, signer_address(f->signer));
    if (ctl_tx_run(&f->ctl, &f->shared, &result, NULL, f->code.data, f->code.len, &err) != 0)
        fail_msg("%s", err.text);
    if (ledger_probe(f->chain, &result.receipt.contract, 31337, &err) != CHAIN_OK)
        fail_msg("%s", err.text);
    return result.receipt.contract;
}

struct counted {
    unsigned servers;
    unsigned meters;
};

static int count_event(void *cookie, const struct chain_log *log, struct err *err)
{
    struct counted *counted = cookie;
    struct ledger_event event;
    if (ledger_event_decode(&event, log, err) != 0)
        return -1;
    counted->servers += event.kind == LEDGER_SERVER_ADDED && event.group == 7;
    if (event.kind == LEDGER_METERS_REGISTERED)
        counted->meters += (unsigned)ledger_signer_count(&event);
    return 0;
}

static void the_ledger_answers_over_a_real_node(void **state)
{
    struct fixture *f = *state;
    if (f->chain == NULL)
        skip();
    struct eth_address contract = deploy(f);
    const struct eth_address *admin = signer_address(f->signer);
    struct buf data = BUF_INIT;
    struct ctl_tx_result result;
    struct err err = ERR_INIT;
    struct eth_address signers[3] = {{{1}}, {{2}}, {{3}}};
    ledger_add_server(&data, admin, 7);
    assert_int_equal(run_data(f, &contract, &data, &result, &err), 0);
    ledger_register_meters(&data, 7u << 16 | 1, signers, 3);
    assert_int_equal(run_data(f, &contract, &data, &result, &err), 0);
    ledger_add_server(&data, admin, 7);
    assert_int_equal(run_data(f, &contract, &data, &result, &err), CTL_FAILED);
    assert_non_null(strstr(err.text, "AlreadyListed: listed already 0xf39F"));
    struct chain_log_query query = {.address = contract, .from = 0, .to = result.receipt.block};
    struct counted counted = {0, 0};
    assert_int_equal(chain_logs(f->chain, &query, count_event, &counted, &err), CHAIN_OK);
    assert_int_equal(counted.servers, 1);
    assert_int_equal(counted.meters, 3);
    uint16_t group = 0;
    assert_int_equal(ledger_server_group(f->chain, &contract, &group, admin, CHAIN_LATEST, &err),
                     CHAIN_OK);
    assert_int_equal(group, 7);
    struct reading reading;
    assert_int_equal(
        ledger_latest_reading(f->chain, &contract, &reading, 7u << 16 | 1, admin, &err), CHAIN_OK);
    assert_int_equal(reading.timestamp_s, 0);
    assert_int_equal(ledger_latest_reading(f->chain, &contract, &reading, 1, &signers[0], &err),
                     CHAIN_REFUSED);
    assert_non_null(strstr(err.text, "NotReader"));
    struct ledger_batch batch;
    struct eth_hash root = {{9}};
    assert_int_equal(ledger_batch_info(f->chain, &contract, &batch, 7, &root, CHAIN_LATEST, &err),
                     CHAIN_OK);
    assert_int_equal(batch.number, 0);
}

static void what_is_no_ledger_is_told(void **state)
{
    struct fixture *f = *state;
    if (f->chain == NULL)
        skip();
    struct err err = ERR_INIT;
    struct eth_address nobody = {{7}};
    assert_int_equal(ledger_probe(f->chain, &nobody, 31337, &err), CHAIN_REFUSED);
    assert_non_null(strstr(err.text, "no contract"));
    struct eth_address contract = deploy(f);
    assert_int_equal(ledger_probe(f->chain, &contract, 5, &err), CHAIN_REFUSED);
    assert_non_null(strstr(err.text, "another chain"));
}

static void a_transaction_is_seen_by_hash_and_refused_when_repeated(void **state)
{
    struct fixture *f = *state;
    if (f->chain == NULL)
        skip();
    struct eth_tx plan = {.chain_id = 31337,
                          .max_fee_wei = 4000000000u,
                          .gas_limit = 21000,
                          .max_priority_fee_wei = 1};
    struct buf raw = BUF_INIT;
    struct eth_hash hashes[2] = {{{0}}, {{0}}};
    struct chain_send sent;
    struct chain_receipt receipts[2];
    bool mined = false;
    uint64_t nonce = 1;
    eth_tx_sign(&plan, &raw, &hashes[0], f->signer);
    assert_int_equal(chain_pooled(f->chain, &mined, &hashes[0], NULL), CHAIN_NONE);
    (void)chain_wait(f->chain, 1);
    chain_send(f->chain, &sent, raw.data, raw.len);
    assert_int_equal(sent.kind, CHAIN_SENT);
    assert_true(chain_wait(f->chain, 10000)); /* the new head's announcement */
    assert_int_equal(chain_receipts(f->chain, receipts, hashes, 2, NULL), CHAIN_OK);
    assert_true(receipts[0].found && receipts[0].succeeded);
    assert_false(receipts[1].found);
    assert_int_equal(chain_pooled(f->chain, &mined, &hashes[0], NULL), CHAIN_OK);
    assert_true(mined);
    chain_send(f->chain, &sent, raw.data, raw.len);
    assert_int_equal(sent.kind, CHAIN_SEND_NONCE_LOW);
    assert_int_equal(chain_nonce(f->chain, &nonce, signer_address(f->signer), CHAIN_LATEST, NULL),
                     CHAIN_OK);
    assert_int_equal(nonce, 1);
    buf_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_ledger_answers_over_a_real_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_ledger_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_is_seen_by_hash_and_refused_when_repeated,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
