// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "tests/cluster/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <regex.h>
#include <sys/ioctl.h>

static char said[CHILD_CAP];
static char log_path[] = "test_log-XXXXXX";

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (!found)
        fprintf(stderr, "\"%s\" does not match \"%s\"\n", text, pattern);
    return found;
}

static void speak_on_each_level(void)
{
    log_error("e %d", 1);
    log_warning("w");
    log_info("i");
    log_debug("d");
}

static void rank_0_speaks_down_to_info(void **state)
{
    (void)state;
    assert_int_equal(child_run(speak_on_each_level, said), 0);
    assert_string_equal(said, "error: e 1\nwarning: w\ni\n");
}

static void speak_as_rank_3(void)
{
    log_set(LOG_DEBUG, 3);
    speak_on_each_level();
}

static void other_ranks_say_warnings_with_their_rank(void **state)
{
    (void)state;
    assert_int_equal(child_run(speak_as_rank_3, said), 0);
    assert_string_equal(said, "rank 3: error: e 1\nrank 3: warning: w\n");
}

static void speak_to_file(void)
{
    log_set(LOG_DEBUG, 0);
    if (log_to_file(log_path) != OK)
        _exit(1);
    log_debug("deep");
    if (log_to_file(NULL) != OK)
        _exit(2);
    log_info("only on the terminal");
}

static void the_file_has_the_time_and_the_terminal_has_not(void **state)
{
    (void)state;
    char line[200] = "", more[200];
    assert_int_equal(child_run(speak_to_file, said), 0);
    assert_string_equal(said, "debug: deep\nonly on the terminal\n");
    FILE *file = fopen(log_path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    assert_null(fgets(more, sizeof more, file));
    fclose(file);
    assert_true(
        matches(line, "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}  debug: deep\n$"));
}

static void speak_as_two_ranks(void)
{
    unlink(log_path);
    for (int rank = 0; rank <= 5; rank += 5) {
        log_set(LOG_INFO, rank);
        if (log_to_file(log_path) != OK)
            _exit(1);
        speak_on_each_level();
        log_set(LOG_DEBUG, rank);
        log_debug("deep");
    }
}

static void the_file_is_one_for_all_ranks_and_at_debug_it_has_what_is_not_printed(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "error: e 1",         "warning: w",         "i", "debug: deep", "rank 5: error: e 1",
        "rank 5: warning: w", "rank 5: debug: deep"};
    char line[200];
    assert_int_equal(child_run(speak_as_two_ranks, said), 0);
    assert_string_equal(said, "error: e 1\nwarning: w\ni\ndebug: deep\nrank 5: error: e 1\n"
                              "rank 5: warning: w\n");
    FILE *file = fopen(log_path, "r");
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line + strlen("2026-01-01 00:00:00  "), expected[i]);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void a_level_has_its_word(void **state)
{
    (void)state;
    log_level_t level;
    assert_int_equal(log_level_of("HERE", "error", &level), OK);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_of("HERE", "debug", &level), OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_true(err_is(log_level_of("HERE", "Debug", &level), ERR_USAGE));
    assert_string_equal(err_text(), "HERE: got \"Debug\", expected error, warning, info or debug");
}

static void a_log_file_that_can_not_be_opened_is_an_error(void **state)
{
    (void)state;
    assert_true(err_is(log_to_file("/nowhere/at/all.log"), ERR_IO));
    assert_non_null(strstr(err_text(), "/nowhere/at/all.log"));
}

/* So much work behind it that a pause of the machine changes no digit shown; the last plain line long ago. */
static progress_t worked_long(int64_t first, int64_t total)
{
    progress_t p = progress_start("simulate", "rows", first, total);
    p.started -= 9999.6;
    p.filed -= 11;
    return p;
}

static void show_plain(void)
{
    unsetenv("INFERMILL_TERMINAL");
    progress_t p = worked_long(0, 316908690);
    progress_show(&p, 314300000, "loss 0.31");
    p.filed += 1000;
    progress_show(&p, 315000000, NULL); // less than 10 seconds later: silent
    progress_end(&p, 316908690, NULL);
}

static void without_a_terminal_there_are_plain_lines(void **state)
{
    (void)state;
    assert_int_equal(child_run(show_plain, said), 0);
    assert_string_equal(
        said,
        "simulate  314,300,000 / 316,908,690 rows  99 %  31,400 rows/s  1:23 left  loss 0.31\n"
        "simulate  316,908,690 rows in 2:46:40  31,700 rows/s\n");
}

static void show_resumed(void)
{
    unsetenv("INFERMILL_TERMINAL");
    progress_t p = worked_long(900, 26108);
    progress_show(&p, 25900, NULL);
    progress_t none = worked_long(5, 10);
    progress_show(&none, 5, NULL);
}

