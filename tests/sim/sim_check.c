#include "tests/sim/sim.h"

#include "proto/report.h"

#include <inttypes.h>

/* ---- equality as the centrals themselves see it ---- */

/* Every pair that knows each other is connected, equal and has nothing open. */
static bool is_reported_equal(struct sim *sim, const struct sim_host *host, bool is_told)
{
    struct mesh_report report = {.running = true};
    bool is_equal = true;

    replica_report(host->replica, &report, sim_host_now(sim, host));
    for (size_t i = 0; i < report.count; i++) {
        const struct peer_report *peer = &report.peers[i];
        bool is_good = peer->state == PEER_CONNECTED && peer->sync == SYNC_EQUAL &&
                       peer->behind == 0 && peer->ahead == 0 && peer->lag_s == 0;
        if (is_told && !is_good) {
            sim_say(sim, "%s sees %s: %s, %s, behind %" PRIu64 ", ahead %" PRIu64 ", %s",
                    host->id.text, peer->id.text, peer_state_name(peer->state),
                    peer_sync_name(peer->sync), peer->behind, peer->ahead, peer->last_error);
        }
        is_equal = is_equal && (is_good || peer->state == PEER_PENDING);
    }
    mesh_report_free(&report);
    return is_equal;
}

bool sim_check_is_equal(struct sim *sim)
{
    const struct sim_host *first = &sim->hosts[0];

    for (size_t i = 0; i < sim->plan.centrals; i++) {
        const struct sim_host *host = &sim->hosts[i];
        if (!host->is_up || host->has_turn || host->held) {
            return false;
        }
        struct digest mine = store_log_digest(first->store), other = store_log_digest(host->store);
        if (!digest_equal(&mine, &other)) {
            return false;
        }
    }
    for (size_t i = 0; i < sim->plan.centrals; i++) {
        if (!is_reported_equal(sim, &sim->hosts[i], false)) {
            return false;
        }
    }
    return true;
}

void sim_check_why(struct sim *sim)
{
    for (size_t i = 0; i < sim->plan.centrals; i++) {
        const struct sim_host *host = &sim->hosts[i];
        if (!host->is_up) {
            sim_say(sim, "%s is down", host->id.text);
            continue;
        }
        struct digest digest = store_log_digest(host->store);
        char text[33];
        digest_hex(&digest, text);
        sim_say(sim, "%s: %" PRIu64 " events, digest %s", host->id.text,
                store_event_count(host->store), text);
        (void)is_reported_equal(sim, host, true);
    }
}

/* ---- at any moment ---- */

static void check_host(struct sim *sim, const struct sim_host *host, struct sim_dump *dump)
{
    sim_dump_read(sim, host->place, dump);
    struct digest log_digest = store_log_digest(host->store);
    struct digest state_digest = store_state_digest(host->store);
    if (!digest_equal(&log_digest, &dump->log_digest)) {
        sim_fail(sim, "%s: the log digest is not that of its log", host->id.text);
    }
    if (!digest_equal(&state_digest, &dump->state_digest)) {
        sim_fail(sim, "%s: the state digest is not that of its rows", host->id.text);
    }
    if (store_event_count(host->store) != dump->events) {
        sim_fail(sim, "%s counts %" PRIu64 " events and holds %" PRIu64, host->id.text,
                 store_event_count(host->store), dump->events);
    }
    if (sim_dump_number(sim, host->place,
                        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) n FROM history"
                        " WHERE status = 'IN' GROUP BY plate_id)") > 1) {
        sim_fail(sim, "%s: two visits of one plate are open", host->id.text);
    }
}

static void compare(struct sim *sim, const struct sim_dump *a, const struct sim_dump *b)
{
    if (digest_equal(&a->log_digest, &b->log_digest) != (a->log == b->log)) {
        sim_fail(sim, "log digests and logs are not equal together");
    }
    if (a->log == b->log &&
        (a->rows != b->rows || !digest_equal(&a->state_digest, &b->state_digest))) {
        sim_fail(sim, "equal logs, different histories");
    }
}

