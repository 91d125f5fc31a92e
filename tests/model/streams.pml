/*
 * A model of streams and epochs: can a central ever issue a number again that another one holds?
 *
 * Machines write events, pull them from each other, lose the tail of their disk, and get disks
 * that are older, empty, or copies of another machine's. An event is a number of its own. A stream
 * is (id of the central, epoch); the place of an event is (stream, seq). With TWIN there is a third
 * machine, configured with the id of the first, and as alive as that.
 *
 * What is kept of the program: a write goes to the end of the machine's own stream, in its newest
 * epoch since the start; a pull takes the next event of a stream when the chain before it is the
 * same (an event's number stands for its chain, because it is written once, on top of one prefix);
 * nobody pulls the stream that it is writing itself. What is left out: messages and time. A
 * partition is a pull that does not happen, a crash is a restart, and every fault restarts.
 *
 * EPOCH chooses the design:
 *   1  random, minted by the first write after each start     (ours)
 *   2  none: a stream per central                             (naive)
 *   3  minted once per database, and kept in it               (naive)
 *   4  a counter in the database, raised at each start        (naive)
 *
 * RESUME adds the one fault that no epoch helps against: machine 0 is a virtual machine, and goes on
 * from an old snapshot of disk and memory without noticing. Then one (stream, seq) may get two
 * contents; the chains tell, and the branches are mended: the one with the smaller chain stays, the
 * other is moved under a new epoch of who holds it. A machine that hears that others hold more of
 * the stream it is writing ends that stream. NO_REPAIR and NO_RETIRE leave these out, HEADS_ONLY
 * leaves the chains out of the vectors.
 *
 * Random numbers are modelled as numbers that no disk remembers and that never come twice.
 *
 * At any moment the faults may end. Then everybody pulls until nothing more can be pulled, and the
 * properties are checked (machines 0 and 2 only ever hear of each other through machine 1):
 *   UNIQUE    one content per (stream, seq), at all times and on all disks
 *   HONEST    whenever two vectors of heads were equal, so were the two logs
 *   KEPT      what any machine's disk held when the faults ended is on every disk
 *   EQUAL     all logs are the same
 * Which of them is looked at is the search's choice, so that one search tells all that fail.
 */
#ifndef EPOCH
#define EPOCH 1
#endif
#ifndef WRITES
#define WRITES 3
#endif
#ifndef FAULTS
#define FAULTS 2
#endif

#ifdef TWIN
#define MACHINES 3
#else
#define MACHINES 2
#endif
#define IDS 2
#define ID(m) ((m) % IDS)
#define IMAGE MACHINES /* a copy of a disk, empty at first */
#define DISKS (MACHINES + 1)
#ifdef RESUME
#define EPOCHS (WRITES + 2) /* branches that were moved need some, too */
#else
#define EPOCHS WRITES
#endif
#define STREAMS (IDS * EPOCHS)

#define HEAD(d, s) head[(d) * STREAMS + (s)]
#define EVENT(d, s, n) event[((d) * STREAMS + (s)) * WRITES + (n) - 1]

/* Disks. */
byte head[DISKS * STREAMS];
byte event[DISKS * STREAMS * WRITES];
byte database[DISKS]; /* EPOCH 3: its epoch; EPOCH 4: its counter; 0 = none yet */
byte newest[DISKS];   /* stream + 1 of the last commit, while that may be lost */

/* Memory of the machines. */
byte writing[MACHINES]; /* stream + 1; 0 = nothing written since the start */

byte remembered; /* RESUME: `writing` as it was when the image was taken */

/* What no disk remembers. */
byte minted[IDS];
byte written, faults, copies;

/* What the properties look at. */
bit ever[STREAMS * WRITES];
bit reused, lied;
byte held; /* a bit for each event */

byte i, j, k, s, n, x, epoch;
bit same, found;

inline open_stream(m)
{
#if EPOCH == 1
    assert(minted[ID(m)] < EPOCHS); /* the bound of this model, not a property */
    epoch = minted[ID(m)];
    minted[ID(m)]++;
#elif EPOCH == 2
    epoch = 0;
#elif EPOCH == 3
    if
    :: database[m] == 0 ->
        minted[ID(m)]++;
        database[m] = minted[ID(m)]
    :: else
    fi;
    epoch = database[m] - 1;
#else
    database[m]++;
    epoch = database[m] - 1;
#endif
    writing[m] = ID(m) * EPOCHS + epoch + 1
}