static void rows_of_an_earlier_run_do_not_count_in_the_rate(void **state)
{
    (void)state;
    assert_int_equal(child_run(show_resumed, said), 0);
    assert_string_equal(said, "simulate  25,900 / 26,108 rows  99 %  2.5 rows/s  1:23 left\n"
                              "simulate  5 / 10 rows  50 %\n");
}

static void show_slow(void)
{
    unsetenv("INFERMILL_TERMINAL");
    progress_t endless = worked_long(0, 0);
    progress_show(&endless, 50, NULL);
    progress_t slow = worked_long(0, 1000);
    progress_show(&slow, 300, NULL);
    progress_t days = worked_long(0, 1000);
    progress_show(&days, 3, NULL);
}

static void slow_work_is_counted_by_minutes_and_hours(void **state)
{
    (void)state;
    assert_int_equal(child_run(show_slow, said), 0);
    assert_true(matches(said,
                        "^simulate  50 rows  18 rows/h\n"
                        "simulate  300 / 1,000 rows  30 %  1.8 rows/min  6:28:[0-9]+ left\n"
                        "simulate  3 / 1,000 rows  0 %  1.08 rows/h  38 d 11:[0-9]+ left\n$"));
}

static void show_on_terminal(void)
{
    setenv("INFERMILL_TERMINAL", "40", 1);
    progress_t p = progress_start("simulate", "rows", 0, 1000000);
    p.started -= 9999.6;
    progress_show(&p, 314000, "a note that does not fit any more");
    p.shown += 1000;
    progress_show(&p, 314001, NULL); // too early
    p.shown -= 2000;
    progress_show(&p, 400000, NULL);
    log_info("hello");
    p.shown -= 1000;
    progress_show(&p, 500000, NULL);
    progress_end(&p, 1000000, NULL);
}

static void a_terminal_line_is_rewritten_and_cut_to_the_width(void **state)
{
    (void)state;
    assert_int_equal(child_run(show_on_terminal, said), 0);
    assert_string_equal(said, "simulate  314,000 / 1,000,000 rows  31 "
                              "\r\033[Ksimulate  400,000 / 1,000,000 rows  40 "
                              "\r\033[Khello\n"
                              "simulate  500,000 / 1,000,000 rows  50 "
                              "\r\033[Ksimulate  1,000,000 rows in 2:46:40  100 rows/s\n");
}

static void look_at_the_terminal(void)
{
    unsetenv("INFERMILL_TERMINAL");
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        _exit(1);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ioctl(slave, TIOCSWINSZ, &(struct winsize){.ws_row = 20, .ws_col = 57});
    if (progress_start("a", "b", 0, 1).columns != 0)
        _exit(2);
    dup2(slave, STDERR_FILENO);
    _exit(progress_start("a", "b", 0, 1).columns == 57 ? 7 : 3);
}

static void the_width_of_a_terminal_is_found(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(child_run(look_at_the_terminal, said)), 7);
}

static void show_silenced(void)
{
    unsetenv("INFERMILL_TERMINAL");
    log_set(LOG_WARNING, 0);
    progress_t p = worked_long(0, 100);
    progress_show(&p, 50, NULL);
    progress_end(&p, 100, NULL);
}

static void a_quiet_level_silences_progress(void **state)
{
    (void)state;
    assert_int_equal(child_run(show_silenced, said), 0);
    assert_string_equal(said, "");
}

static int make_log_path(void **state)
{
    (void)state;
    int file = mkstemp(log_path);
    return file < 0 ? -1 : close(file);
}

static int remove_log(void **state)
{
    (void)state;
    return unlink(log_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_0_speaks_down_to_info),
        cmocka_unit_test(other_ranks_say_warnings_with_their_rank),
        cmocka_unit_test(the_file_has_the_time_and_the_terminal_has_not),
        cmocka_unit_test(the_file_is_one_for_all_ranks_and_at_debug_it_has_what_is_not_printed),
        cmocka_unit_test(a_level_has_its_word),
        cmocka_unit_test(a_log_file_that_can_not_be_opened_is_an_error),
        cmocka_unit_test(without_a_terminal_there_are_plain_lines),
        cmocka_unit_test(rows_of_an_earlier_run_do_not_count_in_the_rate),
        cmocka_unit_test(slow_work_is_counted_by_minutes_and_hours),
        cmocka_unit_test(a_terminal_line_is_rewritten_and_cut_to_the_width),
        cmocka_unit_test(the_width_of_a_terminal_is_found),
        cmocka_unit_test(a_quiet_level_silences_progress),
    };
    return cmocka_run_group_tests(tests, make_log_path, remove_log);
}