void sim_check_now(struct sim *sim)
{
    struct sim_dump dumps[SIM_PLACES];

    for (size_t i = 0; i < SIM_PLACES; i++) {
        const struct sim_host *host = &sim->hosts[i];
        if (!host->is_up || sim->disks[i].is_dead || host->store_failed) {
            continue;
        }
        (void)sim_host_now(sim, host);
        check_host(sim, host, &dumps[i]);
        for (size_t k = 0; k < i; k++) {
            if (sim->hosts[k].is_up && !sim->disks[k].is_dead && !sim->hosts[k].store_failed) {
                compare(sim, &dumps[i], &dumps[k]);
            }
        }
    }
}

/* ---- in the end ---- */

/* Whatever some disk kept is everywhere. */
static void check_complete(struct sim *sim)
{
    for (size_t i = 0; i < sim->stream_count; i++) {
        const struct sim_fact_stream *stream = &sim->streams[i];
        uint64_t must = stream->lost_above < stream->count ? stream->lost_above : stream->count;
        for (size_t k = 0; k < sim->plan.centrals; k++) {
            const struct head *head = sim_truth_head(&sim->hosts[k].heads, &stream->id, false);
            if ((head ? head->seq : 0) < must) {
                sim_fail(sim, "%s lacks events of (%s, %" PRIu64 "): %" PRIu64 " of %" PRIu64,
                         sim->hosts[k].id.text, stream->id.node.text, stream->id.epoch,
                         head ? head->seq : 0, must);
            }
        }
    }
}

/* The incremental fold made the same as folding everything again. */
static void check_rebuilt(struct sim *sim, const struct sim_dump *dump)
{
    struct problem problem = {.code = PROBLEM_OK};
    const struct sim_host *host = &sim->hosts[sim_random_below(&sim->random, sim->plan.centrals)];
    struct sim_dump again;
    char path[48];

    sim_disk_copy(&sim->disks[SIM_CENTRALS], &sim->disks[host->place]);
    sim->disks[SIM_CENTRALS].room = SIZE_MAX;
    sim_outside_path(SIM_CENTRALS, path);
    (void)sim_host_now(sim, host);
    const struct store_options options = {.path = path, .node = host->id};
    struct store *store = store_open(&options, &problem);
    if (!store || store_rebuild(store, &problem) != 0) {
        sim_fail(sim, "a copy cannot be rebuilt: %s", problem.text);
    }
    sim_dump_read(sim, SIM_CENTRALS, &again);
    if (again.rows != dump->rows || again.log != dump->log) {
        sim_fail(sim, "folding everything again gives another history");
    }
    sim_twin_check(sim, SIM_CENTRALS, &again);
    store_close(&store);
}

static void note_anomalies(struct sim *sim)
{
    static const struct {
        const char *question;
        enum sim_rare rare;
    } questions[] = {
        {"SELECT count(*) FROM anomaly WHERE code = 'ORPHAN_EXIT'", SIM_RARE_ORPHAN_EXIT},
        {"SELECT count(*) FROM anomaly WHERE code = 'CONFLICT'", SIM_RARE_CONFLICT},
        {"SELECT count(*) FROM history WHERE status = 'SUPERSEDED'", SIM_RARE_SUPERSEDED},
        {"SELECT count(*) FROM event WHERE body IS NULL", SIM_RARE_REDACTED},
        {"SELECT count(*) FROM setting WHERE kind = 12", SIM_RARE_RETIMED},
        {"SELECT count(*) FROM event WHERE kind = 200", SIM_RARE_UNKNOWN_KIND},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (sim_dump_number(sim, 0, questions[i].question) > 0) {
            sim_trace_rare(&sim->trace, questions[i].rare);
        }
    }
}

/* What our faults must not be taken for. */
static void check_alarms(struct sim *sim)
{
    static const enum problem_code never[] = {PROBLEM_CHAIN_MISMATCH, PROBLEM_MESSAGE_INVALID,
                                              PROBLEM_INTERNAL, PROBLEM_MESH_MISMATCH,
                                              PROBLEM_MESH_VERSION};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        if (sim->alarms[never[i]]) {
            sim_fail(sim, "an alarm %s without reason", problem_name(never[i]));
        }
    }
}

void sim_check_end(struct sim *sim)
{
    struct sim_dump dump;

    sim_check_now(sim);
    check_complete(sim);
    check_alarms(sim);
    sim_dump_read(sim, 0, &dump);
    check_rebuilt(sim, &dump);
    note_anomalies(sim);
}
