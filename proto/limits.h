/*
 * Every ceiling of the program, in one place, with its unit and its reason. Nothing that comes
 * from outside is used as a length before it was compared with one of these.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#include <stdint.h>

/* Names */
#define LIMIT_NODE_ID 63       /* bytes; an id must fit a file name and a ZeroMQ routing id */
#define LIMIT_EVENT_ID 200     /* bytes; `<central>_<ms>_<plate>` with room for foreign systems */
#define LIMIT_PLATE 64         /* bytes of plate text; the longest real plate has 12 */
#define LIMIT_PLATE_PART 2     /* bytes; shorter parts of plates are looked for row by row */
#define LIMIT_PLATE_MIN 6      /* characters A-Z0-9 of a usable plate (existing cameras' rule) */
#define LIMIT_TEXT 512         /* bytes of any other text field of an event (names, sources) */
#define LIMIT_JSON_TEXT 8192   /* bytes of JSON text kept inside one event body */
#define LIMIT_ELEMENT_ID 64    /* bytes of the id of an element of a list */
#define LIMIT_ELEMENTS 2000    /* of one list of settings: a PUT of it is one commit */
#define LIMIT_CAPACITY 1000000 /* vehicles of one lot */

/* Events and messages */
#define LIMIT_HEADER_BYTES 256            /* packed header; the real one has under 40 */
#define LIMIT_BODY_BYTES 32768            /* packed body; a settings event is the largest */
#define LIMIT_INTEGER (INT64_C(1) << 61)  /* any integer of an event: sums stay safe */
#define LIMIT_SEQ INT64_MAX               /* seq and hlc; SQLite's integers are signed */
#define LIMIT_SUPERSEDES 64               /* changes that one change may list as seen */
#define LIMIT_MESSAGE_BYTES (1024 * 1024) /* one frame between centrals (ZMQ_MAXMSGSIZE) */
#define LIMIT_RUN_BYTES (256 * 1024)      /* a chunk must pass a 1 Mbit/s line within 2 s */
#define LIMIT_RUN_EVENTS 500              /* a gate waits for at most one such chunk */
#define LIMIT_HEADS_CHANGED 64            /* heads in one HEARTBEAT; more are asked for */
#define LIMIT_VECTOR_PAGE 1024            /* heads or digests in one VECTOR page */
#define LIMIT_SYNC_WANTS 64               /* runs named by one SYNC_REQUEST */
#define LIMIT_OUTSTANDING 2               /* SYNC_REQUESTs under way per peer: the flow control */
#define LIMIT_DEPTH 16                    /* nesting of any msgpack or JSON document */
#define LIMIT_ITEMS 65536                 /* objects in one msgpack document */
#define LIMIT_HEADS 100000                /* streams known; 100 centrals, a start a day, 3 years */

/* The writer */
#define LIMIT_BATCH_COMMANDS 512         /* commands in one commit; as many wait for the next */
#define LIMIT_BATCH_LIVE 512             /* live peer events in one commit */
#define LIMIT_ASK_LOOK_MS 100            /* who waits for an answer looks whether to give up */
#define LIMIT_LINGER_ASKER_US 1000       /* who asks alone looks so long before it sleeps */
#define LIMIT_LINGER_NODE_US 200         /* likewise the node, for one who asks alone */
#define LIMIT_FACTS_QUEUE 256            /* commits that a slow listener may lag; then it resyncs */
#define LIMIT_COMMAND_BYTES (384 * 1024) /* one command between threads: a list sent as a body */

/* Mesh */
#define LIMIT_PEERS 128        /* configured centrals */
#define LIMIT_LINKS 512        /* transport links at once, unknown ones included */
#define LIMIT_PENDING_PEERS 32 /* unconfigured centrals remembered for acceptance */
#define LIMIT_PEER_MARKS 256   /* centrals of the existing system remembered; then the oldest go */
#define LIMIT_PEER_QUEUE 1000  /* messages queued per link (ZMQ_SNDHWM) */
#define LIMIT_CLOCK_AHEAD_MS 60000 /* a peer's clock further ahead does not drag ours */
#define LIMIT_CLOCK_WARN_MS 2000   /* clock difference that raises a warning */
#define LIMIT_READY_WRITER_MS 1000 /* a writer that takes longer is not ready */
#define LIMIT_DISK_LOW_BYTES (256LL * 1024 * 1024) /* less free room is warned of */

