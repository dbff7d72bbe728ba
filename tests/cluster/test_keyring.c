// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

typedef struct {
    char base[64], hub[96], worker[96]; // two machines' folders
} scene_t;

static int set_up(void **state)
{
    static scene_t s;
    snprintf(s.base, sizeof s.base, "/tmp/keyring-XXXXXX");
    if (mkdtemp(s.base) == NULL)
        return -1;
    snprintf(s.hub, sizeof s.hub, "%s/deep/hub", s.base);
    snprintf(s.worker, sizeof s.worker, "%s/worker", s.base);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    const scene_t *s = *state;
    char *command = mem_format("rm -rf '%s'", s->base);
    int failed = system(command);
    free(command);
    return failed;
}

static const char *path(const char *folder, const char *file)
{
    static char out[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(out[next], sizeof out[next], "%s/%s", folder, file);
    return out[next];
}

static unsigned mode_of(const char *file)
{
    struct stat is;
    assert_int_equal(stat(file, &is), 0);
    return is.st_mode & 07777;
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_made_pair_is_a_pair_and_its_secret_is_private(void **state)
{
    const scene_t *s = *state;
    wire_keys_t keys;
    char public_key[WIRE_KEY_CAP], derived[WIRE_KEY_CAP];
    umask(0);
    assert_int_equal(keyring_make(s->hub, "hub"), OK);
    assert_int_equal(mode_of(s->hub), 0700);
    assert_int_equal(mode_of(path(s->hub, "hub.secret")), 0600);
    assert_int_equal(mode_of(path(s->hub, "hub.public")), 0644);
    assert_int_equal(keyring_own(s->hub, "hub", &keys), OK);
    assert_int_equal(keyring_peer(s->hub, "hub", public_key), OK);
    assert_string_equal(keys.public_key, public_key);
    assert_int_equal(zmq_curve_public(derived, keys.secret_key), 0);
    assert_string_equal(derived, public_key);
    assert_string_not_equal(keys.secret_key, public_key);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    const scene_t *s = *state;
    static const mode_t modes[] = {0640, 0604, 0620, 0644, 0666, 0700, 0400};
    static const bool fine[] = {false, false, false, false, false, true, true};
    wire_keys_t keys;
    assert_int_equal(keyring_make(s->hub, "hub"), OK);
    const char *file = path(s->hub, "hub.secret");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(file, modes[i]), 0);
        err_t err = keyring_own(s->hub, "hub", &keys);
        assert_true(fine[i] ? err == OK : err_is(err, ERR_USAGE));
        if (!fine[i]) {
            char *cure = mem_format("chmod 600 '%s'", file);
            assert_non_null(strstr(err_text(), cure));
            free(cure);
        }
    }
}

static void a_name_is_made_once(void **state)
{
    const scene_t *s = *state;
    wire_keys_t before, after;
    assert_int_equal(keyring_make(s->hub, "hub"), OK);
    assert_int_equal(keyring_own(s->hub, "hub", &before), OK);
    assert_true(err_is(keyring_make(s->hub, "hub"), ERR_FAILED));
    assert_int_equal(keyring_own(s->hub, "hub", &after), OK);
    assert_string_equal(before.secret_key, after.secret_key);
    assert_string_equal(before.public_key, after.public_key);
}

