#include "api/peer_pages.h"

#include "proto/event.h"
#include "proto/limits.h"

#define STEP_MS (15LL * 60 * 1000)     /* offsets of zones are whole quarters of an hour */
#define LEAST_MS (-12LL * 3600 * 1000) /* the zone furthest west */

void peer_pages_start(struct peer_pages *pages, const struct zone *zone, int64_t since_ms)
{
    *pages = (struct peer_pages){
        .zone = zone, .since_ms = since_ms, .newest_ms = EVENT_NONE, .offset_ms = 0};
}

static enum peer_pages_next ask(struct peer_pages *pages, int64_t offset_ms)
{
    pages->offset_ms = offset_ms;
    pages->since_ms = pages->newest_ms - offset_ms;
    return PEER_PAGES_MORE;
}

static int64_t zone_offset_ms(const struct peer_pages *pages)
{
    return zone_offset(pages->zone, pages->newest_ms) * 1000;
}

/* The same rows again: the question was too early by far, or they are all of one second. */
static enum peer_pages_next ask_later(struct peer_pages *pages, bool is_one_second)
{
    if (!pages->is_zone_wrong && pages->offset_ms > zone_offset_ms(pages)) {
        return ask(pages, zone_offset_ms(pages));
    }
    if (!is_one_second && pages->offset_ms - STEP_MS >= LEAST_MS) {
        pages->is_zone_wrong = true;
        return ask(pages, pages->offset_ms - STEP_MS);
    }
    pages->newest_ms += 1000;
    pages->since_ms += 1000;
    pages->is_passed_over = true;
    return PEER_PAGES_STUCK;
}

/* It does not begin with what is known. */
static bool is_too_late(const struct peer_pages *pages, size_t count, int64_t oldest_ms)
{
    return pages->newest_ms != EVENT_NONE && !pages->is_zone_wrong && !pages->is_passed_over &&
           pages->offset_ms < LIMIT_PEER_BACK_MS && (count == 0 || oldest_ms > pages->newest_ms);
}

enum peer_pages_next peer_pages_take(struct peer_pages *pages, size_t count, int64_t oldest_ms,
                                     int64_t newest_ms)
{
    bool is_first = pages->newest_ms == EVENT_NONE;

    if (is_too_late(pages, count, oldest_ms)) {
        pages->is_zone_wrong = true;
        return ask(pages, LIMIT_PEER_BACK_MS - STEP_MS);
    }
    pages->is_passed_over = false;
    if (count < LIMIT_PEER_ANSWER || newest_ms == EVENT_NONE) {
        return PEER_PAGES_ALL;
    }
    if (!is_first && newest_ms <= pages->newest_ms) {
        return ask_later(pages, oldest_ms == newest_ms);
    }
    pages->newest_ms = newest_ms;
    return ask(pages, is_first ? LIMIT_PEER_BACK_MS : pages->offset_ms);
}