/* Repair */
#define LIMIT_SCRUB_STEP_MS 2000 /* between steps of LIMIT_RUN_EVENTS: 21 million events a day */
#define LIMIT_SCRUB_PASS_MS (24LL * 3600 * 1000) /* a log is walked once in so long, or slower */
#define LIMIT_SUSPECTS 16 /* streams waiting to be compared with one peer; more are found later */
#define LIMIT_DAMAGES 64  /* damaged streams worked on; more are found by the next walk */

/* Time of a gate event, relative to the central's clock */
#define LIMIT_DEVICE_LATE_MS (7LL * 24 * 3600 * 1000) /* cameras queue over a long weekend */
#define LIMIT_DEVICE_EARLY_MS 60000
#define LIMIT_DEVICE_CLOCK_MS 2000 /* a box whose heartbeat is further off has a wrong clock */
#define LIMIT_PEOPLE_EARLY_MS (24LL * 3600 * 1000) /* what people say happened is not beyond */
#define LIMIT_RETRY_WINDOW_MS (24LL * 3600 * 1000) /* retries without event_id end then */
#define LIMIT_DUPLICATE_MS 60000 /* a second entry at one central within this: `duplicate` */

/* HTTP */
#define LIMIT_HTTP_THREADS 64        /* workers for plain requests; one per open connection */
#define LIMIT_PROXIES 16             /* addresses of trusted proxies */
#define LIMIT_WS_CLIENTS 256         /* pages; a place is a worker, 16 kB from the start */
#define LIMIT_HTTP_BODY (256 * 1024) /* bytes of one request body */
#define LIMIT_HTTP_BODY_MS 5000      /* a body must be complete by then */
#define LIMIT_REFUSALS 20            /* log lines about one code of refusal in ... */
#define LIMIT_REFUSALS_MS 60000      /* ... so long; the others are counted: the disk is finite */
#define LIMIT_READERS 4              /* read-only database handles lent to requests */
#define LIMIT_READERS_WAIT_MS 2000   /* then 503 with Retry-After */
#define LIMIT_COMMAND_WAIT_MS 10000  /* a request waits this long for the writer, then 503 */
#define LIMIT_WS_EDGES 64            /* camera boxes; their places are not taken by pages */
#define LIMIT_EDGE_INSIDE 2000       /* visits told to a box that has just come, the newest */
#define LIMIT_EDGE_INSIDE_BYTES (1024 * 1024) /* the same as messages */
#define LIMIT_EDGE_BURST 100 /* ENTRYs of one commit; more are told from the database */
#define LIMIT_WS_QUEUE 256   /* messages queued per WebSocket client; then it is cut */
#define LIMIT_WS_QUEUE_BYTES (1024 * 1024) /* the same in bytes */
#define LIMIT_WS_FRAME 65536               /* bytes of one message from a WebSocket client */
#define LIMIT_WS_PING_MS 20000  /* between pings; who is silent from one to the next is cut */
#define LIMIT_WS_CALLER_MS 2000 /* between looks whether its session or token still holds */
#define LIMIT_WS_CLOSE_MS 1000  /* a client may take so long to answer a close frame */
#define LIMIT_NOTICE_MS 100     /* between two notices to one page */
#define LIMIT_PAGE_ROWS 256     /* history rows fetched in one short read transaction */

/* The feed */
#define LIMIT_FEEDS 10000    /* starts remembered; older cursors are not known any more */
#define LIMIT_FEED_KINDS 32  /* kinds that one filter may name */
#define LIMIT_FEED_PAGE 1000 /* events in one answer */
#define LIMIT_FEED_BYTES \
    (512 * 1024)              /* about where an answer ends; one event more may fit behind */
#define LIMIT_FEED_SCAN 20000 /* events looked at in one read transaction, wanted or not */
#define LIMIT_FEED_WAIT_S 30  /* the longest wait of one request for news */
#define LIMIT_WAITERS                                                    \
    16 /* requests that wait at once; each holds a worker, and a quarter \
        * of LIMIT_HTTP_THREADS leaves the others to everybody else */
