#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "chain-bridge/ctl_logs.h"
#include "common/test_dir.h"

/* A node with one event (MeterClosed of meter 65536 + block) in every third block. */
struct node {
    struct chain chain;
    uint64_t head;
    uint64_t range_max;  /* blocks that it answers at once */
    uint64_t time_out;   /* wider ranges take too long to be answered */
    uint64_t away_from;  /* blocks above which it is not there; 0: it is */
    bool has_tag;        /* `finalized`, eight blocks behind the head */
    uint64_t fork;       /* blocks from here on have other hashes; 0: none */
    unsigned asked;      /* eth_getLogs answered */
    uint64_t first_from; /* of the first of them */
    unsigned waits;
};

static struct node *node_of(struct chain *chain)
{
    return (struct node *)chain;
}

static void block_at(const struct node *node, struct chain_block *ret_block, uint64_t number)
{
    memset(ret_block, 0, sizeof(*ret_block));
    ret_block->number = number;
    memcpy(ret_block->hash.b, &number, sizeof(number));
    ret_block->hash.b[31] = node->fork != 0 && number >= node->fork ? 2 : 1;
}

static enum chain_result get_block(struct chain *chain, struct chain_block *ret_block,
                                   uint64_t number, struct err *err)
{
    struct node *node = node_of(chain);
    (void)err;
    if (number == CHAIN_FINALIZED && !node->has_tag)
        return CHAIN_NONE;
    if (number == CHAIN_FINALIZED)
        number = node->head - 8;
    if (number == CHAIN_LATEST)
        number = node->head;
    if (number > node->head)
        return CHAIN_NONE;
    block_at(node, ret_block, number);
    return CHAIN_OK;
}

static enum chain_result get_logs(struct chain *chain, const struct chain_log_query *query,
                                  chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct node *node = node_of(chain);
    uint64_t range = query->to - query->from + 1;
    assert_true(query->to <= node->head);
    if (node->range_max != 0 && range > node->range_max) {
        err_set(err, "query range is too wide");
        return CHAIN_TOO_MUCH;
    }
    if ((node->time_out != 0 && range > node->time_out) ||
        (node->away_from != 0 && query->to >= node->away_from)) {
        err_set(err, "no answer in time");
        return range > node->time_out && node->time_out != 0 ? CHAIN_UNKNOWN : CHAIN_UNREACHED;
    }
    if (node->asked++ == 0)
        node->first_from = query->from;
    for (uint64_t block = (query->from + 2) / 3 * 3; block <= query->to; block += 3) {
        struct chain_log log = {.address = query->address, .block = block, .topic_count = 2};
        uint32_t meter = 65536 + (uint32_t)block;
        ledger_topic(&log.topics[0], LEDGER_METER_CLOSED);
        for (int i = 0; i < 4; i++)
            log.topics[1].b[28 + i] = (uint8_t)(meter >> (24 - 8 * i));
        if (on_log(cookie, &log, err) != 0)
            return CHAIN_UNKNOWN;
    }
    return CHAIN_OK;
}

static bool wait_a_bit(struct chain *chain, uint32_t timeout_ms)
{
    (void)timeout_ms;
    node_of(chain)->waits++;
    return false;
}

static const struct chain_ops OPS = {.block = get_block, .logs = get_logs, .wait = wait_a_bit};

struct bench {
    struct node node;
    struct ctl ctl;
    struct ctl_logs_config config;
    uint64_t seen;
    uint64_t last;
};

static void bench_init(struct bench *bench, const char *cache, uint64_t head)
{
    memset(bench, 0, sizeof(*bench));
    bench->node = (struct node){.chain = {&OPS}, .head = head, .has_tag = true};
    bench->ctl.chain = &bench->node.chain;
    bench->ctl.chain_id = 31337;
    bench->ctl.clock = clock_manual_new(0);
    bench->config = (struct ctl_logs_config){cache, 1024};
}

static int on_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct bench *bench = cookie;
    (void)err;
    assert_int_equal(event->meter, 65536 + log->block);
    assert_true(bench->seen == 0 || log->block > bench->last);
    bench->last = log->block;
    bench->seen++;
    return 0;
}

static int read_all(struct bench *bench, struct err *err)
{
    struct ctl_logs *logs = ctl_logs_open(&bench->ctl, &bench->config, NULL, err);
    bench->seen = 0;
    int result = -1;
    if (logs != NULL)
        result = ctl_logs_each(logs, NULL, 0, on_event, bench, err);
    ctl_logs_close(logs);
    return result;
}

