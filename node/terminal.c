#include "node/terminal.h"

#include "proto/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR 30
#define REDRAW_MS 100

static bool is_dumb(void)
{
    const char *terminal = getenv("TERM");

    return terminal != NULL && strcmp(terminal, "dumb") == 0;
}

static bool is_colored(void)
{
    const char *no = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && !is_dumb();
}

void terminal_print(enum terminal_color color, int width, const char *text)
{
    static const char *const CODES[] = {"32", "33", "31", "1"};

    if (is_colored()) {
        (void)printf("\033[%sm%-*s\033[0m", CODES[color], width, text);
    } else {
        (void)printf("%-*s", width, text);
    }
}

bool terminal_shows_progress(void)
{
    return isatty(STDERR_FILENO) && !is_dumb();
}

void terminal_progress(struct terminal_progress *progress, uint64_t done)
{
    static const char FULL[] = "##############################";
    int64_t now_ms = clock_mono_ms();

    if (!terminal_shows_progress() ||
        (progress->drawn_ms != 0 && now_ms - progress->drawn_ms < REDRAW_MS)) {
        return;
    }
    progress->drawn_ms = now_ms;
    if (progress->all > 0) {
        uint64_t part = done < progress->all ? done : progress->all;
        (void)fprintf(stderr, "\r[%-*.*s] %3d%%  %" PRIu64 " of %" PRIu64 " %s ", BAR,
                      (int)(part * BAR / progress->all), FULL, (int)(part * 100 / progress->all),
                      done, progress->all, progress->what);
    } else {
        (void)fprintf(stderr, "\r%" PRIu64 " %s ", done, progress->what);
    }
    (void)fflush(stderr); /* nothing to be done about it */
}

void terminal_progress_end(const struct terminal_progress *progress)
{
    if (progress->drawn_ms != 0) {
        (void)fprintf(stderr, "\r%78s\r", "");
    }
}