#define LIMIT_FEED_POSITION_MS 10000 /* between two positions told to a WebSocket client */
#define LIMIT_BUS_TOPICS 64          /* different prefixes that subscribers have at once */
#define LIMIT_BUS_SESSIONS 64        /* replays at once */
#define LIMIT_BUS_QUEUE 10000        /* messages queued per subscriber; then it misses some */
#define LIMIT_BUS_REQUEST 1024       /* bytes of anything that a subscriber sends */
#define LIMIT_BUS_CREDIT 10000       /* events that a subscriber may be sent ahead */
#define LIMIT_BUS_SILENCE_MS 60000   /* a replay whose subscriber says nothing ends */
#define LIMIT_BATCH_ITEMS 1000       /* events in one request; its bytes are LIMIT_HTTP_BODY */
#define LIMIT_RETRY_KEY 128          /* bytes of a name by which a client repeats an event */
#define LIMIT_AFTER_POSITIONS 16     /* positions that one read may wait for */
#define LIMIT_AFTER_MS 5000          /* how long it waits unless it says otherwise */

/* Cameras */
#define LIMIT_CAMERAS 256       /* configured at one central; the largest site known has 40 */
#define LIMIT_CAMERAS_KNOWN 512 /* configured or heard of; then the longest silent one goes */
#define LIMIT_CAMERA_ID ((INT64_C(1) << 53) - 1)    /* browsers compute with doubles */
#define LIMIT_CAMERA_NAME 128                       /* bytes; it stands on a button */
#define LIMIT_CAMERA_FORGET_MS (24LL * 3600 * 1000) /* a silent one that nobody configured */
/* The link to centrals of the existing system */
#define LIMIT_WS_PEERS 32       /* sockets from them: two each for a site of ten, more for flaps */
#define LIMIT_PEER_SOCKETS 4    /* of one central at once; the oldest gives way */
#define LIMIT_PEER_STRANGERS 32 /* centrals without an entry, where ws_peers is open */
#define LIMIT_PEER_FRAME \
    (8 * 1024 * 1024)               /* bytes of a message from them: 5000 rows and to spare */
#define LIMIT_PEER_SAY (256 * 1024) /* bytes of one to them; they drop a link above 1 MiB */
#define LIMIT_PEER_ROWS 50          /* visits told at once: each is a commit there */
#define LIMIT_PEER_ANSWER 5000      /* rows at which they cut an answer */
#define LIMIT_PEER_UNREAD                                                                         \
    40                             /* messages that an answered ping leaves unread: their library \
                                    * holds 32 */
#define LIMIT_PEER_WINDOW 128      /* messages ahead of the last answered ping */
#define LIMIT_PEER_PING_MS 30000   /* between pings to a silent one, and between HEARTBEATs */
#define LIMIT_PEER_PONG_MS 20000   /* then the link is dead: they may be busy for seconds */
#define LIMIT_PEER_REDIAL_MS 10000 /* the longest pause between attempts to dial */
#define LIMIT_PEER_NAMELESS 8      /* sockets that have not said who they are; more get 503 */
#define LIMIT_PEER_LINES \
    6 /* of the log about one of them at once, then one each LIMIT_PEER_LINE_MS */
#define LIMIT_PEER_LINE_MS 60000
#define LIMIT_PEER_IDENTIFY_MS 10000 /* who dialled must have said its name by then */
#define LIMIT_PEER_RATE 500          /* messages a second that one link may bring for long */
#define LIMIT_PEER_BURST 5000        /* messages that it may bring at once */
#define LIMIT_PEER_REASK_MS 60000    /* a SYNC_REQUEST without an answer is repeated then */
#define LIMIT_PEER_BACK_MS (14LL * 3600 * 1000) /* their clocks' texts are wrong by up to this */
#define LIMIT_PEER_FIRST_MS (7LL * 24 * 3600 * 1000) /* told and asked at a first meeting */

