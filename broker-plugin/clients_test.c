#include "broker-plugin/clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct identity METER = {.role = ROLE_METER, .name = "A"};
static const struct identity STAFF = {.role = ROLE_OPS, .name = "B"};

static void a_client_is_found_by_its_handle_until_it_is_removed(void **state)
{
    (void)state;
    int one;
    int two;
    struct clients *clients = clients_new();
    struct client *client = clients_add(clients, &one, &METER, "A", "127.0.0.1");
    assert_ptr_equal(clients_find(clients, &one), client);
    assert_null(clients_find(clients, &two));
    assert_string_equal(client->id, "A");
    assert_string_equal(client->address, "127.0.0.1");
    clients_remove(clients, client);
    assert_null(clients_find(clients, &one));
    clients_free(clients);
}

static void a_second_client_of_one_id_marks_the_first_replaced(void **state)
{
    (void)state;
    int one;
    int two;
    int three;
    struct clients *clients = clients_new();
    struct client *old = clients_add(clients, &one, &METER, "A", NULL);
    struct client *other = clients_add(clients, &two, &STAFF, "B", NULL);
    struct client *new = clients_add(clients, &three, &METER, "A", NULL);
    assert_true(old->replaced);
    assert_false(other->replaced);
    assert_false(new->replaced);
    clients_remove(clients, old);
    assert_ptr_equal(clients_find(clients, &three), new);
    clients_free(clients);
}

static void clients_are_counted_by_role(void **state)
{
    (void)state;
    int handles[3];
    struct clients *clients = clients_new();
    clients_add(clients, &handles[0], &METER, "A", NULL);
    clients_add(clients, &handles[1], &STAFF, "B", NULL);
    struct client *last = clients_add(clients, &handles[2], &STAFF, "B~2", NULL);
    assert_int_equal(clients_count(clients), 3);
    assert_int_equal(clients_count_role(clients, ROLE_OPS), 2);
    clients_remove(clients, last);
    assert_int_equal(clients_count_role(clients, ROLE_OPS), 1);
    assert_int_equal(clients_count_role(clients, ROLE_METER), 1);
    clients_free(clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_found_by_its_handle_until_it_is_removed),
        cmocka_unit_test(a_second_client_of_one_id_marks_the_first_replaced),
        cmocka_unit_test(clients_are_counted_by_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