inline write(m)
{
    if
    :: writing[m] == 0 -> open_stream(m)
    :: else
    fi;
    s = writing[m] - 1;
    written++;
    HEAD(m, s)++;
    n = HEAD(m, s);
    EVENT(m, s, n) = written;
    reused = reused || ever[s * WRITES + n - 1];
    ever[s * WRITES + n - 1] = 1;
    newest[m] = s + 1
}

inline restart(m)
{
    writing[m] = 0;
    newest[m] = 0
}

inline lose_tail(m)
{
    s = newest[m] - 1;
    EVENT(m, s, HEAD(m, s)) = 0;
    HEAD(m, s)--;
    restart(m)
}

inline copy(from, to)
{
    for (i : 0 .. STREAMS - 1) {
        HEAD(to, i) = HEAD(from, i);
        for (j : 1 .. WRITES) {
            EVENT(to, i, j) = EVENT(from, i, j)
        }
    }
    database[to] = database[from];
    i = 0;
    j = 0
}

inline take_image(m)
{
    copies++;
    copy(m, IMAGE);
#ifdef RESUME
    remembered = writing[m]
#endif
}

/* As a disk: an older backup, an empty one, another machine's. The machine starts anew. */
inline install(m)
{
    faults++;
    copy(IMAGE, m);
    restart(m)
}

/* As disk and memory of a virtual machine: of its own, and it knows nothing of it. */
inline resume(m)
{
    faults++;
    copy(IMAGE, m);
    restart(m);
    writing[m] = remembered
}

#define PULLS(to, from, t)                                                     \
    (HEAD(from, t) > HEAD(to, t) && writing[to] != (t) + 1 &&                  \
     (HEAD(to, t) == 0 ||                                                      \
      EVENT(from, t, HEAD(to, t)) == EVENT(to, t, HEAD(to, t))))

inline pull(to, from, t)
{
    HEAD(to, t)++;
    EVENT(to, t, HEAD(to, t)) = EVENT(from, t, HEAD(to, t));
    newest[to] = t + 1
}

/* Others hold more of the stream that a machine is writing: it was resumed. It ends the stream. */
#ifdef NO_RETIRE
#define IS_OVERTAKEN(to, from, t) false
#else
#define IS_OVERTAKEN(to, from, t)                                              \
    (writing[to] == (t) + 1 && HEAD(from, t) > HEAD(to, t))
#endif

inline retire(m)
{
#if EPOCH == 1 && !defined(RESUME)
    assert(false) /* without that, it never happens */
#else
    writing[m] = 0
#endif
}

/* The chains differ at the smaller of the two heads, and so from some event on. */
#define LESS(d, e, t) (HEAD(d, t) < HEAD(e, t) -> HEAD(d, t) : HEAD(e, t))
#define FORKS(d, e, t)                                                         \
    (LESS(d, e, t) > 0 &&                                                      \
     EVENT(d, t, LESS(d, e, t)) != EVENT(e, t, LESS(d, e, t)))

/* The branch with the smaller chain stays, the other goes under a new epoch of who holds it. */
inline repair(d, e, t)
{
    for (n : 1 .. WRITES) {
        if
        :: EVENT(d, t, n) != EVENT(e, t, n) -> break
        :: else
        fi
    }
    x = (EVENT(d, t, n) > EVENT(e, t, n) -> d : e);
    writing[x] = 0;
    newest[x] = 0;
    open_stream(x);
    s = writing[x] - 1;
    for (j : n .. HEAD(x, t)) {
        HEAD(x, s)++;
        EVENT(x, s, HEAD(x, s)) = EVENT(x, t, j);
        EVENT(x, t, j) = 0
    }
    HEAD(x, t) = n - 1;
    j = 0;
    x = 0
}