/* Calls of ours to other machines over HTTP */
#define LIMIT_CALLS 32             /* at once, of one request: a settings change asks each camera */
#define LIMIT_CALL_CONNECT_MS 3000 /* a machine in the same network answers in one */
#define LIMIT_CALL_MS 5000         /* from start to end; a person waits for it */
#define LIMIT_CALL_BYTES (64 * 1024) /* of an answer that is collected */

/* Accounts of one central */
#define LIMIT_ACCOUNTS 256        /* people of one site, and to spare */
#define LIMIT_TOKENS 256          /* programs that call it */
#define LIMIT_ACCOUNT_NAME 63     /* bytes */
#define LIMIT_PASSWORD_MIN 10     /* bytes of a password that a person chooses */
#define LIMIT_PASSWORD 256        /* bytes; Argon2id reads all of it */
#define LIMIT_ACCOUNT_SESSIONS 16 /* logins of one account at once; the oldest ends */
#define LIMIT_SESSION_IDLE_MS (12LL * 3600 * 1000) /* a shift */
#define LIMIT_SESSION_MS (7LL * 24 * 3600 * 1000)  /* then a new login */
#define LIMIT_SESSION_NOTE_MS (5LL * 60 * 1000)    /* how exactly use is remembered */
#define LIMIT_TOKEN_MS (3650LL * 24 * 3600 * 1000) /* longest life of a token */
#define LIMIT_PASSWORDS_AT_ONCE 2                  /* hashed together: 32 MiB each */
#define LIMIT_PASSWORDS_WAITING 8 /* workers waiting for that; more get 503 at once */
#define LIMIT_THROTTLED 1024      /* accounts, and addresses, whose failed logins are counted */
#define LIMIT_AUDIT_ROWS 100000   /* local changes kept */
#define LIMIT_AUDIT_LOGINS 10000  /* logins kept beside them: a flood of them hides no change */
#define LIMIT_AUDIT_PAGE 500      /* rows of one answer */
#define LIMIT_AUDIT_SCAN 5000     /* rows looked at for one answer; the cursor goes on */
/* Seals of requests between centrals */
#define LIMIT_SEAL_MS 60000   /* between the clocks of both; else a person accepts the request */
#define LIMIT_SEALS_SEEN 256  /* remembered until they are too old to be replayed */
#define LIMIT_ASKING_PEERS 32 /* centrals that ask over HTTP and wait for a person */
#define LIMIT_ASKING_MS (24LL * 3600 * 1000) /* then such a request is forgotten */
#define LIMIT_PROBE_MS 5000                  /* a test of a link waits this long for its answer */
#define LIMIT_CAMERAS_TELL_MS 5000 /* between two lists that differ in counters and times only */
#define LIMIT_CAMERAS_SILENCE_MS 30000 /* a page that says nothing for so long gets a `ping` */
#define LIMIT_STREAMS 8                /* videos relayed at once; each holds a worker */
#define LIMIT_STREAM_QUIET_MS 10000    /* a camera without a picture for so long is gone */
#define LIMIT_OFFER_MS 10000           /* a box sets up its side of a video call */

/* Database */
#define LIMIT_CACHE_KIB 8192                 /* SQLite page cache of the writer */
#define LIMIT_READER_CACHE_KIB 1024          /* of each read-only handle */
#define LIMIT_WAL_BYTES (48LL * 1024 * 1024) /* checkpoint when the WAL has grown by this */
#define LIMIT_WAL_FILE_BYTES 67108864 /* beyond it the file is cut when the WAL begins anew */
#define LIMIT_PLATES_NEW 32768        /* plates waiting for their index; a search reads them */
#define LIMIT_PLATES_STEP 256         /* of them that one commit moves there */
#define LIMIT_COUNT_CELLS 64          /* sums changed by a batch, kept in memory */
#define LIMIT_FOCI 1024        /* visits asked for that the writer remembers, some 3 KiB each */
#define LIMIT_FOCUS_EVENTS 8   /* of one of them, once another is asked for; with more it goes */
#define LIMIT_FOCUS_BYTES 4096 /* likewise, of those events */
#define LIMIT_BUSY_MS 2000     /* wait for a lock held by a foreign program */

/* Configuration file */
#define LIMIT_CONFIG_BYTES (256 * 1024)

#endif