static void names_have_no_path_in_them(void **state)
{
    const scene_t *s = *state;
    char longest[WIRE_NAME_CAP + 1], name[WIRE_NAME_CAP], key[WIRE_KEY_CAP];
    wire_keys_t keys;
    memset(longest, 'n', sizeof longest);
    longest[WIRE_NAME_CAP] = '\0';
    const char *const bad[] = {"",     ".",   "..",        "../hub", "a/b",  "/hub", ".hub",
                               "-hub", "a b", "h\xc3\xbc", "a\n",    "a;rm", "a'",   longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(err_is(keyring_make(s->hub, bad[i]), ERR_USAGE));
        assert_true(err_is(keyring_revoke(s->hub, bad[i]), ERR_USAGE));
        assert_true(err_is(keyring_own(s->hub, bad[i], &keys), ERR_USAGE));
        assert_true(err_is(keyring_peer(s->hub, bad[i], key), ERR_USAGE));
    }
    longest[WIRE_NAME_CAP - 1] = '\0';
    static const char *const good[] = {"hub", "node-17.cluster_b", "9", "A"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(keyring_make(s->hub, good[i]), OK);
    assert_int_equal(keyring_make(s->hub, longest), OK);
    assert_true(err_is(keyring_admit(s->hub, "/etc/passwd", name), ERR_USAGE));
    assert_true(err_is(keyring_admit(s->hub, "/tmp/.public", name), ERR_USAGE));
}

static void files_that_are_no_keys_say_so(void **state)
{
    const scene_t *s = *state;
    char name[WIRE_NAME_CAP], *text;
    wire_keys_t keys;
    assert_int_equal(keyring_make(s->hub, "hub"), OK);
    assert_int_equal(keyring_own(s->hub, "hub", &keys), OK);
    const char *file = path(s->base, "w.public");
    assert_true(err_is(keyring_admit(s->hub, file, name), ERR_MISSING));
    static const char *const bad[] = {
        "", "hello\n", "infermill-public-key short\n",
        "infermill-public-key 0123456789012345678901234567890123456789x\n",
        "infermill-public-key 0123456789\"\"3456789012345678901234567\x01\x02\x03\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(file, bad[i]);
        assert_true(err_is(keyring_admit(s->hub, file, name), ERR_FORMAT));
        assert_non_null(strstr(err_text(), file));
    }
    text = mem_format("infermill-secret-key %s\n", keys.secret_key);
    write_text(file, text);
    assert_true(err_is(keyring_admit(s->hub, file, name), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "secret key"));
    assert_null(strstr(err_text(), keys.secret_key));
    free(text);
}

static void own_keys_need_no_name_where_there_is_one(void **state)
{
    const scene_t *s = *state;
    wire_keys_t keys, same;
    assert_true(err_is(keyring_own(s->hub, NULL, &keys), ERR_MISSING));
    assert_non_null(strstr(err_text(), "infermill keys new"));
    assert_int_equal(keyring_make(s->hub, "a"), OK);
    assert_int_equal(keyring_own(s->hub, NULL, &keys), OK);
    assert_int_equal(keyring_own(s->hub, "a", &same), OK);
    assert_string_equal(keys.secret_key, same.secret_key);
    assert_int_equal(keyring_make(s->hub, "b"), OK);
    assert_true(err_is(keyring_own(s->hub, NULL, &keys), ERR_USAGE));
    assert_true(err_is(keyring_own(s->hub, "c", &keys), ERR_MISSING));
}

static void what_is_admitted_is_listed_and_revoked(void **state)
{
    const scene_t *s = *state;
    char name[WIRE_NAME_CAP], key[WIRE_KEY_CAP];
    keyring_entry_t *all;
    int n;
    assert_int_equal(keyring_list(s->hub, &n, &all), OK);
    assert_int_equal(n, 0);
    assert_int_equal(keyring_make(s->hub, "hub"), OK);
    assert_int_equal(keyring_make(s->worker, "w1"), OK);
    assert_true(err_is(keyring_peer(s->hub, "w1", key), ERR_MISSING));
    assert_int_equal(keyring_admit(s->hub, path(s->worker, "w1.public"), name), OK);
    assert_string_equal(name, "w1");
    assert_int_equal(keyring_admit(s->hub, path(s->worker, "w1.public"), name), OK); // again
    assert_int_equal(keyring_admit(s->hub, path(s->hub, "hub.public"), name), OK);
    assert_int_equal(keyring_list(s->hub, &n, &all), OK);
    assert_int_equal(n, 2);
    assert_string_equal(all[0].name, "hub");
    assert_true(all[0].own && all[0].admitted && !all[1].own && all[1].admitted);
    assert_int_equal(keyring_peer(s->worker, "w1", key), OK);
    assert_string_equal(all[1].public_key, key);
    free(all);
    assert_int_equal(keyring_peer(s->hub, "w1", key), OK);
    assert_int_equal(keyring_revoke(s->hub, "w1"), OK);
    assert_true(err_is(keyring_revoke(s->hub, "w1"), ERR_MISSING));
    assert_int_equal(keyring_list(s->hub, &n, &all), OK);
    assert_int_equal(n, 1);
    free(all);
}

static void a_name_stands_for_one_key_and_a_key_has_one_name(void **state)
{
    const scene_t *s = *state;
    char name[WIRE_NAME_CAP];
    assert_int_equal(keyring_make(s->worker, "w1"), OK);
    assert_int_equal(keyring_admit(s->hub, path(s->worker, "w1.public"), name), OK);
    assert_int_equal(rename(path(s->worker, "w1.public"), path(s->worker, "w2.public")), 0);
    assert_true(err_is(keyring_admit(s->hub, path(s->worker, "w2.public"), name), ERR_FAILED));
    assert_int_equal(keyring_make(s->base, "w1"), OK);
    assert_true(err_is(keyring_admit(s->hub, path(s->base, "w1.public"), name), ERR_FAILED));
    assert_int_equal(keyring_revoke(s->hub, "w1"), OK);
    assert_int_equal(keyring_admit(s->hub, path(s->base, "w1.public"), name), OK);
}

// Each change counts at the next question, however soon it comes.
static void changes_are_seen_at_once(void **state)
{
    const scene_t *s = *state;
    char name[WIRE_NAME_CAP], key[WIRE_KEY_CAP];
    keyring_t *ring;
    assert_int_equal(keyring_make(s->worker, "w1"), OK);
    assert_int_equal(keyring_peer(s->worker, "w1", key), OK);
    assert_int_equal(keyring_open(s->hub, &ring), OK);
    assert_false(keyring_admits(ring, key, name));
    for (int i = 0; i < 50; i++) {
        assert_int_equal(keyring_admit(s->hub, path(s->worker, "w1.public"), name), OK);
        assert_true(keyring_admits(ring, key, name));
        assert_string_equal(name, "w1");
        usleep(i == 40 ? 200000 : 0); // then the folder's time is no longer fresh
        assert_true(keyring_admits(ring, key, name));
        assert_int_equal(keyring_revoke(s->hub, "w1"), OK);
        assert_false(keyring_admits(ring, key, name));
    }
    keyring_close(&ring);
}

static void a_damaged_file_shuts_out_nobody_else(void **state)
{
    const scene_t *s = *state;
    char name[WIRE_NAME_CAP], key[WIRE_KEY_CAP];
    keyring_t *ring;
    keyring_entry_t *all;
    int n;
    assert_int_equal(keyring_make(s->worker, "w1"), OK);
    assert_int_equal(keyring_peer(s->worker, "w1", key), OK);
    assert_int_equal(keyring_admit(s->hub, path(s->worker, "w1.public"), name), OK);
    write_text(path(s->hub, "admitted/w2.public"), "nonsense\n");
    assert_int_equal(keyring_open(s->hub, &ring), OK);
    assert_true(keyring_admits(ring, key, name));
    keyring_close(&ring);
    assert_true(err_is(keyring_list(s->hub, &n, &all), ERR_FORMAT));
    assert_null(all);
}

static void the_folder_is_where_it_was_said_to_be(void **state)
{
    (void)state;
    static const char *const settings[][4] = {// --keys, INFERMILL_KEYS, XDG_CONFIG_HOME, folder
                                              {"/k", "/e", "/x", "/k"},
                                              {NULL, "/e", "/x", "/e"},
                                              {NULL, "", "/x", "/x/infermill/keys"},
                                              {NULL, "", "", "/home/me/.config/infermill/keys"}};
    setenv("HOME", "/home/me", 1);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        setenv("INFERMILL_KEYS", settings[i][1], 1);
        setenv("XDG_CONFIG_HOME", settings[i][2], 1);
        char *folder = keyring_folder(settings[i][0]);
        assert_string_equal(folder, settings[i][3]);
        free(folder);
    }
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HERE(a_made_pair_is_a_pair_and_its_secret_is_private),
        HERE(a_secret_that_others_may_read_is_refused),
        HERE(a_name_is_made_once),
        HERE(names_have_no_path_in_them),
        HERE(files_that_are_no_keys_say_so),
        HERE(own_keys_need_no_name_where_there_is_one),
        HERE(what_is_admitted_is_listed_and_revoked),
        HERE(a_name_stands_for_one_key_and_a_key_has_one_name),
        HERE(changes_are_seen_at_once),
        HERE(a_damaged_file_shuts_out_nobody_else),
        HERE(the_folder_is_where_it_was_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