/* Equal vectors, other events? With RESUME a vector has chains beside the heads. */
inline compare(d, e)
{
    same = 1;
    found = 0;
    for (i : 0 .. STREAMS - 1) {
        same = same && HEAD(d, i) == HEAD(e, i);
#if defined(RESUME) && !defined(HEADS_ONLY)
        same = same && !FORKS(d, e, i);
#endif
        for (j : 1 .. WRITES) {
            found = found || EVENT(d, i, j) != EVENT(e, i, j)
        }
    }
    i = 0;
    j = 0
}

inline watch()
{
    compare(0, 1);
    lied = lied || (same && found);
#ifdef TWIN
    compare(0, 2);
    lied = lied || (same && found);
    compare(1, 2);
    lied = lied || (same && found);
#endif
    same = 0;
    found = 0;
    s = 0;
    n = 0;
    epoch = 0
}

inline note_held()
{
    for (k : 0 .. MACHINES - 1) {
        for (i : 0 .. STREAMS - 1) {
            for (j : 1 .. WRITES) {
                if
                :: EVENT(k, i, j) -> held = held | (1 << (EVENT(k, i, j) - 1))
                :: else
                fi
            }
        }
    }
    i = 0;
    j = 0;
    k = 0
}

/* Everything `held` is on disk m: `same`. */
inline has_all(m)
{
    n = 0;
    for (i : 0 .. STREAMS - 1) {
        for (j : 1 .. WRITES) {
            if
            :: EVENT(m, i, j) -> n = n | (1 << (EVENT(m, i, j) - 1))
            :: else
            fi
        }
    }
    same = (n & held) == held;
    i = 0;
    j = 0
}

#define STEP(m)                                                                \
    :: d_step { written < WRITES -> write(m); watch() }                        \
    :: d_step { writing[m] -> restart(m) }                                     \
    :: d_step { faults < FAULTS && newest[m] ->                                \
                faults++; lose_tail(m); watch() }                              \
    :: d_step { copies < FAULTS -> take_image(m) }                             \
    :: d_step { faults < FAULTS -> install(m); watch() }

/* One stream between two machines. */
#if defined(NO_REPAIR) || !defined(RESUME)
#define MEND(to, from, t) :: false -> skip
#else
#define MEND(to, from, t)                                                      \
    :: d_step { FORKS(to, from, t) && minted[0] < EPOCHS - 1 &&                \
                minted[1] < EPOCHS - 1 -> repair(to, from, t); watch(); k = 1 }
#endif
#define MEET(to, from, t)                                                      \
    :: d_step { IS_OVERTAKEN(to, from, t) -> retire(to); k = 1 }               \
    :: d_step { PULLS(to, from, t) -> pull(to, from, t); watch(); k = 1 }      \
    MEND(to, from, t)

init {
    byte stream = 0;

    /* Faults. */
    do
    STEP(0)
    STEP(1)
#ifdef TWIN
    STEP(2)
#endif
#ifdef RESUME
    :: d_step { faults < FAULTS && remembered && (remembered - 1) / EPOCHS == 0 ->
                resume(0); watch() }
#endif
    :: atomic {
        select(stream : 0 .. STREAMS - 1);
        if
        MEET(0, 1, stream)
        MEET(1, 0, stream)
#ifdef TWIN
        MEET(1, 2, stream)
        MEET(2, 1, stream)
#endif
        :: else
        fi;
        stream = 0;
        k = 0
       }
    :: d_step { note_held() } -> break
    od;

    /* The faults have ended: as long as any two have something to do with each other. */
    do
    :: atomic {
        k = 0;
        for (stream : 0 .. STREAMS - 1) {
            if
            MEET(0, 1, stream)
            MEET(1, 0, stream)
#ifdef TWIN
            MEET(1, 2, stream)
            MEET(2, 1, stream)
#endif
            :: else
            fi
        }
        stream = 0;
        if
        :: k
        :: else -> break
        fi
       }
    od;

    if
#ifndef RESUME
    :: assert(!reused) /* UNIQUE */
#endif
    :: assert(!lied) /* HONEST */
    :: d_step { has_all(0); assert(same); has_all(1); assert(same) } /* KEPT */
    :: d_step { compare(0, 1); assert(!found) } /* EQUAL */
#ifdef TWIN
    :: d_step { has_all(2); assert(same) } /* KEPT */
    :: d_step { compare(1, 2); assert(!found) } /* EQUAL */
#endif
    fi
}