static void expect_all(struct bench *bench)
{
    struct err err = ERR_INIT;
    if (read_all(bench, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(bench->seen,
                     (bench->node.head - (bench->ctl.start_block + 2) / 3 * 3) / 3 + 1);
}

static void end(struct bench *bench)
{
    clock_free(bench->ctl.clock);
}

/* NULL where there is none. */
static char *cache_file(void **state)
{
    struct dirent **entries = NULL;
    char *path = NULL;
    int count = scandir(*state, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (strstr(entries[i]->d_name, ".logs") != NULL)
            path = test_path(*state, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return path;
}

static void forget_cache(void **state)
{
    char *path = cache_file(state);
    if (path != NULL)
        unlink(path);
    free(path);
}

static void a_second_run_asks_only_for_what_is_new(void **state)
{
    struct bench bench;
    forget_cache(state);
    bench_init(&bench, *state, 1000);
    expect_all(&bench);
    bench.node.head = 1010;
    bench.node.asked = 0;
    expect_all(&bench);
    assert_true(bench.node.first_from == 993); /* 992 was final */
    end(&bench);
}

static void without_a_finalized_tag_64_blocks_are_not_kept(void **state)
{
    struct bench bench;
    forget_cache(state);
    bench_init(&bench, *state, 1000);
    bench.node.has_tag = false;
    expect_all(&bench);
    bench.node.asked = 0;
    expect_all(&bench);
    assert_true(bench.node.first_from == 937);
    end(&bench);
}

static void nothing_is_kept_where_nobody_wants_it(void **state)
{
    struct bench bench;
    forget_cache(state);
    bench_init(&bench, "none", 1000);
    expect_all(&bench);
    assert_null(cache_file(state));
    end(&bench);
}

static void ranges_are_halved_until_the_node_answers(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench, "none", 3000);
    bench.node.range_max = 7;
    expect_all(&bench);
    bench.node.range_max = 0;
    bench.node.time_out = 100;
    expect_all(&bench);
    assert_int_equal(bench.node.waits, 0);
    end(&bench);
}

static void a_node_that_stays_away_ends_it_with_words(void **state)
{
    struct bench bench;
    struct err err = ERR_INIT;
    (void)state;
    bench_init(&bench, "none", 100);
    bench.node.away_from = 50;
    assert_int_equal(read_all(&bench, &err), -1);
    assert_non_null(strstr(err.text, "reading events of block"));
    assert_true(bench.node.waits > 3);
    end(&bench);
}

static void a_run_that_was_cut_goes_on_where_it_was(void **state)
{
    struct bench bench;
    struct err err = ERR_INIT;
    forget_cache(state);
    bench_init(&bench, *state, 9000);
    bench.node.range_max = 1000;
    bench.node.away_from = 5000;
    assert_int_equal(read_all(&bench, &err), -1);
    bench.node.away_from = 0;
    bench.node.asked = 0;
    expect_all(&bench);
    assert_in_range(bench.node.first_from, 3000, 5000);
    end(&bench);
}

static void pages_of_another_chain_are_dropped(void **state)
{
    struct bench bench;
    forget_cache(state);
    bench_init(&bench, *state, 5000);
    bench.node.range_max = 1000;
    expect_all(&bench);
    bench.node.fork = 2500;
    bench.node.asked = 0;
    expect_all(&bench);
    assert_in_range(bench.node.first_from, 1, 2500);
    end(&bench);
}

/* Whatever byte of the cache is another, all events come, from the node where need be. */
static void a_damaged_cache_is_read_again(void **state)
{
    struct bench bench;
    forget_cache(state);
    bench_init(&bench, *state, 600);
    bench.node.range_max = 100;
    expect_all(&bench);
    char *path = cache_file(state);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (off_t at = 0; at < info.st_size; at += 97) {
        uint8_t byte;
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        expect_all(&bench);
    }
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    expect_all(&bench);
    free(path);
    end(&bench);
}

static void a_cache_in_use_is_left_alone(void **state)
{
    struct bench bench;
    struct err err = ERR_INIT;
    forget_cache(state);
    bench_init(&bench, *state, 1000);
    struct ctl_logs *first = ctl_logs_open(&bench.ctl, &bench.config, NULL, &err);
    assert_non_null(first);
    expect_all(&bench);
    ctl_logs_close(first);
    end(&bench);
}

static void the_cache_grows_no_further_than_told(void **state)
{
    struct bench bench;
    struct stat info;
    forget_cache(state);
    bench_init(&bench, *state, 60000);
    bench.config.cache_mib = 1;
    bench.node.range_max = 3000;
    expect_all(&bench);
    char *path = cache_file(state);
    assert_int_equal(stat(path, &info), 0);
    assert_in_range(info.st_size, 1 << 20, 3 << 19);
    expect_all(&bench);
    free(path);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_run_asks_only_for_what_is_new),
        cmocka_unit_test(without_a_finalized_tag_64_blocks_are_not_kept),
        cmocka_unit_test(nothing_is_kept_where_nobody_wants_it),
        cmocka_unit_test(ranges_are_halved_until_the_node_answers),
        cmocka_unit_test(a_node_that_stays_away_ends_it_with_words),
        cmocka_unit_test(a_run_that_was_cut_goes_on_where_it_was),
        cmocka_unit_test(pages_of_another_chain_are_dropped),
        cmocka_unit_test(a_damaged_cache_is_read_again),
        cmocka_unit_test(a_cache_in_use_is_left_alone),
        cmocka_unit_test(the_cache_grows_no_further_than_told),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
